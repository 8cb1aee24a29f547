import Foundation
import GRDB
import Ledger
import Packing
public import Records
import Sealing

// A permission, from the choice to the code.
// 1 decide     who gives it, to whom, what, how long; what is warned of was looked at
// 2 check      each document opens, its content is what its filing says, its history has no gap; or there is no permission
// 3 wrap       each file key is sealed to a new identity, which is sealed under link and access code together
// 4 freeze     all that the agency is told and a pack needs, sealed to the same identity
// 5 record     ONE statement with the exhibits' numbers; only then are link and code told, once

/// What a permission fixes, sealed to it: what the agency is told, and what a pack is made of.
struct FrozenTerms: Codable, Sendable {
    /// A field of a detail, with the salt that proves it.
    struct Field: Codable, Sendable {
        let value: String
        let salt: Data
    }
    /// A document, with what a pack says of it.
    struct Item: Codable, Sendable {
        let document: String
        /// The place of its filing in the ledger.
        let filing: UInt64
        let mediaType: String
        let fileExtension: String
        let size: UInt64
        let sha256: String
        /// 0 where no copies may be taken.
        let crc32: UInt32
        let fields: [String: Field]
    }
    /// Something that happened to a document.
    struct Event: Codable, Sendable {
        let index: UInt64
        /// Milliseconds.
        let time: Int64
        let exhibit: String
        let who: String
        let what: String
    }
    let agency: AgencyTerms
    let items: [Item]
    let letter: Item
    /// The place of the request's statement, and what it says.
    let request: UInt64
    let requestFields: [String: Field]
    let permissionFields: [String: Field]
    /// From each document's filing to this permission, in order.
    let continuity: [Event]
}

extension Vault {
    // MARK: - What could be given

    /// The documents of a request's pupil file that could be given, in the order of the chronology, oldest first, with what is
    /// warned of; none that is kept as evidence. Recorded as reading the chronology.
    public func candidates(for id: RequestID, as acting: Acting) throws(VaultError) -> [DisclosureCandidate] {
        try rethrowing("candidates") {
            try requireReading(acting)
            let authority = try recorder.read(pool) { _, head in head.authority }
            guard let request = authority.disclosure.requests[id] else { throw VaultError.notFound }
            _ = try decide(.readChronology(request.pupilFile), acting)
            try recordChronologyRead(request.pupilFile, acting)
            return try candidates(in: request.pupilFile, nil, acting)
        }
    }

    private func candidates(
        in pupilFile: PupilFileID, _ documents: [DocumentID]?, _ acting: Acting
    ) throws -> [DisclosureCandidate] {
        let shared = try sharedDocuments(of: pupilFile, as: acting)
        let filed = try recorder.read(pool) { db, _ in
            let file = try openFile(pupilFile, acting, db)
            return try indices(of: documents, in: pupilFile, db).map { index in
                let statement = try recorder.statement(index, db).statement
                guard case .documentFiled(let act) = statement.act, statement.pupilFile == pupilFile else {
                    throw VaultError.tampered(code: "document.other-statement")
                }
                return try facts(statement, act, as: acting, file: file, db)
            }
        }
        let placed = filed.map { (place: $0.place, facts: $0) }
        return placed.sorted { $0.place < $1.place }.map { _, facts in
            var warnings = shared[facts.id].map { [DisclosureWarning.otherPupils($0)] } ?? []
            let category = policies.categories[facts.fields["category"] ?? ""]
            if category?.counselling == true { warnings.append(.counselling) }
            if category?.outside == true || facts.fields["agency"] != nil { warnings.append(.thirdParty) }
            return DisclosureCandidate(document: facts, warnings: warnings)
        }
    }

    // MARK: - Giving

