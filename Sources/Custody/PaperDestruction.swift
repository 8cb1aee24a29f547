import Foundation
import GRDB
public import Records
import Sealing

// The end of paper (S-08). A lead or a deputy who did not scan it has every document of the batch compared with its record,
// through the pupil files' keys; then, with a verified backup and a recovery drill behind them, they record that the paper was
// destroyed. The certificate names each document's SHA-256 and each scan's; it is sealed with the safeguarding team's key.

/// A document of a batch of paper, as the certificate names it.
public struct CertifiedDocument: Codable, Hashable, Sendable {
    /// The document's id.
    public let document: String
    /// The pupil's reference.
    public let pupil: String
    /// SHA-256 of the document, hex.
    public let sha256: String
    /// How many pages it has.
    public let pages: Int
    /// SHA-256 of the scan that it was taken from, hex.
    public let scan: String
    /// Its pages there, such as `2-4,7`.
    public let scanPages: String
    /// Who compared it with its record, by name.
    public let comparedBy: String
    /// When, milliseconds since 1970.
    public let compared: Int64

    enum CodingKeys: String, CodingKey {
        case document, pupil, sha256, pages, scan
        case scanPages = "scan_pages"
        case comparedBy = "compared_by"
        case compared
    }
}

/// What is certified of destroyed paper.
public struct PaperCertificate: Hashable, Sendable {
    /// The certificate's place in the record.
    public let certificate: ItemID
    /// Which batch, as people call it.
    public let batch: Int
    /// Where the paper was kept.
    public let paper: String
    /// Who scanned it, by name.
    public let `operator`: String
    /// Who checked it, by name.
    public let checker: String
    /// How many of its pages they looked at.
    public let looked: UInt64
    /// How many were scanned.
    public let pages: UInt64
    /// When the batch was sealed.
    public let sealed: Timestamp
    /// Its documents.
    public let documents: [CertifiedDocument]
    /// The verified backup that holds them.
    public let backup: BackupState
    /// When a drill last showed that the recovery key opens.
    public let drilled: Timestamp
    /// How it was destroyed, in words.
    public let how: String
    /// By whom.
    public let by: String
    /// On which day: `2026-11-28`.
    public let day: String
    /// Who recorded it, by the name they had then.
    public let madeBy: String
    /// When.
    public let recorded: Timestamp
    /// The place of its statement in the ledger.
    public let index: UInt64
    /// The signed note (C2SP) of the ledger that ends with that statement.
    public let checkpoint: String
}

/// What is said of a destruction.
public struct DestructionWords: Hashable, Sendable {
    /// How it was done.
    public var how: String
    /// By whom.
    public var by: String
    /// On which day, as it is typed.
    public var day: String

    /// Words of a destruction.
    public init(how: String = "", by: String = "", day: String = "") {
        self.how = how
        self.by = by
        self.day = day
    }
}

/// How far a batch is from the end of its paper.
public struct PaperEnd: Sendable {
    /// A document of it.
    public struct Document: Hashable, Sendable {
        /// Which.
        public let id: DocumentID
        /// The pupil's reference.
        public let pupil: String
        /// Who compared it with its record, by name; nil while nobody did.
        public let comparedBy: String?
        /// When.
        public let compared: Timestamp?
    }
    /// The batch.
    public let line: PaperBatchLine
    /// Its documents that stand in a pupil file; none that was moved and is kept apart.
    public let documents: [Document]
    /// The newest verified backup that holds them.
    public let backup: BackupState?
    /// When the recovery key was last tried; nil where that was never, or too long ago.
    public let drilled: Timestamp?
    /// Whether who asks scanned it themselves.
    public let isOwn: Bool
    /// How far comparing is, where it is under way.
    public let progress: StackProgress?

    /// Whether nothing stands in the way of destroying the paper.
    public var isReady: Bool {
        line.stage == .sealed && line.destroyed == nil && !isOwn && backup != nil && drilled != nil
            && documents.allSatisfy { $0.compared != nil }
    }
}

