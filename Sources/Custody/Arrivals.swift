import Foundation
public import Records
public import Sealing
import Synchronization

// An upload that comes in pieces, is cut anywhere, and goes on, after a restart and a new sign-in too.
//
// Rules of this file.
// 1. Acknowledged is durable: the sealed chunks are synced, then the row says so, with the odd tail sealed apart.
// 2. A file key, nonce and chunk number seal one plaintext, ever. Before a piece's first chunk is sealed the row says
//    `torn`; only the row that counts those chunks says otherwise. What is found torn is sealed anew under a fresh file
//    key, in a file of another name; a piece that is taken back (its checksum was wrong) counts as torn.
// 3. One piece of an upload at a time: in this process by `Arrivals`, among processes by the staged file's lock.
// 4. Between pieces the pipeline is kept for a minute. It is only a head start: all it knows is on the disk.

/// What a sender says of an upload before its bytes come.
public struct Announcement: Sendable {
    /// Who, what and how large: `declaredBytes` is the whole length.
    public let request: UploadRequest
    /// The whole length in bytes.
    public let length: UInt64
    /// The sender's own words, given back as they were.
    public let metadata: String
    /// SHA-256 of the content, where the sender says it.
    public let digest: Digest?
    /// What the sender says for the chronology.
    public let details: FilingDetails
    /// Whether it is refused where its sender filed the same content before, as far as `digest` tells.
    public let onlyNew: Bool

    /// An announcement.
    public init(
        pupilFile: PupilFileID?, batch: BatchID?, filename: String, declaredType: String?, length: UInt64,
        metadata: String, digest: Digest?, details: FilingDetails, onlyNew: Bool = false
    ) {
        request = UploadRequest(
            pupilFile: pupilFile, batch: batch, filename: filename, declaredType: declaredType, declaredBytes: length,
            wantsProposal: details.summary.isEmpty)
        self.length = length
        self.metadata = metadata
        self.digest = digest
        self.details = details
        self.onlyNew = onlyNew
    }
}

/// How far an upload is.
public struct UploadStatus: Sendable {
    /// The upload.
    public let id: UploadID
    /// Durable bytes.
    public let offset: UInt64
    /// Bytes in all.
    public let length: UInt64
    /// The sender's own words.
    public let metadata: String
    /// When it is given up if nothing more comes.
    public let expires: Timestamp
    /// The file's own name, as announced.
    public let filename: String
    /// The pupil file it goes to; nil for the intake queue.
    public let pupilFile: PupilFileID?
    /// SHA-256 of the content, where it was announced or all of it is here.
    public let digest: Digest?
}

extension Vault {
    /// Takes note of an upload whose bytes are to come. Durable on return.
    ///
    /// - Throws: a refusal as `beginUpload`, or of a quota; recorded. A refusal `upload.repeated`, where it may
    ///   only be new.
    public func announce(_ announcement: Announcement, as acting: Acting) throws(VaultError) -> UploadStatus {
        _ = try decideUpload(announcement.request, acting)
        return try rethrowing("upload") {
            do { try checkQuota(of: acting, adding: announcement.length) } catch let refusal as Refusal {
                throw refuse(refusal, .random(), announcement.request, acting)
            }
            let request = announcement.request
            if announcement.onlyNew, let digest = announcement.digest,
                let refusal = try repetition(of: digest, for: request.pupilFile, acting)
            {
                throw refusal
            }
            let fileKey = try FileKey.random()
            let header = try Header.seal(fileKey, to: [.hybrid(acting.keys.identity.recipient)])
            let facts = UploadFacts(
                announced: UploadFacts.Announced(
                    pupilFile: request.pupilFile, batch: request.batch, filename: request.filename,
                    declaredType: request.declaredType ?? "", length: announcement.length,
                    metadata: announcement.metadata, expected: announcement.digest),
                nonce: .random(), header: sha256(header.bytes), details: announcement.details)
            let id = UploadID.random()
            let row = Workspace.Upload(
                id: id, owner: acting.person, blob: .random(), state: .receiving, touched: clock.now(),
                length: announcement.length, held: 0, torn: false, header: header.bytes,
                facts: try seal(facts, of: id, acting),
                tail: try [UInt8]().withUnsafeBytes { try SealedTail.seal($0, fileKey: fileKey, context: id.bytes) })
            try workspace.put(row)
            return status(row, facts)
        }
    }

