import Foundation
import Ledger
import Records
import Sealing

/// The texts of `policies/`, as they are shipped.
func policyFiles() throws -> [String: String] {
    let root = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "policies")
    var files: [String: String] = [:]
    for name in Policies.fileNames {
        files[name] = try String(contentsOf: root.appending(path: name), encoding: .utf8)
    }
    return files
}

/// The code of the refusal that some work throws; nil where it does not.
func refusalCode(_ body: () throws -> Void) -> String? {
    do {
        try body()
        return nil
    } catch let refusal as Refusal {
        return refusal.code
    } catch {
        return "\(error)"
    }
}

func digest(_ text: String) -> Digest { sha256(Array(text.utf8)) }

/// A ledger of invented people, as replay sees it: signatures are somebody else's matter.
struct School {
    var authority = Authority()
    var index: UInt64 = 0
    var time: Int64 = 1_000
    let policy = digest("policy")
    let abilities: Abilities
    let twoPeople: TwoPersonRule
    let vault = VaultID.random()
    let founder = PersonID.random()
    let register = IdentityID.random()
    let team = IdentityID.random()
    let intake = IdentityID.random()

    /// A founded vault under the shipped access policy.
    ///
    /// - Parameter isReady: whether the founder has acknowledged the policy and has a training that counts.
    init(isReady: Bool = true) throws {
        let access = try Policies(files: policyFiles()).access
        abilities = access.abilities
        twoPeople = access.twoPersonRule
        let (act, items) = try Self.person(founder, roles: [.dsl])
        let founding = FoundingAct(
            vault: vault, origin: "strongroom.invalid/x", serviceKey: [UInt8](repeating: 1, count: 32),
            checkpointKey: [UInt8](repeating: 2, count: 32), register: register, team: team, intake: intake,
            abilities: abilities, acceptableUse: Self.policyVersion, twoPeople: twoPeople, passkeyRoles: [],
            founder: act)
        try say(
            .vaultFounded(founding), by: founder, items: items + [register, team, intake].map { Self.recipient($0) })
        guard isReady else { return }
        try prepare(founder)
    }

    static let policyVersion = "2026-09"

    /// Policy and training, without which nobody files or reads.
    mutating func prepare(_ person: PersonID) throws {
        try say(.policyAcknowledged(version: authority.acceptableUse), by: person)
        try say(.trainingRecorded(Self.training(of: person)), by: founder)
    }

    static func training(of person: PersonID, until expires: Int64 = 1 << 50) -> TrainingAct {
        TrainingAct(person: person, completed: "2026-09-03", expires: Timestamp(milliseconds: expires))
    }

    static func recipient(_ identity: IdentityID) -> Item {
        // An identity and the item that holds its recipient share their 128 bits.
        Item(id: ItemID(identity.bytes) ?? .random(), kind: .recipient, digest: digest(identity.text))
    }

    static func person(
        _ id: PersonID, roles: Set<Role>, nameTag: [UInt8] = Randomness.bytes(32)
    ) throws -> (PersonAct, [Item]) {
        let identity = IdentityID.random()
        let keybox = Item(id: .random(), kind: .keybox, digest: digest("keybox"))
        let row = Item(id: .random(), kind: .personRow, digest: digest("row"))
        let act = PersonAct(
            person: id, identity: identity,
            verifyingKey: try SigningKey.generate().verifyingKey.rawRepresentation, nameTag: nameTag, roles: roles,
            keybox: keybox.id, row: row.id, wraps: [])
        return (act, [recipient(identity), keybox, row])
    }

    static func pupil(
        _ reference: String, heldBy holder: IdentityID
    ) -> (PupilAct, [Item]) {
        let identity = IdentityID.random()
        let row = Item(id: .random(), kind: .registerRow, digest: digest("row"))
        let wrap = Item(id: .random(), kind: .wrap, digest: digest("wrap"))
        let act = PupilAct(
            pupil: .random(), reference: reference, identity: identity, row: row.id,
            wraps: [WrapEdge(item: wrap.id, identity: identity, holder: holder)])
        return (act, [recipient(identity), row, wrap])
    }

    func statement(
        _ act: Act, by author: Author, pupilFile: PupilFileID? = nil, items: [Item] = [], policy: Digest? = nil
    ) -> Records.Statement {
        Statement(
            index: index, time: Timestamp(milliseconds: time), author: author, root: digest("root"),
            policy: policy ?? self.policy, pupilFile: pupilFile, items: items, fields: [:], act: act)
    }

    /// Takes a statement, or throws and changes nothing.
    mutating func say(
        _ act: Act, by author: Author, pupilFile: PupilFileID? = nil, items: [Item] = [], policy: Digest? = nil
    ) throws(StatementError) {
        try authority.apply(statement(act, by: author, pupilFile: pupilFile, items: items, policy: policy))
        index += 1
        time += 1
    }

    mutating func say(
        _ act: Act, by person: PersonID, pupilFile: PupilFileID? = nil, items: [Item] = []
    ) throws(StatementError) {
        try say(act, by: .person(person), pupilFile: pupilFile, items: items)
    }

    /// Somebody who was invited: the statement, its items, and the seed that the code gives.
    struct Invited {
        let act: InvitationAct
        let items: [Item]
        let seed: [UInt8]
    }

