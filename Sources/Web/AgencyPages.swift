import Custody
import HTTPTypes
import Hummingbird
import Records

// What somebody of an agency sees, who has a link and an access code and no account. Nothing here leads into the school's own
// pages, and whoever is signed in there is nobody here. Nothing needs a script.

let agencyRoutes: [Route] = [
    Route(.get, "/agency/{link}", .anyone, handle: showDoor),
    Route(
        .post, "/agency/{link}", .anyone, body: .form(["code", "officer", "number"]), hashes: true,
        handle: enterPermission),
    Route(.get, "/agency/ended", .anyone, handle: showEnded),
    Route(.get, "/agency", .agency, handle: showPermitted),
    Route(.post, "/agency/terms", .agency, body: .form([]), handle: acceptTerms),
    Route(.get, "/agency/exhibits/{number}", .agency, query: ["as", "page", "width"], handle: underTerms(showExhibit)),
    Route(
        .get, "/agency/exhibits/{number}/pages/{page}", .agency, query: ["width"], leadsToSignIn: false,
        endsWithReader: true, handle: underTerms(showExhibitPicture)),
    Route(.get, "/agency/copies", .agency, handle: underTerms(showCopies)),
    Route(.post, "/agency/copies", .agency, body: .form([]), handle: underTerms(takeCopies)),
    Route(.get, "/agency/received", .agency, handle: underTerms(evenWhenOver: true, showReceived)),
    Route(.post, "/agency/received", .agency, body: .form([]), handle: underTerms(evenWhenOver: true, acknowledge)),
    Route(.post, "/agency/leave", .agency, body: .form([]), handle: leave),
]

/// Answers who has accepted the terms, while the permission counts; anybody else is led to what there is instead.
private func underTerms(
    evenWhenOver: Bool = false,
    _ handle: @escaping @Sendable (Visit, AgencySession) async throws -> Reply
) -> @Sendable (Visit) async throws -> Reply {
    { visit in
        let agency = try visit.agencySession
        guard visit.hasAcceptedTerms, agency.isActive || evenWhenOver else { return .redirect("/agency") }
        return try await handle(visit, agency)
    }
}

extension Visit {
    /// The agency that asks. Routes that need one are not reached without.
    fileprivate var agencySession: AgencySession {
        get throws(Fault) {
            guard let agency else { throw .agencyEnded }
            return agency
        }
    }

    /// Whether the terms were accepted in this session, in this browser.
    fileprivate var hasAcceptedTerms: Bool {
        guard let agency, let accepted = request.cookie(.agencyTerms) else { return false }
        return equalInConstantTime(accepted, agency.csrf)
    }
}

extension AgencySession {
    /// When it ends if nothing more is asked for: idle, or with the permission.
    fileprivate func end(_ now: Timestamp, _ policies: Policies) -> Timestamp {
        let idle = now.milliseconds + Int64(policies.sessions.idleMinutes) * 60_000
        return Timestamp(milliseconds: min(idle, terms.until))
    }

    /// The same, in seconds from now.
    func secondsLeft(_ now: Timestamp, _ policies: Policies) -> Int64 {
        max((end(now, policies).milliseconds - now.milliseconds) / 1000, 0) + 1
    }
}

/// Who looks at documents under a permission, for the head of the page.
struct Guest {
    let name: String
    let organisation: String
    let until: String
    let moment: String
    let csrf: String

    init(_ agency: AgencySession, _ now: Timestamp, _ words: Wording, _ policies: Policies) {
        name = agency.terms.officerAndNumber
        organisation = agency.terms.organisation
        until = words.timeOfDay(agency.end(now, policies))
        moment = words.moment(now)
        csrf = agency.csrf
    }
}

extension AgencyTerms {
    /// `Ann Exley, 4411`.
    fileprivate var officerAndNumber: String { [officer, number].filter { !$0.isEmpty }.joined(separator: ", ") }
    /// `Ann Exley, 4411, Harrow Vale Police`.
    fileprivate var recipientInFull: String {
        [officerAndNumber, organisation].filter { !$0.isEmpty }.joined(separator: ", ")
    }
}

// MARK: - In and out

struct AgencyDoorPage {
    let chrome: Chrome
    let school: String
    let contact: String
    let path: String
    let token: String
    let code: String
    let officer: String
    let number: String
    let isOpen: Bool
    let isClosed: Bool
    /// From when on it opens.
    let opens: String?
}

struct AgencyEndedPage {
    let chrome: Chrome
    let contact: String
}

private func showDoor(_ visit: Visit) throws -> Reply {
    let token = visit.request.cookie(.form) ?? Site.nonce()
    return try doorPage(visit, token: token).with { $0.setCookie(.form, token) }
}

