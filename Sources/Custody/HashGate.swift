import Foundation
import Records
import Synchronization

/// Bounds how many passwords are hashed at once, so that a burst of sign-ins cannot exhaust memory.
final class HashGate: Sendable {
    private let places: DispatchSemaphore
    private let inside = Mutex(0)
    private let most: Int

    init(atOnce: Int, waiting: Int) {
        places = DispatchSemaphore(value: atOnce)
        most = atOnce + waiting
    }

    /// Runs the work when there is a place; `VaultError.busy` where too many wait already.
    func run<Result: ~Copyable>(_ body: () throws -> Result) throws -> Result {
        let admitted = inside.withLock { inside in
            guard inside < most else { return false }
            inside += 1
            return true
        }
        guard admitted else { throw VaultError.busy }
        defer { inside.withLock { $0 -= 1 } }
        places.wait()
        defer { places.signal() }
        return try body()
    }
}

/// Counts failed sign-ins: slows an account after too many, and gathers them for the ledger.
final class SignInFailures: Sendable {
    private struct Account {
        var person: PersonID?
        var recent: [UInt64] = []
        var unsaid: UInt64 = 0
        var said: UInt64?
    }

    private struct State {
        var accounts: [[UInt8]: Account] = [:]
        /// When failures of names that are nobody's were last said.
        var strangersSaid: UInt64?
    }

    private let state = Mutex(State())
    /// Names tried lately, known or not, from which on those that are over are forgotten.
    private static let most = 10_000
    private let allowed: Int
    private static let window: UInt64 = 300_000_000_000
    private static let quiet: UInt64 = 60_000_000_000

    init(allowed: Int) { self.allowed = allowed }

    /// Seconds to wait, where a name had too many failures in five minutes; one more try is let in every 15 seconds.
    /// A name that is nobody's is slowed like any other.
    func wait(_ name: [UInt8], now: UInt64) -> Int? {
        state.withLock { state in
            guard let account = state.accounts[name] else { return nil }
            let recent = account.recent.filter { now - $0 < Self.window }
            guard recent.count >= allowed, let last = recent.last, now - last < 15_000_000_000 else { return nil }
            return 15 - Int((now - last) / 1_000_000_000)
        }
    }

    func failed(_ name: [UInt8], _ person: PersonID?, now: UInt64) {
        state.withLock { state in
            if state.accounts.count >= Self.most {
                state.accounts = state.accounts.filter { _, account in
                    account.unsaid > 0 || account.recent.contains { now - $0 < Self.window }
                }
            }
            // Each failure costs a hash, so as many names as this cannot come within five minutes.
            var account = state.accounts[name] ?? Account(person: person)
            account.recent = account.recent.filter { now - $0 < Self.window }.suffix(allowed) + [now]
            account.unsaid += 1
            state.accounts[name] = account
        }
    }

    /// Failures that are due to be said: at most once a minute for an account.
    func due(now: UInt64, force: Bool) -> [(PersonID?, UInt64)] {
        state.withLock { state in
            var due: [PersonID?: UInt64] = [:]
            for (name, account) in state.accounts where account.unsaid > 0 {
                // Names that are nobody's are said together, so that a stranger cannot fill the ledger with them.
                if !force, let said = account.person == nil ? state.strangersSaid : account.said,
                    now - said < Self.quiet
                {
                    continue
                }
                due[account.person, default: 0] += account.unsaid
                state.accounts[name]?.unsaid = 0
                state.accounts[name]?.said = now
            }
            if due[nil] != nil { state.strangersSaid = now }
            return due.map { ($0.key, $0.value) }
        }
    }
}
