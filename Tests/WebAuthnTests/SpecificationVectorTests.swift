import SoftwareAuthenticator
import Testing
import WebAuthn

@Suite struct SpecificationVectorTests {
    private let party = RelyingParty(id: "example.org", name: "Example", origins: ["https://example.org"])

    /// What each registration comes to where it is not accepted.
    private static let refusals: [String: WebAuthnError] = [
        // No page of ours is framed by another.
        "16.4": .crossOrigin, "16.5": .crossOrigin,
        // Statements with certificates, which no browser hands on where "none" was asked for.
        "16.10": .attestationFormatUnsupported, "16.11": .attestationFormatUnsupported,
        "16.13": .attestationFormatUnsupported,
    ]

    private func registration(_ vector: SpecificationVector, attestation: String? = nil) -> RegistrationResponse {
        let data = bytes(hex: vector.attestedData)
        let count = Int(data[53]) << 8 | Int(data[54])
        return RegistrationResponse(
            credentialID: Array(data[55..<55 + count]), clientDataJSON: bytes(hex: vector.registrationClientData),
            attestationObject: attestation.map {
                attestationObject(format: Written.text($0), statement: Written.map([]), data: data)
            } ?? bytes(hex: vector.attestation) + data)
    }

    @Test(arguments: SpecificationVector.all)
    func `A registration of the specification is accepted, or refused for its own reason`(
        _ vector: SpecificationVector
    ) throws {
        func register() throws -> CredentialRecord {
            try party.verifyRegistration(
                registration(vector), challenge: bytes(hex: vector.registrationChallenge), userVerification: .preferred)
        }
        if let refusal = Self.refusals[vector.section] {
            #expect(throws: refusal) { try register() }
        } else {
            let record = try register()
            #expect(record.algorithm == vector.algorithm)
            #expect(bytes(hex: vector.attestedData).suffix(record.publicKey.count) == record.publicKey[...])
        }
    }

    @Test(arguments: SpecificationVector.all)
    func `An assertion of the specification verifies with the key that was registered`(
        _ vector: SpecificationVector
    ) throws {
        let isFramed = ["16.4", "16.5"].contains(vector.section)
        // As a browser hands it on where "none" was asked for.
        let registration = registration(vector, attestation: "none")
        guard !isFramed else {
            #expect(throws: WebAuthnError.crossOrigin) {
                try party.verifyRegistration(
                    registration, challenge: bytes(hex: vector.registrationChallenge), userVerification: .preferred)
            }
            return
        }
        let record = try party.verifyRegistration(
            registration, challenge: bytes(hex: vector.registrationChallenge), userVerification: .preferred)
        let data = bytes(hex: vector.authenticatorData)
        var response = AuthenticationResponse(
            credentialID: record.id, clientDataJSON: bytes(hex: vector.clientData), authenticatorData: data,
            signature: bytes(hex: vector.signature))
        let challenge = bytes(hex: vector.challenge)
        let assertion = try party.verifyAssertion(
            response, of: record, userHandle: [1], challenge: challenge, userVerification: .preferred)
        #expect(assertion.signCount == 0)
        #expect(assertion.isBackedUp == (data[32] & 0x10 != 0))
        #expect(assertion.userVerified == (data[32] & 0x04 != 0))
        var signature = response.signature
        signature[signature.count - 1] ^= 1
        response = AuthenticationResponse(
            credentialID: record.id, clientDataJSON: response.clientDataJSON, authenticatorData: data,
            signature: signature)
        #expect(throws: WebAuthnError.signatureInvalid) {
            try party.verifyAssertion(
                response, of: record, userHandle: [1], challenge: challenge, userVerification: .preferred)
        }
    }

    @Test func `The vectors are those of every algorithm, and the longest id is there`() throws {
        #expect(Set(SpecificationVector.all.map(\.algorithm)) == Set(SignatureAlgorithm.allCases))
        let long = try #require(SpecificationVector.all.first { $0.section == "16.6" })
        #expect(registration(long).credentialID.count == 1023)
    }
}
