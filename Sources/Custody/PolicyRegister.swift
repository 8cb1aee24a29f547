import GRDB
public import Records

// The policy register: which version of the acceptable-use policy counted when and who adopted it, when it was reviewed and
// by whom, and of each person what they acknowledged and were trained in. All of it is replayed from the ledger but for one
// day: that of the last review as the policy's own file says it, which its statement commits to by digest.

/// The acceptable-use policy over the years, and who it counts for.
public struct PolicyRegister: Hashable, Sendable {
    /// A version that came into force.
    public struct Version: Hashable, Sendable {
        /// Its name.
        public let version: String
        /// Since when it counts.
        public let adopted: Timestamp
        /// Who adopted it.
        public let author: String
        /// Whether it counts now.
        public let isInForce: Bool
    }

    /// A review that was recorded.
    public struct Review: Hashable, Sendable {
        /// The version that was reviewed.
        public let version: String
        /// On which day.
        public let reviewed: String
        /// From when on the next one was, or is, overdue.
        public let due: Timestamp
        /// The lead who reviewed it.
        public let author: String
        /// The members of the panel with whom.
        public let panel: [String]
        /// When it was recorded.
        public let recorded: Timestamp
    }

    /// A person and what the policy asks of them.
    public struct Person: Hashable, Sendable {
        /// Who.
        public let id: PersonID
        /// Their name.
        public let name: String
        /// Their roles.
        public let roles: Set<Role>
        /// The version that they acknowledged last, and when.
        public let acknowledged: Acknowledgement?
        /// Whether it is the one in force.
        public let isAcknowledged: Bool
        /// How far they are otherwise: their training, and whether they have joined.
        public let standing: Standing
        /// Since when they are suspended: then nothing is asked of them.
        public let suspended: Timestamp?

        /// What they lack that the policy asks; nothing of who has not joined yet or is suspended.
        public func lacks(at now: Timestamp) -> [Lack] {
            guard suspended == nil, standing.invitedUntil == nil else { return [] }
            var lacks: [Lack] = []
            if !isAcknowledged { lacks.append(acknowledged == nil ? .policyNever : .policyOther) }
            if let until = standing.trainedUntil {
                if until <= now { lacks.append(.trainingOver) }
            } else {
                lacks.append(.trainingNone)
            }
            return lacks
        }
    }

    /// What somebody can lack; the words are those of the command line.
    public enum Lack: String, Hashable, Sendable {
        /// They never acknowledged a version.
        case policyNever = "policy never acknowledged"
        /// They acknowledged another version than the one in force.
        case policyOther = "another version acknowledged"
        /// No training of theirs is recorded.
        case trainingNone = "no training"
        /// Their last training counts no more.
        case trainingOver = "training overdue"
    }

    /// That somebody read a version and keeps to it.
    public struct Acknowledgement: Hashable, Sendable {
        /// Which.
        public let version: String
        /// When they said so.
        public let moment: Timestamp
    }

    /// The versions that were in force, newest first.
    public let versions: [Version]
    /// The reviews that were recorded, newest first.
    public let reviews: [Review]
    /// The day of the last review of the version in force: a recorded one, or that which the policy's own file says.
    public let reviewed: String
    /// From when on the next review is overdue: twelve months later, or sooner where the review said so.
    public let due: Timestamp
    /// Whether it is.
    public let isOverdue: Bool
    /// Everybody, by name.
    public let people: [Person]
    /// Who of the panel can be named in a review, by name.
    public var panel: [Person] {
        people.filter { $0.roles.contains(.panel) && $0.standing.isConfirmed && $0.suspended == nil }
    }
}

extension Vault {
    /// For how many months a review of the policy counts.
    static let reviewMonths = 12

    /// Whether somebody sees the policy register: who looks after people, and who watches over the record.
    public func seesPolicyRegister(_ acting: Acting) -> Bool {
        acting.may(.managePeople, in: self) || acting.may(.seeFigures, in: self)
    }

