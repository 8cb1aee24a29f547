import Custody
import Foundation
import Glibc
import Inspection
import Papers
import Records
import Sandbox
import Scanning
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
    return try Scanning.typeset(
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
