import Custody
import HTTPTypes
import Records

let chronologyRoutes: [Route] = [
    Route(.post, "/entries/{index}/promote", .read, body: .form([])) { visit in try mark(visit, significant: true) },
    Route(.post, "/entries/{index}/demote", .read, body: .form([])) { visit in try mark(visit, significant: false) },
]

/// How many lines of a chronology stand on a page.
private let linesShown = 100

/// What of a pupil's chronology somebody asks for, as its address says it. Nothing in it names anybody: categories, types,
/// dates and ids.
struct ChronologyView {
    static let query: Set<String> = [
        "order", "from", "show", "period", "category", "type", "agency", "by", "batch", "since", "until",
    ]

    let reference: String
    var choice = ChronologyChoice()
    /// The period as its address has it; empty for the whole history.
    var period = ""
    /// The first line, from 1.
    var first = 1
    /// Days that were typed and cannot be read.
    var refusal: Refusal?
    /// The days as they were typed.
    let typed: (since: String, until: String)

    init(_ visit: Visit, of pupil: Pupil) throws {
        reference = pupil.reference
        // A form that is sent says it as an address does.
        let query = visit.route.method == .post ? visit.form : visit.query
        typed = (query["since"], query["until"])
        let lanes = ["significant": ChronologyLane.significant, "": .records, "records": .records]
        guard ["", "newest", "oldest"].contains(query["order"]),
            let lane = query["show"] == "everything" ? .everything : lanes[query["show"]]
        else { throw Fault.noSuchPage }
        choice.lane = lane
        choice.newestFirst = query["order"] != "oldest"
        first = try visit.number("from", in: 1...10_000_000, otherwise: 1)
        for (name, path) in [
            ("category", \ChronologyChoice.category), ("type", \.mediaType), ("agency", \.agency),
        ] {
            guard query[name].utf8.count <= 120, query[name].utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
                throw Fault.noSuchPage
            }
            choice[keyPath: path] = query[name]
        }
        choice.author = try Self.id(query["by"])
        choice.batch = try Self.id(query["batch"])
        if !query["period"].isEmpty {
            guard let days = (try? DocumentDate(parsing: query["period"]))?.days else { throw Fault.noSuchPage }
            (choice.period, period) = (days, query["period"])
        }
        do throws(Refusal) {
            let since = try Self.days(query["since"])?.lowerBound
            let until = try Self.days(query["until"])?.upperBound
            guard since != nil || until != nil else { return }
            let days = (since ?? 1900_01_01, until ?? 2199_12_31)
            guard days.0 <= days.1 else { throw .periodBackwards }
            choice.period = days.0...days.1
            period = Day.text(days.0...days.1)
        } catch {
            refusal = error
        }
    }

    private static func id<Of>(_ text: String) throws(Fault) -> Identifier<Of>? {
        if text.isEmpty { return nil }
        guard let id = Identifier<Of>(text: text) else { throw .noSuchPage }
        return id
    }

    private static func days(_ text: String) throws(Refusal) -> ClosedRange<Int>? {
        let text = trimmed(text)
        if text.isEmpty { return nil }
        guard let days = try DocumentDate(typed: text).days else { throw .dateUnreadable }
        return days
    }

    /// The address of the same, changed.
    func address(_ change: (inout ChronologyView) -> Void = { _ in }) -> String {
        var view = self
        view.first = 1
        change(&view)
        let show =
            switch view.choice.lane {
            case .significant: "significant"
            case .records: "records"
            case .everything: "everything"
            }
        var parts = ["order=\(view.choice.newestFirst ? "newest" : "oldest")", "show=\(show)"]
        for (name, value) in [
            ("period", view.period), ("category", view.choice.category), ("type", view.choice.mediaType),
            ("agency", view.choice.agency), ("by", view.choice.author?.text ?? ""),
            ("batch", view.choice.batch?.text ?? ""),
        ] where !value.isEmpty {
            parts.append(name + "=" + Self.escaped(value))
        }
        if view.first > 1 { parts.append("from=\(view.first)") }
        return "/pupils/\(reference)?" + parts.joined(separator: "&")
    }

    static func escaped(_ text: String) -> String {
        text.utf8.reduce(into: "") { out, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"):
                out.unicodeScalars.append(Unicode.Scalar(byte))
            default: out += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
    }

    func address(period: String) -> String {
        address {
            $0.period = period
            $0.choice.period = nil
        }
    }

    /// The address of a line, counted from 0: on this page a place in it.
    func address(ofLine line: Int) -> String {
        let page = line / linesShown * linesShown + 1
        return (page == first ? "" : address { $0.first = page }) + "#line-\(line + 1)"
    }
}

extension Refusal {
    /// A period that ends before it begins.
    static let periodBackwards = Refusal(
        code: "period.backwards", message: "The first day is after the last.",
        hint: "Give the earlier date first, or leave one of them empty.")
}

