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
