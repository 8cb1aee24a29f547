import Custody
import HTTPTypes
import Hummingbird
import Papers
import Records

// A newcomer's way: /join (name, code, own password) · /first-time (authenticator · recovery codes · policy · words to
// compare) · home. Somebody who signs in again in between goes on where they were.

let enrolmentRoutes: [Route] = [
    Route(.get, "/join", .anyone, handle: showJoin),
    Route(
        .post, "/join", .anyone, body: .form(["name", "invitation", "password", "again"]), hashes: true, handle: join),
    Route(.get, "/first-time", .session) { visit in try firstTimePage(visit) },
    Route(.post, "/first-time", .session, body: .form(["code"]), handle: finishAuthenticator),
    Route(.get, "/first-time/recovery-codes", .session, handle: showFirstRecoveryCodes),
    Route(.get, "/policy", .session, handle: showPolicy),
    Route(.post, "/policy", .session, body: .form(["version", "acknowledged"]), handle: acknowledgePolicy),
    Route(.get, "/recovery-codes", .signedIn) { visit in try recoveryCodesPage(visit) },
    Route(.post, "/recovery-codes", .signedIn, body: .form(["code"]), handle: showRecoveryCodes),
]

/// The line of progress above a newcomer's pages.
struct StepLine {
    struct Item {
        let title: String
        let state: String
        let isNow: Bool
    }
    let items: [Item]

    /// - Parameter now: 0 for the password, then the steps in their order.
    init(now: Int) {
        items = ["Password", "Authenticator", "Policy", "Keys compared"].enumerated().map { place, title in
            Item(title: title, state: place < now ? "done" : place == now ? "now" : "to come", isNow: place == now)
        }
    }
}

// MARK: - Joining

struct JoinPage {
    let chrome: Chrome
    let token: String
    let steps: StepLine?
    let minimum: Int
    let name: Field
    let invitation: Field
    let password: Field
    let again: Field
}

private func showJoin(_ visit: Visit) throws -> Reply {
    if visit.session != nil { return .redirect("/") }
    let token = visit.request.cookie(.form) ?? Site.nonce()
    return joinPage(visit, token: token).with { $0.setCookie(.form, token) }
}

private func joinPage(_ visit: Visit, token: String, problem: Problem? = nil) -> Reply {
    let words = problem.map { "\($0.title) \($0.advice)" }
    let place =
        switch problem?.code {
        case nil: ""
        case "password.differs": "again"
        case .some(let code) where code.hasPrefix("password."): "password"
        default: "name"
        }
    func field(_ name: String, keeps: Bool = false) -> Field {
        Field(value: keeps ? visit.form[name] : "", error: place == name ? words : nil)
    }
    return visit.page(
        .join,
        JoinPage(
            chrome: visit.chrome("Join", problems: words.map { [ProblemLink(href: "#" + place, text: $0)] } ?? []),
            token: token, steps: StepLine(now: 0),
            minimum: visit.vault.policies.sessions.passwordMinimumCharacters, name: field("name", keeps: true),
            invitation: field("invitation", keeps: true), password: field("password"), again: field("again")),
        status: problem?.status ?? .ok)
}

private func join(_ visit: Visit) throws -> Reply {
    let token = visit.request.cookie(.form) ?? ""
    guard visit.form["password"] == visit.form["again"] else {
        return joinPage(
            visit, token: token,
            problem: Problem(.vault(.refused(.passwordsDiffer))))
    }
    do throws(VaultError) {
        let acting = try visit.vault.join(
            name: visit.form["name"], code: visit.form["invitation"], password: visit.form["password"])
        return try visit.openSession(of: acting, then: "/first-time")
    } catch {
        switch error {
        case .refused, .busy:
            let problem = Problem(.vault(error))
            return joinPage(visit, token: token, problem: problem).with { reply in
                if let seconds = problem.retryAfterSeconds { reply.headers[.retryAfter] = String(seconds) }
            }
        default: throw error
        }
    }
}

// MARK: - The first time

struct FirstTimePage {
    let chrome: Chrome
    let steps: StepLine?
    let secret: String
    let qrPath: String?
    let qrSide: Int
    let code: Field
    let csrf: String
}

struct ComparePage {
    let chrome: Chrome
    let steps: StepLine?
    let words: [String]
    let needsTraining: Bool
}

/// The step that is due, or home.
private func firstTimePage(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let acting = try visit.acting
    let due = visit.vault.standing(of: acting).steps
    if due.contains(.authenticator) { return try authenticatorPage(visit, acting, refusal) }
    if due.contains(.passkey) { return .redirect("/passkeys") }
    if due.contains(.policy) { return .redirect("/policy") }
    guard due.contains(.keys), let words = try visit.vault.fingerprintWords(of: acting.person, as: acting) else {
        return .redirect("/")
    }
    return visit.page(
        .compare,
        ComparePage(
            chrome: visit.chrome("Compare your keys"), steps: StepLine(now: 3), words: words,
            needsTraining: due.contains(.training)))
}

private func authenticatorPage(_ visit: Visit, _ acting: Acting, _ refusal: Refusal?) throws -> Reply {
    guard let secret = visit.vault.authenticatorSecret(of: acting) else { return .redirect("/") }
    let qr = QRCode(authenticatorAddress(secret: secret, name: acting.name, school: visit.vault.policies.school.name))
    let words = refusal.map { "\($0.message) \($0.hint)" }
    return visit.page(
        .firstTime,
        FirstTimePage(
            chrome: visit.chrome(
                "Set up your authenticator", problems: words.map { [ProblemLink(href: "#code", text: $0)] } ?? []),
            steps: StepLine(now: 1), secret: visit.words.grouped(secret), qrPath: qr?.path, qrSide: qr?.side ?? 0,
            code: Field(error: words), csrf: visit.session?.csrf ?? ""),
        status: refusal == nil ? .ok : .unprocessableContent)
}

