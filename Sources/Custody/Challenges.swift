import Records
import Sealing
import Synchronization

/// The challenges that passkeys sign: each 32 bytes, bound to the form or session it was made for, good once and for five
/// minutes.
///
/// A challenge carries when it was made and a keyed hash that only this process can make, so that asking for one costs no
/// memory; only those that were used are remembered, until their time is over. A restart voids all.
final class Challenges: Sendable {
    /// For how long one counts, in nanoseconds.
    static let counts: UInt64 = 300_000_000_000

    private static let label = Array("strongroom/v1/challenge\n".utf8)
    private let key: TagKey
    private let clock: any Clock
    private let used = Mutex<[[UInt8]: MonotonicTime]>([:])

    init(clock: any Clock) throws {
        key = try TagKey.random()
        self.clock = clock
    }

    /// A fresh one: the time (8 bytes), random bytes (8), a keyed hash over both and the binding (16).
    func make(for binding: [UInt8]) -> [UInt8] {
        let now = clock.monotonic().nanoseconds
        let front = (0..<8).reversed().map { UInt8(truncatingIfNeeded: now >> (8 * $0)) } + Randomness.bytes(8)
        return front + mark(front, binding)
    }

    /// Whether a challenge was made here for this binding, counts still, and was not used; it is used by this.
    func use(_ challenge: [UInt8], for binding: [UInt8]) -> Bool {
        guard challenge.count == 32 else { return false }
        let (front, given) = (Array(challenge.prefix(16)), Array(challenge.suffix(16)))
        guard equalInConstantTime(given, mark(front, binding)) else { return false }
        let now = clock.monotonic()
        let made = MonotonicTime(nanoseconds: front.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
        guard now.nanoseconds(since: made) < Self.counts else { return false }
        return used.withLock { used in
            used = used.filter { now.nanoseconds(since: $0.value) < Self.counts }
            return used.updateValue(made, forKey: challenge) == nil
        }
    }

    private func mark(_ front: [UInt8], _ binding: [UInt8]) -> [UInt8] {
        Array(KeyedHash.tag(Self.label + front + binding, key: key).prefix(16))
    }
}