/// One line of a chronology's list: an entry, or documents of a batch together.
struct ChronologyLine {
    struct Fold {
        let when: String
        let text: String
        let kinds: String
        let href: String
    }
    let id: String
    let entry: EntryLine?
    let isSignificant: Bool
    let fold: Fold?

    init(_ line: ChosenChronology.Line, number: Int, _ view: ChronologyView, _ visit: Visit) {
        id = "line-\(number)"
        switch line {
        case .entry(let entry, let item):
            self.entry = EntryLine(entry, visit.words)
            isSignificant = item.isSignificant
            fold = nil
        case .batch(let batch, let number, let items):
            entry = nil
            isSignificant = false
            let dated = items.filter { $0.first != .max }
            let days = dated.map(\.first).min().map { $0...dated.reduce($0) { max($0, $1.last) } }
            let kinds = Dictionary(grouping: items, by: \.category).map { (visit.title(ofCategory: $0), $1.count) }
            fold = Fold(
                when: days.map { visit.words.date(Day.text($0)) } ?? visit.words.date("undated"),
                text: "\(visit.words.count(items.count, "document")) of batch \(number)",
                kinds: kinds.sorted { ($1.1, $0.0) < ($0.1, $1.0) }.map { "\($0.0): \($0.1)" }.joined(separator: " · "),
                href: view.address { view in
                    view.choice.batch = batch
                    // What is folded with these may be many; those of this line are in these days.
                    view.period = days.map { Day.text($0) } ?? ""
                })
        }
    }
}

extension Visit {
    /// An agency as people see it.
    func title(ofAgency id: String) -> String { vault.policies.title(ofAgency: id) }

    /// A category as people see it.
    func title(ofCategory id: String) -> String { vault.policies.title(ofCategory: id) }
}

/// What a chronology can be narrowed down to, and what it is now.
struct ChronologyFilters {
    struct Lane {
        let link: Link
        let isChosen: Bool
    }
    let lanes: [Lane]
    let order: Link
    let action: String
    let show: String
    let orderValue: String
    let batch: String?
    let categories: [Choice]
    let types: [Choice]
    let agencies: [Choice]
    let people: [Choice]
    let since: Field
    let until: Field
    /// Whether anything is left out.
    let isNarrowed: Bool
    let isOpen: Bool
    /// What it is narrowed down to, in words.
    let narrowed: String
    let everything: String

    init(_ view: ChronologyView, _ chronology: ChosenChronology, _ visit: Visit) {
        let (choice, words) = (view.choice, visit.words)
        func lane(_ lane: ChronologyLane, _ text: String) -> Lane {
            Lane(
                link: Link(href: view.address { $0.choice.lane = lane }, text: text), isChosen: choice.lane == lane)
        }
        lanes = [
            lane(.significant, "Significant events (\(words.grouped(UInt64(chronology.significant))))"),
            lane(.records, "Documents and entries"), lane(.everything, "Also readings and refusals"),
        ]
        order = Link(
            href: view.address { $0.choice.newestFirst.toggle() },
            text: choice.newestFirst ? "Oldest first" : "Newest first")
        action = "/pupils/\(view.reference)"
        show = choice.lane == .significant ? "significant" : choice.lane == .records ? "records" : "everything"
        orderValue = choice.newestFirst ? "newest" : "oldest"
        batch = choice.batch?.text
        let known = visit.vault.policies.categories.categories.map(\.id)
        let ids = known.filter(chronology.categories.contains) + chronology.categories.subtracting(known).sorted()
        categories = ids.filter { !$0.isEmpty }.map {
            Choice(value: $0, title: visit.title(ofCategory: $0), chosen: $0 == choice.category)
        }
        types = chronology.mediaTypes.filter { !$0.isEmpty }.sorted().map {
            Choice(value: $0, title: words.fileType($0, visit.vault.policies), chosen: $0 == choice.mediaType)
        }
        agencies = (visit.vault.policies.agencies.agencies.map(\.id) + [MeetingDetails.otherAgency])
            .filter(chronology.agencies.contains).map {
                Choice(value: $0, title: visit.title(ofAgency: $0), chosen: $0 == choice.agency)
            }
        people = chronology.authors.map {
            Choice(value: $0.id.text, title: $0.name, chosen: $0.id == choice.author)
        }
        let problem = view.refusal.map { "\($0.message) \($0.hint)" }
        func day(_ day: Int?, typed: String, error: String? = nil) -> Field {
            let isOpen = day == 1900_01_01 || day == 2199_12_31
            let kept = day.flatMap { isOpen ? nil : words.date(Day.text($0)) } ?? ""
            return Field(value: view.refusal == nil ? kept : typed, error: error)
        }
        since = day(choice.period?.lowerBound, typed: view.typed.since, error: problem)
        until = day(choice.period?.upperBound, typed: view.typed.until)
        narrowed = words.narrowed(
            choice, uploader: chronology.authors.first { $0.id == choice.author }?.name,
            batch: choice.batch.flatMap { chronology.batchNumbers[$0] }, visit.vault.policies)
        isNarrowed = !narrowed.isEmpty
        isOpen = view.refusal != nil
        everything = "/pupils/\(view.reference)?order=\(orderValue)&show=\(show)"
    }
}

