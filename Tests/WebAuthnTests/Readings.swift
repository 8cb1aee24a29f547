import Foundation
import SoftwareAuthenticator
import WebAuthn

extension SoftwareAuthenticator {
    /// The record of a registration now.
    func record() throws -> CredentialRecord { try verify(register()) }
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
