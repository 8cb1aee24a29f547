import Foundation
import GRDB
public import Records
import Sealing

// Restricted documents: what a member of staff did or may have done. Nothing of the pupil file's keys opens them.
// - Each is sealed to the people who keep such documents, without those it is about, and to recovery.
// - Every act on one is a record of the same shape: an age header of 8 or 16 stanzas, some of them for nobody, and a row of
//   a multiple of 4 KiB. Only who can open the header knows what was done, and with which document.
// - Each record seals the document's file key anew to whoever keeps it then: who made new keys, or a new recovery key, is
//   back with the next act.

/// What is said of a restricted document beside what is said of every document.
public struct RestrictedFacts: Hashable, Sendable {
    /// Whom it is about, by name.
    public let about: String
    /// The pupil as they stood on the register at filing, without number and enrolment.
    public let pupil: Pupil
    /// Who can open it now, by name.
    public let keepers: [String]
    /// Whether the recovery key opens it.
    public let isRecoverable: Bool
    /// Whether this person has opened it before.
    public let isOpened: Bool
    /// How it came here, where it had been filed into the pupil's file.
    public let moved: MovedFacts?
}

/// What is said of a document that was moved out of a pupil's file: sealed with it.
public struct MovedFacts: Hashable, Sendable {
    /// The document it was there.
    public let document: DocumentID
    /// Who moved it, by the name they had then.
    public let by: String
    /// When.
    public let at: Timestamp
    /// Who could read it until then, by name.
    public let readers: [String]
    /// Whether the recovery key of that time reached it.
    public let wasRecoverable: Bool
    /// Who had opened it by then, by name.
    public let opened: [String]
}

/// The restricted documents that a session's person can open, and how far the ledger was looked through for them.
struct RestrictedMemory: Sendable {
    /// Records that are not what their statements commit to.
    var damaged: Set<DocumentID> = []
    struct Document: Sendable {
        let index: UInt64
        let pupilFile: PupilFileID
        /// Sealed under the session's key.
        let fileKey: [UInt8]
        var keeping: RestrictedKeeping
        var isOpened: Bool
        /// The places of the records about what agencies asked for.
        var steps: [UInt64] = []
    }
    var documents: [DocumentID: Document] = [:]
    /// The first statement that was not looked at.
    var next: UInt64 = 0
}

/// Who a restricted document is for.
struct RestrictedKeeping: Hashable, Sendable {
    /// Who was named for it, at its filing or later.
    var named: Set<PersonID>
    /// Whom it is about.
    let barred: Set<PersonID>
    /// The identities that the newest record about it is sealed to.
    var sealedTo: Set<IdentityID>

    /// Who keeps it under this authority.
    func keepers(_ authority: Authority) -> [PersonState] {
        authority.holdersOfRestricted().filter { named.contains($0.id) && !barred.contains($0.id) }
    }
}

/// Whether a name that was written may be this person's: their whole name, or their last with nothing but a title.
private func isPerhaps(_ person: String, _ others: String) -> Bool {
    func words(_ text: some StringProtocol) -> [String] {
        text.lowercased().split { !$0.isLetter && $0 != "-" }.map(String.init)
    }
    let titles: Set = ["mr", "mrs", "ms", "miss", "mx", "dr", "sir"]
    let whole = words(person)
    return others.replacing(" and ", with: ",").split { ",;&/\n".contains($0) }.contains { other in
        let name = words(other).filter { !titles.contains($0) }
        return !name.isEmpty && (name == whole || name == whole.suffix(1))
    }
}

/// A record about a restricted document that somebody's key opens.
private final class OpenedRecord {
    let index: UInt64
    let author: PersonID
    let act: RestrictedAct
    let fileKey: FileKey
    let detail: Detail

    init(index: UInt64, author: PersonID, act: RestrictedAct, fileKey: consuming FileKey, detail: Detail) {
        self.index = index
        self.author = author
        self.act = act
        self.fileKey = fileKey
        self.detail = detail
    }

    /// The document it is about; nil for one about none.
    var document: DocumentID? {
        detail["act"] == "filed" ? act.record : detail["document"].flatMap { DocumentID(text: $0) }
    }

    func ids<Of>(_ name: String) -> Set<Identifier<Of>> {
        Set((detail[name] ?? "").split(separator: " ").compactMap { Identifier(text: String($0)) })
    }
}

/// A record about what an agency asked for of a restricted document.
struct RestrictedStep {
    /// What such a record can be.
    static let acts: Set = ["asked", "agreed", "ended", "given"]

