import Custody
import Foundation
import Records
import Testing

@Suite struct RegisterTests {
    @Test func `A register is imported line by line: good lines go in, known ones and bad ones are named`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let shipped = String(decoding: try fixture("register/pupils.csv"), as: UTF8.self)
        let first = try school.vault.importPupils(csv: shipped, as: lead)
        #expect(first.added.count == 12 && first.already.isEmpty && first.refused.isEmpty)
        #expect(Set(first.added.map(\.reference)).count == 12)
        #expect(first.added.allSatisfy { $0.reference.wholeMatch(of: /P-[0-9A-HJKMNP-TV-Z]{5}/) != nil })

        let lines = [
            "name,date_of_birth,upn,enrolled", "alfie  THORNBURY,2004-05-14,,", "Zoe O'Dwyer-Nunez,2004-12-08,,",
            "New Pupil,2004-01-01,D999000015101,", ",2004-01-01,,", "Day Wrong,2004-02-30,,", "Month Alone,2004-02,,",
            "Number Short,2004-02-03,D99900,", "Enrolled Badly,2004-02-03,,soon",
            "\"Comma, Anna \"\"Annie\"\"\",2004-02-03,, ", "Comma Twice,2004-02-03,,2015-09-01",
            "Comma Twice,2004-02-03,,2015-09-01",
        ]
        let second = try school.vault.importPupils(csv: "\u{FEFF}" + lines.joined(separator: "\r\n"), as: lead)
        #expect(second.already == [2, 3, 4, 12])
        #expect(
            second.refused.map { "\($0.line) \($0.refusal.code)" } == [
                "5 pupil.name", "6 pupil.date-of-birth", "7 pupil.date-of-birth", "8 pupil.upn", "9 pupil.enrolled",
            ])
        #expect(second.added.map(\.name) == ["Comma, Anna \"Annie\"", "Comma Twice"])
        #expect(try school.vault.importPupils(csv: shipped, as: lead).already.count == 12)

        let found = try school.vault.pupils(as: lead, matching: "wisniewski")
        #expect(found.map(\.name) == ["Tomasz Wiśniewski"])
        #expect(try school.vault.pupils(as: lead, matching: "grace whit").map(\.yearOfBirth) == ["2003", "2005"])
        #expect(try school.vault.pupils(as: lead).count == 14)
        let pupil = try #require(found.first)
        #expect(try school.vault.pupil(reference: pupil.reference.lowercased(), as: lead) == pupil)
        #expect(try school.vault.pupil(reference: " \(pupil.reference.dropFirst(2)) ", as: lead) == pupil)
        #expect(try school.vault.pupil(pupil.pupilFile, as: lead) == pupil)
        #expect(code { _ = try school.vault.pupil(reference: "P-00000", as: lead) } == "pupil.unknown")
        #expect(try school.kinds().count(where: { $0 == "register.read" }) == 1)
        #expect(try school.verify().holds)
    }

    @Test func `A register that cannot be read as one changes nothing`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        for csv in [
            "", "Alfie,2004-05-14", "name\nAlfie", "name,date_of_birth,shoe_size\nAlfie,2004-05-14,7",
            "name,date_of_birth\n\"Alfie,2004-05-14",
        ] {
            #expect(code { _ = try school.vault.importPupils(csv: csv, as: lead) } == "register.unreadable", "\(csv)")
        }
        #expect(try !school.kinds().contains("pupil.registered"))
    }

    @Test func `A pupil is on the register once, and only who may put one there does`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let admin = try school.signIn(school.add("Amir Oakley", [.admin], by: lead))
        let pupil = try school.pupil(by: lead)
        #expect(code { _ = try school.pupil(by: lead) } == "pupil.already")
        #expect(code { _ = try school.pupil("Somebody New", by: admin) } == "access.not-entitled")
        // Whoever files sees the names it files under.
        #expect(try school.vault.pupils(as: admin) == [pupil])
        let panel = try school.signIn(school.add("Una Prescott", [.panel], by: lead))
        #expect(code { _ = try school.vault.pupils(as: panel) } == "access.not-entitled")
        #expect(try school.vault.figures(as: panel).pupils == 1)
        #expect(code { _ = try school.vault.figures(as: admin) } == "access.not-entitled")
        #expect(try school.kinds().count(where: { $0 == "access.refused" }) == 3)
    }
}
