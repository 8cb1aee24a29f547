import Foundation
import Glibc
import Records
import Sandbox
import Sealing

/// An upload's bytes on their way in: counted → SHA-256 → memory file → sealed → written, each once and in order.
///
/// Forgotten before `finish`, it deletes what it wrote, unless `sync` has made that durable.
struct Inflow: ~Copyable {
    let blob: BlobID
    let fileKey: FileKey
    let nonce: PayloadNonce
    /// Plaintext bytes taken so far.
    private(set) var count: UInt64 = 0
    private var envelope: EnvelopeWriter
    private var file: BlobWriter
    private var hasher = SHA256Hasher()
    private var copy: InspectionCopy?

    private init(
        _ blob: BlobID, _ fileKey: consuming FileKey, _ nonce: PayloadNonce, count: UInt64 = 0,
        _ envelope: consuming EnvelopeWriter, _ file: consuming BlobWriter, _ hasher: consuming SHA256Hasher,
        _ copy: consuming InspectionCopy?
    ) {
        self.blob = blob
        self.fileKey = fileKey
        self.nonce = nonce
        self.count = count
        self.envelope = envelope
        self.file = file
        self.hasher = hasher
        self.copy = copy
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
        return Inflow(blob, fileKey, nonce, envelope, file, SHA256Hasher(), copy)
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
        var inflow = Inflow(
            blob, try FileKey(fileKey.secretCopy()), nonce, count: chunks * UInt64(Envelope.chunkSize), envelope, file,
            hasher, copy)
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
        hasher.update(bytes)
        try copy?.append(bytes)
        try Self.seal(bytes, &envelope, &file)
        count += UInt64(bytes.count)
    }

    private static func seal(
        _ bytes: UnsafeRawBufferPointer, _ envelope: inout EnvelopeWriter, _ file: inout BlobWriter
    ) throws {
        try envelope.write(bytes) { sealed in try file.append(sealed) }
    }

    /// Makes the sealed chunks durable, and seals apart the plaintext that is in none of them yet.
    mutating func sync(_ upload: UploadID) throws -> [UInt8] {
        try file.sync()
        return try envelope.withHeldBytes { try SealedTail.seal($0, fileKey: fileKey, context: upload.bytes) }
    }

    /// Seals the last chunk and makes the payload durable.
    ///
    /// - Parameter expected: the sender's SHA-256, where there is one; another is a refusal `upload.hash-differs`.
    consuming func finish(expecting expected: Digest?) throws -> Arrived {
        let digest = hasher.digestSoFar()
        if let expected, expected != digest {
            throw Refusal(
                code: "upload.hash-differs", message: "The file changed on its way here.",
                hint: "Upload it again. Nothing was stored.")
        }
        var file = file
        let envelope = envelope
        try envelope.finish { sealed in try file.append(sealed) }
        let (staged, payloadLength, payload) = try file.finish()
        return Arrived(
            blob: blob, staged: staged, fileKey: fileKey, nonce: nonce, size: count, digest: digest, payload: payload,
            payloadLength: payloadLength, copy: copy)
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
