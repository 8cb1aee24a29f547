/// How large a page of a scan is, as its file says.
public struct PageSize: Codable, Hashable, Sendable {
    /// Pixels across.
    public let width: Int
    /// Pixels down.
    public let height: Int
    /// Dots to the inch across and down; nil where the file does not say, or says nothing that a scanner does.
    public let resolution: Resolution?

    /// Dots to the inch.
    public struct Resolution: Codable, Hashable, Sendable {
        /// Across.
        public let across: Int
        /// Down; a fax has half as many as across.
        public let down: Int

        /// A resolution; nil where no scanner has it.
        public init?(across: Int, down: Int) {
            guard Self.possible.contains(across), Self.possible.contains(down) else { return nil }
            self.across = across
            self.down = down
        }

        private static let possible = 20...5000
    }

    /// A size; nil where there is none.
    public init?(width: Int, height: Int, resolution: Resolution?) {
        guard (1...100_000).contains(width), (1...100_000).contains(height) else { return nil }
        self.width = width
        self.height = height
        self.resolution = resolution
    }

    /// Whether it could come from a reader.
    public var isSound: Bool {
        PageSize(width: width, height: height, resolution: nil) != nil
            && resolution.map { Resolution(across: $0.across, down: $0.down) != nil } ?? true
    }

    /// The size of a picture of this page that is `side` pixels long on its longer side, with square pixels.
    public func drawn(side: Int) -> (width: Int, height: Int) {
        let across = Double(width) / Double(resolution?.across ?? 1)
        let down = Double(height) / Double(resolution?.down ?? 1)
        let scale = Double(side) / max(across, down)
        return (max(16, Int((across * scale).rounded())), max(16, Int((down * scale).rounded())))
    }
}

/// The sizes of a TIFF's pages in their order; ends early where the file is damaged or has more than 10,000.
public func pageSizes(ofTIFF bytes: UnsafeRawBufferPointer) -> [PageSize] {
    guard bytes.count > 8, bytes.has("II") || bytes.has("MM") else { return [] }
    let bigEndian = bytes.has("MM")
    let isBig = bytes.number(at: 2, width: 2, bigEndian: bigEndian) == 43
    func number(_ offset: Int, _ width: Int) -> Int? {
        bytes.number(at: offset, width: width, bigEndian: bigEndian).flatMap { Int(exactly: $0) }
    }
    var sizes: [PageSize] = []
    var next = isBig ? number(8, 8) : number(4, 4)
    while let directory = next, directory > 0, sizes.count < 10_000 {
        guard let count = number(directory, isBig ? 8 : 2), count < 65536 else { break }
        var values: [Int: Int] = [:]
        var ratios: [Int: Double] = [:]
        for index in 0..<count {
            let entry = directory + (isBig ? 8 : 2) + index * (isBig ? 20 : 12)
            let place = entry + (isBig ? 12 : 8)
            guard let tag = number(entry, 2), let type = number(entry + 2, 2) else { return sizes }
            switch type {
            case 3: values[tag] = number(place, 2)
            case 4: values[tag] = number(place, 4)
            case 5:
                // Two numbers of four bytes, which lie in the entry itself where it has room for eight.
                guard let far = isBig ? place : number(place, 4), let over = number(far, 4),
                    let under = number(far + 4, 4),
                    under > 0
                else { continue }
                ratios[tag] = Double(over) / Double(under)
            default: continue
            }
        }
        // In centimetres where the unit is 3.
        func perInch(_ tag: Int) -> Int? {
            ratios[tag].map { Int(min($0 * (values[296] == 3 ? 2.54 : 1), 1e6).rounded()) }
        }
        let resolution = perInch(282).flatMap { across in
            perInch(283).flatMap { PageSize.Resolution(across: across, down: $0) }
        }
        guard let width = values[256], let height = values[257],
            let size = PageSize(width: width, height: height, resolution: values[296] == 1 ? nil : resolution)
        else { break }
        sizes.append(size)
        next = number(directory + (isBig ? 8 : 2) + count * (isBig ? 20 : 12), isBig ? 8 : 4)
    }
    return sizes
}
