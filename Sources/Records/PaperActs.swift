import Ledger
public import Sealing

// The end of paper (S-08): a batch's paper may be destroyed only when nothing depends on it any more. Its pages were checked by
// a second person and are filed; somebody other than who filed them opened every document through the pupil file's key, and its
// bytes agreed with the record; a backup that holds them was verified; and a drill showed within a year that the recovery key
// opens it. All of it is in the ledger, so that replay holds it.

/// A backup was verified: every statement, signature, commitment, projection and payload in it.
public struct BackupAct: Hashable, Sendable {
    /// Which backup.
    public let backup: BackupID
    /// How many statements it holds.
    public let size: UInt64
    /// The ledger's RFC 6962 root at that size.
    public let root: Digest

    /// A verification of all these parts.
    public init(backup: BackupID, size: UInt64, root: Digest) {
        self.backup = backup
        self.size = size
        self.root = root
    }

    var encoded: [String: CanonicalValue] {
        ["backup": .string(backup.text), "size": .integer(Int64(size)), "root": .string(root.base64)]
    }

    init(reading reader: inout StatementReader) throws(StatementError) {
        self.init(backup: try reader.id("backup"), size: try reader.size("size"), root: try reader.digest("root"))
    }
}

/// A backup as it was verified last.
public struct BackupState: Hashable, Sendable {
    /// What was verified.
    public let act: BackupAct
    /// When.
    public let verified: Timestamp

    /// A backup that was verified.
    public init(act: BackupAct, verified: Timestamp) {
        self.act = act
        self.verified = verified
    }
}

/// The paper of a batch was destroyed.
public struct DestructionAct: Hashable, Sendable {
    /// The batch.
    public let batch: BatchID
    /// The sealed certificate.
    public let certificate: ItemID
    /// The verified backup that holds what was scanned.
    public let backup: BackupID

    /// A destruction of all these parts.
    public init(batch: BatchID, certificate: ItemID, backup: BackupID) {
        self.batch = batch
        self.certificate = certificate
        self.backup = backup
    }

    var encoded: [String: CanonicalValue] {
        [
            "batch": .string(batch.text), "certificate": .string(certificate.text), "backup": .string(backup.text),
        ]
    }

    init(reading reader: inout StatementReader) throws(StatementError) {
        self.init(
            batch: try reader.id("batch"), certificate: try reader.id("certificate"), backup: try reader.id("backup"))
    }
}

/// The paper of a batch as it was destroyed.
public struct DestructionState: Hashable, Sendable {
    /// What was said.
    public let act: DestructionAct
    /// When.
    public let time: Timestamp
    /// By whom.
    public let author: PersonID
    /// The place of the statement in the ledger.
    public let index: UInt64
}

extension Authority {
    /// The newest verified backup that holds what a sealed batch filed; nil where there is none.
    public func backup(holding batch: PaperBatch) -> BackupState? {
        guard let sealed = batch.sealedAt else { return nil }
        return backups.values.filter { $0.act.size > sealed }.max {
            ($0.act.size, $0.verified) < ($1.act.size, $1.verified)
        }
    }

    mutating func takeBackup(_ act: BackupAct, _ statement: Statement) throws(StatementError) {
        guard act.size > 0, act.size <= statement.index else {
            throw .unlawful("a backup of what was not yet recorded")
        }
        backups[act.backup] = BackupState(act: act, verified: statement.time)
    }

    mutating func destroyPaper(_ act: DestructionAct, _ statement: Statement) throws(StatementError) {
        guard case .person(let author) = statement.author, let batch = batches[act.batch], let paper = batch.paper,
            let sealed = paper.sealedAt, paper.destroyed == nil
        else { throw .unlawful("paper destroyed of no sealed batch, or twice") }
        guard batch.operator != author else { throw .unlawful("paper destroyed by who scanned it") }
        guard statement.items.map(\.id) == [act.certificate], items[act.certificate]?.kind == .certificate else {
            throw .unlawful("paper destroyed without a certificate")
        }
        guard let backup = backups[act.backup], backup.act.size > sealed else {
            throw .unlawful("paper destroyed without a verified backup that holds it")
        }
        guard recoveryInForce?.isProven(at: statement.time) == true else {
            throw .unlawful("paper destroyed without a recovery drill within a year")
        }
        try changePaper(act.batch) {
            $0.destroyed = DestructionState(
                act: act, time: statement.time, author: author, index: statement.index)
        }
    }
}

/// Which documents of a batch somebody other than its filer compared with the record, followed from the first statement on.
/// `verify` follows it all; who destroys paper looks it up in the catalogue.
public struct PaperProofs: Sendable {
    private var filers: [DocumentID: (batch: BatchID, filer: Author)] = [:]
    /// Of each batch the documents that nobody compared yet.
    private var unproven: [BatchID: Set<DocumentID>] = [:]
    private var comparing: [ReadingID: (document: DocumentID, author: Author)] = [:]

    /// Nothing yet.
    public init() {}

    /// Takes the next statement.
    ///
    /// - Throws: `.unlawful` where paper is destroyed of which nobody compared every document.
    public mutating func take(_ statement: Statement) throws(StatementError) {
        switch statement.act {
        case .documentFiled(let act):
            guard let batch = act.batch else { return }
            filers[act.document] = (batch, statement.author)
            unproven[batch, default: []].insert(act.document)
        case .documentOpened(let document, let reading, .comparison):
            comparing[reading] = (document, statement.author)
        case .documentClosed(let document, let reading, _, _, let complete):
            guard let begun = comparing.removeValue(forKey: reading), complete, begun.document == document else {
                return
            }
            prove(document, by: begun.author)
        // Who moves a document opens it first, and what is filed apart is the same content under another key.
        case .documentMoved(let document, _): prove(document, by: statement.author)
        case .paperDestroyed(let act):
            guard let left = unproven[act.batch], left.isEmpty else {
                throw .unlawful("paper destroyed of documents that nobody compared, or of none")
            }
        default: break
        }
    }

    private mutating func prove(_ document: DocumentID, by author: Author) {
        guard let (batch, filer) = filers[document], filer != author else { return }
        unproven[batch]?.remove(document)
    }
}
