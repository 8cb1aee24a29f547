import Foundation
import Records
import Testing

/// SplitMix64, so that what failed once fails again.
private struct Draws: RandomNumberGenerator {
    var state = UInt64(ProcessInfo.processInfo.environment["STRONGROOM_TEST_SEED"] ?? "") ?? 20_180_301

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

private let stack = UploadID.random()
private let written = ScannedPage()
private let blank = ScannedPage(isBlank: true)
private let unread = ScannedPage(hasUnreadCode: true)

private func sheet(_ code: SheetCode, _ turn: ScannedPage.Turn = .upright) -> ScannedPage {
    ScannedPage(sheets: [code], turn: turn)
}

private func separators(_ count: Int) -> [SheetCode] { (0..<count).map { _ in SheetCode(.separator, .random()) } }

private func split(
    _ pages: [ScannedPage], _ plan: [PlannedSheet], _ sides: ScannedSides = .unknown
) -> SplitStack {
    let result = split(pages, of: stack, sides: sides, plan: plan)
    // Whatever the stack: each page is in one place, and pages of a place ascend.
    let places = result.pieces.map(\.pages) + result.sheets.map(\.pages) + result.unclaimed.map(\.pages)
    #expect(places.flatMap(\.self).sorted() == Array(1...max(1, pages.count)).filter { $0 <= pages.count })
    for place in places { #expect(place == place.sorted()) }
    #expect(result.pieces.allSatisfy { $0.parent == stack })
    for piece in result.pieces {
        #expect(piece.pages.allSatisfy { pages[$0 - 1].sheets.isEmpty && !pages[$0 - 1].hasUnreadCode })
        #expect(piece.written == piece.pages.count { !pages[$0 - 1].isBlank })
    }
    return result
}

@Suite struct SplittingTests {
    private let a = SheetCode(.separator, .random())
    private let b = SheetCode(.separator, .random())
    private let cover = SheetCode(.cover, .random())
    private let end = SheetCode(.end, .random())

    @Test func `A folder in order is its pieces, with nothing to look at`() {
        let plan = [
            PlannedSheet(cover), PlannedSheet(a, pages: 2), PlannedSheet(b, pages: 1), PlannedSheet(end, pages: 3),
        ]
        let result = split([sheet(cover), sheet(a), written, written, sheet(b), written, blank, sheet(end)], plan)
        #expect(result.pieces.map(\.pages) == [[3, 4], [6, 7]])
        #expect(result.pieces.map(\.sheet) == [a, b])
        #expect(result.pieces.allSatisfy { $0.findings.isEmpty })
        #expect(result.sheets.map(\.pages) == [[1], [2], [5], [8]])
        #expect(result.unclaimed.isEmpty && result.findings.isEmpty)
    }

    @Test func `An empty stack has no pieces, and its sheets are missing`() {
        let result = split([], [PlannedSheet(a, pages: 1)])
        #expect(result.pieces.isEmpty && result.findings == [.missing(a)])
    }

    @Test func `What no sheet claims is nobody's, with its reason`() {
        let result = split(
            [written, blank, sheet(cover), written, sheet(a), written, sheet(end), written, written],
            [PlannedSheet(cover), PlannedSheet(a, pages: 1), PlannedSheet(end, pages: 2)])
        #expect(result.unclaimed.map(\.pages) == [[1, 2], [4], [8, 9]])
        #expect(result.unclaimed.map(\.reason) == [.beforeFirstSheet, .behindCover, .behindEnd])
        #expect(result.pieces.map(\.pages) == [[6]])
        #expect(result.findings == [.count(expected: 2, found: 5)])
    }

    @Test func `Blank backs of sheets go, and blank backs of papers stay`() {
        let plan = [PlannedSheet(a, pages: 2), PlannedSheet(b, pages: 1)]
        let result = split(
            [sheet(a), blank, written, blank, written, blank, sheet(b), blank, written, blank], plan, .both)
        #expect(result.pieces.map(\.pages) == [[3, 4, 5, 6], [9, 10]])
        #expect(result.sheets.map(\.pages) == [[1, 2], [7, 8]])
        #expect(result.pieces.allSatisfy { $0.findings.isEmpty } && result.unclaimed.isEmpty)
    }

    @Test func `A sheet that lies face down is still one, its blank front goes with it, and a person is told`() {
        let result = split([blank, sheet(a), written, written], [PlannedSheet(a, pages: 2)], .both)
        #expect(result.pieces.map(\.pages) == [[3, 4]])
        #expect(result.sheets.map(\.pages) == [[1, 2]])
        #expect(result.pieces[0].findings == [.sheetFaceDown])
    }

    @Test func `Writing on the other side of a sheet is nobody's`() {
        let plan = [PlannedSheet(a, pages: 1), PlannedSheet(b, pages: 1)]
        let result = split([sheet(a), blank, written, sheet(b), written, blank], plan, .both)
        // The scanner lost a side: the third page could be of either.
        #expect(result.unclaimed.map(\.pages) == [[3]])
        #expect(result.unclaimed.map(\.reason) == [.otherSideOfSheet(b)])
        #expect(result.pieces.map(\.pages) == [[], [5, 6]])
        #expect(result.pieces[1].findings == [.sheetFaceDown, .writingOnSheet])
        #expect(result.pieces[0].findings == [.empty, .count(expected: 1, found: 0)])
    }

    @Test func `A sheet with its code on both sides is one sheet, and with two sheets' codes is none`() {
        let both = split([sheet(a), sheet(a), written, blank], [PlannedSheet(a, pages: 1)], .both)
        #expect(both.sheets.map(\.pages) == [[1, 2]] && both.pieces[0].findings.isEmpty)
        let two = split(
            [sheet(a), sheet(b), written, blank], [PlannedSheet(a, pages: 1), PlannedSheet(b, pages: 1)], .both)
        #expect(two.pieces.isEmpty && two.sheets.isEmpty)
        #expect(two.unclaimed.map(\.pages) == [[1, 2, 3, 4]])
        #expect(two.unclaimed.map(\.reason) == [.conflictingCodes])
        #expect(two.findings == [.missing(a), .missing(b)])
    }

    @Test func `With an odd number of sides no back is told from a front, and a person is told`() {
        let result = split([sheet(a), blank, written], [PlannedSheet(a, pages: 1)], .both)
        #expect(result.findings == [.oddNumberOfSides])
        #expect(result.pieces.map(\.pages) == [[2, 3]])
    }

    @Test func `Two codes on one page end the piece before and begin none`() {
        let result = split(
            [sheet(a), written, ScannedPage(sheets: [a, b]), written, written],
            [PlannedSheet(a, pages: 1), PlannedSheet(b, pages: 2)])
        #expect(result.pieces.map(\.pages) == [[2]])
        #expect(result.unclaimed.map(\.pages) == [[3, 4, 5]])
        #expect(result.unclaimed.map(\.reason) == [.conflictingCodes])
    }

    @Test func `A code that cannot be read ends the piece before and begins none`() {
        let result = split(
            [sheet(a), written, unread, written, sheet(b), written],
            [PlannedSheet(a, pages: 1), PlannedSheet(b, pages: 1)])
        #expect(result.pieces.map(\.pages) == [[2], [6]])
        #expect(result.unclaimed.map(\.pages) == [[3, 4]] && result.unclaimed.map(\.reason) == [.unreadCode])
        let beside = ScannedPage(sheets: [a], hasUnreadCode: true)
        #expect(split([beside, written], [PlannedSheet(a, pages: 1)]).pieces.map(\.pages) == [[2]])
        let back = split([sheet(a), blank, written, unread], [PlannedSheet(a, pages: 1)], .both)
        #expect(back.unclaimed.map(\.pages) == [[3, 4]])
    }

    @Test func `Texts that were meant as ours count as unread, and other people's codes say nothing`() {
        let good = ScannedPage(
            codes: [a.text, a.text, "https://www.nhs.uk/"], hasUnreadCode: false, isBlank: false, turn: .upright)
        #expect(good == sheet(a))
        let bad = ScannedPage(codes: [String(a.text.dropLast())], hasUnreadCode: false, isBlank: false, turn: .upright)
        #expect(bad == unread)
        let theirs = ScannedPage(codes: ["https://www.nhs.uk/"], hasUnreadCode: false, isBlank: false, turn: .upright)
        #expect(theirs == written)
    }

    @Test func `Two sheets together leave the first one empty`() {
        let result = split(
            [sheet(a), sheet(b), written], [PlannedSheet(a, pages: 1), PlannedSheet(b, pages: 1)])
        #expect(result.pieces.map(\.pages) == [[], [3]])
        #expect(result.pieces.map(\.findings) == [[.empty, .count(expected: 1, found: 0)], []])
    }

    @Test func `A missing sheet is named, and the piece that may hold its pages too`() {
        let plan = [PlannedSheet(a, pages: 2), PlannedSheet(b, pages: 1), PlannedSheet(end)]
        let result = split([sheet(a), written, written, written, sheet(end)], plan)
        #expect(result.findings == [.missing(b)])
        #expect(result.pieces.map(\.findings) == [[.count(expected: 2, found: 3), .mayHoldPages(of: b)]])
        // Even where the counts agree by chance, since one of the pages is missing too.
        let agreeing = split([sheet(a), written, written, sheet(end)], plan)
        #expect(agreeing.pieces.map(\.findings) == [[.mayHoldPages(of: b)]])
        // At the beginning it is nobody's page that has no sheet.
        let first = split([written, sheet(b), written, sheet(end)], plan)
        #expect(first.findings == [.missing(a)])
        #expect(first.unclaimed.map(\.pages) == [[1]])
        #expect(first.pieces.map(\.findings) == [[]])
    }

    @Test func `A sheet that was not printed for this batch claims nothing, and ends the piece before`() {
        let result = split([sheet(a), written, sheet(b), written], [PlannedSheet(a, pages: 1)])
        #expect(result.pieces.map(\.pages) == [[2]])
        #expect(result.unclaimed.map(\.pages) == [[4]] && result.unclaimed.map(\.reason) == [.foreignSheet(b)])
        #expect(result.findings == [.foreign(b)])
    }

    @Test func `How a sheet lies is said of its piece`() {
        for turn in ScannedPage.Turn.allCases {
            let findings = split([sheet(a, turn), written], [PlannedSheet(a, pages: 1)]).pieces[0].findings
            #expect(findings == (turn == .upright ? [] : [.sheetTurned(turn)]))
        }
    }

    @Test func `A sheet that is found twice, or elsewhere than planned, is said`() {
        let plan = [PlannedSheet(a, pages: 1), PlannedSheet(b, pages: 1)]
        let twice = split([sheet(a), written, sheet(b), written, sheet(a), written], plan)
        #expect(twice.pieces.map { $0.findings.contains(.sheetRepeated) } == [true, false, true])
        let exchanged = split([sheet(b), written, sheet(a), written], plan)
        #expect(exchanged.pieces.map { $0.findings.contains(.outOfOrder) } == [true, true])
    }

    @Test func `Pages that nobody has counted are to be counted by a person`() {
        #expect(split([sheet(a), written], [PlannedSheet(a)]).pieces[0].findings == [.notCounted])
    }

    /// A generated archive: what a careless office and a worn copier do to folders, a thousand times.
    @Test func `Whatever happens to a stack, no page is filed as another's without a person being told`() {
        var random = Draws()
        for _ in 0..<1000 {
            let sheets = separators(Int.random(in: 1...8, using: &random))
            let both = Bool.random(using: &random)
            var plan = [PlannedSheet(cover)]
            var pages = [sheet(cover)]
            // Whose each page is: an index of `sheets`, or nil for sheets and their backs.
            var owners: [Int?] = [nil]
            if both {
                pages.append(blank)
                owners.append(nil)
            }
            for (index, code) in sheets.enumerated() {
                let count = Int.random(in: 1...5, using: &random)
                var contents = (0..<count).map { _ in written }
                if both && !count.isMultiple(of: 2) { contents.append(blank) }
                plan.append(PlannedSheet(code, pages: count))
                let back = both ? [blank] : []
                switch Int.random(in: 0..<12, using: &random) {
                case 0:  // missing: it was never put in, or went through beneath another one
                    break
                case 1:
                    pages += [unread] + back
                    owners += [nil] + back.map { _ in nil }
                case 2 where both:
                    pages += [blank, sheet(code)]
                    owners += [nil, nil]
                case 3:
                    pages += [sheet(code, .upsideDown)] + back
                    owners += [nil] + back.map { _ in nil }
                case 4:  // together with the next one, on one picture
                    pages += [ScannedPage(sheets: [code, sheets[(index + 1) % sheets.count]])] + back
                    owners += [nil] + back.map { _ in nil }
                case 5:  // another batch's sheet lies in its place
                    pages += [sheet(SheetCode(.separator, .random()))] + back
                    owners += [nil] + back.map { _ in nil }
                case 6:  // put in twice
                    pages += [sheet(code)] + back + [sheet(code)] + back
                    owners += [nil, nil] + (back + back).map { _ in nil }
                default:
                    pages += [sheet(code)] + back
                    owners += [nil] + back.map { _ in nil }
                }
                pages += contents
                owners += contents.map { _ in index }
            }
            let result = split(pages, plan, both ? .both : .unknown)
            for piece in result.pieces where piece.findings.isEmpty {
                for page in piece.pages {
                    let owner = owners[page - 1].map { sheets[$0] }
                    #expect(owner == piece.sheet, "page \(page) of \(pages)")
                }
                #expect(piece.written == plan.first { $0.code == piece.sheet }?.pages)
            }
            // And what is as it should be is not brought before a person for nothing.
            let found = Set(result.sheets.map(\.sheet))
            if found.count == plan.count && result.sheets.count == plan.count && result.unclaimed.isEmpty {
                #expect(result.pieces.count == sheets.count && result.findings.isEmpty)
            }
        }
    }
}
