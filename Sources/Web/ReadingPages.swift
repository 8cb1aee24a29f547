import Custody
import HTTPTypes
import Records

let readingRoutes: [Route] = [
    Route(.get, "/pupils/{pupil}", .read, query: ChronologyView.query, handle: showPupilFile),
    Route(.get, "/entries/{index}", .read, handle: showEntry),
]

/// One line of a chronology.
struct EntryLine {
    let occurred: String
    let kind: String
    let summary: String
    let href: String
    let document: Link?
    let recorded: String
    let author: String
    let isQuarantined: Bool
    let isRecord: Bool
    let isLate: Bool
    /// What corrects it, inline beneath it.
    let corrections: [CorrectionLine]
    /// What it corrects.
    let corrected: Link?

    init(_ entry: ChronologyEntry, _ words: Wording) {
        occurred = words.date(entry.occurred, at: entry.time)
        corrections = entry.corrections.map { CorrectionLine($0, of: entry, words) }
        corrected = entry.made?.correctsIndex.map {
            Link(href: "/entries/\($0)", text: "Corrects entry \(words.grouped($0))")
        }
        kind = entry.title
        summary = entry.summary.isEmpty ? entry.title : entry.summary
        href = "/entries/\(entry.index)"
        document = entry.document.map {
            Link(href: "/documents/\($0.id.text)", text: "Look at \($0.id.reference)")
        }
        recorded = words.moment(entry.recorded)
        author = entry.author
        isQuarantined = entry.isQuarantined
        isRecord = entry.isRecord
        isLate = words.isLate(entry)
    }
}

struct PupilFilePage {
    let chrome: Chrome
    let pupil: PupilBanner
    let enrolled: String?
    let readers: [ReaderLine]
    let picture: KeyPicture
    let access: Link?
    /// What concerns this pupil and a member of staff, for who can open it.
    let restricted: Link?
    let chronology: ChronologyPart
    let upload: String
    let notes: String
    let record: String
    let print: String
    /// What agencies asked for.
    let asked: String
}

private func showPupilFile(_ visit: Visit) throws -> Reply {
    let pupil = try visit.pupil()
    let (chronology, view) = try visit.chronology(of: pupil)
    let mayGive = try visit.acting.may(.giveAccess, in: visit.vault)
    let restricted = try visit.vault.restrictedCount(of: pupil.pupilFile, as: visit.acting)
    let (readers, picture) = try visit.readers(
        chronology.readers, mayGive ? try visit.vault.accesses(to: pupil.pupilFile, as: visit.acting) : [])
    return visit.page(
        .pupilFile,
        PupilFilePage(
            chrome: visit.chrome(
                "Pupil file \(pupil.reference)", back: Link(href: "/pupils", text: "Pupils"), wide: true,
                problems: view.refusal.map { [ProblemLink(href: "#since", text: "\($0.message) \($0.hint)")] } ?? []),
            pupil: PupilBanner(pupil, visit.words),
            enrolled: pupil.enrolled.isEmpty ? nil : visit.words.date(pupil.enrolled), readers: readers,
            picture: picture,
            access: mayGive ? Link(href: "/pupils/\(pupil.reference)/access", text: "Give or end access") : nil,
            restricted: restricted == 0
                ? nil
                : Link(
                    href: "/restricted",
                    text: visit.words.count(restricted, "restricted document") + " about this pupil"),
            chronology: ChronologyPart(view, chronology, visit),
            upload: "/file/\(pupil.reference)", notes: "/file/\(pupil.reference)/meeting",
            record: "/record/\(pupil.reference)",
            print: view.address().replacing("?", with: "/print?", maxReplacements: 1),
            asked: "/pupils/\(pupil.reference)/requests"),
        status: view.refusal == nil ? .ok : .unprocessableContent)
}

struct EntryPage {
    let chrome: Chrome
    let pupil: PupilBanner
    let kind: String
    let summary: String
    let times: EntryTimes
    let isLate: Bool
    let author: String
    let facts: [EntrySaid.Fact]
    let quarantine: String?
    /// The other pupils in whose files the same document stands.
    let others: [Link]
    let hasOthers: Bool
    let document: Link?
    /// What was said, where it was made without a file.
    let said: EntrySaid?
    let corrections: [CorrectionLine]
    let corrected: Link?
    /// Where to correct it.
    let correct: String?
    let followUp: EntryFollowUp?
    let triage: TriageBlock?
    let significance: Significance?
    let index: String
    let statement: String
    let signature: String
    let verifyingKey: String
    let leafHash: String
    let proof: String
}

