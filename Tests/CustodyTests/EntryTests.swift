import Custody
import Foundation
import GRDB
import Records
import Sealing
import Testing

/// Entries without a file, from what was said to what is read back (F-04, F-07, F-08, F-09).
@Suite struct EntryTests {
    /// A lead, a member of staff, and a pupil.
    struct Given {
        let school: School
        let lead: Acting
        let staff: Acting
        let pupil: Pupil
        let other: Pupil

        init() throws {
            school = try School()
            lead = try school.signIn(school.lead)
            pupil = try school.pupil(by: lead)
            other = try school.pupil("Tobias Venn", born: "2004-01-02", by: lead)
            staff = try school.signIn(school.add("Amir Oakley", [.staff], by: lead))
        }

        var vault: Vault { school.vault }

        /// An observation on a day some days ago.
        func observation(_ account: String, daysAgo: Int64 = 0, _ more: [EntryField: String] = [:]) -> EntryDetails {
            let now = school.clock.now()
            let then = Timestamp(milliseconds: now.milliseconds - daysAgo * 86_400_000)
            return EntryDetails(
                kind: .observation,
                values: [
                    .basis: "fact", .date: SchoolTime("Europe/London").day(of: then), .account: account,
                    .lateReason: "Found on going through old notes",
                ].merging(more) { $1 })
        }

        func made(_ receipt: EntryReceipt, in vault: Vault? = nil, as acting: Acting? = nil) throws -> EntryFacts {
            let (entry, _, _) = try (vault ?? self.vault).entry(receipt.index, as: acting ?? lead)
            return try #require(entry.made)
        }

        func correction(_ account: String, of record: RecordID, daysAgo: Int64 = 0) -> EntryDetails {
            var details = observation(account, daysAgo: daysAgo, [.reasons: "It was heard wrongly"])
            details.kind = .correction
            details.corrects = record
            return details
        }
    }

    /// Composed and decomposed, emoji with joiners, right to left with its marks, every end of a line, blanks at the ends.
    static let words = [
        "caf\u{E9} caf\u{65}\u{301} \u{212B} \u{C5}", "👩‍👧‍👦 🏴󠁧󠁢󠁷󠁬󠁳󠁿 ☹\u{FE0F}", "هو \u{202B}ضربني\u{202C} قال \u{200F}",
        "one\r\ntwo\rthree\nfour\u{2028}five\u{85}",
        "\r\n  \ttrailing   \t\r\n ", "<script>alert(1)</script> {{x}} ' \" \\ \u{1}",
        String(repeating: "ü", count: 9_999),
    ]

    @Test(arguments: words)
    func `The child's own words come back byte for byte, and the questions apart`(_ said: String) throws {
        let given = try Given()
        // Not blank alone.
        let words = "“" + said
        var details = given.observation(words, [.questions: said + "?"])
        details.kind = .words
        let receipt = try given.vault.makeEntry(details, for: given.pupil.pupilFile, as: given.staff)
        let fresh = try Vault(opening: given.school.location, clock: given.school.clock)
        let lead = try given.school.signIn(given.school.lead, to: fresh)
        let made = try given.made(receipt, in: fresh, as: lead)
        #expect(made.kind == .words && Array(made[.account].utf8) == Array(words.utf8))
        #expect(Array(made[.questions].utf8) == Array((said + "?").utf8))
        #expect(made.author == "Amir Oakley" && made[.summary].hasPrefix("The child’s own words"))
        #expect(try given.school.verify().holds)
    }

