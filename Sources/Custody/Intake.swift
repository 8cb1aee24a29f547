import Foundation
import Inspection
public import Records
import Sandbox
public import Sealing
import Synchronization

// An upload, from its first byte to its verdict. Three roads lead here: the form, the command line, the scan folder.
// 1 decide   who, which pupil, how large, what kind: before a byte is read
// 2 open     fresh file key; a staged file that is deleted if it is forgotten
// 3 append   count ≤ limit → SHA-256 → memory file → seal → write
// 4 finish   last chunk; fsync; the client's hash agrees
// 5 inspect  in the sandbox, over the memory file

/// What somebody wants to upload.
public struct UploadRequest: Sendable {
    /// The pupil file it goes to; nil for the intake queue.
    public let pupilFile: PupilFileID?
    /// The open batch that a scan station files into. A person's goes into their own, if they have one open.
    public let batch: BatchID?
    /// The file's own name: kept sealed, never part of a path.
    public let filename: String
    /// The type its sender says it is.
    public let declaredType: String?
    /// Its size in bytes, where the sender says.
    public let declaredBytes: UInt64?
    /// Whether to read its text and propose a summary.
    public let wantsProposal: Bool

    /// A request.
    public init(
        pupilFile: PupilFileID?, batch: BatchID? = nil, filename: String, declaredType: String? = nil,
        declaredBytes: UInt64? = nil, wantsProposal: Bool = true
    ) {
        self.pupilFile = pupilFile
        self.batch = batch
        self.filename = filename
        self.declaredType = declaredType
        self.declaredBytes = declaredBytes
        self.wantsProposal = wantsProposal
    }
}

/// Takes an upload's bytes in one go. Forgotten before `finish`, everything it wrote is deleted.
public struct Reception: ~Copyable {
    private let vault: Vault
    private let acting: Acting
    private let request: UploadRequest
    private let upload = UploadID.random()
    private let limit: UInt64
    private let fileType: FileTypePolicy.FileType
    private var inflow: Inflow

    init(
        _ vault: Vault, _ acting: Acting, _ request: UploadRequest, _ fileType: FileTypePolicy.FileType, limit: UInt64,
        _ inflow: consuming Inflow
    ) {
        self.vault = vault
        self.acting = acting
        self.request = request
        self.fileType = fileType
        self.limit = limit
        self.inflow = inflow
    }

    /// Takes the next bytes, in any pieces.
    ///
    /// - Throws: a refusal `upload.too-large` past the limit; an error of the disk. Nothing is kept of it then.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) throws(VaultError) {
        guard !bytes.isEmpty else { return }
        guard inflow.count + UInt64(bytes.count) <= limit else {
            throw vault.refuse(.uploadTooLarge(fileType), upload, request, acting)
        }
        let result = Result { try inflow.append(bytes, whileThereIsRoomIn: vault) }
        if case .failure(let error) = result { throw VaultError(error, code: "upload") }
    }

    /// Ends the upload: its bytes are durable, its hash agrees, and the sandbox has given its verdict.
    ///
    /// - Parameter clientDigest: the SHA-256 that the sender computed, where it did.
    /// - Throws: a refusal when the file is refused; it is recorded and nothing is kept.
    public consuming func finish(clientDigest: Digest? = nil) throws(VaultError) -> Received {
        let (vault, acting, request, upload) = (vault, acting, request, upload)
        do {
            let arrived = try inflow.finish(expecting: clientDigest)
            return try vault.judge(arrived, upload, request, acting)
        } catch let refusal as Refusal {
            throw vault.refuse(refusal, upload, request, acting)
        } catch {
            throw VaultError(error, code: "upload")
        }
    }
}

/// An upload whose bytes are all here, sealed, with its verdict. Dropped before it is filed or held, it is deleted.
public final class Received: Sendable {
    /// Of a piece of a scan, what is kept with the document.
    struct Scan: Sendable {
        /// Where it was taken from: a `ScanOrigin` as JSON.
        let origin: String
        /// How good its pages are.
        let quality: String
    }

    struct Facts: Sendable {
        let pupilFile: PupilFileID?
        let batch: BatchID?
        let filename: String
        let declaredType: String
        /// What the sender's program said of it, as it said it; empty for a form or the command line.
        let metadata: String
        let blob: BlobID
        let size: UInt64
        let digest: Digest
        let nonce: PayloadNonce
        let payload: Digest
        let payloadLength: UInt64
        /// Where it is a piece of a scan.
        var scan: Scan?
    }

