import Crypto

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Authenticator codes: RFC 6238 with HMAC-SHA-1, 30-second steps and six digits, as every authenticator takes them.
public enum OneTimeCode {
    /// The six digits for a step; the step is the number of whole half minutes since 1970.
    public static func code(secret: borrowing SecretBytes, step: UInt64) -> String {
        let mac: [UInt8] = secret.withBytes { secret in
            withUnsafeBytes(of: step.bigEndian) { counter in
                Array(HMAC<Insecure.SHA1>.authenticationCode(for: counter, using: SymmetricKey(data: secret)))
            }
        }
        let offset = Int(mac[19] & 15)
        let word = mac[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7fff_ffff
        let digits = String(word % 1_000_000)
        return String(repeating: "0", count: 6 - digits.count) + digits
    }
}
