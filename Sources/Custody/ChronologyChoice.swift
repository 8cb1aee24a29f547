import GRDB
public import Records
import Sealing

// What of a chronology is shown: which lane, which period, whose, of what kind. Pure, on what order needs to know of each
// item; no summary is read for it.

/// One item of a chronology, without its words: what order, picture and filters go by.
public struct ChronologyItem: Hashable, Sendable {
    /// Its place in the ledger.
    public let index: UInt64
    /// The earliest day that it can mean, year × 10,000 + month × 100 + day; `Int.max` where it has no date.
    public let first: Int
    /// The latest such day.
    public let last: Int
    /// Whether something was filed, and not only read or refused.
    public let isRecord: Bool
    /// Whether it tells of a meeting.
    public let isMeeting: Bool
    /// Whether a lead or deputy marked it as a significant event.
    public let isSignificant: Bool
    /// Whether it is kept apart as evidence.
    public let isQuarantined: Bool
    /// The category's word; empty where there is none.
    public let category: String
    /// The type found; empty where there is none.
    public let mediaType: String
    /// The agency whose meeting it tells of, by its id in the policy; empty where there is none.
    public let agency: String
    /// Whose it is.
    public let author: PersonID?
    /// The batch it was filed in.
    public let batch: BatchID?

    /// An item of all these parts.
    public init(
        index: UInt64, first: Int, last: Int, isRecord: Bool = true, isMeeting: Bool = false,
        isSignificant: Bool = false, isQuarantined: Bool = false, category: String = "", mediaType: String = "",
        agency: String = "", author: PersonID? = nil, batch: BatchID? = nil
    ) {
        self.index = index
        self.first = first
        self.last = last
        self.isRecord = isRecord
        self.isMeeting = isMeeting
        self.isSignificant = isSignificant
        self.isQuarantined = isQuarantined
        self.category = category
        self.mediaType = mediaType
        self.agency = agency
        self.author = author
        self.batch = batch
    }

    /// Whether it may stand under its batch with others: what is significant, a meeting, or evidence never does.
    var folds: Bool { isRecord && batch != nil && !isSignificant && !isMeeting && !isQuarantined }
}

/// What of a chronology is to be shown, and in which order.
public struct ChronologyChoice: Hashable, Sendable {
    /// Which lane.
    public var lane = ChronologyLane.records
    /// Newest first, or oldest first.
    public var newestFirst = false
    /// From which day to which, as `ChronologyItem.first` writes days; nil for the whole history.
    public var period: ClosedRange<Int>?
    /// Of this category alone; empty for all.
    public var category = ""
    /// Of this type of file alone; empty for all.
    public var mediaType = ""
    /// Of meetings with this agency alone; empty for all.
    public var agency = ""
    /// Filed by this person alone.
    public var author: PersonID?
    /// Of this batch alone; it is then not folded.
    public var batch: BatchID?

    /// Everything that was filed, oldest first.
    public init() {}

    /// Whether an item is chosen, whenever it was.
    public func admits(_ item: ChronologyItem) -> Bool {
        switch lane {
        case .significant where !item.isSignificant: return false
        case .records where !item.isRecord: return false
        default: break
        }
        return (category.isEmpty || item.category == category) && (mediaType.isEmpty || item.mediaType == mediaType)
            && (agency.isEmpty || item.agency == agency) && (author == nil || item.author == author)
            && (batch == nil || item.batch == batch)
    }

    /// Whether an item may have happened in the period; what has no date is in the whole history alone.
    public func covers(_ item: ChronologyItem) -> Bool {
        guard let period else { return true }
        return item.first != .max && item.first <= period.upperBound && item.last >= period.lowerBound
    }

    /// What is chosen of all items, oldest first, whenever it was; and the places in it of what is in the period, in the order
    /// that was chosen.
    func list(of all: [ChronologyItem]) -> (chosen: [ChronologyItem], listed: [Int]) {
        let chosen = all.filter(admits)
        let shown = chosen.indices.filter { covers(chosen[$0]) }
        return (chosen, newestFirst ? shown.reversed() : shown)
    }

    /// The lines of a list of items, in their order: one for each, but documents of one batch that follow one another
    /// share a line, where there are enough of them for it to save something.
    public func lines(of items: [ChronologyItem]) -> [Range<Int>] {
        var lines: [Range<Int>] = []
        var start = 0
        while start < items.count {
            var end = start + 1
            if batch == nil, items[start].folds {
                while end < items.count, items[end].folds, items[end].batch == items[start].batch { end += 1 }
            }
            if end - start < Self.fewestFolded { end = start + 1 }
            lines.append(start..<end)
            start = end
        }
        return lines
    }

