import Foundation
import GRDB
import Ledger
public import Records
import Sealing

// Entries without a file. As with a filing, the statement is the entry, and its details are sealed to the pupil file: who
// makes one and holds no key of the file cannot read it back. What is corrected stays as it was; both show.

/// What somebody holds after making an entry: enough to prove later that it was made, and when.
public struct EntryReceipt: Hashable, Sendable {
    /// The entry.
    public let entry: EntryID
    /// The pupil's reference.
    public let pupilReference: String
    /// When it was recorded.
    public let recorded: Timestamp
    /// Its statement's place in the ledger.
    public let index: UInt64
    /// A signed checkpoint of a ledger that holds it.
    public let checkpoint: String
}

/// What an entry says, as its detail has it.
public struct EntryFacts: Hashable, Sendable {
    /// The entry.
    public let id: EntryID
    /// The pupil's file.
    public let pupilFile: PupilFileID
    /// The place of its statement in the ledger.
    public let index: UInt64
    /// When it was recorded.
    public let recorded: Timestamp
    /// Who made it, by the name they had then.
    public let author: String
    /// What kind it is.
    public let kind: EntryKind
    /// The detail's fields by name, byte for byte as they were given; those without a value are empty.
    public let fields: [String: String]
    /// What it corrects.
    public let corrects: RecordID?
    /// The place in the ledger of what it corrects.
    public let correctsIndex: UInt64?
    /// The follow-up that it asks for.
    public let followUp: FollowUpID?
    /// The follow-up that it says the outcome of.
    public let completes: FollowUpID?

    /// One field's value; empty where there is none.
    public subscript(field: EntryField) -> String { fields[field.rawValue] ?? "" }
    /// The line in the chronology.
    public var summary: String { self[.summary] }
}

/// Something that is to be done, or was.
public struct FollowUp: Hashable, Sendable {
    /// What asks for it.
    public enum Asked: Hashable, Sendable {
        /// An entry.
        case entry(EntryFacts)
        /// A look at what was filed.
        case triage(TriageFacts, TriageOutcome)
    }
    /// Which.
    public let id: FollowUpID
    /// Whose file it is of.
    public let pupil: Pupil
    /// What asks for it.
    public let asked: Asked
    /// Whether its day is over.
    public let isOverdue: Bool

    /// The place in the ledger of what asks for it.
    public var index: UInt64 {
        switch asked {
        case .entry(let entry): entry.index
        case .triage(let triage, _): triage.index
        }
    }
    /// In a line, what asks for it.
    public var summary: String {
        switch asked {
        case .entry(let entry): entry.summary
        case .triage(let triage, _): triage.summary
        }
    }
    /// By which day: `2026-12-18`.
    public var due: String {
        switch asked {
        case .entry(let entry): entry[.followUpDue]
        case .triage(let triage, _): triage.due
        }
    }
    /// What is to be done.
    public var what: String {
        switch asked {
        case .entry(let entry): return entry[.followUp]
        case .triage(let triage, let outcome):
            let title = triage.title(of: outcome)
            return triage.words.map { "\(title): \($0)" } ?? title
        }
    }
    /// What the look at what was filed said that follows; nil where an entry asks for it.
    public var outcome: TriageOutcome? {
        if case .triage(_, let outcome) = asked { outcome } else { nil }
    }
}

extension Vault {
    // MARK: - Making

    /// Makes an entry in a pupil's file. Recorded; durable on return. With an id that this person made an entry of this
    /// file under before, it gives that one's receipt and records nothing: so a form that is sent twice makes one entry.
    ///
    /// Takes what filing takes: who files holds no key to read it back. What corrects something, or says the outcome of a
    /// follow-up, is made by who reads the file.
    /// - Throws: refusals `entry.…` for what is said, named after the field.
    @discardableResult
    public func makeEntry(
        _ details: EntryDetails, for pupilFile: PupilFileID, id: EntryID = .random(), as acting: Acting
    ) throws(VaultError) -> EntryReceipt {
        try rethrowing("entry") {
            _ = try decide(.file(pupilFile), acting)
            guard details.kind != .archive else { throw Refusal.entryIsVaults }
            if details.corrects != nil || details.completes != nil {
                _ = try decide(.readChronology(pupilFile), acting)
            }
            return try filingTurns.run(for: acting.person) {
                if let made = try madeBefore(id, for: pupilFile, acting) { return made }
                let checked = try Records.decide(details, now: clock.now(), timezone: policies.school.timezone)
                try checkOutcome(details, pupilFile, acting)
                var keys: [PupilFileID: FilingKey] = [:]
                let draft = try prepareEntry(id, checked, pupilFile, acting, &keys)
                guard let recorded = try recorder.record([draft], in: pool).first else {
                    throw VaultError.tampered(code: "ledger.nothing-written")
                }
                try remember(keys, acting)
                return try receipt(for: recorded.statement, checkpoint: recorded.checkpoint)
            }
        }
    }

