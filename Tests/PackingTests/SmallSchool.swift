import Ledger
import Packing
import Records
import Sealing
import Testing

/// A small ledger of invented people, with a permission in it, and the papers that it gives.
///
/// Its leaves, in order: the founding; something between; an office worker who joins; a scan station; a filing by each, with
/// something between; the office worker joins again; a filing with the new key; the permission.
struct SmallSchool {
    let vault = VaultID.random()
    let lead = PersonID.random()
    let office = PersonID.random()
    let station = PersonID.random()
    private let checkpointSeed = Randomness.bytes(32)
    private let serviceSeed = Randomness.bytes(32)
    /// Signing keys' seeds, by author.
    private var seeds: [String: [UInt8]] = [:]
    private var leaves: [[UInt8]] = []
    private var tree = MerkleTree()
    private var nodes: [NodePosition: Digest] = [:]
    private var details: [UInt64: Detail] = [:]
    /// Which statements the pack shows.
    private var shown: [UInt64] = []
    private(set) var exhibits: [PackExhibit] = []
    /// The exhibits' bytes.
    private(set) var bytes: [DocumentID: [UInt8]] = [:]
    private(set) var permission: UInt64 = 0

    static let made = Timestamp(milliseconds: 1_795_781_337_000)  // 2026-11-27T12:08:57Z

    init(exhibitSizes: [Int] = [600_000, 1, 5_000, 0]) throws {
        try found()
        try say(.registerRead(.random()), by: .person(lead))
        try join(office, again: false)
        shown.append(UInt64(leaves.count))
        try say(
            .stationAdded(
                StationAct(
                    party: try party(station, roles: [.station]), expires: Timestamp(milliseconds: 1 << 50),
                    intake: false)),
            by: .person(lead))
        for (place, size) in exhibitSizes.enumerated() {
            if place == 2 { try join(office, again: true) }
            try say(.registerRead(.random()), by: .person(lead))
            try file(size, as: place + 1, by: place == 1 ? station : office)
        }
        try give()
        // The ledger goes on, and the pack's checkpoint does not.
    }

    private func key(of author: Author) throws -> SigningKey {
        try SigningKey(seed: SecretBytes(copying: seeds[author.text] ?? []))
    }

    private static func publicKey(_ seed: [UInt8]) throws -> [UInt8] {
        try SigningKey(seed: SecretBytes(copying: seed)).verifyingKey.rawRepresentation
    }

    private mutating func append(_ statement: [UInt8], by author: Author) throws {
        let signed = try SignedStatement(signing: statement, vault: vault.bytes, key: key(of: author))
        leaves.append(signed.leaf)
        for node in tree.append(leafHash(signed.leaf)) { nodes[node.position] = node.hash }
    }

    private func statement(_ act: Act, by author: Author, items: [Item] = [], fields: [String: Digest] = [:]) throws
        -> [UInt8]
    {
        try Statement(
            index: UInt64(leaves.count), time: Timestamp(milliseconds: 1_795_000_000_000 + Int64(leaves.count)),
            author: author, root: tree.root, policy: sha256(Array("policy".utf8)), pupilFile: nil, items: items,
            fields: fields, act: act
        ).encoded()
    }

    private mutating func say(_ act: Act, by author: Author, items: [Item] = [], detail: Detail? = nil) throws {
        details[UInt64(leaves.count)] = detail
        try append(statement(act, by: author, items: items, fields: detail?.commitments ?? [:]), by: author)
    }

    private mutating func party(_ id: PersonID, roles: Set<Role>, identity: IdentityID = .random()) throws -> PersonAct
    {
        let seed = Randomness.bytes(32)
        seeds[id.text] = seed
        return PersonAct(
            person: id, identity: identity, verifyingKey: try Self.publicKey(seed), nameTag: Randomness.bytes(32),
            roles: roles, keybox: .random(), row: .random(), wraps: [])
    }

    private mutating func found() throws {
        seeds["service"] = serviceSeed
        let identity = IdentityID.random()
        let act = FoundingAct(
            vault: vault, origin: origin, serviceKey: try Self.publicKey(serviceSeed),
            checkpointKey: try Self.publicKey(checkpointSeed), register: .random(), team: .random(), intake: .random(),
            abilities: Abilities(byRole: [.dsl: [.read]]), acceptableUse: "2026-09",
            twoPeople: TwoPersonRule(acts: [], newForDays: 14), passkeyRoles: [],
            founder: try party(lead, roles: [.dsl], identity: identity))
        shown.append(0)
        let recipient = Item(
            id: ItemID(identity.bytes) ?? .random(), kind: .recipient, digest: sha256(Array("recipient".utf8)))
        try say(.vaultFounded(act), by: .person(lead), items: [recipient])
    }

