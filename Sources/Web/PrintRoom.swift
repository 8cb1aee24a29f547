import Custody
import Dispatch
import Glibc
import Papers
import Records
import Synchronization

// Prints of people who are signed in. One PDF is made at a time, on a thread of its own, with the keys of who asked for it;
// it is kept in memory until its session ends, another is asked for, or a quarter of an hour has passed.

/// What became of a print that a session asked for.
enum PrintState: Sendable {
    /// A page that a browser prints.
    case page(ChronologyPrint)
    /// Being made, or waiting for another to be done.
    case working(ChronologyPrint, PrintProgress)
    /// Ready to be taken.
    case ready(ChronologyPrint, FinishedPaper)
    /// Not made, and why.
    case failed(ChronologyPrint, PrintFailure)
}

/// How far a print is.
struct PrintProgress: Sendable {
    /// How many lines are set.
    var lines = 0
    /// When it was begun; nil while it waits.
    var began: MonotonicTime?
    /// Whether another print was being made when this one was asked for.
    var isBehind = false
}

/// Why a print was not made.
enum PrintFailure: Sendable {
    case vault(VaultError)
    case paper(PaperError)
    case stopped
}

/// A PDF that several requests may read.
final class FinishedPaper: Sendable {
    let paper: Paper
    let made: MonotonicTime

    init(_ paper: consuming Paper, at made: MonotonicTime) {
        self.paper = paper
        self.made = made
    }
}

/// The prints of all sessions: at most one of each.
final class PrintRoom: Sendable {
    /// Holds nobody's keys: those are with the work alone.
    private struct Job {
        let session: SessionWatch
        var state: PrintState
    }

    private let vault: Vault
    private let printer: ChronologyPrinter
    private let clock: any Records.Clock
    private let jobs = Mutex<[SessionID: Job]>([:])
    private let press = DispatchQueue(label: "strongroom.print")

    /// For how many seconds a finished PDF is kept.
    static let keptSeconds: UInt64 = 900

    init(vault: Vault, printer: ChronologyPrinter, clock: any Records.Clock) {
        self.vault = vault
        self.printer = printer
        self.clock = clock
    }

    /// What a session's print has become; nil where it has none.
    func state(for session: SessionID) -> PrintState? { jobs.withLock { $0[session]?.state } }

    /// Keeps what a page to print shows, instead of what the session printed before.
    func keep(_ print: ChronologyPrint, by acting: Acting) {
        jobs.withLock { $0[acting.session] = Job(session: acting.watch, state: .page(print)) }
    }

    /// Has a PDF made, instead of what the session printed before.
    func make(_ print: ChronologyPrint, by acting: Acting) {
        jobs.withLock { jobs in
            jobs[acting.session] = nil
            let isBehind = jobs.values.contains { if case .working = $0.state { true } else { false } }
            jobs[acting.session] = Job(
                session: acting.watch, state: .working(print, PrintProgress(isBehind: isBehind)))
        }
        press.async { [self] in work(on: print, acting) }
    }

    /// Stops a session's print, and forgets it.
    func stop(for session: SessionID) { jobs.withLock { _ = $0.removeValue(forKey: session) } }

    /// Forgets the prints of sessions that have ended, and PDFs that nobody took.
    func sweep() {
        let now = clock.monotonic()
        jobs.withLock { jobs in
            jobs = jobs.filter { _, job in
                guard !job.session.isOver else { return false }
                if case .ready(_, let finished) = job.state {
                    return now.nanoseconds(since: finished.made) < Self.keptSeconds * 1_000_000_000
                }
                return true
            }
        }
    }

    private func work(on print: ChronologyPrint, _ acting: Acting) {
        let began = clock.monotonic()
        do {
            let paper = try printer.pdf(of: print, by: acting) { lines in
                set(.working(print, PrintProgress(lines: lines, began: began)), of: print, acting)
            }
            set(.ready(print, FinishedPaper(paper, at: clock.monotonic())), of: print, acting)
        } catch let error as VaultError {
            set(.failed(print, .vault(error)), of: print, acting)
        } catch let error as PaperError {
            set(.failed(print, .paper(error)), of: print, acting)
        } catch {
            set(.failed(print, .stopped), of: print, acting)
        }
    }

    /// Notes how a print stands; false where it is wanted no more.
    @discardableResult
    private func set(_ state: PrintState, of print: ChronologyPrint, _ acting: Acting) -> Bool {
        let goesOn = !acting.watch.isOver && vault.ended(acting) == nil
        return jobs.withLock { jobs in
            guard case .working(let wanted, _) = jobs[acting.session]?.state, wanted.id == print.id else {
                return false
            }
            guard goesOn else {
                jobs[acting.session] = nil
                return false
            }
            jobs[acting.session]?.state = state
            return true
        }
    }
}
