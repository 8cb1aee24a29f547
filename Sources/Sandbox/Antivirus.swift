import CLinux
import Glibc

// ClamAV's daemon, as a program of our own.
// - It runs in bubblewrap: no network, no vault, and nothing to write to but a file system in memory that is its own, for
//   it unpacks into files; and the directory with its socket.
// - A document comes to it as the sealed memory file's descriptor (FILDES). With its other commands it would write what it
//   is sent to a file first, or open a path.
// - It answers OK to what its limits made it skip unless it is told otherwise (AlertExceedsMax). What it then reports as
//   Heuristics.Limits is no virus, and was not scanned.

/// Scans documents for viruses with `clamd`, started when it is first needed, started anew when it ended, and ended with
/// this value or the process.
///
/// All calls block, and may come from any thread.
public final class Antivirus: Sendable {
    /// What a scan found.
    public enum Finding: Equatable, Sendable {
        /// All of it was scanned, and nothing found.
        case clean
        /// A signature's name.
        case found(String)
        /// It was not scanned, or not all of it: the limit that it is over, or what failed, for the operator.
        case skipped(String)
    }

    /// Where the scanner is, and how far it goes.
    public struct Settings: Hashable, Sendable {
        /// The `clamd` program.
        public var program: String
        /// The directory with its signatures.
        public var signatures: String
        /// The largest document, in bytes.
        public var largest: UInt64
        /// The most time one scan may take.
        public var seconds: Int
        /// bubblewrap.
        public var bubblewrap = "/usr/bin/bwrap"

        /// Settings; 5 minutes are enough for 2 GiB on the school's machine.
        public init(program: String, signatures: String, largest: UInt64, seconds: Int = 300) {
            self.program = program
            self.signatures = signatures
            self.largest = largest
            self.seconds = seconds
        }
    }

    /// One `clamd`, and the directory with its socket. Dropped means ended.
    private final class Daemon: Sendable {
        let program: KeptProgram
        let home: Home

        init(_ program: KeptProgram, _ home: Home) {
            self.program = program
            self.home = home
        }

        deinit { program.kill() }
    }

    private enum State {
        case idle
        case starting
        case running(Daemon)
        case failed(SandboxError, until: Deadline)
        case closed
    }

    private let settings: Settings
    private let state = Guarded(State.idle)
    /// How long it may take to read its signatures: some ten seconds for all that ClamAV publishes.
    private static let startSeconds = 120.0
    /// How long one that did not start is left alone.
    private static let restSeconds = 30.0

    /// A scanner that is not started yet.
    public init(_ settings: Settings) { self.settings = settings }

    deinit { shutdown() }

    /// Starts it on a thread of its own, so that the first document need not wait for that.
    public func startAhead() {
        _ = startThread { [weak self] in _ = try? self?.ready() }
    }

    /// Scans a sealed document.
    ///
    /// - Throws: `unavailable` where it is not there; `crashed` where it ended meanwhile, and `timedOut` where it took too
    ///   long: the document waits, and the next has another.
    public func scan(_ file: borrowing MemoryFile) throws(SandboxError) -> Finding {
        guard file.isSealed else { throw .unsealed }
        let daemon = try ready()
        let socket = strongroom_connect(daemon.home.socket, 10)
        guard socket >= 0 else {
            drop(daemon)
            throw .unavailable(reason: "clamd does not take a document: \(String(cString: strerror(-socket)))")
        }
        defer { close(socket) }
        let deadline = Deadline(seconds: Double(settings.seconds) + 15)
        guard Self.send("zFILDES\0", to: socket), Self.send("\0", to: socket, descriptor: file.descriptor) else {
            drop(daemon)
            throw .crashed
        }
        switch Self.reply(from: socket, deadline) {
        case .success(let reply): return Self.finding(reply)
        case .failure(let error):
            drop(daemon)
            throw error
        }
    }

    /// Ends it. Later calls throw `unavailable`.
    public func shutdown() {
        state.change { $0 = .closed }
    }

    /// Whether it runs and takes documents.
    public var isRunning: Bool {
        state.change { state in
            if case .running(let daemon) = state { daemon.program.process != nil } else { false }
        }
    }

    /// bubblewrap's process, for tests that stop or kill what is in it.
    package var process: Int32? {
        state.change { state in
            if case .running(let daemon) = state { daemon.program.process } else { nil }
        }
    }

