import Custody
import HTTPTypes
import Records

let entryRoutes: [Route] = [
    Route(.get, "/record/{pupil}", .file, query: ["kind", "completes", "action"], handle: showEntryForm),
    Route(
        .post, "/record/{pupil}", .file, body: .form(EntryForm.names.union(["kind", "id", "completes"])),
        handle: makeEntry),
    Route(.get, "/recorded/{entry}", .file, handle: showEntryReceipt),
    Route(.get, "/entries/{index}/correct", .read, handle: showCorrectionForm),
    Route(.post, "/entries/{index}/correct", .read, body: .form(EntryForm.names.union(["id"])), handle: makeCorrection),
    Route(.get, "/follow-ups", .read, handle: showFollowUps),
]

// MARK: - The form

/// The form of an entry: the fields that fit its kind, as they stand, with what is wrong with them.
struct EntryForm {
    /// Fields that belong together; those that are seldom needed are folded away.
    struct Group {
        let title: String?
        let isFolded: Bool
        let isOpen: Bool
        let inputs: [FormInput]
    }

    static let names = Set(EntryField.allCases.map(name))

    static func name(_ field: EntryField) -> String { field.rawValue.replacing("_", with: "-") }

    let kind: EntryKind
    let values: [EntryField: String]
    let problems: [Refusal]

    /// What is wrong, for the summary at the top, each with its field.
    var problemLinks: [ProblemLink] {
        problems.map { refusal in
            ProblemLink(
                href: "#" + (refusal.entryField.map { anchor($0) } ?? "entry-form"),
                text: "\(refusal.message) \(refusal.hint)")
        }
    }

    /// Of choices, the first of them: what the keyboard reaches.
    private func anchor(_ field: EntryField) -> String {
        choices(field).first.map { "\(Self.name(field))-\($0.value)" } ?? Self.name(field)
    }

    var groups: [Group] {
        var main: [EntryField]
        switch kind {
        case .call: main = [.with, .organisation, .number, .date, .time, .ended, .account]
        case .meeting: main = [.with, .organisation, .date, .time, .ended, .account]
        case .observation: main = [.date, .time, .account]
        case .words: main = [.date, .time, .account, .questions]
        case .action:
            main = [.action, .parents, .parentsReason, .with, .organisation, .number, .date, .time, .account, .outcome]
        case .decision: main = [.date, .time, .account, .reasons]
        case .correction: main = [.account, .reasons, .date, .time]
        case .waiver, .archive: main = [.account, .date, .time]
        }
        main += [.basis, .summary]
        func folded(_ title: String, _ fields: [EntryField]) -> Group {
            let isUsed = fields.contains { field in
                !(values[field] ?? "").isEmpty || problems.contains { $0.entryField == field }
            }
            return Group(title: title, isFolded: true, isOpen: isUsed, inputs: fields.map(input))
        }
        return [
            Group(title: nil, isFolded: false, isOpen: true, inputs: main.map(input)),
            folded(
                kind == .correction
                    ? "The school learnt earlier than now that it was wrong" : "The school learnt of it later",
                [.received, .receivedTime, .lateReason]),
            folded("Somebody was told of it", [.told, .toldDate, .toldTime]),
            folded("Something is to be done next", [.followUp, .followUpDue]),
        ]
    }

    private func input(_ field: EntryField) -> FormInput {
        let id = Self.name(field)
        let error = problems.first { $0.entryField == field }.map { "\($0.message) \($0.hint)" }
        let choices = choices(field)
        let isText: Bool
        let size: String
        switch field {
        case .account: (isText, size) = (true, "8")
        case .questions, .reasons, .outcome, .told, .followUp, .parentsReason: (isText, size) = (true, "4")
        case .with: (isText, size) = (true, kind == .meeting ? "4" : "2")
        case .summary, .lateReason: (isText, size) = (true, "2")
        case .time, .ended, .receivedTime, .toldTime: (isText, size) = (false, "w6 figures")
        case .organisation, .number: (isText, size) = (false, "w20")
        default: (isText, size) = (false, "w10 figures")
        }
        let hint = hint(field)
        return FormInput(
            id: id, name: id, label: label(field), hint: hint, error: error, value: values[field] ?? "",
            isLine: choices.isEmpty && !isText, isText: choices.isEmpty && isText, isChoice: !choices.isEmpty,
            size: size, choices: choices, described: FormInput.described(id, hint, error))
    }

