import Foundation
import GRDB
public import Records
import Sealing

// Access for who reads nothing by role: to one pupil file, or to some documents of it, with reason and end. Only a lead
// gives it. Each document gets one more header, with the same file key, sealed to the person; the payload is not touched.

/// An access as a list shows it.
public struct AccessListing: Hashable, Sendable {
    /// Which.
    public let id: AccessID
    /// To whom.
    public let person: PersonID
    /// Their name.
    public let name: String
    /// The pupil file.
    public let pupilFile: PupilFileID
    /// Whether it is to the whole file, what is filed later too.
    public let whole: Bool
    /// How many documents it has opened so far.
    public let documents: Int
    /// Why, in the giver's words.
    public let reason: String
    /// Who gave it.
    public let givenBy: String
    /// When.
    public let given: Timestamp
    /// From when on it is over.
    public let expires: Timestamp
    /// When it was ended before that.
    public let ended: Timestamp?
    /// Whether it opens anything now.
    public let isActive: Bool
}

/// One way from a pupil file's key to a person, as the key graph has it now.
public struct KeyPath: Hashable, Sendable {
    /// Why somebody holds a key.
    public enum Way: Hashable, Sendable {
        /// Through the safeguarding team's key.
        case team
        /// Through an access of their own.
        case access(AccessID)
    }
    /// Who.
    public let person: PersonID
    /// Their name.
    public let name: String
    /// Their roles.
    public let roles: Set<Role>
    /// Along which key.
    public let way: Way
    /// Whether they are suspended now: the key is theirs, and the vault opens nothing with it for them.
    public let isSuspended: Bool
}

/// What one person's keys open.
public struct Reach: Sendable {
    /// Whether they hold the key to the register of pupils.
    public let register: Bool
    /// Whether they hold the safeguarding team's key, and with it every ordinary pupil file.
    public let team: Bool
    /// Whether they hold the key to the intake queue.
    public let intake: Bool
    /// How many pupil files the team's key opens.
    public let pupilFiles: Int
    /// Their accesses that are neither over nor ended, with the pupil.
    public let accesses: [(pupil: Pupil, access: AccessListing)]
}

extension Vault {
    // MARK: - Giving and ending

    /// Gives somebody access to a pupil file, or to some documents of it. Recorded; durable on return. Takes about 1 ms a
    /// document.
    ///
    /// - Parameters:
    ///   - documents: which; nil for the whole file, what is filed later too. What is quarantined is never shared.
    ///   - until: the last day, as people write it.
    ///   - reason: why, 1 to 500 characters; sealed to the pupil file.
    /// - Throws: a refusal `access.…` of the person, the day, the reason or the documents.
    @discardableResult
    public func giveAccess(
        to person: PersonID, of pupilFile: PupilFileID, documents: [DocumentID]?, until: String, reason: String,
        as acting: Acting
    ) throws(VaultError) -> AccessID {
        try rethrowing("access-give") {
            _ = try decide(.giveAccess, acting)
            _ = try decide(.readChronology(pupilFile), acting)
            try requireCode(acting)
            let reason = try Self.checkedReason(reason)
            let (expires, day) = try accessEnd(until)
            let (state, name) = try readerToBe(person, acting)
            guard documents?.isEmpty != true else {
                throw Refusal(
                    code: "access.no-document", message: "No document is chosen.",
                    hint: "Choose the whole file, or at least one document.")
            }
            let access = AccessID.random()
            var keys: [PupilFileID: FilingKey] = [:]
            let drafts = try recorder.read(pool) { db, _ in
                let file = try openFile(pupilFile, acting, db)
                let recipient = try self.recipient(of: state.identity, db)
                let wanted = try indices(of: documents, in: pupilFile, db)
                let shares = try wanted.map { index in
                    let statement = try recorder.statement(index, db).statement
                    guard case .documentFiled(let act) = statement.act, statement.pupilFile == pupilFile else {
                        throw VaultError.tampered(code: "document.other-statement")
                    }
                    let fileKey = try fileKey(of: statement, act, file, db)
                    let detailKey = try detailKey(act.detailKey, pupilFile, acting, file, db)
                    return try share(act.document, act.detail, under: access, fileKey, detailKey, to: recipient)
                }
                let key = try filingKey(for: pupilFile, file.recipient, acting, &keys)
                let detail = Detail(values: ["reason": reason, "to": name, "until": day])
                let sealed = try seal(detail, of: access.bytes, in: pupilFile, under: key)
                let given = Draft(
                    signer: .person(acting), pupilFile: pupilFile,
                    items: [sealed] + key.takeFresh(), fields: detail.commitments,
                    act: .accessGiven(
                        AccessAct(
                            access: access, person: person, identity: state.identity, whole: documents == nil,
                            expires: expires, detail: sealed.item.id, detailKey: key.item)))
                let parts = stride(from: 0, to: shares.count, by: Share.most).map {
                    shares[$0..<min($0 + Share.most, shares.count)]
                }
                let entries =
                    try documents == nil
                    ? sharesOfEntries(in: pupilFile, under: access, to: recipient, acting, file, db) : []
                let entryParts = stride(from: 0, to: entries.count, by: Share.most).map {
                    entries[$0..<min($0 + Share.most, entries.count)]
                }
                return [given]
                    + parts.map { part in
                        Draft(
                            signer: .person(acting), pupilFile: pupilFile, items: part.flatMap(\.items),
                            act: .accessExtended(part.map(\.share)))
                    }
                    + entryParts.map { part in
                        Draft(
                            signer: .person(acting), pupilFile: pupilFile, items: part.map(\.1),
                            act: .accessExtended([], entries: part.map(\.0)))
                    }
            }
            try recorder.record(drafts, in: pool)
            try remember(keys, acting)
            return access
        }
    }

