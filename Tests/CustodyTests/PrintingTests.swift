import Custody
import Foundation
import GRDB
import Records
import Testing

/// A chronology on its way to paper: what is recorded, and what stands on it.
@Suite struct PrintingTests {
    /// A pupil's file with documents and entries whose days and times are often the same.
    private struct Given {
        let school: School
        let lead: Acting
        let pupil: Pupil
        let seed: UInt64

        init(_ count: Int) throws {
            school = try School()
            lead = try school.signIn(school.lead)
            pupil = try school.pupil(by: lead)
            seed = UInt64(ProcessInfo.processInfo.environment["STRONGROOM_TEST_SEED"] ?? "") ?? 20_180_301
            var random = Numbers(state: seed)
            let days = [
                "2015", "2015-03", "2015-03-01", "2015-03-01", "2015-03-01/2015-03-04", "undated", "2014-12-31",
            ]
            let times = ["", "09:00", "09:00", "14:05"]
            for number in 0..<count {
                let day = days[Int(random.next() % UInt64(days.count))]
                if random.next() % 2 == 0 {
                    _ = try school.file(
                        Array("Paper \(number).\n".utf8), named: "p.txt", for: pupil, date: day,
                        summary: "Paper \(number)", by: lead)
                } else {
                    try school.vault.makeEntry(
                        EntryDetails(
                            kind: .observation,
                            values: [
                                .basis: "fact", .date: day.utf8.count == 10 ? day : "2015-03-01",
                                .time: times[Int(random.next() % 4)], .received: "2015-03-05", .lateReason: "x",
                                .account: "Seen \(number).",
                            ]), for: pupil.pupilFile, as: lead)
                }
            }
        }

        func print(
            _ choice: ChronologyChoice = ChronologyChoice(), as form: PrintForm = .pdf, atMost most: Int = 1000,
            by acting: Acting? = nil
        ) throws -> ChronologyPrint {
            try school.vault.printChronology(
                of: pupil.pupilFile, choosing: choice, as: form, atMost: most, by: acting ?? lead)
        }

        func printed(_ choice: ChronologyChoice = ChronologyChoice()) throws -> [UInt64] {
            let print = try print(choice)
            // In parts, as a long one is.
            return try stride(from: 0, to: print.count, by: 7).flatMap {
                try school.vault.entries(of: print, $0..<$0 + 7, by: lead).map(\.entry.index)
            }
        }
    }

