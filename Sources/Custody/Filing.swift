import Foundation
import GRDB
import Ledger
public import Records
import Sandbox
import Sealing
import Synchronization

// Filing is the statement: one signed ledger statement is the filing and is the chronology reference.
// 1 the details are decided          pure
// 2 the payload gets its place       rename, both directories synced
// 3 ONE transaction                  header, detail, statement, projections, checkpoint; synchronous=FULL
// 4 the witness copy is synced
// 5 the staged header is destroyed, and only then there is a receipt

/// What an uploader holds after filing: enough to prove later what was filed, when, and as what.
public struct Receipt: Hashable, Sendable {
    /// The document.
    public let document: DocumentID
    /// The pupil's reference.
    public let pupilReference: String
    /// The file's own name.
    public let filename: String
    /// When it was recorded.
    public let recorded: Timestamp
    /// SHA-256 of the content, hex.
    public let sha256: String
    /// Its statement's place in the ledger.
    public let index: UInt64
    /// A signed checkpoint of a ledger that holds it.
    public let checkpoint: String
    /// The type found.
    public let mediaType: String
    /// Pages, where the type has pages.
    public let pages: Int?
    /// Bytes.
    public let size: UInt64
    /// Whether it is kept apart as evidence.
    public let quarantined: Bool
    /// The same content, where the same person had filed it for the same pupil before.
    public let earlier: DocumentID?
    /// Whether it was filed as concerning a member of staff.
    public let isRestricted: Bool
    /// Every document that the upload became: this one, and of one about several pupils each other's, in the order of the ledger.
    public internal(set) var documents: [DocumentID] = []
}

/// An upload with what is said of it.
public struct Filing: Sendable {
    /// The held upload.
    public let upload: UploadID
    /// What it is.
    public let details: FilingDetails
    /// Whether it is filed also where its sender filed the same content before.
    public let again: Bool
    /// Whether its payload was hashed as it was written, in this same request.
    let isFresh: Bool

    /// An upload to be filed.
    public init(upload: UploadID, details: FilingDetails, again: Bool = false) {
        self.upload = upload
        self.details = details
        self.again = again
        isFresh = false
    }

    /// An upload to be filed as its last byte comes, with what was said of it then.
    public init(_ arrived: PendingUpload, again: Bool = false) {
        upload = arrived.id
        details = arrived.details
        self.again = again
        isFresh = arrived.isFresh
    }
}

/// What became of one filing.
public enum FilingOutcome: Sendable {
    /// It is filed.
    case filed(UploadID, Receipt)
    /// It is in the intake queue.
    case queued(UploadID, IntakeReceipt)
    /// It is not; a held upload stays held.
    case refused(UploadID, Refusal)
}

/// Who filed something.
public struct Filer: Hashable, Sendable {
    /// The person, by the name they had then; of the intake queue's items, the scan station.
    public let uploader: String
    /// The scan station that it came through, where it did.
    public let through: String?

    /// A filer by these names.
    public init(uploader: String, through: String?) {
        self.uploader = uploader
        self.through = through
    }

    /// For people: `Sam Patel through Office copier`.
    public var text: String { through.map { "\(uploader) through \($0)" } ?? uploader }
}

/// Where somebody filed the same content for the same pupil before.
public struct EarlierFiling: Hashable, Sendable {
    /// The document it became.
    public let document: DocumentID
    /// When.
    public let recorded: Timestamp
}

extension Refusal {
    /// What its sender filed before, and did not ask to file again: a question back, so no statement is made of it.
    public static func uploadRepeated(_ earlier: EarlierFiling) -> Refusal {
        uploadRepeated(
            "You filed this same content for this pupil before, as document \(earlier.document.text) at \(earlier.recorded.iso8601)."
        )
    }

    /// What a scan station put into the intake queue before.
    static func uploadRepeated(inQueueSince recorded: Timestamp) -> Refusal {
        uploadRepeated("You put this same content into the intake queue before, at \(recorded.iso8601).")
    }

    /// The same content as another that is named with it.
    public static let uploadNamedTwice = uploadRepeated("The same content is among the files named before it.")

    private static func uploadRepeated(_ message: String) -> Refusal {
        Refusal(
            code: "upload.repeated", message: message,
            hint: "It was not filed. If it is to be there twice, file it on purpose: --again, or by program `again`.")
    }
}

