/// Whether the authenticator must know its user by PIN, finger or face, section 5.8.6.
public enum UserVerificationRequirement: String, Hashable, Sendable {
    /// It must; an answer without it is refused.
    case required
    /// It should; nothing is refused for want of it.
    case preferred
    /// It need not.
    case discouraged
}

/// Whether the authenticator should keep the credential itself, so that no user name is needed, section 5.4.6.
public enum ResidentKeyRequirement: String, Hashable, Sendable {
    /// It must.
    case required
    /// It should where it can.
    case preferred
    /// It need not.
    case discouraged
}

/// Whose credential is made, section 5.4.3.
public struct UserEntity: Hashable, Sendable {
    /// The user handle, 1 to 64 bytes, opaque: nothing that names the person may be in it.
    public let id: [UInt8]
    /// What tells the account apart, for the user to see: the name used to sign in.
    public let name: String
    /// The person's name, for the user to see; may be empty.
    public let displayName: String

    /// A user; the id's length is checked where options are made.
    public init(id: [UInt8], name: String, displayName: String) {
        self.id = id
        self.name = name
        self.displayName = displayName
    }
}

/// A credential that already exists, as options name it, section 5.8.3.
public struct CredentialDescriptor: Hashable, Sendable {
    /// The credential's id, 1 to 1023 bytes.
    public let id: [UInt8]
    /// As ``RegistrationResponse/transports`` gave them; empty if not known.
    public let transports: [String]

    /// A descriptor.
    public init(id: [UInt8], transports: [String] = []) {
        self.id = id
        self.transports = transports
    }

    var json: String {
        var text = "{\"type\":\"public-key\",\"id\":\(JSON.quoted(Base64URL.encode(id)))"
        if !transports.isEmpty { text += ",\"transports\":[\(transports.map(JSON.quoted).joined(separator: ","))]" }
        return text + "}"
    }
}

extension RelyingParty {
    /// The options of a registration, section 5.4, for `PublicKeyCredential.parseCreationOptionsFromJSON`.
    ///
    /// JSON that may stand in a page's script element. `challenge` is 32 random bytes, given once and kept by the caller
    /// until the answer; `excluding` are the user's credentials so far; `timeout` is in milliseconds, and a hint. Throws
    /// ``WebAuthnError/challengeInvalid`` or ``WebAuthnError/userHandleInvalid``.
    public func creationOptions(
        user: UserEntity, challenge: [UInt8], excluding credentials: [CredentialDescriptor],
        algorithms: [SignatureAlgorithm] = SignatureAlgorithm.allCases,
        residentKey: ResidentKeyRequirement = .preferred,
        userVerification: UserVerificationRequirement = .required, timeout: Int = 300_000
    ) throws(WebAuthnError) -> String {
        guard challenge.count == Self.challengeByteCount else { throw .challengeInvalid }
        guard (1...64).contains(user.id.count) else { throw .userHandleInvalid }
        let parameters = algorithms.map { "{\"type\":\"public-key\",\"alg\":\($0.rawValue)}" }
        // requireResidentKey is for browsers of Level 1, which know no residentKey.
        return """
            {"rp":{"id":\(JSON.quoted(id)),"name":\(JSON.quoted(name))},\
            "user":{"id":\(JSON.quoted(Base64URL.encode(user.id))),"name":\(JSON.quoted(user.name)),\
            "displayName":\(JSON.quoted(user.displayName))},\
            "challenge":\(JSON.quoted(Base64URL.encode(challenge))),\
            "pubKeyCredParams":[\(parameters.joined(separator: ","))],\
            "timeout":\(timeout),\
            "excludeCredentials":[\(credentials.map(\.json).joined(separator: ","))],\
            "authenticatorSelection":{"residentKey":"\(residentKey.rawValue)",\
            "requireResidentKey":\(residentKey == .required),\
            "userVerification":"\(userVerification.rawValue)"},\
            "attestation":"none"}
            """
    }

    /// The options of a sign-in, section 5.5, for `PublicKeyCredential.parseRequestOptionsFromJSON`.
    ///
    /// As ``creationOptions(user:challenge:excluding:algorithms:residentKey:userVerification:timeout:)``. `allowing` are
    /// the credentials of the user who is signing in; empty lets the authenticator offer those that it keeps itself.
    /// Throws ``WebAuthnError/challengeInvalid``.
    public func requestOptions(
        challenge: [UInt8], allowing credentials: [CredentialDescriptor],
        userVerification: UserVerificationRequirement = .required, timeout: Int = 300_000
    ) throws(WebAuthnError) -> String {
        guard challenge.count == Self.challengeByteCount else { throw .challengeInvalid }
        return """
            {"challenge":\(JSON.quoted(Base64URL.encode(challenge))),\
            "timeout":\(timeout),\
            "rpId":\(JSON.quoted(id)),\
            "allowCredentials":[\(credentials.map(\.json).joined(separator: ","))],\
            "userVerification":"\(userVerification.rawValue)"}
            """
    }
}