    /// SplitMix64: the same numbers for the same seed.
    private struct Numbers {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }
    }

    private static func week(after school: School) -> String {
        SchoolTime("Europe/London").day(of: Timestamp(milliseconds: school.clock.now().milliseconds + 7 * 86_400_000))
    }

    @Test func `A vault opens again in which a session's first act in a file was to print it`() throws {
        let given = try Given(2)
        let (school, vault) = (given.school, given.school.vault)
        let staff = try school.signIn(try school.add("Nia Calloway", [.staff], by: given.lead))
        // Signed in anew, so that the print brings the key under which the access is sealed after it.
        let lead = try school.signIn(school.lead)
        _ = try given.print(by: lead)
        try school.giveCode(as: lead)
        try vault.giveAccess(
            to: staff.person, of: given.pupil.pupilFile, documents: nil, until: Self.week(after: school),
            reason: "Writes the plan",
            as: lead)
        #expect(try school.verify().holds)
        #expect(code { _ = try Vault(opening: school.location, clock: school.clock) } == nil)
    }

    @Test func `Paper has the same order as page and list, whatever days and times collide, also in a vault read anew`()
        throws
    {
        let given = try Given(40)
        let (school, file) = (given.school, given.pupil.pupilFile)
        for newestFirst in [false, true] {
            var choice = ChronologyChoice()
            choice.newestFirst = newestFirst
            func listed(_ vault: Vault, _ acting: Acting) throws -> [UInt64] {
                try vault.chronology(of: file, newestFirst: newestFirst, count: 500, as: acting).entries.map(\.index)
            }
            let order = try listed(school.vault, given.lead)
            #expect(order.count == 40)
            #expect(try given.printed(choice) == order, "seed \(given.seed)")
            // Folded on the page, in the same order.
            let page = try school.vault.chronology(of: file, choosing: choice, count: 500, as: given.lead)
            let shown = page.lines.flatMap { line in
                switch line {
                case .entry(let entry, _): [entry.index]
                case .batch(_, _, let items): items.map(\.index)
                }
            }
            #expect(shown == order, "seed \(given.seed)")
            let fresh = try Vault(opening: school.location, clock: school.clock)
            defer { fresh.shutdown() }
            #expect(try listed(fresh, school.signIn(school.lead, to: fresh)) == order, "seed \(given.seed)")
        }
        #expect(try school.verify().holds)
    }

    @Test func `It is recorded before anything is opened, and the ledger tells outside how many lines, and no more`()
        throws
    {
        let given = try Given(3)
        let school = given.school
        _ = try school.vault.chronology(of: given.pupil.pupilFile, as: given.lead)
        let statements = try school.kinds().count
        var choice = ChronologyChoice()
        choice.category = "letter"
        choice.period = 2014_01_01...2016_12_31
        choice.author = given.lead.person
        let print = try given.print(choice)
        #expect(print.index == UInt64(statements) && print.madeBy == "Judith Halloran")
        #expect(
            print.uploader == "Judith Halloran" && print.checkpoint.split(separator: "\n")[1] == "\(statements + 1)")
        let leaf = try school.catalogue().read { db in
            try Data.fetchOne(db, sql: "SELECT leaf FROM statement ORDER BY idx DESC LIMIT 1")
        }
        let text = String(decoding: try #require(leaf), as: UTF8.self)
        #expect(text.contains("\"lines\":\(print.count)") && text.contains(print.id.text))
        for word in ["\"letter\"", "2014", "Halloran", "pdf", "records"] { #expect(!text.contains(word), "\(word)") }
        // Who reads everything finds it, in words.
        let line = try #require(
            try school.vault.chronology(of: given.pupil.pupilFile, lane: .everything, count: 500, as: given.lead)
                .entries.first { $0.kind == "chronology.printed" })
        #expect(
            line.summary
                == "Print \(print.id.reference) as a PDF, \(print.count) \(print.count == 1 ? "line" : "lines"): documents and entries, of 2014/2016, Letter or e-mail, filed by Judith Halloran."
        )
        #expect(try school.verify().holds)
    }

    @Test func `What may not be printed is refused, and nothing is recorded of it`() throws {
        let given = try Given(5)
        let school = given.school
        let deputy = try school.add("Dee Marlowe", [.deputy], by: given.lead)
        let admin = try school.signIn(school.add("Sam Adeyemi", [.admin], by: given.lead))
        let reader = try school.signIn(deputy)
        func prints() throws -> Int { try school.kinds().count { $0 == "chronology.printed" } }
        var nothing = ChronologyChoice()
        nothing.period = 1990_01_01...1990_12_31
        #expect(code { _ = try given.print(nothing) } == "print.nothing")
        #expect(code { _ = try given.print(atMost: 4) } == "print.too-long")
        #expect(code { _ = try given.print(by: admin) } == "access.not-entitled")
        #expect(try prints() == 0)
        let print = try given.print(by: reader)
        #expect(code { _ = try school.vault.entries(of: print, 0..<5, by: admin) } == "access.not-entitled")
        #expect(try school.vault.entries(of: print, 0..<500, by: reader).count == 5)
        // Whom they suspend goes on with no part of it.
        try school.giveCode(as: given.lead)
        try school.vault.suspend(reader.person, as: given.lead)
        #expect(code { _ = try school.vault.entries(of: print, 0..<5, by: reader) } != nil)
        #expect(try prints() == 1)
    }

    @Test func `Significant events stand out, and corrections stand beneath what they correct and in their own place`()
        throws
    {
        let given = try Given(6)
        let school = given.school
        let first = try #require(try given.printed().first)
        try school.vault.mark(first, significant: true, as: given.lead)
        let entry = try school.vault.entry(first, as: given.lead).0
        try school.vault.makeEntry(
            EntryDetails(
                kind: .correction,
                values: [
                    .basis: "fact", .date: "2026-11-02", .received: "2026-11-02", .lateReason: "x",
                    .account: "Another day.", .reasons: "A slip.",
                ], corrects: entry.document?.id.record ?? entry.made?.id.record), for: given.pupil.pupilFile,
            as: given.lead)
        let print = try given.print()
        let lines = try school.vault.entries(of: print, 0..<100, by: given.lead)
        #expect(lines.count == 7 && lines.count { $0.isSignificant } == 1)
        #expect(lines.first { $0.entry.index == first }?.entry.corrections.map(\.summary).count == 1)
        #expect(lines.count { $0.entry.made?.correctsIndex == first } == 1)
        var significant = ChronologyChoice()
        significant.lane = .significant
        #expect(try given.printed(significant) == [first])
    }
}
