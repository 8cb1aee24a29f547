import Custody
import Foundation
import Glibc
import Inspection
import Papers
import Records
import Sandbox
import Testing

/// The program beside the tests' own, in the build directory.
private let program: String = {
    var path = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &path, path.count - 1)
    let own = String(decoding: path[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return own.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/strongroom-inspector"
}()

private let fixtures = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
    .appending(path: "../../fixtures").standardizedFileURL

private func fixture(_ name: String) throws -> MemoryFile {
    var file = try MemoryFile()
    try file.append(Array(Data(contentsOf: fixtures.appending(path: name))))
    try file.seal()
    return file
}

private func id(_ number: UInt8) throws -> SheetID { try #require(SheetID([UInt8](repeating: number, count: 16))) }

/// The sheets of `fixtures/stacks/sheets.pdf`, in its order.
private func sheets() throws -> [PrintedSheet] {
    [
        PrintedSheet(try id(1), .cover(separators: 2, pages: 4)),
        PrintedSheet(
            try id(2),
            .separator(
                initials: Initials(of: "Maisie Thornbury"), reference: "P-7F3KQ",
                category: "Child protection conference",
                pages: 3)),
        PrintedSheet(
            try id(3),
            .separator(
                initials: Initials(of: "Alfie Thornbury"), reference: "P-2M8XR", category: "Letter <from & to>",
                pages: nil)),
        PrintedSheet(try id(4), .end(pages: 4)),
    ]
}

private let stack = UploadID.random()
private let typesetter = Typesetter(memoryMiB: 1024, seconds: 120)

private func typeset(_ sheets: [PrintedSheet]) throws -> Paper {
    let batch = try #require(BatchID([UInt8](repeating: 9, count: 16)))
    return try Papers.typeset(
        sheets, of: batch, school: "Harrowdale School", made: 1_790_000_000, with: typesetter)
}

@Suite(.serialized) struct ScanningTests {
    @Test func `The sheets are the sample's bytes, each time`() throws {
        let paper = try typeset(sheets())
        #expect(paper.pages == 4)
        let bytes = try paper.withBytes { Array($0) }
        if let folder = ProcessInfo.processInfo.environment["STRONGROOM_TEST_SHEETS"] {
            try Data(bytes).write(to: URL(filePath: folder).appending(path: "sheets.pdf"))
        }
        let sample = Array(try Data(contentsOf: fixtures.appending(path: "stacks/sheets.pdf")))
        // Not compared by the macro, which would print both.
        let isSame = bytes == sample
        #expect(isSame)
    }

    @Test func `No sheet at all is no paper`() throws {
        #expect(throws: PaperError.empty) { _ = try typeset([]) }
    }

    @Test func `More sheets than one part takes are a page each, in their order, without a page number`() throws {
        let many = try (0..<120).map { PrintedSheet(try id($0), .end(pages: Int($0))) }
        let paper = try typeset(many)
        #expect(paper.pages == 120)
        var file = try MemoryFile()
        try file.append(paper.withBytes { Array($0) })
        try file.seal()
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        let text = try inspector.text(of: file, mediaType: "application/pdf", pages: 1...120)
        #expect(text.contains("Sheet 120 of 120") && !text.contains("Page 1 of"))
        for page in [1, 50, 51, 120] {
            let read = try inspector.readPages(of: file, mediaType: "application/pdf", pages: page...page)
            #expect(Set(read[0]?.codes.map(\.text) ?? []) == [many[page - 1].code.text])
        }
    }

    @Test func `A sheet has initials and reference, and no name`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        let file = try fixture("stacks/sheets.pdf")
        let text = try inspector.text(of: file, mediaType: "application/pdf", pages: 2...3)
        for words in ["M.T.", "P-7F3KQ", "Child protection conference", "Letter <from & to>", "not counted"] {
            #expect(text.contains(words), "\(words)")
        }
        #expect(!text.contains("Thornbury") && !text.contains("Maisie"))
    }

    @Test func `Each sheet shows its code four times, upright, and nothing else`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        let read = try inspector.readPages(
            of: fixture("stacks/sheets.pdf"), mediaType: "application/pdf", pages: 1...4)
        for (page, sheet) in zip(read, try sheets()) {
            let page = try #require(page)
            #expect(page.codes.map(\.text) == Array(repeating: sheet.code.text, count: 4))
            #expect(page.codes.allSatisfy { $0.degrees == 0 } && page.unreadCodes == 0)
            #expect(!page.isBlank && !page.isCutOff && page.skew == 0 && page.paper == 255 && page.contrast == 255)
            #expect(page.resolution == nil)
        }
    }

    @Test func `A folder from the copier, both sides, splits into its pieces`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        let read = try inspector.readPages(
            of: fixture("stacks/folder.pdf"), mediaType: "application/pdf", pages: 1...14)
        #expect(
            read.map { $0?.isBlank } == [
                false, true, false, true, false, false, false, true, false, true, false, true, false, true,
            ])
        for (page, degrees) in [(3, 7), (9, 175), (13, 357)] {
            let found = try #require(read[page - 1]?.codes.first?.degrees)
            #expect(abs(found - degrees) <= 1, "page \(page): \(found)")
        }
        #expect(read.allSatisfy { $0?.resolution == PageSize.Resolution(across: 150, down: 150) })
        #expect(read.allSatisfy { $0?.unreadCodes == 0 })
        // A sheet that is 7° askew says so by its lines too.
        #expect(abs((read[2]?.skew ?? 0) - 70) <= 10)

        let codes = try sheets().map(\.code)
        let plan = [
            PlannedSheet(codes[0]), PlannedSheet(codes[1], pages: 3), PlannedSheet(codes[2], pages: 1),
            PlannedSheet(codes[3], pages: 4),
        ]
        let result = split(read.map { ScannedPage($0) }, of: stack, sides: .both, plan: plan)
        #expect(result.pieces.map(\.pages) == [[5, 6, 7, 8], [11, 12]])
        #expect(result.pieces.map(\.sheet) == [codes[1], codes[2]])
        #expect(result.pieces.map(\.findings) == [[], [.sheetTurned(.upsideDown)]])
        #expect(result.sheets.map(\.pages) == [[1, 2], [3, 4], [9, 10], [13, 14]])
        #expect(result.unclaimed.isEmpty && result.findings.isEmpty)
    }

    @Test func `A fax with half as many lines as dots splits into its pieces`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        let read = try inspector.readPages(of: fixture("stacks/fax.tif"), mediaType: "image/tiff", pages: 1...4)
        #expect(read.allSatisfy { $0?.resolution == PageSize.Resolution(across: 204, down: 98) })
        let codes = try sheets().map(\.code)
        let result = split(
            read.map { ScannedPage($0) }, of: stack, sides: .unknown,
            plan: [PlannedSheet(codes[1], pages: 1), PlannedSheet(codes[2], pages: 1)])
        #expect(result.pieces.map(\.pages) == [[2], [4]])
        #expect(result.pieces.allSatisfy { $0.findings.isEmpty } && result.unclaimed.isEmpty)
        let last = try inspector.readPages(of: fixture("stacks/fax.tif"), mediaType: "image/tiff", pages: 3...3)
        #expect(last == [read[2]])
    }

    @Test func `Crossed-out codes and two sheets on one picture are said, and another's code is nothing`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        let read = try inspector.readPages(
            of: fixture("stacks/spoilt.pdf"), mediaType: "application/pdf", pages: 1...6)
        let codes = try sheets().map(\.code)
        let pages = read.map { ScannedPage($0) }
        #expect(pages[0].sheets == [codes[1]])
        #expect(pages[1] == ScannedPage() && pages[3] == ScannedPage())
        #expect(pages[2].sheets.isEmpty && pages[2].hasUnreadCode)
        #expect(pages[4].sheets == [codes[1], codes[2]])
        #expect(pages[5] == ScannedPage())
        #expect(read[5]?.codes.map(\.text) == ["https://clinic.example/appointments"])
        let result = split(
            pages, of: stack, sides: .unknown,
            plan: [PlannedSheet(codes[1], pages: 1), PlannedSheet(codes[2], pages: 1)])
        #expect(result.pieces.map(\.pages) == [[2]])
        #expect(result.unclaimed.map(\.pages) == [[3, 4], [5, 6]])
        #expect(result.unclaimed.map(\.reason) == [.unreadCode, .conflictingCodes])
    }

    @Test func `Ordinary pages are taken for no sheet, and have nothing unread`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        for (name, type, count) in [
            ("case-conference-2016-11-17.pdf", "application/pdf", 3),
            ("referral-letter-2015-03-04.pdf", "application/pdf", 1),
            ("attendance-letter-2016-02-09.pdf", "application/pdf", 1),
            ("home-visit-2014-10-22.pdf", "application/pdf", 1),
            ("transfer-record-2013-07-22.tif", "image/tiff", 3), ("note-photographed-2017-06-12.jpg", "image/jpeg", 1),
        ] {
            let read = try inspector.readPages(of: fixture("scans/\(name)"), mediaType: type, pages: 1...count)
            #expect(read.count == count)
            for page in read {
                let page = try #require(page)
                #expect(page.codes.isEmpty && page.unreadCodes == 0 && !page.isBlank, "\(name)")
                #expect(page.contrast > 60 && page.paper > 100 && page.skew != nil, "\(name): \(page)")
            }
        }
    }

    @Test func `What is no scan, and a page that is not there, are errors`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        #expect(throws: SandboxError.noPictures) {
            _ = try inspector.readPages(of: fixture("stacks/sheets.pdf"), mediaType: "text/plain", pages: 1...1)
        }
        #expect(throws: SandboxError.outOfRange) {
            _ = try inspector.readPages(of: fixture("stacks/fax.tif"), mediaType: "image/tiff", pages: 4...5)
        }
        #expect(throws: SandboxError.outOfRange) {
            _ = try inspector.readPages(of: fixture("stacks/sheets.pdf"), mediaType: "application/pdf", pages: 0...1)
        }
        var open = try MemoryFile()
        try open.append([1])
        #expect(throws: SandboxError.unsealed) {
            _ = try inspector.readPages(of: open, mediaType: "application/pdf", pages: 1...1)
        }
    }

    @Test func `A page that cannot be drawn is nothing that anybody knows, and is put before a person`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        var broken = try MemoryFile()
        try broken.append(Array("%PDF-1.7\n".utf8))
        try broken.seal()
        let read = try inspector.readPages(of: broken, mediaType: "application/pdf", pages: 1...2)
        #expect(read == [nil, nil])
        #expect(ScannedPage(read[0]).hasUnreadCode)
        // Nor is one that is not there; the others are what they are.
        let more = try inspector.readPages(of: fixture("stacks/sheets.pdf"), mediaType: "application/pdf", pages: 3...5)
        #expect(more.map { $0 == nil } == [false, false, true])
    }
}

