import Custody
import HTTPTypes
import Hummingbird
import NIOCore
import Records

let documentRoutes: [Route] = [
    Route(.get, "/documents/{document}", .readDocument, query: ["as", "page", "width"], handle: showDocument),
    Route(
        .get, "/documents/{document}/pages/{page}", .readDocument, query: ["width"], leadsToSignIn: false,
        endsWithReader: true, handle: showPicture),
    Route(.post, "/documents/{document}/download", .readDocument, body: .form([]), handle: download),
]

struct DocumentPage {
    let chrome: Chrome
    let pupil: PupilBanner
    let reference: String
    let path: String
    let summary: String
    let kind: String
    let date: String
    let signed: String
    let found: String
    let filename: String
    let recorded: String
    let recordedBy: String
    let sha256: String
    let quarantine: String?
    /// That it was filed as evidence and released since.
    let released: String?
    /// Where a lead decides about it.
    let decide: String?
    let restricted: RestrictedNotice?
    let sheet: Sheet?
    let text: String?
    let otherwise: Link?
    let seen: String
    let marks: [String]
    let meeting: [MeetingFact]
    /// Where it was scanned from, where it is of the archive.
    let paper: PaperOrigin?
    let entry: String?
    /// The other pupils in whose files it stands, for who reads every file.
    let others: [Link]
    let hasOthers: Bool
    /// Where it is moved out of the pupil's file, for who may.
    let move: String?
    /// What agencies ask for of it, where it is restricted.
    let agency: String?
    let csrf: String
    let size: String
}

private func showDocument(_ visit: Visit) throws -> Reply {
    let (id, words): (DocumentID, Wording) = (try visit.id("document"), visit.words)
    let facts = try visit.vault.document(id, as: visit.acting)
    let pupil = try facts.restricted?.pupil ?? visit.vault.pupil(facts.pupilFile, as: visit.acting)
    let reference = id.reference
    let path = "/documents/\(id.text)"
    func open() throws -> DocumentReading { try visit.vault.openDocument(id, manner: .view, as: visit.acting) }
    let looking =
        facts.quarantine == nil
        ? try Looking(
            visit, of: reference, at: path, facts.mediaType, pages: facts.pages, text: { try open().text() },
            count: { try open().pageCount() }) : nil
    let acting = try visit.acting
    let readsFile = facts.restricted == nil && acting.may(.read, in: visit.vault)
    let decision = readsFile && facts.filedAs != nil ? try visit.vault.quarantineDecision(of: id, as: acting) : nil
    let others = readsFile ? try visit.otherFiles(of: id) : []
    let back =
        readsFile
        ? Link(href: "/pupils/\(pupil.reference)", text: "Pupil file \(pupil.reference)")
        : facts.restricted != nil
            ? Link(href: "/restricted", text: "Restricted documents")
            : Link(href: "/reading", text: "What you may read")
    let seen = "Seen by \(acting.name), \(words.moment(visit.now)), \(reference)"
    let policies = visit.vault.policies
    return visit.page(
        .document,
        DocumentPage(
            chrome: visit.chrome(
                "Document \(reference)" + (looking?.sheet?.title ?? ""),
                back: back, wide: true),
            pupil: PupilBanner(pupil, words), reference: reference, path: path, summary: facts.summary,
            kind: policies.categories.title(of: facts.fields["category"] ?? "") ?? "",
            date: words.date(facts.fields["date"] ?? "", at: facts.fields["time"] ?? ""),
            signed: words.signed(facts.fields["signed"] ?? "", by: facts.fields["signed_by"] ?? ""),
            found: words.facts(facts.mediaType, facts.pages, facts.size, policies), filename: visible(facts.filename),
            recorded: words.moment(facts.recorded), recordedBy: facts.filer.text, sha256: facts.sha256,
            quarantine: facts.quarantine.map(words.quarantine),
            released: decision?.released == true ? decision.map(visit.words(of:)) : nil,
            decide: try readsFile && facts.filedAs != nil && visit.decidesQuarantine ? "\(path)/quarantine" : nil,
            restricted: facts.restricted.map { RestrictedNotice($0, visit.vault, words) },
            sheet: looking?.sheet, text: looking?.text, otherwise: looking?.otherwise, seen: seen,
            marks: Array(repeating: "\(acting.name) · \(words.moment(visit.now)) · \(reference)", count: 6),
            meeting: MeetingFact.facts(facts, words),
            paper: facts.origin.map { PaperOrigin($0, quality: facts.fields["quality"] ?? "") },
            entry: readsFile ? "/entries/\(facts.index)" : nil, others: others, hasOthers: !others.isEmpty,
            move: readsFile && acting.may(.holdRestricted, in: visit.vault) ? "\(path)/move" : nil,
            agency: facts.restricted == nil ? nil : "/restricted/\(id.text)",
            csrf: visit.session?.csrf ?? "",
            size: words.size(facts.size)))
}

