import Custody
import Foundation
import GRDB
import Records
import Synchronization
import Testing

@Suite struct SigningInTests {
    @Test func `A vault is founded once, with its secrets outside and a ledger that holds`() throws {
        let school = try School(isReady: false)
        #expect(try school.kinds() == ["vault.founded"])
        #expect(try school.verify().holds)
        let secrets = try FileManager.default.contentsOfDirectory(atPath: school.location.secrets)
        #expect(secrets.count == 5)
        #expect(!school.location.secrets.hasPrefix(school.location.vault + "/"))
        for name in secrets {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(school.location.secrets)/\(name)")
            #expect((attributes[.posixPermissions] as? Int) == 0o600)
        }
        let again = code {
            _ = try Vault.create(
                at: school.location, policies: school.directory + "/policies", founder: "Somebody Else",
                password: School.password)
        }
        #expect(again == "vault.exists")
        let elsewhere = Vault.Location(vault: school.directory + "/other", secrets: school.location.secrets)
        let secretsAgain = code {
            _ = try Vault.create(
                at: elsewhere, policies: school.directory + "/policies", founder: "Somebody Else",
                password: School.password)
        }
        #expect(secretsAgain == "vault.secrets-exist")
        #expect(try school.verify().holds)
    }

    @Test(arguments: [
        ("short one", "password.short"), ("strongroom safeguarding", "password.common"),
        ("aaaaaaaaaaaaaaaaaaa", "password.common"),
        ("Judith Halloran Judith", "password.common"), ("HARROWDALE school password", "password.common"),
    ])
    func `A weak password founds nothing`(_ password: String, _ wanted: String) throws {
        let directory = FileManager.default.temporaryDirectory.path + "/strongroom-tests-" + VaultID.random().text
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let refused = code {
            _ = try Vault.create(
                at: Vault.Location(vault: directory), policies: repository.appending(path: "policies").path,
                founder: "Judith Halloran", password: password)
        }
        #expect(refused == wanted)
        #expect(!FileManager.default.fileExists(atPath: directory))
    }

    @Test func `An unknown name, a wrong password and a wrong code are one and the same answer`() throws {
        let school = try School()
        let lead = school.lead
        let good = try lead.code(school.clock.step)
        let wrong = good == "000000" ? "000001" : "000000"
        for (name, password, given) in [
            ("Nobody Here", lead.password, good), (lead.name, lead.password + "x", good),
            (lead.name, lead.password, wrong),
            (lead.name, lead.password, ""), ("", "", ""), (lead.name, lead.password, good + "0"),
        ] {
            #expect(throws: VaultError.signInFailed) {
                try school.vault.signIn(name: name, password: password, code: given)
            }
        }
        // The name in any case and spacing, the code with a space.
        let spaced = good.prefix(3) + " " + good.suffix(3)
        let acting = try school.vault.signIn(
            name: "  judith   HALLORAN ", password: lead.password, code: String(spaced))
        #expect(acting.name == "Judith Halloran" && acting.roles == [.dsl])
        #expect(school.vault.standing(of: acting).isConfirmed)
        let kinds = try school.kinds()
        #expect(kinds.contains("sign-in.failed") && kinds.last == "session.opened")
        #expect(try school.verify().holds)
    }

    @Test func `A code is good once, the step before it too, and none older`() throws {
        let school = try School()
        let lead = school.lead
        func signIn(_ step: UInt64) -> String? {
            code { _ = try school.vault.signIn(name: lead.name, password: lead.password, code: lead.code(step)) }
        }
        let first = school.clock.step
        #expect(signIn(first) == nil)
        #expect(signIn(first) == "sign-in.failed")
        school.clock.advance(seconds: 30)
        #expect(signIn(first) == "sign-in.failed", "used, though still the step before")
        school.clock.advance(seconds: 60)
        #expect(signIn(first + 1) == "sign-in.failed", "two steps late")
        #expect(signIn(first + 2) == nil, "one step late")
        #expect(signIn(first + 2) == "sign-in.failed")
        #expect(signIn(first + 4) == "sign-in.failed", "not shown yet")
        #expect(signIn(first + 3) == nil)
        // What was used is known to the next process too.
        let other = try Vault(opening: school.location, clock: school.clock)
        #expect(
            code { _ = try other.signIn(name: lead.name, password: lead.password, code: lead.code(first + 3)) }
                == "sign-in.failed")
    }

    @Test func `Fifty tries at once with one code let exactly one in`() throws {
        let school = try School([
            ("sessions.yaml", "hashes-waiting: 20", "hashes-waiting: 60"),
            ("sessions.yaml", "failures-before-slowing: 10", "failures-before-slowing: 100"),
        ])
        let given = try school.lead.code(school.clock.step)
        let results = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 50) { _ in
            let result = code {
                _ = try school.vault.signIn(name: school.lead.name, password: school.lead.password, code: given)
            }
            results.withLock { $0.append(result ?? "in") }
        }
        let counted = results.withLock { $0 }
        #expect(counted.count(where: { $0 == "in" }) == 1)
        #expect(counted.count(where: { $0 == "sign-in.failed" }) == 49)
        #expect(try school.kinds().count(where: { $0 == "session.opened" }) == 2)
        #expect(try school.verify().holds)
    }

    @Test func `More passwords at once than there are places are told to wait`() throws {
        let school = try School([
            ("sessions.yaml", "hashes-waiting: 20", "hashes-waiting: 0"),
            ("sessions.yaml", "hashes-at-once: 2", "hashes-at-once: 1"),
        ])
        let results = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            let result = code { _ = try school.vault.signIn(name: "Nobody Here", password: "x", code: "1") }
            results.withLock { $0.append(result ?? "in") }
        }
        #expect(Set(results.withLock { $0 }).isSubset(of: ["vault.busy", "sign-in.failed"]))
        #expect(results.withLock { $0 }.contains("sign-in.failed"))
    }

    @Test func `Too many wrong tries slow an account, and nobody else's`() throws {
        let school = try School([("sessions.yaml", "failures-before-slowing: 10", "failures-before-slowing: 2")])
        let lead = school.lead
        let acting = try school.signIn(lead)
        let staff = try school.add("Tom Averill", [.staff], by: acting)
        for _ in 0..<2 {
            #expect(
                code { _ = try school.vault.signIn(name: lead.name, password: "wrong", code: "") } == "sign-in.failed")
        }
        school.clock.advance(seconds: 1)
        #expect(throws: VaultError.tooManyTries(retryAfterSeconds: 14)) {
            try school.vault.signIn(name: lead.name, password: lead.password, code: lead.code(school.clock.step))
        }
        #expect(code { _ = try school.signIn(staff) } == nil)
        // A minute went by in there; the lead is let in again.
        #expect(code { _ = try school.signIn(lead) } == nil)
    }

    @Test func `Failed sign-ins are at most one statement a minute for an account, with their number`() throws {
        let school = try School([("sessions.yaml", "failures-before-slowing: 10", "failures-before-slowing: 100")])
        for _ in 0..<5 { _ = code { _ = try school.vault.signIn(name: school.lead.name, password: "no", code: "") } }
        #expect(try school.kinds().count(where: { $0 == "sign-in.failed" }) == 1)
        school.clock.advance(seconds: 61)
        _ = code { _ = try school.vault.signIn(name: school.lead.name, password: "no", code: "") }
        #expect(try school.kinds().count(where: { $0 == "sign-in.failed" }) == 2)
        let leaves = try school.catalogue().read { db in
            try Data.fetchAll(db, sql: "SELECT leaf FROM statement ORDER BY idx")
        }.map { String(decoding: $0, as: UTF8.self) }
        #expect(leaves.contains { $0.contains("\"count\":5") })
        #expect(!leaves.contains { $0.contains("Judith") || $0.contains("Halloran") })
    }
}

