import Dispatch
import Foundation
import GRDB
import Glibc
import Ledger
public import Records
import Sealing
import Synchronization

/// Which part of a chronology is read.
public enum ChronologyLane: String, Hashable, Sendable {
    /// What a lead or deputy marked as a significant event.
    case significant
    /// Documents and entries.
    case records
    /// These, and every reading and refusal too.
    case everything
}

/// A pupil's chronology, or a part of it.
public struct Chronology: Sendable {
    /// Whose.
    public let pupil: Pupil
    /// How many entries there are in all, in this lane.
    public let total: Int
    /// The part that was asked for.
    public let entries: [ChronologyEntry]
    /// Who can read the pupil file, and along which key.
    public let readers: [KeyPath]
}

/// One line of a chronology: a statement about the pupil, opened.
public struct ChronologyEntry: Hashable, Sendable {
    /// Its place in the ledger.
    public let index: UInt64
    /// The statement's kind.
    public let kind: String
    /// The kind, for people.
    public let title: String
    /// When it happened: EDTF.
    public let occurred: String
    /// When the school received it, where that was said.
    public let received: String?
    /// When it was recorded.
    public let recorded: Timestamp
    /// Who recorded it, by the name they had then.
    public let author: String
    /// The brief summary, or what was done.
    public let summary: String
    /// The document, where there is one.
    public let document: DocumentFacts?
    /// What is said in it, where it was made without a file.
    public var made: EntryFacts?
    /// What was said to follow, where records were looked at.
    public var triage: TriageFacts?
    /// What corrects it, and what corrects that, in the order of the ledger. Each stands in its own place, too.
    public internal(set) var corrections: [EntryFacts] = []
    /// Whether it stands there by its own date: a document or an entry, and no reading or refusal.
    public var isRecord: Bool { document != nil || made != nil }
    /// The time of day at which it happened, `14:05`: of an entry, or of a meeting; empty where none is known.
    public var time: String { made?[.time] ?? document?.fields["time"] ?? "" }
    /// Whether it is kept apart as evidence.
    public var isQuarantined: Bool { document?.quarantine != nil }
}

/// How an entry proves itself without this software.
public struct EntryProof: Hashable, Sendable {
    /// The statement's bytes, as text.
    public let statement: String
    /// The author's Ed25519 signature, base64url.
    public let signature: String
    /// The author's public key, base64url.
    public let verifyingKey: String
    /// The leaf's RFC 6962 hash, hex.
    public let leafHash: String
    /// C2SP tlog-proof, checkpoint included.
    public let proof: String
}

/// A chronology's order, remembered for a session.
struct ChronologyOrder: Sendable {
    struct Place: Sendable, Comparable {
        let day: Int
        /// The minute of that day, as hour × 100 + minute; 0 where no time is known: its earliest.
        var minute = 0
        let index: UInt64
        let isRecord: Bool

        static func < (left: Place, right: Place) -> Bool {
            (left.day, left.minute, left.index) < (right.day, right.minute, right.index)
        }
    }
    var acts = 0
    /// How many documents had been moved out of the file.
    var moved = 0
    var places: [Place] = []
    /// What filters and picture need of each record, by its index.
    var facts: [UInt64: ItemFacts] = [:]
}

/// What reading some records of a pupil file gave.
struct RecordsRead: Sendable {
    /// What order, filters and picture need of each, with its index; nothing of one that does not open.
    var facts: [(UInt64, ItemFacts)] = []
    /// Those that opened, by their indices.
    var opened: [UInt32] = []
    /// The words of these, sealed, in parts; nil where there was no room for one.
    var words: [[UInt8]?] = []
    /// Where those stand that have the words looked for.
    var found: [ChronologyOrder.Place] = []

    mutating func add(_ next: RecordsRead) {
        facts += next.facts
        opened += next.opened
        words += next.words
        found += next.found
    }
}

