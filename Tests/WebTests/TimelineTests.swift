import Custody
import Foundation
import Records
import Testing
import Web

/// Where the items of a history stand in its picture.
@Suite struct TimelineTests {
    private func item(
        _ first: Int, _ last: Int? = nil, index: UInt64 = 0, meeting: Bool = false, significant: Bool = false,
        batch: BatchID? = nil
    ) -> ChronologyItem {
        ChronologyItem(
            index: index, first: first, last: last ?? first, isMeeting: meeting, isSignificant: significant,
            category: "letter", batch: batch)
    }

    @Test func `Each kind has a row of its own, and what falls into one column stacks`() {
        let timeline = Timeline([
            item(2015_03_04), item(2015_03_05), item(2015_03_06, meeting: true), item(2015_03_07, significant: true),
            item(2016_08_01),
        ])
        #expect(timeline.marks.map(\.kind) == [.event, .meeting, .document, .document, .document])
        #expect(timeline.marks.map(\.items) == [[3], [2], [0], [1], [4]])
        let first = timeline.marks.filter { $0.column == timeline.marks[0].column }
        #expect(first.count == 4 && Set(first.map(\.x)).count == 1)
        #expect(first.map(\.y) == first.map(\.y).sorted { $0 == $1 ? false : $0 < $1 } || first[2].y > first[3].y)
        #expect(first[0].y < first[1].y && first[1].y < first[3].y, "events on top, documents nearest to the axis")
        Self.expectApart(timeline)
    }

    @Test func `More than fit are one mark with all of them, and documents of a batch are one`() {
        let (batch, other) = (BatchID.random(), BatchID.random())
        let crowd = (0..<7).map { item(2015_03_01 + $0, significant: true) }
        let one = Timeline(crowd + [item(2018_01_01)])
        #expect(one.marks.map(\.items) == [Array(0..<7), [7]] && !one.marks[0].isBatch)
        let batches = Timeline([
            item(2015_03_01, batch: batch), item(2015_03_01, batch: other), item(2015_03_02, batch: batch),
            item(2015_03_02), item(2019_01_01, batch: other),
        ])
        #expect(batches.marks.map(\.items) == [[0, 2], [1], [3], [4]])
        #expect(batches.marks.map(\.isBatch) == [true, false, false, false])
    }

    @Test func `Gaps are found between what is known to have happened, and told in whole months or years`() {
        let timeline = Timeline([
            item(2010_01_05), item(2011_03_06), item(2012_01_01, 2012_12_31), item(2013_02_01), item(2019_02_02),
        ])
        #expect(timeline.gaps.map(\.words) == ["nothing for 14 months", "nothing for 9 months", "nothing for 6 years"])
        #expect(timeline.gaps.map(\.after) == [2010_01_05, 2011_03_06, 2013_02_01])
        for gap in timeline.gaps {
            #expect(!timeline.marks.contains { $0.x > gap.x && $0.x < gap.x + gap.width }, "no mark stands in a gap")
        }
        // Of a year that may have been any day of it nothing is known to be a gap.
        #expect(Timeline([item(2012_01_01, 2012_12_31), item(2013_01_20)]).gaps.isEmpty)
        #expect(Timeline([]).gaps.isEmpty && Timeline([]).columns.isEmpty)
        // A gap that is longer than what is looked at is told whole.
        let within = Timeline([item(2010_01_05), item(2019_02_02)], period: 2012_01_01...2012_12_31)
        #expect(within.gaps.map(\.words) == ["nothing for 9 years"] && within.marks.isEmpty)
        #expect(Timeline.length(from: 2020_01_31, to: 2020_03_01) == "29 days")
        #expect(Timeline.length(from: 2020_02_28, to: 2020_04_28) == "2 months")
    }

    @Test func `What has no date stands apart, and what happened some time in a period stands at its beginning`() {
        let items = [item(2009_01_01, 2009_12_31), item(2009_03_04), item(.max)]
        let whole = Timeline(items)
        #expect(whole.undated == [2] && whole.marks.map(\.items) == [[0], [1]])
        let month = Timeline(items, period: 2009_03_01...2009_03_31)
        #expect(month.columns.count == 31 && month.marks.map(\.items) == [[0], [1]])
        #expect(month.marks.map(\.column) == [0, 3])
        #expect(Timeline(items, period: 2012_01_01...2012_12_31).columns.isEmpty)
        #expect(Timeline([item(.max)]).undated == [0])
    }

