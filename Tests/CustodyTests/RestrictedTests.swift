import Custody
import Foundation
import GRDB
import Records
import Sealing
import Testing

/// What concerns a member of staff.
@Suite struct RestrictedTests {
    /// A lead, two deputies, somebody of the panel and an office; a pupil with one ordinary document.
    private struct Given {
        let school: School
        let lead: Acting
        let pupil: Pupil
        let ordinary: DocumentID
        let members: [String: Member]

        static let concerned = "Nell Farrow"

        init() throws {
            school = try School()
            let (school, lead) = (school, try school.signIn(school.lead))
            let roles: [(String, Role)] = [
                (Self.concerned, .deputy), ("Owen Sallow", .deputy), ("Ivo Castellane", .panel),
                ("Maud Tranter", .admin),
            ]
            members = try Dictionary(
                uniqueKeysWithValues: roles.map { ($0.0, try school.add($0.0, [$0.1], by: lead)) })
            self.lead = lead
            pupil = try school.pupil(by: lead)
            ordinary = try school.file(Array("One.\n".utf8), named: "one.txt", for: pupil, by: lead).document
        }

        func signIn(_ name: String, to vault: Vault? = nil) throws -> Acting {
            try school.signIn(#require(members[name]), to: vault)
        }

        /// Files a note about some people as the office.
        func file(about names: [String], others: String = "", text: String = "He shut the door.\n") throws
            -> FilingOutcome
        {
            let office = try signIn("Maud Tranter")
            let staff = try school.vault.staff(as: office)
            let received = try school.receive(Array(text.utf8), named: "note.txt", for: pupil, by: office)
            let people = Set(names.compactMap { name in staff.first { $0.name == name }?.id })
            #expect(people.count == names.count)
            let details = FilingDetails(
                summary: "What Grace said on Monday", category: "concern", date: "2017-05-11",
                concerning: StaffConcern(people: people, others: others))
            return try #require(try school.vault.file([(received, details)], as: office).first)
        }

        func filed(about names: [String], others: String = "") throws -> Receipt {
            guard case .filed(_, let receipt) = try file(about: names, others: others) else {
                throw VaultError.tampered(code: "test.not-filed")
            }
            return receipt
        }

        func read(_ document: DocumentID, as acting: Acting, in vault: Vault? = nil) -> String? {
            code { _ = try school.download(document, by: acting, from: vault) }
        }
    }

    @Test func `Who keeps such documents opens it, and whom it concerns, its filer and everybody else find nothing`()
        throws
    {
        let given = try Given()
        let (school, vault, lead) = (given.school, given.school.vault, given.lead)
        let nominated = try school.signIn(school.add("Amir Oakley", [.staff], by: lead))
        try school.giveCode(as: lead)
        let tomorrow = String(
            Timestamp(milliseconds: school.clock.now().milliseconds + 86_400_000).iso8601.prefix(10))
        _ = try vault.giveAccess(
            to: nominated.person, of: given.pupil.pupilFile, documents: nil, until: tomorrow, reason: "Is needed",
            as: lead)
        let before = try vault.figures(as: lead).documents
        let receipt = try given.filed(about: [Given.concerned], others: "A coach who has left")
        #expect(receipt.isRestricted && receipt.pupilReference == given.pupil.reference)
        for name in ["Owen Sallow", "Ivo Castellane"] {
            let keeper = try given.signIn(name)
            #expect(try vault.restrictedWaiting(as: keeper) == 1)
            #expect(try school.download(receipt.document, by: keeper) == Array("He shut the door.\n".utf8))
            #expect(try vault.restrictedWaiting(as: keeper) == 0)
            let facts = try #require(try vault.restrictedDocuments(as: keeper).first)
            let said = try #require(facts.restricted)
            #expect(said.about == "Nell Farrow, A coach who has left" && said.isOpened && !said.isRecoverable)
            #expect(said.keepers == ["Ivo Castellane", "Judith Halloran", "Owen Sallow"])
            #expect(said.pupil.name == given.pupil.name && facts.summary == "What Grace said on Monday")
            #expect(facts.sha256 == receipt.sha256 && facts.filer.uploader == "Maud Tranter")
        }
        #expect(given.read(receipt.document, as: lead) == nil)
        #expect(try vault.restrictedCount(of: given.pupil.pupilFile, as: lead) == 1)

        // Also to a process that knows nothing yet, and to who signs in anew.
        let fresh = try Vault(opening: school.location, clock: school.clock)
        for vault in [vault, fresh] {
            let concerned = try given.signIn(Given.concerned, to: vault)
            #expect(given.read(receipt.document, as: concerned, in: vault) == "not-found")
            #expect(code { _ = try vault.document(receipt.document, as: concerned) } == "not-found")
            #expect(try vault.restrictedDocuments(as: concerned).isEmpty)
            #expect(try vault.restrictedWaiting(as: concerned) == 0)
            #expect(try vault.restrictedCount(of: given.pupil.pupilFile, as: concerned) == 0)
            #expect(given.read(given.ordinary, as: concerned, in: vault) == nil)
            let office = try given.signIn("Maud Tranter", to: vault)
            #expect(given.read(receipt.document, as: office, in: vault) == "not-found")
            #expect(code { _ = try vault.restrictedDocuments(as: office) } == "access.not-entitled")
        }
        #expect(given.read(receipt.document, as: nominated) == "not-found")
        // It stands in no chronology and in no figure.
        let chronology = try vault.chronology(of: given.pupil.pupilFile, lane: .everything, count: .max, as: lead)
        #expect(!chronology.entries.contains { $0.summary.contains("Grace said") || $0.kind.contains("restricted") })
        #expect(try vault.figures(as: lead).documents == before)
        #expect(try school.verify().holds)
    }

