import ArgumentParser
import Custody
import Foundation
import Records

/// `strongroom restricted`
struct RestrictedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restricted", abstract: "What concerns a member of staff.",
        subcommands: [RestrictedList.self, RestrictedMove.self], defaultSubcommand: RestrictedList.self)
}

/// `strongroom restricted move`
struct RestrictedMove: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "move",
        abstract: "Move a document out of its pupil's file that turns out to concern a member of staff.",
        discussion: """
            Without --confirm it only says what moving comes to. It cannot be undone. Whom it concerns is read as JSON: \
            {"concerns":["Nell Vasey"],"concerns_others":"a coach who has left"}.
            """)
    @Argument(help: "The document's id.")
    var document: String
    @Option(help: "JSON that says whom it concerns, in a file, or - for standard input.")
    var details: String
    @OptionGroup var acting: ActingOptions
    @Flag(help: "Do it.")
    var confirm = false
    @Flag(help: "Answer as JSON.")
    var json = false

    private struct Said: Decodable {
        var concerns: [String]?
        var concernsOthers: String?
    }
    private struct Answer: Encodable {
        let concerns: String
        let couldRead, opened, keepers: [String]
        let recoverable: Bool
        /// The restricted document that it became; absent where nothing was done.
        let document: String?
    }

    func run() throws {
        guard let id = DocumentID(text: document.lowercased()) else { throw VaultError.notFound }
        let said = try said()
        let (preview, moved) = try acting.acting { vault, acting in
            let concern = try vault.staffConcern(
                named: said.concerns ?? [], others: said.concernsOthers ?? "", as: acting)
            let preview = try vault.movePreview(of: id, about: concern, as: acting)
            return (preview, confirm ? try vault.move(id, about: concern, as: acting) : nil)
        }
        let readers = preview.readers.map(\.name)
        let opened = preview.opened.map(\.name)
        guard !json else {
            return try Terminal.json(
                Answer(
                    concerns: preview.about, couldRead: readers, opened: opened, keepers: preview.keepers,
                    recoverable: preview.isRecoverable, document: moved?.text))
        }
        func list(_ names: [String]) -> String { names.isEmpty ? "nobody" : names.joined(separator: ", ") }
        Terminal.say("It concerns \(preview.about).")
        Terminal.say("It could be read until now by \(list(readers)), and was opened by \(list(opened)).")
        Terminal.say(
            "It is kept by \(list(preview.keepers))\(preview.isRecoverable ? " and the recovery key" : "").")
        Terminal.say(
            moved.map { "Moved: it is the restricted document \($0.text) now." }
                ?? "Nothing was done yet. With --confirm it is moved, and that cannot be undone.")
    }

    private func said() throws -> Said {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let said = try? decoder.decode(Said.self, from: Data(try Input.text(details).utf8)) else {
            throw ValidationError("--details takes JSON like {\"concerns\":[\"Nell Vasey\"]}.")
        }
        return said
    }
}
