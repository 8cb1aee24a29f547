import CZlib

// ZIP, as strictly as a DOCX is written: the directory at the end names every entry, the entries stand one after the
// other from the first byte to the directory, and nothing follows the end record. What lies anywhere else is hidden.
struct Zip {
    struct Entry {
        let name: String
        let compressed: UnsafeRawBufferPointer
        let isDeflated: Bool
        let size: Int
        let checksum: UInt32
    }

    private(set) var entries: [Entry] = []
    private(set) var faults: Set<Fault> = []

    private static let mostEntries = 20_000
    private static let mostBytes = 1 << 30

    /// Whether a ZIP reader would find an archive here, wherever it starts.
    static func holdsArchive(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let end = endRecord(bytes), let size = bytes.number(at: end + 12, width: 4, bigEndian: false),
            let count = bytes.number(at: end + 10, width: 2, bigEndian: false), count > 0
        else { return false }
        return bytes.has("PK\u{1}\u{2}", at: end - Int(size))
    }

    /// The last end record, within the longest comment's reach of the end.
    private static func endRecord(_ bytes: UnsafeRawBufferPointer) -> Int? {
        let start = max(0, bytes.count - 65557)
        return UnsafeRawBufferPointer(rebasing: bytes[start...]).last("PK\u{5}\u{6}").map { $0 + start }
    }

    init(_ bytes: UnsafeRawBufferPointer) {
        func number(_ offset: Int, _ width: Int) -> Int? {
            bytes.number(at: offset, width: width, bigEndian: false).map(Int.init)
        }
        guard let end = Self.endRecord(bytes), let count = number(end + 10, 2), let size = number(end + 12, 4),
            let directory = number(end + 16, 4), let comment = number(end + 20, 2)
        else {
            faults.insert(.truncated)
            return
        }
        // A comment is bytes after the end: nothing that writes a DOCX makes one.
        if end + 22 != bytes.count {
            faults.insert(comment == 0 && bytes.isPadding(from: end + 22) ? .damaged : .bytesAfterEnd)
        }
        guard count <= Self.mostEntries, directory != 0xffff_ffff, size <= end else {
            faults.insert(.damaged)
            return
        }
        let shift = end - size - directory
        guard shift >= 0 else {
            faults.insert(.damaged)
            return
        }
        if shift > 0 || !bytes.has("PK\u{3}\u{4}") { faults.insert(.bytesBeforeStart) }

        var offset = directory + shift
        var spans: [(start: Int, end: Int, hasDescriptor: Bool)] = []
        var names: Set<String> = []
        var total = 0
        for _ in 0..<count {
            guard bytes.has("PK\u{1}\u{2}", at: offset), let flags = number(offset + 8, 2),
                let method = number(offset + 10, 2), let checksum = number(offset + 16, 4),
                let packed = number(offset + 20, 4), let unpacked = number(offset + 24, 4),
                let nameLength = number(offset + 28, 2), let extraLength = number(offset + 30, 2),
                let commentLength = number(offset + 32, 2), let local = number(offset + 42, 4),
                let nameBytes = bytes.part(offset + 46, nameLength)
            else {
                faults.insert(.damaged)
                return
            }
            offset += 46 + nameLength + extraLength + commentLength
            if flags & 1 != 0 { faults.insert(.encrypted) }
            let start = local + shift
            guard method == 0 || method == 8, bytes.has("PK\u{3}\u{4}", at: start),
                let localName = number(start + 26, 2), let localExtra = number(start + 28, 2),
                let ownName = bytes.part(start + 30, localName), ownName.elementsEqual(nameBytes),
                let compressed = bytes.part(start + 30 + localName + localExtra, packed),
                names.insert(String(decoding: nameBytes, as: UTF8.self).lowercased()).inserted
            else {
                faults.insert(.damaged)
                return
            }
            spans.append((start, start + 30 + localName + localExtra + packed, flags & 8 != 0))
            total += unpacked
            guard total <= Self.mostBytes else {
                faults.insert(.bomb)
                return
            }
            entries.append(
                Entry(
                    name: String(decoding: nameBytes, as: UTF8.self), compressed: compressed, isDeflated: method == 8,
                    size: unpacked, checksum: UInt32(checksum)))
        }
        if offset != end { faults.insert(.damaged) }
        checkGaps(spans, from: shift, to: directory + shift)
    }

    /// Entries follow each other; only a data descriptor, 12 to 24 bytes, may stand between.
    private mutating func checkGaps(_ spans: [(start: Int, end: Int, hasDescriptor: Bool)], from: Int, to: Int) {
        var last = from
        var allowed = 0
        for span in spans.sorted(by: { $0.start < $1.start }) {
            guard span.start >= last else {
                faults.insert(.damaged)
                return
            }
            if span.start - last > allowed { faults.insert(last == from ? .bytesBeforeStart : .secondSignature) }
            last = span.end
            allowed = span.hasDescriptor ? 24 : 0
        }
        if to - last > allowed { faults.insert(.secondSignature) }
    }

    func entry(_ name: String) -> Entry? { entries.first { $0.name == name } }
}

extension Zip.Entry {
    /// Unpacks the entry, at most `maximum` bytes of it, and no more than its own directory says; nil where it is
    /// damaged or larger. `sink` gets the pieces.
    func unpack(maximum: Int, _ sink: (UnsafeRawBufferPointer) -> Void) -> Bool {
        guard size <= maximum else { return false }
        guard isDeflated else {
            guard compressed.count == size else { return false }
            sink(compressed)
            return Self.crc(0, compressed) == checksum
        }
        var stream = z_stream()
        guard inflateInit2_(&stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            return false
        }
        defer { inflateEnd(&stream) }
        stream.next_in = UnsafeMutablePointer(
            mutating: compressed.baseAddress?.assumingMemoryBound(to: UInt8.self))
        guard let length = UInt32(exactly: compressed.count) else { return false }
        stream.avail_in = length
        var sum: UInt = 0
        var made = 0
        return withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { window in
            while true {
                stream.next_out = window.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.avail_out = UInt32(window.count)
                let result = inflate(&stream, Z_NO_FLUSH)
                guard result == Z_OK || result == Z_STREAM_END else { return false }
                let piece = UnsafeRawBufferPointer(rebasing: window[..<(window.count - Int(stream.avail_out))])
                made += piece.count
                guard made <= size else { return false }
                sum = Self.crc(sum, piece)
                sink(piece)
                if result == Z_STREAM_END { break }
                guard !piece.isEmpty || stream.avail_in > 0 else { return false }
            }
            return made == size && stream.avail_in == 0 && sum == checksum
        }
    }

    /// The entry's bytes.
    func bytes(maximum: Int) -> [UInt8]? {
        var result: [UInt8] = []
        return unpack(maximum: maximum) { result += $0 } ? result : nil
    }

    private static func crc(_ sum: UInt, _ bytes: UnsafeRawBufferPointer) -> UInt {
        guard let base = bytes.baseAddress else { return sum }
        return crc32_z(sum, base.assumingMemoryBound(to: UInt8.self), bytes.count)
    }
}
