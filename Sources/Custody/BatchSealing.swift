import Foundation
import GRDB
import Glibc
public import Records
import Sandbox
import Sealing

// Sealing a batch of paper: what was checked is filed, piece by piece, and then nobody can open what was scanned.
// 1 take     each piece's pages out of its scan, as they are
// 2 receive  like any upload: fresh file key, sealed as it is written, inspected
// 3 file     eight pieces in one transaction; a piece's id is its upload's, so that one that is filed is not filed again
// 4 seal     when all are filed, in one transaction: the cover entry in each pupil's file, and the statement
// 5 destroy  the scans' headers, the desk and the plan, overwritten; the scans, deleted
// Killed at any moment, it is begun again and goes on; between 4 and 5 the next process that serves the vault does what is left.

/// Where a document of the archive was taken from, as it is kept with it.
public struct ScanOrigin: Codable, Hashable, Sendable {
    /// What people call the batch.
    public let batch: Int
    /// Where the paper is kept.
    public let paper: String
    /// Which scanner, and how it was set.
    public let scanner: String
    /// What state the paper was in.
    public let condition: String
    /// Who looked at its pages before it was filed.
    public let checker: String
    /// How many of the batch's pages they looked at: all, or a stated sample.
    public let looked: Int
    /// How many pages were scanned for the batch.
    public let scanned: Int
    /// SHA-256 of the scan that it was taken from, hex.
    public let stack: String
    /// Its pages there, such as `2-4,7`.
    public let pages: String
    /// Why paper from March 2018 on is among the archive; empty for older paper.
    public let reason: String
    /// Why the batch's counts differ from what was expected; empty where they do not.
    public let difference: String

    enum CodingKeys: String, CodingKey {
        case batch, paper, scanner, condition, checker
        case looked = "pages_looked_at"
        case scanned = "pages_scanned"
        case stack
        case pages = "stack_pages"
        case reason, difference
    }
}

extension DocumentFacts {
    /// Where it was taken from, where it is a document of the archive.
    public var origin: ScanOrigin? {
        fields["scan"].flatMap { try? JSONDecoder().decode(ScanOrigin.self, from: Data($0.utf8)) }
    }
}

extension Refusal {
    static let batchNotChecked = Refusal(
        code: "batch.not-checked", message: "Nobody has checked this batch yet.",
        hint: "Name a second person; when they have looked at its pages it can be sealed.")
}

extension Vault {
    /// How far sealing a batch is; nil where it is not under way.
    public func sealingProgress(of id: BatchID) -> StackProgress? {
        reading.progress(of: id.shared(as: Kind.Upload.self))
    }

    /// Has a checked batch sealed, on a thread of its own, with the keys of who asks; one that is under way goes on.
    ///
    /// - Throws: a refusal `batch.not-checked`; `.notFound` for what is not theirs or is sealed.
    public func seal(_ id: BatchID, as acting: Acting) throws(VaultError) {
        let count = try rethrowing("seal") {
            _ = try decide(.keepBatch, acting)
            return try deskTurns.run(for: acting.person) { try checkedPlan(of: id, acting).desk.pieces.count }
        }
        reading.begin(id.shared(as: Kind.Upload.self), pages: count) { [self] note in
            do throws(VaultError) {
                try sealNow(id, acting, note)
                return nil
            } catch { return error.refusal }
        }
    }

    /// The same, to its end.
    public func sealNow(
        _ id: BatchID, as acting: Acting, progress: @escaping (Int) -> Void = { _ in }
    ) throws(VaultError) { try sealNow(id, acting, progress) }

    /// The operator's desk, which is what was checked: it cannot change while it is presented.
    private func checkedPlan(of id: BatchID, _ acting: Acting) throws -> (desk: Desk, plan: Digest) {
        guard let batch = recorder.authority.batches[id], batch.operator == acting.person, batch.closed == nil else {
            throw VaultError.notFound
        }
        guard let paper = batch.paper, paper.checked != nil, let plan = paper.presented?.plan else {
            throw Refusal.batchNotChecked
        }
        return (try openDesk(id, acting), plan)
    }

