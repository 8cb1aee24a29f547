import Ledger
import Records
import Sealing

// What a pack has to show, in order: SHA256SUMS and the files; the founding, which names the vault's keys; the checkpoint;
// each statement's signature and place; the fields that are shown; each exhibit against its filing; the permission against
// the exhibits. `check.py` does the same and shares no code with this. Statements are read by their keys and not as
// `Records` reads them, so that a pack is checked whatever acts it shows; that they were lawful is for `verify` on the
// vault.

/// The files of a pack, wherever they lie.
struct PackFiles {
    /// What is known of a file without having it in memory.
    struct Facts: Hashable, Sendable {
        let size: UInt64
        let sha256: Digest
    }

    /// By name, relative to the pack's folder.
    let facts: [String: Facts]
    private let bytes: (_ name: String, _ most: UInt64) throws -> [UInt8]?

    /// - Parameter bytes: a file's bytes; nil where there is none of that name, or more than `most`.
    init(facts: [String: Facts], bytes: @escaping (_ name: String, _ most: UInt64) throws -> [UInt8]?) {
        self.facts = facts
        self.bytes = bytes
    }

    /// The bytes of a file of at most 4 MiB, which no statement, note or manifest exceeds; empty for a longer one.
    func small(_ name: String) throws -> [UInt8] { try bytes(name, 4 << 20) ?? [] }

    /// The bytes of SHA256SUMS.
    func sums() throws -> [UInt8] { try bytes(PackNames.sums, 64 << 20) ?? [] }
}

/// The checks of a pack's files, and what they found.
struct PackEvidence: Sendable {
    /// What the founding statement says.
    struct Founding: Sendable {
        let vault: VaultID
        /// The origin of the checkpoint.
        var origin: String
        let checkpointKey: [UInt8]
        let serviceKey: [UInt8]
        /// As they stand on the recovery sheets.
        let words: [String]
    }

    private(set) var findings: [PackCheck.Finding] = []
    /// The same: each is noted once.
    private var known: Set<PackCheck.Finding> = []
    private(set) var manifest: Manifest?
    private(set) var founding: Founding?
    /// The time of the permission's statement.
    private(set) var given: Timestamp?
    private(set) var fileCount = 0
    private(set) var statementCount = 0

    /// Looks at everything, and goes on whatever it finds. Throws only what reading a file throws.
    mutating func examine(_ files: PackFiles) throws {
        fileCount = files.facts.count
        try examineSums(files)
        if files.facts[PackNames.manifest] != nil {
            manifest = Manifest(parsing: try files.small(PackNames.manifest))
            if manifest == nil { find(PackNames.manifest, .manifestMalformed) }
        }
        examineNames(files)
        let statements = try shown(files)
        statementCount = statements.count
        examineFounding(statements)
        let values = try examine(statements, files)
        for exhibit in manifest?.exhibits ?? [] {
            examine(exhibit, files.facts[exhibit.file], statements[exhibit.statement], values[exhibit.statement] ?? [:])
        }
        examinePermission(statements)
    }

    private mutating func find(_ file: String, _ fault: PackFault, part: String? = nil) {
        let finding = PackCheck.Finding(file, fault, part: part)
        if known.insert(finding).inserted { findings.append(finding) }
    }

    // MARK: - Files

    private mutating func examineSums(_ files: PackFiles) throws {
        let listed = Sums(parsing: try files.sums())
        if files.facts[PackNames.sums] != nil && !listed.isWellFormed { find(PackNames.sums, .sumsMalformed) }
        for name in Set(listed.digests.keys).union(files.facts.keys).sorted() where name != PackNames.sums {
            switch (listed.digests[name], files.facts[name]?.sha256) {
            case (let listed?, let actual?): if listed != actual { find(name, .digestDiffers) }
            case (nil, _): find(name, .notInSums)
            case (_, nil): find(name, .missing)
            }
        }
    }

    /// That each file belongs there, and none that must be there is missing.
    private mutating func examineNames(_ files: PackFiles) {
        let exhibits = Set(manifest?.exhibits.map(\.file) ?? [])
        let required = [
            PackNames.howToCheck, PackNames.check, PackNames.manifest, PackNames.sums, PackNames.checkpoint,
        ]
        for name in required where files.facts[name] == nil { find(name, .missing) }
        for name in files.facts.keys.sorted() where name != PackNames.checkpoint && name.contains("/") {
            let isExpected =
                name.hasPrefix(PackNames.ledgerFolder) ? PackNames.part(named: name) != nil : exhibits.contains(name)
            if !isExpected { find(name, .notExpected) }
        }
        var names: Set<String> = []
        for exhibit in manifest?.exhibits ?? [] {
            let ending = exhibit.file.split(separator: ".").last.map(String.init) ?? ""
            let isNamed = exhibit.file == PackNames.exhibit(exhibit.reference, fileExtension: ending)
            if !isNamed || !names.insert(exhibit.file).inserted { find(exhibit.file, .exhibitNameDiffers) }
        }
    }

