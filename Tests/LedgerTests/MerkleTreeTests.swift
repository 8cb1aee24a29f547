import Ledger
import Sealing
import Testing

/// A log as Custody keeps one: every node that appending gave, by its place.
private struct StoredTree {
    var tree = MerkleTree()
    var nodes: [NodePosition: Digest] = [:]
    var leaves: [Digest] = []

    mutating func append(_ hash: Digest) {
        leaves.append(hash)
        for node in tree.append(hash) {
            #expect(nodes.updateValue(node.hash, forKey: node.position) == nil)
        }
    }

    func node(level: Int, index: UInt64) throws -> Digest {
        try #require(nodes[NodePosition(level: level, index: index)])
    }

    static func numbered(_ count: Int) -> StoredTree {
        var stored = StoredTree()
        for number in 0..<count { stored.append(leafHash(bytes("leaf \(number)"))) }
        return stored
    }
}

/// RFC 6962, section 2.1, as it stands there.
private func treeHash(_ leaves: ArraySlice<Digest>) -> Digest {
    if leaves.isEmpty { return sha256([UInt8]()) }
    if leaves.count == 1 { return leaves[leaves.startIndex] }
    var split = 1
    while split * 2 < leaves.count { split *= 2 }
    let left = treeHash(leaves.prefix(split))
    let right = treeHash(leaves.dropFirst(split))
    return sha256([1] + left.bytes + right.bytes)
}

@Suite("The tree")
struct MerkleTreeTests {
    @Test("gives the roots and proofs of the certificate-transparency test tree")
    func knownAnswers() throws {
        let vectors = try Fixtures.value("tree.json")
        let roots = try vectors.digests("roots")
        var stored = StoredTree()
        #expect(stored.tree.root == roots[0])
        for (number, leaf) in try vectors.elements("leaves").enumerated() {
            stored.append(leafHash(try #require(bytes(hexadecimal: leaf.string ?? "x"))))
            #expect(stored.tree.root == roots[number + 1])
        }
        for (size, root) in roots.enumerated() {
            #expect(try Proofs.root(size: UInt64(size), node: stored.node) == root)
        }
        let inclusion = try vectors.elements("inclusion")
        #expect(inclusion.count == 36)
        for vector in inclusion {
            let path = try Proofs.inclusion(
                index: vector.number("index"), size: vector.number("size"), node: stored.node)
            #expect(try path == vector.digests("path"))
        }
        let consistency = try vectors.elements("consistency")
        #expect(consistency.count == 36)
        for vector in consistency {
            let proof = try Proofs.consistency(from: vector.number("from"), to: vector.number("to"), node: stored.node)
            #expect(try proof == vector.digests("proof"))
        }
    }

    @Test("of every size up to 200 has the root that RFC 6962 defines, and goes on from its stored edge")
    func appending() throws {
        let stored = StoredTree.numbered(200)
        var tree = MerkleTree()
        var count = 0
        for size in 0...200 {
            let root = treeHash(stored.leaves.prefix(size))
            #expect(tree.root == root)
            #expect(try Proofs.root(size: UInt64(size), node: stored.node) == root)
            let positions = MerkleTree.edgePositions(size: UInt64(size))
            let edge = try positions.map { try stored.node(level: $0.level, index: $0.index) }
            #expect(try MerkleTree(size: UInt64(size), edge: edge) == tree)
            if size < 200 { count += tree.append(stored.leaves[size]).count }
        }
        // Every node is given once: fewer than two for a leaf.
        #expect(count == stored.nodes.count && count < 400)
    }

    @Test("is not continued from an edge of another size")
    func wrongEdge() {
        let hash = leafHash([])
        for (size, count) in [(0, 1), (1, 0), (1, 2), (3, 1), (4, 2), (UInt64.max, 63)] as [(UInt64, Int)] {
            #expect(throws: LedgerError.edgeDiffersFromSize(size: size, nodes: count)) {
                try MerkleTree(size: size, edge: Array(repeating: hash, count: count))
            }
        }
    }

    @Test("tells leaf from node: a leaf that spells out two hashes is not their parent")
    func domainSeparation() {
        let (left, right) = (leafHash([0]), leafHash([1]))
        var tree = MerkleTree()
        tree.append(left)
        tree.append(right)
        #expect(leafHash([1] + left.bytes + right.bytes) != tree.root)
        #expect(leafHash(left.bytes + right.bytes) != tree.root)
    }
}

@Suite("Proofs")
struct ProofsTests {
    private let stored = StoredTree.numbered(65)

    private func root(_ size: UInt64) -> Digest { treeHash(stored.leaves.prefix(Int(size))) }