private func showPicture(_ visit: Visit) throws -> Reply {
    guard let page = Int(try visit.parameter("page")), page >= 1 else { throw Fault.noSuchPage }
    let width = try visit.sheetWidth
    let reading = try visit.vault.openDocument(try visit.id("document"), manner: .view, as: visit.acting)
    return .picture(try reading.picture(page: page, width: width))
}

/// Streams the original: recorded before its first byte, checked as it goes; what fails midway is cut off.
private func download(_ visit: Visit) throws -> Reply {
    let id: DocumentID = try visit.id("document")
    return visit.original(
        of: try visit.vault.openDocument(id, manner: .download, as: visit.acting), named: id.reference)
}

extension Visit {
    /// The original as a download.
    ///
    /// - Parameter name: what browsers call it, which they show in lists and notices: so not the file's own, which may hold a
    ///   child's.
    func original(of reading: DocumentReading, named name: String) -> Reply {
        let size = reading.facts.size
        let threads = site.threads
        var reply = Reply(contentType: "application/octet-stream")
        reply.body = ResponseBody(contentLength: Int(size)) { writer in
            var offset: UInt64 = 0
            while offset < size {
                let piece = try await withTaskExecutorPreference(threads) { try reading.piece(at: offset) }
                guard !piece.isEmpty else { throw Fault.unexpected }
                offset += UInt64(piece.count)
                // A chunk of the envelope at a time, so that what is stopped stops within one.
                var rest = ByteBuffer(bytes: piece)
                while let part = rest.readSlice(length: min(1 << 16, rest.readableBytes)), part.readableBytes > 0 {
                    try reading.requireActive()
                    try await writer.write(part)
                }
            }
            reading.close(complete: true)
            try await writer.finish(nil)
        }
        let ending = vault.policies.fileTypes.types.first { $0.mediaType == reading.facts.mediaType }?.extensions
            .first
        reply.headers[.contentDisposition] =
            "attachment; filename=\"\(name)\(ending.map { "." + $0 } ?? "")\""
        return reply
    }
}

/// What is kept of the paper that a document of the archive was scanned from.
struct PaperOrigin {
    let paper: String
    let scanner: String?
    let condition: String?
    let checker: String
    let stack: String
    let pages: String
    let faults: [String]
    let isFaulty: Bool
    let reason: String?
    let difference: String?

    init(_ origin: ScanOrigin, quality: String) {
        func said(_ text: String) -> String? { text.isEmpty ? nil : text }
        paper = "\(origin.paper), batch \(origin.batch)"
        scanner = said(origin.scanner)
        condition = said(origin.condition)
        checker =
            "\(origin.checker), "
            + (origin.looked >= origin.scanned
                ? "every page of the batch" : "a sample: \(origin.looked) of the batch’s \(origin.scanned) pages")
        stack = origin.stack
        pages = origin.pages
        faults = PageQuality.faulty(in: quality)
        isFaulty = !faults.isEmpty
        reason = said(origin.reason)
        difference = said(origin.difference)
    }
}
