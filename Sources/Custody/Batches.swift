import Foundation
import GRDB
public import Records

// A batch is work that belongs together: what one person files between opening it and closing it, by page, by command or
// through a scan station. Each person has at most one open.

/// A batch as its operator sees it.
public struct Batch: Hashable, Sendable {
    /// Which.
    public let id: BatchID
    /// What people call it: 14.
    public let number: Int
    /// When it was opened.
    public let opened: Timestamp
    /// When it was closed; nil while it is open.
    public let closed: Timestamp?
    /// How many documents were filed in it.
    public let documents: Int
}

extension Vault {
    /// The batch that the person has open; opens one where there is none. Durable on return. Where it is one of paper, what is
    /// filed by itself goes into no batch.
    @discardableResult
    public func openBatch(as acting: Acting) throws(VaultError) -> Batch {
        try rethrowing("batch") {
            _ = try decide(.keepBatch, acting)
            return try filingTurns.run(for: acting.person) {
                if recorder.authority.openBatches[acting.person] == nil {
                    try say(.batchOpened(.random()), .person(acting))
                }
                guard let id = recorder.authority.openBatches[acting.person] else { throw VaultError.notFound }
                return try batch(id)
            }
        }
    }

    /// Closes a batch of the person's own; one of paper is given up, and what was scanned for it is destroyed. Durable on return.
    ///
    /// - Throws: `.notFound` for one that is not theirs or closed already.
    public func closeBatch(_ id: BatchID, as acting: Acting) throws(VaultError) {
        try rethrowing("batch") {
            _ = try decide(.keepBatch, acting)
            try filingTurns.run(for: acting.person) {
                guard recorder.authority.openBatches[acting.person] == id else { throw VaultError.notFound }
                guard recorder.authority.batches[id]?.paper?.presented == nil else { throw Refusal.batchIsChecked }
                try say(.batchClosed(id), .person(acting))
            }
            try destroyScans(of: id)
        }
    }

    /// The batch that the person has open, if they have one.
    public func currentBatch(as acting: Acting) throws(VaultError) -> Batch? {
        try rethrowing("batch") {
            _ = try decide(.keepBatch, acting)
            return try recorder.authority.openBatches[acting.person].map { try batch($0) }
        }
    }

    /// The person's own batches, newest first.
    public func batches(as acting: Acting) throws(VaultError) -> [Batch] {
        try rethrowing("batches") {
            _ = try decide(.keepBatch, acting)
            let authority = try recorder.read(pool) { _, head in head.authority }
            return try authority.batches.values.filter { $0.operator == acting.person }
                .sorted { $0.number > $1.number }.map { try batch($0.id) }
        }
    }

    /// What was filed in a batch of the person's own, in order.
    public func documents(in id: BatchID, as acting: Acting) throws(VaultError) -> (batch: Batch, lines: [FiledLine]) {
        try rethrowing("batch") {
            _ = try decide(.keepBatch, acting)
            guard recorder.authority.batches[id]?.operator == acting.person else { throw VaultError.notFound }
            let lines = try recorder.read(pool) { db, _ in
                try filedLines(
                    UInt64.fetchIndices(
                        db, sql: "SELECT idx FROM document WHERE batch = ? ORDER BY idx", arguments: [Data(id.bytes)]),
                    db)
            }
            return (try batch(id), lines)
        }
    }

    func batch(_ id: BatchID) throws -> Batch {
        try recorder.read(pool) { db, head in try batch(id, head.authority, db) }
    }

    func batch(_ id: BatchID, _ authority: Authority, _ db: Database) throws -> Batch {
        guard let state = authority.batches[id] else { throw VaultError.notFound }
        let count = try Int.fetchOne(
            db,
            sql: "SELECT count(*) FROM document WHERE batch = ? AND id NOT IN (SELECT document FROM moved)",
            arguments: [Data(id.bytes)])
        return Batch(id: id, number: state.number, opened: state.opened, closed: state.closed, documents: count ?? 0)
    }
}
