import ArgumentParser
import Custody
import Foundation
import Records

/// `strongroom backup`
struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Copy the vault into a folder while people work, and verify the copy.",
        discussion: """
            The first backup copies everything, later ones into the same folder what is new. It holds ciphertext alone, and not \
            the secrets' directory: keep a copy of that elsewhere. No password is needed. strongroom verify --vault DIR \
            verifies the backup again at any time.
            """)
    @OptionGroup var vault: VaultOptions
    @Option(help: "The folder: empty, or the backup of this vault.")
    var to: String
    @Flag(help: "Answer as JSON.")
    var json = false

    func run() throws {
        struct Answer: Encodable {
            let backup: String
            let statements: UInt64
            let copied: Int
            let kept: Int
            let bytes: UInt64
        }
        let vault = try Vault(opening: vault.location)
        defer { vault.shutdown() }
        let report = try vault.backUp(to: to) { what, done, total in
            Terminal.progress(done, of: total, "payloads \(what)")
        }
        guard !json else {
            return try Terminal.json(
                Answer(
                    backup: report.backup.text, statements: report.statements, copied: report.copied, kept: report.kept,
                    bytes: report.bytes))
        }
        Terminal.say(
            """
            Backed up and verified: \(report.statements) statements; \(report.copied) payloads copied (\(report.bytes) bytes), \
            \(report.kept) were there.
            """)
    }
}
