import CLinux
import FoundationEssentials
import Glibc
package import Inspection

// What server and inspector say to each other over a stream socket: four bytes of length, big-endian, then JSON. The
// sealed memory file comes as a descriptor beside the first byte of an order. The inspector is not trusted, for it has
// read what strangers wrote: its answers are bounded in size and time, bring no descriptor, and hold besides a
// document's own text only numbers and words of fixed lists, which decoding and then `Verdict` check.

/// What the server says once, when it has started the inspector. Over the line, since Swift reads a program's arguments
/// from /proc, which the inspector has not.
package struct Challenge: Codable, Sendable {
    /// Paths that must not be reachable from inside the sandbox.
    package let forbidden: [String]
}

/// What the inspector says once, when it has started.
package struct Greeting: Codable, Sendable {
    /// What the sandbox should have prevented and did not; empty when it holds.
    package let breaches: [Breach]

    package init(breaches: [Breach]) { self.breaches = breaches }
}

/// What a sandbox that does not hold lets happen. The raw value is for the operator.
package enum Breach: String, Codable, Sendable {
    case vaultOpens = "a path of the vault can be opened"
    case machineOpens = "files of the machine can be opened"
    case writable = "files can be written"
    case network = "the network can be reached"
    case processes = "other processes can be seen"
    case unfiltered = "system calls cannot be limited"
}

/// What the server asks.
package struct Order: Codable, Sendable {
    /// The size of the memory file.
    package let count: Int
    /// A verdict is wanted.
    package var request: InspectionRequest?
    /// The text of a document of this type is wanted.
    package var textOf: String?
    /// What pages show is wanted. The memory file has grey pictures of them, one after the other.
    package var readsPages = false
    /// The sizes of a TIFF's pages are wanted.
    package var measuresPages = false

    package init(
        count: Int, request: InspectionRequest? = nil, textOf: String? = nil, readsPages: Bool = false,
        measuresPages: Bool = false
    ) {
        self.count = count
        self.request = request
        self.textOf = textOf
        self.readsPages = readsPages
        self.measuresPages = measuresPages
    }
}

/// What the inspector answers.
package struct Answer: Codable, Sendable {
    package var observation: Observation?
    package var text: String?
    package var pages: [PageReading]?
    package var sizes: [PageSize]?
    /// The inspector has used up most of its processor time, and wants to be replaced.
    package var retire = false

    package init() {}
}

/// One end of the conversation.
package struct Line: Sendable {
    let socket: Int32

    package init(socket: Int32) { self.socket = socket }

    enum Failure: Error {
        case closed
        case timedOut
        case malformed
    }

    static let maximumMessage = 8 << 20

    package func send(_ message: some Encodable, descriptor: Int32 = -1) throws {
        let body = try JSONEncoder().encode(message)
        var bytes = withUnsafeBytes(of: UInt32(body.count).bigEndian) { [UInt8]($0) }
        bytes += body
        try bytes.withUnsafeBytes { whole in
            var sent = 0
            while sent < whole.count {
                let result = strongroom_send(
                    socket, whole.baseAddress?.advanced(by: sent), whole.count - sent, sent == 0 ? descriptor : -1)
                guard result > 0 else { throw Failure.closed }
                sent += result
            }
        }
    }

    /// Whether there is something to read, or the other end is closed.
    var hasWaiting: Bool { Deadline(seconds: 0).waits(forReading: socket) }

    /// Receives a message. One that brings a descriptor is malformed, and the descriptor is not opened here.
    package func receive<Message: Decodable>(_ type: Message.Type, seconds: Double? = nil) throws -> Message {
        try message(type, seconds.map { Deadline(seconds: $0) }, nil)
    }

    /// Receives a message, and the descriptor beside its first byte (-1 without one; the caller closes it).
    package func receiveWithDescriptor<Message: Decodable>(
        _ type: Message.Type
    ) throws -> (message: Message, descriptor: Int32) {
        var descriptor: Int32 = -1
        do {
            return (try message(type, nil, &descriptor), descriptor)
        } catch {
            if descriptor >= 0 { close(descriptor) }
            throw error
        }
    }

    private func message<Message: Decodable>(
        _ type: Message.Type, _ deadline: Deadline?, _ descriptor: UnsafeMutablePointer<Int32>?
    ) throws -> Message {
        let head = try read(count: 4, deadline, descriptor)
        let count = head.reduce(0) { $0 << 8 | Int($1) }
        guard count <= Self.maximumMessage else { throw Failure.malformed }
        return try JSONDecoder().decode(type, from: Data(read(count: count, deadline, nil)))
    }

    private func read(
        count: Int, _ deadline: Deadline?, _ descriptor: UnsafeMutablePointer<Int32>?
    ) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var have = 0
        while have < count {
            if let deadline, !deadline.waits(forReading: socket) { throw Failure.timedOut }
            let received = bytes.withUnsafeMutableBytes { whole in
                strongroom_receive(
                    socket, whole.baseAddress?.advanced(by: have), count - have, have == 0 ? descriptor : nil)
            }
            guard received > 0 else { throw received == -Int(EBADMSG) ? Failure.malformed : Failure.closed }
            have += received
        }
        return bytes
    }
}
