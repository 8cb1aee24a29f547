import Custody
import HTTPTypes
import Records

let peopleRoutes: [Route] = [
    Route(.get, "/people", .managePeople) { visit in try showPeople(visit) },
    Route(.post, "/people", .managePeople, body: .form(["name"], many: ["role"]), handle: addPerson),
]

struct PeoplePage {
    struct Line {
        let name: String
        let roles: String
        let enrolled: Bool
        let isSuspended: Bool
        let href: String
    }
    let chrome: Chrome
    let people: [Line]
    let csrf: String
    let name: Field
    let roles: [Choice]
    let rolesError: String?
}

/// What each role is for, beside its name in the form.
private func purpose(of role: Role) -> String {
    switch role {
    case .dsl: "reads and files everything, adds people"
    case .deputy: "reads and files everything"
    case .admin: "uploads and files, cannot read back"
    case .staff: "uploads and files, cannot read back"
    case .panel: "sees figures, no content"
    case .accountManager: "manages accounts, no content"
    case .station: "uploads, reads nothing"
    }
}

private func showPeople(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let words = refusal.map { "\($0.message) \($0.hint)" }
    let isRole = refusal?.code == "person.no-role"
    let chosen = visit.form.all("role")
    return visit.page(
        .people,
        PeoplePage(
            chrome: visit.chrome(
                "People", back: Link(href: "/", text: "Home"),
                problems: words.map { [ProblemLink(href: isRole ? "#role-dsl" : "#name", text: $0)] } ?? []),
            people: try visit.vault.people(as: visit.acting).map { person in
                PeoplePage.Line(
                    name: person.name, roles: visit.words.roles(person.roles), enrolled: person.enrolled,
                    isSuspended: person.suspended != nil, href: "/people/\(person.id.text)")
            }, csrf: visit.session?.csrf ?? "", name: Field(value: visit.form["name"], error: isRole ? nil : words),
            roles: Role.ofPeople.map { role in
                Choice(
                    value: role.rawValue, title: "\(role.title): \(purpose(of: role))",
                    chosen: chosen.contains(role.rawValue))
            }, rolesError: isRole ? words : nil), status: refusal == nil ? .ok : .unprocessableContent)
}

struct PersonAddedPage {
    let chrome: Chrome
    let name: String
    let roles: String
    let password: String
    let isReader: Bool
}

private func addPerson(_ visit: Visit) throws -> Reply {
    var roles: Set<Role> = []
    for word in visit.form.all("role") {
        guard let role = Role(rawValue: word) else { throw Fault.unknownField }
        roles.insert(role)
    }
    let name = trimmed(visit.form["name"])
    do {
        let person = try visit.vault.addPerson(name: name, roles: roles, as: visit.acting)
        return visit.page(
            .personAdded,
            PersonAddedPage(
                chrome: visit.chrome("Person added", back: Link(href: "/people", text: "People")), name: name,
                roles: visit.words.roles(roles), password: person.oneTimePassword,
                isReader: roles.contains { visit.vault.policies.access.roles[$0]?.contains(.read) == true }))
    } catch VaultError.refused(let refusal) where refusal != .notEntitled {
        return try showPeople(visit, refusal: refusal)
    }
}
