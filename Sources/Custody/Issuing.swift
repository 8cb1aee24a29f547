import Foundation
import GRDB
import Ledger
import Packing
public import Records
import Sealing
import Synchronization

// What is let out under a permission.
// 1 decide    the permission counts now, was entered, has a copy left; replay says the same when it is recorded
// 2 open      the header for the permission, the key commitment, the payload as committed
// 3 record    the issue's statement, before the first byte
// 4 release   each chunk authenticated; the permission asked after before each piece
// 5 close     how it ended, and for a pack its hash; after the last copy what opens the permission is deleted

/// An officer's session under a permission, opened for one request.
public final class AgencySession: Sendable {
    /// What they are told.
    public let terms: AgencyTerms
    /// The token that their forms carry.
    public let csrf: String
    /// The session.
    public let id: SessionID
    private let vault: Vault
    private let find: [UInt8]
    private let permission: PermissionID
    private let identity: HybridIdentity
    private let frozen: FrozenTerms

    init(
        vault: Vault, find: [UInt8], entry: AgencySessions.Entry, identity: consuming HybridIdentity,
        frozen: FrozenTerms, csrf: String
    ) {
        self.vault = vault
        self.find = find
        id = entry.session
        permission = entry.permission
        self.identity = identity
        self.frozen = frozen
        terms = frozen.agency
        self.csrf = csrf
    }

    /// The permission as this process knows it.
    private var state: PermissionState? { vault.recorder.authority.disclosure.permissions[permission] }

    /// Whether the permission counts now.
    public var isActive: Bool { state?.isActive(at: vault.clock.now()) ?? false }
    /// How many times copies can be taken yet.
    public var copiesLeft: UInt64 { isActive ? state.map { $0.act.copies - $0.taken } ?? 0 : 0 }
    /// When an officer acknowledged what they received.
    public var acknowledged: Timestamp? { state?.acknowledged }

    /// The permission as the catalogue has it now, while it counts and the session goes on.
    fileprivate func active() throws -> PermissionState {
        guard vault.agencySessions.isOpen(find) else { throw Refusal.permissionClosed }
        let authority = try vault.recorder.read(vault.pool) { _, head in head.authority }
        guard let state = authority.disclosure.permissions[permission], state.isActive(at: vault.clock.now()) else {
            throw Refusal.permissionClosed
        }
        return state
    }

    // MARK: - Looking

    /// Opens an exhibit, by its place from 0, to look at: recorded before this returns, once a session and exhibit.
    ///
    /// - Throws: a refusal `permission.closed`; `.notFound` for an exhibit that is not there.
    public func view(_ place: Int) throws(VaultError) -> AgencyView {
        try rethrowing("agency-view") {
            let state = try active()
            guard frozen.items.indices.contains(place) else { throw VaultError.notFound }
            let permitted = state.act.documents[place]
            guard !vault.recorder.isWithheld(permitted.document) else { throw Refusal.permissionClosed }
            let payload = try vault.payload(of: permitted, state, identity)
            if !vault.agencySessions.hasOpen(place, find) {
                let issue = IssueID.random()
                try vault.openIssue(
                    IssueAct(
                        issue: issue, permission: permission, session: id, manner: .view,
                        document: permitted.document), state)
                vault.agencySessions.change(find) { entry in
                    if entry.open[place] == nil { entry.open[place] = .init(issue: issue) }
                }
            }
            let item = frozen.items[place]
            let content = ViewedContent(
                payload: payload, document: permitted.document, session: id, mediaType: item.mediaType,
                pages: terms.exhibits[place].pages)
            return AgencyView(exhibit: terms.exhibits[place], place: place, content: content, session: self)
        }
    }

    fileprivate func noteShown(_ place: Int, page: Int, bytes: Int) {
        vault.agencySessions.change(find) { entry in
            entry.open[place]?.pages.insert(page)
            entry.open[place]?.bytes += UInt64(bytes)
        }
    }

    fileprivate func look<Result>(
        at content: ViewedContent, _ document: DocumentID,
        _ body: (ViewedContent, Vault, @escaping @Sendable () throws -> Void) throws -> Result
    ) throws -> Result {
        try body(content, vault) { [self] in
            _ = try active()
            if vault.recorder.isWithheld(document) { throw Refusal.permissionClosed }
        }
    }

    // MARK: - Taking copies

