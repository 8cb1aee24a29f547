import Custody
import HTTPTypes
import Records
import Sealing

private let detailNames: Set<String> = [
    "summary", "category", "date", "signed", "signed-by", "received", "late-reason", "again", "staff", "agency",
    "agency-name", "time", "attendees", "written", "received-from",
]

let checkRoutes: [Route] = [
    Route(.get, "/check/{pupil}", .file) { visit in
        let pupil = try visit.pupil()
        try visit.vault.inspectWaiting(as: visit.acting)
        return try checkPage(visit, pupil)
    },
    Route(
        .post, "/check/{pupil}", .file,
        body: .form(["staff", "about-other"], many: ["upload", "about"], perUpload: detailNames), handle: fileUploads),
    Route(.get, "/check/{pupil}/picture/{upload}", .file, leadsToSignIn: false) { visit in
        guard let id = UploadID(text: try visit.parameter("upload")) else { throw Fault.noSuchPage }
        return .bytes(try visit.vault.picture(ofUpload: id, width: 300, as: visit.acting), "image/jpeg")
    },
    Route(.get, "/check/{pupil}/proposals", .file, leadsToSignIn: false, handle: tellProposals),
    Route(.get, "/check/{pupil}/discard/{upload}", .file) { visit in try discardPage(visit) },
    Route(.post, "/check/{pupil}/discard/{upload}", .file, body: .form([]), handle: discard),
    Route(.get, "/receipt/{documents}", .file, handle: showReceipts),
]

struct CheckPage {
    struct Row {
        let upload: String
        let number: Int
        let filename: String
        let facts: String
        let isQuarantined: Bool
        let isWaiting: Bool
        let canBeFiled: Bool
        let message: String?
        let proposed: String?
        /// Whether a summary is being read from its first page.
        let isBeingRead: Bool
        let summary: Field
        let category: Field
        let categories: [Choice]
        let date: Field
        let signed: Field
        let signedChoices: [Choice]
        let signedBy: Field
        let received: Field
        let lateReason: Field
        let receivedOpen: Bool
        let meeting: Meeting
        let discard: String
        let picture: String?
        let earlier: String?
        let concernsStaff: Bool
    }
    struct Meeting {
        let form: MeetingForm
        let isOpen: Bool
        let several: String
    }
    let chrome: Chrome
    let pupil: PupilBanner
    let action: String
    let csrf: String
    let staff: StaffQuestion
    let rows: [Row]
    let isEmpty: Bool
    let canFile: Bool
    let fileButton: String
    let leftBehind: String?
    let filed: Link?
    let more: String
    let several: Bool
}

/// What the page asks for while first pages are read: a summary for each upload, and whether it is still read.
private struct Proposal: Encodable {
    let upload: String
    let summary: String
    let isBeingRead: Bool
}

private func tellProposals(_ visit: Visit) throws -> Reply {
    let pupil = try visit.pupil()
    return try .json(
        visit.vault.pendingUploads(as: visit.acting).filter { $0.pupilFile == pupil.pupilFile }.map {
            Proposal(
                upload: $0.id.text, summary: $0.details.summary,
                isBeingRead: $0.isBeingRead && $0.details.summary.isEmpty)
        })
}

/// Which field of a row a refusal is about.
private func fieldName(of refusal: Refusal) -> String? {
    if let field = refusal.meetingField { return field == "elsewhere" ? "agency" : field }
    return switch refusal.code.split(separator: ".").first {
    case "summary": "summary"
    case "date": "date"
    case "category": "category"
    case "staff": "staff-mark"
    case "signed": "signed"
    case "received": refusal == .lateReasonMissing ? "late-reason" : "received"
    default: nil
    }
}

