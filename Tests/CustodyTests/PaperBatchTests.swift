import Custody
import Foundation
import GRDB
import Records
import Testing

@Suite(.serialized) struct PaperBatchTests {
    private struct Office {
        let school: School
        let lead: Acting
        let operatorMember: Member
        let one: Acting
        let two: Acting
        let pupil: Pupil
        let other: Pupil

        init(_ changes: [(file: String, old: String, new: String)] = []) throws {
            school = try School(changes)
            lead = try school.signIn(school.lead)
            operatorMember = try school.add("Maud Tranter", [.admin], by: lead)
            let second = try school.add("Bede Farrow", [.admin], by: lead)
            pupil = try school.pupil(by: lead)
            other = try school.pupil("Otis Pemberlow", born: "2004-08-01", by: lead)
            one = try school.signIn(operatorMember)
            two = try school.signIn(second)
        }

        var vault: Vault { school.vault }

        func begin() throws -> BatchID {
            try vault.beginPaperBatch(PaperFacts(cabinet: "2", drawer: "1", folder: "17"), as: one).id
        }

        @discardableResult func scan(_ name: String = "scans/case-conference-2016-11-17.pdf") throws -> UploadID {
            var reception = try vault.beginStack(filename: name, as: one)
            try fixture(name).withUnsafeBytes { try reception.append($0) }
            let received = try reception.finish()
            try vault.addStack(received, sides: .unknown, as: one)
            return received.upload
        }

        func read(_ batch: BatchID, as acting: Acting? = nil) throws -> Desk {
            for _ in 0..<600 {
                let desk = try vault.desk(of: batch, as: acting ?? one)
                if desk.stacks.allSatisfy(\.isRead) { return desk }
                Thread.sleep(forTimeInterval: 0.1)
            }
            throw VaultError.busy
        }

        /// A scan of which the first page is one pupil's, and the others another's.
        func laid() throws -> (batch: BatchID, scan: UploadID, pages: Int) {
            let batch = try begin()
            let upload = try scan()
            let pages = try read(batch).stacks[0].count
            try #require(pages >= 3)
            try vault.take(.start(upload, 1...1, pupilFile: pupil.pupilFile, category: "letter"), in: batch, as: one)
            try vault.take(
                .start(upload, 2...pages, pupilFile: other.pupilFile, category: "concern"), in: batch, as: one)
            let pieces = try vault.desk(of: batch, as: one).pieces
            let refused = try vault.describe(
                pieces.map { ($0.id, "2009", "", "unknown", "") }, in: batch, as: one)
            try #require(refused.isEmpty)
            return (batch, upload, pages)
        }

        func present(_ batch: BatchID, as acting: Acting? = nil) throws {
            try vault.present(batch, to: two.person, difference: "", isAboutNoStaff: true, as: acting ?? one)
        }

        func documents(of pupil: Pupil) throws -> [DocumentFacts] {
            try school.catalogue().read { db in
                try Data.fetchAll(
                    db, sql: "SELECT id FROM document WHERE pupil_file = ? ORDER BY idx",
                    arguments: [Data(pupil.pupilFile.bytes)])
            }.compactMap { DocumentID($0) }.map { try vault.document($0, as: lead) }
        }

        func covers(of pupil: Pupil) throws -> [EntryFacts] {
            try school.catalogue().read { db in
                try Int64.fetchAll(
                    db, sql: "SELECT idx FROM entry WHERE pupil_file = ?", arguments: [Data(pupil.pupilFile.bytes)])
            }.compactMap { try vault.entry(UInt64($0), as: lead).0.made }.filter { $0.kind == .archive }
        }

        /// A batch that is sealed.
        func sealed() throws -> BatchID {
            let (batch, _, pages) = try laid()
            try present(batch)
            try vault.confirmPlan(of: batch, looked: pages, as: two)
            try vault.sealNow(batch, as: one)
            return batch
        }

        func compare(_ batch: BatchID, as acting: Acting) throws {
            try vault.compareDocuments(of: batch, as: acting)
            for _ in 0..<600 {
                guard case .reading = try vault.paperEnd(of: batch, as: acting).progress else { return }
                Thread.sleep(forTimeInterval: 0.1)
            }
            throw VaultError.busy
        }

