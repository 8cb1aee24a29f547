public import Custody
import Hummingbird
import HummingbirdHTTP2
import HummingbirdTLS
public import Logging
import NIOCore
import NIOSSL
public import ServiceLifecycle

/// The pages over HTTPS: TLS 1.2 or later, HTTP/2 and HTTP/1.1.
///
/// `run()` returns after a graceful shutdown: no new requests, those under way answered.
public struct WebServer: Service {
    /// Where it listens and who it says it is.
    public struct Configuration: Sendable {
        /// The address to listen on.
        public var host: String
        /// The port; 0 for any that is free.
        public var port: Int
        /// The certificate and those above it, PEM.
        public var certificatePEM: String
        /// Its key, PEM.
        public var privateKeyPEM: String

        /// A configuration.
        public init(host: String = "127.0.0.1", port: Int = 8443, certificatePEM: String, privateKeyPEM: String) {
            self.host = host
            self.port = port
            self.certificatePEM = certificatePEM
            self.privateKeyPEM = privateKeyPEM
        }
    }

    /// Bytes of a connection that the kernel may hold on their way out; it reckons with twice as many.
    private static let sendBuffer = 128 << 10

    private let application: Application<Site>

    /// A server over a vault; it prints nothing.
    ///
    /// - Parameters:
    ///   - metrics: a file that gets the figures, every 15 seconds; nil for none.
    ///   - logger: gets kinds of errors and of requests, never names or content.
    ///   - onRunning: is told the port once it listens.
    /// - Throws: where certificate or key cannot be read.
    public init(
        _ configuration: Configuration, vault: Vault, metrics: String? = nil, logger: Logger,
        onRunning: @escaping @Sendable (Int) -> Void
    ) throws {
        let certificates = try NIOSSLCertificate.fromPEMBytes(Array(configuration.certificatePEM.utf8))
        let key = try NIOSSLPrivateKey(bytes: Array(configuration.privateKeyPEM.utf8), format: .pem)
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(key))
        tls.minimumTLSVersion = .tlsv12
        // Of TLS 1.2 only what is forward secret and authenticated: the library would take AES-CBC and static RSA too.
        tls.cipherSuiteValues = [
            .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
            .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ]
        let site = try Site(vault: vault)
        application = Application(
            responder: site,
            server: try .http2Upgrade(
                tlsConfiguration: tls,
                configuration: HTTP2ChannelConfiguration(
                    idleTimeout: .seconds(120), gracefulCloseTimeout: .seconds(30),
                    streamConfiguration: .init(idleTimeout: .seconds(120)))),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port), reuseAddress: true),
            services: [
                Sweeping(vault: vault, printRoom: site.printRoom, threads: site.threads, logger: logger),
                Observing(site: site, vault: vault, threads: site.threads, path: metrics, logger: logger),
            ],
            onServerRunning: { channel in
                // Connections inherit it. A buffer that grows by itself takes megabytes of what is on its way to somebody:
                // they would still come after a suspension.
                try? await channel.setOption(.socketOption(.so_sndbuf), value: Self.sendBuffer).get()
                onRunning(channel.localAddress?.port ?? configuration.port)
            },
            logger: logger)
    }

    /// Serves until a graceful shutdown, or until its task is cancelled.
    ///
    /// - Throws: NIO's error where the port cannot be had.
    public func run() async throws {
        try await application.run()
    }
}
