import Foundation
import GRDB
import Glibc
import Ledger
public import Records
import Sealing

// A restored vault is a copy of what the backup held. What was recorded after the backup was taken is not in it, and the old
// history may be known elsewhere: on a receipt, with a witness. So it is marked, signs nothing, and waits for a person's decision.
// 1 verify    the backup, as a vault; its keys are those of the secrets at hand
// 2 mark      the new folder is a restored one, before anything of a vault is in it
// 3 copy      policies, payloads, checkpoint, and last the catalogue: killed before, it is no vault, and is gone on with
// 4 verify    all of it
// 5 go on     a lead signs in with password and code; their first statement says so, under a new origin

/// What a restore came to.
public struct RestoreReport: Hashable, Sendable {
    /// How many statements were restored.
    public let statements: UInt64
    /// When the newest of them was recorded: what came later is not in the vault.
    public let newest: Timestamp
    /// Payloads that were copied.
    public let payloads: Int
}

extension Refusal {
    private static func restore(_ code: String, _ message: String, _ hint: String) -> Refusal {
        Refusal(code: "restore." + code, message: message, hint: hint)
    }
    static let restoreNoBackup = restore(
        "no-backup", "That folder is no backup of a vault.", "Name the folder that strongroom backup wrote.")
    static func restoreOverVault(_ there: UInt64, _ backup: UInt64) -> Refusal {
        restore(
            "over-vault",
            "There is a vault in that place, with \(there) statements; the backup has \(backup).",
            "Nothing was changed. Restore into an empty folder; only then decide which of them goes on.")
    }
    static let restoreNotEmpty = restore(
        "not-empty", "There is something in that place.", "Nothing was changed. Restore into an empty folder.")
    static let restoreSecrets = restore(
        "secrets", "These secrets are not those of the backup's vault.",
        "Put the vault's own secrets' directory back, and name it with --secrets. It is in no backup.")
    static func restoreNotVerified(_ finding: Finding) -> Refusal {
        restore(
            "not-verified", "What was copied does not hold: \(finding.code), \(finding.place).",
            "Run strongroom verify on the backup. Try another one.")
    }
    static let restoreNotHeld = restore(
        "goes-on", "This vault goes on as it is: it was not restored, and is behind nothing that is known.",
        "Nothing was changed.")
    static let restoreKnown = restore(
        "known", "That is no checkpoint of this vault that is ahead of it.",
        "Name a file with a checkpoint from a receipt, a sheet or a witness, or leave it out.")
    static let vaultRestored = Refusal(
        code: "vault.restored",
        message: "This vault was restored from a backup, and nobody has decided yet that it goes on.",
        hint: "A safeguarding lead decides, at the machine: strongroom restore --go-on --as NAME.")
    static let vaultBehind = Refusal(
        code: "vault.behind",
        message: "This vault is behind what it was: its folder was put back as it had been before.",
        hint:
            "Find the newer one first. If it is lost, a safeguarding lead decides: strongroom restore --go-on --as NAME."
    )
    static let vaultIsBackup = Refusal(
        code: "vault.backup", message: "This folder is a backup, and not a vault to work in.",
        hint: "strongroom verify looks at it; strongroom restore makes a vault of it in another place.")
}

extension Vault {
    /// Restores a backup into an empty place. The vault is durable on return, and signs nothing until `goOn`.
    ///
    /// One that was interrupted is gone on with.
    /// - Parameters:
    ///   - backup: the folder of a backup.
    ///   - location: where the vault is to be; its secrets are there already, for they are in no backup.
    ///   - progress: told from time to time how many of how many payloads are verified or copied.
    /// - Throws: refusals `restore.…`.
    public static func restore(
        _ backup: String, to location: Location,
        progress: (_ what: String, _ done: Int, _ of: Int) -> Void = { _, _, _ in }
    ) throws(VaultError) -> RestoreReport {
        try rethrowing("restore") {
            let source = Location(vault: backup, secrets: location.secrets)
            guard isBackup(backup), Files.exists(source.catalogue) else {
                throw Refusal.restoreNoBackup
            }
            let verification = try verify(source) { progress("of the backup verified", $0, $1) }
            if let broken = verification.findings.first(where: { $0.weight == .broken }) {
                throw broken.code.hasPrefix("secrets.") ? Refusal.restoreSecrets : .restoreNotVerified(broken)
            }
            // Without them nobody could sign in.
            guard (try? SecretFiles(in: location.secrets)) != nil else { throw Refusal.restoreSecrets }
            let mark = RestoredMark(location.vault)
            try requireEmpty(location, mark, verification.statements)
            try Files.makeDirectory(location.vault)
            try mark.write(size: verification.statements)
            try Files.syncDirectory(Files.directory(of: location.vault))
            for part in ["/blobs", "/staging", "/orphans", "/witness", "/policies"] {
                try Files.makeDirectory(location.vault + part)
            }
            for file in Policies.fileNames {
                try Files.replace("\(location.policies)/\(file)", with: Files.read("\(source.policies)/\(file)"))
            }
            let copied = try copyPayloads(from: PayloadFolder(root: backup), to: PayloadFolder(root: location.vault)) {
                progress("copied", $0, $1)
            }
            let checkpoint = try Files.read(backup + "/witness/checkpoint")
            try Files.replace(location.vault + "/witness/checkpoint", with: checkpoint)
            try copyFile(source.catalogue, to: location.catalogue)
            try Files.syncDirectory(location.vault)
            let restored = try verify(location) { progress("of the vault verified", $0, $1) }
            if let broken = restored.findings.first(where: { $0.weight == .broken }) {
                throw Refusal.restoreNotVerified(broken)
            }
            let newest = try Catalogue.openToVerify(location.catalogue).read { db in
                try Int64.fetchOne(db, sql: "SELECT max(recorded) FROM act") ?? 0
            }
            return RestoreReport(
                statements: restored.statements, newest: Timestamp(milliseconds: newest), payloads: copied)
        }
    }

