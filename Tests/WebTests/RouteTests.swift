import Custody
import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Records
import Testing
import Web

/// Who may ask for what (W-04, A-07). A route that is not here fails the first test.
private let table: [String: Access] = [
    "GET /": .signedIn,
    "GET /sign-in": .anyone,
    "POST /sign-in": .anyone,
    "GET /join": .anyone,
    "POST /join": .anyone,
    "GET /first-time": .session,
    "POST /first-time": .session,
    "GET /first-time/recovery-codes": .session,
    "GET /policy": .session,
    "POST /policy": .session,
    "GET /recovery-codes": .signedIn,
    "POST /recovery-codes": .signedIn,
    "POST /sign-out": .session,
    "GET /hidden": .anyone,
    "GET /late": .session,
    "GET /password": .signedIn,
    "POST /password": .signedIn,
    "GET /passkeys": .session,
    "POST /passkeys": .session,
    "GET /passkeys/question": .anyone,
    "GET /passkeys/new-question": .session,
    "POST /passkeys/{passkey}/remove": .session,
    "POST /people/{person}/passkeys/{passkey}/remove": .managePeople,
    "POST /hidden": .session,
    "POST /hidden/show": .session,
    "OPTIONS /api/v1/uploads": .anyone,
    "OPTIONS /api/v1/uploads/{upload}": .anyone,
    "GET /api/v1/uploads": .upload,
    "POST /api/v1/uploads": .upload,
    "HEAD /api/v1/uploads/{upload}": .upload,
    "PATCH /api/v1/uploads/{upload}": .upload,
    "DELETE /api/v1/uploads/{upload}": .upload,
    "POST /api/v1/documents": .upload,
    "GET /api/v1/openapi.json": .anyone,
    "GET /file": .file,
    "POST /file": .file,
    "GET /file/{pupil}": .file,
    "POST /file/{pupil}": .file,
    "GET /file/{pupil}/meeting": .file,
    "GET /meeting-notes/{draft}": .file,
    "POST /meeting-notes/{draft}": .file,
    "GET /meeting-notes/{draft}/file": .file,
    "POST /meeting-notes/{draft}/file": .file,
    "GET /meeting-notes/{draft}/discard": .file,
    "POST /meeting-notes/{draft}/discard": .file,
    "GET /check/{pupil}": .file,
    "POST /check/{pupil}": .file,
    "GET /check/{pupil}/picture/{upload}": .file,
    "GET /check/{pupil}/proposals": .file,
    "GET /check/{pupil}/discard/{upload}": .file,
    "POST /check/{pupil}/discard/{upload}": .file,
    "GET /receipt/{documents}": .file,
    "GET /pupils": .read,
    "POST /pupils": .read,
    "GET /pupils/add": .managePupils,
    "POST /pupils/add": .managePupils,
    "GET /pupils/import": .managePupils,
    "POST /pupils/import": .managePupils,
    "GET /pupils/{pupil}": .read,
    "GET /pupils/{pupil}/print": .read,
    "POST /pupils/{pupil}/print": .read,
    "GET /print": .read,
    "GET /print/chronology.pdf": .read,
    "POST /print/stop": .read,
    "GET /entries/{index}": .read,
    "GET /search": .read,
    "POST /search": .read,
    "POST /pupils/{pupil}/search": .read,
    "POST /entries/{index}/promote": .read,
    "POST /entries/{index}/demote": .read,
    "GET /quarantine": .read,
    "GET /record/{pupil}": .file,
    "POST /record/{pupil}": .file,
    "GET /recorded/{entry}": .file,
    "GET /entries/{index}/correct": .read,
    "POST /entries/{index}/correct": .read,
    "GET /follow-ups": .read,
    "GET /waiting": .read,
    "GET /waiting/{pupil}": .read,
    "POST /waiting/{pupil}": .read,
    "GET /documents/{document}": .readDocument,
    "GET /documents/{document}/pages/{page}": .readDocument,
    "POST /documents/{document}/download": .readDocument,
    "GET /documents/{document}/quarantine": .read,
    "POST /documents/{document}/quarantine": .read,
    "GET /documents/{document}/move": .read,
    "POST /documents/{document}/move": .read,
    "POST /documents/{document}/moved": .read,
    "GET /pupils/{pupil}/access": .giveAccess,
    "POST /pupils/{pupil}/access": .giveAccess,
    "POST /pupils/{pupil}/access/{access}/end": .giveAccess,
    "GET /reading": .readShared,
    "GET /security": .giveAccess,
    "GET /stations": .manageStations,
    "POST /stations": .manageStations,
    "GET /stations/{station}": .manageStations,
    "POST /stations/{station}/withdraw": .manageStations,
    "GET /intake": .seeIntake,
    "GET /restricted": .holdRestricted,
    "GET /restricted/{restricted}": .holdRestricted,
    "GET /restricted/{restricted}/ask": .holdRestricted,
    "POST /restricted/{restricted}/ask": .holdRestricted,
    "POST /restricted/{restricted}/{asked}/agree": .holdRestricted,
    "POST /restricted/{restricted}/{asked}/end": .holdRestricted,
    "POST /restricted/{restricted}/{asked}/copy": .holdRestricted,
    "GET /keeping": .seeFigures,
    "POST /keeping/sheet": .seeFigures,
    "GET /keeping/sheet.pdf": .seeFigures,
    "GET /recovery": .giveAccess,
    "POST /recovery": .giveAccess,
    "GET /recovery/drill": .giveAccess,
    "POST /recovery/drill": .giveAccess,
    "GET /proposals": .takesPart,
    "POST /proposals": .takesPart,
    "POST /proposals/{proposal}/agree": .takesPart,
    "POST /proposals/{proposal}/withdraw": .takesPart,
    "POST /proposals/{proposal}/sheets": .giveAccess,
    "POST /batches": .file,
    "GET /batches/{batch}": .file,
    "POST /batches/{batch}/close": .file,
    "GET /batches/new": .file,
    "POST /batches/new": .file,
    "GET /batches/{batch}/sheets": .file,
    "POST /batches/{batch}/sheets": .file,
    "GET /batches/{batch}/sheets.pdf": .file,
    "GET /batches/{batch}/scans": .file,
    "POST /batches/{batch}/scans": .file,
    "POST /batches/{batch}/scans/{scan}/drop": .file,
    "GET /batches/{batch}/scans/{scan}/{page}": .file,
    "POST /batches/{batch}/read": .file,
    "POST /batches/{batch}/paper": .file,
    "GET /batches/{batch}/desk": .file,
    "POST /batches/{batch}/desk": .file,
    "POST /batches/{batch}/present": .file,
    "POST /batches/{batch}/withdraw": .file,
    "POST /batches/{batch}/seal": .file,
    "POST /intake/{item}/take": .seeIntake,
    "GET /checks": .seeRegister,
    "GET /checks/{check}": .seeRegister,
    "POST /checks/{check}": .seeRegister,
    "GET /checks/{check}/scans/{shown}/{page}": .seeRegister,
    "GET /archive": .seeRegister,
    "GET /archive/{folder}": .read,
    "POST /archive/{folder}/compare": .read,
    "POST /archive/{folder}/destroyed": .read,
    "GET /archive/{folder}/certificate.pdf": .read,
    "GET /sign-ins": .signedIn,
    "POST /sign-ins": .signedIn,
    "GET /people/{person}": .managePeople,
    "POST /people/{person}/keys": .giveAccess,
    "POST /people/{person}/training": .managePeople,
    "POST /people/{person}/reset": .managePeople,
    "POST /people/{person}/role": .managePeople,
    "POST /people/{person}/suspend": .managePeople,
    "POST /people/{person}/restore": .managePeople,
    "GET /people": .managePeople,
    "POST /people": .managePeople,
    "GET /ledger": .seeFigures,
    "GET /policy-register": .seePolicyRegister,
    "POST /policy-register": .giveAccess,
    "GET /policy-register/people.csv": .seePolicyRegister,
    "GET /agency/{link}": .anyone,
    "POST /agency/{link}": .anyone,
    "GET /agency/ended": .anyone,
    "GET /agency": .agency,
    "POST /agency/terms": .agency,
    "GET /agency/exhibits/{number}": .agency,
    "GET /agency/exhibits/{number}/pages/{page}": .agency,
    "GET /agency/copies": .agency,
    "POST /agency/copies": .agency,
    "GET /agency/received": .agency,
    "POST /agency/received": .agency,
    "POST /agency/leave": .agency,
    "GET /pupils/{pupil}/requests": .read,
    "GET /pupils/{pupil}/requests/new": .read,
    "POST /pupils/{pupil}/requests/new": .read,
    "GET /requests/{request}": .read,
    "GET /requests/{request}/refuse": .read,
    "POST /requests/{request}/refuse": .read,
    "GET /requests/{request}/permit": .read,
    "POST /requests/{request}/permit": .read,
    "GET /permissions/{permission}/withdraw": .read,
    "POST /permissions/{permission}/withdraw": .read,
    "GET /permissions/{permission}/child": .read,
    "POST /permissions/{permission}/child": .read,
    "GET /permissions/{permission}/visit": .read,
    "POST /permissions/{permission}/visit": .read,
    "GET /visits/{visit}/close": .read,
    "POST /visits/{visit}/close": .read,
    "GET /disclosures": .read,
    "GET /disclosures/register.csv": .read,
    "POST /disclosures/delegations": .giveAccess,
    "POST /disclosures/delegations/{person}/end": .giveAccess,
    "GET /healthz": .anyone,
    "GET /api/v1/health": .anyone,
    "GET /static/{file}": .anyone,
]

