import Custody
import HTTPTypes
import Hummingbird
import Multipart
import NIOCore
import Records

// Notes of a meeting with another agency: the meeting first, then the notes, written here or attached, then the pupils. What is
// typed is kept as it is typed, so that it is there again after a session has ended; nothing is filed before it is asked for.

let meetingRoutes: [Route] = [
    Route(.get, "/file/{pupil}/meeting", .file, handle: beginNotes),
    Route(.get, "/meeting-notes/{draft}", .file) { visit in
        let (id, acting): (DraftID, Acting) = (try visit.id("draft"), try visit.acting)
        if let receipt = try visit.vault.receipt(ofNotes: id, as: acting) { return receiptPage(receipt) }
        return try notesPage(visit, visit.vault.draft(id, as: acting))
    },
    Route(
        .post, "/meeting-notes/{draft}", .file,
        body: .form(
            MeetingForm.names.union(["pupil", "text", "summary", "words", "do", "staff", "about-other"]),
            many: ["also", "also-summary", "about"]), handle: takeNotes),
    Route(.get, "/meeting-notes/{draft}/file", .file) { visit in try attachPage(visit) },
    Route(.post, "/meeting-notes/{draft}/file", .file, body: .stream, handle: attach),
    Route(.get, "/meeting-notes/{draft}/discard", .file) { visit in try discardNotesPage(visit) },
    Route(.post, "/meeting-notes/{draft}/discard", .file, body: .form([]), handle: discardNotes),
]

/// The fields of a meeting, as forms name them.
struct MeetingForm {
    static let names: Set<String> = [
        "category", "agency", "agency-name", "date", "time", "attendees", "written", "received-from", "received",
        "late-reason", "signed", "signed-by",
    ]

    let agencies: [Choice]
    let agency: Field
    let agencyName: Field
    let time: Field
    let attendees: Field
    let written: Field
    let hands: [Choice]
    let receivedFrom: Field

    /// - Parameter error: what is wrong with a field, by its name.
    init(_ details: FilingDetails, _ policies: Policies, error: (String) -> String?) {
        let meeting = details.meeting
        agencies =
            policies.agencies.agencies.map {
                Choice(value: $0.id, title: $0.title, chosen: $0.id == meeting.agency)
            } + [
                Choice(
                    value: MeetingDetails.otherAgency, title: "Another agency",
                    chosen: meeting.agency == MeetingDetails.otherAgency)
            ]
        let isListed = policies.agencies.title(of: meeting.agency) != nil
        agency = Field(value: meeting.agency, error: error("agency"))
        agencyName = Field(value: isListed ? "" : meeting.agencyName, error: error("agency-name"))
        time = Field(value: meeting.time, error: error("time"))
        attendees = Field(value: meeting.attendees, error: error("attendees"))
        written = Field(value: meeting.written, error: error("written"))
        hands = [
            Choice(value: "typed", title: "Typed", chosen: meeting.written == "typed"),
            Choice(value: "handwritten", title: "Handwritten", chosen: meeting.written == "handwritten"),
        ]
        receivedFrom = Field(value: meeting.receivedFrom, error: error("received-from"))
    }
}

extension Form {
    /// What is said of a meeting, the form's fields having this after their names.
    func meeting(_ suffix: String = "") -> MeetingDetails {
        func value(_ name: String) -> String { trimmed(self[name + suffix]) }
        return MeetingDetails(
            agency: value("agency"), agencyName: value("agency-name"), time: value("time"),
            attendees: self["attendees" + suffix], written: value("written"), receivedFrom: value("received-from"))
    }
}

