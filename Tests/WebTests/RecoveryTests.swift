import Custody
import Foundation
import HTTPTypes
import HummingbirdTesting
import Records
import Testing

@Suite("The recovery key's pages")
struct RecoveryTests {
    private static let holders = "Ines Marlowe\r\n  Tobias Quill \r\n\r\nRuth Abernathy\r\n"

    private static func words(of page: String) -> [String] {
        page.components(separatedBy: "<ol class=\"share\">").dropFirst().map { part in
            part.components(separatedBy: "</ol>")[0].replacing("<li>", with: "").replacing("</li>", with: " ")
        }
    }

    @Test("The home page says what is due, from the first day until a drill is passed, and after a use")
    func duties() async throws {
        let school = try School()
        let visitor = try school.visitor(school.lead)
        #expect(try await visitor.get("/").text.contains("recovery key is not set up"))
        #expect(try await visitor.get("/recovery").text.contains("There is no recovery key."))
        #expect(try await visitor.get("/recovery/drill").headers[.location] == "/recovery")
        let fields = [("holders", Self.holders), ("threshold", " 2 ")]
        let made = try await visitor.send("/recovery", fields)
        #expect(made.status == .ok)
        let words = Self.words(of: made.text)
        #expect(words.count == 3 && words.allSatisfy { $0.split(separator: " ").count == 33 })
        for text in [
            "Recovery sheet 1 of 3, 2 are needed", "<strong>Tobias Quill</strong>", "QR code of the same words",
            school.vault.foundingWords.joined(separator: " "),
        ] {
            #expect(made.text.contains(text), "\(text)")
        }
        #expect(made.headers[.cacheControl] == "no-store")
        #expect(try await visitor.get("/").text.contains("recovery key was never tried: do a drill"))
        let file = try await visitor.get("/pupils/\(school.pupil.reference)").text
        #expect(file.contains("<strong>Recovery key</strong>, 2 of 3 sheets of paper: if no lead is left"))
        let page = try await visitor.get("/recovery").text
        #expect(page.contains("<li>Ruth Abernathy</li>") && page.contains("2 of 3"))
        #expect(words.allSatisfy { !page.contains($0) })

        let passed = try await visitor.send(
            "/recovery/drill", [("sheet1", words[2]), ("sheet2", ""), ("sheet3", words[0])])
        #expect(passed.status == .seeOther && passed.headers[.location] == "/recovery")
        #expect(try await visitor.get("/recovery").text.contains("All is well: a drill on"))
        #expect(try await !visitor.get("/").text.contains("href=\"/recovery\"><strong"))

        let deputy = try school.add(.deputy, name: "Nell Farrow")
        #expect(try await school.visitor(deputy).get("/recovery").status == .forbidden)
        school.clock.move(seconds: 365 * 86_400)
        let later = try school.visitor(school.lead)
        #expect(try await later.get("/").text.contains("recovery drill is more than 12 months old"))
        #expect(try await later.get("/recovery").text.contains("more than 12 months ago. Do one now."))

        let recovered = try school.vault.recover(
            sheets: [words[0], words[1]], lead: "Sabine Holt", password: School.password)
        #expect(recovered.suspended == [School.leadName])
        let staff = try school.visitor(deputy)
        let told = try await staff.get("/").text
        #expect(told.contains("Sabine Holt is safeguarding lead since."))
    }

    @Test("What is wrong stands at its field, with nothing recorded")
    func mistakes() async throws {
        let school = try School()
        let visitor = try school.visitor(school.lead)
        func send(_ holders: String, _ threshold: String) async throws -> TestResponse {
            try await visitor.send("/recovery", [("holders", holders), ("threshold", threshold)])
        }
        for (holders, threshold, place) in [
            ("Ines Marlowe", "2", "#holders"), ("Ines Marlowe\nX", "2", "#holders"),
            (Self.holders, "4", "#threshold"), (Self.holders, "two", "#threshold"),
        ] {
            let answer = try await send(holders, threshold)
            #expect(answer.status == .unprocessableContent && answer.text.contains("href=\"\(place)\""), "\(place)")
            #expect(answer.title.hasPrefix("Error: ") && answer.text.contains("aria-invalid"))
        }
        #expect(try school.vault.recoveryState() == nil)
        let made = try await send(Self.holders, "2")
        let words = Self.words(of: made.text)
        var wrong = words[1].split(separator: " ").map(String.init)
        wrong[4] = "gardenx"
        let answer = try await visitor.send(
            "/recovery/drill", [("sheet1", words[0]), ("sheet3", wrong.joined(separator: " "))])
        #expect(
            answer.status == .unprocessableContent
                && answer.title == "Error: Recovery drill – " + school.vault.policies.school.name)
        #expect(answer.text.contains("href=\"#sheet3\">Box 3: Word 5 is none of the words"))
        #expect(!answer.text.contains("more sheet"))
        let one = try await visitor.send("/recovery/drill", [("sheet1", words[0])]).text
        #expect(one.contains("href=\"#sheet2\">1 more sheet is needed: 2 in all."))
        let twice = try await visitor.send("/recovery/drill", [("sheet1", words[0]), ("sheet2", words[0])])
        #expect(twice.text.contains("Box 2: This is sheet 1 once more"))
        #expect(try await visitor.send("/recovery/drill").text.contains("2 more sheets are needed"))
        #expect(try school.vault.recoveryState()?.standing == .untried)
    }
}