    private func sealNow(_ id: BatchID, _ acting: Acting, _ note: (Int) -> Void) throws(VaultError) {
        let line = try paperBatch(id, as: acting)
        try rethrowing("seal") {
            // Not a desk turn: the page asks for the desk while this goes on, and a desk that is presented cannot change.
            try sealingTurns.run(for: acting.person) {
                let (desk, plan) = try deskTurns.run(for: acting.person) { try checkedPlan(of: id, acting) }
                let filed = try filedUploads(in: id)
                var done = desk.pieces.count { filed.contains($0.id) }
                note(done)
                let left = desk.pieces.filter { !filed.contains($0.id) }
                for stack in desk.stacks {
                    let pieces = left.filter { $0.stack == stack.id }
                    guard !pieces.isEmpty else { continue }
                    let copy = try stackCopy(stack.id, acting)
                    for start in Swift.stride(from: 0, to: pieces.count, by: Self.piecesAtOnce) {
                        guard !acting.watch.isOver else { throw VaultError.busy }
                        let some = Array(pieces[start..<min(start + Self.piecesAtOnce, pieces.count)])
                        let filings = try Cores.map(some.count, from: 2) { place in
                            try take(some[place], of: stack, desk, copy, line, acting)
                        }
                        for outcome in try file(filings, as: acting) {
                            if case .refused(_, let refusal) = outcome { throw refusal }
                        }
                        done += some.count
                        note(done)
                    }
                }
                try sealed(id, plan, desk, line, acting)
            }
            try destroyScans(of: id)
        }
    }

    /// Records that all is filed: of each pupil whose papers were among it, an entry that tells of them together, and the
    /// statement that seals the batch, in one transaction.
    private func sealed(
        _ id: BatchID, _ plan: Digest, _ desk: Desk, _ line: PaperBatchLine, _ acting: Acting
    ) throws {
        try filingTurns.run(for: acting.person) {
            var keys: [PupilFileID: FilingKey] = [:]
            let now = clock.now()
            let day = SchoolTime(policies.school.timezone).day(of: now)
            var drafts = try Set(desk.pieces.map(\.pupilFile)).sorted().map { pupilFile in
                let details = EntryDetails(
                    kind: .archive,
                    values: [
                        .basis: EntryBasis.fact.rawValue, .date: day,
                        .account: coverWords(desk.pieces.filter { $0.pupilFile == pupilFile }, desk, line),
                    ])
                let checked = try Records.decide(details, now: now, timezone: policies.school.timezone)
                return try prepareEntry(.random(), checked, pupilFile, acting, &keys)
            }
            drafts.append(Draft(signer: .person(acting), act: .batchSealed(id, plan: plan)))
            try recorder.record(drafts, in: pool)
            try remember(keys, acting)
        }
    }

    /// What the cover entry says: nothing of another pupil's papers.
    private func coverWords(_ pieces: [Desk.Piece], _ desk: Desk, _ line: PaperBatchLine) -> String {
        func count(_ number: Int, _ what: String) -> String { "\(number) \(what)\(number == 1 ? "" : "s")" }
        let facts = line.facts
        let pages = pieces.reduce(0) { $0 + desk.written(in: $1) }
        var lines = [
            "\(count(pieces.count, "document")) of \(count(pages, "page")) from the paper archive, batch \(line.batch.number).",
            "The paper: \(facts.place).",
        ]
        if !facts.condition.isEmpty { lines.append("Its condition: \(facts.condition).") }
        if !facts.profile.isEmpty { lines.append("The scanner: \(facts.profile).") }
        lines.append("Scanned by \(line.operator), checked by \(line.checker ?? "nobody"): \(lookedWords(line)).")
        return
            (lines + [""]
            + pieces.map { piece in
                let date = (try? DocumentDate(typed: piece.date))?.text ?? "undated"
                return
                    "\(policies.title(ofCategory: piece.category)), \(date), \(count(desk.written(in: piece), "page"))"
            }).joined(separator: "\n")
    }

    /// How many pages the second person looked at.
    func lookedWords(_ line: PaperBatchLine) -> String {
        let (looked, all) = (line.looked, line.pages ?? 0)
        return looked >= all
            ? "every page of the batch was looked at"
            : "a stated sample was looked at, \(looked) of the batch’s \(all) pages"
    }

    private static let piecesAtOnce = 8

