import Foundation
import GRDB
public import Records
import Sandbox
public import Sealing

// Uploads that are all here and wait for their uploader to file or discard them. Their bytes are staged under a file key
// that only the uploader's identity opens; what is known of them is sealed under a key that only the uploader can make,
// so that nobody can slip an upload under somebody's hand.

/// A held upload as its uploader sees it.
public struct PendingUpload: Sendable {
    /// The upload.
    public let id: UploadID
    /// The pupil file it goes to; nil for the intake queue.
    public let pupilFile: PupilFileID?
    /// The file's own name.
    public let filename: String
    /// Bytes.
    public let size: UInt64
    /// SHA-256 of the content.
    public let digest: Digest
    /// What the inspection found.
    public let inspected: Inspected
    /// What was said of it so far.
    public let details: FilingDetails
    /// Where the same person filed the same content for the same pupil before, if they did.
    public let earlier: EarlierFiling?
    /// Whether a summary is being read from its first page.
    public let isBeingRead: Bool
    /// Whether its payload was written just now.
    var isFresh = false
}

extension Vault {
    /// Keeps an upload, sealed to its uploader, until it is filed or thrown away. Durable on return.
    public func hold(
        _ received: Received, details: FilingDetails, as acting: Acting
    ) throws(VaultError) -> PendingUpload {
        try rethrowing("hold") {
            guard received.owner == acting.person else { throw VaultError.notFound }
            try checkQuota(of: acting, adding: received.size)
            try Files.syncDirectory("\(path)/staging")
            try keep(received, details, acting)
            return try pending(received, details, acting)
        }
    }

    /// Writes the row of an upload that is all here.
    func keep(_ received: Received, _ details: FilingDetails, _ acting: Acting) throws {
        let header = try Header.seal(received.fileKey, to: [.hybrid(acting.keys.identity.recipient)])
        let facts = UploadFacts(received: received, details: details, header: sha256(header.bytes))
        try workspace.put(
            Workspace.Upload(
                id: received.upload, owner: acting.person, blob: received.facts.blob, state: facts.state,
                touched: clock.now(), length: received.size, held: received.size, torn: false, header: header.bytes,
                facts: seal(facts, of: received.upload, acting), tail: []))
        received.isHeld = true
        received.keep()
        offerProposal(for: received, details, acting)
    }

    /// Refuses what would be more than one person may have open.
    func checkQuota(of acting: Acting, adding bytes: UInt64) throws {
        let (count, open) = try workspace.open(of: acting.person)
        guard count < policies.limits.pendingUploadsPerPerson,
            open + bytes <= UInt64(policies.limits.pendingMiBPerPerson) << 20
        else {
            throw Refusal(
                code: "upload.too-many-waiting",
                message: "\(count) uploads of yours, \(open >> 20) MiB, wait to be filed already.",
                hint: "File or discard some of them first.")
        }
    }

    func pending(_ received: Received, _ details: FilingDetails, _ acting: Acting) throws -> PendingUpload {
        PendingUpload(
            id: received.upload, pupilFile: received.pupilFile, filename: received.filename, size: received.size,
            digest: received.digest, inspected: received.verdict, details: details,
            earlier: try earlier(received.digest, for: received.pupilFile, acting),
            isBeingRead: recognition.isUnderWay(received.upload))
    }

    /// The person's own uploads that wait, oldest first; without those that belong to notes they are writing.
    public func pendingUploads(as acting: Acting) throws(VaultError) -> [PendingUpload] {
        try rethrowing("pending") {
            let drafted = Set(try openDrafts(acting).flatMap { [$0.attached, $0.typed].compactMap { $0 } })
            return try workspace.uploads(of: acting.person, in: UploadState.held).compactMap { upload in
                if drafted.contains(upload.id) { return nil }
                let (received, details) = try reopen(upload, acting)
                // Filed just before a crash: it waits no longer.
                if try isFiled(upload.id, acting) {
                    try settle(received, acting)
                    return nil
                }
                return try pending(received, details, acting)
            }
        }
    }

