import Custody
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Records
import Sealing
import Synchronization

// tus 1.0 (tus.io/protocols/resumable-upload): core, creation, creation-with-upload, checksum, expiration, termination.
// Every MUST of these is meant, and nothing is announced that is not whole. What a piece does to an upload is the
// vault's matter (`Arrival`); here are headers, codes and the order in which they are looked at.

let uploadRoutes: [Route] = [
    Route(.options, "/api/v1/uploads", .anyone, handle: tellAbilities),
    Route(.options, "/api/v1/uploads/{upload}", .anyone, handle: tellAbilities),
    Route(.get, "/api/v1/uploads", .upload, leadsToSignIn: false, handle: listUploads),
    Route(.post, "/api/v1/uploads", .upload, body: .bytes, leadsToSignIn: false, handle: createUpload),
    Route(.head, "/api/v1/uploads/{upload}", .upload, leadsToSignIn: false, handle: tellOffset),
    Route(.patch, "/api/v1/uploads/{upload}", .upload, body: .bytes, leadsToSignIn: false, handle: continueUpload),
    Route(.delete, "/api/v1/uploads/{upload}", .upload, body: .bytes, leadsToSignIn: false, handle: endUpload),
]

/// The protocol's own words.
enum Tus {
    static let path = "/api/v1/uploads"
    static let version = "1.0.0"
    static let extensions = "creation,creation-with-upload,checksum,expiration,termination"
    static let bytesType = "application/offset+octet-stream"

    private static func name(_ text: String) -> HTTPField.Name {
        // Each is a token of RFC 9110, so the other branch is never taken.
        HTTPField.Name(text) ?? .contentType
    }

    static let resumable = name("Tus-Resumable")
    static let versions = name("Tus-Version")
    static let ability = name("Tus-Extension")
    static let maximum = name("Tus-Max-Size")
    static let checksums = name("Tus-Checksum-Algorithm")
    static let offset = name("Upload-Offset")
    static let length = name("Upload-Length")
    static let deferred = name("Upload-Defer-Length")
    static let metadata = name("Upload-Metadata")
    static let checksum = name("Upload-Checksum")
    static let expires = name("Upload-Expires")
    static let override = name("X-HTTP-Method-Override")

    /// Whether an address is the protocol's.
    static func owns(_ path: String) -> Bool { path == Self.path || path.hasPrefix(Self.path + "/") }

    /// The method that a request means: `X-HTTP-Method-Override` counts here and nowhere else.
    static func method(of request: Request) -> HTTPRequest.Method {
        guard request.method == .post, owns(request.uri.path), let meant = request.headers[override] else {
            return request.method
        }
        return HTTPRequest.Method(rawValue: meant.uppercased()) ?? request.method
    }
}

/// What may be said in `Upload-Metadata`.
private let metadataKeys = Set(FilingDetails.saidNames).union([
    "filename", "filetype", "pupil", "sha256", "batch", "file", "again",
])

private func tellAbilities(_ visit: Visit) throws -> Reply {
    var reply = Reply(status: .noContent)
    reply.headers[Tus.versions] = Tus.version
    reply.headers[Tus.ability] = Tus.extensions
    reply.headers[Tus.checksums] = Checksum.names.joined(separator: ",")
    let largest = visit.vault.policies.fileTypes.types.map(\.largestBytes).max() ?? 0
    reply.headers[Tus.maximum] = String(largest)
    return reply
}

/// The protocol's version comes first: a client that speaks another is told before anything is looked at.
private func checkVersion(_ visit: Visit) throws(Fault) {
    guard visit.request.headers[Tus.resumable] == Tus.version else { throw .tusVersion }
}

private func whole(_ text: String?) -> UInt64? {
    guard let text, !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
    return UInt64(text).flatMap { $0 <= UInt64(Int64.max) ? $0 : nil }
}

// MARK: - Creation

private func createUpload(_ visit: Visit) async throws -> Reply {
    try checkVersion(visit)
    let headers = visit.request.headers
    guard headers[Tus.deferred] == nil else { throw Fault.tusField("Upload-Defer-Length") }
    guard let length = whole(headers[Tus.length]) else { throw Fault.tusField("Upload-Length") }
    let hasBytes = try bringsBytes(visit)
    let said = try metadata(headers[Tus.metadata] ?? "")
    guard let filename = said["filename"], !filename.isEmpty else { throw Fault.tusField("Upload-Metadata: filename") }
    var digest: Digest?
    if let text = said["sha256"] {
        guard let stated = Digest(hex: text.lowercased()) else { throw Fault.tusField("Upload-Metadata: sha256") }
        digest = stated
    }
    let acting = try visit.acting
    // Without a pupil it is for the intake queue, which only a scan station fills.
    let pupilFile =
        said["pupil"] == nil && acting.isStation
        ? nil : try visit.vault.pupilFile(reference: said["pupil"] ?? "", toFileAs: acting)
    var batch: BatchID?
    if let text = said["batch"] {
        guard acting.isStation, let id = BatchID(text: text) else { throw Fault.tusField("Upload-Metadata: batch") }
        batch = id
    }
    guard [nil, "yes", "no"].contains(said["again"]) else { throw Fault.tusField("Upload-Metadata: again") }
    let status = try visit.vault.announce(
        Announcement(
            pupilFile: pupilFile, batch: batch, filename: filename, declaredType: said["filetype"], length: length,
            metadata: headers[Tus.metadata] ?? "", digest: digest, details: FilingDetails { said[$0] },
            onlyNew: said["again"] == "no"), as: acting)
    var reply =
        hasBytes || length == 0
        ? try await bring(visit, status.id, at: 0) : .moved(to: status, status: .created)
    reply.status = .created
    reply.headers[.location] = "\(Tus.path)/\(status.id.text)"
    return reply
}

