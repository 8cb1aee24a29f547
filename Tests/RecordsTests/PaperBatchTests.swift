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
}
