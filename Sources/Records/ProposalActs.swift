import Ledger

// Acts that take two people: one of leads, deputies and panel proposes, another agrees, and one of the two carries it
// out under the proposal's id. Which acts these are, and for how long somebody is too new to agree, the policy says, and the
// ledger as it stood then.

/// What two people do together, as `policies/access.yaml` names it.
public enum TwoPersonAct: String, Hashable, Sendable, CaseIterable, Codable {
    /// Give somebody the keys of a safeguarding lead.
    case makeLead = "make-lead"
    /// Give somebody the keys of a deputy.
    case makeDeputy = "make-deputy"
    /// Give somebody the keys of a panel member.
    case makePanel = "make-panel"
    /// Give any of these their keys again, after they were made to join again.
    case joinAgain = "join-again"
    /// Make a recovery key, and with it name those who keep its sheets.
    case makeRecoveryKey = "make-recovery-key"
    /// Suspend a safeguarding lead, or let one in again, without another lead.
    case suspendLead = "suspend-lead"

    init(making role: Role) {
        self = role == .dsl ? .makeLead : role == .deputy ? .makeDeputy : .makePanel
    }
}

/// Which acts take two people, as a statement carries it.
public struct TwoPersonRule: Hashable, Sendable {
    /// Which.
    public let acts: Set<TwoPersonAct>
    /// For how many days after they were given their keys somebody is no second person.
    public let newForDays: Int

    /// A rule of both parts.
    public init(acts: Set<TwoPersonAct>, newForDays: Int) {
        self.acts = acts
        self.newForDays = newForDays
    }

    /// The same in milliseconds.
    var newFor: Int64 { Int64(newForDays) * 86_400_000 }

    /// As many days as a policy can ask for.
    public static let days = 1...90

    var encoded: CanonicalValue {
        .object([
            "acts": .array(acts.map(\.rawValue).sorted().map { .string($0) }),
            "new_for_days": .integer(Int64(newForDays)),
        ])
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        let (acts, days): (Set<TwoPersonAct>, UInt64) = (try reader.words("acts"), try reader.size("new_for_days"))
        guard let days = Int(exactly: days), Self.days.contains(days) else { throw .malformed("new_for_days") }
        self.init(acts: acts, newForDays: days)
        try reader.end()
    }
}

/// What is proposed.
public enum Proposed: Hashable, Sendable {
    /// To give somebody the keys that their roles need, after these of their own were compared with them.
    case keys(PersonID, IdentityID)
    /// To make a recovery key of so many shares, whose holders are named in the row.
    case recoveryKey(IdentityID, row: ItemID, threshold: UInt64, shares: UInt64)
    /// To suspend a lead.
    case suspension(PersonID)
    /// To let a suspended lead in again.
    case restoration(PersonID)

    /// Whom it is about.
    public var person: PersonID? {
        switch self {
        case .keys(let person, _), .suspension(let person), .restoration(let person): person
        case .recoveryKey: nil
        }
    }

    private enum Word: String {
        case keys = "give-keys"
        case recoveryKey = "make-recovery-key"
        case suspension = "suspend-lead"
        case restoration = "restore-lead"
    }

    private var word: Word {
        switch self {
        case .keys: .keys
        case .recoveryKey: .recoveryKey
        case .suspension: .suspension
        case .restoration: .restoration
        }
    }

    /// Whether there is no place for both at a time.
    func isLike(_ other: Proposed) -> Bool { word == other.word && person == other.person }

    var encoded: [String: CanonicalValue] {
        var object: [String: CanonicalValue] = ["what": .string(word.rawValue)]
        if let person { object["person"] = .string(person.text) }
        switch self {
        case .keys(_, let identity): object["identity"] = .string(identity.text)
        case .recoveryKey(let identity, let row, let threshold, let shares):
            object["identity"] = .string(identity.text)
            object["row"] = .string(row.text)
            object["threshold"] = .integer(Int64(threshold))
            object["shares"] = .integer(Int64(shares))
        case .suspension, .restoration: break
        }
        return object
    }

    init(reading reader: inout StatementReader) throws(StatementError) {
        switch try reader.word("what") as Word {
        case .keys: self = .keys(try reader.id("person"), try reader.id("identity"))
        case .recoveryKey:
            self = .recoveryKey(
                try reader.id("identity"), row: try reader.id("row"), threshold: try reader.size("threshold"),
                shares: try reader.size("shares"))
        case .suspension: self = .suspension(try reader.id("person"))
        case .restoration: self = .restoration(try reader.id("person"))
        }
    }
}

/// Somebody proposes an act that takes two people.
public struct ProposalAct: Hashable, Sendable {
    /// Which proposal.
    public let proposal: ProposalID
    /// What is proposed.
    public let what: Proposed

    /// A proposal of both parts.
    public init(proposal: ProposalID, what: Proposed) {
        self.proposal = proposal
        self.what = what
    }

    var encoded: [String: CanonicalValue] {
        var object = what.encoded
        object["proposal"] = .string(proposal.text)
        return object
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(proposal: try reader.id("proposal"), what: try Proposed(reading: &reader))
        try reader.end()
    }
}

/// A proposal as the ledger has it now.
public struct ProposalState: Hashable, Sendable {
    /// How it ended.
    public enum End: Hashable, Sendable {
        /// By its proposer, or refused by who could have agreed.
        case withdrawn(by: PersonID)
        /// It was done.
        case carriedOut(by: PersonID)
    }

    /// Which.
    public let id: ProposalID
    /// What is proposed.
    public let what: Proposed
    /// By whom.
    public let proposedBy: PersonID
    /// When.
    public let proposed: Timestamp
    /// The second person, once there is one.
    public internal(set) var agreedBy: PersonID?
    /// When they agreed.
    public internal(set) var agreed: Timestamp?
    /// How it ended.
    public internal(set) var end: End?
    /// When.
    public internal(set) var ended: Timestamp?

    /// For how long a proposal stands, in milliseconds: 7 days.
    public static let longest: Int64 = 7 * 86_400_000

    /// From when on it stands no more.
    public var expires: Timestamp { Timestamp(milliseconds: proposed.milliseconds + Self.longest) }

    /// Whether it is neither over nor ended.
    public func stands(at time: Timestamp) -> Bool { end == nil && time < expires }

    /// The other of the two.
    func other(than person: PersonID) -> PersonID? { person == proposedBy ? agreedBy : proposedBy }
}

/// What all leads, deputies and panel members are told.
public struct Notice: Hashable, Sendable {
    /// What happened.
    public enum Event: Hashable, Sendable {
        /// Somebody of these roles has their keys.
        case made
        /// Somebody of these roles has their keys anew, after they joined again.
        case joinedAgain
        /// There is a new recovery key.
        case recoveryKeyMade
        /// A lead was suspended.
        case leadSuspended
        /// A lead was let in again.
        case leadRestored
    }

    /// What happened.
    public let event: Event
    /// To whom.
    public let person: PersonID?
    /// Who did it.
    public let by: PersonID
    /// The other of the two, where there were two.
    public let with: PersonID?
    /// When.
    public let time: Timestamp
}