    /// How far one of the person's own uploads is.
    ///
    /// - Parameter atRest: wants no piece to be on its way, so that the answer stays true.
    /// - Throws: `.gone` for one that was filed, discarded or given up; `.notFound` for any other that is not theirs;
    ///   `.busy` while a piece is on its way.
    public func status(
        of upload: UploadID, atRest: Bool = false, as acting: Acting
    ) throws(VaultError) -> UploadStatus {
        try rethrowing("upload") {
            if atRest, arrivals.isComing(upload) { throw VaultError.busy }
            let row = try openRow(upload, acting)
            return status(row, try facts(of: row, acting))
        }
    }

    private func openRow(_ upload: UploadID, _ acting: Acting) throws -> Workspace.Upload {
        guard let row = try workspace.upload(upload, of: acting.person) else { throw VaultError.notFound }
        guard row.state != .filed, row.state != .gone else { throw VaultError.gone }
        return row
    }

    /// The person's own uploads of which bytes are still to come, oldest first; of a scan station also those that are all
    /// here, for it has no page to check them on.
    public func unfinishedUploads(as acting: Acting) throws(VaultError) -> [UploadStatus] {
        try rethrowing("upload") {
            let states = acting.isStation ? UploadState.held.union([.receiving]) : [.receiving]
            return try workspace.uploads(of: acting.person, in: states).map { status($0, try facts(of: $0, acting)) }
        }
    }

    fileprivate func status(_ row: Workspace.Upload, _ facts: UploadFacts) -> UploadStatus {
        UploadStatus(
            id: row.id, offset: row.held, length: row.length, metadata: facts.announced.metadata,
            expires: Timestamp(milliseconds: row.touched.milliseconds + pendingMilliseconds),
            filename: facts.announced.filename, pupilFile: facts.announced.pupilFile,
            digest: facts.announced.expected ?? facts.arrived?.digest)
    }

    /// How long an upload may wait for its next act.
    var pendingMilliseconds: Int64 { Int64(policies.limits.pendingUploadDays) * 86_400_000 }

    /// Takes up one of the person's own uploads where it stopped.
    ///
    /// - Throws: `.offsetDiffers` where that is another byte than `offset`, `.busy` while another piece of it comes.
    public func takeUp(_ upload: UploadID, at offset: UInt64, as acting: Acting) throws(VaultError) -> Arrival {
        try rethrowing("upload") {
            guard let turn = arrivals.begin(upload) else { throw VaultError.busy }
            var row = try openRow(upload, acting)
            guard row.held == offset else { throw VaultError.offsetDiffers(row.held) }
            guard row.state == .receiving else { throw VaultError.offsetDiffers(row.length) }
            let facts = try facts(of: row, acting)
            if !row.torn, let inflow = arrivals.unpark(upload) {
                row.torn = true
                try workspace.put(row)
                return Arrival(self, acting, row, facts, inflow, turn)
            }
            arrivals.drop(upload)
            let header = try Header(parsing: row.header)
            let fileKey = try header.open(with: acting.keys.identity)
            let chunks = Inflow.sealedChunks(of: row.held)
            return try SealedTail.open(row.tail, fileKey: fileKey, context: upload.bytes) { tail in
                guard UInt64(tail.count) == row.held - chunks * UInt64(Envelope.chunkSize) else {
                    throw VaultError.tampered(code: "upload.tail")
                }
                if row.torn { return try anew(row, facts, fileKey, chunks, tail, acting, turn) }
                let inflow = try Inflow.resume(
                    row.blob, fileKey, facts.nonce, chunks: chunks, of: row.length, tail: tail, in: self)
                row.torn = true
                try workspace.put(row)
                return Arrival(self, acting, row, facts, inflow, turn)
            }
        }
    }

