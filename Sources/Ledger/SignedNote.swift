public import Sealing

// C2SP signed-note v1. The note is text ending in a newline, an empty line, then signature lines:
//     — <key name> <base64(key id, 4 bytes ‖ signature)>
// and the key id of an Ed25519 key is SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key)[0..<4]. The signature is over the text,
// final newline included, empty line not. The text and the signatures part at the last empty line of the note.

/// A public key, by the name it signs notes under.
public struct NoteVerifier: Hashable, Sendable {
    /// The key's name, such as `vault.example.org/ledger`.
    public let name: String
    /// The Ed25519 public key.
    public let verifyingKey: VerifyingKey
    /// The first four bytes of SHA-256(name ‖ newline ‖ 0x01 ‖ public key), big-endian.
    public let keyID: UInt32

    /// A verifier of that name; throws ``LedgerError/keyNameInvalid``.
    public init(name: String, verifyingKey: VerifyingKey) throws(LedgerError) {
        guard isKeyName(name) else { throw .keyNameInvalid }
        self.name = name
        self.verifyingKey = verifyingKey
        keyID = noteKeyID(name: name, key: verifyingKey, type: ed25519NoteSignature)
    }

    /// Reads a verifier key of the form `name+hash+base64`: strict, Ed25519 alone, and its hash must be right.
    public init(parsing vkey: String) throws(LedgerError) {
        (name, verifyingKey, keyID) = try readVerifierKey(vkey, type: ed25519NoteSignature)
    }

    /// The verifier key as text: `name+hash+base64`.
    public var vkey: String {
        verifierKey(name: name, key: verifyingKey, type: ed25519NoteSignature)
    }
}

/// One signature line of a note.
public struct NoteSignature: Hashable, Sendable {
    /// The name of the key that is said to have signed.
    public let keyName: String
    /// Its id.
    public let keyID: UInt32
    /// What the key's algorithm makes of the text; for Ed25519 64 bytes.
    public let signature: [UInt8]

    /// A signature line; throws ``LedgerError/keyNameInvalid``, or a note fault if the signature is empty.
    public init(keyName: String, keyID: UInt32, signature: [UInt8]) throws(LedgerError) {
        guard isKeyName(keyName) else { throw .keyNameInvalid }
        guard !signature.isEmpty else { throw .malformedNote(.signatureTooShort) }
        self.keyName = keyName
        self.keyID = keyID
        self.signature = signature
    }

    /// The line, with its newline.
    public var line: String {
        let id = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: keyID >> UInt32($0)) }
        return "— \(keyName) \(Base64.encode(id + signature))\n"
    }

    /// Reads a line without its newline.
    init(line: ArraySlice<UInt8>) throws(LedgerError) {
        let start = Array("— ".utf8)
        guard line.starts(with: start) else { throw .malformedNote(.signatureLine) }
        let fields = line.dropFirst(start.count)
            .split(separator: 0x20, maxSplits: 1, omittingEmptySubsequences: false)
        guard fields.count == 2 else { throw .malformedNote(.signatureLine) }
        let name = String(decoding: fields[0], as: UTF8.self)
        guard isKeyName(name) else { throw .malformedNote(.keyName) }
        guard let bytes = Base64.decode(fields[1]) else { throw .malformedNote(.base64) }
        guard bytes.count > 4 else { throw .malformedNote(.signatureTooShort) }
        keyName = name
        keyID = bytes[..<4].reduce(0) { $0 << 8 | UInt32($1) }
        signature = Array(bytes[4...])
    }
}

/// A note as read: nothing in it is to be believed before ``verified(by:)``.
public struct SignedNote: Hashable, Sendable {
    /// The text, ending in a newline.
    public let text: String
    /// The signature lines in order.
    public private(set) var signatures: [NoteSignature]

    /// The most bytes a note may have: 1 MB.
    public static let maximumByteCount = 1_000_000
    /// The most signatures a note may have.
    public static let maximumSignatures = 64

    /// Reads a note: exactly what ``encoded`` gives for it.
    public init(parsing bytes: [UInt8]) throws(LedgerError) {
        guard bytes.count <= Self.maximumByteCount else { throw .malformedNote(.tooLarge) }
        guard let whole = String(validating: bytes, as: UTF8.self) else { throw .malformedNote(.notUTF8) }
        guard whole.utf8.allSatisfy({ $0 >= 0x20 || $0 == 0x0A }) else { throw .malformedNote(.controlCharacter) }
        // The last empty line: two newlines in a row, the first of them the text's.
        guard let gap = bytes.indices.dropLast().last(where: { bytes[$0] == 0x0A && bytes[$0 + 1] == 0x0A }) else {
            throw .malformedNote(.noSignatures)
        }
        var rest = bytes[(gap + 2)...]
        guard !rest.isEmpty else { throw .malformedNote(.noSignatures) }
        var signatures: [NoteSignature] = []
        while !rest.isEmpty {
            guard let end = rest.firstIndex(of: 0x0A) else { throw .malformedNote(.signatureLine) }
            guard signatures.count < Self.maximumSignatures else { throw .malformedNote(.tooManySignatures) }
            signatures.append(try NoteSignature(line: rest[..<end]))
            rest = rest[(end + 1)...]
        }
        text = String(decoding: bytes[...gap], as: UTF8.self)
        self.signatures = signatures
    }

    /// Reads a note; as ``init(parsing:)-([UInt8])``.
    public init(parsing note: String) throws(LedgerError) { try self.init(parsing: Array(note.utf8)) }

