import Ledger

// A chronology goes onto paper (D-09). The statement comes before anything is opened for it, and says how many lines there
// are; which part of the chronology it is, and how, is sealed, and every field is there each time.

/// A part of a pupil's chronology, put onto paper.
public struct PrintAct: Hashable, Sendable {
    /// Which print: it stands on every page.
    public let print: PrintID
    /// In whose session.
    public let session: SessionID
    /// How many lines it has.
    public let lines: UInt64
    /// The sealed detail.
    public let detail: ItemID
    /// The detail key that opens it.
    public let detailKey: ItemID

    /// A print of all these parts.
    public init(print: PrintID, session: SessionID, lines: UInt64, detail: ItemID, detailKey: ItemID) {
        self.print = print
        self.session = session
        self.lines = lines
        self.detail = detail
        self.detailKey = detailKey
    }

    var encoded: [String: CanonicalValue] {
        [
            "print": .string(print.text), "session": .string(session.text), "lines": .integer(Int64(lines)),
            "detail": .string(detail.text), "detail_key": .string(detailKey.text),
        ]
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(
            print: try reader.id("print"), session: try reader.id("session"), lines: try reader.size("lines"),
            detail: try reader.id("detail"), detailKey: try reader.id("detail_key"))
        try reader.end()
    }
}

/// A field of a print's detail, by the name that it has there.
public enum PrintField: String, Hashable, Sendable, CaseIterable {
    /// `significant`, `records` or `everything`.
    case lane
    /// `oldest` or `newest`: which stands first.
    case order
    /// From which day to which, as EDTF; empty for the whole history.
    case period
    /// The category's word; empty for all.
    case category
    /// The type of file; empty for all.
    case mediaType = "media_type"
    /// The agency's word; empty for all.
    case agency
    /// Who filed it, by name; empty for all.
    case uploader
    /// What people call the batch; empty for all.
    case batch
    /// What it became: `pdf`, or `page` for one that a browser prints.
    case form
    /// Who printed it, by the name they had then.
    case madeBy = "made_by"

    /// The names of all that a print's detail holds.
    public static let detailNames = allCases.map(\.rawValue)
}

extension Authority {
    /// What can be said of a print without knowing what stands in the pupil file.
    func checkPrint(_ act: PrintAct, _ statement: Statement) throws(StatementError) {
        guard let pupilFile = statement.pupilFile, pupils[pupilFile] != nil else {
            throw .unlawful("a print about nobody on the register")
        }
        guard statement.items.contains(where: { $0.kind == .detail && $0.id == act.detail }) else {
            throw .unlawful("a print without its detail")
        }
        guard detailKeys[act.detailKey] == pupilFile else {
            throw .unlawful("a print under another pupil's detail key")
        }
    }
}

extension PrintID {
    /// `C-7K2M9Q4C`: how people name a print, made of its id and nothing else.
    public var reference: String { "C-" + text.prefix(8).uppercased() }
}
