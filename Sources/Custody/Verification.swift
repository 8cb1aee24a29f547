import Foundation
import GRDB
import Ledger
public import Records
import Sealing

// `verify` believes nothing: it reads every statement, signature, tree node and checkpoint, replays authority, makes the
// projections again in memory and compares them row by row, and hashes every sealed item and payload.

/// Something that verification found.
public struct Finding: Hashable, Sendable {
    /// How bad it is.
    public enum Weight: String, Hashable, Sendable {
        /// The vault is not what its ledger says.
        case broken
        /// Lawful, and worth knowing: an orphan payload, a witness that is behind.
        case note
    }
    /// How bad it is.
    public let weight: Weight
    /// A stable code.
    public let code: String
    /// Where: a statement's index, an id or a file.
    public let place: String
}

/// What verification came to.
public struct Verification: Sendable {
    /// Statements read.
    public let statements: UInt64
    /// Documents, and scans in the intake queue, whose payload was hashed.
    public let documents: Int
    /// What the checkpoints that were held against it came to, in their order.
    public internal(set) var held: [HeldFinding] = []
    /// What was found, in the order it was found; the first broken one is where to look first.
    public internal(set) var findings: [Finding]
    /// Whether nothing is broken.
    public var holds: Bool { !findings.contains { $0.weight == .broken } }
}

/// What a checkpoint that somebody holds came to, beside the ledger.
public struct HeldFinding: Hashable, Sendable {
    /// How many statements it has.
    public let size: UInt64
    /// When the last of them was recorded, as the ledger has it; nil where the ledger does not extend it.
    public let recorded: Timestamp?
    /// Whether the vault's own key signed it; a sheet that was typed off without its signature is compared all the same.
    public let isSigned: Bool
    /// Witnesses of the policies that cosigned it.
    public let witnesses: [String]
}

extension Vault {
    /// Verifies a vault without opening anything: no password is needed, only its files.
    ///
    /// A ledger that was written anew by who holds its checkpoint key is found only beside a checkpoint that was out of their
    /// reach: one that is held, or one that a witness cosigned.
    /// - Parameter since: texts with checkpoints that somebody holds: notes, receipts, what stands on a sheet.
    /// - Parameter progress: told from time to time how many of how many payloads are hashed.
    /// - Throws: only where the vault cannot be read at all; what is wrong with it is a finding.
    public static func verify(
        _ location: Location, since texts: [String] = [], progress: (_ done: Int, _ of: Int) -> Void = { _, _ in }
    ) throws(VaultError) -> Verification {
        try checkPresent(location)
        let held = texts.flatMap { HeldCheckpoint.all(in: $0) }
        guard texts.isEmpty || !held.isEmpty else {
            throw .refused(
                Refusal(
                    code: "since.unreadable", message: "There is no checkpoint in that text.",
                    hint:
                        "It has three lines: the ledger's name, how many statements there are, and 44 letters and digits, as on the sheet or receipt."
                ))
        }
        var verifier = Verifier(location: location)
        verifier.sinceSizes = Set(held.map(\.checkpoint.size))
        if verifier.checkCatalogue() { verifier.checkFiles(progress) }
        return Verification(
            statements: verifier.statements, documents: verifier.payloads.count, held: verifier.check(held),
            findings: verifier.findings)
    }
}

extension Vault {
    /// Verifies all of a vault but its payloads and what is not filed; gives what its statements commit to, in the order of
    /// their ids.
    static func verifySnapshot(
        _ location: Location
    ) throws(VaultError) -> (verification: Verification, payloads: [CommittedPayload]) {
        try checkPresent(location)
        var verifier = Verifier(location: location)
        verifier.checkCatalogue()
        let payloads = verifier.payloads.values.sorted { $0.sealed.blob < $1.sealed.blob }
        return (
            Verification(statements: verifier.statements, documents: payloads.count, findings: verifier.findings),
            payloads
        )
    }
}

/// A payload as a statement commits to it.
struct CommittedPayload {
    let sealed: SealedPayload
    /// What it is of, for a finding.
    let place: String
    /// The statement's index.
    let index: UInt64
}

