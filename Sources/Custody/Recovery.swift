import GRDB
public import Records
import Sealing

// The recovery key: made, split and shown once; tried in a drill; used where no lead is left.
// - A share is compared with its commitment in the ledger before it is put together with others: so a wrong one is named,
//   and one that asks for years of work costs nothing.
// - What the shares give is believed only if its recipient and its signing key are the committed ones.
// - A drill opens no wrap. Shares and seed are kept nowhere.

/// One holder's sheet of paper. Shown once.
public struct RecoverySheet: Sendable {
    /// From 1.
    public let number: Int
    /// How many of the sheets are needed.
    public let threshold: Int
    /// Who keeps it.
    public let holder: String
    /// The share: 33 words with single spaces.
    public let words: String
}

/// The recovery key that was made last.
public struct RecoveryListing: Hashable, Sendable {
    /// Whether all is well with it, and if not, what is to be done.
    public enum Standing: String, Hashable, Sendable {
        /// Its shares were shown to open it within the last 365 days.
        case proven
        /// No drill was done yet.
        case untried
        /// The last drill is too long ago.
        case overdue
        /// It was used: new shares are due.
        case used
    }

    /// How many sheets open it.
    public let threshold: Int
    /// Who keeps sheet 1, 2 and so on.
    public let holders: [String]
    /// When it was made.
    public let made: Timestamp
    /// When a drill last showed that the sheets open it.
    public let drilled: Timestamp?
    /// When it was used.
    public let used: Timestamp?
    /// Who became lead by it.
    public let lead: String?
    /// Whether all is well with it.
    public let standing: Standing
}

/// What is wrong with one of some sheets' words, or with all of them together.
public struct SheetFault: Hashable, Sendable {
    /// Which of the texts, from 1; nil where it is about all.
    public let place: Int?
    /// What is wrong, and what to do.
    public let refusal: Refusal
}

/// What came of a drill: it was passed and recorded where there is no fault.
public struct RecoveryDrill: Hashable, Sendable {
    /// The numbers of the sheets that took part, rising.
    public let sheets: [Int]
    /// What was wrong.
    public let faults: [SheetFault]
}

/// What came of a recovery.
public struct Recovered: Sendable {
    /// The lead, signed in; their authenticator is still to be set up.
    public let acting: Acting
    /// The leads who were suspended by it.
    public let suspended: [String]
}

extension Vault {
    // MARK: - How it stands

    static func recoverySigningKey(_ secret: borrowing HybridIdentity) throws -> SigningKey {
        let seed: DetailKey = try KeyedHash.derive(DetailKey(secret.seedCopy()), label: "strongroom/v1/recovery")
        return try SigningKey(seed: seed.secretCopy())
    }

    /// The recovery key that was made last; nil where there is none. For who runs the server, or gives access.
    public func recoveryState() throws(VaultError) -> RecoveryListing? {
        try rethrowing("recovery") {
            try recorder.read(pool) { db, head in
                guard let state = head.authority.recoveries.last else { return nil }
                let holders = try holders(in: state.row, of: state.identity, count: state.shares.count, db)
                let standing: RecoveryListing.Standing =
                    state.used != nil
                    ? .used
                    : state.isProven(at: clock.now()) ? .proven : state.drilled == nil ? .untried : .overdue
                return RecoveryListing(
                    threshold: state.threshold, holders: holders,
                    made: state.made, drilled: state.drilled, used: state.used?.time,
                    lead: try state.used.flatMap { head.authority.people[$0.person] }.map { try name(of: $0, db) },
                    standing: standing)
            }
        }
    }

    /// The words that stand for the key that the vault was founded with: they are on every sheet, so that nobody gives
    /// theirs to another vault.
    public var foundingWords: [String] {
        let authority = recorder.authority
        guard let founding = authority.founding,
            let key = VerifyingKey(rawRepresentation: founding.founder.verifyingKey),
            let recipient = authority.items[founding.founder.identity.shared(as: Kind.Item.self)]?.digest
        else { return [] }
        let digest = fingerprint(
            vault: founding.vault, person: founding.founder.person, identity: founding.founder.identity,
            recipient: recipient, verifyingKey: key)
        return ShareWords.phrase(of: digest.bytes, words: 8)
    }

    // MARK: - Reading sheets

    /// A share that is one of those in force.
    private struct KnownShare {
        let place: Int
        let number: Int
        let share: SecretShare
    }

    /// What is wrong with sheets' words, as typed; those that are empty are passed over. Opens nothing.
    public func faults(inSheets texts: [String]) throws(VaultError) -> [SheetFault] {
        try rethrowing("recovery") {
            let authority = try recorder.read(pool) { _, head in head.authority }
            return try Self.read(texts, Self.inForce(authority), authority).faults
        }
    }

    private static func inForce(_ authority: Authority) throws -> RecoveryState {
        guard let state = authority.recoveryInForce else {
            throw authority.recoveries.isEmpty ? Refusal.recoveryNone : Refusal.recoveryUsed
        }
        return state
    }

