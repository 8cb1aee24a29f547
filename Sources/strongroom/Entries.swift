import ArgumentParser
import Custody
import Foundation
import Records

/// `strongroom entry`
struct EntryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "entry", abstract: "Entries of a chronology: look at one, or add some without a file.",
        subcommands: [Show.self, Add.self], defaultSubcommand: Show.self)

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "One entry, with what proves it. A recorded act.")
        @Argument(help: "The statement's index.")
        var index: UInt64
        @OptionGroup var acting: ActingOptions
        @Flag(
            inversion: .prefixedNo,
            help:
                "Mark it as a significant event, or take that back: recorded, and nothing of what was filed is changed."
        )
        var significant: Bool?
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            let (entry, proof, _) = try acting.acting { vault, acting in
                if let significant { try vault.mark(index, significant: significant, as: acting) }
                return try vault.entry(index, as: acting)
            }
            try show(entry, json: json)
            if json {
                struct Answer: Encodable { let statement, signature, verifyingKey, leafHash, proof: String }
                try Terminal.json(
                    Answer(
                        statement: proof.statement, signature: proof.signature, verifyingKey: proof.verifyingKey,
                        leafHash: proof.leafHash, proof: proof.proof))
            } else {
                for (name, value) in (entry.made?.fields ?? [:]).sorted(by: { $0.key < $1.key }) where !value.isEmpty {
                    Terminal.say("\(name): \(value)")
                }
                Terminal.say("\nstatement\n\(proof.statement)\nsignature \(proof.signature)\n\n\(proof.proof)")
            }
        }
    }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add entries without a file, and print a receipt each.",
            discussion: """
                What is said is read as lines of JSON and never is an argument. Each has "kind": call, meeting, observation, \
                words, action, decision or correction; then "basis" (fact, opinion, hearsay), "date", "time", "account" \
                and what fits the kind: \(EntryField.allCases.map(\.rawValue).joined(separator: ", ")). A correction names \
                with "corrects" the document or entry that it corrects; "completes" names a follow-up that is done. \
                Nothing is recorded unless every line is in order.
                """)
        @Option(help: "The pupil's reference, such as P-7F3KQ.")
        var pupil: String
        @Option(help: "JSON lines, or - for standard input.")
        var details: String
        @OptionGroup var acting: ActingOptions
        @Flag(help: "Answer as JSON, a line an entry.")
        var json = false

        private struct Made: Encodable {
            let entry, pupil, recorded, checkpoint: String
            let index: UInt64
        }

        func run() throws {
            let entries = try Self.read(Input.text(details))
            try acting.acting { vault, acting in
                let chosen = try vault.pupil(reference: pupil, as: acting)
                var isRefused = false
                for (number, entry) in entries.enumerated() {
                    for refusal in vault.problems(with: entry) {
                        Terminal.explain(refusal, about: "line \(number + 1)")
                        isRefused = true
                    }
                }
                if isRefused { throw Stop.refused }
                for entry in entries {
                    let receipt = try vault.makeEntry(entry, for: chosen.pupilFile, as: acting)
                    if json {
                        try Terminal.json(
                            Made(
                                entry: receipt.entry.text, pupil: receipt.pupilReference,
                                recorded: receipt.recorded.iso8601, checkpoint: receipt.checkpoint,
                                index: receipt.index))
                    } else {
                        Terminal.say(
                            "entry \(receipt.entry.text) · statement \(receipt.index) · \(receipt.recorded.iso8601)")
                    }
                }
            }
        }

        /// Lines end with a line feed alone: other ends of lines may stand in somebody's words.
        private static func read(_ text: String) throws -> [EntryDetails] {
            let lines = text.utf8.split(separator: UInt8(ascii: "\n")).filter {
                !$0.allSatisfy { $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: " ") }
            }
            return try lines.enumerated().map { number, line in
                func wrong(_ what: String) -> ValidationError {
                    ValidationError("--details, line \(number + 1): \(what)")
                }
                guard var said = try? JSONDecoder().decode([String: String].self, from: Data(line)) else {
                    throw wrong("takes lines like {\"kind\":\"call\",\"date\":\"2026-11-26\",\"account\":\"…\"}.")
                }
                guard let kind = said.removeValue(forKey: "kind").flatMap(EntryKind.init) else {
                    throw wrong("kind is one of \(EntryKind.ofPeople.map(\.rawValue).joined(separator: ", ")).")
                }
                var entry = EntryDetails(kind: kind)
                if let text = said.removeValue(forKey: "corrects") {
                    guard let id = RecordID(text: text) else {
                        throw wrong("corrects is a document's or an entry's id.")
                    }
                    entry.corrects = id
                }
                if let text = said.removeValue(forKey: "completes") {
                    guard let id = FollowUpID(text: text) else { throw wrong("completes is a follow-up's id.") }
                    entry.completes = id
                }
                for (name, value) in said {
                    guard let field = EntryField(rawValue: name) else {
                        // What was typed there may be anything: it is not repeated.
                        throw wrong(
                            "a field is none of kind, corrects, completes, \(EntryField.allCases.map(\.rawValue).joined(separator: ", "))."
                        )
                    }
                    entry[field] = value
                }
                return entry
            }
        }
    }
}
