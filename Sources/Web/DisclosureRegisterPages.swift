import Custody
import HTTPTypes
import Hummingbird
import Records

/// Everything of what agencies ask for and get, as the lead sees it.
let disclosureRoutes: [Route] = requestRoutes + permissionRoutes + childRoutes + siteVisitRoutes + registerRoutes

private let registerRoutes: [Route] = [
    Route(.get, "/disclosures", .read, query: DisclosureChoice.query) { visit in try registerPage(visit) },
    Route(
        .get, "/disclosures/register.csv", .read, query: DisclosureChoice.query, leadsToSignIn: false,
        handle: registerTable),
    Route(
        .post, "/disclosures/delegations", .giveAccess, body: .form(["person", "last-day"]), asksForCode: true,
        handle: delegate),
    Route(.post, "/disclosures/delegations/{person}/end", .giveAccess, body: .form([]), handle: endDelegation),
]

/// How many lines of a register stand on a page.
private let linesShown = 100

struct DisclosuresPage {
    struct Line {
        let reference: String
        let href: String
        let when: String
        let lineTag: String?
        let pupil: PupilLine
        let cells: [String]
    }
    struct Other {
        let link: Link
        let isChosen: Bool
    }
    /// Deputies who may give permissions, for who decides that.
    struct Delegations {
        struct Given {
            let name: String
            let until: String
            let path: String
        }
        let given: [Given]
        let hasGiven: Bool
        let person: FormInput
        let hasDeputies: Bool
        let until: FormInput
    }
    let chrome: Chrome
    let verdict: String
    let isWell: Bool
    let concerns: [Link]
    let kinds: [Other]
    let title: String
    let shows: [Other]
    let isNarrowed: Bool
    let everything: String
    let kind: String
    let show: String
    let pupils: [Choice]
    let agencies: [Choice]
    let since: Field
    let until: Field
    let heads: [String]
    let lines: [Line]
    let isEmpty: Bool
    let count: String
    let showing: String?
    let earlier: Link?
    let later: Link?
    let table: String
    let delegations: Delegations?
    let csrf: String
}

private func registerPage(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let (choice, words) = (try DisclosureChoice(visit), visit.words)
    let requests = try visit.vault.requests(as: visit.acting)
    let all = visit.disclosureLines(choice.kind, of: requests)
    let lines = all.filter { choice.includes($0, words) }
    let shown = lines.dropFirst(choice.first - 1).prefix(linesShown)
    let concerns = visit.concerns(requests)
    let problems = [choice.refusal.map { ("since", $0) }, refusal.map { ($0.delegationPlace, $0) }].compactMap { $0 }
    func part(_ from: Int, _ text: String) -> Link { Link(href: choice.address { $0.first = from }, text: text) }
    let last = choice.first + shown.count - 1
    return visit.page(
        .disclosures,
        DisclosuresPage(
            chrome: visit.chrome(
                "Given to agencies: \(choice.kind.title.lowercasedFirst)", back: Link(href: "/", text: "Home"),
                wide: true,
                problems: problems.map { ProblemLink(href: "#\($0)", text: "\($1.message) \($1.hint)") }),
            verdict: concerns.isEmpty ? "All is well: nothing is overdue, and nothing waits." : "Please look at this:",
            isWell: concerns.isEmpty, concerns: concerns,
            kinds: DisclosureKind.allCases.map { kind in
                .init(
                    link: Link(
                        href: choice.address {
                            ($0.kind, $0.show) = (kind, "")
                        }, text: kind.title), isChosen: kind == choice.kind)
            }, title: choice.kind.title,
            shows: choice.kind.shows.map { value, title in
                .init(link: Link(href: choice.address { $0.show = value }, text: title), isChosen: value == choice.show)
            }, isNarrowed: choice.isNarrowed, everything: "/disclosures?kind=\(choice.kind.rawValue)",
            kind: choice.kind.rawValue, show: choice.show, pupils: pupils(requests, choice),
            agencies: visit.agencies(requests, choice),
            since: Field(value: choice.since, error: choice.refusal.map { "\($0.message) \($0.hint)" }),
            until: Field(value: choice.until), heads: choice.kind.heads,
            lines: shown.map { line in
                .init(
                    reference: line.reference, href: line.href, when: words.moment(line.when), lineTag: line.tag,
                    pupil: PupilLine(line.pupil, under: "/pupils"), cells: line.cells)
            }, isEmpty: lines.isEmpty, count: words.count(lines.count, "line"),
            showing: lines.count > shown.count && !shown.isEmpty
                ? "Showing \(words.grouped(UInt64(choice.first))) to \(words.grouped(UInt64(last)))" : nil,
            earlier: choice.first > 1 ? part(max(1, choice.first - linesShown), "Newer ones") : nil,
            later: last < lines.count && !shown.isEmpty ? part(last + 1, "Older ones") : nil,
            table: choice.address("/disclosures/register.csv"), delegations: try visit.delegations(refusal),
            csrf: visit.session?.csrf ?? ""), status: problems.isEmpty ? .ok : .unprocessableContent)
}