    private init(signing text: String) throws(LedgerError) {
        guard text.utf8.last == 0x0A else { throw .malformedNote(.textWithoutFinalNewline) }
        guard text.utf8.allSatisfy({ $0 >= 0x20 || $0 == 0x0A }) else { throw .malformedNote(.controlCharacter) }
        self.text = text
        signatures = []
    }

    /// Signs text, which ends in a newline and has no other control characters, by a key of that name.
    public static func sign(
        text: String, name: String, key: borrowing SigningKey
    ) throws(LedgerError) -> SignedNote {
        var note = try SignedNote(signing: text)
        try note.addSignature(name: name, key: key)
        return note
    }

    /// Adds a signature over the same text by one more key.
    public mutating func addSignature(name: String, key: borrowing SigningKey) throws(LedgerError) {
        let verifier = try NoteVerifier(name: name, verifyingKey: key.verifyingKey)
        add(
            try NoteSignature(
                keyName: name, keyID: verifier.keyID, signature: key.signature(for: Array(text.utf8))))
    }

    /// Adds a signature line made elsewhere, such as a cosigner's; it is not checked here.
    public mutating func add(_ signature: NoteSignature) { signatures.append(signature) }

    /// The note as text: its text, an empty line, the signature lines.
    public var encoded: String { text + "\n" + signatures.map(\.line).joined() }

    /// The note, once at least one of the verifiers signed it.
    ///
    /// Signatures by unknown keys are passed over: name and id together make a key known. Throws
    /// ``LedgerError/signatureFalse(keyName:)`` if any signature that claims a known key is false, and
    /// ``LedgerError/noKnownSignature`` if there is none.
    public func verified(by verifiers: [NoteVerifier]) throws(LedgerError) -> VerifiedNote {
        let message = Array(text.utf8)
        var signers: [NoteVerifier] = []
        for signature in signatures {
            for verifier in verifiers
            where verifier.keyID == signature.keyID && sameBytes(verifier.name, signature.keyName) {
                guard verifier.verifyingKey.isValid(signature.signature, for: message) else {
                    throw .signatureFalse(keyName: signature.keyName)
                }
                if !signers.contains(verifier) { signers.append(verifier) }
            }
        }
        guard !signers.isEmpty else { throw .noKnownSignature }
        return VerifiedNote(note: self, signers: signers)
    }

    /// Notes are equal if their bytes are. (Swift's strings are equal already if they look alike.)
    public static func == (left: SignedNote, right: SignedNote) -> Bool { sameBytes(left.encoded, right.encoded) }
}

/// A note that at least one known key signed. Only ``SignedNote/verified(by:)`` makes it.
public struct VerifiedNote: Hashable, Sendable {
    /// The note.
    public let note: SignedNote
    /// The known keys that signed, in the order of their signatures.
    public let signers: [NoteVerifier]

    fileprivate init(note: SignedNote, signers: [NoteVerifier]) {
        self.note = note
        self.signers = signers
    }
}

/// The type byte of a plain Ed25519 note signature.
private let ed25519NoteSignature: UInt8 = 0x01

/// The first four bytes of SHA-256(name ‖ newline ‖ signature type ‖ public key), big-endian.
func noteKeyID(name: String, key: VerifyingKey, type: UInt8) -> UInt32 {
    sha256(Array(name.utf8) + [0x0A, type] + key.rawRepresentation)
        .bytes[..<4].reduce(0) { $0 << 8 | UInt32($1) }
}

/// A key as text, `name+hash+base64`, where the base64 has the signature type before the key.
func verifierKey(name: String, key: VerifyingKey, type: UInt8) -> String {
    let hash = String(noteKeyID(name: name, key: key, type: type), radix: 16)
    let material = Base64.encode([type] + key.rawRepresentation)
    return "\(name)+\(String(repeating: "0", count: 8 - hash.utf8.count))\(hash)+\(material)"
}

/// Reads such a text: strict, of that signature type alone, and its hash must be right.
func readVerifierKey(
    _ vkey: String, type: UInt8
) throws(LedgerError) -> (name: String, key: VerifyingKey, keyID: UInt32) {
    let parts = Array(vkey.utf8).split(separator: UInt8(ascii: "+"), maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3 else { throw .malformedVerifierKey(.parts) }
    let name = String(decoding: parts[0], as: UTF8.self)
    guard isKeyName(name) else { throw .malformedVerifierKey(.name) }
    guard parts[1].count == 8, parts[1].allSatisfy(isLowerHexadecimal),
        let claimed = UInt32(String(decoding: parts[1], as: UTF8.self), radix: 16)
    else { throw .malformedVerifierKey(.keyID) }
    guard let material = Base64.decode(parts[2]) else { throw .malformedVerifierKey(.base64) }
    guard material.first == type else { throw .malformedVerifierKey(.unknownAlgorithm) }
    guard let key = VerifyingKey(rawRepresentation: Array(material.dropFirst())) else {
        throw .malformedVerifierKey(.keyLength)
    }
    guard noteKeyID(name: name, key: key, type: type) == claimed else { throw .malformedVerifierKey(.keyIDDiffers) }
    return (name, key, claimed)
}

/// Not empty; no Unicode space, plus sign or control character.
func isKeyName(_ name: String) -> Bool {
    !name.isEmpty
        && name.unicodeScalars.allSatisfy { !$0.properties.isWhitespace && $0 != "+" && $0.value >= 0x20 }
}

private func isLowerHexadecimal(_ character: UInt8) -> Bool {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
    default: false
    }
}

/// Equal byte for byte, where `==` on strings takes canonically equivalent spellings for one.
func sameBytes(_ left: String, _ right: String) -> Bool { left.utf8.elementsEqual(right.utf8) }
