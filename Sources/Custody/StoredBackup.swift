import Foundation
import GRDB
import Glibc
import Ledger
import Records
import Sealing
public import Storing

// A backup in a store: a mark, snapshots and payloads. Nothing that the store says is believed.
// 1 snapshot   the catalogue as it stands at one moment, while people go on working, in a folder of the vault's own
// 2 verify     all of it, as of a vault, but for the payloads: a vault that is not what its ledger says replaces no backup
// 3 payloads   each that is missing is hashed, sent, and read back from the store; so is each that was sent and not recorded
//              as verified, as when a backup was cut short; of all others the length is compared
// 4 snapshot   sent under a name of its own, and read back
// 5 mark       replaced: before, the backup is what it was; then the snapshots of before are deleted
// 6 record     the service says which ledger was verified, and in which backup
// Which payloads were read back before is what the vault's own ledger says: all of before its last `backup.verified`.

/// Where the parts of a backup lie in a store.
enum BackupPart {
    static let mark = name("backup")
    static let payloads = "blobs/"
    static let snapshots = "snapshots/"

    static func payload(_ blob: BlobID) -> ObjectName { name("blobs/\(blob.text.prefix(2))/\(blob.text)") }
    static func snapshot(_ id: ItemID, _ file: String) -> ObjectName { name("snapshots/\(id.text)/\(file)") }

    /// The payload that lies there; nil for what is none, or in another's place.
    static func payload(at name: ObjectName) -> BlobID? {
        guard let last = name.text.split(separator: "/").last, let blob = BlobID(text: String(last)),
            payload(blob) == name
        else { return nil }
        return blob
    }

    private static func name(_ text: String) -> ObjectName {
        guard let name = ObjectName(text) else { preconditionFailure("ids and our own words are names") }
        return name
    }
}

/// What an object comes to: its length and SHA-256.
struct ObjectBytes: Hashable {
    let length: UInt64
    let digest: Digest

    init(length: UInt64, digest: Digest) {
        self.length = length
        self.digest = digest
    }

    init(ofFile path: String) throws {
        var hasher = SHA256Hasher()
        var size: UInt64 = 0
        try Files.withPayload(at: path) { descriptor, length in
            size = length
            try Files.readPieces(descriptor, 0..<length, most: 1 << 20) { hasher.update($0) }
        }
        self.init(length: size, digest: hasher.finish())
    }
}

extension SealedPayload {
    /// What its bytes come to, as it was committed.
    var told: ObjectBytes { ObjectBytes(length: length, digest: digest) }
}

/// The object that makes a place a backup: whose it is, and which snapshot counts.
struct StoredMark {
    static let head = "strongroom backup v2"
    let vault: VaultID
    let backup: BackupID
    /// None until the first backup is whole: the snapshot's name, its catalogue's digest, and the checkpoint it was taken under.
    let snapshot: (id: ItemID, catalogue: Digest, note: String)?

    init(vault: VaultID, backup: BackupID, snapshot: (id: ItemID, catalogue: Digest, note: String)? = nil) {
        self.vault = vault
        self.backup = backup
        self.snapshot = snapshot
    }

