/// HMAC-SHA-256 (RFC 2104), for what others' protocols have signed with it: requests to a store.
public enum MessageCode {
    /// The 32-byte code of a message under a key of any length.
    public static func code(_ message: [UInt8], key: borrowing SecretBytes) throws(SealingError) -> [UInt8] {
        try derived(message, from: key).withBytes { Array($0) }
    }

    /// A key that is the code of a message under another key.
    public static func derived(_ message: [UInt8], from key: borrowing SecretBytes) throws(SealingError) -> SecretBytes
    {
        var out = try SecretBytes(zeroed: 32)
        key.withBytes { key in
            out.withMutableBytes { out in
                message.withUnsafeBytes { HMACSHA256.authenticate($0, key: key, into: out) }
            }
        }
        return out
    }
}
