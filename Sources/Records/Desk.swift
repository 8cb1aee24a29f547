public import Sealing

// The desk: where every page of a batch's scans belongs, and what its operator did about it (S-05). Pure: what was read in the
// pages comes in, and each page is in exactly one place: in a piece, which becomes one document; among the sheets; left out,
// with a reason; or in front of a person, where nobody has decided. Nothing can be presented to a second person while a page
// is there.

/// A page of a scan: what was read in it, and how good it is.
public struct DeskPage: Codable, Hashable, Sendable {
    /// What splitting needs.
    public var scanned: ScannedPage
    /// How good it is.
    public var quality: PageQuality
    /// What its first lines say, where it begins a piece and they were read; empty where they cannot be read well.
    public internal(set) var words: String?

    /// A page.
    public init(scanned: ScannedPage, quality: PageQuality) {
        self.scanned = scanned
        self.quality = quality
    }
}

/// How good a page is (S-07). It is kept with the document that the page becomes part of.
public struct PageQuality: Codable, Hashable, Sendable {
    /// Dots an inch, the coarser of both directions; nil where the file does not say.
    public var dpi: Int?
    /// Tenths of a degree, clockwise; nil where there are no lines.
    public var skew: Int?
    /// Nothing is on it.
    public var isBlank: Bool
    /// Lines run over an edge.
    public var isCutOff: Bool
    /// The paper is so dark, or the ink so faint, that it is hard to read.
    public var isDark: Bool
    /// It could not be drawn, so that nothing is known of it.
    public var isUnknown: Bool

    /// A page's quality.
    public init(
        dpi: Int? = nil, skew: Int? = nil, isBlank: Bool = false, isCutOff: Bool = false, isDark: Bool = false,
        isUnknown: Bool = false
    ) {
        self.dpi = dpi
        self.skew = skew
        self.isBlank = isBlank
        self.isCutOff = isCutOff
        self.isDark = isDark
        self.isUnknown = isUnknown
    }

    /// Below this it is hard to read, and text recognition fails: 150 dots an inch.
    public static let leastDPI = 150
    /// From here on people see that a page is askew: three degrees, in tenths.
    public static let mostSkew = 30

    /// What is amiss, in words that are kept: `coarse`, `skewed`, `blank`, `cut-off`, `dark`, `not-seen`.
    public var faults: [String] {
        var faults: [String] = []
        if isUnknown { faults.append("not-seen") }
        if isBlank { faults.append("blank") }
        if let dpi, dpi < Self.leastDPI { faults.append("coarse") }
        if let skew, abs(skew) >= Self.mostSkew { faults.append("skewed") }
        if isCutOff { faults.append("cut-off") }
        if isDark { faults.append("dark") }
        return faults
    }

    /// A fault for people.
    public static func words(of fault: String) -> String {
        switch fault {
        case "not-seen": "could not be drawn"
        case "coarse": "low resolution"
        case "skewed": "askew"
        case "cut-off": "cut off at an edge"
        case "dark": "too dark or too faint"
        default: fault
        }
    }

    /// The quality of a document's pages, a line for each, as it is kept with the document: `Page 2 (200 dpi): askew`.
    public static func words(of pages: [PageQuality]) -> String {
        pages.enumerated().map { place, page in
            let faults = page.faults.isEmpty ? nothingAmiss : page.faults.map(words(of:)).joined(separator: ", ")
            return "Page \(place + 1)\(page.dpi.map { " (\($0) dpi)" } ?? ""): \(faults)"
        }.joined(separator: "\n")
    }

    /// The lines of such words that tell of a fault.
    public static func faulty(in words: String) -> [String] {
        words.split(separator: "\n").map(String.init).filter { !$0.hasSuffix(": " + nothingAmiss) }
    }

    private static let nothingAmiss = "nothing amiss"
}

/// A sheet that was planned for a batch: what its code stands for.
public struct DeskSheet: Codable, Hashable, Sendable {
    /// The code.
    public let code: SheetCode
    /// Whose pages follow; nil for cover and end.
    public let pupilFile: PupilFileID?
    /// Which category they are of; empty for cover and end.
    public let category: String
    /// How many sides with something on them are expected behind it, or of an end in the whole folder.
    public var pages: Int?

