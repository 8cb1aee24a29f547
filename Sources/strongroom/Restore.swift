import ArgumentParser
import Custody
import Foundation
import Records

/// `strongroom restore`
struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Make a vault of a backup, and decide that it goes on.",
        discussion: """
            --from restores into the place that --vault names, which is empty; the vault's own secrets' directory is there \
            already. The vault is verified, and signs nothing until a safeguarding lead decides that it goes on: what was \
            recorded after the backup is not in it, and may be known elsewhere.

            --go-on takes that decision, also for a vault whose folder was put back as it had been before. From then on its \
            checkpoints have an origin of their own, and the record says for ever where that was. It cannot be taken back: look \
            for a newer backup first, and for the disk itself.
            """)
    @OptionGroup var vault: VaultOptions
    @Option(help: "The folder of the backup.")
    var from: String?
    @Flag(help: "Decide that the vault goes on.")
    var goOn = false
    @Option(name: .customLong("as"), help: "With --go-on: the lead who decides; password and code are asked for.")
    var name: String?
    @Option(help: "With --go-on: a file with a checkpoint of what was lost, as a receipt or a printed sheet has it.")
    var known: String?
    @Option(help: "Read {\"password\":…,\"code\":…} from this descriptor instead of asking.")
    var secretsFd: Int32?
    @Flag(help: "Answer as JSON.")
    var json = false

    func validate() throws {
        guard (from != nil) != goOn else { throw ValidationError("Say --from FOLDER, or --go-on --as NAME.") }
        guard goOn == (name != nil) else { throw ValidationError("--go-on wants --as NAME, and --from does not.") }
    }

    func run() throws {
        if let from { try restore(from) } else if let name { try decide(name) }
    }

    private func restore(_ folder: String) throws {
        struct Answer: Encodable {
            let statements: UInt64
            let newest: String
            let payloads: Int
        }
        let report = try Vault.restore(folder, to: vault.location) { what, done, total in
            Terminal.progress(done, of: total, "payloads \(what)")
        }
        guard !json else {
            return try Terminal.json(
                Answer(statements: report.statements, newest: report.newest.iso8601, payloads: report.payloads))
        }
        Terminal.say(
            """
            Restored and verified: \(report.statements) statements, \(report.payloads) payloads.
            The newest is of \(report.newest.iso8601). What was recorded after that is not in this vault.
            It signs nothing yet. If there is no newer backup, a safeguarding lead decides that it goes on:
              strongroom restore --go-on --as NAME
            """)
    }

    private func decide(_ name: String) throws {
        struct Answer: Encodable {
            let branch: String
            let statement: UInt64
            let lost: UInt64?
        }
        let known = try known.map { path in
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw ValidationError("\(path) cannot be read.")
            }
            return text
        }
        let last = try ActingOptions.acting(
            as: name, secretsFd: secretsFd, at: vault, behind: true,
            signIn: { try $0.goOn(name: name, password: $1, code: $2, known: known) },
            { vault, acting in try vault.continuations(as: acting).last })
        guard let last else { return }
        guard !json else {
            return try Terminal.json(
                Answer(branch: last.act.branch.text, statement: last.index, lost: last.act.lost?.size))
        }
        Terminal.say(
            """
            The vault goes on from statement \(last.index), under a new origin.
            \(last.act.lost.map { "Lost, as far as it is known: statements \(last.index) to \($0.size - 1)." } ?? "It is not known what was lost.")
            Tell who filed since the backup was taken to look whether it is there.
            """)
    }
}
