import Foundation
import GRDB
import Ledger
import Records
import Sealing
import Synchronization

// Rules of this file.
// 1. The head is read, signed and written in one BEGIN IMMEDIATE; what this process remembers is only a head start.
// 2. Nothing is signed that replay would refuse: every statement goes through `Authority.apply` before it is written.
// 3. What is remembered was checked: each leaf hashed, the root compared with a checkpoint signed by our key.
// 4. Order: commit, witness copy synced, then the caller may tell somebody.

/// Who signs a statement.
enum Signer: Sendable {
    case service
    case person(Acting)
}

/// A statement to be: all but its place and time.
struct Draft: Sendable {
    let signer: Signer
    var pupilFile: PupilFileID?
    var items: [SealedItem] = []
    var fields: [String: Digest] = [:]
    let act: Act
}

/// A sealed item with its bytes.
struct SealedItem: Sendable {
    let item: Item
    let bytes: [UInt8]

    init(_ id: ItemID, _ kind: ItemKind, _ bytes: [UInt8]) {
        item = Item(id: id, kind: kind, digest: sha256(bytes))
        self.bytes = bytes
    }
}

/// A statement as it was written.
struct Recorded: Sendable {
    let statement: Statement
    /// The note of the ledger that ends with it.
    let checkpoint: String
}

/// The ledger as this process knows it: appends statements, and answers what the ledger says of people and keys.
final class Recorder: Sendable {
    struct State: Sendable {
        var tree = MerkleTree()
        var hashes: [Digest] = []
        var authority = Authority()
        var vault: VaultID?
        var checkpoint = ""
        /// The statements about each pupil file, read from leaves that are under the checkpoint.
        var acts: [PupilFileID: FileActs] = [:]
    }

    /// Which statements are about a pupil file, in order, and which of them filed a document or made an entry.
    struct FileActs: Sendable {
        private(set) var indices: [UInt32] = []
        /// When each was recorded.
        private(set) var times: [Timestamp] = []
        /// Those that filed a document or made an entry.
        private(set) var records: [UInt32] = []
        /// What each of these commits its detail to.
        private var details: [Digest?] = []
        /// The document that each statement files, opens or closes, by the statement's place here.
        private var subjects: [DocumentID?] = []
        /// The documents that were moved out of the file, and all that was said of them: it stands here no more.
        private(set) var moved: Set<DocumentID> = []
        private(set) var hidden: Set<UInt32> = []
        /// What waits to be looked at, and what was.
        private(set) var triage = FileTriage()

        /// Takes what a statement is to those who look at what was filed.
        ///
        /// - Parameters:
        ///   - record: the document or entry that it files or makes.
        ///   - isShown: whether something is shown or given of it.
        ///   - isTriaging: whether a lead or a deputy said it.
        mutating func note(
            _ index: UInt64, _ kind: Act.Kind, at time: Timestamp, of document: DocumentID?, record: RecordID?,
            isShown: Bool, isTriaging: Bool
        ) {
            if kind.isRecord, let record { triage.add(record, document, at: index, time, isOwn: isTriaging) }
            if kind == .documentOpened, isShown, isTriaging, let document { triage.open(document) }
        }

        mutating func take(_ act: TriageAct, at index: UInt64) throws(StatementError) {
            try triage.take(act, at: index)
        }

        /// - Parameters:
        ///   - document: the document that it files, opens, closes or moves.
        ///   - item: the statement that it marks as a significant event, or no longer.
        ///   - detail: of a filing or an entry, the digest of its detail, where it has one, as it should.
        mutating func add(
            _ index: UInt64, _ kind: Act.Kind, at time: Timestamp, of document: DocumentID?, marking item: UInt64?,
            detail: Digest?
        ) {
            let document = document ?? item.flatMap { self.document(filedAt: $0) }
            if kind == .documentMoved, let document { hide(document) }
            if let document, moved.contains(document) {
                hidden.insert(UInt32(index))
                return
            }
            indices.append(UInt32(index))
            times.append(time)
            subjects.append(document)
            guard kind.isRecord else { return }
            records.append(UInt32(index))
            details.append(detail)
        }

