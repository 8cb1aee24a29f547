import Ledger
public import Sealing

// How somebody becomes a person of the vault: invited by name and role · joined with keys of their own making, which the
// invitation's key signs for · enrolled when their authenticator gave a code · confirmed when a lead compared the
// fingerprint of the keys with them and gave the keys that their roles need. Policy and training come beside that.

/// Somebody invited by name and role. They have no keys yet.
public struct InvitationAct: Hashable, Sendable {
    /// Who they will be.
    public let person: PersonID
    /// A keyed hash of the name they will sign in with, 32 bytes.
    public let nameTag: [UInt8]
    /// Their roles.
    public let roles: Set<Role>
    /// Their sealed name.
    public let row: ItemID
    /// The Ed25519 key that the invitation's code gives, 32 bytes, and until when it counts.
    public let code: InvitationCode

    /// An invitation of all these parts.
    public init(person: PersonID, nameTag: [UInt8], roles: Set<Role>, row: ItemID, code: InvitationCode) {
        self.person = person
        self.nameTag = nameTag
        self.roles = roles
        self.row = row
        self.code = code
    }

    var encoded: [String: CanonicalValue] {
        [
            "person": .string(person.text), "name_tag": .string(Base64.encode(nameTag)),
            "roles": .array(roles.map(\.rawValue).sorted().map { .string($0) }), "row": .string(row.text),
            "code": code.encoded,
        ]
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(
            person: try reader.id("person"), nameTag: try reader.bytes("name_tag"), roles: try reader.words("roles"),
            row: try reader.id("row"), code: try InvitationCode(parsing: try reader.value("code")))
        try reader.end()
    }
}

/// What a statement says of an invitation's code of 128 random bits: never the code itself.
public struct InvitationCode: Hashable, Sendable {
    /// The Ed25519 key whose seed is derived from the code, 32 bytes.
    public let key: [UInt8]
    /// From when on the code is good for nothing.
    public let expires: Timestamp

    /// How long a code is good for at most, in milliseconds: 24 hours.
    public static let longest: Int64 = 24 * 3_600_000

    /// A code of this key.
    public init(key: [UInt8], expires: Timestamp) {
        self.key = key
        self.expires = expires
    }

    var encoded: CanonicalValue {
        .object(["key": .string(Base64.encode(key)), "expires": .integer(expires.milliseconds)])
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(
            key: try reader.bytes("key"), expires: Timestamp(milliseconds: Int64(try reader.size("expires"))))
        try reader.end()
    }
}

/// Somebody who made their keys, with an invitation's code. They sign it with the new signing key.
public struct JoiningAct: Hashable, Sendable {
    /// Who.
    public let person: PersonID
    /// Their node of the key graph; its recipient is the item of the same id.
    public let identity: IdentityID
    /// Their Ed25519 key, 32 bytes.
    public let verifyingKey: [UInt8]
    /// Their keys, sealed under their own password.
    public let keybox: ItemID
    /// The invitation key's signature over `signedBytes`, 64 bytes: who made these keys had the code.
    public let proof: [UInt8]

    /// A joining of all these parts.
    public init(person: PersonID, identity: IdentityID, verifyingKey: [UInt8], keybox: ItemID, proof: [UInt8]) {
        self.person = person
        self.identity = identity
        self.verifyingKey = verifyingKey
        self.keybox = keybox
        self.proof = proof
    }

    /// What the invitation's key signs: the new keys, by id and by the digests of recipient and keybox.
    public static func signedBytes(
        vault: VaultID, person: PersonID, identity: IdentityID, verifyingKey: [UInt8], recipient: Digest, keybox: Digest
    ) -> [UInt8] {
        Array("strongroom/v1/invitation\n".utf8) + vault.bytes + person.bytes + identity.bytes + verifyingKey
            + recipient.bytes + keybox.bytes
    }

    var encoded: [String: CanonicalValue] {
        [
            "person": .string(person.text), "identity": .string(identity.text),
            "verifying_key": .string(Base64.encode(verifyingKey)), "keybox": .string(keybox.text),
            "proof": .string(Base64.encode(proof)),
        ]
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(
            person: try reader.id("person"), identity: try reader.id("identity"),
            verifyingKey: try reader.bytes("verifying_key"), keybox: try reader.id("keybox"),
            proof: try reader.bytes("proof"))
        try reader.end()
    }
}

/// A lead compared the fingerprint of somebody's keys with them, and gives the keys that their roles need.
public struct ConfirmationAct: Hashable, Sendable {
    /// Whose.
    public let person: PersonID
    /// The node whose fingerprint was compared: keys made meanwhile are other ones.
    public let identity: IdentityID
    /// What they can reach from now on.
    public let wraps: [WrapEdge]
    /// The proposal that it is done under, where it takes two people.
    public let proposal: ProposalID?

    /// A confirmation of all these parts.
    public init(person: PersonID, identity: IdentityID, wraps: [WrapEdge], under proposal: ProposalID? = nil) {
        self.person = person
        self.identity = identity
        self.wraps = wraps
        self.proposal = proposal
    }

    var encoded: [String: CanonicalValue] {
        var object: [String: CanonicalValue] = [
            "person": .string(person.text), "identity": .string(identity.text), "wraps": .array(wraps.map(\.encoded)),
        ]
        if let proposal { object["proposal"] = .string(proposal.text) }
        return object
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        var wraps: [WrapEdge] = []
        for value in try reader.array("wraps") { wraps.append(try WrapEdge(parsing: value)) }
        self.init(
            person: try reader.id("person"), identity: try reader.id("identity"), wraps: wraps,
            under: try reader.has("proposal") ? try reader.id("proposal") : nil)
        try reader.end()
    }
}

/// A training that somebody completed.
public struct TrainingAct: Hashable, Sendable {
    /// Who.
    public let person: PersonID
    /// The day on which it was completed, such as `2026-09-03`.
    public let completed: String
    /// From when on it no longer counts.
    public let expires: Timestamp

    /// A training of all these parts.
    public init(person: PersonID, completed: String, expires: Timestamp) {
        self.person = person
        self.completed = completed
        self.expires = expires
    }

    var encoded: [String: CanonicalValue] {
        [
            "person": .string(person.text), "completed": .string(completed),
            "expires": .integer(expires.milliseconds),
        ]
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(
            person: try reader.id("person"), completed: try reader.text("completed"),
            expires: Timestamp(milliseconds: Int64(try reader.size("expires"))))
        try reader.end()
    }
}

/// What somebody still has to do, or have done, before they can work; in this order.
public enum EnrolmentStep: String, Hashable, Sendable, CaseIterable {
    /// Confirm a code of the authenticator.
    case authenticator
    /// Add a passkey, where their role signs in by one.
    case passkey
    /// Read and acknowledge the policy in force.
    case policy
    /// Compare the fingerprint of their keys with a lead, who then gives them the keys of their roles.
    case keys
    /// Have a training recorded that still counts.
    case training
}

/// The fingerprint of a person's keys, for two people to compare: SHA-256 over their public halves.
public func fingerprint(
    vault: VaultID, person: PersonID, identity: IdentityID, recipient: Digest, verifyingKey: VerifyingKey
) -> Digest {
    sha256(
        Array("strongroom/v1/fingerprint\n".utf8) + vault.bytes + person.bytes + identity.bytes + recipient.bytes
            + verifyingKey.rawRepresentation)
}
