// What somebody says who looked at what was filed: what follows, why, and by when (F-15, F-16).

/// What follows.
public enum TriageOutcome: String, Hashable, Sendable, CaseIterable {
    /// Nothing; it needs a reason, and stands alone.
    case nothing
    case pupil, adults, parents, agency
    case socialCare = "social-care"
    case lado, police

    /// For people, as what is to be done.
    public var title: String {
        switch self {
        case .nothing: "Nothing further"
        case .pupil: "Talk with the pupil"
        case .adults: "Talk with adults in school"
        case .parents: "Tell the parents or carers"
        case .agency: "Contact an outside agency"
        case .socialCare: "Refer to children’s social care"
        case .lado: "Contact the LADO"
        case .police: "Contact the police"
        }
    }

    /// The action that an entry says the outcome with.
    public var action: EntryAction {
        switch self {
        case .nothing, .pupil, .adults: .talk
        case .parents: .parents
        case .agency: .agency
        case .socialCare: .socialCare
        case .lado: .lado
        case .police: .police
        }
    }
}

/// A field of a triage's detail, by the name that it has there.
public enum TriageField: String, Hashable, Sendable, CaseIterable {
    case follows
    case childOnChild = "child_on_child"
    case words, due, parents
    case parentsReason = "parents_reason"

    /// The names of all that the detail holds.
    public static let detailNames = allCases.map(\.rawValue) + ["made_by"]
}

/// What a person says follows.
public struct TriageDetails: Hashable, Sendable {
    /// What follows.
    public var follows: Set<TriageOutcome>
    /// Whether it is something between children: then the parents of this child are contacted.
    public var isChildOnChild: Bool
    /// The reason, or what is to be done.
    public var words: String
    /// By which day, as it was typed; of nothing further, none.
    public var due: String
    /// Of a referral, why the parents are not contacted first, or that they were; empty where that is still to be said.
    public var parents: String
    /// Why the exception applies.
    public var parentsReason: String

    /// Details; what is left out is empty.
    public init(
        follows: Set<TriageOutcome> = [], isChildOnChild: Bool = false, words: String = "", due: String = "",
        parents: String = "", parentsReason: String = ""
    ) {
        self.follows = follows
        self.isChildOnChild = isChildOnChild
        self.words = words
        self.due = due
        self.parents = parents
        self.parentsReason = parentsReason
    }
}

/// Details that a decision found in order. Only `decide(_:now:timezone:)` makes one.
public struct CheckedTriage: Hashable, Sendable {
    /// What follows, in the order of `TriageOutcome`.
    public let follows: [TriageOutcome]
    fileprivate let values: [String: String]

    /// What opens a follow-up.
    public var open: [TriageOutcome] { follows.filter { $0 != .nothing } }

    /// The values of the detail: every field, so that nothing outside tells what follows.
    ///
    /// - Parameter name: who says it, by the name they have now.
    public func detailValues(madeBy name: String) -> [String: String] { values.merging(["made_by": name]) { $1 } }
}

extension Refusal {
    fileprivate static func triage(_ field: TriageField, _ message: String, _ hint: String) -> Refusal {
        Refusal(code: "triage." + field.rawValue.replacing("_", with: "-"), message: message, hint: hint)
    }

    /// The field of a triage that a refusal is about.
    public var triageField: TriageField? {
        guard code.hasPrefix("triage.") else { return nil }
        return TriageField(rawValue: String(code.dropFirst(7)).replacing("-", with: "_"))
    }

    /// No record was chosen, or too many.
    public static let triageOfNothing = Refusal(
        code: "triage.records", message: "Choose what you have looked at.",
        hint: "At least one document or entry, and at most 500 at a time.")
    /// Something that is not in the pupil's file.
    public static let triageNotInFile = Refusal(
        code: "triage.not-in-file", message: "Something that was chosen is not in this pupil’s file.",
        hint: "Look at what waits, and choose anew.")

    /// Somebody was there before.
    public static func triagedAlready(by name: String, _ day: String) -> Refusal {
        Refusal(
            code: "triage.done", message: "\(name) has looked at this already, on \(day).",
            hint: "Read what they said. What else is to be done is an entry with a follow-up.")
    }
}