        private mutating func hide(_ document: DocumentID) {
            moved.insert(document)
            let triaged = triage.move(document)
            let places = subjects.indices.filter { subjects[$0] == document || UInt64(indices[$0]) == triaged }
            for place in places.reversed() {
                let index = indices.remove(at: place)
                times.remove(at: place)
                subjects.remove(at: place)
                hidden.insert(index)
                guard let filed = records.firstIndex(of: index) else { continue }
                records.remove(at: filed)
                details.remove(at: filed)
            }
        }

        /// The statements that file, open or close a document of the file, oldest first.
        func indices(of document: DocumentID) -> [UInt64] {
            indices.indices.filter { subjects[$0] == document }.map { UInt64(indices[$0]) }
        }

        /// The documents that were filed in it and stand there still.
        var documents: Set<DocumentID> {
            let filed = Set(records)
            return Set(indices.indices.compactMap { filed.contains(indices[$0]) ? subjects[$0] : nil })
        }

        /// The document that the statement of this index files; nil for any other.
        func document(filedAt index: UInt64) -> DocumentID? {
            guard detail(recordedAt: index) != nil else { return nil }
            return indices.lastIndex(of: UInt32(index)).flatMap { subjects[$0] }
        }

        /// The digest that a filing or an entry commits its detail to; nil where this index is neither of the pupil file.
        func detail(recordedAt index: UInt64) -> Digest? {
            var (low, high) = (0, records.count)
            while low < high {
                let middle = (low + high) / 2
                if UInt64(records[middle]) < index { low = middle + 1 } else { high = middle }
            }
            return low < records.count && UInt64(records[low]) == index ? details[low] : nil
        }

        /// Those that a ledger of this size holds.
        func below(_ size: UInt64) -> FileActs {
            var acts = self
            while let last = acts.indices.last, UInt64(last) >= size {
                acts.indices.removeLast()
                acts.times.removeLast()
                acts.subjects.removeLast()
            }
            while let last = acts.records.last, UInt64(last) >= size {
                acts.records.removeLast()
                acts.details.removeLast()
            }
            return acts
        }
    }

    /// The ledger as one snapshot of the catalogue has it.
    struct Head: Sendable {
        let size: UInt64
        let checkpoint: String
        let authority: Authority
    }

    private let state = Mutex(State())
    private let secrets: SecretFiles
    private let clock: any Clock
    private let witness: Witness
    private let known: KnownCheckpoint
    private let restored: RestoredMark
    private let policy: Digest
    /// What a restored vault goes on by, with the next act of a person.
    private let continuation = Mutex<ContinuationAct?>(nil)

    init(secrets: SecretFiles, clock: any Clock, at location: Vault.Location, policy: Digest) {
        self.secrets = secrets
        self.clock = clock
        witness = Witness(directory: location.vault + "/witness")
        known = KnownCheckpoint(vault: location.vault)
        restored = RestoredMark(location.vault)
        self.policy = policy
    }

    /// Has the next act of a person be preceded by their decision that the restored vault goes on.
    func goOn(by act: ContinuationAct?) { continuation.withLock { $0 = act } }

    /// What the ledger says now, as far as this process has read it.
    var authority: Authority { state.withLock { $0.authority } }
    /// The newest checkpoint.
    var checkpoint: String { state.withLock { $0.checkpoint } }
    /// How many statements there are.
    var size: UInt64 { state.withLock { $0.tree.size } }
    /// The vault.
    var vault: VaultID? { state.withLock { $0.vault } }

    /// Reads in a snapshot that holds all this process knows of, and gives the ledger as that snapshot has it.
    ///
    /// A snapshot taken just before another thread's commit lacks what that thread has told the memory already; such a
    /// one is taken anew. A catalogue that still lacks it was cut.
    func read<Result>(_ pool: DatabasePool, _ body: (Database, Head) throws -> Result) throws -> Result {
        for _ in 0..<16 {
            let result: Result? = try pool.read { db in
                guard let head = try catchUp(db) else { return nil }
                return try body(db, head)
            }
            if let result { return result }
        }
        throw VaultError.tampered(code: "ledger.truncated")
    }

    /// Whether nothing is signed until somebody decides that a ledger of this size goes on.
    func isHeld(_ size: UInt64) -> Bool { restored.holds(size) }

    /// The newest checkpoint that is known of a history which this ledger is not; nil where it is none.
    func lost(_ authority: Authority, _ pool: DatabasePool) throws -> Checkpoint? {
        let ahead = [try witness.kept(), known.kept()].compactMap(\.self)
        return try read(pool) { db, head in
            ahead.filter { seen in
                do {
                    try Witness.check(seen, head.size) { try Self.root(at: $0, db) }
                    return false
                } catch { return authority.owns(seen) && !authority.gaveUp(seen) }
            }.max { $0.size < $1.size }
        }
    }