    /// Gives a permission. Recorded; durable on return. Where copies may be taken, each document is read whole and compared with
    /// its filing first, so it takes as long as that.
    ///
    /// - Throws: a refusal `permission.…` of what is said or who says it, `informed.…` of what the child was told;
    ///   `code.needed` without a code of the last five minutes; `.tampered` for a document that is not what was filed.
    public func givePermission(
        _ terms: PermissionTerms, for id: RequestID, as acting: Acting
    ) throws(VaultError) -> GivenPermission {
        try rethrowing("permission") {
            let request = try requestToDecide(id, permitted: true, acting)
            try requireCode(acting)
            let checked = try checkedTerms(terms, request.pupilFile, acting)
            let identity = try HybridIdentity.generate()
            let recipient = identity.recipient
            let items = try checked.documents.map {
                try permittedItem($0, in: request.pupilFile, to: recipient, reading: terms.copies > 0, acting)
            }
            let letter = try permittedItem(
                request.letter, in: request.pupilFile, to: recipient, reading: terms.copies > 0, acting)
            guard letter.facts.size <= Self.largestLetter else {
                throw Refusal(
                    code: "permission.letter",
                    message: "The written request is larger than 64 MiB, so it cannot be put into a pack.",
                    hint: "File a smaller scan of it, and record the request anew with that.")
            }
            let permission = PermissionID.random()
            let link = Randomness.bytes(16)
            let code = AccessCode.random()
            let keybox = try permissionKeybox(identity, permission, link: link, code: code)
            try workspace.put(permissionKey: keybox, of: permission, at: clock.now())
            do {
                // One at a time for each producing person: their exhibits' numbers follow each other.
                let references = try filingTurns.run(for: acting.person) {
                    try recordPermission(
                        Permitted(
                            id: permission, request: request, terms: terms, checked: checked, items: items,
                            letter: letter, identity: .random(), recipient: recipient, keybox: sha256(keybox),
                            tag: Self.linkTag(link)), acting)
                }
                return GivenPermission(
                    id: permission, link: Crockford.encode(link), code: code.grouped, exhibits: references)
            } catch {
                // It may be recorded; but nobody was told link and code.
                try? workspace.removePermissionKey(of: permission)
                throw error
            }
        }
    }

    /// The written request lies in memory while a pack is made; the exhibits do not.
    private static let largestLetter: UInt64 = 64 << 20

    /// What is said of a permission, decided.
    private struct CheckedTerms {
        let documents: [DocumentID]
        let from: Timestamp
        let until: Timestamp
        let conditions: String
        let recipient: String
        /// What was warned of, for the record.
        let warnings: String
        let informed: [InformedField: String]?
    }

    private func checkedTerms(
        _ terms: PermissionTerms, _ pupilFile: PupilFileID, _ acting: Acting
    ) throws -> CheckedTerms {
        func refused(_ code: String, _ message: String, _ hint: String) -> Refusal {
            Refusal(code: "permission.\(code)", message: message, hint: hint)
        }
        guard (1...PermissionAct.most).contains(terms.documents.count),
            Set(terms.documents).count == terms.documents.count
        else {
            throw refused(
                "documents", "No document is chosen, or more than \(PermissionAct.most).",
                "Choose the documents that are needed for the stated purpose, and no others.")
        }
        let candidates = try candidates(in: pupilFile, terms.documents, acting)
        // In the order in which they were chosen from: oldest first.
        let documents = candidates.map(\.document.id)
        let warned = candidates.filter { !$0.warnings.isEmpty }
        guard warned.isEmpty || terms.warningsSeen else {
            throw refused(
                "warnings", "There are warnings beside \(warned.count) of the chosen documents.",
                "Read each of them, then say that you have looked at them and give the documents all the same.")
        }
        let zone = policies.school.timezone
        let now = clock.now()
        let from = try terms.from.isEmpty ? now : max(now, Self.day(terms.from, in: zone).start)
        let last = try Self.day(terms.until, in: zone).start
        let until = Timestamp(milliseconds: last.milliseconds + 86_400_000)
        guard until > from, until > now, until.milliseconds - now.milliseconds <= 184 * 86_400_000 else {
            throw refused(
                "until", "The last day is over, before the first, or more than half a year away.",
                "A permission lasts for half a year at most; another can be given then.")
        }
        guard (0...10).contains(terms.copies) else {
            throw refused("copies", "That is not a number from 0 to 10.", "0 is to look at only; one copy is usual.")
        }
        let conditions = terms.conditions.replacing("\r\n", with: "\n").trimmingCharacters(in: .whitespacesAndNewlines)
        guard conditions.count <= 2000, Self.isPlain(conditions.replacing("\n", with: " ")) else {
            throw refused(
                "conditions", "The conditions are too long, or not plain text.", "Write at most 2,000 characters.")
        }
        let recipient = terms.recipient.trimmingCharacters(in: .whitespacesAndNewlines)
        if !recipient.isEmpty, (try? Recipient(parsing: recipient)) == nil {
            throw refused(
                "recipient", "That is not an age recipient.",
                "It begins with age1. Ask the agency for it, or leave it empty.")
        }
        return CheckedTerms(
            documents: documents, from: from, until: until, conditions: conditions, recipient: recipient,
            warnings: warned.isEmpty ? "" : String(warned.count),
            informed: try terms.informed.map { try informedValues($0, acting) })
    }

