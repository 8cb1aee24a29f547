import Foundation
import GRDB
import Glibc
import Ledger
public import Records
import Sealing

// A backup is a folder that looks like the vault's own: catalogue, payloads, policies and the checkpoint that it was taken
// under. So `verify` reads it as it reads a vault. It holds ciphertext alone: no secrets, and nothing that is not filed.
// 1 snapshot   the catalogue as it stands at one moment, while people go on working
// 2 payloads   those that the snapshot names and the backup lacks; each is immutable, so none is copied twice
// 3 replace    policies and checkpoint, then the catalogue: killed before, the backup is what it was
// 4 verify     all of it, as of a vault
// 5 record     the service says which ledger was verified, and in which backup

/// What a backup came to.
public struct BackupReport: Hashable, Sendable {
    /// Which backup: a folder keeps its id.
    public let backup: BackupID
    /// How many statements it holds.
    public let statements: UInt64
    /// Payloads that were copied now.
    public let copied: Int
    /// Payloads that it had already.
    public let kept: Int
    /// Bytes of payloads that were copied now.
    public let bytes: UInt64
    /// Of those that were copied now, how many the store had lost, or had otherwise than they were filed.
    public let mended: Int
}

extension Refusal {
    private static func backup(_ code: String, _ message: String, _ hint: String) -> Refusal {
        Refusal(code: "backup." + code, message: message, hint: hint)
    }
    static let backupInside = backup(
        "inside", "That folder is in the vault or its secrets, or they are in it.",
        "Name a folder elsewhere, best on another disk.")
    static let backupNotEmpty = backup(
        "not-empty", "There is something in that place, and it is no backup of this vault.",
        "Name an empty one, or the one of this vault's backup. Nothing was changed.")
    static let backupAhead = backup(
        "ahead", "That backup is ahead of this vault, or of another history.",
        "This vault may be an old copy. Keep the backup as it is, and ask before you go on.")
    static func backupNotVerified(_ finding: Finding) -> Refusal {
        backup(
            "not-verified", "The backup does not hold: \(finding.code), \(finding.place).",
            "Run strongroom verify on the vault and on the backup. The last backup that was recorded as verified may be damaged now."
        )
    }
}

extension Vault {
    /// Takes a backup into a folder, verifies it, and records that it holds. Durable on return.
    ///
    /// People go on working meanwhile. The first copies everything, later ones what is new. No password is needed: what is
    /// copied is ciphertext, and the server secret is not among it.
    /// - Parameters:
    ///   - directory: made if it is not there; empty, or a backup of this vault.
    ///   - progress: told from time to time how many of how many payloads are copied, then verified.
    /// - Throws: refusals `backup.…`; `.tampered` for a payload that is missing or is not what was filed.
    public func backUp(
        to directory: String, progress: (_ what: String, _ done: Int, _ of: Int) -> Void = { _, _, _ in }
    ) throws(VaultError) -> BackupReport {
        try rethrowing("backup") {
            try checkPolicy()
            let mark = try BackupMark(directory, of: self)
            let target = PayloadFolder(root: directory)
            for part in ["/blobs", "/staging", "/witness", "/policies"] { try Files.makeDirectory(directory + part) }
            for name in try Files.names(in: directory + "/staging") { unlink(directory + "/staging/" + name) }
            let snapshot = try snapshot(in: directory)
            let checkpoint = try snapshot.read { db in try Self.newestCheckpoint(db) }
            try checkNotBehind(Witness(directory: directory + "/witness").kept(), snapshot, checkpoint.size)
            let (copied, kept, bytes) = try copyPayloads(of: snapshot, to: target) { progress("copied", $0, $1) }
            try snapshot.close()
            for file in Policies.fileNames {
                try Files.replace("\(directory)/policies/\(file)", with: Files.read("\(path)/policies/\(file)"))
            }
            guard rename(directory + "/catalogue.new", directory + "/catalogue.sqlite") == 0 else {
                throw SystemCallError("rename")
            }
            try Files.syncDirectory(directory)
            try Files.replace(directory + "/witness/checkpoint", with: Array(checkpoint.note.utf8))
            let verification = try Self.verify(Location(vault: directory)) { progress("verified", $0, $1) }
            if let broken = verification.findings.first(where: { $0.weight == .broken }) {
                throw Refusal.backupNotVerified(broken)
            }
            try say(
                .backupVerified(BackupAct(backup: mark.id, size: checkpoint.size, root: checkpoint.root)), .service)
            return BackupReport(
                backup: mark.id, statements: checkpoint.size, copied: copied, kept: kept, bytes: bytes, mended: 0)
        }
    }

