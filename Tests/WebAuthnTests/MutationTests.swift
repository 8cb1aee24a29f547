import SoftwareAuthenticator
import Testing
import WebAuthn

/// What is cut, flipped or stirred is refused, and never ends the program.
@Suite struct MutationTests {
    /// A self-attested registration: all of its attestation object is signed, or says how to read what is.
    private func registration(_ algorithm: SignatureAlgorithm) throws -> RegistrationResponse {
        var authenticator = try SoftwareAuthenticator(algorithm)
        authenticator.format = "packed"
        authenticator.extensions = Written.map([(Written.text("credProtect"), Written.integer(2))])
        return try authenticator.register()
    }

    private func signIn(
        _ algorithm: SignatureAlgorithm
    ) throws -> (record: CredentialRecord, response: AuthenticationResponse) {
        var authenticator = try SoftwareAuthenticator(algorithm)
        authenticator.extensions = Written.map([(Written.text("a"), [0xF5])])
        let record = try authenticator.record()
        authenticator.signCount += 1
        let response = try authenticator.signIn()
        try verify(response, of: record)
        return (record, response)
    }

    private func truncations(_ whole: [UInt8]) -> [[UInt8]] { whole.indices.map { Array(whole[..<$0]) } }

    private func flips(_ whole: [UInt8], bits: Range<Int> = 0..<8) -> [[UInt8]] {
        whole.indices.flatMap { index in
            bits.map { bit in
                var changed = whole
                changed[index] ^= 1 << UInt8(bit)
                return changed
            }
        }
    }

    @Test(arguments: SignatureAlgorithm.allCases)
    func `A registration cut or flipped anywhere is refused`(_ algorithm: SignatureAlgorithm) throws {
        let response = try registration(algorithm)
        try verify(response)
        let object = response.attestationObject
        for changed in truncations(object) + flips(object) + [object + [0]] {
            let response = RegistrationResponse(
                credentialID: response.credentialID, clientDataJSON: response.clientDataJSON,
                attestationObject: changed)
            #expect(throws: WebAuthnError.self) { try verify(response) }
        }
        let clientData = response.clientDataJSON
        for changed in truncations(clientData) + flips(clientData) + [clientData + [0], clientData + [0x20]] {
            let response = RegistrationResponse(
                credentialID: response.credentialID, clientDataJSON: changed, attestationObject: object)
            #expect(throws: WebAuthnError.self) { try verify(response) }
        }
    }

    @Test(arguments: SignatureAlgorithm.allCases)
    func `An assertion cut, flipped or added to anywhere is refused`(_ algorithm: SignatureAlgorithm) throws {
        let (record, response) = try signIn(algorithm)
        func expectRefused(clientData: [UInt8]? = nil, data: [UInt8]? = nil, signature: [UInt8]? = nil) {
            let changed = AuthenticationResponse(
                credentialID: response.credentialID, clientDataJSON: clientData ?? response.clientDataJSON,
                authenticatorData: data ?? response.authenticatorData, signature: signature ?? response.signature)
            #expect(throws: WebAuthnError.self) { try verify(changed, of: record) }
        }
        let (clientData, data, signature) = (response.clientDataJSON, response.authenticatorData, response.signature)
        for changed in truncations(clientData) + flips(clientData) + [clientData + [0x20]] {
            expectRefused(clientData: changed)
        }
        for changed in truncations(data) + flips(data) + [data + [0]] { expectRefused(data: changed) }
        for changed in truncations(signature) + flips(signature) + [signature + [0], [0] + signature] {
            expectRefused(signature: changed)
        }
    }

    @Test func `An answer's JSON cut anywhere is malformed`() throws {
        let json = bytes(
            """
            {"id":"AQ","rawId":"AQ","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA",\
            "attestationObject":"oA","signature":"AA","userHandle":"AQ","transports":["usb"]},"a":[1,{"b":null}]}
            """)
        _ = try RegistrationResponse(json: json)
        _ = try AuthenticationResponse(json: json)
        for changed in truncations(json) {
            #expect(throws: WebAuthnError.responseMalformed) { try RegistrationResponse(json: changed) }
            #expect(throws: WebAuthnError.responseMalformed) { try AuthenticationResponse(json: changed) }
        }
        for changed in flips(json) {
            _ = try? RegistrationResponse(json: changed)
            _ = try? AuthenticationResponse(json: changed)
        }
    }

