import Ledger
public import Sealing

// Documents leave only under a permission (D-01). Its statement comes before the first byte, names each document, and
// brings a header for each, sealed to an identity of its own: what opens that identity is sealed under the link and the
// access code together, lies outside the ledger, and is deleted when the permission is over. Who takes part for the agency
// has no account, so what they do is said by the vault's service; replay holds it to what was permitted.

/// A sealed detail of an act, with the detail key that opens it.
public struct SealedDetail: Hashable, Sendable {
    /// The sealed detail.
    public let detail: ItemID
    /// The detail key that opens it.
    public let key: ItemID

    /// A detail under a key.
    public init(detail: ItemID, key: ItemID) {
        self.detail = detail
        self.key = key
    }

    var encoded: [String: CanonicalValue] { ["detail": .string(detail.text), "detail_key": .string(key.text)] }

    init(reading reader: inout StatementReader) throws(StatementError) {
        self.init(detail: try reader.id("detail"), key: try reader.id("detail_key"))
    }
}

/// An agency asked for documents of a pupil file.
public struct RequestAct: Hashable, Sendable {
    /// The request.
    public let request: RequestID
    /// The written request, filed in the same pupil file.
    public let letter: DocumentID
    /// Who asks, how that was checked, what for.
    public let sealed: SealedDetail

    /// A request of all these parts.
    public init(request: RequestID, letter: DocumentID, sealed: SealedDetail) {
        self.request = request
        self.letter = letter
        self.sealed = sealed
    }

    var encoded: [String: CanonicalValue] {
        sealed.encoded.merging(["request": .string(request.text), "letter": .string(letter.text)]) { $1 }
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(
            request: try reader.id("request"), letter: try reader.id("letter"),
            sealed: try SealedDetail(reading: &reader))
        try reader.end()
    }
}

/// A document that a permission is for, with its file key sealed to the permission.
public struct PermittedDocument: Hashable, Sendable {
    /// Which.
    public let document: DocumentID
    /// Its header for the permission's identity.
    public let header: ItemID

    /// A document with its header.
    public init(document: DocumentID, header: ItemID) {
        self.document = document
        self.header = header
    }

    var encoded: CanonicalValue {
        .object(["document": .string(document.text), "header": .string(header.text)])
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(document: try reader.id("document"), header: try reader.id("header"))
        try reader.end()
    }
}

/// A permission for an agency to see documents, or to take copies of them.
public struct PermissionAct: Hashable, Sendable {
    /// The permission.
    public let permission: PermissionID
    /// The request that it answers.
    public let request: RequestID
    /// Its own node of the key graph.
    public let identity: IdentityID
    /// SHA-256 of the identity's secret as it lies sealed under link and access code, outside the ledger.
    public let keybox: Digest
    /// What the link is found by: a hash of the secret in it.
    public let tag: Digest
    /// The documents, in the order of their exhibit numbers.
    public let documents: [PermittedDocument]
    /// The written request, sealed to the permission too: a copy of it is in the pack.
    public let letter: PermittedDocument
    /// The exhibit number of the first document; the author's own, without gaps.
    public let exhibit: UInt64
    /// From when on.
    public let from: Timestamp
    /// From when on no more.
    public let until: Timestamp
    /// How many times copies may be taken; 0 where they may only be looked at.
    public let copies: UInt64
    /// The item with all that the agency is told and a pack needs, sealed to the permission.
    public let terms: ItemID
    /// The same, as far as the school keeps it, sealed to the pupil file.
    public let sealed: SealedDetail

    /// A permission of all these parts.
    public init(
        permission: PermissionID, request: RequestID, identity: IdentityID, keybox: Digest, tag: Digest,
        documents: [PermittedDocument], letter: PermittedDocument, exhibit: UInt64, from: Timestamp, until: Timestamp,
        copies: UInt64, terms: ItemID, sealed: SealedDetail
    ) {
        self.permission = permission
        self.request = request
        self.identity = identity
        self.keybox = keybox
        self.tag = tag
        self.documents = documents
        self.letter = letter
        self.exhibit = exhibit
        self.from = from
        self.until = until
        self.copies = copies
        self.terms = terms
        self.sealed = sealed
    }

