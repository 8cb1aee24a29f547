import Custody
import HTTPTypes
import Records

let batchRoutes: [Route] = [
    Route(.post, "/batches", .file, body: .form([])) { visit in
        .redirect("/batches/\(try visit.vault.openBatch(as: visit.acting).id.text)")
    },
    Route(.get, "/batches/{batch}", .file, handle: showBatch),
    Route(.post, "/batches/{batch}/close", .file, body: .form([])) { visit in
        let id: BatchID = try visit.id("batch")
        try visit.vault.closeBatch(id, as: visit.acting)
        return .redirect("/batches/\(id.text)")
    },
]

/// A filing in a list, as its statement has it.
struct FiledRow {
    let reference: String
    let document: String
    let pupil: String
    let recorded: String
    let index: String
    let by: String
    let isQuarantined: Bool

    init(_ line: FiledLine, _ words: Wording) {
        reference = line.document.map(\.reference) ?? "Intake queue"
        document = line.document?.text ?? ""
        pupil = line.pupil ?? "not known yet"
        recorded = words.moment(line.recorded)
        index = words.grouped(line.index)
        by = line.filer.text
        isQuarantined = line.quarantined
    }
}

struct BatchPage {
    let chrome: Chrome
    let title: String
    let facts: String
    let isOpen: Bool
    let id: String
    let lines: [FiledRow]
    let isEmpty: Bool
    let close: String
    let csrf: String
    let waiting: Link?
}

private func showBatch(_ visit: Visit) throws -> Reply {
    let (acting, words) = (try visit.acting, visit.words)
    if let id = BatchID(text: try visit.parameter("batch")), visit.vault.isOfPaper(id) {
        let line = try visit.vault.paperBatch(id, as: acting)
        guard line.isOwn else { throw Fault.vault(.notFound) }
        return try showPaperBatch(line, visit)
    }
    let (batch, lines) = try visit.vault.documents(in: visit.id("batch"), as: acting)
    let left = try visit.vault.pendingUploads(as: acting).count
    let closed = batch.closed.map { "closed \(words.moment($0))" } ?? "still open"
    return visit.page(
        .batch,
        BatchPage(
            chrome: visit.chrome("Batch \(batch.number)", back: Link(href: "/", text: "Home"), wide: true),
            title: "Batch \(batch.number)",
            facts: "\(acting.name), opened \(words.moment(batch.opened)), \(closed). "
                + "\(words.count(lines.count, "document")) filed.",
            isOpen: batch.closed == nil, id: batch.id.text, lines: lines.map { FiledRow($0, words) },
            isEmpty: lines.isEmpty, close: "/batches/\(batch.id.text)/close", csrf: visit.session?.csrf ?? "",
            waiting: left == 0
                ? nil : Link(href: "/", text: "\(words.count(left, "file")) still waiting to be filed")))
}
