import Ledger
import Records
import Testing

/// A decision about what is kept as evidence: who may, and what the statement needs.
@Suite struct QuarantineTests {
    @Test func `The lead decides, with a reason under a key of that file, and the last decision counts`() throws {
        var school = try School()
        let file = try school.register()
        let other = try school.register("P-8G4LR")
        let (detail, key, document) = (ItemID.random(), ItemID.random(), DocumentID.random())
        let detailItem = Item(id: detail, kind: .detail, digest: digest("detail"))
        let keyItem = Item(id: key, kind: .detailKey, digest: digest("key"))
        let items = [detailItem, keyItem].sorted { $0.id < $1.id }
        let release = Act.quarantineDecided(
            QuarantineAct(
                decision: .random(), document: document, released: true, detail: SealedDetail(detail: detail, key: key))
        )
        func why(_ by: Author, about file: PupilFileID?, _ items: [Item]) -> String? {
            school.unlawful(release, by: by, pupilFile: file, items: items)
        }
        let founder = Author.person(school.founder)
        #expect(why(founder, about: nil, items) == "a decision about what is in nobody's file")
        #expect(why(founder, about: file, [keyItem]) == "a decision without its detail")
        #expect(why(founder, about: file, [detailItem]) == "a decision under another pupil's detail key")
        #expect(why(.service, about: file, items) == "the service may not say quarantine.decided")
        let deputy = try school.add([.deputy])
        #expect(
            why(.person(deputy), about: file, items) == "a decision about quarantine by another than the lead")
        for role in [Role.admin, .staff, .panel] {
            let person = try school.add([role])
            #expect(why(.person(person), about: file, items) == "author may not read: access.not-entitled", "\(role)")
        }
        let lead = try school.add([.dsl, .deputy])
        #expect(school.authority.released.isEmpty)
        try school.say(release, by: lead, pupilFile: file, items: items)
        #expect(school.authority.released == [document])
        #expect(school.authority.quarantineDecisions[document]?.person == lead)
        // The key is known now, for this pupil file alone.
        let next = Item(id: .random(), kind: .detail, digest: digest("next"))
        let kept = Act.quarantineDecided(
            QuarantineAct(
                decision: .random(), document: document, released: false,
                detail: SealedDetail(detail: next.id, key: key)))
        #expect(
            school.unlawful(kept, by: founder, pupilFile: other, items: [next])
                == "a decision under another pupil's detail key")
        try school.say(kept, by: school.founder, pupilFile: file, items: [next])
        #expect(school.authority.released.isEmpty)
    }
}
