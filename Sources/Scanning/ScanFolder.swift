import CLinux
import Foundation
import Glibc
public import Records
public import Sealing

// A scan folder on the disk. Rules of this file:
// - no name is followed out of the folder: every step is by descriptor, without symbolic links, on one file system;
// - nothing is overwritten, nothing written but notes and the journal, and `remove` alone deletes a copier's file;
// - a claim is one rename: of two watchers one has the file, whether or not locks hold;
// - names are the file system's bytes. In the journal and in what is printed there are only ids.
//
//   .strongroom/claimed/<upload>/<name>   taken, and not in the vault yet
//   .strongroom/journal                   a line for each thing that befell an upload
//   .strongroom/lock                      held by the one watcher
//   .strongroom/note-<upload>             a note while it is written
//   refused/  held/                       moved aside, each with a note

/// Why something in a scan folder could not be done.
public struct ScanFolderError: Error, Hashable, Sendable {
    /// A stable code, such as `scan-folder.open`.
    public let code: String
    /// The system's error number.
    public let errno: Int32

    init(_ what: String, errno: Int32 = Glibc.errno) {
        code = "scan-folder.\(what)"
        self.errno = errno
    }

    /// Another watcher has the folder.
    public static let inUse = ScanFolderError("in-use", errno: EWOULDBLOCK)
}

/// A scan folder, open.
public final class ScanFolder: Sendable {
    /// What befalls an upload of a scan folder.
    public enum Event: String, CaseIterable, Sendable {
        /// It was claimed.
        case came
        /// The vault has it; its file is about to go.
        case stored
        /// It is about to be moved aside.
        case refused, held
    }

    /// What a listing found.
    public struct Listing: Sendable {
        /// Files, claimed ones first.
        public var scans: [ListedScan] = []
        /// Files whose names say that they are being written.
        public var leftAlone = 0
        /// Folders that could not be listed, as error numbers.
        public var failures: [Int32] = []
    }

    /// Folders below the scan folder that are looked into: so deep.
    public static let deepest = 8

    private static let own = ".strongroom"
    private let path: String
    private let root: Descriptor
    private let device: UInt64
    private let claims: Descriptor
    private let journalFile: Descriptor
    private let lock: Descriptor?

    /// Opens a scan folder.
    ///
    /// - Parameters:
    ///   - isWatched: makes what is missing in it, and locks it; else nothing of it is changed.
    ///   - isKnown: refuses one that was never watched: a share that is not there leaves an empty folder in its place.
    /// - Throws: `.inUse` where another watcher has it.
    public init(_ path: String, isWatched: Bool, isKnown: Bool = false) throws(ScanFolderError) {
        self.path = path
        root = try Descriptor(AT_FDCWD, Array(path.utf8), O_RDONLY | O_DIRECTORY, "open")
        device = try root.status().device
        if isWatched && !isKnown {
            try root.makeFolder(Self.own, 0o700)
            for shelf in ScanNote.Shelf.allCases { try root.makeFolder(shelf.rawValue, 0o770) }
        }
        let own = try root.folder(Self.own)
        if isWatched {
            if !isKnown { try own.makeFolder("claimed", 0o700) }
            let lock = try Descriptor(own.number, Array("lock".utf8), O_RDWR | O_CREAT, "lock")
            if flock(lock.number, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK { throw .inUse }
            // Where a share knows no locks, claiming by rename is what holds.
            self.lock = lock
        } else {
            lock = nil
        }
        claims = try own.folder("claimed")
        journalFile = try Descriptor(
            own.number, Array("journal".utf8), isWatched ? O_RDWR | O_CREAT | O_APPEND : O_RDONLY, "journal")
    }

    // MARK: - Listing

    /// Every file that is claimed or waits.
    ///
    /// - Parameter entering: is given each folder that is looked into, as a path that is good until it returns.
    public func list(entering: (String) -> Void = { _ in }) throws(ScanFolderError) -> Listing {
        var listing = Listing()
        for (upload, name, mark) in try claimed() {
            listing.scans.append(ListedScan(.claimed(upload, name: name), mark))
        }
        try list(root, [], &listing, entering)
        return listing
    }

    private func list(
        _ folder: borrowing Descriptor, _ parents: [[UInt8]], _ listing: inout Listing, _ entering: (String) -> Void
    ) throws(ScanFolderError) {
        entering("/proc/self/fd/\(folder.number)")
        let names: [[UInt8]]
        do { names = try folder.names() } catch {
            if parents.isEmpty { throw error }
            listing.failures.append(error.errno)
            return
        }
        for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            // What is gone by now is no longer to be listed.
            guard let status = try? folder.status(of: name) else { continue }
            let place = parents + [name]
            if status.isRegular {
                if ScanName.isPassing(name) {
                    listing.leftAlone += 1
                } else {
                    listing.scans.append(ListedScan(.waiting(ScanPath(place)), status.mark))
                }
            } else if status.isFolder, name.first != UInt8(ascii: "."), place.count <= Self.deepest,
                status.device == device, !(parents.isEmpty && Self.isShelf(name))
            {
                do {
                    try list(folder.folder(name), place, &listing, entering)
                } catch { listing.failures.append(error.errno) }
            }
        }
    }