    struct Mutable: Sendable {
        var verdict: Inspected
        var keep = false
        var isHeld = false
    }

    /// The upload.
    public let upload: UploadID
    let fileKey: FileKey
    let facts: Facts
    /// Held open, and so locked, until it is filed or kept: the sweep takes only what it can lock.
    private let staged: StagedFile?
    let owner: PersonID
    private let vault: Vault
    private let mutable: Mutex<Mutable>

    init(
        vault: Vault, acting: PersonID, upload: UploadID, fileKey: consuming FileKey, staged: StagedFile? = nil,
        facts: Facts, verdict: Inspected = .init(outcome: .waiting), keep: Bool = false
    ) {
        self.vault = vault
        self.upload = upload
        self.owner = acting
        self.fileKey = fileKey
        self.staged = staged
        self.facts = facts
        mutable = Mutex(Mutable(verdict: verdict, keep: keep))
    }

    deinit {
        if !mutable.withLock(\.keep) { vault.blobs.removeStaged(facts.blob) }
    }

    var verdict: Inspected {
        get { mutable.withLock(\.verdict) }
        set { mutable.withLock { $0.verdict = newValue } }
    }

    /// Whether the workspace holds it for its uploader.
    var isHeld: Bool {
        get { mutable.withLock(\.isHeld) }
        set { mutable.withLock { $0.isHeld = newValue } }
    }

    /// The payload as a statement commits to it, its key bound to the object that the statement makes of it.
    func payload(boundTo object: [UInt8]) -> SealedPayload {
        SealedPayload(
            blob: facts.blob, digest: facts.payload, length: facts.payloadLength, nonce: facts.nonce.bytes,
            commitment: keyCommitment(fileKey, nonce: facts.nonce, document: object))
    }

    /// The staged bytes outlive this value: they were filed, or held for their uploader.
    func keep(_ keep: Bool = true) { mutable.withLock { $0.keep = keep } }

    /// The pupil file it goes to; nil for the intake queue.
    public var pupilFile: PupilFileID? { facts.pupilFile }
    /// The file's own name.
    public var filename: String { facts.filename }
    /// Bytes.
    public var size: UInt64 { facts.size }
    /// SHA-256 of the content.
    public var digest: Digest { facts.digest }
    /// What the inspection found.
    public var inspected: Inspected { verdict }
}

/// What the inspection of an upload found.
public struct Inspected: Hashable, Sendable {
    /// Whether it can be filed.
    public enum Outcome: String, Hashable, Sendable {
        /// It can.
        case accepted
        /// It can, as evidence, and is kept apart.
        case quarantined
        /// It cannot.
        case refused
        /// It has not been inspected yet.
        case waiting
    }
    /// Whether it can be filed.
    public var outcome: Outcome
    /// A stable code, unless accepted.
    public var code: String?
    /// For people: what was found.
    public var message: String?
    /// The type found.
    public var mediaType = ""
    /// Pages, where the type has pages.
    public var pages: Int?
    /// A summary proposed from the document's own text.
    public var proposedSummary: String?
    /// The name of the virus scanner's signature that it matches.
    public var signature: String?
}

extension Vault {
    /// Begins an upload: decides before a byte is read.
    ///
    /// - Throws: a refusal of the person, the pupil, the kind of file or its size; recorded.
    public func beginUpload(_ request: UploadRequest, as acting: Acting) throws(VaultError) -> Reception {
        let (type, room) = try decideUpload(request, acting)
        return try begin(request, type, room, acting)
    }

    func begin(
        _ request: UploadRequest, _ type: FileTypePolicy.FileType, _ room: UInt64, _ acting: Acting
    ) throws(VaultError) -> Reception {
        let limit = min(type.largestBytes, room)
        let inflow: Inflow
        do { inflow = try Inflow.begin(in: self, expecting: min(request.declaredBytes ?? limit, limit)) } catch {
            throw VaultError(error, code: "upload")
        }
        return Reception(self, acting, request, type, limit: limit, inflow)
    }

