import FoundationEssentials
import Inspection
import Testing

/// Files of `fixtures/hostile`, made by its `make.py`.
func fixture(_ name: String) throws -> [UInt8] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    return [UInt8](try Data(contentsOf: root.appending(path: "fixtures/hostile/\(name)")))
}

/// A policy with limits small enough for small fixtures.
let accepted: [AcceptedType] = [
    AcceptedType(mediaType: "application/pdf", extensions: ["pdf"], maximumBytes: 1 << 20, maximumPages: 50),
    AcceptedType(
        mediaType: "image/tiff", extensions: ["tif", "tiff"], maximumBytes: 1 << 20, maximumPages: 50,
        maximumPixels: 100_000_000),
    AcceptedType(
        mediaType: "image/jpeg", extensions: ["jpg", "jpeg"], maximumBytes: 1 << 20, maximumPixels: 100_000_000),
    AcceptedType(mediaType: "image/png", extensions: ["png"], maximumBytes: 1 << 20, maximumPixels: 100_000_000),
    AcceptedType(
        mediaType: "image/heic", extensions: ["heic", "heif"], maximumBytes: 1 << 20, maximumPages: 50,
        maximumPixels: 100_000_000),
    AcceptedType(mediaType: "text/plain", extensions: ["txt"], maximumBytes: 1 << 20),
    AcceptedType(
        mediaType: "application/vnd.openxmlformats-officedocument.wordprocessingml.document", extensions: ["docx"],
        maximumBytes: 1 << 20),
    AcceptedType(mediaType: "message/rfc822", extensions: ["eml"], maximumBytes: 1 << 20),
]

func judge(
    _ bytes: [UInt8], extension ending: String, declared: String? = nil, text: Bool = false,
    accepted types: [AcceptedType] = accepted
) throws -> Verdict {
    let magic = try MagicDatabase()
    let request = InspectionRequest(fileExtension: ending, declaredType: declared, accepted: types, wantText: text)
    return bytes.withUnsafeBytes { inspect($0, request, magic: magic) }
}

func ending(_ name: String) -> String { name.split(separator: ".").last.map { $0.lowercased() } ?? "" }

