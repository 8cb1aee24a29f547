import Custody
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import Records
import Synchronization
import Testing
import Web

/// The site, with something that is done before each part of an answer's body goes out; counts the parts.
private final class Watched: HTTPResponder {
    let parts = Mutex(0)
    private let site: Site
    private let before: @Sendable (_ part: Int) async throws -> Void

    /// - Parameter before: with the part's number, from 1.
    init(_ site: Site, before: @escaping @Sendable (_ part: Int) async throws -> Void) {
        self.site = site
        self.before = before
    }

    /// Has an officer ask for the pack.
    func takeCopies(as officer: Visitor) async throws -> TestResponse {
        let cookies = officer.cookies.map { "\($0)=\($1)" }.joined(separator: "; ")
        return try await Application(responder: self, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            .test(.router) { client in
                try await client.execute(
                    uri: "/agency/copies", method: .post,
                    headers: [.cookie: cookies, .contentType: "application/x-www-form-urlencoded"],
                    body: ByteBuffer(string: "csrf=\(Visitor.escaped(officer.csrf))"))
            }
    }

    func respond(to request: Request, context: SiteContext) async throws -> Response {
        var response = try await site.respond(to: request, context: context)
        response.body = response.body.map { [self] part in
            let number = parts.withLock { parts in
                parts += 1
                return parts
            }
            try await before(number)
            return part
        }
        return response
    }
}

/// How many statements there were before each part.
private final class Said: Sendable {
    let counts = Mutex<[UInt64]>([])
}

/// An agency's pages: what opens them, what does not, and what they give.
@Suite("An officer who has a link and an access code")
struct AgencyTests {
    /// A school that has given an officer a permission for a scan and a text.
    private struct Given {
        let school: School
        let permission: GivenPermission
        let officer = "Tamsin O'Rourke"
        let number = "4471"
        static let note = Array("She rang at ten past three.\n".utf8)

        init(copies: Int = 1) throws {
            school = try School()
            let (vault, lead, pupil) = (school.vault, school.lead, school.pupil)
            let scan = try Data(
                contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
                    .appending(path: "../../fixtures/scans/note-photographed-2017-06-12.jpg"))
            func file(_ bytes: [UInt8], _ name: String, _ summary: String) throws -> DocumentID {
                var reception = try vault.beginUpload(
                    UploadRequest(pupilFile: pupil.pupilFile, filename: name, wantsProposal: false), as: lead)
                try bytes.withUnsafeBytes { try reception.append($0) }
                let details = FilingDetails(summary: summary, category: "letter", date: "2017")
                let held = try vault.hold(reception.finish(), details: details, as: lead)
                guard
                    case .filed(_, let receipt) = try vault.file(
                        [Filing(upload: held.id, details: details, again: true)], as: lead)[0]
                else { throw VaultError.notFound }
                return receipt.document
            }
            let letter = try file(Array("We ask for two papers.\n".utf8), "letter.txt", "The request")
            let documents = [
                try file([UInt8](scan), "scan.jpg", "A note"), try file(Self.note, "note.txt", "A call"),
            ]
            let request = try vault.recordRequest(
                [
                    .agency: "police", .organisation: "Harrowdale Police", .officer: officer,
                    .rank: "Detective Constable", .number: number, .identityChecked: "Called back",
                    .received: String(school.clock.now().iso8601.prefix(10)), .purpose: "An enquiry",
                    .basis: "An order", .sought: "Papers of 2017", .victim: "no",
                ], letter: letter, confirmed: false, of: pupil.pupilFile, as: lead)
            try school.giveCode(as: lead)
            let last = Timestamp(milliseconds: school.clock.now().milliseconds + 20 * 86_400_000).iso8601.prefix(10)
            permission = try vault.givePermission(
                PermissionTerms(documents: documents, until: String(last), copies: copies), for: request, as: lead)
        }

        var door: String { "/agency/\(permission.link)" }

        /// Enters as a browser does: with the token of the form's own cookie.
        func enter(_ fields: [(String, String)] = [], cookies: [String: String] = [:]) async throws -> TestResponse {
            let shown = try await Visitor(site: school.site, cookies: cookies, csrf: "").get(door)
            let token = try #require(shown.cookie("__Host-form")?.value)
            let said = [("code", permission.code), ("officer", officer), ("number", number)].map { field in
                fields.first { $0.0 == field.0 } ?? field
            }
            return try await Visitor(
                site: school.site, cookies: cookies.merging(["__Host-form": token]) { $1 }, csrf: token
            ).send(door, said)
        }

        /// Somebody who entered, and accepted the terms where asked to.
        func entered(accepting: Bool = true) async throws -> Visitor {
            let token = try #require(try await enter().cookie("__Host-agency")?.value)
            var cookies = ["__Host-agency": token]
            let csrf = try #require(try school.vault.agencySession(token)?.csrf)
            guard accepting else { return Visitor(site: school.site, cookies: cookies, csrf: csrf) }
            let answer = try await Visitor(site: school.site, cookies: cookies, csrf: csrf).send("/agency/terms")
            cookies["__Host-agency-terms"] = try #require(answer.cookie("__Host-agency-terms")?.value)
            return Visitor(site: school.site, cookies: cookies, csrf: csrf)
        }
    }