    /// A sheet.
    public init(code: SheetCode, pupilFile: PupilFileID? = nil, category: String = "", pages: Int? = nil) {
        self.code = code
        self.pupilFile = pupilFile
        self.category = category
        self.pages = pages
    }
}

/// Where a page belongs.
public enum PageFate: Codable, Hashable, Sendable {
    /// In this piece.
    case piece(UploadID)
    /// It is a sheet's paper.
    case sheet(SheetCode)
    /// It is not filed, and why: the operator's words, or empty for a blank one.
    case leftOut(String)
    /// In front of a person.
    case undecided(UnclaimedReason)
}

/// The desk of one batch.
public struct Desk: Codable, Hashable, Sendable {
    /// A scan as it came.
    public struct Stack: Codable, Hashable, Sendable {
        /// The upload it was.
        public let id: UploadID
        /// The file's own name.
        public let name: String
        /// Which sides were scanned.
        public let sides: ScannedSides
        /// Which scanner, and how it was set.
        public let scanner: String
        /// SHA-256 of its bytes, hex.
        public let sha256: String
        /// The type found.
        public let mediaType: String
        /// Bytes.
        public let size: UInt64
        /// How many pages it has, by the inspection.
        public let count: Int
        /// What was read in each; empty until that was done.
        public internal(set) var pages: [DeskPage] = []
        /// Where each belongs, beside `pages`.
        public internal(set) var fates: [PageFate] = []
        /// What is amiss with the whole.
        public internal(set) var findings: [StackFinding] = []

        /// A scan that just came.
        public init(
            id: UploadID, name: String, sides: ScannedSides, scanner: String, sha256: String, mediaType: String,
            size: UInt64, count: Int
        ) {
            self.id = id
            self.name = name
            self.sides = sides
            self.scanner = scanner
            self.sha256 = sha256
            self.mediaType = mediaType
            self.size = size
            self.count = count
        }

        /// Whether its pages were read.
        public var isRead: Bool { pages.count == count }

        /// Its pages in order, counted from 1, in runs that belong to the same place.
        public var runs: [(fate: PageFate, pages: ClosedRange<Int>)] {
            var runs: [(fate: PageFate, pages: ClosedRange<Int>)] = []
            for (index, fate) in fates.enumerated() {
                if let last = runs.last, last.fate == fate {
                    runs[runs.count - 1].pages = last.pages.lowerBound...index + 1
                } else {
                    runs.append((fate, index + 1...index + 1))
                }
            }
            return runs
        }
    }

    /// What becomes one document.
    public struct Piece: Codable, Hashable, Sendable {
        /// The upload that it becomes.
        public let id: UploadID
        /// The scan that it is taken from.
        public let stack: UploadID
        /// Whose it is.
        public let pupilFile: PupilFileID
        /// Which category it is of.
        public var category: String
        /// The sheet that says so; nil where a person did.
        public let sheet: SheetCode?
        /// How many sides with something on them its sheet tells to expect.
        public let expected: Int?
        /// What was found when it was split, counts and missing sheets apart.
        public internal(set) var found: [PieceFinding]
        /// Whether the operator looked at it and said that it is right, as it is now.
        public internal(set) var isLooked = false
        /// Its own date, as it was typed; empty until then.
        public var date = ""
        /// What it is; empty for what is proposed.
        public var summary = ""
        /// `yes`, `no` or `unknown`.
        public var signed = "unknown"
        /// Why paper of this date is among the archive's.
        public var dateReason = ""

        /// The same with what was said of another: its date, summary, signature and reason.
        fileprivate func described(as other: Piece) -> Piece {
            var piece = self
            (piece.date, piece.summary, piece.signed, piece.dateReason) =
                (other.date, other.summary, other.signed, other.dateReason)
            return piece
        }
    }

    /// What can be undone.
    struct Moment: Codable, Hashable, Sendable {
        let stacks: [UploadID: [PageFate]]
        let pieces: [Piece]
        let absent: Set<SheetCode>
    }

