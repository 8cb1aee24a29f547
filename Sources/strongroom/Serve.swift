import ArgumentParser
import CLinux
import Custody
import Foundation
import Glibc
import Logging
import Records
import ServiceLifecycle
import UnixSignals
import Web

/// `strongroom serve`
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Serve the pages over HTTPS until stopped.")

    @OptionGroup var serving: ServingOptions
    @Option(help: "The address to listen on (default: 127.0.0.1).")
    var host: String?
    @Option(help: "The port; 0 for any that is free (default: 8443).")
    var port: Int?
    @Option(help: "The configuration of msmtp, for notices by e-mail (default: msmtp.conf in the secrets' directory).")
    var mail: String?
    @Option(
        help: "A file to write figures into for Prometheus, every 15 seconds: for node_exporter's textfile collector.")
    var metrics: String?

    func run() async throws {
        let settings = try serving.settings()
        let location = try serving.vault.location(settings)
        let paths = serving.certificate(settings, location)
        let certificate = try Self.pem(paths.certificate)
        let key = try Self.pem(paths.key)
        try await Server(
            location: location, host: host ?? settings["host"] ?? "127.0.0.1", port: try port(settings),
            certificate: certificate, key: key, mail: mail ?? settings["mail"] ?? location.secrets + "/msmtp.conf",
            metrics: metrics ?? settings["metrics"]
        ).run()
    }

    private func port(_ settings: Settings) throws -> Int {
        if let port { return port }
        guard let named = settings["port"] else { return 8443 }
        guard let number = Int(named), (0...65_535).contains(number) else {
            throw ValidationError("The port in the file of settings is a number from 0 to 65535.")
        }
        return number
    }

    private static func pem(_ path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path), let text = String(data: data, encoding: .utf8)
        else {
            throw ValidationError(
                "\(path) cannot be read: pages are served over HTTPS only, so a certificate is needed.")
        }
        return text
    }
}

/// What `serve` and `doctor` are told of a server, by flags or in a file.
struct ServingOptions: ParsableArguments {
    @OptionGroup var vault: VaultOptions
    @Option(help: "A file of settings: YAML, with the names of these flags. A flag counts before it.")
    var config: String?
    @Option(help: "The certificate, PEM (default: tls-certificate.pem in the secrets' directory).")
    var certificate: String?
    @Option(help: "Its key, PEM (default: tls-key.pem in the secrets' directory).")
    var key: String?

    private static let names: Set = [
        "vault", "secrets", "inspector", "signatures", "certificate", "key", "host", "port", "mail", "metrics",
    ]

    /// What the file says; nothing where none is named.
    func settings() throws -> Settings {
        guard let config else { return Settings() }
        guard let data = FileManager.default.contents(atPath: config), let text = String(data: data, encoding: .utf8)
        else { throw ValidationError("\(config) cannot be read.") }
        do throws(Refusal) { return try Settings(parsing: text, known: Self.names) } catch {
            Terminal.explain(error)
            throw Stop(code: 64)
        }
    }

    /// Where certificate and key are.
    func certificate(_ settings: Settings, _ location: Vault.Location) -> (certificate: String, key: String) {
        (
            certificate ?? settings["certificate"] ?? location.secrets + "/tls-certificate.pem",
            key ?? settings["key"] ?? location.secrets + "/tls-key.pem"
        )
    }
}

/// A vault served over HTTPS: the first line of output is the address.
struct Server {
    let location: Vault.Location
    let host: String
    let port: Int
    let certificate: String
    let key: String
    /// The configuration of msmtp; nil where no notices are sent.
    var mail: String?
    /// The file that figures are written into; nil for none.
    var metrics: String?

    func run() async throws {
        guard geteuid() != 0 else {
            Terminal.say("error: The server does not run as root.", to: .standardError)
            Terminal.say("hint: Start it as the user strongroom, who owns the vault.", to: .standardError)
            throw Stop(code: 1)
        }
        // Uploads take and free many buffers a second: 8 per cent of their time is spent on clearing them otherwise.
        _ = strongroom_keep_freed_memory(16 << 20, 4 << 20, 4)
        let vault = try Vault(opening: location)
        defer { vault.shutdown() }
        let lock: ServingLock
        do { lock = try ServingLock(on: location) } catch {
            Terminal.explain(error)
            throw Stop(code: error.code == "vault.served" ? 6 : Terminal.exitCode(of: error))
        }
        defer { withExtendedLifetime(lock) {} }
        vault.startAntivirus()
        vault.startRecognition()
        var logger = Logger(label: "strongroom") { label -> any LogHandler in
            Journal.isThere ? JournalLogHandler() : StreamLogHandler.standardError(label: label)
        }
        logger.logLevel = .warning
        let host = host
        let systemd = Systemd()
        let server = try WebServer(
            WebServer.Configuration(host: host, port: port, certificatePEM: certificate, privateKeyPEM: key),
            vault: vault, metrics: metrics, logger: logger
        ) { port in
            Terminal.say("https://\(host == "127.0.0.1" ? "localhost" : host):\(port)")
            systemd.say("READY=1")
        }
        var services: [any Service] = [server]
        if let mail { services.append(Notices(vault: vault, configuration: mail, logger: logger)) }
        // Last, for services are ended from the last on.
        services.append(Systemd.Presence(systemd: systemd))
        let group = ServiceGroup(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        do {
            try await group.run()
        } catch {
            guard Self.isAddressInUse(error) else { throw error }
            throw Self.portInUse(port)
        }
    }

    /// Refuses a port of this machine that another program listens at, before anything is made for it.
    static func requireFree(port: Int) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var reuse: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout.size(ofValue: reuse)))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if bound != 0 && errno == EADDRINUSE { throw portInUse(port) }
    }

    private static func portInUse(_ port: Int) -> Stop {
        Terminal.say("error: Port \(port) is in use by another program.", to: .standardError)
        Terminal.say("hint: Stop that program, or choose another port with --port.", to: .standardError)
        return Stop(code: 6)
    }

    private static func isAddressInUse(_ error: any Error) -> Bool {
        String(describing: error).contains("errno: \(EADDRINUSE)")
    }
}