    /// The newest verified backup of each folder, newest first; for who runs the server, or gives access.
    public func backups() throws(VaultError) -> [BackupState] {
        try rethrowing("backups") {
            try recorder.read(pool) { _, head in
                head.authority.backups.values.sorted { ($1.verified, $0.act.backup) < ($0.verified, $1.act.backup) }
            }
        }
    }

    /// The catalogue at one moment, in a file of its own, durable.
    func snapshot(in directory: String) throws -> DatabaseQueue {
        let path = directory + "/catalogue.new"
        for suffix in ["", "-journal", "-wal", "-shm"] { unlink(path + suffix) }
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        let copy = try DatabaseQueue(path: path, configuration: configuration)
        try pool.backup(to: copy)
        // One file, which nobody has to recover before it is read.
        try copy.writeWithoutTransaction { db in _ = try String.fetchOne(db, sql: "PRAGMA journal_mode = DELETE") }
        guard chmod(path, 0o600) == 0 else { throw SystemCallError("chmod") }
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemCallError("open") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw SystemCallError("fsync") }
        return copy
    }

    static func newestCheckpoint(_ db: Database) throws -> (size: UInt64, root: Digest, note: String) {
        guard let note = try String.fetchOne(db, sql: "SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1") else {
            throw VaultError.tampered(code: "checkpoint.missing")
        }
        let checkpoint = try Checkpoint(parsing: SignedNote(parsing: note).text)
        return (checkpoint.size, checkpoint.root, note)
    }

    /// Refuses to write an older or another history over a backup.
    func checkNotBehind(
        _ kept: @autoclosure () throws -> Checkpoint?, _ snapshot: DatabaseQueue, _ size: UInt64
    ) throws {
        do {
            try Witness.check(kept(), size) { size in
                try snapshot.read { db in
                    let note =
                        try String.fetchOne(
                            db, sql: "SELECT note FROM checkpoint WHERE size = ?", arguments: [Int64(size)]) ?? ""
                    return try Checkpoint(parsing: SignedNote(parsing: note).text).root
                }
            }
        } catch VaultError.tampered { throw Refusal.backupAhead }
    }

    private func copyPayloads(
        of snapshot: DatabaseQueue, to target: PayloadFolder, _ progress: (Int, Int) -> Void
    ) throws -> (copied: Int, kept: Int, bytes: UInt64) {
        let named = try snapshot.read { db in
            try Data.fetchAll(
                db,
                sql: """
                    SELECT blob FROM document UNION SELECT blob FROM intake
                    UNION SELECT blob FROM restricted WHERE blob IS NOT NULL
                    """)
        }.compactMap { BlobID($0) }
        let present = Set(try target.blobs())
        let missing = named.filter { !present.contains($0) }.sorted()
        var bytes: UInt64 = 0
        var unsynced: [BlobID] = []
        for (done, blob) in missing.enumerated() {
            progress(done, missing.count)
            bytes += try blobs.copy(blob, to: target)
            unsynced.append(blob)
            if unsynced.count == 256 {
                try target.sync(unsynced)
                unsynced = []
            }
        }
        try target.sync(unsynced)
        progress(missing.count, missing.count)
        return (missing.count, named.count - missing.count, bytes)
    }
}

extension Vault {
    /// What the mark of a backup in a folder begins with.
    static let backupMark = "strongroom backup v1\n"
}

/// The file that makes a folder a backup: which vault's, and which backup it is. Held locked while a backup is taken.
private final class BackupMark {
    let id: BackupID
    private let descriptor: Int32

    init(_ directory: String, of vault: Vault) throws {
        let secrets = vault.forbiddenToSandbox
        try Files.makeDirectory(directory)
        let own = try Self.real(directory)
        for other in try secrets.filter({ Files.exists($0) }).map({ try Self.real($0) }) {
            guard own != other, !own.hasPrefix(other + "/"), !other.hasPrefix(own + "/") else {
                throw Refusal.backupInside
            }
        }
        let path = directory + "/backup"
        let head = Vault.backupMark + "\(vault.recorder.vault?.text ?? "")\n"
        if !Files.exists(path) {
            guard try Files.names(in: directory).allSatisfy({ $0 == "backup.new" }) else {
                throw Refusal.backupNotEmpty
            }
            try Files.replace(path, with: Array((head + BackupID.random().text + "\n").utf8))
            try Files.syncDirectory(Files.directory(of: own))
        }
        let text = String(decoding: try Files.read(path), as: UTF8.self)
        guard text.hasPrefix(head), let id = BackupID(text: String(text.dropFirst(head.count).dropLast())) else {
            throw Refusal.backupNotEmpty
        }
        self.id = id
        descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemCallError("open") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw VaultError.busy }
    }

    deinit { close(descriptor) }

    private static func real(_ path: String) throws -> String {
        guard let resolved = realpath(path, nil) else { throw SystemCallError("realpath") }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
