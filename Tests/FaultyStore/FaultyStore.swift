import Foundation
public import Storing
import Synchronization

/// A store that stands before another and fails at places that a seed chooses. It never lies in its answers: whoever is told
/// that something is stored, has it; and who is told of an error does not know.
public final class FaultyStore: BlobStore {
    /// What may go wrong with a call.
    public enum Fault: String, CaseIterable, Sendable {
        /// It fails before anything happened.
        case before
        /// It happens, and the answer is lost.
        case after
        /// It happens twice, as when a request is repeated on its way.
        case twice
        /// What is sent, or what comes back, ends in the middle.
        case cut
        /// It takes a moment.
        case late
    }

    private struct State {
        var random: Seeded
        var faults: [Fault: Int] = [:]
        var calls = 0
    }

    private let base: any BlobStore
    private let share: Double
    private let kinds: [Fault]
    private let state: Mutex<State>

    /// What the place is called.
    public var place: String { base.place }

    /// Fails the given share of all calls, in one of these ways each.
    public init(before base: any BlobStore, seed: UInt64, share: Double, kinds: [Fault] = Fault.allCases) {
        self.base = base
        self.share = share
        self.kinds = kinds
        state = Mutex(State(random: Seeded(seed)))
    }

    /// How often each thing went wrong so far.
    public var faults: [Fault: Int] { state.withLock { $0.faults } }

    /// How many calls there were.
    public var calls: Int { state.withLock { $0.calls } }

    /// Stores an object that never changes.
    public func put(_ name: ObjectName, _ source: ObjectSource) throws(StoreError) {
        let fault = next()
        if fault == .cut, source.size > 0 { return try base.put(name, source.failing(at: source.size / 2)) }
        try act(fault) { () throws(StoreError) in try base.put(name, source) }
    }

    /// Stores a small object over another.
    public func replace(_ name: ObjectName, with bytes: [UInt8]) throws(StoreError) {
        try act(next()) { () throws(StoreError) in try base.replace(name, with: bytes) }
    }

    /// One piece of an object.
    public func piece(
        of name: ObjectName, at offset: UInt64, count: Int, version: ObjectVersion?
    ) throws(StoreError) -> Piece {
        let fault = next()
        let piece = try act(fault) { () throws(StoreError) in
            try base.piece(of: name, at: offset, count: count, version: version)
        }
        guard fault == .cut, !piece.bytes.isEmpty else { return piece }
        return Piece(bytes: Array(piece.bytes.dropLast()), size: piece.size, version: piece.version)
    }

    /// The objects whose names begin so.
    public func list(_ prefix: String) throws(StoreError) -> [StoredObject] {
        try act(next()) { () throws(StoreError) in try base.list(prefix) }
    }

    /// Removes an object.
    public func delete(_ name: ObjectName) throws(StoreError) {
        try act(next()) { () throws(StoreError) in try base.delete(name) }
    }

    /// The bytes of an object.
    public func size(of name: ObjectName) throws(StoreError) -> UInt64 {
        try act(next()) { () throws(StoreError) in try base.size(of: name) }
    }

    private func next() -> Fault? {
        state.withLock { state in
            state.calls += 1
            guard !kinds.isEmpty, Double.random(in: 0..<1, using: &state.random) < share else { return nil }
            let fault = kinds[Int.random(in: 0..<kinds.count, using: &state.random)]
            state.faults[fault, default: 0] += 1
            return fault
        }
    }

    private func act<Result>(
        _ fault: Fault?, _ body: () throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        switch fault {
        case .before: throw .unreachable
        case .after:
            _ = try body()
            throw .unreachable
        case .twice:
            _ = try body()
            return try body()
        case .late:
            usleep(2000)
            return try body()
        case .cut, nil: return try body()
        }
    }
}

/// A small generator whose numbers follow from its seed (SplitMix64).
public struct Seeded: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// The same numbers for the same seed.
    public init(_ seed: UInt64) { state = seed }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