/// Pictures and pages, as bytes.
private func contents(_ file: borrowing MemoryFile) throws -> [UInt8] { try file.withBytes { Array($0) } }

/// The JPEG pictures that lie in a PDF, byte for byte.
private func jpegs(_ pdf: [UInt8]) -> [[UInt8]] {
    var found: [[UInt8]] = []
    let text = pdf.withUnsafeBytes { Data($0) }
    var from = text.startIndex
    while let start = text.range(of: Data([0xff, 0xd8, 0xff]), in: from..<text.endIndex),
        let end = text.range(of: Data("endstream".utf8), in: start.lowerBound..<text.endIndex)
    {
        var picture = Array(text[start.lowerBound..<end.lowerBound])
        while let last = picture.last, last == 0x0a || last == 0x0d { picture.removeLast() }
        found.append(picture)
        from = end.upperBound
    }
    return found
}

/// The pictures of a classic little-endian TIFF's pages, as libtiff's own order of strips has them.
private func strips(_ bytes: [UInt8]) -> [[UInt8]] {
    func number(_ at: Int, _ width: Int) -> Int { (0..<width).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) } }
    var pages: [[UInt8]] = []
    var directory = number(4, 4)
    while directory > 0 {
        let count = number(directory, 2)
        var values: [Int: [Int]] = [:]
        for entry in (0..<count).map({ directory + 2 + 12 * $0 }) {
            let width = number(entry + 2, 2) == 3 ? 2 : 4
            let items = number(entry + 4, 4)
            let place = width * items > 4 ? number(entry + 8, 4) : entry + 8
            values[number(entry, 2)] = (0..<items).map {
                place + width * $0 < bytes.count ? number(place + width * $0, width) : 0
            }
        }
        pages.append(zip(values[273] ?? [], values[279] ?? []).flatMap { Array(bytes[$0..<$0 + $1]) })
        directory = number(directory + 2 + 12 * count, 4)
    }
    return pages
}

