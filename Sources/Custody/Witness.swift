import Foundation
import Glibc
import Ledger
import Records
import Sealing

/// A copy of the newest checkpoint beside the catalogue: a catalogue that is behind it was rolled back.
///
/// A witness behind is lawful (a crash between commit and copy); one ahead is not.
struct Witness: Sendable {
    let directory: String

    var path: String { directory + "/checkpoint" }

    /// The checkpoint that was kept; nil where none is.
    func read() throws -> Checkpoint? {
        guard Files.exists(path) else { return nil }
        let note = try SignedNote(parsing: Files.read(path))
        return try Checkpoint(parsing: note.text)
    }

    /// Keeps a checkpoint, unless a newer one is kept already. Durable on return.
    func write(_ note: String, size: UInt64) throws {
        try locked {
            if let kept = try? read(), kept.size >= size, Self.isOfOneHistory(kept, note) { return }
            try Files.replace(path, with: Array(note.utf8))
        }
    }

    /// Whether a kept checkpoint and a new one have the same origin: one that was given up makes room for what goes on.
    static func isOfOneHistory(_ kept: Checkpoint, _ note: String) -> Bool { note.hasPrefix(kept.origin + "\n") }

    /// The same for comparing with.
    func kept() throws -> Checkpoint? {
        do { return try read() } catch is LedgerError { throw VaultError.tampered(code: "witness.unreadable") }
    }

    /// Refuses a ledger that is behind the copy, or says otherwise.
    static func check(_ kept: Checkpoint?, _ size: UInt64, root: (UInt64) throws -> Digest) throws {
        guard let kept else { return }
        guard kept.size <= size else { throw VaultError.tampered(code: "ledger.behind-witness") }
        guard try kept.size == 0 || root(kept.size) == kept.root else {
            throw VaultError.tampered(code: "ledger.differs-from-witness")
        }
    }

    private func locked(_ body: () throws -> Void) throws {
        let descriptor = Glibc.open(directory + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemCallError("open") }
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else { throw SystemCallError("flock") }
        }
        try body()
    }
}
