// What is said in an entry without a file (F-04, F-07, F-08, F-16). Texts that may be evidence are kept byte for byte: they
// are looked at, and never trimmed, folded or normalised.

/// What kind of entry it is.
public enum EntryKind: String, Hashable, Sendable, CaseIterable {
    /// A telephone call.
    case call
    /// A meeting or a conversation.
    case meeting
    /// Something that was seen or heard.
    case observation
    /// The child's own words.
    case words
    /// Something that was done.
    case action
    /// A decision.
    case decision
    /// A correction of something recorded.
    case correction
    /// Why a follow-up is not done, and will not be.
    case waiver
    /// What a batch of the paper archive brought into the file: written by the vault when the batch is sealed.
    case archive

    /// Those that a person makes.
    public static let ofPeople = allCases.filter { $0 != .archive }

    /// For people.
    public var title: String {
        switch self {
        case .call: "Telephone call"
        case .meeting: "Meeting or conversation"
        case .observation: "Observation"
        case .words: "The child’s own words"
        case .action: "Action taken"
        case .decision: "Decision"
        case .correction: "Correction"
        case .waiver: "Follow-up waived"
        case .archive: "From the paper archive"
        }
    }

    /// The word by which filters name a kind of entry, beside the categories of documents.
    public static func category(_ kind: String) -> String { "entry." + kind }

    /// The kind that such a word names; nil for a category of documents.
    public static func named(inCategory category: String) -> EntryKind? {
        category.hasPrefix("entry.") ? EntryKind(rawValue: String(category.dropFirst(6))) : nil
    }

    /// The fields that such an entry can have, besides those that all have.
    public var fields: Set<EntryField> {
        switch self {
        case .call: [.with, .organisation, .number, .ended]
        case .meeting: [.with, .organisation, .ended]
        case .observation, .waiver, .archive: []
        case .words: [.questions]
        case .action: [.action, .with, .organisation, .number, .outcome, .parents, .parentsReason]
        case .decision, .correction: [.reasons]
        }
    }

    /// The fields that an entry of this kind must have.
    fileprivate var needed: [EntryField] {
        switch self {
        case .call: [.with, .time]
        case .meeting: [.with]
        case .observation, .words, .waiver, .archive: []
        case .action: [.action]
        case .decision, .correction: [.reasons]
        }
    }
}

/// A field of an entry's detail, by the name that it has there.
public enum EntryField: String, Hashable, Sendable, CaseIterable {
    case basis, date, time, ended, received
    case receivedTime = "received_time"
    case lateReason = "late_reason"
    case summary, with, organisation, number, account, questions, action, parents
    case parentsReason = "parents_reason"
    case outcome, reasons, told
    case toldDate = "told_date"
    case toldTime = "told_time"
    case followUp = "follow_up"
    case followUpDue = "follow_up_due"

    /// Fields of every kind of entry.
    public static let ofAll: Set<EntryField> = [
        .basis, .date, .time, .received, .receivedTime, .lateReason, .summary, .account, .told, .toldDate, .toldTime,
        .followUp, .followUpDue,
    ]

    /// The names of all that an entry's detail holds.
    public static let detailNames = allCases.map(\.rawValue) + ["kind", "summary_origin", "made_by"]

    /// The most characters (Unicode scalars) that it may have.
    fileprivate var longest: Int {
        switch self {
        case .account, .questions: 50_000
        case .with, .outcome, .reasons, .told, .followUp, .parentsReason: 5_000
        case .summary, .lateReason: 500
        default: 200
        }
    }

    /// Whether it is one line of plain text, and trimmed.
    fileprivate var isLine: Bool { longest <= 500 }
}

/// Whether something is known, thought, or was told by somebody else.
public enum EntryBasis: String, Hashable, Sendable, CaseIterable {
    /// The author saw, heard or did it.
    case fact
    /// What the author thinks of it.
    case opinion
    /// Somebody else said so.
    case hearsay

    /// For people.
    public var title: String {
        switch self {
        case .fact: "Fact: seen, heard or done by who records it"
        case .opinion: "Opinion"
        case .hearsay: "Hearsay: somebody else said so"
        }
    }
}

