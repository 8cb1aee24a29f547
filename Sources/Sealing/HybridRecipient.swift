import CSodium
import Crypto

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

// age's `mlkem768x25519` stanza: HPKE (RFC 9180) in base mode with KEM X-Wing (0x647a), HKDF-SHA-256 and
// ChaCha20-Poly1305; one argument, the encapsulated key (1,120 bytes); body, the sealed file key (32 bytes).
// The private key is X-Wing's 32-byte seed. swift-crypto holds what is made of it in memory of its own, which cannot be
// wiped: an opener lives only as long as the call that it serves.

private let suite = HPKE.Ciphersuite(kem: .XWingMLKEM768X25519, kdf: .HKDF_SHA256, aead: .chaChaPoly)
private let info = Data("age-encryption.org/mlkem768x25519".utf8)

/// The public half of a hybrid identity: 1,216 bytes, `age1pq1…` in text.
public struct HybridRecipient: Hashable, Sendable, CustomStringConvertible {
    static let stanzaType = "mlkem768x25519"
    /// The length of a recipient.
    public static let byteCount = 1216

    /// The ML-KEM-768 encapsulation key, then the X25519 public key.
    public let rawRepresentation: [UInt8]

    /// Takes exactly 1,216 bytes.
    public init(rawRepresentation: [UInt8]) throws(SealingError) {
        guard rawRepresentation.count == HybridRecipient.byteCount else {
            throw .keyInvalid("a hybrid recipient has 1216 bytes")
        }
        self.rawRepresentation = rawRepresentation
    }

    /// Takes `age1pq1…`.
    public init(parsing text: String) throws(SealingError) {
        guard let bytes = Bech32.decode(text, prefix: "age1pq") else { throw .keyInvalid("not an age1pq1 recipient") }
        try self.init(rawRepresentation: bytes)
    }

    /// `age1pq1…`
    public var description: String { Bech32.encode("age1pq", rawRepresentation) }

    func stanza(for fileKey: borrowing FileKey) throws(SealingError) -> Stanza {
        do {
            let key = try XWingMLKEM768X25519.PublicKey(rawRepresentation: rawRepresentation)
            var sender = try HPKE.Sender(recipientKey: key, ciphersuite: suite, info: info)
            let body = try fileKey.withBytes { try sender.seal($0) }
            return Stanza(
                type: HybridRecipient.stanzaType,
                arguments: [String(decoding: Base64.encode(sender.encapsulatedKey), as: UTF8.self)], body: Array(body))
        } catch {
            throw .keyInvalid("the hybrid recipient's key cannot be used")
        }
    }
}

/// A hybrid identity: a 32-byte seed in guarded memory.
public struct HybridIdentity: ~Copyable, Sendable {
    private let seed: SecretBytes
    /// The public half, computed from the seed.
    public let recipient: HybridRecipient

    /// A fresh identity.
    public static func generate() throws(SealingError) -> HybridIdentity {
        try HybridIdentity(seed: SecretBytes.random(32))
    }

    /// The identity of a 32-byte seed.
    public init(seed: consuming SecretBytes) throws(SealingError) {
        guard seed.count == 32 else { throw .sizeWrong(expected: 32, actual: seed.count) }
        let opener = try HybridOpener(seed)
        recipient = try HybridRecipient(rawRepresentation: Array(opener.key.publicKey.rawRepresentation))
        self.seed = seed
    }

    /// Takes `AGE-SECRET-KEY-PQ-1…`; the text is ordinary memory.
    public init(parsing text: String) throws(SealingError) {
        guard var bytes = Bech32.decode(text, prefix: "age-secret-key-pq-") else {
            throw .keyInvalid("not a hybrid identity")
        }
        defer { sodium_memzero(&bytes, bytes.count) }
        try self.init(seed: SecretBytes(copying: bytes))
    }

    /// The seed, for wrapping it to a holder.
    public borrowing func seedCopy() throws(SealingError) -> SecretBytes {
        try seed.copy()
    }

    /// `AGE-SECRET-KEY-PQ-1…`, for handing the identity to another age tool; the text is ordinary memory.
    public borrowing func exported() -> String {
        seed.withBytes { Bech32.encode("age-secret-key-pq-", $0).uppercased() }
    }

    /// Expands the seed once, for opening many wraps or headers in one call.
    public borrowing func withOpener<R: ~Copyable, E: Error>(
        _ body: (borrowing HybridOpener) throws(E) -> R
    ) throws(E) -> R {
        // The seed made a key when the identity was made, so it does now.
        guard let opener = try? HybridOpener(seed) else { preconditionFailure("a seed that no longer expands") }
        return try body(opener)
    }
}

/// An identity's expanded key, for the length of one call; expanding costs about as much as opening.
public struct HybridOpener: ~Copyable, Sendable {
    fileprivate let key: XWingMLKEM768X25519.PrivateKey

    fileprivate init(_ seed: borrowing SecretBytes) throws(SealingError) {
        do {
            key = try seed.withBytes { try XWingMLKEM768X25519.PrivateKey(seedRepresentation: $0, publicKey: nil) }
        } catch {
            throw .keyInvalid("the hybrid identity's seed cannot be used")
        }
    }

    /// The file key of a stanza: nil when it is for somebody else, an error when it is malformed.
    borrowing func fileKey(from stanza: Stanza) throws(SealingError) -> FileKey? {
        var secret = try SecretBytes(zeroed: FilePurpose.byteCount)
        let opened = try secret.withMutableBytes { out throws(SealingError) in try open(stanza, into: out) }
        guard opened else { return nil }
        return try FileKey(secret)
    }

    /// Puts the 16-byte file key of a stanza into `out`: false when it is for somebody else.
    borrowing func open(_ stanza: Stanza, into out: UnsafeMutableRawBufferPointer) throws(SealingError) -> Bool {
        guard stanza.arguments.count == 1, let share = Base64.decode(stanza.arguments[0].utf8), share.count == 1120
        else {
            throw .headerInvalid("a hybrid stanza has one argument of 1120 bytes")
        }
        guard stanza.body.count == 32 else { throw .headerInvalid("a hybrid stanza has a body of 32 bytes") }
        var recipient: HPKE.Recipient
        do {
            recipient = try HPKE.Recipient(
                privateKey: key, ciphersuite: suite, info: info, encapsulatedKey: Data(share))
        } catch {
            // The X25519 share is a low-order point: the shared secret would be all zero.
            throw .headerInvalid("a hybrid stanza's share is not valid")
        }
        guard var opened = try? recipient.open(stanza.body) else { return false }
        opened.withUnsafeMutableBytes { opened in
            out.copyMemory(from: UnsafeRawBufferPointer(opened))
            sodium_memzero(opened.baseAddress, opened.count)
        }
        return true
    }
}
