import CLinux
import Foundation
import Glibc
import Sealing

/// The few file operations whose durability the vault promises. Each throws a `SystemCallError`.
enum Files {
    static func makeDirectory(_ path: String) throws {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw SystemCallError("mkdir") }
    }

    static func syncDirectory(_ path: String) throws {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemCallError("open") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw SystemCallError("fsync") }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func read(_ path: String) throws -> [UInt8] {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemCallError("open") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemCallError("stat") }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var at = 0
        while at < bytes.count {
            let count = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, UnsafeMutableRawBufferPointer(rebasing: $0[at...]).baseAddress, $0.count - at)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw SystemCallError("read") }
            at += count
        }
        return bytes
    }

    /// Reads a file whose length the system does not tell, such as those of /proc.
    static func readAll(_ path: String) throws -> [UInt8] {
        guard let handle = FileHandle(forReadingAtPath: path) else { throw SystemCallError("open") }
        defer { try? handle.close() }
        return [UInt8](try handle.readToEnd() ?? Data())
    }

    /// Gives a range of a file in pieces of at most so many bytes, each full but the last.
    static func readPieces(
        _ descriptor: Int32, _ range: Range<UInt64>, most: Int, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard !range.isEmpty else { return }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: most, alignment: 64)
        defer { buffer.deallocate() }
        var at = range.lowerBound
        while at < range.upperBound {
            let wanted = UnsafeMutableRawBufferPointer(
                rebasing: buffer[..<Int(min(UInt64(most), range.upperBound - at))])
            try readAll(descriptor, into: wanted, at: at)
            try body(UnsafeRawBufferPointer(wanted))
            at += UInt64(wanted.count)
        }
    }

    /// Fills a buffer from an offset of a file; a file that ends before is an error.
    static func readAll(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws {
        var rest = buffer
        while let target = rest.baseAddress, !rest.isEmpty {
            let got = pread(descriptor, target, rest.count, off_t(offset) + off_t(buffer.count - rest.count))
            if got < 0 && errno == EINTR { continue }
            guard got > 0 else { throw SystemCallError("read") }
            rest = UnsafeMutableRawBufferPointer(rebasing: rest.dropFirst(got))
        }
    }

    static func writeAll(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while let base = rest.baseAddress, !rest.isEmpty {
            let count = Glibc.write(descriptor, base, rest.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw SystemCallError("write") }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        }
    }

    /// Tells the disk to write a range now. Nothing of it is durable before a sync.
    static func startWriting(_ descriptor: Int32, _ range: Range<UInt64>) throws {
        try checkRange(strongroom_start_writing(descriptor, range.lowerBound, UInt64(range.count)))
    }

    /// Waits until the disk has a range, and lets its memory go. Nothing of it is durable before a sync.
    static func settle(_ descriptor: Int32, _ range: Range<UInt64>) throws {
        try checkRange(strongroom_settle(descriptor, range.lowerBound, UInt64(range.count)))
    }

    /// A file system that knows no ranges has only the sync at the end.
    private static func checkRange(_ result: Int32) throws {
        guard ![0, -EINVAL, -ENOSYS, -EOPNOTSUPP].contains(result) else { return }
        throw SystemCallError("fsync", errno: -result)
    }

    /// Replaces a file as a whole: on return it and its directory are durable, or the old one stands.
    static func replace(_ path: String, with bytes: [UInt8], mode: mode_t = 0o600) throws {
        let temporary = path + ".new"
        let descriptor = Glibc.open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw SystemCallError("open") }
        do {
            defer { close(descriptor) }
            try bytes.withUnsafeBytes { try writeAll(descriptor, $0) }
            guard fsync(descriptor) == 0 else { throw SystemCallError("fsync") }
        }
        guard rename(temporary, path) == 0 else { throw SystemCallError("rename") }
        try syncDirectory(directory(of: path))
    }

    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    static func names(in path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }
}
