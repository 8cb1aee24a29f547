@_spi(LargeVault) package import Custody
import Foundation
package import Records
import Sealing
import Synchronization

/// How large a vault is to be made.
package struct Plan: Sendable {
    /// Statements in its ledger, at least.
    package var statements: Int
    /// Documents of the one pupil who has them all.
    package var entries: Int
    /// People who file them, in turns.
    package var people: Int
    /// Sessions in which they file them, spread over the whole ledger: a detail key each.
    package var sessions: Int
    /// Other pupils, whose chronologies are read.
    package var pupils: Int

    /// A plan of all these parts.
    package init(statements: Int, entries: Int, people: Int, sessions: Int, pupils: Int) {
        self.statements = statements
        self.entries = entries
        self.people = people
        self.sessions = sessions
        self.pupils = pupils
    }
}

/// A clock that goes on only when it is told to: every sign-in has a code that was not used.
package final class SteppedClock: Records.Clock {
    private let milliseconds: Mutex<Int64>

    /// Stands at an instant.
    package init(at instant: Timestamp) { milliseconds = Mutex(instant.milliseconds) }

    package func now() -> Timestamp { Timestamp(milliseconds: milliseconds.withLock { $0 }) }
    package func monotonic() -> MonotonicTime { SystemClock().monotonic() }

    /// Goes on to the next step of authenticators, and gives it.
    package func step() -> UInt64 {
        milliseconds.withLock {
            $0 += 30_000
            return UInt64($0) / 30_000
        }
    }
}

