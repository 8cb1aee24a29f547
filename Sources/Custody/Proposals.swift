import GRDB
public import Records
import Sealing

// What takes two people. Replay holds the rules (`ProposalRules`); here is what a proposal says to those who take part,
// and what follows when somebody agrees. A proposal to suspend a lead is carried out by agreeing to it; keys are given and
// recovery sheets made afterwards, by the proposer, whose own keys it takes.

/// A proposal as a list shows it.
public struct ProposalListing: Hashable, Sendable {
    /// How it stands.
    public enum Standing: Hashable, Sendable {
        /// Nobody has agreed yet.
        case waits
        /// A second person agreed; one of the two has to carry it out.
        case agreed
        /// It was done.
        case carriedOut
        /// Its proposer withdrew it, or another refused.
        case withdrawn
        /// It was not done in time, or something changed.
        case over
    }

    /// What the proposal is about, for people.
    public enum Matter: Hashable, Sendable {
        /// Keys for somebody of these roles, whose own keys have these words.
        case keys(Set<Role>, words: [String])
        /// A recovery key.
        case recoveryKey(holders: [String], threshold: Int)
        /// A lead's suspension.
        case suspension
        /// A suspended lead's return.
        case restoration
    }

    /// Which.
    public let id: ProposalID
    /// What it is about.
    public let matter: Matter
    /// Whom it is about.
    public let person: PersonID?
    /// Their name.
    public let name: String
    /// Who proposed it.
    public let proposedBy: String
    /// When.
    public let proposed: Timestamp
    /// From when on it stands no more.
    public let expires: Timestamp
    /// The second person.
    public let agreedBy: String?
    /// When they agreed.
    public let agreed: Timestamp?
    /// Who ended it.
    public let endedBy: String?
    /// When.
    public let ended: Timestamp?
    /// How it stands.
    public let standing: Standing
    /// Why whoever looks may not agree; nil where they may.
    public let objection: Refusal?
    /// Whether they may withdraw or refuse it.
    public let mayWithdraw: Bool
    /// Whether they are one of the two, and may carry it out.
    public let mayCarryOut: Bool
}

/// What leads, deputies and panel are told, with names.
public struct NoticeListing: Hashable, Sendable {
    /// What happened.
    public let event: Notice.Event
    /// To whom.
    public let name: String
    /// Their roles.
    public let roles: Set<Role>
    /// Who did it.
    public let by: String
    /// The other of the two; nil where one was enough.
    public let with: String?
    /// When.
    public let time: Timestamp
}

/// A lead, for who may propose to suspend one.
public struct LeadListing: Hashable, Sendable {
    /// Who.
    public let id: PersonID
    /// Their name.
    public let name: String
    /// Since when they are suspended.
    public let suspended: Timestamp?
}

extension Vault {
    // MARK: - Looking

    /// Whether somebody has a part in what takes two people: leads, deputies and panel.
    public func takesPart(_ acting: Acting) -> Bool { recorder.authority.refusal(toTakePart: acting.person) == nil }

    /// Every proposal, the newest first. Nobody is shown one about themselves that was not carried out.
    public func proposals(as acting: Acting) throws(VaultError) -> [ProposalListing] {
        try rethrowing("proposals") {
            try requirePart(acting)
            return try recorder.read(pool) { db, head in
                try head.authority.proposals.values.filter { !Self.isHidden($0, from: acting) }
                    .sorted { ($1.proposed, $1.id) < ($0.proposed, $0.id) }
                    .map { try listing($0, head.authority, acting, db) }
            }
        }
    }

    /// What leads, deputies and panel are told of the last days, the newest first.
    public func notices(days: Int = 30, as acting: Acting) throws(VaultError) -> [NoticeListing] {
        try rethrowing("notices") {
            try requirePart(acting)
            let since = clock.now().milliseconds - Int64(days) * 86_400_000
            return try recorder.read(pool) { db, head in
                try head.authority.notices.filter { $0.time.milliseconds >= since }.reversed().map { told in
                    NoticeListing(
                        event: told.event, name: try told.person.map { try name($0, head.authority, db) } ?? "",
                        roles: told.person.flatMap { head.authority.people[$0]?.roles } ?? [],
                        by: try name(told.by, head.authority, db),
                        with: try told.with.map { try name($0, head.authority, db) }, time: told.time)
                }
            }
        }
    }

    /// The leads whom this person may propose to suspend or to let in again: none where the policy lets nobody, or for a lead,
    /// who needs no second person.
    public func leadsToSuspend(as acting: Acting) throws(VaultError) -> [LeadListing] {
        try rethrowing("proposals") {
            try requirePart(acting)
            return try recorder.read(pool) { db, head in
                guard head.authority.twoPeople.acts.contains(.suspendLead),
                    head.authority.people[acting.person]?.roles.contains(.dsl) != true
                else { return [] }
                return try head.authority.people.values.filter { $0.roles.contains(.dsl) }.map {
                    LeadListing(id: $0.id, name: try name(of: $0, db), suspended: $0.suspended)
                }.sorted { ($0.name, $0.id) < ($1.name, $1.id) }
            }
        }
    }

