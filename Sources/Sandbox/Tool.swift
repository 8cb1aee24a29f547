import CLinux
import Glibc

/// One run of a program of `/usr/bin` in a sandbox of its own: the documents as descriptors 3 and upwards, the result from
/// a pipe. Nothing is written to a disk.
package struct Tool: Sendable {
    let bubblewrap: Bubblewrap
    let seconds: Double
    let maximumOutput: Int
    /// What is over the limit is cut off; otherwise it is an error.
    var cuts = false
    /// What the program may have of memory that is its own.
    var memoryMiB = 1536
    /// What the operator installs, where that is not the command's first word.
    var name: String?
    /// Files besides those of `/usr`: a path outside and its path inside.
    var readOnly: [(outside: String, inside: String)] = []
    /// How much it may write, all in a file system in memory at `/tmp` that ends with the run; 0 where it writes nothing.
    package var scratchMiB = 0
    /// Whether the program gives way to every other that wants the processor.
    var givesWay = false

    /// A program that makes its result with it says so, and the document is `tooLarge`.
    package static let noMemory: Int32 = 77
    /// How many documents one run takes at the most; the filter and the standard ones come besides.
    package static let mostDocuments = Int(STRONGROOM_MOST_DESCRIPTORS) - 4

    init(bubblewrap: Bubblewrap, seconds: Double, maximumOutput: Int, cuts: Bool) {
        self.bubblewrap = bubblewrap
        self.seconds = seconds
        self.maximumOutput = maximumOutput
        self.cuts = cuts
    }

    /// A run that gives way to every other: nobody waits at a screen for its result.
    ///
    /// - Parameters:
    ///   - bubblewrap: where bubblewrap is.
    ///   - seconds: the most time it may take.
    ///   - memoryMiB: the most memory it may have as its own; files that are mapped come besides.
    ///   - maximumOutput: in bytes; one that is as large is too large.
    ///   - name: what is missing where it is not installed.
    package init(bubblewrap: String, seconds: Double, memoryMiB: Int, maximumOutput: Int, name: String) {
        self.bubblewrap = Bubblewrap(program: bubblewrap)
        self.seconds = seconds
        self.memoryMiB = memoryMiB
        self.name = name
        self.maximumOutput = maximumOutput
        self.givesWay = true
    }

    /// Runs a program; the document is `/proc/self/fd/3` to it.
    func run(_ command: [String], on file: borrowing MemoryFile) throws(SandboxError) -> [UInt8] {
        var bytes: [UInt8] = []
        try run(command, on: [file.descriptor]) { part in
            bytes += part
            return nil
        }
        return bytes
    }

    /// Runs a program whose result is a memory file, not yet sealed. It passes through this process 64 KiB at a time.
    ///
    /// - Parameter files: descriptors of sealed memory files, `/proc/self/fd/3` and upwards to the program.
    package func make(_ command: [String], from files: [Int32]) throws(SandboxError) -> MemoryFile {
        var result = try MemoryFile()
        try run(command, on: files) { part in
            do throws(SandboxError) {
                try result.append(part)
                return nil
            } catch { return error }
        }
        return result
    }

    /// Runs a program, and has `take` take its result in pieces; what `take` returns ends it.
    private func run(
        _ command: [String], on files: [Int32], _ take: (UnsafeRawBufferPointer) -> SandboxError?
    ) throws(SandboxError) {
        let filter = strongroom_renderer_filter()
        guard filter >= 0 else { throw .memory(reason: String(cString: strerror(-filter))) }
        defer { close(filter) }
        var ends: [Int32] = [-1, -1]
        let made = strongroom_pipe(&ends)
        guard made == 0 else { throw .memory(reason: String(cString: strerror(-made))) }
        defer { close(ends[0]) }
        // prlimit, since bubblewrap sets no limits: memory, processor time, threads, no core dumps, no files but in memory. A
        // program opens each document anew, beside the descriptor it was given.
        let limits = [
            "/usr/bin/prlimit", "--as=6442450944", "--data=\(memoryMiB << 20)", "--cpu=\(Int(seconds) + 1)",
            "--nproc=64",
            "--fsize=\(scratchMiB << 20)", "--nofile=\(62 + 2 * files.count)", "--core=0", "--",
        ]
        let manners = givesWay ? ["/usr/bin/nice", "-n", "10"] : []
        let arguments =
            bubblewrap.arguments(readOnly: readOnly, filter: 3 + Int32(files.count), more: scratch) + limits + manners
            + command
        let process: pid_t
        do throws(SandboxError) {
            process = try spawn(arguments, output: ends[1], given: files + [filter])
        } catch {
            close(ends[1])
            throw error
        }
        close(ends[1])

        // This thread started the program and outlives it, as `--die-with-parent` needs. bubblewrap holds the pipe too,
        // so its end is the end of all in the sandbox, even where a renderer closed its own.
        let end = collect(from: ends[0], take)
        if case .whole = end {
            switch waitForEnd(of: process) {
            case .code(0): return
            case .code(126), .code(127): throw .unavailable(reason: "\(name ?? command[0]) is not installed")
            case .code(Self.noMemory): throw .tooLarge
            default: throw .crashed
            }
        }
        kill(process, SIGKILL)
        waitForEnd(of: process)
        if case .failed(let error) = end { throw error }
    }

    /// What a program that writes needs besides: its place, and random numbers for the names of what it writes.
    private var scratch: [String] {
        guard scratchMiB > 0 else { return [] }
        return [
            "--size", "\(scratchMiB << 20)", "--tmpfs", "/tmp", "--setenv", "HOME", "/tmp", "--dev-bind",
            "/dev/urandom",
            "/dev/urandom",
        ]
    }

    private enum Collected {
        case whole
        case cut
        case failed(SandboxError)
    }

    /// Waits for something to read, as long as whoever asked does.
    private func wait(for pipe: Int32, until deadline: Deadline) -> SandboxError? {
        while !Task.isCancelled {
            let soon = Deadline(seconds: Self.secondsBetweenLooks)
            if min(soon, deadline).waits(forReading: pipe) { return nil }
            if deadline.hasPassed { return .timedOut }
        }
        return .abandoned
    }

    /// How long it takes at the most until it is seen that nobody waits any more.
    static let secondsBetweenLooks = 0.1

    private func collect(from pipe: Int32, _ take: (UnsafeRawBufferPointer) -> SandboxError?) -> Collected {
        let deadline = Deadline(seconds: seconds)
        var taken = 0
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            if let error = wait(for: pipe, until: deadline) { return .failed(error) }
            let count = read(pipe, &buffer, min(buffer.count, maximumOutput - taken))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return .whole }
            if let error = buffer.withUnsafeBytes({ take(UnsafeRawBufferPointer(rebasing: $0[..<count])) }) {
                return .failed(error)
            }
            taken += count
            if taken == maximumOutput { return cuts ? .cut : .failed(.tooLarge) }
        }
    }
}
