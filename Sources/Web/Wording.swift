import Foundation
import Records

/// Times, dates, sizes and roles in words, by the school's own clock.
struct Wording: Sendable {
    private let calendar: Calendar
    /// The school's own clock.
    let school: SchoolTime

    init(timezone: String) {
        school = SchoolTime(timezone)
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(identifier: timezone) ?? .gmt
        self.calendar = calendar
    }

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]

    /// As HTTP writes a moment (RFC 9110): `Wed, 25 Nov 2026 14:05:09 GMT`.
    static func httpDate(_ time: Timestamp) -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        let parts = calendar.dateComponents([.weekday, .year, .month, .day, .hour, .minute, .second], from: time.date)
        let day = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][(parts.weekday ?? 1) - 1]
        let month = months[(parts.month ?? 1) - 1].prefix(3)
        let clock = [parts.hour, parts.minute, parts.second].map { two($0 ?? 0) }.joined(separator: ":")
        return "\(day), \(two(parts.day ?? 1)) \(month) \(parts.year ?? 0) \(clock) GMT"
    }

    /// `14:05`.
    func timeOfDay(_ time: Timestamp) -> String {
        let parts = calendar.dateComponents([.hour, .minute], from: time.date)
        return Self.two(parts.hour ?? 0) + ":" + Self.two(parts.minute ?? 0)
    }

    /// `2026-11-23`.
    func day(_ time: Timestamp) -> String {
        let parts = calendar.dateComponents([.year, .month, .day], from: time.date)
        return "\(parts.year ?? 0)-\(Self.two(parts.month ?? 0))-\(Self.two(parts.day ?? 0))"
    }

    /// `23 November 2026`.
    func longDay(_ time: Timestamp) -> String { date(day(time)) }

    /// `23 November 2026 at 14:05`.
    func moment(_ time: Timestamp) -> String { "\(longDay(time)) at \(timeOfDay(time))" }

    /// An EDTF date in words.
    func date(_ text: String) -> String {
        if text == "undated" || text.isEmpty { return "No date known" }
        return text.split(separator: "/").map(single).joined(separator: " to ")
    }

    private func single(_ text: Substring) -> String {
        let parts = text.split(separator: "-")
        let numbers = parts.compactMap { Int($0) }
        guard numbers.count == parts.count else { return String(text) }
        switch numbers.count {
        case 3 where (1...12).contains(numbers[1]): return "\(numbers[2]) \(Self.months[numbers[1] - 1]) \(numbers[0])"
        case 2 where (1...12).contains(numbers[1]): return "\(Self.months[numbers[1] - 1]) \(numbers[0])"
        default: return String(text)
        }
    }

    /// How long after one date another lies: `on the same day`, `2 days later`, `about 17 years later`.
    func interval(from earlier: String, to later: String) -> String? {
        guard let days = days(from: earlier, to: later) else { return nil }
        switch days {
        case ..<0: return nil
        case 0: return "on the same day"
        case 1: return "1 day later"
        case 2..<60: return "\(days) days later"
        case 60..<730: return "about \((days + 15) / 30) months later"
        default: return "about \((days + 182) / 365) years later"
        }
    }

    /// Days from the end of one date to the beginning of another; nil where either is not known.
    func days(from earlier: String, to later: String) -> Int? {
        guard let from = try? DocumentDate(parsing: earlier), let to = try? DocumentDate(parsing: later),
            let last = from.days?.upperBound, let first = to.days?.lowerBound, let start = noon(last),
            let end = noon(first)
        else { return nil }
        return calendar.dateComponents([.day], from: start, to: end).day
    }

    private func noon(_ day: Int) -> Date? {
        calendar.date(from: DateComponents(year: day / 10_000, month: day / 100 % 100, day: day % 100, hour: 12))
    }

    /// `1.4 MB`.
    func size(_ bytes: UInt64) -> String {
        switch bytes {
        case ..<1_000: "\(bytes) bytes"
        case ..<1_000_000: "\((bytes + 500) / 1_000) KB"
        case ..<1_000_000_000: Self.tenths(bytes, 1_000_000) + " MB"
        default: Self.tenths(bytes, 1_000_000_000) + " GB"
        }
    }

    private static func tenths(_ bytes: UInt64, _ unit: UInt64) -> String {
        let tenths = (bytes * 10 + unit / 2) / unit
        return tenths >= 1_000 || tenths % 10 == 0 ? String((tenths + 5) / 10) : "\(tenths / 10).\(tenths % 10)"
    }

    /// `3 documents`, `1 document`.
    func count(_ number: Int, _ one: String, _ many: String? = nil) -> String {
        "\(grouped(UInt64(max(number, 0)))) \(number == 1 ? one : many ?? one + "s")"
    }

    /// `4,120`.
    func grouped(_ number: UInt64) -> String {
        var out = ""
        for (place, digit) in String(number).reversed().enumerated() {
            if place > 0, place % 3 == 0 { out = "," + out }
            out = String(digit) + out
        }
        return out
    }

    func roles(_ roles: Set<Role>) -> String {
        Role.allCases.filter(roles.contains).map(\.title).joined(separator: ", ")
    }

    /// Why a file is kept apart, from the code in its statement.
    func quarantine(_ code: String) -> String {
        switch code {
        case "type.active-content":
            "It holds something that can act by itself when it is opened, such as a macro, a script or another file."
        case "virus.found": "The virus scanner knows it, or part of it, as made to do harm."
        case "type.second-signature": "A second file is hidden inside it."
        case "type.bytes-before-start": "Something stands in it before the place where the document begins."
        case "type.bytes-after-end": "Something was added to it after the place where the document ends."
        default: "The inspection found something that it should not hold."
        }
    }

    /// What people call a type of file.
    func fileType(_ mediaType: String, _ policies: Policies) -> String {
        if let title = policies.fileTypes.types.first(where: { $0.mediaType == mediaType })?.title {
            return title.prefix(1).uppercased() + title.dropFirst()
        }
        return mediaType.isEmpty ? "Not known yet" : mediaType
    }

    /// `PDF, 3 pages, 1.4 MB`.
    func facts(_ mediaType: String, _ pages: Int?, _ bytes: UInt64, _ policies: Policies) -> String {
        [fileType(mediaType, policies), pages.map { count($0, "page") }, size(bytes)].compactMap { $0 }
            .joined(separator: ", ")
    }

    func signed(_ word: String, by signer: String) -> String {
        switch word {
        case "yes": signer.isEmpty ? "Yes" : "Yes, by \(signer)"
        case "no": "No"
        default: "Not known"
        }
    }

    /// Groups of four, for reading aloud and typing.
    func grouped(_ text: String, by size: Int = 4) -> String {
        var out = ""
        for (place, character) in text.enumerated() {
            if place > 0, place % size == 0 { out += " " }
            out.append(character)
        }
        return out
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
}