    private static let pages = [
        "/agency/exhibits/1", "/agency/exhibits/1/pages/1", "/agency/exhibits/2", "/agency/copies",
    ]

    @Test(
        "Link, code, name and number open it; how many tries are left is said; nobody's link looks as one that is over")
    func door() async throws {
        let given = try Given()
        for field in ["code", "officer", "number"] {
            let answer = try await given.enter([(field, "somebody else's")])
            #expect(answer.status == .unprocessableContent && answer.text.contains("tries are left"), "\(field)")
            #expect(answer.cookie("__Host-agency") == nil)
        }
        let answer = try await given.enter([("officer", "tamsin o’rourke")])
        #expect(answer.status == .seeOther && answer.headers[.location] == "/agency")
        let cookie = try #require(answer.cookie("__Host-agency"))
        #expect(cookie.hasSuffix("; Path=/; Secure; HttpOnly; SameSite=Strict"))
        let stranger = try given.school.visitor()
        let nobodys = try await stranger.get("/agency/\(DocumentID.random().text)")
        #expect(nobodys.status == .notFound)
        try given.school.vault.withdrawPermission(given.permission.id, reason: "It was closed", as: given.school.lead)
        let over = try await stranger.get(given.door)
        func main(_ answer: TestResponse) -> String { answer.text.components(separatedBy: "<main").last ?? "" }
        #expect(over.status == .notFound && main(over) == main(nobodys))
        #expect(try await given.enter().status == .unprocessableContent)
        // Without the form's own token nothing is tried.
        #expect(try await stranger.send(given.door, [("code", given.permission.code)]).status == .forbidden)
    }

    @Test("Nothing is shown before the terms are accepted, nor to another session that accepted its own")
    func terms() async throws {
        let given = try Given()
        let officer = try await given.entered(accepting: false)
        for path in Self.pages + ["/agency/received"] {
            let answer = try await officer.get(path)
            #expect(answer.status == .seeOther && answer.headers[.location] == "/agency", "\(path)")
        }
        #expect(try await officer.send("/agency/copies").headers[.location] == "/agency")
        let shown = try await officer.get("/agency").text
        #expect(shown.contains("I accept and go on") && !shown.contains("A note"))
        let other = try await given.entered()
        let borrowed = Visitor(
            site: given.school.site,
            cookies: officer.cookies.merging(other.cookies.filter { $0.key == "__Host-agency-terms" }) { $1 },
            csrf: officer.csrf)
        #expect(try await borrowed.get("/agency").text.contains("I accept and go on"))
    }

    @Test("Pages are shown with who and when over them; text as text; what is not there is not there")
    func looking() async throws {
        let given = try Given()
        let officer = try await given.entered()
        let list = try await officer.get("/agency")
        #expect(list.text.contains("2 documents") && list.text.contains("A note") && !list.text.contains("<script"))
        #expect(list.text.contains(given.permission.exhibits[0]) && !list.text.contains("href=\"/\""))
        #expect(try #require(list.headers[HTTPField.Name("Refresh")!]).hasSuffix("url=/agency/ended"))
        let scan = try await officer.get("/agency/exhibits/1")
        #expect(scan.text.contains("data-mark=\"\(given.officer.replacing("'", with: "&#39;")), \(given.number) · "))
        let picture = try await officer.get("/agency/exhibits/1/pages/1?width=600")
        #expect(picture.status == .ok && picture.headers[.contentType]?.hasPrefix("image/") == true)
        #expect(try await officer.get("/agency/exhibits/2").text.contains("She rang at ten past three."))
        for path in [
            "exhibits/0", "exhibits/3", "exhibits/x", "exhibits/1/pages/2", "exhibits/2/pages/1", "exhibits/-1",
        ] {
            #expect(try await officer.get("/agency/\(path)").status == .notFound, "\(path)")
        }
        #expect(try await officer.get("/agency/exhibits/1?width=20").status == .notFound)
    }

