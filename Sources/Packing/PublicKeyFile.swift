import Foundation
import Sealing

/// An Ed25519 key as a file that OpenSSL reads: SubjectPublicKeyInfo (RFC 8410) in PEM.
func publicKeyFile(_ key: VerifyingKey) -> [UInt8] {
    // SEQUENCE { SEQUENCE { OID 1.3.101.112 } BIT STRING (32 bytes) }
    let start: [UInt8] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00]
    let text = Data(start + key.rawRepresentation).base64EncodedString()
    return Array("-----BEGIN PUBLIC KEY-----\n\(text)\n-----END PUBLIC KEY-----\n".utf8)
}

/// A key's fingerprint, for people to compare: the SHA-256 of its 32 bytes, in groups of four digits.
func keyFingerprint(_ key: [UInt8]) -> String {
    let digits = Array(sha256(key).hex)
    return stride(from: 0, to: digits.count, by: 4).map { String(digits[$0..<$0 + 4]) }.joined(separator: " ")
}