    // MARK: - Statements

    /// The statements that can be read, by index.
    private mutating func shown(_ files: PackFiles) throws -> [UInt64: ShownStatement] {
        var statements: [UInt64: ShownStatement] = [:]
        for index in Set(files.facts.keys.compactMap { PackNames.part(named: $0)?.index }).sorted() {
            for part in PackNames.Part.allCases
            where part != .fields && files.facts[PackNames.ledger(index, part)] == nil {
                find(PackNames.ledger(index, part), .missing)
            }
            let name = PackNames.ledger(index, .statement)
            guard files.facts[name] != nil else { continue }
            if let statement = ShownStatement(parsing: try files.small(name)) {
                statements[index] = statement
                if statement.index != index { find(name, .statementIndexDiffers) }
                if !statement.isLawfulForItsAuthor { find(name, .authorUnlawful) }
            } else {
                find(name, .statementMalformed)
            }
        }
        return statements
    }

    private mutating func examineFounding(_ statements: [UInt64: ShownStatement]) {
        let name = PackNames.ledger(0, .statement)
        guard let statement = statements[0], var founding = Founding(statement) else {
            return find(name, .foundingMissing)
        }
        // A vault that was restored went on under an origin of its own, as the last such statement says.
        let branch = statements.filter { $0.value.kind == "vault.continued" }.max { $0.key < $1.key }?.value
            .act["branch"]?.string
        if let branch { founding.origin += "/" + branch }
        self.founding = founding
        guard let manifest else { return }
        if manifest.vault != founding.vault || manifest.origin != founding.origin
            || manifest.checkpointKey != founding.checkpointKey || manifest.serviceKey != founding.serviceKey
        {
            find(name, .foundingDiffers)
        }
    }

    /// Each statement's signature, place and fields; gives the values of the fields that hold, by statement and name.
    private mutating func examine(
        _ statements: [UInt64: ShownStatement], _ files: PackFiles
    ) throws -> [UInt64: [String: [UInt8]]] {
        let note = try files.small(PackNames.checkpoint)
        let checkpoint = verified(note)
        if checkpoint == nil && files.facts[PackNames.checkpoint] != nil {
            find(PackNames.checkpoint, .checkpointFalse)
        }
        var keys = AuthorKeys()
        var values: [UInt64: [String: [UInt8]]] = [:]
        for (index, statement) in statements.sorted(by: { $0.key < $1.key }) {
            let bytes = try files.small(PackNames.ledger(index, .statement))
            let signature = try files.small(PackNames.ledger(index, .signature))
            try examineSignature(signature, of: bytes, statement, at: index, &keys, files)
            if let signed = try? SignedStatement(statement: bytes, signature: signature) {
                try examineProof(of: signed, at: index, in: checkpoint, note: note, files)
            }
            values[index] = try examineFields(of: statement, at: index, files)
        }
        return values
    }

    private func verified(_ note: [UInt8]) -> Checkpoint? {
        guard let founding, let key = VerifyingKey(rawRepresentation: founding.checkpointKey),
            let verifier = try? NoteVerifier(name: founding.origin, verifyingKey: key),
            let verified = try? SignedNote(parsing: note).verified(by: [verifier])
        else { return nil }
        return try? Checkpoint(verified, origin: founding.origin)
    }

    private mutating func examineSignature(
        _ signature: [UInt8], of bytes: [UInt8], _ statement: ShownStatement, at index: UInt64,
        _ keys: inout AuthorKeys, _ files: PackFiles
    ) throws {
        let key = keys.key(of: statement)
        guard let vault = founding?.vault.bytes else { return }
        let message = SignedStatement.signingInput(vault: vault, statement: bytes)
        let name = { PackNames.ledger(index, $0) }
        if files.facts[name(.message)] != nil, try files.small(name(.message)) != message {
            find(name(.message), .messageDiffers)
        }
        guard let key else { return find(name(.statement), .authorKeyMissing) }
        if files.facts[name(.signature)] != nil, !key.isValid(signature, for: message) {
            find(name(.signature), .signatureFalse)
        }
        if files.facts[name(.key)] != nil, try files.small(name(.key)) != publicKeyFile(key) {
            find(name(.key), .keyFileDiffers)
        }
    }

