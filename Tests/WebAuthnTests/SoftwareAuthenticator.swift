import Crypto
import CryptoExtras
import Foundation
import WebAuthn

// An authenticator and its browser, made by hand and not from the module's own code, so that each part of an answer can
// be made wrong on its own.

/// CBOR as it is written, right or wrong: the pieces are put together as they stand.
enum Written {
    static func head(_ major: UInt8, _ count: Int) -> [UInt8] {
        switch count {
        case 0..<24: [major << 5 | UInt8(count)]
        case 24..<256: [major << 5 | 24, UInt8(count)]
        default: [major << 5 | 25, UInt8(count >> 8), UInt8(count & 255)]
        }
    }

    static func integer(_ value: Int) -> [UInt8] { value < 0 ? head(1, -1 - value) : head(0, value) }
    static func bytes(_ value: [UInt8]) -> [UInt8] { head(2, value.count) + value }
    static func text(_ value: String) -> [UInt8] { head(3, value.utf8.count) + Array(value.utf8) }
    static func array(_ items: [[UInt8]]) -> [UInt8] { head(4, items.count) + items.joined() }
    static func map(_ pairs: [([UInt8], [UInt8])]) -> [UInt8] {
        head(5, pairs.count) + pairs.flatMap { $0.0 + $0.1 }
    }
}

enum CredentialKey: Sendable {
    case es256(P256.Signing.PrivateKey)
    case edDSA(Curve25519.Signing.PrivateKey)
    case rs256(_RSA.Signing.PrivateKey)

    static func generate(_ algorithm: SignatureAlgorithm) throws -> CredentialKey {
        switch algorithm {
        case .es256: .es256(P256.Signing.PrivateKey())
        case .edDSA: .edDSA(Curve25519.Signing.PrivateKey())
        case .rs256: .rs256(try _RSA.Signing.PrivateKey(keySize: .bits2048))
        }
    }

    var algorithm: SignatureAlgorithm {
        switch self {
        case .es256: .es256
        case .edDSA: .edDSA
        case .rs256: .rs256
        }
    }

    /// The COSE key's pairs, in their canonical order.
    var pairs: [([UInt8], [UInt8])] {
        get throws {
            func pair(_ label: Int, _ value: [UInt8]) -> ([UInt8], [UInt8]) { (Written.integer(label), value) }
            switch self {
            case .es256(let key):
                let point = Array(key.publicKey.x963Representation)
                return [
                    pair(1, Written.integer(2)), pair(3, Written.integer(-7)), pair(-1, Written.integer(1)),
                    pair(-2, Written.bytes(Array(point[1...32]))), pair(-3, Written.bytes(Array(point[33...64]))),
                ]
            case .edDSA(let key):
                return [
                    pair(1, Written.integer(1)), pair(3, Written.integer(-8)), pair(-1, Written.integer(6)),
                    pair(-2, Written.bytes(Array(key.publicKey.rawRepresentation))),
                ]
            case .rs256(let key):
                let primitives = try key.publicKey.getKeyPrimitives()
                return [
                    pair(1, Written.integer(3)), pair(3, Written.integer(-257)),
                    pair(-1, Written.bytes(Array(primitives.modulus))),
                    pair(-2, Written.bytes(Array(primitives.publicExponent))),
                ]
            }
        }
    }

    func sign(_ bytes: [UInt8]) throws -> [UInt8] {
        switch self {
        case .es256(let key): Array(try key.signature(for: bytes).derRepresentation)
        case .edDSA(let key): Array(try key.signature(for: bytes))
        case .rs256(let key):
            Array(try key.signature(for: SHA256.hash(data: bytes), padding: .insecurePKCS1v1_5).rawRepresentation)
        }
    }
}

/// A vault's sign-in page and the authenticator of somebody at it. Whatever is set makes the next answers so.
struct SoftwareAuthenticator {
    static let party = RelyingParty(
        id: "vault.school.example", name: "Vault", origins: ["https://vault.school.example:8443"])
    static let challenge = [UInt8](1...32)
    static let userHandle = [UInt8](100..<116)

    static let userPresent: UInt8 = 0x01
    static let userVerified: UInt8 = 0x04
    static let backupEligible: UInt8 = 0x08
    static let backedUp: UInt8 = 0x10

