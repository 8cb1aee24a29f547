import Custody
import HTTPTypes
import Hummingbird
import Records

// A permission: which documents, under which conditions and for how long, and what the child is told. Link and code are
// shown once, in the answer to the form.

let permissionRoutes: [Route] = [
    Route(.get, "/requests/{request}/permit", .read) { visit in try permitPage(visit) },
    Route(
        .post, "/requests/{request}/permit", .read,
        body: .form(PermitForm.names, many: ["document", "warned"]), asksForCode: true, handle: givePermission),
    Route(.get, "/permissions/{permission}/withdraw", .read) { visit in try withdrawPage(visit) },
    Route(.post, "/permissions/{permission}/withdraw", .read, body: .form(["reason"]), handle: withdraw),
]

// MARK: - The form

/// The form of a permission, as it stands.
struct PermitForm {
    static let names = ChildQuestion.names.union([
        "from", "until", "manner", "copies", "conditions", "recipient", "warnings", "given-before",
    ])

    /// The parts of the form that a refusal can be about.
    enum Part: String {
        case documents, warnings, from, until, manner, copies, conditions, recipient, again
    }

    let form: Form
    let refusal: Refusal?

    private var problem: String? { refusal.map { "\($0.message) \($0.hint)" } }

    /// What the refusal is about; nil where it is about what the child is told, or where there is none.
    var part: Part? {
        guard let refusal, !refusal.code.hasPrefix("informed.") else { return nil }
        if refusal == .dayUnreadable || refusal == .dateUnreadable { return isDay(form["from"]) ? .until : .from }
        let word = refusal.code.split(separator: ".").last.map(String.init) ?? ""
        return Part(rawValue: word) ?? .documents
    }

    /// Whether a field holds one day, or nothing.
    private func isDay(_ text: String) -> Bool {
        trimmed(text).isEmpty || (try? DocumentDate(typed: text))?.days?.count == 1
    }

    func error(_ part: Part) -> String? { self.part == part ? problem : nil }

    private func line(_ part: Part, _ label: String, hint: String, size: String) -> FormInput {
        .line(
            part.rawValue, label, Field(value: form[part.rawValue], error: error(part)), hint: hint, size: size)
    }

    var limits: [FormInput] {
        [
            line(
                .from, "First day (optional)", hint: "Such as 18 December 2026. Empty: from now on.",
                size: "w10 figures"),
            line(
                .until, "Last day", hint: "It ends by itself at midnight. Until then it can be withdrawn at any time.",
                size: "w10 figures"),
            .choice(
                Part.manner.rawValue, "What the officer may do",
                [
                    Choice(value: "view", title: "Look at the pages here", chosen: form["manner"] == "view"),
                    Choice(
                        value: "copies", title: "Look at them, and take copies away",
                        chosen: form["manner"] == "copies"),
                ], error: error(.manner)),
            line(
                .copies, "If copies: how many times they may be taken",
                hint: "1 to 10, each time all of the exhibits. One that is interrupted counts.",
                size: "w4 figures"),
            .text(
                Part.conditions.rawValue, "Conditions (optional)",
                Field(value: form["conditions"], error: error(.conditions)),
                hint: "The officer reads them before they see anything, such as: not to be shown to the family."),
        ]
    }

    var recipient: FormInput {
        line(
            .recipient, "The agency’s age recipient", hint: "It begins with age1. The agency’s own IT gives it.",
            size: "")
    }

    /// What was ticked, as far as these are documents of the file.
    func documents() throws(Fault) -> [DocumentID] { try Self.ids(form.all("document")) }

    static func ids(_ texts: [String]) throws(Fault) -> [DocumentID] {
        var ids: [DocumentID] = []
        for text in texts {
            guard let id = DocumentID(text: text) else { throw .unknownField }
            ids.append(id)
        }
        return ids
    }

