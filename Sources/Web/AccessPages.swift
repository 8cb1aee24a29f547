import Custody
import HTTPTypes
import Records

let accessRoutes: [Route] = [
    Route(.get, "/pupils/{pupil}/access", .giveAccess) { visit in try accessPage(visit) },
    Route(
        .post, "/pupils/{pupil}/access", .giveAccess,
        body: .form(["person", "what", "until", "reason"], many: ["document"]), asksForCode: true, handle: giveAccess),
    Route(.post, "/pupils/{pupil}/access/{access}/end", .giveAccess, body: .form([]), handle: endAccess),
    Route(.get, "/reading", .readShared, handle: showOwnAccesses),
]

struct AccessPage {
    struct Given {
        let name: String
        let what: String
        let reason: String
        let from: String
        let until: String
        let ended: String?
        let isActive: Bool
        let path: String
        let csrf: String
    }
    struct Line {
        let id: String
        let text: String
        /// Whom else it is about: whoever reads it reads that, too.
        let others: String?
        let chosen: Bool
    }
    let chrome: Chrome
    let pupil: PupilBanner
    let given: [Given]
    let hasGiven: Bool
    let people: [Choice]
    let hasPeople: Bool
    let personError: String?
    let whole: Bool
    let some: Bool
    let documents: [Line]
    let documentError: String?
    /// How many of the documents are about other pupils, too.
    let shared: String?
    let until: Field
    let longest: String
    let reason: Field
    let path: String
    let csrf: String
}

private func accessPage(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let pupil = try visit.pupil()
    let acting = try visit.acting
    let (vault, words) = (visit.vault, visit.words)
    let path = "/pupils/\(pupil.reference)/access"
    let problem = refusal.map { "\($0.message) \($0.hint)" }
    let place =
        switch refusal?.code {
        case nil: ""
        case "access.reason": "reason"
        case "access.until", "date.no-day": "until"
        case "access.no-document", "access.document-unknown": "what"
        default: "person"
        }
    func error(_ name: String) -> String? { place == name ? problem : nil }
    let accesses = try vault.accesses(to: pupil.pupilFile, as: acting)
    let chronology = try vault.chronology(of: pupil.pupilFile, newestFirst: true, count: Share.most, as: acting)
    let chosen = Set(visit.form.all("document"))
    let shared = try vault.sharedDocuments(of: pupil.pupilFile, as: acting)
    let what = visit.form["what"].isEmpty ? "some" : visit.form["what"]
    let people = try vault.people(as: acting).filter { person in
        person.id != acting.person && person.standing.isConfirmed && person.suspended == nil
            && vault.policies.access.abilities.allow(.file, to: person.roles)
            && !vault.policies.access.abilities.allow(.read, to: person.roles)
    }
    return visit.page(
        .access,
        AccessPage(
            chrome: visit.chrome(
                "Access to \(pupil.reference)",
                back: Link(href: "/pupils/\(pupil.reference)", text: "Pupil file \(pupil.reference)"),
                problems: problem.map { [ProblemLink(href: "#" + place, text: $0)] } ?? []),
            pupil: PupilBanner(pupil, words),
            given: accesses.map { access in
                .init(
                    name: access.name,
                    what: access.whole ? "The whole file" : words.count(access.documents, "document"),
                    reason: access.reason, from: "\(words.longDay(access.given)) by \(access.givenBy)",
                    until: words.lastDay(before: access.expires), ended: access.ended.map(words.moment),
                    isActive: access.isActive, path: "\(path)/\(access.id.text)/end", csrf: visit.session?.csrf ?? "")
            }, hasGiven: !accesses.isEmpty,
            people: people.map {
                Choice(
                    value: $0.id.text, title: "\($0.name), \(words.roles($0.roles))",
                    chosen: $0.id.text == visit.form["person"])
            }, hasPeople: !people.isEmpty, personError: error("person"), whole: what == "whole", some: what == "some",
            documents: chronology.entries.filter { !$0.isQuarantined }.compactMap { entry in
                entry.document.map {
                    .init(
                        id: $0.id.text, text: "\(words.date(entry.occurred)): \(entry.summary)",
                        others: shared[$0.id].map { pupils in
                            "It is also about \(pupils.map { "\($0.name) (\($0.reference))" }.joined(separator: ", ")): whoever reads it reads that, too."
                        },
                        chosen: chosen.contains($0.id.text))
                }
            }, documentError: error("what"),
            shared: shared.isEmpty
                ? nil
                : "\(words.count(shared.count, "document")) of this file \(shared.count == 1 ? "is" : "are") about other pupils, too. Whoever is given the whole file reads what stands there about them.",
            until: Field(value: visit.form["until"], error: error("until")),
            longest: words.count(vault.policies.access.longestAccessDays, "day"),
            reason: Field(value: visit.form["reason"], error: error("reason")), path: path,
            csrf: visit.session?.csrf ?? ""), status: refusal == nil ? .ok : .unprocessableContent)
}