/// What was done.
public enum EntryAction: String, Hashable, Sendable, CaseIterable {
    case talk, parents
    case socialCare = "social-care"
    case lado, police, agency

    /// For people.
    public var title: String {
        switch self {
        case .talk: "Talked with the pupil or with adults in school"
        case .parents: "Parents or carers informed"
        case .socialCare: "Referral to children’s social care"
        case .lado: "LADO contacted"
        case .police: "Police contacted"
        case .agency: "Another agency contacted"
        }
    }
}

/// Whether the parents were contacted before a referral, or which exception of the policy applies.
public enum EntryParents: String, Hashable, Sendable, CaseIterable {
    case contacted
    case familyAllegation = "family-allegation"
    case greaterRisk = "greater-risk"

    /// For people.
    public var title: String {
        switch self {
        case .contacted: "The parent or carer was contacted first"
        case .familyAllegation: "Not contacted first: the allegation is about the family or wider family"
        case .greaterRisk: "Not contacted first: it would put the child at greater risk"
        }
    }
}

/// What a person says in an entry.
public struct EntryDetails: Hashable, Sendable {
    /// What kind it is.
    public var kind: EntryKind
    /// The values by field; what is left out is empty.
    public var values: [EntryField: String]
    /// The entry, or the document's reference, that it corrects: of a correction, and of nothing else.
    public var corrects: RecordID?
    /// The follow-up that it says the outcome of.
    public var completes: FollowUpID?

    /// Details; what is left out is empty.
    public init(
        kind: EntryKind, values: [EntryField: String] = [:], corrects: RecordID? = nil, completes: FollowUpID? = nil
    ) {
        self.kind = kind
        self.values = values
        self.corrects = corrects
        self.completes = completes
    }

    /// One field's value.
    public subscript(field: EntryField) -> String {
        get { values[field] ?? "" }
        set { values[field] = newValue }
    }
}

/// Details that a decision found in order. Only `decide(_:now:timezone:)` makes one.
public struct CheckedEntry: Hashable, Sendable {
    /// The details, days and times as they are kept.
    public let details: EntryDetails
    /// How the summary came about.
    public let origin: SummaryOrigin

    fileprivate init(details: EntryDetails, origin: SummaryOrigin) {
        self.details = details
        self.origin = origin
    }

    /// The values of the detail: every field of every kind, so that nothing outside tells the kind.
    ///
    /// - Parameter name: who makes the entry, by the name they have now.
    public func detailValues(madeBy name: String) -> [String: String] {
        var values = Dictionary(uniqueKeysWithValues: EntryField.allCases.map { ($0.rawValue, details[$0]) })
        values["kind"] = details.kind.rawValue
        values["summary_origin"] = origin.rawValue
        values["made_by"] = name
        return values
    }
}

extension Refusal {
    /// What is wrong with one field of an entry: the code is `entry.` and the field's name.
    fileprivate static func entry(_ field: EntryField, _ message: String, _ hint: String) -> Refusal {
        Refusal(code: "entry." + field.rawValue.replacing("_", with: "-"), message: message, hint: hint)
    }

    /// The field of an entry that a refusal is about.
    public var entryField: EntryField? {
        guard code.hasPrefix("entry.") else { return nil }
        return EntryField(rawValue: String(code.dropFirst(6)).replacing("-", with: "_"))
    }

    /// A correction that does not say what it corrects, or another entry that does.
    public static let entryCorrectsNothing = Refusal(
        code: "entry.corrects", message: "A correction names what it corrects, and nothing else does.",
        hint: "Choose “Correct this” on the entry that is wrong.")
    /// A waiver without the follow-up that it waives.
    public static let entryWaivesNothing = Refusal(
        code: "entry.completes", message: "A waiver names the follow-up that will not be done.",
        hint: "Choose “It will not be done” on the follow-up.")
    /// The outcome of a referral that does not say whether the parents were contacted first.
    public static let entryOutcomeOfReferral = Refusal(
        code: "entry.action",
        message: "This follow-up is a referral to children’s social care, and its outcome is another action.",
        hint:
            "Record it as “Referral to children’s social care”, and say whether the parents were contacted first. If there is no referral, waive it."
    )
    /// An entry that only the vault writes.
    public static let entryIsVaults = Refusal(
        code: "entry.kind", message: "The vault itself writes this entry, when a batch of paper is sealed.",
        hint: "Choose another kind.")
    /// Something that is not in the pupil's file.
    public static let entryNamesNothing = Refusal(
        code: "entry.not-in-file", message: "What is corrected or followed up is not in this pupil’s file.",
        hint: "Look at the pupil’s file, and choose it there.")
}

