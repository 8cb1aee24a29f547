import Custody
import HTTPTypes
import Hummingbird
import Records

let personRoutes: [Route] = [
    Route(.get, "/people/{person}", .managePeople, handle: showPerson),
    Route(
        .post, "/people/{person}/keys", .giveAccess, body: .form(["words", "same"]), asksForCode: true, handle: giveKeys
    ),
    Route(.post, "/people/{person}/training", .managePeople, body: .form(["day"]), handle: recordTraining),
    Route(.post, "/people/{person}/reset", .managePeople, body: .form([]), asksForCode: true) { visit in
        let id: PersonID = try visit.id("person")
        let roles = try visit.vault.person(id, as: visit.acting).0.roles
        return try invitedPage(visit, visit.vault.reset(id, as: visit.acting), roles, isAgain: true)
    },
    Route(
        .post, "/people/{person}/role", .managePeople, body: .form([], many: ["role"]), asksForCode: true,
        handle: changeRole),
    Route(.post, "/people/{person}/suspend", .managePeople, body: .form([])) { visit in
        let id: PersonID = try visit.id("person")
        try visit.vault.suspend(id, as: visit.acting)
        return .redirect("/people/\(id.text)")
    },
    Route(.post, "/people/{person}/restore", .managePeople, body: .form([])) { visit in
        let id: PersonID = try visit.id("person")
        try visit.vault.restore(id, as: visit.acting)
        return .redirect("/people/\(id.text)")
    },
]

struct PersonPage {
    /// Keys that wait to be compared.
    struct Keys {
        let words: [String]
        let joined: String
        let error: String?
        /// What stands in the way, or was agreed, where it takes two people.
        let second: String?
        /// What is proposed already, and waits.
        let waits: String?
        /// Whether one lead may alone, and only because nobody else could agree.
        let isAlone: Bool
        let asks: Bool
    }
    /// What their keys open.
    struct Opens {
        let lines: [String]
        let accesses: [Link]
        let nothing: Bool
        let picture: KeyPicture
    }
    let chrome: Chrome
    let opens: Opens?
    let name: String
    let roles: String
    let standing: String
    let suspended: String?
    let keys: Keys?
    let needsLead: Bool
    let trained: String?
    let trainingCounts: Bool
    let trainedUntil: String
    let day: Field
    let mayTrain: Bool
    let isInvited: Bool
    let recoveryCodes: String?
    /// Nil for who has not joined.
    let passkeys: [PasskeyRow]?
    let noPasskeys: Bool
    let places: [PlaceRow]
    let isAway: Bool
    let objection: String?
    /// Whether giving them keys again takes two people.
    let isOfTwo: Bool
    /// The roles that they could be given.
    let newRoles: [Choice]
    let rolesError: String?
    let maySuspend: Bool
    let mayRestore: Bool
    let path: String
    let csrf: String
}

private func showPerson(_ visit: Visit) throws -> Reply { try personPage(visit) }

private func personPage(_ visit: Visit, refusal: Refusal? = nil, at place: String = "") throws -> Reply {
    let id: PersonID = try visit.id("person")
    let acting = try visit.acting
    let (person, objection) = try visit.vault.person(id, as: acting)
    let places = try visit.vault.places(of: id, as: acting)
    let passkeys = try visit.vault.passkeys(of: id, as: acting)
    let isSuspended = person.suspended != nil
    let standing = person.standing
    let waitsForKeys = standing.steps.contains(.keys) && !standing.steps.contains(.authenticator) && !isSuspended
    let mayGive = acting.may(.giveAccess, in: visit.vault)
    let words = waitsForKeys && mayGive ? try visit.vault.fingerprintWords(of: id, as: acting) : nil
    let problem = refusal.map { "\($0.message) \($0.hint)" }
    return visit.page(
        .person,
        PersonPage(
            chrome: visit.chrome(
                person.name, back: Link(href: "/people", text: "People"),
                problems: problem.map { [ProblemLink(href: "#" + place, text: $0)] } ?? []),
            opens: mayGive && standing.isConfirmed ? try opens(visit, id) : nil, name: person.name,
            roles: visit.words.roles(person.roles), standing: visit.words.standing(standing, at: visit.now),
            suspended: person.suspended.map(visit.words.moment),
            keys: try words.map { try keys(visit, id, $0, error: place == "same" ? problem : nil) },
            needsLead: waitsForKeys && !mayGive, trained: standing.trained.map(visit.words.date),
            trainingCounts: standing.trainedUntil.map { $0 > visit.now } ?? false,
            trainedUntil: standing.trainedUntil.map(visit.words.longDay) ?? "",
            day: Field(value: visit.form["day"], error: place == "day" ? problem : nil),
            mayTrain: standing.invitedUntil == nil, isInvited: standing.invitedUntil != nil,
            recoveryCodes: standing.isConfirmed ? visit.words.count(standing.recoveryCodesLeft, "recovery code") : nil,
            passkeys: standing.invitedUntil == nil
                ? passkeys.map { PasskeyRow($0, under: "/people/\(id.text)", visit) } : nil,
            noPasskeys: passkeys.isEmpty, places: places.map { PlaceRow($0, visit) }, isAway: places.isEmpty,
            objection: objection.map { "\($0.message) \($0.hint)" },
            isOfTwo: !person.roles.isDisjoint(with: Role.madeByLead)
                && visit.vault.policies.access.twoPeople.contains(.joinAgain),
            newRoles: visit.rolesToChoose(chosen: place == "roles" ? try visit.chosenRoles : person.roles),
            rolesError: place == "roles" ? problem : nil, maySuspend: objection == nil && !isSuspended,
            mayRestore: objection == nil && isSuspended,
            path: "/people/\(id.text)", csrf: visit.session?.csrf ?? ""),
        status: refusal == nil ? .ok : .unprocessableContent)
}

