import Ledger

// Access to one pupil file, or to some documents of it, for somebody whose role reads nothing. They never hold the pupil
// file's own key: each document that they may read has one more header, sealed to them, and the key of its detail's row.
// So whoever's access has ended gets nothing of what is filed from then on, and nobody has to make new keys for that.

/// Access given to somebody.
public struct AccessAct: Hashable, Sendable {
    /// Which.
    public let access: AccessID
    /// To whom.
    public let person: PersonID
    /// Their node of the key graph: keys that they make later do not have this access.
    public let identity: IdentityID
    /// Whether it is to the whole file: then what is filed while it lasts is shared with them, too.
    public let whole: Bool
    /// From when on it is over.
    public let expires: Timestamp
    /// The sealed detail: why.
    public let detail: ItemID
    /// The detail key that opens it.
    public let detailKey: ItemID

    /// An access of all these parts.
    public init(
        access: AccessID, person: PersonID, identity: IdentityID, whole: Bool, expires: Timestamp, detail: ItemID,
        detailKey: ItemID
    ) {
        self.access = access
        self.person = person
        self.identity = identity
        self.whole = whole
        self.expires = expires
        self.detail = detail
        self.detailKey = detailKey
    }

    var encoded: [String: CanonicalValue] {
        [
            "access": .string(access.text), "person": .string(person.text), "identity": .string(identity.text),
            "whole": .boolean(whole), "expires": .integer(expires.milliseconds), "detail": .string(detail.text),
            "detail_key": .string(detailKey.text),
        ]
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(
            access: try reader.id("access"), person: try reader.id("person"), identity: try reader.id("identity"),
            whole: try reader.flag("whole"), expires: Timestamp(milliseconds: Int64(try reader.size("expires"))),
            detail: try reader.id("detail"), detailKey: try reader.id("detail_key"))
        try reader.end()
    }
}

/// One document shared with somebody under an access.
public struct Share: Hashable, Sendable {
    /// The access.
    public let access: AccessID
    /// The document.
    public let document: DocumentID
    /// The item with its age header, sealed to the person.
    public let header: ItemID
    /// The item with the key of its detail's row, sealed to the person.
    public let rowKey: ItemID

    /// A share of all these parts.
    public init(access: AccessID, document: DocumentID, header: ItemID, rowKey: ItemID) {
        self.access = access
        self.document = document
        self.header = header
        self.rowKey = rowKey
    }

    var encoded: CanonicalValue {
        .object([
            "access": .string(access.text), "document": .string(document.text), "header": .string(header.text),
            "row_key": .string(rowKey.text),
        ])
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(
            access: try reader.id("access"), document: try reader.id("document"), header: try reader.id("header"),
            rowKey: try reader.id("row_key"))
        try reader.end()
    }

    static func list(_ values: [CanonicalValue]) throws(StatementError) -> [Share] {
        var shares: [Share] = []
        for value in values { shares.append(try Share(parsing: value)) }
        return shares
    }

    /// The most shares of one statement.
    public static let most = 500
}

/// An access as the ledger has it now.
public struct AccessState: Hashable, Sendable {
    /// Which.
    public let id: AccessID
    /// To whom.
    public let person: PersonID
    /// The node of the key graph that what is shared is sealed to.
    public let identity: IdentityID
    /// To which pupil file.
    public let pupilFile: PupilFileID
    /// Whether it is to the whole file.
    public let whole: Bool
    /// Who gave it.
    public let givenBy: PersonID
    /// When it was given.
    public let given: Timestamp
    /// The place of its statement in the ledger.
    public let index: UInt64
    /// From when on it is over, if it is not ended before.
    public let expires: Timestamp
    /// When it was ended.
    public internal(set) var ended: Timestamp?

    /// Whether it is neither over nor ended.
    public func isActive(at time: Timestamp) -> Bool { ended == nil && time < expires }
}
