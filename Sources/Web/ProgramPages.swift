import Custody
import Foundation
import HTTPTypes
import Hummingbird
import Records
import Sealing

/// What programs, and the pages' own script, ask for beside the upload protocol.
let programRoutes: [Route] = [
    Route(.get, "/api/v1/openapi.json", .anyone, leadsToSignIn: false) { _ in
        .bytes(PackageResources.openapi_json, "application/json")
    },
    Route(.post, "/api/v1/documents", .upload, body: .bytes, leadsToSignIn: false, handle: fileByProgram),
]

/// A filing as a program asks for it. What is left out stays as it was said when the upload began.
private struct WantedFiling: Decodable {
    let upload: String
    let again: Bool?
    /// What is said of it, by name.
    private let said: [String: String]

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        let given = try decoder.container(keyedBy: Key.self)
        let known = Set(FilingDetails.saidNames).union(["upload", "again"])
        guard given.allKeys.allSatisfy({ known.contains($0.stringValue) }) else { throw Fault.unknownField }
        upload = try given.decode(String.self, forKey: Key("upload"))
        again = try given.decodeIfPresent(Bool.self, forKey: Key("again"))
        var said: [String: String] = [:]
        for name in FilingDetails.saidNames { said[name] = try given.decodeIfPresent(String.self, forKey: Key(name)) }
        self.said = said
    }

    func details(over before: FilingDetails) -> FilingDetails {
        let before = Dictionary(uniqueKeysWithValues: before.said.map { ($0.name, $0.value) })
        return FilingDetails { said[$0] ?? before[$0] }
    }
}

/// What became of one filing.
private struct Outcome: Encodable {
    struct Filed: Encodable {
        let document, pupil, filename, recorded, sha256, mediaType, checkpoint: String
        let index, size: UInt64
        let pages: Int?
        let quarantined: Bool
        let earlier: String?

        init(_ receipt: Receipt) {
            document = receipt.document.text
            pupil = receipt.pupilReference
            filename = receipt.filename
            recorded = receipt.recorded.iso8601
            sha256 = receipt.sha256
            mediaType = receipt.mediaType
            checkpoint = receipt.checkpoint
            index = receipt.index
            size = receipt.size
            pages = receipt.pages
            quarantined = receipt.quarantined
            earlier = receipt.earlier?.text
        }
    }
    struct Queued: Encodable {
        let filename, recorded, sha256, checkpoint: String
        let index, size: UInt64
        let quarantined: Bool

        init(_ receipt: IntakeReceipt) {
            filename = receipt.filename
            recorded = receipt.recorded.iso8601
            sha256 = receipt.sha256
            checkpoint = receipt.checkpoint
            index = receipt.index
            size = receipt.size
            quarantined = receipt.quarantined
        }
    }
    struct Refused: Encodable {
        let code, message, hint: String
    }
    let upload: String
    var receipt: Filed?
    var queued: Queued?
    var refusal: Refused?
}

private func fileByProgram(_ visit: Visit) async throws -> Reply {
    guard visit.request.headers[.contentType]?.split(separator: ";").first?.lowercased() == "application/json" else {
        throw Fault.mediaType
    }
    let bytes = try await visit.request.counted(upTo: BodyRule.mostBytes)
    let wanted: [WantedFiling]
    do { wanted = try JSONDecoder().decode([WantedFiling].self, from: Data(bytes)) } catch let fault as Fault {
        throw fault
    } catch { throw Fault.formUnreadable }
    guard (1...400).contains(wanted.count) else { throw Fault.formUnreadable }
    let acting = try visit.acting
    let said = Dictionary(
        try visit.vault.pendingUploads(as: acting).map { ($0.id, $0.details) }, uniquingKeysWith: { first, _ in first })
    let filings = try wanted.map { one in
        guard let id = UploadID(text: one.upload) else { throw Fault.formUnreadable }
        return Filing(
            upload: id, details: one.details(over: said[id] ?? FilingDetails()), again: one.again ?? false)
    }
    let outcomes = try visit.vault.file(filings, as: acting).map { outcome in
        switch outcome {
        case .filed(let upload, let receipt): Outcome(upload: upload.text, receipt: .init(receipt))
        case .queued(let upload, let receipt): Outcome(upload: upload.text, queued: .init(receipt))
        case .refused(let upload, let refusal):
            Outcome(
                upload: upload.text,
                refusal: .init(code: refusal.code, message: refusal.message, hint: refusal.hint))
        }
    }
    return try .json(outcomes)
}

/// An upload for going on with it.
private struct Unfinished: Encodable {
    let upload, filename: String
    let pupil: String?
    let offset, length: UInt64
    let sha256: String?
}

/// The person's or station's own unfinished uploads: how a page that was closed, or a command that was killed, finds what
/// to go on with, with nothing kept there.
func listUploads(_ visit: Visit) throws -> Reply {
    let acting = try visit.acting
    return try .json(
        visit.vault.unfinishedUploads(as: acting).map { upload in
            Unfinished(
                upload: upload.id.text, filename: upload.filename,
                pupil: upload.pupilFile.flatMap { visit.vault.reference(of: $0) }, offset: upload.offset,
                length: upload.length, sha256: upload.digest?.hex)
        }
    ).with { $0.headers[.strongroomToken] = visit.session?.csrf ?? "" }
}

extension Reply {
    /// A value as JSON, keys in order.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Reply {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return .bytes([UInt8](try encoder.encode(value)), "application/json", status: status)
    }
}