    /// Begins a pack: recorded, and counted, before this returns.
    ///
    /// - Parameter section9: the draft statement as a PDF, where there is one.
    /// - Throws: refusals `permission.closed`, `permission.no-copies`.
    public func pack(section9: [UInt8]?) throws(VaultError) -> AgencyPack {
        try rethrowing("agency-pack") {
            let state = try active()
            guard state.act.copies > 0 else { throw Refusal.viewOnly }
            guard state.hasCopiesLeft else { throw Refusal.noCopiesLeft }
            let made = try vault.packing(state, frozen, identity, section9: section9)
            let issue = IssueID.random()
            do {
                try vault.openIssue(
                    IssueAct(issue: issue, permission: permission, session: id, manner: .pack, document: nil), state)
            } catch let refusal as Refusal where refusal == .changedMeanwhile {
                throw Refusal.noCopiesLeft
            }
            return AgencyPack(
                issue: issue, pack: made.pack, payloads: made.payloads, recipient: terms.recipient, session: self,
                permission: state, vault: vault)
        }
    }

    /// Acknowledges what was received. Durable on return.
    public func acknowledge() throws(VaultError) {
        try rethrowing("agency-acknowledge") {
            guard vault.agencySessions.isOpen(find), let state else { throw Refusal.permissionClosed }
            try vault.say(.permissionAcknowledged(permission, id), .service, about: state.pupilFile)
        }
    }

    /// Ends the session.
    public func leave() throws(VaultError) {
        try rethrowing("agency-leave") { try vault.endAgencySessions(.one(find)) }
    }
}

/// An exhibit that is looked at.
public final class AgencyView: Sendable {
    /// Which.
    public let exhibit: AgencyExhibit
    private let place: Int
    private let content: ViewedContent
    private let session: AgencySession
    private let document: DocumentID

    fileprivate init(exhibit: AgencyExhibit, place: Int, content: ViewedContent, session: AgencySession) {
        self.exhibit = exhibit
        self.place = place
        self.content = content
        self.session = session
        document = DocumentID(text: exhibit.document) ?? .random()
    }

    /// A page as a picture, made in the sandbox; pages count from 1.
    public func picture(page: Int, width: Int) throws(VaultError) -> [UInt8] {
        try rethrowing("picture") {
            let picture = try session.look(at: content, document) { content, vault, goOn in
                try vault.picture(of: content, page: page, width: width, goOn)
            }
            session.noteShown(place, page: page, bytes: picture.count)
            return picture
        }
    }

    /// How many pages can be looked at; a Word document is laid out for it, by LibreOffice where that is installed.
    public func pageCount() throws(VaultError) -> Int {
        try rethrowing("pages") {
            try session.look(at: content, document) { content, vault, goOn in try vault.pages(of: content, goOn) }
        }
    }

    /// The whole text of one that is looked at as text.
    public func text() throws(VaultError) -> String {
        try rethrowing("text") {
            let text = try session.look(at: content, document) { content, vault, goOn in
                try vault.text(of: content, goOn)
            }
            session.noteShown(place, page: 1, bytes: text.utf8.count)
            return text
        }
    }
}

/// A pack on its way out: recorded and counted already.
public final class AgencyPack: Sendable {
    /// `pack-PM-7K2M9Q4C.zip`, or `….zip.age` where it is sealed to the agency.
    public let fileName: String
    /// Its size in bytes; nil for a sealed one.
    public let byteCount: UInt64?
    private let issue: IssueID
    private let pack: Pack
    private let payloads: [DocumentID: PayloadReader]
    private let recipient: String
    private let session: AgencySession
    private let permission: PermissionState
    private let vault: Vault
    private let isClosed = Mutex(false)

    fileprivate init(
        issue: IssueID, pack: Pack, payloads: [DocumentID: PayloadReader], recipient: String, session: AgencySession,
        permission: PermissionState, vault: Vault
    ) {
        self.issue = issue
        self.pack = pack
        self.payloads = payloads
        self.recipient = recipient
        self.session = session
        self.permission = permission
        self.vault = vault
        fileName = pack.fileName + (recipient.isEmpty ? "" : ".age")
        byteCount = recipient.isEmpty ? pack.byteCount : nil
    }

    deinit { abandon() }