@Suite struct HostileFilesTests {
    static let refused: [(file: String, code: String)] = [
        ("empty.pdf", "type.empty"),
        ("windows-program.pdf", "type.program"),
        ("linux-program.pdf", "type.program"),
        ("script.txt", "type.program"),
        ("text-posing.pdf", "type.text-posing-as-pdf"),
        ("text-posing.txt", "type.text-posing-as-pdf"),
        ("cut-short.pdf", "type.truncated"),
        ("cut-short-linearised.pdf", "type.truncated"),
        ("cut-short-revision.pdf", "type.truncated"),
        ("password.pdf", "type.encrypted"),
        ("locked-without-password.pdf", "type.encrypted"),
        ("no-pages.pdf", "type.damaged"),
        ("wrong-cross-references.pdf", "type.damaged"),
        ("too-many-pages.pdf", "type.too-many-pages"),
        ("too-many-pixels.png", "type.too-many-pixels"),
        ("cut-short.png", "type.truncated"),
        ("wrong-checksum.png", "type.damaged"),
        ("cut-short.jpg", "type.truncated"),
        ("cut-short-in-header.jpg", "type.truncated"),
        ("jpeg-named.pdf", "type.extension-differs"),
        ("heic-named.jpg", "type.extension-differs"),
        ("cut-short.heic", "type.truncated"),
        ("cut-short-in-list.heic", "type.truncated"),
        ("film-named.heic", "type.unknown"),
        ("avif-named.heic", "type.unknown"),
        ("too-many-pixels.heic", "type.too-many-pixels"),
        ("locked.heic", "type.encrypted"),
        ("without-picture.heic", "type.damaged"),
        ("cut-short.tif", "type.truncated"),
        ("strip-outside.tif", "type.truncated"),
        ("directories-in-a-circle.tif", "type.damaged"),
        ("too-many-pages.tif", "type.too-many-pages"),
        ("too-many-pixels.tif", "type.too-many-pixels"),
        ("mentions-pdf.txt", "type.magic-differs"),
        ("nul-inside.txt", "type.unknown"),
        ("control-codes.txt", "type.unknown"),
        ("odd-utf16.txt", "type.unknown"),
        ("web-page.txt", "type.unknown"),
        ("rich-text.txt", "type.unknown"),
        ("entities.docx", "type.damaged"),
        ("data-exchange-in-header-in-utf-16.docx", "type.damaged"),
        ("data-exchange-in-header-in-utf-7.docx", "type.damaged"),
        ("password.docx", "type.encrypted"),
        ("old-word.doc", "type.unknown"),
        ("cut-short.docx", "type.truncated"),
        ("damaged.docx", "type.damaged"),
        ("spreadsheet-named.docx", "type.unknown"),
        ("archive-named.docx", "type.archive"),
        ("archive.zip", "type.archive"),
        ("gzip-named.pdf", "type.archive"),
        ("bomb.docx", "type.bomb"),
        ("lying-bomb.docx", "type.damaged"),
        ("cut-short.eml", "type.truncated"),
        ("encrypted.eml", "type.encrypted"),
        ("no-header.eml", "type.extension-differs"),
        ("nul-inside.eml", "type.unknown"),
        ("mailbox.eml", "type.unknown"),
        ("hundred-thousand-pages.pdf", "type.bomb"),
        ("page-tree-that-doubles.pdf", "type.damaged"),
        ("page-tree-in-a-circle.pdf", "type.damaged"),
        ("objects-in-a-circle.pdf", "type.damaged"),
        ("length-of-itself.pdf", "type.damaged"),
        ("nested-arrays.pdf", "type.damaged"),
        ("javascript-beside-nested-arrays.pdf", "type.damaged"),
        ("program.exe", "type.program"),
        ("scan\u{202e}fdp.exe", "type.program"),
        ("letter.exe.pdf", "type.program"),
        ("letter.pdf.exe", "type.extension-unknown"),
        ("one-byte.pdf", "type.extension-differs"),
        ("one-byte.jpg", "type.extension-differs"),
        ("only-zeros.pdf", "type.unknown"),
        ("shortcut.lnk", "type.program"),
        ("shortcut-named.pdf", "type.program"),
        ("drawing.svg", "type.unknown"),
        ("drawing-named.png", "type.unknown"),
        ("web-page.html", "type.unknown"),
        ("web-page-named.pdf", "type.unknown"),
        ("web-page.gif", "type.unknown"),
        ("gif-named.jpg", "type.unknown"),
        ("disc-image.iso", "type.archive"),
        ("disc-image-named.pdf", "type.archive"),
        ("archive.7z", "type.archive"),
        ("seven-zip-named.pdf", "type.archive"),
        ("archive.rar", "type.archive"),
        ("rar-named.docx", "type.archive"),
        ("archive.tar", "type.archive"),
        ("tar-named.txt", "type.archive"),
        ("archive.tar.gz", "type.archive"),
    ]

