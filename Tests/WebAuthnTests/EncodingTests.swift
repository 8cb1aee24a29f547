import Crypto
import CryptoExtras
import Foundation
import SoftwareAuthenticator
import Testing
import WebAuthn

/// CBOR and COSE keys, as an authenticator that writes them wrongly would send them.
@Suite struct EncodingTests {
    struct Sample: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let item: [UInt8]

        init(_ name: String, _ item: [UInt8]) {
            testDescription = name
            self.item = item
        }
    }

    /// Extensions of one member with that value.
    private func refusal(value: [UInt8]) throws -> WebAuthnError? {
        try refusal(extensions: Written.map([(Written.text("a"), value)]))
    }

    private func refusal(extensions: [UInt8]) throws -> WebAuthnError? {
        var authenticator = try SoftwareAuthenticator()
        authenticator.extensions = extensions
        return try refusal(authenticator)
    }

    private func refusal(_ authenticator: SoftwareAuthenticator) throws -> WebAuthnError? {
        let response = try authenticator.register()
        do throws(WebAuthnError) {
            try verify(response)
            return nil
        } catch { return error }
    }

    @Test(arguments: [
        Sample("integers at the bounds of their forms", Written.array([[0x17], [0x18, 0x18], [0x18, 0xFF]])),
        Sample(
            "longer integers", Written.array([[0x19, 1, 0], [0x1A, 0, 1, 0, 0], [0x1B, 0, 0, 0, 1, 0, 0, 0, 0]])),
        Sample("negative integers", Written.array([[0x20], [0x38, 0x18], [0x39, 1, 0], [0x3B, 0x7F] + .ones(7)])),
        Sample("the largest integer", [0x1B, 0x7F] + .ones(7)),
        Sample("false, true, null", Written.array([[0xF4], [0xF5], [0xF6]])),
        Sample("texts and bytes", Written.array([Written.text("ä😀"), Written.text(""), Written.bytes([0xFF])])),
        Sample(
            "keys sorted by major type, length and bytes",
            Written.map([
                ([0x05], [0]), ([0x18, 0x20], [0]), ([0x20], [0]), (Written.text("z"), [0]), (Written.text("aa"), [0]),
                (Written.text("ab"), [0]),
            ])),
        Sample("seven levels below the map", .nested(7)),
    ])
    func `Canonical CBOR is read`(_ sample: Sample) throws {
        #expect(try refusal(value: sample.item) == nil)
    }

    @Test(arguments: [
        Sample("an integer in two bytes that needs one", [0x18, 0x17]),
        Sample("an integer in three bytes that needs two", [0x19, 0, 0xFF]),
        Sample("an integer in five bytes that needs three", [0x1A, 0, 0, 0xFF, 0xFF]),
        Sample("an integer in nine bytes that needs five", [0x1B, 0, 0, 0, 0] + .ones(4)),
        Sample("a length in two bytes that needs one", [0x58, 1, 0]),
        Sample("a text's length in three bytes that needs one", [0x79, 0, 1, 0x61]),
        Sample("an integer beyond 63 bits", [0x1B, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        Sample("a negative integer beyond 63 bits", [0x3B] + .ones(8)),
        Sample("reserved information", [0x1C]),
        Sample("indefinite bytes", [0x5F, 0x41, 0, 0xFF]),
        Sample("indefinite text", [0x7F, 0x61, 0x61, 0xFF]),
        Sample("an indefinite array", [0x9F, 0, 0xFF]),
        Sample("an indefinite map", [0xBF, 0x61, 0x61, 0, 0xFF]),
        Sample("a tag", [0xC0, 0x61, 0x61]),
        Sample("a half float", [0xF9, 0, 0]),
        Sample("a float", [0xFA, 0, 0, 0, 0]),
        Sample("a double", [0xFB, 0, 0, 0, 0, 0, 0, 0, 0]),
        Sample("undefined", [0xF7]),
        Sample("a simple value", [0xE0]),
        Sample("a simple value in two bytes", [0xF8, 0x20]),
        Sample("a stop", [0xFF]),
        Sample("a text that is not UTF-8", [0x61, 0xFF]),
        Sample("bytes longer than all there is", [0x42, 0]),
        Sample("bytes as long as can be said", [0x5B] + .ones(8)),
        Sample("bytes as long as Int", [0x5B, 0x7F] + .ones(7)),
        Sample("an array as long as Int", [0x9B, 0x7F] + .ones(7)),
        Sample("a map as long as Int", [0xBB, 0x7F] + .ones(7)),
        Sample("a map as long as can be said", [0xBB] + .ones(8)),
        Sample("a key twice", Written.map([([1], [0]), ([1], [0])])),
        Sample("keys out of order", Written.map([([2], [0]), ([1], [0])])),
        Sample("a longer key first", Written.map([(Written.text("aa"), [0]), (Written.text("b"), [0])])),
        Sample("a text before an integer", Written.map([(Written.text("a"), [0]), ([0x18, 0x20], [0])])),
        Sample("bytes as a key", Written.map([(Written.bytes([1]), [0])])),
        Sample("a boolean as a key", Written.map([([0xF5], [0])])),
        Sample("an array as a key", Written.map([(Written.array([]), [0])])),
        Sample("eight levels below the map", .nested(8)),
        Sample("ten thousand levels", .nested(10_000)),
        Sample("nothing", []),
    ])
    func `CBOR in any other form is refused`(_ sample: Sample) throws {
        #expect(try refusal(value: sample.item) == .authenticatorDataMalformed)
    }

    @Test func `An attestation object has its three members alone, in their order, and no more`() throws {
        let authenticator = try SoftwareAuthenticator()
        let format = (Written.text("fmt"), Written.text("none"))
        let statement = (Written.text("attStmt"), Written.map([]))
        let data = (Written.text("authData"), Written.bytes(try authenticator.attestedData()))
        func refusal(_ object: [UInt8]) throws -> WebAuthnError? {
            do throws(WebAuthnError) {
                try verify(
                    RegistrationResponse(
                        credentialID: authenticator.credentialID,
                        clientDataJSON: authenticator.clientDataJSON("webauthn.create"), attestationObject: object))
                return nil
            } catch { return error }
        }
        #expect(try refusal(Written.map([format, statement, data])) == nil)
        let malformed = [
            Written.map([format, statement, data]) + [0], Written.map([statement, format, data]),
            Written.map([data, format, statement]), Written.map([format, statement]), Written.map([format, data]),
            Written.map([statement, data]), Written.map([format, format, statement, data]),
            Written.map([format, (Written.text("epAtt"), [0xF4]), statement, data]), Written.array([]), [], [0xA0],
            Written.map([(format.0, Written.bytes([1])), statement, data]),
            Written.map([format, statement, (data.0, Written.text("a"))]),
        ]
        for object in malformed { #expect(try refusal(object) == .attestationObjectMalformed) }
        #expect(try refusal([UInt8](repeating: 0, count: 65537)) == .responseTooLarge)
        let following = Written.bytes(try authenticator.attestedData() + [0])
        #expect(try refusal(Written.map([format, statement, (data.0, following)])) == .authenticatorDataMalformed)
    }

    // MARK: COSE keys

    private func refusal(key pairs: [([UInt8], [UInt8])], _ algorithm: SignatureAlgorithm = .es256) throws
        -> WebAuthnError?
    {
        var authenticator = try SoftwareAuthenticator(algorithm)
        authenticator.publicKeyBytes = Written.map(pairs)
        return try refusal(authenticator)
    }

    @Test(arguments: SignatureAlgorithm.allCases)
    func `A COSE key has its own parameters, each right`(_ algorithm: SignatureAlgorithm) throws {
        let pairs = try CredentialKey.generate(algorithm).pairs
        #expect(try refusal(key: pairs) == nil)
        for index in pairs.indices {
            var changed = pairs
            changed.remove(at: index)
            #expect(try refusal(key: changed) == .publicKeyInvalid, "without \(index)")
            // Another value of the same kind; of the algorithm, one that is not taken at all.
            changed = pairs
            switch index {
            case 1: changed[1].1 = Written.integer(-37)
            case _ where changed[index].1.count == 1: changed[index].1 = Written.integer(4)
            default: changed[index].1 = Written.bytes([1, 2, 3])
            }
            #expect(try refusal(key: changed) == (index == 1 ? .algorithmNotAllowed : .publicKeyInvalid))
            changed[index].1 = Written.text("a")
            #expect(try refusal(key: changed) == .publicKeyInvalid)
        }
        // key_ops and a label nobody knows; both sorted in.
        #expect(try refusal(key: pairs[..<2] + [([4], Written.array([[2]]))] + pairs[2...]) == .publicKeyInvalid)
        #expect(try refusal(key: pairs + [([0x28], [0])]) == .publicKeyInvalid)
        for other in SignatureAlgorithm.allCases where other != algorithm {
            var changed = pairs
            changed[1].1 = Written.integer(other.rawValue)
            #expect(try refusal(key: changed) == .publicKeyInvalid)
        }
        var swapped = pairs
        swapped.swapAt(0, 1)
        #expect(try refusal(key: swapped) == .authenticatorDataMalformed)
    }

    @Test(arguments: [-35, -36, -47, -37, -65535, -19, -9, 0, 7])
    func `Other algorithms are refused by name`(_ algorithm: Int) throws {
        var pairs = try CredentialKey.generate(.es256).pairs
        pairs[1].1 = algorithm == -65535 ? [0x39, 0xFF, 0xFE] : Written.integer(algorithm)
        #expect(try refusal(key: pairs) == .algorithmNotAllowed)
    }

    @Test func `A point is on its curve`() throws {
        var pairs = try CredentialKey.generate(.es256).pairs
        let zero = Written.bytes([UInt8](repeating: 0, count: 32))
        for (x, y) in [(pairs[4].1, pairs[3].1), (zero, zero), (Written.bytes(.ones(32)), pairs[4].1)] {
            pairs[3].1 = x
            pairs[4].1 = y
            #expect(try refusal(key: pairs) == .publicKeyInvalid)
        }
    }

    @Test func `An RSA key has 2048 to 4096 bits, no leading zero, and exponent 65537`() throws {
        var pairs = try CredentialKey.generate(.rs256).pairs
        let exponent = pairs[3].1
        func refusal(_ modulus: [UInt8]) throws -> WebAuthnError? {
            pairs[2].1 = Written.bytes(modulus)
            return try self.refusal(key: pairs)
        }
        func modulus(_ first: UInt8, _ count: Int) -> [UInt8] { [first] + .ones(count - 1) }
        #expect(try refusal(modulus(0x80, 256)) == nil)
        #expect(try refusal(modulus(0xFF, 512)) == nil)
        #expect(try refusal(modulus(0x7F, 256)) == .publicKeyInvalid)
        #expect(try refusal(modulus(0xFF, 128)) == .publicKeyInvalid)
        #expect(try refusal(modulus(0x01, 513)) == .publicKeyInvalid)
        #expect(try refusal(modulus(0x00, 257)) == .publicKeyInvalid)
        #expect(try refusal(modulus(0x80, 256).dropLast() + [0xFE]) == .publicKeyInvalid)
        for wrong in [[3], [0, 1, 0, 1], [1, 0, 0], [1, 0, 2], []] as [[UInt8]] {
            pairs[3].1 = Written.bytes(wrong)
            #expect(try refusal(modulus(0x80, 256)) == .publicKeyInvalid)
        }
        pairs[3].1 = exponent
        #expect(try refusal(modulus(0x80, 256)) == nil)
    }
}

extension [UInt8] {
    static func ones(_ count: Int) -> [UInt8] { [UInt8](repeating: 0xFF, count: count) }

    /// So many arrays within each other, the innermost with a zero in it.
    static func nested(_ depth: Int) -> [UInt8] { [UInt8](repeating: 0x81, count: depth) + [0] }
}
