import Ledger

/// A scan station: it signs and stages, and reads nothing.
public struct StationAct: Hashable, Sendable {
    /// Its keys. Its only role is `.station`, nothing is wrapped to it, and its name tag is random: nobody signs in by it.
    public let party: PersonAct
    /// From when on it may nothing more.
    public let expires: Timestamp
    /// Whether it may put scans into the intake queue.
    public let intake: Bool

    /// A station of all these parts.
    public init(party: PersonAct, expires: Timestamp, intake: Bool) {
        self.party = party
        self.expires = expires
        self.intake = intake
    }

    var encoded: [String: CanonicalValue] {
        [
            "station": .object(party.encoded), "expires": .integer(expires.milliseconds), "intake": .boolean(intake),
        ]
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(
            party: try PersonAct(parsing: try reader.value("station")),
            expires: Timestamp(milliseconds: Int64(try reader.size("expires"))), intake: try reader.flag("intake"))
        try reader.end()
    }
}

/// A scan in the intake queue: kept, with its bytes, and not yet a document.
public struct IntakeAct: Hashable, Sendable {
    /// The upload it was; names the item.
    public let upload: UploadID
    /// Its payload, its key bound to the upload.
    public let payload: SealedPayload
    /// The age header, sealed to the intake queue.
    public let header: ItemID
    /// The sealed detail.
    public let detail: ItemID
    /// The detail key that opens it, sealed to the intake queue.
    public let key: ItemID
    /// Why it is kept apart as evidence, when it is.
    public let quarantine: String?

    /// An item of all these parts.
    public init(
        upload: UploadID, payload: SealedPayload, header: ItemID, detail: ItemID, key: ItemID, quarantine: String?
    ) {
        self.upload = upload
        self.payload = payload
        self.header = header
        self.detail = detail
        self.key = key
        self.quarantine = quarantine
    }

    var encoded: [String: CanonicalValue] {
        var object = payload.encoded
        object["upload"] = .string(upload.text)
        object["header"] = .string(header.text)
        object["detail"] = .string(detail.text)
        object["key"] = .string(key.text)
        if let quarantine { object["quarantine"] = .string(quarantine) }
        return object
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(
            upload: try reader.id("upload"), payload: try SealedPayload(reading: &reader),
            header: try reader.id("header"), detail: try reader.id("detail"), key: try reader.id("key"),
            quarantine: try reader.has("quarantine") ? try reader.text("quarantine") : nil)
        try reader.end()
    }
}
