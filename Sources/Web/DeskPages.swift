import Custody
import HTTPTypes
import Hummingbird
import Records

// The checking desk: the operator sees every page of every scan where it was put, and puts it elsewhere; and the pages on which
// a second person sees the same, and says whether it is right. Both show one list, scan after scan.

let deskRoutes: [Route] = [
    Route(.get, "/batches/{batch}/desk", .file) { visit in try deskPage(visit) },
    Route(
        .post, "/batches/{batch}/desk", .file,
        body: .form(
            ["do", "stack", "first", "last", "piece", "pupil", "category", "reason", "sheet", "date"],
            perUpload: ["date", "summary", "signed", "date-reason"]), handle: changeDesk),
    Route(
        .post, "/batches/{batch}/present", .file, body: .form(["checker", "staff", "difference"]), handle: present),
    Route(.get, "/batches/{batch}/scans/{scan}/{page}", .file, query: ["width"], leadsToSignIn: false) { visit in
        .picture(
            try visit.vault.picture(
                ofStack: try visit.id("scan"), in: try visit.id("batch"), page: try visit.scanPage,
                width: try visit.thumbnailWidth, as: visit.acting))
    },
    Route(.get, "/checks", .seeRegister, handle: showChecks),
    Route(.get, "/checks/{check}", .seeRegister) { visit in try checkPage(visit) },
    Route(
        .post, "/checks/{check}", .seeRegister, body: .form(["answer", "looked", "note"], many: ["wrong"]),
        handle: answerCheck),
    Route(.get, "/checks/{check}/scans/{shown}/{page}", .seeRegister, query: ["width"], leadsToSignIn: false) { visit in
        .picture(
            try visit.vault.picture(
                ofStack: try visit.id("shown"), toCheck: try visit.id("check"), page: try visit.scanPage,
                width: try visit.thumbnailWidth, as: visit.acting))
    },
]

extension Visit {
    fileprivate var scanPage: Int {
        get throws(Fault) {
            guard let page = Int(try parameter("page")), page >= 1 else { throw .noSuchPage }
            return page
        }
    }

    fileprivate var thumbnailWidth: Int {
        get throws(Fault) { try number("width", in: 100...3000, otherwise: 160) }
    }
}

// MARK: - What both show

/// One page of a scan on the desk.
struct DeskThumb {
    let page: Int
    let picture: String
    let large: String
    /// `scan.4`: what a mark of this page says.
    let value: String
    let alternative: String
    let faults: String?
    let isBlank: Bool
    let isDoubted: Bool
    /// Whether the second person is to look at it.
    let isChosen: Bool
    /// Whether they marked it as wrong, where the page comes back.
    let isMarked: Bool
}

/// Pages that belong together.
struct DeskPart {
    let id: String
    let anchor: String
    let stack: String
    let pages: String
    /// The same in words: one page, or several.
    let named: String
    let count: String
    let thumbs: [DeskThumb]
    /// Of a piece, whose it is.
    let piece: Piece?
    /// In front of a person.
    let aside: Aside?
    /// Not filed.
    let left: Aside?

    struct Piece {
        let number: Int
        let pupil: String
        let born: String
        let reference: String
        let category: String
        let categoryTitle: String
        let expected: String
        let findings: [String]
        let codes: String
        let isQuestioned: Bool
        let isLooked: Bool
        let isEmpty: Bool
        let facts: String
        let date: Field
        let summary: Field
        let summaryHint: String
        let dateReason: Field?
        let signed: [Choice]
        let error: String?
    }

    struct Aside {
        let reason: String
        let words: String
        let isBlank: Bool
    }
}

/// One scan on the desk.
struct DeskScan {
    let id: String
    let name: String
    let facts: String
    let findings: [String]
    let parts: [DeskPart]
    /// The pieces that a page of it can be moved to.
    let targets: [Choice]
    /// Whose a new document can be; empty where there are so many that a reference is typed.
    let pupils: [Choice]
    let picksPupil: Bool
}

/// Makes what both pages show.
private struct DeskView {
    let desk: Desk
    let visit: Visit
    /// Where its pictures lie.
    let path: String
    let pupils: [PupilFileID: Pupil]
    var refusals: [UploadID: Refusal] = [:]
    /// Which pages the second person looks at; nil for all.
    var sample: [UploadID: Set<Int>]?
    /// The pages that the second person marked as wrong, where the page comes back.
    var marked: Set<String> = []