    /// A document with its file key sealed to the permission, and what a pack says of it.
    private struct PermittedItem {
        let act: FilingAct
        let header: SealedItem
        let facts: DocumentFacts
        let frozen: FrozenTerms.Item
    }

    /// Checks a document, and reads it whole where it may be copied: nothing is permitted that is not what was filed.
    private func permittedItem(
        _ id: DocumentID, in pupilFile: PupilFileID, to recipient: HybridRecipient, reading: Bool, _ acting: Acting
    ) throws -> PermittedItem {
        let (filed, act, document, fields) = try pool.read { db in
            let (statement, act) = try filing(at: id, db)
            guard statement.pupilFile == pupilFile, recorder.authority.quarantine(of: act) == nil else {
                throw VaultError.notFound
            }
            let file = try openFile(pupilFile, acting, db)
            let row = try detailRow(act.detail, of: id.record, under: act.detailKey, statement, acting, file, db)
            return (statement, act, try check(statement, act, acting, db), try Detail(parsing: row).fields)
        }
        var crc = CRC32()
        if reading {
            let payload = try payload(of: document)
            let digest = try payload.readAll { crc.update($0) }
            guard digest.hex == document.facts.sha256, payload.plaintextLength == document.facts.size else {
                throw VaultError.tampered(code: "document.content-differs")
            }
        }
        let facts = document.facts
        let header = try Header.seal(document.fileKey, to: [.hybrid(recipient)])
        let type = policies.fileTypes.types.first { $0.mediaType == facts.mediaType }
        return PermittedItem(
            act: act, header: SealedItem(.random(), .header, header.bytes), facts: facts,
            frozen: FrozenTerms.Item(
                document: id.text, filing: filed.index, mediaType: facts.mediaType,
                fileExtension: type?.extensions.first ?? "bin", size: facts.size, sha256: facts.sha256,
                crc32: crc.value, fields: Self.shown(fields, Self.shownOfFiling)))
    }

    /// What a pack shows of a filing; what is left out stays hidden, and the statement's other commitments say nothing of it.
    private static let shownOfFiling: Set = [
        "sha256", "size", "media_type", "pages", "date", "summary", "category", "signed", "signed_by", "received",
        "uploader", "through", "filename", "quality",
    ]

    private static func shown(_ fields: [String: Detail.Field], _ names: Set<String>) -> [String: FrozenTerms.Field] {
        fields.filter { names.contains($0.key) }.mapValues {
            .init(value: String(decoding: $0.value, as: UTF8.self), salt: Data($0.salt))
        }
    }

    /// The payload of a checked document.
    func payload(of document: CheckedDocument) throws -> PayloadReader {
        let sealed = document.payload
        return PayloadReader(
            try PayloadFile(path: blobs.path(of: sealed.blob), length: sealed.length, nonce: document.nonce),
            try EnvelopeReader(
                fileKey: document.fileKey, nonce: document.nonce, payloadLength: sealed.length))
    }

    // MARK: - Link and code