    /// Decides an upload by who, for whom, which kind and how large; gives its type, and the disk's room in bytes.
    func decideUpload(
        _ request: UploadRequest, _ acting: Acting
    ) throws(VaultError) -> (type: FileTypePolicy.FileType, room: UInt64) {
        let result = Result {
            try decideFiling(request.pupilFile, request.batch, acting)
        }
        if case .failure(let error) = result {
            let error = VaultError(error, code: "upload")
            if error == .refused(.pupilUnknown) { throw refuse(.pupilUnknown, .random(), request, acting) }
            throw error
        }
        return try decideFile(request, acting)
    }

    /// Decides an upload by its kind and size alone.
    func decideFile(
        _ request: UploadRequest, _ acting: Acting
    ) throws(VaultError) -> (type: FileTypePolicy.FileType, room: UInt64) {
        let (_, ending) = Self.ending(of: request.filename)
        guard let type = policies.fileTypes.types.first(where: { $0.extensions.contains(ending) }) else {
            throw refuse(notAccepted(ending), .random(), request, acting)
        }
        let room: UInt64
        do { room = try blobs.room(policies.limits) } catch { throw VaultError(error, code: "upload") }
        if let declared = request.declaredBytes, declared > type.largestBytes {
            throw refuse(.uploadTooLarge(type), .random(), request, acting)
        }
        guard room > request.declaredBytes ?? 0 else {
            throw VaultError.storage(code: "upload.disk-nearly-full", errno: ENOSPC)
        }
        return (type, room)
    }

    /// Has an upload inspected whose last byte is durable.
    ///
    /// - Throws: a refusal when the file is refused, and whoever holds its bytes is to delete them.
    func judge(
        _ arrived: consuming Arrived, _ upload: UploadID, _ request: UploadRequest, metadata: String = "",
        _ acting: Acting, isKept: Bool = false, scan: Received.Scan? = nil
    ) throws -> Received {
        let facts = Received.Facts(
            pupilFile: request.pupilFile, batch: request.batch, filename: request.filename,
            declaredType: request.declaredType ?? "", metadata: metadata, blob: arrived.blob, size: arrived.size,
            digest: arrived.digest, nonce: arrived.nonce,
            payload: arrived.payload, payloadLength: arrived.payloadLength, scan: scan)
        let filled = arrived.copy.take()
        let received = Received(
            vault: self, acting: acting.person, upload: upload, fileKey: arrived.fileKey, staged: arrived.staged,
            facts: facts, keep: isKept)
        do {
            let copy: InspectionCopy
            if let filled { copy = filled } else { copy = try readBack(received) }
            received.verdict = try inspect(copy, received.facts, wantsProposal: request.wantsProposal)
        } catch VaultError.busy {
            received.verdict = Inspected(
                outcome: .waiting, code: "inspection.busy", message: VaultError.busy.refusal.message)
        }
        switch received.verdict.outcome {
        case .refused: throw refusal(received.verdict)
        case .waiting:
            try say(
                .uploadWaiting(upload, code: received.verdict.code ?? "sandbox.unavailable"), signer(for: acting),
                about: request.pupilFile)
        case .accepted, .quarantined: break
        }
        return received
    }

    /// A waiting upload's bytes in a memory file: read back from the disk and authenticated.
    func readBack(_ received: Received) throws -> InspectionCopy {
        var copy = try InspectionCopy.whole(received.size, in: budget)
        let facts = received.facts
        let payload = PayloadReader(
            try PayloadFile(path: blobs.waiting(facts.blob), length: facts.payloadLength, nonce: facts.nonce),
            try EnvelopeReader(fileKey: received.fileKey, nonce: facts.nonce, payloadLength: facts.payloadLength))
        try payload.read(0..<payload.plaintextLength) { try copy.append($0) }
        return copy
    }

    private func notAccepted(_ ending: String) -> Refusal {
        Refusal(
            code: "type.not-accepted",
            message: ending.isEmpty
                ? "The file's name has no ending such as .pdf, so its kind is not known."
                : "Files that end in .\(ending.prefix(10)) are not accepted.",
            hint: "These are: \(policies.fileTypes.titles). Nothing was stored.")
    }

    /// Records a refusal and gives it to be thrown; where it cannot be recorded, that is what is thrown.
    func refuse(_ refusal: Refusal, _ upload: UploadID, _ request: UploadRequest, _ acting: Acting) -> VaultError {
        do {
            let known = request.pupilFile.flatMap { recorder.authority.pupils[$0]?.pupilFile }
            try say(.uploadRefused(upload, code: refusal.code), signer(for: acting), about: known)
            return .refused(refusal)
        } catch {
            return VaultError(error, code: "upload")
        }
    }

