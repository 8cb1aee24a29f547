import Custody
import Foundation
import Records
import Testing

/// What a lead looks over.
@Suite struct SecurityReviewTests {
    @Test func `Sign-ins, failures, refusals, reads and changes are counted by day and named`() throws {
        let today = String(Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)).iso8601.prefix(10))
        let school = try School([("acceptable-use.yaml", "reviewed: 2026-09-01", "reviewed: \(today)")])
        let vault = school.vault
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let document = try school.file(Array("A note.\n".utf8), named: "n.txt", for: pupil, by: lead).document
        let (member, staff) = try school.join("Amir Oakley", [.staff], by: lead)
        try school.confirm(staff.person, by: lead)
        for _ in 0..<3 {
            _ = code { _ = try vault.signIn(name: member.name, password: "quite the wrong one", code: "000000") }
        }
        _ = code { _ = try vault.signIn(name: "Nobody Known", password: "quite the wrong one", code: "000000") }
        school.clock.advance(seconds: 61)
        try vault.sweep()
        #expect(code { _ = try vault.figures(as: staff) } == "access.not-entitled")
        _ = try school.download(document, by: lead)

        let review = try vault.securityReview(as: lead)
        #expect(review.days.count == 14 && Set(review.days.map(\.day)).count == 14)
        var counts: [SecurityReview.Series: Int] = [:]
        for day in review.days { counts.merge(day.counts, uniquingKeysWith: +) }
        #expect(counts[.failures] == 4 && counts[.refusals] == 1 && counts[.reads] == 1)
        // Invited, joined, confirmed.
        #expect(counts[.changes] == 3)
        #expect((counts[.signIns] ?? 0) >= 3)
        let said = Set(review.lines.map(\.what))
        #expect(
            said.isSuperset(of: [
                "1 failed as Amir Oakley", "2 failed as Amir Oakley", "1 failed under names that are nobody’s",
                "Refused (access.not-entitled)",
                "Took a copy of \(document.reference) of \(pupil.reference)", "Invited Amir Oakley",
                "Joined with an invitation", "Compared keys with Amir Oakley and gave them theirs",
            ]), "\(said)")
        #expect(review.lines.map(\.index) == review.lines.map(\.index).sorted(by: >))
        #expect(!review.lines.contains { $0.series == .signIns })
        #expect(review.withoutPolicy == 1 && review.withoutTraining == 1 && !review.policyOverdue)

        // Two weeks on nothing of it is counted any more; a year on, the policy wants its review.
        school.clock.advance(seconds: 14 * 86_400)
        let later = try vault.securityReview(as: lead)
        #expect(later.days.allSatisfy { $0.counts.isEmpty } && later.lines.isEmpty)
        school.clock.advance(seconds: 366 * 86_400)
        #expect(try vault.securityReview(as: lead).policyOverdue)
        let deputy = try school.signIn(school.add("Dee Marlowe", [.deputy], by: try school.signIn(school.lead)))
        #expect(code { _ = try vault.securityReview(as: deputy) } == "access.not-entitled")
    }
}
