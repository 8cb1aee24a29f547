import Custody
import HTTPTypes
import Hummingbird
import Records

// Passkeys need the script: it asks the browser, puts its answer into two hidden fields of the form, and sends it. Without it
// the buttons are not there, and a code does everything.

let passkeyRoutes: [Route] = [
    Route(.get, "/passkeys", .session) { visit in try passkeysPage(visit) },
    Route(
        .post, "/passkeys", .session, body: .form(["name"]).withPasskey(), asksForCode: true, handle: addPasskey),
    Route(.get, "/passkeys/question", .anyone, leadsToSignIn: false) { visit in
        try question(visit.vault.passkeyQuestion(for: visit.formToken, at: visit.place))
    },
    Route(.get, "/passkeys/new-question", .session, leadsToSignIn: false) { visit in
        try question(visit.vault.newPasskeyQuestion(for: visit.formToken, at: visit.place, as: visit.acting))
    },
    Route(.post, "/passkeys/{passkey}/remove", .session, body: .form([]), asksForCode: true) { visit in
        try visit.vault.removePasskey(visit.id("passkey"), of: visit.acting.person, as: visit.acting)
        return .redirect("/passkeys")
    },
    Route(.post, "/people/{person}/passkeys/{passkey}/remove", .managePeople, body: .form([]), asksForCode: true) {
        visit in
        let person: PersonID = try visit.id("person")
        try visit.vault.removePasskey(visit.id("passkey"), of: person, as: visit.acting)
        return .redirect("/people/\(person.text)")
    },
]

/// The button that asks for a passkey, and the fields that its answer goes into.
struct PasskeyButton {
    let words: String
    /// The host name that passkeys are made for: the button is shown there alone.
    let site: String
    /// Where the question is, and whether a new passkey is made.
    let question: String
    let makes: Bool
    /// Whether it stands for everything that the form asks for.
    let isAlone: Bool
    /// What the fields' names begin with.
    let prefix: String

    init(_ words: String, _ visit: Visit, makes: Bool = false, isAlone: Bool = false, prefix: String = "") {
        self.words = words
        site = visit.vault.policies.school.site
        question = makes ? "/passkeys/new-question" : "/passkeys/question"
        self.makes = makes
        self.isAlone = isAlone
        self.prefix = prefix
    }
}

/// One passkey, for a list.
struct PasskeyRow {
    let name: String
    let added: String
    let isForSite: Bool
    let remove: String
    let csrf: String

    init(_ passkey: PasskeyListing, under path: String, _ visit: Visit) {
        name = passkey.name
        added = visit.words.moment(passkey.added)
        isForSite = passkey.isForSite
        remove = "\(path)/passkeys/\(passkey.id.text)/remove"
        csrf = visit.session?.csrf ?? ""
    }
}

struct PasskeysPage {
    let chrome: Chrome
    let passkeys: [PasskeyRow]
    let hasNone: Bool
    /// Whether their role signs in by passkey: then they have to add one, or keep one.
    let isRequired: Bool
    let mayAdd: Bool
    let name: Field
    let passkey: PasskeyButton
    let site: String
    let csrf: String
}

private func passkeysPage(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let acting = try visit.acting
    let steps = visit.vault.standing(of: acting).steps
    guard !steps.contains(.authenticator) else { return .redirect("/first-time") }
    let passkeys = try visit.vault.passkeys(of: acting.person, as: acting)
    let words = refusal.map { "\($0.message) \($0.hint)" }
    return visit.page(
        .passkeys,
        PasskeysPage(
            chrome: visit.chrome(
                "Your passkeys",
                back: steps.contains(.keys) || steps.contains(.passkey)
                    ? nil : Link(href: "/sign-ins", text: "Your sign-ins"),
                problems: words.map { [ProblemLink(href: "#name", text: $0)] } ?? []),
            passkeys: passkeys.map { PasskeyRow($0, under: "", visit) }, hasNone: passkeys.isEmpty,
            isRequired: visit.vault.requiresPasskey(acting), mayAdd: passkeys.count < PasskeyAct.most,
            name: Field(value: visit.form["name"], error: words),
            passkey: PasskeyButton("Add a passkey", visit, makes: true), site: visit.vault.policies.school.site,
            csrf: visit.session?.csrf ?? ""), status: refusal == nil ? .ok : .unprocessableContent)
}

private func addPasskey(_ visit: Visit) throws -> Reply {
    let acting = try visit.acting
    do {
        try visit.vault.addPasskey(visit.passkeyAnswer(), name: visit.form["name"], as: acting)
    } catch VaultError.refused(let refusal) where refusal.code.hasPrefix("passkey.") {
        return try passkeysPage(visit, refusal: refusal)
    }
    return .redirect(visit.vault.standing(of: acting).steps.contains(.keys) ? "/first-time" : "/passkeys")
}

/// What the page's script asks the browser with.
private func question(_ question: PasskeyQuestion) -> Reply {
    .text("{\"options\":\(question.options),\"challenge\":\"\(question.challenge)\"}", "application/json")
}

extension Visit {
    /// The token of the forms here: the agency's or the person's session's, or before there is one, that of the form's own
    /// cookie.
    var formToken: String {
        get throws(Fault) {
            let token = agency?.csrf ?? session?.csrf ?? request.cookie(.form) ?? ""
            guard !token.isEmpty else { throw .sessionEnded }
            return token
        }
    }

    /// Where the browser says that it is: host, and port where it is not 443.
    var place: String { request.head.authority ?? "" }

    /// The answer of an authenticator that came with the form; nil where none did.
    func givenPasskey(prefix: String = "") throws(Fault) -> PasskeyAnswer? {
        form[prefix + BodyRule.passkeyField].isEmpty ? nil : try passkeyAnswer(prefix: prefix)
    }

    fileprivate func passkeyAnswer(prefix: String = "") throws(Fault) -> PasskeyAnswer {
        PasskeyAnswer(
            json: form[prefix + BodyRule.passkeyField], challenge: form[prefix + BodyRule.challengeField],
            binding: try formToken, site: place)
    }
}

extension BodyRule {
    static let passkeyField = "passkey"
    static let challengeField = "challenge"

    /// With the fields of an authenticator's answer.
    func withPasskey(prefix: String = "") -> BodyRule {
        guard case .form(let once, let many, let perUpload) = self else { return self }
        return .form(
            once.union([prefix + Self.passkeyField, prefix + Self.challengeField]), many: many, perUpload: perUpload)
    }
}
