import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL
import Records
import Sealing
import Storing

// One request after the other, each with its whole answer. Everything that is asked may be asked twice, so what fails on its
// way, and what the store says it cannot do just now, is asked again after a pause that grows, until patience is over.

/// What a store answered.
struct S3Answer: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let body: [UInt8]

    /// The store's own word for what is wrong.
    var code: String? { XMLAnswer(body)?.text("Error", "Code") }

    func number(_ name: String) -> UInt64? { headers.first(name: name).flatMap { UInt64($0) } }
}

/// HTTP to one endpoint with one account. The certificate is verified, always; nothing is followed elsewhere, and no
/// proxy is taken from the environment.
final class S3Line: Sendable {
    private let client: HTTPClient
    private let endpoint: Endpoint
    private let signer: Signer
    private let patience: Duration
    private let now: @Sendable () -> Date

    init(
        _ settings: StoreSettings, bucket: String, patience: Duration, now: @escaping @Sendable () -> Date
    ) throws(Refusal) {
        self.now = now
        endpoint = try Endpoint(settings, bucket: bucket)
        guard !settings.accessKey.isEmpty, !settings.secretKey.isEmpty,
            settings.accessKey.utf8.allSatisfy({ (33...126).contains($0) && $0 != UInt8(ascii: ",") })
        else { throw .storeSettings("access-key or secret-key is missing, or cannot be one") }
        guard !settings.region.isEmpty, settings.region.utf8.allSatisfy({ (33...126).contains($0) }) else {
            throw .storeSettings("The region cannot be one")
        }
        do {
            signer = try Signer(accessKey: settings.accessKey, secretKey: settings.secretKey, region: settings.region)
        } catch {
            throw Refusal(
                code: "store.locked-memory", message: "There is no locked memory for the store's credentials.",
                hint: "Nothing was changed. Raise the limit of locked memory.")
        }
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.certificateVerification = .fullVerification
        if !settings.certificates.isEmpty {
            guard let trusted = try? NIOSSLCertificate.fromPEMFile(settings.certificates), !trusted.isEmpty else {
                throw .storeSettings("The file of ca-file holds no certificate in PEM")
            }
            tls.trustRoots = .certificates(trusted)
        }
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        configuration.timeout = .init(connect: .seconds(10), read: .minutes(1), write: .minutes(1))
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        self.patience = patience
    }

    deinit { client.shutdown { _ in } }

    /// One request and its whole answer of at most so many bytes: one of the statuses that are wanted.
    ///
    /// - Parameter name: of the object, below the bucket; nil for the bucket itself.
    func ask(
        _ method: HTTPMethod, _ name: String?, query: [(String, String)] = [], headers: [(String, String)] = [],
        body: [UInt8] = [], most: Int = 8 << 20, wanted: Set<Int>
    ) throws(StoreError) -> S3Answer {
        let path = endpoint.path + (name.map { "/" + $0 } ?? (endpoint.path.isEmpty ? "/" : ""))
        let request = S3Request(method.rawValue, path, query: query, headers: headers, body: body)
        var pause = Self.shortestPause
        let end = ContinuousClock.now + patience
        while true {
            let failure: StoreError
            do throws(StoreError) {
                let answer = try send(method, request, most)
                if wanted.contains(answer.status) { return answer }
                guard Self.isPassing(answer) else { throw Self.error(answer) }
                failure = Self.error(answer)
            } catch {
                guard error == .unreachable else { throw error }
                failure = error
            }
            guard ContinuousClock.now + pause < end else { throw failure }
            // Not all who were turned away at the same moment come back at the same moment.
            Thread.sleep(forTimeInterval: pause / .seconds(1) * Double.random(in: 0.5...1))
            pause = min(pause * 2, Self.longestPause)
        }
    }

    private static let shortestPause: Duration = .milliseconds(200)
    private static let longestPause: Duration = .seconds(10)

    private func send(_ method: HTTPMethod, _ request: S3Request, _ most: Int) throws(StoreError) -> S3Answer {
        let signed: S3Request
        do { signed = try signer.signed(request, host: endpoint.host, at: now()) } catch {
            throw .failed("locked-memory")
        }
        do {
            let request = try HTTPClient.Request(
                url: endpoint.origin + signed.target, method: method, headers: HTTPHeaders(signed.headers),
                body: signed.body.isEmpty ? nil : .byteBuffer(ByteBuffer(bytes: signed.body)))
            let response = try client.execute(
                request: request, delegate: ResponseAccumulator(request: request, maxBodySize: most),
                deadline: .now() + .minutes(30)
            ).wait()
            return S3Answer(
                status: Int(response.status.code), headers: response.headers,
                body: response.body.map { Array($0.readableBytesView) } ?? [])
        } catch is ResponseAccumulator.ResponseTooBigError { throw .tooLarge } catch {
            // The kind alone: BoringSSL's own word for it is nowhere but in the text.
            let kind = String(describing: error)
            let isUntrusted = kind.contains("CERTIFICATE_VERIFY_FAILED") || kind.contains("failedToValidateHostname")
            throw isUntrusted ? .untrusted : .unreachable
        }
    }

    /// Whether it may be otherwise in a moment.
    private static func isPassing(_ answer: S3Answer) -> Bool {
        [408, 429, 500, 502, 503, 504].contains(answer.status)
            || (answer.status == 400 && transfer.contains(answer.code ?? ""))
    }

    /// What a store says of bytes that arrived other than they were sent.
    private static let transfer: Set<String> = [
        "BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody", "RequestTimeout",
    ]
    private static let room: Set<String> = [
        "EntityTooLarge", "QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded",
    ]

    static func error(_ answer: S3Answer) -> StoreError {
        let code = answer.code ?? ""
        if room.contains(code) { return .full }
        switch answer.status {
        case 404: return code == "NoSuchBucket" ? .placeNotThere : .notThere
        case 401, 403: return code == "RequestTimeTooSkewed" ? .clockDiffers : .refused
        case 412: return .changed
        case 413, 507: return .full
        case 400 where transfer.contains(code): return .changed
        case 408, 429, 500, 502, 503, 504: return .unreachable
        // The code is the store's word: what is no word is left out.
        default:
            let isWord = !code.isEmpty && code.utf8.count <= 60 && code.allSatisfy { $0.isASCII && $0.isLetter }
            return .failed(isWord ? code : "status-\(answer.status)")
        }
    }
}
