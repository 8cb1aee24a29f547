public import Records
import Sealing

/// What checking a pack came to: the archive's layout, every file's checksum, signatures, proofs, fields and exhibits.
public struct PackCheck: Sendable {
    /// Something that is wrong, and where.
    public struct Finding: Hashable, Sendable {
        /// The file, relative to the pack's folder; ``PackCheck/archive`` for the ZIP file itself.
        public let file: String
        /// What is wrong.
        public let fault: PackFault
        /// Which part of the file, where it has several.
        public let part: String?

        init(_ file: String, _ fault: PackFault, part: String? = nil) {
            self.file = file
            self.fault = fault
            self.part = part
        }

        /// What is wrong, for people; it goes on from the file's name.
        public var message: String { (part.map { "\($0): " } ?? "") + fault.sentence }
    }

    /// How the ZIP file itself is named in a finding.
    public static let archive = "(the ZIP file)"

    /// What was found, in the order it was found.
    public let findings: [Finding]
    /// How people name the permission; nil where the pack does not say.
    public let reference: String?
    /// The vault that its founding statement names.
    public let vault: VaultID?
    /// The fingerprint of the checkpoints' key that the founding statement names: SHA-256, in groups of four digits.
    public let checkpointKeyFingerprint: String?
    /// The words of that vault, as they stand on the school's recovery sheets.
    public let vaultWords: [String]?
    /// The time of the permission's statement.
    public let given: Timestamp?
    /// How many files were looked at.
    public let files: Int
    /// How many exhibits the manifest names.
    public let exhibits: Int
    /// How many statements are shown.
    public let statements: Int
    /// Whether nothing is wrong.
    public var holds: Bool { findings.isEmpty }

    /// Checks an archive, in memory that does not grow with its exhibits.
    ///
    /// - Parameters:
    ///   - byteCount: the archive's size.
    ///   - read: fills the whole buffer with the archive's bytes from an offset on; what it throws is passed on.
    public init(
        byteCount: UInt64, read: @escaping (_ offset: UInt64, _ into: UnsafeMutableRawBufferPointer) throws -> Void
    ) throws {
        var findings: [Finding] = []
        var evidence = PackEvidence()
        var given: Timestamp?
        do {
            let archive = try ZipArchive(byteCount: byteCount, read: read)
            let folder = Self.folder(of: archive)
            let facts = try Self.facts(of: archive, in: folder, &findings)
            try evidence.examine(
                PackFiles(facts: facts) { name, most in try archive.bytes(of: folder + name, atMost: most) })
            given = evidence.given
            if let reference = evidence.manifest?.reference, PackNames.folder(reference) != folder {
                findings.append(Finding(Self.archive, .folderDiffers))
            }
            if let given, ZipDate(given) != archive.date { findings.append(Finding(Self.archive, .dateDiffers)) }
        } catch let fault as ZipArchive.Fault {
            findings.append(
                Finding(Self.archive, fault == .notAnArchive ? .archiveUnreadable : .archiveLaidOutOtherwise))
        }
        self.findings = findings + evidence.findings
        self.given = given
        reference = evidence.manifest?.reference
        vault = evidence.founding?.vault
        checkpointKeyFingerprint = (evidence.founding?.checkpointKey).map { keyFingerprint($0) }
        vaultWords = evidence.founding?.words
        files = evidence.fileCount
        exhibits = evidence.manifest?.exhibits.count ?? 0
        statements = evidence.statementCount
    }

    /// The folder that the first file lies in, with its slash.
    private static func folder(of archive: ZipArchive) -> String {
        let first = archive.layout.entries.first?.name ?? ""
        return first.firstIndex(of: "/").map { String(first[...$0]) } ?? ""
    }

    /// Reads every byte of every file once.
    private static func facts(
        of archive: ZipArchive, in folder: String, _ findings: inout [Finding]
    ) throws -> [String: PackFiles.Facts] {
        var facts: [String: PackFiles.Facts] = [:]
        for (place, entry) in archive.layout.entries.enumerated() {
            guard entry.name.hasPrefix(folder) else {
                findings.append(Finding(entry.name, .outsideFolder))
                continue
            }
            let name = String(entry.name.dropFirst(folder.count))
            if try !archive.headerAgrees(at: place) { findings.append(Finding(name, .headerDiffers)) }
            var sum = CRC32()
            var hasher = SHA256Hasher()
            try archive.forEachPiece(at: place) { piece in
                sum.update(piece)
                hasher.update(piece)
            }
            if sum.value != entry.crc32 { findings.append(Finding(name, .sumDiffers)) }
            facts[name] = PackFiles.Facts(size: entry.size, sha256: hasher.finish())
        }
        return facts
    }
}
