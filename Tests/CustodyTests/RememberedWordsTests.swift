import Custody
import Foundation
import GRDB
import Records
import Testing

/// What a session remembers for searching: the same is found as in rows that are read, and nothing else keeps it.
@Suite struct RememberedWordsTests {
    /// What a session finds that remembers nothing: it reads every row.
    private func unremembered(_ words: String, of pupil: Pupil, in school: School) throws -> ChronologyFindings {
        let acting = try school.signIn(school.lead)
        acting.rememberedWords.most = 0
        let found = try school.vault.search(words, in: pupil.pupilFile, as: acting)
        #expect(acting.rememberedWords[pupil.pupilFile] == nil)
        return found
    }

    /// Changes a document's detail on the disk, or puts back what it was.
    private func change(_ receipt: Receipt, of school: School, to bytes: Data? = nil) throws -> Data {
        var before = Data()
        try school.tamper { db in
            let of = "id = (SELECT detail FROM document WHERE id = ?)"
            let id = Data(receipt.document.bytes)
            before = try #require(try Data.fetchOne(db, sql: "SELECT bytes FROM item WHERE \(of)", arguments: [id]))
            var damaged = before
            damaged[before.count / 2] ^= 1
            try db.execute(sql: "UPDATE item SET bytes = ? WHERE \(of)", arguments: [bytes ?? damaged, id])
        }
        return before
    }

    @Test func `What was found is found again, and what was filed since, in the order of what is read`() throws {
        let school = try School()
        let (vault, lead) = (school.vault, try school.signIn(school.lead))
        let pupil = try school.pupil(by: lead)
        func file(_ date: String, _ summary: String) throws {
            _ = try school.file(
                Array((summary + "\n").utf8), named: "p.txt", for: pupil, date: date, summary: summary, by: lead)
        }
        func make(_ time: String, _ account: String) throws {
            try vault.makeEntry(
                EntryDetails(
                    kind: .words,
                    values: [
                        .basis: "fact", .date: "2012-01-01", .received: "2012-01-01", .lateReason: "Found in a drawer",
                        .summary: "What was heard", .account: account, .questions: "Which letter?", .time: time,
                    ]), for: pupil.pupilFile, as: lead)
        }
        try file("2012", "A Letter to Zoë")
        try file("undated", "No letter")
        try file("2011-02-03", "A drawing")
        try make("14:05", "Zoë's LETTER")
        _ = try vault.chronology(of: pupil.pupilFile, as: lead)
        let opened = try #require(lead.rememberedWords[pupil.pupilFile], "opening a chronology makes them")
        #expect(opened.parts.count == 1)
        for sealed in opened.parts {
            #expect(!["letter", "drawing", "heard"].contains { sealed.firstRange(of: Array($0.utf8)) != nil })
        }
        for step in 0..<3 {
            for words in ["letter", "zoe letter", "ZOË’S", "which", "drawing", "drawer", "nothing like it", "\"", "a"] {
                let read = try unremembered(words, of: pupil, in: school)
                let found = try vault.search(words, in: pupil.pupilFile, as: lead)
                #expect(found.total == read.total && found.entries == read.entries, "\(words), step \(step)")
            }
            if step == 0 {
                try file("2013-05", "A later letter")
                try make("09:30", "Nothing of it")
            } else if step == 1 {
                try file("2010", "An older letter")
                _ = try vault.chronology(of: pupil.pupilFile, as: lead)
            }
        }
        #expect(try vault.search("letter", in: pupil.pupilFile, as: lead).total == 6)
        #expect(lead.rememberedWords[pupil.pupilFile]?.parts.count == 3, "what was filed since is added")
        #expect(try school.verify().holds)
    }

