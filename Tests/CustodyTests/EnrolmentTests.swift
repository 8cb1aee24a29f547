import Custody
import Foundation
import GRDB
import Records
import Sealing
import Testing

/// From an invitation to work, and again after a lost phone.
@Suite struct EnrolmentTests {
    @Test func `Somebody invited makes their own keys, and works once they are compared, with policy and training`()
        throws
    {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let vault = school.vault
        let pupil = try school.pupil(by: lead)
        let invitation = try vault.invite(name: "Amir  Oakley", roles: [.admin], as: lead)
        #expect(invitation.name == "Amir Oakley" && invitation.code.filter { $0 != "-" }.count == 26)
        #expect(code { _ = try vault.invite(name: "amir oakley", roles: [.staff], as: lead) } == "person.name-taken")
        #expect(code { _ = try vault.invite(name: "Maud Tranter", roles: [], as: lead) } == "person.no-role")
        #expect(try vault.people(as: lead).first?.standing.invitedUntil == invitation.expires)

        let password = "seven purple wheelbarrows"
        func join(_ name: String, _ text: String, _ password: String) -> String? {
            code { _ = try vault.join(name: name, code: text, password: password) }
        }
        let other = try vault.invite(name: "Maud Tranter", roles: [.staff], as: lead)
        for (name, text) in [
            ("Amir Oakley", other.code), ("Maud Tranter", invitation.code), ("Judith Halloran", invitation.code),
            ("Nobody Known", invitation.code), ("Amir Oakley", ""), ("Amir Oakley", String(invitation.code.dropLast())),
        ] {
            #expect(join(name, text, password) == "invitation.unknown", "\(name)")
        }
        #expect(join("Amir Oakley", invitation.code, "amir oakley amir oakley") == "password.common")
        #expect(join("Amir Oakley", invitation.code, "short") == "password.short")
        let acting = try vault.join(name: "amir oakley", code: " \(invitation.code.lowercased()) ", password: password)
        #expect(join("Amir Oakley", invitation.code, password) == "invitation.unknown", "a code counts once")

        #expect(vault.standing(of: acting).steps == EnrolmentStep.allCases.filter { $0 != .passkey })
        #expect(code { _ = try vault.pupils(as: acting) } == "access.enrolment-unfinished")
        #expect(code { try school.confirm(acting.person, by: lead) } == nil, "too early is nothing to say")
        #expect(!vault.standing(of: acting).isConfirmed)
        let authenticator = try base32(#require(vault.authenticatorSecret(of: acting)))
        let member = Member(name: "Amir Oakley", password: password, authenticator: authenticator)
        #expect(code { try vault.enrol(acting, code: member.code(school.clock.step + 5)) } == "enrol.code")
        #expect(code { _ = try vault.firstRecoveryCodes(of: acting) } == "not-found")
        try vault.enrol(acting, code: member.code(school.clock.step))
        #expect(code { try vault.enrol(acting, code: member.code(school.clock.step)) } == "enrol.done")
        #expect(vault.authenticatorSecret(of: acting) == nil)
        #expect(code { _ = try vault.pupils(as: acting) } == "access.keys-not-given")

        // They may sign in again in between, and go on.
        let again = try school.signIn(member)
        let own = try vault.fingerprintWords(of: again.person, as: again)
        let words = try #require(own)
        #expect(words.count == 8)
        #expect(try vault.fingerprintWords(of: again.person, as: lead) == words)
        #expect(code { _ = try vault.fingerprintWords(of: lead.person, as: again) } == "access.keys-not-given")
        #expect(
            code { try vault.confirm(again.person, words: words.dropLast() + ["other"], as: lead) }
                == "person.other-keys")
        #expect(code { try vault.confirm(again.person, words: words, as: again) } == "access.keys-not-given")
        try vault.confirm(again.person, words: words, as: lead)
        #expect(vault.standing(of: again).steps == [.policy, .training])
        #expect(
            code { _ = try school.file(Array("A note.\n".utf8), named: "n.txt", for: pupil, by: again) }
                == "access.policy-not-acknowledged")
        #expect(code { try vault.acknowledgePolicy(version: "1999", as: again) } == "policy.other-version")
        try vault.acknowledgePolicy(version: vault.policies.acceptableUse.version, as: again)
        #expect(
            code { _ = try school.file(Array("A note.\n".utf8), named: "n.txt", for: pupil, by: again) }
                == "access.training-missing")
        let today = String(school.clock.now().iso8601.prefix(10))
        func train(_ day: String, by acting: Acting) -> String? {
            code { try vault.recordTraining(of: again.person, completed: day, as: acting) }
        }
        #expect(
            train("2031-05", by: lead) == "date.no-day" && train("2999-01-01", by: lead) == "training.in-future")
        #expect(train("2019-01-01", by: lead) == "training.too-old")
        #expect(train(today, by: again) == "access.not-entitled")
        #expect(train(today, by: lead) == nil)
        #expect(vault.standing(of: again).steps.isEmpty)
        _ = try school.file(Array("A note.\n".utf8), named: "n.txt", for: pupil, by: again)
        // A year later the training counts no more.
        school.clock.advance(seconds: 366 * 86_400)
        let later = try school.signIn(member)
        #expect(code { _ = try vault.pupils(as: later) } == "access.training-missing")
        #expect(try school.verify().holds)
    }

    @Test func `An invitation counts for 24 hours, not while suspended, and a fresh one replaces it`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let vault = school.vault
        let first = try vault.invite(name: "Amir Oakley", roles: [.staff], as: lead)
        func join(_ invitation: Invitation) -> String? {
            code {
                _ = try vault.join(name: invitation.name, code: invitation.code, password: "seven purple wheelbarrows")
            }
        }
        try vault.suspend(first.person, as: lead)
        #expect(join(first) == "access.suspended")
        try vault.restore(first.person, as: lead)
        let second = try vault.reset(first.person, as: lead)
        #expect(second.person == first.person && join(first) == "invitation.unknown")
        school.clock.advance(seconds: 24 * 3_600)
        #expect(join(second) == "invitation.unknown")
        #expect(code { _ = try vault.reset(first.person, as: lead) } == "code.needed")
        let third = try vault.reset(first.person, as: try school.signIn(school.lead))
        school.clock.advance(seconds: 24 * 3_600 - 1)
        #expect(join(third) == nil)
        #expect(try school.verify().holds)
    }

    @Test func `A recovery code takes the authenticator's place once, and only with the password`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let (member, acting) = try school.join("Amir Oakley", [.admin], by: lead)
        let codes = try school.vault.firstRecoveryCodes(of: acting)
        #expect(Set(codes).count == 10 && codes.allSatisfy { $0.count == 11 })
        try school.confirm(acting.person, by: lead)
        #expect(code { _ = try school.vault.firstRecoveryCodes(of: acting) } == "not-found")
        func signIn(_ password: String, _ text: String) -> String? {
            code { _ = try school.vault.signIn(name: member.name, password: password, code: text) }
        }
        #expect(signIn("quite the wrong one", codes[3]) == "sign-in.failed")
        #expect(signIn(member.password, codes[3].lowercased().replacing("-", with: " ")) == nil)
        #expect(signIn(member.password, codes[3]) == "sign-in.failed")
        #expect(signIn(member.password, "00000-00000") == "sign-in.failed")
        #expect(signIn(member.password, codes[9]) == nil)
        school.clock.advance(seconds: 60)
        let shown = try school.vault.recoveryCodes(of: acting, code: member.code(school.clock.step))
        #expect(shown.map(\.code) == codes && shown.map(\.isUsed).filter { $0 }.count == 2 && shown[3].isUsed)
        #expect(
            code { _ = try school.vault.recoveryCodes(of: acting, code: member.code(school.clock.step)) }
                == "code.wrong")
        #expect(school.vault.standing(of: acting).recoveryCodesLeft == 8)
        #expect(try school.kinds().count { $0 == "recovery-code.used" } == 2)
        let kinds = try school.kinds()
        for place in kinds.indices where kinds[place] == "recovery-code.used" {
            #expect(kinds[place + 1] == "session.opened")
        }
        // Neither the codes nor anything they could be guessed from lies on the disk.
        let stored = try FileManager.default.subpathsOfDirectory(atPath: school.location.vault).map {
            FileManager.default.contents(atPath: school.location.vault + "/" + $0) ?? Data()
        }
        for text in codes + codes.map({ $0.replacing("-", with: "").lowercased() }) {
            #expect(!stored.contains { $0.range(of: Data(text.utf8)) != nil })
        }
    }

    @Test func `Who joins again has fresh keys; the old ones open and sign nothing more`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let vault = school.vault
        let pupil = try school.pupil(by: lead)
        let second = try school.add("Maud Tranter", [.dsl], by: lead)
        let other = try school.signIn(second)
        let document = try school.file(Array("A note.\n".utf8), named: "n.txt", for: pupil, by: other).document
        let pending = try school.vault.hold(
            school.receive(Array("Not filed.\n".utf8), named: "p.txt", for: pupil, by: other),
            details: FilingDetails(summary: "A note that waits", category: "letter", date: "2017"), as: other)
        let token = try vault.sessions.open(other)
        #expect(code { _ = try vault.reset(lead.person, as: lead) } == "person.yourself")
        let invitation = try vault.reset(other.person, as: lead)

        #expect(vault.sessions.resume(token) == nil)
        #expect(vault.ended(other) == .keysBeingReplaced)
        #expect(code { _ = try school.download(document, by: other) } == "access.keys-being-replaced")
        school.clock.advance(seconds: 60)
        let old = try second.code(school.clock.step)
        #expect(
            code { _ = try vault.signIn(name: second.name, password: second.password, code: old) }
                == "access.keys-being-replaced")
        let (member, acting) = try school.join(invitation, "quilted pepper lighthouse 9")
        #expect(vault.ended(other) == .keysBeingReplaced)
        #expect(code { _ = try school.download(document, by: acting) } == "access.keys-not-given")
        try school.confirm(acting.person, by: lead)
        #expect(vault.standing(of: acting).steps.isEmpty, "policy and training stay theirs")
        #expect(try school.download(document, by: acting) == Array("A note.\n".utf8))
        // The old session, where it is still in some process, neither reads nor signs.
        #expect(code { _ = try school.download(document, by: other) } != nil)
        #expect(code { try vault.recordTraining(of: lead.person, completed: "2026-09-03", as: other) } != nil)
        let stale = try second.code(school.clock.step)
        #expect(
            code { _ = try vault.signIn(name: second.name, password: second.password, code: stale) } == "sign-in.failed"
        )
        #expect(try vault.pendingUploads(as: acting).isEmpty)
        #expect(
            try school.kinds().contains("upload.refused"), "what was not filed is given up, and said: \(pending.id)")
        // Somebody who opens the vault anew, and reads what the old keys signed.
        let fresh = try Vault(opening: school.location, clock: school.clock)
        let again = try school.signIn(member, to: fresh)
        #expect(try school.download(document, by: again, from: fresh) == Array("A note.\n".utf8))
        #expect(try fresh.chronology(of: pupil.pupilFile, as: again).entries.count == 1)
        #expect(try school.verify().holds)
    }

    @Test func `Nothing an invitation leaves on the disk tells its code`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let invitation = try school.vault.invite(name: "Amir Oakley", roles: [.staff], as: lead)
        let plain = invitation.code.lowercased().replacing("-", with: "")
        let bytes = try #require(Crockford.decode(plain))
        for path in try FileManager.default.subpathsOfDirectory(atPath: school.location.vault) {
            let contents = FileManager.default.contents(atPath: school.location.vault + "/" + path) ?? Data()
            #expect(contents.range(of: Data(bytes)) == nil && contents.range(of: Data(plain.utf8)) == nil, "\(path)")
        }
    }

    @Test func `Somebody whose role changes has other keys: what the old ones opened is closed, and sessions end`()
        throws
    {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let deputy = try school.add("Nell Farrow", [.deputy], by: lead)
        let pupil = try school.pupil(by: lead)
        let filed = try school.file(
            fixture("scans/telephone-call-2016-06-03.txt"), named: "note.txt", for: pupil, by: lead)
        let acting = try school.signIn(deputy)
        let token = try school.vault.sessions.open(acting)
        _ = try school.download(filed.document, by: acting)
        try school.giveCode(as: lead)
        let invitation = try school.vault.reset(acting.person, to: [.staff], as: lead)
        #expect(school.vault.sessions.resume(token) == nil)
        #expect(code { _ = try school.download(filed.document, by: acting) } != nil)
        let (_, joined) = try school.join(invitation, "an entirely other long password")
        #expect(joined.roles == [.staff])
        try school.confirm(joined.person, by: lead)
        #expect(code { _ = try school.download(filed.document, by: joined) } == "not-found")
        let people = try school.vault.people(as: lead)
        #expect(people.first { $0.id == joined.person }?.roles == [.staff])
        #expect(
            try school.vault.securityReview(as: lead).lines.contains {
                $0.what == "Made Nell Farrow join again as Staff"
            })
        #expect(try school.verify().holds)
    }
}
