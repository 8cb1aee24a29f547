/// What a key is for. A key of one purpose cannot be given where another is wanted.
public protocol KeyPurpose: Sendable {
    /// The length of a key of this purpose.
    static var byteCount: Int { get }
}

/// A key for one purpose: it does not print, encode or copy.
public struct Key<Purpose: KeyPurpose>: ~Copyable, Sendable {
    private let secret: SecretBytes

    /// Takes the secret over; throws `.sizeWrong` when it has not the length of the purpose.
    public init(_ secret: consuming SecretBytes) throws(SealingError) {
        guard secret.count == Purpose.byteCount else {
            throw .sizeWrong(expected: Purpose.byteCount, actual: secret.count)
        }
        self.secret = secret
    }

    /// A fresh random key.
    public static func random() throws(SealingError) -> Key {
        try Key(SecretBytes.random(Purpose.byteCount))
    }

    /// Lends the key's bytes; the pointer is not to leave the closure.
    public borrowing func withBytes<R: ~Copyable, E: Error>(
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try secret.withBytes(body)
    }

    /// The key's bytes in a secret of their own, for wrapping.
    public borrowing func secretCopy() throws(SealingError) -> SecretBytes {
        try secret.copy()
    }

    /// Whether both are the same key, in constant time.
    public borrowing func isEqual(to other: borrowing Key) -> Bool {
        secret.isEqual(to: other.secret)
    }
}

/// The 16-byte key of one age file.
public enum FilePurpose: KeyPurpose {
    /// Sixteen, as age v1 has it.
    public static var byteCount: Int { 16 }
}
/// Seals the rows of one author's session; each row has its own key derived from it.
public enum DetailPurpose: KeyPurpose {
    /// Thirty-two.
    public static var byteCount: Int { 32 }
}
/// The server's half of every keybox.
public enum ServerSecretPurpose: KeyPurpose {
    /// Thirty-two.
    public static var byteCount: Int { 32 }
}
/// Keyed hashes.
public enum TagPurpose: KeyPurpose {
    /// Thirty-two.
    public static var byteCount: Int { 32 }
}
/// Seals what a session holds.
public enum SessionPurpose: KeyPurpose {
    /// Thirty-two.
    public static var byteCount: Int { 32 }
}
/// One sealed row.
public enum RowPurpose: KeyPurpose {
    /// Thirty-two.
    public static var byteCount: Int { 32 }
}
/// The chunks of one payload.
enum PayloadPurpose: KeyPurpose {
    static var byteCount: Int { 32 }
}

/// The key of one age file.
public typealias FileKey = Key<FilePurpose>
/// The key of one author's rows in one session.
public typealias DetailKey = Key<DetailPurpose>
/// The server's half of every keybox.
public typealias ServerSecret = Key<ServerSecretPurpose>
/// A key for keyed hashes.
public typealias TagKey = Key<TagPurpose>
/// A key for what a session holds.
public typealias SessionKey = Key<SessionPurpose>
