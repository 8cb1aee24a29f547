import Custody
import HTTPTypes
import Records

// An officer who reads on site: recorded, and closed only with a copy of their notes, or the word that none were taken.

let siteVisitRoutes: [Route] = [
    Route(.get, "/permissions/{permission}/visit", .read) { visit in try visitPage(visit) },
    Route(
        .post, "/permissions/{permission}/visit", .read,
        body: .form(Set(SiteVisitField.allCases.filter { $0 != .madeBy }.map(\.rawValue))), handle: recordVisit),
    Route(.get, "/visits/{visit}/close", .read) { visit in try closePage(visit) },
    Route(.post, "/visits/{visit}/close", .read, body: .form(["taken", "notes", "words"]), handle: closeVisit),
]

struct SiteVisitPage {
    let chrome: Chrome
    let pupil: PupilBanner
    let reference: String
    let inputs: [FormInput]
    let action: String
    let csrf: String
}

private func visitPage(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let (request, permission) = try visit.permission()
    let problem = refusal.map { "\($0.message) \($0.hint)" }
    let isDay = refusal == .dayUnreadable || refusal == .dateUnreadable
    let place: SiteVisitField? =
        isDay
        ? .day : refusal.map { SiteVisitField(rawValue: String($0.code.split(separator: ".").last ?? "")) ?? .officer }
    let isNew = visit.route.method == .get
    func field(_ field: SiteVisitField, first: String = "") -> Field {
        Field(value: isNew ? first : visit.form[field.rawValue], error: place == field ? problem : nil)
    }
    let inputs: [FormInput] = [
        .line(
            "officer", "Who came",
            field(
                .officer, first: permission[.officer] + (permission[.number].isEmpty ? "" : ", \(permission[.number])")),
            hint: "Full name and number, as their warrant card says."),
        .line(
            "day", "Day", field(.day, first: visit.words.longDay(visit.now)), hint: "Such as 18 December 2026.",
            size: "w10 figures"),
        .line("time", "From when to when", field(.time), hint: "Such as 10:15 to 11:40.", size: "w10 figures"),
        .line("present", "Who was with them", field(.present), hint: "Nobody reads alone."),
        .text("read", "What they read", field(.read), hint: "By the exhibits’ references, such as AB/1 to AB/4."),
    ]
    return visit.page(
        .siteVisit,
        SiteVisitPage(
            chrome: visit.chrome(
                "Record a visit under \(permission.id.reference)", back: request.back,
                problems: problem.map { [ProblemLink(href: "#" + (place?.rawValue ?? "officer"), text: $0)] } ?? []),
            pupil: PupilBanner(request.pupil, visit.words), reference: permission.id.reference, inputs: inputs,
            action: "\(permission.href)/visit", csrf: visit.session?.csrf ?? ""),
        status: refusal == nil ? .ok : .unprocessableContent)
}

private func recordVisit(_ visit: Visit) throws -> Reply {
    let (request, permission) = try visit.permission()
    let fields = Dictionary(
        uniqueKeysWithValues: SiteVisitField.allCases.filter { $0 != .madeBy }.map { ($0, visit.form[$0.rawValue]) })
    do {
        _ = try visit.vault.recordVisit(fields, under: permission.id, as: visit.acting)
    } catch VaultError.refused(let refusal) where refusal.isOfVisit {
        return try visitPage(visit, refusal: refusal)
    }
    return .redirect(request.href)
}

struct SiteVisitClosePage {
    let chrome: Chrome
    let pupil: PupilBanner
    let reference: String
    let who: String
    let closed: String?
    /// Where a copy of the notes is filed.
    let file: String
    let taken: FormInput
    let notes: FormInput?
    let words: FormInput
    let action: String
    let csrf: String
}

