import Custody
import Foundation
import Records
import Testing

/// Looking at what was filed, and saying what follows (F-15, F-16).
@Suite struct TriageTests {
    struct Given {
        let school: School
        let lead: Acting
        let deputy: Acting
        let office: Acting
        let pupil: Pupil

        init() throws {
            school = try School()
            lead = try school.signIn(school.lead)
            pupil = try school.pupil(by: lead)
            deputy = try school.signIn(school.add("Nell Vasey", [.deputy], by: lead))
            office = try school.signIn(school.add("Maud Tranter", [.admin], by: lead))
        }

        var vault: Vault { school.vault }
        var file: PupilFileID { pupil.pupilFile }

        /// So many days from now, at least tomorrow.
        func day(_ days: Int64) -> String {
            SchoolTime("Europe/London").day(
                of: Timestamp(milliseconds: school.clock.now().milliseconds + days * 86_400_000))
        }

        func document(_ text: String, by acting: Acting? = nil, for pupil: Pupil? = nil) throws -> DocumentID {
            try school.file(
                Array(text.utf8), named: "a.txt", for: pupil ?? self.pupil, summary: "About \(text)",
                by: acting ?? office
            ).document
        }

        func follows(_ outcomes: TriageOutcome..., words: String = "He is to be asked") -> TriageDetails {
            TriageDetails(follows: Set(outcomes), words: words, due: day(3))
        }

        var nothing: TriageDetails { TriageDetails(follows: [.nothing], words: "Legacy archive") }

        func waiting(_ list: WaitingList = .waiting, as acting: Acting? = nil) throws -> [RecordID] {
            try vault.waiting(list, as: acting ?? lead).records.map(\.record)
        }

        func outcome(_ id: FollowUpID, _ kind: EntryKind, _ more: [EntryField: String] = [:]) -> EntryDetails {
            EntryDetails(
                kind: kind,
                values: [.basis: "fact", .date: day(0), .account: "It was so"].merging(more) { $1 }, completes: id)
        }
    }

