import ArgumentParser
import Custody
import Foundation
import Records

/// `strongroom triage`
struct TriageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "triage",
        abstract:
            "What was filed or written and waits for the lead or a deputy; or, with --details, what follows from it.",
        discussion: """
            What follows is read as lines of JSON and never is an argument: \
            {"records":["…"],"follows":["nothing"],"words":"why"}. A line is about records of one pupil, by their ids; \
            "follows" has one or more of \(TriageOutcome.allCases.map(\.rawValue).joined(separator: ", ")), "due" is the day \
            by which it is to be done, "child_on_child" is "yes" where it is; of a referral "parents" and "parents_reason" \
            say what of the parents is known beforehand. "triage", an id, makes it safe to send a line twice. Nothing is \
            recorded unless what every line says is in order. Both are recorded acts.
            """)
    @OptionGroup var acting: ActingOptions
    @Option(help: "The pupil's reference: to list what waits of one; needed with --details.")
    var pupil: String?
    @Option(help: "JSON lines, or - for standard input.")
    var details: String?
    @Option(help: "Which list: \(WaitingList.allCases.map(\.rawValue).joined(separator: ", ")).")
    var list = WaitingList.waiting.rawValue
    @Flag(help: "Answer as JSON, a line a record, or a receipt.")
    var json = false

    private struct Answer: Encodable {
        let record, pupil, kind, summary, occurred, recorded, author: String
        let index: UInt64
        let late: Bool
    }

    private struct Said: Encodable {
        let triage, pupil, recorded: String
        let index: UInt64
        let records: Int
        let followUps: [String]
    }

    func run() throws {
        guard let details else { return try showList() }
        guard let pupil else { throw ValidationError("--details needs --pupil.") }
        let lines = try Self.read(Input.text(details))
        try acting.acting { vault, acting in
            let file = try vault.pupil(reference: pupil, as: acting).pupilFile
            var isRefused = false
            for (number, line) in lines.enumerated() {
                for refusal in vault.problems(with: line.details) {
                    Terminal.explain(refusal, about: "line \(number + 1)")
                    isRefused = true
                }
            }
            if isRefused { throw Stop.refused }
            for line in lines {
                let receipt = try vault.triage(line.records, of: file, line.details, id: line.id, as: acting)
                if json {
                    try Terminal.json(
                        Said(
                            triage: receipt.triage.text, pupil: receipt.pupilReference,
                            recorded: receipt.recorded.iso8601, index: receipt.index, records: receipt.records,
                            followUps: receipt.followUps.map(\.text)))
                } else {
                    Terminal.say(
                        "looked at \(receipt.records), follow-ups \(receipt.followUps.count) · statement \(receipt.index) · \(receipt.recorded.iso8601)"
                    )
                }
            }
        }
    }

    private func showList() throws {
        guard let which = WaitingList(rawValue: list) else {
            throw ValidationError("--list is one of \(WaitingList.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        let (total, records) = try acting.acting { vault, acting in
            let file = try pupil.map { try vault.pupil(reference: $0, as: acting).pupilFile }
            return try vault.waiting(which, of: file, count: .max, as: acting)
        }
        if !json { Terminal.say("\(total) of the list \(which.rawValue), oldest first") }
        for one in records {
            let entry = one.entry
            if json {
                try Terminal.json(
                    Answer(
                        record: one.record.text, pupil: one.pupil.reference, kind: entry.kind, summary: entry.summary,
                        occurred: entry.occurred, recorded: entry.recorded.iso8601, author: entry.author,
                        index: entry.index, late: one.isLate))
            } else {
                Terminal.say("\(one.isLate ? "LATE " : "")\(one.pupil.reference)  \(entry.title): \(entry.summary)")
                Terminal.say(
                    "    recorded \(entry.recorded.iso8601) by \(entry.author), statement \(entry.index), record \(one.record.text)"
                )
            }
        }
    }

    private struct Line {
        let records: Set<RecordID>
        let details: TriageDetails
        let id: TriageID
    }

    /// A value of a line: a text, or a list of texts.
    private enum Value: Decodable {
        case text(String)
        case list([String])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .text(text)
            } else {
                self = .list(try container.decode([String].self))
            }
        }
        var text: String? { if case .text(let text) = self { text } else { nil } }
        var list: [String]? { if case .list(let list) = self { list } else { nil } }
    }

    private static func read(_ text: String) throws -> [Line] {
        let lines = text.utf8.split(separator: UInt8(ascii: "\n")).filter {
            !$0.allSatisfy { $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: " ") }
        }
        return try lines.enumerated().map { number, line in
            func wrong(_ what: String) -> ValidationError {
                // What was typed there may be anything: it is not repeated.
                ValidationError("--details, line \(number + 1): \(what)")
            }
            guard var said = try? JSONDecoder().decode([String: Value].self, from: Data(line)) else {
                throw wrong("takes lines like {\"records\":[\"…\"],\"follows\":[\"nothing\"],\"words\":\"…\"}.")
            }
            func take(_ name: String) throws -> String {
                guard let value = said.removeValue(forKey: name) else { return "" }
                guard let text = value.text else { throw wrong("\(name) is a text.") }
                return text
            }
            guard let texts = said.removeValue(forKey: "records")?.list, !texts.isEmpty else {
                throw wrong("records is a list of ids, as this command lists them.")
            }
            let records = Set(texts.compactMap { RecordID(text: $0) })
            guard records.count == Set(texts).count else { throw wrong("a record is not an id.") }
            let words = said.removeValue(forKey: "follows")?.list ?? []
            let follows = Set(words.compactMap(TriageOutcome.init))
            guard follows.count == Set(words).count else {
                throw wrong("follows has \(TriageOutcome.allCases.map(\.rawValue).joined(separator: ", ")).")
            }
            let (child, given) = (try take("child_on_child"), try take("triage"))
            guard ["", "yes", "no"].contains(child) else { throw wrong("child_on_child is yes or no.") }
            guard let id = given.isEmpty ? TriageID.random() : TriageID(text: given) else {
                throw wrong("triage is an id.")
            }
            let details = TriageDetails(
                follows: follows, isChildOnChild: child == "yes", words: try take("words"), due: try take("due"),
                parents: try take("parents"), parentsReason: try take("parents_reason"))
            guard said.isEmpty else {
                throw wrong(
                    "a field is none of records, follows, child_on_child, words, due, parents, parents_reason, triage.")
            }
            return Line(records: records, details: details, id: id)
        }
    }
}
