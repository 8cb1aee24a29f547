import Ledger
public import Sealing

// A batch of paper goes through two people's hands before anything of it is filed (S-05, S-06): its operator puts the pages
// where they belong and presents that plan to a named second person; that one looks at the pages and says that the plan is
// right, or not; only then the operator files by it. What the plan says lies sealed outside the ledger; each statement names
// it by its digest, so that what was checked is what is filed.

/// Where the paper of a batch is, once it has left its place.
public enum PaperState: String, Hashable, Sendable, CaseIterable {
    /// With whoever scans it.
    case out
    /// Back where it is kept.
    case returned
}

/// A plan of where the pages of a batch belong, put before a second person.
public struct PresentationAct: Hashable, Sendable {
    /// The batch.
    public let batch: BatchID
    /// Who is to check it.
    public let checker: PersonID
    /// SHA-256 of the plan as it lies sealed to the checker.
    public let plan: Digest
    /// How many pages were scanned.
    public let pages: UInt64

    /// A presentation of all these parts.
    public init(batch: BatchID, checker: PersonID, plan: Digest, pages: UInt64) {
        self.batch = batch
        self.checker = checker
        self.plan = plan
        self.pages = pages
    }

    var encoded: [String: CanonicalValue] {
        [
            "batch": .string(batch.text), "checker": .string(checker.text), "plan": .string(plan.base64),
            "pages": .integer(Int64(pages)),
        ]
    }

    init(reading reader: inout StatementReader) throws(StatementError) {
        self.init(
            batch: try reader.id("batch"), checker: try reader.id("checker"), plan: try reader.digest("plan"),
            pages: try reader.size("pages"))
    }
}

/// What the ledger says of the paper of a batch.
public struct PaperBatch: Hashable, Sendable {
    /// The sealed row that says where the paper is and what is expected; the last one counts.
    public internal(set) var row: ItemID
    /// How many sheets were printed for it.
    public internal(set) var sheets: UInt64 = 0
    /// The plan that waits for its checker, or was checked.
    public internal(set) var presented: PresentationAct?
    /// What the checker found wrong, by its digest, where the last plan was doubted.
    public internal(set) var doubt: Digest?
    /// When the checker said that the plan is right; nil until then.
    public internal(set) var checked: Timestamp?
    /// How many pages the checker looked at.
    public internal(set) var looked: UInt64 = 0
    /// When it was sealed.
    public internal(set) var sealed: Timestamp?
    /// The place of the statement that sealed it.
    public internal(set) var sealedAt: UInt64?
    /// Where the paper is; nil while nobody has said that it left its place.
    public internal(set) var paper: PaperState?
    /// The sealed row of its last move.
    public internal(set) var moved: ItemID?
    /// When that was.
    public internal(set) var movedAt: Timestamp?
    /// How it was destroyed; nil where it is kept.
    public internal(set) var destroyed: DestructionState?
}

extension Authority {
    /// Whether somebody may say that a plan is right: who files or reads, as long as they may.
    public func mayCheck(_ person: PersonID, at time: Timestamp) -> Bool {
        stations[person] == nil && (allows(.file, person, at: time) || allows(.read, person, at: time))
    }

