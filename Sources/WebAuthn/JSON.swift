// JSON (RFC 8259), strictly: UTF-8 throughout, no key twice in an object, no lone surrogates, nested up to 16 deep.
// Texts are kept as UTF-8 bytes, for String compares by canonical equivalence, and a challenge or an origin is equal
// only byte for byte.
enum JSON: Sendable {
    case object([[UInt8]: JSON])
    case array([JSON])
    case text([UInt8])
    /// A number; nothing here needs its value.
    case number
    case bool(Bool)
    case null

    struct Malformed: Error {}

    static func decode(_ bytes: ArraySlice<UInt8>) throws(Malformed) -> JSON {
        guard String(validating: bytes, as: UTF8.self) != nil else { throw Malformed() }
        var reader = JSONReader(rest: bytes)
        let value = try reader.value(depth: 0)
        reader.skipBlanks()
        guard reader.rest.isEmpty else { throw Malformed() }
        return value
    }

    /// An object's member; nil also where this is no object.
    subscript(name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members[Array(name.utf8)]
    }

    var isObject: Bool { if case .object = self { true } else { false } }
    var textValue: [UInt8]? { if case .text(let value) = self { value } else { nil } }
    var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }

    /// The bytes that a text holds as base64url.
    var base64URLValue: [UInt8]? { textValue.flatMap(Base64URL.decode) }

    /// A text in quotation marks, fit for a page's script element too.
    static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\":
                out += "\\"
                out.unicodeScalars.append(scalar)
            case "\0"..<" ", "<", ">", "&", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

private struct JSONReader {
    private static let maximumDepth = 16

    var rest: ArraySlice<UInt8>

    mutating func skipBlanks() {
        rest = rest.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
    }

    mutating func value(depth: Int) throws(JSON.Malformed) -> JSON {
        guard depth <= Self.maximumDepth else { throw JSON.Malformed() }
        skipBlanks()
        switch rest.first {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .text(try text())
        case UInt8(ascii: "t"):
            try expect("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try expect("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try expect("null")
            return .null
        default:
            try number()
            return .number
        }
    }

    private mutating func object(depth: Int) throws(JSON.Malformed) -> [[UInt8]: JSON] {
        try expect("{")
        var members: [[UInt8]: JSON] = [:]
        skipBlanks()
        if accept("}") { return members }
        repeat {
            skipBlanks()
            let name = try text()
            skipBlanks()
            try expect(":")
            guard members.updateValue(try value(depth: depth + 1), forKey: name) == nil else { throw JSON.Malformed() }
            skipBlanks()
        } while accept(",")
        try expect("}")
        return members
    }

    private mutating func array(depth: Int) throws(JSON.Malformed) -> [JSON] {
        try expect("[")
        var items: [JSON] = []
        skipBlanks()
        if accept("]") { return items }
        repeat {
            items.append(try value(depth: depth + 1))
            skipBlanks()
        } while accept(",")
        try expect("]")
        return items
    }

    private mutating func text() throws(JSON.Malformed) -> [UInt8] {
        try expect("\"")
        var out: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return out
            case UInt8(ascii: "\\"): out += Array(String(Character(try escaped())).utf8)
            case 0..<0x20: throw JSON.Malformed()
            default: out.append(byte)
            }
        }
        throw JSON.Malformed()
    }

    private mutating func escaped() throws(JSON.Malformed) -> Unicode.Scalar {
        switch rest.popFirst() {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            var code = try unit()
            if (0xD800..<0xDC00).contains(code) {
                try expect("\\u")
                let low = try unit()
                guard (0xDC00..<0xE000).contains(low) else { throw JSON.Malformed() }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw JSON.Malformed() }
            return scalar
        default: throw JSON.Malformed()
        }
    }

    /// The four digits of a `\u` escape.
    private mutating func unit() throws(JSON.Malformed) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = rest.popFirst().flatMap({ Character(Unicode.Scalar($0)).hexDigitValue }) else {
                throw JSON.Malformed()
            }
            code = code << 4 | UInt32(digit)
        }
        return code
    }

    private mutating func number() throws(JSON.Malformed) {
        _ = accept("-")
        if !accept("0") { try digits() }
        if accept(".") { try digits() }
        if accept("e") || accept("E") {
            if !accept("+") { _ = accept("-") }
            try digits()
        }
    }

    private mutating func digits() throws(JSON.Malformed) {
        let before = rest.count
        rest = rest.drop { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard rest.count < before else { throw JSON.Malformed() }
    }

    private mutating func accept(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }

    private mutating func expect(_ word: StaticString) throws(JSON.Malformed) {
        let bytes = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard rest.starts(with: bytes) else { throw JSON.Malformed() }
        rest = rest.dropFirst(bytes.count)
    }
}
