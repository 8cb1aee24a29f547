import Custody
import HTTPTypes
import Records

/// One request, with everything that became of it.
struct RequestPage {
    struct Fact {
        let name: String
        let value: String
    }
    let chrome: Chrome
    let pupil: PupilBanner
    let reference: String
    let standing: String
    let isWaiting: Bool
    let who: String
    let facts: [Fact]
    let letter: Link
    let refused: DecidedLine?
    let permit: String?
    let refuse: String?
    let another: String?
    /// Why who asks may not decide, where something is to be decided and they may not.
    let mayNot: String?
    let permissions: [PermissionBlock]
    let hasPermissions: Bool
}

/// A decision in words.
struct DecidedLine {
    let why: String
    let decided: String

    init(_ decided: Decided, _ words: Wording) {
        why = decided.words
        self.decided = "\(words.moment(decided.at)) by \(decided.by)"
    }
}

/// A permission with its exhibits, what was let out, what the child was told, and visits.
struct PermissionBlock {
    struct ExhibitLine {
        let exhibit: String
        let href: String
        let summary: String
        let date: String
        let facts: String
    }
    struct Issue {
        let what: String
        let when: String
        let hash: String?
    }
    struct Told {
        let said: String
        let words: String
        let recorded: String
        let isOverdue: Bool
    }
    struct SiteVisit {
        let reference: String
        let when: String
        let who: String
        let read: String
        let present: String
        let outcome: String?
        let closing: String?
        let notes: Link?
        let close: String?
    }
    let anchor: String
    let reference: String
    let standing: String
    let isOpen: Bool
    let said: String?
    let why: String?
    let period: String
    let allows: String
    let officer: String
    let conditions: String?
    let sealedTo: String?
    let warned: String?
    let given: String
    let exhibits: [ExhibitLine]
    let exhibitCount: String
    let isFolded: Bool
    let issues: [Issue]
    let hasIssues: Bool
    let issueCount: String
    let isIssueFolded: Bool
    let acknowledged: String?
    let told: [Told]
    let childOpen: Bool
    let childPath: String
    let visits: [SiteVisit]
    let visitPath: String
    let withdraw: String?
}

/// How many lines of exhibits or issues are shown unfolded.
private let mostUnfolded = 12

func showRequest(_ visit: Visit) throws -> Reply {
    let (request, words) = (try visit.disclosureRequest(), visit.words)
    let mayNot = try visit.vault.refusalToPermit(visit.acting)
    let decides = request.refused == nil && mayNot == nil
    return visit.page(
        .request,
        RequestPage(
            chrome: visit.chrome(
                "Request \(request.id.reference)",
                back: Link(href: "/pupils/\(request.pupil.reference)/requests", text: "What agencies asked for")),
            pupil: PupilBanner(request.pupil, words), reference: request.id.reference, standing: request.standing,
            isWaiting: request.isWaiting, who: request.who, facts: visit.facts(of: request),
            letter: Link(href: "/documents/\(request.letter.text)", text: "Document \(request.letter.reference)"),
            refused: request.refused.map { DecidedLine($0, words) },
            permit: decides && request.permissions.isEmpty ? "\(request.href)/permit" : nil,
            refuse: decides && request.permissions.isEmpty ? "\(request.href)/refuse" : nil,
            another: decides && !request.permissions.isEmpty ? "\(request.href)/permit" : nil,
            mayNot: request.isWaiting ? mayNot.map { "\($0.message) \($0.hint)" } : nil,
            permissions: request.permissions.map { PermissionBlock($0, visit) },
            hasPermissions: !request.permissions.isEmpty))
}

extension Visit {
    /// The request that the address names.
    func disclosureRequest() throws -> RequestListing {
        let id: RequestID = try id("request")
        return try vault.request(id, as: acting)
    }

    /// The permission that the address names, with its request.
    func permission() throws -> (RequestListing, PermissionListing) {
        let id: PermissionID = try id("permission")
        let request = try vault.request(vault.request(of: id, as: acting), as: acting)
        guard let permission = request.permissions.first(where: { $0.id == id }) else { throw Fault.vault(.notFound) }
        return (request, permission)
    }

    fileprivate func facts(of request: RequestListing) -> [RequestPage.Fact] {
        facts(of: request.fields, recorded: request.recorded, by: request[.madeBy])
    }

