import Custody
import Records
import Testing

@Suite struct LeavingTests {
    /// Somebody signed in at a browser of their own.
    private func open(_ member: Member, _ device: String, _ school: School) throws -> (acting: Acting, token: String) {
        let acting = try school.signIn(member)
        return (acting, try school.vault.sessions.open(acting, device: device))
    }

    @Test func `Each person sees where they are signed in, newest first, and ends any of it`() throws {
        let school = try School()
        let (desk, deskToken) = try open(school.lead, "Firefox on Windows", school)
        let (phone, phoneToken) = try open(school.lead, "Safari on an iPhone", school)
        let (home, homeToken) = try open(school.lead, "Edge on Windows", school)
        let (sam, samToken) = try open(school.add("Sam Patel", [.admin], by: desk), "Chrome on Linux", school)
        school.clock.advance(seconds: 120)
        _ = school.vault.sessions.resume(deskToken)
        let before = try school.kinds().count { $0 == "session.closed" }
        let places = school.vault.places(of: desk)
        #expect(places.map(\.device) == ["Edge on Windows", "Safari on an iPhone", "Firefox on Windows"])
        #expect(places.map(\.session) == [home.session, phone.session, desk.session])
        #expect(places.last?.idleSeconds == 0 && (places.first?.idleSeconds ?? 0) >= 120)
        // Another's is nothing to somebody else; and what has ended already is nothing to say.
        for _ in 0..<2 {
            try school.vault.endSignIn(desk.session, as: sam)
            try school.vault.endSignIn(phone.session, as: desk)
        }
        #expect(school.vault.sessions.resume(phoneToken) == nil)
        #expect(school.vault.sessions.resume(deskToken) != nil && school.vault.sessions.resume(homeToken) != nil)
        try school.vault.endSignIn(nil, as: desk)
        #expect(school.vault.sessions.resume(homeToken) == nil)
        #expect(school.vault.sessions.resume(deskToken) != nil && school.vault.sessions.resume(samToken) != nil)
        #expect(try school.kinds().count { $0 == "session.closed" } == before + 2)
        #expect(try school.verify().holds)
    }

