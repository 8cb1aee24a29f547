package import Custody
package import Papers
import Records

/// The draft of a witness statement that produces the exhibits of a permission (Criminal Procedure Rules, r. 16.2; Criminal
/// Justice Act 1967, s. 9), as a PDF. It is never signed here: each page says so.
package struct SectionNine: Sendable {
    private let words: Wording
    private let templates: Templates
    private let memoryMiB: Int

    init(words: Wording, templates: Templates, memoryMiB: Int) {
        self.words = words
        self.templates = templates
        self.memoryMiB = memoryMiB
    }

    /// Where no site is served.
    package init(timezone: String, memoryMiB: Int) throws {
        self.init(words: Wording(timezone: timezone), templates: try Templates(), memoryMiB: memoryMiB)
    }

    /// Typesets it from the terms alone: the same terms give the same bytes. Blocks for seconds.
    package func draft(_ terms: AgencyTerms) throws(PaperError) -> [UInt8] {
        let typesetter = Typesetter(memoryMiB: memoryMiB, seconds: 120)
        var booklet = Booklet(typesetter, identifier: terms.identifier, made: terms.from / 1000)
        try booklet.add(Array(templates.render(.sectionNine, SectionNinePaper(terms, words)).utf8))
        return try booklet.finish { _, _ in true }.withBytes { Array($0) }
    }
}

/// What stands in the statement.
struct SectionNinePaper {
    struct Exhibit {
        let number: Int
        let reference: String
        let category: String
        let summary: String
        let date: String
        let facts: String
        let sha256: String
    }
    let school: String
    let contact: String
    let reference: String
    let witness: String
    let role: String?
    let recipient: String
    let from: String
    let until: String
    let copies: String?
    let conditions: String?
    let exhibits: [Exhibit]
    /// The number of the paragraph after the exhibits.
    let next: Int
    let last: Int

    /// Paragraphs before those of the exhibits.
    private static let before = 3

    init(_ terms: AgencyTerms, _ words: Wording) {
        school = terms.school
        contact = terms.contact
        reference = terms.reference
        // `Ruth Okonedo-Hale, Designated safeguarding lead`.
        let halves = terms.givenBy.split(separator: ",", maxSplits: 1)
        witness = halves.first.map(String.init) ?? terms.givenBy
        role = halves.count == 2 ? halves[1].drop { $0 == " " }.description : nil
        recipient =
            [terms.rank, terms.officer, terms.number].filter { !$0.isEmpty }.joined(separator: " ")
            + (terms.organisation.isEmpty ? "" : ", \(terms.organisation)")
        from = words.moment(Timestamp(milliseconds: terms.from))
        until = words.moment(Timestamp(milliseconds: terms.until))
        copies = terms.copies == 0 ? nil : words.count(Int(clamping: terms.copies), "time")
        conditions = terms.conditions.isEmpty ? nil : terms.conditions
        exhibits = terms.exhibits.enumerated().map { place, exhibit in
            Exhibit(
                number: Self.before + 1 + place, reference: exhibit.reference, category: exhibit.category,
                summary: exhibit.summary, date: exhibit.date.isEmpty ? "undated" : words.date(exhibit.date),
                facts: [
                    exhibit.mediaType, exhibit.pages.map { words.count($0, "page") },
                    words.grouped(exhibit.size) + " bytes",
                ].compactMap { $0 }.joined(separator: ", "), sha256: exhibit.sha256)
        }
        next = Self.before + 1 + exhibits.count
        last = next + 1
    }
}

extension AgencyTerms {
    /// The permission's reference in hexadecimal, filled up to 32 digits.
    fileprivate var identifier: String {
        let digits = reference.utf8.map { byte in
            let text = String(byte, radix: 16)
            return text.utf8.count == 1 ? "0" + text : text
        }.joined()
        return String((digits + String(repeating: "0", count: 32)).prefix(32))
    }
}
