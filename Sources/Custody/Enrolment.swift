import GRDB
public import Records
import Sealing

// From an invitation to work. The code, 128 random bits, is shown once and kept nowhere: an Ed25519 key is derived from it,
// the invitation's statement has the public half, and the invited person's new keys are signed with the other. So neither
// the disk nor whoever writes the ledger can join in somebody's place. The code opens nothing; keys come from a lead who
// compared a fingerprint with the person.

/// An invitation just made.
public struct Invitation: Sendable {
    /// Who was invited.
    public let person: PersonID
    /// Their name.
    public let name: String
    /// For joining alone, once; shown now and never again.
    public let code: String
    /// From when on the code is good for nothing.
    public let expires: Timestamp
}

/// How far somebody is.
public struct Standing: Hashable, Sendable {
    /// Until when an unused invitation of theirs counts: they have yet to join, for the first time or again.
    public let invitedUntil: Timestamp?
    /// What they still have to do, or have done; empty for who can work. While invited, all of it.
    public let steps: [EnrolmentStep]
    /// Whether they have the keys of their roles, and may what needs no policy and no training.
    public let isConfirmed: Bool
    /// The day of their last training, where one is recorded, and from when on it no longer counts.
    public let trained: String?
    /// The same, as an instant.
    public let trainedUntil: Timestamp?
    /// How many of their ten recovery codes are left.
    public let recoveryCodesLeft: Int

    init(of id: PersonID, under authority: Authority, at now: Timestamp) {
        let person = authority.people[id]
        let invitation = authority.invitations[id]
        invitedUntil = invitation?.expires
        steps =
            invitation.map { invitation in
                EnrolmentStep.allCases.filter { $0 != .passkey || authority.requiresPasskey(invitation.roles) }
            } ?? person.map { authority.steps(of: $0, at: now) } ?? []
        isConfirmed = invitation == nil && person?.confirmed == true && person?.enrolled == true
        trained = person?.training?.completed
        trainedUntil = person?.training?.expires
        recoveryCodesLeft = RecoveryCodes.count - (person?.recoveryCodesUsed.count ?? 0)
    }
}

/// Ten codes that each sign in once in place of the authenticator, for a lost phone.
///
/// They are derived from the authenticator's secret, so nothing more is kept: a fresh authenticator makes fresh ones, and
/// which are used stands in the ledger. 50 bits each, beside the password.
enum RecoveryCodes {
    static let count = 10
    private static let characters = 10

    static func all(_ authenticator: borrowing SecretBytes) throws -> [String] {
        try (1...UInt64(count)).map { Crockford.grouped(try plain($0, authenticator), by: 5).uppercased() }
    }

    /// Which of them a text is; nil where none. All ten are compared.
    static func number(of text: String, _ authenticator: borrowing SecretBytes) throws -> UInt64? {
        let typed = Array(Crockford.typed(text).utf8)
        guard typed.count == characters else { return nil }
        var found: UInt64?
        for number in 1...UInt64(count)
        where equalInConstantTime(typed, Array(try plain(number, authenticator).utf8)) {
            found = number
        }
        return found
    }

    private static func plain(_ number: UInt64, _ authenticator: borrowing SecretBytes) throws -> String {
        var padded = try SecretBytes(zeroed: 32)
        authenticator.withBytes { source in padded.withMutableBytes { $0.copyMemory(from: source) } }
        let key: TagKey = try KeyedHash.derive(
            DetailKey(padded), label: "strongroom/v1/recovery-code", context: [UInt8(number)])
        return key.withBytes { String(Crockford.encode(Array($0)).prefix(characters)) }
    }
}

extension Vault {
    // MARK: - Inviting

    /// Invites somebody by name and roles. The code counts once, for 24 hours. Recorded; durable on return.
    public func invite(name: String, roles: Set<Role>, as acting: Acting) throws(VaultError) -> Invitation {
        try rethrowing("person-invite") {
            _ = try decide(.managePeople, acting)
            try requireCode(acting)
            let name = try Self.checkedName(name)
            try Self.checkRoles(roles)
            let authority = recorder.authority
            if let objection = authority.objection(to: acting.person, making: roles) { throw objection }
            let tag = KeyedHash.tag(Self.signInName(name), key: secrets.tags)
            guard authority.peopleByTag[tag] == nil else {
                throw Refusal(
                    code: "person.name-taken", message: "Somebody signs in with that name already, or was invited to.",
                    hint: "Add an initial, so that each name is one person's.")
            }
            let person = PersonID.random()
            let row = try Self.sealedName(name, of: person, recorder.vault, secrets)
            return try give(person, name) { (code: InvitationCode) -> Draft in
                let act = InvitationAct(person: person, nameTag: tag, roles: roles, row: row.item.id, code: code)
                return Draft(signer: .person(acting), items: [row], act: .personInvited(act))
            }
        }
    }