    private func choices(_ field: EntryField) -> [Choice] {
        let chosen = values[field] ?? ""
        return switch field {
        case .basis:
            EntryBasis.allCases.map { .init(value: $0.rawValue, title: $0.title, chosen: $0.rawValue == chosen) }
        case .action:
            EntryAction.allCases.map { .init(value: $0.rawValue, title: $0.title, chosen: $0.rawValue == chosen) }
        case .parents:
            EntryParents.allCases.map { .init(value: $0.rawValue, title: $0.title, chosen: $0.rawValue == chosen) }
        default: []
        }
    }

    private func label(_ field: EntryField) -> String {
        switch field {
        case .basis: "Is it fact, opinion or hearsay?"
        case .date: kind == .correction ? "When what is right happened" : "Day on which it happened"
        case .time:
            switch kind {
            case .call: "When the call began"
            case .meeting: "When it began (optional)"
            default: "Time (optional)"
            }
        case .ended: kind == .call ? "When it ended (optional)" : "When it ended (optional)"
        case .received: "Day on which the school learnt of it"
        case .receivedTime: "At what time (optional)"
        case .lateReason: "If that is more than 24 hours ago: why it is recorded late"
        case .summary: "Summary for the chronology (optional)"
        case .with:
            switch kind {
            case .call: "With whom"
            case .meeting: "Who was there"
            default: "Whom did you speak to? (optional)"
            }
        case .organisation: "Organisation (optional)"
        case .number: "Number called or calling (optional)"
        case .account:
            switch kind {
            case .call: "What was said"
            case .meeting: "What was said and agreed"
            case .observation: "What was seen or heard"
            case .words: "The child’s own words"
            case .action: "What was done"
            case .decision: "What was decided"
            case .correction: "What is right"
            case .waiver: "Why it will not be done"
            case .archive: "What came from the paper archive"
            }
        case .questions: "The questions that were asked (optional)"
        case .action: "Which action"
        case .parents: "If it is a referral to social care: were the parents contacted first?"
        case .parentsReason: "If they were not contacted first: why"
        case .outcome: "Outcome (optional)"
        case .reasons: kind == .correction ? "What was wrong, and how you know" : "The reasons"
        case .told: "Who was told"
        case .toldDate: "On which day"
        case .toldTime: "At what time (optional)"
        case .followUp: "What is to be done"
        case .followUpDue: "By which day"
        }
    }

    private func hint(_ field: EntryField) -> String? {
        switch field {
        case .date: "Such as 4 March 2026 or 4/3/2026. If the day is not known: a month, a year, a range, or undated."
        case .time where kind == .call: "Such as 14:05 or 2.05pm."
        case .received: "Such as 4 March 2026. Leave it empty if the school learnt of it as it happened."
        case .parentsReason: adviceHint
        case .followUpDue, .toldDate: "Such as 18 December 2026."
        case .summary: "One line, as on a paper chronology. Left empty, it is made from what you say here."
        case .account where kind == .words:
            "Exactly as they were said, in the child’s language. Do not correct or explain them. They are kept letter for letter."
        case .account: "Facts, names, times and places, as they were."
        case .questions: "Word for word, apart from the answers, so that it shows that nobody led the child."
        case .with where kind != .meeting: "Name, and what they are to the child."
        case .with: "Names, and what each is to the child."
        default: nil
        }
    }
}

/// What the school's policy asks where parents are not contacted before a referral.
let adviceHint = "Take advice from children’s social care first, and say who gave it and what it was."

struct EntryFormPage {
    let chrome: Chrome
    let pupil: PupilBanner
    let title: String
    /// What it corrects, or the follow-up whose outcome it is.
    let about: EntrySaid?
    let aboutTitle: String
    let isCorrection: Bool
    let staffPath: String
    let action: String
    let groups: [EntryForm.Group]
    let kind: String
    let id: String
    let completes: String?
    let button: String
    let csrf: String
}

struct EntryKindsPage {
    struct Line {
        let href: String
        let title: String
        let hint: String
    }
    let chrome: Chrome
    let pupil: PupilBanner
    let kinds: [Line]
}

private func hint(_ kind: EntryKind) -> String {
    switch kind {
    case .call: "With an agency, a social worker, a parent or carer"
    case .meeting: "Held in school or elsewhere; of notes that came from an agency, file the document"
    case .observation: "What somebody saw or heard"
    case .words: "What the child said, letter for letter"
    case .action: "Parents informed, a referral, LADO, police, another agency"
    case .decision: "What was decided, and why"
    case .correction, .waiver, .archive: ""
    }
}