    private static func read(
        _ texts: [String], _ state: RecoveryState, _ authority: Authority
    ) -> (shares: [KnownShare], faults: [SheetFault]) {
        var known: [KnownShare] = []
        var faults: [SheetFault] = []
        for (place, text) in zip(1..., texts) where text.contains(where: { !$0.isWhitespace }) {
            do throws(SecretShareError) {
                let share = try SecretShare(words: text)
                if let number = state.shares.firstIndex(of: share.commitment).map({ $0 + 1 }) {
                    if let first = known.first(where: { $0.number == number }) {
                        faults.append(SheetFault(place: place, refusal: .sheetTwice(number, first: first.place)))
                    } else {
                        known.append(KnownShare(place: place, number: number, share: share))
                    }
                } else {
                    let older = authority.recoveries.last { $0.shares.contains(share.commitment) }
                    faults.append(SheetFault(place: place, refusal: .sheetOfAnother(older?.made)))
                }
            } catch {
                faults.append(SheetFault(place: place, refusal: .sheet(error)))
            }
        }
        let given = texts.count { $0.contains { !$0.isWhitespace } }
        let missing = state.threshold - given
        if missing > 0 { faults.append(SheetFault(place: nil, refusal: .sheetsMissing(missing, state.threshold))) }
        return (known, faults)
    }

    /// The recovery identity from as many shares as are needed, if it is the committed one.
    private func recoveryIdentity(
        _ shares: [SecretShare], _ state: RecoveryState, _ db: Database
    ) throws -> HybridIdentity {
        let identity = try HybridIdentity(seed: SecretSharing.combine(shares))
        guard try identity.recipient == recipient(of: state.identity, db),
            try Self.recoverySigningKey(identity).verifyingKey == state.verifyingKey
        else { throw VaultError.tampered(code: "recovery.other-identity") }
        return identity
    }

    private static func areEnough(_ shares: [SecretShare]) -> Bool {
        do throws(SecretShareError) {
            _ = try SecretSharing.combine(shares)
            return true
        } catch {
            return false
        }
    }

    // MARK: - The drill

    /// Shows that sheets open the recovery key, and that one fewer does not; opens nothing with it. Each sheet given takes
    /// part. Recorded where there is no fault; durable on return.
    ///
    /// - Parameter sheets: their words as typed, in any order; empty ones are passed over.
    /// - Throws: a refusal `recovery.none` or `recovery.used` where there is no recovery key to try.
    public func drillRecovery(sheets texts: [String], as acting: Acting) throws(VaultError) -> RecoveryDrill {
        try rethrowing("recovery-drill") {
            _ = try decide(.giveAccess, acting)
            let authority = try recorder.read(pool) { _, head in head.authority }
            let state = try Self.inForce(authority)
            let (known, faults) = Self.read(texts, state, authority)
            guard faults.isEmpty else { return RecoveryDrill(sheets: [], faults: faults) }
            let fewer = known.prefix(state.threshold - 1).map(\.share)
            try pool.read { db in
                for last in known[fewer.count...] {
                    _ = try recoveryIdentity(fewer + [last.share], state, db)
                }
            }
            guard !Self.areEnough(fewer) else { throw VaultError.tampered(code: "recovery.too-few") }
            let numbers = known.map(\.number).sorted()
            try say(
                .recoveryDrilled(RecoveryDrillAct(recovery: state.identity, shares: numbers.map { UInt64($0) })),
                .person(acting))
            return RecoveryDrill(sheets: numbers, faults: [])
        }
    }

    // MARK: - Where no lead is left

