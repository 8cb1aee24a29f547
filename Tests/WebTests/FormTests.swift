import Custody
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Records
import Testing
import Web

@Suite("Forms")
struct FormTests {
    @Test("A form without its token, or with another, changes nothing")
    func token() async throws {
        let school = try School()
        let lead = try school.visitor(school.lead)
        let other = try school.visitor(school.lead)
        for wrong in ["", "x", String(lead.csrf.dropLast()), other.csrf] {
            let answer = try await lead.send("/people", [("name", "Wilf Ormerod"), ("role", "admin")], csrf: wrong)
            #expect(answer.status == .forbidden)
        }
        #expect(try school.vault.people(as: school.lead).count == 1)
        let answer = try await lead.send("/people", [("name", "Wilf Ormerod"), ("role", "admin")])
        #expect(answer.status == .ok)
        #expect(try school.vault.people(as: school.lead).count == 2)
    }

    @Test("A form that another site sent is refused, even with the right token")
    func origin() async throws {
        let school = try School()
        let lead = try school.visitor(school.lead)
        let site = try #require(HTTPField.Name("Sec-Fetch-Site"))
        for headers: HTTPFields in [[site: "cross-site"], [site: "same-site"], [.origin: "https://elsewhere.example"]] {
            let answer = try await lead.send(
                "/people", [("name", "Wilf Ormerod"), ("role", "admin")], headers: headers)
            #expect(answer.status == .forbidden)
        }
        for headers: HTTPFields in [[site: "same-origin", .origin: "null"], [.origin: "https://localhost"]] {
            #expect(try await lead.send("/pupils", [("words", "abel")], headers: headers).status == .ok)
        }
    }

    @Test("The sign-in form has a token of its own, from its own cookie")
    func signInToken() async throws {
        let school = try School()
        let page = try await school.visitor().get("/sign-in")
        let cookie = try #require(page.cookie("__Host-form"))
        #expect(cookie.hasSuffix("; Path=/; Secure; HttpOnly; SameSite=Strict"))
        let token = String(cookie.dropFirst("__Host-form=".count).prefix { $0 != ";" })
        #expect(page.text.contains("value=\"\(token)\""))
        let fields = [("name", "nobody"), ("password", "x"), ("code", "")]
        let bare = Visitor(site: school.site, cookies: [:], csrf: token)
        #expect(try await bare.send("/sign-in", fields).text.contains("no longer signed in"))
        let forged = Visitor(site: school.site, cookies: ["__Host-form": token], csrf: "0")
        #expect(try await forged.send("/sign-in", fields).text.contains("not sent from this site"))
        let real = Visitor(site: school.site, cookies: ["__Host-form": token], csrf: token)
        #expect(try await real.send("/sign-in", fields).text.contains("name, password or code is not right"))
    }

    @Test("Fields that do not belong, or come twice, are refused, in forms and in addresses")
    func unknownFields() async throws {
        let school = try School()
        let lead = try school.visitor(school.lead)
        #expect(try await lead.send("/pupils", [("words", "a"), ("colour", "red")]).status == .badRequest)
        #expect(try await lead.send("/pupils", [("words", "a"), ("words", "b")]).status == .badRequest)
        #expect(try await lead.send("/sign-out", [("all", "1")]).status == .badRequest)
        #expect(try await lead.send("/check/\(school.pupil.reference)", [("summary.x", "a")]).status == .badRequest)
        #expect(try await lead.send("/people", [("name", "A B"), ("role", "king")]).status == .badRequest)
        #expect(try await lead.get("/pupils?page=2").status == .badRequest)
        #expect(try await lead.get("/pupils/\(school.pupil.reference)?order=newest&order=oldest").status == .badRequest)
        #expect(try await lead.get("/pupils/\(school.pupil.reference)?order=sideways").status == .notFound)
        let upload = try await lead.upload(
            "/file/\(school.pupil.reference)", fields: [("colour", "red")],
            files: [("files", "a.txt", "text/plain", "words")])
        #expect(upload.status == .badRequest)
        #expect(try school.vault.pendingUploads(as: school.lead).isEmpty)
    }

