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

/// Overwrites memory that held plaintext, so that no optimisation leaves it out.
public func wipe(_ bytes: UnsafeMutableRawBufferPointer) {
    if let base = bytes.baseAddress { sodium_memzero(base, bytes.count) }
}
