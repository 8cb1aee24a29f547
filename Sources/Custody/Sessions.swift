import Foundation
import GRDB
import Glibc
public import Records
import Sealing
import Synchronization

/// A session that a request found by its cookie, with its keys opened for the request.
public struct Session: Sendable {
    /// Who acts.
    public let acting: Acting
    /// The token that forms carry against cross-site requests.
    public let csrf: String
    /// Seconds until the session ends if nothing more is asked.
    public let idleSecondsLeft: Int
    /// Seconds until it ends in any case.
    public let lifetimeSecondsLeft: Int
}

/// One place where a person is signed in.
public struct SignedInPlace: Hashable, Sendable {
    /// The session.
    public let session: SessionID
    /// What it was opened with, in a few words, as the browser says of itself; empty where it said nothing.
    public let device: String
    /// When it was opened.
    public let opened: Timestamp
    /// Seconds since it was last used.
    public let idleSeconds: Int
}

/// The sessions of people signed in on pages, in memory: a restart signs everyone out.
///
/// The secrets of a session are sealed under a key derived from its token; the token is never stored. So a session can
/// be found and opened only by who brings the cookie.
public final class Sessions: Sendable {
    private struct Entry: Sendable {
        let person: PersonID
        let name: String
        let roles: Set<Role>
        let session: SessionID
        let sealed: [UInt8]
        let memory: SessionMemory
        let device: String
        let opened: Timestamp
        let started: MonotonicTime
        var last: MonotonicTime
    }

    private let policy: SessionPolicy
    private let clock: any Records.Clock
    private let entries = Mutex<[[UInt8]: Entry]>([:])
    /// Whose the sessions were that ended by themselves, and when: for forms that come too late.
    private let past = Mutex<[[UInt8]: (person: PersonID, ended: MonotonicTime)]>([:])
    private static let mostPast = 1_000

    init(policy: SessionPolicy, clock: any Records.Clock) {
        self.policy = policy
        self.clock = clock
    }

    private var idle: UInt64 { UInt64(policy.idleMinutes) * 60_000_000_000 }
    private var lifetime: UInt64 { UInt64(policy.lifetimeHours) * 3_600_000_000_000 }

    /// Opens a session; gives its token of 128 random bits, for the cookie alone.
    ///
    /// - Parameter device: what it is opened with, for its person to know it by; kept in memory alone.
    public func open(_ acting: Acting, device: String = "") throws(VaultError) -> String {
        try rethrowing("session") {
            let token = Randomness.bytes(16)
            var secret = try SecretBytes(zeroed: PersonKeys.byteCount + 32)
            let keys = try acting.keys.secret()
            keys.withBytes { source in
                acting.sessionKey.withBytes { session in
                    secret.withMutableBytes { target in
                        UnsafeMutableRawBufferPointer(rebasing: target[..<source.count]).copyMemory(from: source)
                        UnsafeMutableRawBufferPointer(rebasing: target[source.count...]).copyMemory(from: session)
                    }
                }
            }
            let sealed = try SealedRow.seal(
                secret, session: Self.derive(token, "seal"), associatedData: acting.session.bytes + acting.person.bytes)
            let now = clock.monotonic()
            let entry = Entry(
                person: acting.person, name: acting.name, roles: acting.roles, session: acting.session, sealed: sealed,
                memory: acting.memory, device: device, opened: clock.now(), started: now, last: now)
            let find = try Self.find(token)
            entries.withLock { $0[find] = entry }
            return Base64.encode(token)
        }
    }

    /// Finds a session by its token; nil where there is none, or it was idle or open for too long.
    public func resume(_ token: String) -> Session? {
        guard let token = Base64.decode(token), token.count == 16, let find = try? Self.find(token) else { return nil }
        let now = clock.monotonic()
        let entry = entries.withLock { entries -> Entry? in
            guard var entry = entries[find], isAlive(entry, now) else { return nil }
            entry.last = max(entry.last, now)
            entries[find] = entry
            return entry
        }
        guard let entry, let key: SessionKey = try? Self.derive(token, "seal"),
            let acting = try? Self.acting(entry, key), let csrf: TagKey = try? Self.derive(token, "csrf")
        else { return nil }
        return Session(
            acting: acting, csrf: csrf.withBytes { Base64.encode(Array($0)) }, idleSecondsLeft: policy.idleMinutes * 60,
            lifetimeSecondsLeft: Int((lifetime - min(lifetime, now.nanoseconds(since: entry.started))) / 1_000_000_000))
    }

    /// Notes that a session is in use, though nothing new is asked: something of it is on its way.
    func use(_ session: SessionID) {
        let now = clock.monotonic()
        entries.withLock { entries in
            guard let (find, entry) = entries.first(where: { $0.value.session == session }), isAlive(entry, now) else {
                return
            }
            entries[find]?.last = max(entry.last, now)
        }
    }