    /// The sheets that were printed for it, in the order in which they are to lie.
    public internal(set) var sheets: [DeskSheet] = []
    /// The scans, in the order in which they came.
    public internal(set) var stacks: [Stack] = []
    /// The pieces, in the order of the scans.
    public internal(set) var pieces: [Piece] = []
    /// Printed sheets of which the operator says that they are not there and need not be.
    public internal(set) var absent: Set<SheetCode> = []
    /// What the second person wrote when something was wrong, and the pages they meant; empty until then.
    public internal(set) var answer = ""
    /// These pages: an upload's text, a dot, a number.
    public internal(set) var doubted: [String] = []
    /// Why counts differ from what was expected.
    public internal(set) var difference = ""
    var before: [Moment] = []

    /// Nothing yet.
    public init() {}

    private static let mostUndone = 12

    // MARK: - Looking

    /// A scan.
    public func stack(_ id: UploadID) -> Stack? { stacks.first { $0.id == id } }
    /// A piece.
    public func piece(_ id: UploadID) -> Piece? { pieces.first { $0.id == id } }
    /// Whether something can be undone.
    public var canUndo: Bool { !before.isEmpty }

    /// The pages of a piece, counted from 1, ascending.
    public func pages(of piece: Piece) -> [Int] {
        (stack(piece.stack)?.fates ?? []).indices.filter { stack(piece.stack)?.fates[$0] == .piece(piece.id) }
            .map { $0 + 1 }
    }

    /// The same without what can be undone, for somebody else to see.
    public var shown: Desk {
        var shown = self
        shown.before = []
        return shown
    }

    /// How many of a piece's pages have something on them.
    public func written(in piece: Piece) -> Int {
        guard let stack = stack(piece.stack) else { return 0 }
        return pages(of: piece).count { !stack.pages[$0 - 1].scanned.isBlank }
    }

    /// The first page of a piece that has something on it.
    private func first(of piece: Piece) -> Int? {
        guard let stack = stack(piece.stack) else { return nil }
        return pages(of: piece).first { !stack.pages[$0 - 1].scanned.isBlank }
    }

    /// What a piece's first lines say; empty where they were not read, or cannot be read well.
    public func words(of piece: Piece) -> String {
        first(of: piece).flatMap { stack(piece.stack)?.pages[$0 - 1].words } ?? ""
    }

    /// The next page of a scan, counted from 1, that begins a piece and whose lines were not read yet; nil where there is none.
    public func pageToRead(of id: UploadID) -> Int? {
        pieces.lazy.filter { $0.stack == id }.compactMap { first(of: $0) }.first {
            stack(id)?.pages[$0 - 1].words == nil
        }
    }

    /// Every page of every scan: how many there are in all, and how many belong where.
    public var balance: (all: Int, filed: Int, sheets: Int, leftOut: Int, undecided: Int) {
        var sums = (all: 0, filed: 0, sheets: 0, leftOut: 0, undecided: 0)
        for fate in stacks.flatMap(\.fates) {
            sums.all += 1
            switch fate {
            case .piece: sums.filed += 1
            case .sheet: sums.sheets += 1
            case .leftOut: sums.leftOut += 1
            case .undecided: sums.undecided += 1
            }
        }
        return sums
    }

    /// The pages of a plan that a second person looks at: of each scan, its pages' numbers from 1.
    ///
    /// Below 100 per cent they are the first and the last page of every document, what is not filed and not blank, what is hard
    /// to read, all of a document that was questioned, and of the others as many as are missing, in the order of SHA-256 over seed, upload and number:
    /// so that nobody chooses them, and anybody can tell again which they were.
    /// - Parameters:
    ///   - percent: of all pages, 1 to 100, rounded up.
    ///   - seed: the plan's digest.
    public func sample(percent: Int, seed: Digest) -> [UploadID: Set<Int>] {
        guard percent < 100 else { return Dictionary(uniqueKeysWithValues: stacks.map { ($0.id, Set(1...$0.count)) }) }
        var chosen: [UploadID: Set<Int>] = [:]
        for piece in pieces {
            let pages = pages(of: piece)
            let wanted = findings(of: piece).isEmpty ? [pages.first, pages.last].compactMap { $0 } : pages
            chosen[piece.stack, default: []].formUnion(wanted)
        }
        var others: [(order: [UInt8], stack: UploadID, page: Int)] = []
        for stack in stacks {
            for (place, (page, fate)) in zip(stack.pages, stack.fates).enumerated() {
                let number = place + 1
                guard chosen[stack.id]?.contains(number) != true else { continue }
                let isHard = page.quality.faults.contains { $0 != "blank" }
                if case .leftOut = fate, !page.scanned.isBlank {
                    chosen[stack.id, default: []].insert(number)
                } else if isHard {
                    chosen[stack.id, default: []].insert(number)
                } else {
                    let lot = seed.bytes + stack.id.bytes + Array(String(number).utf8)
                    others.append((sha256(lot).bytes, stack.id, number))
                }
            }
        }
        let left = (balance.all * percent + 99) / 100 - chosen.values.reduce(0) { $0 + $1.count }
        others.sort { $0.order.lexicographicallyPrecedes($1.order) }
        for other in others.prefix(max(left, 0)) { chosen[other.stack, default: []].insert(other.page) }
        return chosen
    }

