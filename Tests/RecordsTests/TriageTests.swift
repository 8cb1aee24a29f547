import Foundation
import Records
import Testing

/// What follows from what was filed: what can be said, what of it is a fault, and when something is late (F-15, F-16).
@Suite struct TriageTests {
    private static let now = Timestamp(milliseconds: 1_795_700_000_000)  // Thursday, 26 November 2026, 13:33

    private static func codes(_ details: TriageDetails) -> [String] {
        problems(with: details, now: now, timezone: "Europe/London").map(\.code)
    }

    private static func details(
        _ follows: TriageOutcome..., words: String = "He says it hurt", due: String = "27/11/2026"
    ) -> TriageDetails { TriageDetails(follows: Set(follows), words: words, due: due) }

    @Test func `Nothing further needs a reason, stands alone, and is due on no day`() {
        #expect(Self.codes(Self.details(.nothing, words: "Legacy archive", due: "")).isEmpty)
        #expect(Self.codes(Self.details(.nothing, words: " ", due: "")) == ["triage.words"])
        #expect(Self.codes(Self.details(.nothing)) == ["triage.due"])
        #expect(Self.codes(Self.details(.nothing, .police, due: "")) == ["triage.follows"])
        #expect(Self.codes(TriageDetails(words: "x", due: "27/11/2026")) == ["triage.follows"])
    }

    @Test func `What follows has a day that is not over`() {
        #expect(Self.codes(Self.details(.pupil, .adults)).isEmpty)
        #expect(Self.codes(Self.details(.pupil, due: "26/11/2026")).isEmpty)
        for day in ["", "25/11/2026", "soon", "November 2026"] {
            #expect(Self.codes(Self.details(.pupil, due: day)) == ["triage.due"], "\(day)")
        }
    }

    @Test func `Child on child opens contact with the parents, once`() throws {
        var details = Self.details(.pupil)
        details.isChildOnChild = true
        for follows in [[.pupil], [.pupil, .parents], []] as [Set<TriageOutcome>] {
            details.follows = follows
            let checked = try decide(details, now: Self.now, timezone: "Europe/London")
            #expect(checked.open == TriageOutcome.allCases.filter { $0 == .parents || follows.contains($0) })
        }
        details.follows = [.nothing]
        #expect(Self.codes(details).first == "triage.follows")
    }

    @Test func `An exception from contacting the parents belongs to a referral, and has a reason`() {
        var details = Self.details(.socialCare)
        #expect(Self.codes(details).isEmpty)
        details.parents = "contacted"
        #expect(Self.codes(details).isEmpty)
        for exception in ["family-allegation", "greater-risk"] {
            details.parents = exception
            details.parentsReason = ""
            #expect(Self.codes(details) == ["triage.parents-reason"])
            details.parentsReason = "It is about the uncle"
            #expect(Self.codes(details).isEmpty)
        }
        details.follows = [.police]
        #expect(Self.codes(details) == ["triage.parents"])
    }

    @Test func `Every field is there, whatever follows`() throws {
        for details in [Self.details(.nothing, due: ""), Self.details(.police)] {
            let checked = try decide(details, now: Self.now, timezone: "Europe/London")
            #expect(Set(checked.detailValues(madeBy: "Nell Vasey").keys) == Set(TriageField.detailNames))
        }
    }

    @Test func `A waiver names the follow-up that it waives`() {
        let values: [EntryField: String] = [.basis: "fact", .date: "2026-11-26", .account: "She moved away"]
        let loose = EntryDetails(kind: .waiver, values: values)
        #expect(problems(with: loose, now: Self.now, timezone: "Europe/London").map(\.code) == ["entry.completes"])
        let waiver = EntryDetails(kind: .waiver, values: values, completes: .random())
        #expect(problems(with: waiver, now: Self.now, timezone: "Europe/London").isEmpty)
    }

    // MARK: - A working day

    private static func moment(_ day: String, _ time: String) throws -> Timestamp {
        try #require(SchoolTime("Europe/London").instant(day, time))
    }

    @Test(arguments: [
        ("2026-11-24", "10:15", "2026-11-25", "10:15"), ("2026-11-27", "15:00", "2026-11-30", "15:00"),
        ("2026-11-28", "12:00", "2026-12-01", "00:00"), ("2026-12-18", "09:00", "2027-01-04", "09:00"),
        ("2026-12-25", "09:00", "2027-01-05", "00:00"), ("2027-03-26", "18:00", "2027-03-30", "00:00"),
    ])
    func `A working day after something is the same time on the next working day`(
        _ day: String, _ time: String, _ wantedDay: String, _ wantedTime: String
    ) throws {
        let closed = [20_261_221...20_270_101, 20_270_326...20_270_326]
        let later = SchoolTime("Europe/London").working(
            days: 1, after: try Self.moment(day, time), closed: closed)
        #expect(later == (try Self.moment(wantedDay, wantedTime)))
    }

