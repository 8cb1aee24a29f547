import Foundation
import GRDB
public import Records
import Sealing

/// A person as a list shows them.
public struct PersonListing: Hashable, Sendable {
    /// Who.
    public let id: PersonID
    /// Their name.
    public let name: String
    /// Their roles.
    public let roles: Set<Role>
    /// Whether they finished their first sign-in.
    public let enrolled: Bool
    /// Since when they are suspended, where they are.
    public let suspended: Timestamp?
}

/// A person just added.
public struct NewPerson: Sendable {
    /// Who.
    public let id: PersonID
    /// For the first sign-in alone; shown once.
    public let oneTimePassword: String
}

/// What a sign-in came to.
public enum SignIn: Sendable {
    /// The first sign-in, with a one-time password: `Vault.enrol` is all that is possible.
    case enrolment(Acting)
    /// Signed in.
    case ready(Acting)
}

/// Makes a vault's first statement.
struct Founding {
    let founded: Vault.Founded

    init(
        name: String, password: String, policies: Policies, secrets: SecretFiles, recorder: Recorder,
        pool: DatabasePool
    ) throws {
        let vault = VaultID.random()
        let register = try HybridIdentity.generate()
        let team = try HybridIdentity.generate()
        let intake = try HybridIdentity.generate()
        let registerID = IdentityID.random()
        let teamID = IdentityID.random()
        let intakeID = IdentityID.random()
        let new = try PersonToBe(
            name: name, password: password, roles: [.dsl], vault: vault, policies: policies, secrets: secrets)
        var items = new.items
        for (id, recipient) in [
            (registerID, register.recipient), (teamID, team.recipient), (intakeID, intake.recipient),
        ] {
            items.append(SealedItem(id.shared(as: Kind.Item.self), .recipient, recipient.rawRepresentation))
        }
        let wraps = [
            try new.wrap(register, registerID, vault: vault), try new.wrap(team, teamID, vault: vault),
            try new.wrap(intake, intakeID, vault: vault),
        ]
        items += wraps.map(\.1)
        let act = FoundingAct(
            vault: vault, origin: "strongroom.invalid/\(vault.text)",
            serviceKey: secrets.service.verifyingKey.rawRepresentation,
            checkpointKey: secrets.checkpoint.verifyingKey.rawRepresentation, register: registerID, team: teamID,
            intake: intakeID, abilities: policies.access.abilities, founder: new.act(wraps: wraps.map(\.0)))
        let authenticator = Base32.encode(new.keys.authenticator)
        let person = new.person
        let acting = try new.acting()
        try recorder.record([Draft(signer: .person(acting), items: items, act: .vaultFounded(act))], in: pool)
        founded = Vault.Founded(vault: vault, founder: person, authenticatorSecret: authenticator)
    }
}

/// A person whose keys were just made.
struct PersonToBe: ~Copyable {
    let person: PersonID
    let identity = IdentityID.random()
    let keybox = ItemID.random()
    let row: ItemID
    let roles: Set<Role>
    let name: String
    let keys: PersonKeys
    let nameTag: [UInt8]
    let items: [SealedItem]

    init(
        name: String, password: String, roles: Set<Role>, vault: VaultID, policies: Policies, secrets: SecretFiles
    ) throws {
        let keys = try PersonKeys.generate()
        let person = PersonID.random()
        let row = ItemID.random()
        let box = try Keybox.seal(
            keys.secret(), password: Vault.password(password), serverSecret: secrets.server,
            hashing: policies.sessions.hashing, context: Vault.rowContext(vault, "keybox", person.bytes))
        let sealedName = try SealedRow.seal(
            Detail(values: ["name": name]).encoded, key: secrets.directory, row: row.bytes,
            associatedData: Vault.rowContext(vault, "person-row", person.bytes))
        self.name = name
        self.roles = roles
        self.person = person
        self.row = row
        nameTag = KeyedHash.tag(Vault.signInName(name), key: secrets.tags)
        items = [
            SealedItem(
                identity.shared(as: Kind.Item.self), .recipient, keys.identity.recipient.rawRepresentation),
            SealedItem(keybox, .keybox, box), SealedItem(row, .personRow, sealedName),
        ]
        self.keys = keys
    }

