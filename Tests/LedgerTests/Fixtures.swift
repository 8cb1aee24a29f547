import Foundation
import Ledger
import Sealing
import Testing

/// The committed vectors; `fixtures/ledger/README.md` says what each is.
enum Fixtures {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../fixtures/ledger").standardizedFileURL

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appending(path: name)))
    }

    static func text(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }

    static func value(_ name: String) throws -> CanonicalValue { try CanonicalValue(parsing: bytes(name)) }

    /// The vectors that must be refused: the failure expected, and the file.
    static func refused(_ kind: String) throws -> [(fault: String, name: String, bytes: [UInt8])] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "refused/\(kind)").path)
        return try names.sorted().map { name in
            (String(name.prefix { $0 != "." }), name, try bytes("refused/\(kind)/\(name)"))
        }
    }
}

extension CanonicalValue {
    /// The member of that name; a vector without it is a failure of the test.
    func member(_ name: String) throws -> CanonicalValue { try #require(self[name]) }

    func text(_ name: String) throws -> String { try #require(self[name]?.string) }

    func number(_ name: String) throws -> UInt64 { UInt64(try #require(self[name]?.integer)) }

    func elements(_ name: String) throws -> [CanonicalValue] { try #require(self[name]?.array) }

    func hexadecimal(_ name: String) throws -> [UInt8] { try #require(bytes(hexadecimal: text(name))) }

    func digests(_ name: String) throws -> [Digest] {
        try elements(name).map { element in try #require(element.string.flatMap { Digest(hex: $0) }) }
    }
}

func bytes(hexadecimal text: String) -> [UInt8]? {
    let digits = text.compactMap(\.hexDigitValue)
    guard digits.count == text.count, digits.count.isMultiple(of: 2) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func signingKey(seed: [UInt8]) throws -> SigningKey { try SigningKey(seed: SecretBytes(copying: seed)) }

extension Digest {
    /// The same with one bit turned over.
    func flipped(bit: Int = 0) -> Digest {
        var changed = bytes
        changed[bit / 8] ^= 1 << UInt8(bit % 8)
        // 32 bytes went in, so 32 come out.
        return Digest(changed)!
    }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