    /// The most documents of one permission.
    public static let most = 500

    var encoded: [String: CanonicalValue] {
        sealed.encoded.merging([
            "permission": .string(permission.text), "request": .string(request.text),
            "identity": .string(identity.text), "keybox": .string(keybox.base64), "tag": .string(tag.base64),
            "documents": .array(documents.map(\.encoded)), "letter": letter.encoded,
            "exhibit": .integer(Int64(exhibit)), "from": .integer(from.milliseconds),
            "until": .integer(until.milliseconds), "copies": .integer(Int64(copies)), "terms": .string(terms.text),
        ]) { $1 }
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        var documents: [PermittedDocument] = []
        for value in try reader.array("documents") { documents.append(try PermittedDocument(parsing: value)) }
        self.init(
            permission: try reader.id("permission"), request: try reader.id("request"),
            identity: try reader.id("identity"), keybox: try reader.digest("keybox"), tag: try reader.digest("tag"),
            documents: documents, letter: try PermittedDocument(parsing: try reader.value("letter")),
            exhibit: try reader.size("exhibit"), from: Timestamp(milliseconds: Int64(try reader.size("from"))),
            until: Timestamp(milliseconds: Int64(try reader.size("until"))), copies: try reader.size("copies"),
            terms: try reader.id("terms"), sealed: try SealedDetail(reading: &reader))
        try reader.end()
    }
}

/// Why a permission is over before somebody withdraws it.
public enum PermissionEnd: String, Hashable, Sendable, CaseIterable {
    /// Its last day is over.
    case expired
    /// Copies were taken as often as it allows.
    case used
    /// Too many wrong codes were tried.
    case codes
}

/// What of a permission's documents is let out.
public enum IssueManner: String, Hashable, Sendable, CaseIterable {
    /// Pages of one document, as pictures.
    case view
    /// All of them, in a pack.
    case pack
}

/// Something is let out under a permission: said before its first byte.
public struct IssueAct: Hashable, Sendable {
    /// Which issue.
    public let issue: IssueID
    /// The permission.
    public let permission: PermissionID
    /// The session that the agency's officer entered.
    public let session: SessionID
    /// How.
    public let manner: IssueManner
    /// The document that is looked at; nil for a pack.
    public let document: DocumentID?

    /// An issue of all these parts.
    public init(
        issue: IssueID, permission: PermissionID, session: SessionID, manner: IssueManner, document: DocumentID?
    ) {
        self.issue = issue
        self.permission = permission
        self.session = session
        self.manner = manner
        self.document = document
    }

    var encoded: [String: CanonicalValue] {
        [
            "issue": .string(issue.text), "permission": .string(permission.text), "session": .string(session.text),
            "manner": .string(manner.rawValue),
        ].merging(document.map { ["document": .string($0.text)] } ?? [:]) { $1 }
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(
            issue: try reader.id("issue"), permission: try reader.id("permission"), session: try reader.id("session"),
            manner: try reader.word("manner"),
            document: try reader.has("document") ? try reader.id("document") : nil)
        try reader.end()
        // A view is of one document, a pack of all.
        guard (manner == .view) == (document != nil) else { throw .malformed("document") }
    }
}

/// How an issue ended.
public struct IssueEndAct: Hashable, Sendable {
    /// Which issue.
    public let issue: IssueID
    /// Bytes that were sent.
    public let bytes: UInt64
    /// Pages that were shown.
    public let pages: UInt64
    /// Whether all of it went out.
    public let complete: Bool
    /// What was sent, by its hash, sealed to the pupil file; there for a pack that went out whole.
    public let sealed: SealedDetail?

    /// An end of all these parts.
    public init(issue: IssueID, bytes: UInt64, pages: UInt64, complete: Bool, sealed: SealedDetail?) {
        self.issue = issue
        self.bytes = bytes
        self.pages = pages
        self.complete = complete
        self.sealed = sealed
    }

    var encoded: [String: CanonicalValue] {
        [
            "issue": .string(issue.text), "bytes": .integer(Int64(bytes)), "pages": .integer(Int64(pages)),
            "complete": .boolean(complete),
        ].merging(sealed?.encoded ?? [:]) { $1 }
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(
            issue: try reader.id("issue"), bytes: try reader.size("bytes"), pages: try reader.size("pages"),
            complete: try reader.flag("complete"),
            sealed: try reader.has("detail") ? try SealedDetail(reading: &reader) : nil)
        try reader.end()
    }
}

