import CZXing
import Glibc

// What is read in the picture of a page: codes, and whether it can be read at all. The picture is a grey one of about 100 dpi,
// which a renderer made in a sandbox of its own; it may be a lie like every document. So few pixels, with their contrast
// stretched, show more codes than twice as many do, on faint and noisy copies above all, in a third of the time
// (docs/architecture.md has the figures).

/// What one page of a scan shows, in numbers.
public struct PageReading: Codable, Hashable, Sendable {
    /// A code that was read.
    public struct Code: Codable, Hashable, Sendable {
        /// What it says, up to 128 bytes; empty where it says more, or something that is no UTF-8.
        public let text: String
        /// How far it is turned clockwise, in whole degrees from 0 to 359.
        public let degrees: Int
    }

    /// The codes that were read, whosesoever they are.
    public var codes: [Code] = []
    /// How many more have the shape of a code and say nothing.
    public var unreadCodes = 0
    /// Nothing is written on it. Punched holes, staples and dark edges are not counted, nor single specks.
    public var isBlank = false
    /// How far the lines are turned clockwise, in tenths of a degree, 100 at the most; nil where there are none.
    public var skew: Int?
    /// How light the paper is: the median, 0 black to 255 white.
    public var paper = 255
    /// How much darker the ink is than the paper, 0 to 255.
    public var contrast = 0
    /// Lines run over an edge of the picture.
    public var isCutOff = false
    /// The resolution that it was scanned with; nil where the file does not say.
    public var resolution: PageSize.Resolution?

    /// A page of which nothing is said.
    public init() {}

    /// Whether it could come from a reader: everything is in its bounds.
    public var isSound: Bool {
        codes.count + unreadCodes <= Self.mostCodes && unreadCodes >= 0 && (0...255).contains(paper)
            && (0...255).contains(contrast) && (-100...100).contains(skew ?? 0)
            && codes.allSatisfy {
                $0.text.utf8.count <= Int(STRONGROOM_MOST_CODE_TEXT) && (0..<360).contains($0.degrees)
            }
    }

    static let mostCodes = 16
}

/// Reads pictures of pages, PGM with one byte a pixel, one after the other; ends early where one is no such picture.
public func readPages(_ pictures: UnsafeRawBufferPointer) -> [PageReading] {
    var readings: [PageReading] = []
    var offset = 0
    while offset < pictures.count, let (picture, end) = GreyPicture.next(in: pictures, at: offset) {
        readings.append(picture.reading())
        offset = end
    }
    return readings
}

/// A grey picture.
struct GreyPicture {
    let width: Int
    let height: Int
    let pixels: [UInt8]

    /// The widest and highest picture that is looked at: what renderers are told to make is far smaller.
    private static let mostSide = 4096

    /// The picture at an offset, and where it ends.
    static func next(in bytes: UnsafeRawBufferPointer, at start: Int) -> (GreyPicture, end: Int)? {
        guard bytes.has("P5", at: start) else { return nil }
        var offset = start + 2
        var numbers: [Int] = []
        while numbers.count < 3 {
            guard offset < bytes.count else { return nil }
            switch bytes[offset] {
            case 0x23:  // a comment, up to the end of its line
                while offset < bytes.count, bytes[offset] != 0x0a { offset += 1 }
            case 0x09...0x0d, 0x20: offset += 1
            case 0x30...0x39:
                var value = 0
                while offset < bytes.count, (0x30...0x39).contains(bytes[offset]) {
                    value = value * 10 + Int(bytes[offset] - 0x30)
                    guard value <= 65535 else { return nil }
                    offset += 1
                }
                numbers.append(value)
            default: return nil
            }
        }
        let (width, height) = (numbers[0], numbers[1])
        guard numbers[2] == 255, (16...mostSide).contains(width), (16...mostSide).contains(height),
            let pixels = bytes.part(offset + 1, width * height)
        else { return nil }
        return (GreyPicture(width: width, height: height, pixels: Array(pixels)), offset + 1 + width * height)
    }

    private init(width: Int, height: Int, pixels: [UInt8]) {
        self.width = width
        self.height = height
        self.pixels = pixels
    }