/// A filing whose every part is ready to be written: a statement for each pupil that it is about.
struct Prepared {
    let received: Received
    let drafts: [Draft]
    let outcome: ([Recorded]) -> FilingOutcome
}

extension Vault {
    /// Files uploads whose bytes were just received: the statement is the filing. Durable on return.
    ///
    /// All that are in order go into one transaction; one that is not does not stop the others, and its staged bytes
    /// stay as they were.
    public func file(
        _ filings: [(received: Received, details: FilingDetails)], as acting: Acting
    ) throws(VaultError) -> [FilingOutcome] {
        try rethrowing("file") {
            var outcomes: [FilingOutcome?] = Array(repeating: nil, count: filings.count)
            var prepared: [(Int, Prepared)] = []
            var keys: [PupilFileID: FilingKey] = [:]
            for (offset, filing) in filings.enumerated() {
                do {
                    let (received, details) = filing
                    try decideFiling(received.pupilFile, received.facts.batch, acting)
                    for other in details.alsoAbout { _ = try decide(.file(other.pupilFile), acting) }
                    prepared.append(
                        (
                            offset,
                            try prepareAny(received, details, acting, &keys)
                        ))
                } catch {
                    let failed = VaultError(error, code: "file")
                    switch failed {
                    case .waiting: break
                    case .refused(let refusal):
                        // Nobody is to see that something about a member of staff was tried to be filed.
                        let isRestricted = filing.details.concerning != nil
                        try say(
                            .uploadRefused(
                                filing.received.upload, code: isRestricted ? "filing.refused" : refusal.code),
                            signer(for: acting), about: isRestricted ? nil : filing.received.pupilFile)
                    default: throw failed
                    }
                    outcomes[offset] = .refused(filing.received.upload, failed.refusal)
                }
            }
            for (offset, outcome) in try commit(prepared, acting, keys) { outcomes[offset] = outcome }
            return outcomes.compactMap { $0 }
        }
    }

    private func prepareAny(
        _ received: Received, _ details: FilingDetails, _ acting: Acting, _ keys: inout [PupilFileID: FilingKey]
    ) throws -> Prepared {
        if received.pupilFile == nil { return try prepareForIntake(received, details, acting) }
        guard let concern = details.concerning else { return try prepare(received, details, acting, &keys) }
        guard details.alsoAbout.isEmpty else { throw Refusal.staffSeveralPupils }
        return try prepareRestricted(received, details, about: concern, acting)
    }

    private func commit(
        _ prepared: [(Int, Prepared)], _ acting: Acting, _ keys: [PupilFileID: FilingKey]
    ) throws -> [(Int, FilingOutcome)] {
        guard !prepared.isEmpty else { return [] }
        var placed: [Prepared] = []
        let recorded: [Recorded]
        do {
            for (_, filing) in prepared {
                try blobs.keep(filing.received.facts.blob)
                filing.received.keep()
                placed.append(filing)
            }
            try blobs.sync(placed.map(\.received.facts.blob))
            recorded = try recorder.record(prepared.flatMap(\.1.drafts), in: pool)
        } catch VaultError.unwitnessed {
            // It is recorded: only the receipt has to wait.
            try remember(keys, acting)
            for (_, filing) in prepared { try? settle(filing.received, acting) }
            throw VaultError.unwitnessed
        } catch VaultError.uncertain {
            // The payloads stay where a filing that was recorded looks for them; if none was, they are orphans.
            throw VaultError.uncertain
        } catch {
            for filing in placed {
                blobs.putBack(filing.received.facts.blob)
                filing.received.keep(filing.received.isHeld)
            }
            throw error
        }
        try remember(keys, acting)
        for (_, filing) in prepared {
            offerText(of: filing)
            // A staged header that outlives its filing opens only what its uploader sent; the next look at it destroys it.
            try? settle(filing.received, acting)
        }
        var rest = recorded[...]
        return prepared.map { place, filing in
            let its = Array(rest.prefix(filing.drafts.count))
            rest = rest.dropFirst(filing.drafts.count)
            return (place, filing.outcome(its))
        }
    }

