import GRDB
import Ledger
public import Records
import Sealing
import WebAuthn

// Passkeys as a second factor: beside the password, which alone opens the keys. W3C Web Authentication Level 3, by
// `WebAuthn`; here are the challenges, whose a credential is, its counter, and the statements.
//
// Every passkey is one that its authenticator keeps (a discoverable credential), and no credential is named in a question:
// so a sign-in asks the same of everybody, before a name is typed, and there is nothing to guess at.

/// A question for an authenticator: what a browser is given to ask it.
public struct PasskeyQuestion: Hashable, Sendable {
    /// The options, JSON for `parseRequestOptionsFromJSON` or `parseCreationOptionsFromJSON`.
    public let options: String
    /// The challenge in it, base64: to come back with the answer.
    public let challenge: String
}

/// What an authenticator answered.
public struct PasskeyAnswer: Sendable {
    let json: [UInt8]
    let challenge: [UInt8]
    let binding: [UInt8]
    let site: String

    /// An answer as a form brings it.
    ///
    /// - Parameters:
    ///   - json: what `credential.toJSON()` gave, at most 64 KiB.
    ///   - challenge: that of the question, base64.
    ///   - binding: the token of the form or session that asked.
    ///   - site: where the browser says it is: host, and port where it is not 443.
    public init(json: String, challenge: String, binding: String, site: String) {
        self.json = Array(json.utf8)
        self.challenge = Base64.decode(challenge) ?? []
        self.binding = Array(binding.utf8)
        self.site = site
    }
}

/// A passkey of somebody's, for a list.
public struct PasskeyListing: Hashable, Sendable {
    /// Which.
    public let id: PasskeyID
    /// The name they gave it.
    public let name: String
    /// When it was added.
    public let added: Timestamp
    /// Whether it was made for the host name that the policy names now; it serves nowhere else.
    public let isForSite: Bool
}

/// What proves, beside the password, that it is the person.
enum SecondFactor {
    /// Six digits, or a recovery code.
    case code(String)
    /// An authenticator's answer.
    case passkey(PasskeyAnswer)
}

extension Vault {
    // MARK: - Asking

    /// A question for whichever passkey somebody has here; the same for everybody.
    ///
    /// - Throws: a refusal `passkey.other-site` where the browser is at another host than the policy names.
    public func passkeyQuestion(for binding: String, at site: String) throws(VaultError) -> PasskeyQuestion {
        try rethrowing("passkey") {
            let challenge = challenges.make(for: Array(binding.utf8))
            return PasskeyQuestion(
                options: try party(at: site).requestOptions(challenge: challenge, allowing: []),
                challenge: Base64.encode(challenge))
        }
    }

    /// A question for a new passkey of somebody who is signed in.
    ///
    /// - Throws: a refusal `passkey.other-site`, `passkey.too-many`, or `access.enrolment-unfinished`.
    public func newPasskeyQuestion(
        for binding: String, at site: String, as acting: Acting
    ) throws(VaultError) -> PasskeyQuestion {
        try rethrowing("passkey") {
            let person = try mayAddPasskey(acting)
            let challenge = challenges.make(for: Array(binding.utf8))
            let known = try pool.read { db in
                try person.passkeys.map { CredentialDescriptor(id: try credential(of: $0, db).record.id) }
            }
            // The name is shown by the authenticator alone, on the person's own device.
            let user = UserEntity(id: person.id.bytes, name: acting.name, displayName: acting.name)
            return PasskeyQuestion(
                options: try party(at: site).creationOptions(
                    user: user, challenge: challenge, excluding: known, residentKey: .required),
                challenge: Base64.encode(challenge))
        }
    }

    // MARK: - Adding and removing

    /// Adds a passkey that a browser just made. Recorded; durable on return.
    ///
    /// - Parameter name: what its person calls it, 1 to 60 characters.
    /// - Throws: a refusal `passkey.name`, `passkey.wrong`, `passkey.too-many`, or `code.needed`.
    public func addPasskey(_ answer: PasskeyAnswer, name: String, as acting: Acting) throws(VaultError) {
        try rethrowing("passkey-add") {
            _ = try mayAddPasskey(acting)
            try requireCode(acting)
            let name = name.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            guard (1...60).contains(name.count) else {
                throw Refusal(
                    code: "passkey.name", message: "A passkey’s name has 1 to 60 characters.",
                    hint: "Call it by where it is, such as: my phone, or the blue key.")
            }
            guard challenges.use(answer.challenge, for: answer.binding) else { throw Refusal.passkeyWrong }
            let record: CredentialRecord
            do {
                record = try party(at: answer.site).verifyRegistration(
                    RegistrationResponse(json: answer.json), challenge: answer.challenge)
            } catch is WebAuthnError {
                throw Refusal.passkeyWrong
            }
            let id = PasskeyID.random()
            let item = SealedItem(
                .random(), .credential, try Credential(record: record, site: policies.school.site).encoded())
            let row = ItemID.random()
            let sealed = try SealedRow.seal(
                Detail(values: ["name": name]).encoded, key: secrets.directory, row: row.bytes,
                associatedData: rowContext("passkey-row", id.bytes))
            let act = PasskeyAct(
                passkey: id, credential: item.item.id, credentialHash: sha256(record.id), row: row)
            try recorder.record(
                [
                    Draft(
                        signer: .person(acting), items: [item, SealedItem(row, .passkeyRow, sealed)],
                        act: .passkeyAdded(act))
                ], in: pool)
        }
    }