    init(_ desk: Desk, at path: String, _ visit: Visit) throws {
        self.desk = desk
        self.visit = visit
        self.path = path
        pupils = Dictionary(uniqueKeysWithValues: try visit.vault.pupils(as: visit.acting).map { ($0.pupilFile, $0) })
    }

    var policies: Policies { visit.vault.policies }

    func name(of code: SheetCode) -> String {
        switch code.kind {
        case .cover: return "the cover sheet"
        case .end: return "the end-of-folder sheet"
        case .separator:
            guard
                let number = desk.sheets.filter({ $0.code.kind == .separator }).firstIndex(where: { $0.code == code }),
                let sheet = desk.sheets.first(where: { $0.code == code }),
                let pupil = sheet.pupilFile.flatMap({ pupils[$0] })
            else { return "a sheet of another batch" }
            return
                "sheet \(number + 2), \(Initials(of: pupil.name).text) \(pupil.reference), \(policies.title(ofCategory: sheet.category))"
        }
    }

    func words(_ finding: PieceFinding) -> String {
        switch finding {
        case .empty: "Nothing lies under its sheet. Two sheets may have been pulled in together."
        case .count(let expected, let found):
            "\(visit.words.count(expected, "page")) expected, \(found) found."
        case .notCounted: "Nobody counted its pages."
        case .mayHoldPages(of: let code): "It may hold pages of another: \(name(of: code)) was not found."
        case .sheetRepeated: "Its sheet was found more than once."
        case .outOfOrder: "Its sheet does not lie where it was planned."
        case .sheetTurned(let turn):
            "Its sheet was \(turn == .upsideDown ? "upside down" : "on its side"); so its pages may be."
        case .sheetFaceDown: "Its sheet lay face down."
        case .writingOnSheet: "Something is written on the back of its sheet."
        }
    }

    func words(_ finding: StackFinding) -> String {
        switch finding {
        case .missing(let code): "Not found: \(name(of: code))."
        case .foreign: "A sheet in it was not printed for this batch."
        case .oddNumberOfSides: "The number of sides is odd, so that fronts and backs are not told apart."
        case .count(let expected, let found): "\(visit.words.count(expected, "page")) expected, \(found) found."
        }
    }

    func words(_ reason: UnclaimedReason) -> (code: String, words: String) {
        switch reason {
        case .beforeFirstSheet: ("before-first-sheet", "No sheet comes before these pages.")
        case .behindCover: ("behind-cover", "They lie between the cover and the first separator sheet.")
        case .behindEnd: ("behind-end", "They lie behind the end of the folder.")
        case .unreadCode: ("unread-code", "The first of them may be a sheet that could not be read.")
        case .conflictingCodes: ("conflicting-codes", "The codes of two sheets were read on one paper.")
        case .foreignSheet: ("foreign-sheet", "They follow a sheet that was not printed for this batch.")
        case .otherSideOfSheet: ("other-side", "It is the other side of a sheet, and something is on it.")
        case .takenBack: ("taken-back", "You put them here to decide again.")
        }
    }

    func code(_ finding: PieceFinding) -> String {
        switch finding {
        case .empty: "empty"
        case .count: "count"
        case .notCounted: "not-counted"
        case .mayHoldPages: "may-hold-pages"
        case .sheetRepeated: "sheet-repeated"
        case .outOfOrder: "out-of-order"
        case .sheetTurned: "sheet-turned"
        case .sheetFaceDown: "sheet-face-down"
        case .writingOnSheet: "writing-on-sheet"
        }
    }