/// An officer read on site, under a permission.
public struct SiteVisitAct: Hashable, Sendable {
    /// Which visit.
    public let visit: SiteVisitID
    /// The permission.
    public let permission: PermissionID
    /// Who came, when, who was with them, what they read.
    public let sealed: SealedDetail

    /// A visit of all these parts.
    public init(visit: SiteVisitID, permission: PermissionID, sealed: SealedDetail) {
        self.visit = visit
        self.permission = permission
        self.sealed = sealed
    }

    var encoded: [String: CanonicalValue] {
        sealed.encoded.merging(["visit": .string(visit.text), "permission": .string(permission.text)]) { $1 }
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(
            visit: try reader.id("visit"), permission: try reader.id("permission"),
            sealed: try SealedDetail(reading: &reader))
        try reader.end()
    }
}

/// A request as the ledger has it now.
public struct RequestState: Hashable, Sendable {
    /// Which.
    public let id: RequestID
    /// Of which pupil file.
    public let pupilFile: PupilFileID
    /// The written request.
    public let letter: DocumentID
    /// The place of its statement in the ledger.
    public let index: UInt64
    /// When it was recorded.
    public let recorded: Timestamp
    /// The place of the statement that refused it.
    public internal(set) var refused: UInt64?
    /// The permissions that answer it, oldest first.
    public internal(set) var permissions: [PermissionID] = []
}

/// A permission as the ledger has it now.
public struct PermissionState: Hashable, Sendable {
    /// What was given.
    public let act: PermissionAct
    /// Of which pupil file.
    public let pupilFile: PupilFileID
    /// Who gave it: whose exhibits they are.
    public let author: PersonID
    /// When it was given.
    public let given: Timestamp
    /// The place of its statement in the ledger.
    public let index: UInt64
    /// When it was withdrawn, or ended by itself.
    public internal(set) var ended: Timestamp?
    /// The place of the statement that withdrew it.
    public internal(set) var withdrawn: UInt64?
    /// Why it ended by itself.
    public internal(set) var reason: PermissionEnd?
    /// How often copies were begun to be taken.
    public internal(set) var taken: UInt64 = 0
    /// The sessions that an officer entered with link and code.
    public internal(set) var sessions: Set<SessionID> = []
    /// When an officer acknowledged what they received.
    public internal(set) var acknowledged: Timestamp?
    /// The places of the statements that say what the child was told, oldest first, and whether they were.
    public internal(set) var informed: [(index: UInt64, told: Bool)] = []

    /// Whether it opens anything at this time.
    public func isActive(at time: Timestamp) -> Bool { ended == nil && act.from <= time && time < act.until }
    /// Whether copies may be taken once more.
    public var hasCopiesLeft: Bool { taken < act.copies }

    /// By its act and place.
    public static func == (left: PermissionState, right: PermissionState) -> Bool {
        left.act == right.act && left.index == right.index && left.ended == right.ended && left.taken == right.taken
    }
    /// By its place.
    public func hash(into hasher: inout Hasher) { hasher.combine(index) }
}

/// A visit on site as the ledger has it now.
public struct SiteVisitState: Hashable, Sendable {
    /// What was recorded.
    public let act: SiteVisitAct
    /// Of which pupil file.
    public let pupilFile: PupilFileID
    /// The place of its statement in the ledger.
    public let index: UInt64
    /// The place of the statement that closed it.
    public internal(set) var closed: UInt64?
}

/// Something that was let out, as the ledger has it now.
public struct IssueState: Hashable, Sendable {
    /// What was said before its first byte.
    public let act: IssueAct
    /// When.
    public let opened: Timestamp
    /// The place of that statement in the ledger.
    public let index: UInt64
    /// How it ended, and when; nil while it is open.
    public internal(set) var closed: End?

    /// How an issue ended.
    public struct End: Hashable, Sendable {
        /// What was said.
        public let act: IssueEndAct
        /// When.
        public let time: Timestamp
        /// The place of that statement in the ledger.
        public let index: UInt64
    }
}

