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

    /// How many are hashed or wait for it, and the most that may.
    var load: (inside: Int, most: Int) { (inside.withLock { $0 }, most) }

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

/// Where a sign-in is tried from, as far as it can be told: so that who guesses at an account does not keep its owner out.
public enum SignInOrigin: Hashable, Sendable {
    /// A browser in which this person has signed in before: it holds a token that says so.
    case known(device: [UInt8])
    /// Another browser, by its address; empty where that is not known.
    case address(String)
    /// The command line on the server's own machine.
    case console
}

/// Counts failed sign-ins: slows an account after too many, and gathers them for the ledger.
///
/// Each origin of an account is slowed by its own failures. All origins that are not known share a second, larger measure,
/// so that many addresses together guess no faster than ten; a known browser is outside it. So guessing at an account, from
/// however many places, keeps nobody out who signs in where they did before.
final class SignInFailures: Sendable {
    private struct Account {
        var person: PersonID?
        var recent: [SignInOrigin: [MonotonicTime]] = [:]
        var unsaid: UInt64 = 0
        var said: MonotonicTime?
    }

    private struct State {
        var accounts: [[UInt8]: Account] = [:]
        /// When failures of names that are nobody's were last said.
        var strangersSaid: MonotonicTime?
    }

    private let state = Mutex(State())
    /// Names tried lately, known or not, from which on those that are over are forgotten.
    private static let most = 10_000
    /// How many origins' worth of failures an account takes from origins that are not known, before all of them are slowed.
    private static let strangers = 10
    private let allowed: Int
    private static let window: UInt64 = 300_000_000_000
    private static let pause: UInt64 = 15_000_000_000
    private static let quiet: UInt64 = 60_000_000_000

    init(allowed: Int) { self.allowed = allowed }

    /// Seconds to wait, where a name had too many failures in five minutes from here; one more try is let in every 15
    /// seconds. A name that is nobody's is slowed like any other.
    func wait(_ name: [UInt8], from origin: SignInOrigin, now: MonotonicTime) -> Int? {
        state.withLock { state in
            guard let account = state.accounts[name] else { return nil }
            func left(_ failures: [MonotonicTime], _ allowed: Int) -> Int? {
                let recent = failures.filter { now.nanoseconds(since: $0) < Self.window }
                guard recent.count >= allowed, let last = recent.max(), now.nanoseconds(since: last) < Self.pause else {
                    return nil
                }
                return Int((Self.pause - now.nanoseconds(since: last) + 999_999_999) / 1_000_000_000)
            }
            if let seconds = left(account.recent[origin] ?? [], allowed) { return seconds }
            if case .known = origin { return nil }
            let others = account.recent.filter { if case .known = $0.key { false } else { true } }
            return left(others.values.flatMap { $0 }, allowed * Self.strangers)
        }
    }

    func failed(_ name: [UInt8], _ person: PersonID?, from origin: SignInOrigin, now: MonotonicTime) {
        state.withLock { state in
            if state.accounts.count >= Self.most {
                state.accounts = state.accounts.filter { _, account in
                    account.unsaid > 0
                        || account.recent.values.contains { $0.contains { now.nanoseconds(since: $0) < Self.window } }
                }
            }
            // Each failure costs a hash, so as many names, or origins, as this cannot come within five minutes.
            var account = state.accounts[name] ?? Account(person: person)
            account.recent = account.recent.compactMapValues { failures in
                let recent = failures.filter { now.nanoseconds(since: $0) < Self.window }
                return recent.isEmpty ? nil : recent
            }
            account.recent[origin] = (account.recent[origin] ?? []).suffix(allowed - 1) + [now]
            account.unsaid += 1
            state.accounts[name] = account
        }
    }

    /// Failures that are due to be said: at most once a minute for an account.
    func due(now: MonotonicTime, force: Bool) -> [(PersonID?, UInt64)] {
        state.withLock { state in
            var due: [PersonID?: UInt64] = [:]
            for (name, account) in state.accounts where account.unsaid > 0 {
                // Names that are nobody's are said together, so that a stranger cannot fill the ledger with them.
                if !force, let said = account.person == nil ? state.strangersSaid : account.said,
                    now.nanoseconds(since: said) < Self.quiet
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