extension Vault {
    /// A part of a pupil's chronology, ordered by when it happened and then by ledger index.
    ///
    /// Recorded as a reading, once a session, before anything is opened.
    public func chronology(
        of pupilFile: PupilFileID, lane: ChronologyLane = .records, newestFirst: Bool = false, from first: Int = 0,
        count: Int = 100, as acting: Acting
    ) throws(VaultError) -> Chronology {
        try rethrowing("chronology") {
            _ = try decide(.readChronology(pupilFile), acting)
            guard let state = recorder.authority.pupils[pupilFile] else { throw VaultError.refused(.pupilUnknown) }
            try recordChronologyRead(pupilFile, acting)
            return try recorder.read(pool) { db, head in
                let file = try openFile(pupilFile, acting, db)
                let order = try order(of: pupilFile, head.size, acting, file, db)
                let marked = head.authority.significant[pupilFile] ?? []
                var places =
                    switch lane {
                    case .significant: order.places.filter { marked.contains($0.index) }
                    case .records: order.places.filter(\.isRecord)
                    case .everything: order.places
                    }
                let total = places.count
                if newestFirst { places.reverse() }
                let wanted = places.dropFirst(max(0, first)).prefix(max(0, count)).map(\.index)
                let statements = try statements(wanted, db)
                return Chronology(
                    pupil: try pupil(state, registerKey(as: acting, db), db), total: total,
                    entries: try zip(wanted, statements).map {
                        try corrected(entryOrDamage($0, $1, pupilFile, acting, file, db), pupilFile, acting, file, db)
                    },
                    readers: try keyPaths(to: pupilFile, head.authority, db))
            }
        }
    }

    /// Reading what stands in a chronology is a statement, once a session and before anything is opened.
    func recordChronologyRead(_ pupilFile: PupilFileID, _ acting: Acting) throws {
        guard !acting.memory.with({ $0.chronologiesRead.contains(pupilFile) }) else { return }
        try say(.chronologyRead(acting.session), .person(acting), about: pupilFile)
        acting.memory.with { _ = $0.chronologiesRead.insert(pupilFile) }
    }

    /// One entry with its proof.
    public func entry(_ index: UInt64, as acting: Acting) throws(VaultError) -> (ChronologyEntry, EntryProof, Pupil) {
        try rethrowing("entry") {
            try requireReading(acting)
            let pupilFile = try recorder.read(pool) { db, head in
                guard index < head.size, let file = try recorder.statement(index, db).statement.pupilFile,
                    !recorder.isHidden(index, about: file)
                else { throw VaultError.notFound }
                return file
            }
            _ = try decide(.readChronology(pupilFile), acting)
            guard let state = recorder.authority.pupils[pupilFile] else { throw VaultError.notFound }
            try recordChronologyRead(pupilFile, acting)
            return try recorder.read(pool) { db, head in
                let file = try openFile(pupilFile, acting, db)
                return (
                    try corrected(
                        entryOrDamage(index, statements([index], db)[0], pupilFile, acting, file, db), pupilFile,
                        acting, file, db),
                    try proof(index, head, db),
                    try pupil(state, registerKey(as: acting, db), db)
                )
            }
        }
    }

    /// Documents that are kept apart as evidence, of every pupil, newest first. Recorded as reading each chronology.
    public func quarantined(as acting: Acting) throws(VaultError) -> [(Pupil, ChronologyEntry)] {
        try rethrowing("quarantine") {
            _ = try decide(.seeFigures, acting)
            try requireReading(acting)
            let found = try recorder.read(pool) { db, _ in
                let rows = try Row.fetchAll(
                    db,
                    sql: """
                        SELECT idx FROM document WHERE quarantine IS NOT NULL AND id NOT IN (SELECT document FROM moved)
                        ORDER BY idx DESC LIMIT 500
                        """)
                return try rows.compactMap { row -> (UInt64, PupilState)? in
                    let index = try row.index("idx")
                    let pupilFile = try recorder.statement(index, db).statement.pupilFile
                    return pupilFile.flatMap { recorder.authority.pupils[$0] }.map { (index, $0) }
                }
            }
            for pupilFile in Set(found.map(\.1.pupilFile)).sorted() { try recordChronologyRead(pupilFile, acting) }
            return try recorder.read(pool) { db, _ in
                let register = try registerKey(as: acting, db)
                return try found.map { index, state in
                    let file = try openFile(state.pupilFile, acting, db)
                    let statement = try statements([index], db)[0]
                    return (
                        try pupil(state, register, db),
                        try entryOrDamage(index, statement, state.pupilFile, acting, file, db)
                    )
                }
            }
        }
    }

    // MARK: - Order