    func scans() -> [DeskScan] {
        let choices = pupilChoices(
            Array(pupils.values).sorted { ($0.name, $0.dateOfBirth) < ($1.name, $1.dateOfBirth) })
        let numbers = Dictionary(uniqueKeysWithValues: desk.pieces.enumerated().map { ($1.id, $0 + 1) })
        return desk.stacks.map { stack in
            var parts: [(first: Int, part: DeskPart)] = []
            for piece in desk.pieces where piece.stack == stack.id {
                let pages = desk.pages(of: piece)
                let sheet = stack.fates.firstIndex { fate in piece.sheet.map { fate == .sheet($0) } ?? false }
                parts.append(
                    (pages.first ?? sheet.map { $0 + 2 } ?? 0, part(piece, pages, stack, numbers[piece.id] ?? 0)))
            }
            for run in stack.runs {
                switch run.fate {
                case .piece: break
                case .sheet(let code):
                    parts.append(
                        (
                            run.pages.lowerBound,
                            part(run.pages, stack, left: .init(reason: "sheet", words: name(of: code), isBlank: false))
                        ))
                case .leftOut(let reason):
                    parts.append(
                        (
                            run.pages.lowerBound,
                            part(
                                run.pages, stack,
                                left: .init(
                                    reason: reason.isEmpty ? "blank" : "left-out",
                                    words: reason.isEmpty ? "Blank, left out" : "Left out: \(reason)",
                                    isBlank: reason.isEmpty))
                        ))
                case .undecided(let reason):
                    let said = words(reason)
                    parts.append(
                        (
                            run.pages.lowerBound,
                            part(run.pages, stack, aside: .init(reason: said.code, words: said.words, isBlank: false))
                        ))
                }
            }
            return DeskScan(
                id: stack.id.text, name: visible(stack.name),
                facts: visit.words.facts(stack.mediaType, stack.count, stack.size, policies),
                findings: stack.findings.map(words), parts: parts.sorted { $0.first < $1.first }.map(\.part),
                targets: desk.pieces.filter { $0.stack == stack.id }.map { piece in
                    let pupil = pupils[piece.pupilFile]
                    return Choice(
                        value: piece.id.text,
                        title:
                            "\(numbers[piece.id] ?? 0): \(pupil.map { Initials(of: $0.name).text } ?? "") \(pupil?.reference ?? ""), \(policies.title(ofCategory: piece.category))"
                    )
                }, pupils: choices, picksPupil: !choices.isEmpty)
        }
    }

    private func thumbs(_ pages: [Int], _ stack: Desk.Stack) -> [DeskThumb] {
        let doubted = Set(desk.doubted)
        return pages.map { page in
            let quality = stack.pages[page - 1].quality
            let faults = quality.faults.filter { $0 != "blank" }.map(PageQuality.words(of:))
            let address = "\(path)/scans/\(stack.id.text)/\(page)"
            let value = "\(stack.id.text).\(page)"
            return DeskThumb(
                page: page, picture: address + "?width=160", large: address + "?width=1000", value: value,
                alternative: "Page \(page)", faults: faults.isEmpty ? nil : faults.joined(separator: ", "),
                isBlank: quality.isBlank, isDoubted: doubted.contains(value),
                isChosen: sample?[stack.id]?.contains(page) ?? true, isMarked: marked.contains(value))
        }
    }

    private func part(
        _ pages: ClosedRange<Int>, _ stack: Desk.Stack, aside: DeskPart.Aside? = nil, left: DeskPart.Aside? = nil
    ) -> DeskPart {
        let text = pages.count == 1 ? "\(pages.lowerBound)" : "\(pages.lowerBound)-\(pages.upperBound)"
        return DeskPart(
            id: "", anchor: "pages-\(stack.id.text)-\(pages.lowerBound)", stack: stack.id.text, pages: text,
            named: "\(pages.count == 1 ? "Page" : "Pages") \(text)", count: visit.words.count(pages.count, "page"),
            thumbs: thumbs(Array(pages), stack), piece: nil,
            aside: aside,
            left: left)
    }