    /// Writes it in pieces of at most 1 MiB, none once the permission or the session has ended; how it ended is recorded before
    /// this returns.
    ///
    /// - Parameter whole: called after the last piece; where it throws, the pack was interrupted.
    public func write(
        _ body: (UnsafeRawBufferPointer) throws -> Void, whole: () throws -> Void = {}
    ) throws(VaultError) {
        try rethrowing("pack") {
            var bytes: UInt64 = 0
            var hasher = SHA256Hasher()
            func send(_ piece: UnsafeRawBufferPointer) throws {
                hasher.update(piece)
                bytes += UInt64(piece.count)
                try body(piece)
            }
            do {
                if recipient.isEmpty {
                    try release(send)
                } else {
                    let key = try FileKey.random()
                    var writer = try EnvelopeWriter(fileKey: key, nonce: .random())
                    try Header.seal(key, to: [Recipient(parsing: recipient)]).bytes.withUnsafeBytes(send)
                    try release { try writer.write($0, to: send) }
                    try writer.finish(to: send)
                }
                try whole()
            } catch {
                close(bytes: bytes, digest: nil)
                throw error
            }
            close(bytes: bytes, digest: hasher.digestSoFar())
        }
    }

    private func release(_ send: (UnsafeRawBufferPointer) throws -> Void) throws {
        do { try pass(send) } catch is PackError { throw VaultError.tampered(code: "document.content-differs") }
    }

    private func pass(_ send: (UnsafeRawBufferPointer) throws -> Void) throws {
        try pack.write { exhibit, give in
            guard let payload = payloads[exhibit.document] else { throw VaultError.tampered(code: "pack.exhibit") }
            // What is not the exhibit's, by its hash, is found before its last piece is passed on.
            try payload.openAll { piece in
                let state = try session.active()
                guard state.act.documents.allSatisfy({ !vault.recorder.isWithheld($0.document) }) else {
                    throw Refusal.permissionClosed
                }
                try give(piece)
            }
        } to: {
            try send($0)
        }
    }

    /// Records that it was interrupted, where it was begun and not written.
    public func abandon() { close(bytes: 0, digest: nil) }

    private func close(bytes: UInt64, digest: Digest?) {
        let first = isClosed.withLock { closed in
            defer { closed = true }
            return !closed
        }
        guard first else { return }
        try? vault.closeIssue(issue, permission, bytes: bytes, digest: digest)
    }
}

extension Vault {
    /// A permitted document's payload, by its header for the permission: as its filing commits to it.
    fileprivate func payload(
        of permitted: PermittedDocument, _ permission: PermissionState, _ identity: borrowing HybridIdentity
    ) throws -> PayloadReader {
        let (act, header) = try pool.read { db in
            let (statement, act) = try filing(at: permitted.document, db)
            guard statement.pupilFile == permission.pupilFile else {
                throw VaultError.tampered(code: "document.statement")
            }
            return (act, try item(permitted.header, db))
        }
        let key = try Header(parsing: header).open(with: identity)
        try checkCommitment(key, act)
        guard let nonce = PayloadNonce(act.payload.nonce) else { throw VaultError.tampered(code: "document.statement") }
        return PayloadReader(
            try PayloadFile(path: blobs.path(of: act.payload.blob), length: act.payload.length, nonce: nonce),
            try EnvelopeReader(fileKey: key, nonce: nonce, payloadLength: act.payload.length))
    }

    /// Says that something is let out, and holds the lock that tells it.
    fileprivate func openIssue(_ act: IssueAct, _ permission: PermissionState) throws {
        try issuing.begin(act.issue)
        do { try say(.issueOpened(act), .service, about: permission.pupilFile) } catch {
            issuing.end(act.issue)
            throw error
        }
    }

    /// Says of what a process that was killed had on its way that it was interrupted.
    public func endInterruptedIssues() throws(VaultError) { try rethrowing("issues") { try sweepIssues() } }

    func sweepIssues() throws {
        func open() throws -> [IssueState] {
            try recorder.read(pool) { _, head in head.authority }.disclosure.issues.values.filter { $0.closed == nil }
        }
        guard try !open().isEmpty else { return }
        try issuing.whileAlone {
            let authority = recorder.authority
            let drafts = try open().sorted { $0.index < $1.index }.compactMap { issue in
                authority.disclosure.permissions[issue.act.permission].map { permission in
                    Draft(
                        signer: .service, pupilFile: permission.pupilFile,
                        act: .issueClosed(
                            IssueEndAct(issue: issue.act.issue, bytes: 0, pages: 0, complete: false, sealed: nil)))
                }
            }
            if !drafts.isEmpty { try recorder.record(drafts, in: pool) }
        }
    }

