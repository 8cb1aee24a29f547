import Foundation
import GRDB
import Glibc
import Inspection
import Ledger
public import Records
import Sandbox
import Sealing
import Synchronization

/// The vault: everything that is done goes through here, and is in the ledger when a call returns.
///
/// Calls are synchronous and may block on the disk. Several processes may use one vault at the same time.
public final class Vault: Sendable {
    /// The policies in force.
    public let policies: Policies
    /// The vault directory.
    public let path: String

    let clock: any Records.Clock
    let pool: DatabasePool
    let workspace: Workspace
    let secrets: SecretFiles
    let recorder: Recorder
    let blobs: PayloadFolder
    let budget: MemoryBudget
    let inspectorProgram: String
    let forbiddenToSandbox: [String]
    let inspector = Mutex<Inspector?>(nil)
    let antivirus: Antivirus
    let recognition: RecognitionQueue
    let hashGate: HashGate
    let failures: SignInFailures
    let challenges: Challenges
    let filingTurns = FilingTurns()
    /// One act at a time on a person's notes that are being written. Taken before a filing turn, never within one.
    let draftTurns = FilingTurns()
    /// One act at a time at a person's desk; a filing turn may be taken within one.
    let deskTurns = FilingTurns()
    /// One sealing of a person's at a time; a desk turn may be taken within one.
    let sealingTurns = FilingTurns()
    let copies = StackCopies()
    let lookedAt = LookedAt()
    let reading = StackWork()
    let arrivals = Arrivals()
    let stationMemories = StationMemories()
    /// The sessions of people who are signed in on pages.
    public let sessions: Sessions
    let agencySessions: AgencySessions
    let issuing: IssuingLock
    /// How often the inspection came to each outcome, since this was opened.
    let verdicts = Mutex<[String: UInt64]>([:])
    /// When a refusal of somebody with a link was last said.
    let agencyRefusals = Mutex<[PermissionID: MonotonicTime]>([:])

    /// Where a vault's parts are.
    public struct Location: Hashable, Sendable {
        /// The vault directory.
        public let vault: String
        /// The secrets' directory, never inside the vault.
        public let secrets: String
        /// The strongroom-inspector program.
        public let inspector: String
        /// The directory with ClamAV's signatures.
        public let signatures: String
        /// ClamAV's daemon.
        public let clamd: String

        /// By default the secrets are in `<vault>.secrets`, the inspector beside this program.
        public init(
            vault: String, secrets: String? = nil, inspector: String? = nil, signatures: String? = nil,
            clamd: String? = nil
        ) {
            var vault = vault
            while vault.count > 1 && vault.hasSuffix("/") { vault.removeLast() }
            self.vault = vault
            self.secrets = secrets ?? vault + ".secrets"
            self.inspector = inspector ?? Self.besideThisProgram("strongroom-inspector")
            self.signatures = signatures ?? "/var/lib/clamav"
            self.clamd = clamd ?? "/usr/sbin/clamd"
        }

        private static func besideThisProgram(_ name: String) -> String {
            let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
            return Files.directory(of: program) + "/" + name
        }

        var catalogue: String { vault + "/catalogue.sqlite" }
        var policies: String { vault + "/policies" }
    }

    /// Opens a vault and checks its ledger against the newest checkpoint, the witness and what is known beside its folder.
    ///
    /// - Parameter behind: whether a ledger is opened that is behind those, so that a person can decide that it goes on.
    /// - Throws: refusals `vault.missing`, `vault.behind`, `vault.backup` for a folder that is a backup.
    public init(
        opening location: Location, behind: Bool = false, clock: any Records.Clock = SystemClock()
    ) throws(VaultError) {
        try Self.checkPresent(location)
        if Self.isBackup(location.vault) { throw .refused(.vaultIsBackup) }
        _ = ProcessHardening.disableCoreDumps()
        self.clock = clock
        path = location.vault
        inspectorProgram = location.inspector
        forbiddenToSandbox = [location.vault, location.secrets]
        (policies, pool, workspace, secrets) = try rethrowing("vault.open") {
            (
                try Self.readPolicies(location.policies), try Catalogue.open(location.catalogue),
                try Workspace(path: location.vault), try SecretFiles(in: location.secrets)
            )
        }
        blobs = PayloadFolder(root: location.vault)
        recorder = Recorder(
            secrets: secrets, clock: clock, at: location, policy: policies.digest)
        budget = MemoryBudget(bytes: UInt64(policies.limits.inspectionMemoryMiB) << 20)
        antivirus = Antivirus(
            Antivirus.Settings(
                program: location.clamd, signatures: location.signatures,
                largest: policies.fileTypes.types.map(\.largestBytes).max() ?? 0))
        hashGate = HashGate(atOnce: policies.sessions.hashesAtOnce, waiting: policies.sessions.hashesWaiting)
        challenges = try rethrowing("vault.open") { try Challenges(clock: clock) }
        failures = SignInFailures(allowed: policies.sessions.failuresBeforeSlowing)
        sessions = Sessions(policy: policies.sessions, clock: clock)
        agencySessions = AgencySessions(policy: policies.sessions, clock: clock)
        let atOnce = policies.inspection.recogniseAtOnce
        recognition = try rethrowing("vault.open") { try RecognitionQueue(atOnce: atOnce) }
        issuing = IssuingLock(path: location.vault + "/issuing")
        try rethrowing("vault.open") {
            if !behind { try recorder.checkWitness(pool) }
        }
    }

