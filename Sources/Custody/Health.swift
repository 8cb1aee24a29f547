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
    /// What was found, and what to do.
    public let words: String

    /// A check with what it found.
    public init(name: String, isWell: Bool, words: String) {
        self.name = name
        self.isWell = isWell
        self.words = words
    }
}

extension Vault {
    /// Looks at the machine: sandbox, virus scanner, text recognition, swap, room, witness.
    public func health() -> [HealthCheck] {
        [sandboxHealth, antivirusHealth, recognitionHealth, swapHealth, roomHealth, witnessHealth]
    }

    private var sandboxHealth: HealthCheck {
        do {
            _ = try sandbox()
            return HealthCheck(
                name: "sandbox", isWell: true,
                words:
                    "The inspector runs in its sandbox and cannot reach the network, the vault or the system's files.")
        } catch {
            return HealthCheck(
                name: "sandbox", isWell: false,
                words: "The sandbox does not start, so uploads wait. Install bubblewrap and allow user namespaces.")
        }
    }

    private var swapHealth: HealthCheck {
        let swaps = (try? Files.readAll("/proc/swaps")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let count = swaps.split(separator: "\n").dropFirst().filter { !$0.contains("/dev/mapper") }.count
        return HealthCheck(
            name: "swap", isWell: count == 0,
            words: count == 0
                ? "No swap in clear: documents in memory cannot reach the disk that way."
                : "There is swap that is not encrypted: turn it off, or encrypt it.")
    }

    private var roomHealth: HealthCheck {
        let room = (try? blobs.room(policies.limits)) ?? 0
        return HealthCheck(
            name: "room", isWell: room > 1 << 30,
            words: "\(room >> 20) MiB are left for uploads.\(room > 1 << 30 ? "" : " Make room soon.")")
    }

    private var witnessHealth: HealthCheck {
        let size = (try? Witness(directory: path + "/witness").read())?.size ?? 0
        let isWell = size == recorder.size
        return HealthCheck(
            name: "witness", isWell: isWell,
            words: isWell
                ? "The witness copy is at statement \(size)."
                : "The witness copy is at statement \(size), the ledger at \(recorder.size): the next act brings it up to date."
        )
    }
}