    /// Takes what is said of a batch of paper.
    mutating func takeBatch(_ statement: Statement) throws(StatementError) {
        guard case .person(let author) = statement.author else { throw .unlawful("a batch of nobody") }
        switch statement.act {
        case .batchPrepared(let id, let row):
            let batch = try own(id, author)
            guard batch.paper?.presented == nil else { throw .unlawful("a batch prepared while it is checked") }
            guard statement.items.map(\.id) == [row], items[row]?.kind == .batchRow else {
                throw .unlawful("a batch prepared without its row")
            }
            guard batch.paper != nil || statement.index == batch.index + 1 else {
                throw .unlawful("a batch of paper that was opened for something else")
            }
            change(id) { $0 = $0 ?? PaperBatch(row: row) }
            try changePaper(id) { $0.row = row }
        case .sheetsPrinted(let id, let count):
            guard try own(id, author).paper?.presented == nil, count > 0 else {
                throw .unlawful("sheets for a batch that is checked, or none")
            }
            try changePaper(id) { $0.sheets += count }
        case .batchPresented(let act):
            guard try own(act.batch, author).paper?.presented == nil else { throw .unlawful("presented twice") }
            guard act.checker != author, mayCheck(act.checker, at: statement.time) else {
                throw .unlawful("presented to its operator, or to who may not check")
            }
            try changePaper(act.batch) {
                $0.presented = act
                $0.doubt = nil
            }
        case .batchWithdrawn(let id):
            guard try own(id, author).paper?.presented != nil else {
                throw .unlawful("withdrawn without being presented")
            }
            try changePaper(id) {
                $0.presented = nil
                $0.checked = nil
                $0.looked = 0
            }
        case .batchChecked(let id, let plan, let pages):
            let presented = try presented(id, plan, to: author)
            guard pages > 0, pages <= presented.pages else {
                throw .unlawful("more pages checked than there are, or none")
            }
            try changePaper(id) {
                $0.checked = statement.time
                $0.looked = pages
            }
        case .batchDoubted(let id, let plan, let answer):
            _ = try presented(id, plan, to: author)
            try changePaper(id) {
                $0.presented = nil
                $0.doubt = answer
            }
        case .batchSealed(let id, let plan):
            let paper = try own(id, author).paper
            guard let paper, paper.checked != nil, paper.presented?.plan == plan else {
                throw .unlawful("sealed without being checked")
            }
            try changePaper(id) {
                $0.sealed = statement.time
                $0.sealedAt = statement.index
            }
            close(id, of: author, at: statement.time)
        case .paperMoved(let id, let state, let row):
            guard let paper = batches[id]?.paper, paper.destroyed == nil, paper.paper != state,
                state == .out || paper.paper == .out
            else {
                throw .unlawful("paper moved to where it is, or of no batch")
            }
            guard statement.items.map(\.id) == [row], items[row]?.kind == .batchRow else {
                throw .unlawful("paper moved without its row")
            }
            try changePaper(id) {
                $0.paper = state
                $0.moved = row
                $0.movedAt = statement.time
            }
        case .paperDestroyed(let act): try destroyPaper(act, statement)
        case .intakeTaken(_, let id):
            guard try own(id, author).paper?.presented == nil else {
                throw .unlawful("taken into a batch that is checked")
            }
        default: throw .unlawful("nothing of a batch")
        }
    }

    /// What is wrong with filing into a batch; nil for what is in order.
    func objection(toFilingIn id: BatchID, by author: PersonID) -> String? {
        guard let batch = batches[id], batch.closed == nil, batch.operator == author else {
            return "filed in a batch that is another's or closed"
        }
        guard let paper = batch.paper else { return nil }
        return paper.checked == nil ? "filed in a batch of paper before it was checked" : nil
    }

    private func own(_ id: BatchID, _ author: PersonID) throws(StatementError) -> BatchState {
        guard let batch = batches[id], batch.operator == author, batch.closed == nil else {
            throw .unlawful("a batch that is another's, or not open")
        }
        return batch
    }

    private func presented(_ id: BatchID, _ plan: Digest, to author: PersonID) throws(StatementError) -> PresentationAct
    {
        guard let paper = batches[id]?.paper, let presented = paper.presented, presented.checker == author,
            presented.plan == plan, paper.checked == nil
        else { throw .unlawful("checked by another, twice, or by another plan") }
        return presented
    }

    /// Changes what is said of a batch's paper.
    mutating func changePaper(
        _ id: BatchID, _ body: (inout PaperBatch) -> Void
    ) throws(StatementError) {
        guard var paper = batches[id]?.paper else { throw .unlawful("a batch of no paper") }
        body(&paper)
        change(id) { $0 = paper }
    }
}