    /// Decides a filing; a scan station's into somebody's batch counts only while that person is signed in here.
    func decideFiling(_ pupilFile: PupilFileID?, _ batch: BatchID?, _ acting: Acting) throws {
        guard let pupilFile else {
            _ = try decide(.fillIntake, acting)
            return
        }
        _ = try decide(.file(pupilFile, in: batch), acting)
        let authority = recorder.authority
        guard authority.stations[acting.person] != nil, let batch else { return }
        guard let person = authority.batches[batch]?.operator, sessions.isOpen(for: person) else {
            throw Refusal.batchNotOpen
        }
    }

    /// What must be known of an upload's inspection before it is filed.
    func requireInspected(_ inspected: Inspected) throws {
        switch inspected.outcome {
        case .accepted, .quarantined: break
        case .waiting: throw VaultError.waiting(code: inspected.code ?? "sandbox.unavailable")
        case .refused: throw refusal(inspected)
        }
    }

    /// Who filed, by name, and through which scan station.
    func filer(_ author: PersonID, in batch: BatchID?, _ db: Database) throws -> Filer {
        let authority = recorder.authority
        func name(of id: PersonID?) throws -> String {
            guard let person = id.flatMap({ authority.people[$0] }) else {
                throw VaultError.tampered(code: "author.unknown")
            }
            return try self.name(of: person, db)
        }
        guard authority.stations[author] != nil else {
            return Filer(uploader: try name(of: author), through: nil)
        }
        return Filer(
            uploader: try name(of: batch.flatMap { authority.batches[$0]?.operator }), through: try name(of: author))
    }

    // MARK: - What was filed before

    /// A keyed hash of pupil file and content that only its uploader can make (F-12).
    func contentTag(_ digest: Digest, for pupilFile: PupilFileID?, _ acting: Acting) throws -> [UInt8] {
        let key: TagKey = try KeyedHash.derive(ownKey(acting), label: "strongroom/v1/own-filings")
        return KeyedHash.tag((pupilFile?.bytes ?? []) + digest.bytes, key: key)
    }

    /// What is said of content that its sender filed for this pupil, or put into the intake queue, before; nil for new.
    func repetition(of digest: Digest, for pupilFile: PupilFileID?, _ acting: Acting) throws -> Refusal? {
        guard pupilFile == nil else { return try earlier(digest, for: pupilFile, acting).map(Refusal.uploadRepeated) }
        return try queuedBefore(digest, acting).map(Refusal.uploadRepeated(inQueueSince:))
    }

    /// Where this person filed the same content for the same pupil before.
    public func earlier(_ received: Received, as acting: Acting) throws(VaultError) -> EarlierFiling? {
        try rethrowing("earlier") { try earlier(received.digest, for: received.pupilFile, acting) }
    }

    func earlier(_ digest: Digest, for pupilFile: PupilFileID?, _ acting: Acting) throws -> EarlierFiling? {
        guard pupilFile != nil else { return nil }
        let tag = try contentTag(digest, for: pupilFile, acting)
        return try recorder.read(pool) { db, _ in try earlier(tag, before: .max, db) }
    }

    /// The first filing of a content that stands before an index.
    func earlier(_ tag: [UInt8], before end: UInt64, _ db: Database) throws -> EarlierFiling? {
        // What was moved out of the file since is told of to nobody.
        guard
            let index = try UInt64.fetchIndex(
                db,
                sql: """
                    SELECT idx FROM document WHERE content_tag = ? AND id NOT IN (SELECT document FROM moved)
                    ORDER BY idx LIMIT 1
                    """, arguments: [Data(tag)]),
            index < end
        else { return nil }
        let statement = try recorder.statement(index, db).statement
        guard case .documentFiled(let act) = statement.act, act.contentTag == tag else {
            throw VaultError.tampered(code: "document.other-statement")
        }
        return EarlierFiling(document: act.document, recorded: statement.time)
    }

    // MARK: - Preparing

    /// The detail key that a session files into a pupil file with.
    final class FilingKey {
        let item: ItemID
        let key: DetailKey
        var fresh: SealedItem?

        init(item: ItemID, key: consuming DetailKey, fresh: SealedItem?) {
            self.item = item
            self.key = key
            self.fresh = fresh
        }

        /// The item that brings the key, for the first statement that uses it.
        func takeFresh() -> [SealedItem] {
            defer { fresh = nil }
            return fresh.map { [$0] } ?? []
        }
    }

