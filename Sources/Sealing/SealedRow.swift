import CSodium

// A row of details: 24-byte nonce ‖ XChaCha20-Poly1305 ciphertext and tag, under the row's own key: keyed BLAKE2b of
// `strongroom/v1/row`, 0, row id under the detail key. One post-quantum wrap of the detail key thus serves a session's
// rows, and one row can be handed on by its key alone.

/// One sealed row.
public enum SealedRow {
    /// What sealing adds to a row.
    public static let overhead = 40

    private static let label = "strongroom/v1/row"

    /// Seals a row under a fresh nonce.
    public static func seal(
        _ plaintext: [UInt8], key: borrowing DetailKey, row: [UInt8], associatedData: [UInt8]
    ) throws(SealingError) -> [UInt8] {
        try Sodium.start()
        return key.withBytes { detail in
            withWipedBytes(32) { rowKey in
                KeyedHash.derive(from: detail, label: label, context: row, into: rowKey)
                return seal(plaintext, rowKey: UnsafeRawBufferPointer(rowKey), associatedData: associatedData)
            }
        }
    }

    /// Opens a row; throws `.rowInvalid` for another key, row id or associated data, or altered bytes.
    public static func open(
        _ sealed: UnsafeRawBufferPointer, key: borrowing DetailKey, row: [UInt8], associatedData: [UInt8]
    ) throws(SealingError) -> [UInt8] {
        try Sodium.start()
        return try key.withBytes { detail throws(SealingError) in
            try withWipedBytes(32) { rowKey throws(SealingError) in
                KeyedHash.derive(from: detail, label: label, context: row, into: rowKey)
                return try open(sealed, rowKey: UnsafeRawBufferPointer(rowKey), associatedData: associatedData)
            }
        }
    }

    /// Opens a row with one key of a block; throws `.rowInvalid`.
    public static func open(
        _ sealed: UnsafeRawBufferPointer, keys: borrowing KeyBlock<DetailPurpose>, at index: Int, row: [UInt8],
        associatedData: [UInt8]
    ) throws(SealingError) -> [UInt8] {
        try Sodium.start()
        return try keys.withKey(at: index) { detail throws(SealingError) in
            try withWipedBytes(32) { rowKey throws(SealingError) in
                KeyedHash.derive(from: detail, label: label, context: row, into: rowKey)
                return try open(sealed, rowKey: UnsafeRawBufferPointer(rowKey), associatedData: associatedData)
            }
        }
    }

    /// Opens a row; throws `.rowInvalid`.
    public static func open(
        _ sealed: [UInt8], key: borrowing DetailKey, row: [UInt8], associatedData: [UInt8]
    ) throws(SealingError) -> [UInt8] {
        try sealed.withBytes { raw throws(SealingError) in
            try open(raw, key: key, row: row, associatedData: associatedData)
        }
    }

    /// The key of one row, for wrapping it to somebody who may read this row alone.
    public static func key(of row: [UInt8], from detail: borrowing DetailKey) throws(SealingError) -> Key<RowPurpose> {
        try KeyedHash.derive(detail, label: label, context: row)
    }

    /// Opens a row with the row's own key; throws `.rowInvalid`.
    public static func open(
        _ sealed: UnsafeRawBufferPointer, rowKey: borrowing Key<RowPurpose>, associatedData: [UInt8]
    ) throws(SealingError) -> [UInt8] {
        try Sodium.start()
        return try rowKey.withBytes { key throws(SealingError) in
            try open(sealed, rowKey: key, associatedData: associatedData)
        }
    }

    /// Seals bytes under a session's key: 24-byte nonce ‖ ciphertext.
    public static func seal(
        _ plaintext: borrowing SecretBytes, session key: borrowing SessionKey, associatedData: [UInt8]
    ) throws(SealingError) -> [UInt8] {
        try plaintext.withBytes { (bytes) throws(SealingError) in
            try seal(bytes, session: key, associatedData: associatedData)
        }
    }