    /// Who could be the second person to something that this person proposes, by name. Empty, where nobody is needed: then
    /// this person alone may.
    ///
    /// - Parameter person: whom it is about; nil for a recovery key.
    public func secondPeople(about person: PersonID?, as acting: Acting) throws(VaultError) -> SecondPeople {
        try rethrowing("proposals") {
            try recorder.read(pool) { db, head in
                let (authority, now) = (head.authority, clock.now())
                let what =
                    person.map { Proposed.keys($0, authority.people[$0]?.identity ?? .random()) }
                    ?? .recoveryKey(.random(), row: .random(), threshold: 2, shares: 2)
                return SecondPeople(
                    areNeeded: authority.needsSecond(for: what, by: acting.person, at: now),
                    names: try authority.seconds(for: what, by: acting.person, at: now)
                        .map { try name($0, authority, db) }.sorted())
            }
        }
    }

    private func listing(
        _ state: ProposalState, _ authority: Authority, _ acting: Acting, _ db: Database
    ) throws -> ProposalListing {
        let now = clock.now()
        let mayCarryOut =
            authority.isAgreed(state, by: acting.person, at: now)
            && authority.allows(.giveAccess, acting.person, at: now)
            && authority.objection(
                to: acting.person, making: state.what.person.flatMap { authority.people[$0]?.roles } ?? []) == nil
        let standing: ProposalListing.Standing =
            switch state.end {
            case .carriedOut: .carriedOut
            case .withdrawn: .withdrawn
            case nil: !authority.isOpen(state, at: now) ? .over : state.agreedBy == nil ? .waits : .agreed
            }
        var endedBy: PersonID?
        if case .carriedOut(let by) = state.end { endedBy = by }
        if case .withdrawn(let by) = state.end { endedBy = by }
        let matter: ProposalListing.Matter =
            switch state.what {
            case .keys(let person, let identity):
                .keys(authority.people[person]?.roles ?? [], words: words(of: person, identity, authority))
            case .recoveryKey(let identity, let row, let threshold, let shares):
                .recoveryKey(
                    holders: try holders(in: row, of: identity, count: Int(shares), db), threshold: Int(threshold))
            case .suspension: .suspension
            case .restoration: .restoration
            }
        return ProposalListing(
            id: state.id, matter: matter, person: state.what.person,
            name: try state.what.person.map { try name($0, authority, db) } ?? "",
            proposedBy: try name(state.proposedBy, authority, db), proposed: state.proposed, expires: state.expires,
            agreedBy: try state.agreedBy.map { try name($0, authority, db) }, agreed: state.agreed,
            endedBy: try endedBy.map { try name($0, authority, db) }, ended: state.ended, standing: standing,
            objection: authority.objection(to: acting.person, agreeingTo: state, at: now),
            mayWithdraw: authority.objection(to: acting.person, withdrawing: state, at: now) == nil,
            mayCarryOut: standing == .agreed && mayCarryOut)
    }

    /// The words of the keys that a proposal is about; none where they are no longer the ones that count.
    private func words(of person: PersonID, _ identity: IdentityID, _ authority: Authority) -> [String] {
        guard authority.people[person]?.identity == identity else { return [] }
        return keyWords(of: person, authority) ?? []
    }

    private func name(_ person: PersonID, _ authority: Authority, _ db: Database) throws -> String {
        guard let row = authority.people[person]?.row ?? authority.invitations[person]?.row else { return "somebody" }
        return try name(of: person, row, db)
    }

    static func isHidden(_ proposal: ProposalState, from acting: Acting) -> Bool {
        if case .carriedOut = proposal.end { return false }
        return proposal.what.person == acting.person
    }

    private func requirePart(_ acting: Acting) throws {
        let authority = try checkPolicy()
        guard let refusal = authority.refusal(toTakePart: acting.person) else { return }
        if refusal == .notEntitled { try say(.accessRefused(code: refusal.code), .person(acting)) }
        throw VaultError.refused(refusal)
    }

    // MARK: - Proposing

    /// Proposes to give somebody their keys, after their fingerprint was compared with them. Recorded; durable on return.
    ///
    /// - Throws: a refusal `person.other-keys` as `confirm`; `proposal.not-needed` where one person is enough.
    @discardableResult
    public func proposeKeys(
        of person: PersonID, words: [String], as acting: Acting
    ) throws(VaultError) -> ProposalID {
        try rethrowing("proposal") {
            _ = try decide(.giveAccess, acting)
            try requireCode(acting)
            let authority = try recorder.read(pool) { _, head in head.authority }
            guard let state = authority.people[person] else { throw Refusal.personUnknown }
            guard try fingerprintWords(of: person, as: acting) == words else { throw Refusal.otherKeys }
            return try propose(.keys(person, state.identity), as: acting, authority)
        }
    }

