import Records
import Sealing
import Testing

@Suite("A batch of paper, in two people's hands")
struct PaperBatchTests {
    private static let plan = digest("plan")

    private struct Begun {
        var school: School
        let file: PupilFileID
        let one: PersonID
        let two: PersonID
        let batch: BatchID

        mutating func row(_ act: (ItemID) -> Act, by person: PersonID) throws {
            let row = Item(id: .random(), kind: .batchRow, digest: digest("row"))
            try school.say(act(row.id), by: person, items: [row])
        }

        func presentation(to checker: PersonID) -> Act {
            .batchPresented(PresentationAct(batch: batch, checker: checker, plan: PaperBatchTests.plan, pages: 10))
        }
    }

    private func begun() throws -> Begun {
        var school = try School()
        let file = try school.register()
        let (one, two) = (try school.add([.admin]), try school.add([.admin]))
        let batch = BatchID.random()
        try school.say(.batchOpened(batch), by: one)
        var begun = Begun(school: school, file: file, one: one, two: two, batch: batch)
        try begun.row({ .batchPrepared(batch, row: $0) }, by: one)
        return begun
    }

    @Test func `Nothing is filed into it before a second person said that the plan is right`() throws {
        var begun = try begun()
        let (filing, items) = try School.filing(in: begun.batch)
        func objection() -> String? {
            begun.school.unlawful(filing, by: .person(begun.one), pupilFile: begun.file, items: items)
        }
        #expect(objection() == "filed in a batch of paper before it was checked")
        try begun.school.say(begun.presentation(to: begun.two), by: begun.one)
        #expect(objection() == "filed in a batch of paper before it was checked")
        try begun.school.say(.batchChecked(begun.batch, plan: Self.plan, pages: 10), by: begun.two)
        #expect(objection() == nil)
        #expect(
            begun.school.unlawful(filing, by: .person(begun.two), pupilFile: begun.file, items: items)
                == "filed in a batch that is another's or closed")
        try begun.school.say(.batchSealed(begun.batch, plan: Self.plan), by: begun.one)
        #expect(objection() == "filed in a batch that is another's or closed")
        #expect(begun.school.authority.batches[begun.batch]?.paper?.sealed != nil)
        #expect(begun.school.authority.openBatches[begun.one] == nil)
    }

    @Test func `Its operator does not check it, nor who may neither file nor read, nor by another plan`() throws {
        var begun = try begun()
        let panel = try begun.school.add([.panel])
        let other = try begun.school.add([.deputy])
        let who = "presented to its operator, or to who may not check"
        #expect(begun.school.unlawful(begun.presentation(to: begun.one), by: .person(begun.one)) == who)
        #expect(begun.school.unlawful(begun.presentation(to: panel), by: .person(begun.one)) == who)
        #expect(begun.school.unlawful(begun.presentation(to: .random()), by: .person(begun.one)) == who)
        // A station files, and has no eyes.
        let station = try begun.school.addStation(for: [begun.file], until: 1 << 50)
        #expect(begun.school.unlawful(begun.presentation(to: station), by: .person(begun.one)) == who)
        try begun.school.say(begun.presentation(to: begun.two), by: begun.one)
        func checked(by person: PersonID, _ plan: Digest = Self.plan, pages: UInt64 = 10) -> String? {
            begun.school.unlawful(.batchChecked(begun.batch, plan: plan, pages: pages), by: .person(person))
        }
        let wrong = "checked by another, twice, or by another plan"
        #expect(checked(by: begun.one) == wrong)
        #expect(checked(by: other) == wrong)
        #expect(checked(by: begun.two, digest("another")) == wrong)
        #expect(checked(by: begun.two, pages: 11) == "more pages checked than there are, or none")
        #expect(checked(by: begun.two, pages: 0) == "more pages checked than there are, or none")
        #expect(checked(by: begun.two) == nil)
        #expect(
            begun.school.unlawful(.batchSealed(begun.batch, plan: Self.plan), by: .person(begun.one))
                == "sealed without being checked")
        try begun.school.say(.batchChecked(begun.batch, plan: Self.plan, pages: 10), by: begun.two)
        #expect(checked(by: begun.two) == wrong)
        #expect(
            begun.school.unlawful(.batchSealed(begun.batch, plan: digest("another")), by: .person(begun.one))
                == "sealed without being checked")
    }

    @Test func `What waits for its checker or was checked is as it is until it is taken back, and then it is nothing`()
        throws
    {
        var begun = try begun()
        func unlawful(_ act: Act, items: [Item] = []) -> String? {
            begun.school.unlawful(act, by: .person(begun.one), items: items)
        }
        #expect(unlawful(.sheetsPrinted(begun.batch, count: 0)) == "sheets for a batch that is checked, or none")
        #expect(unlawful(.batchWithdrawn(begun.batch)) == "withdrawn without being presented")
        try begun.school.say(begun.presentation(to: begun.two), by: begun.one)
        let row = Item(id: .random(), kind: .batchRow, digest: digest("row"))
        #expect(unlawful(begun.presentation(to: begun.two)) == "presented twice")
        #expect(
            unlawful(.batchPrepared(begun.batch, row: row.id), items: [row]) == "a batch prepared while it is checked")
        try begun.school.say(.batchChecked(begun.batch, plan: Self.plan, pages: 10), by: begun.two)
        #expect(unlawful(begun.presentation(to: begun.two)) == "presented twice")
        // The same plan, presented again, was seen by nobody.
        try begun.school.say(.batchWithdrawn(begun.batch), by: begun.one)
        try begun.school.say(begun.presentation(to: begun.two), by: begun.one)
        #expect(unlawful(.batchSealed(begun.batch, plan: Self.plan)) == "sealed without being checked")
        #expect(begun.school.authority.batches[begun.batch]?.paper?.looked == 0)
    }

    @Test func `Nothing is taken from the queue into a batch that waits for its checker`() throws {
        var begun = try begun()
        let batch = BatchID.random()
        try begun.school.say(.batchOpened(batch), by: begun.school.founder)
        try begun.row({ .batchPrepared(batch, row: $0) }, by: begun.school.founder)
        let taking = Act.intakeTaken(.random(), into: batch)
        let before = begun.school.unlawful(taking, by: .person(begun.school.founder))
        #expect(before != "taken into a batch that is checked")
        let act = PresentationAct(batch: batch, checker: begun.two, plan: Self.plan, pages: 10)
        try begun.school.say(.batchPresented(act), by: begun.school.founder)
        #expect(
            begun.school.unlawful(taking, by: .person(begun.school.founder)) == "taken into a batch that is checked")
    }

    @Test func `A doubt sends it back, and what was taken back has to be checked anew`() throws {
        var begun = try begun()
        try begun.school.say(begun.presentation(to: begun.two), by: begun.one)
        let answer = digest("answer")
        try begun.school.say(.batchDoubted(begun.batch, plan: Self.plan, answer: answer), by: begun.two)
        #expect(begun.school.authority.batches[begun.batch]?.paper?.doubt == answer)
        #expect(
            begun.school.unlawful(.batchChecked(begun.batch, plan: Self.plan, pages: 10), by: .person(begun.two))
                == "checked by another, twice, or by another plan")
        try begun.school.say(begun.presentation(to: begun.two), by: begun.one)
        #expect(begun.school.authority.batches[begun.batch]?.paper?.doubt == nil)
        try begun.school.say(.batchChecked(begun.batch, plan: Self.plan, pages: 10), by: begun.two)
        try begun.school.say(.batchWithdrawn(begun.batch), by: begun.one)
        #expect(
            begun.school.unlawful(.batchSealed(begun.batch, plan: Self.plan), by: .person(begun.one))
                == "sealed without being checked")
    }

    @Test
    func `A batch that was opened for something else becomes none of paper, and one that is checked is not closed`()
        throws
    {
        var begun = try begun()
        let other = BatchID.random()
        try begun.school.say(.batchOpened(other), by: begun.two)
        try begun.school.say(.registerRead(.random()), by: begun.two)
        let row = Item(id: .random(), kind: .batchRow, digest: digest("row"))
        #expect(
            begun.school.unlawful(.batchPrepared(other, row: row.id), by: .person(begun.two), items: [row])
                == "a batch of paper that was opened for something else")
        try begun.school.say(begun.presentation(to: begun.two), by: begun.one)
        #expect(
            begun.school.unlawful(.batchClosed(begun.batch), by: .person(begun.one))
                == "a batch of paper closed while it is checked")
        #expect(
            begun.school.unlawful(.sheetsPrinted(begun.batch, count: 3), by: .person(begun.one))
                == "sheets for a batch that is checked, or none")
    }

    @Test func `Paper leaves its place before it comes back, and what is said of it is sealed`() throws {
        var begun = try begun()
        let row = Item(id: .random(), kind: .batchRow, digest: digest("row"))
        let batch = begun.batch
        #expect(
            begun.school.unlawful(.paperMoved(batch, .returned, row: row.id), by: .person(begun.one), items: [row])
                == "paper moved to where it is, or of no batch")
        #expect(
            begun.school.unlawful(.paperMoved(batch, .out, row: .random()), by: .person(begun.one), items: [row])
                == "paper moved without its row")
        try begun.row({ .paperMoved(batch, .out, row: $0) }, by: begun.two)
        #expect(begun.school.authority.batches[batch]?.paper?.paper == .out)
        try begun.row({ .paperMoved(batch, .returned, row: $0) }, by: begun.one)
        #expect(begun.school.authority.batches[batch]?.paper?.paper == .returned)
    }

    // MARK: - The end of paper

    /// A sealed batch of one document, with a verified backup and a drill: nothing stands in the way of its end.
    private struct Ended {
        var begun: Begun
        let deputy: PersonID
        let document: DocumentID
        let backup = BackupID.random()
        let certificate = Item(id: .random(), kind: .certificate, digest: digest("certificate"))

        func destruction(_ backup: BackupID? = nil) -> Act {
            .paperDestroyed(
                DestructionAct(batch: begun.batch, certificate: certificate.id, backup: backup ?? self.backup))
        }

        func objection(by person: PersonID? = nil, _ backup: BackupID? = nil, items: [Item]? = nil) -> String? {
            begun.school.unlawful(
                destruction(backup), by: .person(person ?? deputy), items: items ?? [certificate])
        }

        mutating func backUp() throws {
            let size = begun.school.index
            try begun.school.say(
                .backupVerified(BackupAct(backup: backup, size: size, root: digest("root"))), by: .service)
        }
    }

    private func sealed() throws -> Ended {
        var begun = try begun()
        let deputy = try begun.school.add([.deputy])
        let (filing, items) = try School.filing(in: begun.batch)
        guard case .documentFiled(let act) = filing else { throw StatementError.malformed("filing") }
        try begun.school.say(begun.presentation(to: begun.two), by: begun.one)
        try begun.school.say(.batchChecked(begun.batch, plan: Self.plan, pages: 7), by: begun.two)
        try begun.school.say(filing, by: begun.one, pupilFile: begun.file, items: items)
        try begun.school.say(.batchSealed(begun.batch, plan: Self.plan), by: begun.one)
        #expect(begun.school.authority.batches[begun.batch]?.paper?.looked == 7)
        return Ended(begun: begun, deputy: deputy, document: act.document)
    }

    @Test
    func `Paper is destroyed by another than its operator, with a backup that holds it and a drill within a year`()
        throws
    {
        var ended = try sealed()
        #expect(ended.objection() == "paper destroyed without a verified backup that holds it")
        // One that was taken before the batch was sealed.
        let early = BackupID.random()
        let before = try #require(ended.begun.school.authority.batches[ended.begun.batch]?.paper?.sealedAt)
        try ended.begun.school.say(
            .backupVerified(BackupAct(backup: early, size: before, root: digest("root"))), by: .service)
        #expect(ended.objection(early) == "paper destroyed without a verified backup that holds it")
        try ended.backUp()
        #expect(ended.objection() == "paper destroyed without a recovery drill within a year")
        let recovery = try RecoveryTests.key(in: &ended.begun.school)
        #expect(ended.objection() == "paper destroyed without a recovery drill within a year")
        try ended.begun.school.say(
            .recoveryDrilled(RecoveryDrillAct(recovery: recovery, shares: [1, 2])), by: ended.begun.school.founder)
        #expect(ended.objection() == nil)
        #expect(ended.objection(by: ended.begun.one) == "author may not read: access.not-entitled")
        #expect(ended.objection(items: []) == "paper destroyed without a certificate")
        #expect(ended.objection(.random()) == "paper destroyed without a verified backup that holds it")
        let (destruction, certificate) = (ended.destruction(), ended.certificate)
        try ended.begun.school.say(destruction, by: ended.deputy, items: [certificate])
        #expect(ended.begun.school.authority.batches[ended.begun.batch]?.paper?.destroyed?.author == ended.deputy)
        let another = Item(id: .random(), kind: .certificate, digest: digest("another"))
        #expect(
            ended.begun.school.unlawful(
                .paperDestroyed(
                    DestructionAct(batch: ended.begun.batch, certificate: another.id, backup: ended.backup)),
                by: .person(ended.deputy), items: [another]) == "paper destroyed of no sealed batch, or twice")
        let row = Item(id: .random(), kind: .batchRow, digest: digest("row"))
        #expect(
            ended.begun.school.unlawful(
                .paperMoved(ended.begun.batch, .out, row: row.id), by: .person(ended.begun.one), items: [row])
                == "paper moved to where it is, or of no batch")
    }

    @Test func `A lead who scanned the paper does not destroy it, and paper of an open batch stays`() throws {
        var school = try School()
        let file = try school.register()
        let (deputy, two, batch) = (try school.add([.deputy]), try school.add([.admin]), BatchID.random())
        try school.say(.batchOpened(batch), by: deputy)
        var begun = Begun(school: school, file: file, one: deputy, two: two, batch: batch)
        try begun.row({ .batchPrepared(batch, row: $0) }, by: deputy)
        let certificate = Item(id: .random(), kind: .certificate, digest: digest("certificate"))
        let act = Act.paperDestroyed(
            DestructionAct(batch: batch, certificate: certificate.id, backup: .random()))
        func objection(by person: PersonID) -> String? {
            begun.school.unlawful(act, by: .person(person), items: [certificate])
        }
        #expect(objection(by: begun.school.founder) == "paper destroyed of no sealed batch, or twice")
        try begun.school.say(begun.presentation(to: two), by: deputy)
        try begun.school.say(.batchChecked(batch, plan: Self.plan, pages: 7), by: two)
        try begun.school.say(.batchSealed(batch, plan: Self.plan), by: deputy)
        #expect(objection(by: deputy) == "paper destroyed by who scanned it")
        #expect(objection(by: begun.school.founder) == "paper destroyed without a verified backup that holds it")
    }

    @Test func `A backup is verified by the service alone, and holds no more than was recorded`() throws {
        var school = try School()
        let size = school.index
        func why(_ size: UInt64, by author: Author = .service) -> String? {
            school.unlawful(.backupVerified(BackupAct(backup: .random(), size: size, root: digest("root"))), by: author)
        }
        #expect(why(size) == nil && why(1) == nil)
        #expect(why(size + 1) == "a backup of what was not yet recorded")
        #expect(why(0) == "a backup of what was not yet recorded")
        #expect(why(size, by: .person(school.founder)) == "only the service says that a backup was verified")
        let backup = BackupID.random()
        try school.say(.backupVerified(BackupAct(backup: backup, size: 1, root: digest("root"))), by: .service)
        try school.say(.backupVerified(BackupAct(backup: backup, size: 2, root: digest("root"))), by: .service)
        #expect(school.authority.backups[backup]?.act.size == 2)
    }

    @Test func `Every document has to be compared by another than its filer, to the end, before its paper goes`() throws
    {
        let ended = try sealed()
        let (filer, deputy) = (Author.person(ended.begun.one), Author.person(ended.deputy))
        func statement(_ act: Act, by author: Author) -> Records.Statement {
            Statement(
                index: 1, time: Timestamp(milliseconds: 1), author: author, root: digest("r"), policy: digest("p"),
                pupilFile: nil, items: [], fields: [:], act: act)
        }
        let (filing, _) = try School.filing(in: ended.begun.batch)
        guard case .documentFiled(let filed) = filing else { throw StatementError.malformed("filing") }
        func isProven(_ acts: [(Act, Author)]) throws -> Bool {
            var proofs = PaperProofs()
            try proofs.take(statement(filing, by: filer))
            for (act, author) in acts { try proofs.take(statement(act, by: author)) }
            do {
                try proofs.take(statement(ended.destruction(), by: deputy))
                return true
            } catch { return false }
        }
        let reading = ReadingID.random()
        func opened(_ manner: ReadingManner = .comparison, _ document: DocumentID? = nil) -> Act {
            .documentOpened(document ?? filed.document, reading, manner)
        }
        func closed(_ complete: Bool = true, _ id: ReadingID? = nil) -> Act {
            .documentClosed(filed.document, id ?? reading, bytes: 5, pages: 0, complete: complete)
        }
        #expect(try isProven([(opened(), deputy), (closed(), deputy)]))
        #expect(try !isProven([]))
        #expect(try !isProven([(opened(), deputy)]))
        #expect(try !isProven([(opened(), deputy), (closed(false), deputy)]))
        #expect(try !isProven([(opened(), deputy), (closed(true, .random()), deputy)]))
        #expect(try !isProven([(opened(), filer), (closed(), filer)]))
        #expect(try !isProven([(opened(.view), deputy), (closed(), deputy)]))
        #expect(try !isProven([(opened(.download), deputy), (closed(), deputy)]))
        #expect(try !isProven([(opened(.comparison, .random()), deputy), (closed(), deputy)]))
        #expect(try isProven([(.documentMoved(filed.document, to: .random()), deputy)]))
        #expect(try !isProven([(.documentMoved(filed.document, to: .random()), filer)]))
        // Of a batch of which nothing was filed nothing is known.
        var none = PaperProofs()
        #expect(throws: StatementError.self) { try none.take(statement(ended.destruction(), by: deputy)) }
    }
}
