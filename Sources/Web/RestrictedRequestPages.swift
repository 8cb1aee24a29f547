import Custody
import HTTPTypes
import Records

// A restricted document for an agency: asked for, agreed by a second person, and the copy taken once, by who asked.

let restrictedRequestRoutes: [Route] = [
    Route(.get, "/restricted/{restricted}", .holdRestricted) { visit in try showRequests(visit) },
    Route(.get, "/restricted/{restricted}/ask", .holdRestricted) { visit in try askForm(visit) },
    Route(.post, "/restricted/{restricted}/ask", .holdRestricted, body: .form(RequestForm.names), handle: ask),
    Route(
        .post, "/restricted/{restricted}/{asked}/agree", .holdRestricted, body: .form([]), asksForCode: true,
        handle: agree),
    Route(.post, "/restricted/{restricted}/{asked}/end", .holdRestricted, body: .form(["reason"]), handle: end),
    Route(
        .post, "/restricted/{restricted}/{asked}/copy", .holdRestricted, body: .form(["informed"]), asksForCode: true,
        handle: takeCopy),
]

// MARK: - What was asked for

struct RestrictedRequestsPage {
    struct Line {
        let anchor: String
        let reference: String
        let who: String
        let standing: String
        let facts: [RequestPage.Fact]
        let letter: Link
        let agreed: String?
        let ended: DecidedLine?
        let copy: String?
        let informed: String?
        /// Where this person agrees.
        let agree: String?
        /// Where this person takes the copy.
        let take: Take?
        /// Where it is refused or given up.
        let end: End?
        /// What this person waits for.
        let waits: String?
    }
    struct Take {
        let action: String
        let informed: FormInput
        let until: String
    }
    struct End {
        let action: String
        let reason: FormInput
        let isOpen: Bool
    }
    let chrome: Chrome
    let pupil: PupilBanner
    let reference: String
    let summary: String
    let about: String
    let keepers: String
    /// Whom to turn to, where too few are left to decide together.
    let alone: String?
    let lines: [Line]
    let isEmpty: Bool
    /// Whether something is to be decided here first.
    let isWaiting: Bool
    let ask: String
    let csrf: String
}

/// - Parameter refused: the request that something was sent about, and why it was refused.
private func showRequests(_ visit: Visit, refused: (request: DocumentID, Refusal)? = nil) throws -> Reply {
    let (id, words, facts, restricted) = try visit.restrictedDocument()
    let requests = try visit.vault.agencyRequests(ofRestricted: id, as: visit.acting)
    let (person, now) = (try visit.acting.person, visit.now)
    let isAlone = restricted.keepers.count < enoughKeepers
    let lines = requests.reversed().map { request in
        let path = "/restricted/\(id.text)/\(request.id.text)"
        let isOpen = request.isOpen(at: now)
        let problem = refused.flatMap { $0.request == request.id ? $0.1 : nil }
        func field(_ name: String, _ code: String) -> Field {
            Field(
                value: problem == nil ? "" : visit.form[name],
                error: problem.flatMap { $0.code == code ? "\($0.message) \($0.hint)" : nil })
        }
        let isAsker = request.asked.person == person
        let isReady = request.isReady(for: person, at: now)
        return RestrictedRequestsPage.Line(
            anchor: request.id.reference, reference: request.id.reference,
            who: "\(request.fields[.officer] ?? ""), \(request.fields[.organisation] ?? "")",
            standing: request.standing(at: now), facts: visit.facts(of: request.fields, request.asked),
            letter: Link(href: "/documents/\(request.letter.text)", text: "Document \(request.letter.reference)"),
            agreed: request.agreed.map { "\($0.name), \(words.moment($0.at))" },
            ended: request.ended.map { DecidedLine(why: $0.words, decided: "\(words.moment($0.at)) by \($0.name)") },
            copy: request.copy.map { "Exhibit \($0.exhibit), taken by \($0.step.name), \(words.moment($0.step.at))" },
            informed: request.copy?.step.words,
            agree: isOpen && request.agreed == nil && !isAsker ? "\(path)/agree" : nil,
            take: isReady
                ? .init(
                    action: "\(path)/copy",
                    informed: .text(
                        "informed", "What the child was told of it", field("informed", "restricted.informed"),
                        hint: "Or why nothing yet, and when that is looked at again.",
                        id: "informed-\(request.id.reference)"),
                    until: request.expires.map(words.moment) ?? "") : nil,
            end: isOpen
                ? .init(
                    action: "\(path)/end",
                    reason: .text(
                        "reason", "Why nothing is given", field("reason", "restricted.reason"),
                        id: "reason-\(request.id.reference)"),
                    isOpen: problem?.code == "restricted.reason") : nil,
            waits: !isOpen || isReady
                ? nil
                : request.agreed == nil
                    ? isAsker ? "Another of those who can open the document has to agree." : nil
                    : "\(request.asked.name) takes the copy.")
    }
    return visit.page(
        .restrictedRequests,
        RestrictedRequestsPage(
            chrome: visit.chrome(
                "\(id.reference) for an agency",
                back: Link(href: "/documents/\(id.text)", text: "Document \(id.reference)"),
                problems: refused.map { request, refusal in
                    // To the field that it is about, or to the request.
                    let field =
                        ["restricted.informed": "informed-", "restricted.reason": "reason-"][refusal.code] ?? ""
                    return [
                        ProblemLink(
                            href: "#\(field)\(request.reference)", text: "\(refusal.message) \(refusal.hint)")
                    ]
                } ?? []),
            pupil: PupilBanner(restricted.pupil, words), reference: id.reference, summary: facts.summary,
            about: restricted.about, keepers: restricted.keepersInWords,
            alone: isAlone ? visit.vault.policies.school.lado : nil, lines: lines, isEmpty: lines.isEmpty,
            isWaiting: requests.contains { $0.isOpen(at: now) }, ask: "/restricted/\(id.text)/ask",
            csrf: visit.session?.csrf ?? ""),
        status: refused == nil ? .ok : .unprocessableContent)
}