    @Test func `A calendar in which everything is closed comes to an end`() throws {
        let start = try Self.moment("2026-11-24", "10:15")
        #expect(SchoolTime("Europe/London").working(days: 1, after: start, closed: [0...99_999_999]) > start)
    }

    @Test func `Closed days are days or ranges of days, strictly`() throws {
        for (new, isFine) in [
            ("  - 2026-12-25", true), ("  - 2026-12", false), ("  - Christmas", false),
            ("  - 2027-01-01/2026-12-21", false),
        ] {
            var files = try policyFiles()
            let school = try #require(files["school.yaml"])
            files["school.yaml"] = school.replacing("  - 2027-05-03", with: new)
            let code = refusalCode { _ = try Policies(files: files) }
            #expect(code == (isFine ? nil : "policy.unreadable"), "\(new)")
        }
        let shipped = try Policies(files: policyFiles()).school
        #expect(shipped.closed.contains { $0.contains(20_261_225) })
    }

    // MARK: - In the ledger

    private struct Given {
        var school: School
        let file: PupilFileID
        let document: DocumentID

        init() throws {
            school = try School()
            file = try school.register()
            let (filing, items) = try School.filing()
            try school.say(filing, by: school.founder, pupilFile: file, items: items)
            document = try #require(filing.document)
        }

        func triage(
            _ records: [RecordID]? = nil, followUps: Int = 0, without: ItemKind? = nil
        ) -> (Act, [Item]) {
            let (detail, key) = (ItemID.random(), ItemID.random())
            let items = [
                Item(id: detail, kind: .detail, digest: digest("d")),
                Item(id: key, kind: .detailKey, digest: digest("k")),
            ]
            let act = TriageAct(
                triage: .random(), records: records ?? [document.record], detail: detail, detailKey: key,
                followUps: (0..<followUps).map { _ in .random() })
            return (.itemsTriaged(act), items.filter { $0.kind != without })
        }
    }

    @Test func `The lead and deputies look at what was filed, and nobody else`() throws {
        var given = try Given()
        let deputy = try given.school.add([.deputy])
        let (act, items) = given.triage()
        for role in [Role.admin, .staff, .panel, .accountManager] {
            let other = try given.school.add([role])
            #expect(
                given.school.unlawful(act, by: .person(other), pupilFile: given.file, items: items)
                    == "author may not read: access.not-entitled")
        }
        #expect(
            given.school.unlawful(act, by: .service, pupilFile: given.file, items: items)
                == "the service may not say items.triaged")
        try given.school.say(act, by: deputy, pupilFile: given.file, items: items)
    }

    @Test func `A look names a pupil's records, and brings its detail under that pupil's key`() throws {
        let given = try Given()
        func why(_ said: (Act, [Item]), _ file: PupilFileID?) -> String? {
            given.school.unlawful(said.0, by: .person(given.school.founder), pupilFile: file, items: said.1)
        }
        #expect(why(given.triage(without: .detailKey), nil) == "a triage for nobody on the register")
        #expect(why(given.triage([]), given.file) == "a triage of nothing, or of too much")
        let many = (0..<501).map { _ in RecordID.random() }.sorted()
        #expect(why(given.triage(many), given.file) == "a triage of nothing, or of too much")
        #expect(why(given.triage(Array(many.dropFirst())), given.file) == nil)
        #expect(why(given.triage(followUps: 8), given.file) == "a triage of nothing, or of too much")
        #expect(why(given.triage(without: .detail), given.file) == "a triage without its detail")
        #expect(why(given.triage(without: .detailKey), given.file) == "a triage under another pupil's detail key")
    }

    @Test func `What waits is looked at once, and what was moved out of the file no more`() throws {
        var triage = FileTriage()
        let (document, own) = (DocumentID.random(), DocumentID.random())
        triage.add(document.record, document, at: 5, Self.now, isOwn: false)
        triage.add(own.record, own, at: 6, Self.now, isOwn: true)
        #expect(Array(triage.waiting.keys) == [document.record] && Array(triage.unread.keys) == [document])
        triage.open(document)
        #expect(triage.unread.isEmpty)
        func act(_ records: RecordID...) -> TriageAct {
            TriageAct(triage: .random(), records: records, detail: .random(), detailKey: .random(), followUps: [])
        }
        #expect(throws: StatementError.unlawful("a triage of nothing in this file")) {
            try triage.take(act(.random()), at: 7)
        }
        try triage.take(act(document.record, own.record), at: 8)
        #expect(triage.waiting.isEmpty && triage.triaged[own.record] == 8)
        #expect(throws: StatementError.unlawful("looked at twice")) { try triage.take(act(own.record), at: 9) }
        // The statement about both still speaks of the other, until that is moved, too.
        #expect(triage.move(document) == nil)
        #expect(triage.move(own) == 8)
        #expect(!triage.contains(own.record))
    }
}
