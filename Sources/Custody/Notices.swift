import Foundation
import GRDB
public import Records

// That something waits is told by e-mail, if the school wants it (F-15): that, and nothing else. Whoever sends it asks here when
// it is due, and says how it went. When it was tried last is in the workspace, so that a restart sends nothing twice.

extension Vault {
    /// The policy to send by, if it is on, something waits for longer than it says, and nothing was tried within its hours.
    public func noticeDue() throws(VaultError) -> NoticePolicy? {
        try rethrowing("notice") {
            let policy = policies.notices
            // Files that nobody has adopted yet count for nothing.
            guard policy.send, recorder.authority.policy == policies.digest else { return nil }
            if let tried = try workspace.notice()?.tried {
                let hours = clock.now().milliseconds(since: tried) / 3_600_000
                guard hours >= policy.atMostEveryHours else { return nil }
            }
            return try isWaiting(forWorkingDays: policy.afterWorkingDays) ? policy : nil
        }
    }

    /// Notes that sending was tried, and whether it failed. The next try is due after the policy's hours, either way. Durable
    /// on return.
    public func noteNotice(failed: Bool) throws(VaultError) {
        try rethrowing("notice") { try workspace.noteNotice(at: clock.now(), failed: failed) }
    }

    /// When the last notice could not be sent, where it could not; for who gives access.
    public func noticeFailure(as acting: Acting) throws(VaultError) -> Timestamp? {
        try rethrowing("notice") {
            guard acting.may(.giveAccess, in: self), policies.notices.send, let last = try workspace.notice(),
                last.failed
            else { return nil }
            return last.tried
        }
    }
}

extension Workspace {
    /// When sending was tried last, and whether it failed.
    func notice() throws -> (tried: Timestamp, failed: Bool)? {
        try queue.read { db in
            try Row.fetchOne(db, sql: "SELECT tried, failed FROM notice").map {
                (Timestamp(milliseconds: $0["tried"]), $0["failed"])
            }
        }
    }

    func noteNotice(at now: Timestamp, failed: Bool) throws {
        try queue.write { db in
            try db.execute(
                sql: """
                    INSERT INTO notice (one, tried, failed) VALUES (1, ?, ?)
                    ON CONFLICT (one) DO UPDATE SET tried = excluded.tried, failed = excluded.failed
                    """, arguments: [now.milliseconds, failed])
        }
    }
}