/// Decides whether what is said in an entry can be recorded.
///
/// - Parameters:
///   - now: the server's clock.
///   - timezone: the school's, in which its people write days and times.
/// - Throws: the first refusal of `problems(with:now:timezone:)`.
public func decide(_ details: EntryDetails, now: Timestamp, timezone: String) throws(Refusal) -> CheckedEntry {
    var check = EntryCheck(details, now, SchoolTime(timezone))
    check.run()
    if let first = check.problems.first { throw first }
    return CheckedEntry(details: check.details, origin: check.origin)
}

/// Everything that is wrong with what is said in an entry, in the order of its form.
public func problems(with details: EntryDetails, now: Timestamp, timezone: String) -> [Refusal] {
    var check = EntryCheck(details, now, SchoolTime(timezone))
    check.run()
    return check.problems
}

private struct EntryCheck {
    var details: EntryDetails
    let now: Timestamp
    let school: SchoolTime
    var problems: [Refusal] = []
    var origin = SummaryOrigin.typed

    init(_ details: EntryDetails, _ now: Timestamp, _ school: SchoolTime) {
        self.details = details
        self.now = now
        self.school = school
    }

    private mutating func problem(_ field: EntryField, _ message: String, _ hint: String) {
        // One line a field: the first that was found.
        guard !problems.contains(where: { $0.entryField == field }) else { return }
        problems.append(.entry(field, message, hint))
    }

    mutating func run() {
        if (details.kind == .correction) != (details.corrects != nil) { problems.append(.entryCorrectsNothing) }
        if details.kind == .waiver && details.completes == nil { problems.append(.entryWaivesNothing) }
        checkTexts()
        checkOccurred()
        checkReceived()
        checkWords()
        checkTold()
        checkFollowUp()
        checkSummary()
        let order = EntryField.allCases
        problems.sort {
            ($0.entryField.flatMap(order.firstIndex) ?? -1) < ($1.entryField.flatMap(order.firstIndex) ?? -1)
        }
    }

    private mutating func checkTexts() {
        let allowed = EntryField.ofAll.union(details.kind.fields)
        for field in EntryField.allCases {
            if field.isLine { details[field] = trimmed(details[field]) }
            let text = details[field]
            guard !text.isEmpty else { continue }
            if !allowed.contains(field) {
                problem(
                    field, "An entry of this kind has no such field: \(field.rawValue).",
                    "Leave it out, or choose another kind.")
            } else if text.unicodeScalars.count > field.longest {
                problem(
                    field, "That is longer than \(field.longest) characters.",
                    "Say it in fewer words, or file it as a document.")
            } else if field.isLine ? !isPlainText(text) : text.unicodeScalars.contains("\0") {
                problem(field, "That is not plain text.", "Write it without control characters.")
            }
        }
    }

    /// The one day that a date is, if it is one.
    private func day(_ date: DocumentDate) -> String? { date.text.utf8.count == 10 ? date.text : nil }

    /// A day in a field, as it is kept; nil where there is none or it is wrong.
    private mutating func readDay(_ field: EntryField) -> String? {
        guard !details[field].isEmpty else { return nil }
        guard let date = try? DocumentDate(typed: details[field]), let day = day(date) else {
            problem(
                field, "That is not a day that can be read.", "Write one day, such as 18 December 2026 or 18/12/2026.")
            return nil
        }
        details[field] = day
        return day
    }

    /// A time of day in a field, as it is kept; nil where there is none or it is wrong.
    private mutating func readTime(_ field: EntryField) -> String? {
        guard !details[field].isEmpty else { return nil }
        guard let time = SchoolTime.time(typed: details[field]) else {
            problem(field, "That is not a time that can be read.", "Write a time such as 14:05 or 2.05pm.")
            return nil
        }
        details[field] = time
        return time
    }

