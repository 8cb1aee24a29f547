import Crypto
import CryptoExtras

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The signature algorithms taken, by their COSE numbers, the one most wished for first.
public enum SignatureAlgorithm: Int, CaseIterable, Hashable, Sendable {
    /// ECDSA on P-256 with SHA-256; what nearly every authenticator has.
    case es256 = -7
    /// Ed25519.
    case edDSA = -8
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 to 4096 bits, exponent 65537; for Windows Hello on older machines.
    case rs256 = -257
}

// A credential's public key: a COSE key (RFC 9052, section 7) with the parameters that its kind must have, `alg`, and no
// others, as section 6.5.1 demands.
enum PublicKey {
    case es256(P256.Signing.PublicKey)
    case edDSA(Curve25519.Signing.PublicKey)
    case rs256(_RSA.Signing.PublicKey)

    private enum Label {
        static let kty: CBOR = 1
        static let alg: CBOR = 3
        /// EC2 and OKP: the curve, and the coordinates.
        static let crv: CBOR = -1
        static let x: CBOR = -2
        static let y: CBOR = -3
        /// RSA: modulus and exponent.
        static let n: CBOR = -1
        static let e: CBOR = -2
    }

    init(cose bytes: [UInt8]) throws(WebAuthnError) {
        guard let key = try? CBOR.decode(bytes) else { throw .publicKeyInvalid }
        try self.init(key)
    }

    init(_ key: CBOR) throws(WebAuthnError) {
        guard let alg = key[Label.alg]?.integerValue else { throw .publicKeyInvalid }
        guard let algorithm = Int(exactly: alg).flatMap(SignatureAlgorithm.init) else { throw .algorithmNotAllowed }
        switch algorithm {
        case .es256:
            // Key type 2 is EC2, its curve 1 is P-256. swift-crypto refuses a point that is not on it.
            guard key.keys == [Label.kty, Label.alg, Label.crv, Label.x, Label.y], key[Label.kty] == 2,
                key[Label.crv] == 1, let x = key[Label.x]?.bytesValue, let y = key[Label.y]?.bytesValue,
                x.count == 32, y.count == 32,
                let point = try? P256.Signing.PublicKey(x963Representation: [4] + x + y)
            else { throw .publicKeyInvalid }
            self = .es256(point)
        case .edDSA:
            // Key type 1 is OKP, its curve 6 is Ed25519.
            guard key.keys == [Label.kty, Label.alg, Label.crv, Label.x], key[Label.kty] == 1, key[Label.crv] == 6,
                let x = key[Label.x]?.bytesValue, x.count == 32,
                let point = try? Curve25519.Signing.PublicKey(rawRepresentation: x)
            else { throw .publicKeyInvalid }
            self = .edDSA(point)
        case .rs256:
            // Key type 3 is RSA. RFC 8230: no leading zero in the modulus.
            guard key.keys == [Label.kty, Label.alg, Label.n, Label.e], key[Label.kty] == 3,
                let n = key[Label.n]?.bytesValue, let first = n.first, first != 0,
                (2048...4096).contains(n.count * 8 - first.leadingZeroBitCount),
                key[Label.e] == .bytes([1, 0, 1]),
                let modulus = try? _RSA.Signing.PublicKey(n: n, e: [1, 0, 1] as [UInt8])
            else { throw .publicKeyInvalid }
            self = .rs256(modulus)
        }
    }

    var algorithm: SignatureAlgorithm {
        switch self {
        case .es256: .es256
        case .edDSA: .edDSA
        case .rs256: .rs256
        }
    }

    /// Whether a signature, in the form of section 6.5.5, is this key's over the bytes.
    func isValidSignature(_ signature: [UInt8], over bytes: [UInt8]) -> Bool {
        switch self {
        case .es256(let key):
            guard let signature = try? P256.Signing.ECDSASignature(derRepresentation: signature) else { return false }
            return key.isValidSignature(signature, for: SHA256.hash(data: bytes))
        case .edDSA(let key):
            return key.isValidSignature(signature, for: bytes)
        case .rs256(let key):
            let signature = _RSA.Signing.RSASignature(rawRepresentation: signature)
            return key.isValidSignature(signature, for: SHA256.hash(data: bytes), padding: .insecurePKCS1v1_5)
        }
    }
}