    @Test("of inclusion hold for every leaf of every tree up to 64, and for nothing that was changed")
    func inclusion() throws {
        for size in 1...64 as ClosedRange<UInt64> {
            let root = root(size)
            for index in 0..<size {
                let path = try Proofs.inclusion(index: index, size: size, node: stored.node)
                let leaf = stored.leaves[Int(index)]
                func holds(
                    _ leaf: Digest, _ index: UInt64, _ path: [Digest], _ root: Digest, size: UInt64 = size
                ) -> Bool {
                    Proofs.verifyInclusion(leafHash: leaf, index: index, size: size, path: path, root: root)
                }
                #expect(holds(leaf, index, path, root))
                #expect(!holds(leaf.flipped(bit: 255), index, path, root))
                #expect(!holds(leaf, index, path, root.flipped()))
                #expect(!holds(stored.leaves[Int(index) + 1], index, path, root))
                for other in 0...size where other != index { #expect(!holds(leaf, other, path, root)) }
                #expect(!holds(leaf, index, path, root, size: 0))
                #expect(!holds(leaf, index, path, root, size: index))
                for changed in tampered(path) { #expect(!holds(leaf, index, changed, root)) }
            }
        }
    }

    @Test("of consistency hold between every two trees up to 64, and for nothing that was changed")
    func consistency() throws {
        for to in 1...64 as ClosedRange<UInt64> {
            let new = root(to)
            for from in 1...to {
                let old = root(from)
                let proof = try Proofs.consistency(from: from, to: to, node: stored.node)
                func holds(_ old: Digest, _ new: Digest, _ proof: [Digest]) -> Bool {
                    Proofs.verifyConsistency(from: from, to: to, oldRoot: old, newRoot: new, proof: proof)
                }
                #expect(holds(old, new, proof))
                #expect(!holds(old.flipped(), new, proof))
                #expect(!holds(old, new.flipped(), proof))
                if from < to {
                    #expect(!holds(new, old, proof))
                    #expect(!holds(new, new, proof))
                    #expect(
                        !Proofs.verifyConsistency(from: to, to: from, oldRoot: old, newRoot: new, proof: proof))
                }
                for changed in tampered(proof) { #expect(!holds(old, new, changed)) }
            }
        }
    }

    @Test("from the empty tree are empty, and say that its root is right")
    func fromNothing() throws {
        let empty = sha256([UInt8]())
        #expect(try Proofs.consistency(from: 0, to: 5, node: stored.node).isEmpty)
        func holds(_ old: Digest, _ proof: [Digest]) -> Bool {
            Proofs.verifyConsistency(from: 0, to: 5, oldRoot: old, newRoot: root(5), proof: proof)
        }
        #expect(holds(empty, []))
        #expect(!holds(empty.flipped(), []))
        #expect(!holds(empty, [empty]))
        #expect(Proofs.verifyConsistency(from: 0, to: 0, oldRoot: empty, newRoot: empty, proof: []))
    }

    @Test("outside the tree are not made")
    func outside() {
        #expect(throws: LedgerError.outsideTree) { try Proofs.inclusion(index: 5, size: 5, node: stored.node) }
        #expect(throws: LedgerError.outsideTree) { try Proofs.inclusion(index: 0, size: 0, node: stored.node) }
        #expect(throws: LedgerError.outsideTree) { try Proofs.consistency(from: 6, to: 5, node: stored.node) }
    }

    @Test("pass on what looking up a node throws")
    func lookupFails() {
        struct Gone: Error {}
        #expect(throws: Gone.self) { try Proofs.inclusion(index: 3, size: 7) { _, _ in throw Gone() } }
        #expect(throws: Gone.self) { try Proofs.consistency(from: 3, to: 7) { _, _ in throw Gone() } }
        #expect(throws: Gone.self) { try Proofs.root(size: 7) { _, _ in throw Gone() } }
    }

    @Test("look up few nodes, in the largest trees too, and only nodes that exist")
    func lookups() throws {
        let sizes: [UInt64] = [200_000, 1 << 40, (1 << 40) + 1, (1 << 40) - 1, .max, .max - 1, (1 << 63) + 1]
        for size in sizes {
            for index in [0, 1, size / 3, size / 2, size - 2, size - 1] {
                var count = 0
                func lookup(level: Int, index: UInt64) throws -> Digest {
                    count += 1
                    #expect(level < 64 && (level == 0 || index < size >> UInt64(level)) && index < size)
                    return leafHash([UInt8(level)])
                }
                let path = try Proofs.inclusion(index: index, size: size, node: lookup)
                #expect(path.count <= 64 && count <= 128)
                count = 0
                let proof = try Proofs.consistency(from: index + 1, to: size, node: lookup)
                #expect(proof.count <= 65 && count <= 128)
            }
        }
    }

    @Test("in trees of random sizes hold")
    func large() throws {
        let stored = StoredTree.numbered(3000)
        var generator = SplitMix(state: 9162)
        for _ in 0..<500 {
            let size = UInt64.random(in: 1...3000, using: &generator)
            let index = UInt64.random(in: 0..<size, using: &generator)
            let root = try Proofs.root(size: size, node: stored.node)
            let path = try Proofs.inclusion(index: index, size: size, node: stored.node)
            #expect(
                Proofs.verifyInclusion(
                    leafHash: stored.leaves[Int(index)], index: index, size: size, path: path, root: root))
            let old = try Proofs.root(size: index + 1, node: stored.node)
            let proof = try Proofs.consistency(from: index + 1, to: size, node: stored.node)
            #expect(
                Proofs.verifyConsistency(from: index + 1, to: size, oldRoot: old, newRoot: root, proof: proof))
        }
    }

    /// Every one-step change of a path: a bit of each hash, one left out, one put in, two exchanged.
    private func tampered(_ path: [Digest]) -> [[Digest]] {
        var all: [[Digest]] = [path + [leafHash([9])], [leafHash([9])] + path]
        for place in path.indices {
            var changed = path
            changed[place] = path[place].flipped(bit: (place * 37) % 256)
            all.append(changed)
            changed = path
            changed.remove(at: place)
            all.append(changed)
            changed = path
            changed.insert(path[place], at: place)
            all.append(changed)
            if place > 0 {
                changed = path
                changed.swapAt(place, place - 1)
                all.append(changed)
            }
        }
        return all
    }
}
