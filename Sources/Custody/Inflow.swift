import Foundation
import Glibc
import Records
import Sandbox
import Sealing

/// An upload's bytes on their way in: counted, gathered into rooms, and then each once and in order, in two lanes at once,
///   SHA-256 → memory file
///   sealed → written → SHA-256 of what was written
///
/// Forgotten before `finish`, it deletes what it wrote, unless `sync` has made that durable. What goes wrong in a lane is
/// thrown by the next call.
struct Inflow: ~Copyable {
    let blob: BlobID
    let fileKey: FileKey
    let nonce: PayloadNonce
    /// Plaintext bytes taken so far.
    private(set) var count: UInt64 = 0
    private var lanes: InflowLanes

    private init(
        _ blob: BlobID, _ fileKey: consuming FileKey, _ nonce: PayloadNonce, count: UInt64 = 0,
        _ lanes: consuming InflowLanes
    ) {
        self.blob = blob
        self.fileKey = fileKey
        self.nonce = nonce
        self.count = count
        self.lanes = lanes
    }

    /// Begins a payload under a fresh file key.
    ///
    /// - Parameter expected: the most bytes that may come; the memory file is filled along if there is room for them.
    static func begin(in vault: Vault, expecting expected: UInt64) throws -> Inflow {
        let fileKey = try FileKey.random()
        let nonce = PayloadNonce.random()
        let blob = BlobID.random()
        let envelope = try EnvelopeWriter(fileKey: fileKey, nonce: nonce)
        let copy = try InspectionCopy.growing(to: expected, in: vault.budget)
        let file = try BlobWriter.begin(blob, in: vault.blobs)
        let lanes = InflowLanes(
            .init(hasher: SHA256Hasher(), copy: copy), .init(envelope: envelope, file: file), expecting: expected)
        return Inflow(blob, fileKey, nonce, lanes)
    }

    /// Goes on with a payload of which so many chunks are durable in the file, and what follows them in `tail`. All of it
    /// is read back and authenticated.
    ///
    /// - Parameter length: the plaintext's whole length.
    static func resume(
        _ blob: BlobID, _ fileKey: borrowing FileKey, _ nonce: PayloadNonce, chunks: UInt64, of length: UInt64,
        tail: UnsafeRawBufferPointer, in vault: Vault
    ) throws -> Inflow {
        let reader = try EnvelopeReader(
            fileKey: fileKey, nonce: nonce, payloadLength: Envelope.payloadLength(forPlaintext: length))
        let written = chunks == 0 ? 0 : reader.ciphertextRange(ofChunks: 0..<Int(chunks)).upperBound
        var hasher = SHA256Hasher()
        var copy = try InspectionCopy.growing(to: length, in: vault.budget)
        let plain = WipedBuffer(count: BlobWriter.chunksRead * Envelope.chunkSize)
        var next = 0
        let file = try BlobWriter.resume(blob, in: vault.blobs, length: written) { sealed in
            let some = next..<next + sealed.count / Envelope.sealedChunkSize
            let opened = try reader.open(chunks: some, ciphertext: sealed, into: plain.bytes)
            let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(plain.bytes)[..<opened])
            hasher.update(bytes)
            try copy?.append(bytes)
            next = some.upperBound
        }
        let envelope =
            chunks == 0
            ? try EnvelopeWriter(fileKey: fileKey, nonce: nonce)
            : try EnvelopeWriter(fileKey: fileKey, nonce: nonce, continuingAfter: chunks)
        let sealed = chunks * UInt64(Envelope.chunkSize)
        let lanes = InflowLanes(
            .init(hasher: hasher, copy: copy), .init(envelope: envelope, file: file), expecting: length - sealed)
        var inflow = Inflow(blob, try FileKey(fileKey.secretCopy()), nonce, count: sealed, lanes)
        // At most one chunk, which is held back: nothing is sealed or written.
        try inflow.append(tail)
        return inflow
    }

    /// Begins anew with what is durable of a payload that may be torn: read from the old file, under a fresh file key.
    ///
    /// A chunk after these may have been sealed already, of bytes that nobody acknowledged; under the old key it could
    /// never be sealed again with others.
    static func reseal(
        _ blob: BlobID, _ fileKey: borrowing FileKey, _ nonce: PayloadNonce, chunks: UInt64, of length: UInt64,
        tail: UnsafeRawBufferPointer, in vault: Vault
    ) throws -> Inflow {
        var inflow = try Inflow.begin(in: vault, expecting: length)
        if chunks > 0 {
            let reader = try EnvelopeReader(
                fileKey: fileKey, nonce: nonce, payloadLength: Envelope.payloadLength(forPlaintext: length))
            let durable = reader.plaintextRange(ofChunks: 0..<Int(chunks))
            let old = PayloadReader(
                try PayloadFile(
                    path: vault.blobs.staged(blob),
                    atLeast: reader.ciphertextRange(ofChunks: 0..<Int(chunks)).upperBound, nonce: nonce), reader)
            try old.read(durable) { try inflow.append($0) }
        }
        try inflow.append(tail)
        return inflow
    }

    /// How many chunks of so much plaintext are sealed: the last is held back until more comes.
    static func sealedChunks(of held: UInt64) -> UInt64 { held == 0 ? 0 : (held - 1) / UInt64(Envelope.chunkSize) }

    /// How many bytes may come before the disk's room is looked at again: others write too.
    private static let roomEvery: UInt64 = 64 << 20

    /// Takes bytes.
    ///
    /// - Throws: where the disk's room ends that is not kept for statements.
    mutating func append(_ bytes: UnsafeRawBufferPointer, whileThereIsRoomIn vault: Vault) throws {
        if (count + UInt64(bytes.count)) / Self.roomEvery != count / Self.roomEvery {
            guard try vault.blobs.room(vault.policies.limits) > 0 else {
                throw VaultError.storage(code: "upload.disk-nearly-full", errno: ENOSPC)
            }
        }
        try append(bytes)
    }

    private mutating func append(_ bytes: UnsafeRawBufferPointer) throws {
        try lanes.append(bytes)
        count += UInt64(bytes.count)
    }

    /// Makes the sealed chunks durable, and seals apart the plaintext that is in none of them yet.
    mutating func sync(_ upload: UploadID) throws -> [UInt8] {
        try lanes.withSealed { sealed in
            try sealed.file.sync()
            return try sealed.envelope.withHeldBytes {
                try SealedTail.seal($0, fileKey: fileKey, context: upload.bytes)
            }
        }
    }

    /// Seals the last chunk and makes the payload durable.
    ///
    /// - Parameter expected: the sender's SHA-256, where there is one; another is a refusal `upload.hash-differs`.
    consuming func finish(expecting expected: Digest?) throws -> Arrived {
        var lanes = lanes
        let ended = try lanes.end()
        let digest = ended.plain.hasher.digestSoFar()
        if let expected, expected != digest {
            throw Refusal(
                code: "upload.hash-differs", message: "The file changed on its way here.",
                hint: "Upload it again. Nothing was stored.")
        }
        let (staged, payloadLength, payload) = try ended.sealed.finish()
        return Arrived(
            blob: blob, staged: staged, fileKey: fileKey, nonce: nonce, size: count, digest: digest, payload: payload,
            payloadLength: payloadLength, copy: ended.plain.copy)
    }
}

