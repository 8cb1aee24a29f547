import ArgumentParser
import Custody
import Foundation

/// The `strongroom` command.
@main
struct Strongroom: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "strongroom",
        abstract: "The vault for a school's child-protection papers.",
        discussion: """
            Secrets are asked for, or read as JSON from --secrets-fd; they are never arguments or environment.
            Exit codes: 0 done, 1 error, 3 refused, 4 verify or doctor found something, 5 waiting, 6 vault in use, 64 usage.
            """,
        subcommands: [
            Initialise.self, Serve.self, Demo.self, Doctor.self, PersonCommand.self, PupilCommand.self,
            PolicyCommand.self, AccessCommand.self, ProposalCommand.self, StationCommand.self, BatchCommand.self,
            FileCommand.self,
            UploadCommand.self, ScanCommand.self, WatchCommand.self,
            ChronologyCommand.self, EntryCommand.self, TriageCommand.self, RestrictedCommand.self, Open.self,
            Verify.self, BackupCommand.self, FetchCommand.self, RestoreCommand.self, WitnessCommand.self,
            RecoverCommand.self,
        ])

    static func main() async {
        do {
            var command = try parseAsRoot(arguments())
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as VaultError {
            Terminal.explain(error)
            Foundation.exit(Terminal.exitCode(of: error))
        } catch let stop as Stop {
            Foundation.exit(stop.code)
        } catch {
            exit(withError: error)
        }
    }
}

/// What was typed. Swift's own `CommandLine` is empty where a preloaded library starts first, as the tests' clock does.
private func arguments() -> [String] {
    let handle = FileHandle(forReadingAtPath: "/proc/self/cmdline")
    guard let bytes = try? handle?.readToEnd() else { return Array(CommandLine.arguments.dropFirst()) }
    return bytes.split(separator: 0, omittingEmptySubsequences: false).dropFirst().dropLast().map {
        String(decoding: $0, as: UTF8.self)
    }
}

/// Ends the program with an exit code, everything having been said.
struct Stop: Error {
    let code: Int32

    static let refused = Stop(code: 3)
    static let found = Stop(code: 4)
    static let waiting = Stop(code: 5)
}
