package import Crypto
package import CryptoExtras
import Foundation
package import WebAuthn

// An authenticator and its browser, made by hand and not from the module's own code, so that each part of an answer can
// be made wrong on its own.

/// CBOR as it is written, right or wrong: the pieces are put together as they stand.
package enum Written {
    package static func head(_ major: UInt8, _ count: Int) -> [UInt8] {
        switch count {
        case 0..<24: [major << 5 | UInt8(count)]
        case 24..<256: [major << 5 | 24, UInt8(count)]
        default: [major << 5 | 25, UInt8(count >> 8), UInt8(count & 255)]
        }
    }

    package static func integer(_ value: Int) -> [UInt8] { value < 0 ? head(1, -1 - value) : head(0, value) }
    package static func bytes(_ value: [UInt8]) -> [UInt8] { head(2, value.count) + value }
    package static func text(_ value: String) -> [UInt8] { head(3, value.utf8.count) + Array(value.utf8) }
    package static func array(_ items: [[UInt8]]) -> [UInt8] { head(4, items.count) + items.joined() }
    package static func map(_ pairs: [([UInt8], [UInt8])]) -> [UInt8] {
        head(5, pairs.count) + pairs.flatMap { $0.0 + $0.1 }
    }
}

package enum CredentialKey: Sendable {
    case es256(P256.Signing.PrivateKey)
    case edDSA(Curve25519.Signing.PrivateKey)
    case rs256(_RSA.Signing.PrivateKey)

    package static func generate(_ algorithm: SignatureAlgorithm) throws -> CredentialKey {
        switch algorithm {
        case .es256: .es256(P256.Signing.PrivateKey())
        case .edDSA: .edDSA(Curve25519.Signing.PrivateKey())
        case .rs256: .rs256(try _RSA.Signing.PrivateKey(keySize: .bits2048))
        }
    }

    package var algorithm: SignatureAlgorithm {
        switch self {
        case .es256: .es256
        case .edDSA: .edDSA
        case .rs256: .rs256
        }
    }

    /// The COSE key's pairs, in their canonical order.
    package var pairs: [([UInt8], [UInt8])] {
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

    package func sign(_ bytes: [UInt8]) throws -> [UInt8] {
        switch self {
        case .es256(let key): Array(try key.signature(for: bytes).derRepresentation)
        case .edDSA(let key): Array(try key.signature(for: bytes))
        case .rs256(let key):
            Array(try key.signature(for: SHA256.hash(data: bytes), padding: .insecurePKCS1v1_5).rawRepresentation)
        }
    }
}

/// A vault's sign-in page and the authenticator of somebody at it. Whatever is set makes the next answers so.
package struct SoftwareAuthenticator {
    package static let party = RelyingParty(
        id: "vault.school.example", name: "Vault", origins: ["https://vault.school.example:8443"])
    package static let challenge = [UInt8](1...32)
    package static let userHandle = [UInt8](100..<116)

    package static let userPresent: UInt8 = 0x01
    package static let userVerified: UInt8 = 0x04
    package static let backupEligible: UInt8 = 0x08
    package static let backedUp: UInt8 = 0x10

    package let key: CredentialKey
    package var credentialID = [UInt8](200..<232)
    package var rpID = "vault.school.example"
    package var flags: UInt8 = userPresent | userVerified
    package var signCount: UInt32 = 7
    package var type: String?
    package var challenge = SoftwareAuthenticator.challenge
    package var origin = "https://vault.school.example:8443"
    /// More members of the client data, as they are to stand in the JSON.
    package var more = ",\"crossOrigin\":false"
    /// The COSE key's bytes, where they are not the key's own.
    package var publicKeyBytes: [UInt8]?
    /// A CBOR item of extensions, and whatever is to follow it.
    package var extensions: [UInt8]?
    package var format = "none"

    package init(_ algorithm: SignatureAlgorithm = .es256) throws { key = try .generate(algorithm) }

    package func clientDataJSON(_ type: String) -> [UInt8] {
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

    package func attestedData() throws -> [UInt8] { try data(attested: true) }

    /// The attestation statement of the format set.
    package func statement(_ data: [UInt8], _ clientDataJSON: [UInt8]) throws -> [UInt8] {
        guard format == "packed" else { return Written.map([]) }
        let signature = try key.sign(data + SHA256.hash(data: clientDataJSON))
        return Written.map([
            (Written.text("alg"), Written.integer(key.algorithm.rawValue)),
            (Written.text("sig"), Written.bytes(signature)),
        ])
    }

    package func register(statement: [UInt8]? = nil) throws -> RegistrationResponse {
        let clientDataJSON = clientDataJSON("webauthn.create")
        let data = try attestedData()
        let statement = try statement ?? self.statement(data, clientDataJSON)
        return RegistrationResponse(
            credentialID: credentialID, clientDataJSON: clientDataJSON,
            attestationObject: attestationObject(format: Written.text(format), statement: statement, data: data))
    }

    package func signIn(userHandle: [UInt8]? = SoftwareAuthenticator.userHandle) throws -> AuthenticationResponse {
        let clientDataJSON = clientDataJSON("webauthn.get")
        let data = try data(attested: false)
        return AuthenticationResponse(
            credentialID: credentialID, clientDataJSON: clientDataJSON, authenticatorData: data,
            signature: try key.sign(data + SHA256.hash(data: clientDataJSON)), userHandle: userHandle)
    }
}

package func attestationObject(format: [UInt8], statement: [UInt8], data: [UInt8]) -> [UInt8] {
    Written.map([
        (Written.text("fmt"), format), (Written.text("attStmt"), statement),
        (Written.text("authData"), Written.bytes(data)),
    ])
}

/// By Foundation's base64, to have another coder to compare with.
package func base64URL(_ bytes: [UInt8]) -> String {
    Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-")
        .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
}

/// A passkey as somebody keeps it: answers a vault's questions as a browser at the vault's own address would, unless it is
/// made to answer otherwise.
package struct SoftwarePasskey {
    package var authenticator: SoftwareAuthenticator
    /// Whose it is, as the vault said when it was made.
    package var userHandle: [UInt8]?

    /// A key of an algorithm, that nobody has registered yet.
    ///
    /// - Parameter host: the vault's host name, and port where it is not 443.
    package init(_ algorithm: SignatureAlgorithm = .es256, at host: String) throws {
        authenticator = try SoftwareAuthenticator(algorithm)
        authenticator.credentialID = (0..<32).map { _ in UInt8.random(in: 0...255) }
        authenticator.origin = "https://" + host
    }

    /// What `credential.toJSON()` gives after `create()` with these options.
    package mutating func make(_ options: String) throws -> String {
        let asked = try Self.members(options)
        authenticator.challenge = try Self.bytes(asked["challenge"])
        authenticator.rpID = (asked["rp"] as? [String: Any])?["id"] as? String ?? ""
        userHandle = try Self.bytes((asked["user"] as? [String: Any])?["id"])
        let response = try authenticator.register()
        return Self.json(
            response.credentialID,
            ["clientDataJSON": response.clientDataJSON, "attestationObject": response.attestationObject])
    }

    /// What `credential.toJSON()` gives after `get()` with these options; the counter goes up by one each time, unless it is 0.
    package mutating func answer(_ options: String) throws -> String {
        let asked = try Self.members(options)
        authenticator.challenge = try Self.bytes(asked["challenge"])
        authenticator.rpID = asked["rpId"] as? String ?? ""
        if authenticator.signCount > 0 { authenticator.signCount += 1 }
        let response = try authenticator.signIn(userHandle: userHandle)
        var parts = [
            "clientDataJSON": response.clientDataJSON, "authenticatorData": response.authenticatorData,
            "signature": response.signature,
        ]
        parts["userHandle"] = response.userHandle
        return Self.json(response.credentialID, parts)
    }

    private static func json(_ id: [UInt8], _ parts: [String: [UInt8]]) -> String {
        let members = parts.map { "\"\($0)\":\"\(base64URL($1))\"" }.joined(separator: ",")
        let id = base64URL(id)
        return "{\"id\":\"\(id)\",\"rawId\":\"\(id)\",\"type\":\"public-key\",\"response\":{\(members)}}"
    }

    private struct OptionsUnreadable: Error {}

    private static func members(_ options: String) throws -> [String: Any] {
        guard let members = try JSONSerialization.jsonObject(with: Data(options.utf8)) as? [String: Any] else {
            throw OptionsUnreadable()
        }
        return members
    }

    private static func bytes(_ member: Any?) throws -> [UInt8] {
        guard let text = member as? String else { throw OptionsUnreadable() }
        let base64 = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        guard let data = Data(base64Encoded: base64 + String(repeating: "=", count: (4 - base64.count % 4) % 4)) else {
            throw OptionsUnreadable()
        }
        return [UInt8](data)
    }
}