    /// Makes a person join again, with fresh keys: after a lost phone, a forgotten password, or where somebody else may know
    /// it; or gives a fresh code to who has not joined yet. Their sessions end, the keys they had count no more, and what
    /// they uploaded and did not file is given up. Recorded; durable on return.
    ///
    /// - Parameter roles: what they are from then on; nil for what they are now. Keys follow roles, so others need other keys.
    /// - Throws: a refusal `person.…` for who may not be made to by this person.
    public func reset(_ person: PersonID, to roles: Set<Role>? = nil, as acting: Acting) throws(VaultError)
        -> Invitation
    {
        try rethrowing("person-reset") {
            _ = try decide(.managePeople, acting)
            try requireCode(acting)
            let authority = try recorder.read(pool) { _, head in head.authority }
            if let objection = authority.objection(to: acting.person, changing: person) { throw objection }
            if let roles {
                try Self.checkRoles(roles)
                if let objection = authority.objection(to: acting.person, making: roles) { throw objection }
            }
            guard let row = authority.people[person]?.row ?? authority.invitations[person]?.row else {
                throw Refusal.personUnknown
            }
            let known = try pool.read { db in try self.name(of: person, row, db) }
            let invitation = try give(person, known) { (code: InvitationCode) -> Draft in
                Draft(signer: .person(acting), act: .personReset(person, code, roles: roles))
            }
            try endSessions(.of(person, except: nil))
            try giveUpUploads(of: person)
            return invitation
        }
    }

    private static func checkRoles(_ roles: Set<Role>) throws {
        guard !roles.isEmpty, !roles.contains(.station) else {
            throw Refusal(
                code: "person.no-role", message: "A person needs at least one role.",
                hint: "Choose one of: \(Role.ofPeople.map(\.rawValue).joined(separator: ", ")).")
        }
    }

    private func give(
        _ person: PersonID, _ name: String, _ draft: (InvitationCode) -> Draft
    ) throws -> Invitation {
        let secret = Randomness.bytes(16)
        let expires = Timestamp(milliseconds: clock.now().milliseconds + InvitationCode.longest)
        let key = try Self.invitationKey(secret).verifyingKey.rawRepresentation
        try recorder.record([draft(InvitationCode(key: key, expires: expires))], in: pool)
        return Invitation(
            person: person, name: name, code: Crockford.grouped(Crockford.encode(secret)).uppercased(),
            expires: expires)
    }

    private static func invitationKey(_ secret: [UInt8]) throws -> SigningKey {
        let padded = try DetailKey(SecretBytes(copying: secret + [UInt8](repeating: 0, count: 16)))
        let seed: DetailKey = try KeyedHash.derive(padded, label: "strongroom/v1/invitation")
        return try SigningKey(seed: seed.secretCopy())
    }

    /// What was sealed to keys that count no more cannot be opened again.
    func giveUpUploads(of person: PersonID) throws {
        let uploads = try workspace.uploads(of: person, in: UploadState.held.union([.receiving]))
        let drafts = uploads.map { Draft(signer: .service, act: .uploadRefused($0.id, code: "upload.keys-replaced")) }
        if !drafts.isEmpty { try recorder.record(drafts, in: pool) }
        for upload in uploads {
            arrivals.drop(upload.id)
            try workspace.end(upload.id, at: clock.now())
            blobs.removeStaged(upload.blob)
        }
    }

    // MARK: - Joining

