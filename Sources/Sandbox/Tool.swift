import CLinux
import Glibc

/// One run of poppler or libvips in a sandbox of its own: the document as descriptor 3, the result from a pipe.
struct Tool {
    let bubblewrap: Bubblewrap
    let seconds: Double
    let maximumOutput: Int
    /// What is over the limit is cut off; otherwise it is an error.
    let cuts: Bool

    /// Runs a program of `/usr/bin`; the document is `/proc/self/fd/3` to it. Nothing is written to a disk.
    func run(_ command: [String], on file: borrowing MemoryFile) throws(SandboxError) -> [UInt8] {
        let filter = strongroom_renderer_filter()
        guard filter >= 0 else { throw .memory(reason: String(cString: strerror(-filter))) }
        defer { close(filter) }
        var ends: [Int32] = [-1, -1]
        let made = strongroom_pipe(&ends)
        guard made == 0 else { throw .memory(reason: String(cString: strerror(-made))) }
        defer { close(ends[0]) }
        // prlimit, since bubblewrap sets no limits: memory, processor time, threads, no core dumps, no files.
        let limits = [
            "/usr/bin/prlimit", "--as=6442450944", "--data=1610612736", "--cpu=\(Int(seconds) + 1)", "--nproc=64",
            "--fsize=0", "--nofile=64", "--core=0", "--",
        ]
        let arguments = bubblewrap.arguments(filter: 4) + limits + command
        let process: pid_t
        do throws(SandboxError) {
            process = try spawn(arguments, output: ends[1], third: file.descriptor, fourth: filter)
        } catch {
            close(ends[1])
            throw error
        }
        close(ends[1])

        // This thread started the program and outlives it, as `--die-with-parent` needs. bubblewrap holds the pipe too,
        // so its end is the end of all in the sandbox, even where a renderer closed its own.
        let result = collect(from: ends[0])
        if case .success(let bytes) = result, bytes.count < maximumOutput || !cuts {
            switch waitForEnd(of: process) {
            case .code(0): return bytes
            case .code(126), .code(127): throw .unavailable(reason: "\(command[0]) is not installed")
            default: throw .crashed
            }
        }
        kill(process, SIGKILL)
        waitForEnd(of: process)
        return try result.get()
    }

    private func collect(from pipe: Int32) -> Result<[UInt8], SandboxError> {
        let deadline = Deadline(seconds: seconds)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            guard deadline.waits(forReading: pipe) else { return .failure(.timedOut) }
            let count = read(pipe, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return .success(bytes) }
            bytes += buffer[..<count]
            if bytes.count >= maximumOutput {
                guard cuts else { return .failure(.tooLarge) }
                bytes.removeLast(bytes.count - maximumOutput)
                return .success(bytes)
            }
        }
    }
}
