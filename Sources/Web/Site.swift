package import Custody
import HTTPTypes
package import Hummingbird
import Logging
import Multipart
import NIOCore
package import Records

// A request's way, in order. Nothing of a later step runs before an earlier one has passed.
//  1 the session          from its cookie, so that every answer knows who asks; a scan station from its token. The agencies'
//                         pages know no person's session, and no other page knows an agency's
//  2 address and method   a route of the table, or 404, or 405 with what is allowed
//  3 names of the query   any other: 400
//  4 where it came from   a form of another site: 403 (a token comes from no form)
//  5 who may              not signed in: to the sign-in page, with the form sealed to whom the session was; not this role: 403
//  6 the form             counted, read strictly; its token compared in constant time; a code, where one is asked for
//  7 the handler          which asks the vault; the vault decides
//  8 the answer           strict headers on all of it, whatever it is

/// The site: every address, and the one way through which each request goes.
package struct Site: HTTPResponder {
    package typealias Context = SiteContext

    let vault: Vault
    let words: Wording
    let templates: Templates
    let assets: Assets
    let threads: BlockingThreads
    /// For what hashes passwords: as many as may be at it or wait for it, and two that turn the others away.
    private let door: BlockingThreads
    let interruptions = Interruptions()
    let printRoom: PrintRoom
    let issueDesk = IssueDesk()
    let measures = Measures()
    let readiness = LastReadiness()
    let sectionNine: SectionNine
    let clock: any Records.Clock

    /// Every address.
    package static let routes: [Route] =
        (signInRoutes + passkeyRoutes + passwordRoutes + lateRoutes + enrolmentRoutes + homeRoutes + uploadRoutes
        + programRoutes
        + filingRoutes
        + checkRoutes + meetingRoutes + entryRoutes + triageRoutes + readingRoutes + chronologyRoutes + searchRoutes
        + documentRoutes + printRoutes
        + restrictedRoutes + restrictedRequestRoutes + moveRoutes + quarantineRoutes
        + pupilRoutes + peopleRoutes + accessRoutes
        + proposalRoutes + securityRoutes + signInsRoutes + personRoutes + stationRoutes + recoveryRoutes + batchRoutes
        + paperRoutes + deskRoutes + archiveRoutes + paperEndRoutes
        + ledgerRoutes + keepingRoutes + policyRegisterRoutes
        + disclosureRoutes + agencyRoutes
        + healthRoutes + assetRoutes)
        .sorted { $0.fixedSegments > $1.fixedSegments }

    /// The routes of an address: where several patterns fit, those that say most of it.
    private static func routes(at path: String) -> [(route: Route, parameters: [Substring: String])] {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        let trimmed = segments == [""] ? [] : Array(segments)
        let matches = routes.compactMap { route in route.parameters(of: trimmed).map { (route, $0) } }
        return matches.filter { $0.0.fixedSegments == matches[0].0.fixedSegments }
    }

    /// Whether a password or an access code is sent to this address.
    private static func hashes(_ request: Request) -> Bool {
        request.method == .post && routes(at: request.uri.path).contains { $0.route.method == .post && $0.route.hashes }
    }

    /// Whether what is done for this request is of no use once its reader has left.
    private static func endsWithReader(_ request: Request) -> Bool {
        request.method == .get && routes(at: request.uri.path).contains { $0.route.endsWithReader }
    }

    /// A site over a vault, with its own threads.
    package init(vault: Vault, clock: any Records.Clock = SystemClock()) throws {
        self.vault = vault
        self.clock = clock
        words = Wording(timezone: vault.policies.school.timezone)
        templates = try Templates()
        assets = Assets()
        printRoom = PrintRoom(
            vault: vault, printer: ChronologyPrinter(vault: vault, words: words, templates: templates), clock: clock)
        sectionNine = SectionNine(
            words: words, templates: templates, memoryMiB: vault.policies.limits.printMemoryMiB)
        threads = BlockingThreads(count: 8)
        let sessions = vault.policies.sessions
        door = BlockingThreads(count: sessions.hashesAtOnce + sessions.hashesWaiting + 2)
    }

    /// Answers one request, on the site's own threads. Throws only where the connection itself is broken.
    package func respond(to request: Request, context: SiteContext) async throws -> Response {
        guard context.isStream, Self.endsWithReader(request) else {
            return await withTaskExecutorPreference(Self.hashes(request) ? door : threads) {
                await answer(request, context)
            }
        }
        return try await request.body.consumeWithCancellationOnInboundClose { _ in
            await withTaskExecutorPreference(threads) { await answer(request, context) }
        }
    }

    private func answer(_ request: Request, _ context: SiteContext) async -> Response {
        let nonce = Self.nonce()
        let began = ContinuousClock.now
        var route: Route?
        var session: Session?
        var agency: AgencySession?
        var reply: Reply
        do {
            reply = try await handle(
                request, from: context.address, nonce: nonce, session: &session, agency: &agency, route: &route)
        } catch {
            let fault = Self.fault(error)
            if case .unexpected = fault {
                // The kind of error alone: its text may hold what a person wrote.
                context.logger.error(
                    "unexpected", metadata: ["type": "\(type(of: error))", "method": "\(request.method)"])
            }
            reply = page(of: Problem(fault), for: request, nonce: nonce, session: session, agency: agency)
        }
        if Tus.method(of: request) == .head { reply.body = ResponseBody() }
        var headers = reply.headers
        let isPage = reply.contentType.hasPrefix("text/html")
        headers[.contentType] = reply.contentType
        StrictHeaders.put(on: &headers, nonce: isPage ? nonce : nil)
        if Tus.owns(request.uri.path) {
            headers[Tus.resumable] = Tus.version
            if reply.status == .preconditionFailed { headers[Tus.versions] = Tus.version }
        }
        measures.note(
            route, request.method, status: reply.status, seconds: (ContinuousClock.now - began) / .seconds(1))
        return Response(status: reply.status, headers: headers, body: reply.body)
    }

    private func handle(
        _ request: Request, from address: String, nonce: String, session: inout Session?,
        agency: inout AgencySession?, route chosen: inout Route?
    ) async throws -> Reply {
        // 1
        let path = request.uri.path
        if !path.hasPrefix("/static/"), !request.isAgencys {
            session = request.cookie(.session).flatMap { vault.sessions.resume($0) }
                .flatMap { vault.ended($0.acting) == nil ? $0 : nil }
        }
        let station = try request.stationToken.map { token in
            do { return try vault.enter(stationToken: token) } catch VaultError.signInFailed {
                throw Fault.stationUnknown
            }
        }
        // 2
        let here = Self.routes(at: path)
        guard !here.isEmpty else { throw Fault.noSuchPage }
        let method = Tus.method(of: request)
        guard
            let (route, parameters) = here.first(where: { $0.route.method == method })
                ?? (method == .head ? here.first { $0.route.method == .get } : nil)
        else {
            throw Fault.methodNotAllowed(here.flatMap { $0.route.method == .get ? [.get, .head] : [$0.route.method] })
        }
        chosen = route
        if route.access == .agency { agency = try request.cookie(.agency).flatMap(vault.agencySession) }
        let changes = ![.get, .head, .options].contains(method)
        // 3
        let query = try Form(urlEncoded: (request.uri.query ?? "")[...]) { route.query.contains($0) ? .once : .unknown }
        // 4
        if changes && station == nil { guard request.isFromHere else { throw Fault.forged } }
        // 5
        var visit = Visit(
            site: self, request: request, route: route, parameters: parameters, query: query, session: session,
            station: station, nonce: nonce, now: clock.now(), address: address, agency: agency)
        if changes, station == nil, let reply = try await visit.keepLateForm() { return reply }
        if let reply = try admit(route, station ?? session?.acting, agency) { return reply }
        // 6
        if changes {
            visit.form = try await request.form(route.body.withCode(route.asksForCode))
            switch route.body {
            case .stream: break
            case .bytes where station != nil: break
            case .bytes: try visit.checkToken(request.headers[.strongroomToken] ?? "")
            case .none, .form, .smallFile: try visit.checkToken(visit.form["csrf"])
            }
        }
        if route.asksForCode, let reply = try visit.askForCode() { return reply }
        // 7
        return try await route.handle(visit)
    }

    /// Nil where the route is open to who asks; else where they are led.
    private func admit(_ route: Route, _ acting: Acting?, _ agency: AgencySession?) throws(Fault) -> Reply? {
        if route.access == .anyone { return nil }
        if route.access == .agency {
            if agency != nil { return nil }
            guard route.leadsToSignIn else { throw .agencyEnded }
            return .redirect("/agency/ended")
        }
        guard let acting else {
            guard route.leadsToSignIn else { throw .sessionEnded }
            return .redirect("/sign-in")
        }
        if acting.isStation {
            guard route.access == .upload else { throw .vault(.refused(.notEntitled)) }
            return nil
        }
        if vault.hiddenPlace(of: acting) != nil, !route.isForHidden {
            guard route.leadsToSignIn else { throw .sessionEnded }
            return .redirect("/hidden")
        }
        if route.access == .session { return nil }
        guard vault.standing(of: acting).isConfirmed else {
            guard route.leadsToSignIn || !route.path.hasPrefix("/api/") else { throw .vault(.refused(.keysNotGiven)) }
            return .redirect("/first-time")
        }
        if vault.standing(of: acting).steps.contains(.passkey) {
            guard route.leadsToSignIn else { throw .vault(.refused(.passkeyMissing)) }
            return .redirect("/passkeys")
        }
        let abilities: [Ability] =
            switch route.access {
            case .anyone, .session, .signedIn, .agency: []
            case .takesPart where vault.takesPart(acting): []
            case .takesPart: throw refusing(acting)
            case .file, .upload: [.file]
            case .read: [.read]
            case .readShared: acting.hasAccess(in: vault) ? [] : [.read]
            case .readDocument: acting.hasAccess(in: vault) ? [] : [.read, .holdRestricted]
            case .seeRegister: [.file, .read]
            case .managePupils: [.managePupils]
            case .managePeople: [.managePeople]
            case .giveAccess: [.giveAccess]
            case .seeFigures: [.seeFigures]
            case .seePolicyRegister: [.managePeople, .seeFigures]
            case .manageStations: [.manageStations]
            case .seeIntake: [.seeIntake]
            case .holdRestricted: [.holdRestricted]
            }
        if abilities.isEmpty || abilities.contains(where: { acting.may($0, in: vault) }) { return nil }
        if let ability = abilities.first(where: { acting.hasRole(for: $0, in: vault) }) {
            // Their role includes it; something that they have to do is missing.
            throw .vault(.refused(vault.objection(to: ability, by: acting)))
        }
        throw refusing(acting)
    }

    /// Their role does not include it; that they asked is recorded.
    private func refusing(_ acting: Acting) -> Fault {
        do { try vault.noteRefusal(of: acting) } catch { return .vault(error) }
        return .vault(.refused(.notEntitled))
    }

    private static func fault(_ error: any Error) -> Fault {
        switch error {
        case let fault as Fault: fault
        case let error as VaultError: .vault(error)
        case let refusal as Refusal: .vault(.refused(refusal))
        case is MultipartError: .formUnreadable
        default: .unexpected
        }
    }

    /// A page that says what was wrong and what to do, or for programs an RFC 9457 problem.
    private func page(
        of problem: Problem, for request: Request, nonce: String, session: Session?, agency: AgencySession?
    ) -> Reply {
        var reply: Reply
        if request.uri.path.hasPrefix("/api/") {
            reply = .text(problem.json, "application/problem+json", status: problem.status)
        } else {
            let visit = Visit(
                site: self, request: request, route: Self.errorRoute, parameters: [:], query: Form(), session: session,
                station: nil, nonce: nonce, now: clock.now(), agency: agency)
            reply = visit.page(
                .problem,
                ProblemPage(
                    chrome: visit.chrome(problem.title), title: problem.title, advice: problem.advice,
                    code: problem.code, contact: vault.policies.school.contact, home: visit.home),
                status: problem.status)
        }
        if problem.status == .unauthorized { reply.headers[.wwwAuthenticate] = "Bearer" }
        if let seconds = problem.retryAfterSeconds { reply.headers[.retryAfter] = String(seconds) }
        if !problem.allowed.isEmpty {
            reply.headers[.allow] = problem.allowed.map(\.rawValue).joined(separator: ", ")
        }
        return reply
    }

    private static let errorRoute = Route(.get, "/", .anyone) { _ in throw Fault.noSuchPage }

    /// 128 random bits in hexadecimal, for one response.
    static func nonce() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<2).map { _ in
            let half = String(generator.next() as UInt64, radix: 16)
            return String(repeating: "0", count: 16 - half.count) + half
        }.joined()
    }
}

