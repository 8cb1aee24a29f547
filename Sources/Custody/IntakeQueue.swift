import Foundation
import GRDB
import Ledger
public import Records
import Sealing

// The intake queue: scans that no pupil is known for yet. An item is a statement, a header and a detail sealed to the
// queue's own identity, and a payload in the blob store; it is not yet a document of anybody's file.

/// What a scan station holds after a scan came into the intake queue.
public struct IntakeReceipt: Hashable, Sendable {
    /// The upload, which names the item.
    public let upload: UploadID
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
    /// Bytes.
    public let size: UInt64
    /// Whether it is kept apart as evidence.
    public let quarantined: Bool
}

/// A scan that waits in the intake queue, as those see it who may.
public struct IntakeItem: Hashable, Sendable {
    /// The upload it was.
    public let upload: UploadID
    /// Its statement's place in the ledger.
    public let index: UInt64
    /// When it came.
    public let recorded: Timestamp
    /// The scan station that brought it.
    public let station: String
    /// The file's own name.
    public let filename: String
    /// What the station's program said it is, if it did.
    public let summary: String
    /// The type found.
    public let mediaType: String
    /// Pages, where the type has pages.
    public let pages: Int?
    /// Bytes.
    public let size: UInt64
    /// SHA-256 of the content, hex.
    public let sha256: String
    /// Whether it is kept apart as evidence.
    public let quarantined: Bool
}

extension Vault {
    /// What waits in the intake queue, oldest first. A recorded act, once a session.
    public func intake(as acting: Acting) throws(VaultError) -> [IntakeItem] {
        try rethrowing("intake") {
            _ = try decide(.seeIntake, acting)
            if !acting.memory.with({ $0.intakeRead }) {
                try say(.intakeRead(acting.session), .person(acting))
                acting.memory.with { $0.intakeRead = true }
            }
            return try recorder.read(pool) { db, head in
                guard let founding = head.authority.founding else { throw VaultError.notFound }
                let queue = try open(founding.intake, as: acting, db)
                let indices = try UInt64.fetchIndices(db, sql: Self.waitingInQueue("idx") + " ORDER BY idx")
                return try indices.map { try intakeItem($0, queue, db) }
            }
        }
    }

    /// How many scans wait in the intake queue.
    public func intakeCount(as acting: Acting) throws(VaultError) -> Int {
        try rethrowing("intake") {
            _ = try decide(.seeIntake, acting)
            return try pool.read { db in try Int.fetchOne(db, sql: Self.waitingInQueue("count(*)")) ?? 0 }
        }
    }

    /// What was not taken out of the queue.
    private static func waitingInQueue(_ columns: String) -> String {
        "SELECT \(columns) FROM intake WHERE upload NOT IN (SELECT upload FROM intake_taken)"
    }

    /// A scan of the queue as an upload of the person who takes it: its header opened with the queue's key.
    func receivedFromIntake(_ upload: UploadID, batch: BatchID, _ acting: Acting) throws -> Received {
        try recorder.read(pool) { db, head in
            guard let founding = head.authority.founding,
                let index = try UInt64.fetchIndex(
                    db, sql: Self.waitingInQueue("idx") + " AND upload = ?", arguments: [Data(upload.bytes)])
            else { throw VaultError.notFound }
            let queue = try open(founding.intake, as: acting, db)
            let item = try intakeItem(index, queue, db)
            let statement = try recorder.statement(index, db).statement
            guard case .intakeReceived(let act) = statement.act, let nonce = PayloadNonce(act.payload.nonce),
                let headerItem = statement.items.first(where: { $0.kind == .header && $0.id == act.header })
            else { throw VaultError.tampered(code: "intake.statement") }
            guard act.quarantine == nil else { throw Refusal.scanNotAccepted }
            let key = try Header(parsing: Self.item(headerItem, db)).open(with: queue)
            guard keyCommitment(key, nonce: nonce, document: upload.bytes) == act.payload.commitment,
                let digest = Digest(hex: item.sha256)
            else { throw VaultError.tampered(code: "document.key-commitment") }
            let facts = Received.Facts(
                pupilFile: nil, batch: batch, filename: item.filename, declaredType: "", metadata: "",
                blob: act.payload.blob, size: item.size, digest: digest, nonce: nonce, payload: act.payload.digest,
                payloadLength: act.payload.length)
            // A name of its own: the upload's is the station's, whose row says what it sent.
            return Received(
                vault: self, acting: acting.person, upload: .random(), fileKey: key, facts: facts,
                verdict: Inspected(outcome: .accepted, mediaType: item.mediaType, pages: item.pages), keep: true)
        }
    }