    /// Whether the warnings of all that is ticked were shown beside the tick box that says so, and it is ticked.
    func hasSeenWarnings(of chosen: [DisclosureCandidate]) throws(Fault) -> Bool {
        guard form["warnings"] == "yes" else { return false }
        let shown = Set(try Self.ids(form.all("warned")))
        return chosen.allSatisfy { $0.warnings.isEmpty || shown.contains($0.document.id) }
    }

    /// - Throws: a refusal where it is not said whether copies may be taken, or how often.
    func copies() throws(Refusal) -> Int {
        switch form["manner"] {
        case "view": return 0
        case "copies":
            guard let copies = Int(trimmed(form["copies"])), (1...10).contains(copies) else {
                throw Refusal(
                    code: "permission.copies", message: "It is not said how many times copies may be taken.",
                    hint: "Write a number from 1 to 10.")
            }
            return copies
        default:
            throw Refusal(
                code: "permission.manner", message: "It is not said what the officer may do.",
                hint: "Choose whether they may take copies away.")
        }
    }
}

struct PermitPage {
    /// A line of the chronology.
    struct Line {
        /// A document that can be given.
        struct Document {
            let id: String
            let warnings: [String]
            let hasWarnings: Bool
            let chosen: Bool
        }
        let date: String
        let summary: String
        let facts: String
        let document: Document?
    }
    /// The second look at what is ticked and warned of.
    struct SecondLook {
        struct Line {
            let id: String
            let title: String
            let warnings: [String]
        }
        let error: String?
        let lines: [Line]
        let ticked: Bool
    }
    let chrome: Chrome
    let pupil: PupilBanner
    let reference: String
    let who: String
    let sought: String
    /// Why no permission can be given here, where none can.
    let closed: String?
    let again: String?
    let lines: [Line]
    let isEmpty: Bool
    let count: String
    let documentsError: String?
    let warned: String?
    let look: SecondLook?
    let limits: [FormInput]
    let recipient: FormInput
    let isSealed: Bool
    let child: ChildQuestion
    let action: String
    let givenBefore: Int
    let csrf: String
}

private func permitPage(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let (request, words) = (try visit.disclosureRequest(), visit.words)
    let form = PermitForm(form: visit.form, refusal: refusal)
    let closed =
        request.refused == nil
        ? try visit.vault.refusalToPermit(visit.acting).map { "\($0.message) \($0.hint)" }
        : "This request was refused. If they ask again, record that as a request of its own."
    let candidates = closed == nil ? try visit.vault.candidates(for: request.id, as: visit.acting) : []
    let chronology =
        closed == nil
        ? try visit.vault.chronology(of: request.pupil.pupilFile, count: .max, as: visit.acting).entries : []
    let chosen = Set(try form.documents())
    let child = ChildQuestion(visit.form, refusal: refusal, later: true)
    let problem = refusal.map { "\($0.message) \($0.hint)" }
    let warned = candidates.filter { chosen.contains($0.document.id) && !$0.warnings.isEmpty }
    let looks = form.part == .warnings || visit.form["warnings"] == "yes" && !warned.isEmpty
    let anchor = child.anchor ?? form.limits.first { $0.error != nil }?.anchor ?? form.part?.rawValue ?? "documents"
    let warnedCount = candidates.count { !$0.warnings.isEmpty }
    return visit.page(
        .permit,
        PermitPage(
            chrome: visit.chrome(
                "Give permission for \(request.id.reference)", back: request.back,
                problems: problem.map { [ProblemLink(href: "#" + anchor, text: $0)] } ?? []),
            pupil: PupilBanner(request.pupil, words), reference: request.id.reference, who: request.who,
            sought: request[.sought], closed: closed, again: form.error(.again),
            lines: visit.lines(of: chronology, candidates, chosen), isEmpty: candidates.isEmpty,
            count: words.count(candidates.count, "document"),
            documentsError: form.error(.documents),
            warned: warnedCount == 0
                ? nil
                : "\(words.count(warnedCount, "document has a warning", "documents have warnings")) beside \(warnedCount == 1 ? "it" : "them").",
            look: looks
                ? .init(
                    error: form.error(.warnings),
                    lines: warned.map { candidate in
                        .init(
                            id: candidate.document.id.text,
                            title:
                                "\(words.date(candidate.document.fields["date"] ?? "")): \(candidate.document.summary)",
                            warnings: candidate.warnings.map(\.inWords))
                    }, ticked: visit.form["warnings"] == "yes" && form.part != .warnings) : nil,
            limits: form.limits, recipient: form.recipient,
            isSealed: !visit.form["recipient"].isEmpty || form.recipient.error != nil, child: child,
            action: "\(request.href)/permit", givenBefore: request.permissions.count,
            csrf: visit.session?.csrf ?? ""), status: refusal == nil ? .ok : .unprocessableContent)
}

