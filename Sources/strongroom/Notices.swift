import Custody
import Foundation
import Logging
import Records
import ServiceLifecycle

/// Tells by e-mail, through Debian's msmtp, that something waits: looks once a minute whether it is due.
struct Notices: Service {
    let vault: Vault
    /// The configuration of msmtp: the server, and how to sign in there.
    let configuration: String
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            repeat {
                do {
                    guard let policy = try vault.noticeDue() else { continue }
                    let code = await Self.send(policy.message, configuration)
                    // What was sent and where to is in no log.
                    if code != 0 {
                        logger.warning("notice", metadata: ["code": "notice.not-sent", "status": "\(code)"])
                    }
                    try vault.noteNotice(failed: code != 0)
                } catch {
                    logger.warning("notice", metadata: ["code": "\((error as? VaultError)?.code ?? "notice")"])
                }
            } while (try? await Task.sleep(for: .seconds(60))) != nil
        }
    }

    /// The program's exit code; 127 where it is not there. Addresses are in the message alone, not in its arguments.
    private static func send(_ message: String, _ configuration: String) async -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/msmtp")
        process.arguments = ["--file=\(configuration)", "--timeout=30", "--read-recipients", "--read-envelope-from"]
        process.environment = ["PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"]
        // A few hundred bytes, which the pipe holds before anybody reads: no reader can go away meanwhile.
        let input = Pipe()
        try? input.fileHandleForWriting.write(contentsOf: Data(message.utf8))
        process.standardInput = input
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        return await withCheckedContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                continuation.resume(returning: 127)
            }
            try? input.fileHandleForWriting.close()
        }
    }
}