/// What the ledger says of disclosure to agencies.
public struct DisclosureState: Sendable {
    /// Every request.
    public internal(set) var requests: [RequestID: RequestState] = [:]
    /// Every permission, ended ones too.
    public internal(set) var permissions: [PermissionID: PermissionState] = [:]
    /// The same by what their links are found by.
    public internal(set) var permissionsByTag: [Digest: PermissionID] = [:]
    /// Every visit on site.
    public internal(set) var visits: [SiteVisitID: SiteVisitState] = [:]
    /// Until when a deputy may give permissions in the lead's place.
    public internal(set) var delegations: [PersonID: Timestamp] = [:]
    /// Those who have produced exhibits, in the order in which they began, and how many.
    public internal(set) var producers: [(person: PersonID, exhibits: UInt64)] = []
    /// What was let out, and is being.
    public internal(set) var issues: [IssueID: IssueState] = [:]

    /// How many exhibits somebody has produced.
    public func exhibits(of person: PersonID) -> UInt64 {
        producers.first { $0.person == person }?.exhibits ?? 0
    }
}

extension Authority {
    /// Why a person may not, now, give permissions to agencies; nil for a lead, and for a deputy while a lead has delegated
    /// it to them.
    public func refusal(toPermit person: PersonID, at time: Timestamp) -> Refusal? {
        if let refusal = refusal(of: .read, to: person, at: time) { return refusal }
        if disclosure.delegations[person].map({ time < $0 }) == true { return nil }
        return refusal(of: .giveAccess, to: person, at: time) == nil ? nil : .permissionIsLeads
    }

    /// Takes a statement about disclosure.
    mutating func disclose(_ statement: Statement) throws(StatementError) {
        guard statement.policy == policy else { throw .unlawful("policy is not the one in force") }
        try learnDetailKeys(of: statement)
        switch statement.act {
        case .disclosureDelegated(let person, let until): return try delegate(to: person, until: until, statement)
        case .delegationEnded(let person):
            guard disclosure.delegations.removeValue(forKey: person) != nil else {
                throw .unlawful("a delegation ended that was not there")
            }
            return
        default: break
        }
        guard let pupilFile = statement.pupilFile, pupils[pupilFile] != nil else {
            throw .unlawful("a disclosure about nobody on the register")
        }
        switch statement.act {
        case .disclosureRequested(let act):
            try expect(act.sealed, of: pupilFile, statement)
            let state = RequestState(
                id: act.request, pupilFile: pupilFile, letter: act.letter, index: statement.index,
                recorded: statement.time)
            guard disclosure.requests.updateValue(state, forKey: act.request) == nil, moved[act.letter] == nil else {
                throw .unlawful("a request recorded twice, or by a letter that was moved")
            }
        case .disclosureRefused(let id, let sealed):
            try expect(sealed, of: pupilFile, statement)
            guard let request = disclosure.requests[id], request.pupilFile == pupilFile, request.refused == nil,
                request.permissions.isEmpty
            else { throw .unlawful("refused twice, after it was permitted, or what nobody asked for") }
            disclosure.requests[id]?.refused = statement.index
        case .permissionGiven(let act): try permit(act, pupilFile, statement)
        case .permissionWithdrawn(let id, let sealed):
            try expect(sealed, of: pupilFile, statement)
            guard try permission(id, of: pupilFile).ended == nil else { throw .unlawful("withdrawn after it ended") }
            disclosure.permissions[id]?.ended = statement.time
            disclosure.permissions[id]?.withdrawn = statement.index
        case .permissionEnded(let id, let reason):
            let permission = try permission(id, of: pupilFile)
            let holds =
                switch reason {
                case .expired: statement.time >= permission.act.until
                case .used: permission.act.copies > 0 && !permission.hasCopiesLeft
                case .codes: true
                }
            guard permission.ended == nil, holds else { throw .unlawful("a permission ended twice, or without reason") }
            disclosure.permissions[id]?.ended = statement.time
            disclosure.permissions[id]?.reason = reason
        case .permissionEntered(let id, let session):
            guard try permission(id, of: pupilFile).isActive(at: statement.time),
                disclosure.permissions[id]?.sessions.insert(session).inserted == true
            else { throw .unlawful("entered under no permission that counts") }
        case .permissionRefused(let id, _): _ = try permission(id, of: pupilFile)
        case .permissionAcknowledged(let id, let session):
            guard try permission(id, of: pupilFile).sessions.contains(session) else {
                throw .unlawful("acknowledged by who did not enter")
            }
            disclosure.permissions[id]?.acknowledged = statement.time
        case .issueOpened(let act): try issue(act, pupilFile, statement)
        case .issueClosed(let act):
            guard let issue = disclosure.issues[act.issue], issue.closed == nil else {
                throw .unlawful("an issue closed that was not open")
            }
            _ = try permission(issue.act.permission, of: pupilFile)
            disclosure.issues[act.issue]?.closed = .init(act: act, time: statement.time, index: statement.index)
            if let sealed = act.sealed { try expect(sealed, of: pupilFile, statement) }
        case .visitRecorded(let act):
            try expect(act.sealed, of: pupilFile, statement)
            _ = try permission(act.permission, of: pupilFile)
            let state = SiteVisitState(act: act, pupilFile: pupilFile, index: statement.index)
            guard disclosure.visits.updateValue(state, forKey: act.visit) == nil else {
                throw .unlawful("a visit recorded twice")
            }
        case .visitClosed(let id, let notes, let sealed):
            try expect(sealed, of: pupilFile, statement)
            guard let visit = disclosure.visits[id], visit.pupilFile == pupilFile, visit.closed == nil,
                notes.map({ moved[$0] == nil }) ?? true
            else { throw .unlawful("a visit closed twice, or that was not") }
            disclosure.visits[id]?.closed = statement.index
        case .childInformed(let id, let told, let sealed):
            try expect(sealed, of: pupilFile, statement)
            _ = try permission(id, of: pupilFile)
            disclosure.permissions[id]?.informed.append((statement.index, told))
        default: throw .unlawful("no act of disclosure")
        }
    }

