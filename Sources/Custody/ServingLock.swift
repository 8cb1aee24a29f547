import Glibc
import Records

/// Says that a vault is served, and by which process: a file of the vault that the server holds locked until it ends.
///
/// Commands may use a vault beside its server. Two servers may not: sessions, desks and what is on its way are in the
/// memory of one.
public final class ServingLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock for this process. A disk that is full or takes no writes keeps nobody from reading: then there is none.
    ///
    /// - Throws: a refusal `vault.served` where another process has it.
    public init(on location: Vault.Location) throws(VaultError) {
        descriptor = try rethrowing("vault.serving") {
            let descriptor = open(Self.path(location), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            if descriptor < 0, errno == ENOSPC || errno == EROFS { return -1 }
            guard descriptor >= 0 else { throw SystemCallError("open") }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                close(descriptor)
                throw Refusal(
                    code: "vault.served",
                    message:
                        "Another server serves this vault\(Self.holder(of: location).map { ": process \($0)" } ?? "").",
                    hint: "Stop that one first. Commands may run beside a server; a second server may not.")
            }
            ftruncate(descriptor, 0)
            try? Array("\(getpid())\n".utf8).withUnsafeBytes { try Files.writeAll(descriptor, $0) }
            return descriptor
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    private static func path(_ location: Vault.Location) -> String { location.vault + "/serving" }

    /// The process that serves a vault; nil where none does.
    static func holder(of location: Vault.Location) -> Int32? {
        let descriptor = open(path(location), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard flock(descriptor, LOCK_SH | LOCK_NB) != 0 else { return nil }
        let text = (try? Files.read(path(location))).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return Int32(text.prefix { $0 != "\n" })
    }
}
