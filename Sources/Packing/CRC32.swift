import CZlib

/// The CRC-32 that ZIP and gzip have, in pieces; zlib's.
public struct CRC32: Sendable {
    private var sum: UInt = 0

    /// Starts with nothing summed.
    public init() {}

    /// Adds bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        // Without bytes zlib would start again.
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
        sum = crc32_z(sum, base.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    /// The sum of all that was added so far.
    public var value: UInt32 { UInt32(truncatingIfNeeded: sum) }
}

/// The CRC-32 of the bytes.
package func crc32(of bytes: [UInt8]) -> UInt32 {
    var sum = CRC32()
    bytes.withUnsafeBytes { sum.update($0) }
    return sum.value
}
