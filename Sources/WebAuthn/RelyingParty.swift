// W3C Web Authentication Level 3, as far as a relying party needs it that asks for no attestation and no extensions.
//
// - Whoever calls makes the challenges (32 random bytes), remembers each with its ceremony and person, and lets it be
//   answered once and not for long: nothing here has a clock or a memory.
// - Whoever calls refuses a credential id that anybody has already registered (step 25 of section 7.1).
// - Verification follows the numbered steps of sections 7.1 and 7.2 in their order; what cannot be read at all fails where
//   it is read. What is not yet known to be signed decides nothing but a refusal.
// - Bytes that were signed are hashed as they came. Every parser takes one form alone, and gives an error for any other.

/// The site that credentials are made for, section 4; verifies what browsers answer.
public struct RelyingParty: Hashable, Sendable {
    /// How many bytes a challenge has (section 13.4.3 wants 16 at least).
    public static let challengeByteCount = 32

    /// The RP id: the site's domain without scheme or port, `vault.school.example`.
    public let id: String
    /// What the browser calls the site when it asks the user.
    public let name: String
    /// The origins that ceremonies may run at, in the form browsers write them: `https://vault.school.example:8443`.
    public let origins: [String]

    /// A relying party; `id` must be the domain of every origin, or a parent of it.
    public init(id: String, name: String, origins: [String]) {
        self.id = id
        self.name = name
        self.origins = origins
    }

    /// Verifies a registration, section 7.1, and gives the record to keep.
    ///
    /// `challenge` is the one given in the options; `algorithms` those asked for there. The user must be present, and
    /// verified if `userVerification` is `required`. Attestation is taken as `none`, or as `packed` by the credential's
    /// own key, which is verified and proves nothing more. Throws ``WebAuthnError``, naming the step that failed.
    public func verifyRegistration(
        _ response: RegistrationResponse, challenge: [UInt8],
        algorithms: [SignatureAlgorithm] = SignatureAlgorithm.allCases,
        userVerification: UserVerificationRequirement = .required
    ) throws(WebAuthnError) -> CredentialRecord {
        let clientData = try ClientData(response.clientDataJSON)
        try clientData.verify(.registration, challenge: challenge, origins: origins)
        let attestation = try AttestationObject(response.attestationObject)
        let data = attestation.authenticatorData
        try data.verify(rpID: id, userVerification: userVerification)
        guard let credential = data.attestedCredential else { throw .attestationObjectMalformed }
        guard algorithms.contains(credential.publicKey.algorithm) else { throw .algorithmNotAllowed }
        try attestation.verifyStatement(of: credential.publicKey, clientDataJSON: response.clientDataJSON)
        guard credential.id == response.credentialID else { throw .credentialIDMismatch }
        return CredentialRecord(
            id: credential.id, publicKey: credential.publicKeyBytes, algorithm: credential.publicKey.algorithm,
            signCount: data.signCount, isBackupEligible: data.flags.contains(.backupEligible),
            isBackedUp: data.flags.contains(.backedUp), userVerified: data.flags.contains(.userVerified))
    }

    /// Verifies a sign-in, section 7.2, and gives what to update in the record.
    ///
    /// `record` is that of ``AuthenticationResponse/credentialID``, and `userHandle` the id of the user whose it is; both
    /// are compared with the answer. `challenge` and `userVerification` are those of the options. Throws
    /// ``WebAuthnError``, naming the step that failed; ``WebAuthnError/signCountNotIncreased`` only once the
    /// signature was found valid, so that it can be reported as a possible copy of the authenticator.
    public func verifyAssertion(
        _ response: AuthenticationResponse, of record: CredentialRecord, userHandle: [UInt8], challenge: [UInt8],
        userVerification: UserVerificationRequirement = .required
    ) throws(WebAuthnError) -> Assertion {
        guard response.credentialID == record.id else { throw .credentialUnknown }
        guard response.userHandle == nil || response.userHandle == userHandle else { throw .userHandleMismatch }
        let clientData = try ClientData(response.clientDataJSON)
        try clientData.verify(.authentication, challenge: challenge, origins: origins)
        let data = try AuthenticatorData(response.authenticatorData)
        try data.verify(rpID: id, userVerification: userVerification)
        guard data.flags.contains(.backupEligible) == record.isBackupEligible else { throw .backupEligibilityChanged }
        let key = try PublicKey(cose: record.publicKey)
        guard key.algorithm == record.algorithm else { throw .publicKeyInvalid }
        guard
            key.isValidSignature(
                response.signature, over: data.signedBytes(clientDataJSON: response.clientDataJSON))
        else { throw .signatureInvalid }
        // Zero on both sides is an authenticator that has no counter, as passkeys that are backed up have none.
        guard data.signCount > record.signCount || (data.signCount == 0 && record.signCount == 0) else {
            throw .signCountNotIncreased
        }
        return Assertion(
            signCount: data.signCount, isBackedUp: data.flags.contains(.backedUp),
            userVerified: data.flags.contains(.userVerified))
    }
}

/// What is kept of a registered credential, section 4, "credential record". None of it is secret.
public struct CredentialRecord: Hashable, Sendable {
    /// The credential's id, 1 to 1023 bytes.
    public let id: [UInt8]
    /// The COSE key's bytes as they came.
    public let publicKey: [UInt8]
    /// The key's algorithm.
    public let algorithm: SignatureAlgorithm
    /// The counter of the last ceremony; 0 for an authenticator that has none.
    public let signCount: UInt32
    /// Whether the key can leave its authenticator (flag BE); never changes.
    public let isBackupEligible: Bool
    /// Whether the key has been backed up (flag BS) as of the last ceremony.
    public let isBackedUp: Bool
    /// Whether the user was verified when it was registered.
    public let userVerified: Bool

    /// A record as it was stored.
    public init(
        id: [UInt8], publicKey: [UInt8], algorithm: SignatureAlgorithm, signCount: UInt32, isBackupEligible: Bool,
        isBackedUp: Bool, userVerified: Bool
    ) {
        self.id = id
        self.publicKey = publicKey
        self.algorithm = algorithm
        self.signCount = signCount
        self.isBackupEligible = isBackupEligible
        self.isBackedUp = isBackedUp
        self.userVerified = userVerified
    }
}

/// What a verified sign-in says; the first two go into the credential's record.
public struct Assertion: Hashable, Sendable {
    /// The counter now.
    public let signCount: UInt32
    /// Whether the key has been backed up now.
    public let isBackedUp: Bool
    /// Whether the user was verified this time.
    public let userVerified: Bool
}