private func finishAuthenticator(_ visit: Visit) throws -> Reply {
    do {
        try visit.vault.enrol(try visit.acting, code: visit.form["code"])
    } catch VaultError.refused(let refusal) where refusal.code == "enrol.code" {
        return try firstTimePage(visit, refusal: refusal)
    } catch VaultError.refused(let refusal) where refusal.code == "enrol.done" {
        return .redirect("/first-time")
    }
    return .redirect("/first-time/recovery-codes")
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

// MARK: - Recovery codes

struct RecoveryCodesPage {
    struct Line {
        let number: Int
        let code: String
        let isUsed: Bool
    }
    let chrome: Chrome
    let steps: StepLine?
    let codes: [Line]
    let hasCodes: Bool
    let left: String
    let code: Field
    let next: Link
    let csrf: String
}

private func showFirstRecoveryCodes(_ visit: Visit) throws -> Reply {
    let acting = try visit.acting
    let due = visit.vault.standing(of: acting).steps
    guard !due.contains(.authenticator), due.contains(.keys) else { return .redirect("/first-time") }
    let codes = try visit.vault.firstRecoveryCodes(of: acting)
    return recoveryCodesPage(visit, codes.map { ($0, false) }, isFirst: true)
}

private func recoveryCodesPage(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    recoveryCodesPage(visit, [], isFirst: false, refusal: refusal)
}

private func showRecoveryCodes(_ visit: Visit) throws -> Reply {
    do {
        return recoveryCodesPage(
            visit, try visit.vault.recoveryCodes(of: visit.acting, code: visit.form["code"]), isFirst: false)
    } catch VaultError.refused(.codeWrong) {
        let refusal = Refusal.codeWrong
        return try recoveryCodesPage(visit, refusal: refusal)
    }
}

private func recoveryCodesPage(
    _ visit: Visit, _ codes: [(code: String, isUsed: Bool)], isFirst: Bool, refusal: Refusal? = nil
) -> Reply {
    let words = refusal.map { "\($0.message) \($0.hint)" }
    let left = visit.session.map { visit.vault.standing(of: $0.acting).recoveryCodesLeft } ?? 0
    return visit.page(
        .recoveryCodes,
        RecoveryCodesPage(
            chrome: visit.chrome(
                "Your recovery codes", back: isFirst ? nil : Link(href: "/sign-ins", text: "Your sign-ins"),
                problems: words.map { [ProblemLink(href: "#code", text: $0)] } ?? []),
            steps: isFirst ? StepLine(now: 1) : nil,
            codes: codes.enumerated().map { .init(number: $0 + 1, code: $1.code, isUsed: $1.isUsed) },
            hasCodes: !codes.isEmpty, left: visit.words.count(left, "code"), code: Field(error: words),
            next: isFirst
                ? Link(href: "/first-time", text: "I have them on paper: go on")
                : Link(href: "/", text: "Go to your home page"),
            csrf: visit.session?.csrf ?? ""), status: refusal == nil ? .ok : .unprocessableContent)
}

// MARK: - The policy

struct PolicyPage {
    struct Section {
        let heading: String
        let text: String
    }
    let chrome: Chrome
    let steps: StepLine?
    let title: String
    let version: String
    let reviewed: String
    let sections: [Section]
    let isDue: Bool
    let error: String?
    let csrf: String
}

private func showPolicy(_ visit: Visit) throws -> Reply { try policyPage(visit) }

private func policyPage(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let policy = visit.vault.policies.acceptableUse
    let due = visit.vault.standing(of: try visit.acting).steps
    guard !due.contains(.authenticator) else { return .redirect("/first-time") }
    let words = refusal.map { "\($0.message) \($0.hint)" }
    return visit.page(
        .policy,
        PolicyPage(
            chrome: visit.chrome(
                policy.title, back: due.contains(.keys) ? nil : Link(href: "/", text: "Home"),
                problems: words.map { [ProblemLink(href: "#acknowledged", text: $0)] } ?? []),
            steps: due.contains(.keys) ? StepLine(now: 2) : nil, title: policy.title, version: policy.version,
            reviewed: visit.words.date(policy.reviewed),
            sections: policy.sections.map { .init(heading: $0.heading, text: $0.text) }, isDue: due.contains(.policy),
            error: words, csrf: visit.session?.csrf ?? ""), status: refusal == nil ? .ok : .unprocessableContent)
}

private func acknowledgePolicy(_ visit: Visit) throws -> Reply {
    guard visit.form["acknowledged"] == "yes" else {
        return try policyPage(
            visit,
            refusal: Refusal(
                code: "policy.not-acknowledged", message: "The policy is not acknowledged yet.",
                hint: "Tick the box when you have read it and keep to it."))
    }
    do {
        try visit.vault.acknowledgePolicy(version: visit.form["version"], as: visit.acting)
    } catch VaultError.refused(let refusal) where refusal.code == "policy.other-version" {
        return try policyPage(visit, refusal: refusal)
    }
    return .redirect("/first-time")
}

extension Visit {
    /// Opens a session for who has just shown who they are, in place of one that this browser had.
    func openSession(of acting: Acting, then next: String) throws(VaultError) -> Reply {
        let token = try vault.sessions.open(acting, device: device(request.headers[.userAgent]))
        if let old = request.cookie(.session), let session = vault.sessions.resume(old) {
            vault.sessions.close(old)
            try vault.signOut(session.acting)
        }
        return .redirect(next).with {
            $0.setCookie(.session, token)
            $0.setCookie(.form, "")
            $0.setCookie(.device, vault.deviceToken(of: acting), days: 180)
        }
    }
}