    /// Removes a passkey: one's own, or that of somebody whom one manages. Recorded; durable on return.
    ///
    /// - Throws: `.notFound` where they have no such passkey; a refusal `person.…`, `code.needed`.
    public func removePasskey(_ id: PasskeyID, of person: PersonID, as acting: Acting) throws(VaultError) {
        try rethrowing("passkey-remove") {
            if let refusal = ended(acting) { throw refusal }
            let authority = try recorder.read(pool) { _, head in head.authority }
            if person != acting.person {
                _ = try decide(.managePeople, acting)
                if let objection = authority.objection(to: acting.person, changing: person) { throw objection }
            }
            guard authority.people[person]?.passkeys.contains(where: { $0.id == id }) == true else {
                throw VaultError.notFound
            }
            try requireCode(acting)
            try say(.passkeyRemoved(id, of: person), .person(acting))
        }
    }

    /// The passkeys of a person, oldest first: one's own, or those of somebody whom one manages.
    public func passkeys(of id: PersonID, as acting: Acting) throws(VaultError) -> [PasskeyListing] {
        try rethrowing("passkeys") {
            if id != acting.person { _ = try decide(.managePeople, acting) }
            guard let person = recorder.authority.people[id] else { return [] }
            return try pool.read { db in
                try person.passkeys.map { state in
                    PasskeyListing(
                        id: state.id, name: try name(of: state, db), added: state.added,
                        isForSite: try credential(of: state, db).site == policies.school.site)
                }
            }
        }
    }

    /// Whether somebody's role signs in by passkey.
    public func requiresPasskey(_ acting: Acting) -> Bool {
        let authority = recorder.authority
        return authority.people[acting.person].map { authority.requiresPasskey($0.roles) } ?? false
    }

    private func mayAddPasskey(_ acting: Acting) throws -> PersonState {
        if let refusal = ended(acting) { throw refusal }
        guard let person = recorder.authority.people[acting.person] else { throw VaultError.notFound }
        guard person.enrolled else { throw Refusal.enrolmentUnfinished }
        guard person.passkeys.count < PasskeyAct.most else {
            throw Refusal(
                code: "passkey.too-many", message: "You have \(PasskeyAct.most) passkeys already.",
                hint: "Remove one that you no longer use, then add the new one.")
        }
        return person
    }

    // MARK: - Answers

    /// Takes an answer of one of the person's passkeys in place of a code, for the acts that need one not older than five
    /// minutes.
    ///
    /// - Throws: a refusal `passkey.wrong`; too many wrong ones slow the account as at sign-in.
    public func givePasskey(_ answer: PasskeyAnswer, as acting: Acting) throws(VaultError) {
        try rethrowing("passkey") {
            let now = try tryPasskey(answer, acting)
            acting.memory.with { $0.codeGiven = now }
        }
    }

    /// Shows a hidden session again by one of its person's passkeys; gives the page it was hidden at.
    ///
    /// - Throws: a refusal `passkey.wrong`; too many wrong ones slow the account as at sign-in.
    public func reveal(_ acting: Acting, passkey answer: PasskeyAnswer) throws(VaultError) -> String {
        try rethrowing("reveal") {
            _ = try tryPasskey(answer, acting)
            return show(acting)
        }
    }

    /// When an answer was found right.
    private func tryPasskey(_ answer: PasskeyAnswer, _ acting: Acting) throws -> MonotonicTime {
        try tryFactor(acting, otherwise: .passkeyWrong) { try isPasskey(answer, of: acting) }
    }

