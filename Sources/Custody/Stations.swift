import Foundation
import GRDB
public import Records
import Sealing
import Synchronization

// A scan station is a program that uploads: a copier's computer, a watched folder on another machine. It has keys of its
// own, in a keybox that its token opens, and signs with them; nothing is wrapped to it, so it reads nothing, not even the
// register. It files for the pupils it was made for, into a batch that a signed-in person has open, who is the uploader;
// or it fills the intake queue.

/// A scan station to be made.
public struct NewStation: Hashable, Sendable {
    /// What people call it.
    public var name: String
    /// References of the pupils that it may file for.
    public var pupils: [String]
    /// Whether it may put scans into the intake queue.
    public var intake: Bool
    /// For how many days from now, 1 to 366.
    public var days: Int

    /// A station of these facts.
    public init(name: String, pupils: [String] = [], intake: Bool = false, days: Int = 30) {
        self.name = name
        self.pupils = pupils
        self.intake = intake
        self.days = days
    }
}

/// A scan station as a list shows it.
public struct Station: Hashable, Sendable {
    /// Which.
    public let id: PersonID
    /// What people call it.
    public let name: String
    /// References of the pupils that it may file for.
    public let pupils: [String]
    /// Whether it may put scans into the intake queue.
    public let intake: Bool
    /// From when on it may nothing more.
    public let expires: Timestamp
    /// When it was withdrawn.
    public let withdrawn: Timestamp?
    /// Whether it may do anything now.
    public let isActive: Bool
}

/// One thing that a scan station did, or that a batch holds.
public struct FiledLine: Hashable, Sendable {
    /// Its statement's place in the ledger.
    public let index: UInt64
    /// When.
    public let recorded: Timestamp
    /// The document; nil for an item of the intake queue.
    public let document: DocumentID?
    /// The pupil's reference; nil for an item of the intake queue.
    public let pupil: String?
    /// Who filed it.
    public let filer: Filer
    /// Whether it is kept apart as evidence.
    public let quarantined: Bool
}

extension Vault {
    /// Makes a scan station; gives its token, which is shown once and kept nowhere. Durable on return.
    ///
    /// - Throws: a refusal of the name, a pupil that is not on the register, no pupil and no intake queue, or the time.
    public func addStation(_ new: NewStation, as acting: Acting) throws(VaultError) -> (station: Station, token: String)
    {
        try rethrowing("station-add") { try add(new, acting) }
    }

    private func add(_ new: NewStation, _ acting: Acting) throws -> (station: Station, token: String) {
        _ = try decide(.manageStations, acting)
        let name = new.name.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        guard (2...100).contains(name.count) else {
            throw Refusal(
                code: "station.name", message: "A scan station's name has 2 to 100 characters.",
                hint: "Say where it stands, such as Office copier.")
        }
        guard (1...366).contains(new.days) else {
            throw Refusal(
                code: "station.days", message: "A scan station works for 1 to 366 days.",
                hint: "Choose a number of days; a new station can be made when they are over.")
        }
        let authority = recorder.authority
        let files = try Set(
            new.pupils.map { reference in
                guard let file = authority.pupilFile(reference: reference) else { throw Refusal.pupilUnknown }
                return file
            }
        ).sorted()
        guard !files.isEmpty || new.intake else {
            throw Refusal(
                code: "station.nothing", message: "The scan station would have nothing to file into.",
                hint: "Name the pupils whose papers it scans, or allow it the intake queue.")
        }
        let taken = try pool.read { db in try authority.stations.keys.map { try stationName($0, db) } }
        guard !taken.contains(where: { Self.signInName($0) == Self.signInName(name) }) else {
            throw Refusal(
                code: "station.name-taken", message: "There is or was a scan station of that name.",
                hint: "Give it another, so that each name in the record means one station.")
        }
        let id = PersonID.random()
        let secret = try SecretBytes.random(Keybox.leastTokenBytes)
        let keys = try PersonKeys.generate()
        let party = PersonAct(
            person: id, identity: .random(), verifyingKey: keys.signing.verifyingKey.rawRepresentation,
            nameTag: Randomness.bytes(32), roles: [.station], keybox: .random(), row: .random(), wraps: [])
        let items = [
            SealedItem(
                party.identity.shared(as: Kind.Item.self), .recipient, keys.identity.recipient.rawRepresentation),
            SealedItem(
                party.keybox, .keybox,
                try Keybox.seal(
                    keys.secret(), token: secret, serverSecret: secrets.server,
                    context: rowContext("keybox", id.bytes))),
            SealedItem(
                party.row, .personRow,
                try SealedRow.seal(
                    Detail(values: ["name": name]).encoded, key: secrets.directory, row: party.row.bytes,
                    associatedData: rowContext("person-row", id.bytes))),
        ]
        let expires = Timestamp(milliseconds: clock.now().milliseconds + Int64(new.days) * 86_400_000)
        let act = StationAct(party: party, expires: expires, intake: new.intake)
        try recorder.record(
            [Draft(signer: .person(acting), items: items, act: .stationAdded(act))]
                + files.map { Draft(signer: .person(acting), pupilFile: $0, act: .stationAllowed(id)) }, in: pool)
        let station = try pool.read { db in try listing(of: id, recorder.authority, db) }
        return (station, StationToken.text(id, secret))
    }