    /// Everything that is wrong with what is said in an entry, in the order of its form; nothing is recorded.
    public func problems(with details: EntryDetails) -> [Refusal] {
        Records.problems(with: details, now: clock.now(), timezone: policies.school.timezone)
    }

    /// The receipt of an entry that this person made.
    public func entryReceipt(_ id: EntryID, as acting: Acting) throws(VaultError) -> EntryReceipt {
        try rethrowing("entry-receipt") {
            guard recorder.authority.allows(.file, acting.person, at: clock.now()) else {
                throw Refusal.notEntitled
            }
            guard let statement = try entryStatement(id, acting), statement.author == .person(acting.person) else {
                throw VaultError.notFound
            }
            return try receipt(for: statement, checkpoint: note(of: statement.index + 1))
        }
    }

    private func madeBefore(_ id: EntryID, for pupilFile: PupilFileID, _ acting: Acting) throws -> EntryReceipt? {
        guard let statement = try entryStatement(id, acting) else {
            let isTaken = try pool.read { db in
                try Bool.fetchOne(db, sql: "SELECT 1 FROM document WHERE id = ?", arguments: [Data(id.bytes)]) == true
            }
            guard !isTaken else { throw VaultError.notFound }
            return nil
        }
        guard statement.author == .person(acting.person), statement.pupilFile == pupilFile else {
            throw VaultError.notFound
        }
        return try receipt(for: statement, checkpoint: note(of: statement.index + 1))
    }

    private func entryStatement(_ id: EntryID, _ acting: Acting) throws -> Statement? {
        try recorder.read(pool) { db, _ in
            try UInt64.fetchIndex(db, sql: "SELECT idx FROM entry WHERE id = ?", arguments: [Data(id.bytes)])
                .map { try recorder.statement($0, db).statement }
        }
    }

    private func note(of size: UInt64) throws -> String {
        try pool.read { db in
            try String.fetchOne(db, sql: "SELECT note FROM checkpoint WHERE size = ?", arguments: [Int64(size)]) ?? ""
        }
    }

    private func receipt(for statement: Statement, checkpoint: String) throws -> EntryReceipt {
        guard case .entryMade(let act) = statement.act,
            let pupil = statement.pupilFile.flatMap({ recorder.authority.pupils[$0] })
        else { throw VaultError.tampered(code: "entry.other-statement") }
        return EntryReceipt(
            entry: act.entry, pupilReference: pupil.reference, recorded: statement.time, index: statement.index,
            checkpoint: checkpoint)
    }

    /// A draft of an entry; keys that it brings are added to those given.
    func prepareEntry(
        _ id: EntryID, _ checked: CheckedEntry, _ pupilFile: PupilFileID, _ acting: Acting,
        _ keys: inout [PupilFileID: FilingKey]
    ) throws -> Draft {
        guard let pupil = recorder.authority.pupils[pupilFile] else { throw Refusal.pupilUnknown }
        let details = checked.details
        let recipient = try pool.read { db in
            try checkNamed(details, in: pupilFile, db)
            return try self.recipient(of: pupil.identity, db)
        }
        let key = try filingKey(for: pupilFile, recipient, acting, &keys)
        let detail = Detail(values: checked.detailValues(madeBy: acting.name), keepsEmpty: true)
        let sealed = try seal(detail, of: id.bytes, in: pupilFile, under: key)
        var items = [sealed] + key.takeFresh()
        var shares: [EntryShare] = []
        let accesses = recorder.authority.wholeAccesses(to: pupilFile, at: clock.now())
        let recipients = try pool.read { db in try accesses.map { try self.recipient(of: $0.identity, db) } }
        for (access, recipient) in zip(accesses, recipients) {
            let (share, item) = try self.share(id, sealed.item.id, under: access.id, key.key, to: recipient)
            shares.append(share)
            items.append(item)
        }
        let act = EntryAct(
            entry: id, detail: sealed.item.id, detailKey: key.item, corrects: details.corrects,
            followUp: details[.followUpDue].isEmpty ? nil : .random(), completes: details.completes, shares: shares)
        return Draft(
            signer: .person(acting), pupilFile: pupilFile, items: items, fields: detail.commitments,
            act: .entryMade(act))
    }