    /// How many sides with something on them were scanned, sheets not counted.
    public var writtenPages: Int {
        stacks.reduce(0) { sum, stack in
            sum
                + zip(stack.pages, stack.fates).count { page, fate in
                    if case .sheet = fate { false } else { !page.scanned.isBlank }
                }
        }
    }

    /// The printed sheets that were found in no scan.
    public var missing: [SheetCode] {
        guard stacks.contains(where: \.isRead) else { return [] }
        let found = foundSheets
        return sheets.map(\.code).filter { !found.contains($0) && !absent.contains($0) }
    }

    private var foundSheets: Set<SheetCode> {
        stacks.flatMap(\.fates).reduce(into: []) { if case .sheet(let code) = $1 { $0.insert(code) } }
    }

    /// What a person has to look at in a piece, as it is now.
    public func findings(of piece: Piece) -> [PieceFinding] {
        var findings = piece.found
        let written = written(in: piece)
        if pages(of: piece).isEmpty { findings.append(.empty) }
        if let expected = piece.expected {
            if expected != written { findings.append(.count(expected: expected, found: written)) }
        } else if piece.sheet != nil {
            findings.append(.notCounted)
        }
        guard let sheet = piece.sheet else { return findings }
        if pieces.count(where: { $0.sheet == sheet }) > 1, !findings.contains(.sheetRepeated) {
            findings.append(.sheetRepeated)
        }
        // A missing sheet's pages follow those of the last one before it that is there.
        let found = foundSheets
        var last: SheetCode?
        for code in sheets.map(\.code) {
            if found.contains(code) {
                last = code
            } else if last == sheet, !absent.contains(code), code.kind != .cover {
                findings.append(.mayHoldPages(of: code))
            }
        }
        return findings
    }

    /// Whether the operator has to say of a piece that it is right.
    public func isQuestioned(_ piece: Piece) -> Bool {
        !piece.isLooked && findings(of: piece).contains { $0 != .notCounted }
    }

    // MARK: - What comes in

    /// Takes sheets that were planned; the cover stays first and the end last.
    public mutating func plan(_ sheets: [DeskSheet]) { self.sheets = sheets }

    /// Takes a scan.
    public mutating func add(_ stack: Stack) { stacks.append(stack) }

    /// Takes a scan away, with its pieces.
    public mutating func drop(_ stack: UploadID) {
        stacks.removeAll { $0.id == stack }
        pieces.removeAll { $0.stack == stack }
        before = []
    }

