import Ledger
import Records
import Sealing
import Testing

/// Entries without a file: what may be said in one (F-04, F-07, F-08, F-16), and what replay takes.
@Suite struct EntryTests {
    static let zone = "Europe/London"
    static let school = SchoolTime(zone)
    /// 26 November 2026, 14:05 in London.
    static let now = Timestamp(milliseconds: 1_795_701_900_000)

    /// A call that is in order; what a test changes, it changes.
    static func call(_ changes: [EntryField: String] = [:]) -> EntryDetails {
        EntryDetails(
            kind: .call,
            values: [
                .basis: "fact", .date: "26 November 2026", .time: "2.00pm", .with: "Dana Okafor, social worker",
                .account: "She asked for the attendance of the last month.",
            ].merging(changes) { $1 })
    }

    static func codes(_ details: EntryDetails, now: Timestamp = now) -> [String] {
        problems(with: details, now: now, timezone: zone).map(\.code)
    }

    @Test func `What is in order is kept as days and times, with what was received as it happened`() throws {
        #expect(Self.school.day(of: Self.now) == "2026-11-26" && Self.school.time(of: Self.now) == "14:05")
        let checked = try decide(Self.call(), now: Self.now, timezone: Self.zone)
        #expect(checked.details[.date] == "2026-11-26" && checked.details[.time] == "14:00")
        #expect(checked.details[.received] == "2026-11-26" && checked.details[.receivedTime] == "14:00")
        #expect(checked.details[.summary] == "Telephone call with Dana Okafor, social worker")
        #expect(checked.origin == .accepted)
        let typed = try decide(Self.call([.summary: " Attendance asked for "]), now: Self.now, timezone: Self.zone)
        #expect(typed.details[.summary] == "Attendance asked for" && typed.origin == .typed)
    }

    @Test func `Late is more than 24 hours after it was received, and asks for a reason`() throws {
        let received = try #require(Self.school.instant("2026-11-26", "14:00"))
        for (milliseconds, isLate) in [(0, false), (86_400_000, false), (86_400_001, true)] as [(Int64, Bool)] {
            let now = Timestamp(milliseconds: received.milliseconds + milliseconds)
            #expect(Self.school.isLate(received: "2026-11-26", time: "14:00", recorded: now) == isLate)
            #expect(Self.codes(Self.call(), now: now) == (isLate ? ["entry.late-reason"] : []))
            #expect(Self.codes(Self.call([.lateReason: "I was away"]), now: now).isEmpty)
        }
        // Without a time of day: neither that day nor the next.
        let midnight = try #require(Self.school.instant("2026-11-28", "00:00"))
        for (milliseconds, isLate) in [(-1, false), (0, true)] as [(Int64, Bool)] {
            let recorded = Timestamp(milliseconds: midnight.milliseconds + milliseconds)
            #expect(Self.school.isLate(received: "2026-11-26", time: "", recorded: recorded) == isLate)
        }
        // 24 hours are 24 hours on the day of 25, when clocks go back.
        let before = try #require(Self.school.instant("2026-10-24", "12:00"))
        let after = try #require(Self.school.instant("2026-10-25", "12:00"))
        #expect(after.milliseconds(since: before) == 25 * 3_600_000)
        #expect(Self.school.isLate(received: "2026-10-24", time: "12:00", recorded: after))
    }

    @Test func `The three times are in order, and none lies in the future`() {
        #expect(Self.codes(Self.call([.date: "27 November 2026"])) == ["entry.date"])
        #expect(Self.codes(Self.call([.time: "14:06"])) == ["entry.time"])
        #expect(Self.codes(Self.call([.ended: "13:59"])) == ["entry.ended"])
        #expect(Self.codes(Self.call([.ended: "14:05"])).isEmpty)
        #expect(Self.codes(Self.call([.received: "25/11/2026"])) == ["entry.received"])
        #expect(Self.codes(Self.call([.received: "26/11/2026", .receivedTime: "13:59"])) == ["entry.received"])
        #expect(Self.codes(Self.call([.received: "26/11/2026", .receivedTime: "14:06"])) == ["entry.received-time"])
        let seen = EntryDetails(
            kind: .observation, values: [.basis: "hearsay", .date: "2019", .account: "A bruise, long ago."])
        #expect(Self.codes(seen) == ["entry.received"], "the day on which the school learnt of it has to be said")
        var learnt = seen
        learnt[.received] = "26 November 2026"
        #expect(Self.codes(learnt).isEmpty)
        learnt[.time] = "10:00"
        #expect(Self.codes(learnt) == ["entry.time"], "a time belongs to one day")
        learnt[.time] = ""
        learnt[.date] = "undated"
        #expect(Self.codes(learnt).isEmpty)
    }