    /// Says how a pack ended, with its hash sealed to the pupil file; after the last copy, and when none is on its way, the
    /// permission is over.
    fileprivate func closeIssue(
        _ issue: IssueID, _ permission: PermissionState, bytes: UInt64, digest: Digest?
    ) throws {
        var items: [SealedItem] = []
        var fields: [String: Digest] = [:]
        var sealed: SealedDetail?
        let pupilFile = permission.pupilFile
        if let digest, let state = recorder.authority.pupils[pupilFile] {
            let recipient = try pool.read { db in try self.recipient(of: state.identity, db) }
            let item = ItemID.random()
            let secret = try DetailKey.random()
            let wrap = try Wrap.seal(
                secret.secretCopy(), context: Self.detailKeyContext(recorder.vault, item, pupilFile), to: recipient)
            let key = FilingKey(item: item, key: secret, fresh: SealedItem(item, .detailKey, wrap))
            let detail = Detail(values: ["sha256": digest.hex])
            let row = try seal(detail, of: issue.bytes, in: pupilFile, under: key)
            items = [row] + key.takeFresh()
            fields = detail.commitments
            sealed = SealedDetail(detail: row.item.id, key: item)
        }
        let end = IssueEndAct(issue: issue, bytes: bytes, pages: 0, complete: digest != nil, sealed: sealed)
        try recorder.record(
            [Draft(signer: .service, pupilFile: pupilFile, items: items, fields: fields, act: .issueClosed(end))],
            in: pool)
        issuing.end(issue)
        let authority = recorder.authority
        guard let now = authority.disclosure.permissions[permission.act.permission], now.ended == nil,
            isUsedUp(now, authority)
        else { return }
        try endPermission(now, .used)
    }

    // MARK: - What a pack is made of

    /// A pack as the permission fixed it, with what reads its exhibits.
    fileprivate func packing(
        _ permission: PermissionState, _ frozen: FrozenTerms, _ identity: borrowing HybridIdentity, section9: [UInt8]?
    ) throws -> (pack: Pack, payloads: [DocumentID: PayloadReader]) {
        var payloads: [DocumentID: PayloadReader] = [:]
        var exhibits: [PackExhibit] = []
        guard frozen.items.count == permission.act.documents.count else {
            throw VaultError.tampered(code: "permission.terms")
        }
        for (permitted, (item, shown)) in zip(permission.act.documents, zip(frozen.items, frozen.agency.exhibits)) {
            guard let sha256 = Digest(hex: item.sha256), item.document == permitted.document.text else {
                throw VaultError.tampered(code: "permission.terms")
            }
            payloads[permitted.document] = try payload(of: permitted, permission, identity)
            exhibits.append(
                PackExhibit(
                    reference: shown.reference, document: permitted.document, statement: item.filing,
                    mediaType: item.mediaType, fileExtension: item.fileExtension, size: item.size, sha256: sha256,
                    crc32: item.crc32))
        }
        let letter = try wholeLetter(permission, frozen, identity)
        let contents = try recorder.read(pool) { db, head in
            guard let founding = head.authority.founding, let vault = recorder.vault,
                let origin = head.authority.origin(ofSize: permission.index + 1)
            else { throw VaultError.notFound }
            return PackContents(
                reference: frozen.agency.reference, school: frozen.agency.school, made: permission.given, vault: vault,
                origin: origin, checkpointKey: founding.checkpointKey, serviceKey: founding.serviceKey,
                checkpoint: try checkpoint(at: permission.index + 1, db), permission: permission.index,
                statements: try packStatements(permission, frozen, head.authority, db), exhibits: exhibits,
                papers: try packPapers(frozen, letter, section9))
        }
        do { return (try Pack(contents), payloads) } catch {
            throw VaultError.tampered(code: "pack.parts")
        }
    }

    private func checkpoint(at size: UInt64, _ db: Database) throws -> String {
        guard
            let note = try String.fetchOne(
                db, sql: "SELECT note FROM checkpoint WHERE size = ?", arguments: [Int64(size)])
        else { throw VaultError.tampered(code: "ledger.checkpoint") }
        return note
    }

    /// The written request, whole: it is small enough to be in a pack as it is, and it is checked like any other.
    private func wholeLetter(
        _ permission: PermissionState, _ frozen: FrozenTerms, _ identity: borrowing HybridIdentity
    ) throws -> [UInt8] {
        var bytes: [UInt8] = []
        let digest = try payload(of: permission.act.letter, permission, identity).readAll { bytes += $0 }
        guard digest.hex == frozen.letter.sha256 else { throw VaultError.tampered(code: "document.content-differs") }
        return bytes
    }

