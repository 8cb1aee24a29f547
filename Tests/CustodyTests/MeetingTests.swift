import Custody
import Foundation
import GRDB
import Records
import Synchronization
import Testing

/// Notes of meetings, drafts of them, and documents about several pupils (F-05, F-11).
@Suite struct MeetingTests {
    private let school: School
    private let lead: Acting
    private let grace: Pupil
    private let otis: Pupil

    init() throws {
        school = try School()
        lead = try school.signIn(school.lead)
        grace = try school.pupil("Grace Whitlock", by: lead)
        otis = try school.pupil("Otis Merriweather", born: "2004-09-30", by: lead)
    }

    private var vault: Vault { school.vault }

    private func draft(for others: [(Pupil, String)] = [], text: String = "It was agreed that …") -> MeetingDraft {
        MeetingDraft(
            pupilFile: grace.pupilFile,
            details: FilingDetails(
                summary: "Support at home was agreed", category: "meeting-notes",
                date: String(school.clock.now().iso8601.prefix(10)),
                meeting: MeetingDetails(agency: "social-care", time: "00:01", attendees: "R. Sands, social worker"),
                alsoAbout: others.map { AlsoAbout(pupilFile: $0.0.pupilFile, summary: $0.1) }), text: text)
    }

    private func file(_ draft: MeetingDraft) throws -> Receipt {
        try vault.keep(draft, as: lead)
        return try vault.file(draft.id, as: lead)
    }

    private func documents(of pupil: Pupil) throws -> [DocumentFacts] {
        try vault.chronology(of: pupil.pupilFile, as: lead).entries.compactMap(\.document)
    }

    @Test func `Typed notes become a signed and dated document, word for word, and the draft is gone`() throws {
        let text = "  First line \r\n“Ça va”, she said. ﷽ e\u{301}\r\n\r\n<b>end</b>  "
        let receipt = try file(draft(text: text))
        let content = String(decoding: try school.download(receipt.document, by: lead), as: UTF8.self)
        #expect(content.contains(text), "byte for byte")
        #expect(content.hasPrefix("Notes of a meeting with another agency\n"))
        #expect(content.contains("Agency: Children’s social care\n") && content.contains("Time: 00:01\n"))
        #expect(content.contains("signed by Judith Halloran"))
        let facts = try #require(documents(of: grace).first)
        #expect(facts.fields["signed"] == "yes" && facts.fields["signed_by"] == "Judith Halloran")
        #expect(facts.fields["written"] == "typed" && facts.fields["agency_name"] == "Children’s social care")
        #expect(facts.summary == "Support at home was agreed" && facts.fields["late_reason"] == nil)
        #expect(try vault.drafts(as: lead).isEmpty && vault.pendingUploads(as: lead).isEmpty)
        #expect(try school.verify().findings.filter { $0.weight == .broken }.isEmpty)
    }

