import Foundation
import Glibc
import Papers
import Sandbox
import Testing

let typesetter = Typesetter(memoryMiB: 1024, seconds: 120)
let identifier = "00112233445566778899aabbccddeeff"
let made: Int64 = 1_790_000_000

/// A whole document around a body; the margins are those of the papers.
func page(_ body: String, title: String = "Papers", style: String = "") -> [UInt8] {
    let text = """
        <!doctype html><html lang=en-GB><head><meta charset=utf-8><title>\(title)</title><style>
        @page { size: A4; margin: 25mm 18mm 22mm }
        body { font: 10pt 'DejaVu Sans', FreeSans, FreeSerif, 'Droid Sans Fallback', Symbola }
        \(style)</style></head><body>\(body)</body></html>
        """
    return [UInt8](text.utf8)
}

func pages(_ count: Int, _ word: String) -> [UInt8] {
    page((1...count).map { "<p style='break-after: page'>\(word) \($0)</p>" }.joined())
}

func paper(_ parts: [[UInt8]], _ typesetter: Typesetter = typesetter) throws -> Paper {
    var booklet = Booklet(typesetter, identifier: identifier, made: made)
    for part in parts { try booklet.add(part) }
    return try booklet.finish { _, _ in true }
}

func bytes(_ paper: borrowing Paper) throws -> [UInt8] { try paper.file.withBytes { Array($0) } }

/// What a program of this machine says of a paper, which it gets as a descriptor, and how it ends.
func ask(_ command: String, of paper: borrowing Paper) throws -> (text: String, code: Int32) {
    // A shell, since posix_spawn from here would need the descriptor's flags changed.
    let copy = dup(paper.file.descriptor)
    defer { close(copy) }
    guard let stream = popen(command.replacing("PDF", with: "/proc/self/fd/\(copy)"), "r") else { return ("", -1) }
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = fread(&buffer, 1, buffer.count, stream)
        guard count > 0 else { break }
        text += buffer[..<count]
    }
    let status = pclose(stream)
    return (String(decoding: text, as: UTF8.self), status >> 8 & 0xff)
}

@Suite(.serialized) struct BookletTests {
    @Test func `One part is one PDF/A-3b, with its date, language and identifier`() throws {
        let paper = try paper([page("<h1>A heading</h1><p>Some words.</p>", title: "The title")])
        #expect(paper.pages == 1 && paper.file.isSealed)
        #expect(try bytes(paper).starts(with: "%PDF-1.7".utf8))
        let text = try ask("pdftotext -layout PDF -", of: paper).text
        #expect(text.contains("A heading") && text.contains("Some words.") && text.contains("Page 1 of 1"))
        let check = try ask("qpdf --check PDF 2>&1", of: paper)
        #expect(check.code == 0 && check.text.contains("No syntax or stream encoding errors"))
        let said = try ask("pdfinfo -isodates PDF", of: paper).text
        #expect(said.contains("The title") && said.contains("2026-09-21T"))
        let metadata = try ask("pdfinfo -meta PDF", of: paper).text
        #expect(metadata.contains("part=\"3\"") && metadata.contains("conformance=\"B\""))
        #expect(metadata.contains("2026-09-21T14:13:20Z"))
        let structure = try ask("qpdf --qdf --object-streams=disable PDF -", of: paper).text
        #expect(structure.contains("/GTS_PDFA1") && structure.contains("en-GB"))
        #expect(structure.contains(identifierInPDF))
    }

    @Test func `Three parts are numbered through`() throws {
        let paper = try paper([pages(2, "alpha"), pages(1, "beta"), pages(3, "gamma")])
        #expect(paper.pages == 6)
        let expected = ["alpha 1", "alpha 2", "beta 1", "gamma 1", "gamma 2", "gamma 3"]
        for (index, words) in expected.enumerated() {
            let text = try ask("pdftotext -f \(index + 1) -l \(index + 1) PDF -", of: paper).text
            #expect(text.contains(words) && text.contains("Page \(index + 1) of 6"), "page \(index + 1): \(text)")
        }
        #expect(try ask("qpdf --check PDF 2>&1", of: paper).code == 0)
    }

    @Test func `The same parts, identifier and date are the same bytes`() throws {
        let parts = [pages(2, "alpha"), page(scripts.joined(separator: "<br>")), pages(1, "gamma")]
        let first = try bytes(paper(parts))
        #expect(try bytes(paper(parts)) == first)
        #expect(try bytes(paper(parts.reversed())) != first)
        let alone = try bytes(paper([parts[1]]))
        #expect(try bytes(paper([parts[1]])) == alone)
    }