    private static func isShelf(_ name: [UInt8]) -> Bool {
        ScanNote.Shelf.allCases.contains { Array($0.rawValue.utf8) == name }
    }

    /// Claimed files; a claim without a file is cleared away.
    private func claimed() throws(ScanFolderError) -> [(UploadID, name: [UInt8], FileMark)] {
        var found: [(UploadID, name: [UInt8], FileMark)] = []
        for entry in try claims.names() {
            guard let upload = UploadID(text: ScanPath.text(of: entry)), let folder = try? claims.folder(entry) else {
                continue
            }
            let files = try folder.names()
            for name in files.prefix(1) {
                if let status = try? folder.status(of: name) { found.append((upload, name, status.mark)) }
            }
            if files.isEmpty && lock != nil { claims.removeFolder(entry) }
        }
        return found.sorted { $0.0.bytes.lexicographicallyPrecedes($1.0.bytes) }
    }

    // MARK: - One file

    /// Opens a listed file; nil where it is gone, or is no file any more.
    public func open(_ place: ListedScan.Place) throws(ScanFolderError) -> OpenScan? {
        do {
            let (folder, name) = try self.folder(of: place)
            let file = try Descriptor(folder.number, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, "read")
            let status = try file.status()
            return status.isRegular ? OpenScan(file, status.mark) : nil
        } catch {
            if [ENOENT, ELOOP, ENOTDIR, ENXIO].contains(error.errno) { return nil }
            throw error
        }
    }

    private func folder(of place: ListedScan.Place) throws(ScanFolderError) -> (Descriptor, name: [UInt8]) {
        switch place {
        case .claimed(let upload, let name): return (try claims.folder(Array(upload.text.utf8)), name)
        case .waiting(let path):
            var folder = try root.folder([UInt8(ascii: ".")])
            for part in path.parts.dropLast() { folder = try folder.folder(part) }
            return (folder, path.name)
        }
    }

    /// Claims a file for an upload, by one rename, or claims it anew for another; nil where it is gone, such as to another
    /// watcher.
    public func claim(
        _ place: ListedScan.Place, as upload: UploadID
    ) throws(ScanFolderError) -> ListedScan.Place? {
        let id = Array(upload.text.utf8)
        let (folder, name): (Descriptor, [UInt8])
        do { (folder, name) = try self.folder(of: place) } catch {
            if error.errno == ENOENT { return nil }
            throw error
        }
        try claims.makeFolder(upload.text, 0o700)
        let claim = try claims.folder(id)
        guard folder.rename(name, to: claim, name) else {
            let failure = ScanFolderError("claim")
            claims.removeFolder(id)
            if failure.errno == ENOENT { return nil }
            throw failure
        }
        claim.sync()
        claims.sync()
        folder.sync()
        if case .claimed(let old, _) = place { claims.removeFolder(Array(old.text.utf8)) }
        try note(.came, upload)
        return .claimed(upload, name: name)
    }