    func refusal(_ verdict: Inspected) -> Refusal {
        Refusal(
            code: verdict.code ?? "type.refused", message: verdict.message ?? "The file cannot be accepted.",
            hint: "These can be uploaded: \(policies.fileTypes.titles). Nothing was stored.")
    }

    /// The last part of a path or name as it may be shown and kept, and its ending in lower case.
    static func ending(of filename: String) -> (name: String, ending: String) {
        let name = filename.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? filename
        guard let dot = name.lastIndex(of: ".") else { return (name, "") }
        return (name, name[name.index(after: dot)...].lowercased())
    }

    /// The inspection's verdict.
    func inspect(
        _ copy: consuming InspectionCopy, _ facts: Received.Facts, wantsProposal: Bool
    ) throws -> Inspected {
        let inspected = try look(at: copy, facts, wantsProposal: wantsProposal)
        verdicts.withLock { $0[inspected.outcome.rawValue, default: 0] += 1 }
        return inspected
    }

    private func look(
        at copy: consuming InspectionCopy, _ facts: Received.Facts, wantsProposal: Bool
    ) throws -> Inspected {
        try copy.seal()
        let request = InspectionRequest(
            fileExtension: Self.ending(of: facts.filename).ending,
            declaredType: facts.declaredType.isEmpty ? nil : facts.declaredType,
            accepted: policies.fileTypes.types.map { type in
                AcceptedType(
                    mediaType: type.mediaType, extensions: type.extensions,
                    maximumBytes: type.largestBytes, maximumPages: type.mostPages,
                    maximumPixels: type.mostMegapixels.map { UInt64($0) * 1_000_000 })
            }, wantText: wantsProposal)
        let inspector: Inspector
        let verdict: Verdict
        do {
            inspector = try sandbox()
            verdict = try inspector.inspect(copy.memory, request)
        } catch let error as SandboxError {
            return Inspected(
                outcome: .waiting, code: "sandbox.unavailable", message: VaultError(error, code: "").refusal.message)
        }
        var inspected = Inspected(outcome: .refused, code: verdict.code, message: verdict.message)
        inspected.outcome =
            switch verdict.outcome {
            case .accepted: .accepted
            case .quarantined: .quarantined
            case .refused: .refused
            case .waiting: .waiting
            }
        inspected.mediaType = verdict.mediaType ?? ""
        inspected.pages = verdict.pages
        scan(copy, &inspected)
        if wantsProposal && inspected.outcome == .accepted {
            let text =
                verdict.text
                ?? (inspected.mediaType == "application/pdf"
                    ? try? inspector.text(of: copy.memory, mediaType: inspected.mediaType, pages: 1...1) : nil)
            inspected.proposedSummary = text.flatMap(Self.proposedSummary)
        }
        return inspected
    }

    /// The sandboxed inspector, started when it is first needed.
    func sandbox() throws -> Inspector {
        try inspector.withLock { inspector in
            if let inspector { return inspector }
            let started = try Inspector(program: inspectorProgram, forbidden: forbiddenToSandbox)
            inspector = started
            return started
        }
    }

    /// The first lines of a text that say something, in at most 140 characters.
    static func proposedSummary(_ text: String) -> String? {
        var out = ""
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.unicodeScalars.split(whereSeparator: { $0.properties.isWhitespace || $0.value < 32 })
                .map { String(String.UnicodeScalarView($0)) }
            let letters = words.joined().filter(\.isLetter).count
            guard words.count >= 2, letters >= 8 else { continue }
            let next = (out.isEmpty ? "" : out + " · ") + words.joined(separator: " ")
            if next.count > 140 {
                if out.isEmpty { out = String(next.prefix(139)) + "…" }
                break
            }
            out = next
            if out.count > 60 { break }
        }
        return out.isEmpty ? nil : out
    }
}

extension Refusal {
    /// A file over its type's limit, or over the room on the disk.
    static func uploadTooLarge(_ type: FileTypePolicy.FileType) -> Refusal {
        Refusal(
            code: "upload.too-large",
            message: "The file is larger than \(type.largestMiB) MiB, or than the disk has room for.",
            hint: "Split it into parts, or scan it at a lower resolution. Nothing was stored.")
    }
}
