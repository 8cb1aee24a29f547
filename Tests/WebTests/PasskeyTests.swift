import Custody
import Foundation
import HTTPTypes
import HummingbirdTesting
import Records
import SoftwareAuthenticator
import Testing
import Web

/// Passkeys on the pages, as the script of a page sends their answers.
@Suite("Passkeys on the pages")
struct PasskeyTests {
    private struct Asked {
        let options: String
        let challenge: String
    }

    /// What the page's script fetches.
    private static func question(_ visitor: Visitor, _ path: String = "/passkeys/question") async throws -> Asked {
        let answer = try await visitor.get(path)
        #expect(answer.status == .ok && answer.headers[.contentType] == "application/json")
        let members = try #require(
            try JSONSerialization.jsonObject(with: Data(answer.text.utf8)) as? [String: Any])
        let options = try JSONSerialization.data(withJSONObject: try #require(members["options"]))
        return Asked(
            options: String(decoding: options, as: UTF8.self), challenge: try #require(members["challenge"] as? String))
    }

    private static func door(_ school: School) async throws -> Visitor {
        let page = try await school.visitor().get("/sign-in")
        let token = String(try #require(page.text.firstMatch(of: /name="csrf" value="([^"]+)"/)?.output.1))
        return Visitor(site: school.site, cookies: ["__Host-form": token], csrf: token)
    }

    @Test("One is added, signs in, confirms what gives access, shows a hidden screen, and is removed")
    func wholeWay() async throws {
        let school = try School()
        let lead = try school.visitor(school.lead)
        #expect(try await lead.get("/passkeys").text.contains("You have none yet"))
        var passkey = try SoftwarePasskey(at: "localhost")
        let making = try await Self.question(lead, "/passkeys/new-question")
        let made = try passkey.make(making.options)
        let fields = [("passkey", made), ("challenge", making.challenge)]
        let unnamed = try await lead.send("/passkeys", fields + [("name", " ")])
        #expect(unnamed.status == .unprocessableContent && unnamed.text.contains("1 to 60 characters"))
        let added = try await lead.send("/passkeys", fields + [("name", "the <b>blue</b> key")])
        #expect(added.headers[.location] == "/passkeys")
        let listed = try await lead.get("/passkeys")
        #expect(listed.text.contains("the &lt;b&gt;blue&lt;/b&gt; key"))

        let door = try await Self.door(school)
        func signIn(_ asked: Asked, _ answer: String, password: String = School.password) async throws -> TestResponse {
            try await door.send(
                "/sign-in",
                [
                    ("name", School.leadName), ("password", password), ("code", ""), ("passkey", answer),
                    ("challenge", asked.challenge),
                ])
        }
        let asked = try await Self.question(door)
        #expect(asked.options.contains("\"allowCredentials\":[]"), "a question names nobody's")
        let answer = try passkey.answer(asked.options)
        // The same page for a wrong password with a right passkey, and a right one with no passkey of theirs.
        var strange = try SoftwarePasskey(at: "localhost")
        let bad = try await signIn(asked, answer, password: "quite the wrong one")
        let other = try await Self.question(door)
        let foreign = try await signIn(other, strange.answer(other.options))
        #expect(bad.status == .forbidden && bad.status == foreign.status)
        func bare(_ text: String) -> String { text.replacing(/nonce="[0-9a-f]*"/, with: "") }
        #expect(bare(bad.text) == bare(foreign.text))
        let signedIn = try await signIn(asked, answer)
        #expect(signedIn.status == .seeOther && signedIn.headers[.location] == "/")
        #expect(try await signIn(asked, answer).status == .forbidden, "replayed")

        school.clock.move(seconds: 301)
        let invite = [("name", "Bede Farrow"), ("role", "staff")]
        let page = try await lead.send("/people", invite)
        #expect(page.title.hasPrefix("Confirm") && page.text.contains("Use a passkey instead"))
        let confirming = try await Self.question(lead)
        let confirmed = try await lead.send(
            "/people",
            invite + [
                ("authenticator-passkey", try passkey.answer(confirming.options)),
                ("authenticator-challenge", confirming.challenge),
            ])
        #expect(confirmed.status == .ok && confirmed.text.contains("Its code"))

        _ = try await lead.send("/hidden", [("place", "/people")])
        #expect(try await lead.get("/hidden").text.contains("Use a passkey instead"))
        let showing = try await Self.question(lead)
        let wrong = try await lead.send(
            "/hidden/show", [("passkey", try strange.answer(showing.options)), ("challenge", showing.challenge)])
        #expect(wrong.status == .unprocessableContent)
        let again = try await Self.question(lead)
        let shown = try await lead.send(
            "/hidden/show", [("passkey", try passkey.answer(again.options)), ("challenge", again.challenge)])
        #expect(shown.headers[.location] == "/people")

        let remove = try #require(listed.text.firstMatch(of: /action="(\/passkeys\/[^"]+\/remove)"/)?.output.1)
        #expect(try await lead.send(String(remove)).headers[.location] == "/passkeys")
        #expect(try await lead.send(String(remove)).status == .notFound)
        let last = try await Self.question(door)
        #expect(try await signIn(last, passkey.answer(last.options)).status == .forbidden)
        #expect(try Vault.verify(school.location).holds)
    }

    @Test("A role that signs in by passkey is led to add one before anything else")
    func required() async throws {
        let school = try School([("access.yaml", "passkey-required: []", "passkey-required: [deputy]")])
        let deputy = try school.add(.deputy, name: "Nell Vasey")
        let visitor = try school.visitor(deputy)
        for path in ["/", "/pupils", "/file", "/sign-ins"] {
            #expect(try await visitor.get(path).headers[.location] == "/passkeys", "\(path)")
        }
        #expect(try await visitor.get("/passkeys").text.contains("Add one now"))
        #expect(try await visitor.send("/pupils", [("words", "a")]).status == .forbidden)
        #expect(try await visitor.call(.get, "/api/v1/uploads").status == .forbidden)
        try school.giveCode(as: deputy)
        _ = try school.addPasskey(as: deputy)
        #expect(try await visitor.get("/pupils").status == .ok)
        // Who looks after them sees it, and can remove one that was lost.
        let lead = try school.visitor(school.lead)
        let page = try await lead.get("/people/\(deputy.person.text)")
        let remove = try #require(page.text.firstMatch(of: /action="(\/people\/[^"]+\/remove)"/)?.output.1)
        try school.giveCode(as: school.lead)
        #expect(try await lead.send(String(remove)).headers[.location] == "/people/\(deputy.person.text)")
        #expect(try await visitor.get("/pupils").headers[.location] == "/passkeys")
        school.clock.move(seconds: 301)
        _ = try await visitor.get("/passkeys")
        #expect(try await visitor.send("/passkeys", [("name", "x")]).text.contains("Confirm with a code"))
    }
}
