import Custody
import Foundation
import GRDB
import Records
import Sealing
import Synchronization
import Testing

/// A clock that moves only when it is told to.
final class MovableClock: Records.Clock {
    private let state: Mutex<(milliseconds: Int64, nanoseconds: UInt64)>

    init() {
        // At the beginning of an authenticator step, near the time of the files that the vault makes.
        let step = Int64(Date().timeIntervalSince1970) / 30
        state = Mutex((step * 30_000, 1 << 40))
    }

    func now() -> Timestamp { Timestamp(milliseconds: state.withLock(\.milliseconds)) }
    func monotonic() -> MonotonicTime { MonotonicTime(nanoseconds: state.withLock(\.nanoseconds)) }

    /// Both clocks go on together.
    func advance(seconds: Int64) {
        state.withLock {
            $0.milliseconds += seconds * 1_000
            $0.nanoseconds += UInt64(seconds) * 1_000_000_000
        }
    }

    /// Somebody sets the machine's clock; the monotonic one does not mind.
    func set(milliseconds: Int64) { state.withLock { $0.milliseconds = milliseconds } }

    /// The authenticator's step now.
    var step: UInt64 { UInt64(now().milliseconds / 30_000) }
}

/// Somebody with what they know and carry.
struct Member: Sendable {
    let name: String
    let password: String
    /// The authenticator's secret, as it was typed in.
    let authenticator: [UInt8]

    func code(_ step: UInt64) throws -> String {
        OneTimeCode.code(secret: try SecretBytes(copying: authenticator), step: step)
    }
}

/// The root of the repository.
let repository = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

func fixture(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: repository.appending(path: "fixtures/\(name)")))
}

/// The code of the error or refusal that some work throws; nil where it does not.
func code(of body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch let error as VaultError {
        return error.code
    } catch {
        return "\(error)"
    }
}

/// An invented school with a vault in a temporary directory, removed when it goes.
final class School: Sendable {
    let directory: String
    let location: Vault.Location
    let clock: MovableClock
    let vault: Vault
    let lead: Member
    let founded: Vault.Founded
    /// Everybody who has an authenticator, by name.
    private let members = Mutex<[String: Member]>([:])

    static let password = "marmalade trombone glacier"

    /// - Parameter changes: to the lowered policies: file, what it says, what it is to say.
    /// - Parameter isReady: whether the lead has acknowledged the policy and has a training that counts.
    init(_ changes: [(file: String, old: String, new: String)] = [], isReady: Bool = true) throws {
        directory = FileManager.default.temporaryDirectory.path + "/strongroom-tests-" + VaultID.random().text
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let lowered = [
            ("sessions.yaml", "argon2-memory-mib: 256", "argon2-memory-mib: 64"),
            ("limits.yaml", "keep-free-mib: 1024", "keep-free-mib: 1"),
            ("limits.yaml", "keep-free-percent: 5", "keep-free-percent: 0"),
        ]
        try FileManager.default.createDirectory(atPath: directory + "/policies", withIntermediateDirectories: true)
        for name in Policies.fileNames {
            var text = try String(contentsOf: repository.appending(path: "policies/\(name)"), encoding: .utf8)
            for (file, old, new) in lowered + changes where file == name {
                try #require(text.contains(old), "\(name) no longer says \(old)")
                text = text.replacingOccurrences(of: old, with: new)
            }
            try text.write(toFile: "\(directory)/policies/\(name)", atomically: true, encoding: .utf8)
        }
        location = Vault.Location(vault: directory + "/vault")
        clock = MovableClock()
        founded = try Vault.create(
            at: location, policies: directory + "/policies", founder: "Judith Halloran", password: Self.password,
            clock: clock)
        vault = try Vault(opening: location, clock: clock)
        lead = Member(
            name: "Judith Halloran", password: Self.password,
            authenticator: try base32(founded.authenticatorSecret))
        let founder = lead
        members.withLock { $0[founder.name] = founder }
        guard isReady else { return }
        let acting = try signIn(lead)
        try prepare(acting, by: acting)
        try vault.signOut(acting)
        clock.advance(seconds: 60)
    }