    /// From how many documents of a batch on they are folded: fewer are read faster than unfolded.
    public static let fewestFolded = 4
}

/// What was chosen of a chronology.
public struct ChosenChronology: Sendable {
    /// A line of the list.
    public enum Line: Sendable {
        /// An entry, opened.
        case entry(ChronologyEntry, ChronologyItem)
        /// Documents of one batch, not opened.
        case batch(BatchID, number: Int, [ChronologyItem])
    }
    /// Whose.
    public let pupil: Pupil
    /// Who can read the pupil file, and along which key.
    public let readers: [KeyPath]
    /// Every item that was chosen, whatever its period, oldest first: what the picture shows.
    public let items: [ChronologyItem]
    /// For each of these its line in the whole list, from 0; nil outside the period.
    public let lineOf: [Int?]
    /// How many items are in the period.
    public let total: Int
    /// How many lines the whole list has.
    public let lineCount: Int
    /// The lines that were asked for.
    public let lines: [Line]
    /// How many items of the pupil file are marked as significant events, whatever was chosen.
    public let significant: Int
    /// The categories of all that was filed.
    public let categories: Set<String>
    /// The types of all that was filed.
    public let mediaTypes: Set<String>
    /// The agencies whose meetings are told of, by their ids.
    public let agencies: Set<String>
    /// Who filed something, by name.
    public let authors: [(id: PersonID, name: String)]
    /// What people call each batch of what was chosen.
    public let batchNumbers: [BatchID: Int]
}

/// What is remembered of an item beside its place: of a row that only its statement commits to.
struct ItemFacts: Sendable {
    var first = Int.max
    var last = Int.max
    /// The minute of the first day, as hour × 100 + minute; 0 where no time is known.
    var minute = 0
    var category = ""
    var mediaType = ""
    var agency = ""
    var uploader = ""
    var batch: BatchID?
    var isQuarantined = false
}

extension Vault {
    /// A part of a pupil's chronology as somebody chose it, with every item for the picture.
    ///
    /// Recorded as a reading, once a session, before anything is opened. Only the lines that are asked for are opened.
    public func chronology(
        of pupilFile: PupilFileID, choosing choice: ChronologyChoice, from first: Int = 0, count: Int = 100,
        as acting: Acting
    ) throws(VaultError) -> ChosenChronology {
        try rethrowing("chronology") {
            _ = try decide(.readChronology(pupilFile), acting)
            guard let state = recorder.authority.pupils[pupilFile] else { throw VaultError.refused(.pupilUnknown) }
            try recordChronologyRead(pupilFile, acting)
            return try recorder.read(pool) { db, head in
                let file = try openFile(pupilFile, acting, db)
                let order = try order(of: pupilFile, head.size, acting, file, db)
                let authors = authors(order.facts.values, head.authority)
                let marked = head.authority.significant[pupilFile] ?? []
                let all = items(order, authors, marked)
                let (chosen, listed) = choice.list(of: all)
                let lines = choice.lines(of: listed.map { chosen[$0] })
                var lineOf = [Int?](repeating: nil, count: chosen.count)
                for (number, line) in lines.enumerated() { for place in line { lineOf[listed[place]] = number } }
                let wanted = lines.dropFirst(max(0, first)).prefix(max(0, count)).map { $0.map { chosen[listed[$0]] } }
                return ChosenChronology(
                    pupil: try pupil(state, registerKey(as: acting, db), db),
                    readers: try keyPaths(to: pupilFile, head.authority, db), items: chosen, lineOf: lineOf,
                    total: listed.count, lineCount: lines.count,
                    lines: try self.lines(wanted, pupilFile, head.authority, acting, file, db),
                    significant: all.count { $0.isSignificant },
                    categories: Set(all.lazy.filter(\.isRecord).map(\.category)),
                    mediaTypes: Set(all.lazy.filter(\.isRecord).map(\.mediaType)),
                    agencies: Set(all.lazy.map(\.agency).filter { !$0.isEmpty }),
                    authors: try Set(authors.values).compactMap { id in
                        try head.authority.people[id].map { (id, try name(of: $0, db)) }
                    }.sorted { $0.name < $1.name },
                    batchNumbers: Dictionary(
                        uniqueKeysWithValues: Set(chosen.lazy.compactMap(\.batch)).compactMap { id in
                            head.authority.batches[id].map { (id, $0.number) }
                        }))
            }
        }
    }

