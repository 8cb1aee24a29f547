import CSodium

// Rules of this file:
// - memory comes from sodium_malloc: guard pages around it, a canary before it, no core dump, wiped when freed;
// - sodium_malloc ignores a refused mlock, so it is asked for again here, and a refusal is an error;
// - the type is not copyable, so a copy is a visible call, and the last owner wipes;
// - each block costs at least three pages and a lock: bound the number of those that live long.

/// A secret in guarded, locked memory, wiped when it goes.
///
/// Creating one throws `.memoryUnlocked` when the system refuses to lock the pages, `.outOfMemory` when it has none.
public struct SecretBytes: ~Copyable, @unchecked Sendable {
    // Sendable: one owner at a time, mutated only through `mutating`; the pointer never leaves the closures.
    private let base: UnsafeMutableRawPointer
    /// The number of bytes.
    public private(set) var count: Int

    /// Makes a secret of `count` zero bytes.
    public init(zeroed count: Int) throws(SealingError) {
        try Sodium.start()
        precondition(count >= 0, "a secret has no negative size")
        guard let base = sodium_malloc(max(count, 1)) else { throw .outOfMemory }
        guard sodium_mlock(base, max(count, 1)) == 0 else {
            sodium_free(base)
            throw .memoryUnlocked
        }
        sodium_memzero(base, max(count, 1))
        self.base = base
        self.count = count
    }

    /// Copies the bytes; the caller wipes the original.
    public init(copying bytes: UnsafeRawBufferPointer) throws(SealingError) {
        try self.init(zeroed: bytes.count)
        if let source = bytes.baseAddress { base.copyMemory(from: source, byteCount: bytes.count) }
    }

    /// Copies the bytes; the array is ordinary memory, and nobody can wipe it for sure.
    public init(copying bytes: [UInt8]) throws(SealingError) {
        try self.init(zeroed: bytes.count)
        bytes.withUnsafeBytes { source in
            if let start = source.baseAddress { base.copyMemory(from: start, byteCount: source.count) }
        }
    }

    deinit {
        sodium_free(base)
    }

    /// Makes a secret of `count` random bytes.
    public static func random(_ count: Int) throws(SealingError) -> SecretBytes {
        let secret = try SecretBytes(zeroed: count)
        randombytes_buf(secret.base, count)
        return secret
    }

    /// Lends the bytes for reading; the pointer is not to leave the closure.
    public borrowing func withBytes<R: ~Copyable, E: Error>(
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// Lends the bytes for writing; the pointer is not to leave the closure.
    public mutating func withMutableBytes<R: ~Copyable, E: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try body(UnsafeMutableRawBufferPointer(start: base, count: count))
    }

    /// A second secret with the same bytes.
    public borrowing func copy() throws(SealingError) -> SecretBytes {
        try SecretBytes(copying: UnsafeRawBufferPointer(start: base, count: count))
    }

    /// Whether both hold the same bytes, in time that depends on the length alone.
    public borrowing func isEqual(to other: borrowing SecretBytes) -> Bool {
        count == other.count && sodium_memcmp(base, other.base, count) == 0
    }

    /// Wipes the bytes from `count` on, and leaves them out.
    mutating func truncate(to count: Int) {
        precondition(count <= self.count, "a secret does not grow")
        sodium_memzero(base + count, self.count - count)
        self.count = count
    }
}

/// At most 256 bytes of key material on the stack for the length of a call, wiped before it returns.
func withWipedBytes<R: ~Copyable, E: Error>(
    _ count: Int, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R
) throws(E) -> R {
    precondition(count <= 256, "too large for the stack")
    var store = InlineArray<32, UInt64>(repeating: 0)
    return try withUnsafeMutableBytes(of: &store) { raw throws(E) -> R in
        defer { sodium_memzero(raw.baseAddress, raw.count) }
        return try body(UnsafeMutableRawBufferPointer(rebasing: raw[0..<count]))
    }
}
