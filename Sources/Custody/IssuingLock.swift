import Glibc
import Records
import Synchronization

// While something is let out, its process holds a shared lock on a file of the vault; the system lets go of it when the process
// is killed. So who gets the lock alone knows that what the ledger has as open is on its way no more, and can say so.

/// What of a vault is being let out by this process, and a lock that tells others.
final class IssuingLock: Sendable {
    private struct State {
        var open: Set<IssueID> = []
        var descriptor: Int32?
    }
    private let path: String
    private let state = Mutex(State())

    init(path: String) { self.path = path }

    /// Before an issue is recorded as opened.
    func begin(_ issue: IssueID) throws {
        try state.withLock { state in
            if state.descriptor == nil { state.descriptor = try lock(LOCK_SH) }
            state.open.insert(issue)
        }
    }

    /// After it was recorded as closed, or was not opened.
    func end(_ issue: IssueID) {
        state.withLock { state in
            state.open.remove(issue)
            guard state.open.isEmpty, let descriptor = state.descriptor else { return }
            close(descriptor)
            state.descriptor = nil
        }
    }

    /// Runs the work while nobody lets anything out; not at all where somebody does.
    func whileAlone(_ body: () throws -> Void) throws {
        try state.withLock { state in
            guard state.open.isEmpty, let descriptor = try? lock(LOCK_EX | LOCK_NB) else { return }
            defer { close(descriptor) }
            try body()
        }
    }

    private func lock(_ kind: Int32) throws -> Int32 {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemCallError("open") }
        while flock(descriptor, kind) != 0 {
            guard errno == EINTR else {
                close(descriptor)
                throw SystemCallError("flock")
            }
        }
        return descriptor
    }
}
