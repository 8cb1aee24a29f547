import Foundation

/// A field of a request's detail, by the name that it has there.
public enum RequestField: String, Hashable, Sendable, CaseIterable {
    /// The agency's id in `policies/agencies.yaml`; `other` for one that is named in words.
    case agency
    /// Force, council or team.
    case organisation
    /// Who asks, by name.
    case officer
    /// Their rank or role.
    case rank
    /// Their number: collar, warrant or registration.
    case number
    /// How they can be reached.
    case contact
    /// How the school made sure that they are who they say.
    case identityChecked = "identity_checked"
    /// The day on which the school was asked.
    case received
    /// What for.
    case purpose
    /// On what legal ground.
    case basis
    /// What is sought, in their words.
    case sought
    /// `yes` where it asks for information about a victim of the offence under investigation.
    case victim
    /// Of a victim: to which reasonable line of enquiry it is relevant.
    case enquiry
    /// Of a victim: why it is necessary and proportionate, and not to be had otherwise.
    case proportionate
    /// Of a victim: why notes of counselling have substantial probative value; empty where none are asked for.
    case counselling
    /// Of a victim: `given`, or `not-given`.
    case notice
    /// Of a victim: to whom notice was given, or would have to be.
    case noticeTo = "notice_to"
    /// Of a victim: why no notice was given.
    case noticeReason = "notice_reason"
    /// Of a victim: the suspects, by name, one a line.
    case suspects
    /// Who recorded it, by the name they had then.
    case madeBy = "made_by"

    /// Those that are written by a person.
    public static let written = allCases.filter { $0 != .madeBy }
    /// Those that are only there of a victim.
    public static let ofVictim: [RequestField] = [
        .enquiry, .proportionate, .counselling, .notice, .noticeTo, .noticeReason, .suspects,
    ]
    /// Whether it may be left empty.
    public var isOptional: Bool {
        switch self {
        case .number, .contact, .counselling, .noticeReason, .suspects: true
        default: false
        }
    }
}

/// A field of a permission's detail, by the name that it has there.
public enum PermissionField: String, Hashable, Sendable, CaseIterable {
    /// Who may have it, by name.
    case officer
    /// Their rank or role.
    case rank
    /// Their number.
    case number
    /// Force, council or team.
    case organisation
    /// Under which conditions, in the giver's words.
    case conditions
    /// The initials in the exhibits' references.
    case initials
    /// The agency's age recipient, where copies are sealed to one.
    case recipient
    /// What was warned of and given all the same.
    case warnings
    /// Who gave it, by the name they had then.
    case madeBy = "made_by"
}

/// A field of the detail that says what a child was told.
public enum InformedField: String, Hashable, Sendable, CaseIterable {
    /// What they were told, or why nothing.
    case words
    /// The day on which they were told.
    case day
    /// By whom.
    case by
    /// The day on which it is looked at again, where they were not told.
    case review
    /// Who recorded it.
    case madeBy = "made_by"
}

/// A field of a visit's detail.
public enum SiteVisitField: String, Hashable, Sendable, CaseIterable {
    /// Who came, by name and number.
    case officer
    /// The day.
    case day
    /// From when to when: `10:15 to 11:40`.
    case time
    /// Who was with them.
    case present
    /// What they read.
    case read
    /// Who recorded it.
    case madeBy = "made_by"
}

/// What a child was told of a disclosure, or why nothing.
public struct ChildInformed: Hashable, Sendable {
    /// Whether they were told.
    public var told: Bool
    /// What they were told, or why nothing: 1 to 2,000 characters.
    public var words: String
    /// The day on which they were told, as people write it.
    public var day: String
    /// By whom.
    public var by: String
    /// The day on which it is looked at again, where they were not told.
    public var review: String

    /// All of it, as it is typed.
    public init(told: Bool, words: String, day: String = "", by: String = "", review: String = "") {
        self.told = told
        self.words = words
        self.day = day
        self.by = by
        self.review = review
    }
}

private func refusal(_ code: String, _ message: String, _ hint: String) -> Refusal {
    Refusal(code: code, message: message, hint: hint)
}

