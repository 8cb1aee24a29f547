import Custody
import Foundation
import HTTPTypes
import HummingbirdTesting
import Records
import Testing

@Suite("The page Keeping")
struct KeepingTests {
    @Test("says in its first line whether all is well, and the home page says when a checkpoint is due")
    func standing() async throws {
        let school = try School()
        let lead = try school.visitor(school.lead)
        let first = try await lead.get("/keeping").text
        #expect(first.contains("Please look at this:") && first.contains("No backup of the vault was ever verified."))
        #expect(!first.contains("no checkpoint has left the vault") && first.contains("None was printed yet."))
        #expect(try await !lead.get("/").text.contains("href=\"/keeping\"><strong"))
        #expect(try await lead.get("/keeping/sheet.pdf").status != .ok)

        school.clock.move(seconds: 86_400 * 7)
        let later = try school.visitor(school.lead)
        let home = try await later.get("/").text
        #expect(
            home.contains("<strong class=\"figures\">168</strong> hours without a checkpoint of the record outside"))
        #expect(home.contains("checkpoint sheet is due to be printed and filed elsewhere"))
        let due = try await later.get("/keeping").text
        #expect(due.contains("For more than 24 hours no checkpoint has left the vault. There never was one."))
        #expect(due.contains("No checkpoint sheet was printed yet."))

        let made = try await later.send("/keeping/sheet", [])
        #expect(made.status == .seeOther && made.headers[.location] == "/keeping#sheet")
        let after = try await later.get("/keeping").text
        #expect(after.contains("less than an hour ago") && !after.contains("no checkpoint has left the vault"))
        #expect(try await !later.get("/").text.contains("href=\"/keeping\"><strong"))
        let sheet = try await later.get("/keeping/sheet.pdf")
        #expect(sheet.status == .ok && sheet.headers[.contentType] == "application/pdf")
        #expect(try await later.get("/keeping/sheet.pdf").body == sheet.body)

        let panel = try school.visitor(try school.add(.panel, name: "Ivo Castellane"))
        #expect(try await panel.get("/keeping").status == .ok)
        #expect(try await panel.get("/keeping").text.contains("href=\"/recovery\"") == false)
        let office = try school.visitor(try school.add(.admin, name: "Sam Patel"))
        #expect(try await office.get("/keeping").status == .forbidden)
        #expect(try await office.send("/keeping/sheet", []).status == .forbidden)
    }
}
