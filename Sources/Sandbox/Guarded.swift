import Glibc

/// A state under a lock, and threads that wait for it to change.
///
/// `Mutex` has no waiting. Unchecked: `state` is touched only between lock and unlock of `mutex`.
final class Guarded<State>: @unchecked Sendable {
    private var state: State
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init(_ state: State) {
        self.state = state
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        changed.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(changed)
        changed.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Changes the state, and wakes whoever waits for that.
    func change<R>(_ body: (inout State) -> R) -> R {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(mutex)
        }
        return body(&state)
    }

    /// Waits until `body` gives something; nil after the seconds have passed. The last look is after the deadline.
    func wait<R>(seconds: Double?, _ body: (inout State) -> R?) -> R? {
        let deadline = seconds.map { Deadline(seconds: $0) }
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&state) {
                pthread_cond_broadcast(changed)
                return result
            }
            guard let deadline else {
                pthread_cond_wait(changed, mutex)
                continue
            }
            var time = deadline.time
            if pthread_cond_timedwait(changed, mutex, &time) == ETIMEDOUT {
                let result = body(&state)
                pthread_cond_broadcast(changed)
                return result
            }
        }
    }
}

/// A moment on the monotonic clock.
struct Deadline: Sendable, Comparable {
    let time: timespec

    static func < (one: Deadline, other: Deadline) -> Bool {
        (one.time.tv_sec, one.time.tv_nsec) < (other.time.tv_sec, other.time.tv_nsec)
    }

    static func == (one: Deadline, other: Deadline) -> Bool {
        (one.time.tv_sec, one.time.tv_nsec) == (other.time.tv_sec, other.time.tv_nsec)
    }

    init(seconds: Double) {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let whole = Int(seconds)
        let nanoseconds = now.tv_nsec + Int((seconds - Double(whole)) * 1_000_000_000)
        time = timespec(tv_sec: now.tv_sec + whole + nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
    }

    /// Waits until a descriptor has something to read or is at its end; false where the moment came first.
    func waits(forReading descriptor: Int32) -> Bool {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while true {
            let ready = poll(&waiting, 1, milliseconds)
            if ready < 0 && errno == EINTR { continue }
            return ready > 0
        }
    }

    /// Whether the moment came.
    var hasPassed: Bool { milliseconds == 0 }

    /// What is left, in milliseconds, for `poll`; 0 when it has passed.
    private var milliseconds: Int32 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let left = (time.tv_sec - now.tv_sec) * 1000 + (time.tv_nsec - now.tv_nsec) / 1_000_000
        return Int32(clamping: max(0, left))
    }
}
