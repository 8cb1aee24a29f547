import Custody
import HTTPTypes
import Hummingbird
import Records

let signInRoutes: [Route] = [
    Route(.get, "/sign-in", .anyone, handle: showSignIn),
    Route(.post, "/sign-in", .anyone, body: .form(["name", "password", "code"]), handle: signIn),
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
        let acting = try visit.vault.signIn(
            name: visit.form["name"], password: visit.form["password"], code: visit.form["code"])
        return try visit.openSession(
            of: acting, then: visit.vault.standing(of: acting).isConfirmed ? "/" : "/first-time")
    } catch {
        switch error {
        case .signInFailed, .tooManyTries, .busy, .refused(.suspended),
            .refused(.keysBeingReplaced):
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
