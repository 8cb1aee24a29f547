import Foundation
import GRDB
import Ledger
public import Records
import Sealing

// Every new upload or entry waits until the lead or a deputy has looked at it and said what follows (F-15). What waits follows
// from the ledger; to list it is to read each pupil's chronology, and recorded so. To count it opens nothing.

/// What one look at a pupil's records came to.
public struct TriageFacts: Hashable, Sendable {
    /// Which.
    public let id: TriageID
    /// The pupil's file.
    public let pupilFile: PupilFileID
    /// Its statement's place in the ledger.
    public let index: UInt64
    /// When it was recorded.
    public let recorded: Timestamp
    /// Who looked, by the name they had then.
    public let author: String
    /// What follows.
    public let follows: [TriageOutcome]
    /// Whether it is something between children.
    public let isChildOnChild: Bool
    /// The reason, or what is to be done; nil where they may speak of a document that was moved out of the file.
    public let words: String?
    /// By which day, such as `2026-12-18`; empty where nothing follows.
    public let due: String
    /// Of a referral, what was said of the parents beforehand.
    public let parents: EntryParents?
    /// Why they are not contacted first; withheld as the words are.
    public let parentsReason: String
    /// What was looked at and still stands in the file.
    public let records: [RecordID]
    /// The places of these in the ledger, in order.
    public let places: [UInt64]
    /// The follow-ups that it opened.
    public let followUps: [(outcome: TriageOutcome, id: FollowUpID)]

    /// By its statement.
    public static func == (left: TriageFacts, right: TriageFacts) -> Bool { left.index == right.index }
    /// By its statement.
    public func hash(into hasher: inout Hasher) { hasher.combine(index) }

    /// What one follow-up is for, for people.
    public func title(of outcome: TriageOutcome) -> String {
        outcome == .parents && isChildOnChild ? "Contact the parents (child on child)" : outcome.title
    }

    /// In a few words what follows, such as `Talk with the pupil; tell the parents or carers`.
    public var summary: String {
        let titles = follows.map(title).enumerated().map { $0 == 0 ? $1 : $1.prefix(1).lowercased() + $1.dropFirst() }
        return titles.joined(separator: "; ")
    }
}

/// A document or an entry of a list of what there is to look at.
public struct WaitingRecord: Sendable {
    /// Whose.
    public let pupil: Pupil
    /// Its id.
    public let record: RecordID
    /// What it is.
    public let entry: ChronologyEntry
    /// Whether it waits to be looked at.
    public let isWaiting: Bool
    /// Whether it waits for longer than a working day.
    public let isLate: Bool
    /// Whether somebody has looked at it and said what follows.
    public let isTriaged: Bool
}

/// Which records a list is of.
public enum WaitingList: String, Hashable, Sendable, CaseIterable {
    /// What neither lead nor deputy has looked at and said what follows.
    case waiting
    /// Those of them that have waited for longer than a working day.
    case late
    /// What others recorded since this person was last here.
    case new
    /// Documents that neither lead nor deputy has opened; not those in quarantine, which nobody opens.
    case unread
}

/// How much there is to do, for the home page.
public struct WaitingFigures: Hashable, Sendable {
    /// How many records wait to be looked at.
    public let waiting: Int
    /// How many of them for longer than a working day.
    public let late: Int
    /// How many records others made since this person was last here.
    public let new: Int
    /// How many documents are unread.
    public let unread: Int
}

/// What somebody holds who looked at records.
public struct TriageReceipt: Hashable, Sendable {
    /// Which.
    public let triage: TriageID
    /// The pupil's reference.
    public let pupilReference: String
    /// Its statement's place in the ledger.
    public let index: UInt64
    /// When it was recorded.
    public let recorded: Timestamp
    /// How many records were looked at.
    public let records: Int
    /// The follow-ups that it opened.
    public let followUps: [FollowUpID]
}

