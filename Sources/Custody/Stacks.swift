import Dispatch
import Foundation
import GRDB
import Glibc
import Inspection
public import Records
import Sandbox
import Sealing
import Synchronization

// Scans of a batch of paper, from the copier to the desk. A scan is an upload that is kept as it came, sealed to its operator,
// until the batch is sealed; what was read in its pages and where they belong is the desk, sealed under a key that only the
// operator can make. Neither is a record: nothing of it is filed, and nobody else can open it, until a second person is
// named (Presenting.swift).

/// How far reading a scan is.
public enum StackProgress: Hashable, Sendable {
    /// It waits, or so many pages of all were read.
    case reading(done: Int, of: Int)
    /// Its pages were read.
    case read
    /// They could not be, and why.
    case failed(Refusal)
}

extension Refusal {
    static let scanKind = Refusal(
        code: "scan.kind", message: "A scan is a PDF, TIFF, JPEG or PNG.",
        hint: "Set the copier to one of these; other files are filed one by one.")
    static let scanNotAccepted = Refusal(
        code: "scan.not-accepted", message: "There is something in this scan that has to be looked at apart.",
        hint: "File it by itself, so that the safeguarding lead sees what was found. Nothing was kept of it here.")
    static let scanRepeated = Refusal(
        code: "scan.repeated", message: "This same scan is in the batch already.",
        hint: "Nothing was added. Scan the paper again if you meant another pass.")
    static let sheetUnknownPupil = Refusal(
        code: "sheets.pupil", message: "There is no pupil with that reference on the register.",
        hint: "Choose the pupil from the list.")
    static let sheetCategory = Refusal(
        code: "sheets.category", message: "The category is missing.", hint: "Choose what these papers are.")
    static let sheetCount = Refusal(
        code: "sheets.pages", message: "That is no number of pages.",
        hint: "Count the sides with something on them, or leave it empty.")
    static let sheetsNone = Refusal(
        code: "sheets.none", message: "There is no line to print a sheet for.",
        hint: "Add a line for each pupil and kind of paper, in the order of the folder.")
    static let deskChanged = Refusal(
        code: "desk.changed", message: "A document of this batch cannot be filed as it is.",
        hint: "Look at its date, category and summary.")
}

/// What a sender says of a scan, kept with the upload.
private struct ScanWords: Codable {
    let sides: ScannedSides
    let scanner: String
}

extension Vault {
    // MARK: - The desk

    /// Refuses whoever has not this batch of paper open, or while a second person has it.
    func requireDesk(_ id: BatchID, _ acting: Acting) throws {
        guard let batch = recorder.authority.batches[id], batch.operator == acting.person, batch.closed == nil,
            let paper = batch.paper
        else { throw VaultError.notFound }
        guard paper.presented == nil else { throw Refusal.batchIsChecked }
    }

    /// The desk of a batch of the person's own, until it is sealed.
    public func desk(of id: BatchID, as acting: Acting) throws(VaultError) -> Desk {
        try rethrowing("desk") {
            _ = try decide(.keepBatch, acting)
            return try deskTurns.run(for: acting.person) { try openDesk(id, acting) }
        }
    }

    /// Does one act at the desk. Durable on return; nothing is recorded, for nothing is filed yet.
    ///
    /// - Throws: a refusal `desk.…`, `batch.is-checked`.
    @discardableResult
    public func take(_ step: Desk.Step, in id: BatchID, as acting: Acting) throws(VaultError) -> Desk {
        try changeDesk(id, acting) { desk in
            if case .start(_, _, let pupilFile, let category) = step {
                guard self.recorder.authority.pupils[pupilFile] != nil else { throw Refusal.sheetUnknownPupil }
                guard self.policies.categories[category] != nil else { throw Refusal.sheetCategory }
            }
            try desk.take(step)
        }
    }

    /// Says what pieces are, all that are in order; gives what is wrong with the others.
    public func describe(
        _ pieces: [(piece: UploadID, date: String, summary: String, signed: String, dateReason: String)],
        in id: BatchID, as acting: Acting
    ) throws(VaultError) -> [UploadID: Refusal] {
        var refusals: [UploadID: Refusal] = [:]
        _ = try changeDesk(id, acting) { desk in
            for piece in pieces {
                do throws(Refusal) {
                    try desk.describe(
                        piece.piece, date: piece.date, summary: piece.summary, signed: piece.signed,
                        dateReason: piece.dateReason)
                } catch { refusals[piece.piece] = error }
            }
        }
        return refusals
    }

