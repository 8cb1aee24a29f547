import Sandbox

/// Why there is no PDF. None of these says anything of a document's content.
public enum PaperError: Error, Equatable, Sendable {
    /// The sandbox, WeasyPrint or qpdf is not there, or the kernel gave no memory. The reason is for the operator.
    case unavailable(reason: String)
    /// A run took longer than it may, and was ended.
    case timedOut
    /// A run wanted more memory than it may have, or its result is larger than it may be.
    case tooLarge
    /// A run ended without a result.
    case crashed
    /// Whoever watched the progress stopped it.
    case stopped
    /// There is no part.
    case empty

    init(_ error: SandboxError) {
        switch error {
        case .unavailable(let reason), .memory(let reason): self = .unavailable(reason: reason)
        case .timedOut: self = .timedOut
        case .tooLarge: self = .tooLarge
        case .crashed, .abandoned, .outOfRange, .noPictures, .unsealed: self = .crashed
        }
    }
}
