import Foundation
import GRDB
import Glibc
public import Records
import Sandbox
public import Sealing

// What a scan folder asks of the vault. Its watcher chooses the upload's id before it claims a file, so that after a crash the
// same file is never queued twice; and it takes nothing away before the vault has shown that it has it:
// 1 `standing`       is this upload in the queue already, and of which content?
// 2 `receive(scan:)` the file's bytes, sealed and inspected
// 3 `queue`          the statement; durable on return
// 4 `readBack`       the payload that this statement names, read from the disk, opened and hashed

/// What the vault has of an upload that a scan folder chose the id of.
public enum ScanStanding: Hashable, Sendable {
    /// Nothing is in the queue.
    case absent
    /// It is in the queue; its payload lies on the disk as it was written, and this is the SHA-256 of its content.
    case queued(Digest)
    /// It is in the queue, and what it holds cannot be shown any more: another station's, or from too long ago.
    case queuedUnseen
    /// Nothing is in the queue, and the id belongs to another station's upload: choose another.
    case othersUpload
}

extension Vault {
    /// Opens a scan station's keys with its token, for filling the intake queue.
    ///
    /// - Throws: as `enter(stationToken:)`; a refusal for a station that may not fill the queue.
    public func enter(scanFolderToken token: String) throws(VaultError) -> Acting {
        let acting = try enter(stationToken: token)
        return try rethrowing("scan-enter") {
            _ = try decide(.fillIntake, acting)
            return acting
        }
    }

