import Foundation
import SoftwareAuthenticator
import Testing
import WebAuthn

/// What goes to the browser and what comes from it, as JSON.
@Suite struct BrowserTests {
    private let party = SoftwareAuthenticator.party

    /// `RegistrationResponseJSON` as browsers write it.
    private func json(_ response: RegistrationResponse) -> String {
        let id = base64URL(response.credentialID)
        return """
            {"authenticatorAttachment":"platform","clientExtensionResults":{"credProps":{"rk":true}},"id":"\(id)",\
            "rawId":"\(id)","response":{"attestationObject":"\(base64URL(response.attestationObject))",\
            "authenticatorData":"AA","clientDataJSON":"\(base64URL(response.clientDataJSON))","publicKey":"AA",\
            "publicKeyAlgorithm":-7,"transports":["hybrid","internal"]},"type":"public-key"}
            """
    }

    private func json(_ response: AuthenticationResponse, userHandle: String) -> String {
        let id = base64URL(response.credentialID)
        return """
            {"clientExtensionResults":{},"id":"\(id)","rawId":"\(id)","response":{\
            "authenticatorData":"\(base64URL(response.authenticatorData))",\
            "clientDataJSON":"\(base64URL(response.clientDataJSON))","signature":"\(base64URL(response.signature))"\
            \(userHandle)},"type":"public-key"}
            """
    }

