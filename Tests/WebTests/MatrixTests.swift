import Custody
import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Records
import Testing
import Web

/// Whose a thing is, to who asks for it.
private enum Ownership: String, CaseIterable {
    /// Their own, or everybody's of their role.
    case own
    /// Given to them by the lead.
    case granted
    /// Given to them once, and over.
    case expired
    /// Restricted, and about themselves.
    case barred
    /// Moved out of the pupil's file, since it concerns a member of staff.
    case moved
    /// Somebody else's.
    case others
    /// There is no such thing.
    case missing

    var opens: Bool { self == .own || self == .granted }
}

/// A-09: role × route × ownership, made from the router itself.
@Suite("Whose it is: every route, for every role")
struct MatrixTests {
    /// Somebody who asks, and what each kind of segment of an address is to them.
    private struct Asker {
        let role: String
        let visitor: Visitor
        let allowed: Set<Access>
        let things: [String: [(Ownership, String)]]
    }

    /// Segments that name nothing of anybody's.
    private static let plain = ["page": "1", "number": "1", "file": "none.css"]

    @Test(
        "Another's thing and one that is not there look alike; one's own opens; every segment of every route is known")
    func matrix() async throws {
        let school = try School()
        let askers = try Self.askers(school)
        var asked = 0
        for route in Site.routes {
            let names = route.path.split(separator: "/").filter { $0.first == "{" }.map {
                String($0.dropFirst().dropLast())
            }
            for asker in askers {
                for name in names where Self.plain[name] == nil {
                    let things = try #require(asker.things[name], "\(route.path): nobody says whose {\(name)} is")
                    let missing = try await Self.ask(route, asker, name, things.first { $0.0 == .missing }?.1, names)
                    for (ownership, thing) in things where ownership != .missing {
                        // Changing what is one's own is what other tests do.
                        if ownership.opens, ![.get, .head].contains(route.method) { continue }
                        let answer = try await Self.ask(route, asker, name, thing, names)
                        asked += 1
                        let what: Comment = "\(asker.role) \(route.method) \(route.path), \(name) \(ownership)"
                        #expect(answer.status.code < 500, what)
                        if !asker.allowed.contains(route.access), route.access != .anyone {
                            #expect(answer.status == .forbidden && answer.body == missing.body, what)
                        } else if ownership.opens {
                            #expect([200, 204, 303].contains(answer.status.code), what)
                        } else {
                            #expect(answer.status == missing.status && answer.body == missing.body, what)
                            #expect(answer.headers == missing.headers, what)
                            #expect(answer.status == .notFound || route.access == .anyone, what)
                        }
                    }
                }
            }
        }
        #expect(asked > 120, "\(asked)")
        #expect(try Vault.verify(school.location).holds)
    }

    @Test("Another's document costs the same to refuse as one that is not there: one statement, and no byte of it read")
    func work() async throws {
        let school = try School()
        let nominated = try #require(try Self.askers(school).first { $0.role == "nominated" })
        let things = try #require(nominated.things["document"])
        // A payload that cannot be read would tell: it is gone.
        try FileManager.default.removeItem(atPath: school.location.vault + "/blobs")
        func statements() throws -> UInt64 { try school.vault.figures(as: school.lead).statements }
        for (ownership, thing) in things where !ownership.opens {
            let before = try statements()
            #expect(try await nominated.visitor.get("/documents/\(thing)").status == .notFound)
            #expect(try statements() == before + 1, "\(ownership)")
        }
    }

    // MARK: - Asking

    private struct Answer {
        let status: HTTPResponse.Status
        let body: String
        let headers: [String]
    }