    private func part(_ piece: Desk.Piece, _ pages: [Int], _ stack: Desk.Stack, _ number: Int) -> DeskPart {
        let findings = desk.findings(of: piece)
        let pupil = pupils[piece.pupilFile]
        let refusal = refusals[piece.id]
        let said = refusal.map { "\($0.message) \($0.hint)" }
        let isDate =
            refusal.map { $0.code.hasPrefix("date.") || $0.code.hasPrefix("desk.late") || $0.code == "meeting.date" }
            ?? false
        let isSummary = refusal?.code.hasPrefix("summary.") ?? false
        let isLate = refusal?.code == "desk.late-paper" || !piece.dateReason.isEmpty
        let date = piece.date.isEmpty ? "no date yet" : visit.words.date(piece.date)
        let summary = piece.summary.isEmpty ? visit.vault.proposedSummary(of: piece, desk) : piece.summary
        return DeskPart(
            id: piece.id.text, anchor: "piece-\(piece.id.text)", stack: stack.id.text, pages: Vault.pageRanges(pages),
            named: "", count: visit.words.count(pages.count, "page"), thumbs: thumbs(pages, stack),
            piece: .init(
                number: number, pupil: pupil?.name ?? "", born: pupil?.yearOfBirth ?? "",
                reference: pupil?.reference ?? "", category: piece.category,
                categoryTitle: policies.title(ofCategory: piece.category),
                expected: piece.expected.map { "\(desk.written(in: piece)) of \($0) expected" }
                    ?? "\(desk.written(in: piece)) with something on them",
                findings: findings.filter { $0 != .notCounted }.map(words).reduce(into: []) { said, one in
                    if !said.contains(one) { said.append(one) }
                },
                codes: findings.map(code).joined(separator: " "), isQuestioned: desk.isQuestioned(piece),
                isLooked: piece.isLooked, isEmpty: pages.isEmpty, facts: "\(date) · \(summary)",
                date: Field(value: piece.date, error: isDate ? said : nil),
                summary: Field(value: piece.summary, error: isSummary ? said : nil),
                summaryHint: visit.vault.proposedSummary(of: piece, desk),
                dateReason: isLate ? Field(value: piece.dateReason) : nil, signed: signedChoices(piece.signed),
                error: isDate || isSummary ? nil : said), aside: nil, left: nil)
    }
}

// MARK: - The operator

struct DeskPageContents {
    struct Missing {
        let code: String
        let words: String
    }
    struct Problem {
        let code: String
        let href: String
        let text: String
    }
    let chrome: Chrome
    let title: String
    let path: String
    let csrf: String
    let balance: String
    let expected: String
    let answer: String?
    /// Which pages the second person marked.
    let marked: String?
    let missing: [Missing]
    let hasMissing: Bool
    let problems: [Problem]
    let hasProblems: Bool
    let scans: [DeskScan]
    let canUndo: Bool
    let category: FormInput
    let isReady: Bool
    let checkers: FormInput
    let difference: FormInput?
    let staffError: String?
}

private func deskPage(
    _ visit: Visit, refusal: Refusal? = nil, pieces refused: [UploadID: Refusal] = [:]
) throws -> Reply {
    let id: BatchID = try visit.id("batch")
    let (acting, vault, words) = (try visit.acting, visit.vault, visit.words)
    let line = try vault.paperBatch(id, as: acting)
    guard line.isOwn else { throw Fault.vault(.notFound) }
    guard line.stage == .open else { return .redirect("/batches/\(id.text)") }
    let desk = try vault.desk(of: id, as: acting)
    guard desk.stacks.allSatisfy(\.isRead), !desk.stacks.isEmpty else { return .redirect("/batches/\(id.text)") }
    let path = "/batches/\(id.text)"
    var view = try DeskView(desk, at: path, visit)
    let (problems, pieces) = try vault.problems(of: id, desk, as: acting)
    view.refusals = Dictionary(pieces.map { ($0.piece, $0.refusal) }, uniquingKeysWith: { first, _ in first })
        .merging(refused) { $1 }
    let said = refusal.map { "\($0.message) \($0.hint)" }
    let balance = desk.balance
    let counted = problems.contains { [.documentCount, .pageCount].contains($0.what) } || !desk.difference.isEmpty
    let expected = [
        line.facts.documents.map { "\(words.count(desk.pieces.count, "document")) of \($0) expected" }
            ?? words.count(desk.pieces.count, "document"),
        line.facts.pages.map { "\(words.count(desk.writtenPages, "page")) with something on them, of \($0) expected" }
            ?? "\(words.count(desk.writtenPages, "page")) with something on them",
    ].joined(separator: "; ")
    let blocking = problems.filter { ![.documentCount, .pageCount].contains($0.what) }
    let field = ["check.who": "checker", "desk.staff": "staff-no", "desk.difference": "difference"][refusal?.code ?? ""]
    return visit.page(
        .desk,
        DeskPageContents(
            chrome: visit.chrome(
                "Checking desk, batch \(line.batch.number)", back: Link(href: path, text: "Batch \(line.batch.number)"),
                wide: true, problems: said.map { [ProblemLink(href: "#" + (field ?? "main"), text: $0)] } ?? []),
            title: "Checking desk", path: path, csrf: visit.session?.csrf ?? "",
            balance:
                "\(words.count(balance.all, "page")) scanned: \(balance.filed) in documents, \(balance.sheets) on sheets, \(balance.leftOut) left out, \(balance.undecided) to decide.",
            expected: expected,
            answer: desk.answer.isEmpty && desk.doubted.isEmpty
                ? nil : desk.answer.isEmpty ? "Nothing beside the pages that are marked." : desk.answer,
            marked: marked(in: desk),
            missing: desk.missing.filter { $0.kind == .separator }.map {
                .init(code: $0.text, words: view.name(of: $0))
            },
            hasMissing: desk.missing.contains { $0.kind == .separator },
            problems: (problems.map { problem($0, view) }
                + pieces.map {
                    .init(
                        code: "refused", href: "#piece-\($0.piece.text)",
                        text: "\($0.refusal.message) \($0.refusal.hint)")
                }), hasProblems: !problems.isEmpty || !pieces.isEmpty, scans: view.scans(), canUndo: desk.canUndo,
            category: .select(
                "category", "What it is", categoryChoices(vault.policies, ""), error: nil, none: "Choose"),
            isReady: blocking.isEmpty && pieces.isEmpty,
            checkers: .select(
                "checker", "Who looks at its pages?",
                try vault.checkers(as: acting).map { Choice(value: $0.id.text, title: $0.name) },
                error: refusal?.code == "check.who" ? said : nil, none: "Choose"),
            difference: counted
                ? .line(
                    "difference", "The counts are not as expected: why?",
                    Field(
                        value: desk.difference,
                        error: refusal?.code == "desk.difference" || refusal?.code == "desk.not-ready" ? said : nil))
                : nil,
            staffError: refusal?.code == "desk.staff" ? said : nil),
        status: refusal == nil && refused.isEmpty ? .ok : .unprocessableContent)
}

