public import Sealing

// RFC 6962, section 2.1: a leaf's hash is SHA-256(0x00 ‖ leaf), a node's SHA-256(0x01 ‖ left ‖ right), and the left
// subtree of n leaves has the largest power of two below n. Node (level, index) is the root of the complete subtree
// over the leaves index·2^level ..< (index + 1)·2^level. Only such nodes are stored: they never change.

/// The hash of a leaf: SHA-256(0x00 ‖ leaf).
public func leafHash(_ leaf: [UInt8]) -> Digest {
    var hasher = SHA256Hasher()
    hasher.update([0x00])
    hasher.update(leaf)
    return hasher.finish()
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
package func nodeHash(_ left: Digest, _ right: Digest) -> Digest {
    withUnsafeTemporaryAllocation(byteCount: 1 + 2 * Digest.byteCount, alignment: 1) { bytes in
        bytes[0] = 0x01
        left.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: bytes[1...]).copyMemory(from: $0) }
        right.withUnsafeBytes {
            UnsafeMutableRawBufferPointer(rebasing: bytes[(1 + Digest.byteCount)...]).copyMemory(from: $0)
        }
        return sha256(UnsafeRawBufferPointer(bytes))
    }
}

/// The place of a complete subtree's root.
public struct NodePosition: Hashable, Sendable {
    /// 0 for a leaf; the subtree has 2^level leaves.
    public let level: Int
    /// Counted from the left within its level.
    public let index: UInt64

    /// A place.
    public init(level: Int, index: UInt64) {
        self.level = level
        self.index = index
    }
}

/// A complete subtree's root: once known, it never changes.
public struct StoredNode: Hashable, Sendable {
    /// 0 for a leaf; the subtree has 2^level leaves.
    public let level: Int
    /// Counted from the left within its level.
    public let index: UInt64
    /// The subtree's hash.
    public let hash: Digest

    /// A node.
    public init(level: Int, index: UInt64, hash: Digest) {
        self.level = level
        self.index = index
        self.hash = hash
    }

    /// Where it stands.
    public var position: NodePosition { NodePosition(level: level, index: index) }
}

/// Appends leaves, holding only the right edge: one hash for each one-bit of the size.
public struct MerkleTree: Sendable, Equatable {
    /// The number of leaves.
    public private(set) var size: UInt64
    /// The complete subtrees that make up the tree, largest first, at ``edgePositions(size:)``.
    public private(set) var edge: [Digest]

    /// The empty tree.
    public init() {
        size = 0
        edge = []
    }

    /// A tree continued from its stored right edge, in the order of ``edgePositions(size:)``.
    ///
    /// Throws ``LedgerError/edgeDiffersFromSize(size:nodes:)`` if there are not as many nodes as the size asks for.
    public init(size: UInt64, edge: [Digest]) throws(LedgerError) {
        guard edge.count == size.nonzeroBitCount else {
            throw .edgeDiffersFromSize(size: size, nodes: edge.count)
        }
        self.size = size
        self.edge = edge
    }

    /// Where the right edge of a tree of that size lies, largest subtree first: one place for each one-bit of the size.
    public static func edgePositions(size: UInt64) -> [NodePosition] {
        var positions: [NodePosition] = []
        for level in stride(from: 63, through: 0, by: -1) where size >> UInt64(level) & 1 == 1 {
            positions.append(NodePosition(level: level, index: (size >> UInt64(level)) - 1))
        }
        return positions
    }

    /// Appends a leaf and gives the nodes that are complete from now on, leaf first, two on average.
    @discardableResult
    public mutating func append(_ leafHash: Digest) -> [StoredNode] {
        var hash = leafHash
        var nodes = [StoredNode(level: 0, index: size, hash: hash)]
        var level = 0
        // As in a binary counter: each trailing one-bit of the size is a subtree that the new one completes.
        while size >> UInt64(level) & 1 == 1 {
            hash = nodeHash(edge.removeLast(), hash)
            level += 1
            nodes.append(StoredNode(level: level, index: size >> UInt64(level), hash: hash))
        }
        edge.append(hash)
        size += 1
        return nodes
    }

    /// The tree's hash; of an empty tree, SHA-256 of nothing.
    public var root: Digest {
        guard var hash = edge.last else { return sha256([UInt8]()) }
        for left in edge.dropLast().reversed() { hash = nodeHash(left, hash) }
        return hash
    }
}
