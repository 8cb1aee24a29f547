package import Records

// The one form of ZIP that a pack has (PKWARE's APPNOTE 6.3): stored files, sorted by name, nothing between them, sizes and
// CRC-32 before the bytes, no comment, no extra field but ZIP64 where a number needs it. So the names, sizes, sums and the
// date alone decide every byte that is not a file's own; who reads such an archive makes the layout again and compares.

/// A file in the archive.
package struct ZipEntry: Hashable, Sendable {
    /// Its path: printable ASCII.
    package let name: String
    package let size: UInt64
    package let crc32: UInt32

    package init(name: String, size: UInt64, crc32: UInt32) {
        self.name = name
        self.size = size
        self.crc32 = crc32
    }
}

/// Where everything lies in an archive, and the bytes between the files.
package struct ZipLayout: Sendable {
    /// Sorted by name.
    package let entries: [ZipEntry]
    /// Where each entry's header begins.
    package let offsets: [UInt64]
    /// Where the central directory begins.
    package let directoryOffset: UInt64
    /// The central directory and the records that end the archive.
    package let directory: [UInt8]
    private let date: ZipDate

    /// - Parameter entries: sorted by name; their sizes together far below 2^64.
    package init(_ entries: [ZipEntry], date: ZipDate) {
        self.entries = entries
        self.date = date
        var offsets: [UInt64] = []
        var directory = LittleEndian()
        var at: UInt64 = 0
        for entry in entries {
            offsets.append(at)
            directory.appendRecord(of: entry, at: at, date: date)
            at += UInt64(Self.header(of: entry, date: date).count) + entry.size
        }
        directory.appendEnd(count: UInt64(entries.count), offset: at)
        self.offsets = offsets
        directoryOffset = at
        self.directory = directory.bytes
    }

    /// The size of the whole archive.
    package var byteCount: UInt64 { directoryOffset + UInt64(directory.count) }

    /// The bytes before the entry's own.
    package func header(at place: Int) -> [UInt8] { Self.header(of: entries[place], date: date) }

    private static func header(of entry: ZipEntry, date: ZipDate) -> [UInt8] {
        var header = LittleEndian()
        header.append(ZipSignature.entry)
        header.append(UInt16(entry.size >= .zip64 ? 45 : 10))
        header.appendFacts(of: entry, date: date)
        header.append(UInt16(entry.name.utf8.count))
        header.append(UInt16(entry.size >= .zip64 ? 20 : 0))
        header.bytes += entry.name.utf8
        if entry.size >= .zip64 { header.appendExtra([entry.size, entry.size]) }
        return header.bytes
    }
}

enum ZipSignature {
    static let entry: UInt32 = 0x0403_4b50
    static let record: UInt32 = 0x0201_4b50
    static let end: UInt32 = 0x0605_4b50
    static let end64: UInt32 = 0x0606_4b50
    static let locator64: UInt32 = 0x0706_4b50
}

extension UInt64 {
    /// The first number that stands in a ZIP64 field: 32 bits would not hold it, or it is the mark that sends there.
    static let zip64: UInt64 = 0xffff_ffff
}

/// A time as ZIP writes it: two seconds fine, from 1980 to 2107, here in UTC.
package struct ZipDate: Hashable, Sendable {
    package let time: UInt16
    package let date: UInt16

    init(time: UInt16, date: UInt16) {
        self.time = time
        self.date = date
    }

    /// The time, rounded down; the first or last that can be written where it is outside.
    package init(_ instant: Timestamp) {
        // 1980-01-01 and 2108-01-01.
        let seconds = min(max(instant.milliseconds / 1000, 315_532_800), 4_354_819_200 - 2)
        let second = seconds % 86_400
        // Days to a date of the Gregorian calendar, in years that begin with March: a leap day is their last.
        let days = seconds / 86_400 + 719_468
        let day = days % 146_097
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365
        let dayOfYear = day - (365 * year + year / 4 - year / 100)
        let month = (5 * dayOfYear + 2) / 153
        let calendarMonth = month < 10 ? month + 3 : month - 9
        let calendarYear = year + days / 146_097 * 400 + (calendarMonth <= 2 ? 1 : 0)
        date = UInt16((calendarYear - 1980) << 9 | calendarMonth << 5 | (dayOfYear - (153 * month + 2) / 5 + 1))
        time = UInt16((second / 3600) << 11 | (second / 60 % 60) << 5 | second % 60 / 2)
    }
}

/// Bytes that are put together, numbers with the low byte first.
private struct LittleEndian {
    var bytes: [UInt8] = []

    mutating func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
    }

    /// What header and record of an entry have in common: flags, method, date, sum and sizes.
    mutating func appendFacts(of entry: ZipEntry, date: ZipDate) {
        append(UInt16(0))
        append(UInt16(0))
        append(date.time)
        append(date.date)
        append(entry.crc32)
        append(UInt32(min(entry.size, .zip64)))
        append(UInt32(min(entry.size, .zip64)))
    }

    /// A ZIP64 field.
    mutating func appendExtra(_ numbers: [UInt64]) {
        append(UInt16(1))
        append(UInt16(8 * numbers.count))
        for number in numbers { append(number) }
    }

    /// An entry's record in the central directory.
    mutating func appendRecord(of entry: ZipEntry, at offset: UInt64, date: ZipDate) {
        let large = (entry.size >= .zip64 ? [entry.size, entry.size] : []) + (offset >= .zip64 ? [offset] : [])
        let version: UInt16 = large.isEmpty ? 20 : 45
        append(ZipSignature.record)
        // Made by Unix, so that the permissions below count.
        append(UInt16(3 << 8) | version)
        append(UInt16(large.isEmpty ? 10 : 45))
        appendFacts(of: entry, date: date)
        append(UInt16(entry.name.utf8.count))
        append(UInt16(large.isEmpty ? 0 : 4 + 8 * large.count))
        // Comment, disk, internal attributes.
        for _ in 0..<3 { append(UInt16(0)) }
        // A file that its owner may write and all may read.
        append(UInt32(0o100644) << 16)
        append(UInt32(min(offset, .zip64)))
        bytes += entry.name.utf8
        if !large.isEmpty { appendExtra(large) }
    }

    /// What ends the archive, after the records.
    mutating func appendEnd(count: UInt64, offset: UInt64) {
        let size = UInt64(bytes.count)
        if count >= 0xffff || size >= .zip64 || offset >= .zip64 {
            append(ZipSignature.end64)
            append(UInt64(44))
            append(UInt16(3 << 8 | 45))
            append(UInt16(45))
            append(UInt32(0))
            append(UInt32(0))
            for number in [count, count, size, offset] { append(number) }
            append(ZipSignature.locator64)
            append(UInt32(0))
            append(offset + size)
            append(UInt32(1))
        }
        append(ZipSignature.end)
        append(UInt16(0))
        append(UInt16(0))
        append(UInt16(min(count, 0xffff)))
        append(UInt16(min(count, 0xffff)))
        append(UInt32(min(size, .zip64)))
        append(UInt32(min(offset, .zip64)))
        append(UInt16(0))
    }
}