struct MeetingPage {
    struct About {
        let reference: String
        let name: String
        let born: String
        let id: String
        let summary: Field
        let isFirst: Bool
    }
    struct Attached {
        let filename: String
        let facts: String
        let picture: String?
        let notice: String?
    }
    let chrome: Chrome
    let pupil: PupilBanner
    let action: String
    let csrf: String
    let kept: String?
    let kinds: [Choice]
    let severalKinds: Bool
    let form: MeetingForm
    let date: Field
    let received: Field
    let lateReason: Field
    let timeliness: String?
    let moreOpen: Bool
    let text: Field
    /// Whether what is typed is shown: always but where a file took its place.
    let showsText: Bool
    let attached: Attached?
    let signed: [Choice]
    let signedBy: Field
    let about: [About]
    let isSeveral: Bool
    let words: String
    let found: [PupilLine]
    let searched: Bool
    let staff: StaffQuestion
    let several: Bool
    let button: String
    let discard: String?
}

private func beginNotes(_ visit: Visit) throws -> Reply {
    let pupil = try visit.pupil()
    let meetings = visit.vault.policies.categories.categories.filter { $0.meeting == true }.map(\.id)
    let draft = MeetingDraft(
        pupilFile: pupil.pupilFile,
        details: FilingDetails(
            category: meetings.contains("meeting-notes") ? "meeting-notes" : meetings.first ?? "",
            date: visit.words.longDay(visit.now)))
    return try notesPage(visit, draft)
}

/// Finds the field of the page that a problem is about.
private func place(of problem: DraftProblem, _ references: [PupilFileID: String]) -> String {
    let code = problem.refusal.code
    if let field = problem.refusal.meetingField { return field }
    if code.hasPrefix("summary.") { return "summary" + (problem.pupilFile.flatMap { references[$0] } ?? "") }
    if code.hasPrefix("draft.") { return "text" }
    if code.hasPrefix("date.") { return "date" }
    if code.hasPrefix("staff.") { return "staff" }
    if code.hasPrefix("category.") { return "category" }
    return problem.refusal == .lateReasonMissing ? "late-reason" : "received"
}

