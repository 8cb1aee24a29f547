import Custody
import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Records
import Testing
import Web

@Suite("The policy register in the browser")
struct PolicyRegisterPageTests {
    /// The cells of RFC 4180 CSV whose cells are all in quotation marks.
    private func cells(_ text: String) -> [[String]] {
        text.split(separator: "\r\n").map { line in
            line.dropFirst().dropLast().split(separator: "\",\"", omittingEmptySubsequences: false).map {
                String($0).replacing("\"\"", with: "\"")
            }
        }
    }

    @Test("A review needs somebody of the panel, keeps what was typed, and is listed with its people")
    func review() async throws {
        let school = try School()
        let panel = try school.add(.panel, name: "Ivo Castellane")
        let lead = try school.visitor(school.lead)
        let version = school.vault.policies.acceptableUse.version
        let today = String(school.clock.now().iso8601.prefix(10))
        let path = "/policy-register"
        let alone = try await lead.send(path, [("version", version), ("day", today), ("due", "sometime")])
        #expect(alone.status == .unprocessableContent)
        #expect(alone.text.contains("Say who of the panel reviewed it with you") || alone.text.contains("not a day"))
        #expect(alone.text.contains("value=\"\(today)\"") && alone.text.contains("value=\"sometime\""))
        let done = try await lead.send(
            path, [("version", version), ("day", today), ("due", ""), ("panel", panel.person.text)])
        #expect(done.status == .seeOther && done.headers[.location] == path)
        let page = try await school.visitor(panel).get(path)
        #expect(page.status == .ok && page.text.contains("\(School.leadName), Ivo Castellane"))
        #expect(!page.text.contains("Record a review"), "the panel records none by itself")
        let other = try await lead.send(path, [("version", version), ("day", today), ("panel", "nobody")])
        #expect(other.status == .badRequest)
        #expect(try Vault.verify(school.location).holds)
    }

    @Test("A year without a review shows as overdue in words, on the register and on the home page")
    func overdue() async throws {
        let school = try School([("acceptable-use.yaml", "reviewed: 2026-09-01", "reviewed: 2019-09-01")])
        for acting in [
            school.lead, try school.add(.panel, name: "Ivo Castellane"),
            try school.add(.accountManager, name: "Nell Farrow"), try school.add(.deputy, name: "Nell Vasey"),
        ] {
            let visitor = try school.visitor(acting)
            #expect(try await visitor.get("/").text.contains("policy is overdue for its yearly review"))
            let page = try await visitor.get("/policy-register").text
            #expect(page.contains("Overdue</strong> The policy was last reviewed on 1 September 2019."))
            #expect(page.contains("Its next review was due on 1 September 2020."))
        }
    }

    @Test("The table for spreadsheets holds everybody, and no cell of it is a formula")
    func table() async throws {
        let school = try School()
        let names = ["=HYPERLINK(\"http://x\")", "+Ivo Castellane", "-Nell, Farrow", "@Bede \"Bo\" Farrow"]
        for name in names { _ = try school.add(.staff, name: name) }
        let answer = try await school.visitor(school.lead).get("/policy-register/people.csv")
        #expect(answer.headers[.contentType]?.hasPrefix("text/csv") == true)
        #expect(answer.headers[.contentDisposition]?.hasPrefix("attachment; filename=\"policy-register-") == true)
        let bytes = Array(buffer: answer.body)
        #expect(bytes.prefix(3) == [0xEF, 0xBB, 0xBF])
        let rows = cells(String(decoding: bytes.dropFirst(3), as: UTF8.self))
        #expect(rows.count == names.count + 2 && rows.allSatisfy { $0.count == 10 })
        let written = Set(rows.map { $0[0] })
        for name in names { #expect(written.contains("'" + name), "\(written)") }
        #expect(written.contains(School.leadName))
        #expect(!rows.joined().contains { $0.first.map { "=+-@\t\r".contains($0) } ?? false })
        for role: (Role, String) in [(.admin, "Maud Tranter"), (.staff, "Amir Oakley")] {
            let visitor = try school.visitor(school.add(role.0, name: role.1))
            #expect(try await visitor.get("/policy-register/people.csv").status == .forbidden)
        }
    }
}
