import CLinux
import Glibc

/// A document in memory, as the sandbox takes it: a file without a name in any directory.
///
/// It grows by appending, is then sealed, and is gone when dropped. Its pages are shared memory of the machine, not of
/// this process's heap; the kernel can swap them out.
public struct MemoryFile: ~Copyable, Sendable {
    /// The file's descriptor, good as long as this value lives.
    public let descriptor: Int32
    /// The number of bytes appended so far.
    public private(set) var count: Int = 0
    /// Whether the bytes can no longer change.
    public private(set) var isSealed = false

    /// An empty memory file.
    public init() throws(SandboxError) {
        let descriptor = strongroom_memory_file()
        guard descriptor >= 0 else { throw .memory(reason: String(cString: strerror(-descriptor))) }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Appends bytes, without a copy besides the kernel's own.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) throws(SandboxError) {
        var rest = bytes
        while let base = rest.baseAddress, !rest.isEmpty {
            let written = write(descriptor, base, rest.count)
            if written < 0 {
                if errno == EINTR { continue }
                throw .memory(reason: String(cString: strerror(errno)))
            }
            count += written
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
    }

    /// Appends bytes, without a copy besides the kernel's own.
    public mutating func append(_ bytes: [UInt8]) throws(SandboxError) {
        // A Result, since swiftc 6.3 crashes on closures without a value and with a typed error.
        let result: Result<Void, SandboxError> = bytes.withUnsafeBytes { bytes in
            do throws(SandboxError) { return .success(try append(bytes)) } catch { return .failure(error) }
        }
        try result.get()
    }

    /// Writes bytes at a place: over what is there, and beyond the end so far, which may leave zeros between.
    package mutating func put(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SandboxError) {
        var (rest, place) = (bytes, offset)
        while let base = rest.baseAddress, !rest.isEmpty {
            let written = pwrite(descriptor, base, rest.count, off_t(place))
            if written < 0 {
                if errno == EINTR { continue }
                throw .memory(reason: String(cString: strerror(errno)))
            }
            place += written
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
        // Where the next one is appended.
        guard place > count else { return }
        count = place
        guard lseek(descriptor, off_t(count), SEEK_SET) >= 0 else {
            throw .memory(reason: String(cString: strerror(errno)))
        }
    }

    /// Lets go of what was appended after the first so many bytes.
    package mutating func cut(to smaller: Int) throws(SandboxError) {
        guard smaller < count else { return }
        guard ftruncate(descriptor, off_t(smaller)) == 0, lseek(descriptor, off_t(smaller), SEEK_SET) >= 0 else {
            throw .memory(reason: String(cString: strerror(errno)))
        }
        count = smaller
    }

    /// Forbids every later change, for every holder of the descriptor. Sealing twice is nothing new.
    public mutating func seal() throws(SandboxError) {
        guard !isSealed else { return }
        let result = strongroom_memory_file_seal(descriptor)
        guard result == 0 else { throw .memory(reason: String(cString: strerror(-result))) }
        isSealed = true
    }

    /// Gives the bytes, mapped for reading and not copied.
    public borrowing func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) throws(SandboxError) -> R {
        guard count > 0 else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        guard let mapped = mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0), mapped != MAP_FAILED else {
            throw .memory(reason: String(cString: strerror(errno)))
        }
        defer { munmap(mapped, count) }
        return body(UnsafeRawBufferPointer(start: mapped, count: count))
    }
}