    static let quarantined: [(file: String, code: String)] = [
        ("zip-appended.pdf", "type.second-signature"),
        ("zip-appended-with-end-mark.pdf", "type.second-signature"),
        ("bytes-before.pdf", "type.bytes-before-start"),
        ("program-before.pdf", "type.bytes-before-start"),
        ("bytes-after.pdf", "type.bytes-after-end"),
        ("encrypted-with-bytes-after.pdf", "type.bytes-after-end"),
        ("javascript.pdf", "type.active-content"),
        ("javascript-name-escaped.pdf", "type.active-content"),
        ("javascript-in-object-stream.pdf", "type.active-content"),
        ("launch.pdf", "type.active-content"),
        ("embedded-file.pdf", "type.active-content"),
        ("xfa-form.pdf", "type.active-content"),
        ("link-to-another-file.pdf", "type.active-content"),
        ("form-sent-elsewhere.pdf", "type.active-content"),
        ("bytes-from-elsewhere.pdf", "type.active-content"),
        ("bytes-after.png", "type.bytes-after-end"),
        ("zip-appended.png", "type.second-signature"),
        ("bytes-after.jpg", "type.bytes-after-end"),
        ("bytes-before.jpg", "type.bytes-before-start"),
        ("second-picture-after.jpg", "type.bytes-after-end"),
        ("zip-appended.jpg", "type.second-signature"),
        ("pdf-inside.jpg", "type.second-signature"),
        ("bytes-after.heic", "type.bytes-after-end"),
        ("box-after.heic", "type.bytes-after-end"),
        ("bytes-before.heic", "type.bytes-before-start"),
        ("film-inside.heic", "type.second-signature"),
        ("zip-appended.heic", "type.second-signature"),
        ("pdf-inside.heic", "type.second-signature"),
        ("picture-from-elsewhere.heic", "type.active-content"),
        ("bytes-after.tif", "type.bytes-after-end"),
        ("zip-appended.tif", "type.second-signature"),
        ("macro.docx", "type.active-content"),
        ("macro.docm", "type.active-content"),
        ("macro-document-named.docx", "type.active-content"),
        ("template-from-elsewhere.docx", "type.active-content"),
        ("object-inside.docx", "type.active-content"),
        ("data-exchange.docx", "type.active-content"),
        ("data-exchange-after-another-field.docx", "type.active-content"),
        ("data-exchange-without-space.docx", "type.active-content"),
        ("data-exchange-after-padding.docx", "type.active-content"),
        ("data-exchange-in-header.docx", "type.active-content"),
        ("data-exchange-in-header-named-otherwise.docx", "type.active-content"),
        ("data-exchange-in-glossary.docx", "type.active-content"),
        ("picture-from-elsewhere-in-footer.docx", "type.active-content"),
        ("picture-from-elsewhere-in-endnotes.docx", "type.active-content"),
        ("picture-from-elsewhere-without-mode.docx", "type.active-content"),
        ("text-from-elsewhere-in-footnotes.docx", "type.active-content"),
        ("data-from-elsewhere-in-comments.docx", "type.active-content"),
        ("template-from-elsewhere-in-glossary.docx", "type.active-content"),
        ("old-word-with-macro.doc", "type.active-content"),
        ("bytes-before.docx", "type.bytes-before-start"),
        ("bytes-after.docx", "type.bytes-after-end"),
        ("comment-after.docx", "type.bytes-after-end"),
        ("hidden-between-parts.docx", "type.second-signature"),
        ("web-page-before.pdf", "type.second-signature"),
        ("web-page-inside.pdf", "type.second-signature"),
        ("web-page-after.pdf", "type.second-signature"),
        ("web-page-inside.jpg", "type.second-signature"),
        ("web-page-after.jpg", "type.bytes-after-end"),
        ("web-page-inside.png", "type.second-signature"),
        ("web-page-inside.tif", "type.second-signature"),
        ("zip-inside.pdf", "type.second-signature"),
        ("zip-inside.png", "type.second-signature"),
        ("pdf-inside.tif", "type.second-signature"),
        ("pdf-after.tif", "type.bytes-after-end"),
    ]

    /// What nothing here unpacks or descends into: whoever looks at it meets the sandbox's limits.
    static let untouched = [
        "bomb-in-page.pdf", "bomb.png", "bomb-in-words.png", "nested-page-tree.pdf", "nested.docx",
    ]

    /// What takes more memory than a test may: `Tests/harness/test_hostile_files.py` gives it to the sandbox.
    static let forTheSandbox = ["bomb-in-object-stream.pdf"]

    static let sound: [(file: String, mediaType: String, pages: Int?)] = [
        ("letter.pdf", "application/pdf", 1), ("three-pages.pdf", "application/pdf", 3),
        ("padded-by-a-copier.pdf", "application/pdf", 1), ("linearised.pdf", "application/pdf", 40),
        ("object-streams.pdf", "application/pdf", 2), ("page.png", "image/png", 1),
        ("photograph.jpg", "image/jpeg", 1), ("progressive.jpeg", "image/jpeg", 1), ("scan.tif", "image/tiff", 1),
        ("three-pages.tiff", "image/tiff", 3), ("big-endian.tif", "image/tiff", 2), ("bigtiff.tif", "image/tiff", 2),
        ("fax.tif", "image/tiff", 1), ("photograph.heic", "image/heic", 1), ("two-pictures.heif", "image/heic", 2),
        ("notes.txt", "text/plain", nil), ("notes-utf8.txt", "text/plain", nil),
        ("notes-utf16.txt", "text/plain", nil), ("notes-windows.txt", "text/plain", nil),
        ("notes-like-a-message.txt", "text/plain", nil),
        ("agenda.txt", "text/plain", nil),
        ("notes.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", nil),
        ("notes-from-a-template.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", nil),
        ("header-with-fields.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", nil),
        ("plain.eml", "message/rfc822", nil), ("with-attachment.eml", "message/rfc822", nil),
        ("page-only.eml", "message/rfc822", nil),
    ]

    @Test(arguments: refused)
    func `A file with this fault is refused`(_ row: (file: String, code: String)) throws {
        let verdict = try judge(fixture(row.file), extension: ending(row.file))
        #expect(verdict.outcome == .refused)
        #expect(verdict.code == row.code, "\(verdict)")
        expectWordsForPeople(verdict)
    }

