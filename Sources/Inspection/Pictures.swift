import CZlib
import Glibc

// Pictures are walked, never decoded: sizes come from headers, and the end must be where the structure says it is.

enum JPEG {
    static func examine(_ bytes: UnsafeRawBufferPointer) -> Structure {
        var structure = Structure(.jpeg)
        var offset = 2
        var hasScan = false
        while true {
            // A marker is 0xFF, perhaps repeated as padding, and a code.
            guard offset < bytes.count else { return failed(structure, .truncated) }
            guard bytes[offset] == 0xff else { return failed(structure, .damaged) }
            while offset < bytes.count, bytes[offset] == 0xff { offset += 1 }
            guard offset < bytes.count else { return failed(structure, .truncated) }
            let marker = bytes[offset]
            offset += 1
            switch marker {
            case 0xd9:
                guard hasScan else { return failed(structure, .damaged) }
                if !bytes.isPadding(from: offset) { structure.faults.insert(.bytesAfterEnd) }
                structure.pages = 1
                return structure
            case 0x01, 0xd0...0xd7: continue
            case 0x00, 0xd8: return failed(structure, .damaged)
            default: break
            }
            guard let length = bytes.number(at: offset, width: 2, bigEndian: true).map(Int.init) else {
                return failed(structure, .truncated)
            }
            guard length >= 2 else { return failed(structure, .damaged) }
            guard let segment = bytes.part(offset, length) else { return failed(structure, .truncated) }
            switch marker {
            case 0xc0...0xc3, 0xc5...0xc7, 0xc9...0xcb, 0xcd...0xcf:
                guard structure.width == nil, let height = segment.number(at: 3, width: 2, bigEndian: true),
                    let width = segment.number(at: 5, width: 2, bigEndian: true), height > 0, width > 0
                else { return failed(structure, .damaged) }
                structure.width = Int(width)
                structure.height = Int(height)
            case 0xda:
                guard structure.width != nil else { return failed(structure, .damaged) }
                hasScan = true
                guard let end = endOfScan(bytes, from: offset + length) else { return failed(structure, .truncated) }
                offset = end
                continue
            default: break
            }
            offset += length
        }
    }

    /// The next marker that is neither a stuffed byte nor a restart.
    private static func endOfScan(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        var offset = start
        while offset < bytes.count, let found = memchr(base + offset, 0xff, bytes.count - offset) {
            offset = UnsafeRawPointer(found) - base
            guard offset + 1 < bytes.count else { return nil }
            switch bytes[offset + 1] {
            case 0x00, 0xd0...0xd7: offset += 2
            case 0xff: offset += 1
            default: return offset
            }
        }
        return nil
    }

    private static func failed(_ structure: Structure, _ fault: Fault) -> Structure {
        var structure = structure
        structure.faults.insert(fault)
        return structure
    }
}

enum PNG {
    static let signature: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]

    /// Of a picture with more pixels than may be, nothing else is read.
    static func examine(_ bytes: UnsafeRawBufferPointer, maximumPixels: UInt64?) -> Structure {
        var structure = Structure(.png)
        guard let width = bytes.number(at: 16, width: 4, bigEndian: true),
            let height = bytes.number(at: 20, width: 4, bigEndian: true)
        else { return Structure(.png, .truncated) }
        guard bytes.has([0, 0, 0, 13], at: 8), bytes.has("IHDR", at: 12), width > 0, height > 0, width < 1 << 31,
            height < 1 << 31
        else { return Structure(.png, .damaged) }
        structure.width = Int(width)
        structure.height = Int(height)
        if let maximumPixels, width * height > maximumPixels { return structure }

        var offset = 8
        var hasData = false
        while true {
            guard let length = bytes.number(at: offset, width: 4, bigEndian: true).map(Int.init),
                let checked = bytes.part(offset + 4, length + 4), let base = checked.baseAddress,
                let sum = bytes.number(at: offset + 8 + length, width: 4, bigEndian: true)
            else {
                structure.faults.insert(.truncated)
                return structure
            }
            guard UInt64(crc32_z(0, base.assumingMemoryBound(to: UInt8.self), checked.count)) == sum else {
                structure.faults.insert(.damaged)
                return structure
            }
            offset += 12 + length
            if checked.has("IDAT") { hasData = true }
            if checked.has("IEND") { break }
        }
        if !hasData { structure.faults.insert(.damaged) }
        if !bytes.isPadding(from: offset) { structure.faults.insert(.bytesAfterEnd) }
        structure.pages = 1
        return structure
    }
}