    let key: CredentialKey
    var credentialID = [UInt8](200..<232)
    var rpID = "vault.school.example"
    var flags: UInt8 = userPresent | userVerified
    var signCount: UInt32 = 7
    var type: String?
    var challenge = SoftwareAuthenticator.challenge
    var origin = "https://vault.school.example:8443"
    /// More members of the client data, as they are to stand in the JSON.
    var more = ",\"crossOrigin\":false"
    /// The COSE key's bytes, where they are not the key's own.
    var publicKeyBytes: [UInt8]?
    /// A CBOR item of extensions, and whatever is to follow it.
    var extensions: [UInt8]?
    var format = "none"

    init(_ algorithm: SignatureAlgorithm = .es256) throws { key = try .generate(algorithm) }

    func clientDataJSON(_ type: String) -> [UInt8] {
        let challenge = base64URL(challenge)
        return Array(
            "{\"type\":\"\(self.type ?? type)\",\"challenge\":\"\(challenge)\",\"origin\":\"\(origin)\"\(more)}".utf8)
    }

    private func data(attested: Bool) throws -> [UInt8] {
        var flags = flags
        if attested { flags |= 0x40 }
        if extensions != nil { flags |= 0x80 }
        var data = Array(SHA256.hash(data: Array(rpID.utf8))) + [flags]
        data += (0..<4).reversed().map { UInt8(truncatingIfNeeded: signCount >> (8 * $0)) }
        if attested {
            data += [UInt8](repeating: 0xAA, count: 16)
            data += [UInt8(credentialID.count >> 8), UInt8(credentialID.count & 255)] + credentialID
            data += try publicKeyBytes ?? Written.map(key.pairs)
        }
        return data + (extensions ?? [])
    }

    func attestedData() throws -> [UInt8] { try data(attested: true) }

    /// The attestation statement of the format set.
    func statement(_ data: [UInt8], _ clientDataJSON: [UInt8]) throws -> [UInt8] {
        guard format == "packed" else { return Written.map([]) }
        let signature = try key.sign(data + SHA256.hash(data: clientDataJSON))
        return Written.map([
            (Written.text("alg"), Written.integer(key.algorithm.rawValue)),
            (Written.text("sig"), Written.bytes(signature)),
        ])
    }

    func register(statement: [UInt8]? = nil) throws -> RegistrationResponse {
        let clientDataJSON = clientDataJSON("webauthn.create")
        let data = try attestedData()
        let statement = try statement ?? self.statement(data, clientDataJSON)
        return RegistrationResponse(
            credentialID: credentialID, clientDataJSON: clientDataJSON,
            attestationObject: attestationObject(format: Written.text(format), statement: statement, data: data))
    }

    func signIn(userHandle: [UInt8]? = SoftwareAuthenticator.userHandle) throws -> AuthenticationResponse {
        let clientDataJSON = clientDataJSON("webauthn.get")
        let data = try data(attested: false)
        return AuthenticationResponse(
            credentialID: credentialID, clientDataJSON: clientDataJSON, authenticatorData: data,
            signature: try key.sign(data + SHA256.hash(data: clientDataJSON)), userHandle: userHandle)
    }

    /// The record of a registration now.
    func record() throws -> CredentialRecord { try verify(register()) }
}

func attestationObject(format: [UInt8], statement: [UInt8], data: [UInt8]) -> [UInt8] {
    Written.map([
        (Written.text("fmt"), format), (Written.text("attStmt"), statement),
        (Written.text("authData"), Written.bytes(data)),
    ])
}

@discardableResult
func verify(
    _ response: RegistrationResponse, challenge: [UInt8] = SoftwareAuthenticator.challenge,
    algorithms: [SignatureAlgorithm] = SignatureAlgorithm.allCases,
    userVerification: UserVerificationRequirement = .required
) throws(WebAuthnError) -> CredentialRecord {
    try SoftwareAuthenticator.party.verifyRegistration(
        response, challenge: challenge, algorithms: algorithms, userVerification: userVerification)
}

@discardableResult
func verify(
    _ response: AuthenticationResponse, of record: CredentialRecord,
    challenge: [UInt8] = SoftwareAuthenticator.challenge,
    userVerification: UserVerificationRequirement = .required
) throws(WebAuthnError) -> Assertion {
    try SoftwareAuthenticator.party.verifyAssertion(
        response, of: record, userHandle: SoftwareAuthenticator.userHandle, challenge: challenge,
        userVerification: userVerification)
}

/// By Foundation's base64, to have another coder to compare with.
func base64URL(_ bytes: [UInt8]) -> String {
    Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-")
        .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
}

func bytes(hex: String) -> [UInt8] {
    let digits = hex.filter { !$0.isWhitespace }.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Random numbers that are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
