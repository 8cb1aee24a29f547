import Foundation
import GRDB
import Ledger
public import Records
import Sandbox
import Sealing
import Synchronization

// A retrieval, from the request to the last byte.
// 1 decide      a Grant, or a Refusal that is recorded
// 2 check       statement under the checkpoint, header and detail as committed, payload of the committed length
// 3 walk        person → team → pupil file → file key; the key commitment agrees, or nothing is let out
// 4 record      the statement is committed before the first byte
// 5 release     each chunk authenticated as it goes; a second statement says how it ended

/// A document's facts, as its detail has them.
public struct DocumentFacts: Hashable, Sendable {
    /// The document.
    public let id: DocumentID
    /// The pupil's file.
    public let pupilFile: PupilFileID
    /// The filing statement's place in the ledger.
    public let index: UInt64
    /// When it was recorded.
    public let recorded: Timestamp
    /// Why it is kept apart, when it is.
    public let quarantine: String?
    /// Why it was filed as evidence, when it was, whatever was decided since.
    public let filedAs: String?
    /// Who filed it.
    public let filer: Filer
    /// The detail's fields by name.
    public let fields: [String: String]
    /// What is said of it where it is restricted.
    public internal(set) var restricted: RestrictedFacts?

    /// The type found.
    public var mediaType: String { fields["media_type"] ?? "application/octet-stream" }
    /// Pages, where the type has pages.
    public var pages: Int? { fields["pages"].flatMap { Int($0) } }
    /// Bytes.
    public var size: UInt64 { fields["size"].flatMap { UInt64($0) } ?? 0 }
    /// The file's own name.
    public var filename: String { fields["filename"] ?? "" }
    /// SHA-256 of the content, hex.
    public var sha256: String { fields["sha256"] ?? "" }
    /// The brief summary.
    public var summary: String { fields["summary"] ?? "" }
    /// Where it stands in the chronology.
    var place: ChronologyOrder.Place {
        ChronologyOrder.Place(
            day: fields["date"].flatMap { try? DocumentDate(parsing: $0) }?.days?.lowerBound ?? .max,
            minute: fields["time"].flatMap { SchoolTime.minute($0) } ?? 0, index: index, isRecord: true)
    }
}

/// A document that was opened: what the grant gives, and nothing else.
public final class DocumentReading: Sendable {
    /// The document's facts.
    public let facts: DocumentFacts
    /// This reading.
    public let id: ReadingID
    private let vault: Vault
    private let acting: Acting
    private let manner: ReadingManner
    private let payload: PayloadReader
    private struct Progress: ~Copyable {
        var bytes: UInt64 = 0
        /// Closed until the statement that opens it is in the ledger.
        var closed = true
        /// How far pieces were asked for one after the other, and their hash.
        var next: UInt64 = 0
        var hasher = SHA256Hasher()
    }

    private let progress = Mutex(Progress())

    fileprivate init(
        _ grant: Grant, _ document: Vault.CheckedDocument, id: ReadingID, manner: ReadingManner, vault: Vault,
        acting: Acting
    ) throws {
        facts = document.facts
        self.id = id
        self.manner = manner
        self.vault = vault
        self.acting = acting
        let (sealed, nonce) = (document.payload, document.nonce)
        payload = PayloadReader(
            try PayloadFile(path: vault.blobs.path(of: sealed.blob), length: sealed.length, nonce: nonce),
            try EnvelopeReader(fileKey: document.fileKey, nonce: nonce, payloadLength: sealed.length))
    }

    deinit { close(complete: false) }

    fileprivate func begin() { progress.withLock { $0.closed = false } }

