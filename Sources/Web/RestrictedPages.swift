import Custody
import HTTPTypes
import Records

let restrictedRoutes: [Route] = [
    Route(.get, "/restricted", .holdRestricted, handle: showRestricted)
]

/// How many people have to be left to decide together what follows.
let enoughKeepers = 2

struct RestrictedPage {
    struct Line {
        let pupil: String
        let born: String
        let reference: String
        let about: String
        let summary: String
        let document: Link
        let isNew: Bool
        let recorded: String
        let moved: String?
        let keepers: String
        let isAlone: Bool
    }
    let chrome: Chrome
    let count: String
    let lines: [Line]
    let isEmpty: Bool
    let lado: String
}

private func showRestricted(_ visit: Visit) throws -> Reply {
    let lines = try visit.vault.restrictedDocuments(as: visit.acting).compactMap { facts in
        facts.restricted.map { restricted in
            RestrictedPage.Line(
                pupil: restricted.pupil.name, born: restricted.pupil.yearOfBirth,
                reference: restricted.pupil.reference, about: restricted.about, summary: facts.summary,
                document: Link(href: "/documents/\(facts.id.text)", text: facts.id.reference),
                isNew: !restricted.isOpened, recorded: visit.words.moment(facts.recorded),
                moved: restricted.moved.map { visit.words.moment($0.at) }, keepers: restricted.keepersInWords,
                isAlone: restricted.keepers.count < enoughKeepers)
        }
    }
    return visit.page(
        .restricted,
        RestrictedPage(
            chrome: visit.chrome("Restricted documents", back: Link(href: "/", text: "Home")),
            count: visit.words.count(lines.count, "document"), lines: lines, isEmpty: lines.isEmpty,
            lado: visit.vault.policies.school.lado))
}

extension RestrictedFacts {
    /// Who opens it, in words.
    var keepersInWords: String { (keepers + (isRecoverable ? ["the recovery key"] : [])).joined(separator: ", ") }
}

/// What the page of a restricted document says of that.
struct RestrictedNotice {
    let about: String
    let keepers: String
    /// Whom to turn to, where too few are left.
    let alone: String?
    let moved: Moved?

    /// How it came here from the pupil's file.
    struct Moved {
        let by: String
        let at: String
        let from: String
        let readers: [String]
        let wasRecoverable: Bool
        let opened: [String]
        let hasOpened: Bool
    }

    init(_ restricted: RestrictedFacts, _ vault: Vault, _ words: Wording) {
        about = restricted.about
        keepers = restricted.keepersInWords
        alone = restricted.keepers.count < enoughKeepers ? vault.policies.school.lado : nil
        moved = restricted.moved.map {
            Moved(
                by: $0.by, at: words.moment($0.at), from: $0.document.reference, readers: $0.readers,
                wasRecoverable: $0.wasRecoverable, opened: $0.opened, hasOpened: !$0.opened.isEmpty)
        }
    }
}

extension Visit {
    /// Where a receipt's restricted documents are too few people's: whom to turn to.
    func ladoAdvice(_ receipts: [Receipt]) throws -> String? {
        let acting = try acting
        let counts = receipts.compactMap { vault.keepersCount(of: $0.document, as: acting) }
        return counts.contains { $0 < enoughKeepers } ? vault.policies.school.lado : nil
    }
}

/// The question that filing begins with: does any of it concern a member of staff?
struct StaffQuestion {
    struct Person {
        let id: String
        let name: String
        let chosen: Bool
    }
    let no: Bool
    let yes: Bool
    let people: [Person]
    let others: String
    let error: String?

    /// The question as it was answered, if it was.
    init(_ visit: Visit, error: Refusal? = nil) throws {
        let chosen = Set(visit.form.all("about"))
        (no, yes) = (visit.form["staff"] == "no", visit.form["staff"] == "yes")
        people = try visit.vault.staff(as: visit.acting).map {
            Person(id: $0.id.text, name: $0.name, chosen: chosen.contains($0.id.text))
        }
        others = visit.form["about-other"]
        self.error = error.map { "\($0.message) \($0.hint)" }
    }
}

extension Refusal {
    /// It is said that a member of staff is concerned, and not by which document; or the other way round.
    static func staffMarks(_ isConcern: Bool) -> Refusal {
        isConcern
            ? Refusal(
                code: "staff.unmarked", message: "Say which of these documents concern a member of staff.",
                hint: "Tick “Concerns a member of staff” at each of them.")
            : Refusal(
                code: "staff.marked", message: "A document is ticked as concerning a member of staff.",
                hint: "Answer Yes and say whom, or take the tick away.")
    }
}

extension Form {
    /// Which of the uploads are ticked as concerning a member of staff; where there is but one, it is that.
    func marked(_ uploads: [UploadID]) -> Set<UploadID> {
        if uploads.count == 1, self["staff"] == "yes" { return Set(uploads) }
        return Set(uploads.filter { self["staff.\($0.text)"] == "yes" })
    }

    /// Whom what is filed is about, where it was said that it is about a member of staff.
    ///
    /// - Throws: a refusal where it was not said, or not whom.
    func staffConcern() throws -> StaffConcern? {
        switch self["staff"] {
        case "no": return nil
        case "yes": break
        default: throw Refusal.staffNotSaid
        }
        return try concern()
    }

    /// Whom a document concerns.
    ///
    /// - Throws: a refusal where nobody is named.
    func concern() throws -> StaffConcern {
        let people = try all("about").map { text in
            guard let id = PersonID(text: text) else { throw Fault.unknownField }
            return id
        }
        let others = trimmed(self["about-other"])
        guard !people.isEmpty || !others.isEmpty else { throw Refusal.staffNobody }
        return StaffConcern(people: Set(people), others: others)
    }
}
