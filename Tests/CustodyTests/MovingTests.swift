import Custody
import Foundation
import GRDB
import Records
import Sealing
import Testing

/// A document that turns out to concern a member of staff is moved out of its pupil's file.
@Suite struct MovingTests {
    /// A lead, two deputies, the panel, an office and a member of staff with access; a pupil with two documents in a batch.
    private struct Given {
        let school: School
        let lead: Acting
        let pupil: Pupil
        let members: [String: Member]
        let content: [UInt8]
        let document: DocumentID
        let other: DocumentID
        let batch: BatchID
        let access: AccessID

        static let accused = "Nell Farrow"
        var vault: Vault { school.vault }
        var file: PupilFileID { pupil.pupilFile }

        init(size: Int = 3 << 20, named filename: String = "note.txt") throws {
            school = try School()
            let (school, lead) = (school, try school.signIn(school.lead))
            let roles: [(String, Role)] = [
                (Self.accused, .deputy), ("Owen Sallow", .deputy), ("Ivo Castellane", .panel),
                ("Maud Tranter", .admin), ("Amir Oakley", .staff),
            ]
            members = try Dictionary(
                uniqueKeysWithValues: roles.map { ($0.0, try school.add($0.0, [$0.1], by: lead)) })
            self.lead = lead
            pupil = try school.pupil(by: lead)
            let office = try school.signIn(#require(members["Maud Tranter"]))
            batch = try school.vault.openBatch(as: office).id
            content = (0..<size).map { UInt8(ascii: "a") + UInt8($0 / 7 % 26) }
            document = try school.file(content, named: filename, for: pupil, summary: "What he did", by: office)
                .document
            other = try school.file(Array("Two.\n".utf8), named: "two.txt", for: pupil, by: office).document
            try school.giveCode(as: lead)
            let tomorrow = String(
                Timestamp(milliseconds: school.clock.now().milliseconds + 86_400_000).iso8601.prefix(10))
            let staff = try school.signIn(#require(members["Amir Oakley"])).person
            access = try school.vault.giveAccess(
                to: staff, of: pupil.pupilFile, documents: nil, until: tomorrow, reason: "Is needed", as: lead)
        }

        func signIn(_ name: String, to vault: Vault? = nil) throws -> Acting {
            try school.signIn(#require(members[name]), to: vault)
        }

        func concern(_ names: [String] = [accused], others: String = "") throws -> StaffConcern {
            try vault.staffConcern(named: names, others: others, as: lead)
        }

        func move(_ concern: StaffConcern? = nil, as acting: Acting? = nil) throws -> DocumentID {
            let acting = acting ?? lead
            try school.giveCode(as: acting)
            return try vault.move(document, about: concern ?? self.concern(), as: acting)
        }

        func read(_ document: DocumentID, as acting: Acting, in vault: Vault? = nil) -> String? {
            code { _ = try school.download(document, by: acting, from: vault) }
        }
    }

    @Test func `What was marked, searched for or corrected of it is in the file no more, and nothing names it`() throws
    {
        let given = try Given()
        let (school, vault) = (given.school, given.vault)
        func lines(_ vault: Vault, _ acting: Acting) throws -> [ChronologyEntry] {
            try vault.chronology(of: given.file, lane: .everything, count: 500, as: acting).entries
        }
        let entry = try #require(try lines(vault, given.lead).first { $0.document?.id == given.document })
        try vault.mark(entry.index, significant: true, as: given.lead)
        #expect(try vault.search("he did", in: given.file, as: given.lead).total == 1)
        try vault.makeEntry(
            EntryDetails(
                kind: .correction,
                values: [
                    .basis: "fact", .date: "2026-11-02", .received: "2026-11-02", .lateReason: "x",
                    .account: "Of the 3rd.", .reasons: "A slip.",
                ],
                corrects: given.document.record), for: given.file, as: given.lead)
        let print = try vault.printChronology(
            of: given.file, choosing: ChronologyChoice(), as: .pdf, atMost: 500, by: given.lead)
        _ = try given.move()
        // What was about to be printed then is not.
        #expect(code { _ = try vault.entries(of: print, 0..<500, by: given.lead) } == "print.changed")
        let fresh = try Vault(opening: school.location, clock: school.clock)
        defer { fresh.shutdown() }
        for vault in [vault, fresh] {
            let lead = try school.signIn(school.lead, to: vault)
            let shown = try lines(vault, lead)
            #expect(!shown.contains { $0.index == entry.index || $0.kind == "item.promoted" })
            #expect(shown.compactMap(\.made).map(\.correctsIndex) == [nil])
            #expect(try vault.search("he did", in: given.file, as: lead).total == 0)
            #expect(try vault.searchEverywhere("he did", as: lead).isEmpty)
            let choice = try vault.chronology(of: given.file, choosing: ChronologyChoice(), as: lead)
            #expect(choice.total == 2 && !choice.items.contains { $0.index == entry.index })
            #expect(code { try vault.mark(entry.index, significant: false, as: lead) } != nil)
        }
        #expect(try school.verify().holds)
    }

    @Test func `A session that searched before finds nothing of it afterwards, and the rest still`() throws {
        let given = try Given(size: 100)
        let (vault, lead) = (given.vault, given.lead)
        #expect(try vault.search("he did", in: given.file, as: lead).total == 1)
        #expect(lead.rememberedWords[given.file] != nil)
        _ = try given.move()
        _ = try given.school.file(
            Array("Three.\n".utf8), named: "three.txt", for: given.pupil, summary: "A third", by: lead)
        // Where nothing is shown, nothing is compared with its statement: that it is not remembered is what counts.
        #expect(try vault.search("he did", in: given.file, count: 0, as: lead).total == 0)
        #expect(try vault.searchEverywhere("he did", count: 0, as: lead).isEmpty)
        for words in ["visit", "third"] {
            #expect(try vault.search(words, in: given.file, as: lead).entries.map(\.isRecord) == [true])
        }
    }

    @Test func `It is opened by who keeps it, as it was, and by nobody as the old one`() throws {
        let given = try Given()
        let (school, vault) = (given.school, given.vault)
        let deputy = try given.signIn("Owen Sallow")
        #expect(try school.download(given.document, by: deputy) == given.content)
        let before = try vault.document(given.document, as: given.lead)
        let moved = try given.move(given.concern(others: "A coach who has left"))
        let fresh = try Vault(opening: school.location, clock: school.clock)
        for vault in [vault, fresh] {
            for name in ["Owen Sallow", "Ivo Castellane"] {
                let keeper = try given.signIn(name, to: vault)
                #expect(try vault.restrictedWaiting(as: keeper) == (vault === fresh ? 0 : 1))
                #expect(try school.download(moved, by: keeper, from: vault) == given.content)
                let facts = try #require(try vault.restrictedDocuments(as: keeper).first)
                // All that was said of it, by whom it was filed and when; and how it came here.
                for field in ["summary", "category", "date", "filename", "sha256", "size", "media_type", "uploader"] {
                    #expect(facts.fields[field] == before.fields[field], "\(field)")
                }
                #expect(facts.recorded == before.recorded && facts.filer == before.filer)
                let restricted = try #require(facts.restricted)
                #expect(restricted.about == "Nell Farrow, A coach who has left")
                #expect(restricted.keepers == ["Ivo Castellane", "Judith Halloran", "Owen Sallow"])
                let story = try #require(restricted.moved)
                #expect(story.document == given.document && story.by == "Judith Halloran" && story.at > facts.recorded)
                #expect(story.readers == ["Amir Oakley", "Judith Halloran", "Nell Farrow", "Owen Sallow"])
                #expect(story.opened == ["Owen Sallow"] && !story.wasRecoverable)
                #expect(given.read(given.document, as: keeper, in: vault) == "not-found")
            }
            let lead = try school.signIn(school.lead, to: vault)
            #expect(given.read(given.document, as: lead, in: vault) == "not-found")
            #expect(code { _ = try vault.document(given.document, as: lead) } == "not-found")
            for name in [Given.accused, "Maud Tranter", "Amir Oakley"] {
                let acting = try given.signIn(name, to: vault)
                #expect(given.read(given.document, as: acting, in: vault) == "not-found", "\(name)")
                #expect(given.read(moved, as: acting, in: vault) == "not-found", "\(name)")
            }
        }
        #expect(try school.verify().holds)
        #expect(try school.verify().findings.isEmpty)
    }

    @Test func `It is under another key and in another payload, and looks like what is filed as restricted`() throws {
        let given = try Given(size: 100)
        let office = try given.signIn("Maud Tranter")
        let received = try given.school.receive(given.content, named: "n.txt", for: given.pupil, by: office)
        var details = FilingDetails(summary: "Another", category: "concern", date: "2017")
        details.concerning = try given.concern()
        _ = try given.vault.file([(received, details)], as: office)
        let moved = try given.move()
        let (sizes, parts, blobs) = try given.school.catalogue().read { db in
            (
                try Int.fetchAll(
                    db,
                    sql: """
                        SELECT length(item.bytes) FROM restricted JOIN item ON item.idx = restricted.idx
                        WHERE restricted.blob IS NOT NULL ORDER BY restricted.idx, item.kind
                        """),
                try String.fetchAll(
                    db,
                    sql: "SELECT CAST(leaf AS TEXT) FROM statement JOIN restricted USING (idx) WHERE blob IS NOT NULL"
                ).map { Set($0.matches(of: /"([a-z_]+)":/).map { String($0.output.1) }) },
                try Data.fetchAll(
                    db,
                    sql: """
                        SELECT blob FROM document WHERE id = ?1 UNION SELECT blob FROM restricted WHERE id = ?2
                        """, arguments: [Data(given.document.bytes), Data(moved.bytes)])
            )
        }
        #expect(sizes.count == 4 && Array(sizes[..<2]) == Array(sizes[2...]), "\(sizes)")
        #expect(parts.count == 2 && parts[0] == parts[1])
        let payloads = try blobs.map { blob in
            let text = try #require(BlobID(blob)).text
            return try Data(
                contentsOf: URL(filePath: "\(given.school.location.vault)/blobs/\(text.prefix(2))/\(text)"))
        }
        #expect(payloads.count == 2 && payloads[0] != payloads[1] && payloads[0].count == payloads[1].count)
        let kinds = try given.school.kinds()
        let place = try #require(kinds.lastIndex(of: "document.moved"))
        #expect(kinds[place - 1] == "restricted.acted")
        // Nothing of it is in the uploads of anybody.
        #expect(try given.vault.pendingUploads(as: given.lead).isEmpty)
    }

    @Test func `Whom it concerns finds no trace of it in the file, nor does anybody else`() throws {
        let given = try Given(size: 100)
        let (school, vault) = (given.school, given.vault)
        let accused = try given.signIn(Given.accused)
        let index = try vault.document(given.document, as: accused).index
        _ = try vault.openDocument(given.document, manner: .view, as: accused)
        #expect(given.read(given.document, as: accused) == nil)
        #expect(try vault.chronology(of: given.file, as: accused).total == 2)
        let opened = try vault.chronology(of: given.file, lane: .everything, count: .max, as: accused).entries.filter {
            $0.kind.hasPrefix("document.")
        }
        #expect(opened.count == 5)
        let office = try given.signIn("Maud Tranter")
        let figures = try vault.figures(as: given.lead)
        let reads = try vault.securityReview(as: given.lead).days.last?.counts[.reads]
        let moved = try given.move()

        let fresh = try Vault(opening: school.location, clock: school.clock)
        for (vault, accused) in [(vault, accused), (fresh, try given.signIn(Given.accused, to: fresh))] {
            for lane in [ChronologyLane.records, .everything] {
                let chronology = try vault.chronology(of: given.file, lane: lane, count: .max, as: accused)
                let texts = chronology.entries.map { "\($0)" }.joined()
                for word in ["What he did", given.document.reference, given.document.text, moved.text, "moved"] {
                    #expect(!texts.contains(word), "\(word)")
                }
                #expect(!chronology.entries.contains { $0.kind.hasPrefix("restricted") })
                #expect(chronology.entries.compactMap(\.document?.id) == [given.other])
            }
            for place in [index] + opened.map(\.index)
            where place != (try vault.document(given.other, as: accused).index) {
                #expect(code { _ = try vault.entry(place, as: accused) } == "not-found")
            }
            let statement = try #require(try school.kinds().firstIndex(of: "document.moved"))
            #expect(code { _ = try vault.entry(UInt64(statement), as: accused) } == "not-found")
            #expect(try vault.restrictedDocuments(as: accused).isEmpty)
            #expect(try vault.restrictedCount(of: given.file, as: accused) == 0)
            #expect(try vault.restrictedWaiting(as: accused) == 0)
        }
        let after = try vault.figures(as: given.lead)
        #expect(after.documents == figures.documents - 1)
        #expect(reads == 2)
        #expect(try vault.securityReview(as: given.lead).days.last?.counts[.reads] ?? 0 == 0)
        #expect(try !vault.securityReview(as: given.lead).lines.contains { $0.what.contains(given.document.reference) })
        let (batch, lines) = try vault.documents(in: given.batch, as: office)
        #expect(batch.documents == 1 && lines.map(\.document) == [given.other])
        #expect(code { _ = try vault.receipt(of: given.document, as: office) } == "not-found")
        let staff = try given.signIn("Amir Oakley")
        #expect(try vault.ownAccesses(as: staff).flatMap { $0.documents.map(\.id) } == [given.other])
        #expect(try vault.accesses(to: given.file, as: given.lead).map(\.documents) == [1])
        // Its uploader, who files it again, is told nothing of it.
        let again = try school.receive(given.content, named: "note.txt", for: given.pupil, by: office)
        #expect(try vault.earlier(again, as: office) == nil)
        #expect(try school.verify().holds)
    }

    @Test func `Access that is given later reaches all but what was moved`() throws {
        let given = try Given(size: 100)
        _ = try given.move()
        try given.school.giveCode(as: given.lead)
        let staff = try given.signIn("Amir Oakley")
        let tomorrow = String(
            Timestamp(milliseconds: given.school.clock.now().milliseconds + 86_400_000).iso8601.prefix(10))
        func give(_ documents: [DocumentID]?) throws {
            try given.vault.giveAccess(
                to: staff.person, of: given.file, documents: documents, until: tomorrow, reason: "Is needed",
                as: given.lead)
        }
        #expect(code { try give([given.document]) } == "access.document-unknown")
        try give(nil)
        #expect(given.read(given.other, as: staff) == nil)
        #expect(given.read(given.document, as: staff) == "not-found")
    }

    @Test func `A download on its way stops within one piece, in this process and in another`() throws {
        let given = try Given()
        let other = try Vault(opening: given.school.location, clock: given.school.clock)
        let accused = try given.signIn(Given.accused)
        let elsewhere = try given.signIn("Owen Sallow", to: other)
        let here = try given.vault.openDocument(given.document, manner: .download, as: accused)
        let there = try other.openDocument(given.document, manner: .download, as: elsewhere)
        let sealed = try given.vault.openDocument(given.document, manner: .sealedDownload, as: accused)
        let view = try given.vault.openDocument(given.document, manner: .view, as: accused)
        #expect(try here.piece(at: 0).count == 1 << 20 && there.piece(at: 0).count == 1 << 20)
        _ = try given.move()
        #expect(code { try here.requireActive() } == "not-found")
        #expect(code { _ = try here.piece(at: 1 << 20) } == "not-found")
        #expect(code { _ = try there.piece(at: 1 << 20) } == "not-found")
        var came = 0
        let recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
        #expect(code { try sealed.ageFile(for: recipient) { came += $0.count } } == "not-found")
        #expect(came < 4096, "a header at most")
        #expect(code { _ = try view.text() } == "not-found")
        #expect(
            code { _ = try given.vault.openDocument(given.document, manner: .view, as: accused) } == "not-found")
        here.close(complete: false)
        try given.vault.signOut(accused)
        #expect(try given.school.verify().holds)
    }

    @Test func `Before it is done it says who could read it, who opened it and who will`() throws {
        let given = try Given(size: 100)
        let accused = try given.signIn(Given.accused)
        for _ in 0..<2 { #expect(given.read(given.document, as: accused) == nil) }
        let statements = try given.vault.figures(as: given.lead).statements
        let preview = try given.vault.movePreview(of: given.document, about: given.concern(), as: given.lead)
        #expect(preview.readers.map(\.name) == ["Judith Halloran", "Nell Farrow", "Owen Sallow", "Amir Oakley"])
        #expect(preview.opened.map(\.name) == ["Nell Farrow"] && preview.opened.map(\.copies) == [2])
        #expect(preview.keepers == ["Ivo Castellane", "Judith Halloran", "Owen Sallow"])
        #expect(preview.about == "Nell Farrow" && preview.pupil.name == given.pupil.name)
        #expect(try given.vault.movePreview(of: given.document, about: nil, as: given.lead).keepers.isEmpty)
        #expect(try given.vault.figures(as: given.lead).statements == statements + 1, "the chronology was read")
        #expect(given.read(given.document, as: given.lead) == nil)
    }

    @Test func `Who may not move it, or not so, is refused, and it stays as it was`() throws {
        let given = try Given(size: 100)
        let (school, vault) = (given.school, given.vault)
        for name in ["Ivo Castellane", "Maud Tranter", "Amir Oakley"] {
            let acting = try given.signIn(name)
            let refused = code { _ = try vault.move(given.document, about: given.concern(), as: acting) }
            #expect(refused == (name == "Amir Oakley" ? "access.not-entitled" : "not-found"), "\(name)")
            #expect(
                code { _ = try vault.movePreview(of: given.document, about: nil, as: acting) } == refused, "\(name)")
        }
        let accused = try given.signIn(Given.accused)
        try school.giveCode(as: accused)
        let everyone = ["Judith Halloran", Given.accused, "Owen Sallow", "Ivo Castellane"]
        let deputy = try given.signIn("Owen Sallow")
        try school.giveCode(as: deputy)
        for (concern, acting, wanted) in [
            (try given.concern(), accused, "staff.yourself"), (StaffConcern(people: []), deputy, "staff.nobody"),
            (StaffConcern(people: [], others: "Mrs Farrow"), deputy, "staff.meant"),
            (StaffConcern(people: [.random()]), deputy, "person.unknown"),
            (StaffConcern(people: [], others: "a\u{7}b"), deputy, "staff.name"),
            (try given.concern(everyone.filter { $0 != "Owen Sallow" }), deputy, nil),
            (try given.concern(everyone), deputy, "staff.yourself"),
        ] {
            let refused = code { _ = try vault.movePreview(of: given.document, about: concern, as: acting) }
            #expect(refused == wanted)
            guard wanted != nil else { continue }
            #expect(code { _ = try vault.move(given.document, about: concern, as: acting) } == wanted)
        }
        // A code that is not older than five minutes.
        school.clock.advance(seconds: 301)
        #expect(code { _ = try vault.move(given.document, about: given.concern(), as: deputy) } == "code.needed")
        #expect(code { _ = try vault.move(.random(), about: given.concern(), as: deputy) } == "not-found")
        #expect(try !school.kinds().contains("document.moved"))
        #expect(given.read(given.document, as: accused) == nil)
        let moved = try given.move(as: deputy)
        #expect(code { _ = try given.move(as: deputy) } == "not-found", "twice")
        #expect(code { _ = try vault.move(moved, about: given.concern(), as: deputy) } == "not-found", "again")
        #expect(try FileManager.default.contentsOfDirectory(atPath: school.location.vault + "/staging").isEmpty)
    }

    @Test func `Where it cannot be recorded, or its content differs, the old one is whole and nothing more is there`()
        throws
    {
        let given = try Given(size: 100_000)
        let school = given.school
        func left() throws -> [String] {
            try ["staging", "blobs"].flatMap { folder in
                try FileManager.default.subpathsOfDirectory(atPath: "\(school.location.vault)/\(folder)").filter {
                    $0.count > 3
                }
            }
        }
        let before = try left()
        try school.giveCode(as: given.lead)
        let concern = try given.concern()
        let now = school.clock.now().milliseconds
        school.clock.set(milliseconds: now - 3_600_000)
        #expect(code { _ = try given.vault.move(given.document, about: concern, as: given.lead) } != nil)
        school.clock.set(milliseconds: now)
        #expect(try left() == before)
        #expect(try school.download(given.document, by: given.lead) == given.content)
        // A chunk that was changed on the disk.
        let path = try school.blobPath(of: given.document)
        let payload = try Data(contentsOf: URL(filePath: path))
        var torn = payload
        torn[70_000] ^= 1
        try torn.write(to: URL(filePath: path))
        #expect(code { _ = try given.vault.move(given.document, about: concern, as: given.lead) } != nil)
        try payload.write(to: URL(filePath: path))
        #expect(try left() == before)
        #expect(try school.download(given.move(concern), by: given.lead) == given.content)
        #expect(try school.verify().holds)
    }

    @Test func `A new recovery key reaches it, and a recovered lead takes it over`() throws {
        let given = try Given(size: 100)
        let (school, vault) = (given.school, given.vault)
        let moved = try given.move()
        try school.giveCode(as: given.lead)
        let sheets = try vault.setRecovery(
            holders: ["Ines Marlowe", "Tobias Quill"], threshold: 2, as: given.lead
        ).map(\.words)
        #expect(try vault.restrictedDocuments(as: given.lead).map { $0.restricted?.isRecoverable } == [true])
        let recovered = try vault.recover(sheets: sheets, lead: "Petra Lindqvist", password: School.password)
        let secret = try base32(#require(vault.authenticatorSecret(of: recovered.acting)))
        let petra = Member(name: "Petra Lindqvist", password: School.password, authenticator: secret)
        school.clock.advance(seconds: 60)
        try vault.enrol(recovered.acting, code: petra.code(school.clock.step))
        try school.prepare(recovered.acting, by: recovered.acting)
        #expect(try school.download(moved, by: recovered.acting) == given.content)
        #expect(given.read(given.document, as: recovered.acting) == "not-found")
        #expect(given.read(moved, as: try given.signIn(Given.accused)) == "not-found")
        #expect(try school.verify().holds)
    }

    @Test func `The statement taken off the disk is found, and brings nothing back`() throws {
        let given = try Given(size: 100)
        _ = try given.move()
        try given.school.tamper { db in try db.execute(sql: "DELETE FROM moved") }
        let vault = try Vault(opening: given.school.location, clock: given.school.clock)
        let accused = try given.signIn(Given.accused, to: vault)
        #expect(given.read(given.document, as: accused, in: vault) == "not-found")
        #expect(try vault.chronology(of: given.file, as: accused).total == 1)
        #expect(try given.school.verify().findings.contains { $0.code == "projection.missing" })
    }
}
