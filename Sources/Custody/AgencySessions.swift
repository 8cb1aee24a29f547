import Foundation
import GRDB
public import Records
import Sealing
import Synchronization

/// What somebody with a link is told before they enter.
public enum PermissionDoor: Hashable, Sendable {
    /// Link and code open it.
    case open
    /// It counts from a later moment on.
    case notYet(Timestamp)
    /// It is over, was withdrawn, or never was.
    case closed
}

/// An exhibit as the agency sees it.
public struct AgencyExhibit: Hashable, Sendable, Codable {
    /// `PM/3`.
    public let reference: String
    /// The document's id.
    public let document: String
    /// The brief summary.
    public let summary: String
    /// The document's own date, EDTF.
    public let date: String
    /// The category, for people.
    public let category: String
    /// The type found.
    public let mediaType: String
    /// Pages, where the type has pages.
    public let pages: Int?
    /// Bytes.
    public let size: UInt64
    /// SHA-256 of the content, hex.
    public let sha256: String
}

/// What an agency is told under a permission, fixed when it was given.
public struct AgencyTerms: Hashable, Sendable, Codable {
    /// The school's name.
    public let school: String
    /// Whom to turn to.
    public let contact: String
    /// `PM-7K2M9Q4C`.
    public let reference: String
    /// Who gave it, by name and role.
    public let givenBy: String
    /// The officer's name.
    public let officer: String
    /// Their rank or role.
    public let rank: String
    /// Their number.
    public let number: String
    /// Force, council or team.
    public let organisation: String
    /// Under which conditions.
    public let conditions: String
    /// From when on, milliseconds.
    public let from: Int64
    /// From when on no more, milliseconds.
    public let until: Int64
    /// How many times copies may be taken.
    public let copies: UInt64
    /// The agency's age recipient, where the pack is sealed to one.
    public let recipient: String
    /// The documents.
    public let exhibits: [AgencyExhibit]
}

/// The sessions of officers under permissions, in memory: a restart ends them. As with people's, the secret of a session is
/// sealed under a key derived from its token, and the token is never stored.
final class AgencySessions: Sendable {
    struct Open: Sendable {
        let issue: IssueID
        var pages: Set<Int> = []
        var bytes: UInt64 = 0
    }

    struct Entry: Sendable {
        let permission: PermissionID
        let session: SessionID
        let sealed: [UInt8]
        let started: MonotonicTime
        var last: MonotonicTime
        /// What is looked at, by the exhibit's place.
        var open: [Int: Open] = [:]
    }

    private let policy: SessionPolicy
    private let clock: any Records.Clock
    private let entries = Mutex<[[UInt8]: Entry]>([:])

    init(policy: SessionPolicy, clock: any Records.Clock) {
        self.policy = policy
        self.clock = clock
    }

    /// Opens a session; gives its token.
    func open(_ identity: borrowing HybridIdentity, under permission: PermissionID, as session: SessionID) throws
        -> String
    {
        let token = Randomness.bytes(16)
        let sealed = try SealedRow.seal(
            identity.seedCopy(), session: Sessions.derive(token, "seal"),
            associatedData: session.bytes + permission.bytes)
        let now = clock.monotonic()
        let find = try Sessions.find(token)
        entries.withLock {
            $0[find] = Entry(permission: permission, session: session, sealed: sealed, started: now, last: now)
        }
        return Base64.encode(token)
    }

    /// Finds a session, and notes that it is used; nil where there is none that lasts.
    func resume(_ token: String) -> (find: [UInt8], entry: Entry, key: SessionKeyBox, csrf: String)? {
        guard let bytes = Base64.decode(token), bytes.count == 16, let find = try? Sessions.find(bytes),
            let key: SessionKey = try? Sessions.derive(bytes, "seal"),
            let csrf: TagKey = try? Sessions.derive(bytes, "csrf")
        else { return nil }
        let now = clock.monotonic()
        let entry = entries.withLock { entries -> Entry? in
            guard var entry = entries[find], isAlive(entry, now) else { return nil }
            entry.last = max(entry.last, now)
            entries[find] = entry
            return entry
        }
        guard let entry else { return nil }
        return (find, entry, SessionKeyBox(key: key), csrf.withBytes { Base64.encode(Array($0)) })
    }

    /// A key in a tuple.
    final class SessionKeyBox: Sendable {
        let key: SessionKey
        init(key: consuming SessionKey) { self.key = key }
    }

    /// Changes what a session has open; false where it has ended.
    @discardableResult
    func change(_ find: [UInt8], _ body: (inout Entry) -> Void) -> Bool {
        let now = clock.monotonic()
        return entries.withLock { entries in
            guard var entry = entries[find] else { return false }
            entry.last = max(entry.last, now)
            body(&entry)
            entries[find] = entry
            return true
        }
    }

