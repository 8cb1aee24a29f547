// The canonical form: RFC 8785 (JSON Canonicalization Scheme), narrowed so that there is nothing to argue about.
//
// - Characters are printable ASCII, 0x20 to 0x7E. Inside strings only `"` and `\` are escaped, as `\"` and `\\`.
// - Numbers are integers of magnitude below 2^53, in plain decimal: no sign but `-`, no `-0`, no fraction or exponent.
// - No null, no white space outside strings. Keys rise strictly in byte order, so none comes twice.
//
// Each value then has one spelling and the parser accepts exactly those spellings: whatever it takes, encoding gives
// back byte for byte. The parser makes one pass, and bounds size and depth before it allocates.

/// A value of the restricted canonical JSON that statements are written in.
public enum CanonicalValue: Equatable, Sendable {
    /// Printable ASCII text.
    case string(String)
    /// A whole number of magnitude below 2^53.
    case integer(Int64)
    /// True or false.
    case boolean(Bool)
    /// Values in order.
    case array([CanonicalValue])
    /// Values by key; encoded in byte order of the keys.
    case object([String: CanonicalValue])

    /// The most bytes a canonical value may have: 1 MiB.
    public static let maximumByteCount = 1 << 20
    /// How deep arrays and objects may nest.
    public static let maximumDepth = 16
    /// The largest magnitude of an integer, 2^53 − 1.
    public static let maximumInteger: Int64 = 9_007_199_254_740_991

    /// The text, if this is a string.
    public var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The number, if this is an integer.
    public var integer: Int64? {
        if case .integer(let value) = self { value } else { nil }
    }

    /// The truth value, if this is a boolean.
    public var boolean: Bool? {
        if case .boolean(let value) = self { value } else { nil }
    }

    /// The elements, if this is an array.
    public var array: [CanonicalValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    /// The members, if this is an object.
    public var object: [String: CanonicalValue]? {
        if case .object(let value) = self { value } else { nil }
    }

    /// The member of that key, if this is an object that has it.
    public subscript(key: String) -> CanonicalValue? {
        if case .object(let members) = self { members[key] } else { nil }
    }
}

extension CanonicalValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// An integer.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// A boolean.
    public init(booleanLiteral value: Bool) { self = .boolean(value) }
    /// An array.
    public init(arrayLiteral elements: CanonicalValue...) { self = .array(elements) }
    /// An object; of a key given twice the last value stays.
    public init(dictionaryLiteral elements: (String, CanonicalValue)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
    }
}

extension CanonicalValue {
    /// The one canonical spelling.
    ///
    /// Throws ``LedgerError/notRepresentable(_:)`` for characters outside printable ASCII, integers of magnitude 2^53
    /// or more, nesting deeper than ``maximumDepth``, and more than ``maximumByteCount`` bytes.
    public func encoded() throws(LedgerError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(1024)
        try append(to: &bytes, depth: 0)
        return bytes
    }

