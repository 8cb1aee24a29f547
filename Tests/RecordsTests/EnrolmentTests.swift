import Records
import Sealing
import Testing

/// From an invitation to work, as replay holds it.
@Suite struct EnrolmentTests {
    @Test func `Keys count only with the signature of the invitation's code, once, and while it counts`() throws {
        var school = try School()
        let invited = try school.invited([.admin])
        let id = invited.act.person
        let (joining, items) = try school.joining(id, invited.seed)
        let never = "joined without an invitation that counts"
        #expect(school.unlawful(.personJoined(joining), by: .person(id), items: items) == never)
        try school.say(.personInvited(invited.act), by: school.founder, items: invited.items)
        #expect(school.authority.people[id] == nil && school.authority.peopleByTag[invited.act.nameTag] == id)

        let forged = "keys that the invitation's code did not sign for"
        let (byAnother, its) = try school.joining(id, Randomness.bytes(32))
        #expect(school.unlawful(.personJoined(byAnother), by: .person(id), items: its) == forged)
        let (elsewhere, theirs) = try school.joining(id, invited.seed, vault: .random())
        #expect(school.unlawful(.personJoined(elsewhere), by: .person(id), items: theirs) == forged)
        // The signature is over this recipient and this keybox, not over others with the same ids.
        for changed in [0, 1] {
            var others = items
            others[changed] = Item(id: items[changed].id, kind: items[changed].kind, digest: digest("another"))
            #expect(school.unlawful(.personJoined(joining), by: .person(id), items: others) == forged)
        }
        #expect(school.unlawful(.personJoined(joining), by: .person(school.founder), items: items) == never)

        var late = school
        late.time += 24 * 3_600_000
        #expect(late.unlawful(.personJoined(joining), by: .person(id), items: items) == never)
        late.time -= 1
        try late.say(.personSuspended(id), by: school.founder)
        late.time -= 1
        #expect(late.unlawful(.personJoined(joining), by: .person(id), items: items) == never)

        try school.say(.personJoined(joining), by: id, items: items)
        let (again, others) = try school.joining(id, invited.seed)
        #expect(school.unlawful(.personJoined(again), by: .person(id), items: others) == never)
    }

