import Custody
import Foundation
import GRDB
import Records
import Testing

/// Words looked for in summaries, and what is recorded of it.
@Suite struct ChronologySearchTests {
    @Test(arguments: [
        ("zoe", "Letter to Zoë", true), ("ZOË", "Letter to Zoe\u{308}", true), ("zoe\u{308}", "letter to ZOE", true),
        ("aunt letter", "Letter to the aunt", true), ("aunt uncle", "Letter to the aunt", false),
        ("aunt's", "Zoë’s aunt’s house", true), ("  Early \n help ", "Meeting with EARLY HELP", true),
        ("strasse", "Straße", true), ("نور", "ملاحظة عن نور", true), ("😀", "A drawing 😀", true), ("%", "all", false),
        (".*", "anything", false), ("<b>", "in <b>bold</b>", true), ("confer", "First conference", true),
    ])
    func `Words are found whatever their case, their accents and how these are composed`(
        _ typed: String, _ summary: String, _ found: Bool
    ) throws {
        #expect(try SearchWords(typed).areIn(summary) == found)
    }

    @Test func `Nothing to look for, and too much, are refused before anything is recorded`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let before = try school.kinds().count
        for (typed, refused) in [
            ("", "search.blank"), (" \u{a0}\n", "search.blank"),
            (String(repeating: "a", count: 501), "search.too-long"),
        ] {
            #expect(code { _ = try school.vault.search(typed, in: pupil.pupilFile, as: lead) } == refused)
            #expect(code { _ = try school.vault.searchEverywhere(typed, as: lead) } == refused)
        }
        #expect(try school.kinds().count == before)
    }

    @Test func `A pupil file is searched, newest first, and each search is a statement without its words`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        for (number, date) in ["2012", "undated", "2011-02-03", "2015"].enumerated() {
            _ = try school.file(
                Array("Paper \(number).\n".utf8), named: "p.txt", for: pupil, date: date,
                summary: number == 3 ? "Something else" : "Zoë’s letter \(number)", by: lead)
        }
        let found = try school.vault.search("letter zoe", in: pupil.pupilFile, as: lead)
        #expect(found.pupil == pupil && found.total == 3)
        #expect(found.entries.map(\.occurred) == ["undated", "2012", "2011-02-03"])
        let part = try school.vault.search("letter", in: pupil.pupilFile, count: 1, as: lead)
        #expect(part.total == 3 && part.entries.count == 1)
        #expect(try school.vault.search("nowhere", in: pupil.pupilFile, as: lead).entries.isEmpty)
        #expect(try school.kinds().suffix(3) == ["chronology.searched", "chronology.searched", "chronology.searched"])
        let leaves = try school.catalogue().read { db in try Data.fetchAll(db, sql: "SELECT leaf FROM statement") }
        // Long enough not to stand by chance in what is random there.
        for word in ["letter", "nowhere"] {
            #expect(!leaves.contains { String(decoding: $0, as: UTF8.self).contains(word) })
        }
        // What was opened before is found with the keys that the session remembers, and what came since, too.
        _ = try school.vault.chronology(of: pupil.pupilFile, as: lead)
        #expect(try school.vault.search("letter", in: pupil.pupilFile, as: lead).total == 3)
        let deputy = try school.signIn(school.add("Dee Marlowe", [.deputy], by: lead))
        _ = try school.file(
            Array("Later.\n".utf8), named: "l.txt", for: pupil, summary: "A later letter", by: deputy)
        #expect(try school.vault.search("letter", in: pupil.pupilFile, as: lead).total == 4)
        #expect(try school.verify().holds)
    }

    @Test func `Of an entry all that was written is searched, and it stands among the documents by its moment`() throws
    {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        _ = try school.file(
            Array("A letter.\n".utf8), named: "l.txt", for: pupil, date: "2017-05-12", summary: "About the heron",
            by: lead)
        func make(_ kind: EntryKind, _ more: [EntryField: String]) throws {
            let values: [EntryField: String] = [
                .basis: "fact", .date: "2017-05-12", .received: "2017-05-12", .lateReason: "Found in a drawer",
                .summary: "What was heard",
            ]
            // In a session of its own each time, so under a key that the reader's has not opened yet.
            let acting = try school.signIn(school.lead)
            try school.vault.makeEntry(
                EntryDetails(kind: kind, values: values.merging(more) { $1 }), for: pupil.pupilFile, as: acting)
        }
        _ = try school.vault.chronology(of: pupil.pupilFile, as: lead)
        try make(.words, [.account: "The heron stood there", .questions: "Where was the otter?", .time: "14:05"])
        try make(.observation, [.account: "Nothing of it", .time: "09:30"])
        let found = try school.vault.search("HERON", in: pupil.pupilFile, as: lead)
        #expect(found.entries.map(\.title) == ["The child’s own words", "Letter or e-mail"], "the newest moment first")
        #expect(try school.vault.search("otter", in: pupil.pupilFile, as: lead).total == 1)
        #expect(try school.vault.search("otter", in: pupil.pupilFile, as: lead).entries.first?.made != nil)
        #expect(try school.vault.search("drawer", in: pupil.pupilFile, as: lead).total == 0)
        var choice = ChronologyChoice()
        choice.category = EntryKind.category(EntryKind.words.rawValue)
        let chosen = try school.vault.chronology(of: pupil.pupilFile, choosing: choice, as: lead)
        #expect(chosen.total == 1 && chosen.categories.isSuperset(of: ["letter", "entry.words", "entry.observation"]))
        let all = try school.vault.chronology(of: pupil.pupilFile, as: lead)
        #expect(all.entries.map(\.title) == ["Letter or e-mail", "Observation", "The child’s own words"])
    }

    @Test func `Across pupil files the search names no pupil, and each that something is shown of says so`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let (first, second, third) = (
            try school.pupil(by: lead), try school.pupil("Tobias Venn", born: "2004-01-02", by: lead),
            try school.pupil("Ada Brook", born: "2005-03-04", by: lead)
        )
        for (pupil, summary) in [(first, "The bruise"), (second, "Swimming"), (third, "A bruise, again")] {
            _ = try school.file(
                Array((pupil.name + ".\n").utf8), named: "p.txt", for: pupil, summary: summary, by: lead)
        }
        let before = try school.kinds().count
        let found = try school.vault.searchEverywhere("bruise", as: lead)
        #expect(found.map(\.pupil) == [third, first] && found.map(\.total) == [1, 1])
        let said = try school.catalogue().read { db in
            try Row.fetchAll(
                db, sql: "SELECT kind, pupil_file FROM act WHERE idx >= ? ORDER BY idx", arguments: [before]
            )
            .map { ($0["kind"] as String, ($0["pupil_file"] as Data?).flatMap { PupilFileID($0) }) }
        }
        #expect(said.map(\.0) == ["chronology.searched", "chronology.searched", "chronology.searched"])
        #expect(said[0].1 == nil && Set(said.dropFirst().map(\.1)) == [first.pupilFile, third.pupilFile])
        #expect(try school.vault.searchEverywhere("nothing like it", as: lead).isEmpty)
        #expect(try school.kinds().count == before + 4, "that somebody searched stands there, whatever came of it")
        let everything = try school.vault.chronology(of: second.pupilFile, lane: .everything, as: lead).entries
        #expect(!everything.contains { $0.title == "Searched" })
        #expect(
            try school.vault.chronology(of: first.pupilFile, lane: .everything, as: lead).entries
                .contains { $0.title == "Searched" && $0.author == lead.name })
        #expect(try school.vault.securityReview(as: lead).lines.contains { $0.what.hasSuffix("all pupil files") })
        #expect(try school.verify().holds)
    }

    @Test func `Who reads not every file searches none, and a detail that was changed is not found`() throws {
        let both = try TwoDocuments()
        let (school, vault) = (both.school, both.school.vault)
        let office = try school.signIn(school.add("Maud Tranter", [.admin], by: both.lead))
        #expect(code { _ = try vault.search("note", in: both.pupil.pupilFile, as: office) } == "access.not-entitled")
        #expect(code { _ = try vault.searchEverywhere("note", as: office) } == "not-found")
        #expect(try !school.kinds().contains("chronology.searched"))
        #expect(try vault.search("note", in: both.pupil.pupilFile, as: both.lead).total == 2)
        try school.tamper { db in
            try db.execute(
                sql:
                    "UPDATE item SET bytes = randomblob(length(bytes)) WHERE id = (SELECT detail FROM document WHERE id = ?)",
                arguments: [Data(both.second.document.bytes)])
        }
        let found = try vault.search("note", in: both.pupil.pupilFile, as: both.lead)
        #expect(found.total == 1 && found.entries.map { $0.document?.id } == [both.first.document])
    }
}
