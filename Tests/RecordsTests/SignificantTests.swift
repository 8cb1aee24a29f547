import Foundation
import Ledger
import Records
import Sealing
import Testing

/// Significant events: who marks them, and what.
@Suite struct SignificantTests {
    private struct Marking {
        var school: School
        let file: PupilFileID
        let item: UInt64

        init() throws {
            school = try School()
            file = try school.register()
            item = school.index
            let (filing, items) = try School.filing()
            try school.say(filing, by: school.founder, pupilFile: file, items: items)
        }

        mutating func say(_ act: Act, by person: PersonID? = nil) throws {
            try school.say(act, by: person ?? school.founder, pupilFile: file)
        }

        func why(
            _ act: Act, by author: Author? = nil, about pupilFile: PupilFileID?? = nil, policy: Digest? = nil
        ) -> String? {
            school.unlawful(
                act, by: author ?? .person(school.founder), pupilFile: pupilFile ?? .some(file), policy: policy)
        }
    }

    @Test func `An item is marked and unmarked in turn, and the authority knows which are`() throws {
        var marking = try Marking()
        let (promoted, demoted) = (Act.itemPromoted(marking.item), Act.itemDemoted(marking.item))
        let twice = "a significant event marked or unmarked twice"
        #expect(marking.why(demoted) == twice)
        try marking.say(promoted)
        #expect(marking.school.authority.significant[marking.file] == [marking.item])
        #expect(marking.why(promoted) == twice)
        try marking.say(demoted)
        #expect(marking.school.authority.significant[marking.file] == [])
        #expect(marking.why(demoted) == twice && marking.why(promoted) == nil)
    }

    @Test func `Who reads every file marks, and nobody else, whatever access they were given`() throws {
        var marking = try Marking()
        let deputy = try marking.school.add([.deputy])
        for role in [Role.admin, .staff, .panel, .accountManager] {
            let other = try marking.school.add([role])
            for act in [Act.itemPromoted(marking.item), .chronologySearched(.random())] {
                #expect(marking.why(act, by: .person(other)) == "author may not read: access.not-entitled", "\(role)")
            }
        }
        #expect(marking.why(.itemPromoted(marking.item), by: .service) == "the service may not say item.promoted")
        #expect(
            marking.why(.chronologySearched(.random()), by: .service)
                == "the service may not say chronology.searched")
        try marking.say(.itemPromoted(marking.item), by: deputy)
        #expect(marking.why(.chronologySearched(.random()), by: .person(deputy), about: .some(nil)) == nil)
    }

    @Test func `Only what stands before is marked, of a pupil on the register, under the policies in force`() throws {
        let marking = try Marking()
        let nobodys = "a significant event of nobody's, or not yet there"
        let promoted = Act.itemPromoted(marking.item)
        #expect(marking.why(promoted, about: .some(nil)) == nobodys)
        #expect(marking.why(promoted, about: .random()) == nobodys)
        #expect(marking.why(.itemPromoted(marking.school.index)) == nobodys)
        #expect(marking.why(promoted, policy: digest("other")) == "policy is not the one in force")
        #expect(marking.why(promoted) == nil)
    }
}
