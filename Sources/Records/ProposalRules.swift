/// Who can propose, agree and carry out what takes two people.
extension Authority {
    /// Why somebody has no part in what takes two people; nil for a lead, deputy or panel member whose keys count.
    public func refusal(toTakePart person: PersonID) -> Refusal? {
        guard let person = people[person] else { return .notEntitled }
        return hindrance(of: person) ?? (lacksPasskey(person) ? .passkeyMissing : nil)
            ?? (person.roles.isDisjoint(with: Role.madeByLead) ? .notEntitled : nil)
    }

    /// Why somebody may not propose something; nil where they may, and where it could be done.
    public func objection(to author: PersonID, proposing what: Proposed, at time: Timestamp) -> Refusal? {
        if let refusal = refusal(toTakePart: author) { return refusal }
        guard !words(for: what).isDisjoint(with: twoPeople.acts) else { return .secondPersonNotNeeded }
        guard !proposals.values.contains(where: { $0.what.isLike(what) && isOpen($0, at: time) }) else {
            return .proposalStands
        }
        return objection(to: author, doing: what, at: time)
    }

    /// Why somebody may not agree to a proposal; nil where they may.
    public func objection(to person: PersonID, agreeingTo proposal: ProposalState, at time: Timestamp) -> Refusal? {
        if let refusal = refusal(toTakePart: person) ?? objection(to: person, judging: proposal, at: time) {
            return refusal
        }
        guard person != proposal.proposedBy else { return .proposalIsYours }
        return proposal.agreedBy == nil && isOpen(proposal, at: time) ? nil : .proposalOver
    }

    /// Whether a proposal stands, and could still be carried out by its proposer.
    public func isOpen(_ proposal: ProposalState, at time: Timestamp) -> Bool {
        proposal.stands(at: time) && refusal(toTakePart: proposal.proposedBy) == nil
            && objection(to: proposal.proposedBy, doing: proposal.what, at: time) == nil
    }

    /// Why somebody may not withdraw or refuse a proposal; nil for its proposer, and for who could have agreed.
    public func objection(to person: PersonID, withdrawing proposal: ProposalState, at time: Timestamp) -> Refusal? {
        if let refusal = refusal(toTakePart: person) { return refusal }
        guard person != proposal.proposedBy else { return proposal.stands(at: time) ? nil : .proposalOver }
        return objection(to: person, judging: proposal, at: time)
    }

    private func objection(to person: PersonID, judging proposal: ProposalState, at time: Timestamp) -> Refusal? {
        guard proposal.stands(at: time) else { return .proposalOver }
        guard person != proposal.what.person else { return .proposalAboutYourself }
        return people[person].map { isSettled($0, at: time) } == true ? nil : .secondPersonTooNew
    }

    /// Whether an act of somebody's takes a second person now: the policy says so, and there is somebody who could be it.
    ///
    /// Where nobody else could be, now or in the days for which somebody is new, one alone may: a new vault's first lead has
    /// to be able to make a deputy. Who suspends everyone else does not become such a one before those days are over.
    public func needsSecond(for what: Proposed, by author: PersonID, at time: Timestamp) -> Bool {
        guard !words(for: what).isDisjoint(with: twoPeople.acts) else { return false }
        return people.values.contains { person in
            guard person.id != author, person.id != what.person, !person.roles.isDisjoint(with: Role.madeByLead) else {
                return false
            }
            guard let out = person.outSince else { return hindrance(of: person) == nil && isSettled(person, at: time) }
            return isSettled(person, at: out) && time.milliseconds < out.milliseconds + twoPeople.newFor
        }
    }

    /// Who could agree now to something that somebody proposes.
    public func seconds(for what: Proposed?, by author: PersonID, at time: Timestamp) -> [PersonID] {
        people.values.filter {
            $0.id != author && $0.id != what?.person && refusal(toTakePart: $0.id) == nil && isSettled($0, at: time)
        }.map(\.id).sorted()
    }

    /// The proposal under which somebody may carry something out; nil where nobody has agreed to any.
    public func agreed(_ what: Proposed, by person: PersonID, at time: Timestamp) -> ProposalState? {
        proposals.values.first { $0.what == what && isAgreed($0, by: person, at: time) }
    }

    /// Whether two people stand by a proposal, and this is one of them.
    public func isAgreed(_ proposal: ProposalState, by person: PersonID, at time: Timestamp) -> Bool {
        guard let second = proposal.agreedBy, proposal.stands(at: time) else { return false }
        return [proposal.proposedBy, second].contains(person)
            && [proposal.proposedBy, second].allSatisfy { refusal(toTakePart: $0) == nil }
    }

