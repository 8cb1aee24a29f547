import Custody
import Foundation
import HTTPTypes
import HummingbirdTesting
import Records
import Testing

@Suite("Pages of what waits to be looked at")
struct TriageTests {
    private struct Given {
        let school: School
        let office: Acting
        let deputy: Acting
        let visitor: Visitor

        init() throws {
            school = try School()
            office = try school.add(.admin, name: "Maud Tranter")
            deputy = try school.add(.deputy, name: "Nell Vasey")
            visitor = try school.visitor(deputy)
        }

        var address: String { "/waiting/\(school.pupil.reference)" }

        func entry(_ account: String) throws -> RecordID {
            let details = EntryDetails(
                kind: .observation,
                values: [
                    .basis: "fact", .date: "2017", .received: "2017-05-01", .account: account, .lateReason: "x",
                ])
            return try school.vault.makeEntry(details, for: school.pupil.pupilFile, as: office).entry.record
        }

        func waiting() throws -> [RecordID] {
            try school.vault.waiting(as: deputy).records.map(\.record)
        }
    }

    private static let nothing = [("follows", "nothing"), ("words", "Legacy archive")]

    @Test("Home counts what is new and waits, each with a link, and says nothing when there is nothing")
    func home() async throws {
        let given = try Given()
        #expect(try await !given.visitor.get("/").text.contains("wait to be looked at"))
        _ = try given.entry("A bruise")
        var text = try await given.visitor.get("/").text
        #expect(text.contains("record waits to be looked at") && text.contains("href=\"/waiting\""))
        #expect(text.contains("is new since you were last here") && text.contains("href=\"/waiting?list=new\""))
        #expect(!text.contains("longer than a working day") && !text.contains("neither lead nor deputy"))
        // Who files sees nothing of it.
        text = try await given.school.visitor(given.office).get("/").text
        #expect(!text.contains("looked at") && !text.contains("/waiting"))
    }

    @Test("What is chosen is looked at, and all that is shown with one tick; what came meanwhile is not")
    func batch() async throws {
        let given = try Given()
        let records = [try given.entry("One"), try given.entry("Two")]
        let later = try given.entry("Three")
        let shown = records.map { ("shown", $0.text) }
        let said = try await given.visitor.send(given.address, Self.nothing + shown + [("all", "yes")])
        #expect(said.status == .seeOther)
        #expect(try given.waiting() == [later])
        let page = try await given.visitor.get(try #require(said.headers[.location])).text
        #expect(page.contains("Legacy archive") && page.contains("Nothing further"))
    }

    @Test("What is wrong is said with the form as it was filled in, and nothing is recorded")
    func wrong() async throws {
        let given = try Given()
        let record = try given.entry("One")
        let typed = [
            ("record", record.text), ("follows", "police"), ("follows", "nothing"), ("words", "<b>Mr & Mrs</b>"),
            ("due", "soon"),
        ]
        let said = try await given.visitor.send(given.address, typed)
        #expect(said.status == .unprocessableContent && said.title.hasPrefix("Error: "))
        #expect(said.text.contains("&lt;b&gt;Mr &amp; Mrs&lt;/b&gt;") && said.text.contains("value=\"soon\""))
        #expect(said.text.contains("value=\"police\" checked") && said.text.contains("value=\"nothing\" checked"))
        #expect(said.text.contains("value=\"\(record.text)\" checked"))
        for bad in [("follows", "x"), ("record", "x"), ("id", "x"), ("surprise", "1")] {
            #expect(try await given.visitor.send(given.address, [bad]).status == .badRequest, "\(bad)")
        }
        #expect(try given.waiting() == [record])
    }

    @Test("Sent twice it is one statement; who comes later is told who was quicker, and keeps what was typed")
    func twice() async throws {
        let given = try Given()
        let record = try given.entry("One")
        let form = Self.nothing + [("record", record.text), ("one", "yes"), ("id", TriageID.random().text)]
        let first = try await given.visitor.send(given.address, form)
        let again = try await given.visitor.send(given.address, form)
        #expect(first.status == .seeOther && again.headers[.location] == first.headers[.location])
        let lead = try given.school.visitor(given.school.lead)
        let late = try await lead.send(
            given.address,
            [
                ("record", record.text), ("one", "yes"), ("follows", "pupil"), ("words", "To be asked"),
                ("due", "1 May 2099"),
            ])
        #expect(late.status == .unprocessableContent && late.text.contains("Nell Vasey has looked at this already"))
        #expect(late.text.contains("To be asked"))
        let moved = try await lead.get("\(given.address)?record=\(record.text)")
        #expect(moved.status == .seeOther, "what was looked at is shown on its own page")
    }

    @Test("Nothing of another pupil's file is looked at here, nor shown")
    func others() async throws {
        let given = try Given()
        let record = try given.entry("A bruise")
        let other = try given.school.vault.addPupil(
            NewPupil(name: "Tobias Venn", dateOfBirth: "2004-01-02"), as: given.school.lead)
        let elsewhere = try await given.visitor.get("/waiting/\(other.reference)?record=\(record.text)")
        #expect(elsewhere.status == .notFound && !elsewhere.text.contains("A bruise"))
        let said = try await given.visitor.send(
            "/waiting/\(other.reference)", Self.nothing + [("record", record.text)])
        #expect(said.status == .unprocessableContent && !said.text.contains("A bruise"))
        #expect(try given.waiting() == [record])
    }
}
