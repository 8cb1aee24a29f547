import CSodium

/// Ordinary memory for plaintext in passing, wiped before it is given back. Not locked: keys go into `SecretBytes`.
package struct WipedBuffer: ~Copyable, @unchecked Sendable {
    // Sendable: one owner; the pointer is used only while the owner is held.
    package let bytes: UnsafeMutableRawBufferPointer

    package init(count: Int) {
        bytes = .allocate(byteCount: count, alignment: 64)
    }

    deinit {
        if let base = bytes.baseAddress { sodium_memzero(base, bytes.count) }
        bytes.deallocate()
    }
}

/// Plaintext in passing whose length is not known beforehand; what it outgrows is wiped, too.
package struct WipedText: ~Copyable {
    private var buffer: WipedBuffer
    /// The number of bytes.
    package private(set) var count = 0

    package init(capacity: Int) { buffer = WipedBuffer(count: max(capacity, 64)) }

    /// Appends as many bytes for the closure to write.
    package mutating func append(_ more: Int, _ body: (UnsafeMutableRawBufferPointer) -> Void) {
        if count + more > buffer.bytes.count {
            let larger = WipedBuffer(count: max(count + more, 2 * buffer.bytes.count))
            larger.bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer.bytes[..<count]))
            buffer = larger
        }
        body(UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[count..<count + more]))
        count += more
    }

    /// Leaves out what comes after the first `count` bytes.
    package mutating func truncate(to count: Int) { self.count = min(self.count, count) }

    /// Lends the bytes; the pointer is not to leave the closure.
    package mutating func withMutableBytes<R>(_ body: (UnsafeMutableRawBufferPointer) throws -> R) rethrows -> R {
        try body(UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[..<count]))
    }
}

/// Overwrites memory that held plaintext, so that no optimisation leaves it out.
public func wipe(_ bytes: UnsafeMutableRawBufferPointer) {
    if let base = bytes.baseAddress { sodium_memzero(base, bytes.count) }
}