    @Test(arguments: [
        (2014_01_01...2014_12_31, 24, "2014-01"), (2014_02_01...2014_02_28, 28, "2014-02-01"),
        (2012_01_01...2014_12_31, 36, "2012"), (2005_01_01...2012_12_31, 32, "2005"),
        (2000_01_01...2015_12_31, 32, "2000"), (1980_01_01...2015_12_31, 36, "1980"),
        (1940_01_01...2039_12_31, 20, "1940"),
    ])
    func `Columns are what people have names for, as fine as there is room`(
        _ days: ClosedRange<Int>, _ count: Int, _ tick: String
    ) {
        let timeline = Timeline([item(days.lowerBound), item(days.upperBound)], period: days)
        #expect(timeline.columns.count == count && timeline.ticks.first?.date == tick)
        #expect(timeline.columns.first?.lowerBound == days.lowerBound)
        #expect(timeline.columns.last?.upperBound == days.upperBound)
        let names = timeline.ticks.filter(\.isNamed).map(\.x)
        #expect(zip(names, names.dropFirst()).allSatisfy { $1 - $0 >= 46 } && !names.isEmpty, "names do not touch")
        Self.expectApart(timeline)
    }

    @Test
    func `Marks are in the list's order, each item is in one of them, and none touches another, whatever there is`() {
        var generator = SystemRandomNumberGenerator()
        let batches = (0..<3).map { _ in BatchID.random() }
        for _ in 0..<60 {
            let count = Int.random(in: 1...400, using: &generator)
            let years = Int.random(in: 1...40, using: &generator)
            let items = (0..<count).map { number in
                let day =
                    (2000 + Int.random(in: 0..<years)) * 10_000 + Int.random(in: 1...12) * 100 + Int.random(in: 1...28)
                return item(
                    day, index: UInt64(number), meeting: Int.random(in: 0..<5) == 0,
                    significant: Int.random(in: 0..<20) == 0, batch: Bool.random() ? batches.randomElement() : nil)
            }.sorted { ($0.first, $0.index) < ($1.first, $1.index) }
            let timeline = Timeline(items)
            #expect(timeline.marks.flatMap(\.items).sorted() == Array(items.indices))
            for kind in Timeline.Kind.allCases {
                let firsts = timeline.marks.filter { $0.kind == kind }.map { ($0.column, $0.items[0]) }
                #expect(zip(firsts, firsts.dropFirst()).allSatisfy { $0.0 <= $1.0 && $0.1 < $1.1 })
            }
            Self.expectApart(timeline)
        }
    }

    @Test func `Ten thousand items come to some hundred marks`() {
        let items = (0..<10_000).map { number in
            item(2005_01_01 + number / 700 * 10_000 + number % 700 / 59 * 100 + number % 28, index: UInt64(number))
        }.sorted { ($0.first, $0.index) < ($1.first, $1.index) }
        let timeline = Timeline(items)
        #expect(timeline.marks.count <= 3 * Timeline.mostInColumn * timeline.columns.count)
        #expect(timeline.marks.reduce(0) { $0 + $1.items.count } == 10_000)
        #expect(timeline.width <= 1_000 && timeline.height < 400)
    }

    /// Each mark has its own cell, within the picture.
    private static func expectApart(_ timeline: Timeline) {
        var taken: Set<[Int]> = []
        for mark in timeline.marks {
            #expect(taken.insert([mark.column, mark.y]).inserted)
            #expect(mark.x >= 12 && mark.x <= timeline.width - 12 && mark.y >= 12 && mark.y <= timeline.axis - 12)
        }
        let middles = Dictionary(grouping: timeline.marks, by: \.column).sorted { $0.key < $1.key }.map {
            $0.value[0].x
        }
        #expect(zip(middles, middles.dropFirst()).allSatisfy { $1 - $0 >= Timeline.cell })
    }
}
