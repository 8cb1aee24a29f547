import Custody
import Records

/// A pupil's history drawn, with a link for each mark, and the same as a table.
struct TimelinePicture {
    struct Mark {
        let x: Int
        let y: Int
        /// The corner of what a finger can hit.
        let left: Int
        let top: Int
        let href: String
        let name: String
        let isEvent: Bool
        let isMeeting: Bool
        let isDocument: Bool
        /// How many, where it stands for several.
        let number: String?
    }
    struct Gap {
        let x: Int
        let width: Int
        let height: Int
        let middle: Int
        let words: String
        let hasRoom: Bool
    }
    struct Tick {
        let x: Int
        let bottom: Int
        let text: String?
        let link: Link?
        let left: Int
        let top: Int
        let middle: Int
    }
    struct Row {
        let when: String
        let what: String
        let link: Link?
    }
    struct Period {
        let link: Link
        let isChosen: Bool
    }
    let label: String
    let width: Int
    let height: Int
    let axis: Int
    let axisEnd: Int
    let tickText: Int
    let marks: [Mark]
    let gaps: [Gap]
    let ticks: [Tick]
    let rows: [Row]
    let hasRows: Bool
    let isDrawn: Bool
    let undated: Link?
    let periods: [Period]
    let around: [Link]

    /// Nil where nothing was filed that is chosen.
    init?(_ view: ChronologyView, _ chronology: ChosenChronology, _ visit: Visit) {
        let (items, words) = (chronology.items, visit.words)
        guard items.contains(where: \.isRecord) else { return nil }
        let timeline = Timeline(items, period: view.choice.period)
        let numbers = chronology.batchNumbers

        func when(_ mark: Timeline.Mark) -> String {
            guard mark.items.count == 1, let item = mark.items.first.map({ items[$0] }) else {
                return words.date(Day.text(timeline.columns[mark.column]))
            }
            return words.date(Day.text(item.first...item.last))
        }
        func what(_ mark: Timeline.Mark) -> String {
            let first = mark.items.first.map { items[$0] }
            if mark.items.count == 1 { return first.map { visit.title(ofCategory: $0.category) } ?? "" }
            let noun =
                switch mark.kind {
                case .event: words.count(mark.items.count, "significant event")
                case .meeting: words.count(mark.items.count, "meeting")
                case .document: words.count(mark.items.count, hasEntries(mark) ? "item" : "document")
                }
            guard mark.isBatch, let number = first?.batch.flatMap({ numbers[$0] }) else { return noun }
            return "\(noun) of batch \(number)"
        }
        func href(_ mark: Timeline.Mark) -> String {
            mark.items.lazy.compactMap { chronology.lineOf[$0] }.min().map { view.address(ofLine: $0) } ?? "#chronology"
        }
        func hasEntries(_ mark: Timeline.Mark) -> Bool {
            mark.items.contains { EntryKind.named(inCategory: chronology.items[$0].category) != nil }
        }
        func kind(_ mark: Timeline.Mark) -> String {
            switch mark.kind {
            case .event: "Significant event"
            case .meeting: "Meeting"
            case .document: hasEntries(mark) ? "Entry" : "Document"
            }
        }
        marks = timeline.marks.map { mark in
            let (count, half) = (mark.items.count, Timeline.cell / 2)
            let kind = count == 1 ? "\(kind(mark)): " : ""
            return Mark(
                x: mark.x, y: mark.y, left: mark.x - half, top: mark.y - half, href: href(mark),
                name: "\(kind)\(what(mark)), \(when(mark))", isEvent: mark.kind == .event,
                isMeeting: mark.kind == .meeting, isDocument: mark.kind == .document,
                number: count == 1 ? nil : count < 1000 ? String(count) : "…")
        }
        gaps = timeline.gaps.map { gap in
            Gap(
                x: gap.x, width: gap.width, height: timeline.axis, middle: gap.x + gap.width / 2, words: gap.words,
                hasRoom: gap.width >= gap.words.count * 7 + 8)
        }
        ticks = timeline.ticks.map { tick in
            let text = tick.isNamed ? words.tick(tick.date) : nil
            let isPeriod = tick.date.utf8.count < 10 && tick.date != view.period
            let link =
                isPeriod
                ? text.map { _ in Link(href: view.address(period: tick.date), text: words.date(tick.date)) } : nil
            return Tick(
                x: tick.x, bottom: timeline.axis + (tick.isNamed ? 10 : 6), text: text, link: link, left: tick.x,
                top: timeline.axis + 8, middle: tick.x + 4)
        }
        // The same in the order of time: what stands before the next mark or gap.
        let parts =
            timeline.marks.map { mark in
                (
                    timeline.columns[mark.column].lowerBound, 1,
                    Row(
                        when: when(mark), what: mark.items.count == 1 ? kind(mark) : "Several",
                        link: Link(href: href(mark), text: what(mark)))
                )
            }
            + timeline.gaps.map { gap in
                let words = gap.words.prefix(1).uppercased() + gap.words.dropFirst()
                let after = visit.words.date(Day.text(gap.after))
                return (
                    gap.after, 2,
                    Row(when: "After \(after)", what: words, link: nil)
                )
            }
        rows = parts.enumerated().sorted { ($0.1.0, $0.1.1, $0.0) < ($1.1.0, $1.1.1, $1.0) }.map(\.1.2)
        hasRows = !rows.isEmpty
        isDrawn = !timeline.columns.isEmpty
        (width, height, axis) = (timeline.width, timeline.height, timeline.axis)
        axisEnd = timeline.width - 8
        tickText = timeline.axis + 26
        let shown = view.choice.period.map { words.period($0) } ?? "the whole history"
        label = "Timeline of \(shown); the table below says the same"
        undated =
            view.choice.period == nil && !timeline.undated.isEmpty
            ? Link(
                href: timeline.undated.lazy.compactMap { chronology.lineOf[$0] }.min().map { view.address(ofLine: $0) }
                    ?? "#chronology",
                text: words.count(timeline.undated.count, "item") + " without a date")
            : nil
        (periods, around) = Self.periods(view, items, words)
    }

