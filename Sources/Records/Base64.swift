public import Sealing

/// Base64 of RFC 4648 section 5 (`-` and `_`), without padding.
///
/// A statement of a filing has some twenty of them, and a chronology reads hundreds of statements.
public enum Base64 {
    private static let alphabet = [UInt8]("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    /// By character; 0xff for those that are none.
    private static let values = {
        var values = [UInt8](repeating: 0xff, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    /// The text of the bytes.
    public static func encode(_ bytes: [UInt8]) -> String {
        bytes.withUnsafeBytes { encode($0) }
    }

    static func encode(_ bytes: UnsafeRawBufferPointer) -> String {
        String(unsafeUninitializedCapacity: (bytes.count * 4 + 2) / 3) { out in
            var (at, held, bits) = (0, 0, 0)
            for byte in bytes {
                held = held << 8 | Int(byte)
                bits += 8
                while bits >= 6 {
                    bits -= 6
                    out[at] = alphabet[held >> bits & 63]
                    at += 1
                }
                held &= (1 << bits) - 1
            }
            if bits > 0 {
                out[at] = alphabet[held << (6 - bits) & 63]
                at += 1
            }
            return at
        }
    }

    /// The bytes of text that `encode` would have written; nil for any other text.
    public static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count * 3 / 4)
        var (held, bits) = (0, 0)
        for character in text.utf8 {
            let value = values[Int(character)]
            guard value < 64 else { return nil }
            held = held << 6 | Int(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(held >> bits))
                held &= (1 << bits) - 1
            }
        }
        // What is left over is less than a character, and zero: else something else was encoded.
        return bits < 6 && held == 0 ? bytes : nil
    }
}

extension Digest {
    /// 43 characters of unpadded base64url.
    public var base64: String { withUnsafeBytes { Base64.encode($0) } }

    /// From 43 characters of unpadded base64url; nil for anything else.
    public init?(base64: String) {
        guard let bytes = Base64.decode(base64) else { return nil }
        self.init(bytes)
    }
}
