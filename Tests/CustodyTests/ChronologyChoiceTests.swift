import Custody
import Foundation
import GRDB
import Records
import Testing

/// What of a chronology is shown, and what is significant in it.
@Suite struct ChronologyChoiceTests {
    /// A pupil file with six scans of the office in one batch, over years, and two papers of the lead's.
    struct Filed {
        let school: School
        let lead: Acting
        let office: Acting
        let pupil: Pupil
        let batch: BatchID
        /// In the order of their dates.
        let entries: [UInt64]

        init() throws {
            school = try School()
            lead = try school.signIn(school.lead)
            office = try school.signIn(school.add("Maud Tranter", [.admin], by: lead))
            pupil = try school.pupil(by: lead)
            batch = try school.vault.openBatch(as: office).id
            var indices: [(String, UInt64)] = []
            for (number, date) in ["2012-03", "2012-05-01", "2013", "2013-06-07", "2015-01-02", "undated"].enumerated()
            {
                let receipt = try school.file(
                    Array("Scan \(number).\n".utf8), named: "scan.txt", for: pupil, date: date, by: office)
                indices.append((date, receipt.index))
            }
            try school.vault.closeBatch(batch, as: office)
            for date in ["2014-09-10", "2016-02-03"] {
                let held = try school.receive(Array("Paper \(date).\n".utf8), named: "p.txt", for: pupil, by: lead)
                let details = FilingDetails(
                    summary: "Notes of the core group", category: "conference", date: date)
                guard case .filed(_, let receipt) = try school.vault.file([(held, details)], as: lead)[0] else {
                    throw VaultError.notFound
                }
                indices.append((date, receipt.index))
            }
            entries = indices.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.1)
        }