    let id: DocumentID
    let author: PersonID
    /// Their name, which the record says, too.
    let name: String
    let at: Timestamp
    let detail: Detail
}

extension Vault {
    // MARK: - Filing

    /// Makes ready what files an upload as a restricted document.
    func prepareRestricted(
        _ received: Received, _ details: FilingDetails, about concern: StaffConcern, _ acting: Acting
    ) throws -> Prepared {
        let (checked, inspected) = (try checkedDetails(received, details), received.verdict)
        let authority = recorder.authority
        guard let pupilFile = received.pupilFile, let pupil = authority.pupils[pupilFile] else {
            throw Refusal.pupilUnknown
        }
        guard authority.stations[acting.person] == nil else { throw Refusal.notEntitled }
        let concerned = try concerned(checked.details.concerning ?? concern)
        let keepers = concerned.keepers
        let (filer, entry) = try pool.read { db in
            (try self.filer(acting.person, in: nil, db), try self.pupil(pupil, registerKey(as: acting, db), db))
        }
        let document = DocumentID.random()
        let quarantine = inspected.outcome == .quarantined ? inspected.code ?? "quarantined" : nil
        let values = filingValues(received, checked, filer).merging(
            concerned.values(of: entry, quarantine: quarantine)
        ) { $1 }
        let draft = try restrictedDraft(
            document, values, received.fileKey, to: addresses(keepers, authority),
            brought: .init(upload: received.upload, payload: received.payload(boundTo: document.bytes)), acting)
        return Prepared(received: received, drafts: [draft]) { recorded in
            acting.memory.with { $0.restrictedFiled[document] = keepers.count }
            return .filed(
                received.upload,
                Receipt(
                    document: document, pupilReference: pupil.reference,
                    filename: Self.ending(of: received.filename).name, recorded: recorded[0].statement.time,
                    sha256: received.digest.hex, index: recorded[0].statement.index,
                    checkpoint: recorded[0].checkpoint,
                    mediaType: inspected.mediaType, pages: inspected.pages, size: received.size,
                    quarantined: inspected.outcome == .quarantined, earlier: nil, isRestricted: true,
                    documents: [document]))
        }
    }

    /// Whom a document is about, and who would keep it: decided.
    struct Concerned {
        let concern: StaffConcern
        /// The names of those it is about, in words.
        let about: String
        let keepers: [PersonState]
        /// The keepers' names.
        let names: [String]

        /// What the record that files it says beside what is said of every document.
        func values(of pupil: Pupil, quarantine: String?) -> [String: String] {
            [
                "act": "filed", "about": about, "barred": texts(concern.people), "named": texts(keepers.map(\.id)),
                "pupil_file": pupil.pupilFile.text, "pupil_name": pupil.name, "pupil_born": pupil.dateOfBirth,
                "pupil_reference": pupil.reference, "quarantine": quarantine ?? "",
            ]
        }
    }

    /// Decides who would keep a document about these.
    ///
    /// - Throws: a refusal where nobody would be left, or somebody would be who may be meant.
    func concerned(_ concern: StaffConcern) throws -> Concerned {
        let authority = recorder.authority
        let keepers = RestrictedKeeping(
            named: Set(authority.holdersOfRestricted().map(\.id)), barred: concern.people, sealedTo: []
        ).keepers(authority)
        guard !keepers.isEmpty else { throw Refusal.staffAll }
        return try pool.read { db in
            let names = try keepers.map { try name(of: $0, db) }
            if let meant = names.first(where: { isPerhaps($0, concern.others) }) { throw Refusal.staffMeant(meant) }
            let about = try concern.people.map { person in
                guard authority.stations[person] == nil,
                    let row = authority.people[person]?.row ?? authority.invitations[person]?.row
                else { throw Refusal.personUnknown }
                return try name(of: person, row, db)
            }
            return Concerned(
                concern: concern,
                about: (about.sorted() + [concern.others]).filter { !$0.isEmpty }.joined(separator: ", "),
                keepers: keepers, names: names.sorted())
        }
    }

    /// The names of everybody with an account, for saying whom a document is about.
    public func staff(as acting: Acting) throws(VaultError) -> [(id: PersonID, name: String)] {
        try rethrowing("staff") {
            _ = try decide(.seeRegister, acting)
            return try recorder.read(pool) { db, head in
                let rows = head.authority.people.filter { head.authority.stations[$0.key] == nil }.mapValues(\.row)
                    .merging(head.authority.invitations.mapValues(\.row)) { known, _ in known }
                return try rows.map { (id: $0.key, name: try name(of: $0.key, $0.value, db)) }
                    .sorted { ($0.name, $0.id) < ($1.name, $1.id) }
            }
        }
    }