    /// Seals what is durable of a torn upload under a fresh file key, and goes on with that.
    private func anew(
        _ torn: Workspace.Upload, _ old: UploadFacts, _ fileKey: borrowing FileKey, _ chunks: UInt64,
        _ tail: UnsafeRawBufferPointer, _ acting: Acting, _ turn: Arrivals.Turn
    ) throws -> Arrival {
        var inflow = try Inflow.reseal(
            torn.blob, fileKey, old.nonce, chunks: chunks, of: torn.length, tail: tail, in: self)
        let header = try Header.seal(inflow.fileKey, to: [.hybrid(acting.keys.identity.recipient)])
        let facts = UploadFacts(
            announced: old.announced, nonce: inflow.nonce, header: sha256(header.bytes), details: old.details)
        var row = torn
        row.tail = try inflow.sync(torn.id)
        row.blob = inflow.blob
        row.header = header.bytes
        row.facts = try seal(facts, of: torn.id, acting)
        // The new file's chunks are counted by this row, and the next may be sealed from now on.
        try workspace.put(row)
        blobs.removeStaged(torn.blob)
        return Arrival(self, acting, row, facts, inflow, turn)
    }
}

/// A piece of an upload on its way in. Forgotten before `pause` or `complete`, what it brought is lost and sent again.
public struct Arrival: ~Copyable {
    private let vault: Vault
    private let acting: Acting
    private var row: Workspace.Upload
    private let facts: UploadFacts
    private var inflow: Inflow
    private let turn: Arrivals.Turn
    private var lastKept: MonotonicTime

    fileprivate init(
        _ vault: Vault, _ acting: Acting, _ row: Workspace.Upload, _ facts: UploadFacts, _ inflow: consuming Inflow,
        _ turn: Arrivals.Turn
    ) {
        self.vault = vault
        self.acting = acting
        self.row = row
        self.facts = facts
        self.inflow = inflow
        self.turn = turn
        lastKept = vault.clock.monotonic()
    }

    /// The upload.
    public var upload: UploadID { row.id }
    /// Bytes taken so far, of `length`.
    public var offset: UInt64 { inflow.count }
    /// Bytes in all.
    public var length: UInt64 { row.length }
    /// Whether the last byte was taken.
    public var isWhole: Bool { inflow.count == row.length }
    /// Whether somebody wants to take the upload up elsewhere: this piece had better end.
    public var isUnwanted: Bool { turn.isUnwanted }

    /// Takes the next bytes, in any pieces.
    ///
    /// - Throws: a refusal `upload.too-long` past the announced length; an error of the disk.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) throws(VaultError) {
        guard UInt64(bytes.count) <= row.length - inflow.count else {
            throw .refused(
                Refusal(
                    code: "upload.too-long", message: "More bytes came than were announced.",
                    hint: "Nothing was lost. Go on from where the upload stands, or begin it anew."))
        }
        let result = Result { try inflow.append(bytes, whileThereIsRoomIn: vault) }
        if case .failure(let error) = result { throw VaultError(error, code: "upload") }
    }

    /// From time to time, makes durable what came so far, so that a crash costs seconds and not the whole piece.
    public mutating func keepFromTimeToTime() throws(VaultError) {
        let now = vault.clock.monotonic()
        guard now.nanoseconds(since: lastKept) > 5_000_000_000 else { return }
        lastKept = now
        let result = Result {
            // A station that was withdrawn meanwhile brings nothing more.
            try vault.requireActive(acting)
            try keep(torn: true)
        }
        if case .failure(let error) = result { throw VaultError(error, code: "upload") }
    }

    private mutating func keep(torn: Bool) throws {
        row.tail = try inflow.sync(row.id)
        row.held = inflow.count
        row.touched = vault.clock.now()
        row.torn = torn
        try vault.workspace.put(row)
    }

    /// Ends the piece before the last byte: what came is durable on return. Gives how far the upload is.
    public consuming func pause() throws(VaultError) -> UploadStatus {
        do {
            try keep(torn: false)
            let status = vault.status(row, facts)
            vault.arrivals.park(row.id, inflow, at: vault.clock.monotonic())
            turn.end()
            return status
        } catch { throw VaultError(error, code: "upload") }
    }

    /// Takes the piece back: the upload stands where it stood before it.
    public consuming func takeBack() { turn.end() }

    /// Ends the upload after its last byte: durable and inspected, it waits for its uploader to file it.
    ///
    /// - Throws: a refusal when the file is refused; recorded, and nothing is kept of it.
    public consuming func complete() throws(VaultError) -> PendingUpload {
        let (vault, acting, upload, blob, facts, turn) = (vault, acting, row.id, row.blob, facts, turn)
        let announced = facts.announced
        let request = UploadRequest(
            pupilFile: announced.pupilFile, batch: announced.batch, filename: announced.filename,
            declaredType: announced.declaredType.isEmpty ? nil : announced.declaredType,
            declaredBytes: announced.length, wantsProposal: facts.details.summary.isEmpty)
        defer { turn.end() }
        do {
            // Until the last chunk is in the row's count, only this piece's bytes can be sealed in its place.
            let arrived = try inflow.finish(expecting: announced.expected)
            try Files.syncDirectory("\(vault.path)/staging")
            let received = try vault.judge(
                arrived, upload, request, metadata: announced.metadata, acting, isKept: true)
            var details = facts.details
            if details.summary.isEmpty { details.summary = received.inspected.proposedSummary ?? "" }
            try vault.keep(received, details, acting)
            var pending = try vault.pending(received, details, acting)
            pending.isFresh = true
            return pending
        } catch let refusal as Refusal {
            let refused = vault.refuse(refusal, upload, request, acting)
            if case .refused = refused {
                try rethrowing("upload") { try vault.workspace.end(upload, at: vault.clock.now()) }
                vault.blobs.removeStaged(blob)
            }
            throw refused
        } catch {
            throw VaultError(error, code: "upload")
        }
    }
}

