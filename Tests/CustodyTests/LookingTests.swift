import Custody
import Foundation
import GRDB
import Records
import Sandbox
import Testing

/// Pages that are looked at: the next one is ready, what was given is said, and nothing stays.
@Suite struct LookingTests {
    /// A school with a document, and its lead who looks at it.
    private final class Given {
        let school: School
        let lead: Acting
        let pupil: Pupil
        let document: DocumentID

        init(_ name: String) throws {
            school = try School([("inspection.yaml", "recognise-languages: [eng]", "recognise-languages: []")])
            lead = try school.signIn(school.lead)
            pupil = try school.pupil(by: lead)
            document = try school.file(
                fixture(name), named: String(name.split(separator: "/").last ?? ""), for: pupil, by: lead
            )
            .document
        }

        func open(by acting: Acting? = nil) throws -> DocumentReading {
            try school.vault.openDocument(document, manner: .view, as: acting ?? lead)
        }

        func ready(_ acting: Acting? = nil) -> Int {
            school.vault.pagesReady(of: document, for: (acting ?? lead).session)
        }

        /// How many pages of it each view that ended had shown.
        func shown() throws -> [Int] {
            // A leaf: one byte, four for the length, the statement, 64 of signature.
            try school.catalogue().read { db in try Data.fetchAll(db, sql: "SELECT leaf FROM statement ORDER BY idx") }
                .compactMap { try JSONSerialization.jsonObject(with: $0.dropFirst(5).dropLast(64)) as? [String: Any] }
                .filter { $0["kind"] as? String == "document.closed" }
                .compactMap { ($0["act"] as? [String: Any])?["pages"] as? Int }
        }
    }

    @Test func `The page that comes next is drawn ahead, and is shown only once it is asked for`() throws {
        let given = try Given("hostile/good/three-pages.pdf")
        let alone = try (1...3).map {
            try given.open(by: given.school.signIn(given.school.lead)).picture(page: $0, width: 400)
        }
        let reading = try given.open()
        #expect(try reading.picture(page: 1, width: 400) == alone[0])
        #expect(given.ready() == 1)
        #expect(try given.open().picture(page: 2, width: 400) == alone[1])
        #expect(given.ready() == 1)
        // Of another size it is drawn anew, and after the last there is none.
        #expect(try given.open().picture(page: 3, width: 300) != alone[2])
        // What was given is there no more.
        #expect(try given.open().picture(page: 2, width: 400) == alone[1])
        #expect(try given.open().picture(page: 3, width: 400) == alone[2])
        #expect(given.ready() == 0)
        try given.school.vault.signOut(given.lead)
        #expect(try given.shown().last == 3)
        #expect(given.ready() == 0)
    }

    @Test func `What was drawn ahead and never asked for is said of nobody, and is gone after a minute`() throws {
        let given = try Given("hostile/good/three-pages.pdf")
        _ = try given.open().picture(page: 1, width: 400)
        #expect(given.ready() == 1)
        given.school.clock.advance(seconds: 30)
        try given.school.vault.sweep()
        #expect(given.ready() == 1)
        given.school.clock.advance(seconds: 31)
        try given.school.vault.sweep()
        #expect(given.ready() == 0)
        try given.school.vault.signOut(given.lead)
        #expect(try given.shown() == [1])
    }

    @Test func `Nobody is given what was drawn ahead for another, or before they might no longer look`() throws {
        let given = try Given("hostile/good/three-pages.pdf")
        let here = try given.school.signIn(given.school.lead)
        _ = try given.school.vault.sessions.open(here, device: "Firefox on Windows")
        let reading = try given.open(by: here)
        _ = try reading.picture(page: 1, width: 400)
        #expect(given.ready(here) == 1 && given.ready() == 0)
        try given.school.vault.endSignIn(here.session, as: given.lead)
        #expect(code { _ = try reading.picture(page: 2, width: 400) } == "session.ended")
        #expect(given.ready(here) == 0)
    }

    @Test func `What was moved out of the file meanwhile is not given, though it lay ready`() throws {
        let given = try Given("hostile/good/three-pages.pdf")
        let deputy = try given.school.add("Nell Farrow", [.deputy], by: given.lead)
        let reading = try given.open()
        _ = try reading.picture(page: 1, width: 400)
        #expect(given.ready() == 1)
        try given.school.giveCode(as: given.lead)
        let concern = try given.school.vault.staffConcern(named: [deputy.name], others: "", as: given.lead)
        _ = try given.school.vault.move(given.document, about: concern, as: given.lead)
        #expect(code { _ = try reading.picture(page: 2, width: 400) } == "not-found")
    }

    @Test func `A Word document is looked at as its text and as the pages that it prints`() throws {
        let given = try Given("scans/agency-meeting-2017-09-19.docx")
        #expect(try given.open().text().contains("Team around the family"))
        #expect(try given.open().pageCount() == 1)
        #expect(try given.open().picture(page: 1, width: 600).starts(with: [0xff, 0xd8]))
        #expect(code { _ = try given.open().picture(page: 2, width: 600) } == "not-found")
        try given.school.vault.signOut(given.lead)
        #expect(try given.shown() == [1])
        #expect(try given.school.verify().holds)
    }
}
