/// Many keys of one purpose in one guarded block: the system locks only so many blocks for a user.
public struct KeyBlock<Purpose: KeyPurpose>: ~Copyable, Sendable {
    private let secret: SecretBytes
    /// The number of keys.
    public let count: Int

    init(_ secret: consuming SecretBytes, count: Int) {
        precondition(secret.count == count * Purpose.byteCount, "a block of whole keys")
        self.secret = secret
        self.count = count
    }

    /// A block of keys that are made one by one, each of the purpose's length.
    public init<E: Error>(count: Int, _ key: (Int) throws(E) -> SecretBytes) throws {
        var secret = try SecretBytes(zeroed: count * Purpose.byteCount)
        for index in 0..<count {
            let one = try key(index)
            precondition(one.count == Purpose.byteCount, "a key of another length")
            one.withBytes { source in
                secret.withMutableBytes { target in
                    let start = index * Purpose.byteCount
                    UnsafeMutableRawBufferPointer(rebasing: target[start..<start + Purpose.byteCount])
                        .copyMemory(from: source)
                }
            }
        }
        self.init(secret, count: count)
    }

    /// Lends the bytes of one key; the pointer is not to leave the closure.
    public borrowing func withKey<R: ~Copyable, E: Error>(
        at index: Int, _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        precondition(index >= 0 && index < count, "no such key in the block")
        return try secret.withBytes { bytes throws(E) -> R in
            let start = index * Purpose.byteCount
            return try body(UnsafeRawBufferPointer(rebasing: bytes[start..<start + Purpose.byteCount]))
        }
    }

    /// One of the keys, in a block of its own.
    public borrowing func key(at index: Int) throws(SealingError) -> Key<Purpose> {
        try withKey(at: index) { bytes throws(SealingError) in try Key(SecretBytes(copying: bytes)) }
    }
}