    /// Deletes a claimed file, which the vault has shown that it has.
    public func remove(_ upload: UploadID, name: [UInt8]) throws(ScanFolderError) {
        try note(.stored, upload)
        let id = Array(upload.text.utf8)
        let claim = try claims.folder(id)
        try claim.removeFile(name)
        claims.removeFolder(id)
        claims.sync()
    }

    /// Moves a claimed file aside, under a name that is free there, with its note beside it.
    public func moveAside(
        _ upload: UploadID, name: [UInt8], _ note: ScanNote, at time: Timestamp
    ) throws(ScanFolderError) {
        let id = Array(upload.text.utf8)
        let claim = try claims.folder(id)
        if (try? root.status(of: Array(note.shelf.rawValue.utf8))) == nil {
            try root.makeFolder(note.shelf.rawValue, 0o770)
        }
        let (shelf, own) = (try root.folder(note.shelf.rawValue), try root.folder(Self.own))
        let draft = Array("note-\(upload.text)".utf8)
        try self.note(note.shelf == .refused ? .refused : .held, upload)
        for number in 1... {
            let free = ScanName.numbered(name, number)
            let beside = free + Array(".txt".utf8)
            if (try? shelf.status(of: free)) != nil { continue }
            let text = note.text(name: ScanPath.text(of: free), upload: upload, at: time)
            // A note that a crash left without its file is this file's own, or somebody else's.
            if (try? shelf.status(of: beside)) != nil {
                guard ScanNote.upload(in: shelf.text(of: beside)) == upload else { continue }
                try shelf.removeFile(beside)
            }
            // Whole before it has its name: half a note would be taken for a file, and be left behind.
            if (try? own.status(of: draft)) != nil { try own.removeFile(draft) }
            try own.write(text, to: draft)
            guard try own.renameNew(draft, to: shelf, beside) else { continue }
            guard try claim.renameNew(name, to: shelf, free) else {
                try shelf.removeFile(beside)
                continue
            }
            break
        }
        if (try? own.status(of: draft)) != nil { try own.removeFile(draft) }
        shelf.sync()
        claims.removeFolder(id)
        claims.sync()
    }

    /// Clears away what a crash left: notes of files that are still claimed, and journal lines that are missing.
    public func clearUp() throws(ScanFolderError) {
        let uploads = Set(try claimed().map(\.0))
        guard !uploads.isEmpty else { return }
        for shelf in ScanNote.Shelf.allCases {
            guard let folder = try? root.folder(shelf.rawValue) else { continue }
            for name in try folder.names() where name.suffix(4) == Array(".txt".utf8)[...] {
                guard (try? folder.status(of: Array(name.dropLast(4)))) == nil,
                    let about = ScanNote.upload(in: folder.text(of: name)), uploads.contains(about)
                else { continue }
                try folder.removeFile(name)
            }
        }
        let known = try history()
        for upload in uploads where known[upload] == nil { try note(.came, upload) }
    }

    // MARK: - Counting

    private func note(_ event: Event, _ upload: UploadID) throws(ScanFolderError) {
        // What a crash or a full disk cut short does not spoil the next line.
        try journalFile.append((journalFile.endsInLine ? "" : "\n") + "\(event.rawValue) \(upload.text)\n")
    }

