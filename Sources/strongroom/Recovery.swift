import ArgumentParser
import Custody
import Foundation
import Records

/// `strongroom recover`
struct RecoverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover", abstract: "The recovery key, on sheets of paper that several people keep.",
        subcommands: [Make.self, Drill.self, State.self, Open.self])

    struct Make: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set",
            abstract: "Make a recovery key, split among named people; sheets made before count no more.")
        @OptionGroup var acting: ActingOptions
        @Option(name: .customLong("holder"), help: "The name of who keeps a sheet; given once for each.")
        var holders: [String] = []
        @Option(help: "How many sheets are needed.")
        var threshold = 2
        @Flag(help: "Answer as JSON, a line for each sheet.")
        var json = false

        func run() throws {
            var proposed: ProposalID?
            let (sheets, vaultWords) = try acting.acting { vault, acting in
                do {
                    return (
                        try vault.setRecovery(holders: holders, threshold: threshold, as: acting), vault.foundingWords
                    )
                } catch VaultError.refused(.secondPersonNeeded) {
                    proposed = try vault.proposeRecovery(holders: holders, threshold: threshold, as: acting)
                    return ([], [])
                }
            }
            if let proposed { try ProposalCommand.wait(for: proposed) }
            try RecoverCommand.show(sheets, vaultWords, json: json)
        }
    }

    /// The words of sheets, shown once.
    static func show(_ sheets: [RecoverySheet], _ vaultWords: [String], json: Bool) throws {
        struct Answer: Encodable {
            let number, threshold, count: Int
            let holder, words: String
            let vaultWords: [String]
        }
        for sheet in sheets {
            if json {
                try Terminal.json(
                    Answer(
                        number: sheet.number, threshold: sheet.threshold, count: sheets.count, holder: sheet.holder,
                        words: sheet.words, vaultWords: vaultWords))
                continue
            }
            Terminal.say(
                "Sheet \(sheet.number) of \(sheets.count), for \(sheet.holder); \(sheet.threshold) are needed.")
            let words = sheet.words.split(separator: " ")
            for row in stride(from: 0, to: words.count, by: 5) {
                Terminal.say(
                    (row..<min(row + 5, words.count)).map { place in
                        "\(place < 9 ? " " : "")\(place + 1) "
                            + String(words[place]).padding(toLength: 9, withPad: " ", startingAt: 0)
                    }.joined(separator: " "))
            }
            Terminal.say("")
        }
        guard !json else { return }
        Terminal.say(
            """
            This vault: \(vaultWords.joined(separator: " "))
            The words are shown only now. Write each sheet down for its holder, with the vault's words, and clear this
            screen. On the page Recovery key the sheets can be printed. Then try them:  strongroom recover drill
            """)
    }

    struct Drill: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show that the sheets open the recovery key. Opens nothing with it.",
            discussion: "With --secrets-fd, lines {\"share\":…} follow the first, until an empty one or the end.")
        @OptionGroup var acting: ActingOptions
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            let descriptor = acting.secretsFd
            let drill = try acting.acting { vault, acting in
                let most = try vault.recoveryState()?.holders.count ?? 0
                let sheets: [String]
                if let descriptor {
                    let lines = SecretLines(descriptor: descriptor)
                    var read: [String] = []
                    while read.count < most, let share = try lines.nextShare() { read.append(share) }
                    sheets = read
                } else {
                    sheets = try RecoverCommand.askSheets(vault, most: most)
                }
                return try vault.drillRecovery(sheets: sheets, as: acting)
            }
            for fault in drill.faults {
                Terminal.explain(fault.refusal, about: fault.place.map { "sheet given as number \($0)" } ?? "the drill")
            }
            guard drill.faults.isEmpty else { throw Stop.refused }
            struct Answer: Encodable { let sheets: [Int] }
            if json { return try Terminal.json(Answer(sheets: drill.sheets)) }
            Terminal.say(
                "The sheets \(drill.sheets.map(String.init).joined(separator: ", ")) open the recovery key. It is recorded; nothing was opened."
            )
        }
    }

    struct State: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Whether there is a recovery key, who keeps its sheets, and when it was last tried.")
        @OptionGroup var vault: VaultOptions
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            let vault = try Vault(opening: vault.location)
            defer { vault.shutdown() }
            let state = try vault.recoveryState()
            struct Answer: Encodable {
                let standing: String
                let threshold: Int?
                let holders: [String]
                let made, drilled, used, lead: String?
                let vaultWords: [String]
            }
            if json {
                return try Terminal.json(
                    Answer(
                        standing: state?.standing.rawValue ?? "none", threshold: state?.threshold,
                        holders: state?.holders ?? [], made: state?.made.iso8601, drilled: state?.drilled?.iso8601,
                        used: state?.used?.iso8601, lead: state?.lead, vaultWords: vault.foundingWords))
            }
            guard let state else { return Terminal.say("There is no recovery key: strongroom recover set makes it.") }
            Terminal.say(
                """
                \(RecoverCommand.words(for: state))
                Made \(state.made.iso8601); \(state.threshold) of \(state.holders.count) sheets are needed.
                """)
            for (number, holder) in zip(1..., state.holders) { Terminal.say("  \(number)  \(holder)") }
            Terminal.say("This vault: \(vault.foundingWords.joined(separator: " "))")
        }
    }

    struct Open: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Where no lead is left: make one with the sheets. Every other lead is suspended.",
            discussion:
                "--secrets-fd takes {\"share\":…} as often as sheets are needed, {\"password\":…}, {\"code\":…}.")
        @OptionGroup var vault: VaultOptions
        @Option(help: "The lead's name: of a lead who lost their keys, or of somebody new.")
        var name: String
        @Option(help: "Read the secrets from this descriptor instead of asking.")
        var secretsFd: Int32?
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            let vault = try Vault(opening: vault.location)
            defer { vault.shutdown() }
            let lines = secretsFd.map { SecretLines(descriptor: $0) }
            let needed = try vault.recoveryState()?.threshold ?? 0
            var sheets: [String] = []
            let password: String
            if let lines {
                while sheets.count < needed, let share = try lines.nextShare() { sheets.append(share) }
                password = try lines.next().password ?? ""
            } else {
                Terminal.say(
                    """
                    This makes \(name) safeguarding lead and suspends every other lead. It is recorded.
                    This vault: \(vault.foundingWords.joined(separator: " "))
                    Each sheet has these eight words. If they differ, stop.
                    """)
                sheets = try RecoverCommand.askSheets(vault, most: needed)
                password = try Terminal.askSecret("New password of \(name), at least 15 characters")
                guard try Terminal.askSecret("The same again") == password else {
                    throw ValidationError("The two passwords differ.")
                }
            }
            let recovered = try vault.recover(sheets: sheets, lead: name, password: password)
            let acting = recovered.acting
            guard let secret = vault.authenticatorSecret(of: acting) else { throw VaultError.notFound }
            struct Answer: Encodable {
                let authenticator: String
                let suspended: [String]
            }
            if json {
                try Terminal.json(Answer(authenticator: secret, suspended: recovered.suspended))
            } else {
                Terminal.say("Enter this in \(name)'s authenticator app; it is shown only now:\n  \(secret)")
            }
            try vault.enrol(acting, code: lines?.next().code ?? Terminal.ask("Code from the authenticator"))
            try vault.signOut(acting)
            guard !json else { return }
            if !recovered.suspended.isEmpty {
                Terminal.say("Suspended: \(recovered.suspended.joined(separator: ", ")).")
            }
            Terminal.say(
                """
                \(name) is safeguarding lead. The sheets count no more. Next, at once:
                  strongroom recover set --as "\(name)" --holder … --holder … --holder …     new sheets; destroy the old
                  strongroom person acknowledge --as "\(name)"                               the policy
                  strongroom person training "\(name)" --completed DAY --as "\(name)"
                Tell everyone who works with these records.
                """)
        }
    }

    /// Asks for the words of sheets, one after the other; a wrong one is told at once and asked for again.
    private static func askSheets(_ vault: Vault, most: Int) throws -> [String] {
        defer { Terminal.wipeScreen() }
        var sheets: [String] = []
        while sheets.count < most {
            let text = try Terminal.ask("The words of a sheet, number \(sheets.count + 1) (empty: no more)")
            if text.allSatisfy(\.isWhitespace) { break }
            let fault = try vault.faults(inSheets: sheets + [text]).first { $0.place == sheets.count + 1 }
            if let fault { Terminal.explain(fault.refusal) } else { sheets.append(text) }
        }
        return sheets
    }

    private static func words(for state: RecoveryListing) -> String {
        switch state.standing {
        case .proven: "The recovery key was tried \(state.drilled?.iso8601 ?? "")."
        case .untried: "The recovery key was never tried: strongroom recover drill does it."
        case .overdue: "The last drill was \(state.drilled?.iso8601 ?? ""), more than 12 months ago: do one."
        case .used:
            "The recovery key was used \(state.used?.iso8601 ?? ""): make new sheets with strongroom recover set."
        }
    }
}