    /// An identity's secret sealed to this person.
    borrowing func wrap(
        _ secret: borrowing HybridIdentity, _ id: IdentityID, vault: VaultID?
    ) throws -> (WrapEdge, SealedItem) {
        try Vault.wrap(secret, id, to: keys.identity.recipient, holder: identity, vault: vault)
    }

    borrowing func act(wraps: [WrapEdge]) -> PersonAct {
        PersonAct(
            person: person, identity: identity, verifyingKey: keys.signing.verifyingKey.rawRepresentation,
            nameTag: nameTag, roles: roles, keybox: keybox, row: row, wraps: wraps)
    }

    /// As who signs their own founding statement.
    consuming func acting() throws -> Acting {
        let state = PersonState(
            id: person, identity: identity, verifyingKey: keys.signing.verifyingKey, nameTag: nameTag, roles: roles,
            row: row, keybox: keybox, enrolled: true)
        return Acting(
            person: state, name: name, session: .random(), keys: keys, memory: SessionMemory(),
            sessionKey: try SessionKey.random())
    }
}

extension Vault {
    // MARK: - Signing in

    /// Signs a person in by name, password and authenticator code.
    ///
    /// An unknown name, a wrong password and a wrong code look and take the same. Recorded; durable on return.
    /// - Parameter code: six digits; not looked at on a first sign-in.
    public func signIn(name: String, password: String, code: String) throws(VaultError) -> SignIn {
        try rethrowing("sign-in") {
            let authority = try recorder.read(pool) { _, head in head.authority }
            let tag = KeyedHash.tag(Self.signInName(name), key: secrets.tags)
            let person = authority.peopleByTag[tag].flatMap { authority.people[$0] }
            let now = clock.monotonicNanoseconds()
            if let seconds = failures.wait(tag, now: now) {
                throw VaultError.tooManyTries(retryAfterSeconds: seconds)
            }
            guard let acting = try open(person, password: password), try checkCode(code, acting) else {
                failures.failed(tag, person?.id, now: now)
                flushFailures(force: false)
                throw VaultError.signInFailed
            }
            flushFailures(force: false)
            // Told only to who has password and code: to anybody else this account is like any other. Asked after the hash,
            // which takes long enough for somebody to be suspended meanwhile.
            guard !isSuspended(acting) else { throw Refusal.suspended }
            try say(.signedIn(acting.session), .person(acting))
            return acting.mustEnrol ? .enrolment(acting) : .ready(acting)
        }
    }

    /// Finishes a first sign-in: the person's own password seals their keys from now on.
    ///
    /// - Parameter code: from the authenticator that was just set up.
    public func enrol(_ acting: Acting, newPassword: String, code: String) throws(VaultError) {
        try rethrowing("enrol") {
            guard acting.mustEnrol, let state = recorder.authority.people[acting.person], !state.enrolled else {
                throw Refusal(
                    code: "enrol.done", message: "The first sign-in is finished already.", hint: "Sign in.")
            }
            try Self.checkPassword(newPassword, name: acting.name, policies: policies)
            guard try isCurrent(code, acting) else {
                throw Refusal(
                    code: "enrol.code", message: "The code is not the one the authenticator should show now.",
                    hint: "Check that the secret was entered correctly and that the phone's clock is right.")
            }
            let keybox = ItemID.random()
            let box = try hashGate.run {
                try Keybox.seal(
                    acting.keys.secret(), password: Self.password(newPassword), serverSecret: secrets.server,
                    hashing: policies.sessions.hashing, context: rowContext("keybox", acting.person.bytes))
            }
            try recorder.record(
                [
                    Draft(
                        signer: .person(acting), items: [SealedItem(keybox, .keybox, box)],
                        act: .personEnrolled(acting.person, keybox: keybox))
                ], in: pool)
            // Whoever else signed in with the one-time password sees nothing more.
            try endSessions(.of(acting.person, except: nil))
        }
    }

    /// The secret for the person's authenticator, BASE32: only while their first sign-in is unfinished.
    public func authenticatorSecret(of acting: Acting) -> String? {
        recorder.authority.people[acting.person]?.enrolled == false ? Base32.encode(acting.keys.authenticator) : nil
    }

