import Ledger

// What is kept as evidence is looked at by the safeguarding lead, who lets its pages be shown or keeps it as it is (H-05). The
// last thing said counts; why is sealed.

/// What the lead decided of a document in quarantine.
public struct QuarantineAct: Hashable, Sendable {
    /// Which decision.
    public let decision: QuarantineDecisionID
    /// Of which document.
    public let document: DocumentID
    /// Whether its pages may be shown from now on, as those of any other.
    public let released: Bool
    /// Why.
    public let detail: SealedDetail

    /// A decision of all these parts.
    public init(decision: QuarantineDecisionID, document: DocumentID, released: Bool, detail: SealedDetail) {
        self.decision = decision
        self.document = document
        self.released = released
        self.detail = detail
    }

    var encoded: [String: CanonicalValue] {
        detail.encoded.merging([
            "decision": .string(decision.text), "document": .string(document.text), "released": .boolean(released),
        ]) { $1 }
    }

    init(reading reader: inout StatementReader) throws(StatementError) {
        self.init(
            decision: try reader.id("decision"), document: try reader.id("document"),
            released: try reader.flag("released"), detail: try SealedDetail(reading: &reader))
    }
}

/// What was decided last of a document in quarantine.
public struct QuarantineState: Hashable, Sendable {
    /// Whether its pages may be shown.
    public let released: Bool
    /// By whom.
    public let person: PersonID
    /// When.
    public let time: Timestamp
    /// The statement's place.
    public let index: UInt64
}

extension Authority {
    /// Why a document is kept as evidence; nil for one that never was, or was released.
    public func quarantine(of act: FilingAct) -> String? {
        quarantineDecisions[act.document]?.released == true ? nil : act.quarantine
    }

    /// The documents whose pages may be shown although they were filed as evidence.
    public var released: Set<DocumentID> { Set(quarantineDecisions.lazy.filter(\.value.released).map(\.key)) }

    /// That the document was filed as evidence in this pupil file is looked at by who has read what stands before: replay keeps
    /// no list of what was filed. A decision of any other changes nothing.
    mutating func decide(_ act: QuarantineAct, _ statement: Statement) throws(StatementError) {
        guard statement.policy == policy else { throw .unlawful("policy is not the one in force") }
        guard case .person(let author) = statement.author, people[author]?.roles.contains(.dsl) == true else {
            throw .unlawful("a decision about quarantine by another than the lead")
        }
        guard let pupilFile = statement.pupilFile, pupils[pupilFile] != nil, moved[act.document] == nil else {
            throw .unlawful("a decision about what is in nobody's file")
        }
        guard statement.items.contains(where: { $0.kind == .detail && $0.id == act.detail.detail }) else {
            throw .unlawful("a decision without its detail")
        }
        try learnDetailKeys(of: statement)
        guard detailKeys[act.detail.key] == pupilFile else {
            throw .unlawful("a decision under another pupil's detail key")
        }
        quarantineDecisions[act.document] = QuarantineState(
            released: act.released, person: author, time: statement.time, index: statement.index)
    }
}
