import Foundation
import GRDB
public import Records
import Sealing

// A batch of the paper archive: where its paper is, what is expected of it, which sheets lie between it, and where the paper
// is now. What is said of it is sealed with the register's key, since whoever files may have to find the folder again; it
// names no child.

/// What is said of a batch of paper when it is begun (S-01).
public struct PaperFacts: Hashable, Sendable {
    /// Which cabinet.
    public var cabinet: String
    /// Which drawer of it.
    public var drawer: String
    /// Which folder in it, as it is labelled; no child's name.
    public var folder: String
    /// How many documents are expected, where they were counted.
    public var documents: Int?
    /// How many sides with something on them.
    public var pages: Int?
    /// The scanner.
    public var scanner: String
    /// How it is set, in dots an inch.
    public var dpi: String
    /// `black`, `grey` or `colour`.
    public var colour: String
    /// What state the paper is in.
    public var condition: String

    /// Facts of a batch.
    public init(
        cabinet: String, drawer: String, folder: String, documents: Int? = nil, pages: Int? = nil,
        scanner: String = "", dpi: String = "", colour: String = "", condition: String = ""
    ) {
        self.cabinet = cabinet
        self.drawer = drawer
        self.folder = folder
        self.documents = documents
        self.pages = pages
        self.scanner = scanner
        self.dpi = dpi
        self.colour = colour
        self.condition = condition
    }

    /// Where the paper is, in one line.
    public var place: String {
        [("Cabinet", cabinet), ("drawer", drawer), ("folder", folder)].filter { !$0.1.isEmpty }
            .map { "\($0.0) \($0.1)" }.joined(separator: ", ")
    }

    /// How it was scanned, in one line.
    public var profile: String {
        [scanner, dpi.isEmpty ? "" : "\(dpi) dpi", colour].filter { !$0.isEmpty }.joined(separator: ", ")
    }

    var values: [String: String] {
        [
            "cabinet": cabinet, "drawer": drawer, "folder": folder, "documents": documents.map { String($0) } ?? "",
            "pages": pages.map { String($0) } ?? "", "scanner": scanner, "dpi": dpi, "colour": colour,
            "condition": condition,
        ]
    }

    init(_ detail: Detail) {
        self.init(
            cabinet: detail["cabinet"] ?? "", drawer: detail["drawer"] ?? "", folder: detail["folder"] ?? "",
            documents: detail["documents"].flatMap { Int($0) }, pages: detail["pages"].flatMap { Int($0) },
            scanner: detail["scanner"] ?? "", dpi: detail["dpi"] ?? "", colour: detail["colour"] ?? "",
            condition: detail["condition"] ?? "")
    }

    /// The colours that a scanner is set to.
    public static let colours = ["black", "grey", "colour"]

