import Ledger

// Entries without a file: a telephone call, a meeting, an observation, a child's own words, an action, a decision, and the
// correction of anything recorded. The statement carries ids and digests alone. Which kind it is, is sealed, too: every
// entry commits to the same fields, those without a value as well.

/// An entry made without a file.
public struct EntryAct: Hashable, Sendable {
    /// The entry.
    public let entry: EntryID
    /// The sealed detail.
    public let detail: ItemID
    /// The detail key that opens it.
    public let detailKey: ItemID
    /// The entry, or the document's reference, that it corrects.
    public let corrects: RecordID?
    /// The follow-up that it asks for.
    public let followUp: FollowUpID?
    /// The follow-up that it says the outcome of.
    public let completes: FollowUpID?
    /// What it is shared by, with those who have access to the whole file.
    public let shares: [EntryShare]

    /// An entry of all these parts.
    public init(
        entry: EntryID, detail: ItemID, detailKey: ItemID, corrects: RecordID? = nil, followUp: FollowUpID? = nil,
        completes: FollowUpID? = nil, shares: [EntryShare] = []
    ) {
        self.entry = entry
        self.detail = detail
        self.detailKey = detailKey
        self.corrects = corrects
        self.followUp = followUp
        self.completes = completes
        self.shares = shares
    }

    var encoded: [String: CanonicalValue] {
        var object: [String: CanonicalValue] = [
            "entry": .string(entry.text), "detail": .string(detail.text), "detail_key": .string(detailKey.text),
        ]
        if let corrects { object["corrects"] = .string(corrects.text) }
        if let followUp { object["follow_up"] = .string(followUp.text) }
        if let completes { object["completes"] = .string(completes.text) }
        if !shares.isEmpty { object["shares"] = .array(shares.map(\.encoded)) }
        return object
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(
            entry: try reader.id("entry"), detail: try reader.id("detail"), detailKey: try reader.id("detail_key"),
            corrects: try reader.has("corrects") ? try reader.id("corrects") : nil,
            followUp: try reader.has("follow_up") ? try reader.id("follow_up") : nil,
            completes: try reader.has("completes") ? try reader.id("completes") : nil,
            shares: try reader.has("shares") ? try EntryShare.list(reader.array("shares")) : [])
        try reader.end()
    }
}

/// One entry shared with somebody under an access: it has no payload, so the key of its row is all.
public struct EntryShare: Hashable, Sendable {
    /// The access.
    public let access: AccessID
    /// The entry.
    public let entry: EntryID
    /// The item with the key of its detail's row, sealed to the person.
    public let rowKey: ItemID

    /// A share of all these parts.
    public init(access: AccessID, entry: EntryID, rowKey: ItemID) {
        self.access = access
        self.entry = entry
        self.rowKey = rowKey
    }

    var encoded: CanonicalValue {
        .object([
            "access": .string(access.text), "entry": .string(entry.text), "row_key": .string(rowKey.text),
        ])
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(access: try reader.id("access"), entry: try reader.id("entry"), rowKey: try reader.id("row_key"))
        try reader.end()
    }

    static func list(_ values: [CanonicalValue]) throws(StatementError) -> [EntryShare] {
        var shares: [EntryShare] = []
        for value in values { shares.append(try EntryShare(parsing: value)) }
        return shares
    }
}

extension Authority {
    func checkEntry(_ act: EntryAct, _ statement: Statement) throws(StatementError) {
        guard let pupilFile = statement.pupilFile, pupils[pupilFile] != nil else {
            throw .unlawful("an entry for nobody on the register")
        }
        guard statement.items.contains(where: { $0.kind == .detail && $0.id == act.detail }) else {
            throw .unlawful("an entry without its detail")
        }
        guard detailKeys[act.detailKey] == pupilFile else {
            throw .unlawful("an entry under another pupil's detail key")
        }
        for share in act.shares {
            guard let access = accesses[share.access], access.pupilFile == pupilFile, access.whole,
                access.isActive(at: statement.time), share.entry == act.entry, statement.commits(share)
            else { throw .unlawful("an entry for somebody without access to the file") }
        }
    }
}

extension Statement {
    /// Whether the statement brings the item of a share.
    func commits(_ share: EntryShare) -> Bool {
        items.contains { $0.kind == .rowKey && $0.id == share.rowKey }
    }
}

/// What entries point at, followed from the first statement on: what is corrected, or followed up, stands before it in the
/// same pupil file. `verify` follows it all; who makes an entry looks these up in the catalogue.
public struct EntryLinks: Sendable {
    private var records: [RecordID: PupilFileID] = [:]
    private var followUps: [FollowUpID: PupilFileID] = [:]
    private var triages: [PupilFileID: FileTriage] = [:]
    private var triageIDs: Set<TriageID> = []

    /// Nothing yet.
    public init() {}

    /// Takes the next statement.
    ///
    /// - Throws: `.unlawful` where it points at what is not there, or has an id that something else has.
    public mutating func take(_ statement: Statement) throws(StatementError) {
        guard let pupilFile = statement.pupilFile else { return }
        switch statement.act {
        case .documentFiled(let act):
            try add(act.document.record, pupilFile, statement)
        case .entryMade(let act):
            if let corrects = act.corrects, records[corrects] != pupilFile {
                throw .unlawful("a correction of nothing in this file")
            }
            if let completes = act.completes, followUps[completes] != pupilFile {
                throw .unlawful("the outcome of no follow-up in this file")
            }
            try add(act.entry.record, pupilFile, statement)
            if let followUp = act.followUp { try add(followUp, pupilFile) }
            for share in act.shares where records[share.entry.record] != pupilFile {
                throw .unlawful("a share of no entry of this file")
            }
        case .accessExtended(_, let entries):
            for share in entries where records[share.entry.record] != pupilFile {
                throw .unlawful("a share of no entry of this file")
            }
        case .itemsTriaged(let act):
            guard triageIDs.insert(act.triage).inserted else { throw .unlawful("an id named twice") }
            try triages[pupilFile, default: FileTriage()].take(act, at: statement.index)
            for followUp in act.followUps { try add(followUp, pupilFile) }
        case .documentMoved(let document, _): _ = triages[pupilFile]?.move(document)
        default: break
        }
    }

    private mutating func add(
        _ record: RecordID, _ pupilFile: PupilFileID, _ statement: Statement
    ) throws(StatementError) {
        guard records.updateValue(pupilFile, forKey: record) == nil else { throw .unlawful("an id named twice") }
        triages[pupilFile, default: FileTriage()].add(record, nil, at: statement.index, statement.time, isOwn: true)
    }

    private mutating func add(_ followUp: FollowUpID, _ pupilFile: PupilFileID) throws(StatementError) {
        guard followUps.updateValue(pupilFile, forKey: followUp) == nil else {
            throw .unlawful("a follow-up named twice")
        }
    }
}
