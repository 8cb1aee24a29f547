import CSodium

// A file key under ChaCha20-Poly1305 with a zero nonce, for a key used once: the body of X25519 and scrypt stanzas.
enum FileKeyBox {
    static func seal(_ fileKey: borrowing FileKey, key: UnsafeRawBufferPointer) -> [UInt8] {
        let nonce = [UInt8](repeating: 0, count: 12)
        var body = [UInt8](repeating: 0, count: 32)
        fileKey.withBytes { fileKey in
            _ = crypto_aead_chacha20poly1305_ietf_encrypt(
                &body, nil, fileKey.octets, UInt64(fileKey.count), nil, 0, nil, nonce,
                key.octets)
        }
        return body
    }

    /// Nil when the key is another; the body has 32 bytes.
    static func open(_ body: [UInt8], key: UnsafeRawBufferPointer) throws(SealingError) -> FileKey? {
        let nonce = [UInt8](repeating: 0, count: 12)
        var secret = try SecretBytes(zeroed: 16)
        let opened = secret.withMutableBytes { out in
            crypto_aead_chacha20poly1305_ietf_decrypt(
                out.octets, nil, nil, body, UInt64(body.count), nil, 0, nonce,
                key.octets) == 0
        }
        guard opened else { return nil }
        return try FileKey(secret)
    }
}