    /// Gives a range of the plaintext in pieces of at most 1 MiB, each authenticated before it is given, and none once the
    /// session has ended or its person was suspended.
    ///
    /// A full read compares the content's SHA-256 with the record at its end.
    public func read(
        _ range: Range<UInt64>? = nil, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws(VaultError) {
        try rethrowing("read") {
            func give(_ plaintext: UnsafeRawBufferPointer) throws {
                try goOn()
                progress.withLock { $0.bytes += UInt64(plaintext.count) }
                try body(plaintext)
            }
            if let range {
                try payload.read(range.clamped(to: 0..<payload.plaintextLength), give)
            } else if try payload.readAll(give).hex != facts.sha256 {
                throw VaultError.tampered(code: "document.content-differs")
            }
        }
    }

    /// Refuses to go on once the session has ended, its person may nothing any more, or the document was moved out of the
    /// pupil file, as far as this process has heard: asked before each part of a piece is sent.
    public func requireActive() throws(VaultError) {
        if acting.memory.isEnded { throw .refused(.signedOut) }
        if let refusal = vault.ended(acting) { throw .refused(refusal) }
        if vault.recorder.isMoved(facts.id) { throw .notFound }
    }

    /// The same, as the catalogue has it now.
    private func goOn() throws {
        try vault.requireActive(acting)
        if vault.recorder.isMoved(facts.id) { throw VaultError.notFound }
    }

    /// The next piece from an offset, at most 1 MiB; empty at the end.
    ///
    /// Asked for one after the other from 0, the last is given only if the content's SHA-256 is the recorded one.
    public func piece(at offset: UInt64) throws(VaultError) -> [UInt8] {
        var out: [UInt8] = []
        guard offset < payload.plaintextLength else { return [] }
        try read(offset..<min(offset + 1 << 20, payload.plaintextLength)) { out += $0 }
        let differs = progress.withLock { progress in
            guard progress.next == offset else { return false }
            progress.hasher.update(out)
            progress.next += UInt64(out.count)
            return progress.next == payload.plaintextLength && progress.hasher.digestSoFar().hex != facts.sha256
        }
        if differs { throw .tampered(code: "document.content-differs") }
        return out
    }

    /// A page as a picture, made in the sandbox; pages count from 1.
    public func picture(page: Int, width: Int) throws(VaultError) -> [UInt8] {
        try rethrowing("picture") {
            try requireViewable()
            let picture = try vault.picture(of: content, page: page, width: width) { [self] in try goOn() }
            noteShown(page: page, bytes: picture.count)
            return picture
        }
    }

    /// How many pages can be looked at; a Word document is laid out for it, by LibreOffice where that is installed.
    public func pageCount() throws(VaultError) -> Int {
        try rethrowing("pages") {
            try requireViewable()
            return try vault.pages(of: content, goOn)
        }
    }

    /// The whole text of a document that is looked at as text.
    public func text() throws(VaultError) -> String {
        try rethrowing("text") {
            try requireViewable()
            let text = try vault.text(of: content, goOn)
            noteShown(page: 1, bytes: text.utf8.count)
            return text
        }
    }

    private var content: ViewedContent {
        ViewedContent(
            payload: payload, document: facts.id, session: acting.session, mediaType: facts.mediaType,
            pages: facts.pages)
    }

    private func requireViewable() throws {
        guard facts.quarantine == nil else {
            throw Refusal(
                code: "document.quarantined", message: "This file is kept as evidence and is not shown.",
                hint: "It can be released only by the safeguarding lead.")
        }
    }

    /// What a view has let out, for the statement that ends it.
    private func noteShown(page: Int, bytes: Int) {
        let document = facts.id
        acting.memory.with { memory in
            memory.readings[document]?.pages.insert(page)
            memory.readings[document]?.bytes += UInt64(bytes)
        }
    }

    /// The document as an age file for a recipient of the reader's own: header and payload, in pieces.
    public func ageFile(for recipient: String, _ body: (UnsafeRawBufferPointer) throws -> Void) throws(VaultError) {
        try rethrowing("age-file") {
            let reader = try? Recipient(parsing: recipient)
            guard let reader else {
                throw Refusal(
                    code: "recipient.unreadable", message: "That is not an age recipient.",
                    hint: "It begins with age1. Ask whoever keeps the identity for it.")
            }
            // A file key of its own: what leaves the vault never carries the key of what stays.
            let key = try FileKey.random()
            var writer = try EnvelopeWriter(fileKey: key, nonce: .random())
            try Header.seal(key, to: [reader]).bytes.withUnsafeBytes(body)
            let digest = try payload.readAll { plaintext in
                try goOn()
                progress.withLock { $0.bytes += UInt64(plaintext.count) }
                try writer.write(plaintext, to: body)
            }
            guard digest.hex == facts.sha256 else {
                throw VaultError.tampered(code: "document.content-differs")
            }
            try writer.finish(to: body)
        }
    }

    /// Says how the reading ended. A view stays open until its session ends; what else was opened ends here.
    public func close(complete: Bool) {
        guard manner != .view else { return }
        let bytes = progress.withLock { progress -> UInt64? in
            if progress.closed { return nil }
            progress.closed = true
            return progress.bytes
        }
        guard let bytes else { return }
        guard facts.restricted == nil else {
            // The service says nothing of it, once the session is over.
            guard !acting.memory.isEnded else { return }
            _ = try? vault.record(
                "closed", ["reading": id.text, "bytes": String(bytes), "complete": complete ? "yes" : "no"],
                onRestricted: facts.id, acting)
            return
        }
        _ = try? vault.say(
            .documentClosed(facts.id, id, bytes: bytes, pages: 0, complete: complete), vault.signer(for: acting),
            about: facts.pupilFile)
    }
}

extension Vault {
    /// A document whose every commitment was checked, with its file key.
    final class CheckedDocument {
        let facts: DocumentFacts
        let payload: SealedPayload
        let nonce: PayloadNonce
        let fileKey: FileKey

