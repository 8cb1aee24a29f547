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

/// The one clock, injected.
public protocol Clock: Sendable {
    /// Now, by the server's own clock.
    func now() -> Timestamp
    /// Nanoseconds on the monotonic clock, for idle time and lifetimes.
    func monotonicNanoseconds() -> UInt64
}

/// The machine's clock.
public struct SystemClock: Clock {
    /// The machine's clock.
    public init() {}

    /// Now, by CLOCK_REALTIME.
    public func now() -> Timestamp {
        Timestamp(milliseconds: Int64((Date().timeIntervalSince1970 * 1000).rounded(.down)))
    }

    /// CLOCK_MONOTONIC in nanoseconds.
    public func monotonicNanoseconds() -> UInt64 { DispatchTime.now().uptimeNanoseconds }
}
