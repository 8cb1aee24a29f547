import Ledger
import Sealing

// The acceptable-use policy over the years: versions are adopted, and once a year lead and panel look at the one in force.
// A review that changes nothing is a statement of its own, so that a policy which stayed as it was can be shown to have
// been looked at.

/// A review of the policy in force that left it as it is.
public struct PolicyReviewAct: Hashable, Sendable {
    /// The version that was reviewed.
    public let version: String
    /// The day of the review, such as `2026-11-26`.
    public let reviewed: String
    /// From when on the next review is overdue.
    public let due: Timestamp
    /// The members of the panel who reviewed it together with the author, in byte order.
    public let panel: [PersonID]

    /// For how long a review counts at most, in milliseconds: a leap year, and a day for time zones.
    static let longest: Int64 = 367 * 86_400_000

    /// A review of all these parts.
    public init(version: String, reviewed: String, due: Timestamp, panel: Set<PersonID>) {
        self.version = version
        self.reviewed = reviewed
        self.due = due
        self.panel = panel.sorted()
    }

    var encoded: [String: CanonicalValue] {
        [
            "version": .string(version), "reviewed": .string(reviewed), "due": .integer(due.milliseconds),
            "panel": .array(panel.map { .string($0.text) }),
        ]
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        version = try reader.text("version")
        reviewed = try reader.text("reviewed")
        due = Timestamp(milliseconds: Int64(try reader.size("due")))
        panel = try PersonID.set(reader.array("panel"), key: "panel")
        try reader.end()
    }
}

extension PersonID {
    /// A list of people, each once and in byte order.
    ///
    /// - Throws: `.malformed` with the key, for anything else.
    static func set(_ values: [CanonicalValue], key: String) throws(StatementError) -> [PersonID] {
        var people: [PersonID] = []
        for value in values {
            guard case .string(let text) = value, let person = PersonID(text: text),
                people.last.map({ $0 < person }) ?? true
            else { throw .malformed(key) }
            people.append(person)
        }
        return people
    }
}

/// A version of the policy that came into force.
public struct PolicyVersionState: Hashable, Sendable {
    /// Its name.
    public let version: String
    /// Since when it counts.
    public let adopted: Timestamp
    /// Who adopted it, or founded the vault with it.
    public let author: PersonID
}

/// A review as the ledger has it.
public struct PolicyReviewState: Hashable, Sendable {
    /// What was said.
    public let act: PolicyReviewAct
    /// When it was recorded.
    public let recorded: Timestamp
    /// The lead who reviewed it.
    public let author: PersonID
}

extension Authority {
    /// The last recorded review of the version in force.
    public var policyReview: PolicyReviewState? { policyReviews.last { $0.act.version == acceptableUse } }

    /// Whether somebody is of the panel and can have taken part in a review: with keys that count, and not suspended.
    public func isOfPanel(_ person: PersonID) -> Bool {
        people[person].map { $0.roles.contains(.panel) && hindrance(of: $0) == nil } ?? false
    }

    mutating func review(_ act: PolicyReviewAct, _ statement: Statement) throws(StatementError) {
        guard case .person(let author) = statement.author, act.version == acceptableUse else {
            throw .unlawful("a review of another policy than the one in force")
        }
        guard !act.panel.isEmpty, !act.panel.contains(author), act.panel.allSatisfy(isOfPanel) else {
            throw .unlawful("a review without the panel")
        }
        guard let day = try? AcceptableUsePolicy.instant(act.reviewed, plusMonths: 0, in: "UTC"),
            day.milliseconds <= statement.time.milliseconds + 86_400_000
        else { throw .unlawful("a review of no day, or of one to come") }
        guard statement.time < act.due, act.due.milliseconds <= day.milliseconds + PolicyReviewAct.longest else {
            throw .unlawful("a review that is over, or counts for more than a year")
        }
        policyReviews.append(PolicyReviewState(act: act, recorded: statement.time, author: author))
    }
}
