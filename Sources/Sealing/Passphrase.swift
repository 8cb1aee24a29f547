import CSodium

// age's `scrypt` stanza, for interchange: salt (16 bytes) and work factor as arguments; body, the file key under
// scrypt(passphrase, salt = "age-encryption.org/v1/scrypt" ‖ salt, N = 2^factor, r = 8, p = 1). It is alone in a header.
// Opening takes memory of 2^factor KiB, so the factor is bounded before anything is computed.

/// A passphrase that an age file is sealed with.
public struct Passphrase: ~Copyable, Sendable {
    static let stanzaType = "scrypt"
    /// The highest work factor that is opened: 4 GiB of memory.
    public static let maximumWorkFactor = 22

    private let secret: SecretBytes

    /// Takes the passphrase's UTF-8 bytes.
    public init(_ secret: consuming SecretBytes) {
        self.secret = secret
    }

    borrowing func stanza(for fileKey: borrowing FileKey, workFactor: Int) throws(SealingError) -> Stanza {
        try stanza(for: fileKey, workFactor: workFactor, salt: Randomness.bytes(16))
    }

    /// The stanza with this salt; only the writer of test vectors chooses one.
    package borrowing func stanza(
        for fileKey: borrowing FileKey, workFactor: Int, salt: [UInt8]
    ) throws(SealingError) -> Stanza {
        guard (1...Passphrase.maximumWorkFactor).contains(workFactor), salt.count == 16 else {
            throw .parametersOutOfBounds
        }
        let body = try withWipedBytes(32) { key throws(SealingError) -> [UInt8] in
            try derive(salt: salt, workFactor: workFactor, into: key)
            return FileKeyBox.seal(fileKey, key: UnsafeRawBufferPointer(key))
        }
        return Stanza(
            type: Passphrase.stanzaType,
            arguments: [String(decoding: Base64.encode(salt), as: UTF8.self), String(workFactor)], body: body)
    }

    /// The file key of a stanza: nil when it is for somebody else, an error when it is malformed.
    borrowing func fileKey(from stanza: Stanza) throws(SealingError) -> FileKey? {
        guard stanza.arguments.count == 2, let salt = Base64.decode(stanza.arguments[0].utf8), salt.count == 16 else {
            throw .headerInvalid("a scrypt stanza has a salt of 16 bytes and a work factor")
        }
        let digits = Array(stanza.arguments[1].utf8)
        guard (1...2).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }), digits[0] != 0x30
        else {
            throw .headerInvalid("a scrypt work factor is a decimal number without leading zeros")
        }
        let workFactor = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        guard workFactor <= Passphrase.maximumWorkFactor else {
            throw .headerInvalid("the scrypt work factor is above 22")
        }
        guard stanza.body.count == 32 else { throw .headerInvalid("a scrypt stanza has a body of 32 bytes") }
        return try withWipedBytes(32) { key throws(SealingError) -> FileKey? in
            try derive(salt: salt, workFactor: workFactor, into: key)
            return try FileKeyBox.open(stanza.body, key: UnsafeRawBufferPointer(key))
        }
    }

    private borrowing func derive(
        salt: [UInt8], workFactor: Int, into key: UnsafeMutableRawBufferPointer
    ) throws(SealingError) {
        try Sodium.start()
        let salt = Array("age-encryption.org/v1/scrypt".utf8) + salt
        let done = secret.withBytes { secret in
            crypto_pwhash_scryptsalsa208sha256_ll(
                secret.octets, secret.count, salt, salt.count, 1 << UInt64(workFactor),
                8, 1, key.octets, key.count) == 0
        }
        guard done else { throw .outOfMemory }
    }
}
