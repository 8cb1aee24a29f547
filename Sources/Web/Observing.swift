import Custody
import Foundation
import Glibc
import Logging
import ServiceLifecycle
import Synchronization

/// Looks every 15 seconds how the vault stands, for `/api/v1/health`, and writes the figures where somebody wants them. So
/// nobody who asks makes the vault look.
struct Observing: Service {
    let site: Site
    let vault: Vault
    let threads: BlockingThreads
    /// A file that node_exporter's textfile collector reads; nil for none. Written beside and renamed.
    let path: String?
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            // The port first: whoever waits for the server does not wait for a look at it.
            guard (try? await Task.sleep(for: .seconds(1))) != nil else { return }
            repeat {
                await withTaskExecutorPreference(threads) { look() }
            } while (try? await Task.sleep(for: .seconds(15))) != nil
        }
        // Figures of a server that does not run are none.
        if let path { unlink(path) }
    }

    private func look() {
        let readiness = vault.readiness()
        site.readiness.set(readiness)
        guard let path else { return }
        let gauges = try? vault.gauges()
        let text = site.measures.text(gauges, readiness, memory: Self.anonymousMemory)
        let temporary = path + ".\(getpid())"
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: temporary))
            guard chmod(temporary, 0o644) == 0, rename(temporary, path) == 0 else {
                throw CocoaError(.fileWriteUnknown)
            }
        } catch {
            unlink(temporary)
            logger.warning("metrics", metadata: ["code": "metrics.not-written"])
        }
    }

    /// Bytes of this process's memory that no file is behind.
    private static var anonymousMemory: UInt64 {
        guard let handle = FileHandle(forReadingAtPath: "/proc/self/status"), let data = try? handle.readToEnd() else {
            return 0
        }
        let line = String(decoding: data, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
        return (line?.split(separator: " ").dropFirst().first.flatMap { UInt64($0) } ?? 0) << 10
    }
}

/// What was seen last of whether the vault can do its work.
final class LastReadiness: Sendable {
    private let last = Mutex<Readiness?>(nil)

    func set(_ readiness: Readiness) { last.withLock { $0 = readiness } }

    /// What was seen last; where nobody has looked yet, what is seen now.
    func value(of vault: Vault) -> Readiness {
        if let readiness = last.withLock({ $0 }) { return readiness }
        let readiness = vault.readiness()
        set(readiness)
        return readiness
    }
}
