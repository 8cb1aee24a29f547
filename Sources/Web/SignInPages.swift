import Custody
import HTTPTypes
import Hummingbird
import Records

let signInRoutes: [Route] = [
    Route(.get, "/sign-in", .anyone, handle: showSignIn),
    Route(.post, "/sign-in", .anyone, body: .form(["name", "password", "code"]), handle: signIn),
    Route(.get, "/first-time", .enrolling, handle: showFirstTime),
    Route(.post, "/first-time", .enrolling, body: .form(["password", "again", "code"]), handle: finishFirstTime),
    Route(.get, "/first-time/done", .anyone) { visit in
        visit.page(.enrolled, EnrolledPage(chrome: visit.chrome("Your first sign-in is finished")))
    },
    Route(.post, "/sign-out", .session, body: .form([]), handle: signOut),
    Route(.get, "/hidden", .anyone) { visit in
        visit.page(.hidden, HiddenPage(chrome: visit.chrome(visit.vault.policies.school.name)))
    },
]

struct SignInPage {
    let chrome: Chrome
    let token: String
    let name: String
    let failed: String?
}

struct FirstTimePage {
    let chrome: Chrome
    let secret: String
    let qrPath: String?
    let qrSide: Int
    let minimum: Int
    let password: Field
    let again: Field
    let code: Field
}

struct EnrolledPage { let chrome: Chrome }

struct HiddenPage { let chrome: Chrome }

private func showSignIn(_ visit: Visit) throws -> Reply {
    if visit.session != nil { return .redirect("/") }
    let token = visit.request.cookie(.form) ?? Site.nonce()
    return signInPage(visit, token: token).with { $0.setCookie(.form, token) }
}

private func signInPage(_ visit: Visit, token: String, name: String = "", problem: Problem? = nil) -> Reply {
    let failed = problem.map { "\($0.title) \($0.advice)" }
    return visit.page(
        .signIn,
        SignInPage(
            chrome: visit.chrome("Sign in", problems: failed.map { [ProblemLink(href: "#name", text: $0)] } ?? []),
            token: token, name: name, failed: failed), status: problem?.status ?? .ok)
}

private func signIn(_ visit: Visit) throws -> Reply {
    do throws(VaultError) {
        let signedIn = try visit.vault.signIn(
            name: visit.form["name"], password: visit.form["password"], code: visit.form["code"])
        let (acting, next) =
            switch signedIn {
            case .enrolment(let acting): (acting, "/first-time")
            case .ready(let acting): (acting, "/")
            }
        let token = try visit.vault.sessions.open(acting, device: device(visit.request.headers[.userAgent]))
        if let old = visit.request.cookie(.session), let session = visit.vault.sessions.resume(old) {
            visit.vault.sessions.close(old)
            try visit.vault.signOut(session.acting)
        }
        return .redirect(next).with {
            $0.setCookie(.session, token)
            $0.setCookie(.form, "")
        }
    } catch {
        switch error {
        case .signInFailed, .tooManyTries, .busy, .refused(.suspended):
            // The same page whatever was wrong; only how long to wait is said.
            let problem = Problem(.vault(error))
            return signInPage(
                visit, token: visit.request.cookie(.form) ?? "", name: visit.form["name"], problem: problem
            ).with { reply in
                if let seconds = problem.retryAfterSeconds { reply.headers[.retryAfter] = String(seconds) }
            }
        case .refused, .notFound, .gone, .offsetDiffers, .clockBehind, .storage, .uncertain, .unwitnessed, .tampered,
            .waiting:
            throw error
        }
    }
}

private func signOut(_ visit: Visit) throws -> Reply {
    let acting = try visit.acting
    try visit.vault.signOut(acting)
    if let token = visit.request.cookie(.session) { visit.vault.sessions.close(token) }
    return .redirect("/sign-in").with { $0.setCookie(.session, "") }
}

private func showFirstTime(_ visit: Visit) throws -> Reply { try firstTimePage(visit) }

private func firstTimePage(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let acting = try visit.acting
    guard let secret = visit.vault.authenticatorSecret(of: acting) else { return .redirect("/") }
    let qr = QRCode(authenticatorAddress(secret: secret, name: acting.name, school: visit.vault.policies.school.name))
    let words = refusal.map { "\($0.message) \($0.hint)" }
    let place = refusal.map { refusal in
        refusal.code.hasPrefix("enrol.code") ? "code" : refusal.code == "password.differs" ? "again" : "password"
    }
    func field(_ name: String) -> Field { Field(error: place == name ? words : nil) }
    return visit.page(
        .firstTime,
        FirstTimePage(
            chrome: visit.chrome(
                "Your first sign-in",
                problems: place.map { [ProblemLink(href: "#" + $0, text: words ?? "")] } ?? []),
            secret: visit.words.grouped(secret), qrPath: qr?.path, qrSide: qr?.side ?? 0,
            minimum: visit.vault.policies.sessions.passwordMinimumCharacters, password: field("password"),
            again: field("again"), code: field("code")), status: refusal == nil ? .ok : .unprocessableContent)
}

private func finishFirstTime(_ visit: Visit) throws -> Reply {
    guard visit.form["password"] == visit.form["again"] else {
        return try firstTimePage(
            visit,
            refusal: Refusal(
                code: "password.differs", message: "The two passwords are not the same.", hint: "Type both again."))
    }
    do {
        try visit.vault.enrol(try visit.acting, newPassword: visit.form["password"], code: visit.form["code"])
    } catch VaultError.refused(let refusal) {
        return try firstTimePage(visit, refusal: refusal)
    }
    if let token = visit.request.cookie(.session) { visit.vault.sessions.close(token) }
    return .redirect("/first-time/done").with { $0.setCookie(.session, "") }
}

/// What an authenticator reads from the QR code.
private func authenticatorAddress(secret: String, name: String, school: String) -> String {
    func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case 48...57, 65...90, 97...122, UInt8(ascii: "-"), UInt8(ascii: "."): String(UnicodeScalar(byte))
            default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
    return "otpauth://totp/\(escaped("Strongroom")):\(escaped(name))?secret=\(secret)&issuer=\(escaped(school))"
}