/// The page on which uploads are checked before they are filed.
///
/// - Parameters:
///   - given: what was typed, by upload, where the form comes back.
///   - refusals: what stood in the way, by upload.
///   - unanswered: what is missing from the answer whether a member of staff is concerned.
///   - notTaken: files that never became uploads.
///   - filed: receipts of those that went through.
func checkPage(
    _ visit: Visit, _ pupil: Pupil, given: [UploadID: FilingDetails] = [:], refusals: [UploadID: Refusal] = [:],
    unanswered: Refusal? = nil, notTaken: [NotTaken] = [], filed: [Receipt] = []
) throws -> Reply {
    let uploads = try visit.vault.pendingUploads(as: visit.acting).filter { $0.pupilFile == pupil.pupilFile }
    var problems = notTaken.map { file in
        ProblemLink(href: "#more", text: "\(visible(file.filename)): \(file.refusal.message) \(file.refusal.hint)")
    }
    if let unanswered {
        problems.append(ProblemLink(href: "#staff", text: "\(unanswered.message) \(unanswered.hint)"))
    }
    var rows: [CheckPage.Row] = []
    let repeated = repeats(uploads, visit.words)
    for (offset, upload) in uploads.enumerated() {
        let refusal = refusals[upload.id]
        if let refusal {
            let place = fieldName(of: refusal) ?? "row"
            problems.append(
                ProblemLink(
                    href: "#\(place).\(upload.id.text)",
                    text: "\(visible(upload.filename)): \(refusal.message) \(refusal.hint)"))
        }
        rows.append(
            row(offset + 1, upload, given[upload.id] ?? upload.details, refusal, repeated[upload.id], visit, pupil))
    }
    let ready = rows.count { $0.canBeFiled && $0.earlier == nil }
    let again = rows.count { $0.canBeFiled && $0.earlier != nil }
    let left = rows.count - ready - again
    let reply = visit.page(
        .check,
        CheckPage(
            chrome: visit.chrome("Check before filing", back: Link(href: "/", text: "Home"), problems: problems),
            pupil: PupilBanner(pupil, visit.words), action: "/check/\(pupil.reference)",
            csrf: visit.session?.csrf ?? "", staff: try StaffQuestion(visit, error: unanswered), rows: rows,
            isEmpty: rows.isEmpty, canFile: ready + again > 0,
            fileButton: ready == 0 ? "File what is ticked" : "File \(visit.words.count(ready, "document"))",
            leftBehind: left == 0
                ? nil : "\(visit.words.count(left, "file")) cannot be filed yet and will be left here.",
            filed: filed.isEmpty
                ? nil
                : Link(
                    href: "/receipt/" + filed.map(\.document.text).joined(separator: ","),
                    text: "\(visit.words.count(filed.count, "document")) filed: see the receipt"),
            more: "/file/\(pupil.reference)", several: ready + again > 1))
    return reply.with { if !problems.isEmpty { $0.status = .unprocessableContent } }
}

private func row(
    _ number: Int, _ upload: PendingUpload, _ details: FilingDetails, _ refusal: Refusal?, _ earlier: String?,
    _ visit: Visit, _ pupil: Pupil
) -> CheckPage.Row {
    let (found, policies) = (upload.inspected, visit.vault.policies)
    let words = refusal.map { "\($0.message) \($0.hint)" }
    let place = refusal.map { fieldName(of: $0) }
    func field(_ name: String, _ value: String) -> Field { Field(value: value, error: place == name ? words : nil) }
    let general = place == .some(nil) ? words : nil
    return CheckPage.Row(
        upload: upload.id.text, number: number, filename: visible(upload.filename),
        facts: visit.words.facts(found.mediaType, found.pages, upload.size, policies),
        isQuarantined: found.outcome == .quarantined, isWaiting: found.outcome == .waiting,
        canBeFiled: found.outcome == .accepted || found.outcome == .quarantined, message: general ?? found.message,
        proposed: found.proposedSummary, isBeingRead: upload.isBeingRead && details.summary.isEmpty,
        summary: field("summary", details.summary),
        category: field("category", details.category), categories: categoryChoices(policies, details.category),
        date: field("date", details.date), signed: field("signed", details.signed),
        signedChoices: signedChoices(details.signed), signedBy: field("signed-by", details.signedBy),
        received: field("received", details.received), lateReason: field("late-reason", details.lateReason),
        receivedOpen: !details.received.isEmpty || place == "received" || place == "late-reason",
        meeting: .init(
            form: MeetingForm(details, policies) { name in place == .some(name) ? words : nil },
            isOpen: policies.categories.isMeeting(details.category) || refusal?.meetingField != nil,
            several: "/file/\(pupil.reference)/meeting"),
        discard: "/check/\(pupil.reference)/discard/\(upload.id.text)",
        picture: found.outcome == .accepted && !Looking.textTypes.contains(found.mediaType)
            ? "/check/\(pupil.reference)/picture/\(upload.id.text)" : nil,
        earlier: earlier, concernsStaff: visit.form["staff.\(upload.id.text)"] == "yes")
}

