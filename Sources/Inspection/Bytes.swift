import Glibc

// Reading from a document's bytes: every access is checked, since every offset in a document may be a lie.

extension UnsafeRawBufferPointer {
    /// A number of `width` bytes at an offset; nil where it would lie outside.
    func number(at offset: Int, width: Int, bigEndian: Bool) -> UInt64? {
        guard offset >= 0, offset <= count - width else { return nil }
        var value: UInt64 = 0
        for index in 0..<width {
            let byte = UInt64(self[offset + (bigEndian ? index : width - 1 - index)])
            value = value << 8 | byte
        }
        return value
    }

    /// The bytes of a range; nil where it would not lie inside whole.
    func part(_ offset: Int, _ length: Int) -> UnsafeRawBufferPointer? {
        guard offset >= 0, length >= 0, offset <= count, length <= count - offset else { return nil }
        return UnsafeRawBufferPointer(rebasing: self[offset..<offset + length])
    }

    /// Whether these bytes lie at an offset.
    func has(_ wanted: [UInt8], at offset: Int = 0) -> Bool {
        part(offset, wanted.count)?.elementsEqual(wanted) ?? false
    }

    /// Whether this ASCII text lies at an offset.
    func has(_ wanted: StaticString, at offset: Int = 0) -> Bool {
        guard let found = part(offset, wanted.utf8CodeUnitCount) else { return false }
        return found.elementsEqual(UnsafeBufferPointer(start: wanted.utf8Start, count: wanted.utf8CodeUnitCount))
    }

    /// The first place of an ASCII text, from `start` and wholly before `end`.
    func first(_ wanted: StaticString, from start: Int = 0, before end: Int? = nil) -> Int? {
        first(
            Array(UnsafeBufferPointer(start: wanted.utf8Start, count: wanted.utf8CodeUnitCount)), from: start,
            before: end)
    }

    /// The first place of bytes, from `start` and wholly before `end`.
    func first(_ wanted: [UInt8], from start: Int = 0, before end: Int? = nil) -> Int? {
        let end = Swift.min(end ?? count, count)
        guard let base = baseAddress, let first = wanted.first, start >= 0 else { return nil }
        var offset = start
        while end - offset >= wanted.count {
            let places = end - offset - wanted.count + 1
            guard let found = memchr(base + offset, Int32(first), places) else { return nil }
            offset = UnsafeRawPointer(found) - base
            if memcmp(found, wanted, wanted.count) == 0 { return offset }
            offset += 1
        }
        return nil
    }

    /// The last place of an ASCII text.
    func last(_ wanted: StaticString) -> Int? {
        guard let base = baseAddress else { return nil }
        let first = wanted.utf8Start.pointee
        var offset = count - wanted.utf8CodeUnitCount
        while offset >= 0 {
            if self[offset] == first, memcmp(base + offset, wanted.utf8Start, wanted.utf8CodeUnitCount) == 0 {
                return offset
            }
            offset -= 1
        }
        return nil
    }

    /// Whether everything from an offset on is what copiers and mail programs pad with: white space or NUL.
    func isPadding(from offset: Int) -> Bool {
        guard offset < count else { return true }
        return self[offset...].allSatisfy { $0 == 0 || $0 == 9 || $0 == 10 || $0 == 12 || $0 == 13 || $0 == 32 }
    }
}
