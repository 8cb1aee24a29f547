package import Custody
import Records

// Where each item of a history stands in its picture: pure, from items to marks. Time is cut into columns that people have
// names for (a day, half a month, a month, a quarter …), so wide that two marks never touch; in a column marks stack, and
// where there are too many of a kind they are one mark with a number. So ten thousand items are a few hundred marks.

/// The layout of a pupil's history as a picture, in pixels.
package struct Timeline: Sendable {
    /// What a mark stands for.
    package enum Kind: Int, Sendable, CaseIterable {
        /// Significant events: larger dots, on top.
        case event
        /// Meetings: squares.
        case meeting
        /// All else that was filed: small dots, nearest to the axis.
        case document
    }

    /// One mark; its items are places in the list that it was made from, in its order.
    package struct Mark: Hashable, Sendable {
        /// What it stands for.
        package let kind: Kind
        /// In which column.
        package let column: Int
        /// Its middle.
        package let x: Int
        /// Its middle.
        package let y: Int
        /// Where its items stand in the list.
        package let items: [Int]
        /// Whether all of them are of one batch.
        package let isBatch: Bool
    }

    /// A stretch without anything.
    package struct Gap: Hashable, Sendable {
        /// Its left edge.
        package let x: Int
        /// Its width.
        package let width: Int
        /// The last day before it on which there was something.
        package let after: Int
        /// The first day after it on which there was something.
        package let before: Int
        /// `nothing for 14 months`.
        package let words: String
    }

    /// The beginning of a year, a month or a day on the axis.
    package struct Tick: Hashable, Sendable {
        /// Where.
        package let x: Int
        /// The year, month or day, as `DocumentDate` writes it.
        package let date: String
        /// Whether there is room for its name.
        package let isNamed: Bool
    }

    /// In order of time, and from top to bottom.
    package let marks: [Mark]
    /// In order of time.
    package let gaps: [Gap]
    /// In order of time.
    package let ticks: [Tick]
    /// The days of each column.
    package let columns: [ClosedRange<Int>]
    /// What has no date, as places in the list.
    package let undated: [Int]
    /// Pixels.
    package let width: Int
    /// Pixels, the axis with its names included.
    package let height: Int
    /// The axis.
    package let axis: Int

    /// A mark has this much room, both ways: what a finger can hit.
    package static let cell = 24
    /// How many marks of a kind stack in a column before they are one.
    package static let mostInColumn = 3
    private static let room = 912
    private static let margin = 8
    private static let names = 34

    /// Lays out what was filed, given oldest first.
    ///
    /// - Parameter period: the days that are shown, as far as there is something from the first year on to the last; nil for
    ///   all of it.
    package init(_ items: [ChronologyItem], period: ClosedRange<Int>? = nil) {
        let dated = items.indices.filter { items[$0].isRecord && items[$0].first != .max }
        undated = items.indices.filter { items[$0].isRecord && items[$0].first == .max }
        let years = dated.first.map {
            items[$0].first / 10_000 * 10_000 + 101...dated.reduce(0) { max($0, items[$1].last) } / 10_000 * 10_000
                + 1231
        }
        let bounds = years.flatMap { years in
            guard let period else { return Optional(years) }
            return period.overlaps(years) ? period.clamped(to: years) : nil
        }
        guard let bounds else {
            (marks, gaps, ticks, columns, width, height, axis) = ([], [], [], [], 0, 0, 0)
            return
        }
        let (columns, unit) = Self.columns(bounds)
        let columnWidth = max(Self.cell, Self.room / columns.count)
        func left(_ column: Int) -> Int { Self.margin + column * columnWidth }

        // Which marks there are, column by column.
        var inColumn = [[Int]](repeating: [], count: columns.count)
        for place in dated where items[place].first <= bounds.upperBound && items[place].last >= bounds.lowerBound {
            inColumn[Self.column(of: max(items[place].first, bounds.lowerBound), columns)].append(place)
        }
        var groups: [(kind: Kind, column: Int, row: Int, items: [Int], isBatch: Bool)] = []
        var rows = [Int](repeating: 0, count: Kind.allCases.count)
        for (column, places) in inColumn.enumerated() {
            for kind in Kind.allCases {
                let stack = Self.stack(places.filter { Self.kind(items[$0]) == kind }, items)
                rows[kind.rawValue] = max(rows[kind.rawValue], stack.count)
                for (row, group) in stack.enumerated() {
                    groups.append((kind, column, row, group.items, group.isBatch))
                }
            }
        }

        let gaps = Self.gaps(dated.map { items[$0] }, unit).compactMap { after, before -> Gap? in
            guard after <= bounds.upperBound, before >= bounds.lowerBound else { return nil }
            let from = after < bounds.lowerBound ? 0 : Self.column(of: after, columns) + 1
            let to = before > bounds.upperBound ? columns.count : Self.column(of: before, columns)
            guard from < to else { return nil }
            return Gap(
                x: left(from), width: left(to) - left(from), after: after, before: before,
                words: "nothing for " + Self.length(from: after, to: before))
        }
        let top = gaps.isEmpty ? 4 : Self.cell
        let axis = top + max(2, rows.reduce(0, +)) * Self.cell + 4
        // The lowest row of each kind: those below it have theirs.
        var floor = axis - 4
        var floors: [Int] = []
        for kind in Kind.allCases.reversed() {
            floors.insert(floor, at: 0)
            floor -= rows[kind.rawValue] * Self.cell
        }
        marks = groups.map { group in
            Mark(
                kind: group.kind, column: group.column, x: left(group.column) + columnWidth / 2,
                y: floors[group.kind.rawValue] - group.row * Self.cell - Self.cell / 2, items: group.items,
                isBatch: group.isBatch)
        }
        self.gaps = gaps
        self.axis = axis
        self.columns = columns
        width = columns.count * columnWidth + 2 * Self.margin
        height = axis + Self.names
        ticks = Self.ticks(columns, unit, columnWidth, left)
    }

    private static func kind(_ item: ChronologyItem) -> Kind {
        item.isSignificant ? .event : item.isMeeting ? .meeting : .document
    }

    /// The marks of one kind in one column: documents of a batch together, and all together where that is still too many.
    private static func stack(_ places: [Int], _ items: [ChronologyItem]) -> [(items: [Int], isBatch: Bool)] {
        var stack: [(items: [Int], isBatch: Bool)] = []
        var placeOf: [BatchID: Int] = [:]
        for place in places {
            if let batch = items[place].batch, kind(items[place]) == .document, !items[place].isQuarantined {
                if let at = placeOf[batch] {
                    stack[at].items.append(place)
                    stack[at].isBatch = true
                    continue
                }
                placeOf[batch] = stack.count
            }
            stack.append(([place], false))
        }
        return stack.count > mostInColumn ? [(places, false)] : stack
    }

    /// Where nothing happened for long enough to be told: from the last day before to the first day after.
    private static func gaps(_ items: [ChronologyItem], _ unit: Unit) -> [(after: Int, before: Int)] {
        var gaps: [(after: Int, before: Int)] = []
        guard var last = items.first?.last else { return [] }
        for item in items.dropFirst() {
            if item.first > last, Day.ordinal(item.first) - Day.ordinal(last) > unit.daysOfGap {
                gaps.append((last, item.first))
            }
            last = max(last, item.last)
        }
        return gaps
    }

    /// `35 days`, `14 months`, `3 years`: whole ones.
    package static func length(from: Int, to: Int) -> String {
        let months = Day.months(from: from, to: to)
        switch months {
        case ..<2: return "\(Day.ordinal(to) - Day.ordinal(from) - 1) days"
        case ..<36: return "\(months) months"
        default: return "\(months / 12) years"
        }
    }

    // MARK: - Columns

    /// How long a column is.
    enum Unit: Equatable {
        case day, halfMonth
        case months(Int)

        static let all: [Unit] = [.day, .halfMonth] + [1, 3, 6, 12, 60, 120].map { .months($0) }

        /// From how many days on nothing is a gap.
        var daysOfGap: Int {
            switch self {
            case .day: 7
            case .halfMonth: 60
            case .months: 182
            }
        }
    }

    /// The finest columns that there is room for.
    private static func columns(_ bounds: ClosedRange<Int>) -> ([ClosedRange<Int>], Unit) {
        let days = Day.ordinal(bounds.upperBound) - Day.ordinal(bounds.lowerBound) + 1
        let months = Day.months(from: bounds.lowerBound, to: bounds.upperBound) + 2
        let unit =
            Unit.all.first { unit in
                switch unit {
                case .day: days <= room / cell
                case .halfMonth: 2 * (months - 1) <= room / cell
                case .months(let length): (months + length - 1) / length <= room / cell
                }
            } ?? .months(120)
        var columns: [ClosedRange<Int>] = []
        var start = bounds.lowerBound
        switch unit {
        case .day: break
        case .halfMonth: start = start / 100 * 100 + (start % 100 > 15 ? 16 : 1)
        case .months(let length): start = Day.first(ofMonth: Day.month(start) / length * length)
        }
        while start <= bounds.upperBound {
            let next: Int
            switch unit {
            case .day: next = Day.after(start)
            case .halfMonth: next = start % 100 < 16 ? start / 100 * 100 + 16 : Day.first(ofMonth: Day.month(start) + 1)
            case .months(let length): next = Day.first(ofMonth: Day.month(start) + length)
            }
            columns.append(start...Day.before(next))
            start = next
        }
        return (columns, unit)
    }

    private static func column(of day: Int, _ columns: [ClosedRange<Int>]) -> Int {
        var (low, high) = (0, columns.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if columns[middle].upperBound < day { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func ticks(
        _ columns: [ClosedRange<Int>], _ unit: Unit, _ columnWidth: Int, _ left: (Int) -> Int
    ) -> [Tick] {
        var ticks: [(x: Int, date: String)] = []
        var last = ""
        for (place, column) in columns.enumerated() {
            let text = Day.text(column.lowerBound)
            let date: Substring =
                switch unit {
                case .day: text[...]
                case .halfMonth: text.prefix(7)
                case .months: text.prefix(4)
                }
            if date != last { ticks.append((left(place), String(date))) }
            last = String(date)
        }
        // Names every so many, so that they do not touch.
        let apart = ticks.count > 1 ? (ticks[ticks.count - 1].x - ticks[0].x) / (ticks.count - 1) : room
        let every = [1, 2, 5, 10, 20, 50].first { $0 * apart >= 48 } ?? 50
        return ticks.enumerated().map { place, tick in
            let number = unit == .day ? place : Int(tick.date.suffix(unit == .halfMonth ? 2 : 4)) ?? place
            let isNamed = unit == .halfMonth ? (number - 1) % every == 0 : number % every == 0
            return Tick(x: tick.x, date: tick.date, isNamed: isNamed)
        }
    }
}