    /// The first page of one of the person's own uploads that wait, as a small JPEG picture made in the sandbox: so that
    /// they see what they are about to file. Nothing of it is kept.
    ///
    /// - Throws: `.notFound` for what is not theirs, not accepted, or not of pages.
    public func picture(ofUpload id: UploadID, width: Int, as acting: Acting) throws(VaultError) -> [UInt8] {
        try rethrowing("picture") {
            guard let row = try workspace.upload(id, of: acting.person), row.state == .inspected else {
                throw VaultError.notFound
            }
            let (received, _) = try reopen(row, acting)
            guard received.verdict.outcome == .accepted else { throw VaultError.notFound }
            var copy = try readBack(received)
            try copy.seal()
            do {
                return try sandbox().picture(
                    of: copy.memory, mediaType: received.verdict.mediaType, page: 1, width: width)
            } catch SandboxError.unavailable {
                throw VaultError.waiting(code: "sandbox.unavailable")
            } catch is SandboxError { throw VaultError.notFound }
        }
    }

    /// Inspects the person's uploads that could not be inspected when they came; the verdict is kept. One that is refused
    /// now is recorded and stays until its uploader discards it.
    public func inspectWaiting(as acting: Acting) throws(VaultError) {
        try rethrowing("inspect") {
            for upload in try workspace.uploads(of: acting.person, in: [.waiting]) {
                let (received, details) = try reopen(upload, acting)
                received.verdict = try inspect(
                    readBack(received), received.facts, wantsProposal: details.summary.isEmpty)
                guard received.verdict.outcome != .waiting else {
                    // Without a sandbox none fares better; what the virus scanner cannot look at may be one alone.
                    if received.verdict.code == "sandbox.unavailable" { return }
                    continue
                }
                var said = details
                if said.summary.isEmpty { said.summary = received.inspected.proposedSummary ?? "" }
                if received.verdict.outcome == .refused {
                    try say(
                        .uploadRefused(upload.id, code: refusal(received.verdict).code), .person(acting),
                        about: received.pupilFile)
                }
                try keep(received, said, acting)
            }
        }
    }

    /// Throws an upload away, whole or unfinished: its bytes and its key are gone. Recorded.
    public func discard(_ upload: UploadID, as acting: Acting) throws(VaultError) {
        try rethrowing("discard") {
            guard let row = try workspace.upload(upload, of: acting.person) else { throw VaultError.notFound }
            guard row.state != .filed, row.state != .gone else { throw VaultError.gone }
            try arrivals.alone(with: upload) {
                guard try !isFiled(upload, acting) else { throw VaultError.gone }
                try say(.uploadDiscarded(upload), .person(acting))
                try workspace.end(upload, at: clock.now())
                blobs.removeStaged(row.blob)
            }
        }
    }

    /// Files held uploads; the outcomes are in the order of the filings. Idempotent: an upload that this person filed
    /// already, or that is named twice, gives the same receipt. Another upload of content that they filed before is
    /// refused as `upload.repeated`, and stays held, unless its filing says `again`.
    public func file(_ filings: [Filing], as acting: Acting) throws(VaultError) -> [FilingOutcome] {
        try rethrowing("file") {
            try filingTurns.run(for: acting.person) { try fileInTurn(filings, acting) }
        }
    }

    /// Whether an upload of this person's is in the ledger, as a document or in the intake queue.
    private func isFiled(_ upload: UploadID, _ acting: Acting) throws -> Bool {
        if try !filings(ofUpload: upload, acting).isEmpty { return true }
        return try queued(upload, acting) != nil
    }

    private func fileInTurn(_ filings: [Filing], _ acting: Acting) throws -> [FilingOutcome] {
        var ready: [(received: Received, details: FilingDetails)] = []
        var outcomes: [UploadID: FilingOutcome] = [:]
        var seen: Set<UploadID> = []
        var contents: Set<[UInt8]> = []
        for filing in filings where seen.insert(filing.upload).inserted {
            if let receipt = try receipt(ofUpload: filing.upload, acting) {
                outcomes[filing.upload] = .filed(filing.upload, receipt)
            } else if let receipt = try intakeReceipt(ofUpload: filing.upload, acting) {
                outcomes[filing.upload] = .queued(filing.upload, receipt)
            } else if let upload = try workspace.upload(filing.upload, of: acting.person),
                UploadState.held.contains(upload.state)
            {
                let (received, _) = try reopen(upload, acting)
                let tag = try contentTag(received.digest, for: received.pupilFile, acting)
                if !filing.again,
                    let refusal = try repetition(of: received.digest, for: received.pupilFile, acting)
                        ?? (contents.contains(tag) ? .uploadNamedTwice : nil)
                {
                    outcomes[filing.upload] = .refused(filing.upload, refusal)
                    continue
                }
                contents.insert(tag)
                if received.verdict.outcome == .waiting {
                    received.verdict = try inspect(readBack(received), received.facts, wantsProposal: false)
                }
                if !filing.isFresh { try checkStaged(received) }
                ready.append((received, filing.details))
            } else {
                outcomes[filing.upload] = .refused(
                    filing.upload,
                    Refusal(
                        code: "upload.unknown", message: "This upload is not waiting to be filed.",
                        hint: "It is not all here yet, or it was discarded. Go on with it, or upload it again."))
            }
        }
        for outcome in try file(ready, as: acting) {
            switch outcome {
            case .filed(let upload, _), .queued(let upload, _), .refused(let upload, _): outcomes[upload] = outcome
            }
        }
        return filings.compactMap { outcomes[$0.upload] }
    }

