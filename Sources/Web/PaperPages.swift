import Custody
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Papers
import Records

// A batch of paper on pages: what is said of it, the sheets that lie between its papers, its scans, and the next step.

let paperRoutes: [Route] = [
    Route(.get, "/batches/new", .file) { visit in preparePage(visit, PaperForm()) },
    Route(.post, "/batches/new", .file, body: .form(PaperForm.names), handle: prepare),
    Route(.get, "/batches/{batch}/sheets", .file) { visit in try sheetsPage(visit) },
    Route(
        .post, "/batches/{batch}/sheets", .file,
        body: .form(["do", "pupil", "category", "pages", "sheet", "folder-pages"]), handle: changeSheets),
    Route(.get, "/batches/{batch}/sheets.pdf", .file, leadsToSignIn: false, handle: sheetsPDF),
    Route(.get, "/batches/{batch}/scans", .file) { visit in try scansPage(visit) },
    Route(.post, "/batches/{batch}/scans", .file, body: .stream, handle: receiveScans),
    Route(.post, "/batches/{batch}/scans/{scan}/drop", .file, body: .form([])) { visit in
        let (batch, scan): (BatchID, UploadID) = (try visit.id("batch"), try visit.id("scan"))
        try visit.vault.dropStack(scan, from: batch, as: visit.acting)
        return .redirect("/batches/\(batch.text)")
    },
    Route(.post, "/batches/{batch}/read", .file, body: .form([])) { visit in
        let batch: BatchID = try visit.id("batch")
        _ = try visit.vault.desk(of: batch, as: visit.acting)
        visit.vault.readStacks(of: batch, as: try visit.acting)
        return .redirect("/batches/\(batch.text)")
    },
    Route(.post, "/batches/{batch}/paper", .file, body: .form(["state", "words"]), handle: movePaper),
    Route(.post, "/batches/{batch}/withdraw", .file, body: .form([])) { visit in
        let batch: BatchID = try visit.id("batch")
        try visit.vault.withdrawPlan(of: batch, as: visit.acting)
        return .redirect("/batches/\(batch.text)/desk")
    },
    Route(.post, "/batches/{batch}/seal", .file, body: .form([])) { visit in
        let batch: BatchID = try visit.id("batch")
        try visit.vault.seal(batch, as: visit.acting)
        return .redirect("/batches/\(batch.text)")
    },
    Route(.post, "/intake/{item}/take", .seeIntake, body: .form([])) { visit in
        let batch = try visit.vault.takeFromIntake(try visit.id("item"), as: visit.acting)
        return .redirect("/batches/\(batch.text)")
    },
]

// MARK: - Beginning

private struct PaperForm {
    var facts = PaperFacts(cabinet: "", drawer: "", folder: "")
    var documents = ""
    var pages = ""

    static let names: Set<String> = [
        "cabinet", "drawer", "folder", "documents", "pages", "scanner", "dpi", "colour", "condition",
    ]

    init() {}

    init(_ form: Form) {
        facts = PaperFacts(
            cabinet: form["cabinet"], drawer: form["drawer"], folder: form["folder"], scanner: form["scanner"],
            dpi: form["dpi"], colour: form["colour"], condition: form["condition"])
        documents = trimmed(form["documents"])
        pages = trimmed(form["pages"])
    }
}

struct PreparePage {
    let chrome: Chrome
    let csrf: String
    let place: [FormInput]
    let expected: [FormInput]
    let scanning: [FormInput]
}

