import Custody
import HTTPTypes
import Hummingbird
import Records

let signInRoutes: [Route] = [
    Route(.get, "/sign-in", .anyone, handle: showSignIn),
    Route(
        .post, "/sign-in", .anyone, body: .form(["name", "password", "code", "kept"]).withPasskey(), hashes: true,
        handle: signIn),
    Route(.post, "/sign-out", .session, body: .form([]), handle: signOut),
    Route(.get, "/hidden", .anyone) { visit in hiddenPage(visit) },
    Route(.post, "/hidden", .session, body: .form(["place"]), handle: hideScreen),
    Route(.post, "/hidden/show", .session, body: .form(["password"]).withPasskey(), hashes: true, handle: showScreen),
]

struct SignInPage {
    let chrome: Chrome
    let token: String
    let name: String
    let failed: String?
    /// A form that came too late, sealed to its sender.
    let kept: String?
    let passkey: PasskeyButton
}

struct HiddenPage {
    let chrome: Chrome
    let isHidden: Bool
    let failed: String?
    let passkey: PasskeyButton?
}

private func showSignIn(_ visit: Visit) throws -> Reply {
    if visit.session != nil { return .redirect("/") }
    let token = visit.request.cookie(.form) ?? Site.nonce()
    return signInPage(visit, token: token).with { $0.setCookie(.form, token) }
}

extension Visit {
    /// The sign-in page with what is to come again when its sender has signed in.
    func signInPage(keeping kept: String) -> Reply {
        let token = request.cookie(.form) ?? Site.nonce()
        return Web.signInPage(self, token: token, kept: kept, status: Problem(.sessionEnded).status)
            .with { $0.setCookie(.form, token) }
    }
}

private func signInPage(
    _ visit: Visit, token: String, name: String = "", kept: String = "", problem: Problem? = nil,
    status: HTTPResponse.Status = .ok
) -> Reply {
    let failed = problem.map { "\($0.title) \($0.advice)" }
    return visit.page(
        .signIn,
        SignInPage(
            chrome: visit.chrome("Sign in", problems: failed.map { [ProblemLink(href: "#name", text: $0)] } ?? []),
            token: token, name: name, failed: failed, kept: kept.isEmpty ? nil : kept,
            passkey: PasskeyButton("Sign in with a passkey instead of the code", visit)),
        status: problem?.status ?? status)
}

private func signIn(_ visit: Visit) throws -> Reply {
    let given = try visit.givenPasskey()
    do throws(VaultError) {
        let (name, password) = (visit.form["name"], visit.form["password"])
        let origin = visit.vault.origin(
            deviceToken: visit.request.cookie(.device), name: name, address: visit.address)
        let acting =
            if let passkey = given {
                try visit.vault.signIn(name: name, password: password, passkey: passkey, from: origin)
            } else {
                try visit.vault.signIn(name: name, password: password, code: visit.form["code"], from: origin)
            }
        let kept = Base64.decode(visit.form["kept"]).map { visit.vault.takeLateForm($0, as: acting) } ?? false
        return try visit.openSession(
            of: acting, then: !visit.vault.standing(of: acting).isConfirmed ? "/first-time" : kept ? "/late" : "/")
    } catch {
        switch error {
        case .signInFailed, .tooManyTries, .busy, .refused(.suspended),
            .refused(.keysBeingReplaced), .refused(.passkeyNeeded):
            // The same page whatever was wrong; only how long to wait is said.
            let problem = Problem(.vault(error))
            return signInPage(
                visit, token: visit.request.cookie(.form) ?? "", name: visit.form["name"], kept: visit.form["kept"],
                problem: problem
            ).with { reply in
                if let seconds = problem.retryAfterSeconds { reply.headers[.retryAfter] = String(seconds) }
            }
        case .refused, .notFound, .gone, .offsetDiffers, .clockBehind, .storage, .uncertain, .unwitnessed, .tampered,
            .waiting, .store:
            throw error
        }
    }
}

private func signOut(_ visit: Visit) throws -> Reply {
    let acting = try visit.acting
    try visit.vault.signOut(acting)
    visit.site.printRoom.stop(for: acting.session)
    if let token = visit.request.cookie(.session) { visit.vault.sessions.close(token) }
    return .redirect("/sign-in").with { $0.setCookie(.session, "") }
}

private func hiddenPage(_ visit: Visit, problem: Problem? = nil) -> Reply {
    let isHidden = visit.session.map { visit.vault.hiddenPlace(of: $0.acting) != nil } ?? false
    let hasPasskeys =
        (try? visit.session.map { try visit.vault.passkeys(of: $0.acting.person, as: $0.acting) })??.isEmpty == false
    return visit.page(
        .hidden,
        HiddenPage(
            chrome: visit.chrome(visit.vault.policies.school.name), isHidden: isHidden,
            failed: problem.map { "\($0.title) \($0.advice)" },
            passkey: hasPasskeys ? PasskeyButton("Use a passkey instead", visit, isAlone: true) : nil),
        status: problem?.status ?? .ok)
}

/// Hides the session, and not only what stands on the screen. The page to come back to is one of ours, or home.
private func hideScreen(_ visit: Visit) throws -> Reply {
    let place = visit.form["place"]
    let isPlain = place.hasPrefix("/") && !place.hasPrefix("//") && place.utf8.count <= 300
    let isOurs = isPlain && place.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") }
    visit.vault.hide(try visit.acting, at: isOurs ? place : "/")
    return .redirect("/hidden")
}

private func showScreen(_ visit: Visit) throws -> Reply {
    let given = try visit.givenPasskey()
    do throws(VaultError) {
        guard let acting = visit.session?.acting else { return .redirect("/sign-in") }
        if let given { return .redirect(try visit.vault.reveal(acting, passkey: given)) }
        return .redirect(try visit.vault.reveal(acting, password: visit.form["password"]))
    } catch {
        switch error {
        case .signInFailed:
            return hiddenPage(
                visit,
                problem: Problem(
                    .vault(
                        .refused(
                            Refusal(
                                code: "reveal.failed", message: "That is not your password.", hint: "Type it again."))))
            )
        case .refused(.passkeyWrong), .tooManyTries, .busy: return hiddenPage(visit, problem: Problem(.vault(error)))
        default: throw error
        }
    }
}
