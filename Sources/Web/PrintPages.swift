import Custody
import HTTPTypes
import Hummingbird
import NIOCore
import Papers
import Records

let printRoutes: [Route] = [
    Route(.get, "/pupils/{pupil}/print", .read, query: printQuery, handle: choosePrint),
    Route(.post, "/pupils/{pupil}/print", .read, body: .form(printQuery.union(["form"])), handle: startPrint),
    Route(.get, "/print", .read, handle: showPrint),
    Route(.get, "/print/chronology.pdf", .read, leadsToSignIn: false, handle: fetchPrint),
    Route(.post, "/print/stop", .read, body: .form([]), handle: stopPrint),
]

/// What of a chronology can be chosen to be printed: the same as what a page of it shows, all of it.
private let printQuery = ChronologyView.query.subtracting(["from"])

/// The most lines of a page that a browser prints: more of them are slow in a browser, and parts of a PDF are not.
private let mostOnPage = 500

/// Where somebody says which part of a chronology is printed, and how.
struct PrintPage {
    struct Hidden {
        let name: String
        let value: String
    }
    let chrome: Chrome
    let pupil: PupilBanner
    let action: String
    let lanes: [Choice]
    let orders: [Choice]
    let since: Field
    let until: Field
    /// What else it is narrowed down to, with the fields that say so.
    let narrowed: String?
    let hidden: [Hidden]
    let everything: String
    /// How many lines the choice has now.
    let count: String
    let mostOnPage: String
    let csrf: String
}

/// How a print stands.
struct PrintingPage {
    struct Progress {
        let done: Int
        let of: Int
        let words: String
    }
    let chrome: Chrome
    /// Nil where the session prints nothing.
    let pupil: PupilBanner?
    let print: String
    let progress: Progress?
    let ready: Link?
    let size: String
    let failure: String?
    let again: String
    let csrf: String
}

/// A page that a browser prints.
struct PrintedPage {
    let chrome: Chrome
    let head: PaperHead
    let lines: [PaperLine]
    let again: String
}

private func choosePrint(_ visit: Visit) throws -> Reply {
    let pupil = try visit.pupil()
    return try choosePrint(ChronologyView(visit, of: pupil), of: pupil, visit)
}

private func choosePrint(
    _ view: ChronologyView, of pupil: Pupil, refusal: Refusal? = nil, _ visit: Visit
) throws -> Reply {
    let chronology = try visit.vault.chronology(
        of: pupil.pupilFile, choosing: view.choice, count: 0, as: visit.acting)
    let (choice, words) = (view.choice, visit.words)
    let filters = ChronologyFilters(view, chronology, visit)
    var rest = choice
    rest.period = nil
    let narrowed = words.narrowed(
        rest, uploader: chronology.authors.first { $0.id == choice.author }?.name,
        batch: choice.batch.flatMap { chronology.batchNumbers[$0] }, visit.vault.policies)
    let problems = [view.refusal, refusal].compactMap { $0 }.map {
        ProblemLink(href: $0 == view.refusal ? "#since" : "#lane", text: "\($0.message) \($0.hint)")
    }
    let reference = pupil.reference
    return visit.page(
        .print,
        PrintPage(
            chrome: visit.chrome(
                "Print a chronology", back: Link(href: view.address(), text: "Pupil file \(reference)"),
                problems: problems),
            pupil: PupilBanner(pupil, words), action: "/pupils/\(reference)/print",
            lanes: [
                Choice(
                    value: "significant",
                    title: "Significant events alone (\(words.grouped(UInt64(chronology.significant))))",
                    chosen: choice.lane == .significant),
                Choice(value: "records", title: "Documents and entries", chosen: choice.lane == .records),
                Choice(
                    value: "everything", title: "Also readings and refusals", chosen: choice.lane == .everything),
            ],
            orders: [
                Choice(value: "oldest", title: "Oldest first", chosen: !choice.newestFirst),
                Choice(value: "newest", title: "Newest first", chosen: choice.newestFirst),
            ], since: filters.since, until: filters.until, narrowed: narrowed.isEmpty ? nil : narrowed,
            hidden: [
                ("category", choice.category), ("type", choice.mediaType), ("agency", choice.agency),
                ("by", choice.author?.text ?? ""), ("batch", choice.batch?.text ?? ""),
            ].filter { !$0.1.isEmpty }.map { PrintPage.Hidden(name: $0.0, value: $0.1) },
            everything: "/pupils/\(reference)/print", count: words.count(chronology.total, "line"),
            mostOnPage: words.grouped(UInt64(mostOnPage)), csrf: visit.session?.csrf ?? ""),
        status: problems.isEmpty ? .ok : .unprocessableContent)
}

private func startPrint(_ visit: Visit) throws -> Reply {
    let pupil = try visit.pupil()
    guard let form = PrintForm(rawValue: visit.form["form"]) else { throw Fault.formUnreadable }
    let view = try ChronologyView(visit, of: pupil)
    guard view.refusal == nil else { return try choosePrint(view, of: pupil, visit) }
    let acting = try visit.acting
    let most = form == .page ? mostOnPage : visit.vault.policies.limits.printLines
    do throws(VaultError) {
        let print = try visit.vault.printChronology(
            of: pupil.pupilFile, choosing: view.choice, as: form, atMost: most, by: acting)
        switch form {
        case .page: visit.site.printRoom.keep(print, by: acting)
        case .pdf: visit.site.printRoom.make(print, by: acting)
        }
    } catch {
        guard case .refused(let refusal) = error, refusal.code.hasPrefix("print.") else { throw error }
        return try choosePrint(view, of: pupil, refusal: refusal, visit)
    }
    return .redirect("/print")
}

