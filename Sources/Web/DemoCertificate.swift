public import Foundation
import SwiftASN1
import X509

/// A certificate of our own making with its key, for the demo and for tests.
public struct DemoCertificate: Sendable {
    /// The certificate, PEM.
    public let certificatePEM: String
    /// Its P-256 key, PEM.
    public let privateKeyPEM: String

    /// Makes a self-signed certificate for `localhost`, 127.0.0.1 and ::1, good for a year from the day before.
    /// It says nothing of key usage: some clients then take a certificate that is its own issuer for none they can trust.
    ///
    /// - Parameter now: when it is made.
    public init(now: Date = Date()) throws {
        let key = try Certificate.PrivateKey(pemDocument: Self.newKey())
        let name = try DistinguishedName { CommonName("localhost") }
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
            notValidBefore: now.addingTimeInterval(-86_400), notValidAfter: now.addingTimeInterval(365 * 86_400),
            issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                try ExtendedKeyUsage([.serverAuth])
                SubjectAlternativeNames([
                    .dnsName("localhost"), .ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1])),
                    .ipAddress(ASN1OctetString(contentBytes: [UInt8](repeating: 0, count: 15) + [1])),
                ])
            }, issuerPrivateKey: key)
        certificatePEM = try certificate.serializeAsPEM().pemString
        privateKeyPEM = try key.serializeAsPEM().pemString
    }

    /// A new P-256 key as SEC 1 has it: only Sealing may name swift-crypto, and this needs but 32 random bytes.
    ///
    /// A number that is zero or not below the group's order is refused when it is read; the chance is 2⁻³².
    private static func newKey() throws -> PEMDocument {
        var generator = SystemRandomNumberGenerator()
        while true {
            let secret = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
            var serializer = DER.Serializer()
            try serializer.appendConstructedNode(identifier: .sequence) { serializer in
                try serializer.serialize(1)
                try serializer.serialize(ASN1OctetString(contentBytes: secret[...]))
                try serializer.appendConstructedNode(
                    identifier: ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific)
                ) { serializer in
                    try serializer.serialize(try ASN1ObjectIdentifier(elements: [1, 2, 840, 10045, 3, 1, 7]))
                }
            }
            let document = PEMDocument(type: "EC PRIVATE KEY", derBytes: serializer.serializedBytes)
            if (try? Certificate.PrivateKey(pemDocument: document)) != nil { return document }
        }
    }
}
