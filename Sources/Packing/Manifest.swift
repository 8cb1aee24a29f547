import Ledger
import Records
import Sealing

/// `manifest.json`: what a pack says that it is, in canonical JSON.
struct Manifest: Hashable, Sendable {
    /// An exhibit as the manifest has it.
    struct Exhibit: Hashable, Sendable {
        let reference: String
        /// Relative to the pack's folder.
        let file: String
        let document: DocumentID
        /// The index of its filing.
        let statement: UInt64
        let mediaType: String
        let size: UInt64
        let sha256: Digest

        /// The number in its reference, `PM/17`; nil where there is none.
        var number: UInt64? { reference.split(separator: "/").last.flatMap { UInt64($0) } }
    }

    let reference: String
    let vault: VaultID
    let origin: String
    let checkpointKey: [UInt8]
    let serviceKey: [UInt8]
    /// The index of the permission's statement.
    let permission: UInt64
    /// In the order of their numbers.
    let exhibits: [Exhibit]

    static let format = "strongroom/pack/v1"

    init(_ contents: PackContents) {
        reference = contents.reference
        vault = contents.vault
        origin = contents.origin
        checkpointKey = contents.checkpointKey
        serviceKey = contents.serviceKey
        permission = contents.permission
        exhibits = contents.exhibits.map {
            Exhibit(
                reference: $0.reference,
                file: PackNames.exhibit($0.reference, fileExtension: $0.fileExtension), document: $0.document,
                statement: $0.statement, mediaType: $0.mediaType, size: $0.size, sha256: $0.sha256)
        }
    }

    /// Its bytes; throws where a word is not printable ASCII, or there are more than 1 MiB.
    func encoded() throws(LedgerError) -> [UInt8] {
        try CanonicalValue.object([
            "format": .string(Self.format), "reference": .string(reference), "vault": .string(vault.text),
            "origin": .string(origin), "checkpoint_key": .string(Base64.encode(checkpointKey)),
            "service_key": .string(Base64.encode(serviceKey)), "permission": .integer(Int64(clamping: permission)),
            "exhibits": .array(exhibits.map(\.encoded)),
        ]).encoded()
    }

    /// Reads a manifest, and only one whose encoding is exactly these bytes; nil for any other.
    init?(parsing bytes: [UInt8]) {
        guard let value = try? CanonicalValue(parsing: bytes), value["format"]?.string == Self.format,
            let reference = value["reference"]?.string,
            let vault = value["vault"]?.string.flatMap({ VaultID(text: $0) }), let origin = value["origin"]?.string,
            let checkpointKey = value["checkpoint_key"]?.string.flatMap({ Base64.decode($0) }),
            let serviceKey = value["service_key"]?.string.flatMap({ Base64.decode($0) }),
            let permission = value["permission"]?.integer.flatMap({ UInt64(exactly: $0) }),
            let exhibits = value["exhibits"]?.array
        else { return nil }
        self.reference = reference
        self.vault = vault
        self.origin = origin
        self.checkpointKey = checkpointKey
        self.serviceKey = serviceKey
        self.permission = permission
        self.exhibits = exhibits.compactMap { Exhibit(parsing: $0) }
        guard (try? encoded()) == bytes else { return nil }
    }
}

extension Manifest.Exhibit {
    fileprivate var encoded: CanonicalValue {
        .object([
            "reference": .string(reference), "file": .string(file), "document": .string(document.text),
            "statement": .integer(Int64(clamping: statement)), "media_type": .string(mediaType),
            "size": .integer(Int64(clamping: size)), "sha256": .string(sha256.hex),
        ])
    }

    fileprivate init?(parsing value: CanonicalValue) {
        guard let reference = value["reference"]?.string, let file = value["file"]?.string,
            let document = value["document"]?.string.flatMap({ DocumentID(text: $0) }),
            let statement = value["statement"]?.integer.flatMap({ UInt64(exactly: $0) }),
            let mediaType = value["media_type"]?.string,
            let size = value["size"]?.integer.flatMap({ UInt64(exactly: $0) }),
            let sha256 = value["sha256"]?.string.flatMap({ Digest(hex: $0) })
        else { return nil }
        self.init(
            reference: reference, file: file, document: document, statement: statement, mediaType: mediaType,
            size: size, sha256: sha256)
    }
}
