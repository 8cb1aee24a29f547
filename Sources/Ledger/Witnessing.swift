public import Sealing

// C2SP tlog-witness, `add-checkpoint`. Asked:
//     old <size of the checkpoint that the witness has>
//     <base64 hash>              the consistency proof of RFC 9162, a line each, at most 63
//                                an empty line
//     <the checkpoint's note>
// and answered with one or more signature lines; or, where the witness has another size than that, with that size in a line.

/// What a witness is asked: to cosign a checkpoint that goes on from the one it has.
public struct WitnessRequest: Hashable, Sendable {
    /// The size of the checkpoint that the witness has; 0 where it has none.
    public let old: UInt64
    /// The consistency proof from there.
    public let proof: [Digest]
    /// The checkpoint's note.
    public let checkpoint: SignedNote

    /// The longest proof.
    public static let maximumProofCount = 63

    /// A request; throws where the proof is longer than any is.
    public init(old: UInt64, proof: [Digest], checkpoint: SignedNote) throws(LedgerError) {
        guard proof.count <= Self.maximumProofCount else { throw .malformedWitnessing(.tooManyHashes) }
        self.old = old
        self.proof = proof
        self.checkpoint = checkpoint
    }

    /// Reads a request: exactly what ``encoded`` gives for it.
    public init(parsing bytes: [UInt8]) throws(LedgerError) {
        guard bytes.count <= SignedNote.maximumByteCount + 4096 else { throw .malformedWitnessing(.tooLarge) }
        guard String(validating: bytes, as: UTF8.self) != nil else { throw .malformedWitnessing(.notUTF8) }
        var rest = bytes[...]
        func line() -> ArraySlice<UInt8>? {
            guard let end = rest.firstIndex(of: 0x0A) else { return nil }
            defer { rest = rest[(end + 1)...] }
            return rest[..<end]
        }
        guard let first = line(), first.starts(with: "old ".utf8), let old = plainDecimal(first.dropFirst(4)) else {
            throw .malformedWitnessing(.oldSize)
        }
        var proof: [Digest] = []
        while true {
            guard let next = line() else { throw .malformedWitnessing(.noCheckpoint) }
            if next.isEmpty { break }
            guard proof.count < Self.maximumProofCount else { throw .malformedWitnessing(.tooManyHashes) }
            guard let hash = Base64.decode(next).flatMap({ Digest($0) }) else { throw .malformedWitnessing(.hash) }
            proof.append(hash)
        }
        try self.init(old: old, proof: proof, checkpoint: SignedNote(parsing: Array(rest)))
    }

    /// The request as text.
    public var encoded: String {
        "old \(old)\n" + proof.map { Base64.encode($0.bytes) + "\n" }.joined() + "\n" + checkpoint.encoded
    }
}

/// Why a witness does not cosign.
public enum WitnessRefusal: Error, Hashable, Sendable {
    /// The checkpoint is another ledger's.
    case otherLedger(origin: String)
    /// The ledger's key did not sign it.
    case notSigned
    /// The checkpoint is older than the one that the witness has: somebody put the ledger back.
    case behind(kept: UInt64, offered: UInt64)
    /// It was asked from another size than the witness has; nothing is wrong yet.
    case otherSize(kept: UInt64, asked: UInt64)
    /// The checkpoint does not go on from the one that the witness has: there are two histories, or the proof is wrong.
    case forked(kept: UInt64, offered: UInt64)
}

/// What a witness remembers of a ledger, and whether it cosigns what comes next. Pure: who uses it keeps what was accepted,
/// durably, before a cosignature is made.
public struct WitnessedLedger: Hashable, Sendable {
    /// The ledger's key.
    public let ledger: NoteVerifier
    /// The newest checkpoint that was cosigned; nil where none was.
    public let newest: Checkpoint?

    /// What is remembered.
    public init(ledger: NoteVerifier, newest: Checkpoint?) {
        self.ledger = ledger
        self.newest = newest
    }

    /// The checkpoint to keep and cosign.
    public func consider(_ request: WitnessRequest) throws(WitnessRefusal) -> Checkpoint {
        guard let claimed = try? Checkpoint(parsing: request.checkpoint.text) else { throw .notSigned }
        guard sameBytes(claimed.origin, ledger.name) else { throw .otherLedger(origin: claimed.origin) }
        guard let note = try? request.checkpoint.verified(by: [ledger]),
            let offered = try? Checkpoint(note, origin: ledger.name)
        else { throw .notSigned }
        let kept = newest?.size ?? 0
        guard offered.size >= kept else { throw .behind(kept: kept, offered: offered.size) }
        guard request.old == kept else { throw .otherSize(kept: kept, asked: request.old) }
        let root = newest?.root ?? sha256([UInt8]())
        guard
            Proofs.verifyConsistency(
                from: kept, to: offered.size, oldRoot: root, newRoot: offered.root, proof: request.proof)
        else { throw .forked(kept: kept, offered: offered.size) }
        return offered
    }
}

/// What a witness answers.
public enum WitnessAnswer: Hashable, Sendable {
    /// Signature lines.
    case cosigned([NoteSignature])
    /// The size that the witness has, where it was asked from another.
    case has(UInt64)

    /// Reads an answer: signature lines, a size, or a whole note, of which the signatures count.
    public init(parsing bytes: [UInt8]) throws(LedgerError) {
        guard bytes.count <= SignedNote.maximumByteCount else { throw .malformedWitnessing(.tooLarge) }
        guard String(validating: bytes, as: UTF8.self) != nil else { throw .malformedWitnessing(.notUTF8) }
        if bytes.last == 0x0A, let size = plainDecimal(bytes.dropLast()) {
            self = .has(size)
            return
        }
        if let note = try? SignedNote(parsing: bytes) {
            self = .cosigned(note.signatures)
            return
        }
        guard !bytes.isEmpty else { throw .malformedWitnessing(.noSignatures) }
        guard bytes.last == 0x0A else { throw .malformedWitnessing(.signatureLine) }
        var signatures: [NoteSignature] = []
        for line in bytes.dropLast().split(separator: 0x0A, omittingEmptySubsequences: false) {
            guard signatures.count < SignedNote.maximumSignatures else { throw .malformedNote(.tooManySignatures) }
            signatures.append(try NoteSignature(line: line))
        }
        self = .cosigned(signatures)
    }

    /// The answer as text.
    public var encoded: String {
        switch self {
        case .cosigned(let signatures): signatures.map(\.line).joined()
        case .has(let size): "\(size)\n"
        }
    }
}