extension Visit {
    /// The chronology, each document that can be given with its tick box, and between them whatever else was recorded.
    fileprivate func lines(
        of chronology: [ChronologyEntry], _ candidates: [DisclosureCandidate], _ chosen: Set<DocumentID>
    ) -> [PermitPage.Line] {
        let warnings = Dictionary(candidates.map { ($0.document.id, $0.warnings) }) { first, _ in first }
        return chronology.map { entry in
            let document = entry.document.flatMap { document in
                warnings[document.id].map { warnings in
                    PermitPage.Line.Document(
                        id: document.id.text, warnings: warnings.map(\.inWords), hasWarnings: !warnings.isEmpty,
                        chosen: chosen.contains(document.id))
                }
            }
            let facts =
                if let given = entry.document, document != nil {
                    facts(of: given)
                } else {
                    entry.isQuarantined
                        ? "Kept apart as evidence: not given from here"
                        : "\(entry.title) · Written here, and no document to be given"
                }
            return PermitPage.Line(
                date: words.date(entry.occurred, at: entry.time),
                summary: entry.summary.isEmpty ? entry.title : entry.summary, facts: facts, document: document)
        }
    }

    /// `Health report · PDF, 3 pages, 1.4 MB · D-7K2M9Q4C`.
    fileprivate func facts(of document: DocumentFacts) -> String {
        let category = vault.policies.categories[document.fields["category"] ?? ""]?.title
        return [
            category, words.facts(document.mediaType, document.pages, document.size, vault.policies),
            document.id.reference,
        ].compactMap { $0 }.joined(separator: " · ")
    }
}

extension DisclosureWarning {
    /// In a sentence or two.
    var inWords: String {
        switch self {
        case .otherPupils(let pupils):
            "It is also about \(pupils.map { "\($0.name) (\($0.reference))" }.joined(separator: ", ")): whoever reads it reads that, too."
        case .counselling:
            "It may hold notes of counselling or therapy. The police may ask for these only where they have substantial probative value."
        case .thirdParty: "It came from somebody outside the school, who may have to be asked first."
        }
    }
}

private func givePermission(_ visit: Visit) throws -> Reply {
    let (request, form) = (try visit.disclosureRequest(), PermitForm(form: visit.form, refusal: nil))
    do {
        if visit.form["given-before"] != String(request.permissions.count) {
            throw VaultError.refused(.permittedMeanwhile)
        }
        let documents = try form.documents()
        let chosen = Set(documents)
        let candidates = try visit.vault.candidates(for: request.id, as: visit.acting)
        let given = try visit.vault.givePermission(
            PermissionTerms(
                documents: documents, from: trimmed(visit.form["from"]), until: trimmed(visit.form["until"]),
                copies: form.copies(), conditions: visit.form["conditions"],
                recipient: trimmed(visit.form["recipient"]),
                warningsSeen: form.hasSeenWarnings(of: candidates.filter { chosen.contains($0.document.id) }),
                informed: ChildQuestion.answer(visit.form, later: true)), for: request.id, as: visit.acting)
        return try givenPage(visit, given, for: request)
    } catch {
        guard let refusal = Refusal(ofPermission: error) else { throw error }
        return try permitPage(visit, refusal: refusal)
    }
}

extension Refusal {
    fileprivate static let permittedMeanwhile = Refusal(
        code: "permission.again", message: "A permission for this request was given meanwhile.",
        hint: "Look at it first. If this is to be another one, send the form once more.")

