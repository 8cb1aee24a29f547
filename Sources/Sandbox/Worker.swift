import CLinux
import Glibc

/// One inspector program in its sandbox, and the line to it. Dropped means ended.
final class Worker: Sendable {
    private let program: KeptProgram
    private let line: Line

    /// Starts the program and hears its greeting; throws `unavailable` where the sandbox is not there or does not hold.
    init(_ bubblewrap: Bubblewrap, inspector: String, forbidden: [String]) throws(SandboxError) {
        let inside = "/strongroom-inspector"
        let arguments = bubblewrap.arguments(readOnly: [(inspector, inside)]) + [inside]
        let complaints = try MemoryFile()
        var pair: [Int32] = [-1, -1]
        guard strongroom_socket_pair(&pair) == 0 else { throw .unavailable(reason: "no socket for the inspector") }
        line = Line(socket: pair[0])
        // A worker that stops reading must not stop whoever writes to it.
        var atMost = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &atMost, socklen_t(MemoryLayout<timeval>.size))
        do throws(SandboxError) {
            program = try KeptProgram(arguments, error: complaints.descriptor, third: pair[1])
        } catch {
            close(pair[0])
            close(pair[1])
            throw error
        }
        close(pair[1])
        do {
            try line.send(Challenge(forbidden: forbidden))
            let greeting = try line.receive(Greeting.self, seconds: 10)
            guard greeting.breaches.isEmpty else {
                let names = greeting.breaches.map(\.rawValue).joined(separator: ", ")
                throw SandboxError.unavailable(reason: "the sandbox does not hold: \(names)")
            }
        } catch let error as SandboxError {
            program.kill()
            throw error
        } catch {
            program.kill()
            throw .unavailable(reason: "the inspector does not start in its sandbox: \(complaints.firstLine())")
        }
    }

    deinit {
        program.kill()
        close(line.socket)
    }

    enum Failure: Error {
        /// It was gone before the document reached it, or said something unasked.
        case goneBefore
        /// It ended, or gave an answer that no inspector gives.
        case crashed
        case timedOut
    }

    /// The number of bubblewrap's process, for tests that kill it.
    var process: pid_t? { program.process }

    /// Has one document looked at.
    func answer(_ order: Order, _ file: borrowing MemoryFile, seconds: Double) throws(Failure) -> Answer {
        guard !line.hasWaiting else { throw .goneBefore }
        do { try line.send(order, descriptor: file.descriptor) } catch { throw .goneBefore }
        do {
            return try line.receive(Answer.self, seconds: seconds)
        } catch Line.Failure.timedOut {
            throw .timedOut
        } catch {
            throw .crashed
        }
    }
}

extension MemoryFile {
    /// What a program that failed to start wrote first.
    fileprivate borrowing func firstLine() -> String {
        var bytes = [UInt8](repeating: 0, count: 400)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return "it says nothing" }
        return String(decoding: bytes[..<count].prefix { $0 != 10 }, as: UTF8.self)
    }
}
