// A stack of papers as it was scanned, split at its sheets. Pure: pages come in as what was read in them, and pieces go out
// as numbers of pages; nothing is cut here.
//
// The rule before all others: a page is in a piece only when it follows that piece's sheet with nothing doubtful between
// them. Everything else is in front of a person. A piece that is not as expected says so, and a person looks at every one
// before it is filed; so that the last thing left to chance is a sheet that was pulled in together with another one, left
// no trace, was not planned, and had no count of pages.

/// What was read in one page of a scan.
public struct ScannedPage: Codable, Hashable, Sendable {
    /// How a page was put in, by its code: how far it is turned clockwise, in quarters.
    public enum Turn: Int, Codable, Sendable, CaseIterable {
        case upright = 0
        case right = 1
        case upsideDown = 2
        case left = 3
    }

    /// The sheets whose codes were read in it; in an ordinary page none.
    public var sheets: Set<SheetCode>
    /// Something in it was meant as a sheet's code, or looks like a code, and could not be read.
    public var hasUnreadCode: Bool
    /// There is nothing on it.
    public var isBlank: Bool
    /// How it lies, where a code told.
    public var turn: Turn

    /// A page.
    public init(
        sheets: Set<SheetCode> = [], hasUnreadCode: Bool = false, isBlank: Bool = false, turn: Turn = .upright
    ) {
        self.sheets = sheets
        self.hasUnreadCode = hasUnreadCode
        self.isBlank = isBlank
        self.turn = turn
    }

    /// From the texts of the codes that were read in a page. A code that is not ours, as letters have, says nothing.
    public init(codes: [String], hasUnreadCode: Bool, isBlank: Bool, turn: Turn) {
        let sheets = codes.compactMap { SheetCode(text: $0) }
        let isDamaged = codes.contains { SheetCode(text: $0) == nil && SheetCode.isMeantAsSheet($0) }
        self.init(sheets: Set(sheets), hasUnreadCode: hasUnreadCode || isDamaged, isBlank: isBlank, turn: turn)
    }
}

/// Which sides of each paper were scanned.
public enum ScannedSides: String, Codable, Sendable {
    /// One side of each, or two with the blank ones left out by the scanner: what is a back is not known.
    case unknown
    /// Front and back of each, one after the other, blank or not.
    case both
}

/// A sheet that was printed for a batch, in the order in which they are to lie in the stack.
public struct PlannedSheet: Hashable, Sendable {
    /// The sheet.
    public let code: SheetCode
    /// How many sides with something on them are expected behind a separator, or, of an end, in the whole folder. Nil where
    /// nobody has counted.
    public let pages: Int?

    /// A planned sheet.
    public init(_ code: SheetCode, pages: Int? = nil) {
        self.code = code
        self.pages = pages
    }
}

/// What a person has to look at in a piece.
public enum PieceFinding: Codable, Hashable, Sendable {
    /// Nothing lies behind its sheet: two sheets together, or its pages are elsewhere.
    case empty
    /// Fewer or more sides with something on them than expected.
    case count(expected: Int, found: Int)
    /// Nobody has said how many pages to expect.
    case notCounted
    /// The sheet that should follow was not found: its pages may be in here.
    case mayHoldPages(of: SheetCode)
    /// The same sheet was found in more than one place.
    case sheetRepeated
    /// The sheet lies elsewhere than planned.
    case outOfOrder
    /// The sheet was on its side or upside down; so its pages may be.
    case sheetTurned(ScannedPage.Turn)
    /// The sheet was face down: its code was on what should be a back.
    case sheetFaceDown
    /// The other side of the sheet's paper has something on it, which is in front of a person.
    case writingOnSheet
}

/// Why pages are nobody's.
public enum UnclaimedReason: Codable, Hashable, Sendable {
    /// No sheet comes before them.
    case beforeFirstSheet
    /// They lie behind a cover sheet and before the first separator.
    case behindCover
    /// They lie behind the end of a folder.
    case behindEnd
    /// The first of them has a code that could not be read; the others follow it.
    case unreadCode
    /// The first of them has codes of more than one sheet; the others follow it.
    case conflictingCodes
    /// They follow a sheet that was not printed for this batch.
    case foreignSheet(SheetCode)
    /// It is the other side of a sheet's paper, and not blank.
    case otherSideOfSheet(SheetCode)
    /// A person put them here to decide again.
    case takenBack
}

