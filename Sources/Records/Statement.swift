public import Ledger
public import Sealing

/// Why a statement, or the replay of many, cannot be believed.
public enum StatementError: Error, Hashable, Sendable {
    /// The bytes are not a statement of this format: the key that was wrong.
    case malformed(String)
    /// The statement is well formed, but what it says could not lawfully follow what stands before it.
    case unlawful(String)
}

/// Who made a statement.
public enum Author: Hashable, Sendable {
    /// The vault's own service, for what no person does.
    case service
    /// A person, with their signing key.
    case person(PersonID)

    /// As a statement writes it.
    public var text: String {
        switch self {
        case .service: "service"
        case .person(let id): id.text
        }
    }

    /// From a statement's word; nil for anything else.
    public init?(text: String) {
        if text == "service" {
            self = .service
        } else if let id = PersonID(text: text) {
            self = .person(id)
        } else {
            return nil
        }
    }
}

/// What a sealed item is.
public enum ItemKind: String, Hashable, Sendable, CaseIterable {
    /// A node's public recipient; the item has the identity's id.
    case recipient
    /// An identity's secret sealed to a holder.
    case wrap
    /// A person's secrets under their password and the server secret.
    case keybox
    /// A document's age header: the pupil file's has the document's id, one for somebody else an id of its own.
    case header
    /// A document's names, summary and dates.
    case detail
    /// A session's detail key sealed to a pupil file.
    case detailKey = "detail-key"
    /// The key of one row, sealed to somebody who may read that row alone.
    case rowKey = "row-key"
    /// The detail key of one intake item, sealed to the intake queue.
    case intakeKey = "intake-key"
    /// A pupil's name, date of birth, UPN and enrolment date.
    case registerRow = "register-row"
    /// Where the paper of a batch is, sealed with the register's key.
    case batchRow = "batch-row"
    /// What is certified of destroyed paper, sealed with the safeguarding team's key.
    case certificate
    /// A person's name.
    case personRow = "person-row"
    /// What an agency is told under a permission, and what a pack needs, sealed to the permission.
    case terms
    /// The public half of a passkey.
    case credential
    /// The name that somebody gave a passkey.
    case passkeyRow = "passkey-row"
}

/// A sealed item as its statement commits to it.
public struct Item: Hashable, Sendable {
    /// The item's id.
    public let id: ItemID
    /// What it is.
    public let kind: ItemKind
    /// SHA-256 of its bytes.
    public let digest: Digest

    /// An item of known digest.
    public init(id: ItemID, kind: ItemKind, digest: Digest) {
        self.id = id
        self.kind = kind
        self.digest = digest
    }
}

/// A statement: the vault's record of one act. It holds no direct identifiers.
///
/// Encoded as RFC 8785 JSON of printable ASCII; docs/format.md has every key. The ledger's size before the statement is
/// its index, so `index` and `root` together name the tree it follows.
public struct Statement: Hashable, Sendable {
    /// The place in the ledger, from 0; the ledger's size before it.
    public let index: UInt64
    /// When it was recorded.
    public let time: Timestamp
    /// Who made it.
    public let author: Author
    /// The ledger's RFC 6962 root before it.
    public let root: Digest
    /// SHA-256 of the policies in force.
    public let policy: Digest
    /// The one pupil file it is about.
    public let pupilFile: PupilFileID?
    /// The sealed items that came with it.
    public let items: [Item]
    /// Salted commitments to the fields of the sealed detail.
    public let fields: [String: Digest]
    /// What was done.
    public let act: Act

    /// A statement of all its parts.
    public init(
        index: UInt64, time: Timestamp, author: Author, root: Digest, policy: Digest, pupilFile: PupilFileID?,
        items: [Item], fields: [String: Digest], act: Act
    ) {
        self.index = index
        self.time = time
        self.author = author
        self.root = root
        self.policy = policy
        self.pupilFile = pupilFile
        self.items = items
        self.fields = fields
        self.act = act
    }

    /// The version of this format.
    public static let version: Int64 = 1

    /// The bytes that are signed, hashed, stored and shown.
    public func encoded() throws(LedgerError) -> [UInt8] {
        var object: [String: CanonicalValue] = [
            "v": .integer(Self.version), "index": .integer(Int64(index)), "time": .integer(time.milliseconds),
            "author": .string(author.text), "root": .string(root.base64), "policy": .string(policy.base64),
            "kind": .string(act.kind.rawValue), "act": .object(act.encoded),
        ]
        if let pupilFile { object["pupil_file"] = .string(pupilFile.text) }
        if !items.isEmpty {
            object["items"] = .array(
                items.map {
                    .object([
                        "id": .string($0.id.text), "kind": .string($0.kind.rawValue),
                        "sha256": .string($0.digest.base64),
                    ])
                })
        }
        if !fields.isEmpty { object["fields"] = .object(fields.mapValues { .string($0.base64) }) }
        return try CanonicalValue.object(object).encoded()
    }