    @Test func `What others file or write waits, oldest first; what a lead or deputy does waits for nobody`() throws {
        let given = try Given()
        let first = try given.document("one")
        _ = try given.document("two", by: given.lead)
        _ = try given.document("three", by: given.deputy)
        let entry = try given.vault.makeEntry(
            EntryDetails(kind: .observation, values: [.basis: "fact", .date: given.day(0), .account: "A bruise"]),
            for: given.file, as: given.office)
        #expect(try given.waiting() == [first.record, entry.entry.record])
        #expect(try given.waiting(.unread) == [first.record] && given.waiting(.late).isEmpty)
        // A fresh process finds the same.
        let fresh = try Vault(opening: given.school.location, clock: given.school.clock)
        let lead = try given.school.signIn(given.school.lead, to: fresh)
        let shown = try fresh.waiting(as: lead)
        #expect(shown.records.map(\.record) == [first.record, entry.entry.record] && shown.total == 2)
        #expect(shown.records.map(\.pupil.reference) == [given.pupil.reference, given.pupil.reference])
        for nobody in [given.office] {
            #expect(code { _ = try given.vault.waiting(as: nobody) } == "not-found")
            #expect(code { _ = try given.vault.waitingFigures(as: nobody) } == "not-found")
            #expect(
                code { try given.vault.triage([first.record], of: given.file, given.nothing, as: nobody) }
                    == "not-found")
        }
        // Opened by the deputy: no longer unread, and still to be looked at.
        _ = try given.school.download(first, by: given.deputy)
        #expect(try given.waiting(.unread).isEmpty && given.waiting().count == 2)
        #expect(try given.school.verify().holds)
    }

    @Test func `Three hundred scans are looked at in one act, and each is looked at once`() throws {
        let given = try Given()
        var all: Set<RecordID> = []
        for number in 0..<30 { all.insert(try given.document("scan \(number)").record) }
        let later = try given.document("later")
        let said = try given.vault.triage(all, of: given.file, given.nothing, as: given.deputy)
        #expect(said.records == 30 && said.followUps.isEmpty)
        #expect(try given.waiting() == [later.record])
        let refusal = code {
            try given.vault.triage([later.record, all.first!], of: given.file, given.nothing, as: given.lead)
        }
        #expect(refusal == "triage.done")
        do {
            try given.vault.triage(all, of: given.file, given.nothing, as: given.lead)
        } catch { #expect(error.refusal.message.hasPrefix("Nell Vasey has looked at this already")) }
        #expect(try given.waiting() == [later.record])
        // With the same id: the same receipt, and nothing recorded.
        let kinds = try given.school.kinds().count
        #expect(try given.vault.triage(all, of: given.file, given.nothing, id: said.triage, as: given.deputy) == said)
        #expect(try given.school.kinds().count == kinds)
        #expect(
            code { try given.vault.triage(all, of: given.file, given.nothing, id: said.triage, as: given.lead) }
                == "not-found")
        let facts = try #require(try given.vault.triage(of: all.first!, in: given.file, as: given.lead))
        #expect(facts.author == "Nell Vasey" && facts.words == "Legacy archive" && facts.follows == [.nothing])
        #expect(Set(facts.records) == all && facts.places.count == 30)
        #expect(try given.school.verify().holds)
    }

    @Test func `What is kept as evidence waits to be looked at, and is not counted as unread`() throws {
        let given = try Given()
        let evidence = try given.school.file(
            fixture("hostile/zip-appended.pdf"), named: "z.pdf", for: given.pupil, summary: "With a ZIP",
            by: given.office)
        #expect(evidence.quarantined)
        #expect(try given.waiting() == [evidence.document.record] && given.waiting(.unread).isEmpty)
        try given.vault.triage([evidence.document.record], of: given.file, given.nothing, as: given.deputy)
        #expect(try given.waiting().isEmpty)
    }

    @Test func `Nothing of another pupil, and nothing that is not there, is looked at`() throws {
        let given = try Given()
        let other = try given.school.pupil("Tobias Venn", born: "2004-01-02", by: given.lead)
        let (own, theirs) = (try given.document("one"), try given.document("two", for: other))
        for records in [[theirs.record], [own.record, theirs.record], [.random()]] as [Set<RecordID>] {
            #expect(
                code { try given.vault.triage(records, of: given.file, given.nothing, as: given.lead) }
                    == "triage.not-in-file")
        }
        #expect(code { try given.vault.triage([], of: given.file, given.nothing, as: given.lead) } == "triage.records")
        #expect(code { _ = try given.vault.record(theirs.record, of: given.file, as: given.lead) } == "not-found")
        #expect(try given.waiting().count == 2)
    }

    @Test func `Two people at the same time make one statement, and the other is told who was quicker`() async throws {
        let given = try Given()
        let record = try given.document("one").record
        let (vault, file, nothing) = (given.vault, given.file, given.nothing)
        let refused = await withTaskGroup(of: String?.self) { group in
            for acting in [given.lead, given.deputy, given.lead, given.deputy] {
                group.addTask { code { try vault.triage([record], of: file, nothing, as: acting) } }
            }
            return await group.reduce(into: [String?]()) { $0.append($1) }
        }
        #expect(refused.count { $0 == nil } == 1 && refused.count { $0 == "triage.done" } == 3)
        #expect(try given.school.kinds().count { $0 == "items.triaged" } == 1)
        #expect(try given.school.verify().holds)
    }

    @Test func `Each thing that follows is a follow-up of its own, done or waived by an entry`() throws {
        let given = try Given()
        let record = try given.document("one").record
        var details = given.follows(.pupil)
        details.isChildOnChild = true
        let said = try given.vault.triage([record], of: given.file, details, as: given.deputy)
        #expect(said.followUps.count == 2)
        let open = try given.vault.followUps(as: given.lead)
        #expect(open.map(\.outcome) == [.pupil, .parents] && open.map(\.due) == [given.day(3), given.day(3)])
        #expect(open[1].what == "Contact the parents (child on child): He is to be asked")
        #expect(try given.vault.overdueCount(as: given.lead) == 0)
        #expect(
            code { try given.vault.makeEntry(given.outcome(open[0].id, .waiver), for: given.file, as: given.office) }
                != nil)
        try given.vault.makeEntry(
            given.outcome(open[0].id, .meeting, [.with: "Him"]), for: given.file, as: given.deputy)
        #expect(try given.vault.followUps(as: given.lead).map(\.outcome) == [.parents])
        let waived = try given.vault.makeEntry(given.outcome(open[1].id, .waiver), for: given.file, as: given.lead)
        #expect(try given.vault.followUpCount(as: given.lead) == 0)
        #expect(try given.vault.completion(of: open[1].id, as: given.lead) == waived.index)
        #expect(try given.vault.entry(waived.index, as: given.lead).0.made?.kind == .waiver)
        #expect(try given.school.verify().holds)
    }

    @Test func `The outcome of a referral says whether the parents were contacted first`() throws {
        let given = try Given()
        let record = try given.document("one").record
        let said = try given.vault.triage([record], of: given.file, given.follows(.socialCare), as: given.deputy)
        let id = try #require(said.followUps.first)
        func make(_ details: EntryDetails) -> String? {
            code { try given.vault.makeEntry(details, for: given.file, as: given.lead) }
        }
        #expect(make(given.outcome(id, .meeting, [.with: "Her"])) == "entry.action")
        #expect(make(given.outcome(id, .action, [.action: "parents"])) == "entry.action")
        #expect(make(given.outcome(id, .action, [.action: "social-care"])) == "entry.parents")
        #expect(
            make(given.outcome(id, .action, [.action: "social-care", .parents: "greater-risk"]))
                == "entry.parents-reason")
        #expect(try given.vault.followUpCount(as: given.lead) == 1)
        #expect(make(given.outcome(id, .action, [.action: "social-care", .parents: "contacted"])) == nil)
        #expect(try given.vault.followUpCount(as: given.lead) == 0)
    }

    @Test func `What has waited for longer than a working day is late`() throws {
        let given = try Given()
        let first = try given.document("one").record
        #expect(try given.waiting(.late).isEmpty)
        given.school.clock.advance(seconds: 90 * 86_400)
        let lead = try given.school.signIn(given.school.lead)
        // Trainings last: nobody has to be trained anew.
        #expect(try given.waiting(.late, as: lead) == [first])
        #expect(try given.vault.waiting(as: lead).records.map(\.isLate) == [true])
        let figures = try given.vault.waitingFigures(as: lead)
        #expect(figures.waiting == 1 && figures.late == 1 && figures.unread == 1)
    }

    @Test func `New is what others recorded since the session before`() throws {
        let given = try Given()
        _ = try given.document("one")
        _ = try given.waiting()
        try given.vault.signOut(given.lead)
        let second = try given.document("two").record
        let third = try given.document("three", by: given.deputy).record
        let lead = try given.school.signIn(given.school.lead)
        _ = try given.document("four", by: lead)
        #expect(try given.waiting(.new, as: lead) == [second, third])
        #expect(try given.vault.waitingFigures(as: lead).new == 2)
    }

    @Test func `What was moved out of the file waits no more, and what was said of it is not shown`() throws {
        let given = try Given()
        let (first, second) = (try given.document("one"), try given.document("two"))
        let third = try given.document("three")
        let kept = try given.document("four")
        try given.vault.triage(
            [first.record], of: given.file, given.follows(.lado, words: "Mr Farrow"), as: given.deputy)
        try given.vault.triage(
            [second.record, kept.record], of: given.file, given.follows(.pupil, words: "Mr Farrow, and a bruise"),
            as: given.deputy)
        #expect(try given.waiting() == [third.record] && given.vault.followUpCount(as: given.lead) == 2)
        for document in [first, second, third] {
            try given.school.giveCode(as: given.lead)
            try given.vault.move(document, about: StaffConcern(people: [], others: "Mr Farrow"), as: given.lead)
        }
        let fresh = try Vault(opening: given.school.location, clock: given.school.clock)
        for vault in [given.vault, fresh] {
            let lead = try given.school.signIn(given.school.lead, to: vault)
            #expect(try vault.waiting(as: lead).records.isEmpty && vault.waiting(.unread, as: lead).total == 1)
            // The one about a document alone goes with it; the other says nothing in words.
            #expect(try vault.followUps(as: lead).map(\.what) == ["Talk with the pupil"])
            #expect(try vault.followUpCount(as: lead) == 1)
            let shown = try vault.chronology(of: given.file, lane: .everything, count: 500, as: lead).entries
            #expect(shown.compactMap(\.triage).map(\.words) == [nil])
            #expect(shown.compactMap(\.triage).map(\.records) == [[kept.record]])
            #expect(!shown.contains { $0.summary.contains("Farrow") })
            #expect(
                code { try vault.triage([third.record], of: given.file, given.nothing, as: lead) }
                    == "triage.not-in-file")
        }
        #expect(try given.school.verify().holds)
    }

    @Test func `A notice is due when something waits for too long, and not again within the policy's hours`() throws {
        let school = try School([
            ("notices.yaml", "send: false", "send: true"), ("notices.yaml", "to: []", "to: [lead@school.example]"),
        ])
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let office = try school.signIn(school.add("Maud Tranter", [.admin], by: lead))
        let document = try school.file(Array("one".utf8), named: "a.txt", for: pupil, by: office).document
        #expect(try school.vault.noticeDue() == nil)
        school.clock.advance(seconds: 90 * 86_400)
        let policy = try #require(try school.vault.noticeDue())
        // Nothing of the pupil, of what waits, or of how much.
        #expect(!policy.message.contains("Grace") && !policy.message.contains(pupil.reference))
        #expect(!policy.message.contains("http") && !policy.message.contains(document.reference))
        try school.vault.noteNotice(failed: true)
        let fresh = try Vault(opening: school.location, clock: school.clock)
        #expect(try school.vault.noticeDue() == nil && fresh.noticeDue() == nil)
        let later = try school.signIn(school.lead)
        #expect(try school.vault.noticeFailure(as: later) != nil)
        school.clock.advance(seconds: 86_400)
        #expect(try fresh.noticeDue() == policy)
        try fresh.noteNotice(failed: false)
        let last = try school.signIn(school.lead)
        #expect(try school.vault.noticeFailure(as: last) == nil)
        let details = TriageDetails(follows: [.nothing], words: "Legacy archive")
        try school.vault.triage([document.record], of: pupil.pupilFile, details, as: last)
        school.clock.advance(seconds: 2 * 86_400)
        #expect(try school.vault.noticeDue() == nil)
    }
}
