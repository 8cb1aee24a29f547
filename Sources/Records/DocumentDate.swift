/// A document's own date as EDTF level 0: a day, a month, a year, a range of these, or `undated`.
public struct DocumentDate: Hashable, Sendable {
    /// The text as it was given and is kept: `2009`, `2009-03`, `2009-03-04/2009-05-01` or `undated`.
    public let text: String
    /// Earliest and latest day it can mean, as year × 10,000 + month × 100 + day; nil when undated.
    public let days: ClosedRange<Int>?

    /// No date is known.
    public static let undated = DocumentDate(text: "undated", days: nil)

    /// Reads EDTF level 0.
    ///
    /// - Throws: a refusal `date.unreadable` that says what would be accepted.
    public init(parsing text: String) throws(Refusal) {
        if text == "undated" {
            self = .undated
            return
        }
        let ends = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard ends.count <= 2, let first = ends.first.flatMap(Self.days), let last = ends.last.flatMap(Self.days),
            first.lowerBound <= last.upperBound
        else { throw Refusal.dateUnreadable }
        self.init(text: text, days: first.lowerBound...last.upperBound)
    }

    /// Reads a date as people here write it too: `4 March 2009`, `4/3/2009` (the day first), `March 2009`, `3/2009`, two of
    /// these with `to` or a dash between; else EDTF level 0. What is kept is EDTF.
    ///
    /// - Throws: a refusal `date.unreadable` that says what would be accepted.
    public init(typed text: String) throws(Refusal) {
        let text = text.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for mark in [" to ", " - ", " – "] {
            let ends = text.split(separator: mark, omittingEmptySubsequences: false)
            guard ends.count == 2 else { continue }
            self = try DocumentDate(
                parsing: "\(Self.edtf(ends[0]) ?? String(ends[0]))/\(Self.edtf(ends[1]) ?? String(ends[1]))")
            return
        }
        self = try DocumentDate(parsing: Self.edtf(text[...]) ?? text)
    }

    private static let months = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
        "december",
    ]

    /// One end of a date as people write it; nil for anything else.
    private static func edtf(_ text: Substring) -> String? {
        var parts = text.split { $0 == " " || $0 == "/" || $0 == "." || $0 == "-" || $0 == "," }
        guard (2...3).contains(parts.count), let year = parts.popLast(), year.count == 4, let word = parts.popLast()
        else {
            return nil
        }
        let named = months.firstIndex { word.count >= 3 && $0.hasPrefix(word) }
        guard let month = named.map({ $0 + 1 }) ?? Int(word), (1...12).contains(month) else { return nil }
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
        guard var day = parts.first else { return "\(year)-\(two(month))" }
        for ending in ["st", "nd", "rd", "th"] where day.hasSuffix(ending) { day.removeLast(2) }
        return Int(day).flatMap { (1...31).contains($0) ? "\(year)-\(two(month))-\(two($0))" : nil }
    }

    private init(text: String, days: ClosedRange<Int>?) {
        self.text = text
        self.days = days
    }

    /// Orders by earliest instant, undated last. Equal keys are ordered by ledger index.
    public var orderingKey: Int { days?.lowerBound ?? Int.max }

    /// The days of `2009`, `2009-03` or `2009-03-04`.
    private static func days(of text: Substring.UTF8View) -> ClosedRange<Int>? {
        guard [4, 7, 10].contains(text.count) else { return nil }
        var numbers = (year: 0, month: 0, day: 0)
        for (place, character) in text.enumerated() {
            if place == 4 || place == 7 {
                guard character == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard case let digit = Int(character) - 48, (0...9).contains(digit) else { return nil }
            switch place {
            case ..<4: numbers.year = numbers.year * 10 + digit
            case ..<7: numbers.month = numbers.month * 10 + digit
            default: numbers.day = numbers.day * 10 + digit
            }
        }
        let (year, month, day) = numbers
        guard year >= 1900 else { return nil }
        if text.count == 4 { return (year * 10_000 + 101)...(year * 10_000 + 1231) }
        guard (1...12).contains(month) else { return nil }
        let base = year * 10_000 + month * 100
        if text.count == 7 { return (base + 1)...(base + length(of: month, in: year)) }
        guard (1...length(of: month, in: year)).contains(day) else { return nil }
        return (base + day)...(base + day)
    }

    private static func length(of month: Int, in year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

/// Days written as year × 10,000 + month × 100 + day, of the Gregorian calendar.
public enum Day {
    /// Days since 1970-01-01.
    public static func ordinal(_ day: Int) -> Int {
        let (month, date) = (day / 100 % 100, day % 100)
        let year = month <= 2 ? day / 10_000 - 1 : day / 10_000
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + date - 1
        return year / 400 * 146_097 + year % 400 * 365 + year % 400 / 4 - year % 400 / 100 + dayOfYear - 719_468
    }

    /// Months since the beginning of the era.
    public static func month(_ day: Int) -> Int { day / 10_000 * 12 + day / 100 % 100 - 1 }
    /// The first day of a month.
    public static func first(ofMonth month: Int) -> Int { month / 12 * 10_000 + (month % 12 + 1) * 100 + 1 }

    /// Whole months from one day to another.
    public static func months(from: Int, to: Int) -> Int { month(to) - month(from) - (to % 100 < from % 100 ? 1 : 0) }

    /// How many days a month has.
    public static func length(ofMonth month: Int) -> Int {
        ordinal(first(ofMonth: month + 1)) - ordinal(first(ofMonth: month))
    }

    /// The next day.
    public static func after(_ day: Int) -> Int {
        day % 100 < length(ofMonth: month(day)) ? day + 1 : first(ofMonth: month(day) + 1)
    }

    /// The day before.
    public static func before(_ day: Int) -> Int {
        day % 100 > 1 ? day - 1 : first(ofMonth: month(day) - 1) + length(ofMonth: month(day) - 1) - 1
    }

    /// `2009-03-04`.
    public static func text(_ day: Int) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
        return "\(day / 10_000)-\(two(day / 100 % 100))-\(two(day % 100))"
    }

    /// The shortest date of EDTF level 0 that means these days: `2009`, `2009-03`, `2009-03-04`, or a range of these.
    public static func text(_ days: ClosedRange<Int>) -> String {
        let (from, to) = (text(days.lowerBound), text(days.upperBound))
        let isLast = days.upperBound % 100 == length(ofMonth: month(days.upperBound))
        let ends: (Substring, Substring) =
            switch (days.lowerBound % 10_000, days.upperBound % 10_000) {
            case (101, 1231): (from.prefix(4), to.prefix(4))
            case _ where days.lowerBound % 100 == 1 && isLast: (from.prefix(7), to.prefix(7))
            default: (from[...], to[...])
            }
        return ends.0 == ends.1 ? String(ends.0) : "\(ends.0)/\(ends.1)"
    }
}