    /// Reads a statement, and only one whose encoding is exactly these bytes.
    public init(parsing bytes: [UInt8]) throws(StatementError) {
        let value: CanonicalValue
        do { value = try CanonicalValue(parsing: bytes) } catch { throw .malformed("json") }
        var reader = try StatementReader(value)
        guard try reader.integer("v") == Self.version else { throw .malformed("v") }
        let index = try reader.integer("index")
        guard index >= 0 else { throw .malformed("index") }
        self.index = UInt64(index)
        time = Timestamp(milliseconds: try reader.integer("time"))
        guard let author = Author(text: try reader.text("author")) else { throw .malformed("author") }
        self.author = author
        root = try reader.digest("root")
        policy = try reader.digest("policy")
        pupilFile = try reader.has("pupil_file") ? try reader.id("pupil_file") : nil
        var items: [Item] = []
        let hasItems = try reader.has("items")
        for value in hasItems ? try reader.array("items") : [] {
            var item = try StatementReader(value)
            guard let kind = ItemKind(rawValue: try item.text("kind")) else { throw .malformed("items.kind") }
            items.append(Item(id: try item.id("id"), kind: kind, digest: try item.digest("sha256")))
            try item.end()
        }
        if hasItems && items.isEmpty { throw .malformed("items") }
        self.items = items
        var fields: [String: Digest] = [:]
        if try reader.has("fields") {
            for (name, value) in try reader.object("fields") {
                guard case .string(let text) = value, let digest = Digest(base64: text) else {
                    throw .malformed("fields")
                }
                fields[name] = digest
            }
            if fields.isEmpty { throw .malformed("fields") }
        }
        self.fields = fields
        guard let kind = Act.Kind(rawValue: try reader.text("kind")) else { throw .malformed("kind") }
        act = try Act(kind: kind, parsing: try reader.value("act"))
        try reader.end()
        guard (try? encoded()) == bytes else { throw .malformed("not as it would be written") }
    }
}

/// Reads an object's keys one by one; `end` refuses any that was not asked for.
struct StatementReader {
    private let values: [String: CanonicalValue]
    private var read: Set<String> = []

    init(_ value: CanonicalValue) throws(StatementError) {
        guard case .object(let object) = value else { throw .malformed("object") }
        values = object
    }

    func has(_ key: String) throws(StatementError) -> Bool { values[key] != nil }

    mutating func value(_ key: String) throws(StatementError) -> CanonicalValue {
        guard let value = values[key] else { throw .malformed(key) }
        read.insert(key)
        return value
    }

    mutating func text(_ key: String) throws(StatementError) -> String {
        guard case .string(let text) = try value(key) else { throw .malformed(key) }
        return text
    }

    mutating func integer(_ key: String) throws(StatementError) -> Int64 {
        guard case .integer(let integer) = try value(key) else { throw .malformed(key) }
        return integer
    }

    mutating func size(_ key: String) throws(StatementError) -> UInt64 {
        guard let size = UInt64(exactly: try integer(key)) else { throw .malformed(key) }
        return size
    }

    mutating func array(_ key: String) throws(StatementError) -> [CanonicalValue] {
        guard case .array(let array) = try value(key) else { throw .malformed(key) }
        return array
    }

    mutating func object(_ key: String) throws(StatementError) -> [String: CanonicalValue] {
        guard case .object(let object) = try value(key) else { throw .malformed(key) }
        return object
    }

    mutating func flag(_ key: String) throws(StatementError) -> Bool {
        guard case .boolean(let flag) = try value(key) else { throw .malformed(key) }
        return flag
    }

    mutating func id<Of>(_ key: String) throws(StatementError) -> Identifier<Of> {
        guard let id = Identifier<Of>(text: try text(key)) else { throw .malformed(key) }
        return id
    }

    mutating func digest(_ key: String) throws(StatementError) -> Digest {
        guard let digest = Digest(base64: try text(key)) else { throw .malformed(key) }
        return digest
    }

    mutating func bytes(_ key: String) throws(StatementError) -> [UInt8] {
        guard let bytes = Base64.decode(try text(key)) else { throw .malformed(key) }
        return bytes
    }

    /// Words of one kind, each once and in order: a set as `encoded` writes it.
    mutating func words<Word: RawRepresentable>(_ key: String) throws(StatementError) -> Set<Word>
    where Word.RawValue == String, Word: Hashable {
        try Self.words(key, try array(key))
    }

    static func words<Word: RawRepresentable>(
        _ key: String, _ values: [CanonicalValue]
    ) throws(StatementError) -> Set<Word> where Word.RawValue == String, Word: Hashable {
        var words: Set<Word> = []
        var last: String?
        for value in values {
            guard case .string(let text) = value, let word = Word(rawValue: text), last.map({ $0 < text }) ?? true
            else {
                throw .malformed(key)
            }
            words.insert(word)
            last = text
        }
        return words
    }

    mutating func word<Word: RawRepresentable>(_ key: String) throws(StatementError) -> Word
    where Word.RawValue == String {
        guard let word = Word(rawValue: try text(key)) else { throw .malformed(key) }
        return word
    }

    func end() throws(StatementError) {
        if let unknown = values.keys.first(where: { !read.contains($0) }) { throw .malformed(unknown) }
    }
}
