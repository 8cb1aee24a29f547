import Custody
import Foundation
import HTTPTypes
import HummingbirdTesting
import Records
import Testing

@Suite("Pages of what takes two people")
struct ProposalTests {
    /// A school a week after its deputy and its panel member had their keys.
    private struct Settled {
        let school: School
        let deputy: Acting
        let panel: Acting

        init() throws {
            school = try School()
            deputy = try school.add(.deputy, name: "Nell Farrow")
            panel = try school.add(.panel, name: "Ivo Castellane")
            school.clock.move(seconds: 7 * 86_400)
        }

        /// Somebody at a browser, who gave a code just now.
        func visitor(_ acting: Acting) throws -> Visitor {
            try school.giveCode(as: acting)
            return try school.visitor(acting)
        }

        /// Somebody who has joined and waits for their keys: their page, and the words.
        func newcomer(_ role: Role, _ name: String) throws -> (page: String, words: String) {
            try school.giveCode(as: school.lead)
            let acting = try school.addUnfinished(name: name, role: role)
            let secret = school.vault.authenticatorSecret(of: acting) ?? ""
            try school.vault.enrol(acting, code: School.code(secret, at: school.clock.now()))
            let words = try school.vault.fingerprintWords(of: acting.person, as: school.lead) ?? []
            return ("/people/\(acting.person.text)", words.joined(separator: " "))
        }

        func proposal(_ acting: Acting) throws -> String {
            let standing = try school.vault.proposals(as: acting).first { [.waits, .agreed].contains($0.standing) }
            return "/proposals/\(try #require(standing).id.text)"
        }
    }

    @Test("A lead asks for a second person, who agrees after a code, and then gives the keys")
    func keys() async throws {
        let settled = try Settled()
        let school = settled.school
        let (page, words) = try settled.newcomer(.deputy, "Alex Reed")
        let lead = try settled.visitor(school.lead)
        var text = try await lead.get(page).text
        #expect(text.contains("Ivo Castellane or Nell Farrow has to agree first"))
        #expect(text.contains("Ask a second person to agree") && !text.contains("you may do it alone"))
        let asked = try await lead.send("\(page)/keys", [("words", words), ("same", "yes")])
        #expect(asked.headers[.location] == "/proposals")
        text = try await lead.get(page).text
        #expect(text.contains("waits for a second person to agree") && !text.contains("name=\"words\""))
        #expect(try await lead.get("/").text.contains("proposal of yours waits for a second person"))
        text = try await lead.get("/proposals").text
        #expect(text.contains("Give Alex Reed their keys (Deputy safeguarding lead)"))
        #expect(text.contains("You proposed this yourself") && !text.contains(">Agree<") && text.contains(">Withdraw<"))

        let panel = try settled.visitor(settled.panel)
        #expect(try await panel.get("/").text.contains("act waits for a second person: you can agree"))
        text = try await panel.get("/proposals").text
        #expect(text.contains(">Agree<") && text.contains(">Refuse<"))
        #expect(words.split(separator: " ").allSatisfy { text.contains("<li>\($0)</li>") })
        #expect(!text.contains(school.pupil.name) && !text.contains(school.pupil.reference))
        let path = try settled.proposal(settled.panel)
        // Its own proposer is refused, as a page that says why.
        let own = try await lead.send("\(path)/agree")
        #expect(own.status == .unprocessableContent && own.text.contains("You proposed this yourself"))
        school.clock.move(seconds: 301)
        let late = try school.visitor(settled.panel)
        let code = try await late.send("\(path)/agree")
        #expect(code.status == .ok && code.text.contains("Confirm with a code"))
        try school.giveCode(as: settled.panel)
        let agreed = try await late.send("\(path)/agree")
        #expect(agreed.status == .seeOther && agreed.headers[.location] == "/proposals")
        try school.giveCode(as: school.lead)
        #expect(try await lead.get("/").text.contains("act was agreed to: carry it out"))
        #expect(try await lead.get("/proposals").text.contains("href=\"\(page)\">Give Alex Reed their keys<"))
        text = try await lead.get(page).text
        #expect(text.contains("Ivo Castellane has agreed") && text.contains(">Give Alex Reed their keys<"))
        let given = try await lead.send("\(page)/keys", [("words", words), ("same", "yes")])
        #expect(given.headers[.location] == page)
        let told = "Alex Reed (Deputy safeguarding lead) was given their keys, on "
        for acting in [school.lead, settled.deputy, settled.panel] {
            let home = try await school.visitor(acting).get("/").text
            #expect(home.contains(told) && home.contains("by \(School.leadName) and Ivo Castellane."))
        }
        let office = try school.visitor(school.add(.admin, name: "Maud Tranter"))
        #expect(try await !office.get("/").text.contains(told))
        #expect(try await office.get("/proposals").status == .forbidden)
        #expect(try Vault.verify(school.location).holds)
    }

