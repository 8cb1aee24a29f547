import Records
import Sealing
import Testing

/// The recovery key, as replay holds it (C-09).
@Suite struct RecoveryTests {
    /// A recovery key in force, with what signs for it.
    private struct Key {
        var school: School
        let act: RecoveryAct
        let seed = Randomness.bytes(32)

        init(_ school: School? = nil, threshold: UInt64 = 2, shares: Int = 3) throws {
            self.school = try school ?? School()
            let (act, items) = try Self.made(self.school, seed: seed, threshold: threshold, shares: shares)
            try self.school.say(.recoverySet(act), by: self.school.founder, items: items)
            self.act = act
        }

        static func made(
            _ school: School, seed: [UInt8] = Randomness.bytes(32), threshold: UInt64 = 2, shares: Int = 3,
            reaching: [IdentityID]? = nil, holder: IdentityID? = nil
        ) throws -> (RecoveryAct, [Item]) {
            let identity = IdentityID.random()
            let wraps = (reaching ?? [school.register, school.team, school.intake]).map {
                WrapEdge(item: .random(), identity: $0, holder: holder ?? identity)
            }
            let row = Item(id: .random(), kind: .personRow, digest: digest("row"))
            let act = RecoveryAct(
                identity: identity,
                verifyingKey: try SigningKey(seed: SecretBytes(copying: seed)).verifyingKey.rawRepresentation,
                threshold: threshold, shares: (0..<shares).map { digest("share \($0) of \(identity)") }, row: row.id,
                wraps: wraps)
            return (
                act,
                [School.recipient(identity), row] + wraps.map { Item(id: $0.item, kind: .wrap, digest: digest("w")) }
            )
        }

        /// Somebody becomes lead by it.
        func use(
            person: PersonID? = nil, newcomer: Bool = true, nameTag: [UInt8] = Randomness.bytes(32),
            reaching: [IdentityID]? = nil, suspending: [PersonID]? = nil, recovery: IdentityID? = nil,
            vault: VaultID? = nil, seed: [UInt8]? = nil
        ) throws -> (act: RecoveryUseAct, items: [Item]) {
            let (id, identity) = (person ?? .random(), IdentityID.random())
            let keybox = Item(id: .random(), kind: .keybox, digest: digest("keybox"))
            let row = Item(id: .random(), kind: .personRow, digest: digest("row"))
            let wraps = (reaching ?? [school.register, school.team, school.intake]).map {
                WrapEdge(item: .random(), identity: $0, holder: identity)
            }
            let items =
                [School.recipient(identity), keybox] + (newcomer ? [row] : [])
                + wraps.map { Item(id: $0.item, kind: .wrap, digest: digest("w")) }
            let act = RecoveryUseAct(
                recovery: recovery ?? self.act.identity, person: id, identity: identity,
                verifyingKey: try SigningKey.generate().verifyingKey.rawRepresentation, keybox: keybox.id,
                newcomer: newcomer ? .init(nameTag: nameTag, row: row.id) : nil, wraps: wraps,
                suspended: suspending ?? school.authority.leads(beside: id))
            let proof = try SigningKey(seed: SecretBytes(copying: seed ?? self.seed)).signature(
                for: act.signedBytes(vault: vault ?? school.vault, items: items))
            return (act.signed(by: proof), items)
        }

        func why(_ use: (act: RecoveryUseAct, items: [Item]), by author: PersonID? = nil) -> String? {
            school.unlawful(.recoveryUsed(use.act), by: .person(author ?? use.act.person), items: use.items)
        }
    }

    /// A recovery key of three shares in force, for tests of what needs one.
    static func key(in school: inout School) throws -> IdentityID {
        let key = try Key(school)
        school = key.school
        return key.act.identity
    }

