import Ledger
public import Sealing

// A vault that was restored from a backup, or whose folder was put back as it was, may lack what was recorded after that. Its
// old history went on somewhere, and may be held by a witness, on a receipt or in another backup. So it never signs under its
// old origin again: a person decides that it goes on, and from that statement on its checkpoints have an origin of their own.
// Nobody who holds a checkpoint of the lost history can then be shown two ledgers of one origin, and the gap is named for ever.

/// A person's decision that a restored vault goes on.
public struct ContinuationAct: Hashable, Sendable {
    /// The end of the history that was lost, where it is known.
    public struct Lost: Hashable, Sendable {
        /// How many statements there were, or more.
        public let size: UInt64
        /// The ledger's RFC 6962 root at that size.
        public let root: Digest

        /// The lost ledger at this size.
        public init(size: UInt64, root: Digest) {
            self.size = size
            self.root = root
        }
    }

    /// What the origin has besides the founding one.
    public let branch: BranchID
    /// The newest checkpoint that is known of what was lost; nil where none is.
    public let lost: Lost?

    /// A decision of these parts.
    public init(branch: BranchID, lost: Lost?) {
        self.branch = branch
        self.lost = lost
    }

    var encoded: [String: CanonicalValue] {
        var encoded: [String: CanonicalValue] = ["branch": .string(branch.text)]
        if let lost {
            encoded["lost_size"] = .integer(Int64(lost.size))
            encoded["lost_root"] = .string(lost.root.base64)
        }
        return encoded
    }

    init(reading reader: inout StatementReader) throws(StatementError) {
        let branch: BranchID = try reader.id("branch")
        let names = (try reader.has("lost_size"), try reader.has("lost_root"))
        guard names.0 || names.1 else {
            self.init(branch: branch, lost: nil)
            return
        }
        self.init(branch: branch, lost: Lost(size: try reader.size("lost_size"), root: try reader.digest("lost_root")))
    }
}

/// Where a restored vault went on.
public struct ContinuationState: Hashable, Sendable {
    /// What was decided.
    public let act: ContinuationAct
    /// The statement's place: how many statements had been restored.
    public let index: UInt64
    /// When.
    public let at: Timestamp
    /// Who decided.
    public let by: PersonID
}

extension Authority {
    /// The origin line of a checkpoint of this size; nil in a ledger that founds nothing.
    public func origin(ofSize size: UInt64) -> String? {
        guard let founding else { return nil }
        guard let branch = continuations.last(where: { $0.index < size })?.act.branch else { return founding.origin }
        return founding.origin(of: branch)
    }

    /// Every origin line that checkpoints of this vault had.
    public var origins: [String] {
        guard let founding else { return [] }
        return [founding.origin] + continuations.map { founding.origin(of: $0.act.branch) }
    }

    mutating func goOn(_ act: ContinuationAct, _ statement: Statement) throws(StatementError) {
        guard case .person(let author) = statement.author,
            !continuations.contains(where: { $0.act.branch == act.branch })
        else { throw .unlawful("a branch that there is already") }
        if let lost = act.lost, lost.size <= statement.index {
            throw .unlawful("nothing was lost after a checkpoint of that size")
        }
        continuations.append(
            ContinuationState(act: act, index: statement.index, at: statement.time, by: author))
    }
}

extension FoundingAct {
    /// The origin line of checkpoints after a restored vault went on as this branch.
    public func origin(of branch: BranchID) -> String { "\(origin)/\(branch.text)" }
}