    @Test(arguments: quarantined)
    func `A file with this fault is kept as evidence`(_ row: (file: String, code: String)) throws {
        let verdict = try judge(fixture(row.file), extension: ending(row.file))
        #expect(verdict.outcome == .quarantined)
        #expect(verdict.code == row.code, "\(verdict)")
        expectWordsForPeople(verdict)
    }

    @Test(arguments: untouched)
    func `A file that is a bomb only to who unpacks it is not unpacked`(_ name: String) throws {
        #expect(try judge(fixture(name), extension: ending(name)).outcome == .accepted)
    }

    @Test(arguments: [
        ("macro.docx", "office.macros"), ("object-inside.docx", "office.embedded-object"),
        ("data-exchange.docx", "office.data-exchange"), ("data-exchange-in-header.docx", "office.data-exchange"),
        ("data-exchange-in-glossary.docx", "office.data-exchange"),
        ("picture-from-elsewhere-in-footer.docx", "office.outside-file"),
        ("picture-from-elsewhere-in-endnotes.docx", "office.outside-file"),
        ("text-from-elsewhere-in-footnotes.docx", "office.outside-file"),
        ("data-from-elsewhere-in-comments.docx", "office.outside-file"),
        ("template-from-elsewhere.docx", "office.outside-template"),
        ("template-from-elsewhere-in-glossary.docx", "office.outside-template"),
        ("picture-from-elsewhere-without-mode.docx", "office.external-link"),
        ("picture-from-elsewhere.heic", "picture.elsewhere"),
        ("javascript.pdf", "pdf.javascript"), ("launch.pdf", "pdf.launch"), ("xfa-form.pdf", "pdf.xfa"),
        ("embedded-file.pdf", "pdf.embedded-file"), ("link-to-another-file.pdf", "pdf.outside-file"),
        ("form-sent-elsewhere.pdf", "pdf.outside-file"), ("bytes-from-elsewhere.pdf", "pdf.outside-file"),
    ])
    func `What could act is named`(_ row: (file: String, finding: String)) throws {
        let verdict = try judge(fixture(row.file), extension: ending(row.file))
        #expect(verdict.findings == ["type.active-content", row.finding])
    }

    @Test(arguments: sound)
    func `A sound file is accepted`(_ row: (file: String, mediaType: String, pages: Int?)) throws {
        let verdict = try judge(fixture("good/\(row.file)"), extension: ending(row.file))
        #expect(verdict.outcome == .accepted, "\(verdict)")
        #expect(verdict.mediaType == row.mediaType)
        #expect(verdict.pages == row.pages)
        #expect(verdict.code == nil && verdict.message == nil && verdict.findings.isEmpty)
    }

    @Test func `Every hostile file stands in the table`() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let folder = root.appending(path: "fixtures/hostile").path
        for (sub, names) in [
            ("", Self.refused.map(\.file) + Self.quarantined.map(\.file) + Self.untouched + Self.forTheSandbox),
            ("/good", Self.sound.map(\.file)),
        ] {
            let found = try FileManager.default.contentsOfDirectory(atPath: folder + sub)
            #expect(Set(found).subtracting(["good", "make.py", "eicar.py", "README.md"]) == Set(names))
        }
    }

    private func expectWordsForPeople(_ verdict: Verdict) {
        let message = verdict.message ?? ""
        #expect(message.hasSuffix("."))
        #expect(message.count > 60, "what was wrong, and what would be right")
        for jargon in ["MIME", "byte", "libmagic", "EOF", "header", "signature"] {
            #expect(!message.contains(jargon), "\(message)")
        }
        #expect(verdict.findings.first == verdict.code)
    }
}

@Suite struct HEICTests {
    /// Every offset in a box may be a lie, also that of the last one of a file.
    @Test(arguments: ["photograph.heic", "two-pictures.heif"])
    func `A HEIC that is cut short is refused, and one with a byte changed is judged`(_ name: String) throws {
        let whole = try fixture("good/\(name)")
        for length in Array(1..<60) + Array(stride(from: 60, to: whole.count, by: 11)) {
            let verdict = try judge(Array(whole[..<length]), extension: "heic")
            #expect(verdict.outcome == .refused && verdict != .crashed, "cut at \(length): \(verdict)")
        }
        // Behind the list of pictures there is nothing but their bytes.
        for place in stride(from: 0, to: min(whole.count, 600), by: 3) {
            for other in [UInt8(0), 0xff, whole[place] ^ 1, whole[place] &+ 8] {
                var changed = whole
                changed[place] = other
                #expect(try judge(changed, extension: "heic") != .crashed, "byte \(place)")
            }
        }
    }

