import CTIFF
import Foundation
import Glibc
import Records
import Scanning
import Synchronization
import Testing

// Everything here is scanned by SANE's own `test` device: a flatbed and a feeder of ten pages.

/// What SANE is set up with, in these tests' own directory: it looks for it once in a process, and for the device's settings
/// each time it begins.
private enum SetUp {
    static let folder: String = {
        let folder = FileManager.default.temporaryDirectory.appending(path: "sane-\(getpid())").path
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try? Data("test\n".utf8).write(to: URL(filePath: folder + "/dll.conf"))
        setenv("SANE_CONFIG_DIR", folder, 1)
        return folder
    }()

    /// The device with some settings of its own: its picture is the grid, and its glass as large as A4.
    static func scanners(_ settings: String...) throws -> Scanners {
        let usual = ["number_of_devices 1", "geometry_max 300.0", "test-picture \"Grid\""]
        try Data((usual + settings).joined(separator: "\n").utf8).write(to: URL(filePath: folder + "/test.conf"))
        return try Scanners.ask()
    }

    static func scanner(_ settings: String...) throws -> OpenScanner {
        let usual = ["number_of_devices 1", "geometry_max 300.0", "test-picture \"Grid\""]
        try Data((usual + settings).joined(separator: "\n").utf8).write(to: URL(filePath: folder + "/test.conf"))
        return try Scanners.ask().open("test:0")
    }
}

/// The pixels of a page, a number for each sample, line by line.
private struct Picture: Equatable {
    var width = 0
    var lines: [[UInt16]] = []
}

/// The grid: squares of 10 mm, black and white in turn. One piece of it, two squares high, comes again and again.
private func grid(_ width: Int, _ height: Int, _ mode: ScannerMode, _ resolution: Double) -> Picture {
    let square = 10 * resolution / 25.4
    let piece = Int(2 * square + 0.5)
    let white: UInt16 = mode == .blackAndWhite ? 0 : mode == .deepGrey ? 0xFFFF : 0xFF
    let black: UInt16 = mode == .blackAndWhite ? 1 : 0
    let lines = (0..<height).map { y in
        (0..<width).flatMap { x in
            let isLower = y % piece > Int(square + 0.5)
            let isOdd = Int(Double(x) / square) % 2 == 1
            return Array(repeating: isOdd == isLower ? white : black, count: mode.samples)
        }
    }
    return Picture(width: width, lines: lines)
}

/// What is asked of the tags of a page.
private let numberTags = [
    TIFFTAG_IMAGEWIDTH, TIFFTAG_IMAGELENGTH, TIFFTAG_BITSPERSAMPLE, TIFFTAG_SAMPLESPERPIXEL, TIFFTAG_COMPRESSION,
    TIFFTAG_PHOTOMETRIC, TIFFTAG_RESOLUTIONUNIT,
]

/// The pages of a TIFF as libtiff reads them.
private func read(_ descriptor: Int32) throws -> [(picture: Picture, tags: [Int32: Int], dots: [Float])] {
    lseek(descriptor, 0, SEEK_SET)
    let tiff = try #require(TIFFFdOpen(dup(descriptor), "scan", "rm"))
    defer { TIFFClose(tiff) }
    var pages: [(Picture, [Int32: Int], [Float])] = []
    repeat {
        var tags: [Int32: Int] = [:]
        for tag in numberTags { tags[tag] = Int(strongroom_tiff_number(tiff, UInt32(tag))) }
        let dots = [TIFFTAG_XRESOLUTION, TIFFTAG_YRESOLUTION].map { strongroom_tiff_real(tiff, UInt32($0)) }
        let width = try #require(tags[TIFFTAG_IMAGEWIDTH])
        let samples = width * (tags[TIFFTAG_SAMPLESPERPIXEL] ?? 0)
        var bytes = [UInt8](repeating: 0, count: Int(TIFFScanlineSize(tiff)))
        var picture = Picture(width: width)
        for line in 0..<(tags[TIFFTAG_IMAGELENGTH] ?? 0) {
            try #require(TIFFReadScanline(tiff, &bytes, UInt32(line), 0) == 1)
            picture.lines.append(
                (0..<samples).map { at in
                    switch tags[TIFFTAG_BITSPERSAMPLE] {
                    case 1: UInt16(bytes[at / 8] >> UInt8(7 - at % 8) & 1)
                    case 8: UInt16(bytes[at])
                    default: UInt16(bytes[2 * at]) | UInt16(bytes[2 * at + 1]) << 8
                    }
                })
        }
        pages.append((picture, tags, dots))
    } while TIFFReadDirectory(tiff) == 1
    return pages
}