    /// Makes somebody safeguarding lead with the sheets of the recovery key, which is used up by this; every other lead is
    /// suspended. Recorded; durable on return. For who runs the server, with the holders beside them.
    ///
    /// - Parameters:
    ///   - name: of a lead who lost their keys, or of somebody new.
    ///   - password: the lead's own.
    /// - Throws: a refusal of the sheets, the name or the password.
    public func recover(
        sheets texts: [String], lead name: String, password: String
    ) throws(VaultError) -> Recovered {
        try rethrowing("recover") {
            let authority = try checkPolicy()
            let state = try Self.inForce(authority)
            let (known, faults) = Self.read(texts, state, authority)
            if let fault = faults.first { throw fault.refusal }
            let name = try Self.checkedName(name)
            try Self.checkPassword(password, name: name, policies: policies)
            let tag = KeyedHash.tag(Self.signInName(name), key: secrets.tags)
            let person = authority.peopleByTag[tag]
            let roles = person.flatMap { authority.invitations[$0]?.roles ?? authority.people[$0]?.roles } ?? [.dsl]
            guard roles.contains(.dsl), let vault = recorder.vault else { throw Refusal.recoveryNameTaken }
            let id = person ?? .random()
            let row = person == nil ? try Self.sealedName(name, of: id, vault, secrets) : nil
            let made = try hashGate.run {
                try MadeKeys(of: id, password: password, vault: vault, policies: policies, secrets: secrets)
            }
            let (identity, keybox, own) = (made.identity, made.keybox, made.items)
            let recipient = made.keys.identity.recipient
            let verifyingKey = made.keys.signing.verifyingKey.rawRepresentation
            let suspended = authority.leads(beside: id)
            let acting = try made.acting(as: id, name: name, roles: roles)
            let (drafts, names) = try pool.read { db in
                let secret = try recoveryIdentity(known.prefix(state.threshold).map(\.share), state, db)
                let edges = try authority.identities(for: roles).map { wanted in
                    let edge = authority.wraps[wanted]?.first { $0.holder == state.identity }
                    guard let edge else { throw VaultError.tampered(code: "recovery.wrap-missing") }
                    return try Self.wrap(
                        open(edge, with: secret, db), wanted, to: recipient, holder: identity, vault: vault)
                }
                let items = own + (row.map { [$0] } ?? []) + edges.map(\.1)
                let act = RecoveryUseAct(
                    recovery: state.identity, person: id, identity: identity, verifyingKey: verifyingKey,
                    keybox: keybox,
                    newcomer: row.map { .init(nameTag: tag, row: $0.item.id) }, wraps: edges.map(\.0),
                    suspended: suspended)
                let proof = try Self.recoverySigningKey(secret).signature(
                    for: act.signedBytes(vault: vault, items: items.map(\.item)))
                let names = try suspended.map { lead in
                    try (authority.people[lead]?.row ?? authority.invitations[lead]?.row).map {
                        try self.name(of: lead, $0, db)
                    } ?? ""
                }
                let restricted = try recoveredRestricted(
                    with: secret, to: (id, identity, recipient), without: suspended, acting, db)
                return (
                    [
                        Draft(signer: .person(acting), items: items, act: .recoveryUsed(act.signed(by: proof))),
                        Draft(signer: .person(acting), act: .signedIn(acting.session)),
                    ] + restricted, names
                )
            }
            try recorder.record(drafts, in: pool)
            for lead in suspended { try endSessions(.of(lead, except: nil)) }
            try endSessions(.of(id, except: nil))
            try giveUpUploads(of: id)
            return Recovered(acting: acting, suspended: names.sorted())
        }
    }
}

extension Refusal {
    static let recoveryNone = Refusal(
        code: "recovery.none", message: "There is no recovery key.",
        hint: "A safeguarding lead makes it, on the page Recovery key or with strongroom recover set.")
    static let recoveryUsed = Refusal(
        code: "recovery.used", message: "The recovery key was used, and counts no more.",
        hint: "A safeguarding lead makes new sheets, on the page Recovery key or with strongroom recover set.")
    static let recoveryHolders = Refusal(
        code: "recovery.holders", message: "The sheets go to 2 to 16 people, each named once.",
        hint: "Name three people who do not all leave or fall ill together.")
    static let recoveryThreshold = Refusal(
        code: "recovery.threshold", message: "That number of sheets cannot be asked for.",
        hint: "At least 2, and no more than there are people.")
    static let recoveryNameTaken = Refusal(
        code: "recovery.name-taken", message: "Somebody of that name is here, and was not a lead.",
        hint:
            "Give the new lead another name, such as with a middle name. They can suspend the other account afterwards."
    )

    static func sheetTwice(_ number: Int, first: Int) -> Refusal {
        Refusal(
            code: "recovery.sheet-twice", message: "This is sheet \(number) once more: it is given as number \(first).",
            hint: "Give the words of another sheet.")
    }

    static func sheetOfAnother(_ made: Timestamp?) -> Refusal {
        Refusal(
            code: "recovery.other-set",
            message: made.map {
                "This sheet is of the recovery key of \($0.iso8601.prefix(10)), which counts no more."
            } ?? "This sheet is not one of this vault's recovery key.",
            hint: "Look for the newest sheets, and compare the vault's words on them.")
    }

    static func sheetsMissing(_ missing: Int, _ threshold: Int) -> Refusal {
        Refusal(
            code: "recovery.sheets-missing",
            message: "\(missing == 1 ? "1 more sheet is" : "\(missing) more sheets are") needed: \(threshold) in all.",
            hint: "Ask another holder for the words of their sheet.")
    }

    /// What is wrong with the words of one sheet.
    static func sheet(_ error: SecretShareError) -> Refusal {
        switch error {
        case .wordUnknown(let position, let nearest):
            Refusal(
                code: "recovery.word-unknown",
                message: "Word \(position) is none of the words that sheets are made of.",
                hint: nearest.map { "It may be “\($0)”. Look at the sheet again." }
                    ?? "Look at the sheet again. The first four letters of a word are enough.")
        case .lengthWrong(let words):
            Refusal(
                code: "recovery.word-count", message: "There are \(words) words here, and a sheet has 33.",
                hint: "Compare them with the sheet, line by line.")
        case .checksumWrong(let suspect):
            Refusal(
                code: "recovery.checksum",
                message: "The words do not fit together: at least one is another on the sheet.",
                hint: suspect.map { "Look at word \($0) first." } ?? "Compare them with the sheet, line by line.")
        default:
            Refusal(
                code: "recovery.sheet-invalid", message: "These words are no sheet's.",
                hint: "Compare them with the sheet, line by line.")
        }
    }
}