/// What a page of an error shows.
struct ProblemPage {
    let chrome: Chrome
    let title: String
    let advice: String
    let code: String
    let contact: String
    let home: Link?
}

extension Problem {
    /// RFC 9457. Codes, titles and advice are our own words and hold nothing that JSON would have to escape but quotes.
    var json: String {
        func quoted(_ text: String) -> String {
            var out = "\""
            for scalar in text.unicodeScalars {
                switch scalar {
                case "\"", "\\": out += "\\" + String(scalar)
                case "\u{0}"..."\u{1F}": out += " "
                default: out.unicodeScalars.append(scalar)
                }
            }
            return out + "\""
        }
        return """
            {"type":\(quoted("urn:strongroom:problem:" + code)),"title":\(quoted(title)),"status":\(status.code),\
            "detail":\(quoted(advice)),"code":\(quoted(code))}
            """
    }
}

extension Visit {
    /// Where to begin again; nil for an agency, which has to open its link.
    fileprivate var home: Link? {
        if request.isAgencys { return agency.map { _ in Link(href: "/agency", text: "Go to the documents") } }
        return session == nil
            ? Link(href: "/sign-in", text: "Go to sign in") : Link(href: "/", text: "Go to your home page")
    }

    /// The token that this session's forms carry, or before there is a session, the one in the form's own cookie.
    func checkToken(_ given: String) throws(Fault) {
        guard equalInConstantTime(given, try formToken) else { throw .forged }
    }
}