private struct Verifier {
    let location: Vault.Location
    var findings: [Finding] = []
    var statements: UInt64 = 0
    var payloads: [BlobID: CommittedPayload] = [:]
    private var tree = MerkleTree()
    private var authority = Authority()
    private var links = EntryLinks()
    private var proofs = PaperProofs()
    private var nodes: [NodePosition: Digest] = [:]
    private var roots: [UInt64: Digest] = [:]
    var sinceSizes: Set<UInt64> = []
    /// What was known beside the folder before the ledger was read.
    private var known: Checkpoint?
    /// When the last statement of those sizes was recorded.
    private var times: [UInt64: Timestamp] = [:]
    private var rows: [Projection: Set<[Cell]>] = [:]
    private var items: [ItemID: (item: Item, index: UInt64)] = [:]
    /// The documents that were filed as evidence.
    private var evidence: Set<DocumentID> = []
    /// Of each document its pupil file and its payload's length, and of each restricted one its payload's length.
    private var documents: [DocumentID: (pupilFile: PupilFileID?, length: UInt64, index: UInt64)] = [:]
    private var brought: [DocumentID: UInt64] = [:]
    /// The pupil file of each statement that put an item into a chronology.
    private var filed: [UInt64: PupilFileID] = [:]

    init(location: Vault.Location) { self.location = location }

    mutating func found(_ code: String, _ place: String, _ weight: Finding.Weight = .broken) {
        findings.append(Finding(weight: weight, code: code, place: place))
    }

    /// Runs one part; a part that cannot be read is a finding, and the next is tried.
    private mutating func part(_ code: String, _ body: (inout Verifier) throws -> Void) {
        do { try body(&self) } catch { found(code, (error as? VaultError)?.code ?? "unreadable") }
    }

    /// Verifies all but payloads and workspace; false where the catalogue cannot even be opened.
    @discardableResult
    mutating func checkCatalogue() -> Bool {
        // Before the snapshot: other processes write it after they commit.
        let witness = Result { try readWitness() }
        known = KnownCheckpoint(vault: location.vault).kept()
        let catalogue: any DatabaseReader
        do { catalogue = try Catalogue.openToVerify(location.catalogue) } catch {
            found("catalogue.unreadable", "catalogue.sqlite")
            return false
        }
        part("catalogue.unreadable") { verifier in
            try catalogue.read { db in
                verifier.part("catalogue.damaged") { try $0.checkDatabase(db) }
                verifier.part("schema.differs") { try $0.checkSchema(db) }
                verifier.part("ledger.unreadable") { try $0.readStatements(db) }
                verifier.part("ledger.unreadable") { try $0.checkNodes(db) }
                verifier.part("ledger.unreadable") { try $0.checkCheckpoints(db) }
                verifier.part("projection.unreadable") { try $0.checkProjections(db) }
                verifier.part("item.unreadable") { try $0.checkItems(db) }
                verifier.part("cosignature.unreadable") { try $0.checkCosignatures(db) }
                verifier.part("witness.unreadable") { try $0.checkWitness(witness.get()) }
            }
        }
        part("policies.unreadable") { try $0.checkPolicies() }
        part("secrets.unreadable") { try $0.checkSecrets() }
        try? catalogue.close()
        return true
    }

    /// Verifies what a backup has not, and its payloads.
    mutating func checkFiles(_ progress: (Int, Int) -> Void) {
        part("blob.unreadable") { try $0.checkBlobs(progress) }
        part("workspace.unreadable") { try $0.checkWorkspace() }
        checkKnown()
    }

    private mutating func checkDatabase(_ db: Database) throws {
        for line in try String.fetchAll(db, sql: "PRAGMA integrity_check(20)") where line != "ok" {
            found("catalogue.integrity", String(line.prefix(200)))
        }
        if try Row.fetchOne(db, sql: "PRAGMA foreign_key_check") != nil { found("catalogue.foreign-key", "catalogue") }
        let version = try Int.fetchOne(db, sql: "PRAGMA user_version")
        if version != Schema.version { found("schema.version", "user_version \(version ?? -1)") }
    }

    /// The schema is what this program would make: a missing trigger or constraint is a finding.
    private mutating func checkSchema(_ db: Database) throws {
        let query = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY type, name"
        let wanted = try DatabaseQueue().write { db in
            try Schema.create(db)
            return try String.fetchAll(db, sql: query)
        }
        let given = try String.fetchAll(db, sql: query)
        for line in Set(given).symmetricDifference(wanted).sorted() {
            found("schema.differs", String(line.prefix(60)))
        }
    }

