import Records
import Sealing
import Testing

@Suite struct AuthorityTests {
    @Test func `A founding makes its founder the lead, enrolled`() throws {
        let school = try School()
        let founder = try #require(school.authority.people[school.founder])
        #expect(founder.enrolled && founder.roles == [.dsl])
        #expect(school.authority.identities[school.register] == .register)
        #expect(school.authority.identities[school.team] == .team)
        #expect(school.authority.policy == school.policy)
        #expect(school.may(.managePeople, school.founder))
    }

    @Test func `An author nobody added is refused`() throws {
        let school = try School()
        #expect(school.unlawful(.signedIn(.random()), by: .person(.random())) == "author unknown")
        #expect(school.unlawful(.accessRefused(code: "c"), by: .person(.random())) == "author unknown")
        #expect(school.unlawful(.accessRefused(code: "c"), by: .person(school.founder)) == nil)
    }

    @Test func `A person may say only what their role includes`() throws {
        var school = try School()
        let file = try school.register()
        let admin = Author.person(try school.add([.admin]))
        let deputy = Author.person(try school.add([.deputy]))
        let panel = Author.person(try school.add([.panel]))
        let reading = Act.chronologyRead(.random())
        let opening = Act.documentOpened(.random(), .random(), .view)
        let document = DocumentID.random()
        let header = Item(id: try #require(ItemID(document.bytes)), kind: .header, digest: digest("h"))
        let detail = Item(id: .random(), kind: .detail, digest: digest("d"))
        let key = Item(id: .random(), kind: .detailKey, digest: digest("k"))
        let filing = Act.documentFiled(
            FilingAct(
                document: document, upload: .random(), payload: School.payload(), detail: detail.id, detailKey: key.id,
                quarantine: nil, batch: nil,
                contentTag: Randomness.bytes(32)))
        for act in [reading, opening] {
            #expect(school.unlawful(act, by: admin, pupilFile: file) == "author may not read: access.not-entitled")
            #expect(school.unlawful(act, by: panel, pupilFile: file) == "author may not read: access.not-entitled")
            #expect(school.unlawful(act, by: deputy, pupilFile: file) == nil)
        }
        #expect(school.unlawful(filing, by: panel, pupilFile: file) == "author may not file: access.not-entitled")
        #expect(school.unlawful(.uploadDiscarded(.random()), by: panel) == "author may not file: access.not-entitled")
        #expect(school.unlawful(filing, by: admin, pupilFile: file, items: [header, detail, key]) == nil)
        #expect(
            school.unlawful(filing, by: admin, pupilFile: file, items: [header, detail])
                == "filed under another pupil's detail key")
        // A detail key serves the pupil file that it came for, and comes once.
        try school.say(filing, by: admin, pupilFile: file, items: [header, detail, key])
        #expect(school.unlawful(filing, by: admin, pupilFile: file, items: [header, detail]) == nil)
        #expect(
            school.unlawful(filing, by: admin, pupilFile: file, items: [header, detail, key])
                == "detail key named twice")
        let other = try school.register("P-BBBBB")
        #expect(
            school.unlawful(filing, by: admin, pupilFile: other, items: [header, detail])
                == "filed under another pupil's detail key")
        // A filing brings its header and its detail, and goes to somebody on the register.
        for items in [[header], [detail], []] {
            #expect(
                school.unlawful(filing, by: admin, pupilFile: file, items: items) == "filed without header or detail")
        }
        #expect(
            school.unlawful(filing, by: admin, pupilFile: .random(), items: [header, detail])
                == "filed for nobody on the register")

        let invited = try school.invited([.staff])
        for author in [admin, deputy] {
            #expect(
                school.unlawful(.personInvited(invited.act), by: author, items: invited.items)
                    == "author may not manage-people: access.not-entitled")
        }
        let (pupil, rows) = School.pupil("P-AAAAA", heldBy: school.team)
        #expect(
            school.unlawful(.pupilRegistered(pupil), by: admin, pupilFile: .random(), items: rows)
                == "author may not manage-pupils: access.not-entitled")
        #expect(school.unlawful(.pupilRegistered(pupil), by: deputy, pupilFile: .random(), items: rows) == nil)
        let manager = Author.person(try school.add([.accountManager]))
        for author in [deputy, manager] {
            #expect(
                school.unlawful(
                    .policyAdopted(school.abilities, school.twoPeople, passkeyRoles: [], acceptableUse: "2"), by: author
                )
                    == "author may not give-access: access.not-entitled")
        }
    }

    @Test func `Who is suspended says nothing, and only who may suspends and restores, in turn`() throws {
        var school = try School()
        let (admin, second) = (try school.add([.admin]), try school.add([.dsl]))
        let manager = try school.add([.accountManager])
        let file = try school.register()
        let station = try school.addStation(for: [file], until: 1 << 40)
        let refused = "suspended or restored by who may not"
        #expect(
            school.unlawful(.personSuspended(admin), by: .person(admin))
                == "author may not manage-people: access.not-entitled")
        #expect(school.unlawful(.personSuspended(admin), by: .service) == "the service may not say person.suspended")
        #expect(school.unlawful(.personSuspended(manager), by: .person(manager)) == refused)
        #expect(school.unlawful(.personSuspended(school.founder), by: .person(manager)) == refused)
        #expect(school.unlawful(.personSuspended(station), by: .person(manager)) == refused)
        #expect(school.unlawful(.personSuspended(.random()), by: .person(manager)) == refused)
        #expect(
            school.unlawful(.personRestored(admin), by: .person(manager)) == "suspended or restored twice")
        let batch = BatchID.random()
        try school.say(.batchOpened(batch), by: admin)
        let (filing, items) = try School.filing(in: batch)
        #expect(school.unlawful(filing, by: .person(station), pupilFile: file, items: items) == nil)
        try school.say(.personSuspended(admin), by: manager)
        #expect(!school.may(.file, admin) && school.authority.people[admin]?.suspended != nil)
        #expect(
            school.unlawful(.personSuspended(admin), by: .person(manager)) == "suspended or restored twice")
        for act: Act in [.signedIn(.random()), .signedOut(.random()), .batchClosed(batch)] {
            #expect(school.unlawful(act, by: .person(admin)) == "author is suspended")
        }
        #expect(
            school.unlawful(filing, by: .person(station), pupilFile: file, items: items)
                == "a station's filing outside an open batch")
        try school.say(.personSuspended(school.founder), by: second)
        #expect(school.unlawful(.personRestored(school.founder), by: .person(manager)) == refused)
        try school.say(.personRestored(admin), by: manager)
        #expect(school.may(.file, admin))
        #expect(school.unlawful(.batchClosed(batch), by: .person(admin)) == nil)
    }

    @Test func `The service may not say what is a person's to say`() throws {
        let school = try School()
        let people: [Act] = [
            .signedIn(.random()), .accessRefused(code: "c"), .registerRead(.random()), .chronologyRead(.random()),
            .documentOpened(.random(), .random(), .view), .uploadDiscarded(.random()),
            .policyAdopted(school.abilities, school.twoPeople, passkeyRoles: [], acceptableUse: "2"),
            .policyAcknowledged(version: School.policyVersion),
            .recoveryCodeUsed(number: 1), .personEnrolled(school.founder),
        ]
        for act in people {
            #expect(school.unlawful(act, by: .service) == "the service may not say \(act.kind.rawValue)")
        }
        #expect(school.unlawful(.signInFailed(nil, count: 2), by: .service) == nil)
        #expect(school.unlawful(.orphanFound(.random()), by: .service) == nil)
    }

    @Test func `Time never goes backwards`() throws {
        var school = try School()
        school.time = 5_000
        try school.say(.accessRefused(code: "c"), by: school.founder)
        #expect(school.authority.newest == Timestamp(milliseconds: 5_000))
        school.time = 4_999
        #expect(school.unlawful(.accessRefused(code: "c"), by: .person(school.founder)) == "time goes backwards")
        school.time = 5_000
        #expect(school.unlawful(.accessRefused(code: "c"), by: .person(school.founder)) == nil)
    }

    @Test func `A statement under policies that are not in force is refused, and new ones have to be adopted`() throws {
        var school = try School()
        let other = digest("other")
        let act = Act.accessRefused(code: "c")
        #expect(
            school.unlawful(act, by: .person(school.founder), policy: other) == "policy is not the one in force")
        let fewer = Abilities(byRole: [.dsl: [.managePeople]])
        try school.say(
            .policyAdopted(fewer, school.twoPeople, passkeyRoles: [], acceptableUse: School.policyVersion),
            by: .person(school.founder),
            policy: other)
        #expect(school.unlawful(act, by: .person(school.founder), policy: other) == nil)
        #expect(!school.may(.read, school.founder))
        #expect(
            school.unlawful(.chronologyRead(.random()), by: .person(school.founder), policy: other)
                == "author may not read: access.not-entitled")
    }

    @Test func `An item is named once`() throws {
        var school = try School()
        let invited = try school.invited([.staff])
        let (act, founder) = (Act.personInvited(invited.act), Author.person(school.founder))
        #expect(school.unlawful(act, by: founder, items: invited.items + [invited.items[0]]) == "item named twice")
        try school.say(act, by: school.founder, items: invited.items)
        // A later statement may not give a known item other bytes.
        let again = Item(id: invited.items[0].id, kind: .personRow, digest: digest("another"))
        let other = try school.invited([.staff])
        #expect(
            school.unlawful(.personInvited(other.act), by: founder, items: other.items + [again]) == "item named twice")
        #expect(school.authority.items[again.id] == invited.items[0])
    }

    @Test func `A pupil, a reference and a person are added once`() throws {
        var school = try School()
        let file = try school.register("P-AAAAA")
        let founder = Author.person(school.founder)
        let (again, items) = School.pupil("P-AAAAA", heldBy: school.team)
        #expect(
            school.unlawful(.pupilRegistered(again), by: founder, pupilFile: .random(), items: items)
                == "pupil registered twice")
        let (same, rows) = School.pupil("P-BBBBB", heldBy: school.team)
        #expect(
            school.unlawful(.pupilRegistered(same), by: founder, pupilFile: file, items: rows)
                == "pupil registered twice")
        #expect(school.unlawful(.pupilRegistered(same), by: founder, items: rows) == "pupil registered twice")
        #expect(school.unlawful(.pupilRegistered(same), by: founder, pupilFile: .random(), items: rows) == nil)

        let tag = Randomness.bytes(32)
        let first = try school.invited([.staff], nameTag: tag)
        try school.say(.personInvited(first.act), by: school.founder, items: first.items)
        let second = try school.invited([.staff], nameTag: tag)
        #expect(
            school.unlawful(.personInvited(second.act), by: founder, items: second.items) == "person invited twice")
    }

    @Test func `Keys that a statement names have to come with it`() throws {
        var school = try School()
        let founder = Author.person(school.founder)
        let invited = try school.invited([.staff])
        let id = invited.act.person
        #expect(school.unlawful(.personInvited(invited.act), by: founder) == "no person-row committed")
        try school.say(.personInvited(invited.act), by: school.founder, items: invited.items)
        let (joining, items) = try school.joining(id, invited.seed)
        for missing in items {
            #expect(
                school.unlawful(.personJoined(joining), by: .person(id), items: items.filter { $0 != missing })
                    == "no \(missing.kind.rawValue) committed")
        }
        let (pupil, rows) = School.pupil("P-AAAAA", heldBy: school.team)
        for missing in rows {
            #expect(
                school.unlawful(
                    .pupilRegistered(pupil), by: founder, pupilFile: .random(), items: rows.filter { $0 != missing })
                    == "no \(missing.kind.rawValue) committed")
        }
    }

    @Test func `Registering a pupil gives the file's key to the team, and no other key to anybody`() throws {
        var school = try School()
        let deputy = Author.person(try school.add([.deputy]))
        let added = try school.add([.admin])
        let admin = try #require(school.authority.people[added])
        let (pupil, rows) = School.pupil("P-AAAAA", heldBy: school.team)
        let extra = Item(id: .random(), kind: .wrap, digest: digest("extra"))
        let own = pupil.wraps[0]
        for edges in [
            [], [WrapEdge(item: own.item, identity: own.identity, holder: admin.identity)],
            [own, WrapEdge(item: extra.id, identity: school.team, holder: admin.identity)],
            [WrapEdge(item: own.item, identity: school.team, holder: admin.identity)],
        ] {
            let act = PupilAct(
                pupil: pupil.pupil, reference: pupil.reference, identity: pupil.identity, row: pupil.row, wraps: edges)
            #expect(
                school.unlawful(.pupilRegistered(act), by: deputy, pupilFile: .random(), items: rows + [extra])
                    == "a pupil file is wrapped to the team alone")
        }
    }

    @Test func `A vault is founded once, and a refused statement changes nothing`() throws {
        var school = try School()
        let founding = try #require(school.authority.founding)
        #expect(school.unlawful(.vaultFounded(founding), by: .person(school.founder)) != nil)
        let tags = school.authority.peopleByTag
        let items = school.authority.items
        let invited = try school.invited([.staff])
        #expect(throws: StatementError.self) { try school.say(.personInvited(invited.act), by: school.founder) }
        #expect(school.authority.peopleByTag == tags && school.authority.items == items)
        try school.say(.personInvited(invited.act), by: school.founder, items: invited.items)
    }

    @Test func `A founding's key is taken only at the ledger's beginning`() throws {
        let school = try School()
        let founding = try #require(school.authority.founding)
        let impostor = PersonID.random()
        let (act, _) = try School.person(impostor, roles: [.dsl])
        let other = FoundingAct(
            vault: founding.vault, origin: founding.origin, serviceKey: founding.serviceKey,
            checkpointKey: founding.checkpointKey, register: founding.register, team: founding.team,
            intake: founding.intake,
            abilities: founding.abilities, acceptableUse: founding.acceptableUse, twoPeople: founding.twoPeople,
            passkeyRoles: [],
            founder: act)
        let late = school.statement(.vaultFounded(other), by: .person(impostor))
        #expect(late.index > 0)
        #expect(school.authority.verifyingKey(for: late) == nil)
        let own = school.statement(.signedIn(.random()), by: .person(school.founder))
        #expect(school.authority.verifyingKey(for: own)?.rawRepresentation == founding.founder.verifyingKey)
    }
}
