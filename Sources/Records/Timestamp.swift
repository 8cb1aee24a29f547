import Dispatch
public import Foundation

/// An instant on the server's clock: milliseconds since 1970, UTC.
public struct Timestamp: Hashable, Sendable, Comparable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public let milliseconds: Int64

    /// So many milliseconds since 1970.
    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Earlier is less.
    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }

    /// As Foundation's date.
    public var date: Date { Date(timeIntervalSince1970: Double(milliseconds) / 1000) }

    /// `2026-11-23T09:30:00.000Z`.
    public var iso8601: String {
        date.formatted(
            .iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(separator: .omitted))
    }

    /// Whole milliseconds that have passed since an earlier instant.
    public func milliseconds(since earlier: Timestamp) -> Int64 { milliseconds - earlier.milliseconds }
}

/// An instant on the monotonic clock, which nobody sets: for idle time, lifetimes and pauses.
///
/// Two threads read the clock and then take turns, so the instant that somebody noted may well be later than one's own.
/// There is no subtraction that could trap on that: what is later than now was no time ago.
public struct MonotonicTime: Hashable, Sendable, Comparable {
    /// Nanoseconds since some fixed moment.
    public let nanoseconds: UInt64

    /// So many nanoseconds since some fixed moment.
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// Nanoseconds that have passed since another instant; 0 for one that is later than this.
    public func nanoseconds(since earlier: MonotonicTime) -> UInt64 {
        nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0
    }

    /// Earlier is less.
    public static func < (left: MonotonicTime, right: MonotonicTime) -> Bool { left.nanoseconds < right.nanoseconds }
}

/// The one clock, injected.
public protocol Clock: Sendable {
    /// Now, by the server's own clock.
    func now() -> Timestamp
    /// Now, by the monotonic clock.
    func monotonic() -> MonotonicTime
}

/// The machine's clock.
public struct SystemClock: Clock {
    /// The machine's clock.
    public init() {}

    /// Now, by CLOCK_REALTIME.
    public func now() -> Timestamp {
        Timestamp(milliseconds: Int64((Date().timeIntervalSince1970 * 1000).rounded(.down)))
    }

    /// Now, by CLOCK_MONOTONIC.
    public func monotonic() -> MonotonicTime { MonotonicTime(nanoseconds: DispatchTime.now().uptimeNanoseconds) }
}
