import Custody
import HTTPTypes
import Records

// What is kept as evidence: the list, and what the lead decides of each.

let quarantineRoutes: [Route] = [
    Route(.get, "/quarantine", .read, handle: showQuarantine),
    Route(.get, "/documents/{document}/quarantine", .read) { visit in try decisionPage(visit) },
    Route(
        .post, "/documents/{document}/quarantine", .read, body: .form(["decision", "reason"]), asksForCode: true,
        handle: decide),
]

struct QuarantinePage {
    struct Line {
        let pupil: PupilLine
        let entry: EntryLine
        let reason: String
        let size: String
        /// What was decided, if anything was.
        let decided: String?
        let decide: Link?
    }
    struct Group {
        let title: String
        let lines: [Line]
    }
    let chrome: Chrome
    let groups: [Group]
    let isEmpty: Bool
}

struct QuarantineDecisionPage {
    let chrome: Chrome
    let pupil: PupilBanner
    let reference: String
    let summary: String
    let why: String
    let filedBy: String
    let filename: String
    let found: String
    let decided: String?
    /// Whether its pages are shown now.
    let isReleased: Bool
    /// The virus scanner knows it: the warning is louder then.
    let isVirus: Bool
    let decision: FormInput
    let reason: FormInput
    let path: String
    let csrf: String
}

extension Visit {
    /// Whether who asks is a safeguarding lead, who alone decides about what is in quarantine.
    var decidesQuarantine: Bool {
        get throws { try vault.isLead(acting) }
    }

    /// `Released by Dana Okafor on …: reason`.
    func words(of decision: QuarantineDecision) -> String {
        "\(decision.released ? "Released" : "Kept in quarantine") by \(decision.by), \(words.moment(decision.recorded)): \(decision.reason)"
    }
}

private func showQuarantine(_ visit: Visit) throws -> Reply {
    let mayDecide = try visit.decidesQuarantine
    var (kept, released): ([QuarantinePage.Line], [QuarantinePage.Line]) = ([], [])
    for (pupil, entry) in try visit.vault.quarantined(as: visit.acting) {
        guard let document = entry.document else { continue }
        let decision = try visit.vault.quarantineDecision(of: document.id, as: visit.acting)
        let line = QuarantinePage.Line(
            pupil: PupilLine(pupil, under: "/pupils"), entry: EntryLine(entry, visit.words),
            reason: visit.words.quarantine(document.filedAs ?? ""), size: visit.words.size(document.size),
            decided: decision.map(visit.words(of:)),
            decide: mayDecide
                ? Link(
                    href: "/documents/\(document.id.text)/quarantine",
                    text: decision == nil ? "Release it, or keep it" : "Decide anew") : nil)
        if decision?.released == true { released.append(line) } else { kept.append(line) }
    }
    return visit.page(
        .quarantine,
        QuarantinePage(
            chrome: visit.chrome("Quarantine", back: Link(href: "/", text: "Home")),
            groups: [.init(title: "Kept", lines: kept), .init(title: "Released", lines: released)].filter {
                !$0.lines.isEmpty
            }, isEmpty: kept.isEmpty && released.isEmpty))
}

private func decisionPage(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let id: DocumentID = try visit.id("document")
    let facts = try visit.vault.document(id, as: visit.acting)
    // There is nothing to decide, or not by who asks.
    guard try visit.decidesQuarantine, facts.restricted == nil, let filedAs = facts.filedAs else {
        return .redirect("/documents/\(id.text)")
    }
    let pupil = try visit.vault.pupil(facts.pupilFile, as: visit.acting)
    let decision = try visit.vault.quarantineDecision(of: id, as: visit.acting)
    let said = refusal.map { "\($0.message) \($0.hint)" }
    let isOfReason = refusal?.code == "quarantine.reason"
    return visit.page(
        .quarantineDecision,
        QuarantineDecisionPage(
            chrome: visit.chrome(
                "Decide about \(id.reference)", back: Link(href: "/quarantine", text: "Quarantine"),
                problems: said.map { [ProblemLink(href: isOfReason ? "#reason" : "#decision", text: $0)] } ?? []),
            pupil: PupilBanner(pupil, visit.words), reference: id.reference, summary: facts.summary,
            why: visit.words.quarantine(filedAs),
            filedBy: "\(facts.filer.text), \(visit.words.moment(facts.recorded))", filename: visible(facts.filename),
            found: visit.words.facts(facts.mediaType, facts.pages, facts.size, visit.vault.policies),
            decided: decision.map(visit.words(of:)), isReleased: decision?.released == true,
            isVirus: filedAs == "virus.found",
            decision: .choice(
                "decision", "What is to be done?",
                [
                    Choice(
                        value: "keep", title: "Keep it as evidence: nobody sees its pages",
                        chosen: visit.form["decision"] == "keep"),
                    Choice(
                        value: "release",
                        title: "Release it: its pages are shown as pictures, and it can be given to an agency",
                        chosen: visit.form["decision"] == "release"),
                ], error: isOfReason ? nil : said),
            reason: .line(
                "reason", "Why?", Field(value: visit.form["reason"], error: isOfReason ? said : nil),
                hint:
                    "Such as: the macro is the council’s own form; asked them by telephone. It stands in the chronology.",
                size: "w20"),
            path: "/documents/\(id.text)/quarantine", csrf: visit.session?.csrf ?? ""),
        status: refusal == nil ? .ok : .unprocessableContent)
}

private func decide(_ visit: Visit) throws -> Reply {
    let id: DocumentID = try visit.id("document")
    let released: Bool
    switch visit.form["decision"] {
    case "release": released = true
    case "keep": released = false
    case "":
        return try decisionPage(
            visit,
            refusal: Refusal(
                code: "quarantine.decision", message: "Nothing was chosen.",
                hint: "Choose whether to keep or release it."))
    default: throw Fault.unknownField
    }
    do {
        try visit.vault.decideQuarantine(of: id, released: released, reason: visit.form["reason"], as: visit.acting)
        return .redirect("/quarantine")
    } catch VaultError.refused(let refusal) where refusal.code == "quarantine.reason" {
        return try decisionPage(visit, refusal: refusal)
    }
}
