import Custody
import HTTPTypes
import Hummingbird
import Records

let lateRoutes: [Route] = [
    Route(.get, "/late", .session, handle: showLate)
]

struct LatePage {
    struct Line {
        let name: String
        let value: String
    }
    let chrome: Chrome
    let sent: String
    let path: String
    let lines: [Line]
    let kept: [CodePage.Kept]
    let csrf: String
}

private func showLate(_ visit: Visit) throws -> Reply {
    guard let form = try visit.vault.lateForm(of: visit.acting) else { return .redirect("/") }
    return visit.page(
        .late,
        LatePage(
            chrome: visit.chrome("What you had filled in", back: Link(href: "/", text: "Home")),
            sent: visit.words.moment(form.sent), path: form.path,
            lines: form.fields.compactMap { field in
                // `date-of-birth`, `summary.5qk…`; ids and ticks say nothing to people.
                let name = field.name.prefix { $0 != "." }.replacing("-", with: " ")
                guard !field.value.isEmpty, UploadID(text: field.value) == nil else { return nil }
                return LatePage.Line(name: name.prefix(1).uppercased() + name.dropFirst(), value: field.value)
            }, kept: form.fields.map { .init(name: $0.name, value: $0.value) }, csrf: visit.session?.csrf ?? ""))
}

extension Route {
    /// Whether what was filled in is kept for its sender where it came too late: all forms but those of uploads, which are
    /// staged, of passwords and passkeys, and of what a session alone is about.
    fileprivate var keepsForms: Bool {
        guard case .form(let fields, _, _) = body, !hashes, !fields.contains(BodyRule.passkeyField) else {
            return false
        }
        return access != .anyone && access != .agency && !isForHidden
    }
}

/// The most that is kept of one form.
private let mostKept = 1 << 20

extension Visit {
    /// The sign-in page with a form that came after its sender's sign-in had ended, sealed to them; nil for any other.
    func keepLateForm() async throws -> Reply? {
        guard session == nil, route.keepsForms, let token = request.cookie(.session),
            let (person, csrf) = vault.sessions.past(token)
        else { return nil }
        let form = try await request.form(route.body.withCode(route.asksForCode))
        guard equalInConstantTime(form["csrf"], csrf) else { throw Fault.forged }
        let fields = form.fields.filter { $0.name != "csrf" && !BodyRule.codeFields.contains($0.name) }
        guard fields.reduce(0, { $0 + $1.name.utf8.count + $1.value.utf8.count }) <= mostKept else { return nil }
        let sealed = try vault.seal(
            LateForm(
                path: request.uri.path, fields: fields.map { LateForm.Field(name: $0.name, value: $0.value) }, sent: now
            ),
            to: person)
        return signInPage(keeping: Base64.encode(sealed))
    }
}
