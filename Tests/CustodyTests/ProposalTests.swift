import Custody
import Foundation
import Records
import Testing

/// What takes two people: proposed, agreed to, carried out.
@Suite struct ProposalTests {
    private static let holders = ["Ines Marlowe", "Tobias Quill", "Ruth Abernathy"]

    /// A lead, a deputy, a panel member and somebody of the office, a week after they had their keys.
    private struct Settled {
        let school: School
        let lead: Acting
        let deputy: Acting
        let panel: Acting
        let office: Acting

        init() throws {
            let school = try School()
            self.school = school
            let first = try school.signIn(school.lead)
            let members = try [("Nell Farrow", Role.deputy), ("Ivo Castell", .panel), ("Maud Tranter", .admin)].map {
                try school.add($0, [$1], by: first)
            }
            school.clock.advance(seconds: 7 * 86_400)
            lead = try school.signIn(school.lead)
            deputy = try school.signIn(members[0])
            panel = try school.signIn(members[1])
            office = try school.signIn(members[2])
        }

        var vault: Vault { school.vault }

        /// Somebody agrees, with a fresh code.
        func agree(_ id: ProposalID, _ acting: Acting) throws {
            try school.giveCode(as: acting)
            try vault.agree(to: id, as: acting)
        }

        func proposal(_ id: ProposalID, seenBy acting: Acting) throws -> ProposalListing? {
            try vault.proposals(as: acting).first { $0.id == id }
        }
    }

