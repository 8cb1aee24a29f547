import Custody
import HTTPTypes
import Hummingbird
import Records

// The code is asked for on the same page, not on the one that keeps a form meanwhile: a password stands in no page's source.

let passwordRoutes: [Route] = [
    Route(.get, "/password", .signedIn) { visit in try passwordPage(visit) },
    Route(
        .post, "/password", .signedIn, body: .form(["old", "password", "again", "code"]).withPasskey(), hashes: true,
        handle: changePassword),
]

struct PasswordPage {
    let chrome: Chrome
    let minimum: Int
    let old: Field
    let password: Field
    let again: Field
    /// Where a code of the last five minutes is missing.
    let code: Field?
    let passkey: PasskeyButton?
    let isDone: Bool
    let csrf: String
}

private func passwordPage(_ visit: Visit, problem: Problem? = nil, isDone: Bool = false) throws -> Reply {
    let acting = try visit.acting
    let words = problem.map { "\($0.title) \($0.advice)" }
    let place =
        switch problem?.code {
        case nil: ""
        case "password.differs": "again"
        case "password.wrong", "sign-in.slowed", "server.busy": "old"
        case .some(let code) where code.hasPrefix("password."): "password"
        default: "code"
        }
    func field(_ name: String) -> Field { Field(error: place == name ? words : nil) }
    let needsCode = visit.vault.needsCode(acting)
    let hasPasskeys = try !visit.vault.passkeys(of: acting.person, as: acting).isEmpty
    return visit.page(
        .password,
        PasswordPage(
            chrome: visit.chrome(
                "Your password", back: Link(href: "/sign-ins", text: "Your sign-ins"),
                problems: words.map { [ProblemLink(href: "#" + place, text: $0)] } ?? []),
            minimum: visit.vault.policies.sessions.passwordMinimumCharacters, old: field("old"),
            password: field("password"), again: field("again"), code: needsCode ? field("code") : nil,
            passkey: needsCode && hasPasskeys
                ? PasskeyButton("Change it, with a passkey instead of the code", visit) : nil,
            isDone: isDone, csrf: visit.session?.csrf ?? ""), status: problem?.status ?? .ok)
}

private func changePassword(_ visit: Visit) throws -> Reply {
    let acting = try visit.acting
    guard visit.form["password"] == visit.form["again"] else {
        return try passwordPage(visit, problem: Problem(.vault(.refused(.passwordsDiffer))))
    }
    let given = try visit.givenPasskey()
    do throws(VaultError) {
        if let given {
            try visit.vault.givePasskey(given, as: acting)
        } else if visit.vault.needsCode(acting) {
            try visit.vault.giveCode(visit.form["code"], as: acting)
        }
        try visit.vault.changePassword(from: visit.form["old"], to: visit.form["password"], as: acting)
    } catch {
        switch error {
        case .refused, .tooManyTries, .busy: return try passwordPage(visit, problem: Problem(.vault(error)))
        default: throw error
        }
    }
    return try passwordPage(visit, isDone: true)
}

extension Refusal {
    /// Two passwords, where the same was to be typed twice.
    static let passwordsDiffer = Refusal(
        code: "password.differs", message: "The two passwords are not the same.", hint: "Type both again.")
}
