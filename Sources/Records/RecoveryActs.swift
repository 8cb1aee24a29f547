import Ledger
public import Sealing

// The recovery key: an identity that nobody holds whole. Its 32-byte seed is split k of n among named people, on paper
// (SLIP-0039); register, team and intake queue are wrapped to it, and through the team every pupil file. Its signing key is
// derived from the same seed. A later key replaces the one before.

/// A recovery key was made and split.
public struct RecoveryAct: Hashable, Sendable {
    /// Its node of the key graph.
    public let identity: IdentityID
    /// The Ed25519 key that is derived from the same seed, 32 bytes.
    public let verifyingKey: [UInt8]
    /// How many shares open it.
    public let threshold: UInt64
    /// The commitments to the shares: the first is share 1.
    public let shares: [Digest]
    /// The holders' sealed names.
    public let row: ItemID
    /// What it reaches: register, team and intake queue, in this order.
    public let wraps: [WrapEdge]
    /// The proposal that it is made under, where it takes two people: that brought the row.
    public let proposal: ProposalID?

    /// A recovery key of all these parts.
    public init(
        identity: IdentityID, verifyingKey: [UInt8], threshold: UInt64, shares: [Digest], row: ItemID,
        wraps: [WrapEdge], under proposal: ProposalID? = nil
    ) {
        self.identity = identity
        self.verifyingKey = verifyingKey
        self.threshold = threshold
        self.shares = shares
        self.row = row
        self.wraps = wraps
        self.proposal = proposal
    }

    var encoded: [String: CanonicalValue] {
        var object: [String: CanonicalValue] = [
            "identity": .string(identity.text), "verifying_key": .string(Base64.encode(verifyingKey)),
            "threshold": .integer(Int64(threshold)), "shares": .array(shares.map { .string($0.base64) }),
            "row": .string(row.text), "wraps": .array(wraps.map(\.encoded)),
        ]
        if let proposal { object["proposal"] = .string(proposal.text) }
        return object
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        var shares: [Digest] = []
        for value in try reader.array("shares") {
            guard case .string(let text) = value, let digest = Digest(base64: text) else { throw .malformed("shares") }
            shares.append(digest)
        }
        self.init(
            identity: try reader.id("identity"), verifyingKey: try reader.bytes("verifying_key"),
            threshold: try reader.size("threshold"), shares: shares, row: try reader.id("row"),
            wraps: try WrapEdge.list(reader.array("wraps")),
            under: try reader.has("proposal") ? try reader.id("proposal") : nil)
        try reader.end()
    }
}

/// A drill: shares were shown to open the recovery key, and opened nothing else.
public struct RecoveryDrillAct: Hashable, Sendable {
    /// The recovery key.
    public let recovery: IdentityID
    /// The numbers of the shares that took part, from 1, rising: as many as are needed at least.
    public let shares: [UInt64]

    /// A drill of all these parts.
    public init(recovery: IdentityID, shares: [UInt64]) {
        self.recovery = recovery
        self.shares = shares
    }

    var encoded: [String: CanonicalValue] {
        [
            "recovery": .string(recovery.text), "shares": .array(shares.map { .integer(Int64($0)) }),
        ]
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        var shares: [UInt64] = []
        for value in try reader.array("shares") {
            guard case .integer(let number) = value, let share = UInt64(exactly: number), share > shares.last ?? 0
            else { throw .malformed("shares") }
            shares.append(share)
        }
        self.init(recovery: try reader.id("recovery"), shares: shares)
        try reader.end()
    }
}

/// The recovery key was used, where no lead was left: somebody is safeguarding lead, with keys of their own making, and every
/// other lead is suspended. They sign it with the new signing key, and the recovery key signs for them, as an invitation's
/// code does for who joins.
public struct RecoveryUseAct: Hashable, Sendable {
    /// What is new of somebody who was not in the vault before.
    public struct Newcomer: Hashable, Sendable {
        /// A keyed hash of the name they sign in with, 32 bytes.
        public let nameTag: [UInt8]
        /// Their sealed name.
        public let row: ItemID

        /// A newcomer of both parts.
        public init(nameTag: [UInt8], row: ItemID) {
            self.nameTag = nameTag
            self.row = row
        }
    }

