// The age header grammar, exact: what parses is the one encoding of what was parsed.
//   age-encryption.org/v1 LF
//   *( "->" 1*( SP 1*VCHAR ) LF  *( 64base64 LF ) *63base64 LF )
//   "---" SP 43base64 LF
// Limits: 64 KiB of header, 20 stanzas, checked before anything is kept.
struct HeaderParser {
    static let maximumBytes = 65536
    static let maximumStanzas = 20
    static let intro = Array("age-encryption.org/v1\n".utf8)

    private let input: UnsafeBufferPointer<UInt8>
    private var position = 0

    init(_ input: UnsafeBufferPointer<UInt8>) {
        self.input = input
    }

    struct Result {
        var stanzas: [Stanza]
        /// How many bytes the MAC is over: all up to and with `---`.
        var authenticated: Int
        var mac: [UInt8]
        var count: Int
    }

    mutating func parse() throws(SealingError) -> Result {
        guard input.count >= Self.intro.count, input.prefix(Self.intro.count).elementsEqual(Self.intro) else {
            throw .headerInvalid("no age v1 version line")
        }
        position = Self.intro.count
        var stanzas: [Stanza] = []
        while true {
            let start = position
            let line = try nextLine()
            if starts(line, with: "->") {
                guard stanzas.count < Self.maximumStanzas else { throw .headerInvalid("more than 20 stanzas") }
                stanzas.append(try stanza(line))
            } else if starts(line, with: "---") {
                guard line.count == 47, line[line.startIndex + 3] == UInt8(ascii: " "),
                    let mac = Base64.decode(UnsafeBufferPointer(rebasing: line.dropFirst(4)))
                else { throw .headerInvalid("the MAC line is malformed") }
                guard !stanzas.isEmpty else { throw .headerInvalid("no stanza") }
                if stanzas.count > 1 && stanzas.contains(where: { $0.type == "scrypt" }) {
                    throw .headerInvalid("a scrypt stanza is not alone")
                }
                return Result(stanzas: stanzas, authenticated: start + 3, mac: mac, count: position)
            } else {
                throw .headerInvalid("a line that begins neither a stanza nor the MAC")
            }
        }
    }

    private mutating func stanza(_ line: Slice<UnsafeBufferPointer<UInt8>>) throws(SealingError) -> Stanza {
        var words: [String] = []
        var index = line.startIndex + 2
        while index < line.endIndex {
            guard line[index] == UInt8(ascii: " ") else { throw .headerInvalid("a stanza line is malformed") }
            let start = index + 1
            index = start
            while index < line.endIndex, line[index] != UInt8(ascii: " ") {
                guard (0x21...0x7e).contains(line[index]) else {
                    throw .headerInvalid("a stanza argument holds a character that is not visible ASCII")
                }
                index += 1
            }
            guard index > start else { throw .headerInvalid("a stanza argument is empty") }
            words.append(String(decoding: line[start..<index], as: UTF8.self))
        }
        guard let type = words.first else { throw .headerInvalid("a stanza without a type") }
        var body: [UInt8] = []
        while true {
            let line = try nextLine()
            guard line.count <= 64, let bytes = Base64.decode(UnsafeBufferPointer(rebasing: line)) else {
                throw .headerInvalid("a stanza body is not canonical base64 in lines of 64")
            }
            body += bytes
            if line.count < 64 { break }
        }
        return Stanza(type: type, arguments: Array(words.dropFirst()), body: body)
    }

    private mutating func nextLine() throws(SealingError) -> Slice<UnsafeBufferPointer<UInt8>> {
        let end = min(input.count, Self.maximumBytes)
        var index = position
        while index < end, input[index] != UInt8(ascii: "\n") { index += 1 }
        guard index < end else {
            throw .headerInvalid(end < input.count ? "longer than 64 KiB" : "the header ends early")
        }
        defer { position = index + 1 }
        return input[position..<index]
    }

    private func starts(_ line: Slice<UnsafeBufferPointer<UInt8>>, with text: StaticString) -> Bool {
        line.count >= text.utf8CodeUnitCount
            && line.prefix(text.utf8CodeUnitCount).elementsEqual(
                UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
