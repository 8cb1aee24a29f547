/// What a person says of a document when they file it.
public struct FilingDetails: Hashable, Sendable {
    /// What it is, in a few words.
    public var summary: String
    /// The category's id in `policies/categories.yaml`.
    public var category: String
    /// The document's own date, EDTF level 0 or `undated`.
    public var date: String
    /// `yes`, `no` or `unknown`.
    public var signed: String
    /// By whom it is signed, where that is known.
    public var signedBy: String
    /// The day the school received it, where that is known: `2026-11-23`.
    public var received: String
    /// Why it is recorded more than 24 hours after it was received.
    public var lateReason: String
    /// Whom it is about, where it says what a member of staff may have done: then it is restricted.
    public var concerning: StaffConcern?
    /// Of notes of a meeting: with whom, when, and who attended.
    public var meeting: MeetingDetails
    /// The other pupils that it is about, each with a summary of their own.
    public var alsoAbout: [AlsoAbout]

    /// Details; what is left out is empty.
    public init(
        summary: String = "", category: String = "", date: String = "", signed: String = "unknown",
        signedBy: String = "", received: String = "", lateReason: String = "", concerning: StaffConcern? = nil,
        meeting: MeetingDetails = MeetingDetails(), alsoAbout: [AlsoAbout] = []
    ) {
        self.summary = summary
        self.category = category
        self.date = date
        self.signed = signed
        self.signedBy = signedBy
        self.received = received
        self.lateReason = lateReason
        self.concerning = concerning
        self.meeting = meeting
        self.alsoAbout = alsoAbout
    }

    /// What is said, by the names that the fields have in lines of JSON and in `Upload-Metadata`.
    ///
    /// - Parameter said: a field's text; nil or empty where it was left out.
    public init(said: (String) -> String?) {
        self.init(
            summary: said("summary") ?? "", category: said("category") ?? "", date: said("date") ?? "",
            signed: said("signed").flatMap { $0.isEmpty ? nil : $0 } ?? "unknown", signedBy: said("signed_by") ?? "",
            received: said("received") ?? "", lateReason: said("late_reason") ?? "")
        for (name, value) in MeetingDetails.fields { meeting[keyPath: value] = said(name) ?? "" }
    }

    /// The same, to be read by it again; whom it concerns and which other pupils it is about are not among it.
    public var said: [(name: String, value: String)] {
        [
            ("summary", summary), ("category", category), ("date", date), ("signed", signed), ("signed_by", signedBy),
            ("received", received), ("late_reason", lateReason),
        ] + MeetingDetails.fields.map { ($0.name, meeting[keyPath: $0.value]) }
    }

    /// The names of what is said.
    public static let saidNames = FilingDetails().said.map(\.name)
}

/// How a summary came about.
public enum SummaryOrigin: String, Hashable, Sendable {
    /// A person wrote it.
    case typed
    /// The system proposed it and a person changed it.
    case changed
    /// The system proposed it and a person accepted it as it was.
    case accepted
}

/// Details that a decision found in order. Only `decide(_:)` makes one.
public struct CheckedDetails: Hashable, Sendable {
    /// The details, trimmed.
    public let details: FilingDetails
    /// The document's own date.
    public let date: DocumentDate
    /// How the summary came about.
    public let origin: SummaryOrigin

    fileprivate init(details: FilingDetails, date: DocumentDate, origin: SummaryOrigin) {
        self.details = details
        self.date = date
        self.origin = origin
    }
}