    func order(
        of pupilFile: PupilFileID, _ size: UInt64, _ acting: Acting, _ file: borrowing HybridIdentity, _ db: Database
    ) throws -> ChronologyOrder {
        let acts = recorder.acts(about: pupilFile, below: size)
        var order = acting.memory.with { $0.orders[pupilFile] } ?? ChronologyOrder()
        // Another request of the session may have read further than this snapshot goes.
        if order.acts > acts.indices.count || order.moved != acts.moved.count { order = ChronologyOrder() }
        order.moved = acts.moved.count
        if order.acts == acts.indices.count { return order }
        let newer = order.acts..<acts.indices.count
        let facts = try recordFacts(of: pupilFile, acts, from: UInt64(acts.indices[order.acts]), acting, file, db)
        // Untouched where nothing was filed since: the session's memory holds the same, and a change would copy all.
        if !facts.isEmpty { order.facts.reserveCapacity(order.facts.count + facts.count) }
        for (index, facts) in facts { order.facts[index] = facts }
        let school = SchoolTime(policies.school.timezone)
        for place in newer {
            let index = UInt64(acts.indices[place])
            if let facts = order.facts[index] {
                order.places.append(.init(day: facts.first, minute: facts.minute, index: index, isRecord: true))
            } else {
                let (day, minute) = school.moment(of: acts.times[place])
                order.places.append(.init(day: day, minute: minute, index: index, isRecord: false))
            }
        }
        order.acts = acts.indices.count
        guard order.places.count(where: \.isRecord) == acts.records.count else {
            throw VaultError.tampered(code: "chronology.document-missing")
        }
        order.places.sort()
        let remembered = order
        acting.memory.with { $0.orders[pupilFile] = remembered }
        return order
    }

    /// What order, filters and picture need of each document and entry, with the index of its statement. One that does not open
    /// stands last, and its line says so.
    private func recordFacts(
        of pupilFile: PupilFileID, _ acts: Recorder.FileActs, from index: UInt64, _ acting: Acting,
        _ file: borrowing HybridIdentity, _ db: Database
    ) throws -> [(UInt64, ItemFacts)] {
        let keys = try detailKeys(of: pupilFile, from: index, acting, file, db)
        return try readRecords(of: pupilFile, acts, from: index, keys, acting, db).facts
    }

    /// Documents and entries from an index on, each opened once: what order, filters and picture need of it, and its words
    /// too, where the session remembers those of all before.
    ///
    /// - Parameters:
    ///   - words: what to look for.
    ///   - displacing: whether the words that are to be remembered may displace those of other files.
    func readRecords(
        of pupilFile: PupilFileID, _ acts: Recorder.FileActs, from index: UInt64, _ keys: consuming DetailKeys,
        _ acting: Acting, _ db: Database, looking words: SearchWords? = nil, displacing: Bool = true
    ) throws -> RecordsRead {
        let (known, room) = acting.memory.with {
            ($0.words.words(of: pupilFile, acts), $0.words.room(for: pupilFile, displacing: displacing))
        }
        let wanted = acts.records.drop { UInt64($0) < index }
        let sealing = try WordSealing(
            acting, pupilFile, room: known.records == wanted.startIndex ? room - known.byteCount : -1)
        let parts = try eachPart(of: pupilFile, acts, from: index, keys, db) { rows, open in
            var read = RecordsRead()
            read.facts.reserveCapacity(rows.count)
            read.opened.reserveCapacity(rows.count)
            var text = WipedText(capacity: rows.count * 192)
            for row in rows {
                let start = text.count
                var facts = ItemFacts()
                do {
                    try open(row) { plain in
                        let record = try WordsRecord.append(to: &text, at: row.index) { text in
                            try row.facts(in: plain, &text)
                        }
                        facts = record.facts
                        let isFound = text.withMutableBytes {
                            words?.areIn(folded: UnsafeRawBufferPointer(rebasing: $0[record.text])) ?? false
                        }
                        if isFound {
                            read.found.append(
                                .init(day: facts.first, minute: facts.minute, index: row.index, isRecord: true))
                        }
                    }
                    read.opened.append(UInt32(row.index))
                } catch {
                    text.truncate(to: start)
                }
                read.facts.append((row.index, facts))
            }
            read.words = [try sealing.seal(&text)]
            return read
        }
        var read = RecordsRead()
        for part in parts { read.add(part) }
        if !read.opened.isEmpty, !read.words.contains(nil), known.records == wanted.startIndex,
            read.opened.elementsEqual(wanted)
        {
            var known = known
            known.records = acts.records.count
            for part in read.words.compactMap({ $0 }) { known.add(part) }
            let whole = known
            acting.memory.with { $0.words.keep(whole, of: pupilFile, displacing: displacing) }
        }
        return read
    }

