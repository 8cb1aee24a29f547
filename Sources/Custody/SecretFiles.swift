import Foundation
import Glibc
import Records
import Sealing

/// The service's own secrets, one file each, in a directory that is never inside the vault or a backup.
///
/// Losing them costs a recovery, not data; holding them without a password opens nothing.
final class SecretFiles: Sendable {
    let server: ServerSecret
    let service: SigningKey
    let checkpoint: SigningKey
    let tags: TagKey
    let directory: DetailKey

    static let names = ["server-secret", "service-key", "checkpoint-key", "tag-key", "directory-key"]

    /// Makes new ones; durable on return.
    static func create(in path: String) throws {
        try Files.makeDirectory(path)
        for name in names {
            let target = "\(path)/\(name)"
            let descriptor = Glibc.open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw SystemCallError("open") }
            defer { close(descriptor) }
            try SecretBytes.random(32).withBytes { try Files.writeAll(descriptor, $0) }
            guard fsync(descriptor) == 0 else { throw SystemCallError("fsync") }
        }
        try Files.syncDirectory(path)
    }

    init(in path: String) throws {
        server = try ServerSecret(Self.read("\(path)/server-secret"))
        service = try SigningKey(seed: Self.read("\(path)/service-key"))
        checkpoint = try SigningKey(seed: Self.read("\(path)/checkpoint-key"))
        tags = try TagKey(Self.read("\(path)/tag-key"))
        directory = try DetailKey(Self.read("\(path)/directory-key"))
    }

    /// Straight into guarded memory.
    private static func read(_ path: String) throws -> SecretBytes {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemCallError("open-secrets") }
        defer { close(descriptor) }
        var secret = try SecretBytes(zeroed: 32)
        let count = secret.withMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
        guard count == 32 else { throw SystemCallError("read-secrets") }
        return secret
    }
}
