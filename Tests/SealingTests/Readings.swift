import Foundation
import Sealing
import Testing

/// What came of reading a vector: the kind of end, and all plaintext that was let out before it.
struct Reading {
    var outcome: Outcome
    var released: [UInt8]
}

/// The four readings of a vector, each of which has to agree with it.
struct Readings {
    let vector: Vector

    /// In pieces, as from a pipe.
    func stream(pieces: Int) throws -> Reading {
        var released: [UInt8] = []
        do {
            let file = vector.armored ? try Armor.decode(vector.file) : vector.file
            let (header, count) = try parsed(file)
            let fileKey = try unwrapped(header)
            guard let nonce = PayloadNonce(file.dropFirst(count).prefix(16)) else {
                throw SealingError.headerInvalid("the file ends within the nonce")
            }
            var stream = try EnvelopeStream(fileKey: fileKey, nonce: nonce)
            var position = count + 16
            while position < file.count {
                let end = min(position + pieces, file.count)
                try Array(file[position..<end]).withUnsafeBytes { try stream.write($0) { released += $0 } }
                position = end
            }
            try stream.finish { released += $0 }
            return Reading(outcome: .success, released: released)
        } catch let error as SealingError {
            return Reading(outcome: try #require(Outcome(error), "\(error)"), released: released)
        }
    }

    /// From the end backwards, by chunk; what is released is whatever opened, in the payload's order, up to a bad chunk.
    func ranged() throws -> Reading {
        var good: [Int: [UInt8]] = [:]
        do {
            let file = vector.armored ? try Armor.decode(vector.file) : vector.file
            let (header, count) = try parsed(file)
            let fileKey = try unwrapped(header)
            guard let nonce = PayloadNonce(file.dropFirst(count).prefix(16)) else {
                throw SealingError.headerInvalid("the file ends within the nonce")
            }
            let payload = Array(file[count...])
            let reader = try EnvelopeReader(fileKey: fileKey, nonce: nonce, payloadLength: UInt64(payload.count))
            for chunk in (0..<reader.chunkCount).reversed() {
                let sealed = reader.ciphertextRange(ofChunks: chunk..<chunk + 1)
                let plain = reader.plaintextRange(ofChunks: chunk..<chunk + 1)
                var out = [UInt8](repeating: 0xaa, count: Int(plain.upperBound - plain.lowerBound))
                do {
                    let opened = try Array(payload[Int(sealed.lowerBound)..<Int(sealed.upperBound)]).withUnsafeBytes {
                        raw in
                        try out.withUnsafeMutableBytes {
                            try reader.open(chunks: chunk..<chunk + 1, ciphertext: raw, into: $0)
                        }
                    }
                    #expect(opened == out.count)
                    good[chunk] = out
                } catch {
                    #expect(out.allSatisfy { $0 == 0 }, "\(vector.name): a bad chunk left something behind")
                }
            }
            var all = [UInt8](repeating: 0xaa, count: Int(reader.plaintextLength))
            let prefix = try payload.withUnsafeBytes { raw in
                try all.withUnsafeMutableBytes {
                    try reader.openPrefix(
                        chunks: 0..<reader.chunkCount, ciphertext: UnsafeRawBufferPointer(rebasing: raw[16...]),
                        into: $0)
                }
            }
            let released = (0..<prefix.chunks).flatMap { good[$0] ?? [] }
            #expect(Array(all[0..<prefix.bytes]) == released)
            #expect(all[prefix.bytes...].allSatisfy { $0 == 0 })
            let whole = prefix.chunks == reader.chunkCount
            #expect(whole == (good.count == reader.chunkCount))
            return Reading(outcome: whole ? .success : .payloadFailure, released: released)
        } catch let error as SealingError {
            return Reading(outcome: try #require(Outcome(error), "\(error)"), released: [])
        }
    }

    /// Without a key: nil when header and armor parse.
    func inspect() throws -> (failure: Outcome?, header: Header?, plaintextLength: UInt64?) {
        do {
            let file = vector.armored ? try Armor.decode(vector.file) : vector.file
            let (header, count) = try parsed(file)
            let length = try? Envelope.plaintextLength(forPayload: UInt64(file.count - count))
            return (nil, header, length)
        } catch let error as SealingError {
            let outcome: Outcome = try #require(Outcome(error), "\(error)")
            return (outcome, nil, nil)
        }
    }

    /// Whatever parsed, encoded again: the same bytes.
    func reencode() throws {
        guard let file = vector.armored ? try? Armor.decode(vector.file) : vector.file else { return }
        if vector.armored {
            let text = String(decoding: vector.file, as: UTF8.self).replacingOccurrences(of: "\r\n", with: "\n")
            let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines) + "\n"
            #expect(Armor.encode(file) == Array(trimmed.utf8), "\(vector.name): armor encodes to other bytes")
        }
        guard let (header, count) = try? parsed(file) else { return }
        #expect(header.reencoded == header.bytes && header.bytes == Array(file[0..<count]), "\(vector.name): header")
        guard vector.expected == .success else { return }
        let plaintext = try stream(pieces: 1 << 20).released
        let nonce = try #require(PayloadNonce(file[count..<count + 16]))
        let fileKey = try unwrapped(header)
        var sealed: [UInt8] = []
        var writer = try EnvelopeWriter(fileKey: fileKey, nonce: nonce)
        try plaintext.withUnsafeBytes { try writer.write($0) { sealed += $0 } }
        try writer.finish { sealed += $0 }
        #expect(sealed == Array(file[count...]), "\(vector.name): the payload seals to other bytes")
    }

    func parsed(_ file: [UInt8]) throws -> (Header, Int) {
        try file.withUnsafeBytes { try Header.parsePrefix(of: $0) }
    }

    func unwrapped(_ header: Header) throws -> FileKey {
        for text in vector.identities {
            let identity = try InterchangeIdentity(parsing: text)
            do {
                return try header.openForInterchange(with: identity)
            } catch SealingError.noIdentityMatches {
                continue
            }
        }
        for text in vector.passphrases {
            let identity = InterchangeIdentity.passphrase(Passphrase(try SecretBytes(copying: Array(text.utf8))))
            do {
                return try header.openForInterchange(with: identity)
            } catch SealingError.noIdentityMatches {
                continue
            }
        }
        throw SealingError.noIdentityMatches
    }

    /// All four readings against what the vector says.
    func check() throws {
        let streamed = try stream(pieces: 1 << 20)
        #expect(streamed.outcome == vector.expected, "\(vector.name): read as a stream")
        if let payloadHash = vector.payloadHash {
            #expect(sha256(streamed.released).hex == payloadHash, "\(vector.name): other bytes were let out")
        } else {
            #expect(streamed.released.isEmpty, "\(vector.name): something was let out")
        }
        if vector.passphrases.isEmpty {
            for pieces in [1, 1000, 65536, 65552] where vector.file.count < 300_000 || pieces > 1 {
                let other = try stream(pieces: pieces)
                #expect(other.outcome == streamed.outcome && other.released == streamed.released)
            }
        }
        let ranged = try ranged()
        #expect(ranged.outcome == vector.expected, "\(vector.name): read by ranges")
        #expect(streamed.released.starts(with: ranged.released), "\(vector.name): ranges let other bytes out")
        if vector.expected == .success { #expect(ranged.released == streamed.released) }
        let inspected = try inspect()
        switch vector.expected {
        case .armorFailure: #expect(inspected.failure == .armorFailure, "\(vector.name): inspected")
        case .headerFailure: #expect(inspected.failure != .armorFailure, "\(vector.name): inspected")
        default: #expect(inspected.failure == nil, "\(vector.name): inspected")
        }
        if vector.expected == .success {
            #expect(inspected.plaintextLength == UInt64(streamed.released.count))
            #expect(inspected.header?.stanzas.isEmpty == false)
        }
        try reencode()
    }
}