    @Test func `Everything that is wrong is said at once, in the order of the form`() {
        let nothing = EntryDetails(kind: .call)
        #expect(
            Self.codes(nothing) == ["entry.basis", "entry.date", "entry.time", "entry.with", "entry.account"])
        #expect(
            Self.codes(EntryDetails(kind: .action, values: [.action: "social-care", .date: "2026-11-26"]))
                == ["entry.basis", "entry.account", "entry.parents"])
        #expect(Self.codes(Self.call([.questions: "Did he?"])) == ["entry.questions"], "of another kind")
        #expect(Self.codes(Self.call([.told: "The head of year"])) == ["entry.told-date"])
        #expect(Self.codes(Self.call([.toldDate: "26/11/2026"])) == ["entry.told"])
        #expect(Self.codes(Self.call([.followUp: "Ring back"])) == ["entry.follow-up-due"])
        #expect(Self.codes(Self.call([.followUp: "Ring back", .followUpDue: "25/11/2026"])) == ["entry.follow-up-due"])
        #expect(Self.codes(Self.call([.followUp: "Ring back", .followUpDue: "26/11/2026"])).isEmpty)
        #expect(Self.codes(Self.call([.summary: "a\u{202E}b"])) == ["entry.summary"])
        #expect(Self.codes(Self.call([.account: "a\0b"])) == ["entry.account"])
        #expect(Self.codes(Self.call([.account: String(repeating: "x", count: 50_001)])) == ["entry.account"])
        #expect(Self.codes(Self.call([.account: " \r\n\t"])) == ["entry.account"])
        var correction = Self.call()
        correction.corrects = .random()
        #expect(Self.codes(correction) == ["entry.corrects"])
        #expect(
            Self.codes(
                EntryDetails(
                    kind: .correction,
                    values: [
                        .basis: "fact", .date: "2026-11-26", .account: "It was her aunt.", .reasons: "She said so",
                    ]))
                == ["entry.corrects"])
    }

    @Test func `A referral says that the parents were contacted first, or which exception applies and why`() {
        func referral(_ parents: String, _ why: String) -> [String] {
            Self.codes(
                EntryDetails(
                    kind: .action,
                    values: [
                        .basis: "fact", .date: "2026-11-26", .action: "social-care", .account: "Referred.",
                        .parents: parents, .parentsReason: why,
                    ]))
        }
        #expect(referral("", "") == ["entry.parents"] && referral("perhaps", "") == ["entry.parents"])
        #expect(referral("contacted", "").isEmpty)
        for exception in ["family-allegation", "greater-risk"] {
            #expect(referral(exception, " ") == ["entry.parents-reason"])
            #expect(referral(exception, "The allegation is about an uncle").isEmpty)
        }
    }

    @Test(arguments: [
        ("14:05", "14:05"), ("14.05", "14:05"), ("2.05 pm", "14:05"), ("2:05pm", "14:05"), ("9am", "09:00"),
        ("12am", "00:00"), ("12 pm", "12:00"), ("noon", "12:00"), ("9:30 a.m.", "09:30"), ("0:00", "00:00"),
    ])
    func `Times are read as people write them`(_ typed: String, _ kept: String) throws {
        let checked = try decide(
            EntryDetails(
                kind: .observation,
                values: [.basis: "fact", .date: "2026-11-25", .time: typed, .account: "x", .lateReason: "y"]),
            now: Self.now, timezone: Self.zone)
        #expect(checked.details[.time] == kept)
    }

    @Test(arguments: ["24:00", "13pm", "0am", "9", "9:5", "nine", "14:60", "1:2:3", "-1:00", "١٤:٠٥"])
    func `What is no time is refused`(_ typed: String) {
        #expect(Self.codes(Self.call([.time: typed])) == ["entry.time"])
    }

    @Test func `Every kind of entry commits to the same fields, so that nothing outside tells the kind`() throws {
        let words = EntryDetails(
            kind: .words,
            values: [.basis: "fact", .date: "2026-11-26", .account: "He hits me.", .questions: "What happened?"])
        for details in [Self.call(), words] {
            let checked = try decide(details, now: Self.now, timezone: Self.zone)
            let detail = Detail(values: checked.detailValues(madeBy: "Judith Halloran"), keepsEmpty: true)
            #expect(Set(detail.commitments.keys) == Set(EntryField.detailNames))
            #expect(try Detail(parsing: detail.encoded) == detail)
        }
    }

    // MARK: - Replay

    static func entry(
        detailKey: ItemID? = nil, corrects: RecordID? = nil, shares: [EntryShare] = [], id: EntryID = .random(),
        followUp: FollowUpID? = nil, completes: FollowUpID? = nil
    ) -> (Act, [Item]) {
        let detail = Item(id: .random(), kind: .detail, digest: digest("d"))
        let key = Item(id: .random(), kind: .detailKey, digest: digest("k"))
        let act = EntryAct(
            entry: id, detail: detail.id, detailKey: detailKey ?? key.id, corrects: corrects, followUp: followUp,
            completes: completes, shares: shares)
        return (.entryMade(act), detailKey == nil ? [detail, key] : [detail])
    }

    @Test func `Who may file makes entries, under a detail key of that pupil's file alone`() throws {
        var school = try School()
        let (file, other) = (try school.register(), try school.register("P-BBBBB"))
        let admin = Author.person(try school.add([.admin]))
        let panel = Author.person(try school.add([.panel]))
        let (act, items) = Self.entry()
        #expect(
            school.unlawful(act, by: panel, pupilFile: file, items: items) == "author may not file: access.not-entitled"
        )
        #expect(
            school.unlawful(act, by: .service, pupilFile: file, items: items) == "the service may not say entry.made")
        #expect(school.unlawful(act, by: admin, pupilFile: file, items: items) == nil)
        #expect(
            school.unlawful(act, by: admin, pupilFile: .random(), items: items)
                == "an entry for nobody on the register")
        #expect(
            school.unlawful(act, by: admin, pupilFile: file, items: [items[1]]) == "an entry without its detail")
        #expect(
            school.unlawful(act, by: admin, pupilFile: file, items: [items[0]])
                == "an entry under another pupil's detail key")
        try school.say(act, by: admin, pupilFile: file, items: items)
        let (second, its) = Self.entry(detailKey: items[1].id)
        #expect(school.unlawful(second, by: admin, pupilFile: file, items: its) == nil)
        #expect(
            school.unlawful(second, by: admin, pupilFile: other, items: its)
                == "an entry under another pupil's detail key")
    }

    @Test func `A scan station makes no entries`() throws {
        var school = try School()
        let file = try school.register()
        let station = try school.addStation(for: [file], until: 1 << 40)
        let (act, items) = Self.entry()
        #expect(
            school.unlawful(act, by: .person(station), pupilFile: file, items: items)
                == "a station may not say entry.made")
    }

    @Test func `What an entry corrects or completes stands before it, in the same file`() throws {
        let (file, other) = (PupilFileID.random(), PupilFileID.random())
        let school = try School()
        func why(_ statements: [(Act, PupilFileID)]) -> String? {
            var links = EntryLinks()
            for (act, file) in statements {
                do throws(StatementError) {
                    try links.take(school.statement(act, by: .person(school.founder), pupilFile: file))
                } catch {
                    guard case .unlawful(let why) = error else { return "\(error)" }
                    return why
                }
            }
            return nil
        }
        let (filing, _) = try School.filing()
        guard case .documentFiled(let filed) = filing else { return }
        let id = EntryID.random()
        let correction = Self.entry(corrects: filed.document.record, id: id).0
        let again = Self.entry(corrects: id.record).0
        #expect(why([(filing, file), (correction, file), (again, file)]) == nil)
        let nothing = "a correction of nothing in this file"
        #expect(why([(correction, file)]) == nothing)
        #expect(why([(filing, file), (correction, other)]) == nothing)
        #expect(why([(filing, file), (again, file), (correction, file)]) == nothing)
        #expect(why([(Self.entry(corrects: id.record, id: id).0, file)]) == nothing, "itself")
        #expect(why([(filing, file), (correction, file), (correction, file)]) == "an id named twice")
        let followUp = FollowUpID.random()
        let (asks, says) = (Self.entry(followUp: followUp).0, Self.entry(completes: followUp).0)
        #expect(why([(asks, file), (says, file)]) == nil)
        #expect(why([(asks, other), (says, file)]) == "the outcome of no follow-up in this file")
        #expect(why([(asks, file), (Self.entry(followUp: followUp).0, file)]) == "a follow-up named twice")
    }
}