private func filled(_ path: String, _ school: School) -> String {
    path.replacing("{pupil}", with: school.pupil.reference).replacing("{upload}", with: UploadID.random().text)
        .replacing("{station}", with: PersonID.random().text).replacing("{batch}", with: BatchID.random().text)
        .replacing("{access}", with: AccessID.random().text).replacing("{person}", with: PersonID.random().text)
        .replacing("{documents}", with: DocumentID.random().text).replacing(
            "{document}", with: DocumentID.random().text
        )
        .replacing("{passkey}", with: PasskeyID.random().text).replacing("{number}", with: "1")
        .replacing("{link}", with: DocumentID.random().text)
        .replacing("{request}", with: RequestID.random().text)
        .replacing("{permission}", with: PermissionID.random().text)
        .replacing("{visit}", with: SiteVisitID.random().text)
        .replacing("{proposal}", with: ProposalID.random().text).replacing("{page}", with: "1").replacing(
            "{index}", with: "0"
        ).replacing("{entry}", with: EntryID.random().text).replacing("{file}", with: "none.css")
}

@Suite("Who may ask for what")
struct RouteTests {
    @Test("Every route stands in the table of roles, and nothing else does")
    func tableIsWhole() {
        let routes = Site.routes.map { ("\($0.method.rawValue) \($0.path)", $0.access) }
        #expect(Dictionary(routes, uniquingKeysWith: { first, _ in first }) == table)
        #expect(routes.count == table.count)
    }