    /// What a link is found by: nothing of the link itself is kept.
    static func linkTag(_ link: [UInt8]) -> Digest { sha256(Array("strongroom/v1/permission-tag\n".utf8) + link) }

    func permissionContext(_ permission: PermissionID) -> [UInt8] { rowContext("permission-key", permission.bytes) }

    private func permissionKeybox(
        _ identity: borrowing HybridIdentity, _ permission: PermissionID, link: [UInt8], code: AccessCode
    ) throws -> [UInt8] {
        let server = try secrets.server.bound(toLink: link)
        let seed = try identity.seedCopy()
        return try hashGate.run {
            try Keybox.seal(
                seed, password: SecretBytes(copying: Array(code.text.utf8)), serverSecret: server,
                hashing: policies.sessions.hashing, context: permissionContext(permission))
        }
    }

    // MARK: - Recording it

    private struct Permitted {
        let id: PermissionID
        let request: RequestState
        let terms: PermissionTerms
        let checked: CheckedTerms
        let items: [PermittedItem]
        let letter: PermittedItem
        let identity: IdentityID
        let recipient: HybridRecipient
        let keybox: Digest
        let tag: Digest
    }

    /// Records a permission with the next numbers of its producer; gives the exhibits' references.
    private func recordPermission(_ permitted: Permitted, _ acting: Acting) throws -> [String] {
        for _ in 0..<100 {
            let authority = try recorder.read(pool) { _, head in head.authority }
            let first = authority.disclosure.exhibits(of: acting.person) + 1
            do {
                return try recordPermission(permitted, first, initials(of: acting, authority), acting)
            } catch let refusal as Refusal where refusal == .changedMeanwhile {
                // Another process may have taken the numbers; anything else that changed is refused again.
                let now = try recorder.read(pool) { _, head in head.authority }
                guard now.disclosure.exhibits(of: acting.person) + 1 != first else { throw refusal }
            }
        }
        throw VaultError.busy
    }

    /// A producer's initials: different from those of everybody who produced exhibits before them.
    private func initials(of acting: Acting, _ authority: Authority) throws -> String {
        var taken: [String] = []
        for producer in authority.disclosure.producers {
            guard let person = authority.people[producer.person] else { continue }
            let initials = exhibitInitials(of: try pool.read { db in try name(of: person, db) }, after: taken)
            if person.id == acting.person { return initials }
            taken.append(initials)
        }
        return exhibitInitials(of: acting.name, after: taken)
    }