private func preparePage(_ visit: Visit, _ form: PaperForm, refusal: Refusal? = nil) -> Reply {
    let field =
        switch refusal?.code {
        case nil: ""
        case "paper.dpi": "dpi"
        case "paper.colour": "colour"
        case "paper.count": "documents"
        default: "cabinet"
        }
    let words = refusal.map { "\($0.message) \($0.hint)" }
    func line(_ id: String, _ label: String, _ value: String, hint: String? = nil, size: String = "w10") -> FormInput {
        .line(id, label, Field(value: value, error: field == id ? words : nil), hint: hint, size: size)
    }
    let facts = form.facts
    let colours = zip(PaperFacts.colours, ["Black and white", "Grey", "Colour"]).map {
        Choice(value: $0, title: $1, chosen: facts.colour == $0)
    }
    return visit.page(
        .prepare,
        PreparePage(
            chrome: visit.chrome(
                "Begin with a folder", back: Link(href: "/", text: "Home"),
                problems: words.map { [ProblemLink(href: "#" + field, text: $0)] } ?? []),
            csrf: visit.session?.csrf ?? "",
            place: [
                line("cabinet", "Cabinet", facts.cabinet), line("drawer", "Drawer", facts.drawer),
                line(
                    "folder", "Folder", facts.folder,
                    hint: "As it can be found again, such as a number. Write no child’s name here.", size: "w20"),
            ],
            expected: [
                line(
                    "documents", "Documents", form.documents, hint: "As many as you count, or leave it empty.",
                    size: "w6"),
                line(
                    "pages", "Pages", form.pages,
                    hint: "Sides with something on them. What the scan has is compared with it.", size: "w6"),
                .text(
                    "condition", "Condition of the paper (optional)", Field(value: facts.condition),
                    hint: "Torn, faint, stapled, out of order: what somebody may ask about later.", rows: 2),
            ],
            scanning: [
                line("scanner", "Scanner", facts.scanner, hint: "Such as the copier in the office.", size: "w20"),
                line("dpi", "Resolution, in dots an inch", facts.dpi, hint: "200 or more.", size: "w6"),
                .choice("colour", "Colour", colours, error: field == "colour" ? words : nil),
            ]), status: refusal == nil ? .ok : .unprocessableContent)
}

private func prepare(_ visit: Visit) throws -> Reply {
    var form = PaperForm(visit.form)
    let counts = [form.documents, form.pages].map { $0.isEmpty ? nil : Int($0) ?? 0 }
    (form.facts.documents, form.facts.pages) = (counts[0], counts[1])
    let acting = try visit.acting
    do throws(VaultError) {
        let batch = try visit.vault.beginPaperBatch(form.facts, as: acting)
        return .redirect("/batches/\(batch.id.text)")
    } catch {
        guard case .refused(let refusal) = error, refusal.code.hasPrefix("paper.") || refusal.code == "batch.open"
        else { throw error }
        return preparePage(visit, form, refusal: refusal)
    }
}

// MARK: - The batch

struct PaperBatchPage {
    struct Fact {
        let name: String
        let value: String
    }
    struct Scan {
        let id: String
        let name: String
        let facts: String
        let state: String
        let words: String
        let progress: PrintingPage.Progress?
        let drop: String?
        let failed: Bool
    }
    struct Step {
        let title: String
        let words: String
        let link: Link?
        let isDone: Bool
        let isNext: Bool
    }
    let chrome: Chrome
    let title: String
    let place: String
    let state: String
    let facts: [Fact]
    let steps: [Step]
    let scans: [Scan]
    let hasScans: Bool
    let again: Bool
    let sealing: PrintingPage.Progress?
    let sealFailed: String?
    let seal: String?
    let sealWords: String
    let withdraw: String?
    let lines: [FiledRow]
    let isSealed: Bool
    let isGivenUp: Bool
    let paper: String
    let take: String?
    let bringBack: String?
    let answer: String?
    let close: String?
    let path: String
    let csrf: String
}