    /// Every statement that a pack shows, with its proof in the ledger that ends with the permission.
    private func packStatements(
        _ permission: PermissionState, _ frozen: FrozenTerms, _ authority: Authority, _ db: Database
    ) throws -> [PackStatement] {
        let size = permission.index + 1
        var shown: [UInt64: [String: Detail.Field]] = [:]
        for item in frozen.items + [frozen.letter] { shown[item.filing] = item.fields.mapValues { $0.field } }
        shown[frozen.request] = frozen.requestFields.mapValues { $0.field }
        shown[permission.index] = frozen.permissionFields.mapValues { $0.field }
        for event in frozen.continuity where shown[event.index] == nil { shown[event.index] = [:] }
        shown[0] = shown[0] ?? [:]
        // Where the vault went on after it was restored: from there its checkpoints have another origin.
        for one in authority.continuations where one.index < size { shown[one.index] = [:] }
        for index in shown.keys.sorted() {
            guard case .person(let author) = try recorder.statement(index, db).statement.author else { continue }
            guard let bringer = authority.keyBringer(of: author, at: index) else {
                throw VaultError.tampered(code: "author.unknown")
            }
            if shown[bringer] == nil { shown[bringer] = [:] }
        }
        return try shown.sorted { $0.key < $1.key }.map { index, fields in
            let signed = try recorder.statement(index, db).signed
            let path = try Proofs.inclusion(index: index, size: size) { try Recorder.node($0, $1, db) }
            return PackStatement(index: index, leaf: signed.leaf, path: path, fields: fields)
        }
    }

    private func packPapers(_ frozen: FrozenTerms, _ letter: [UInt8], _ section9: [UInt8]?) throws -> [PackPaper] {
        let agency = frozen.agency
        func json(_ fields: [String: FrozenTerms.Field]) throws -> [UInt8] {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
            return Array(try encoder.encode(fields.mapValues(\.value))) + [UInt8(ascii: "\n")]
        }
        let list =
            [["exhibit", "document", "what", "date", "category", "type", "pages", "bytes", "sha256"]]
            + agency.exhibits.map {
                [
                    $0.reference, $0.document, $0.summary, $0.date, $0.category, $0.mediaType,
                    $0.pages.map { String($0) } ?? "", String($0.size), $0.sha256,
                ]
            }
        let continuity =
            [["ledger index", "recorded (UTC)", "exhibit", "who", "what"]]
            + frozen.continuity.map {
                [String($0.index), Timestamp(milliseconds: $0.time).iso8601, $0.exhibit, $0.who, $0.what]
            }
        let filings = Dictionary(zip(frozen.items.map(\.document), frozen.items)) { first, _ in first }
        // The exhibits are numbered in this order.
        let chronology =
            [["date", "exhibit", "category", "what", "filed by", "ledger index"]]
            + agency.exhibits.map {
                [
                    $0.date, $0.reference, $0.category, $0.summary,
                    filings[$0.document]?.fields["uploader"]?.value ?? "",
                    String(filings[$0.document]?.filing ?? 0),
                ]
            }
        let scanned = agency.exhibits.flatMap { exhibit in
            (filings[exhibit.document]?.fields["quality"]?.value ?? "").split(separator: "\n").map {
                [exhibit.reference, String($0)]
            }
        }
        return [
            PackPaper(name: "request-letter.\(frozen.letter.fileExtension)", bytes: letter),
            PackPaper(name: "request.json", bytes: try json(frozen.requestFields)),
            PackPaper(name: "permission.json", bytes: try json(frozen.permissionFields)),
            PackPaper(name: "exhibit-list.csv", bytes: SpreadsheetText.encode(list)),
            PackPaper(name: "continuity.csv", bytes: SpreadsheetText.encode(continuity)),
            PackPaper(name: "chronology.csv", bytes: SpreadsheetText.encode(chronology)),
        ]
            + (scanned.isEmpty
                ? []
                : [
                    PackPaper(
                        name: "scan-quality.csv",
                        bytes: SpreadsheetText.encode([["exhibit", "how good the scan of its page is"]] + scanned))
                ])
            + (section9.map { [PackPaper(name: "section-9-statement-DRAFT.pdf", bytes: $0)] } ?? [])
    }
}

extension FrozenTerms.Field {
    fileprivate var field: Detail.Field { Detail.Field(value: Array(value.utf8), salt: [UInt8](salt)) }
}

extension Refusal {
    static let viewOnly = Refusal(
        code: "permission.view-only", message: "These documents may be looked at, and not copied.",
        hint: "Ask the school where a copy is needed.")
    static let noCopiesLeft = Refusal(
        code: "permission.no-copies", message: "Copies were taken as often as the permission allows.",
        hint: "Ask the school where another copy is needed.")
}