    /// Refuses an entry that names what is not in the file.
    private func checkNamed(_ details: EntryDetails, in pupilFile: PupilFileID, _ db: Database) throws {
        if let corrects = details.corrects {
            guard try index(of: corrects, in: pupilFile, db) != nil else { throw Refusal.entryNamesNothing }
        }
        if let completes = details.completes {
            let found = try Bool.fetchOne(
                db, sql: "SELECT 1 FROM follow_up WHERE id = ? AND pupil_file = ?",
                arguments: [Data(completes.bytes), Data(pupilFile.bytes)])
            guard found == true else { throw Refusal.entryNamesNothing }
        }
    }

    /// Refuses an outcome of a referral that does not say whether the parents were contacted first (F-16).
    private func checkOutcome(_ details: EntryDetails, _ pupilFile: PupilFileID, _ acting: Acting) throws {
        guard let completes = details.completes, details.kind != .waiver else { return }
        guard try followUp(completes, of: pupilFile, as: acting)?.outcome == .socialCare else { return }
        guard details.kind == .action, details[.action] == EntryAction.socialCare.rawValue else {
            throw Refusal.entryOutcomeOfReferral
        }
    }

    /// The place in the ledger of a document or an entry of a pupil file.
    func index(of record: RecordID, in pupilFile: PupilFileID, _ db: Database) throws -> UInt64? {
        let statement = try db.cachedStatement(
            sql: """
                SELECT idx FROM document WHERE id = ?1 AND pupil_file = ?2
                UNION ALL SELECT idx FROM entry WHERE id = ?1 AND pupil_file = ?2
                """)
        return try Row.fetchOne(statement, arguments: [Data(record.bytes), Data(pupilFile.bytes)])?.index("idx")
    }

    // MARK: - Sharing

    /// Seals the key of an entry's row to one more person.
    func share(
        _ entry: EntryID, _ detail: ItemID, under access: AccessID, _ detailKey: borrowing DetailKey,
        to recipient: HybridRecipient
    ) throws -> (EntryShare, SealedItem) {
        let share = EntryShare(access: access, entry: entry, rowKey: .random())
        let rowKey = try SealedRow.key(of: detail.bytes, from: detailKey)
        let wrap = try Wrap.seal(
            rowKey.secretCopy(),
            context: Self.rowKeyContext(recorder.vault, entry.text, under: access, share.rowKey), to: recipient)
        return (share, SealedItem(share.rowKey, .rowKey, wrap))
    }

    /// Shares of every entry that a pupil file has, for somebody who is given access to all of it.
    func sharesOfEntries(
        in pupilFile: PupilFileID, under access: AccessID, to recipient: HybridRecipient, _ acting: Acting,
        _ file: borrowing HybridIdentity, _ db: Database
    ) throws -> [(EntryShare, SealedItem)] {
        try UInt64.fetchIndices(
            db, sql: "SELECT idx FROM entry WHERE pupil_file = ? ORDER BY idx", arguments: [Data(pupilFile.bytes)]
        ).map { index in
            let statement = try recorder.statement(index, db).statement
            guard case .entryMade(let act) = statement.act, statement.pupilFile == pupilFile else {
                throw VaultError.tampered(code: "entry.other-statement")
            }
            let detailKey = try detailKey(act.detailKey, pupilFile, acting, file, db)
            return try share(act.entry, act.detail, under: access, detailKey, to: recipient)
        }
    }