    /// A box without content, as the last of its file.
    @Test(arguments: ["hdlr", "pitm", "iinf", "iref", "iloc", "iprp"])
    func `An empty box at the end is damage`(_ type: String) throws {
        let empty: [UInt8] = [0, 0, 0, 8] + Array(type.utf8)
        let file =
            Array("\0\0\0\u{18}ftypheic\0\0\0\0mif1heic".utf8) + [0, 0, 0, 20] + Array("meta".utf8) + [0, 0, 0, 0]
            + empty
        let verdict = try judge(file, extension: "heic")
        #expect(verdict.outcome == .refused && verdict != .crashed)
    }
}

@Suite struct JudgementTests {
    @Test(arguments: [
        nil, "", "application/octet-stream", "application/pdf", "application/pdf; name=x", "Application/PDF",
    ])
    func `A declared type that is generic or right is no disagreement`(_ declared: String?) throws {
        #expect(try judge(fixture("good/letter.pdf"), extension: "pdf", declared: declared).outcome == .accepted)
    }

    @Test(arguments: ["image/png", "text/plain", "application/zip"])
    func `A declared type that disagrees refuses`(_ declared: String) throws {
        let verdict = try judge(fixture("good/letter.pdf"), extension: "pdf", declared: declared)
        #expect(verdict.code == "type.declared-differs")
    }

    @Test(arguments: ["", "exe", "pdf.exe", "docm"])
    func `An extension that is not accepted refuses a sound file`(_ ending: String) throws {
        let verdict = try judge(fixture("good/letter.pdf"), extension: ending)
        #expect(verdict.code == "type.extension-unknown")
        #expect(verdict.message?.contains("a PDF (.pdf)") == true, "says what would be right")
    }

    @Test func `An extension that disagrees says which would be right`() throws {
        let verdict = try judge(fixture("good/photograph.jpg"), extension: "tif")
        #expect(verdict.code == "type.extension-differs")
        #expect(verdict.message?.contains(".jpg or .jpeg") == true)
    }

    @Test func `A type outside the policy is refused even when sound`() throws {
        let verdict = try judge(
            fixture("good/notes.docx"), extension: "docx", accepted: accepted.filter { $0.extensions == ["pdf"] })
        #expect(verdict.outcome == .refused)
    }

    @Test func `A file over its limit is refused without being looked into`() throws {
        let small = [AcceptedType(mediaType: "application/pdf", extensions: ["pdf"], maximumBytes: 100)]
        let verdict = try judge(fixture("good/letter.pdf"), extension: "pdf", accepted: small)
        #expect(verdict.code == "type.too-large")
        #expect(verdict.mediaType == nil)
    }

    @Test func `Pixels come from the header`() throws {
        let verdict = try judge(fixture("good/page.png"), extension: "png")
        #expect(verdict.pixelWidth == 80 && verdict.pixelHeight == 60)
        #expect(try judge(fixture("good/photograph.jpg"), extension: "jpg").pixelWidth == 80)
        #expect(try judge(fixture("good/scan.tif"), extension: "tif").pixelHeight == 30)
        // Of a tile that is cut to the picture, the picture's own size stands beside the tile's, the larger counts.
        #expect(try judge(fixture("good/photograph.heic"), extension: "heic").pixelWidth == 80)
    }