    @Test("In a new school the lead alone makes a deputy, and the page says why")
    func alone() async throws {
        let school = try School()
        let acting = try school.addUnfinished(name: "Alex Reed", role: .deputy)
        let secret = school.vault.authenticatorSecret(of: acting) ?? ""
        try school.vault.enrol(acting, code: School.code(secret, at: school.clock.now()))
        let text = try await school.visitor(school.lead).get("/people/\(acting.person.text)").text
        #expect(text.contains("so you may do it alone") && text.contains(">Give Alex Reed their keys<"))
        let staff = try school.addUnfinished(name: "Wilf Pym", role: .staff)
        let its = school.vault.authenticatorSecret(of: staff) ?? ""
        try school.vault.enrol(staff, code: School.code(its, at: school.clock.now()))
        let page = try await school.visitor(school.lead).get("/people/\(staff.person.text)").text
        #expect(!page.contains("you may do it alone") && page.contains(">Give Wilf Pym their keys<"))
    }

    @Test("Recovery sheets wait for a second person, who sees for whom they are")
    func sheets() async throws {
        let settled = try Settled()
        let lead = try settled.visitor(settled.school.lead)
        #expect(try await lead.get("/recovery").text.contains("Ask a second person to agree"))
        let form = [("holders", "Ines Marlowe\r\nTobias Quill\r\nRuth Abernathy"), ("threshold", "2")]
        #expect(try await lead.send("/recovery", form).headers[.location] == "/proposals")
        let path = try settled.proposal(settled.deputy)
        #expect(try await lead.send("\(path)/sheets").status == .unprocessableContent)
        let deputy = try settled.visitor(settled.deputy)
        let text = try await deputy.get("/proposals").text
        #expect(text.contains("<li>Tobias Quill</li>") && text.contains("2 of 3"))
        #expect(try await deputy.send("\(path)/agree").status == .seeOther)
        #expect(try await deputy.send("\(path)/sheets").status == .forbidden)
        #expect(try await lead.get("/proposals").text.contains("\(path)/sheets"))
        let made = try await lead.send("\(path)/sheets")
        #expect(made.status == .ok && made.text.contains("Recovery sheet 1 of 3, 2 are needed"))
        #expect(try await lead.get("/proposals").text.contains("New recovery sheets were made, on "))
        #expect(try Vault.verify(settled.school.location).holds)
    }

    @Test("Two of deputies and panel suspend the lead, who is not shown that it is proposed")
    func suspension() async throws {
        let settled = try Settled()
        let school = settled.school
        let (lead, panel) = (try settled.visitor(school.lead), try settled.visitor(settled.panel))
        #expect(try await panel.get("/proposals").text.contains("Propose to suspend \(School.leadName)"))
        #expect(try await !lead.get("/proposals").text.contains("Propose to suspend"))
        let person = school.lead.person.text
        for wrong in [
            [("lead", person)], [("lead", "x"), ("change", "suspend")], [("lead", person), ("change", "end")],
        ] {
            #expect(try await panel.send("/proposals", wrong).status == .badRequest)
        }
        let form = [("lead", person), ("change", "suspend")]
        #expect(try await panel.send("/proposals", form).headers[.location] == "/proposals")
        #expect(try await panel.send("/proposals", form).status == .unprocessableContent)
        for place in ["/", "/proposals", "/security"] {
            let text = try await lead.get(place).text
            #expect(
                !text.contains("Suspend \(School.leadName)") && !text.contains("waits for a second person"), "\(place)")
            #expect(!text.contains("Proposed to suspend"), "\(place)")
        }
        let path = try settled.proposal(settled.panel)
        #expect(try await lead.send("\(path)/withdraw").status == .notFound)
        let deputy = try settled.visitor(settled.deputy)
        #expect(try await deputy.get("/proposals").text.contains("Agreeing suspends \(School.leadName) at once"))
        #expect(try await deputy.send("\(path)/agree").status == .seeOther)
        #expect(try await lead.get("/").headers[.location] == "/sign-in")
        #expect(try await deputy.get("/").text.contains("\(School.leadName) was suspended as safeguarding lead, on "))
        let back = try await deputy.send("/proposals", [("lead", person), ("change", "restore")])
        #expect(back.status == .seeOther)
        #expect(try await panel.send("\(settled.proposal(settled.panel))/withdraw").status == .seeOther)
        #expect(try await panel.get("/proposals").text.contains("Withdrawn by Ivo Castellane"))
        #expect(try Vault.verify(school.location).holds)
    }
}