/// A batch of paper of the person's own.
func showPaperBatch(_ line: PaperBatchLine, _ visit: Visit) throws -> Reply {
    let (acting, words, vault) = (try visit.acting, visit.words, visit.vault)
    let id = line.batch.id
    let path = "/batches/\(id.text)"
    let isOpen = line.batch.closed == nil
    let desk: Desk
    do throws(VaultError) { desk = isOpen ? try vault.desk(of: id, as: acting) : Desk() } catch {
        // It was sealed or given up a moment ago.
        guard error == .notFound else { throw error }
        return try showPaperBatch(vault.paperBatch(id, as: acting), visit)
    }
    if line.stage == .open { vault.resumeReading(of: id, as: acting) }
    let progress = vault.progress(of: desk)
    let sealing = isOpen ? vault.sealingProgress(of: id) : nil
    var sealingNow: PrintingPage.Progress?
    if case .reading(let done, let all) = sealing {
        sealingNow = .init(done: done, of: max(all, 1), words: "\(words.count(done, "document")) of \(all) filed.")
    }
    var sealFailed: String?
    if case .failed(let refusal) = sealing { sealFailed = "\(refusal.message) \(refusal.hint)" }
    let scans = desk.stacks.map { stack -> PaperBatchPage.Scan in
        let facts = words.facts(stack.mediaType, stack.count, stack.size, vault.policies)
        let drop = line.stage == .open ? "\(path)/scans/\(stack.id.text)/drop" : nil
        switch progress[stack.id] ?? .read {
        case .reading(let done, let all):
            return .init(
                id: stack.id.text, name: visible(stack.name), facts: facts, state: "reading",
                words: "\(words.grouped(UInt64(done))) of \(words.count(all, "page")) read",
                progress: .init(done: done, of: max(all, 1), words: ""), drop: drop, failed: false)
        case .read:
            return .init(
                id: stack.id.text, name: visible(stack.name), facts: facts, state: "read", words: "Read",
                progress: nil, drop: drop, failed: false)
        case .failed(let refusal):
            return .init(
                id: stack.id.text, name: visible(stack.name), facts: facts, state: "failed",
                words: "\(refusal.message) \(refusal.hint)", progress: nil, drop: drop, failed: true)
        }
    }
    let isReading = scans.contains { $0.state == "reading" }
    let state = sealingNow != nil ? "sealing" : line.stage.rawValue
    let filed = try isOpen && line.stage != .checked ? [] : vault.documents(in: id, as: acting).lines
    var reply = visit.page(
        .paperBatch,
        PaperBatchPage(
            chrome: visit.chrome("Batch \(line.batch.number)", back: Link(href: "/", text: "Home"), wide: true),
            title: "Batch \(line.batch.number)", place: line.facts.place, state: state,
            facts: paperFacts(line, words), steps: steps(line, desk, isReading, path, words), scans: scans,
            hasScans: !scans.isEmpty, again: scans.contains { $0.failed }, sealing: sealingNow, sealFailed: sealFailed,
            seal: line.stage == .checked && sealingNow == nil ? "\(path)/seal" : nil,
            sealWords: "File \(words.count(desk.pieces.count, "document")) and seal the batch",
            withdraw: [.presented, .checked].contains(line.stage) && sealingNow == nil && filed.isEmpty
                ? "\(path)/withdraw" : nil,
            lines: filed.map { FiledRow($0, words) }, isSealed: line.stage == .sealed,
            isGivenUp: line.stage == .givenUp, paper: paperWords(line, words),
            take: line.paper == .out || line.destroyed != nil ? nil : "\(path)/paper",
            bringBack: line.paper == .out && line.destroyed == nil ? "\(path)/paper" : nil,
            answer: desk.answer.isEmpty && desk.doubted.isEmpty || line.stage != .open
                ? nil
                : desk.answer.isEmpty ? "Pages were marked: see the desk." : desk.answer,
            close: line.stage == .open ? "\(path)/close" : nil, path: path, csrf: visit.session?.csrf ?? ""))
    if isReading || sealingNow != nil { reply.headers[.refresh] = "2" }
    return reply
}

/// What was said of a batch.
func paperFacts(_ line: PaperBatchLine, _ words: Wording) -> [PaperBatchPage.Fact] {
    let facts = line.facts
    return [
        ("Begun", "\(words.moment(line.batch.opened)), by \(line.operator)"),
        ("Documents expected", facts.documents.map { words.grouped(UInt64($0)) } ?? "not counted"),
        ("Pages expected", facts.pages.map { words.grouped(UInt64($0)) } ?? "not counted"),
        ("Scanner", facts.profile), ("Condition", facts.condition), ("Checked by", line.checker ?? ""),
    ].filter { !$0.1.isEmpty }.map { PaperBatchPage.Fact(name: $0.0, value: $0.1) }
}

/// Where the paper of a batch is, in words.
func paperWords(_ line: PaperBatchLine, _ words: Wording) -> String {
    let when = line.movedAt.map { " since \(words.moment($0))" } ?? ""
    let who = line.moved.map { " (\($0))" } ?? ""
    if let destroyed = line.destroyed { return "Destroyed, recorded \(words.moment(destroyed))." }
    return switch line.paper {
    case nil: "In its place: \(line.facts.place)."
    case .out: "Out for scanning\(when)\(who)."
    case .returned: "Back in its place\(when)\(who)."
    }
}