    /// Ends an access at once. Recorded; durable on return. What they have read or copied already cannot be taken back.
    public func endAccess(_ id: AccessID, as acting: Acting) throws(VaultError) {
        try rethrowing("access-end") {
            _ = try decide(.giveAccess, acting)
            let authority = try recorder.read(pool) { _, head in head.authority }
            guard let access = authority.accesses[id] else { throw VaultError.notFound }
            guard access.ended == nil else { return }
            try say(.accessEnded(id), .person(acting), about: access.pupilFile)
        }
    }

    /// A reason in one line of 1 to 500 characters; nil where it is none.
    static func oneLine(_ reason: String) -> String? {
        let reason = reason.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return (1...500).contains(reason.count) && reason.unicodeScalars.allSatisfy({ $0.value >= 32 }) ? reason : nil
    }

    private static func checkedReason(_ reason: String) throws -> String {
        guard let reason = oneLine(reason) else {
            throw Refusal(
                code: "access.reason", message: "The reason is missing, or longer than 500 characters.",
                hint: "Say in a few words why this person needs to read it.")
        }
        return reason
    }

    /// The end of a day, in the school's time zone.
    func accessEnd(_ until: String) throws -> (Timestamp, day: String) {
        let zone = policies.school.timezone
        let (day, start) = try Self.day(until, in: zone)
        let end = Timestamp(milliseconds: start.milliseconds + 86_400_000)
        let longest = clock.now().milliseconds + Int64(policies.access.longestAccessDays + 1) * 86_400_000
        guard end > clock.now(), end.milliseconds <= longest else {
            throw Refusal(
                code: "access.until", message: "That day is over, or too far away.",
                hint: "Access lasts for \(policies.access.longestAccessDays) days at most; it can be given again.")
        }
        return (end, day)
    }

    /// One day as people write it, and its beginning.
    static func day(_ text: String, in timezone: String) throws -> (text: String, start: Timestamp) {
        guard let day = try? DocumentDate(typed: text).text,
            let start = try? AcceptableUsePolicy.instant(day, plusMonths: 0, in: timezone)
        else { throw Refusal.dayUnreadable }
        return (day, start)
    }

