// What a scanner is asked for, in our words, and which of its driver's own words mean the same: each driver has others.

/// Where a scanner takes its paper from.
public enum ScannerSource: String, CaseIterable, Hashable, Sendable {
    /// The glass.
    case flatbed
    /// The feeder, one side of each sheet.
    case feeder
    /// The feeder, both sides of each sheet.
    case duplex

    /// In words for people.
    public var title: String {
        switch self {
        case .flatbed: "flatbed"
        case .feeder: "feeder"
        case .duplex: "feeder that scans both sides"
        }
    }

    /// Which of a driver's sources it is, if it has it.
    package func name(among names: [String]) -> String? {
        let words = names.map { ($0, $0.lowercased()) }
        func first(_ matches: (String) -> Bool) -> String? { words.first { matches($0.1) }?.0 }
        switch self {
        case .flatbed:
            return first { $0.contains("flatbed") || $0.contains("platen") || $0.contains("document table") }
                ?? first { $0 == "normal" }
        case .feeder:
            return first { Self.isFeeder($0) && $0.contains("front") } ?? first { Self.isFeeder($0) }
        case .duplex:
            return first { Self.isDuplex($0) && Self.isFed($0) }
                ?? first { Self.isDuplex($0) && !$0.contains("card") }
        }
    }

    private static func isFed(_ name: String) -> Bool { name.contains("adf") || name.contains("feeder") }
    private static func isDuplex(_ name: String) -> Bool {
        ["duplex", "both sides", "double-sided", "2-sided"].contains { name.contains($0) }
    }
    private static func isFeeder(_ name: String) -> Bool {
        isFed(name) && !isDuplex(name) && !name.contains("back") && !name.contains("rear")
    }
}

/// How a scanner sees a page.
public enum ScannerMode: String, CaseIterable, Hashable, Sendable {
    /// A bit a pixel.
    case blackAndWhite = "bw"
    /// 8 bits a pixel.
    case grey
    /// 16 bits a pixel.
    case deepGrey = "grey16"
    /// 24 bits a pixel.
    case colour

    /// In words for people.
    public var title: String {
        switch self {
        case .blackAndWhite: "black and white"
        case .grey: "grey"
        case .deepGrey: "grey of 16 bits"
        case .colour: "colour"
        }
    }

    /// Bits of one sample.
    public var depth: Int {
        switch self {
        case .blackAndWhite: 1
        case .grey, .colour: 8
        case .deepGrey: 16
        }
    }

    /// Samples of one pixel.
    public var samples: Int { self == .colour ? 3 : 1 }

    /// Which of a driver's modes it is, if it has it. A driver without a mode for black and white may have it as grey of a
    /// bit.
    package func name(among names: [String]) -> String? {
        let plain = names.map { name in (name, name.lowercased().filter { $0.isLetter || $0.isNumber }) }
        func first(_ wanted: [String]) -> String? {
            for want in wanted { if let found = plain.first(where: { $0.1 == want }) { return found.0 } }
            return nil
        }
        let greys = ["gray", "grey", "grayscale", "greyscale", "truegray", "8bitgray", "256levelsgray"]
        switch self {
        case .blackAndWhite:
            return first(["lineart", "blackwhite", "blackandwhite", "binary", "monochrome", "bw", "1bit"])
                ?? first(greys)
        case .grey: return first(greys)
        case .deepGrey: return first(["16bitgray", "gray16", "16bitsgray"]) ?? first(greys)
        case .colour: return first(["color", "colour", "fullcolor", "rgb", "24bitcolor", "24bitscolor", "color24"])
        }
    }
}

/// What a scanner is asked for. Pages are A4, or as much of that as it takes.
public struct ScanSettings: Hashable, Sendable {
    /// Where the paper is; nil is the feeder, and the flatbed of a scanner without one.
    public var source: ScannerSource?
    /// Dots an inch.
    public var resolution: Int
    /// How it sees a page.
    public var mode: ScannerMode

    /// Settings.
    public init(source: ScannerSource? = nil, resolution: Int = 300, mode: ScannerMode = .grey) {
        self.source = source
        self.resolution = resolution
        self.mode = mode
    }
}

/// What a scanner was set to, as it says itself.
public struct ScanProfile: Hashable, Sendable {
    /// Who made it and what it is called.
    public let scanner: ScannerDevice
    /// Where its paper is.
    public let source: ScannerSource
    /// How it sees a page.
    public let mode: ScannerMode
    /// Dots an inch, across and down.
    public let across, down: Double
    /// The part of a page that it takes, in millimetres.
    public let width, height: Double

    /// Whether it takes less than a sheet of A4, but for a few millimetres at the edges.
    public var isSmallerThanA4: Bool { width < A4.width - 6 || height < A4.height - 6 }

    /// In one line, as a batch records it.
    public var text: String { "\(scanner.title), \(source.rawValue), \(Int(across.rounded())) dpi, \(mode.title)" }
}

/// A sheet of A4 in millimetres.
enum A4 {
    static let width = 210.0
    static let height = 297.0
}

/// The picture of a page, as it comes: lines from above, pixels from the left.
public struct PageShape: Hashable, Sendable {
    /// Pixels in a line.
    public let width: Int
    /// How its pixels are: a bit that is set is black; 16 bits are in this machine's order.
    public let mode: ScannerMode
    /// Dots an inch, across and down.
    public let across, down: Double
    /// How many lines were announced; fewer or more may come.
    public let lines: Int?

    /// Bytes of a line, without what a driver puts behind it.
    public var bytesPerLine: Int { (width * mode.depth * mode.samples + 7) / 8 }
}

/// Who takes a scanner's pages, line by line.
public protocol PageTaker: AnyObject {
    /// A page begins.
    func begin(_ page: PageShape) throws(ScannerError)
    /// Its next line, `PageShape.bytesPerLine` bytes. They may be changed, and are wiped after.
    func take(_ line: UnsafeMutableRawBufferPointer) throws(ScannerError)
    /// The page is whole.
    func end() throws(ScannerError)
}