    // MARK: - What is said

    private static func send(_ text: String, to socket: Int32, descriptor: Int32 = -1) -> Bool {
        var text = text
        return text.withUTF8 { strongroom_send(socket, $0.baseAddress, $0.count, descriptor) == $0.count }
    }

    /// The answer, up to the zero byte that ends it.
    private static func reply(from socket: Int32, _ deadline: Deadline) -> Result<String, SandboxError> {
        var reply: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1024)
        while reply.last != 0 {
            guard deadline.waits(forReading: socket) else { return .failure(.timedOut) }
            let count = buffer.withUnsafeMutableBytes { strongroom_receive(socket, $0.baseAddress, $0.count, nil) }
            guard count > 0, reply.count < 8192 else { return .failure(.crashed) }
            reply += buffer[..<count]
        }
        return .success(String(decoding: reply.dropLast(), as: UTF8.self))
    }

    /// What an answer such as `fd[10]: Win.Test.EICAR_HDB-1 FOUND` says. Only `OK` is clean.
    package static func finding(_ reply: String) -> Finding {
        var words = reply
        if let colon = words.firstIndex(of: ":") {
            words = String(words[words.index(after: colon)...].drop { $0 == " " })
        }
        if words == "OK" { return .clean }
        let plain = String(
            words.unicodeScalars.filter { (0x20..<0x7f).contains($0.value) }.map(Character.init).prefix(200))
        let end = " FOUND"
        guard plain.hasSuffix(end) else { return .skipped(plain) }
        let name = String(plain.dropLast(end.count))
        return name.hasPrefix("Heuristics.Limits.") ? .skipped(name) : .found(name)
    }

    // MARK: - The program

    /// One that runs: the one there is, or a new one.
    private func ready() throws(SandboxError) -> Daemon {
        enum Turn {
            case use(Daemon)
            case start
            case fail(SandboxError)
        }
        let turn = state.wait(seconds: nil) { state -> Turn? in
            switch state {
            case .running(let daemon) where daemon.program.process != nil: return .use(daemon)
            case .starting: return nil
            case .closed: return .fail(.unavailable(reason: "the virus scanner was shut down"))
            case .failed(let error, let until) where !until.hasPassed: return .fail(error)
            case .idle, .failed, .running:
                state = .starting
                return .start
            }
        }
        switch turn {
        case .use(let daemon): return daemon
        case .fail(let error): throw error
        case .start, nil:
            let started: Result<Daemon, SandboxError>
            do throws(SandboxError) { started = .success(try start()) } catch { started = .failure(error) }
            state.change { state in
                if case .closed = state { return }
                switch started {
                case .success(let daemon): state = .running(daemon)
                case .failure(let error): state = .failed(error, until: Deadline(seconds: Self.restSeconds))
                }
            }
            return try started.get()
        }
    }

    /// Lets go of one that failed a document; another thread may have started the next already.
    private func drop(_ daemon: Daemon) {
        daemon.program.kill()
        state.change { state in
            if case .running(let running) = state, running === daemon { state = .idle }
        }
    }

    private func start() throws(SandboxError) -> Daemon {
        guard access(settings.program, X_OK) == 0 else {
            throw .unavailable(reason: "\(settings.program) is not installed")
        }
        guard Self.hasSignatures(settings.signatures) else {
            throw .unavailable(reason: "there are no signatures in \(settings.signatures): freshclam downloads them")
        }
        Home.sweep()
        let home = try Home()
        var configuration = try MemoryFile()
        try configuration.append(Array(Self.configuration(settings).utf8))
        try configuration.seal()
        // What it complains of while it starts. What does not fit later is lost, rather than that it waits for a reader.
        var ends: [Int32] = [-1, -1]
        guard strongroom_pipe(&ends) == 0 else { throw .unavailable(reason: "no pipe for clamd") }
        defer { for end in ends { close(end) } }
        for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        let bubblewrap = Bubblewrap(program: settings.bubblewrap)
        let arguments = bubblewrap.arguments(
            readOnly: [(settings.signatures, "/signatures")],
            more: [
                "--proc", "/proc", "--dev-bind", "/dev/null", "/dev/null", "--dev-bind", "/dev/urandom", "/dev/urandom",
                "--size", "\(Self.mostScanned(settings))", "--tmpfs", "/unpacked", "--bind", home.path, "/socket",
            ])
        let program = try KeptProgram(
            arguments + ["/usr/bin/prlimit", "--core=0", "--", settings.program, "--config-file=/proc/self/fd/3"],
            error: ends[1], third: configuration.descriptor)
        let daemon = Daemon(program, home)
        let deadline = Deadline(seconds: Self.startSeconds)
        while program.process != nil, !deadline.hasPassed {
            let socket = strongroom_connect(home.socket, 10)
            if socket >= 0 {
                close(socket)
                return daemon
            }
            usleep(20_000)
            // Shut down meanwhile.
            if state.change({ if case .closed = $0 { true } else { false } }) { break }
        }
        var complaint = [UInt8](repeating: 0, count: 400)
        let count = max(0, read(ends[0], &complaint, complaint.count))
        let line = String(decoding: complaint[..<count].prefix { $0 != 10 }, as: UTF8.self)
        throw .unavailable(reason: "clamd does not start: \(line.isEmpty ? "it says nothing" : line)")
    }

    /// Whether there is any file that clamd would read.
    private static func hasSignatures(_ directory: String) -> Bool {
        guard let listing = opendir(directory) else { return false }
        defer { closedir(listing) }
        let endings = [".cvd", ".cld", ".cud", ".ndb", ".ldb", ".hdb", ".hsb", ".mdb", ".db", ".yar"]
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if endings.contains(where: name.hasSuffix) { return true }
        }
        return false
    }

    /// The largest file that it can scan at all.
    private static let mostOfOneFile: UInt64 = 2_147_483_645

    private static func mostInOneFile(_ settings: Settings) -> UInt64 { min(mostOfOneFile, settings.largest + 1) }

    /// What is unpacked counts as well; it takes up to 4 GiB.
    private static func mostScanned(_ settings: Settings) -> UInt64 {
        min(4095 << 20, max(settings.largest * 2, 64 << 20))
    }

    static func configuration(_ settings: Settings) -> String {
        let most = mostInOneFile(settings)
        // No TCPSocket: the network is not there either. Links in mail are no viruses, whatever they look like.
        return """
            Foreground yes
            LocalSocket /socket/clamd
            LocalSocketMode 600
            DatabaseDirectory /signatures
            ConcurrentDatabaseReload no
            TemporaryDirectory /unpacked
            LeaveTemporaryFiles no
            MaxThreads 4
            AlertExceedsMax yes
            MaxScanTime \(settings.seconds * 1000)
            MaxScanSize \(mostScanned(settings))
            MaxFileSize \(most)
            MaxEmbeddedPE \(most)
            MaxHTMLNormalize \(most)
            MaxHTMLNoTags \(most)
            MaxScriptNormalize \(most)
            MaxZipTypeRcg \(most)
            PCREMaxFileSize \(most)
            PhishingScanURLs no

            """
    }
}

