import Foundation
package import Records
import Storing

/// A bucket, and what the names of all objects in it begin with: `s3://BUCKET/PREFIX`.
public struct S3Place: Hashable, Sendable {
    /// The bucket.
    public let bucket: String
    /// What comes before every name: empty, or ends with a slash.
    public let prefix: String

    /// Nil for anything else.
    public init?(_ text: String) {
        guard text.hasPrefix("s3://") else { return nil }
        let parts = text.dropFirst(5).split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let bucket = String(parts[0])
        var rest = parts.count > 1 ? String(parts[1]) : ""
        if rest.hasSuffix("/") { rest.removeLast() }
        guard Self.isBucket(bucket), rest.isEmpty || (ObjectName(rest) != nil && rest.utf8.count <= 200) else {
            return nil
        }
        self.bucket = bucket
        prefix = rest.isEmpty ? "" : rest + "/"
    }

    /// As it was said.
    public var text: String { "s3://\(bucket)/\(prefix)" }

    /// 3 to 63 lower-case letters, digits, hyphens and full stops, of which none stands at an end.
    private static func isBucket(_ text: String) -> Bool {
        let isEnd = { (byte: UInt8) in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        guard (3...63).contains(text.utf8.count), let first = text.utf8.first, let last = text.utf8.last else {
            return false
        }
        return isEnd(first) && isEnd(last) && !text.contains("..")
            && text.utf8.allSatisfy { isEnd($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
    }
}

/// Where requests of a bucket go to.
package struct Endpoint: Sendable {
    /// Scheme, host and port, as a URL begins.
    package let origin: String
    /// As the header says it: the port only where it is not the scheme's own.
    package let host: String
    /// What every path begins with: the bucket, or nothing.
    package let path: String

    /// - Throws: a refusal of an address to which credentials and backups must not go.
    package init(_ settings: StoreSettings, bucket: String) throws(Refusal) {
        guard let parts = URLComponents(string: settings.endpoint), let scheme = parts.scheme?.lowercased(),
            let name = parts.percentEncodedHost?.lowercased(), !name.isEmpty, parts.user == nil, parts.password == nil,
            parts.query == nil, parts.fragment == nil, ["", "/"].contains(parts.path)
        else { throw .storeSettings("The endpoint is no address such as https://s3.example.net") }
        let isHere = ["localhost", "127.0.0.1", "[::1]"].contains(name)
        guard scheme == "https" || (scheme == "http" && isHere) else {
            throw .storeSettings(
                "The endpoint has to begin with https://: a backup and its credentials do not go in clear")
        }
        let isOwnPort = parts.port == nil || parts.port == (scheme == "https" ? 443 : 80)
        let port = isOwnPort ? "" : ":\(parts.port ?? 0)"
        switch settings.addressing {
        case .path:
            host = name + port
            path = "/" + bucket
        case .host:
            // A certificate for *.HOST does not cover two labels.
            guard scheme == "http" || !bucket.contains(".") else {
                throw .storeSettings("A bucket with a full stop in its name needs addressing: path")
            }
            host = "\(bucket).\(name)\(port)"
            path = ""
        }
        origin = "\(scheme)://\(host)"
    }
}