private func doorPage(_ visit: Visit, token: String, problem: Problem? = nil) throws -> Reply {
    let (school, door) = (visit.vault.policies.school, try visit.vault.permissionDoor(link: visit.parameter("link")))
    let failed = problem.map { "\($0.title) \($0.advice)" }
    let isOpen = door == .open
    let opens: String? = if case .notYet(let from) = door { visit.words.moment(from) } else { nil }
    var reply = visit.page(
        .agencyDoor,
        AgencyDoorPage(
            chrome: visit.chrome(
                isOpen ? "Enter with your access code" : opens == nil ? "This link opens nothing" : "Not open yet",
                problems: isOpen ? failed.map { [ProblemLink(href: "#code", text: $0)] } ?? [] : []),
            school: school.name, contact: school.contact, path: visit.request.uri.path, token: token,
            code: visit.form["code"], officer: visit.form["officer"], number: visit.form["number"],
            isOpen: isOpen, isClosed: door == .closed, opens: opens),
        status: problem?.status ?? (door == .closed ? .notFound : .ok))
    if let seconds = problem?.retryAfterSeconds { reply.headers[.retryAfter] = String(seconds) }
    return reply
}

private func enterPermission(_ visit: Visit) throws -> Reply {
    if ["code", "officer"].contains(where: { visit.form[$0].allSatisfy(\.isWhitespace) }) {
        return try doorPage(
            visit, token: visit.request.cookie(.form) ?? "", problem: Problem(.vault(.refused(.entryIncomplete))))
    }
    do throws(VaultError) {
        let token = try visit.vault.enterPermission(
            link: visit.parameters["link"] ?? "", code: visit.form["code"], officer: visit.form["officer"],
            number: visit.form["number"])
        if let old = visit.request.cookie(.agency) { try visit.vault.agencySession(old)?.leave() }
        return .redirect("/agency").with {
            $0.setCookie(.agency, token)
            $0.setCookie(.form, "")
        }
    } catch {
        switch error {
        case .refused, .signInFailed, .tooManyTries, .busy, .notFound:
            return try doorPage(
                visit, token: visit.request.cookie(.form) ?? "", problem: Problem(.vault(error)))
        case .gone, .offsetDiffers, .clockBehind, .storage, .uncertain, .unwitnessed, .tampered, .waiting, .store:
            throw error
        }
    }
}

extension Refusal {
    fileprivate static let entryIncomplete = Refusal(
        code: "permission.incomplete", message: "The access code or your name is missing.",
        hint: "Fill in both. This did not count as a try.")
}

private func showEnded(_ visit: Visit) -> Reply {
    visit.page(
        .agencyEnded,
        AgencyEndedPage(chrome: visit.chrome("Open the link again"), contact: visit.vault.policies.school.contact))
}

private func leave(_ visit: Visit) throws -> Reply {
    try visit.agencySession.leave()
    return .redirect("/agency/ended").with {
        $0.setCookie(.agency, "")
        $0.setCookie(.agencyTerms, "")
    }
}

// MARK: - Terms and documents

struct AgencyTermsPage {
    let chrome: Chrome
    let reference: String
    let recipient: String
    let conditions: String?
    let until: String
    let csrf: String
}

struct AgencyDocumentsPage {
    struct Line {
        let href: String
        let reference: String
        let summary: String
        let facts: String
    }
    let chrome: Chrome
    let reference: String
    let givenBy: String
    let until: String
    let count: String
    let lines: [Line]
    let copies: String?
    let received: String?
    let csrf: String
}

struct AgencyOverPage {
    let chrome: Chrome
    let reference: String
    let contact: String
    /// Whether the officer may still say what they received.
    let canReceive: Bool
    let received: String?
    let csrf: String
}

/// The terms, and once they are accepted the list; that it is over, where it is.
private func showPermitted(_ visit: Visit) throws -> Reply {
    let (agency, words) = (try visit.agencySession, visit.words)
    let terms = agency.terms
    let until = words.moment(Timestamp(milliseconds: terms.until))
    guard agency.isActive else {
        return visit.page(
            .agencyOver,
            AgencyOverPage(
                chrome: visit.chrome("This permission is over"), reference: terms.reference, contact: terms.contact,
                canReceive: visit.hasAcceptedTerms && agency.acknowledged == nil,
                received: agency.acknowledged.map(words.moment), csrf: agency.csrf))
    }
    guard visit.hasAcceptedTerms else {
        return visit.page(
            .agencyTerms,
            AgencyTermsPage(
                chrome: visit.chrome("Before you go on"), reference: terms.reference,
                recipient: terms.recipientInFull, conditions: terms.conditions.isEmpty ? nil : terms.conditions,
                until: until, csrf: agency.csrf))
    }
    return visit.page(
        .agencyDocuments,
        AgencyDocumentsPage(
            chrome: visit.chrome("Documents"), reference: terms.reference, givenBy: terms.givenBy, until: until,
            count: words.count(terms.exhibits.count, "document"),
            lines: terms.exhibits.enumerated().map { place, exhibit in
                AgencyDocumentsPage.Line(
                    href: "/agency/exhibits/\(place + 1)", reference: exhibit.reference, summary: exhibit.summary,
                    facts: exhibit.facts(visit))
            }, copies: terms.copies == 0 ? nil : agency.left(words),
            received: agency.acknowledged.map(words.moment), csrf: agency.csrf))
}