    @Test func `Both answers are read as browsers write them`() throws {
        var authenticator = try SoftwareAuthenticator()
        let registration = try authenticator.register()
        let read = try RegistrationResponse(json: bytes(json(registration)))
        #expect(read.credentialID == registration.credentialID && read.transports == ["hybrid", "internal"])
        #expect(read.clientDataJSON == registration.clientDataJSON)
        let record = try verify(read)
        authenticator.signCount += 1
        let assertion = try authenticator.signIn()
        let handle = ",\"userHandle\":\"\(base64URL(SoftwareAuthenticator.userHandle))\""
        #expect(try AuthenticationResponse(json: bytes(json(assertion, userHandle: handle))) == assertion)
        for none in ["", ",\"userHandle\":null"] {
            let response = try AuthenticationResponse(json: bytes(json(assertion, userHandle: none)))
            #expect(response.userHandle == nil)
            #expect(throws: Never.self) { try verify(response, of: record) }
        }
        for bad in ["\"\"", "7", "\"\(base64URL(.ones(65)))\"", "\"AB\""] {
            #expect(throws: WebAuthnError.responseMalformed) {
                try AuthenticationResponse(json: bytes(json(assertion, userHandle: ",\"userHandle\":\(bad)")))
            }
        }
    }

    @Test func `An answer that is not of that form is malformed`() throws {
        let authenticator = try SoftwareAuthenticator()
        let registration = try json(authenticator.register())
        let assertion = try json(authenticator.signIn(), userHandle: "")
        let id = base64URL(authenticator.credentialID)
        let changes = [
            ("\"type\":\"public-key\"", "\"type\":\"password\""), ("\"type\":\"public-key\"", "\"type\":1"),
            (",\"type\":\"public-key\"", ""), ("\"rawId\":\"\(id)\"", "\"rawId\":\"\(id.dropLast(4))\""),
            ("\"rawId\":\"\(id)\",", ""), ("\"id\":\"\(id)\",", ""), (id, id + "="), (id, ""), (id, id + "AA"),
            (id, base64URL(.ones(1024))), (id, "+" + id.dropFirst()), (id, id.dropLast() + "_"),
            ("\"response\":{", "\"response\":[{"), ("\"response\":{", "\"answer\":{"),
            ("\"clientDataJSON\":\"", "\"clientDataJSON\":\"="),
            ("\"clientDataJSON\":\"", "\"clientDataJSON\":null,\"a\":\""),
            ("\"clientDataJSON\":\"", "\"clientDataJSON\":\"AA\",\"clientDataJSON\":\""), ("}", "} }"), ("{", ""),
        ]
        for (index, (from, to)) in changes.enumerated() {
            let changed = registration.replacingOccurrences(of: from, with: to)
            #expect(changed != registration)
            #expect(throws: WebAuthnError.responseMalformed, "\(index)") {
                try RegistrationResponse(json: bytes(changed))
            }
            #expect(throws: WebAuthnError.responseMalformed, "\(index)") {
                try AuthenticationResponse(json: bytes(assertion.replacingOccurrences(of: from, with: to)))
            }
        }
        #expect(throws: WebAuthnError.responseMalformed) { try AuthenticationResponse(json: bytes(registration)) }
        #expect(throws: WebAuthnError.responseMalformed) { try RegistrationResponse(json: bytes(assertion)) }
        let long = String(repeating: "a", count: 33)
        for transports in ["{}", "[1]", "[\"\"]", "[\"USB\"]", "[\"<b>\"]", "[\"\(long)\"]"] {
            let changed = registration.replacingOccurrences(of: "[\"hybrid\",\"internal\"]", with: transports)
            #expect(throws: WebAuthnError.responseMalformed) { try RegistrationResponse(json: bytes(changed)) }
        }
        let large = bytes(assertion + String(repeating: " ", count: 65537 - assertion.utf8.count))
        #expect(throws: WebAuthnError.responseTooLarge) { try AuthenticationResponse(json: large) }
        #expect(throws: WebAuthnError.responseTooLarge) { try RegistrationResponse(json: large) }
        #expect(throws: Never.self) { try AuthenticationResponse(json: large.dropLast()) }
    }

    @Test func `base64url is read in its one form`() throws {
        func credentialID(_ text: String) -> [UInt8]? {
            let json = """
                {"id":"\(text)","rawId":"\(text)","type":"public-key","response":{"clientDataJSON":"",\
                "attestationObject":""}}
                """
            return try? RegistrationResponse(json: bytes(json)).credentialID
        }
        var generator = SeededGenerator(state: 64)
        for count in 1...64 {
            let value = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(credentialID(base64URL(value)) == value)
        }
        #expect(credentialID("-_-_") == [0xFB, 0xFF, 0xBF])
        for bad in ["A", "AAAAA", "AB", "AAB", "AA=", "AA==", "+_AA", "/AAA", "AA AA", "AA\\nAA", "ÄAA", "AA.A"] {
            #expect(credentialID(bad) == nil, "\(bad)")
        }
    }

    // MARK: Options

    @Test func `Creation options are what the browser parses`() throws {
        let options = try party.creationOptions(
            user: UserEntity(id: [0xFF, 0xFE], name: "a.khan", displayName: "A. Khan"),
            challenge: SoftwareAuthenticator.challenge,
            excluding: [CredentialDescriptor(id: [1], transports: ["usb", "nfc"]), CredentialDescriptor(id: [2, 3])])
        #expect(
            options == """
                {"rp":{"id":"vault.school.example","name":"Vault"},\
                "user":{"id":"__4","name":"a.khan","displayName":"A. Khan"},\
                "challenge":"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA",\
                "pubKeyCredParams":[{"type":"public-key","alg":-7},{"type":"public-key","alg":-8},\
                {"type":"public-key","alg":-257}],"timeout":300000,\
                "excludeCredentials":[{"type":"public-key","id":"AQ","transports":["usb","nfc"]},\
                {"type":"public-key","id":"AgM"}],\
                "authenticatorSelection":{"residentKey":"preferred","requireResidentKey":false,\
                "userVerification":"required"},"attestation":"none"}
                """)
        let other = try party.creationOptions(
            user: UserEntity(id: [0], name: "", displayName: ""), challenge: SoftwareAuthenticator.challenge,
            excluding: [], algorithms: [.es256], residentKey: .required, userVerification: .discouraged, timeout: 1000)
        #expect(other.contains("\"residentKey\":\"required\",\"requireResidentKey\":true,\"userVerification\":\"disc"))
        #expect(other.contains("\"pubKeyCredParams\":[{\"type\":\"public-key\",\"alg\":-7}],\"timeout\":1000,"))
        #expect(other.contains("\"excludeCredentials\":[],"))
    }

    @Test func `Request options are what the browser parses`() throws {
        let options = try party.requestOptions(
            challenge: SoftwareAuthenticator.challenge, allowing: [CredentialDescriptor(id: [4, 5])], timeout: 60000)
        #expect(
            options == """
                {"challenge":"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA","timeout":60000,\
                "rpId":"vault.school.example","allowCredentials":[{"type":"public-key","id":"BAU"}],\
                "userVerification":"required"}
                """)
    }

    @Test func `Names of any characters come through, and none ends a script element`() throws {
        let name = "\"\\/\u{0}\u{1}\u{1f}\n\r\t\u{7f}</script><!-- & ä e\u{301} 😀 \u{2028}\u{2029}"
        let party = RelyingParty(id: "school.example", name: name, origins: [])
        let options = try party.creationOptions(
            user: UserEntity(id: [1], name: name, displayName: name), challenge: SoftwareAuthenticator.challenge,
            excluding: [])
        #expect(!options.contains("<") && !options.contains("&") && !options.unicodeScalars.contains("\u{2028}"))
        let read = try #require(try JSONSerialization.jsonObject(with: Data(options.utf8)) as? [String: Any])
        for (member, field) in [("rp", "name"), ("user", "name"), ("user", "displayName")] {
            let text = try #require((read[member] as? [String: Any])?[field] as? String)
            #expect(text.unicodeScalars.elementsEqual(name.unicodeScalars))
        }
    }

    @Test func `Options want a challenge of 32 bytes and a user handle of 1 to 64`() throws {
        for count in [0, 16, 33] {
            #expect(throws: WebAuthnError.challengeInvalid) {
                try party.requestOptions(challenge: .ones(count), allowing: [])
            }
            #expect(throws: WebAuthnError.challengeInvalid) {
                try party.creationOptions(
                    user: UserEntity(id: [1], name: "", displayName: ""), challenge: .ones(count), excluding: [])
            }
        }
        for count in [0, 65] {
            #expect(throws: WebAuthnError.userHandleInvalid) {
                try party.creationOptions(
                    user: UserEntity(id: .ones(count), name: "", displayName: ""), challenge: .ones(32), excluding: [])
            }
        }
    }
}
