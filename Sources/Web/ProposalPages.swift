import Custody
import HTTPTypes
import Records

let proposalRoutes: [Route] = [
    Route(.get, "/proposals", .takesPart, handle: showProposals),
    Route(.post, "/proposals", .takesPart, body: .form(["lead", "change"]), asksForCode: true, handle: proposeChange),
    Route(.post, "/proposals/{proposal}/agree", .takesPart, body: .form([]), asksForCode: true) { visit in
        try visit.vault.agree(to: visit.id("proposal"), as: visit.acting)
        return .redirect("/proposals")
    },
    Route(.post, "/proposals/{proposal}/withdraw", .takesPart, body: .form([])) { visit in
        try visit.vault.withdraw(visit.id("proposal"), as: visit.acting)
        return .redirect("/proposals")
    },
    Route(.post, "/proposals/{proposal}/sheets", .giveAccess, body: .form([]), asksForCode: true) { visit in
        sheetsPage(visit, try visit.vault.setRecovery(under: visit.id("proposal"), as: visit.acting))
    },
]

struct ProposalsPage {
    /// One that stands.
    struct Standing {
        let title: String
        let proposed: String
        let agreed: String?
        let until: String
        let words: [String]
        let hasWords: Bool
        let holders: [String]
        let needed: String?
        let mayAgree: Bool
        /// What agreeing comes to.
        let consequence: String
        /// Why whoever looks may not agree.
        let objection: String?
        /// Where keys are given.
        let keys: Link?
        let makesSheets: Bool
        let mayWithdraw: Bool
        let isOwn: Bool
        let path: String
    }
    struct Lead {
        let id: String
        let name: String
        let isSuspended: Bool
    }
    struct Past {
        let text: String
        let how: String
    }
    let chrome: Chrome
    let acts: [String]
    let hasActs: Bool
    let newFor: String
    let standing: [Standing]
    let nothingStands: Bool
    let leads: [Lead]
    let offersLeads: Bool
    let notices: [String]
    let hasNotices: Bool
    let past: [Past]
    let hasPast: Bool
    let csrf: String
}

private func showProposals(_ visit: Visit) throws -> Reply {
    let (vault, words) = (visit.vault, visit.words)
    let acting = try visit.acting
    let proposals = try vault.proposals(as: acting)
    let isStanding = { (one: ProposalListing) in one.standing == .waits || one.standing == .agreed }
    let leads = try vault.leadsToSuspend(as: acting)
    let access = vault.policies.access
    let acts = TwoPersonAct.allCases.filter(access.twoPeople.contains).map(\.title)
    let notices = try vault.notices(days: 3660, as: acting).map(words.notice)
    let past = proposals.filter { [.withdrawn, .over].contains($0.standing) }
    return visit.page(
        .proposals,
        ProposalsPage(
            chrome: visit.chrome("What takes two people", back: Link(href: "/", text: "Home")), acts: acts,
            hasActs: !acts.isEmpty, newFor: words.count(access.newForDays, "day"),
            standing: proposals.filter(isStanding).map { line($0, visit, acting) },
            nothingStands: !proposals.contains(where: isStanding),
            leads: leads.map { .init(id: $0.id.text, name: $0.name, isSuspended: $0.suspended != nil) },
            offersLeads: !leads.isEmpty, notices: notices, hasNotices: !notices.isEmpty,
            past: past.map { one in
                let ended = one.ended.map { "on \(words.moment($0))" } ?? ""
                return .init(
                    text: "\(words.title(of: one)), proposed by \(one.proposedBy) on \(words.moment(one.proposed))",
                    how: one.standing == .withdrawn
                        ? "Withdrawn by \(one.endedBy ?? "") \(ended)" : "Not done in time, or something changed since")
            }, hasPast: !past.isEmpty, csrf: visit.session?.csrf ?? ""))
}

private func line(_ one: ProposalListing, _ visit: Visit, _ acting: Acting) -> ProposalsPage.Standing {
    let words = visit.words
    var (keyWords, holders, needed): ([String], [String], String?) = ([], [], nil)
    let consequence: String
    switch one.matter {
    case .keys(let roles, let theirs):
        keyWords = theirs
        let reads = roles.contains { visit.vault.policies.access.roles[$0]?.contains(.read) == true }
        consequence =
            "\(one.proposedBy) then gives \(one.name) their keys. "
            + (reads
                ? "They open every ordinary pupil file. What is read or copied cannot be taken back."
                : "They open no pupil file.")
            + " \(words.count(visit.vault.policies.access.newForDays, "day")) later \(one.name) can be a second person, too."
    case .recoveryKey(let names, let threshold):
        holders = names
        needed = "\(threshold) of \(names.count)"
        consequence =
            "\(one.proposedBy) then makes the sheets and gives them to these people. As many of them as are needed open "
            + "every file. Sheets made before count no more."
    case .suspension:
        consequence =
            "Agreeing suspends \(one.name) at once: they are signed out everywhere, what they are downloading stops, and "
            + "they cannot sign in until another lead, or two people again, let them in."
    case .restoration:
        consequence = "Agreeing lets \(one.name) in again at once. They may again what a safeguarding lead may."
    }
    var carriesKeys: Link?
    var makesSheets = false
    if one.mayCarryOut {
        switch one.matter {
        case .keys:
            carriesKeys = one.person.map { Link(href: "/people/\($0.text)", text: "Give \(one.name) their keys") }
        case .recoveryKey: makesSheets = true
        case .suspension, .restoration: break
        }
    }
    return .init(
        title: words.title(of: one), proposed: "by \(one.proposedBy), \(words.moment(one.proposed))",
        agreed: one.agreedBy.map { "\($0), \(one.agreed.map(words.moment) ?? "")" }, until: words.moment(one.expires),
        words: keyWords, hasWords: !keyWords.isEmpty, holders: holders, needed: needed, mayAgree: one.objection == nil,
        consequence: consequence,
        objection: one.standing == .waits ? one.objection.map { "\($0.message) \($0.hint)" } : nil, keys: carriesKeys,
        makesSheets: makesSheets, mayWithdraw: one.mayWithdraw, isOwn: one.proposedBy == acting.name,
        path: "/proposals/\(one.id.text)")
}