extension HTTPField.Name {
    /// Carries the token of the session's forms where there is no form: what a page's script or a program sends.
    static let strongroomToken = HTTPField.Name("Strongroom-Token") ?? .authorization
}

extension Request {
    func cookie(_ name: CookieName) -> String? {
        for field in headers[values: .cookie] {
            for pair in field.split(separator: ";") {
                let halves = pair.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
                if halves.count == 2, halves[0] == name.rawValue { return String(halves[1]) }
            }
        }
        return nil
    }

    /// Whether it asks for one of the pages for agencies.
    var isAgencys: Bool { uri.path == "/agency" || uri.path.hasPrefix("/agency/") }

    /// The token of a scan station, which only the programs' addresses look at.
    var stationToken: String? {
        guard uri.path.hasPrefix("/api/v1/"), let field = headers[.authorization] else { return nil }
        let parts = field.split(separator: " ", omittingEmptySubsequences: true)
        // Any other scheme is a token of no station.
        return parts.count == 2 && parts[0].lowercased() == "bearer" ? String(parts[1]) : ""
    }

    /// Whether a form was sent from this site.
    ///
    /// Browsers say so in Sec-Fetch-Site. Those that do not are held to Origin, which is `null` under our own
    /// referrer policy and then proves nothing either way: the token decides.
    var isFromHere: Bool {
        if let site = headers.first(where: { $0.name.canonicalName == "sec-fetch-site" })?.value {
            return site == "same-origin"
        }
        guard let origin = headers[.origin], origin != "null" else { return true }
        return origin == "https://" + (head.authority ?? "")
    }
}

/// A request's context: with the address that it comes from.
package struct SiteContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// Without the port; empty where the connection has none.
    let address: String
    /// Whether the request came on a stream of its own (HTTP/2), which ends when its reader leaves. A whole connection would
    /// have to be closed after it otherwise.
    let isStream: Bool

    /// From the connection.
    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        address = source.channel.remoteAddress?.ipAddress ?? ""
        // A stream's channel lies within its connection's, and that within the listener's.
        isStream = source.channel.parent?.parent != nil
    }
}