private func notesPage(
    _ visit: Visit, _ draft: MeetingDraft, problems: [DraftProblem] = [], unanswered: Refusal? = nil,
    searched: (words: String, found: [Pupil])? = nil
) throws -> Reply {
    let (vault, words, acting) = (visit.vault, visit.words, try visit.acting)
    let first = try vault.pupil(draft.pupilFile, as: acting)
    let others = try draft.details.alsoAbout.map { (try vault.pupil($0.pupilFile, as: acting), $0.summary) }
    let everyone = [(first, draft.details.summary)] + others
    // The first pupil's summary has the plain name.
    let references = Dictionary(uniqueKeysWithValues: others.map { ($0.0.pupilFile, "-" + $0.0.reference) })
    var errors: [String: String] = [:]
    var links: [ProblemLink] = []
    func add(_ place: String, _ refusal: Refusal) {
        let text = "\(refusal.message) \(refusal.hint)"
        guard errors[place] == nil else { return }
        errors[place] = text
        links.append(ProblemLink(href: "#" + (place == "written" ? "written-typed" : place), text: text))
    }
    for problem in problems { add(place(of: problem, references), problem.refusal) }
    if let unanswered { add("staff", unanswered) }
    let details = draft.details
    let attached = try vault.attachment(of: draft, as: acting)
    let meetings = vault.policies.categories.categories.filter { $0.meeting == true }
    let path = "/meeting-notes/\(draft.id.text)"
    return visit.page(
        .meeting,
        MeetingPage(
            chrome: visit.chrome(
                "Notes of a meeting",
                back: acting.may(.read, in: vault)
                    ? Link(href: "/pupils/\(first.reference)", text: "Pupil file \(first.reference)")
                    : Link(href: "/file/\(first.reference)", text: "Add the scans"), problems: links),
            pupil: PupilBanner(first, words), action: path, csrf: visit.session?.csrf ?? "",
            kept: draft.kept.map { words.moment($0) },
            kinds: meetings.map { Choice(value: $0.id, title: $0.title, chosen: $0.id == details.category) },
            severalKinds: meetings.count > 1,
            form: MeetingForm(details, vault.policies) { errors[$0] },
            date: Field(value: details.date, error: errors["date"]),
            received: Field(value: details.received, error: errors["received"]),
            lateReason: Field(value: details.lateReason, error: errors["late-reason"]),
            timeliness: timeliness(details.date, words, visit),
            moreOpen: !details.received.isEmpty || !details.meeting.receivedFrom.isEmpty || errors["received"] != nil
                || errors["received-from"] != nil,
            text: Field(value: draft.text, error: errors["text"]), showsText: attached == nil || !draft.text.isEmpty,
            attached: attached.map { upload in
                .init(
                    filename: visible(upload.filename),
                    facts: words.facts(
                        upload.inspected.mediaType, upload.inspected.pages, upload.size, vault.policies),
                    picture: upload.inspected.outcome == .accepted
                        && !Looking.textTypes.contains(upload.inspected.mediaType)
                        ? "/check/\(first.reference)/picture/\(upload.id.text)" : nil,
                    notice: [
                        upload.inspected.message,
                        upload.earlier.map { "You filed this same content before, as \($0.document.reference)." },
                    ].compactMap { $0 }.first)
            }, signed: signedChoices(details.signed), signedBy: Field(value: details.signedBy),
            about: everyone.enumerated().map { place, one in
                let key = place == 0 ? "summary" : "summary-" + one.0.reference
                return .init(
                    reference: one.0.reference, name: one.0.name, born: one.0.yearOfBirth, id: key,
                    summary: Field(value: one.1, error: errors[key]), isFirst: place == 0)
            }, isSeveral: everyone.count > 1, words: searched?.words ?? "",
            found: (searched?.found ?? []).filter { pupil in !everyone.contains { $0.0.pupilFile == pupil.pupilFile } }
                .prefix(pupilsShown).map { PupilLine($0, under: "/pupils") }, searched: searched != nil,
            staff: try StaffQuestion(visit, error: unanswered), several: false,
            button: everyone.count == 1 ? "File these notes" : "File these notes for \(everyone.count) pupils",
            discard: draft.kept.map { _ in path + "/discard" }),
        status: links.isEmpty ? .ok : .unprocessableContent)
}

/// Whether notes of a meeting on a day would be filed in time; nil while there is no day.
private func timeliness(_ date: String, _ words: Wording, _ visit: Visit) -> String? {
    guard let day = try? DocumentDate(typed: date), day.text.utf8.count == 10 else { return nil }
    let today = words.day(visit.now)
    if day.text == today { return "Filed today, that is on the day of the meeting." }
    guard day.text < today else { return nil }
    return words.interval(from: day.text, to: today).map { "Filed today, that is \($0) than the meeting: say why." }
}

// MARK: - What is said of a meeting

/// A fact of a meeting, for the pages of its document.
struct MeetingFact {
    let name: String
    let value: String

    /// What is said of the meeting that a document has the notes of; nothing for another document.
    static func facts(_ document: DocumentFacts, _ words: Wording) -> [MeetingFact] {
        func value(_ field: String) -> String { document.fields[field] ?? "" }
        let hand =
            switch MeetingHand(rawValue: value("written")) {
            case .typed: "Typed"
            case .handwritten: "Handwritten"
            case nil: ""
            }
        return [
            MeetingFact(name: "Agency", value: value("agency_name")),
            .init(name: "Meeting", value: value("time").isEmpty ? "" : words.date(value("date"), at: value("time"))),
            .init(name: "Who attended", value: value("attendees")), .init(name: "Notes", value: hand),
            .init(name: "Received from", value: value("received_from")),
        ].filter { !$0.value.isEmpty }
    }
}

extension Wording {
    /// Whether notes of a meeting were filed on another day than it was (F-05); paper from the archive always is.
    func isLateMeeting(_ document: DocumentFacts) -> Bool {
        guard document.fields["agency"] != nil, let date = try? DocumentDate(parsing: document.fields["date"] ?? ""),
            !ArchivePaper.covers(date)
        else { return false }
        return date.text != day(document.recorded)
    }
}

