import Foundation
import GRDB
import Records

/// The catalogue's tables. Rows are only ever added: triggers refuse changes and removals, and `recursive_triggers`
/// makes REPLACE one of them.
enum Schema {
    static let version = 1

    static let tables: [(name: String, columns: String)] = [
        (
            "statement",
            "idx INTEGER PRIMARY KEY NOT NULL CHECK (idx >= 0), leaf BLOB NOT NULL CHECK (length(leaf) > 69)"
        ),
        (
            "node",
            """
            level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 62), idx INTEGER NOT NULL CHECK (idx >= 0), \
            hash BLOB NOT NULL CHECK (length(hash) = 32), PRIMARY KEY (level, idx)
            """
        ),
        ("checkpoint", "size INTEGER PRIMARY KEY NOT NULL CHECK (size > 0), note TEXT NOT NULL"),
        (
            "cosignature",
            """
            witness TEXT NOT NULL, size INTEGER NOT NULL REFERENCES checkpoint (size), \
            time INTEGER NOT NULL CHECK (time >= 0), line TEXT NOT NULL, PRIMARY KEY (witness, size, time)
            """
        ),
        (
            "item",
            """
            id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16), kind TEXT NOT NULL CHECK (kind IN \
            (\(ItemKind.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")))), \
            idx INTEGER NOT NULL REFERENCES statement (idx), bytes BLOB NOT NULL
            """
        ),
        (
            "act",
            """
            idx INTEGER PRIMARY KEY NOT NULL REFERENCES statement (idx), kind TEXT NOT NULL, author BLOB, \
            pupil_file BLOB, recorded INTEGER NOT NULL
            """
        ),
        (
            "person",
            """
            id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16), name_tag BLOB NOT NULL UNIQUE, \
            roles TEXT NOT NULL, row BLOB NOT NULL REFERENCES item (id), \
            idx INTEGER NOT NULL REFERENCES statement (idx)
            """
        ),
        (
            "person_keys",
            """
            identity BLOB PRIMARY KEY NOT NULL REFERENCES item (id), person BLOB NOT NULL REFERENCES person (id), \
            verifying_key BLOB NOT NULL CHECK (length(verifying_key) = 32), \
            idx INTEGER NOT NULL REFERENCES statement (idx)
            """
        ),
        (
            "keybox",
            """
            item BLOB PRIMARY KEY NOT NULL REFERENCES item (id), person BLOB NOT NULL REFERENCES person (id), \
            idx INTEGER NOT NULL REFERENCES statement (idx)
            """
        ),
        (
            "identity",
            """
            id BLOB PRIMARY KEY NOT NULL REFERENCES item (id), kind TEXT NOT NULL, pupil_file BLOB, \
            idx INTEGER NOT NULL REFERENCES statement (idx)
            """
        ),
        (
            "wrap",
            """
            item BLOB PRIMARY KEY NOT NULL REFERENCES item (id), identity BLOB NOT NULL REFERENCES identity (id), \
            holder BLOB NOT NULL REFERENCES identity (id), idx INTEGER NOT NULL REFERENCES statement (idx)
            """
        ),
        (
            "pupil",
            """
            id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16), pupil_file BLOB NOT NULL UNIQUE, \
            reference TEXT NOT NULL UNIQUE, identity BLOB NOT NULL REFERENCES identity (id), \
            row BLOB NOT NULL REFERENCES item (id), idx INTEGER NOT NULL REFERENCES statement (idx)
            """
        ),
        (
            "document",
            """
            id BLOB PRIMARY KEY NOT NULL REFERENCES item (id), pupil_file BLOB NOT NULL REFERENCES pupil (pupil_file), \
            blob BLOB NOT NULL CHECK (length(blob) = 16), upload BLOB NOT NULL CHECK (length(upload) = 16), \
            detail BLOB NOT NULL REFERENCES item (id), detail_key BLOB NOT NULL REFERENCES item (id), quarantine TEXT, \
            batch BLOB REFERENCES batch (id), content_tag BLOB NOT NULL CHECK (length(content_tag) = 32), \
            idx INTEGER NOT NULL UNIQUE REFERENCES statement (idx), UNIQUE (upload, pupil_file)
            """
        ),
        (
            "detail_key",
            """
            item BLOB PRIMARY KEY NOT NULL REFERENCES item (id), \
            pupil_file BLOB NOT NULL REFERENCES pupil (pupil_file), idx INTEGER NOT NULL REFERENCES statement (idx)
            """
        ),
        (
            "station",
            """
            id BLOB PRIMARY KEY NOT NULL REFERENCES person (id), expires INTEGER NOT NULL, \
            intake INTEGER NOT NULL CHECK (intake IN (0, 1)), idx INTEGER NOT NULL REFERENCES statement (idx)
            """
        ),
        (
            "batch",
            """
            id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16), operator BLOB NOT NULL REFERENCES person (id), \
            idx INTEGER NOT NULL REFERENCES statement (idx)
            """
        ),
        (
            "access",
            """
            id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16), person BLOB NOT NULL REFERENCES person (id), \
            pupil_file BLOB NOT NULL REFERENCES pupil (pupil_file), whole INTEGER NOT NULL CHECK (whole IN (0, 1)), \
            expires INTEGER NOT NULL, idx INTEGER NOT NULL REFERENCES statement (idx)
            """
        ),
        (
            "share",
            """
            header BLOB PRIMARY KEY NOT NULL REFERENCES item (id), access BLOB NOT NULL REFERENCES access (id), \
            document BLOB NOT NULL REFERENCES document (id), row_key BLOB NOT NULL REFERENCES item (id), \
            idx INTEGER NOT NULL REFERENCES statement (idx), UNIQUE (access, document)
            """
        ),
        (
            "entry",
            """
            id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16), \
            pupil_file BLOB NOT NULL REFERENCES pupil (pupil_file), detail BLOB NOT NULL REFERENCES item (id), \
            detail_key BLOB NOT NULL REFERENCES item (id), corrects BLOB CHECK (length(corrects) = 16), \
            follow_up BLOB UNIQUE CHECK (length(follow_up) = 16), \
            completes BLOB REFERENCES follow_up (id), idx INTEGER NOT NULL UNIQUE REFERENCES statement (idx)
            """
        ),
        (
            "follow_up",
            """
            id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16), \
            pupil_file BLOB NOT NULL REFERENCES pupil (pupil_file), idx INTEGER NOT NULL REFERENCES statement (idx)
            """
        ),
        (
            "triage",
            """
            id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16), \
            pupil_file BLOB NOT NULL REFERENCES pupil (pupil_file), detail BLOB NOT NULL REFERENCES item (id), \
            detail_key BLOB NOT NULL REFERENCES item (id), idx INTEGER NOT NULL UNIQUE REFERENCES statement (idx)
            """
        ),
        (
            "triaged",
            """
            record BLOB PRIMARY KEY NOT NULL CHECK (length(record) = 16), triage BLOB NOT NULL REFERENCES triage (id), \
            idx INTEGER NOT NULL REFERENCES statement (idx)
            """
        ),
        (
            "entry_share",
            """
            row_key BLOB PRIMARY KEY NOT NULL REFERENCES item (id), access BLOB NOT NULL REFERENCES access (id), \
            entry BLOB NOT NULL REFERENCES entry (id), idx INTEGER NOT NULL REFERENCES statement (idx), \
            UNIQUE (access, entry)
            """
        ),
        (
            "intake",
            """
            upload BLOB PRIMARY KEY NOT NULL CHECK (length(upload) = 16), \
            blob BLOB NOT NULL CHECK (length(blob) = 16), header BLOB NOT NULL REFERENCES item (id), \
            detail BLOB NOT NULL REFERENCES item (id), key BLOB NOT NULL REFERENCES item (id), quarantine TEXT, \
            idx INTEGER NOT NULL UNIQUE REFERENCES statement (idx)
            """
        ),
        (
            "intake_taken",
            """
            upload BLOB PRIMARY KEY NOT NULL REFERENCES intake (upload), batch BLOB NOT NULL REFERENCES batch (id), \
            idx INTEGER NOT NULL UNIQUE REFERENCES statement (idx)
            """
        ),
        (
            "restricted",
            """
            id BLOB PRIMARY KEY NOT NULL REFERENCES item (id), upload BLOB UNIQUE CHECK (length(upload) = 16), \
            blob BLOB CHECK (length(blob) = 16), detail BLOB NOT NULL REFERENCES item (id), \
            idx INTEGER NOT NULL UNIQUE REFERENCES statement (idx)
            """
        ),
        (
            "moved",
            """
            document BLOB PRIMARY KEY NOT NULL REFERENCES document (id), \
            record BLOB NOT NULL UNIQUE REFERENCES restricted (id), \
            idx INTEGER NOT NULL UNIQUE REFERENCES statement (idx)
            """
        ),
    ]

