/// Crockford's base32, most significant bit first: 16 bytes are 26 characters, the last holding 3 bits.
public enum Crockford {
    private static let alphabet = [UInt8]("0123456789abcdefghjkmnpqrstvwxyz".utf8)
    /// By character; 0xff for those that are none.
    private static let values = {
        var values = [UInt8](repeating: 0xff, count: 256)
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()

    /// Lower-case text of the bytes.
    public static func encode(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count * 8 + 4) / 5)
        var held = 0
        var bits = 0
        for byte in bytes {
            held = held << 8 | Int(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                out.append(alphabet[held >> bits & 31])
            }
            held &= (1 << bits) - 1
        }
        if bits > 0 { out.append(alphabet[held << (5 - bits) & 31]) }
        return String(decoding: out, as: UTF8.self)
    }

    /// The bytes of lower-case text; nil where a character is foreign or the left-over bits are not zero.
    public static func decode(_ text: String) -> [UInt8]? {
        var out: [UInt8] = []
        out.reserveCapacity(text.utf8.count * 5 / 8)
        var held = 0
        var bits = 0
        for character in text.utf8 {
            let value = values[Int(character)]
            guard value < 32 else { return nil }
            held = held << 5 | Int(value)
            bits += 5
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(held >> bits & 255))
                held &= (1 << bits) - 1
            }
        }
        return bits < 5 && held == 0 ? out : nil
    }

    /// Text as a person types it from paper, as it is decoded: lower case, without spaces and hyphens, O as 0, I and L as 1.
    public static func typed(_ text: String) -> String {
        String(
            text.lowercased().compactMap { character -> Character? in
                switch character {
                case "-", " ", "\t", "\n", "\r": nil
                case "o": "0"
                case "i", "l": "1"
                default: character
                }
            })
    }

    /// Text in groups with hyphens between, for a person to copy.
    public static func grouped(_ text: String, by size: Int = 4) -> String {
        var out = ""
        for (offset, character) in text.enumerated() {
            if offset > 0 && offset % size == 0 { out += "-" }
            out.append(character)
        }
        return out
    }
}