extension Refusal {
    static let paperNotReady = Refusal(
        code: "paper.not-ready", message: "The paper may not be destroyed yet.",
        hint: "Keep it locked away. The page says what is still missing.")
    static let paperOwn = Refusal(
        code: "paper.own", message: "You scanned this batch yourself.",
        hint: "Another lead or deputy compares its documents and records the destruction.")
    static func destruction(_ field: String, _ message: String, _ hint: String) -> Refusal {
        Refusal(code: "destruction." + field, message: message, hint: hint)
    }
}

extension Vault {
    /// How far a batch of paper is from its end, for who reads every file.
    public func paperEnd(of id: BatchID, as acting: Acting) throws(VaultError) -> PaperEnd {
        try rethrowing("paper-end") {
            try requireReading(acting)
            let line = try paperBatch(id, as: acting)
            return try recorder.read(pool) { db, head in
                guard let batch = head.authority.batches[id], let paper = batch.paper else { throw VaultError.notFound }
                let documents = try documents(of: id, head, db)
                return PaperEnd(
                    line: line, documents: documents, backup: head.authority.backup(holding: paper),
                    drilled: head.authority.recoveryInForce.flatMap { $0.isProven(at: clock.now()) ? $0.drilled : nil },
                    isOwn: batch.operator == acting.person,
                    progress: reading.progress(of: id.shared(as: Kind.Upload.self)))
            }
        }
    }

    /// Has every document of a sealed batch opened whole and compared with its record, on a thread of its own, with the keys of
    /// who asks; those that were compared before are left out. Each comparison is recorded as a reading.
    ///
    /// - Throws: a refusal `paper.own` for who scanned it.
    public func compareDocuments(of id: BatchID, as acting: Acting) throws(VaultError) {
        let left = try rethrowing("compare") {
            let end = try paperEnd(of: id, as: acting)
            guard end.line.stage == .sealed, end.line.destroyed == nil else { throw Refusal.paperNotReady }
            guard !end.isOwn else { throw Refusal.paperOwn }
            return end.documents.filter { $0.compared == nil }.map(\.id)
        }
        reading.begin(id.shared(as: Kind.Upload.self), pages: left.count) { [self] note in
            do throws(VaultError) {
                for (done, document) in left.enumerated() {
                    note(done)
                    try compare(document, acting)
                }
                return nil
            } catch { return error.refusal }
        }
    }

    private func compare(_ document: DocumentID, _ acting: Acting) throws(VaultError) {
        let reading = try openDocument(document, manner: .comparison, as: acting)
        try reading.read { _ in }
        reading.close(complete: true)
    }

    /// Records that the paper of a batch was destroyed, and gives the certificate. Durable on return; it cannot be undone.
    ///
    /// - Throws: refusals `paper.own`, `paper.not-ready`, `destruction.…`; `code.needed` without a code of the last five minutes.
    @discardableResult
    public func destroyPaper(
        of id: BatchID, _ words: DestructionWords, as acting: Acting
    ) throws(VaultError) -> PaperCertificate {
        try rethrowing("destroy") {
            let end = try paperEnd(of: id, as: acting)
            guard !end.isOwn else { throw Refusal.paperOwn }
            guard end.isReady, let backup = end.backup, let drilled = end.drilled,
                let sealed = recorder.authority.batches[id]?.paper?.sealed
            else { throw Refusal.paperNotReady }
            let words = try checked(words, sealed: sealed)
            try requireCode(acting)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            let documents = try certified(end.documents, acting)
            let detail = Detail(
                values: [
                    "batch": String(end.line.batch.number), "paper": end.line.facts.place,
                    "operator": end.line.operator, "checker": end.line.checker ?? "",
                    "looked": String(end.line.looked), "pages": String(end.line.pages ?? 0),
                    "sealed": String(sealed.milliseconds),
                    "documents": String(decoding: try encoder.encode(documents), as: UTF8.self),
                    "backup": backup.act.backup.text, "drilled": String(drilled.milliseconds), "how": words.how,
                    "by": words.by, "day": words.day, "made_by": acting.name,
                ], keepsEmpty: true)
            let row = ItemID.random()
            let item = try pool.read { db in
                SealedItem(
                    row, .certificate,
                    try SealedRow.seal(
                        detail.encoded, key: teamKey(as: acting, db), row: row.bytes,
                        associatedData: rowContext("certificate", id.bytes)))
            }
            try recorder.record(
                [
                    Draft(
                        signer: .person(acting), items: [item],
                        act: .paperDestroyed(
                            DestructionAct(batch: id, certificate: row, backup: backup.act.backup)))
                ], in: pool)
            return try certificate(of: id, acting)
        }
    }

