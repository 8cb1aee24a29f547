import Foundation
import Records
import Testing

@Suite("The checking desk")
struct DeskTests {
    private static let one = PupilFileID.random()
    private static let two = PupilFileID.random()
    private static let three = PupilFileID.random()

    private let cover = SheetCode(.cover, .random())
    private let first = SheetCode(.separator, .random())
    private let second = SheetCode(.separator, .random())
    private let end = SheetCode(.end, .random())
    private let stack = UploadID.random()

    private func page(_ sheet: SheetCode? = nil, blank: Bool = false) -> DeskPage {
        DeskPage(
            scanned: ScannedPage(sheets: sheet.map { [$0] } ?? [], isBlank: blank),
            quality: PageQuality(dpi: 200, isBlank: blank))
    }

    private func desk(_ pages: [DeskPage], counts: (Int?, Int?) = (2, 1)) -> Desk {
        var desk = Desk()
        desk.plan([
            DeskSheet(code: cover),
            DeskSheet(code: first, pupilFile: Self.one, category: "letter", pages: counts.0),
            DeskSheet(code: second, pupilFile: Self.two, category: "concern", pages: counts.1),
            DeskSheet(code: end, pages: 3),
        ])
        add(stack, pages, to: &desk)
        return desk
    }

    private func add(_ stack: UploadID, _ pages: [DeskPage], to desk: inout Desk) {
        desk.add(
            Desk.Stack(
                id: stack, name: "scan.pdf", sides: .unknown, scanner: "", sha256: stack.text,
                mediaType: "application/pdf", size: 1, count: pages.count))
        desk.read(stack, pages)
    }

    private func whole() -> Desk {
        desk([page(cover), page(first), page(), page(), page(second), page(), page(end)])
    }

    private func codes(_ desk: Desk, _ counts: (documents: Int?, pages: Int?) = (nil, nil)) -> [DeskProblem.What] {
        desk.problems(expecting: counts).map(\.what)
    }

    private func dated(_ desk: Desk) throws -> Desk {
        var desk = desk
        for piece in desk.pieces {
            try desk.describe(piece.id, date: "2009", summary: "", signed: "", dateReason: "")
        }
        return desk
    }

    @Test func `A stack as it was planned is split, each page is in one place, and only the dates are asked for`()
        throws
    {
        let desk = whole()
        #expect(desk.pieces.map(\.pupilFile) == [Self.one, Self.two])
        #expect(desk.pieces.map { desk.pages(of: $0) } == [[3, 4], [6]])
        #expect(desk.balance == (7, 3, 4, 0, 0))
        #expect(codes(desk) == [.noDate, .noDate])
        #expect(codes(try dated(desk)).isEmpty)
        #expect(codes(try dated(desk), (2, 3)).isEmpty)
        #expect(codes(try dated(desk), (3, 4)) == [.documentCount, .pageCount])
    }

    @Test func `A sheet that is missing is asked after, and the document before it is looked at again`() throws {
        let desk = try dated(desk([page(cover), page(first), page(), page(), page(), page(end)]))
        #expect(desk.missing == [second])
        #expect(codes(desk) == [.missingSheet, .questioned])
        #expect(desk.findings(of: desk.pieces[0]).contains(.mayHoldPages(of: second)))
        // The operator finds the place: what follows is the other child's.
        var right = desk
        try right.take(.start(stack, 5...5, pupilFile: Self.two, category: "concern"))
        #expect(right.pieces.map { right.pages(of: $0) } == [[3, 4], [5]])
        #expect(codes(right) == [.missingSheet, .questioned, .noDate])
        try right.take(.absent(second))
        #expect(codes(right) == [.noDate])
        // And takes it all back.
        try right.take(.undo)
        try right.take(.undo)
        #expect(right.pieces.map(\.id) == desk.pieces.map(\.id) && codes(right) == codes(desk))
        #expect(refusalCode { try right.take(.undo) } == "desk.nothing-to-undo")
    }

    @Test func `What was said of a document stays when an act from before it is taken back`() throws {
        var desk = whole()
        let first = desk.pieces[0].id
        try desk.take(.leave(stack, 4...4, reason: "A copy"))
        try desk.describe(first, date: "2009-03", summary: "A letter home", signed: "yes", dateReason: "")
        try desk.take(.undo)
        #expect(desk.pages(of: desk.pieces[0]) == [3, 4])
        #expect(desk.pieces[0].date == "2009-03" && desk.pieces[0].summary == "A letter home")
        #expect(desk.pieces[0].signed == "yes")
    }

    @Test func `The last twelve acts are taken back, and none before them`() throws {
        var desk = whole()
        for page in [3, 4, 6, 3, 4, 6, 3, 4, 6, 3, 4, 6, 3] { try desk.take(.back(stack, page...page)) }
        for _ in 0..<12 { try desk.take(.undo) }
        #expect(refusalCode { try desk.take(.undo) } == "desk.nothing-to-undo")
    }

