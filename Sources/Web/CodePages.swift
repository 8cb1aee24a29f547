import Custody
import HTTPTypes
import Hummingbird
import Records

struct CodePage {
    struct Kept {
        let name: String
        let value: String
    }
    let chrome: Chrome
    let path: String
    let kept: [Kept]
    let code: Field
    /// Whether a code counts: not for a role that signs in by passkey.
    let takesCode: Bool
    let passkey: PasskeyButton?
    let csrf: String
}

extension Visit {
    /// Nil where a code of the last five minutes was given; else the page that asks for one and keeps the form.
    func askForCode() throws -> Reply? {
        let acting = try acting
        guard vault.needsCode(acting) else { return nil }
        var problem: Problem?
        let passkey = try givenPasskey(prefix: BodyRule.codePrefix)
        if passkey != nil || !form[BodyRule.codeField].isEmpty {
            do throws(VaultError) {
                if let passkey {
                    try vault.givePasskey(passkey, as: acting)
                } else {
                    try vault.giveCode(form[BodyRule.codeField], as: acting)
                }
                return nil
            } catch {
                switch error {
                case .refused(.codeWrong), .refused(.passkeyWrong), .refused(.passkeyNeeded), .tooManyTries:
                    problem = Problem(.vault(error))
                default: throw error
                }
            }
        }
        let hasPasskeys = try !vault.passkeys(of: acting.person, as: acting).isEmpty
        let takesCode = !hasPasskeys || !vault.requiresPasskey(acting)
        let words = problem.map { "\($0.title) \($0.advice)" }
        return page(
            .code,
            CodePage(
                chrome: chrome(
                    takesCode ? "Confirm with a code" : "Confirm with your passkey",
                    problems: words.map { [ProblemLink(href: takesCode ? "#code" : "#confirm", text: $0)] } ?? []),
                path: request.uri.path,
                kept: form.fields.filter { $0.name != "csrf" && !BodyRule.codeFields.contains($0.name) }.map {
                    .init(name: $0.name, value: $0.value)
                }, code: Field(error: words), takesCode: takesCode,
                passkey: hasPasskeys
                    ? PasskeyButton(
                        takesCode ? "Use a passkey instead" : "Use your passkey", self, isAlone: true,
                        prefix: BodyRule.codePrefix)
                    : nil, csrf: session?.csrf ?? ""), status: problem?.status ?? .ok)
    }
}