    /// Takes what was read in a scan's pages, and splits it.
    ///
    /// - Parameter name: makes the id of each piece.
    public mutating func read(_ id: UploadID, _ pages: [DeskPage], naming name: () -> UploadID = { .random() }) {
        guard let index = stacks.firstIndex(where: { $0.id == id }), pages.count == stacks[index].count else { return }
        let plan = sheets.map { PlannedSheet($0.code, pages: $0.pages) }
        let result = split(pages.map(\.scanned), of: id, sides: stacks[index].sides, plan: plan)
        var fates = [PageFate](repeating: .undecided(.beforeFirstSheet), count: pages.count)
        for sheet in result.sheets { for page in sheet.pages { fates[page - 1] = .sheet(sheet.sheet) } }
        for run in result.unclaimed { for page in run.pages { fates[page - 1] = .undecided(run.reason) } }
        pieces.removeAll { $0.stack == id }
        for piece in result.pieces {
            guard let sheet = sheets.first(where: { $0.code == piece.sheet }), let pupilFile = sheet.pupilFile else {
                continue
            }
            let new = Piece(
                id: name(), stack: id, pupilFile: pupilFile, category: sheet.category, sheet: piece.sheet,
                expected: sheet.pages,
                found: piece.findings.filter { finding in
                    switch finding {
                    case .empty, .count, .notCounted, .mayHoldPages, .sheetRepeated: false
                    case .outOfOrder, .sheetTurned, .sheetFaceDown, .writingOnSheet: true
                    }
                })
            for page in piece.pages { fates[page - 1] = .piece(new.id) }
            pieces.append(new)
        }
        stacks[index].pages = pages
        stacks[index].fates = fates
        stacks[index].findings = result.findings.filter { finding in
            switch finding {
            case .missing, .count: false
            case .foreign, .oddNumberOfSides: true
            }
        }
        order()
        before = []
    }

    /// Takes what a page's first lines say. It is no act of the operator's, and nothing of it is undone.
    public mutating func note(words: String, onPage page: Int, of id: UploadID) {
        guard let index = stacks.firstIndex(where: { $0.id == id }), stacks[index].pages.indices.contains(page - 1)
        else {
            return
        }
        stacks[index].pages[page - 1].words = words
    }

    /// Takes what the second person found wrong.
    public mutating func take(answer: String, doubting pages: [String]) {
        self.answer = answer
        doubted = pages
        for index in pieces.indices where doubted(in: pieces[index]).isEmpty == false { pieces[index].isLooked = false }
    }

    /// The pages of a piece that the second person doubts.
    public func doubted(in piece: Piece) -> [Int] {
        let named = Set(doubted)
        return pages(of: piece).filter { named.contains("\(piece.stack.text).\($0)") }
    }

    /// Keeps why counts differ.
    public mutating func explain(difference: String) { self.difference = difference }

    // MARK: - What the operator does

    /// One act at the desk.
    public enum Step: Hashable, Sendable {
        /// These pages of a scan belong to that piece of it.
        case move(UploadID, ClosedRange<Int>, to: UploadID)
        /// A sheet was missed here: these pages are a piece of their own.
        case start(UploadID, ClosedRange<Int>, pupilFile: PupilFileID, category: String)
        /// These pages are not filed.
        case leave(UploadID, ClosedRange<Int>, reason: String)
        /// These pages are to be decided again.
        case back(UploadID, ClosedRange<Int>)
        /// A piece without pages goes.
        case remove(UploadID)
        /// A piece is right, although something was found.
        case looked(UploadID)
        /// A printed sheet is not there, and need not be.
        case absent(SheetCode)
        /// The last act is taken back.
        case undo
    }

    /// Does one act.
    ///
    /// - Throws: a refusal `desk.…`; nothing is changed then.
    public mutating func take(_ step: Step, naming name: () -> UploadID = { .random() }) throws(Refusal) {
        if step == .undo {
            guard let moment = before.popLast() else { throw .deskNothingToUndo }
            for index in stacks.indices { stacks[index].fates = moment.stacks[stacks[index].id] ?? stacks[index].fates }
            // What was said of a document meanwhile is no act, and stays.
            let said = Dictionary(uniqueKeysWithValues: pieces.map { ($0.id, $0) })
            pieces = moment.pieces.map { piece in said[piece.id].map { piece.described(as: $0) } ?? piece }
            absent = moment.absent
            return
        }
        var next = self
        try next.change(step, name)
        let moment = Moment(
            stacks: Dictionary(uniqueKeysWithValues: stacks.map { ($0.id, $0.fates) }), pieces: pieces, absent: absent)
        next.before = before.suffix(Self.mostUndone - 1) + [moment]
        self = next
    }

