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
    /// How far they are.
    public let standing: Standing
    /// Since when they are suspended, where they are.
    public let suspended: Timestamp?
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
            intake: intakeID, abilities: policies.access.abilities, acceptableUse: policies.acceptableUse.version,
            twoPeople: policies.access.twoPersonRule, passkeyRoles: Set(policies.access.passkeyRequired),
            founder: new.act(wraps: wraps.map(\.0)))
        let authenticator = Base32.encode(new.made.keys.authenticator)
        let person = new.person
        let acting = try new.acting()
        try recorder.record([Draft(signer: .person(acting), items: items, act: .vaultFounded(act))], in: pool)
        founded = Vault.Founded(vault: vault, founder: person, authenticatorSecret: authenticator)
    }
}

/// The founding lead, with keys just made.
struct PersonToBe: ~Copyable {
    let person: PersonID
    let row: SealedItem
    let roles: Set<Role>
    let name: String
    let nameTag: [UInt8]
    let made: MadeKeys

    init(
        name: String, password: String, roles: Set<Role>, vault: VaultID, policies: Policies, secrets: SecretFiles
    ) throws {
        let person = PersonID.random()
        let row = try Vault.sealedName(name, of: person, vault, secrets)
        made = try MadeKeys(of: person, password: password, vault: vault, policies: policies, secrets: secrets)
        self.person = person
        self.row = row
        self.name = name
        self.roles = roles
        nameTag = KeyedHash.tag(Vault.signInName(name), key: secrets.tags)
    }

    var items: [SealedItem] { made.items + [row] }

    /// An identity's secret sealed to this person.
    borrowing func wrap(
        _ secret: borrowing HybridIdentity, _ id: IdentityID, vault: VaultID?
    ) throws -> (WrapEdge, SealedItem) {
        try Vault.wrap(secret, id, to: made.keys.identity.recipient, holder: made.identity, vault: vault)
    }

    borrowing func act(wraps: [WrapEdge]) -> PersonAct {
        PersonAct(
            person: person, identity: made.identity, verifyingKey: made.keys.signing.verifyingKey.rawRepresentation,
            nameTag: nameTag, roles: roles, keybox: made.keybox, row: row.item.id, wraps: wraps)
    }

    /// As who signs their own founding statement.
    consuming func acting() throws -> Acting {
        try made.acting(as: person, name: name, roles: roles)
    }
}

/// Keys just made, in a keybox under their person's own password.
struct MadeKeys: ~Copyable {
    let identity: IdentityID
    let keybox: ItemID
    let keys: PersonKeys
    /// The recipient, and the keybox.
    let items: [SealedItem]

    init(of person: PersonID, password: String, vault: VaultID, policies: Policies, secrets: SecretFiles) throws {
        let (identity, keybox) = (IdentityID.random(), ItemID.random())
        let keys = try PersonKeys.generate()
        let box = try Keybox.seal(
            keys.secret(), password: Vault.password(password), serverSecret: secrets.server,
            hashing: policies.sessions.hashing, context: Vault.rowContext(vault, "keybox", person.bytes))
        items = [
            SealedItem(identity.shared(as: Kind.Item.self), .recipient, keys.identity.recipient.rawRepresentation),
            SealedItem(keybox, .keybox, box),
        ]
        self.identity = identity
        self.keybox = keybox
        self.keys = keys
    }

    /// As who signs the statement that brings them.
    consuming func acting(as person: PersonID, name: String, roles: Set<Role>) throws -> Acting {
        Acting(
            person: person, name: name, roles: roles, session: .random(), keys: keys, memory: SessionMemory(),
            sessionKey: try SessionKey.random())
    }
}

extension Vault {
    // MARK: - Signing in

    /// Signs a person in by name, password and a passkey; as ``signIn(name:password:code:from:)``.
    public func signIn(
        name: String, password: String, passkey: PasskeyAnswer, from origin: SignInOrigin
    ) throws(VaultError) -> Acting {
        try signIn(name: name, password: password, with: .passkey(passkey), from: origin)
    }

    /// Signs a person in by name, password and authenticator code, or one of their recovery codes.
    ///
    /// An unknown name, a wrong password and a wrong code look and take the same. Recorded; durable on return. What the
    /// person may then do is for `standing(of:)` to say.
    /// - Parameters:
    ///   - code: six digits, or a recovery code; not looked at while the authenticator is not set up.
    ///   - origin: where it is tried from: failures slow that place, and others less.
    /// - Throws: a refusal `passkey.needed` for a right code of somebody whose role signs in by passkey, and who has one; on
    ///   the server itself a code still counts.
    public func signIn(
        name: String, password: String, code: String, from origin: SignInOrigin = .console
    ) throws(VaultError) -> Acting {
        try signIn(name: name, password: password, with: .code(code), from: origin)
    }

