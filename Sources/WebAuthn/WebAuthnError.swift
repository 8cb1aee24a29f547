/// The step at which a ceremony failed; section numbers are those of W3C Web Authentication Level 3.
///
/// The raw value is a stable code. Nothing here repeats what was sent, nor any key, challenge or name.
public enum WebAuthnError: String, Error, Equatable, Sendable {
    // What the browser sent, section 5.1.

    /// The answer, or a part of it, is larger than 64 KiB.
    case responseTooLarge = "response-too-large"
    /// The answer is not JSON of the form `PublicKeyCredential.toJSON()` gives.
    case responseMalformed = "response-malformed"

    // Client data, section 5.8.1.

    /// `clientDataJSON` is not a JSON object in UTF-8, or a member that is needed is missing or of another type.
    case clientDataMalformed = "client-data-malformed"
    /// The client data is of the other ceremony.
    case typeMismatch = "type-mismatch"
    /// The challenge expected, or to be given, is not 32 bytes long.
    case challengeInvalid = "challenge-invalid"
    /// The challenge answered is not the one that was given.
    case challengeMismatch = "challenge-mismatch"
    /// The origin is none of those expected.
    case originMismatch = "origin-mismatch"
    /// The ceremony ran in a frame of another origin, which is never expected here.
    case crossOrigin = "cross-origin"

    // Authenticator data, section 6.1, and credential keys, section 6.5.1.

    /// The authenticator data cannot be read, or something follows its end.
    case authenticatorDataMalformed = "authenticator-data-malformed"
    /// The authenticator signed for another relying party.
    case rpIDMismatch = "rp-id-mismatch"
    /// The user presence flag is not set.
    case userNotPresent = "user-not-present"
    /// The user verification flag is not set, and it was required.
    case userNotVerified = "user-not-verified"
    /// The flags say that the credential is backed up but not that it can be.
    case backupStateInvalid = "backup-state-invalid"
    /// The credential key is of an algorithm that was not asked for.
    case algorithmNotAllowed = "algorithm-not-allowed"
    /// The credential key is not a COSE key as section 6.5.1 wants it, or not a sound key of its algorithm.
    case publicKeyInvalid = "public-key-invalid"

    // Registration, section 7.1.

    /// The attestation object cannot be read, or holds no credential.
    case attestationObjectMalformed = "attestation-object-malformed"
    /// The attestation statement's format is not one that is verified here.
    case attestationFormatUnsupported = "attestation-format-unsupported"
    /// The attestation statement is not what its format demands, or its signature is not valid.
    case attestationInvalid = "attestation-invalid"
    /// The authenticator data names another credential than the answer does.
    case credentialIDMismatch = "credential-id-mismatch"
    /// The user handle is not 1 to 64 bytes long (section 5.4.3).
    case userHandleInvalid = "user-handle-invalid"

    // Authentication, section 7.2.

    /// The answer is for another credential than the record given.
    case credentialUnknown = "credential-unknown"
    /// The answer is for another user.
    case userHandleMismatch = "user-handle-mismatch"
    /// The credential can be backed up and could not when it was registered, or the reverse.
    case backupEligibilityChanged = "backup-eligibility-changed"
    /// The signature is not valid.
    case signatureInvalid = "signature-invalid"
    /// The signature is valid, but its counter did not go up: the authenticator may have been copied.
    case signCountNotIncreased = "sign-count-not-increased"
}

/// The most bytes that an answer, or any part of it, may have.
let maximumByteCount = 65536