    @Test
    func `One document about two pupils: one payload, a header, summary and id for each, no statement about both`()
        throws
    {
        let receipt = try file(draft(for: [(otis, "His sister was spoken of")]))
        #expect(receipt.documents.count == 2 && receipt.documents[0] == receipt.document)
        let (hers, his) = (try documents(of: grace), try documents(of: otis))
        #expect(
            hers.map(\.summary) == ["Support at home was agreed"] && his.map(\.summary) == ["His sister was spoken of"])
        #expect([hers[0].id, his[0].id] == receipt.documents)
        #expect(try school.download(hers[0].id, by: lead) == school.download(his[0].id, by: lead))
        let rows = try school.catalogue().read { db in
            try Row.fetchAll(db, sql: "SELECT blob, upload, idx FROM document ORDER BY idx")
        }
        #expect(rows.count == 2 && Set(rows.map { $0["blob"] as Data }).count == 1)
        for pupil in [(grace, otis), (otis, grace)] {
            let statements = try school.catalogue().read { db in
                try Data.fetchAll(
                    db, sql: "SELECT leaf FROM statement JOIN act ON act.idx = statement.idx WHERE pupil_file = ?",
                    arguments: [Data(pupil.0.pupilFile.bytes)])
            }
            #expect(statements.allSatisfy { !String(decoding: $0, as: UTF8.self).contains(pupil.1.pupilFile.text) })
            #expect(!statements.isEmpty)
        }
        #expect(try vault.receipt(of: his[0].id, as: lead).pupilReference == otis.reference)
        #expect(try vault.receipt(of: hers[0].id, as: lead).pupilReference == grace.reference)
        #expect(try vault.otherPupils(of: hers[0].id, as: lead).map(\.reference) == [otis.reference])
        #expect(try vault.sharedDocuments(of: otis.pupilFile, as: lead)[his[0].id]?.map(\.name) == ["Grace Whitlock"])
        #expect(try school.verify().findings.filter { $0.weight == .broken }.isEmpty)
    }

    @Test func `A document that was moved out of one file stands in the other, and neither names the other any more`()
        throws
    {
        let receipt = try file(draft(for: [(otis, "His sister was spoken of")]))
        _ = try school.add("Nell Vasey", [.deputy], by: lead)
        let nell = try #require(vault.staff(as: lead).first { $0.name == "Nell Vasey" }).id
        try school.giveCode(as: lead)
        try vault.move(receipt.documents[0], about: StaffConcern(people: [nell]), as: lead)
        #expect(try documents(of: grace).isEmpty && documents(of: otis).count == 1)
        #expect(try vault.otherPupils(of: receipt.documents[1], as: lead).isEmpty)
        #expect(try !school.download(receipt.documents[1], by: lead).isEmpty)
        #expect(try school.verify().findings.filter { $0.weight == .broken }.isEmpty)
    }

    @Test func `What is begun is there again after sign-out and restart, sealed, and nobody else's`() throws {
        let begun = draft(text: "Wombat words of Grace")
        try vault.keep(begun, as: lead)
        let member = try school.add("Nell Vasey", [.deputy], by: lead)
        try vault.signOut(lead)
        let again = try Vault(opening: school.location, clock: school.clock)
        let later = try school.signIn(school.lead, to: again)
        let found = try again.draft(begun.id, as: later)
        #expect(found.text == "Wombat words of Grace" && found.details == begun.details)
        let nell = try school.signIn(member, to: again)
        #expect(try again.drafts(as: nell).isEmpty)
        #expect(code { try again.discard(begun.id, as: nell) } == "not-found")
        var theirs = begun
        theirs.text = "Mine now"
        #expect(code { try again.keep(theirs, as: nell) } == "not-found")
        #expect(try again.draft(begun.id, as: later).text == "Wombat words of Grace")
        for name in try FileManager.default.contentsOfDirectory(atPath: school.location.vault) {
            guard let data = FileManager.default.contents(atPath: school.location.vault + "/" + name) else { continue }
            #expect(data.range(of: Data("Wombat".utf8)) == nil, "\(name)")
        }
        try again.discard(begun.id, as: later)
        #expect(try again.drafts(as: later).isEmpty)
        again.shutdown()
    }

    @Test func `Another's draft put under one's own name opens for nobody`() throws {
        let begun = draft()
        try vault.keep(begun, as: lead)
        let nell = try school.signIn(school.add("Nell Vasey", [.deputy], by: lead))
        let workspace = try DatabaseQueue(path: school.location.vault + "/workspace.sqlite")
        try workspace.write { db in
            try db.execute(sql: "UPDATE draft SET owner = ?", arguments: [Data(nell.person.bytes)])
        }
        #expect(try vault.drafts(as: nell).isEmpty && vault.drafts(as: lead).isEmpty)
    }

    @Test func `A scan is attached, waits with the notes alone, and is filed as it was`() throws {
        let scan = try fixture("scans/note-photographed-2017-06-12.jpg")
        var begun = draft(for: [(otis, "His part of it")], text: "")
        begun.details.meeting.written = "handwritten"
        try vault.keep(begun, as: lead)
        #expect(try vault.problems(with: begun, as: lead).map(\.refusal) == [.draftEmpty])
        _ = try vault.attach(school.receive(scan, named: "scan.jpg", for: grace, by: lead), to: begun.id, as: lead)
        #expect(try vault.pendingUploads(as: lead).isEmpty, "it belongs to the notes")
        let attached = try vault.draft(begun.id, as: lead)
        #expect(try vault.attachment(of: attached, as: lead)?.filename == "scan.jpg")
        try vault.keep(begun, as: lead)
        #expect(try vault.draft(begun.id, as: lead).attached != nil, "what is typed later does not take it off")
        let receipt = try vault.file(begun.id, as: lead)
        #expect(try school.download(receipt.documents[1], by: lead) == scan)
        #expect(try documents(of: otis)[0].fields["written"] == "handwritten")
        #expect(try vault.receipt(of: receipt.document, as: lead).documents == receipt.documents)
        #expect(try school.verify().findings.filter { $0.weight == .broken }.isEmpty)
    }

    @Test func `Typed notes and a file at once are refused; taken off, the file is gone and the words are there`()
        throws
    {
        let scan = try fixture("scans/note-photographed-2017-06-12.jpg")
        var begun = draft()
        begun.details.meeting.written = "typed"
        try vault.keep(begun, as: lead)
        _ = try vault.attach(school.receive(scan, named: "scan.jpg", for: grace, by: lead), to: begun.id, as: lead)
        #expect(code { _ = try vault.file(begun.id, as: lead) } == "draft.text")
        let both = try vault.draft(begun.id, as: lead)
        #expect(try vault.problems(with: both, as: lead).map(\.refusal).contains(.draftBoth))
        try vault.detach(from: begun.id, as: lead)
        let receipt = try vault.file(begun.id, as: lead)
        #expect(
            try String(decoding: school.download(receipt.document, by: lead), as: UTF8.self).contains("agreed that …"))
        #expect(try school.kinds().contains("upload.discarded"))
    }

    @Test func `What was attached and waited for too long is gone, and the notes are filed without it`() throws {
        let scan = try fixture("scans/note-photographed-2017-06-12.jpg")
        let begun = draft()
        try vault.keep(begun, as: lead)
        let received = try school.receive(scan, named: "scan.jpg", for: grace, by: lead)
        _ = try vault.attach(received, to: begun.id, as: lead)
        school.clock.advance(seconds: 8 * 86_400)
        try vault.sweep()
        let later = try school.signIn(school.lead)
        var again = try vault.draft(begun.id, as: later)
        #expect(again.attached == nil && again.text == begun.text)
        again.details.lateReason = "There was much to do"
        try vault.keep(again, as: later)
        let receipt = try vault.file(begun.id, as: later)
        #expect(try vault.document(receipt.document, as: later).fields["late_reason"] == "There was much to do")
        #expect(try vault.drafts(as: later).isEmpty)
    }

    @Test func `Filing twice at once files once`() throws {
        let begun = draft(for: [(otis, "His part of it")])
        try vault.keep(begun, as: lead)
        let results = Mutex<[Receipt]>([])
        DispatchQueue.concurrentPerform(iterations: 6) { _ in
            if let receipt = try? vault.file(begun.id, as: lead) { results.withLock { $0.append(receipt) } }
        }
        let filed = results.withLock { $0 }
        #expect(filed.count == 6 && Set(filed).count == 1)
        #expect(
            code { try vault.keep(begun, as: lead) } == "upload.gone",
            "a form that is sent once more begins nothing anew")
        #expect(try vault.receipt(ofNotes: begun.id, as: lead) == filed[0])
        #expect(try documents(of: grace).count == 1 && documents(of: otis).count == 1)
        #expect(try vault.drafts(as: lead).isEmpty)
        #expect(try school.verify().findings.filter { $0.weight == .broken }.isEmpty)
    }

    @Test func `A summary for each pupil, each pupil once, and one pupil where it concerns a member of staff`() throws {
        let blank = draft(for: [(otis, " ")])
        try vault.keep(blank, as: lead)
        let problems = try vault.problems(with: blank, as: lead)
        #expect(problems == [DraftProblem(refusal: .summaryBlank, pupilFile: otis.pupilFile)])
        #expect(code { _ = try vault.file(blank.id, as: lead) } == "summary.blank")
        let twice = draft(for: [(grace, "Her again")])
        try vault.keep(twice, as: lead)
        #expect(code { _ = try vault.file(twice.id, as: lead) } == "pupil.twice")
        let several = draft(for: [(otis, "His part of it")])
        try vault.keep(several, as: lead)
        #expect(
            code { _ = try vault.file(several.id, concerning: StaffConcern(people: [], others: "Caretaker"), as: lead) }
                == "staff.several-pupils")
        #expect(try documents(of: grace).isEmpty && documents(of: otis).isEmpty)
        #expect(try vault.drafts(as: lead).count == 3, "nothing that was refused is lost")
        let one = draft()
        try vault.keep(one, as: lead)
        #expect(
            try vault.file(one.id, concerning: StaffConcern(people: [], others: "Caretaker"), as: lead).isRestricted)
    }

    @Test func `Meetings stand where their time puts them, and are chosen by agency`() throws {
        func notes(_ agency: String, _ time: String) throws {
            var one = draft(text: "\(agency) \(time)")
            one.details.date = "2017-06-12"
            (one.details.meeting.agency, one.details.meeting.time) = (agency, time)
            one.details.summary = "\(agency) at \(time)"
            _ = try file(one)
        }
        try notes("police", "15:30")
        try notes("social-care", "09:00")
        let all = try vault.chronology(of: grace.pupilFile, as: lead).entries.map(\.summary)
        #expect(all == ["social-care at 09:00", "police at 15:30"])
        var choice = ChronologyChoice()
        choice.agency = "police"
        let chosen = try vault.chronology(of: grace.pupilFile, choosing: choice, as: lead)
        #expect(chosen.agencies == ["police", "social-care"] && chosen.total == 1 && chosen.items[0].isMeeting)
    }

    @Test func `Whoever files for others may; who files nothing keeps nothing`() throws {
        let panel = try school.signIn(school.add("Ivo Castellane", [.panel], by: lead))
        #expect(code { try vault.keep(draft(), as: panel) } == "access.not-entitled")
        let office = try school.signIn(school.add("Maud Tranter", [.admin], by: lead))
        let begun = draft(for: [(otis, "His part of it")])
        try vault.keep(begun, as: office)
        let receipt = try vault.file(begun.id, as: office)
        #expect(
            code { _ = try school.download(receipt.documents[1], by: office) } != nil, "filed, it is out of their hands"
        )
        #expect(code { _ = try vault.otherPupils(of: receipt.document, as: office) } == "access.not-entitled")
        #expect(try documents(of: otis).map(\.filer.uploader) == ["Maud Tranter"])
    }
}