    private func signIn(
        name: String, password: String, with factor: SecondFactor, from origin: SignInOrigin
    ) throws(VaultError) -> Acting {
        try rethrowing("sign-in") {
            let authority = try recorder.read(pool) { _, head in head.authority }
            let tag = KeyedHash.tag(Self.signInName(name), key: secrets.tags)
            let person = authority.peopleByTag[tag].flatMap { authority.people[$0] }
            let now = clock.monotonic()
            if let seconds = failures.wait(tag, from: origin, now: now) {
                throw VaultError.tooManyTries(retryAfterSeconds: seconds)
            }
            guard let acting = try open(person, password: password), let used = try use(factor, acting, from: origin)
            else {
                failures.failed(tag, person?.id, from: origin, now: now)
                flushFailures(force: false)
                throw VaultError.signInFailed
            }
            flushFailures(force: false)
            // Told only to who has password and code: to anybody else this account is like any other. Asked after the hash,
            // which takes long enough for somebody to be suspended meanwhile.
            if let refusal = ended(acting.person) { throw refusal }
            try recorder.record(
                raising(acting, password: password)
                    + ((used.recoveryCode.map { [Act.recoveryCodeUsed(number: $0)] } ?? []) + [
                        .signedIn(acting.session)
                    ])
                    .map { Draft(signer: .person(acting), act: $0) }, in: pool)
            acting.memory.with { $0.codeGiven = now }
            return acting
        }
    }

    /// The token of a browser in which a person has signed in: it says so to the next sign-in there, and no more. It holds no
    /// name, and a keyed hash that only this server makes.
    public func deviceToken(of acting: Acting) -> String {
        let device = Randomness.bytes(16)
        let tag = recorder.authority.people[acting.person]?.nameTag ?? []
        return Base64.encode(device + KeyedHash.tag(Self.deviceLabel + tag + device, key: secrets.tags))
    }

    /// Where a sign-in under a name is tried from: a browser known by its token for that name, else an address.
    public func origin(deviceToken: String?, name: String, address: String) -> SignInOrigin {
        guard let token = deviceToken.flatMap({ Base64.decode($0) }), token.count == 48 else {
            return .address(address)
        }
        let (device, mark) = (Array(token.prefix(16)), Array(token.suffix(32)))
        let tag = KeyedHash.tag(Self.signInName(name), key: secrets.tags)
        let expected = KeyedHash.tag(Self.deviceLabel + tag + device, key: secrets.tags)
        return equalInConstantTime(mark, expected) ? .known(device: device) : .address(address)
    }

    private static let deviceLabel = Array("strongroom/v1/known-device\n".utf8)

    /// Whether a person's authenticator has to give a code again before an act that gives access or keys.
    public func needsCode(_ acting: Acting) -> Bool {
        let now = clock.monotonic()
        return acting.memory.with { $0.codeGiven.map { now.nanoseconds(since: $0) > Self.codeCounts } ?? true }
    }

    /// For how long a code counts, in nanoseconds: five minutes.
    private static let codeCounts: UInt64 = 300_000_000_000

    /// Takes a code of the person's authenticator, for the acts that need one not older than five minutes.
    ///
    /// - Throws: a refusal `code.wrong`; too many wrong ones slow the account as at sign-in.
    public func giveCode(_ code: String, as acting: Acting) throws(VaultError) {
        try rethrowing("code") {
            let now = try tryFactor(acting, otherwise: .codeWrong) { try isCurrent(code, acting) }
            if signsInByPasskey(acting.person) { throw Refusal.passkeyNeeded }
            acting.memory.with { $0.codeGiven = now }
        }
    }

    /// When something that proves a signed-in person was found right; a wrong one counts as a failed sign-in of theirs, from
    /// this session.
    func tryFactor(_ acting: Acting, otherwise refusal: Refusal, _ isRight: () throws -> Bool) throws -> MonotonicTime {
        if let refusal = ended(acting) { throw refusal }
        let now = clock.monotonic()
        let tag = recorder.authority.people[acting.person]?.nameTag ?? []
        let origin = SignInOrigin.known(device: acting.session.bytes)
        if let seconds = failures.wait(tag, from: origin, now: now) {
            throw VaultError.tooManyTries(retryAfterSeconds: seconds)
        }
        guard try isRight() else {
            failures.failed(tag, acting.person, from: origin, now: now)
            flushFailures(force: false)
            throw refusal
        }
        return now
    }

    /// Whether somebody's role signs in by passkey, and they have one.
    private func signsInByPasskey(_ id: PersonID) -> Bool {
        let authority = recorder.authority
        return authority.people[id].map { !$0.passkeys.isEmpty && authority.requiresPasskey($0.roles) } ?? false
    }

    func requireCode(_ acting: Acting) throws {
        guard !needsCode(acting) else { throw Refusal.codeNeeded }
    }