private func showPrint(_ visit: Visit) throws -> Reply {
    let acting = try visit.acting
    let words = visit.words
    guard let state = visit.site.printRoom.state(for: acting.session) else {
        return visit.page(
            .printing,
            PrintingPage(
                chrome: visit.chrome("Nothing is being printed", back: Link(href: "/", text: "Home")), pupil: nil,
                print: "", progress: nil, ready: nil, size: "", failure: nil, again: "", csrf: ""))
    }
    func page(
        _ print: ChronologyPrint, progress: PrintingPage.Progress? = nil, ready: Link? = nil, size: String = "",
        failure: String? = nil
    ) -> Reply {
        let reference = print.pupil.reference
        return visit.page(
            .printing,
            PrintingPage(
                chrome: visit.chrome(
                    ready != nil ? "The PDF is ready" : failure != nil ? "Not printed" : "Making the PDF",
                    back: Link(href: "/pupils/\(reference)", text: "Pupil file \(reference)")),
                pupil: PupilBanner(print.pupil, words), print: print.id.reference, progress: progress, ready: ready,
                size: size, failure: failure, again: "/pupils/\(reference)/print",
                csrf: visit.session?.csrf ?? ""))
    }
    switch state {
    case .page(let print):
        let policies = visit.vault.policies
        let lines = try visit.vault.entries(of: print, 0..<print.count, by: acting)
        let reference = print.pupil.reference
        return visit.page(
            .printed,
            PrintedPage(
                chrome: visit.chrome(
                    "Chronology, print \(print.id.reference)",
                    back: Link(href: "/pupils/\(reference)", text: "Pupil file \(reference)")),
                head: PaperHead(print, words, policies), lines: lines.map { PaperLine($0, words, policies) },
                again: "/pupils/\(reference)/print"))
    case .working(let print, let progress):
        var reply = page(print, progress: .init(progress, print.count, visit))
        // Works without a script. The page says nothing that a person is in the middle of.
        reply.headers[.refresh] = "3"
        return reply
    case .ready(let print, let finished):
        return page(
            print, ready: Link(href: "/print/chronology.pdf", text: "Save the PDF"),
            size: "\(words.count(finished.paper.pages, "page")), \(words.size(UInt64(finished.paper.count)))")
    case .failed(let print, let failure): return page(print, failure: failure.words)
    }
}

extension PrintingPage.Progress {
    fileprivate init(_ progress: PrintProgress, _ lines: Int, _ visit: Visit) {
        done = progress.lines
        of = lines
        let all = visit.words.count(lines, "line")
        guard let began = progress.began, progress.lines > 0 else {
            words =
                progress.began == nil && progress.isBehind
                ? "\(all). Another print is being made; this one comes after it." : "\(all), just begun."
            return
        }
        let spent = visit.site.clock.monotonic().nanoseconds(since: began) / 1_000_000_000
        guard progress.lines < lines else {
            words = "All \(all) are set. The pages are being numbered."
            return
        }
        let left = spent * UInt64(lines - progress.lines) / UInt64(progress.lines)
        let rest = left < 60 ? "less than a minute" : "about " + visit.words.count(Int(left + 59) / 60, "minute")
        words = "\(visit.words.grouped(UInt64(progress.lines))) of \(all), \(rest) left."
    }
}

extension PrintFailure {
    fileprivate var words: String {
        switch self {
        case .vault(.refused(let refusal)): "\(refusal.message) \(refusal.hint)"
        case .vault: "Something of it could not be read. Tell who runs the vault; nothing was lost."
        case .paper(.timedOut):
            "It took too long. Print a shorter period, or try again when the machine has less to do."
        case .paper(.tooLarge): "It takes more memory than a print may. Print a shorter period."
        case .paper: "The program that makes PDFs did not do it. Try again, or use the page to print."
        case .stopped: "It was stopped."
        }
    }
}

private func fetchPrint(_ visit: Visit) throws -> Reply {
    guard case .ready(let print, let finished) = visit.site.printRoom.state(for: try visit.acting.session) else {
        throw Fault.noSuchPage
    }
    let bytes = try finished.paper.withBytes { ByteBuffer(bytes: $0) }
    var reply = Reply(contentType: "application/pdf", body: ResponseBody(byteBuffer: bytes))
    reply.headers[.contentDisposition] =
        "attachment; filename=\"chronology-\(print.pupil.reference)-\(print.id.reference).pdf\""
    return reply
}

private func stopPrint(_ visit: Visit) throws -> Reply {
    let session = try visit.acting.session
    let reference: String? =
        switch visit.site.printRoom.state(for: session) {
        case .page(let print), .working(let print, _), .ready(let print, _), .failed(let print, _):
            print.pupil.reference
        case nil: nil
        }
    visit.site.printRoom.stop(for: session)
    return .redirect(reference.map { "/pupils/\($0)" } ?? "/pupils")
}
