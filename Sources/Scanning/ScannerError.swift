import CSANE
public import Records

/// Why a scanner gives no pages.
public enum ScannerError: Error, Hashable, Sendable {
    /// No scanner is there that SANE knows.
    case noDevice
    /// Several are there, and none was named.
    case severalDevices(names: [String])
    /// None of that name is there.
    case unknownDevice
    /// It has no such source.
    case noSource(ScannerSource, has: [ScannerSource])
    /// It has no such mode.
    case noMode(ScannerMode, has: [String])
    /// It has no such resolution; what it has, in words.
    case noResolution(Int, has: String)
    /// Its driver refuses its settings.
    case settingsRefused
    /// It takes a picture in three passes, one for each colour.
    case threePass
    /// What it gives is not what it was asked for, or is not whole.
    case otherPicture
    /// No paper lies in its feeder.
    case noPaper
    /// Paper is stuck in it.
    case jammed
    /// Its cover is open.
    case coverOpen
    /// Somebody else uses it.
    case busy
    /// It does not answer any more.
    case gone
    /// This user may not use it.
    case accessDenied
    /// There is no memory for its pages.
    case noMemory
    /// The pages take more bytes than a file may have.
    case tooLarge(mebibytes: Int)
    /// There are more pages than a file may have.
    case tooManyPages(Int)
    /// Whoever scans stopped it.
    case cancelled

    /// What a status means while pages are taken.
    init(_ status: SANE_Status) {
        switch status {
        case SANE_STATUS_CANCELLED: self = .cancelled
        case SANE_STATUS_DEVICE_BUSY: self = .busy
        case SANE_STATUS_JAMMED: self = .jammed
        case SANE_STATUS_NO_DOCS: self = .noPaper
        case SANE_STATUS_COVER_OPEN: self = .coverOpen
        case SANE_STATUS_NO_MEM: self = .noMemory
        case SANE_STATUS_ACCESS_DENIED: self = .accessDenied
        case SANE_STATUS_INVAL, SANE_STATUS_UNSUPPORTED: self = .settingsRefused
        default: self = .gone
        }
    }
}

extension ScannerError {
    /// In words for people, with what to do.
    ///
    /// - Parameter pages: how many had been scanned before.
    public func refusal(after pages: Int = 0) -> Refusal {
        let (code, message, todo) = words
        guard pages > 0 else { return Refusal(code: code, message: message, hint: todo + " Nothing was filed.") }
        let had = pages == 1 ? "1 page had been scanned" : "\(pages) pages had been scanned"
        return Refusal(
            code: code, message: message,
            hint: "\(had); nothing was kept or filed. \(todo) Put all pages back in their order and scan again.")
    }

    private var words: (code: String, message: String, todo: String) {
        switch self {
        case .noDevice:
            (
                "scanner.none", "No scanner was found.",
                "Switch it on and plug it in; strongroom scan --list shows what is found."
            )
        case .severalDevices(let names):
            (
                "scanner.several", "More than one scanner was found.",
                "Name one with --device: \(names.joined(separator: ", "))."
            )
        case .unknownDevice:
            (
                "scanner.unknown", "There is no scanner of that name.",
                "strongroom scan --list shows those that there are."
            )
        case .noSource(let source, let has):
            (
                "scanner.source", "The scanner has no \(source.title).",
                has.isEmpty
                    ? "It cannot be told where its paper is."
                    : "It has: \(has.map(\.rawValue).joined(separator: ", "))."
            )
        case .noMode(let mode, let has):
            (
                "scanner.mode", "The scanner does not scan in \(mode.title).",
                has.isEmpty ? "It cannot be told how to scan." : "Its own words are: \(has.joined(separator: ", "))."
            )
        case .noResolution(let resolution, let has):
            ("scanner.resolution", "The scanner does not scan at \(resolution) dpi.", "It has \(has).")
        case .settingsRefused:
            (
                "scanner.settings", "The scanner's driver refuses these settings.",
                "Try another resolution, mode or source."
            )
        case .threePass:
            (
                "scanner.three-pass", "The scanner takes each colour in a pass of its own, which is not supported.",
                "Scan in grey or in black and white, or with another scanner."
            )
        case .otherPicture:
            (
                "scanner.picture", "The scanner gave something else than a whole page as it was asked for.",
                "Try another mode or resolution."
            )
        case .noPaper:
            ("scanner.no-paper", "There is no paper in the feeder.", "Lay it in until the scanner takes hold of it.")
        case .jammed: ("scanner.jammed", "Paper is stuck in the scanner.", "Open it and take the paper out.")
        case .coverOpen: ("scanner.cover-open", "The scanner's cover is open.", "Close it.")
        case .busy:
            ("scanner.busy", "The scanner is in use.", "Wait until it is free, or end the other program that uses it.")
        case .gone:
            (
                "scanner.gone", "The scanner does not answer.",
                "Look at its cable and its display, and switch it on anew."
            )
        case .accessDenied:
            (
                "scanner.denied", "This user may not use the scanner.",
                "On Debian the user has to be in the group scanner: usermod -aG scanner USER."
            )
        case .noMemory:
            (
                "scanner.memory", "There is not enough memory for the pages.",
                "Scan fewer at once, or at a lower resolution."
            )
        case .tooLarge(let mebibytes):
            (
                "scanner.too-large", "The pages take more than the \(mebibytes) MiB that one file may have.",
                "Scan fewer at once, or at a lower resolution."
            )
        case .tooManyPages(let most):
            (
                "scanner.too-many-pages", "There are more than the \(most) pages that one file may have.",
                "Scan fewer at once."
            )
        case .cancelled: ("scanner.cancelled", "The scan was cancelled.", "Scan again when you are ready.")
        }
    }
}