    /// Some places overwritten, taken out, doubled or added to.
    private func stirred(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &generator)
            let end = min(bytes.count, index + Int.random(in: 1...9, using: &generator))
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: bytes[index] = .random(in: 0...255, using: &generator)
            case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 2: bytes.removeSubrange(index..<end)
            case 3: bytes.insert(contentsOf: bytes[index..<end], at: index)
            case 4:
                // The heads that announce the most, in CBOR and in JSON.
                let heads = [0x5B, 0x7B, 0x9B, 0xBB, 0x9F, 0xBF, 0xFF, 0x5C, 0x22] as [UInt8]
                bytes[index] = heads[Int.random(in: 0..<heads.count, using: &generator)]
            default: bytes.insert(.random(in: 0...255, using: &generator), at: index)
            }
        }
        return bytes
    }

    @Test func `Ten thousand answers stirred at random are refused without a crash`() throws {
        var generator = SeededGenerator(state: 20_260_101)
        let registration = try registration(.es256)
        let (record, assertion) = try signIn(.es256)
        var refused: [WebAuthnError: Int] = [:]
        for round in 0..<10_000 {
            do throws(WebAuthnError) {
                switch round % 5 {
                case 0:
                    let changed = stirred(registration.attestationObject, &generator)
                    guard changed != registration.attestationObject else { continue }
                    try verify(
                        RegistrationResponse(
                            credentialID: registration.credentialID, clientDataJSON: registration.clientDataJSON,
                            attestationObject: changed))
                case 1:
                    let changed = stirred(registration.clientDataJSON, &generator)
                    guard changed != registration.clientDataJSON else { continue }
                    try verify(
                        RegistrationResponse(
                            credentialID: registration.credentialID, clientDataJSON: changed,
                            attestationObject: registration.attestationObject))
                case 2:
                    let changed = stirred(assertion.authenticatorData, &generator)
                    guard changed != assertion.authenticatorData else { continue }
                    try verify(
                        AuthenticationResponse(
                            credentialID: assertion.credentialID, clientDataJSON: assertion.clientDataJSON,
                            authenticatorData: changed, signature: assertion.signature), of: record)
                case 3:
                    let changed = stirred(assertion.signature, &generator)
                    guard changed != assertion.signature else { continue }
                    try verify(
                        AuthenticationResponse(
                            credentialID: assertion.credentialID, clientDataJSON: assertion.clientDataJSON,
                            authenticatorData: assertion.authenticatorData, signature: changed), of: record)
                default:
                    let key = stirred(record.publicKey, &generator)
                    guard key != record.publicKey else { continue }
                    try verify(
                        assertion,
                        of: CredentialRecord(
                            id: record.id, publicKey: key, algorithm: .es256, signCount: 0, isBackupEligible: false,
                            isBackedUp: false, userVerified: true))
                }
                Issue.record("round \(round) was accepted")
            } catch {
                refused[error, default: 0] += 1
            }
        }
        // It got past the first step often enough to mean something.
        #expect(refused.values.reduce(0, +) > 9000)
        #expect(refused.keys.count >= 8, "\(refused)")
    }

    @Test func `Ten thousand strings of random bytes are neither answer, object, data nor key`() throws {
        var generator = SeededGenerator(state: 7)
        let registration = try registration(.es256)
        let (record, assertion) = try signIn(.es256)
        for _ in 0..<10_000 {
            let count = Int.random(in: 0..<200, using: &generator)
            let noise = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(throws: WebAuthnError.responseMalformed) { try RegistrationResponse(json: noise) }
            #expect(throws: WebAuthnError.self) {
                try verify(
                    RegistrationResponse(
                        credentialID: registration.credentialID, clientDataJSON: registration.clientDataJSON,
                        attestationObject: noise))
            }
            // With the right front, so that what follows is read.
            let data = assertion.authenticatorData.prefix(32) + [0xC5] + noise
            #expect(throws: WebAuthnError.self) {
                try verify(
                    AuthenticationResponse(
                        credentialID: assertion.credentialID, clientDataJSON: assertion.clientDataJSON,
                        authenticatorData: Array(data), signature: assertion.signature), of: record)
            }
        }
    }
}
