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
    /// on a disk.
    ///
    /// - Parameter progress: is told how many steps of how many are done; where it gives false the work stops.
    /// - Throws: `VaultError` of lines that cannot be had any more; `PaperError`.
    package func pdf(
        of print: ChronologyPrint, by acting: Acting, progress: (_ done: Int, _ of: Int) -> Bool
    ) throws -> Paper {
        let typesetter = Typesetter(memoryMiB: vault.policies.limits.printMemoryMiB, seconds: 120)
        var booklet = Booklet(
            typesetter, identifier: print.id.bytes.hexadecimal, made: print.recorded.milliseconds / 1000)
        let size = Booklet.rowsPerPart
        let parts = (print.count + size - 1) / size
        for part in 0..<parts {
            // Numbering and joining come after that: a few steps more.
            guard progress(part, parts + 3) else { throw PaperError.stopped }
            try booklet.add(html(of: print, part * size..<min(print.count, (part + 1) * size), by: acting))
        }
        return try booklet.finish { done, of in progress(parts + done, parts + of) }
    }

    private func html(of print: ChronologyPrint, _ range: Range<Int>, by acting: Acting) throws -> [UInt8] {
        let lines = try vault.entries(of: print, range, by: acting).map { PaperLine($0, words, vault.policies) }
        let part = PaperPart(
            head: PaperHead(print, words, vault.policies), isFirst: range.lowerBound == 0, lines: lines)
        return Array(templates.render(.paper, part).utf8)
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