    @Test func `An invitation counts for 24 hours at most, and of leads, deputies and panel only from a lead`() throws {
        var school = try School()
        let manager = Author.person(try school.add([.accountManager]))
        let founder = Author.person(school.founder)
        for (hours, why) in [
            (24, nil), (0, "an invitation for longer than 24 hours, or of no key"),
            (25, "an invitation for longer than 24 hours, or of no key"),
        ] as [(Int64, String?)] {
            let invited = try school.invited([.staff], hours: hours)
            #expect(school.unlawful(.personInvited(invited.act), by: founder, items: invited.items) == why)
            #expect(school.unlawful(.personInvited(invited.act), by: manager, items: invited.items) == why)
        }
        for roles: Set<Role> in [[.dsl], [.deputy], [.panel], [.staff, .deputy], []] {
            let invited = try school.invited(roles)
            #expect(
                school.unlawful(.personInvited(invited.act), by: manager, items: invited.items)
                    == "invited by who may not, or as nothing", "\(roles)")
        }
    }

    @Test func `Before the keys are given, a person may sign in, set up and acknowledge, and nothing else`() throws {
        var school = try School()
        let id = try school.add([.admin], enrolled: false)
        let own = Author.person(id)
        #expect(school.unlawful(.signedIn(.random()), by: own) == nil)
        #expect(
            school.unlawful(.policyAcknowledged(version: School.policyVersion), by: own) == "author not enrolled")
        #expect(
            school.unlawful(.personEnrolled(id), by: .person(school.founder)) == "enrolled by another, or twice")
        let early = school.confirmation(of: id)
        let notReady = "keys given to who has them, is not ready for them, or by who may not"
        #expect(school.unlawful(early, by: .person(school.founder)) == notReady)
        try school.say(.personEnrolled(id), by: id)
        #expect(school.unlawful(.personEnrolled(id), by: own) == "enrolled by another, or twice")
        #expect(school.unlawful(.registerRead(.random()), by: own) == "author's keys were not compared")
        #expect(school.unlawful(.batchOpened(.random()), by: own) == "author's keys were not compared")
        #expect(!school.may(.file, id))
        try school.say(.policyAcknowledged(version: School.policyVersion), by: id)
        #expect(school.unlawful(early, by: own) == "author's keys were not compared")
        try school.say(early, by: school.founder)
        #expect(school.unlawful(early, by: .person(school.founder)) == notReady)
        #expect(school.unlawful(.registerRead(.random()), by: own) == nil)
    }

    @Test func `Without the policy in force acknowledged and a training that counts nobody files or reads`() throws {
        var school = try School(isReady: false)
        let file = try school.register()
        let id = try school.add([.deputy], ready: false)
        try school.say(school.confirmation(of: id), by: school.founder)
        let own = Author.person(id)
        func why(_ school: School) -> String? { school.unlawful(.chronologyRead(.random()), by: own, pupilFile: file) }
        #expect(why(school) == "author may not read: access.policy-not-acknowledged")
        #expect(
            school.unlawful(.batchOpened(.random()), by: own) == "author may not file: access.policy-not-acknowledged")
        #expect(
            school.unlawful(.policyAcknowledged(version: "2025-09"), by: own)
                == "another policy than the one in force")
        try school.say(.policyAcknowledged(version: School.policyVersion), by: id)
        #expect(why(school) == "author may not read: access.training-missing")
        try school.say(.trainingRecorded(School.training(of: id, until: school.time + 10)), by: school.founder)
        #expect(why(school) == nil && school.may(.read, id))
        // What needs neither goes on without: a lead has to be able to put things right.
        #expect(school.may(.managePeople, school.founder) && !school.may(.read, school.founder))
        var later = school
        later.time += 10
        #expect(why(later) == "author may not read: access.training-missing")
        try school.say(
            .policyAdopted(school.abilities, school.twoPeople, passkeyRoles: [], acceptableUse: "2027-09"),
            by: school.founder)
        #expect(why(school) == "author may not read: access.policy-not-acknowledged")
    }

    @Test func `Who is made to join again has other keys, and statements of the old ones stay good`() throws {
        var school = try School()
        let (id, second) = (try school.add([.admin]), try school.add([.dsl]))
        let before = school.statement(.registerRead(.random()), by: .person(id))
        try school.say(.registerRead(.random()), by: id)
        let old = try #require(school.authority.people[id])
        #expect(school.unlawful(.personReset(id, try school.code().0), by: .person(id)) != nil)
        let refused = "made to join again by who may not"
        #expect(
            school.unlawful(.personReset(school.founder, try school.code().0), by: .person(school.founder)) == refused)
        #expect(school.unlawful(.personReset(.random(), try school.code().0), by: .person(school.founder)) == refused)
        let manager = try school.add([.accountManager])
        #expect(school.unlawful(.personReset(second, try school.code().0), by: .person(manager)) == refused)

        let (code, seed) = try school.code()
        try school.say(.personReset(id, code), by: manager)
        #expect(!school.may(.file, id))
        for act: Act in [.signedIn(.random()), .personEnrolled(id), .registerRead(.random())] {
            #expect(school.unlawful(act, by: .person(id)) == "author's keys are being replaced")
        }
        let (joining, items) = try school.joining(id, seed)
        let statement = school.statement(.personJoined(joining), by: .person(id), items: items)
        #expect(school.authority.verifyingKey(for: statement)?.rawRepresentation == joining.verifyingKey)
        try school.say(.personJoined(joining), by: id, items: items)
        let new = try #require(school.authority.people[id])
        #expect(new.identity != old.identity && new.keybox != old.keybox && new.verifyingKey != old.verifyingKey)
        #expect(school.authority.verifyingKey(for: before) == old.verifyingKey)
        #expect(school.authority.verifyingKey(for: statement) == new.verifyingKey)
        #expect(school.unlawful(.registerRead(.random()), by: .person(id)) == "author not enrolled")
        try school.say(.personEnrolled(id), by: id)
        // A comparison of the keys before is one of other keys.
        let stale = ConfirmationAct(person: id, identity: old.identity, wraps: [])
        #expect(school.unlawful(.personConfirmed(stale), by: .person(school.founder)) != nil)
        try school.say(school.confirmation(of: id), by: school.founder)
        #expect(school.may(.file, id), "policy and training stay theirs")
    }

    @Test func `A role changes with the keys: whoever has another joins again, and is given what it needs alone`()
        throws
    {
        var school = try School()
        let (id, second) = (try school.add([.deputy]), try school.add([.dsl]))
        let manager = try school.add([.accountManager])
        let refused = "made to join again by who may not, or as nothing"
        func change(_ id: PersonID, _ roles: Set<Role>, _ school: School, by author: PersonID) throws -> String? {
            school.unlawful(.personReset(id, try school.code().0, roles: roles), by: .person(author))
        }
        for roles: Set<Role> in [[], [.station], [.dsl], [.panel, .staff]] {
            #expect(try change(id, roles, school, by: manager) == refused)
        }
        #expect(try change(second, [.staff], school, by: manager) == "made to join again by who may not")
        #expect(try change(second, [.staff], school, by: school.founder) == nil)
        #expect(try change(id, [.staff], school, by: manager) == nil)
        let (code, seed) = try school.code()
        try school.say(.personReset(id, code, roles: [.staff]), by: school.founder)
        // Made to join once more meanwhile, they stay what they were to be.
        let (next, nextSeed) = try school.code()
        try school.say(.personReset(id, next), by: manager)
        _ = seed
        let (joining, items) = try school.joining(id, nextSeed)
        try school.say(.personJoined(joining), by: id, items: items)
        #expect(school.authority.people[id]?.roles == [.staff])
        try school.say(.personEnrolled(id), by: id)
        let wrap = Item(id: .random(), kind: .wrap, digest: digest("w"))
        let edge = WrapEdge(item: wrap.id, identity: school.team, holder: joining.identity)
        #expect(
            school.unlawful(school.confirmation(of: id, wraps: [edge]), by: .person(school.founder), items: [wrap])
                == "a key that the person's roles do not need")
        try school.say(school.confirmation(of: id), by: school.founder)
        #expect(school.may(.file, id) && !school.may(.read, id))
        // Who is to be a lead is a lead's alone to change, from the invitation on.
        try school.say(.personReset(id, try school.code().0, roles: [.dsl]), by: school.founder)
        #expect(try change(id, [.staff], school, by: manager) == "made to join again by who may not")
    }

    @Test func `Somebody who becomes a lead is made one, and has not merely joined again`() throws {
        var school = try School()
        let (deputy, staff) = (try school.add([.deputy]), try school.add([.staff]))
        school.time += Int64(school.twoPeople.newForDays) * 86_400_000
        let (code, seed) = try school.code()
        try school.say(.personReset(staff, code, roles: [.dsl]), by: school.founder)
        let (joining, items) = try school.joining(staff, seed)
        try school.say(.personJoined(joining), by: staff, items: items)
        try school.say(.personEnrolled(staff), by: staff)
        func needs(_ acts: Set<TwoPersonAct>) throws -> Bool {
            var copy = school
            try copy.say(
                .policyAdopted(
                    copy.abilities, TwoPersonRule(acts: acts, newForDays: 7), passkeyRoles: [],
                    acceptableUse: School.policyVersion), by: copy.founder)
            return copy.authority.needsSecond(
                for: .keys(staff, joining.identity), by: copy.founder, at: Timestamp(milliseconds: copy.time))
        }
        #expect(try needs([.makeLead]))
        #expect(try !needs([.joinAgain, .makeDeputy]))
        _ = deputy
    }

    @Test func `Who confirms gives keys to that person alone, and those that the roles need`() throws {
        var school = try School()
        let manager = try school.add([.accountManager])
        let other = try #require(school.authority.people[school.founder]).identity
        for (roles, identity, isLawful) in [
            (Set<Role>([.admin]), school.register, true), ([.admin], school.team, false),
            ([.deputy], school.team, true),
            ([.deputy], school.register, true), ([.panel], school.register, false), ([.panel], other, false),
        ] {
            let id = try school.add(roles, ready: false)
            let own = try #require(school.authority.people[id]).identity
            let wrap = Item(id: .random(), kind: .wrap, digest: digest("w"))
            for holder in [own, other] {
                let edge = WrapEdge(item: wrap.id, identity: identity, holder: holder)
                let act = school.confirmation(of: id, wraps: [edge])
                #expect(
                    school.unlawful(act, by: .person(school.founder), items: [wrap])
                        == (isLawful && holder == own ? nil : "a key that the person's roles do not need"))
                #expect(
                    school.unlawful(act, by: .person(manager), items: [wrap])
                        == "author may not give-access: access.not-entitled")
            }
        }
    }

    @Test func `A recovery code is used once, and there are ten`() throws {
        var school = try School()
        let id = try school.add([.staff])
        try school.say(.recoveryCodeUsed(number: 10), by: id)
        for number: UInt64 in [10, 0, 11] {
            #expect(school.unlawful(.recoveryCodeUsed(number: number), by: .person(id)) == "a recovery code used twice")
        }
        #expect(school.unlawful(.recoveryCodeUsed(number: 10), by: .person(school.founder)) == nil)
    }

    @Test func `Access is given by who may, to another, once, for some time, and shared while it lasts`() throws {
        var school = try School()
        let file = try school.register()
        let elsewhere = try school.register("P-BBBBB")
        let staff = try school.add([.staff])
        let deputy = try school.add([.deputy])
        let founder = Author.person(school.founder)
        func giving(
            to person: PersonID, whole: Bool = true, until: Int64 = 1 << 49, identity: IdentityID? = nil
        ) -> (AccessAct, [Item]) {
            let detail = Item(id: .random(), kind: .detail, digest: digest("d"))
            let key = Item(id: .random(), kind: .detailKey, digest: digest("k"))
            let act = AccessAct(
                access: .random(), person: person,
                identity: identity ?? school.authority.people[person]?.identity ?? .random(), whole: whole,
                expires: Timestamp(milliseconds: until), detail: detail.id, detailKey: key.id)
            return (act, [detail, key])
        }
        func why(_ act: (AccessAct, [Item]), by author: Author, about file: PupilFileID? = file) -> String? {
            school.unlawful(.accessGiven(act.0), by: author, pupilFile: file, items: act.1)
        }
        let nobody = "access given to oneself, or to who cannot have any"
        #expect(why(giving(to: staff), by: .person(deputy)) == "author may not give-access: access.not-entitled")
        #expect(why(giving(to: school.founder), by: founder) == nobody)
        #expect(why(giving(to: .random()), by: founder) == nobody)
        #expect(why(giving(to: staff, identity: .random()), by: founder) == nobody)
        let early = try school.add([.staff], ready: false)
        #expect(why(giving(to: early), by: founder) == nobody)
        let nothing = "access given twice, to nobody's file, or for no time"
        #expect(why(giving(to: staff, until: school.time), by: founder) == nothing)
        #expect(why(giving(to: staff), by: founder, about: .random()) == nothing)
        #expect(why(giving(to: staff), by: founder, about: nil) == nothing)
        let (act, items) = giving(to: staff, until: school.time + 100)
        #expect(
            school.unlawful(.accessGiven(act), by: founder, pupilFile: file, items: [items[0]])
                == "access under another pupil's detail key")
        try school.say(.accessGiven(act), by: school.founder, pupilFile: file, items: items)
        #expect(why((act, []), by: founder) == nothing)
        let bare = giving(to: staff)
        #expect(why((bare.0, [bare.1[1]]), by: founder) == "access without its detail")

        // Shares bring their items, and go to an access to this file that lasts.
        let share = Share(access: act.access, document: .random(), header: .random(), rowKey: .random())
        let brought = [
            Item(id: share.header, kind: .header, digest: digest("h")),
            Item(id: share.rowKey, kind: .rowKey, digest: digest("r")),
        ]
        let none = "shared under no access to this file"
        func extend(_ shares: [Share], _ items: [Item], _ file: PupilFileID) -> String? {
            school.unlawful(.accessExtended(shares), by: founder, pupilFile: file, items: items)
        }
        #expect(extend([share], brought, file) == nil)
        #expect(extend([share], [brought[0]], file) == none && extend([share], brought, elsewhere) == none)
        #expect(extend([], [], file) == "too many shares, or none")
        let foreign = Share(access: .random(), document: .random(), header: share.header, rowKey: share.rowKey)
        #expect(extend([foreign], brought, file) == none)
        #expect(
            school.unlawful(.documentOpened(.random(), .random(), .view), by: .person(staff), pupilFile: file) == nil)
        #expect(
            school.unlawful(.documentOpened(.random(), .random(), .view), by: .person(staff), pupilFile: elsewhere)
                == "author may not read: access.not-entitled")
        // What is filed is shared with whole accesses of that file alone, and only its own document.
        func filing(_ share: (DocumentID) -> Share, _ file: PupilFileID) throws -> String? {
            let (plain, items) = try School.filing()
            guard case .documentFiled(let of) = plain else { return "no filing" }
            let share = share(of.document)
            let act = FilingAct(
                document: of.document, upload: of.upload, payload: of.payload, detail: of.detail,
                detailKey: of.detailKey, quarantine: nil, batch: nil, shares: [share], contentTag: of.contentTag)
            let shared = [
                Item(id: share.header, kind: .header, digest: digest("h")),
                Item(id: share.rowKey, kind: .rowKey, digest: digest("r")),
            ]
            return school.unlawful(
                .documentFiled(act), by: .person(deputy), pupilFile: file, items: items + shared)
        }
        func own(_ document: DocumentID) -> Share {
            Share(access: act.access, document: document, header: .random(), rowKey: .random())
        }
        let refused = "filed for somebody without access to the file"
        #expect(try filing(own, file) == nil)
        #expect(try filing(own, elsewhere) == refused)
        #expect(try filing({ _ in own(.random()) }, file) == refused)
        school.time += 100
        #expect(try filing(own, file) == refused && extend([share], brought, file) == none)
        #expect(
            school.unlawful(.documentOpened(.random(), .random(), .view), by: .person(staff), pupilFile: file)
                == "author may not read: access.not-entitled")
        try school.say(.accessEnded(act.access), by: school.founder, pupilFile: file)
        #expect(
            school.unlawful(.accessEnded(act.access), by: founder, pupilFile: file)
                == "no access to this file, or ended twice")
    }
}