/// Keys that wait to be compared, and who has to agree before they are given.
private func keys(_ visit: Visit, _ id: PersonID, _ words: [String], error: String?) throws -> PersonPage.Keys {
    let acting = try visit.acting
    let second = try visit.secondPerson(about: id)
    let proposal =
        try visit.vault.takesPart(acting)
        ? visit.vault.proposals(as: acting).first { $0.person == id && [.waits, .agreed].contains($0.standing) } : nil
    let waits = proposal.flatMap { one in
        one.standing == .waits
            ? "Proposed by \(one.proposedBy) on \(visit.words.moment(one.proposed)). It waits for a second person to agree."
            : nil
    }
    let agreed = proposal.flatMap { one in
        one.mayCarryOut ? one.agreedBy.map { "\($0) has agreed: you can give them their keys now." } : nil
    }
    let isLead = try visit.vault.person(id, as: acting).0.roles.contains(where: Role.madeByLead.contains)
    return .init(
        words: words, joined: words.joined(separator: " "), error: error, second: agreed ?? second, waits: waits,
        isAlone: isLead && second == nil && agreed == nil && !visit.vault.policies.access.twoPeople.isEmpty,
        asks: second != nil && agreed == nil)
}

/// What a person's keys open, in words and drawn.
private func opens(_ visit: Visit, _ id: PersonID) throws -> PersonPage.Opens {
    let reach = try visit.vault.reach(of: id, as: visit.acting)
    let words = visit.words
    var lines: [String] = []
    var branches: [(key: String?, ends: [(text: String, isFaint: Bool)])] = []
    if reach.team {
        let files = words.count(reach.pupilFiles, "pupil file")
        lines.append("Every ordinary pupil file, through the safeguarding team’s key: \(files) today")
        branches.append(("Safeguarding team’s key", [(files, false)]))
    }
    if reach.register {
        lines.append("The register: names and dates of birth of all pupils")
        branches.append(("Register’s key", [("names of all pupils", false)]))
    }
    if reach.intake {
        lines.append("The intake queue")
        branches.append(("Intake queue’s key", [("scans no pupil is known for", false)]))
    }
    let accesses = reach.accesses.map { pupil, access in
        let what = access.whole ? "the whole file" : words.count(access.documents, "document")
        return Link(
            href: "/pupils/\(pupil.reference)/access",
            text: "\(pupil.reference): \(what), until \(words.lastDay(before: access.expires))")
    }
    branches.append((nil, accesses.map { ($0.text, false) }))
    return .init(
        lines: lines, accesses: accesses, nothing: lines.isEmpty && accesses.isEmpty,
        picture: KeyPicture(
            root: "Their own key", branches: branches.filter { !$0.ends.isEmpty },
            label: "Picture of what their key opens; the list below says the same"))
}

private func giveKeys(_ visit: Visit) throws -> Reply {
    guard visit.form["same"] == "yes" else {
        return try personPage(
            visit,
            refusal: Refusal(
                code: "person.not-compared", message: "The words are not compared yet.",
                hint: "Compare them with the person, then tick the box."), at: "same")
    }
    let words = visit.form["words"].split(separator: " ").map(String.init)
    do {
        try visit.vault.confirm(visit.id("person"), words: words, as: visit.acting)
    } catch VaultError.refused(.secondPersonNeeded) {
        try visit.vault.proposeKeys(of: visit.id("person"), words: words, as: visit.acting)
        return .redirect("/proposals")
    } catch VaultError.refused(let refusal) where refusal.code == "person.other-keys" {
        return try personPage(visit, refusal: refusal, at: "same")
    }
    return .redirect("/people/\(try visit.parameter("person"))")
}

private func changeRole(_ visit: Visit) throws -> Reply {
    let id: PersonID = try visit.id("person")
    let (person, _) = try visit.vault.person(id, as: visit.acting)
    let roles = try visit.chosenRoles
    do {
        guard roles != person.roles else {
            throw VaultError.refused(
                Refusal(
                    code: "person.same-role", message: "That is the role they have now.",
                    hint: "Tick what they are from now on, or go back."))
        }
        return try invitedPage(visit, visit.vault.reset(id, to: roles, as: visit.acting), roles, isAgain: true)
    } catch VaultError.refused(let refusal)
        where ["person.same-role", "person.no-role", "person.role-of-lead"].contains(refusal.code)
    {
        return try personPage(visit, refusal: refusal, at: "roles")
    }
}

private func recordTraining(_ visit: Visit) throws -> Reply {
    do {
        try visit.vault.recordTraining(of: visit.id("person"), completed: visit.form["day"], as: visit.acting)
    } catch VaultError.refused(let refusal)
        where refusal.code.hasPrefix("training.") || refusal == .dayUnreadable
    {
        return try personPage(visit, refusal: refusal, at: "day")
    }
    return .redirect("/people/\(try visit.parameter("person"))")
}
