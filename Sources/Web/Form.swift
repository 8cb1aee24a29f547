import HTTPTypes
import Hummingbird
import Multipart
import NIOCore
import Records

/// The fields of a form or of an address, read strictly: only names that belong there, none twice.
struct Form: Sendable {
    private var values: [String: [String]] = [:]
    /// The file of a small upload, if one came.
    var file: (name: String, bytes: [UInt8])?

    /// One field's value; empty where it was left out.
    subscript(name: String) -> String { values[name]?.first ?? "" }

    /// Every value of a field that may come more than once.
    func all(_ name: String) -> [String] { values[name] ?? [] }

    /// Every field with each of its values, in order of name.
    var fields: [(name: String, value: String)] {
        values.sorted { $0.key < $1.key }.flatMap { name, values in values.map { (name, $0) } }
    }

    init() {}

    /// Reads `application/x-www-form-urlencoded` text.
    init(urlEncoded text: Substring, allowing rule: (String) -> FieldRule) throws(Fault) {
        for pair in text.split(separator: "&") {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decode(halves[0]), let value = Self.decode(halves.count == 2 ? halves[1] : "") else {
                throw .formUnreadable
            }
            try add(name, value, allowing: rule)
        }
    }

    mutating func add(_ name: String, _ value: String, allowing rule: (String) -> FieldRule) throws(Fault) {
        switch rule(name) {
        case .unknown: throw .unknownField
        case .once where values[name] != nil: throw .unknownField
        case .once, .many: values[name, default: []].append(value)
        }
        guard values.count <= 10_000 else { throw .tooLarge }
    }

    /// Percent and plus decoding; nil for bad escapes, bad UTF-8 and NUL.
    static func decode(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(0x20)
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(hexDigit), let low = rest.popFirst().flatMap(hexDigit) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        guard !bytes.contains(0) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }
}

/// What a field's name is to a form.
enum FieldRule { case unknown, once, many }

extension BodyRule {
    func rule(for name: String) -> FieldRule {
        if name == "csrf" { return .once }
        switch self {
        case .none, .stream, .bytes: return .unknown
        case .form(let once, let many, let perUpload):
            if many.contains(name) { return .many }
            if once.contains(name) { return .once }
            let parts = name.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
            let named =
                parts.count == 2 && perUpload.contains(String(parts[0])) && UploadID(text: String(parts[1])) != nil
            return named ? .once : .unknown
        case .smallFile(let fields, _):
            return fields.contains(name) ? .once : .unknown
        }
    }

    /// The most bytes of a body that is held in memory.
    static let mostBytes = 4 << 20
}

extension Request {
    /// The body's bytes, counted as they come: a declared length is only believed when it is too large.
    func counted(upTo limit: Int) async throws -> [UInt8] {
        if let declared = headers[.contentLength].flatMap(Int.init), declared > limit { throw Fault.tooLarge }
        var bytes: [UInt8] = []
        for try await buffer in body {
            guard bytes.count + buffer.readableBytes <= limit else { throw Fault.tooLarge }
            bytes.append(contentsOf: buffer.readableBytesView)
        }
        return bytes
    }

    /// Reads the form that the route allows; `.stream` is left to its handler.
    func form(_ rule: BodyRule) async throws -> Form {
        switch rule {
        case .stream, .bytes: return Form()
        case .none:
            guard try await counted(upTo: 0).isEmpty else { throw Fault.unknownField }
            return Form()
        case .form:
            let type = headers[.contentType] ?? ""
            guard type.split(separator: ";").first?.lowercased() == "application/x-www-form-urlencoded" else {
                throw Fault.formUnreadable
            }
            let bytes = try await counted(upTo: BodyRule.mostBytes)
            guard let text = String(validating: bytes, as: UTF8.self) else { throw Fault.formUnreadable }
            return try Form(urlEncoded: text[...], allowing: rule.rule)
        case .smallFile(_, let file):
            let boundary = try MultipartParser.boundary(fromContentType: headers[.contentType] ?? "")
            var parser = try MultipartParser(boundary: boundary)
            var form = Form()
            var part: (name: String, filename: String?, bytes: [UInt8])?
            try parser.feed(try await counted(upTo: BodyRule.mostBytes)) { event in
                switch event {
                case .part(let next): part = (next.name, next.filename, [])
                case .data(let bytes): part?.bytes.append(contentsOf: bytes)
                case .partEnd:
                    guard let whole = part else { return }
                    if let filename = whole.filename {
                        guard whole.name == file, form.file == nil else { throw Fault.unknownField }
                        form.file = (filename, whole.bytes)
                    } else {
                        guard let text = String(validating: whole.bytes, as: UTF8.self) else {
                            throw Fault.formUnreadable
                        }
                        try form.add(whole.name, text, allowing: rule.rule)
                    }
                case .end: break
                }
            }
            try parser.finish()
            return form
        }
    }
}

/// Whether two texts are equal, in time that depends on their lengths alone.
func equalInConstantTime(_ left: String, _ right: String) -> Bool {
    let (left, right) = (Array(left.utf8), Array(right.utf8))
    guard left.count == right.count else { return false }
    return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
}