extension Acting {
    /// Whether somebody looks at what was filed, and says what follows.
    public func mayTriage(in vault: Vault) -> Bool {
        may(.read, in: vault) && !roles.isDisjoint(with: Role.triaging)
    }
}

extension Vault {
    // MARK: - Saying what follows

    /// Records what follows from records of a pupil's file, and opens a follow-up for each thing that does. Durable on return.
    /// With an id that this person said something under before, it gives that one's receipt and records nothing.
    ///
    /// - Throws: refusals `triage.…`: for what is said, named after the field; `triage.done` where somebody has looked at one
    ///   of them already, with who that was; `triage.not-in-file`, `triage.records`.
    @discardableResult
    public func triage(
        _ records: Set<RecordID>, of pupilFile: PupilFileID, _ details: TriageDetails, id: TriageID = .random(),
        as acting: Acting
    ) throws(VaultError) -> TriageReceipt {
        try rethrowing("triage") {
            try requireTriage(acting)
            _ = try decide(.readChronology(pupilFile), acting)
            return try filingTurns.run(for: acting.person) {
                if let said = try saidBefore(id, pupilFile, acting) { return said }
                guard (1...TriageAct.mostRecords).contains(records.count) else { throw Refusal.triageOfNothing }
                let checked = try Records.decide(details, now: clock.now(), timezone: policies.school.timezone)
                try requireUntriaged(records, pupilFile)
                var keys: [PupilFileID: FilingKey] = [:]
                let draft = try prepareTriage(id, records.sorted(), checked, pupilFile, acting, &keys)
                do {
                    guard let recorded = try recorder.record([draft], in: pool).first else {
                        throw VaultError.tampered(code: "ledger.nothing-written")
                    }
                    try remember(keys, acting)
                    return try receipt(for: recorded.statement)
                } catch let refusal as Refusal where refusal == .changedMeanwhile {
                    // Somebody else was quicker: say who.
                    try requireUntriaged(records, pupilFile)
                    throw refusal
                }
            }
        }
    }

    /// Everything that is wrong with what is said to follow; nothing is recorded.
    public func problems(with details: TriageDetails) -> [Refusal] {
        Records.problems(with: details, now: clock.now(), timezone: policies.school.timezone)
    }

    private func requireTriage(_ acting: Acting) throws {
        try requireReading(acting)
        guard acting.mayTriage(in: self) else { throw Refusal.notEntitled }
    }

    private func saidBefore(_ id: TriageID, _ pupilFile: PupilFileID, _ acting: Acting) throws -> TriageReceipt? {
        let statement = try recorder.read(pool) { db, _ in
            try UInt64.fetchIndex(db, sql: "SELECT idx FROM triage WHERE id = ?", arguments: [Data(id.bytes)])
                .map { try recorder.statement($0, db).statement }
        }
        guard let statement else { return nil }
        guard statement.author == .person(acting.person), statement.pupilFile == pupilFile else {
            throw VaultError.notFound
        }
        return try receipt(for: statement)
    }

    private func receipt(for statement: Statement) throws -> TriageReceipt {
        guard case .itemsTriaged(let act) = statement.act,
            let pupil = statement.pupilFile.flatMap({ recorder.authority.pupils[$0] })
        else { throw VaultError.tampered(code: "triage.other-statement") }
        return TriageReceipt(
            triage: act.triage, pupilReference: pupil.reference, index: statement.index, recorded: statement.time,
            records: act.records.count, followUps: act.followUps)
    }

    /// Refuses what is not in the file, and what somebody has looked at, with who.
    private func requireUntriaged(_ records: Set<RecordID>, _ pupilFile: PupilFileID) throws {
        try recorder.read(pool) { db, _ in
            let triage = recorder.triage(of: pupilFile)
            if let index = records.compactMap({ triage.triaged[$0] }).min() {
                let statement = try recorder.statement(index, db).statement
                let day = SchoolTime(policies.school.timezone).day(of: statement.time)
                throw Refusal.triagedAlready(by: try author(of: statement, db), day)
            }
            guard records.allSatisfy(triage.contains) else { throw Refusal.triageNotInFile }
        }
    }