extension Wording {
    /// What a chronology is narrowed down to, in words; empty where it is not.
    ///
    /// - Parameters:
    ///   - uploader: who filed what is chosen, by name.
    ///   - batch: the batch that is chosen, as people call it.
    func narrowed(_ choice: ChronologyChoice, uploader: String?, batch: Int?, _ policies: Policies) -> String {
        var parts = [choice.category.isEmpty ? "" : policies.title(ofCategory: choice.category)]
        if !choice.mediaType.isEmpty { parts.append(fileType(choice.mediaType, policies)) }
        if !choice.agency.isEmpty { parts.append("meetings with " + policies.title(ofAgency: choice.agency)) }
        if choice.author != nil { parts.append("filed by " + (uploader ?? "somebody else")) }
        if choice.batch != nil { parts.append(batch.map { "batch \($0)" } ?? "one batch") }
        if let period = choice.period { parts.append(self.period(period)) }
        return parts.filter { !$0.isEmpty }.joined(separator: ", ")
    }

    /// `March 2009`, `4 March 2009 to 1 May 2010`, `until 2012`.
    func period(_ days: ClosedRange<Int>) -> String {
        if days.lowerBound == 1900_01_01 { return "until \(date(Day.text(days.upperBound)))" }
        if days.upperBound == 2199_12_31 { return "since \(date(Day.text(days.lowerBound)))" }
        return date(Day.text(days))
    }
}

/// What is shown of a chronology, with its picture.
struct ChronologyPart {
    let total: String
    let showing: String?
    let filters: ChronologyFilters
    let timeline: TimelinePicture?
    let lines: [ChronologyLine]
    let empty: String?
    let newestFirst: Bool
    let earlier: Link?
    let later: Link?

    init(_ view: ChronologyView, _ chronology: ChosenChronology, _ visit: Visit) {
        let words = visit.words
        filters = ChronologyFilters(view, chronology, visit)
        timeline = TimelinePicture(view, chronology, visit)
        total = words.count(chronology.total, "entry", "entries")
        let last = view.first + chronology.lines.count - 1
        showing =
            chronology.lineCount > chronology.lines.count && !chronology.lines.isEmpty
            ? "Showing \(words.grouped(UInt64(view.first))) to \(words.grouped(UInt64(last))) of \(words.count(chronology.lineCount, "line"))"
            : nil
        lines = chronology.lines.enumerated().map { place, line in
            ChronologyLine(line, number: view.first + place, view, visit)
        }
        empty =
            switch (chronology.lines.isEmpty, view.choice.lane) {
            case (false, _): nil
            case (true, _) where filters.isNarrowed: "Nothing of this pupil’s is like that."
            case (true, .significant):
                "Nothing is marked as a significant event yet. Open a document’s entry to mark it."
            case (true, _): "Nothing has been filed for this pupil yet."
            }
        newestFirst = view.choice.newestFirst
        func part(_ from: Int, _ text: String) -> Link {
            let to = min(from + linesShown - 1, chronology.lineCount)
            return Link(href: view.address { $0.first = from }, text: "\(text): \(from) to \(to)")
        }
        earlier = view.first > 1 ? part(max(1, view.first - linesShown), "Back") : nil
        later = last < chronology.lineCount && !chronology.lines.isEmpty ? part(last + 1, "Next") : nil
    }
}

extension Visit {
    /// The part of a pupil's chronology that the address asks for.
    func chronology(of pupil: Pupil) throws -> (ChosenChronology, ChronologyView) {
        let view = try ChronologyView(self, of: pupil)
        return (
            try vault.chronology(
                of: pupil.pupilFile, choosing: view.choice, from: view.first - 1, count: linesShown, as: acting), view
        )
    }
}

/// What can be said of an entry's significance on its page.
struct Significance {
    let action: String
    let isSignificant: Bool
    let csrf: String

    init?(_ index: UInt64, _ visit: Visit) throws {
        guard let isSignificant = try visit.vault.isSignificant(index, as: visit.acting) else { return nil }
        self.isSignificant = isSignificant
        action = "/entries/\(index)/\(isSignificant ? "demote" : "promote")"
        csrf = visit.session?.csrf ?? ""
    }
}

private func mark(_ visit: Visit, significant: Bool) throws -> Reply {
    guard let index = UInt64(try visit.parameter("index")) else { throw Fault.noSuchPage }
    try visit.vault.mark(index, significant: significant, as: visit.acting)
    return .redirect("/entries/\(index)")
}