    /// Takes one scan while no other watcher of this vault takes any: two that have the same file in hand would file, and on
    /// failing put back, each other's payload. The lock is on the vault's own disk, where locks hold; waits for it.
    public func alone<Result>(withScans body: () throws -> Result) throws -> Result {
        let descriptor = Glibc.open(path + "/scanning", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw VaultError(SystemCallError("open"), code: "scan-alone") }
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else { throw VaultError(SystemCallError("lock"), code: "scan-alone") }
        }
        return try body()
    }

    /// What the vault has of an upload. One that is in the queue is read from the disk and compared with its statement.
    ///
    /// - Throws: `.tampered` where the payload on the disk is not the one that the statement names.
    public func standing(ofScan upload: UploadID, as acting: Acting) throws(VaultError) -> ScanStanding {
        try rethrowing("scan-standing") {
            guard let act = try queued(upload, acting)?.act else {
                let isInQueue = try recorder.read(pool) { db, _ in try Self.isInQueue(upload, db) }
                if isInQueue { return .queuedUnseen }
                let owner = try workspace.queue.read { db in
                    try Data.fetchOne(
                        db, sql: "SELECT owner FROM upload WHERE id = ?", arguments: [Data(upload.bytes)])
                }
                return owner == nil || owner == Data(acting.person.bytes) ? .absent : .othersUpload
            }
            // What was kept of it counts only if it is of the very payload that the statement names.
            guard let row = try workspace.upload(upload, of: acting.person), row.state != .gone else {
                return .queuedUnseen
            }
            let facts = try self.facts(of: row, acting)
            guard let arrived = facts.arrived, arrived.payload == act.payload.digest else { return .queuedUnseen }
            if row.state != .filed { try settle(reopen(row, acting).0, acting) }
            let path = blobs.path(of: act.payload.blob)
            try Files.forget(path)
            let file = try PayloadFile(path: path, length: arrived.payloadLength, nonce: facts.nonce)
            guard try file.digest() == act.payload.digest else {
                throw VaultError.tampered(code: "scan.stored-differs")
            }
            return .queued(arrived.digest)
        }
    }

    /// How many of these uploads are in the intake queue, or were before a person took them from it. Needs nobody signed in.
    public func queued(among uploads: some Sequence<UploadID>) throws(VaultError) -> Int {
        try rethrowing("scan-count") {
            try recorder.read(pool) { db, _ in
                try uploads.reduce(0) { count, upload in count + (try Self.isInQueue(upload, db) ? 1 : 0) }
            }
        }
    }

    private static func isInQueue(_ upload: UploadID, _ db: Database) throws -> Bool {
        let statement = try db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM intake WHERE upload = ?)")
        return try Bool.fetchOne(statement, arguments: [Data(upload.bytes)]) ?? false
    }

    /// Receives a scan for the intake queue from an open file, under an id of the caller's: sealed, durable and inspected.
    ///
    /// - Parameters:
    ///   - descriptor: a file that can be read, from its beginning; so many bytes are taken.
    ///   - mayGrow: whether it may not be whole yet. What looks cut short is then refused without a word in the ledger.
    /// - Throws: a refusal of the file, recorded; `.waiting` where it cannot be inspected now. Nothing is kept of it then.
    public func receive(
        scan filename: String, from descriptor: Int32, size: UInt64, as upload: UploadID, mayGrow: Bool,
        by acting: Acting
    ) throws(VaultError) -> Received {
        let request = UploadRequest(
            pupilFile: nil, filename: filename, declaredBytes: size, wantsProposal: false)
        let (type, room) = try decideUpload(request, acting)
        do {
            // Asked for first, so that while it is not there no statement is made for each try.
            _ = try sandbox()
            guard size <= min(type.largestBytes, room) else { throw Refusal.uploadTooLarge(type) }
            var inflow = try Inflow.begin(in: self, expecting: size)
            let buffer = WipedBuffer(count: 1 << 20)
            while inflow.count < size {
                let wanted = UnsafeMutableRawBufferPointer(
                    rebasing: buffer.bytes[..<Int(min(size - inflow.count, UInt64(buffer.bytes.count)))])
                try Files.readAll(descriptor, into: wanted, at: inflow.count)
                try inflow.append(UnsafeRawBufferPointer(wanted), whileThereIsRoomIn: self)
            }
            let received = try judge(try inflow.finish(expecting: nil), upload, request, acting)
            guard received.verdict.outcome != .waiting else {
                throw VaultError.waiting(code: received.verdict.code ?? "sandbox.unavailable")
            }
            return received
        } catch let refusal as Refusal {
            if mayGrow && Refusal.maybeCutShort.contains(refusal.code) { throw .refused(refusal) }
            throw refuse(refusal, upload, request, acting)
        } catch {
            throw VaultError(error, code: "scan")
        }
    }

    /// A scan that was received before a crash, and not queued: as it was, if the content is the one named; else nil.
    public func resume(scan upload: UploadID, of digest: Digest, as acting: Acting) throws(VaultError) -> Received? {
        try rethrowing("scan-resume") {
            guard let row = try workspace.upload(upload, of: acting.person),
                row.state == .inspected || row.state == .quarantined
            else { return nil }
            let (received, _) = try reopen(row, acting)
            if received.digest == digest && received.pupilFile == nil && Files.exists(blobs.waiting(row.blob)) {
                return received
            }
            // The file is another than the one received: its bytes go, and what comes now takes its row.
            blobs.removeStaged(row.blob)
            return nil
        }
    }

    /// Puts a scan into the intake queue. Durable on return.
    ///
    /// - Throws: a refusal `upload.repeated` for content that this station queued before; nothing is kept of it then.
    public func queue(_ received: Received, as acting: Acting) throws(VaultError) -> IntakeReceipt {
        try rethrowing("scan-queue") {
            if let refusal = try repetition(of: received.digest, for: nil, acting) { throw refusal }
            let filing: Filing
            if received.isHeld {
                filing = Filing(upload: received.upload, details: FilingDetails())
            } else {
                var pending = try hold(received, details: FilingDetails(), as: acting)
                pending.isFresh = true
                filing = Filing(pending)
            }
            switch try file([filing], as: acting).first {
            case .queued(_, let receipt): return receipt
            case .refused(_, let refusal):
                try discard(received.upload, as: acting)
                throw refusal
            case .filed, nil: throw VaultError.tampered(code: "scan.not-queued")
            }
        }
    }

    /// Reads the payload that the queue has of a scan from the disk, with the key that it was sealed under; gives the SHA-256
    /// of its content.
    ///
    /// - Throws: `.tampered` where it is another payload than the one received, or does not open.
    public func readBack(_ received: Received, as acting: Acting) throws(VaultError) -> Digest {
        try rethrowing("scan-read-back") {
            let facts = received.facts
            guard let act = try queued(received.upload, acting)?.act, act.payload.blob == facts.blob,
                act.payload.digest == facts.payload
            else { throw VaultError.tampered(code: "scan.other-payload") }
            let path = blobs.path(of: facts.blob)
            try Files.forget(path)
            let payload = PayloadReader(
                try PayloadFile(path: path, length: facts.payloadLength, nonce: facts.nonce),
                try EnvelopeReader(
                    fileKey: received.fileKey, nonce: facts.nonce, payloadLength: facts.payloadLength))
            return try payload.readAll { _ in }
        }
    }
}

extension Refusal {
    /// Codes of refusals of what may be the beginning of a sound file.
    static let maybeCutShort: Set<String> = ["type.empty", "type.truncated", "type.damaged", "type.unknown"]

    /// Whether this may have been said of a file that is not whole yet.
    public var isMaybeCutShort: Bool { Self.maybeCutShort.contains(code) }
}

extension Files {
    /// Lets a file's pages go from memory, so that what is read next comes from the disk.
    fileprivate static func forget(_ path: String) throws {
        try withPayload(at: path) { descriptor, size in try settle(descriptor, 0..<size) }
    }
}
