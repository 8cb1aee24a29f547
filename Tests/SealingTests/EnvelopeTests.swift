import Sealing
import Testing

@Suite struct EnvelopeTests {
    private func pattern(_ count: Int) -> [UInt8] {
        var state: UInt32 = 12345
        return (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(state >> 24)
        }
    }

    private func sealed(_ plaintext: [UInt8], pieces: Int, key: borrowing FileKey, nonce: PayloadNonce) throws
        -> [UInt8]
    {
        var out: [UInt8] = []
        var writer = try EnvelopeWriter(fileKey: key, nonce: nonce)
        var position = 0
        while position < plaintext.count {
            let end = min(position + pieces, plaintext.count)
            try Array(plaintext[position..<end]).withUnsafeBytes { try writer.write($0) { out += $0 } }
            position = end
        }
        try writer.finish { out += $0 }
        return out
    }

    private func sealedInPlace(
        _ plaintext: [UInt8], split: Int, key: borrowing FileKey, nonce: PayloadNonce
    ) throws -> [UInt8] {
        var writer = try EnvelopeWriter(fileKey: key, nonce: nonce)
        var parts: [[UInt8]] = []
        for part in [plaintext[..<split], plaintext[split...]] {
            var out = [UInt8](repeating: 0, count: writer.sealedCount(afterWriting: part.count))
            let count = part.withUnsafeBytes { raw in out.withUnsafeMutableBytes { writer.write(raw, into: $0) } }
            #expect(count == out.count)
            parts.append(out)
        }
        let space = UnsafeMutableRawBufferPointer.allocate(byteCount: writer.finalCount, alignment: 1)
        defer { space.deallocate() }
        let count = writer.finish(into: space)
        #expect(count == space.count)
        return parts.flatMap { $0 } + Array(space)
    }

    private func opened(_ payload: [UInt8], key: borrowing FileKey) throws -> [UInt8] {
        guard let nonce = PayloadNonce(payload.prefix(16)) else { throw SealingError.payloadInvalid("no nonce") }
        let reader = try EnvelopeReader(fileKey: key, nonce: nonce, payloadLength: UInt64(payload.count))
        var out = [UInt8](repeating: 0xaa, count: Int(reader.plaintextLength))
        let count = try payload.withUnsafeBytes { raw in
            try out.withUnsafeMutableBytes {
                try reader.open(
                    chunks: 0..<reader.chunkCount, ciphertext: UnsafeRawBufferPointer(rebasing: raw[16...]), into: $0)
            }
        }
        return Array(out[0..<count])
    }

    @Test(arguments: [0, 1, 65535, 65536, 65537, 131_072]) func everySizeSealsAlikeInAnyPiecesAndOpens(size: Int) throws
    {
        let key = try FileKey.random()
        let nonce = PayloadNonce.random()
        let plaintext = pattern(size)
        let whole = try sealed(plaintext, pieces: max(size, 1), key: key, nonce: nonce)
        #expect(UInt64(whole.count) == Envelope.payloadLength(forPlaintext: UInt64(size)))
        #expect(try Envelope.plaintextLength(forPayload: UInt64(whole.count)) == UInt64(size))
        for pieces in [1, 7, 4096, 65535, 65536, 65537, 100_000] {
            #expect(try sealed(plaintext, pieces: pieces, key: key, nonce: nonce) == whole)
        }
        #expect(try opened(whole, key: key) == plaintext)
    }

    @Test func manyChunksSealAndOpenAlikeOnOneCoreAndOnTwo() throws {
        let key = try FileKey.random()
        let nonce = PayloadNonce.random()
        let plaintext = pattern(65536 * 37 + 11)
        let apart = try sealed(plaintext, pieces: 65536, key: key, nonce: nonce)
        #expect(try sealed(plaintext, pieces: plaintext.count, key: key, nonce: nonce) == apart)
        #expect(try opened(apart, key: key) == plaintext)
        // Memory to memory.
        #expect(try sealedInPlace(plaintext, split: 65536 * 5 + 3, key: key, nonce: nonce) == apart)
    }

    @Test func aPayloadGoesOnAfterItsSealedChunks() throws {
        let key = try FileKey.random()
        let nonce = PayloadNonce.random()
        let plaintext = pattern(65536 * 3 + 500)
        let whole = try sealed(plaintext, pieces: 1 << 20, key: key, nonce: nonce)
        var out: [UInt8] = []
        var first = try EnvelopeWriter(fileKey: key, nonce: nonce)
        try Array(plaintext[0..<150_000]).withUnsafeBytes { try first.write($0) { out += $0 } }
        let held = first.withHeldBytes { Array($0) }
        #expect(first.sealedChunks == 2 && held == Array(plaintext[131_072..<150_000]))
        var second = try EnvelopeWriter(fileKey: key, nonce: nonce, continuingAfter: first.sealedChunks)
        try held.withUnsafeBytes { try second.write($0) { out += $0 } }
        try Array(plaintext[150_000...]).withUnsafeBytes { try second.write($0) { out += $0 } }
        try second.finish { out += $0 }
        #expect(out == whole)
    }