/// Whether a request brings bytes of the upload; those have their own content type.
private func bringsBytes(_ visit: Visit) throws(Fault) -> Bool {
    let headers = visit.request.headers
    let isEmpty = headers[.contentLength].map { $0 == "0" } ?? (headers[.transferEncoding] == nil)
    let type = headers[.contentType].map { $0.split(separator: ";").first?.lowercased() ?? "" }
    if type == Tus.bytesType { return true }
    guard isEmpty || type == nil && headers[.contentLength] == nil else { throw .mediaType }
    return false
}

/// `Upload-Metadata`: keys and base64 values. A key that has no place in the record is refused, and named.
private func metadata(_ text: String) throws(Fault) -> [String: String] {
    var said: [String: String] = [:]
    for pair in text.split(separator: ",") {
        let parts = pair.split(separator: " ", omittingEmptySubsequences: true)
        guard let key = parts.first.map(String.init), parts.count <= 2 else { throw .tusField("Upload-Metadata") }
        guard metadataKeys.contains(key), said[key] == nil else {
            throw .tusField("Upload-Metadata: \(visible(key.prefix(40).description))")
        }
        let encoded = parts.count == 2 ? String(parts[1]) : ""
        guard let data = Data(base64Encoded: encoded), let value = String(validating: data, as: UTF8.self),
            !value.contains("\0")
        else { throw .tusField("Upload-Metadata: \(key)") }
        said[key] = value
    }
    return said
}

// MARK: - Going on, asking, ending

private func uploadID(_ visit: Visit) throws(Fault) -> UploadID {
    guard let id = UploadID(text: try visit.parameter("upload")) else { throw .vault(.notFound) }
    return id
}

private func tellOffset(_ visit: Visit) async throws -> Reply {
    try checkVersion(visit)
    let id = try uploadID(visit)
    _ = try visit.vault.status(of: id, as: visit.acting)
    // Who asks has lost the connection that a piece came by: it ends, and what came of it counts.
    visit.site.interruptions.interrupt(id)
    return .moved(
        to: try await visit.whenFree { try visit.vault.status(of: id, atRest: true, as: visit.acting) }, status: .ok)
}

private func endUpload(_ visit: Visit) async throws -> Reply {
    try checkVersion(visit)
    guard try await visit.request.counted(upTo: 0).isEmpty else { throw Fault.unknownField }
    let id = try uploadID(visit)
    visit.site.interruptions.interrupt(id)
    try await visit.whenFree { try visit.vault.discard(id, as: visit.acting) }
    return Reply(status: .noContent)
}

private func continueUpload(_ visit: Visit) async throws -> Reply {
    try checkVersion(visit)
    let headers = visit.request.headers
    guard headers[.contentType]?.split(separator: ";").first?.lowercased() == Tus.bytesType else {
        throw Fault.mediaType
    }
    guard let offset = whole(headers[Tus.offset]) else { throw Fault.tusField("Upload-Offset") }
    let id = try uploadID(visit)
    let status = try visit.vault.status(of: id, as: visit.acting)
    if let more = whole(headers[.contentLength]) {
        guard status.offset == offset else { throw Fault.vault(.offsetDiffers(status.offset)) }
        guard more <= status.length - offset else { throw Fault.tooLarge }
    }
    return try await bring(visit, id, at: offset)
}

/// Takes a piece, unless somebody takes the upload up elsewhere meanwhile: then what came is kept, and this one ends.
private func bring(_ visit: Visit, _ id: UploadID, at offset: UInt64) async throws -> Reply {
    try await visit.site.interruptions.run(id) { unwanted in
        try await withThrowingTaskGroup(of: Reply?.self) { group in
            group.addTask(executorPreference: visit.site.threads) { try await take(visit, id, at: offset) }
            group.addTask {
                for await _ in unwanted {}
                return nil
            }
            while let ended = try await group.next() {
                group.cancelAll()
                if let reply = ended { return reply }
            }
            throw Fault.locked
        }
    }
}