    /// Every scan station, newest first.
    public func stations(as acting: Acting) throws(VaultError) -> [Station] {
        try rethrowing("stations") {
            _ = try decide(.manageStations, acting)
            return try recorder.read(pool) { db, head in
                try head.authority.stations.keys.map { try listing(of: $0, head.authority, db) }
                    .sorted { ($1.expires, $0.name) < ($0.expires, $1.name) }
            }
        }
    }

    /// Withdraws a scan station, at once: what it is sending now is not filed. Durable on return.
    ///
    /// - Throws: `.notFound` for none, or one that was withdrawn already.
    public func withdrawStation(_ id: PersonID, as acting: Acting) throws(VaultError) {
        try rethrowing("station-withdraw") {
            _ = try decide(.manageStations, acting)
            guard let station = recorder.authority.stations[id], station.withdrawn == nil else {
                throw VaultError.notFound
            }
            try say(.stationWithdrawn(id), .person(acting))
            stationMemories.forget(id)
        }
    }

    /// Whether there is a scan station that works now.
    public var hasStation: Bool {
        let now = clock.now()
        return recorder.authority.stations.values.contains { $0.isActive(at: now) }
    }

    /// What a scan station filed, oldest first.
    public func work(of id: PersonID, as acting: Acting) throws(VaultError) -> [FiledLine] {
        try rethrowing("station") {
            _ = try decide(.manageStations, acting)
            guard recorder.authority.stations[id] != nil else { throw VaultError.notFound }
            return try recorder.read(pool) { db, _ in
                let indices = try UInt64.fetchIndices(
                    db,
                    sql: """
                        SELECT idx FROM act WHERE author = ? AND kind IN ('document.filed', 'intake.received')
                        ORDER BY idx
                        """, arguments: [Data(id.bytes)])
                return try filedLines(indices, db)
            }
        }
    }

    private func listing(of id: PersonID, _ authority: Authority, _ db: Database) throws -> Station {
        guard let state = authority.stations[id] else { throw VaultError.notFound }
        return Station(
            id: id, name: try stationName(id, db),
            pupils: state.pupilFiles.compactMap { authority.pupils[$0]?.reference }.sorted(), intake: state.intake,
            expires: state.expires, withdrawn: state.withdrawn, isActive: state.isActive(at: clock.now()))
    }

    private func stationName(_ id: PersonID, _ db: Database) throws -> String {
        guard let person = recorder.authority.people[id] else { throw VaultError.tampered(code: "author.unknown") }
        return try name(of: person, db)
    }

    /// Filings as their statements have them, without documents that were moved out of their pupil's file.
    func filedLines(_ indices: [UInt64], _ db: Database) throws -> [FiledLine] {
        try indices.map { try filedLine($0, db) }.filter { line in line.document.map { !recorder.isMoved($0) } ?? true }
    }

    /// One filing as its statement has it.
    private func filedLine(_ index: UInt64, _ db: Database) throws -> FiledLine {
        let statement = try recorder.statement(index, db).statement
        guard case .person(let author) = statement.author else { throw VaultError.tampered(code: "author.unknown") }
        switch statement.act {
        case .documentFiled(let act):
            return FiledLine(
                index: index, recorded: statement.time, document: act.document,
                pupil: statement.pupilFile.flatMap { recorder.authority.pupils[$0]?.reference },
                filer: try filer(author, in: act.batch, db), quarantined: act.quarantine != nil)
        case .intakeReceived(let act):
            let name = try stationName(author, db)
            return FiledLine(
                index: index, recorded: statement.time, document: nil, pupil: nil,
                filer: Filer(uploader: name, through: nil),
                quarantined: act.quarantine != nil)
        default: throw VaultError.tampered(code: "document.other-statement")
        }
    }

    // MARK: - A station at work

