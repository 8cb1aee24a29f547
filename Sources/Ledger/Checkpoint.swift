public import Sealing

/// The head of a ledger: a C2SP tlog-checkpoint, the text of a signed note.
///
/// Three lines: origin, size in decimal, root in base64; then extension lines, of which this vault writes none.
public struct Checkpoint: Hashable, Sendable {
    /// The ledger's name, such as `strongroom.example/abc`.
    public let origin: String
    /// The number of leaves.
    public let size: UInt64
    /// The root of the RFC 6962 tree of that size.
    public let root: Digest
    /// Lines after the third, without newlines.
    public let extensions: [String]

    /// A checkpoint; throws unless the origin and each extension are non-empty lines, and the root of an empty tree is
    /// SHA-256 of nothing.
    public init(origin: String, size: UInt64, root: Digest, extensions: [String] = []) throws(LedgerError) {
        guard isLine(origin) else { throw .malformedCheckpoint(.origin) }
        guard extensions.allSatisfy(isLine) else { throw .malformedCheckpoint(.extensionLine) }
        guard size > 0 || root == sha256([UInt8]()) else { throw .malformedCheckpoint(.emptyTreeRoot) }
        self.origin = origin
        self.size = size
        self.root = root
        self.extensions = extensions
    }

    /// Reads a note's text: exactly what ``text`` gives for it.
    public init(parsing text: String) throws(LedgerError) {
        guard text.utf8.last == 0x0A else { throw .malformedCheckpoint(.lines) }
        let lines = Array(text.utf8.dropLast()).split(separator: 0x0A, omittingEmptySubsequences: false)
        guard lines.count >= 3 else { throw .malformedCheckpoint(.lines) }
        guard let size = plainDecimal(lines[1]) else { throw .malformedCheckpoint(.size) }
        guard let root = Base64.decode(lines[2]).flatMap({ Digest($0) }) else { throw .malformedCheckpoint(.root) }
        try self.init(
            origin: String(decoding: lines[0], as: UTF8.self), size: size, root: root,
            extensions: lines[3...].map { String(decoding: $0, as: UTF8.self) })
    }

    /// Reads the checkpoint of a verified note, which must be of that origin.
    public init(_ note: VerifiedNote, origin: String) throws(LedgerError) {
        try self.init(parsing: note.note.text)
        guard sameBytes(self.origin, origin) else { throw .malformedCheckpoint(.originDiffers) }
    }

    /// The note text.
    public var text: String {
        ([origin, String(size), Base64.encode(root.bytes)] + extensions).map { $0 + "\n" }.joined()
    }

    /// The checkpoint as a note signed by the ledger's key, whose name is the origin.
    public func signed(by key: borrowing SigningKey) throws(LedgerError) -> SignedNote {
        try SignedNote.sign(text: text, name: origin, key: key)
    }

    /// Checkpoints are equal if their texts are, byte for byte.
    public static func == (left: Checkpoint, right: Checkpoint) -> Bool { sameBytes(left.text, right.text) }
}

/// A non-empty line without control characters.
private func isLine(_ line: String) -> Bool { !line.isEmpty && line.utf8.allSatisfy { $0 >= 0x20 } }