    /// A piece, taken out of its scan, sealed and inspected.
    private func take(
        _ piece: Desk.Piece, of stack: Desk.Stack, _ desk: Desk, _ copy: StackCopy, _ line: PaperBatchLine,
        _ acting: Acting
    ) throws -> (received: Received, details: FilingDetails) {
        let pages = desk.pages(of: piece)
        let origin = ScanOrigin(
            batch: line.batch.number, paper: line.facts.place,
            scanner: stack.scanner.isEmpty ? line.facts.profile : stack.scanner,
            condition: line.facts.condition, checker: line.checker ?? "",
            looked: Int(line.looked), scanned: Int(line.pages ?? 0), stack: stack.sha256,
            pages: Self.pageRanges(pages),
            reason: piece.dateReason, difference: desk.difference)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let scan = Received.Scan(
            origin: String(decoding: try encoder.encode(origin), as: UTF8.self),
            // In a field of its own, for an agency sees it, and what else is said of the scan it does not see.
            quality: PageQuality.words(of: pages.map { stack.pages[$0 - 1].quality }))
        let (bare, ending) = Self.ending(of: stack.name)
        let stem = bare.lastIndex(of: ".").map { String(bare[..<$0]) } ?? bare
        let request = UploadRequest(
            pupilFile: piece.pupilFile, batch: line.batch.id,
            filename: "\(stem), pages \(Self.pageRanges(pages)).\(ending)",
            wantsProposal: false)
        let arrived: Arrived
        if stack.mediaType == "image/jpeg" || stack.mediaType == "image/png" {
            arrived = try receive(copy.copy.memory)
        } else {
            arrived = try receive(
                try sandbox().extract(pages, of: copy.copy.memory, mediaType: stack.mediaType))
        }
        let received = try judge(arrived, piece.id, request, acting, scan: scan)
        received.verdict.proposedSummary = proposedSummary(of: piece, desk)
        // So that its uploader has a receipt, as of any upload.
        received.isHeld = true
        return (received, details(of: piece, desk))
    }

    /// Seals what lies in a memory file under a fresh key.
    private func receive(_ memory: borrowing MemoryFile) throws -> Arrived {
        var inflow = try Inflow.begin(in: self, expecting: UInt64(memory.count))
        let result = try memory.withBytes { bytes in Result { try inflow.append(bytes, whileThereIsRoomIn: self) } }
        try result.get()
        return try inflow.finish(expecting: nil)
    }

    /// What is said of a piece when it is filed; its proposed summary where the operator wrote none.
    func details(of piece: Desk.Piece, _ desk: Desk) -> FilingDetails {
        FilingDetails(
            summary: piece.summary.isEmpty ? proposedSummary(of: piece, desk) : piece.summary, category: piece.category,
            date: piece.date, signed: piece.signed)
    }

    /// What is proposed as a piece's summary: what it is, how much of it there is, and its first lines, where they were read.
    public func proposedSummary(of piece: Desk.Piece, _ desk: Desk) -> String {
        let (written, words) = (desk.written(in: piece), desk.words(of: piece))
        return
            "\(policies.title(ofCategory: piece.category)), \(written) \(written == 1 ? "page" : "pages") of the paper file"
            + (words.isEmpty ? "" : ": \(words)")
    }

    /// The uploads that were filed in a batch.
    func filedUploads(in id: BatchID) throws -> Set<UploadID> {
        Set(
            try recorder.read(pool) { db, _ in
                try Data.fetchAll(
                    db, sql: "SELECT upload FROM document WHERE batch = ?", arguments: [Data(id.bytes)])
            }.compactMap { UploadID($0) })
    }

    /// Destroys what opens the scans of a batch that is sealed or given up, and deletes them.
    func destroyScans(of id: BatchID) throws {
        for row in try workspace.stacks(of: id) {
            try workspace.end(row.id, at: clock.now())
            blobs.removeStaged(row.blob)
            copies.drop(row.id)
        }
        try workspace.removeStacks(of: id)
        try workspace.removeDesk(of: id)
        try workspace.removePresentation(of: id)
    }

    /// Does what a process that was killed left of batches: scans of one that is over, plans that nobody is asked to check, and
    /// payloads that it was writing.
    public func endInterruptedBatches() throws(VaultError) {
        try rethrowing("batches") {
            try sweepBatches()
            try sweepStaging()
        }
    }

    func sweepBatches() throws {
        for id in try workspace.batches() {
            let authority = try recorder.read(pool) { _, head in head.authority }
            guard let batch = authority.batches[id] else { continue }
            guard batch.closed == nil else {
                try destroyScans(of: id)
                continue
            }
            // Within the operator's turn: a plan is written before the statement that names it.
            try deskTurns.run(for: batch.operator) {
                let paper = try recorder.read(pool) { _, head in head.authority.batches[id]?.paper }
                guard let paper, paper.presented == nil, let row = try workspace.presentation(of: id) else { return }
                // What the checker found wrong waits for the operator.
                if let doubt = paper.doubt, let answer = row.answer, sha256(answer) == doubt { return }
                try workspace.removePresentation(of: id)
            }
        }
    }

    /// Such as `2-4,7`: how pages are named on the desk, and kept with a document.
    public static func pageRanges(_ pages: [Int]) -> String { Inspector.ranges(pages) }
}
