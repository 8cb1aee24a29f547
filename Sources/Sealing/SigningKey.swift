import CSodium

/// An Ed25519 signing key (RFC 8032) in guarded memory.
public struct SigningKey: ~Copyable, Sendable {
    // libsodium's form: 32-byte seed, then the 32-byte public key.
    private let secret: SecretBytes
    /// The public half.
    public let verifyingKey: VerifyingKey

    /// A fresh key.
    public static func generate() throws(SealingError) -> SigningKey {
        try SigningKey(seed: SecretBytes.random(32))
    }

    /// The key of a 32-byte seed.
    public init(seed: consuming SecretBytes) throws(SealingError) {
        guard seed.count == 32 else { throw .sizeWrong(expected: 32, actual: seed.count) }
        var secret = try SecretBytes(zeroed: 64)
        var publicKey = [UInt8](repeating: 0, count: 32)
        seed.withBytes { seed in
            secret.withMutableBytes { secret in
                _ = crypto_sign_seed_keypair(
                    &publicKey, secret.octets,
                    seed.octets)
            }
        }
        self.secret = secret
        verifyingKey = VerifyingKey(unchecked: publicKey)
    }

    /// The 64-byte signature over the message; the same message gives the same signature.
    public borrowing func signature(for message: [UInt8]) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: 64)
        secret.withBytes { secret in
            _ = crypto_sign_detached(
                &signature, nil, message, UInt64(message.count), secret.octets)
        }
        return signature
    }

    /// The seed, for putting the key into a keybox.
    public borrowing func seedCopy() throws(SealingError) -> SecretBytes {
        try secret.withBytes { secret throws(SealingError) in
            try SecretBytes(copying: UnsafeRawBufferPointer(rebasing: secret[0..<32]))
        }
    }
}

/// An Ed25519 public key.
public struct VerifyingKey: Hashable, Sendable {
    /// The 32 bytes.
    public let rawRepresentation: [UInt8]

    /// Takes 32 bytes; nil for any other number.
    public init?(rawRepresentation: [UInt8]) {
        guard rawRepresentation.count == 32 else { return nil }
        self.rawRepresentation = rawRepresentation
    }

    fileprivate init(unchecked bytes: [UInt8]) {
        rawRepresentation = bytes
    }

    /// Whether the signature is this key's over the message. Small-order keys and malleable signatures are refused.
    public func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
        guard signature.count == 64, Sodium.ready else { return false }
        return crypto_sign_verify_detached(signature, message, UInt64(message.count), rawRepresentation) == 0
    }
}