    /// Refuses a catalogue that is behind its witness. The witness is read before the snapshot is taken: it follows
    /// the commits of other processes.
    func checkWitness(_ pool: DatabasePool) throws {
        let (kept, seen) = (try witness.kept(), known.kept())
        try read(pool) { db, head in
            try check(witnessed: kept, head.authority, head.size, db)
            try check(seen, head.authority, head.size, db)
        }
    }

    /// Refuses a ledger that is behind its witness, or says otherwise.
    private func check(witnessed kept: Checkpoint?, _ authority: Authority, _ size: UInt64, _ db: Database) throws {
        if let kept, authority.gaveUp(kept) { return }
        try Witness.check(kept, size) { try Self.root(at: $0, db) }
    }

    /// Refuses a ledger that is behind what was known of it beside the folder; that may be of a history which was given up.
    private func check(_ seen: Checkpoint?, _ authority: Authority, _ size: UInt64, _ db: Database) throws {
        guard let seen, authority.owns(seen), !authority.gaveUp(seen) else { return }
        do { try Witness.check(seen, size) { try Self.root(at: $0, db) } } catch VaultError.tampered {
            throw restored.holds(size) ? Refusal.vaultRestored : .vaultBehind
        }
    }

    /// Reads what was written since, and checks it against the newest checkpoint.
    @discardableResult
    func refresh(_ db: Database) throws -> Head {
        guard let head = try catchUp(db) else { throw VaultError.tampered(code: "ledger.truncated") }
        return head
    }

    /// The same; nil where this process knows more than the snapshot holds.
    private func catchUp(_ db: Database) throws -> Head? {
        try state.withLock { state in
            try Self.catchUp(&state, secrets, db)
                ? Head(size: state.tree.size, checkpoint: state.checkpoint, authority: state.authority) : nil
        }
    }

    private static func catchUp(_ state: inout State, _ secrets: SecretFiles, _ db: Database) throws -> Bool {
        guard let last = try Row.fetchOne(db, sql: "SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1")
        else { return state.tree.size == 0 }
        let size = try last.index("size")
        guard size >= state.tree.size else { return false }
        if size == state.tree.size { return true }
        var next = state
        state.hashes = []  // so that `next` alone holds the array and appends in place
        defer { if state.hashes.isEmpty { state.hashes = Array(next.hashes.prefix(Int(state.tree.size))) } }
        let newest = try Self.extend(&next, db)
        guard next.tree.size == size, let founding = next.authority.founding,
            let origin = next.authority.origin(ofSize: size)
        else { throw VaultError.tampered(code: "ledger.size") }
        let text: String = try last.value("note")
        let note = try SignedNote(parsing: text)
        let verifier = try NoteVerifier(name: origin, verifyingKey: secrets.checkpoint.verifyingKey)
        let checkpoint = try Checkpoint(note.verified(by: [verifier]), origin: origin)
        guard checkpoint.size == next.tree.size, checkpoint.root == next.tree.root else {
            throw VaultError.tampered(code: "ledger.root")
        }
        if let newest { try checkRoot(of: newest.leaf, newest.index, newest.before, next) }
        guard founding.serviceKey == secrets.service.verifyingKey.rawRepresentation,
            founding.checkpointKey == secrets.checkpoint.verifyingKey.rawRepresentation
        else { throw VaultError.tampered(code: "secrets.other-vault") }
        next.checkpoint = text
        state = next
        return true
    }

