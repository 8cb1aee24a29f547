import Custody
import Records

// The registers of what agencies asked for, may have and had: one list of lines for each kind, the same on the page and in
// the table for spreadsheets.

/// Which of the registers.
enum DisclosureKind: String, CaseIterable {
    case issues, permissions, requests, visits, informed

    var title: String {
        switch self {
        case .issues: "Looked at and taken"
        case .permissions: "Permissions"
        case .requests: "Requests and refusals"
        case .visits: "Visits on site"
        case .informed: "What children were told"
        }
    }

    /// What its lines have, beside what they are, when, and whose.
    var heads: [String] {
        switch self {
        case .issues: ["To whom", "What", "Under"]
        case .permissions: ["For whom", "What", "Until the end of"]
        case .requests: ["Who asks", "What for", "What became of it"]
        case .visits: ["Who came", "What they read", "Notes"]
        case .informed: ["Of what", "What was recorded", "Looked at again on"]
        }
    }

    /// The heads of the table for spreadsheets.
    var columns: [String] {
        let common = ["Reference", "Recorded on", "At", "Pupil"]
        switch self {
        case .issues:
            return common + [
                "Permission", "Request", "Officer", "Rank or role", "Number", "Organisation", "How", "Exhibit",
                "Document", "Format", "SHA-256 of the document", "Pages shown", "Bytes sent in all", "Whole",
                "Ended on", "At", "SHA-256 of the pack",
            ]
        case .permissions:
            return common + [
                "Request", "Given by", "Officer", "Rank or role", "Number", "Organisation", "From", "Until",
                "Copies allowed", "Copies taken", "Exhibits", "Conditions", "Warned of", "Standing",
            ]
        case .requests:
            return common + [
                "Recorded by", "School asked on", "Agency", "Organisation", "Who asks", "Rank or role", "Number",
                "How that was checked", "Purpose", "Legal ground", "What is sought", "About a victim", "Standing",
                "Why refused", "Refused by", "Refused on", "Permissions",
            ]
        case .visits:
            return common + [
                "Permission", "Recorded by", "Day", "Time", "Who came", "Who was with them", "What they read",
                "Closed", "Copy of the notes", "Words", "Closed by", "Closed on",
            ]
        case .informed:
            return common + [
                "Organisation", "Told", "Day", "By whom", "Words", "Looked at again on", "Overdue", "Recorded by",
            ]
        }
    }
}

/// A line of a register.
struct DisclosureLine {
    let reference: String
    let href: String
    let when: Timestamp
    let pupil: Pupil
    let agency: String
    let organisation: String
    let cells: [String]
    let isOpen: Bool
    let isOverdue: Bool
    /// What stands in a tag beside it, where something does.
    let tag: String?
    /// Its rows in the table for spreadsheets, after what all rows begin with.
    let rows: [[String]]
}

/// What of a register is shown.
struct DisclosureChoice {
    static let query: Set<String> = ["kind", "show", "pupil", "agency", "since", "until", "from"]

    var kind: DisclosureKind
    /// `open`, `overdue`, or empty for everything.
    var show: String
    var pupil: String
    /// An agency's id, or an organisation as it was written.
    var agency: String
    let since: String
    let until: String
    var first: Int
    /// Days that were typed and cannot be read.
    private(set) var refusal: Refusal?
    private var days = 0...Int.max

    init(_ visit: Visit) throws {
        let query = visit.query
        guard let kind = query["kind"].isEmpty ? .issues : DisclosureKind(rawValue: query["kind"]),
            ["", "open", "overdue"].contains(query["show"]), query["pupil"].utf8.count <= 40,
            query["agency"].count <= 200
        else { throw Fault.noSuchPage }
        (self.kind, show, pupil, agency) = (kind, query["show"], query["pupil"], query["agency"])
        (since, until) = (trimmed(query["since"]), trimmed(query["until"]))
        first = try visit.number("from", in: 1...10_000_000, otherwise: 1)
        do throws(Refusal) {
            let from = try Self.days(since)?.lowerBound ?? 0
            let to = try Self.days(until)?.upperBound ?? Int.max
            guard from <= to else { throw .periodBackwards }
            days = from...to
        } catch {
            refusal = error
        }
    }

