import Sealing

// A printed sheet lies between the papers of a stack, and a scan is split where it is read. What stands in its code is a
// name and nothing else: whose papers follow, and of which category, lies sealed in the vault, for sheets are left in
// trays and bins. A code read wrongly would put one child's papers into another's file; so a text is this or nothing.

extension Kind {
    /// A printed sheet.
    public enum Sheet {}
}

/// A printed sheet.
public typealias SheetID = Identifier<Kind.Sheet>

/// What stands in the codes of a printed sheet: 35 upper-case characters, `SR1`, the kind's letter, 26 of the sheet's id and 5
/// of a check (docs/format.md). A QR code of version 3 with the highest error correction holds exactly these.
public struct SheetCode: Hashable, Sendable {
    /// What a sheet says of the pages around it.
    public enum Kind: String, Sendable, CaseIterable {
        /// A folder begins: what comes up to the next sheet is nobody's yet.
        case cover = "C"
        /// The pages that follow are one pupil's, of one category.
        case separator = "S"
        /// The folder is at its end: what follows is nobody's.
        case end = "E"
    }

    /// What the sheet says.
    public let kind: Kind
    /// Which sheet it is.
    public let id: SheetID

    /// The code of a sheet.
    public init(_ kind: Kind, _ id: SheetID) {
        self.kind = kind
        self.id = id
    }

    /// From the text of a code, as it was read: these 35 characters in this spelling, with the check that belongs to them;
    /// nil for anything else.
    public init?(text: String) {
        let characters = Array(text)
        guard characters.count == Self.count, let kind = Kind(rawValue: String(characters[Self.prefix.count])),
            let id = SheetID(
                text: String(characters[(Self.prefix.count + 1)..<(Self.count - Self.checkCount)]).lowercased())
        else { return nil }
        self.init(kind, id)
        // One spelling: what these two make must be what was read, byte for byte.
        guard self.text.utf8.elementsEqual(text.utf8) else { return nil }
    }

    /// From what somebody types off a sheet whose code was not read: in any case, with or without hyphens and spaces.
    public init?(typed: String) {
        // The kind's letter and the prefix are no digits of base 32, so that `O` and `I` are read as 0 and 1 behind them alone.
        let letters = typed.uppercased().filter { !"- \t\r\n".contains($0) }
        let head = String(letters.prefix(Self.prefix.count + 1))
        self.init(text: head + Crockford.typed(String(letters.dropFirst(head.count))).uppercased())
    }

    /// The 35 characters.
    public var text: String {
        let body = Self.prefix + kind.rawValue + id.text.uppercased()
        return body + Self.check(of: body)
    }

    /// In groups, for a person to type: `SR1S-0V3A-…`.
    public var grouped: String { Crockford.grouped(text) }

    /// Whether a text that is no sheet's code was meant to be one: a code of ours that is damaged, or one of another version.
    public static func isMeantAsSheet(_ text: String) -> Bool {
        let bytes = Array(text.utf8.prefix(3))
        return bytes.count == 3 && bytes.starts(with: "SR".utf8) && (48...57).contains(bytes[2])
    }

    private static let prefix = "SR1"
    private static let checkCount = 5
    private static let count = 35

    /// The first 25 bits of a SHA-256, in Crockford's base32.
    private static func check(of body: String) -> String {
        let digest = sha256(Array("strongroom/v1/sheet".utf8) + [0] + Array(body.utf8))
        return String(Crockford.encode(digest.bytes).prefix(checkCount)).uppercased()
    }
}