/// A directory of this user's alone in memory, for a socket. Dropped, it is removed; one whose process died is removed by
/// the next.
private final class Home: Sendable {
    let path: String
    private let lock: Int32

    var socket: String { path + "/clamd" }

    private static let base = "/dev/shm"
    private static let prefix = "strongroom-clamd-"

    init() throws(SandboxError) {
        var template = Array("\(Self.base)/\(Self.prefix)XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw .unavailable(reason: "no directory for clamd's socket: \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        lock = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw .unavailable(reason: "no directory for clamd's socket")
        }
    }

    deinit {
        Self.remove(path)
        close(lock)
    }

    private static func remove(_ path: String) {
        unlink(path + "/clamd")
        unlink(path + "/lock")
        rmdir(path)
    }

    /// Removes what processes that were killed left. A directory that is being made is a minute old at the most.
    static func sweep() {
        guard let listing = opendir(base) else { return }
        defer { closedir(listing) }
        while let entry = readdir(listing) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name.hasPrefix(prefix) else { continue }
            let path = base + "/" + name
            var status = stat()
            guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == geteuid(),
                status.st_mtim.tv_sec < time(nil) - 60
            else { continue }
            let lock = open(path + "/lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW)
            defer { if lock >= 0 { close(lock) } }
            if lock < 0 || flock(lock, LOCK_EX | LOCK_NB) == 0 { remove(path) }
        }
    }
}
