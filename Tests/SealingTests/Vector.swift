import CZlib
import Foundation
import Sealing
import Testing

// A vector is one file, one fault, named after it: `key: value` lines, an empty line, the age file. The format is that of
// the public test vectors of age (C2SP/CCTV), and so are ours in fixtures/age.

enum Outcome: String, Sendable {
    case success
    case noMatch = "no match"
    case hmacFailure = "HMAC failure"
    case headerFailure = "header failure"
    case payloadFailure = "payload failure"
    case armorFailure = "armor failure"

    init?(_ error: SealingError) {
        switch error {
        case .headerInvalid: self = .headerFailure
        case .noIdentityMatches: self = .noMatch
        case .macMismatch: self = .hmacFailure
        case .payloadInvalid: self = .payloadFailure
        case .armorInvalid: self = .armorFailure
        default: return nil
        }
    }
}

struct Vector: Sendable {
    var name: String
    var expected: Outcome
    var payloadHash: String?
    var fileKey: [UInt8] = []
    var identities: [String] = []
    var passphrases: [String] = []
    var armored = false
    var file: [UInt8]

    struct Malformed: Error {
        var name: String
        var reason: String
    }

    init(name: String, bytes: [UInt8]) throws {
        self.name = name
        var position = 0
        var fields: [(String, String)] = []
        while true {
            guard let end = bytes[position...].firstIndex(of: 10) else { throw Malformed(name: name, reason: "no end") }
            let line = String(decoding: bytes[position..<end], as: UTF8.self)
            position = end + 1
            if line.isEmpty { break }
            guard let colon = line.range(of: ": ") else { throw Malformed(name: name, reason: line) }
            fields.append((String(line[..<colon.lowerBound]), String(line[colon.upperBound...])))
        }
        file = Array(bytes[position...])
        var expected: Outcome?
        for (key, value) in fields {
            switch key {
            case "expect": expected = Outcome(rawValue: value)
            case "payload": payloadHash = value
            case "file key": fileKey = Hex.decode(value) ?? []
            case "identity": identities.append(value)
            case "passphrase": passphrases.append(value)
            case "armored": armored = value == "yes"
            case "compressed":
                guard value == "zlib" else { throw Malformed(name: name, reason: "compressed: \(value)") }
                file = try Vector.inflated(file, name: name)
            case "comment": break
            default: throw Malformed(name: name, reason: "unknown key \(key)")
            }
        }
        guard let expected else { throw Malformed(name: name, reason: "expect is missing or unknown") }
        self.expected = expected
    }

    init(name: String, expected: Outcome, payload: [UInt8]? = nil, file: [UInt8]) {
        self.name = name
        self.expected = expected
        payloadHash = payload.map { sha256($0).hex }
        self.file = file
    }

    /// The bytes of the vector's file; large ones compressed.
    var encoded: [UInt8] {
        var text = "expect: \(expected.rawValue)\n"
        if let payloadHash { text += "payload: \(payloadHash)\n" }
        if !fileKey.isEmpty { text += "file key: \(Hex.encode(fileKey))\n" }
        for identity in identities { text += "identity: \(identity)\n" }
        for passphrase in passphrases { text += "passphrase: \(passphrase)\n" }
        if armored { text += "armored: yes\n" }
        if file.count > 8192 { text += "compressed: zlib\n" }
        return Array(text.utf8) + [10] + (file.count > 8192 ? Vector.deflated(file) : file)
    }

    static func inflated(_ bytes: [UInt8], name: String) throws -> [UInt8] {
        var size = 1 << 16
        while size <= 1 << 27 {
            var out = [UInt8](repeating: 0, count: size)
            var count = uLong(size)
            let result = uncompress(&out, &count, bytes, uLong(bytes.count))
            if result == Z_OK { return Array(out[0..<Int(count)]) }
            guard result == Z_BUF_ERROR else { throw Malformed(name: name, reason: "zlib \(result)") }
            size *= 4
        }
        throw Malformed(name: name, reason: "zlib: too large")
    }

    static func deflated(_ bytes: [UInt8]) -> [UInt8] {
        var count = compressBound(uLong(bytes.count))
        var out = [UInt8](repeating: 0, count: Int(count))
        precondition(compress2(&out, &count, bytes, uLong(bytes.count), 9) == Z_OK)
        return Array(out[0..<Int(count)])
    }

    /// All vectors of a folder, by name.
    static func all(in folder: URL) throws -> [Vector] {
        var vectors: [Vector] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() {
            let url = folder.appendingPathComponent(name)
            guard try url.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true else { continue }
            guard !name.hasPrefix("."), !name.hasSuffix(".md") else { continue }
            vectors.append(try Vector(name: name, bytes: Array(try Data(contentsOf: url))))
        }
        return vectors
    }

    static let ownFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("fixtures/age")
}
