import Custody
import Foundation
import Records
import Testing

/// The policy register: versions, reviews, and what each person acknowledged and was trained in.
@Suite struct PolicyRegisterTests {
    /// A school whose policy says that it was reviewed today.
    private func school() throws -> School {
        let today = String(MovableClock().now().iso8601.prefix(10))
        return try School([("acceptable-use.yaml", "reviewed: 2026-09-01", "reviewed: \(today)")])
    }

    private func today(_ school: School) -> String { String(school.clock.now().iso8601.prefix(10)) }

    @Test func `It says of each person what they acknowledged and when, their training, and what is missing`() throws {
        let school = try school()
        let (vault, lead) = (school.vault, try school.signIn(school.lead))
        let panel = try school.signIn(school.add("Ivo Castellane", [.panel], by: lead))
        let (_, half) = try school.join("Amir Oakley", [.staff], by: lead)
        try school.confirm(half.person, by: lead)
        let invited = try vault.invite(name: "Maud Tranter", roles: [.staff], as: lead)
        let gone = try school.signIn(school.add("Bede Farrow", [.admin], by: lead))
        try vault.suspend(gone.person, as: lead)

        let register = try vault.policyRegister(as: panel)
        #expect(try vault.policyRegister(as: lead) == register)
        let people = Dictionary(uniqueKeysWithValues: register.people.map { ($0.name, $0) })
        #expect(register.people.map(\.name) == people.keys.sorted() && people.count == 5)
        let version = vault.policies.acceptableUse.version
        let own = try #require(people[panel.name])
        #expect(own.acknowledged?.version == version && own.isAcknowledged && own.standing.trained == today(school))
        #expect(own.lacks(at: school.clock.now()).isEmpty)
        #expect(people["Amir Oakley"]?.lacks(at: school.clock.now()) == [.policyNever, .trainingNone])
        for (name, id) in [("Maud Tranter", invited.person), ("Bede Farrow", gone.person)] {
            #expect(people[name]?.id == id && people[name]?.lacks(at: school.clock.now()) == [])
        }
        #expect(register.panel.map(\.name) == [panel.name])
        #expect(register.versions.map(\.version) == [version] && register.versions.first?.author == lead.name)
        #expect(register.reviews.isEmpty && register.reviewed == today(school) && !register.isOverdue)

        // A year later both have to be done anew, and the policy to be reviewed.
        school.clock.advance(seconds: 367 * 86_400)
        let later = try vault.policyRegister(as: try school.signIn(school.lead))
        #expect(later.isOverdue)
        #expect(later.people.first { $0.name == panel.name }?.lacks(at: school.clock.now()) == [.trainingOver])
    }

    @Test func `Who adopts another version makes everybody's acknowledgement one of another version`() throws {
        let school = try school()
        let lead = try school.signIn(school.lead)
        let path = school.location.vault + "/policies/acceptable-use.yaml"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try text.replacing("version: \"2026-09\"", with: "version: \"2027-01\"").write(
            toFile: path, atomically: true, encoding: .utf8)
        let vault = try Vault(opening: school.location, clock: school.clock)
        defer { vault.shutdown() }
        let again = try school.signIn(school.lead, to: vault)
        try vault.adoptPolicies(as: again)
        let register = try vault.policyRegister(as: again)
        #expect(register.versions.map(\.version) == ["2027-01", "2026-09"])
        #expect(register.versions.map(\.isInForce) == [true, false] && register.versions[0].author == lead.name)
        #expect(register.people[0].lacks(at: school.clock.now()) == [.policyOther])
        #expect(register.people[0].acknowledged?.version == "2026-09" && !register.people[0].isAcknowledged)
        try vault.acknowledgePolicy(version: "2027-01", as: again)
        #expect(try vault.policyRegister(as: again).people[0].lacks(at: school.clock.now()) == [])
    }

    @Test func `A review by lead and panel is recorded, and then the next one is due in a year, or sooner`() throws {
        let school = try school()
        let (vault, lead) = (school.vault, try school.signIn(school.lead))
        let version = vault.policies.acceptableUse.version
        let panel = try school.signIn(school.add("Ivo Castellane", [.panel], by: lead))
        let deputy = try school.signIn(school.add("Nell Vasey", [.deputy], by: lead))
        school.clock.advance(seconds: 366 * 86_400)
        let later = try school.signIn(school.lead)
        #expect(try vault.policyOverdue(as: later) && vault.policyRegister(as: later).isOverdue)

        func review(
            _ day: String? = nil, due: String = "", with people: Set<PersonID>? = nil, of said: String? = nil,
            by acting: Acting? = nil
        ) -> String? {
            code {
                try vault.recordPolicyReview(
                    of: said ?? version, on: day ?? today(school), due: due, with: people ?? [panel.person],
                    as: acting ?? later)
            }
        }
        func day(after days: Int64) -> String {
            String(Timestamp(milliseconds: school.clock.now().milliseconds + days * 86_400_000).iso8601.prefix(10))
        }
        #expect(review(with: []) == "policy.review-panel")
        #expect(review(with: [deputy.person]) == "policy.review-panel")
        #expect(review(with: [panel.person, later.person]) == "policy.review-panel")
        #expect(review("soon") == "date.no-day" && review("2026") == "date.no-day")
        #expect(review(day(after: 2)) == "policy.review-in-future")
        #expect(review(day(after: -400)) == "policy.review-too-old")
        #expect(
            review(due: day(after: -1)) == "policy.review-due" && review(due: day(after: 400)) == "policy.review-due")
        #expect(review(of: "1999") == "policy.other-version")
        #expect(review(by: panel) == "access.not-entitled" && review(by: deputy) == "access.not-entitled")
        #expect(try vault.policyRegister(as: later).reviews.isEmpty, "nothing of that was recorded")

        #expect(review() == nil)
        var register = try vault.policyRegister(as: panel)
        let said = try #require(register.reviews.first)
        #expect(said.author == later.name && said.panel == [panel.name] && said.version == version)
        #expect(register.reviewed == today(school) && register.due == said.due && !register.isOverdue)
        #expect(try !vault.policyOverdue(as: later))
        let year = said.due.milliseconds - school.clock.now().milliseconds
        #expect((364 * 86_400_000...366 * 86_400_000).contains(year))

        // The next one may be due sooner.
        #expect(review(due: day(after: 30)) == nil)
        school.clock.advance(seconds: 31 * 86_400)
        register = try vault.policyRegister(as: panel)
        #expect(register.isOverdue && register.reviews.count == 2)
        #expect(try school.kinds().filter { $0 == "policy.reviewed" }.count == 2)
        #expect(try school.verify().holds)
    }

    @Test func `Lead, deputies, panel and account manager see it, and nobody else`() throws {
        let school = try school()
        let (vault, lead) = (school.vault, try school.signIn(school.lead))
        for (name, role, sees) in [
            ("Nell Vasey", Role.deputy, true), ("Ivo Castellane", .panel, true), ("Nora Pym", .accountManager, true),
            ("Maud Tranter", .admin, false), ("Amir Oakley", .staff, false),
        ] {
            let acting = try school.signIn(school.add(name, [role], by: lead))
            let refused: String? = sees ? nil : "access.not-entitled"
            #expect(code { _ = try vault.policyRegister(as: acting) } == refused, "\(role)")
            #expect(code { _ = try vault.policyOverdue(as: acting) } == refused, "\(role)")
            #expect(vault.seesPolicyRegister(acting) == sees)
        }
    }
}