extension DisclosureKind {
    /// What of it can be shown alone.
    fileprivate var shows: [(String, String)] {
        let open =
            switch self {
            case .issues: "Only those that are still open"
            case .permissions: "Only those that open something"
            case .requests: "Only those that wait for a decision"
            case .visits: "Only those that are not closed"
            case .informed: "Only those not told yet"
            }
        return [("", "Everything"), ("open", open)]
            + (self == .visits || self == .informed ? [("overdue", "Only overdue ones")] : [])
    }
}

private func pupils(_ requests: [RequestListing], _ choice: DisclosureChoice) -> [Choice] {
    Set(requests.map(\.pupil)).sorted { ($0.name, $0.reference) < ($1.name, $1.reference) }.map {
        Choice(
            value: $0.reference, title: "\($0.name), born \($0.yearOfBirth), \($0.reference)",
            chosen: $0.reference == choice.pupil)
    }
}

extension Visit {
    /// The agencies of the register by their ids, then the organisations by what they are called.
    fileprivate func agencies(_ requests: [RequestListing], _ choice: DisclosureChoice) -> [Choice] {
        let asked = Set(requests.map { $0[.agency] })
        let known =
            vault.policies.agencies.agencies.map { ($0.id, "Any of: \($0.title)") }
            + [("other", "Any of: other agencies")]
        let named = Set(requests.map { $0[.organisation] }).sorted().map { ($0, $0) }
        return (known.filter { asked.contains($0.0) } + named).map {
            Choice(value: $0, title: $1, chosen: $0 == choice.agency)
        }
    }

    /// What should be looked at, each with where it stands.
    fileprivate func concerns(_ requests: [RequestListing]) -> [Link] {
        func count(_ kind: DisclosureKind, _ counts: (DisclosureLine) -> Bool) -> Int {
            disclosureLines(kind, of: requests).count(where: counts)
        }
        let unsaid = requests.flatMap(\.permissions).count(where: \.isChildOpen)
        let all: [(Int, one: String, many: String, show: String)] = [
            (
                count(.informed, \.isOverdue), "child was not told, and the day to look at it again is over",
                "children were not told, and the day to look at it again is over", "informed&show=overdue"
            ),
            (
                unsaid, "permission has nothing recorded of what the child was told",
                "permissions have nothing recorded of what the child was told", "informed&show=open"
            ),
            (
                count(.visits, \.isOpen), "visit is not closed", "visits are not closed", "visits&show=open"
            ),
            (
                requests.count(where: \.isWaiting), "request waits for a decision", "requests wait for a decision",
                "requests&show=open"
            ),
        ]
        return all.filter { $0.0 > 0 }.map {
            Link(href: "/disclosures?kind=\($3)", text: "\(words.grouped(UInt64($0))) \($0 == 1 ? $1 : $2)")
        }
    }