private func showEntryForm(_ visit: Visit) throws -> Reply {
    let pupil = try visit.pupil()
    let completes = visit.query["completes"]
    guard !visit.query["kind"].isEmpty else {
        guard completes.isEmpty else { throw Fault.noSuchPage }
        return visit.page(
            .entryKinds,
            EntryKindsPage(
                chrome: visit.chrome("Add an entry", back: visit.back(to: pupil)),
                pupil: PupilBanner(pupil, visit.words),
                kinds: EntryKind.ofPeople.filter { $0 != .correction && $0 != .waiver }.map {
                    .init(href: "/record/\(pupil.reference)?kind=\($0.rawValue)", title: $0.title, hint: hint($0))
                }))
    }
    guard let kind = EntryKind(rawValue: visit.query["kind"]), ![.correction, .archive].contains(kind) else {
        throw Fault.noSuchPage
    }
    var values: [EntryField: String] = [.date: visit.words.longDay(visit.now)]
    if let action = EntryAction(rawValue: visit.query["action"]), kind == .action {
        values[.action] = action.rawValue
    } else if !visit.query["action"].isEmpty {
        throw Fault.noSuchPage
    }
    let form = EntryForm(kind: kind, values: values, problems: [])
    guard !completes.isEmpty else {
        guard kind != .waiver else { throw Fault.noSuchPage }
        return try entryForm(visit, pupil, form, completes: nil)
    }
    guard let id = FollowUpID(text: completes), try visit.openFollowUp(id, of: pupil) != nil else {
        throw Fault.noSuchPage
    }
    return try entryForm(visit, pupil, form, completes: id)
}

/// - Parameter completes: the follow-up whose outcome it is; what asks for it stands above the form while it is open.
private func entryForm(
    _ visit: Visit, _ pupil: Pupil, _ form: EntryForm, completes: FollowUpID?
) throws -> Reply {
    let followUp = try completes.flatMap { try visit.openFollowUp($0, of: pupil) }
    return visit.entryForm(
        pupil, form, title: form.kind.title, about: followUp.map { EntrySaid($0, visit.words) },
        aboutTitle: "This says the outcome of", action: "/record/\(pupil.reference)", completes: completes?.text)
}

private func makeEntry(_ visit: Visit) throws -> Reply {
    let pupil = try visit.pupil()
    guard let kind = EntryKind(rawValue: visit.form["kind"]), ![.correction, .archive].contains(kind) else {
        throw Fault.unknownField
    }
    let completes = visit.form["completes"].isEmpty ? nil : FollowUpID(text: visit.form["completes"])
    guard completes != nil || visit.form["completes"].isEmpty else { throw Fault.unknownField }
    let details = EntryDetails(kind: kind, values: visit.entryValues, completes: completes)
    let problems = visit.vault.problems(with: details)
    let id = try visit.entryID()
    guard problems.isEmpty else {
        return try entryForm(
            visit, pupil, EntryForm(kind: kind, values: visit.entryValues, problems: problems), completes: completes)
    }
    let receipt: EntryReceipt
    let acting = try visit.acting
    do throws(VaultError) {
        receipt = try visit.vault.makeEntry(details, for: pupil.pupilFile, id: id, as: acting)
    } catch {
        guard case .refused(let refusal) = error, refusal == .entryOutcomeOfReferral else { throw error }
        return try entryForm(
            visit, pupil, EntryForm(kind: kind, values: visit.entryValues, problems: [refusal]), completes: completes)
    }
    return .redirect(
        try visit.acting.may(.read, in: visit.vault) ? "/entries/\(receipt.index)" : "/recorded/\(receipt.entry.text)")
}

// MARK: - Corrections

private func showCorrectionForm(_ visit: Visit) throws -> Reply {
    let (entry, pupil, _) = try visit.correctable()
    let form = EntryForm(
        kind: .correction,
        values: [
            .date: entry.occurred == "undated" ? "undated" : visit.words.date(entry.occurred),
            .time: entry.time,
            .received: visit.words.longDay(visit.now),
        ], problems: [])
    return visit.correctionForm(entry, pupil, form)
}

