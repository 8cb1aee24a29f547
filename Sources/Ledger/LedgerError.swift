/// What the ledger refuses, and why.
///
/// A fault names its kind, so that a test or an operator can tell one from another. Nothing here holds content.
public enum LedgerError: Error, Equatable, Sendable {
    /// Bytes are not the canonical form of a value; `offset` is the first byte that shows it.
    case notCanonical(CanonicalFault, offset: Int)
    /// A value has no canonical form (see ``CanonicalValue/encoded()``).
    case notRepresentable(CanonicalFault)
    /// Bytes are not a leaf.
    case malformedLeaf(LeafFault)
    /// Stored nodes do not make the right edge of a tree of that size.
    case edgeDiffersFromSize(size: UInt64, nodes: Int)
    /// A proof was asked for outside the tree: an index not below the size, or a size above it.
    case outsideTree
    /// Text is not a C2SP signed note.
    case malformedNote(NoteFault)
    /// A key name is empty or holds a space, a plus sign or a control character.
    case keyNameInvalid
    /// Text is not a C2SP verifier key, or not one of a kind read here.
    case malformedVerifierKey(VerifierKeyFault)
    /// A signature claims a known key, by name and id, and is false. The whole note is refused.
    case signatureFalse(keyName: String)
    /// No signature is by a known key.
    case noKnownSignature
    /// Note text is not a C2SP checkpoint.
    case malformedCheckpoint(CheckpointFault)
    /// Text is not a C2SP tlog-proof.
    case malformedProof(ProofFault)
    /// A tlog-proof does not lead from the leaf to the checkpoint's root.
    case proofFalse
    /// Text is not what a witness is asked, or answers, after C2SP tlog-witness.
    case malformedWitnessing(WitnessingFault)
    /// A line is not a cosignature of this cosigner.
    case otherCosigner
}

/// Why bytes or a value are not canonical.
public enum CanonicalFault: String, Error, Equatable, Sendable {
    case empty
    case tooLarge = "too-large"
    case tooDeep = "too-deep"
    case truncated
    case trailingBytes = "trailing-bytes"
    case unexpectedByte = "unexpected-byte"
    case whiteSpace = "white-space"
    case null
    case characterNotPrintableASCII = "character-not-printable-ascii"
    case needlessEscape = "needless-escape"
    case numberSpelling = "number-spelling"
    case numberOutOfRange = "number-out-of-range"
    case keysOutOfOrder = "keys-out-of-order"
    case duplicateKey = "duplicate-key"
}

/// Why bytes are not a leaf.
public enum LeafFault: String, Error, Equatable, Sendable {
    case unknownVersion = "unknown-version"
    case lengthDiffers = "length-differs"
    case statementTooLarge = "statement-too-large"
    case statementEmpty = "statement-empty"
    case signatureLength = "signature-length"
}

/// Why text is not a signed note.
public enum NoteFault: String, Error, Equatable, Sendable {
    case notUTF8 = "not-utf-8"
    case controlCharacter = "control-character"
    case tooLarge = "too-large"
    case textWithoutFinalNewline = "text-without-final-newline"
    case noSignatures = "no-signatures"
    case tooManySignatures = "too-many-signatures"
    case signatureLine = "signature-line"
    case keyName = "key-name"
    case base64
    case signatureTooShort = "signature-too-short"
}

/// Why text is not a verifier key.
public enum VerifierKeyFault: String, Error, Equatable, Sendable {
    case parts
    case name
    case keyID = "key-id"
    case base64
    case unknownAlgorithm = "unknown-algorithm"
    case keyLength = "key-length"
    case keyIDDiffers = "key-id-differs"
}

/// Why note text is not a checkpoint.
public enum CheckpointFault: String, Error, Equatable, Sendable {
    case lines
    case origin
    case size
    case root
    case extensionLine = "extension-line"
    case originDiffers = "origin-differs"
    case emptyTreeRoot = "empty-tree-root"
}

/// Why text is not a tlog-proof.
public enum ProofFault: String, Error, Equatable, Sendable {
    case notUTF8 = "not-utf-8"
    case tooLarge = "too-large"
    case header
    case extra
    case index
    case hash
    case tooManyHashes = "too-many-hashes"
    case noCheckpoint = "no-checkpoint"
}

/// Why text is not what a witness is asked, or answers.
public enum WitnessingFault: String, Error, Equatable, Sendable {
    case notUTF8 = "not-utf-8"
    case tooLarge = "too-large"
    case oldSize = "old-size"
    case hash
    case tooManyHashes = "too-many-hashes"
    case noCheckpoint = "no-checkpoint"
    case noSignatures = "no-signatures"
    case signatureLine = "signature-line"
}