    @Test func `Case and accents are folded in what is remembered as in what is read`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let pairs = [
            ("zoe", "Letter to Zoë"), ("ZOË", "Letter to Zoe\u{308}"), ("aunt letter", "LETTER to the aunt"),
            ("aunt's", "Zoë’s aunt’s house"), ("strasse", "Straße"), ("نور", "ملاحظة عن نور"), ("😀", "A drawing 😀"),
            ("<b>", "in <b>bold</b>"), ("confer", "First conference"),
        ]
        for (number, (_, summary)) in pairs.enumerated() {
            _ = try school.file(Array("\(number)\n".utf8), named: "p.txt", for: pupil, summary: summary, by: lead)
        }
        for _ in 0..<2 {
            for (typed, summary) in pairs {
                let found = try school.vault.search(typed, in: pupil.pupilFile, as: lead)
                #expect(found.entries.contains { $0.summary == summary }, "\(typed)")
            }
            #expect(lead.rememberedWords[pupil.pupilFile] != nil)
        }
    }

    @Test func `What one session remembers does not open in another`() throws {
        let both = try TwoDocuments()
        let (school, vault, file) = (both.school, both.school.vault, both.pupil.pupilFile)
        #expect(try vault.search("note", in: file, as: both.lead).total == 2)
        let other = try school.signIn(school.lead)
        #expect(other.rememberedWords[file] == nil)
        other.rememberedWords = both.lead.rememberedWords
        #expect(other.rememberedWords[file] != nil)
        _ = try change(both.second, of: school)
        // Where nothing is shown, nothing is compared with its statement: this counts what is remembered, or what is read.
        #expect(try vault.search("note", in: file, count: 0, as: both.lead).total == 2)
        #expect(try vault.search("note", in: file, count: 0, as: other).total == 1)
    }

    @Test
    func `A row that is damaged before or after it was remembered is not found, and found again once it is put right`()
        throws
    {
        let both = try TwoDocuments()
        let (school, vault, file) = (both.school, both.school.vault, both.pupil.pupilFile)
        for isBefore in [true, false] {
            let acting = try school.signIn(school.lead)
            if !isBefore { #expect(try vault.search("note", in: file, as: acting).total == 2) }
            let whole = try change(both.second, of: school)
            for _ in 0..<2 {
                let found = try vault.search("note", in: file, as: acting)
                #expect(found.total == 1 && found.entries.map { $0.document?.id } == [both.first.document])
                #expect(try vault.searchEverywhere("note", as: acting).map(\.total) == [1])
                #expect(acting.rememberedWords[file] == nil, "a file is remembered whole or not at all")
            }
            _ = try change(both.second, of: school, to: whole)
            for _ in 0..<2 {
                #expect(try vault.search("note", in: file, as: acting).total == 2)
                #expect(acting.rememberedWords[file] != nil)
            }
        }
    }

    @Test func `There is a bound on what is remembered of one file and of all, and above it the same is found`() throws
    {
        let school = try School()
        let (vault, lead) = (school.vault, try school.signIn(school.lead))
        let pupils = try ["Ada Brook", "Tobias Venn", "Zora Pell"].map { try school.pupil($0, by: lead) }
        for pupil in pupils {
            for number in 0..<3 {
                _ = try school.file(
                    Array("\(pupil.name) \(number)\n".utf8), named: "p.txt", for: pupil,
                    summary: "A note \(number) about swimming", by: lead)
            }
        }
        func remembered() -> [Bool] { pupils.map { lead.rememberedWords[$0.pupilFile] != nil } }
        lead.rememberedWords.most = 100
        for _ in 0..<2 {
            _ = try vault.chronology(of: pupils[0].pupilFile, as: lead)
            #expect(try vault.search("swimming", in: pupils[0].pupilFile, as: lead).total == 3)
            #expect(try vault.searchEverywhere("swimming", as: lead).map(\.total) == [3, 3, 3])
            #expect(lead.rememberedWords.byteCount == 0)
        }
        lead.rememberedWords.most = 1 << 20
        #expect(try vault.search("swimming", in: pupils[0].pupilFile, as: lead).total == 3)
        let one = lead.rememberedWords.byteCount
        lead.rememberedWords.most = 2 * one + one / 2
        // Searching all of them takes what room there is, and displaces nothing.
        for _ in 0..<2 {
            #expect(try vault.searchEverywhere("swimming", as: lead).map(\.total) == [3, 3, 3])
            #expect(remembered()[0] && remembered().count { $0 } == 2)
        }
        // A file that is opened or searched does: the one that was used before all others.
        for _ in 0..<2 {
            for (place, pupil) in pupils.enumerated() {
                #expect(try vault.search("swimming 2", in: pupil.pupilFile, as: lead).total == 1)
                #expect(remembered()[place] && remembered().count { $0 } == 2)
                #expect(lead.rememberedWords.byteCount <= lead.rememberedWords.most)
            }
        }
    }
}
