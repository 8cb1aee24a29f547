import Custody
import HTTPTypes
import Records

let triageRoutes: [Route] = [
    Route(.get, "/waiting", .read, query: ["list", "from"], handle: showWaiting),
    Route(.get, "/waiting/{pupil}", .read, query: ["record"], handle: showTriage),
    Route(
        .post, "/waiting/{pupil}", .read,
        body: .form(
            ["id", "one", "all", "words", "due", "parents", "parents-reason", "child-on-child"],
            many: ["record", "shown", "follows"]), handle: sayWhatFollows),
]

/// How many lines of a list stand on a page.
private let linesShown = 100

// MARK: - Lists

struct WaitingPage {
    struct Line {
        let pupil: PupilLine
        let entry: EntryLine
        let isLate: Bool
        /// Where to say what follows; nil where it does not wait.
        let triage: String?
    }
    /// A pupil of whom several records wait: they can be looked at together.
    struct Together {
        let pupil: PupilLine
        let count: String
    }
    struct Other {
        let link: Link
        let isChosen: Bool
    }
    let chrome: Chrome
    let title: String
    let explanation: String
    let lists: [Other]
    let together: [Together]
    let isTogether: Bool
    let lines: [Line]
    let empty: String?
    let showing: String?
    let earlier: Link?
    let later: Link?
}

extension WaitingList {
    fileprivate var title: String {
        switch self {
        case .waiting: "Waiting to be looked at"
        case .late: "Waiting for longer than a working day"
        case .new: "New since you were last here"
        case .unread: "Filed, and not yet opened"
        }
    }

    fileprivate var explanation: String {
        switch self {
        case .waiting:
            "What was filed or written by others than the lead and deputies, oldest first. It waits until one of you has looked at it and said what follows."
        case .late: "What has waited for longer than a working day to be looked at, oldest first."
        case .new: "What others filed or wrote since your last session, oldest first."
        case .unread: "Documents that neither the lead nor a deputy has opened, oldest first."
        }
    }

    var address: String { self == .waiting ? "/waiting" : "/waiting?list=\(rawValue)" }
}

private func showWaiting(_ visit: Visit) throws -> Reply {
    let name = visit.query["list"]
    guard let list = name.isEmpty ? .waiting : WaitingList(rawValue: name) else { throw Fault.noSuchPage }
    let first = try visit.number("from", in: 1...10_000_000, otherwise: 1)
    let words = visit.words
    let (total, records) = try visit.vault.waiting(list, from: first - 1, count: linesShown, as: visit.acting)
    let byPupil = Dictionary(grouping: records.filter(\.isWaiting), by: \.pupil.pupilFile).values.filter {
        $0.count > 1
    }
    let together = byPupil.sorted { ($1.count, $0[0].pupil.name) < ($0.count, $1[0].pupil.name) }.map {
        WaitingPage.Together(
            pupil: PupilLine($0[0].pupil, under: "/waiting"), count: words.count($0.count, "record"))
    }
    let last = first + records.count - 1
    func part(_ from: Int, _ text: String) -> Link {
        let mark = list == .waiting ? "?" : "&"
        return Link(href: "\(list.address)\(mark)from=\(from)", text: text)
    }
    return visit.page(
        .waiting,
        WaitingPage(
            chrome: visit.chrome(list.title, back: Link(href: "/", text: "Home")), title: list.title,
            explanation: list.explanation,
            lists: WaitingList.allCases.map {
                .init(link: Link(href: $0.address, text: $0.title), isChosen: $0 == list)
            }, together: together, isTogether: !together.isEmpty,
            lines: records.map { one in
                WaitingPage.Line(
                    pupil: PupilLine(one.pupil, under: "/pupils"), entry: EntryLine(one.entry, words),
                    isLate: one.isLate,
                    triage: one.isWaiting ? "/waiting/\(one.pupil.reference)?record=\(one.record.text)" : nil)
            }, empty: records.isEmpty ? "Nothing." : nil,
            showing: total > records.count && !records.isEmpty
                ? "Showing \(words.grouped(UInt64(first))) to \(words.grouped(UInt64(last))) of \(words.grouped(UInt64(total)))"
                : nil,
            earlier: first > 1 ? part(max(1, first - linesShown), "Back") : nil,
            later: last < total && !records.isEmpty ? part(last + 1, "Next") : nil))
}

// MARK: - Saying what follows