    func reading() -> PageReading {
        var reading = PageReading()
        let counts = histogram()
        func value(above share: Int) -> Int {
            var seen = 0
            for value in 0..<256 {
                seen += counts[value]
                if seen > share { return value }
            }
            return 255
        }
        // Ordinary paper is lighter than its ink, and most of a page is paper.
        let (black, white) = (value(above: pixels.count / 200), value(above: pixels.count / 2))
        reading.paper = white
        reading.contrast = white - black
        let places = findCodes(black: black, white: white, &reading)
        // A sheet has twelve corner marks: three that belong to no code that was read are what is left of a spoilt one.
        let marks = FinderPatterns(self).places.filter { mark in
            !places.contains { hypot($0.x - mark.x, $0.y - mark.y) < $0.reach }
        }
        reading.unreadCodes += min(marks.count / 3, PageReading.mostCodes - reading.codes.count - reading.unreadCodes)
        reading.isBlank = isBlank()
        reading.isCutOff = isCutOff(ink: white - max(40, (white - black) / 2))
        reading.skew = reading.isBlank ? nil : skew(ink: white - max(24, (white - black) / 2))
        return reading
    }

    /// How many pixels have each value. Counted in four lots: most pixels are like the one before, and adding to the number that
    /// was just written waits for it.
    private func histogram() -> [Int] {
        var lots = [Int](repeating: 0, count: 4 * 256)
        lots.withUnsafeMutableBufferPointer { lots in
            var lot = 0
            for pixel in pixels {
                lots[lot + Int(pixel)] += 1
                lot = (lot + 256) & 0x3ff
            }
        }
        return (0..<256).map { lots[$0] + lots[256 + $0] + lots[512 + $0] + lots[768 + $0] }
    }

    // MARK: codes

    /// Where a code was read: its middle, and how far from there its corners are, and a little more.
    private struct CodePlace {
        let x: Double
        let y: Double
        let reach: Double
    }

    private func findCodes(black: Int, white: Int, _ reading: inout PageReading) -> [CodePlace] {
        var stretched = pixels
        if white - black >= 8 {
            let table = (0..<256).map { UInt8(clamping: 255 * ($0 - black) / (white - black)) }
            table.withUnsafeBufferPointer { table in
                for index in stretched.indices { stretched[index] = table[Int(stretched[index])] }
            }
        }
        var found = [strongroom_code](repeating: strongroom_code(), count: PageReading.mostCodes)
        let count = strongroom_read_codes(stretched, Int32(width), Int32(height), true, &found, Int32(found.count))
        // Memory that is short is said as a code that was not read: a person looks.
        guard count >= 0 else {
            reading.unreadCodes = 1
            return []
        }
        var places: [CodePlace] = []
        for code in found.prefix(Int(count)) {
            let text = withUnsafeBytes(of: code.text) { bytes in
                String(validating: bytes.prefix(code.count), as: UTF8.self) ?? ""
            }
            let across = (Double(code.corners.2 - code.corners.0), Double(code.corners.3 - code.corners.1))
            let degrees = Int((atan2(across.1, across.0) * 180 / .pi).rounded())
            reading.codes.append(.init(text: text, degrees: (degrees + 360) % 360))
            let (x, y) = (
                Double(code.corners.0 + code.corners.4) / 2, Double(code.corners.1 + code.corners.5) / 2
            )
            let reach = hypot(Double(code.corners.0) - x, Double(code.corners.1) - y)
            places.append(CodePlace(x: x, y: y, reach: 1.2 * reach))
        }
        return places
    }

    // MARK: what is written

    private static let tile = 24
    /// Tiles with something in them on a page that is called blank: a speck lies across two.
    private static let mostSpecks = 2