    // MARK: - What is sealed of an upload

    /// An upload's row, opened by its owner: refused unless the owner's own session made it.
    func facts(of upload: Workspace.Upload, _ acting: Acting) throws -> UploadFacts {
        let facts = try UploadFacts(
            parsing: SealedRow.open(
                upload.facts, key: ownKey(acting), row: upload.id.bytes, associatedData: acting.person.bytes))
        guard facts.header == nil || facts.header == sha256(upload.header) else {
            throw VaultError.tampered(code: "upload.header")
        }
        return facts
    }

    func seal(_ facts: UploadFacts, of upload: UploadID, _ acting: Acting) throws -> [UInt8] {
        try SealedRow.seal(
            facts.encoded, key: ownKey(acting), row: upload.bytes, associatedData: acting.person.bytes)
    }

    /// A key that only the person can make, for what is theirs alone.
    func ownKey(_ acting: Acting) throws -> DetailKey {
        try KeyedHash.derive(DetailKey(acting.keys.identity.seedCopy()), label: "strongroom/v1/uploads")
    }

    /// A held upload as it was received.
    func reopen(_ upload: Workspace.Upload, _ acting: Acting) throws -> (Received, FilingDetails) {
        let facts = try facts(of: upload, acting)
        guard let arrived = facts.arrived else { throw VaultError.tampered(code: "upload.facts") }
        let header = try Header(parsing: upload.header)
        let received = Received(
            vault: self, acting: upload.owner, upload: upload.id,
            fileKey: try header.open(with: acting.keys.identity),
            facts: Received.Facts(announced: facts.announced, blob: upload.blob, nonce: facts.nonce, arrived: arrived),
            verdict: arrived.inspected, keep: true)
        received.isHeld = true
        return (received, facts.details)
    }

    /// Refuses a staged payload that is not the one whose digest is about to be signed: it may have waited for days.
    private func checkStaged(_ received: Received) throws {
        let facts = received.facts
        let file = try PayloadFile(path: blobs.waiting(facts.blob), length: facts.payloadLength, nonce: facts.nonce)
        guard try file.digest() == facts.payload else { throw VaultError.tampered(code: "upload.staged-differs") }
    }

    // MARK: - Receipts

    /// A receipt of what this person filed, by page or by program; kept as long as an upload may wait.
    public func receipt(of document: DocumentID, as acting: Acting) throws(VaultError) -> Receipt {
        try rethrowing("receipt") {
            let upload = try pool.read { db in
                try Data.fetchOne(
                    db,
                    sql: """
                        SELECT upload FROM document WHERE id = ?1
                        UNION ALL SELECT upload FROM restricted WHERE id = ?1 AND upload IS NOT NULL
                        """, arguments: [Data(document.bytes)])
            }
            guard let upload = upload.flatMap({ UploadID($0) }),
                let receipt = try receipts(ofUpload: upload, acting).first(where: { $0.document == document })
            else { throw VaultError.notFound }
            return receipt
        }
    }

    /// The receipt of an upload that this person filed, of the pupil that it was uploaded for; nil where it is not filed.
    func receipt(ofUpload upload: UploadID, _ acting: Acting) throws -> Receipt? {
        try receipts(ofUpload: upload, acting).first
    }