private func makeCorrection(_ visit: Visit) throws -> Reply {
    let (entry, pupil, record) = try visit.correctable()
    let details = EntryDetails(kind: .correction, values: visit.entryValues, corrects: record)
    let problems = visit.vault.problems(with: details)
    let id = try visit.entryID()
    guard problems.isEmpty else {
        return visit.correctionForm(
            entry, pupil, EntryForm(kind: .correction, values: visit.entryValues, problems: problems))
    }
    let receipt = try visit.vault.makeEntry(details, for: pupil.pupilFile, id: id, as: visit.acting)
    return .redirect("/entries/\(receipt.index)")
}

extension Visit {
    fileprivate var entryValues: [EntryField: String] {
        Dictionary(uniqueKeysWithValues: EntryField.allCases.map { ($0, form[EntryForm.name($0)]) })
    }

    /// The id that the form was given, so that sent twice it makes one entry.
    fileprivate func entryID() throws -> EntryID {
        if form["id"].isEmpty { return .random() }
        guard let id = EntryID(text: form["id"]) else { throw Fault.unknownField }
        return id
    }

    /// What the address names, where it can be corrected: a document's reference or an entry.
    fileprivate func correctable() throws -> (ChronologyEntry, Pupil, RecordID) {
        guard let index = UInt64(try parameter("index")) else { throw Fault.noSuchPage }
        let (entry, _, pupil) = try vault.entry(index, as: acting)
        guard let record = entry.document?.id.record ?? entry.made?.id.record else { throw Fault.noSuchPage }
        return (entry, pupil, record)
    }

    fileprivate func correctionForm(_ entry: ChronologyEntry, _ pupil: Pupil, _ form: EntryForm) -> Reply {
        entryForm(
            pupil, form, title: "Correct this", about: EntrySaid(entry, words), aboutTitle: "This is corrected",
            action: "/entries/\(entry.index)/correct", completes: nil)
    }

    /// A follow-up of a pupil while nobody has said that it is done; for who reads.
    fileprivate func openFollowUp(_ id: FollowUpID, of pupil: Pupil) throws -> FollowUp? {
        guard try vault.completion(of: id, as: acting) == nil else { return nil }
        return try vault.followUp(id, of: pupil.pupilFile, as: acting)
    }

    fileprivate func entryForm(
        _ pupil: Pupil, _ form: EntryForm, title: String, about: EntrySaid?, aboutTitle: String, action: String,
        completes: String?
    ) -> Reply {
        page(
            .entryForm,
            EntryFormPage(
                chrome: chrome(title, back: back(to: pupil), problems: form.problemLinks),
                pupil: PupilBanner(pupil, words), title: title, about: about, aboutTitle: aboutTitle,
                isCorrection: form.kind == .correction, staffPath: "/file/\(pupil.reference)", action: action,
                groups: form.groups, kind: form.kind.rawValue,
                id: self.form["id"].isEmpty ? EntryID.random().text : self.form["id"], completes: completes,
                button: form.kind == .correction ? "Add the correction" : "Add this entry",
                csrf: session?.csrf ?? ""), status: form.problems.isEmpty ? .ok : .unprocessableContent)
    }

    /// Where one came from: the pupil's file, or for who reads nothing, where papers are filed for them.
    func back(to pupil: Pupil) -> Link {
        (try? acting.may(.read, in: vault)) == true
            ? Link(href: "/pupils/\(pupil.reference)", text: "Pupil file \(pupil.reference)")
            : Link(href: "/file/\(pupil.reference)", text: "Add the scans")
    }
}

// MARK: - What was said

/// What an entry says, for a page.
struct EntrySaid {
    struct Fact {
        let name: String
        let value: String
    }
    let kind: String
    let summary: String
    let when: String
    let author: String
    let recorded: String
    let href: String
    /// The words themselves, as they were written.
    let account: String?
    let accountTitle: String
    let facts: [Fact]

    init(_ entry: EntryFacts, _ words: Wording) {
        kind = entry.kind.title
        summary = entry.summary
        when = words.date(entry[.date], at: entry[.time])
        author = entry.author
        recorded = words.moment(entry.recorded)
        href = "/entries/\(entry.index)"
        account = entry[.account]
        accountTitle = Self.title(of: .account, entry.kind)
        facts = Self.facts(entry, words)
    }

    /// What asks for a follow-up.
    init(_ followUp: FollowUp, _ words: Wording) {
        switch followUp.asked {
        case .entry(let entry): self.init(entry, words)
        case .triage(let triage, _): self.init(triage, asking: followUp, words)
        }
    }