    @Test("Who is signed in is nobody here, an officer nobody there, and each form takes its own session's token alone")
    func apart() async throws {
        let given = try Given()
        let officer = try await given.entered()
        let lead = try given.school.visitor(given.school.lead)
        for path in Self.pages + ["/agency"] {
            #expect([.seeOther, .forbidden].contains(try await lead.get(path).status), "\(path)")
            #expect(try await lead.get(path).text.contains(School.leadName) == false)
        }
        for path in ["/", "/pupils", "/pupils/\(given.school.pupil.reference)", "/file", "/sign-ins"] {
            #expect(try await officer.get(path).headers[.location] == "/sign-in", "\(path)")
        }
        let both = Visitor(
            site: given.school.site, cookies: officer.cookies.merging(lead.cookies) { $1 }, csrf: officer.csrf)
        // Who gave the permission stands on the page by name; nothing of their session does.
        let theirs = try await both.get("/agency").text
        #expect(!theirs.contains("Sign out") && !theirs.contains(lead.csrf) && theirs.contains(officer.csrf))
        #expect(try await both.get("/").text.contains("Sign out"))
        for (path, token) in [
            ("/agency/received", lead.csrf), ("/agency/copies", ""), ("/agency/leave", lead.csrf),
            ("/sign-out", officer.csrf), ("/policy-register", officer.csrf),
        ] { #expect(try await both.send(path, csrf: token).status == .forbidden, "\(path)") }
        // A form of a person whose session has ended is not kept by an agency's page.
        let late = Visitor(site: given.school.site, cookies: lead.cookies, csrf: lead.csrf)
        #expect(try await late.send("/agency/received").status == .forbidden)
    }

    @Test("What is withdrawn while copies go out stops with the part that is on its way")
    func withdrawn() async throws {
        let given = try Given()
        let officer = try await given.entered()
        let (vault, permission, lead) = (given.school.vault, given.permission.id, given.school.lead)
        let watched = Watched(given.school.site) { part in
            if part == 1 { try vault.withdrawPermission(permission, reason: "It was closed", as: lead) }
        }
        await #expect(throws: (any Error).self) { try await watched.takeCopies(as: officer) }
        #expect(watched.parts.withLock { $0 } == 1)
        #expect(try Vault.verify(given.school.location).holds)
    }

    @Test("That copies went out whole is said when the last part was taken, and not before")
    func said() async throws {
        let given = try Given()
        let officer = try await given.entered()
        let (vault, lead) = (given.school.vault, given.school.lead)
        let said = Said()
        let watched = Watched(given.school.site) { _ in
            // Whoever makes parts has time to run ahead.
            try await Task.sleep(for: .milliseconds(20))
            let count = try vault.figures(as: lead).statements
            said.counts.withLock { $0.append(count) }
        }
        #expect(try await watched.takeCopies(as: officer).status == .ok)
        let counts = said.counts.withLock { $0 }
        #expect(counts.count > 10 && Set(counts).count == 1, "\(counts)")
        // It was closed, and the permission was used up.
        #expect(try vault.figures(as: lead).statements == counts[0] + 2)
    }

    @Test("Copies go out whole and as often as permitted; then it is over, and what was received can still be said")
    func copies() async throws {
        let given = try Given()
        let officer = try await given.entered()
        let said = try await officer.get("/agency/copies").text
        #expect(said.contains("pack-\(given.permission.id.reference).zip") && said.contains("This is the last time."))
        let pack = try await officer.send("/agency/copies")
        #expect(pack.status == .ok && Array(pack.body.readableBytesView.prefix(2)) == Array("PK".utf8))
        #expect(pack.headers[.contentLength] == String(pack.body.readableBytes))
        #expect(
            pack.headers[.contentDisposition] == "attachment; filename=\"pack-\(given.permission.id.reference).zip\"")
        let again = try await officer.send("/agency/copies")
        #expect(again.headers[.location] == "/agency")
        let over = try await officer.get("/agency").text
        #expect(over.contains("This permission is over") && !over.contains("A note"))
        for path in Self.pages { #expect(try await officer.get(path).headers[.location] == "/agency", "\(path)") }
        #expect(try await officer.get("/agency/received").headers[.location] == "/agency")
        #expect(try await officer.send("/agency/received").headers[.location] == "/agency/received")
        #expect(try await officer.get("/agency/received").text.contains("2 documents received"))
        let left = try await officer.send("/agency/leave")
        #expect(
            left.headers[.location] == "/agency/ended" && left.cookie("__Host-agency")?.contains("Max-Age=0") == true)
        #expect(try await officer.get("/agency/received").headers[.location] == "/agency/ended")
        #expect(try await officer.send("/agency/received").status == .forbidden)
        #expect(try Vault.verify(given.school.location).holds)
    }

    @Test("What may only be looked at is not copied; what was withdrawn is gone from every page")
    func ends() async throws {
        let given = try Given(copies: 0)
        let officer = try await given.entered()
        #expect(try await officer.get("/agency/copies").text.contains("Copies cannot be taken"))
        #expect(try await officer.send("/agency/copies").status == .unprocessableContent)
        try given.school.vault.withdrawPermission(given.permission.id, reason: "It was closed", as: given.school.lead)
        for path in Self.pages { #expect(try await officer.get(path).headers[.location] == "/agency", "\(path)") }
        #expect(try await officer.get("/agency").text.contains("This permission is over"))
    }

    @Test("A session that is idle for too long has ended")
    func idle() async throws {
        let given = try Given()
        let officer = try await given.entered()
        given.school.clock.move(seconds: 16 * 60)
        #expect(try await officer.get("/agency").headers[.location] == "/agency/ended")
        #expect(try await officer.get("/agency/ended").text.contains("Open the link again"))
    }
}

extension String {
    /// What a cookie that was set is: between its name and its attributes.
    fileprivate var value: String? {
        split(separator: ";").first?.split(separator: "=", maxSplits: 1).last.map(String.init)
    }
}
