import Custody
import HTTPTypes
import Records

let searchRoutes: [Route] = [
    Route(.get, "/search", .read) { visit in searchPage(visit, in: nil) },
    Route(.post, "/search", .read, body: .form(["words"]), handle: searchEverywhere),
    Route(.post, "/pupils/{pupil}/search", .read, body: .form(["words"]), handle: searchPupilFile),
]

struct SearchPage {
    /// What was found, and on which pages of the document its text has the words.
    struct Found {
        let entry: EntryLine
        let isOnPages: Bool
        let pages: [Link]
    }
    struct Group {
        let pupil: PupilLine
        let found: String
        let entries: [Found]
        /// Where the rest is to be found, across pupil files.
        let more: Link?
        /// How many are not shown, in one pupil file.
        let rest: String?
    }
    let chrome: Chrome
    let pupil: PupilBanner?
    let heading: String
    let action: String
    let csrf: String
    let words: Field
    let found: String?
    /// Where texts of documents were not looked through, or not all.
    let texts: [String]
    let groups: [Group]
    let isNothing: Bool
}

/// The page of a search; the words go back into its form and nowhere else.
private func searchPage(
    _ visit: Visit, in pupil: Pupil?, findings: [ChronologyFindings]? = nil, refusal: Refusal? = nil
) -> Reply {
    let words = visit.words
    let problem = refusal.map { "\($0.message) \($0.hint)" }
    let total = findings?.reduce(0) { $0 + $1.total } ?? 0
    let back =
        pupil.map { Link(href: "/pupils/\($0.reference)", text: "Pupil file \($0.reference)") }
        ?? Link(href: "/pupils", text: "Pupils")
    func rest(_ one: ChronologyFindings) -> String? {
        let count = one.total - one.entries.count
        return count > 0 ? words.count(count, "more entry", "more entries") : nil
    }
    let title = pupil.map { "Search in \($0.reference)" } ?? "Search all pupil files"
    return visit.page(
        .search,
        SearchPage(
            chrome: visit.chrome(
                title, back: back, wide: true,
                problems: problem.map { [ProblemLink(href: "#words", text: $0)] } ?? []),
            pupil: pupil.map { PupilBanner($0, words) }, heading: title,
            action: pupil.map { "/pupils/\($0.reference)/search" } ?? "/search", csrf: visit.session?.csrf ?? "",
            words: Field(value: visit.form["words"].filter { !$0.isNewline }, error: problem),
            found: findings.map { findings in
                words.count(total, "entry", "entries") + " found"
                    + (pupil == nil && total > 0 ? " in " + words.count(findings.count, "pupil file") : "")
            },
            texts: findings.map { textWords($0, in: pupil, words) } ?? [],
            groups: (findings ?? []).filter { $0.total > 0 }.map { one in
                .init(
                    pupil: PupilLine(one.pupil, under: "/pupils"), found: words.count(one.total, "entry", "entries"),
                    entries: one.entries.map { foundLine($0, one.pages[$0.index] ?? [], words) },
                    more: pupil == nil ? rest(one).map { Link(href: "/pupils/\(one.pupil.reference)", text: $0) } : nil,
                    rest: pupil == nil ? nil : rest(one))
            }, isNothing: findings != nil && total == 0), status: refusal == nil ? .ok : .unprocessableContent)
}

private func foundLine(_ entry: ChronologyEntry, _ pages: [Int], _ words: Wording) -> SearchPage.Found {
    let links = entry.document.map { document in
        pages.map { Link(href: "/documents/\(document.id.text)?page=\($0)", text: "page \($0)") }
    }
    return SearchPage.Found(entry: EntryLine(entry, words), isOnPages: links?.isEmpty == false, pages: links ?? [])
}

/// What a search did not look through.
private func textWords(_ findings: [ChronologyFindings], in pupil: Pupil?, _ words: Wording) -> [String] {
    guard pupil != nil, let texts = findings.first?.texts else {
        return ["What stands on the pages of documents was not looked through: search in a pupil’s file for that."]
    }
    var said: [String] = []
    if texts.waiting > 0 {
        let documents = words.count(texts.waiting, "document")
        said.append(
            "The text of \(documents) was not looked through: it has not been read yet. "
                + (texts.isUnderWay
                    ? "It is being read now, and that is recorded; search again in a few minutes."
                    : "It cannot be read at the moment."))
    }
    if texts.unreadable > 0 {
        said.append(
            "\(words.count(texts.unreadable, "page")) of this file’s documents could not be read; look at \(texts.unreadable == 1 ? "it" : "them") yourself."
        )
    }
    return said
}

private func searchEverywhere(_ visit: Visit) throws -> Reply {
    do {
        return searchPage(
            visit, in: nil, findings: try visit.vault.searchEverywhere(visit.form["words"], as: visit.acting))
    } catch VaultError.refused(let refusal) where refusal.code.hasPrefix("search.") {
        return searchPage(visit, in: nil, refusal: refusal)
    }
}

private func searchPupilFile(_ visit: Visit) throws -> Reply {
    let pupil = try visit.pupil()
    do {
        let found = try visit.vault.search(visit.form["words"], in: pupil.pupilFile, as: visit.acting)
        return searchPage(visit, in: pupil, findings: [found])
    } catch VaultError.refused(let refusal) where refusal.code.hasPrefix("search.") {
        return searchPage(visit, in: pupil, refusal: refusal)
    }
}