    @Test func `What is done with one looks like anything else that is done, and is of the same size`() throws {
        let given = try Given()
        let (school, vault) = (given.school, given.school.vault)
        let one = try given.filed(about: [Given.concerned]).document
        let two = try given.filed(about: ["Judith Halloran", "Owen Sallow"]).document
        let panel = try given.signIn("Ivo Castellane")
        _ = try vault.restrictedDocuments(as: panel)
        #expect(given.read(one, as: panel) == nil && given.read(two, as: panel) == nil)
        let concerned = try given.signIn(Given.concerned)
        #expect(try vault.restrictedDocuments(as: concerned).map(\.id) == [two])
        let (kinds, sizes, pupils) = try school.catalogue().read { db in
            (
                try String.fetchAll(
                    db, sql: "SELECT kind FROM act WHERE idx IN (SELECT idx FROM restricted)"),
                try Int.fetchAll(
                    db,
                    sql: """
                        SELECT DISTINCT length(item.bytes) FROM restricted JOIN item ON item.idx = restricted.idx
                        ORDER BY 1
                        """),
                try Int.fetchOne(
                    db,
                    sql: """
                        SELECT count(*) FROM act WHERE idx IN (SELECT idx FROM restricted) AND pupil_file IS NOT NULL
                        """)
            )
        }
        // Two filings, two lists, two copies opened and closed.
        #expect(Set(kinds) == ["restricted.acted"] && kinds.count == 8)
        #expect(sizes.count == 2 && sizes[0] == 4096, "\(sizes)")
        #expect(pupils == 0)
        #expect(try school.verify().holds)
    }

    @Test func `Where nobody would be left it is not filed, and nobody is told that it was tried`() throws {
        let given = try Given()
        let (school, vault) = (given.school, given.school.vault)
        let everyone = ["Judith Halloran", Given.concerned, "Owen Sallow", "Ivo Castellane"]
        guard case .refused(_, let refusal) = try given.file(about: everyone) else {
            Issue.record("It was filed.")
            return
        }
        #expect(refusal == .staffAll)
        let chronology = try vault.chronology(
            of: given.pupil.pupilFile, lane: .everything, count: .max, as: given.lead)
        #expect(!chronology.entries.contains { $0.kind == "upload.refused" })
        #expect(try school.kinds().last { $0.hasPrefix("upload") } == "upload.refused")
        // One is left: it is filed, and says that it is one.
        let office = try given.signIn("Maud Tranter")
        #expect(code { _ = try vault.staffConcern(named: ["Nell Farow"], as: office) } == "person.unknown")
        let staff = try vault.staffConcern(named: Array(everyone.prefix(3)), others: "Somebody Else", as: office)
        #expect(staff.people.count == 3 && staff.others == "Somebody Else")
        let received = try school.receive(Array("More.\n".utf8), named: "n.txt", for: given.pupil, by: office)
        let outcome = try vault.file(
            [
                (
                    received,
                    FilingDetails(summary: "A note", category: "concern", date: "2017", concerning: staff)
                )
            ], as: office)
        guard case .filed(_, let receipt) = try #require(outcome.first) else {
            Issue.record("It was not filed.")
            return
        }
        #expect(vault.keepersCount(of: receipt.document, as: office) == 1)
        #expect(given.read(receipt.document, as: given.lead) == "not-found")
        #expect(given.read(receipt.document, as: try given.signIn("Ivo Castellane")) == nil)
    }