        init(facts: DocumentFacts, payload: SealedPayload, nonce: PayloadNonce, fileKey: consuming FileKey) {
            self.facts = facts
            self.payload = payload
            self.nonce = nonce
            self.fileKey = fileKey
        }
    }

    /// A document's facts, for the page about it: recorded as reading the chronology, not the content.
    public func document(_ id: DocumentID, as acting: Acting) throws(VaultError) -> DocumentFacts {
        try rethrowing("document") {
            if let restricted = try restricted(id, acting) {
                try recordRestrictedRead(acting)
                return restricted.facts
            }
            let (statement, act) = try filing(of: id, acting)
            guard let pupilFile = statement.pupilFile else { throw VaultError.notFound }
            _ = try decide(.readDocument(id, in: pupilFile, .view), acting)
            try recordChronologyRead(pupilFile, acting)
            return try pool.read { db in
                readsByRole(acting)
                    ? try facts(statement, act, as: acting, file: openFile(pupilFile, acting, db), db)
                    : try sharedFacts(statement, act, acting, db)
            }
        }
    }

    /// Opens a document. The statement is in the ledger before this returns.
    ///
    /// Looking at pages is one statement for a person, session and document; every copy taken is its own.
    public func openDocument(
        _ id: DocumentID, manner: ReadingManner, as acting: Acting
    ) throws(VaultError) -> DocumentReading {
        try rethrowing("open") {
            let (grant, checked, pupilFile) = try granted(id, manner, acting)
            if manner == .view, let open = acting.memory.with({ $0.readings[id] }) {
                return try DocumentReading(grant, checked, id: open.id, manner: manner, vault: self, acting: acting)
            }
            let reading = ReadingID.random()
            let opened = try DocumentReading(
                grant, checked, id: reading, manner: manner, vault: self, acting: acting)
            if let pupilFile {
                try say(.documentOpened(id, reading, manner), .person(acting), about: pupilFile)
            } else {
                try record(
                    "opened", ["reading": reading.text, "manner": manner.rawValue], onRestricted: id, acting)
            }
            opened.begin()
            if manner == .view {
                acting.memory.with { $0.readings[id] = .init(id: reading, pupilFile: pupilFile) }
            }
            return opened
        }
    }

    /// What somebody may open, checked; with the pupil file that it is said of, which is nil for a restricted document.
    private func granted(
        _ id: DocumentID, _ manner: ReadingManner, _ acting: Acting
    ) throws -> (Grant, CheckedDocument, PupilFileID?) {
        if let restricted = try restricted(id, acting) { return (try decide(.holdRestricted, acting), restricted, nil) }
        let (grant, checked, pupilFile) = try grantedOfFile(id, manner, acting)
        return (grant, checked, pupilFile)
    }

    /// The same of a document of a pupil file.
    func grantedOfFile(
        _ id: DocumentID, _ manner: ReadingManner, _ acting: Acting
    ) throws -> (Grant, CheckedDocument, PupilFileID) {
        let (statement, act) = try filing(of: id, acting)
        guard let pupilFile = statement.pupilFile else { throw VaultError.notFound }
        let grant = try decide(.readDocument(id, in: pupilFile, manner), acting)
        return (grant, try pool.read { db in try check(statement, act, acting, db) }, pupilFile)
    }

    /// Ends the views of a session: one statement each, with the pages that were shown. Nothing is said of restricted
    /// documents: that they were opened stands in their records.
    func closeReadings(of acting: Acting) throws {
        let open = acting.memory.with { $0.readings.filter { $0.value.pupilFile != nil } }
        let drafts = open.sorted { $0.key < $1.key }.map { document, reading in
            Draft(
                signer: .person(acting), pupilFile: reading.pupilFile,
                act: .documentClosed(
                    document, reading.id, bytes: reading.bytes, pages: UInt64(reading.pages.count), complete: true))
        }
        guard !drafts.isEmpty else { return }
        try recorder.record(drafts, in: pool)
        let closed = Array(open.keys)
        acting.memory.with { memory in for document in closed { memory.readings[document] = nil } }
    }

