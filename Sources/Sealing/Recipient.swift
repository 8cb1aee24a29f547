/// Whom a file key is sealed to.
public enum Recipient: Hashable, Sendable, CustomStringConvertible {
    /// ML-KEM-768 with X25519; the vault's own.
    case hybrid(HybridRecipient)
    /// X25519 alone; for other people's tools.
    case x25519(X25519Recipient)

    /// Takes `age1pq1…` or `age1…`.
    public init(parsing text: String) throws(SealingError) {
        if text.lowercased().hasPrefix("age1pq1") {
            self = .hybrid(try HybridRecipient(parsing: text))
        } else {
            self = .x25519(try X25519Recipient(parsing: text))
        }
    }

    /// Whether a quantum computer would not open what is sealed to it.
    public var isPostQuantum: Bool {
        switch self {
        case .hybrid: true
        case .x25519: false
        }
    }

    /// The age form.
    public var description: String {
        switch self {
        case .hybrid(let recipient): recipient.description
        case .x25519(let recipient): recipient.description
        }
    }
}