    func filingKey(
        for pupilFile: PupilFileID, _ recipient: HybridRecipient, _ acting: Acting,
        _ keys: inout [PupilFileID: FilingKey]
    ) throws -> FilingKey {
        if let key = keys[pupilFile] { return key }
        let key: FilingKey
        if let kept = acting.memory.with({ $0.filingKeys[pupilFile] }) {
            key = FilingKey(item: kept.item, key: try acting.openSealed(kept.sealed, row: kept.item), fresh: nil)
        } else {
            let item = ItemID.random()
            let secret = try DetailKey.random()
            let wrap = try Wrap.seal(
                secret.secretCopy(), context: Self.detailKeyContext(recorder.vault, item, pupilFile), to: recipient)
            key = FilingKey(item: item, key: secret, fresh: SealedItem(item, .detailKey, wrap))
        }
        keys[pupilFile] = key
        return key
    }

    /// A detail of something in a pupil file (a document, an entry, an access …), sealed in its own row under the session's key.
    func seal(
        _ detail: Detail, of object: [UInt8], in pupilFile: PupilFileID, under key: FilingKey
    ) throws -> SealedItem {
        let row = ItemID.random()
        let sealed = try SealedRow.seal(
            detail.encoded, key: key.key, row: row.bytes,
            associatedData: rowContext("detail", pupilFile.bytes + object))
        return SealedItem(row, .detail, sealed)
    }

    func remember(_ keys: [PupilFileID: FilingKey], _ acting: Acting) throws {
        for (pupilFile, key) in keys {
            let sealed = try acting.seal(key.key, row: key.item)
            acting.memory.with { $0.filingKeys[pupilFile] = (key.item, sealed) }
        }
    }

    /// A new document's shares with everyone who has access to the whole file now.
    private func sharesOfAll(
        _ document: DocumentID, _ detail: ItemID, of pupilFile: PupilFileID, _ fileKey: borrowing FileKey,
        _ detailKey: borrowing DetailKey
    ) throws -> [SealedShare] {
        let accesses = recorder.authority.wholeAccesses(to: pupilFile, at: clock.now())
        guard !accesses.isEmpty else { return [] }
        let recipients = try pool.read { db in try accesses.map { try recipient(of: $0.identity, db) } }
        var shares: [SealedShare] = []
        for (access, recipient) in zip(accesses, recipients) {
            shares.append(try share(document, detail, under: access.id, fileKey, detailKey, to: recipient))
        }
        return shares
    }

    private func prepare(
        _ received: Received, _ details: FilingDetails, _ acting: Acting, _ keys: inout [PupilFileID: FilingKey]
    ) throws -> Prepared {
        let facts = received.facts
        let inspected = received.verdict
        guard let pupilFile = facts.pupilFile, let pupil = recorder.authority.pupils[pupilFile] else {
            throw Refusal.pupilUnknown
        }
        var prepared = [try prepare(received, details, for: pupilFile, acting, &keys)]
        for other in details.alsoAbout {
            var details = details
            details.summary = other.summary
            prepared.append(try prepare(received, details, for: other.pupilFile, acting, &keys))
        }
        guard Set([pupilFile] + details.alsoAbout.map(\.pupilFile)).count == prepared.count else {
            throw Refusal.pupilNamedTwice
        }
        let documents = prepared.map(\.document)
        let earlier = try earlier(facts.digest, for: pupilFile, acting)?.document
        return Prepared(received: received, drafts: prepared.map(\.draft)) { recorded in
            .filed(
                received.upload,
                Receipt(
                    document: documents[0], pupilReference: pupil.reference,
                    filename: Self.ending(of: facts.filename).name, recorded: recorded[0].statement.time,
                    sha256: facts.digest.hex, index: recorded[0].statement.index, checkpoint: recorded[0].checkpoint,
                    mediaType: inspected.mediaType, pages: inspected.pages, size: facts.size,
                    quarantined: inspected.outcome == .quarantined, earlier: earlier, isRestricted: false,
                    documents: documents))
        }
    }

