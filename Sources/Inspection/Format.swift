/// The kinds of file whose structure is known here.
enum Format: String, CaseIterable, Codable, Sendable {
    case pdf = "application/pdf"
    case tiff = "image/tiff"
    case jpeg = "image/jpeg"
    case png = "image/png"
    case heic = "image/heic"
    case text = "text/plain"
    case docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    case eml = "message/rfc822"

    var mediaType: String { rawValue }

    /// For people, as in "this file is …".
    var name: String {
        switch self {
        case .pdf: "a PDF"
        case .tiff: "a TIFF picture"
        case .jpeg: "a JPEG picture"
        case .png: "a PNG picture"
        case .heic: "a HEIC picture"
        case .text: "plain text"
        case .docx: "a Word document"
        case .eml: "an e-mail"
        }
    }

    /// Whether such a file has pages, which are counted.
    var hasPages: Bool {
        switch self {
        case .pdf, .tiff, .jpeg, .png, .heic: true
        case .text, .docx, .eml: false
        }
    }

    /// Whether libmagic may call such a file so. Text is what libmagic guesses most about; a DOCX is a ZIP to it when
    /// its parts stand in an order it does not know.
    func agrees(withMagic magic: String) -> Bool {
        switch self {
        case .pdf, .tiff, .jpeg, .png: return magic == mediaType
        case .heic: return magic == mediaType || magic == "image/heif"
        case .docx: return magic == mediaType || magic == "application/zip" || magic == "application/octet-stream"
        case .text, .eml:
            if self == .text, magic == "text/html" || magic == "text/rtf" || magic == "text/xml" { return false }
            return magic.hasPrefix("text/") || magic.hasPrefix("message/")
                || Self.guessesAboutText.contains(magic)
        }
    }

    /// What libmagic calls ordinary notes that begin like something else: an [AGENDA], a numbered list with times.
    private static let guessesAboutText: Set<String> = [
        "application/x-wine-extension-ini", "application/x-subrip", "application/json", "application/csv",
        "application/x-setupscript", "application/octet-stream", "application/pgp-signature",
    ]

    /// Other names of the same type that browsers, scanners and mail programs send.
    func isDeclared(as declared: String) -> Bool {
        switch self {
        case .pdf: declared == mediaType || declared == "application/x-pdf"
        case .tiff: ["image/tiff", "image/tif", "image/x-tif", "image/x-tiff"].contains(declared)
        case .jpeg: ["image/jpeg", "image/jpg", "image/pjpeg"].contains(declared)
        case .png: declared == mediaType || declared == "image/x-png"
        case .heic: declared == mediaType || declared == "image/heif"
        case .text: declared == mediaType
        case .docx: declared == mediaType
        case .eml: declared == mediaType || declared == "application/x-eml"
        }
    }
}

/// What is wrong with a file. The raw value is the stable code.
///
/// In the order in which they decide a verdict: what quarantines comes first, since quarantine wins over refusal.
enum Fault: String, CaseIterable, Codable, Sendable {
    case activeContent = "type.active-content"
    case secondSignature = "type.second-signature"
    case bytesBeforeStart = "type.bytes-before-start"
    case bytesAfterEnd = "type.bytes-after-end"

    case empty = "type.empty"
    case tooLarge = "type.too-large"
    case tooManyPixels = "type.too-many-pixels"
    case bomb = "type.bomb"
    case program = "type.program"
    case archive = "type.archive"
    case encrypted = "type.encrypted"
    case textPosingAsPDF = "type.text-posing-as-pdf"
    case extensionUnknown = "type.extension-unknown"
    case truncated = "type.truncated"
    case damaged = "type.damaged"
    case unknown = "type.unknown"
    case extensionDiffers = "type.extension-differs"
    case declaredDiffers = "type.declared-differs"
    case tooManyPages = "type.too-many-pages"
    case magicDiffers = "type.magic-differs"

    var quarantines: Bool {
        switch self {
        case .activeContent, .secondSignature, .bytesBeforeStart, .bytesAfterEnd: true
        default: false
        }
    }

    /// Whether it can be seen in the bytes alone. The others follow from numbers, names and policy, and are no matter
    /// of the inspector's word.
    var isSeenInBytes: Bool {
        switch self {
        case .activeContent, .secondSignature, .bytesBeforeStart, .bytesAfterEnd, .bomb, .program, .archive,
            .encrypted, .textPosingAsPDF, .truncated, .damaged, .unknown:
            true
        case .empty, .tooLarge, .tooManyPixels, .extensionUnknown, .extensionDiffers, .declaredDiffers,
            .tooManyPages, .magicDiffers:
            false
        }
    }

    var order: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// What exactly could act in a file. The raw value is the stable code.
enum ActiveContent: String, Codable, Sendable {
    case javaScript = "pdf.javascript"
    case pdfEmbeddedFile = "pdf.embedded-file"
    case xfa = "pdf.xfa"
    case launch = "pdf.launch"
    case pdfOutsideFile = "pdf.outside-file"
    case richMedia = "pdf.rich-media"
    case macros = "office.macros"
    case embeddedObject = "office.embedded-object"
    case program = "office.program"
    case externalLink = "office.external-link"
    case outsideTemplate = "office.outside-template"
    case outsideFile = "office.outside-file"
    case dataExchange = "office.data-exchange"
    case pictureElsewhere = "picture.elsewhere"
}

/// What a file is that is accepted nowhere. The raw value is for people, as in "this file is …".
enum OtherKind: String, Codable, Sendable {
    case linuxProgram = "a Linux program"
    case windowsProgram = "a Windows program"
    case program = "a program"
    case script = "a script, which is a program"
    case shortcut = "a shortcut to a program"
    case zip = "a ZIP archive"
    case rar = "a RAR archive"
    case sevenZip = "a 7-Zip archive"
    case gzip = "a gzip archive"
    case bzip2 = "a bzip2 archive"
    case xz = "an xz archive"
    case zstandard = "a Zstandard archive"
    case cabinet = "a Cabinet archive"
    case tar = "a tar archive"
    case discImage = "a disc image"
    case richText = "an RTF document"
    case gif = "a GIF picture"
    case webP = "a WebP picture"
    case avif = "an AVIF picture"
    case bmp = "a BMP picture"
    case recording = "a film or sound recording"
    case postScript = "a PostScript document"
    case mailbox = "a mailbox, not one e-mail"
    case xml = "an XML file"
    case svg = "an SVG drawing"
    case webPage = "a web page"
    case otherOffice = "an Office document of another kind, such as a spreadsheet or presentation"
    case olderOffice = "an older Office document, from before DOCX"
}

/// What a structural check found in a file.
struct Structure: Codable, Hashable, Sendable {
    /// What the file is, so far as its structure says; nil for what is not accepted anywhere.
    var format: Format?
    /// What the file is, where `format` does not say it.
    var other: OtherKind?
    var pages: Int?
    var width: Int?
    var height: Int?
    var faults: Set<Fault> = []
    /// What could act; not empty exactly where the fault `activeContent` is there.
    var active: Set<ActiveContent> = []

    init(_ format: Format? = nil, other: OtherKind? = nil, _ faults: Fault...) {
        self.format = format
        self.other = other
        self.faults = Set(faults)
    }

    /// Notes what could act.
    mutating func act(_ content: ActiveContent) {
        faults.insert(.activeContent)
        active.insert(content)
    }
}