/// All that is read from where the descriptor is.
private func bytes(of descriptor: Int32) -> [UInt8] {
    Array(FileHandle(fileDescriptor: descriptor, closeOnDealloc: false).readDataToEndOfFile())
}

/// Takes pages for somebody, and does something at the beginning of one.
private final class Watching: PageTaker {
    private let stack: TIFFStack
    private let page: Int
    private let act: () -> Void
    private(set) var shapes: [PageShape] = []

    init(_ stack: TIFFStack, at page: Int = 0, _ act: @escaping () -> Void = {}) {
        (self.stack, self.page, self.act) = (stack, page, act)
    }

    func begin(_ page: PageShape) throws(ScannerError) {
        shapes.append(page)
        try stack.begin(page)
        if shapes.count == self.page { act() }
    }
    func take(_ line: UnsafeMutableRawBufferPointer) throws(ScannerError) { try stack.take(line) }
    func end() throws(ScannerError) { try stack.end() }
}

private func stack(_ limit: UInt64 = 1 << 30) throws -> TIFFStack {
    try TIFFStack(of: ScannerDevice(vendor: "Noname", model: "frontend-tester"), limit: limit)
}

/// Scans all there is; gives the stack, which holds the file, and what came of it.
private func scan(
    _ settings: ScanSettings, most: Int = 100, _ device: String...
) throws -> (stack: TIFFStack, descriptor: Int32, pages: Int, isEmpty: Bool, profile: ScanProfile) {
    let scanner: OpenScanner
    switch device.count {
    case 0: scanner = try SetUp.scanner()
    case 1: scanner = try SetUp.scanner(device[0])
    default: scanner = try SetUp.scanner(device[0], device[1])
    }
    let profile = try scanner.set(settings)
    let stack = try stack()
    let (pages, isEmpty) = try scanner.scan(profile, most: most, stop: ScanStop(), into: stack)
    return (stack, try stack.finish(), pages, isEmpty, profile)
}

@Suite(.serialized) struct ScannerTests {
    @Test func `The scanners that are there are listed with who made them`() throws {
        let devices = try SetUp.scanners().devices()
        #expect(devices.map(\.name) == ["test:0"])
        #expect(devices.first?.title == "Noname frontend-tester" && devices.first?.kind == "virtual device")
    }