    /// Makes an invited person's keys, under a password of their own; they are signed in, to set up their authenticator.
    /// Recorded; durable on return. Takes one password hash, and none for a code that is not right.
    ///
    /// - Throws: a refusal `invitation.unknown` for a name or code that is not right, was used or is too old: which of them
    ///   is not said; a refusal of the password.
    public func join(name: String, code: String, password: String) throws(VaultError) -> Acting {
        try rethrowing("join") {
            let authority = try checkPolicy()
            let tag = KeyedHash.tag(Self.signInName(name), key: secrets.tags)
            guard let secret = Crockford.decode(Crockford.typed(code)), secret.count == 16,
                let person = authority.peopleByTag[tag], let invitation = authority.invitations[person],
                clock.now() < invitation.expires, let vault = recorder.vault
            else { throw Refusal.invitationUnknown }
            let key = try Self.invitationKey(secret)
            guard key.verifyingKey == invitation.key else { throw Refusal.invitationUnknown }
            guard authority.suspended(person) == nil else { throw Refusal.suspended }
            let known = try pool.read { db in try self.name(of: person, invitation.row, db) }
            try Self.checkPassword(password, name: known, policies: policies)
            let made = try hashGate.run {
                try MadeKeys(of: person, password: password, vault: vault, policies: policies, secrets: secrets)
            }
            let verifyingKey = made.keys.signing.verifyingKey.rawRepresentation
            let (identity, keybox, items) = (made.identity, made.keybox, made.items)
            let act = JoiningAct(
                person: person, identity: identity, verifyingKey: verifyingKey, keybox: keybox,
                proof: key.signature(
                    for: JoiningAct.signedBytes(
                        vault: vault, person: person, identity: identity, verifyingKey: verifyingKey,
                        recipient: items[0].item.digest, keybox: items[1].item.digest)))
            let acting = try made.acting(as: person, name: known, roles: invitation.roles)
            // Where making them join again was cut short before this.
            try giveUpUploads(of: person)
            try recorder.record(
                [
                    Draft(signer: .person(acting), items: items, act: .personJoined(act)),
                    Draft(signer: .person(acting), act: .signedIn(acting.session)),
                ], in: pool)
            return acting
        }
    }

    /// The secret for the person's authenticator, BASE32: only while it is not set up.
    public func authenticatorSecret(of acting: Acting) -> String? {
        recorder.authority.people[acting.person]?.enrolled == false ? Base32.encode(acting.keys.authenticator) : nil
    }

    /// Takes a code of the authenticator that was just set up. Recorded; durable on return.
    public func enrol(_ acting: Acting, code: String) throws(VaultError) {
        try rethrowing("enrol") {
            if let refusal = ended(acting) { throw refusal }
            guard standing(of: acting).steps.contains(.authenticator) else {
                throw Refusal(
                    code: "enrol.done", message: "Your authenticator is set up already.",
                    hint: "Go on to the next step.")
            }
            guard try isCurrent(code, acting) else {
                throw Refusal(
                    code: "enrol.code", message: "The code is not the one the authenticator should show now.",
                    hint: "Check that the secret was entered correctly and that the phone's clock is right.")
            }
            try say(.personEnrolled(acting.person), .person(acting))
        }
    }

    /// The person's ten recovery codes, and which are left: for who gives a code of their authenticator now.
    ///
    /// - Throws: a refusal `code.wrong`, as `giveCode`.
    public func recoveryCodes(
        of acting: Acting, code: String
    ) throws(VaultError) -> [(code: String, isUsed: Bool)] {
        try rethrowing("recovery-codes") {
            try giveCode(code, as: acting)
            return try recoveryCodes(of: acting)
        }
    }

    /// The same without a code, while the person has not their keys yet.
    public func firstRecoveryCodes(of acting: Acting) throws(VaultError) -> [String] {
        try rethrowing("recovery-codes") {
            let standing = standing(of: acting)
            guard !standing.steps.contains(.authenticator), standing.steps.contains(.keys) else {
                throw VaultError.notFound
            }
            return try recoveryCodes(of: acting).map(\.code)
        }
    }

    private func recoveryCodes(of acting: Acting) throws -> [(code: String, isUsed: Bool)] {
        let used = recorder.authority.people[acting.person]?.recoveryCodesUsed ?? []
        return try RecoveryCodes.all(acting.keys.authenticator).enumerated().map { offset, code in
            (code, used.contains(UInt64(offset + 1)))
        }
    }

    /// Says that the person has read the policy in force and keeps to it. Recorded; durable on return.
    ///
    /// - Parameter version: the one that was shown to them; a refusal `policy.other-version` where another is in force.
    public func acknowledgePolicy(version: String, as acting: Acting) throws(VaultError) {
        try rethrowing("policy-acknowledge") {
            let authority = try checkPolicy()
            guard version == authority.acceptableUse else {
                throw Refusal(
                    code: "policy.other-version", message: "The policy was changed while you read it.",
                    hint: "Read it as it is now, then acknowledge it.")
            }
            if let refusal = ended(acting) { throw refusal }
            let steps = standing(of: acting).steps
            guard !steps.contains(.authenticator) else { throw Refusal.enrolmentUnfinished }
            guard steps.contains(.policy) else { return }
            try say(.policyAcknowledged(version: version), .person(acting))
        }
    }

    // MARK: - Comparing keys, and training

    /// The words that stand for somebody's keys, for two people to read to each other: 80 bits of their fingerprint. Nil for
    /// who has no keys that count.
    public func fingerprintWords(of person: PersonID, as acting: Acting) throws(VaultError) -> [String]? {
        try rethrowing("fingerprint") {
            if person != acting.person { _ = try decide(.giveAccess, acting) }
            return keyWords(of: person, recorder.authority)
        }
    }