    @discardableResult
    func changeDesk(
        _ id: BatchID, _ acting: Acting, _ body: (inout Desk) throws -> Void
    ) throws(VaultError) -> Desk {
        try rethrowing("desk") {
            _ = try decide(.keepBatch, acting)
            return try deskTurns.run(for: acting.person) {
                try requireDesk(id, acting)
                var desk = try openDesk(id, acting)
                try body(&desk)
                try putDesk(desk, of: id, acting)
                return desk
            }
        }
    }

    /// The desk as it was kept, with the scans that came since. Within a turn.
    func openDesk(_ id: BatchID, _ acting: Acting) throws -> Desk {
        guard let batch = recorder.authority.batches[id], batch.operator == acting.person, batch.closed == nil,
            let paper = batch.paper
        else { throw VaultError.notFound }
        var desk = Desk()
        if let content = try workspace.desk(of: id, acting.person) {
            desk = try JSONDecoder().decode(
                Desk.self,
                from: Data(
                    SealedRow.open(
                        content, key: deskKey(acting), row: id.bytes, associatedData: acting.person.bytes)))
        }
        // Whether there are more is known from their own rows: each is durable before the desk says so.
        let known = Set(desk.stacks.map(\.id))
        for row in try workspace.uploads(of: acting.person, in: [.stacked]) where !known.contains(row.id) {
            let facts = try facts(of: row, acting)
            guard facts.announced.batch == id else { continue }
            desk.add(try stack(row, facts))
        }
        if let doubt = paper.doubt, let presentation = try workspace.presentation(of: id),
            let answer = presentation.answer, sha256(answer) == doubt
        {
            let opened = try openAnswer(answer, id, acting)
            desk.take(answer: opened.note, doubting: opened.pages)
            try putDesk(desk, of: id, acting)
            try workspace.removePresentation(of: id)
        }
        return desk
    }