    /// Whether a day, with a time or without, lies after now.
    private func isFuture(_ day: String, _ time: String?) -> Bool {
        guard let time, let instant = school.instant(day, time) else { return day > school.day(of: now) }
        return instant > now
    }

    private mutating func checkOccurred() {
        guard let date = try? DocumentDate(typed: details[.date]) else {
            problem(
                .date, details[.date].isEmpty ? "Say when it happened." : Refusal.dateUnreadable.message,
                Refusal.dateUnreadable.hint)
            return
        }
        details[.date] = date.text
        let time = readTime(.time)
        guard let day = day(date) else {
            if !details[.time].isEmpty {
                problem(.time, "A time belongs to one day.", "Give the day, or leave the time out.")
            }
            if let first = date.days?.lowerBound, first > SchoolTime.number(school.day(of: now)) {
                problem(
                    .date, "That lies in the future.", "Record what has happened. What is to be done is a follow-up.")
            }
            return
        }
        if isFuture(day, time) {
            problem(
                day > school.day(of: now) ? .date : .time, "That lies in the future.",
                "Record what has happened. What is to be done is a follow-up.")
        }
        if let ended = readTime(.ended) {
            if let time, ended < time {
                problem(
                    .ended, "It ended before it began.",
                    "Check both times. If it went on after midnight, leave the end out and say so in the text.")
            } else if isFuture(day, ended) {
                problem(.ended, "That lies in the future.", "Record it when it is over, or leave the end out.")
            }
        }
    }

    private mutating func checkReceived() {
        if details[.received].isEmpty {
            guard let date = try? DocumentDate(parsing: details[.date]) else { return }
            guard let day = day(date), details[.receivedTime].isEmpty else {
                problem(
                    .received, "Say on which day the school learnt of it.",
                    "Write one day, such as 18 December 2026 or 18/12/2026.")
                return
            }
            // Learnt of as it happened; what is wrong with that was said of it.
            details[.received] = day
            details[.receivedTime] = SchoolTime.minute(details[.time]) == nil ? "" : details[.time]
            checkLate(day, details[.receivedTime])
            return
        }
        guard let day = readDay(.received) else { return }
        let time = readTime(.receivedTime)
        if !details[.receivedTime].isEmpty, time == nil { return }
        if isFuture(day, time) {
            problem(
                day > school.day(of: now) ? .received : .receivedTime, "That lies in the future.",
                "Give the moment at which the school learnt of it.")
        }
        if let occurred = try? DocumentDate(parsing: details[.date]), let first = occurred.days?.lowerBound {
            let number = SchoolTime.number(day)
            if number < first || number == first && !details[.time].isEmpty && (time ?? "99") < details[.time] {
                problem(
                    .received, "That is before it happened.",
                    "Check both. Leave it empty if the school learnt of it as it happened.")
            }
        }
        checkLate(day, time ?? "")
    }

    private mutating func checkLate(_ day: String, _ time: String) {
        guard school.isLate(received: day, time: time, recorded: now), details[.lateReason].isEmpty else { return }
        problem(
            .lateReason, "The school learnt of this more than 24 hours ago.",
            "Say in a few words why it is recorded late; or when the school learnt of it, if that was later.")
    }

