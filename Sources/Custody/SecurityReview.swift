import GRDB
public import Records

/// What happened lately that a lead looks over: who signed in, who failed to, what was refused, given and read.
public struct SecurityReview: Hashable, Sendable {
    /// What is counted.
    public enum Series: String, Hashable, Sendable, CaseIterable {
        /// Sessions opened.
        case signIns
        /// Sign-ins that failed, all names together.
        case failures
        /// Requests refused to people who were signed in, and uploads refused.
        case refusals
        /// Documents opened, to look at or to take.
        case reads
        /// Access and keys given, invitations, resets and suspensions.
        case changes
    }

    /// One day in the school's time zone.
    public struct Day: Hashable, Sendable {
        /// Such as `2026-11-23`.
        public let day: String
        /// How many of each.
        public internal(set) var counts: [Series: Int] = [:]
    }

    /// One thing that happened.
    public struct Line: Hashable, Sendable {
        /// Its statement's place in the ledger.
        public let index: UInt64
        /// When.
        public let recorded: Timestamp
        /// As what it counts.
        public let series: Series
        /// Who did it.
        public let author: String
        /// What, in a few words.
        public let what: String
    }

    /// The days, oldest first, those without anything too.
    public let days: [Day]
    /// The newest things first, but for sign-ins: those are in the figures.
    public let lines: [Line]
    /// How many people have not acknowledged the policy in force.
    public let withoutPolicy: Int
    /// How many have no training that counts.
    public let withoutTraining: Int
    /// Whether the policy's last review is more than twelve months ago.
    public let policyOverdue: Bool
}

extension SecurityReview.Series {
    init?(_ kind: Act.Kind) {
        switch kind {
        case .signedIn: self = .signIns
        case .signInFailed: self = .failures
        case .accessRefused, .uploadRefused, .permissionRefused: self = .refusals
        case .documentOpened, .chronologySearched, .chronologyPrinted, .issueOpened: self = .reads
        case .personInvited, .personReset, .personJoined, .personConfirmed, .personSuspended, .personRestored,
            .proposalMade, .proposalAgreed, .proposalWithdrawn,
            .recoveryCodeUsed, .keyboxRenewed, .passkeyAdded, .passkeyRemoved, .accessGiven, .accessEnded,
            .stationAdded,
            .stationWithdrawn, .policyAdopted, .policyReviewed, .disclosureRequested, .disclosureRefused,
            .disclosureDelegated, .delegationEnded, .permissionGiven, .permissionWithdrawn, .permissionEnded,
            .paperDestroyed, .quarantineDecided, .vaultContinued:
            self = .changes
        default: return nil
        }
    }
}

extension Act {
    /// The proposal that it makes, agrees to or withdraws.
    fileprivate var proposal: ProposalID? {
        switch self {
        case .proposalMade(let act): act.proposal
        case .proposalAgreed(let id), .proposalWithdrawn(let id): id
        default: nil
        }
    }
}

extension ReadingManner {
    fileprivate var words: String {
        switch self {
        case .view: "Looked at"
        case .download, .sealedDownload: "Took a copy of"
        case .comparison: "Compared with its record"
        case .recognition: "Had its text read for searching"
        }
    }
}

extension Act.Kind {
    fileprivate var isProposal: Bool {
        switch self {
        case .proposalMade, .proposalAgreed, .proposalWithdrawn: true
        default: false
        }
    }
}

extension Vault {
    /// What happened in the last days, for who gives access. Reads the ledger backwards as far as it needs to.
    ///
    /// - Parameters:
    ///   - days: how many days to count, today included.
    ///   - most: how many lines.
    public func securityReview(
        days count: Int = 14, most: Int = 100, as acting: Acting
    ) throws(VaultError) -> SecurityReview {
        try rethrowing("security") {
            _ = try decide(.giveAccess, acting)
            let overdue = try policyOverdue(as: acting)
            let school = SchoolTime(policies.school.timezone)
            let now = clock.now()
            let names = (0..<count).reversed().map {
                school.day(of: Timestamp(milliseconds: now.milliseconds - Int64($0) * 86_400_000))
            }
            return try recorder.read(pool) { db, head in
                var days = Dictionary(names.map { ($0, SecurityReview.Day(day: $0)) }) { first, _ in first }
                var lines: [SecurityReview.Line] = []
                let hidden = recorder.hidden
                let rows = try Row.fetchCursor(
                    db, sql: "SELECT idx, kind, recorded FROM act WHERE idx < ? ORDER BY idx DESC",
                    arguments: [Int64(head.size)])
                while let row = try rows.next() {
                    let recorded = Timestamp(milliseconds: try row.value("recorded"))
                    let day = school.day(of: recorded)
                    guard days[day] != nil else { break }
                    let index = try row.index("idx")
                    guard let kind = Act.Kind(rawValue: try row.value("kind")),
                        let series = SecurityReview.Series(kind), series != .reads || !hidden.contains(index)
                    else { continue }
                    var times = 1
                    // What is listed, and how many failures one statement gathers, is believed of a checked statement alone.
                    if series == .failures || kind.isProposal || (series != .signIns && lines.count < most) {
                        let statement = try recorder.statement(index, db).statement
                        if let proposal = statement.act.proposal.flatMap({ head.authority.proposals[$0] }),
                            Self.isHidden(proposal, from: acting)
                        {
                            continue
                        }
                        if case .signInFailed(_, let count) = statement.act { times = Int(count) }
                        if lines.count < most { lines.append(try line(statement, series, db)) }
                    }
                    days[day]?.counts[series, default: 0] += times
                }
                let people = head.authority.people.values.filter {
                    head.authority.stations[$0.id] == nil && $0.confirmed && $0.suspended == nil
                }
                func lack(_ step: EnrolmentStep) -> Int {
                    people.count { head.authority.steps(of: $0, at: now).contains(step) }
                }
                return SecurityReview(
                    days: names.compactMap { days[$0] }, lines: lines, withoutPolicy: lack(.policy),
                    withoutTraining: lack(.training), policyOverdue: overdue)
            }
        }
    }