    private func recordPermission(
        _ permitted: Permitted, _ first: UInt64, _ initials: String, _ acting: Acting
    ) throws -> [String] {
        let (checked, pupilFile) = (permitted.checked, permitted.request.pupilFile)
        let references = permitted.items.indices.map { "\(initials)/\(first + UInt64($0))" }
        var keys: [PupilFileID: FilingKey] = [:]
        let key = try sealingKey(of: pupilFile, acting, &keys)
        let (asked, requestDetail) = try recorder.read(pool) { db, _ in
            let file = try openFile(pupilFile, acting, db)
            let statement = try recorder.statement(permitted.request.index, db).statement
            return (
                statement, try disclosureDetail(statement, of: permitted.request.id.bytes, acting, file, db)
            )
        }
        let values: [PermissionField: String] = [
            .officer: requestDetail["officer"] ?? "", .rank: requestDetail["rank"] ?? "",
            .number: requestDetail["number"] ?? "", .organisation: requestDetail["organisation"] ?? "",
            .conditions: checked.conditions, .initials: initials, .recipient: checked.recipient,
            .warnings: checked.warnings, .madeBy: acting.name,
        ]
        let detail = Detail(
            values: Dictionary(uniqueKeysWithValues: values.map { ($0.key.rawValue, $0.value) }), keepsEmpty: true)
        let sealed = try seal(detail, of: permitted.id.bytes, in: pupilFile, under: key)
        let agency = AgencyTerms(
            school: policies.school.name, contact: policies.school.contact, reference: permitted.id.reference,
            givenBy: "\(acting.name), \(acting.roles.map(\.title).sorted().joined(separator: ", "))",
            officer: values[.officer] ?? "", rank: values[.rank] ?? "", number: values[.number] ?? "",
            organisation: values[.organisation] ?? "", conditions: checked.conditions,
            from: checked.from.milliseconds, until: checked.until.milliseconds, copies: UInt64(permitted.terms.copies),
            recipient: checked.recipient,
            exhibits: zip(permitted.items, references).map { item, reference in
                AgencyExhibit(
                    reference: reference, document: item.frozen.document, summary: item.facts.summary,
                    date: item.facts.fields["date"] ?? "undated",
                    category: policies.title(ofCategory: item.facts.fields["category"] ?? ""),
                    mediaType: item.facts.mediaType, pages: item.facts.pages, size: item.facts.size,
                    sha256: item.facts.sha256)
            })
        let frozen = FrozenTerms(
            agency: agency, items: permitted.items.map(\.frozen), letter: permitted.letter.frozen,
            request: asked.index, requestFields: Self.shown(requestDetail.fields, Set(requestDetail.fields.keys)),
            permissionFields: Self.shown(detail.fields, Set(detail.fields.keys).subtracting(["warnings"])),
            continuity: try continuity(of: permitted.items.map(\.act), references, in: pupilFile))
        let terms = SealedItem(
            .random(), .terms,
            try SealedBytes.seal(frozenBytes(frozen, of: permitted.id), to: permitted.recipient))
        let given = PermissionAct(
            permission: permitted.id, request: permitted.request.id, identity: permitted.identity,
            keybox: permitted.keybox, tag: permitted.tag,
            documents: permitted.items.map { .init(document: $0.act.document, header: $0.header.item.id) },
            letter: .init(document: permitted.letter.act.document, header: permitted.letter.header.item.id),
            exhibit: first, from: checked.from, until: checked.until, copies: UInt64(permitted.terms.copies),
            terms: terms.item.id, sealed: SealedDetail(detail: sealed.item.id, key: key.item))
        var drafts = [
            Draft(
                signer: .person(acting), pupilFile: pupilFile,
                items: [
                    SealedItem(
                        permitted.identity.shared(as: Kind.Item.self), .recipient,
                        permitted.recipient.rawRepresentation),
                    terms, sealed,
                ] + permitted.items.map(\.header) + [permitted.letter.header] + key.takeFresh(),
                fields: detail.commitments, act: .permissionGiven(given))
        ]
        if let informed = checked.informed, let said = permitted.terms.informed {
            drafts.append(
                try disclosureDraft(informed, of: permitted.id.bytes, in: pupilFile, under: key, acting) {
                    .childInformed(permitted.id, told: said.told, $0)
                })
        }
        try recorder.record(drafts, in: pool)
        try remember(keys, acting)
        return references
    }