        func staged() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: school.location.vault + "/staging")
        }
    }

    @Test func `A checked batch is filed by its plan, and nobody can open what was scanned`() throws {
        let office = try Office()
        let vault = office.vault
        let (batch, scan, pages) = try office.laid()
        #expect(try office.documents(of: office.pupil).isEmpty)
        #expect(try vault.picture(ofStack: scan, in: batch, page: 1, width: 160, as: office.one).count > 500)
        #expect(
            code { _ = try vault.picture(ofStack: scan, in: batch, page: 1, width: 160, as: office.two) } == "not-found"
        )
        #expect(code { try vault.sealNow(batch, as: office.one) } == "batch.not-checked")
        try office.present(batch)
        #expect(code { try vault.sealNow(batch, as: office.one) } == "batch.not-checked")
        #expect(try vault.checks(as: office.two).map(\.batch.id) == [batch])
        #expect(try vault.picture(ofStack: scan, toCheck: batch, page: 2, width: 160, as: office.two).count > 500)
        #expect(code { try vault.confirmPlan(of: batch, looked: pages - 1, as: office.two) } == "check.looked")
        #expect(code { try vault.confirmPlan(of: batch, looked: pages, as: office.one) } == "not-found")
        try vault.confirmPlan(of: batch, looked: pages, as: office.two)
        // While it is sealed its page can be looked at.
        let looked = DispatchSemaphore(value: 0)
        var answers: [DispatchTimeoutResult] = []
        try vault.sealNow(batch, as: office.one) { _ in
            DispatchQueue.global().async {
                _ = try? vault.desk(of: batch, as: office.one)
                looked.signal()
            }
            answers.append(looked.wait(timeout: .now() + 20))
        }
        #expect(answers.count == 2 && answers.allSatisfy { $0 == .success })

        let (mine, others) = (try office.documents(of: office.pupil), try office.documents(of: office.other))
        #expect(mine.map(\.pages) == [1] && others.map(\.pages) == [pages - 1])
        let origin = try #require(others[0].fields["scan"])
        #expect(origin.contains("\"stack_pages\":\"2-\(pages)\"") && origin.contains("\"checker\":\"Bede Farrow\""))
        #expect(origin.contains("Cabinet 2, drawer 1, folder 17"))
        let quality = try #require(others[0].fields["quality"]).split(separator: "\n")
        #expect(quality.count == pages - 1 && quality[0].wholeMatch(of: /Page 1 \([0-9]+ dpi\): .+/) != nil)
        #expect(!origin.contains("quality"))
        #expect(origin.contains("\"pages_looked_at\":\(pages)") && origin.contains("\"pages_scanned\":\(pages)"))
        // One entry in each file tells of the batch, and of no other pupil's papers.
        for (pupil, count) in [(office.pupil, 1), (office.other, pages - 1)] {
            let cover = try #require(try office.covers(of: pupil).first)
            #expect(try office.covers(of: pupil).count == 1 && cover.author == "Maud Tranter")
            #expect(
                cover.summary == "1 document of \(count) page\(count == 1 ? "" : "s") from the paper archive, batch 1.")
            #expect(cover[.account].contains("Scanned by Maud Tranter, checked by Bede Farrow: every page"))
            #expect(cover[.account].contains("Cabinet 2, drawer 1, folder 17"))
            #expect(cover[.account].contains("Note of concern") == (pupil.pupilFile == office.other.pupilFile))
        }
        #expect(others[0].fields["uploader"] == "Maud Tranter")
        #expect(try vault.documents(in: batch, as: office.one).lines.count == 2)
        // Nothing is left of the scan, and nothing that opens it.
        #expect(try office.staged().isEmpty)
        let left = try DatabaseQueue(path: office.school.location.vault + "/workspace.sqlite").read { db in
            try ["stack", "desk", "presentation"].map { try Int.fetchOne(db, sql: "SELECT count(*) FROM \($0)") ?? -1 }
                + [Int.fetchOne(db, sql: "SELECT count(*) FROM upload WHERE length(header) > 0") ?? -1]
        }
        #expect(left == [0, 0, 0, 0])
        #expect(
            code { _ = try vault.picture(ofStack: scan, in: batch, page: 1, width: 160, as: office.one) } == "not-found"
        )
        #expect(
            code { _ = try vault.picture(ofStack: scan, toCheck: batch, page: 1, width: 160, as: office.two) }
                == "not-found")
        #expect(code { _ = try vault.desk(of: batch, as: office.one) } == "not-found")
        // Nor do they read what they filed.
        #expect(code { _ = try vault.openDocument(mine[0].id, manner: .view, as: office.one) } == "not-found")
        #expect(try office.school.verify().holds)
    }

    @Test func `What the second person finds wrong goes back, sealed to the operator alone, and blocks sealing`() throws
    {
        let office = try Office()
        let vault = office.vault
        let (batch, scan, pages) = try office.laid()
        try office.present(batch)
        #expect(code { try vault.take(.undo, in: batch, as: office.one) } == "batch.is-checked")
        #expect(code { try vault.doubtPlan(of: batch, note: " ", pages: [], as: office.two) } == "check.note")
        #expect(
            code { try vault.doubtPlan(of: batch, note: "", pages: ["\(scan.text).99"], as: office.two) } == "not-found"
        )
        try vault.doubtPlan(of: batch, note: "This is Grace’s", pages: ["\(scan.text).2"], as: office.two)
        #expect(code { try vault.sealNow(batch, as: office.one) } == "batch.not-checked")
        #expect(code { _ = try vault.plan(of: batch, as: office.two) } == "not-found")
        let desk = try vault.desk(of: batch, as: office.one)
        #expect(desk.answer == "This is Grace’s" && desk.doubted == ["\(scan.text).2"])
        try vault.take(.move(scan, 2...2, to: desk.pieces[0].id), in: batch, as: office.one)
        try office.present(batch)
        try vault.confirmPlan(of: batch, looked: pages, as: office.two)
        try vault.sealNow(batch, as: office.one)
        #expect(try office.documents(of: office.pupil).map(\.pages) == [2])
        #expect(try office.documents(of: office.other).map(\.pages) == [pages - 2])
    }

    @Test func `A batch is put before somebody at work, decided to its end, and about no member of staff`() throws {
        let office = try Office()
        let vault = office.vault
        let (batch, scan, pages) = try office.laid()
        func present(to checker: PersonID?, staff: Bool = true) -> String? {
            code { try vault.present(batch, to: checker, difference: "", isAboutNoStaff: staff, as: office.one) }
        }
        #expect(present(to: nil) == "check.who" && present(to: office.one.person) == "check.who")
        #expect(present(to: office.two.person, staff: false) == "desk.staff")
        try vault.take(.back(scan, 2...2), in: batch, as: office.one)
        #expect(present(to: office.two.person) == "desk.not-ready")
        try vault.take(.undo, in: batch, as: office.one)
        #expect(try vault.checkers(as: office.one).contains { $0.id == office.two.person })
        let third = try office.school.add("Wilf Amory", [.admin], by: office.lead)
        #expect(try vault.checkers(as: office.one).contains { $0.name == "Wilf Amory" })
        let away = try office.school.signIn(third).person
        try vault.suspend(away, as: office.lead)
        #expect(try !vault.checkers(as: office.one).contains { $0.name == "Wilf Amory" })
        #expect(present(to: away) == "check.who")
        #expect(present(to: office.two.person) == nil)
        #expect(code { try vault.sealNow(batch, as: office.two) } == "not-found")
        try vault.confirmPlan(of: batch, looked: pages, as: office.two)
        // Who has checked it sees it no more, and seals nothing.
        #expect(code { _ = try vault.plan(of: batch, as: office.two) } == "not-found")
        #expect(code { try vault.doubtPlan(of: batch, note: "No", pages: [], as: office.two) } == "not-found")
        #expect(code { try vault.sealNow(batch, as: office.two) } == "not-found")
        // Taken back after that it has to be looked at again, until something of it is filed.
        try vault.withdrawPlan(of: batch, as: office.one)
        #expect(code { try vault.sealNow(batch, as: office.one) } == "batch.not-checked")
        #expect(present(to: office.two.person) == nil)
        #expect(code { try vault.sealNow(batch, as: office.one) } == "batch.not-checked")
    }

    @Test func `Pages of a scan that was changed since are not shown to who checks it`() throws {
        let office = try Office()
        let (batch, scan, _) = try office.laid()
        try office.present(batch)
        let staged = try #require(try office.staged().first)
        let path = office.school.location.vault + "/staging/" + staged
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: URL(fileURLWithPath: path))
        #expect(
            code {
                _ = try office.vault.picture(ofStack: scan, toCheck: batch, page: 1, width: 160, as: office.two)
            } == "upload.staged-differs")
    }

    @Test func `Another plan than the one that was presented is not shown, and not checked`() throws {
        let office = try Office()
        let vault = office.vault
        let (batch, _, pages) = try office.laid()
        try office.present(batch)
        let workspace = try DatabaseQueue(path: office.school.location.vault + "/workspace.sqlite")
        try workspace.write { db in
            var plan = try #require(try Data.fetchOne(db, sql: "SELECT plan FROM presentation"))
            plan[plan.count - 1] ^= 1
            try db.execute(sql: "UPDATE presentation SET plan = ?", arguments: [plan])
        }
        #expect(code { _ = try vault.plan(of: batch, as: office.two) } == "check.plan-differs")
        #expect(code { try vault.confirmPlan(of: batch, looked: pages, as: office.two) } == "check.plan-differs")
    }

    @Test func `A batch that is given up files nothing and leaves nothing`() throws {
        let office = try Office()
        let vault = office.vault
        let (batch, scan, _) = try office.laid()
        #expect(code { _ = try office.begin() } == "batch.open")
        try vault.closeBatch(batch, as: office.one)
        #expect(try office.staged().isEmpty)
        #expect(
            code { _ = try vault.picture(ofStack: scan, in: batch, page: 1, width: 160, as: office.one) } == "not-found"
        )
        let next = try office.begin()
        #expect(try vault.desk(of: next, as: office.one).stacks.isEmpty)
        #expect(try office.documents(of: office.pupil).isEmpty && office.school.verify().holds)
    }

    @Test func `While a batch of paper is open, what is filed by itself goes into no batch`() throws {
        let office = try Office()
        let batch = try office.begin()
        try office.vault.openBatch(as: office.one)
        let receipt = try office.school.file(
            fixture("scans/referral-letter-2015-03-04.pdf"), named: "letter.pdf", for: office.pupil, by: office.one)
        #expect(receipt.pupilReference == office.pupil.reference)
        #expect(try office.vault.documents(in: batch, as: office.one).lines.isEmpty)
        #expect(try office.vault.currentBatch(as: office.one)?.id == batch)
    }

    @Test func `A scan of the intake queue is taken into a batch, once, and filed from there`() throws {
        let office = try Office()
        let vault = office.vault
        try office.school.giveCode(as: office.lead)
        let (_, token) = try vault.addStation(NewStation(name: "Office copier", intake: true), as: office.lead)
        let station = try vault.enter(stationToken: token)
        var reception = try vault.beginUpload(UploadRequest(pupilFile: nil, filename: "scan0001.pdf"), as: station)
        try fixture("scans/case-conference-2016-11-17.pdf").withUnsafeBytes { try reception.append($0) }
        let held = try vault.hold(try reception.finish(), details: FilingDetails(), as: station)
        _ = try vault.file([Filing(upload: held.id, details: FilingDetails())], as: station)
        let item = try #require(try vault.intake(as: office.lead).first).upload
        #expect(code { _ = try vault.takeFromIntake(item, as: office.lead) } == "batch.not-of-paper")
        #expect(code { _ = try vault.takeFromIntake(item, as: office.one) } == "access.not-entitled")
        let batch = try vault.beginPaperBatch(PaperFacts(cabinet: "2", drawer: "1", folder: "17"), as: office.lead).id
        #expect(try vault.takeFromIntake(item, as: office.lead) == batch)
        #expect(try vault.intake(as: office.lead).isEmpty && vault.intakeCount(as: office.lead) == 0)
        #expect(code { _ = try vault.takeFromIntake(item, as: office.lead) } == "not-found")
        let stack = try #require(try office.read(batch, as: office.lead).stacks.first)
        #expect(stack.name == "scan0001.pdf")
        try vault.take(
            .start(stack.id, 1...stack.count, pupilFile: office.pupil.pupilFile, category: "letter"), in: batch,
            as: office.lead)
        let piece = try vault.desk(of: batch, as: office.lead).pieces[0].id
        _ = try vault.describe([(piece, "undated", "", "unknown", "")], in: batch, as: office.lead)
        try office.present(batch, as: office.lead)
        try vault.confirmPlan(of: batch, looked: stack.count, as: office.two)
        try vault.sealNow(batch, as: office.lead)
        #expect(try office.documents(of: office.pupil).map(\.pages) == [stack.count])
        // The station still knows what it sent.
        #expect(try vault.unfinishedUploads(as: station).isEmpty)
        #expect(try office.school.verify().holds)
    }

    @Test func `A scan is of a kind that scanners make, comes once, and into a batch of paper alone`() throws {
        let office = try Office()
        #expect(code { _ = try office.vault.beginStack(filename: "scan.pdf", as: office.one) } == "batch.not-of-paper")
        let batch = try office.begin()
        #expect(code { _ = try office.vault.beginStack(filename: "letter.docx", as: office.one) } == "scan.kind")
        try office.scan()
        #expect(code { try office.scan() } == "scan.repeated")
        #expect(try office.read(batch).stacks.count == 1)
        #expect(try office.staged().count == 1)
    }

    @Test
    func `Paper may go when it is compared by another, backed up and recoverable; the certificate says all of it`()
        throws
    {
        let office = try Office()
        let (vault, lead) = (office.vault, office.lead)
        let batch = try office.sealed()
        let words = DestructionWords(how: "Shredded, P-4", by: "Judith Halloran", day: "today")
        func destroyed(_ words: DestructionWords, as acting: Acting) -> String? {
            code { try vault.destroyPaper(of: batch, words, as: acting) }
        }
        let today = SchoolTime("Europe/London").day(of: office.school.clock.now())
        let right = DestructionWords(how: "Shredded, P-4", by: "Judith Halloran", day: today)
        // Who files sees nothing of it.
        #expect(code { _ = try vault.paperEnd(of: batch, as: office.one) } == "not-found")
        #expect(destroyed(right, as: office.one) == "not-found")
        var end = try vault.paperEnd(of: batch, as: lead)
        #expect(end.documents.count == 2 && end.documents.allSatisfy { $0.compared == nil })
        #expect(end.backup == nil && end.drilled == nil && !end.isReady)
        #expect(destroyed(right, as: lead) == "paper.not-ready")
        let unread = try vault.waitingFigures(as: lead).unread
        try office.compare(batch, as: lead)
        // Comparing shows nobody anything: what is new in a file stays unread.
        #expect(try unread > 0 && vault.waitingFigures(as: lead).unread == unread)
        end = try vault.paperEnd(of: batch, as: lead)
        #expect(end.documents.allSatisfy { $0.comparedBy == "Judith Halloran" } && !end.isReady)
        let backup = office.school.directory + "/backup"
        let report = try vault.backUp(to: backup)
        #expect(report.copied == 2 && report.kept == 0)
        #expect(try vault.paperEnd(of: batch, as: lead).backup?.act.backup == report.backup)
        #expect(destroyed(right, as: lead) == "paper.not-ready")
        try office.school.giveCode(as: lead)
        let sheets = try vault.setRecovery(holders: ["Ada Penhale", "Rolf Enderby"], threshold: 2, as: lead)
        _ = try vault.drillRecovery(sheets: sheets.map(\.words), as: lead)
        #expect(try vault.paperEnd(of: batch, as: lead).isReady)
        #expect(destroyed(words, as: lead) == "destruction.day")
        #expect(destroyed(DestructionWords(by: "somebody", day: today), as: lead) == "destruction.how")
        #expect(destroyed(DestructionWords(how: "Shredded", day: today), as: lead) == "destruction.by")
        #expect(
            destroyed(DestructionWords(how: "Shredded", by: "Judith Halloran", day: "2199-01-01"), as: lead)
                == "destruction.day")
        office.school.clock.advance(seconds: 360)
        #expect(destroyed(right, as: lead) == "code.needed")
        try office.school.giveCode(as: lead)
        let certificate = try vault.destroyPaper(of: batch, right, as: lead)
        #expect(
            certificate.how == "Shredded, P-4" && certificate.day == today && certificate.madeBy == "Judith Halloran")
        #expect(certificate.operator == "Maud Tranter" && certificate.checker == "Bede Farrow")
        #expect(certificate.backup.act.backup == report.backup && certificate.checkpoint.contains("\n"))
        let filed = try office.documents(of: office.pupil) + office.documents(of: office.other)
        #expect(certificate.documents.map(\.sha256) == filed.map(\.sha256))
        #expect(certificate.documents.map(\.scan) == filed.map { $0.origin?.stack })
        #expect(certificate.documents.allSatisfy { $0.comparedBy == "Judith Halloran" && $0.scan.count == 64 })
        #expect(try vault.certificate(of: batch, as: lead) == certificate)
        #expect(code { _ = try vault.certificate(of: batch, as: office.one) } == "not-found")
        #expect(destroyed(right, as: lead) == "paper.not-ready")
        #expect(code { try vault.movePaper(of: batch, to: .out, words: "", as: office.one) } == "paper.destroyed")
        #expect(try office.school.verify().holds)
        // The folder's statements that vouch for it are of this vault's ledger.
        #expect(try Vault.verify(Vault.Location(vault: backup)).holds)
    }

    @Test func `A document whose content is not what was recorded is not compared, and its paper stays`() throws {
        let office = try Office()
        let batch = try office.sealed()
        let document = try #require(try office.documents(of: office.other).first)
        let blob = try office.school.catalogue().read { db in
            try Data.fetchOne(db, sql: "SELECT blob FROM document WHERE id = ?", arguments: [Data(document.id.bytes)])
        }.flatMap { BlobID($0) }
        let name = try #require(blob).text
        let path = office.school.location.vault + "/blobs/\(name.prefix(2))/\(name)"
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(filePath: path))
        try office.compare(batch, as: office.lead)
        let end = try office.vault.paperEnd(of: batch, as: office.lead)
        #expect(end.documents.count { $0.compared != nil } == 1)
        guard case .failed = end.progress else {
            Issue.record("\(String(describing: end.progress))")
            return
        }
    }

    @Test func `A lead who scanned a batch neither compares nor destroys it`() throws {
        let office = try Office()
        let vault = office.vault
        let batch = try vault.beginPaperBatch(PaperFacts(cabinet: "2", drawer: "", folder: ""), as: office.lead).id
        var reception = try vault.beginStack(filename: "scan.pdf", as: office.lead)
        try fixture("scans/case-conference-2016-11-17.pdf").withUnsafeBytes { try reception.append($0) }
        let received = try reception.finish()
        try vault.addStack(received, sides: .unknown, as: office.lead)
        let pages = try office.read(batch, as: office.lead).stacks[0].count
        try vault.take(
            .start(received.upload, 1...pages, pupilFile: office.pupil.pupilFile, category: "letter"), in: batch,
            as: office.lead)
        let piece = try #require(try vault.desk(of: batch, as: office.lead).pieces.first)
        _ = try vault.describe([(piece.id, "2009", "", "unknown", "")], in: batch, as: office.lead)
        try office.present(batch, as: office.lead)
        try vault.confirmPlan(of: batch, looked: pages, as: office.two)
        try vault.sealNow(batch, as: office.lead)
        #expect(try vault.paperEnd(of: batch, as: office.lead).isOwn)
        #expect(code { try vault.compareDocuments(of: batch, as: office.lead) } == "paper.own")
        #expect(code { try vault.destroyPaper(of: batch, DestructionWords(), as: office.lead) } == "paper.own")
    }

    @Test func `A backup copies what is new, holds ciphertext alone, and is not written over by an older vault`() throws
    {
        let office = try Office()
        let vault = office.vault
        _ = try office.sealed()
        let backup = office.school.directory + "/backup"
        #expect(code { _ = try vault.backUp(to: office.school.location.vault + "/backup") } == "backup.inside")
        #expect(code { _ = try vault.backUp(to: office.school.location.secrets) } == "backup.inside")
        let first = try vault.backUp(to: backup)
        #expect(first.copied == 2)
        let again = try vault.backUp(to: backup)
        #expect(again.copied == 0 && again.kept == 2 && again.backup == first.backup)
        #expect(again.statements == first.statements + 1)
        #expect(try Set(vault.backups().map(\.act.backup)) == [first.backup])
        // No keys, nothing unfiled, no journal.
        let names = try FileManager.default.contentsOfDirectory(atPath: backup).sorted()
        #expect(names == ["backup", "blobs", "catalogue.sqlite", "policies", "staging", "witness"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: backup + "/staging").isEmpty)
        // Something else is left alone.
        let other = office.school.directory + "/other"
        try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: URL(filePath: other + "/letter.txt"))
        #expect(code { _ = try vault.backUp(to: other) } == "backup.not-empty")
        #expect(try FileManager.default.contentsOfDirectory(atPath: other) == ["letter.txt"])
        // A damaged backup is not recorded as verified.
        let blob = try #require(
            FileManager.default.subpaths(atPath: backup + "/blobs")?.first { $0.count > 20 })
        try Data("damaged".utf8).write(to: URL(filePath: backup + "/blobs/" + blob))
        let before = try vault.figures(as: office.lead).statements
        #expect(code { _ = try vault.backUp(to: backup) } == "backup.not-verified")
        #expect(try vault.figures(as: office.lead).statements == before)
        // Yesterday's copy of the vault does not write over today's backup.
        try FileManager.default.removeItem(atPath: backup)
        _ = try vault.backUp(to: backup)
        let copy = office.school.directory + "/copy"
        try FileManager.default.copyItem(atPath: office.school.location.vault, toPath: copy)
        try vault.movePaper(
            of: try vault.paperBatches(as: office.lead)[0].batch.id, to: .out, words: "", as: office.one)
        _ = try vault.backUp(to: backup)
        let old = try Vault(
            opening: Vault.Location(vault: copy, secrets: office.school.location.secrets), clock: office.school.clock)
        #expect(code { _ = try old.backUp(to: backup) } == "backup.ahead")
        #expect(try Vault.verify(Vault.Location(vault: backup)).holds)
    }

    @Test func `What a document's first lines say is proposed as its summary, until the batch is presented`() throws {
        let office = try Office()
        try #require(!office.vault.policies.inspection.recogniseLanguages.isEmpty)
        office.vault.startRecognition()
        let batch = try office.begin()
        let upload = try office.scan()
        let pages = try office.read(batch).stacks[0].count
        for (range, pupil) in [(1...1, office.pupil), (2...pages, office.other)] {
            let step = Desk.Step.start(upload, range, pupilFile: pupil.pupilFile, category: "letter")
            try office.vault.take(step, in: batch, as: office.one)
        }
        let pieces = try office.vault.desk(of: batch, as: office.one).pieces
        let plain = pieces.map {
            try? office.vault.proposedSummary(of: $0, office.vault.desk(of: batch, as: office.one))
        }
        #expect(
            plain == [
                "Letter or e-mail, 1 page of the paper file", "Letter or e-mail, \(pages - 1) pages of the paper file",
            ])
        _ = try office.vault.describe(
            pieces.enumerated().map { ($1.id, "2009", $0 == 1 ? "Typed" : "", "unknown", "") }, in: batch,
            as: office.one)
        office.vault.resumeReading(of: batch, as: office.one)
        var desk = try office.vault.desk(of: batch, as: office.one)
        for _ in 0..<120 where desk.pageToRead(of: upload) != nil {
            Thread.sleep(forTimeInterval: 0.5)
            desk = try office.vault.desk(of: batch, as: office.one)
        }
        let proposed = office.vault.proposedSummary(of: desk.pieces[0], desk)
        #expect(
            proposed.hasPrefix("Letter or e-mail, 1 page of the paper file: WESTFOLD COUNTY COUNCIL"), "\(proposed)")
        try office.present(batch)
        try office.vault.confirmPlan(of: batch, looked: pages, as: office.two)
        try office.vault.sealNow(batch, as: office.one)
        let filed = try office.documents(of: office.pupil)
        #expect(filed.first?.summary == proposed && filed.first?.fields["summary_origin"] == "accepted")
        #expect(try office.documents(of: office.other).allSatisfy { !$0.summary.contains("WESTFOLD") })
        #expect(try office.school.verify().holds)
    }
}
