import Custody
import Foundation
import HTTPTypes
import HummingbirdTesting
import Records
import Testing

/// A code asked for again, and the hidden screen, on the pages.
@Suite("Codes asked for again, and the hidden screen")
struct CodeTests {
    @Test("An old code is asked for anew, the form is kept, and goes through with the code")
    func keepsTheForm() async throws {
        let school = try School()
        let lead = try school.visitor(school.lead)
        #expect(try await lead.send("/people", [("name", "Maud Tranter"), ("role", "staff")]).status == .ok)
        school.clock.move(seconds: 301)
        let fields = [("name", "Bede & <Son>"), ("role", "staff"), ("role", "admin")]
        let asked = try await lead.send("/people", fields)
        #expect(asked.title.hasPrefix("Confirm with a code") && asked.status == .ok)
        #expect(asked.text.contains("name=\"name\" value=\"Bede &amp; &lt;Son&gt;\""))
        #expect(asked.text.components(separatedBy: "name=\"role\"").count == 3)
        let wrong = try await lead.send("/people", fields + [("authenticator-code", "000000")])
        #expect(wrong.status == .unprocessableContent && wrong.title.hasPrefix("Error: Confirm"))
        let code = try School.code(school.leadAuthenticator, at: school.clock.now())
        let done = try await lead.send("/people", fields + [("authenticator-code", code)])
        #expect(done.status == .ok && done.text.contains("Bede &amp; &lt;Son&gt;, Office staff, Staff"))
        #expect(try await lead.send("/people", [("name", "One More"), ("role", "staff")]).text.contains("Its code"))
        // A route that asks for none knows no such field.
        #expect(try await lead.send("/pupils", [("words", "a"), ("authenticator-code", code)]).status == .badRequest)
    }

    @Test("A hidden session gives nothing until the password is typed, and then goes on where it was")
    func hidden() async throws {
        let school = try School()
        let lead = try school.visitor(school.lead)
        let page = try await lead.get("/pupils/\(school.pupil.reference)?order=oldest")
        #expect(page.text.contains("name=\"place\" value=\"/pupils/\(school.pupil.reference)?order=oldest\""))
        let hid = try await lead.send("/hidden", [("place", "/pupils/\(school.pupil.reference)?order=oldest")])
        #expect(hid.headers[.location] == "/hidden")
        for path in ["/", "/pupils", "/pupils/\(school.pupil.reference)", "/people"] {
            #expect(try await lead.get(path).headers[.location] == "/hidden", "\(path)")
        }
        #expect(try await lead.send("/pupils", [("words", "a")]).status == .forbidden)
        #expect(try await lead.call(.get, "/api/v1/uploads").status == .forbidden)
        let covered = try await lead.get("/hidden")
        #expect(covered.text.contains("Your password") && !covered.text.contains(School.leadName))
        let wrong = try await lead.send("/hidden/show", [("password", "not it")])
        #expect(wrong.text.contains("That is not your password") && wrong.status == .unprocessableContent)
        #expect(try await lead.get("/").headers[.location] == "/hidden")
        let shown = try await lead.send("/hidden/show", [("password", School.password)])
        #expect(shown.headers[.location] == "/pupils/\(school.pupil.reference)?order=oldest")
        #expect(try await lead.get("/").status == .ok)
        // Only a page of ours is gone back to.
        for place in ["//elsewhere.example", "https://elsewhere.example", "", "/a b", "/\\elsewhere"] {
            _ = try await lead.send("/hidden", [("place", place)])
            #expect(try await lead.send("/hidden/show", [("password", School.password)]).headers[.location] == "/")
        }
    }

