import Foundation
import Glibc
import Records
import Sealing
import Synchronization

/// Payloads on disk: immutable files named by random ids, and the staging area they come from.
final class PayloadFolder: Sendable {
    let root: String
    /// Directories whose entries in `blobs/` this process knows to be durable.
    private let durable = Mutex<Set<String>>([])

    init(root: String) { self.root = root }

    func staged(_ blob: BlobID) -> String { "\(root)/staging/\(blob.text)" }
    func directory(of blob: BlobID) -> String { "\(root)/blobs/\(blob.text.prefix(2))" }
    func path(of blob: BlobID) -> String { "\(directory(of: blob))/\(blob.text)" }

    /// Where a payload lies that is not filed yet: staged, or in its place since a filing was cut short.
    func waiting(_ blob: BlobID) -> String { Files.exists(staged(blob)) ? staged(blob) : path(of: blob) }

    /// Gives a staged payload its place; one that has it already keeps it. Durable only after `sync`.
    func keep(_ blob: BlobID) throws {
        let directory = directory(of: blob)
        if !durable.withLock({ $0.contains(directory) }) { try Files.makeDirectory(directory) }
        if rename(staged(blob), path(of: blob)) != 0 {
            let failure = SystemCallError("rename")
            guard failure.errno == ENOENT, Files.exists(path(of: blob)) else { throw failure }
        }
    }

    /// Makes the places of payloads durable: each directory is synced once, however many of them it took or gave.
    func sync(_ kept: [BlobID]) throws {
        let directories = Set(kept.map { directory(of: $0) })
        for directory in directories.sorted() { try Files.syncDirectory(directory) }
        try Files.syncDirectory("\(root)/staging")
        // Whoever made a directory may not have lived to sync it.
        guard !durable.withLock({ $0.isSuperset(of: directories) }) else { return }
        try Files.syncDirectory("\(root)/blobs")
        durable.withLock { $0.formUnion(directories) }
    }

    /// Copies a payload into another folder, where it has its place on return, durable only after `sync`. Gives its bytes.
    ///
    /// - Throws: `.tampered` where it is missing.
    func copy(_ blob: BlobID, to target: PayloadFolder) throws -> UInt64 {
        var writer = try BlobWriter.begin(blob, in: target)
        try Files.withPayload(at: path(of: blob)) { descriptor, size in
            try Files.readPieces(descriptor, 0..<size, most: 1 << 20) { try writer.append($0) }
        }
        let written = try writer.finish()
        try target.keep(blob)
        return written.length
    }

    /// Puts a payload back where it was staged, after its filing could not be recorded.
    func putBack(_ blob: BlobID) {
        _ = rename(path(of: blob), staged(blob))
    }

    func removeStaged(_ blob: BlobID) { unlink(staged(blob)) }

    /// Bytes that are left for uploads after the room that is kept for statements.
    func room(_ limits: LimitPolicy) throws -> UInt64 {
        var status = statvfs()
        guard statvfs(root, &status) == 0 else { throw SystemCallError("statvfs") }
        let block = UInt64(status.f_frsize)
        let free = UInt64(status.f_bavail) * block
        let kept = max(
            UInt64(limits.keepFreeMiB) << 20, UInt64(status.f_blocks) * block / 100 * UInt64(limits.keepFreePercent))
        return free > kept ? free - kept : 0
    }

    /// Every payload in its place.
    func blobs() throws -> [BlobID] {
        try Files.names(in: "\(root)/blobs").flatMap { directory in
            try Files.names(in: "\(root)/blobs/\(directory)").compactMap { BlobID(text: $0) }
        }
    }
}

/// A staged file, open and locked: whoever can lock one knows that nobody writes it or is about to file it.
final class StagedFile: Sendable {
    let descriptor: Int32

    /// Opens a staged file with `open(2)`'s flags.
    ///
    /// - Throws: `VaultError.busy` while another process has it.
    init(_ path: String, _ flags: Int32) throws {
        descriptor = Glibc.open(path, O_RDWR | O_CLOEXEC | flags, 0o600)
        guard descriptor >= 0 else { throw SystemCallError("open") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw VaultError.busy }
    }

    deinit { close(descriptor) }
}

/// Writes one payload into the staging area. Forgotten before `sync` or `finish`, a file that it made is deleted.
struct BlobWriter: ~Copyable {
    private let file: StagedFile
    private let path: String
    private var hasher: SHA256Hasher
    private(set) var length: UInt64
    /// How far the disk was told to write.
    private var passedOn: UInt64
    /// Whether the file stays when this is forgotten, and whether its directory knows it durably.
    private var isKept: Bool
    private var isListed: Bool