    private mutating func change(_ step: Step, _ name: () -> UploadID) throws(Refusal) {
        switch step {
        case .move(let stack, let pages, let id):
            guard let target = piece(id), target.stack == stack else { throw .deskOtherStack }
            try set(pages, of: stack, to: .piece(id))
        case .start(let stack, let pages, let pupilFile, let category):
            let new = Piece(
                id: name(), stack: stack, pupilFile: pupilFile, category: category, sheet: nil, expected: nil, found: []
            )
            pieces.append(new)
            try set(pages, of: stack, to: .piece(new.id))
        case .leave(let stack, let pages, let reason):
            let reason = trimmed(reason)
            guard reason.count <= 200, isPlainText(reason) else { throw .deskReason }
            let isBlank = try self.pages(pages, of: stack).allSatisfy(\.scanned.isBlank)
            guard isBlank || !reason.isEmpty else { throw .deskReason }
            try set(pages, of: stack, to: .leftOut(reason))
        case .back(let stack, let pages): try set(pages, of: stack, to: .undecided(.takenBack))
        case .remove(let id):
            guard let piece = piece(id), self.pages(of: piece).isEmpty else { throw .deskNotEmpty }
            pieces.removeAll { $0.id == id }
        case .looked(let id):
            guard let index = pieces.firstIndex(where: { $0.id == id }), !self.pages(of: pieces[index]).isEmpty else {
                throw .deskNoSuchPiece
            }
            pieces[index].isLooked = true
        case .absent(let code):
            guard missing.contains(code) else { throw .deskNoSuchPiece }
            absent.insert(code)
        case .undo: break
        }
        order()
    }

    private func pages(_ range: ClosedRange<Int>, of id: UploadID) throws(Refusal) -> [DeskPage] {
        guard let stack = stack(id), range.lowerBound >= 1, range.upperBound <= stack.pages.count else {
            throw .deskNoSuchPages
        }
        return Array(stack.pages[range.lowerBound - 1..<range.upperBound])
    }

    private mutating func set(_ range: ClosedRange<Int>, of id: UploadID, to fate: PageFate) throws(Refusal) {
        _ = try pages(range, of: id)
        guard let index = stacks.firstIndex(where: { $0.id == id }) else { throw .deskNoSuchPages }
        var touched: Set<UploadID> = []
        if case .piece(let piece) = fate { touched.insert(piece) }
        for page in range {
            if case .piece(let piece) = stacks[index].fates[page - 1] { touched.insert(piece) }
            stacks[index].fates[page - 1] = fate
        }
        // What changed has to be looked at again.
        for place in pieces.indices where touched.contains(pieces[place].id) { pieces[place].isLooked = false }
    }

    /// Pieces stand in the order of their first pages.
    private mutating func order() {
        let places = Dictionary(uniqueKeysWithValues: stacks.enumerated().map { ($1.id, $0) })
        func place(_ piece: Piece) -> (Int, Int) {
            let sheet = stack(piece.stack)?.fates.firstIndex { fate in piece.sheet.map { fate == .sheet($0) } ?? false }
            return (places[piece.stack] ?? 0, (pages(of: piece).first ?? sheet.map { $0 + 1 }) ?? Int.max)
        }
        let ordered = pieces.map { (place($0), $0) }.sorted { $0.0 < $1.0 }
        pieces = ordered.map(\.1)
    }

    /// Says of a piece what it is.
    ///
    /// - Throws: a refusal of its date or summary, `desk.late-paper` for a date from March 2018 on without a reason.
    public mutating func describe(
        _ id: UploadID, date: String, summary: String, signed: String, dateReason: String
    ) throws(Refusal) {
        guard let index = pieces.firstIndex(where: { $0.id == id }) else { throw .deskNoSuchPiece }
        var piece = pieces[index]
        piece.date = trimmed(date)
        piece.summary = trimmed(summary)
        piece.signed = ["yes", "no"].contains(signed) ? signed : "unknown"
        piece.dateReason = trimmed(dateReason)
        guard piece.summary.count <= 500, isPlainText(piece.summary), piece.dateReason.count <= 200,
            isPlainText(piece.dateReason)
        else { throw .summaryTooLong }
        pieces[index] = piece
        guard !piece.date.isEmpty else { return }
        let read = try DocumentDate(typed: piece.date)
        pieces[index].date = read.text
        guard read.days == nil || ArchivePaper.covers(read) || !piece.dateReason.isEmpty else { throw .deskLatePaper }
    }