private func giveAccess(_ visit: Visit) throws -> Reply {
    let pupil = try visit.pupil()
    guard ["whole", "some"].contains(visit.form["what"]) else { throw Fault.unknownField }
    do {
        guard let person = PersonID(text: visit.form["person"]) else {
            throw VaultError.refused(
                Refusal(
                    code: "access.nobody", message: "Nobody is chosen.", hint: "Choose the person who needs to read."))
        }
        let documents = try visit.form.all("document").map { text in
            guard let id = DocumentID(text: text) else { throw Fault.unknownField }
            return id
        }
        try visit.vault.giveAccess(
            to: person, of: pupil.pupilFile, documents: visit.form["what"] == "whole" ? nil : documents,
            until: visit.form["until"], reason: visit.form["reason"], as: visit.acting)
    } catch VaultError.refused(let refusal)
        where refusal.code.hasPrefix("access.") && refusal != .notEntitled || refusal == .dayUnreadable
    {
        return try accessPage(visit, refusal: refusal)
    }
    return .redirect("/pupils/\(pupil.reference)/access")
}

private func endAccess(_ visit: Visit) throws -> Reply {
    let pupil = try visit.pupil()
    let id: AccessID = try visit.id("access")
    guard try visit.vault.accesses(to: pupil.pupilFile, as: visit.acting).contains(where: { $0.id == id }) else {
        throw Fault.noSuchPage
    }
    try visit.vault.endAccess(id, as: visit.acting)
    return .redirect("/pupils/\(pupil.reference)/access")
}

struct OwnAccessesPage {
    struct Given {
        struct Document {
            let href: String
            let summary: String
            let date: String
            let found: String
        }
        let pupil: PupilBanner
        let what: String
        let until: String
        let documents: [Document]
        let entries: [EntrySaid]
        let isEmpty: Bool
    }
    let chrome: Chrome
    let given: [Given]
    let isEmpty: Bool
}

private func showOwnAccesses(_ visit: Visit) throws -> Reply {
    let words = visit.words
    let given = try visit.vault.ownAccesses(as: visit.acting)
    return visit.page(
        .reading,
        OwnAccessesPage(
            chrome: visit.chrome("What you may read", back: Link(href: "/", text: "Home")),
            given: given.map { pupil, access, documents, entries in
                .init(
                    pupil: PupilBanner(pupil, words), what: access.whole ? "The whole file" : "Some documents",
                    until: words.lastDay(before: access.expires),
                    documents: documents.map {
                        .init(
                            href: "/documents/\($0.id.text)", summary: $0.summary,
                            date: words.date($0.fields["date"] ?? ""),
                            found: words.facts($0.mediaType, $0.pages, $0.size, visit.vault.policies))
                    }, entries: entries.map { EntrySaid($0, words) },
                    isEmpty: documents.isEmpty && entries.isEmpty)
            }, isEmpty: given.isEmpty))
}