private func showEntry(_ visit: Visit) throws -> Reply {
    guard let index = UInt64(try visit.parameter("index")) else { throw Fault.noSuchPage }
    let (entry, proof, pupil) = try visit.vault.entry(index, as: visit.acting)
    let words = visit.words
    let others = try entry.document.map { try visit.otherFiles(of: $0.id) } ?? []
    return visit.page(
        .entry,
        EntryPage(
            chrome: visit.chrome(
                "Entry \(words.grouped(entry.index))",
                back: Link(href: "/pupils/\(pupil.reference)", text: "Pupil file \(pupil.reference)")),
            pupil: PupilBanner(pupil, words), kind: entry.title, summary: entry.summary,
            times: EntryTimes(entry, words), isLate: words.isLate(entry),
            author: entry.author, facts: DocumentFact.facts(entry, words, visit.vault.policies),
            quarantine: entry.document?.quarantine.map(words.quarantine),
            others: others, hasOthers: !others.isEmpty,
            document: entry.document.map {
                Link(href: "/documents/\($0.id.text)", text: "Look at document \($0.id.reference)")
            }, said: entry.made.map { EntrySaid($0, words) },
            corrections: entry.corrections.map { CorrectionLine($0, of: entry, words) },
            corrected: entry.made?.correctsIndex.map {
                Link(href: "/entries/\($0)", text: "Corrects entry \(words.grouped($0))")
            }, correct: entry.isRecord ? "/entries/\(entry.index)/correct" : nil,
            followUp: try visit.followUp(of: entry, pupil), triage: try TriageBlock(entry, pupil, visit),
            significance: try Significance(entry.index, visit),
            index: words.grouped(entry.index), statement: proof.statement, signature: proof.signature,
            verifyingKey: proof.verifyingKey, leafHash: proof.leafHash, proof: proof.proof))
}

/// When it happened, was received and was recorded, with the time between them in words.
struct EntryTimes {
    let occurred: String
    let received: String?
    let receivedAfter: String?
    let recorded: String
    let recordedAfter: String?

    init(_ entry: ChronologyEntry, _ words: Wording) {
        let day = entry.received.flatMap { $0.isEmpty ? nil : $0 }
        let time = entry.made?[.receivedTime] ?? ""
        occurred = words.date(entry.occurred, at: entry.time)
        received = day.map { words.date($0, at: time) }
        receivedAfter = day.flatMap { words.interval(entry.occurred, entry.time, to: $0, time) }
        recorded = words.moment(entry.recorded)
        recordedAfter =
            !entry.isRecord
            ? nil
            : words.interval(
                day ?? entry.occurred, time, to: words.day(entry.recorded), words.timeOfDay(entry.recorded))
    }
}

/// What is known of a document, beside its summary.
enum DocumentFact {
    static func facts(_ entry: ChronologyEntry, _ words: Wording, _ policies: Policies) -> [EntrySaid.Fact] {
        guard let document = entry.document else { return [] }
        var facts = MeetingFact.facts(document, words).map { EntrySaid.Fact(name: $0.name, value: $0.value) }
        facts += [
            .init(
                name: "Signed",
                value: words.signed(document.fields["signed"] ?? "", by: document.fields["signed_by"] ?? "")),
            .init(name: "File", value: visible(document.filename)),
            .init(name: "Found", value: words.facts(document.mediaType, document.pages, document.size, policies)),
            .init(name: "Summary", value: summaryOrigin(document.fields["summary_origin"])),
        ]
        if let reason = document.fields["late_reason"], !reason.isEmpty {
            facts.append(.init(name: "Why recorded late", value: reason))
        }
        return facts.filter { !$0.value.isEmpty }
    }
}

private func summaryOrigin(_ word: String?) -> String {
    switch word.flatMap(SummaryOrigin.init) {
    case .typed: "Written by the person who filed it"
    case .changed: "Proposed by the system, then changed by the person who filed it"
    case .accepted: "Proposed by the system, accepted by the person who filed it"
    case nil: ""
    }
}