    /// Whose a session was that ended by itself within the longest time a session lasts, with the token of its forms; nil
    /// for any other.
    public func past(_ token: String) -> (person: PersonID, csrf: String)? {
        guard let token = Base64.decode(token), token.count == 16, let find = try? Self.find(token),
            let csrf: TagKey = try? Self.derive(token, "csrf")
        else { return nil }
        let now = clock.monotonic()
        let over = entries.withLock { entries in entries[find].flatMap { isAlive($0, now) ? nil : $0.person } }
        let gone = past.withLock { $0[find].flatMap { now.nanoseconds(since: $0.ended) < lifetime ? $0.person : nil } }
        return (over ?? gone).map { ($0, csrf.withBytes { Base64.encode(Array($0)) }) }
    }

    /// Ends a session.
    public func close(_ token: String) {
        guard let token = Base64.decode(token), let find = try? Self.find(token) else { return }
        entries.withLock { $0.removeValue(forKey: find) }?.memory.end()
    }

    /// Where a person is signed in here, newest first.
    func places(of person: PersonID) -> [SignedInPlace] {
        let now = clock.monotonic()
        return entries.withLock { entries in
            entries.values.filter { $0.person == person && isAlive($0, now) }.map { entry in
                SignedInPlace(
                    session: entry.session, device: entry.device, opened: entry.opened,
                    idleSeconds: Int(now.nanoseconds(since: entry.last) / 1_000_000_000))
            }
        }.sorted { ($1.opened, $1.session) < ($0.opened, $0.session) }
    }

    /// How many sessions are open.
    var count: Int {
        let now = clock.monotonic()
        return entries.withLock { $0.values.count { isAlive($0, now) } }
    }

    /// Whether a person is signed in here.
    func isOpen(for person: PersonID) -> Bool {
        let now = clock.monotonic()
        return entries.withLock { $0.values.contains { $0.person == person && isAlive($0, now) } }
    }

    /// Which sessions end.
    enum Ending {
        /// All.
        case all
        /// Those that were idle or open for too long.
        case over
        /// A person's, but for one.
        case of(PersonID, except: SessionID?)
        /// One of a person's.
        case one(SessionID, of: PersonID)
    }

    /// Sessions that end: which ones, and what they have open. They are forgotten by `forget` once that is recorded.
    func ending(_ which: Ending) -> [(SessionID, [DocumentID: SessionMemory.OpenReading])] {
        let now = clock.monotonic()
        let gone = entries.withLock { entries in
            entries.values.filter { entry in
                switch which {
                case .all: true
                case .over: !isAlive(entry, now)
                case .of(let person, let kept): entry.person == person && entry.session != kept
                case .one(let session, let person): entry.session == session && entry.person == person
                }
            }.map { ($0.session, $0.memory) }
        }
        return gone.map { ($0, $1.with { $0.readings }) }
    }

    func forget(_ sessions: [SessionID]) {
        let sessions = Set(sessions)
        let gone = entries.withLock { entries in
            let gone = entries.filter { sessions.contains($0.value.session) }
            for find in gone.keys { entries[find] = nil }
            return gone
        }
        let now = clock.monotonic()
        past.withLock { past in
            past = past.filter { now.nanoseconds(since: $0.value.ended) < lifetime }
            for (find, entry) in gone where !isAlive(entry, now) && past.count < Self.mostPast {
                past[find] = (entry.person, now)
            }
        }
        for entry in gone.values { entry.memory.end() }
    }

    private func isAlive(_ entry: Entry, _ now: MonotonicTime) -> Bool {
        now.nanoseconds(since: entry.last) < idle && now.nanoseconds(since: entry.started) < lifetime
    }

    private static func acting(_ entry: Entry, _ key: borrowing SessionKey) throws -> Acting {
        let secret = try SealedRow.open(
            entry.sealed, session: key, associatedData: entry.session.bytes + entry.person.bytes)
        guard secret.count > PersonKeys.byteCount else { throw SealingError.keyboxInvalid }
        let keys = try PersonKeys(PersonKeys.part(secret, 0..<PersonKeys.byteCount))
        return Acting(
            person: entry.person, name: entry.name, roles: entry.roles, session: entry.session, keys: keys,
            memory: entry.memory,
            sessionKey: try SessionKey(PersonKeys.part(secret, PersonKeys.byteCount..<secret.count)))
    }

    static func find(_ token: [UInt8]) throws -> [UInt8] {
        let key: TagKey = try derive(token, "find")
        return key.withBytes { Array($0) }
    }