    /// Whether a session looks at an exhibit already.
    func hasOpen(_ place: Int, _ find: [UInt8]) -> Bool { entries.withLock { $0[find]?.open[place] != nil } }

    /// Whether a session goes on.
    func isOpen(_ find: [UInt8]) -> Bool {
        let now = clock.monotonic()
        return entries.withLock { entries in entries[find].map { isAlive($0, now) } ?? false }
    }

    /// Which sessions end.
    enum Ending {
        case all, over
        case one([UInt8])
    }

    /// Ends sessions; gives what they had open.
    func end(_ which: Ending) -> [Entry] {
        let now = clock.monotonic()
        return entries.withLock { entries in
            let gone = entries.filter { find, entry in
                switch which {
                case .all: true
                case .over: !isAlive(entry, now)
                case .one(let wanted): find == wanted
                }
            }
            for find in gone.keys { entries[find] = nil }
            return Array(gone.values)
        }
    }

    /// Ends what sessions under a permission look at; they go on, and open nothing more. Gives them as they were.
    func endViews(under permission: PermissionID) -> [Entry] {
        entries.withLock { entries in
            let looking = entries.filter { $0.value.permission == permission }
            for find in looking.keys { entries[find]?.open = [:] }
            return Array(looking.values)
        }
    }

    private func isAlive(_ entry: Entry, _ now: MonotonicTime) -> Bool {
        now.nanoseconds(since: entry.last) < UInt64(policy.idleMinutes) * 60_000_000_000
            && now.nanoseconds(since: entry.started) < UInt64(policy.lifetimeHours) * 3_600_000_000_000
    }
}

extension Vault {
    /// How many wrong tries end a permission.
    static let mostTries = 10

    /// The permission that a link leads to.
    private func permission(link: String) throws -> (PermissionState, link: [UInt8])? {
        guard let bytes = Crockford.decode(Crockford.typed(link)), bytes.count == 16 else { return nil }
        let authority = try recorder.read(pool) { _, head in head.authority }
        return authority.disclosure.permissionsByTag[Self.linkTag(bytes)]
            .flatMap { authority.disclosure.permissions[$0] }.map { ($0, bytes) }
    }

    /// What somebody with a link is told before they enter. A link that is not whole and a permission that is over look the same.
    public func permissionDoor(link: String) throws(VaultError) -> PermissionDoor {
        try rethrowing("permission-door") {
            guard let (permission, _) = try permission(link: link), permission.ended == nil else { return .closed }
            let now = clock.now()
            if now >= permission.act.until { return .closed }
            return now < permission.act.from ? .notYet(permission.act.from) : .open
        }
    }

    /// Enters with link, access code, name and number. Recorded before it returns. Takes one password hash.
    ///
    /// - Returns: the token of the session, for the cookie alone.
    /// - Throws: refusals `permission.wrong` with how many tries are left, `permission.closed`, `permission.not-yet`.
    public func enterPermission(
        link: String, code: String, officer: String, number: String
    ) throws(VaultError) -> String {
        try rethrowing("permission-enter") {
            try checkPolicy()
            guard let (permission, link) = try permission(link: link) else { throw Refusal.permissionClosed }
            let id = permission.act.permission
            let now = clock.now()
            guard permission.ended == nil, now < permission.act.until else {
                try refuseAgency(permission, "over")
                throw Refusal.permissionClosed
            }
            guard now >= permission.act.from else {
                try refuseAgency(permission, "not-yet")
                throw Refusal.permissionNotYet
            }
            guard let (keybox, tries) = try workspace.tryPermissionKey(of: id, most: Self.mostTries) else {
                throw Refusal.permissionClosed
            }
            guard sha256(keybox) == permission.act.keybox else { throw VaultError.tampered(code: "permission.keybox") }
            guard let identity = try keepingTry(of: id, { try openPermission(keybox, permission, link, code) }),
                try keepingTry(of: id, { try isOfficer(officer, number, permission, identity) })
            else {
                try say(.permissionRefused(id, code: "wrong"), .service, about: permission.pupilFile)
                guard tries < Self.mostTries else {
                    try endPermission(permission, .codes)
                    throw Refusal.permissionClosed
                }
                throw Refusal.permissionWrong(left: Self.mostTries - tries)
            }
            try workspace.giveBackTry(of: id)
            let session = SessionID.random()
            try say(.permissionEntered(id, session), .service, about: permission.pupilFile)
            return try agencySessions.open(identity, under: id, as: session)
        }
    }

    /// Gives a try back that could not be made, such as while too many hash.
    private func keepingTry<Result: ~Copyable>(
        of permission: PermissionID, _ body: () throws -> Result
    ) throws -> Result {
        do { return try body() } catch {
            try workspace.giveBackTry(of: permission)
            throw error
        }
    }

