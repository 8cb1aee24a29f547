import Foundation
import Glibc
import Sealing

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

    /// Opens a range of the plaintext, 4 MiB at a time; each chunk is authenticated before it is given.
    borrowing func read(
        _ reader: borrowing EnvelopeReader, _ range: Range<UInt64>, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard !range.isEmpty else {
            if reader.plaintextLength == 0 { try readChunks(reader, 0..<1) { _ in } }
            return
        }
        let chunks = reader.chunks(holding: range)
        let step = 64
        for first in stride(from: chunks.lowerBound, to: chunks.upperBound, by: step) {
            let some = first..<min(first + step, chunks.upperBound)
            let held = reader.plaintextRange(ofChunks: some)
            try readChunks(reader, some) { plaintext in
                let from = Int(max(range.lowerBound, held.lowerBound) - held.lowerBound)
                let to = Int(min(range.upperBound, held.upperBound) - held.lowerBound)
                if from < to { try body(UnsafeRawBufferPointer(rebasing: plaintext[from..<to])) }
            }
        }
    }

    private borrowing func readChunks(
        _ reader: borrowing EnvelopeReader, _ chunks: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let range = reader.ciphertextRange(ofChunks: chunks)
        let count = Int(range.upperBound - range.lowerBound)
        let sealed = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 64)
        defer { sealed.deallocate() }
        let plain = WipedBuffer(count: count)
        try Files.readAll(descriptor, into: sealed, at: range.lowerBound)
        let length = try reader.open(chunks: chunks, ciphertext: UnsafeRawBufferPointer(sealed), into: plain.bytes)
        try body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(plain.bytes)[0..<length]))
    }
}