    /// A concern about people with an account, by their names, and about others.
    ///
    /// - Throws: a refusal `person.unknown` for a name that is nobody's.
    public func staffConcern(
        named names: [String], others: String = "", as acting: Acting
    ) throws(VaultError) -> StaffConcern {
        let staff = Dictionary(
            try staff(as: acting).map { (Self.signInName($0.name), $0.id) }, uniquingKeysWith: { first, _ in first })
        let people = names.compactMap { staff[Self.signInName($0)] }
        guard people.count == names.count else { throw .refused(.personUnknown) }
        return StaffConcern(people: Set(people), others: others)
    }

    /// How many people can open a restricted document that this session filed; nil for any other.
    public func keepersCount(of document: DocumentID, as acting: Acting) -> Int? {
        acting.memory.with { $0.restrictedFiled[document] }
    }

    // MARK: - Looking

    /// The restricted documents that this person's key opens, newest first. A recorded act, once a session.
    public func restrictedDocuments(as acting: Acting) throws(VaultError) -> [DocumentFacts] {
        try rethrowing("restricted") {
            _ = try decide(.holdRestricted, acting)
            try catchUpRestricted(acting)
            guard acting.memory.with({ $0.restricted.damaged.isEmpty }) else {
                throw VaultError.tampered(code: "header.differs")
            }
            try recordRestrictedRead(acting)
            let known = acting.memory.with { $0.restricted.documents }
            return try known.sorted { $0.value.index > $1.value.index }.compactMap {
                try restricted($0.key, acting)?.facts
            }
        }
    }

    /// How many restricted documents this person has not opened yet.
    public func restrictedWaiting(as acting: Acting) throws(VaultError) -> Int {
        try rethrowing("restricted") {
            try catchUpRestricted(acting)
            return acting.memory.with { $0.restricted.documents.values.count { !$0.isOpened } }
        }
    }

    /// How many restricted documents there are about a pupil that this person's key opens.
    public func restrictedCount(of pupilFile: PupilFileID, as acting: Acting) throws(VaultError) -> Int {
        try rethrowing("restricted") {
            try catchUpRestricted(acting)
            return acting.memory.with { $0.restricted.documents.values.count { $0.pupilFile == pupilFile } }
        }
    }

    /// A restricted document whose every commitment was checked; nil for any other, and for one that this person's key does
    /// not open.
    func restricted(_ id: DocumentID, _ acting: Acting) throws -> CheckedDocument? {
        try catchUpRestricted(acting)
        guard recorder.authority.allows(.holdRestricted, acting.person, at: clock.now()),
            let known = acting.memory.with({ $0.restricted.documents[id] })
        else {
            guard acting.memory.with({ !$0.restricted.damaged.contains(id) }) else {
                throw VaultError.tampered(code: "header.differs")
            }
            return nil
        }
        return try recorder.read(pool) { db, head in
            let fileKey = try restrictedKey(id, known, acting)
            let (statement, payload, detail) = try filedRestricted(id, fileKey, db)
            guard let nonce = PayloadNonce(payload.nonce), case .person(let author) = statement.author else {
                throw VaultError.tampered(code: "document.statement")
            }
            let moved = try moved(to: id, detail, by: author, at: statement.time, known.pupilFile, head.authority, db)
            let filer = try moved?.filer ?? filer(author, in: nil, db)
            guard detail["uploader"] == filer.uploader, detail["through"] ?? "" == filer.through ?? "" else {
                throw VaultError.tampered(code: "detail.uploader")
            }
            let keepers = known.keeping.keepers(head.authority).filter { known.keeping.sealedTo.contains($0.identity) }
            var facts = DocumentFacts(
                id: id, pupilFile: known.pupilFile, index: statement.index, recorded: moved?.recorded ?? statement.time,
                quarantine: detail["quarantine"], filedAs: detail["quarantine"], filer: filer,
                fields: detail.fields.mapValues { String(decoding: $0.value, as: UTF8.self) })
            facts.restricted = RestrictedFacts(
                about: detail["about"] ?? "",
                pupil: Pupil(
                    pupilFile: known.pupilFile, reference: detail["pupil_reference"] ?? "",
                    name: detail["pupil_name"] ?? "", dateOfBirth: detail["pupil_born"] ?? "", upn: "", enrolled: ""),
                keepers: try keepers.map { try name(of: $0, db) }.sorted(),
                isRecoverable: head.authority.recoveryInForce.map { known.keeping.sealedTo.contains($0.identity) }
                    ?? false,
                isOpened: known.isOpened, moved: moved?.facts)
            return CheckedDocument(facts: facts, payload: payload, nonce: nonce, fileKey: fileKey)
        }
    }