    private static func days(_ text: String) throws(Refusal) -> ClosedRange<Int>? {
        if text.isEmpty { return nil }
        guard let days = try DocumentDate(typed: text).days else { throw .dateUnreadable }
        return days
    }

    /// Whether it leaves anything out.
    var isNarrowed: Bool { ![show, pupil, agency, since, until].allSatisfy(\.isEmpty) }

    func includes(_ line: DisclosureLine, _ words: Wording) -> Bool {
        (pupil.isEmpty || line.pupil.reference == pupil)
            && (agency.isEmpty || line.agency == agency || line.organisation == agency)
            && days.contains(words.school.moment(of: line.when).day)
            && (show.isEmpty || (show == "open" ? line.isOpen : line.isOverdue))
    }

    /// The address of the same, changed.
    func address(_ path: String = "/disclosures", _ change: (inout DisclosureChoice) -> Void = { _ in }) -> String {
        var choice = self
        choice.first = 1
        change(&choice)
        let parts = [
            ("kind", choice.kind.rawValue), ("show", choice.show), ("pupil", choice.pupil), ("agency", choice.agency),
            ("since", choice.since), ("until", choice.until),
            ("from", choice.first > 1 ? String(choice.first) : ""),
        ]
        return path + "?"
            + parts.filter { !$0.1.isEmpty }.map { "\($0)=\(ChronologyView.escaped($1))" }.joined(separator: "&")
    }
}

extension Visit {
    /// The lines of one register, the newest first.
    func disclosureLines(_ kind: DisclosureKind, of requests: [RequestListing]) -> [DisclosureLine] {
        let lines =
            switch kind {
            case .requests: requests.map(line)
            case .permissions: requests.flatMap { request in request.permissions.map { line($0, request) } }
            case .issues:
                requests.flatMap { request in
                    request.permissions.flatMap { permission in
                        permission.issues.map { line($0, permission, request) }
                    }
                }
            case .visits:
                requests.flatMap { request in
                    request.permissions.flatMap { permission in
                        permission.visits.map { line($0, permission, request) }
                    }
                }
            case .informed: requests.flatMap { request in request.permissions.map { informedLine($0, request) } }
            }
        return lines.sorted { ($1.when, $1.reference) < ($0.when, $0.reference) }
    }

    private func line(_ request: RequestListing) -> DisclosureLine {
        let agency = vault.policies.agencies.title(of: request[.agency]) ?? "Another agency"
        let refused = request.refused
        return DisclosureLine(
            reference: request.id.reference, href: request.href, when: request.recorded, pupil: request.pupil,
            agency: request[.agency], organisation: request[.organisation],
            cells: [request.who, request[.purpose], request.standing], isOpen: request.isWaiting, isOverdue: false,
            tag: request.isWaiting ? "Open" : nil,
            rows: [
                [
                    request[.madeBy], request[.received], agency, request[.organisation], request[.officer],
                    request[.rank], request[.number], request[.identityChecked], request[.purpose], request[.basis],
                    request[.sought], request[.victim], request.standing, refused?.words ?? "", refused?.by ?? "",
                    refused.map { words.day($0.at) } ?? "",
                    request.permissions.map(\.id.reference).joined(separator: " "),
                ]
            ])
    }

    private func line(_ permission: PermissionListing, _ request: RequestListing) -> DisclosureLine {
        let standing = [permission.standing.title, words.standing(permission)].compactMap { $0 }
        let isSoon =
            permission.isOpen && permission.until.milliseconds <= now.milliseconds + 3 * 86_400_000
        return DisclosureLine(
            reference: permission.id.reference, href: request.href + "#" + permission.id.reference,
            when: permission.given, pupil: request.pupil, agency: request[.agency],
            organisation: permission[.organisation],
            cells: [
                permission.officer,
                "\(words.count(permission.exhibits.count, "exhibit")). \(words.allows(permission))",
                words.lastDay(before: permission.until),
            ], isOpen: permission.isOpen, isOverdue: false,
            tag: isSoon ? "Ends within 3 days" : permission.standing.title,
            rows: [
                [
                    request.id.reference, permission[.madeBy], permission[.officer], permission[.rank],
                    permission[.number], permission[.organisation], stamp(permission.from), stamp(permission.until),
                    String(permission.copies), String(permission.taken),
                    permission.exhibits.map(\.reference).joined(separator: " "), permission[.conditions],
                    permission[.warnings], standing.joined(separator: ". "),
                ]
            ])
    }