    private init(_ triage: TriageFacts, asking followUp: FollowUp, _ words: Wording) {
        kind = "What follows"
        summary = triage.summary
        when = "by \(words.date(followUp.due))"
        author = triage.author
        recorded = words.moment(triage.recorded)
        href = "/entries/\(triage.index)"
        account = followUp.what
        accountTitle = "To be done"
        facts = []
    }

    /// Of a document, its reference alone.
    init(_ entry: ChronologyEntry, _ words: Wording) {
        kind = entry.made?.kind.title ?? entry.title
        summary = entry.summary
        when = words.date(entry.occurred, at: entry.time)
        author = entry.author
        recorded = words.moment(entry.recorded)
        href = "/entries/\(entry.index)"
        account = entry.made?[.account]
        accountTitle = entry.made.map { Self.title(of: .account, $0.kind) } ?? ""
        facts = entry.made.map { Self.facts($0, words) } ?? []
    }

    private static func title(of field: EntryField, _ kind: EntryKind) -> String {
        switch (field, kind) {
        case (.account, .words): "The child’s own words"
        case (.account, .correction): "What is right"
        case (.account, .waiver): "Why it will not be done"
        case (.account, .decision): "Decision"
        case (.account, .action): "What was done"
        case (.account, .observation): "What was seen or heard"
        case (.account, _): "What was said"
        case (.reasons, .correction): "What was wrong"
        default: ""
        }
    }

    private static func facts(_ entry: EntryFacts, _ words: Wording) -> [Fact] {
        func told(_ day: EntryField, _ time: EntryField) -> String {
            entry[day].isEmpty ? "" : words.date(entry[day], at: entry[time])
        }
        let facts: [Fact] = [
            .init(name: "Questions asked", value: entry[.questions]),
            .init(name: "Action", value: EntryAction(rawValue: entry[.action])?.title ?? ""),
            .init(name: entry.kind == .meeting ? "Who was there" : "With", value: entry[.with]),
            .init(name: "Organisation", value: entry[.organisation]),
            .init(name: "Number", value: entry[.number]),
            .init(name: "Began", value: entry[.ended].isEmpty ? "" : entry[.time]),
            .init(name: "Ended", value: entry[.ended]),
            .init(name: "Outcome", value: entry[.outcome]),
            .init(name: entry.kind == .correction ? "What was wrong" : "Reasons", value: entry[.reasons]),
            .init(name: "Parents", value: EntryParents(rawValue: entry[.parents])?.title ?? ""),
            .init(name: "Why not contacted first", value: entry[.parentsReason]),
            .init(name: "It is", value: EntryBasis(rawValue: entry[.basis])?.title ?? ""),
            .init(name: "Told", value: entry[.told]), .init(name: "Told when", value: told(.toldDate, .toldTime)),
            .init(name: "To be done", value: entry[.followUp]),
            .init(
                name: "To be done by",
                value: entry[.followUpDue].isEmpty ? "" : words.date(entry[.followUpDue])),
            .init(name: "Why recorded late", value: entry[.lateReason]),
        ]
        return facts.filter { !$0.value.isEmpty }
    }
}

/// A correction beneath what it corrects.
struct CorrectionLine {
    let title: String
    let when: String
    let by: String
    let said: EntrySaid

    /// - Parameter entry: beneath which it stands: what it corrects, or what that corrects.
    init(_ correction: EntryFacts, of entry: ChronologyEntry, _ words: Wording) {
        title =
            correction.correctsIndex == entry.index
            ? "Corrected" : "Correction \(words.grouped(correction.correctsIndex ?? 0)) was corrected"
        when = words.moment(correction.recorded)
        by = correction.author
        said = EntrySaid(correction, words)
    }
}

/// How the follow-up of an entry stands.
struct EntryFollowUp {
    let isDone: Bool
    let link: Link
    /// While it is open: where to say why it will not be done.
    let waive: Link?
}

extension Pupil {
    /// Where the outcome of a follow-up is said.
    fileprivate func outcome(_ id: FollowUpID, _ action: EntryAction? = nil) -> Link {
        let preset = action.map { "&action=\($0.rawValue)" } ?? ""
        return Link(href: "/record/\(reference)?kind=action&completes=\(id.text)\(preset)", text: "Say what was done")
    }
    /// Where it is said that it will not be done.
    fileprivate func waiver(_ id: FollowUpID) -> Link {
        Link(href: "/record/\(reference)?kind=waiver&completes=\(id.text)", text: "It will not be done")
    }
}