    /// Whether a folder is a backup: its mark says so.
    static func isBackup(_ path: String) -> Bool {
        (try? Files.read(path + "/backup"))?.starts(with: Array(backupMark.utf8)) ?? false
    }

    /// A folder in which there is nothing, or a restore that was interrupted.
    private static func requireEmpty(_ location: Location, _ mark: RestoredMark, _ statements: UInt64) throws {
        guard Files.exists(location.vault), try !Files.names(in: location.vault).isEmpty else { return }
        if Files.exists(location.catalogue) {
            throw Refusal.restoreOverVault(try verify(location).statements, statements)
        }
        guard mark.restoredSize != nil else { throw Refusal.restoreNotEmpty }
    }

    private static func copyPayloads(
        from source: PayloadFolder, to target: PayloadFolder, _ progress: (Int, Int) -> Void
    ) throws -> Int {
        // What was being copied when a restore was interrupted.
        for name in try Files.names(in: target.root + "/staging") { unlink(target.root + "/staging/" + name) }
        let present = Set(try target.blobs())
        let blobs = try source.blobs().filter { !present.contains($0) }.sorted()
        for (done, blob) in blobs.enumerated() {
            progress(done, blobs.count)
            _ = try source.copy(blob, to: target)
        }
        // Those too that were there already: whoever was interrupted may not have come to that.
        try target.sync(present + blobs)
        progress(blobs.count, blobs.count)
        return present.count + blobs.count
    }

    /// Copies a file by its place at the end: durable, and there whole or not at all.
    private static func copyFile(_ source: String, to path: String) throws {
        let new = path + ".new"
        let descriptor = Glibc.open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemCallError("open") }
        defer { close(descriptor) }
        try Files.withPayload(at: source) { from, size in
            try Files.readPieces(from, 0..<size, most: 1 << 20) { try Files.writeAll(descriptor, $0) }
        }
        guard fsync(descriptor) == 0 else { throw SystemCallError("fsync") }
        guard rename(new, path) == 0 else { throw SystemCallError("rename") }
    }

    /// A person who may give access decides that a vault which was restored, or is behind what is known of it, goes on. They are
    /// signed in by it; from their first statement on its checkpoints have an origin of their own. Durable on return.
    ///
    /// - Parameter known: a checkpoint of what was lost, as a receipt or a sheet has it; the newest one beside the folder counts
    ///   too.
    /// - Throws: `signInFailed`; refusals `restore.goes-on`, `restore.known`, and what keeps somebody from giving access.
    public func goOn(
        name: String, password: String, code: String, known: String? = nil
    ) throws(VaultError) -> Acting {
        try rethrowing("restore") {
            let (size, authority) = try recorder.read(pool) { _, head in (head.size, head.authority) }
            let beside = try recorder.lost(authority, pool)
            guard recorder.isHeld(size) || beside != nil else { throw Refusal.restoreNotHeld }
            var lost = beside
            if let known {
                let checkpoint = try Self.checkpoint(in: known, authority)
                guard checkpoint.size > size else { throw Refusal.restoreKnown }
                if checkpoint.size > lost?.size ?? 0 { lost = checkpoint }
            }
            recorder.goOn(
                by: ContinuationAct(
                    branch: .random(), lost: lost.map { ContinuationAct.Lost(size: $0.size, root: $0.root) }))
            defer { recorder.goOn(by: nil) }
            do { return try signIn(name: name, password: password, code: code) } catch VaultError.refused(
                .changedMeanwhile)
            {
                // It was the decision that is not theirs.
                throw Refusal.notEntitled
            }
        }
    }

    /// A checkpoint of this vault that somebody holds.
    private static func checkpoint(in text: String, _ authority: Authority) throws -> Checkpoint {
        guard let founding = authority.founding, let key = VerifyingKey(rawRepresentation: founding.checkpointKey),
            let note = try? SignedNote(parsing: text), let said = try? Checkpoint(parsing: note.text),
            said.origin == authority.origin(ofSize: .max),
            let verifier = try? NoteVerifier(name: said.origin, verifyingKey: key),
            let verified = try? note.verified(by: [verifier]),
            let checkpoint = try? Checkpoint(verified, origin: said.origin)
        else { throw Refusal.restoreKnown }
        return checkpoint
    }

    /// Where this vault went on after it was restored, oldest first; for who gives access.
    public func continuations(as acting: Acting) throws(VaultError) -> [ContinuationState] {
        try rethrowing("restore") {
            _ = try decide(.giveAccess, acting)
            return recorder.authority.continuations
        }
    }
}
