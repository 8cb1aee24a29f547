package import Custody
package import Foundation
import NIOSSL

extension HealthCheck {
    /// From so many days before its end on, a certificate should have been renewed: what renews them by itself does it earlier.
    private static let days = 21

    /// Whether there is a certificate to serve with, its key fits, and it counts for some time yet.
    package static func certificate(at path: String, key: String, now: Date) -> HealthCheck {
        let name = "certificate"
        let advice =
            "Put the certificate and those above it in one PEM file, and its key in another; docs/operations.md says how."
        guard let first = (try? NIOSSLCertificate.fromPEMFile(path))?.first else {
            return HealthCheck(
                name, found: "There is no certificate that can be read at \(path), and pages are served with one only.",
                advice)
        }
        do {
            let configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: [.certificate(first)],
                privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
            _ = try NIOSSLContext(configuration: configuration)
        } catch {
            return HealthCheck(name, found: "The key at \(key) cannot be read, or is not the certificate's.", advice)
        }
        let end = Date(timeIntervalSince1970: TimeInterval(first.notValidAfter))
        let begin = Date(timeIntervalSince1970: TimeInterval(first.notValidBefore))
        let day = end.formatted(.iso8601.year().month().day())
        guard begin <= now else { return HealthCheck(name, found: "The certificate does not count yet.", advice) }
        guard end > now else {
            return HealthCheck(
                name, found: "The certificate ended on \(day): no browser opens the pages.",
                "Renew it, and restart the server.")
        }
        guard end.timeIntervalSince(now) > Double(days) * 86_400 else {
            return HealthCheck(
                name, found: "The certificate ends on \(day).", "Renew it before that day, and restart the server.")
        }
        return HealthCheck(
            name: name, isWell: true, words: "The certificate counts until \(day), and its key is there.")
    }
}