/// The pages that the second person marked, scan by scan.
private func marked(in desk: Desk) -> String? {
    let named = Set(desk.doubted)
    let scans = desk.stacks.compactMap { stack -> String? in
        let pages = (0..<stack.count).map { $0 + 1 }.filter { named.contains("\(stack.id.text).\($0)") }
        guard !pages.isEmpty else { return nil }
        return "\(pages.count == 1 ? "page" : "pages") \(Vault.pageRanges(pages)) of \(visible(stack.name))"
    }
    return scans.isEmpty ? nil : "Marked as wrong: \(scans.joined(separator: "; "))."
}

private func problem(_ problem: DeskProblem, _ view: DeskView) -> DeskPageContents.Problem {
    let piece = problem.piece.map { "#piece-\($0.text)" } ?? ""
    let number = problem.piece.flatMap { id in view.desk.pieces.firstIndex { $0.id == id } }.map { $0 + 1 } ?? 0
    let (href, text): (String, String) =
        switch problem.what {
        case .nothingScanned: ("#main", "Nothing is scanned yet.")
        case .notRead: ("#main", "A scan is still being read.")
        case .undecided:
            (
                "#pages-\(problem.stack?.text ?? "")-\(problem.pages?.lowerBound ?? 1)",
                "Decide whose pages \(problem.pages.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound) to \($0.upperBound)" } ?? "") are."
            )
        case .missingSheet: ("#missing", "Say whether \(problem.sheet.map(view.name) ?? "") is really not there.")
        case .emptyPiece: (piece, "Document \(number) has no pages. Give it some, or remove it.")
        case .questioned: (piece, "Look at document \(number) and say that it is right.")
        case .noDate: (piece, "Document \(number) has no date.")
        case .latePaper: (piece, "Document \(number) is dated from March 2018 on: say why it is among the archive.")
        case .documentCount: ("#difference", "The number of documents is not as expected.")
        case .pageCount: ("#difference", "The number of pages is not as expected.")
        }
    return .init(code: problem.what.rawValue, href: href, text: text)
}