    /// Nil for what is no such mark.
    init?(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.utf8.elementsEqual(bytes) else { return nil }
        let lines = text.split(separator: "\n", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
        guard lines.count >= 4, lines[0] == Self.head, let vault = VaultID(text: lines[1]),
            let backup = BackupID(text: lines[2])
        else { return nil }
        if lines.count == 4, lines[3].isEmpty {
            self.init(vault: vault, backup: backup)
        } else {
            guard lines.count == 6, let id = ItemID(text: lines[3]), let digest = Digest(hex: lines[4]) else {
                return nil
            }
            self.init(vault: vault, backup: backup, snapshot: (id, digest, lines[5]))
        }
    }

    /// The checkpoint that the backup was taken under; nil while it was never whole.
    func checkpoint() throws -> Checkpoint? {
        do { return try snapshot.map { try Checkpoint(parsing: SignedNote(parsing: $0.note).text) } } catch {
            throw Refusal.backupMarkDamaged
        }
    }

    var encoded: [UInt8] {
        let end = snapshot.map { "\($0.id.text)\n\($0.catalogue.hex)\n\($0.note)" } ?? ""
        return Array("\(Self.head)\n\(vault.text)\n\(backup.text)\n\(end)".utf8)
    }

    /// The mark of a backup that was whole once.
    ///
    /// - Throws: a refusal where there is none.
    static func read(in store: any BlobStore) throws -> (mark: StoredMark, id: ItemID, catalogue: Digest, note: String)
    {
        let bytes: [UInt8]
        do throws(StoreError) { bytes = try store.bytes(of: BackupPart.mark) } catch {
            guard error == .notThere else { throw error }
            throw Refusal.noBackupThere
        }
        guard let mark = StoredMark(bytes), let snapshot = mark.snapshot else { throw Refusal.noBackupThere }
        return (mark, snapshot.id, snapshot.catalogue, snapshot.note)
    }
}

extension Refusal {
    static let noBackupThere = Refusal(
        code: "backup.none", message: "There is no backup there, or none that was ever whole.",
        hint: "Check the bucket and what comes after it. Nothing was changed.")
    static let backupMarkDamaged = Refusal(
        code: "backup.mark-damaged", message: "The mark of the backup in the store is damaged.",
        hint: "Keep what is there as it is, and take a backup into another place. Nothing was changed.")
    static let fetchNotEmpty = Refusal(
        code: "backup.fetch-not-empty", message: "There is something in that folder, and it is no part of this backup.",
        hint: "Name an empty folder, or the one in which fetching this backup was begun. Nothing was changed.")
}

extension Vault {
    /// Takes a backup into a store, verifies it, and records that it holds. Durable on return, as far as the store tells.
    ///
    /// People go on working meanwhile. Only payloads that are missing are sent; each is read back from the store, once.
    /// - Parameters:
    ///   - store: empty, or a backup of this vault.
    ///   - readingAll: whether all payloads are read back, and not only those that were sent since the last backup.
    ///   - progress: told from time to time how many of how many payloads are looked at.
    /// - Throws: refusals `backup.…`; `.store`, and what was sent by then stays and is not sent again.
    public func backUp(
        into store: any BlobStore, readingAll: Bool = false,
        progress: (_ what: String, _ done: Int, _ of: Int) -> Void = { _, _, _ in }
    ) throws(VaultError) -> BackupReport {
        try rethrowing("backup") {
            try checkPolicy()
            let own = try SnapshotFolder(of: self)
            let mark = try storedMark(in: store)
            let checkpoint = try own.fill(from: self) { snapshot, size in
                try checkNotBehind(mark.checkpoint(), snapshot, size)
            }
            let (verification, payloads) = try Self.verifySnapshot(own.location)
            if let broken = verification.findings.first(where: { $0.weight == .broken }) {
                throw Refusal.backupNotVerified(broken)
            }
            let verified = try recorder.read(pool) { _, head in head.authority.backups[mark.backup]?.act.size ?? 0 }
            let sent = try send(
                payloads, to: store, verified: readingAll ? 0 : verified, known: verified
            ) { progress("looked at", $0, $1) }
            let now = try send(own, checkpoint.note, mark, to: store)
            for object in try store.list(BackupPart.snapshots)
            where !object.name.text.hasPrefix("snapshots/\(now.text)/") {
                try store.delete(object.name)
            }
            try say(
                .backupVerified(BackupAct(backup: mark.backup, size: checkpoint.size, root: checkpoint.root)), .service)
            return BackupReport(
                backup: mark.backup, statements: checkpoint.size, copied: sent.copied,
                kept: payloads.count - sent.copied,
                bytes: sent.bytes, mended: sent.mended)
        }
    }