    func invited(
        _ roles: Set<Role>, nameTag: [UInt8] = Randomness.bytes(32), hours: Int64 = 24
    ) throws -> Invited {
        let row = Item(id: .random(), kind: .personRow, digest: digest("row"))
        let (code, seed) = try code(hours: hours)
        return Invited(
            act: InvitationAct(person: .random(), nameTag: nameTag, roles: roles, row: row.id, code: code),
            items: [row],
            seed: seed)
    }

    /// An invitation's code as a statement has it, and the seed that it gives.
    func code(hours: Int64 = 24) throws -> (InvitationCode, seed: [UInt8]) {
        let seed = Randomness.bytes(32)
        let key = try SigningKey(seed: SecretBytes(copying: seed)).verifyingKey.rawRepresentation
        return (InvitationCode(key: key, expires: Timestamp(milliseconds: time + hours * 3_600_000)), seed)
    }

    /// Fresh keys that somebody makes with a code.
    func joining(_ person: PersonID, _ seed: [UInt8], vault: VaultID? = nil) throws -> (JoiningAct, [Item]) {
        let identity = IdentityID.random()
        let keybox = Item(id: .random(), kind: .keybox, digest: digest("keybox"))
        let recipient = Self.recipient(identity)
        let key = try SigningKey.generate().verifyingKey.rawRepresentation
        let proof = try SigningKey(seed: SecretBytes(copying: seed)).signature(
            for: JoiningAct.signedBytes(
                vault: vault ?? self.vault, person: person, identity: identity, verifyingKey: key,
                recipient: recipient.digest, keybox: keybox.digest))
        return (
            JoiningAct(person: person, identity: identity, verifyingKey: key, keybox: keybox.id, proof: proof),
            [recipient, keybox]
        )
    }

    /// Gives somebody keys, with no wrap.
    func confirmation(of person: PersonID, wraps: [WrapEdge] = []) -> Act {
        .personConfirmed(
            ConfirmationAct(
                person: person, identity: authority.people[person]?.identity ?? .random(), wraps: wraps))
    }

    /// Invites somebody, who joins, and, where asked, makes them able to work.
    mutating func add(_ roles: Set<Role>, enrolled: Bool = true, ready: Bool = true) throws -> PersonID {
        let invited = try invited(roles)
        let id = invited.act.person
        try say(.personInvited(invited.act), by: founder, items: invited.items)
        let (joining, items) = try joining(id, invited.seed)
        try say(.personJoined(joining), by: id, items: items)
        guard enrolled else { return id }
        try say(.personEnrolled(id), by: id)
        guard ready else { return id }
        try say(confirmation(of: id), by: founder)
        try prepare(id)
        return id
    }

    /// Whether somebody may now what an ability includes.
    func may(_ ability: Ability, _ person: PersonID) -> Bool {
        authority.allows(ability, person, at: Timestamp(milliseconds: time))
    }

    /// Puts a pupil on the register.
    mutating func register(_ reference: String = "P-7F3KQ") throws -> PupilFileID {
        let file = PupilFileID.random()
        let (act, items) = Self.pupil(reference, heldBy: team)
        try say(.pupilRegistered(act), by: founder, pupilFile: file, items: items)
        return file
    }

    static func payload(length: UInt64 = 1) -> SealedPayload {
        SealedPayload(
            blob: .random(), digest: digest("p"), length: length, nonce: Randomness.bytes(16), commitment: digest("c"))
    }

    /// A filing of somebody's, with the items that it needs.
    static func filing(in batch: BatchID? = nil) throws -> (Act, [Item]) {
        let document = DocumentID.random()
        let detail = Item(id: .random(), kind: .detail, digest: digest("d"))
        let key = Item(id: .random(), kind: .detailKey, digest: digest("k"))
        let header = Item(id: ItemID(document.bytes) ?? .random(), kind: .header, digest: digest("h"))
        let act = FilingAct(
            document: document, upload: .random(), payload: Self.payload(), detail: detail.id, detailKey: key.id,
            quarantine: nil, batch: batch,
            contentTag: Randomness.bytes(32))
        return (.documentFiled(act), [header, detail, key])
    }

    /// A scan in the intake queue, with the items that it needs.
    static func intakeItem() -> (Act, [Item]) {
        let items = [ItemKind.header, .detail, .intakeKey].map {
            Item(id: .random(), kind: $0, digest: digest($0.rawValue))
        }
        let act = IntakeAct(
            upload: .random(), payload: Self.payload(), header: items[0].id, detail: items[1].id, key: items[2].id,
            quarantine: nil)
        return (.intakeReceived(act), items)
    }

    /// Makes a scan station that works until a time.
    mutating func addStation(for files: [PupilFileID], intake: Bool = false, until expires: Int64) throws -> PersonID {
        let id = PersonID.random()
        let (party, items) = try Self.person(id, roles: [.station])
        try say(
            .stationAdded(StationAct(party: party, expires: Timestamp(milliseconds: expires), intake: intake)),
            by: founder, items: items)
        for file in files { try say(.stationAllowed(id), by: founder, pupilFile: file) }
        return id
    }

    /// Why a statement is not lawful; nil where it is.
    func unlawful(
        _ act: Act, by author: Author, pupilFile: PupilFileID? = nil, items: [Item] = [], policy: Digest? = nil
    ) -> String? {
        var copy = self
        do throws(StatementError) {
            try copy.say(act, by: author, pupilFile: pupilFile, items: items, policy: policy)
            return nil
        } catch {
            guard case .unlawful(let why) = error else { return "\(error)" }
            return why
        }
    }
}
