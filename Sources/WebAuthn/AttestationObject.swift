// The attestation object, section 6.5.4, and its statement.
//
// The vault asks for attestation "none" and trusts no maker of authenticators. Then the browser itself puts the format
// "none" in the place of every statement but one of self attestation (sections 5.1.3 and 5.4.7), so these two are the
// formats supported. Steps 20 and 21 of section 7.1 want any statement of a supported format verified; the leave that
// step 23 gives, to register a credential without trusting its statement, is for statements that were found valid. A
// format that is not verified here can therefore not be passed over as if it were "none": it is refused.
struct AttestationObject {
    private enum Statement {
        case none
        case selfAttestation(algorithm: Int64, signature: [UInt8])
        case unsupported
    }

    let authenticatorData: AuthenticatorData
    private let statement: Statement

    init(_ bytes: [UInt8]) throws(WebAuthnError) {
        guard bytes.count <= maximumByteCount else { throw .responseTooLarge }
        guard let object = try? CBOR.decode(bytes), object.keys == ["fmt", "attStmt", "authData"],
            case .text(let format) = object["fmt"], let statement = object["attStmt"],
            let authenticatorData = object["authData"]?.bytesValue
        else { throw .attestationObjectMalformed }
        self.authenticatorData = try AuthenticatorData(authenticatorData)
        self.statement = try Self.statement(format, statement)
    }

    /// Sections 8.7 and 8.2.
    private static func statement(_ format: String, _ statement: CBOR) throws(WebAuthnError) -> Statement {
        switch format {
        case "none":
            guard statement == .map([]) else { throw .attestationInvalid }
            return .none
        case "packed" where statement["x5c"] == nil:
            guard statement.keys == ["alg", "sig"], let algorithm = statement["alg"]?.integerValue,
                let signature = statement["sig"]?.bytesValue
            else { throw .attestationInvalid }
            return .selfAttestation(algorithm: algorithm, signature: signature)
        default: return .unsupported
        }
    }

    /// Steps 20 and 21 of section 7.1.
    func verifyStatement(of key: PublicKey, clientDataJSON: [UInt8]) throws(WebAuthnError) {
        switch statement {
        case .none: break
        case .selfAttestation(let algorithm, let signature):
            let signed = authenticatorData.signedBytes(clientDataJSON: clientDataJSON)
            guard algorithm == key.algorithm.rawValue, key.isValidSignature(signature, over: signed) else {
                throw .attestationInvalid
            }
        case .unsupported: throw .attestationFormatUnsupported
        }
    }
}