    private mutating func checkWords() {
        func isBlank(_ field: EntryField) -> Bool { details[field].allSatisfy(\.isWhitespace) }
        if isBlank(.account) {
            let missing = [.words: "The child’s words are missing.", .waiver: "The reason is missing."][details.kind]
            problem(
                .account, missing ?? "It says nothing yet.",
                "Write it as it was, in plain words.")
        }
        if EntryBasis(rawValue: details[.basis]) == nil {
            problem(
                .basis, "Say whether it is fact, opinion or hearsay.",
                "Choose one of the three: fact, opinion, hearsay.")
        }
        for field in details.kind.needed where isBlank(field) {
            switch field {
            case .with: problem(.with, "Say with whom.", "Give the name, and what they are to the child.")
            case .time: problem(.time, "Say when the call began.", "Write a time such as 14:05 or 2.05pm.")
            case .action: problem(.action, "Say what was done.", "Choose one of the list.")
            case .reasons where details.kind == .correction:
                problem(.reasons, "Say what was wrong, and how you know.", "A few words are enough.")
            default: problem(field, "Give the reasons.", "Say why it was decided so.")
            }
        }
        guard details.kind == .action, !details[.action].isEmpty else { return }
        let action = EntryAction(rawValue: details[.action])
        if action == nil { problem(.action, "What was done was not understood.", "Choose one of the list.") }
        if action == .socialCare {
            switch EntryParents(rawValue: details[.parents]) {
            case nil:
                problem(
                    .parents, "Say whether the parents were contacted before the referral.",
                    "Choose one: contacted, family-allegation or greater-risk.")
            case .contacted: break
            default:
                if isBlank(.parentsReason) {
                    problem(
                        .parentsReason, "Say why the parents were not contacted first.",
                        "A few words on why the exception applies.")
                }
            }
        } else if !details[.parents].isEmpty || !isBlank(.parentsReason) {
            problem(.parents, "That belongs to a referral to social care.", "Leave it out here.")
        }
    }

    private mutating func checkTold() {
        let day = readDay(.toldDate)
        let time = readTime(.toldTime)
        let isTold = !details[.told].allSatisfy(\.isWhitespace)
        if isTold, details[.toldDate].isEmpty {
            problem(.toldDate, "Say when they were told.", "Write one day, such as 18 December 2026 or 18/12/2026.")
        } else if !isTold, !details[.toldDate].isEmpty || !details[.toldTime].isEmpty {
            problem(.told, "Say who was told.", "Give names and what they are, or leave the date out.")
        }
        if let day, isFuture(day, time) {
            problem(.toldDate, "That lies in the future.", "Who is still to be told is a follow-up.")
        }
    }

    private mutating func checkFollowUp() {
        let isAsked = !details[.followUp].allSatisfy(\.isWhitespace)
        let day = readDay(.followUpDue)
        if isAsked, details[.followUpDue].isEmpty {
            problem(
                .followUpDue, "Say by which day it is to be done.",
                "Write one day, such as 18 December 2026 or 18/12/2026.")
        } else if !isAsked, !details[.followUpDue].isEmpty {
            problem(.followUp, "Say what is to be done.", "Or leave the day out.")
        }
        if let day, day < school.day(of: now) {
            problem(.followUpDue, "That day is over.", "Give today or a day to come.")
        }
    }

    private mutating func checkSummary() {
        let proposed = proposedSummary
        if details[.summary].isEmpty {
            details[.summary] = proposed
            origin = .accepted
        } else {
            origin = details[.summary] == proposed ? .accepted : .typed
        }
    }

    /// A line for the chronology from what is said.
    private var proposedSummary: String {
        let with = firstWords(of: details[.with])
        let place = details[.organisation].isEmpty ? "" : " (\(details[.organisation]))"
        switch details.kind {
        case .call: return "Telephone call with \(with)\(place)"
        case .meeting: return "Meeting with \(with)\(place)"
        case .words: return "The child’s own words, written down as they were said"
        case .action:
            let title = EntryAction(rawValue: details[.action])?.title ?? ""
            return with.isEmpty ? title + place : "\(title): \(with)\(place)"
        case .waiver: return "Follow-up waived: " + firstWords(of: details[.account])
        case .observation, .decision, .correction, .archive: return firstWords(of: details[.account])
        }
    }

    /// The first sentence, or as many words of it as fit into 120 characters.
    private func firstWords(of text: String) -> String {
        let plain = String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix(600).map { isPlainText(String($0)) ? $0 : " " }))
        let words = plain.split(whereSeparator: \.isWhitespace)
        var out = ""
        for word in words {
            let longer = out.isEmpty ? String(word) : out + " " + word
            guard longer.count <= 120 else { return out.isEmpty ? String(longer.prefix(119)) + "…" : out + " …" }
            out = longer
            if let last = word.last, ".!?".contains(last), out.count > 12 { break }
        }
        return out
    }
}
