import Custody
import HTTPTypes
import Papers
import Records

// A folder of the paper archive, as who reads every file sees it, and the end of its paper: what must be so before it may be
// destroyed, the comparing, the record of it, and the certificate.

let paperEndRoutes: [Route] = [
    Route(.get, "/archive/{folder}", .read) { visit in try paperEndPage(visit) },
    Route(.post, "/archive/{folder}/compare", .read, body: .form([])) { visit in
        let id: BatchID = try visit.id("folder")
        try visit.vault.compareDocuments(of: id, as: visit.acting)
        return .redirect("/archive/\(id.text)")
    },
    Route(
        .post, "/archive/{folder}/destroyed", .read, body: .form(["how", "by", "day", "seen"]), asksForCode: true,
        handle: destroy),
    Route(.get, "/archive/{folder}/certificate.pdf", .read, leadsToSignIn: false, handle: certificatePDF),
]

struct PaperEndPage {
    struct Condition {
        let isMet: Bool
        let title: String
        let words: String
    }
    struct Document {
        let href: String
        let reference: String
        let pupil: String
        let compared: String
    }
    struct Work {
        let done: Int
        let of: Int
        let words: String
    }
    struct Destroy {
        let how: FormInput
        let by: FormInput
        let day: FormInput
        let seenError: String?
    }
    let chrome: Chrome
    let title: String
    let place: String
    let stage: String
    let paper: String
    let facts: [PaperBatchPage.Fact]
    let isSealed: Bool
    let conditions: [Condition]
    let isDestroyed: Bool
    let certificate: String?
    let work: Work?
    let failed: String?
    let compare: String?
    let compareButton: String
    let destroy: Destroy?
    let documents: [Document]
    let hasDocuments: Bool
    let path: String
    let csrf: String
}

private func paperEndPage(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let id: BatchID = try visit.id("folder")
    let (acting, vault, words) = (try visit.acting, visit.vault, visit.words)
    let end = try vault.paperEnd(of: id, as: acting)
    let line = end.line
    let path = "/archive/\(id.text)"
    let compared = end.documents.count { $0.compared != nil }
    let said = refusal.map { "\($0.message) \($0.hint)" }
    func error(_ field: String) -> String? { refusal?.code == "destruction." + field ? said : nil }
    let form = visit.form
    var work: PaperEndPage.Work?
    var failed: String?
    if line.stage == .sealed {
        switch end.progress {
        case .reading(let done, let of):
            work = .init(done: done, of: of, words: "\(done) of \(words.count(of, "document")) compared.")
        case .failed(let refusal): failed = "\(refusal.message) \(refusal.hint)"
        default: break
        }
    }
    let mayCompare = line.stage == .sealed && line.destroyed == nil && !end.isOwn && compared < end.documents.count
    let isBad = refusal?.code.hasPrefix("destruction.") == true
    let field = refusal.map { $0.code.split(separator: ".").last.map(String.init) ?? "" } ?? ""
    var reply = visit.page(
        .paperEnd,
        PaperEndPage(
            chrome: visit.chrome(
                "Batch \(line.batch.number), the paper", back: Link(href: "/archive", text: "The paper archive"),
                problems: said.map { [ProblemLink(href: isBad ? "#" + field : "#main", text: $0)] } ?? []),
            title: "Batch \(line.batch.number)", place: line.facts.place, stage: stageWords(line.stage),
            paper: paperWords(line, words), facts: paperFacts(line, words), isSealed: line.stage == .sealed,
            conditions: conditions(end, compared, words), isDestroyed: line.destroyed != nil,
            certificate: line.destroyed == nil ? nil : "\(path)/certificate.pdf", work: work, failed: failed,
            compare: mayCompare && work == nil ? "\(path)/compare" : nil,
            compareButton: "Compare \(words.count(end.documents.count - compared, "document"))",
            destroy: end.isReady
                ? .init(
                    how: .line(
                        "how", "How was it destroyed?", Field(value: form["how"], error: error("how")),
                        hint: "Such as: cross-cut shredder in the office.", size: "w20"),
                    by: .line(
                        "by", "By whom?", Field(value: form["by"], error: error("by")),
                        hint: "The name, or the company and who of the school was there.", size: "w20"),
                    day: .line(
                        "day", "On which day?",
                        Field(
                            value: isBad ? form["day"] : words.longDay(visit.now), error: error("day")), size: "w10"),
                    seenError: error("seen")) : nil,
            documents: end.documents.map { document in
                .init(
                    href: "/documents/\(document.id.text)", reference: document.id.reference, pupil: document.pupil,
                    compared: document.compared.map { "\(words.moment($0)), by \(document.comparedBy ?? "")" }
                        ?? "not yet")
            }, hasDocuments: !end.documents.isEmpty, path: path, csrf: visit.session?.csrf ?? ""),
        status: refusal == nil ? .ok : .unprocessableContent)
    if work != nil { reply.headers[.refresh] = "2" }
    return reply
}