    /// A receipt for each document that an upload of this person's became: one for each pupil that it is about.
    private func receipts(ofUpload upload: UploadID, _ acting: Acting) throws -> [Receipt] {
        guard let row = try workspace.upload(upload, of: acting.person), row.state != .gone else { return [] }
        let filings = try filings(ofUpload: upload, acting)
        guard !filings.isEmpty else { return [] }
        let facts = try facts(of: row, acting)
        guard let arrived = facts.arrived, let announced = facts.announced.pupilFile else {
            throw VaultError.tampered(code: "upload.facts")
        }
        if row.state != .filed { try settle(reopen(row, acting).0, acting) }
        return try filings.map { filing in
            // A restricted one names no pupil file.
            guard let pupil = recorder.authority.pupils[filing.statement.pupilFile ?? announced] else {
                throw VaultError.tampered(code: "upload.facts")
            }
            return Receipt(
                document: filing.document, pupilReference: pupil.reference,
                filename: Self.ending(of: facts.announced.filename).name, recorded: filing.statement.time,
                sha256: arrived.digest.hex, index: filing.statement.index, checkpoint: filing.checkpoint,
                mediaType: arrived.inspected.mediaType, pages: arrived.inspected.pages,
                size: facts.announced.length, quarantined: arrived.inspected.outcome == .quarantined,
                earlier: try filing.tag.flatMap { tag in
                    try pool.read { db in try earlier(tag, before: filing.statement.index, db) }?.document
                }, isRestricted: filing.tag == nil, documents: filings.map(\.document))
        }
    }

    /// The receipt of an upload that this station put into the intake queue; nil where it did not.
    private func intakeReceipt(ofUpload upload: UploadID, _ acting: Acting) throws -> IntakeReceipt? {
        guard let row = try workspace.upload(upload, of: acting.person), row.state != .gone,
            let (statement, act, checkpoint) = try queued(upload, acting)
        else { return nil }
        let facts = try facts(of: row, acting)
        guard let arrived = facts.arrived else { throw VaultError.tampered(code: "upload.facts") }
        if row.state != .filed { try settle(reopen(row, acting).0, acting) }
        return IntakeReceipt(
            upload: upload, filename: Self.ending(of: facts.announced.filename).name, recorded: statement.time,
            sha256: arrived.digest.hex, index: statement.index, checkpoint: checkpoint, size: facts.announced.length,
            quarantined: act.quarantine != nil)
    }

    /// A statement by which this person filed an upload, the document that it became, its content's tag unless it is
    /// restricted, and the note of the ledger that ends with it.
    private typealias OwnFiling = (statement: Statement, document: DocumentID, tag: [UInt8]?, checkpoint: String)

    /// These of an upload, in the order of the ledger.
    private func filings(ofUpload upload: UploadID, _ acting: Acting) throws -> [OwnFiling] {
        try recorder.read(pool) { db, _ in
            try UInt64.fetchIndices(
                db,
                sql: """
                    SELECT idx FROM document WHERE upload = ?1 UNION ALL SELECT idx FROM restricted WHERE upload = ?1
                    ORDER BY idx
                    """, arguments: [Data(upload.bytes)]
            ).compactMap { index -> OwnFiling? in
                let statement = try recorder.statement(index, db).statement
                guard let (document, tag) = statement.act.filed(upload), statement.author == .person(acting.person),
                    !recorder.isMoved(document),
                    let note = try String.fetchOne(
                        db, sql: "SELECT note FROM checkpoint WHERE size = ?", arguments: [Int64(index) + 1])
                else { return nil }
                return (statement, document, tag, note)
            }
        }
    }

    /// After a filing: the staged header is destroyed, and what the receipt says is kept for its uploader.
    func settle(_ received: Received, _ acting: Acting) throws {
        guard received.isHeld else { return }
        var facts = UploadFacts(received: received, details: FilingDetails(), header: nil)
        facts.arrived?.inspected.proposedSummary = nil
        try workspace.put(
            Workspace.Upload(
                id: received.upload, owner: acting.person, blob: received.facts.blob, state: .filed,
                touched: clock.now(), length: received.size, held: received.size, torn: false, header: [],
                facts: seal(facts, of: received.upload, acting), tail: []))
    }
}

extension Act {
    /// The document that an upload became by this act, and its content's tag, which a restricted one has not.
    fileprivate func filed(_ upload: UploadID) -> (DocumentID, tag: [UInt8]?)? {
        switch self {
        case .documentFiled(let act) where act.upload == upload: (act.document, act.contentTag)
        case .restrictedActed(let act) where act.brought?.upload == upload: (act.record, nil)
        default: nil
        }
    }
}

/// What is known of an upload, as it is kept for its uploader.
struct UploadFacts {
    /// What its sender said before its bytes came.
    struct Announced: Sendable {
        let pupilFile: PupilFileID?
        let batch: BatchID?
        let filename: String
        let declaredType: String
        let length: UInt64
        /// The sender's own words about it (tus's Upload-Metadata), given back as they were.
        var metadata = ""
        /// SHA-256 of the content, where its sender said it.
        var expected: Digest?
    }
    /// What was found when all of it was here.
    struct Arrived {
        let digest: Digest
        let payload: Digest
        let payloadLength: UInt64
        var inspected: Inspected
    }

