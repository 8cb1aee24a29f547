import Dispatch
import Sealing
import Synchronization

/// The two lanes of an `Inflow`: what comes is gathered into rooms, and one that is full goes to both lanes while the next
/// is filled. Forgotten, it waits for what is on its way, so that nothing is written once it is gone.
struct InflowLanes: ~Copyable {
    /// What the plaintext goes to.
    struct Plain: ~Copyable {
        var hasher: SHA256Hasher
        var copy: InspectionCopy?
    }

    /// What the payload goes to.
    struct Sealed: ~Copyable {
        var envelope: EnvelopeWriter
        var file: BlobWriter

        /// Seals the last chunk and makes the payload durable.
        consuming func finish() throws -> (file: StagedFile, length: UInt64, digest: Digest) {
            var file = file
            try envelope.finish { try file.append($0) }
            return try file.finish()
        }
    }

    /// Both, of an upload that is all here.
    struct Ended: ~Copyable {
        var plain: Plain
        var sealed: Sealed
    }

    private let plain: Lane<Plain>
    private let sealed: Lane<Sealed>
    private var rooms: [Room] = []
    /// Bytes of each room: no more than are expected.
    private let roomSize: Int
    /// The room that is being filled, and how far it is.
    private var current = 0
    private var filled = 0

    /// 512 KiB, so that what a thread costs to wake is little beside it, and eight uploads at once take 12 MiB.
    private static let roomSize = 8 * Envelope.chunkSize
    /// One is filled while each lane has one.
    private static let roomCount = 3

    init(_ plain: consuming Plain, _ sealed: consuming Sealed, expecting expected: UInt64) {
        roomSize = Int(max(1, min(expected, UInt64(Self.roomSize))))
        self.plain = Lane(plain) { plain, bytes in
            plain.hasher.update(bytes)
            try plain.copy?.append(bytes)
        }
        self.sealed = Lane(sealed) { sealed, bytes in
            // Apart, since the sink changes one while the other is used.
            try Self.seal(bytes, &sealed.envelope, &sealed.file)
        }
    }

    deinit {
        plain.wait()
        sealed.wait()
    }

    private static func seal(
        _ bytes: UnsafeRawBufferPointer, _ envelope: inout EnvelopeWriter, _ file: inout BlobWriter
    ) throws {
        try envelope.write(bytes) { sealed in try file.append(sealed) }
    }

    /// Takes bytes; they are the caller's again on return.
    mutating func append(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while !rest.isEmpty {
            if rooms.count == current { rooms.append(Room(count: roomSize)) }
            let room = rooms[current]
            if filled == 0 { room.users.wait() }
            let taken = UnsafeRawBufferPointer(rebasing: rest.prefix(roomSize - filled))
            UnsafeMutableRawBufferPointer(rebasing: room.buffer.bytes[filled...]).copyMemory(from: taken)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(taken.count))
            filled += taken.count
            guard filled == roomSize else { continue }
            try plain.take(room)
            try sealed.take(room)
            current = (current + 1) % Self.roomCount
            filled = 0
        }
    }

    /// Lends the sealing lane when all that was taken has gone through.
    mutating func withSealed<Value>(_ body: (inout Sealed) throws -> Value) throws -> Value {
        try settle()
        return try sealed.withState(body)
    }

    /// Ends both lanes when all that was taken has gone through.
    mutating func end() throws -> Ended {
        try settle()
        return Ended(plain: plain.end(), sealed: sealed.end())
    }

    /// Waits for the lanes; what is in no full room yet goes through them here: of a small document that is all.
    private mutating func settle() throws {
        try plain.check()
        try sealed.check()
        guard filled > 0 else { return }
        let rest = UnsafeRawBufferPointer(rebasing: rooms[current].buffer.bytes[..<filled])
        filled = 0
        try plain.take(rest)
        try sealed.take(rest)
    }
}

/// Room for what comes next; wiped when it goes.
private final class Room: Sendable {
    let buffer: WipedBuffer
    /// Those that have not let go of its bytes.
    let users = DispatchGroup()

    init(count: Int) { buffer = WipedBuffer(count: count) }
}

/// One kind of work on bytes, in their order, on a thread of its own. After a failure nothing more is done.
private final class Lane<State: ~Copyable & Sendable>: Sendable {
    private let queue = DispatchQueue(label: "strongroom.inflow")
    private let state: Mutex<State?>
    private let failure = Mutex<(any Error)?>(nil)
    private let work: @Sendable (inout State, UnsafeRawBufferPointer) throws -> Void

    init(
        _ state: consuming State, _ work: @escaping @Sendable (inout State, UnsafeRawBufferPointer) throws -> Void
    ) {
        self.state = Mutex(consume state)
        self.work = work
    }

    /// Takes a full room, and returns before its bytes are worked on.
    func take(_ room: Room) throws {
        try throwFailure()
        queue.async(group: room.users) { self.run(UnsafeRawBufferPointer(room.buffer.bytes)) }
    }

    /// Works on bytes here; nothing may be on its way.
    func take(_ bytes: UnsafeRawBufferPointer) throws {
        run(bytes)
        try throwFailure()
    }

    /// Waits for what is on its way.
    func wait() { queue.sync {} }

    /// Waits for what is on its way; throws what went wrong.
    func check() throws {
        wait()
        try throwFailure()
    }

    func withState<Value>(_ body: (inout State) throws -> Value) throws -> Value {
        try state.withLock { try body(&$0!) }
    }

    /// The state, once nothing more is taken.
    func end() -> State { state.withLock { $0.take()! } }

    private func run(_ bytes: UnsafeRawBufferPointer) {
        guard failure.withLock({ $0 == nil }) else { return }
        do { try withState { try work(&$0, bytes) } } catch { failure.withLock { $0 = error } }
    }

    private func throwFailure() throws {
        if let error = failure.withLock({ $0 }) { throw error }
    }
}
