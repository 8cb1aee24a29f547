public import Records
public import Storing

/// Why the vault did not do something. What a person may see is `refusal`; nothing here holds names, content or keys.
public enum VaultError: Error, Hashable, Sendable {
    /// A decision not to: what was wrong and what would be right.
    case refused(Refusal)
    /// The one answer for every failure to sign in.
    case signInFailed
    /// Too many wrong tries for now.
    case tooManyTries(retryAfterSeconds: Int)
    /// Too much at once: try again shortly.
    case busy
    /// An upload that was filed, given up or expired: there is nothing of it to go on with.
    case gone
    /// An upload goes on at another byte than the one named.
    case offsetDiffers(UInt64)
    /// It does not exist, or is not this person's to see: both look the same.
    case notFound
    /// The server's clock is behind the newest statement; nothing is signed until it is put right.
    case clockBehind
    /// Something could not be written or read; nothing was stored. A stable code, and the system's error number.
    case storage(code: String, errno: Int32)
    /// The disk failed in the moment of recording: whether it was recorded shows when the vault is next opened.
    case uncertain
    /// It was recorded, but the witness copy of the checkpoint could not be written: there is no receipt yet.
    case unwitnessed
    /// Something differs from what the ledger commits to.
    case tampered(code: String)
    /// The sandbox or a scanner is not there; the upload waits.
    case waiting(code: String)
    /// The place where a backup lies did not do something.
    case store(StoreError)

    /// A stable code for programs.
    public var code: String {
        switch self {
        case .refused(let refusal): refusal.code
        case .signInFailed: "sign-in.failed"
        case .tooManyTries: "sign-in.slowed"
        case .busy: "vault.busy"
        case .gone: "upload.gone"
        case .offsetDiffers: "upload.offset-differs"
        case .notFound: "not-found"
        case .clockBehind: "clock.behind"
        case .storage(let code, _): code
        case .uncertain: "ledger.commit-uncertain"
        case .unwitnessed: "witness.not-written"
        case .tampered(let code): code
        case .waiting(let code): code
        case .store(let error): error.code
        }
    }

    /// What a person may see: what was wrong, and what to do.
    public var refusal: Refusal {
        switch self {
        case .refused(let refusal): refusal
        case .signInFailed:
            Refusal(
                code: code, message: "The name, password or code is not right.",
                hint: "Check all three and use the code your authenticator shows now.")
        case .tooManyTries(let seconds):
            Refusal(
                code: code, message: "There were too many wrong tries for this name.",
                hint: "Wait \(seconds) seconds, then try again.")
        case .busy:
            Refusal(code: code, message: "The vault is busy.", hint: "Nothing was lost. Try again in a few seconds.")
        case .gone:
            Refusal(
                code: code, message: "This upload is over.",
                hint: "It was filed, discarded or given up. Look for its receipt, or upload the file again.")
        case .offsetDiffers(let offset):
            Refusal(
                code: code, message: "The upload goes on at another place: \(offset) bytes are here.",
                hint: "Nothing was lost or changed. Go on from there.")
        case .notFound:
            Refusal(code: code, message: "There is nothing here that you can see.", hint: "Check the reference.")
        case .clockBehind:
            Refusal(
                code: code, message: "The server's clock is behind the record, so nothing can be recorded.",
                hint: "Nothing was lost. Ask whoever looks after the server to put its clock right.")
        case .storage(_, let errno):
            Refusal(
                code: code, message: "It could not be recorded, so it was not done.",
                hint: errno == 28
                    ? "The disk is full. Nothing was lost: make room, then try again."
                    : "Nothing was lost. Ask whoever looks after the server to look at the disk.")
        case .uncertain:
            Refusal(
                code: code,
                message: "The disk failed in the moment of recording, so it is not certain that it was done.",
                hint:
                    "Nothing was lost. Look at the chronology or the receipts before you do it again, and ask whoever looks after the server to look at the disk."
            )
        case .unwitnessed:
            Refusal(
                code: code,
                message: "It was recorded, but the second copy of the checkpoint could not be written.",
                hint:
                    "Nothing was lost and nothing need be done again. Ask whoever looks after the server to look at the disk."
            )
        case .tampered:
            Refusal(
                code: code, message: "Something in the vault differs from its record, so it was not used.",
                hint: "Tell the safeguarding lead at once, and run strongroom verify.")
        case .waiting:
            Refusal(
                code: code, message: "The file cannot be checked at the moment, so it waits.",
                hint: "Nothing was lost. Ask whoever looks after the server to run strongroom doctor.")
        case .store(let error):
            Refusal(
                code: code, message: Self.message(of: error),
                hint: Self.hint(of: error)
                    + " What was sent or fetched by then stays, and is not sent or fetched again.")
        }
    }
}

extension VaultError {
    private static func message(of error: StoreError) -> String {
        switch error {
        case .notThere: "Something of the backup is missing in the store."
        case .placeNotThere: "There is no such bucket, or folder."
        case .refused: "The store does not take the credentials, or they may not do this."
        case .clockDiffers: "The store's clock and this computer's are too far apart."
        case .untrusted: "The store's certificate is not one that is trusted."
        case .unreachable: "The store could not be reached, or did not answer."
        case .full: "The store has no room left."
        case .changed: "What the store gives back is not what was sent to it, or changed while it was read."
        case .tooLarge: "The store's answer is larger than it can be."
        case .sourceFailed: "What was to be sent could not be read."
        case .failed(let code): "The store did not do it: \(code)."
        }
    }

    private static func hint(of error: StoreError) -> String {
        switch error {
        case .notThere: "Run strongroom verify on the backup; the next backup sends what is missing."
        case .placeNotThere: "Check its name, and have whoever looks after the store make it."
        case .refused: "Check access-key, secret-key and region in the store's settings, and what that account may do."
        case .clockDiffers: "Put this computer's clock right, then do it again."
        case .untrusted: "Check the endpoint, and ca-file in the store's settings. Nothing was sent."
        case .unreachable: "Check the network and the endpoint in the store's settings, then do it again."
        case .full: "Make room there, then do it again."
        case .changed: "Do it again; where it happens again, tell whoever looks after the store."
        case .tooLarge, .failed: "Check the endpoint in the store's settings, and ask whoever looks after the store."
        case .sourceFailed: "Ask whoever looks after the server to look at the disk."
        }
    }
}

/// Runs work whose errors are of many kinds and gives each its place.
func rethrowing<Result: ~Copyable>(_ code: String, _ body: () throws -> Result) throws(VaultError) -> Result {
    do {
        return try body()
    } catch {
        throw VaultError(error, code: code)
    }
}