    private func readerToBe(_ person: PersonID, _ acting: Acting) throws -> (PersonState, name: String) {
        let authority = recorder.authority
        guard person != acting.person else { throw Refusal.accessToYourself }
        guard let state = authority.people[person], authority.stations[person] == nil, state.confirmed,
            state.suspended == nil, authority.invitations[person] == nil
        else {
            throw Refusal(
                code: "access.person", message: "That person cannot be given access now.",
                hint: "They have to join and have their keys compared first, and not be suspended.")
        }
        guard !authority.abilities.allow(.read, to: state.roles) else {
            throw Refusal(
                code: "access.reads-already", message: "That person reads every ordinary pupil file by their role.",
                hint: "Nothing has to be given to them.")
        }
        guard authority.abilities.allow(.file, to: state.roles) else {
            throw Refusal(
                code: "access.no-register", message: "That person's role does not see pupils' names.",
                hint: "Give access to members of staff.")
        }
        return (state, try pool.read { db in try name(of: state, db) })
    }

    /// The filings of the chosen documents, or of all that are not quarantined, oldest first.
    func indices(of documents: [DocumentID]?, in pupilFile: PupilFileID, _ db: Database) throws -> [UInt64] {
        let all = try Row.fetchAll(
            db,
            sql: """
                SELECT id, idx, quarantine FROM document WHERE pupil_file = ?
                AND id NOT IN (SELECT document FROM moved) ORDER BY idx
                """,
            arguments: [Data(pupilFile.bytes)]
        ).filter(isNoEvidence)
        guard let documents else { return try all.map { try $0.index("idx") } }
        let wanted = Set(documents.map { Data($0.bytes) })
        let found = all.filter { wanted.contains($0["id"]) }
        guard found.count == wanted.count else {
            throw Refusal(
                code: "access.document-unknown", message: "A chosen document is not in this file, or is quarantined.",
                hint: "Choose among the documents of this pupil's file.")
        }
        return try found.map { try $0.index("idx") }
    }

    /// Whether a row's document (`id`, `quarantine`) may be shown: it was not filed as evidence, or was released.
    func isNoEvidence(_ row: Row) throws -> Bool {
        if try row.value("quarantine") as String? == nil { return true }
        guard let id = DocumentID(try row.value("id") as Data) else { throw VaultError.tampered(code: "document.row") }
        return recorder.authority.quarantineDecisions[id]?.released == true
    }

    // MARK: - Shares

    /// A share with its items.
    struct SealedShare {
        let share: Share
        let items: [SealedItem]
    }

    /// Seals a document's key, and the key of its detail's row, to one more person.
    func share(
        _ document: DocumentID, _ detail: ItemID, under access: AccessID, _ fileKey: borrowing FileKey,
        _ detailKey: borrowing DetailKey, to recipient: HybridRecipient
    ) throws -> SealedShare {
        let share = Share(access: access, document: document, header: .random(), rowKey: .random())
        let header = try Header.seal(fileKey, to: [.hybrid(recipient)])
        let rowKey = try SealedRow.key(of: detail.bytes, from: detailKey)
        let wrap = try Wrap.seal(
            rowKey.secretCopy(),
            context: Self.rowKeyContext(recorder.vault, share.document.text, under: access, share.rowKey), to: recipient
        )
        return SealedShare(
            share: share,
            items: [SealedItem(share.header, .header, header.bytes), SealedItem(share.rowKey, .rowKey, wrap)])
    }

    /// - Parameter object: the document or the entry whose row it is.
    static func rowKeyContext(
        _ vault: VaultID?, _ object: String, under access: AccessID, _ rowKey: ItemID
    ) -> [UInt8] {
        Array("strongroom/v1/row-key\n\(vault?.text ?? "")\n\(object)\n\(access.text)\n\(rowKey.text)\n".utf8)
    }

    /// What a person without the pupil file's key opens one document with; nil where nothing is shared with them now.
    struct OpenShare {
        let header: [UInt8]
        let rowKey: [UInt8]
        let share: Share
    }