    private func prepareTriage(
        _ id: TriageID, _ records: [RecordID], _ checked: CheckedTriage, _ pupilFile: PupilFileID, _ acting: Acting,
        _ keys: inout [PupilFileID: FilingKey]
    ) throws -> Draft {
        guard let pupil = recorder.authority.pupils[pupilFile] else { throw Refusal.pupilUnknown }
        let recipient = try pool.read { db in try self.recipient(of: pupil.identity, db) }
        let key = try filingKey(for: pupilFile, recipient, acting, &keys)
        let detail = Detail(values: checked.detailValues(madeBy: acting.name), keepsEmpty: true)
        let sealed = try seal(detail, of: id.bytes, in: pupilFile, under: key)
        return Draft(
            signer: .person(acting), pupilFile: pupilFile,
            items: [sealed] + key.takeFresh(), fields: detail.commitments,
            act: .itemsTriaged(
                TriageAct(
                    triage: id, records: records, detail: sealed.item.id, detailKey: key.item,
                    followUps: checked.open.map { _ in .random() })))
    }

    // MARK: - What was said

    /// What was said of a record, with the pupil's file that it is of; nil while nobody has looked at it.
    public func triage(of record: RecordID, in pupilFile: PupilFileID, as acting: Acting) throws(VaultError)
        -> TriageFacts?
    {
        try rethrowing("triage") {
            _ = try decide(.readChronology(pupilFile), acting)
            try recordChronologyRead(pupilFile, acting)
            return try recorder.read(pool) { db, _ in
                guard let index = recorder.triage(of: pupilFile).triaged[record] else { return nil }
                let file = try openFile(pupilFile, acting, db)
                return try triageFacts(recorder.statement(index, db).statement, acting, file, db)
            }
        }
    }

    /// What a statement says of records, for who holds the pupil file's key.
    func triageFacts(
        _ statement: Statement, _ acting: Acting, _ file: borrowing HybridIdentity, _ db: Database
    ) throws -> TriageFacts {
        guard case .itemsTriaged(let act) = statement.act, let pupilFile = statement.pupilFile else {
            throw VaultError.tampered(code: "triage.other-statement")
        }
        let row = try detailRow(
            act.detail, of: act.triage.shared(as: Kind.Record.self), under: act.detailKey, statement, acting, file, db)
        let detail = try Detail(parsing: row)
        guard detail.commitments == statement.fields, Set(detail.fields.keys) == Set(TriageField.detailNames) else {
            throw VaultError.tampered(code: "detail.fields")
        }
        func value(_ field: TriageField) -> String { detail[field.rawValue] ?? "" }
        let follows = value(.follows).split(separator: " ").compactMap { TriageOutcome(rawValue: String($0)) }
        let open = follows.filter { $0 != .nothing }
        let author = try author(of: statement, db)
        guard open.count == act.followUps.count, detail["made_by"] == author else {
            throw VaultError.tampered(code: "triage.follows")
        }
        let moved = recorder.authority.moved
        let standing = act.records.filter { moved[$0.shared(as: Kind.Document.self)] == nil }
        // Words about what was moved out of the file are not shown in it.
        let isWhole = standing.count == act.records.count
        return TriageFacts(
            id: act.triage, pupilFile: pupilFile, index: statement.index, recorded: statement.time, author: author,
            follows: follows, isChildOnChild: value(.childOnChild) == "yes", words: isWhole ? value(.words) : nil,
            due: value(.due), parents: EntryParents(rawValue: value(.parents)),
            parentsReason: isWhole ? value(.parentsReason) : "", records: standing,
            places: try standing.compactMap { try index(of: $0, in: pupilFile, db) }.sorted(),
            followUps: Array(zip(open, act.followUps)))
    }