    /// A document in one pupil's file: a header of its own for the payload, and a detail that says nothing of other pupils.
    private func prepare(
        _ received: Received, _ details: FilingDetails, for pupilFile: PupilFileID, _ acting: Acting,
        _ keys: inout [PupilFileID: FilingKey]
    ) throws -> (document: DocumentID, draft: Draft) {
        let facts = received.facts
        let inspected = received.verdict
        let checked = try checkedDetails(received, details)
        guard let pupil = recorder.authority.pupils[pupilFile] else { throw Refusal.pupilUnknown }
        let isStation = recorder.authority.stations[acting.person] != nil
        let batch = isStation ? facts.batch : batchOfPerson(facts, acting)
        let (recipient, filer) = try pool.read { db in
            (try self.recipient(of: pupil.identity, db), try self.filer(acting.person, in: batch, db))
        }
        let key = try filingKey(for: pupilFile, recipient, acting, &keys)
        let document = DocumentID.random()
        let detail = Detail(values: filingValues(received, checked, filer), keepsEmpty: true)
        let sealed = try seal(detail, of: document.bytes, in: pupilFile, under: key)
        let header = try Header.seal(received.fileKey, to: [.hybrid(recipient)])
        let shares =
            inspected.outcome == .quarantined
            ? [] : try sharesOfAll(document, sealed.item.id, of: pupilFile, received.fileKey, key.key)
        let act = FilingAct(
            document: document, upload: received.upload, payload: received.payload(boundTo: document.bytes),
            detail: sealed.item.id, detailKey: key.item,
            quarantine: inspected.outcome == .quarantined ? inspected.code ?? "quarantined" : nil, batch: batch,
            shares: shares.map(\.share), contentTag: try contentTag(facts.digest, for: pupilFile, acting))
        var items = [
            SealedItem(document.shared(as: Kind.Item.self), .header, header.bytes),
            sealed,
        ]
        items += key.takeFresh()
        items += shares.flatMap(\.items)
        return (
            document,
            Draft(
                signer: .person(acting), pupilFile: pupilFile, items: items, fields: detail.commitments,
                act: .documentFiled(act))
        )
    }

    /// The batch that somebody's filing belongs to: the one that they have open. Into a batch of paper comes only what was
    /// scanned for it and checked.
    private func batchOfPerson(_ facts: Received.Facts, _ acting: Acting) -> BatchID? {
        guard let open = recorder.authority.openBatches[acting.person] else { return nil }
        return (recorder.authority.batches[open]?.paper != nil) == (facts.scan != nil) ? open : nil
    }

    /// What is said of a document that was inspected, decided.
    func checkedDetails(_ received: Received, _ details: FilingDetails) throws -> CheckedDetails {
        try requireInspected(received.verdict)
        return try checkedDetails(
            details, filename: received.filename, proposed: received.verdict.proposedSummary)
    }

    /// What is said of a document, decided on today.
    func checkedDetails(_ details: FilingDetails, filename: String, proposed: String?) throws -> CheckedDetails {
        let days = SchoolTime(policies.school.timezone)
        return try Records.decide(
            details, filename: filename, proposed: proposed, policies: policies,
            today: days.day(of: clock.now()), yesterday: days.dayBefore(clock.now()))
    }

    /// The values of a document's detail: every field, so that nothing outside tells which were filled in.
    func filingValues(_ received: Received, _ checked: CheckedDetails, _ filer: Filer) -> [String: String] {
        let (facts, inspected) = (received.facts, received.verdict)
        var values = Dictionary(uniqueKeysWithValues: checked.details.said.map { ($0.name, $0.value) })
        values.merge([
            "filename": Self.ending(of: facts.filename).name, "summary_origin": checked.origin.rawValue,
            "date": checked.date.text, "media_type": inspected.mediaType,
            "pages": inspected.pages.map { String($0) } ?? "", "size": String(facts.size), "sha256": facts.digest.hex,
            "uploader": filer.uploader, "through": filer.through ?? "", "scan": facts.scan?.origin ?? "",
            "quality": facts.scan?.quality ?? "",
        ]) { $1 }
        // Only where there is one: that there is, the quarantine's code says to everybody.
        if let signature = inspected.signature { values["virus"] = signature }
        return values
    }
}

/// One filing of held uploads at a time for each person, so that a second press of the button finds what the first did.
final class FilingTurns: Sendable {
    private let turns = Mutex<[PersonID: DispatchSemaphore]>([:])

    func run<Result>(for person: PersonID, _ body: () throws -> Result) rethrows -> Result {
        let turn = turns.withLock { turns in
            if let turn = turns[person] { return turn }
            let turn = DispatchSemaphore(value: 1)
            turns[person] = turn
            return turn
        }
        turn.wait()
        defer { turn.signal() }
        return try body()
    }
}
