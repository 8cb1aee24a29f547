import HTTPTypes
import Hummingbird
import NIOCore
import Records

/// What a handler answers, before the strict headers are put on it.
struct Reply: Sendable {
    var status = HTTPResponse.Status.ok
    var contentType = "text/html; charset=utf-8"
    var body = ResponseBody()
    var headers = HTTPFields()

    /// Another page, fetched with GET.
    static func redirect(_ path: String) -> Reply {
        var reply = Reply(status: .seeOther)
        reply.headers[.location] = path
        return reply
    }

    static func bytes(_ bytes: [UInt8], _ contentType: String, status: HTTPResponse.Status = .ok) -> Reply {
        Reply(status: status, contentType: contentType, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// A PDF that a browser shows, named without its ending; a refusal where it cannot be made, whatever the reason.
    static func pdf(named name: String, otherwise refusal: Refusal, _ make: () throws -> [UInt8]) throws -> Reply {
        let bytes: [UInt8]
        do { bytes = try make() } catch { throw refusal }
        var reply = Reply.bytes(bytes, "application/pdf")
        reply.headers[.contentDisposition] = "inline; filename=\"\(name).pdf\""
        return reply
    }

    static func text(_ text: String, _ contentType: String, status: HTTPResponse.Status = .ok) -> Reply {
        .bytes(Array(text.utf8), contentType, status: status)
    }

    /// Sets a cookie that only this host's own pages send back; an empty value removes it.
    ///
    /// - Parameter days: for how long the browser keeps it; nil until it is closed.
    mutating func setCookie(_ name: CookieName, _ value: String, days: Int? = nil) {
        let end = value.isEmpty ? "; Max-Age=0" : days.map { "; Max-Age=\($0 * 86_400)" } ?? ""
        headers.append(
            HTTPField(
                name: .setCookie, value: "\(name.rawValue)=\(value); Path=/; Secure; HttpOnly; SameSite=Strict\(end)"))
    }

    func with(_ change: (inout Reply) -> Void) -> Reply {
        var reply = self
        change(&reply)
        return reply
    }
}

extension HTTPField.Name {
    /// Has a browser ask again after so many seconds.
    static let refresh = HTTPField.Name("Refresh") ?? .retryAfter
}

/// The site's cookies.
enum CookieName: String {
    /// The session's token.
    case session = "__Host-session"
    /// The token of the sign-in form, before there is a session.
    case form = "__Host-form"
    /// The token of an agency's session.
    case agency = "__Host-agency"
    /// That the terms were accepted in that session: the token of its forms.
    case agencyTerms = "__Host-agency-terms"
    /// That somebody has signed in with this browser before; says of whom only to who types that name.
    case device = "__Host-device"
}

/// The headers that every response carries, errors included (W-03).
enum StrictHeaders {
    private static let fixed: HTTPFields = {
        var fields = HTTPFields()
        fields[.strictTransportSecurity] = "max-age=31536000"
        fields[.xContentTypeOptions] = "nosniff"
        fields[.cacheControl] = "no-store"
        for (name, value) in [
            ("Referrer-Policy", "no-referrer"),
            ("X-Frame-Options", "DENY"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Cross-Origin-Embedder-Policy", "require-corp"),
            (
                "Permissions-Policy",
                "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()"
            ),
        ] {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        return fields
    }()

    /// Only pages may load anything, and only from here; the one script runs by its nonce.
    static func contentSecurityPolicy(nonce: String?) -> String {
        let common = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
        guard let nonce else { return common + "; form-action 'none'; sandbox" }
        return common
            + "; form-action 'self'; connect-src 'self'; img-src 'self'; style-src 'self'; script-src 'nonce-\(nonce)'; require-trusted-types-for 'script'"
    }

    static func put(on fields: inout HTTPFields, nonce: String?) {
        for field in fixed { fields[field.name] = field.value }
        fields[.contentSecurityPolicy] = contentSecurityPolicy(nonce: nonce)
    }
}
