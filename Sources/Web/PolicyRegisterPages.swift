import Custody
import HTTPTypes
import Hummingbird
import Records

let policyRegisterRoutes: [Route] = [
    Route(.get, "/policy-register", .seePolicyRegister) { visit in try policyRegisterPage(visit) },
    Route(
        .post, "/policy-register", .giveAccess, body: .form(["version", "day", "due"], many: ["panel"]),
        handle: recordPolicyReview),
    Route(.get, "/policy-register/people.csv", .seePolicyRegister, leadsToSignIn: false, handle: policyRegisterTable),
]

struct PolicyRegisterPage {
    struct Version {
        let version: String
        let adopted: String
        let author: String
        let isInForce: Bool
    }
    struct Review {
        let reviewed: String
        let version: String
        let by: String
        let due: String
    }
    struct Person {
        let name: String
        let roles: String
        /// Their own page, for who looks after people.
        let href: String?
        let acknowledged: String
        let training: String
        let missing: [String]
        let isMissing: Bool
        let state: String
    }
    /// The form that records a review.
    struct Form {
        let version: String
        let panel: [Choice]
        let nobody: Bool
        let panelError: String?
        let day: Field
        let due: Field
    }
    let chrome: Chrome
    let title: String
    let version: String
    let reviewed: String
    let due: String
    let isOverdue: Bool
    let next: String
    let versions: [Version]
    let reviews: [Review]
    let hasReviews: Bool
    let people: [Person]
    let verdict: String
    let form: Form?
    let csrf: String
}

private func policyRegisterPage(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let (acting, words, vault) = (try visit.acting, visit.words, visit.vault)
    let register = try vault.policyRegister(as: acting)
    let policy = vault.policies.acceptableUse
    let isLead = acting.may(.giveAccess, in: vault)
    let manages = acting.may(.managePeople, in: vault)
    let problem = refusal.map { "\($0.message) \($0.hint)" }
    let place =
        switch refusal?.code {
        case "policy.review-panel": "panel"
        case "policy.review-due": "due"
        default: "day"
        }
    let chosen = Set(visit.form.all("panel"))
    let missing = register.people.count { !$0.lacks(at: visit.now).isEmpty }
    return visit.page(
        .policyRegister,
        PolicyRegisterPage(
            chrome: visit.chrome(
                "Policy register", back: Link(href: "/", text: "Home"), wide: true,
                problems: problem.map { [ProblemLink(href: "#" + place, text: $0)] } ?? []),
            title: policy.title, version: policy.version, reviewed: words.date(register.reviewed),
            due: words.longDay(register.due), isOverdue: register.isOverdue,
            next: isLead
                ? "Review it together with the advisory panel, then record the review below. Where it has to change, write the new version into policies/acceptable-use.yaml and put it into force with “strongroom policy adopt”."
                : "Ask the safeguarding lead to review it together with the advisory panel.",
            versions: register.versions.map {
                .init(
                    version: $0.version, adopted: words.moment($0.adopted), author: $0.author, isInForce: $0.isInForce)
            },
            reviews: register.reviews.map {
                .init(
                    reviewed: words.date($0.reviewed), version: $0.version,
                    by: ([$0.author] + $0.panel).joined(separator: ", "), due: words.longDay($0.due))
            }, hasReviews: !register.reviews.isEmpty,
            people: register.people.map { person in
                let lacks = person.lacks(at: visit.now)
                return .init(
                    name: person.name, roles: words.roles(person.roles),
                    href: manages ? "/people/\(person.id.text)" : nil,
                    acknowledged: person.acknowledged.map { "\($0.version), on \(words.longDay($0.moment))" }
                        ?? "Never",
                    training: words.training(person, at: visit.now),
                    missing: lacks.map { words.next($0, version: policy.version, manages) }, isMissing: !lacks.isEmpty,
                    state: words.state(person, at: visit.now))
            },
            verdict: missing == 0
                ? "Nobody lacks anything."
                : "\(words.count(missing, "person lacks", "people lack")) something: what to do stands beside their name.",
            form: isLead
                ? .init(
                    version: policy.version,
                    panel: register.panel.filter { $0.id != acting.person }.map {
                        Choice(value: $0.id.text, title: $0.name, chosen: chosen.contains($0.id.text))
                    }, nobody: !register.panel.contains { $0.id != acting.person },
                    panelError: place == "panel" ? problem : nil,
                    day: Field(value: visit.form["day"], error: place == "day" ? problem : nil),
                    due: Field(value: visit.form["due"], error: place == "due" ? problem : nil)) : nil,
            csrf: visit.session?.csrf ?? ""), status: refusal == nil ? .ok : .unprocessableContent)
}

