public import Records

/// What is said of a file to be sent.
public struct Order: Sendable {
    /// The pupil's reference; nil for the intake queue.
    public let pupil: String?
    /// The id of the open batch it goes into; nil for the intake queue.
    public let batch: String?
    /// What it is.
    public let details: FilingDetails
    /// Whether it is filed also where this station filed the same content before.
    public let again: Bool

    /// An order.
    public init(pupil: String?, batch: String?, details: FilingDetails, again: Bool) {
        self.pupil = pupil
        self.batch = batch
        self.details = details
        self.again = again
    }
}

/// What became of a file that was sent.
public enum Delivery: Sendable {
    /// It is a document.
    case filed(Filed)
    /// It is in the intake queue.
    case queued(Queued)

    /// A receipt, as the server gives it.
    public struct Filed: Decodable, Sendable {
        /// As the API's description says.
        public let document, pupil, filename, recorded, sha256, mediaType, checkpoint: String
        /// The statement's place in the ledger, and bytes.
        public let index, size: UInt64
        /// Pages, where the type has pages.
        public let pages: Int?
        /// Whether it is kept apart as evidence.
        public let quarantined: Bool
        /// The document by which this station filed the same content for the pupil before.
        public let earlier: String?
    }

    /// A receipt for a scan in the intake queue.
    public struct Queued: Decodable, Sendable {
        /// As the API's description says.
        public let filename, recorded, sha256, checkpoint: String
        /// The statement's place in the ledger, and bytes.
        public let index, size: UInt64
        /// Whether it is kept apart as evidence.
        public let quarantined: Bool
    }
}

/// Why a file was not filed.
public struct SendingError: Error {
    /// What kind of end it is.
    public enum Kind: Sendable {
        /// A decision not to.
        case refused
        /// Nothing was lost: the same command goes on with it later.
        case waiting
        /// Something is broken.
        case failed
    }
    /// What kind of end it is.
    public let kind: Kind
    /// What was wrong, and what to do.
    public let refusal: Refusal
    /// Whether no other file would fare better.
    public let stopsAll: Bool

    init(_ kind: Kind, _ refusal: Refusal, stopsAll: Bool = false) {
        self.kind = kind
        self.refusal = refusal
        self.stopsAll = stopsAll
    }
}

extension SendingError {
    /// TLS stays verified, whatever happens.
    static let certificateUntrusted = SendingError(
        .failed,
        Refusal(
            code: "server.certificate", message: "The server's certificate is not one that this computer trusts.",
            hint:
                "Nothing was sent. Check the server's name; if its certificate is the school's own, name it with --ca-file."
        ), stopsAll: true)

    /// Something answers that does not speak as a vault does.
    static func otherServer(_ status: Int) -> SendingError {
        SendingError(
            .failed,
            Refusal(
                code: "server.not-a-vault", message: "What answers there (\(status)) does not answer as a vault does.",
                hint: "Check the address of --server, and what stands between."), stopsAll: true)
    }

    /// Nothing got on for too long.
    static func gaveUp(after patience: Duration, _ last: Refusal?) -> SendingError {
        let reason = last.map { "its last answer was: \($0.message)" } ?? "it could not be reached."
        return SendingError(
            .waiting,
            Refusal(
                code: "server.unreachable",
                message: "The server took nothing for \(patience.components.seconds) seconds; \(reason)",
                hint: "What it has is kept there for some days. The same command goes on where this one stopped."),
            stopsAll: true)
    }

    /// An upload that ends again and again before it is filed.
    static let keepsEnding = SendingError(
        .failed,
        Refusal(
            code: "upload.gone", message: "The upload was ended on the server while it was being sent, more than once.",
            hint: "See that nobody else sends the same file, then run the same command again."))
}