    @Test("Bodies that are no forms are refused, and the large are counted, not believed")
    func bodies() async throws {
        let school = try School()
        let lead = try school.visitor(school.lead)
        let json: HTTPFields = [.contentType: "application/json"]
        #expect(
            try await lead.ask(.post, "/pupils", headers: json, body: ByteBuffer(string: "{}")).status == .badRequest)
        let form: HTTPFields = [.contentType: "application/x-www-form-urlencoded"]
        for text in ["words=%zz", "words=%00", "words=%ff", "words=%4"] {
            #expect(
                try await lead.ask(.post, "/pupils", headers: form, body: ByteBuffer(string: text)).status
                    == .badRequest)
        }
        let large = ByteBuffer(repeating: UInt8(ascii: "a"), count: 5 << 20)
        #expect(try await lead.ask(.post, "/pupils", headers: form, body: large).status == .contentTooLarge)
    }
}

@Suite("Signing in on the page")
struct SignInTests {
    @Test("Every failure gives the same page, and success a cookie for this host alone")
    func signIn() async throws {
        let school = try School()
        let invitation = try school.vault.invite(name: "Maud Tranter", roles: [.admin], as: school.lead)
        func attempt(_ name: String, _ password: String, _ code: String) async throws -> TestResponse {
            let visitor = Visitor(site: school.site, cookies: ["__Host-form": "t"], csrf: "t")
            return try await visitor.send("/sign-in", [("name", name), ("password", password), ("code", code)])
        }
        let failures = [
            try await attempt(School.leadName, "wrong", "123456"),
            try await attempt(School.leadName, School.password, "000000x"),
            try await attempt(School.leadName, "", ""),
        ]
        func without(_ answer: TestResponse) -> String { answer.text.replacing(/nonce="[0-9a-f]*"/, with: "") }
        for failure in failures {
            #expect(failure.status == .forbidden)
            #expect(without(failure) == without(failures[0]))
            #expect(failure.cookie("__Host-session") == nil)
        }
        let unknown = try await attempt("Nobody Here", "wrong", "123456")
        #expect(without(unknown) == without(failures[0]).replacing(School.leadName, with: "Nobody Here"))

        let visitor = Visitor(site: school.site, cookies: ["__Host-form": "t"], csrf: "t")
        func join(_ name: String, _ code: String, _ again: String = School.password) async throws -> TestResponse {
            try await visitor.send(
                "/join",
                [("name", name), ("invitation", code), ("password", School.password), ("again", again)])
        }
        // Another name, another code: which is not said.
        let wrong = [
            try await join("Maud Tranter", "0000-0000-0000-0000-0000-0000-00"),
            try await join("Maud Tranter", ""), try await join(School.leadName, invitation.code),
        ]
        for answer in wrong {
            #expect(answer.status == .unprocessableContent && answer.cookie("__Host-session") == nil)
            #expect(answer.text.contains("There is no invitation with that name and code"))
        }
        #expect(try await join("Maud Tranter", invitation.code, "another").text.contains("not the same"))
        let first = try await join("maud  tranter", invitation.code.lowercased().replacing("-", with: " "))
        #expect(first.status == .seeOther && first.headers[.location] == "/first-time")
        let cookie = try #require(first.cookie("__Host-session"))
        #expect(cookie.hasSuffix("; Path=/; Secure; HttpOnly; SameSite=Strict"))
        let token = String(cookie.dropFirst("__Host-session=".count).prefix { $0 != ";" })
        let page = try await Visitor(site: school.site, cookies: ["__Host-session": token], csrf: "").get("/first-time")
        #expect(page.text.contains("QR code for the authenticator"))
    }

    @Test("Signing out ends the session everywhere")
    func signOut() async throws {
        let school = try School()
        let lead = try school.visitor(school.lead)
        #expect(try await lead.get("/people").status == .ok)
        let answer = try await lead.send("/sign-out")
        #expect(answer.headers[.location] == "/sign-in")
        #expect(answer.cookie("__Host-session")?.contains("Max-Age=0") == true)
        #expect(try await lead.get("/people").headers[.location] == "/sign-in")
        #expect(try await lead.send("/people").status == .forbidden)
    }

    @Test("A session ends when it is left idle")
    func idle() async throws {
        let school = try School()
        let lead = try school.visitor(school.lead)
        // Far from the limit on both sides: the machine's own time goes on too.
        school.clock.move(seconds: 5 * 60)
        #expect(try await lead.get("/").status == .ok)
        school.clock.move(seconds: 16 * 60)
        #expect(try await lead.get("/").headers[.location] == "/sign-in")
    }
}