    static func create(_ db: Database) throws {
        for table in tables {
            let suffix = table.name == "node" ? "STRICT, WITHOUT ROWID" : "STRICT"
            try db.execute(sql: "CREATE TABLE \(table.name) (\(table.columns)) \(suffix)")
            for change in ["UPDATE", "DELETE"] {
                try db.execute(
                    sql: """
                        CREATE TRIGGER \(table.name)_\(change.lowercased()) BEFORE \(change) ON \(table.name)
                        BEGIN SELECT RAISE(ABORT, 'append-only'); END
                        """)
            }
        }
        try db.execute(sql: "CREATE INDEX act_pupil_file ON act (pupil_file, idx) WHERE pupil_file IS NOT NULL")
        // Long enough that a chronology is ordered without reading the documents' rows.
        try db.execute(
            sql:
                "CREATE INDEX document_pupil_file ON document (pupil_file, idx, detail_key, detail, id, batch, quarantine)"
        )
        try db.execute(sql: "CREATE INDEX entry_pupil_file ON entry (pupil_file, idx, detail_key, detail, id)")
        try db.execute(sql: "CREATE INDEX entry_corrects ON entry (corrects) WHERE corrects IS NOT NULL")
        try db.execute(sql: "CREATE INDEX entry_completes ON entry (completes) WHERE completes IS NOT NULL")
        try db.execute(sql: "CREATE INDEX document_content_tag ON document (content_tag, idx)")
        try db.execute(sql: "CREATE INDEX document_batch ON document (batch, idx) WHERE batch IS NOT NULL")
        try db.execute(sql: "PRAGMA user_version = \(version)")
    }
}