    private mutating func examineProof(
        of signed: SignedStatement, at index: UInt64, in checkpoint: Checkpoint?, note: [UInt8], _ files: PackFiles
    ) throws {
        let name = PackNames.ledger(index, .proof)
        guard files.facts[name] != nil else { return }
        guard let proof = try? TlogProof(parsing: try files.small(name)), proof.extra.isEmpty else {
            return find(name, .proofMalformed)
        }
        guard proof.index == index, proof.checkpoint.encoded.utf8.elementsEqual(note) else {
            return find(name, .proofOfAnother)
        }
        guard let checkpoint else { return }
        let isIncluded = Proofs.verifyInclusion(
            leafHash: leafHash(signed.leaf), index: index, size: checkpoint.size, path: proof.path,
            root: checkpoint.root)
        if !isIncluded { find(name, .proofFalse) }
    }

    /// The values of the fields that are shown and that the statement commits to.
    private mutating func examineFields(
        of statement: ShownStatement, at index: UInt64, _ files: PackFiles
    ) throws -> [String: [UInt8]] {
        let name = PackNames.ledger(index, .fields)
        guard files.facts[name] != nil else { return [:] }
        guard let fields = ShownFields.parse(try files.small(name)) else {
            find(name, .fieldsMalformed)
            return [:]
        }
        var values: [String: [UInt8]] = [:]
        for (field, shown) in fields.sorted(by: { $0.key < $1.key }) {
            // A salt of another length would let bytes pass from it to the value.
            if shown.salt.count == 32,
                fieldCommitment(name: field, salt: shown.salt, value: shown.value) == statement.commitments[field]
            {
                values[field] = shown.value
            } else {
                find(name, .fieldFalse, part: field)
            }
        }
        return values
    }

    // MARK: - Exhibits

    /// An exhibit against the manifest and against what its filing commits to.
    private mutating func examine(
        _ exhibit: Manifest.Exhibit, _ facts: PackFiles.Facts?, _ filing: ShownStatement?, _ fields: [String: [UInt8]]
    ) {
        guard let facts else { return find(exhibit.file, .missing) }
        if facts != PackFiles.Facts(size: exhibit.size, sha256: exhibit.sha256) { find(exhibit.file, .exhibitDiffers) }
        guard let filing, filing.kind == "document.filed" else { return find(exhibit.file, .filingMissing) }
        if filing.act["document"]?.string != exhibit.document.text { find(exhibit.file, .filingOfAnother) }
        if fields["sha256"] != Array(facts.sha256.hex.utf8) { find(exhibit.file, .filingDigestDiffers) }
        if fields["size"] != Array(String(facts.size).utf8) { find(exhibit.file, .filingSizeDiffers) }
    }

    /// That the permission is of these documents, in this order and with these numbers.
    private mutating func examinePermission(_ statements: [UInt64: ShownStatement]) {
        guard let manifest else { return }
        let name = PackNames.ledger(manifest.permission, .statement)
        guard let permission = statements[manifest.permission], permission.kind == "permission.given" else {
            return find(name, .permissionMissing)
        }
        given = permission.time
        let documents = permission.act["documents"]?.array?.map { $0["document"]?.string }
        let first = permission.act["exhibit"]?.integer.flatMap { UInt64(exactly: $0) }
        let numbers = manifest.exhibits.indices.map { place in first.map { $0 + UInt64(place) } }
        if documents != manifest.exhibits.map(\.document.text) || numbers != manifest.exhibits.map(\.number) {
            find(name, .permissionOfOthers)
        }
    }
}

extension PackEvidence.Founding {
    /// What statement 0 says; nil where it founds no vault.
    fileprivate init?(_ statement: ShownStatement) {
        let act = statement.act
        guard statement.kind == "vault.founded", let vault = act["vault"]?.string.flatMap({ VaultID(text: $0) }),
            let origin = act["origin"]?.string,
            let checkpointKey = act["checkpoint_key"]?.string.flatMap({ Base64.decode($0) }),
            let serviceKey = act["service_key"]?.string.flatMap({ Base64.decode($0) }),
            let founder = act["founder"], let person = founder["person"]?.string.flatMap({ PersonID(text: $0) }),
            let identity = founder["identity"]?.string.flatMap({ IdentityID(text: $0) }),
            let key = founder["verifying_key"]?.string.flatMap({ Base64.decode($0) }),
            let verifyingKey = VerifyingKey(rawRepresentation: key),
            let recipient = statement.items[identity.text]
        else { return nil }
        let digest = fingerprint(
            vault: vault, person: person, identity: identity, recipient: recipient, verifyingKey: verifyingKey)
        self.init(
            vault: vault, origin: origin, checkpointKey: checkpointKey, serviceKey: serviceKey,
            words: ShareWords.phrase(of: digest.bytes, words: 8))
    }
}