extension Visit {
    /// The files of other pupils in which the same document stands, for who reads every file.
    func otherFiles(of document: DocumentID) throws -> [Link] {
        try vault.otherPupils(of: document, as: acting).map { pupil in
            Link(
                href: "/pupils/\(pupil.reference)",
                text: "\(pupil.name), born \(pupil.yearOfBirth), \(pupil.reference)")
        }
    }
}

// MARK: - Taking what was typed

private func takeNotes(_ visit: Visit) throws -> Reply {
    let (vault, form, acting) = (visit.vault, visit.form, try visit.acting)
    let id: DraftID = try visit.id("draft")
    let first = try vault.pupil(reference: form["pupil"], as: acting)
    let (references, summaries) = (form.all("also"), form.all("also-summary"))
    guard references.count == summaries.count, references.count <= 30 else { throw Fault.unknownField }
    var others = try zip(references, summaries).map { reference, summary in
        AlsoAbout(pupilFile: try vault.pupil(reference: reference, as: acting).pupilFile, summary: trimmed(summary))
    }
    var action = form["do"].split(separator: ".", maxSplits: 1).map(String.init)
    let named = action.count == 2 ? try vault.pupil(reference: action[1], as: acting).pupilFile : nil
    let words = trimmed(form["words"])
    if action == ["save"], !words.isEmpty { action = ["find"] }
    switch action.first {
    case "add":
        guard let named else { throw Fault.unknownField }
        if named != first.pupilFile, !others.contains(where: { $0.pupilFile == named }) {
            others.append(AlsoAbout(pupilFile: named, summary: ""))
        }
    case "remove":
        guard let named else { throw Fault.unknownField }
        others.removeAll { $0.pupilFile == named }
    case "save", "keep", "find", "attach", "detach", "file": guard named == nil else { throw Fault.unknownField }
    default: throw Fault.unknownField
    }
    var draft = MeetingDraft(
        id: id, pupilFile: first.pupilFile,
        details: FilingDetails(
            summary: trimmed(form["summary"]), category: form["category"], date: trimmed(form["date"]),
            signed: form["signed"].isEmpty ? "unknown" : form["signed"], signedBy: trimmed(form["signed-by"]),
            received: trimmed(form["received"]), lateReason: trimmed(form["late-reason"]), meeting: form.meeting(),
            alsoAbout: others), text: form["text"])
    do throws(VaultError) {
        try vault.keep(draft, as: acting)
    } catch {
        // Pressed twice: it is filed.
        if error == .gone, let receipt = try vault.receipt(ofNotes: id, as: acting) { return receiptPage(receipt) }
        // Too long to be kept is not lost: the form comes back with it.
        guard case .refused(let refusal) = error, refusal.code.hasPrefix("draft.") else { throw error }
        return try notesPage(visit, draft, problems: [DraftProblem(refusal: refusal)])
    }
    let path = "/meeting-notes/\(id.text)"
    switch action.first {
    case "keep": return Reply(status: .noContent)
    case "attach": return .redirect(path + "/file")
    case "detach":
        try vault.detach(from: id, as: acting)
        return .redirect(path + "#notes")
    case "add", "remove": return .redirect(path + "#pupils")
    case "find":
        draft = try vault.draft(id, as: acting)
        let found = words.isEmpty ? [] : try vault.pupils(as: acting, matching: words.filter { !$0.isNewline })
        return try notesPage(visit, draft, searched: (words, found))
    case "file": return try file(id, visit)
    default: return .redirect(path)
    }
}

