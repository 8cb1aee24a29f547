import GRDB
public import Records
import Sealing

// What is kept as evidence, and what the lead decides of it.

extension Refusal {
    /// Somebody else than the lead decides.
    static let quarantineNotLead = Refusal(
        code: "quarantine.not-lead", message: "Only the safeguarding lead decides about what is in quarantine.",
        hint: "Ask the safeguarding lead.")
    /// The document is none of those.
    static let quarantineNone = Refusal(
        code: "quarantine.none", message: "This document was not filed as evidence.",
        hint: "Its pages are shown already.")
    /// No reason, or too long a one.
    static let quarantineReason = Refusal(
        code: "quarantine.reason", message: "A decision about quarantine needs a reason.",
        hint: "Say in a few words why: 1 to 500 characters. It stands in the pupil's chronology.")
}

/// What was decided last about a document in quarantine.
public struct QuarantineDecision: Hashable, Sendable {
    /// Whether its pages may be shown.
    public let released: Bool
    /// By whom, by name.
    public let by: String
    /// When.
    public let recorded: Timestamp
    /// Why.
    public let reason: String
}

extension Vault {
    /// Whether somebody is a safeguarding lead, who alone decides about what is in quarantine.
    public func isLead(_ acting: Acting) -> Bool {
        recorder.authority.people[acting.person]?.roles.contains(.dsl) == true
    }

    /// What was decided about a document that was filed as evidence, for who reads its pupil file; nil where nothing was yet.
    public func quarantineDecision(of id: DocumentID, as acting: Acting) throws(VaultError) -> QuarantineDecision? {
        try rethrowing("quarantine") {
            let (filed, act) = try filing(of: id, acting)
            guard let pupilFile = filed.pupilFile, act.quarantine != nil, readsByRole(acting) else { return nil }
            try recordChronologyRead(pupilFile, acting)
            return try recorder.read(pool) { db, head in
                guard let state = head.authority.quarantineDecisions[id] else { return nil }
                let statement = try recorder.statement(state.index, db).statement
                guard case .quarantineDecided(let act) = statement.act, let person = head.authority.people[state.person]
                else { throw VaultError.tampered(code: "quarantine.other-statement") }
                return QuarantineDecision(
                    released: act.released, by: try name(of: person, db), recorded: statement.time,
                    reason: try reason(of: act, statement, acting, openFile(pupilFile, acting, db), db))
            }
        }
    }

    /// Why something was decided, as the statement commits to it.
    func reason(
        of act: QuarantineAct, _ statement: Statement, _ acting: Acting, _ file: borrowing HybridIdentity,
        _ db: Database
    ) throws -> String {
        guard let pupilFile = statement.pupilFile,
            let item = statement.items.first(where: { $0.kind == .detail && $0.id == act.detail.detail })
        else { throw VaultError.tampered(code: "detail.missing") }
        let key = try detailKey(act.detail.key, pupilFile, acting, file, db)
        let row = try SealedRow.open(
            Self.item(item, db), key: key, row: item.id.bytes,
            associatedData: rowContext("detail", pupilFile.bytes + act.decision.bytes))
        let detail = try Detail(parsing: row)
        guard detail.commitments == statement.fields else { throw VaultError.tampered(code: "detail.fields") }
        return detail["reason"] ?? ""
    }

    /// Lets the pages of a document that was filed as evidence be shown like any other's, or has it stay as it is. Recorded with
    /// the reason; the last decision counts. Durable on return.
    ///
    /// - Throws: refusals `quarantine.not-lead`, `quarantine.none`, `quarantine.reason`; `code.needed` without a code of the last
    ///   five minutes; `.notFound`.
    public func decideQuarantine(
        of id: DocumentID, released: Bool, reason: String, as acting: Acting
    ) throws(VaultError) {
        try rethrowing("quarantine") {
            let (filed, act) = try filing(of: id, acting)
            guard let pupilFile = filed.pupilFile, let pupil = recorder.authority.pupils[pupilFile] else {
                throw VaultError.notFound
            }
            _ = try decide(.readChronology(pupilFile), acting)
            guard isLead(acting) else { throw Refusal.quarantineNotLead }
            guard act.quarantine != nil else { throw Refusal.quarantineNone }
            guard let reason = Self.oneLine(reason) else { throw Refusal.quarantineReason }
            try requireCode(acting)
            try filingTurns.run(for: acting.person) {
                var keys: [PupilFileID: FilingKey] = [:]
                let recipient = try pool.read { db in try self.recipient(of: pupil.identity, db) }
                let key = try filingKey(for: pupilFile, recipient, acting, &keys)
                let decision = QuarantineDecisionID.random()
                let detail = Detail(values: ["reason": reason, "made_by": acting.name])
                let sealed = try seal(detail, of: decision.bytes, in: pupilFile, under: key)
                try recorder.record(
                    [
                        Draft(
                            signer: .person(acting), pupilFile: pupilFile, items: [sealed] + key.takeFresh(),
                            fields: detail.commitments,
                            act: .quarantineDecided(
                                QuarantineAct(
                                    decision: decision, document: id, released: released,
                                    detail: SealedDetail(detail: sealed.item.id, key: key.item))))
                    ], in: pool)
                try remember(keys, acting)
            }
        }
    }
}