    /// The mark of this vault's backup; made where the place is empty.
    private func storedMark(in store: any BlobStore) throws -> StoredMark {
        guard let vault = recorder.vault else { throw VaultError.tampered(code: "ledger.empty") }
        let bytes: [UInt8]
        do throws(StoreError) { bytes = try store.bytes(of: BackupPart.mark) } catch {
            guard error == .notThere else { throw error }
            guard try store.list("").isEmpty else { throw Refusal.backupNotEmpty }
            let mark = StoredMark(vault: vault, backup: .random())
            try store.replace(BackupPart.mark, with: mark.encoded)
            return mark
        }
        guard let mark = StoredMark(bytes), mark.vault == vault else { throw Refusal.backupNotEmpty }
        return mark
    }

    /// Sends what is missing; reads back what was not verified before.
    private func send(
        _ payloads: [CommittedPayload], to store: any BlobStore, verified: UInt64, known: UInt64,
        _ progress: (Int, Int) -> Void
    ) throws -> (copied: Int, mended: Int, bytes: UInt64) {
        var present: [BlobID: UInt64] = [:]
        for object in try store.list(BackupPart.payloads) {
            if let blob = BackupPart.payload(at: object.name) { present[blob] = object.size }
        }
        var sent = (copied: 0, mended: 0, bytes: UInt64(0))
        for (done, payload) in payloads.enumerated() {
            progress(done, payloads.count)
            let there = present[payload.sealed.blob]
            var isThere = there == payload.sealed.length
            if isThere, payload.index >= verified { isThere = try holds(payload, in: store) }
            guard !isThere else { continue }
            // It was verified there once, or lies there and is not what was filed.
            if payload.index < known || there != nil { sent.mended += 1 }
            try send(payload, to: store)
            sent.copied += 1
            sent.bytes += payload.sealed.length
        }
        progress(payloads.count, payloads.count)
        return sent
    }

    private func send(_ payload: CommittedPayload, to store: any BlobStore) throws {
        let path = blobs.path(of: payload.sealed.blob)
        guard try ObjectBytes(ofFile: path) == payload.sealed.told else {
            throw Refusal.backupNotVerified(Finding(weight: .broken, code: "blob.differs", place: payload.place))
        }
        try Files.withPayload(at: path) { descriptor, _ in
            try store.put(BackupPart.payload(payload.sealed.blob), ObjectSource(descriptor: descriptor))
        }
        guard try holds(payload, in: store) else { throw StoreError.changed }
    }

    /// Whether a payload in a store is what was filed, by its bytes.
    private func holds(_ payload: CommittedPayload, in store: any BlobStore) throws -> Bool {
        try Self.hash(BackupPart.payload(payload.sealed.blob), in: store) == payload.sealed.told
    }

    /// Length and SHA-256 of what a store has under a name.
    static func hash(_ name: ObjectName, in store: any BlobStore) throws -> ObjectBytes {
        var hasher = SHA256Hasher()
        let length = try store.read(name) { hasher.update($0) }
        return ObjectBytes(length: length, digest: hasher.finish())
    }

    /// Sends the snapshot and makes it the one that counts; gives its name.
    private func send(
        _ own: SnapshotFolder, _ note: String, _ mark: StoredMark, to store: any BlobStore
    ) throws -> ItemID {
        let id = ItemID.random()
        let whole = try ObjectBytes(ofFile: own.location.catalogue)
        try Files.withPayload(at: own.location.catalogue) { descriptor, _ in
            let object = BackupPart.snapshot(id, "catalogue.sqlite")
            try store.put(object, ObjectSource(descriptor: descriptor))
            guard try Self.hash(object, in: store) == whole else { throw StoreError.changed }
        }
        for file in Policies.fileNames {
            let bytes = try Files.read("\(own.location.policies)/\(file)")
            let object = BackupPart.snapshot(id, "policies/\(file)")
            try store.put(object, ObjectSource(bytes))
            guard try store.bytes(of: object) == bytes else { throw StoreError.changed }
        }
        let now = StoredMark(vault: mark.vault, backup: mark.backup, snapshot: (id, whole.digest, note))
        try store.replace(BackupPart.mark, with: now.encoded)
        guard try store.bytes(of: BackupPart.mark) == now.encoded else { throw StoreError.changed }
        return id
    }

