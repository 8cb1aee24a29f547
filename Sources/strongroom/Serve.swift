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

    @OptionGroup var vault: VaultOptions
    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"
    @Option(help: "The port; 0 for any that is free.")
    var port = 8443
    @Option(help: "The certificate, PEM (default: tls-certificate.pem in the secrets' directory).")
    var certificate: String?
    @Option(help: "Its key, PEM (default: tls-key.pem in the secrets' directory).")
    var key: String?
    @Option(help: "The configuration of msmtp, for notices by e-mail (default: msmtp.conf in the secrets' directory).")
    var mail: String?

    func run() async throws {
        let location = try vault.location
        let certificate = try Self.pem(certificate ?? location.secrets + "/tls-certificate.pem")
        let key = try Self.pem(key ?? location.secrets + "/tls-key.pem")
        try await Server(
            location: location, host: host, port: port, certificate: certificate, key: key,
            mail: mail ?? location.secrets + "/msmtp.conf"
        ).run()
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

/// A vault served over HTTPS: the first line of output is the address.
struct Server {
    let location: Vault.Location
    let host: String
    let port: Int
    let certificate: String
    let key: String
    /// The configuration of msmtp; nil where no notices are sent.
    var mail: String?

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
        vault.startAntivirus()
        vault.startRecognition()
        var logger = Logger(label: "strongroom") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        let host = host
        let server = try WebServer(
            WebServer.Configuration(host: host, port: port, certificatePEM: certificate, privateKeyPEM: key),
            vault: vault, logger: logger
        ) { port in Terminal.say("https://\(host == "127.0.0.1" ? "localhost" : host):\(port)") }
        var services: [any Service] = [server]
        if let mail { services.append(Notices(vault: vault, configuration: mail, logger: logger)) }
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

/// `strongroom doctor`
struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look for what would keep the vault from being safe on this machine.")
    @OptionGroup var vault: VaultOptions
    @Flag(help: "Answer as JSON, a line a check.")
    var json = false

    func run() throws {
        let location = try vault.location
        var checks: [HealthCheck] = []
        do throws(VaultError) {
            let vault = try Vault(opening: location)
            defer { vault.shutdown() }
            checks.append(HealthCheck(name: "vault", isWell: true, words: "The vault opens, and its ledger agrees."))
            checks += vault.health()
            checks.append(try Self.recovery(vault))
        } catch {
            checks.append(HealthCheck(name: "vault", isWell: false, words: error.refusal.message))
        }
        struct Answer: Encodable {
            let check: String
            let well: Bool
            let words: String
        }
        for check in checks {
            if json {
                try Terminal.json(Answer(check: check.name, well: check.isWell, words: check.words))
            } else {
                Terminal.say("\(check.isWell ? "well " : "LOOK ") \(check.name): \(check.words)")
            }
        }
        if checks.contains(where: { !$0.isWell }) { throw Stop.found }
    }

    /// Whether the vault can be opened when no lead can.
    private static func recovery(_ vault: Vault) throws(VaultError) -> HealthCheck {
        func check(_ isWell: Bool, _ words: String) -> HealthCheck {
            HealthCheck(name: "recovery", isWell: isWell, words: words)
        }
        guard let key = try vault.recoveryState() else {
            return check(
                false,
                "There is no recovery key: losing the lead's password loses what only the lead can read. Make it with strongroom recover set."
            )
        }
        let sheets = "\(key.threshold) of \(key.holders.count) sheets open the vault."
        switch key.standing {
        case .proven: return check(true, sheets + " They were tried \(key.drilled?.iso8601.prefix(10) ?? "").")
        case .untried: return check(false, sheets + " They were never tried: strongroom recover drill.")
        case .overdue: return check(false, sheets + " They were tried too long ago: strongroom recover drill.")
        case .used: return check(false, "The recovery key was used. Make new sheets with strongroom recover set.")
        }
    }
}
