import Sealing

/// A name for one thing: 128 random bits, never derived from content, path or person.
///
/// In SQLite it is a 16-byte BLOB; everywhere else 26 lower-case characters of Crockford's base32.
public struct Identifier<Of>: Hashable, Sendable, Comparable {
    private let high: UInt64
    private let low: UInt64

    /// A new random identifier, from libsodium.
    public static func random() -> Identifier { Identifier(sixteen: Randomness.bytes(16)) }

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// From 16 bytes; nil for any other number.
    public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        self.init(sixteen: bytes)
    }

    private init(sixteen bytes: some Collection<UInt8>) {
        var words: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes) }
        self.init(high: UInt64(bigEndian: words.0), low: UInt64(bigEndian: words.1))
    }

    /// From 26 characters of Crockford's base32, lower case; nil for anything else.
    public init?(text: String) {
        guard let bytes = Crockford.decode(text), bytes.count == 16 else { return nil }
        self.init(bytes)
    }

    /// The 16 bytes.
    public var bytes: [UInt8] { withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Array($0) } }

    /// 26 lower-case characters of Crockford's base32.
    public var text: String { Crockford.encode(bytes) }

    /// Byte order.
    public static func < (left: Identifier, right: Identifier) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension Identifier: CustomStringConvertible {
    /// The same as `text`.
    public var description: String { text }
}

/// What an identifier is of. Never made; each is only a name for the compiler.
public enum Kind {
    /// A vault.
    public enum Vault {}
    /// A person who can sign in.
    public enum Person {}
    /// A pupil on the register.
    public enum Pupil {}
    /// A pupil's file.
    public enum PupilFile {}
    /// A document.
    public enum Document {}
    /// A payload in the blob store.
    public enum Blob {}
    /// An upload, from its first byte to its filing.
    public enum Upload {}
    /// A sealed item: a header, wrap, keybox, row or recipient.
    public enum Item {}
    /// A node of the key graph.
    public enum Identity {}
    /// A signed-in session.
    public enum Session {}
    /// One reading of a document.
    public enum Reading {}
    /// Work done together by one operator.
    public enum Batch {}
    /// Access of one person to a pupil file or to documents of it.
    public enum Access {}
    /// A decision about what is kept as evidence.
    public enum QuarantineDecision {}
    /// A proposal of something that takes two people.
    public enum Proposal {}
    /// A passkey that somebody signs in with.
    public enum Passkey {}
    /// An entry without a file.
    public enum Entry {}
    /// What stands in a chronology and can be corrected: a document or an entry.
    public enum Record {}
    /// Something that is to be done, with a due date.
    public enum FollowUp {}
    /// Notes of a meeting that somebody has begun to write.
    public enum Draft {}
    /// A look at what was filed, and what follows.
    public enum Triage {}
    /// A part of a chronology, put onto paper.
    public enum Print {}
    /// What an agency asks for.
    public enum Request {}
    /// What an agency may have.
    public enum Permission {}
    /// What was let out under a permission, once.
    public enum Issue {}
    /// A visit of an officer who reads on site.
    public enum SiteVisit {}
    /// A backup of the vault.
    public enum Backup {}
    /// A history that a restored vault began.
    public enum Branch {}
}

/// A vault.
public typealias VaultID = Identifier<Kind.Vault>
/// A person who can sign in.
public typealias PersonID = Identifier<Kind.Person>
/// A pupil on the register.
public typealias PupilID = Identifier<Kind.Pupil>
/// A pupil's file.
public typealias PupilFileID = Identifier<Kind.PupilFile>
/// A document.
public typealias DocumentID = Identifier<Kind.Document>
/// A payload in the blob store.
public typealias BlobID = Identifier<Kind.Blob>
/// An upload.
public typealias UploadID = Identifier<Kind.Upload>
/// A sealed item.
public typealias ItemID = Identifier<Kind.Item>
/// A node of the key graph.
public typealias IdentityID = Identifier<Kind.Identity>
/// A signed-in session.
public typealias SessionID = Identifier<Kind.Session>
/// A backup of the vault.
public typealias BackupID = Identifier<Kind.Backup>
/// A history that a restored vault began.
public typealias BranchID = Identifier<Kind.Branch>
/// One reading of a document.
public typealias ReadingID = Identifier<Kind.Reading>
/// Work done together by one operator.
public typealias BatchID = Identifier<Kind.Batch>
/// Access of one person to a pupil file or to documents of it.
public typealias AccessID = Identifier<Kind.Access>
/// A decision about what is kept as evidence.
public typealias QuarantineDecisionID = Identifier<Kind.QuarantineDecision>
/// A proposal of something that takes two people.
public typealias ProposalID = Identifier<Kind.Proposal>
/// A passkey that somebody signs in with.
public typealias PasskeyID = Identifier<Kind.Passkey>
/// An entry without a file.
public typealias EntryID = Identifier<Kind.Entry>
/// A document or an entry, by its id.
public typealias RecordID = Identifier<Kind.Record>
/// Something that is to be done.
public typealias FollowUpID = Identifier<Kind.FollowUp>
/// Notes of a meeting that somebody has begun to write.
public typealias DraftID = Identifier<Kind.Draft>
/// A look at what was filed.
public typealias TriageID = Identifier<Kind.Triage>
/// A part of a chronology, put onto paper.
public typealias PrintID = Identifier<Kind.Print>
/// What an agency asks for.
public typealias RequestID = Identifier<Kind.Request>
/// What an agency may have.
public typealias PermissionID = Identifier<Kind.Permission>
/// What was let out under a permission, once.
public typealias IssueID = Identifier<Kind.Issue>
/// A visit of an officer who reads on site.
public typealias SiteVisitID = Identifier<Kind.SiteVisit>

extension Identifier where Of == Kind.Document {
    /// `D-7K2M9Q4C`: how people name a document, made of its id and nothing else.
    public var reference: String { "D-" + text.prefix(8).uppercased() }
    /// The document as what can be corrected.
    public var record: RecordID { shared(as: Kind.Record.self) }
}

extension Identifier where Of == Kind.Entry {
    /// `E-7K2M9Q4C`: how people name an entry, made of its id and nothing else.
    public var reference: String { "E-" + text.prefix(8).uppercased() }
    /// The entry as what can be corrected.
    public var record: RecordID { shared(as: Kind.Record.self) }
}

extension Identifier {
    /// The same 128 bits as a name of another kind: an identity and the item that holds its recipient share one.
    package func shared<Other>(as other: Other.Type) -> Identifier<Other> {
        Identifier<Other>(unchecked: high, low)
    }

    private init(unchecked high: UInt64, _ low: UInt64) { self.init(high: high, low: low) }
}
