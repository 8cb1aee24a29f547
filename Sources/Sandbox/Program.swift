import CLinux
import Glibc

/// Starts a program with exactly these descriptors, `given` as 3 and upwards; the caller waits for it.
func spawn(
    _ arguments: [String], output: Int32 = -1, error: Int32 = -1, given: [Int32]
) throws(SandboxError) -> pid_t {
    var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    pointers.append(nil)
    var process: pid_t = 0
    let descriptors = [-1, output, error] + given
    let result = strongroom_spawn(&process, arguments[0], pointers, descriptors, descriptors.count)
    guard result == 0 else {
        throw .unavailable(reason: "\(arguments[0]) does not start: \(String(cString: strerror(-result)))")
    }
    return process
}

/// How a program ended.
enum Ending: Equatable, Sendable {
    case code(Int32)
    case signal(Int32)
}

/// Waits for a program's end.
@discardableResult
func waitForEnd(of process: pid_t) -> Ending {
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    return status & 0x7f == 0 ? .code((status >> 8) & 0xff) : .signal(status & 0x7f)
}

/// A long-running program, and the thread that started it and lives exactly as long as it.
///
/// The kernel sends "parent died" (bubblewrap's `--die-with-parent`) when the thread that started a program ends, not
/// when the process does; a thread of a pool would take the worker with it.
final class KeptProgram: Sendable {
    private enum State {
        case starting
        case failed(SandboxError)
        case running(pid_t)
        case ended
    }
    private let state: Guarded<State>

    /// Starts a program with standard error and descriptor 3 given, and standard input and output empty.
    init(_ arguments: [String], error: Int32, third: Int32) throws(SandboxError) {
        let state = Guarded(State.starting)
        self.state = state
        let hasThread = startThread {
            do throws(SandboxError) {
                let process = try spawn(arguments, error: error, given: [third])
                state.change { $0 = .running(process) }
                // Waits without reaping: until the state says ended, the number is still this process's.
                var end = siginfo_t()
                while waitid(P_PID, id_t(process), &end, WEXITED | WNOWAIT) < 0 && errno == EINTR {}
                state.change {
                    waitForEnd(of: process)
                    $0 = .ended
                }
            } catch {
                state.change { $0 = .failed(error) }
            }
        }
        guard hasThread else { throw .unavailable(reason: "no thread for the inspector") }
        let started: Result<Void, SandboxError>? = state.wait(seconds: nil) { state in
            switch state {
            case .starting: nil
            case .failed(let error): .failure(error)
            case .running, .ended: .success(())
            }
        }
        try started?.get()
    }

    /// The process's number while it runs.
    var process: pid_t? {
        state.change { state in
            if case .running(let process) = state { process } else { nil }
        }
    }

    /// Ends it at once, if it still runs; bubblewrap takes everything in its sandbox along.
    func kill() {
        state.change { state in
            if case .running(let process) = state { _ = Glibc.kill(process, SIGKILL) }
        }
    }
}

/// Starts a thread of its own, which nobody waits for. False where the system gives none.
func startThread(_ body: @escaping @Sendable () -> Void) -> Bool {
    let box = Unmanaged.passRetained(ThreadBody(body))
    var thread = pthread_t()
    let failed = pthread_create(
        &thread, nil,
        { argument in
            // The pointer is the retained body of this one thread; pthread hands it over unchanged.
            guard let argument else { return nil }
            Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
            return nil
        }, box.toOpaque())
    guard failed == 0 else {
        box.release()
        return false
    }
    pthread_detach(thread)
    return true
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}
