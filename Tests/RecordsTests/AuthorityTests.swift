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
        #expect(school.authority.allows(.managePeople, school.founder))
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
            #expect(school.unlawful(act, by: admin, pupilFile: file) == "author may not read")
            #expect(school.unlawful(act, by: panel, pupilFile: file) == "author may not read")
            #expect(school.unlawful(act, by: deputy, pupilFile: file) == nil)
        }
        #expect(school.unlawful(filing, by: panel, pupilFile: file) == "author may not file")
        #expect(school.unlawful(.uploadDiscarded(.random()), by: panel) == "author may not file")
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

        let (person, items) = try School.person(.random(), roles: [.dsl])
        #expect(school.unlawful(.personAdded(person), by: admin, items: items) == "author may not manage-people")
        #expect(school.unlawful(.personAdded(person), by: deputy, items: items) == "author may not manage-people")
        let (pupil, rows) = School.pupil("P-AAAAA", heldBy: school.team)
        #expect(
            school.unlawful(.pupilRegistered(pupil), by: admin, pupilFile: .random(), items: rows)
                == "author may not manage-pupils")
        #expect(school.unlawful(.pupilRegistered(pupil), by: deputy, pupilFile: .random(), items: rows) == nil)
        #expect(school.unlawful(.policyAdopted(school.abilities), by: deputy) == "author may not manage-people")
    }

    @Test func `Somebody whose first sign-in is unfinished may only sign in and enrol`() throws {
        var school = try School()
        let new = try school.add([.dsl], enrolled: false)
        #expect(school.unlawful(.signedIn(.random()), by: .person(new)) == nil)
        #expect(school.unlawful(.registerRead(.random()), by: .person(new)) == "author not enrolled")
        let (person, items) = try School.person(.random(), roles: [.dsl])
        #expect(school.unlawful(.personAdded(person), by: .person(new), items: items) == "author not enrolled")
        let keybox = Item(id: .random(), kind: .keybox, digest: digest("k"))
        #expect(
            school.unlawful(.personEnrolled(new, keybox: keybox.id), by: .person(school.founder), items: [keybox])
                == "enrolled by another, or twice")
        #expect(school.unlawful(.personEnrolled(new, keybox: keybox.id), by: .person(new)) == "no keybox committed")
        try school.say(.personEnrolled(new, keybox: keybox.id), by: new, items: [keybox])
        let again = Item(id: .random(), kind: .keybox, digest: digest("again"))
        #expect(
            school.unlawful(.personEnrolled(new, keybox: again.id), by: .person(new), items: [again])
                == "enrolled by another, or twice")
        #expect(school.authority.people[new]?.keybox == keybox.id)
        #expect(school.authority.allows(.managePeople, new))
    }

    @Test func `Who is suspended says nothing, and only who may suspends and restores, in turn`() throws {
        var school = try School()
        let (admin, second) = (try school.add([.admin]), try school.add([.dsl]))
        let manager = try school.add([.accountManager])
        // A school may let somebody manage people who leads nothing.
        let abilities = school.abilities.byRole.merging([.accountManager: [.managePeople]]) { $1 }
        try school.say(.policyAdopted(Abilities(byRole: abilities)), by: school.founder)
        let file = try school.register()
        let station = try school.addStation(for: [file], until: 1 << 40)
        let refused = "suspended or restored by who may not"
        #expect(school.unlawful(.personSuspended(admin), by: .person(admin)) == "author may not manage-people")
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
        #expect(!school.authority.allows(.file, admin) && school.authority.people[admin]?.suspended != nil)
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
        #expect(school.authority.allows(.file, admin))
        #expect(school.unlawful(.batchClosed(batch), by: .person(admin)) == nil)
    }

    @Test func `The service may not say what is a person's to say`() throws {
        let school = try School()
        let people: [Act] = [
            .signedIn(.random()), .accessRefused(code: "c"), .registerRead(.random()), .chronologyRead(.random()),
            .documentOpened(.random(), .random(), .view), .uploadDiscarded(.random()),
            .policyAdopted(school.abilities),
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
        try school.say(.policyAdopted(fewer), by: .person(school.founder), policy: other)
        #expect(school.unlawful(act, by: .person(school.founder), policy: other) == nil)
        #expect(!school.authority.allows(.read, school.founder))
        #expect(
            school.unlawful(.chronologyRead(.random()), by: .person(school.founder), policy: other)
                == "author may not read")
    }

    @Test func `An item is named once`() throws {
        var school = try School()
        let id = PersonID.random()
        let (act, items) = try School.person(id, roles: [.staff])
        let twice = items + [items[0]]
        #expect(school.unlawful(.personAdded(act), by: .person(school.founder), items: twice) == "item named twice")
        try school.say(.personAdded(act), by: school.founder, items: items)
        // A later statement may not give a known item other bytes.
        let keybox = Item(id: act.keybox, kind: .keybox, digest: digest("another"))
        #expect(
            school.unlawful(.personEnrolled(id, keybox: keybox.id), by: .person(id), items: [keybox])
                == "item named twice")
        #expect(school.authority.items[act.keybox] == items.first { $0.kind == .keybox })
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
        let (first, its) = try School.person(.random(), roles: [.staff], nameTag: tag)
        try school.say(.personAdded(first), by: school.founder, items: its)
        let (second, others) = try School.person(.random(), roles: [.staff], nameTag: tag)
        #expect(school.unlawful(.personAdded(second), by: founder, items: others) == "person added twice")
    }

    @Test func `Keys that a statement names have to come with it`() throws {
        let school = try School()
        let founder = Author.person(school.founder)
        let (person, items) = try School.person(.random(), roles: [.staff])
        for missing in items {
            #expect(
                school.unlawful(.personAdded(person), by: founder, items: items.filter { $0 != missing })
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

    @Test func `Adding a person gives keys to that person alone, and those that the roles need`() throws {
        let school = try School()
        let other = try #require(school.authority.people[school.founder]).identity
        for (roles, identity, isLawful) in [
            (Set<Role>([.admin]), school.register, true), ([.admin], school.team, false),
            ([.deputy], school.team, true),
            ([.deputy], school.register, true), ([.panel], school.register, false), ([.panel], other, false),
        ] {
            let (plain, items) = try School.person(.random(), roles: roles)
            let wrap = Item(id: .random(), kind: .wrap, digest: digest("w"))
            for holder in [plain.identity, other] {
                let act = PersonAct(
                    person: plain.person, identity: plain.identity, verifyingKey: plain.verifyingKey,
                    nameTag: plain.nameTag, roles: roles, keybox: plain.keybox, row: plain.row,
                    wraps: [WrapEdge(item: wrap.id, identity: identity, holder: holder)])
                let why = school.unlawful(.personAdded(act), by: .person(school.founder), items: items + [wrap])
                #expect(
                    why
                        == (isLawful && holder == plain.identity
                            ? nil : "a key that the person's roles do not need"))
            }
        }
    }

    @Test func `A vault is founded once, and a refused statement changes nothing`() throws {
        var school = try School()
        let founding = try #require(school.authority.founding)
        #expect(school.unlawful(.vaultFounded(founding), by: .person(school.founder)) != nil)
        let people = school.authority.people
        let items = school.authority.items
        let (person, its) = try School.person(.random(), roles: [.staff])
        #expect(throws: StatementError.self) {
            try school.say(.personAdded(person), by: school.founder, items: Array(its.dropLast()))
        }
        #expect(school.authority.people == people && school.authority.items == items)
        try school.say(.personAdded(person), by: school.founder, items: its)
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
            abilities: founding.abilities, founder: act)
        let late = school.statement(.vaultFounded(other), by: .person(impostor))
        #expect(late.index > 0)
        #expect(school.authority.verifyingKey(for: late) == nil)
        let own = school.statement(.signedIn(.random()), by: .person(school.founder))
        #expect(school.authority.verifyingKey(for: own)?.rawRepresentation == founding.founder.verifyingKey)
    }
}