    func keyWords(of person: PersonID, _ authority: Authority) -> [String]? {
        guard let state = authority.people[person], authority.invitations[person] == nil, let vault = recorder.vault,
            let recipient = authority.items[state.identity.shared(as: Kind.Item.self)]?.digest
        else { return nil }
        let digest = fingerprint(
            vault: vault, person: person, identity: state.identity, recipient: recipient,
            verifyingKey: state.verifyingKey)
        return ShareWords.phrase(of: digest.bytes, words: 8)
    }

    /// Gives somebody the keys that their roles need, after the fingerprint of their own was compared with them. Recorded;
    /// durable on return. Where it takes two people it is done under the proposal that a second one has agreed to.
    ///
    /// - Throws: a refusal `proposal.second-person` where nobody has.
    /// - Parameter words: the fingerprint as it was compared; a refusal `person.other-keys` where their keys are others by
    ///   now.
    public func confirm(_ person: PersonID, words: [String], as acting: Acting) throws(VaultError) {
        try rethrowing("person-confirm") {
            _ = try decide(.giveAccess, acting)
            try requireCode(acting)
            let authority = try recorder.read(pool) { _, head in head.authority }
            guard let state = authority.people[person], authority.stations[person] == nil else {
                throw Refusal.personUnknown
            }
            if let objection = authority.objection(to: acting.person, making: state.roles) { throw objection }
            guard person != acting.person else { throw Refusal.personIsYourself }
            guard try fingerprintWords(of: person, as: acting) == words else { throw Refusal.otherKeys }
            guard state.enrolled, !state.confirmed else { return }
            let proposal = try proposal(for: .keys(person, state.identity), as: acting, authority)
            let edges = try pool.read { db in
                try authority.identities(for: state.roles).map { identity in
                    try Self.wrap(
                        open(identity, as: acting, db), identity, to: recipient(of: state.identity, db),
                        holder: state.identity, vault: recorder.vault)
                }
            }
            try recorder.record(
                [
                    Draft(
                        signer: .person(acting), items: edges.map(\.1),
                        act: .personConfirmed(
                            ConfirmationAct(
                                person: person, identity: state.identity, wraps: edges.map(\.0), under: proposal)))
                ], in: pool)
        }
    }

    /// Records a training that somebody completed. Recorded; durable on return.
    ///
    /// - Parameter day: as people write it; a refusal `date.no-day` for anything but one day, `training.in-future`.
    public func recordTraining(of person: PersonID, completed day: String, as acting: Acting) throws(VaultError) {
        try rethrowing("training") {
            _ = try decide(.managePeople, acting)
            let authority = try recorder.read(pool) { _, head in head.authority }
            guard authority.people[person] != nil, authority.stations[person] == nil else {
                throw Refusal.personUnknown
            }
            let zone = policies.school.timezone
            let (completed, start) = try Self.day(day, in: zone)
            guard start <= clock.now() else {
                throw Refusal(
                    code: "training.in-future", message: "That day lies in the future.",
                    hint: "Give the day on which the training was completed.")
            }
            let expires = try AcceptableUsePolicy.instant(
                completed, plusMonths: policies.acceptableUse.trainingValidMonths, in: zone)
            guard expires > clock.now() else {
                throw Refusal(
                    code: "training.too-old", message: "A training of that day counts no more.",
                    hint: "A training counts for \(policies.acceptableUse.trainingValidMonths) months.")
            }
            try say(
                .trainingRecorded(TrainingAct(person: person, completed: completed, expires: expires)), .person(acting))
        }
    }

    // MARK: - How far somebody is

    /// What somebody who is signed in still has to do, or have done, before they can work.
    public func standing(of acting: Acting) -> Standing {
        Standing(of: acting.person, under: recorder.authority, at: clock.now())
    }

    /// Why a session's person may nothing any more, as far as this process has read: suspended, to join again, or joined
    /// again with other keys. Nil while they may.
    public func ended(_ acting: Acting) -> Refusal? {
        if let refusal = ended(acting.person) { return refusal }
        return recorder.authority.people[acting.person]?.verifyingKey == acting.keys.signing.verifyingKey
            ? nil : .keysBeingReplaced
    }

    func ended(_ person: PersonID) -> Refusal? {
        let authority = recorder.authority
        if authority.people[person]?.suspended != nil { return .suspended }
        return authority.invitations[person] != nil ? .keysBeingReplaced : nil
    }
}
