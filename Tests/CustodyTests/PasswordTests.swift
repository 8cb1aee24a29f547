import Custody
import Foundation
import GRDB
import Records
import Testing

/// A password of one's own: changed, and hashed as hard as the policy asks for (C-06).
@Suite struct PasswordTests {
    private static let fresh = "violets under a copper weathervane"

    @Test func `A changed password signs in, the old one no longer does, and other sessions end`() throws {
        let school = try School()
        let (here, there) = (try school.signIn(school.lead), try school.signIn(school.lead))
        let vault = school.vault
        let (own, other) = (try vault.sessions.open(here), try vault.sessions.open(there))
        try vault.changePassword(from: school.lead.password, to: Self.fresh, as: here)
        #expect(vault.sessions.resume(own) != nil && vault.sessions.resume(other) == nil)
        let changed = Member(name: school.lead.name, password: Self.fresh, authenticator: school.lead.authenticator)
        #expect(code { _ = try school.signIn(school.lead) } == "sign-in.failed")
        let again = try school.signIn(changed)
        _ = try school.pupil(by: again)
        #expect(try school.kinds().filter { $0 == "keybox.renewed" }.count == 1)
        #expect(try school.verify().holds)
    }

    @Test func `The old keybox, put back, opens for nobody`() throws {
        let school = try School()
        let acting = try school.signIn(school.lead)
        func boxes() throws -> [(Data, Data)] {
            try school.catalogue().read { db in
                try Row.fetchAll(db, sql: "SELECT id, bytes FROM item WHERE kind = 'keybox' ORDER BY idx").map {
                    ($0["id"], $0["bytes"])
                }
            }
        }
        try school.vault.changePassword(from: school.lead.password, to: Self.fresh, as: acting)
        let both = try boxes()
        #expect(both.count == 2)
        try school.tamper { db in
            try db.execute(sql: "UPDATE item SET bytes = ? WHERE id = ?", arguments: [both[0].1, both[1].0])
        }
        #expect(code { _ = try school.signIn(school.lead) } == "keybox.differs")
        #expect(try !school.verify().holds)
    }

    @Test func `A change takes the present password, a code not older than five minutes, and one that is good`() throws
    {
        let school = try School()
        let acting = try school.signIn(school.lead)
        func change(_ old: String, _ new: String) -> String? {
            code { try school.vault.changePassword(from: old, to: new, as: acting) }
        }
        let own = school.lead.password
        #expect(change("quite the wrong one", Self.fresh) == "password.wrong")
        #expect(change(own, "short") == "password.short")
        #expect(change(own, "judith halloran judith") == "password.common")
        #expect(change(own, own) == "password.same")
        school.clock.advance(seconds: 301)
        #expect(change(own, Self.fresh) == "code.needed")
        try school.giveCode(as: acting)
        for _ in 0..<10 { _ = change("quite the wrong one", Self.fresh) }
        #expect(change(own, Self.fresh) == "sign-in.slowed")
        #expect(try !school.kinds().contains("keybox.renewed"))
        school.clock.advance(seconds: 20)
        #expect(change(own, Self.fresh) == nil)
    }

    @Test func `A policy that asks for harder hashing is met at the next sign-in, once`() throws {
        let school = try School()
        let acting = try school.signIn(school.lead)
        let policies = school.location.vault + "/policies/sessions.yaml"
        let text = try String(contentsOfFile: policies, encoding: .utf8)
        try text.replacingOccurrences(of: "argon2-passes: 3", with: "argon2-passes: 4")
            .write(toFile: policies, atomically: true, encoding: .utf8)
        try Vault(opening: school.location, clock: school.clock).adoptPolicies(as: acting)
        let vault = try Vault(opening: school.location, clock: school.clock)
        defer { vault.shutdown() }
        for _ in 0..<2 { _ = try school.signIn(school.lead, to: vault) }
        #expect(try school.kinds().filter { $0 == "keybox.renewed" }.count == 1)
        #expect(
            code { _ = try vault.signIn(name: school.lead.name, password: "wrong all along", code: "000000") } != nil)
        #expect(try school.kinds().filter { $0 == "keybox.renewed" }.count == 1)
        #expect(try school.verify().holds)
    }
}