    static func derive<P: KeyPurpose>(_ token: [UInt8], _ label: String) throws -> Key<P> {
        try KeyedHash.derive(
            SessionKey(SecretBytes(copying: token + [UInt8](repeating: 0, count: 16))),
            label: "strongroom/v1/session/\(label)")
    }
}

extension Vault {
    /// Ends sessions that were idle or open for too long, and uploads that nobody filed: each with its statement.
    public func sweep() throws(VaultError) {
        try rethrowing("sweep") {
            try checkPolicy()
            try endSessions(.over)
            for person in recorder.authority.people.keys where ended(person) != nil {
                try endSessions(.of(person, except: nil))
            }
            var drafts: [Draft] = []
            let limit = Timestamp(milliseconds: clock.now().milliseconds - pendingMilliseconds)
            let old = try workspace.untouched(since: limit)
            let abandoned = try old.filter { try $0.state != .filed && $0.state != .gone && !isFiled($0.id) }
            for upload in abandoned {
                drafts.append(Draft(signer: .service, act: .uploadRefused(upload.id, code: "upload.expired")))
            }
            if !drafts.isEmpty { try recorder.record(drafts, in: pool) }
            for upload in abandoned {
                arrivals.drop(upload.id)
                try workspace.end(upload.id, at: clock.now())
                blobs.removeStaged(upload.blob)
            }
            let ended = Set(abandoned.map(\.id))
            try workspace.remove(old.map(\.id).filter { !ended.contains($0) })
            try workspace.removeEndedDrafts(before: limit)
            arrivals.dropIdle(clock.monotonic())
            copies.dropIdle(clock.monotonic())
            lookedAt.dropIdle(clock.monotonic())
            try sweepBatches()
            flushFailures(force: false)
            try endAgencySessions(.over)
            try sweepIssues()
            try sweepPermissions()
            try sweepStaging()
            try sweepOrphans()
        }
    }

    /// Says the end of sessions, with what they had open; then they are forgotten, and what they have on its way stops.
    func endSessions(_ which: Sessions.Ending, by signer: Signer = .service) throws {
        let ending = sessions.ending(which)
        let drafts = ending.flatMap { session, readings in
            // Of restricted documents the service says nothing.
            readings.filter { $0.value.pupilFile != nil }.sorted { $0.key < $1.key }.map { document, reading in
                Draft(
                    signer: signer, pupilFile: reading.pupilFile,
                    act: .documentClosed(
                        document, reading.id, bytes: reading.bytes, pages: UInt64(reading.pages.count), complete: true))
            } + [Draft(signer: signer, act: .signedOut(session))]
        }
        if !drafts.isEmpty { try recorder.record(drafts, in: pool) }
        for (session, _) in ending { lookedAt.drop(session) }
        sessions.forget(ending.map(\.0))
    }

    private func isFiled(_ upload: UploadID) throws -> Bool {
        try pool.read { db in
            try Bool.fetchOne(
                db,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM document WHERE upload = ?1)
                    OR EXISTS (SELECT 1 FROM intake WHERE upload = ?1)
                    OR EXISTS (SELECT 1 FROM restricted WHERE upload = ?1)
                    """, arguments: [Data(upload.bytes)])
        } ?? false
    }

    /// Removes staged payloads that nobody writes and nobody holds: bytes of uploads that were never acknowledged.
    func sweepStaging() throws {
        // The rows are read after the names: what is staged in between is known, or still locked.
        let names = try Files.names(in: "\(path)/staging")
        let held = try workspace.blobs()
        for name in names {
            guard let blob = BlobID(text: name), !held.contains(blob) else { continue }
            if StagedLock.isFree(blobs.staged(blob)) { blobs.removeStaged(blob) }
        }
    }

    /// Moves payloads that no statement knows aside, with a statement; a person deletes them later.
    private func sweepOrphans() throws {
        let known = try recorder.read(pool) { db, _ in
            Set(
                try Data.fetchAll(
                    db,
                    sql: """
                        SELECT blob FROM document UNION SELECT blob FROM intake
                        UNION SELECT blob FROM restricted WHERE blob IS NOT NULL
                        """
                )
                .compactMap { BlobID($0) })
        }
        let held = try workspace.blobs()
        for blob in try blobs.blobs() where !known.contains(blob) && !held.contains(blob) {
            // Somebody may have placed it a moment ago and be about to record it.
            guard StagedLock.age(of: blobs.path(of: blob), clock.now()) > 600 else { continue }
            try say(.orphanFound(blob), .service)
            guard rename(blobs.path(of: blob), "\(path)/orphans/\(blob.text)") == 0 else {
                throw SystemCallError("rename")
            }
        }
    }
}
