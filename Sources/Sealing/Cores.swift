import Dispatch
import Glibc
import Synchronization

/// Splitting work of equal pieces over the machine's cores, where it pays.
package enum Cores {
    // Two are split for even on larger machines: a server has other people's requests for the rest.
    private static let several = sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1

    /// Runs the body over all indices, in two halves at once when there are at least `least`; returns when both ended.
    static func forEachPart(of count: Int, from least: Int, _ body: @Sendable (Range<Int>) -> Void) {
        guard count >= least, several else { return body(0..<count) }
        DispatchQueue.concurrentPerform(iterations: 2) { half in
            body(half == 0 ? 0..<count / 2 : count / 2..<count)
        }
    }
}

extension Cores {
    /// What the body gives for each index, in order, worked out in two halves at once when there are at least `least`.
    ///
    /// Throws what it threw first in the lower half that threw.
    package static func map<Value: Sendable>(
        _ count: Int, from least: Int, _ body: @Sendable (Int) throws -> Value
    ) throws -> [Value] {
        let parts = Mutex<[(start: Int, values: Result<[Value], any Error>)]>([])
        forEachPart(of: count, from: least) { part in
            let values = Result { try part.map(body) }
            parts.withLock { $0.append((part.lowerBound, values)) }
        }
        return try parts.withLock { $0 }.sorted { $0.start < $1.start }.flatMap { try $0.values.get() }
    }
}

/// The lowest index noted, by any of two threads.
final class FirstBad: Sendable {
    private let lowest = Atomic<Int>(Int.max)

    func note(_ index: Int) {
        lowest.min(index, ordering: .relaxed)
    }

    var index: Int? {
        let value = lowest.load(ordering: .acquiring)
        return value == Int.max ? nil : value
    }
}