private func changeDesk(_ visit: Visit) throws -> Reply {
    let id: BatchID = try visit.id("batch")
    let (acting, form, vault) = (try visit.acting, visit.form, visit.vault)
    var anchor = ""
    let desk = try vault.desk(of: id, as: acting)
    if form["do"] == "save" {
        let common = trimmed(form["date"])
        let given = desk.pieces.map { piece in
            func value(_ name: String, _ kept: String) -> String {
                let field = "\(name).\(piece.id.text)"
                return form.fields.contains { $0.name == field } ? form[field] : kept
            }
            let date = trimmed(value("date", piece.date))
            return (
                piece: piece.id, date: date.isEmpty ? common : date, summary: value("summary", piece.summary),
                signed: value("signed", piece.signed), dateReason: value("date-reason", piece.dateReason)
            )
        }
        let refusals = try vault.describe(given, in: id, as: acting)
        if !refusals.isEmpty { return try deskPage(visit, pieces: refusals) }
        return .redirect("/batches/\(id.text)/desk")
    }
    do {
        let step = try step(form, vault)
        try vault.take(step, in: id, as: acting)
        if case .looked(let piece) = step { anchor = "#piece-\(piece.text)" }
        if let stack = UploadID(text: form["stack"]), let first = Int(trimmed(form["first"])) {
            anchor = "#pages-\(stack.text)-\(first)"
        }
    } catch {
        let refusal =
            (error as? Refusal)
            ?? (error as? VaultError).flatMap { if case .refused(let refusal) = $0 { refusal } else { nil } }
        guard let refusal, refusal.code.hasPrefix("desk.") || refusal.code.hasPrefix("sheets.") else { throw error }
        return try deskPage(visit, refusal: refusal)
    }
    return .redirect("/batches/\(id.text)/desk\(anchor)")
}

private func step(_ form: Form, _ vault: Vault) throws -> Desk.Step {
    func upload(_ name: String) throws -> UploadID {
        guard let id = UploadID(text: form[name]) else { throw Refusal.deskChooseDocument }
        return id
    }
    func pages() throws -> ClosedRange<Int> {
        guard let first = Int(trimmed(form["first"])),
            let last = trimmed(form["last"]).isEmpty ? first : Int(trimmed(form["last"])), first >= 1, first <= last
        else { throw Refusal.deskWhichPages }
        return first...last
    }
    switch form["do"] {
    case "move": return .move(try upload("stack"), try pages(), to: try upload("piece"))
    case "start":
        guard let pupil = vault.pupilFile(ofReference: form["pupil"]) else { throw Refusal.deskChoosePupil }
        return .start(try upload("stack"), try pages(), pupilFile: pupil, category: form["category"])
    case "leave": return .leave(try upload("stack"), try pages(), reason: form["reason"])
    case "back": return .back(try upload("stack"), try pages())
    case "remove": return .remove(try upload("piece"))
    case "looked": return .looked(try upload("piece"))
    case "absent":
        guard let code = SheetCode(text: form["sheet"]) else { throw Fault.formUnreadable }
        return .absent(code)
    case "undo": return .undo
    default: throw Fault.formUnreadable
    }
}

extension Refusal {
    fileprivate static let deskChooseDocument = Refusal(
        code: "desk.which-document", message: "It is not said which document they belong to.",
        hint: "Choose one of the list, or make a new document of them.")
    fileprivate static let deskWhichPages = Refusal(
        code: "desk.which-pages", message: "It is not said which pages are meant.",
        hint: "Give the first and the last, as they are numbered below the pictures.")
    fileprivate static let deskChoosePupil = Refusal(
        code: "desk.which-pupil", message: "It is not said whose pages they are.", hint: "Choose the pupil.")
}

private func present(_ visit: Visit) throws -> Reply {
    let id: BatchID = try visit.id("batch")
    let (acting, form) = (try visit.acting, visit.form)
    do throws(VaultError) {
        try visit.vault.present(
            id, to: PersonID(text: form["checker"]), difference: form["difference"],
            isAboutNoStaff: form["staff"] == "no", as: acting)
    } catch {
        guard case .refused(let refusal) = error,
            refusal.code.hasPrefix("desk.") || refusal.code.hasPrefix("check.") || refusal.code.hasPrefix("summary.")
                || refusal.code.hasPrefix("date.") || refusal.code.hasPrefix("meeting.")
        else { throw error }
        return try deskPage(visit, refusal: refusal)
    }
    return .redirect("/batches/\(id.text)")
}

// MARK: - The second person

struct ChecksPage {
    struct Line {
        let href: String
        let title: String
        let facts: String
    }
    let chrome: Chrome
    let lines: [Line]
    let isEmpty: Bool
    let done: String?
}