    /// Whether an answer is one of the person's passkeys, to a question of ours that is not answered yet. The counter is kept
    /// durably: an authenticator whose counter does not go up may have been copied, which is recorded.
    func isPasskey(_ answer: PasskeyAnswer, of acting: Acting) throws -> Bool {
        guard challenges.use(answer.challenge, for: answer.binding),
            let person = recorder.authority.people[acting.person]
        else { return false }
        do {
            let response = try AuthenticationResponse(json: answer.json)
            let hash = sha256(response.credentialID)
            // Whoever kept the credential also kept whose it is: nothing else says so where none was named.
            guard let state = person.passkeys.first(where: { $0.credentialHash == hash }), response.userHandle != nil
            else { return false }
            let known = try pool.read { db in try credential(of: state, db) }
            let record = known.record.counting(try workspace.count(of: state.id))
            let assertion = try party(at: answer.site).verifyAssertion(
                response, of: record, userHandle: person.id.bytes, challenge: answer.challenge)
            guard try workspace.use(count: assertion.signCount, of: state.id) else {
                throw WebAuthnError.signCountNotIncreased
            }
            return true
        } catch WebAuthnError.signCountNotIncreased {
            if person.confirmed { try say(.accessRefused(code: "passkey.copied"), .person(acting)) }
            return false
        } catch is WebAuthnError {
            return false
        } catch is Refusal {
            return false
        }
    }

    /// The site as authenticators know it: its host name by the policy, and the origin at which this browser is.
    private func party(at site: String) throws -> RelyingParty {
        let host = site.prefix(while: { $0 != ":" }).lowercased()
        guard host == policies.school.site else {
            throw Refusal(
                code: "passkey.other-site", message: "Passkeys serve at \(policies.school.site) alone.",
                hint: "Go to https://\(policies.school.site), or type a code.")
        }
        return RelyingParty(
            id: policies.school.site, name: policies.school.name, origins: ["https://" + site.lowercased()])
    }

    private func credential(of state: PasskeyState, _ db: Database) throws -> Credential {
        guard let credential = Credential(try item(state.credential, db)) else {
            throw VaultError.tampered(code: "credential.unreadable")
        }
        return credential
    }

    private func name(of state: PasskeyState, _ db: Database) throws -> String {
        let bytes = try item(state.row, db)
        let opened = try bytes.withUnsafeBytes {
            try SealedRow.open(
                $0, key: secrets.directory, row: state.row.bytes,
                associatedData: rowContext("passkey-row", state.id.bytes))
        }
        return try Detail(parsing: opened)["name"] ?? ""
    }
}

/// A credential's public half as its item holds it: RFC 8785 JSON. None of it is secret.
private struct Credential {
    let record: CredentialRecord
    /// The host name that it was made for.
    let site: String

    init(record: CredentialRecord, site: String) {
        self.record = record
        self.site = site
    }

    func encoded() throws -> [UInt8] {
        try CanonicalValue.object([
            "id": .string(Base64.encode(record.id)), "public_key": .string(Base64.encode(record.publicKey)),
            "algorithm": .integer(Int64(record.algorithm.rawValue)), "sign_count": .integer(Int64(record.signCount)),
            "backup_eligible": .boolean(record.isBackupEligible), "backed_up": .boolean(record.isBackedUp),
            "user_verified": .boolean(record.userVerified), "site": .string(site),
        ]).encoded()
    }

    init?(_ bytes: [UInt8]) {
        guard case .object(let values) = try? CanonicalValue(parsing: bytes), values.count == 8,
            case .string(let id) = values["id"], let id = Base64.decode(id),
            case .string(let key) = values["public_key"], let key = Base64.decode(key),
            case .integer(let number) = values["algorithm"],
            let algorithm = SignatureAlgorithm.allCases.first(where: { $0.rawValue == number }),
            case .integer(let count) = values["sign_count"], let count = UInt32(exactly: count),
            case .boolean(let isBackupEligible) = values["backup_eligible"],
            case .boolean(let isBackedUp) = values["backed_up"],
            case .boolean(let userVerified) = values["user_verified"], case .string(let site) = values["site"]
        else { return nil }
        self.init(
            record: CredentialRecord(
                id: id, publicKey: key, algorithm: algorithm, signCount: count, isBackupEligible: isBackupEligible,
                isBackedUp: isBackedUp, userVerified: userVerified), site: site)
    }
}

extension CredentialRecord {
    /// The same with the counter of a later ceremony.
    fileprivate func counting(_ count: UInt32?) -> CredentialRecord {
        CredentialRecord(
            id: id, publicKey: publicKey, algorithm: algorithm, signCount: max(count ?? 0, signCount),
            isBackupEligible: isBackupEligible, isBackedUp: isBackedUp, userVerified: userVerified)
    }
}