    @Test func `A document from which a page is taken has to be looked at again, as the one that gets it`() throws {
        var desk = try dated(
            desk([page(cover), page(first), page(), page(), page(second), page(), page(end)], counts: (3, 2)))
        let (giver, taker) = (desk.pieces[0].id, desk.pieces[1].id)
        try desk.take(.looked(giver))
        try desk.take(.looked(taker))
        #expect(codes(desk).isEmpty)
        var moved = desk
        try moved.take(.move(stack, 4...4, to: taker))
        #expect(moved.pieces.map(\.isLooked) == [false, false])
        try desk.take(.leave(stack, 4...4, reason: "A copy"))
        #expect(desk.pieces.map(\.isLooked) == [false, true])
    }

    @Test func `A page with something on it is not left out without a reason in the company of a blank one`() throws {
        var desk = desk([page(cover), page(first), page(blank: true), page(), page(second), page(), page(end)])
        #expect(refusalCode { try desk.take(.leave(stack, 3...4, reason: "")) } == "desk.reason")
        try desk.take(.leave(stack, 3...3, reason: ""))
    }

    @Test
    func `A reason for late paper is short, a sheet that is there is not absent, and a difference is explained once`()
        throws
    {
        var desk = try dated(whole())
        let long = String(repeating: "x", count: 201)
        #expect(
            refusalCode {
                try desk.describe(desk.pieces[0].id, date: "2019", summary: "", signed: "", dateReason: long)
            } == "summary.too-long")
        #expect(refusalCode { try desk.take(.absent(first)) } == "desk.no-such-document")
        #expect(codes(desk, (3, 4)) == [.documentCount, .pageCount])
        desk.explain(difference: "One was lent")
        #expect(codes(desk, (3, 4)).isEmpty)
    }

    @Test func `A scan that is taken away takes its documents along, and nothing of it is undone`() throws {
        var desk = whole()
        try desk.take(.back(stack, 3...3))
        desk.drop(stack)
        #expect(desk.pieces.isEmpty && desk.stacks.isEmpty && !desk.canUndo && desk.balance.all == 0)
    }

    @Test func `How good pages are is told in a line for each, and which lines tell of a fault`() {
        let words = PageQuality.words(of: [
            PageQuality(dpi: 200), PageQuality(dpi: 100, skew: -31, isCutOff: true), PageQuality(isUnknown: true),
        ])
        let bad = ["Page 2 (100 dpi): low resolution, askew, cut off at an edge", "Page 3: could not be drawn"]
        #expect(words == (["Page 1 (200 dpi): nothing amiss"] + bad).joined(separator: "\n"))
        #expect(PageQuality.faulty(in: words) == bad && PageQuality.faulty(in: "").isEmpty)
    }

    @Test func `A sheet that is in another scan of the batch is not missing`() throws {
        var desk = try dated(desk([page(cover), page(first), page(), page()]))
        #expect(desk.missing == [second, end])
        let other = UploadID.random()
        add(other, [page(second), page(), page(end)], to: &desk)
        #expect(desk.missing.isEmpty)
        #expect(!desk.findings(of: desk.pieces[0]).contains(.mayHoldPages(of: second)))
        // The same sheet in both is a question at both.
        let again = UploadID.random()
        add(again, [page(first), page(), page()], to: &desk)
        #expect(desk.pieces.count { desk.findings(of: $0).contains(.sheetRepeated) } == 2)
    }

    @Test func `Pages that nobody claims are in front of a person until they are decided`() throws {
        var desk = try dated(
            desk([page(), page(blank: true), page(first), page(), page(), page(second), page(), page(end)]))
        #expect(codes(desk) == [.undecided])
        let target = desk.pieces[0].id
        #expect(refusalCode { try desk.take(.leave(stack, 1...1, reason: " ")) } == "desk.reason")
        #expect(refusalCode { try desk.take(.leave(stack, 1...9, reason: "x")) } == "desk.no-such-pages")
        try desk.take(.leave(stack, 2...2, reason: ""))
        try desk.take(.move(stack, 1...1, to: target))
        #expect(desk.pages(of: desk.pieces[0]) == [1, 4, 5])
        // Now it has a page more than its sheet says.
        #expect(codes(desk) == [.questioned])
        try desk.take(.looked(target))
        #expect(codes(desk).isEmpty)
        // What changes after that has to be looked at again.
        try desk.take(.back(stack, 5...5))
        #expect(codes(desk) == [.undecided])
        try desk.take(.move(stack, 5...5, to: target))
        #expect(codes(desk) == [.questioned])
    }

    @Test func `A page never moves into a document of another scan`() throws {
        var desk = whole()
        let other = UploadID.random()
        add(other, [page(), page()], to: &desk)
        #expect(refusalCode { try desk.take(.move(other, 1...1, to: desk.pieces[0].id)) } == "desk.other-scan")
        try desk.take(.start(other, 1...2, pupilFile: Self.three, category: "plan"))
        #expect(desk.pieces.map(\.stack) == [stack, stack, other])
    }

    @Test func `Paper from March 2018 on is among the archive with a reason alone`() throws {
        var desk = whole()
        let piece = desk.pieces[0].id
        func describe(_ date: String, _ reason: String = "") -> String? {
            refusalCode { try desk.describe(piece, date: date, summary: "", signed: "", dateReason: reason) }
        }
        #expect(describe("28 February 2018") == nil)
        #expect(describe("undated") == nil)
        #expect(describe("last spring") == "date.unreadable")
        #expect(describe("1/3/2018") == "desk.late-paper")
        #expect(codes(desk).contains(.latePaper))
        #expect(describe("1/3/2018", "Reply to a letter of 2017") == nil)
        #expect(!codes(desk).contains(.latePaper))
    }

    @Test func `What the second person doubts is marked, and its document looked at again`() throws {
        var desk = try dated(whole())
        let piece = desk.pieces[1].id
        try desk.take(.looked(piece))
        desk.take(answer: "Another child", doubting: ["\(stack.text).6"])
        #expect(desk.doubted(in: desk.pieces[1]) == [6] && desk.doubted(in: desk.pieces[0]).isEmpty)
        #expect(!desk.pieces[1].isLooked && desk.answer == "Another child")
    }

    @Test func `A desk is the same after it was kept and read again`() throws {
        var desk = try dated(whole())
        try desk.take(.leave(stack, 6...6, reason: "A copy"))
        let kept = try JSONDecoder().decode(Desk.self, from: JSONEncoder().encode(desk))
        #expect(kept == desk && kept.canUndo && !kept.shown.canUndo)
    }

    @Test func `A sample has the ends of every document, what is hard to read or left out, and others by lot`() throws {
        var long = [page(cover), page(first)] + (0..<40).map { _ in page() } + [page(second)]
        long += (0..<40).map { _ in page() } + [page(end), page(), page(blank: true)]
        long[20].quality.isCutOff = true
        var desk = desk(long, counts: (40, 40))
        try desk.take(.leave(stack, 85...85, reason: "A shopping list"))
        let all = try #require(desk.sample(percent: 100, seed: digest("a"))[stack])
        #expect(all == Set(1...long.count))
        let few = try #require(desk.sample(percent: 10, seed: digest("a"))[stack])
        #expect(few.isSuperset(of: [3, 42, 44, 83, 21, 85]))
        #expect(few.count == (long.count + 9) / 10)
        // The seed alone decides the others, and another one decides otherwise.
        #expect(desk.sample(percent: 10, seed: digest("a"))[stack] == few)
        #expect((0..<20).contains { desk.sample(percent: 10, seed: digest("\($0)"))[stack] != few })
        // Of a document that is questioned, all.
        let questioned = self.desk(long, counts: (39, 40))
        #expect(questioned.sample(percent: 10, seed: digest("a"))[stack]?.isSuperset(of: 3...42) == true)
        // Every page has its turn.
        let seen = (0..<400).reduce(into: Set<Int>()) { seen, seed in
            seen.formUnion(desk.sample(percent: 20, seed: digest("\(seed)"))[stack] ?? [])
        }
        #expect(seen == all)
    }

    @Test func `Whatever is done, every page of every scan is in exactly one place`() throws {
        var generator = SplitMix(state: 20_180_301)
        for _ in 0..<60 {
            var desk = desk([
                page(), page(first), page(), page(blank: true), page(), page(second), page(), page(), page(end),
            ])
            for _ in 0..<25 {
                let low = Int.random(in: 0...10, using: &generator)
                let range = low...(low + Int.random(in: 0...3, using: &generator))
                let piece = desk.pieces.randomElement(using: &generator)?.id ?? .random()
                let steps: [Desk.Step] = [
                    .move(stack, range, to: piece), .start(stack, range, pupilFile: Self.two, category: "letter"),
                    .leave(stack, range, reason: "A copy"), .back(stack, range), .remove(piece), .looked(piece), .undo,
                ]
                try? desk.take(steps.randomElement(using: &generator) ?? .undo)
                let inPieces = desk.pieces.flatMap { desk.pages(of: $0) }
                #expect(Set(inPieces).count == inPieces.count)
                let balance = desk.balance
                #expect(balance.all == 9 && balance.filed == inPieces.count)
                #expect(balance.filed + balance.sheets + balance.leftOut + balance.undecided == 9)
                for fate in desk.stacks[0].fates {
                    if case .piece(let id) = fate { #expect(desk.piece(id) != nil) }
                }
            }
        }
    }
}

/// Sebastiano Vigna's SplitMix64: the same numbers in every run.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
