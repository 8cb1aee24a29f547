import Ledger

// A document about what a member of staff may have done is restricted: its file key is sealed to the lead, the
// deputies and the panel except those it is about, and to recovery. Everything done with it is one kind of statement, of
// the same parts and sizes, so that nobody without the key sees what was done, to which document, or who may know of it.

/// An act on a restricted document, whatever it is: what, and on which, is in its detail.
public struct RestrictedAct: Hashable, Sendable {
    /// A document that comes with an act. Its payload stands in clear, since `verify` proves it without any key.
    public struct Brought: Hashable, Sendable {
        /// The upload it was.
        public let upload: UploadID
        /// Its payload, its key bound to the record.
        public let payload: SealedPayload

        /// A document of these parts.
        public init(upload: UploadID, payload: SealedPayload) {
            self.upload = upload
            self.payload = payload
        }
    }

    /// This record; of one that brings a document, the document. The age header is the item of the same id.
    public let record: DocumentID
    /// The sealed detail.
    public let detail: ItemID
    /// The document, where it brings one.
    public let brought: Brought?

    /// An act of all these parts.
    public init(record: DocumentID, detail: ItemID, brought: Brought?) {
        self.record = record
        self.detail = detail
        self.brought = brought
    }

    /// How many stanzas a record's header has: as few of these as its recipients need.
    public static let stanzaCounts = [8, 16]

    /// How many people can hold a document's key: beside them there is recovery.
    public static let mostKeepers = 15

    /// What a record's row holds before it is sealed: the detail's length (u32, big-endian), the detail, and zeros up to a
    /// multiple of 4,056 bytes, so that the sealed row is one of 4,096 bytes or little more.
    public static func padded(_ detail: Detail) -> [UInt8] {
        let bytes = detail.encoded
        let length = [24, 16, 8, 0].map { UInt8(bytes.count >> $0 & 255) }
        let count = length.count + bytes.count
        return length + bytes + [UInt8](repeating: 0, count: (count + padding - 1) / padding * padding - count)
    }

    private static let padding = 4056

    /// The detail in such a row; refuses one that `padded` would not have made.
    public static func detail(inPadded row: [UInt8]) throws(StatementError) -> Detail {
        guard row.count >= 4, row.count % padding == 0 else { throw .malformed("detail") }
        let length = row[0..<4].reduce(0) { $0 << 8 | Int($1) }
        guard length <= row.count - 4, row.count - 4 - length < padding, row[(4 + length)...].allSatisfy({ $0 == 0 })
        else { throw .malformed("detail") }
        return try Detail(parsing: Array(row[4..<4 + length]))
    }

    var encoded: [String: CanonicalValue] {
        var object: [String: CanonicalValue] = ["record": .string(record.text), "detail": .string(detail.text)]
        if let brought {
            object["document"] = .object(
                brought.payload.encoded.merging(["upload": .string(brought.upload.text)]) { $1 })
        }
        return object
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        var brought: Brought?
        if try reader.has("document") {
            var document = try StatementReader(try reader.value("document"))
            brought = Brought(upload: try document.id("upload"), payload: try SealedPayload(reading: &document))
            try document.end()
        }
        self.init(record: try reader.id("record"), detail: try reader.id("detail"), brought: brought)
        try reader.end()
    }
}

/// Whom a document is about, where it says what a member of staff did or may have done.
public struct StaffConcern: Hashable, Sendable {
    /// Those with an account: it is sealed to none of them.
    public let people: Set<PersonID>
    /// The names of others.
    public let others: String

    /// A concern about these.
    public init(people: Set<PersonID>, others: String = "") {
        self.people = people
        self.others = others
    }
}

extension Authority {
    /// Who can be given the keys of restricted documents now: of a role for it, with keys that were compared.
    public func holdersOfRestricted() -> [PersonState] {
        people.values.filter {
            abilities.allow(.holdRestricted, to: $0.roles) && $0.enrolled && $0.confirmed && $0.suspended == nil
                && invitations[$0.id] == nil
        }.sorted { $0.id < $1.id }
    }

    func checkRestricted(_ act: RestrictedAct, _ statement: Statement) throws(StatementError) {
        let header = act.record.shared(as: Kind.Item.self)
        guard statement.pupilFile == nil, statement.fields.isEmpty, statement.items.count == 2,
            statement.items.contains(where: { $0.kind == .header && $0.id == header }),
            statement.items.contains(where: { $0.kind == .detail && $0.id == act.detail })
        else { throw .unlawful("a restricted act of other parts than its header and its detail") }
    }
}

extension Refusal {
    /// It is not said whether a document is about a member of staff.
    public static let staffNotSaid = Refusal(
        code: "staff.not-said", message: "Say whether any of these documents concerns a member of staff.",
        hint: "Choose No, or Yes and whom.")
    /// Nobody is named.
    public static let staffNobody = Refusal(
        code: "staff.nobody", message: "Say which member of staff it concerns.",
        hint: "Choose them in the list, or write the name if it is not there.")
    /// The name of somebody without an account.
    public static let staffName = Refusal(
        code: "staff.name", message: "The names of others are too long, or hold characters that are not text.",
        hint: "Write them in up to 200 characters.")
    /// Everybody who could hold its key is concerned.
    public static let staffAll = Refusal(
        code: "staff.all", message: "Nobody who may keep such documents would be left to open it.",
        hint:
            "It was not filed, and it stays here, encrypted. Take the paper to the local authority’s designated officer (LADO)."
    )
    /// Somebody who would hold the key may be the one that is written.
    public static func staffMeant(_ name: String) -> Refusal {
        Refusal(
            code: "staff.meant", message: "\(name) would be able to open it, and may be the person you wrote.",
            hint:
                "If it concerns \(name), choose them in the list. If it is somebody else of that name, write first and last name."
        )
    }
    /// A scan station cannot seal for named people.
    public static let staffByStation = Refusal(
        code: "staff.by-station", message: "A scan station files nothing that concerns a member of staff.",
        hint: "Sign in yourself and file it on the pages, or with strongroom file.")
    /// More people than a header has room for.
    public static let staffTooMany = Refusal(
        code: "staff.too-many", message: "More than 15 people would hold the key of this document.",
        hint: "Take the ability hold-restricted from a role in policies/access.yaml.")
}