    /// What befell each upload last. A line that a crash cut short counts for nothing.
    private func history() throws(ScanFolderError) -> [UploadID: Event] {
        var last: [UploadID: Event] = [:]
        for line in try journalFile.wholeText().split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2, let event = Event(rawValue: String(words[0])),
                let upload = UploadID(text: String(words[1]))
            else { continue }
            last[upload] = event
        }
        return last
    }

    /// Counts everything that ever came in, from the journal and from the disk.
    ///
    /// - Parameter inVault: how many of some uploads the vault has.
    public func balance<Failure: Error>(inVault: ([UploadID]) throws(Failure) -> Int) throws -> ScanBalance {
        let listing = try list()
        var claimed: Set<UploadID> = []
        var waiting = 0
        for scan in listing.scans {
            switch scan.place {
            case .claimed(let upload, _): claimed.insert(upload)
            case .waiting: waiting += 1
            }
        }
        let history = try history()
        func uploads(_ event: Event) -> [UploadID] {
            history.filter { $0.value == event && !claimed.contains($0.key) }.map(\.key)
        }
        return ScanBalance(
            cameIn: Set(history.keys).union(claimed).count, stored: try inVault(uploads(.stored)),
            held: uploads(.held).count, refused: uploads(.refused).count, claimed: claimed.count, waiting: waiting,
            leftAlone: listing.leftAlone, heldHere: try lying(on: .held), refusedHere: try lying(on: .refused))
    }

    /// Files that lie on a shelf, without their notes.
    private func lying(on shelf: ScanNote.Shelf) throws(ScanFolderError) -> Int {
        guard let folder = try? root.folder(shelf.rawValue) else { return 0 }
        return try folder.names().filter { name in
            guard (try? folder.status(of: name))?.isRegular == true else { return false }
            return name.suffix(4) != Array(".txt".utf8)[...] || ScanNote.upload(in: folder.text(of: name)) == nil
        }.count
    }
}

/// Where everything is that ever came into a scan folder.
public struct ScanBalance: Hashable, Sendable {
    /// Files that were ever claimed.
    public let cameIn: Int
    /// Of those: in the vault's ledger; held and refused, by the journal; claimed still.
    public let stored, held, refused, claimed: Int
    /// Files that were not claimed yet, and those whose names say that they are being written.
    public let waiting, leftAlone: Int
    /// Files that lie in `held` and `refused` now: fewer when people have taken some away.
    public let heldHere, refusedHere: Int

    /// Whether nothing is lost and nothing is twice.
    public var isEven: Bool { cameIn == stored + held + refused + claimed }
}

/// A file of a scan folder, open for reading.
public final class OpenScan: Sendable {
    private let file: Descriptor
    /// What it was when it was opened.
    public let mark: FileMark

    fileprivate init(_ file: Descriptor, _ mark: FileMark) {
        self.file = file
        self.mark = mark
    }

    /// Its descriptor.
    public var descriptor: Int32 { file.number }

    /// Whether somebody on this machine is known to have it open for writing.
    public var isBeingWritten: Bool { strongroom_is_being_written(file.number) == 1 }

    /// Whether it is still what it was when it was opened.
    public var isUnchanged: Bool { (try? file.status().mark) == mark }

    /// SHA-256 of its bytes, read now.
    public func digest() throws(ScanFolderError) -> Digest {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer {
            wipe(buffer)
            buffer.deallocate()
        }
        var hasher = SHA256Hasher()
        var at: off_t = 0
        while true {
            let count = pread(file.number, buffer.baseAddress, buffer.count, at)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw ScanFolderError("read") }
            if count == 0 { return hasher.finish() }
            hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            at += off_t(count)
        }
    }
}

/// What is known of a name in a folder.
private struct Status {
    let mark: FileMark
    let kind: mode_t
    var isRegular: Bool { kind == S_IFREG }
    var isFolder: Bool { kind == S_IFDIR }
    var device: UInt64 { mark.device }

    init(_ status: stat) {
        mark = FileMark(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: UInt64(max(0, status.st_size)),
            modified: Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec))
        kind = status.st_mode & S_IFMT
    }
}

/// An open file or folder, and what is done by names in it.
private final class Descriptor: Sendable {
    let number: Int32

    init(_ folder: Int32, _ name: [UInt8], _ flags: Int32, _ what: String) throws(ScanFolderError) {
        number = Self.path(name) { openat(folder, $0, flags | O_CLOEXEC, 0o600) }
        guard number >= 0 else { throw ScanFolderError(what) }
    }

    deinit { close(number) }

    private static func path<Result>(_ name: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        (name + [0]).withUnsafeBytes { bytes in
            // Never empty: the closing NUL is there.
            bytes.withMemoryRebound(to: CChar.self) { body($0.baseAddress!) }
        }
    }

    func folder(_ name: [UInt8]) throws(ScanFolderError) -> Descriptor {
        try Descriptor(number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, "list")
    }

