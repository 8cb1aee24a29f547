public import Sealing

/// A statement and its author's signature, as they stand in the ledger.
///
/// The bytes are kept as they were signed; nothing is ever encoded again. This type frames them; that the statement
/// is canonical is for ``CanonicalValue``, and whether the author was entitled to it for the reader of the ledger.
public struct SignedStatement: Hashable, Sendable {
    /// Canonical JSON, as signed.
    public let statement: [UInt8]
    /// Ed25519, 64 bytes, over ``signingInput(vault:statement:)``.
    public let signature: [UInt8]

    /// The first byte of a leaf.
    public static let leafVersion: UInt8 = 1
    /// Length of a signature in bytes.
    public static let signatureByteCount = 64
    private static let prefixByteCount = 5

    /// Puts a statement and its signature together; checks lengths alone.
    public init(statement: [UInt8], signature: [UInt8]) throws(LedgerError) {
        guard !statement.isEmpty else { throw .malformedLeaf(.statementEmpty) }
        guard statement.count <= CanonicalValue.maximumByteCount else { throw .malformedLeaf(.statementTooLarge) }
        guard signature.count == Self.signatureByteCount else { throw .malformedLeaf(.signatureLength) }
        self.statement = statement
        self.signature = signature
    }

    /// Signs a statement for a vault.
    public init(signing statement: [UInt8], vault: [UInt8], key: borrowing SigningKey) throws(LedgerError) {
        try self.init(
            statement: statement,
            signature: key.signature(for: Self.signingInput(vault: vault, statement: statement)))
    }

    /// Takes a leaf apart: 0x01 ‖ length of the statement, 4 bytes big-endian ‖ statement ‖ signature.
    ///
    /// Takes exactly what ``leaf`` gives, and no byte more.
    public init(leaf: [UInt8]) throws(LedgerError) {
        guard let version = leaf.first else { throw .malformedLeaf(.lengthDiffers) }
        guard version == Self.leafVersion else { throw .malformedLeaf(.unknownVersion) }
        guard leaf.count >= Self.prefixByteCount + Self.signatureByteCount else { throw .malformedLeaf(.lengthDiffers) }
        let length = leaf[1..<Self.prefixByteCount].reduce(0) { $0 << 8 | Int($1) }
        guard length <= CanonicalValue.maximumByteCount else { throw .malformedLeaf(.statementTooLarge) }
        guard leaf.count == Self.prefixByteCount + length + Self.signatureByteCount else {
            throw .malformedLeaf(.lengthDiffers)
        }
        try self.init(
            statement: Array(leaf[Self.prefixByteCount..<Self.prefixByteCount + length]),
            signature: Array(leaf[(Self.prefixByteCount + length)...]))
    }

    /// The leaf: 0x01 ‖ length of the statement, 4 bytes big-endian ‖ statement ‖ signature.
    public var leaf: [UInt8] {
        var leaf: [UInt8] = []
        leaf.reserveCapacity(Self.prefixByteCount + statement.count + signature.count)
        leaf.append(Self.leafVersion)
        // At most 1 MiB by the initialiser, so 32 bits hold it.
        let length = UInt32(statement.count)
        for shift in [24, 16, 8, 0] as [UInt32] { leaf.append(UInt8(truncatingIfNeeded: length >> shift)) }
        leaf.append(contentsOf: statement)
        leaf.append(contentsOf: signature)
        return leaf
    }

    /// What the author signs: `strongroom/statement/v1`, a newline, the vault's id, SHA-256 of the statement.
    public static func signingInput(vault: [UInt8], statement: [UInt8]) -> [UInt8] {
        Array("strongroom/statement/v1\n".utf8) + vault + sha256(statement).bytes
    }

    /// Whether the signature is that key's over this statement for this vault.
    public func isSigned(by key: VerifyingKey, vault: [UInt8]) -> Bool {
        key.isValid(signature, for: Self.signingInput(vault: vault, statement: statement))
    }
}
