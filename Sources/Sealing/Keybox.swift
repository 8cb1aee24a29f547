import CSodium

// Under a password: version 1 (1 byte) ‖ memory in KiB (u32 big-endian) ‖ passes (u32 big-endian) ‖ salt (16) ‖ nonce (24) ‖ ciphertext.
// Key: HKDF-SHA-256(Argon2id13(password, salt, 32 bytes) ‖ server secret, no salt, info = "strongroom/v1/keybox").
// Associated data: the 49 bytes before the ciphertext, then the caller's context.
// Under a token: version 2 (1 byte) ‖ nonce (24) ‖ ciphertext. A token is random, so it needs no slow hash.
// Key: HKDF-SHA-256(token ‖ server secret, no salt, info = "strongroom/v1/token-keybox").
// Associated data: the 25 bytes before the ciphertext, then the caller's context.
// The parameters are read before anything is known to be genuine, so they are bounded before memory is taken.

/// How hard a password is hashed: Argon2id version 1.3, one lane.
public struct PasswordHashing: Hashable, Sendable {
    /// Memory in bytes; a multiple of 1,024.
    public let memoryBytes: Int
    /// Passes over it.
    public let passes: Int

    /// Takes the parameters as they are; `Keybox` bounds them.
    public init(memoryBytes: Int, passes: Int) {
        self.memoryBytes = memoryBytes
        self.passes = passes
    }

    /// The least and the most that is accepted.
    public struct Bounds: Hashable, Sendable {
        /// Neither memory nor passes below this.
        public let minimum: PasswordHashing
        /// Neither memory nor passes above this.
        public let maximum: PasswordHashing

        /// Takes the two ends, both accepted.
        public init(minimum: PasswordHashing, maximum: PasswordHashing) {
            self.minimum = minimum
            self.maximum = maximum
        }

        /// Whether the parameters lie within.
        public func contains(_ hashing: PasswordHashing) -> Bool {
            hashing.memoryBytes >= minimum.memoryBytes && hashing.memoryBytes <= maximum.memoryBytes
                && hashing.passes >= minimum.passes && hashing.passes <= maximum.passes
        }
    }
}

/// Secrets under a password, or a token, and the server secret.
public enum Keybox {
    private static let version: UInt8 = 1
    private static let tokenVersion: UInt8 = 2
    private static let tokenPrefixCount = 25
    /// The fewest bytes of a token: 128 bits.
    public static let leastTokenBytes = 16
    private static let prefixCount = 49
    private static let tagCount = 16

    /// Seals the secrets. Takes the memory and time that `hashing` says.
    ///
    /// Throws `.parametersOutOfBounds` for memory that is no multiple of 1 KiB or below 8 KiB, or no pass; `.outOfMemory`.
    public static func seal(
        _ secrets: borrowing SecretBytes, password: borrowing SecretBytes, serverSecret: borrowing ServerSecret,
        hashing: PasswordHashing, context: [UInt8]
    ) throws(SealingError) -> [UInt8] {
        guard hashing.memoryBytes.isMultiple(of: 1024), hashing.memoryBytes >= 8192, hashing.passes >= 1,
            let kibibytes = UInt32(exactly: hashing.memoryBytes / 1024), let passes = UInt32(exactly: hashing.passes)
        else { throw .parametersOutOfBounds }
        let salt = Randomness.bytes(16)
        let nonce = Randomness.bytes(24)
        let prefix = [version] + kibibytes.bigEndianBytes + passes.bigEndianBytes + salt + nonce
        return try withKey(password, serverSecret, hashing, salt: salt) { key in
            let sealed = secrets.withBytes { XChaCha.seal($0, key: key, nonce: nonce, prefix + context) }
            return prefix + sealed.dropFirst(24)
        }
    }

    /// Opens a keybox.
    ///
    /// Throws `.parametersOutOfBounds` before any hashing when its parameters are outside `bounds`; `.passwordOrKeyWrong`
    /// when password, server secret or context differ or a byte was altered; `.keyboxInvalid` when it is malformed.
    public static func open(
        _ box: [UInt8], password: borrowing SecretBytes, serverSecret: borrowing ServerSecret,
        bounds: PasswordHashing.Bounds, context: [UInt8]
    ) throws(SealingError) -> SecretBytes {
        let hashing = try hashing(of: box)
        guard bounds.contains(hashing) else { throw .parametersOutOfBounds }
        let prefix = Array(box[0..<prefixCount])
        let salt = Array(box[9..<25])
        var secret = try SecretBytes(zeroed: box.count - prefixCount - tagCount)
        let opened = try withKey(password, serverSecret, hashing, salt: salt) { key in
            Array(box[25...]).withUnsafeBytes { sealed in
                secret.withMutableBytes { XChaCha.open(sealed, key: key, prefix + context, into: $0) }
            }
        }
        guard opened else { throw .passwordOrKeyWrong }
        return secret
    }

