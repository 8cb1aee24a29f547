import Records
import Sealing
import Testing

/// What takes two people, as replay holds it.
@Suite struct ProposalTests {
    private static let day: Int64 = 86_400_000
    private static let week = 7 * day
    private static let alone = "done by one person where it takes two"
    private static let underNone = "carried out under no proposal that two people stand by"
    private static let notProposed = "proposed by who may not, twice, or what cannot be done"
    private static let notAgreed = "agreed to by who cannot be the second person, or what is over"
    private static let notWithdrawn = "withdrawn by who may not, or what is over"

    /// A lead, a deputy and a panel member who have had their keys for a week.
    private struct Settled {
        var school: School
        let lead: PersonID
        let deputy: PersonID
        let panel: PersonID

        init() throws {
            school = try School()
            lead = school.founder
            deputy = try school.add([.deputy])
            panel = try school.add([.panel])
            school.time += week
        }

        func keys(of person: PersonID) -> Proposed {
            .keys(person, school.authority.people[person]?.identity ?? .random())
        }

        mutating func propose(_ what: Proposed, by author: PersonID, items: [Item] = []) throws -> ProposalID {
            let id = ProposalID.random()
            try school.say(.proposalMade(ProposalAct(proposal: id, what: what)), by: author, items: items)
            return id
        }

        /// Two people stand by it.
        mutating func agreed(_ what: Proposed, by author: PersonID, and second: PersonID) throws -> ProposalID {
            let id = try propose(what, by: author)
            try school.say(.proposalAgreed(id), by: second)
            return id
        }

        func proposing(_ what: Proposed, by author: PersonID) -> String? {
            school.unlawful(.proposalMade(ProposalAct(proposal: .random(), what: what)), by: .person(author))
        }

        func agreeing(_ id: ProposalID, by author: PersonID) -> String? {
            school.unlawful(.proposalAgreed(id), by: .person(author))
        }

        func withdrawing(_ id: ProposalID, by author: PersonID) -> String? {
            school.unlawful(.proposalWithdrawn(id), by: .person(author))
        }

        func giving(_ person: PersonID, by author: PersonID? = nil, under id: ProposalID? = nil) -> String? {
            school.unlawful(gift(person, under: id), by: .person(author ?? lead))
        }

        func gift(_ person: PersonID, under id: ProposalID?) -> Act {
            .personConfirmed(
                ConfirmationAct(
                    person: person, identity: school.authority.people[person]?.identity ?? .random(), wraps: [],
                    under: id))
        }

        /// They are made to join again, and do.
        mutating func joinAgain(_ person: PersonID) throws {
            let (code, seed) = try school.code()
            try school.say(.personReset(person, code), by: lead)
            let (joining, items) = try school.joining(person, seed)
            try school.say(.personJoined(joining), by: person, items: items)
            try school.say(.personEnrolled(person), by: person)
        }
    }

