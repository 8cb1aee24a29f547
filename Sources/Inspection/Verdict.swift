/// One kind of file that a policy accepts, and the largest of it.
///
/// Comes from `policies/file-types.yaml`.
public struct AcceptedType: Codable, Hashable, Sendable {
    /// The media type, such as `application/pdf`.
    public let mediaType: String
    /// File name extensions in lower case, without the dot.
    public let extensions: [String]
    /// The largest file, in bytes.
    public let maximumBytes: UInt64
    /// The most pages, where the type has pages.
    public let maximumPages: Int?
    /// The most pixels in one picture, where the type has pixels.
    public let maximumPixels: UInt64?

    /// A kind of file with its limits.
    public init(
        mediaType: String, extensions: [String], maximumBytes: UInt64, maximumPages: Int? = nil,
        maximumPixels: UInt64? = nil
    ) {
        self.mediaType = mediaType
        self.extensions = extensions
        self.maximumBytes = maximumBytes
        self.maximumPages = maximumPages
        self.maximumPixels = maximumPixels
    }
}

/// What is claimed of a file, and what would be accepted.
public struct InspectionRequest: Codable, Hashable, Sendable {
    /// The extension of the file's name, in lower case and without the dot; empty if it has none.
    public let fileExtension: String
    /// The media type that came with the upload. Absent, empty and `application/octet-stream` claim nothing.
    public let declaredType: String?
    /// The kinds of file that the policy accepts here.
    public let accepted: [AcceptedType]
    /// Whether the verdict should carry the document's own text, where that can be had at once.
    public let wantText: Bool

    /// A request for a verdict.
    public init(fileExtension: String, declaredType: String?, accepted: [AcceptedType], wantText: Bool = false) {
        self.fileExtension = fileExtension
        self.declaredType = declaredType
        self.accepted = accepted
        self.wantText = wantText
    }

    /// The accepted type whose extension the name has.
    var claimedType: AcceptedType? { accepted.first { $0.extensions.contains(fileExtension) } }

    /// The kind of file that the name says it is.
    var claimed: Format? { claimedType.flatMap { Format(rawValue: $0.mediaType) } }

    /// The declared type without its parameters; nil where it claims nothing.
    var claimedDeclaration: String? {
        guard let declared = declaredType?.split(separator: ";").first else { return nil }
        let type = declared.filter { $0 != " " && $0 != "\t" }.lowercased()
        let generic = ["", "application/octet-stream", "binary/octet-stream", "application/x-download", "*/*"]
        return generic.contains(type) ? nil : type
    }
}

/// What becomes of a file that was inspected.
public enum Outcome: String, Hashable, Sendable {
    /// It may be filed.
    case accepted
    /// It is not stored.
    case refused
    /// It is kept as evidence, and never rendered.
    case quarantined
    /// It could not be inspected now.
    case waiting
}

/// What an inspection found. Its code and words are made where the verdict is used, never taken from the inspector.
public struct Verdict: Hashable, Sendable {
    /// What becomes of the file.
    public var outcome: Outcome
    /// The reason's stable code, such as `type.truncated`; absent for an accepted file.
    public var code: String?
    /// For people: what was wrong with this file, and what would be right. Names nothing of the file's content.
    public var message: String?
    /// The media type that structure and libmagic agree on; absent if there is none.
    public var mediaType: String?
    /// The number of pages, where the type has pages.
    public var pages: Int?
    /// The width in pixels of the largest picture, where the type has pixels.
    public var pixelWidth: Int?
    /// The height in pixels of the largest picture, where the type has pixels.
    public var pixelHeight: Int?
    /// The first 64 KiB of the document's text, if it was wanted: plain text, DOCX and EML only.
    public var text: String?
    /// The codes of everything that was found, the deciding one first.
    public var findings: [String]

    /// A verdict.
    public init(
        outcome: Outcome, code: String? = nil, message: String? = nil, mediaType: String? = nil, pages: Int? = nil,
        pixelWidth: Int? = nil, pixelHeight: Int? = nil, text: String? = nil,
        findings: [String] = []
    ) {
        self.outcome = outcome
        self.code = code
        self.message = message
        self.mediaType = mediaType
        self.pages = pages
        self.pixelWidth = pixelWidth
        self.pixelHeight = pixelHeight
        self.text = text
        self.findings = findings
    }

    /// The inspector ended without an answer, or gave one that no inspector gives.
    public static let crashed = Verdict(
        outcome: .refused, code: "inspection.crashed",
        message: "This file could not be read: something in it broke the program that checks files. "
            + "Open it yourself, save or scan it as a new PDF, and add that.",
        findings: ["inspection.crashed"])

    /// The inspector took too long.
    public static let timedOut = Verdict(
        outcome: .refused, code: "inspection.timed-out",
        message: "This file took too long to check, so it was stopped. "
            + "Open it yourself, save or scan it as a new PDF with fewer pages, and add that.",
        findings: ["inspection.timed-out"])
}
