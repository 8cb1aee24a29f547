import Custody
import HTTPTypes
import Records

// What an agency asked for: recorded in the order in which the school learns it, and refused where nothing is given.

let requestRoutes: [Route] = [
    Route(.get, "/pupils/{pupil}/requests", .read, handle: showRequests),
    Route(.get, "/pupils/{pupil}/requests/new", .read) { visit in try requestForm(visit) },
    Route(.post, "/pupils/{pupil}/requests/new", .read, body: .form(RequestForm.names), handle: recordRequest),
    Route(.get, "/requests/{request}", .read, handle: showRequest),
    Route(.get, "/requests/{request}/refuse", .read) { visit in try refusePage(visit) },
    Route(.post, "/requests/{request}/refuse", .read, body: .form(["reasons"]), handle: refuse),
]

// MARK: - What agencies asked for about a pupil

struct RequestsPage {
    struct Line {
        let href: String
        let reference: String
        let who: String
        let received: String
        let standing: String
        let isWaiting: Bool
    }
    let chrome: Chrome
    let pupil: PupilBanner
    let lines: [Line]
    let isEmpty: Bool
    let record: String
}

private func showRequests(_ visit: Visit) throws -> Reply {
    let (pupil, words) = (try visit.pupil(), visit.words)
    let requests = try visit.vault.requests(of: pupil.pupilFile, as: visit.acting)
    return visit.page(
        .requests,
        RequestsPage(
            chrome: visit.chrome("What agencies asked for", back: visit.back(to: pupil)),
            pupil: PupilBanner(pupil, words),
            lines: requests.map { request in
                .init(
                    href: request.href, reference: request.id.reference, who: request.who,
                    received: words.date(request[.received]), standing: request.standing,
                    isWaiting: request.isWaiting)
            }, isEmpty: requests.isEmpty, record: "/pupils/\(pupil.reference)/requests/new"))
}

// MARK: - The form

/// The form of a request, as it stands.
struct RequestForm {
    static let names = Set(RequestField.written.map(\.formName)).union(["letter", "confirmed"])

    let form: Form
    let refusal: Refusal?
    let agencies: AgencyPolicy

    /// What is wrong; of a field that is empty, what to do alone.
    var problem: String? {
        refusal.map { refusal in
            let isEmpty = field.map { trimmed(form[$0.formName]).isEmpty && refusal.hint == $0.question } ?? false
            return isEmpty ? refusal.hint : "\(refusal.message) \(refusal.hint)"
        }
    }

    /// The field that the refusal is about; nil where it is about none.
    var field: RequestField? {
        refusal.flatMap { $0.code.hasPrefix("request.") ? RequestField(rawValue: String($0.code.dropFirst(8))) : nil }
    }

    var isSuspectWarning: Bool { refusal == .notifiedMayBeSuspect }

    private func value(_ field: RequestField) -> Field {
        let isWrong = self.field == field || isSuspectWarning && field == .noticeTo
        return Field(value: form[field.formName], error: isWrong ? problem : nil)
    }

    private func line(_ field: RequestField, _ label: String, hint: String? = nil, size: String = "w20") -> FormInput {
        .line(field.formName, label, value(field), hint: hint, size: size)
    }

    private func text(_ field: RequestField, _ label: String, hint: String? = nil, rows: Int = 3) -> FormInput {
        .text(field.formName, label, value(field), hint: hint, rows: rows)
    }

    private func choice(
        _ field: RequestField, _ label: String, _ answers: [(String, String)], hint: String? = nil
    ) -> FormInput {
        let value = value(field)
        return .choice(
            field.formName, label, answers.map { Choice(value: $0, title: $1, chosen: value.value == $0) },
            error: value.error, hint: hint)
    }

    /// Who asks, and how the school knows.
    var asking: [FormInput] {
        let agency = value(.agency)
        let choices = agencies.agencies.map { ($0.id, $0.title) } + [("other", "Another agency")]
        return [
            .select(
                RequestField.agency.formName, "Agency",
                choices.map { Choice(value: $0, title: $1, chosen: agency.value == $0) }, error: agency.error,
                none: "Choose an agency"),
            line(.organisation, "Force, council or team", hint: "As it calls itself on the letter."),
            line(.officer, "Full name of who asks"),
            line(.rank, "Their rank or role", hint: "Such as detective constable, or social worker."),
            line(
                .number, "Their number (optional)", hint: "Collar, warrant or registration number.", size: "w10 figures"
            ),
            line(.contact, "How they can be reached (optional)", hint: "A telephone number or an e-mail address."),
            line(
                .identityChecked, "How you made sure who they are",
                hint:
                    "Such as: called back through the switchboard, on the number of the force’s own website. A number that came with the request proves nothing.",
                size: ""),
        ]
    }

