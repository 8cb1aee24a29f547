import Custody
import HTTPTypes
import Records

/// Why a request was not answered with what it asked for.
enum Fault: Error {
    /// There is no such address.
    case noSuchPage
    /// The address exists, for these methods.
    case methodNotAllowed([HTTPRequest.Method])
    /// A field of the address or the form that is not one of its own, or comes twice.
    case unknownField
    /// The form cannot be read.
    case formUnreadable
    /// The body is larger than this form can be.
    case tooLarge
    /// The form was sent from another site, or without its token.
    case forged
    /// The form's page was made for another session, or the session ended.
    case sessionEnded
    /// No agency's session, or it ended.
    case agencyEnded
    /// A token that is no scan station's.
    case stationUnknown
    /// A client of resumable uploads that speaks another version of the protocol.
    case tusVersion
    /// A header of the protocol that is missing, cannot be read, or has no place here.
    case tusField(String)
    /// The body's type is not one that this address takes.
    case mediaType
    /// The piece's checksum is another: the piece was not taken.
    case checksumDiffers
    /// Another piece of the same upload is on its way.
    case locked
    /// A decision, or a failure, of the vault.
    case vault(VaultError)
    /// A bug.
    case unexpected
}

/// A fault as it goes out: one status, one stable code, one set of words.
struct Problem {
    let status: HTTPResponse.Status
    let code: String
    /// What was wrong; the page's heading and an API problem's title.
    let title: String
    /// What to do now; says whether anything was lost.
    let advice: String
    var retryAfterSeconds: Int?
    var allowed: [HTTPRequest.Method] = []

    init(_ fault: Fault) {
        switch fault {
        case .noSuchPage:
            self.init(
                .notFound, "page.none", "There is nothing at this address",
                "Check the address, or go to your home page and start from there. Nothing was changed.")
        case .methodNotAllowed(let methods):
            self.init(
                .methodNotAllowed, "method.not-allowed", "That cannot be done at this address",
                "Go back and use the buttons on the page. Nothing was changed.")
            allowed = methods
        case .unknownField:
            self.init(
                .badRequest, "form.unknown-field", "The form held something that does not belong to it",
                "Go back, load the page again, and fill it in once more. Nothing was changed.")
        case .formUnreadable:
            self.init(
                .badRequest, "form.unreadable", "The form did not arrive whole",
                "Go back and send it again. What was not whole was not kept.")
        case .tooLarge:
            self.init(
                .contentTooLarge, "form.too-large", "The form is too large",
                "Send less at a time. What was already taken is kept.")
        case .forged:
            self.init(
                .forbidden, "form.not-ours", "The form was not sent from this site’s own page",
                "Go to your home page and start from there. Nothing was changed.")
        case .sessionEnded:
            self.init(
                .forbidden, "session.ended", "You are no longer signed in",
                "Sign in again. What you had sent before is kept; what was on this form was not sent.")
        case .agencyEnded:
            self.init(
                .forbidden, "agency.ended", "Open the link again",
                "Your time here is over, or the page was made before you entered anew. Open the link that the school sent you, and enter with your access code. What was recorded before is kept."
            )
        case .stationUnknown:
            self.init(
                .unauthorized, "station.unknown", "The token is no scan station’s",
                "Give the token as it was shown when the scan station was made: Authorization: Bearer station-…")
        case .tusVersion:
            self.init(
                .preconditionFailed, "upload.version", "This speaks version 1.0.0 of the upload protocol",
                "Send Tus-Resumable: 1.0.0.")
        case .tusField(let name):
            self.init(
                .badRequest, "upload.header", "The upload’s \(name) is missing or cannot be used",
                "The description of the API says what is expected. Nothing was changed.")
        case .mediaType:
            self.init(
                .unsupportedMediaType, "body.type", "The body is of a type that this address does not take",
                "Send a piece of an upload as application/offset+octet-stream, anything else as application/json.")
        case .checksumDiffers:
            self.init(
                .checksumMismatch, "upload.checksum-differs", "The piece changed on its way here",
                "It was not taken. Send it again from the same place.")
        case .locked:
            self.init(
                .locked, "upload.locked", "Another piece of this upload is on its way",
                "Nothing was lost. Ask for the offset, and go on from there.")
            retryAfterSeconds = 1
        case .vault(let error):
            self.init(error)
        case .unexpected:
            self.init(
                .internalServerError, "server.fault", "Something went wrong here",
                "It is not your doing. What was filed before is kept. Try again, and if it happens again tell whoever looks after the server."
            )
        }
    }

    private init(_ error: VaultError) {
        let refusal = error.refusal
        let status: HTTPResponse.Status =
            switch error {
            case .refused(.notEntitled), .refused(.enrolmentUnfinished), .refused(.passkeyMissing),
                .refused(.keysNotGiven),
                .refused(.keysBeingReplaced), .refused(.policyNotAcknowledged), .refused(.trainingMissing),
                .refused(.stationEnded), .refused(.suspended), .refused(.signedOut):
                .forbidden
            case .refused(.pupilUnknown): .notFound
            case .refused(.changedMeanwhile): .conflict
            case .refused: .unprocessableContent
            case .signInFailed: .forbidden
            case .tooManyTries: .tooManyRequests
            case .busy, .clockBehind, .uncertain, .unwitnessed, .waiting, .store: .serviceUnavailable
            case .notFound: .notFound
            case .gone: .gone
            case .offsetDiffers: .conflict
            case .storage(_, let errno): errno == 28 ? .insufficientStorage : .serviceUnavailable
            case .tampered: .internalServerError
            }
        self.init(status, error.code, refusal.message, refusal.hint)
        switch error {
        case .tooManyTries(let seconds): retryAfterSeconds = seconds
        case .busy: retryAfterSeconds = 5
        case .waiting: retryAfterSeconds = 60
        case .refused, .signInFailed, .notFound, .gone, .offsetDiffers, .clockBehind, .storage, .uncertain,
            .unwitnessed, .tampered, .store:
            break
        }
    }

    private init(_ status: HTTPResponse.Status, _ code: String, _ title: String, _ advice: String) {
        self.status = status
        self.code = code
        self.title = title
        self.advice = advice
    }
}

extension HTTPResponse.Status {
    /// 460: tus's own, for a piece whose checksum is another.
    static let checksumMismatch = HTTPResponse.Status(code: 460, reasonPhrase: "Checksum Mismatch")
    /// 423: another piece is on its way.
    static let locked = HTTPResponse.Status(code: 423, reasonPhrase: "Locked")
    /// 507: the disk is full.
    static let insufficientStorage = HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage")
}
