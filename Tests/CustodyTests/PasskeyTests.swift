import Custody
import Foundation
import Records
import SoftwareAuthenticator
import Synchronization
import Testing
import WebAuthn

/// Passkeys beside the password: what counts, once, from whom, and what is recorded.
@Suite struct PasskeyTests {
    private static let here = "localhost:8443"
    private static let elsewhere = SignInOrigin.address("203.0.113.7")

    private static func answer(_ json: String, _ question: PasskeyQuestion, binding: String = "form") -> PasskeyAnswer {
        PasskeyAnswer(json: json, challenge: question.challenge, binding: binding, site: here)
    }

    /// Adds a passkey for who acts.
    private static func add(
        _ name: String = "my phone", to school: School, as acting: Acting, _ algorithm: SignatureAlgorithm = .es256,
        count: UInt32 = 7
    ) throws -> SoftwarePasskey {
        try school.giveCode(as: acting)
        var passkey = try SoftwarePasskey(algorithm, at: here)
        passkey.authenticator.signCount = count
        let question = try school.vault.newPasskeyQuestion(for: "form", at: here, as: acting)
        try school.vault.addPasskey(answer(passkey.make(question.options), question), name: name, as: acting)
        return passkey
    }

    private static func signIn(
        _ member: Member, _ passkey: inout SoftwarePasskey, to school: School, password: String? = nil
    ) throws -> Acting {
        let question = try school.vault.passkeyQuestion(for: "form", at: here)
        return try school.vault.signIn(
            name: member.name, password: password ?? member.password,
            passkey: answer(passkey.answer(question.options), question), from: elsewhere)
    }