    /// Gives the newest statement that a person signed, with the tree before it.
    private static func extend(
        _ next: inout State, _ db: Database
    ) throws -> (index: UInt64, leaf: [UInt8], before: MerkleTree)? {
        let rows = try Row.fetchCursor(
            db, sql: "SELECT idx, leaf FROM statement WHERE idx >= ? ORDER BY idx",
            arguments: [Int64(next.tree.size)])
        var newest: (index: UInt64, leaf: [UInt8], before: MerkleTree)?
        while let row = try rows.next() {
            let index = try row.index("idx")
            let leaf: [UInt8] = try row.withUnsafeData(named: "leaf") { [UInt8]($0 ?? Data()) }
            guard index == next.tree.size else { throw VaultError.tampered(code: "ledger.gap") }
            let before = next.tree
            let hash = leafHash(leaf)
            _ = next.tree.append(hash)
            next.hashes.append(hash)
            let mark = try Self.mark(leaf)
            if mark.author != .service { newest = (index, leaf, before) }
            if let file = mark.pupilFile {
                next.acts[file, default: FileActs()].add(
                    index, mark.kind, at: mark.time, of: mark.document, marking: mark.item, detail: mark.detail)
                next.acts[file]?.note(
                    index, mark.kind, at: mark.time, of: mark.document, record: mark.record, isShown: mark.isShown,
                    isTriaging: next.authority.isTriaging(mark.author))
            }
            if !mark.kind.concernsAuthority && !next.authority.isStation(mark.author) {
                try next.authority.pass(mark.kind, by: mark.author, at: mark.time, about: mark.pupilFile)
                if mark.kind == .documentOpened, let document = mark.document {
                    try next.authority.checkOpening(of: document)
                }
                if let record = mark.brought { next.authority.learn(brought: record, by: mark.author, at: index) }
                if mark.kind == .itemsTriaged {
                    let statement = try Statement(parsing: SignedStatement(leaf: leaf).statement)
                    guard case .itemsTriaged(let act) = statement.act, let file = statement.pupilFile else {
                        throw StatementError.unlawful("a triage for nobody on the register")
                    }
                    try next.authority.learnDetailKeys(of: statement)
                    try next.authority.checkTriage(act, statement)
                    try next.acts[file, default: FileActs()].take(act, at: index)
                }
                if mark.bringsDetailKey {
                    try next.authority.learnDetailKeys(of: Statement(parsing: SignedStatement(leaf: leaf).statement))
                }
                continue
            }
            let signed = try SignedStatement(leaf: leaf)
            let statement = try Statement(parsing: signed.statement)
            if case .vaultFounded(let act) = statement.act { next.vault = act.vault }
            guard let vault = next.vault, let key = next.authority.verifyingKey(for: statement),
                signed.isSigned(by: key, vault: vault.bytes), statement.index == index
            else { throw VaultError.tampered(code: "ledger.signature") }
            try next.authority.apply(statement)
            try Self.checkMarked(statement) { next.acts[$0] }
        }
        return newest
    }

    /// What replay cannot know: that what is marked as a significant event, or was looked at, stands in the pupil file, and is
    /// looked at once.
    private static func checkMarked(
        _ statement: Statement, _ acts: (PupilFileID) -> FileActs?
    ) throws(StatementError) {
        if case .itemsTriaged(let act) = statement.act {
            try (statement.pupilFile.flatMap(acts)?.triage ?? FileTriage()).check(act)
        }
        let named = statement.act.namedDocuments
        if !named.isEmpty {
            let filed = statement.pupilFile.flatMap(acts)?.documents ?? []
            guard filed.isSuperset(of: named) else { throw .unlawful("a document that is not of this pupil file") }
        }
        guard let item = statement.act.markedItem, let file = statement.pupilFile else { return }
        guard acts(file)?.detail(recordedAt: item) != nil else {
            throw .unlawful("a significant event that is no item of this pupil file")
        }
    }

    /// A person's signature covers the root before their statement, and with it every leaf before: so one signature shows
    /// that who holds the service's keys, and no person's, has changed nothing up to there.
    private static func checkRoot(
        of leaf: [UInt8], _ index: UInt64, _ tree: MerkleTree, _ state: State
    ) throws {
        let signed = try SignedStatement(leaf: leaf)
        let statement = try Statement(parsing: signed.statement)
        guard let vault = state.vault, let key = state.authority.verifyingKey(for: statement),
            signed.isSigned(by: key, vault: vault.bytes), statement.index == index
        else { throw VaultError.tampered(code: "ledger.signature") }
        guard statement.root == tree.root else { throw VaultError.tampered(code: "ledger.root-before") }
    }

    /// What a leaf says that concerns everybody or the order of a chronology, without parsing it.
    private struct Mark {
        let kind: Act.Kind
        let author: Author
        let time: Timestamp
        let pupilFile: PupilFileID?
        /// The document that it files, opens, closes or moves.
        let document: DocumentID?
        /// The document or entry that it files or makes.
        let record: RecordID?
        /// Whether an opening shows or gives something.
        let isShown: Bool
        /// Of a restricted record that brings a document, the record.
        let brought: DocumentID?
        /// The statement that it marks as a significant event, or no longer.
        let item: UInt64?
        /// Of a filing or an entry, the digest of its detail.
        let detail: Digest?
        let bringsDetailKey: Bool
    }