    /// As the statement that shared it commits to it.
    func openShare(of document: DocumentID, in pupilFile: PupilFileID, _ acting: Acting, _ db: Database) throws
        -> OpenShare?
    {
        let active = recorder.authority.activeAccesses(of: acting.person, at: clock.now()).filter {
            $0.pupilFile == pupilFile
        }
        for access in active {
            guard
                let index = try UInt64.fetchIndex(
                    db, sql: "SELECT idx FROM share WHERE access = ? AND document = ?",
                    arguments: [Data(access.id.bytes), Data(document.bytes)])
            else { continue }
            let statement = try recorder.statement(index, db).statement
            let shares: [Share] =
                switch statement.act {
                case .documentFiled(let act): act.shares
                case .accessExtended(let shares, _): shares
                default: []
                }
            guard let share = shares.first(where: { $0.access == access.id && $0.document == document }),
                let header = statement.items.first(where: { $0.kind == .header && $0.id == share.header }),
                let rowKey = statement.items.first(where: { $0.kind == .rowKey && $0.id == share.rowKey })
            else { throw VaultError.tampered(code: "share.other-statement") }
            return OpenShare(header: try Self.item(header, db), rowKey: try Self.item(rowKey, db), share: share)
        }
        return nil
    }

    func rowKey(in share: OpenShare, _ acting: Acting) throws -> Key<RowPurpose> {
        try Key(
            Wrap.open(
                share.rowKey, secretCount: 32,
                context: Self.rowKeyContext(
                    recorder.vault, share.share.document.text, under: share.share.access, share.share.rowKey),
                with: acting.keys.identity))
    }

    // MARK: - What was given

    /// Every access to a pupil file that was given, newest first.
    public func accesses(to pupilFile: PupilFileID, as acting: Acting) throws(VaultError) -> [AccessListing] {
        try rethrowing("accesses") {
            _ = try decide(.giveAccess, acting)
            _ = try decide(.readChronology(pupilFile), acting)
            return try recorder.read(pool) { db, head in
                try head.authority.accesses.values.filter { $0.pupilFile == pupilFile }
                    .sorted { $0.index > $1.index }.map { try listing($0, reason: reason(of: $0, acting, db), db) }
            }
        }
    }

    /// The person's own accesses that open something now, with the pupil, the documents and the entries, newest first.
    public func ownAccesses(
        as acting: Acting
    ) throws(VaultError) -> [(pupil: Pupil, access: AccessListing, documents: [DocumentFacts], entries: [EntryFacts])] {
        try rethrowing("accesses") {
            let active = recorder.authority.activeAccesses(of: acting.person, at: clock.now())
            for file in Set(active.map(\.pupilFile)).sorted() {
                if let refusal = recorder.authority.refusal(toRead: file, acting.person, at: clock.now()) {
                    throw refusal
                }
                try recordChronologyRead(file, acting)
            }
            return try recorder.read(pool) { db, _ in
                guard !active.isEmpty else { return [] }
                let register = try registerKey(as: acting, db)
                return try active.compactMap { access in
                    guard let state = recorder.authority.pupils[access.pupilFile] else { return nil }
                    let documents = try Data.fetchAll(
                        db,
                        sql: """
                            SELECT share.document FROM share JOIN document ON document.id = share.document
                            WHERE share.access = ? ORDER BY document.idx DESC
                            """, arguments: [Data(access.id.bytes)]
                    ).compactMap { DocumentID($0) }.filter { !recorder.isMoved($0) }
                    return (
                        try pupil(state, register, db), try listing(access, reason: "", db),
                        try documents.map { document in
                            let (statement, act) = try filing(at: document, db)
                            return try sharedFacts(statement, act, acting, db)
                        }, try sharedEntries(under: access, acting, db)
                    )
                }
            }
        }
    }

    private func listing(_ access: AccessState, reason: String, _ db: Database) throws -> AccessListing {
        let authority = recorder.authority
        guard let person = authority.people[access.person], let giver = authority.people[access.givenBy] else {
            throw VaultError.tampered(code: "author.unknown")
        }
        let count = try Int.fetchOne(
            db,
            sql: "SELECT count(*) FROM share WHERE access = ? AND document NOT IN (SELECT document FROM moved)",
            arguments: [Data(access.id.bytes)])
        return AccessListing(
            id: access.id, person: access.person, name: try name(of: person, db), pupilFile: access.pupilFile,
            whole: access.whole, documents: count ?? 0, reason: reason, givenBy: try name(of: giver, db),
            given: access.given, expires: access.expires, ended: access.ended,
            isActive: access.isActive(at: clock.now()) && person.identity == access.identity)
    }