    private func intakeItem(
        _ index: UInt64, _ queue: borrowing HybridIdentity, _ db: Database
    ) throws -> IntakeItem {
        let statement = try recorder.statement(index, db).statement
        guard case .intakeReceived(let act) = statement.act, case .person(let author) = statement.author,
            let station = recorder.authority.people[author],
            let keyItem = statement.items.first(where: { $0.kind == .intakeKey && $0.id == act.key }),
            let detailItem = statement.items.first(where: { $0.kind == .detail && $0.id == act.detail })
        else { throw VaultError.tampered(code: "intake.statement") }
        let key = try DetailKey(
            Wrap.open(
                Self.item(keyItem, db), secretCount: 32,
                context: Self.intakeKeyContext(recorder.vault, act.key, act.upload), with: queue))
        let row = try Self.item(detailItem, db).withUnsafeBytes {
            try SealedRow.open(
                $0, key: key, row: act.detail.bytes, associatedData: rowContext("intake", act.upload.bytes))
        }
        let detail = try Detail(parsing: row)
        guard detail.commitments == statement.fields else { throw VaultError.tampered(code: "detail.fields") }
        return IntakeItem(
            upload: act.upload, index: index, recorded: statement.time, station: try name(of: station, db),
            filename: detail["filename"] ?? "", summary: detail["summary"] ?? "",
            mediaType: detail["media_type"] ?? "", pages: detail["pages"].flatMap { Int($0) },
            size: detail["size"].flatMap { UInt64($0) } ?? 0, sha256: detail["sha256"] ?? "",
            quarantined: act.quarantine != nil)
    }

    /// What a wrap of an intake item's detail key says beside the secret.
    static func intakeKeyContext(_ vault: VaultID?, _ key: ItemID, _ upload: UploadID) -> [UInt8] {
        Array("strongroom/v1/intake-key\n\(vault?.text ?? "")\n\(upload.text)\n\(key.text)\n".utf8)
    }

    /// Makes ready what puts an upload into the intake queue.
    func prepareForIntake(_ received: Received, _ details: FilingDetails, _ acting: Acting) throws -> Prepared {
        let (facts, inspected) = (received.facts, received.verdict)
        try requireInspected(inspected)
        guard let founding = recorder.authority.founding else { throw VaultError.notFound }
        let recipient = try pool.read { db in try self.recipient(of: founding.intake, db) }
        let summary = try decideIntakeSummary(details.summary)
        let (header, detailItem, keyItem) = (ItemID.random(), ItemID.random(), ItemID.random())
        let key = try DetailKey.random()
        let detail = Detail(values: [
            "filename": Self.ending(of: facts.filename).name, "summary": summary,
            "media_type": inspected.mediaType, "pages": inspected.pages.map { String($0) } ?? "",
            "size": String(facts.size), "sha256": facts.digest.hex, "virus": inspected.signature ?? "",
        ])
        let items = [
            SealedItem(header, .header, try Header.seal(received.fileKey, to: [.hybrid(recipient)]).bytes),
            SealedItem(
                detailItem, .detail,
                try SealedRow.seal(
                    detail.encoded, key: key, row: detailItem.bytes,
                    associatedData: rowContext("intake", received.upload.bytes))),
            SealedItem(
                keyItem, .intakeKey,
                try Wrap.seal(
                    key.secretCopy(), context: Self.intakeKeyContext(recorder.vault, keyItem, received.upload),
                    to: recipient)),
        ]
        let act = IntakeAct(
            upload: received.upload, payload: received.payload(boundTo: received.upload.bytes),
            header: header, detail: detailItem, key: keyItem,
            quarantine: inspected.outcome == .quarantined ? inspected.code ?? "quarantined" : nil)
        let draft = Draft(
            signer: .person(acting), items: items, fields: detail.commitments, act: .intakeReceived(act))
        return Prepared(received: received, drafts: [draft]) { recorded in
            .queued(
                received.upload,
                IntakeReceipt(
                    upload: received.upload, filename: Self.ending(of: facts.filename).name,
                    recorded: recorded[0].statement.time, sha256: facts.digest.hex, index: recorded[0].statement.index,
                    checkpoint: recorded[0].checkpoint, size: facts.size,
                    quarantined: inspected.outcome == .quarantined))
        }
    }

    /// When this station put a content into the queue, as far back as what it sent is remembered.
    func queuedBefore(_ digest: Digest, _ acting: Acting) throws -> Timestamp? {
        guard acting.isStation else { return nil }
        for row in try workspace.uploads(of: acting.person, in: [.filed]) {
            let facts = try facts(of: row, acting)
            guard facts.announced.pupilFile == nil, facts.arrived?.digest == digest else { continue }
            if let recorded = try queued(row.id, acting)?.statement.time { return recorded }
        }
        return nil
    }

    /// The statement by which this station put an upload into the queue, and the note of the ledger that ends with it.
    func queued(
        _ upload: UploadID, _ acting: Acting
    ) throws -> (statement: Statement, act: IntakeAct, checkpoint: String)? {
        guard acting.isStation else { return nil }
        return try recorder.read(pool) { db, _ in
            guard
                let index = try UInt64.fetchIndex(
                    db, sql: "SELECT idx FROM intake WHERE upload = ?", arguments: [Data(upload.bytes)])
            else { return nil }
            let statement = try recorder.statement(index, db).statement
            guard case .intakeReceived(let act) = statement.act, act.upload == upload,
                statement.author == .person(acting.person),
                let note = try String.fetchOne(
                    db, sql: "SELECT note FROM checkpoint WHERE size = ?", arguments: [Int64(index) + 1])
            else { return nil }
            return (statement, act, note)
        }
    }
}