    // MARK: - Saying what was done

    /// Records that the list was read, once a session, and seals what is sealed to keys of before to those of now.
    func recordRestrictedRead(_ acting: Acting) throws {
        guard !acting.memory.with({ $0.restrictedRead }) else { return }
        let nobody = try FileKey.random()
        let authority = recorder.authority
        let listed = try restrictedDraft(
            .random(), ["act": "listed"], nobody,
            to: addresses(Array(authority.holdersOfRestricted().prefix(RestrictedAct.mostKeepers)), authority), acting)
        try recorder.record([listed] + renewals(authority, acting), in: pool)
        acting.memory.with { $0.restrictedRead = true }
    }

    /// One record for each restricted document that is not sealed to all who keep it, as far as this person's key reaches.
    ///
    /// - Parameter recovery: a recovery key that is about to be made.
    func renewals(
        _ authority: Authority, recovery: (IdentityID, HybridRecipient)? = nil, _ acting: Acting
    ) throws -> [Draft] {
        try catchUpRestricted(acting)
        return try acting.memory.with { $0.restricted.documents }.sorted { $0.key < $1.key }.compactMap { id, known in
            let wanted = try addresses(known.keeping.keepers(authority), authority, recovery: recovery)
            guard Set(wanted.keys) != known.keeping.sealedTo else { return nil }
            return try restrictedDraft(
                .random(), about(id, known.keeping, "sealed"), restrictedKey(id, known, acting), to: wanted, acting)
        }
    }

    /// Records an act on a document.
    func record(_ what: String, _ values: [String: String], onRestricted id: DocumentID, _ acting: Acting) throws {
        guard let known = acting.memory.with({ $0.restricted.documents[id] }) else { throw VaultError.notFound }
        let authority = recorder.authority
        let draft = try restrictedDraft(
            .random(), about(id, known.keeping, what).merging(values) { $1 }, restrictedKey(id, known, acting),
            to: addresses(known.keeping.keepers(authority), authority), acting)
        try recorder.record([draft], in: pool)
    }

    /// Records that seal to a new lead what the recovery key opens and is not about them.
    func recoveredRestricted(
        with secret: borrowing HybridIdentity, to lead: (person: PersonID, identity: IdentityID, HybridRecipient),
        without suspended: [PersonID], _ acting: Acting, _ db: Database
    ) throws -> [Draft] {
        let authority = recorder.authority
        var newest: [DocumentID: OpenedRecord] = [:]
        for record in try openedRecords(from: 0, with: secret, db).opened {
            // Anybody can seal to the recovery key: only what holds the document's own key is about it.
            guard let id = record.document, (try? filedRestricted(id, record.fileKey, db)) != nil else { continue }
            newest[id] = record
        }
        return try newest.sorted { $0.key < $1.key }.compactMap { id, record in
            let (_, _, detail) = try filedRestricted(id, record.fileKey, db)
            var keeping = RestrictedKeeping(
                named: record.ids("named"), barred: Self.people(detail["barred"]), sealedTo: [])
            guard !keeping.barred.contains(lead.person) else { return nil }
            let keepers = keeping.keepers(authority).filter {
                $0.id != lead.person && !suspended.contains($0.id)
            }
            keeping.named.insert(lead.person)
            var to: [IdentityID: HybridRecipient] = [:]
            for keeper in keepers { to[keeper.identity] = try recipient(of: keeper.identity, db) }
            to[lead.identity] = lead.2
            return try restrictedDraft(
                .random(), about(id, keeping, "recovered"), record.fileKey, to: to, acting)
        }
    }

    // MARK: - Reading the ledger