private func file(_ id: DraftID, _ visit: Visit) throws -> Reply {
    let (vault, acting) = (visit.vault, try visit.acting)
    let draft = try vault.draft(id, as: acting)
    let problems = try vault.problems(with: draft, as: acting)
    var concern: StaffConcern?
    var unanswered: Refusal?
    do { concern = try visit.form.staffConcern() } catch let refusal as Refusal { unanswered = refusal }
    guard problems.isEmpty, unanswered == nil else {
        return try notesPage(visit, draft, problems: problems, unanswered: unanswered)
    }
    do throws(VaultError) {
        let receipt = try vault.file(id, concerning: concern, as: acting)
        return receiptPage(receipt)
    } catch {
        guard case .refused(let refusal) = error, refusal != .notEntitled else { throw error }
        let isStaff = refusal.code.hasPrefix("staff.")
        return try notesPage(
            visit, draft, problems: isStaff ? [] : [DraftProblem(refusal: refusal)],
            unanswered: isStaff ? refusal : nil)
    }
}

private func receiptPage(_ receipt: Receipt) -> Reply {
    .redirect("/receipt/" + receipt.documents.map(\.text).joined(separator: ","))
}

// MARK: - A file

struct AttachPage {
    let chrome: Chrome
    let pupil: PupilBanner
    let action: String
    let csrf: String
    let files: Field
    let accepted: String
    let endings: String
    let back: String
}

private func attachPage(_ visit: Visit, error: String? = nil) throws -> Reply {
    let draft = try visit.vault.draft(visit.id("draft"), as: visit.acting)
    let policies = visit.vault.policies
    let path = "/meeting-notes/\(draft.id.text)"
    return visit.page(
        .attach,
        AttachPage(
            chrome: visit.chrome(
                "Attach the notes", back: Link(href: path, text: "Notes of a meeting"),
                problems: error.map { [ProblemLink(href: "#files", text: $0)] } ?? []),
            pupil: PupilBanner(try visit.vault.pupil(draft.pupilFile, as: visit.acting), visit.words),
            action: path + "/file", csrf: visit.session?.csrf ?? "", files: Field(error: error),
            accepted: acceptedFiles(policies, visit.words), endings: acceptedEndings(policies), back: path),
        status: error == nil ? .ok : .unprocessableContent)
}

private func attach(_ visit: Visit) async throws -> Reply {
    let acting = try visit.acting
    let draft = try visit.vault.draft(visit.id("draft"), as: acting)
    let pupil = try visit.vault.pupil(draft.pupilFile, as: acting)
    let intake = try await FileIntake.run(visit, pupil, fields: ["csrf"], mostFiles: 1) {
        (received, _) throws(VaultError) in
        _ = try visit.vault.attach(received, to: draft.id, as: acting)
    }
    if let refused = intake.notTaken.first {
        return try attachPage(visit, error: "\(refused.refusal.message) \(refused.refusal.hint)")
    }
    guard intake.held == 1 else { return try attachPage(visit, error: "Select a file") }
    return .redirect("/meeting-notes/\(draft.id.text)#notes")
}

// MARK: - Discarding

struct DiscardNotesPage {
    let chrome: Chrome
    let pupil: PupilBanner
    let kept: String
    let action: String
    let csrf: String
    let keep: String
}

private func discardNotesPage(_ visit: Visit) throws -> Reply {
    let draft = try visit.vault.draft(visit.id("draft"), as: visit.acting)
    let path = "/meeting-notes/\(draft.id.text)"
    return visit.page(
        .discardNotes,
        DiscardNotesPage(
            chrome: visit.chrome("Discard these notes?", back: Link(href: path, text: "Notes of a meeting")),
            pupil: PupilBanner(try visit.vault.pupil(draft.pupilFile, as: visit.acting), visit.words),
            kept: draft.kept.map { visit.words.moment($0) } ?? "", action: path + "/discard",
            csrf: visit.session?.csrf ?? "", keep: path))
}

private func discardNotes(_ visit: Visit) throws -> Reply {
    try visit.vault.discard(visit.id("draft") as DraftID, as: visit.acting)
    return .redirect("/")
}