private func steps(
    _ line: PaperBatchLine, _ desk: Desk, _ isReading: Bool, _ path: String, _ words: Wording
) -> [PaperBatchPage.Step] {
    let separators = desk.sheets.count { $0.code.kind == .separator }
    let isOpen = line.stage == .open
    let isScanned = !desk.stacks.isEmpty
    let isPresented = line.stage != .open
    var steps: [PaperBatchPage.Step] = [
        .init(
            title: "Print separator sheets",
            words: separators == 0
                ? "One for each pupil and kind of paper. They say whose pages follow, so that nobody has to type it."
                : "\(words.count(separators, "separator sheet")) planned, \(words.count(Int(line.sheets), "sheet")) printed",
            link: isOpen
                ? Link(href: "\(path)/sheets", text: separators == 0 ? "Choose and print" : "See the sheets") : nil,
            isDone: line.sheets > 0, isNext: isOpen && separators == 0 && !isScanned),
        .init(
            title: "Scan, and add what was scanned",
            words: isScanned
                ? words.count(desk.stacks.count, "scan") + ", "
                    + words.count(desk.stacks.reduce(0) { $0 + $1.count }, "page")
                : "Whole folders at once, sheets between the papers.",
            link: isOpen ? Link(href: "\(path)/scans", text: "Add scans") : nil, isDone: isScanned || isPresented,
            isNext: isOpen && separators > 0 && !isScanned),
        .init(
            title: "See that every page is where it belongs",
            words: isReading
                ? "The pages are being read. You can look at it when that is done."
                : isScanned ? "\(words.count(desk.pieces.count, "document")) found" : "At the checking desk.",
            link: isOpen && isScanned ? Link(href: "\(path)/desk", text: "Go to the checking desk") : nil,
            isDone: isPresented, isNext: isOpen && isScanned && !isReading),
    ]
    let checker = line.checker ?? "a second person"
    steps.append(
        .init(
            title: "A second person looks at every page",
            words: line.stage == .presented
                ? "\(checker) is asked. Tell them; they find it on their home page."
                : line.stage == .open ? "You name them at the desk." : "\(checker) did.",
            link: nil, isDone: [.checked, .sealed].contains(line.stage), isNext: line.stage == .presented))
    steps.append(
        .init(
            title: "Seal the batch",
            words:
                "Each document gets its line in its pupil’s chronology. After that neither you nor \(checker) can open what was scanned.",
            link: nil, isDone: line.stage == .sealed, isNext: line.stage == .checked))
    return steps
}

private func movePaper(_ visit: Visit) throws -> Reply {
    let id: BatchID = try visit.id("batch")
    guard try visit.vault.paperBatch(id, as: visit.acting).isOwn else { throw Fault.vault(.notFound) }
    guard let state = PaperState(rawValue: visit.form["state"]) else { throw Fault.formUnreadable }
    try visit.vault.movePaper(of: id, to: state, words: visit.form["words"], as: visit.acting)
    return .redirect("/batches/\(id.text)")
}

// MARK: - Sheets

struct SheetsPage {
    struct Line {
        let number: Int
        let code: String
        let pupil: String
        let reference: String
        let category: String
        let categoryId: String
        let pages: String
    }
    let chrome: Chrome
    let path: String
    let csrf: String
    let lines: [Line]
    let isEmpty: Bool
    let pupil: FormInput
    let category: FormInput
    let pages: FormInput
    let folderPages: FormInput
    let printed: String?
    let printButton: String
}

/// The most pupils that are offered as a list; with more of them a reference is typed.
private let pupilsInList = 400

/// The pupil of a form: chosen from a list, or by reference where there are very many.
func pupilInput(_ visit: Visit, _ id: String, chosen: String, error: String?) throws -> FormInput {
    let choices = pupilChoices(try visit.vault.pupils(as: visit.acting), chosen: chosen)
    guard !choices.isEmpty else {
        return .line(
            id, "Pupil’s reference", Field(value: chosen, error: error), hint: "Such as P-7F3KQ.", size: "w10")
    }
    return .select(id, "Pupil", choices, error: error, none: "Choose")
}

/// Pupils to choose from, by name; none where there are too many to look through.
func pupilChoices(_ pupils: [Pupil], chosen: String = "") -> [Choice] {
    guard pupils.count <= pupilsInList else { return [] }
    return pupils.map {
        Choice(
            value: $0.reference, title: "\($0.name), born \($0.yearOfBirth), \($0.reference)",
            chosen: $0.reference == chosen)
    }
}

