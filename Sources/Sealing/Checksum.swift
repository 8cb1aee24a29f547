import Crypto

/// A checksum of one piece of an upload, as the protocol's sender computes it (tus checksum extension).
///
/// It guards a piece against the network and is never evidence: SHA-1 is among them because the protocol asks for it.
public struct Checksum: ~Copyable {
    private enum State {
        case sha1(Insecure.SHA1)
        case sha256(SHA256)
    }

    /// The names that are known, as the protocol writes them.
    public static let names = ["sha1", "sha256"]
    private var state: State
    private let expected: [UInt8]

    /// What the sender says its bytes have; nil for a name that is not known.
    public init?(named name: String, expecting expected: [UInt8]) {
        self.expected = expected
        switch name {
        case "sha1": state = .sha1(Insecure.SHA1())
        case "sha256": state = .sha256(SHA256())
        default: return nil
        }
    }

    /// Takes the next bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        switch state {
        case .sha1(var hash):
            hash.update(bufferPointer: bytes)
            state = .sha1(hash)
        case .sha256(var hash):
            hash.update(bufferPointer: bytes)
            state = .sha256(hash)
        }
    }

    /// Whether all bytes together have the expected checksum.
    public consuming func agrees() -> Bool {
        switch state {
        case .sha1(let hash): Array(hash.finalize()) == expected
        case .sha256(let hash): Array(hash.finalize()) == expected
        }
    }
}