    /// What stands in the way of presenting it, most important first.
    public func problems(expecting counts: (documents: Int?, pages: Int?)) -> [DeskProblem] {
        var problems: [DeskProblem] = []
        if stacks.isEmpty { problems.append(.init(.nothingScanned)) }
        for stack in stacks where !stack.isRead { problems.append(.init(.notRead, stack: stack.id)) }
        for stack in stacks {
            for run in stack.runs {
                if case .undecided = run.fate { problems.append(.init(.undecided, stack: stack.id, pages: run.pages)) }
            }
        }
        for code in missing where code.kind == .separator { problems.append(.init(.missingSheet, sheet: code)) }
        for piece in pieces {
            if pages(of: piece).isEmpty {
                problems.append(.init(.emptyPiece, piece: piece.id))
                continue
            }
            if isQuestioned(piece) { problems.append(.init(.questioned, piece: piece.id)) }
            if piece.date.isEmpty {
                problems.append(.init(.noDate, piece: piece.id))
            } else if let date = try? DocumentDate(parsing: piece.date), date.days != nil, !ArchivePaper.covers(date),
                piece.dateReason.isEmpty
            {
                problems.append(.init(.latePaper, piece: piece.id))
            }
        }
        if difference.isEmpty, !stacks.isEmpty, stacks.allSatisfy(\.isRead) {
            if let expected = counts.documents, expected != pieces.count { problems.append(.init(.documentCount)) }
            if let expected = counts.pages, expected != writtenPages { problems.append(.init(.pageCount)) }
        }
        return problems
    }
}

/// What stands in the way of presenting a desk.
public struct DeskProblem: Hashable, Sendable {
    /// What it is; its raw value is what pages and programs call it.
    public enum What: String, Hashable, Sendable {
        case nothingScanned = "nothing-scanned"
        case notRead = "not-read"
        case undecided
        case missingSheet = "missing-sheet"
        case emptyPiece = "empty-piece"
        case questioned
        case noDate = "no-date"
        case latePaper = "late-paper"
        case documentCount = "document-count"
        case pageCount = "page-count"
    }

    /// What it is.
    public let what: What
    /// The scan it is about.
    public let stack: UploadID?
    /// Its pages.
    public let pages: ClosedRange<Int>?
    /// The piece it is about.
    public let piece: UploadID?
    /// The sheet it is about.
    public let sheet: SheetCode?

    init(
        _ what: What, stack: UploadID? = nil, pages: ClosedRange<Int>? = nil, piece: UploadID? = nil,
        sheet: SheetCode? = nil
    ) {
        self.what = what
        self.stack = stack
        self.pages = pages
        self.piece = piece
        self.sheet = sheet
    }
}

extension Refusal {
    static let deskNothingToUndo = Refusal(
        code: "desk.nothing-to-undo", message: "There is nothing to undo.", hint: "Nothing was changed.")
    static let deskOtherStack = Refusal(
        code: "desk.other-scan", message: "A document's pages come from one scan.",
        hint: "Start a document of its own there, for the same pupil.")
    static let deskReason = Refusal(
        code: "desk.reason", message: "A page with something on it is left out only with a reason.",
        hint: "Say in up to 200 characters why it is not filed. A blank page needs none.")
    static let deskNotEmpty = Refusal(
        code: "desk.not-empty", message: "There are pages in this document.",
        hint: "Move them where they belong first; only an empty one is removed.")
    static let deskNoSuchPiece = Refusal(
        code: "desk.no-such-document", message: "That is not there, or it has no pages.",
        hint: "Look at the desk again: it may have changed.")
    static let deskNoSuchPages = Refusal(
        code: "desk.no-such-pages", message: "The scan has no such pages.",
        hint: "Give the first and the last page, as they are numbered on the desk.")
    static let deskLatePaper = Refusal(
        code: "desk.late-paper", message: "The archive's paper is from before 1 March 2018.",
        hint: "Check the date; if it is right, say in a few words why this paper is among it.")
}

extension Identifier: Codable {
    /// Reads the 26 characters.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let id = Identifier(text: text) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no identifier"))
        }
        self = id
    }

    /// Writes the 26 characters.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

extension SheetCode: Codable {
    /// Reads the 35 characters.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let code = SheetCode(text: text) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no sheet"))
        }
        self = code
    }

    /// Writes the 35 characters.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
