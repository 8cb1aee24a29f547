import Ledger
public import Sealing

// Passkeys: public keys that somebody's authenticator made for them, beside the codes of their authenticator app. Each is
// added by its person, and removed by them or by who manages them. None of this is secret but the name they gave it.

/// Somebody who adds a passkey of their own.
public struct PasskeyAct: Hashable, Sendable {
    /// The passkey.
    public let passkey: PasskeyID
    /// The item with the credential's public half.
    public let credential: ItemID
    /// SHA-256 of the credential's id: no two people of a vault, and no two passkeys, have the same.
    public let credentialHash: Digest
    /// The item with the name they gave it, sealed.
    public let row: ItemID

    /// How many passkeys one person has at most.
    public static let most = 10

    /// An addition of all these parts.
    public init(passkey: PasskeyID, credential: ItemID, credentialHash: Digest, row: ItemID) {
        self.passkey = passkey
        self.credential = credential
        self.credentialHash = credentialHash
        self.row = row
    }

    var encoded: [String: CanonicalValue] {
        [
            "passkey": .string(passkey.text), "credential": .string(credential.text),
            "credential_hash": .string(Base64.encode(credentialHash.bytes)), "row": .string(row.text),
        ]
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(
            passkey: try reader.id("passkey"), credential: try reader.id("credential"),
            credentialHash: try reader.digest("credential_hash"), row: try reader.id("row"))
        try reader.end()
    }
}

/// A passkey as the ledger has it now.
public struct PasskeyState: Hashable, Sendable {
    /// Which.
    public let id: PasskeyID
    /// The item with the credential's public half.
    public let credential: ItemID
    /// SHA-256 of the credential's id.
    public let credentialHash: Digest
    /// The item with its sealed name.
    public let row: ItemID
    /// When it was added.
    public let added: Timestamp
}

extension Authority {
    /// Whether one of these roles signs in by passkey, and no longer by a code of the authenticator app.
    public func requiresPasskey(_ roles: Set<Role>) -> Bool { !roles.isDisjoint(with: passkeyRoles) }

    /// Whether a person has to add a passkey before they may anything else.
    func lacksPasskey(_ person: PersonState) -> Bool { person.passkeys.isEmpty && requiresPasskey(person.roles) }

    /// Whether a person may put changed policies into force: who gives access, also while they lack a passkey, so that a
    /// policy under which nobody can add one is not for ever.
    public func mayAdoptPolicies(_ person: PersonID, at time: Timestamp) -> Bool {
        guard let person = people[person], hindrance(of: person) == nil else { return false }
        return abilities.allow(.giveAccess, to: person.roles)
    }

    static func passkeyRoles(_ roles: Set<Role>) throws(StatementError) -> Set<Role> {
        guard !roles.contains(.station) else { throw .unlawful("a scan station signs in by no passkey") }
        return roles
    }

    mutating func addPasskey(_ act: PasskeyAct, _ statement: Statement) throws(StatementError) {
        guard case .person(let author) = statement.author, let person = people[author],
            person.passkeys.count < PasskeyAct.most
        else { throw .unlawful("a passkey of nobody, or one too many") }
        try expect(act.credential, .credential)
        try expect(act.row, .passkeyRow)
        guard credentials.insert(act.credentialHash).inserted,
            !person.passkeys.contains(where: { $0.id == act.passkey })
        else { throw .unlawful("a passkey added twice") }
        people[author]?.passkeys.append(
            PasskeyState(
                id: act.passkey, credential: act.credential, credentialHash: act.credentialHash, row: act.row,
                added: statement.time))
    }

    mutating func removePasskey(_ id: PasskeyID, of person: PersonID, _ statement: Statement) throws(StatementError) {
        guard case .person(let author) = statement.author else { throw .unlawful("a passkey removed by nobody") }
        if author != person {
            guard objection(to: author, changing: person) == nil,
                refusal(of: .managePeople, to: author, at: statement.time) == nil
            else { throw .unlawful("a passkey removed by who may not") }
        }
        guard let place = people[person]?.passkeys.firstIndex(where: { $0.id == id }) else {
            throw .unlawful("no such passkey")
        }
        people[person]?.passkeys.remove(at: place)
    }
}