    @Test func `A lead alone makes a recovery key, of 2 to 16 shares, and it reaches just what it has to`() throws {
        var school = try School()
        let deputy = try school.add([.deputy])
        func why(_ made: (RecoveryAct, [Item]), by author: PersonID? = nil) -> String? {
            school.unlawful(.recoverySet(made.0), by: .person(author ?? school.founder), items: made.1)
        }
        #expect(try why(Key.made(school)) == nil && why(Key.made(school, threshold: 16, shares: 16)) == nil)
        #expect(
            try why(Key.made(school), by: deputy) == "author may not give-access: access.not-entitled")
        #expect(try school.unlawful(.recoverySet(Key.made(school).0), by: .service) != nil)
        let shares = "a recovery key without a key, or of no such shares"
        for (threshold, count): (UInt64, Int) in [(1, 3), (0, 3), (4, 3), (2, 1), (1, 1), (2, 0), (2, 17)] {
            #expect(
                try why(Key.made(school, threshold: threshold, shares: count)) == shares, "\(threshold) of \(count)")
        }
        func changed(key: [UInt8]? = nil, shares: [Digest]? = nil) throws -> String? {
            let (act, items) = try Key.made(school)
            let other = RecoveryAct(
                identity: act.identity, verifyingKey: key ?? act.verifyingKey, threshold: 2,
                shares: shares ?? act.shares, row: act.row, wraps: act.wraps)
            return why((other, items))
        }
        #expect(try changed(key: [1, 2, 3]) == shares)
        #expect(try changed(shares: [digest("1"), digest("2"), digest("1")]) == shares)

        let reach = "a recovery key that reaches more or less than register, team and intake queue"
        let all = [school.register, school.team, school.intake]
        for reaching in [[], Array(all.dropLast()), Array(all.reversed()), all + [school.team]] {
            #expect(try why(Key.made(school, reaching: reaching)) == reach)
        }
        #expect(try why(Key.made(school, holder: school.team)) == reach)
        // What it names is brought: the recipient, the names, the wraps.
        for (missing, kind) in [(0, "recipient"), (1, "person-row"), (3, "wrap")] {
            var (act, items) = try Key.made(school)
            items.remove(at: missing)
            #expect(why((act, items)) == "no \(kind) committed")
            (act, items) = try Key.made(school)
            items[missing] = Item(id: items[missing].id, kind: .header, digest: digest("h"))
            #expect(why((act, items)) == "no \(kind) committed")
        }
        let key = try Key(school)
        let state = try #require(key.school.authority.recoveryInForce)
        #expect(state.threshold == 2 && state.shares.count == 3 && state.drilled == nil && state.used == nil)
        #expect(key.school.authority.identities[state.identity] == .recovery)
        #expect(key.school.authority.wraps[school.team]?.map(\.holder).contains(state.identity) == true)
        let again = try Key.made(school)
        #expect(why(again) == nil)
        var twice = key.school
        #expect(
            twice.unlawful(.recoverySet(key.act), by: .person(school.founder), items: []) == "identity named twice")
        try twice.say(.recoverySet(again.0), by: school.founder, items: again.1)
        #expect(twice.authority.recoveryInForce?.identity == again.0.identity && twice.authority.recoveries.count == 2)
    }

    @Test func `A drill is of the key in force, with as many of its shares as are needed, and counts for a year`()
        throws
    {
        var key = try Key()
        let deputy = try key.school.add([.deputy])
        let founder = key.school.founder
        func why(_ shares: [UInt64], of identity: IdentityID? = nil, by author: PersonID? = nil) -> String? {
            key.school.unlawful(
                .recoveryDrilled(RecoveryDrillAct(recovery: identity ?? key.act.identity, shares: shares)),
                by: .person(author ?? founder))
        }
        let other = "a drill of another recovery key, or with too few shares"
        #expect(why([1, 3]) == nil && why([1, 2, 3]) == nil)
        #expect(why([1]) == other && why([]) == other && why([2, 4]) == other && why([1, 2], of: .random()) == other)
        #expect(why([1, 2], by: deputy) == "author may not give-access: access.not-entitled")
        #expect(
            try School().unlawful(
                .recoveryDrilled(RecoveryDrillAct(recovery: .random(), shares: [1, 2])), by: .service) != nil)
        func proven(after days: Int64) -> Bool {
            let time = Timestamp(milliseconds: key.school.time - 1 + days * 86_400_000)
            return key.school.authority.recoveryInForce?.isProven(at: time) == true
        }
        #expect(!proven(after: 0))
        try key.school.say(
            .recoveryDrilled(RecoveryDrillAct(recovery: key.act.identity, shares: [1, 3])), by: founder)
        #expect(proven(after: 0) && proven(after: 364) && !proven(after: 365))
        // A new key has to be tried anew, and the old one no more.
        let (next, items) = try Key.made(key.school)
        try key.school.say(.recoverySet(next), by: founder, items: items)
        #expect(!proven(after: 0) && why([1, 3]) == other && why([1, 3], of: next.identity) == nil)
    }

    @Test func `The recovery key makes one lead, with its signature over all of it, once`() throws {
        var key = try Key()
        let second = try key.school.add([.dsl])
        let deputy = try key.school.add([.deputy])
        let invited = try key.school.invited([.dsl])
        try key.school.say(.personInvited(invited.act), by: key.school.founder, items: invited.items)
        let founder = key.school.founder
        let others = [founder, second, invited.act.person].sorted()
        let use = try key.use()
        #expect(use.act.suspended == others && key.why(use) == nil)

        let forged = "keys that the recovery key did not sign for"
        #expect(try key.why(key.use(seed: Randomness.bytes(32))) == forged)
        #expect(try key.why(key.use(vault: .random())) == forged)
        #expect(key.why((use.act.signed(by: []), use.items)) == forged)
        for place in use.items.indices {
            var items = use.items
            items[place] = Item(id: items[place].id, kind: items[place].kind, digest: digest("another"))
            #expect(key.why((use.act, items)) == forged, "item \(place)")
        }
        #expect(key.why((use.act, use.items + [Item(id: .random(), kind: .wrap, digest: digest("w"))])) == forged)
        let wrong = "a recovery key that is another, or was used"
        #expect(try key.why(key.use(recovery: .random())) == wrong && key.why(use, by: founder) == wrong)
        #expect(key.school.unlawful(.recoveryUsed(use.act), by: .service, items: use.items) != nil)
        #expect(try Key().why(use) == wrong)

        let leads = "a lead not suspended, or no lead"
        for suspending in [[], Array(others.dropLast()), others + [deputy], [deputy]] {
            #expect(try key.why(key.use(suspending: suspending)) == leads)
        }
        let keys = "more or fewer keys than a lead needs"
        let (register, team, intake) = (key.school.register, key.school.team, key.school.intake)
        for reaching in [[], [register, team], [team, register, intake], [register, team, intake, intake]] {
            #expect(try key.why(key.use(reaching: reaching)) == keys)
        }
        // A newcomer is new by id and by name; who is none was a lead.
        let there = "a newcomer who is there already"
        #expect(try key.why(key.use(person: deputy)) == there && key.why(key.use(person: invited.act.person)) == there)
        #expect(try key.why(key.use(nameTag: invited.act.nameTag)) == there && key.why(key.use(nameTag: [1])) == there)
        #expect(try key.why(key.use(newcomer: false)) == "nobody becomes lead")
        let kept = "who was not a lead keeps their keys and role"
        #expect(try key.why(key.use(person: deputy, newcomer: false)) == kept)

        try key.school.say(.recoveryUsed(use.act), by: use.act.person, items: use.items)
        let lead = try #require(key.school.authority.people[use.act.person])
        #expect(lead.roles == [.dsl] && lead.confirmed && !lead.enrolled && lead.suspended == nil)
        #expect(others.allSatisfy { key.school.authority.suspended($0) != nil })
        #expect(key.school.authority.suspended(deputy) == nil && key.school.authority.recoveryInForce == nil)
        #expect(key.school.authority.recoveries.last?.used?.person == lead.id)
        #expect(try key.why(key.use()) == wrong, "it counts once")
        let drill = RecoveryDrillAct(recovery: key.act.identity, shares: [1, 2])
        #expect(!key.school.may(.giveAccess, lead.id))
        // Restricted documents are taken over with it, before the first sign-in is finished, and with these keys alone.
        let (taking, parts) = RestrictedTests.act()
        #expect(key.school.unlawful(taking, by: .person(lead.id), items: parts) == nil)
        try key.school.say(.personEnrolled(lead.id), by: lead.id)
        #expect(key.school.may(.giveAccess, lead.id) && !key.school.may(.read, lead.id))
        #expect(key.school.unlawful(.recoveryDrilled(drill), by: .person(lead.id)) != nil)
        // The lead makes new shares, and who is around is restored.
        let (next, items) = try Key.made(key.school)
        #expect(key.school.unlawful(.recoverySet(next), by: .person(founder), items: items) == "author is suspended")
        var again = key.school
        try again.say(.personRestored(second), by: lead.id)
        let (code, seed) = try again.code()
        try again.say(.personReset(lead.id, code), by: second)
        let (joining, own) = try again.joining(lead.id, seed)
        try again.say(.personJoined(joining), by: lead.id, items: own)
        #expect(again.unlawful(taking, by: .person(lead.id), items: parts) == "author not enrolled")
        try key.school.say(.recoverySet(next), by: lead.id, items: items)
        try key.school.say(.personRestored(second), by: lead.id)
        #expect(key.school.may(.read, second) && !key.school.may(.read, founder))
    }

    @Test func `A lead who lost their keys gets fresh ones, also one who was suspended or has not joined yet`() throws {
        var key = try Key()
        let founder = key.school.founder
        let before = try #require(key.school.authority.people[founder])
        let use = try key.use(person: founder, newcomer: false)
        #expect(use.act.suspended == [])
        try key.school.say(.recoveryUsed(use.act), by: founder, items: use.items)
        let after = try #require(key.school.authority.people[founder])
        #expect(after.identity == use.act.identity && after.verifyingKey != before.verifyingKey && after.confirmed)
        #expect(after.acknowledged == before.acknowledged && after.nameTag == before.nameTag)
        let statement = key.school.statement(.recoveryUsed(use.act), by: .person(founder))
        #expect(key.school.authority.verifyingKey(for: statement)?.rawRepresentation == use.act.verifyingKey)
        #expect(key.school.unlawful(.personEnrolled(founder), by: .person(founder)) == nil)

        var second = try Key()
        let lead = try second.school.add([.dsl])
        let invited = try second.school.invited([.dsl])
        try second.school.say(.personInvited(invited.act), by: lead, items: invited.items)
        try second.school.say(.personSuspended(second.school.founder), by: lead)
        let back = try second.use(person: second.school.founder, newcomer: false)
        #expect(back.act.suspended == [lead, invited.act.person].sorted() && second.why(back) == nil)
        let joins = try second.use(person: invited.act.person, newcomer: false)
        #expect(joins.act.suspended == [lead])
        try second.school.say(.recoveryUsed(joins.act), by: invited.act.person, items: joins.items)
        #expect(second.school.authority.invitations[invited.act.person] == nil)
        #expect(second.school.authority.people[invited.act.person]?.nameTag == invited.act.nameTag)
    }
}