    private func append(to bytes: inout [UInt8], depth: Int) throws(LedgerError) {
        switch self {
        case .string(let value):
            try Self.append(value, to: &bytes)
        case .integer(let value):
            // Not `abs`: it traps on the least Int64.
            guard (-Self.maximumInteger...Self.maximumInteger).contains(value) else {
                throw .notRepresentable(.numberOutOfRange)
            }
            bytes.append(contentsOf: String(value).utf8)
        case .boolean(let value):
            bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .array(let elements):
            guard depth < Self.maximumDepth else { throw .notRepresentable(.tooDeep) }
            bytes.append(UInt8(ascii: "["))
            var first = true
            for element in elements {
                if !first { bytes.append(UInt8(ascii: ",")) }
                first = false
                try element.append(to: &bytes, depth: depth + 1)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            guard depth < Self.maximumDepth else { throw .notRepresentable(.tooDeep) }
            bytes.append(UInt8(ascii: "{"))
            var first = true
            // Keys are ASCII or refused below, and for ASCII Swift's order of strings is byte order.
            for (key, value) in members.sorted(by: { $0.key < $1.key }) {
                if !first { bytes.append(UInt8(ascii: ",")) }
                first = false
                try Self.append(key, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                try value.append(to: &bytes, depth: depth + 1)
            }
            bytes.append(UInt8(ascii: "}"))
        }
        guard bytes.count <= Self.maximumByteCount else { throw .notRepresentable(.tooLarge) }
    }

    private static func append(_ text: String, to bytes: inout [UInt8]) throws(LedgerError) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            guard byte >= 0x20, byte <= 0x7E else { throw .notRepresentable(.characterNotPrintableASCII) }
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
            bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

extension CanonicalValue {
    /// Reads canonical bytes.
    ///
    /// Takes them only if ``encoded()`` of the result gives the same bytes; otherwise throws
    /// ``LedgerError/notCanonical(_:offset:)``. Bounded by ``maximumByteCount`` and ``maximumDepth``.
    public init(parsing bytes: [UInt8]) throws(LedgerError) {
        // The closure cannot carry a typed error through `withUnsafeBytes` of every library version: hand out a result.
        let result: Result<CanonicalValue, LedgerError> = bytes.withUnsafeBytes { buffer in
            do throws(LedgerError) { return .success(try CanonicalValue(parsing: buffer)) } catch {
                return .failure(error)
            }
        }
        self = try result.get()
    }

    /// Reads canonical bytes in place; as ``init(parsing:)-([UInt8])``.
    public init(parsing bytes: UnsafeRawBufferPointer) throws(LedgerError) {
        guard bytes.count <= Self.maximumByteCount else { throw .notCanonical(.tooLarge, offset: 0) }
        guard !bytes.isEmpty else { throw .notCanonical(.empty, offset: 0) }
        var parser = CanonicalParser(bytes)
        self = try parser.value(depth: 0)
        try parser.end()
    }
}

/// One pass over the bytes. `position` never passes `bytes.count`.
private struct CanonicalParser {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    private func fault(_ fault: CanonicalFault, at offset: Int? = nil) -> LedgerError {
        .notCanonical(fault, offset: offset ?? position)
    }

    /// The fault of a byte that cannot stand here.
    private func unexpected() -> LedgerError {
        guard position < bytes.count else { return fault(.truncated) }
        switch bytes[position] {
        case 0x20, 0x09, 0x0A, 0x0D: return fault(.whiteSpace)
        default: return fault(.unexpectedByte)
        }
    }

    func end() throws(LedgerError) {
        guard position == bytes.count else {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: throw fault(.whiteSpace)
            default: throw fault(.trailingBytes)
            }
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ byte: UInt8) throws(LedgerError) {
        guard take(byte) else { throw unexpected() }
    }

    private mutating func expect(_ word: StaticString) throws(LedgerError) {
        for index in 0..<word.utf8CodeUnitCount { try expect(word.utf8Start[index]) }
    }

    mutating func value(depth: Int) throws(LedgerError) -> CanonicalValue {
        guard position < bytes.count else { throw fault(.truncated) }
        switch bytes[position] {
        case UInt8(ascii: "\""):
            return .string(string(try text()))
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
            return .integer(try integer())
        case UInt8(ascii: "{"):
            return .object(try object(depth: depth))
        case UInt8(ascii: "["):
            return .array(try array(depth: depth))
        case UInt8(ascii: "t"):
            try expect("true")
            return .boolean(true)
        case UInt8(ascii: "f"):
            try expect("false")
            return .boolean(false)
        case UInt8(ascii: "n"):
            throw fault(.null)
        case UInt8(ascii: "+"), UInt8(ascii: "."):
            throw fault(.numberSpelling)
        default:
            throw unexpected()
        }
    }

    private mutating func array(depth: Int) throws(LedgerError) -> [CanonicalValue] {
        guard depth < CanonicalValue.maximumDepth else { throw fault(.tooDeep) }
        position += 1
        var elements: [CanonicalValue] = []
        if take(UInt8(ascii: "]")) { return elements }
        while true {
            elements.append(try value(depth: depth + 1))
            if take(UInt8(ascii: "]")) { return elements }
            try expect(UInt8(ascii: ","))
        }
    }

    private mutating func object(depth: Int) throws(LedgerError) -> [String: CanonicalValue] {
        guard depth < CanonicalValue.maximumDepth else { throw fault(.tooDeep) }
        position += 1
        if take(UInt8(ascii: "}")) { return [:] }
        // Gathered first, so that the dictionary is made once at its size.
        var members: [(key: String, value: CanonicalValue)] = []
        members.reserveCapacity(16)
        var previous: Text?
        while true {
            let start = position
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw unexpected() }
            let text = try text()
            let key = string(text)
            if let previous, let last = members.last {
                // Spelt without escapes, keys are in the order of their spelling.
                let difference =
                    previous.escapes | text.escapes == 0
                    ? compare(previous, text) : (last.key < key ? -1 : last.key == key ? 0 : 1)
                guard difference <= 0 else { throw fault(.keysOutOfOrder, at: start) }
                guard difference != 0 else { throw fault(.duplicateKey, at: start) }
            }
            try expect(UInt8(ascii: ":"))
            members.append((key, try value(depth: depth + 1)))
            previous = text
            if take(UInt8(ascii: "}")) { break }
            try expect(UInt8(ascii: ","))
        }
        var object = [String: CanonicalValue](minimumCapacity: members.count)
        for member in members { object[member.key] = member.value }
        return object
    }

    /// Below, at or above zero as the first spelling is below, the same as or above the second.
    private func compare(_ first: Text, _ second: Text) -> Int {
        let common = min(first.end - first.start, second.end - second.start)
        for place in 0..<common {
            let difference = Int(bytes[first.start + place]) - Int(bytes[second.start + place])
            if difference != 0 { return difference }
        }
        return (first.end - first.start) - (second.end - second.start)
    }

    private mutating func integer() throws(LedgerError) -> Int64 {
        let start = position
        let negative = take(UInt8(ascii: "-"))
        let digits = position
        var magnitude: Int64 = 0
        while position < bytes.count, case let digit = bytes[position] &- UInt8(ascii: "0"), digit < 10 {
            // 2^53 has 16 digits: a longer number is out of range, and is never multiplied further.
            guard position - digits < 16 else { throw fault(.numberOutOfRange, at: start) }
            magnitude = magnitude * 10 + Int64(digit)
            position += 1
        }
        guard position > digits else { throw fault(.numberSpelling, at: start) }
        if bytes[digits] == UInt8(ascii: "0"), negative || position - digits > 1 {
            throw fault(.numberSpelling, at: start)
        }
        if position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): throw fault(.numberSpelling, at: start)
            default: break
            }
        }
        guard magnitude <= CanonicalValue.maximumInteger else { throw fault(.numberOutOfRange, at: start) }
        return negative ? -magnitude : magnitude
    }

    /// Where a string's characters lie, and how many of them are escaped.
    private struct Text {
        var start: Int
        var end: Int
        var escapes: Int
    }

    /// Reads over a string, `position` at its opening quotation mark.
    private mutating func text() throws(LedgerError) -> Text {
        position += 1
        let start = position
        var escapes = 0
        while true {
            while position + 8 <= bytes.count {
                let plain = Self.plainCharacters(bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
                position += plain
                if plain < 8 { break }
            }
            guard position < bytes.count else { throw fault(.truncated) }
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") { break }
            guard byte >= 0x20, byte <= 0x7E else { throw fault(.characterNotPrintableASCII) }
            if byte == UInt8(ascii: "\\") {
                guard position + 1 < bytes.count else { throw fault(.truncated, at: bytes.count) }
                let escaped = bytes[position + 1]
                guard escaped == UInt8(ascii: "\"") || escaped == UInt8(ascii: "\\") else {
                    throw fault(.needlessEscape)
                }
                escapes += 1
                position += 1
            }
            position += 1
        }
        position += 1
        return Text(start: start, end: position - 1, escapes: escapes)
    }

    /// How many of eight bytes, in order of memory, come before the first that is not a plain character.
    private static func plainCharacters(_ word: UInt64) -> Int {
        let word = UInt64(littleEndian: word)
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quotation = word ^ ones &* 0x22
        let backslash = word ^ ones &* 0x5C
        // A byte below n borrows into its top bit; adding 1 to 0x7F carries into it; bytes above 0x7F have it set.
        // Borrows and carries go upwards from such a byte, so the lowest top bit that is set is always a true one.
        let marks = (word &- ones &* 0x20) | (quotation &- ones) | (backslash &- ones) | (word &+ ones) | word
        return (marks & (ones &* 0x80)).trailingZeroBitCount / 8
    }

    private func string(_ text: Text) -> String {
        let raw = UnsafeRawBufferPointer(rebasing: bytes[text.start..<text.end])
        guard text.escapes > 0 else {
            return raw.withMemoryRebound(to: UInt8.self) { String(decoding: $0, as: UTF8.self) }
        }
        return String(unsafeUninitializedCapacity: raw.count - text.escapes) { text in
            var length = 0
            var index = 0
            while index < raw.count {
                if raw[index] == UInt8(ascii: "\\") { index += 1 }
                text[length] = raw[index]
                length += 1
                index += 1
            }
            return length
        }
    }
}