private func take(_ visit: Visit, _ id: UploadID, at offset: UInt64) async throws -> Reply {
    let acting = try visit.acting
    var checksum = try checksum(visit.request.headers[Tus.checksum])
    let isChecked = checksum != nil
    var arrival = try await visit.whenFree { try visit.vault.takeUp(id, at: offset, as: acting) }
    do {
        for try await buffer in visit.request.body {
            try buffer.withUnsafeReadableBytes { bytes in
                checksum?.update(bytes)
                try arrival.append(bytes)
            }
            // A piece with a checksum counts whole or not at all.
            if !isChecked { try arrival.keepFromTimeToTime() }
            if Task.isCancelled { break }
        }
    } catch let error as VaultError {
        // The disk, a scan station that has ended, or more bytes than were announced: the upload stands where it stood.
        arrival.takeBack()
        throw error.code == "upload.too-long" ? Fault.tooLarge : error
    } catch {
        // The connection: what came is kept.
        if isChecked { arrival.takeBack() } else { _ = try arrival.pause() }
        // Or somebody takes the upload up elsewhere, and waiting for the next bytes was ended by that.
        throw Task.isCancelled ? Fault.locked : Fault.formUnreadable
    }
    if let sum = checksum.take() {
        guard sum.agrees() else {
            arrival.takeBack()
            throw Fault.checksumDiffers
        }
    }
    guard arrival.isWhole else { return .moved(to: try arrival.pause(), status: .noContent) }
    let length = arrival.length
    let pending = try arrival.complete()
    var reply = Reply(status: .noContent)
    reply.headers[Tus.offset] = String(length)
    guard let filing = try filingNow(visit, pending) else { return reply }
    let outcomes = try visit.vault.file([filing], as: acting)
    if case .refused(_, let refusal) = outcomes.first { throw Fault.vault(.refused(refusal)) }
    return reply
}

/// The filing that the sender asked for when the upload began, to be made when it is whole. What was filed before waits,
/// unless they said `again: yes`: they are told by the upload's own address, and file it on purpose or not at all.
private func filingNow(_ visit: Visit, _ pending: PendingUpload) throws -> Filing? {
    guard pending.inspected.outcome == .accepted || pending.inspected.outcome == .quarantined else { return nil }
    let said = try metadata(visit.vault.status(of: pending.id, as: visit.acting).metadata)
    let again = said["again"] == "yes"
    guard said["file"] == "now", again || pending.earlier == nil else { return nil }
    return Filing(pending, again: again)
}

private func checksum(_ header: String?) throws(Fault) -> Checksum? {
    guard let header else { return nil }
    let parts = header.split(separator: " ", omittingEmptySubsequences: true)
    guard parts.count == 2, let expected = Data(base64Encoded: String(parts[1])),
        let checksum = Checksum(named: String(parts[0]), expecting: Array(expected))
    else { throw .tusField("Upload-Checksum") }
    return checksum
}

extension Visit {
    /// Does something to an upload as soon as no piece of it comes; `.locked` where that takes more than five seconds.
    func whenFree<Result: ~Copyable>(_ body: () throws -> Result) async throws -> Result {
        for _ in 0..<100 {
            do { return try body() } catch VaultError.busy {
                // Cancelled, somebody else takes the upload up: this one has lost its turn.
                do { try await Task.sleep(for: .milliseconds(50)) } catch { throw Fault.locked }
            }
        }
        throw Fault.locked
    }
}

extension Reply {
    /// How far an upload is.
    fileprivate static func moved(to status: UploadStatus, status code: HTTPResponse.Status) -> Reply {
        var reply = Reply(status: code, contentType: "text/plain; charset=utf-8")
        reply.headers[Tus.offset] = String(status.offset)
        if code == .ok {
            reply.headers[Tus.length] = String(status.length)
            if !status.metadata.isEmpty { reply.headers[Tus.metadata] = status.metadata }
        }
        reply.headers[Tus.expires] = Wording.httpDate(status.expires)
        return reply
    }
}

/// Tells the piece of an upload that is coming that somebody takes the upload up elsewhere.
final class Interruptions: Sendable {
    private final class Piece: Sendable {
        let signal: AsyncStream<Void>.Continuation
        init(_ signal: AsyncStream<Void>.Continuation) { self.signal = signal }
    }

    private let coming = Mutex<[UploadID: Piece]>([:])

    /// Runs a piece; whichever came before is told to end, and `unwanted` ends when the next one comes.
    func run<Result>(
        _ upload: UploadID, _ body: (_ unwanted: AsyncStream<Void>) async throws -> Result
    ) async rethrows -> Result {
        let (unwanted, signal) = AsyncStream<Void>.makeStream()
        let piece = Piece(signal)
        let before = coming.withLock { coming in
            defer { coming[upload] = piece }
            return coming[upload]
        }
        before?.signal.finish()
        defer {
            coming.withLock { coming in
                if coming[upload] === piece { coming[upload] = nil }
            }
        }
        return try await body(unwanted)
    }

    func interrupt(_ upload: UploadID) {
        coming.withLock { $0.removeValue(forKey: upload) }?.signal.finish()
    }
}
