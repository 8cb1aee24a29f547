import CSodium

// What came of an upload's next chunk before the connection was cut. It must be kept, and must not be sealed as a chunk:
// the chunk will be sealed once, whole, when the rest of it is known. So the tail has a key of its own (keyed BLAKE2b of
// `strongroom/v1/upload-tail`, 0, context under the file key), and a fresh nonce each time it is kept.

/// The bytes of an unfinished upload that are not a whole chunk yet: 24-byte nonce ‖ XChaCha20-Poly1305.
public enum SealedTail {
    private static let label = "strongroom/v1/upload-tail"

    /// Seals the tail; the context names the upload.
    public static func seal(
        _ plaintext: UnsafeRawBufferPointer, fileKey: borrowing FileKey, context: [UInt8]
    ) throws(SealingError) -> [UInt8] {
        try Sodium.start()
        return fileKey.withBytes { fileKey in
            withWipedBytes(32) { key in
                KeyedHash.derive(from: fileKey, label: label, context: context, into: key)
                return XChaCha.seal(plaintext, key: UnsafeRawBufferPointer(key), nonce: Randomness.bytes(24), [])
            }
        }
    }

    /// Lends the tail, wiped afterwards; throws `.rowInvalid` for another key or context, or altered bytes.
    public static func open<R: ~Copyable>(
        _ sealed: [UInt8], fileKey: borrowing FileKey, context: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> R
    ) throws -> R {
        try Sodium.start()
        guard sealed.count >= SealedRow.overhead else { throw SealingError.rowInvalid }
        let plain = WipedBuffer(count: sealed.count - SealedRow.overhead)
        let opened = fileKey.withBytes { fileKey in
            withWipedBytes(32) { key in
                KeyedHash.derive(from: fileKey, label: label, context: context, into: key)
                return sealed.withBytes {
                    XChaCha.open($0, key: UnsafeRawBufferPointer(key), [], into: plain.bytes)
                }
            }
        }
        guard opened else { throw SealingError.rowInvalid }
        return try body(UnsafeRawBufferPointer(plain.bytes))
    }
}
