import Foundation
import GRDB
import Glibc
public import Records
import Sandbox
import Synchronization

/// How a vault that is served stands, in numbers for whoever runs the machine: none of anybody.
public struct Gauges: Sendable {
    /// Statements in the ledger.
    public let statements: UInt64
    /// When the newest statement was recorded, which is when its checkpoint was made.
    public let checkpoint: Timestamp
    /// When the witness copy of the checkpoint was last written; nil where there is none.
    public let witness: Timestamp?
    /// When the newest backup was verified; nil where none is recorded.
    public let backup: Timestamp?
    /// Uploads by their state; each state that there is.
    public let uploads: [String: Int]
    /// Verdicts by their outcome, since the vault was opened.
    public let verdicts: [String: UInt64]
    /// Inspectors at work, and ready; nil before the first document.
    public let inspectors: (busy: Int, ready: Int)?
    /// Passwords being hashed or waiting for that, and the most that may.
    public let hashes: (inside: Int, most: Int)
    /// Sessions that are open on pages.
    public let sessions: Int
    /// Bytes left for uploads.
    public let room: UInt64
    /// Now, by the vault's clock.
    public let now: Timestamp
}

/// Whether a vault can do its work now.
public struct Readiness: Hashable, Sendable {
    /// One thing that it needs.
    public struct Check: Hashable, Sendable {
        /// `sandbox`, `room`, `ledger`, `clock`, `policies`, `antivirus`: what these mean does not change.
        public let code: String
        /// Whether it is well.
        public let isWell: Bool
    }

    /// What was looked at, always the same in the same order.
    public let checks: [Check]

    /// Whether all of it is well.
    public var isReady: Bool { checks.allSatisfy(\.isWell) }
}

extension Vault {
    /// How it stands.
    public func gauges() throws(VaultError) -> Gauges {
        try rethrowing("gauges") {
            let head = try recorder.read(pool) { _, head in head }
            var uploads = Dictionary(uniqueKeysWithValues: UploadState.allCases.map { ($0.rawValue, 0) })
            for (state, count) in try workspace.uploadsByState() { uploads[state] = count }
            var status = stat()
            let witnessed = stat(path + "/witness/checkpoint", &status) == 0
            return Gauges(
                statements: head.size, checkpoint: head.authority.newest,
                witness: witnessed ? Timestamp(milliseconds: Int64(status.st_mtim.tv_sec) * 1000) : nil,
                backup: head.authority.backups.values.map(\.verified).max(), uploads: uploads,
                verdicts: verdicts.withLock { $0 }, inspectors: inspector.withLock { $0?.workersNow },
                hashes: hashGate.load, sessions: sessions.count, room: try blobs.room(policies.limits), now: clock.now()
            )
        }
    }

    /// Looks whether it can do its work: starts the sandbox where it is not started, and changes nothing else.
    public func readiness() -> Readiness {
        let inspector = try? sandbox()
        let newest = try? recorder.read(pool) { _, head in head.authority.newest }
        return Readiness(checks: [
            .init(code: "sandbox", isWell: inspector?.isAtWork ?? false),
            .init(code: "room", isWell: (try? blobs.room(policies.limits)).map { $0 > 0 } ?? false),
            .init(code: "ledger", isWell: canWriteLedger),
            .init(code: "clock", isWell: newest.map { $0 <= clock.now() } ?? false),
            .init(code: "policies", isWell: (try? checkPolicy()) != nil),
            .init(code: "antivirus", isWell: policies.inspection.antivirus != .required || scannerIsThere),
        ])
    }

    /// Whether a statement could be written: the write lock of the catalogue is to be had, and its file system takes writes.
    private var canWriteLedger: Bool {
        var status = statvfs()
        guard statvfs(path, &status) == 0, status.f_flag & UInt(ST_RDONLY) == 0,
            access(path + "/catalogue.sqlite", W_OK) == 0, access(path + "/witness", W_OK) == 0
        else { return false }
        do {
            try pool.writeWithoutTransaction { db in
                try db.inTransaction(.immediate) { .rollback }
            }
            return true
        } catch { return false }
    }

    /// Whether the virus scanner runs; one that ended is started anew, for the next look.
    private var scannerIsThere: Bool {
        if antivirus.isRunning { return true }
        antivirus.startAhead()
        return false
    }
}
