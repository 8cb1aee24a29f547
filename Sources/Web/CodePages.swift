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
    let csrf: String
}

extension Visit {
    /// Nil where a code of the last five minutes was given; else the page that asks for one and keeps the form.
    func askForCode() throws -> Reply? {
        let acting = try acting
        guard vault.needsCode(acting) else { return nil }
        var problem: Problem?
        if !form[BodyRule.codeField].isEmpty {
            do throws(VaultError) {
                try vault.giveCode(form[BodyRule.codeField], as: acting)
                return nil
            } catch {
                switch error {
                case .refused(.codeWrong), .tooManyTries: problem = Problem(.vault(error))
                default: throw error
                }
            }
        }
        let words = problem.map { "\($0.title) \($0.advice)" }
        return page(
            .code,
            CodePage(
                chrome: chrome(
                    "Confirm with a code", problems: words.map { [ProblemLink(href: "#code", text: $0)] } ?? []),
                path: request.uri.path,
                kept: form.fields.filter { !["csrf", BodyRule.codeField].contains($0.name) }.map {
                    .init(name: $0.name, value: $0.value)
                }, code: Field(error: words), csrf: session?.csrf ?? ""), status: problem?.status ?? .ok)
    }
}
