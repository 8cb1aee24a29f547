import Custody
import Foundation
import GRDB
import Records
import Testing

/// The text of what was filed, which a search in a pupil's file looks through.
@Suite struct TextRecognitionTests {
    /// A lead and an office with a pupil, and a vault that reads texts.
    private struct Given {
        let school: School
        let lead: Acting
        let office: Acting
        let pupil: Pupil
        var vault: Vault { school.vault }

        init(_ changes: [(file: String, old: String, new: String)] = [], reads: Bool = true) throws {
            school = try School(changes)
            lead = try school.signIn(school.lead)
            office = try school.signIn(school.add("Maud Tranter", [.admin], by: lead))
            pupil = try school.pupil(by: lead)
            if reads { school.vault.startRecognition() }
        }

        func file(_ name: String, for other: Pupil? = nil) throws -> DocumentID {
            try school.file(
                fixture("scans/\(name)"), named: name, for: other ?? pupil, summary: "A paper", by: office
            ).document
        }

        func search(_ words: String, in other: Pupil? = nil, as acting: Acting? = nil) throws -> ChronologyFindings {
            try vault.search(words, in: (other ?? pupil).pupilFile, as: acting ?? lead)
        }

        /// Searches until the texts are read; a minute at most.
        func searchWhenRead(_ words: String) throws -> ChronologyFindings {
            var found = try search(words)
            for _ in 0..<120 where found.texts.waiting > 0 {
                Thread.sleep(forTimeInterval: 0.5)
                found = try search(words)
            }
            try #require(found.texts.waiting == 0)
            return found
        }

        func texts() throws -> [Data] {
            try DatabaseQueue(path: school.location.vault + "/workspace.sqlite").read { db in
                try Data.fetchAll(db, sql: "SELECT sealed FROM text")
            }
        }

        func wait(_ count: Int) throws {
            for _ in 0..<120 where try texts().count < count { Thread.sleep(forTimeInterval: 0.5) }
            try #require(try texts().count == count)
        }
    }

