import Custody
import Foundation
import GRDB
import Records
import Sealing
import Testing

/// Access to a pupil file, or to documents of it, for who reads nothing by role.
@Suite struct AccessTests {
    /// A file with three documents, one member of staff, and another pupil's document.
    struct Given {
        let school: School
        let lead: Acting
        let pupil: Pupil
        let documents: [DocumentID]
        let elsewhere: DocumentID
        let member: Member
        let staff: Acting

        init() throws {
            school = try School()
            lead = try school.signIn(school.lead)
            pupil = try school.pupil(by: lead)
            let other = try school.pupil("Tobias Venn", born: "2004-01-02", by: lead)
            let (school, lead, pupil) = (school, lead, pupil)
            documents = try ["One.\n", "Two.\n", "Three.\n"].map {
                try school.file(
                    Array($0.utf8), named: "note.txt", for: pupil, summary: "A note: \($0.dropLast(2))", by: lead
                ).document
            }
            elsewhere = try school.file(Array("Other.\n".utf8), named: "o.txt", for: other, by: lead).document
            member = try school.add("Amir Oakley", [.staff], by: lead)
            staff = try school.signIn(member)
        }

        func day(in days: Int64) -> String {
            String(Timestamp(milliseconds: school.clock.now().milliseconds + days * 86_400_000).iso8601.prefix(10))
        }

        func give(_ documents: [DocumentID]?, days: Int64 = 7, by giver: Acting? = nil) throws -> AccessID {
            try school.giveCode(as: giver ?? lead)
            return try school.vault.giveAccess(
                to: staff.person, of: pupil.pupilFile, documents: documents, until: day(in: days),
                reason: "Class teacher, prepares the Thursday talk", as: giver ?? lead)
        }

        func read(_ document: DocumentID, as acting: Acting? = nil, in vault: Vault? = nil) -> String? {
            code { _ = try school.download(document, by: acting ?? staff, from: vault) }
        }
    }

    @Test func `Single documents open to the person named, no others, and end at the minute`() throws {
        let given = try Given()
        let (school, vault, staff) = (given.school, given.school.vault, given.staff)
        #expect(given.read(given.documents[1]) == "not-found")
        let access = try given.give([given.documents[1]])
        #expect(try school.download(given.documents[1], by: staff) == Array("Two.\n".utf8))
        // The others, of this file and of another, are as if they were not there.
        for document in [given.documents[0], given.documents[2], given.elsewhere, .random()] {
            #expect(given.read(document) == "not-found")
            #expect(code { _ = try vault.document(document, as: staff) } == "not-found")
        }
        #expect(try school.kinds().filter { $0 == "access.refused" }.count >= 8)
        #expect(code { _ = try vault.chronology(of: given.pupil.pupilFile, as: staff) } == "access.not-entitled")
        let facts = try vault.document(given.documents[1], as: staff)
        #expect(facts.summary == "A note: Two" && facts.filename == "note.txt")
        let own = try vault.ownAccesses(as: staff)
        #expect(own.map(\.pupil) == [given.pupil] && own[0].documents.map(\.id) == [given.documents[1]])
        #expect(own[0].access.id == access && own[0].access.reason.isEmpty)

        // Until the last minute of the day that was named, in the school's own time.
        let expires = own[0].access.expires.milliseconds
        school.clock.advance(seconds: (expires - school.clock.now().milliseconds) / 1000 - 1)
        #expect(given.read(given.documents[1]) == nil)
        school.clock.advance(seconds: 2)
        #expect(given.read(given.documents[1]) == "not-found")
        #expect(try vault.ownAccesses(as: staff).isEmpty)
        #expect(try school.verify().holds)
    }