    /// What they ask for, and on what basis.
    var basis: [FormInput] {
        [
            line(
                .received, "Day on which the school was asked", hint: "Such as 18 December 2026.", size: "w10 figures"),
            text(.purpose, "What it is for", hint: "As the letter says."),
            text(
                .basis, "On what legal ground",
                hint: "As the letter says, such as a court order, or the part of a law that it names.", rows: 2),
            text(.sought, "What is sought", hint: "In their words: which documents, and of which time.", rows: 4),
        ]
    }

    var victim: FormInput {
        choice(
            .victim, "Do the police ask for information about a victim of the offence they investigate?",
            [("yes", "Yes"), ("no", "No")],
            hint: "Also where the victim is this child, and where the information is about their health or counselling."
        )
    }

    /// What the law asks of a request about a victim.
    var tests: [FormInput] {
        [
            text(.enquiry, "To which reasonable line of enquiry is it relevant?", hint: "As the letter says."),
            text(
                .proportionate, "Why is it necessary and proportionate, and not to be had otherwise?",
                hint: "As the letter says."),
            text(
                .counselling, "If notes of counselling are asked for: why are they of substantial probative value?",
                hint: "Leave it empty where none are asked for."),
            choice(
                .notice, "Was the victim, or who has to be told in their place, given notice of the request?",
                [("given", "Yes"), ("not-given", "No")]),
            line(
                .noticeTo, "To whom notice was given, or would have to be",
                hint: "Their full name. For a child that may be a parent or carer."),
            text(
                .noticeReason, "If no notice was given: why",
                hint:
                    "The law wants notice unless it would interfere with the investigation or put somebody at risk.",
                rows: 2),
            text(
                .suspects, "The suspects, as far as the school knows (optional)",
                hint: "One name on each line. Whoever is to be notified is compared with them."),
        ]
    }

    var isAboutVictim: Bool {
        form["victim"] == "yes" || isSuspectWarning || field.map(RequestField.ofVictim.contains) ?? false
    }
}

extension RequestField {
    /// Its name in a form.
    var formName: String { rawValue.replacing("_", with: "-") }
}

/// The parts of the form of a request, as they are shown.
struct RequestInputs {
    let letter: FormInput
    let asking: [FormInput]
    let basis: [FormInput]
    let victim: FormInput
    let tests: [FormInput]
    let isAboutVictim: Bool
    /// That whoever is to be notified may be a suspect; then it is asked whether it is somebody else.
    let suspectWarning: String?
    let confirmed: Bool

    /// - Parameters:
    ///   - letters: the documents that can be the written request.
    ///   - hint: which these are.
    init(_ form: RequestForm, _ letters: [Choice], hint: String) {
        (asking, basis, victim, tests) = (form.asking, form.basis, form.victim, form.tests)
        let inputs = asking + basis + [victim] + tests
        let isKnown = form.isSuspectWarning || inputs.contains { $0.error != nil }
        letter = .select(
            "letter", "The written request", letters, error: isKnown ? nil : form.problem, none: "Choose a document",
            hint: hint)
        isAboutVictim = form.isAboutVictim
        suspectWarning = form.isSuspectWarning ? form.problem : nil
        confirmed = form.form["confirmed"] == "yes"
    }

    /// What is wrong, with where it stands.
    var problems: [ProblemLink] {
        if let suspectWarning { return [ProblemLink(href: "#confirmed", text: suspectWarning)] }
        let wrong = (asking + basis + [victim] + tests + [letter]).first { $0.error != nil }
        return wrong.flatMap { input in input.error.map { [ProblemLink(href: "#" + input.anchor, text: $0)] } } ?? []
    }
}

struct RequestFormPage {
    let chrome: Chrome
    let pupil: PupilBanner
    let action: String
    /// Where the written request is filed.
    let file: String
    let hasDocuments: Bool
    let form: RequestInputs
    let csrf: String
}