    @Test("Every route opens to the roles of its line, and to no other")
    func roles() async throws {
        let school = try School()
        let unfinished = try school.visitor(school.addUnfinished(name: "Tilda Vasey"))
        let people: [(Role, Visitor, Set<Access>)] = [
            (
                .dsl, try school.visitor(school.lead),
                [
                    .anyone, .session, .signedIn, .file, .upload, .read, .readShared, .seeRegister, .managePupils,
                    .managePeople,
                    .giveAccess, .seeFigures, .seePolicyRegister, .manageStations, .seeIntake, .readDocument,
                    .holdRestricted, .takesPart,
                ]
            ),
            (
                .admin, try school.visitor(school.add(.admin, name: "Maud Tranter")),
                [.anyone, .session, .signedIn, .file, .upload, .seeRegister]
            ),
            (
                .panel, try school.visitor(school.add(.panel, name: "Ivo Castellane")),
                [
                    .anyone, .session, .signedIn, .seeFigures, .seePolicyRegister, .readDocument, .holdRestricted,
                    .takesPart,
                ]
            ),
            (
                .accountManager, try school.visitor(school.add(.accountManager, name: "Nell Farrow")),
                [.anyone, .session, .signedIn, .managePeople, .seePolicyRegister]
            ),
        ]
        for route in Site.routes where !["/sign-out", "/hidden"].contains(route.path) {
            let path = filled(route.path, school)
            func ask(_ visitor: Visitor) async throws -> TestResponse {
                if route.path.hasPrefix("/api/") { return try await visitor.call(route.method, path) }
                if route.method == .get { return try await visitor.get(path) }
                return try await visitor.send(path)
            }
            let stranger = try await ask(school.visitor())
            if route.access == .agency {
                // Whoever is signed in is nobody there.
                for visitor in try people.map(\.1) + [unfinished, school.visitor()] {
                    let answer = try await ask(visitor)
                    let leads = route.method == .get && !route.path.hasSuffix("{page}")
                    #expect(answer.status == (leads ? .seeOther : .forbidden), "\(path)")
                    #expect(answer.headers[.location] == (leads ? "/agency/ended" : nil), "\(path)")
                }
                continue
            }
            if route.access == .anyone {
                #expect([200, 204, 303, 403, 404].contains(stranger.status.code), "\(path)")
            } else if stranger.status == .seeOther {
                #expect(stranger.headers[.location] == "/sign-in", "\(path)")
            } else {
                #expect(stranger.status == .forbidden, "\(path)")
            }
            for (role, visitor, allowed) in people {
                let answer = try await ask(visitor)
                #expect(answer.status.code < 500, "\(role) \(path)")
                if !allowed.contains(route.access) {
                    #expect(answer.status == .forbidden, "\(role) \(path)")
                } else {
                    let takesForms = ["/sign-in", "/join", "/agency/{link}"].contains(route.path)
                    #expect(answer.status != .forbidden || takesForms, "\(role) \(path)")
                }
            }
            let early = try await ask(unfinished)
            if route.path.hasPrefix("/api/"), route.access != .anyone {
                #expect(early.status == .forbidden, "\(path)")
            } else if ![.anyone, .session].contains(route.access) {
                #expect(early.headers[.location] == "/first-time", "\(path)")
            }
        }
    }

    @Test("Methods that an address does not have are refused with those it has")
    func methods() async throws {
        let school = try School()
        let lead = try school.visitor(school.lead)
        let known = Dictionary(grouping: Site.routes, by: \.path)
        for (path, routes) in known {
            for name in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
                let method = try #require(HTTPRequest.Method(name))
                if routes.contains(where: { $0.method == method }) { continue }
                let answer = try await lead.ask(method, filled(path, school))
                #expect(answer.status == .methodNotAllowed, "\(name) \(path)")
                let allowed = Set((answer.headers[.allow] ?? "").components(separatedBy: ", "))
                #expect(Set(routes.map(\.method.rawValue)).isSubset(of: allowed), "\(name) \(path)")
            }
        }
    }

    @Test("HEAD is answered as GET without a body")
    func head() async throws {
        let school = try School()
        let answer = try await school.visitor().ask(.head, "/sign-in")
        #expect(answer.status == .ok)
        #expect(answer.body.readableBytes == 0)
    }
}