/// Which uploads hold what the person filed for the pupil before, or what another one here holds: and where that is.
private func repeats(_ uploads: [PendingUpload], _ words: Wording) -> [UploadID: String] {
    var seen: [Digest: String] = [:]
    var repeats: [UploadID: String] = [:]
    for (offset, upload) in uploads.enumerated() {
        if let earlier = upload.earlier {
            repeats[upload.id] =
                "You filed this same content before, as \(earlier.document.reference) on \(words.moment(earlier.recorded))."
        } else if let other = seen[upload.digest] {
            repeats[upload.id] = "This is the same content as \(other)."
        } else {
            seen[upload.digest] = "\(offset + 1). \(visible(upload.filename)) on this page"
        }
    }
    return repeats
}

private func fileUploads(_ visit: Visit) throws -> Reply {
    let (pupil, form) = (try visit.pupil(), visit.form)
    var given: [(upload: UploadID, details: FilingDetails)] = []
    for text in form.all("upload") {
        guard let upload = UploadID(text: text), !given.contains(where: { $0.upload == upload }) else {
            throw Fault.unknownField
        }
        func value(_ name: String) -> String { trimmed(form["\(name).\(text)"]) }
        given.append(
            (
                upload,
                FilingDetails(
                    summary: value("summary"), category: value("category"), date: value("date"),
                    signed: value("signed"), signedBy: value("signed-by"), received: value("received"),
                    lateReason: value("late-reason"), meeting: form.meeting("." + text))
            ))
    }
    let typed = Dictionary(uniqueKeysWithValues: given)
    let filings: [Filing]
    do {
        // What they filed before is filed again only where they say so.
        let uploads = try visit.vault.pendingUploads(as: visit.acting).filter { $0.pupilFile == pupil.pupilFile }
        let repeated = repeats(uploads, visit.words)
        let wanted = given.filter { repeated[$0.upload] == nil || form["again.\($0.upload.text)"] == "yes" }
        let concern = try form.staffConcern()
        let marked = form.marked(wanted.map(\.upload))
        guard (concern == nil) == marked.isEmpty else { throw Refusal.staffMarks(concern != nil) }
        filings = wanted.map { upload, details in
            var details = details
            details.concerning = marked.contains(upload) ? concern : nil
            return Filing(upload: upload, details: details, again: true)
        }
    } catch let refusal as Refusal {
        return try checkPage(visit, pupil, given: typed, unanswered: refusal)
    }
    guard !filings.isEmpty else { return .redirect("/check/\(pupil.reference)") }
    if filings.contains(where: { $0.details.concerning == nil }) { try visit.vault.openBatch(as: visit.acting) }
    var receipts: [Receipt] = []
    var refusals: [UploadID: Refusal] = [:]
    for outcome in try visit.vault.file(filings, as: visit.acting) {
        switch outcome {
        case .filed(_, let receipt): receipts.append(receipt)
        case .queued: break
        case .refused(let upload, let refusal): refusals[upload] = refusal
        }
    }
    if refusals.isEmpty { return .redirect("/receipt/" + receipts.map(\.document.text).joined(separator: ",")) }
    return try checkPage(visit, pupil, given: typed, refusals: refusals, filed: receipts)
}

struct DiscardPage {
    let chrome: Chrome
    let pupil: PupilBanner
    let filename: String
    let facts: String
    let action: String
    let csrf: String
    let keep: String
}