    /// The certificate of a batch whose paper was destroyed, for who reads every file.
    public func certificate(of id: BatchID, as acting: Acting) throws(VaultError) -> PaperCertificate {
        try rethrowing("certificate") {
            try requireReading(acting)
            return try certificate(of: id, acting)
        }
    }

    private func checked(_ words: DestructionWords, sealed: Timestamp) throws -> DestructionWords {
        var words = words
        for (part, name, message, hint) in [
            (
                \DestructionWords.how, "how", "It is not said how the paper was destroyed.",
                "Such as: cross-cut shredder in the office, P-4."
            ), (\.by, "by", "It is not said who destroyed it.", "Give the name, or the company and who was with them."),
        ] {
            words[keyPath: part] = words[keyPath: part].split(whereSeparator: \.isWhitespace).joined(separator: " ")
            guard !words[keyPath: part].isEmpty else { throw Refusal.destruction(name, message, hint) }
            guard words[keyPath: part].count <= 200,
                !words[keyPath: part].unicodeScalars.contains(where: { $0.value < 32 })
            else { throw Refusal.destruction(name, "That is longer than 200 characters.", "Say it in fewer words.") }
        }
        let school = SchoolTime(policies.school.timezone)
        guard let date = try? DocumentDate(typed: words.day), date.text.utf8.count == 10,
            (school.day(of: sealed)...school.day(of: clock.now())).contains(date.text)
        else {
            throw Refusal.destruction(
                "day", "That is no day on which it can have been destroyed.",
                "Write one day from the one on which the batch was sealed until today, such as 28 November 2026.")
        }
        words.day = date.text
        return words
    }

