public import Records

/// The note beside a file that was moved aside: plain text for whoever finds it.
public struct ScanNote: Sendable {
    /// Where the file was moved.
    public enum Shelf: String, CaseIterable, Sendable {
        /// The vault does not take it.
        case refused
        /// A person has to decide.
        case held
    }

    /// The first words of every note.
    static let heading = "Strongroom scan folder"

    /// Where the file lies.
    public let shelf: Shelf
    /// A stable code.
    public let code: String
    private let what: String
    private let why: String
    private let right: String

    /// A file that was refused.
    public static func refused(_ refusal: Refusal) -> ScanNote {
        ScanNote(
            shelf: .refused, code: refusal.code, what: "was not taken into the vault", why: refusal.message,
            right: refusal.hint)
    }

    /// A file that stayed empty.
    public static let empty = ScanNote(
        shelf: .refused, code: "type.empty", what: "was not taken into the vault",
        why: "The file has stayed empty: there is not a byte in it.",
        right: "Scan the paper again. This one can be deleted.")

    /// A file that is held for a person.
    public static func held(_ reason: HeldReason, _ message: String? = nil) -> ScanNote {
        switch reason {
        case .differs:
            ScanNote(
                shelf: .held, code: reason.rawValue, what: "changed while it was being taken",
                why: "What the vault took is in the intake queue; this file is another now, or longer.",
                right:
                    "Compare it with what is in the intake queue. If it is needed, put it into the scan folder again.")
        case .unseen:
            ScanNote(
                shelf: .held, code: reason.rawValue, what: "may be in the vault already",
                why:
                    "The vault has something under this reference, taken by another scan station or long ago, and cannot show any more that it is the same.",
                right:
                    "Ask who looks after the intake queue whether it is there. If it is, delete this file; if not, put it into the scan folder again."
            )
        case .repeated:
            ScanNote(
                shelf: .held, code: reason.rawValue, what: "is the same, byte for byte, as one that was taken before",
                why: message ?? "This scan station put the same content into the intake queue before.",
                right:
                    "If it is there once, that is enough: delete this file. To have it twice on purpose, scan it again."
            )
        }
    }

    /// The note's text.
    ///
    /// - Parameter name: the file's name as it lies beside the note.
    public func text(name: String, upload: UploadID, at time: Timestamp) -> String {
        """
        \(Self.heading) · \(shelf.rawValue) · \(time.iso8601)
        Reference: \(upload.text)

        The file beside this note, \(visible(name)), \(what).

        Why: \(why)
        What would be right: \(right)

        Nothing is lost: the file lies here as the copier wrote it. It is not sealed here, so do not leave it for long.
        Code: \(code)

        """
    }

    /// The upload that a note is about; nil for what is no note.
    static func upload(in text: some StringProtocol) -> UploadID? {
        let lines = text.split(separator: "\n", maxSplits: 2, omittingEmptySubsequences: false)
        guard lines.count == 3, lines[0].hasPrefix(heading), lines[1].hasPrefix("Reference: ") else { return nil }
        return UploadID(text: String(lines[1].dropFirst("Reference: ".count)))
    }
}