    @Test(arguments: SignatureAlgorithm.allCases)
    func `A passkey signs in beside the password, and serves where a code is asked for`(
        _ algorithm: SignatureAlgorithm
    ) throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        var passkey = try Self.add("  the   blue key ", to: school, as: lead, algorithm)
        #expect(try school.vault.passkeys(of: lead.person, as: lead).map(\.name) == ["the blue key"])
        let again = try Self.signIn(school.lead, &passkey, to: school)
        #expect(!school.vault.needsCode(again))
        school.clock.advance(seconds: 301)
        #expect(school.vault.needsCode(again))
        let question = try school.vault.passkeyQuestion(for: "session", at: Self.here)
        let given = try Self.answer(passkey.answer(question.options), question, binding: "session")
        try school.vault.givePasskey(given, as: again)
        #expect(!school.vault.needsCode(again))
        school.vault.hide(again, at: "/pupils")
        let other = try school.vault.passkeyQuestion(for: "session", at: Self.here)
        let shown = try Self.answer(passkey.answer(other.options), other, binding: "session")
        #expect(try school.vault.reveal(again, passkey: shown) == "/pupils")
        #expect(school.vault.hiddenPlace(of: again) == nil)
        // A code serves as before.
        _ = try school.signIn(school.lead)
        #expect(try school.kinds().filter { $0.hasPrefix("passkey.") } == ["passkey.added"])
        #expect(try school.verify().holds)
    }

    @Test func `What is wrong with an answer keeps it out, and looks like any other failure`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let deputy = try school.add("Nell Farrow", [.deputy], by: lead)
        let acting = try school.signIn(deputy)
        let passkey = try Self.add(to: school, as: lead)
        let theirs = try Self.add("hers", to: school, as: acting)
        func refused(
            _ why: String, _ used: SoftwarePasskey? = nil, site: String = Self.here, binding: String = "form",
            wait: Int64 = 0, change: (inout SoftwarePasskey) -> Void = { _ in }
        ) throws {
            school.clock.advance(seconds: 20)
            var copy = used ?? passkey
            copy.authenticator.signCount += 100
            change(&copy)
            let question = try school.vault.passkeyQuestion(for: "form", at: Self.here)
            let json = try copy.answer(question.options)
            school.clock.advance(seconds: wait)
            let said = code {
                _ = try school.vault.signIn(
                    name: school.lead.name, password: school.lead.password,
                    passkey: PasskeyAnswer(json: json, challenge: question.challenge, binding: binding, site: site),
                    from: Self.elsewhere)
            }
            #expect(said == "sign-in.failed", "\(why)")
        }
        try refused("another's passkey", theirs)
        try refused("nobody's passkey", try SoftwarePasskey(at: Self.here))
        try refused("asked by another form", binding: "other")
        try refused("five minutes old", wait: 300)
        try refused("another site", site: "evil.example")
        try refused("another port than it was asked at", site: "localhost:9999")
        try refused("another origin") { $0.authenticator.origin = "https://evil.example" }
        try refused("within another's page") { $0.authenticator.more = ",\"crossOrigin\":true" }
        try refused("nobody verified") { $0.authenticator.flags = SoftwareAuthenticator.userPresent }
        try refused("a user that is not theirs") { $0.userHandle = theirs.userHandle }
        try refused("no user") { $0.userHandle = nil }
        try refused("another ceremony") { $0.authenticator.type = "webauthn.create" }
        // Every failure counted, and said once in a while; and the right one still passes.
        #expect(try school.kinds().contains("sign-in.failed"))
        school.clock.advance(seconds: 20)
        var right = passkey
        _ = try Self.signIn(school.lead, &right, to: school)
        #expect(
            code { _ = try Self.signIn(school.lead, &right, to: school, password: "quite the wrong one") }
                == "sign-in.failed")
        #expect(try school.verify().holds)
    }

    @Test func `A challenge is answered once, and a counter that does not go up is recorded`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        var passkey = try Self.add(to: school, as: lead)
        let question = try school.vault.passkeyQuestion(for: "form", at: Self.here)
        let json = try passkey.answer(question.options)
        func send() -> String? {
            code {
                _ = try school.vault.signIn(
                    name: school.lead.name, password: school.lead.password, passkey: Self.answer(json, question),
                    from: Self.elsewhere)
            }
        }
        #expect(send() == nil)
        #expect(send() == "sign-in.failed", "replayed")
        #expect(try !school.kinds().contains("access.refused"), "a replay is no copy")
        // A copy of the authenticator, made before its last answer.
        var copy = passkey
        copy.authenticator.signCount -= 1
        #expect(code { _ = try Self.signIn(school.lead, &copy, to: school) } == "sign-in.failed")
        #expect(try school.kinds().filter { $0 == "access.refused" }.count == 1)
        let lines = try school.vault.securityReview(as: school.signIn(school.lead)).lines
        #expect(lines.contains { $0.what.contains("passkey may have been copied") })
        // The counter outlives the process.
        let reopened = try Vault(opening: school.location, clock: school.clock)
        defer { reopened.shutdown() }
        var old = passkey
        old.authenticator.signCount -= 1
        let anew = try reopened.passkeyQuestion(for: "form", at: Self.here)
        let stale = try Self.answer(old.answer(anew.options), anew)
        #expect(
            code {
                _ = try reopened.signIn(
                    name: school.lead.name, password: school.lead.password, passkey: stale, from: Self.elsewhere)
            } == "sign-in.failed")
        _ = try Self.signIn(school.lead, &passkey, to: school)
    }

    @Test func `A passkey without a counter, as those are that a telephone backs up, signs in again and again`() throws
    {
        let school = try School()
        var passkey = try Self.add(to: school, as: school.signIn(school.lead), count: 0)
        for _ in 0..<3 { _ = try Self.signIn(school.lead, &passkey, to: school) }
    }

    @Test func `Fifty answers to one question at once let one in`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        var passkey = try Self.add(to: school, as: lead, count: 0)
        let question = try school.vault.passkeyQuestion(for: "form", at: Self.here)
        let json = try passkey.answer(question.options)
        let hits = Counter()
        DispatchQueue.concurrentPerform(iterations: 50) { _ in
            if code(of: { try school.vault.givePasskey(Self.answer(json, question), as: lead) }) == nil { hits.add() }
        }
        #expect(hits.value == 1)
    }

    @Test func `Adding one takes a code not older than five minutes, an answer to a question of ours, and a name`()
        throws
    {
        let school = try School()
        let lead = try school.signIn(school.lead)
        var passkey = try SoftwarePasskey(at: Self.here)
        func add(_ name: String, site: String = Self.here, _ change: (inout SoftwarePasskey) -> Void = { _ in }) throws
            -> String?
        {
            let question = try school.vault.newPasskeyQuestion(for: "form", at: Self.here, as: lead)
            var copy = passkey
            change(&copy)
            let json = try copy.make(question.options)
            passkey.userHandle = copy.userHandle
            return code {
                try school.vault.addPasskey(
                    PasskeyAnswer(json: json, challenge: question.challenge, binding: "form", site: site), name: name,
                    as: lead)
            }
        }
        for name in ["", "  ", String(repeating: "x", count: 61)] { #expect(try add(name) == "passkey.name") }
        #expect(try add("key") { $0.authenticator.flags = SoftwareAuthenticator.userPresent } == "passkey.wrong")
        #expect(try add("key") { $0.authenticator.origin = "https://evil.example" } == "passkey.wrong")
        #expect(try add("key", site: "evil.example") == "passkey.other-site")
        #expect(
            code { _ = try school.vault.newPasskeyQuestion(for: "form", at: "evil.example", as: lead) }
                == "passkey.other-site")
        school.clock.advance(seconds: 301)
        #expect(try add("key") == "code.needed")
        try school.giveCode(as: lead)
        #expect(try add("key") == nil)
        #expect(try add("key again") == "ledger.changed-meanwhile", "the same credential")
        #expect(try school.vault.passkeys(of: lead.person, as: lead).count == 1)
    }

    @Test func `A removed passkey signs nobody in; a manager removes others', and a lead's only another lead`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let staff = try school.add("Amir Oakley", [.staff], by: lead)
        let manager = try school.signIn(school.add("Maud Tranter", [.accountManager], by: lead))
        let acting = try school.signIn(staff)
        var passkey = try Self.add(to: school, as: acting)
        let leads = try Self.add(to: school, as: lead)
        _ = leads
        let id = try #require(school.vault.passkeys(of: acting.person, as: lead).first).id
        let leadsID = try #require(school.vault.passkeys(of: lead.person, as: lead).first).id
        try school.giveCode(as: manager)
        #expect(code { try school.vault.removePasskey(leadsID, of: lead.person, as: manager) } == "person.lead")
        #expect(code { try school.vault.removePasskey(id, of: lead.person, as: lead) } == "not-found")
        #expect(code { try school.vault.removePasskey(leadsID, of: lead.person, as: acting) } == "access.not-entitled")
        #expect(code { _ = try school.vault.passkeys(of: lead.person, as: acting) } == "access.not-entitled")
        _ = try Self.signIn(staff, &passkey, to: school)
        try school.vault.removePasskey(id, of: acting.person, as: manager)
        #expect(code { _ = try Self.signIn(staff, &passkey, to: school) } == "sign-in.failed")
        let lines = try school.vault.securityReview(as: lead).lines.map(\.what)
        #expect(lines.contains("Removed a passkey of Amir Oakley") && lines.contains("Added a passkey"))
        #expect(try school.verify().holds)
    }

    @Test func `Where a role signs in by passkey a code lets in until there is one, and on the server itself`() throws {
        let school = try School([("access.yaml", "passkey-required: []", "passkey-required: [deputy]")])
        let lead = try school.signIn(school.lead)
        let (deputy, acting) = try school.join("Nell Farrow", [.deputy], by: lead)
        #expect(school.vault.standing(of: acting).steps.first == .passkey)
        try school.confirm(acting.person, by: lead)
        try school.prepare(acting, by: lead)
        #expect(school.vault.standing(of: acting).steps == [.passkey])
        #expect(code { _ = try school.vault.pupils(as: acting) } == "access.passkey-missing")
        func byCode(_ origin: SignInOrigin) -> String? {
            school.clock.advance(seconds: 60)
            return code {
                _ = try school.vault.signIn(
                    name: deputy.name, password: deputy.password, code: deputy.code(school.clock.step), from: origin)
            }
        }
        #expect(byCode(Self.elsewhere) == nil)
        var passkey = try Self.add(to: school, as: acting)
        #expect(school.vault.standing(of: acting).steps.isEmpty)
        #expect(code { _ = try school.vault.pupils(as: acting) } == nil)
        #expect(byCode(Self.elsewhere) == "passkey.needed")
        #expect(byCode(.console) == nil)
        // A wrong code says nothing of it.
        #expect(
            code {
                _ = try school.vault.signIn(
                    name: deputy.name, password: deputy.password, code: "000000", from: Self.elsewhere)
            } == "sign-in.failed")
        let own = try Self.signIn(deputy, &passkey, to: school)
        school.clock.advance(seconds: 301)
        #expect(code { try school.vault.giveCode(deputy.code(school.clock.step), as: own) } == "passkey.needed")
        #expect(school.vault.needsCode(own))
        #expect(try school.verify().holds)
    }
}

/// Counts from many threads.
private final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }
    func add() { count.withLock { $0 += 1 } }
}
