import Dispatch
import Glibc
import Sealing
import Synchronization

/// A sealed payload on disk, opened for reading.
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

    /// Opens a range of the plaintext, 1 MiB at a time; each chunk is authenticated before it is given.
    borrowing func read(
        _ reader: borrowing EnvelopeReader, _ range: Range<UInt64>, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let room = Room(for: reader)
        // The one chunk of an empty payload has its tag to be checked too.
        for chunks in Room.blocks(of: reader.plaintextLength == 0 ? 0..<1 : reader.chunks(holding: range)) {
            let plaintext = try fill(room, reader, chunks)
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
    /// Each chunk is authenticated before it is given. A block is hashed on another thread while it is taken here and the
    /// next is opened.
    borrowing func readAll(
        _ reader: borrowing EnvelopeReader, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Digest {
        let rooms = [Room(for: reader), Room(for: reader), Room(for: reader)]
        let hashing = DispatchQueue(label: "strongroom.payload-hash")
        let hasher = Mutex(SHA256Hasher())
        for (number, chunks) in Room.blocks(of: 0..<reader.chunkCount).enumerated() {
            let room = rooms[number % rooms.count]
            // What stood in it must have been hashed before it is filled anew.
            room.hashed.wait()
            let count = try fill(room, reader, chunks).count
            hashing.async(group: room.hashed) { hasher.withLock { $0.update(room.plaintext(count)) } }
            try body(room.plaintext(count))
        }
        return hashing.sync { hasher.withLock { $0.digestSoFar() } }
    }

    private borrowing func fill(
        _ room: Room, _ reader: borrowing EnvelopeReader, _ chunks: Range<Int>
    ) throws -> UnsafeRawBufferPointer {
        let range = reader.ciphertextRange(ofChunks: chunks)
        let sealed = UnsafeMutableRawBufferPointer(
            rebasing: room.sealed.bytes[..<Int(range.upperBound - range.lowerBound)])
        try Files.readAll(descriptor, into: sealed, at: range.lowerBound)
        let count = try reader.open(chunks: chunks, ciphertext: UnsafeRawBufferPointer(sealed), into: room.plain.bytes)
        return room.plaintext(count)
    }
}

/// Room for one block, sealed and opened; wiped when it goes.
private final class Room: Sendable {
    /// Chunks opened together: 1 MiB, which is still in the cache when it is hashed and taken.
    private static let chunks = 16

    let sealed: WipedBuffer
    let plain: WipedBuffer
    /// Empty while nothing of it is to be hashed.
    let hashed = DispatchGroup()

    init(for reader: borrowing EnvelopeReader) {
        let count = min(Self.chunks, reader.chunkCount)
        sealed = WipedBuffer(count: count * Envelope.sealedChunkSize)
        plain = WipedBuffer(count: count * Envelope.chunkSize)
    }

    func plaintext(_ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(plain.bytes)[..<count])
    }

    /// Chunks in the blocks in which they are opened.
    static func blocks(of chunks: Range<Int>) -> [Range<Int>] {
        stride(from: chunks.lowerBound, to: chunks.upperBound, by: Self.chunks).map { first in
            first..<min(first + Self.chunks, chunks.upperBound)
        }
    }
}
