import ArgumentParser
import Custody
import Foundation
import Papers
import Records
import Web

/// `strongroom witness`
struct WitnessCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "witness",
        abstract: "Have the ledger's checkpoints kept and cosigned outside the vault, or do that for somebody else.",
        discussion: """
            Where the vault is: key, request, accept, state, sheet. Elsewhere, best on another machine that another person looks after: \
            init, cosign. Between them go files, by whatever way: a mounted folder, a stick, mail. What they say is after C2SP \
            tlog-witness and tlog-cosignature, so that other programs can be witnesses, too.
            """,
        subcommands: [
            Initialise.self, Cosign.self, Key.self, Ask.self, Accept.self, State.self, Sheet.self,
        ])

    /// What is exchanged: a note and a proof, or signature lines.
    static let most = 1_100_000

    struct Initialise: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "init", abstract: "Make a witness in a new folder: its own key, and the ledger's public key.")
        @Argument(help: "The folder.")
        var folder: String
        @Option(help: "What the witness's key is called, such as witness.example/school.")
        var name: String
        @Option(
            name: .customLong("for"), help: "The ledger's public key, as strongroom witness key prints it at the vault."
        )
        var ledger: String
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            let witness = try WitnessFolder.make(at: folder, name: name, ledger: ledger)
            struct Answer: Encodable { let witness, ledger: String }
            guard !json else { return try Terminal.json(Answer(witness: witness.vkey, ledger: witness.ledger)) }
            Terminal.say(witness.vkey)
            Terminal.say(
                "This line goes into policies/witness.yaml of the vault. The folder's file key is the witness's own: nobody else needs it.",
                to: .standardError)
        }
    }

    struct Cosign: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Look at what a vault asks, keep its checkpoint, and cosign it.",
            discussion: """
                It reads the request from standard input and prints the answer. With --folder it reads the file request there and \
                writes the file answer. It cosigns only what goes on from what it cosigned before: exit code 3 where it does not. Where \
                it was asked from another size than it has, the answer is that size.
                """)
        @Argument(help: "The witness's folder.")
        var folder: String
        @Option(name: .customLong("folder"), help: "The folder that the vault and the witness share.")
        var shared: String?
        @Flag(help: "Print the whole cosigned note instead of its new line.")
        var note = false

        func run() throws {
            let request = try Terminal.bytes(shared.map { $0 + "/request" } ?? "-", most: WitnessCommand.most)
            switch try WitnessFolder(at: folder).cosign(request) {
            case .cosigned(let answer, let note, let size):
                try put(self.note ? note : answer)
                Terminal.say("Kept and cosigned: the checkpoint of \(size) statements.", to: .standardError)
            case .otherSize(let answer, let kept, let asked):
                try put(answer)
                Terminal.explain(
                    Refusal(
                        code: "witness.other-size",
                        message: "It was asked from \(asked) statements on, and \(kept) were cosigned.",
                        hint: "Give the answer to the vault, or ask there: strongroom witness request --from \(kept)."))
                throw Stop.refused
            }
        }

        private func put(_ text: String) throws {
            guard let shared else { return try FileHandle.standardOutput.write(contentsOf: Data(text.utf8)) }
            try Data(text.utf8).write(to: URL(filePath: shared + "/answer"), options: .atomic)
        }
    }

    struct Key: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The public key that witnesses check this vault's checkpoints with.")
        @OptionGroup var vault: VaultOptions

        func run() throws {
            let vault = try Vault(opening: vault.location)
            defer { vault.shutdown() }
            Terminal.say(try vault.checkpointKey())
        }
    }

    struct Ask: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "request", abstract: "Print what to ask a witness: the newest checkpoint, and that it goes on."
        )
        @OptionGroup var vault: VaultOptions
        @Option(help: "Which witness, by name; needed where policies/witness.yaml has several.")
        var to: String?
        @Option(help: "The size that the witness has (default: that of its newest cosignature here).")
        var from: UInt64?
        @Option(help: "Write the file request in this folder instead.")
        var folder: String?

        func run() throws {
            let vault = try Vault(opening: vault.location)
            defer { vault.shutdown() }
            let text = Data(try vault.witnessRequest(to: to, from: from).utf8)
            guard let folder else { return try FileHandle.standardOutput.write(contentsOf: text) }
            try text.write(to: URL(filePath: folder + "/request"), options: .atomic)
        }
    }

    struct Accept: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Verify a witness's answer and keep its cosignature.",
            discussion: "It reads the answer from standard input, or the file answer in --folder.")
        @OptionGroup var vault: VaultOptions
        @Option(help: "The folder that the vault and the witness share.")
        var folder: String?
        @Flag(help: "Answer as JSON, a line a cosignature.")
        var json = false

        func run() throws {
            let answer = try Terminal.bytes(folder.map { $0 + "/answer" } ?? "-", most: WitnessCommand.most)
            let vault = try Vault(opening: vault.location)
            defer { vault.shutdown() }
            struct Line: Encodable {
                let witness: String
                let size: UInt64
                let time: String
            }
            for kept in try vault.acceptCosignatures(answer) {
                if json {
                    try Terminal.json(Line(witness: kept.witness, size: kept.size, time: kept.time.iso8601))
                } else {
                    Terminal.say(
                        "Kept: \(kept.witness) cosigned the checkpoint of \(kept.size) statements at \(kept.time.iso8601)."
                    )
                }
            }
        }
    }

    struct State: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Which checkpoints of this vault lie outside it. Exit code 4 where none is young enough.")
        @OptionGroup var vault: VaultOptions
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            let vault = try Vault(opening: vault.location)
            defer { vault.shutdown() }
            let watch = try vault.outsideWatch()
            struct Answer: Encodable {
                struct One: Encodable {
                    let place: String
                    let size: UInt64?
                    let time: String?
                }
                let overdue, sheetDue: Bool
                let hours, sheetDays: Int
                let witnesses: [One]
                let sheet: One?
            }
            if json {
                try Terminal.json(
                    Answer(
                        overdue: watch.isOverdue, sheetDue: watch.isSheetDue, hours: watch.hours,
                        sheetDays: watch.sheetDays,
                        witnesses: watch.witnesses.map {
                            .init(place: $0.name, size: $0.newest?.size, time: $0.newest?.time.iso8601)
                        },
                        sheet: watch.sheet.map {
                            .init(place: $0.place.name, size: $0.size, time: $0.time.iso8601)
                        }))
            } else {
                for witness in watch.witnesses {
                    Terminal.say(
                        witness.newest.map {
                            "\(witness.name): \($0.size) statements, cosigned at \($0.time.iso8601)"
                        } ?? "\(witness.name): nothing yet")
                }
                Terminal.say(
                    watch.sheet.map { "sheet \($0.place.name): \($0.size) statements, printed at \($0.time.iso8601)" }
                        ?? "no sheet was printed yet")
                Terminal.say(([watch.words] + watch.advice).joined(separator: " "))
            }
            if watch.isOverdue || watch.isSheetDue { throw Stop.found }
        }
    }

    struct Sheet: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the sheet with the newest checkpoint, to be printed and filed elsewhere.",
            discussion: "That it was printed is recorded first: the checkpoint on it ends with that statement.")
        @OptionGroup var acting: ActingOptions
        @Option(help: "The file to write.")
        var pdf: String
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            // The file is begun first: nothing is recorded as printed that could not be written.
            let sheet = try acting.acting { vault, acting in
                try writeWhole(to: pdf) { handle in
                    let sheet = try vault.printCheckpoint(by: acting)
                    do {
                        let paper = try checkpointPaper(sheet, of: vault)
                        try paper.withBytes { bytes in Result { try handle.write(bytes) } }.get()
                    } catch is PaperError {
                        Terminal.explain(
                            Refusal(
                                code: "sheet.not-made", message: "The sheet could not be made into a PDF.",
                                hint: "It is recorded as printed: try again, so that there is one."))
                        throw Stop(code: 1)
                    }
                    return sheet
                }
            }
            struct Answer: Encodable {
                let sheet: String
                let size: UInt64
                let recorded: String
                let note: String
            }
            guard !json else {
                return try Terminal.json(
                    Answer(
                        sheet: sheet.print.sheetReference, size: sheet.size, recorded: sheet.recorded.iso8601,
                        note: sheet.note))
            }
            Terminal.say(
                "Sheet \(sheet.print.sheetReference): \(sheet.size) statements. Print it and file it elsewhere.")
        }
    }
}

extension OutsideCheckpoint.Place {
    /// What people call it.
    fileprivate var name: String {
        switch self {
        case .witness(let name), .sheet(let name): name
        }
    }
}
