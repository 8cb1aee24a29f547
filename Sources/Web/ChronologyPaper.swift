package import Custody
package import Papers
import Records

// A chronology as it stands on paper: what its head says, and its lines. The same lines make the PDF and the page that a
// browser prints.

/// What stands at the top of a printed chronology.
struct PaperHead {
    let school: String
    let pupil: PupilBanner
    /// Which print: it stands on every page.
    let print: String
    let printedBy: String
    let printedAt: String
    /// How many lines, in which order.
    let lines: String
    /// Which part of the chronology it is.
    let part: String
    /// What it was narrowed down to.
    let narrowed: String?
    /// The place of the print's own statement in the ledger.
    let statement: String
    /// The signed note of the ledger, as it is.
    let checkpoint: String

    init(_ print: ChronologyPrint, _ words: Wording, _ policies: Policies) {
        school = policies.school.name
        pupil = PupilBanner(print.pupil, words)
        self.print = print.id.reference
        printedBy = print.madeBy
        printedAt = words.moment(print.recorded)
        lines =
            words.count(print.count, "line") + ", "
            + (print.choice.newestFirst ? "newest first" : "oldest first")
        part =
            switch print.choice.lane {
            case .significant: "Significant events alone. Other documents and entries are left out."
            case .records: "Documents and entries. Readings, refusals and other acts are left out."
            case .everything: "Documents, entries, readings and refusals."
            }
        let narrowed = words.narrowed(
            print.choice, uploader: print.uploader, batch: print.batchNumber, policies)
        self.narrowed = narrowed.isEmpty ? nil : narrowed
        statement = words.grouped(print.index)
        checkpoint = print.checkpoint
    }
}

/// One line of a printed chronology.
struct PaperLine {
    struct Correction {
        let title: String
        let when: String
        let by: String
        let number: String
        let account: String?
        let facts: [EntrySaid.Fact]
    }
    let number: String
    let times: EntryTimes
    let author: String
    let kind: String
    /// Nil where the account says the same.
    let summary: String?
    let accountTitle: String
    let account: String?
    let facts: [EntrySaid.Fact]
    let document: String?
    let corrected: String?
    let corrections: [Correction]
    let isRecord: Bool
    let isSignificant: Bool
    let isQuarantined: Bool
    let isLate: Bool

    init(_ printed: PrintedEntry, _ words: Wording, _ policies: Policies) {
        let entry = printed.entry
        number = words.grouped(entry.index)
        times = EntryTimes(entry, words)
        author = entry.author
        kind = entry.title
        let said = entry.made.map { EntrySaid($0, words) }
        accountTitle = said?.accountTitle ?? ""
        account = said?.account.flatMap { $0.isEmpty ? nil : $0 }
        let collapsed = account?.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        summary = entry.summary == collapsed ? nil : entry.summary.isEmpty ? entry.title : entry.summary
        facts = (said?.facts ?? []) + DocumentFact.facts(entry, words, policies)
        document = entry.document?.id.reference
        corrected = entry.made?.correctsIndex.map { "Corrects entry \(words.grouped($0))" }
        corrections = entry.corrections.map { correction in
            let line = CorrectionLine(correction, of: entry, words)
            return Correction(
                title: line.title, when: line.when, by: line.by, number: words.grouped(correction.index),
                account: line.said.account, facts: line.said.facts)
        }
        isRecord = entry.isRecord
        isSignificant = printed.isSignificant
        isQuarantined = entry.isQuarantined
        isLate = words.isLate(entry)
    }
}

/// Part of a printed chronology: the first one has the head.
struct PaperPart {
    let head: PaperHead
    let isFirst: Bool
    let lines: [PaperLine]
}

/// Makes the PDF of a print.
package struct ChronologyPrinter: Sendable {
    private let vault: Vault
    private let words: Wording
    private let templates: Templates

    init(vault: Vault, words: Wording, templates: Templates) {
        self.vault = vault
        self.words = words
        self.templates = templates
    }

    /// For a vault that no site serves.
    package init(vault: Vault) throws {
        self.init(
            vault: vault, words: Wording(timezone: vault.policies.school.timezone), templates: try Templates())
    }

    /// Makes it in parts, with the keys of who printed it. Blocks: seconds, or minutes for thousands of lines. Nothing of it is
    /// on a disk, and memory does not grow with its length.
    ///
    /// - Parameter progress: is told how many lines are set, all of them while pages are numbered and joined; where it gives
    ///   false the work stops.
    /// - Throws: `VaultError` of lines that cannot be had any more; `PaperError`.
    package func pdf(
        of print: ChronologyPrint, by acting: Acting, progress: (_ lines: Int) -> Bool
    ) throws -> Paper {
        let typesetter = Typesetter(memoryMiB: vault.policies.limits.printMemoryMiB, seconds: 120)
        var booklet = Booklet(
            typesetter, identifier: print.id.bytes.hexadecimal, made: print.recorded.milliseconds / 1000)
        let head = PaperHead(print, words, vault.policies)
        var lines: [PaperLine] = []
        var done = 0
        func part() -> [UInt8] {
            defer {
                done += lines.count
                lines = []
            }
            return Array(templates.render(.paper, PaperPart(head: head, isFirst: done == 0, lines: lines)).utf8)
        }
        for first in stride(from: 0, to: print.count, by: Self.openedAtOnce) {
            for printed in try vault.entries(of: print, first..<first + Self.openedAtOnce, by: acting) {
                let line = PaperLine(printed, words, vault.policies)
                let size = lines.reduce(line.size) { $0 + $1.size }
                if lines.count == Booklet.rowsPerPart || (size > Self.mostBytes && !lines.isEmpty) {
                    guard progress(done) else { throw PaperError.stopped }
                    try booklet.add(part())
                }
                lines.append(line)
            }
        }
        guard progress(done) else { throw PaperError.stopped }
        try booklet.add(part())
        return try booklet.finish { _, _ in progress(print.count) }
    }

    private static let openedAtOnce = 50
    /// Bytes of text from which on a part is set, however few lines it has: some 120 pages, for which WeasyPrint takes a quarter
    /// of a GiB.
    private static let mostBytes = 300_000
}

extension PaperLine {
    /// Bytes of what people wrote in it, about.
    fileprivate var size: Int {
        func size(_ account: String?, _ facts: [EntrySaid.Fact]) -> Int {
            facts.reduce(account?.utf8.count ?? 0) { $0 + $1.value.utf8.count }
        }
        return corrections.reduce(size(account, facts) + (summary?.utf8.count ?? 0)) { $0 + size($1.account, $1.facts) }
    }
}

extension [UInt8] {
    /// Two lower-case digits for each byte.
    fileprivate var hexadecimal: String {
        map { byte in
            let text = String(byte, radix: 16)
            return text.utf8.count == 1 ? "0" + text : text
        }.joined()
    }
}
