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

/// The sessions of people signed in on pages, in memory: a restart signs everyone out.
///
/// The secrets of a session are sealed under a key derived from its token; the token is never stored. So a session can
/// be found and opened only by who brings the cookie.
public final class Sessions: Sendable {
    private struct Entry: Sendable {
        let person: PersonState
        let name: String
        let session: SessionID
        let sealed: [UInt8]
        let memory: SessionMemory
        let started: UInt64
        var last: UInt64
    }

    private let policy: SessionPolicy
    private let clock: any Records.Clock
    private let entries = Mutex<[[UInt8]: Entry]>([:])

    init(policy: SessionPolicy, clock: any Records.Clock) {
        self.policy = policy
        self.clock = clock
    }

    private var idle: UInt64 { UInt64(policy.idleMinutes) * 60_000_000_000 }
    private var lifetime: UInt64 { UInt64(policy.lifetimeHours) * 3_600_000_000_000 }

    /// Opens a session; gives its token of 128 random bits, for the cookie alone.
    public func open(_ acting: Acting) throws(VaultError) -> String {
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
            let now = clock.monotonicNanoseconds()
            let entry = Entry(
                person: acting.state, name: acting.name, session: acting.session, sealed: sealed,
                memory: acting.memory, started: now, last: now)
            let find = try Self.find(token)
            entries.withLock { $0[find] = entry }
            return Base64.encode(token)
        }
    }

    /// Finds a session by its token; nil where there is none, or it was idle or open for too long.
    public func resume(_ token: String) -> Session? {
        guard let token = Base64.decode(token), token.count == 16, let find = try? Self.find(token) else { return nil }
        let now = clock.monotonicNanoseconds()
        let entry = entries.withLock { entries -> Entry? in
            guard var entry = entries[find], isAlive(entry, now) else { return nil }
            entry.last = now
            entries[find] = entry
            return entry
        }
        guard let entry, let key: SessionKey = try? Self.derive(token, "seal"),
            let acting = try? Self.acting(entry, key), let csrf: TagKey = try? Self.derive(token, "csrf")
        else { return nil }
        return Session(
            acting: acting, csrf: csrf.withBytes { Base64.encode(Array($0)) }, idleSecondsLeft: policy.idleMinutes * 60,
            lifetimeSecondsLeft: Int((lifetime - (now - entry.started)) / 1_000_000_000))
    }

    /// Ends a session.
    public func close(_ token: String) {
        guard let token = Base64.decode(token), let find = try? Self.find(token) else { return }
        entries.withLock { _ = $0.removeValue(forKey: find) }
    }

    /// Whether a person is signed in here.
    func isOpen(for person: PersonID) -> Bool {
        let now = clock.monotonicNanoseconds()
        return entries.withLock { $0.values.contains { $0.person.id == person && isAlive($0, now) } }
    }

    /// Ends every session of a person.
    public func closeAll(of person: PersonID) {
        entries.withLock { entries in entries = entries.filter { $0.value.person.id != person } }
    }

    /// Sessions that were idle or open for too long, or all: which ones, and what they have open. They open nothing any
    /// more, and are forgotten by `forget` once their end is recorded.
    func ending(all: Bool = false) -> [(SessionID, [DocumentID: SessionMemory.OpenReading])] {
        let now = clock.monotonicNanoseconds()
        let gone = entries.withLock { entries in
            entries.values.filter { all || !isAlive($0, now) }.map { ($0.session, $0.memory) }
        }
        return gone.map { ($0, $1.with { $0.readings }) }
    }

    func forget(_ sessions: [SessionID]) {
        let sessions = Set(sessions)
        entries.withLock { entries in entries = entries.filter { !sessions.contains($0.value.session) } }
    }

    private func isAlive(_ entry: Entry, _ now: UInt64) -> Bool {
        now - entry.last < idle && now - entry.started < lifetime
    }

    private static func acting(_ entry: Entry, _ key: borrowing SessionKey) throws -> Acting {
        let secret = try SealedRow.open(
            entry.sealed, session: key, associatedData: entry.session.bytes + entry.person.id.bytes)
        guard secret.count > PersonKeys.byteCount else { throw SealingError.keyboxInvalid }
        let keys = try PersonKeys(PersonKeys.part(secret, 0..<PersonKeys.byteCount))
        return Acting(
            person: entry.person, name: entry.name, session: entry.session, keys: keys, memory: entry.memory,
            sessionKey: try SessionKey(PersonKeys.part(secret, PersonKeys.byteCount..<secret.count)))
    }

    private static func find(_ token: [UInt8]) throws -> [UInt8] {
        let key: TagKey = try derive(token, "find")
        return key.withBytes { Array($0) }
    }

    private static func derive<P: KeyPurpose>(_ token: [UInt8], _ label: String) throws -> Key<P> {
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
            try endSessions()
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
            arrivals.dropIdle(clock.monotonicNanoseconds())
            flushFailures(force: false)
            try sweepStaging()
            try sweepOrphans()
        }
    }

    /// Says the end of sessions that ran out, or of all, with what they had open; then they are forgotten.
    func endSessions(all: Bool = false) throws {
        let ending = sessions.ending(all: all)
        let drafts = ending.flatMap { session, readings in
            readings.sorted { $0.key < $1.key }.map { document, reading in
                Draft(
                    signer: .service, pupilFile: reading.pupilFile,
                    act: .documentClosed(
                        document, reading.id, bytes: reading.bytes, pages: UInt64(reading.pages.count), complete: true))
            } + [Draft(signer: .service, act: .signedOut(session))]
        }
        if !drafts.isEmpty { try recorder.record(drafts, in: pool) }
        sessions.forget(ending.map(\.0))
    }

    private func isFiled(_ upload: UploadID) throws -> Bool {
        try pool.read { db in
            try Bool.fetchOne(
                db,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM document WHERE upload = ?1)
                    OR EXISTS (SELECT 1 FROM intake WHERE upload = ?1)
                    """, arguments: [Data(upload.bytes)])
        } ?? false
    }

    /// Removes staged payloads that nobody writes and nobody holds: bytes of uploads that were never acknowledged.
    private func sweepStaging() throws {
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
                try Data.fetchAll(db, sql: "SELECT blob FROM document UNION SELECT blob FROM intake")
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