    func putDesk(_ desk: Desk, of id: BatchID, _ acting: Acting) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let content = try SealedRow.seal(
            [UInt8](encoder.encode(desk)), key: deskKey(acting), row: id.bytes, associatedData: acting.person.bytes)
        try workspace.put(desk: content, of: id, acting.person)
    }

    private func deskKey(_ acting: Acting) throws -> DetailKey {
        try KeyedHash.derive(ownKey(acting), label: "strongroom/v1/desk")
    }

    private func stack(_ row: Workspace.Upload, _ facts: UploadFacts) throws -> Desk.Stack {
        guard let arrived = facts.arrived,
            let words = try? JSONDecoder().decode(ScanWords.self, from: Data(facts.announced.metadata.utf8))
        else { throw VaultError.tampered(code: "upload.facts") }
        return Desk.Stack(
            id: row.id, name: Self.ending(of: facts.announced.filename).name, sides: words.sides,
            scanner: words.scanner, sha256: arrived.digest.hex, mediaType: arrived.inspected.mediaType,
            size: facts.announced.length, count: arrived.inspected.pages ?? 1)
    }

    // MARK: - Sheets

    /// Adds a line to the sheets of a batch: whose pages come next, and what they are. Durable on return.
    ///
    /// - Throws: refusals `sheets.…`.
    public func planSheet(
        in id: BatchID, pupil reference: String, category: String, pages: Int?, as acting: Acting
    ) throws(VaultError) {
        let file = recorder.authority.pupilFile(reference: reference)
        try changeDesk(id, acting) { desk in
            guard let file, self.recorder.authority.pupils[file] != nil else { throw Refusal.sheetUnknownPupil }
            guard self.policies.categories[category] != nil else { throw Refusal.sheetCategory }
            guard pages.map({ (1...10_000).contains($0) }) ?? true else { throw Refusal.sheetCount }
            var sheets = desk.sheets.filter { $0.code.kind == .separator }
            sheets.append(
                DeskSheet(code: SheetCode(.separator, .random()), pupilFile: file, category: category, pages: pages))
            desk.plan(Self.framed(sheets, desk, pages: desk.sheets.first { $0.code.kind == .end }?.pages))
        }
    }

    /// Takes a line away. Durable on return.
    public func dropSheet(_ code: SheetCode, in id: BatchID, as acting: Acting) throws(VaultError) {
        try changeDesk(id, acting) { desk in desk.plan(desk.sheets.filter { $0.code != code }) }
    }

    /// Notes that the sheets of a batch go to the printer, and gives them in their order. Durable on return.
    ///
    /// - Parameter pages: how many sides with something on them the whole folder has.
    public func printSheets(
        of id: BatchID, pages: Int?, as acting: Acting
    ) throws(VaultError) -> [DeskSheet] {
        let desk = try changeDesk(id, acting) { desk in
            guard desk.sheets.contains(where: { $0.code.kind == .separator }) else { throw Refusal.sheetsNone }
            guard pages.map({ (1...100_000).contains($0) }) ?? true else { throw Refusal.sheetCount }
            desk.plan(Self.framed(desk.sheets.filter { $0.code.kind == .separator }, desk, pages: pages))
        }
        try rethrowing("sheets") {
            _ = try say(.sheetsPrinted(id, count: UInt64(desk.sheets.count)), .person(acting))
        }
        return desk.sheets
    }

    /// Separators between their cover and their end.
    private static func framed(_ separators: [DeskSheet], _ desk: Desk, pages: Int?) -> [DeskSheet] {
        let cover = desk.sheets.first { $0.code.kind == .cover } ?? DeskSheet(code: SheetCode(.cover, .random()))
        let end = desk.sheets.first { $0.code.kind == .end }
        return [cover] + separators
            + [DeskSheet(code: end?.code ?? SheetCode(.end, .random()), pages: pages)]
    }

    // MARK: - Scans

    /// Begins to take a scan into the batch of paper that the person has open.
    ///
    /// - Throws: a refusal of the kind of file or its size, recorded; `batch.not-of-paper`, `batch.is-checked`.
    public func beginStack(
        filename: String, declaredType: String? = nil, declaredBytes: UInt64? = nil, as acting: Acting
    ) throws(VaultError) -> Reception {
        let id = try rethrowing("scan") {
            _ = try decide(.keepBatch, acting)
            guard let id = recorder.authority.openBatches[acting.person],
                recorder.authority.batches[id]?.paper != nil
            else { throw Refusal.batchNotOfPaper }
            try requireDesk(id, acting)
            return id
        }
        let request = UploadRequest(
            pupilFile: nil, batch: id, filename: filename, declaredType: declaredType, declaredBytes: declaredBytes,
            wantsProposal: false)
        let (type, room) = try decideFile(request, acting)
        guard Self.scanTypes.contains(type.mediaType) else {
            throw refuse(.scanKind, .random(), request, acting)
        }
        return try begin(request, type, room, acting)
    }

    /// Keeps a scan in its batch, and has its pages read. Durable on return; reading goes on in the background.
    ///
    /// - Throws: refusals `scan.…`; nothing is kept then.
    public func addStack(
        _ received: Received, sides: ScannedSides, scanner: String = "", as acting: Acting
    ) throws(VaultError) {
        guard let id = received.facts.batch else { throw .refused(.batchNotOfPaper) }
        try changeDesk(id, acting) { desk in
            guard received.owner == acting.person else { throw VaultError.notFound }
            switch received.verdict.outcome {
            case .accepted: break
            case .waiting: throw VaultError.waiting(code: received.verdict.code ?? "sandbox.unavailable")
            case .quarantined, .refused: throw Refusal.scanNotAccepted
            }
            guard Self.scanTypes.contains(received.verdict.mediaType) else { throw Refusal.scanKind }
            guard !desk.stacks.contains(where: { $0.sha256 == received.digest.hex }) else { throw Refusal.scanRepeated }
            let words = try JSONEncoder().encode(ScanWords(sides: sides, scanner: String(scanner.prefix(60))))
            try Files.syncDirectory("\(self.path)/staging")
            try self.checkQuota(of: acting, adding: received.size)
            let (row, facts) = try self.stackRow(received, words: String(decoding: words, as: UTF8.self), acting)
            try self.workspace.put(row, stackedIn: id)
            received.isHeld = true
            received.keep()
            desk.add(try self.stack(row, facts))
        }
        readStacks(of: id, as: acting)
    }

    /// Whether a type of file is one that scanners make.
    public static func isScan(_ mediaType: String) -> Bool { scanTypes.contains(mediaType) }

    static let scanTypes: Set<String> = ["application/pdf", "image/tiff", "image/jpeg", "image/png"]

    /// The row that keeps a scan, sealed to its operator.
    private func stackRow(
        _ received: Received, words: String, _ acting: Acting
    ) throws -> (Workspace.Upload, UploadFacts) {
        let header = try Header.seal(received.fileKey, to: [.hybrid(acting.keys.identity.recipient)])
        var facts = UploadFacts(received: received, details: FilingDetails(), header: sha256(header.bytes))
        facts.announced.metadata = words
        let row = Workspace.Upload(
            id: received.upload, owner: acting.person, blob: received.facts.blob, state: .stacked, touched: clock.now(),
            length: received.size, held: received.size, torn: false, header: header.bytes,
            facts: try seal(facts, of: received.upload, acting), tail: [])
        return (row, facts)
    }

    /// Takes a scan out of its batch and throws it away: its bytes and its key are gone. Recorded.
    public func dropStack(_ upload: UploadID, from id: BatchID, as acting: Acting) throws(VaultError) {
        try changeDesk(id, acting) { desk in
            guard let row = try self.workspace.upload(upload, of: acting.person), row.state == .stacked,
                desk.stack(upload) != nil
            else { throw VaultError.notFound }
            try self.say(.uploadDiscarded(upload), .person(acting))
            try self.workspace.end(upload, at: self.clock.now())
            self.blobs.removeStaged(row.blob)
            self.copies.drop(upload)
            desk.drop(upload)
        }
    }

    /// Takes a scan out of the intake queue into the batch of paper that the person has open. Recorded; durable on return.
    public func takeFromIntake(_ upload: UploadID, as acting: Acting) throws(VaultError) -> BatchID {
        let id = try rethrowing("intake") {
            _ = try decide(.seeIntake, acting)
            _ = try decide(.keepBatch, acting)
            guard let id = recorder.authority.openBatches[acting.person],
                recorder.authority.batches[id]?.paper != nil
            else { throw Refusal.batchNotOfPaper }
            return id
        }
        try changeDesk(id, acting) { desk in
            let received = try self.receivedFromIntake(upload, batch: id, acting)
            guard Self.scanTypes.contains(received.verdict.mediaType) else { throw Refusal.scanKind }
            guard !desk.stacks.contains(where: { $0.sha256 == received.digest.hex }) else { throw Refusal.scanRepeated }
            let words = try JSONEncoder().encode(ScanWords(sides: .unknown, scanner: ""))
            let (row, facts) = try self.stackRow(received, words: String(decoding: words, as: UTF8.self), acting)
            // The row first: a scan that is taken and not there would be in front of nobody.
            try self.workspace.put(row, stackedIn: id)
            do { try self.say(.intakeTaken(upload, into: id), .person(acting)) } catch {
                try? self.workspace.remove([received.upload])
                throw error
            }
            desk.add(try self.stack(row, facts))
        }
        readStacks(of: id, as: acting)
        return id
    }

    // MARK: - Reading

    /// How far reading the scans of a batch is, by scan.
    public func progress(of desk: Desk) -> [UploadID: StackProgress] {
        Dictionary(
            uniqueKeysWithValues: desk.stacks.map { stack in
                (stack.id, stack.isRead ? .read : reading.progress(of: stack.id) ?? .reading(done: 0, of: stack.count))
            })
    }

    /// Has the scans of a batch read that were not yet, one after the other, on a thread of its own, with the keys of who asks;
    /// those that are being read go on.
    public func readStacks(of id: BatchID, as acting: Acting) {
        guard let desk = try? desk(of: id, as: acting) else { return }
        begin(desk.stacks.filter { !$0.isRead }, of: id, acting)
    }

    /// Has those read that nobody reads: what a process left that was killed before it came to their end.
    public func resumeReading(of id: BatchID, as acting: Acting) {
        guard let desk = try? desk(of: id, as: acting) else { return }
        begin(desk.stacks.filter { !$0.isRead && reading.progress(of: $0.id) == nil }, of: id, acting)
        for stack in desk.stacks where desk.pageToRead(of: stack.id) != nil { offerWords(of: stack.id, in: id, acting) }
    }

    private func begin(_ stacks: [Desk.Stack], of id: BatchID, _ acting: Acting) {
        for stack in stacks {
            reading.begin(stack.id, pages: stack.count) { [self] note in
                do throws(VaultError) {
                    try read(stack, of: id, acting, note)
                    return nil
                } catch { return error.refusal }
            }
        }
    }

    private func read(
        _ stack: Desk.Stack, of id: BatchID, _ acting: Acting, _ note: @escaping @Sendable (Int) -> Void
    ) throws(VaultError) {
        try rethrowing("scan") {
            let copy = try stackCopy(stack.id, acting)
            let inspector = try sandbox()
            let starts = Array(stride(from: 1, through: stack.count, by: Self.pagesAtOnce))
            let found = Mutex<(pages: [Int: [PageReading?]], done: Int, failure: (any Error)?)>(([:], 0, nil))
            // Two sandboxes at once: drawing a page and reading it take a core each.
            DispatchQueue.concurrentPerform(iterations: starts.count) { turn in
                guard found.withLock({ $0.failure == nil }), !acting.watch.isOver else { return }
                let range = starts[turn]...min(starts[turn] + Self.pagesAtOnce - 1, stack.count)
                do {
                    let pages = try inspector.readPages(of: copy.copy.memory, mediaType: stack.mediaType, pages: range)
                    let done = found.withLock { found in
                        found.pages[turn] = pages
                        found.done += pages.count
                        return found.done
                    }
                    note(done)
                } catch {
                    found.withLock { $0.failure = $0.failure ?? error }
                }
            }
            let (pages, _, failure) = found.withLock { $0 }
            if let failure {
                if case SandboxError.unavailable = failure { throw VaultError.waiting(code: "sandbox.unavailable") }
                throw failure
            }
            let all = starts.indices.flatMap { pages[$0] ?? [] }
            guard all.count == stack.count else { throw VaultError.busy }
            try changeDesk(id, acting) { desk in
                // Another process may have read it meanwhile, and a person have moved its pages.
                guard desk.stack(stack.id)?.isRead == false else { return }
                desk.read(stack.id, all.map(DeskPage.init))
            }
            offerWords(of: stack.id, in: id, acting)
        }
    }

    /// Pages that one sandbox draws.
    private static let pagesAtOnce = 8

    // MARK: - Looking

    /// A page of a scan as a small JPEG picture made in the sandbox, for its operator. Nothing of it is kept.
    ///
    /// - Throws: `.notFound` for what is not theirs, or is sealed.
    public func picture(
        ofStack upload: UploadID, in id: BatchID, page: Int, width: Int, as acting: Acting
    ) throws(VaultError) -> [UInt8] {
        try rethrowing("picture") {
            _ = try decide(.keepBatch, acting)
            guard let row = try workspace.upload(upload, of: acting.person), row.state == .stacked,
                recorder.authority.batches[id]?.closed == nil, recorder.authority.openBatches[acting.person] == id
            else { throw VaultError.notFound }
            let facts = try facts(of: row, acting)
            guard facts.announced.batch == id, let type = facts.arrived?.inspected.mediaType else {
                throw VaultError.notFound
            }
            return try picture(of: stackCopy(upload, acting), type, page, width)
        }
    }

    func picture(of copy: StackCopy, _ mediaType: String, _ page: Int, _ width: Int) throws -> [UInt8] {
        do {
            return try sandbox().picture(of: copy.copy.memory, mediaType: mediaType, page: page, width: width)
        } catch SandboxError.unavailable {
            throw VaultError.waiting(code: "sandbox.unavailable")
        } catch is SandboxError { throw VaultError.notFound }
    }

    /// A scan's bytes in a memory file, for its operator: read back and authenticated, and kept for a minute after the last look.
    func stackCopy(_ upload: UploadID, _ acting: Acting) throws -> StackCopy {
        try copies.copy(of: upload, for: acting.session, at: clock.monotonic()) {
            guard let row = try workspace.upload(upload, of: acting.person), row.state == .stacked else {
                throw VaultError.notFound
            }
            let (received, _) = try reopen(row, acting)
            var copy = try readBack(received)
            try copy.seal()
            return copy
        }
    }
}

