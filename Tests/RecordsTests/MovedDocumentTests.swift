import Records
import Sealing
import Testing

/// A document that was moved out of its pupil's file.
@Suite struct MovedDocumentTests {
    /// A pupil's file with a document, and what brings it as a restricted one.
    private struct Given {
        var school: School
        let file: PupilFileID
        let document: DocumentID
        let brings: Act
        let items: [Item]
        let record: DocumentID

        var moves: Act { .documentMoved(document, to: record) }

        init() throws {
            school = try School()
            file = try school.register()
            let (filing, parts) = try School.filing()
            try school.say(filing, by: school.founder, pupilFile: file, items: parts)
            document = try #require(filing.document)
            (brings, items) = RestrictedTests.act(brings: true)
            guard case .restrictedActed(let act) = brings else { throw StatementError.malformed("act") }
            record = act.record
        }

        /// What keeps somebody from moving it, who brings it first.
        func unlawful(by author: PersonID, file: PupilFileID? = nil, items more: [Item] = []) throws -> String? {
            var school = school
            try school.say(brings, by: author, items: items)
            return school.unlawful(moves, by: .person(author), pupilFile: file ?? self.file, items: more)
        }

        func moved() throws -> School {
            var school = school
            try school.say(brings, by: school.founder, items: items)
            try school.say(moves, by: school.founder, pupilFile: file)
            return school
        }
    }

    @Test func `Who reads by role and keeps restricted documents moves one, and nobody else`() throws {
        var given = try Given()
        for (roles, why) in [
            (Set([Role.deputy]), nil), ([.dsl], nil), ([.panel], "author may not read: access.not-entitled"),
            ([.admin], "author may not read: access.not-entitled"),
            ([.staff], "author may not read: access.not-entitled"),
            ([.panel, .deputy], nil),
        ] {
            let person = try given.school.add(roles)
            #expect(try given.unlawful(by: person) == why, "\(roles)")
        }
        let unheld = try given.school.add([.deputy])
        let abilities = Abilities(byRole: given.school.abilities.byRole.mapValues { $0.subtracting([.holdRestricted]) })
        try given.school.say(
            .policyAdopted(abilities, given.school.twoPeople, passkeyRoles: [], acceptableUse: School.policyVersion),
            by: given.school.founder)
        #expect(try given.unlawful(by: unheld) == "author may not hold-restricted: access.not-entitled")
        #expect(given.school.unlawful(given.moves, by: .service, pupilFile: given.file) != nil)
    }

    @Test func `Nothing is moved without the record that brings it, said right before by the same person`() throws {
        let given = try Given()
        let why = "moved without the record that brings it"
        let founder = Author.person(given.school.founder)
        #expect(given.school.unlawful(given.moves, by: founder, pupilFile: given.file) == why)
        var school = given.school
        try school.say(given.brings, by: school.founder, items: given.items)
        let other = Act.documentMoved(given.document, to: .random())
        #expect(school.unlawful(other, by: founder, pupilFile: given.file) == why)
        // Something between, or by somebody else.
        var late = school
        try late.say(.chronologyRead(.random()), by: late.founder, pupilFile: given.file)
        #expect(late.unlawful(given.moves, by: founder, pupilFile: given.file) == why)
        var twoOfThem = given.school
        let deputy = try twoOfThem.add([.deputy])
        try twoOfThem.say(given.brings, by: twoOfThem.founder, items: given.items)
        #expect(twoOfThem.unlawful(given.moves, by: .person(deputy), pupilFile: given.file) == why)
        // A record that brings nothing.
        var empty = given.school
        let (act, items) = RestrictedTests.act()
        guard case .restrictedActed(let restricted) = act else { return }
        try empty.say(act, by: empty.founder, items: items)
        let nothing = Act.documentMoved(given.document, to: restricted.record)
        #expect(empty.unlawful(nothing, by: founder, pupilFile: given.file) == why)
        #expect(try given.unlawful(by: given.school.founder) == nil)
    }

    @Test func `It is of a pupil file, brings nothing itself, and is said once of a document`() throws {
        let given = try Given()
        let parts = "moved out of nobody's file, or with more than that"
        #expect(try given.unlawful(by: given.school.founder, file: .random()) == parts)
        let item = Item(id: .random(), kind: .header, digest: digest("h"))
        #expect(try given.unlawful(by: given.school.founder, items: [item]) == parts)
        var school = try given.moved()
        #expect(school.authority.moved == [given.document: given.record])
        let (brings, items) = RestrictedTests.act(brings: true)
        guard case .restrictedActed(let again) = brings else { return }
        try school.say(brings, by: school.founder, items: items)
        let twice = Act.documentMoved(given.document, to: again.record)
        #expect(school.unlawful(twice, by: .person(school.founder), pupilFile: given.file) == "moved twice")
    }

    @Test func `From then on it is neither opened, nor shared, nor filed again; what was open is closed`() throws {
        let given = try Given()
        var school = try given.moved()
        let founder = Author.person(school.founder)
        func opening(_ document: DocumentID) -> Act { .documentOpened(document, .random(), .download) }
        for manner in [ReadingManner.view, .download, .sealedDownload] {
            let opened = Act.documentOpened(given.document, .random(), manner)
            #expect(school.unlawful(opened, by: founder, pupilFile: given.file) == "opened after it was moved")
            #expect(given.school.unlawful(opened, by: founder, pupilFile: given.file) == nil)
        }
        #expect(school.unlawful(opening(.random()), by: founder, pupilFile: given.file) == nil)
        let closed = Act.documentClosed(given.document, .random(), bytes: 1, pages: 0, complete: false)
        #expect(school.unlawful(closed, by: founder, pupilFile: given.file) == nil)

        let staff = try school.add([.staff])
        let identity = try #require(school.authority.people[staff]?.identity)
        let (detail, key) = (
            Item(id: .random(), kind: .detail, digest: digest("d")),
            Item(id: .random(), kind: .detailKey, digest: digest("k"))
        )
        let access = AccessID.random()
        try school.say(
            .accessGiven(
                AccessAct(
                    access: access, person: staff, identity: identity, whole: true,
                    expires: Timestamp(milliseconds: 1 << 50), detail: detail.id, detailKey: key.id)),
            by: school.founder, pupilFile: given.file, items: [detail, key])
        func extended(_ document: DocumentID) -> String? {
            let share = Share(access: access, document: document, header: .random(), rowKey: .random())
            return school.unlawful(
                .accessExtended([share]), by: founder, pupilFile: given.file,
                items: [
                    Item(id: share.header, kind: .header, digest: digest("h")),
                    Item(id: share.rowKey, kind: .rowKey, digest: digest("r")),
                ])
        }
        #expect(extended(given.document) == "shared after it was moved")
        #expect(extended(.random()) == nil)

        let (filing, parts) = try School.filing()
        guard case .documentFiled(let act) = filing else { return }
        let again = FilingAct(
            document: given.document, upload: .random(), payload: act.payload, detail: act.detail,
            detailKey: act.detailKey, quarantine: nil, batch: nil, contentTag: act.contentTag)
        let header = Item(id: given.document.shared(as: Kind.Item.self), kind: .header, digest: digest("h"))
        #expect(
            school.unlawful(.documentFiled(again), by: founder, pupilFile: given.file, items: parts + [header])
                == "filed again after it was moved")
    }
}