    @Test func `What is on its way to a session stops when that is ended, and says so`() throws {
        let school = try School()
        let (acting, _) = try open(school.lead, "", school)
        let bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 3 << 20)
        let document = try school.file(bytes, named: "notes.txt", for: school.pupil(by: acting), by: acting).document
        let (other, _) = try open(school.lead, "", school)
        let download = try school.vault.openDocument(document, manner: .download, as: other)
        #expect(try download.piece(at: 0).count == 1 << 20)
        try school.vault.endSignIn(other.session, as: acting)
        #expect(code { _ = try download.piece(at: 1 << 20) } == "session.ended")
        download.close(complete: false)
        #expect(try school.kinds().last == "document.closed")
        // A download of the session that goes on is as it was.
        #expect(try school.download(document, by: acting) == bytes)
        #expect(try school.verify().holds)
    }

    @Test func `What takes long keeps its session in use`() throws {
        let school = try School()
        let (acting, token) = try open(school.lead, "", school)
        let bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 3 << 20)
        let document = try school.file(bytes, named: "notes.txt", for: school.pupil(by: acting), by: acting).document
        let download = try school.vault.openDocument(document, manner: .download, as: acting)
        for piece in 0..<3 {
            school.clock.advance(seconds: 14 * 60)
            #expect(try download.piece(at: UInt64(piece) << 20).count == 1 << 20)
        }
        download.close(complete: true)
        #expect(school.vault.sessions.resume(token) != nil)
    }

    @Test func `Who is suspended is out at once, everywhere, until they are restored`() throws {
        let school = try School()
        let (lead, _) = try open(school.lead, "", school)
        let grace = try school.pupil(by: lead)
        let bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 3 << 20)
        let document = try school.file(bytes, named: "notes.txt", for: grace, by: lead).document
        let deputy = try school.add("Sam Patel", [.deputy], by: lead)
        let (sam, token) = try open(deputy, "", school)
        let download = try school.vault.openDocument(document, manner: .download, as: sam)
        #expect(try download.piece(at: 0).count == 1 << 20)

        try school.vault.suspend(sam.person, as: lead)
        #expect(code { _ = try download.piece(at: 1 << 20) } == "session.ended")
        download.close(complete: false)
        #expect(school.vault.sessions.resume(token) == nil)
        // A request that had begun gets no further, on no road, and nothing is said in their name.
        let before = try school.kinds().count
        #expect(code { _ = try school.vault.chronology(of: grace.pupilFile, as: sam) } == "access.suspended")
        #expect(code { _ = try school.vault.openDocument(document, manner: .view, as: sam) } == "access.suspended")
        #expect(code { _ = try school.vault.people(as: sam) } == "access.suspended")
        #expect(code { _ = try school.file(bytes, named: "more.txt", for: grace, by: sam) } == "access.suspended")
        #expect(try school.kinds().count == before)
        // Password and code are right, so they are told; whoever has less is told nothing.
        #expect(code { _ = try school.signIn(deputy) } == "access.suspended")
        #expect(
            code { _ = try school.vault.signIn(name: deputy.name, password: deputy.password, code: "000000") }
                == "sign-in.failed")
        try school.vault.suspend(sam.person, as: lead)
        #expect(try school.kinds().count { $0 == "person.suspended" } == 1)
        #expect(try school.vault.people(as: lead).map { $0.suspended != nil } == [false, true])
        // Another process, and a replay, know it too.
        let other = try Vault(opening: school.location, clock: school.clock)
        defer { other.shutdown() }
        #expect(code { _ = try school.signIn(deputy, to: other) } == "access.suspended")

        try school.vault.restore(sam.person, as: lead)
        try school.vault.restore(sam.person, as: lead)
        #expect(try school.kinds().count { $0 == "person.restored" } == 1)
        #expect(try school.download(document, by: school.signIn(deputy)) == bytes)
        #expect(try school.verify().holds)
    }

    @Test func `Another process stops what is on its way too`() throws {
        let school = try School()
        let (lead, _) = try open(school.lead, "", school)
        let bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 3 << 20)
        let document = try school.file(bytes, named: "notes.txt", for: school.pupil(by: lead), by: lead).document
        let (sam, token) = try open(school.add("Sam Patel", [.deputy], by: lead), "", school)
        let download = try school.vault.openDocument(document, manner: .download, as: sam)
        #expect(try download.piece(at: 0).count == 1 << 20)
        let other = try Vault(opening: school.location, clock: school.clock)
        defer { other.shutdown() }
        try other.suspend(sam.person, as: school.signIn(school.lead, to: other))
        #expect(code { _ = try download.piece(at: 1 << 20) } == "access.suspended")
        // The service says how it ended: they say nothing more.
        download.close(complete: false)
        #expect(try school.kinds().last == "document.closed")
        try school.vault.sweep()
        #expect(school.vault.sessions.resume(token) == nil)
        #expect(try school.kinds().last == "session.closed")
        #expect(try school.verify().holds)
    }

    @Test func `Nobody suspends themselves, and a lead is suspended by a lead alone`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let manager = try school.signIn(school.add("Ann Birch", [.accountManager], by: lead))
        let second = try school.signIn(school.add("Tom Ashdown", [.dsl, .staff], by: lead))
        let clerk = try school.signIn(school.add("Maud Tranter", [.admin], by: lead))
        #expect(code { try school.vault.suspend(lead.person, as: lead) } == "person.yourself")
        #expect(code { try school.vault.suspend(lead.person, as: manager) } == "person.lead")
        #expect(code { try school.vault.suspend(.random(), as: manager) } == "person.unknown")
        #expect(code { try school.vault.suspend(manager.person, as: clerk) } == "access.not-entitled")
        try school.vault.suspend(lead.person, as: second)
        #expect(code { try school.vault.restore(lead.person, as: manager) } == "person.lead")
        #expect(code { try school.vault.suspend(second.person, as: lead) } == "access.suspended")
        try school.vault.suspend(clerk.person, as: manager)
        try school.vault.restore(lead.person, as: second)
        #expect(try school.verify().holds)
    }
}