    @Test func `A search finds the page of a scan whose filer never opened it again, and of what brings its text`()
        throws
    {
        let given = try Given()
        let scan = try given.file("transfer-record-2013-07-22.tif")
        let letter = try given.file("case-conference-2016-11-17.pdf")
        let note = try given.file("telephone-call-2016-06-03.txt")
        try given.wait(3)
        let found = try given.search("LIST contents")
        #expect(found.total == 1 && found.entries.first?.document?.id == scan)
        #expect(found.entries.first.map { found.pages[$0.index] } == [2])
        #expect(try given.search("registered contents").total == 0, "the words are on two pages")
        #expect(try given.search("safeguarding unit").entries.first?.document?.id == letter)
        let all = try given.search("paper")
        #expect(all.total == 3, "by their summary, as before")
        #expect(all.texts == TextsRead(waiting: 0, unreadable: 0))
        let words = try #require(
            String(decoding: fixture("scans/telephone-call-2016-06-03.txt"), as: UTF8.self)
                .split(whereSeparator: \.isWhitespace).first { $0.count > 6 && $0.allSatisfy(\.isLetter) })
        #expect(try given.search(String(words)).entries.contains { $0.document?.id == note })
        // With the filer's key of that moment: nobody opened anything.
        #expect(try !given.school.kinds().contains("document.opened"))
        // In the chronology's order, whichever of the two ways it was found.
        let later = try given.school.file(
            Array("x\n".utf8), named: "x.txt", for: given.pupil, date: "2018-01-01", summary: "The list of contents",
            by: given.office
        ).document
        #expect(try given.searchWhenRead("list contents").entries.map { $0.document?.id } == [later, scan])
        #expect(try given.school.verify().holds)
    }

    @Test func `A text is sealed to its pupil file, and its words stand nowhere in clear`() throws {
        let given = try Given()
        _ = try given.file("transfer-record-2013-07-22.tif")
        try given.wait(1)
        #expect(try given.texts()[0].starts(with: Data("age-encryption.org/v1\n-> mlkem768x25519 ".utf8)))
        for name in ["workspace.sqlite", "workspace.sqlite-wal", "catalogue.sqlite", "catalogue.sqlite-wal"] {
            let bytes = (try? Data(contentsOf: URL(filePath: given.school.location.vault + "/" + name))) ?? Data()
            #expect(bytes.range(of: Data("CONTENTS".utf8)) == nil)
        }
        // Of another document, where somebody who can write on the disk puts it, it is nothing: in this file as in another.
        let other = try given.school.pupil("Ada Brook", born: "2005-03-04", by: given.lead)
        for (number, pupil) in [given.pupil, other].enumerated() {
            let document = try given.school.file(
                Array("Note \(number).\n".utf8), named: "x.txt", for: pupil, summary: "Another", by: given.office
            ).document
            try given.wait(2 + number)
            try DatabaseQueue(path: given.school.location.vault + "/workspace.sqlite").write { db in
                try db.execute(
                    sql: """
                        UPDATE text SET sealed = (SELECT sealed FROM text ORDER BY length(sealed) DESC LIMIT 1)
                        WHERE document = ?
                        """, arguments: [Data(document.bytes)])
            }
        }
        #expect(try given.search("contents", in: other).total == 0)
        #expect(try given.search("contents").total == 1)
    }

    @Test func `What was not read while its filer’s key was there is read for somebody who may read, and recorded`()
        throws
    {
        let given = try Given(reads: false)
        let scan = try given.file("attendance-letter-2016-02-09.pdf")
        let before = try given.search("attendance")
        #expect(before.total == 0 && before.texts == TextsRead(waiting: 1))
        #expect(code { _ = try given.search("attendance", as: given.office) } != nil)
        #expect(try !given.school.kinds().contains("document.opened"))
        given.vault.startRecognition()
        #expect(try given.search("attendance").texts.isUnderWay)
        let found = try given.searchWhenRead("attendance term")
        #expect(found.total == 1 && found.entries.first.map { found.pages[$0.index] } == [1])
        // Nobody saw it: it is as unread as before.
        #expect(try given.vault.waitingFigures(as: given.lead).unread == 1)
        let kinds = try given.school.kinds().filter { $0.hasPrefix("document.") }
        #expect(kinds == ["document.filed", "document.opened", "document.closed"])
        let all = try given.vault.chronology(of: given.pupil.pupilFile, lane: .everything, as: given.lead)
        let lines = all.entries.filter { $0.title == "Text read" }
        #expect(lines.count == 1 && lines[0].author == given.lead.name && lines[0].summary.contains(scan.reference))
        #expect(try given.school.verify().holds)
    }

    @Test func `Without a language nothing is read, and what is moved out of a file is found there no more`() throws {
        let none = try Given([("inspection.yaml", "recognise-languages: [eng]", "recognise-languages: []")])
        _ = try none.file("attendance-letter-2016-02-09.pdf")
        #expect(try none.search("attendance").texts == TextsRead())
        #expect(
            none.vault.health().contains { $0.name == "text" && $0.isWell && $0.words.contains("the policy says so") })

        let given = try Given()
        let deputy = try given.school.add("Nell Farrow", [.deputy], by: given.lead)
        let scan = try given.file("attendance-letter-2016-02-09.pdf")
        try given.wait(1)
        #expect(try given.search("attendance").total == 1)
        try given.school.giveCode(as: given.lead)
        let concern = try given.vault.staffConcern(named: [deputy.name], others: "", as: given.lead)
        _ = try given.vault.move(scan, about: concern, as: given.lead)
        #expect(try given.search("attendance").total == 0 && given.texts().isEmpty)
    }

    @Test func `A summary is proposed of a scan that waits to be filed, unless something was typed`() throws {
        let given = try Given()
        let pages = try fixture("scans/transfer-record-2013-07-22.tif")
        func hold(_ summary: String, _ bytes: [UInt8]? = nil, _ name: String = "a.tif") throws -> PendingUpload {
            let received = try given.school.receive(
                bytes ?? pages, named: name, for: given.pupil, by: given.office, proposal: true)
            return try given.vault.hold(received, details: FilingDetails(summary: summary), as: given.office)
        }
        let first = try hold("")
        #expect(first.isBeingRead && first.details.summary.isEmpty)
        let typed = try hold("Typed")
        #expect(!typed.isBeingRead)
        func pending() throws -> [PendingUpload] { try given.vault.pendingUploads(as: given.office) }
        for _ in 0..<120 where try pending()[0].isBeingRead { Thread.sleep(forTimeInterval: 0.5) }
        let read = try pending()
        #expect(
            read[0].details.summary.hasPrefix("HOLM FARM PRIMARY SCHOOL") && read[0].inspected.proposedSummary != nil)
        #expect(read[1].details.summary == "Typed" && read[1].inspected.proposedSummary == nil)
        #expect(try !pending().contains(where: \.isBeingRead))
        let outcomes = try given.vault.file(
            [
                Filing(
                    upload: first.id,
                    details: FilingDetails(summary: read[0].details.summary, category: "letter", date: "2016"))
            ],
            as: given.office)
        guard case .filed(_, let receipt)? = outcomes.first else {
            Issue.record("\(outcomes)")
            return
        }
        #expect(try given.vault.document(receipt.document, as: given.lead).fields["summary_origin"] == "accepted")
        // Handwriting is read too badly: nothing is proposed rather than what nobody wrote.
        let written = try hold("", fixture("scans/note-photographed-2017-06-12.jpg"), "b.jpg")
        #expect(written.isBeingRead)
        for _ in 0..<120 where try pending().contains(where: \.isBeingRead) { Thread.sleep(forTimeInterval: 0.5) }
        #expect(try pending().last?.details.summary == "" && pending().last?.inspected.proposedSummary == nil)
        try given.vault.discard(written.id, as: given.office)
        // Thrown away while it is read: it does not come back.
        let gone = try hold("")
        while true {
            let refused = code { try given.vault.discard(gone.id, as: given.office) }
            if refused == nil { break }
            try #require(refused == "busy")
        }
        for _ in 0..<20 { Thread.sleep(forTimeInterval: 0.2) }
        #expect(try pending().map(\.id) == [typed.id])
    }
}