    @Test func `What was joined is still PDF/A: fonts in it, XMP, output intent, the first part's words of itself`()
        throws
    {
        let paper = try paper([
            page("<p>one</p>", title: "The first"), page(scripts.joined(separator: "<br>"), title: "The second"),
        ])
        let fonts = try ask("pdffonts PDF", of: paper).text.split(separator: "\n").dropFirst(2)
        #expect(fonts.count >= 5)
        // Columns from the right: object, two words; uni; sub; emb.
        for font in fonts { #expect(font.split(separator: " ").dropLast(4).last == "yes", "\(font)") }
        let metadata = try ask("pdfinfo -meta PDF", of: paper).text
        #expect(metadata.contains("part=\"3\"") && metadata.contains("conformance=\"B\""))
        #expect(metadata.contains("The first") && !metadata.contains("The second"))
        let structure = try ask("qpdf --qdf --object-streams=disable PDF -", of: paper).text
        #expect(structure.contains("/GTS_PDFA1") && structure.contains("en-GB"))
        #expect(structure.contains(identifierInPDF))
        #expect(try ask("qpdf --check PDF 2>&1", of: paper).code == 0)
    }

    @Test func `Words can be selected in every script that names are written in`() throws {
        let paper = try paper([page(scripts.map { "<p dir=auto>\($0)</p>" }.joined())])
        let text = try ask("pdftotext -layout PDF -", of: paper).text
        // Composed and decomposed look alike, and poppler gives either; what goes from right to left has marks around it.
        let found = text.precomposedStringWithCanonicalMapping
        for script in scripts {
            for word in script.split(separator: " ") {
                #expect(found.contains(String(word).precomposedStringWithCanonicalMapping), "\(word) in \(text)")
            }
        }
        #expect(!text.contains("\u{fffd}"))
    }

    @Test func `What stands beside a word that goes from right to left is found and copied as it is seen`() throws {
        let paper = try paper([page("<p>before שלום עולם after, then محمد and x\u{331} x</p>")])
        let text = try ask("pdftotext PDF -", of: paper).text
        for words in ["before", "שלום", "עולם", "after, then", "محمد", "and x\u{331} x"] {
            #expect(text.contains(words), "\(words) in \(text)")
        }
    }

    @Test func `Pages of other sizes have their number at their own bottom right`() throws {
        let wide = page("<p>wide</p><p style='break-before: page'>wide too</p>", style: "@page { size: A4 landscape }")
        let mixed = page(
            "<p>upright</p><p class=across>across</p><p style='break-before: page'>upright again</p>",
            style: "@page across { size: A5 landscape } .across { page: across }")
        let paper = try paper([pages(1, "alpha"), wide, mixed])
        #expect(paper.pages == 6)
        let places = try ask("pdftotext -bbox PDF -", of: paper).text
        var size = (width: 0.0, height: 0.0)
        var numbered = 0
        for line in places.split(separator: "\n") {
            func value(_ name: String) -> Double {
                line.firstRange(of: "\(name)=\"").flatMap { Double(line[$0.upperBound...].prefix { $0 != "\"" }) }
                    ?? .nan
            }
            if line.contains("<page ") { size = (value("width"), value("height")) }
            // The last word of "Page 3 of 6".
            guard line.contains(">6</word>"), value("xMax") > size.width / 2 else { continue }
            guard value("yMin") > size.height / 2, value("xMin") > size.width - 62 else { continue }
            numbered += 1
            #expect(abs(value("xMax") - (size.width - 51)) < 3, "\(line) of \(size)")
            #expect(value("yMin") > size.height - 62.4 && value("yMax") < size.height, "\(line) of \(size)")
        }
        #expect(numbered == 6, "\(places)")
    }

    @Test func `Many parts are joined in groups, and many pages numbered in groups`() throws {
        var booklet = Booklet(typesetter, identifier: identifier, made: made, mostJoined: 2, mostNumbered: 2)
        for part in 1...5 { try booklet.add(pages(part == 3 ? 3 : 1, "part \(part) page")) }
        #expect(booklet.pages == 7)
        var steps: [[Int]] = []
        let paper = try booklet.finish { done, of in
            steps.append([done, of])
            return true
        }
        #expect(steps.map { $0[0] } == Array(0...(steps.first?[1] ?? 0)) && Set(steps.map { $0[1] }).count == 1)
        let words = [
            "part 1 page 1", "part 2 page 1", "part 3 page 1", "part 3 page 2", "part 3 page 3", "part 4 page 1",
            "part 5 page 1",
        ]
        for (index, words) in words.enumerated() {
            let text = try ask("pdftotext -f \(index + 1) -l \(index + 1) PDF -", of: paper).text
            #expect(text.contains(words) && text.contains("Page \(index + 1) of 7"), "page \(index + 1): \(text)")
        }
        #expect(try ask("qpdf --check PDF 2>&1", of: paper).code == 0)
    }

    @Test func `The work is stopped between steps`() throws {
        for steps in 0...2 {
            var booklet = Booklet(typesetter, identifier: identifier, made: made)
            try booklet.add(pages(1, "alpha"))
            try booklet.add(pages(1, "beta"))
            var asked = 0
            do {
                _ = try booklet.finish { done, of in
                    asked += 1
                    return done < steps
                }
                Issue.record("it went on")
            } catch { #expect(error == .stopped) }
            #expect(asked == steps + 1)
        }
    }

    @Test func `Two at once are both made`() throws {
        let first = Joined { #expect((try? paper([pages(2, "alpha")]))?.pages == 2) }
        let second = Joined { #expect((try? paper([pages(3, "beta"), pages(1, "gamma")]))?.pages == 4) }
        first.join()
        second.join()
    }
}

let scripts = [
    "Zoë Brontë", "Zoe\u{308} Bronte\u{308}", "😀 🎒", "שלום", "محمد", "中文", "हिन्दी", "বাংলা", "Łukasz Žižek", "Ελένη",
    "Наталія", "שָׁלוֹם", "q\u{308}", "कि क न का बाकी", "प्रिया शर्मा", "প্রিয়া",
]

private var identifierInPDF: String { "<" + identifier.utf8.map { String($0, radix: 16) }.joined() + ">" }

/// A thread that can be waited for.
final class Joined {
    private var thread = pthread_t()

    init(_ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(Body(body))
        pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, box.toOpaque())
    }

    func join() { pthread_join(thread, nil) }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}
