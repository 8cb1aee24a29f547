public import Sealing
import Foundation

/// The named fields of an entry that identify somebody, with a salt for each: sealed in a row of its own.
///
/// Plaintext layout: 0x01, number of fields (u16, big-endian), their salts (32 bytes each, in byte order of the names),
/// then for each field in the same order: length of the name (u16), name, length of the value (u32), value; both UTF-8.
/// A value is kept byte for byte.
public struct Detail: Hashable, Sendable {
    /// A field's value with its salt.
    public struct Field: Hashable, Sendable {
        /// UTF-8 bytes, exactly as given.
        public let value: [UInt8]
        /// 32 random bytes.
        public let salt: [UInt8]

        /// A value with its salt.
        public init(value: [UInt8], salt: [UInt8]) {
            self.value = value
            self.salt = salt
        }
    }

    /// The fields by name.
    public let fields: [String: Field]

    /// New salts for these values.
    ///
    /// - Parameter keepsEmpty: whether a field with an empty value is kept, too; else it is left out.
    public init(values: [String: String], keepsEmpty: Bool = false) {
        var salts = Randomness.bytes(32 * values.count)[...]
        var fields: [String: Field] = [:]
        for (name, value) in values where keepsEmpty || !value.isEmpty {
            fields[name] = Field(value: Array(value.utf8), salt: Array(salts.prefix(32)))
            salts = salts.dropFirst(32)
        }
        self.fields = fields
    }

    /// A field's text; nil where there is none.
    public subscript(name: String) -> String? {
        fields[name].map { String(decoding: $0.value, as: UTF8.self) }
    }

    /// The commitments that the statement carries.
    public var commitments: [String: Digest] {
        var out: [String: Digest] = [:]
        for (name, field) in fields { out[name] = fieldCommitment(name: name, salt: field.salt, value: field.value) }
        return out
    }

    /// The plaintext of the sealed row.
    public var encoded: [UInt8] {
        let names = fields.keys.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
        var out: [UInt8] = [1]
        out.append(UInt8(names.count >> 8))
        out.append(UInt8(names.count & 255))
        for name in names { out += fields[name]?.salt ?? [] }
        for name in names {
            let value = fields[name]?.value ?? []
            out.append(UInt8(name.utf8.count >> 8))
            out.append(UInt8(name.utf8.count & 255))
            out += name.utf8
            for shift in [24, 16, 8, 0] { out.append(UInt8(value.count >> shift & 255)) }
            out += value
        }
        return out
    }

    /// Reads a plaintext; refuses one that `encoded` would not have written.
    public init(parsing bytes: [UInt8]) throws(StatementError) {
        fields = try bytes.span.withUnsafeBytes { (bytes) throws(StatementError) -> [String: Field] in
            var fields: [String: Field] = [:]
            try Self.walk(bytes) { name, salt, value in
                fields[String(decoding: name, as: UTF8.self)] = Field(value: Array(value), salt: Array(salt))
            }
            return fields
        }
    }

    /// Some fields' values in one pass, in the order asked for; empty where there is none.
    public static func values(of wanted: [StaticString], in bytes: [UInt8]) throws(StatementError) -> [String] {
        try bytes.span.withUnsafeBytes { (bytes) throws(StatementError) -> [String] in
            try places(of: wanted, in: bytes).map { String(decoding: $0, as: UTF8.self) }
        }
    }

    /// Lends these values where they lie in the plaintext; they are not to leave the closure.
    public static func lend<Result>(
        _ wanted: [StaticString], in bytes: [UInt8], _ body: ([UnsafeRawBufferPointer]) throws -> Result
    ) throws -> Result {
        try bytes.withUnsafeBytes { try body(places(of: wanted, in: $0)) }
    }

    private static func places(
        of wanted: [StaticString], in bytes: UnsafeRawBufferPointer
    ) throws(StatementError) -> [UnsafeRawBufferPointer] {
        var found = Array(repeating: UnsafeRawBufferPointer(start: nil, count: 0), count: wanted.count)
        try walk(bytes) { name, _, value in
            let place = wanted.firstIndex {
                name.count == $0.utf8CodeUnitCount
                    && name.elementsEqual(UnsafeRawBufferPointer(start: $0.utf8Start, count: $0.utf8CodeUnitCount))
            }
            if let place { found[place] = value }
        }
        return found
    }

    private static func walk(
        _ bytes: UnsafeRawBufferPointer,
        _ field: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void
    ) throws(StatementError) {
        func part(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[range]) }
        guard bytes.count >= 3, bytes[0] == 1 else { throw .malformed("detail") }
        let count = Int(bytes[1]) << 8 | Int(bytes[2])
        var at = 3 + 32 * count
        var last = UnsafeRawBufferPointer(start: nil, count: 0)
        for index in 0..<count {
            guard at + 2 <= bytes.count else { throw .malformed("detail") }
            let nameLength = Int(bytes[at]) << 8 | Int(bytes[at + 1])
            at += 2
            guard at + nameLength + 4 <= bytes.count else { throw .malformed("detail") }
            let name = part(at..<at + nameLength)
            at += nameLength
            var valueLength = 0
            for offset in 0..<4 { valueLength = valueLength << 8 | Int(bytes[at + offset]) }
            at += 4
            guard valueLength <= bytes.count - at, index == 0 || last.lexicographicallyPrecedes(name) else {
                throw .malformed("detail")
            }
            field(name, part((3 + 32 * index)..<(35 + 32 * index)), part(at..<at + valueLength))
            at += valueLength
            last = name
        }
        guard at == bytes.count else { throw .malformed("detail") }
    }
}
