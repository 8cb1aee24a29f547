// A sheet whose codes are crossed out, folded or covered is an ordinary page to who reads codes, and the papers behind it would
// go with those before it. What is left of it are corner marks of its codes: a black square in a white ring in a black one,
// 1:1:3:1:1 along every line through the middle (ISO/IEC 18004, 7.3.2). No letter and no table looks like that.

/// The corner marks of QR codes in a picture, of codes whose modules are 3 to 12 pixels; those of a sheet have 6.
struct FinderPatterns {
    /// Their middles.
    private(set) var places: [(x: Double, y: Double)] = []

    init(_ picture: GreyPicture) {
        let dark = Darkness(picture)
        for y in stride(from: 0, to: picture.height, by: 2) {
            // Lengths of the last five runs, and where the one that goes on began.
            var runs: Runs = (0, 0, 0, 0, 0)
            var began = 0
            var isDark = false
            dark.withRow(y) { row in
                for x in 0...row.count {
                    let now = x < row.count ? row[x] : !isDark
                    if now == isDark { continue }
                    runs = (runs.1, runs.2, runs.3, runs.4, x - began)
                    // The fifth run, a dark one, has just ended.
                    if isDark, let module = Self.module(of: runs) {
                        let middle = x - runs.4 - runs.3 - runs.2 / 2 - 1
                        if let place = Self.confirmed(dark, middle, y, module: module) { add(place, module: module) }
                    }
                    began = x
                    isDark = now
                }
            }
        }
    }

    /// Lengths of five runs, one after the other.
    private typealias Runs = (Int, Int, Int, Int, Int)

    private mutating func add(_ place: (x: Double, y: Double), module: Double) {
        for known in places where abs(known.x - place.x) < 4 * module && abs(known.y - place.y) < 4 * module { return }
        places.append(place)
    }

    /// The length of a module where five runs are as 1:1:3:1:1, give or take half a module.
    private static func module(of runs: Runs) -> Double? {
        let module = Double(runs.0 + runs.1 + runs.2 + runs.3 + runs.4) / 7
        func isAbout(_ run: Int, _ wanted: Double) -> Bool { abs(Double(run) - wanted * module) <= 0.6 * module }
        guard (3...12).contains(module), isAbout(runs.0, 1), isAbout(runs.1, 1), isAbout(runs.2, 3), isAbout(runs.3, 1),
            isAbout(runs.4, 1)
        else { return nil }
        return module
    }

    /// Looks from the middle downwards and upwards, and then again across.
    private static func confirmed(_ dark: Darkness, _ x: Int, _ y: Int, module: Double) -> (x: Double, y: Double)? {
        guard let down = runs(dark, x, y, 0, 1, most: Int(7 * module)), let high = self.module(of: down.runs),
            abs(high - module) < 0.4 * module
        else { return nil }
        let middle = y + down.shift
        guard let across = runs(dark, x, middle, 1, 0, most: Int(7 * module)), let wide = self.module(of: across.runs),
            abs(wide - module) < 0.4 * module
        else { return nil }
        return (Double(x + across.shift), Double(middle))
    }

    /// The five runs along a line through a dark point, the third of which it lies in, and how far from it that one's middle is.
    private static func runs(
        _ dark: Darkness, _ x: Int, _ y: Int, _ dx: Int, _ dy: Int, most: Int
    ) -> (runs: Runs, shift: Int)? {
        guard dark.isInside(x, y), dark.at(x, y) else { return nil }
        func arm(_ sign: Int) -> [Int]? {
            var lengths: [Int] = []
            var step = 1
            for isDark in [true, false, true] {
                var length = 0
                while dark.isInside(x + sign * dx * step, y + sign * dy * step),
                    dark.at(x + sign * dx * step, y + sign * dy * step) == isDark
                {
                    length += 1
                    step += 1
                    if length > most { return nil }
                }
                lengths.append(length)
            }
            return lengths
        }
        guard let before = arm(-1), let after = arm(1) else { return nil }
        return (
            (before[2], before[1], before[0] + 1 + after[0], after[1], after[2]), (after[0] - before[0]) / 2
        )
    }
}

/// What is ink in a picture, by the lightest and darkest around it: a sheet copied in uneven light has no one threshold.
private struct Darkness {
    private let width: Int
    private let height: Int
    private let isDark: [Bool]

    private static let tile = 32

    init(_ picture: GreyPicture) {
        let (width, height, pixels) = (picture.width, picture.height, picture.pixels)
        let (columns, rows) = ((width + Self.tile - 1) / Self.tile, (height + Self.tile - 1) / Self.tile)
        var darkest = [UInt8](repeating: 255, count: columns * rows)
        var lightest = [UInt8](repeating: 0, count: columns * rows)
        for y in 0..<height {
            for column in 0..<columns {
                let tile = y / Self.tile * columns + column
                var (low, high) = (darkest[tile], lightest[tile])
                for pixel in pixels[y * width + column * Self.tile..<y * width + min((column + 1) * Self.tile, width)] {
                    low = min(low, pixel)
                    high = max(high, pixel)
                }
                (darkest[tile], lightest[tile]) = (low, high)
            }
        }
        // Of each tile and those beside it; where all is alike, nothing is ink.
        var thresholds = [UInt8](repeating: 0, count: columns * rows)
        for row in 0..<rows {
            for column in 0..<columns {
                var (low, high) = (UInt8(255), UInt8(0))
                for r in max(0, row - 1)...min(rows - 1, row + 1) {
                    for c in max(0, column - 1)...min(columns - 1, column + 1) {
                        low = min(low, darkest[r * columns + c])
                        high = max(high, lightest[r * columns + c])
                    }
                }
                thresholds[row * columns + column] = high - low < 16 ? 0 : low + (high - low) / 2
            }
        }
        isDark = [Bool](unsafeUninitializedCapacity: width * height) { out, count in
            for y in 0..<height {
                for column in 0..<columns {
                    let threshold = thresholds[y / Self.tile * columns + column]
                    for place in y * width + column * Self.tile..<y * width + min((column + 1) * Self.tile, width) {
                        out[place] = pixels[place] < threshold
                    }
                }
            }
            count = width * height
        }
        self.width = width
        self.height = height
    }

    func isInside(_ x: Int, _ y: Int) -> Bool { x >= 0 && y >= 0 && x < width && y < height }

    func withRow(_ y: Int, _ body: (UnsafeBufferPointer<Bool>) -> Void) {
        isDark[y * width..<(y + 1) * width].withUnsafeBufferPointer(body)
    }

    func at(_ x: Int, _ y: Int) -> Bool { isDark[y * width + x] }
}
