import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Records
import Sealing

// A file's way to a vault, as tus 1.0 has it. What the server has is asked of the server, never remembered here: so it is
// the same way after a broken connection, after a restart of the server, and when the same command is run again.
//  1 find     among this station's unfinished uploads, one of the same file; or begin one
//  2 ask      how far it is, whenever that is not certain
//  3 send     a piece with its checksum, which counts whole or not at all
//  4 file     when all is there; again gives the same receipt

/// Sends files over one line, one after the other.
public struct Sender: Sendable {
    /// How far a file is, for whoever shows it.
    public enum Step: Sendable {
        /// The server has so many bytes, of before.
        case has(UInt64)
        /// So many bytes were sent.
        case sent(UInt64)
        /// It is tried again after a pause.
        case pausing
    }

    private static let uploads = "/api/v1/uploads"
    /// Sent with the beginning of the upload: one request instead of two.
    static let smallFile: UInt64 = 1 << 20
    static let pieces = (1 << 18)...(8 << 20)

    private let line: ServerLine
    private let patience: Duration

    /// A sender that gives up when nothing gets on for as long as `patience`.
    public init(over line: ServerLine, patience: Duration) {
        self.line = line
        self.patience = patience
    }

    /// Asks whether the server takes anything from this station.
    ///
    /// - Throws: `SendingError`.
    public func knock() async throws {
        var pace = Pace(patience)
        while true {
            do {
                _ = try await unfinished()
                return
            } catch let interruption as Interruption { try await pace.wait(interruption) }
        }
    }

    /// Sends a file and files it.
    ///
    /// - Throws: `SendingError`; a `Refusal` of the file itself.
    public func send(
        _ file: OutgoingFile, _ order: Order, progress: @Sendable @escaping (Step) -> Void
    ) async throws -> Delivery {
        var errand = Errand(file: file, order: order)
        var pace = Pace(patience)
        while true {
            do {
                if let delivery = try await step(&errand, progress) { return delivery }
                if errand.furthest < errand.offset ?? 0 {
                    errand.furthest = errand.offset ?? 0
                    pace.gotOn()
                }
            } catch let interruption as Interruption {
                errand.offset = nil
                errand.piece = max(errand.piece / 2, Self.pieces.lowerBound)
                errand.beginsBare = true
                progress(.pausing)
                try await pace.wait(interruption)
            }
        }
    }

    /// One file's state between two requests.
    private struct Errand {
        let file: OutgoingFile
        let order: Order
        var upload: UploadID?
        /// Bytes that the server has; nil where that is not certain.
        var offset: UInt64?
        var furthest: UInt64 = 0
        /// How much is sent at once: less on a line that breaks.
        var piece = Sender.pieces.upperBound
        /// An early answer to a request with bytes may be lost with its connection: the next one brings none.
        var beginsBare = false
        var endings = 0
    }

    private func step(_ errand: inout Errand, _ progress: @Sendable @escaping (Step) -> Void) async throws -> Delivery?
    {
        guard let upload = errand.upload else {
            try await find(&errand)
            if errand.upload == nil { try await begin(&errand, progress) }
            return nil
        }
        guard let offset = errand.offset else { return try await ask(&errand, upload, progress) }
        guard offset == errand.file.size else {
            try await send(&errand, upload, from: offset, progress)
            return nil
        }
        return try await file(upload, errand.order)
    }

    // MARK: - 1 find or begin

    /// An upload that is not filed yet.
    private struct Unfinished: Decodable {
        let upload, filename: String
        let pupil, sha256: String?
        let length: UInt64
    }

    private func unfinished() async throws -> [Unfinished] {
        let answer = try await line.ask(.GET, Self.uploads)
        try check(answer, 200)
        return try decode([Unfinished].self, answer)
    }

    private func find(_ errand: inout Errand) async throws {
        let (file, order) = (errand.file, errand.order)
        for one in try await unfinished() {
            guard one.filename == file.name, one.pupil == order.pupil, one.length == file.size,
                one.sha256 == file.digest.hex, let id = UploadID(text: one.upload)
            else { continue }
            let answer = try await line.ask(.HEAD, place(id))
            if answer.status == 404 || answer.status == 410 { continue }
            guard answer.status == 200 else { throw Interruption() }
            // What was begun for another batch cannot go into this one.
            let said = (answer.headers.first(name: "Upload-Metadata") ?? "").split(separator: ",")
            if said.first(where: { $0.hasPrefix("batch ") }) == order.batch.map({ "batch \(Self.encoded($0))" }) {
                errand.upload = id
                return
            }
            _ = try await line.ask(.DELETE, place(id))
        }
    }

