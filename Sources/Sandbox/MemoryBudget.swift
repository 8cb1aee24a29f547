/// How many bytes of memory files there may be at once; a thread that asks for more waits for its turn.
///
/// Served in the order of asking, so that a large document is not starved by small ones. Ask once for all that one
/// document may need: asking again while holding could have two holders wait for each other.
public final class MemoryBudget: Sendable {
    private struct State {
        var free: UInt64
        var nextTicket: UInt64 = 0
        var queue: [UInt64] = []
    }

    /// All the bytes there are to give.
    public let bytes: UInt64
    private let state: Guarded<State>

    /// A budget of so many bytes.
    public init(bytes: UInt64) {
        self.bytes = bytes
        self.state = Guarded(State(free: bytes))
    }

    /// The bytes that nobody holds.
    public var free: UInt64 { state.change { $0.free } }

    /// How many wait for their turn.
    public var waiting: Int { state.change { $0.queue.count } }

    /// Bytes held; given back when dropped.
    public struct Hold: ~Copyable, Sendable {
        /// How many bytes are held.
        public private(set) var bytes: UInt64
        private let budget: MemoryBudget

        fileprivate init(_ bytes: UInt64, of budget: MemoryBudget) {
            self.bytes = bytes
            self.budget = budget
        }

        deinit { budget.giveBack(bytes) }

        /// Gives back what turned out not to be needed.
        public mutating func reduce(to smaller: UInt64) {
            guard smaller < bytes else { return }
            budget.giveBack(bytes - smaller)
            bytes = smaller
        }
    }

    /// Takes bytes at once, or nil where that would need waiting or would leave less than so many bytes free.
    public func tryAcquire(_ wanted: UInt64, leaving rest: UInt64 = 0) -> Hold? {
        let taken = state.change { state in
            guard state.queue.isEmpty, rest <= state.free, wanted <= state.free - rest else { return false }
            state.free -= wanted
            return true
        }
        return taken ? Hold(wanted, of: self) : nil
    }

    /// Takes bytes, blocking this thread until they are free. Throws `tooLarge` where the whole budget would not do, and
    /// `timedOut` when the seconds have passed.
    public func acquire(_ wanted: UInt64, waitingAtMost seconds: Double? = nil) throws(SandboxError) -> Hold {
        guard wanted <= bytes else { throw .tooLarge }
        let ticket = state.change { state in
            state.nextTicket += 1
            state.queue.append(state.nextTicket)
            return state.nextTicket
        }
        let taken: Bool? = state.wait(seconds: seconds) { state in
            guard state.queue.first == ticket, wanted <= state.free else { return nil }
            state.queue.removeFirst()
            state.free -= wanted
            return true
        }
        guard taken != nil else {
            state.change { state in state.queue.removeAll { $0 == ticket } }
            throw .timedOut
        }
        return Hold(wanted, of: self)
    }

    private func giveBack(_ returned: UInt64) { state.change { $0.free += returned } }
}
