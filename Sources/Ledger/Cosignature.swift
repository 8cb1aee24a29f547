public import Sealing

// C2SP tlog-cosignature, `cosignature/v1`: somebody who is not the ledger says that they saw a checkpoint, and when, and that it
// goes on from every other that they saw of this ledger. A signature line of the checkpoint's note:
//     — <cosigner's name> <base64(key id, 4 bytes ‖ time, 8 bytes big-endian ‖ Ed25519 signature)>
// The key id is SHA-256(name ‖ 0x0A ‖ 0x04 ‖ public key)[0..<4]. The signature is over
//     cosignature/v1\ntime <seconds since 1970>\n<the note's text>

/// A cosigner's public key, by the name it cosigns under.
public struct Cosigner: Hashable, Sendable {
    /// The key's name, such as `trust.example/witness`.
    public let name: String
    /// The Ed25519 public key.
    public let verifyingKey: VerifyingKey
    /// The first four bytes of SHA-256(name ‖ newline ‖ 0x04 ‖ public key), big-endian.
    public let keyID: UInt32

    /// A cosigner of that name; throws ``LedgerError/keyNameInvalid``.
    public init(name: String, verifyingKey: VerifyingKey) throws(LedgerError) {
        guard isKeyName(name) else { throw .keyNameInvalid }
        self.name = name
        self.verifyingKey = verifyingKey
        keyID = noteKeyID(name: name, key: verifyingKey, type: cosignatureType)
    }

    /// Reads a key of the form `name+hash+base64`: strict, of cosignatures alone, and its hash must be right.
    public init(parsing vkey: String) throws(LedgerError) {
        (name, verifyingKey, keyID) = try readVerifierKey(vkey, type: cosignatureType)
    }

    /// The key as text: `name+hash+base64`.
    public var vkey: String { verifierKey(name: name, key: verifyingKey, type: cosignatureType) }

    /// Equal byte for byte.
    public static func == (left: Cosigner, right: Cosigner) -> Bool { sameBytes(left.vkey, right.vkey) }
}

/// A cosignature that holds: only making one or verifying one gives it.
public struct Cosignature: Hashable, Sendable {
    /// Who cosigned.
    public let cosigner: Cosigner
    /// When they did, by their clock, in seconds since 1970.
    public let time: UInt64
    /// The signature line of the note.
    public let signature: NoteSignature

    /// Cosigns a checkpoint. What it asserts is for the caller to have looked at: that this checkpoint goes on from every one that
    /// this key cosigned before, and is kept.
    public static func make(
        _ checkpoint: Checkpoint, at time: UInt64, name: String, key: borrowing SigningKey
    ) throws(LedgerError) -> Cosignature {
        let cosigner = try Cosigner(name: name, verifyingKey: key.verifyingKey)
        let signed = key.signature(for: message(checkpoint.text, at: time))
        return Cosignature(
            cosigner: cosigner, time: time,
            signature: try NoteSignature(
                keyName: name, keyID: cosigner.keyID, signature: bigEndian(time) + signed))
    }

    /// A line of a note, once it is verified to be this cosigner's over the note's text.
    ///
    /// Throws ``LedgerError/otherCosigner`` where name or key id are another's, and ``LedgerError/signatureFalse(keyName:)``.
    public init(verifying signature: NoteSignature, of text: String, by cosigner: Cosigner) throws(LedgerError) {
        guard signature.keyID == cosigner.keyID, sameBytes(signature.keyName, cosigner.name) else {
            throw .otherCosigner
        }
        let bytes = signature.signature
        guard bytes.count == 8 + 64 else { throw .signatureFalse(keyName: signature.keyName) }
        let time = bytes[..<8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard cosigner.verifyingKey.isValid(Array(bytes[8...]), for: Self.message(text, at: time)) else {
            throw .signatureFalse(keyName: signature.keyName)
        }
        self.init(cosigner: cosigner, time: time, signature: signature)
    }

    private init(cosigner: Cosigner, time: UInt64, signature: NoteSignature) {
        self.cosigner = cosigner
        self.time = time
        self.signature = signature
    }

    private static func message(_ text: String, at time: UInt64) -> [UInt8] {
        Array("cosignature/v1\ntime \(time)\n\(text)".utf8)
    }

    private static func bigEndian(_ value: UInt64) -> [UInt8] {
        stride(from: UInt64(56), through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> $0) }
    }
}

extension SignedNote {
    /// The cosignatures of these cosigners, each the first of theirs; lines of others are passed over.
    ///
    /// Throws ``LedgerError/signatureFalse(keyName:)`` where a line claims one of them and is false.
    public func cosignatures(by cosigners: [Cosigner]) throws(LedgerError) -> [Cosignature] {
        var found: [Cosignature] = []
        for signature in signatures {
            for cosigner in cosigners
            where cosigner.keyID == signature.keyID && sameBytes(cosigner.name, signature.keyName) {
                let cosignature = try Cosignature(verifying: signature, of: text, by: cosigner)
                if !found.contains(where: { $0.cosigner == cosigner }) { found.append(cosignature) }
            }
        }
        return found
    }
}

/// The type byte of an Ed25519 cosignature with a time.
private let cosignatureType: UInt8 = 0x04