    private mutating func readStatements(_ db: Database) throws {
        let cursor = try Row.fetchCursor(db, sql: "SELECT idx, leaf FROM statement ORDER BY idx")
        while let row = try cursor.next() {
            guard let index = try? row.index("idx"), index == tree.size, let leaf = try? row.value("leaf") as Data
            else {
                found("statement.missing", "statement \(tree.size)")
                break
            }
            read([UInt8](leaf), index)
        }
        statements = tree.size
        if statements == 0 { found("ledger.empty", "statement 0") }
    }

    private mutating func read(_ leaf: [UInt8], _ index: UInt64) {
        let place = "statement \(index)"
        let root = tree.root
        defer {
            for node in tree.append(leafHash(leaf)) { nodes[node.position] = node.hash }
            roots[tree.size] = tree.root
        }
        let signed: SignedStatement
        let statement: Statement
        do {
            signed = try SignedStatement(leaf: leaf)
            statement = try Statement(parsing: signed.statement)
        } catch {
            found("statement.malformed", place)
            return
        }
        if sinceSizes.contains(index + 1) { times[index + 1] = statement.time }
        guard statement.index == index else { return found("statement.index", place) }
        guard statement.root == root else { return found("statement.root", place) }
        var vault = authority.founding?.vault
        if case .vaultFounded(let act) = statement.act { vault = act.vault }
        guard let key = authority.verifyingKey(for: statement), let vault, signed.isSigned(by: key, vault: vault.bytes)
        else { return found("statement.signature", place) }
        do throws(StatementError) {
            try authority.apply(statement)
            try links.take(statement)
            try proofs.take(statement)
        } catch {
            if case .unlawful(let why) = error { found("statement.unlawful", "\(place): \(why)") }
            return
        }
        if statement.act.kind.isRecord { filed[index] = statement.pupilFile }
        if let item = statement.act.markedItem, filed[item] != statement.pupilFile {
            found("statement.unlawful", "\(place): a significant event that is no item of this pupil file")
        }
        if statement.act.namedDocuments.contains(where: { documents[$0]?.pupilFile != statement.pupilFile }) {
            found("statement.unlawful", "\(place): a document that is not of this pupil file")
        }
        for row in Projection.rows(of: statement) { rows[row.table, default: []].insert(row.cells) }
        for item in statement.items where items.updateValue((item, index), forKey: item.id) != nil {
            found("item.named-twice", item.id.text)
        }
        switch statement.act {
        case .documentFiled(let act):
            payloads[act.payload.blob] = CommittedPayload(
                sealed: act.payload, place: "document \(act.document.text)", index: index)
            documents[act.document] = (statement.pupilFile, act.payload.length, index)
            if act.quarantine != nil { evidence.insert(act.document) }
        case .intakeReceived(let act):
            payloads[act.payload.blob] = CommittedPayload(
                sealed: act.payload, place: "intake item \(act.upload.text)", index: index)
        case .restrictedActed(let act):
            guard let payload = act.brought?.payload else { break }
            payloads[payload.blob] = CommittedPayload(
                sealed: payload, place: "restricted document \(act.record.text)", index: index)
            brought[act.record] = payload.length
        case .documentMoved(let document, let record):
            // Content of the same length has a payload of the same length, under whatever key.
            if documents[document]?.pupilFile != statement.pupilFile || documents[document]?.length != brought[record] {
                found("statement.unlawful", "\(place): moved what is not of this file, or to other content")
            }
            // From here on it is no item of the file.
            if let index = documents[document]?.index { filed[index] = nil }
        case .quarantineDecided(let act):
            if documents[act.document]?.pupilFile != statement.pupilFile || !evidence.contains(act.document) {
                found("statement.unlawful", "\(place): decided about what this file does not keep as evidence")
            }
        case .vaultContinued: found("vault.continued", place, .note)
        case .backupVerified(let act):
            if roots[act.size] != act.root { found("statement.unlawful", "\(place): a backup of another ledger") }
        default: break
        }
    }