    /// In canonical order a statement's own `author`, `kind`, `pupil_file` and `time` are the last keys of these names,
    /// and no string holds a bare quotation mark.
    private static func mark(_ leaf: [UInt8]) throws -> Mark {
        try leaf.withUnsafeBytes { leaf in
            let end = leaf.count - SignedStatement.signatureByteCount
            guard end > 5 else { throw VaultError.tampered(code: "ledger.leaf") }
            let statement = UnsafeRawBufferPointer(rebasing: leaf[5..<end])
            guard let kind = lastValue(of: "\"kind\":\"", in: statement).flatMap({ Act.Kind(rawValue: $0) }),
                let time = lastValue(of: "\"time\":", in: statement).flatMap({ Int64($0) }),
                let author = lastValue(of: "\"author\":\"", in: statement).flatMap({ Author(text: $0) })
            else { throw VaultError.tampered(code: "ledger.statement") }
            let detail =
                kind.isRecord
                ? lastValue(of: "\"kind\":\"detail\",\"sha256\":\"", in: statement).flatMap { Digest(base64: $0) } : nil
            var document: DocumentID?
            var record: RecordID?
            var brought: DocumentID?
            var item: UInt64?
            switch kind {
            case .entryMade: record = firstValue(of: "\"entry\":\"", in: statement).flatMap { RecordID(text: $0) }
            case .itemPromoted, .itemDemoted:
                item = firstValue(of: "\"item\":", in: statement).flatMap { UInt64($0.prefix(while: \.isNumber)) }
            // The act stands first, and has the key once or, where a filing shares its document, always of the same.
            case .documentFiled, .documentOpened, .documentClosed, .documentMoved, .issueOpened, .quarantineDecided:
                document = firstValue(of: "\"document\":\"", in: statement).flatMap { DocumentID(text: $0) }
            case .restrictedActed where firstValue(of: "\"document\":{", in: statement) != nil:
                brought = firstValue(of: "\"record\":\"", in: statement).flatMap { DocumentID(text: $0) }
            default: break
            }
            return Mark(
                kind: kind, author: author, time: Timestamp(milliseconds: time),
                pupilFile: lastValue(of: "\"pupil_file\":\"", in: statement).flatMap { PupilFileID(text: $0) },
                document: document, record: kind == .documentFiled ? document?.record : record,
                isShown: kind == .documentOpened
                    && firstValue(of: "\"manner\":\"", in: statement).flatMap(ReadingManner.init(rawValue:))?.shows
                        ?? true,
                brought: brought,
                item: item, detail: detail,
                bringsDetailKey: (kind.isRecord || kind == .chronologyPrinted)
                    && lastValue(of: "\"kind\":\"detail-key", in: statement) != nil)
        }
    }

    private static func lastValue(of key: StaticString, in statement: UnsafeRawBufferPointer) -> String? {
        value(of: key, in: statement, stride(from: statement.count - key.utf8CodeUnitCount, through: 0, by: -1))
    }

    private static func firstValue(of key: StaticString, in statement: UnsafeRawBufferPointer) -> String? {
        value(of: key, in: statement, stride(from: 0, through: statement.count - key.utf8CodeUnitCount, by: 1))
    }