/// Which uploads a piece comes for, and the pipelines that wait for their next piece.
final class Arrivals: Sendable {
    private struct State {
        var coming: [UploadID: Sign] = [:]
        var parked: [UploadID: Parked] = [:]
    }

    private final class Parked: Sendable {
        let inflow: Mutex<Inflow?>
        let since: MonotonicTime

        init(_ inflow: consuming Inflow, since: MonotonicTime) {
            self.inflow = Mutex(inflow)
            self.since = since
        }

        func take() -> Inflow? { inflow.withLock { $0.take() } }
    }

    /// Whether somebody else wants the turn.
    fileprivate final class Sign: Sendable {
        let isUnwanted = Mutex(false)
    }

    /// The right to bring a piece of one upload; over when it is dropped.
    final class Turn: Sendable {
        private let upload: UploadID
        private let arrivals: Arrivals
        private let sign: Sign

        fileprivate init(_ upload: UploadID, _ arrivals: Arrivals, _ sign: Sign) {
            self.upload = upload
            self.arrivals = arrivals
            self.sign = sign
        }

        deinit { end() }

        var isUnwanted: Bool { sign.isUnwanted.withLock { $0 } }

        func end() {
            arrivals.state.withLock { state in
                if state.coming[upload] === sign { state.coming[upload] = nil }
            }
        }
    }

    private let state = Mutex(State())

    /// The turn to bring a piece; nil while another has it, who is told that somebody waits.
    func begin(_ upload: UploadID) -> Turn? {
        let sign = Sign()
        let isMine = state.withLock { state in
            if let other = state.coming[upload] {
                other.isUnwanted.withLock { $0 = true }
                return false
            }
            state.coming[upload] = sign
            return true
        }
        return isMine ? Turn(upload, self, sign) : nil
    }

    func isComing(_ upload: UploadID) -> Bool { state.withLock { $0.coming[upload] != nil } }

    /// Does something to an upload while no piece of it comes, and forgets its pipeline.
    ///
    /// - Throws: `VaultError.busy` while one does.
    func alone(with upload: UploadID, _ body: () throws -> Void) throws {
        guard let turn = begin(upload) else { throw VaultError.busy }
        defer { turn.end() }
        drop(upload)
        try body()
    }

    func park(_ upload: UploadID, _ inflow: consuming Inflow, at now: MonotonicTime) {
        let parked = Parked(inflow, since: now)
        state.withLock { $0.parked[upload] = parked }
    }

    func unpark(_ upload: UploadID) -> Inflow? {
        state.withLock { $0.parked.removeValue(forKey: upload) }?.take()
    }

    func drop(_ upload: UploadID) { _ = state.withLock { $0.parked.removeValue(forKey: upload) } }

    /// Forgets pipelines that have waited for a minute: their memory files go, and their keys.
    func dropIdle(_ now: MonotonicTime) {
        state.withLock { state in
            state.parked = state.parked.filter { now.nanoseconds(since: $0.value.since) < 60_000_000_000 }
        }
    }
}
