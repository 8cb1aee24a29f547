import Dispatch
import Foundation
import Synchronization

/// A few threads on which requests run, since the vault's calls block on disk.
///
/// NIO's threads and Swift's own pool (two threads on two cores) stay free for the network. The executor must outlive
/// every task that prefers it: the site holds it, and the server holds the site.
final class BlockingThreads: TaskExecutor {
    private struct Job {
        let job: UnownedJob
        let executor: UnownedTaskExecutor
    }

    private final class Line: Sendable {
        let jobs = Mutex<(waiting: [Job], next: Int, closed: Bool)>(([], 0, false))
        let ready = DispatchSemaphore(value: 0)

        func take() -> Job? {
            jobs.withLock { jobs in
                guard jobs.next < jobs.waiting.count else { return nil }
                let job = jobs.waiting[jobs.next]
                jobs.next += 1
                if jobs.next == jobs.waiting.count {
                    jobs.waiting.removeAll(keepingCapacity: true)
                    jobs.next = 0
                }
                return job
            }
        }

        var isClosed: Bool { jobs.withLock { $0.closed } }
    }

    private let line = Line()
    private let count: Int

    init(count: Int) {
        self.count = count
        for number in 1...count {
            let line = line
            let thread = Thread {
                while true {
                    line.ready.wait()
                    if let job = line.take() {
                        job.job.runSynchronously(on: job.executor)
                    } else if line.isClosed {
                        return
                    }
                }
            }
            thread.name = "web-\(number)"
            thread.stackSize = 2 << 20
            thread.start()
        }
    }

    deinit {
        line.jobs.withLock { $0.closed = true }
        for _ in 0..<count { line.ready.signal() }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = Job(job: UnownedJob(job), executor: asUnownedTaskExecutor())
        line.jobs.withLock { $0.waiting.append(job) }
        line.ready.signal()
    }
}
