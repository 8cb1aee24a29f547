import Dispatch
import Glibc
import Sealing
import Synchronization

// A whole payload is opened by three kinds of work at once over a ring of rooms, hashing and taking each in order:
//   a room is filled (read and opened) → hashed, while the caller takes it → filled anew
// A room is written only while it is filled, and that is asked for only when both others have let go of it. A caller that
// hashes for itself is spared the second kind.

/// A sealed payload on disk.
struct PayloadFile: ~Copyable, Sendable {
    private let descriptor: Int32

    /// Opens it; refuses one whose length or nonce is not the committed one.
    init(path: String, length: UInt64, nonce: PayloadNonce) throws {
        try self.init(path: path, nonce: nonce) { $0 == length }
    }

    /// Opens one that is still growing, or was torn: it has at least so many bytes.
    init(path: String, atLeast length: UInt64, nonce: PayloadNonce) throws {
        try self.init(path: path, nonce: nonce) { $0 >= length }
    }

    private init(path: String, nonce: PayloadNonce, _ isLength: (UInt64) -> Bool) throws {
        descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { throw VaultError.tampered(code: "blob.missing") }
            throw SystemCallError("open")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemCallError("stat") }
        guard isLength(UInt64(status.st_size)) else { throw VaultError.tampered(code: "blob.length") }
        var kept = [UInt8](repeating: 0, count: nonce.bytes.count)
        guard pread(descriptor, &kept, kept.count, 0) == kept.count else { throw SystemCallError("read") }
        guard kept == nonce.bytes else { throw VaultError.tampered(code: "blob.nonce") }
    }

    deinit { close(descriptor) }

    /// SHA-256 of all its bytes, as they lie on the disk.
    borrowing func digest() throws -> Digest {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemCallError("stat") }
        var hasher = SHA256Hasher()
        try Files.readPieces(descriptor, 0..<UInt64(status.st_size), most: 1 << 20) { hasher.update($0) }
        return hasher.finish()
    }

    /// Reads so many bytes from an offset.
    borrowing func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
        try Files.readAll(descriptor, into: buffer, at: offset)
    }
}

/// A payload on disk with what opens it.
final class PayloadReader: Sendable {
    private let file: PayloadFile
    private let reader: EnvelopeReader

    /// Chunks opened together: 1 MiB, which is still in the cache when it is hashed and taken. Smaller blocks leave a core
    /// idle for too short for the system to move a thread to it.
    private static let block = 16
    /// Rooms of the ring: so many that none of the three has to wait for another for long.
    private static let rooms = 8

    init(_ file: consuming PayloadFile, _ reader: consuming EnvelopeReader) {
        self.file = file
        self.reader = reader
    }

    /// The plaintext's length in bytes.
    var plaintextLength: UInt64 { reader.plaintextLength }

    /// Opens a range of the plaintext, 1 MiB at a time; each chunk is authenticated before it is given.
    func read(_ range: Range<UInt64>, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let room = Room(for: reader, Self.block)
        // The one chunk of an empty payload has its tag to be checked too.
        for chunks in blocks(of: plaintextLength == 0 ? 0..<1 : reader.chunks(holding: range)) {
            let plaintext = try fill(room, chunks)
            let held = reader.plaintextRange(ofChunks: chunks)
            let part = range.clamped(to: held)
            guard !part.isEmpty else { continue }
            try body(
                UnsafeRawBufferPointer(
                    rebasing: plaintext[Int(part.lowerBound - held.lowerBound)..<Int(part.upperBound - held.lowerBound)]
                ))
        }
    }

    /// Opens the whole plaintext in order, 1 MiB at a time; gives its SHA-256.
    ///
    /// Each chunk is authenticated before it is given. The body runs on this thread, others open and hash meanwhile.
    func readAll(_ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Digest {
        let hasher = Mutex(SHA256Hasher())
        let hashing = DispatchQueue(label: "strongroom.payload-hashing")
        try openAll(hashing: (hashing, { plaintext in hasher.withLock { $0.update(plaintext) } }), body)
        return hashing.sync { hasher.withLock { $0.digestSoFar() } }
    }

    /// Opens the whole plaintext as `readAll` does, for a body that hashes it itself.
    func openAll(_ body: (UnsafeRawBufferPointer) throws -> Void) throws { try openAll(hashing: nil, body) }

    private func openAll(
        hashing: (on: DispatchQueue, hash: @Sendable (UnsafeRawBufferPointer) -> Void)?,
        _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let blocks = blocks(of: 0..<reader.chunkCount)
        let rooms = blocks.prefix(Self.rooms).map { _ in Room(for: reader, Self.block) }
        let opening = DispatchQueue.global()
        @Sendable func open(_ number: Int) {
            let room = rooms[number % rooms.count]
            room.opened.withLock { $0 = Result { try fill(room, blocks[number]).count } }
            room.filled.signal()
        }
        for number in rooms.indices { opening.async { open(number) } }
        for number in blocks.indices {
            let room = rooms[number % rooms.count]
            room.filled.wait()
            let count = try room.opened.withLock { try $0.get() }
            if let (queue, hash) = hashing { queue.async { hash(room.plaintext(count)) } }
            try body(room.plaintext(count))
            let next = number + rooms.count
            guard next < blocks.count else { continue }
            // After what is hashed of the room that it goes into.
            (hashing?.on ?? opening).async { opening.async { open(next) } }
        }
    }

    private func blocks(of chunks: Range<Int>) -> [Range<Int>] {
        stride(from: chunks.lowerBound, to: chunks.upperBound, by: Self.block).map { first in
            first..<min(first + Self.block, chunks.upperBound)
        }
    }

    private func fill(_ room: Room, _ chunks: Range<Int>) throws -> UnsafeRawBufferPointer {
        let range = reader.ciphertextRange(ofChunks: chunks)
        let sealed = UnsafeMutableRawBufferPointer(
            rebasing: room.sealed.bytes[..<Int(range.upperBound - range.lowerBound)])
        try file.read(into: sealed, at: range.lowerBound)
        let count = try reader.open(chunks: chunks, ciphertext: UnsafeRawBufferPointer(sealed), into: room.plain.bytes)
        return room.plaintext(count)
    }
}

/// Room for one block, sealed and opened; wiped when it goes.
private final class Room: Sendable {
    let sealed: WipedBuffer
    let plain: WipedBuffer
    /// Signalled when it has been filled.
    let filled = DispatchSemaphore(value: 0)
    /// How many bytes of plaintext it was filled with.
    let opened = Mutex<Result<Int, any Error>>(.success(0))

    init(for reader: borrowing EnvelopeReader, _ chunks: Int) {
        let count = min(chunks, reader.chunkCount)
        sealed = WipedBuffer(count: count * Envelope.sealedChunkSize)
        plain = WipedBuffer(count: count * Envelope.chunkSize)
    }

    func plaintext(_ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(plain.bytes)[..<count])
    }
}