    /// Where else one can look: the whole, spans of years where there are many, years, and the months of one; and, of what
    /// is chosen now, the same length before and after.
    private static func periods(
        _ view: ChronologyView, _ items: [ChronologyItem], _ words: Wording
    ) -> (periods: [Period], around: [Link]) {
        let dated = items.lazy.filter { $0.isRecord && $0.first != .max }
        guard let from = dated.first.map({ $0.first / 10_000 }) else { return ([], []) }
        let to = dated.reduce(from) { max($0, $1.last / 10_000) }
        let chosen = view.choice.period
        func period(_ text: String) -> Period {
            Period(
                link: Link(href: view.address(period: text), text: text.isEmpty ? "Whole history" : words.date(text)),
                isChosen: text == (chosen.map { Day.text($0) } ?? ""))
        }
        func years(_ first: Int, _ last: Int) -> String { first == last ? "\(first)" : "\(first)/\(last)" }
        var periods = [period("")]
        if to - from >= 8 {
            periods += stride(from: from / 5 * 5, through: to, by: 5).map { period(years($0, $0 + 4)) }
        }
        let isLong = to - from >= 15
        let span =
            chosen.map { max(from, $0.lowerBound / 10_000)...max(from, min(to, $0.upperBound / 10_000)) } ?? from...to
        // All years of a short history; of a long one those about what is chosen.
        let listed =
            isLong
            ? chosen == nil ? [] : Array(span.lowerBound / 5 * 5...span.lowerBound / 5 * 5 + 4) : Array(from...to)
        periods += listed.filter { (from...to).contains($0) }.map { period("\($0)") }
        if let chosen, chosen.lowerBound / 10_000 == chosen.upperBound / 10_000 {
            let year = chosen.lowerBound / 10_000
            periods += (1...12).map { period("\(year)-\($0 < 10 ? "0" : "")\($0)") }
        }
        var around: [Link] = []
        if let chosen, chosen.lowerBound != 1900_01_01, chosen.upperBound != 2199_12_31 {
            let length = Day.months(from: chosen.lowerBound, to: Day.after(chosen.upperBound))
            let text = Day.text(chosen)
            if text.utf8.count == 7 || !text.contains("-") {
                for (offset, name) in [(-length, "Earlier"), (length, "Later")] {
                    let start = Day.first(ofMonth: Day.month(chosen.lowerBound) + offset)
                    let end = Day.before(Day.first(ofMonth: Day.month(start) + length))
                    guard end / 10_000 >= from, start / 10_000 <= to else { continue }
                    let text = Day.text(start...end)
                    around.append(Link(href: view.address(period: text), text: "\(name): \(words.date(text))"))
                }
            }
        }
        return (periods, around)
    }
}

extension Wording {
    /// A tick's name: `2009`, `Mar`, `4`.
    func tick(_ text: String) -> String {
        switch text.utf8.count {
        case 4: text
        case 7: String(date(text).prefix(3))
        default: String(Int(text.suffix(2)) ?? 0)
        }
    }
}
