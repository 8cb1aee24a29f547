import Custody
import Foundation
import Testing
import Web

/// What a permission fixed, of an invented school.
private func terms(_ changes: (inout [String: Any]) -> Void = { _ in }) throws -> AgencyTerms {
    func exhibit(_ number: Int, _ summary: String) -> [String: Any] {
        [
            "reference": "RO/\(number)", "document": "0123456789abcdefghjkmnpqrs", "summary": summary,
            "date": number == 1 ? "2015-03-02" : "", "category": "Letter or e-mail", "mediaType": "image/tiff",
            "pages": number, "size": 1_234_567, "sha256": String(repeating: "\(number % 10)a", count: 32),
        ]
    }
    var fields: [String: Any] = [
        "school": "Harrowdale School", "contact": "the school office", "reference": "PM-7K2M9Q4C",
        "givenBy": "Ruth Okonedo-Hale, Designated safeguarding lead", "officer": "Alder Voss",
        "rank": "Detective Constable", "number": "4471", "organisation": "Northmoor Police",
        "conditions": "No copy for counsel <b>without</b> asking.", "from": 1_795_000_000_000,
        "until": 1_795_600_000_000, "copies": 2, "recipient": "",
        "exhibits": [exhibit(1, "A letter about </p> a visit"), exhibit(2, "Minutes שלום")],
    ]
    changes(&fields)
    return try JSONDecoder().decode(AgencyTerms.self, from: JSONSerialization.data(withJSONObject: fields))
}

/// The text of a PDF, with each run of white space as one blank.
private func text(of pdf: [UInt8]) throws -> String {
    let file = FileManager.default.temporaryDirectory.appending(path: "section-9-\(UUID()).pdf")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(pdf).write(to: file)
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/pdftotext")
    process.arguments = ["-layout", file.path, "-"]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let said = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: said, as: UTF8.self)
}

@Suite("The draft of a witness statement under section 9")
struct SectionNineTests {
    private let drafter: SectionNine
    init() throws { drafter = try SectionNine(timezone: "Europe/London", memoryMiB: 1024) }

    @Test("Same terms, same bytes; other terms, other bytes")
    func bytes() throws {
        let first = try drafter.draft(terms())
        #expect(first.starts(with: "%PDF".utf8))
        #expect(try drafter.draft(terms()) == first)
        #expect(try drafter.draft(terms { $0["number"] = "4472" }) != first)
    }

    @Test("Each page is marked as not signed; each exhibit is produced with its SHA-256; nothing typed is markup")
    func words() throws {
        let pages = try text(of: drafter.draft(terms())).split(separator: "\u{0C}").map(String.init)
        #expect(pages.count >= 1)
        for page in pages { #expect(page.contains("DRAFT – NOT SIGNED") && page.contains("Signature:")) }
        let words = pages.joined(separator: " ").split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for said in [
            "r. 16.2; Criminal Justice Act 1967, s. 9", "Statement of Ruth Okonedo-Hale", "Over 18",
            "Designated safeguarding lead", "liable to prosecution", "Detective Constable Alder Voss 4471",
            "PM-7K2M9Q4C", "No copy for counsel <b>without</b> asking.", "I produce as exhibit RO/1", "</p> a visit",
            "I produce as exhibit RO/2", "2 March 2015", "copies of them 2 times at most", "Page 1 of \(pages.count)",
        ] { #expect(words.contains(said), "\(said)") }
        for number in ["1a", "2a"] {
            #expect(words.replacing(" ", with: "").contains(String(repeating: number, count: 32)))
        }
    }

    @Test("Fifty exhibits are as many numbered paragraphs, and a permission to look says nothing of copies")
    func many() throws {
        let terms = try terms { fields in
            let one = (fields["exhibits"] as? [[String: Any]])?.first ?? [:]
            fields["exhibits"] = (1...50).map { number in one.merging(["reference": "RO/\(number)"]) { $1 } }
            fields["copies"] = 0
        }
        let words = try text(of: drafter.draft(terms)).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for number in 1...50 { #expect(words.contains("\(number + 3). I produce as exhibit RO/\(number) ")) }
        #expect(words.contains("54. Each of these") && !words.contains("to take copies"))
    }
}