    @Test func `Nobody named, a stranger and names that are no text are refused`() throws {
        let given = try Given()
        let office = try given.signIn("Maud Tranter")
        func refused(_ concern: StaffConcern) throws -> String? {
            let received = try given.school.receive(Array("N.\n".utf8), named: "n.txt", for: given.pupil, by: office)
            let details = FilingDetails(summary: "A note", category: "concern", date: "2017", concerning: concern)
            guard case .refused(_, let refusal)? = try given.school.vault.file([(received, details)], as: office).first
            else { return nil }
            return refusal.code
        }
        #expect(try refused(StaffConcern(people: [], others: " ")) == "staff.nobody")
        #expect(try refused(StaffConcern(people: [.random()])) == "person.unknown")
        #expect(try refused(StaffConcern(people: [], others: "A\u{7}B")) == "staff.name")
        // Who is written and would be given the key is asked about; of other people of that name it is said which.
        for others in ["Mrs Farrow", "A coach; nell farrow", "farrow", "Tom Pym and Ms. Farrow"] {
            #expect(try refused(StaffConcern(people: [], others: others)) == "staff.meant", "\(others)")
        }
        #expect(try refused(StaffConcern(people: [], others: "Tom Farrow, a coach")) == nil)
        #expect(try refused(StaffConcern(people: [], others: String(repeating: "x", count: 201))) == "staff.name")
    }

