import Custody
import Foundation
import GRDB
import Records
import Sealing
import Synchronization
import Testing

/// Tries it again while too many do what takes memory.
private func unlessBusy<Result>(_ body: () throws(VaultError) -> Result) async throws -> Result {
    while true {
        do throws(VaultError) { return try body() } catch {
            guard error == .busy else { throw error }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}

/// Documents given to agencies: only under a permission, only what it names, only as long and as often as it allows.
@Suite struct DisclosureTests {
    /// What an officer asks for, as it is recorded.
    static let sought: [RequestField: String] = [
        .agency: "police", .organisation: "Harrowdale Police", .officer: "Tamsin O'Rourke",
        .rank: "Detective Constable",
        .number: "4471", .identityChecked: "Called back through the switchboard", .received: "2026-11-20",
        .purpose: "Investigation of an assault", .basis: "DPA 2018, schedule 2, paragraph 2",
        .sought: "Records of 2017",
        .victim: "no",
    ]

    /// A school with a pupil's file, a letter in it, and a request recorded.
    private final class Given: Sendable {
        let school: School
        let lead: Acting
        let pupil: Pupil
        let documents: [DocumentID]
        let request: RequestID
        static let body = Array("Seen at the gate at ten past three.\n".utf8)

        init(_ count: Int = 2, changes: [(file: String, old: String, new: String)] = []) throws {
            school = try School(changes)
            lead = try school.signIn(school.lead)
            pupil = try school.pupil(by: lead)
            var documents: [DocumentID] = []
            for number in 0...count {
                documents.append(
                    try school.file(
                        Self.body + Array("\(number)\n".utf8), named: "paper-\(number).txt", for: pupil,
                        summary: "Paper number \(number)", by: lead
                    ).document)
            }
            self.documents = Array(documents.dropFirst())
            request = try school.vault.recordRequest(
                DisclosureTests.sought, letter: documents[0], confirmed: false, of: pupil.pupilFile, as: lead)
        }

        func terms(_ documents: [DocumentID]? = nil, copies: Int = 1, from: String = "") -> PermissionTerms {
            let last = Timestamp(milliseconds: school.clock.now().milliseconds + 20 * 86_400_000).iso8601.prefix(10)
            return PermissionTerms(
                documents: documents ?? self.documents, from: from, until: String(last), copies: copies,
                conditions: "For this investigation only.")
        }

        func give(
            _ documents: [DocumentID]? = nil, copies: Int = 1, from: String = "", by acting: Acting? = nil
        ) throws -> GivenPermission {
            try school.giveCode(as: acting ?? lead)
            return try school.vault.givePermission(
                terms(documents, copies: copies, from: from), for: request, as: acting ?? lead)
        }

        func enter(
            _ given: GivenPermission, link: String? = nil, code: String? = nil, officer: String = "tamsin o’rourke",
            number: String = "44 71"
        ) throws -> AgencySession {
            let token = try school.vault.enterPermission(
                link: link ?? given.link, code: code ?? given.code, officer: officer, number: number)
            return try #require(try school.vault.agencySession(token))
        }

        func listing(_ given: GivenPermission) throws -> PermissionListing {
            let request = try school.vault.request(request, as: lead)
            return try #require(request.permissions.first { $0.id == given.id })
        }
    }

    private func bytes(of pack: AgencyPack) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try pack.write { bytes += $0 }
        return bytes
    }

    /// The tries that the one permission has taken.
    private func tries(in school: School) throws -> Int? {
        let workspace = try DatabaseQueue(path: school.location.vault + "/workspace.sqlite")
        return try workspace.read { db in try Int.fetchOne(db, sql: "SELECT tries FROM permission_key") }
    }

    @Test func `The whole way: asked for, permitted, looked at, taken, acknowledged, the child told, and it verifies`()
        throws
    {
        let given = try Given()
        let vault = given.school.vault
        let permission = try given.give()
        #expect(permission.exhibits == ["JH/1", "JH/2"])
        let session = try given.enter(permission)
        #expect(session.terms.officer == "Tamsin O'Rourke")
        #expect(session.terms.exhibits.map(\.summary) == ["Paper number 1", "Paper number 2"])
        let view = try session.view(0)
        #expect(try view.text().hasPrefix("Seen at the gate"))
        _ = try session.view(0)
        let pack = try session.pack(section9: Array("%PDF-draft".utf8))
        let bytes = try bytes(of: pack)
        #expect(UInt64(bytes.count) == pack.byteCount)
        try session.acknowledge()
        try session.leave()
        try vault.recordInformed(
            ChildInformed(
                told: true, words: "That the police have two papers.", day: "2026-11-21", by: "Judith Halloran"),
            of: permission.id, as: given.lead)
        let listing = try given.listing(permission)
        #expect(listing.issues.map(\.manner) == [.view, .pack])
        #expect(listing.issues.map(\.complete) == [true, true])
        #expect(listing.issues[0].exhibit == "JH/1")
        #expect(listing.issues[1].sha256 == sha256(bytes).hex)
        #expect(listing.issues[1].bytes == UInt64(bytes.count))
        #expect(listing.standing == .ended(.used))
        #expect(listing.acknowledged != nil && listing.informed.map(\.told) == [true])
        let verification = try given.school.verify()
        #expect(verification.holds, "\(verification.findings)")
        let kinds = try given.school.kinds()
        let opened = try #require(kinds.lastIndex(of: "issue.opened"))
        #expect(kinds[opened...].prefix(3) == ["issue.opened", "issue.closed", "permission.ended"])
        // A vault that is opened anew says the same, and its chronology tells it in words.
        let again = try Vault(opening: given.school.location, clock: given.school.clock)
        let lead = try given.school.signIn(given.school.lead, to: again)
        #expect(try again.request(given.request, as: lead).permissions.map(\.standing) == [.ended(.used)])
        var choice = ChronologyChoice()
        choice.lane = .everything
        let print = try again.printChronology(
            of: given.pupil.pupilFile, choosing: choice, as: .page, atMost: 100, by: lead)
        let lines = try again.entries(of: print, 0..<100, by: lead).map(\.entry)
        for title in ["Asked for by an agency", "Permission given", "Issued", "Received", "Child told"] {
            #expect(lines.contains { $0.title == title }, "\(title)")
        }
    }

    @Test func `Without link and code together nothing opens, and ten wrong tries end it for good`() throws {
        let given = try Given(1)
        let permission = try given.give()
        let other = try given.give()
        let vault = given.school.vault
        func refused(_ link: String, _ spoken: String, _ officer: String = "Tamsin O'Rourke", _ number: String = "4471")
            -> String?
        {
            code { _ = try vault.enterPermission(link: link, code: spoken, officer: officer, number: number) }
        }
        #expect(refused(Crockford.encode(Randomness.bytes(16)), permission.code) == "permission.closed")
        #expect(refused("", permission.code) == "permission.closed")
        #expect(refused(permission.link, other.code) == "permission.wrong")
        #expect(refused(permission.link, "") == "permission.wrong")
        #expect(refused(permission.link, permission.code, "Somebody Else") == "permission.wrong")
        #expect(refused(permission.link, permission.code, "Tamsin O'Rourke", "4472") == "permission.wrong")
        // What is right costs no try.
        _ = try given.enter(permission)
        for _ in 0..<5 { #expect(refused(permission.link, AccessCode.random().grouped) == "permission.wrong") }
        #expect(refused(permission.link, AccessCode.random().grouped) == "permission.closed")
        #expect(refused(permission.link, permission.code) == "permission.closed")
        #expect(try given.listing(permission).standing == .ended(.codes))
        #expect(try vault.permissionDoor(link: permission.link) == .closed)
        #expect(try vault.permissionDoor(link: other.link) == .open)
        _ = try given.enter(other)
        #expect(try given.school.verify().holds)
    }

    @Test func `Fifty wrong tries at once are ten`() async throws {
        let given = try Given(1)
        let permission = try given.give()
        let vault = given.school.vault
        let codes = await withTaskGroup(of: String?.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    code {
                        _ = try vault.enterPermission(
                            link: permission.link, code: AccessCode.random().grouped, officer: "Tamsin O'Rourke",
                            number: "4471")
                    }
                }
            }
            return await group.reduce(into: [String: Int]()) { counts, code in counts[code ?? "let in", default: 0] += 1
            }
        }
        #expect(codes["let in"] == nil)
        // Some find the hashing busy; none of the others is told more than nine times that it was wrong.
        #expect((codes["permission.wrong"] ?? 0) <= 9, "\(codes)")
        // Ten that were wrong, and once that it is over.
        #expect(try given.school.kinds().count { $0 == "permission.refused" } <= 11)
        #expect(try given.listing(permission).standing == .ended(.codes))
    }

    @Test func `A try that could not be made, since too many hash, is no try`() async throws {
        let given = try Given(
            1,
            changes: [
                ("sessions.yaml", "hashes-at-once: 2", "hashes-at-once: 1"),
                ("sessions.yaml", "hashes-waiting: 20", "hashes-waiting: 0"),
            ])
        let permission = try given.give()
        let vault = given.school.vault
        let codes = await withTaskGroup(of: String?.self) { group in
            for _ in 0..<9 {
                group.addTask {
                    code {
                        _ = try vault.enterPermission(
                            link: permission.link, code: permission.code, officer: "Tamsin O'Rourke", number: "4471")
                    }
                }
            }
            return await group.reduce(into: [String: Int]()) { counts, code in counts[code ?? "in", default: 0] += 1 }
        }
        #expect(Set(codes.keys).isSubset(of: ["in", "vault.busy"]) && codes["in"] != nil, "\(codes)")
        #expect(try tries(in: given.school) == 0)
    }

    @Test func `A permission that was used up is ended later, where that could not be said at once`() throws {
        let given = try Given(1)
        let permission = try given.give(copies: 1)
        let session = try given.enter(permission)
        try given.school.catalogue().write { db in
            try db.execute(
                sql: """
                    CREATE TRIGGER stopped BEFORE INSERT ON act WHEN NEW.kind = 'permission.ended'
                    BEGIN SELECT RAISE(ABORT, 'stopped'); END
                    """)
        }
        _ = try bytes(of: session.pack(section9: nil))
        try given.school.catalogue().write { db in try db.execute(sql: "DROP TRIGGER stopped") }
        #expect(try given.listing(permission).standing == .active)
        try given.school.vault.sweep()
        #expect(try given.listing(permission).standing == .ended(.used))
        let workspace = try DatabaseQueue(path: given.school.location.vault + "/workspace.sqlite")
        #expect(try workspace.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM permission_key") } == 0)
    }

    @Test func `Copies are taken as often as allowed, an interrupted one is counted and said, and then never again`()
        throws
    {
        let given = try Given()
        let permission = try given.give(copies: 2)
        let session = try given.enter(permission)
        struct Cut: Error {}
        let first = try session.pack(section9: nil)
        var sent = 0
        #expect(throws: (any Error).self) {
            try first.write { piece in
                if sent > 0 { throw Cut() }
                sent += piece.count
            }
        }
        #expect(session.copiesLeft == 1)
        let second = try bytes(of: session.pack(section9: nil))
        #expect(!second.isEmpty && session.copiesLeft == 0)
        #expect(code { _ = try session.pack(section9: nil) } == "permission.closed")
        #expect(code { _ = try given.enter(permission) } == "permission.closed")
        #expect(try given.listing(permission).issues.map(\.complete) == [false, true])
        #expect(try given.listing(permission).issues[0].sha256 == "")
    }

    @Test func `Two packs at once of a permission for one: one is let out`() async throws {
        let given = try Given()
        let permission = try given.give(copies: 1)
        let session = try given.enter(permission)
        let done = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 { group.addTask { (try? session.pack(section9: nil).write { _ in }) != nil } }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(done == 1)
        #expect(try given.school.kinds().count { $0 == "issue.opened" } == 1)
    }

    @Test func `What cannot be recorded is not let out, and what was let out is said before it`() throws {
        let given = try Given()
        let permission = try given.give(copies: 2)
        let session = try given.enter(permission)
        let pack = try session.pack(section9: nil)
        func stop(_ isStopped: Bool) throws {
            try given.school.catalogue().write { db in
                try db.execute(
                    sql: isStopped
                        ? "CREATE TRIGGER stopped BEFORE INSERT ON statement BEGIN SELECT RAISE(ABORT, 'stopped'); END"
                        : "DROP TRIGGER stopped")
            }
        }
        try stop(true)
        #expect(throws: VaultError.self) { _ = try session.view(0) }
        #expect(throws: VaultError.self) { _ = try session.pack(section9: nil) }
        #expect(throws: VaultError.self) { try session.acknowledge() }
        #expect(throws: VaultError.self) { _ = try given.enter(permission) }
        try given.school.giveCode(as: given.lead)
        #expect(throws: VaultError.self) { _ = try given.give() }
        // One that was said before goes out; that it ended cannot be said, so it stays open.
        var bytes = 0
        try pack.write { bytes += $0.count }
        #expect(bytes > 0)
        try stop(false)
        #expect(try given.listing(permission).issues.map(\.closed) == [nil])
        #expect(try given.school.verify().holds)
    }

    @Test func `What goes on in another process is not said to be interrupted`() throws {
        let given = try Given()
        let permission = try given.give(copies: 3)
        let session = try given.enter(permission)
        _ = try session.view(0)
        let other = try Vault(opening: given.school.location, clock: given.school.clock)
        try other.sweep()
        #expect(try given.listing(permission).issues.map(\.closed) == [nil])
        try session.leave()
        #expect(try given.listing(permission).issues.map(\.complete) == [true])
    }

    @Test func `The same permission gives the same bytes, also after a restart`() throws {
        let given = try Given()
        let permission = try given.give(copies: 3)
        let first = try bytes(of: given.enter(permission).pack(section9: nil))
        _ = try given.school.file(Array("Later.\n".utf8), named: "later.txt", for: given.pupil, by: given.lead)
        let again = try Vault(opening: given.school.location, clock: given.school.clock)
        let token = try again.enterPermission(
            link: permission.link, code: permission.code, officer: "Tamsin O'Rourke", number: "4471")
        let second = try bytes(of: try #require(try again.agencySession(token)).pack(section9: nil))
        #expect(first == second)
    }

    @Test func `A second permission for documents that were shown before has a pack, too`() throws {
        let given = try Given()
        let first = try given.enter(given.give(copies: 0))
        _ = try first.view(0).text()
        try first.leave()
        let second = try given.give(copies: 1)
        #expect(second.exhibits == ["JH/3", "JH/4"])
        #expect(!(try bytes(of: given.enter(second).pack(section9: nil))).isEmpty)
    }

    @Test func `What was withdrawn stops at once: what is on its way, what is open, and what would be entered`() throws
    {
        let given = try Given()
        let vault = given.school.vault
        let permission = try given.give(copies: 5)
        let session = try given.enter(permission)
        let view = try session.view(0)
        _ = try view.text()
        let pack = try session.pack(section9: nil)
        try vault.withdrawPermission(permission.id, reason: "The letter was not theirs.", as: given.lead)
        var sent: [UInt8] = []
        #expect(throws: VaultError.self) { try pack.write { sent += $0 } }
        #expect(!String(decoding: sent, as: UTF8.self).contains("Seen at the gate"))
        #expect(code { _ = try view.text() } == "permission.closed")
        #expect(code { _ = try session.view(1) } == "permission.closed")
        #expect(code { _ = try session.pack(section9: nil) } == "permission.closed")
        #expect(code { _ = try given.enter(permission) } == "permission.closed")
        guard case .withdrawn(let decided) = try given.listing(permission).standing else {
            Issue.record("not withdrawn")
            return
        }
        #expect(decided.words == "The letter was not theirs." && decided.by == "Judith Halloran")
        #expect(
            code { try vault.withdrawPermission(permission.id, reason: "x", as: given.lead) }
                == "permission.over")
        let workspace = try DatabaseQueue(path: given.school.location.vault + "/workspace.sqlite")
        #expect(try workspace.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM permission_key") } == 0)
        #expect(try given.school.verify().holds)
    }

    @Test func `It counts from its first day to its last, and what opens it is deleted then`() throws {
        let given = try Given(1)
        let vault = given.school.vault
        let day = Timestamp(milliseconds: given.school.clock.now().milliseconds + 3 * 86_400_000).iso8601.prefix(10)
        let permission = try given.give(from: String(day))
        guard case .notYet = try vault.permissionDoor(link: permission.link) else {
            Issue.record("open before its day")
            return
        }
        #expect(code { _ = try given.enter(permission) } == "permission.not-yet")
        given.school.clock.advance(seconds: 4 * 86_400)
        let session = try given.enter(permission)
        _ = try session.view(0).text()
        given.school.clock.advance(seconds: 20 * 86_400)
        #expect(code { _ = try given.enter(permission) } == "permission.closed")
        try vault.sweep()
        let workspace = try DatabaseQueue(path: given.school.location.vault + "/workspace.sqlite")
        #expect(try workspace.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM permission_key") } == 0)
        let kinds = try given.school.kinds()
        #expect(kinds.contains("permission.ended") && kinds.count { $0 == "issue.closed" } == 1)
        #expect(try given.school.verify().holds)
    }

    @Test
    func `A hundred permissions and their packs at once: numbers without gap or double, and the same bytes twice`()
        async throws
    {
        let given = try Given(2)
        try given.school.giveCode(as: given.lead)
        let (vault, terms, request, lead) = (given.school.vault, given.terms(copies: 2), given.request, given.lead)
        let count = Int(ProcessInfo.processInfo.environment["STRONGROOM_TEST_PERMISSIONS"] ?? "") ?? 24
        let taken = try await withThrowingTaskGroup(of: (references: [String], packs: [[UInt8]]).self) { group in
            for _ in 0..<count {
                group.addTask {
                    let permission = try await unlessBusy { () throws(VaultError) in
                        try vault.givePermission(terms, for: request, as: lead)
                    }
                    let token = try await unlessBusy { () throws(VaultError) in
                        try vault.enterPermission(
                            link: permission.link, code: permission.code, officer: "Tamsin O'Rourke", number: "4471")
                    }
                    let session = try #require(try vault.agencySession(token))
                    let packs = try [session.pack(section9: nil), session.pack(section9: nil)]
                    return (permission.exhibits, try packs.map { try self.bytes(of: $0) })
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let references = taken.flatMap(\.references)
        #expect(Set(references) == Set((1...2 * count).map { "JH/\($0)" }))
        #expect(references.count == 2 * count)
        for (references, packs) in taken {
            #expect(packs[0] == packs[1])
            let list = String(decoding: packs[0], as: UTF8.self)
            for reference in references {
                #expect(list.contains("\"\(reference)\","), "its own exhibits are listed in each pack")
            }
        }
        #expect(Set(taken.map(\.packs[0])).count == count)
        #expect(try given.school.verify().holds)
    }

    @Test func `Exhibits are numbered in the order of the chronology, and stand so in the pack`() throws {
        let given = try Given(1)
        let school = given.school
        let later = try ["2019", "2012-03"].map { date in
            try school.file(
                Array("Of \(date).\n".utf8), named: "\(date).txt", for: given.pupil, date: date,
                summary: "Paper of \(date)", by: given.lead
            ).document
        }
        let candidates = try school.vault.candidates(for: given.request, as: given.lead)
        #expect(
            candidates.map(\.document.summary) == [
                "Paper of 2012-03", "Paper number 0", "Paper number 1", "Paper of 2019",
            ])
        let permission = try given.give(given.documents + later)
        let session = try given.enter(permission)
        #expect(
            session.terms.exhibits.map { "\($0.reference) \($0.summary)" } == [
                "JH/1 Paper of 2012-03", "JH/2 Paper number 1", "JH/3 Paper of 2019",
            ])
        #expect(try school.verify().holds)
    }

    @Test func `Two producers with the same initials are told apart`() throws {
        #expect(exhibitInitials(of: "Judith Halloran", after: []) == "JH")
        #expect(exhibitInitials(of: "John Hart", after: ["JH"]) == "JH2")
        #expect(exhibitInitials(of: "Jane Hall", after: ["JH", "JH2", "JHA"]) == "JH3")
        #expect(exhibitInitials(of: "Éva  Ó Briain", after: []) == "EOB")
        #expect(exhibitInitials(of: "李", after: []) == "X")
    }

    @Test func `Only the lead permits, or a deputy while it is delegated to them; a deputy records what is asked`()
        throws
    {
        let given = try Given(1)
        let (school, vault) = (given.school, given.school.vault)
        let member = try school.add("Priya Raman", [.deputy], by: given.lead)
        let deputy = try school.signIn(member)
        try school.giveCode(as: deputy)
        #expect(code { _ = try given.give(by: deputy) } == "permission.leads")
        #expect(
            code { try vault.refuseRequest(given.request, reasons: "No.", as: deputy) } == "permission.leads")
        try school.giveCode(as: given.lead)
        let until = Timestamp(milliseconds: school.clock.now().milliseconds + 2 * 86_400_000).iso8601.prefix(10)
        try vault.delegate(to: deputy.person, until: String(until), as: given.lead)
        #expect(try vault.delegations(as: given.lead).map(\.until).allSatisfy { $0 != nil })
        let permission = try given.give(by: deputy)
        #expect(permission.exhibits == ["PR/1"])
        try vault.delegate(to: deputy.person, until: nil, as: given.lead)
        #expect(code { _ = try given.give(by: deputy) } == "permission.leads")
        try vault.delegate(to: deputy.person, until: String(until), as: given.lead)
        school.clock.advance(seconds: 4 * 86_400)
        let later = try school.signIn(member)
        #expect(code { _ = try given.give(by: later) } == "permission.leads")
        let clerk = try school.signIn(school.add("Sam Ashworth", [.admin], by: school.signIn(school.lead)))
        #expect(code { _ = try vault.requests(as: clerk) } == "not-found")
        #expect(code { _ = try vault.candidates(for: given.request, as: clerk) } == "not-found")
        #expect(try school.verify().holds)
    }

    @Test func `What is said of a request and a permission is refused until it is whole`() throws {
        let given = try Given(1)
        let vault = given.school.vault
        let other = try given.school.pupil("Tobias Fenn", born: "2004-01-09", by: given.lead)
        let elsewhere = try given.school.file(
            Array("Of somebody else.\n".utf8), named: "other.txt", for: other, by: given.lead
        ).document
        func asked(_ changes: [RequestField: String], _ letter: DocumentID? = nil, _ confirmed: Bool = false) -> String?
        {
            code {
                _ = try vault.recordRequest(
                    Self.sought.merging(changes) { $1 }, letter: letter ?? given.documents[0], confirmed: confirmed,
                    of: given.pupil.pupilFile, as: given.lead)
            }
        }
        for field in RequestField.written
        where !field.isOptional && !RequestField.ofVictim.contains(field) {
            #expect(asked([field: " "]) == "request.\(field.rawValue)", "\(field)")
        }
        #expect(asked([.received: "2030-01-01"]) == "request.received")
        #expect(asked([:], elsewhere) == "request.letter")
        let victim: [RequestField: String] = [
            .victim: "yes", .enquiry: "Where he was", .proportionate: "Nobody else saw it", .notice: "given",
            .noticeTo: "Rosa Fenwick", .suspects: "Daniel Fenwick\nJo Marsh",
        ]
        #expect(asked(victim) == "request.notice_suspect")
        #expect(asked(victim, nil, true) == nil)
        // Suspects of an earlier request about the same pupil count, too.
        #expect(asked(victim.merging([.suspects: ""]) { $1 }) == "request.notice_suspect")
        #expect(asked(victim.merging([.noticeTo: "Rosa Bell", .enquiry: ""]) { $1 }) == "request.enquiry")
        #expect(
            asked(victim.merging([.noticeTo: "Rosa Bell", .notice: "not-given"]) { $1 }) == "request.notice_reason")
        #expect(asked(victim.merging([.noticeTo: "Rosa Bell"]) { $1 }) == nil)

        try given.school.giveCode(as: given.lead)
        func permitted(_ change: (inout PermissionTerms) -> Void) -> String? {
            var terms = given.terms()
            change(&terms)
            return code { _ = try vault.givePermission(terms, for: given.request, as: given.lead) }
        }
        #expect(permitted { $0.documents = [] } == "permission.documents")
        #expect(permitted { $0.documents = [elsewhere] } == "access.document-unknown")
        #expect(permitted { $0.until = "2026-01-01" } == "permission.until")
        #expect(permitted { $0.copies = 11 } == "permission.copies")
        #expect(permitted { $0.recipient = "age1nonsense" } == "permission.recipient")
        #expect(permitted { $0.informed = ChildInformed(told: false, words: "", review: "") } == "informed.words")
        #expect(
            permitted { $0.informed = ChildInformed(told: false, words: "At risk", review: "2026-01-01") }
                == "informed.review")
        #expect(!(try given.school.kinds().contains("permission.given")))
        try vault.refuseRequest(given.request, reasons: "Not needed for it.", as: given.lead)
        #expect(permitted { _ in } == "request.decided")
        #expect(try vault.request(given.request, as: given.lead).refused?.words == "Not needed for it.")
    }

    @Test func `Documents about others, or from outside, are warned of before they are given`() throws {
        let given = try Given(1)
        let (school, vault) = (given.school, given.school.vault)
        let received = try school.receive(
            Array("A school nurse wrote this.\n".utf8), named: "health.txt", for: given.pupil, by: given.lead)
        let outcomes = try vault.file(
            [(received, FilingDetails(summary: "Letter of the nurse", category: "health", date: "2017"))],
            as: given.lead)
        guard case .filed(_, let receipt) = try #require(outcomes.first) else {
            Issue.record("not filed")
            return
        }
        let candidates = try vault.candidates(for: given.request, as: given.lead)
        #expect(candidates.first { $0.document.id == receipt.document }?.warnings == [.counselling, .thirdParty])
        #expect(code { _ = try given.give([receipt.document]) } == "permission.warnings")
        var terms = given.terms([receipt.document])
        terms.warningsSeen = true
        let permission = try vault.givePermission(terms, for: given.request, as: given.lead)
        #expect(try given.listing(permission)[.warnings] == "1")
    }

    @Test func `A visit stays open until notes are filed or none are attested`() throws {
        let given = try Given(1)
        let vault = given.school.vault
        let permission = try given.give(copies: 0)
        let fields: [SiteVisitField: String] = [
            .officer: "DC O'Rourke, 4471", .day: "2026-11-21", .time: "10:15 to 11:40", .present: "Judith Halloran",
            .read: "Paper number 1",
        ]
        #expect(
            code {
                _ = try vault.recordVisit(fields.merging([.present: ""]) { $1 }, under: permission.id, as: given.lead)
            } == "visit.present")
        let visit = try vault.recordVisit(fields, under: permission.id, as: given.lead)
        #expect(try given.listing(permission).visits.map { $0.closed == nil } == [true])
        #expect(code { try vault.closeVisit(visit, notes: nil, words: "", as: given.lead) } == "visit.notes")
        try vault.closeVisit(visit, notes: given.documents[0], words: "", as: given.lead)
        #expect(
            code { try vault.closeVisit(visit, notes: nil, words: "None.", as: given.lead) } == "visit.closed")
        #expect(try given.listing(permission).visits.first?.closed?.notes == given.documents[0])
        #expect(try given.school.verify().holds)
    }

    @Test func `What was moved out of the file, or is not what was filed, is let out to nobody`() throws {
        let given = try Given(2)
        let permission = try given.give(copies: 3)
        let session = try given.enter(permission)
        let path = try given.school.blobPath(of: given.documents[0])
        let kept = try Data(contentsOf: URL(fileURLWithPath: path))
        var changed = kept
        changed[changed.count - 1] ^= 1
        try changed.write(to: URL(fileURLWithPath: path))
        var sent: [UInt8] = []
        #expect(throws: VaultError.self) { try session.pack(section9: nil).write { sent += $0 } }
        #expect(!String(decoding: sent, as: UTF8.self).contains("three.\n1\n"))
        #expect(throws: VaultError.self) { _ = try given.give() }
        try kept.write(to: URL(fileURLWithPath: path))
        let member = try given.school.add("Priya Raman", [.deputy], by: given.lead)
        let deputy = try given.school.signIn(member)
        try given.school.giveCode(as: given.lead)
        _ = try given.school.vault.move(
            given.documents[0], about: StaffConcern(people: [deputy.person], others: ""), as: given.lead)
        #expect(code { _ = try session.view(0) } == "permission.closed")
        _ = try session.view(1).text()
        #expect(throws: VaultError.self) { _ = try session.pack(section9: nil) }
    }

    @Test func `A permission put into the catalogue by hand opens nothing and is named`() throws {
        let given = try Given(1)
        let permission = try given.give(copies: 1)
        try given.school.tamper { db in
            try db.execute(sql: "UPDATE item SET bytes = zeroblob(length(bytes)) WHERE kind = 'terms'")
        }
        #expect(throws: VaultError.self) { _ = try given.enter(permission) }
        #expect(!(try given.school.verify().holds))
    }

    @Test func `An access code can be said: one wrong or exchanged character is found before it is tried`() {
        for _ in 0..<50 {
            let code = AccessCode.random()
            #expect(AccessCode(typed: code.grouped.lowercased().replacing("-", with: " ")) == code)
            var letters = Array(code.text)
            letters[3] = letters[3] == "a" ? "b" : "a"
            #expect(AccessCode(typed: String(letters)) == nil)
            letters = Array(code.text)
            letters.swapAt(5, 6)
            #expect(letters[5] == letters[6] || AccessCode(typed: String(letters)) == nil)
        }
    }
}