enum TIFF {
    /// More directories than any scanner writes.
    private static let mostDirectories = 100_000

    static func examine(_ bytes: UnsafeRawBufferPointer) -> Structure {
        var walk = Walk(bytes)
        walk.run()
        var structure = Structure(.tiff)
        structure.faults = walk.faults
        structure.pages = walk.pages > 0 ? walk.pages : nil
        if walk.width > 0 {
            structure.width = walk.width
            structure.height = walk.height
        }
        if walk.faults.isEmpty {
            if walk.pages == 0 { structure.faults.insert(.damaged) }
            if !bytes.isPadding(from: walk.end) { structure.faults.insert(.bytesAfterEnd) }
        }
        return structure
    }

    /// Follows every directory, and notes how far into the file anything that one points to reaches.
    private struct Walk {
        let bytes: UnsafeRawBufferPointer
        let bigEndian: Bool
        let isBig: Bool
        var faults: Set<Fault> = []
        var pages = 0
        var width = 0
        var height = 0
        var end = 8
        private var seen: Set<Int> = []

        init(_ bytes: UnsafeRawBufferPointer) {
            self.bytes = bytes
            bigEndian = bytes[0] == 0x4d
            isBig = bytes[bigEndian ? 3 : 2] == 43
        }

        mutating func run() {
            let first: Int?
            if isBig {
                guard number(4, 2) == 8, number(6, 2) == 0 else { return fail(.damaged) }
                first = number(8, 8)
                end = 16
            } else {
                first = number(4, 4)
            }
            guard var next = first else { return fail(.truncated) }
            while next != 0 && faults.isEmpty {
                guard seen.insert(next).inserted, seen.count <= mostDirectories else { return fail(.damaged) }
                pages += 1
                next = directory(at: next, isPage: true, depth: 0)
            }
        }

        private mutating func fail(_ fault: Fault) { faults.insert(fault) }

        private func number(_ offset: Int, _ width: Int) -> Int? {
            bytes.number(at: offset, width: width, bigEndian: bigEndian).flatMap { Int(exactly: $0) }
        }

        /// Notes that a range belongs to the picture; a range that leaves the file was cut off.
        private mutating func claim(_ offset: Int, _ length: Int) -> Bool {
            let (last, overflow) = offset.addingReportingOverflow(length)
            guard !overflow, last <= bytes.count else {
                fail(.truncated)
                return false
            }
            end = max(end, last)
            return true
        }

        private struct Field {
            let width: Int
            let count: Int
            let offset: Int
        }

        /// Reads one directory, and returns where the next one is, 0 for none.
        private mutating func directory(at offset: Int, isPage: Bool, depth: Int) -> Int {
            let countWidth = isBig ? 8 : 2
            let entryWidth = isBig ? 20 : 12
            guard let count = number(offset, countWidth) else {
                fail(.truncated)
                return 0
            }
            guard count > 0, count < 65536 else {
                fail(.damaged)
                return 0
            }
            let pointer = offset + countWidth + count * entryWidth
            guard claim(offset, countWidth + count * entryWidth + (isBig ? 8 : 4)) else { return 0 }
            var fields: [Int: Field] = [:]
            for index in 0..<count {
                let entry = offset + countWidth + index * entryWidth
                guard let tag = number(entry, 2), let type = number(entry + 2, 2),
                    let items = number(entry + 4, isBig ? 8 : 4)
                else {
                    fail(.damaged)
                    return 0
                }
                let widths = [
                    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8,
                    18: 8,
                ]
                guard let width = widths[type] else { continue }
                let (size, overflow) = items.multipliedReportingOverflow(by: width)
                guard !overflow else {
                    fail(.damaged)
                    return 0
                }
                var place = entry + (isBig ? 12 : 8)
                if size > (isBig ? 8 : 4) {
                    guard let far = number(place, isBig ? 8 : 4) else { return 0 }
                    guard claim(far, size) else { return 0 }
                    place = far
                }
                fields[tag] = Field(width: width, count: items, offset: place)
            }
            look(at: fields, isPage: isPage, depth: depth)
            return number(pointer, isBig ? 8 : 4) ?? 0
        }