    /// Asks for one thing; the answer without what is made anew each time, and without the thing's own name.
    private static func ask(
        _ route: Route, _ asker: Asker, _ name: String, _ thing: String?, _ names: [String]
    ) async throws -> Answer {
        let thing = thing ?? ""
        var path = route.path.replacing("{\(name)}", with: thing)
        for other in names where other != name {
            // The other segments are right ones, as far as there are any.
            let right = plain[other] ?? asker.things[other]?.first { $0.0.opens }?.1 ?? asker.things[other]?.last?.1
            path = path.replacing("{\(other)}", with: right ?? "")
        }
        let response: TestResponse =
            if route.path.hasPrefix("/api/") {
                try await asker.visitor.call(
                    route.method, path,
                    route.method == .patch
                        ? [("Content-Type", "application/offset+octet-stream"), ("Upload-Offset", "0")] : [])
            } else if route.method == .get {
                try await asker.visitor.get(path)
            } else {
                try await asker.visitor.send(path)
            }
        var body = response.text.replacing(/nonce="[0-9a-f]*"/, with: "").replacing(
            /name="csrf" value="[^"]*"/, with: "")
        body = body.replacing(/<time>[^<]*<\/time>/, with: "").replacing(/[0-9]+ \w+ [0-9]{4} at [0-9:]{5}/, with: "")
        body = body.replacing(/name="place" value="[^"]*"/, with: "").replacing(/data-seconds-left="[0-9]*"/, with: "")
        for text in Set([thing, thing.uppercased(), String(thing.prefix(8)).uppercased()]) where text.count > 5 {
            body = body.replacing(text, with: "*")
        }
        let headers = response.headers.map { "\($0.name): \($0.value)" }.filter {
            !$0.hasPrefix("Content-Security-Policy") && !$0.lowercased().hasPrefix("date") && !$0.contains("ength")
        }
        return Answer(status: response.status, body: body, headers: headers.sorted())
    }

    // MARK: - Who asks, and what there is

    /// A request that is answered with a permission, and a visit under it, by their ids.
    private static func disclosure(
        of document: DocumentID, in school: School, until day: String
    ) throws -> (request: String, permission: String, visit: String) {
        let (vault, lead) = (school.vault, school.lead)
        let request = try vault.recordRequest(
            sought, letter: document, confirmed: false, of: school.pupil.pupilFile, as: lead)
        let given = try vault.givePermission(
            PermissionTerms(documents: [document], until: day, copies: 0), for: request, as: lead)
        let visit = try vault.recordVisit(
            [
                .officer: "Ann Exley", .day: "2026-01-02", .time: "10:15 to 11:40", .present: "The lead",
                .read: "RO/1",
            ], under: given.id, as: lead)
        return (request.text, given.id.text, visit.text)
    }

    /// A request for a restricted document, by the record that says it.
    private static func asked(_ restricted: String, letter: String, in school: School) throws -> String {
        guard let document = DocumentID(text: restricted), let letter = DocumentID(text: letter) else {
            throw VaultError.notFound
        }
        try school.vault.askForRestricted(document, sought, letter: letter, confirmed: false, as: school.lead)
        return try school.vault.agencyRequests(ofRestricted: document, as: school.lead)[0].id.text
    }

    /// A batch of paper with one scan.
    private static func paper(by acting: Acting, _ scan: Data, in school: School) throws -> (BatchID, UploadID) {
        let vault = school.vault
        let batch = try vault.beginPaperBatch(PaperFacts(cabinet: "1", drawer: "2", folder: "3"), as: acting).id
        var reception = try vault.beginStack(filename: "scan.jpg", as: acting)
        try scan.withUnsafeBytes { try reception.append($0) }
        let received = try reception.finish()
        try vault.addStack(received, sides: .unknown, as: acting)
        return (batch, received.upload)
    }

    private static let sought: [RequestField: String] = [
        .agency: "police", .organisation: "Harrow Vale Police", .officer: "Ann Exley", .rank: "Constable",
        .identityChecked: "Called back", .received: "2026-01-02", .purpose: "An enquiry", .basis: "An order",
        .sought: "Notes", .victim: "no",
    ]