    func checked() throws -> PaperFacts {
        var facts = self
        for part in [\PaperFacts.cabinet, \.drawer, \.folder, \.scanner, \.dpi, \.condition] {
            facts[keyPath: part] = facts[keyPath: part].split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
        guard !facts.cabinet.isEmpty else {
            throw Refusal(
                code: "paper.place", message: "It is not said where the paper is kept.",
                hint: "Give the cabinet at least, so that the paper can be found again.")
        }
        let texts = [facts.cabinet, facts.drawer, facts.folder, facts.scanner]
        guard texts.allSatisfy({ $0.count <= 60 && !$0.unicodeScalars.contains { $0.value < 32 } }),
            facts.condition.count <= 500, !facts.condition.unicodeScalars.contains(where: { $0.value < 32 })
        else {
            throw Refusal(
                code: "paper.too-long", message: "A part of it is too long.",
                hint: "Up to 60 characters for cabinet, drawer, folder and scanner, and 500 for the condition.")
        }
        guard facts.dpi.isEmpty || Int(facts.dpi).map({ (50...2400).contains($0) }) == true else {
            throw Refusal(
                code: "paper.dpi", message: "That is no resolution.",
                hint: "Write a number from 50 to 2400, such as 200.")
        }
        guard facts.colour.isEmpty || Self.colours.contains(facts.colour) else {
            throw Refusal(
                code: "paper.colour", message: "That is no setting of colour.", hint: "Choose one of the list.")
        }
        for count in [facts.documents, facts.pages] {
            guard count.map({ (1...100_000).contains($0) }) ?? true else {
                throw Refusal(
                    code: "paper.count", message: "That is no number of pages or documents.",
                    hint: "Write how many you counted, or leave it empty.")
            }
        }
        return facts
    }
}

/// How far a batch of paper is.
public enum PaperStage: String, Hashable, Sendable {
    /// Its operator is at it.
    case open
    /// A second person is to check it.
    case presented
    /// It was checked, and waits to be sealed.
    case checked
    /// All of it is filed.
    case sealed
    /// It was closed without being filed.
    case givenUp = "given-up"
}

/// A batch of paper.
public struct PaperBatchLine: Hashable, Sendable {
    /// The batch.
    public let batch: Batch
    /// What was said of it.
    public let facts: PaperFacts
    /// How far it is.
    public let stage: PaperStage
    /// Whose it is, by name.
    public let `operator`: String
    /// Who is to check it or did, by name.
    public let checker: String?
    /// Whether that is who asks.
    public let isCheckers: Bool
    /// Whether it is the asking person's own.
    public let isOwn: Bool
    /// How many pages were scanned, once it was presented.
    public let pages: UInt64?
    /// How many of them the checker looked at.
    public let looked: UInt64
    /// When its paper was destroyed; nil where it is kept.
    public let destroyed: Timestamp?
    /// Where the paper is: nil in its place.
    public let paper: PaperState?
    /// Who has it or brought it back, from where to where, in words.
    public let moved: String?
    /// When that was.
    public let movedAt: Timestamp?
    /// How many sheets were printed.
    public let sheets: UInt64
}

extension Refusal {
    static let batchIsOpen = Refusal(
        code: "batch.open", message: "You have a batch of paper open already.",
        hint: "Finish it, or give it up, before you begin another.")
    static let batchNotOfPaper = Refusal(
        code: "batch.not-of-paper", message: "That is no batch of paper that you have open.",
        hint: "Begin one: say where the paper is and what you expect.")
    static let batchIsChecked = Refusal(
        code: "batch.is-checked", message: "A second person is checking this batch.",
        hint: "Take it back first if something has to be changed.")
}

extension Vault {
    /// Begins a batch of paper; an ordinary batch that the person has open is closed. Durable on return.
    ///
    /// - Throws: refusals `batch.open`, `paper.…`.
    public func beginPaperBatch(_ facts: PaperFacts, as acting: Acting) throws(VaultError) -> Batch {
        try rethrowing("batch") {
            _ = try decide(.keepBatch, acting)
            let facts = try facts.checked()
            return try filingTurns.run(for: acting.person) {
                let id = BatchID.random()
                var drafts: [Draft] = []
                if let open = recorder.authority.openBatches[acting.person] {
                    guard recorder.authority.batches[open]?.paper == nil else { throw Refusal.batchIsOpen }
                    drafts.append(Draft(signer: .person(acting), act: .batchClosed(open)))
                }
                let row = try sealedRow(facts.values, of: id, acting)
                drafts.append(Draft(signer: .person(acting), act: .batchOpened(id)))
                drafts.append(
                    Draft(signer: .person(acting), items: [row], act: .batchPrepared(id, row: row.item.id)))
                try recorder.record(drafts, in: pool)
                return try batch(id)
            }
        }
    }

    /// Puts right what was said of a batch of paper. Durable on return.
    public func describe(_ id: BatchID, _ facts: PaperFacts, as acting: Acting) throws(VaultError) {
        try rethrowing("batch") {
            _ = try decide(.keepBatch, acting)
            let facts = try facts.checked()
            try filingTurns.run(for: acting.person) {
                try requireDesk(id, acting)
                let row = try sealedRow(facts.values, of: id, acting)
                try recorder.record(
                    [Draft(signer: .person(acting), items: [row], act: .batchPrepared(id, row: row.item.id))], in: pool)
            }
        }
    }