    /// Proposes to make a recovery key for these holders. Recorded; durable on return.
    ///
    /// - Throws: a refusal of the holders as `setRecovery`; `proposal.not-needed` where one person is enough.
    @discardableResult
    public func proposeRecovery(
        holders: [String], threshold: Int, as acting: Acting
    ) throws(VaultError) -> ProposalID {
        try rethrowing("proposal") {
            _ = try decide(.giveAccess, acting)
            let new = try NewRecovery(holders: holders, threshold: threshold, vault: recorder.vault, secrets)
            try requireCode(acting)
            let authority = try recorder.read(pool) { _, head in head.authority }
            return try propose(new.proposed, items: [new.row], as: acting, authority)
        }
    }

    /// Proposes to suspend a lead, or to let a suspended one in again. Recorded; durable on return.
    @discardableResult
    public func propose(
        suspending lead: PersonID, _ suspends: Bool, as acting: Acting
    ) throws(VaultError) -> ProposalID {
        try rethrowing("proposal") {
            try requirePart(acting)
            try requireCode(acting)
            return try propose(suspends ? .suspension(lead) : .restoration(lead), as: acting, recorder.authority)
        }
    }

    private func propose(
        _ what: Proposed, items: [SealedItem] = [], as acting: Acting, _ authority: Authority
    ) throws -> ProposalID {
        if let objection = authority.objection(to: acting.person, proposing: what, at: clock.now()) { throw objection }
        let id = ProposalID.random()
        let act = ProposalAct(proposal: id, what: what)
        try recorder.record([Draft(signer: .person(acting), items: items, act: .proposalMade(act))], in: pool)
        return id
    }

    // MARK: - Agreeing, withdrawing, carrying out

    /// Agrees to a proposal as the second person. A lead's suspension or return is carried out by this. Recorded; durable on
    /// return.
    ///
    /// - Throws: a refusal `proposal.…` for who cannot be the second person, or for a proposal that stands no more.
    public func agree(to id: ProposalID, as acting: Acting) throws(VaultError) {
        try rethrowing("proposal") {
            let (proposal, authority) = try proposal(id, acting)
            try requireCode(acting)
            if let objection = authority.objection(to: acting.person, agreeingTo: proposal, at: clock.now()) {
                throw objection
            }
            var acts: [Act] = [.proposalAgreed(id)]
            switch proposal.what {
            case .suspension(let lead): acts.append(.personSuspended(lead, under: id))
            case .restoration(let lead): acts.append(.personRestored(lead, under: id))
            case .keys, .recoveryKey: break
            }
            try recorder.record(acts.map { Draft(signer: .person(acting), act: $0) }, in: pool)
            if case .suspension(let lead) = proposal.what { try endSessions(.of(lead, except: nil)) }
        }
    }

    /// Withdraws one's own proposal, or refuses another's. Recorded; durable on return.
    public func withdraw(_ id: ProposalID, as acting: Acting) throws(VaultError) {
        try rethrowing("proposal") {
            let (proposal, authority) = try proposal(id, acting)
            if let objection = authority.objection(to: acting.person, withdrawing: proposal, at: clock.now()) {
                throw objection
            }
            try say(.proposalWithdrawn(id), .person(acting))
        }
    }

    /// One about the person themselves is like one that is not there.
    private func proposal(_ id: ProposalID, _ acting: Acting) throws -> (ProposalState, Authority) {
        try requirePart(acting)
        let authority = recorder.authority
        guard let proposal = authority.proposals[id], !Self.isHidden(proposal, from: acting) else {
            throw VaultError.notFound
        }
        return (proposal, authority)
    }

    /// The proposal under which somebody carries something out; nil where one person is enough.
    ///
    /// - Throws: a refusal `proposal.second-person` where nobody has agreed to it.
    func proposal(for what: Proposed, as acting: Acting, _ authority: Authority) throws -> ProposalID? {
        if let agreed = authority.agreed(what, by: acting.person, at: clock.now()) { return agreed.id }
        guard !authority.needsSecond(for: what, by: acting.person, at: clock.now()) else {
            throw Refusal.secondPersonNeeded
        }
        return nil
    }
}

/// Whether a second person is needed, and who could be it.
public struct SecondPeople: Hashable, Sendable {
    /// Whether one is.
    public let areNeeded: Bool
    /// Their names.
    public let names: [String]
}

extension Proposed {
    /// What is proposed, after `to`.
    func words(_ name: (PersonID) throws -> String) rethrows -> String {
        switch self {
        case .keys(let person, _): "give \(try name(person)) their keys"
        case .recoveryKey: "make recovery sheets"
        case .suspension(let person): "suspend \(try name(person))"
        case .restoration(let person): "let \(try name(person)) in again"
        }
    }
}

extension Refusal {
    /// Words that are not those of somebody's keys.
    static let otherKeys = Refusal(
        code: "person.other-keys", message: "Those are not the words of this person's keys.",
        hint: "Compare the words again, as they stand on both screens now.")
}