    private mutating func delegate(
        to person: PersonID, until: Timestamp, _ statement: Statement
    ) throws(StatementError) {
        guard case .person(let author) = statement.author, author != person, until > statement.time,
            refusal(of: .read, to: person, at: statement.time) == nil
        else { throw .unlawful("delegated to oneself, to who does not read, or for no time") }
        disclosure.delegations[person] = until
    }

    private mutating func permit(
        _ act: PermissionAct, _ pupilFile: PupilFileID, _ statement: Statement
    ) throws(StatementError) {
        try expect(act.sealed, of: pupilFile, statement)
        guard case .person(let author) = statement.author, let request = disclosure.requests[act.request],
            request.pupilFile == pupilFile, request.refused == nil, request.letter == act.letter.document
        else { throw .unlawful("permitted what was not asked for, or was refused") }
        let documents = act.documents.map(\.document)
        guard (1...PermissionAct.most).contains(documents.count), Set(documents).count == documents.count,
            documents.allSatisfy({ moved[$0] == nil }), moved[request.letter] == nil
        else { throw .unlawful("a permission for nothing, for too much, or for what was moved") }
        for permitted in act.documents + [act.letter] {
            guard statement.items.contains(where: { $0.kind == .header && $0.id == permitted.header }) else {
                throw .unlawful("a permission without a header")
            }
        }
        guard statement.items.contains(where: { $0.kind == .terms && $0.id == act.terms }) else {
            throw .unlawful("a permission without its terms")
        }
        guard act.until > statement.time, act.until > act.from else { throw .unlawful("a permission for no time") }
        guard act.exhibit == disclosure.exhibits(of: author) + 1 else {
            throw .unlawful("exhibit numbers with a gap, or twice")
        }
        try addPermissionNode(act.identity)
        let state = PermissionState(
            act: act, pupilFile: pupilFile, author: author, given: statement.time, index: statement.index)
        guard disclosure.permissions.updateValue(state, forKey: act.permission) == nil,
            disclosure.permissionsByTag.updateValue(act.permission, forKey: act.tag) == nil
        else { throw .unlawful("permitted twice") }
        disclosure.requests[act.request]?.permissions.append(act.permission)
        if let place = disclosure.producers.firstIndex(where: { $0.person == author }) {
            disclosure.producers[place].exhibits += UInt64(documents.count)
        } else {
            disclosure.producers.append((author, UInt64(documents.count)))
        }
    }

