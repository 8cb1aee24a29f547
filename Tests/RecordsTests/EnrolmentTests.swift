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
        try school.say(.policyAdopted(school.abilities, acceptableUse: "2027-09"), by: school.founder)
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
}
