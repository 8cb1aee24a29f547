import Foundation
import Yams

/// How a store that speaks S3 is reached: a file of the secrets' directory, decoded strictly.
///
/// It holds credentials, so nothing of it is ever told: an error names a key and never what stands there.
public struct StoreSettings: Codable, Sendable {
    /// How a bucket is named in an address.
    public enum Addressing: String, Codable, Sendable {
        /// `https://HOST/BUCKET/…`
        case path
        /// `https://BUCKET.HOST/…`
        case host
    }

    /// `https://` and a host, perhaps a port; `http://` for this computer itself alone.
    public let endpoint: String
    /// The region that signatures name.
    public let region: String
    /// How the bucket is named.
    public let addressing: Addressing
    /// Which account.
    public var accessKey: String
    /// Its secret.
    public var secretKey: String
    /// A PEM file of the only certificates to trust; those that this computer trusts where it is empty.
    public let certificates: String

    enum CodingKeys: String, CodingKey {
        case endpoint, region, addressing
        case accessKey = "access-key"
        case secretKey = "secret-key"
        case certificates = "ca-file"
    }

    /// Every key but endpoint and region may be left out: `path`, and no credentials and no certificates, are meant then.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        endpoint = try container.decode(String.self, forKey: .endpoint)
        region = try container.decode(String.self, forKey: .region)
        addressing = try container.decodeIfPresent(Addressing.self, forKey: .addressing) ?? .path
        accessKey = try container.decodeIfPresent(String.self, forKey: .accessKey) ?? ""
        secretKey = try container.decodeIfPresent(String.self, forKey: .secretKey) ?? ""
        certificates = try container.decodeIfPresent(String.self, forKey: .certificates) ?? ""
    }

    /// Decodes a file's text.
    ///
    /// - Parameter name: what the file is called, for the message.
    /// - Throws: a refusal `store.settings`.
    public init(yaml text: String, name: String) throws(Refusal) {
        let key: String?
        do {
            self = try YAMLDecoder().decode(StoreSettings.self, from: text)
            let known = try Yams.compose(yaml: YAMLEncoder().encode(self))
            key = try Yams.compose(yaml: text).flatMap { Policies.unknownKey(in: $0, beside: known, path: "") }
        } catch let error as DecodingError {
            throw .storeSettings("\(name) cannot be read\(Self.place(of: error))")
        } catch { throw .storeSettings("\(name) is no YAML") }
        if let key { throw .storeSettings("\(name) has an unknown key: \(key.prefix(40))") }
    }

    private static func place(of error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, _): ": \(key.stringValue) is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            context.codingPath.last.map { ": \($0.stringValue)" } ?? ""
        @unknown default: ""
        }
    }
}

extension Refusal {
    /// Settings of a store that cannot be used; the message never holds what stands in them.
    public static func storeSettings(_ message: String) -> Refusal {
        Refusal(
            code: "store.settings", message: message + ".",
            hint:
                "Put the file right: endpoint and region, access-key and secret-key, and perhaps addressing and ca-file."
        )
    }
}
