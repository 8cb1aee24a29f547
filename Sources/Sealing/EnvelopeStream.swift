// Reading a payload whose length is not known beforehand, in pieces of any size. A chunk is opened as not the last when
// bytes after it are known, else as the last. A full chunk at which that fails may be the other kind: the last one with
// something after it, or one after which the file was cut off. Both are errors, and its bytes, being authentic, are let
// out before them.

/// Opens one payload as its bytes arrive; for files from elsewhere, whose length nobody vouches for.
///
/// The bytes begin after the nonce. Only authenticated plaintext reaches the sink; a payload that ends early is an error
/// of `finish`.
public struct EnvelopeStream: ~Copyable, Sendable {
    private let cipher: ChunkCipher
    private var nextChunk: UInt64 = 0
    private var held = WipedBuffer(count: Envelope.sealedChunkSize)
    private var heldCount = 0
    private var plain = WipedBuffer(count: Envelope.chunkSize)

    /// Starts reading.
    public init(fileKey: borrowing FileKey, nonce: PayloadNonce) throws(SealingError) {
        cipher = try ChunkCipher(fileKey: fileKey, nonce: nonce)
    }

    /// Takes sealed bytes, and hands on the plaintext of the chunks that are complete.
    public mutating func write(
        _ sealed: UnsafeRawBufferPointer, to sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var rest = sealed
        while !rest.isEmpty {
            if heldCount == Envelope.sealedChunkSize {
                guard open(last: false) else {
                    if open(last: true) {
                        try sink(UnsafeRawBufferPointer(plain.bytes))
                        throw SealingError.payloadInvalid("bytes after the last chunk")
                    }
                    throw SealingError.payloadInvalid("a chunk was altered or is missing")
                }
                try sink(UnsafeRawBufferPointer(plain.bytes))
                nextChunk += 1
                heldCount = 0
            }
            let taken = UnsafeRawBufferPointer(rebasing: rest.prefix(Envelope.sealedChunkSize - heldCount))
            UnsafeMutableRawBufferPointer(rebasing: held.bytes[heldCount...]).copyMemory(from: taken)
            heldCount += taken.count
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(taken.count))
        }
    }

    /// Opens the last chunk; throws when the payload did not end.
    public consuming func finish(to sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        guard heldCount >= Envelope.tagSize else { throw SealingError.payloadInvalid("the last chunk is too short") }
        guard nextChunk == 0 || heldCount > Envelope.tagSize else {
            throw SealingError.payloadInvalid("the last chunk is empty")
        }
        guard open(last: true) else {
            if heldCount == Envelope.sealedChunkSize, open(last: false) {
                // Authentic, and not the end: cut off behind it.
                try sink(UnsafeRawBufferPointer(plain.bytes))
            }
            throw SealingError.payloadInvalid("the last chunk was altered or is missing")
        }
        if heldCount > Envelope.tagSize {
            try sink(UnsafeRawBufferPointer(rebasing: plain.bytes[0..<heldCount - Envelope.tagSize]))
        }
    }

    private func open(last: Bool) -> Bool {
        guard let output = plain.bytes.baseAddress else { return false }
        let sealed = UnsafeRawBufferPointer(rebasing: held.bytes[0..<heldCount])
        return cipher.open(sealed, first: nextChunk, endsPayload: last, into: output) == nil
    }
}