    private static func askers(_ school: School) throws -> [Asker] {
        let (vault, lead, pupil) = (school.vault, school.lead, school.pupil)
        let office = try school.add(.admin, name: "Maud Tranter")
        let other = try school.add(.admin, name: "Bede Farrow")
        let staff = try school.add(.staff, name: "Amir Oakley")
        let panel = try school.add(.panel, name: "Ivo Castellane")
        let deputy = try school.add(.deputy, name: "Nell Vasey")
        let scan = try Data(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../../fixtures/scans/note-photographed-2017-06-12.jpg"))
        func receive(by acting: Acting) throws -> Received {
            var reception = try vault.beginUpload(
                UploadRequest(pupilFile: pupil.pupilFile, filename: "scan.jpg", wantsProposal: false), as: acting)
            try scan.withUnsafeBytes { try reception.append($0) }
            return try reception.finish()
        }
        let details = FilingDetails(summary: "A note about a visit", category: "letter", date: "2017")
        func pending(by acting: Acting) throws -> String {
            try vault.hold(receive(by: acting), details: details, as: acting).id.text
        }
        func file(by acting: Acting, about concern: StaffConcern? = nil) throws -> Receipt {
            let held = try vault.hold(receive(by: acting), details: details, as: acting)
            var details = details
            details.concerning = concern
            guard
                case .filed(_, let receipt) = try vault.file(
                    [Filing(upload: held.id, details: details, again: true)], as: acting)[0]
            else {
                throw VaultError.notFound
            }
            return receipt
        }
        let (first, second, third) = (try file(by: lead), try file(by: lead), try file(by: lead))
        let code = try School.code(school.leadAuthenticator, at: school.clock.now())
        try vault.giveCode(code, as: lead)
        let tomorrow = String(
            Timestamp(milliseconds: school.clock.now().milliseconds + 86_400_000).iso8601.prefix(10))
        let over = try vault.giveAccess(
            to: staff.person, of: pupil.pupilFile, documents: [second.document], until: tomorrow, reason: "Was needed",
            as: lead)
        try vault.endAccess(over, as: lead)
        let access = try vault.giveAccess(
            to: staff.person, of: pupil.pupilFile, documents: [first.document], until: tomorrow, reason: "Is needed",
            as: lead)
        let (request, permission, visit) = try disclosure(of: first.document, in: school, until: tomorrow)
        try school.giveCode(as: panel)
        let proposal = try vault.propose(suspending: lead.person, true, as: panel).text
        let station = try vault.addStation(NewStation(name: "Office copier", intake: true), as: lead).station
        let (own, own2) = (try file(by: office), try file(by: other))
        let restricted = try file(by: office, about: StaffConcern(people: [deputy.person])).document.text
        let concerning = try file(by: office).document
        let record = try vault.move(concerning, about: StaffConcern(people: [deputy.person]), as: lead).text
        let moved = (Ownership.moved, concerning.text)
        let asked = try asked(restricted, letter: record, in: school)
        // So that what asks for a code answers as it does afterwards.
        try school.giveCode(as: deputy)
        let batch2 = try vault.openBatch(as: other)
        let (batch, pictured) = try paper(by: office, scan, in: school)
        try vault.planSheet(in: batch, pupil: pupil.reference, category: "letter", pages: 1, as: office)
        _ = try vault.printSheets(of: batch, pages: 1, as: office)
        // Another, which the deputy is asked to check.
        let scanner = try school.add(.admin, name: "Tilly Marchbank")
        let (checked, shown) = try paper(by: scanner, scan, in: school)
        try school.untilRead(checked, as: scanner)
        try vault.take(.start(shown, 1...1, pupilFile: pupil.pupilFile, category: "letter"), in: checked, as: scanner)
        let piece = try vault.desk(of: checked, as: scanner).pieces[0]
        _ = try vault.describe([(piece.id, "2009", "", "no", "")], in: checked, as: scanner)
        try vault.present(checked, to: deputy.person, difference: "", isAboutNoStaff: true, as: scanner)

        school.clock.move(seconds: 60)
        for acting in [office, other, staff, panel, deputy, lead] { try school.giveCode(as: acting, after: 0) }
        let (mine, theirs) = (try school.addPasskey(as: lead).id.text, try school.addPasskey(as: other).id.text)
        func entry(by acting: Acting) throws -> String {
            try vault.makeEntry(
                EntryDetails(
                    kind: .observation,
                    values: [
                        .basis: "fact", .date: "2017", .received: "2017-05-01", .account: "A bruise", .lateReason: "x",
                    ]),
                for: pupil.pupilFile, as: acting
            ).entry.text
        }
        let (leads, offices, staffs, deputys) = (
            try entry(by: lead), try entry(by: office), try entry(by: staff), try entry(by: deputy)
        )

        func draft(by acting: Acting) throws -> String {
            let draft = MeetingDraft(pupilFile: pupil.pupilFile, details: details)
            try vault.keep(draft, as: acting)
            return draft.id.text
        }
        let missing = (Ownership.missing, DocumentID.random().text)
        let everything: Set<Access> = [
            .anyone, .session, .signedIn, .file, .upload, .read, .readShared, .seeRegister, .managePupils,
            .managePeople,
            .giveAccess, .seeFigures, .seePolicyRegister, .manageStations, .seeIntake, .readDocument, .holdRestricted,
            .takesPart,
        ]
        let filer: Set<Access> = [.anyone, .session, .signedIn, .file, .upload, .seeRegister]
        let register = [(Ownership.own, pupil.reference), (.missing, "P-00000")]
        let nothing = [missing]
        return [
            Asker(
                role: "dsl", visitor: try school.visitor(lead), allowed: everything,
                things: [
                    "folder": [(.own, batch.text), missing],
                    "link": nothing, "item": nothing, "scan": [(.others, pictured.text), missing],
                    "shown": [(.others, shown.text), missing], "check": [(.others, checked.text), missing],
                    "restricted": [(.own, restricted), (.others, first.document.text), missing],
                    "asked": [(.own, asked), missing],
                    "request": [(.own, request), missing], "permission": [(.own, permission), missing],
                    "visit": [(.own, visit), missing],
                    "passkey": [(.own, mine), (.others, theirs), missing],
                    "proposal": [(.others, proposal), missing],
                    "entry": [(.own, leads), (.others, offices), missing],
                    "pupil": register,
                    "document": [(.own, first.document.text), (.own, restricted), (.own, record), moved, missing],
                    "documents": [
                        (.own, first.document.text), (.others, own.document.text), (.others, restricted), moved,
                        (.others, record), missing,
                    ],
                    "upload": [(.own, try pending(by: lead)), (.others, try pending(by: office)), missing],
                    "draft": [(.own, try draft(by: lead)), (.others, try draft(by: other)), missing],
                    "batch": [(.others, batch.text), missing], "station": [(.own, station.id.text), missing],
                    "person": [(.own, staff.person.text), missing], "access": [(.own, access.text), missing],
                    "index": [(.own, String(third.index)), (.others, "0"), (.missing, "99999999")],
                ]),
            Asker(
                role: "admin", visitor: try school.visitor(office), allowed: filer,
                things: [
                    "folder": [(.others, batch.text), missing],
                    "link": nothing, "item": nothing, "scan": [(.own, pictured.text), (.others, shown.text), missing],
                    "shown": [(.others, shown.text), missing], "check": [(.others, checked.text), missing],
                    "request": [(.others, request), missing], "permission": [(.others, permission), missing],
                    "visit": [(.others, visit), missing],
                    "restricted": [(.others, restricted), (.others, first.document.text), missing],
                    "asked": [(.others, asked), missing],
                    "passkey": [(.others, mine), (.others, theirs), missing],
                    "proposal": [(.others, proposal), missing],
                    "entry": [(.own, offices), (.others, leads), missing],
                    "pupil": register,
                    "document": [
                        (.others, own.document.text), (.others, restricted), (.others, record), moved, missing,
                    ],
                    "documents": [
                        (.own, own.document.text), (.own, restricted), (.others, own2.document.text), moved,
                        (.others, record), missing,
                    ],
                    "upload": [(.own, try pending(by: office)), (.others, try pending(by: other)), missing],
                    "draft": [(.own, try draft(by: office)), (.others, try draft(by: other)), missing],
                    "batch": [(.own, batch.text), (.others, batch2.id.text), missing], "station": nothing,
                    "person": [(.others, staff.person.text), missing], "access": [(.others, access.text), missing],
                    "index": [(.others, String(third.index)), (.missing, "99999999")],
                ]),
            Asker(
                role: "nominated", visitor: try school.visitor(staff),
                allowed: filer.union([.readShared, .readDocument]),
                things: [
                    "folder": [(.others, batch.text), missing],
                    "link": nothing, "item": nothing, "scan": [(.others, pictured.text), missing],
                    "shown": [(.others, shown.text), missing], "check": [(.others, checked.text), missing],
                    "request": [(.others, request), missing], "permission": [(.others, permission), missing],
                    "visit": [(.others, visit), missing],
                    "restricted": [(.others, restricted), (.others, first.document.text), missing],
                    "asked": [(.others, asked), missing],
                    "passkey": [(.others, mine), (.others, theirs), missing],
                    "proposal": [(.others, proposal), missing],
                    "entry": [(.own, staffs), (.others, offices), missing],
                    "pupil": register,
                    "document": [
                        (.granted, first.document.text), (.expired, second.document.text),
                        (.others, third.document.text), (.others, own.document.text), (.others, restricted),
                        (.others, record), moved, missing,
                    ],
                    "documents": [(.others, first.document.text), moved, missing],
                    "upload": [(.own, try pending(by: staff)), (.others, try pending(by: office)), missing],
                    "draft": [(.own, try draft(by: staff)), (.others, try draft(by: other)), missing],
                    "batch": [(.others, batch.text), missing], "station": [(.others, station.id.text), missing],
                    "person": [(.others, lead.person.text), missing], "access": [(.others, access.text), missing],
                    "index": [(.others, String(first.index)), (.missing, "99999999")],
                ]),
            Asker(
                role: "deputy", visitor: try school.visitor(deputy),
                allowed: filer.union([
                    .read, .readShared, .readDocument, .holdRestricted, .managePupils, .seeFigures, .seePolicyRegister,
                    .takesPart,
                ]),
                things: [
                    "folder": [(.own, batch.text), missing],
                    "link": nothing, "item": nothing, "scan": [(.others, pictured.text), missing],
                    "shown": [(.own, shown.text), (.others, pictured.text), missing],
                    "check": [(.own, checked.text), (.others, batch.text), missing],
                    "request": [(.own, request), missing], "permission": [(.own, permission), missing],
                    "visit": [(.own, visit), missing],
                    "restricted": [(.barred, restricted), (.others, first.document.text), missing],
                    "asked": [(.barred, asked), missing],
                    "passkey": [(.others, mine), (.others, theirs), missing],
                    "proposal": [(.own, proposal), missing],
                    "entry": [(.own, deputys), (.others, staffs), missing],
                    "pupil": register,
                    "document": [
                        (.own, first.document.text), (.barred, restricted), (.barred, record), moved, missing,
                    ],
                    "documents": [
                        (.others, first.document.text), (.barred, restricted), (.barred, record), moved, missing,
                    ],
                    "upload": [(.own, try pending(by: deputy)), (.others, try pending(by: office)), missing],
                    "draft": [(.own, try draft(by: deputy)), (.others, try draft(by: other)), missing],
                    "batch": [(.others, batch.text), missing], "station": [(.others, station.id.text), missing],
                    "person": [(.others, lead.person.text), missing], "access": [(.others, access.text), missing],
                    "index": [(.own, String(third.index)), (.others, "0"), (.missing, "99999999")],
                ]),
            Asker(
                role: "panel", visitor: try school.visitor(panel),
                allowed: [
                    .anyone, .session, .signedIn, .seeFigures, .seePolicyRegister, .readDocument, .holdRestricted,
                    .takesPart,
                ],
                things: [
                    "folder": [(.others, batch.text), missing],
                    "link": nothing, "item": nothing, "scan": [(.others, pictured.text), missing],
                    "shown": [(.others, shown.text), missing], "check": [(.others, checked.text), missing],
                    "request": [(.others, request), missing], "permission": [(.others, permission), missing],
                    "visit": [(.others, visit), missing],
                    "restricted": [(.granted, restricted), (.others, first.document.text), missing],
                    "asked": [(.granted, asked), missing],
                    "passkey": [(.others, mine), (.others, theirs), missing],
                    "proposal": [(.own, proposal), missing],
                    "entry": [(.others, offices), missing],
                    "pupil": [(.others, pupil.reference), (.missing, "P-00000")],
                    "document": [
                        (.granted, restricted), (.granted, record), (.others, first.document.text), moved, missing,
                    ],
                    "documents": [(.others, first.document.text), moved, missing],
                    "upload": [(.others, try pending(by: office)), missing],
                    "draft": [(.others, try draft(by: other)), missing],
                    "batch": [(.others, batch.text), missing], "station": [(.others, station.id.text), missing],
                    "person": [(.others, lead.person.text), missing], "access": [(.others, access.text), missing],
                    "index": [(.others, "0"), (.missing, "99999999")],
                ]),
        ]
    }
}