    func folder(_ name: String) throws(ScanFolderError) -> Descriptor { try folder(Array(name.utf8)) }

    func makeFolder(_ name: String, _ mode: mode_t) throws(ScanFolderError) {
        guard mkdirat(number, name, mode) == 0 || errno == EEXIST else { throw ScanFolderError("make-folder") }
    }

    /// Removes a folder that is empty; one that is not stays.
    func removeFolder(_ name: [UInt8]) { _ = Self.path(name) { unlinkat(number, $0, AT_REMOVEDIR) } }

    func removeFile(_ name: [UInt8]) throws(ScanFolderError) {
        guard Self.path(name, { unlinkat(number, $0, 0) }) == 0 else { throw ScanFolderError("remove") }
    }

    func status() throws(ScanFolderError) -> Status {
        var status = stat()
        guard fstat(number, &status) == 0 else { throw ScanFolderError("status") }
        return Status(status)
    }

    func status(of name: [UInt8]) throws(ScanFolderError) -> Status {
        var status = stat()
        guard Self.path(name, { fstatat(number, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 else {
            throw ScanFolderError("status")
        }
        return Status(status)
    }

    func names() throws(ScanFolderError) -> [[UInt8]] {
        // `fdopendir` takes its descriptor and moves it, so it gets one of its own.
        let own = openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard own >= 0 else { throw ScanFolderError("list") }
        guard let stream = fdopendir(own) else {
            let failure = ScanFolderError("list")
            close(own)
            throw failure
        }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != [UInt8(ascii: ".")] && name != Array("..".utf8) { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw ScanFolderError("list") }
        return names
    }

    func rename(_ name: [UInt8], to folder: Descriptor, _ newName: [UInt8]) -> Bool {
        Self.path(name) { old in Self.path(newName) { renameat(number, old, folder.number, $0) } } == 0
    }

    /// Renames, never over anything: false where there is something of that name.
    func renameNew(_ name: [UInt8], to folder: Descriptor, _ newName: [UInt8]) throws(ScanFolderError) -> Bool {
        let result = Self.path(name) { old in
            Self.path(newName) { strongroom_rename_new(number, old, folder.number, $0) }
        }
        switch -result {
        case 0: return true
        case EEXIST: return false
        case EINVAL, ENOSYS, ENOTSUP:
            // A share that cannot promise it: only watchers and people write here, and it was free a moment ago.
            if (try? folder.status(of: newName)) != nil { return false }
            guard rename(name, to: folder, newName) else { throw ScanFolderError("move-aside") }
            return true
        default: throw ScanFolderError("move-aside", errno: -result)
        }
    }

    /// The text of a small file; empty where it cannot be read.
    func text(of name: [UInt8]) -> String {
        guard let file = try? Descriptor(number, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, "read") else { return "" }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = pread(file.number, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    /// Writes a new file that people can read, and makes it durable.
    func write(_ text: String, to name: [UInt8]) throws(ScanFolderError) {
        let file = try Descriptor(number, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, "note")
        _ = fchmod(file.number, 0o660)
        do { try file.append(text) } catch {
            _ = Self.path(name) { unlinkat(number, $0, 0) }
            throw error
        }
    }

    /// Writes at the end of this file, and makes it durable.
    func append(_ text: String) throws(ScanFolderError) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw ScanFolderError("write") }
            rest = rest.dropFirst(count)
        }
        guard fsync(number) == 0 || [EINVAL, ENOTSUP, ENOSYS].contains(errno) else { throw ScanFolderError("write") }
    }

    /// Whether this file is empty, or its last line is whole.
    var endsInLine: Bool {
        guard let size = try? status().mark.size, size > 0 else { return true }
        var last: UInt8 = 0
        return pread(number, &last, 1, off_t(size) - 1) == 1 && last == UInt8(ascii: "\n")
    }

    /// All of this file.
    func wholeText() throws(ScanFolderError) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = pread(number, &buffer, buffer.count, off_t(bytes.count))
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw ScanFolderError("read") }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }

    /// Makes a folder's names durable where the file system can. Nothing is deleted that rests on it.
    func sync() { _ = fsync(number) }
}