struct TriagePage {
    struct Line {
        let id: String
        let entry: EntryLine
        let isLate: Bool
        let chosen: Bool
    }
    let chrome: Chrome
    let pupil: PupilBanner
    let action: String
    let lines: [Line]
    /// Whether it is about one record alone, which needs no choosing.
    let isOne: Bool
    let isMany: Bool
    let all: Bool
    let count: String
    let recordsError: String?
    let isEmpty: Bool
    let follows: [Choice]
    let followsError: String?
    let childOnChild: Bool
    let words: Field
    let due: Field
    let parents: [Choice]
    let parentsError: String?
    let parentsReason: Field
    let adviceHint: String
    let id: String
    let csrf: String
}

private func showTriage(_ visit: Visit) throws -> Reply {
    let pupil = try visit.pupil()
    guard !visit.query["record"].isEmpty else {
        let (_, records) = try visit.vault.waiting(
            of: pupil.pupilFile, count: TriageAct.mostRecords, as: visit.acting)
        return visit.triagePage(pupil, records, isOne: false, TriageDetails(), chosen: [], [])
    }
    guard let record = RecordID(text: visit.query["record"]) else { throw Fault.noSuchPage }
    let one = try visit.vault.record(record, of: pupil.pupilFile, as: visit.acting)
    // Somebody was quicker: their words stand on the record's own page.
    guard !one.isTriaged else { return .redirect("/entries/\(one.entry.index)") }
    return visit.triagePage(pupil, [one], isOne: true, TriageDetails(), chosen: [record], [])
}

private func sayWhatFollows(_ visit: Visit) throws -> Reply {
    let (pupil, form) = (try visit.pupil(), visit.form)
    func ids(_ field: String) throws -> [RecordID] {
        try form.all(field).map { text in
            guard let id = RecordID(text: text) else { throw Fault.unknownField }
            return id
        }
    }
    let chosen = Set(try ids("record") + (form["all"] == "yes" ? ids("shown") : []))
    let follows = try form.all("follows").map { text in
        guard let outcome = TriageOutcome(rawValue: text) else { throw Fault.unknownField }
        return outcome
    }
    guard let id = form["id"].isEmpty ? TriageID.random() : TriageID(text: form["id"]) else {
        throw Fault.unknownField
    }
    let details = TriageDetails(
        follows: Set(follows), isChildOnChild: form["child-on-child"] == "yes", words: form["words"], due: form["due"],
        parents: form["parents"] == "none" ? "" : form["parents"], parentsReason: form["parents-reason"])
    var problems = visit.vault.problems(with: details)
    if chosen.isEmpty { problems.insert(.triageOfNothing, at: 0) }
    if problems.isEmpty {
        let acting = try visit.acting
        do throws(VaultError) {
            let said = try visit.vault.triage(chosen, of: pupil.pupilFile, details, id: id, as: acting)
            return .redirect("/entries/\(said.index)")
        } catch {
            guard case .refused(let refusal) = error, refusal.code.hasPrefix("triage.") else { throw error }
            problems = [refusal]
        }
    }
    let records: [WaitingRecord]
    if form["one"] == "yes", let record = chosen.first {
        records = [try visit.vault.record(record, of: pupil.pupilFile, as: visit.acting)]
    } else {
        records =
            try visit.vault.waiting(of: pupil.pupilFile, count: TriageAct.mostRecords, as: visit.acting).records
    }
    return visit.triagePage(pupil, records, isOne: form["one"] == "yes", details, chosen: chosen, problems)
}

extension Visit {
    fileprivate func triagePage(
        _ pupil: Pupil, _ records: [WaitingRecord], isOne: Bool, _ details: TriageDetails, chosen: Set<RecordID>,
        _ problems: [Refusal]
    ) -> Reply {
        func error(_ field: TriageField) -> String? {
            problems.first { $0.triageField == field }.map { "\($0.message) \($0.hint)" }
        }
        let recordsError = problems.first { $0.triageField == nil }.map { "\($0.message) \($0.hint)" }
        let links = problems.map { problem in
            let anchor =
                switch problem.triageField {
                case .follows, .childOnChild: "follows-nothing"
                case .parents: "parents-none"
                case .words: "words"
                case .due: "due"
                case .parentsReason: "parents-reason"
                case nil: "records"
                }
            return ProblemLink(href: "#" + anchor, text: "\(problem.message) \(problem.hint)")
        }
        let none = Choice(
            value: "none", title: "Not yet said: it is asked for when the referral is recorded",
            chosen: details.parents.isEmpty)
        return page(
            .triage,
            TriagePage(
                chrome: chrome("Say what follows", back: back(to: pupil), problems: links),
                pupil: PupilBanner(pupil, words), action: "/waiting/\(pupil.reference)",
                lines: records.map {
                    .init(
                        id: $0.record.text, entry: EntryLine($0.entry, words), isLate: $0.isLate,
                        chosen: chosen.contains($0.record))
                }, isOne: isOne, isMany: !isOne && records.count > 1, all: form["all"] == "yes",
                count: words.count(records.count, "record"), recordsError: recordsError, isEmpty: records.isEmpty,
                follows: TriageOutcome.allCases.map {
                    .init(value: $0.rawValue, title: $0.title, chosen: details.follows.contains($0))
                }, followsError: error(.follows), childOnChild: details.isChildOnChild,
                words: Field(value: details.words, error: error(.words)),
                due: Field(value: details.due, error: error(.due)),
                parents: [none]
                    + EntryParents.allCases.map {
                        .init(value: $0.rawValue, title: $0.title, chosen: $0.rawValue == details.parents)
                    }, parentsError: error(.parents),
                parentsReason: Field(value: details.parentsReason, error: error(.parentsReason)),
                adviceHint: adviceHint,
                id: form["id"].isEmpty ? TriageID.random().text : form["id"], csrf: session?.csrf ?? ""),
            status: problems.isEmpty ? .ok : .unprocessableContent)
    }
}