    private mutating func checkNodes(_ db: Database) throws {
        var left = nodes
        let cursor = try Row.fetchCursor(db, sql: "SELECT level, idx, hash FROM node")
        while let row = try cursor.next() {
            guard let level = try? row.value("level") as Int, let index = try? row.index("idx"),
                let hash = try? row.value("hash") as Data
            else {
                found("node.differs", "(no place)")
                continue
            }
            if left.removeValue(forKey: NodePosition(level: level, index: index))?.bytes != [UInt8](hash) {
                found("node.differs", "node \(level)/\(index)")
            }
        }
        if let missing = left.keys.first { found("node.missing", "node \(missing.level)/\(missing.index)") }
    }

    private mutating func checkCheckpoints(_ db: Database) throws {
        guard let founding = authority.founding,
            let key = VerifyingKey(rawRepresentation: founding.checkpointKey)
        else { return }
        var last: UInt64 = 0
        let cursor = try Row.fetchCursor(db, sql: "SELECT size, note FROM checkpoint ORDER BY size")
        while let row = try cursor.next() {
            guard let size = try? row.index("size"), let text = try? row.value("note") as String else {
                found("checkpoint.differs", "after checkpoint \(last)")
                continue
            }
            if size != last + 1 { found("checkpoint.missing", "checkpoint \(last + 1)") }
            last = size
            do {
                let note = try SignedNote(parsing: text)
                let origin = authority.origin(ofSize: size) ?? founding.origin
                let verifier = try NoteVerifier(name: origin, verifyingKey: key)
                let checkpoint = try Checkpoint(note.verified(by: [verifier]), origin: origin)
                guard checkpoint.size == size, roots[size] == checkpoint.root, note.encoded == text
                else { throw StatementError.malformed("checkpoint") }
            } catch { found("checkpoint.differs", "checkpoint \(size)") }
        }
        if last != tree.size { found("checkpoint.missing", "checkpoint \(tree.size)") }
    }

    /// A cosignature proves itself: by its witness's key, over this ledger's checkpoint of its size.
    private mutating func checkCosignatures(_ db: Database) throws {
        let known = Set(((try? Vault.readPolicies(location.vault + "/policies"))?.witness.cosigners ?? []).map(\.vkey))
        let cursor = try Row.fetchCursor(
            db,
            sql: """
                SELECT witness, size, time, line, note FROM cosignature LEFT JOIN checkpoint USING (size)
                ORDER BY size, witness
                """)
        while let row = try cursor.next() {
            guard let vkey = try? row.value("witness") as String, let size = try? row.index("size"),
                let time = try? row.value("time") as Int64, let line = try? row.value("line") as String
            else {
                found("cosignature.differs", "(no place)")
                continue
            }
            let cosigner = try? Cosigner(parsing: vkey)
            let place = "checkpoint \(size), \(cosigner.map { String(visible($0.name).prefix(60)) } ?? "(no name)")"
            // Whose note it is and where it stands is looked at with the checkpoints; here, that the ledger is the one cosigned.
            guard let cosigner, let note = try? row.value("note") as String,
                case .cosigned(let lines) = try? WitnessAnswer(parsing: Array(line.utf8)), lines.count == 1,
                let checkpoint = (try? SignedNote(parsing: note)).flatMap({ try? Checkpoint(parsing: $0.text) }),
                checkpoint.size == size, checkpoint.root == roots[size],
                let cosignature = try? Cosignature(verifying: lines[0], of: checkpoint.text, by: cosigner),
                Int64(exactly: cosignature.time) == time, lines[0].line == line
            else {
                found("cosignature.differs", place)
                continue
            }
            if !known.contains(vkey) { found("cosignature.unknown-witness", place, .note) }
        }
    }

