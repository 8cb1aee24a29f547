import Crypto

// Authenticator data, section 6.1: SHA-256 of the relying party's id (32 bytes), flags (1), signature counter (4, big
// endian), attested credential data if flag AT is set, a CBOR map of extensions if flag ED is; nothing more.
struct AuthenticatorData {
    struct Flags: OptionSet {
        let rawValue: UInt8

        static let userPresent = Flags(rawValue: 1 << 0)
        static let userVerified = Flags(rawValue: 1 << 2)
        static let backupEligible = Flags(rawValue: 1 << 3)
        static let backedUp = Flags(rawValue: 1 << 4)
        static let attestedCredentialData = Flags(rawValue: 1 << 6)
        static let extensions = Flags(rawValue: 1 << 7)
    }

    /// Section 6.5.1: AAGUID (16 bytes), length of the id (2, big endian), id, credential key.
    struct AttestedCredential {
        let id: [UInt8]
        let publicKey: PublicKey
        /// The key's COSE bytes, as they came.
        let publicKeyBytes: [UInt8]
    }

    let bytes: [UInt8]
    let rpIDHash: [UInt8]
    let flags: Flags
    let signCount: UInt32
    let attestedCredential: AttestedCredential?

    init(_ bytes: [UInt8]) throws(WebAuthnError) {
        guard bytes.count <= maximumByteCount else { throw .responseTooLarge }
        guard bytes.count >= 37 else { throw .authenticatorDataMalformed }
        self.bytes = bytes
        rpIDHash = Array(bytes[..<32])
        flags = Flags(rawValue: bytes[32])
        signCount = bytes[33..<37].reduce(0) { $0 << 8 | UInt32($1) }
        var rest = bytes[37...]
        attestedCredential =
            flags.contains(.attestedCredentialData) ? try AttestedCredential(takenFrom: &rest) : nil
        if flags.contains(.extensions) {
            // None is asked for, so whatever is there is ignored, as the last step of either ceremony allows.
            guard let keys = (try? CBOR.read(from: &rest))?.keys, keys.allSatisfy(\.isText) else {
                throw .authenticatorDataMalformed
            }
        }
        guard rest.isEmpty else { throw .authenticatorDataMalformed }
    }

    /// RP id hash, UP, UV and BE with BS, in the order of the steps of sections 7.1 and 7.2.
    func verify(
        rpID: String, userVerification: UserVerificationRequirement
    ) throws(WebAuthnError) {
        guard rpIDHash.elementsEqual(SHA256.hash(data: Array(rpID.utf8))) else { throw .rpIDMismatch }
        guard flags.contains(.userPresent) else { throw .userNotPresent }
        guard userVerification != .required || flags.contains(.userVerified) else { throw .userNotVerified }
        guard flags.contains(.backupEligible) || !flags.contains(.backedUp) else { throw .backupStateInvalid }
    }

    /// What an authenticator signs: the authenticator data, then SHA-256 of `clientDataJSON`.
    func signedBytes(clientDataJSON: [UInt8]) -> [UInt8] { bytes + SHA256.hash(data: clientDataJSON) }
}

extension AuthenticatorData.AttestedCredential {
    static let maximumIDByteCount = 1023

    init(takenFrom rest: inout ArraySlice<UInt8>) throws(WebAuthnError) {
        guard rest.count >= 18 else { throw .authenticatorDataMalformed }
        let count = rest.dropFirst(16).prefix(2).reduce(0) { $0 << 8 | Int($1) }
        rest = rest.dropFirst(18)
        guard (1...Self.maximumIDByteCount).contains(count), count <= rest.count else {
            throw .authenticatorDataMalformed
        }
        id = Array(rest.prefix(count))
        rest = rest.dropFirst(count)
        let before = rest
        guard let key = try? CBOR.read(from: &rest) else { throw .authenticatorDataMalformed }
        publicKeyBytes = Array(before.prefix(before.count - rest.count))
        publicKey = try PublicKey(key)
    }
}
