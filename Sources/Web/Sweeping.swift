import Custody
import Logging
import ServiceLifecycle

/// Ends, once a minute, what ran out: idle sessions with what they had open, and uploads that nobody filed. At its beginning
/// says of what was let out when the last service was killed that it was interrupted, and destroys what it left of batches that
/// are over.
struct Sweeping: Service {
    let vault: Vault
    let printRoom: PrintRoom
    let threads: BlockingThreads
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            do throws(VaultError) {
                try await withTaskExecutorPreference(threads) { () throws(VaultError) in
                    try vault.endInterruptedIssues()
                }
            } catch {
                logger.warning("issues", metadata: ["code": "\(error.code)"])
            }
            do throws(VaultError) {
                try await withTaskExecutorPreference(threads) { () throws(VaultError) in
                    try vault.endInterruptedBatches()
                }
            } catch {
                logger.warning("batches", metadata: ["code": "\(error.code)"])
            }
            while (try? await Task.sleep(for: .seconds(60))) != nil {
                defer { printRoom.sweep() }
                do throws(VaultError) {
                    try await withTaskExecutorPreference(threads) { () throws(VaultError) in try vault.sweep() }
                } catch {
                    // What is due stays due; the next minute tries again.
                    logger.warning("sweep", metadata: ["code": "\(error.code)"])
                }
            }
        }
    }
}