    private static func value(
        of key: StaticString, in statement: UnsafeRawBufferPointer, _ places: StrideThrough<Int>
    ) -> String? {
        let mark = UnsafeRawBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount)
        for at in places
        where statement[at] == mark[0]
            && UnsafeRawBufferPointer(rebasing: statement[at..<at + mark.count]).elementsEqual(mark)
        {
            let word = statement[(at + mark.count)...].prefix { $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: ",") }
            return String(decoding: word, as: UTF8.self)
        }
        return nil
    }

    /// The statements about a pupil file in a ledger of this size.
    func acts(about pupilFile: PupilFileID, below size: UInt64) -> FileActs {
        state.withLock { $0.acts[pupilFile] ?? FileActs() }.below(size)
    }

    /// What every pupil file has that waits to be looked at, is unread, or was looked at.
    func triages() -> [PupilFileID: FileTriage] { state.withLock { $0.acts.mapValues(\.triage) } }

    /// The same of one pupil file.
    func triage(of pupilFile: PupilFileID) -> FileTriage {
        state.withLock { $0.acts[pupilFile]?.triage ?? FileTriage() }
    }

    /// Whether a document was moved out of its pupil's file.
    func isMoved(_ document: DocumentID) -> Bool { state.withLock { $0.authority.moved[document] != nil } }

    /// Whether nothing of a document goes to an agency any more, whatever was permitted: it was moved out of its pupil's file, or a
    /// lead put it back into quarantine.
    func isWithheld(_ document: DocumentID) -> Bool {
        state.withLock { state in
            state.authority.moved[document] != nil
                || state.authority.quarantineDecisions[document]?.released == false
        }
    }

    /// Whether a statement says something of a document that was moved out of this pupil file: it is shown to nobody.
    func isHidden(_ index: UInt64, about pupilFile: PupilFileID) -> Bool {
        state.withLock { $0.acts[pupilFile]?.hidden.contains(UInt32(index)) ?? false }
    }

    /// All such statements, of every pupil file.
    var hidden: Set<UInt64> {
        let all = state.withLock { state in state.acts.values.map(\.hidden).filter { !$0.isEmpty } }
        return Set(all.joined().map { UInt64($0) })
    }

    /// A statement with its signature: believed only if its leaf is the one under the checkpoint and its author's key
    /// signed it. (That the author might say it was checked when the ledger was read.)
    func statement(_ index: UInt64, _ db: Database) throws -> (statement: Statement, signed: SignedStatement) {
        guard let leaf = try [UInt8].fetchLeaf(db, index) else { throw VaultError.tampered(code: "ledger.gap") }
        return try statement(in: leaf, index)
    }

    /// The same of a leaf as the catalogue has it.
    func statement(in leaf: [UInt8], _ index: UInt64) throws -> (statement: Statement, signed: SignedStatement) {
        try checkHash(of: leaf, index)
        let signed = try SignedStatement(leaf: leaf)
        let statement = try Statement(parsing: signed.statement)
        guard statement.index == index else { throw VaultError.tampered(code: "ledger.index") }
        let (authority, vault) = state.withLock { ($0.authority, $0.vault) }
        guard let vault, let key = authority.verifyingKey(for: statement),
            signed.isSigned(by: key, vault: vault.bytes)
        else { throw VaultError.tampered(code: "ledger.signature") }
        return (statement, signed)
    }

    /// Refuses a leaf that is not the one under the checkpoint.
    func checkHash(of leaf: [UInt8], _ index: UInt64) throws {
        let hash = state.withLock { index < $0.hashes.count ? $0.hashes[Int(index)] : nil }
        guard hash == leafHash(leaf) else { throw VaultError.tampered(code: "ledger.leaf") }
    }

    /// Writes statements, items, projections and a checkpoint in one transaction, then the witness copy.
    ///
    /// Durable on return. When it throws, nothing was written, but after `VaultError.uncertain`.
    @discardableResult
    func record(_ drafts: [Draft], in pool: DatabasePool) throws -> [Recorded] {
        var recorded: [Recorded] = []
        var next: State?
        var base: UInt64 = 0
        var isCommitting = false
        let isGoingOn = continuation.withLock { $0 != nil }
        let drafts = isGoingOn ? try continued(drafts) : drafts
        do {
            try pool.writeWithoutTransaction { db in
                try db.inTransaction(.immediate) {
                    try refresh(db)
                    var state = self.state.withLock { state in
                        State(
                            tree: state.tree, hashes: [], authority: state.authority, vault: state.vault,
                            checkpoint: state.checkpoint)
                    }
                    base = state.tree.size
                    guard isGoingOn || !restored.holds(base) else { throw Refusal.vaultRestored }
                    recorded = try append(drafts, to: &state, isGoingOn: isGoingOn, db)
                    next = state
                    isCommitting = true
                    return .commit
                }
            }
        } catch let error as DatabaseError where isCommitting && error.resultCode != .SQLITE_FULL {
            // The log may hold all of it, its end included, and only the sync failed: then a crash brings it back.
            throw VaultError.uncertain
        }
        guard let next else { return [] }
        state.withLock { state in
            // Since the commit another thread may have read these statements from the catalogue, and more.
            guard state.tree.size == base else { return }
            state.tree = next.tree
            state.hashes += next.hashes
            for statement in recorded.map(\.statement) {
                guard let file = statement.pupilFile else { continue }
                state.acts[file, default: FileActs()].add(
                    statement.index, statement.act.kind, at: statement.time, of: statement.act.document,
                    marking: statement.act.markedItem, detail: statement.recordedDetail)
                state.acts[file]?.note(
                    statement.index, statement.act.kind, at: statement.time, of: statement.act.document,
                    record: statement.act.record, isShown: statement.act.isShown,
                    isTriaging: next.authority.isTriaging(statement.author))
                // It was checked before it was written.
                if case .itemsTriaged(let act) = statement.act { try? state.acts[file]?.take(act, at: statement.index) }
            }
            state.authority = next.authority
            state.vault = next.vault
            state.checkpoint = next.checkpoint
        }
        if isGoingOn {
            continuation.withLock { $0 = nil }
            restored.remove()
        }
        known.write(next.checkpoint, size: next.tree.size)
        do {
            try witness.write(next.checkpoint, size: next.tree.size)
        } catch is SystemCallError {
            throw VaultError.unwitnessed
        }
        return recorded
    }

    /// What a person says, after their decision that the restored vault goes on.
    private func continued(_ drafts: [Draft]) throws -> [Draft] {
        guard let act = continuation.withLock({ $0 }), let first = drafts.first, case .person = first.signer else {
            throw Refusal.vaultRestored
        }
        return [Draft(signer: first.signer, act: .vaultContinued(act))] + drafts
    }

    private func append(
        _ drafts: [Draft], to state: inout State, isGoingOn: Bool, _ db: Database
    ) throws -> [Recorded] {
        let now = clock.now()
        guard now >= state.authority.newest else { throw VaultError.clockBehind }
        if state.tree.size > 0, !isGoingOn {
            try check(witnessed: witness.kept(), state.authority, state.tree.size, db)
            try check(known.kept(), state.authority, state.tree.size, db)
        }
        var recorded: [Recorded] = []
        for draft in drafts {
            let author: Author
            switch draft.signer {
            case .service: author = .service
            case .person(let acting): author = .person(acting.person)
            }
            // Changed policy files count from the statement that adopts them on.
            let inForce = draft.act.kind == .policyAdopted ? policy : state.authority.policy ?? policy
            let statement = Statement(
                index: state.tree.size, time: now, author: author, root: state.tree.root, policy: inForce,
                pupilFile: draft.pupilFile, items: draft.items.map(\.item), fields: draft.fields, act: draft.act)
            if case .vaultFounded(let act) = draft.act { state.vault = act.vault }
            guard let vault = state.vault else { throw VaultError.tampered(code: "ledger.unfounded") }
            let bytes = try statement.encoded()
            let signed: SignedStatement
            switch draft.signer {
            case .service:
                signed = try SignedStatement(signing: bytes, vault: vault.bytes, key: secrets.service)
            case .person(let acting):
                signed = try SignedStatement(signing: bytes, vault: vault.bytes, key: acting.keys.signing)
            }
            guard let key = state.authority.verifyingKey(for: statement), signed.isSigned(by: key, vault: vault.bytes)
            else {
                // Of a session whose person has joined again with other keys since.
                if case .person = draft.signer, state.authority.founding != nil { throw Refusal.keysBeingReplaced }
                throw VaultError.tampered(code: "ledger.wrong-key")
            }
            // It was decided under what the ledger said then; somebody else's statement may have come between.
            do {
                try state.authority.apply(statement)
                try Self.checkMarked(statement) { file in self.state.withLock { $0.acts[file] } }
            } catch { throw Refusal.changedMeanwhile }
            let leaf = signed.leaf
            let hash = leafHash(leaf)
            try db.cachedStatement(sql: "INSERT INTO statement (idx, leaf) VALUES (?, ?)")
                .execute(arguments: [Int64(statement.index), Data(leaf)])
            for node in state.tree.append(hash) {
                try db.cachedStatement(sql: "INSERT INTO node (level, idx, hash) VALUES (?, ?, ?)")
                    .execute(arguments: [node.level, Int64(node.index), Data(node.hash.bytes)])
            }
            state.hashes.append(hash)
            for sealed in draft.items {
                try db.cachedStatement(sql: "INSERT INTO item (id, kind, idx, bytes) VALUES (?, ?, ?, ?)")
                    .execute(arguments: [
                        Data(sealed.item.id.bytes), sealed.item.kind.rawValue, Int64(statement.index),
                        Data(sealed.bytes),
                    ])
            }
            for row in Projection.rows(of: statement) { try row.insert(db) }
            // One for each size, so that a missing one shows.
            guard let origin = state.authority.origin(ofSize: state.tree.size) else {
                throw VaultError.tampered(code: "ledger.unfounded")
            }
            let checkpoint = try Checkpoint(origin: origin, size: state.tree.size, root: state.tree.root)
            state.checkpoint = try checkpoint.signed(by: secrets.checkpoint).encoded
            try db.cachedStatement(sql: "INSERT INTO checkpoint (size, note) VALUES (?, ?)")
                .execute(arguments: [Int64(state.tree.size), state.checkpoint])
            recorded.append(Recorded(statement: statement, checkpoint: state.checkpoint))
        }
        return recorded
    }

    /// The root at an earlier size, from the stored nodes.
    static func root(at size: UInt64, _ db: Database) throws -> Digest {
        try Proofs.root(size: size) { level, index in try node(level, index, db) }
    }

    /// A stored node of the tree.
    static func node(_ level: Int, _ index: UInt64, _ db: Database) throws -> Digest {
        let bytes = try Data.fetchOne(
            db, sql: "SELECT hash FROM node WHERE level = ? AND idx = ?", arguments: [level, Int64(index)])
        guard let digest = bytes.flatMap({ Digest($0) }) else { throw VaultError.tampered(code: "ledger.node") }
        return digest
    }
}