    /// Holds checkpoints against the ledger that was read.
    mutating func check(_ held: [HeldCheckpoint]) -> [HeldFinding] {
        let cosigners = (try? Vault.readPolicies(location.vault + "/policies"))?.witness.cosigners ?? []
        let key = (authority.founding?.checkpointKey).flatMap { VerifyingKey(rawRepresentation: $0) }
        return held.map { held in
            let checkpoint = held.checkpoint
            let place = "the held checkpoint of \(checkpoint.size) statements"
            var recorded: Timestamp?
            let verifier = key.flatMap { try? NoteVerifier(name: checkpoint.origin, verifyingKey: $0) }
            if checkpoint.origin != authority.origin(ofSize: checkpoint.size) {
                // Of what was lost before the vault went on, or of another vault.
                let isLost = authority.origins.contains(checkpoint.origin)
                found(
                    isLost ? "since.lost" : "since.other-ledger",
                    isLost
                        ? "\(place) is of a history that was lost before the vault went on"
                        : "\(place) is of \(visible(checkpoint.origin).prefix(80))")
            } else if checkpoint.size > tree.size {
                found("ledger.behind-since", "\(place); the ledger has \(tree.size)")
            } else if checkpoint.size > 0, roots[checkpoint.size] != checkpoint.root {
                found("ledger.differs-from-since", place)
            } else {
                recorded = times[checkpoint.size]
            }
            var isSigned = false
            if let note = held.note, let verifier {
                do {
                    _ = try note.verified(by: [verifier])
                    isSigned = true
                } catch LedgerError.noKnownSignature {
                    // Cosignatures alone, or another key's.
                    if recorded != nil { found("since.not-signed", place, .note) }
                } catch {
                    found("since.signature", "\(place): its signature is not the vault's, or was typed wrongly", .note)
                }
            }
            return HeldFinding(
                size: checkpoint.size, recorded: recorded, isSigned: isSigned,
                witnesses: (try? held.note?.cosignatures(by: cosigners))?.map(\.cosigner.name) ?? [])
        }
    }

    private mutating func checkProjections(_ db: Database) throws {
        for table in Projection.allCases {
            var left = rows[table] ?? []
            let cursor = try Row.fetchCursor(
                db, sql: "SELECT \(table.columns.joined(separator: ", ")) FROM \(table.rawValue)")
            while let row = try cursor.next() {
                let cells = Array(row.databaseValues.map { Cell($0) })
                if left.remove(cells) == nil { found("projection.differs", "\(table.rawValue) \(Self.name(cells))") }
            }
            for cells in left.prefix(20) { found("projection.missing", "\(table.rawValue) \(Self.name(cells))") }
        }
    }

    private static func name(_ cells: [Cell]) -> String {
        switch cells.first {
        case .integer(let value): String(value)
        case .blob(let bytes): ItemID(bytes)?.text ?? "(no id)"
        default: "(no id)"
        }
    }

    private mutating func checkItems(_ db: Database) throws {
        var left = items
        let cursor = try Row.fetchCursor(db, sql: "SELECT id, kind, idx, bytes FROM item")
        while let row = try cursor.next() {
            guard let data = try? row.value("id") as Data, let id = ItemID(data),
                let kind = try? row.value("kind") as String
            else {
                found("item.differs", "(no id)")
                continue
            }
            guard let (item, index) = left.removeValue(forKey: id), item.kind.rawValue == kind,
                index == (try? row.index("idx")),
                try row.withUnsafeData(named: "bytes", { ($0 ?? Data()).withUnsafeBytes { sha256($0) } }) == item.digest
            else {
                found("item.differs", "\(kind.prefix(40)) \(id.text)")
                continue
            }
        }
        for (id, entry) in left.prefix(20) { found("item.missing", "\(entry.item.kind.rawValue) \(id.text)") }
    }

    private func readWitness() throws -> [UInt8]? {
        let witness = Witness(directory: location.vault + "/witness")
        return Files.exists(witness.path) ? try Files.read(witness.path) : nil
    }

    private mutating func checkWitness(_ bytes: [UInt8]?) throws {
        guard let bytes else { return found("witness.missing", "witness/checkpoint") }
        let note = try SignedNote(parsing: bytes)
        guard let founding = authority.founding, let key = VerifyingKey(rawRepresentation: founding.checkpointKey)
        else {
            return
        }
        let kept: Checkpoint
        do {
            // One that is ahead is of the origin that counts now.
            let size = min((try? Checkpoint(parsing: note.text))?.size ?? 0, tree.size)
            let origin = authority.origin(ofSize: size) ?? founding.origin
            let verifier = try NoteVerifier(name: origin, verifyingKey: key)
            kept = try Checkpoint(note.verified(by: [verifier]), origin: origin)
        } catch { return found("witness.signature", "witness/checkpoint") }
        if kept.size > tree.size {
            found("ledger.behind-witness", "the witness has seen \(kept.size) statements, the ledger has \(tree.size)")
        } else if roots[kept.size] != kept.root {
            found("ledger.differs-from-witness", "checkpoint \(kept.size)")
        } else if kept.size < tree.size {
            found("witness.behind", "witness/checkpoint", .note)
        }
    }