private func closePage(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let (request, listing, words) = (try visit.ofSiteVisit().request, try visit.ofSiteVisit().visit, visit.words)
    let problem = refusal.map { "\($0.message) \($0.hint)" }
    let place =
        switch refusal?.code {
        case "visit.notes" where visit.form["taken"] == "no": "words"
        case "visit.notes": "notes"
        default: "taken"
        }
    func error(_ name: String) -> String? { place == name ? problem : nil }
    let documents = try visit.documentChoices(of: request.pupil, chosen: visit.form["notes"])
    let taken = FormInput.choice(
        "taken", "Did the officer take notes?",
        [
            Choice(value: "yes", title: "Yes, and a copy of them is filed", chosen: visit.form["taken"] == "yes"),
            Choice(value: "no", title: "No, none were taken: I attest that", chosen: visit.form["taken"] == "no"),
        ], error: error("taken"))
    return visit.page(
        .siteVisitClose,
        SiteVisitClosePage(
            chrome: visit.chrome(
                "Close visit \(listing.id.reference)", back: request.back,
                problems: problem.map { [ProblemLink(href: place == "taken" ? "#taken-yes" : "#\(place)", text: $0)] }
                    ?? []),
            pupil: PupilBanner(request.pupil, words), reference: listing.id.reference,
            who: "\(words.date(listing[.day])), \(listing[.time]): \(listing[.officer])",
            closed: listing.closed.map { "It is closed: \(words.moment($0.decided.at)) by \($0.decided.by)." },
            file: "/file/\(request.pupil.reference)", taken: taken,
            notes: documents.isEmpty
                ? nil
                : .select(
                    "notes", "If yes: the copy of their notes", documents, error: error("notes"),
                    none: "Choose a document",
                    hint: "One of the documents in this pupil’s file, the one filed last first."),
            words: .text(
                "words", "Anything to add (if none were taken: how you know)",
                Field(value: visit.form["words"], error: error("words")), rows: 2),
            action: "/visits/\(listing.id.text)/close", csrf: visit.session?.csrf ?? ""),
        status: refusal == nil ? .ok : .unprocessableContent)
}

private func closeVisit(_ visit: Visit) throws -> Reply {
    let (request, listing) = try visit.ofSiteVisit()
    do {
        var notes: DocumentID?
        switch visit.form["taken"] {
        case "yes":
            guard !visit.form["notes"].isEmpty else { throw VaultError.refused(.copyNotChosen) }
            guard let id = DocumentID(text: visit.form["notes"]) else { throw Fault.unknownField }
            notes = id
        case "no": break
        default: throw VaultError.refused(.notesNotSaid)
        }
        try visit.vault.closeVisit(listing.id, notes: notes, words: visit.form["words"], as: visit.acting)
    } catch VaultError.refused(let refusal) where refusal.isOfVisit {
        return try closePage(visit, refusal: refusal)
    }
    return .redirect(request.href)
}

extension Visit {
    /// The visit on site that the address names, with the request behind it.
    fileprivate func ofSiteVisit() throws -> (request: RequestListing, visit: SiteVisitListing) {
        let id: SiteVisitID = try id("visit")
        let permission = try vault.permission(of: id, as: acting)
        let request = try vault.request(vault.request(of: permission, as: acting), as: acting)
        guard let listing = request.permissions.flatMap(\.visits).first(where: { $0.id == id }) else {
            throw Fault.vault(.notFound)
        }
        return (request, listing)
    }
}

extension Refusal {
    fileprivate static let notesNotSaid = Refusal(
        code: "visit.taken", message: "It is not said whether the officer took notes.",
        hint: "A visit is closed with a copy of their notes, or with your word that none were taken.")
    fileprivate static let copyNotChosen = Refusal(
        code: "visit.notes", message: "The copy of their notes is not chosen.",
        hint: "File it in this pupil’s file first, then choose it here.")

    fileprivate var isOfVisit: Bool {
        code.hasPrefix("visit.") || self == .dayUnreadable || self == .dateUnreadable
    }
}
