import Ledger

// What was filed or written is looked at by the lead or a deputy, who says what follows (F-15). The statement names the
// records and the follow-ups that it opens, by id; what follows, and why, is sealed, and every field is there each time.

/// Records of a pupil file that somebody looked at, and said what follows.
public struct TriageAct: Hashable, Sendable {
    /// Which.
    public let triage: TriageID
    /// The documents and entries that were looked at, in byte order.
    public let records: [RecordID]
    /// The sealed detail.
    public let detail: ItemID
    /// The detail key that opens it.
    public let detailKey: ItemID
    /// The follow-ups that it opens: one for each thing that follows, in the order of the detail's `follows`.
    public let followUps: [FollowUpID]

    /// The most records of one statement.
    public static let mostRecords = 500

    /// A triage of all these parts.
    public init(
        triage: TriageID, records: [RecordID], detail: ItemID, detailKey: ItemID, followUps: [FollowUpID]
    ) {
        self.triage = triage
        self.records = records
        self.detail = detail
        self.detailKey = detailKey
        self.followUps = followUps
    }

    var encoded: [String: CanonicalValue] {
        [
            "triage": .string(triage.text), "records": .array(records.map { .string($0.text) }),
            "detail": .string(detail.text), "detail_key": .string(detailKey.text),
            "follow_ups": .array(followUps.map { .string($0.text) }),
        ]
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        func ids<Of>(_ values: [CanonicalValue], _ key: String) throws(StatementError) -> [Identifier<Of>] {
            var ids: [Identifier<Of>] = []
            for value in values {
                guard case .string(let text) = value, let id = Identifier<Of>(text: text) else {
                    throw .malformed(key)
                }
                ids.append(id)
            }
            return ids
        }
        var reader = try StatementReader(value)
        let records: [RecordID] = try ids(reader.array("records"), "records")
        guard zip(records, records.dropFirst()).allSatisfy({ $0 < $1 }) else { throw .malformed("records") }
        self.init(
            triage: try reader.id("triage"), records: records, detail: try reader.id("detail"),
            detailKey: try reader.id("detail_key"), followUps: try ids(reader.array("follow_ups"), "follow_ups"))
        try reader.end()
    }
}

extension Role {
    /// Those who look at what was filed and say what follows; what they filed themselves waits for nobody.
    public static let triaging: Set<Role> = [.dsl, .deputy]
}

extension Authority {
    /// Whether somebody has a role that looks at what was filed, whatever they may at the moment.
    public func isTriaging(_ author: Author) -> Bool {
        guard case .person(let id) = author, let person = people[id] else { return false }
        return !person.roles.isDisjoint(with: Role.triaging)
    }

    /// What can be said of a triage without knowing what stands in the pupil file.
    public func checkTriage(_ act: TriageAct, _ statement: Statement) throws(StatementError) {
        guard isTriaging(statement.author) else { throw .unlawful("a triage by neither lead nor deputy") }
        guard let pupilFile = statement.pupilFile, pupils[pupilFile] != nil else {
            throw .unlawful("a triage for nobody on the register")
        }
        guard (1...TriageAct.mostRecords).contains(act.records.count),
            act.followUps.count < TriageOutcome.allCases.count
        else { throw .unlawful("a triage of nothing, or of too much") }
        guard statement.items.contains(where: { $0.kind == .detail && $0.id == act.detail }) else {
            throw .unlawful("a triage without its detail")
        }
        guard detailKeys[act.detailKey] == pupilFile else {
            throw .unlawful("a triage under another pupil's detail key")
        }
    }
}

/// Of one pupil file: which records it has, which of them wait to be looked at, and which documents neither lead nor deputy
/// has opened. Followed from the first statement on.
public struct FileTriage: Sendable {
    /// A record that waits.
    public struct Waiting: Hashable, Sendable {
        /// Its statement's place in the ledger.
        public let index: UInt64
        /// When it was recorded.
        public let recorded: Timestamp
    }
    private var known: Set<RecordID> = []
    /// What waits to be looked at.
    public private(set) var waiting: [RecordID: Waiting] = [:]
    /// The statement in which each record was looked at.
    public private(set) var triaged: [RecordID: UInt64] = [:]
    /// What was filed by others, and opened by neither lead nor deputy.
    public private(set) var unread: [DocumentID: UInt64] = [:]

    /// Nothing yet.
    public init() {}

    /// Takes a record that was filed or written.
    ///
    /// - Parameter isOwn: whether a lead or a deputy did: then it waits for nobody.
    public mutating func add(
        _ record: RecordID, _ document: DocumentID?, at index: UInt64, _ time: Timestamp, isOwn: Bool
    ) {
        known.insert(record)
        guard !isOwn else { return }
        waiting[record] = Waiting(index: index, recorded: time)
        if let document { unread[document] = index }
    }

    /// Whether a record stands in the file.
    public func contains(_ record: RecordID) -> Bool { known.contains(record) }

    /// Takes that a lead or a deputy opened a document.
    public mutating func open(_ document: DocumentID) { unread[document] = nil }

    /// Takes what was looked at.
    ///
    /// - Throws: `.unlawful` where it is not in the file, or was looked at before.
    public mutating func take(_ act: TriageAct, at index: UInt64) throws(StatementError) {
        try check(act)
        for record in act.records {
            triaged[record] = index
            waiting[record] = nil
        }
    }

    /// The same, without taking it.
    public func check(_ act: TriageAct) throws(StatementError) {
        for record in act.records {
            guard known.contains(record) else { throw .unlawful("a triage of nothing in this file") }
            guard triaged[record] == nil else { throw .unlawful("looked at twice") }
        }
    }

    /// Takes that a document was moved out of the file.
    ///
    /// - Returns: the statement in which it was looked at, where that names nothing else that still stands in the file.
    public mutating func move(_ document: DocumentID) -> UInt64? {
        let record = document.record
        known.remove(record)
        waiting[record] = nil
        unread[document] = nil
        guard let index = triaged[record] else { return nil }
        return triaged.contains { $0.value == index && known.contains($0.key) } ? nil : index
    }
}

extension Act {
    /// The document that it files, or the entry that it makes.
    public var record: RecordID? {
        switch self {
        case .documentFiled(let act): act.document.record
        case .entryMade(let act): act.entry.record
        default: nil
        }
    }
}
