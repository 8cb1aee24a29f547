import Records
import Sandbox

// What the virus scanner says of an upload, and what `policies/inspection.yaml` makes of that. Only what was scanned whole
// and found clean counts as scanned.

extension Vault {
    /// Starts the virus scanner where the policy wants one, and does not wait for it.
    public func startAntivirus() {
        if policies.inspection.antivirus != .off { antivirus.startAhead() }
    }

    /// Scans what was inspected: a hit quarantines it, and what could not be scanned waits where the policy says so.
    ///
    /// What is refused is scanned where it is of a known type: a hit is evidence, and anything else changes nothing.
    func scan(_ copy: borrowing InspectionCopy, _ inspected: inout Inspected) {
        let policy = policies.inspection.antivirus
        guard policy != .off, inspected.outcome != .refused || !inspected.mediaType.isEmpty else { return }
        let refused = inspected.outcome == .refused ? inspected : nil
        defer { if let refused, inspected.outcome == .waiting { inspected = refused } }
        do throws(SandboxError) {
            switch try antivirus.scan(copy.memory) {
            case .clean: return
            case .found(let signature):
                inspected.outcome = .quarantined
                inspected.code = "virus.found"
                inspected.message =
                    "The virus scanner knows this file, or part of it, as made to do harm. It is kept as evidence, and its pages are not shown."
                inspected.signature = signature
            case .skipped:
                guard policy == .required else { return }
                wait(
                    "antivirus.not-scanned",
                    "The virus scanner could not look at all of this file, so it waits. Save or scan it anew in parts, and add those.",
                    &inspected)
            }
        } catch {
            switch error {
            // It met the scanner, and ended it: that is not the same as that there is none.
            case .crashed, .timedOut: break
            default: guard policy == .required else { return }
            }
            wait(
                "antivirus.unavailable", "The virus scanner cannot look at this file at the moment, so it waits.",
                &inspected)
        }
    }

    private func wait(_ code: String, _ message: String, _ inspected: inout Inspected) {
        inspected.outcome = .waiting
        inspected.code = code
        inspected.message = message
    }

    // MARK: - Health

    /// Whether the scanner answers, and finds what stands at the end of a large file.
    var antivirusHealth: HealthCheck {
        func check(_ isWell: Bool, _ words: String) -> HealthCheck {
            HealthCheck(
                name: "antivirus", isWell: isWell, words: words,
                advice: isWell
                    ? ""
                    : "Install clamav-daemon, and have freshclam fetch signatures to where --signatures says; then run this again."
            )
        }
        let policy = policies.inspection.antivirus
        guard policy != .off else { return check(true, "Uploads are not scanned for viruses: the policy says so.") }
        let consequence = policy == .required ? "Uploads wait." : "Uploads are filed without a scan."
        do throws(SandboxError) {
            let size = Self.largestTested(policies.fileTypes)
            switch try antivirus.scan(Self.largeTestFile(size)) {
            case .found: return check(true, "ClamAV finds its test string at the end of a file of \(size) MiB.")
            case .clean:
                return check(
                    false,
                    "ClamAV answers, and does not find its test string at the end of a file of \(size) MiB: look at its signatures."
                )
            case .skipped(let why):
                return check(
                    false,
                    "ClamAV answers, and does not scan a file of \(size) MiB, the largest that is taken: \(why). \(consequence)"
                )
            }
        } catch {
            let reason =
                switch error {
                case .unavailable(let reason), .memory(let reason): reason
                case .timedOut: "it takes too long"
                default: "it ends before it answers"
                }
            return check(false, "ClamAV cannot scan: \(reason). \(consequence)")
        }
    }

    /// MiB of the largest file that is taken, as far as ClamAV scans at all and a quarter of the free memory holds it.
    private static func largestTested(_ types: FileTypePolicy) -> Int {
        let memory = (try? Files.readAll("/proc/meminfo")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let line = memory.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        let available = line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return max(1, min(types.types.map(\.largestMiB).max() ?? 1, 2046, available >> 12))
    }

    /// So many MiB that end with the test string that all virus scanners know. In pieces here, so that none finds this.
    private static func largeTestFile(_ size: Int) throws(SandboxError) -> MemoryFile {
        var file = try MemoryFile()
        let part = [UInt8](repeating: UInt8(ascii: "\n"), count: 1 << 20)
        for _ in 1..<size { try file.append(part) }
        let known = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!", "$H+H*"].joined()
        try file.append(Array(part.dropLast(known.utf8.count)) + Array(known.utf8))
        try file.seal()
        return file
    }
}
