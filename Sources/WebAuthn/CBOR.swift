// CBOR (RFC 8949) in the CTAP2 canonical encoding form, as Level 3, section 3 wants it read: whatever is encoded in
// another form, or has a key twice, is refused.
//
// - Integers and lengths in their shortest form; no indefinite lengths.
// - Map keys are integers or texts, each once, sorted: by major type, then length, then bytes.
// - No tags, no floating point numbers, no simple values but false, true and null. Texts are UTF-8.
// - Input up to 64 KiB, nested up to 8 deep. Every item takes a byte at least, so no declared count costs more than
//   the input is long.
enum CBOR: Equatable, Sendable {
    case integer(Int64)
    case bytes([UInt8])
    case text(String)
    case array([CBOR])
    case map([Pair])
    case bool(Bool)
    case null

    struct Pair: Equatable, Sendable {
        var key: CBOR
        var value: CBOR
    }

    /// Why bytes are not CBOR of that form. Callers say which part of the answer it was.
    struct Malformed: Error {}

    /// Decodes one item that is all of the bytes.
    static func decode(_ bytes: [UInt8]) throws(Malformed) -> CBOR {
        var rest = bytes[...]
        let item = try read(from: &rest)
        guard rest.isEmpty else { throw Malformed() }
        return item
    }

    /// Decodes the item at the front of the bytes, and takes it off.
    static func read(from rest: inout ArraySlice<UInt8>) throws(Malformed) -> CBOR {
        guard rest.count <= maximumByteCount else { throw Malformed() }
        var reader = CBORReader(rest: rest)
        let item = try reader.item(depth: 0)
        rest = reader.rest
        return item
    }

    /// The value of a map's key; nil also where this is no map.
    subscript(key: CBOR) -> CBOR? {
        guard case .map(let pairs) = self else { return nil }
        return pairs.first { $0.key == key }?.value
    }

    /// The map's keys, in their order; nil where this is no map.
    var keys: [CBOR]? {
        guard case .map(let pairs) = self else { return nil }
        return pairs.map(\.key)
    }

    var isText: Bool { if case .text = self { true } else { false } }
    var integerValue: Int64? { if case .integer(let value) = self { value } else { nil } }
    var bytesValue: [UInt8]? { if case .bytes(let value) = self { value } else { nil } }
}

extension CBOR: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
    init(integerLiteral value: Int64) { self = .integer(value) }
    init(stringLiteral value: String) { self = .text(value) }
}

private struct CBORReader {
    private static let maximumDepth = 8

    var rest: ArraySlice<UInt8>

    mutating func item(depth: Int) throws(CBOR.Malformed) -> CBOR {
        guard depth <= Self.maximumDepth, let first = rest.popFirst() else { throw CBOR.Malformed() }
        let (major, information) = (first >> 5, first & 31)
        if major == 7 {
            switch information {
            case 20: return .bool(false)
            case 21: return .bool(true)
            case 22: return .null
            default: throw CBOR.Malformed()
            }
        }
        let argument = try argument(information)
        switch major {
        case 0: return .integer(argument)
        case 1: return .integer(-1 - argument)
        case 2: return .bytes(Array(try take(argument)))
        case 3:
            guard let text = String(validating: try take(argument), as: UTF8.self) else { throw CBOR.Malformed() }
            return .text(text)
        case 4:
            var items: [CBOR] = []
            for _ in 0..<argument { items.append(try item(depth: depth + 1)) }
            return .array(items)
        case 5: return .map(try pairs(argument, depth: depth))
        default: throw CBOR.Malformed()
        }
    }

    private mutating func pairs(_ count: Int64, depth: Int) throws(CBOR.Malformed) -> [CBOR.Pair] {
        var pairs: [CBOR.Pair] = []
        var previous: ArraySlice<UInt8> = []
        for _ in 0..<count {
            let before = rest
            let key = try item(depth: depth + 1)
            switch key {
            case .integer, .text: break
            default: throw CBOR.Malformed()
            }
            let encoded = before.prefix(before.count - rest.count)
            // Heads in their shortest form begin with the major type, then say the length: so bytes alone sort them.
            guard previous.lexicographicallyPrecedes(encoded) else { throw CBOR.Malformed() }
            previous = encoded
            pairs.append(CBOR.Pair(key: key, value: try item(depth: depth + 1)))
        }
        return pairs
    }

    /// The number in an item's head, in its shortest form; at most Int64.max, which nothing here exceeds.
    private mutating func argument(_ information: UInt8) throws(CBOR.Malformed) -> Int64 {
        guard information >= 24 else { return Int64(information) }
        guard information <= 27 else { throw CBOR.Malformed() }
        let size: Int64 = 1 << Int64(information - 24)
        let value = try take(size).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let least: UInt64 = size == 1 ? 24 : 1 << UInt64(size * 4)
        guard value >= least, let number = Int64(exactly: value) else { throw CBOR.Malformed() }
        return number
    }

    private mutating func take(_ count: Int64) throws(CBOR.Malformed) -> ArraySlice<UInt8> {
        guard count <= rest.count else { throw CBOR.Malformed() }
        let taken = rest.prefix(Int(count))
        rest = rest.dropFirst(Int(count))
        return taken
    }
}
