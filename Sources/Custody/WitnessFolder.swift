import Foundation
import Glibc
import Ledger
public import Records
import Sealing

// A witness of somebody else's ledger: a folder with a key of its own, the ledger's public key, and the newest checkpoint that it
// cosigned. It needs no vault, and is best on another machine that another person looks after. Rules of this file.
// 1. What it cosigns goes on from what it cosigned before: by RFC 9162's proof, never by anybody's word.
// 2. The checkpoint is durable before the cosignature leaves. One run at a time, under a lock.
// 3. A folder whose checkpoint cannot be read cosigns nothing: it would forget what it saw.

/// A witness's folder.
public struct WitnessFolder: Sendable {
    /// The witness's own public key, as policies/witness.yaml takes it.
    public let vkey: String
    /// The public key of the ledger that it witnesses.
    public let ledger: String

    private let path: String
    private let cosigner: Cosigner
    private let verifier: NoteVerifier

    /// What a request came to.
    public enum Outcome: Hashable, Sendable {
        /// It was kept and cosigned: what to answer, and the whole note with the cosignature.
        case cosigned(answer: String, note: String, size: UInt64)
        /// It was asked from another size than the one kept: what to answer, and both sizes.
        case otherSize(answer: String, kept: UInt64, asked: UInt64)
    }

    /// Makes a witness. Durable on return; its folder is 0700, its key 0600.
    ///
    /// - Parameters:
    ///   - name: the key's name, such as `witness.example/school`.
    ///   - ledger: the ledger's public key, `origin+hash+base64`.
    /// - Throws: refusals `witness.name`, `witness.ledger-key`, `witness.exists`.
    public static func make(
        at path: String, name: String, ledger: String
    ) throws(VaultError) -> WitnessFolder {
        try rethrowing("witness") {
            guard (try? NoteVerifier(parsing: ledger)) != nil else {
                throw Refusal(
                    code: "witness.ledger-key", message: "That is no public key of a ledger.",
                    hint: "strongroom witness key prints a vault's: name, hash and key, joined by plus signs.")
            }
            if Files.exists(path), try !Files.names(in: path).isEmpty {
                throw Refusal(
                    code: "witness.exists", message: "There is something at \(path) already.",
                    hint: "Choose a new folder; nothing was changed.")
            }
            let seed = try SecretBytes.random(32)
            let kept = try seed.withBytes { try SecretBytes(copying: $0) }
            let key = try SigningKey(seed: seed)
            guard name.utf8.count <= 200, let cosigner = try? Cosigner(name: name, verifyingKey: key.verifyingKey)
            else {
                throw Refusal(
                    code: "witness.name", message: "That is no name of a key.",
                    hint: "Such as witness.example/school: at most 200 bytes, no spaces, no plus signs.")
            }
            try Files.makeDirectory(path)
            guard chmod(path, 0o700) == 0 else { throw SystemCallError("chmod") }
            let descriptor = Glibc.open(path + "/key", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw SystemCallError("open") }
            do {
                defer { close(descriptor) }
                try kept.withBytes { try Files.writeAll(descriptor, $0) }
                guard fsync(descriptor) == 0 else { throw SystemCallError("fsync") }
            }
            try Files.replace(path + "/witness.vkey", with: Array("\(cosigner.vkey)\n".utf8))
            try Files.replace(path + "/ledger.vkey", with: Array("\(ledger)\n".utf8))
            try Files.syncDirectory(Files.directory(of: path))
            return try WitnessFolder(at: path)
        }
    }

    /// A witness that was made.
    ///
    /// - Throws: a refusal `witness.missing`; `.tampered` where its files do not belong together.
    public init(at path: String) throws(VaultError) {
        self.path = path
        (cosigner, verifier) = try rethrowing("witness") {
            guard Files.exists(path + "/witness.vkey") else {
                throw Refusal(
                    code: "witness.missing", message: "There is no witness at \(path).",
                    hint: "Make one with strongroom witness init.")
            }
            let cosigner = try Cosigner(parsing: Self.line(path + "/witness.vkey"))
            let verifier = try NoteVerifier(parsing: Self.line(path + "/ledger.vkey"))
            return (cosigner, verifier)
        }
        vkey = cosigner.vkey
        ledger = verifier.vkey
    }

    /// The newest checkpoint that was cosigned: its size, and when in seconds since 1970; nil where none was.
    public func newest() throws(VaultError) -> (size: UInt64, time: UInt64)? {
        try rethrowing("witness") { try kept().map { ($0.checkpoint.size, $0.time) } }
    }