    /// What is wrong with a permission as it was filled in; nil for any other error.
    fileprivate init?(ofPermission error: any Error) {
        let refusal: Refusal? =
            switch error {
            case let refusal as Refusal: refusal
            case VaultError.refused(let refusal): refusal
            default: nil
            }
        guard let refusal, refusal != .permissionIsLeads else { return nil }
        let isOfForm =
            ["permission.", "informed."].contains(where: refusal.code.hasPrefix) || refusal == .dayUnreadable
            || refusal == .dateUnreadable
        guard isOfForm else { return nil }
        self = refusal
    }
}

// MARK: - Shown once

struct PermissionGivenPage {
    let chrome: Chrome
    let pupil: PupilBanner
    let reference: String
    let officer: String
    let reached: String?
    let checked: String
    let period: String
    let link: String
    let code: String
    let exhibits: [String]
    let exhibitCount: String
    let isLater: Bool
    let child: String
    let request: Link
}

private func givenPage(_ visit: Visit, _ given: GivenPermission, for request: RequestListing) throws -> Reply {
    let words = visit.words
    let now = try visit.vault.request(request.id, as: visit.acting)
    guard let permission = now.permissions.first(where: { $0.id == given.id }) else { throw Fault.vault(.notFound) }
    return visit.page(
        .permissionGiven,
        PermissionGivenPage(
            chrome: visit.chrome("Permission \(given.id.reference)", back: now.back),
            pupil: PupilBanner(now.pupil, words), reference: given.id.reference, officer: permission.officer,
            reached: now[.contact].isEmpty ? nil : now[.contact], checked: now[.identityChecked],
            period:
                "from \(words.moment(permission.from)) until the end of \(words.lastDay(before: permission.until))",
            link: "https://\(visit.request.head.authority ?? "")/agency/\(given.link)", code: given.code,
            exhibits: given.exhibits, exhibitCount: words.count(given.exhibits.count, "exhibit"),
            isLater: permission.isChildOpen, child: "\(permission.href)/child", request: now.back))
}

// MARK: - Withdrawing

struct PermissionWithdrawPage {
    let chrome: Chrome
    let pupil: PupilBanner
    let reference: String
    let officer: String
    let closed: String?
    let issued: [String]
    let hasIssued: Bool
    let reason: FormInput
    let action: String
    let csrf: String
}

private func withdrawPage(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let ((request, permission), words) = (try visit.permission(), visit.words)
    let problem = refusal.map { "\($0.message) \($0.hint)" }
    let closed =
        permission.isOpen
        ? nil : "It opens nothing any more. \(words.standing(permission) ?? "")"
    return visit.page(
        .permissionWithdraw,
        PermissionWithdrawPage(
            chrome: visit.chrome(
                "Withdraw permission \(permission.id.reference)", back: request.back,
                problems: problem.map { [ProblemLink(href: "#reason", text: $0)] } ?? []),
            pupil: PupilBanner(request.pupil, words), reference: permission.id.reference,
            officer: permission.officer, closed: closed,
            issued: permission.issues.map { "\(words.what($0, of: permission)), \(words.moment($0.opened))" },
            hasIssued: !permission.issues.isEmpty,
            reason: .text(
                "reason", "Why it is withdrawn", Field(value: visit.form["reason"], error: problem),
                hint: "The officer is told that it was withdrawn, not why."), action: "\(permission.href)/withdraw",
            csrf: visit.session?.csrf ?? ""), status: refusal == nil ? .ok : .unprocessableContent)
}

private func withdraw(_ visit: Visit) throws -> Reply {
    let (request, permission) = try visit.permission()
    do {
        try visit.vault.withdrawPermission(permission.id, reason: visit.form["reason"], as: visit.acting)
    } catch VaultError.refused(let refusal)
        where refusal.code.hasPrefix("permission.") && refusal != .permissionIsLeads
    {
        return try withdrawPage(visit, refusal: refusal)
    }
    return .redirect(request.href)
}