    /// The documents of a batch that stand in a pupil file, with who compared them.
    private func documents(
        of id: BatchID, _ head: Recorder.Head, _ db: Database
    ) throws -> [PaperEnd.Document] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT id, pupil_file FROM document WHERE batch = ? AND id NOT IN (SELECT document FROM moved) ORDER BY idx
                """, arguments: [Data(id.bytes)])
        return try rows.map { row in
            guard let document = DocumentID(try row.value("id") as Data),
                let file = PupilFileID(try row.value("pupil_file") as Data), let pupil = head.authority.pupils[file]
            else { throw VaultError.tampered(code: "document.other-statement") }
            let (author, time) = try comparison(of: document, in: file, head, db) ?? (nil, nil)
            return PaperEnd.Document(
                id: document, pupil: pupil.reference,
                comparedBy: try author.flatMap { head.authority.people[$0] }.map { try name(of: $0, db) },
                compared: time)
        }
    }

    /// Who other than its filer compared a document with its record, first of all; nil while nobody did.
    private func comparison(
        of document: DocumentID, in file: PupilFileID, _ head: Recorder.Head, _ db: Database
    ) throws -> (PersonID?, Timestamp?)? {
        var filer: Author?
        var begun: [ReadingID: Author] = [:]
        for index in recorder.acts(about: file, below: head.size).indices(of: document) {
            let statement = try recorder.statement(index, db).statement
            switch statement.act {
            case .documentFiled: filer = statement.author
            case .documentOpened(_, let reading, .comparison): begun[reading] = statement.author
            case .documentClosed(_, let reading, _, _, complete: true):
                guard case .person(let author) = begun[reading], .person(author) != filer else { continue }
                return (author, statement.time)
            default: break
            }
        }
        return nil
    }

    private func certified(_ documents: [PaperEnd.Document], _ acting: Acting) throws -> [CertifiedDocument] {
        try pool.read { db in
            try documents.map { document in
                let (statement, act) = try filing(at: document.id, db)
                guard let file = statement.pupilFile else { throw VaultError.notFound }
                let facts = try facts(statement, act, as: acting, file: openFile(file, acting, db), db)
                return CertifiedDocument(
                    document: document.id.text, pupil: document.pupil, sha256: facts.sha256, pages: facts.pages ?? 1,
                    scan: facts.origin?.stack ?? "", scanPages: facts.origin?.pages ?? "",
                    comparedBy: document.comparedBy ?? "", compared: document.compared?.milliseconds ?? 0)
            }
        }
    }

    private func certificate(of id: BatchID, _ acting: Acting) throws -> PaperCertificate {
        try recorder.read(pool) { db, head in
            guard let destroyed = head.authority.batches[id]?.paper?.destroyed else { throw VaultError.notFound }
            let (row, statement) = (destroyed.act.certificate, try recorder.statement(destroyed.index, db).statement)
            let detail = try Detail(
                parsing: SealedRow.open(
                    try item(row, db), key: teamKey(as: acting, db), row: row.bytes,
                    associatedData: rowContext("certificate", id.bytes)))
            func number(_ field: String) -> Int64 { detail[field].flatMap { Int64($0) } ?? 0 }
            guard case .paperDestroyed(let act) = statement.act, act == destroyed.act,
                let backup = try backup(act.backup, before: destroyed.index, db)
            else { throw VaultError.tampered(code: "certificate.other-statement") }
            return PaperCertificate(
                certificate: row, batch: Int(number("batch")), paper: detail["paper"] ?? "",
                operator: detail["operator"] ?? "", checker: detail["checker"] ?? "",
                looked: UInt64(clamping: number("looked")), pages: UInt64(clamping: number("pages")),
                sealed: Timestamp(milliseconds: number("sealed")),
                documents: try JSONDecoder().decode(
                    [CertifiedDocument].self, from: Data((detail["documents"] ?? "").utf8)),
                backup: backup, drilled: Timestamp(milliseconds: number("drilled")), how: detail["how"] ?? "",
                by: detail["by"] ?? "", day: detail["day"] ?? "", madeBy: detail["made_by"] ?? "",
                recorded: destroyed.time, index: destroyed.index,
                checkpoint: try String.fetchOne(
                    db, sql: "SELECT note FROM checkpoint WHERE size = ?", arguments: [Int64(destroyed.index) + 1])
                    ?? "")
        }
    }

    /// A backup as it was verified last before a statement.
    private func backup(_ id: BackupID, before index: UInt64, _ db: Database) throws -> BackupState? {
        let indices = try UInt64.fetchIndices(
            db, sql: "SELECT idx FROM act WHERE kind = ? AND idx < ? ORDER BY idx DESC",
            arguments: [Act.Kind.backupVerified.rawValue, Int64(index)])
        for index in indices {
            let statement = try recorder.statement(index, db).statement
            if case .backupVerified(let act) = statement.act, act.backup == id {
                return BackupState(act: act, verified: statement.time)
            }
        }
        return nil
    }

    /// The key of rows that the safeguarding team alone opens.
    func teamKey(as acting: Acting, _ db: Database) throws -> DetailKey {
        guard let team = recorder.authority.founding?.team else { throw VaultError.notFound }
        let identity = try open(team, as: acting, db)
        return try KeyedHash.derive(DetailKey(identity.seedCopy()), label: "strongroom/v1/team")
    }
}
