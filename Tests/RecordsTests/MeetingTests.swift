import Records
import Testing

/// F-05.
@Suite struct MeetingTests {
    private let today = "2026-11-26"

    private func good() -> FilingDetails {
        FilingDetails(
            summary: "What was agreed", category: "meeting-notes", date: "26 November 2026",
            meeting: MeetingDetails(
                agency: "social-care", time: "2.05pm", attendees: "R. Sands, social worker\r\nJ. Halloran",
                written: "handwritten"))
    }

    /// What is kept of it.
    private func decided(_ details: FilingDetails) throws -> FilingDetails {
        try decide(
            details, filename: "a.pdf", proposed: nil, policies: Policies(files: policyFiles()), today: today,
            yesterday: "2026-11-25"
        ).details
    }

    private func codes(_ details: FilingDetails) throws -> [String] {
        try meetingProblems(with: details, policies: Policies(files: policyFiles()), today: today).map(\.code)
    }

    @Test func `Filed on its day it needs no reason; the agency's name is kept as it stands, the time as it is kept`()
        throws
    {
        let kept = try decided(good())
        #expect(kept.meeting.agencyName == "Children’s social care" && kept.meeting.time == "14:05")
        #expect(kept.meeting.attendees == "R. Sands, social worker\r\nJ. Halloran")
        #expect(kept.lateReason.isEmpty)
    }

    @Test func `Each of agency, day, time, who attended and hand is needed, and named when it is missing`() throws {
        var details = good()
        details.meeting = MeetingDetails()
        details.date = "2026-11"
        #expect(
            try codes(details) == [
                "meeting.agency", "meeting.date", "meeting.time", "meeting.attendees", "meeting.written",
            ])
        details.date = ""
        #expect(try codes(details)[1] == "meeting.date")
        details.date = "soon"
        #expect(try codes(details)[1] == "date.unreadable")
    }

    @Test(arguments: ["typed", "handwritten"])
    func `Handwritten notes are taken as typed ones are; anything else is not`(hand: String) throws {
        var details = good()
        details.meeting.written = hand
        #expect(try decided(details).meeting.written == hand)
        details.meeting.written = "dictated"
        #expect(try codes(details) == ["meeting.written"])
    }

    @Test func `On another day than the meeting it is late and needs a reason; a day to come is none`() throws {
        var details = good()
        details.date = "2026-11-25"
        #expect(try codes(details) == ["meeting.late-reason"])
        details.lateReason = "They came by post today"
        #expect(try decided(details).lateReason == "They came by post today")
        details.date = "2026-11-27"
        #expect(try codes(details) == ["meeting.date"])
    }

    @Test func `Another agency is named in words; one that is neither listed nor named is refused`() throws {
        var details = good()
        details.meeting.agency = "other"
        #expect(try codes(details) == ["meeting.agency-name"])
        details.meeting.agencyName = "Harbour Family Trust"
        #expect(try decided(details).meeting.agencyName == "Harbour Family Trust")
        details.meeting.agency = "circus"
        #expect(try codes(details) == ["meeting.agency"])
    }

    @Test func `Paper from before March 2018 is held to what is written on it, and says itself why it is late`() throws
    {
        var details = good()
        (details.meeting, details.date) = (MeetingDetails(), "2009")
        #expect(try decided(details).lateReason == ArchivePaper.lateReason)
        details.date = "2018-02-28"
        #expect(try decided(details).lateReason == ArchivePaper.lateReason)
        details.date = "2018-03-01"
        #expect(try codes(details).contains("meeting.agency"))
        details.date = "2017/2019"
        #expect(try codes(details).contains("meeting.date"), "a range that ends later is none")
        (details.date, details.meeting.time) = ("2009", "14:00")
        #expect(try codes(details) == ["meeting.time"], "a time belongs to one day")
        details.date = "undated"
        #expect(try codes(details).contains("meeting.date"))
    }

    @Test func `What belongs to meetings is refused of anything else`() throws {
        var details = good()
        details.category = "letter"
        #expect(try codes(details) == ["meeting.elsewhere"])
        details.meeting = MeetingDetails()
        _ = try decided(details)
    }

    @Test func `Controls and over-long texts are refused, line by line`() throws {
        for bad in ["a\u{1B}[31m", "x\u{202E}y", String(repeating: "a", count: 5_001)] {
            var details = good()
            details.meeting.attendees = bad
            #expect(try codes(details) == ["meeting.attendees"], "\(bad.prefix(9).debugDescription)")
        }
        var details = good()
        details.meeting.receivedFrom = "a\nb"
        #expect(try codes(details) == ["meeting.received-from"])
    }

    @Test func `What is said comes back by its names`() throws {
        var details = good()
        (details.signed, details.signedBy, details.received) = ("yes", "R. Sands", "2026-11-26")
        details.meeting.receivedFrom = "R. Sands"
        let said = Dictionary(uniqueKeysWithValues: details.said.map { ($0.name, $0.value) })
        #expect(FilingDetails { said[$0] } == details)
    }

    @Test func `A list with an agency twice, without a title, or that is called other, is refused`() throws {
        let bad = [
            "{ id: police, title: Again }", "{ id: x, title: \"\" }", "{ id: other, title: Other }",
            "{ id: A, title: A }",
        ]
        for line in bad {
            var files = try policyFiles()
            files["agencies.yaml", default: ""] += "  - \(line)\n"
            #expect(refusalCode { _ = try Policies(files: files) } == "policy.unreadable", "\(line)")
        }
    }
}