private func recordPolicyReview(_ visit: Visit) throws -> Reply {
    var panel: Set<PersonID> = []
    for text in visit.form.all("panel") {
        guard let person = PersonID(text: text) else { throw Fault.unknownField }
        panel.insert(person)
    }
    do {
        try visit.vault.recordPolicyReview(
            of: visit.form["version"], on: trimmed(visit.form["day"]), due: trimmed(visit.form["due"]), with: panel,
            as: visit.acting)
    } catch VaultError.refused(let refusal) where refusal != .notEntitled {
        return try policyRegisterPage(visit, refusal: refusal)
    }
    return .redirect("/policy-register")
}

/// The people of the register for a spreadsheet, days as `2026-11-26`.
private func policyRegisterTable(_ visit: Visit) throws -> Reply {
    let (words, policy) = (visit.words, visit.vault.policies.acceptableUse)
    let register = try visit.vault.policyRegister(as: visit.acting)
    let head = [
        "Name", "Role", "Version acknowledged", "Acknowledged on", "Training completed", "Training counts until",
        "What is missing", "Version in force", "Last reviewed", "Next review due",
    ]
    let rows = register.people.map { person in
        [
            person.name, words.roles(person.roles), person.acknowledged?.version ?? "",
            person.acknowledged.map { words.day($0.moment) } ?? "", person.standing.trained ?? "",
            person.standing.trainedUntil.map(words.day) ?? "",
            ([words.state(person, at: visit.now)]
                + person.lacks(at: visit.now).map { words.next($0, version: policy.version, true) })
                .joined(separator: " "), policy.version, register.reviewed,
            words.day(register.due) + (register.isOverdue ? ", overdue" : ""),
        ]
    }
    return Reply.bytes(SpreadsheetText.encode([head] + rows), "text/csv; charset=utf-8; header=present").with {
        $0.headers[.contentDisposition] = "attachment; filename=\"policy-register-\(words.day(visit.now)).csv\""
    }
}

/// What there is to do about the policy itself, for who sees its register.
func policyDuties(_ visit: Visit, _ acting: Acting) throws -> [HomePage.Duty] {
    guard visit.vault.seesPolicyRegister(acting), try visit.vault.policyOverdue(as: acting) else { return [] }
    return [.init(href: "/policy-register", count: "1", text: "policy is overdue for its yearly review")]
}

extension Wording {
    /// Until when somebody's training counts, or counted.
    fileprivate func training(_ person: PolicyRegister.Person, at now: Timestamp) -> String {
        guard let day = person.standing.trained, let until = person.standing.trainedUntil else {
            return "None recorded"
        }
        return "\(date(day)), \(until > now ? "counts" : "counted") until \(longDay(until))"
    }

    /// Where somebody stands, in a word or two.
    fileprivate func state(_ person: PolicyRegister.Person, at now: Timestamp) -> String {
        if person.suspended != nil { return "Suspended: nothing is asked of them." }
        if person.standing.invitedUntil != nil { return "Has to join with their invitation first." }
        let lacks = person.lacks(at: now)
        if lacks.contains(.trainingOver) { return "Overdue." }
        return lacks.isEmpty ? "Nothing." : "Missing."
    }

    /// What somebody lacks, and what to do about it.
    fileprivate func next(_ lack: PolicyRegister.Lack, version: String, _ manages: Bool) -> String {
        switch lack {
        case .policyNever: "Never acknowledged the policy: ask them to sign in and read it."
        case .policyOther:
            "Acknowledged another version than \(version), which is in force: ask them to sign in and read it."
        case .trainingNone where manages: "No training: record it on their page when they have completed one."
        case .trainingOver where manages: "Their training counts no more: record the next one on their page."
        case .trainingNone: "No training: the safeguarding lead records it when they have completed one."
        case .trainingOver: "Their training counts no more: the safeguarding lead records the next one."
        }
    }
}