/// Decides whether what is said to follow can be recorded.
///
/// - Throws: the first refusal of `problems(with:now:timezone:)`.
public func decide(_ details: TriageDetails, now: Timestamp, timezone: String) throws(Refusal) -> CheckedTriage {
    let (checked, problems) = check(details, now, timezone)
    if let first = problems.first { throw first }
    return checked
}

/// Everything that is wrong with what is said to follow, in the order of its form.
public func problems(with details: TriageDetails, now: Timestamp, timezone: String) -> [Refusal] {
    check(details, now, timezone).problems
}

private func check(
    _ details: TriageDetails, _ now: Timestamp, _ timezone: String
) -> (checked: CheckedTriage, problems: [Refusal]) {
    var problems: [Refusal] = []
    func isBlank(_ text: String) -> Bool { text.allSatisfy(\.isWhitespace) }
    func problem(_ field: TriageField, _ message: String, _ hint: String) {
        guard !problems.contains(where: { $0.triageField == field }) else { return }
        problems.append(.triage(field, message, hint))
    }
    func checkText(_ field: TriageField, _ text: String) {
        if text.unicodeScalars.count > 5_000 {
            problem(field, "That is longer than 5,000 characters.", "Say it in fewer words.")
        } else if text.unicodeScalars.contains("\0") {
            problem(field, "That is not plain text.", "Write it without control characters.")
        }
    }
    var follows = details.follows
    let isNothing = follows.contains(.nothing)
    if follows.isEmpty && !details.isChildOnChild {
        problem(.follows, "Say what follows.", "Choose one or more; or “Nothing further”, with the reason.")
    } else if isNothing && (follows.count > 1 || details.isChildOnChild) {
        problem(
            .follows, "“Nothing further” does not go together with something that follows.", "Choose one or the other.")
    }
    // Both sets of parents are contacted in the first instance: those of this child here.
    if details.isChildOnChild { follows.insert(.parents) }
    if isBlank(details.words) {
        problem(
            .words, isNothing ? "Say why nothing further follows." : "Say in a few words what is to be done, or why.",
            "A few words are enough.")
    }
    checkText(.words, details.words)
    var due = trimmed(details.due)
    if isNothing {
        if !due.isEmpty { problem(.due, "Nothing is to be done by a day.", "Leave the day out.") }
    } else if due.isEmpty {
        problem(.due, "Say by which day it is to be done.", "Write one day, such as 18 December 2026 or 18/12/2026.")
    } else if let date = try? DocumentDate(typed: due), date.text.utf8.count == 10 {
        due = date.text
        if due < SchoolTime(timezone).day(of: now) {
            problem(.due, "That day is over.", "Give today or a day to come.")
        }
    } else {
        problem(.due, Refusal.dayUnreadable.message, Refusal.dayUnreadable.hint)
    }
    let parents = EntryParents(rawValue: details.parents)
    if !follows.contains(.socialCare) {
        if !details.parents.isEmpty || !isBlank(details.parentsReason) {
            problem(.parents, "That belongs to a referral to social care.", "Leave it out here.")
        }
    } else if parents == nil && !details.parents.isEmpty {
        problem(.parents, "That was not understood.", "Choose one of the list, or leave it open.")
    } else if let parents, parents != .contacted, isBlank(details.parentsReason) {
        problem(.parentsReason, "Say why the parents are not contacted first.", "A few words on why it applies.")
    }
    checkText(.parentsReason, details.parentsReason)
    let ordered = TriageOutcome.allCases.filter(follows.contains)
    let values: [TriageField: String] = [
        .follows: ordered.map(\.rawValue).joined(separator: " "),
        .childOnChild: details.isChildOnChild ? "yes" : "no", .words: details.words, .due: due,
        .parents: details.parents, .parentsReason: details.parentsReason,
    ]
    let checked = CheckedTriage(
        follows: ordered, values: Dictionary(uniqueKeysWithValues: values.map { ($0.key.rawValue, $0.value) }))
    return (checked, problems)
}
