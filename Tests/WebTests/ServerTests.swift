import Foundation
import Logging
import Testing
import Web

@Suite("The server")
struct ServerTests {
    @Test("It listens on a free port, says which, and ends when it is cancelled")
    func listens() async throws {
        let school = try School()
        let certificate = try DemoCertificate()
        #expect(certificate.certificatePEM.hasPrefix("-----BEGIN CERTIFICATE-----"))
        let (ports, told) = AsyncStream.makeStream(of: Int.self)
        let server = try WebServer(
            .init(port: 0, certificatePEM: certificate.certificatePEM, privateKeyPEM: certificate.privateKeyPEM),
            vault: school.vault, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { told.yield($0) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await server.run() }
            let port = await ports.first { _ in true }
            #expect((port ?? 0) > 0)
            group.cancelAll()
        }
    }

    @Test("A key that cannot be read is an error before anything listens")
    func badKey() throws {
        let school = try School()
        let certificate = try DemoCertificate()
        #expect(throws: (any Error).self) {
            try WebServer(
                .init(certificatePEM: certificate.certificatePEM, privateKeyPEM: "none"), vault: school.vault,
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onRunning: { _ in })
        }
    }
}