extension [UInt8] {
    /// A statement's leaf.
    static func fetchLeaf(_ db: Database, _ index: UInt64) throws -> [UInt8]? {
        let statement = try db.cachedStatement(sql: "SELECT leaf FROM statement WHERE idx = ?")
        return try Data.fetchOne(statement, arguments: [Int64(index)]).map { [UInt8]($0) }
    }
}

extension Row {
    /// A column's value; a catalogue that holds another type there was damaged.
    func value<Value: DatabaseValueConvertible>(_ column: String) throws -> Value {
        let stored: DatabaseValue = self[column]
        guard let value = Value.fromDatabaseValue(stored) else { throw VaultError.tampered(code: "catalogue.row") }
        return value
    }

    /// A place in the ledger.
    func index(_ column: String) throws -> UInt64 {
        let stored: Int64 = try value(column)
        guard let index = UInt64(exactly: stored) else { throw VaultError.tampered(code: "catalogue.row") }
        return index
    }
}

extension UInt64 {
    /// A place in the ledger from the catalogue; nil where there is none.
    static func fetchIndex(_ db: Database, sql: String, arguments: StatementArguments) throws -> UInt64? {
        try Row.fetchOne(db, sql: sql, arguments: arguments)?.index("idx")
    }

    static func fetchIndices(_ db: Database, sql: String, arguments: StatementArguments = []) throws -> [UInt64] {
        try Row.fetchAll(db, sql: sql, arguments: arguments).map { try $0.index("idx") }
    }
}