    /// The entries that an access of this person opens, newest first.
    func sharedEntries(under access: AccessState, _ acting: Acting, _ db: Database) throws -> [EntryFacts] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT entry.idx AS idx, entry_share.idx AS shared FROM entry_share
                JOIN entry ON entry.id = entry_share.entry WHERE entry_share.access = ? ORDER BY entry.idx DESC
                """, arguments: [Data(access.id.bytes)])
        return try rows.map { row in
            let statement = try recorder.statement(row.index("idx"), db).statement
            let sharing = try recorder.statement(row.index("shared"), db).statement
            guard case .entryMade(let act) = statement.act, statement.pupilFile == access.pupilFile else {
                throw VaultError.tampered(code: "entry.other-statement")
            }
            let shares: [EntryShare] =
                switch sharing.act {
                case .entryMade(let act): act.shares
                case .accessExtended(_, let entries): entries
                default: []
                }
            guard let share = shares.first(where: { $0.access == access.id && $0.entry == act.entry }),
                let wrap = sharing.items.first(where: { $0.kind == .rowKey && $0.id == share.rowKey }),
                let item = statement.items.first(where: { $0.kind == .detail && $0.id == act.detail })
            else { throw VaultError.tampered(code: "share.other-statement") }
            let key: Key<RowPurpose> = try Key(
                Wrap.open(
                    Self.item(wrap, db), secretCount: 32,
                    context: Self.rowKeyContext(recorder.vault, act.entry.text, under: access.id, share.rowKey),
                    with: acting.keys.identity))
            let plain = try Self.item(item, db).withUnsafeBytes {
                try SealedRow.open(
                    $0, rowKey: key,
                    associatedData: rowContext("detail", access.pupilFile.bytes + act.entry.bytes))
            }
            return try facts(statement, act, row: plain, db)
        }
    }

    // MARK: - Reading

    /// What an entry says, for who holds the pupil file's key.
    func facts(
        _ statement: Statement, _ act: EntryAct, as acting: Acting, file: borrowing HybridIdentity, _ db: Database
    ) throws -> EntryFacts {
        let row = try detailRow(act.detail, of: act.entry.record, under: act.detailKey, statement, acting, file, db)
        return try facts(statement, act, row: row, db)
    }

    private func facts(
        _ statement: Statement, _ act: EntryAct, row: [UInt8], _ db: Database
    ) throws -> EntryFacts {
        let detail = try Detail(parsing: row)
        guard detail.commitments == statement.fields, Set(detail.fields.keys) == Set(EntryField.detailNames) else {
            throw VaultError.tampered(code: "detail.fields")
        }
        let author = try author(of: statement, db)
        guard detail["made_by"] == author, let pupilFile = statement.pupilFile,
            let kind = detail["kind"].flatMap({ EntryKind(rawValue: $0) })
        else { throw VaultError.tampered(code: "detail.uploader") }
        // A document that was moved out of the file is not named in it.
        let corrects = act.corrects.flatMap {
            recorder.authority.moved[$0.shared(as: Kind.Document.self)] == nil ? $0 : nil
        }
        return EntryFacts(
            id: act.entry, pupilFile: pupilFile, index: statement.index, recorded: statement.time, author: author,
            kind: kind, fields: detail.fields.mapValues { String(decoding: $0.value, as: UTF8.self) },
            corrects: corrects, correctsIndex: try corrects.flatMap { try index(of: $0, in: pupilFile, db) },
            followUp: act.followUp, completes: act.completes)
    }

    /// What corrects a document's reference or an entry, and what corrects that, in the order of the ledger.
    func corrections(
        of record: RecordID, _ pupilFile: PupilFileID, _ acting: Acting, _ file: borrowing HybridIdentity,
        _ db: Database
    ) throws -> [EntryFacts] {
        var found: [EntryFacts] = []
        var open = [record]
        while let next = open.popLast() {
            let rows = try Row.fetchAll(
                db.cachedStatement(sql: "SELECT idx FROM entry WHERE corrects = ? AND pupil_file = ? ORDER BY idx"),
                arguments: [Data(next.bytes), Data(pupilFile.bytes)])
            for row in rows {
                let statement = try recorder.statement(row.index("idx"), db).statement
                guard case .entryMade(let act) = statement.act, act.corrects == next else {
                    throw VaultError.tampered(code: "entry.other-statement")
                }
                // One that is damaged stands in its own place, and says so there.
                guard let facts = try? facts(statement, act, as: acting, file: file, db) else { continue }
                found.append(facts)
                open.append(act.entry.record)
            }
        }
        return found.sorted { $0.index < $1.index }
    }

    /// Where a follow-up was said to be done: the place in the ledger of the first entry that does. It opens nothing.
    public func completion(of followUp: FollowUpID, as acting: Acting) throws(VaultError) -> UInt64? {
        try rethrowing("follow-ups") {
            try requireReading(acting)
            return try recorder.read(pool) { db, _ in
                try UInt64.fetchIndex(
                    db, sql: "SELECT idx FROM entry WHERE completes = ? ORDER BY idx LIMIT 1",
                    arguments: [Data(followUp.bytes)])
            }
        }
    }

    // MARK: - Follow-ups

    /// How many follow-ups are asked for and not done, in all files. It opens nothing.
    public func followUpCount(as acting: Acting) throws(VaultError) -> Int {
        try rethrowing("follow-ups") {
            try requireReading(acting)
            return try recorder.read(pool) { db, _ in try openFollowUps(db).count }
        }
    }

    /// Those that are not done, with the place in the ledger of what asks for them.
    private func openFollowUps(_ db: Database) throws -> [(id: FollowUpID, index: UInt64)] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT id, pupil_file, idx FROM follow_up
                WHERE NOT EXISTS (SELECT 1 FROM entry WHERE entry.completes = follow_up.id) ORDER BY idx
                """)
        return try rows.compactMap { row in
            guard let id = FollowUpID(try row.value("id") as Data),
                let file = PupilFileID(try row.value("pupil_file") as Data)
            else { throw VaultError.tampered(code: "catalogue.row") }
            // Of a look at nothing but what was moved out of the file: it goes on with that.
            return recorder.isHidden(try row.index("idx"), about: file) ? nil : (id, try row.index("idx"))
        }
    }

    /// How many of the open ones are overdue, as far as this session has read of them; nil where it has not of all. A day is
    /// sealed: who has not read the follow-ups is not told.
    public func overdueCount(as acting: Acting) throws(VaultError) -> Int? {
        try rethrowing("follow-ups") {
            try requireReading(acting)
            let open = try recorder.read(pool) { db, _ in try openFollowUps(db).map(\.id) }
            let today = SchoolTime(policies.school.timezone).day(of: clock.now())
            let due = acting.memory.with { $0.dueDays }
            guard open.allSatisfy({ due[$0] != nil }) else { return nil }
            return open.count { due[$0] ?? today < today }
        }
    }

    /// The follow-ups that are not done, the first due first. Recorded as reading the chronology of each pupil they are of.
    public func followUps(as acting: Acting) throws(VaultError) -> [FollowUp] {
        try rethrowing("follow-ups") {
            try requireReading(acting)
            let open = try recorder.read(pool) { db, _ in try openFollowUps(db) }
            return try opened(open, acting)
        }
    }

    /// One follow-up of a pupil's file, done or not; nil where there is none of that id. Recorded as reading the chronology.
    public func followUp(
        _ id: FollowUpID, of pupilFile: PupilFileID, as acting: Acting
    ) throws(VaultError) -> FollowUp? {
        try rethrowing("follow-ups") {
            try requireReading(acting)
            let index = try recorder.read(pool) { db, _ in
                try UInt64.fetchIndex(
                    db, sql: "SELECT idx FROM follow_up WHERE id = ? AND pupil_file = ?",
                    arguments: [Data(id.bytes), Data(pupilFile.bytes)])
            }
            guard let index, !recorder.isHidden(index, about: pupilFile) else { return nil }
            return try opened([(id, index)], acting).first
        }
    }

    private func opened(_ open: [(id: FollowUpID, index: UInt64)], _ acting: Acting) throws -> [FollowUp] {
        let found = try recorder.read(pool) { db, _ in
            try open.map { (id: $0.id, statement: try recorder.statement($0.index, db).statement) }
        }
        let files = Set(found.compactMap(\.statement.pupilFile)).sorted()
        for file in files {
            _ = try decide(.readChronology(file), acting)
            try recordChronologyRead(file, acting)
        }
        let today = SchoolTime(policies.school.timezone).day(of: clock.now())
        let all = try recorder.read(pool) { db, _ in
            let register = try registerKey(as: acting, db)
            var all: [FollowUp] = []
            for pupilFile in files {
                guard let state = recorder.authority.pupils[pupilFile] else { throw VaultError.notFound }
                let file = try openFile(pupilFile, acting, db)
                let pupil = try pupil(state, register, db)
                for (id, statement) in found where statement.pupilFile == pupilFile {
                    let asked: FollowUp.Asked
                    switch statement.act {
                    case .entryMade(let act) where act.followUp == id:
                        asked = .entry(try facts(statement, act, as: acting, file: file, db))
                    case .itemsTriaged:
                        let facts = try triageFacts(statement, acting, file, db)
                        guard let one = facts.followUps.first(where: { $0.id == id }) else {
                            throw VaultError.tampered(code: "triage.follows")
                        }
                        asked = .triage(facts, one.outcome)
                    default: throw VaultError.tampered(code: "entry.other-statement")
                    }
                    let one = FollowUp(id: id, pupil: pupil, asked: asked, isOverdue: false)
                    all.append(FollowUp(id: id, pupil: pupil, asked: asked, isOverdue: one.due < today))
                }
            }
            return all.sorted { ($0.due, $0.index) < ($1.due, $1.index) }
        }
        let days = Dictionary(uniqueKeysWithValues: all.map { ($0.id, $0.due) })
        acting.memory.with { $0.dueDays.merge(days) { $1 } }
        return all
    }
}