    private func begin(_ errand: inout Errand, _ progress: @Sendable @escaping (Step) -> Void) async throws {
        let (file, order) = (errand.file, errand.order)
        let details = order.details
        let said = [
            ("filename", file.name), ("sha256", file.digest.hex), ("pupil", order.pupil), ("batch", order.batch),
            ("again", order.again ? nil : "no"),
        ]
        let pairs = (said + details.said.map { ($0.name, Optional($0.value)) }).compactMap { key, value in
            value.flatMap { $0.isEmpty ? nil : "\(key) \(Self.encoded($0))" }
        }
        var headers = [("Upload-Length", String(file.size)), ("Upload-Metadata", pairs.joined(separator: ","))]
        var body: HTTPClientRequest.Body?
        if file.size <= Self.smallFile && !errand.beginsBare {
            let piece = try file.bytes(at: 0, count: Int(file.size))
            headers += Self.headers(of: piece)
            body = Self.body(piece, from: 0, progress)
        }
        let answer = try await line.ask(.POST, Self.uploads, headers, body: body)
        try check(answer, 201)
        // Only its last part is looked at: nothing leads to another server.
        guard let last = answer.headers.first(name: "Location")?.split(separator: "/").last,
            let id = UploadID(text: String(last))
        else { throw SendingError.otherServer(answer.status) }
        errand.upload = id
        errand.offset = answer.number("Upload-Offset")
    }

    // MARK: - 2 ask

    private func ask(
        _ errand: inout Errand, _ upload: UploadID, _ progress: @Sendable (Step) -> Void
    ) async throws -> Delivery? {
        let answer = try await line.ask(.HEAD, place(upload))
        switch answer.status {
        case 200:
            guard let offset = answer.number("Upload-Offset"), offset <= errand.file.size else {
                throw SendingError.otherServer(answer.status)
            }
            errand.offset = offset
            progress(.has(offset))
            return nil
        case 404, 410:
            // It was filed, and the answer to that was lost; or it is gone, and begins anew.
            errand.endings += 1
            guard errand.endings < 3 else { throw SendingError.keepsEnding }
            do { return try await file(upload, errand.order) } catch let error as SendingError {
                guard error.refusal.code == "upload.unknown" else { throw error }
                errand.upload = nil
                errand.furthest = 0
                return nil
            }
        default:
            // A HEAD has no words: the list has them.
            _ = try await unfinished()
            throw Interruption()
        }
    }

    // MARK: - 3 send

    private func send(
        _ errand: inout Errand, _ upload: UploadID, from offset: UInt64, _ progress: @Sendable @escaping (Step) -> Void
    ) async throws {
        let count = Int(min(UInt64(errand.piece), errand.file.size - offset))
        let piece = try errand.file.bytes(at: offset, count: count)
        let answer = try await line.ask(
            .PATCH, place(upload), [("Upload-Offset", String(offset))] + Self.headers(of: piece),
            body: Self.body(piece, from: offset, progress))
        if answer.status == 404 || answer.status == 410 {
            errand.offset = nil
            return
        }
        try check(answer, 204)
        guard let now = answer.number("Upload-Offset"), now > offset, now <= errand.file.size else {
            throw SendingError.otherServer(answer.status)
        }
        errand.offset = now
        errand.piece = min(errand.piece * 2, Self.pieces.upperBound)
        progress(.sent(now))
    }

    private static func headers(of piece: ByteBuffer) -> [(String, String)] {
        let digest = piece.withUnsafeReadableBytes { sha256($0) }
        return [
            ("Content-Type", "application/offset+octet-stream"),
            ("Upload-Checksum", "sha256 " + Data(digest.bytes).base64EncodedString()),
        ]
    }

    /// A piece as a body that tells how much of it went out.
    private static func body(
        _ piece: ByteBuffer, from offset: UInt64, _ progress: @Sendable @escaping (Step) -> Void
    ) -> HTTPClientRequest.Body {
        .stream(Portions(of: piece, from: offset, progress), length: .known(Int64(piece.readableBytes)))
    }

    // MARK: - 4 file

    private struct Filing: Encodable {
        let upload: String
        let again: Bool
        let details: FilingDetails

        private struct Key: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(_ name: String) { stringValue = name }
            init?(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(upload, forKey: Key("upload"))
            try container.encode(again, forKey: Key("again"))
            for (name, value) in details.said { try container.encode(value, forKey: Key(name)) }
        }
    }

