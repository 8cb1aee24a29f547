public import Records

/// A request as a list shows it, with what became of it.
public struct RequestListing: Hashable, Sendable {
    /// Which.
    public let id: RequestID
    /// Whose documents it asks for.
    public let pupil: Pupil
    /// The place of its statement in the ledger.
    public let index: UInt64
    /// When it was recorded.
    public let recorded: Timestamp
    /// The written request.
    public let letter: DocumentID
    /// What it says.
    public let fields: [RequestField: String]
    /// Why it was refused, by whom and when; nil where it was not.
    public let refused: Decided?
    /// The permissions that answer it, oldest first.
    public let permissions: [PermissionListing]

    /// One field; empty where it is not there.
    public subscript(field: RequestField) -> String { fields[field] ?? "" }
}

/// A decision in words, with who took it and when.
public struct Decided: Hashable, Sendable {
    /// Why.
    public let words: String
    /// Who, by name.
    public let by: String
    /// When.
    public let at: Timestamp
}

/// How a permission stands.
public enum PermissionStanding: Hashable, Sendable {
    /// It counts from a later moment on.
    case notYet
    /// It counts.
    case active
    /// It was withdrawn.
    case withdrawn(Decided)
    /// It is over by itself.
    case ended(PermissionEnd)
}

/// A permission as a list shows it.
public struct PermissionListing: Hashable, Sendable {
    /// Which.
    public let id: PermissionID
    /// The request that it answers.
    public let request: RequestID
    /// The place of its statement in the ledger.
    public let index: UInt64
    /// When it was given.
    public let given: Timestamp
    /// What it says.
    public let fields: [PermissionField: String]
    /// The documents, in the order of their exhibit numbers.
    public let exhibits: [Exhibit]
    /// From when on.
    public let from: Timestamp
    /// From when on no more.
    public let until: Timestamp
    /// How many times copies may be taken; 0 where the documents may only be looked at.
    public let copies: UInt64
    /// How often copies were begun to be taken.
    public let taken: UInt64
    /// How it stands.
    public let standing: PermissionStanding
    /// What was let out, oldest first.
    public let issues: [IssueListing]
    /// When the officer acknowledged what they received.
    public let acknowledged: Timestamp?
    /// What the child was told, or why nothing; the last one counts.
    public let informed: [InformedListing]
    /// Visits on site.
    public let visits: [SiteVisitListing]

    /// One field; empty where it is not there.
    public subscript(field: PermissionField) -> String { fields[field] ?? "" }
    /// Whether nobody has said yet what the child was told.
    public var isChildOpen: Bool { informed.isEmpty }
}

/// A document as an exhibit.
public struct Exhibit: Hashable, Sendable {
    /// `PM/3`: the producing person's initials, and their own number without gaps.
    public let reference: String
    /// The document, as its detail has it.
    public let document: DocumentFacts
}

/// Something that was let out under a permission.
public struct IssueListing: Hashable, Sendable {
    /// Which.
    public let id: IssueID
    /// How.
    public let manner: IssueManner
    /// What was looked at, by its exhibit reference; nil for a pack.
    public let exhibit: String?
    /// When it began.
    public let opened: Timestamp
    /// When it ended; nil while it is open.
    public let closed: Timestamp?
    /// Bytes that were sent.
    public let bytes: UInt64
    /// Pages that were shown.
    public let pages: UInt64
    /// Whether all of it went out.
    public let complete: Bool
    /// SHA-256 of the pack that was sent, hex; empty where none went out whole.
    public let sha256: String
}

/// What a child was told, as it was recorded.
public struct InformedListing: Hashable, Sendable {
    /// When it was recorded.
    public let recorded: Timestamp
    /// Whether they were told.
    public let told: Bool
    /// What, by whom, when, and when it is looked at again.
    public let fields: [InformedField: String]
    /// Whether the day on which not telling is looked at again is over.
    public let isOverdue: Bool

    /// One field; empty where it is not there.
    public subscript(field: InformedField) -> String { fields[field] ?? "" }
}

/// A visit on site, as it was recorded.
public struct SiteVisitListing: Hashable, Sendable {
    /// Which.
    public let id: SiteVisitID
    /// When it was recorded.
    public let recorded: Timestamp
    /// Who, when, with whom, what.
    public let fields: [SiteVisitField: String]
    /// How it was closed: the copy of their notes, or that none were taken; nil while it is open.
    public let closed: (notes: DocumentID?, decided: Decided)?

    /// One field; empty where it is not there.
    public subscript(field: SiteVisitField) -> String { fields[field] ?? "" }
    /// By its id and whether it is closed.
    public static func == (left: SiteVisitListing, right: SiteVisitListing) -> Bool {
        left.id == right.id && left.closed?.decided == right.closed?.decided
    }
    /// By its id.
    public func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

/// What is warned of before a document is given to an agency.
public enum DisclosureWarning: Hashable, Sendable {
    /// It is about other pupils, too.
    case otherPupils([Pupil])
    /// It may be notes of counselling or therapy.
    case counselling
    /// It came from somebody else, who may have to be asked.
    case thirdParty
}

/// A document that could be given.
public struct DisclosureCandidate: Hashable, Sendable {
    /// The document.
    public let document: DocumentFacts
    /// What is warned of.
    public let warnings: [DisclosureWarning]
}

/// What a permission is to allow, as it is typed.
public struct PermissionTerms: Hashable, Sendable {
    /// The documents, of the pupil file that was asked about.
    public var documents: [DocumentID]
    /// The first day, as people write it; empty for now.
    public var from: String
    /// The last day, as people write it.
    public var until: String
    /// How many times copies may be taken, 0 to 10; 0 where the documents may only be looked at.
    public var copies: Int
    /// Under which conditions; may be empty.
    public var conditions: String
    /// The agency's age recipient (`age1…`), where the pack is to be sealed to one; else empty.
    public var recipient: String
    /// Whether the person was shown the warnings of these documents, and goes on.
    public var warningsSeen: Bool
    /// What the child was told; nil where that is recorded later.
    public var informed: ChildInformed?

    /// All of it, as it is typed.
    public init(
        documents: [DocumentID], from: String = "", until: String, copies: Int, conditions: String = "",
        recipient: String = "", warningsSeen: Bool = false, informed: ChildInformed? = nil
    ) {
        self.documents = documents
        self.from = from
        self.until = until
        self.copies = copies
        self.conditions = conditions
        self.recipient = recipient
        self.warningsSeen = warningsSeen
        self.informed = informed
    }
}

/// A permission that was given: link and code are shown once, and kept nowhere.
public struct GivenPermission: Hashable, Sendable {
    /// Which.
    public let id: PermissionID
    /// The secret of the link: 26 characters.
    public let link: String
    /// The access code in groups: `K7M-2QF-…`.
    public let code: String
    /// The exhibits' references.
    public let exhibits: [String]
}

/// A deputy to whom giving permissions is delegated.
public struct DelegationListing: Hashable, Sendable {
    /// Who.
    public let person: PersonID
    /// Their name.
    public let name: String
    /// Until when; nil where nothing is delegated to them.
    public let until: Timestamp?
}