    /// Whether hardly any tile has something in it that is much darker than the paper around it. Those are left out that punched
    /// holes, staples, folded corners and a scanner's dark edge reach: 17 mm from the sides, 15 from top and bottom, 35 by 35 in
    /// each corner.
    private func isBlank() -> Bool {
        var marked = 0
        let (side, edge) = (width * 17 / 210, height * 15 / 297)
        let (cornerWidth, cornerHeight) = (width * 35 / 210, height * 35 / 297)
        for top in stride(from: edge, to: height - edge - Self.tile + 1, by: Self.tile) {
            let isNearEnd = top < cornerHeight || top + Self.tile > height - cornerHeight
            for left in stride(from: side, to: width - side - Self.tile + 1, by: Self.tile) {
                if isNearEnd, left < cornerWidth || left + Self.tile > width - cornerWidth { continue }
                if isMarked(left, top) { marked += 1 }
                if marked > Self.mostSpecks { return false }
            }
        }
        return true
    }

    private func isMarked(_ left: Int, _ top: Int) -> Bool {
        var sum = 0
        var least: UInt8 = 255
        for row in top..<top + Self.tile {
            for pixel in pixels[row * width + left..<row * width + left + Self.tile] {
                sum += Int(pixel)
                least = min(least, pixel)
            }
        }
        let ink = sum / (Self.tile * Self.tile) - 40
        guard Int(least) < ink else { return false }
        // The third darkest: a speck of dust is one or two pixels, the thinnest stroke more.
        var dark = 0
        for row in top..<top + Self.tile {
            for pixel in pixels[row * width + left..<row * width + left + Self.tile] where Int(pixel) < ink {
                dark += 1
            }
        }
        return dark > 2
    }

    /// Whether short runs of ink stand at one edge of the picture, as lines of text do that go on beyond it. A dark edge is one
    /// long run, a torn one has none.
    private func isCutOff(ink: Int) -> Bool {
        func runs(_ count: Int, _ pixel: (Int) -> UInt8) -> Int {
            var runs = 0
            var length = 0
            for index in 0...count {
                if index < count, Int(pixel(index)) < ink {
                    length += 1
                } else {
                    if (1...12).contains(length) { runs += 1 }
                    length = 0
                }
            }
            return runs
        }
        let most = 8
        return runs(height) { pixels[$0 * width + 1] } > most || runs(height) { pixels[$0 * width + width - 2] } > most
            || runs(width) { pixels[width + $0] } > most || runs(width) { pixels[(height - 2) * width + $0] } > most
    }

    /// The angle at which ink gathers most into rows, as lines of text do; nil where no angle is better than another.
    private func skew(ink: Int) -> Int? {
        // Every second row and column is enough, and of a dark page not every pixel.
        var points: [(x: Int, y: Int)] = []
        let (side, edge) = (width * 17 / 210, height * 15 / 297)
        for row in stride(from: edge, to: height - edge, by: 2) {
            pixels[row * width..<(row + 1) * width].withUnsafeBufferPointer { pixels in
                for column in stride(from: side, to: width - side, by: 2) where Int(pixels[column]) < ink {
                    points.append((column - width / 2, row - height / 2))
                }
            }
        }
        guard points.count > 200 else { return nil }
        let step = max(1, points.count / 20000)
        points = stride(from: 0, to: points.count, by: step).map { points[$0] }
        let reach = height
        // In whole numbers, a pixel being 2^40: twice as fast. A row is two pixels high.
        let one = Double(1 << 40)
        func gathered(_ tenths: Int) -> Double {
            let angle = Double(tenths) * .pi / 1800
            let (sine, cosine) = (Int(sin(angle) * one), Int(cos(angle) * one))
            var rows = [Int32](repeating: 0, count: reach)
            rows.withUnsafeMutableBufferPointer { rows in
                for point in points {
                    let row = (point.y &* cosine &- point.x &* sine) / (1 << 41) + reach / 2
                    if row >= 0, row < reach { rows[row] &+= 1 }
                }
            }
            return rows.reduce(0.0) { $0 + Double($1) * Double($1) }
        }
        let coarse = stride(from: -100, through: 100, by: 5).map { ($0, gathered($0)) }
        guard let best = coarse.max(by: { $0.1 < $1.1 }) else { return nil }
        let mean = coarse.reduce(0) { $0 + $1.1 } / Double(coarse.count)
        guard best.1 > 1.15 * mean else { return nil }
        let fine = (max(-100, best.0 - 4)...min(100, best.0 + 4)).map { ($0, gathered($0)) }
        return fine.max { $0.1 < $1.1 }?.0
    }
}