    @Test(arguments: [
        (258, 65, "type.damaged"), (258, 0, "type.damaged"), (259, 9999, "type.damaged"), (259, 0, "type.damaged"),
        (277, 32769, "type.damaged"), (277, 2, "type.truncated"), (278, 10, "type.damaged"),
        (279, 1199, "type.truncated"),
        (256, 41, "type.truncated"), (257, 31, "type.damaged"), (278, 31, nil), (279, 1200, nil),
    ])
    func `A TIFF whose numbers cannot be true is refused`(_ tag: Int, _ value: Int, _ code: String?) throws {
        var changed = try fixture("good/scan.tif")
        let start = Int(changed[4]) | Int(changed[5]) << 8
        let entry = try #require(
            (0..<Int(changed[start])).map { start + 2 + 12 * $0 }.first {
                Int(changed[$0]) | Int(changed[$0 + 1]) << 8 == tag
            })
        for place in 0..<4 { changed[entry + 8 + place] = UInt8(truncatingIfNeeded: value >> (8 * place)) }
        #expect(try judge(changed, extension: "tif").code == code)
    }

    @Test(arguments: ["letter.pdf", "photograph.jpg", "page.png", "scan.tif", "notes.docx", "with-attachment.eml"])
    func `No file cut anywhere is accepted`(_ name: String) throws {
        let whole = try fixture("good/\(name)")
        // What follows the end mark may go: line ends.
        let last = whole.count - 4
        for length in stride(from: 0, to: last, by: max(1, last / 300)) {
            let verdict = try judge(Array(whole[..<length]), extension: ending(name))
            #expect(verdict.outcome != .accepted && verdict != .crashed, "cut to \(length) of \(whole.count)")
        }
    }

    @Test(arguments: [
        "letter.pdf", "photograph.jpg", "page.png", "scan.tif", "bigtiff.tif", "notes.docx", "with-attachment.eml",
        "linearised.pdf",
    ])
    func `No changed byte breaks the inspection`(_ name: String) throws {
        let whole = try fixture("good/\(name)")
        for place in stride(from: 0, to: whole.count, by: max(1, whole.count / 200)) {
            for value in [0x00, 0xff, whole[place] ^ 0x10] as [UInt8] {
                var changed = whole
                changed[place] = value
                #expect(try judge(changed, extension: ending(name), text: true) != .crashed)
            }
        }
    }
}

@Suite struct TextTests {
    @Test(arguments: ["notes-utf8.txt", "notes-utf16.txt", "notes-windows.txt"])
    func `Text is read in every accepted encoding`(_ name: String) throws {
        let verdict = try judge(fixture("good/\(name)"), extension: "txt", text: true)
        let text = try #require(verdict.text)
        #expect(text.hasPrefix("Notes of a meeting"))
        #expect(text.contains("Café"))
    }

    @Test func `Curly quotes of Windows are read as such`() throws {
        let verdict = try judge(fixture("good/notes-windows.txt"), extension: "txt", text: true)
        #expect(verdict.text?.contains("£5 – “quoted”") == true)
    }

    @Test func `A Word document gives its paragraphs`() throws {
        let verdict = try judge(fixture("good/notes.docx"), extension: "docx", text: true)
        #expect(verdict.text == "Typed notes, invented\nCafé & tea,\tsecond line\n")
    }

    @Test func `An e-mail gives who, when, what about, and what came with it`() throws {
        let bytes = try fixture("good/with-attachment.eml")
        let text = bytes.withUnsafeBytes { textRendition($0, mediaType: "message/rfc822") }
        #expect(text.contains("From: Café Owner <a@example.org>\n"))
        #expect(text.contains("Subject: Invented\n"))
        #expect(text.contains("Café text, softwrapped."))
        #expect(!text.contains("as a page"), "alternatives say the same")
        #expect(text.contains("[There is a second version of this, written as a web page (HTML), which is not shown.]"))
        #expect(text.contains("Attachment: p.jpg (image/jpeg)"))
    }

    @Test(arguments: [
        ("abc=4", "abc=4"), ("abc=", "abc="), ("a=+5b", "a=+5b"), ("a=3Db=3d", "a=b="), ("a=\r\nb", "ab"),
    ])
    func `What is no escape of quoted-printable stays as it is, also at the end`(_ body: String, _ read: String) throws
    {
        let mail = "From: a@example.org\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + body
        let text = Array(mail.utf8).withUnsafeBytes { textRendition($0, mediaType: "message/rfc822") }
        #expect(text == "From: a@example.org\n\n" + read)
    }

    @Test func `A page-only e-mail gives its words`() throws {
        let bytes = try fixture("good/page-only.eml")
        let text = bytes.withUnsafeBytes { textRendition($0, mediaType: "message/rfc822") }
        #expect(text.contains("Dear all,\nNothing & no one."))
        #expect(!text.contains("p{}") && text.contains("[Written as a web page (HTML)."))
    }

    @Test func `Proposed text is at most 64 KiB, cut between characters`() throws {
        let bytes = Array(String(repeating: "é", count: 100_000).utf8)
        let text = try #require(try judge(bytes, extension: "txt", text: true).text)
        #expect(text.utf8.count == 64 << 10)
        #expect(!text.contains("\u{fffd}"))
    }

    @Test func `Text is not read where it is not wanted`() throws {
        #expect(try judge(fixture("good/notes.txt"), extension: "txt").text == nil)
    }
}
