import Custody
import Hummingbird

/// The style sheet, the script and the icon, each with a hash of its bytes in its address.
struct Assets: Sendable {
    let stylesPath = Self.path("site", PackageResources.site_css, "css")
    let scriptPath = Self.path("site", PackageResources.site_js, "js")
    let iconPath = Self.path("icon", PackageResources.icon_svg, "svg")

    private static func path(_ name: String, _ bytes: [UInt8], _ ending: String) -> String {
        // FNV-1a: the address changes with the bytes; nothing relies on it for security.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return "/static/\(name)-\(String(hash, radix: 16)).\(ending)"
    }

    func reply(_ path: String) throws(Fault) -> Reply {
        switch path {
        case stylesPath: .bytes(PackageResources.site_css, "text/css; charset=utf-8")
        case scriptPath: .bytes(PackageResources.site_js, "text/javascript; charset=utf-8")
        case iconPath: .bytes(PackageResources.icon_svg, "image/svg+xml")
        default: throw .noSuchPage
        }
    }
}

let assetRoutes: [Route] = [
    Route(.get, "/static/{file}", .anyone) { visit in try visit.site.assets.reply(visit.request.uri.path) }
]

let healthRoutes: [Route] = [
    Route(.get, "/healthz", .anyone) { _ in .text("ok\n", "text/plain; charset=utf-8") },
    Route(.get, "/api/v1/health", .anyone, leadsToSignIn: false, handle: tellReadiness),
]

/// Whether the vault can do its work: 200 or 503. Anyone is told that much, since uploading would tell them too. What it lacks
/// would help somebody choose their moment (a scanner that is away, a disk that is nearly full), so that is for who asks from
/// the machine itself, and not through a proxy there.
private func tellReadiness(_ visit: Visit) throws -> Reply {
    let readiness = visit.site.readiness.value(of: visit.site.vault)
    var answer = #"{"status":"\#(readiness.isReady ? "ready" : "not-ready")""#
    if visit.isFromThisMachine {
        let checks = readiness.checks.map { #"{"check":"\#($0.code)","well":\#($0.isWell)}"# }
        answer += #","checks":[\#(checks.joined(separator: ","))]"#
    }
    return .text(answer + "}", "application/json", status: readiness.isReady ? .ok : .serviceUnavailable)
}

extension Visit {
    /// Whether it comes over the loopback interface, and nobody says that it came from elsewhere before.
    fileprivate var isFromThisMachine: Bool {
        let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via"]
        return (address == "::1" || address.hasPrefix("127.") || address == "::ffff:127.0.0.1")
            && !request.headers.contains { forwarded.contains($0.name.canonicalName) }
    }
}