    /// Nil for who does not decide that.
    fileprivate func delegations(_ refusal: Refusal?) throws -> DisclosuresPage.Delegations? {
        guard try acting.may(.giveAccess, in: vault) else { return nil }
        let all = try vault.delegations(as: acting)
        let problem = refusal.map { "\($0.message) \($0.hint)" }
        let place = refusal?.delegationPlace
        return .init(
            given: all.compactMap { one in
                one.until.map {
                    .init(
                        name: one.name, until: words.lastDay(before: $0),
                        path: "/disclosures/delegations/\(one.person.text)/end")
                }
            }, hasGiven: all.contains { $0.until != nil },
            person: .select(
                "person", "Which deputy",
                all.map { Choice(value: $0.person.text, title: $0.name, chosen: $0.person.text == form["person"]) },
                error: place == "person" ? problem : nil, none: "Choose a deputy"), hasDeputies: !all.isEmpty,
            until: .line(
                "last-day", "Last day", Field(value: form["last-day"], error: place == "last-day" ? problem : nil),
                hint: "Such as 18 December 2026, within a year. It ends by itself at midnight.", size: "w10 figures"))
    }
}

/// A register for a spreadsheet, days as `2026-11-26`; pupils by reference alone.
private func registerTable(_ visit: Visit) throws -> Reply {
    let (choice, words) = (try DisclosureChoice(visit), visit.words)
    if let refusal = choice.refusal { throw refusal }
    let lines = visit.disclosureLines(choice.kind, of: try visit.vault.requests(as: visit.acting))
        .filter { choice.includes($0, words) }
    let rows = lines.flatMap { line in
        line.rows.map { row in
            [line.reference, words.day(line.when), words.timeOfDay(line.when), line.pupil.reference] + row
        }
    }
    return Reply.bytes(
        SpreadsheetText.encode([choice.kind.columns] + rows), "text/csv; charset=utf-8; header=present"
    ).with {
        $0.headers[.contentDisposition] =
            "attachment; filename=\"agencies-\(choice.kind.rawValue)-\(words.day(visit.now)).csv\""
    }
}

// MARK: - Deputies who may give permissions

private func delegate(_ visit: Visit) throws -> Reply {
    do {
        guard let person = PersonID(text: visit.form["person"]) else {
            throw VaultError.refused(
                Refusal(
                    code: "delegation.person", message: "Nobody is chosen.",
                    hint: "Choose the deputy who may give permissions."))
        }
        guard !trimmed(visit.form["last-day"]).isEmpty else { throw VaultError.refused(.dayUnreadable) }
        try visit.vault.delegate(to: person, until: trimmed(visit.form["last-day"]), as: visit.acting)
    } catch VaultError.refused(let refusal) where refusal != .notEntitled {
        return try registerPage(visit, refusal: refusal)
    }
    return .redirect("/disclosures#delegations")
}

private func endDelegation(_ visit: Visit) throws -> Reply {
    let person: PersonID = try visit.id("person")
    try visit.vault.delegate(to: person, until: nil, as: visit.acting)
    return .redirect("/disclosures#delegations")
}

extension Refusal {
    /// The field of the form that it is about.
    fileprivate var delegationPlace: String {
        self == .dayUnreadable || self == .dateUnreadable || code.hasSuffix(".until") ? "last-day" : "person"
    }
}

// MARK: - On the home page

/// What there is to do about agencies, for who reads.
func disclosureDuties(_ visit: Visit, _ acting: Acting) throws -> [HomePage.Duty] {
    guard acting.mayTriage(in: visit.vault) else { return [] }
    let figures = try visit.vault.disclosureFigures(as: acting)
    let all: [(Int, one: String, many: String, show: String)] = [
        (
            figures.requestsWaiting, "request of an agency waits for a decision",
            "requests of agencies wait for a decision", "requests&show=open"
        ),
        (
            figures.endingSoon, "permission ends within 3 days", "permissions end within 3 days",
            "permissions&show=open"
        ),
        (
            figures.childrenOpen, "disclosure without what the child was told",
            "disclosures without what the child was told", "informed&show=open"
        ),
        (
            figures.childrenNotTold, "child not told of a disclosure for now: see when it is looked at again",
            "children not told of a disclosure for now: see when it is looked at again", "informed&show=open"
        ),
        (
            figures.visitsOpen, "visit of an officer is not closed", "visits of officers are not closed",
            "visits&show=open"
        ),
    ]
    return all.filter { $0.0 > 0 }.map {
        .init(href: "/disclosures?kind=\($3)", count: visit.words.grouped(UInt64($0)), text: $0 == 1 ? $1 : $2)
    }
}