    @Test func `A deputy is given keys when a second person has agreed, and everyone concerned is told`() throws {
        let settled = try Settled()
        let (school, vault) = (settled.school, settled.vault)
        let (member, newcomer) = try school.join("Alex Reed", [.deputy], by: settled.lead)
        let words = try #require(try vault.fingerprintWords(of: newcomer.person, as: settled.lead))
        let second = try vault.secondPeople(about: newcomer.person, as: settled.lead)
        #expect(second.areNeeded && second.names == ["Ivo Castell", "Nell Farrow"])
        #expect(code { try school.confirm(newcomer.person, by: settled.lead) } == "proposal.second-person")
        func propose(_ words: [String], by acting: Acting) -> String? {
            code { try vault.proposeKeys(of: newcomer.person, words: words, as: acting) }
        }
        #expect(propose(words.reversed(), by: settled.lead) == "person.other-keys")
        #expect(propose(words, by: settled.deputy) == "access.not-entitled")
        let id = try vault.proposeKeys(of: newcomer.person, words: words, as: settled.lead)
        #expect(propose(words, by: settled.lead) == "proposal.stands")

        let seen = try #require(try settled.proposal(id, seenBy: settled.panel))
        #expect(seen.standing == .waits && seen.name == "Alex Reed" && seen.proposedBy == school.lead.name)
        #expect(seen.matter == .keys([.deputy], words: words) && seen.objection == nil && seen.mayWithdraw)
        #expect(try settled.proposal(id, seenBy: settled.lead)?.objection == .proposalIsYours)
        for acting in [settled.office, newcomer] { #expect(code { _ = try vault.proposals(as: acting) } != nil) }
        #expect(code { _ = try vault.proposals(as: settled.office) } == "access.not-entitled")
        #expect(try school.kinds().last == "access.refused")
        #expect(code { try settled.agree(id, settled.lead) } == "proposal.yours")
        #expect(code { try settled.agree(.random(), settled.panel) } == "not-found")
        school.clock.advance(seconds: 600)
        #expect(code { try vault.agree(to: id, as: settled.panel) } == "code.needed")
        try settled.agree(id, settled.panel)
        #expect(code { try settled.agree(id, settled.deputy) } == "proposal.over")
        #expect(try settled.proposal(id, seenBy: settled.lead)?.mayCarryOut == true)
        #expect(try settled.proposal(id, seenBy: settled.panel)?.mayCarryOut == false)
        try school.confirm(newcomer.person, by: settled.lead)
        let done = try #require(try settled.proposal(id, seenBy: settled.deputy))
        #expect(done.standing == .carriedOut && done.agreedBy == "Ivo Castell" && done.endedBy == school.lead.name)
        try school.prepare(newcomer, by: settled.lead)
        let notices = try vault.notices(days: 1, as: settled.panel)
        #expect(notices.map(\.event) == [.made] && notices[0].name == "Alex Reed" && notices[0].with == "Ivo Castell")
        // Those of the first week were made by one: nobody else was there.
        #expect(try vault.notices(as: settled.panel).map(\.with) == ["Ivo Castell", nil, nil])
        #expect(code { _ = try vault.notices(as: settled.office) } == "access.not-entitled")
        // The new deputy reads, and is no second person yet.
        let alex = try school.signIn(member)
        _ = try vault.chronology(of: school.pupil(by: settled.lead).pupilFile, as: alex)
        let (_, other) = try school.join("Bede Wend", [.panel], by: settled.lead)
        #expect(try vault.secondPeople(about: other.person, as: settled.lead).names == ["Ivo Castell", "Nell Farrow"])
        let theirs = try #require(try vault.fingerprintWords(of: other.person, as: settled.lead))
        try school.giveCode(as: settled.lead)
        let next = try vault.proposeKeys(of: other.person, words: theirs, as: settled.lead)
        #expect(code { try settled.agree(next, alex) } == "proposal.too-new")
        // Refused by one who could have agreed.
        try vault.withdraw(next, as: settled.deputy)
        #expect(try settled.proposal(next, seenBy: settled.lead)?.standing == .withdrawn)
        #expect(code { try school.confirm(other.person, by: settled.lead) } == "proposal.second-person")
        // Staff take one person, as ever.
        _ = try school.add("Wilf Pym", [.staff], by: settled.lead)
        #expect(try school.verify().holds)
    }

    @Test func `Who joins again is given their keys by two, and what was proposed for the old keys is over`() throws {
        let settled = try Settled()
        let (school, vault) = (settled.school, settled.vault)
        func joinAgain() throws -> [String] {
            try school.giveCode(as: settled.lead)
            let invitation = try vault.reset(settled.deputy.person, as: settled.lead)
            let (_, acting) = try school.join(invitation, "quite another password")
            return try #require(try vault.fingerprintWords(of: acting.person, as: settled.lead))
        }
        let first = try joinAgain()
        try school.giveCode(as: settled.lead)
        let old = try vault.proposeKeys(of: settled.deputy.person, words: first, as: settled.lead)
        let words = try joinAgain()
        #expect(try settled.proposal(old, seenBy: settled.panel)?.standing == .over)
        #expect(code { try settled.agree(old, settled.panel) } == "proposal.over")
        try school.giveCode(as: settled.lead)
        let id = try vault.proposeKeys(of: settled.deputy.person, words: words, as: settled.lead)
        try settled.agree(id, settled.panel)
        try school.confirm(settled.deputy.person, by: settled.lead)
        #expect(try vault.notices(as: settled.panel).first?.event == .joinedAgain)
        // A proposal that nobody agrees to is over after a week.
        let late = try joinAgain()
        try school.giveCode(as: settled.lead)
        let waits = try vault.proposeKeys(of: settled.deputy.person, words: late, as: settled.lead)
        school.clock.advance(seconds: 7 * 86_400)
        #expect(code { try settled.agree(waits, settled.panel) } == "proposal.over")
        #expect(code { try vault.withdraw(waits, as: settled.lead) } == "proposal.over")
        #expect(try school.verify().holds)
    }

    @Test func `Recovery sheets are made for those whom two people named`() throws {
        let settled = try Settled()
        let (school, vault) = (settled.school, settled.vault)
        try school.giveCode(as: settled.lead)
        func set(_ holders: [String]) -> String? {
            code { _ = try vault.setRecovery(holders: holders, threshold: 2, as: settled.lead) }
        }
        #expect(set(Self.holders) == "proposal.second-person" && set(["One Alone"]) == "recovery.holders")
        #expect(
            code { try vault.proposeRecovery(holders: Self.holders, threshold: 4, as: settled.lead) }
                == "recovery.threshold")
        let id = try vault.proposeRecovery(holders: Self.holders, threshold: 2, as: settled.lead)
        #expect(
            code { try vault.proposeRecovery(holders: ["Ann Lee", "Bo Lee"], threshold: 2, as: settled.lead) }
                == "proposal.stands")
        let seen = try #require(try settled.proposal(id, seenBy: settled.deputy))
        #expect(seen.matter == .recoveryKey(holders: Self.holders, threshold: 2))
        func make(by acting: Acting) throws -> [RecoverySheet] {
            try school.giveCode(as: acting)
            return try vault.setRecovery(under: id, as: acting)
        }
        #expect(code { _ = try make(by: settled.lead) } == "proposal.over")
        try settled.agree(id, settled.deputy)
        #expect(code { _ = try make(by: settled.deputy) } == "access.not-entitled")
        let sheets = try make(by: settled.lead)
        #expect(sheets.map(\.holder) == Self.holders && sheets.allSatisfy { $0.threshold == 2 })
        #expect(code { _ = try make(by: settled.lead) } == "proposal.over")
        #expect(try vault.recoveryState()?.holders == Self.holders)
        #expect(try vault.drillRecovery(sheets: [sheets[2].words, sheets[0].words], as: settled.lead).faults.isEmpty)
        let names = Self.holders.map { Data($0.utf8) }
        for path in try FileManager.default.subpathsOfDirectory(atPath: school.directory) {
            let contents = FileManager.default.contents(atPath: school.directory + "/" + path) ?? Data()
            #expect(!names.contains { contents.range(of: $0) != nil }, "\(path)")
        }
        #expect(try school.verify().holds)
    }

    @Test func `Deputy and panel suspend the last lead together, who learns of it when it is done`() throws {
        let settled = try Settled()
        let (school, vault) = (settled.school, settled.vault)
        let lead = settled.lead
        let token = try vault.sessions.open(lead)
        #expect(try vault.leadsToSuspend(as: settled.panel).map(\.id) == [lead.person])
        #expect(try vault.leadsToSuspend(as: lead).isEmpty)
        #expect(code { try vault.suspend(lead.person, as: settled.deputy) } == "access.not-entitled")
        try school.giveCode(as: settled.panel)
        #expect(
            code { try vault.propose(suspending: settled.deputy.person, true, as: settled.panel) } == "person.unknown")
        #expect(code { try vault.propose(suspending: lead.person, false, as: settled.panel) } != nil)
        #expect(code { try vault.propose(suspending: lead.person, true, as: settled.office) } == "access.not-entitled")
        let id = try vault.propose(suspending: lead.person, true, as: settled.panel)
        // The lead sees nothing of it, and cannot stop it.
        #expect(try vault.proposals(as: lead).isEmpty)
        #expect(code { try vault.withdraw(id, as: lead) } == "not-found")
        #expect(code { try settled.agree(id, lead) } == "not-found")
        func said() throws -> [String] { try vault.securityReview(as: lead).lines.map(\.what) }
        #expect(try !said().contains { $0.hasPrefix("Proposed") })
        #expect(vault.sessions.resume(token) != nil)
        try settled.agree(id, settled.deputy)
        #expect(vault.sessions.resume(token) == nil)
        #expect(code { _ = try school.signIn(school.lead) } == "access.suspended")
        #expect(try vault.notices(as: settled.panel).first?.event == .leadSuspended)
        #expect(try vault.notices(as: settled.panel).first?.with == "Ivo Castell")

        try school.giveCode(as: settled.deputy)
        let back = try vault.propose(suspending: lead.person, false, as: settled.deputy)
        #expect(code { try settled.agree(back, settled.deputy) } == "proposal.yours")
        try settled.agree(back, settled.panel)
        let again = try school.signIn(school.lead)
        #expect(try vault.securityReview(as: again).lines.contains { $0.what.hasPrefix("Proposed to suspend Judith") })
        #expect(try vault.proposals(as: again).map(\.standing) == [.carriedOut, .carriedOut])
        #expect(try school.verify().holds)
    }

    @Test func `A policy that names nothing asks for nobody`() throws {
        let school = try School([
            (
                "access.yaml",
                "two-people: [make-lead, make-deputy, make-panel, join-again, make-recovery-key, suspend-lead]",
                "two-people: []"
            )
        ])
        let first = try school.signIn(school.lead)
        let deputy = try school.add("Nell Farrow", [.deputy], by: first)
        school.clock.advance(seconds: 7 * 86_400)
        let lead = try school.signIn(school.lead)
        _ = try school.add("Ivo Castell", [.panel], by: lead)
        let acting = try school.signIn(deputy)
        #expect(try school.vault.leadsToSuspend(as: acting).isEmpty)
        #expect(code { try school.vault.propose(suspending: lead.person, true, as: acting) } == "proposal.not-needed")
        #expect(try school.verify().holds)
    }
}