    /// Looks at a request as C2SP tlog-witness has it, keeps its checkpoint and cosigns it.
    ///
    /// - Throws: refusals `witness.request`, `witness.other-ledger`, `witness.not-signed`, `witness.behind`, `witness.forked`.
    public func cosign(
        _ request: [UInt8], clock: any Records.Clock = SystemClock()
    ) throws(VaultError) -> Outcome {
        try rethrowing("witness") {
            guard let request = try? WitnessRequest(parsing: request) else { throw Refusal.witnessRequest }
            return try locked {
                let before = try kept()?.checkpoint
                let offered: Checkpoint
                do throws(WitnessRefusal) {
                    offered = try WitnessedLedger(ledger: verifier, newest: before).consider(request)
                } catch {
                    if case .otherSize(let kept, let asked) = error {
                        return .otherSize(answer: WitnessAnswer.has(kept).encoded, kept: kept, asked: asked)
                    }
                    throw Refusal(error, ledger: verifier.name)
                }
                let key = try key()
                let cosignature = try Cosignature.make(
                    offered, at: UInt64(max(0, clock.now().milliseconds) / 1000), name: cosigner.name, key: key)
                // The ledger's own line alone, whatever else came with it.
                var note = try SignedNote(
                    parsing: offered.text + "\n"
                        + request.checkpoint.signatures.filter { verifier.keyID == $0.keyID }.map(\.line).joined())
                note.add(cosignature.signature)
                try Files.replace(path + "/checkpoint", with: Array(note.encoded.utf8))
                return .cosigned(
                    answer: WitnessAnswer.cosigned([cosignature.signature]).encoded, note: note.encoded,
                    size: offered.size)
            }
        }
    }

    /// The newest checkpoint that was cosigned, if it is what this witness cosigned.
    private func kept() throws -> (checkpoint: Checkpoint, time: UInt64)? {
        guard Files.exists(path + "/checkpoint") else { return nil }
        let note = try SignedNote(parsing: Files.read(path + "/checkpoint"))
        let checkpoint = try Checkpoint(note.verified(by: [verifier]), origin: verifier.name)
        guard let own = try note.cosignatures(by: [cosigner]).first else {
            throw VaultError.tampered(code: "witness.not-its-own")
        }
        return (checkpoint, own.time)
    }

    private func key() throws -> SigningKey {
        let descriptor = Glibc.open(path + "/key", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemCallError("open-key") }
        defer { close(descriptor) }
        var seed = try SecretBytes(zeroed: 32)
        let count = seed.withMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
        guard count == 32 else { throw SystemCallError("read-key") }
        let key = try SigningKey(seed: seed)
        guard key.verifyingKey == cosigner.verifyingKey else { throw VaultError.tampered(code: "witness.other-key") }
        return key
    }

    private static func line(_ path: String) throws -> String {
        let bytes = try Files.read(path)
        return String(decoding: bytes.last == 0x0A ? bytes.dropLast() : bytes[...], as: UTF8.self)
    }

    private func locked<Result>(_ body: () throws -> Result) throws -> Result {
        let descriptor = Glibc.open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemCallError("open") }
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else { throw SystemCallError("flock") }
        }
        return try body()
    }
}

extension Refusal {
    fileprivate static let witnessRequest = Refusal(
        code: "witness.request", message: "That is nothing that a witness is asked.",
        hint: "Give what strongroom witness request wrote, whole and unchanged.")

    fileprivate init(_ refusal: WitnessRefusal, ledger: String) {
        switch refusal {
        case .otherLedger(let origin):
            self.init(
                code: "witness.other-ledger", message: "That checkpoint is of \(visible(origin)), not of \(ledger).",
                hint: "Each witness's folder is for one ledger.")
        case .notSigned:
            self.init(
                code: "witness.not-signed", message: "That checkpoint is not signed by the ledger's key.",
                hint: "Nothing was kept. Ask the school for another request.")
        case .behind(let kept, let offered):
            self.init(
                code: "witness.behind",
                message:
                    "That checkpoint has \(offered) statements, and \(kept) were cosigned before: the ledger was put back.",
                hint: "Nothing was kept. Tell the safeguarding lead at once.")
        case .forked(let kept, let offered):
            self.init(
                code: "witness.forked",
                message:
                    "It is not shown that the \(offered) statements of that checkpoint go on from the \(kept) that were cosigned: the ledger was written anew, or the proof is wrong.",
                hint:
                    "Nothing was kept. Ask for the request again; where the answer is the same, tell the safeguarding lead at once."
            )
        case .otherSize(let kept, let asked):
            self.init(
                code: "witness.other-size",
                message: "It was asked from \(asked) statements on, and \(kept) were cosigned.",
                hint: "Ask for a request from \(kept) on.")
        }
    }
}
