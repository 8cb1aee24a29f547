public import Records
import Sealing
import Synchronization

/// Who acts, with their opened keys. Made by signing in; wiped when the last reference goes.
public final class Acting: Sendable {
    /// Who.
    public let person: PersonID
    /// Their name as it stands, for pages and for the record.
    public let name: String
    /// Their roles.
    public let roles: Set<Role>
    /// The session.
    public let session: SessionID

    let keys: PersonKeys
    let memory: SessionMemory
    let sessionKey: SessionKey

    init(
        person: PersonID, name: String, roles: Set<Role>, session: SessionID, keys: consuming PersonKeys,
        memory: SessionMemory,
        sessionKey: consuming SessionKey
    ) {
        self.person = person
        self.name = name
        self.roles = roles
        self.session = session
        self.keys = keys
        self.memory = memory
        self.sessionKey = sessionKey
    }
}

/// A person's secrets, opened: what the keybox holds.
struct PersonKeys: ~Copyable, Sendable {
    let identity: HybridIdentity
    let signing: SigningKey
    /// 20 bytes, RFC 6238.
    let authenticator: SecretBytes

    static let byteCount = 84

    static func generate() throws -> PersonKeys {
        try PersonKeys(SecretBytes.random(byteCount))
    }

    /// From identity seed ‖ signing seed ‖ authenticator secret.
    init(_ secret: consuming SecretBytes) throws {
        guard secret.count == Self.byteCount else { throw SealingError.keyboxInvalid }
        let identity = try HybridIdentity(seed: Self.part(secret, 0..<32))
        let signing = try SigningKey(seed: Self.part(secret, 32..<64))
        let authenticator = try Self.part(secret, 64..<84)
        self.identity = identity
        self.signing = signing
        self.authenticator = authenticator
    }

    static func part(_ secret: borrowing SecretBytes, _ range: Range<Int>) throws(SealingError) -> SecretBytes {
        try secret.withBytes { (bytes) throws(SealingError) in
            try SecretBytes(copying: UnsafeRawBufferPointer(rebasing: bytes[range]))
        }
    }

    /// What goes into the keybox.
    borrowing func secret() throws -> SecretBytes {
        var secret = try SecretBytes(zeroed: Self.byteCount)
        try Self.put(identity.seedCopy(), into: &secret, at: 0)
        try Self.put(signing.seedCopy(), into: &secret, at: 32)
        try Self.put(authenticator.copy(), into: &secret, at: 64)
        return secret
    }

    private static func put(_ part: borrowing SecretBytes, into secret: inout SecretBytes, at offset: Int) throws {
        part.withBytes { source in
            secret.withMutableBytes { target in
                UnsafeMutableRawBufferPointer(rebasing: target[offset..<offset + source.count]).copyMemory(from: source)
            }
        }
    }
}

/// What a session keeps between requests. Secrets in it are sealed under the session's key, which only the cookie gives.
final class SessionMemory: Sendable {
    struct OpenReading: Sendable {
        let id: ReadingID
        /// Nil for a restricted document.
        let pupilFile: PupilFileID?
        var pages: Set<Int> = []
        var bytes: UInt64 = 0
    }

    struct Contents: Sendable {
        /// The detail key that this session files with, sealed, by pupil file.
        var filingKeys: [PupilFileID: (item: ItemID, sealed: [UInt8])] = [:]
        /// Detail keys that this session opened, sealed.
        var detailKeys: [ItemID: [UInt8]] = [:]
        /// The order of a chronology that was read, by pupil file.
        var orders: [PupilFileID: ChronologyOrder] = [:]
        /// The words of the pupil files that were opened, sealed.
        var words = RememberedWords()
        /// Which chronologies, and whether the register, were recorded as read.
        var chronologiesRead: Set<PupilFileID> = []
        var registerRead = false
        /// Whether the intake queue's list was recorded as read.
        var intakeRead = false
        /// When a refusal by role was last recorded.
        var refusalNoted: MonotonicTime?
        /// When a code of the authenticator was last given, on the monotonic clock.
        var codeGiven: MonotonicTime?
        /// The page at which the screen was hidden, while it is.
        var hiddenAt: String?
        /// The last statement of this person's before the session.
        var lastHere: UInt64?
        /// By which day each follow-up is to be done that this session has read of.
        var dueDays: [FollowUpID: String] = [:]
        /// The restricted documents that this person can open, and how far the ledger was looked through for them.
        var restricted = RestrictedMemory()
        /// Whether the list of restricted documents was recorded as read.
        var restrictedRead = false
        /// How many people can open each restricted document that this session filed.
        var restrictedFiled: [DocumentID: Int] = [:]
        /// A form that came too late for the session before this one, sealed.
        var lateForm: [UInt8]?
        /// Documents that are open.
        var readings: [DocumentID: OpenReading] = [:]
    }

    private let contents = Mutex(Contents())
    private let ended = Atomic(false)

    /// Whether the session has ended: what it still has on its way stops.
    var isEnded: Bool { ended.load(ordering: .acquiring) }
    func end() { ended.store(true, ordering: .releasing) }

    func with<Result>(_ body: (inout sending Contents) throws -> sending Result) rethrows -> sending Result {
        try contents.withLock(body)
    }
}

/// Tells whether a session has ended: what it still has on its way stops.
public struct SessionWatch: Sendable {
    fileprivate let memory: SessionMemory

    /// Whether it has ended. One that was idle for too long ends within a minute.
    public var isOver: Bool { memory.isEnded }
}

extension Acting {
    /// Tells whether the session has ended, without holding its keys.
    public var watch: SessionWatch { SessionWatch(memory: memory) }

    /// Seals a small secret for the session's memory.
    func seal(_ secret: borrowing DetailKey, row: ItemID) throws -> [UInt8] {
        try SealedRow.seal(secret.secretCopy(), session: memoryKey(), associatedData: session.bytes + row.bytes)
    }

    /// Keeps opened detail keys in the session's memory.
    func remember(_ keys: borrowing DetailKeys) throws {
        let key = try memoryKey()
        var sealed: [ItemID: [UInt8]] = [:]
        for (id, place) in keys.places {
            sealed[id] = try keys.block.withKey(at: place) { bytes in
                try SealedRow.seal(bytes, session: key, associatedData: session.bytes + id.bytes)
            }
        }
        let all = sealed
        memory.with { $0.detailKeys.merge(all) { $1 } }
    }

    func openSealed(_ sealed: [UInt8], row: ItemID) throws -> DetailKey {
        try DetailKey(SealedRow.open(sealed, session: memoryKey(), associatedData: session.bytes + row.bytes))
    }

    func memoryKey() throws -> SessionKey {
        try KeyedHash.derive(sessionKey, label: "strongroom/v1/session-memory")
    }
}