private func sheetsPage(_ visit: Visit, refusal: Refusal? = nil, printed: Bool = false) throws -> Reply {
    let id: BatchID = try visit.id("batch")
    let (acting, vault, words) = (try visit.acting, visit.vault, visit.words)
    let line = try vault.paperBatch(id, as: acting)
    let desk = try vault.desk(of: id, as: acting)
    let path = "/batches/\(id.text)"
    let said = refusal.map { "\($0.message) \($0.hint)" }
    func error(_ code: String) -> String? { refusal?.code == code ? said : nil }
    let field =
        ["sheets.pupil": "pupil", "sheets.category": "category", "sheets.none": "pupil"][refusal?.code ?? ""] ?? "pages"
    let pupils = Dictionary(
        uniqueKeysWithValues: try vault.pupils(as: acting).map { ($0.pupilFile, $0) })
    let separators = desk.sheets.filter { $0.code.kind == .separator }
    let end = desk.sheets.first { $0.code.kind == .end }?.pages
    return visit.page(
        .sheets,
        SheetsPage(
            chrome: visit.chrome(
                "Separator sheets", back: Link(href: path, text: "Batch \(line.batch.number)"),
                problems: said.map { [ProblemLink(href: "#" + field, text: $0)] } ?? []), path: path,
            csrf: visit.session?.csrf ?? "",
            lines: separators.enumerated().map { number, sheet in
                let pupil = sheet.pupilFile.flatMap { pupils[$0] }
                return .init(
                    number: number + 1, code: sheet.code.text,
                    pupil: pupil.map { "\($0.name), born \($0.yearOfBirth)" } ?? "", reference: pupil?.reference ?? "",
                    category: vault.policies.title(ofCategory: sheet.category), categoryId: sheet.category,
                    pages: sheet.pages.map { String($0) } ?? "")
            }, isEmpty: separators.isEmpty,
            pupil: try pupilInput(
                visit, "pupil", chosen: visit.form["pupil"], error: error("sheets.pupil") ?? error("sheets.none")),
            category: .select(
                "category", "What these papers are", categoryChoices(vault.policies, visit.form["category"]),
                error: error("sheets.category"), none: "Choose"),
            pages: .line(
                "pages", "Pages under this sheet",
                Field(value: refusal == nil ? "" : visit.form["pages"], error: error("sheets.pages")),
                hint: "Sides with something on them. Counting them is the best guard against a lost sheet.", size: "w6"),
            folderPages: .line(
                "folder-pages", "Pages in the whole folder (optional)",
                Field(value: (end ?? line.facts.pages).map { String($0) } ?? ""), size: "w6"),
            printed: line.sheets > 0 ? "\(path)/sheets.pdf" : nil,
            printButton: "Make \(words.count(separators.count + 2, "sheet"))"),
        status: refusal == nil ? .ok : .unprocessableContent)
}

private func changeSheets(_ visit: Visit) throws -> Reply {
    let id: BatchID = try visit.id("batch")
    let (acting, form) = (try visit.acting, visit.form)
    func count(_ name: String) -> Int? { trimmed(form[name]).isEmpty ? nil : Int(trimmed(form[name])) ?? 0 }
    do throws(VaultError) {
        switch form["do"] {
        case "add":
            try visit.vault.planSheet(
                in: id, pupil: form["pupil"], category: form["category"], pages: count("pages"), as: acting)
        case "remove":
            guard let code = SheetCode(text: form["sheet"]) else { throw VaultError.notFound }
            try visit.vault.dropSheet(code, in: id, as: acting)
        case "print": _ = try visit.vault.printSheets(of: id, pages: count("folder-pages"), as: acting)
        default: throw VaultError.notFound
        }
    } catch {
        guard case .refused(let refusal) = error, refusal.code.hasPrefix("sheets.") else { throw error }
        return try sheetsPage(visit, refusal: refusal)
    }
    return .redirect("/batches/\(id.text)/sheets" + (form["do"] == "print" ? "#printed" : ""))
}