/// An upload whose last byte is sealed and durable.
struct Arrived: ~Copyable {
    let blob: BlobID
    let staged: StagedFile
    let fileKey: FileKey
    let nonce: PayloadNonce
    /// Plaintext bytes, and their SHA-256.
    let size: UInt64
    let digest: Digest
    /// SHA-256 of the payload, and its length.
    let payload: Digest
    let payloadLength: UInt64
    /// What the inspector looks at, where it was filled on the way.
    var copy: InspectionCopy?
}

/// A memory file for the inspector, with its share of the budget.
struct InspectionCopy: ~Copyable {
    private(set) var memory: MemoryFile
    private var hold: MemoryBudget.Hold

    /// One that grows while bytes come from a sender who may be slow: nil where more than half of the budget would be
    /// taken, which is left to documents that are all here. Those are read back once they are.
    static func growing(to bytes: UInt64, in budget: MemoryBudget) throws -> InspectionCopy? {
        guard let hold = budget.tryAcquire(bytes, leaving: budget.bytes / 2) else { return nil }
        return InspectionCopy(try MemoryFile(), hold)
    }

    private init(_ memory: consuming MemoryFile, _ hold: consuming MemoryBudget.Hold) {
        self.memory = memory
        self.hold = hold
    }

    /// One for bytes that are all here: waits for its share.
    ///
    /// - Throws: `VaultError.busy` after a minute.
    static func whole(_ bytes: UInt64, in budget: MemoryBudget) throws -> InspectionCopy {
        let hold: MemoryBudget.Hold
        do { hold = try budget.acquire(bytes, waitingAtMost: 60) } catch SandboxError.timedOut { throw VaultError.busy }
        return InspectionCopy(try MemoryFile(), hold)
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) throws { try memory.append(bytes) }

    /// No more bytes: what is not needed of the share is given back.
    mutating func seal() throws {
        try memory.seal()
        hold.reduce(to: UInt64(memory.count))
    }
}
