import CSodium

// age's `X25519` stanza: one argument, the ephemeral share; body, the file key under ChaCha20-Poly1305 with a zero nonce,
// key HKDF-SHA-256(shared secret, salt = share ‖ recipient, info = "age-encryption.org/v1/X25519").

private let label = Array("age-encryption.org/v1/X25519".utf8)

/// The public half of an X25519 identity, for interchange with other age tools.
public struct X25519Recipient: Hashable, Sendable, CustomStringConvertible {
    static let stanzaType = "X25519"

    /// The 32 bytes of the point.
    public let rawRepresentation: [UInt8]

    /// Takes exactly 32 bytes.
    public init(rawRepresentation: [UInt8]) throws(SealingError) {
        guard rawRepresentation.count == 32 else { throw .keyInvalid("an X25519 recipient has 32 bytes") }
        self.rawRepresentation = rawRepresentation
    }

    /// Takes `age1…`.
    public init(parsing text: String) throws(SealingError) {
        guard let bytes = Bech32.decode(text, prefix: "age") else { throw .keyInvalid("not an age1 recipient") }
        try self.init(rawRepresentation: bytes)
    }

    /// `age1…`
    public var description: String { Bech32.encode("age", rawRepresentation) }

    func stanza(for fileKey: borrowing FileKey) throws(SealingError) -> Stanza {
        try stanza(for: fileKey, ephemeral: SecretBytes.random(32))
    }

    /// The stanza that this ephemeral key makes; only the writer of test vectors chooses one.
    package func stanza(
        for fileKey: borrowing FileKey, ephemeral: consuming SecretBytes
    ) throws(SealingError) -> Stanza {
        try Sodium.start()
        var share = [UInt8](repeating: 0, count: 32)
        ephemeral.withBytes { _ = crypto_scalarmult_base(&share, $0.octets) }
        let body = try withWipedBytes(64) { space throws(SealingError) -> [UInt8] in
            let shared = UnsafeMutableRawBufferPointer(rebasing: space[0..<32])
            let key = UnsafeMutableRawBufferPointer(rebasing: space[32..<64])
            let agreed = ephemeral.withBytes { secret in
                crypto_scalarmult(
                    shared.octets, secret.octets,
                    rawRepresentation) == 0
            }
            guard agreed else { throw .keyInvalid("the X25519 recipient is a low-order point") }
            HKDFSHA256.derive(
                from: UnsafeRawBufferPointer(shared), salt: share + rawRepresentation, info: label, into: key)
            return FileKeyBox.seal(fileKey, key: UnsafeRawBufferPointer(key))
        }
        return Stanza(
            type: X25519Recipient.stanzaType, arguments: [String(decoding: Base64.encode(share), as: UTF8.self)],
            body: body)
    }
}

/// An X25519 identity in guarded memory, for interchange.
public struct X25519Identity: ~Copyable, Sendable {
    private let secret: SecretBytes
    /// The public half, computed from the secret.
    public let recipient: X25519Recipient

    /// A fresh identity.
    public static func generate() throws(SealingError) -> X25519Identity {
        try X25519Identity(seed: SecretBytes.random(32))
    }

    /// The identity of 32 secret bytes.
    public init(seed: consuming SecretBytes) throws(SealingError) {
        guard seed.count == 32 else { throw .sizeWrong(expected: 32, actual: seed.count) }
        var point = [UInt8](repeating: 0, count: 32)
        seed.withBytes { _ = crypto_scalarmult_base(&point, $0.octets) }
        recipient = try X25519Recipient(rawRepresentation: point)
        secret = seed
    }

    /// Takes `AGE-SECRET-KEY-1…`; the text is ordinary memory.
    public init(parsing text: String) throws(SealingError) {
        guard var bytes = Bech32.decode(text, prefix: "age-secret-key-") else {
            throw .keyInvalid("not an X25519 identity")
        }
        defer { sodium_memzero(&bytes, bytes.count) }
        try self.init(seed: SecretBytes(copying: bytes))
    }

    /// The secret, for wrapping it to a holder.
    public borrowing func seedCopy() throws(SealingError) -> SecretBytes {
        try secret.copy()
    }

    /// `AGE-SECRET-KEY-1…`, for handing the identity to another age tool; the text is ordinary memory.
    public borrowing func exported() -> String {
        secret.withBytes { Bech32.encode("age-secret-key-", $0).uppercased() }
    }

    /// The file key of a stanza: nil when it is for somebody else, an error when it is malformed.
    borrowing func fileKey(from stanza: Stanza) throws(SealingError) -> FileKey? {
        guard stanza.arguments.count == 1, let share = Base64.decode(stanza.arguments[0].utf8), share.count == 32 else {
            throw .headerInvalid("an X25519 stanza has one argument of 32 bytes")
        }
        guard stanza.body.count == 32 else { throw .headerInvalid("an X25519 stanza has a body of 32 bytes") }
        let own = recipient.rawRepresentation
        return try withWipedBytes(64) { space throws(SealingError) -> FileKey? in
            let shared = UnsafeMutableRawBufferPointer(rebasing: space[0..<32])
            let key = UnsafeMutableRawBufferPointer(rebasing: space[32..<64])
            let agreed = secret.withBytes { secret in
                crypto_scalarmult(
                    shared.octets, secret.octets,
                    share) == 0
            }
            guard agreed else { throw .headerInvalid("an X25519 stanza's share is a low-order point") }
            HKDFSHA256.derive(from: UnsafeRawBufferPointer(shared), salt: share + own, info: label, into: key)
            return try FileKeyBox.open(stanza.body, key: UnsafeRawBufferPointer(key))
        }
    }
}
