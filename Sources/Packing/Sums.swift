package import Sealing

/// `SHA256SUMS` as GNU coreutils writes it: a line `digest␠␠name` for each file, here in order of their names.
package struct Sums: Sendable {
    /// By name, relative to the pack's folder.
    let digests: [String: Digest]
    /// Whether the bytes read are what writing these digests gives.
    let isWellFormed: Bool

    /// The bytes for these digests.
    package static func encoded(_ digests: [String: Digest]) -> [UInt8] {
        Array(
            digests.sorted { $0.key < $1.key }.map { "\($0.value.hex)  \($0.key)\n" }.joined().utf8)
    }

    /// Reads what can be read.
    init(parsing bytes: [UInt8]) {
        var digests: [String: Digest] = [:]
        for line in bytes.split(separator: UInt8(ascii: "\n")) where line.count > 66 {
            let name = line.dropFirst(66)
            guard line.allSatisfy({ (0x20...0x7e).contains($0) }), line.prefix(66).suffix(2).elementsEqual("  ".utf8),
                let digest = Digest(hex: String(decoding: line.prefix(64), as: UTF8.self))
            else { continue }
            digests[String(decoding: name, as: UTF8.self)] = digest
        }
        self.digests = digests
        isWellFormed = Self.encoded(digests) == bytes
    }
}
