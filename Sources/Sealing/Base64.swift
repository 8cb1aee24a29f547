// Standard base64 (RFC 4648), strict: one encoding for each value, so that what was parsed encodes to the same bytes.
package enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static let values: [UInt8] = {
        var table = [UInt8](repeating: 0xff, count: 256)
        for (value, character) in alphabet.enumerated() { table[Int(character)] = UInt8(value) }
        return table
    }()

    package static func encode(_ bytes: some Collection<UInt8>, padded: Bool = false) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count + 2) / 3 * 4)
        var word: UInt32 = 0
        var held = 0
        alphabet.withUnsafeBufferPointer { alphabet in
            for byte in bytes {
                word = word << 8 | UInt32(byte)
                held += 1
                if held == 3 {
                    out.append(alphabet[Int(word >> 18 & 63)])
                    out.append(alphabet[Int(word >> 12 & 63)])
                    out.append(alphabet[Int(word >> 6 & 63)])
                    out.append(alphabet[Int(word & 63)])
                    word = 0
                    held = 0
                }
            }
            if held == 1 {
                out.append(alphabet[Int(word >> 2 & 63)])
                out.append(alphabet[Int(word << 4 & 63)])
            } else if held == 2 {
                out.append(alphabet[Int(word >> 10 & 63)])
                out.append(alphabet[Int(word >> 4 & 63)])
                out.append(alphabet[Int(word << 2 & 63)])
            }
        }
        if padded && held > 0 {
            for _ in held..<3 { out.append(UInt8(ascii: "=")) }
        }
        return out
    }

    /// Nil unless the text is the one unpadded encoding of some bytes.
    static func decode(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        let rest = text.count % 4
        guard rest != 1 else { return nil }
        let whole = text.count / 4
        let count = whole * 3 + (rest == 0 ? 0 : rest - 1)
        var valid = true
        let out = [UInt8](unsafeUninitializedCapacity: count) { out, used in
            used = count
            values.withUnsafeBufferPointer { values in
                var bad: UInt8 = 0
                for group in 0..<whole {
                    let a = values[Int(text[group * 4])]
                    let b = values[Int(text[group * 4 + 1])]
                    let c = values[Int(text[group * 4 + 2])]
                    let d = values[Int(text[group * 4 + 3])]
                    bad |= a | b | c | d
                    out[group * 3] = a << 2 | b >> 4
                    out[group * 3 + 1] = b << 4 | c >> 2
                    out[group * 3 + 2] = c << 6 | d
                }
                if rest >= 2 {
                    let a = values[Int(text[whole * 4])]
                    let b = values[Int(text[whole * 4 + 1])]
                    bad |= a | b
                    out[whole * 3] = a << 2 | b >> 4
                    if rest == 2 {
                        if b & 15 != 0 { bad = 0xff }
                    } else {
                        let c = values[Int(text[whole * 4 + 2])]
                        bad |= c
                        out[whole * 3 + 1] = b << 4 | c >> 2
                        if c & 3 != 0 { bad = 0xff }
                    }
                }
                // Every value is below 64, and a character outside the alphabet gives 255.
                valid = bad < 64
            }
        }
        return valid ? out : nil
    }

    package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        Array(text).withUnsafeBufferPointer { decode($0) }
    }
}
