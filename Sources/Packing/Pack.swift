import Ledger
public import Records
import Sealing

/// Why a pack cannot be made.
public enum PackError: Error, Hashable, Sendable {
    /// A reference, paper or ending has a name that is not safe as a file's, or that another file has, too.
    case nameUnsafe(String)
    /// A statement's leaf is none.
    case statementMalformed(UInt64)
    /// The checkpoint is no signed note.
    case checkpointMalformed
    /// Something is longer than canonical JSON may be, or has no place in it.
    case notRepresentable(String)
    /// A check that the pack contains would find something: of what these say, something is not so.
    case wouldNotCheck([PackCheck.Finding])
    /// What was given as an exhibit is not the exhibit.
    case exhibitDiffers(DocumentID)
}

/// A pack: what an agency takes away under a permission, a ZIP file that can be checked without this program.
///
/// The same contents give the same bytes. The layout is docs/format.md, "Packs".
public struct Pack: Sendable {
    private let contents: PackContents
    private let layout: ZipLayout
    /// What each entry of the layout is.
    private let sources: [Source]

    private enum Source: Sendable {
        case bytes([UInt8])
        case exhibit(PackExhibit)
    }

    /// Lays a pack out: makes its small files, and runs over all of it the checks of ``PackCheck``, with what the contents
    /// say of the exhibits' bytes. Throws ``PackError`` where the pack would not check.
    public init(_ contents: PackContents) throws(PackError) {
        let small = try Self.smallFiles(of: contents)
        let folder = PackNames.folder(contents.reference)
        var files: [(entry: ZipEntry, source: Source)] = small.map { name, bytes in
            (
                ZipEntry(name: folder + name, size: UInt64(bytes.count), crc32: crc32(of: bytes)),
                .bytes(bytes)
            )
        }
        for exhibit in contents.exhibits {
            let name = PackNames.exhibit(exhibit.reference, fileExtension: exhibit.fileExtension)
            files.append(
                (ZipEntry(name: folder + name, size: exhibit.size, crc32: exhibit.crc32), .exhibit(exhibit)))
        }
        files.sort { $0.entry.name < $1.entry.name }
        self.contents = contents
        sources = files.map(\.source)
        layout = ZipLayout(files.map(\.entry), date: ZipDate(contents.made))
        try Self.check(small, contents)
    }

    /// The exact size of the ZIP file.
    public var byteCount: UInt64 { layout.byteCount }

    /// `pack-PM-7K2M9Q4C.zip`
    public var fileName: String { "pack-\(contents.reference).zip" }

    /// Writes the ZIP file.
    ///
    /// - Parameters:
    ///   - exhibit: gives exactly an exhibit's bytes, in pieces. Its size, CRC-32 and SHA-256 are checked as they go, and a
    ///     difference throws ``PackError/exhibitDiffers(_:)`` before the last piece is passed on.
    ///   - body: takes the archive's bytes in order; they are lent for the call.
    public func write(
        exhibit give: (PackExhibit, (UnsafeRawBufferPointer) throws -> Void) throws -> Void,
        to body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        for (place, source) in sources.enumerated() {
            try layout.header(at: place).withUnsafeBytes(body)
            switch source {
            case .bytes(let bytes): try bytes.withUnsafeBytes(body)
            case .exhibit(let exhibit):
                var gate = ExhibitGate(exhibit)
                // Only so that the compiler lets one closure be called from within another.
                try withoutActuallyEscaping(body) { body in
                    try give(exhibit) { piece in
                        try gate.admit(piece)
                        try body(piece)
                    }
                }
                try gate.end()
            }
        }
        try layout.directory.withUnsafeBytes(body)
    }
}

/// Lets an exhibit's bytes through as long as they can be its own.
private struct ExhibitGate: ~Copyable {
    private let exhibit: PackExhibit
    private var count: UInt64 = 0
    private var sum = CRC32()
    private var hasher = SHA256Hasher()

    init(_ exhibit: PackExhibit) { self.exhibit = exhibit }

    private var isWhole: Bool {
        count == exhibit.size && sum.value == exhibit.crc32 && hasher.digestSoFar() == exhibit.sha256
    }

    /// Throws before a piece that is too much, or the last one of other bytes.
    mutating func admit(_ piece: UnsafeRawBufferPointer) throws(PackError) {
        guard !piece.isEmpty else { return }
        guard UInt64(piece.count) <= exhibit.size - count else { throw .exhibitDiffers(exhibit.document) }
        count += UInt64(piece.count)
        sum.update(piece)
        hasher.update(piece)
        guard count < exhibit.size || isWhole else { throw .exhibitDiffers(exhibit.document) }
    }

    /// Throws where bytes are lacking.
    consuming func end() throws(PackError) {
        guard isWhole else { throw .exhibitDiffers(exhibit.document) }
    }
}

