/// Why a body, or its Content-Type, is not a form as browsers send it.
///
/// The raw value is a stable code. Nothing here repeats what was sent.
public enum MultipartError: String, Error, Equatable, Sendable {
    /// The Content-Type is not `multipart/form-data`.
    case notFormData = "not-form-data"
    /// The Content-Type cannot be read.
    case contentTypeMalformed = "content-type-malformed"
    /// The Content-Type names no boundary.
    case boundaryMissing = "boundary-missing"
    /// The boundary is empty, longer than 70 characters, or has characters that RFC 2046 does not allow.
    case boundaryInvalid = "boundary-invalid"
    /// The body ended before its first boundary.
    case boundaryNotFound = "boundary-not-found"
    /// The body ended before its final boundary.
    case truncated
    /// A line of the frame ends in LF alone.
    case bareLineFeed = "bare-line-feed"
    /// Something other than a line end follows the final boundary.
    case afterFinalBoundary = "after-final-boundary"
    /// A part's header is larger than ``MultipartParser/maximumHeaderByteCount``.
    case headerTooLarge = "header-too-large"
    /// A part's header cannot be read.
    case headerMalformed = "header-malformed"
    /// A part's header is not UTF-8.
    case headerNotUTF8 = "header-not-utf-8"
    /// A part has a header twice that is read here, or a parameter of one twice.
    case duplicated
    /// A part has no name, or an empty one.
    case nameless
    /// A part says that its content is encoded (base64, quoted-printable), which RFC 7578 does away with.
    case transferEncoded = "transfer-encoded"
    /// The parser failed earlier, or its handler did; it takes nothing more.
    case failedEarlier = "failed-earlier"
}