/// What is amiss with a whole stack.
public enum StackFinding: Codable, Hashable, Sendable {
    /// A sheet that was printed for this stack is not in it.
    case missing(SheetCode)
    /// A sheet in it was not printed for this batch.
    case foreign(SheetCode)
    /// Both sides were scanned and the number of sides is odd: one was lost or left out, so backs are not told from fronts.
    case oddNumberOfSides
    /// Fewer or more sides with something on them than the folder should have, sheets not counted.
    case count(expected: Int, found: Int)
}

/// A stack, split. Pages are counted from 1, and each is in exactly one piece, one sheet or one run of unclaimed pages.
public struct SplitStack: Hashable, Sendable {
    /// What becomes one document: the pages behind one sheet.
    public struct Piece: Hashable, Sendable {
        /// The stack that it was taken from.
        public let parent: UploadID
        /// The sheet that says whose it is.
        public let sheet: SheetCode
        /// Its pages in the stack, ascending; blank ones are kept.
        public internal(set) var pages: [Int]
        /// How many of them have something on them.
        public internal(set) var written: Int
        /// What a person has to look at, in the order in which it was found; empty where all is as expected.
        public internal(set) var findings: [PieceFinding]
    }

    /// The paper of a sheet: its own side, and the other one where that is blank.
    public struct SheetPaper: Hashable, Sendable {
        /// The sheet.
        public let sheet: SheetCode
        /// One page, or two.
        public let pages: [Int]
    }

    /// Pages that follow one another and are nobody's.
    public struct Unclaimed: Hashable, Sendable {
        /// The pages, ascending.
        public internal(set) var pages: [Int]
        /// Why.
        public let reason: UnclaimedReason
    }

    /// Pieces, in the order of the stack.
    public internal(set) var pieces: [Piece] = []
    /// Sheets, in the order of the stack.
    public internal(set) var sheets: [SheetPaper] = []
    /// What no sheet claims, in the order of the stack.
    public internal(set) var unclaimed: [Unclaimed] = []
    /// What is amiss with the whole.
    public internal(set) var findings: [StackFinding] = []
}

/// Splits a stack at its sheets.
///
/// - Parameters:
///   - stack: what the pages are of; each piece names it.
///   - plan: the sheets that were printed for it, in their order.
public func split(
    _ pages: [ScannedPage], of stack: UploadID, sides: ScannedSides, plan: [PlannedSheet]
) -> SplitStack {
    var splitter = Splitter(pages: pages, stack: stack, plan: plan)
    let isPaired = sides == .both && pages.count.isMultiple(of: 2)
    if sides == .both && !isPaired { splitter.result.findings.append(.oddNumberOfSides) }
    let step = isPaired ? 2 : 1
    for start in stride(from: 0, to: pages.count, by: step) { splitter.take(paper: start..<start + step) }
    splitter.compareWithPlan()
    return splitter.result
}

/// Goes through the papers of a stack, one after the other.
private struct Splitter {
    /// Where the next page without a sheet goes.
    private enum Place {
        case piece
        case unclaimed(UnclaimedReason, isOpen: Bool)
    }

    let pages: [ScannedPage]
    let stack: UploadID
    let plan: [PlannedSheet]
    let planned: [SheetCode: PlannedSheet]
    var result = SplitStack()
    private var place = Place.unclaimed(.beforeFirstSheet, isOpen: false)

