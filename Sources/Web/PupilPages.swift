import Custody
import HTTPTypes
import Records

let pupilRoutes: [Route] = [
    Route(.get, "/pupils", .read) { visit in try showPupils(visit, words: nil) },
    Route(.post, "/pupils", .read, body: .form(["words"])) { visit in try showPupils(visit, words: visit.form["words"])
    },
    Route(.get, "/pupils/add", .managePupils) { visit in addPage(visit) },
    Route(
        .post, "/pupils/add", .managePupils, body: .form(["name", "date-of-birth", "upn", "enrolled"]),
        handle: addPupil),
    Route(.get, "/pupils/import", .managePupils) { visit in importPage(visit) },
    Route(
        .post, "/pupils/import", .managePupils, body: .smallFile(fields: [], file: "register"), handle: importPupils),
]

struct PupilsPage {
    let chrome: Chrome
    let words: String
    let searched: Bool
    let found: String
    let pupils: [PupilLine]
    let hasPupils: Bool
    let more: String?
    let mayManage: Bool
}

private func showPupils(_ visit: Visit, words: String?) throws -> Reply {
    let acting = try visit.acting
    let typed = (words ?? "").filter { !$0.isNewline }
    let pupils = try visit.vault.pupils(as: acting, matching: typed)
    let listed = words == nil && pupils.count > pupilsShown ? [] : Array(pupils.prefix(pupilsShown))
    return visit.page(
        .pupils,
        PupilsPage(
            chrome: visit.chrome("Pupils", back: Link(href: "/", text: "Home")), words: typed, searched: words != nil,
            found: visit.words.count(pupils.count, "pupil"), pupils: listed.map { PupilLine($0, under: "/pupils") },
            hasPupils: !listed.isEmpty,
            more: pupils.count > listed.count ? visit.words.count(pupils.count - listed.count, "more pupil") : nil,
            mayManage: acting.may(.managePupils, in: visit.vault)))
}

struct PupilAddPage {
    let chrome: Chrome
    let csrf: String
    let name: Field
    let dateOfBirth: Field
    let upn: Field
    let enrolled: Field
}

private func addPage(_ visit: Visit, refusal: Refusal? = nil) -> Reply {
    let words = refusal.map { "\($0.message) \($0.hint)" }
    let place =
        switch refusal?.code {
        case .some(let code) where code.contains("birth") || code.contains("date"): "date-of-birth"
        case .some(let code) where code.contains("upn"): "upn"
        case .some(let code) where code.contains("enrol"): "enrolled"
        default: "name"
        }
    func field(_ name: String) -> Field {
        Field(value: visit.form[name], error: refusal != nil && place == name ? words : nil)
    }
    return visit.page(
        .pupilAdd,
        PupilAddPage(
            chrome: visit.chrome(
                "Add a pupil", back: Link(href: "/pupils", text: "Pupils"),
                problems: words.map { [ProblemLink(href: "#" + place, text: $0)] } ?? []),
            csrf: visit.session?.csrf ?? "", name: field("name"), dateOfBirth: field("date-of-birth"),
            upn: field("upn"), enrolled: field("enrolled")), status: refusal == nil ? .ok : .unprocessableContent)
}

private func addPupil(_ visit: Visit) throws -> Reply {
    do {
        let pupil = try visit.vault.addPupil(
            NewPupil(
                name: trimmed(visit.form["name"]), dateOfBirth: trimmed(visit.form["date-of-birth"]),
                upn: trimmed(visit.form["upn"]), enrolled: trimmed(visit.form["enrolled"])), as: visit.acting)
        return .redirect(try visit.acting.may(.read, in: visit.vault) ? "/pupils/\(pupil.reference)" : "/")
    } catch VaultError.refused(let refusal) where refusal != .notEntitled {
        return addPage(visit, refusal: refusal)
    }
}

struct PupilImportPage {
    let chrome: Chrome
    let csrf: String
    let file: Field
}

private func importPage(_ visit: Visit, error: String? = nil) -> Reply {
    visit.page(
        .pupilImport,
        PupilImportPage(
            chrome: visit.chrome(
                "Import the school’s register", back: Link(href: "/pupils", text: "Pupils"),
                problems: error.map { [ProblemLink(href: "#register", text: $0)] } ?? []),
            csrf: visit.session?.csrf ?? "", file: Field(error: error)),
        status: error == nil ? .ok : .unprocessableContent)
}

struct PupilImportedPage {
    struct Line {
        let line: Int
        let why: String
    }
    let chrome: Chrome
    let added: [PupilLine]
    let hasAdded: Bool
    let addedCount: String
    let more: String?
    let already: String?
    let refused: [Line]
    let hasRefused: Bool
    let refusedCount: String
}

private func importPupils(_ visit: Visit) throws -> Reply {
    guard let file = visit.form.file, !file.bytes.isEmpty else { return importPage(visit, error: "Select a file") }
    guard let csv = String(validating: file.bytes, as: UTF8.self) else {
        return importPage(
            visit, error: "The file is not UTF-8 text. Save it as “CSV UTF-8” in the spreadsheet, then select it again."
        )
    }
    let result: PupilImport
    do {
        result = try visit.vault.importPupils(csv: csv, as: visit.acting)
    } catch VaultError.refused(let refusal) where refusal != .notEntitled {
        return importPage(visit, error: "\(refusal.message) \(refusal.hint)")
    }
    let words = visit.words
    return visit.page(
        .pupilImported,
        PupilImportedPage(
            chrome: visit.chrome("Register imported", back: Link(href: "/pupils", text: "Pupils")),
            added: result.added.prefix(pupilsShown).map { PupilLine($0, under: "/pupils") },
            hasAdded: !result.added.isEmpty, addedCount: words.count(result.added.count, "pupil"),
            more: result.added.count > pupilsShown ? words.count(result.added.count - pupilsShown, "more pupil") : nil,
            already: result.already.isEmpty ? nil : words.count(result.already.count, "pupil"),
            refused: result.refused.map { .init(line: $0.line, why: "\($0.refusal.message) \($0.refusal.hint)") },
            hasRefused: !result.refused.isEmpty, refusedCount: words.count(result.refused.count, "line")))
}