/// The sheets as they were planned, as a PDF: each time the same bytes.
private func sheetsPDF(_ visit: Visit) throws -> Reply {
    let id: BatchID = try visit.id("batch")
    let (acting, vault) = (try visit.acting, visit.vault)
    let line = try vault.paperBatch(id, as: acting)
    guard line.sheets > 0 else { throw Fault.noSuchPage }
    let desk = try vault.desk(of: id, as: acting)
    let separators = desk.sheets.count { $0.code.kind == .separator }
    let pages = desk.sheets.first { $0.code.kind == .end }?.pages
    let sheets = try desk.sheets.map { sheet -> PrintedSheet in
        switch sheet.code.kind {
        case .cover: return PrintedSheet(sheet.code.id, .cover(separators: separators, pages: pages))
        case .end: return PrintedSheet(sheet.code.id, .end(pages: pages))
        case .separator:
            guard let file = sheet.pupilFile else { throw Fault.noSuchPage }
            let pupil = try vault.pupil(file, as: acting)
            return PrintedSheet(
                sheet.code.id,
                .separator(
                    initials: Initials(of: pupil.name), reference: pupil.reference,
                    category: vault.policies.title(ofCategory: sheet.category), pages: sheet.pages))
        }
    }
    return try .pdf(
        named: "sheets-batch-\(line.batch.number)",
        otherwise: Refusal(
            code: "sheets.not-made", message: "The sheets could not be made into a PDF.",
            hint: "Try again in a minute. Nothing of the batch was lost.")
    ) {
        let paper = try typeset(
            sheets, of: id, school: vault.policies.school.name, made: line.batch.opened.milliseconds / 1000,
            with: Typesetter(memoryMiB: vault.policies.limits.printMemoryMiB, seconds: 120))
        return try paper.withBytes { Array($0) }
    }
}

// MARK: - Scans

struct ScansPage {
    let chrome: Chrome
    let path: String
    let csrf: String
    let accepted: String
    let endings: String
    let sides: FormInput
    let filesError: String?
}

private func scansPage(_ visit: Visit, notTaken: [NotTaken] = [], none: Bool = false) throws -> Reply {
    let id: BatchID = try visit.id("batch")
    let line = try visit.vault.paperBatch(id, as: visit.acting)
    guard line.isOwn, line.stage == .open else { throw Fault.vault(.notFound) }
    var problems = notTaken.map {
        ProblemLink(href: "#files", text: "\(visible($0.filename)): \($0.refusal.message) \($0.refusal.hint)")
    }
    if none { problems.append(ProblemLink(href: "#files", text: "Select at least one scan")) }
    let types = visit.vault.policies.fileTypes.types.filter { Vault.isScan($0.mediaType) }
    return visit.page(
        .scans,
        ScansPage(
            chrome: visit.chrome(
                "Add scans", back: Link(href: "/batches/\(id.text)", text: "Batch \(line.batch.number)"),
                problems: problems), path: "/batches/\(id.text)", csrf: visit.session?.csrf ?? "",
            accepted: types.map { "\($0.title) up to \(visit.words.size($0.largestBytes))" }.joined(separator: "; "),
            endings: types.flatMap(\.extensions).map { "." + $0 }.joined(separator: ","),
            sides: .choice(
                "sides", "Which sides were scanned?",
                [
                    Choice(value: "both", title: "Both sides of each paper, front and back in turn", chosen: true),
                    Choice(value: "unknown", title: "One side of each, or the scanner leaves blank sides out"),
                ], error: nil),
            filesError: problems.isEmpty ? nil : problems.map(\.text).joined(separator: " ")),
        status: problems.isEmpty ? .ok : .unprocessableContent)
}

private func receiveScans(_ visit: Visit) async throws -> Reply {
    let id: BatchID = try visit.id("batch")
    let acting = try visit.acting
    guard try visit.vault.paperBatch(id, as: acting).isOwn else { throw Fault.vault(.notFound) }
    let intake = try await FileIntake.run(
        visit, fields: ["csrf", "sides"], mostFiles: 200,
        open: { (filename, type) throws(VaultError) in
            try visit.vault.beginStack(filename: filename, declaredType: type, as: acting)
        }
    ) { (received, form) throws(VaultError) in
        try visit.vault.addStack(received, sides: form["sides"] == "unknown" ? .unknown : .both, as: acting)
    }
    if !intake.notTaken.isEmpty { return try scansPage(visit, notTaken: intake.notTaken) }
    guard intake.held > 0 else { return try scansPage(visit, none: true) }
    return .redirect("/batches/\(id.text)")
}