/// What must be so before paper may be destroyed, one after the other.
private func conditions(_ end: PaperEnd, _ compared: Int, _ words: Wording) -> [PaperEndPage.Condition] {
    let (line, all) = (end.line, end.documents.count)
    return [
        .init(
            isMet: line.stage == .sealed, title: "Checked and filed",
            words: line.stage == .sealed
                ? "\(line.checker ?? "") looked at \(line.looked) of \(words.count(Int(line.pages ?? 0), "page")); the batch is sealed."
                : "The batch is not sealed yet."),
        .init(
            isMet: line.stage == .sealed && compared == all, title: "Compared by somebody else",
            words: all == 0
                ? "None of its documents stands in a pupil’s file."
                : "\(compared) of \(words.count(all, "document")) opened and found the same as recorded."
                    + (end.isOwn ? " You scanned this batch: another lead or deputy has to do it." : "")),
        .init(
            isMet: end.backup != nil, title: "In a verified backup",
            words: end.backup.map {
                "Verified \(words.moment($0.verified)), with \(words.grouped($0.act.size)) statements."
            }
                ?? "No verified backup holds this batch. Ask whoever runs the server for one."),
        .init(
            isMet: end.drilled != nil, title: "Recovery key tried within a year",
            words: end.drilled.map { "Last tried \(words.moment($0))." }
                ?? "There was no drill within a year. The safeguarding lead does one under “Recovery key”."),
    ]
}

private func destroy(_ visit: Visit) throws -> Reply {
    let id: BatchID = try visit.id("folder")
    let (acting, form) = (try visit.acting, visit.form)
    // What is not theirs or not there is not there, whatever the form says.
    _ = try visit.vault.paperEnd(of: id, as: acting)
    do throws(VaultError) {
        guard form["seen"] == "yes" else {
            throw VaultError.refused(
                Refusal(
                    code: "destruction.seen", message: "It is not said that the paper is destroyed.",
                    hint: "Tick the box when you know that it is."))
        }
        try visit.vault.destroyPaper(
            of: id, DestructionWords(how: form["how"], by: form["by"], day: form["day"]), as: acting)
    } catch {
        guard case .refused(let refusal) = error,
            refusal.code.hasPrefix("destruction.") || refusal.code.hasPrefix("paper.")
        else { throw error }
        return try paperEndPage(visit, refusal: refusal)
    }
    return .redirect("/archive/\(id.text)")
}

// MARK: - The certificate

/// What stands in a certificate.
struct CertificatePaper {
    struct Document {
        let number: Int
        let reference: String
        let pupil: String
        let pages: String
        let sha256: String
        let scan: String
        let compared: String
    }
    let school: String
    let batch: Int
    let paper: String
    let how: String
    let by: String
    let day: String
    let madeBy: String
    let recorded: String
    let scanned: String
    let checked: String
    let sealed: String
    let backup: String
    let drilled: String
    let documents: [Document]
    let count: String
    let index: UInt64
    let checkpoint: String

    init(_ certificate: PaperCertificate, school: String, _ words: Wording) {
        self.school = school
        batch = certificate.batch
        paper = certificate.paper
        how = certificate.how
        by = certificate.by
        day = words.date(certificate.day)
        madeBy = certificate.madeBy
        recorded = words.moment(certificate.recorded)
        scanned = certificate.operator
        checked =
            "\(certificate.checker), who looked at \(certificate.looked) of \(words.count(Int(certificate.pages), "page"))"
        sealed = words.moment(certificate.sealed)
        backup =
            "\(certificate.backup.act.backup.text), verified \(words.moment(certificate.backup.verified)) with \(words.grouped(certificate.backup.act.size)) statements"
        drilled = words.moment(certificate.drilled)
        documents = certificate.documents.enumerated().map { place, document in
            Document(
                number: place + 1, reference: DocumentID(text: document.document)?.reference ?? document.document,
                pupil: document.pupil, pages: words.count(document.pages, "page"), sha256: document.sha256,
                scan: document.scan.isEmpty ? "" : "\(document.scan), pages \(document.scanPages)",
                compared: "\(words.moment(Timestamp(milliseconds: document.compared))), \(document.comparedBy)")
        }
        count = words.count(certificate.documents.count, "document")
        index = certificate.index
        checkpoint = certificate.checkpoint
    }
}

/// The certificate as a PDF: each time the same bytes. Of a batch whose paper is kept it leads to the batch.
private func certificatePDF(_ visit: Visit) throws -> Reply {
    let id: BatchID = try visit.id("folder")
    let (acting, vault) = (try visit.acting, visit.vault)
    guard try vault.paperEnd(of: id, as: acting).line.destroyed != nil else { return .redirect("/archive/\(id.text)") }
    let certificate = try vault.certificate(of: id, as: acting)
    return try .pdf(
        named: "certificate-batch-\(certificate.batch)",
        otherwise: Refusal(
            code: "certificate.not-made", message: "The certificate could not be made into a PDF.",
            hint: "Try again in a minute. What it says is recorded.")
    ) {
        let page = CertificatePaper(certificate, school: vault.policies.school.name, visit.words)
        let identifier = certificate.certificate.bytes.map { byte in
            let digits = String(byte, radix: 16)
            return digits.utf8.count == 1 ? "0" + digits : digits
        }.joined()
        var booklet = Booklet(
            Typesetter(memoryMiB: vault.policies.limits.printMemoryMiB, seconds: 120), identifier: identifier,
            made: certificate.recorded.milliseconds / 1000)
        try booklet.add(Array(visit.site.templates.render(.certificate, page).utf8))
        return try booklet.finish { _, _ in true }.withBytes { Array($0) }
    }
}