    @Test func `Access to a whole file opens what is filed while it lasts, by anybody, and nothing filed after`() throws
    {
        let given = try Given()
        let (school, vault) = (given.school, given.school.vault)
        let access = try given.give(nil)
        for document in given.documents { #expect(given.read(document) == nil) }
        let office = try school.signIn(school.add("Maud Tranter", [.admin], by: given.lead))
        let later = try school.file(Array("Later.\n".utf8), named: "l.txt", for: given.pupil, by: office).document
        #expect(try school.download(later, by: given.staff) == Array("Later.\n".utf8))
        #expect(given.read(later, as: office) == "not-found", "who filed it reads it not")
        // Somebody who opens the vault anew reads the same.
        let fresh = try Vault(opening: school.location, clock: school.clock)
        let again = try school.signIn(given.member, to: fresh)
        #expect(
            given.read(later, as: again, in: fresh) == nil
                && given.read(given.elsewhere, as: again, in: fresh) == "not-found")

        try vault.endAccess(access, as: given.lead)
        try vault.endAccess(access, as: given.lead)
        #expect(given.read(later) == "not-found" && given.read(given.documents[0]) == "not-found")
        let shares = try school.catalogue().read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM share") }
        _ = try school.file(Array("After.\n".utf8), named: "a.txt", for: given.pupil, by: office)
        #expect(
            try school.catalogue().read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM share") } == shares,
            "nothing more is sealed to them")
        #expect(try school.kinds().filter { $0.hasPrefix("access.e") } == ["access.extended", "access.ended"])
        #expect(try school.verify().holds)
    }

    @Test func `Only a lead gives access, never to themselves, and only what makes sense`() throws {
        let given = try Given()
        let (school, vault, lead) = (given.school, given.school.vault, given.lead)
        let second = try school.signIn(school.add("Tom Ashdown", [.dsl], by: lead))
        let deputy = try school.signIn(school.add("Dee Marlowe", [.deputy], by: lead))
        let panel = try school.signIn(school.add("Ivo Castellane", [.panel], by: lead))
        func give(
            to person: PersonID? = nil, _ documents: [DocumentID]? = nil, until: String? = nil,
            reason: String = "Class teacher", by acting: Acting? = nil
        ) -> String? {
            code {
                try school.giveCode(as: acting ?? lead)
                try vault.giveAccess(
                    to: person ?? given.staff.person, of: given.pupil.pupilFile, documents: documents,
                    until: until ?? given.day(in: 7), reason: reason, as: acting ?? lead)
            }
        }
        #expect(give(by: deputy) == "access.not-entitled" && give(by: given.staff) == "access.not-entitled")
        #expect(give(to: lead.person) == "access.yourself")
        #expect(give(to: deputy.person) == "access.reads-already" && give(to: second.person) == "access.reads-already")
        #expect(give(to: panel.person) == "access.no-register" && give(to: .random()) == "access.person")
        #expect(give([]) == "access.no-document")
        #expect(give([given.elsewhere]) == "access.document-unknown" && give([.random()]) == "access.document-unknown")
        #expect(give(until: given.day(in: -1)) == "access.until" && give(until: given.day(in: 400)) == "access.until")
        #expect(give(until: "2031") == "date.no-day" && give(until: "soon") == "date.no-day")
        #expect(
            give(reason: "  ") == "access.reason" && give(reason: String(repeating: "x", count: 501)) == "access.reason"
        )
        try vault.suspend(given.staff.person, as: lead)
        #expect(give() == "access.person")
        try vault.restore(given.staff.person, as: lead)
        #expect(give(until: given.day(in: 0)) == nil, "today is a last day, too")
        #expect(code { try vault.endAccess(.random(), as: lead) } == "not-found")
        #expect(try school.verify().holds)
    }

    @Test func `Who reads what is told from the keys, with reasons and ends`() throws {
        let given = try Given()
        let (school, vault, lead) = (given.school, given.school.vault, given.lead)
        let deputy = try school.signIn(school.add("Dee Marlowe", [.deputy], by: lead))
        let access = try given.give([given.documents[0], given.documents[2]])
        let readers = try vault.chronology(of: given.pupil.pupilFile, as: deputy).readers
        #expect(readers.map(\.name) == ["Dee Marlowe", "Judith Halloran", "Amir Oakley"])
        #expect(readers.map(\.way) == [.team, .team, .access(access)])
        let listed = try #require(vault.accesses(to: given.pupil.pupilFile, as: lead).first)
        #expect(listed.reason == "Class teacher, prepares the Thursday talk" && listed.documents == 2)
        #expect(listed.givenBy == "Judith Halloran" && listed.isActive && !listed.whole)
        let everything = try vault.chronology(of: given.pupil.pupilFile, lane: .everything, as: lead).entries
        #expect(
            everything.contains { $0.title == "Access given" && $0.summary.hasSuffix("prepares the Thursday talk") })
        let reach = try vault.reach(of: given.staff.person, as: lead)
        #expect(reach.register && !reach.team && !reach.intake && reach.pupilFiles == 0)
        #expect(reach.accesses.map(\.access.id) == [access] && reach.accesses.map(\.pupil) == [given.pupil])
        let full = try vault.reach(of: deputy.person, as: lead)
        #expect(full.team && full.pupilFiles == 2 && full.accesses.isEmpty)
        #expect(code { _ = try vault.reach(of: deputy.person, as: deputy) } == "access.not-entitled")
        // The reason is sealed: on the disk it is nowhere.
        for path in try FileManager.default.subpathsOfDirectory(atPath: school.location.vault) {
            let bytes = FileManager.default.contents(atPath: school.location.vault + "/" + path) ?? Data()
            #expect(bytes.range(of: Data("Thursday talk".utf8)) == nil, "\(path)")
        }
        try vault.endAccess(access, as: lead)
        #expect(try vault.chronology(of: given.pupil.pupilFile, as: deputy).readers.count == 2)
    }

    @Test func `Without training, suspended, or with other keys, access opens nothing`() throws {
        let given = try Given()
        let (school, vault, lead) = (given.school, given.school.vault, given.lead)
        _ = try given.give([given.documents[0]], days: 366)
        try vault.suspend(given.staff.person, as: lead)
        #expect(given.read(given.documents[0]) == "access.suspended")
        try vault.restore(given.staff.person, as: lead)
        #expect(given.read(given.documents[0]) == nil)
        // Keys made anew: what was sealed to the old ones has to be given again.
        try school.giveCode(as: lead)
        let invitation = try vault.reset(given.staff.person, as: lead)
        let (_, acting) = try school.join(invitation, "quilted pepper lighthouse 9")
        try school.confirm(acting.person, by: lead)
        #expect(given.read(given.documents[0], as: acting) == "not-found")
        #expect(try vault.accesses(to: given.pupil.pupilFile, as: lead).first?.isActive == false)
        _ = try given.give([given.documents[0]], days: 366)
        #expect(given.read(given.documents[0], as: acting) == nil)
        // (366 days on, a little less: the access still lasts, the training does not.)
        school.clock.advance(seconds: 366 * 86_400 - 7_200)
        #expect(given.read(given.documents[0], as: acting) == "access.training-missing")
        #expect(try school.verify().holds)
    }

    @Test func `A share put in another's place opens nothing`() throws {
        let given = try Given()
        let school = given.school
        _ = try given.give([given.documents[0], given.documents[1]])
        try school.tamper { db in
            let rows = try Row.fetchAll(db, sql: "SELECT header, document FROM share ORDER BY rowid")
            let (one, two): (Data, Data) = (rows[0]["document"], rows[1]["document"])
            for (from, to) in [(one, Data(count: 16)), (two, one), (Data(count: 16), two)] {
                try db.execute(sql: "UPDATE share SET document = ? WHERE document = ?", arguments: [to, from])
            }
        }
        #expect(given.read(given.documents[0]) == nil, "the statement says which share is whose, not the row")
        #expect(try !school.verify().holds)
        try school.tamper { db in
            let rows = try Row.fetchAll(
                db, sql: "SELECT item.id, item.bytes FROM share JOIN item ON item.id = share.header ORDER BY item.id")
            let (one, two): (Data, Data) = (rows[0]["bytes"], rows[1]["bytes"])
            try db.execute(sql: "UPDATE item SET bytes = ? WHERE id = ?", arguments: [two, rows[0]["id"] as Data])
            try db.execute(sql: "UPDATE item SET bytes = ? WHERE id = ?", arguments: [one, rows[1]["id"] as Data])
        }
        #expect(
            given.read(given.documents[0]) == "header.differs" && given.read(given.documents[1]) == "header.differs")
    }
}
