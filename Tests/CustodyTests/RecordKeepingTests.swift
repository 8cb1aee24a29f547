import Custody
import Foundation
import GRDB
import Records
import Sealing
import Testing

/// What the record says, and what must never get into it or out of it.
@Suite struct RecordKeepingTests {
    @Test func `A clock put back is refused by a process that has just started, too`() throws {
        let school = try School()
        _ = try school.signIn(school.lead)
        let count = try school.kinds().count
        school.clock.set(milliseconds: school.clock.now().milliseconds - 86_400_000)
        let fresh = try Vault(opening: school.location, clock: school.clock)
        let own = try school.lead.code(school.clock.step)
        let failed = code { _ = try fresh.signIn(name: school.lead.name, password: School.password, code: own) }
        #expect(failed == "clock.behind" || failed == "sign-in.failed")
        #expect(
            code { _ = try fresh.signIn(name: "Nobody Known", password: School.password, code: "000000") }
                == "sign-in.failed")
        #expect(try school.kinds().count == count)
        #expect(try school.verify().holds)
    }

    @Test func `A name that is nobody's is slowed like one that is somebody's`() throws {
        let school = try School([("sessions.yaml", "failures-before-slowing: 10", "failures-before-slowing: 2")])
        func tries(_ name: String) -> [String?] {
            (0..<3).map { _ in
                code { _ = try school.vault.signIn(name: name, password: "quite the wrong one", code: "000000") }
            }
        }
        let wanted = ["sign-in.failed", "sign-in.failed", "sign-in.slowed"]
        #expect(tries("Nobody Known") == wanted)
        // Another name's failures slow neither this one nor the next.
        #expect(tries("Someone Else") == wanted)
        #expect(tries(school.lead.name) == wanted)
    }

    @Test func `One damaged entry is named in its place and hides no other`() throws {
        let vault = try TwoDocuments()
        try vault.school.tamper { db in
            try db.execute(
                sql: """
                    UPDATE item SET bytes = CAST(substr(bytes, 1, 30) || x'00' || substr(bytes, 32) AS BLOB)
                    WHERE id = (SELECT detail FROM document ORDER BY idx LIMIT 1)
                    """)
        }
        let lead = try vault.school.signIn(vault.school.lead)
        let entries = try vault.school.vault.chronology(of: vault.pupil.pupilFile, as: lead).entries
        #expect(entries.count == 2)
        #expect(entries.map(\.title).contains("Damaged"))
        #expect(entries.contains { $0.document?.id == vault.second.document })
        #expect(entries.last?.summary.contains("detail.differs") == true)
        #expect(vault.read(vault.first.document).0 == "detail.differs")
    }

    @Test func `Two documents whose places in the ledger were exchanged are found out`() throws {
        let vault = try TwoDocuments()
        try vault.school.tamper { db in
            let indices = try Int64.fetchAll(db, sql: "SELECT idx FROM document ORDER BY idx")
            try db.execute(sql: "UPDATE document SET idx = -7 WHERE idx = ?", arguments: [indices[0]])
            try db.execute(sql: "UPDATE document SET idx = ? WHERE idx = ?", arguments: [indices[0], indices[1]])
            try db.execute(sql: "UPDATE document SET idx = ? WHERE idx = -7", arguments: [indices[1]])
        }
        let lead = try vault.school.signIn(vault.school.lead)
        #expect(vault.read(vault.first.document).0 == "document.other-statement")
        // In the chronology the entries are what their statements say, and never the other's.
        let entries = try vault.school.vault.chronology(of: vault.pupil.pupilFile, as: lead).entries
        for entry in entries {
            #expect(entry.document.map { [vault.first.document, vault.second.document].contains($0.id) } ?? true)
        }
        #expect(try vault.broken().contains("projection.differs"))
    }

    @Test func `A catalogue row that holds a negative number or another type is named, by verify and by who reads`()
        throws
    {
        for change in [
            "UPDATE document SET idx = -1 WHERE idx = (SELECT min(idx) FROM document)",
            "UPDATE item SET idx = -5 WHERE id = (SELECT detail FROM document ORDER BY idx LIMIT 1)",
            "UPDATE checkpoint SET size = 2000 WHERE size = 3", "UPDATE node SET idx = 999 WHERE level = 0 AND idx = 2",
        ] {
            let vault = try TwoDocuments()
            try vault.school.tamper { db in
                try db.execute(sql: change)
            }
            #expect(try !vault.school.verify().holds, "\(change)")
            _ = vault.read(vault.first.document)
        }
    }

    @Test func `Who looks at the quarantine or at a document's page is recorded as reading the chronology`() throws {
        let vault = try TwoDocuments()
        let school = vault.school
        let reads = { try school.kinds().count { $0 == "chronology.read" } }
        let first = try school.signIn(school.lead)
        let before = try reads()
        _ = try school.vault.document(vault.first.document, as: first)
        _ = try school.vault.document(vault.second.document, as: first)
        #expect(try reads() == before + 1)
        _ = try school.file(
            fixture("hostile/zip-appended.pdf"), named: "z.pdf", for: vault.pupil, summary: "With a ZIP", by: first)
        let second = try school.signIn(school.lead)
        #expect(try school.vault.quarantined(as: second).count == 1)
        #expect(try reads() == before + 2)
    }

    @Test func `A view ends with a statement of the pages and bytes that were shown`() throws {
        let vault = try TwoDocuments()
        let school = vault.school
        let acting = try school.signIn(school.lead)
        let text = try school.vault.openDocument(vault.first.document, manner: .view, as: acting).text()
        try school.vault.signOut(acting)
        let leaf = try school.catalogue().read { db in
            try Data.fetchOne(
                db,
                sql: """
                    SELECT leaf FROM statement JOIN act USING (idx) WHERE kind = 'document.closed' ORDER BY idx DESC LIMIT 1
                    """)
        }
        let statement = String(decoding: try #require(leaf).dropFirst(5).dropLast(64), as: UTF8.self)
        #expect(statement.contains("\"bytes\":\(text.utf8.count),"))
        #expect(statement.contains("\"pages\":1,"))
    }

    @Test func `Sessions that are open when the service stops end with a statement each`() throws {
        let school = try School()
        let other = try Vault(opening: school.location, clock: school.clock)
        let acting = try school.signIn(school.lead, to: other)
        _ = try other.sessions.open(acting)
        other.shutdown()
        #expect(try school.kinds().last == "session.closed")
        #expect(try school.verify().holds)
    }

    @Test func `A staged payload that was exchanged is refused before its filing is signed`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let received = try school.receive(Array("A held note.\n".utf8), named: "h.txt", for: pupil, by: lead)
        let upload = try school.vault.hold(received, details: FilingDetails(), as: lead).id
        let path = try school.location.vault + "/staging/" + school.staged()
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: URL(filePath: path))
        let details = FilingDetails(summary: "Note", category: "letter", date: "2016")
        #expect(
            code { _ = try school.vault.file([Filing(upload: upload, details: details)], as: lead) }
                == "upload.staged-differs")
        #expect(try !school.kinds().contains("document.filed"))
    }

    @Test func `An upload that had to wait is inspected again when its uploader looks`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let broken = try Vault(
            opening: Vault.Location(vault: school.location.vault, inspector: "/nonexistent/inspector"),
            clock: school.clock)
        for name in ["good.txt", "bad.pdf"] {
            let bytes = name == "good.txt" ? Array("A note that waits.\n".utf8) : try fixture("hostile/cut-short.pdf")
            let received = try school.receive(bytes, named: name, for: pupil, by: lead, in: broken)
            _ = try broken.hold(received, details: FilingDetails(), as: lead)
        }
        try broken.inspectWaiting(as: lead)
        #expect(try school.vault.pendingUploads(as: lead).map(\.inspected.outcome) == [.waiting, .waiting])
        try school.vault.inspectWaiting(as: lead)
        let pending = try school.vault.pendingUploads(as: lead)
        #expect(pending.map(\.inspected.outcome) == [.accepted, .refused])
        #expect(pending[0].details.summary == "A note that waits.")
        #expect(try school.kinds().contains("upload.refused"))
    }

    @Test func `Verifying a closed vault writes nothing beside it`() throws {
        let vault = try TwoDocuments()
        vault.school.vault.shutdown()
        let copy = vault.school.directory + "/closed"
        try FileManager.default.copyItem(atPath: vault.school.location.vault, toPath: copy)
        for ending in ["-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: copy + "/catalogue.sqlite" + ending)
        }
        try FileManager.default.removeItem(atPath: copy + "/workspace.sqlite")
        let before = try FileManager.default.subpathsOfDirectory(atPath: copy).sorted()
        let found = try Vault.verify(Vault.Location(vault: copy, secrets: vault.school.location.secrets))
        #expect(found.holds && found.findings.map(\.code) == ["workspace.missing"])
        #expect(try FileManager.default.subpathsOfDirectory(atPath: copy).sorted() == before)
    }

    @Test func `Nothing is swept under policies that nobody has adopted`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let received = try school.receive(Array("A held note.\n".utf8), named: "h.txt", for: pupil, by: lead)
        _ = try school.vault.hold(received, details: FilingDetails(), as: lead)
        let path = school.location.vault + "/policies/limits.yaml"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try text.replacingOccurrences(of: "pending-upload-days: 7", with: "pending-upload-days: 1")
            .write(toFile: path, atomically: true, encoding: .utf8)
        school.clock.advance(seconds: 2 * 86_400)
        let fresh = try Vault(opening: school.location, clock: school.clock)
        #expect(code { try fresh.sweep() } == "policy.changed")
        #expect(try school.vault.pendingUploads(as: lead).count == 1)
    }
}