    @Test func `A new recovery key reaches them, and a recovered lead takes over all but what concerns them`() throws {
        let given = try Given()
        let (school, vault, lead) = (given.school, given.school.vault, given.lead)
        let about = try given.filed(about: [Given.concerned]).document
        let aboutLead = try given.filed(about: ["Judith Halloran"]).document
        try school.giveCode(as: lead)
        let sheets = try vault.setRecovery(
            holders: ["Ines Marlowe", "Tobias Quill"], threshold: 2, as: lead
        ).map(\.words)
        #expect(try vault.restrictedDocuments(as: lead).map { $0.restricted?.isRecoverable } == [true])
        // What the lead cannot open gets the new key with the next look of who can.
        let deputy = try given.signIn("Owen Sallow")
        #expect(try vault.restrictedDocuments(as: deputy).map(\.id) == [aboutLead, about])
        #expect(try vault.restrictedDocuments(as: deputy).map { $0.restricted?.isRecoverable } == [true, true])

        let recovered = try vault.recover(sheets: sheets, lead: "Petra Lindqvist", password: School.password)
        #expect(recovered.suspended == ["Judith Halloran"])
        let secret = try base32(#require(vault.authenticatorSecret(of: recovered.acting)))
        let petra = Member(name: "Petra Lindqvist", password: School.password, authenticator: secret)
        school.clock.advance(seconds: 60)
        try vault.enrol(recovered.acting, code: petra.code(school.clock.step))
        try school.prepare(recovered.acting, by: recovered.acting)
        let list = try vault.restrictedDocuments(as: recovered.acting)
        #expect(list.map(\.id) == [aboutLead, about] && list[1].restricted?.keepers.contains("Owen Sallow") == true)
        #expect(given.read(about, as: recovered.acting) == nil && given.read(aboutLead, as: recovered.acting) == nil)
        // The deputy still opens them, and whom one concerns does not.
        #expect(given.read(about, as: deputy) == nil)
        #expect(given.read(about, as: try given.signIn(Given.concerned)) == "not-found")
        #expect(try school.verify().holds)
    }

    @Test func `A lead who is recovered under their own name gets nothing that concerns them`() throws {
        let given = try Given()
        let (school, vault, lead) = (given.school, given.school.vault, given.lead)
        try school.giveCode(as: lead)
        let sheets = try vault.setRecovery(
            holders: ["Ines Marlowe", "Tobias Quill"], threshold: 2, as: lead
        ).map(\.words)
        let about = try given.filed(about: [Given.concerned]).document
        let aboutLead = try given.filed(about: ["Judith Halloran"]).document
        let again = try vault.recover(sheets: sheets, lead: "Judith Halloran", password: School.password).acting
        let secret = try base32(#require(vault.authenticatorSecret(of: again)))
        school.clock.advance(seconds: 60)
        try vault.enrol(
            again,
            code: Member(name: "Judith Halloran", password: School.password, authenticator: secret)
                .code(school.clock.step))
        #expect(try vault.restrictedDocuments(as: again).map(\.id) == [about])
        #expect(given.read(aboutLead, as: again) == "not-found" && given.read(about, as: again) == nil)
    }

    @Test func `Who made new keys is back when somebody who can open it has looked, and not before`() throws {
        let given = try Given()
        let (school, vault, lead) = (given.school, given.school.vault, given.lead)
        let about = try given.filed(about: [Given.concerned]).document
        let person = try given.signIn("Owen Sallow").person
        try school.giveCode(as: lead)
        let (_, acting) = try school.join(try vault.reset(person, as: lead), "lanterns over 11 quiet harbours")
        try school.confirm(acting.person, by: lead)
        #expect(given.read(about, as: acting) == "not-found")
        #expect(try vault.restrictedDocuments(as: lead).map(\.id) == [about])
        #expect(given.read(about, as: acting) == nil)
        #expect(given.read(about, as: try given.signIn(Given.concerned)) == "not-found")
        #expect(try school.verify().holds)
    }

    @Test func `Two documents' records exchanged on the disk are found before a byte comes out`() throws {
        let given = try Given()
        let school = given.school
        let (one, two) = (
            try given.filed(about: [Given.concerned]).document, try given.filed(about: [Given.concerned]).document
        )
        try school.tamper { db in
            let rows = try Row.fetchAll(
                db, sql: "SELECT id, bytes FROM item WHERE id IN (?, ?)",
                arguments: [Data(one.bytes), Data(two.bytes)])
            for (row, other) in zip(rows, rows.reversed()) {
                try db.execute(
                    sql: "UPDATE item SET bytes = ? WHERE id = ?",
                    arguments: [other["bytes"] as Data, row["id"] as Data])
            }
        }
        let vault = try Vault(opening: school.location, clock: school.clock)
        let panel = try given.signIn("Ivo Castellane", to: vault)
        #expect(given.read(one, as: panel, in: vault) == "header.differs")
        #expect(code { _ = try vault.restrictedDocuments(as: panel) } == "header.differs")
        #expect(given.read(given.ordinary, as: try given.signIn("Owen Sallow", to: vault), in: vault) == nil)
        #expect(try school.verify().findings.contains { $0.weight == .broken })
    }

    @Test func `Fifteen people and recovery can keep one, and a sixteenth is refused before anything is filed`() throws
    {
        let given = try Given()
        let school = given.school
        // Lead, one deputy and one of the panel keep what concerns the other deputy.
        for number in 4...15 { _ = try school.add("Panel Member \(number)", [.panel], by: given.lead) }
        let receipt = try given.filed(about: [Given.concerned])
        let last = try school.signIn(school.add("Panel Member 16", [.panel], by: given.lead))
        #expect(given.read(receipt.document, as: last) == "not-found", "who came later has no key of it")
        #expect(try given.read(receipt.document, as: given.signIn("Ivo Castellane")) == nil)
        guard case .refused(_, let refusal) = try given.file(about: [Given.concerned], text: "Another.\n") else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.code == "staff.too-many")
        #expect(try school.verify().holds)
    }

    /// A restricted document about a deputy with the agency's letter, restricted too; who keeps them: lead, deputy and panel.
    private func asked() throws -> (Given, document: DocumentID, letter: DocumentID, request: RestrictedRequest) {
        let given = try Given()
        let document = try given.filed(about: [Given.concerned]).document
        guard case .filed(_, let letter) = try given.file(about: [Given.concerned], text: "We ask for the note.\n")
        else { throw VaultError.tampered(code: "test.not-filed") }
        let vault = given.school.vault
        try vault.askForRestricted(
            document, DisclosureTests.sought, letter: letter.document, confirmed: false, as: given.lead)
        let request = try #require(try vault.agencyRequests(ofRestricted: document, as: given.lead).first)
        return (given, document, letter.document, request)
    }

    @Test func `An agency gets one copy where two of those who keep it agree, and it shows nowhere else`() throws {
        let (given, document, letter, request) = try asked()
        let (school, vault, lead) = (given.school, given.school.vault, given.lead)
        #expect(request.fields[.officer] == "Tamsin O'Rourke" && request.letter == letter)
        #expect(request.asked.name == "Judith Halloran" && request.agreed == nil)
        func take(_ acting: Acting, informed: String = "Told on Monday.") throws -> [UInt8] {
            let taken = try vault.takeCopy(
                forRequest: request.id, ofRestricted: document, informed: informed, as: acting)
            #expect(taken.exhibit == "JH/R1")
            return try school.bytes(of: taken.reading)
        }
        try school.giveCode(as: lead)
        // One alone does nothing, however often.
        #expect(code { _ = try take(lead) } == "restricted.not-agreed")
        #expect(
            code { try vault.agree(toRequest: request.id, ofRestricted: document, as: lead) }
                == "restricted.yours")
        #expect(code { _ = try take(lead) } == "restricted.not-agreed")
        let panel = try given.signIn("Ivo Castellane")
        school.clock.advance(seconds: 6 * 60)
        #expect(
            code { try vault.agree(toRequest: request.id, ofRestricted: document, as: panel) } == "code.needed")
        #expect(code { _ = try take(lead) } == "restricted.not-agreed")
        try school.giveCode(as: panel)
        try vault.agree(toRequest: request.id, ofRestricted: document, as: panel)
        #expect(
            code { try vault.agree(toRequest: request.id, ofRestricted: document, as: panel) }
                == "restricted.over")
        #expect(code { _ = try take(panel) } == "restricted.not-agreed")
        #expect(code { _ = try take(lead) } == "code.needed")
        try school.giveCode(as: lead)
        #expect(code { _ = try take(lead, informed: " ") } == "restricted.informed")
        #expect(try take(lead) == Array("He shut the door.\n".utf8))
        #expect(code { _ = try take(lead) } == "restricted.over")
        let now = try #require(try vault.agencyRequests(ofRestricted: document, as: panel).first)
        #expect(now.agreed?.name == "Ivo Castellane" && now.copy?.exhibit == "JH/R1")
        #expect(now.copy?.step.words == "Told on Monday." && !now.isOpen(at: school.clock.now()))
        // Whom it concerns and the office learn nothing; outside there is one kind of record.
        for name in [Given.concerned, "Maud Tranter"] {
            let acting = try given.signIn(name)
            #expect(code { _ = try vault.agencyRequests(ofRestricted: document, as: acting) } != nil)
        }
        #expect(try school.kinds().allSatisfy { !$0.hasPrefix("disclosure.") && !$0.hasPrefix("permission.") })
        #expect(try school.verify().holds)
        // A vault that is opened anew says the same.
        let again = try Vault(opening: school.location, clock: school.clock)
        let owen = try given.signIn("Owen Sallow", to: again)
        #expect(try again.agencyRequests(ofRestricted: document, as: owen) == [now])
    }

    @Test func `What was agreed is over after a week, when one of the two may no more, or when somebody ends it`()
        throws
    {
        let (given, document, letter, request) = try asked()
        let (school, vault, lead) = (given.school, given.school.vault, given.lead)
        func take(_ request: DocumentID) -> String? {
            code {
                try school.giveCode(as: lead)
                _ = try vault.takeCopy(forRequest: request, ofRestricted: document, informed: "Told.", as: lead)
            }
        }
        func again() throws -> DocumentID {
            try vault.askForRestricted(
                document, DisclosureTests.sought, letter: letter, confirmed: false, as: lead)
            return try #require(try vault.agencyRequests(ofRestricted: document, as: lead).last).id
        }
        // Refused by the third.
        let owen = try given.signIn("Owen Sallow")
        #expect(
            code { try vault.endRequest(request.id, ofRestricted: document, reason: "", as: owen) }
                == "restricted.reason")
        try vault.endRequest(request.id, ofRestricted: document, reason: "No order.", as: owen)
        try school.giveCode(as: owen)
        #expect(
            code { try vault.agree(toRequest: request.id, ofRestricted: document, as: owen) }
                == "restricted.over")
        // The second person is suspended meanwhile.
        let second = try again()
        try vault.agree(toRequest: second, ofRestricted: document, as: owen)
        try vault.suspend(owen.person, as: lead)
        #expect(take(second) == "restricted.not-agreed")
        // A week.
        let third = try again()
        let panel = try given.signIn("Ivo Castellane")
        try school.giveCode(as: panel)
        try vault.agree(toRequest: third, ofRestricted: document, as: panel)
        school.clock.advance(seconds: 7 * 86_400)
        let later = try school.signIn(school.lead)
        try school.giveCode(as: later)
        #expect(
            code {
                _ = try vault.takeCopy(forRequest: third, ofRestricted: document, informed: "Told.", as: later)
            } == "restricted.over")
        // The letter is another restricted document about the same pupil.
        for wrong in [document, given.ordinary, .random()] {
            #expect(
                code {
                    try vault.askForRestricted(
                        document, DisclosureTests.sought, letter: wrong, confirmed: false, as: later)
                } == "request.letter")
        }
        #expect(try school.verify().holds)
    }
}
