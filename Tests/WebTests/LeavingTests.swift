import Custody
import HTTPTypes
import HummingbirdTesting
import Records
import Testing

@Suite struct LeavingTests {
    @Test("Who was suspended by another process gets no page more, as soon as that is read")
    func suspendedElsewhere() async throws {
        let school = try School()
        let clerk = try school.add(.admin, name: "Maud Tranter")
        let visitor = try school.visitor(clerk)
        #expect(try await visitor.get("/file").status == .ok)
        let other = try Vault(opening: school.location, clock: school.clock)
        defer { other.shutdown() }
        try other.suspend(clerk.person, as: school.lead)
        #expect(try await visitor.get("/file").text.contains("Your access is suspended"))
        for path in ["/", "/file", "/sign-ins"] {
            let answer = try await visitor.get(path)
            #expect(answer.status == .seeOther && answer.headers[.location] == "/sign-in", "\(path)")
        }
    }

    @Test("Only one's own sign-ins are ended, and only by a form of this session")
    func ends() async throws {
        let school = try School()
        let clerk = try school.add(.admin, name: "Maud Tranter")
        let (mine, lead) = (try school.visitor(clerk), try school.visitor(school.lead))
        #expect(try await mine.send("/sign-ins", [("session", school.lead.session.text)]).status == .seeOther)
        #expect(try await lead.get("/").status == .ok)
        #expect(try await mine.send("/sign-ins", [("session", "nobody")]).status == .badRequest)
        #expect(try await mine.send("/sign-ins", [("session", clerk.session.text)]).status == .seeOther)
        #expect(try await mine.get("/").headers[.location] == "/sign-in")
    }
}
