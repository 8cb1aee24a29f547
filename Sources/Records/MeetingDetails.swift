// What notes of a meeting with another agency say of the meeting (F-05). Its day is the document's own date, so that there is
// one day and no two that may differ.

/// How notes were written down.
public enum MeetingHand: String, Hashable, Sendable, CaseIterable {
    /// Typed.
    case typed
    /// By hand.
    case handwritten
}

/// What is said of the meeting that a document has the notes of. All empty for any other document.
public struct MeetingDetails: Hashable, Sendable {
    /// The agency's id in `policies/agencies.yaml`, or `other`.
    public var agency: String
    /// The agency's name: of one in the policy its title as it stood then, else as it was typed.
    public var agencyName: String
    /// When it began: `14:05`.
    public var time: String
    /// Who attended, and what each is: up to 5,000 characters, on lines of their own.
    public var attendees: String
    /// `typed` or `handwritten`.
    public var written: String
    /// Whom the school has the notes from, where it did not write them.
    public var receivedFrom: String

    /// Details; what is left out is empty.
    public init(
        agency: String = "", agencyName: String = "", time: String = "", attendees: String = "", written: String = "",
        receivedFrom: String = ""
    ) {
        self.agency = agency
        self.agencyName = agencyName
        self.time = time
        self.attendees = attendees
        self.written = written
        self.receivedFrom = receivedFrom
    }

    /// Whether nothing is said of a meeting.
    public var isEmpty: Bool { self == MeetingDetails() }

    /// The word for an agency that the policy does not list.
    public static let otherAgency = "other"

    /// The names that its fields have in a document's detail, in lines of JSON and in `Upload-Metadata`.
    public static let fields: [(name: String, value: any (WritableKeyPath<MeetingDetails, String> & Sendable))] = [
        ("agency", \.agency), ("agency_name", \.agencyName), ("time", \.time), ("attendees", \.attendees),
        ("written", \.written), ("received_from", \.receivedFrom),
    ]
}

/// Paper from before the school kept records on a computer (S-01): of its meetings is said what the paper says.
public enum ArchivePaper {
    /// The first day that is none of it, as `DocumentDate.days` writes days.
    public static let end = 2018_03_01
    /// Why notes of such a meeting are recorded on another day, where nobody gave a reason.
    public static let lateReason = "Paper from before March 2018, filed later"

    /// Whether all that a date can mean lies before that day.
    public static func covers(_ date: DocumentDate) -> Bool { date.days.map { $0.upperBound < end } ?? false }
}

extension Refusal {
    /// What is wrong with one field of a meeting: the code is `meeting.` and the field's name.
    fileprivate static func meeting(_ field: String, _ message: String, _ hint: String) -> Refusal {
        Refusal(code: "meeting." + field, message: message, hint: hint)
    }

    /// The field of a meeting that a refusal is about, as pages name it.
    public var meetingField: String? { code.hasPrefix("meeting.") ? String(code.dropFirst(8)) : nil }
}