        func shown(_ change: (inout ChronologyChoice) -> Void = { _ in }) throws -> ChosenChronology {
            var choice = ChronologyChoice()
            change(&choice)
            return try school.vault.chronology(of: pupil.pupilFile, choosing: choice, as: lead)
        }
    }

    private func spelled(_ chronology: ChosenChronology) -> [String] {
        chronology.lines.map { line in
            switch line {
            case .entry(let entry, let item): "\(entry.occurred)\(item.isSignificant ? "!" : "")"
            case .batch(_, _, let items): "\(items.count) of a batch"
            }
        }
    }

    @Test func `Scans of a batch that follow one another share a line, and a significant event never does`() throws {
        let filed = try Filed()
        #expect(try spelled(filed.shown()) == ["4 of a batch", "2014-09-10", "2015-01-02", "2016-02-03", "undated"])
        let folded = try filed.shown()
        #expect(folded.total == 8 && folded.lineCount == 5 && folded.items.count == 8)
        #expect(folded.lineOf == [0, 0, 0, 0, 1, 2, 3, 4] && folded.batchNumbers[filed.batch] == 1)
        #expect(
            try spelled(filed.shown { $0.newestFirst = true })
                == ["undated", "2016-02-03", "2015-01-02", "2014-09-10", "4 of a batch"])
        let unfolded = try filed.shown { $0.batch = filed.batch }
        #expect(
            spelled(unfolded) == ["2012-03", "2012-05-01", "2013", "2013-06-07", "2015-01-02", "undated"])
        try filed.school.vault.mark(filed.entries[1], significant: true, as: filed.lead)
        #expect(
            try spelled(filed.shown()) == [
                "2012-03", "2012-05-01!", "2013", "2013-06-07", "2014-09-10", "2015-01-02", "2016-02-03", "undated",
            ])
        #expect(try spelled(filed.shown { $0.lane = .significant }) == ["2012-05-01!"])
        #expect(try filed.shown { $0.lane = .everything }.total > 8)
    }

    @Test func `Marking is a statement of its own, once, and taken back by another; nothing filed changes`() throws {
        let filed = try Filed()
        let (vault, school) = (filed.school.vault, filed.school)
        let deputy = try school.signIn(school.add("Dee Marlowe", [.deputy], by: filed.lead))
        let before = try school.catalogue().read { db in try Data.fetchAll(db, sql: "SELECT leaf FROM statement") }
        #expect(try vault.isSignificant(filed.entries[0], as: deputy) == false)
        try vault.mark(filed.entries[0], significant: true, as: deputy)
        try vault.mark(filed.entries[0], significant: true, as: filed.lead)
        #expect(try vault.isSignificant(filed.entries[0], as: filed.lead) == true)
        try vault.mark(filed.entries[0], significant: false, as: filed.lead)
        try vault.mark(filed.entries[0], significant: false, as: deputy)
        #expect(try school.kinds().filter { $0.hasPrefix("item.") } == ["item.promoted", "item.demoted"])
        let after = try school.catalogue().read { db in try Data.fetchAll(db, sql: "SELECT leaf FROM statement") }
        #expect(Array(after.prefix(before.count)) == before)
        let words = try vault.chronology(
            of: filed.pupil.pupilFile, lane: .everything, count: .max, as: filed.lead
        ).entries.filter { $0.title == "Significant event" }
        #expect(words.map(\.author) == [deputy.name, filed.lead.name])
        #expect(words.allSatisfy { $0.summary.contains("Entry \(filed.entries[0]) ") })
        // A process that reads it all anew knows the same.
        try vault.mark(filed.entries[2], significant: true, as: deputy)
        let fresh = try Vault(opening: school.location, clock: school.clock)
        let again = try school.signIn(school.lead, to: fresh)
        #expect(try fresh.isSignificant(filed.entries[2], as: again) == true)
        #expect(try fresh.isSignificant(filed.entries[0], as: again) == false)
        #expect(try school.verify().holds)
    }

    @Test func `Only who reads every file marks, and only what was filed for a pupil`() throws {
        let filed = try Filed()
        let (vault, school) = (filed.school.vault, filed.school)
        let staff = try school.signIn(school.add("Amir Oakley", [.staff], by: filed.lead))
        try school.giveCode(as: filed.lead)
        let tomorrow = String(
            Timestamp(milliseconds: school.clock.now().milliseconds + 86_400_000).iso8601.prefix(10))
        try vault.giveAccess(
            to: staff.person, of: filed.pupil.pupilFile, documents: nil, until: tomorrow, reason: "Class teacher",
            as: filed.lead)
        for acting in [filed.office, staff] {
            #expect(code { try vault.mark(filed.entries[0], significant: true, as: acting) } == "not-found")
            #expect(code { _ = try vault.isSignificant(filed.entries[0], as: acting) } == "not-found")
        }
        _ = try filed.shown()
        let kinds = try school.kinds()
        for kind in ["vault.founded", "pupil.registered", "chronology.read"] {
            let index = UInt64(try #require(kinds.firstIndex(of: kind)))
            #expect(code { try vault.mark(index, significant: true, as: filed.lead) } == "not-found", "\(kind)")
        }
        #expect(code { try vault.mark(1 << 40, significant: true, as: filed.lead) } == "not-found")
        #expect(try !school.kinds().contains("item.promoted"))
    }

    @Test func `A choice by date, category, type and person leaves out the rest, and compose`() throws {
        let filed = try Filed()
        #expect(
            try spelled(filed.shown { $0.period = 2013_01_01...2013_12_31 }) == ["2013", "2013-06-07"])
        #expect(
            try spelled(filed.shown { $0.period = 2013_03_01...2013_03_31 }) == ["2013"], "it may have been then")
        #expect(
            try filed.shown { $0.period = 2013_01_01...2013_12_31 }.items.count == 8, "the picture knows of the rest")
        #expect(try spelled(filed.shown { $0.category = "conference" }) == ["2014-09-10", "2016-02-03"])
        #expect(try filed.shown { $0.category = "letter" }.total == 6)
        #expect(try filed.shown { $0.author = filed.office.person }.total == 6)
        #expect(try filed.shown { $0.author = PersonID.random() }.total == 0)
        #expect(try filed.shown { $0.mediaType = "text/plain" }.total == 8)
        #expect(try filed.shown { $0.mediaType = "application/pdf" }.total == 0)
        #expect(
            try spelled(
                filed.shown {
                    $0.author = filed.lead.person
                    $0.category = "conference"
                    $0.period = 2015_01_01...2016_12_31
                    $0.newestFirst = true
                }) == ["2016-02-03"])
        let known = try filed.shown()
        #expect(known.categories == ["letter", "conference"] && known.mediaTypes == ["text/plain"])
        #expect(Set(known.authors.map(\.id)) == [filed.office.person, filed.lead.person])
        #expect(known.items.filter(\.isMeeting).map(\.first) == [2014_09_10, 2016_02_03])
    }

    @Test func `Lines are as many as are asked for, and the rest is counted`() throws {
        let filed = try Filed()
        var choice = ChronologyChoice()
        choice.batch = filed.batch
        let part = try filed.school.vault.chronology(
            of: filed.pupil.pupilFile, choosing: choice, from: 2, count: 3, as: filed.lead)
        #expect(spelled(part) == ["2013", "2013-06-07", "2015-01-02"] && part.lineCount == 6)
        let beyond = try filed.school.vault.chronology(
            of: filed.pupil.pupilFile, choosing: choice, from: 60, as: filed.lead)
        #expect(beyond.lines.isEmpty && beyond.total == 6)
    }
}