    private mutating func checkPolicies() throws {
        let policies = try Vault.readPolicies(location.vault + "/policies")
        if let policy = authority.policy, policies.digest != policy { found("policies.differ", "policies") }
        let known = Set(Policies.fileNames)
        for name in try Files.names(in: location.vault + "/policies") where !known.contains(name) {
            found("policies.unknown-file", String(name.prefix(60)), .note)
        }
    }

    /// What is known beside the folder, where it is of the history that counts.
    private mutating func checkKnown() {
        // A backup is always behind.
        guard !Vault.isBackup(location.vault),
            let seen = known, authority.owns(seen), !authority.gaveUp(seen)
        else { return }
        if seen.size > tree.size {
            found(
                "ledger.behind-known", "\(seen.size) statements are known, the ledger has \(tree.size)",
                // So is what was made of a backup, until somebody decides.
                RestoredMark(location.vault).holds(tree.size) ? .note : .broken)
        } else if roots[seen.size] != seen.root {
            found("ledger.differs-from-known", "checkpoint \(seen.size)")
        }
    }

    private mutating func checkSecrets() throws {
        guard Files.exists(location.secrets) else { return found("secrets.absent", "secrets", .note) }
        let secrets = try SecretFiles(in: location.secrets)
        guard let founding = authority.founding else { return }
        if founding.serviceKey != secrets.service.verifyingKey.rawRepresentation {
            found("secrets.service-key", "service-key")
        }
        if founding.checkpointKey != secrets.checkpoint.verifyingKey.rawRepresentation {
            found("secrets.checkpoint-key", "checkpoint-key")
        }
    }

    private mutating func checkBlobs(_ progress: (Int, Int) -> Void) throws {
        let store = PayloadFolder(root: location.vault)
        let present = Set(try store.blobs())
        for (done, entry) in payloads.sorted(by: { $0.key < $1.key }).enumerated() {
            let (blob, kept) = entry
            progress(done, payloads.count)
            guard present.contains(blob) else {
                found("blob.missing", kept.place)
                continue
            }
            do {
                let (length, digest) = try Self.hash(store.path(of: blob))
                if length != kept.sealed.length || digest != kept.sealed.digest {
                    found("blob.differs", kept.place)
                }
            } catch { found("blob.unreadable", kept.place) }
        }
        progress(payloads.count, payloads.count)
        for blob in present.subtracting(payloads.keys).sorted() { found("blob.orphan", blob.text, .note) }
        for directory in try Files.names(in: location.vault + "/blobs") {
            for name in try Files.names(in: location.vault + "/blobs/" + directory)
            where BlobID(text: name)?.text.prefix(2) != directory[...] {
                found("blob.misplaced", String(name.prefix(60)))
            }
        }
    }

    private static func hash(_ path: String) throws -> (UInt64, Digest) {
        var hasher = SHA256Hasher()
        var length: UInt64 = 0
        guard let file = FileHandle(forReadingAtPath: path) else { throw SystemCallError("open") }
        defer { try? file.close() }
        while let data = try file.read(upToCount: 4 << 20), !data.isEmpty {
            data.withUnsafeBytes { hasher.update($0) }
            length += UInt64(data.count)
        }
        return (length, hasher.finish())
    }

    private mutating func checkWorkspace() throws {
        let path = location.vault + "/workspace.sqlite"
        guard Files.exists(path) else { return found("workspace.missing", "workspace.sqlite", .note) }
        var configuration = Configuration()
        // What a crash left half written has to be taken back before it can be read.
        configuration.readonly = !Files.exists(path + "-journal")
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        let lines = try queue.read { db in try String.fetchAll(db, sql: "PRAGMA integrity_check(5)") }
        for line in lines where line != "ok" { found("workspace.integrity", String(line.prefix(200))) }
    }
}
