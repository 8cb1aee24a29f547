import Custody
import HTTPTypes
import Records

let securityRoutes: [Route] = [
    Route(.get, "/security", .giveAccess, query: ["show"], handle: showSecurity)
]

struct SecurityPage {
    struct Lane {
        struct Bar {
            let x: Int
            let y: Int
            let height: Int
        }
        let title: String
        let total: String
        let bars: [Bar]
        let most: String
        let label: String
    }
    struct DayRow {
        let day: String
        let counts: [String]
    }
    struct Line {
        let when: String
        let who: String
        let what: String
    }
    let chrome: Chrome
    let verdict: String
    let isWell: Bool
    let concerns: [Link]
    let lanes: [Lane]
    let width: Int
    let first: String
    let last: String
    let heads: [String]
    let days: [DayRow]
    let filters: [Choice]
    let lines: [Line]
    let isEmpty: Bool
}

extension SecurityReview.Series {
    var title: String {
        switch self {
        case .signIns: "Sign-ins"
        case .failures: "Failed sign-ins"
        case .refusals: "Refusals"
        case .reads: "Documents read"
        case .changes: "Access and people"
        }
    }
}

private let barWidth = 24
private let barRoom = 32
private let barHeight = 48

private func showSecurity(_ visit: Visit) throws -> Reply {
    let words = visit.words
    let show = visit.query["show"]
    let chosen = SecurityReview.Series(rawValue: show)
    guard show.isEmpty || chosen != nil else { throw Fault.noSuchPage }
    let review = try visit.vault.securityReview(as: visit.acting)
    var concerns: [Link] = []
    func concern(_ count: Int, _ one: String, _ many: String, _ href: String) {
        if count > 0 {
            concerns.append(Link(href: href, text: "\(words.grouped(UInt64(count))) \(count == 1 ? one : many)"))
        }
    }
    let today = review.days.last?.counts ?? [:]
    concern(today[.failures] ?? 0, "sign-in failed today", "sign-ins failed today", "/security?show=failures#events")
    concern(
        today[.refusals] ?? 0, "request was refused today", "requests were refused today",
        "/security?show=refusals#events")
    concern(
        review.withoutPolicy, "person has not acknowledged the policy in force",
        "people have not acknowledged the policy in force", "/policy-register")
    concern(
        review.withoutTraining, "person has no training that counts", "people have no training that counts", "/people")
    if review.policyOverdue {
        concerns.append(Link(href: "/policy-register", text: "The policy is overdue for its yearly review"))
    }
    let lanes = SecurityReview.Series.allCases.map { series in
        let counts = review.days.map { $0.counts[series] ?? 0 }
        let most = max(counts.max() ?? 0, 1)
        let total = counts.reduce(0, +)
        return SecurityPage.Lane(
            title: series.title, total: words.grouped(UInt64(total)),
            bars: counts.enumerated().map { place, count in
                let height = count == 0 ? 0 : max(3, count * barHeight / most)
                return .init(x: place * barRoom, y: barHeight - height, height: height)
            }, most: words.grouped(UInt64(counts.max() ?? 0)),
            label: "\(series.title), day by day: \(total) in all, \(counts.max() ?? 0) on the busiest day")
    }
    let lines = review.lines.filter { chosen == nil || $0.series == chosen }
    return visit.page(
        .security,
        SecurityPage(
            chrome: visit.chrome("Security", back: Link(href: "/", text: "Home"), wide: true),
            verdict: concerns.isEmpty ? "All is well." : "Please look at this:", isWell: concerns.isEmpty,
            concerns: concerns, lanes: lanes, width: review.days.count * barRoom - (barRoom - barWidth),
            first: words.date(review.days.first?.day ?? ""), last: words.date(review.days.last?.day ?? ""),
            heads: SecurityReview.Series.allCases.map(\.title),
            days: review.days.reversed().map { day in
                .init(
                    day: words.date(day.day),
                    counts: SecurityReview.Series.allCases.map { words.grouped(UInt64(day.counts[$0] ?? 0)) })
            },
            filters: [Choice(value: "", title: "Everything", chosen: chosen == nil)]
                + SecurityReview.Series.allCases.filter { $0 != .signIns }.map {
                    Choice(value: $0.rawValue, title: $0.title, chosen: $0 == chosen)
                },
            lines: lines.map { .init(when: words.moment($0.recorded), who: $0.author, what: $0.what) },
            isEmpty: lines.isEmpty))
}