    private func line(
        _ issue: IssueListing, _ permission: PermissionListing, _ request: RequestListing
    ) -> DisclosureLine {
        let given =
            issue.manner == .pack ? permission.exhibits : permission.exhibits.filter { $0.reference == issue.exhibit }
        let to = [
            permission.id.reference, request.id.reference, permission[.officer], permission[.rank],
            permission[.number], permission[.organisation],
            issue.manner == .pack ? "copies in a pack" : "looked at as pictures",
        ]
        let end = [
            issue.manner == .pack ? "" : String(issue.pages), String(issue.bytes), issue.complete ? "yes" : "no",
            issue.closed.map(words.day) ?? "", issue.closed.map(words.timeOfDay) ?? "", issue.sha256,
        ]
        return DisclosureLine(
            reference: issue.id.reference, href: request.href + "#" + permission.id.reference, when: issue.opened,
            pupil: request.pupil, agency: request[.agency], organisation: permission[.organisation],
            cells: [permission.officer, words.what(issue, of: permission), permission.id.reference],
            isOpen: issue.closed == nil, isOverdue: false, tag: issue.closed == nil ? "Open" : nil,
            rows: given.map { exhibit in
                to + [
                    exhibit.reference, exhibit.document.id.reference, exhibit.document.mediaType,
                    exhibit.document.sha256,
                ] + end
            })
    }

    private func line(
        _ visit: SiteVisitListing, _ permission: PermissionListing, _ request: RequestListing
    ) -> DisclosureLine {
        let closed = visit.closed
        let notes = closed.map { $0.notes.map { "Copy filed: \($0.reference)" } ?? "None were taken" } ?? "Not closed"
        let isOver = words.days(from: visit[.day], to: words.day(now)).map { $0 > 0 } ?? false
        let isOverdue = closed == nil && isOver
        return DisclosureLine(
            reference: visit.id.reference, href: request.href + "#" + permission.id.reference, when: visit.recorded,
            pupil: request.pupil, agency: request[.agency], organisation: permission[.organisation],
            cells: ["\(visit[.officer]), \(words.date(visit[.day])), \(visit[.time])", visit[.read], notes],
            isOpen: closed == nil, isOverdue: isOverdue, tag: isOverdue ? "Overdue" : closed == nil ? "Open" : nil,
            rows: [
                [
                    permission.id.reference, visit[.madeBy], visit[.day], visit[.time], visit[.officer],
                    visit[.present], visit[.read], closed == nil ? "no" : "yes",
                    closed?.notes?.reference ?? "", closed?.decided.words ?? "", closed?.decided.by ?? "",
                    closed.map { words.day($0.decided.at) } ?? "",
                ]
            ])
    }

    private func informedLine(_ permission: PermissionListing, _ request: RequestListing) -> DisclosureLine {
        let last = permission.informed.last
        let said = last.map { "\($0.told ? words.told($0) : "Not told"): \($0[.words])" }
        let review = last.flatMap { $0.told ? nil : words.date($0[.review]) }
        let isOverdue = last?.isOverdue ?? false
        return DisclosureLine(
            reference: permission.id.reference, href: request.href + "#" + permission.id.reference,
            when: last?.recorded ?? permission.given, pupil: request.pupil, agency: request[.agency],
            organisation: permission[.organisation],
            cells: [permission.officer, said ?? "Nothing was recorded yet", review ?? "–"],
            isOpen: !(last?.told ?? false), isOverdue: isOverdue,
            tag: isOverdue ? "Overdue" : last == nil ? "Open" : last?.told == false ? "Not told" : nil,
            rows: permission.informed.isEmpty
                ? [[permission[.organisation], "nothing recorded", "", "", "", "", "", ""]]
                : permission.informed.map { one in
                    [
                        permission[.organisation], one.told ? "yes" : "no", one[.day], one[.by], one[.words],
                        one[.review], one.isOverdue ? "yes" : "no", one[.madeBy],
                    ]
                })
    }

    private func stamp(_ time: Timestamp) -> String { "\(words.day(time)) \(words.timeOfDay(time))" }
}
