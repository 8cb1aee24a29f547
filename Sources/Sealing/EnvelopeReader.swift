import CSodium

/// Opens chunks of one payload, in any order, from ciphertext that the caller reads.
///
/// The payload's length comes from outside (the filing statement), so truncation and extension are found: the last chunk
/// is the one at the end of that length, and only it may carry the last chunk's flag.
public struct EnvelopeReader: ~Copyable, Sendable {
    private let cipher: ChunkCipher
    private let payloadLength: UInt64
    /// The plaintext's length.
    public let plaintextLength: UInt64
    /// The number of chunks, at least one.
    public let chunkCount: Int

    /// Starts reading a payload of so many bytes, nonce included; throws when no payload has that length.
    public init(fileKey: borrowing FileKey, nonce: PayloadNonce, payloadLength: UInt64) throws(SealingError) {
        let length = try Envelope.plaintextLength(forPayload: payloadLength)
        guard Int(exactly: payloadLength) != nil else { throw .payloadInvalid("too long") }
        cipher = try ChunkCipher(fileKey: fileKey, nonce: nonce)
        plaintextLength = length
        chunkCount = Int(max(1, (length + UInt64(Envelope.chunkSize) - 1) / UInt64(Envelope.chunkSize)))
        self.payloadLength = payloadLength
    }

    /// Where the chunks lie in the payload, counted from its first byte, the nonce's.
    public func ciphertextRange(ofChunks chunks: Range<Int>) -> Range<UInt64> {
        precondition(chunks.lowerBound >= 0 && chunks.upperBound <= chunkCount, "chunks outside the payload")
        func offset(_ chunk: Int) -> UInt64 {
            min(payloadLength, UInt64(Envelope.nonceSize) + UInt64(chunk) * UInt64(Envelope.sealedChunkSize))
        }
        return offset(chunks.lowerBound)..<offset(chunks.upperBound)
    }

    /// Where the chunks lie in the plaintext.
    public func plaintextRange(ofChunks chunks: Range<Int>) -> Range<UInt64> {
        precondition(chunks.lowerBound >= 0 && chunks.upperBound <= chunkCount, "chunks outside the payload")
        func offset(_ chunk: Int) -> UInt64 { min(plaintextLength, UInt64(chunk) * UInt64(Envelope.chunkSize)) }
        return offset(chunks.lowerBound)..<offset(chunks.upperBound)
    }

    /// The chunks that hold these bytes of the plaintext.
    public func chunks(holding bytes: Range<UInt64>) -> Range<Int> {
        guard !bytes.isEmpty, bytes.lowerBound < plaintextLength else { return 0..<0 }
        let first = Int(bytes.lowerBound / UInt64(Envelope.chunkSize))
        let last = Int((min(bytes.upperBound, plaintextLength) - 1) / UInt64(Envelope.chunkSize))
        return first..<last + 1
    }

    /// Opens the chunks into `output`, which has room for their plaintext, and gives its length.
    ///
    /// `ciphertext` is exactly `ciphertextRange(ofChunks:)` of the payload. Throws `.payloadInvalid` when a chunk does
    /// not open; then all of `output` that this call wrote is zero: nothing of the bad chunk, what follows it or, as the
    /// caller cannot tell how much was good, what came before. Use `openPrefix` to keep the good chunks before it.
    public borrowing func open(
        chunks: Range<Int>, ciphertext: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(SealingError) -> Int {
        let length = plaintextRange(ofChunks: chunks)
        let opened = try openPrefix(chunks: chunks, ciphertext: ciphertext, into: output)
        guard opened.chunks == chunks.count else {
            sodium_memzero(output.baseAddress, min(output.count, opened.bytes))
            throw .payloadInvalid("a chunk was altered, is missing, or is another payload's")
        }
        return Int(length.upperBound - length.lowerBound)
    }

    /// Opens chunks up to the first bad one: gives how many were good, and how many bytes they are; the rest is zero.
    public borrowing func openPrefix(
        chunks: Range<Int>, ciphertext: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(SealingError) -> (chunks: Int, bytes: Int) {
        let sealed = ciphertextRange(ofChunks: chunks)
        let plain = plaintextRange(ofChunks: chunks)
        let plainCount = Int(plain.upperBound - plain.lowerBound)
        guard ciphertext.count == Int(sealed.upperBound - sealed.lowerBound) else {
            throw .payloadInvalid("the ciphertext is not as long as its chunks")
        }
        precondition(output.count >= plainCount, "no room for the plaintext")
        guard !chunks.isEmpty else { return (0, 0) }
        let endsPayload = chunks.upperBound == chunkCount
        guard let base = output.baseAddress else {
            // The one empty chunk of an empty payload still has its tag to be checked; `space` is one byte, not none.
            var nothing: UInt8 = 0
            let bad = withUnsafeMutableBytes(of: &nothing) { space in
                cipher.open(
                    ciphertext, first: UInt64(chunks.lowerBound), endsPayload: endsPayload, into: space.baseAddress!)
            }
            return (bad ?? chunks.count, 0)
        }
        let firstBad = cipher.open(
            ciphertext, first: UInt64(chunks.lowerBound), endsPayload: endsPayload, into: base)
        guard let firstBad else { return (chunks.count, plainCount) }
        let good = firstBad * Envelope.chunkSize
        sodium_memzero(base + good, plainCount - good)
        return (firstBad, good)
    }
}