    private mutating func issue(
        _ act: IssueAct, _ pupilFile: PupilFileID, _ statement: Statement
    ) throws(StatementError) {
        let permission = try permission(act.permission, of: pupilFile)
        guard permission.isActive(at: statement.time), permission.sessions.contains(act.session) else {
            throw .unlawful("issued under no permission that counts, or to who did not enter")
        }
        let documents = permission.act.documents.map(\.document)
        switch (act.manner, act.document) {
        case (.view, let document?):
            guard documents.contains(document), moved[document] == nil else {
                throw .unlawful("issued what was not permitted")
            }
        case (.pack, nil):
            guard permission.hasCopiesLeft else { throw .unlawful("issued once more than permitted") }
            guard documents.allSatisfy({ moved[$0] == nil }), moved[permission.act.letter.document] == nil else {
                throw .unlawful("issued what was moved")
            }
            disclosure.permissions[act.permission]?.taken += 1
        default: throw .unlawful("a view of everything, or a pack of one")
        }
        let state = IssueState(act: act, opened: statement.time, index: statement.index)
        guard disclosure.issues.updateValue(state, forKey: act.issue) == nil else { throw .unlawful("issued twice") }
    }

    private func permission(
        _ id: PermissionID, of pupilFile: PupilFileID
    ) throws(StatementError) -> PermissionState {
        guard let permission = disclosure.permissions[id], permission.pupilFile == pupilFile else {
            throw .unlawful("no permission for this pupil file")
        }
        return permission
    }

    private func expect(
        _ sealed: SealedDetail, of pupilFile: PupilFileID, _ statement: Statement
    ) throws(StatementError) {
        guard statement.items.contains(where: { $0.kind == .detail && $0.id == sealed.detail }) else {
            throw .unlawful("a disclosure without its detail")
        }
        guard detailKeys[sealed.key] == pupilFile else {
            throw .unlawful("a disclosure under another pupil's detail key")
        }
    }
}

extension Act {
    /// The documents that it names as being of its pupil file: what replay cannot know, who has read it all looks up.
    public var namedDocuments: [DocumentID] {
        switch self {
        case .disclosureRequested(let act): [act.letter]
        case .permissionGiven(let act): act.documents.map(\.document)
        case .visitClosed(_, let notes, _): notes.map { [$0] } ?? []
        default: []
        }
    }

    /// The detail that it seals, where it is about disclosure.
    public var disclosureDetail: SealedDetail? {
        switch self {
        case .disclosureRequested(let act): act.sealed
        case .disclosureRefused(_, let sealed), .permissionWithdrawn(_, let sealed), .visitClosed(_, _, let sealed),
            .childInformed(_, _, let sealed):
            sealed
        case .permissionGiven(let act): act.sealed
        case .issueClosed(let act): act.sealed
        case .visitRecorded(let act): act.sealed
        default: nil
        }
    }
}

extension Refusal {
    /// Only who leads gives permissions, or a deputy to whom that was delegated.
    public static let permissionIsLeads = Refusal(
        code: "permission.leads",
        message:
            "Only the safeguarding lead gives documents to an agency, or a deputy while the lead has delegated it.",
        hint: "Ask the safeguarding lead. What the agency asked for can be recorded meanwhile.")
}

extension RequestID {
    /// `R-7K2M9Q4C`: how people name a request.
    public var reference: String { "R-" + text.prefix(8).uppercased() }
}

extension PermissionID {
    /// `PM-7K2M9Q4C`: how people name a permission.
    public var reference: String { "PM-" + text.prefix(8).uppercased() }
}

extension SiteVisitID {
    /// `V-7K2M9Q4C`: how people name a visit.
    public var reference: String { "V-" + text.prefix(8).uppercased() }
}

extension IssueID {
    /// `I-7K2M9Q4C`: how people name an issue.
    public var reference: String { "I-" + text.prefix(8).uppercased() }
}