    // MARK: - Verifying and fetching

    /// Verifies a backup in a store: its snapshot as a vault, and every payload by reading it from the store.
    ///
    /// - Parameters:
    ///   - secrets: the secrets' directory of its vault, where there is one.
    ///   - progress: told from time to time how many of how many payloads are hashed.
    /// - Throws: refusals `backup.none`, `backup.damaged`; `.store`; what is wrong with the backup is a finding.
    public static func verify(
        backupIn store: any BlobStore, secrets: String?, progress: (_ done: Int, _ of: Int) -> Void = { _, _ in }
    ) throws(VaultError) -> Verification {
        try rethrowing("verify") {
            let folder = FileManager.default.temporaryDirectory.path + "/strongroom-verify-" + ItemID.random().text
            try Files.makeDirectory(folder)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let (_, id, digest, note) = try StoredMark.read(in: store)
            let target = try FolderStore(at: folder)
            do throws(StoreError) { try fetchSnapshot(id, note, from: store, to: target) } catch {
                guard error == .notThere else { throw error }
                return Verification(
                    statements: 0, documents: 0,
                    findings: [Finding(weight: .broken, code: "snapshot.missing", place: "snapshots/\(id.text)")])
            }
            let location = Location(vault: folder, secrets: secrets ?? folder + ".secrets")
            var (verification, payloads) = try verifySnapshot(location)
            if try ObjectBytes(ofFile: location.catalogue).digest != digest {
                verification.findings.insert(
                    Finding(weight: .broken, code: "snapshot.differs", place: "snapshots/\(id.text)"), at: 0)
            }
            verification.findings += try differences(payloads, in: store, progress)
            return verification
        }
    }

    private static func differences(
        _ payloads: [CommittedPayload], in store: any BlobStore, _ progress: (Int, Int) -> Void
    ) throws -> [Finding] {
        var findings: [Finding] = []
        var orphans = Set<BlobID>()
        for object in try store.list(BackupPart.payloads) {
            if let blob = BackupPart.payload(at: object.name) {
                orphans.insert(blob)
            } else {
                findings.append(
                    Finding(weight: .broken, code: "blob.misplaced", place: String(object.name.text.prefix(60))))
            }
        }
        for (done, payload) in payloads.enumerated() {
            progress(done, payloads.count)
            orphans.remove(payload.sealed.blob)
            do {
                let found = try hash(BackupPart.payload(payload.sealed.blob), in: store)
                if found != payload.sealed.told {
                    findings.append(Finding(weight: .broken, code: "blob.differs", place: payload.place))
                }
            } catch StoreError.notThere {
                findings.append(Finding(weight: .broken, code: "blob.missing", place: payload.place))
            }
        }
        progress(payloads.count, payloads.count)
        return findings + orphans.sorted().map { Finding(weight: .note, code: "blob.orphan", place: $0.text) }
    }

