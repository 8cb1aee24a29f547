import CSodium

/// Random bytes that are not secret: ids, salts, nonces. Secrets come from `SecretBytes.random`.
public enum Randomness {
    /// `count` bytes from libsodium.
    public static func bytes(_ count: Int) -> [UInt8] {
        precondition(Sodium.ready, "no source of randomness")
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            randombytes_buf(UnsafeMutableRawBufferPointer(buffer).octets, count)
            used = count
        }
    }
}

/// Whether both are equal, in time that depends on the lengths alone.
public func equalInConstantTime(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count else { return false }
    return a.withUnsafeBytes { left in
        b.withUnsafeBytes { right in
            left.count == 0 || sodium_memcmp(left.baseAddress!, right.baseAddress!, left.count) == 0  // not empty
        }
    }
}