    /// Tells a vault that is not there from one that this user may not enter.
    static func checkPresent(_ location: Location) throws(VaultError) {
        if Files.exists(location.catalogue) { return }
        guard errno == ENOENT || errno == ENOTDIR else { throw .storage(code: "vault.locked", errno: errno) }
        throw .refused(
            Refusal(
                code: "vault.missing", message: "There is no vault at \(location.vault).",
                hint: "Name one with --vault, or make one with strongroom init."))
    }

    /// A vault as it was founded.
    public struct Founded: Sendable {
        /// The vault.
        public let vault: VaultID
        /// The founding lead.
        public let founder: PersonID
        /// The secret for the lead's authenticator, BASE32: shown once.
        public let authenticatorSecret: String
    }

    /// Makes a vault with its first lead. Durable on return.
    ///
    /// - Parameters:
    ///   - policies: a directory with the policies, copied into the vault.
    ///   - founder: the lead's name, as it is typed at sign-in.
    public static func create(
        at location: Location, policies: String, founder: String, password: String,
        clock: any Records.Clock = SystemClock()
    ) throws(VaultError) -> Founded {
        try rethrowing("vault.create") {
            let read = try readPolicies(policies)
            try checkPassword(password, name: founder, policies: read)
            let name = try checkedName(founder)
            if Files.exists(location.vault), try !Files.names(in: location.vault).isEmpty {
                throw Refusal(
                    code: "vault.exists", message: "There is something at \(location.vault) already.",
                    hint: "Choose a new directory; nothing was changed.")
            }
            if Files.exists(location.secrets), try !Files.names(in: location.secrets).isEmpty {
                throw Refusal(
                    code: "vault.secrets-exist", message: "There are secrets at \(location.secrets) already.",
                    hint: "Choose another directory with --secrets; nothing was changed.")
            }
            for directory in ["", "/blobs", "/staging", "/orphans", "/witness", "/policies"] {
                try Files.makeDirectory(location.vault + directory)
            }
            for file in Policies.fileNames {
                try Files.replace("\(location.policies)/\(file)", with: Files.read("\(policies)/\(file)"))
            }
            try SecretFiles.create(in: location.secrets)
            let secrets = try SecretFiles(in: location.secrets)
            let pool = try Catalogue.open(location.catalogue)
            try pool.write { db in try Schema.create(db) }
            let recorder = Recorder(
                secrets: secrets, clock: clock, at: location, policy: read.digest)
            let founding = try Founding(
                name: name, password: password, policies: read, secrets: secrets, recorder: recorder, pool: pool)
            try Files.syncDirectory(location.vault)
            try Files.syncDirectory(Files.directory(of: location.vault))
            try pool.close()
            return founding.founded
        }
    }

    /// Ends sessions and the sandbox, and writes the journal into the catalogue.
    public func shutdown() {
        try? endSessions(.all)
        try? endAgencySessions(.all)
        recognition.close()
        inspector.withLock { inspector in
            inspector?.shutdown()
            inspector = nil
        }
        antivirus.shutdown()
        flushFailures(force: true)
        try? pool.writeWithoutTransaction { db in
            _ = try db.checkpoint(.truncate)
        }
    }

    static func readPolicies(_ directory: String) throws -> Policies {
        var files: [String: String] = [:]
        for name in Policies.fileNames {
            guard Files.exists("\(directory)/\(name)") else { continue }
            files[name] = String(decoding: try Files.read("\(directory)/\(name)"), as: UTF8.self)
        }
        return try Policies(files: files)
    }

    // MARK: - What every act uses