    /// Why an access was given, for who holds the pupil file's key.
    func reason(of access: AccessState, _ acting: Acting, _ db: Database) throws -> String {
        let statement = try recorder.statement(access.index, db).statement
        guard case .accessGiven(let act) = statement.act, act.access == access.id,
            let item = statement.items.first(where: { $0.kind == .detail && $0.id == act.detail })
        else { throw VaultError.tampered(code: "access.other-statement") }
        let file = try openFile(access.pupilFile, acting, db)
        let key = try detailKey(act.detailKey, access.pupilFile, acting, file, db)
        let row = try SealedRow.open(
            Self.item(item, db), key: key, row: act.detail.bytes,
            associatedData: rowContext("detail", access.pupilFile.bytes + access.id.bytes))
        let detail = try Detail(parsing: row)
        guard detail.commitments == statement.fields else { throw VaultError.tampered(code: "detail.fields") }
        return detail["reason"] ?? ""
    }

    // MARK: - Who can read what, from the key graph

    /// Who can read a pupil file, and along which key: walked outward from the file's key and the shares, not from roles.
    func keyPaths(to pupilFile: PupilFileID, _ authority: Authority, _ db: Database) throws -> [KeyPath] {
        guard let file = authority.pupils[pupilFile] else { return [] }
        var holders: Set<IdentityID> = []
        var open = [file.identity]
        while let next = open.popLast() {
            for edge in authority.wraps[next] ?? [] where holders.insert(edge.holder).inserted {
                open.append(edge.holder)
            }
        }
        func path(_ person: PersonState, _ way: KeyPath.Way) throws -> KeyPath {
            KeyPath(
                person: person.id, name: try name(of: person, db), roles: person.roles, way: way,
                isSuspended: person.suspended != nil)
        }
        let team = try authority.people.values.filter { holders.contains($0.identity) }.map { try path($0, .team) }
        let given = try authority.accesses.values.filter {
            $0.pupilFile == pupilFile && $0.isActive(at: clock.now())
        }.compactMap { access in
            try authority.people[access.person].flatMap { person in
                person.identity == access.identity ? try path(person, .access(access.id)) : nil
            }
        }
        return team.sorted { ($0.name, $0.person) < ($1.name, $1.person) }
            + given.sorted { ($0.name, $0.person) < ($1.name, $1.person) }
    }

    /// What one person's keys open, walked from their own key.
    public func reach(of person: PersonID, as acting: Acting) throws(VaultError) -> Reach {
        try rethrowing("reach") {
            _ = try decide(.giveAccess, acting)
            return try recorder.read(pool) { db, head in
                let authority = head.authority
                guard let state = authority.people[person], authority.stations[person] == nil else {
                    throw VaultError.notFound
                }
                func holds(_ identity: IdentityID?) -> Bool {
                    identity.flatMap { authority.wraps[$0] }?.contains { $0.holder == state.identity } ?? false
                }
                let team = authority.founding?.team
                let opened = authority.pupils.values.count { pupil in
                    authority.wraps[pupil.identity]?.contains { $0.holder == team } ?? false
                }
                let register = try registerKey(as: acting, db)
                let accesses = try authority.activeAccesses(of: person, at: clock.now()).compactMap { access in
                    try authority.pupils[access.pupilFile].map {
                        (
                            pupil: try pupil($0, register, db),
                            access: try listing(access, reason: reason(of: access, acting, db), db)
                        )
                    }
                }
                return Reach(
                    register: holds(authority.founding?.register), team: holds(team),
                    intake: holds(authority.founding?.intake), pupilFiles: holds(team) ? opened : 0, accesses: accesses)
            }
        }
    }
}
