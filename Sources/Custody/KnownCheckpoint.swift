import Foundation
import Glibc
import Ledger
import Records

/// The newest checkpoint as it is known beside the vault's folder, so that one which was put back as it was is found out.
///
/// The witness copy lies in the folder and goes back with it. This one is written after each commit and not synced: one that is
/// behind is lawful, one that cannot be written or read is as none.
struct KnownCheckpoint: Sendable {
    private let path: String

    init(vault: String) { path = vault + ".newest-checkpoint" }

    func kept() -> Checkpoint? {
        guard let bytes = try? Files.read(path), let note = try? SignedNote(parsing: bytes) else { return nil }
        return try? Checkpoint(parsing: note.text)
    }

    func write(_ note: String, size: UInt64) {
        if let kept = kept(), kept.size >= size, Witness.isOfOneHistory(kept, note) { return }
        // Of its own process and thread, so that none finds another's half.
        let new = "\(path).\(getpid()).\(pthread_self())"
        guard (try? Data(note.utf8).write(to: URL(filePath: new))) != nil, chmod(new, 0o600) == 0 else { return }
        if rename(new, path) != 0 { unlink(new) }
    }
}

extension Authority {
    /// Whether a kept checkpoint is of a history that was given up when the vault went on: it says nothing of this one, and a kill
    /// right after that leaves it where it was.
    func gaveUp(_ kept: Checkpoint) -> Bool {
        origins.contains(kept.origin) && kept.origin != origin(ofSize: kept.size)
    }

    /// Whether it is of this vault at all, and not of one that lay in the same place before.
    func owns(_ kept: Checkpoint) -> Bool {
        guard let founding else { return false }
        return kept.origin == founding.origin || kept.origin.hasPrefix(founding.origin + "/")
    }
}

/// That a vault's folder was restored: until somebody decides that it goes on, nothing is signed.
struct RestoredMark: Sendable {
    private let path: String

    init(_ vault: String) { path = vault + "/restored" }

    /// Whether nobody decided yet that a ledger of this size goes on.
    func holds(_ size: UInt64) -> Bool { restoredSize.map { size <= $0 } ?? false }

    /// How many statements were restored; nil where nothing was, or somebody decided.
    var restoredSize: UInt64? {
        guard Files.exists(path) else { return nil }
        // One that cannot be read holds as any other.
        guard let bytes = try? Files.read(path),
            let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first, let size = UInt64(line)
        else { return .max }
        return size
    }

    /// Durable on return.
    func write(size: UInt64) throws { try Files.replace(path, with: Array("\(size)\n".utf8)) }

    /// One that stays, for the machine stopped, holds no ledger that went on.
    func remove() {
        unlink(path)
        try? Files.syncDirectory(Files.directory(of: path))
    }
}