    /// Opens the lines that are single entries.
    private func lines(
        _ wanted: [[ChronologyItem]], _ pupilFile: PupilFileID, _ authority: Authority, _ acting: Acting,
        _ file: borrowing HybridIdentity, _ db: Database
    ) throws -> [ChosenChronology.Line] {
        let single = wanted.filter { $0.count == 1 }.flatMap { $0 }
        let read = Dictionary(
            uniqueKeysWithValues: zip(single.map(\.index), try statements(single.map(\.index), db)))
        return try wanted.compactMap { items in
            guard let item = items.first else { return nil }
            if let statement = read[item.index] {
                let entry = try corrected(
                    entryOrDamage(item.index, statement, pupilFile, acting, file, db), pupilFile, acting, file, db)
                return .entry(entry, item)
            }
            guard let batch = item.batch else { return nil }
            return .batch(batch, number: authority.batches[batch]?.number ?? 0, items)
        }
    }

    /// Who the uploaders' names are of, by name: names are unique, and each of these was written by its own vault.
    func authors(_ facts: some Sequence<ItemFacts>, _ authority: Authority) -> [String: PersonID] {
        var authors: [String: PersonID] = [:]
        for name in Set(facts.lazy.map(\.uploader)) where !name.isEmpty {
            authors[name] = authority.peopleByTag[KeyedHash.tag(Self.signInName(name), key: secrets.tags)]
        }
        return authors
    }

    func items(
        _ order: ChronologyOrder, _ authors: [String: PersonID], _ marked: Set<UInt64>
    ) -> [ChronologyItem] {
        let meetings = Set(policies.categories.categories.filter { $0.meeting == true }.map(\.id))
            .union([EntryKind.category(EntryKind.meeting.rawValue)])
        return order.places.map { place in
            guard let facts = order.facts[place.index] else {
                return ChronologyItem(
                    index: place.index, first: place.day, last: place.day, isRecord: place.isRecord,
                    isSignificant: marked.contains(place.index))
            }
            return ChronologyItem(
                index: place.index, first: facts.first, last: facts.last, isRecord: place.isRecord,
                isMeeting: meetings.contains(facts.category), isSignificant: marked.contains(place.index),
                isQuarantined: facts.isQuarantined, category: facts.category, mediaType: facts.mediaType,
                agency: facts.agency,
                author: authors[facts.uploader], batch: facts.batch)
        }
    }

    // MARK: - Significant events

    /// Whether an item is marked as a significant event; nil where the statement is no item of a pupil file.
    public func isSignificant(_ index: UInt64, as acting: Acting) throws(VaultError) -> Bool? {
        try rethrowing("entry") {
            guard let pupilFile = try item(index, acting) else { return nil }
            return recorder.authority.significant[pupilFile]?.contains(index) ?? false
        }
    }

    /// Marks an item as a significant event, or takes that back: a statement of its own, which changes nothing of what was
    /// recorded. Nothing is said where it is so already. Durable on return.
    ///
    /// - Throws: `.notFound` where there is no such item; a refusal `access.…` of who may not read every file.
    public func mark(_ index: UInt64, significant: Bool, as acting: Acting) throws(VaultError) {
        try rethrowing("item-mark") {
            guard let pupilFile = try item(index, acting) else { throw VaultError.notFound }
            guard (recorder.authority.significant[pupilFile]?.contains(index) ?? false) != significant else { return }
            try say(
                significant ? .itemPromoted(index) : .itemDemoted(index), .person(acting), about: pupilFile)
        }
    }

    /// The pupil file of an item that somebody may read; nil for a statement that is no item.
    private func item(_ index: UInt64, _ acting: Acting) throws -> PupilFileID? {
        try requireReading(acting)
        let statement = try recorder.read(pool) { db, head in
            guard index < head.size else { throw VaultError.notFound }
            return try recorder.statement(index, db).statement
        }
        guard statement.act.kind.isRecord, let pupilFile = statement.pupilFile else { return nil }
        guard !recorder.isHidden(index, about: pupilFile) else { throw VaultError.notFound }
        _ = try decide(.readChronology(pupilFile), acting)
        return pupilFile
    }
}
