import Foundation
import GRDB
import Records

/// What the service needs from day to day and no record rests on: uploads that wait to be filed, sealed to their
/// uploaders, notes that are being written, sealed to their writers, the last authenticator step each person used, the last
/// count of each passkey, and when a notice was tried. Not backed up; `secure_delete` on.
struct Workspace: Sendable {
    let queue: DatabaseQueue

    init(path: String) throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA secure_delete = ON")
            try db.execute(sql: "PRAGMA synchronous = FULL")
        }
        queue = try DatabaseQueue(path: path + "/workspace.sqlite", configuration: configuration)
        try queue.write { db in
            try db.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS authenticator_step (
                        person BLOB PRIMARY KEY NOT NULL, step INTEGER NOT NULL) STRICT;
                    CREATE TABLE IF NOT EXISTS passkey_count (
                        passkey BLOB PRIMARY KEY NOT NULL, count INTEGER NOT NULL) STRICT;
                    CREATE TABLE IF NOT EXISTS notice (
                        one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1), tried INTEGER NOT NULL,
                        failed INTEGER NOT NULL CHECK (failed IN (0, 1))) STRICT;
                    CREATE TABLE IF NOT EXISTS upload (
                        id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
                        owner BLOB NOT NULL CHECK (length(owner) = 16), blob BLOB NOT NULL CHECK (length(blob) = 16),
                        state TEXT NOT NULL
                            CHECK (state IN (\(UploadState.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")))),
                        touched INTEGER NOT NULL, length INTEGER NOT NULL CHECK (length >= 0),
                        held INTEGER NOT NULL CHECK (held BETWEEN 0 AND length),
                        torn INTEGER NOT NULL CHECK (torn IN (0, 1)), header BLOB NOT NULL, facts BLOB NOT NULL,
                        tail BLOB NOT NULL) STRICT;
                    CREATE INDEX IF NOT EXISTS upload_owner ON upload (owner, state);
                    CREATE TABLE IF NOT EXISTS draft (
                        id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
                        owner BLOB NOT NULL CHECK (length(owner) = 16), touched INTEGER NOT NULL,
                        facts BLOB NOT NULL, filed BLOB CHECK (length(filed) = 16)) STRICT;
                    CREATE INDEX IF NOT EXISTS draft_owner ON draft (owner);
                    CREATE TABLE IF NOT EXISTS stack (
                        upload BLOB PRIMARY KEY NOT NULL CHECK (length(upload) = 16),
                        batch BLOB NOT NULL CHECK (length(batch) = 16)) STRICT;
                    CREATE TABLE IF NOT EXISTS desk (
                        batch BLOB PRIMARY KEY NOT NULL CHECK (length(batch) = 16),
                        owner BLOB NOT NULL CHECK (length(owner) = 16), content BLOB NOT NULL) STRICT;
                    CREATE TABLE IF NOT EXISTS presentation (
                        batch BLOB PRIMARY KEY NOT NULL CHECK (length(batch) = 16), plan BLOB NOT NULL,
                        answer BLOB) STRICT;
                    CREATE TABLE IF NOT EXISTS text (
                        document BLOB PRIMARY KEY NOT NULL CHECK (length(document) = 16),
                        pupil_file BLOB NOT NULL CHECK (length(pupil_file) = 16), sealed BLOB NOT NULL,
                        unreadable INTEGER NOT NULL CHECK (unreadable >= 0)) STRICT;
                    CREATE INDEX IF NOT EXISTS text_file ON text (pupil_file);
                    CREATE TABLE IF NOT EXISTS permission_key (
                        permission BLOB PRIMARY KEY NOT NULL CHECK (length(permission) = 16), keybox BLOB NOT NULL,
                        made INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0) STRICT;
                    """)
        }
    }

    /// Takes an authenticator step, once: false where it, or a later one, was used before. Durable on return.
    func use(step: UInt64, of person: PersonID) throws -> Bool {
        try queue.write { db in
            try db.execute(
                sql: """
                    INSERT INTO authenticator_step (person, step) VALUES (?, ?)
                    ON CONFLICT (person) DO UPDATE SET step = excluded.step WHERE excluded.step > authenticator_step.step
                    """, arguments: [Data(person.bytes), Int64(step)])
            return db.changesCount == 1
        }
    }

    /// The counter that a passkey's authenticator gave last; nil before its first answer.
    func count(of passkey: PasskeyID) throws -> UInt32? {
        try queue.read { db in
            try Int64.fetchOne(
                db, sql: "SELECT count FROM passkey_count WHERE passkey = ?", arguments: [Data(passkey.bytes)])
        }.flatMap { UInt32(exactly: $0) }
    }

    /// Takes a passkey's counter: false where it, or a later one, was given before. An authenticator without a counter always
    /// gives 0. Durable on return.
    func use(count: UInt32, of passkey: PasskeyID) throws -> Bool {
        try queue.write { db in
            try db.execute(
                sql: """
                    INSERT INTO passkey_count (passkey, count) VALUES (?, ?)
                    ON CONFLICT (passkey) DO UPDATE SET count = excluded.count
                    WHERE excluded.count > passkey_count.count OR (excluded.count = 0 AND passkey_count.count = 0)
                    """, arguments: [Data(passkey.bytes), Int64(count)])
            return db.changesCount == 1
        }
    }

    /// How many uploads there are in each state.
    func uploadsByState() throws -> [(state: String, count: Int)] {
        try queue.read { db in
            try Row.fetchAll(db, sql: "SELECT state, count(*) AS n FROM upload GROUP BY state").map {
                (state: $0["state"], count: $0["n"])
            }
        }
    }

    // MARK: - Texts

    /// Keeps the text of a document, sealed to its pupil file, in place of what was there. Durable on return.
    func put(text sealed: [UInt8], of document: DocumentID, in pupilFile: PupilFileID, unreadable: Int) throws {
        try queue.write { db in
            try db.execute(
                sql: "INSERT OR REPLACE INTO text (document, pupil_file, sealed, unreadable) VALUES (?, ?, ?, ?)",
                arguments: [Data(document.bytes), Data(pupilFile.bytes), Data(sealed), unreadable])
        }
    }

    /// The texts of a pupil file's documents, each with the number of pages that could not be read.
    func texts(
        of pupilFile: PupilFileID
    ) throws -> [(document: DocumentID, sealed: [UInt8], unreadable: Int)] {
        try queue.read { db in
            try Row.fetchAll(
                db, sql: "SELECT document, sealed, unreadable FROM text WHERE pupil_file = ?",
                arguments: [Data(pupilFile.bytes)]
            ).compactMap { row in
                try DocumentID(try row.value("document") as Data).map {
                    ($0, [UInt8](try row.value("sealed") as Data), try row.value("unreadable"))
                }
            }
        }
    }

    /// Which documents of a pupil file have a text.
    func documentsWithText(in pupilFile: PupilFileID) throws -> Set<DocumentID> {
        try queue.read { db in
            Set(
                try Data.fetchAll(
                    db, sql: "SELECT document FROM text WHERE pupil_file = ?", arguments: [Data(pupilFile.bytes)]
                ).compactMap { DocumentID($0) })
        }
    }

    /// Deletes the text of a document. Durable on return.
    func removeText(of document: DocumentID) throws {
        try queue.write { db in
            try db.execute(sql: "DELETE FROM text WHERE document = ?", arguments: [Data(document.bytes)])
        }
    }

    // MARK: - What opens permissions

    /// Keeps what link and access code open a permission's identity with: here alone, so that it can be deleted. Durable on return.
    func put(permissionKey keybox: [UInt8], of permission: PermissionID, at now: Timestamp) throws {
        try queue.write { db in
            try db.execute(
                sql: "INSERT INTO permission_key (permission, keybox, made) VALUES (?, ?, ?)",
                arguments: [Data(permission.bytes), Data(keybox), now.milliseconds])
        }
    }

    /// Takes one of the tries that are left, and gives the keybox; nil where none is left, or the key is gone. Durable on return.
    func tryPermissionKey(of permission: PermissionID, most: Int) throws -> (keybox: [UInt8], tries: Int)? {
        try queue.write { db in
            try db.execute(
                sql: "UPDATE permission_key SET tries = tries + 1 WHERE permission = ? AND tries < ?",
                arguments: [Data(permission.bytes), most])
            guard db.changesCount == 1 else { return nil }
            return try Row.fetchOne(
                db, sql: "SELECT keybox, tries FROM permission_key WHERE permission = ?",
                arguments: [Data(permission.bytes)]
            ).map { (keybox: [UInt8](try $0.value("keybox") as Data), tries: try $0.value("tries")) }
        }
    }

    /// Gives a try back that was right. Durable on return.
    func giveBackTry(of permission: PermissionID) throws {
        try queue.write { db in
            try db.execute(
                sql: "UPDATE permission_key SET tries = tries - 1 WHERE permission = ? AND tries > 0",
                arguments: [Data(permission.bytes)])
        }
    }

    /// The permissions whose keys are here, with when they were kept.
    func permissionKeys() throws -> [(permission: PermissionID, made: Timestamp)] {
        try queue.read { db in
            try Row.fetchAll(db, sql: "SELECT permission, made FROM permission_key").compactMap { row in
                PermissionID(try row.value("permission") as Data).map {
                    ($0, Timestamp(milliseconds: row["made"]))
                }
            }
        }
    }

    /// Deletes what opens a permission: overwritten, and nowhere else. Durable on return.
    func removePermissionKey(of permission: PermissionID) throws {
        try queue.write { db in
            try db.execute(
                sql: "DELETE FROM permission_key WHERE permission = ?", arguments: [Data(permission.bytes)])
        }
    }

    // MARK: - Batches of paper

    /// Keeps a scan of a batch. Durable on return.
    func put(_ upload: Upload, stackedIn batch: BatchID) throws {
        try queue.write { db in
            try db.execute(
                sql: "INSERT OR REPLACE INTO stack (upload, batch) VALUES (?, ?)",
                arguments: [Data(upload.id.bytes), Data(batch.bytes)])
            try Self.put(upload, db)
        }
    }

    /// The scans of a batch.
    func stacks(of batch: BatchID) throws -> [Upload] {
        try queue.read { db in
            try Row.fetchAll(
                db, sql: "SELECT upload.* FROM upload JOIN stack ON stack.upload = upload.id WHERE stack.batch = ?",
                arguments: [Data(batch.bytes)])
        }.compactMap(Self.upload)
    }

    /// The batches of which there is a scan, a desk or a plan.
    func batches() throws -> Set<BatchID> {
        Set(
            try queue.read { db in
                try Data.fetchAll(
                    db, sql: "SELECT batch FROM stack UNION SELECT batch FROM desk UNION SELECT batch FROM presentation"
                )
            }.compactMap { BatchID($0) })
    }

    /// Forgets that scans were of a batch.
    func removeStacks(of batch: BatchID) throws {
        try queue.write { db in
            try db.execute(sql: "DELETE FROM stack WHERE batch = ?", arguments: [Data(batch.bytes)])
        }
    }

    /// Writes the desk of a batch, sealed to its operator. Durable on return.
    func put(desk content: [UInt8], of batch: BatchID, _ owner: PersonID) throws {
        try queue.write { db in
            try db.execute(
                sql: """
                    INSERT INTO desk (batch, owner, content) VALUES (?, ?, ?)
                    ON CONFLICT (batch) DO UPDATE SET content = excluded.content WHERE desk.owner = excluded.owner
                    """, arguments: [Data(batch.bytes), Data(owner.bytes), Data(content)])
        }
    }

    func desk(of batch: BatchID, _ owner: PersonID) throws -> [UInt8]? {
        try queue.read { db in
            try Data.fetchOne(
                db, sql: "SELECT content FROM desk WHERE batch = ? AND owner = ?",
                arguments: [Data(batch.bytes), Data(owner.bytes)])
        }.map { [UInt8]($0) }
    }

    func removeDesk(of batch: BatchID) throws {
        try queue.write { db in
            try db.execute(sql: "DELETE FROM desk WHERE batch = ?", arguments: [Data(batch.bytes)])
        }
    }

    /// Writes what is presented, sealed to the checker, in place of what was. Durable on return.
    func put(presentation plan: [UInt8], of batch: BatchID) throws {
        try queue.write { db in
            try db.execute(
                sql: """
                    INSERT INTO presentation (batch, plan, answer) VALUES (?, ?, NULL)
                    ON CONFLICT (batch) DO UPDATE SET plan = excluded.plan, answer = NULL
                    """, arguments: [Data(batch.bytes), Data(plan)])
        }
    }

    /// Writes the checker's answer, sealed to the operator. Durable on return.
    func put(answer: [UInt8], of batch: BatchID) throws {
        try queue.write { db in
            try db.execute(
                sql: "UPDATE presentation SET answer = ? WHERE batch = ?", arguments: [Data(answer), Data(batch.bytes)])
        }
    }

    func presentation(of batch: BatchID) throws -> (plan: [UInt8], answer: [UInt8]?)? {
        try queue.read { db in
            try Row.fetchOne(
                db, sql: "SELECT plan, answer FROM presentation WHERE batch = ?", arguments: [Data(batch.bytes)])
        }.map { ([UInt8]($0["plan"] as Data), ($0["answer"] as Data?).map { [UInt8]($0) }) }
    }

    func removePresentation(of batch: BatchID) throws {
        try queue.write { db in
            try db.execute(sql: "DELETE FROM presentation WHERE batch = ?", arguments: [Data(batch.bytes)])
        }
    }

    /// An upload's row. What is personal in it is sealed to its owner.
    struct Upload: Sendable {
        let id: UploadID
        let owner: PersonID
        var blob: BlobID
        var state: UploadState
        /// When anything last happened to it; what is not touched for long is given up.
        var touched: Timestamp
        /// Plaintext bytes in all, and how many of them are durable.
        let length: UInt64
        var held: UInt64
        /// A chunk after those may have been sealed: the payload goes on only under a fresh file key.
        var torn: Bool
        var header: [UInt8]
        var facts: [UInt8]
        /// The held bytes that are in no whole chunk, sealed apart.
        var tail: [UInt8]
    }

    /// Writes a row, new or changed. Durable on return.
    func put(_ upload: Upload) throws { try queue.write { db in try Self.put(upload, db) } }

    private static func put(_ upload: Upload, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO upload (id, owner, blob, state, touched, length, held, torn, header, facts, tail)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET
                    blob = excluded.blob, state = excluded.state, touched = excluded.touched,
                    held = excluded.held, torn = excluded.torn, header = excluded.header, facts = excluded.facts,
                    tail = excluded.tail
                """
        ).execute(arguments: [
            Data(upload.id.bytes), Data(upload.owner.bytes), Data(upload.blob.bytes), upload.state.rawValue,
            upload.touched.milliseconds, Int64(upload.length), Int64(upload.held), upload.torn,
            Data(upload.header), Data(upload.facts), Data(upload.tail),
        ])
    }

    /// A person's uploads in some states, oldest first.
    func uploads(of owner: PersonID, in states: Set<UploadState>) throws -> [Upload] {
        try queue.read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM upload WHERE owner = ? ORDER BY rowid", arguments: [Data(owner.bytes)]
            ).compactMap(Self.upload).filter { states.contains($0.state) }
        }
    }

    /// How many uploads of a person are not filed or over, and their bytes.
    func open(of owner: PersonID) throws -> (count: Int, bytes: UInt64) {
        try queue.read { db in
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT count(*) AS n, coalesce(sum(length), 0) AS bytes FROM upload
                    WHERE owner = ? AND state NOT IN ('filed', 'gone')
                    """, arguments: [Data(owner.bytes)])
            return (row?["n"] ?? 0, UInt64((row?["bytes"] as Int64?) ?? 0))
        }
    }

    func upload(_ id: UploadID, of owner: PersonID) throws -> Upload? {
        try queue.read { db in
            try Row.fetchOne(
                db, sql: "SELECT * FROM upload WHERE id = ? AND owner = ?",
                arguments: [Data(id.bytes), Data(owner.bytes)])
        }.flatMap(Self.upload)
    }

    /// Those that nothing happened to since an instant.
    func untouched(since instant: Timestamp) throws -> [Upload] {
        try queue.read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM upload WHERE touched < ? AND state != 'stacked'",
                arguments: [instant.milliseconds])
        }.compactMap(Self.upload)
    }

    /// The payloads that rows point at.
    func blobs() throws -> Set<BlobID> {
        Set(try queue.read { db in try Data.fetchAll(db, sql: "SELECT blob FROM upload") }.compactMap { BlobID($0) })
    }

    /// Ends an upload: its keys and all that was said of it are overwritten; that there was one stays known for a while.
    func end(_ id: UploadID, at now: Timestamp) throws {
        try queue.write { db in
            try db.execute(
                sql: """
                    UPDATE upload SET state = 'gone', touched = ?, header = x'', facts = x'', tail = x'' WHERE id = ?
                    """, arguments: [now.milliseconds, Data(id.bytes)])
        }
    }

    func remove(_ ids: [UploadID]) throws {
        guard !ids.isEmpty else { return }
        try queue.write { db in
            for id in ids { try db.execute(sql: "DELETE FROM upload WHERE id = ?", arguments: [Data(id.bytes)]) }
        }
    }

    /// Notes that somebody is writing, sealed to them.
    struct Draft: Sendable {
        let id: DraftID
        let owner: PersonID
        /// When it was last kept.
        let touched: Timestamp
        let facts: [UInt8]
    }

    /// Writes a draft, new or changed; false where it is somebody else's, or over. Durable on return.
    func put(_ draft: Draft) throws -> Bool {
        try queue.write { db in
            try db.execute(
                sql: """
                    INSERT INTO draft (id, owner, touched, facts) VALUES (?, ?, ?, ?)
                    ON CONFLICT (id) DO UPDATE SET touched = excluded.touched, facts = excluded.facts
                    WHERE draft.owner = excluded.owner AND draft.facts != x''
                    """,
                arguments: [
                    Data(draft.id.bytes), Data(draft.owner.bytes), draft.touched.milliseconds, Data(draft.facts),
                ])
            return db.changesCount == 1
        }
    }

    /// A person's drafts, whichever was kept last first.
    func drafts(of owner: PersonID) throws -> [Draft] {
        try queue.read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM draft WHERE owner = ? AND facts != x'' ORDER BY touched DESC, id",
                arguments: [Data(owner.bytes)])
        }.compactMap { row in
            DraftID(row["id"] as Data).map {
                Draft(
                    id: $0, owner: owner, touched: Timestamp(milliseconds: row["touched"]),
                    facts: [UInt8](row["facts"] as Data))
            }
        }
    }

    /// Ends a draft: what was sealed of it is overwritten; that there was one, and which upload it was filed as, stays known
    /// for a while. Durable on return.
    func end(_ draft: DraftID, of owner: PersonID, filedAs upload: UploadID?, at now: Timestamp) throws {
        try queue.write { db in
            try db.execute(
                sql: "UPDATE draft SET facts = x'', filed = ?, touched = ? WHERE id = ? AND owner = ?",
                arguments: [
                    upload.map { Data($0.bytes) }, now.milliseconds, Data(draft.bytes), Data(owner.bytes),
                ])
        }
    }

    /// Whether a person's draft is over, and the upload that it was filed as.
    func ended(_ draft: DraftID, of owner: PersonID) throws -> (isOver: Bool, upload: UploadID?) {
        try queue.read { db in
            let row = try Row.fetchOne(
                db, sql: "SELECT filed FROM draft WHERE id = ? AND owner = ? AND facts = x''",
                arguments: [Data(draft.bytes), Data(owner.bytes)])
            return (row != nil, (row?["filed"] as Data?).flatMap { UploadID($0) })
        }
    }

    /// Forgets drafts that are over since an instant.
    func removeEndedDrafts(before instant: Timestamp) throws {
        try queue.write { db in
            try db.execute(
                sql: "DELETE FROM draft WHERE facts = x'' AND touched < ?", arguments: [instant.milliseconds])
        }
    }

    private static func upload(_ row: Row) -> Upload? {
        guard let id = UploadID(row["id"] as Data), let owner = PersonID(row["owner"] as Data),
            let blob = BlobID(row["blob"] as Data), let state = UploadState(rawValue: row["state"])
        else { return nil }
        return Upload(
            id: id, owner: owner, blob: blob, state: state, touched: Timestamp(milliseconds: row["touched"]),
            length: UInt64(row["length"] as Int64), held: UInt64(row["held"] as Int64), torn: row["torn"],
            header: [UInt8](row["header"] as Data), facts: [UInt8](row["facts"] as Data),
            tail: [UInt8](row["tail"] as Data))
    }
}

/// How far an upload is.
enum UploadState: String, CaseIterable {
    /// Bytes are still to come.
    case receiving
    /// All is here and can be filed.
    case inspected
    /// The same, as evidence.
    case quarantined
    /// All is here, and could not be inspected yet.
    case waiting
    /// It is a scan of a batch of paper, kept as it came until the batch is sealed.
    case stacked
    /// It is a document; the row keeps what the receipt says.
    case filed
    /// It was discarded, refused or given up.
    case gone

    /// Whether all is here and its uploader has to decide.
    static let held: Set<UploadState> = [.inspected, .quarantined, .waiting]
}