        private func value(_ field: Field?, _ index: Int = 0) -> Int? {
            guard let field, index < field.count else { return nil }
            return number(field.offset + index * field.width, field.width)
        }

        /// What libtiff reads: none, the two and the one of fax, LZW, JPEG old and new, Deflate by two numbers, PackBits, LZMA,
        /// Zstandard, WebP.
        private static let compressions: Set = [1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000, 50001]

        /// Whether what is said of a page's samples and strips can be true, so that whoever shows it need not find out.
        private mutating func checkLayout(_ fields: [Int: Field], _ wide: Int, _ high: Int) {
            let compression = value(fields[259]) ?? 1
            let samples = value(fields[277]) ?? 1
            let bits = fields[258].map { field in (0..<min(field.count, 9)).compactMap { value(field, $0) } } ?? [1]
            guard Self.compressions.contains(compression), (1...8).contains(samples), !bits.isEmpty,
                bits.count == 1 || bits.count >= samples, bits.allSatisfy({ (1...64).contains($0) })
            else { return fail(.damaged) }
            guard let offsets = fields[273] else { return }
            // Samples that lie in planes have strips of their own each.
            let planes = value(fields[284]) == 2 ? samples : 1
            let rows = min(max(value(fields[278]) ?? high, 1), high)
            let strips = ((high + rows - 1) / rows) * planes
            guard offsets.count >= strips else { return fail(.damaged) }
            // Without compression the strips are as long as the page has samples; colours of lower resolution take less.
            guard compression == 1, value(fields[262]) != 6, let sizes = fields[279], sizes.count >= strips else {
                return
            }
            let bitsOfPixel =
                planes == 1 ? (0..<samples).reduce(0) { $0 + (bits.count == 1 ? bits[0] : bits[$1]) } : bits[0]
            let (ofRow, overflow) = wide.multipliedReportingOverflow(by: bitsOfPixel)
            let (needed, tooMuch) = ((ofRow + 7) / 8).multipliedReportingOverflow(by: high * planes)
            var given = 0
            for index in 0..<sizes.count {
                given = given.addingReportingOverflow(value(sizes, index) ?? 0).partialValue
            }
            if overflow || tooMuch || given < needed { fail(.truncated) }
        }

        private mutating func look(at fields: [Int: Field], isPage: Bool, depth: Int) {
            if isPage {
                // BigTIFF could say more than 32 bits, and then nothing that follows would hold.
                guard let wide = value(fields[256]), let high = value(fields[257]), wide > 0, high > 0,
                    wide < 1 << 31, high < 1 << 31
                else {
                    return fail(.damaged)
                }
                if wide * high > width * height {
                    width = wide
                    height = high
                }
                guard fields[273] != nil || fields[324] != nil || fields[513] != nil else { return fail(.damaged) }
                checkLayout(fields, wide, high)
                guard faults.isEmpty else { return }
            }
            // Strips, tiles, and the pictures of old JPEG-in-TIFF and of thumbnails.
            for (places, sizes) in [(273, 279), (324, 325), (513, 514)] {
                guard let offsets = fields[places] else { continue }
                for index in 0..<offsets.count {
                    guard let offset = value(offsets, index) else { return fail(.damaged) }
                    // Writers of old left the sizes out; then all that is known is that the strip begins in the file.
                    let known = value(fields[sizes], index)
                    guard claim(offset, known ?? 1) else { return }
                    if known == nil { end = bytes.count }
                }
            }
            // Directories inside: smaller copies, EXIF, GPS, interoperability.
            guard depth < 4 else { return }
            for tag in [330, 34665, 34853, 40965] {
                guard let inner = fields[tag], inner.width == 4 || inner.width == 8 else { continue }
                for index in 0..<min(inner.count, 1000) {
                    guard var next = value(inner, index) else { continue }
                    while next != 0 && faults.isEmpty {
                        guard seen.insert(next).inserted, seen.count <= mostDirectories else { return fail(.damaged) }
                        next = directory(at: next, isPage: false, depth: depth + 1)
                    }
                }
            }
        }
    }
}