// MARK: - On a record's own page

/// How a record stands: it waits, or what was said to follow.
struct TriageBlock {
    struct Said {
        struct Place {
            let href: String
            let text: String
        }
        let by: String
        let when: String
        let follows: String
        let words: String?
        let isWithheld: Bool
        let parents: String?
        let parentsReason: String?
        let isChildOnChild: Bool
        let followUps: [TriageFollowUp]
        let placesTitle: String
        let places: [Place]
        let more: String?
    }
    /// Where to say what follows.
    let link: String?
    let isWaiting: Bool
    let isLate: Bool
    let said: Said?

    init?(_ entry: ChronologyEntry, _ pupil: Pupil, _ visit: Visit) throws {
        guard try visit.acting.mayTriage(in: visit.vault) else { return nil }
        let facts: TriageFacts
        if let triage = entry.triage {
            facts = triage
        } else {
            guard let record = entry.document?.id.record ?? entry.made?.id.record else { return nil }
            guard let said = try visit.vault.triage(of: record, in: pupil.pupilFile, as: visit.acting) else {
                let one = try visit.vault.record(record, of: pupil.pupilFile, as: visit.acting)
                (isWaiting, isLate, said) = (one.isWaiting, one.isLate, nil)
                link = "/waiting/\(pupil.reference)?record=\(record.text)"
                return
            }
            facts = said
        }
        (link, isWaiting, isLate) = (nil, false, false)
        let words = visit.words
        let others = facts.places.filter { $0 != entry.index }
        said = Said(
            by: facts.author, when: words.moment(facts.recorded), follows: facts.summary, words: facts.words,
            isWithheld: facts.words == nil, parents: facts.parents?.title,
            parentsReason: facts.parentsReason.isEmpty ? nil : facts.parentsReason,
            isChildOnChild: facts.isChildOnChild,
            followUps: try facts.followUps.map { one in
                TriageFollowUp(
                    title: facts.title(of: one.outcome), due: words.date(facts.due),
                    try visit.followUp(one.id, pupil, action: one.outcome.action))
            },
            placesTitle: entry.triage == nil ? "Looked at together with" : "Looked at",
            places: others.prefix(20).map {
                .init(href: "/entries/\($0)", text: "Entry \(words.grouped($0))")
            }, more: others.count > 20 ? "and \(others.count - 20) more" : nil)
    }
}

/// A follow-up that a look at what was filed opened.
struct TriageFollowUp {
    let title: String
    let due: String
    let isOpen: Bool
    let link: Link
    let waive: Link?

    init(title: String, due: String, _ state: EntryFollowUp) {
        (self.title, self.due) = (title, due)
        (isOpen, link, waive) = (!state.isDone, state.link, state.waive)
    }
}

// MARK: - On the home page

/// What there is to look at, for leads and deputies.
func triageDuties(_ visit: Visit, _ acting: Acting) throws -> [HomePage.Duty] {
    guard acting.mayTriage(in: visit.vault) else { return [] }
    let figures = try visit.vault.waitingFigures(as: acting)
    let all: [(Int, WaitingList, one: String, many: String)] = [
        (figures.new, .new, "record is new since you were last here", "records are new since you were last here"),
        (figures.waiting, .waiting, "record waits to be looked at", "records wait to be looked at"),
        (
            figures.late, .late, "of them waits for longer than a working day",
            "of them wait for longer than a working day"
        ),
        (
            figures.unread, .unread, "document was opened by neither lead nor deputy",
            "documents were opened by neither lead nor deputy"
        ),
    ]
    return all.filter { $0.0 > 0 }.map {
        .init(href: $1.address, count: visit.words.grouped(UInt64($0)), text: $0 == 1 ? $2 : $3)
    }
}
