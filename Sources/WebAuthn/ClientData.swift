// Client data, section 5.8.1, and the steps of sections 7.1 and 7.2 that look at it.

enum Ceremony: String {
    case registration = "webauthn.create"
    case authentication = "webauthn.get"
}

struct ClientData {
    private let type: [UInt8]
    private let challenge: [UInt8]
    private let origin: [UInt8]
    private let isCrossOrigin: Bool

    /// Reads `clientDataJSON`. Members that are not known are skipped, for more may be added to the specification.
    init(_ json: [UInt8]) throws(WebAuthnError) {
        guard json.count <= maximumByteCount else { throw .responseTooLarge }
        // The steps read it by "UTF-8 decode", which strips a byte order mark. Unlike that, this refuses bytes that are
        // not UTF-8 rather than replace them: browsers write none.
        let text = json.starts(with: [0xEF, 0xBB, 0xBF]) ? json.dropFirst(3) : json[...]
        guard let members = try? JSON.decode(text), members.isObject,
            let type = members["type"]?.textValue,
            let challenge = members["challenge"]?.textValue,
            let origin = members["origin"]?.textValue
        else { throw .clientDataMalformed }
        var isCrossOrigin = false
        if let member = members["crossOrigin"] {
            guard let value = member.boolValue else { throw .clientDataMalformed }
            isCrossOrigin = value
        }
        if let member = members["topOrigin"] {
            guard member.textValue != nil else { throw .clientDataMalformed }
            isCrossOrigin = true
        }
        self.type = type
        self.challenge = challenge
        self.origin = origin
        self.isCrossOrigin = isCrossOrigin
    }

    /// Type, challenge, origin, crossOrigin and topOrigin, in the order of the steps.
    func verify(_ ceremony: Ceremony, challenge expected: [UInt8], origins: [String]) throws(WebAuthnError) {
        guard type.elementsEqual(ceremony.rawValue.utf8) else { throw .typeMismatch }
        guard expected.count == RelyingParty.challengeByteCount else { throw .challengeInvalid }
        // Compared as text, so that no other spelling of the same bytes passes.
        guard isEqualInConstantTime(challenge, Array(Base64URL.encode(expected).utf8)) else { throw .challengeMismatch }
        guard origins.contains(where: { $0.utf8.elementsEqual(origin) }) else { throw .originMismatch }
        // No page of ours is ever shown within another's.
        guard !isCrossOrigin else { throw .crossOrigin }
    }
}

/// Whether the bytes are equal, in a time that depends on how many they are alone.
private func isEqualInConstantTime(_ one: [UInt8], _ other: [UInt8]) -> Bool {
    guard one.count == other.count else { return false }
    return zip(one, other).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
}