@Suite(.serialized) struct ExtractionTests {
    @Test func `Pages of a PDF have the same pictures, byte for byte, and no other page's`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        let file = try fixture("stacks/folder.pdf")
        let all = jpegs(try contents(file))
        #expect(all.count == 14 && Set(all).count > 10)
        for pages in [[5, 6, 7, 8], [11, 12], [1], [2, 14], Array(1...14)] {
            let piece = try inspector.extract(pages, of: file, mediaType: "application/pdf")
            let isSame = jpegs(try contents(piece)) == pages.map { all[$0 - 1] }
            #expect(isSame, "\(pages)")
            let isRepeated =
                try contents(inspector.extract(pages, of: file, mediaType: "application/pdf")) == contents(piece)
            #expect(isRepeated)
            let verdict = try inspector.inspect(
                piece,
                InspectionRequest(
                    fileExtension: "pdf", declaredType: nil,
                    accepted: [AcceptedType(mediaType: "application/pdf", extensions: ["pdf"], maximumBytes: 1 << 30)]))
            #expect(verdict.outcome == .accepted && verdict.pages == pages.count)
        }
    }

    /// Two pages, each of which draws one of two pictures that are named in one list; a bookmark and a title have words.
    private static let pictures = ["\u{1}first child's picture\u{1}", "\u{2}second child's picture\u{2}"]
    private static func sharingPages(contentLength: Int) throws -> MemoryFile {
        var objects = [
            "<</Type/Catalog/Pages 2 0 R/Outlines 9 0 R>>",
            "<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2/Resources 5 0 R>>",
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]/Contents 6 0 R>>",
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]/Contents 7 0 R>>",
            "<</XObject<</A 8 0 R/B 11 0 R>>>>",
            "<</Length \(contentLength)>>stream\n/A Do\nendstream",
            "<</Length \(contentLength)>>stream\n/B Do\nendstream",
        ]
        func image(_ bytes: String) -> String {
            "<</Type/XObject/Subtype/Image/Width \(bytes.utf8.count)/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray"
                + "/Length \(bytes.utf8.count)>>stream\n\(bytes)\nendstream"
        }
        objects.append(image(pictures[0]))
        objects.append("<</Type/Outlines/First 10 0 R/Last 10 0 R/Count 1>>")
        objects.append("<</Title(bookmarked child)/Parent 9 0 R/Dest[4 0 R/Fit]>>")
        objects.append(image(pictures[1]))
        objects.append("<</Title(titled child)>>")
        var pdf = "%PDF-1.4\n"
        var offsets: [Int] = []
        for (index, object) in objects.enumerated() {
            offsets.append(pdf.utf8.count)
            pdf += "\(index + 1) 0 obj\n\(object)\nendobj\n"
        }
        let table = pdf.utf8.count
        pdf += "xref\n0 \(objects.count + 1)\n0000000000 65535 f \n"
        for offset in offsets { pdf += String(repeating: "0", count: 10 - "\(offset)".count) + "\(offset) 00000 n \n" }
        pdf += "trailer\n<</Size \(objects.count + 1)/Root 1 0 R/Info 12 0 R>>\nstartxref\n\(table)\n%%EOF\n"
        var file = try MemoryFile()
        try file.append(Array(pdf.utf8))
        try file.seal()
        return file
    }

    /// A length that is one too short is damage that qpdf mends, and for which it leaves lists as they are.
    @Test(arguments: [5, 4])
    func `Pictures that pages share a list of stay with their pages, and words of the stack stay behind`(_ length: Int)
        throws
    {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        let file = try Self.sharingPages(contentLength: length)
        for page in [1, 2] {
            let piece = try inspector.extract([page], of: file, mediaType: "application/pdf")
            let text = String(decoding: try contents(piece), as: UTF8.self)
            #expect(text.contains(Self.pictures[page - 1]))
            for words in [Self.pictures[2 - page], "bookmarked", "titled"] {
                #expect(!text.contains(words), "\(words)")
            }
        }
    }

    @Test func `Pages of a TIFF have the same pictures, byte for byte, and the same sizes`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        for (name, count) in [("stacks/fax.tif", 4), ("scans/transfer-record-2013-07-22.tif", 3)] {
            let file = try fixture(name)
            let all = strips(try contents(file))
            #expect(all.count == count && all.allSatisfy { $0.count > 1000 })
            for pages in [[1], [2, count], Array(1...count)] {
                let piece = try inspector.extract(pages, of: file, mediaType: "image/tiff")
                let isSame = strips(try contents(piece)) == pages.map { all[$0 - 1] }
                #expect(isSame, "\(name) \(pages)")
                let verdict = try inspector.inspect(
                    piece,
                    InspectionRequest(
                        fileExtension: "tif", declaredType: nil,
                        accepted: [AcceptedType(mediaType: "image/tiff", extensions: ["tif"], maximumBytes: 1 << 30)]))
                #expect(verdict.outcome == .accepted && verdict.pages == pages.count)
                let read = try inspector.readPages(of: piece, mediaType: "image/tiff", pages: 1...pages.count)
                for (page, there) in zip(pages, read) {
                    #expect(try inspector.readPages(of: file, mediaType: "image/tiff", pages: page...page) == [there])
                }
            }
        }
    }

    @Test func `Pages that are not there, not ascending or named twice are not taken, nor is a damaged file`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        for pages in [[], [0], [2, 1], [1, 1]] {
            #expect(throws: SandboxError.outOfRange) {
                _ = try inspector.extract(pages, of: fixture("stacks/fax.tif"), mediaType: "image/tiff")
            }
        }
        #expect(throws: SandboxError.crashed) {
            _ = try inspector.extract([5], of: fixture("stacks/fax.tif"), mediaType: "image/tiff")
        }
        #expect(throws: SandboxError.crashed) {
            _ = try inspector.extract([5], of: fixture("stacks/sheets.pdf"), mediaType: "application/pdf")
        }
        #expect(throws: SandboxError.noPictures) {
            _ = try inspector.extract([1], of: fixture("stacks/fax.tif"), mediaType: "text/plain")
        }
    }

    @Test func `A TIFF that was cut anywhere, or has any byte changed, gives pages or none, and never ends the reader`()
        throws
    {
        let whole = try contents(fixture("stacks/fax.tif"))
        let directory = (0..<4).reduce(0) { $0 | Int(whole[4 + $1]) << (8 * $1) }
        for count in stride(from: 0, to: whole.count, by: 997) {
            _ = Array(whole[..<count]).withUnsafeBytes { tiffPages([1, 2], of: $0) }
            _ = Array(whole[..<count]).withUnsafeBytes { pageSizes(ofTIFF: $0) }
        }
        for place in Array(0..<8) + Array(directory..<min(directory + 220, whole.count)) {
            for value: UInt8 in [0, 1, 0x7f, 0xff] {
                var other = whole
                other[place] = value
                _ = other.withUnsafeBytes { tiffPages([1], of: $0) }
                _ = other.withUnsafeBytes { pageSizes(ofTIFF: $0) }
            }
        }
    }
}
