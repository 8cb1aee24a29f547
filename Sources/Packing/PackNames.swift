/// The names of a pack's files, relative to its folder.
enum PackNames {
    static let howToCheck = "HOW-TO-CHECK.txt"
    static let check = "check.py"
    static let manifest = "manifest.json"
    static let sums = "SHA256SUMS"
    static let checkpoint = "ledger/checkpoint.txt"
    static let ledgerFolder = "ledger/"
    static let exhibitFolder = "exhibits/"

    /// The folder of a permission's pack, with its slash.
    static func folder(_ reference: String) -> String { "pack-\(reference)/" }

    /// `exhibits/PM-1.pdf`
    static func exhibit(_ reference: String, fileExtension: String) -> String {
        exhibitFolder + reference.split(separator: "/", omittingEmptySubsequences: false).joined(separator: "-") + "."
            + fileExtension
    }

    /// What lies in the ledger's folder for one statement.
    enum Part: String, CaseIterable {
        /// Its bytes.
        case statement = "json"
        /// Its signature, 64 bytes.
        case signature = "sig"
        /// What was signed.
        case message
        /// Its author's key.
        case key = "key.pem"
        /// Its place in the checkpoint's tree.
        case proof
        /// The fields of its detail that are shown; there where any are.
        case fields = "fields.json"
    }

    /// `ledger/41.sig`
    static func ledger(_ index: UInt64, _ part: Part) -> String { "\(ledgerFolder)\(index).\(part.rawValue)" }

    /// The index and part of a name in the ledger's folder; nil for any other name.
    static func part(named name: String) -> (index: UInt64, part: Part)? {
        guard name.hasPrefix(ledgerFolder) else { return nil }
        let pieces = name.dropFirst(ledgerFolder.count).split(
            separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard pieces.count == 2, let index = UInt64(pieces[0]), let part = Part(rawValue: String(pieces[1])),
            Self.ledger(index, part) == name
        else { return nil }
        return (index, part)
    }

    /// Whether a name can be a file's on any system: ASCII letters, digits, `.`, `_` and `-`, the first none of these.
    static func isSafe(_ name: String) -> Bool {
        name.utf8.count <= 100 && name.utf8.first.map(isLetterOrDigit) == true
            && name.utf8.allSatisfy { isLetterOrDigit($0) || [UInt8]("._-".utf8).contains($0) }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }
}
