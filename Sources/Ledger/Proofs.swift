public import Sealing

/// Inclusion and consistency proofs of RFC 6962 and RFC 9162.
///
/// They are made from complete subtrees that `node` looks up, O(log n) of them, and whatever it throws is passed on.
/// Verification is by the algorithms of RFC 9162, sections 2.1.3.2 and 2.1.4.2, which share no code with the making.
public enum Proofs {
    /// Looks up the hash of a complete subtree: level, then index.
    public typealias Lookup = (_ level: Int, _ index: UInt64) throws -> Digest

    /// The root of the tree of the first `size` leaves.
    public static func root(size: UInt64, node: Lookup) throws -> Digest {
        guard size > 0 else { return sha256([UInt8]()) }
        return try hash(of: 0..<size, node)
    }

    /// The path from a leaf to the root of the tree of the first `size` leaves, the leaf's sibling first.
    ///
    /// Throws ``LedgerError/outsideTree`` unless `index` is below `size`.
    public static func inclusion(index: UInt64, size: UInt64, node: Lookup) throws -> [Digest] {
        guard index < size else { throw LedgerError.outsideTree }
        var siblings: [Range<UInt64>] = []
        var range = 0..<size
        while range.count64 > 1 {
            let middle = range.lowerBound + split(range.count64)
            if index < middle {
                siblings.append(middle..<range.upperBound)
                range = range.lowerBound..<middle
            } else {
                siblings.append(range.lowerBound..<middle)
                range = middle..<range.upperBound
            }
        }
        return try siblings.reversed().map { sibling in try hash(of: sibling, node) }
    }

    /// The proof that the tree of the first `to` leaves goes on from the tree of the first `from`.
    ///
    /// Empty if `from` is 0 or equals `to`. Throws ``LedgerError/outsideTree`` if `from` is above `to`.
    public static func consistency(from: UInt64, to: UInt64, node: Lookup) throws -> [Digest] {
        guard from <= to else { throw LedgerError.outsideTree }
        guard from > 0, from < to else { return [] }
        var parts: [Range<UInt64>] = []
        var range = 0..<to
        // RFC 6962's SUBPROOF: down to the subtree that ends where the old tree ends.
        while range.upperBound != from {
            let middle = range.lowerBound + split(range.count64)
            if from <= middle {
                parts.append(middle..<range.upperBound)
                range = range.lowerBound..<middle
            } else {
                parts.append(range.lowerBound..<middle)
                range = middle..<range.upperBound
            }
        }
        // If that subtree is the whole old tree, the verifier has its hash.
        if range.lowerBound > 0 { parts.append(range) }
        return try parts.reversed().map { part in try hash(of: part, node) }
    }

    /// Whether the path leads from the leaf at `index` to the root of a tree of `size` leaves.
    public static func verifyInclusion(
        leafHash: Digest, index: UInt64, size: UInt64, path: [Digest], root: Digest
    ) -> Bool {
        guard index < size else { return false }
        var node = index
        var last = size - 1
        var hash = leafHash
        for sibling in path {
            if last == 0 { return false }
            if node & 1 == 1 || node == last {
                hash = nodeHash(sibling, hash)
                if node & 1 == 0 {
                    while node & 1 == 0, node != 0 {
                        node >>= 1
                        last >>= 1
                    }
                }
            } else {
                hash = nodeHash(hash, sibling)
            }
            node >>= 1
            last >>= 1
        }
        return last == 0 && hash == root
    }

    /// Whether a tree of `to` leaves with root `newRoot` goes on from one of `from` leaves with root `oldRoot`.
    ///
    /// From the empty tree, and between equal sizes, only the empty proof holds, and the roots must be right.
    public static func verifyConsistency(
        from: UInt64, to: UInt64, oldRoot: Digest, newRoot: Digest, proof: [Digest]
    ) -> Bool {
        guard from <= to else { return false }
        if from == to { return proof.isEmpty && oldRoot == newRoot }
        if from == 0 { return proof.isEmpty && oldRoot == sha256([UInt8]()) }
        // If the old tree is one complete subtree, the proof leaves it out.
        let path = from.nonzeroBitCount == 1 ? [oldRoot] + proof : proof
        guard let first = path.first else { return false }
        var node = from - 1
        var last = to - 1
        while node & 1 == 1 {
            node >>= 1
            last >>= 1
        }
        var old = first
        var new = first
        for sibling in path.dropFirst() {
            if last == 0 { return false }
            if node & 1 == 1 || node == last {
                old = nodeHash(sibling, old)
                new = nodeHash(sibling, new)
                if node & 1 == 0 {
                    while node & 1 == 0, node != 0 {
                        node >>= 1
                        last >>= 1
                    }
                }
            } else {
                new = nodeHash(new, sibling)
            }
            node >>= 1
            last >>= 1
        }
        return last == 0 && old == oldRoot && new == newRoot
    }

    /// The largest power of two below `count`, which is above 1.
    private static func split(_ count: UInt64) -> UInt64 { 1 << UInt64(63 - (count - 1).leadingZeroBitCount) }

    /// The hash of a subtree whose lower bound is a multiple of a power of two that is not below its count, as all are
    /// that splitting gives: complete subtrees, folded from the right.
    private static func hash(of range: Range<UInt64>, _ node: Lookup) throws -> Digest {
        var end = range.upperBound
        var hash: Digest?
        while end > range.lowerBound {
            // The lowest one-bit of what remains is the rightmost complete subtree.
            let level = (end - range.lowerBound).trailingZeroBitCount
            end -= 1 << UInt64(level)
            let left = try node(level, end >> UInt64(level))
            hash = hash.map { nodeHash(left, $0) } ?? left
        }
        guard let hash else { throw LedgerError.outsideTree }
        return hash
    }
}

extension Range<UInt64> {
    /// `count` without the trap beyond Int.max.
    fileprivate var count64: UInt64 { upperBound - lowerBound }
}