    // MARK: - Hiding the screen

    /// Hides a session: nothing is given to it until its person types their password.
    ///
    /// - Parameter place: the page to come back to.
    public func hide(_ acting: Acting, at place: String) { acting.memory.with { $0.hiddenAt = place } }

    /// Where a hidden session was hidden; nil while it is not.
    public func hiddenPlace(of acting: Acting) -> String? { acting.memory.with { $0.hiddenAt } }

    /// Shows a hidden session again; gives the page it was hidden at. Takes one password hash.
    ///
    /// - Throws: `.signInFailed` for a wrong password; too many slow the account as at sign-in.
    public func reveal(_ acting: Acting, password: String) throws(VaultError) -> String {
        try rethrowing("reveal") {
            let now = clock.monotonic()
            guard let person = recorder.authority.people[acting.person] else { throw VaultError.notFound }
            let origin = SignInOrigin.known(device: acting.session.bytes)
            if let seconds = failures.wait(person.nameTag, from: origin, now: now) {
                throw VaultError.tooManyTries(retryAfterSeconds: seconds)
            }
            guard try open(person, password: password) != nil else {
                failures.failed(person.nameTag, person.id, from: origin, now: now)
                flushFailures(force: false)
                throw VaultError.signInFailed
            }
            return show(acting)
        }
    }

    /// The page at which the session was hidden, which it no longer is.
    func show(_ acting: Acting) -> String {
        acting.memory.with { memory in
            defer { memory.hiddenAt = nil }
            return memory.hiddenAt ?? "/"
        }
    }

    /// Ends a session: readings that are open are closed, and what it remembered is gone.
    public func signOut(_ acting: Acting) throws(VaultError) {
        try rethrowing("sign-out") {
            try closeReadings(of: acting)
            lookedAt.drop(acting.session)
            try say(.signedOut(acting.session), .person(acting))
        }
    }

    func open(_ person: PersonState?, password: String) throws -> Acting? {
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
                person: person.id, name: name, roles: person.roles, session: .random(), keys: keys,
                memory: SessionMemory(),
                sessionKey: try SessionKey.random())
        } catch SealingError.passwordOrKeyWrong {
            return nil
        }
    }

    /// What came of a code that is right: the number of the recovery code that it was, where it was one.
    private struct UsedCode {
        var recoveryCode: UInt64?
    }

    /// Nil for a wrong code, or one that was used. An authenticator's code is used up by this, durably; a recovery code by
    /// the statement that the caller makes.
    private func use(_ factor: SecondFactor, _ acting: Acting, from origin: SignInOrigin) throws -> UsedCode? {
        guard let person = recorder.authority.people[acting.person] else { return nil }
        if !person.enrolled { return UsedCode() }
        let code: String
        switch factor {
        case .passkey(let answer): return try isPasskey(answer, of: acting) ? UsedCode() : nil
        case .code(let given): code = given
        }
        if try isCurrent(code, acting) {
            guard origin == .console || !signsInByPasskey(acting.person) else { throw Refusal.passkeyNeeded }
            return UsedCode()
        }
        guard let number = try RecoveryCodes.number(of: code, acting.keys.authenticator),
            !person.recoveryCodesUsed.contains(number)
        else { return nil }
        return UsedCode(recoveryCode: number)
    }

    /// This step or the one before, each once.
    func isCurrent(_ code: String, _ acting: Acting) throws -> Bool {
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
        let due = failures.due(now: clock.monotonic(), force: force)
        guard !due.isEmpty else { return }
        _ = try? recorder.record(
            due.map { Draft(signer: .service, act: .signInFailed($0.0, count: $0.1)) }, in: pool)
    }

    // MARK: - People

    /// Everyone, invited or joined, by name.
    public func people(as acting: Acting) throws(VaultError) -> [PersonListing] {
        try rethrowing("people") {
            _ = try decide(.managePeople, acting)
            let now = clock.now()
            return try recorder.read(pool) { db, head in try listed(db, head.authority, at: now) }
        }
    }

    /// Everyone, invited or joined, by name.
    func listed(_ db: Database, _ authority: Authority, at now: Timestamp) throws -> [PersonListing] {
        let joined = authority.people.values.filter { authority.stations[$0.id] == nil }
        let invited = authority.invitations.values.filter { authority.people[$0.person] == nil }
        let all =
            joined.map { ($0.id, $0.row, authority.invitations[$0.id]?.roles ?? $0.roles) }
            + invited.map { ($0.person, $0.row, $0.roles) }
        return try all.map { id, row, roles in
            PersonListing(
                id: id, name: try name(of: id, row, db), roles: roles,
                standing: Standing(of: id, under: authority, at: now), suspended: authority.suspended(id))
        }.sorted { ($0.name, $0.id) < ($1.name, $1.id) }
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
