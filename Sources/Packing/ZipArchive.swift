/// An archive in a pack's own form, read by ranges.
struct ZipArchive {
    /// Fills the whole buffer from there on; what it throws is passed on.
    typealias Read = (_ offset: UInt64, _ into: UnsafeMutableRawBufferPointer) throws -> Void

    let layout: ZipLayout
    let date: ZipDate
    private let places: [String: Int]
    private let read: Read

    /// The most that a central directory may have: some 400,000 files.
    private static let mostOfDirectory: UInt64 = 64 << 20
    private static let pieceSize = 1 << 18

    /// Why bytes are no such archive.
    enum Fault: Error {
        /// No end of an archive stands at their end, or it does not lead to records.
        case notAnArchive
        /// An archive, but not laid out as a pack is.
        case laidOutOtherwise
    }

    /// Reads the central directory, and takes it only if a layout of the same files has the same bytes.
    init(byteCount: UInt64, read: @escaping Read) throws {
        self.read = read
        let start = try Self.startOfDirectory(byteCount, read)
        let bytes = try Self.bytes(start..<byteCount, read)
        let (entries, date) = try Self.records(bytes, most: byteCount)
        layout = ZipLayout(entries, date: date)
        guard layout.directoryOffset == start, layout.directory == bytes else { throw Fault.laidOutOtherwise }
        self.date = date
        places = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($0.element.name, $0.offset) })
    }

    /// Whether the header right before the entry's bytes is what the directory says.
    func headerAgrees(at place: Int) throws -> Bool {
        let header = layout.header(at: place)
        let start = layout.offsets[place]
        return try Self.bytes(start..<start + UInt64(header.count), read) == header
    }

    /// Lends the entry's bytes, piece by piece.
    func forEachPiece(at place: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceSize, alignment: 16)
        defer { buffer.deallocate() }
        var range = range(at: place)
        while !range.isEmpty {
            let piece = UnsafeMutableRawBufferPointer(
                rebasing: buffer[..<Int(min(range.upperBound - range.lowerBound, UInt64(buffer.count)))])
            try read(range.lowerBound, piece)
            try body(UnsafeRawBufferPointer(piece))
            range = range.lowerBound + UInt64(piece.count)..<range.upperBound
        }
    }

    /// The bytes of a small file; nil where there is none of that name, or more than `most`.
    func bytes(of name: String, atMost most: UInt64) throws -> [UInt8]? {
        guard let place = places[name], layout.entries[place].size <= most else { return nil }
        return try Self.bytes(range(at: place), read)
    }

    private func range(at place: Int) -> Range<UInt64> {
        let start = layout.offsets[place] + UInt64(layout.header(at: place).count)
        return start..<start + layout.entries[place].size
    }

    private static func bytes(_ range: Range<UInt64>, _ read: Read) throws -> [UInt8] {
        let count = Int(range.upperBound - range.lowerBound)
        guard count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        try bytes.withUnsafeMutableBytes { try read(range.lowerBound, $0) }
        return bytes
    }

    /// Where the end of the archive says that its central directory begins.
    private static func startOfDirectory(_ byteCount: UInt64, _ read: Read) throws -> UInt64 {
        let tail = Fields(try bytes(byteCount - min(byteCount, 22 + 20 + 56)..<byteCount, read))
        let end = tail.count - 22
        guard end >= 0, tail.number(at: end, UInt32.self) == ZipSignature.end else { throw Fault.notAnArchive }
        var start = UInt64(tail.number(at: end + 16, UInt32.self))
        // A layout that needs them has these two right before the end; that nothing else does is seen when it is compared.
        if end >= 76, tail.number(at: end - 76, UInt32.self) == ZipSignature.end64,
            tail.number(at: end - 20, UInt32.self) == ZipSignature.locator64
        {
            start = tail.number(at: end - 76 + 48, UInt64.self)
        }
        guard start < byteCount, byteCount - start <= mostOfDirectory else { throw Fault.notAnArchive }
        return start
    }

    /// The entries that the records name, and the date of the first.
    private static func records(_ bytes: [UInt8], most: UInt64) throws -> ([ZipEntry], ZipDate) {
        let fields = Fields(bytes)
        var entries: [ZipEntry] = []
        var date: ZipDate?
        var at = 0
        var total: UInt64 = 0
        while fields.has(46, at: at), fields.number(at: at, UInt32.self) == ZipSignature.record {
            let nameCount = Int(fields.number(at: at + 28, UInt16.self))
            let extraCount = Int(fields.number(at: at + 30, UInt16.self))
            guard fields.has(46 + nameCount + extraCount, at: at) else { throw Fault.notAnArchive }
            var size = UInt64(fields.number(at: at + 24, UInt32.self))
            if size >= .zip64 {
                guard extraCount >= 12 else { throw Fault.laidOutOtherwise }
                size = fields.number(at: at + 46 + nameCount + 4, UInt64.self)
            }
            let name = bytes[at + 46..<at + 46 + nameCount]
            guard isSafePath(name), size <= most - total else { throw Fault.laidOutOtherwise }
            total += size
            let entry = ZipEntry(
                name: String(decoding: name, as: UTF8.self), size: size,
                crc32: fields.number(at: at + 16, UInt32.self))
            if let last = entries.last, last.name >= entry.name { throw Fault.laidOutOtherwise }
            date =
                date
                ?? ZipDate(
                    time: fields.number(at: at + 12, UInt16.self), date: fields.number(at: at + 14, UInt16.self))
            entries.append(entry)
            at += 46 + nameCount + extraCount
        }
        guard let date else { throw Fault.notAnArchive }
        return (entries, date)
    }
}

/// Numbers in bytes, the low byte first.
private struct Fields {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var count: Int { bytes.count }

    func has(_ count: Int, at offset: Int) -> Bool { bytes.count - offset >= count }

    func number<Number: FixedWidthInteger>(at offset: Int, _ type: Number.Type) -> Number {
        bytes[offset..<offset + MemoryLayout<Number>.size].reversed().reduce(0) { $0 << 8 | Number($1) }
    }
}

/// A path of printable ASCII that leads below where it starts, on any system.
private func isSafePath(_ path: ArraySlice<UInt8>) -> Bool {
    path.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: ":") }
        && path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy {
            !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8)
        }
}
