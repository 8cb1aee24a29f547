import Custody
import Foundation
import Records
import Synchronization
import Testing

/// Guessing at accounts, codes asked for again, and the hidden screen.
@Suite struct GuessingTests {
    @Test func `Guesses at an account, from one place or many, keep out nobody who signs in where they did before`()
        throws
    {
        let school = try School()
        let vault = school.vault
        let own = try school.signIn(school.lead)
        let token = vault.deviceToken(of: own)
        func origin(_ device: String?, _ address: String, name: String = "Judith Halloran") -> SignInOrigin {
            vault.origin(deviceToken: device, name: name, address: address)
        }
        func attempt(_ origin: SignInOrigin, _ password: String = "quite the wrong one") -> String? {
            code {
                _ = try vault.signIn(
                    name: school.lead.name, password: password, code: school.lead.code(school.clock.step), from: origin)
            }
        }
        // Ten minutes, one guess a second; every hundredth from another place. (Most are slowed before a password is hashed.)
        var hashed = 0
        for second in 0..<600 {
            school.clock.advance(seconds: 1)
            let said = attempt(origin(nil, "198.51.100.\(second / 100)"))
            if said == "sign-in.failed" { hashed += 1 } else { #expect(said == "sign-in.slowed") }
            // Meanwhile the lead, in their own browser, and in one that was never seen, elsewhere.
            if second % 150 == 140 {
                #expect(attempt(origin(token, "198.51.100.0"), school.lead.password) == nil, "second \(second)")
                school.clock.advance(seconds: 60)
                #expect(attempt(origin(nil, "203.0.113.9"), school.lead.password) == nil, "second \(second)")
            }
        }
        #expect(hashed < 160, "\(hashed) guesses were looked at")
        // From ever more places: all that are not known are slowed together, the known one is not.
        for place in 0..<150 { _ = attempt(origin(nil, "192.0.2.\(place)")) }
        school.clock.advance(seconds: 1)
        #expect(attempt(origin(nil, "203.0.113.10"), school.lead.password) == "sign-in.slowed")
        school.clock.advance(seconds: 60)
        for place in 0..<3 { _ = attempt(origin(nil, "192.0.2.\(place)")) }
        #expect(attempt(origin(token, "203.0.113.10"), school.lead.password) == nil)
        // The token is of this person alone, and of nobody's making.
        #expect(origin(token, "a", name: "Nobody Known") == .address("a"))
        for bad in ["", "x", String(token.dropLast(2)) + "AA", nil] { #expect(origin(bad, "a") == .address("a")) }
        #expect(try school.verify().holds)
    }

    @Test func `What gives access or keys asks for a code not older than five minutes`() throws {
        let school = try School()
        let vault = school.vault
        let lead = try school.signIn(school.lead)
        #expect(!vault.needsCode(lead))
        let invited = try vault.invite(name: "Amir Oakley", roles: [.staff], as: lead)
        school.clock.advance(seconds: 301)
        #expect(vault.needsCode(lead))
        #expect(code { _ = try vault.invite(name: "Maud Tranter", roles: [.staff], as: lead) } == "code.needed")
        #expect(code { _ = try vault.reset(invited.person, as: lead) } == "code.needed")
        #expect(code { try vault.confirm(invited.person, words: [], as: lead) } == "code.needed")
        let pupil = try school.pupil(by: lead)
        #expect(
            code {
                try vault.giveAccess(
                    to: invited.person, of: pupil.pupilFile, documents: nil, until: "2027-01-01", reason: "x", as: lead)
            } == "code.needed")
        // Suspending and ending take no code: they must be quick.
        try vault.suspend(invited.person, as: lead)
        #expect(code { try vault.giveCode("000000", as: lead) } == "code.wrong")
        let own = try school.lead.code(school.clock.step)
        try vault.giveCode(own, as: lead)
        #expect(code { try vault.giveCode(own, as: lead) } == "code.wrong", "each code once")
        #expect(code { _ = try vault.invite(name: "Maud Tranter", roles: [.staff], as: lead) } == nil)
        for _ in 0..<10 { _ = code { try vault.giveCode("000000", as: lead) } }
        #expect(code { try vault.giveCode("000000", as: lead) } == "sign-in.slowed")
    }

    @Test func `A hidden session is shown again for its password, and slows who guesses`() throws {
        let school = try School()
        let vault = school.vault
        let lead = try school.signIn(school.lead)
        #expect(vault.hiddenPlace(of: lead) == nil)
        vault.hide(lead, at: "/pupils/P-7F3KQ")
        #expect(vault.hiddenPlace(of: lead) == "/pupils/P-7F3KQ")
        #expect(code { _ = try vault.reveal(lead, password: "quite the wrong one") } == "sign-in.failed")
        #expect(vault.hiddenPlace(of: lead) != nil)
        #expect(try vault.reveal(lead, password: school.lead.password) == "/pupils/P-7F3KQ")
        #expect(vault.hiddenPlace(of: lead) == nil)
        vault.hide(lead, at: "/")
        for _ in 0..<10 { _ = code { _ = try vault.reveal(lead, password: "quite the wrong one") } }
        #expect(code { _ = try vault.reveal(lead, password: school.lead.password) } == "sign-in.slowed")
        school.clock.advance(seconds: 15)
        #expect(try vault.reveal(lead, password: school.lead.password) == "/")
    }
}

/// Two threads read the clock and then take turns: the one that comes second may have read it first.
@Suite struct MonotonicTests {
    @Test func `What was noted later than now was no time ago`() {
        let (early, late) = (MonotonicTime(nanoseconds: 5), MonotonicTime(nanoseconds: 7))
        #expect(late.nanoseconds(since: early) == 2 && early.nanoseconds(since: late) == 0 && early < late)
    }

    @Test func `A session used by many threads while the clock goes stays alive`() throws {
        let school = try School()
        let token = try school.vault.sessions.open(try school.signIn(school.lead))
        let found = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<500 {
                school.clock.advance(seconds: 0)
                if school.vault.sessions.resume(token) != nil { found.withLock { $0 += 1 } }
            }
        }
        #expect(found.withLock { $0 } == 4_000)
    }
}
