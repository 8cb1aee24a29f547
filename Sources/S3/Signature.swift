package import Foundation
import Glibc
package import Sealing

// AWS Signature Version 4, in one header, the payload's SHA-256 signed. Steps as its specification has them:
// 1 canonical request   method, path, query, headers, their names, the payload's digest
// 2 string to sign      the algorithm, the time, the scope, the digest of 1
// 3 signing key         a chain of HMACs from the secret over date, region, service
// 4 signature           HMAC of 2 under 3

/// A request as it is signed and sent.
package struct S3Request: Sendable {
    let method: String
    /// Not encoded yet.
    let path: String
    /// Not encoded yet; a parameter without a value has an empty one.
    let query: [(name: String, value: String)]
    /// Names in lower case.
    var headers: [(name: String, value: String)]
    let body: [UInt8]

    package init(
        _ method: String, _ path: String, query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = [], body: [UInt8] = []
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
    }

    /// What was said in a header.
    package func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// Path and query as they go into the first line of the request.
    package var target: String {
        let query = canonicalQuery
        return canonicalPath + (query.isEmpty ? "" : "?" + query)
    }

    fileprivate var canonicalPath: String { Self.encoded(path, keeping: UInt8(ascii: "/")) }

    fileprivate var canonicalQuery: String {
        query.map { (Self.encoded($0.name), Self.encoded($0.value)) }
            .sorted { $0 < $1 }
            .map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }

    /// Every byte but those that RFC 3986 calls unreserved, as `%XY`.
    private static func encoded(_ text: String, keeping kept: UInt8? = nil) -> String {
        var out = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                out.unicodeScalars.append(Unicode.Scalar(byte))
            case kept: out.unicodeScalars.append(Unicode.Scalar(byte))
            default: out += String(format: "%%%02X", Int(byte))
            }
        }
        return out
    }
}

/// Signs requests of one account to one region.
package final class Signer: Sendable {
    private let accessKey: String
    private let region: String
    /// `AWS4` and the secret.
    private let seed: SecretBytes

    package init(accessKey: String, secretKey: String, region: String) throws(SealingError) {
        self.accessKey = accessKey
        self.region = region
        seed = try SecretBytes(copying: Array("AWS4\(secretKey)".utf8))
    }

    /// The request with the headers that sign it: `x-amz-date`, `x-amz-content-sha256` and `authorization`.
    package func signed(_ request: S3Request, host: String, at time: Date) throws(SealingError) -> S3Request {
        let (day, moment) = Self.stamps(time)
        let digest = sha256(request.body).hex
        var signed = request
        signed.headers += [("host", host), ("x-amz-content-sha256", digest), ("x-amz-date", moment)]
        signed.headers.sort { $0.name < $1.name }
        let names = signed.headers.map(\.name).joined(separator: ";")
        let headers = signed.headers.map { "\($0.name):\($0.value.trimmingCharacters(in: .whitespaces))\n" }.joined()
        let canonical = [
            request.method, request.canonicalPath, request.canonicalQuery, headers, names, digest,
        ].joined(separator: "\n")
        let scope = "\(day)/\(region)/s3/aws4_request"
        let text = "AWS4-HMAC-SHA256\n\(moment)\n\(scope)\n\(sha256(Array(canonical.utf8)).hex)"
        let signature = Hex.encode(try MessageCode.code(Array(text.utf8), key: try key(of: day)))
        signed.headers.append(
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=\(accessKey)/\(scope), SignedHeaders=\(names), Signature=\(signature)"
            ))
        return signed
    }

    private func key(of day: String) throws(SealingError) -> SecretBytes {
        let ofDay = try MessageCode.derived(Array(day.utf8), from: seed)
        let ofRegion = try MessageCode.derived(Array(region.utf8), from: ofDay)
        let ofService = try MessageCode.derived(Array("s3".utf8), from: ofRegion)
        return try MessageCode.derived(Array("aws4_request".utf8), from: ofService)
    }

    /// `20130524` and `20130524T000000Z`.
    private static func stamps(_ time: Date) -> (day: String, moment: String) {
        var seconds = time_t(time.timeIntervalSince1970)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let day = String(format: "%04d%02d%02d", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday)
        return (day, day + String(format: "T%02d%02d%02dZ", parts.tm_hour, parts.tm_min, parts.tm_sec))
    }
}