    private func line(
        _ statement: Statement, _ series: SecurityReview.Series, _ db: Database
    ) throws -> SecurityReview.Line {
        let authority = recorder.authority
        func name(_ id: PersonID?) throws -> String {
            guard let id, let row = authority.people[id]?.row ?? authority.invitations[id]?.row else {
                return "somebody"
            }
            return try self.name(of: id, row, db)
        }
        func reference(_ file: PupilFileID?) -> String { file.flatMap { authority.pupils[$0]?.reference } ?? "a pupil" }
        let what =
            switch statement.act {
            case .signInFailed(let person, let count):
                person == nil
                    ? "\(count) failed under names that are nobody’s" : "\(count) failed as \(try name(person))"
            case .accessRefused(code: "passkey.copied"): "Refused: the passkey may have been copied (passkey.copied)"
            case .accessRefused(let code): "Refused (\(code))"
            case .uploadRefused(_, let code): "Upload refused (\(code))"
            case .documentOpened(let document, _, let manner):
                "\(manner.words) \(document.reference) of \(reference(statement.pupilFile))"
            case .chronologySearched:
                "Searched the summaries of " + (statement.pupilFile.map { reference($0) } ?? "all pupil files")
            case .chronologyPrinted(let act):
                "Printed \(act.lines) lines of the chronology of \(reference(statement.pupilFile)), \(act.print.reference)"
            case .quarantineDecided(let act):
                (act.released ? "Released from quarantine: " : "Kept in quarantine: ")
                    + "\(act.document.reference) of \(reference(statement.pupilFile))"
            case .personInvited(let act): "Invited \(try name(act.person))"
            case .personReset(let person, _, let roles):
                "Made \(try name(person)) join again"
                    + (roles.map { " as " + $0.map(\.title).sorted().joined(separator: ", ") } ?? "")
            case .personJoined: "Joined with an invitation"
            case .personConfirmed(let act): "Compared keys with \(try name(act.person)) and gave them theirs"
            case .personSuspended(let person, _): "Suspended \(try name(person))"
            case .personRestored(let person, _): "Let \(try name(person)) in again"
            case .proposalMade(let act): "Proposed to " + (try act.what.words { try name($0) })
            case .proposalAgreed(let id):
                "Agreed to " + (try authority.proposals[id]?.what.words { try name($0) } ?? "something")
            case .proposalWithdrawn(let id):
                "Withdrew: to " + (try authority.proposals[id]?.what.words { try name($0) } ?? "do something")
            case .recoveryCodeUsed: "Signed in with a recovery code"
            case .keyboxRenewed: "Changed their password, or had it hashed harder"
            case .passkeyAdded: "Added a passkey"
            case .passkeyRemoved(_, let person):
                statement.author == .person(person)
                    ? "Removed a passkey of their own" : "Removed a passkey of \(try name(person))"
            case .accessGiven(let act):
                "Gave \(try name(act.person)) access to \(act.whole ? "the file" : "documents") of \(reference(statement.pupilFile))"
            case .accessEnded(let id):
                "Ended the access of \(try name(authority.accesses[id]?.person)) to \(reference(statement.pupilFile))"
            case .paperDestroyed(let act):
                "Recorded that the paper of batch \(authority.batches[act.batch].map { String($0.number) } ?? "") was destroyed"
            case .stationAdded(let act): "Made the scan station \(try name(act.party.person))"
            case .stationWithdrawn(let station): "Withdrew the scan station \(try name(station))"
            case .policyAdopted: "Put changed policies into force"
            case .disclosureDelegated(let person, _): "Let \(try name(person)) give permissions to agencies"
            case .delegationEnded(let person): "Let \(try name(person)) give no more permissions to agencies"
            case .vaultContinued(let act):
                "Decided that the restored vault goes on"
                    + (act.lost.map { ": statements up to \($0.size) are known to be lost" } ?? "")
            case .policyReviewed: "Recorded that the policy was reviewed together with the panel"
            default:
                Self.disclosureLine(statement.act, reference(statement.pupilFile)) ?? statement.act.kind.rawValue
            }
        return SecurityReview.Line(
            index: statement.index, recorded: statement.time, series: series, author: try author(of: statement, db),
            what: what)
    }
}