    /// Looks through what came since for records that this person's key opens; nothing of it is recorded.
    private func catchUpRestricted(_ acting: Acting) throws {
        guard recorder.authority.allows(.holdRestricted, acting.person, at: clock.now()) else { return }
        let next = acting.memory.with { $0.restricted.next }
        try recorder.read(pool) { db, head in
            var found: [DocumentID: RestrictedMemory.Document] = [:]
            let (opened, damaged) = try openedRecords(from: next, with: acting.keys.identity, db)
            for record in opened {
                guard let id = record.document else { continue }
                let isOpened = record.author == acting.person && record.detail["act"] == "opened"
                if var known = found[id] ?? acting.memory.with({ $0.restricted.documents[id] }) {
                    guard try restrictedKey(id, known, acting).isEqual(to: record.fileKey) else { continue }
                    known.keeping.named.formUnion(record.ids("named"))
                    known.keeping.sealedTo = record.ids("sealed_to")
                    known.isOpened = known.isOpened || isOpened
                    if RestrictedStep.acts.contains(record.detail["act"] ?? "") { known.steps.append(record.index) }
                    found[id] = known
                } else if let (statement, _, detail) = try? filedRestricted(id, record.fileKey, db),
                    let pupilFile = detail["pupil_file"].flatMap({ PupilFileID(text: $0) })
                {
                    found[id] = RestrictedMemory.Document(
                        index: statement.index, pupilFile: pupilFile,
                        fileKey: try SealedRow.seal(
                            record.fileKey.secretCopy(), session: acting.memoryKey(),
                            associatedData: acting.session.bytes + id.bytes),
                        keeping: RestrictedKeeping(
                            named: record.ids("named"), barred: Self.people(detail["barred"]),
                            sealedTo: record.ids("sealed_to")), isOpened: isOpened)
                }
            }
            let (all, size) = (found, head.size)
            acting.memory.with { memory in
                memory.restricted.documents.merge(all) { $1 }
                memory.restricted.damaged.formUnion(damaged)
                memory.restricted.next = max(memory.restricted.next, size)
            }
        }
    }

    /// The records of a document about what agencies asked for, in order, opened anew.
    func steps(onRestricted id: DocumentID, _ acting: Acting) throws -> [RestrictedStep] {
        guard let known = acting.memory.with({ $0.restricted.documents[id] }) else { throw VaultError.notFound }
        let fileKey = try restrictedKey(id, known, acting)
        return try recorder.read(pool) { db, _ in
            try known.steps.map { index in
                let statement = try recorder.statement(index, db).statement
                guard case .restrictedActed(let act) = statement.act, case .person(let author) = statement.author,
                    let detail = try restrictedDetail(act, statement, fileKey, db)
                else { throw VaultError.tampered(code: "restricted.statement") }
                let name = try self.author(of: statement, db)
                guard detail["made_by"] == name else { throw VaultError.tampered(code: "detail.made-by") }
                return RestrictedStep(id: act.record, author: author, name: name, at: statement.time, detail: detail)
            }
        }
    }

    private func restrictedKey(
        _ id: DocumentID, _ known: RestrictedMemory.Document, _ acting: Acting
    ) throws -> FileKey {
        try FileKey(
            SealedRow.open(
                known.fileKey, session: acting.memoryKey(), associatedData: acting.session.bytes + id.bytes))
    }

    /// The records from an index on that a key opens, in order, and those that are not what was committed. What cannot be
    /// opened is somebody else's.
    private func openedRecords(
        from first: UInt64, with identity: borrowing HybridIdentity, _ db: Database
    ) throws -> (opened: [OpenedRecord], damaged: Set<DocumentID>) {
        let indices = try UInt64.fetchIndices(
            db, sql: "SELECT idx FROM restricted WHERE idx >= ? ORDER BY idx", arguments: [Int64(first)])
        var opened: [OpenedRecord] = []
        var damaged: Set<DocumentID> = []
        for index in indices {
            let statement = try recorder.statement(index, db).statement
            guard case .restrictedActed(let act) = statement.act, case .person(let author) = statement.author else {
                throw VaultError.tampered(code: "restricted.statement")
            }
            guard let header = statement.items.first(where: { $0.kind == .header }),
                let row = statement.items.first(where: { $0.kind == .detail }),
                let bytes = try? Self.item(header, db), (try? Self.item(row, db)) != nil
            else {
                damaged.insert(act.record)
                continue
            }
            do throws(SealingError) {
                let fileKey = try Header(parsing: bytes).open(with: identity)
                let detail = try restrictedDetail(act, statement, fileKey, db)
                guard let detail else { continue }
                opened.append(
                    OpenedRecord(index: index, author: author, act: act, fileKey: fileKey, detail: detail))
            } catch {
                continue
            }
        }
        return (opened, damaged)
    }