extension RestrictedRequest {
    /// Where it stands, in a few words.
    fileprivate func standing(at time: Timestamp) -> String {
        if copy != nil { return "Given" }
        if ended != nil { return "Refused" }
        guard isOpen(at: time) else { return "Over: the copy was not taken in time" }
        return agreed == nil ? "Waits for a second person" : "Agreed"
    }
}

extension DecidedLine {
    fileprivate init(why: String, decided: String) {
        self.why = why
        self.decided = decided
    }
}

extension Visit {
    /// The restricted document that the address names.
    fileprivate func restrictedDocument() throws -> (DocumentID, Wording, DocumentFacts, RestrictedFacts) {
        let id: DocumentID = try id("restricted")
        let facts = try vault.document(id, as: acting)
        guard let restricted = facts.restricted else { throw Fault.vault(.notFound) }
        return (id, words, facts, restricted)
    }

    fileprivate func facts(
        of fields: [RequestField: String], _ asked: RestrictedRequest.Step
    ) -> [RequestPage.Fact] {
        facts(of: fields, recorded: asked.at, by: asked.name)
    }
}

// MARK: - Asking

struct RestrictedAskPage {
    let chrome: Chrome
    let pupil: PupilBanner
    let reference: String
    let action: String
    /// Where the written request is filed, for who files.
    let file: String?
    let hasDocuments: Bool
    let form: RequestInputs
    let csrf: String
}

private func askForm(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let (id, words, _, restricted) = try visit.restrictedDocument()
    let form = RequestForm(form: visit.form, refusal: refusal, agencies: visit.vault.policies.agencies)
    let letters = try visit.vault.restrictedDocuments(as: visit.acting).filter {
        $0.id != id && $0.restricted?.pupil.pupilFile == restricted.pupil.pupilFile && $0.quarantine == nil
    }
    let inputs = RequestInputs(
        form,
        letters.map {
            Choice(
                value: $0.id.text, title: "\(words.date($0.fields["date"] ?? "")): \($0.summary) (\($0.id.reference))",
                chosen: $0.id.text == visit.form["letter"])
        }, hint: "One of the restricted documents about this pupil, the one filed last first.")
    return visit.page(
        .restrictedAsk,
        RestrictedAskPage(
            chrome: visit.chrome(
                "Record a request for \(id.reference)",
                back: Link(href: "/restricted/\(id.text)", text: "\(id.reference) for an agency"),
                problems: inputs.problems),
            pupil: PupilBanner(restricted.pupil, words), reference: id.reference,
            action: "/restricted/\(id.text)/ask",
            file: try visit.acting.may(.file, in: visit.vault) ? "/file/\(restricted.pupil.reference)" : nil,
            hasDocuments: !letters.isEmpty, form: inputs, csrf: visit.session?.csrf ?? ""),
        status: refusal == nil ? .ok : .unprocessableContent)
}

private func ask(_ visit: Visit) throws -> Reply {
    let (id, form): (DocumentID, Form) = (try visit.id("restricted"), visit.form)
    do {
        try visit.vault.askForRestricted(
            id, form.requestFields(), letter: form.letter(), confirmed: form["confirmed"] == "yes",
            as: visit.acting)
        return .redirect("/restricted/\(id.text)")
    } catch VaultError.refused(let refusal) where refusal.code.hasPrefix("request.") {
        return try askForm(visit, refusal: refusal)
    }
}

// MARK: - Deciding

private func agree(_ visit: Visit) throws -> Reply {
    try decide(visit) { request, id in
        try visit.vault.agree(toRequest: request, ofRestricted: id, as: visit.acting)
        return .redirect("/restricted/\(id.text)")
    }
}

private func end(_ visit: Visit) throws -> Reply {
    try decide(visit) { request, id in
        try visit.vault.endRequest(request, ofRestricted: id, reason: visit.form["reason"], as: visit.acting)
        return .redirect("/restricted/\(id.text)")
    }
}

private func takeCopy(_ visit: Visit) throws -> Reply {
    try decide(visit) { request, id in
        let (reading, exhibit) = try visit.vault.takeCopy(
            forRequest: request, ofRestricted: id, informed: visit.form["informed"], as: visit.acting)
        // `JH/R1` as a file's name.
        return visit.original(of: reading, named: exhibit.replacing("/", with: "-"))
    }
}

private func decide(_ visit: Visit, _ body: (DocumentID, DocumentID) throws -> Reply) throws -> Reply {
    let (request, id): (DocumentID, DocumentID) = (try visit.id("asked"), try visit.id("restricted"))
    do { return try body(request, id) } catch VaultError.refused(let refusal)
        where refusal.code.hasPrefix("restricted.")
    {
        return try showRequests(visit, refused: (request, refusal))
    }
}
