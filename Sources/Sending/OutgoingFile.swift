import Glibc
import NIOCore
public import Records
public import Sealing

/// A file to be sent: opened, and read once to its end for its SHA-256, in constant memory. Closed when it is dropped.
public final class OutgoingFile: Sendable {
    /// The last part of its path.
    public let name: String
    /// Bytes.
    public let size: UInt64
    /// SHA-256 of the content.
    public let digest: Digest
    private let descriptor: Int32

    private init(name: String, size: UInt64, digest: Digest, descriptor: Int32) {
        self.name = name
        self.size = size
        self.digest = digest
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Opens a file and hashes it.
    ///
    /// - Throws: a refusal `file.unreadable` or `file.not-plain`; `CancellationError` as soon as its task is cancelled.
    public static func open(_ path: String, name: String) throws -> OutgoingFile {
        // A pipe would make its opener wait for a writer.
        let descriptor = Glibc.open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw Refusal.fileUnreadable }
        do {
            var facts = stat()
            guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else { throw Refusal.fileNotPlain }
            let (size, digest) = try hash(descriptor)
            return OutgoingFile(name: name, size: size, digest: digest, descriptor: descriptor)
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func hash(_ descriptor: Int32) throws -> (UInt64, Digest) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { buffer.deallocate() }
        var hasher = SHA256Hasher()
        var size: UInt64 = 0
        while true {
            try Task.checkCancellation()
            let count = try fill(buffer, from: descriptor, at: size)
            if count == 0 { return (size, hasher.finish()) }
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            size += UInt64(count)
        }
    }

    /// Reads until the buffer is full or the file ends; gives how many bytes.
    private static func fill(
        _ buffer: UnsafeMutableRawBufferPointer, from descriptor: Int32, at offset: UInt64
    ) throws -> Int {
        var filled = 0
        while filled < buffer.count {
            let count = pread(
                descriptor, buffer.baseAddress?.advanced(by: filled), buffer.count - filled,
                off_t(offset) + off_t(filled))
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw Refusal.fileBroken }
            if count == 0 { break }
            filled += count
        }
        return filled
    }

    /// So many bytes from a place on.
    ///
    /// - Throws: a refusal `file.changed` where it has become shorter meanwhile.
    func bytes(at offset: UInt64, count: Int) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        let read = try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { room in
            try Self.fill(UnsafeMutableRawBufferPointer(rebasing: room[..<count]), from: descriptor, at: offset)
        }
        guard read == count else { throw Refusal.fileChanged }
        return buffer
    }
}

extension Refusal {
    /// A file that cannot be opened.
    public static let fileUnreadable = Refusal(
        code: "file.unreadable", message: "The file cannot be read.", hint: "Check its permissions.")
    /// A file whose bytes could not all be read.
    public static let fileBroken = Refusal(
        code: "file.unreadable", message: "The file could not be read to its end.",
        hint: "Nothing was stored. Look at the disk it lies on.")
    /// A pipe, a device or a folder.
    static let fileNotPlain = Refusal(
        code: "file.not-plain", message: "That is no plain file, so it cannot be read twice.",
        hint: "Save it as a file first, then send that.")
    /// A file that somebody writes to.
    static let fileChanged = Refusal(
        code: "file.changed", message: "The file changed while it was being sent.",
        hint: "It was not filed. Wait until the scanner has finished it, then run the same command again.")
}
