import Foundation
import GRDB
public import Records
import Sealing

// What agencies ask for, and what became of it. What is said is sealed to the pupil file; the ledger holds the order of it all,
// and which documents. Permissions are given in Permitting.swift, used in AgencySessions.swift and Issuing.swift.

extension Vault {
    // MARK: - Asking

    /// Whether a person may give permissions now; nil where they may.
    public func refusalToPermit(_ acting: Acting) -> Refusal? {
        recorder.authority.refusal(toPermit: acting.person, at: clock.now())
    }

    /// Records what an agency asked for, with its letter, which is filed in the same pupil file. Durable on return.
    ///
    /// - Parameter confirmed: whether the person goes on though whoever is to be notified may be a suspect.
    /// - Throws: a refusal `request.…` of what is said; `.notFound` for a pupil file that is not there.
    public func recordRequest(
        _ fields: [RequestField: String], letter: DocumentID, confirmed: Bool, of pupilFile: PupilFileID,
        as acting: Acting
    ) throws(VaultError) -> RequestID {
        try rethrowing("request") {
            _ = try decide(.readChronology(pupilFile), acting)
            let earlier = try requests(of: pupilFile, as: acting)
            let suspects = earlier.flatMap { $0[.suspects].split(separator: "\n").map(String.init) }
            var values = try Records.decide(
                fields, confirmed: confirmed, otherSuspects: suspects,
                agencies: Set(policies.agencies.agencies.map(\.id)), today: today)
            values[.madeBy] = acting.name
            try requireFiled(letter, in: pupilFile, .letterUnknown)
            let request = RequestID.random()
            try recordDisclosure(values, of: request.bytes, in: pupilFile, acting) {
                .disclosureRequested(RequestAct(request: request, letter: letter, sealed: $0))
            }
            return request
        }
    }

    /// Refuses a request, with reasons. Durable on return.
    ///
    /// - Throws: a refusal `request.reasons`, `request.decided`, or of who may not permit.
    public func refuseRequest(_ id: RequestID, reasons: String, as acting: Acting) throws(VaultError) {
        try rethrowing("request-refuse") {
            let request = try requestToDecide(id, acting)
            let words = try Self.words(reasons, "request.reasons", "Say in a few words why it is refused.")
            try recordDisclosure(
                ["words": words, "made_by": acting.name], of: id.bytes, in: request.pupilFile, acting
            ) { .disclosureRefused(id, $0) }
        }
    }

    /// A request that is neither refused nor, for a refusal, permitted: for who may permit.
    func requestToDecide(_ id: RequestID, permitted: Bool = false, _ acting: Acting) throws -> RequestState {
        let request = try knownRequest(id, acting)
        try requirePermitting(acting)
        guard request.refused == nil, permitted || request.permissions.isEmpty else {
            throw Refusal(
                code: "request.decided", message: "This request was decided already.",
                hint: "Record a new request where the agency asks again.")
        }
        return request
    }

    private func knownRequest(_ id: RequestID, _ acting: Acting) throws -> RequestState {
        try requireReading(acting)
        let authority = try recorder.read(pool) { _, head in head.authority }
        guard let request = authority.disclosure.requests[id] else { throw VaultError.notFound }
        _ = try decide(.readChronology(request.pupilFile), acting)
        return request
    }

    /// Refuses who may not give permissions, and records that they asked.
    func requirePermitting(_ acting: Acting) throws {
        guard let refusal = refusalToPermit(acting) else { return }
        try say(.accessRefused(code: refusal.code), .person(acting))
        throw VaultError.refused(refusal)
    }

    func requireFiled(_ document: DocumentID, in pupilFile: PupilFileID, _ refusal: Refusal) throws {
        let size = recorder.size
        guard recorder.acts(about: pupilFile, below: size).documents.contains(document) else { throw refusal }
    }

    /// What a person writes in a sentence or two.
    static func words(_ text: String, _ code: String, _ hint: String) throws -> String {
        let text = text.replacing("\r\n", with: "\n").trimmingCharacters(in: .whitespacesAndNewlines)
        guard (1...2000).contains(text.count), isPlain(text.replacing("\n", with: " ")) else {
            throw Refusal(
                code: code, message: "Something has to be said here, in at most 2,000 characters.", hint: hint)
        }
        return text
    }

