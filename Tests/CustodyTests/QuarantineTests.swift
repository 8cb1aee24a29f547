import Custody
import Foundation
import Records
import Testing

/// What is kept as evidence, and what the lead decides of it (H-05).
@Suite struct QuarantineTests {
    private struct Given {
        let school: School
        let lead: Acting
        let deputy: Acting
        let pupil: Pupil
        let document: DocumentID
        var vault: Vault { school.vault }

        init() throws {
            school = try School()
            lead = try school.signIn(school.lead)
            deputy = try school.signIn(school.add("Bede Farrow", [.deputy], by: lead))
            let office = try school.signIn(school.add("Maud Tranter", [.admin], by: lead))
            pupil = try school.pupil(by: lead)
            document = try school.file(
                fixture("hostile/javascript.pdf"), named: "form.pdf", for: pupil, summary: "The council’s form",
                by: office
            ).document
        }

        func picture(_ acting: Acting, in vault: Vault? = nil) -> String? {
            code {
                _ = try (vault ?? school.vault).openDocument(document, manner: .view, as: acting).picture(
                    page: 1, width: 200)
            }
        }

        func decide(_ released: Bool, _ reason: String = "Asked the council", as acting: Acting? = nil) -> String? {
            code {
                try school.giveCode(as: acting ?? lead)
                try vault.decideQuarantine(of: document, released: released, reason: reason, as: acting ?? lead)
            }
        }
    }

    @Test func `A lead releases it, and its pages are shown like any other's, until it is kept again`() throws {
        let given = try Given()
        let (vault, lead) = (given.vault, given.lead)
        #expect(given.picture(lead) == "document.quarantined")
        #expect(try vault.quarantineDecision(of: given.document, as: lead) == nil)
        #expect(try vault.figures(as: lead).quarantined == 1)
        #expect(given.decide(true) == nil)
        #expect(given.picture(lead) == nil && given.picture(given.deputy) == nil)
        let facts = try vault.document(given.document, as: lead)
        #expect(facts.quarantine == nil && facts.filedAs == "type.active-content")
        let decision = try #require(try vault.quarantineDecision(of: given.document, as: given.deputy))
        #expect(decision.released && decision.by == lead.name && decision.reason == "Asked the council")
        #expect(try vault.figures(as: lead).quarantined == 0 && vault.quarantined(as: lead).count == 1)
        let line = try #require(
            vault.chronology(of: given.pupil.pupilFile, lane: .everything, as: lead).entries.first {
                $0.title == "Quarantine"
            })
        #expect(line.summary.hasSuffix("was released from quarantine: Asked the council") && line.author == lead.name)
        // Another process that opens the vault says the same.
        let again = try Vault(opening: given.school.location, clock: given.school.clock)
        defer { again.shutdown() }
        let anew = try given.school.signIn(given.school.lead, to: again)
        #expect(given.picture(anew, in: again) == nil)
        #expect(given.decide(false, "It was not theirs after all") == nil)
        #expect(
            given.picture(lead) == "document.quarantined" && given.picture(anew, in: again) == "document.quarantined")
        #expect(try vault.figures(as: lead).quarantined == 1)
        #expect(try given.school.verify().holds)
    }

    @Test func `Nobody else decides, nothing without a reason and a fresh code, and only of what is evidence`() throws {
        let given = try Given()
        let before = try given.school.kinds().count { $0 == "quarantine.decided" }
        #expect(given.decide(true, as: given.deputy) == "quarantine.not-lead")
        #expect(given.decide(true, " \n ") == "quarantine.reason")
        #expect(given.decide(true, String(repeating: "a", count: 501)) == "quarantine.reason")
        let plain = try given.school.file(
            Array("A note.\n".utf8), named: "n.txt", for: given.pupil, by: given.lead
        ).document
        #expect(
            code { try given.vault.decideQuarantine(of: plain, released: true, reason: "Why not", as: given.lead) }
                == "quarantine.none")
        given.school.clock.advance(seconds: 301)
        #expect(
            code {
                try given.vault.decideQuarantine(of: given.document, released: true, reason: "Late", as: given.lead)
            } == "code.needed")
        #expect(
            code {
                try given.vault.decideQuarantine(of: .random(), released: true, reason: "Nothing", as: given.lead)
            } == "not-found")
        #expect(try given.school.kinds().count { $0 == "quarantine.decided" } == before)
        #expect(given.picture(given.lead) == "document.quarantined")
    }

    @Test func `What is released can be shared, and what is moved to the restricted documents is named no more`() throws
    {
        let given = try Given()
        let helper = try given.school.add("Amir Oakley", [.staff], by: given.lead)
        let person = try given.school.signIn(helper).person
        let tomorrow = String(
            Timestamp(milliseconds: given.school.clock.now().milliseconds + 86_400_000).iso8601.prefix(10))
        func share() -> String? {
            code {
                try given.school.giveCode(as: given.lead)
                _ = try given.vault.giveAccess(
                    to: person, of: given.pupil.pupilFile, documents: [given.document], until: tomorrow,
                    reason: "Is needed", as: given.lead)
            }
        }
        #expect(share() == "access.document-unknown")
        #expect(given.decide(true) == nil)
        #expect(share() == nil)
        let reader = try given.school.signIn(helper)
        #expect(given.picture(reader) == nil)
        #expect(given.decide(false) == nil)
        #expect(given.picture(reader) == "not-found")

        let concern = try given.vault.staffConcern(named: ["Bede Farrow"], others: "", as: given.lead)
        try given.school.giveCode(as: given.lead)
        _ = try given.vault.move(given.document, about: concern, as: given.lead)
        let lines = try given.vault.chronology(of: given.pupil.pupilFile, lane: .everything, as: given.lead).entries
        #expect(!lines.contains { $0.title == "Quarantine" || $0.summary.contains(given.document.reference) })
        #expect(given.decide(true) == "not-found")
        #expect(try given.school.verify().holds)
    }
}
