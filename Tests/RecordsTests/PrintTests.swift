import Ledger
import Records
import Testing

/// A chronology that goes onto paper: who may, and what the statement needs.
@Suite struct PrintTests {
    @Test func `Who reads every file prints, with a detail under a key of that file`() throws {
        var school = try School()
        let file = try school.register()
        let other = try school.register("P-8G4LR")
        let (detail, key) = (ItemID.random(), ItemID.random())
        let detailItem = Item(id: detail, kind: .detail, digest: digest("detail"))
        let keyItem = Item(id: key, kind: .detailKey, digest: digest("key"))
        let items = [detailItem, keyItem].sorted { $0.id < $1.id }
        func act(_ key: ItemID) -> Act {
            .chronologyPrinted(PrintAct(print: .random(), session: .random(), lines: 4, detail: detail, detailKey: key))
        }
        func why(_ by: Author, about file: PupilFileID?, _ items: [Item]) -> String? {
            school.unlawful(act(key), by: by, pupilFile: file, items: items)
        }
        let founder = Author.person(school.founder)
        #expect(why(founder, about: nil, [detailItem]) == "a print about nobody on the register")
        #expect(why(founder, about: .random(), items) == "a print about nobody on the register")
        #expect(why(founder, about: file, [keyItem]) == "a print without its detail")
        #expect(why(founder, about: file, [detailItem]) == "a print under another pupil's detail key")
        #expect(why(.service, about: file, items) == "the service may not say chronology.printed")
        for role in [Role.admin, .staff, .panel, .accountManager] {
            let person = try school.add([role])
            #expect(
                why(.person(person), about: file, items) == "author may not read: access.not-entitled", "\(role)")
        }
        let deputy = try school.add([.deputy])
        try school.say(act(key), by: deputy, pupilFile: file, items: items)
        // The key is known now, for this pupil file alone.
        #expect(why(founder, about: file, items) == "detail key named twice")
        #expect(why(founder, about: file, [detailItem]) == nil)
        #expect(why(founder, about: other, [detailItem]) == "a print under another pupil's detail key")
    }
}