    // MARK: - What waits

    /// How much there is to look at, for a lead or a deputy. It opens nothing.
    public func waitingFigures(as acting: Acting) throws(VaultError) -> WaitingFigures {
        try rethrowing("waiting") {
            try requireTriage(acting)
            return try recorder.read(pool) { db, head in
                let waiting = try marks(.waiting, head.size, acting, db)
                return WaitingFigures(
                    waiting: waiting.count, late: waiting.count { isLate($0.recorded) },
                    new: try marks(.new, head.size, acting, db).count,
                    unread: try marks(.unread, head.size, acting, db).count)
            }
        }
    }

    /// Whether something waits for longer than so many working days, 0 for at all: nothing more is told, and nothing opened.
    func isWaiting(forWorkingDays days: Int) throws -> Bool {
        try recorder.read(pool) { db, head in
            recorder.triages().values.contains { triage in
                triage.waiting.values.contains {
                    $0.index < head.size && (days == 0 || isLate($0.recorded, days: days))
                }
            }
        }
    }

    /// Documents and entries that there are to look at, oldest first, of all pupils' files or of one. Recorded as reading each
    /// pupil's chronology that something of is shown.
    ///
    /// - Returns: how many there are in all, and the part that was asked for.
    public func waiting(
        _ list: WaitingList = .waiting, of pupilFile: PupilFileID? = nil, from first: Int = 0, count: Int = 100,
        as acting: Acting
    ) throws(VaultError) -> (total: Int, records: [WaitingRecord]) {
        try rethrowing("waiting") {
            try requireTriage(acting)
            let (total, chosen) = try recorder.read(pool) { db, head in
                let all = try marks(list, head.size, acting, db).filter {
                    pupilFile == nil || $0.pupilFile == pupilFile
                }
                return (all.count, Array(all.dropFirst(max(0, first)).prefix(max(0, count))))
            }
            return (total, try opened(chosen, acting))
        }
    }

    /// One record that can be looked at, waiting or not: what a lead files waits for nobody, and can have consequences, too.
    ///
    /// - Throws: `.notFound` for what is not in that file.
    public func record(
        _ record: RecordID, of pupilFile: PupilFileID, as acting: Acting
    ) throws(VaultError) -> WaitingRecord {
        try rethrowing("waiting") {
            try requireTriage(acting)
            guard recorder.triage(of: pupilFile).contains(record) else { throw VaultError.notFound }
            let mark = try recorder.read(pool) { db, _ in
                guard let index = try index(of: record, in: pupilFile, db) else { throw VaultError.notFound }
                let statement = try recorder.statement(index, db).statement
                return WaitingMark(
                    pupilFile: pupilFile, record: record, index: index, recorded: statement.time)
            }
            guard let one = try opened([mark], acting).first else { throw VaultError.notFound }
            return one
        }
    }

    private struct WaitingMark {
        let pupilFile: PupilFileID
        let record: RecordID
        let index: UInt64
        let recorded: Timestamp
    }

    private func isLate(_ recorded: Timestamp, days: Int = 1) -> Bool {
        SchoolTime(policies.school.timezone).working(days: days, after: recorded, closed: policies.school.closed)
            < clock.now()
    }