private func proposeChange(_ visit: Visit) throws -> Reply {
    guard let lead = PersonID(text: visit.form["lead"]), ["suspend", "restore"].contains(visit.form["change"]) else {
        throw Fault.unknownField
    }
    try visit.vault.propose(suspending: lead, visit.form["change"] == "suspend", as: visit.acting)
    return .redirect("/proposals")
}

/// What there is to do about proposals, for leads, deputies and panel.
func proposalDuties(_ visit: Visit, _ acting: Acting) throws -> [HomePage.Duty] {
    guard visit.vault.takesPart(acting) else { return [] }
    let all = try visit.vault.proposals(as: acting)
    func duty(_ count: Int, _ one: String, _ many: String) -> [HomePage.Duty] {
        count == 0 ? [] : [.init(href: "/proposals", count: String(count), text: count == 1 ? one : many)]
    }
    return duty(
        all.count { $0.objection == nil }, "act waits for a second person: you can agree",
        "acts wait for a second person: you can agree")
        + duty(
            all.count(where: \.mayCarryOut), "act was agreed to: carry it out", "acts were agreed to: carry them out")
        + duty(
            all.count { $0.standing == .waits && $0.objection == .proposalIsYours },
            "proposal of yours waits for a second person", "proposals of yours wait for a second person")
}

extension Visit {
    /// What leads, deputies and panel are told of the last week.
    func notices(_ acting: Acting) throws -> [String] {
        try vault.takesPart(acting) ? vault.notices(days: 7, as: acting).map(words.notice) : []
    }

    /// Who has to agree to something, in a sentence; nil where nobody has to.
    func secondPerson(about person: PersonID?) throws -> String? {
        let second = try vault.secondPeople(about: person, as: acting)
        guard second.areNeeded else { return nil }
        let who = words.alternatives(second.names)
        return
            "\(person == nil ? "Making recovery sheets" : "Giving these keys") takes two people. \(who ?? "A lead, deputy or panel member who has had their keys for long enough") has to agree first, and is told on their home page."
    }
}

extension TwoPersonAct {
    fileprivate var title: String {
        switch self {
        case .makeLead: "making somebody safeguarding lead"
        case .makeDeputy: "making somebody deputy"
        case .makePanel: "making somebody a panel member"
        case .joinAgain: "giving any of these their keys again, after they were made to join again"
        case .makeRecoveryKey: "making recovery sheets, and saying who keeps them"
        case .suspendLead: "suspending a safeguarding lead, or letting one in again, where no other lead does"
        }
    }
}

extension Wording {
    /// `Maud Tranter, Ivo Vasey or Nell Pym`; nil for nobody.
    func alternatives(_ names: [String]) -> String? {
        guard let last = names.last else { return nil }
        return names.count == 1 ? last : names.dropLast().joined(separator: ", ") + " or " + last
    }

    /// What is proposed, as a heading.
    func title(of proposal: ProposalListing) -> String {
        switch proposal.matter {
        case .keys(let roles, _): "Give \(proposal.name) their keys (\(self.roles(roles)))"
        case .recoveryKey: "Make recovery sheets"
        case .suspension: "Suspend \(proposal.name), safeguarding lead"
        case .restoration: "Let \(proposal.name), safeguarding lead, in again"
        }
    }

    /// What leads, deputies and panel are told, in a sentence.
    func notice(_ notice: NoticeListing) -> String {
        let who = notice.with.map { "by \(notice.by) and \($0)" } ?? "by \(notice.by) alone"
        let roles = roles(notice.roles)
        let what =
            switch notice.event {
            case .made: "\(notice.name) (\(roles)) was given their keys"
            case .joinedAgain: "\(notice.name) (\(roles)) joined again and was given their keys"
            case .recoveryKeyMade: "New recovery sheets were made"
            case .leadSuspended: "\(notice.name) was suspended as safeguarding lead"
            case .leadRestored: "\(notice.name) was let in again as safeguarding lead"
            }
        return "\(what), on \(moment(notice.time)), \(who)."
    }
}
