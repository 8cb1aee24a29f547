// Bech32 (BIP 173) without its length limit, as age uses it for recipients and identities.
enum Bech32 {
    private static let alphabet = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l".utf8)

    static func encode(_ prefix: String, _ bytes: some Sequence<UInt8>) -> String {
        let prefix = Array(prefix.utf8)
        var values = regroup(bytes, from: 8, to: 5, padding: true) ?? []
        let check = checksum(prefix, values + [0, 0, 0, 0, 0, 0]) ^ 1
        for shift in stride(from: 25, through: 0, by: -5) { values.append(UInt8(check >> UInt32(shift) & 31)) }
        return String(decoding: prefix + [UInt8(ascii: "1")] + values.map { alphabet[Int($0)] }, as: UTF8.self)
    }

    /// The bytes of a text with this prefix; nil for mixed case, another prefix, a bad character, checksum or padding.
    static func decode(_ text: String, prefix: String) -> [UInt8]? {
        var utf8 = Array(text.utf8)
        let hasUpper = utf8.contains { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
        let hasLower = utf8.contains { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
        guard !(hasUpper && hasLower) else { return nil }
        if hasUpper {
            utf8 = utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        }
        let prefix = Array(prefix.utf8)
        guard let separator = utf8.lastIndex(of: UInt8(ascii: "1")), Array(utf8[..<separator]) == prefix else {
            return nil
        }
        var values: [UInt8] = []
        for character in utf8[(separator + 1)...] {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            values.append(UInt8(value))
        }
        guard values.count >= 6, checksum(prefix, values) == 1 else { return nil }
        return regroup(values.dropLast(6), from: 5, to: 8, padding: false)
    }

    private static func checksum(_ prefix: [UInt8], _ values: [UInt8]) -> UInt32 {
        let generator: [UInt32] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3]
        var state: UInt32 = 1
        func add(_ value: UInt8) {
            let top = state >> 25
            state = (state & 0x1ff_ffff) << 5 ^ UInt32(value)
            for bit in 0..<5 where top >> UInt32(bit) & 1 == 1 { state ^= generator[bit] }
        }
        for character in prefix { add(character >> 5) }
        add(0)
        for character in prefix { add(character & 31) }
        for value in values { add(value) }
        return state
    }

    private static func regroup(_ input: some Sequence<UInt8>, from: Int, to: Int, padding: Bool) -> [UInt8]? {
        var word: UInt32 = 0
        var held = 0
        var out: [UInt8] = []
        for value in input {
            word = (word << UInt32(from) | UInt32(value)) & 0xffff
            held += from
            while held >= to {
                held -= to
                out.append(UInt8(word >> UInt32(held) & (1 << UInt32(to) - 1)))
            }
        }
        let rest = word & (1 << UInt32(held) - 1)
        if padding {
            if held > 0 { out.append(UInt8(rest << UInt32(to - held))) }
        } else if held >= from || rest != 0 {
            return nil
        }
        return out
    }
}