/// Everything that is wrong with what is said of a document's meeting, in the order of its form; nothing for a document that
/// is no notes of one.
///
/// Notes from before March 2018 are held to what is written on them; all others need agency, day, time, who attended, and how
/// they were written, and a reason where that day is not today.
/// - Parameters:
///   - details: of the filing, with the meeting's; what is in order is put as it is kept.
///   - today: the day now in the school's time zone, as `2026-11-23`.
func decideMeeting(
    _ details: inout FilingDetails, on date: DocumentDate, policies: Policies, today: String
) -> [Refusal] {
    var meeting = details.meeting
    meeting.agency = trimmed(meeting.agency)
    meeting.agencyName = trimmed(meeting.agencyName)
    meeting.time = trimmed(meeting.time)
    meeting.written = trimmed(meeting.written)
    meeting.receivedFrom = trimmed(meeting.receivedFrom)
    guard policies.categories.isMeeting(details.category) else {
        return meeting.isEmpty
            ? []
            : [
                .meeting(
                    "elsewhere", "Agency, time and who attended belong to notes of a meeting.",
                    "Choose a category of meetings, or leave these out.")
            ]
    }
    let isArchive = ArchivePaper.covers(date)
    var problems: [Refusal] = []
    let agencies = policies.agencies
    switch meeting.agency {
    case "":
        if !isArchive {
            problems.append(.meeting("agency", "Say which agency it was with.", "Choose one, or another and its name."))
        }
    case MeetingDetails.otherAgency:
        if meeting.agencyName.isEmpty {
            problems.append(.meeting("agency-name", "Say which other agency.", "Write its name."))
        }
    default:
        if let title = agencies.title(of: meeting.agency) {
            meeting.agencyName = title
        } else {
            problems.append(
                .meeting("agency", "There is no such agency on the list.", "Choose one, or another and its name."))
        }
    }
    if !isArchive, date.text.utf8.count != 10 {
        problems.append(
            .meeting(
                "date", "Say on which day the meeting was.",
                "Such as 18 November 2026. For paper from before March 2018 a month or a year is enough."))
    } else if let first = date.days?.lowerBound, first > SchoolTime.number(today) {
        problems.append(.meeting("date", "That day is still to come.", "File the notes when the meeting has been."))
    }
    if let time = SchoolTime.time(typed: meeting.time) {
        meeting.time = time
        if date.text.utf8.count != 10, !problems.contains(where: { $0.meetingField == "date" }) {
            problems.append(.meeting("time", "A time belongs to one day.", "Give the day, or leave the time out."))
        }
    } else if !meeting.time.isEmpty || !isArchive {
        problems.append(.meeting("time", "Say when the meeting began.", "Write a time such as 14:05 or 2.05pm."))
    }
    if !isArchive, meeting.attendees.allSatisfy(\.isWhitespace) {
        problems.append(.meeting("attendees", "Say who attended.", "Names, and what each is, a line for each."))
    }
    let isPlain = meeting.attendees.split(whereSeparator: \.isNewline).allSatisfy {
        isPlainText(String($0).replacing("\t", with: " "))
    }
    if meeting.attendees.unicodeScalars.count > 5_000 || !isPlain {
        problems.append(
            .meeting("attendees", "That is longer than 5,000 characters, or no plain text.", "Give names and roles."))
    }
    if MeetingHand(rawValue: meeting.written) == nil, !meeting.written.isEmpty || !isArchive {
        problems.append(
            .meeting("written", "Say whether the notes are typed or handwritten.", "Choose one: both are taken."))
    }
    for (field, text) in [("agency-name", meeting.agencyName), ("received-from", meeting.receivedFrom)]
    where text.unicodeScalars.count > 200 || !isPlainText(text) {
        problems.append(
            .meeting(field, "That is longer than 200 characters, or no plain text.", "Say it in fewer words."))
    }
    details.meeting = meeting
    if date.text != today, details.lateReason.isEmpty {
        if isArchive {
            details.lateReason = ArchivePaper.lateReason
        } else if !problems.contains(where: { $0.meetingField == "date" }) {
            problems.append(
                .meeting(
                    "late-reason", "The meeting was not today.",
                    "Say in a few words why its notes are filed on another day."))
        }
    }
    return problems
}

/// One of several pupils that a document is about, beside the one it was uploaded for (F-11).
public struct AlsoAbout: Hashable, Sendable {
    /// The other pupil's file.
    public let pupilFile: PupilFileID
    /// What stands in that pupil's chronology: no word of it comes from another's.
    public var summary: String

    /// A pupil with a summary of their own.
    public init(pupilFile: PupilFileID, summary: String) {
        self.pupilFile = pupilFile
        self.summary = summary
    }
}

extension Policies {
    /// An agency as people see it.
    public func title(ofAgency id: String) -> String {
        id == MeetingDetails.otherAgency
            ? "another agency" : agencies.title(of: id) ?? "an agency that is no longer listed"
    }

    /// A category, or a kind of entry, as people see it.
    public func title(ofCategory id: String) -> String {
        EntryKind.named(inCategory: id)?.title ?? categories.title(of: id) ?? id
    }
}
