public import Records
public import Sealing

/// What a pack is made of, all of it fixed when the permission was given.
public struct PackContents: Sendable {
    /// How people name the permission: `PM-7K2M9Q4C`. Safe in a file name.
    public var reference: String
    /// The school's name, as the pack's words have it.
    public var school: String
    /// The time of the permission's statement: the date of every file in the archive.
    public var made: Timestamp
    /// The vault.
    public var vault: VaultID
    /// The origin line of its checkpoints.
    public var origin: String
    /// The checkpoints' Ed25519 key, 32 bytes, as the founding names it.
    public var checkpointKey: [UInt8]
    /// The service's Ed25519 key, 32 bytes, as the founding names it.
    public var serviceKey: [UInt8]
    /// The signed note of the ledger that ends with the permission's statement.
    public var checkpoint: String
    /// The index of the permission's statement.
    public var permission: UInt64
    /// Every statement that is shown, by index: the founding, those that brought the authors' keys, the filings, the
    /// request, the permission, and what shows continuity.
    public var statements: [PackStatement]
    /// The exhibits in the order of their numbers.
    public var exhibits: [PackExhibit]
    /// Files that are there as they are.
    public var papers: [PackPaper]

    /// Contents of all these parts.
    public init(
        reference: String, school: String, made: Timestamp, vault: VaultID, origin: String, checkpointKey: [UInt8],
        serviceKey: [UInt8], checkpoint: String, permission: UInt64, statements: [PackStatement],
        exhibits: [PackExhibit], papers: [PackPaper]
    ) {
        self.reference = reference
        self.school = school
        self.made = made
        self.vault = vault
        self.origin = origin
        self.checkpointKey = checkpointKey
        self.serviceKey = serviceKey
        self.checkpoint = checkpoint
        self.permission = permission
        self.statements = statements
        self.exhibits = exhibits
        self.papers = papers
    }
}

/// A statement that a pack shows.
public struct PackStatement: Sendable {
    /// Its place in the ledger.
    public var index: UInt64
    /// The leaf: statement and signature.
    public var leaf: [UInt8]
    /// The inclusion path in the tree of the pack's checkpoint, the leaf's sibling first.
    public var path: [Digest]
    /// Those fields of its sealed detail that are shown.
    public var fields: [String: Detail.Field]

    /// A statement of all these parts.
    public init(index: UInt64, leaf: [UInt8], path: [Digest], fields: [String: Detail.Field]) {
        self.index = index
        self.leaf = leaf
        self.path = path
        self.fields = fields
    }
}

/// A document that is disclosed.
public struct PackExhibit: Sendable {
    /// How people name it: `PM/1`.
    public var reference: String
    /// The document.
    public var document: DocumentID
    /// The index of its filing.
    public var statement: UInt64
    /// What it is: `application/pdf`.
    public var mediaType: String
    /// The ending of its file's name: `pdf`.
    public var fileExtension: String
    /// Its length in bytes.
    public var size: UInt64
    /// The SHA-256 of its bytes.
    public var sha256: Digest
    /// The CRC-32 of its bytes.
    public var crc32: UInt32

    /// An exhibit of all these parts.
    public init(
        reference: String, document: DocumentID, statement: UInt64, mediaType: String, fileExtension: String,
        size: UInt64, sha256: Digest, crc32: UInt32
    ) {
        self.reference = reference
        self.document = document
        self.statement = statement
        self.mediaType = mediaType
        self.fileExtension = fileExtension
        self.size = size
        self.sha256 = sha256
        self.crc32 = crc32
    }
}

/// A file that lies in a pack as it is.
public struct PackPaper: Sendable {
    /// Its name: ASCII letters, digits, `.`, `_` and `-`.
    public var name: String
    /// Its bytes.
    public var bytes: [UInt8]

    /// A paper of that name.
    public init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }
}
