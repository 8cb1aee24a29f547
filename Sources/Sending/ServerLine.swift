import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL
import Records

/// The address of a server: `https://` and a host, perhaps a port.
public struct ServerAddress: Sendable {
    let origin: String

    /// Nil for anything else, so also for `http://`: neither token nor papers go in clear.
    public init?(_ text: String) {
        guard let parts = URLComponents(string: text), parts.scheme?.lowercased() == "https",
            let host = parts.percentEncodedHost, !host.isEmpty, parts.user == nil, parts.password == nil,
            parts.query == nil, parts.fragment == nil, ["", "/"].contains(parts.path)
        else { return nil }
        origin = "https://\(host)" + (parts.port.map { ":\($0)" } ?? "")
    }
}

/// What a server answered.
struct Answer: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let body: [UInt8]

    /// The problem that it tells of (RFC 9457); nil where it is none of a vault's.
    var problem: Refusal? {
        struct Problem: Decodable { let code, title, detail: String }
        return (try? JSONDecoder().decode(Problem.self, from: Data(body))).map {
            Refusal(code: $0.code, message: $0.title, hint: $0.detail)
        }
    }

    func number(_ name: String) -> UInt64? { headers.first(name: name).flatMap { UInt64($0) } }
}

/// The connection was lost, or the server is not ready for this now: it is asked again.
struct Interruption: Error {
    var problem: Refusal?
    var leastPause: Duration = .zero
}

/// HTTPS to one server with one station's token. The certificate is verified, always; nothing is followed elsewhere.
///
/// `end` has to be called once.
public final class ServerLine: Sendable {
    private let client: HTTPClient
    private let origin: String
    private let authorization: String

    /// Opens nothing yet.
    ///
    /// - Parameter certificates: a PEM file of the only certificates to trust; nil for those this computer trusts.
    /// - Throws: a refusal of a token that cannot be one, or of a file that holds no certificate.
    public init(to server: ServerAddress, token: String, certificates: String?) throws {
        guard !token.isEmpty, token.utf8.allSatisfy({ (33...126).contains($0) }) else { throw Refusal.tokenUnreadable }
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.certificateVerification = .fullVerification
        if let certificates {
            guard let trusted = try? NIOSSLCertificate.fromPEMFile(certificates), !trusted.isEmpty else {
                throw Refusal.certificatesUnreadable
            }
            tls.trustRoots = .certificates(trusted)
        }
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls, redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        configuration.timeout = .init(connect: .seconds(15), read: .minutes(5), write: .minutes(1))
        // Whoever sends does the waiting, and knows for how long.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        origin = server.origin
        authorization = "Bearer \(token)"
    }

    /// Closes the connections.
    public func end() async { try? await client.shutdown() }

    /// One request and its whole answer.
    ///
    /// - Throws: `Interruption` where the connection failed; `.certificateUntrusted`.
    func ask(
        _ method: HTTPMethod, _ path: String, _ headers: [(String, String)] = [],
        body: HTTPClientRequest.Body? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: origin + path)
        request.method = method
        request.headers = HTTPHeaders(
            [("Authorization", authorization), ("Tus-Resumable", "1.0.0")] + headers)
        request.body = body
        do {
            let response = try await client.execute(request, timeout: .hours(1))
            let bytes = try await response.body.collect(upTo: 1 << 20)
            return Answer(
                status: Int(response.status.code), headers: response.headers, body: Array(bytes.readableBytesView))
        } catch {
            try Task.checkCancellation()
            // The kind alone: BoringSSL's own word for it is nowhere but in the text.
            let kind = String(describing: error)
            guard !kind.contains("CERTIFICATE_VERIFY_FAILED"), !kind.contains("failedToValidateHostname") else {
                throw SendingError.certificateUntrusted
            }
            throw Interruption()
        }
    }
}

extension Refusal {
    fileprivate static let tokenUnreadable = Refusal(
        code: "station.unknown", message: "The token is no scan station's.",
        hint: "Give it as it was shown when the scan station was made: station-…")
    fileprivate static let certificatesUnreadable = Refusal(
        code: "server.ca-file", message: "The file of --ca-file holds no certificate in PEM.",
        hint: "Ask whoever looks after the server for its certificate, or its authority's.")
}