    /// Ends a session: readings that are open are closed, and what it remembered is gone.
    public func signOut(_ acting: Acting) throws(VaultError) {
        try rethrowing("sign-out") {
            try closeReadings(of: acting)
            try say(.signedOut(acting.session), .person(acting))
        }
    }

    private func open(_ person: PersonState?, password: String) throws -> Acting? {
        let hashing = policies.sessions.hashing
        guard let person else {
            // The same work as for a person, on a box that opens for nobody.
            let nobody = [UInt8](repeating: 0, count: PersonKeys.byteCount)
            _ = try hashGate.run {
                try Keybox.seal(
                    SecretBytes(copying: nobody), password: Self.password(password), serverSecret: secrets.server,
                    hashing: hashing, context: [])
            }
            return nil
        }
        let (box, name) = try pool.read { db in (try item(person.keybox, db), try self.name(of: person, db)) }
        do {
            let secret = try hashGate.run {
                try Keybox.open(
                    box, password: Self.password(password), serverSecret: secrets.server,
                    bounds: .init(minimum: SessionPolicy.leastHashing, maximum: SessionPolicy.mostHashing),
                    context: rowContext("keybox", person.id.bytes))
            }
            let keys = try PersonKeys(secret)
            guard keys.signing.verifyingKey == person.verifyingKey else {
                throw VaultError.tampered(code: "keybox.other-key")
            }
            return Acting(
                person: person, name: name, session: .random(), keys: keys, memory: SessionMemory(),
                sessionKey: try SessionKey.random())
        } catch SealingError.passwordOrKeyWrong {
            return nil
        }
    }

    private func checkCode(_ code: String, _ acting: Acting) throws -> Bool {
        if acting.mustEnrol { return true }
        return try isCurrent(code, acting)
    }

    /// This step or the one before, each once.
    private func isCurrent(_ code: String, _ acting: Acting) throws -> Bool {
        let digits = Array(code.utf8.filter { $0 != UInt8(ascii: " ") })
        let step = UInt64(max(clock.now().milliseconds, 0)) / 30_000
        for candidate in [step, step - 1] {
            let wanted = Array(OneTimeCode.code(secret: acting.keys.authenticator, step: candidate).utf8)
            if equalInConstantTime(digits, wanted) {
                return try workspace.use(step: candidate, of: acting.person)
            }
        }
        return false
    }

    /// Says the failures that are due; a failure to say them is not a reason to fail anything else.
    func flushFailures(force: Bool) {
        let due = failures.due(now: clock.monotonicNanoseconds(), force: force)
        guard !due.isEmpty else { return }
        _ = try? recorder.record(
            due.map { Draft(signer: .service, act: .signInFailed($0.0, count: $0.1)) }, in: pool)
    }

    // MARK: - People

    /// Everyone, by name.
    public func people(as acting: Acting) throws(VaultError) -> [PersonListing] {
        try rethrowing("people") {
            _ = try decide(.managePeople, acting)
            return try recorder.read(pool) { db, head in
                try head.authority.people.values.filter { head.authority.stations[$0.id] == nil }.map { person in
                    PersonListing(
                        id: person.id, name: try name(of: person, db), roles: person.roles, enrolled: person.enrolled,
                        suspended: person.suspended)
                }.sorted { ($0.name, $0.id) < ($1.name, $1.id) }
            }
        }
    }

