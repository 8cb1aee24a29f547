// age's ASCII armor, strict: RFC 7468's "strict" form with the label AGE ENCRYPTED FILE. Lines of 64 columns, the last one
// shorter or full but never empty, padded canonical base64, LF or CRLF. White space is taken before and after, never
// within; the end of line after the end marker may be missing.

/// The text form of age files.
public enum Armor {
    private static let begin = Array("-----BEGIN AGE ENCRYPTED FILE-----".utf8)
    private static let end = Array("-----END AGE ENCRYPTED FILE-----".utf8)
    private static let maximumWhiteSpace = 1024

    /// The armored form, with LF line ends.
    public static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var out = begin
        out.append(UInt8(ascii: "\n"))
        let text = Base64.encode(bytes, padded: true)
        for start in stride(from: 0, to: text.count, by: 64) {
            out += text[start..<min(start + 64, text.count)]
            out.append(UInt8(ascii: "\n"))
        }
        return out + end + [UInt8(ascii: "\n")]
    }

    /// The bytes of an armored file; throws `.armorInvalid` for anything but the strict form.
    public static func decode(_ text: [UInt8]) throws(SealingError) -> [UInt8] {
        var lines = Lines(text)
        try lines.skipWhiteSpace()
        guard let first = lines.next(), first.elementsEqual(begin) else { throw .armorInvalid("no begin line") }
        var out: [UInt8] = []
        out.reserveCapacity(text.count / 4 * 3)
        var ended = false
        while let line = lines.next() {
            if line.elementsEqual(end) {
                try lines.requireWhiteSpace()
                return out
            }
            guard !ended else { throw .armorInvalid("a line after a short one") }
            guard !line.isEmpty, line.count <= 64, line.count.isMultiple(of: 4) else {
                throw .armorInvalid("a line that is empty, too long or no whole number of groups")
            }
            let padding = line.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
            guard let bytes = Base64.decode(line.dropLast(padding)) else { throw .armorInvalid("not canonical base64") }
            out += bytes
            ended = line.count < 64 || padding > 0
        }
        throw .armorInvalid("no end line")
    }

    private struct Lines {
        private let text: [UInt8]
        private var position = 0

        init(_ text: [UInt8]) {
            self.text = text
        }

        /// The next line without its LF or CRLF; nil at the end.
        mutating func next() -> ArraySlice<UInt8>? {
            guard position < text.count else { return nil }
            let stop = text[position...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
            var line = text[position..<stop]
            position = min(stop + 1, text.count)
            if stop < text.count, line.last == UInt8(ascii: "\r") { line = line.dropLast() }
            return line
        }

        mutating func skipWhiteSpace() throws(SealingError) {
            while position < text.count, Lines.isSpace(text[position]) { position += 1 }
            guard position <= maximumWhiteSpace else { throw .armorInvalid("too much white space before the armor") }
        }

        func requireWhiteSpace() throws(SealingError) {
            guard text[position...].allSatisfy(Lines.isSpace) else { throw .armorInvalid("bytes after the end line") }
        }

        private static func isSpace(_ byte: UInt8) -> Bool {
            byte == 0x20 || (0x09...0x0d).contains(byte)
        }
    }
}
