import Ledger
import Records
import Sealing
import Testing

/// Passkeys, as replay sees them.
@Suite struct PasskeyTests {
    private static func passkey(
        _ name: String = "one", id: PasskeyID = .random()
    ) -> (act: PasskeyAct, items: [Item]) {
        let credential = Item(id: .random(), kind: .credential, digest: digest(name))
        let row = Item(id: .random(), kind: .passkeyRow, digest: digest("row"))
        return (
            PasskeyAct(passkey: id, credential: credential.id, credentialHash: digest(name), row: row.id),
            [credential, row]
        )
    }

    private static func requiring(_ roles: Set<Role>, _ school: School) -> Act {
        .policyAdopted(
            school.abilities, school.twoPeople, passkeyRoles: roles, acceptableUse: School.policyVersion)
    }

    @Test func `A passkey is its person's own, added once, and nobody has more than ten`() throws {
        var school = try School()
        let (id, other) = (try school.add([.admin], enrolled: false), try school.add([.staff]))
        let first = Self.passkey()
        #expect(
            school.unlawful(.passkeyAdded(first.act), by: .person(id), items: first.items) == "author not enrolled")
        #expect(
            school.unlawful(.passkeyAdded(first.act), by: .service, items: first.items)
                == "the service may not say passkey.added")
        try school.say(.personEnrolled(id), by: id)
        #expect(
            school.unlawful(.passkeyAdded(first.act), by: .person(id), items: [first.items[0]])
                == "no passkey-row committed")
        #expect(
            school.unlawful(.passkeyAdded(first.act), by: .person(id), items: [first.items[1]])
                == "no credential committed")
        try school.say(.passkeyAdded(first.act), by: id, items: first.items)
        #expect(school.authority.people[id]?.passkeys.map(\.id) == [first.act.passkey])
        // The same credential, of whoever, and the same id.
        let same = Self.passkey("one")
        for author in [id, other] {
            #expect(
                school.unlawful(.passkeyAdded(same.act), by: .person(author), items: same.items)
                    == "a passkey added twice")
        }
        let again = Self.passkey("two", id: first.act.passkey)
        #expect(
            school.unlawful(.passkeyAdded(again.act), by: .person(id), items: again.items) == "a passkey added twice")
        for number in 2...10 {
            let next = Self.passkey("number \(number)")
            try school.say(.passkeyAdded(next.act), by: id, items: next.items)
        }
        let eleventh = Self.passkey("eleven")
        #expect(
            school.unlawful(.passkeyAdded(eleventh.act), by: .person(id), items: eleventh.items)
                == "a passkey of nobody, or one too many")
    }

    @Test func `A passkey is removed by its person, or by who manages them, once`() throws {
        var school = try School()
        let (id, lead, manager) = (
            try school.add([.staff]), try school.add([.dsl]), try school.add([.accountManager])
        )
        let (mine, theirs) = (Self.passkey("mine"), Self.passkey("theirs"))
        try school.say(.passkeyAdded(mine.act), by: id, items: mine.items)
        try school.say(.passkeyAdded(theirs.act), by: lead, items: theirs.items)
        let remove = Act.passkeyRemoved(mine.act.passkey, of: id)
        let deputy = try school.add([.deputy])
        #expect(school.unlawful(remove, by: .person(deputy)) == "a passkey removed by who may not")
        // A lead's, by another lead alone.
        let leads = Act.passkeyRemoved(theirs.act.passkey, of: lead)
        #expect(school.unlawful(leads, by: .person(manager)) == "a passkey removed by who may not")
        #expect(school.unlawful(leads, by: .person(school.founder)) == nil)
        #expect(school.unlawful(.passkeyRemoved(theirs.act.passkey, of: id), by: .person(id)) == "no such passkey")
        #expect(school.unlawful(remove, by: .person(id)) == nil)
        try school.say(remove, by: manager)
        #expect(school.unlawful(remove, by: .person(id)) == "no such passkey")
        #expect(school.authority.people[id]?.passkeys.isEmpty == true)
    }

    @Test func `Somebody's keybox is renewed by themselves alone, and counts from then on`() throws {
        var school = try School()
        let id = try school.add([.staff], enrolled: false)
        let box = Item(id: .random(), kind: .keybox, digest: digest("new"))
        let renewed = Act.keyboxRenewed(box.id)
        #expect(school.unlawful(renewed, by: .person(id), items: [box]) == "author not enrolled")
        try school.say(.personEnrolled(id), by: id)
        #expect(school.unlawful(renewed, by: .person(id)) == "no keybox committed")
        #expect(
            school.unlawful(renewed, by: .person(id), items: [Item(id: box.id, kind: .wrap, digest: box.digest)])
                == "no keybox committed")
        #expect(school.unlawful(renewed, by: .service, items: [box]) == "the service may not say keybox.renewed")
        try school.say(renewed, by: id, items: [box])
        #expect(school.authority.people[id]?.keybox == box.id)
    }

    @Test func `Who joins again has none of the passkeys they had`() throws {
        var school = try School()
        let id = try school.add([.admin])
        let old = Self.passkey()
        try school.say(.passkeyAdded(old.act), by: id, items: old.items)
        let (code, seed) = try school.code()
        try school.say(.personReset(id, code), by: school.founder)
        let fresh = Self.passkey("fresh")
        #expect(
            school.unlawful(.passkeyAdded(fresh.act), by: .person(id), items: fresh.items)
                == "author's keys are being replaced")
        let (joining, items) = try school.joining(id, seed)
        try school.say(.personJoined(joining), by: id, items: items)
        #expect(school.authority.people[id]?.passkeys.isEmpty == true)
        try school.say(.personEnrolled(id), by: id)
        #expect(
            school.unlawful(.passkeyAdded(old.act), by: .person(id), items: old.items) != nil, "not the old one")
        try school.say(.passkeyAdded(fresh.act), by: id, items: fresh.items)
    }

    @Test func `Where a role signs in by passkey, who has none may add one, sign in and out, and nothing else`() throws
    {
        var school = try School()
        let (deputy, staff) = (try school.add([.deputy]), try school.add([.staff]))
        #expect(school.may(.read, deputy))
        try school.say(Self.requiring([.deputy, .dsl], school), by: school.founder)
        #expect(!school.may(.read, deputy) && school.may(.file, staff))
        #expect(
            school.authority.refusal(of: .read, to: deputy, at: Timestamp(milliseconds: 0))?.code
                == "access.passkey-missing")
        #expect(school.authority.refusal(toTakePart: deputy)?.code == "access.passkey-missing")
        let none = "author has no passkey, which their role needs"
        for act: Act in [.registerRead(.random()), .batchOpened(.random())] {
            #expect(school.unlawful(act, by: .person(deputy)) == none)
        }
        for act: Act in [.signedIn(.random()), .signedOut(.random()), .accessRefused(code: "c")] {
            #expect(school.unlawful(act, by: .person(deputy)) == nil)
        }
        #expect(
            school.unlawful(Self.requiring([.station], school), by: .person(school.founder))
                == "a scan station signs in by no passkey")
        // Leads without one can put the policy right, and do nothing else.
        #expect(school.unlawful(.personSuspended(staff), by: .person(school.founder)) == none)
        #expect(school.unlawful(Self.requiring([], school), by: .person(school.founder)) == nil)
        #expect(school.unlawful(Self.requiring([], school), by: .person(deputy)) == none)
        let passkey = Self.passkey()
        try school.say(.passkeyAdded(passkey.act), by: deputy, items: passkey.items)
        #expect(school.may(.read, deputy))
        try school.say(.passkeyRemoved(passkey.act.passkey, of: deputy), by: deputy)
        #expect(!school.may(.read, deputy))
    }

    @Test func `Who lacks a passkey still counts as who could be the second person`() throws {
        var school = try School()
        let deputy = try school.add([.deputy])
        school.time += Int64(school.twoPeople.newForDays) * 86_400_000
        let second = try school.add([.dsl], ready: false)
        let identity = try #require(school.authority.people[second]).identity
        func needs() -> Bool {
            school.authority.needsSecond(
                for: .keys(second, identity), by: school.founder, at: Timestamp(milliseconds: school.time))
        }
        #expect(needs())
        try school.say(Self.requiring([.deputy], school), by: school.founder)
        // A lead does not become alone by asking of the others what they do not have.
        #expect(needs() && school.authority.refusal(toTakePart: deputy) != nil)
    }
}