    /// The statement that filed a document, for somebody whose role includes reading, or with whom it is shared; else as if
    /// there were none, and that they asked is recorded.
    func filing(of id: DocumentID, _ acting: Acting) throws -> (Statement, FilingAct) {
        try requireReading(acting, orAccess: true)
        let found = try recorder.read(pool) { db, head -> (Statement, FilingAct)? in
            guard head.authority.moved[id] == nil,
                try Bool.fetchOne(db, sql: "SELECT 1 FROM document WHERE id = ?", arguments: [Data(id.bytes)]) == true
            else { return nil }
            let (statement, act) = try filing(at: id, db)
            guard try readsByRole(acting) || isShared(act, statement, acting, db) else { return nil }
            return (statement, act)
        }
        if let found { return found }
        if !readsByRole(acting) { try say(.accessRefused(code: Refusal.notEntitled.code), .person(acting)) }
        throw VaultError.notFound
    }

    /// The statement that filed a document, as the ledger has it.
    func filing(at id: DocumentID, _ db: Database) throws -> (Statement, FilingAct) {
        guard
            let index = try UInt64.fetchIndex(
                db, sql: "SELECT idx FROM document WHERE id = ?", arguments: [Data(id.bytes)])
        else { throw VaultError.notFound }
        let statement = try recorder.statement(index, db).statement
        guard case .documentFiled(let act) = statement.act, act.document == id else {
            throw VaultError.tampered(code: "document.other-statement")
        }
        return (statement, act)
    }

    /// Whether somebody's role reads; who has access alone opens each document with their own share.
    func readsByRole(_ acting: Acting) -> Bool {
        recorder.authority.refusal(of: .read, to: acting.person, at: clock.now()) != .notEntitled
    }

    private func isShared(
        _ act: FilingAct, _ statement: Statement, _ acting: Acting, _ db: Database
    ) throws -> Bool {
        // What is kept as evidence is for the lead alone.
        guard let pupilFile = statement.pupilFile, recorder.authority.quarantine(of: act) == nil else {
            return false
        }
        return try openShare(of: act.document, in: pupilFile, acting, db) != nil
    }

    func openFile(_ pupilFile: PupilFileID, _ acting: Acting, _ db: Database) throws -> HybridIdentity {
        guard let pupil = recorder.authority.pupils[pupilFile] else { throw VaultError.notFound }
        return try open(pupil.identity, as: acting, db)
    }

    func check(
        _ statement: Statement, _ act: FilingAct, _ acting: Acting, _ db: Database
    ) throws -> CheckedDocument {
        guard let pupilFile = statement.pupilFile, let nonce = PayloadNonce(act.payload.nonce) else {
            throw VaultError.tampered(code: "document.statement")
        }
        guard readsByRole(acting) else {
            guard let share = try openShare(of: act.document, in: pupilFile, acting, db) else {
                throw VaultError.notFound
            }
            let fileKey = try Header(parsing: share.header).open(with: acting.keys.identity)
            try checkCommitment(fileKey, act)
            return CheckedDocument(
                facts: try sharedFacts(statement, act, acting, db), payload: act.payload, nonce: nonce,
                fileKey: fileKey)
        }
        let file = try openFile(pupilFile, acting, db)
        let fileKey = try fileKey(of: statement, act, file, db)
        return CheckedDocument(
            facts: try facts(statement, act, as: acting, file: file, db), payload: act.payload, nonce: nonce,
            fileKey: fileKey)
    }

    /// A document's file key, from its header for the pupil file; the one that its filing commits to.
    func fileKey(
        of statement: Statement, _ act: FilingAct, _ file: borrowing HybridIdentity, _ db: Database
    ) throws -> FileKey {
        guard let header = statement.items.first(where: { $0.kind == .header && $0.id.bytes == act.document.bytes })
        else { throw VaultError.tampered(code: "document.statement") }
        let key = try Header(parsing: Self.item(header, db)).open(with: file)
        try checkCommitment(key, act)
        return key
    }

