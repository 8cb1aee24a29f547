import Foundation
import Ledger
import Records
import Sandbox

/// One thing that an operator can get wrong, and whether it is well.
public struct HealthCheck: Hashable, Sendable {
    /// What was looked at.
    public let name: String
    /// Whether it is well.
    public let isWell: Bool
    /// What was found.
    public let words: String
    /// What to do; empty where it is well.
    public let advice: String

    /// A check with what it found.
    public init(name: String, isWell: Bool, words: String, advice: String = "") {
        self.name = name
        self.isWell = isWell
        self.words = words
        self.advice = advice
    }

    /// A check that found something.
    public init(_ name: String, found words: String, _ advice: String) {
        self.init(name: name, isWell: false, words: words, advice: advice)
    }
}

extension Vault {
    /// Looks at what an open vault needs: policies, clock, sandbox, virus scanner, text recognition, room, witness, backup.
    public func health() -> [HealthCheck] {
        [
            policyHealth, clockHealth, sandboxHealth, antivirusHealth, recognitionHealth, roomHealth, witnessHealth,
            backupHealth,
        ]
    }

    private var policyHealth: HealthCheck {
        do {
            try checkPolicy()
            return HealthCheck(
                name: "policies", isWell: true, words: "The policies on the disk are those that were adopted.")
        } catch {
            return HealthCheck(
                "policies", found: "The policies on the disk are not those in force, so nobody can work.",
                "Put the files in \(path)/policies back, or have the lead look at them and run strongroom policy adopt."
            )
        }
    }

    private var clockHealth: HealthCheck {
        let newest = (try? recorder.read(pool) { _, head in head.authority.newest }) ?? Timestamp(milliseconds: 0)
        guard clock.now() >= newest else {
            return HealthCheck(
                "clock",
                found: "The clock is behind the newest statement (\(newest.iso8601)), so nothing can be recorded.",
                "Put the clock right. If it is right now and was wrong before, wait until it has passed that time.")
        }
        return HealthCheck(name: "clock", isWell: true, words: "The clock is not behind the ledger.")
    }

    private var sandboxHealth: HealthCheck {
        do {
            _ = try sandbox()
            return HealthCheck(
                name: "sandbox", isWell: true,
                words:
                    "The inspector runs in its sandbox and cannot reach the network, the vault or the system's files.")
        } catch {
            let reason = if case SandboxError.unavailable(let reason) = error { ": \(reason)" } else { "" }
            return HealthCheck(
                "sandbox", found: "The sandbox does not start, so uploads wait\(reason).",
                "Install bubblewrap and allow user namespaces; strongroom-inspector lies beside this program, or --inspector names it."
            )
        }
    }

    private var roomHealth: HealthCheck {
        let room = (try? blobs.room(policies.limits)) ?? 0
        let words = "\(room >> 20) MiB are left for uploads."
        guard room > 1 << 30 else {
            return HealthCheck(
                "room", found: words,
                "Make room soon, or move the vault to a larger disk: uploads stop before the disk is full, so that reading goes on."
            )
        }
        return HealthCheck(name: "room", isWell: true, words: words)
    }

    /// From when on a verified backup is too old: one that is taken each day was missed twice.
    private static let oldestBackup: Int64 = 49 * 3_600_000

    private var backupHealth: HealthCheck {
        guard let newest = (try? backups())?.first?.verified else {
            return HealthCheck(
                "backup", found: "No verified backup is recorded.",
                "strongroom backup --to FOLDER, on another disk, and each day from then on (strongroom-backup.timer).")
        }
        let age = clock.now().milliseconds - newest.milliseconds
        guard age < Self.oldestBackup else {
            return HealthCheck(
                "backup", found: "The newest verified backup is of \(newest.iso8601): \(age / 86_400_000) days old.",
                "Look why none was taken since (journalctl -u strongroom-backup), and take one: strongroom backup --to FOLDER."
            )
        }
        return HealthCheck(
            name: "backup", isWell: true, words: "The newest verified backup is of \(newest.iso8601).")
    }

    private var witnessHealth: HealthCheck {
        let size = (try? Witness(directory: path + "/witness").read())?.size ?? 0
        let isWell = size == recorder.size
        return HealthCheck(
            name: "witness", isWell: isWell,
            words: isWell
                ? "The witness copy is at statement \(size)."
                : "The witness copy is at statement \(size), the ledger at \(recorder.size).",
            advice: isWell ? "" : "The next act brings it up to date. Where it does not, look at the disk.")
    }
}