    /// Adds a person with a one-time password and the keys that their roles need. Durable on return.
    public func addPerson(name: String, roles: Set<Role>, as acting: Acting) throws(VaultError) -> NewPerson {
        try rethrowing("person-add") {
            _ = try decide(.managePeople, acting)
            let name = try Self.checkedName(name)
            guard !roles.isEmpty, !roles.contains(.station) else {
                throw Refusal(
                    code: "person.no-role", message: "A person needs at least one role.",
                    hint: "Choose one of: \(Role.ofPeople.map(\.rawValue).joined(separator: ", ")).")
            }
            guard let vault = recorder.vault, let founding = recorder.authority.founding else {
                throw VaultError.notFound
            }
            let password = Crockford.grouped(Crockford.encode(Randomness.bytes(15)))
            let new = try hashGate.run {
                try PersonToBe(
                    name: name, password: password, roles: roles, vault: vault, policies: policies, secrets: secrets)
            }
            guard recorder.authority.peopleByTag[new.nameTag] == nil else {
                throw Refusal(
                    code: "person.name-taken", message: "Somebody signs in with that name already.",
                    hint: "Add an initial, so that each name is one person's.")
            }
            let abilities = recorder.authority.abilities
            var wraps: [(WrapEdge, SealedItem)] = []
            try pool.read { db in
                if abilities.allow(.file, to: roles) || abilities.allow(.read, to: roles) {
                    wraps.append(
                        try new.wrap(open(founding.register, as: acting, db), founding.register, vault: vault))
                }
                if abilities.allow(.read, to: roles) {
                    wraps.append(try new.wrap(open(founding.team, as: acting, db), founding.team, vault: vault))
                }
                if abilities.allow(.seeIntake, to: roles) {
                    wraps.append(try new.wrap(open(founding.intake, as: acting, db), founding.intake, vault: vault))
                }
            }
            try recorder.record(
                [
                    Draft(
                        signer: .person(acting), items: new.items + wraps.map(\.1),
                        act: .personAdded(new.act(wraps: wraps.map(\.0))))
                ], in: pool)
            return NewPerson(id: new.person, oneTimePassword: password)
        }
    }

    static func wrap(
        _ secret: borrowing HybridIdentity, _ id: IdentityID, to recipient: HybridRecipient, holder: IdentityID,
        vault: VaultID?
    ) throws -> (WrapEdge, SealedItem) {
        let edge = WrapEdge(item: .random(), identity: id, holder: holder)
        let bytes = try Wrap.seal(secret.seedCopy(), context: wrapContext(vault, edge), to: recipient)
        return (edge, SealedItem(edge.item, .wrap, bytes))
    }

    // MARK: - Names and passwords

    /// A name as it is compared: without case, repeated spaces or differing composition.
    static func signInName(_ name: String) -> [UInt8] {
        let words = name.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return Array(words.precomposedStringWithCompatibilityMapping.lowercased().utf8)
    }

    static func checkedName(_ name: String) throws -> String {
        let name = name.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        guard (2...100).contains(name.count) else {
            throw Refusal(
                code: "person.name", message: "A name has 2 to 100 characters.", hint: "Write first name and surname.")
        }
        return name
    }

    /// A password's bytes: UTF-8, NFC, so that every keyboard writes the same.
    static func password(_ text: String) throws -> SecretBytes {
        try SecretBytes(copying: Array(text.precomposedStringWithCanonicalMapping.utf8))
    }

    /// Refuses a password that is short, common, or made of the person's or the school's name.
    static func checkPassword(_ password: String, name: String, policies: Policies) throws {
        let least = policies.sessions.passwordMinimumCharacters
        guard password.count >= least, password.utf8.count <= 1024 else {
            throw Refusal(
                code: "password.short", message: "The password has fewer than \(least) characters.",
                hint: "Three or four unrelated words make a long password that is easy to remember.")
        }
        let plain = password.lowercased().filter { $0.isLetter || $0.isNumber }
        let context = (name + " " + policies.school.name + " strongroom safeguarding password qwertyuiop letmein")
            .lowercased().split(whereSeparator: { !$0.isLetter }).map(String.init).filter { $0.count > 3 }
        var rest = plain
        for word in context { rest = rest.replacingOccurrences(of: String(word), with: "") }
        guard Set(plain).count >= 6, rest.filter(\.isLetter).count >= 6 || rest.count >= 10 else {
            throw Refusal(
                code: "password.common",
                message: "The password is a common one, or made of your own or the school's name.",
                hint: "Three or four unrelated words make a long password that is easy to remember.")
        }
    }
}

/// RFC 4648 base32 without padding, as authenticator apps take it.
enum Base32 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")

    static func encode(_ secret: borrowing SecretBytes) -> String {
        secret.withBytes { bytes in
            var out = ""
            var held = 0
            var bits = 0
            for byte in bytes {
                held = held << 8 | Int(byte)
                bits += 8
                while bits >= 5 {
                    bits -= 5
                    out.append(alphabet[held >> bits & 31])
                }
                held &= (1 << bits) - 1
            }
            if bits > 0 { out.append(alphabet[held << (5 - bits) & 31]) }
            return out
        }
    }
}