private func requestForm(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let pupil = try visit.pupil()
    let documents = try visit.documentChoices(of: pupil, chosen: visit.form["letter"])
    let form = RequestInputs(
        RequestForm(form: visit.form, refusal: refusal, agencies: visit.vault.policies.agencies), documents,
        hint: "One of the documents in this pupil’s file, the one filed last first.")
    return visit.page(
        .requestForm,
        RequestFormPage(
            chrome: visit.chrome(
                "Record a request",
                back: Link(href: "/pupils/\(pupil.reference)/requests", text: "What agencies asked for"),
                problems: form.problems),
            pupil: PupilBanner(pupil, visit.words), action: "/pupils/\(pupil.reference)/requests/new",
            file: "/file/\(pupil.reference)", hasDocuments: !documents.isEmpty, form: form,
            csrf: visit.session?.csrf ?? ""),
        status: refusal == nil ? .ok : .unprocessableContent)
}

private func recordRequest(_ visit: Visit) throws -> Reply {
    let (pupil, form) = (try visit.pupil(), visit.form)
    do {
        let id = try visit.vault.recordRequest(
            form.requestFields(), letter: form.letter(), confirmed: form["confirmed"] == "yes", of: pupil.pupilFile,
            as: visit.acting)
        return .redirect("/requests/\(id.text)")
    } catch VaultError.refused(let refusal) where refusal.code.hasPrefix("request.") {
        return try requestForm(visit, refusal: refusal)
    }
}

extension Form {
    /// What is said of a request.
    func requestFields() -> [RequestField: String] {
        Dictionary(uniqueKeysWithValues: RequestField.written.map { ($0, self[$0.formName]) })
    }

    /// The written request that is chosen.
    func letter() throws -> DocumentID {
        guard !self["letter"].isEmpty else { throw VaultError.refused(.letterNotChosen) }
        guard let letter = DocumentID(text: self["letter"]) else { throw Fault.unknownField }
        return letter
    }
}

extension Refusal {
    fileprivate static let letterNotChosen = Refusal(
        code: "request.letter", message: "The written request is not chosen.",
        hint: "Choose it among the documents. Nothing is given on word of mouth alone.")
}

/// How many documents there are to choose one from.
private let mostDocuments = 1000

extension Visit {
    /// The documents of a pupil file to choose one of, the one filed last first; none that is kept as evidence.
    func documentChoices(of pupil: Pupil, chosen: String) throws -> [Choice] {
        let chronology = try vault.chronology(
            of: pupil.pupilFile, newestFirst: true, count: mostDocuments, as: acting)
        return chronology.entries.filter { !$0.isQuarantined }.compactMap(\.document).sorted { $0.index > $1.index }
            .map { document in
                Choice(
                    value: document.id.text,
                    title:
                        "\(words.date(document.fields["date"] ?? "")): \(document.summary) (\(document.id.reference))",
                    chosen: document.id.text == chosen)
            }
    }
}

// MARK: - Refusing

struct RequestRefusePage {
    let chrome: Chrome
    let pupil: PupilBanner
    let reference: String
    let who: String
    /// Why it cannot be refused now, where it cannot.
    let closed: String?
    let reasons: FormInput
    let action: String
    let csrf: String
}

private func refusePage(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let request = try visit.disclosureRequest()
    let problem = refusal.map { "\($0.message) \($0.hint)" }
    let closed =
        request.isWaiting
        ? try visit.vault.refusalToPermit(visit.acting).map { "\($0.message) \($0.hint)" }
        : "It was decided already: \(request.standing.lowercasedFirst)."
    return visit.page(
        .requestRefuse,
        RequestRefusePage(
            chrome: visit.chrome(
                "Refuse request \(request.id.reference)", back: request.back,
                problems: problem.map { [ProblemLink(href: "#reasons", text: $0)] } ?? []),
            pupil: PupilBanner(request.pupil, visit.words), reference: request.id.reference, who: request.who,
            closed: closed,
            reasons: .text(
                "reasons", "Why nothing is given", Field(value: visit.form["reasons"], error: problem),
                hint: "It is kept with the request, and stands in the register.", rows: 4),
            action: "\(request.href)/refuse", csrf: visit.session?.csrf ?? ""),
        status: refusal == nil ? .ok : .unprocessableContent)
}

private func refuse(_ visit: Visit) throws -> Reply {
    let request = try visit.disclosureRequest()
    do {
        try visit.vault.refuseRequest(request.id, reasons: visit.form["reasons"], as: visit.acting)
    } catch VaultError.refused(let refusal) where refusal.code.hasPrefix("request.") {
        return try refusePage(visit, refusal: refusal)
    }
    return .redirect(request.href)
}