    private struct Outcome: Decodable {
        struct Refused: Decodable { let code, message, hint: String }
        let receipt: Delivery.Filed?
        let queued: Delivery.Queued?
        let refusal: Refused?
    }

    private func file(_ upload: UploadID, _ order: Order) async throws -> Delivery {
        let body = try JSONEncoder().encode([
            Filing(upload: upload.text, again: order.again, details: order.details)
        ])
        let answer = try await line.ask(
            .POST, "/api/v1/documents", [("Content-Type", "application/json")], body: .bytes(ByteBuffer(bytes: body)))
        try check(answer, 200)
        guard let outcome = try decode([Outcome].self, answer).first else { throw SendingError.otherServer(200) }
        if let receipt = outcome.receipt { return .filed(receipt) }
        if let receipt = outcome.queued { return .queued(receipt) }
        guard let refused = outcome.refusal else { throw SendingError.otherServer(200) }
        let refusal = Refusal(code: refused.code, message: refused.message, hint: refused.hint)
        switch refusal.code {
        case "inspection.busy": throw Interruption(problem: refusal)
        case "sandbox.unavailable": throw SendingError(.waiting, refusal)
        case "upload.repeated":
            // It is not wanted twice: nothing of it is left waiting.
            _ = try await line.ask(.DELETE, place(upload))
        default: break
        }
        throw SendingError(.refused, refusal)
    }

    // MARK: - Answers

    /// Statuses that say: not now.
    private static let passing: Set<Int> = [408, 409, 423, 429, 460, 500, 502, 503, 504]

    private func check(_ answer: Answer, _ wanted: Int) throws {
        guard answer.status != wanted else { return }
        let problem = answer.problem
        if Self.passing.contains(answer.status) {
            let pause = min(answer.number("Retry-After") ?? 0, 60)
            throw Interruption(problem: problem, leastPause: .seconds(pause))
        }
        guard let problem, answer.status >= 400 else { throw SendingError.otherServer(answer.status) }
        switch answer.status {
        case 401, 403: throw SendingError(.refused, problem, stopsAll: true)
        case 400..<500: throw SendingError(.refused, problem)
        default: throw SendingError(.failed, problem, stopsAll: true)
        }
    }

    private func decode<Value: Decodable>(_ type: Value.Type, _ answer: Answer) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do { return try decoder.decode(type, from: Data(answer.body)) } catch {
            throw SendingError.otherServer(answer.status)
        }
    }

    private func place(_ upload: UploadID) -> String { "\(Self.uploads)/\(upload.text)" }

    private static func encoded(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
}

/// A piece in portions, each told of when it is taken to be sent.
private struct Portions: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    private static let size = 1 << 17
    private let piece: ByteBuffer
    private let offset: UInt64
    private let progress: @Sendable (Sender.Step) -> Void

    init(of piece: ByteBuffer, from offset: UInt64, _ progress: @Sendable @escaping (Sender.Step) -> Void) {
        self.piece = piece
        self.offset = offset
        self.progress = progress
    }

    func makeAsyncIterator() -> Iterator { Iterator(rest: piece, sent: offset, progress: progress) }

    struct Iterator: AsyncIteratorProtocol {
        var rest: ByteBuffer
        var sent: UInt64
        let progress: @Sendable (Sender.Step) -> Void

        mutating func next() async -> ByteBuffer? {
            // What was taken before has gone out.
            progress(.sent(sent))
            let count = Swift.min(Portions.size, rest.readableBytes)
            guard count > 0 else { return nil }
            sent += UInt64(count)
            return rest.readSlice(length: count)
        }
    }
}

/// Pauses that grow, and an end to them.
private struct Pace {
    private static let shortest: Duration = .milliseconds(250)
    private static let longest: Duration = .seconds(20)
    private let patience: Duration
    private var pause = shortest
    private var deadline: ContinuousClock.Instant

    init(_ patience: Duration) {
        self.patience = patience
        deadline = .now + patience
    }

    mutating func gotOn() {
        pause = Self.shortest
        deadline = .now + patience
    }

    mutating func wait(_ interruption: Interruption) async throws {
        let left = deadline - .now
        guard left > .zero else { throw SendingError.gaveUp(after: patience, interruption.problem) }
        try await Task.sleep(for: min(max(pause, interruption.leastPause), left))
        pause = min(pause * 2, Self.longest)
    }
}