    func checkCommitment(_ key: borrowing FileKey, _ act: FilingAct) throws {
        guard let nonce = PayloadNonce(act.payload.nonce),
            keyCommitment(key, nonce: nonce, document: act.document.bytes) == act.payload.commitment
        else { throw VaultError.tampered(code: "document.key-commitment") }
    }

    /// A document's facts for somebody with whom it is shared: its detail's row, opened with that row's key alone.
    func sharedFacts(
        _ statement: Statement, _ act: FilingAct, _ acting: Acting, _ db: Database
    ) throws -> DocumentFacts {
        guard let pupilFile = statement.pupilFile,
            let item = statement.items.first(where: { $0.kind == .detail && $0.id == act.detail }),
            let share = try openShare(of: act.document, in: pupilFile, acting, db)
        else { throw VaultError.notFound }
        let key = try rowKey(in: share, acting)
        let row = try Self.item(item, db).withUnsafeBytes {
            try SealedRow.open(
                $0, rowKey: key, associatedData: rowContext("detail", pupilFile.bytes + act.document.bytes))
        }
        return try facts(statement, act, row: row, db)
    }

    func facts(
        _ statement: Statement, _ act: FilingAct, as acting: Acting, file: borrowing HybridIdentity, _ db: Database
    ) throws -> DocumentFacts {
        let row = try detailRow(act.detail, of: act.document.record, under: act.detailKey, statement, acting, file, db)
        return try facts(statement, act, row: row, db)
    }

    /// The plaintext of the detail that a filing or an entry commits to, for who holds the pupil file's key.
    func detailRow(
        _ detail: ItemID, of record: RecordID, under key: ItemID, _ statement: Statement, _ acting: Acting,
        _ file: borrowing HybridIdentity, _ db: Database
    ) throws -> [UInt8] {
        guard let pupilFile = statement.pupilFile,
            let item = statement.items.first(where: { $0.kind == .detail && $0.id == detail })
        else { throw VaultError.tampered(code: "detail.missing") }
        let key = try detailKey(key, pupilFile, acting, file, db)
        return try Self.item(item, db).withUnsafeBytes {
            try SealedRow.open(
                $0, key: key, row: detail.bytes,
                associatedData: rowContext("detail", pupilFile.bytes + record.bytes))
        }
    }

    private func facts(
        _ statement: Statement, _ act: FilingAct, row: [UInt8], _ db: Database
    ) throws -> DocumentFacts {
        guard let pupilFile = statement.pupilFile else { throw VaultError.tampered(code: "document.detail") }
        let detail = try Detail(parsing: row)
        guard detail.commitments == statement.fields else { throw VaultError.tampered(code: "detail.fields") }
        guard case .person(let author) = statement.author else { throw VaultError.tampered(code: "author.unknown") }
        let filer = try filer(author, in: act.batch, db)
        guard detail["uploader"] == filer.uploader, detail["through"] ?? "" == filer.through ?? "" else {
            throw VaultError.tampered(code: "detail.uploader")
        }
        return DocumentFacts(
            id: act.document, pupilFile: pupilFile, index: statement.index, recorded: statement.time,
            quarantine: recorder.authority.quarantine(of: act), filedAs: act.quarantine, filer: filer,
            fields: detail.fields.filter { !$0.value.value.isEmpty }.mapValues {
                String(decoding: $0.value, as: UTF8.self)
            })
    }

    /// A detail key of a pupil file, as the statement that brought it commits to it; remembered for the session.
    func detailKey(
        _ id: ItemID, _ pupilFile: PupilFileID, _ acting: Acting, _ file: borrowing HybridIdentity, _ db: Database
    ) throws -> DetailKey {
        if let sealed = acting.memory.with({ $0.detailKeys[id] }) { return try acting.openSealed(sealed, row: id) }
        let secret = try Wrap.open(
            checkedWrap(id, keptDetailKey(id, pupilFile, db), pupilFile), secretCount: 32,
            context: Self.detailKeyContext(recorder.vault, id, pupilFile), with: file)
        let key = try DetailKey(secret)
        let sealed = try acting.seal(key, row: id)
        acting.memory.with { $0.detailKeys[id] = sealed }
        return key
    }

