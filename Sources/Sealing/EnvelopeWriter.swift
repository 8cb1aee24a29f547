// Rules of this file:
// - a chunk is sealed when bytes after it are known, or in `finish`; so up to one full chunk is held back;
// - whole chunks are sealed from the caller's memory straight into the output, many at a time on two cores;
// - what is held back is plaintext: wiped when the writer goes. A forgotten writer leaves a payload without its last
//   chunk, which no reader takes.

/// Seals one payload: the nonce, then the chunks.
///
/// Bytes may come in any pieces; the payload is the same. After a sink throws, the writer is spent: seal again under a new
/// file key.
public struct EnvelopeWriter: ~Copyable, Sendable {
    private let cipher: ChunkCipher
    private let nonce: PayloadNonce
    private var nonceWritten = false
    private var nextChunk: UInt64 = 0
    private var held = WipedBuffer(count: Envelope.chunkSize)
    private var heldCount = 0
    private var scratch = WipedBuffer(count: 0)

    /// Chunks sealed together for a sink: 1 MiB, which stays in the cache until the sink has taken it.
    private static let batch = 16

    /// Starts a payload. A file key and nonce are for one payload alone.
    public init(fileKey: borrowing FileKey, nonce: PayloadNonce) throws(SealingError) {
        cipher = try ChunkCipher(fileKey: fileKey, nonce: nonce)
        self.nonce = nonce
    }

    /// Goes on with a payload whose nonce and first `sealedChunks` full chunks are written and unchanged.
    ///
    /// The caller then writes the bytes that follow them. Sealing other bytes under a chunk number already used would
    /// give both away: where a chunk may have been torn, start again under a new file key.
    public init(
        fileKey: borrowing FileKey, nonce: PayloadNonce, continuingAfter sealedChunks: UInt64
    ) throws(SealingError) {
        try self.init(fileKey: fileKey, nonce: nonce)
        nextChunk = sealedChunks
        nonceWritten = true
    }

    /// How many chunks have been sealed.
    public var sealedChunks: UInt64 { nextChunk }

    /// Lends the plaintext that is held back, at most one chunk of it, for keeping it apart when an upload stops.
    public borrowing func withHeldBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try body(UnsafeRawBufferPointer(rebasing: held.bytes[0..<heldCount]))
    }

    /// Takes plaintext, and hands on whatever can be sealed.
    public mutating func write(
        _ plaintext: UnsafeRawBufferPointer, to sink: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var rest = plaintext
        while !rest.isEmpty {
            // At most one held chunk and a batch at a time.
            let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(EnvelopeWriter.batch * Envelope.chunkSize))
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(piece.count))
            let needed = sealedCount(afterWriting: piece.count)
            if needed > 0 {
                let space = scratchSpace(needed)
                let count = write(piece, into: space)
                try sink(UnsafeRawBufferPointer(rebasing: space[0..<count]))
            } else {
                _ = write(piece, into: UnsafeMutableRawBufferPointer(start: nil, count: 0))
            }
        }
    }

    /// How many bytes the next `write(_:into:)` of so much plaintext gives.
    public func sealedCount(afterWriting count: Int) -> Int {
        let total = heldCount + count
        let chunks = total == 0 ? 0 : (total - 1) / Envelope.chunkSize
        return chunks == 0 ? 0 : (nonceWritten ? 0 : Envelope.nonceSize) + chunks * Envelope.sealedChunkSize
    }

    /// Takes plaintext, and seals whatever can be into `output`, memory to memory; gives how many bytes that was.
    ///
    /// `output` has room for `sealedCount(afterWriting:)` bytes and does not overlap the plaintext.
    public mutating func write(
        _ plaintext: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> Int {
        let needed = sealedCount(afterWriting: plaintext.count)
        precondition(output.count >= needed, "no room for the sealed chunks")
        var plaintext = plaintext
        var written = 0
        if needed > 0 {
            guard let base = output.baseAddress else { return 0 }
            written = writeNonce(to: base)
            if heldCount > 0 {
                hold(&plaintext, upTo: Envelope.chunkSize - heldCount)
                cipher.seal(
                    UnsafeRawBufferPointer(held.bytes), first: nextChunk, endsPayload: false, into: base + written)
                nextChunk += 1
                heldCount = 0
                written += Envelope.sealedChunkSize
            }
            let whole = (plaintext.count - 1) / Envelope.chunkSize
            if whole > 0 {
                cipher.seal(
                    UnsafeRawBufferPointer(rebasing: plaintext[0..<whole * Envelope.chunkSize]), first: nextChunk,
                    endsPayload: false, into: base + written)
                nextChunk += UInt64(whole)
                written += whole * Envelope.sealedChunkSize
                plaintext = UnsafeRawBufferPointer(rebasing: plaintext[(whole * Envelope.chunkSize)...])
            }
        }
        hold(&plaintext, upTo: plaintext.count)
        return written
    }

    /// Seals the last chunk, and ends the payload.
    public consuming func finish(to sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        let space = scratchSpace(finalCount)
        let count = sealLast(into: space)
        try sink(UnsafeRawBufferPointer(rebasing: space[0..<count]))
    }

    /// How many bytes `finish` gives.
    public var finalCount: Int {
        (nonceWritten ? 0 : Envelope.nonceSize) + heldCount + Envelope.tagSize
    }

    /// Seals the last chunk into `output`, which has room for `finalCount` bytes, and ends the payload.
    public consuming func finish(into output: UnsafeMutableRawBufferPointer) -> Int {
        sealLast(into: output)
    }

    private mutating func sealLast(into output: UnsafeMutableRawBufferPointer) -> Int {
        precondition(output.count >= finalCount, "no room for the last chunk")
        guard let base = output.baseAddress else { return 0 }
        let written = writeNonce(to: base)
        cipher.seal(
            UnsafeRawBufferPointer(rebasing: held.bytes[0..<heldCount]), first: nextChunk, endsPayload: true,
            into: base + written)
        return written + heldCount + Envelope.tagSize
    }

    private mutating func writeNonce(to base: UnsafeMutableRawPointer) -> Int {
        guard !nonceWritten else { return 0 }
        nonce.bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(start: base, count: 16).copyMemory(from: $0) }
        nonceWritten = true
        return Envelope.nonceSize
    }

    private mutating func hold(_ plaintext: inout UnsafeRawBufferPointer, upTo count: Int) {
        let taken = plaintext.prefix(count)
        guard !taken.isEmpty else { return }
        UnsafeMutableRawBufferPointer(rebasing: held.bytes[heldCount...]).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: taken))
        heldCount += taken.count
        plaintext = UnsafeRawBufferPointer(rebasing: plaintext.dropFirst(taken.count))
    }

    private mutating func scratchSpace(_ count: Int) -> UnsafeMutableRawBufferPointer {
        if scratch.bytes.count < count { scratch = WipedBuffer(count: count) }
        return scratch.bytes
    }
}