    /// Says that somebody with a link was refused: at most once a minute for a permission.
    private func refuseAgency(_ permission: PermissionState, _ code: String) throws {
        let now = clock.monotonic()
        let id = permission.act.permission
        let isDue = agencyRefusals.withLock { said in
            if let last = said[id], now.nanoseconds(since: last) < 60_000_000_000 { return false }
            said[id] = now
            return true
        }
        if isDue { try say(.permissionRefused(id, code: code), .service, about: permission.pupilFile) }
    }

    /// The permission's identity, where link and code are right.
    private func openPermission(
        _ keybox: [UInt8], _ permission: PermissionState, _ link: [UInt8], _ code: String
    ) throws -> HybridIdentity? {
        // One that has a wrong character costs the same: it is tried as it was typed.
        let typed = AccessCode(typed: code)?.text ?? String(code.prefix(100))
        do {
            let seed = try hashGate.run {
                try Keybox.open(
                    keybox, password: SecretBytes(copying: Array(typed.utf8) + (typed.isEmpty ? [0] : [])),
                    serverSecret: secrets.server.bound(toLink: link),
                    bounds: .init(minimum: SessionPolicy.leastHashing, maximum: SessionPolicy.mostHashing),
                    context: permissionContext(permission.act.permission))
            }
            let identity = try HybridIdentity(seed: seed)
            let committed = try pool.read { db in try recipient(of: permission.act.identity, db) }
            guard identity.recipient == committed else { throw VaultError.tampered(code: "permission.other-identity") }
            return identity
        } catch SealingError.passwordOrKeyWrong {
            return nil
        }
    }

    private func isOfficer(
        _ officer: String, _ number: String, _ permission: PermissionState, _ identity: borrowing HybridIdentity
    ) throws -> Bool {
        let terms = try frozenTerms(of: permission, identity).agency
        func letters(_ text: String) -> String { Self.folded(text).filter { $0.isLetter || $0.isNumber } }
        return letters(officer) == letters(terms.officer) && letters(number) == letters(terms.number)
    }

    /// What a permission fixed, as its statement commits to it.
    func frozenTerms(of permission: PermissionState, _ identity: borrowing HybridIdentity) throws -> FrozenTerms {
        let bytes = try pool.read { db in try item(permission.act.terms, db) }
        let plain = try SealedBytes.open(bytes, with: identity)
        let context = termsContext(permission.act.permission)
        guard plain.starts(with: context) else { throw VaultError.tampered(code: "permission.terms") }
        return try JSONDecoder().decode(FrozenTerms.self, from: Data(plain.dropFirst(context.count)))
    }

    /// Finds an agency's session by its token; nil where there is none, or it was idle or open for too long.
    public func agencySession(_ token: String) throws(VaultError) -> AgencySession? {
        try rethrowing("agency-session") {
            guard let (find, entry, box, csrf) = agencySessions.resume(token) else { return nil }
            let authority = try recorder.read(pool) { _, head in head.authority }
            guard let permission = authority.disclosure.permissions[entry.permission] else { return nil }
            let identity = try HybridIdentity(
                seed: SealedRow.open(
                    entry.sealed, session: box.key, associatedData: entry.session.bytes + entry.permission.bytes))
            let frozen = try frozenTerms(of: permission, identity)
            return AgencySession(
                vault: self, find: find, entry: entry, identity: identity, frozen: frozen, csrf: csrf)
        }
    }

    /// Ends sessions of officers: what they looked at is said.
    func endAgencySessions(_ which: AgencySessions.Ending) throws { try sayEnded(agencySessions.end(which)) }

    /// Says of sessions how what they looked at ended.
    func sayEnded(_ gone: [AgencySessions.Entry]) throws {
        let authority = recorder.authority
        let drafts = gone.flatMap { entry -> [Draft] in
            guard let permission = authority.disclosure.permissions[entry.permission] else { return [] }
            return entry.open.sorted { $0.key < $1.key }.map { _, open in
                Draft(
                    signer: .service, pupilFile: permission.pupilFile,
                    act: .issueClosed(
                        IssueEndAct(
                            issue: open.issue, bytes: open.bytes, pages: UInt64(open.pages.count), complete: true,
                            sealed: nil)))
            }
        }
        if !drafts.isEmpty { try recorder.record(drafts, in: pool) }
        for entry in gone {
            lookedAt.drop(entry.session)
            for open in entry.open.values { issuing.end(open.issue) }
        }
    }
}

extension Refusal {
    static let permissionClosed = Refusal(
        code: "permission.closed", message: "This permission is over, was withdrawn, or the link is not whole.",
        hint: "Check that the link is complete, or ask the school.")
    static let permissionNotYet = Refusal(
        code: "permission.not-yet", message: "This permission counts from a later day on.",
        hint: "Open the link again then.")
    static func permissionWrong(left: Int) -> Refusal {
        Refusal(
            code: "permission.wrong", message: "The access code, the name or the number is not right.",
            hint:
                "Check all three; the name and number are those in your request. \(left == 1 ? "One try is" : "\(left) tries are") left."
        )
    }
}
