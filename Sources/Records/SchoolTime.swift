import Foundation

/// Days and times as people in the school write them, by its own clock.
public struct SchoolTime: Sendable {
    private let calendar: Calendar

    /// By the clock of a time zone, such as `Europe/London`; UTC for an unknown one.
    public init(_ timezone: String) {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(identifier: timezone) ?? .gmt
        self.calendar = calendar
    }

    /// The day of an instant: `2026-11-23`.
    public func day(of instant: Timestamp) -> String { text(instant.date).day }

    /// The day before that of an instant.
    public func dayBefore(_ instant: Timestamp) -> String {
        text(calendar.date(byAdding: .day, value: -1, to: instant.date) ?? instant.date).day
    }

    /// The time of day of an instant, to the minute: `14:05`.
    public func time(of instant: Timestamp) -> String { text(instant.date).time }

    private func text(_ date: Date) -> (day: String, time: String) {
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute], from: date)
        func two(_ number: Int?) -> String { String(String(100 + (number ?? 0)).suffix(2)) }
        return ("\(parts.year ?? 0)-\(two(parts.month))-\(two(parts.day))", "\(two(parts.hour)):\(two(parts.minute))")
    }

    /// The day of an instant as year × 10,000 + month × 100 + day, and its minute as hour × 100 + minute.
    public func moment(of instant: Timestamp) -> (day: Int, minute: Int) {
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute], from: instant.date)
        let day = (parts.year ?? 0) * 10_000 + (parts.month ?? 0) * 100 + (parts.day ?? 0)
        return (day, (parts.hour ?? 0) * 100 + (parts.minute ?? 0))
    }

    /// The beginning of a minute of a day; nil for what is none. Of an hour that the clock repeats, the first.
    public func instant(_ day: String, _ time: String) -> Timestamp? {
        guard let number = (try? DocumentDate(parsing: day))?.days?.lowerBound, day.utf8.count == 10,
            let minute = Self.minute(time),
            let date = calendar.date(
                from: DateComponents(
                    year: number / 10_000, month: number / 100 % 100, day: number % 100, hour: minute / 100,
                    minute: minute % 100))
        else { return nil }
        return Self.timestamp(date)
    }

    /// Whether more than 24 hours lie between what was received and its recording (F-04). Without a time of day: whether it
    /// was received neither on the day of recording nor on the day before.
    public func isLate(received day: String, time: String, recorded: Timestamp) -> Bool {
        if let instant = instant(day, time) { return recorded.milliseconds(since: instant) > 86_400_000 }
        guard let start = instant(day, "00:00").map(\.date),
            let end = calendar.date(byAdding: .day, value: 2, to: start)
        else { return false }
        return recorded.date >= end
    }

    /// The moment so many working days after an instant, at the same time of day; an instant on a day that is none counts as
    /// the beginning of the next that is. Working days are Monday to Friday, but for those that are closed.
    ///
    /// - Parameter closed: days as year × 10,000 + month × 100 + day.
    public func working(days: Int, after instant: Timestamp, closed: [ClosedRange<Int>]) -> Timestamp {
        func isWorking(_ date: Date) -> Bool {
            let number = moment(of: Self.timestamp(date)).day
            let isWeekend = [1, 7].contains(calendar.component(.weekday, from: date))
            return !isWeekend && !closed.contains { $0.contains(number) }
        }
        /// The same time on the next working day; of a calendar without any, on the last that was looked at.
        func next(_ date: Date) -> Date {
            var later = date
            for days in 1...1_000 {
                later = calendar.date(byAdding: .day, value: days, to: date) ?? date
                if isWorking(later) { break }
            }
            return later
        }
        var date = instant.date
        if !isWorking(date) { date = calendar.startOfDay(for: next(date)) }
        for _ in 0..<days { date = next(date) }
        return Self.timestamp(date)
    }

    private static func timestamp(_ date: Date) -> Timestamp {
        Timestamp(milliseconds: Int64((date.timeIntervalSince1970 * 1000).rounded()))
    }

    /// `14:05` as 1405; nil for anything else.
    public static func minute(_ time: String) -> Int? {
        let bytes = Array(time.utf8)
        guard bytes.count == 5, bytes[2] == UInt8(ascii: ":"), let hour = Int(time.prefix(2)),
            let minute = Int(time.suffix(2)), (0..<24).contains(hour), (0..<60).contains(minute)
        else { return nil }
        return hour * 100 + minute
    }

    /// `2026-11-23` as 20261123.
    static func number(_ day: String) -> Int { Int(day.filter { $0 != "-" }) ?? Int.max }

    /// A time of day as people write it (`14:05`, `14.05`, `2:05 pm`, `9am`, `noon`), as it is kept; nil for anything else.
    static func time(typed text: String) -> String? {
        var text = text.lowercased().filter { !$0.isWhitespace }
        if text == "noon" || text == "midday" { return "12:00" }
        if text == "midnight" { return "00:00" }
        var half: String?
        for mark in ["am", "a.m.", "pm", "p.m."] where text.hasSuffix(mark) {
            half = String(mark.prefix(1))
            text.removeLast(mark.count)
            break
        }
        let parts = text.split(omittingEmptySubsequences: false) { $0 == ":" || $0 == "." }
        guard (1...2).contains(parts.count), half != nil || parts.count == 2,
            parts.allSatisfy({ (1...2).contains($0.count) && $0.allSatisfy { "0123456789".contains($0) } }),
            parts.count == 1 || parts[1].count == 2, var hour = Int(parts[0]),
            let minute = parts.count == 2 ? Int(parts[1]) : 0, minute < 60
        else { return nil }
        if let half {
            guard (1...12).contains(hour) else { return nil }
            hour = hour % 12 + (half == "p" ? 12 : 0)
        }
        guard hour < 24 else { return nil }
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
        return two(hour) + ":" + two(minute)
    }
}