// MARK: - The small files

extension Pack {
    /// Every file but the exhibits, by name.
    private static func smallFiles(of contents: PackContents) throws(PackError) -> [String: [UInt8]] {
        try checkNames(of: contents)
        let checkpoint: SignedNote
        do { checkpoint = try SignedNote(parsing: contents.checkpoint) } catch { throw .checkpointMalformed }
        var files = [
            PackNames.howToCheck: Array(howToCheck(contents).utf8), PackNames.check: PackageResources.check_py,
            PackNames.checkpoint: Array(contents.checkpoint.utf8),
        ]
        do throws(LedgerError) { files[PackNames.manifest] = try Manifest(contents).encoded() } catch {
            throw .notRepresentable(PackNames.manifest)
        }
        for paper in contents.papers { files[paper.name] = paper.bytes }
        var keys = AuthorKeys()
        for statement in contents.statements.sorted(by: { $0.index < $1.index }) {
            try addParts(of: statement, vault: contents.vault, checkpoint, &keys, to: &files)
        }
        var digests = files.mapValues { sha256($0) }
        for exhibit in contents.exhibits {
            digests[PackNames.exhibit(exhibit.reference, fileExtension: exhibit.fileExtension)] = exhibit.sha256
        }
        files[PackNames.sums] = Sums.encoded(digests)
        return files
    }

    /// What lies in the ledger's folder of one statement.
    private static func addParts(
        of statement: PackStatement, vault: VaultID, _ checkpoint: SignedNote, _ keys: inout AuthorKeys,
        to files: inout [String: [UInt8]]
    ) throws(PackError) {
        let signed: SignedStatement
        let proof: TlogProof
        do throws(LedgerError) {
            signed = try SignedStatement(leaf: statement.leaf)
            proof = try TlogProof(index: statement.index, path: statement.path, checkpoint: checkpoint)
        } catch { throw .statementMalformed(statement.index) }
        guard let shown = ShownStatement(parsing: signed.statement), shown.index == statement.index,
            files[PackNames.ledger(statement.index, .statement)] == nil
        else { throw .statementMalformed(statement.index) }
        let name = { PackNames.ledger(statement.index, $0) }
        files[name(.statement)] = signed.statement
        files[name(.signature)] = signed.signature
        files[name(.message)] = SignedStatement.signingInput(vault: vault.bytes, statement: signed.statement)
        files[name(.proof)] = Array(proof.encoded.utf8)
        // Where none is known, the check below finds it.
        if let key = keys.key(of: shown) { files[name(.key)] = publicKeyFile(key) }
        guard !statement.fields.isEmpty else { return }
        do throws(LedgerError) { files[name(.fields)] = try ShownFields.encoded(statement.fields) } catch {
            throw .notRepresentable(name(.fields))
        }
    }

    private static func checkNames(of contents: PackContents) throws(PackError) {
        // In lower case, as some systems compare them.
        var taken = Set(
            [PackNames.howToCheck, PackNames.check, PackNames.manifest, PackNames.sums, "ledger", "exhibits"].map {
                $0.lowercased()
            })
        guard PackNames.isSafe(contents.reference) else { throw .nameUnsafe(contents.reference) }
        for paper in contents.papers
        where !PackNames.isSafe(paper.name) || !taken.insert(paper.name.lowercased()).inserted {
            throw .nameUnsafe(paper.name)
        }
        for exhibit in contents.exhibits {
            let name = PackNames.exhibit(exhibit.reference, fileExtension: exhibit.fileExtension)
            let isSafe =
                PackNames.isSafe(exhibit.fileExtension) && !exhibit.fileExtension.contains(".")
                && exhibit.reference.split(separator: "/", omittingEmptySubsequences: false)
                    .allSatisfy { PackNames.isSafe(String($0)) }
            guard isSafe, taken.insert(name.lowercased()).inserted else { throw .nameUnsafe(exhibit.reference) }
        }
    }

    private static func check(_ small: [String: [UInt8]], _ contents: PackContents) throws(PackError) {
        var facts = small.mapValues { PackFiles.Facts(size: UInt64($0.count), sha256: sha256($0)) }
        for exhibit in contents.exhibits {
            facts[PackNames.exhibit(exhibit.reference, fileExtension: exhibit.fileExtension)] =
                PackFiles.Facts(size: exhibit.size, sha256: exhibit.sha256)
        }
        var evidence = PackEvidence()
        // It has all in memory, so reading throws nothing.
        try? evidence.examine(PackFiles(facts: facts) { name, _ in small[name] })
        var findings = evidence.findings
        if let given = evidence.given, ZipDate(given) != ZipDate(contents.made) {
            findings.append(PackCheck.Finding(PackCheck.archive, .dateDiffers))
        }
        guard findings.isEmpty else { throw .wouldNotCheck(findings) }
    }
}