extension DeskPage {
    /// A page as the sandbox saw it; nil where it could not be drawn.
    init(_ reading: PageReading?) {
        self.init(scanned: ScannedPage(reading), quality: PageQuality(reading))
    }
}

extension PageQuality {
    /// Below this the ink is hardly darker than the paper, or the paper is nearly black.
    private static let leastContrast = 60
    private static let leastPaper = 100

    init(_ reading: PageReading?) {
        guard let reading else {
            self.init(isUnknown: true)
            return
        }
        self.init(
            dpi: reading.resolution.map { min($0.across, $0.down) }, skew: reading.skew, isBlank: reading.isBlank,
            isCutOff: reading.isCutOff,
            isDark: reading.paper < Self.leastPaper || (!reading.isBlank && reading.contrast < Self.leastContrast))
    }
}

/// A scan in memory that several looks share.
final class StackCopy: Sendable {
    let copy: InspectionCopy

    init(_ copy: consuming InspectionCopy) { self.copy = copy }
}

/// The scans that are looked at now: each for the session that opened it.
final class StackCopies: Sendable {
    private struct Kept {
        let copy: StackCopy
        let session: SessionID
        var used: MonotonicTime
    }

    private let kept = Mutex<[UploadID: Kept]>([:])
    private let opening = NSLock()
    /// So many are kept at once.
    private static let most = 2

