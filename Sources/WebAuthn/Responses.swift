/// The browser's answer to a registration, section 5.1: what `credential.toJSON()` gives after `create()`.
public struct RegistrationResponse: Hashable, Sendable {
    /// The new credential's id, 1 to 1023 bytes.
    public let credentialID: [UInt8]
    /// As signed; hashed as it is and never written anew.
    public let clientDataJSON: [UInt8]
    /// CBOR; holds the authenticator data.
    public let attestationObject: [UInt8]
    /// How the authenticator can be reached (`usb`, `internal`, `hybrid` …): hints by the browser, not signed. Keep them,
    /// and give them back in a ``CredentialDescriptor``.
    public let transports: [String]

    /// An answer taken apart by the caller.
    public init(
        credentialID: [UInt8], clientDataJSON: [UInt8], attestationObject: [UInt8], transports: [String] = []
    ) {
        self.credentialID = credentialID
        self.clientDataJSON = clientDataJSON
        self.attestationObject = attestationObject
        self.transports = transports
    }

    /// Reads `RegistrationResponseJSON`, at most 64 KiB of UTF-8.
    ///
    /// Binary members must be base64url without padding, `id` and `rawId` equal, `type` `public-key`; members that are
    /// not needed are skipped. Throws ``WebAuthnError/responseTooLarge`` or ``WebAuthnError/responseMalformed``.
    public init(json: [UInt8]) throws(WebAuthnError) {
        let (id, response) = try readCredential(json)
        guard let clientDataJSON = response["clientDataJSON"]?.base64URLValue,
            let attestationObject = response["attestationObject"]?.base64URLValue
        else { throw .responseMalformed }
        self.init(
            credentialID: id, clientDataJSON: clientDataJSON, attestationObject: attestationObject,
            transports: try response["transports"].map(readTransports) ?? [])
    }
}

/// The browser's answer to a sign-in, section 5.1: what `credential.toJSON()` gives after `get()`.
public struct AuthenticationResponse: Hashable, Sendable {
    /// The id of the credential used, 1 to 1023 bytes.
    public let credentialID: [UInt8]
    /// As signed; hashed as it is and never written anew.
    public let clientDataJSON: [UInt8]
    /// As signed.
    public let authenticatorData: [UInt8]
    /// In the form of section 6.5.5.
    public let signature: [UInt8]
    /// The user's id as the authenticator keeps it, 1 to 64 bytes; nil if it kept none.
    public let userHandle: [UInt8]?

    /// An answer taken apart by the caller.
    public init(
        credentialID: [UInt8], clientDataJSON: [UInt8], authenticatorData: [UInt8], signature: [UInt8],
        userHandle: [UInt8]? = nil
    ) {
        self.credentialID = credentialID
        self.clientDataJSON = clientDataJSON
        self.authenticatorData = authenticatorData
        self.signature = signature
        self.userHandle = userHandle
    }

    /// Reads `AuthenticationResponseJSON`; as ``RegistrationResponse/init(json:)``.
    public init(json: [UInt8]) throws(WebAuthnError) {
        let (id, response) = try readCredential(json)
        guard let clientDataJSON = response["clientDataJSON"]?.base64URLValue,
            let authenticatorData = response["authenticatorData"]?.base64URLValue,
            let signature = response["signature"]?.base64URLValue
        else { throw .responseMalformed }
        var userHandle: [UInt8]?
        switch response["userHandle"] {
        // toJSON() leaves it out where there is none; older scripts that do its work write null.
        case nil, .null: break
        case let member?:
            guard let handle = member.base64URLValue, (1...64).contains(handle.count) else { throw .responseMalformed }
            userHandle = handle
        }
        self.init(
            credentialID: id, clientDataJSON: clientDataJSON, authenticatorData: authenticatorData,
            signature: signature, userHandle: userHandle)
    }
}

/// The id and the `response` member of either answer.
private func readCredential(_ json: [UInt8]) throws(WebAuthnError) -> (id: [UInt8], response: JSON) {
    guard json.count <= maximumByteCount else { throw .responseTooLarge }
    guard let credential = try? JSON.decode(json[...]),
        let idText = credential["id"]?.textValue, idText == credential["rawId"]?.textValue,
        let id = Base64URL.decode(idText),
        (1...AuthenticatorData.AttestedCredential.maximumIDByteCount).contains(id.count),
        credential["type"]?.textValue == Array("public-key".utf8),
        let response = credential["response"], response.isObject
    else { throw .responseMalformed }
    return (id, response)
}

/// Section 5.8.4 wants unknown transports kept too: so whatever looks like one, and few of them, for they are stored.
private func readTransports(_ member: JSON) throws(WebAuthnError) -> [String] {
    guard case .array(let items) = member, items.count <= 16 else { throw .responseMalformed }
    var transports: [String] = []
    for item in items {
        guard let text = item.textValue, (1...32).contains(text.count),
            text.allSatisfy({
                $0 == UInt8(ascii: "-") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
            })
        else { throw .responseMalformed }
        transports.append(String(decoding: text, as: UTF8.self))
    }
    return transports
}
