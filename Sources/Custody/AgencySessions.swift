public import Records

/// What somebody with a link is told before they enter.
public enum PermissionDoor: Hashable, Sendable {
    /// Link and code open it.
    case open
    /// It counts from a later moment on.
    case notYet(Timestamp)
    /// It is over, was withdrawn, or never was.
    case closed
}

/// An exhibit as the agency sees it.
public struct AgencyExhibit: Hashable, Sendable, Codable {
    /// `PM/3`.
    public let reference: String
    /// The document's id.
    public let document: String
    /// The brief summary.
    public let summary: String
    /// The document's own date, EDTF.
    public let date: String
    /// The category, for people.
    public let category: String
    /// The type found.
    public let mediaType: String
    /// Pages, where the type has pages.
    public let pages: Int?
    /// Bytes.
    public let size: UInt64
    /// SHA-256 of the content, hex.
    public let sha256: String
}

/// What an agency is told under a permission, fixed when it was given.
public struct AgencyTerms: Hashable, Sendable, Codable {
    /// The school's name.
    public let school: String
    /// Whom to turn to.
    public let contact: String
    /// `PM-7K2M9Q4C`.
    public let reference: String
    /// Who gave it, by name and role.
    public let givenBy: String
    /// The officer's name.
    public let officer: String
    /// Their rank or role.
    public let rank: String
    /// Their number.
    public let number: String
    /// Force, council or team.
    public let organisation: String
    /// Under which conditions.
    public let conditions: String
    /// From when on, milliseconds.
    public let from: Int64
    /// From when on no more, milliseconds.
    public let until: Int64
    /// How many times copies may be taken.
    public let copies: UInt64
    /// The agency's age recipient, where the pack is sealed to one.
    public let recipient: String
    /// The documents.
    public let exhibits: [AgencyExhibit]
}
