// Pages of a TIFF as a TIFF of their own: what each page's directory says is written anew, with new places, and the picture's
// bytes are copied as they are. Nothing is decoded, so a page that was scanned is filed as it was scanned; and nothing that
// belongs to another page comes along, for it may be another child's.

/// Pages of a TIFF, counted from 1, in the order given, as a classic TIFF of the same byte order; nil where the file is damaged, a
/// page is not there, its picture is stored in a way that cannot be moved (old-style JPEG), or the result would be over 2 GiB.
///
/// Of what a directory points to, thumbnails and Exif are left out: they may show or say what the page does not.
public func tiffPages(_ pages: [Int], of bytes: UnsafeRawBufferPointer) -> [UInt8]? {
    guard let source = TIFFSource(bytes), !pages.isEmpty else { return nil }
    let directories = source.directories(upTo: pages.max() ?? 0)
    var out = TIFFWriter(bigEndian: source.bigEndian)
    for page in pages {
        guard page >= 1, page <= directories.count, out.add(source, directory: directories[page - 1]) else {
            return nil
        }
    }
    return out.bytes
}

/// A TIFF or BigTIFF that is read; every offset in it may be a lie.
private struct TIFFSource {
    let bytes: UnsafeRawBufferPointer
    let bigEndian: Bool
    let isBig: Bool

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.has("II") || bytes.has("MM") else { return nil }
        bigEndian = bytes.has("MM")
        switch bytes.number(at: 2, width: 2, bigEndian: bigEndian) {
        case 42: isBig = false
        case 43: isBig = true
        default: return nil
        }
        self.bytes = bytes
    }

    struct Field {
        let tag: Int
        let type: Int
        let count: Int
        /// The bytes of a value.
        let width: Int
        /// Where the values are.
        let offset: Int
    }

    func number(_ offset: Int, _ width: Int) -> Int? {
        bytes.number(at: offset, width: width, bigEndian: bigEndian).flatMap { Int(exactly: $0) }
    }

    /// Where the first so many directories are.
    func directories(upTo most: Int) -> [Int] {
        var found: [Int] = []
        var next = isBig ? number(8, 8) : number(4, 4)
        while let directory = next, directory > 0, found.count < most, let count = number(directory, isBig ? 8 : 2),
            count < 65536
        {
            found.append(directory)
            next = number(directory + (isBig ? 8 : 2) + count * (isBig ? 20 : 12), isBig ? 8 : 4)
        }
        return found
    }

    /// What a directory says; nil where something lies outside the file.
    func fields(of directory: Int) -> [Field]? {
        guard let count = number(directory, isBig ? 8 : 2), count < 65536 else { return nil }
        let widths = [
            1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8,
        ]
        var fields: [Field] = []
        for index in 0..<count {
            let entry = directory + (isBig ? 8 : 2) + index * (isBig ? 20 : 12)
            guard let tag = number(entry, 2), let type = number(entry + 2, 2),
                let items = number(entry + 4, isBig ? 8 : 4)
            else { return nil }
            // A type that nobody knows is to be skipped (TIFF 6.0, section 2).
            guard let width = widths[type] else { continue }
            let (size, overflow) = items.multipliedReportingOverflow(by: width)
            var offset = entry + (isBig ? 12 : 8)
            if overflow { return nil }
            if size > (isBig ? 8 : 4) {
                guard let far = number(offset, isBig ? 8 : 4) else { return nil }
                offset = far
            }
            guard bytes.part(offset, size) != nil else { return nil }
            fields.append(Field(tag: tag, type: type, count: items, width: width, offset: offset))
        }
        return fields
    }

    /// The numbers of a field, of which there are not more than the file has bytes.
    func numbers(_ field: Field) -> [Int]? {
        var numbers: [Int] = []
        for index in 0..<field.count {
            guard let value = number(field.offset + index * field.width, field.width) else { return nil }
            numbers.append(value)
        }
        return numbers
    }
}

private struct TIFFWriter {
    private(set) var bytes: [UInt8]
    private let bigEndian: Bool
    /// Where the place of the next directory is written.
    private var link = 4

    private static let most = 1 << 31
    /// Strips and tiles: their places, and how many bytes each has.
    private static let pictures = [273: 279, 324: 325]
    /// Other directories, unused space, and old-style JPEG's tables and stream, which point into the file.
    private static let leftOut: Set = [330, 34665, 34853, 40965, 288, 289]
    private static let unmovable: Set = [512, 513, 514, 519, 520, 521]

    init(bigEndian: Bool) {
        self.bigEndian = bigEndian
        bytes = bigEndian ? [0x4d, 0x4d, 0, 42, 0, 0, 0, 0] : [0x49, 0x49, 42, 0, 0, 0, 0, 0]
    }

    /// Appends a page; false where it cannot be.
    mutating func add(_ source: TIFFSource, directory: Int) -> Bool {
        guard let all = source.fields(of: directory) else { return false }
        let fields = all.filter { !Self.leftOut.contains($0.tag) }.sorted { $0.tag < $1.tag }
        guard !fields.isEmpty, Set(fields.map(\.tag)).count == fields.count,
            fields.allSatisfy({ !Self.unmovable.contains($0.tag) })
        else { return false }

        // Pictures first, then the longer values, then the directory.
        var moved: [Int: [Int]] = [:]
        var hasPicture = false
        for (places, sizes) in Self.pictures {
            guard let place = fields.first(where: { $0.tag == places }) else { continue }
            guard let size = fields.first(where: { $0.tag == sizes }), let offsets = source.numbers(place),
                let lengths = source.numbers(size), offsets.count == lengths.count
            else { return false }
            hasPicture = true
            var new: [Int] = []
            for (offset, length) in zip(offsets, lengths) {
                guard let part = source.bytes.part(offset, length), bytes.count + length < Self.most else {
                    return false
                }
                pad()
                new.append(bytes.count)
                bytes.append(contentsOf: part)
            }
            moved[places] = new
            moved[sizes] = lengths
        }
        guard hasPicture else { return false }

        var entries: [(tag: Int, type: Int, count: Int, value: [UInt8])] = []
        for field in fields {
            let value: [UInt8]
            let type: Int
            if let numbers = moved[field.tag] {
                // BigTIFF has places of eight bytes.
                type = 4
                value = numbers.flatMap { number($0, 4) }
            } else {
                guard (1...13).contains(field.type),
                    let raw = source.bytes.part(field.offset, field.count * field.width)
                else { return false }
                type = field.type
                value = Array(raw)
            }
            guard bytes.count + value.count < Self.most else { return false }
            if value.count <= 4 {
                entries.append((field.tag, type, field.count, value + [UInt8](repeating: 0, count: 4 - value.count)))
            } else {
                pad()
                entries.append((field.tag, type, field.count, number(bytes.count, 4)))
                bytes += value
            }
        }
        pad()
        bytes.replaceSubrange(link..<link + 4, with: number(bytes.count, 4))
        bytes += number(entries.count, 2)
        for entry in entries {
            bytes += number(entry.tag, 2) + number(entry.type, 2) + number(entry.count, 4) + entry.value
        }
        link = bytes.count
        bytes += [0, 0, 0, 0]
        return bytes.count < Self.most
    }

    /// Everything begins at an even place.
    private mutating func pad() {
        if !bytes.count.isMultiple(of: 2) { bytes.append(0) }
    }

    private func number(_ value: Int, _ width: Int) -> [UInt8] {
        let little = (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        return bigEndian ? little.reversed() : little
    }
}