    /// Fetches a backup from a store into a folder, which is then a backup in a folder, and verifies it.
    ///
    /// What was fetched before it was cut short is not fetched again. Durable on return.
    /// - Parameters:
    ///   - directory: made if it is not there; empty, or one in which fetching the same backup was begun.
    ///   - progress: told from time to time how many of how many payloads are fetched, then verified.
    /// - Throws: refusals `backup.…`; `.store`.
    public static func fetch(
        backupIn store: any BlobStore, to directory: String,
        progress: (_ what: String, _ done: Int, _ of: Int) -> Void = { _, _, _ in }
    ) throws(VaultError) -> Verification {
        try rethrowing("fetch") {
            let (mark, id, digest, note) = try StoredMark.read(in: store)
            let begun = directory + "/fetching"
            let text = "strongroom fetch v1\n\(mark.vault.text)\n\(mark.backup.text)\n"
            try Files.makeDirectory(directory)
            if Files.exists(begun) {
                guard try Files.read(begun) == Array(text.utf8) else { throw Refusal.fetchNotEmpty }
            } else {
                guard try Files.names(in: directory).allSatisfy({ $0 == "fetching.new" }) else {
                    throw Refusal.fetchNotEmpty
                }
                try Files.replace(begun, with: Array(text.utf8))
            }
            for part in ["/blobs", "/staging", "/witness", "/policies"] { try Files.makeDirectory(directory + part) }
            let target = try FolderStore(at: directory)
            try fetchSnapshot(id, note, from: store, to: target)
            guard try ObjectBytes(ofFile: directory + "/catalogue.sqlite").digest == digest else {
                throw StoreError.changed
            }
            let wanted = try verifySnapshot(Location(vault: directory)).payloads
            for (done, payload) in wanted.enumerated() {
                progress("fetched", done, wanted.count)
                let object = BackupPart.payload(payload.sealed.blob)
                if (try? hash(object, in: target)) == payload.sealed.told { continue }
                do throws(StoreError) { try target.put(object, ObjectSource(object, in: store)) } catch {
                    // What is missing in the store is a finding below, and keeps nobody from the rest.
                    guard error == .notThere else { throw error }
                }
            }
            progress("fetched", wanted.count, wanted.count)
            rmdir(directory + "/.storing")
            let verification = try verify(Location(vault: directory)) { progress("verified", $0, $1) }
            guard verification.holds else { return verification }
            let head = backupMark + "\(mark.vault.text)\n\(mark.backup.text)\n"
            try Files.replace(directory + "/backup", with: Array(head.utf8))
            unlink(begun)
            try Files.syncDirectory(directory)
            return verification
        }
    }

    /// Catalogue, policies and checkpoint, laid out like a vault.
    private static func fetchSnapshot(
        _ id: ItemID, _ note: String, from store: any BlobStore, to target: FolderStore
    ) throws(StoreError) {
        for file in ["catalogue.sqlite"] + Policies.fileNames.map({ "policies/" + $0 }) {
            guard let name = ObjectName(file) else { continue }
            try target.put(name, ObjectSource(BackupPart.snapshot(id, file), in: store))
        }
        guard let witness = ObjectName("witness/checkpoint") else { return }
        try target.replace(witness, with: Array(note.utf8))
    }
}

/// Where a snapshot lies until it is sent: in the vault's own folder, locked. What an earlier one left there goes.
private final class SnapshotFolder {
    let location: Vault.Location
    private let descriptor: Int32

    init(of vault: Vault) throws {
        let folder = vault.path + "/backing-up"
        location = Vault.Location(vault: folder)
        try Files.makeDirectory(folder)
        descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemCallError("open") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw VaultError.busy
        }
        try empty()
        for part in ["/blobs", "/witness", "/policies"] { try Files.makeDirectory(folder + part) }
    }

    deinit {
        try? empty()
        close(descriptor)
    }

    private func empty() throws {
        for name in try Files.names(in: location.vault) {
            try FileManager.default.removeItem(atPath: location.vault + "/" + name)
        }
    }

    /// The catalogue as it stands now, with policies and checkpoint, laid out like a vault.
    func fill(
        from vault: Vault, check: (DatabaseQueue, _ size: UInt64) throws -> Void
    ) throws -> (size: UInt64, root: Digest, note: String) {
        let snapshot = try vault.snapshot(in: location.vault)
        let checkpoint = try snapshot.read { db in try Vault.newestCheckpoint(db) }
        try check(snapshot, checkpoint.size)
        try snapshot.close()
        for file in Policies.fileNames {
            try Files.replace("\(location.policies)/\(file)", with: Files.read("\(vault.path)/policies/\(file)"))
        }
        guard rename(location.vault + "/catalogue.new", location.catalogue) == 0 else {
            throw SystemCallError("rename")
        }
        try Files.replace(location.vault + "/witness/checkpoint", with: Array(checkpoint.note.utf8))
        return checkpoint
    }
}