    /// Decides a request after reading what other processes wrote.
    func decide(_ request: Request, _ acting: Acting) throws -> Grant {
        let authority = try checkPolicy()
        do {
            return try Records.decide(request, by: acting.person, at: clock.now(), under: authority)
        } catch {
            // Who has not finished their first sign-in signs nothing but that; who is suspended and a station that has ended
            // sign nothing.
            if [
                .pupilUnknown, .enrolmentUnfinished, .keysBeingReplaced, .keysNotGiven, .suspended, .stationEnded,
                .batchNotOpen,
            ].contains(error) {
                throw VaultError.refused(error)
            }
            try recorder.record(
                [Draft(signer: .person(acting), act: .accessRefused(code: error.code))], in: pool)
            throw VaultError.refused(error)
        }
    }

    /// What the ledger says now; refuses to work under policy files that nobody has adopted.
    @discardableResult
    func checkPolicy() throws -> Authority {
        let authority = try recorder.read(pool) { _, head in head.authority }
        guard authority.policy == policies.digest else { throw VaultError.tampered(code: "policy.changed") }
        return authority
    }

    /// Records that somebody asked for what their role does not include: at most once a minute for a session.
    public func noteRefusal(of acting: Acting) throws(VaultError) {
        let now = clock.monotonic()
        let isDue = acting.memory.with { memory in
            if let last = memory.refusalNoted, now.nanoseconds(since: last) < 60_000_000_000 { return false }
            memory.refusalNoted = now
            return true
        }
        guard isDue, standing(of: acting).isConfirmed else { return }
        try rethrowing("refusal") { _ = try say(.accessRefused(code: Refusal.notEntitled.code), .person(acting)) }
    }

    /// Refuses whoever's roles do not include reading as if there were nothing to read, and records that they asked.
    ///
    /// - Parameter orAccess: whether who has access to anything at all may go on.
    func requireReading(_ acting: Acting, orAccess: Bool = false) throws {
        let authority = try recorder.read(pool) { _, head in head.authority }
        if orAccess, !authority.activeAccesses(of: acting.person, at: clock.now()).isEmpty { return }
        guard let refusal = authority.refusal(of: .read, to: acting.person, at: clock.now()) else { return }
        guard refusal == .notEntitled else { throw VaultError.refused(refusal) }
        try say(.accessRefused(code: refusal.code), .person(acting))
        throw VaultError.notFound
    }

    /// A statement by somebody, with nothing else.
    @discardableResult
    func say(_ act: Act, _ signer: Signer, about pupilFile: PupilFileID? = nil) throws -> Recorded {
        let recorded = try recorder.record([Draft(signer: signer, pupilFile: pupilFile, act: act)], in: pool)
        guard let first = recorded.first else { throw VaultError.tampered(code: "ledger.nothing-written") }
        return first
    }

    /// A person's name, opened with the service's directory key.
    func name(of person: PersonState, _ db: Database) throws -> String { try name(of: person.id, person.row, db) }

    func name(of person: PersonID, _ row: ItemID, _ db: Database) throws -> String {
        let bytes = try item(row, db)
        let opened = try bytes.withUnsafeBytes {
            try SealedRow.open(
                $0, key: secrets.directory, row: row.bytes, associatedData: rowContext("person-row", person.bytes))
        }
        return try Detail(parsing: opened)["name"] ?? ""
    }

    /// A person's name, sealed with the service's directory key.
    static func sealedName(
        _ name: String, of person: PersonID, _ vault: VaultID?, _ secrets: SecretFiles
    ) throws -> SealedItem {
        let row = ItemID.random()
        return SealedItem(
            row, .personRow,
            try SealedRow.seal(
                Detail(values: ["name": name]).encoded, key: secrets.directory, row: row.bytes,
                associatedData: rowContext(vault, "person-row", person.bytes)))
    }

    /// An item that a statement concerning authority committed, if it is still what was committed.
    func item(_ id: ItemID, _ db: Database) throws -> [UInt8] {
        guard let item = recorder.authority.items[id] else { throw VaultError.tampered(code: "item.uncommitted") }
        return try Self.item(item, db)
    }

    /// An item's bytes, if they are what its statement committed to.
    static func item(_ item: Item, _ db: Database) throws -> [UInt8] {
        let statement = try db.cachedStatement(sql: "SELECT bytes FROM item WHERE id = ?")
        let data = try Data.fetchOne(statement, arguments: [Data(item.id.bytes)])
        guard let bytes = data.map({ [UInt8]($0) }), sha256(bytes) == item.digest else {
            throw VaultError.tampered(code: "\(item.kind.rawValue).differs")
        }
        return bytes
    }

    /// The associated data of a sealed row: vault, table and object.
    func rowContext(_ table: String, _ object: [UInt8]) -> [UInt8] {
        Self.rowContext(recorder.vault, table, object)
    }

    static func rowContext(_ vault: VaultID?, _ table: String, _ object: [UInt8]) -> [UInt8] {
        Array("strongroom/v1/row/\(table)\n".utf8) + (vault?.bytes ?? []) + object
    }
}