    /// What the body makes of the documents' and entries' details from an index on, some hundred at a time, in the order of
    /// their statements. It opens each by the closure that it is given: a row that the statement commits to, wiped afterwards.
    private func eachPart<Value: Sendable>(
        of pupilFile: PupilFileID, _ acts: Recorder.FileActs, from index: UInt64, _ given: consuming DetailKeys,
        _ db: Database,
        _ body:
            @escaping @Sendable (ArraySlice<KeptDetail>, (KeptDetail, ([UInt8]) throws -> Void) throws -> Void)
            throws -> Value
    ) throws -> [Value] {
        let keys = given
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT document.idx AS idx, document.id, document.detail, document.detail_key, item.bytes, document.batch,
                    document.quarantine IS NOT NULL, 0
                FROM document JOIN item ON item.id = document.detail
                WHERE document.pupil_file = ?1 AND document.idx >= ?2
                UNION ALL
                SELECT entry.idx, entry.id, entry.detail, entry.detail_key, item.bytes, NULL, 0, 1
                FROM entry JOIN item ON item.id = entry.detail
                WHERE entry.pupil_file = ?1 AND entry.idx >= ?2 ORDER BY 1
                """, arguments: [Data(pupilFile.bytes), Int64(index)])
        let prefix = rowContext("detail", pupilFile.bytes)
        // Read here while what was read before is opened; few at a time, so that memory does not grow with the chronology.
        let opened = Mutex<(values: [Value], failure: (any Error)?)>(([], nil))
        let opening = DispatchQueue(label: "strongroom.chronology-opening")
        let ahead = DispatchSemaphore(value: 2)
        defer { opening.sync {} }
        var some: [KeptDetail] = []
        var isLast = false
        while !isLast {
            if let row = try rows.next() {
                some.append(try KeptDetail(row))
                if some.count < 1024 { continue }
            } else {
                isLast = true
            }
            let read = some
            some = []
            if read.isEmpty { continue }
            ahead.wait()
            opening.async {
                defer { ahead.signal() }
                let parts = read.count < 64 ? 1 : 2
                let values = Result {
                    try Cores.map(parts, from: 2) { part in
                        let some = read[(read.count * part / parts)..<(read.count * (part + 1) / parts)]
                        return try body(some) { row, use in try row.with(keys, prefix, acts, use) }
                    }
                }
                opened.withLock { opened in
                    switch values {
                    case .success(let values): opened.values += values
                    case .failure(let error): opened.failure = opened.failure ?? error
                    }
                }
            }
        }
        return try opening.sync {
            try opened.withLock { opened in
                if let failure = opened.failure { throw failure }
                return opened.values
            }
        }
    }

    // MARK: - Entries

    /// Statements, each with what is wrong with it where it cannot be believed; their signatures checked on two cores.
    func statements(_ indices: [UInt64], _ db: Database) throws -> [Result<Statement, any Error>] {
        let leaves = try indices.map { try [UInt8].fetchLeaf(db, $0) }
        return try Cores.map(indices.count, from: 16) { place in
            Result {
                guard let leaf = leaves[place] else { throw VaultError.tampered(code: "ledger.gap") }
                return try recorder.statement(in: leaf, indices[place]).statement
            }
        }
    }

    /// An entry, or in its place what is wrong with it: one that is damaged must not hide the others.
    func entryOrDamage(
        _ index: UInt64, _ read: Result<Statement, any Error>, _ pupilFile: PupilFileID, _ acting: Acting,
        _ file: borrowing HybridIdentity, _ db: Database
    ) throws -> ChronologyEntry {
        do {
            return try entry(read.get(), pupilFile, acting, file, db)
        } catch {
            guard case .tampered(let code) = VaultError(error, code: "entry"), index < recorder.size else {
                throw error
            }
            let statement = try read.get()
            guard statement.pupilFile == pupilFile else { throw error }
            return ChronologyEntry(
                index: index, kind: statement.act.kind.rawValue, title: "Damaged", occurred: "undated", received: nil,
                recorded: statement.time, author: try author(of: statement, db),
                summary: "This entry differs from its record, so it is not shown (\(code)).", document: nil)
        }
    }

    /// Who said a statement, by name.
    func author(of statement: Statement, _ db: Database) throws -> String {
        switch statement.author {
        case .service: return "The vault"
        case .person(let id):
            if case .documentFiled(let act) = statement.act { return try filer(id, in: act.batch, db).text }
            guard let person = recorder.authority.people[id] else { throw VaultError.tampered(code: "author.unknown") }
            return try name(of: person, db)
        }
    }

    private func entry(
        _ statement: Statement, _ pupilFile: PupilFileID, _ acting: Acting, _ file: borrowing HybridIdentity,
        _ db: Database
    ) throws -> ChronologyEntry {
        let index = statement.index
        guard statement.pupilFile == pupilFile else { throw VaultError.tampered(code: "chronology.other-pupil") }
        if case .documentFiled(let act) = statement.act {
            let facts = try facts(statement, act, as: acting, file: file, db)
            return ChronologyEntry(
                index: index, kind: statement.act.kind.rawValue,
                title: policies.categories.title(of: facts.fields["category"] ?? "") ?? facts.fields["category"] ?? "",
                occurred: facts.fields["date"] ?? "undated", received: facts.fields["received"],
                recorded: statement.time, author: facts.filer.text, summary: facts.summary,
                document: facts)
        }
        if case .entryMade(let act) = statement.act {
            let facts = try facts(statement, act, as: acting, file: file, db)
            return ChronologyEntry(
                index: index, kind: statement.act.kind.rawValue, title: facts.kind.title, occurred: facts[.date],
                received: facts[.received], recorded: statement.time, author: facts.author, summary: facts.summary,
                document: nil, made: facts)
        }
        if case .itemsTriaged = statement.act {
            let facts = try triageFacts(statement, acting, file, db)
            let count = facts.records.count == 1 ? "1 record" : "\(facts.records.count) records"
            return ChronologyEntry(
                index: index, kind: statement.act.kind.rawValue, title: "Looked at",
                occurred: SchoolTime(policies.school.timezone).day(of: statement.time), received: nil,
                recorded: statement.time, author: facts.author, summary: "\(count): \(facts.summary)", document: nil,
                triage: facts)
        }
        if case .quarantineDecided(let act) = statement.act {
            let reason = try reason(of: act, statement, acting, file, db)
            let said = act.released ? "was released from quarantine" : "stays in quarantine"
            return ChronologyEntry(
                index: index, kind: statement.act.kind.rawValue, title: "Quarantine",
                occurred: SchoolTime(policies.school.timezone).day(of: statement.time), received: nil,
                recorded: statement.time, author: try author(of: statement, db),
                summary: "Document \(act.document.reference) \(said): \(reason)", document: nil)
        }
        if case .chronologyPrinted(let act) = statement.act {
            return ChronologyEntry(
                index: index, kind: statement.act.kind.rawValue, title: "Printed",
                occurred: SchoolTime(policies.school.timezone).day(of: statement.time), received: nil,
                recorded: statement.time, author: try author(of: statement, db),
                summary: try printWords(act, statement, acting, file, db), document: nil)
        }
        let (title, summary) =
            try disclosureWords(statement, acting, file, db) ?? accessWords(for: statement.act, acting, db)
            ?? Self.words(for: statement.act)
        return ChronologyEntry(
            index: index, kind: statement.act.kind.rawValue, title: title,
            occurred: SchoolTime(policies.school.timezone).day(of: statement.time), received: nil,
            recorded: statement.time,
            author: try author(of: statement, db), summary: summary, document: nil)
    }

    /// An entry with what corrects it.
    func corrected(
        _ entry: ChronologyEntry, _ pupilFile: PupilFileID, _ acting: Acting, _ file: borrowing HybridIdentity,
        _ db: Database
    ) throws -> ChronologyEntry {
        guard let record = entry.document?.id.record ?? entry.made?.id.record else { return entry }
        var entry = entry
        entry.corrections = try corrections(of: record, pupilFile, acting, file, db)
        return entry
    }

    /// A refusal's code in a few words.
    private static func reason(of code: String) -> String {
        switch code {
        case "upload.hash-differs": "the file changed on its way"
        case "upload.expired": "nobody filed it in time"
        case "upload.too-large": "the file is too large"
        case "upload.too-many-waiting": "its sender had too many waiting already"
        case "batch.not-open": "the batch was not open"
        case _ where code.hasPrefix("type."): "the file is not of a kind that is kept here, or not what its name says"
        case _ where code.hasPrefix("access.") || code.hasPrefix("station."): "its sender may not file it"
        case _ where code.hasPrefix("upload."): "it did not arrive in order"
        default: "what was said of it was not in order"
        }
    }

    /// Giving and ending access in words, with the reason; nil for another act.
    private func accessWords(
        for act: Act, _ acting: Acting, _ db: Database
    ) throws -> (title: String, summary: String)? {
        let id: AccessID
        switch act {
        case .accessGiven(let act): id = act.access
        case .accessEnded(let access): id = access
        case .accessExtended(let shares, let entries):
            id = shares.first?.access ?? entries.first?.access ?? .random()
        default: return nil
        }
        let authority = recorder.authority
        guard let access = authority.accesses[id], let person = authority.people[access.person] else {
            throw VaultError.tampered(code: "access.unknown")
        }
        let name = try name(of: person, db)
        switch act {
        case .accessGiven:
            let days = SchoolTime(policies.school.timezone)
            let last = days.day(of: Timestamp(milliseconds: access.expires.milliseconds - 1))
            return (
                "Access given",
                "\(name) may read \(access.whole ? "this file" : "documents of this file") until \(last): \(try reason(of: access, acting, db))"
            )
        case .accessExtended(let shares, let entries):
            let documents = shares.count { authority.moved[$0.document] == nil }
            let count = documents + entries.count
            let what = count == 0 ? "Documents" : "\(count) \(entries.isEmpty ? "documents" : "entries")"
            return ("Access given", "\(what) were opened to \(name).")
        default: return ("Access ended", "\(name) may read no more of this file.")
        }
    }

    private static func words(for act: Act) -> (title: String, summary: String) {
        switch act {
        case .pupilRegistered: ("Register", "The pupil was put on the register.")
        case .chronologyRead: ("Read", "This chronology was read.")
        case .chronologySearched: ("Searched", "This chronology was searched.")
        case .itemPromoted(let item): ("Significant event", "Entry \(item) was marked as a significant event.")
        case .itemDemoted(let item): ("Significant event", "Entry \(item) is no longer marked as a significant event.")
        case .documentOpened(let document, _, .view):
            ("Read", "Pages of document \(document.reference) were looked at.")
        case .documentOpened(let document, _, .download):
            ("Copy taken", "The original of document \(document.reference) was taken.")
        case .documentOpened(let document, _, .sealedDownload):
            ("Copy taken", "The original of document \(document.reference) was taken, sealed to a recipient.")
        case .documentOpened(let document, _, .comparison):
            ("Compared", "The content of document \(document.reference) was compared with its record.")
        case .documentOpened(let document, _, .recognition):
            ("Text read", "The vault read the text of document \(document.reference), so that a search finds it.")
        case .documentClosed(let document, _, let bytes, let pages, let complete):
            (
                "Reading ended",
                "Document \(document.reference): \(pages > 0 ? "\(pages) pages" : "\(bytes) bytes")\(complete ? "" : ", interrupted")."
            )
        case .uploadRefused(_, let code): ("Refused", "An upload was refused: \(reason(of: code)) (\(code)).")
        case .uploadWaiting(_, let code): ("Waiting", "An upload had to wait until it could be inspected (\(code)).")
        case .stationAllowed: ("Scan station", "A scan station was made that may file for this pupil.")
        default: (act.kind.rawValue, act.kind.rawValue)
        }
    }

    private func proof(_ index: UInt64, _ head: Recorder.Head, _ db: Database) throws -> EntryProof {
        let (statement, signed) = try recorder.statement(index, db)
        guard let key = recorder.authority.verifyingKey(for: statement) else {
            throw VaultError.tampered(code: "author.unknown")
        }
        let path = try Proofs.inclusion(index: index, size: head.size) { try Recorder.node($0, $1, db) }
        let proof = try TlogProof(index: index, path: path, checkpoint: SignedNote(parsing: head.checkpoint))
        return EntryProof(
            statement: String(decoding: signed.statement, as: UTF8.self), signature: Base64.encode(signed.signature),
            verifyingKey: Base64.encode(key.rawRepresentation), leafHash: leafHash(signed.leaf).hex,
            proof: proof.encoded)
    }
}

/// A document's or an entry's detail as the catalogue has it.
struct KeptDetail: Sendable {
    let index: UInt64
    let record: [UInt8]
    let detail: ItemID
    let key: ItemID
    let sealed: [UInt8]
    /// Of the projection: it folds what is shown, and hides nothing.
    let batch: BatchID?
    let isQuarantined: Bool
    let isEntry: Bool

    /// From columns by their places, each copied once: there are ten thousand of these.
    init(_ row: Row) throws {
        func bytes(_ column: Int) throws -> [UInt8] {
            try row.withUnsafeData(atIndex: column) { [UInt8]($0 ?? Data()) }
        }
        index = try row.index("idx")
        guard let detail = ItemID(try bytes(2)), let key = ItemID(try bytes(3)) else {
            throw VaultError.tampered(code: "document.row")
        }
        (self.detail, self.key) = (detail, key)
        record = try bytes(1)
        sealed = try bytes(4)
        batch = try row.withUnsafeData(atIndex: 5) { $0 }.flatMap { BatchID($0) }
        isQuarantined = row[6]
        isEntry = row[7]
    }

    private static let documentFields: [StaticString] = [
        "date", "time", "category", "uploader", "media_type", "agency", "summary",
    ]
    private static let entryFields: [StaticString] = [
        "date", "time", "kind", "made_by", "summary", "account", "questions", "with", "organisation", "outcome",
        "reasons",
        "told", "follow_up",
    ]

    /// Its facts; and to the text, folded, what a search looks at: of an entry all that was written, of a document its summary.
    func facts(in plain: [UInt8], _ text: inout WipedText) throws -> ItemFacts {
        try Detail.lend(isEntry ? Self.entryFields : Self.documentFields, in: plain) { values in
            func word(_ place: Int) -> String { String(decoding: values[place], as: UTF8.self) }
            let days = try DocumentDate(parsing: word(0)).days
            var facts = ItemFacts(
                first: days?.lowerBound ?? .max, last: days?.upperBound ?? .max,
                minute: SchoolTime.minute(word(1)) ?? 0, uploader: word(3))
            if isEntry {
                facts.category = EntryKind.category(word(2))
                SearchWords.fold(values[4...], into: &text)
            } else {
                (facts.category, facts.mediaType, facts.agency) = (word(2), word(4), word(5))
                (facts.batch, facts.isQuarantined) = (batch, isQuarantined)
                SearchWords.fold(values[6...6], into: &text)
            }
            return facts
        }
    }

    /// Gives the plaintext, if the statement commits to this detail and it opens.
    func with<Value>(
        _ keys: borrowing DetailKeys, _ context: [UInt8], _ acts: Recorder.FileActs,
        _ body: ([UInt8]) throws -> Value
    ) throws -> Value {
        guard acts.detail(recordedAt: index) == sha256(sealed), let place = keys.places[key] else {
            throw VaultError.tampered(code: "detail.differs")
        }
        // It opens only under its own key, and for its own document or entry.
        var plain = try sealed.withUnsafeBytes {
            try SealedRow.open(
                $0, keys: keys.block, at: place, row: detail.bytes, associatedData: context + record)
        }
        defer { plain.withUnsafeMutableBytes { wipe($0) } }
        return try body(plain)
    }
}

extension [UInt8] {
    /// Whether a text of 1 to 255 bytes stands somewhere in the bytes.
    func contains(_ text: String) -> Bool { withUnsafeBytes { $0.contains(Array<UInt8>(text.utf8)) } }
}

extension UnsafeRawBufferPointer {
    /// Whether a text of 1 to 255 bytes stands somewhere in the bytes: Horspool's search, which looks at few of them.
    func contains(_ text: [UInt8]) -> Bool {
        text.withUnsafeBytes { text in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { steps in
                guard let base = baseAddress, let start = text.baseAddress, count >= text.count else { return false }
                steps.initialize(repeating: UInt8(text.count))
                for place in 0..<text.count - 1 { steps[Int(text[place])] = UInt8(text.count - 1 - place) }
                var end = text.count - 1
                while end < count {
                    if self[end] == text[text.count - 1], memcmp(base + (end + 1 - text.count), start, text.count) == 0
                    {
                        return true
                    }
                    end += Int(steps[Int(self[end])])
                }
                return false
            }
        }
    }
}
