import Crypto

/// A SHA-256 value. Ordered as its bytes are.
public struct Digest: Hashable, Sendable, Comparable {
    // Four big-endian words: compared and hashed without touching the heap.
    private let a: UInt64
    private let b: UInt64
    private let c: UInt64
    private let d: UInt64

    /// The length of a digest.
    public static let byteCount = 32

    /// Takes exactly 32 bytes; nil for any other number.
    public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Digest.byteCount else { return nil }
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes) }
        self.init(storedWords: words)
    }

    init(storedWords words: (UInt64, UInt64, UInt64, UInt64)) {
        a = UInt64(bigEndian: words.0)
        b = UInt64(bigEndian: words.1)
        c = UInt64(bigEndian: words.2)
        d = UInt64(bigEndian: words.3)
    }

    /// Takes 64 hexadecimal digits in lower case; nil for anything else.
    public init?(hex: String) {
        guard let bytes = Hex.decode(hex) else { return nil }
        self.init(bytes)
    }

    /// The 32 bytes.
    public var bytes: [UInt8] {
        withUnsafeBytes { Array($0) }
    }

    /// Lends the 32 bytes without an array.
    public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        let words = (a.bigEndian, b.bigEndian, c.bigEndian, d.bigEndian)
        return try Swift.withUnsafeBytes(of: words) { raw throws(E) -> R in try body(raw) }
    }

    /// The 64 hexadecimal digits, in lower case.
    public var hex: String { Hex.encode(bytes) }

    /// Byte order.
    public static func < (lhs: Digest, rhs: Digest) -> Bool {
        (lhs.a, lhs.b, lhs.c, lhs.d) < (rhs.a, rhs.b, rhs.c, rhs.d)
    }
}

extension Digest: CustomStringConvertible {
    /// The hexadecimal digits.
    public var description: String { hex }
}

/// SHA-256 in pieces.
public struct SHA256Hasher: ~Copyable, Sendable {
    private var state = SHA256()

    /// Starts with nothing hashed.
    public init() {}

    /// Adds bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        state.update(bufferPointer: bytes)
    }

    /// Adds bytes.
    public mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { state.update(bufferPointer: $0) }
    }

    /// Ends, and gives the digest of all that was added.
    public consuming func finish() -> Digest {
        Digest(state.finalize())
    }

    /// The digest of all that was added so far; more can follow.
    public func digestSoFar() -> Digest {
        let copy = state
        return Digest(copy.finalize())
    }
}

extension Digest {
    fileprivate init(_ value: SHA256.Digest) {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        value.withUnsafeBytes { source in
            withUnsafeMutableBytes(of: &words) { $0.copyMemory(from: source) }
        }
        self.init(storedWords: words)
    }
}

/// The SHA-256 of the bytes.
public func sha256(_ bytes: UnsafeRawBufferPointer) -> Digest {
    var hasher = SHA256Hasher()
    hasher.update(bytes)
    return hasher.finish()
}

/// The SHA-256 of the bytes.
public func sha256(_ bytes: [UInt8]) -> Digest {
    bytes.withUnsafeBytes { sha256($0) }
}

/// The SHA-256 of the bytes.
public func sha256(_ bytes: ArraySlice<UInt8>) -> Digest {
    bytes.withUnsafeBytes { sha256($0) }
}

package enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    package static func encode(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: bytes.count * 2) { out in
            for (index, byte) in bytes.enumerated() {
                out[index * 2] = digits[Int(byte >> 4)]
                out[index * 2 + 1] = digits[Int(byte & 15)]
            }
            return bytes.count * 2
        }
    }

    package static func decode(_ text: String) -> [UInt8]? {
        func value(_ digit: UInt8) -> UInt8? {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
            default: nil
            }
        }
        let utf8 = Array(text.utf8)
        guard utf8.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(utf8.count / 2)
        for index in stride(from: 0, to: utf8.count, by: 2) {
            guard let high = value(utf8[index]), let low = value(utf8[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }
}