    /// The recovery key: used up by this.
    public let recovery: IdentityID
    /// The lead from now on.
    public let person: PersonID
    /// Their node of the key graph.
    public let identity: IdentityID
    /// Their Ed25519 key, 32 bytes.
    public let verifyingKey: [UInt8]
    /// Their keys, sealed under their own password.
    public let keybox: ItemID
    /// Their name, unless they were a lead before and lost their keys.
    public let newcomer: Newcomer?
    /// The keys that a lead needs.
    public let wraps: [WrapEdge]
    /// Every other lead who was not suspended before, in byte order: suspended by this.
    public let suspended: [PersonID]
    /// The recovery key's signature over `signedBytes`, 64 bytes.
    public let proof: [UInt8]

    /// A use of all these parts.
    public init(
        recovery: IdentityID, person: PersonID, identity: IdentityID, verifyingKey: [UInt8], keybox: ItemID,
        newcomer: Newcomer?, wraps: [WrapEdge], suspended: [PersonID], proof: [UInt8] = []
    ) {
        self.recovery = recovery
        self.person = person
        self.identity = identity
        self.verifyingKey = verifyingKey
        self.keybox = keybox
        self.newcomer = newcomer
        self.wraps = wraps
        self.suspended = suspended
        self.proof = proof
    }

    /// The same with the recovery key's signature.
    public func signed(by proof: [UInt8]) -> RecoveryUseAct {
        RecoveryUseAct(
            recovery: recovery, person: person, identity: identity, verifyingKey: verifyingKey, keybox: keybox,
            newcomer: newcomer, wraps: wraps, suspended: suspended, proof: proof)
    }

    /// What the recovery key signs: the vault, all of this but the signature, and the items that come with it.
    public func signedBytes(vault: VaultID, items: [Item]) throws(StatementError) -> [UInt8] {
        var unsigned = encoded
        unsigned["proof"] = nil
        guard let bytes = try? CanonicalValue.object(unsigned).encoded() else { throw .malformed("act") }
        return Array("strongroom/v1/recovery-used\n".utf8) + vault.bytes + sha256(bytes).bytes
            + items.flatMap { $0.id.bytes + $0.digest.bytes }
    }

    var encoded: [String: CanonicalValue] {
        var object: [String: CanonicalValue] = [
            "recovery": .string(recovery.text), "person": .string(person.text), "identity": .string(identity.text),
            "verifying_key": .string(Base64.encode(verifyingKey)), "keybox": .string(keybox.text),
            "wraps": .array(wraps.map(\.encoded)), "suspended": .array(suspended.map { .string($0.text) }),
            "proof": .string(Base64.encode(proof)),
        ]
        if let newcomer {
            object["newcomer"] = .object([
                "name_tag": .string(Base64.encode(newcomer.nameTag)), "row": .string(newcomer.row.text),
            ])
        }
        return object
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        var newcomer: Newcomer?
        if try reader.has("newcomer") {
            var inner = try StatementReader(reader.value("newcomer"))
            newcomer = Newcomer(nameTag: try inner.bytes("name_tag"), row: try inner.id("row"))
            try inner.end()
        }
        let suspended = try PersonID.set(reader.array("suspended"), key: "suspended")
        self.init(
            recovery: try reader.id("recovery"), person: try reader.id("person"), identity: try reader.id("identity"),
            verifyingKey: try reader.bytes("verifying_key"), keybox: try reader.id("keybox"), newcomer: newcomer,
            wraps: try WrapEdge.list(reader.array("wraps")), suspended: suspended, proof: try reader.bytes("proof"))
        try reader.end()
    }
}

/// A recovery key as the ledger has it now.
public struct RecoveryState: Hashable, Sendable {
    /// A real use.
    public struct Use: Hashable, Sendable {
        /// Who became lead.
        public let person: PersonID
        /// When.
        public let time: Timestamp
        /// By which statement.
        public let index: UInt64
    }

    /// Its node of the key graph.
    public let identity: IdentityID
    /// Its signing key.
    public let verifyingKey: VerifyingKey
    /// How many shares open it.
    public let threshold: Int
    /// The commitments to the shares: the first is share 1.
    public let shares: [Digest]
    /// The holders' sealed names.
    public let row: ItemID
    /// When it was made.
    public let made: Timestamp
    /// When a drill last showed that the shares open it.
    public internal(set) var drilled: Timestamp?
    /// When it was used: it counts no more from then on, and new shares are due.
    public internal(set) var used: Use?

    /// For how long a drill counts, in milliseconds: 365 days.
    public static let drillCounts: Int64 = 365 * 86_400_000
    /// How many shares there can be.
    public static let counts = 2...SecretSharing.maximumCount

    /// Whether it is in force, and a drill of the last 365 days showed that its shares open it.
    public func isProven(at time: Timestamp) -> Bool {
        used == nil && drilled.map { time.milliseconds < $0.milliseconds + Self.drillCounts } ?? false
    }
}