/// Decides whether a document's details can be filed (F-02 to F-06).
///
/// - Parameters:
///   - proposed: the summary that the system proposed, if it did.
///   - today: the day now in the school's time zone, as `2026-11-23`.
///   - yesterday: the day before it.
/// - Throws: a refusal that says which field and what would be right.
public func decide(
    _ details: FilingDetails, filename: String, proposed: String?, policies: Policies, today: String, yesterday: String
) throws(Refusal) -> CheckedDetails {
    var details = details
    details.summary = trimmed(details.summary)
    details.signedBy = trimmed(details.signedBy)
    details.lateReason = trimmed(details.lateReason)
    guard !details.summary.isEmpty else { throw .summaryBlank }
    guard details.summary.count <= 500, isPlainText(details.summary), isPlainText(details.signedBy),
        details.signedBy.count <= 200, isPlainText(details.lateReason), details.lateReason.count <= 500
    else { throw .summaryTooLong }
    guard !isFilename(details.summary, filename) else { throw .summaryIsFilename }
    guard policies.categories.title(of: details.category) != nil else { throw .categoryUnknown }
    guard ["yes", "no", "unknown"].contains(details.signed) else { throw .signedUnknownWord }
    if let concern = details.concerning { details.concerning = try decide(concern) }
    let date = try DocumentDate(typed: details.date)
    if let problem = decideMeeting(&details, on: date, policies: policies, today: today).first { throw problem }
    if !details.received.isEmpty {
        let received = try DocumentDate(typed: details.received)
        details.received = received.text
        let now = try DocumentDate(parsing: today)
        guard let day = received.days, day.lowerBound <= (now.days?.upperBound ?? 0) else { throw .receivedInFuture }
        if details.received != today && details.received != yesterday && details.lateReason.isEmpty {
            throw .lateReasonMissing
        }
    }
    let origin: SummaryOrigin =
        switch proposed.map(trimmed) {
        case nil, "": .typed
        case details.summary: .accepted
        default: .changed
        }
    return CheckedDetails(details: details, date: date, origin: origin)
}

/// Everything that is wrong with what is said of a meeting, in the order of its form; what is wrong with its date first.
///
/// - Parameter today: the day now in the school's time zone, as `2026-11-23`.
public func meetingProblems(with details: FilingDetails, policies: Policies, today: String) -> [Refusal] {
    var details = details
    details.lateReason = trimmed(details.lateReason)
    do {
        return decideMeeting(
            &details, on: try DocumentDate(typed: details.date), policies: policies, today: today)
    } catch {
        let problems = decideMeeting(&details, on: .undated, policies: policies, today: today)
        return problems.map { $0.meetingField == "date" && !details.date.isEmpty ? error : $0 }
    }
}

/// Decides whether it is said whom a document about members of staff concerns.
public func decide(_ concern: StaffConcern) throws(Refusal) -> StaffConcern {
    let others = trimmed(concern.others)
    guard others.count <= 200, isPlainText(others) else { throw .staffName }
    guard !concern.people.isEmpty || !others.isEmpty else { throw .staffNobody }
    return StaffConcern(people: concern.people, others: others)
}

/// Decides what may be said of a scan in the intake queue, where little is known yet: nothing, or up to 500 characters.
public func decideIntakeSummary(_ summary: String) throws(Refusal) -> String {
    let summary = trimmed(summary)
    guard summary.count <= 500, isPlainText(summary) else { throw .summaryTooLong }
    return summary
}

func trimmed(_ text: String) -> String {
    var text = text[...]
    while text.first?.isWhitespace == true { text = text.dropFirst() }
    while text.last?.isWhitespace == true { text = text.dropLast() }
    return String(text)
}

func isPlainText(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { scalar in
        scalar.value >= 32 && scalar.value != 127 && !(0x80...0x9F).contains(scalar.value)
            && !(0x202A...0x202E).contains(scalar.value) && !(0x2066...0x2069).contains(scalar.value)
    }
}

private func isFilename(_ summary: String, _ filename: String) -> Bool {
    func bare(_ text: some StringProtocol) -> String { text.lowercased().filter { $0.isLetter || $0.isNumber } }
    let stem = filename.lastIndex(of: ".").map { filename[..<$0] } ?? filename[...]
    return bare(summary) == bare(filename) || (!bare(stem).isEmpty && bare(summary) == bare(stem))
}
