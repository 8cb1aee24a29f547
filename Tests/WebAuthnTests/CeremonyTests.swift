import Crypto
import CryptoExtras
import SoftwareAuthenticator
import Testing
import WebAuthn

@Suite struct CeremonyTests {
    typealias Change = @Sendable (inout SoftwareAuthenticator) -> Void

    struct Fault: Sendable, CustomTestStringConvertible {
        let name: String
        let refusal: WebAuthnError
        let change: Change

        init(_ name: String, _ refusal: WebAuthnError, _ change: @escaping Change) {
            self.name = name
            self.refusal = refusal
            self.change = change
        }

        var testDescription: String { name }
    }

    @Test(arguments: SignatureAlgorithm.allCases, ["none", "packed"])
    func `A credential registers and signs in, and its record says what the flags said`(
        _ algorithm: SignatureAlgorithm, _ format: String
    ) throws {
        var authenticator = try SoftwareAuthenticator(algorithm)
        authenticator.format = format
        authenticator.flags |= SoftwareAuthenticator.backupEligible
        let record = try verify(authenticator.register())
        #expect(
            try record
                == CredentialRecord(
                    id: authenticator.credentialID, publicKey: Written.map(authenticator.key.pairs),
                    algorithm: algorithm, signCount: 7, isBackupEligible: true, isBackedUp: false, userVerified: true))
        authenticator.flags |= SoftwareAuthenticator.backedUp
        authenticator.signCount = 0x0102_0304
        let assertion = try verify(authenticator.signIn(), of: record)
        #expect(assertion.signCount == 0x0102_0304 && assertion.isBackedUp && assertion.userVerified)
        #expect(throws: Never.self) { try verify(authenticator.signIn(userHandle: nil), of: record) }
    }

    /// What is wrong in either ceremony alike.
    static let faults = [
        Fault("another ceremony's type", .typeMismatch) { $0.type = "payment.get" },
        Fault("another challenge", .challengeMismatch) { $0.challenge[31] ^= 1 },
        Fault("a shorter challenge", .challengeMismatch) { $0.challenge.removeLast() },
        Fault("an empty challenge", .challengeMismatch) { $0.challenge = [] },
        Fault("another port", .originMismatch) { $0.origin = "https://vault.school.example" },
        Fault("another scheme", .originMismatch) { $0.origin = "http://vault.school.example:8443" },
        Fault("an origin below", .originMismatch) { $0.origin = "https://a.vault.school.example:8443" },
        Fault("an origin with a slash", .originMismatch) { $0.origin += "/" },
        Fault("a frame", .crossOrigin) { $0.more = ",\"crossOrigin\":true" },
        Fault("a frame and its top", .crossOrigin) {
            $0.more = ",\"crossOrigin\":true,\"topOrigin\":\"https://vault.school.example:8443\""
        },
        Fault("a top alone", .crossOrigin) { $0.more = ",\"topOrigin\":\"https://elsewhere.example\"" },
        Fault("crossOrigin no boolean", .clientDataMalformed) { $0.more = ",\"crossOrigin\":\"false\"" },
        Fault("topOrigin no text", .clientDataMalformed) { $0.more = ",\"topOrigin\":null" },
        Fault("a key twice", .clientDataMalformed) { $0.more = ",\"origin\":\"https://vault.school.example:8443\"" },
        Fault("a key twice, escaped", .clientDataMalformed) { $0.more = ",\"\\u0074ype\":\"webauthn.get\"" },
        Fault("something after the end", .clientDataMalformed) { $0.more = "}{" },
        Fault("another relying party", .rpIDMismatch) { $0.rpID = "school.example" },
        Fault("no user", .userNotPresent) { $0.flags = SoftwareAuthenticator.userVerified },
        Fault("a user not verified", .userNotVerified) { $0.flags = SoftwareAuthenticator.userPresent },
        Fault("backed up but not eligible", .backupStateInvalid) { $0.flags |= SoftwareAuthenticator.backedUp },
        Fault("extensions that are no map", .authenticatorDataMalformed) { $0.extensions = Written.array([]) },
        Fault("extensions by number", .authenticatorDataMalformed) {
            $0.extensions = Written.map([(Written.integer(1), Written.integer(1))])
        },
        Fault("something after extensions", .authenticatorDataMalformed) { $0.extensions = Written.map([]) + [0] },
        Fault("extensions announced and missing", .authenticatorDataMalformed) { $0.extensions = [] },
    ]

    @Test(arguments: faults)
    func `Each step refuses what is wrong, in a registration and in a sign-in`(_ fault: Fault) throws {
        let sound = try SoftwareAuthenticator()
        let record = try sound.record()
        var authenticator = sound
        authenticator.signCount += 1
        #expect(throws: Never.self) { try verify(authenticator.signIn(), of: record) }
        fault.change(&authenticator)
        #expect(throws: fault.refusal) { try verify(authenticator.register()) }
        #expect(throws: fault.refusal) { try verify(authenticator.signIn(), of: record) }
    }

    @Test func `The answer of one ceremony is none of the other`() throws {
        var authenticator = try SoftwareAuthenticator()
        let record = try authenticator.record()
        authenticator.signCount += 1
        authenticator.type = "webauthn.create"
        #expect(throws: WebAuthnError.typeMismatch) { try verify(authenticator.signIn(), of: record) }
        authenticator.type = "webauthn.get"
        #expect(throws: WebAuthnError.typeMismatch) { try verify(authenticator.register()) }
    }

    @Test func `A challenge expected is 32 bytes or nothing is verified`() throws {
        var authenticator = try SoftwareAuthenticator()
        let record = try authenticator.record()
        authenticator.signCount += 1
        for count in [0, 16, 31, 33] {
            authenticator.challenge = [UInt8](repeating: 1, count: count)
            #expect(throws: WebAuthnError.challengeInvalid) {
                try verify(authenticator.register(), challenge: authenticator.challenge)
            }
            #expect(throws: WebAuthnError.challengeInvalid) {
                try verify(authenticator.signIn(), of: record, challenge: authenticator.challenge)
            }
        }
    }

    @Test func `Verification of the user is needed only where it was required`() throws {
        var authenticator = try SoftwareAuthenticator()
        authenticator.flags = SoftwareAuthenticator.userPresent
        for requirement in [UserVerificationRequirement.preferred, .discouraged] {
            let record = try verify(authenticator.register(), userVerification: requirement)
            #expect(!record.userVerified)
            var later = authenticator
            later.signCount += 1
            #expect(try !verify(later.signIn(), of: record, userVerification: requirement).userVerified)
        }
    }

    @Test func `Client data may begin with a byte order mark and hold members that are not known`() throws {
        var authenticator = try SoftwareAuthenticator()
        authenticator.more = ",\"crossOrigin\":false,\"later\":[{\"a\":[1,-2.5e+3,null,true]},\"\\ud83d\\ude00\"]"
        #expect(throws: Never.self) { try verify(authenticator.register()) }
        let response = try authenticator.register()
        let marked = RegistrationResponse(
            credentialID: response.credentialID, clientDataJSON: [0xEF, 0xBB, 0xBF] + response.clientDataJSON,
            attestationObject: response.attestationObject)
        #expect(throws: Never.self) { try verify(marked) }
    }

    @Test(arguments: [
        "", "{}", "[]", "null", "\u{FEFF}", #"{"type":"webauthn.create"}"#, #"{"type":1,"challenge":"","origin":""}"#,
        #"{"type":"webauthn.create","challenge":null,"origin":""}"#,
        #"{"type":"webauthn.create","challenge":"","origin":[]}"#,
    ])
    func `Client data is an object with its members`(_ text: String) throws {
        let response = try SoftwareAuthenticator().register()
        let bad = RegistrationResponse(
            credentialID: response.credentialID, clientDataJSON: bytes(text),
            attestationObject: response.attestationObject)
        #expect(throws: WebAuthnError.clientDataMalformed) { try verify(bad) }
    }

    @Test(arguments: [
        "0", "-0", "10", "1.05", "-2e7", "3E-12", "4e+0", "true", "false", "null", "{}", "[ ]", "[[],{}]",
        "\t[ 1 ,2]\r\n", #""""#, #""\"\\\/\b\f\n\r\t""#, #""\u0000\uFFFF""#, #""\ud83d\uDE00""#, "\"ä\u{7f}\u{2028}\"",
        #"{"":{"":1},"type":2}"#,
        String(repeating: "[", count: 14) + String(repeating: "]", count: 14),
    ])
    func `A member that is not known is skipped if it is JSON`(_ value: String) throws {
        var authenticator = try SoftwareAuthenticator()
        authenticator.more = ",\"a\":\(value)"
        #expect(throws: Never.self) { try verify(authenticator.register()) }
    }

    @Test(arguments: [
        "", "01", "-", "1.", ".5", "+1", "1e", "1e+", "0x1", "tru", "TRUE", "nul", "NaN", "Infinity", "undefined",
        "1 2",
        "[1 2]", "[1,]", "[,]", "[", "]", "{a:1}", "{'a':1}", #"{"a" 1}"#, #"{"a":1,}"#, "{,}", #"{"b":1,"b":2}"#,
        #"{"b":1,"\u0062":2}"#, "'a'", #"""#, #""\x""#, #""\u12g4""#, #""\u12""#, #""\u+123""#, #""\ud800""#,
        #""\udc00""#, #""\ud800\ud800""#, #""\udc00\ud800""#, #""\ud800a""#, "\"\u{1}\"", "\"\n\"", "1//", "/**/1",
        "\u{A0}1", "\u{FEFF}1", "\u{C}1",
        String(repeating: "[", count: 17) + String(repeating: "]", count: 17),
    ])
    func `A member that is not known is no place for what is not JSON`(_ value: String) throws {
        var authenticator = try SoftwareAuthenticator()
        authenticator.more = ",\"a\":\(value)"
        #expect(throws: WebAuthnError.clientDataMalformed) { try verify(authenticator.register()) }
    }

    @Test func `Client data that is not UTF-8, too deep or too long is refused`() throws {
        let response = try SoftwareAuthenticator().register()
        let sound = response.clientDataJSON
        func refusal(_ clientDataJSON: [UInt8]) -> WebAuthnError? {
            #expect(throws: WebAuthnError.self) {
                try verify(
                    RegistrationResponse(
                        credentialID: response.credentialID, clientDataJSON: clientDataJSON,
                        attestationObject: response.attestationObject))
            }
        }
        func adding(_ member: [UInt8]) -> [UInt8] { sound.dropLast() + bytes(",\"a\":") + member + bytes("}") }
        for bad in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]] as [[UInt8]] {
            #expect(refusal(adding(bytes("\"") + bad + bytes("\""))) == .clientDataMalformed)
        }
        let nested = bytes(String(repeating: "[", count: 30000))
        #expect(refusal(adding(nested)) == .clientDataMalformed)
        #expect(refusal(adding(nested + bytes(String(repeating: "]", count: 30000)))) == .clientDataMalformed)
        #expect(refusal(adding(bytes(String(repeating: " ", count: 65536) + "1"))) == .responseTooLarge)
    }

    // MARK: Registration

    @Test func `A registration is of the credential that the answer names`() throws {
        let response = try SoftwareAuthenticator().register()
        let other = RegistrationResponse(
            credentialID: response.credentialID.dropLast() + [0], clientDataJSON: response.clientDataJSON,
            attestationObject: response.attestationObject)
        #expect(throws: WebAuthnError.credentialIDMismatch) { try verify(other) }
    }

    @Test func `A credential id is 1 to 1023 bytes long`() throws {
        var authenticator = try SoftwareAuthenticator()
        for count in [1, 1023] {
            authenticator.credentialID = [UInt8](repeating: 5, count: count)
            #expect(try verify(authenticator.register()).id.count == count)
        }
        for count in [0, 1024, 1025] {
            authenticator.credentialID = [UInt8](repeating: 5, count: count)
            #expect(throws: WebAuthnError.authenticatorDataMalformed) { try verify(authenticator.register()) }
        }
    }

    @Test func `A registration holds a credential`() throws {
        let authenticator = try SoftwareAuthenticator()
        let object = try attestationObject(
            format: Written.text("none"), statement: Written.map([]), data: authenticator.signIn().authenticatorData)
        let response = RegistrationResponse(
            credentialID: authenticator.credentialID, clientDataJSON: authenticator.clientDataJSON("webauthn.create"),
            attestationObject: object)
        #expect(throws: WebAuthnError.attestationObjectMalformed) { try verify(response) }
    }

    @Test func `An algorithm that was not asked for is refused`() throws {
        let authenticator = try SoftwareAuthenticator(.edDSA)
        #expect(throws: WebAuthnError.algorithmNotAllowed) {
            try verify(authenticator.register(), algorithms: [.es256, .rs256])
        }
        #expect(throws: Never.self) { try verify(authenticator.register(), algorithms: [.edDSA]) }
    }

    @Test(arguments: [
        ("none", Written.map([(Written.text("a"), Written.integer(1))]), WebAuthnError.attestationInvalid),
        ("none", Written.array([]), .attestationInvalid),
        ("packed", Written.map([]), .attestationInvalid),
        ("packed", Written.map([(Written.text("alg"), Written.integer(-7))]), .attestationInvalid),
        (
            "packed",
            Written.map([
                (Written.text("alg"), Written.integer(-7)), (Written.text("sig"), Written.bytes([])),
                (Written.text("x5c"), Written.array([Written.bytes([0])])),
            ]), .attestationFormatUnsupported
        ),
        ("fido-u2f", Written.map([]), .attestationFormatUnsupported),
        ("tpm", Written.map([]), .attestationFormatUnsupported),
        ("apple", Written.map([]), .attestationFormatUnsupported),
        ("compound", Written.array([]), .attestationFormatUnsupported),
        ("NONE", Written.map([]), .attestationFormatUnsupported),
        ("", Written.map([]), .attestationFormatUnsupported),
    ])
    func `A statement that is not verified is not passed over`(
        _ format: String, _ statement: [UInt8], _ refusal: WebAuthnError
    ) throws {
        var authenticator = try SoftwareAuthenticator()
        authenticator.format = format
        #expect(throws: refusal) { try verify(authenticator.register(statement: statement)) }
    }

    @Test func `Self attestation is by the credential's own key and names its algorithm`() throws {
        var authenticator = try SoftwareAuthenticator()
        authenticator.format = "packed"
        let clientDataJSON = authenticator.clientDataJSON("webauthn.create")
        let signed = try authenticator.attestedData() + SHA256.hash(data: clientDataJSON)
        func refusal(_ algorithm: Int, _ signature: [UInt8]) -> WebAuthnError? {
            let statement = Written.map([
                (Written.text("alg"), Written.integer(algorithm)), (Written.text("sig"), Written.bytes(signature)),
            ])
            do {
                try verify(authenticator.register(statement: statement))
                return nil
            } catch {
                return error as? WebAuthnError
            }
        }
        let signature = try authenticator.key.sign(signed)
        #expect(refusal(-7, signature) == nil)
        #expect(refusal(-8, signature) == .attestationInvalid)
        #expect(refusal(-7, signature + [0]) == .attestationInvalid)
        #expect(refusal(-7, try CredentialKey.generate(.es256).sign(signed)) == .attestationInvalid)
    }

    // MARK: Authentication

    @Test func `A sign-in is for the record and the user given`() throws {
        var authenticator = try SoftwareAuthenticator()
        let record = try authenticator.record()
        authenticator.signCount += 1
        #expect(throws: WebAuthnError.userHandleMismatch) {
            try verify(authenticator.signIn(userHandle: [1, 2, 3]), of: record)
        }
        authenticator.credentialID[0] ^= 1
        #expect(throws: WebAuthnError.credentialUnknown) { try verify(authenticator.signIn(), of: record) }
    }

    @Test(arguments: SignatureAlgorithm.allCases)
    func `A signature is by the record's key`(_ algorithm: SignatureAlgorithm) throws {
        let record = try SoftwareAuthenticator(algorithm).record()
        for other in SignatureAlgorithm.allCases {
            var stranger = try SoftwareAuthenticator(other)
            stranger.signCount += 1
            #expect(throws: WebAuthnError.signatureInvalid) { try verify(stranger.signIn(), of: record) }
        }
    }

    @Test func `A record whose key is not sound, or of another algorithm, verifies nothing`() throws {
        var authenticator = try SoftwareAuthenticator()
        let record = try authenticator.record()
        authenticator.signCount += 1
        let response = try authenticator.signIn()
        for (key, algorithm) in [
            (record.publicKey, SignatureAlgorithm.edDSA), (record.publicKey.dropLast(), .es256),
            (record.publicKey + [0], .es256), ([], .es256),
        ] {
            let changed = CredentialRecord(
                id: record.id, publicKey: Array(key), algorithm: algorithm, signCount: 0, isBackupEligible: false,
                isBackedUp: false, userVerified: true)
            #expect(throws: WebAuthnError.publicKeyInvalid) { try verify(response, of: changed) }
        }
    }

    @Test(arguments: [
        (UInt32(7), UInt32(7), false), (7, 6, false), (7, 0, false), (.max, 0, false), (.max, .max, false),
        (7, 8, true), (0, 0, true), (0, 1, true), (.max - 1, .max, true),
    ])
    func `A counter goes up, or there is none`(_ before: UInt32, _ now: UInt32, _ isAccepted: Bool) throws {
        var authenticator = try SoftwareAuthenticator()
        authenticator.signCount = before
        let record = try authenticator.record()
        authenticator.signCount = now
        if isAccepted {
            #expect(try verify(authenticator.signIn(), of: record).signCount == now)
        } else {
            #expect(throws: WebAuthnError.signCountNotIncreased) { try verify(authenticator.signIn(), of: record) }
            // A forgery is no sign of a copy.
            var stranger = try SoftwareAuthenticator()
            stranger.signCount = now
            #expect(throws: WebAuthnError.signatureInvalid) { try verify(stranger.signIn(), of: record) }
        }
    }

    @Test func `Whether a credential can be backed up never changes`() throws {
        for (before, now) in [
            (UInt8(0), SoftwareAuthenticator.backupEligible), (SoftwareAuthenticator.backupEligible, 0),
        ] {
            var authenticator = try SoftwareAuthenticator()
            let flags = authenticator.flags
            authenticator.flags = flags | before
            let record = try authenticator.record()
            authenticator.signCount += 1
            authenticator.flags = flags | now
            #expect(throws: WebAuthnError.backupEligibilityChanged) { try verify(authenticator.signIn(), of: record) }
        }
    }

    @Test func `Extensions that were not asked for are skipped`() throws {
        var authenticator = try SoftwareAuthenticator()
        authenticator.extensions = Written.map([
            (Written.text("credProtect"), Written.integer(2)), (Written.text("hmac-secret"), [0xF5]),
        ])
        let record = try authenticator.record()
        authenticator.signCount += 1
        #expect(throws: Never.self) { try verify(authenticator.signIn(), of: record) }
    }
}