    /// Every detail key that a pupil file's documents and entries from an index on need, opened together on two cores; remembered for
    /// the session.
    func detailKeys(
        of pupilFile: PupilFileID, from index: UInt64, _ acting: Acting, _ file: borrowing HybridIdentity,
        _ db: Database
    ) throws -> DetailKeys {
        let ids = try Data.fetchAll(
            db,
            sql: """
                SELECT detail_key FROM document WHERE pupil_file = ?1 AND idx >= ?2
                UNION SELECT detail_key FROM entry WHERE pupil_file = ?1 AND idx >= ?2
                """,
            arguments: [Data(pupilFile.bytes), Int64(index)])
        var places: [ItemID: Int] = [:]
        let kept = try ids.map { id -> (ItemID, KeptDetailKey) in
            guard let id = ItemID(id) else { throw VaultError.tampered(code: "document.row") }
            places[id] = places.count
            return (id, try keptDetailKey(id, pupilFile, db))
        }
        let wraps = try Cores.map(kept.count, from: 16) { place in
            let (id, kept) = kept[place]
            return (
                wrap: try checkedWrap(id, kept, pupilFile),
                context: Self.detailKeyContext(recorder.vault, id, pupilFile)
            )
        }
        let keys = DetailKeys(block: try Wrap.openAll(wraps, with: file), places: places)
        try acting.remember(keys)
        return keys
    }

    /// The same of keys that this session has opened before; nil where one of them is new.
    func rememberedDetailKeys(
        of pupilFile: PupilFileID, from index: UInt64, _ acting: Acting, _ db: Database
    ) throws -> DetailKeys? {
        let ids = try Data.fetchAll(
            db,
            sql: """
                SELECT detail_key FROM document WHERE pupil_file = ?1 AND idx >= ?2
                UNION SELECT detail_key FROM entry WHERE pupil_file = ?1 AND idx >= ?2
                """, arguments: [Data(pupilFile.bytes), Int64(index)]
        ).compactMap { ItemID($0) }
        let known = acting.memory.with { $0.detailKeys }
        let sealed = ids.compactMap { known[$0] }
        guard sealed.count == ids.count else { return nil }
        let session = try acting.memoryKey()
        let block = try KeyBlock<DetailPurpose>(count: ids.count) { place in
            try SealedRow.open(
                sealed[place], session: session, associatedData: acting.session.bytes + ids[place].bytes)
        }
        return DetailKeys(
            block: block, places: Dictionary(zip(ids, ids.indices), uniquingKeysWith: { first, _ in first }))
    }

    /// A detail key as the catalogue has it, nothing of it checked.
    private struct KeptDetailKey: Sendable {
        let index: UInt64
        let leaf: [UInt8]
        let wrap: [UInt8]
    }

    private func keptDetailKey(_ id: ItemID, _ pupilFile: PupilFileID, _ db: Database) throws -> KeptDetailKey {
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT detail_key.idx, statement.leaf, item.bytes
                    FROM detail_key JOIN statement ON statement.idx = detail_key.idx JOIN item ON item.id = detail_key.item
                    WHERE detail_key.item = ? AND detail_key.pupil_file = ?
                    """), arguments: [Data(id.bytes), Data(pupilFile.bytes)])
        guard let row else { throw VaultError.tampered(code: "detail-key.missing") }
        return KeptDetailKey(
            index: try row.index("idx"), leaf: [UInt8](try row.value("leaf") as Data),
            wrap: [UInt8](try row.value("bytes") as Data))
    }

    /// The wrap of a detail key, if the statement that brought it commits to it: a leaf under the checkpoint, searched and
    /// not parsed, since a long chronology has hundreds. (A key that no person committed opens no row that one did; and
    /// the statement of each row that is shown is read whole.)
    private func checkedWrap(_ id: ItemID, _ kept: KeptDetailKey, _ pupilFile: PupilFileID) throws -> [UInt8] {
        try recorder.checkHash(of: kept.leaf, kept.index)
        guard kept.leaf.contains("\"pupil_file\":\"\(pupilFile.text)\""),
            kept.leaf.contains("{\"id\":\"\(id.text)\",\"kind\":\"detail-key\",")
        else { throw VaultError.tampered(code: "detail-key.uncommitted") }
        let digest = sha256(kept.wrap).base64
        guard kept.leaf.contains("{\"id\":\"\(id.text)\",\"kind\":\"detail-key\",\"sha256\":\"\(digest)\"}") else {
            throw VaultError.tampered(code: "detail-key.differs")
        }
        return kept.wrap
    }
}

/// Detail keys of one pupil file in one guarded block: a long chronology has more of them than there may be blocks.
struct DetailKeys: ~Copyable {
    let block: KeyBlock<DetailPurpose>
    let places: [ItemID: Int]
}