    /// The policy register, for who looks after people or sees the figures.
    public func policyRegister(as acting: Acting) throws(VaultError) -> PolicyRegister {
        try rethrowing("policy-register") {
            try decidePolicyRegister(acting)
            let now = clock.now()
            return try recorder.read(pool) { db, head in
                let authority = head.authority
                func name(_ id: PersonID) throws -> String {
                    guard let row = authority.people[id]?.row else { return "somebody" }
                    return try self.name(of: id, row, db)
                }
                let (reviewed, due) = try policyReviewed(authority)
                return PolicyRegister(
                    versions: try authority.policyVersions.enumerated().map { place, version in
                        PolicyRegister.Version(
                            version: version.version, adopted: version.adopted, author: try name(version.author),
                            isInForce: place == authority.policyVersions.count - 1)
                    }.reversed(),
                    reviews: try authority.policyReviews.map { review in
                        PolicyRegister.Review(
                            version: review.act.version, reviewed: review.act.reviewed, due: review.act.due,
                            author: try name(review.author), panel: try review.act.panel.map(name).sorted(),
                            recorded: review.recorded)
                    }.reversed(),
                    reviewed: reviewed, due: due, isOverdue: due <= now,
                    people: try listed(db, authority, at: now).map { person in
                        let state = authority.people[person.id]
                        return PolicyRegister.Person(
                            id: person.id, name: person.name, roles: person.roles,
                            acknowledged: state.flatMap { state in
                                guard let version = state.acknowledged, let moment = state.acknowledgedAt else {
                                    return nil
                                }
                                return PolicyRegister.Acknowledgement(version: version, moment: moment)
                            },
                            isAcknowledged: state?.acknowledged == authority.acceptableUse, standing: person.standing,
                            suspended: person.suspended)
                    })
            }
        }
    }

    /// Whether the next review of the policy is overdue, for who sees the register.
    public func policyOverdue(as acting: Acting) throws(VaultError) -> Bool {
        try rethrowing("policy") {
            try decidePolicyRegister(acting)
            return try policyReviewed(recorder.authority).due <= clock.now()
        }
    }

    /// Records that a lead and members of the panel reviewed the policy in force, and that it stays as it is. Recorded;
    /// durable on return.
    ///
    /// - Parameters:
    ///   - version: the one that was reviewed; a refusal `policy.other-version` where another is in force.
    ///   - day: when, as people write it; refusals `date.no-day`, `policy.review-in-future`, and `policy.review-too-old` for
    ///     one that would be overdue already.
    ///   - due: the day from which the next one is overdue; empty for twelve months later. A refusal `policy.review-due` for
    ///     one that lies later than that or has passed.
    ///   - panel: who of the panel; a refusal `policy.review-panel` without anybody, or with who is not of it.
    public func recordPolicyReview(
        of version: String, on day: String, due: String = "", with panel: Set<PersonID>, as acting: Acting
    ) throws(VaultError) {
        try rethrowing("policy-review") {
            _ = try decide(.giveAccess, acting)
            let authority = try checkPolicy()
            guard version == authority.acceptableUse else {
                throw Refusal(
                    code: "policy.other-version", message: "Another version of the policy is in force by now.",
                    hint: "Review the one in force.")
            }
            let (zone, now) = (policies.school.timezone, clock.now())
            let (reviewed, start) = try Self.day(day, in: zone)
            guard start <= now else {
                throw Refusal(
                    code: "policy.review-in-future", message: "The day of the review lies in the future.",
                    hint: "Record a review when it has taken place.")
            }
            let latest = try AcceptableUsePolicy.instant(reviewed, plusMonths: Self.reviewMonths, in: zone)
            guard latest > now else {
                throw Refusal(
                    code: "policy.review-too-old", message: "A review of that day is overdue again already.",
                    hint: "Review the policy anew: it is due every \(Self.reviewMonths) months.")
            }
            let next = try due.isEmpty ? latest : Self.day(due, in: zone).start
            guard next > now, next <= latest else {
                throw Refusal(
                    code: "policy.review-due", message: "The next review cannot be due on that day.",
                    hint: "Give a day to come, at most \(Self.reviewMonths) months after the review.")
            }
            guard !panel.isEmpty, !panel.contains(acting.person), panel.allSatisfy(authority.isOfPanel) else {
                throw Refusal(
                    code: "policy.review-panel", message: "A review is made together with the advisory panel.",
                    hint:
                        "Say who of the panel reviewed it with you. Invite them on the page People if nobody is there.")
            }
            try say(
                .policyReviewed(
                    PolicyReviewAct(version: version, reviewed: reviewed, due: next, panel: panel)), .person(acting))
        }
    }

    private func decidePolicyRegister(_ acting: Acting) throws {
        _ = try decide(acting.may(.managePeople, in: self) ? .managePeople : .seeFigures, acting)
    }

    /// The day of the last review of the version in force, and from when on the next one is overdue.
    private func policyReviewed(_ authority: Authority) throws -> (day: String, due: Timestamp) {
        let said = policies.acceptableUse.reviewed
        // Days of this form are in order as texts, too.
        if let review = authority.policyReview, review.act.reviewed >= said {
            return (review.act.reviewed, review.act.due)
        }
        let due = try AcceptableUsePolicy.instant(
            said, plusMonths: Self.reviewMonths, in: policies.school.timezone)
        return (said, due)
    }
}
