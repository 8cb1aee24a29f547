/// Why a sandboxed act did not happen. None of these says anything of a document's content.
public enum SandboxError: Error, Equatable, Sendable {
    /// The sandbox is not there or does not hold; documents wait. The reason is for the operator.
    case unavailable(reason: String)
    /// The program took longer than it may, and was ended.
    case timedOut
    /// The program ended without an answer.
    case crashed
    /// The result, or the memory asked for, is larger than its limit.
    case tooLarge
    /// The page, width or range asked for is out of bounds.
    case outOfRange
    /// This kind of document is not shown as pictures.
    case noPictures
    /// Nobody waits for it any more: the task that asked was cancelled.
    case abandoned
    /// The memory file is not sealed, so its bytes could still change while they are looked at.
    case unsealed
    /// The kernel gave no memory: its reason.
    case memory(reason: String)
}
