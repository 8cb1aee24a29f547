import Sealing

/// The code that is said on the telephone, while the link goes another way (D-02): 17 characters of Crockford's base32, 85
/// random bits, and Crockford's check character (the number modulo 37), in groups of three. Codes whose check character
/// would be one of `*~$=U` are not made, so that every one can be said.
public struct AccessCode: Hashable, Sendable {
    /// 18 lower-case characters, the last one the check character.
    public let text: String

    private static let count = 17
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz")

    /// A new one.
    public static func random() -> AccessCode {
        while true {
            let values = Randomness.bytes(count).map { Int($0 & 31) }
            let check = remainder(values)
            if check < 32 { return AccessCode(text: String((values + [check]).map { alphabet[$0] })) }
        }
    }

    private init(text: String) { self.text = text }

    /// A code as somebody types it: in any case, with or without hyphens and spaces; nil where a character is wrong, missing or
    /// exchanged.
    public init?(typed: String) {
        let text = Crockford.typed(typed)
        let values = text.compactMap { Self.alphabet.firstIndex(of: $0) }
        guard text.count == Self.count + 1, values.count == text.count,
            Self.remainder(Array(values.dropLast())) == values.last
        else { return nil }
        self.text = text
    }

    /// In groups of three, upper case: `K7M-2QF-…`.
    public var grouped: String { Crockford.grouped(text.uppercased(), by: 3) }

    /// The number that base-32 digits say, modulo 37.
    private static func remainder(_ values: [Int]) -> Int { values.reduce(0) { ($0 * 32 + $1) % 37 } }
}