    @Test func everyTruncationAndEveryFlippedBitOfASmallFileFails() throws {
        let own = try X25519Identity.generate()
        let file = try AgeFile.seal(pattern(40), to: [.x25519(own.recipient)])
        let identity = InterchangeIdentity.x25519(own)
        #expect(try AgeFile.open(file, with: identity) == pattern(40))
        for count in 0..<file.count {
            #expect(throws: SealingError.self) { try AgeFile.open(Array(file[0..<count]), with: identity) }
        }
        #expect(throws: SealingError.self) { try AgeFile.open(file + [0], with: identity) }
        for index in file.indices {
            for bit in 0..<8 {
                var changed = file
                changed[index] ^= 1 << UInt8(bit)
                #expect(throws: SealingError.self) { try AgeFile.open(changed, with: identity) }
            }
        }
    }

    @Test func everyTruncationAndAFlippedBitInEveryByteOfAHybridFileFails() throws {
        let identity = try HybridIdentity.generate()
        let file = try SealedBytes.seal(pattern(40), to: identity.recipient)
        #expect(try SealedBytes.open(file, with: identity) == pattern(40))
        for count in stride(from: 0, to: file.count, by: 13) {
            #expect(throws: SealingError.self) { try SealedBytes.open(Array(file[0..<count]), with: identity) }
        }
        for index in file.indices {
            var changed = file
            changed[index] ^= 1 << UInt8(index % 8)
            #expect(throws: SealingError.self) { try SealedBytes.open(changed, with: identity) }
        }
    }

    @Test func aBadChunkLeavesNothingOfItselfOrWhatFollows() throws {
        let key = try FileKey.random()
        let nonce = PayloadNonce.random()
        let plaintext = pattern(65536 * 12 + 5)
        var payload = try sealed(plaintext, pieces: 1 << 20, key: key, nonce: nonce)
        payload[16 + 65552 * 7 + 100] ^= 1
        let reader = try EnvelopeReader(fileKey: key, nonce: nonce, payloadLength: UInt64(payload.count))
        var out = [UInt8](repeating: 0xaa, count: plaintext.count)
        let prefix = try payload.withUnsafeBytes { raw in
            try out.withUnsafeMutableBytes {
                try reader.openPrefix(
                    chunks: 0..<13, ciphertext: UnsafeRawBufferPointer(rebasing: raw[16...]), into: $0)
            }
        }
        #expect(prefix.chunks == 7 && prefix.bytes == 7 * 65536)
        #expect(Array(out[0..<prefix.bytes]) == Array(plaintext[0..<prefix.bytes]))
        #expect(out[prefix.bytes...].allSatisfy { $0 == 0 })
        out = [UInt8](repeating: 0xaa, count: plaintext.count)
        #expect(throws: SealingError.payloadInvalid("a chunk was altered, is missing, or is another payload's")) {
            try payload.withUnsafeBytes { raw in
                try out.withUnsafeMutableBytes {
                    try reader.open(chunks: 0..<13, ciphertext: UnsafeRawBufferPointer(rebasing: raw[16...]), into: $0)
                }
            }
        }
        #expect(out.allSatisfy { $0 == 0 })
    }

    @Test func noPayloadHasAnImpossibleLength() {
        for length in [0, 15, 16, 31, 16 + 65552 + 1, 16 + 65552 + 16, 16 + 2 * 65552 + 15] as [UInt64] {
            #expect(throws: SealingError.self) { try Envelope.plaintextLength(forPayload: length) }
        }
        for length in [0, 1, 65535, 65536, 65537, 131_071, 131_072, 131_073, 1 << 40] as [UInt64] {
            let payload = Envelope.payloadLength(forPlaintext: length)
            #expect((try? Envelope.plaintextLength(forPayload: payload)) == length)
        }
    }

    @Test func theChunksThatHoldARangeOfBytesAreKnown() throws {
        let reader = try EnvelopeReader(
            fileKey: FileKey.random(), nonce: .random(), payloadLength: Envelope.payloadLength(forPlaintext: 131_073))
        #expect(reader.chunkCount == 3)
        #expect(reader.chunks(holding: 0..<1) == 0..<1)
        #expect(reader.chunks(holding: 65535..<65537) == 0..<2)
        #expect(reader.chunks(holding: 131_072..<999_999) == 2..<3)
        #expect(reader.chunks(holding: 131_073..<999_999).isEmpty)
        let last: Range<UInt64> = 131_120..<131_137
        #expect(reader.ciphertextRange(ofChunks: 2..<3) == last)
    }
}
