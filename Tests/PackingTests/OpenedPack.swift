import Packing
import Records
import Sealing

/// Checks a ZIP file that lies in memory.
func check(_ zip: [UInt8]) throws -> PackCheck {
    try PackCheck(byteCount: UInt64(zip.count)) { offset, buffer in
        zip.withUnsafeBytes {
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[Int(offset)..<Int(offset) + buffer.count]))
        }
    }
}

/// A pack taken apart, to be put together again with something else in it: as somebody would who knows how packs are made.
struct OpenedPack {
    /// By name, relative to the pack's folder.
    var files: [String: [UInt8]] = [:]
    /// Where each file's bytes begin in the archive it was read from.
    private(set) var places: [String: Int] = [:]
    static let folder = "pack-PM-7K2M9Q4C/"

    /// Follows the entries from the first on: nothing stands between them.
    init(_ zip: [UInt8]) {
        func number(_ at: Int, _ count: Int) -> Int {
            zip[at..<at + count].reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        var at = 0
        while number(at, 4) == 0x0403_4b50 {
            let start = at + 30 + number(at + 26, 2) + number(at + 28, 2)
            let name = String(decoding: zip[at + 30..<at + 30 + number(at + 26, 2)], as: UTF8.self)
            let end = start + number(at + 22, 4)
            files[String(name.dropFirst(Self.folder.count))] = Array(zip[start..<end])
            places[String(name.dropFirst(Self.folder.count))] = start
            at = end
        }
    }

    /// SHA256SUMS made anew.
    mutating func sumUp() {
        files["SHA256SUMS"] = nil
        files["SHA256SUMS"] = Sums.encoded(files.mapValues { sha256($0) })
    }

    /// The archive of these files, in a pack's own layout.
    func zip(made: Timestamp = SmallSchool.made, folder: String = Self.folder) -> [UInt8] {
        let names = files.keys.sorted()
        let layout = ZipLayout(
            names.map { name in
                let bytes = files[name] ?? []
                return ZipEntry(name: folder + name, size: UInt64(bytes.count), crc32: crc32(of: bytes))
            }, date: ZipDate(made))
        var out: [UInt8] = []
        for (place, name) in names.enumerated() { out += layout.header(at: place) + (files[name] ?? []) }
        return out + layout.directory
    }
}
