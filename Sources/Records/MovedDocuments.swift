// A document that is found out later to concern a member of staff is moved out of its pupil's file: sealed anew as a
// restricted document, and from then on opened and shared as an ordinary one no more.

/// A restricted record that brought a document.
struct BroughtRecord: Hashable, Sendable {
    let record: DocumentID
    let author: Author
    let index: UInt64
}

extension Act {
    /// The document of a pupil file that an act files, opens, closes or moves.
    public var document: DocumentID? {
        switch self {
        case .documentFiled(let act): act.document
        case .documentOpened(let document, _, _), .documentClosed(let document, _, _, _, _),
            .documentMoved(let document, to: _):
            document
        case .issueOpened(let act): act.document
        case .quarantineDecided(let act): act.document
        default: nil
        }
    }

    /// Whether it opens a document so that something of it is shown or given.
    public var isShown: Bool {
        if case .documentOpened(_, _, let manner) = self { manner.shows } else { false }
    }
}

extension Authority {
    /// Takes of a restricted record that it brings a document.
    ///
    /// For statements whose leaf is under a checkpoint; `apply` does it for all.
    public mutating func learn(brought record: DocumentID, by author: Author, at index: UInt64) {
        newestBrought = BroughtRecord(record: record, author: author, index: index)
    }

    /// Refuses the opening of a document that was moved.
    public func checkOpening(of document: DocumentID) throws(StatementError) {
        guard moved[document] == nil else { throw .unlawful("opened after it was moved") }
    }

    /// Nothing is moved away without what it becomes: the statement before, of the same author, brings it.
    mutating func move(
        _ document: DocumentID, to record: DocumentID, _ statement: Statement
    ) throws(StatementError) {
        guard let pupilFile = statement.pupilFile, pupils[pupilFile] != nil, statement.items.isEmpty,
            statement.fields.isEmpty
        else { throw .unlawful("moved out of nobody's file, or with more than that") }
        guard let brought = newestBrought, brought.record == record, brought.author == statement.author,
            brought.index + 1 == statement.index
        else { throw .unlawful("moved without the record that brings it") }
        guard moved.updateValue(record, forKey: document) == nil else { throw .unlawful("moved twice") }
    }
}

extension Refusal {
    /// Who says that a document concerns a member of staff is that member of staff.
    public static let staffYourself = Refusal(
        code: "staff.yourself", message: "It concerns yourself, so you cannot move it.",
        hint:
            "Ask the safeguarding lead or another deputy. If there is nobody, speak to the local authority’s designated officer (LADO)."
    )
}
