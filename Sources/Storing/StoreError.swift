/// Why a store did not do something. Nothing here holds a name, a credential or content.
public enum StoreError: Error, Hashable, Sendable {
    /// There is no such object.
    case notThere
    /// The place itself is not there: no such bucket, or no such folder.
    case placeNotThere
    /// The store does not take these credentials, or they may not do this.
    case refused
    /// The store's clock and this computer's are too far apart for a signature.
    case clockDiffers
    /// The store's certificate is not one that is trusted.
    case untrusted
    /// It could not be reached, or did not answer for as long as was waited.
    case unreachable
    /// There is no room left.
    case full
    /// The object became another one while it was read, or arrived other than it was sent.
    case changed
    /// An object that ought to be small is not.
    case tooLarge
    /// What was to be stored could not be read.
    case sourceFailed
    /// Something else: a stable code, such as the store's own.
    case failed(String)

    /// A stable code for programs.
    public var code: String {
        switch self {
        case .notThere: "store.not-there"
        case .placeNotThere: "store.place-not-there"
        case .refused: "store.refused"
        case .clockDiffers: "store.clock-differs"
        case .untrusted: "store.untrusted"
        case .unreachable: "store.unreachable"
        case .full: "store.full"
        case .changed: "store.changed"
        case .tooLarge: "store.too-large"
        case .sourceFailed: "store.source-failed"
        case .failed: "store.failed"
        }
    }
}
