import Foundation
import Glibc

/// A folder as a place for objects: each is a file, named as the object below the folder.
///
/// What is being written lies in `.storing`, and gets its name when it is whole and durable. Several processes may use one.
public struct FolderStore: BlobStore {
    private let root: String

    /// What the place is called.
    public var place: String { root }

    private var unfinished: String { root + "/.storing" }

    /// Makes the folder where it is not there, and removes what nobody goes on writing.
    ///
    /// - Throws: `.placeNotThere` where the folder that it is to be in is not there.
    public init(at root: String) throws(StoreError) {
        self.root = root
        for folder in [root, root + "/.storing"] {
            guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
                let failure = Self.failure()
                throw failure == .notThere ? .placeNotThere : failure
            }
        }
        for name in try Self.names(in: unfinished) {
            let descriptor = Glibc.open("\(unfinished)/\(name)", O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
            guard descriptor >= 0 else { continue }
            defer { close(descriptor) }
            // Whoever writes one holds its lock.
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink("\(unfinished)/\(name)") }
        }
    }

    /// Stores an object that never changes.
    public func put(_ name: ObjectName, _ source: ObjectSource) throws(StoreError) {
        try write(name, source)
    }

    /// Stores a small object over another.
    public func replace(_ name: ObjectName, with bytes: [UInt8]) throws(StoreError) {
        try write(name, ObjectSource(bytes))
    }

    /// One piece of an object.
    public func piece(
        of name: ObjectName, at offset: UInt64, count: Int, version: ObjectVersion?
    ) throws(StoreError) -> Piece {
        let descriptor = Glibc.open(path(of: name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw absent() }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.failure() }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notThere }
        let size = UInt64(status.st_size)
        let now = ObjectVersion(
            "\(status.st_ino) \(size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)")
        guard version == nil || version == now, offset <= size else { throw .changed }
        let source = try ObjectSource(descriptor: descriptor)
        guard source.size == size else { throw .changed }
        let bytes: [UInt8]
        do throws(StoreError) { bytes = try source.bytes(offset..<min(size, offset + UInt64(count))) } catch {
            throw .failed("read")
        }
        return Piece(bytes: bytes, size: size, version: now)
    }

    /// The objects whose names begin so.
    public func list(_ prefix: String) throws(StoreError) -> [StoredObject] {
        // What ends with a slash, or has one, names a folder to begin in.
        let folder = prefix.lastIndex(of: "/").map { String(prefix[..<$0]) } ?? ""
        guard folder.isEmpty || ObjectName(folder) != nil else { return [] }
        var found: [StoredObject] = []
        try walk(folder, into: &found)
        return found.filter { $0.name.text.hasPrefix(prefix) }.sorted { $0.name < $1.name }
    }

    /// Removes an object.
    public func delete(_ name: ObjectName) throws(StoreError) {
        if unlink(path(of: name)) == 0 { return try sync(Self.folder(of: path(of: name))) }
        let failure = absent()
        guard failure == .notThere else { throw failure }
    }

    /// The bytes of an object.
    public func size(of name: ObjectName) throws(StoreError) -> UInt64 {
        var status = stat()
        guard lstat(path(of: name), &status) == 0 else { throw absent() }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notThere }
        return UInt64(status.st_size)
    }

    // MARK: - Files

    private func path(of name: ObjectName) -> String { "\(root)/\(name.text)" }

    private static func folder(of path: String) -> String {
        String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }

    private func write(_ name: ObjectName, _ source: ObjectSource) throws(StoreError) {
        let temporary = "\(unfinished)/\(UUID().uuidString)"
        let descriptor = Glibc.open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw absent(.placeNotThere) }
        var isKept = false
        defer {
            if !isKept { unlink(temporary) }
            close(descriptor)
        }
        guard flock(descriptor, LOCK_EX) == 0 else { throw Self.failure() }
        var at: UInt64 = 0
        while at < source.size {
            let end = min(source.size, at + 8 << 20)
            try Self.write(source.bytes(at..<end), descriptor)
            at = end
        }
        guard fsync(descriptor) == 0 else { throw Self.failure() }
        let folders = try makeFolders(name)
        guard rename(temporary, path(of: name)) == 0 else { throw Self.failure() }
        isKept = true
        // Whoever made a folder may not have lived to sync it.
        for folder in folders { try sync(folder) }
    }

    private static func write(_ bytes: [UInt8], _ descriptor: Int32) throws(StoreError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(
                    descriptor, UnsafeRawBufferPointer(rebasing: $0[written...]).baseAddress, $0.count - written)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw failure() }
            written += count
        }
    }

    /// Makes the folders that a name needs; gives them, the innermost first.
    private func makeFolders(_ name: ObjectName) throws(StoreError) -> [String] {
        var folders = [root]
        for part in name.text.split(separator: "/").dropLast() {
            let inner = "\(folders[0])/\(part)"
            guard mkdir(inner, 0o700) == 0 || errno == EEXIST else { throw Self.failure() }
            folders.insert(inner, at: 0)
        }
        return folders
    }

    private func walk(_ folder: String, into found: inout [StoredObject]) throws(StoreError) {
        let inside = folder.isEmpty ? "" : folder + "/"
        let names: [String]
        do { names = try Self.names(in: root + "/" + folder) } catch {
            // No object's name begins with it.
            guard error == .notThere, !folder.isEmpty else { throw error == .notThere ? .placeNotThere : error }
            return
        }
        for name in names {
            guard let object = ObjectName(inside + name) else { continue }
            var status = stat()
            guard lstat(path(of: object), &status) == 0 else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFREG: found.append(StoredObject(name: object, size: UInt64(status.st_size)))
            case S_IFDIR: try walk(object.text, into: &found)
            default: continue
            }
        }
    }

    private static func names(in folder: String) throws(StoreError) -> [String] {
        guard let directory = opendir(folder) else { throw failure() }
        defer { closedir(directory) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw failure() }
        return names
    }

    private func sync(_ folder: String) throws(StoreError) {
        let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure() }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Self.failure() }
    }

    /// What the last call says: no such object, or no such folder any more.
    private func absent(_ otherwise: StoreError = .notThere) -> StoreError {
        let failure = Self.failure()
        guard failure == .notThere else { return failure }
        return access(root, F_OK) == 0 ? otherwise : .placeNotThere
    }

    private static func failure() -> StoreError {
        switch errno {
        case ENOENT, ENOTDIR: .notThere
        case EACCES, EPERM, EROFS, ELOOP: .refused
        case ENOSPC, EDQUOT, EFBIG: .full
        case let other: .failed("errno-\(other)")
        }
    }
}