    /// Seals the secrets under a random token of at least 16 bytes; throws `.sizeWrong` for a shorter one.
    public static func seal(
        _ secrets: borrowing SecretBytes, token: borrowing SecretBytes, serverSecret: borrowing ServerSecret,
        context: [UInt8]
    ) throws(SealingError) -> [UInt8] {
        let nonce = Randomness.bytes(24)
        let prefix = [tokenVersion] + nonce
        return try withKey(token, serverSecret) { key in
            let sealed = secrets.withBytes { XChaCha.seal($0, key: key, nonce: nonce, prefix + context) }
            return prefix + sealed.dropFirst(24)
        }
    }

    /// Opens what was sealed under a token.
    ///
    /// Throws `.passwordOrKeyWrong` when token, server secret or context differ or a byte was altered; `.keyboxInvalid`
    /// when it is malformed, or under a password.
    public static func open(
        _ box: [UInt8], token: borrowing SecretBytes, serverSecret: borrowing ServerSecret, context: [UInt8]
    ) throws(SealingError) -> SecretBytes {
        guard box.count >= tokenPrefixCount + tagCount, box[0] == tokenVersion else { throw .keyboxInvalid }
        let prefix = Array(box[0..<tokenPrefixCount])
        var secret = try SecretBytes(zeroed: box.count - tokenPrefixCount - tagCount)
        let opened = try withKey(token, serverSecret) { key in
            Array(box[1...]).withUnsafeBytes { sealed in
                secret.withMutableBytes { XChaCha.open(sealed, key: key, prefix + context, into: $0) }
            }
        }
        guard opened else { throw .passwordOrKeyWrong }
        return secret
    }

    private static func withKey<R>(
        _ token: borrowing SecretBytes, _ serverSecret: borrowing ServerSecret, _ body: (UnsafeRawBufferPointer) -> R
    ) throws(SealingError) -> R {
        try Sodium.start()
        guard token.count >= leastTokenBytes else { throw .sizeWrong(expected: leastTokenBytes, actual: token.count) }
        return withWipedBytes(token.count + 32) { material in
            token.withBytes { material.copyMemory(from: $0) }
            serverSecret.withBytes {
                UnsafeMutableRawBufferPointer(rebasing: material[token.count...]).copyMemory(from: $0)
            }
            return withWipedBytes(32) { key in
                HKDFSHA256.derive(
                    from: UnsafeRawBufferPointer(material), salt: [],
                    info: Array("strongroom/v1/token-keybox".utf8), into: key)
                return body(UnsafeRawBufferPointer(key))
            }
        }
    }

    /// The parameters a keybox says it was made with; not authenticated until it opens.
    public static func hashing(of box: [UInt8]) throws(SealingError) -> PasswordHashing {
        guard box.count >= prefixCount + tagCount, box[0] == version else { throw .keyboxInvalid }
        let kibibytes = box[1..<5].reduce(0) { $0 << 8 | Int($1) }
        let passes = box[5..<9].reduce(0) { $0 << 8 | Int($1) }
        guard kibibytes >= 8, passes >= 1 else { throw .keyboxInvalid }
        return PasswordHashing(memoryBytes: kibibytes * 1024, passes: passes)
    }

    private static func withKey<R>(
        _ password: borrowing SecretBytes, _ serverSecret: borrowing ServerSecret, _ hashing: PasswordHashing,
        salt: [UInt8], _ body: (UnsafeRawBufferPointer) -> R
    ) throws(SealingError) -> R {
        try Sodium.start()
        return try withWipedBytes(64) { material throws(SealingError) in
            let hashed = password.withBytes { password in
                crypto_pwhash(
                    material.octets, 32,
                    UnsafeRawPointer(password.octets).assumingMemoryBound(to: CChar.self), UInt64(password.count), salt,
                    UInt64(hashing.passes), hashing.memoryBytes, crypto_pwhash_ALG_ARGON2ID13) == 0
            }
            guard hashed else { throw .outOfMemory }
            serverSecret.withBytes { UnsafeMutableRawBufferPointer(rebasing: material[32...]).copyMemory(from: $0) }
            return withWipedBytes(32) { key in
                HKDFSHA256.derive(
                    from: UnsafeRawBufferPointer(material), salt: [], info: Array("strongroom/v1/keybox".utf8),
                    into: key)
                return body(UnsafeRawBufferPointer(key))
            }
        }
    }
}

extension UInt32 {
    var bigEndianBytes: [UInt8] {
        Swift.withUnsafeBytes(of: bigEndian) { Array($0) }
    }
}