/// An invented school whose vault is large, and how its people sign in: kept beside the vault as `school.json`.
package struct InventedSchool: Codable, Sendable {
    /// Somebody with what they know and carry.
    package struct Person: Codable, Sendable {
        /// The name.
        package let name: String
        fileprivate let password: String
        fileprivate let authenticator: String
    }

    /// Who can read.
    package let lead: Person
    /// Who file.
    package let people: [Person]
    /// The pupil file of the many documents.
    package let pupilFile: String

    /// Where the vault of a school is.
    package static func location(in directory: String) -> Vault.Location {
        Vault.Location(vault: directory + "/vault")
    }

    /// The school that was made in a directory.
    package init(madeIn directory: String) throws {
        let file = URL(filePath: directory + "/school.json")
        self = try JSONDecoder().decode(InventedSchool.self, from: Data(contentsOf: file))
    }

    private init(lead: Person, people: [Person], pupilFile: String) {
        self.lead = lead
        self.people = people
        self.pupilFile = pupilFile
    }

    /// Signs somebody in, at the clock's next step.
    package static func signIn(_ person: Person, to vault: Vault, _ clock: SteppedClock) throws -> Acting {
        try vault.signIn(
            name: person.name, password: person.password, code: code(person.authenticator, clock.step()))
    }

    private static func code(_ secret: String, _ step: UInt64) throws -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
        let bits = secret.flatMap { character -> [Int] in
            let value = alphabet.firstIndex(of: character) ?? 0
            return (0..<5).map { value >> (4 - $0) & 1 }
        }
        let bytes = (0..<bits.count / 8).map { at in UInt8(bits[at * 8..<at * 8 + 8].reduce(0) { $0 << 1 | $1 }) }
        return OneTimeCode.code(secret: try SecretBytes(copying: bytes), step: step)
    }

    // MARK: - Making

    /// Makes a school of this plan in a directory that is not there yet; `say` is told how far it is.
    ///
    /// Everybody signs in, files and reads as people do, with a clock that runs ahead of them, ending before now; only
    /// the readings are recorded many in a transaction, and their passwords hashed at the lowest profile.
    package static func make(
        _ plan: Plan, in directory: String, policies: String, say: (String) -> Void
    ) throws -> InventedSchool {
        try lowerPolicies(policies, to: directory + "/policies")
        let signIns = plan.people * 3 + plan.sessions + plan.statements / max(1, plan.pupils) + 10
        let clock = SteppedClock(
            at: Timestamp(milliseconds: SystemClock().now().milliseconds - Int64(signIns) * 60_000))
        let password = "seven quiet lanterns drift"
        let founded = try Vault.create(
            at: location(in: directory), policies: directory + "/policies", founder: "Dana Okafor",
            password: password, clock: clock)
        let vault = try Vault(opening: location(in: directory), clock: clock)
        defer { vault.shutdown() }
        let lead = Person(name: "Dana Okafor", password: password, authenticator: founded.authenticatorSecret)
        let acting = try signIn(lead, to: vault, clock)
        try prepare(acting, in: vault, clock, by: acting)
        let people = try (1...plan.people).map { number in
            try add("Member \(number) of Staff", password, to: vault, clock, by: acting)
        }
        let register = (0...plan.pupils).map { "Pupil \($0) of Many,2004-05-14,," }
        let pupils = try vault.importPupils(
            csv: (["name,date_of_birth,upn,enrolled"] + register).joined(separator: "\n"), as: acting
        ).added.map(\.pupilFile)
        guard let busiest = pupils.first, pupils.count == plan.pupils + 1 else { throw VaultError.notFound }

        for session in 0..<plan.sessions {
            let share = plan.entries * session / plan.sessions..<plan.entries * (session + 1) / plan.sessions
            try file(share, about: busiest, as: signIn(people[session % plan.people], to: vault, clock), vault)
            let due = plan.statements * (session + 1) / plan.sessions
            let isLast = session == plan.sessions - 1
            while true {
                // Whole sessions of reading while the ledger grows; at its end the rest.
                let missing = due - Int(try vault.figures(as: acting).statements)
                guard missing >= (isLast ? 1 : plan.pupils + 2) else { break }
                let reading = try signIn(lead, to: vault, clock)
                let some = pupils.dropFirst().prefix(max(1, min(plan.pupils, missing - 2)))
                try vault.recordReadings(of: Array(some), as: reading)
                try vault.signOut(reading)
            }
            if (session + 1) % 50 == 0 || isLast { say("\(due) of \(plan.statements) statements") }
        }
        try vault.signOut(acting)
        let school = InventedSchool(lead: lead, people: people, pupilFile: busiest.text)
        try JSONEncoder().encode(school).write(to: URL(filePath: directory + "/school.json"))
        return school
    }

    private static func lowerPolicies(_ policies: String, to directory: String) throws {
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        for name in Policies.fileNames {
            try String(contentsOfFile: "\(policies)/\(name)", encoding: .utf8)
                .replacingOccurrences(of: "argon2-memory-mib: 256", with: "argon2-memory-mib: 64")
                .write(toFile: "\(directory)/\(name)", atomically: true, encoding: .utf8)
        }
    }

    private static func add(
        _ name: String, _ password: String, to vault: Vault, _ clock: SteppedClock, by lead: Acting
    ) throws -> Person {
        let invitation = try vault.invite(name: name, roles: [.admin], as: lead)
        let acting = try vault.join(name: name, code: invitation.code, password: password)
        guard let secret = vault.authenticatorSecret(of: acting),
            let words = try vault.fingerprintWords(of: acting.person, as: lead)
        else { throw VaultError.signInFailed }
        try vault.enrol(acting, code: code(secret, clock.step()))
        try vault.confirm(acting.person, words: words, as: lead)
        try prepare(acting, in: vault, clock, by: lead)
        return Person(name: name, password: password, authenticator: secret)
    }

    /// Policy and training: without them nobody files or reads.
    private static func prepare(_ acting: Acting, in vault: Vault, _ clock: SteppedClock, by lead: Acting) throws {
        try vault.acknowledgePolicy(version: vault.policies.acceptableUse.version, as: acting)
        try vault.recordTraining(of: acting.person, completed: String(clock.now().iso8601.prefix(10)), as: lead)
    }

    private static func file(
        _ numbers: Range<Int>, about pupilFile: PupilFileID, as acting: Acting, _ vault: Vault
    ) throws {
        let filings = try numbers.map { number -> (received: Received, details: FilingDetails) in
            var reception = try vault.beginUpload(
                UploadRequest(pupilFile: pupilFile, filename: "call-\(number).txt", wantsProposal: false), as: acting)
            try Array("Call \(number): a message was left, and answered on the same day.\n".utf8).withUnsafeBytes {
                try reception.append($0)
            }
            let (year, month, day) = (2005 + number % 13, 1 + number / 13 % 12, 1 + number % 28)
            return (
                try reception.finish(),
                FilingDetails(
                    summary: "Telephone call number \(number) with the social worker, about the visits agreed before",
                    category: "telephone", date: "\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)"
                )
            )
        }
        for outcome in try vault.file(filings, as: acting) {
            if case .refused(_, let refusal) = outcome { throw VaultError.refused(refusal) }
        }
        try vault.signOut(acting)
    }
}