    @Test("A form that comes after its session ended is sealed to its sender, and offered again when they sign in")
    func late() async throws {
        let school = try School()
        let other = try school.add(.admin, name: "Maud Tranter")
        let path = "/file"
        let lead = try school.visitor(school.lead)
        let fields = [("words", "Grace & <b>")]
        func answer(_ visitor: Visitor, _ path: String = path) async throws -> TestResponse {
            try await visitor.send(path, [fields[0]])
        }
        school.clock.move(seconds: 15 * 60 + 1)
        // Before the session was swept away, and after.
        for sweeps in [false, true] {
            if sweeps { try school.vault.sweep() }
            let late = try await answer(lead)
            #expect(late.status == .forbidden && late.title.hasPrefix("Sign in"))
            #expect(late.text.contains("What you had filled in is kept"))
            #expect(!late.text.contains("Grace"))
        }
        let late = try await answer(lead)
        let kept = try #require(late.text.firstMatch(of: /name="kept" value="([^"]+)"/)?.output.1)
        // Another token, none, and a page that a session alone is about keep nothing.
        let forged = try await lead.send(path, [fields[0]], csrf: "x")
        #expect(forged.status == .forbidden && !forged.text.contains("name=\"kept\""))
        #expect(!(try await answer(school.visitor()).text.contains("name=\"kept\"")))
        #expect(!(try await lead.send("/sign-out").text.contains("name=\"kept\"")))

        let token = try #require(late.text.firstMatch(of: /name="csrf" value="([^"]+)"/)?.output.1)
        let door = Visitor(site: school.site, cookies: ["__Host-form": String(token)], csrf: String(token))
        let wrong = try await door.send(
            "/sign-in", [("name", School.leadName), ("password", "not it"), ("code", "000000"), ("kept", String(kept))])
        #expect(wrong.text.contains("name=\"kept\" value=\"\(kept)\""))
        let code = try School.code(school.leadAuthenticator, at: school.clock.now())
        let signedIn = try await door.send(
            "/sign-in",
            [("name", School.leadName), ("password", School.password), ("code", code), ("kept", String(kept))])
        #expect(signedIn.headers[.location] == "/late")
        let cookie = try #require(signedIn.headers[values: .setCookie].first { $0.hasPrefix("__Host-session=") })
        let session = try #require(cookie.firstMatch(of: /=([^;]+);/)?.output.1)
        let back = Visitor(site: school.site, cookies: ["__Host-session": String(session)], csrf: "")
        let page = try await back.get("/late")
        #expect(page.text.contains("<dt>Words</dt><dd>Grace &amp; &lt;b&gt;</dd>"))
        #expect(page.text.contains("action=\"/file\""))
        #expect(page.text.contains("name=\"words\" value=\"Grace &amp; &lt;b&gt;\""))
        // Who signs in with somebody else's goes home.
        #expect(!school.vault.takeLateForm(try #require(Base64.decode(String(kept))), as: other))
        #expect(try school.vault.lateForm(of: other) == nil)
        #expect(try await school.visitor(other).get("/late").headers[.location] == "/")
    }

    @Test("A session that somebody ended keeps no form")
    func ended() async throws {
        let school = try School()
        let lead = try school.visitor(school.lead)
        let other = try school.add(.admin, name: "Maud Tranter")
        let office = try school.visitor(other)
        try school.vault.suspend(other.person, as: school.lead)
        let answer = try await office.send("/file", [("words", "Grace")])
        #expect(answer.status == .forbidden && !answer.text.contains("name=\"kept\""))
        _ = try await lead.send("/sign-out")
        #expect(!(try await lead.send("/file", [("words", "Grace")]).text.contains("name=\"kept\"")))
    }

    @Test("A browser that was signed in with is known again, to its own person alone")
    func device() async throws {
        let school = try School()
        func attempt(_ password: String, _ device: String?) async throws -> HTTPResponse.Status {
            var cookies = ["__Host-form": "t"]
            if let device { cookies["__Host-device"] = device }
            let visitor = Visitor(site: school.site, cookies: cookies, csrf: "t")
            let code = try School.code(school.leadAuthenticator, at: school.clock.now())
            return try await visitor.send(
                "/sign-in", [("name", School.leadName), ("password", password), ("code", code)]
            ).status
        }
        let device = school.vault.deviceToken(of: school.lead)
        for _ in 0..<10 { #expect(try await attempt("wrong", nil) == .forbidden) }
        #expect(try await attempt(School.password, nil) == .tooManyRequests)
        school.clock.move(seconds: 5)
        #expect(try await attempt(School.password, "AAAA") == .tooManyRequests)
        school.clock.move(seconds: 26)
        #expect(try await attempt("wrong", nil) == .forbidden)
        #expect(try await attempt(School.password, device) == .seeOther)
    }
}