    /// What a record says; nil where its author sealed something else.
    private func restrictedDetail(
        _ act: RestrictedAct, _ statement: Statement, _ fileKey: borrowing FileKey, _ db: Database
    ) throws(SealingError) -> Detail? {
        guard let item = statement.items.first(where: { $0.kind == .detail && $0.id == act.detail }),
            let bytes = try? Self.item(item, db)
        else { return nil }
        let row = try SealedRow.open(
            bytes, key: fileKey.detailKey(ofRecord: act.record.bytes), row: act.detail.bytes,
            associatedData: rowContext("restricted", act.record.bytes))
        return try? RestrictedAct.detail(inPadded: row)
    }

    /// The record that filed a document, for who holds its file key.
    private func filedRestricted(
        _ id: DocumentID, _ fileKey: borrowing FileKey, _ db: Database
    ) throws -> (Statement, SealedPayload, Detail) {
        let index = try UInt64.fetchIndex(
            db, sql: "SELECT idx FROM restricted WHERE id = ?", arguments: [Data(id.bytes)])
        guard let index else { throw VaultError.notFound }
        let statement = try recorder.statement(index, db).statement
        guard case .restrictedActed(let act) = statement.act, act.record == id, let payload = act.brought?.payload,
            let nonce = PayloadNonce(payload.nonce),
            keyCommitment(fileKey, nonce: nonce, document: id.bytes) == payload.commitment
        else { throw VaultError.tampered(code: "document.key-commitment") }
        guard let detail = try restrictedDetail(act, statement, fileKey, db), detail["act"] == "filed" else {
            throw VaultError.tampered(code: "document.detail")
        }
        return (statement, payload, detail)
    }

    // MARK: - Writing

    private func about(_ id: DocumentID, _ keeping: RestrictedKeeping, _ act: String) -> [String: String] {
        ["act": act, "document": id.text, "named": texts(keeping.named)]
    }

    static func people(_ text: String?) -> Set<PersonID> {
        Set((text ?? "").split(separator: " ").compactMap { PersonID(text: String($0)) })
    }

    /// Where a document's key goes: to these people, and to recovery.
    func addresses(
        _ people: [PersonState], _ authority: Authority, recovery: (IdentityID, HybridRecipient)? = nil
    ) throws -> [IdentityID: HybridRecipient] {
        // Room for the recovery key is kept also while there is none.
        guard people.count <= RestrictedAct.mostKeepers else { throw Refusal.staffTooMany }
        return try pool.read { db in
            var out: [IdentityID: HybridRecipient] = [:]
            for person in people { out[person.identity] = try recipient(of: person.identity, db) }
            if let (identity, recipient) = recovery {
                out[identity] = recipient
            } else if let identity = authority.recoveryInForce?.identity {
                out[identity] = try recipient(of: identity, db)
            }
            return out
        }
    }

    /// A record: its header sealed to these and to nobody's keys beside, in no order.
    func restrictedDraft(
        _ record: DocumentID, _ values: [String: String], _ fileKey: borrowing FileKey,
        to recipients: [IdentityID: HybridRecipient], brought: RestrictedAct.Brought? = nil, _ acting: Acting
    ) throws -> Draft {
        guard let count = RestrictedAct.stanzaCounts.first(where: { $0 >= recipients.count }) else {
            throw Refusal.staffTooMany
        }
        var all = recipients.values.map { Recipient.hybrid($0) }
        while all.count < count { all.append(.hybrid(try HybridIdentity.generate().recipient)) }
        let item = ItemID.random()
        let act = RestrictedAct(record: record, detail: item, brought: brought)
        let detail = Detail(values: values.merging(["sealed_to": texts(recipients.keys)]) { $1 })
        let row = try SealedRow.seal(
            RestrictedAct.padded(detail), key: fileKey.detailKey(ofRecord: record.bytes), row: item.bytes,
            associatedData: rowContext("restricted", record.bytes))
        let header = try Header.seal(fileKey, to: all.shuffled())
        return Draft(
            signer: .person(acting),
            items: [
                SealedItem(record.shared(as: Kind.Item.self), .header, header.bytes), SealedItem(item, .detail, row),
            ], act: .restrictedActed(act))
    }
}

/// Ids as a record's detail lists them.
func texts<Of>(_ ids: some Sequence<Identifier<Of>>) -> String { ids.map(\.text).sorted().joined(separator: " ") }
