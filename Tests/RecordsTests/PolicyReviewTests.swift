import Records
import Sealing
import Testing

/// Reviews of the acceptable-use policy that leave it as it is.
@Suite struct PolicyReviewTests {
    private static let day: Int64 = 86_400_000
    /// 26 November 2026, at nine in the morning.
    private static let now: Int64 = 1_795_683_600_000

    private struct Given {
        var school: School
        let panel: PersonID
        var founder: Author { .person(school.founder) }

        init() throws {
            school = try School()
            // So that there may be more of the panel than one, without a second person.
            try school.say(
                .policyAdopted(
                    school.abilities, TwoPersonRule(acts: [], newForDays: 7), passkeyRoles: [],
                    acceptableUse: School.policyVersion), by: school.founder)
            panel = try school.add([.panel])
            school.time = PolicyReviewTests.now
        }

        func review(
            _ version: String = School.policyVersion, on reviewed: String = "2026-11-26", due days: Int64 = 365,
            with panel: Set<PersonID>? = nil
        ) -> Act {
            .policyReviewed(
                PolicyReviewAct(
                    version: version, reviewed: reviewed,
                    due: Timestamp(milliseconds: school.time + days * PolicyReviewTests.day),
                    panel: panel ?? [self.panel]))
        }
    }

    @Test func `A lead reviews it together with the panel, and nobody else does`() throws {
        var given = try Given()
        try given.school.say(given.review(), by: given.founder)
        let review = try #require(given.school.authority.policyReview)
        #expect(review.act.panel == [given.panel] && review.author == given.school.founder)
        #expect(review.recorded == Timestamp(milliseconds: Self.now) && review.act.reviewed == "2026-11-26")
        for role: Role in [.deputy, .panel, .accountManager, .admin, .staff] {
            let other = try given.school.add([role])
            #expect(
                given.school.unlawful(given.review(), by: .person(other))
                    == "author may not give-access: access.not-entitled", "\(role)")
        }
        #expect(given.school.unlawful(given.review(), by: .service) == "the service may not say policy.reviewed")
    }

    @Test func `Without somebody of the panel whose keys count it is no review`() throws {
        var given = try Given()
        let (deputy, both) = (try given.school.add([.deputy]), try given.school.add([.dsl, .panel]))
        let invited = try given.school.invited([.panel])
        try given.school.say(.personInvited(invited.act), by: given.founder, items: invited.items)
        let alone: Set<PersonID> = []
        for panel in [
            alone, [deputy], [given.panel, deputy], [.random()], [given.school.founder], [invited.act.person],
        ] {
            #expect(
                given.school.unlawful(given.review(with: panel), by: given.founder) == "a review without the panel")
        }
        // Who is both reviews it with somebody else, too.
        #expect(
            given.school.unlawful(given.review(with: [both]), by: .person(both)) == "a review without the panel")
        #expect(given.school.unlawful(given.review(with: [both]), by: given.founder) == nil)
        try given.school.say(.personSuspended(given.panel), by: given.founder)
        #expect(given.school.unlawful(given.review(), by: given.founder) == "a review without the panel")
    }

    @Test func `It is of the version in force, of a day that was, and counts for a year at most`() throws {
        var given = try Given()
        #expect(
            given.school.unlawful(given.review("1999"), by: given.founder)
                == "a review of another policy than the one in force")
        for day in ["2026-11-28", "2026-11", "26 November 2026", "undated", "2026-02-30", ""] {
            #expect(
                given.school.unlawful(given.review(on: day), by: given.founder)
                    == "a review of no day, or of one to come", "\(day)")
        }
        #expect(given.school.unlawful(given.review(on: "2026-11-27"), by: given.founder) == nil, "in another time zone")
        for (day, days): (String, Int64) in [
            ("2026-11-26", 0), ("2026-11-26", 368), ("2026-05-26", 365), ("2020-05-26", 1),
        ] {
            #expect(
                given.school.unlawful(given.review(on: day, due: days), by: given.founder)
                    == "a review that is over, or counts for more than a year", "\(day) \(days)")
        }
        #expect(given.school.unlawful(given.review(on: "2026-05-26", due: 180), by: given.founder) == nil)
        // A new version has to be reviewed on its own.
        try given.school.say(given.review(), by: given.founder)
        try given.school.say(
            .policyAdopted(given.school.abilities, given.school.twoPeople, passkeyRoles: [], acceptableUse: "2027-01"),
            by: given.founder)
        #expect(given.school.authority.policyReview == nil && given.school.authority.policyReviews.count == 1)
    }

    @Test func `Versions are noted where they change, with who adopted them and when`() throws {
        var given = try Given()
        let (abilities, twoPeople) = (given.school.abilities, given.school.twoPeople)
        for version in [School.policyVersion, "2027-01", "2027-01", School.policyVersion] {
            try given.school.say(
                .policyAdopted(abilities, twoPeople, passkeyRoles: [], acceptableUse: version), by: given.founder)
        }
        let versions = given.school.authority.policyVersions
        #expect(versions.map(\.version) == [School.policyVersion, "2027-01", School.policyVersion])
        #expect(versions.map(\.adopted.milliseconds) == [1_000, Self.now + 1, Self.now + 3])
        #expect(Set(versions.map(\.author)) == [given.school.founder])
        try given.school.say(.policyAcknowledged(version: School.policyVersion), by: given.panel)
        #expect(
            given.school.authority.people[given.panel]?.acknowledgedAt == Timestamp(milliseconds: Self.now + 4))
    }
}