    /// Whether they have had their keys for long enough to be a second person. Suspended in that time or not: it counts from
    /// when the keys were given.
    private func isSettled(_ person: PersonState, at time: Timestamp) -> Bool {
        person.confirmedSince.map { time.milliseconds >= $0.milliseconds + twoPeople.newFor } ?? false
    }

    /// What the policy calls it; more than one for who has several roles.
    private func words(for what: Proposed) -> Set<TwoPersonAct> {
        switch what {
        case .keys(let id, _):
            let roles = (invitations[id]?.roles ?? people[id]?.roles ?? []).intersection(Role.madeByLead)
            let known = people[id]?.confirmedRoles ?? []
            let made = Set(roles.subtracting(known).map { TwoPersonAct(making: $0) })
            return roles.isDisjoint(with: known) ? made : made.union([.joinAgain])
        case .recoveryKey: return [.makeRecoveryKey]
        case .suspension, .restoration: return [.suspendLead]
        }
    }

    /// Why it cannot be done, or not by this person, whoever agrees.
    private func objection(to author: PersonID, doing what: Proposed, at time: Timestamp) -> Refusal? {
        if let person = what.person, person == author { return .personIsYourself }
        switch what {
        case .keys(let id, let identity):
            guard let person = people[id], stations[id] == nil else { return .personUnknown }
            if let refusal = objection(to: author, making: person.roles) { return refusal }
            guard person.identity == identity, person.enrolled, !person.confirmed, person.suspended == nil,
                invitations[id] == nil
            else { return .changedMeanwhile }
            return refusal(of: .giveAccess, to: author, at: time)
        case .recoveryKey(let identity, _, let threshold, let shares):
            guard let count = Int(exactly: shares), RecoveryState.counts.contains(count),
                (2...shares).contains(threshold), identities[identity] == nil
            else { return .changedMeanwhile }
            return refusal(of: .giveAccess, to: author, at: time)
        case .suspension(let id), .restoration(let id):
            guard let person = people[id], person.roles.contains(.dsl) else { return .personUnknown }
            guard case .suspension = what else { return person.suspended == nil ? .changedMeanwhile : nil }
            return person.suspended == nil ? nil : .changedMeanwhile
        }
    }
}

/// What statements change.
extension Authority {
    mutating func propose(_ act: ProposalAct, _ statement: Statement) throws(StatementError) {
        guard case .person(let author) = statement.author, proposals[act.proposal] == nil,
            objection(to: author, proposing: act.what, at: statement.time) == nil
        else { throw .unlawful("proposed by who may not, twice, or what cannot be done") }
        if case .recoveryKey(_, let row, _, _) = act.what { try expect(row, .personRow) }
        proposals[act.proposal] = ProposalState(
            id: act.proposal, what: act.what, proposedBy: author, proposed: statement.time)
    }

    mutating func agree(to id: ProposalID, _ statement: Statement) throws(StatementError) {
        guard case .person(let author) = statement.author, let proposal = proposals[id],
            objection(to: author, agreeingTo: proposal, at: statement.time) == nil
        else { throw .unlawful("agreed to by who cannot be the second person, or what is over") }
        proposals[id]?.agreedBy = author
        proposals[id]?.agreed = statement.time
    }

    mutating func withdraw(_ id: ProposalID, _ statement: Statement) throws(StatementError) {
        guard case .person(let author) = statement.author, let proposal = proposals[id],
            objection(to: author, withdrawing: proposal, at: statement.time) == nil
        else { throw .unlawful("withdrawn by who may not, or what is over") }
        end(id, .withdrawn(by: author), statement)
    }

    private mutating func end(_ id: ProposalID, _ end: ProposalState.End, _ statement: Statement) {
        proposals[id]?.end = end
        proposals[id]?.ended = statement.time
    }

    /// An act is carried out: under a proposal that two people stand by, or by one person where no second is needed.
    private mutating func carryOut(
        _ what: Proposed, under id: ProposalID?, telling event: Notice.Event?, _ statement: Statement
    ) throws(StatementError) {
        guard case .person(let author) = statement.author else { throw .unlawful("carried out by nobody") }
        if let id {
            guard let proposal = proposals[id], proposal.what == what,
                isAgreed(proposal, by: author, at: statement.time)
            else { throw .unlawful("carried out under no proposal that two people stand by") }
            end(id, .carriedOut(by: author), statement)
        } else if needsSecond(for: what, by: author, at: statement.time) {
            throw .unlawful("done by one person where it takes two")
        }
        guard let event else { return }
        notices.append(
            Notice(
                event: event, person: what.person, by: author, with: id.flatMap { proposals[$0]?.other(than: author) },
                time: statement.time))
    }