    @Test func `One lead alone makes others until somebody else has had their keys for a week`() throws {
        var school = try School()
        let deputy = try school.add([.deputy])
        let since = try #require(school.authority.people[deputy]?.confirmedSince).milliseconds
        var waiting: [PersonID] = []
        for role in [Role.dsl, .deputy, .panel, .staff] { waiting.append(try school.add([role], ready: false)) }
        for person in waiting {
            var early = school
            early.time = since + Self.week - 1
            #expect(early.unlawful(early.confirmation(of: person), by: .person(school.founder)) == nil)
            var late = school
            late.time = since + Self.week
            let isStaff = person == waiting.last
            #expect(
                late.unlawful(late.confirmation(of: person), by: .person(school.founder))
                    == (isStaff ? nil : Self.alone))
        }
        // The founder has been there for longer than anybody: to another lead they are the second person.
        var other = try School()
        let lead = try other.add([.dsl])
        let staff = try other.add([.panel], ready: false)
        other.time += Self.week
        #expect(other.unlawful(other.confirmation(of: staff), by: .person(lead)) == Self.alone)
    }

    @Test func `One proposes, another agrees, and either who may carries it out, once; everyone concerned is told`()
        throws
    {
        var settled = try Settled()
        let person = try settled.school.add([.deputy], ready: false)
        let what = settled.keys(of: person)
        #expect(settled.giving(person) == Self.alone)
        let id = try settled.propose(what, by: settled.lead)
        #expect(settled.giving(person, under: id) == Self.underNone)
        #expect(settled.agreeing(id, by: settled.panel) == nil)
        try settled.school.say(.proposalAgreed(id), by: settled.deputy)
        #expect(settled.agreeing(id, by: settled.panel) == Self.notAgreed)
        #expect(settled.giving(person) == Self.alone)
        #expect(settled.giving(person, under: .random()) == Self.underNone)
        // Whose role gives nobody keys does not by agreeing.
        #expect(
            settled.giving(person, by: settled.deputy, under: id) == "author may not give-access: access.not-entitled")
        let other = try settled.school.add([.panel], ready: false)
        #expect(settled.giving(other, under: id) == Self.underNone)
        try settled.school.say(settled.gift(person, under: id), by: settled.lead)
        #expect(settled.school.authority.proposals[id]?.end == .carriedOut(by: settled.lead))
        let told = try #require(settled.school.authority.notices.last)
        #expect(told.event == .made && told.person == person && told.by == settled.lead && told.with == settled.deputy)
        // And it is used up.
        try settled.joinAgain(person)
        #expect(settled.giving(person, under: id) == Self.underNone)
        #expect(settled.withdrawing(id, by: settled.lead) == Self.notWithdrawn)
    }

    @Test func `A third person does not carry out what two agreed on, nor one of two when the other is out`() throws {
        var settled = try Settled()
        // A second lead, made by two.
        let second = try settled.school.add([.dsl], ready: false)
        let made = try settled.agreed(settled.keys(of: second), by: settled.lead, and: settled.panel)
        try settled.school.say(settled.gift(second, under: made), by: settled.lead)
        let person = try settled.school.add([.panel], ready: false)
        let id = try settled.agreed(settled.keys(of: person), by: settled.lead, and: settled.deputy)
        #expect(settled.giving(person, by: second, under: id) == Self.underNone)
        #expect(settled.giving(person, under: id) == nil)
        for out in [settled.deputy, settled.lead] {
            var without = settled
            try without.school.say(.personSuspended(out), by: second)
            #expect(
                without.giving(person, by: out == settled.lead ? second : settled.lead, under: id) == Self.underNone)
        }
        var again = settled
        try again.school.say(.personReset(settled.deputy, try again.school.code().0), by: settled.lead)
        #expect(again.giving(person, under: id) == Self.underNone)
        settled.school.time += Self.week
        #expect(settled.giving(person, under: id) == Self.underNone)
    }

    @Test func `Nobody agrees who is new, out, the proposer, or of another role`() throws {
        var settled = try Settled()
        let fresh = try settled.school.add([.deputy], ready: false)
        let made = try settled.agreed(settled.keys(of: fresh), by: settled.lead, and: settled.panel)
        try settled.school.say(settled.gift(fresh, under: made), by: settled.lead)
        let admin = try settled.school.add([.admin, .accountManager])
        let person = try settled.school.add([.panel], ready: false)
        let since = try #require(settled.school.authority.people[fresh]?.confirmedSince).milliseconds
        // Suspended and let in again meanwhile: it counts from when the keys were given.
        try settled.school.say(.personSuspended(fresh), by: settled.lead)
        try settled.school.say(.personRestored(fresh), by: settled.lead)
        settled.school.time = since + Self.week - 1
        let id = try settled.propose(settled.keys(of: person), by: settled.lead)
        settled.school.time = since + Self.week - 1
        for author in [settled.lead, admin, fresh, person] {
            #expect(settled.agreeing(id, by: author) != nil)
        }
        #expect(settled.agreeing(id, by: fresh) == Self.notAgreed && settled.agreeing(id, by: admin) == Self.notAgreed)
        #expect(settled.agreeing(id, by: settled.lead) == Self.notAgreed)
        #expect(settled.school.unlawful(.proposalAgreed(id), by: .service) == "the service may not say proposal.agreed")
        #expect(settled.agreeing(.random(), by: settled.deputy) == Self.notAgreed)
        var later = settled
        later.school.time = since + Self.week
        #expect(later.agreeing(id, by: fresh) == nil)
        var out = settled
        try out.school.say(.personSuspended(settled.deputy), by: settled.lead)
        #expect(out.agreeing(id, by: settled.deputy) == "author is suspended")
        try out.school.say(.personRestored(settled.deputy), by: settled.lead)
        #expect(out.agreeing(id, by: settled.deputy) == nil)
        try out.joinAgain(settled.deputy)
        #expect(out.agreeing(id, by: settled.deputy) == "author's keys were not compared")
    }

    @Test func `A proposal stands for seven days, until it is withdrawn, or what it is about has changed`() throws {
        var settled = try Settled()
        let person = try settled.school.add([.panel], ready: false)
        let what = settled.keys(of: person)
        let from = settled.school.time
        let id = try settled.propose(what, by: settled.lead)
        #expect(settled.proposing(what, by: settled.lead) == Self.notProposed, "the same twice")
        #expect(
            settled.school.unlawful(
                .proposalMade(ProposalAct(proposal: id, what: .suspension(settled.lead))), by: .person(settled.deputy))
                == Self.notProposed)
        var old = settled
        old.school.time = from + Self.week - 1
        #expect(old.agreeing(id, by: settled.deputy) == nil && old.withdrawing(id, by: settled.lead) == nil)
        old.school.time = from + Self.week
        #expect(old.agreeing(id, by: settled.deputy) == Self.notAgreed)
        #expect(old.withdrawing(id, by: settled.lead) == Self.notWithdrawn)
        #expect(old.proposing(what, by: settled.lead) == nil)

        let admin = try settled.school.add([.admin])
        #expect(settled.withdrawing(id, by: admin) == Self.notWithdrawn)
        for author in [settled.lead, settled.deputy, settled.panel] {
            var ended = settled
            try ended.school.say(.proposalWithdrawn(id), by: author)
            #expect(ended.school.authority.proposals[id]?.end == .withdrawn(by: author))
            #expect(ended.agreeing(id, by: settled.deputy) == Self.notAgreed)
            #expect(ended.withdrawing(id, by: settled.lead) == Self.notWithdrawn)
            #expect(ended.proposing(what, by: settled.lead) == nil)
        }
        // Other keys than those that were compared.
        var changed = settled
        try changed.joinAgain(person)
        #expect(changed.agreeing(id, by: settled.deputy) == Self.notAgreed)
        #expect(changed.proposing(what, by: settled.lead) == Self.notProposed)
        let fresh = try changed.propose(changed.keys(of: person), by: settled.lead)
        #expect(changed.agreeing(fresh, by: settled.deputy) == nil)
        // Agreed to for the old keys: not for the new.
        try settled.school.say(.proposalAgreed(id), by: settled.deputy)
        try settled.joinAgain(person)
        #expect(settled.giving(person, under: id) == Self.underNone)
    }

    @Test func `Only who leads proposes keys, for who is ready for them`() throws {
        var settled = try Settled()
        let person = try settled.school.add([.panel], ready: false)
        let unready = try settled.school.add([.panel], enrolled: false)
        let admin = try settled.school.add([.admin], ready: false)
        #expect(settled.proposing(settled.keys(of: person), by: settled.lead) == nil)
        #expect(settled.proposing(settled.keys(of: person), by: settled.deputy) == Self.notProposed)
        for what: Proposed in [
            settled.keys(of: unready), settled.keys(of: admin), settled.keys(of: .random()),
            settled.keys(of: settled.deputy), settled.keys(of: settled.lead), .keys(person, .random()),
            .suspension(settled.deputy), .suspension(.random()), .restoration(settled.lead), .suspension(settled.lead),
            .recoveryKey(settled.school.team, row: .random(), threshold: 2, shares: 3),
        ] {
            #expect(settled.proposing(what, by: settled.lead) == Self.notProposed, "\(what)")
        }
        for (threshold, shares): (UInt64, UInt64) in [(1, 3), (4, 3), (2, 1), (2, 17), (2, UInt64(1 << 52))] {
            let what = Proposed.recoveryKey(.random(), row: .random(), threshold: threshold, shares: shares)
            #expect(settled.proposing(what, by: settled.lead) == Self.notProposed)
        }
        let sheets = Proposed.recoveryKey(.random(), row: .random(), threshold: 2, shares: 3)
        #expect(settled.proposing(sheets, by: settled.lead) == "no person-row committed")
        #expect(settled.proposing(sheets, by: settled.deputy) == Self.notProposed)
        // What the policy does not name takes no second person, and is not proposed.
        let fewer = TwoPersonRule(acts: [.makeLead], newForDays: 7)
        try settled.school.say(
            .policyAdopted(settled.school.abilities, fewer, passkeyRoles: [], acceptableUse: School.policyVersion),
            by: settled.lead)
        #expect(settled.proposing(settled.keys(of: person), by: settled.lead) == Self.notProposed)
        #expect(settled.giving(person) == nil)
        #expect(settled.proposing(.suspension(settled.lead), by: settled.deputy) == Self.notProposed)
    }

    @Test func `Two of deputies and panel suspend the last lead, and let them in again`() throws {
        var settled = try Settled()
        let lead = settled.lead
        #expect(
            settled.school.unlawful(.personSuspended(lead), by: .person(settled.deputy))
                == "author may not manage-people: access.not-entitled")
        let id = try settled.propose(.suspension(lead), by: settled.deputy)
        // The lead neither agrees to it nor stops it.
        #expect(
            settled.agreeing(id, by: lead) == Self.notAgreed && settled.withdrawing(id, by: lead) == Self.notWithdrawn)
        let suspended = Act.personSuspended(lead, under: id)
        #expect(settled.school.unlawful(suspended, by: .person(settled.panel)) == Self.underNone)
        try settled.school.say(.proposalAgreed(id), by: settled.panel)
        #expect(settled.school.unlawful(.personSuspended(settled.deputy, under: id), by: .person(settled.panel)) != nil)
        #expect(settled.school.unlawful(.personRestored(lead, under: id), by: .person(settled.panel)) == Self.underNone)
        try settled.school.say(suspended, by: settled.panel)
        #expect(
            settled.school.authority.suspended(lead) != nil
                && settled.school.authority.leads(beside: settled.deputy) == [])
        #expect(settled.school.authority.notices.last?.event == .leadSuspended)
        #expect(settled.school.unlawful(.registerRead(.random()), by: .person(lead)) == "author is suspended")
        #expect(settled.school.unlawful(.personRestored(lead), by: .person(settled.panel)) != nil)
        #expect(settled.proposing(.suspension(lead), by: settled.panel) == Self.notProposed)
        let back = try settled.agreed(.restoration(lead), by: settled.panel, and: settled.deputy)
        try settled.school.say(.personRestored(lead, under: back), by: settled.panel)
        #expect(settled.school.may(.read, lead))
        #expect(settled.school.authority.notices.last?.with == settled.deputy)
        #expect(settled.school.unlawful(suspended, by: .person(settled.panel)) == Self.underNone)
    }

    @Test func `Who suspends everyone else, or makes them join again, is not alone before the week is over`() throws {
        for byResetting in [false, true] {
            var settled = try Settled()
            let person = try settled.school.add([.panel], ready: false)
            let from = settled.school.time
            for one in [settled.deputy, settled.panel] {
                if byResetting {
                    try settled.joinAgain(one)
                } else {
                    try settled.school.say(.personSuspended(one), by: settled.lead)
                }
            }
            #expect(settled.giving(person) == Self.alone)
            if byResetting { #expect(settled.giving(settled.deputy) == Self.alone) }
            settled.school.time = from + Self.week - 1
            #expect(settled.giving(person) == Self.alone)
            settled.school.time = from + Self.week + 10
            #expect(settled.giving(person) == nil)
        }
        // Where there is one deputy alone, nobody else can be asked about their own keys.
        var school = try School()
        let deputy = try school.add([.deputy])
        school.time += Self.week
        let (code, seed) = try school.code()
        try school.say(.personReset(deputy, code), by: school.founder)
        let (joining, items) = try school.joining(deputy, seed)
        try school.say(.personJoined(joining), by: deputy, items: items)
        try school.say(.personEnrolled(deputy), by: deputy)
        try school.say(school.confirmation(of: deputy), by: school.founder)
        #expect(school.authority.notices.last?.event == .joinedAgain)
        #expect(school.authority.notices.last?.with == nil)
    }

    @Test func `A recovery key is made of what was agreed to, and of nothing else`() throws {
        var settled = try Settled()
        func made(
            _ identity: IdentityID, _ row: ItemID, threshold: UInt64 = 2, shares: Int = 3, under id: ProposalID?
        ) throws -> (Act, [Item]) {
            let wraps = [settled.school.register, settled.school.team, settled.school.intake].map {
                WrapEdge(item: .random(), identity: $0, holder: identity)
            }
            let act = RecoveryAct(
                identity: identity, verifyingKey: try SigningKey.generate().verifyingKey.rawRepresentation,
                threshold: threshold, shares: (0..<shares).map { digest("share \($0)") }, row: row, wraps: wraps,
                under: id)
            return (
                .recoverySet(act),
                [School.recipient(identity)] + wraps.map { Item(id: $0.item, kind: .wrap, digest: digest("w")) }
            )
        }
        func why(_ made: (Act, [Item])) -> String? {
            settled.school.unlawful(made.0, by: .person(settled.lead), items: made.1)
        }
        let (identity, row) = (IdentityID.random(), Item(id: .random(), kind: .personRow, digest: digest("row")))
        let own = Item(id: .random(), kind: .personRow, digest: digest("row"))
        var (act, items) = try made(identity, own.id, under: nil)
        #expect(why((act, items + [own])) == Self.alone)
        let id = try settled.propose(
            .recoveryKey(identity, row: row.id, threshold: 2, shares: 3), by: settled.lead, items: [row])
        #expect(try why(made(identity, row.id, under: id)) == Self.underNone)
        try settled.school.say(.proposalAgreed(id), by: settled.panel)
        #expect(try why(made(identity, row.id, under: id)) == nil)
        #expect(try why(made(.random(), row.id, under: id)) == Self.underNone)
        #expect(try why(made(identity, row.id, threshold: 3, under: id)) == Self.underNone)
        #expect(try why(made(identity, row.id, shares: 4, under: id)) == Self.underNone)
        (act, items) = try made(identity, own.id, under: id)
        #expect(why((act, items + [own])) == Self.underNone)
        (act, items) = try made(identity, row.id, under: id)
        try settled.school.say(act, by: settled.lead, items: items)
        #expect(settled.school.authority.notices.last?.event == .recoveryKeyMade)
        #expect(settled.school.authority.recoveryInForce?.row == row.id)
    }
}