extension ProjectedRow {
    func insert(_ db: Database) throws {
        let columns = table.columns
        let marks = Array(repeating: "?", count: columns.count).joined(separator: ", ")
        try db.cachedStatement(
            sql: "INSERT INTO \(table.rawValue) (\(columns.joined(separator: ", "))) VALUES (\(marks))"
        ).execute(arguments: StatementArguments(cells.map(\.databaseValue)))
    }
}

extension Cell {
    var databaseValue: DatabaseValue {
        switch self {
        case .null: .null
        case .integer(let value): value.databaseValue
        case .text(let value): value.databaseValue
        case .blob(let value): Data(value).databaseValue
        }
    }

    init(_ value: DatabaseValue) {
        switch value.storage {
        case .null: self = .null
        case .int64(let value): self = .integer(value)
        case .string(let value): self = .text(value)
        case .blob(let value): self = .blob([UInt8](value))
        case .double(let value): self = .text("double \(value)")
        }
    }
}

extension Statement {
    /// Of a filing or an entry, the digest of its detail.
    fileprivate var recordedDetail: Digest? {
        let detail: ItemID
        switch act {
        case .documentFiled(let act): detail = act.detail
        case .entryMade(let act): detail = act.detail
        default: return nil
        }
        return items.first { $0.kind == .detail && $0.id == detail }?.digest
    }
}
