import Foundation
import Records
import S3
import Storing
import Synchronization

/// A real S3 server, which the first test that needs it starts and which ends with the tests' process.
final class SwiftServer: Sendable {
    private struct Said: Decodable {
        let endpoint, region, accessKey, secretKey, bucket, smallBucket, objects: String
    }

    private let said: Said
    /// Its standard input: closed with this process, so that it ends.
    private let hold: Pipe

    /// The one of this process; nil, and why on standard error, where it does not start.
    static let shared = Result { try SwiftServer() }

    private init() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "s3-server-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let script = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "stores/s3_server.py")
        let process = Process()
        // Debian's own Python, which has Swift.
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments = ["-B", script.path, folder.path]
        let answer = Pipe()
        hold = Pipe()
        // No other child of this process is to keep it open.
        _ = fcntl(hold.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        process.standardInput = hold
        process.standardOutput = answer
        try process.run()
        var line = Data()
        while let byte = try answer.fileHandleForReading.read(upToCount: 1), let value = byte.first, value != 10 {
            line.append(value)
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        said = try decoder.decode(Said.self, from: line)
    }

    /// Settings as a file of the secrets' directory would have them.
    func settings(
        endpoint: String? = nil, region: String? = nil, secretKey: String? = nil
    ) throws -> StoreSettings {
        try StoreSettings(
            yaml: """
                endpoint: \(endpoint ?? said.endpoint)
                region: \(region ?? said.region)
                access-key: "\(said.accessKey)"
                secret-key: "\(secretKey ?? said.secretKey)"
                """, name: "s3.yaml")
    }

    /// A part of the bucket that nobody else uses.
    func freshPlace(small: Bool = false) throws -> S3Place {
        let bucket = small ? said.smallBucket : said.bucket
        guard let place = S3Place("s3://\(bucket)/\(UUID().uuidString)") else { throw CocoaError(.fileReadUnknown) }
        return place
    }

    /// A fresh place in it as a store whose parts and lists are small.
    func store(_ patience: Duration = .seconds(20)) throws -> S3Store {
        try S3Store(settings(), at: freshPlace(), patience: patience, partSize: 5 << 20, listed: 7)
    }
}
