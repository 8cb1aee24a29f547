import ArgumentParser
import Custody
import Foundation
import Records
import S3
import Sealing
import Storing

/// How a store that speaks S3 is reached.
struct StoreOptions: ParsableArguments {
    @Option(help: "The store's settings (default: s3.yaml in the secrets' directory).")
    var store: String?
    @Option(
        help: "Read {\"access_key\":…,\"secret_key\":…} of the store from this descriptor, for settings that have none."
    )
    var secretsFd: Int32?
    @Option(help: "Give up when the store did not answer for so many seconds.")
    var giveUpAfter = 60

    func validate() throws {
        guard (0...86_400).contains(giveUpAfter) else { throw ValidationError("--give-up-after takes 0 to 86400.") }
    }

    /// The store at an address such as `s3://BUCKET/PREFIX`.
    func open(_ address: String, secrets: String?) throws -> any BlobStore {
        guard let place = S3Place(address) else {
            throw ValidationError(
                "\(address) is no place in a store. It is such as s3://BUCKET or s3://BUCKET/PREFIX, the prefix of ASCII letters, digits, hyphens and full stops."
            )
        }
        guard let file = store ?? secrets.map({ $0 + "/s3.yaml" }) else {
            throw ValidationError("Name the store's settings with --store FILE, or the vault whose secrets have them.")
        }
        ProcessHardening.disableCoreDumps()
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw VaultError.refused(
                Refusal(
                    code: "store.settings-missing", message: "The store's settings cannot be read: \(file).",
                    hint:
                        "Write endpoint, region, access-key and secret-key there, readable to nobody else, or name another file with --store."
                ))
        }
        do {
            var settings = try StoreSettings(yaml: text, name: file)
            if let secretsFd {
                let line = try SecretLines(descriptor: secretsFd).next()
                settings.accessKey = line.accessKey ?? settings.accessKey
                settings.secretKey = line.secretKey ?? settings.secretKey
            }
            return try S3Store(settings, at: place, patience: .seconds(giveUpAfter))
        } catch let refusal as Refusal { throw VaultError.refused(refusal) }
    }
}

/// `strongroom backup`
struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy the vault into a folder or a store while people work, and verify the copy.",
        discussion: """
            The first backup copies everything, later ones into the same place what is new. It holds ciphertext alone, and not \
            the secrets' directory: keep a copy of that elsewhere. No password is needed.

            A folder is verified whole each time; strongroom verify --vault DIR does so again. In a store (s3://BUCKET/PREFIX, \
            of any make that speaks S3) each payload is read back and compared once, when it is sent; of those sent before, \
            presence and length are looked at. --all reads all of them again, and so does strongroom verify --backup, which \
            records nothing.
            """)
    @OptionGroup var vault: VaultOptions
    @Option(help: "The folder, or s3://BUCKET/PREFIX: empty, or the backup of this vault.")
    var to: String
    @OptionGroup var store: StoreOptions
    @Flag(help: "Read all payloads back from the store, also those of before.")
    var all = false
    @Flag(help: "Answer as JSON.")
    var json = false

    func run() throws {
        struct Answer: Encodable {
            let backup: String
            let statements: UInt64
            let copied: Int
            let kept: Int
            let bytes: UInt64
            let mended: Int
        }
        let vault = try Vault(opening: vault.location)
        defer { vault.shutdown() }
        let progress = { (what: String, done: Int, total: Int) in
            Terminal.progress(done, of: total, "payloads \(what)")
        }
        let report: BackupReport
        if to.hasPrefix("s3:") {
            report = try vault.backUp(
                into: store.open(to, secrets: self.vault.location.secrets), readingAll: all, progress: progress)
        } else {
            report = try vault.backUp(to: to, progress: progress)
        }
        guard !json else {
            return try Terminal.json(
                Answer(
                    backup: report.backup.text, statements: report.statements, copied: report.copied, kept: report.kept,
                    bytes: report.bytes, mended: report.mended))
        }
        Terminal.say(
            """
            Backed up and verified: \(report.statements) statements; \(report.copied) payloads copied (\(report.bytes) bytes), \
            \(report.kept) were there.
            """)
        if report.mended > 0 {
            Terminal.say(
                """
                note: \(report.mended) of the payloads that were copied had been there before, and were missing or were not what \
                was filed. Tell whoever looks after the store, and run strongroom backup --all.
                """)
        }
    }
}

/// `strongroom fetch`
struct FetchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch", abstract: "Fetch a backup from a store into an empty folder, and verify it there.",
        discussion: """
            The folder is a backup then, as strongroom backup --to DIR makes one. What is cut short goes on with the same \
            command. No vault and no password is needed, but the store's settings.
            """)
    @Argument(help: "s3://BUCKET/PREFIX")
    var place: String
    @Option(help: "The folder: empty, or one in which this was begun.")
    var to: String
    @OptionGroup var vault: VaultOptions
    @OptionGroup var store: StoreOptions
    @Flag(help: "Answer as JSON.")
    var json = false

    func run() throws {
        let found = try Vault.fetch(
            backupIn: store.open(place, secrets: try? vault.location.secrets), to: to
        ) { what, done, total in Terminal.progress(done, of: total, "payloads \(what)") }
        try found.report(
            json: json, well: "Fetched and verified",
            broken:
                "What was fetched is not what its ledger says, and is not marked as a backup. Keep it, and tell the safeguarding lead."
        )
    }
}

extension Verification {
    /// Says what was found; ends the program where something is broken.
    func report(json: Bool, well: String, broken: String) throws {
        struct One: Encodable { let weight, code, place: String }
        struct Held: Encodable {
            let size: UInt64
            let extended: Bool
            let recorded: String?
            let signed: Bool
            let witnesses: [String]
        }
        struct Answer: Encodable {
            let holds: Bool
            let statements: UInt64
            let documents: Int
            let since: [Held]
            let findings: [One]
        }
        if json {
            try Terminal.json(
                Answer(
                    holds: holds, statements: statements, documents: documents,
                    since: held.map {
                        Held(
                            size: $0.size, extended: $0.recorded != nil, recorded: $0.recorded?.iso8601,
                            signed: $0.isSigned, witnesses: $0.witnesses)
                    },
                    findings: findings.map { One(weight: $0.weight.rawValue, code: $0.code, place: $0.place) }))
        } else {
            for finding in findings { Terminal.say("\(finding.weight.rawValue): \(finding.code): \(finding.place)") }
            for held in held { Terminal.say(held.words) }
            Terminal.say(holds ? "\(well): \(statements) statements and \(documents) documents hold." : broken)
        }
        if !holds { throw Stop.found }
    }
}

extension HeldFinding {
    /// What it came to, in a sentence.
    fileprivate var words: String {
        guard let recorded else {
            return "The ledger does NOT go on from the checkpoint of \(size) statements that you hold."
        }
        let seen = witnesses.isEmpty ? "" : ", cosigned by \(witnesses.joined(separator: ", "))"
        return "The ledger goes on from the checkpoint of \(size) statements that you hold, the last of them recorded "
            + "\(recorded.iso8601)\(isSigned ? ", signed by the vault" : ", compared without a signature")\(seen)."
    }
}
