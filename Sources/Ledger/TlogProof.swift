public import Sealing

/// A C2SP tlog-proof: that a leaf is in the tree of a checkpoint, checked without the ledger.
///
/// Lines: `c2sp.org/tlog-proof@v1`; `extra` and base64, if there is extra data; `index` and decimal; the inclusion path
/// in base64, leaf's sibling first; an empty line; the signed checkpoint.
public struct TlogProof: Hashable, Sendable {
    /// The leaf's place, counted from 0.
    public let index: UInt64
    /// The inclusion path, leaf's sibling first.
    public let path: [Digest]
    /// The signed checkpoint.
    public let checkpoint: SignedNote
    /// Data that nothing vouches for; empty if there is none.
    public let extra: [UInt8]

    /// The first line.
    public static let header = "c2sp.org/tlog-proof@v1"
    /// The longest path: trees have fewer than 2^64 leaves.
    public static let maximumPathCount = 64

    /// A proof; throws if the path is longer than any tree is high.
    public init(index: UInt64, path: [Digest], checkpoint: SignedNote, extra: [UInt8] = []) throws(LedgerError) {
        guard path.count <= Self.maximumPathCount else { throw .malformedProof(.tooManyHashes) }
        self.index = index
        self.path = path
        self.checkpoint = checkpoint
        self.extra = extra
    }

    /// Reads a proof: exactly what ``encoded`` gives for it.
    public init(parsing bytes: [UInt8]) throws(LedgerError) {
        guard bytes.count <= 2 * SignedNote.maximumByteCount else { throw .malformedProof(.tooLarge) }
        guard String(validating: bytes, as: UTF8.self) != nil else { throw .malformedProof(.notUTF8) }
        var rest = bytes[...]
        guard let first = Self.line(&rest), first.elementsEqual(Self.header.utf8) else {
            throw .malformedProof(.header)
        }
        guard var second = Self.line(&rest) else { throw .malformedProof(.index) }
        var extra: [UInt8] = []
        if let field = Self.field("extra ", of: second) {
            guard let decoded = Base64.decode(field), !decoded.isEmpty else { throw .malformedProof(.extra) }
            extra = decoded
            guard let next = Self.line(&rest) else { throw .malformedProof(.index) }
            second = next
        }
        guard let index = Self.field("index ", of: second).flatMap({ plainDecimal($0) }) else {
            throw .malformedProof(.index)
        }
        var path: [Digest] = []
        while true {
            guard let line = Self.line(&rest) else { throw .malformedProof(.noCheckpoint) }
            if line.isEmpty { break }
            guard path.count < Self.maximumPathCount else { throw .malformedProof(.tooManyHashes) }
            guard let hash = Base64.decode(line).flatMap({ Digest($0) }) else { throw .malformedProof(.hash) }
            path.append(hash)
        }
        try self.init(index: index, path: path, checkpoint: SignedNote(parsing: Array(rest)), extra: extra)
    }

    /// Reads a proof; as ``init(parsing:)-([UInt8])``.
    public init(parsing proof: String) throws(LedgerError) { try self.init(parsing: Array(proof.utf8)) }

    /// The proof as text, by custom in a file ending in `.tlog-proof`.
    public var encoded: String {
        var text = Self.header + "\n"
        if !extra.isEmpty { text += "extra \(Base64.encode(extra))\n" }
        text += "index \(index)\n"
        for hash in path { text += Base64.encode(hash.bytes) + "\n" }
        return text + "\n" + checkpoint.encoded
    }

    /// The checkpoint in whose tree the leaf is, once signature, origin and path are proved.
    ///
    /// Throws ``LedgerError/proofFalse`` if the path does not lead to the root.
    public func verified(
        leaf: [UInt8], origin: String, verifiers: [NoteVerifier]
    ) throws(LedgerError) -> Checkpoint {
        let checkpoint = try Checkpoint(checkpoint.verified(by: verifiers), origin: origin)
        guard
            Proofs.verifyInclusion(
                leafHash: leafHash(leaf), index: index, size: checkpoint.size, path: path, root: checkpoint.root)
        else { throw .proofFalse }
        return checkpoint
    }

    /// Takes a line off, without its newline; nil if no newline is left.
    private static func line(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let end = rest.firstIndex(of: 0x0A) else { return nil }
        defer { rest = rest[(end + 1)...] }
        return rest[..<end]
    }

    /// What follows a line's name.
    private static func field(_ name: String, of line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        line.starts(with: name.utf8) ? line.dropFirst(name.utf8.count) : nil
    }
}