    deinit {
        vault.shutdown()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Signs somebody in with a fresh code.
    func signIn(_ member: Member, to vault: Vault? = nil) throws -> Acting {
        clock.advance(seconds: 60)
        let code = try member.code(clock.step)
        return try (vault ?? self.vault).signIn(name: member.name, password: member.password, code: code)
    }

    /// Invites somebody, who joins and sets up their authenticator; their keys are not compared yet.
    func join(_ name: String, _ roles: Set<Role>, by lead: Acting) throws -> (member: Member, acting: Acting) {
        let password = "lanterns over \(name.count) quiet harbours"
        try giveCode(as: lead)
        let invitation = try vault.invite(name: name, roles: roles, as: lead)
        return try join(invitation, password)
    }

    func join(_ invitation: Invitation, _ password: String) throws -> (member: Member, acting: Acting) {
        let acting = try vault.join(name: invitation.name, code: invitation.code, password: password)
        let authenticator = try base32(#require(vault.authenticatorSecret(of: acting)))
        let member = Member(name: invitation.name, password: password, authenticator: authenticator)
        members.withLock { $0[member.name] = member }
        clock.advance(seconds: 60)
        try vault.enrol(acting, code: member.code(clock.step))
        return (member, acting)
    }

    /// Invites somebody, who joins, and makes them able to work.
    func add(_ name: String, _ roles: Set<Role>, by lead: Acting) throws -> Member {
        let (member, acting) = try join(name, roles, by: lead)
        try confirm(acting.person, by: lead)
        try prepare(acting, by: lead)
        return member
    }

    /// Gives somebody their keys, after a comparison of their words.
    func confirm(_ person: PersonID, by lead: Acting) throws {
        try giveCode(as: lead)
        let words = try vault.fingerprintWords(of: person, as: lead)
        try vault.confirm(person, words: #require(words), as: lead)
    }

    /// Gives a fresh code for somebody whose last is older than five minutes.
    func giveCode(as acting: Acting) throws {
        guard vault.needsCode(acting), let member = members.withLock({ $0[acting.name] }) else { return }
        clock.advance(seconds: 60)
        try vault.giveCode(member.code(clock.step), as: acting)
    }

    /// Policy and training: without them nobody files or reads.
    func prepare(_ acting: Acting, by lead: Acting) throws {
        try vault.acknowledgePolicy(version: vault.policies.acceptableUse.version, as: acting)
        try vault.recordTraining(of: acting.person, completed: String(clock.now().iso8601.prefix(10)), as: lead)
    }

    /// Puts an invented pupil on the register.
    func pupil(_ name: String = "Grace Whitlock", born: String = "2003-02-17", by acting: Acting) throws -> Pupil {
        try vault.addPupil(NewPupil(name: name, dateOfBirth: born), as: acting)
    }

    /// Uploads bytes in pieces of these sizes, over and over.
    func receive(
        _ bytes: [UInt8], named filename: String, for pupil: Pupil, by acting: Acting, pieces: [Int] = [1 << 16],
        in vault: Vault? = nil, proposal: Bool = false
    ) throws -> Received {
        var reception = try (vault ?? self.vault).beginUpload(
            UploadRequest(pupilFile: pupil.pupilFile, filename: filename, wantsProposal: proposal), as: acting)
        var rest = bytes[...]
        var turn = 0
        while !rest.isEmpty {
            let piece = rest.prefix(pieces[turn % pieces.count])
            try piece.withUnsafeBytes { try reception.append($0) }
            rest = rest.dropFirst(piece.count)
            turn += 1
        }
        return try reception.finish()
    }

    /// Uploads and files at once.
    func file(
        _ bytes: [UInt8], named filename: String, for pupil: Pupil, date: String = "2017-05-11",
        summary: String = "A note about a visit", by acting: Acting, in vault: Vault? = nil
    ) throws -> Receipt {
        let received = try receive(bytes, named: filename, for: pupil, by: acting, in: vault)
        let details = FilingDetails(summary: summary, category: "letter", date: date)
        let outcomes = try (vault ?? self.vault).file([(received, details)], as: acting)
        guard case .filed(_, let receipt) = try #require(outcomes.first) else {
            throw VaultError.tampered(code: "test.not-filed \(outcomes)")
        }
        return receipt
    }

    /// The whole of a document, as a recorded download.
    func download(_ document: DocumentID, by acting: Acting, from vault: Vault? = nil) throws -> [UInt8] {
        try bytes(of: (vault ?? self.vault).openDocument(document, manner: .download, as: acting))
    }

    /// All of a copy that is taken.
    func bytes(of reading: DocumentReading) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try reading.read { bytes += $0 }
        reading.close(complete: true)
        return bytes
    }

    /// A second connection to the catalogue, as somebody with the disk in hand has it.
    func catalogue() throws -> DatabaseQueue { try DatabaseQueue(path: location.vault + "/catalogue.sqlite") }

    /// The kinds of all statements, in order.
    func kinds() throws -> [String] {
        try catalogue().read { db in try String.fetchAll(db, sql: "SELECT kind FROM act ORDER BY idx") }
    }

    /// Changes the catalogue past its triggers and constraints, and puts them back.
    func tamper(_ change: (Database) throws -> Void) throws {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        configuration.prepareDatabase { db in try db.execute(sql: "PRAGMA ignore_check_constraints = ON") }
        let catalogue = try DatabaseQueue(
            path: location.vault + "/catalogue.sqlite", configuration: configuration)
        try catalogue.write { db in
            let triggers = try Row.fetchAll(db, sql: "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
            for trigger in triggers { try db.execute(sql: "DROP TRIGGER \(trigger["name"] as String)") }
            try change(db)
            for trigger in triggers { try db.execute(sql: trigger["sql"] as String) }
        }
    }

    /// The name of the one staged file.
    func staged() throws -> String {
        try #require(FileManager.default.contentsOfDirectory(atPath: location.vault + "/staging").first)
    }

    /// Where a document's payload lies.
    func blobPath(of document: DocumentID) throws -> String {
        let blob = try catalogue().read { db in
            try Data.fetchOne(db, sql: "SELECT blob FROM document WHERE id = ?", arguments: [Data(document.bytes)])
        }
        let text = try #require(blob.flatMap { BlobID($0) }).text
        return "\(location.vault)/blobs/\(text.prefix(2))/\(text)"
    }

    /// What `verify` finds; a vault in which all holds is opened anew, too, as the next process will.
    func verify() throws -> Verification {
        let found = try Vault.verify(location)
        if found.holds { _ = try Vault(opening: location, clock: clock) }
        return found
    }
}

/// A vault with two documents of the same length.
struct TwoDocuments {
    let school: School
    let lead: Acting
    let pupil: Pupil
    let first: Receipt
    let second: Receipt

    init() throws {
        school = try School()
        lead = try school.signIn(school.lead)
        pupil = try school.pupil(by: lead)
        first = try school.file(Array("The first note.\n".utf8), named: "1.txt", for: pupil, by: lead)
        second = try school.file(Array("The other note.\n".utf8), named: "2.txt", for: pupil, by: lead)
    }

    /// How reading a document fails, and how many bytes came out before.
    func read(_ document: DocumentID) -> (code: String?, bytes: Int) {
        var count = 0
        let failed = code {
            let reading = try school.vault.openDocument(document, manner: .download, as: lead)
            defer { reading.close(complete: false) }
            try reading.read { count += $0.count }
        }
        return (failed, count)
    }

    /// The same in a process that has read nothing yet, as somebody who signs in there.
    func readAnew(_ document: DocumentID) throws -> (code: String?, bytes: Int) {
        var count = 0
        let failed = code {
            let vault = try Vault(opening: school.location, clock: school.clock)
            let acting = try school.signIn(school.lead, to: vault)
            let reading = try vault.openDocument(document, manner: .download, as: acting)
            defer { reading.close(complete: false) }
            try reading.read { count += $0.count }
        }
        return (failed, count)
    }

    func broken() throws -> Set<String> {
        Set(try school.verify().findings.filter { $0.weight == .broken }.map(\.code))
    }
}

/// RFC 4648, upper case, without padding.
func base32(_ text: String) throws -> [UInt8] {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    var bytes: [UInt8] = []
    var held = 0
    var bits = 0
    for character in text {
        let value = try #require(alphabet.firstIndex(of: character))
        held = (held << 5 | value) & 0xffff
        bits += 5
        if bits >= 8 {
            bits -= 8
            bytes.append(UInt8(held >> bits & 255))
        }
    }
    return bytes
}