    var announced: Announced
    let nonce: PayloadNonce
    /// SHA-256 of the header that holds the file key; nil when that is destroyed.
    let header: Digest?
    var details: FilingDetails
    var arrived: Arrived?

    init(announced: Announced, nonce: PayloadNonce, header: Digest, details: FilingDetails) {
        self.announced = announced
        self.nonce = nonce
        self.header = header
        self.details = details
    }

    init(received: Received, details: FilingDetails, header: Digest?) {
        let facts = received.facts
        announced = Announced(
            pupilFile: facts.pupilFile, batch: facts.batch, filename: facts.filename,
            declaredType: facts.declaredType, length: facts.size, metadata: facts.metadata)
        nonce = facts.nonce
        self.header = header
        self.details = details
        arrived = Arrived(
            digest: facts.digest, payload: facts.payload, payloadLength: facts.payloadLength,
            inspected: received.verdict)
    }

    var state: UploadState {
        switch arrived?.inspected.outcome {
        case nil: .receiving
        case .accepted, .refused: .inspected
        case .quarantined: .quarantined
        case .waiting: .waiting
        }
    }

    var encoded: [UInt8] {
        var values = [
            "pupil_file": announced.pupilFile?.text ?? "", "batch": announced.batch?.text ?? "",
            "filename": announced.filename,
            "declared_type": announced.declaredType, "length": String(announced.length),
            "metadata": announced.metadata, "expected": announced.expected?.hex ?? "",
            "nonce": Base64.encode(nonce.bytes), "header": header?.hex ?? "",
        ]
        values.merge(details.said.map { ($0.name, $0.value) }) { $1 }
        if let arrived {
            let inspected = arrived.inspected
            values.merge([
                "sha256": arrived.digest.hex, "payload": arrived.payload.hex,
                "payload_length": String(arrived.payloadLength), "outcome": inspected.outcome.rawValue,
                "code": inspected.code ?? "", "message": inspected.message ?? "", "media_type": inspected.mediaType,
                "pages": inspected.pages.map { String($0) } ?? "", "proposed": inspected.proposedSummary ?? "",
                "virus": inspected.signature ?? "",
            ]) { $1 }
        }
        return Detail(values: values).encoded
    }

    init(parsing bytes: [UInt8]) throws {
        let detail = try Detail(parsing: bytes)
        func id<Of>(_ name: String) throws -> Identifier<Of>? {
            guard let text = detail[name] else { return nil }
            guard let id = Identifier<Of>(text: text) else { throw VaultError.tampered(code: "upload.facts") }
            return id
        }
        guard let length = detail["length"].flatMap(UInt64.init),
            let nonce = detail["nonce"].flatMap(Base64.decode).flatMap(PayloadNonce.init)
        else { throw VaultError.tampered(code: "upload.facts") }
        announced = Announced(
            pupilFile: try id("pupil_file"), batch: try id("batch"), filename: detail["filename"] ?? "",
            declaredType: detail["declared_type"] ?? "", length: length, metadata: detail["metadata"] ?? "",
            expected: detail["expected"].flatMap(Digest.init(hex:)))
        self.nonce = nonce
        header = detail["header"].flatMap(Digest.init(hex:))
        details = FilingDetails { detail[$0] }
        guard let outcome = detail["outcome"] else { return }
        guard let digest = detail["sha256"].flatMap(Digest.init(hex:)),
            let payload = detail["payload"].flatMap(Digest.init(hex:)),
            let payloadLength = detail["payload_length"].flatMap(UInt64.init),
            let outcome = Inspected.Outcome(rawValue: outcome)
        else { throw VaultError.tampered(code: "upload.facts") }
        arrived = Arrived(
            digest: digest, payload: payload, payloadLength: payloadLength,
            inspected: Inspected(
                outcome: outcome, code: detail["code"], message: detail["message"],
                mediaType: detail["media_type"] ?? "", pages: detail["pages"].flatMap { Int($0) },
                proposedSummary: detail["proposed"], signature: detail["virus"]))
    }
}

extension Received.Facts {
    init(announced: UploadFacts.Announced, blob: BlobID, nonce: PayloadNonce, arrived: UploadFacts.Arrived) {
        self.init(
            pupilFile: announced.pupilFile, batch: announced.batch, filename: announced.filename,
            declaredType: announced.declaredType, metadata: announced.metadata, blob: blob, size: announced.length,
            digest: arrived.digest, nonce: nonce,
            payload: arrived.payload, payloadLength: arrived.payloadLength)
    }
}
