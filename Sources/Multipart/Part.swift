/// What a part says of itself. All of it is the sender's word: data, never a path and never markup.
public struct Part: Hashable, Sendable {
    /// The form field's name; not empty.
    public let name: String
    /// The file's name as sent: it may hold path separators, control characters or NUL, and is empty where a form's
    /// file field was left blank. Nil for a field that is not a file.
    public let filename: String?
    /// The media type as sent, with its parameters; nil if none was.
    public let contentType: String?

    /// A part.
    public init(name: String, filename: String? = nil, contentType: String? = nil) {
        self.name = name
        self.filename = filename
        self.contentType = contentType
    }
}

extension Part {
    /// Reads a header block: lines that each end in CR LF, the empty last line left out.
    init(header: [UInt8]) throws(MultipartError) {
        guard String(validating: header, as: UTF8.self) != nil else { throw .headerNotUTF8 }
        var disposition: ArraySlice<UInt8>?
        var contentType: ArraySlice<UInt8>?
        var transferEncoding: ArraySlice<UInt8>?
        var rest = header[...]
        while let end = rest.firstIndex(of: Mark.lineFeed) {
            let line = rest[..<(end - 1)]
            rest = rest[(end + 1)...]
            // A name of token characters rules out folded lines too, which begin with white space.
            guard let colon = line.firstIndex(of: Mark.colon), colon > line.startIndex,
                line[..<colon].allSatisfy(Mark.isToken)
            else { throw .headerMalformed }
            let value = trimmed(line[(colon + 1)...])
            switch lowercased(line[..<colon]) {
            case "content-disposition":
                guard disposition == nil else { throw .duplicated }
                disposition = value
            case "content-type":
                guard contentType == nil else { throw .duplicated }
                contentType = value
            case "content-transfer-encoding":
                guard transferEncoding == nil else { throw .duplicated }
                transferEncoding = value
            default:
                break
            }
        }
        if let transferEncoding, !["7bit", "8bit", "binary"].contains(lowercased(transferEncoding)) {
            throw .transferEncoded
        }
        guard let disposition else { throw .nameless }
        let fields = try HeaderFields(parsing: disposition)
        guard fields.value == "form-data" else { throw .headerMalformed }
        guard let name = fields.parameters["name"], !name.isEmpty else { throw .nameless }
        self.name = name
        filename = fields.parameters["filename"]
        self.contentType = contentType.map { String(decoding: $0, as: UTF8.self) }
    }
}

/// A header's value and parameters: `form-data; name="field"; filename="scan.pdf"`.
struct HeaderFields {
    /// In lower case.
    let value: String
    /// By name in lower case.
    let parameters: [String: String]

    init(parsing text: ArraySlice<UInt8>) throws(MultipartError) {
        let valueEnd = text.firstIndex(of: Mark.semicolon) ?? text.endIndex
        value = lowercased(trimmed(text[..<valueEnd]))
        var parameters: [String: String] = [:]
        var rest = text[valueEnd...]
        while !rest.isEmpty {
            guard rest.first == Mark.semicolon else { throw .headerMalformed }
            rest = trimmed(rest.dropFirst())
            guard let equals = rest.firstIndex(of: Mark.equals), equals > rest.startIndex,
                rest[..<equals].allSatisfy(Mark.isToken)
            else { throw .headerMalformed }
            let name = lowercased(rest[..<equals])
            rest = rest[(equals + 1)...]
            let value: String
            if rest.first == Mark.quotationMark {
                rest = rest.dropFirst()
                value = try Self.quoted(&rest)
            } else {
                let end = rest.firstIndex { Mark.semicolon == $0 || Mark.isBlank($0) } ?? rest.endIndex
                guard end > rest.startIndex, !rest[..<end].contains(Mark.quotationMark) else {
                    throw .headerMalformed
                }
                value = String(decoding: rest[..<end], as: UTF8.self)
                rest = rest[end...]
            }
            rest = trimmed(rest)
            guard parameters.updateValue(value, forKey: name) == nil else { throw .duplicated }
        }
        self.parameters = parameters
    }

    /// Reads up to the closing quotation mark, as browsers write and not as RFC 2045 does.
    ///
    /// Browsers write `"`, CR and LF as `%22`, `%0D` and `%0A` and leave everything else alone, `%` and `\` too. Older
    /// programs write `\"`: so a backslash before a quotation mark stands for that mark, unless it is the last mark
    /// of the header, which closes. Every other backslash is itself.
    private static func quoted(_ rest: inout ArraySlice<UInt8>) throws(MultipartError) -> String {
        guard let last = rest.lastIndex(of: Mark.quotationMark) else { throw .headerMalformed }
        var bytes: [UInt8] = []
        var index = rest.startIndex
        while index < last, rest[index] != Mark.quotationMark {
            if rest[index] == Mark.backslash, rest[index + 1] == Mark.quotationMark, index + 1 < last {
                bytes.append(Mark.quotationMark)
                index += 2
            } else if rest[index] == Mark.percent,
                let character = browserEscapes.first(where: { rest[(index + 1)...].starts(with: $0.digits) })
            {
                bytes.append(character.byte)
                index += 3
            } else {
                bytes.append(rest[index])
                index += 1
            }
        }
        rest = rest[(index + 1)...]
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let browserEscapes: [(digits: [UInt8], byte: UInt8)] = [
        (Array("22".utf8), Mark.quotationMark), (Array("0D".utf8), Mark.carriageReturn),
        (Array("0A".utf8), Mark.lineFeed),
    ]
}

/// The bytes that mean something in the frame.
enum Mark {
    static let carriageReturn: UInt8 = 0x0D
    static let lineFeed: UInt8 = 0x0A
    static let tab: UInt8 = 0x09
    static let space: UInt8 = 0x20
    static let dash = UInt8(ascii: "-")
    static let colon = UInt8(ascii: ":")
    static let semicolon = UInt8(ascii: ";")
    static let equals = UInt8(ascii: "=")
    static let quotationMark = UInt8(ascii: "\"")
    static let backslash = UInt8(ascii: "\\")
    static let percent = UInt8(ascii: "%")

    static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }

    /// A token character of RFC 9110, section 5.6.2.
    static func isToken(_ byte: UInt8) -> Bool { isLetterOrDigit(byte) || tokenMarks.contains(byte) }
    private static let tokenMarks = Array("!#$%&'*+-.^_`|~".utf8)

    /// A boundary character of RFC 2046, section 5.1.1, the space left out.
    static func isBoundary(_ byte: UInt8) -> Bool { isLetterOrDigit(byte) || boundaryMarks.contains(byte) }
    private static let boundaryMarks = Array("'()+_,-./:=?".utf8)
}

/// Without blanks at either end.
func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var text = text.drop(while: Mark.isBlank)
    while let last = text.last, Mark.isBlank(last) { text = text.dropLast() }
    return text
}

/// ASCII letters in lower case; other bytes as they are.
func lowercased(_ text: ArraySlice<UInt8>) -> String {
    String(
        decoding: text.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
}