    func copy(
        of upload: UploadID, for session: SessionID, at now: MonotonicTime, _ open: () throws -> InspectionCopy
    ) throws -> StackCopy {
        // One is opened at a time, so that a page of thumbnails opens its scan once.
        try opening.withLock {
            if let copy = look(upload, session, now) { return copy }
            let copy = StackCopy(try open())
            kept.withLock { kept in
                while kept.count >= Self.most, let oldest = kept.min(by: { $0.value.used < $1.value.used }) {
                    kept[oldest.key] = nil
                }
                kept[upload] = Kept(copy: copy, session: session, used: now)
            }
            return copy
        }
    }

    private func look(_ upload: UploadID, _ session: SessionID, _ now: MonotonicTime) -> StackCopy? {
        kept.withLock { kept in
            guard kept[upload]?.session == session else { return nil }
            kept[upload]?.used = now
            return kept[upload]?.copy
        }
    }

    func drop(_ upload: UploadID) { kept.withLock { $0[upload] = nil } }

    /// Forgets what nobody looked at for a minute.
    func dropIdle(_ now: MonotonicTime) {
        kept.withLock { kept in kept = kept.filter { now.nanoseconds(since: $0.value.used) < 60_000_000_000 } }
    }
}

/// Work on scans that goes on after its request: one at a time, each with its progress.
final class StackWork: Sendable {
    private let works = Mutex<[UploadID: StackProgress]>([:])
    private let queue = DispatchQueue(label: "strongroom.scans")

    /// How far a work is; nil where there is none.
    func progress(of id: UploadID) -> StackProgress? { works.withLock { $0[id] } }

    /// Begins a work, unless it is under way. `body` is given what to call with the number done, and gives why it failed.
    func begin(
        _ id: UploadID, pages: Int, _ body: @escaping @Sendable (@escaping @Sendable (Int) -> Void) -> Refusal?
    ) {
        let isNew = works.withLock { works in
            if case .reading = works[id] { return false }
            works[id] = .reading(done: 0, of: pages)
            return true
        }
        guard isNew else { return }
        queue.async { [self] in
            let failure = body { done in
                self.works.withLock { works in
                    guard case .reading(let before, let all) = works[id] else { return }
                    works[id] = .reading(done: max(before, done), of: all)
                }
            }
            works.withLock { $0[id] = failure.map { .failed($0) } }
        }
    }
}