    init(pages: [ScannedPage], stack: UploadID, plan: [PlannedSheet]) {
        self.pages = pages
        self.stack = stack
        self.plan = plan
        planned = Dictionary(plan.map { ($0.code, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// One paper: one side, or front and back.
    mutating func take(paper: Range<Int>) {
        let sheets = paper.reduce(into: Set<SheetCode>()) { $0.formUnion(pages[$1].sheets) }
        if sheets.count > 1 { return doubt(paper, .conflictingCodes) }
        if let sheet = sheets.first { return take(sheet, on: paper) }
        if paper.contains(where: { pages[$0].hasUnreadCode }) { return doubt(paper, .unreadCode) }
        for index in paper { put(index) }
    }

    /// A paper that nobody can tell the meaning of: what follows is as doubtful as it is.
    private mutating func doubt(_ paper: Range<Int>, _ reason: UnclaimedReason) {
        place = .unclaimed(reason, isOpen: false)
        for index in paper { put(index) }
    }

    private mutating func put(_ index: Int) {
        switch place {
        case .piece:
            let last = result.pieces.count - 1
            result.pieces[last].pages.append(index + 1)
            if !pages[index].isBlank { result.pieces[last].written += 1 }
        case .unclaimed(let reason, let isOpen):
            if isOpen {
                result.unclaimed[result.unclaimed.count - 1].pages.append(index + 1)
            } else {
                result.unclaimed.append(.init(pages: [index + 1], reason: reason))
                place = .unclaimed(reason, isOpen: true)
            }
        }
    }

    private mutating func take(_ sheet: SheetCode, on paper: Range<Int>) {
        // The sheet's own side is the one with its code; with codes on both sides it is the front.
        let coded = paper.filter { !pages[$0].sheets.isEmpty }
        let others = paper.filter { pages[$0].sheets.isEmpty }
        let dropped = others.filter { pages[$0].isBlank && !pages[$0].hasUnreadCode }
        result.sheets.append(.init(sheet: sheet, pages: (coded + dropped).sorted().map { $0 + 1 }))
        let left = others.filter { !dropped.contains($0) }
        for index in left { result.unclaimed.append(.init(pages: [index + 1], reason: .otherSideOfSheet(sheet))) }

        guard planned[sheet] != nil else {
            if !result.findings.contains(.foreign(sheet)) { result.findings.append(.foreign(sheet)) }
            place = .unclaimed(.foreignSheet(sheet), isOpen: false)
            return
        }
        switch sheet.kind {
        case .cover: place = .unclaimed(.behindCover, isOpen: false)
        case .end: place = .unclaimed(.behindEnd, isOpen: false)
        case .separator:
            var findings: [PieceFinding] = []
            let turn = pages[coded[0]].turn
            if turn != .upright { findings.append(.sheetTurned(turn)) }
            if coded[0] != paper.lowerBound { findings.append(.sheetFaceDown) }
            if !left.isEmpty { findings.append(.writingOnSheet) }
            result.pieces.append(.init(parent: stack, sheet: sheet, pages: [], written: 0, findings: findings))
            place = .piece
        }
    }

    /// Holds what was found beside what was printed.
    mutating func compareWithPlan() {
        let found = result.sheets.map(\.sheet)
        let isFound = Set(found)
        for index in result.pieces.indices {
            let piece = result.pieces[index]
            if piece.pages.isEmpty { result.pieces[index].findings.append(.empty) }
            switch planned[piece.sheet]?.pages {
            case nil: result.pieces[index].findings.append(.notCounted)
            case let expected? where expected != piece.written:
                result.pieces[index].findings.append(.count(expected: expected, found: piece.written))
            default: break
            }
            if found.count(where: { $0 == piece.sheet }) > 1 { result.pieces[index].findings.append(.sheetRepeated) }
        }

        // A missing sheet's pages follow those of the last one before it that is there.
        var before: SheetCode?
        for sheet in plan.map(\.code) {
            guard !isFound.contains(sheet) else {
                before = sheet
                continue
            }
            result.findings.append(.missing(sheet))
            for index in result.pieces.indices where result.pieces[index].sheet == before {
                result.pieces[index].findings.append(.mayHoldPages(of: sheet))
            }
        }

        // Out of order is what does not stand behind the planned sheet before it, among those that were found.
        let order = plan.map(\.code).filter { isFound.contains($0) }
        let ours = found.filter { planned[$0] != nil }
        for index in result.pieces.indices {
            let sheet = result.pieces[index].sheet
            guard let inPlan = order.firstIndex(of: sheet), let inStack = ours.firstIndex(of: sheet) else { continue }
            let expected = inPlan == 0 ? nil : order[inPlan - 1]
            let actual = inStack == 0 ? nil : ours[inStack - 1]
            if expected != actual { result.pieces[index].findings.append(.outOfOrder) }
        }

        // What an end says is of all that was scanned; where there are several folders nobody has said where each begins.
        let ends = plan.filter { $0.code.kind == .end }
        if ends.count == 1, let expected = ends[0].pages {
            let unclaimed = result.unclaimed.flatMap(\.pages).count { !pages[$0 - 1].isBlank }
            let written = result.pieces.reduce(unclaimed) { $0 + $1.written }
            if written != expected { result.findings.append(.count(expected: expected, found: written)) }
        }
    }
}