@Suite struct SessionTests {
    @Test func `A session is found by its token alone, and its keys work`() throws {
        let school = try School()
        let acting = try school.signIn(school.lead)
        let token = try school.vault.sessions.open(acting)
        let session = try #require(school.vault.sessions.resume(token))
        #expect(session.acting.person == acting.person && session.acting.session == acting.session)
        _ = try school.pupil(by: session.acting)
        #expect(school.vault.sessions.resume("") == nil)
        #expect(school.vault.sessions.resume(String(token.dropLast())) == nil)
        #expect(school.vault.sessions.resume(Base64.encode([UInt8](repeating: 0, count: 16))) == nil)
        school.vault.sessions.close(token)
        #expect(school.vault.sessions.resume(token) == nil)
        #expect(try school.verify().holds)
    }

    @Test func `The token against cross-site requests is the session's own, and steady`() throws {
        let school = try School()
        let acting = try school.signIn(school.lead)
        let first = try school.vault.sessions.open(acting)
        let second = try school.vault.sessions.open(acting)
        #expect(first != second)
        let csrf = try #require(school.vault.sessions.resume(first)).csrf
        #expect(school.vault.sessions.resume(first)?.csrf == csrf)
        #expect(school.vault.sessions.resume(second)?.csrf != csrf)
        #expect(csrf != first && !csrf.isEmpty)
    }

    @Test func `A session ends after 15 idle minutes, and after 8 hours in any case`() throws {
        let school = try School()
        let acting = try school.signIn(school.lead)
        let idle = try school.vault.sessions.open(acting)
        school.clock.advance(seconds: 15 * 60 - 1)
        #expect(school.vault.sessions.resume(idle) != nil)
        school.clock.advance(seconds: 15 * 60)
        #expect(school.vault.sessions.resume(idle) == nil)

        let busy = try school.vault.sessions.open(acting)
        for _ in 0..<47 {
            school.clock.advance(seconds: 600)
            #expect(school.vault.sessions.resume(busy) != nil)
        }
        school.clock.advance(seconds: 600)
        #expect(school.vault.sessions.resume(busy) == nil)
        try school.vault.sweep()
        #expect(try school.kinds().count(where: { $0 == "session.closed" }) == 3)
    }

    @Test func `A clock that is set back does not lengthen a session, nor forward end it`() throws {
        let school = try School()
        let token = try school.vault.sessions.open(school.signIn(school.lead))
        school.clock.set(milliseconds: 4_000_000_000_000)
        #expect(school.vault.sessions.resume(token) != nil)
        school.clock.set(milliseconds: 0)
        school.clock.advance(seconds: 16 * 60)
        #expect(school.vault.sessions.resume(token) == nil)
    }

    @Test func `Every session of a person is ended at once`() throws {
        let school = try School()
        let acting = try school.signIn(school.lead)
        let tokens = try (0..<3).map { _ in try school.vault.sessions.open(acting) }
        let other = try school.signIn(school.add("Sam Patel", [.admin], by: acting))
        try school.vault.endSignIn(acting.session, as: other)
        #expect(tokens.allSatisfy { school.vault.sessions.resume($0) != nil })
        try school.vault.endSignIn(nil, as: school.signIn(school.lead))
        #expect(tokens.allSatisfy { school.vault.sessions.resume($0) == nil })
    }
}