    @Test func `The only scanner need not be named, one of several must be, and one that is not there is not found`()
        throws
    {
        #expect(try SetUp.scanners().open().device.name == "test:0")
        #expect(throws: ScannerError.severalDevices(names: ["test:0", "test:1"])) {
            _ = try SetUp.scanners("number_of_devices 2").open()
        }
        #expect(throws: ScannerError.unknownDevice) { _ = try SetUp.scanners().open("test:7") }
    }

    @Test func `A scanner that is in use already is told to be`() throws {
        let scanner = try SetUp.scanner()
        #expect(throws: ScannerError.busy) { _ = try Scanners.ask() }
        #expect(scanner.sources == [.flatbed, .feeder])
    }

    @Test(arguments: ScannerMode.allCases)
    func `Ten pages of the feeder are one TIFF, pixel by pixel, with their resolution`(_ mode: ScannerMode) throws {
        let scanned = try scan(ScanSettings(resolution: 60, mode: mode))
        defer { withExtendedLifetime(scanned.stack) {} }
        #expect(scanned.pages == 10 && scanned.isEmpty && scanned.stack.pages == 10)
        #expect(scanned.profile.source == .feeder && !scanned.profile.isSmallerThanA4)
        let pages = try read(scanned.descriptor)
        #expect(pages.count == 10)
        let wanted = grid(496, 701, mode, 60)
        for page in pages {
            // Not compared by the macro, which would print both.
            let isSame = page.picture == wanted
            #expect(isSame)
            #expect(page.dots == [60, 60] && page.tags[TIFFTAG_RESOLUTIONUNIT] == Int(RESUNIT_INCH))
            #expect(
                page.tags[TIFFTAG_BITSPERSAMPLE] == mode.depth && page.tags[TIFFTAG_SAMPLESPERPIXEL] == mode.samples)
            let isFax = page.tags[TIFFTAG_COMPRESSION] == Int(COMPRESSION_CCITTFAX4)
            #expect(isFax == (mode == .blackAndWhite))
        }
    }

    @Test func `The file is in memory and has no name, is closed to changes, and the same pages are the same bytes`()
        throws
    {
        var files: [[UInt8]] = []
        for _ in 1...2 {
            let scanned = try scan(ScanSettings(resolution: 75, mode: .blackAndWhite))
            defer { withExtendedLifetime(scanned.stack) {} }
            let place = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(scanned.descriptor)")
            #expect(place.hasPrefix("/memfd:"))
            files.append(bytes(of: scanned.descriptor))
            #expect(write(scanned.descriptor, "x", 1) == -1 && errno == EPERM)
        }
        let isSame = files[0] == files[1]
        #expect(isSame && files[0].count > 1000)
    }

    @Test func `A scanner that does not say how many lines come is believed when it ends`() throws {
        let scanned = try scan(
            ScanSettings(source: .flatbed, resolution: 60), "hand-scanner true")
        defer { withExtendedLifetime(scanned.stack) {} }
        let pages = try read(scanned.descriptor)
        // 110 by 170 mm, whatever is asked for.
        let isSame = pages.map(\.picture) == [grid(259, 401, .grey, 60)]
        #expect(isSame)
    }

    @Test(arguments: ["fuzzy-parameters true", "ppl-loss 7", "invert-endianess false"])
    func `What a driver announces wrongly, and what it puts behind a line, is not believed and not taken`(
        _ setting: String
    ) throws {
        let scanned = try scan(ScanSettings(source: .flatbed, resolution: 60), setting)
        defer { withExtendedLifetime(scanned.stack) {} }
        let width = setting == "ppl-loss 7" ? 489 : 496
        let isSame = try read(scanned.descriptor).map(\.picture) == [grid(width, 701, .grey, 60)]
        #expect(isSame)
    }

    @Test func `Pages that come a few bytes at a time are the same pages`() throws {
        let scanned = try scan(
            ScanSettings(source: .flatbed, resolution: 30, mode: .colour), "read-limit true", "read-limit-size 7")
        defer { withExtendedLifetime(scanned.stack) {} }
        let isSame = try read(scanned.descriptor).map(\.picture) == [grid(248, 350, .colour, 30)]
        #expect(isSame)
    }

    @Test func `The flatbed gives a page, and another as long as somebody lays one on it`() throws {
        #expect(try scan(ScanSettings(source: .flatbed, resolution: 30)).pages == 1)
        let scanner = try SetUp.scanner()
        let profile = try scanner.set(ScanSettings(source: .flatbed, resolution: 30))
        var asked: [Int] = []
        let stack = try stack()
        let result = try scanner.scan(profile, most: 100, stop: ScanStop(), into: stack) { page in
            asked.append(page)
            return page < 4
        }
        #expect(result.pages == 3 && asked == [2, 3, 4] && stack.pages == 3)
    }

    @Test func `No more pages are scanned than were asked for, and what may be left in the feeder is said`() throws {
        let scanned = try scan(ScanSettings(resolution: 30), most: 3)
        #expect(scanned.pages == 3 && !scanned.isEmpty)
    }

    @Test(arguments: [
        ("SANE_STATUS_JAMMED", ScannerError.jammed), ("SANE_STATUS_COVER_OPEN", .coverOpen),
        ("SANE_STATUS_NO_DOCS", .noPaper), ("SANE_STATUS_DEVICE_BUSY", .busy), ("SANE_STATUS_IO_ERROR", .gone),
        ("SANE_STATUS_ACCESS_DENIED", .accessDenied), ("SANE_STATUS_NO_MEM", .noMemory),
        ("SANE_STATUS_CANCELLED", .cancelled), ("SANE_STATUS_INVAL", .settingsRefused),
        ("SANE_STATUS_EOF", .otherPicture),
    ])
    func `What a scanner fails by is said in words, with what to do`(_ status: String, _ error: ScannerError) throws {
        #expect(throws: error) { _ = try scan(ScanSettings(resolution: 30), "read-status-code \"\(status)\"") }
        let (alone, after) = (error.refusal(), error.refusal(after: 3))
        #expect(!alone.message.contains("SANE") && !alone.hint.contains("SANE") && alone.message.hasSuffix("."))
        #expect(alone.hint.hasSuffix("Nothing was filed."))
        #expect(after.hint.hasPrefix("3 pages had been scanned; nothing was kept or filed."))
        #expect(after.hint.hasSuffix("Put all pages back in their order and scan again."))
        #expect(alone.code == after.code && alone.code.hasPrefix("scanner."))
    }

    @Test func `A picture in three passes is refused`() throws {
        #expect(throws: ScannerError.threePass) {
            _ = try scan(ScanSettings(resolution: 30, mode: .colour), "three-pass true")
        }
    }

    @Test func `What the scanner cannot do is refused before a page is taken, and what it can is said`() throws {
        let scanner = try SetUp.scanner()
        #expect(throws: ScannerError.noSource(.duplex, has: [.flatbed, .feeder])) {
            _ = try scanner.set(ScanSettings(source: .duplex))
        }
        #expect(throws: ScannerError.noResolution(4800, has: "1 to 1200 dpi")) {
            _ = try scanner.set(ScanSettings(resolution: 4800))
        }
        #expect(
            ScannerError.noSource(.duplex, has: [.flatbed, .feeder]).refusal().hint
                == "It has: flatbed, feeder. Nothing was filed.")
    }

    @Test func `Glass that is smaller than A4 is used to its edges, and told`() throws {
        let scanned = try scan(ScanSettings(source: .flatbed, resolution: 30), "geometry_max 200.0")
        defer { withExtendedLifetime(scanned.stack) {} }
        #expect(scanned.profile.isSmallerThanA4 && scanned.profile.width == 200 && scanned.profile.height == 200)
        #expect(try read(scanned.descriptor).map(\.picture.width) == [236])
    }

    @Test func `A scan is stopped within a page, and the scanner can be used again`() throws {
        let scanner = try SetUp.scanner("read-delay true", "read-delay-duration 1000")
        let profile = try scanner.set(ScanSettings(resolution: 60))
        let stop = ScanStop()
        let stack = try stack()
        let watching = Watching(stack, at: 4) { _ = stop.stop() }
        #expect(throws: ScannerError.cancelled) {
            _ = try scanner.scan(profile, most: 100, stop: stop, into: watching)
        }
        #expect(watching.shapes.count == 4 && stack.pages == 3)
        #expect(try scanner.scan(profile, most: 1, stop: ScanStop(), into: try self.anotherStack()).pages == 1)
    }

    private func anotherStack() throws -> TIFFStack { try stack() }

    @Test func `What is settled is not stopped any more, and what is stopped is not settled`() {
        let (first, second) = (ScanStop(), ScanStop())
        #expect(first.stop() && !first.stop() && !first.settle() && first.isStopped)
        #expect(second.settle() && !second.stop() && !second.isStopped)
    }

    @Test func `Pages that take more than a file may have are an error, and no smaller file`() throws {
        let scanner = try SetUp.scanner()
        let profile = try scanner.set(ScanSettings(resolution: 150, mode: .colour))
        let stack = try stack(40_000)
        #expect(throws: ScannerError.tooLarge(mebibytes: 0)) {
            _ = try scanner.scan(profile, most: 100, stop: ScanStop(), into: stack)
        }
        #expect(stack.pages < 10)
    }

    @Test func `The drivers' words for where paper is are understood`() {
        let known: [([String], [String?])] = [
            (["Flatbed", "ADF", "ADF Duplex"], ["Flatbed", "ADF", "ADF Duplex"]),
            (["ADF Front", "ADF Back", "ADF Duplex", "Card Front", "Card Duplex"], [nil, "ADF Front", "ADF Duplex"]),
            (
                [
                    "FlatBed", "Automatic Document Feeder(left aligned)",
                    "Automatic Document Feeder(left aligned,Duplex)",
                ],
                [
                    "FlatBed", "Automatic Document Feeder(left aligned)",
                    "Automatic Document Feeder(left aligned,Duplex)",
                ]
            ),
            (["Flatbed", "ADF", "Duplex"], ["Flatbed", "ADF", "Duplex"]),
            (["Platen", "ADF Simplex", "ADF Duplex"], ["Platen", "ADF Simplex", "ADF Duplex"]),
            (["Flatbed", "Transparency Adapter"], ["Flatbed", nil, nil]), ([], [nil, nil, nil]),
        ]
        for (names, wanted) in known {
            #expect(ScannerSource.allCases.map { $0.name(among: names) } == wanted, "\(names)")
        }
    }

    @Test func `The drivers' words for how they see a page are understood`() {
        let known: [([String], [String?])] = [
            (["Lineart", "Gray", "Color"], ["Lineart", "Gray", "Gray", "Color"]),
            (["Gray", "Color"], ["Gray", "Gray", "Gray", "Color"]),
            (
                ["Black & White", "Gray[Error Diffusion]", "True Gray", "24bit Color"],
                ["Black & White", "True Gray", "True Gray", "24bit Color"]
            ), (["Halftone"], [nil, nil, nil, nil]),
        ]
        for (names, wanted) in known {
            #expect(ScannerMode.allCases.map { $0.name(among: names) } == wanted, "\(names)")
        }
    }
}
