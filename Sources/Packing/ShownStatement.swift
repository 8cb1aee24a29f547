import Ledger
import Records
import Sealing

/// A statement as a pack's checks read it: by its keys, whatever its kind, so that they know acts that are yet to come.
struct ShownStatement: Sendable {
    let index: UInt64
    let time: Timestamp
    let author: String
    let kind: String
    let act: CanonicalValue
    /// The commitments to the fields of its detail.
    let commitments: [String: Digest]
    /// The digests of the sealed items that came with it, by id.
    let items: [String: Digest]

    /// Reads canonical bytes; nil where they are none, or lack what every statement has.
    init?(parsing bytes: [UInt8]) {
        guard let value = try? CanonicalValue(parsing: bytes), value["v"]?.integer == 1,
            let index = value["index"]?.integer.flatMap({ UInt64(exactly: $0) }), let time = value["time"]?.integer,
            let author = value["author"]?.string, let kind = value["kind"]?.string, let act = value["act"],
            act.object != nil
        else { return nil }
        var commitments: [String: Digest] = [:]
        for (name, text) in value["fields"]?.object ?? [:] {
            guard let digest = text.string.flatMap({ Digest(base64: $0) }) else { return nil }
            commitments[name] = digest
        }
        var items: [String: Digest] = [:]
        for item in value["items"]?.array ?? [] {
            guard let id = item["id"]?.string, let digest = item["sha256"]?.string.flatMap({ Digest(base64: $0) })
            else { return nil }
            items[id] = digest
        }
        self.index = index
        self.time = Timestamp(milliseconds: time)
        self.author = author
        self.kind = kind
        self.act = act
        self.commitments = commitments
        self.items = items
    }

    /// Whether its author may say it at all: the vault's own service says only what no person does.
    var isLawfulForItsAuthor: Bool {
        author != "service"
            || [
                "sign-in.failed", "orphan.found", "upload.refused", "upload.waiting", "session.closed",
                "document.closed", "permission.ended", "permission.entered", "permission.refused",
                "permission.acknowledged", "issue.opened", "issue.closed",
            ].contains(kind)
    }

    /// Whether it brings the very key that it is signed with.
    fileprivate var signsWithItsOwnKey: Bool {
        kind == "vault.founded" || kind == "person.joined" || kind == "recovery.used"
    }

    /// The signing keys that it brings, by author.
    fileprivate var keys: [String: VerifyingKey] {
        func key(_ value: CanonicalValue?) -> VerifyingKey? {
            value?.string.flatMap { Base64.decode($0) }.flatMap { VerifyingKey(rawRepresentation: $0) }
        }
        func keys(of party: CanonicalValue?, own: Bool) -> [String: VerifyingKey] {
            guard let person = party?["person"]?.string, let key = key(party?["verifying_key"]),
                own == (person == author)
            else { return [:] }
            return [person: key]
        }
        switch kind {
        case "vault.founded" where index == 0:
            var keys = keys(of: act["founder"], own: true)
            keys["service"] = key(act["service_key"])
            return keys
        case "person.joined", "recovery.used": return keys(of: act, own: true)
        case "station.added": return keys(of: act["station"], own: false)
        default: return [:]
        }
    }
}

/// The authors' keys, as the statements of a pack bring them.
struct AuthorKeys: Sendable {
    private var newest: [String: VerifyingKey] = [:]

    /// The key that a statement is to be signed with, once all that stand before it were asked for; nil where none of
    /// them brought it.
    mutating func key(of statement: ShownStatement) -> VerifyingKey? {
        let brought = statement.keys
        if statement.signsWithItsOwnKey { newest.merge(brought) { $1 } }
        let key = newest[statement.author]
        if !statement.signsWithItsOwnKey { newest.merge(brought) { $1 } }
        return key
    }
}