    /// The same of bytes that lie in guarded memory, or in memory that is wiped.
    public static func seal(
        _ plaintext: UnsafeRawBufferPointer, session key: borrowing SessionKey, associatedData: [UInt8]
    ) throws(SealingError) -> [UInt8] {
        try Sodium.start()
        return key.withBytes { XChaCha.seal(plaintext, key: $0, nonce: Randomness.bytes(24), associatedData) }
    }

    /// Opens what was sealed under a session's key; throws `.rowInvalid`.
    public static func open(
        _ sealed: [UInt8], session key: borrowing SessionKey, associatedData: [UInt8]
    ) throws(SealingError) -> SecretBytes {
        try Sodium.start()
        guard sealed.count >= overhead else { throw .rowInvalid }
        var secret = try SecretBytes(zeroed: sealed.count - overhead)
        let opened = sealed.withUnsafeBytes { raw in
            secret.withMutableBytes { out in
                key.withBytes { XChaCha.open(raw, key: $0, associatedData, into: out) }
            }
        }
        guard opened else { throw .rowInvalid }
        return secret
    }

    /// Lends what was sealed under a session's key, in ordinary memory that is wiped when the closure returns: for text, which
    /// may be too much to lock. Throws `.rowInvalid`.
    package static func withOpened<R>(
        _ sealed: [UInt8], session key: borrowing SessionKey, associatedData: [UInt8],
        _ body: (UnsafeRawBufferPointer) throws -> R
    ) throws -> R {
        try Sodium.start()
        guard sealed.count >= overhead else { throw SealingError.rowInvalid }
        let plain = WipedBuffer(count: sealed.count - overhead)
        let opened = sealed.withBytes { raw in
            key.withBytes { XChaCha.open(raw, key: $0, associatedData, into: plain.bytes) }
        }
        guard opened else { throw SealingError.rowInvalid }
        return try withExtendedLifetime(plain) { try body(UnsafeRawBufferPointer(plain.bytes)) }
    }

    private static func seal(
        _ plaintext: [UInt8], rowKey: UnsafeRawBufferPointer, associatedData: [UInt8]
    ) -> [UInt8] {
        plaintext.withUnsafeBytes { XChaCha.seal($0, key: rowKey, nonce: Randomness.bytes(24), associatedData) }
    }

    private static func open(
        _ sealed: UnsafeRawBufferPointer, rowKey: UnsafeRawBufferPointer, associatedData: [UInt8]
    ) throws(SealingError) -> [UInt8] {
        guard sealed.count >= overhead else { throw .rowInvalid }
        var valid = false
        let count = sealed.count - overhead
        let plaintext = [UInt8](unsafeUninitializedCapacity: count) { out, used in
            valid = XChaCha.open(sealed, key: rowKey, associatedData, into: UnsafeMutableRawBufferPointer(out))
            used = valid ? count : 0
        }
        guard valid else { throw .rowInvalid }
        return plaintext
    }
}

// XChaCha20-Poly1305-IETF with its nonce in front.
enum XChaCha {
    static func seal(
        _ plaintext: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, nonce: [UInt8], _ associatedData: [UInt8]
    ) -> [UInt8] {
        let count = 24 + plaintext.count + 16
        return [UInt8](unsafeUninitializedCapacity: count) { out, used in
            UnsafeMutableRawBufferPointer(out).copyBytes(from: nonce)
            _ = crypto_aead_xchacha20poly1305_ietf_encrypt(
                UnsafeMutableRawBufferPointer(out).octets + 24, nil, plaintext.octets,
                UInt64(plaintext.count), associatedData, UInt64(associatedData.count), nil, nonce,
                key.octets)
            used = count
        }
    }

    /// `sealed` has at least 40 bytes, `out` room for 40 fewer than it.
    static func open(
        _ sealed: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, _ associatedData: [UInt8],
        into out: UnsafeMutableRawBufferPointer
    ) -> Bool {
        let base = sealed.octets
        return crypto_aead_xchacha20poly1305_ietf_decrypt(
            out.octets, nil, nil, base + 24, UInt64(sealed.count - 24), associatedData,
            UInt64(associatedData.count), base, key.octets) == 0
    }
}