private func showChecks(_ visit: Visit) throws -> Reply {
    let words = visit.words
    let lines = try visit.vault.checks(as: visit.acting)
    return visit.page(
        .checks,
        ChecksPage(
            chrome: visit.chrome("Batches to check", back: Link(href: "/", text: "Home")),
            lines: lines.map { line in
                .init(
                    href: "/checks/\(line.batch.id.text)", title: "Batch \(line.batch.number)",
                    facts: "\(words.count(Int(line.pages ?? 0), "page")), \(line.operator), \(line.facts.place)")
            }, isEmpty: lines.isEmpty, done: nil))
}

struct CheckingPage {
    let chrome: Chrome
    let title: String
    let facts: String
    let path: String
    let csrf: String
    let balance: String
    let pages: Int
    let pagesWords: String
    /// How many of how many pages are looked at, where not all are.
    let sample: String?
    let scans: [DeskScan]
    let looked: String?
    let note: FormInput
    let differences: String?
}

private func checkPage(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let id: BatchID = try visit.id("check")
    let (acting, vault, words) = (try visit.acting, visit.vault, visit.words)
    let desk = try vault.plan(of: id, as: acting)
    let line = try vault.paperBatch(id, as: acting)
    let path = "/checks/\(id.text)"
    var view = try DeskView(desk, at: path, visit)
    let sample = try vault.sample(of: id, as: acting)
    view.sample = sample
    view.marked = Set(visit.form.all("wrong"))
    let wanted = sample.values.reduce(0) { $0 + $1.count }
    let said = refusal.map { "\($0.message) \($0.hint)" }
    let balance = desk.balance
    return visit.page(
        .checking,
        CheckingPage(
            chrome: visit.chrome(
                "Check batch \(line.batch.number)", back: Link(href: "/checks", text: "Batches to check"), wide: true,
                problems: said.map {
                    [ProblemLink(href: refusal?.code == "check.looked" ? "#looked" : "#note", text: $0)]
                } ?? []),
            title: "Batch \(line.batch.number)",
            facts: "\(line.facts.place). Scanned by \(line.operator).", path: path, csrf: visit.session?.csrf ?? "",
            balance:
                "\(words.count(balance.all, "page")): \(balance.filed) in \(words.count(desk.pieces.count, "document")), \(balance.sheets) on sheets, \(balance.leftOut) left out.",
            pages: wanted, pagesWords: words.count(wanted, "page"),
            sample: wanted < balance.all
                ? "Look at the \(words.count(wanted, "page")) with a thick frame, of \(balance.all). The vault chose them: the first and last of each document, what is hard to read, and others by lot."
                : nil, scans: view.scans(),
            looked: refusal?.code == "check.looked" ? said : nil,
            note: .text(
                "note", "What is wrong? (if anything is)",
                Field(value: visit.form["note"], error: refusal?.code == "check.note" ? said : nil),
                hint: "In up to 500 characters. Only \(line.operator) reads it.", rows: 3),
            differences: desk.difference.isEmpty ? nil : desk.difference),
        status: refusal == nil ? .ok : .unprocessableContent)
}

extension Refusal {
    fileprivate static let checkMarked = Refusal(
        code: "check.marked", message: "Pages are marked as wrong.",
        hint:
            "Send the batch back and say what is wrong with them; or take the marks away, if they are right after all.")
}

private func answerCheck(_ visit: Visit) throws -> Reply {
    let id: BatchID = try visit.id("check")
    let (acting, form, vault) = (try visit.acting, visit.form, visit.vault)
    do throws(VaultError) {
        switch form["answer"] {
        case "right":
            guard form.all("wrong").isEmpty else { throw VaultError.refused(.checkMarked) }
            let all = try vault.sample(of: id, as: acting).values.reduce(0) { $0 + $1.count }
            try vault.confirmPlan(of: id, looked: form["looked"] == "all" ? all : 0, as: acting)
        default: try vault.doubtPlan(of: id, note: form["note"], pages: form.all("wrong"), as: acting)
        }
    } catch {
        guard case .refused(let refusal) = error, refusal.code.hasPrefix("check.") else { throw error }
        return try checkPage(visit, refusal: refusal)
    }
    return .redirect("/checks")
}
