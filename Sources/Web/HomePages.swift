import Custody
import HTTPTypes
import Records

let homeRoutes: [Route] = [Route(.get, "/", .signedIn, handle: showHome)]

struct HomePage {
    struct Unfinished {
        let href: String
        let text: String
        let pupil: String
    }
    /// What is missing before the person can work, with where to put it right.
    struct Missing {
        let text: String
        let link: Link?
    }
    struct Duty {
        let href: String
        let count: String
        let text: String
    }
    /// The batch that the person has open.
    struct OpenBatch {
        let href: String
        let title: String
        let filed: String
    }
    struct Role {
        let can: [String]
        let cannot: [String]
    }
    let chrome: Chrome
    /// What everyone is told for a while.
    let notice: String?
    /// What leads, deputies and panel are told for a while.
    let told: [String]
    let isTold: Bool
    /// That a notice by e-mail could not be sent.
    let mailFailed: String?
    let takesPart: Bool
    let missing: [Missing]
    let isMissing: Bool
    /// What somebody gave this person to read.
    let reading: Link?
    let mayFile: Bool
    let filesFirst: Bool
    let mayRead: Bool
    let mayManagePupils: Bool
    let mayManagePeople: Bool
    let mayGiveAccess: Bool
    let maySeeFigures: Bool
    let seesPolicyRegister: Bool
    let unfinished: [Unfinished]
    let hasUnfinished: Bool
    let hasDuties: Bool
    let waiting: [Duty]
    let nothingWaits: Bool
    let batch: OpenBatch?
    /// The batch of paper that the person has open, and what somebody asks them to check.
    let batchOfPaper: Link?
    let toCheck: Link?
    let archive: Link
    let csrf: String
    let offersBatch: Bool
    let mayManageStations: Bool
    let maySeeIntake: Bool
    let mayHoldRestricted: Bool
    let role: Role
}

private func showHome(_ visit: Visit) throws -> Reply {
    let (vault, words) = (visit.vault, visit.words)
    let acting = try visit.acting
    let (mayFile, mayRead) = (acting.may(.file, in: vault), acting.may(.read, in: vault))
    var unfinished: [HomePage.Unfinished] = []
    if mayFile {
        for (file, uploads) in Dictionary(grouping: try vault.pendingUploads(as: acting), by: \.pupilFile) {
            guard let file else { continue }
            let pupil = try vault.pupil(file, as: acting)
            unfinished.append(
                .init(
                    href: "/check/\(pupil.reference)", text: words.count(uploads.count, "file"),
                    pupil: "\(pupil.name), born \(pupil.yearOfBirth), \(pupil.reference)"))
        }
        for draft in try vault.drafts(as: acting) {
            let pupil = try vault.pupil(draft.pupilFile, as: acting)
            unfinished.append(
                .init(
                    href: "/meeting-notes/\(draft.id.text)", text: "notes of a meeting",
                    pupil: "\(pupil.name), born \(pupil.yearOfBirth), \(pupil.reference)"))
        }
        unfinished.sort { $0.pupil < $1.pupil }
    }
    var waiting = try triageDuties(visit, acting)
    if mayRead, acting.may(.seeFigures, in: vault) {
        let quarantined = try vault.figures(as: acting).quarantined
        if quarantined > 0 {
            waiting.append(
                .init(
                    href: "/quarantine", count: String(quarantined),
                    text: quarantined == 1 ? "document in quarantine" : "documents in quarantine"))
        }
    }
    if mayRead {
        let count = try vault.followUpCount(as: acting)
        let overdue = try vault.overdueCount(as: acting) ?? 0
        if count > 0 {
            waiting.append(
                .init(
                    href: "/follow-ups", count: String(count),
                    text: (count == 1 ? "follow-up that is not done" : "follow-ups that are not done")
                        + (overdue > 0 ? ", \(overdue) of them overdue" : "")))
        }
    }
    waiting += try disclosureDuties(visit, acting)
    if acting.may(.seeIntake, in: vault) {
        let count = try vault.intakeCount(as: acting)
        if count > 0 {
            waiting.append(
                .init(
                    href: "/intake", count: String(count),
                    text: count == 1 ? "scan in the intake queue" : "scans in the intake queue"))
        }
    }
    if acting.may(.holdRestricted, in: vault) {
        let count = try vault.restrictedWaiting(as: acting)
        if count > 0 {
            waiting.append(
                .init(
                    href: "/restricted", count: String(count),
                    text: (count == 1 ? "restricted document" : "restricted documents") + " you have not opened"))
        }
    }
    waiting +=
        try peopleDuties(visit, acting) + policyDuties(visit, acting) + recoveryDuties(visit, acting)
        + keepingDuties(visit, acting) + proposalDuties(visit, acting)
    let told = try visit.notices(acting)
    let missing = missing(visit, acting)
    let paper = mayFile || mayRead ? try vault.paperBatches(as: acting) : []
    let ownPaper = paper.first { $0.isOwn && $0.batch.closed == nil }
    let toCheck = paper.filter { $0.isCheckers && $0.stage == .presented }
    return visit.page(
        .home,
        HomePage(
            chrome: visit.chrome("Home"), notice: try visit.recoveryNotice(), told: told, isTold: !told.isEmpty,
            mailFailed: try vault.noticeFailure(as: acting).map { words.moment($0) },
            takesPart: vault.takesPart(acting), missing: missing,
            isMissing: !missing.isEmpty,
            reading: acting.hasAccess(in: vault)
                ? Link(href: "/reading", text: "What you may read") : nil, mayFile: mayFile,
            filesFirst: mayFile && !mayRead, mayRead: mayRead,
            mayManagePupils: acting.may(.managePupils, in: vault),
            mayManagePeople: acting.may(.managePeople, in: vault),
            mayGiveAccess: acting.may(.giveAccess, in: vault), maySeeFigures: acting.may(.seeFigures, in: vault),
            seesPolicyRegister: vault.seesPolicyRegister(acting),
            unfinished: unfinished, hasUnfinished: !unfinished.isEmpty,
            hasDuties: vault.takesPart(acting)
                || [.read, .managePeople, .holdRestricted].contains { acting.may($0, in: vault) },
            waiting: waiting,
            nothingWaits: waiting.isEmpty && unfinished.isEmpty,
            batch: mayFile && ownPaper == nil
                ? try vault.currentBatch(as: acting).map { batch in
                    HomePage.OpenBatch(
                        href: "/batches/\(batch.id.text)", title: "Batch \(batch.number)",
                        filed: "\(words.count(batch.documents, "document")) filed since \(words.moment(batch.opened))")
                } : nil,
            batchOfPaper: ownPaper.map {
                Link(
                    href: "/batches/\($0.batch.id.text)",
                    text: "Continue batch \($0.batch.number), \($0.facts.place)")
            },
            toCheck: toCheck.isEmpty
                ? nil
                : Link(
                    href: "/checks",
                    text: "\(words.count(toCheck.count, "batch", "batches")) of scanned paper for you to check"),
            archive: Link(href: "/archive", text: "See the archive, or begin with a folder"),
            csrf: visit.session?.csrf ?? "",
            offersBatch: mayFile && vault.hasStation && ownPaper == nil,
            mayManageStations: acting.may(.manageStations, in: vault), maySeeIntake: acting.may(.seeIntake, in: vault),
            mayHoldRestricted: acting.may(.holdRestricted, in: vault),
            role: role(acting, vault)))
}