    private mutating func join(_ person: PersonID, again: Bool) throws {
        let seed = Randomness.bytes(32)
        seeds[person.text] = seed
        shown.append(UInt64(leaves.count))
        try say(
            .personJoined(
                JoiningAct(
                    person: person, identity: .random(), verifyingKey: try Self.publicKey(seed), keybox: .random(),
                    proof: Randomness.bytes(64))),
            by: .person(person))
    }

    private mutating func file(_ size: Int, as number: Int, by person: PersonID) throws {
        let content = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* number >> 3) }
        var sum = CRC32()
        content.withUnsafeBytes { sum.update($0) }
        let document = DocumentID.random()
        let detail = Detail(
            values: [
                "filename": "Zoë’s letter.pdf", "summary": "Letter \(number)", "size": String(size),
                "sha256": sha256(content).hex, "signed_by": "",
            ], keepsEmpty: true)
        let act = FilingAct(
            document: document, upload: .random(),
            payload: SealedPayload(
                blob: .random(), digest: sha256([1]), length: 1, nonce: Randomness.bytes(16), commitment: sha256([2])),
            detail: .random(), detailKey: .random(), quarantine: nil, batch: nil, contentTag: Randomness.bytes(32))
        exhibits.append(
            PackExhibit(
                reference: "PM/\(number + 16)", document: document, statement: UInt64(leaves.count),
                mediaType: "application/pdf", fileExtension: "pdf", size: UInt64(size), sha256: sha256(content),
                crc32: sum.value))
        bytes[document] = content
        shown.append(UInt64(leaves.count))
        try say(.documentFiled(act), by: .person(person), detail: detail)
    }

    /// The permission, as its act will be: by its keys alone.
    private mutating func give() throws {
        permission = UInt64(leaves.count)
        shown.append(permission)
        let documents = exhibits.map { CanonicalValue.object(["document": .string($0.document.text)]) }
        let statement: CanonicalValue = .object([
            "v": 1, "index": .integer(Int64(permission)), "time": .integer(Self.made.milliseconds),
            "author": .string(lead.text), "root": .string(tree.root.base64),
            "policy": .string(sha256(Array("policy".utf8)).base64), "kind": "permission.given",
            "act": .object(["documents": .array(documents), "exhibit": 17, "agency": "police"]),
        ])
        try append(statement.encoded(), by: .person(lead))
    }

    var origin: String { "strongroom.invalid/\(vault.text)" }

    func path(of index: UInt64) throws -> [Digest] {
        try Proofs.inclusion(index: index, size: tree.size) { level, index in
            try #require(nodes[NodePosition(level: level, index: index)])
        }
    }

    func checkpoint() throws -> String {
        try Checkpoint(origin: origin, size: tree.size, root: tree.root)
            .signed(by: SigningKey(seed: SecretBytes(copying: checkpointSeed))).encoded
    }

    /// What a pack of all exhibits is made of.
    func contents() throws -> PackContents {
        PackContents(
            reference: "PM-7K2M9Q4C", school: "Ashcombe Park School – Zoë’s", made: Self.made, vault: vault,
            origin: origin, checkpointKey: try Self.publicKey(checkpointSeed),
            serviceKey: try Self.publicKey(serviceSeed), checkpoint: try checkpoint(), permission: permission,
            statements: try shown.map { index in
                PackStatement(
                    index: index, leaf: leaves[Int(index)], path: try path(of: index),
                    fields: details[index]?.fields.filter { ["sha256", "size", "signed_by"].contains($0.key) } ?? [:])
            },
            exhibits: exhibits,
            papers: [
                PackPaper(name: "request.json", bytes: Array("{\"agency\":\"police\"}".utf8)),
                PackPaper(name: "chronology.csv", bytes: Array("day,what\r\n2026-11-27,Letter\r\n".utf8)),
                PackPaper(name: "section-9-statement-DRAFT.pdf", bytes: Array("%PDF-1.7".utf8)),
            ])
    }

    /// A ZIP file of these contents, the exhibits given in pieces.
    func zip(_ contents: PackContents, pieces: Int = 1 << 16) throws -> [UInt8] {
        var out: [UInt8] = []
        try Pack(contents).write(exhibit: { exhibit, body in try give(exhibit, in: pieces, to: body) }) { out += $0 }
        return out
    }

    /// Gives an exhibit's bytes in pieces of that size.
    func give(_ exhibit: PackExhibit, in pieces: Int, to body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try (bytes[exhibit.document] ?? []).withUnsafeBytes { bytes in
            for start in stride(from: 0, to: bytes.count, by: pieces) {
                try body(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + pieces, bytes.count)]))
            }
        }
    }
}
