package import HTTPTypes
import Records

/// Who may ask for an address. The vault decides again, and its answer counts; this only spares a page that would fail.
package enum Access: String, Sendable, CaseIterable {
    /// Anyone, signed in or not.
    case anyone
    /// Anyone who is signed in, also who has not the keys of their roles yet.
    case session
    /// Anyone who is signed in and has the keys of their roles.
    case signedIn
    /// Who may file.
    case file
    /// Who may file, and scan stations with their token.
    case upload
    /// Who may read.
    case read
    /// Who may read, or has access to some documents.
    case readShared
    /// Who may read, has access to some documents, or holds the keys of restricted ones.
    case readDocument
    /// Who may see pupils' names: to file or to read.
    case seeRegister
    /// Who may put pupils on the register.
    case managePupils
    /// Who may invite people and look after them.
    case managePeople
    /// Who may give people the keys of their roles.
    case giveAccess
    /// Who may see how the ledger stands.
    case seeFigures
    /// Who may see the policy register: who looks after people, or sees the figures.
    case seePolicyRegister
    /// Who may make scan stations and withdraw them.
    case manageStations
    /// Who may see the intake queue.
    case seeIntake
    /// Who holds the keys of restricted documents.
    case holdRestricted
    /// Who has a part in what takes two people: leads, deputies and panel.
    case takesPart
    /// Who entered with an agency's link and access code. Whoever is signed in is none of them.
    case agency
}

/// What a request may carry as its body.
enum BodyRule: Sendable {
    /// Nothing.
    case none
    /// `application/x-www-form-urlencoded` of these fields, each at most once, besides `csrf`.
    ///
    /// - Parameters:
    ///   - many: fields that may come more than once.
    ///   - perUpload: fields that carry an upload's id after a dot: `summary.5qk…`.
    case form(Set<String>, many: Set<String> = [], perUpload: Set<String> = [])
    /// A small `multipart/form-data`, held in memory.
    case smallFile(fields: Set<String>, file: String)
    /// `multipart/form-data` that the handler itself reads as it streams in, and checks as this rule would.
    case stream
    /// Bytes or JSON for programs: the handler reads it; the token is in a header.
    case bytes
}

/// One address and method, who may use it, what it may carry, and what it does.
package struct Route: Sendable {
    /// GET answers HEAD too.
    package let method: HTTPRequest.Method
    /// `{name}` stands for one segment.
    package let path: String
    /// Who may.
    package let access: Access
    let query: Set<String>
    let body: BodyRule
    /// Whether a visitor who is not signed in is led to the sign-in page: pages yes, what pages fetch no.
    let leadsToSignIn: Bool
    /// Whether it gives access or keys: then a code of the last five minutes is asked for, and the form kept meanwhile.
    let asksForCode: Bool
    /// Whether it hashes a password: then it waits on threads of its own, so that a burst of sign-ins keeps nobody else
    /// waiting.
    let hashes: Bool
    /// Whether its work ends when the reader leaves: pictures of pages, which nothing but the reader wants.
    let endsWithReader: Bool
    let handle: @Sendable (Visit) async throws -> Reply
    private let segments: [Substring]

    init(
        _ method: HTTPRequest.Method, _ path: String, _ access: Access, query: Set<String> = [],
        body: BodyRule = .none, leadsToSignIn: Bool? = nil, asksForCode: Bool = false, hashes: Bool = false,
        endsWithReader: Bool = false, handle: @escaping @Sendable (Visit) async throws -> Reply
    ) {
        self.method = method
        self.path = path
        self.access = access
        self.query = query
        self.body = body
        self.leadsToSignIn = leadsToSignIn ?? (method == .get)
        self.asksForCode = asksForCode
        self.hashes = hashes
        self.endsWithReader = endsWithReader
        self.handle = handle
        segments = path.split(separator: "/")
    }

    /// The values of the named segments; nil where the path is not this route's.
    func parameters(of path: [Substring]) -> [Substring: String]? {
        guard path.count == segments.count else { return nil }
        var parameters: [Substring: String] = [:]
        for (segment, given) in zip(segments, path) {
            if segment.first == "{" {
                parameters[segment.dropFirst().dropLast()] = String(given)
            } else if segment != given {
                return nil
            }
        }
        return parameters
    }

    /// How many segments are fixed: `/pupils/import` goes before `/pupils/{pupil}`.
    var fixedSegments: Int { segments.count { $0.first != "{" } }

    /// Whether a hidden session may ask for it: to be shown again, or to end.
    var isForHidden: Bool { path.hasPrefix("/hidden") || path == "/sign-out" || access == .anyone }
}

extension BodyRule {
    /// The field of a code that is asked for before the rest of the form counts.
    static let codeField = codePrefix + "code"
    /// What the names of the fields begin with that prove anew who sends a form.
    static let codePrefix = "authenticator-"
    static let codeFields: Set = [
        codeField, codePrefix + passkeyField, codePrefix + challengeField,
    ]

    func withCode(_ asks: Bool) -> BodyRule {
        guard asks, case .form(let once, let many, let perUpload) = self else { return self }
        return .form(once.union([Self.codeField]), many: many, perUpload: perUpload).withPasskey(
            prefix: Self.codePrefix)
    }
}