extension Vault {
    /// A pragma of the connection that writes, as it is now.
    package func liveSetting(_ pragma: String) throws -> String? {
        try pool.writeWithoutTransaction { db in
            try DatabaseValue.fetchOne(db, sql: "PRAGMA \(pragma)").map { value in
                if case .string(let text) = value.storage { text } else { "\(value)" }
            }
        }
    }
}

/// Opens the catalogue with the settings that its guarantees rest on, and checks each on the live connection.
enum Catalogue {
    static func open(_ path: String) throws -> DatabasePool {
        let pool = try DatabasePool(path: path, configuration: configuration)
        // GRDB sets synchronous=NORMAL after prepareDatabase in WAL mode.
        try pool.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = FULL")
            try check(db, "synchronous", 2)
            try check(db, "foreign_keys", 1)
            try check(db, "recursive_triggers", 1)
            let mode = try String.fetchOne(db, sql: "PRAGMA journal_mode")
            guard mode == "wal" else { throw DatabaseError(message: "journal_mode is not wal") }
        }
        return pool
    }

    /// Opens the catalogue for looking at it: a closed one as it lies there, without writing a byte beside it; one that
    /// somebody uses, or that a crash left, with its journal.
    static func openToVerify(_ path: String) throws -> any DatabaseReader {
        guard !Files.exists(path + "-wal") else { return try DatabasePool(path: path, configuration: configuration) }
        var configuration = configuration
        configuration.readonly = true
        let escaped = path.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed) ?? path
        return try DatabaseQueue(path: "file:\(escaped)?immutable=1", configuration: configuration)
    }

    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.foreignKeysEnabled = true
        configuration.maximumReaderCount = 8
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA recursive_triggers = ON")
            try db.execute(sql: "PRAGMA trusted_schema = OFF")
            try db.execute(sql: "PRAGMA cell_size_check = ON")
            try db.execute(sql: "PRAGMA cache_size = -32768")
        }
        return configuration
    }

    /// A setting that did not take is an error: every guarantee of durability rests on it.
    private static func check(_ db: Database, _ pragma: String, _ wanted: Int) throws {
        guard try Int.fetchOne(db, sql: "PRAGMA \(pragma)") == wanted else {
            throw DatabaseError(message: "\(pragma) did not take")
        }
    }
}