private func acceptTerms(_ visit: Visit) throws -> Reply {
    let agency = try visit.agencySession
    return .redirect("/agency").with { $0.setCookie(.agencyTerms, agency.csrf) }
}

extension AgencyExhibit {
    /// `Letter or e-mail, 3 March 2015, PDF, 3 pages, 1.4 MB`.
    fileprivate func facts(_ visit: Visit) -> String {
        [category, visit.words.date(date), visit.words.facts(mediaType, pages, size, visit.vault.policies)]
            .filter { !$0.isEmpty }.joined(separator: ", ")
    }
}

extension AgencySession {
    /// `They can be taken 2 more times.`
    fileprivate func left(_ words: Wording) -> String {
        copiesLeft == 0
            ? "Copies were taken as often as was permitted (\(words.count(Int(clamping: terms.copies), "time")))."
            : "They can be taken \(words.count(Int(clamping: copiesLeft), "more time", "more times"))."
    }
}

struct AgencyExhibitPage {
    let chrome: Chrome
    let reference: String
    let summary: String
    let facts: String
    let sheet: Sheet?
    let text: String?
    let otherwise: Link?
    let seen: String
    let marks: [String]
    let place: String
    let previousExhibit: Link?
    let nextExhibit: Link?
}

private func showExhibit(_ visit: Visit, _ agency: AgencySession) throws -> Reply {
    let (number, exhibit) = try visit.exhibit(agency)
    let view = try agency.view(number - 1)
    let (reference, terms) = (exhibit.reference, agency.terms)
    let looking = try Looking(
        visit, of: reference, at: "/agency/exhibits/\(number)", exhibit.mediaType, pages: exhibit.pages,
        text: { try view.text() }, count: { try view.pageCount() })
    let who = terms.officerAndNumber
    let moment = visit.words.moment(visit.now)
    func link(_ number: Int) -> Link? {
        guard terms.exhibits.indices.contains(number - 1) else { return nil }
        return Link(href: "/agency/exhibits/\(number)", text: "Exhibit \(terms.exhibits[number - 1].reference)")
    }
    return visit.page(
        .agencyExhibit,
        AgencyExhibitPage(
            chrome: visit.chrome(
                "Exhibit \(reference)" + (looking.sheet?.title ?? ""),
                back: Link(href: "/agency", text: "the documents"), wide: true),
            reference: reference, summary: exhibit.summary, facts: exhibit.facts(visit),
            sheet: looking.sheet, text: looking.text, otherwise: looking.otherwise,
            seen: "Seen by \(who), \(moment), \(reference)",
            marks: Array(repeating: "\(who) · \(moment) · \(reference)", count: 6),
            place: "Document \(number) of \(terms.exhibits.count)", previousExhibit: link(number - 1),
            nextExhibit: link(number + 1)))
}

private func showExhibitPicture(_ visit: Visit, _ agency: AgencySession) throws -> Reply {
    let (number, exhibit) = try visit.exhibit(agency)
    let width = try visit.sheetWidth
    guard let page = Int(try visit.parameter("page")), (1...(exhibit.pages ?? .max)).contains(page),
        Looking.hasPages(exhibit.mediaType)
    else {
        throw Fault.noSuchPage
    }
    return .picture(try agency.view(number - 1).picture(page: page, width: width))
}

extension Visit {
    /// The exhibit that the address names, counted from 1.
    fileprivate func exhibit(_ agency: AgencySession) throws(Fault) -> (number: Int, exhibit: AgencyExhibit) {
        let exhibits = agency.terms.exhibits
        guard let number = Int(try parameter("number")), exhibits.indices.contains(number - 1) else {
            throw .noSuchPage
        }
        return (number, exhibits[number - 1])
    }
}

// MARK: - Receipt

struct AgencyReceivedPage {
    let chrome: Chrome
    let at: String
    let reference: String
    let recipient: String
    let count: String
    let exhibits: [String]
    let contact: String
    let copies: String?
    let csrf: String
}

private func showReceived(_ visit: Visit, _ agency: AgencySession) -> Reply {
    guard let acknowledged = agency.acknowledged else { return .redirect("/agency") }
    let (terms, words) = (agency.terms, visit.words)
    return visit.page(
        .agencyReceived,
        AgencyReceivedPage(
            chrome: visit.chrome("Done", back: Link(href: "/agency", text: "the documents")),
            at: words.moment(acknowledged), reference: terms.reference, recipient: terms.recipientInFull,
            count: words.count(terms.exhibits.count, "document"),
            exhibits: terms.exhibits.map { "\($0.reference): \($0.summary)" }, contact: terms.contact,
            copies: terms.copies == 0 ? nil : agency.left(words), csrf: agency.csrf))
}

private func acknowledge(_ visit: Visit, _ agency: AgencySession) throws -> Reply {
    if agency.acknowledged == nil { try agency.acknowledge() }
    return .redirect("/agency/received")
}
