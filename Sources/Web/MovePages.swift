import Custody
import HTTPTypes
import Records

// A document that turns out to concern a member of staff, in three steps: whom it concerns; what moving it comes to; done.

let moveRoutes: [Route] = [
    Route(.get, "/documents/{document}/move", .read) { visit in try askWhom(visit) },
    Route(
        .post, "/documents/{document}/move", .read, body: .form(["about-other"], many: ["about"]), handle: showMove),
    Route(
        .post, "/documents/{document}/moved", .read, body: .form(["about-other"], many: ["about"]), asksForCode: true,
        handle: move),
]

struct MovePage {
    let chrome: Chrome
    let pupil: PupilBanner
    let reference: String
    let summary: String
    /// The other pupils in whose files it stands, where it stays until it is moved there, too.
    let others: [Link]
    let hasOthers: Bool
    let staff: StaffQuestion
    let lado: String
    let path: String
    let csrf: String
}

struct MoveCheckPage {
    struct Opener {
        let name: String
        let what: String
    }
    let chrome: Chrome
    let pupil: PupilBanner
    let reference: String
    let summary: String
    let about: String
    let filedBy: String
    let readers: [ReaderLine]
    let openers: [Opener]
    let hasOpeners: Bool
    let keepers: [String]
    let isRecoverable: Bool
    let isAlone: Bool
    let lado: String
    let people: [String]
    let others: String
    let path: String
    let csrf: String
}

private func askWhom(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let id: DocumentID = try visit.id("document")
    // Whoever keeps a restricted document is led to its page: there is nothing left to move.
    if try visit.vault.document(id, as: visit.acting).restricted != nil { return .redirect("/documents/\(id.text)") }
    let preview = try visit.vault.movePreview(of: id, about: nil, as: visit.acting)
    let staff = try StaffQuestion(visit, error: refusal)
    let others = try visit.otherFiles(of: id)
    return visit.page(
        .move,
        MovePage(
            chrome: visit.chrome(
                "Whom document \(id.reference) concerns",
                back: Link(href: "/documents/\(id.text)", text: "Document \(id.reference)"),
                problems: staff.error.map { [ProblemLink(href: "#staff", text: $0)] } ?? []),
            pupil: PupilBanner(preview.pupil, visit.words), reference: id.reference, summary: preview.document.summary,
            others: others, hasOthers: !others.isEmpty, staff: staff, lado: visit.vault.policies.school.lado,
            path: "/documents/\(id.text)/move",
            csrf: visit.session?.csrf ?? ""), status: refusal == nil ? .ok : .unprocessableContent)
}

private func showMove(_ visit: Visit) throws -> Reply {
    let id: DocumentID = try visit.id("document")
    let preview: MovePreview
    // Looked for first, so that what is not there is not there, whatever the form says.
    _ = try visit.vault.document(id, as: visit.acting)
    do {
        preview = try visit.vault.movePreview(of: id, about: visit.form.concern(), as: visit.acting)
    } catch {
        guard let refusal = Refusal.ofConcern(error) else { throw error }
        return try askWhom(visit, refusal: refusal)
    }
    let (words, document) = (visit.words, preview.document)
    return visit.page(
        .moveCheck,
        MoveCheckPage(
            chrome: visit.chrome(
                "Check before moving \(id.reference)",
                back: Link(href: "/documents/\(id.text)/move", text: "Whom it concerns")),
            pupil: PupilBanner(preview.pupil, words), reference: id.reference, summary: document.summary,
            about: preview.about, filedBy: "\(document.filer.text), \(words.moment(document.recorded))",
            readers: try visit.readers(preview.readers, []).lines,
            openers: preview.opened.map { opener in
                MoveCheckPage.Opener(
                    name: opener.name,
                    what: "last on \(words.moment(opener.last))"
                        + (opener.copies == 0 ? "" : ", took \(words.count(opener.copies, "copy", "copies"))"))
            },
            hasOpeners: !preview.opened.isEmpty, keepers: preview.keepers, isRecoverable: preview.isRecoverable,
            isAlone: preview.keepers.count < enoughKeepers, lado: visit.vault.policies.school.lado,
            people: visit.form.all("about"), others: visit.form["about-other"],
            path: "/documents/\(id.text)/moved", csrf: visit.session?.csrf ?? ""))
}

private func move(_ visit: Visit) throws -> Reply {
    let id: DocumentID = try visit.id("document")
    _ = try visit.vault.document(id, as: visit.acting)
    do {
        let record = try visit.vault.move(id, about: visit.form.concern(), as: visit.acting)
        return .redirect("/documents/\(record.text)")
    } catch {
        guard let refusal = Refusal.ofConcern(error) else { throw error }
        return try askWhom(visit, refusal: refusal)
    }
}

extension Refusal {
    /// What is wrong with the answer whom a document concerns; nil for any other error.
    fileprivate static func ofConcern(_ error: any Error) -> Refusal? {
        let refusal: Refusal? =
            switch error {
            case let refusal as Refusal: refusal
            case VaultError.refused(let refusal): refusal
            default: nil
            }
        return refusal.flatMap { $0.code.hasPrefix("staff.") || $0 == .personUnknown ? $0 : nil }
    }
}