private func discardPage(_ visit: Visit) throws -> Reply {
    let pupil = try visit.pupil()
    let id = UploadID(text: try visit.parameter("upload"))
    guard let upload = try visit.vault.pendingUploads(as: visit.acting).first(where: { $0.id == id }) else {
        throw Fault.vault(.notFound)
    }
    let keep = "/check/\(pupil.reference)"
    return visit.page(
        .discard,
        DiscardPage(
            chrome: visit.chrome("Discard this file?", back: Link(href: keep, text: "Check before filing")),
            pupil: PupilBanner(pupil, visit.words), filename: visible(upload.filename),
            facts: visit.words.facts(
                upload.inspected.mediaType, upload.inspected.pages, upload.size, visit.vault.policies),
            action: "\(keep)/discard/\(upload.id.text)", csrf: visit.session?.csrf ?? "", keep: keep))
}

private func discard(_ visit: Visit) throws -> Reply {
    guard let id = UploadID(text: try visit.parameter("upload")) else { throw Fault.noSuchPage }
    try visit.vault.discard(id, as: visit.acting)
    return .redirect("/check/\(try visit.pupil().reference)")
}

struct ReceiptPage {
    struct Line {
        let reference: String
        /// Whose it is, where there are several.
        let pupil: String?
        let filename: String
        let facts: String
        let recorded: String
        let recordedExactly: String
        let sha256: String
        let index: String
        let document: String
        let isQuarantined: Bool
        let isRestricted: Bool
    }
    let chrome: Chrome
    let heading: String
    let pupil: String
    let by: String
    let hasOrdinary: Bool
    let hasRestricted: Bool
    /// Whom to turn to, where fewer than two people can decide.
    let lado: String?
    let lines: [Line]
    let checkpoint: String
    let next: Link
    let another: Link
    /// The files it stands in, for who reads them.
    let files: [Link]
    let waiting: Link?
    let batch: Link?
}

private func showReceipts(_ visit: Visit) throws -> Reply {
    let acting = try visit.acting
    let receipts = try visit.parameter("documents").split(separator: ",").prefix(400).map { text in
        guard let id = DocumentID(text: String(text)) else { throw Fault.noSuchPage }
        return try visit.vault.receipt(of: id, as: acting)
    }
    guard let last = receipts.max(by: { $0.index < $1.index }) else { throw Fault.noSuchPage }
    let left = try visit.vault.pendingUploads(as: acting).count
    var pupils: [String] = []
    for receipt in receipts where !pupils.contains(receipt.pupilReference) { pupils.append(receipt.pupilReference) }
    return visit.page(
        .receipt,
        ReceiptPage(
            chrome: visit.chrome("Receipt", back: Link(href: "/", text: "Home")),
            heading: receipts.count == 1 ? "Filed" : "\(receipts.count) documents filed",
            pupil: pupils.joined(separator: ", "),
            by: acting.name, hasOrdinary: receipts.contains { !$0.isRestricted },
            hasRestricted: receipts.contains { $0.isRestricted }, lado: try visit.ladoAdvice(receipts),
            lines: receipts.map { receipt in
                ReceiptPage.Line(
                    reference: receipt.document.reference,
                    pupil: pupils.count > 1 ? receipt.pupilReference : nil, filename: visible(receipt.filename),
                    facts: visit.words.facts(receipt.mediaType, receipt.pages, receipt.size, visit.vault.policies),
                    recorded: visit.words.moment(receipt.recorded),
                    recordedExactly: receipt.recorded.iso8601, sha256: receipt.sha256,
                    index: visit.words.grouped(receipt.index), document: receipt.document.text,
                    isQuarantined: receipt.quarantined, isRestricted: receipt.isRestricted)
            }, checkpoint: last.checkpoint,
            next: Link(href: "/file/\(last.pupilReference)", text: "File more for \(last.pupilReference)"),
            another: Link(href: "/file", text: "File for another pupil"),
            files: acting.may(.read, in: visit.vault)
                ? pupils.map { Link(href: "/pupils/\($0)", text: "See it in the pupil file \($0)") } : [],
            waiting: left == 0
                ? nil : Link(href: "/", text: "\(visit.words.count(left, "file")) still waiting to be filed"),
            batch: try visit.vault.currentBatch(as: acting).map { batch in
                Link(
                    href: "/batches/\(batch.id.text)",
                    text: "Batch \(batch.number): see all \(batch.documents), print it, close it")
            }))
}
