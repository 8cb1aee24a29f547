import CSodium

/// Keyed BLAKE2b (RFC 7693): tags, and keys derived from keys.
public enum KeyedHash {
    /// The 32-byte BLAKE2b-256 of the message under the key.
    public static func tag(_ message: [UInt8], key: borrowing TagKey) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 32)
        key.withBytes { key in
            out.withUnsafeMutableBytes { out in
                message.withBytes { hash($0, key: key, into: out) }
            }
        }
        return out
    }

    /// A key of another purpose: keyed BLAKE2b over `label`, a zero byte and `context`, as long as the new purpose asks.
    ///
    /// The label has no zero byte, so label and context cannot run into each other.
    public static func derive<P: KeyPurpose, Q: KeyPurpose>(
        _ key: borrowing Key<P>, label: String, context: [UInt8] = []
    ) throws(SealingError) -> Key<Q> {
        var secret = try SecretBytes(zeroed: Q.byteCount)
        key.withBytes { key in
            secret.withMutableBytes { out in derive(from: key, label: label, context: context, into: out) }
        }
        return try Key(secret)
    }

    static func derive(
        from key: UnsafeRawBufferPointer, label: String, context: [UInt8], into out: UnsafeMutableRawBufferPointer
    ) {
        assert(!label.utf8.contains(0))
        var message: [UInt8] = []
        message.reserveCapacity(label.utf8.count + 1 + context.count)
        message += label.utf8
        message.append(0)
        message += context
        message.withBytes { hash($0, key: key, into: out) }
    }

    private static func hash(
        _ message: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, into out: UnsafeMutableRawBufferPointer
    ) {
        precondition(Sodium.ready, "libsodium did not start")
        _ = crypto_generichash(out.octets, out.count, message.octets, UInt64(message.count), key.octets, key.count)
    }
}