/// Decides whether a request can be recorded (D-01, D-08); gives its fields, trimmed, each one there.
///
/// - Parameters:
///   - confirmed: whether the person who records it was shown that whoever is to be notified may be a suspect, and goes on.
///   - otherSuspects: the suspects of earlier requests about the same pupil.
/// - Throws: a refusal `request.FIELD`.
public func decide(
    _ given: [RequestField: String], confirmed: Bool, otherSuspects: [String], agencies: Set<String>, today: String
) throws(Refusal) -> [RequestField: String] {
    var values: [RequestField: String] = [:]
    let isVictim = given[.victim] == "yes"
    for field in RequestField.written {
        let isLong = [.purpose, .sought, .enquiry, .proportionate, .counselling, .noticeReason, .suspects].contains(
            field)
        let value = isLong ? trimmedLines(given[field] ?? "") : trimmed(given[field] ?? "")
        let isAsked = isVictim || !RequestField.ofVictim.contains(field)
        guard value.count <= (isLong ? 2000 : 200), isPlainText(value.replacing("\n", with: " ")) else {
            throw refusal(
                "request.\(field.rawValue)", "This is too long, or not plain text.",
                "Write at most \(isLong ? 2000 : 200) characters.")
        }
        if isAsked, value.isEmpty, !field.isOptional, field != .victim {
            throw refusal(
                "request.\(field.rawValue)", "Something is missing: it has to be recorded before anything is given.",
                field.question)
        }
        values[field] = isAsked ? value : ""
    }
    guard agencies.contains(values[.agency] ?? "") || values[.agency] == "other" else {
        throw refusal("request.agency", "That agency is not one of the list.", "Choose the agency, or another one.")
    }
    guard values[.victim] == "yes" || values[.victim] == "no" else {
        throw refusal(
            "request.victim", "It is not said whether this asks about a victim.",
            "Say yes where the police ask for information about a victim of the offence they investigate.")
    }
    guard let received = try? DocumentDate(typed: values[.received] ?? ""), received.days?.count == 1,
        let day = received.days?.lowerBound, let now = try? DocumentDate(parsing: today),
        day <= (now.days?.upperBound ?? 0)
    else {
        throw refusal(
            "request.received", "The day on which the school was asked cannot be read, or lies in the future.",
            "Write it as 18 December 2026 or 18/12/2026.")
    }
    values[.received] = received.text
    guard isVictim else { return values }
    guard let notice = values[.notice], ["given", "not-given"].contains(notice) else {
        throw refusal("request.notice", "It is not said whether notice was given.", "Choose one of the two.")
    }
    if notice == "not-given", values[.noticeReason]?.isEmpty != false {
        throw refusal(
            "request.notice_reason", "It is not said why no notice was given.",
            "The law wants notice unless it would interfere with the investigation or put somebody at risk: say which.")
    }
    let suspects = (values[.suspects] ?? "").split(separator: "\n").map(String.init) + otherSuspects
    let notified = values[.noticeTo] ?? ""
    if !confirmed, suspects.contains(where: { isLike($0, notified) }) { throw .notifiedMayBeSuspect }
    return values
}

extension RequestField {
    /// What is asked for where it is missing.
    public var question: String {
        switch self {
        case .agency: "Choose the agency."
        case .organisation: "Write the force, council or team."
        case .officer: "Write the full name of who asks."
        case .rank: "Write their rank or role."
        case .number: "Write their collar, warrant or registration number."
        case .contact: "Write a telephone number or e-mail address."
        case .identityChecked:
            "Say how you made sure who they are, such as a call back through the force’s switchboard."
        case .received: "Write the day on which the school was asked."
        case .purpose: "Say what it is for, as the letter says."
        case .basis: "Say on what legal ground, as the letter says."
        case .sought: "Say what is sought, as the letter says."
        case .victim: "Say whether it asks about a victim."
        case .enquiry: "Say to which reasonable line of enquiry it is relevant."
        case .proportionate: "Say why it is necessary and proportionate, and not to be had otherwise."
        case .counselling: "Say why the notes have substantial probative value."
        case .notice: "Say whether notice was given."
        case .noticeTo: "Write to whom notice was given, or would have to be."
        case .noticeReason: "Say why no notice was given."
        case .suspects: "Write each suspect’s name on a line of its own."
        case .madeBy: ""
        }
    }
}

