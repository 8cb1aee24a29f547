/// The inspectors of one server: so many at work at once, and one more started ahead, so that no document waits for a
/// new one after one was thrown away. Starting one takes 20 ms, looking at a letter a quarter of one.
final class Workers: Sendable {
    private struct State {
        var idle: [Worker] = []
        var busy = 0
        /// Whether a thread of its own is starting one.
        var isStarting = false
        var isClosed = false
        /// A number, for holding the worker itself would keep it from ending when it is thrown away.
        var lastProcess: Int32?
    }

    private let start: @Sendable () throws(SandboxError) -> Worker
    private let most: Int
    private let state: Guarded<State>

    /// Starts the first worker.
    init(most: Int, _ start: @escaping @Sendable () throws(SandboxError) -> Worker) throws(SandboxError) {
        self.start = start
        self.most = max(1, most)
        let first = try start()
        state = Guarded(State(idle: [first], lastProcess: first.process))
    }

    /// A worker for one document; waits where as many as may are at work. Throws `unavailable`.
    func take() throws(SandboxError) -> Worker {
        enum Turn {
            case closed
            case use(Worker)
            case start
        }
        let turn = state.wait(seconds: nil) { state -> Turn? in
            if state.isClosed { return .closed }
            guard state.busy < most else { return nil }
            if let worker = state.idle.popLast() {
                state.busy += 1
                state.lastProcess = worker.process
                return .use(worker)
            }
            guard !state.isStarting else { return nil }
            state.busy += 1
            return .start
        }
        switch turn {
        case .closed, nil: throw .unavailable(reason: "the inspector was shut down")
        case .use(let worker):
            startAhead()
            return worker
        case .start:
            do throws(SandboxError) {
                let worker = try start()
                state.change { $0.lastProcess = worker.process }
                return worker
            } catch {
                giveBack(nil)
                throw error
            }
        }
    }

    /// Gives a worker back for the next document, or, with nil, only its place.
    func giveBack(_ worker: Worker?) {
        state.change { state in
            state.busy -= 1
            if let worker, !state.isClosed { state.idle.append(worker) }
        }
        if worker == nil { startAhead() }
    }

    /// Ends them all. Taking one throws from now on.
    func close() {
        state.change { state in
            state.isClosed = true
            state.idle = []
        }
    }

    /// How many are at work, and how many wait for a document.
    var now: (busy: Int, ready: Int) { state.change { ($0.busy, $0.idle.count) } }

    /// Whether there is one, or one is being started.
    var isAtWork: Bool { state.change { !$0.isClosed && ($0.busy > 0 || !$0.idle.isEmpty || $0.isStarting) } }

    /// bubblewrap's process of the one that was taken last.
    var lastProcess: Int32? { state.change { $0.lastProcess } }

    /// bubblewrap's processes of those that wait for a document.
    var idleProcesses: [Int32] { state.change { $0.idle.compactMap(\.process) } }

    /// Has a thread start a worker where none is ready, or, at rest, none besides the next document's. Where it fails,
    /// the next document says why.
    private func startAhead() {
        let isWanted = state.change { state in
            guard !state.isClosed, !state.isStarting, state.idle.count < (state.busy == 0 ? 2 : 1) else { return false }
            state.isStarting = true
            return true
        }
        guard isWanted else { return }
        let hasThread = startThread { [state, start] in
            let worker = try? start()
            state.change { state in
                state.isStarting = false
                if let worker, !state.isClosed { state.idle.append(worker) }
            }
        }
        if !hasThread { state.change { $0.isStarting = false } }
    }
}
