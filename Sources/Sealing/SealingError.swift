/// What can go wrong in sealing and opening. No case carries content, names or keys.
public enum SealingError: Error, Equatable, Sendable {
    /// The age header is malformed, over a limit, or holds a stanza this reader does not take; the reason says which.
    case headerInvalid(_ reason: String)
    /// The header is well formed, and none of its stanzas is for this identity.
    case noIdentityMatches
    /// A file key was unwrapped, and the header's MAC is not the one it gives.
    case macMismatch
    /// The payload is truncated, extended, reordered or altered; nothing from the bad chunk on was released.
    case payloadInvalid(_ reason: String)
    /// The ASCII armor is malformed.
    case armorInvalid(_ reason: String)
    /// A recipient or identity string, or its bytes, is malformed.
    case keyInvalid(_ reason: String)
    /// Recipients of different kinds in one header, none at all, or too many.
    case recipientsInvalid(_ reason: String)
    /// The system refused to lock memory for a secret (see RLIMIT_MEMLOCK).
    case memoryUnlocked
    /// The system had no memory for a secret or a password hash.
    case outOfMemory
    /// A key or secret of the wrong length.
    case sizeWrong(expected: Int, actual: Int)
    /// The keybox's bytes are malformed.
    case keyboxInvalid
    /// The password, the server secret or the context differs, or the keybox was altered.
    case passwordOrKeyWrong
    /// Password hashing parameters outside the bounds given.
    case parametersOutOfBounds
    /// A sealed row or small secret does not open: another key, row or associated data, or altered bytes.
    case rowInvalid
    /// A wrap opened, and names another purpose, object or generation than the one asked for.
    case contextDiffers
    /// libsodium could not start (no source of randomness).
    case librarySetupFailed
}