    /// Says that the paper left its place, or is back. Durable on return.
    ///
    /// - Parameter words: from where, to where, with whom; up to 200 characters.
    public func movePaper(of id: BatchID, to state: PaperState, words: String, as acting: Acting) throws(VaultError) {
        try rethrowing("paper") {
            guard recorder.authority.batches[id]?.paper != nil else { throw VaultError.notFound }
            _ = try decide(.seeRegister, acting)
            let words = words.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            guard words.count <= 200, !words.unicodeScalars.contains(where: { $0.value < 32 }) else {
                throw Refusal(
                    code: "paper.words", message: "That is longer than 200 characters.", hint: "Say it in fewer words.")
            }
            guard recorder.authority.batches[id]?.paper?.destroyed == nil else {
                throw Refusal(
                    code: "paper.destroyed", message: "The paper of this batch was destroyed.",
                    hint: "Look at its certificate.")
            }
            guard recorder.authority.batches[id]?.paper?.paper != state,
                state == .out || recorder.authority.batches[id]?.paper?.paper == .out
            else {
                throw Refusal(
                    code: "paper.is-there", message: "The paper is there already.", hint: "Look at the list again.")
            }
            let row = try sealedRow(["words": words, "made_by": acting.name], of: id, acting)
            try recorder.record(
                [Draft(signer: .person(acting), items: [row], act: .paperMoved(id, state, row: row.item.id))], in: pool)
        }
    }

    /// The batches of paper, newest first: a person's own, those that they are to check, and for who reads all of them.
    public func paperBatches(as acting: Acting) throws(VaultError) -> [PaperBatchLine] {
        try rethrowing("batches") {
            _ = try decide(.seeRegister, acting)
            let readsAll = recorder.authority.allows(.read, acting.person, at: clock.now())
            return try recorder.read(pool) { db, head in
                let key = try registerKey(as: acting, db)
                return try head.authority.batches.values.filter { batch in
                    guard let paper = batch.paper else { return false }
                    return readsAll || batch.operator == acting.person || paper.presented?.checker == acting.person
                }.sorted { $0.number > $1.number }.map { try line($0, head.authority, key, acting, db) }
            }
        }
    }

    /// Whether a batch is one of paper.
    public func isOfPaper(_ id: BatchID) -> Bool { recorder.authority.batches[id]?.paper != nil }

    /// The pupil file of a reference, for who sees the register.
    public func pupilFile(ofReference reference: String) -> PupilFileID? {
        recorder.authority.pupilFile(reference: reference)
    }

    /// One of them.
    public func paperBatch(_ id: BatchID, as acting: Acting) throws(VaultError) -> PaperBatchLine {
        guard let found = try paperBatches(as: acting).first(where: { $0.batch.id == id }) else { throw .notFound }
        return found
    }

    private func line(
        _ state: BatchState, _ authority: Authority, _ key: borrowing DetailKey, _ acting: Acting, _ db: Database
    ) throws -> PaperBatchLine {
        guard let paper = state.paper else { throw VaultError.notFound }
        let stage: PaperStage =
            paper.sealed != nil
            ? .sealed
            : state.closed != nil
                ? .givenUp
                : paper.checked != nil
                    ? .checked
                    : paper.presented != nil ? .presented : .open
        func name(_ id: PersonID?) throws -> String? {
            try id.flatMap { authority.people[$0] }.map { try self.name(of: $0, db) }
        }
        let moved = try paper.moved.map { try openedRow($0, of: state.id, key, db) }
        return PaperBatchLine(
            batch: try batch(state.id, authority, db),
            facts: PaperFacts(try openedRow(paper.row, of: state.id, key, db)),
            stage: stage,
            operator: try name(state.operator) ?? "", checker: try name(paper.presented?.checker),
            isCheckers: paper.presented?.checker == acting.person, isOwn: state.operator == acting.person,
            pages: paper.presented?.pages, looked: paper.looked, destroyed: paper.destroyed?.time, paper: paper.paper,
            moved: moved.map { detail in
                [detail["made_by"] ?? "", detail["words"] ?? ""].filter { !$0.isEmpty }.joined(separator: ": ")
            }, movedAt: paper.movedAt, sheets: paper.sheets)
    }

    /// Values about a batch, sealed with the register's key.
    func sealedRow(_ values: [String: String], of batch: BatchID, _ acting: Acting) throws -> SealedItem {
        let row = ItemID.random()
        let detail = Detail(values: values, keepsEmpty: true)
        return try pool.read { db in
            SealedItem(
                row, .batchRow,
                try SealedRow.seal(
                    detail.encoded, key: registerKey(as: acting, db), row: row.bytes,
                    associatedData: rowContext("batch-row", batch.bytes)))
        }
    }

    private func openedRow(
        _ row: ItemID, of batch: BatchID, _ key: borrowing DetailKey, _ db: Database
    ) throws -> Detail {
        try Detail(
            parsing: SealedRow.open(
                try item(row, db), key: key, row: row.bytes, associatedData: rowContext("batch-row", batch.bytes)))
    }
}