    static func isPlain(_ text: String) -> Bool { text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 } }

    /// Today, in the school's time zone.
    var today: String { SchoolTime(policies.school.timezone).day(of: clock.now()) }

    // MARK: - Recording

    /// A detail of an act of disclosure, sealed to its pupil file, and the statement with it.
    func disclosureDraft<Field: RawRepresentable>(
        _ values: [Field: String], of object: [UInt8], in pupilFile: PupilFileID, under key: FilingKey,
        _ acting: Acting, items: [SealedItem] = [], _ act: (SealedDetail) -> Act
    ) throws -> Draft where Field.RawValue == String {
        let detail = Detail(
            values: Dictionary(uniqueKeysWithValues: values.map { ($0.key.rawValue, $0.value) }), keepsEmpty: true)
        let sealed = try seal(detail, of: object, in: pupilFile, under: key)
        return Draft(
            signer: .person(acting), pupilFile: pupilFile, items: items + [sealed] + key.takeFresh(),
            fields: detail.commitments, act: act(SealedDetail(detail: sealed.item.id, key: key.item)))
    }

    /// The key that somebody seals details of a pupil file with, in this session.
    func sealingKey(
        of pupilFile: PupilFileID, _ acting: Acting, _ keys: inout [PupilFileID: FilingKey]
    ) throws -> FilingKey {
        guard let state = recorder.authority.pupils[pupilFile] else { throw VaultError.notFound }
        let recipient = try pool.read { db in try self.recipient(of: state.identity, db) }
        return try filingKey(for: pupilFile, recipient, acting, &keys)
    }

    @discardableResult
    func recordDisclosure<Field: RawRepresentable>(
        _ values: [Field: String], of object: [UInt8], in pupilFile: PupilFileID, _ acting: Acting,
        _ act: (SealedDetail) -> Act
    ) throws -> Recorded where Field.RawValue == String {
        var keys: [PupilFileID: FilingKey] = [:]
        let key = try sealingKey(of: pupilFile, acting, &keys)
        let draft = try disclosureDraft(values, of: object, in: pupilFile, under: key, acting, act)
        guard let recorded = try recorder.record([draft], in: pool).first else {
            throw VaultError.tampered(code: "ledger.nothing-written")
        }
        try remember(keys, acting)
        return recorded
    }

    func recordDisclosure(
        _ values: [String: String], of object: [UInt8], in pupilFile: PupilFileID, _ acting: Acting,
        _ act: (SealedDetail) -> Act
    ) throws {
        try recordDisclosure(
            Dictionary(uniqueKeysWithValues: values.map { (DetailName(rawValue: $0.key), $0.value) }), of: object,
            in: pupilFile, acting, act)
    }

    /// A field of a detail that has no list of its own: `words`, `made_by`.
    private struct DetailName: RawRepresentable, Hashable { let rawValue: String }

    // MARK: - Reading it back

    /// The detail of an act of disclosure, for who holds the pupil file's key.
    ///
    /// - Parameter object: whose row it is: the request, the permission, the visit or the issue.
    func disclosureDetail(
        _ statement: Statement, of object: [UInt8], _ acting: Acting, _ file: borrowing HybridIdentity, _ db: Database
    ) throws -> Detail {
        guard let sealed = statement.act.disclosureDetail, let record = RecordID(object) else {
            throw VaultError.tampered(code: "disclosure.statement")
        }
        let row = try detailRow(sealed.detail, of: record, under: sealed.key, statement, acting, file, db)
        let detail = try Detail(parsing: row)
        guard detail.commitments == statement.fields else { throw VaultError.tampered(code: "detail.fields") }
        if case .person = statement.author, detail["made_by"] != (try author(of: statement, db)) {
            throw VaultError.tampered(code: "detail.made-by")
        }
        return detail
    }

    /// Every request, of one pupil file or of all, with what became of it; newest first. Recorded as reading each chronology.
    public func requests(of pupilFile: PupilFileID? = nil, as acting: Acting) throws(VaultError) -> [RequestListing] {
        try rethrowing("requests") {
            try requireReading(acting)
            if let pupilFile { _ = try decide(.readChronology(pupilFile), acting) }
            let all = try recorder.read(pool) { _, head in head.authority }.disclosure.requests.values
                .filter { pupilFile == nil || $0.pupilFile == pupilFile }.sorted { $0.index > $1.index }
            for file in Set(all.map(\.pupilFile)).sorted() { try recordChronologyRead(file, acting) }
            return try listings(all, acting)
        }
    }

    /// One request, with what became of it.
    public func request(_ id: RequestID, as acting: Acting) throws(VaultError) -> RequestListing {
        try rethrowing("request") {
            let request = try knownRequest(id, acting)
            try recordChronologyRead(request.pupilFile, acting)
            guard let listing = try listings([request], acting).first else { throw VaultError.notFound }
            return listing
        }
    }

    private func listings(_ requests: [RequestState], _ acting: Acting) throws -> [RequestListing] {
        try recorder.read(pool) { db, head in
            let register = try registerKey(as: acting, db)
            return try requests.map { request in
                guard let state = head.authority.pupils[request.pupilFile] else { throw VaultError.notFound }
                let file = try openFile(request.pupilFile, acting, db)
                let statement = try recorder.statement(request.index, db).statement
                let fields = try disclosureDetail(statement, of: request.id.bytes, acting, file, db)
                return RequestListing(
                    id: request.id, pupil: try pupil(state, register, db), index: request.index,
                    recorded: request.recorded, letter: request.letter,
                    fields: fields.values(as: RequestField.self),
                    refused: try request.refused.map { try decided(at: $0, of: request.id.bytes, acting, file, db) },
                    permissions: try request.permissions.compactMap { head.authority.disclosure.permissions[$0] }.map {
                        try listing($0, head.authority, acting, file, db)
                    })
            }
        }
    }

    /// A decision in words.
    private func decided(
        at index: UInt64, of object: [UInt8], _ acting: Acting, _ file: borrowing HybridIdentity, _ db: Database
    ) throws -> Decided {
        let statement = try recorder.statement(index, db).statement
        let detail = try disclosureDetail(statement, of: object, acting, file, db)
        return Decided(words: detail["words"] ?? "", by: detail["made_by"] ?? "", at: statement.time)
    }

    private func listing(
        _ permission: PermissionState, _ authority: Authority, _ acting: Acting, _ file: borrowing HybridIdentity,
        _ db: Database
    ) throws -> PermissionListing {
        let act = permission.act
        let id = act.permission
        let statement = try recorder.statement(permission.index, db).statement
        let fields = try disclosureDetail(statement, of: id.bytes, acting, file, db).values(as: PermissionField.self)
        let exhibits = try act.documents.enumerated().compactMap { place, permitted -> Exhibit? in
            guard authority.moved[permitted.document] == nil else { return nil }
            let (filed, filing) = try filing(at: permitted.document, db)
            return Exhibit(
                reference: "\(fields[.initials] ?? "")/\(act.exhibit + UInt64(place))",
                document: try facts(filed, filing, as: acting, file: file, db))
        }
        let references = Dictionary(exhibits.map { ($0.document.id, $0.reference) }) { first, _ in first }
        let issues = try authority.disclosure.issues.values.filter { $0.act.permission == id }
            .sorted { $0.index < $1.index }.map { issue in
                let end = issue.closed
                var sha256 = ""
                if let end, end.act.sealed != nil {
                    let statement = try recorder.statement(end.index, db).statement
                    sha256 =
                        try disclosureDetail(statement, of: issue.act.issue.bytes, acting, file, db)["sha256"] ?? ""
                }
                return IssueListing(
                    id: issue.act.issue, manner: issue.act.manner,
                    exhibit: issue.act.document.map { references[$0] ?? "moved" }, opened: issue.opened,
                    closed: end?.time, bytes: end?.act.bytes ?? 0, pages: end?.act.pages ?? 0,
                    complete: end?.act.complete ?? false, sha256: sha256)
            }
        let informed = try permission.informed.map { index, told in
            let statement = try recorder.statement(index, db).statement
            let fields = try disclosureDetail(statement, of: id.bytes, acting, file, db).values(as: InformedField.self)
            return InformedListing(
                recorded: statement.time, told: told, fields: fields,
                isOverdue: !told && (fields[.review] ?? "") < today)
        }
        let visits = try authority.disclosure.visits.values.filter { $0.act.permission == id }
            .sorted { $0.index < $1.index }.map { try listing($0, acting, file, db) }
        let standing: PermissionStanding
        if let withdrawn = permission.withdrawn {
            standing = .withdrawn(try decided(at: withdrawn, of: id.bytes, acting, file, db))
        } else if let reason = permission.reason {
            standing = .ended(reason)
        } else if clock.now() >= act.until {
            standing = .ended(.expired)
        } else {
            standing = clock.now() < act.from ? .notYet : .active
        }
        return PermissionListing(
            id: id, request: act.request, index: permission.index, given: permission.given, fields: fields,
            exhibits: exhibits, from: act.from, until: act.until, copies: act.copies, taken: permission.taken,
            standing: standing, issues: issues, acknowledged: permission.acknowledged, informed: informed,
            visits: visits)
    }

    private func listing(
        _ visit: SiteVisitState, _ acting: Acting, _ file: borrowing HybridIdentity, _ db: Database
    ) throws -> SiteVisitListing {
        let statement = try recorder.statement(visit.index, db).statement
        let detail = try disclosureDetail(statement, of: visit.act.visit.bytes, acting, file, db)
        var closed: (notes: DocumentID?, decided: Decided)?
        if let index = visit.closed {
            guard case .visitClosed(_, let notes, _) = try recorder.statement(index, db).statement.act else {
                throw VaultError.tampered(code: "visit.other-statement")
            }
            closed = (notes, try decided(at: index, of: visit.act.visit.bytes, acting, file, db))
        }
        return SiteVisitListing(
            id: visit.act.visit, recorded: statement.time, fields: detail.values(as: SiteVisitField.self),
            closed: closed)
    }

    // MARK: - What follows

    /// Records what the child was told of a disclosure, or why nothing. Durable on return.
    ///
    /// - Throws: a refusal `informed.…` of what is said.
    public func recordInformed(_ informed: ChildInformed, of id: PermissionID, as acting: Acting) throws(VaultError) {
        try rethrowing("informed") {
            let permission = try knownPermission(id, acting)
            try recordDisclosure(
                informedValues(informed, acting), of: id.bytes, in: permission.pupilFile, acting
            ) { .childInformed(id, told: informed.told, $0) }
        }
    }

    func informedValues(_ informed: ChildInformed, _ acting: Acting) throws -> [InformedField: String] {
        var values = try Records.decide(informed, today: today)
        values[.madeBy] = acting.name
        return values
    }

    /// Records that an officer read on site, under a permission. Durable on return; it stays open until it is closed.
    ///
    /// - Throws: a refusal `visit.…` of what is said.
    public func recordVisit(
        _ fields: [SiteVisitField: String], under id: PermissionID, as acting: Acting
    ) throws(VaultError) -> SiteVisitID {
        try rethrowing("visit") {
            let permission = try knownPermission(id, acting)
            var values: [SiteVisitField: String] = [.madeBy: acting.name]
            for field in SiteVisitField.allCases where field != .madeBy {
                values[field] = try Self.words(
                    fields[field] ?? "", "visit.\(field.rawValue)",
                    "Say who came, when, who was with them, and what they read.")
            }
            let day = try Self.day(values[.day] ?? "", in: policies.school.timezone)
            guard day.start <= clock.now() else { throw Refusal.dayUnreadable }
            values[.day] = day.text
            let visit = SiteVisitID.random()
            try recordDisclosure(values, of: visit.bytes, in: permission.pupilFile, acting) {
                .visitRecorded(SiteVisitAct(visit: visit, permission: id, sealed: $0))
            }
            return visit
        }
    }

    /// Closes a visit: with the copy of the officer's notes that is filed in the same pupil file, or with words by which the
    /// person attests that none were taken. Durable on return.
    ///
    /// - Throws: a refusal `visit.notes` where neither is there; `visit.closed` where it is closed.
    public func closeVisit(_ id: SiteVisitID, notes: DocumentID?, words: String, as acting: Acting) throws(VaultError) {
        try rethrowing("visit-close") {
            try requireReading(acting)
            let authority = try recorder.read(pool) { _, head in head.authority }
            guard let visit = authority.disclosure.visits[id] else { throw VaultError.notFound }
            _ = try decide(.readChronology(visit.pupilFile), acting)
            guard visit.closed == nil else {
                throw Refusal(code: "visit.closed", message: "This visit is closed.", hint: "Nothing was changed.")
            }
            if let notes { try requireFiled(notes, in: visit.pupilFile, .notesUnknown) }
            let words =
                notes != nil && words.isEmpty
                ? "" : try Self.words(words, "visit.notes", Refusal.notesUnknown.hint)
            try recordDisclosure(
                ["words": words, "made_by": acting.name], of: id.bytes, in: visit.pupilFile, acting
            ) { .visitClosed(id, notes: notes, $0) }
        }
    }

    func knownPermission(_ id: PermissionID, _ acting: Acting) throws -> PermissionState {
        try requireReading(acting)
        let authority = try recorder.read(pool) { _, head in head.authority }
        guard let permission = authority.disclosure.permissions[id] else { throw VaultError.notFound }
        _ = try decide(.readChronology(permission.pupilFile), acting)
        return permission
    }

    // MARK: - Deputies

    /// The deputies, with what is delegated to them.
    public func delegations(as acting: Acting) throws(VaultError) -> [DelegationListing] {
        try rethrowing("delegations") {
            _ = try decide(.giveAccess, acting)
            return try recorder.read(pool) { db, head in
                let (authority, now) = (head.authority, clock.now())
                return try authority.people.values.filter {
                    $0.id != acting.person && authority.allows(.read, $0.id, at: now)
                        && !authority.allows(.giveAccess, $0.id, at: now)
                }.map { person in
                    DelegationListing(
                        person: person.id, name: try name(of: person, db),
                        until: authority.disclosure.delegations[person.id].flatMap { now < $0 ? $0 : nil })
                }.sorted { ($0.name, $0.person) < ($1.name, $1.person) }
            }
        }
    }

    /// Lets a deputy give permissions in the lead's place until the end of a day, at most 366 days on; nil ends it at once.
    /// Durable on return.
    ///
    /// - Throws: a refusal `access.…` or `date.no-day`; `code.needed` without a code of the last five minutes.
    public func delegate(to person: PersonID, until: String?, as acting: Acting) throws(VaultError) {
        try rethrowing("delegate") {
            _ = try decide(.giveAccess, acting)
            guard let until else {
                guard recorder.authority.disclosure.delegations[person] != nil else { throw VaultError.notFound }
                try say(.delegationEnded(person), .person(acting))
                return
            }
            try requireCode(acting)
            guard person != acting.person else { throw Refusal.accessToYourself }
            guard recorder.authority.allows(.read, person, at: clock.now()) else { throw VaultError.notFound }
            try say(.disclosureDelegated(person, until: accessEnd(until).0), .person(acting))
        }
    }
}

extension Detail {
    /// The fields of a list of names; what is not there is empty.
    func values<Field: RawRepresentable & CaseIterable & Hashable>(as: Field.Type) -> [Field: String]
    where Field.RawValue == String {
        Dictionary(uniqueKeysWithValues: Field.allCases.map { ($0, self[$0.rawValue] ?? "") })
    }
}

extension Refusal {
    static let letterUnknown = Refusal(
        code: "request.letter", message: "The written request is not chosen.",
        hint: "File the agency’s letter in this pupil’s file first, then choose it here.")
    static let notesUnknown = Refusal(
        code: "visit.notes",
        message: "Neither a copy of their notes is chosen, nor is it said that they took none.",
        hint: "File a copy of the notes and choose it, or say in a sentence that none were taken.")
}