extension Visit {
    /// How the follow-up that an entry asks for stands, where it asks for one.
    func followUp(of entry: ChronologyEntry, _ pupil: Pupil) throws -> EntryFollowUp? {
        guard let id = entry.made?.followUp else { return nil }
        return try followUp(id, pupil, action: nil)
    }

    /// How a follow-up stands: open, done or waived.
    func followUp(_ id: FollowUpID, _ pupil: Pupil, action: EntryAction?) throws -> EntryFollowUp {
        guard let done = try vault.completion(of: id, as: acting) else {
            return EntryFollowUp(isDone: false, link: pupil.outcome(id, action), waive: pupil.waiver(id))
        }
        let isWaived = try vault.entry(done, as: acting).0.made?.kind == .waiver
        return EntryFollowUp(
            isDone: true,
            link: Link(
                href: "/entries/\(done)", text: "\(isWaived ? "Waived" : "Done"): see entry \(words.grouped(done))"),
            waive: nil)
    }
}

extension Wording {
    /// A date, and the time of day where there is one.
    func date(_ date: String, at time: String) -> String {
        time.isEmpty ? self.date(date) : "\(self.date(date)) at \(time)"
    }

    /// Whether a document or an entry was recorded more than 24 hours after it was received (F-04).
    func isLate(_ entry: ChronologyEntry) -> Bool {
        guard entry.isRecord else { return false }
        if let document = entry.document, isLateMeeting(document) { return true }
        guard let received = entry.received else { return false }
        return school.isLate(
            received: received, time: entry.made?[.receivedTime] ?? "", recorded: entry.recorded)
    }

    /// How long after one moment another lies: in minutes or hours where both are known and it is less than two days.
    func interval(_ day: String, _ time: String, to later: String, _ laterTime: String) -> String? {
        guard let from = school.instant(day, time), let to = school.instant(later, laterTime) else {
            return interval(from: day, to: later)
        }
        let minutes = to.milliseconds(since: from) / 60_000
        switch minutes {
        case ..<0: return nil
        case 0: return "at the same time"
        case 1..<120: return "\(count(Int(minutes), "minute")) later"
        case 120..<2880: return "\(minutes / 60) hours later"
        default: return interval(from: day, to: later)
        }
    }
}

// MARK: - Receipt

struct EntryReceiptPage {
    let chrome: Chrome
    let reference: String
    let pupil: String
    let recorded: String
    let recordedExactly: String
    let index: String
    let entry: String
    let checkpoint: String
    let another: Link
}

private func showEntryReceipt(_ visit: Visit) throws -> Reply {
    let receipt = try visit.vault.entryReceipt(visit.id("entry"), as: visit.acting)
    return visit.page(
        .entryReceipt,
        EntryReceiptPage(
            chrome: visit.chrome("Entry recorded", back: Link(href: "/", text: "Home")),
            reference: receipt.entry.reference, pupil: receipt.pupilReference,
            recorded: visit.words.moment(receipt.recorded), recordedExactly: receipt.recorded.iso8601,
            index: visit.words.grouped(receipt.index), entry: receipt.entry.text, checkpoint: receipt.checkpoint,
            another: Link(href: "/record/\(receipt.pupilReference)", text: "Add another entry for this pupil")))
}

// MARK: - Follow-ups

struct FollowUpsPage {
    struct Line {
        let pupil: PupilLine
        let what: String
        let due: String
        let isOverdue: Bool
        let asked: Link
        let done: Link
        let waive: Link
    }
    let chrome: Chrome
    let lines: [Line]
    let isEmpty: Bool
}

private func showFollowUps(_ visit: Visit) throws -> Reply {
    let lines = try visit.vault.followUps(as: visit.acting).map { one in
        FollowUpsPage.Line(
            pupil: PupilLine(one.pupil, under: "/pupils"), what: one.what, due: visit.words.date(one.due),
            isOverdue: one.isOverdue,
            asked: Link(href: "/entries/\(one.index)", text: one.summary),
            done: one.pupil.outcome(one.id, one.outcome?.action), waive: one.pupil.waiver(one.id))
    }
    return visit.page(
        .followUps,
        FollowUpsPage(
            chrome: visit.chrome("Follow-ups", back: Link(href: "/", text: "Home")), lines: lines,
            isEmpty: lines.isEmpty))
}