    /// Opens a scan station's keys with its token, for one request.
    ///
    /// - Throws: `.signInFailed` for a token of no station; a refusal for one that was withdrawn or has expired. Both are
    ///   recorded as failed sign-ins are, gathered.
    public func enter(stationToken text: String) throws(VaultError) -> Acting {
        try rethrowing("station") {
            let authority = try recorder.read(pool) { _, head in head.authority }
            let claimed = StationToken.station(in: text).flatMap { authority.stations[$0] == nil ? nil : $0 }
            do { return try enter(text, claimed, authority) } catch {
                let failed = VaultError(error, code: "station")
                if [.signInFailed, .refused(.stationEnded)].contains(failed) {
                    failures.failed(
                        claimed?.bytes ?? [], claimed, from: .address(""), now: clock.monotonic())
                    flushFailures(force: false)
                }
                throw failed
            }
        }
    }

    private func enter(_ text: String, _ claimed: PersonID?, _ authority: Authority) throws -> Acting {
        guard let id = claimed, let token = try StationToken.secret(in: text), let state = authority.stations[id],
            let person = authority.people[id]
        else { throw VaultError.signInFailed }
        let (box, name) = try pool.read { db in (try item(person.keybox, db), try self.name(of: person, db)) }
        let keys: PersonKeys
        do {
            keys = try PersonKeys(
                Keybox.open(
                    box, token: token, serverSecret: secrets.server, context: rowContext("keybox", id.bytes)))
        } catch SealingError.passwordOrKeyWrong { throw VaultError.signInFailed }
        guard keys.signing.verifyingKey == person.verifyingKey else {
            throw VaultError.tampered(code: "keybox.other-key")
        }
        guard state.isActive(at: clock.now()) else { throw Refusal.stationEnded }
        let (session, memory) = stationMemories.memory(of: id)
        let sessionKey: SessionKey = try KeyedHash.derive(
            DetailKey(keys.identity.seedCopy()), label: "strongroom/v1/station-session", context: session.bytes)
        return Acting(
            person: id, name: name, roles: person.roles, session: session, keys: keys, memory: memory,
            sessionKey: sessionKey)
    }

    /// The pupil file of a reference that this person or scan station may file for.
    ///
    /// - Throws: a refusal `pupil.unknown`; to a station, every other pupil is as if there were none.
    public func pupilFile(reference: String, toFileAs acting: Acting) throws(VaultError) -> PupilFileID {
        guard let station = recorder.authority.stations[acting.person] else {
            return try pupil(reference: reference, as: acting).pupilFile
        }
        return try rethrowing("register") {
            guard let file = recorder.authority.pupilFile(reference: reference), station.pupilFiles.contains(file)
            else {
                try say(.accessRefused(code: Refusal.pupilUnknown.code), .person(acting))
                throw Refusal.pupilUnknown
            }
            return file
        }
    }

    /// The reference of a pupil file that one of this person's own uploads goes to.
    public func reference(of pupilFile: PupilFileID) -> String? { recorder.authority.pupils[pupilFile]?.reference }
}

extension Acting {
    /// Whether it is a scan station.
    public var isStation: Bool { roles == [.station] }
}

/// A station's token: who it is and 128 random bits, as a program keeps them.
enum StationToken {
    private static let prefix = "station-"

    static func text(_ id: PersonID, _ secret: borrowing SecretBytes) -> String {
        prefix + Crockford.encode(id.bytes) + Crockford.encode(secret.withBytes { Array($0) })
    }

    /// Whose token it is; nil for what is none.
    static func station(in text: String) -> PersonID? {
        guard text.hasPrefix(prefix), text.count == prefix.count + 52 else { return nil }
        return PersonID(text: String(text.dropFirst(prefix.count).prefix(26)))
    }

    /// The random bits; nil for what is no token.
    static func secret(in text: String) throws -> SecretBytes? {
        guard let secret = Crockford.decode(String(text.suffix(26))), secret.count == Keybox.leastTokenBytes else {
            return nil
        }
        return try SecretBytes(copying: secret)
    }
}

/// What this process remembers of a station between its requests, sealed under keys that only its token opens.
final class StationMemories: Sendable {
    private let memories = Mutex<[PersonID: (SessionID, SessionMemory)]>([:])

    func memory(of station: PersonID) -> (SessionID, SessionMemory) {
        memories.withLock { memories in
            if let known = memories[station] { return known }
            let new = (SessionID.random(), SessionMemory())
            memories[station] = new
            return new
        }
    }

    func forget(_ station: PersonID) { memories.withLock { $0[station] = nil } }
}