    /// The plaintext of a permission's terms: what it is of, then JSON.
    private func frozenBytes(_ frozen: FrozenTerms, of permission: PermissionID) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return termsContext(permission) + Array(try encoder.encode(frozen))
    }

    func termsContext(_ permission: PermissionID) -> [UInt8] { rowContext("terms", permission.bytes) }

    /// What happened to each document from its filing on, without a gap: every statement about it that the ledger has.
    private func continuity(
        of acts: [FilingAct], _ references: [String], in pupilFile: PupilFileID
    ) throws -> [FrozenTerms.Event] {
        try recorder.read(pool) { db, head in
            let file = recorder.acts(about: pupilFile, below: head.size)
            var events: [FrozenTerms.Event] = []
            for (act, reference) in zip(acts, references) {
                let indices = file.indices(of: act.document)
                var isFiled = false
                for index in indices {
                    let statement = try recorder.statement(index, db).statement
                    if case .documentFiled(let filed) = statement.act {
                        guard filed == act, !isFiled, index == indices.first else {
                            throw VaultError.tampered(code: "continuity.filing")
                        }
                        isFiled = true
                    }
                    events.append(
                        FrozenTerms.Event(
                            index: index, time: statement.time.milliseconds, exhibit: reference,
                            who: try author(of: statement, db), what: Self.continuityWords(statement.act)))
                }
                guard isFiled else { throw VaultError.tampered(code: "continuity.gap") }
            }
            return events.sorted { ($0.index, $0.exhibit) < ($1.index, $1.exhibit) }
        }
    }

    private static func continuityWords(_ act: Act) -> String {
        switch act {
        case .documentFiled: "Filed: encrypted, its content's SHA-256 committed"
        case .documentOpened(_, _, .view): "Pages were looked at"
        case .documentOpened(_, _, .download): "A copy of the original was taken"
        case .documentOpened(_, _, .sealedDownload): "A copy of the original was taken, sealed to a recipient"
        case .quarantineDecided(let act):
            act.released ? "Released from quarantine" : "Kept in quarantine"
        case .documentOpened(_, _, .comparison): "Its content was compared with the record"
        case .documentOpened(_, _, .recognition): "Its text was read by the vault, for searching"
        case .documentClosed(_, _, _, _, let complete): complete ? "Reading ended" : "Reading ended, interrupted"
        case .itemPromoted: "Marked as a significant event"
        case .itemDemoted: "No longer marked as a significant event"
        case .issueOpened: "Shown to an agency under a permission"
        default: act.kind.rawValue
        }
    }

    // MARK: - Ending

    /// Withdraws a permission at once: what is on its way stops with the next chunk, and what opens it is deleted. Durable on
    /// return. What was seen or taken before cannot be taken back.
    ///
    /// - Throws: a refusal `permission.reason` without a reason, `permission.over` for one that is over.
    public func withdrawPermission(_ id: PermissionID, reason: String, as acting: Acting) throws(VaultError) {
        try rethrowing("permission-withdraw") {
            let permission = try knownPermission(id, acting)
            try requirePermitting(acting)
            let words = try Self.words(reason, "permission.reason", "Say in a few words why it is withdrawn.")
            guard permission.ended == nil else {
                throw Refusal(
                    code: "permission.over", message: "This permission is over.", hint: "Nothing was changed.")
            }
            try recordDisclosure(
                ["words": words, "made_by": acting.name], of: id.bytes, in: permission.pupilFile, acting
            ) { .permissionWithdrawn(id, $0) }
            try workspace.removePermissionKey(of: id)
            try sayEnded(agencySessions.endViews(under: id))
        }
    }

    /// Says that a permission is over by itself, and deletes what opens it.
    func endPermission(_ permission: PermissionState, _ reason: PermissionEnd) throws {
        try say(.permissionEnded(permission.act.permission, reason), .service, about: permission.pupilFile)
        try workspace.removePermissionKey(of: permission.act.permission)
    }

    /// Whether copies were taken as often as allowed, and none is on its way.
    func isUsedUp(_ permission: PermissionState, _ authority: Authority) -> Bool {
        guard permission.act.copies > 0, !permission.hasCopiesLeft else { return false }
        return !authority.disclosure.issues.values.contains {
            $0.act.permission == permission.act.permission && $0.act.manner == .pack && $0.closed == nil
        }
    }

    /// Ends permissions whose last day is over, and deletes what opens those that are over or were never recorded.
    func sweepPermissions() throws {
        let keys = try workspace.permissionKeys()
        guard !keys.isEmpty else { return }
        let authority = try recorder.read(pool) { _, head in head.authority }
        let now = clock.now()
        for (id, made) in keys {
            if let permission = authority.disclosure.permissions[id] {
                if permission.ended != nil {
                    try workspace.removePermissionKey(of: id)
                } else if now >= permission.act.until {
                    try endPermission(permission, .expired)
                } else if isUsedUp(permission, authority) {
                    // A server was killed before it said so.
                    try endPermission(permission, .used)
                }
            } else if now.milliseconds - made.milliseconds > 600_000 {
                // One that is being recorded is younger.
                try workspace.removePermissionKey(of: id)
            }
        }
    }
}