    /// What is said of a request.
    func facts(of fields: [RequestField: String], recorded: Timestamp, by: String) -> [RequestPage.Fact] {
        func value(_ field: RequestField) -> String { fields[field] ?? "" }
        let agency = vault.policies.agencies.title(of: value(.agency)) ?? "Another agency"
        var facts = [
            ("Agency", "\(agency): \(value(.organisation))"),
            ("Who asks", "\(value(.officer)), \(value(.rank))"), ("Number", value(.number)),
            ("Reached at", value(.contact)), ("How that was checked", value(.identityChecked)),
            ("The school was asked", words.date(value(.received))), ("What for", value(.purpose)),
            ("Legal ground", value(.basis)), ("What is sought", value(.sought)),
            ("About a victim", value(.victim) == "yes" ? "Yes" : "No"),
        ]
        if value(.victim) == "yes" {
            facts += [
                ("Line of enquiry", value(.enquiry)), ("Necessary and proportionate", value(.proportionate)),
                ("Notes of counselling", value(.counselling)),
                (
                    "Notice",
                    (value(.notice) == "given" ? "Given to " : "Not given. It would go to ") + value(.noticeTo)
                ),
                ("Why no notice was given", value(.noticeReason)), ("Suspects", value(.suspects)),
            ]
        }
        facts.append(("Recorded", "\(words.moment(recorded)) by \(by)"))
        return facts.filter { !$0.1.isEmpty }.map { RequestPage.Fact(name: $0, value: $1) }
    }
}

extension PermissionBlock {
    init(_ permission: PermissionListing, _ visit: Visit) {
        let words = visit.words
        let path = permission.href
        func filled(_ field: PermissionField) -> String? { permission[field].isEmpty ? nil : permission[field] }
        let decided: Decided? = if case .withdrawn(let decided) = permission.standing { decided } else { nil }
        anchor = permission.id.reference
        reference = permission.id.reference
        standing = permission.standing.title
        isOpen = permission.isOpen
        said = words.standing(permission)
        why = decided?.words
        period =
            "From \(words.moment(permission.from)) until the end of \(words.lastDay(before: permission.until))"
        allows = words.allows(permission)
        officer = permission.officer
        conditions = filled(.conditions)
        sealedTo = filled(.recipient)
        warned = filled(.warnings).map { words.count(Int($0) ?? 0, "document") }
        given = "\(words.moment(permission.given)) by \(permission[.madeBy])"
        exhibits = permission.exhibits.map { exhibit in
            let document = exhibit.document
            return ExhibitLine(
                exhibit: exhibit.reference, href: "/documents/\(document.id.text)", summary: document.summary,
                date: words.date(document.fields["date"] ?? ""),
                facts: words.facts(document.mediaType, document.pages, document.size, visit.vault.policies))
        }
        exhibitCount = words.count(permission.exhibits.count, "exhibit")
        isFolded = permission.exhibits.count > mostUnfolded
        issues = permission.issues.map { issue in
            Issue(
                what: words.what(issue, of: permission), when: words.moment(issue.opened),
                hash: issue.sha256.isEmpty ? nil : issue.sha256)
        }
        hasIssues = !permission.issues.isEmpty
        issueCount = words.count(permission.issues.count, "time")
        isIssueFolded = permission.issues.count > mostUnfolded
        acknowledged = permission.acknowledged.map(words.moment)
        told = permission.informed.map { informed in
            Told(
                said: words.told(informed), words: informed[.words],
                recorded: "\(words.moment(informed.recorded)) by \(informed[.madeBy])", isOverdue: informed.isOverdue)
        }
        childOpen = permission.isChildOpen
        childPath = "\(path)/child"
        visits = permission.visits.map { SiteVisit($0, words) }
        visitPath = "\(path)/visit"
        withdraw = permission.isOpen ? "\(path)/withdraw" : nil
    }
}

extension PermissionBlock.SiteVisit {
    fileprivate init(_ visit: SiteVisitListing, _ words: Wording) {
        reference = visit.id.reference
        when = "\(words.date(visit[.day])), \(visit[.time])"
        who = visit[.officer]
        read = visit[.read]
        present = visit[.present]
        outcome = visit.closed.map { closed in
            "\(closed.notes == nil ? "No notes were taken" : "A copy of their notes is filed"): \(words.moment(closed.decided.at)) by \(closed.decided.by)"
        }
        closing = visit.closed.map(\.decided.words).flatMap { $0.isEmpty ? nil : $0 }
        notes = visit.closed?.notes.map { Link(href: "/documents/\($0.text)", text: "Document \($0.reference)") }
        close = visit.closed == nil ? "/visits/\(visit.id.text)/close" : nil
    }
}