private func missing(_ visit: Visit, _ acting: Acting) -> [HomePage.Missing] {
    let needs = Ability.allCases.contains { $0.needsDuties && acting.hasRole(for: $0, in: visit.vault) }
    guard needs else { return [] }
    return visit.vault.standing(of: acting).steps.map { step in
        switch step {
        case .policy:
            .init(
                text: "You have not acknowledged the policy in force.",
                link: Link(href: "/policy", text: "Read the policy"))
        case .training where acting.may(.managePeople, in: visit.vault):
            .init(
                text: "There is no training of yours on record that still counts.",
                link: Link(href: "/people/\(acting.person.text)", text: "Record your training"))
        default:
            .init(
                text:
                    "There is no training of yours on record that still counts. Ask the safeguarding lead to record it.",
                link: nil)
        }
    }
}

/// What there is to do about people, for who looks after them.
private func peopleDuties(_ visit: Visit, _ acting: Acting) throws -> [HomePage.Duty] {
    guard acting.may(.managePeople, in: visit.vault) else { return [] }
    let soon = Timestamp(milliseconds: visit.now.milliseconds + 30 * 86_400_000)
    let people = try visit.vault.people(as: acting).filter { $0.suspended == nil && $0.standing.invitedUntil == nil }
    let waiting = people.count { $0.standing.steps.contains(.keys) && !$0.standing.steps.contains(.authenticator) }
    let untrained = people.count {
        $0.standing.isConfirmed && $0.standing.trainedUntil.map { $0 <= soon } ?? true
    }
    var duties: [HomePage.Duty] = []
    if waiting > 0 {
        duties.append(
            .init(
                href: "/people", count: String(waiting),
                text: waiting == 1 ? "person waits for their keys" : "people wait for their keys"))
    }
    if untrained > 0 {
        duties.append(
            .init(
                href: "/people", count: String(untrained),
                text: (untrained == 1 ? "person has" : "people have") + " no training that counts for 30 more days"))
    }
    return duties
}

private func role(_ acting: Acting, _ vault: Vault) -> HomePage.Role {
    let all: [(Ability, can: String, cannot: String)] = [
        (.file, "upload and file documents for any pupil on the register", "upload or file documents"),
        (
            .read, "read pupils’ files, and each reading is recorded",
            "read pupils’ files, not even what you filed yourself"
        ),
        (
            .holdRestricted, "read restricted documents, which concern a member of staff, but none about yourself",
            "read restricted documents, which concern a member of staff"
        ),
        (.managePupils, "put pupils on the register", "change the register of pupils"),
        (.managePeople, "invite people, suspend them, and record their training", "invite people"),
        (.giveAccess, "give people the keys of their roles", "give anybody access"),
        (.seeFigures, "see how the record stands, in figures", "see the record’s figures"),
        (.manageStations, "make scan stations and withdraw them", "make scan stations"),
    ]
    return HomePage.Role(
        can: all.filter { acting.hasRole(for: $0.0, in: vault) }.map(\.can)
            + (vault.takesPart(acting) ? ["propose, and agree to, what takes two people"] : []),
        cannot: all.filter { !acting.hasRole(for: $0.0, in: vault) }.map(\.cannot))
}