extension Refusal {
    /// Whoever is to be notified has a name like a suspect's (D-08).
    public static let notifiedMayBeSuspect = Refusal(
        code: "request.notice_suspect",
        message: "Whoever is to be notified has a name like one of the suspects’.",
        hint: "Notice must not go to a suspect. If it is somebody else, say so and go on.")
}

/// Text of several lines, without space around it.
private func trimmedLines(_ text: String) -> String { trimmed(text.replacing("\r\n", with: "\n")) }

/// Whether two names may be the same person's: they share a word of three letters or more that is the last of one of them,
/// whatever the case and the accents.
func isLike(_ left: String, _ right: String) -> Bool {
    func words(_ name: String) -> [String] {
        name.folding(options: [.caseInsensitive, .diacriticInsensitive], locale: nil).lowercased()
            .split { !$0.isLetter }.map(String.init).filter { $0.count >= 3 }
    }
    let (left, right) = (words(left), words(right))
    guard let leftLast = left.last, let rightLast = right.last else { return false }
    return right.contains(leftLast) || left.contains(rightLast)
}

/// The initials that an exhibit's reference begins with: the first letters of a name's words, at most four.
///
/// - Parameter earlier: the initials of those who produced exhibits before: the same ones get a number behind.
public func exhibitInitials(of name: String, after earlier: [String]) -> String {
    let letters = name.folding(options: .diacriticInsensitive, locale: nil).split { !$0.isLetter }
        .compactMap { $0.first.map { String($0).uppercased() } }
        .filter { $0.count == 1 && $0.unicodeScalars.allSatisfy { ("A"..."Z").contains($0) } }
    let initials = letters.isEmpty ? "X" : letters.prefix(4).joined()
    let same = earlier.count {
        $0 == initials || $0.hasPrefix(initials) && $0.dropFirst(initials.count).allSatisfy(\.isNumber)
    }
    return same == 0 ? initials : "\(initials)\(same + 1)"
}

/// Decides what is said of what a child was told (D-07); gives the detail's values.
///
/// - Throws: a refusal `informed.…`.
public func decide(_ informed: ChildInformed, today: String) throws(Refusal) -> [InformedField: String] {
    let (words, by) = (trimmedLines(informed.words), trimmed(informed.by))
    guard (1...2000).contains(words.count), isPlainText(words.replacing("\n", with: " ")) else {
        throw refusal(
            "informed.words",
            informed.told ? "It is not said what the child was told." : "It is not said why the child was not told.",
            "Write it in a sentence or two.")
    }
    var values: [InformedField: String] = [.words: words, .by: "", .day: "", .review: ""]
    if informed.told {
        guard !by.isEmpty, by.count <= 200, isPlainText(by) else {
            throw refusal("informed.by", "It is not said who told the child.", "Write their name.")
        }
        guard let day = try? DocumentDate(typed: informed.day), day.days?.count == 1,
            let now = try? DocumentDate(parsing: today),
            let first = day.days?.lowerBound, first <= (now.days?.upperBound ?? 0)
        else {
            throw refusal(
                "informed.day", "The day on which the child was told cannot be read, or lies in the future.",
                "Write it as 18 December 2026 or 18/12/2026.")
        }
        values[.by] = by
        values[.day] = day.text
    } else {
        guard let day = try? DocumentDate(typed: informed.review), day.days?.count == 1,
            let now = try? DocumentDate(parsing: today), let first = day.days?.lowerBound,
            first > (now.days?.upperBound ?? 0)
        else {
            throw refusal(
                "informed.review", "The day on which this is looked at again cannot be read, or is not after today.",
                "Not telling is looked at again: write a day after today, such as 18 December 2026.")
        }
        values[.review] = day.text
    }
    return values
}
