import Custody
import HTTPTypes
import Hummingbird
import Records

let peopleRoutes: [Route] = [
    Route(.get, "/people", .managePeople) { visit in try showPeople(visit) },
    Route(.post, "/people", .managePeople, body: .form(["name"], many: ["role"]), asksForCode: true, handle: invite),
]

struct PeoplePage {
    struct Line {
        let name: String
        let roles: String
        let standing: String
        let canWork: Bool
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
    case .dsl: "reads and files everything, decides who reads what"
    case .deputy: "reads and files everything"
    case .admin: "uploads and files, cannot read back"
    case .staff: "uploads and files, cannot read back"
    case .panel: "sees figures, no content"
    case .accountManager: "invites and suspends people, no content"
    case .station: "uploads, reads nothing"
    }
}

private func showPeople(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let words = refusal.map { "\($0.message) \($0.hint)" }
    let isRole = refusal?.code == "person.no-role" || refusal == .roleIsLeads
    let chosen = try visit.chosenRoles
    return visit.page(
        .people,
        PeoplePage(
            chrome: visit.chrome(
                "People", back: Link(href: "/", text: "Home"),
                problems: words.map { [ProblemLink(href: isRole ? "#roles" : "#name", text: $0)] } ?? []),
            people: try visit.vault.people(as: visit.acting).map { person in
                PeoplePage.Line(
                    name: person.name, roles: visit.words.roles(person.roles),
                    standing: visit.words.standing(person.standing, at: visit.now),
                    canWork: person.standing.steps.isEmpty, isSuspended: person.suspended != nil,
                    href: "/people/\(person.id.text)")
            }, csrf: visit.session?.csrf ?? "", name: Field(value: visit.form["name"], error: isRole ? nil : words),
            roles: visit.rolesToChoose(chosen: chosen), rolesError: isRole ? words : nil),
        status: refusal == nil ? .ok : .unprocessableContent)
}

struct InvitedPage {
    let chrome: Chrome
    let name: String
    let roles: String
    let code: String
    let until: String
    let address: String
    let path: String
    let isReader: Bool
    let isAgain: Bool
    /// Who has to agree before the keys are given, where it takes two people.
    let second: String?
}

private func invite(_ visit: Visit) throws -> Reply {
    let roles = try visit.chosenRoles
    do {
        let invitation = try visit.vault.invite(name: trimmed(visit.form["name"]), roles: roles, as: visit.acting)
        return try invitedPage(visit, invitation, roles, isAgain: false)
    } catch VaultError.refused(let refusal) where refusal != .notEntitled {
        return try showPeople(visit, refusal: refusal)
    }
}

/// What the person is given on paper.
func invitedPage(
    _ visit: Visit, _ invitation: Invitation, _ roles: Set<Role>, isAgain: Bool
) throws -> Reply {
    visit.page(
        .invited,
        InvitedPage(
            chrome: visit.chrome(
                isAgain ? "A new invitation" : "Invitation", back: Link(href: "/people", text: "People")),
            name: invitation.name, roles: visit.words.roles(roles), code: invitation.code,
            until: visit.words.moment(invitation.expires),
            address: "https://\(visit.request.head.authority ?? "")/join", path: "/people/\(invitation.person.text)",
            isReader: roles.contains { visit.vault.policies.access.roles[$0]?.contains(.read) == true },
            isAgain: isAgain, second: try visit.secondPerson(about: invitation.person)))
}

extension Visit {
    /// The roles that a form says.
    var chosenRoles: Set<Role> {
        get throws(Fault) {
            var roles: Set<Role> = []
            for word in form.all("role") {
                guard let role = Role(rawValue: word) else { throw .unknownField }
                roles.insert(role)
            }
            return roles
        }
    }

    /// The roles that who acts may give.
    func rolesToChoose(chosen: Set<Role>) -> [Choice] {
        Role.ofPeople.filter(mayMake).map { role in
            Choice(
                value: role.rawValue, title: "\(role.title): \(purpose(of: role))", chosen: chosen.contains(role))
        }
    }

    /// Whether who acts may invite somebody of this role.
    func mayMake(_ role: Role) -> Bool {
        !Role.madeByLead.contains(role) || session?.acting.roles.contains(.dsl) == true
    }
}

extension Wording {
    /// How far somebody is, in a few words.
    func standing(_ standing: Standing, at now: Timestamp) -> String {
        if let until = standing.invitedUntil {
            return until > now ? "Invited until \(moment(until))" : "Invitation too old"
        }
        if standing.steps.contains(.authenticator) { return "Has to set up the authenticator" }
        if standing.steps.contains(.passkey) { return "Has to add a passkey" }
        if standing.steps.contains(.keys) { return "Waits for their keys" }
        if standing.steps.contains(.policy) { return "Has to read the policy" }
        return standing.steps.contains(.training) ? "No training that counts" : "Can work"
    }
}
