import CSodium

// age's payload: a 16-byte nonce, then STREAM: chunks of 64 KiB under ChaCha20-Poly1305, each followed by its tag.
//   payload key = HKDF-SHA-256(file key, salt = nonce, info = "payload")
//   chunk nonce = 11-byte big-endian chunk number ‖ 1 for the last chunk, else 0
// The last chunk is never empty unless it is the only one. A file key and nonce make one payload, ever: a chunk is sealed
// only when all its bytes and whether it is the last are known.

/// The arithmetic of age payloads.
public enum Envelope {
    /// Plaintext bytes of every chunk but the last.
    public static let chunkSize = 65536
    /// The bytes that sealing adds to a chunk.
    public static let tagSize = 16
    /// A full chunk, sealed.
    public static let sealedChunkSize = chunkSize + tagSize
    /// The bytes of the nonce before the first chunk.
    public static let nonceSize = 16

    /// The payload's length, nonce included, for so many bytes of plaintext.
    public static func payloadLength(forPlaintext length: UInt64) -> UInt64 {
        let chunks = max(1, length / UInt64(chunkSize) + (length % UInt64(chunkSize) == 0 ? 0 : 1))
        return UInt64(nonceSize) + length + chunks * UInt64(tagSize)
    }

    /// The plaintext's length for so many bytes of payload, nonce included; throws when no payload is so long.
    public static func plaintextLength(forPayload length: UInt64) throws(SealingError) -> UInt64 {
        guard length >= UInt64(nonceSize + tagSize) else { throw .payloadInvalid("shorter than the empty payload") }
        let sealed = length - UInt64(nonceSize)
        let chunks = sealed / UInt64(sealedChunkSize) + (sealed % UInt64(sealedChunkSize) == 0 ? 0 : 1)
        guard sealed >= chunks * UInt64(tagSize) else { throw .payloadInvalid("the last chunk is too short") }
        let plain = sealed - chunks * UInt64(tagSize)
        guard chunks == 1 || plain > (chunks - 1) * UInt64(chunkSize) else {
            throw .payloadInvalid("the last chunk is empty")
        }
        return plain
    }
}

/// The 16 bytes a payload begins with.
public struct PayloadNonce: Hashable, Sendable {
    /// The 16 bytes.
    public let bytes: [UInt8]

    /// Takes 16 bytes; nil for any other number.
    public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Envelope.nonceSize else { return nil }
        self.bytes = Array(bytes)
    }

    private init(fresh: Void) {
        bytes = Randomness.bytes(Envelope.nonceSize)
    }

    /// A fresh nonce; one for each payload.
    public static func random() -> PayloadNonce { PayloadNonce(fresh: ()) }
}

/// The key of one payload, and its chunks.
struct ChunkCipher: ~Copyable, Sendable {
    private let key: Key<PayloadPurpose>

    /// Below this many chunks a second core costs more than it gives: a chunk takes about 40 µs, waking a thread 10.
    static let parallelFrom = 4

    /// Opens a payload of one chunk, nonce included, without a guarded block for its key: false when it does not open.
    /// `output` has room for 32 bytes fewer than the payload, which is at least that long.
    static func openOnly(
        _ payload: UnsafeRawBufferPointer, fileKey: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> Bool {
        withWipedBytes(32) { key in
            let nonce = Array(payload[0..<Envelope.nonceSize])
            HKDFSHA256.derive(from: fileKey, salt: nonce, info: Array("payload".utf8), into: key)
            return withNonce(number: 0, last: true) { nonce in
                crypto_aead_chacha20poly1305_ietf_decrypt(
                    output.octets, nil, nil, payload.octets + Envelope.nonceSize,
                    UInt64(payload.count - Envelope.nonceSize), nil, 0, nonce, UnsafeRawBufferPointer(key).octets) == 0
            }
        }
    }

    init(fileKey: borrowing FileKey, nonce: PayloadNonce) throws(SealingError) {
        var secret = try SecretBytes(zeroed: 32)
        fileKey.withBytes { fileKey in
            secret.withMutableBytes {
                HKDFSHA256.derive(from: fileKey, salt: nonce.bytes, info: Array("payload".utf8), into: $0)
            }
        }
        key = try Key(secret)
    }

    /// Seals chunks numbered from `first`: all full, but the last one may be short if `endsPayload`.
    /// `output` has room for the plaintext and a tag for each chunk.
    borrowing func seal(
        _ plaintext: UnsafeRawBufferPointer, first: UInt64, endsPayload: Bool, into output: UnsafeMutableRawPointer
    ) {
        let total = plaintext.count
        let chunks = max(1, (total + Envelope.chunkSize - 1) / Envelope.chunkSize)
        key.withBytes { key in
            let job = Job(key: key.octets, input: plaintext.octets, output: output.assumingMemoryBound(to: UInt8.self))
            Cores.forEachPart(of: chunks, from: ChunkCipher.parallelFrom) { part in
                for index in part {
                    let start = index * Envelope.chunkSize
                    let count = min(Envelope.chunkSize, total - start)
                    let last = endsPayload && index == chunks - 1
                    ChunkCipher.withNonce(number: first + UInt64(index), last: last) { nonce in
                        _ = crypto_aead_chacha20poly1305_ietf_encrypt(
                            job.output + index * Envelope.sealedChunkSize, nil,
                            job.input + start, UInt64(count), nil, 0, nil, nonce, job.key)
                    }
                }
            }
        }
    }

    /// Opens chunks numbered from `first`; gives the index of the first bad chunk, or nil when all are good.
    borrowing func open(
        _ ciphertext: UnsafeRawBufferPointer, first: UInt64, endsPayload: Bool, into output: UnsafeMutableRawPointer
    ) -> Int? {
        let total = ciphertext.count
        let chunks = (total + Envelope.sealedChunkSize - 1) / Envelope.sealedChunkSize
        return key.withBytes { key in
            let job = Job(key: key.octets, input: ciphertext.octets, output: output.assumingMemoryBound(to: UInt8.self))
            let firstBad = FirstBad()
            Cores.forEachPart(of: chunks, from: ChunkCipher.parallelFrom) { part in
                for index in part {
                    let start = index * Envelope.sealedChunkSize
                    let count = min(Envelope.sealedChunkSize, total - start)
                    let last = endsPayload && index == chunks - 1
                    let good = ChunkCipher.withNonce(number: first + UInt64(index), last: last) { nonce in
                        crypto_aead_chacha20poly1305_ietf_decrypt(
                            job.output + index * Envelope.chunkSize,
                            nil, nil, job.input + start, UInt64(count), nil, 0, nonce, job.key) == 0
                    }
                    guard good else {
                        firstBad.note(index)
                        return
                    }
                }
            }
            return firstBad.index
        }
    }

    private static func withNonce<R>(number: UInt64, last: Bool, _ body: (UnsafePointer<UInt8>) -> R) -> R {
        // Eleven bytes of counter: three zero ones, eight of `number`; then the flag.
        var nonce: (UInt32, UInt32, UInt32) = (0, 0, 0)
        return withUnsafeMutableBytes(of: &nonce) { raw in
            for index in 0..<8 { raw[3 + index] = UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * index)) }
            raw[11] = last ? 1 : 0
            return raw.withMemoryRebound(to: UInt8.self) { body($0.baseAddress!) }  // twelve bytes, not none
        }
    }

    // Sendable: each half touches its own chunks of the buffers, which the caller holds until both have ended.
    private struct Job: @unchecked Sendable {
        let key: UnsafePointer<UInt8>
        let input: UnsafePointer<UInt8>
        let output: UnsafeMutablePointer<UInt8>
    }
}