    /// Somebody is given their keys.
    mutating func settle(_ act: ConfirmationAct, _ statement: Statement) throws(StatementError) {
        guard let person = people[act.person] else { throw .unlawful("keys given to nobody") }
        let isTold = !person.roles.isDisjoint(with: Role.madeByLead)
        try carryOut(
            .keys(act.person, act.identity), under: act.proposal,
            telling: isTold
                ? person.roles.intersection(Role.madeByLead).isSubset(of: person.confirmedRoles) ? .joinedAgain : .made
                : nil, statement)
        people[act.person]?.confirmedSince = statement.time
        people[act.person]?.confirmedRoles = person.roles
        people[act.person]?.outSince = nil
    }

    /// A recovery key is made: under a proposal, of exactly the holders that were agreed to.
    mutating func settle(_ act: RecoveryAct, _ statement: Statement) throws(StatementError) {
        try carryOut(
            .recoveryKey(act.identity, row: act.row, threshold: act.threshold, shares: UInt64(act.shares.count)),
            under: act.proposal, telling: .recoveryKeyMade, statement)
    }

    /// Somebody is suspended, or restored: by who manages people, and a lead by another lead; or by two people.
    mutating func suspend(
        _ id: PersonID, _ suspends: Bool, under proposal: ProposalID?, _ statement: Statement
    ) throws(StatementError) {
        guard case .person(let author) = statement.author else { throw .unlawful("suspended or restored by nobody") }
        let isLead = (people[id]?.roles ?? invitations[id]?.roles)?.contains(.dsl) == true
        if let proposal {
            try carryOut(
                suspends ? .suspension(id) : .restoration(id), under: proposal,
                telling: suspends ? .leadSuspended : .leadRestored, statement)
        } else {
            if let refusal = refusal(of: .managePeople, to: author, at: statement.time) {
                throw .unlawful("author may not \(Ability.managePeople.rawValue): \(refusal.code)")
            }
            guard objection(to: author, changing: id) == nil else {
                throw .unlawful("suspended or restored by who may not")
            }
        }
        guard (suspended(id) == nil) == suspends else { throw .unlawful("suspended or restored twice") }
        if isLead, proposal == nil {
            notices.append(
                Notice(
                    event: suspends ? .leadSuspended : .leadRestored, person: id, by: author, with: nil,
                    time: statement.time))
        }
        guard let person = people[id] else {
            invitations[id]?.suspended = suspends ? statement.time : nil
            return
        }
        people[id]?.suspended = suspends ? statement.time : nil
        let isOut = suspends || invitations[id] != nil || !person.confirmed
        people[id]?.outSince = isOut ? person.outSince ?? statement.time : nil
    }
}

extension Refusal {
    /// What takes two people, by one.
    public static let secondPersonNeeded = Refusal(
        code: "proposal.second-person", message: "This takes two people: nobody else has agreed to it yet.",
        hint: "Ask a lead, a deputy or a panel member to agree, on the page about what takes two people.")
    /// A proposal of what one person may do.
    public static let secondPersonNotNeeded = Refusal(
        code: "proposal.not-needed", message: "This takes no second person.", hint: "Do it where it is usually done.")
    /// A second proposal of the same.
    public static let proposalStands = Refusal(
        code: "proposal.stands", message: "The same is proposed already, and waits.",
        hint: "Look at the page about what takes two people. Withdraw the proposal there if it is wrong.")
    /// One that was agreed to, withdrawn or carried out, or is too old.
    public static let proposalOver = Refusal(
        code: "proposal.over", message: "This proposal stands no more.",
        hint: "It was agreed to, withdrawn or done, or something changed since. Propose it again if it is still wanted."
    )
    /// A second person who is the first.
    public static let proposalIsYours = Refusal(
        code: "proposal.yours", message: "You proposed this yourself.",
        hint: "Ask another lead, deputy or panel member to agree.")
    /// A second person whom it is about.
    public static let proposalAboutYourself = Refusal(
        code: "proposal.about-yourself", message: "Nobody agrees to what is about themselves.",
        hint: "Another lead, deputy or panel member has to.")
    /// A second person who has not had their keys for long enough.
    public static let secondPersonTooNew = Refusal(
        code: "proposal.too-new", message: "You are too new here to be the second person.",
        hint: "Another lead, deputy or panel member has to agree.")
}