    /// Begins a payload.
    static func begin(_ blob: BlobID, in store: PayloadFolder) throws -> BlobWriter {
        let path = store.staged(blob)
        let file = try StagedFile(path, O_CREAT | O_EXCL)
        return BlobWriter(path, file, SHA256Hasher(), length: 0, isKept: false, isListed: false)
    }

    private init(
        _ path: String, _ file: StagedFile, _ hasher: consuming SHA256Hasher, length: UInt64, isKept: Bool,
        isListed: Bool
    ) {
        self.path = path
        self.file = file
        self.hasher = hasher
        self.length = length
        passedOn = length
        self.isKept = isKept
        self.isListed = isListed
    }

    /// Goes on with a payload of which so many bytes are durable; `body` is given the sealed chunks as they lie on the
    /// disk, many at a time, in order.
    static func resume(
        _ blob: BlobID, in store: PayloadFolder, length: UInt64, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> BlobWriter {
        let nonceLength = UInt64(Envelope.nonceSize)
        let path = store.staged(blob)
        // Nothing may have been written before the first whole chunk.
        let file = try StagedFile(path, length == 0 ? O_CREAT : 0)
        var status = stat()
        guard fstat(file.descriptor, &status) == 0 else { throw SystemCallError("stat") }
        guard UInt64(status.st_size) == length else { throw VaultError.tampered(code: "upload.staged-length") }
        var hasher = SHA256Hasher()
        // The nonce, then whole sealed chunks, so that they can be opened as they come.
        for range in [0..<min(nonceLength, length), min(nonceLength, length)..<length] {
            try Files.readPieces(file.descriptor, range, most: Self.chunksRead * Envelope.sealedChunkSize) { bytes in
                hasher.update(bytes)
                if range.lowerBound > 0 { try body(bytes) }
            }
        }
        guard lseek(file.descriptor, off_t(length), SEEK_SET) == off_t(length) else { throw SystemCallError("seek") }
        return BlobWriter(path, file, hasher, length: length, isKept: true, isListed: length > 0)
    }

    /// Sealed chunks that are read back together.
    static let chunksRead = 16

    deinit { if !isKept { unlink(path) } }

    mutating func append(_ bytes: UnsafeRawBufferPointer) throws {
        try Files.writeAll(file.descriptor, bytes)
        hasher.update(bytes)
        length += UInt64(bytes.count)
        while length - passedOn >= Self.window {
            if passedOn >= Self.window { try Files.settle(file.descriptor, passedOn - Self.window..<passedOn) }
            try Files.startWriting(file.descriptor, passedOn..<passedOn + Self.window)
            passedOn += Self.window
        }
    }

    /// How much goes to the disk together while more comes: so that the last sync has little left to wait for, and that
    /// a large upload does not push all else out of the machine's memory.
    private static let window: UInt64 = 8 << 20

    /// Makes what was written so far durable; from then on the file stays when this is forgotten.
    mutating func sync() throws {
        guard fdatasync(file.descriptor) == 0 else { throw SystemCallError("fsync") }
        if !isListed { try Files.syncDirectory(Files.directory(of: path)) }
        isListed = true
        isKept = true
    }

    /// Makes the bytes durable; gives the file, still locked, with their number and SHA-256.
    consuming func finish() throws -> (file: StagedFile, length: UInt64, digest: Digest) {
        guard fsync(file.descriptor) == 0 else { throw SystemCallError("fsync") }
        isKept = true
        return (file, length, hasher.digestSoFar())
    }
}

/// What can be told of a file without opening what is in it.
enum StagedLock {
    /// Whether nobody is writing a staged file: whoever writes one holds its lock.
    static func isFree(_ path: String) -> Bool {
        (try? StagedFile(path, 0)) != nil
    }

    /// Seconds since a file last changed its place or its bytes.
    static func age(of path: String, _ now: Timestamp) -> Int64 {
        var status = stat()
        guard stat(path, &status) == 0 else { return 0 }
        return now.milliseconds / 1000 - Int64(status.st_ctim.tv_sec)
    }
}

extension Files {
    /// Opens a payload to be read, and says how many bytes it has.
    ///
    /// - Throws: `.tampered` where it is missing.
    static func withPayload<Result>(
        at path: String, _ body: (_ descriptor: Int32, _ size: UInt64) throws -> Result
    ) throws -> Result {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { throw VaultError.tampered(code: "blob.missing") }
            throw SystemCallError("open")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemCallError("stat") }
        return try body(descriptor, UInt64(status.st_size))
    }
}