    private func marks(
        _ list: WaitingList, _ size: UInt64, _ acting: Acting, _ db: Database
    ) throws -> [WaitingMark] {
        var marks: [WaitingMark] = []
        switch list {
        case .waiting, .late:
            for (file, triage) in recorder.triages() {
                marks += triage.waiting.map {
                    WaitingMark(pupilFile: file, record: $0.key, index: $0.value.index, recorded: $0.value.recorded)
                }
            }
        case .unread:
            let quarantined = Set(
                try Data.fetchAll(db, sql: "SELECT id FROM document WHERE quarantine IS NOT NULL").compactMap {
                    DocumentID($0)
                }
            ).subtracting(recorder.authority.released)
            for (file, triage) in recorder.triages() {
                marks += triage.unread.filter { !quarantined.contains($0.key) }.map {
                    WaitingMark(
                        pupilFile: file, record: $0.key.record, index: $0.value, recorded: Timestamp(milliseconds: 0))
                }
            }
        case .new:
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT document.id AS id, act.idx AS idx, act.pupil_file, act.recorded FROM act
                    JOIN document ON document.idx = act.idx WHERE act.idx > ?1 AND act.author IS NOT ?2
                        AND document.id NOT IN (SELECT document FROM moved)
                    UNION ALL SELECT entry.id, act.idx, act.pupil_file, act.recorded FROM act
                    JOIN entry ON entry.idx = act.idx WHERE act.idx > ?1 AND act.author IS NOT ?2
                    """, arguments: [Int64(try lastHere(acting, db)), Data(acting.person.bytes)])
            for row in rows {
                guard let file = PupilFileID(try row.value("pupil_file") as Data),
                    let record = RecordID(try row.value("id") as Data)
                else { throw VaultError.tampered(code: "catalogue.row") }
                marks.append(
                    WaitingMark(
                        pupilFile: file, record: record, index: try row.index("idx"),
                        recorded: Timestamp(milliseconds: try row.value("recorded"))))
            }
        }
        if list == .late { marks.removeAll { !isLate($0.recorded) } }
        return marks.filter { $0.index < size }.sorted { $0.index < $1.index }
    }

    /// The last statement of this person's before the session began: what came after it they have not seen. Looked up once a
    /// session.
    private func lastHere(_ acting: Acting, _ db: Database) throws -> UInt64 {
        if let known = acting.memory.with({ $0.lastHere }) { return known }
        let rows = try Row.fetchCursor(
            db, sql: "SELECT idx, kind FROM act WHERE author = ? ORDER BY idx DESC",
            arguments: [Data(acting.person.bytes)])
        var isBefore = false
        var last: UInt64 = 0
        while let row = try rows.next() {
            let index = try row.index("idx")
            if isBefore {
                last = index
                break
            }
            guard try row.value("kind") == Act.Kind.signedIn.rawValue else { continue }
            if case .signedIn(acting.session) = try recorder.statement(index, db).statement.act { isBefore = true }
        }
        let found = last
        acting.memory.with { $0.lastHere = found }
        return last
    }

    /// Reads each pupil's chronology, as a statement before anything of it is opened, and opens these records of it.
    private func opened(_ marks: [WaitingMark], _ acting: Acting) throws -> [WaitingRecord] {
        for file in Set(marks.map(\.pupilFile)).sorted() {
            _ = try decide(.readChronology(file), acting)
            try recordChronologyRead(file, acting)
        }
        return try recorder.read(pool) { db, _ in
            let register = try registerKey(as: acting, db)
            var records: [UInt64: WaitingRecord] = [:]
            for (file, marks) in Dictionary(grouping: marks, by: \.pupilFile) {
                guard let state = recorder.authority.pupils[file] else { throw VaultError.notFound }
                let pupil = try pupil(state, register, db)
                let key = try openFile(file, acting, db)
                let triage = recorder.triage(of: file)
                // Moved out meanwhile: it is no longer there.
                let marks = marks.filter { !recorder.isHidden($0.index, about: file) }
                for (mark, statement) in zip(marks, try statements(marks.map(\.index), db)) {
                    records[mark.index] = WaitingRecord(
                        pupil: pupil, record: mark.record,
                        entry: try corrected(
                            entryOrDamage(mark.index, statement, file, acting, key, db), file, acting, key, db),
                        isWaiting: triage.waiting[mark.record] != nil,
                        isLate: triage.waiting[mark.record].map { isLate($0.recorded) } ?? false,
                        isTriaged: triage.triaged[mark.record] != nil)
                }
            }
            return records.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}