    @Test func `Who files and holds no key makes an entry and cannot read it back, nor can another`() throws {
        let given = try Given()
        let vault = given.vault
        let canary = "Canary-\(UInt64.random(in: 1 << 60...UInt64.max))"
        let receipt = try vault.makeEntry(
            given.observation(canary, [.told: canary, .toldDate: given.observation("")[.date]]),
            for: given.pupil.pupilFile, as: given.staff)
        #expect(code { _ = try vault.entry(receipt.index, as: given.staff) } == "not-found")
        #expect(code { _ = try vault.chronology(of: given.pupil.pupilFile, as: given.staff) } == "access.not-entitled")
        #expect(code { _ = try vault.followUps(as: given.staff) } == "not-found")
        #expect(try vault.entryReceipt(receipt.entry, as: given.staff) == receipt)
        let office = try given.school.signIn(given.school.add("Maud Tranter", [.admin], by: given.lead))
        #expect(code { _ = try vault.entryReceipt(receipt.entry, as: office) } == "not-found")
        // Who cannot read it cannot correct it, and learns nothing of what there is.
        for record in [receipt.entry.record, .random()] {
            let correction = given.correction("Other", of: record)
            #expect(
                code { try vault.makeEntry(correction, for: given.pupil.pupilFile, as: given.staff) }
                    == "access.not-entitled")
        }
        #expect(try given.made(receipt)[.account] == canary)
        let files = try FileManager.default.subpathsOfDirectory(atPath: given.school.location.vault)
        for file in files {
            let bytes = FileManager.default.contents(atPath: given.school.location.vault + "/" + file) ?? Data()
            #expect(bytes.range(of: Data(canary.utf8)) == nil, "\(file)")
        }
    }

    @Test func `Late is shown and asks for a reason: more than 24 hours, and not a millisecond less`() throws {
        let given = try Given()
        let school = SchoolTime("Europe/London")
        let now = given.school.clock.now()
        let yesterday = Timestamp(milliseconds: now.milliseconds - 86_400_000)
        // The minute in which it was received began a little earlier than 24 hours ago, unless it begins now.
        let (day, time) = (school.day(of: yesterday), school.time(of: yesterday))
        let instant = try #require(school.instant(day, time))
        var details = given.observation("Seen", [.date: day, .time: time, .lateReason: ""])
        given.school.clock.set(milliseconds: max(instant.milliseconds + 86_400_001, now.milliseconds))
        #expect(
            code { try given.vault.makeEntry(details, for: given.pupil.pupilFile, as: given.lead) }
                == "entry.late-reason")
        details[.lateReason] = "The line was busy"
        let receipt = try given.vault.makeEntry(details, for: given.pupil.pupilFile, as: given.lead)
        let made = try given.made(receipt)
        #expect(made[.received] == day && made[.receivedTime] == time && made[.lateReason] == "The line was busy")
        #expect(school.isLate(received: day, time: time, recorded: receipt.recorded))
        #expect(try given.school.kinds().filter { $0 == "entry.made" }.count == 1)
    }

    @Test func `The order is when it happened and then the ledger's, however often and in whatever way it is read`()
        throws
    {
        let given = try Given()
        let (vault, file) = (given.vault, given.pupil.pupilFile)
        let day = given.observation("", daysAgo: 5)[.date]
        // Many at the same time, out of order, documents among them.
        var wanted: [(String, Int, UInt64)] = []
        var random = SystemRandomNumberGenerator()
        for number in 0..<24 {
            let time = ["", "09:00", "09:00", "16:45"].randomElement(using: &random) ?? ""
            if number % 4 == 3 {
                let receipt = try given.school.file(
                    Array("Note \(number)\n".utf8), named: "n.txt", for: given.pupil, date: day, by: given.lead)
                wanted.append((day, 0, receipt.index))
            } else {
                let earlier = Int64.random(in: 4...6, using: &random)
                let details = given.observation("Entry \(number)", daysAgo: earlier, [.time: time])
                let receipt = try vault.makeEntry(details, for: file, as: given.lead)
                wanted.append((details[.date], SchoolTime.minute(time) ?? 0, receipt.index))
            }
            // Read in between: what was remembered of the order goes on.
            if number % 7 == 0 { _ = try vault.chronology(of: file, as: given.lead) }
        }
        try vault.makeEntry(given.observation("Another pupil's"), for: given.other.pupilFile, as: given.lead)
        let order = wanted.sorted { $0 < $1 }.map(\.2)
        let read = try vault.chronology(of: file, count: .max, as: given.lead)
        #expect(read.entries.map(\.index) == order && read.total == 24, "each exactly once")
        #expect(
            try vault.chronology(of: file, newestFirst: true, count: .max, as: given.lead).entries.map(\.index)
                == order.reversed())
        var parts: [UInt64] = []
        for first in stride(from: 0, to: 24, by: 5) {
            parts += try vault.chronology(of: file, from: first, count: 5, as: given.lead).entries.map(\.index)
        }
        #expect(parts == order)
        let fresh = try Vault(opening: given.school.location, clock: given.school.clock)
        let again = try given.school.signIn(given.school.lead, to: fresh)
        #expect(try fresh.chronology(of: file, count: .max, as: again).entries.map(\.index) == order)
        #expect(
            Set(try fresh.chronology(of: file, lane: .everything, count: .max, as: again).entries.map(\.index))
                .isSuperset(of: order))
        #expect(try given.school.verify().holds)
    }

    @Test
    func `A correction changes nothing: it stands beneath what it corrects and in its own place, and so does its own`()
        throws
    {
        let given = try Given()
        let (vault, file) = (given.vault, given.pupil.pupilFile)
        let letter = try given.school.file(
            Array("A letter.\n".utf8), named: "l.txt", for: given.pupil, by: given.lead)
        let seen = try vault.makeEntry(
            given.observation("Her uncle fetched her", daysAgo: 3), for: file, as: given.staff)
        let before = try given.made(seen)
        let first = try vault.makeEntry(
            given.correction("Her aunt fetched her", of: seen.entry.record, daysAgo: 3), for: file, as: given.lead)
        let second = try vault.makeEntry(
            given.correction("Her grandmother fetched her", of: first.entry.record, daysAgo: 1), for: file,
            as: given.lead)
        let third = try vault.makeEntry(
            given.correction("It is of 2016", of: letter.document.record), for: file, as: given.lead)
        let entries = try vault.chronology(of: file, as: given.lead).entries
        #expect(
            entries.map(\.index)
                == [letter, seen, first, second, third].map { (receipt: Any) in
                    (receipt as? Receipt)?.index ?? (receipt as? EntryReceipt)?.index ?? 0
                })
        func corrections(_ index: UInt64) -> [UInt64]? {
            entries.first { $0.index == index }?.corrections.map(\.index)
        }
        #expect(corrections(seen.index) == [first.index, second.index])
        #expect(corrections(first.index) == [second.index] && corrections(second.index) == [])
        #expect(corrections(letter.index) == [third.index])
        #expect(try given.made(second).correctsIndex == first.index && given.made(third).correctsIndex == letter.index)
        #expect(try given.made(seen) == before, "what is corrected stays as it was")

        // Nothing of another pupil's file, nothing that is not there, and only a correction corrects.
        for record in [seen.entry.record, letter.document.record, .random()] {
            let elsewhere = record == .random() ? file : given.other.pupilFile
            #expect(
                code { try vault.makeEntry(given.correction("x", of: record), for: elsewhere, as: given.lead) }
                    == "entry.not-in-file")
        }
        var plain = given.observation("x")
        plain.corrects = seen.entry.record
        #expect(code { try vault.makeEntry(plain, for: file, as: given.lead) } == "entry.corrects")
        #expect(try given.school.verify().holds)
    }

    @Test func `A form that is sent twice makes one entry, and an id of somebody else's none`() throws {
        let given = try Given()
        let (vault, file) = (given.vault, given.pupil.pupilFile)
        let id = EntryID.random()
        let details = given.observation("Once")
        let receipt = try vault.makeEntry(details, for: file, id: id, as: given.staff)
        #expect(try vault.makeEntry(details, for: file, id: id, as: given.staff) == receipt)
        #expect(code { try vault.makeEntry(details, for: file, id: id, as: given.lead) } == "not-found")
        #expect(
            code { try vault.makeEntry(details, for: given.other.pupilFile, id: id, as: given.staff) } == "not-found")
        #expect(try given.school.kinds().filter { $0 == "entry.made" }.count == 1)
    }

    @Test
    func `Access to the whole file opens its entries, those before and those after; access to documents opens none`()
        throws
    {
        let given = try Given()
        let (school, vault, file) = (given.school, given.vault, given.pupil.pupilFile)
        let before = try vault.makeEntry(given.observation("Before"), for: file, as: given.lead)
        let letter = try school.file(Array("A letter.\n".utf8), named: "l.txt", for: given.pupil, by: given.lead)
        let until = String(Timestamp(milliseconds: school.clock.now().milliseconds + 5 * 86_400_000).iso8601.prefix(10))
        try school.giveCode(as: given.lead)
        let some = try vault.giveAccess(
            to: given.staff.person, of: file, documents: [letter.document], until: until, reason: "One letter",
            as: given.lead)
        try vault.makeEntry(given.observation("Between"), for: file, as: given.lead)
        #expect(try vault.ownAccesses(as: given.staff).map(\.entries) == [[]])
        try vault.endAccess(some, as: given.lead)
        let whole = try vault.giveAccess(
            to: given.staff.person, of: file, documents: nil, until: until, reason: "All of it", as: given.lead)
        let office = try school.signIn(school.add("Maud Tranter", [.admin], by: given.lead))
        let after = try vault.makeEntry(given.observation("After"), for: file, as: office)
        try vault.makeEntry(given.observation("Another pupil's"), for: given.other.pupilFile, as: office)
        let own = try #require(try vault.ownAccesses(as: given.staff).first)
        #expect(own.entries.map { $0[.account] } == ["After", "Between", "Before"])
        #expect(own.entries.map(\.index).last == before.index && own.entries.first?.index == after.index)
        #expect(try vault.ownAccesses(as: office).isEmpty)
        #expect(try school.verify().holds)
        try vault.endAccess(whole, as: given.lead)
        #expect(try vault.ownAccesses(as: given.staff).isEmpty)
    }

    @Test func `A follow-up is listed until an entry says its outcome, overdue ones as such`() throws {
        let given = try Given()
        let (vault, file) = (given.vault, given.pupil.pupilFile)
        let today = given.observation("")[.date]
        let asked = try vault.makeEntry(
            given.observation("A bruise", [.followUp: "Ring her mother", .followUpDue: today]), for: file,
            as: given.staff)
        #expect(try vault.followUpCount(as: given.lead) == 1)
        let open = try #require(try vault.followUps(as: given.lead).first)
        #expect(
            open.what == "Ring her mother" && open.due == today && !open.isOverdue && open.index == asked.index)
        given.school.clock.advance(seconds: 86_400)
        let late = try given.school.signIn(given.school.lead)
        #expect(try vault.followUps(as: late).map(\.isOverdue) == [true])
        var done = given.observation("Her mother was told", [.action: "parents", .outcome: "She comes on Friday"])
        done.kind = .action
        done.completes = open.id
        #expect(code { try vault.makeEntry(done, for: given.other.pupilFile, as: late) } == "entry.not-in-file")
        let receipt = try vault.makeEntry(done, for: file, as: late)
        #expect(try vault.followUpCount(as: late) == 0 && vault.followUps(as: late).isEmpty)
        #expect(try vault.completion(of: open.id, as: late) == receipt.index)
        #expect(try given.school.verify().holds)
    }

    @Test func `A row that another entry's was put in place of is not shown, and hides no other`() throws {
        let given = try Given()
        let (school, file) = (given.school, given.pupil.pupilFile)
        let first = try given.vault.makeEntry(given.observation("First"), for: file, as: given.lead)
        let second = try given.vault.makeEntry(given.observation("Other"), for: file, as: given.lead)
        try school.tamper { db in
            try db.execute(
                sql: """
                    UPDATE item SET bytes = (SELECT bytes FROM item WHERE idx = ? AND kind = 'detail')
                    WHERE idx = ? AND kind = 'detail'
                    """, arguments: [Int64(second.index), Int64(first.index)])
        }
        let fresh = try Vault(opening: school.location, clock: school.clock)
        let lead = try school.signIn(school.lead, to: fresh)
        let entries = try fresh.chronology(of: file, as: lead).entries
        #expect(Set(entries.map(\.title)) == ["Damaged", "Observation"])
        #expect(entries.first { $0.title == "Damaged" }?.index == first.index)
        #expect(try school.verify().findings.contains { $0.code == "item.differs" })
    }
}
