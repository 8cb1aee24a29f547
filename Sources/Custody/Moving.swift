import Foundation
import GRDB
public import Records
import Sealing

// A document that is found out later to concern a member of staff is moved out of its pupil's file.
// 1 the old payload is opened and its digest checked, and sealed under a new key; durable
// 2 it gets its place, both directories synced
// 3 ONE transaction: a restricted filing, and right after it the statement that the old document was moved
// 4 what reads the old one asks before each chunk, and stops
// The old header and payload stay on the disk until there is disposal: nothing here opens them any more, for nobody.

/// What moving a document out of its pupil's file comes to, as it is shown before anything happens.
public struct MovePreview: Sendable {
    /// Somebody who opened it.
    public struct Opener: Hashable, Sendable {
        /// Who.
        public let person: PersonID
        /// Their name.
        public let name: String
        /// When last.
        public let last: Timestamp
        /// How many copies of the original they took.
        public let copies: Int
    }

    /// The document as it stands in the pupil's file.
    public let document: DocumentFacts
    /// Whose file it is.
    public let pupil: Pupil
    /// Who could read it until now, and along which key.
    public let readers: [KeyPath]
    /// Whether the recovery key reaches it until now, and afterwards.
    public let isRecoverable: Bool
    /// Who opened it until now.
    public let opened: [Opener]
    /// Whom it concerns, in words; empty while that was not said.
    public let about: String
    /// Who will be able to open it, by name; empty while it was not said whom it concerns.
    public let keepers: [String]
}

extension Vault {
    /// What moving a document out of its pupil's file would come to. Recorded as reading the chronology.
    ///
    /// - Parameter concern: whom it concerns; nil where that was not said yet.
    /// - Throws: `.notFound` for a document of no pupil file, or one that was moved; a refusal `staff.…` of the concern.
    public func movePreview(
        of id: DocumentID, about concern: StaffConcern?, as acting: Acting
    ) throws(VaultError) -> MovePreview {
        try rethrowing("move-preview") {
            let (_, document, pupilFile) = try movable(id, acting)
            try recordChronologyRead(pupilFile, acting)
            let concerned = try concern.map { try self.concerned($0, by: acting) }
            return try preview(document, concerned, acting)
        }
    }

    /// Moves a document out of its pupil's file: sealed anew under a new key to those who keep restricted documents, without
    /// those it concerns, and to recovery. From then on the old one is opened for nobody and stands in no list. It cannot be
    /// undone. Durable on return; takes as long as the content takes to be read and written once.
    ///
    /// - Returns: the restricted document that it became.
    /// - Throws: as `movePreview`; a refusal `code.needed` without a code of the last five minutes.
    @discardableResult
    public func move(
        _ id: DocumentID, about concern: StaffConcern, as acting: Acting
    ) throws(VaultError) -> DocumentID {
        try rethrowing("move") {
            let (act, document, pupilFile) = try movable(id, acting)
            try requireCode(acting)
            let concerned = try self.concerned(concern, by: acting)
            let before = try preview(document, concerned, acting)
            let copy = try reseal(document, acting)
            let record = DocumentID.random()
            let values = document.facts.fields
                .merging(concerned.values(of: before.pupil, quarantine: act.quarantine)) { $1 }
                .merging([
                    "moved_from": id.text, "moved_by": acting.name, "readers": texts(Set(before.readers.map(\.person))),
                    "recoverable": before.isRecoverable ? "yes" : "no", "opened_by": texts(before.opened.map(\.person)),
                ]) { $1 }
            let filed = try restrictedDraft(
                record, values, copy.fileKey, to: addresses(concerned.keepers, recorder.authority),
                brought: .init(upload: .random(), payload: copy.payload(boundTo: record)), acting)
            let moved = Draft(
                signer: .person(acting), pupilFile: pupilFile, act: .documentMoved(id, to: record))
            do {
                try blobs.keep(copy.blob)
                try blobs.sync([copy.blob])
                try recorder.record([filed, moved], in: pool)
            } catch let error as VaultError where error == .uncertain || error == .unwitnessed {
                // It is recorded, or may be: then the payload has to lie where the statement says.
                throw error
            } catch {
                blobs.putBack(copy.blob)
                blobs.removeStaged(copy.blob)
                throw error
            }
            // Of what nothing is shown no text is looked through either; one that stays behind in a crash is found by nobody.
            try? workspace.removeText(of: id)
            acting.memory.with { $0.restrictedFiled[record] = concerned.keepers.count }
            return record
        }
    }

    /// A document that this person may move: they read it by their role, and keep restricted documents.
    private func movable(
        _ id: DocumentID, _ acting: Acting
    ) throws -> (FilingAct, CheckedDocument, PupilFileID) {
        let (statement, act) = try filing(of: id, acting)
        guard let pupilFile = statement.pupilFile else { throw VaultError.notFound }
        _ = try decide(.readChronology(pupilFile), acting)
        _ = try decide(.holdRestricted, acting)
        let (_, document, _) = try grantedOfFile(id, .view, acting)
        return (act, document, pupilFile)
    }

    private func concerned(_ concern: StaffConcern, by acting: Acting) throws -> Concerned {
        let concern = try Records.decide(concern)
        guard !concern.people.contains(acting.person) else { throw Refusal.staffYourself }
        return try concerned(concern)
    }

    private func preview(
        _ document: CheckedDocument, _ concerned: Concerned?, _ acting: Acting
    ) throws -> MovePreview {
        let facts = document.facts
        return try recorder.read(pool) { db, head in
            guard let state = head.authority.pupils[facts.pupilFile] else { throw VaultError.notFound }
            let shared = Set(
                try Data.fetchAll(
                    db, sql: "SELECT access FROM share WHERE document = ?", arguments: [Data(facts.id.bytes)]
                ).compactMap { AccessID($0) })
            let readers = try keyPaths(to: facts.pupilFile, head.authority, db).filter { path in
                switch path.way {
                case .team: true
                case .access(let id): shared.contains(id)
                }
            }
            return MovePreview(
                document: facts, pupil: try pupil(state, registerKey(as: acting, db), db), readers: readers,
                isRecoverable: head.authority.recoveryInForce != nil,
                opened: try openers(of: facts.id, in: facts.pupilFile, head, db), about: concerned?.about ?? "",
                keepers: concerned?.names ?? [])
        }
    }

    /// Who opened a document, whoever did so last first.
    private func openers(
        of id: DocumentID, in pupilFile: PupilFileID, _ head: Recorder.Head, _ db: Database
    ) throws -> [MovePreview.Opener] {
        var openers: [PersonID: MovePreview.Opener] = [:]
        for index in recorder.acts(about: pupilFile, below: head.size).indices(of: id) {
            let statement = try recorder.statement(index, db).statement
            guard case .documentOpened(let document, _, let manner) = statement.act, document == id,
                manner.shows, case .person(let author) = statement.author, let person = head.authority.people[author]
            else { continue }
            openers[author] = MovePreview.Opener(
                person: author, name: try name(of: person, db), last: statement.time,
                copies: (openers[author]?.copies ?? 0) + (manner == .view ? 0 : 1))
        }
        return openers.values.sorted { ($1.last, $0.name) < ($0.last, $1.name) }
    }

    /// A payload under a new key, durable in the staging area and locked there.
    private struct Resealed: ~Copyable {
        let blob: BlobID
        let fileKey: FileKey
        let nonce: PayloadNonce
        let length: UInt64
        let digest: Digest
        let staged: StagedFile

        borrowing func payload(boundTo record: DocumentID) -> SealedPayload {
            SealedPayload(
                blob: blob, digest: digest, length: length, nonce: nonce.bytes,
                commitment: keyCommitment(fileKey, nonce: nonce, document: record.bytes))
        }
    }

    /// Opens a document's payload and seals it under a new key, chunk by chunk.
    ///
    /// - Throws: `.storage` while the disk has no room for it.
    private func reseal(_ document: CheckedDocument, _ acting: Acting) throws -> Resealed {
        guard try blobs.room(policies.limits) > document.payload.length else {
            throw VaultError.storage(code: "move.disk-nearly-full", errno: ENOSPC)
        }
        let old = PayloadReader(
            try PayloadFile(
                path: blobs.path(of: document.payload.blob), length: document.payload.length, nonce: document.nonce),
            try EnvelopeReader(
                fileKey: document.fileKey, nonce: document.nonce, payloadLength: document.payload.length))
        let fileKey = try FileKey.random()
        let nonce = PayloadNonce.random()
        let blob = BlobID.random()
        var file = try BlobWriter.begin(blob, in: blobs)
        var envelope = try EnvelopeWriter(fileKey: fileKey, nonce: nonce)
        let digest = try old.readAll { plaintext in
            try requireActive(acting)
            try envelope.write(plaintext) { try file.append($0) }
        }
        guard digest.hex == document.facts.sha256 else {
            throw VaultError.tampered(code: "document.content-differs")
        }
        try envelope.finish { try file.append($0) }
        let (staged, length, sealed) = try file.finish()
        return Resealed(
            blob: blob, fileKey: fileKey, nonce: nonce, length: length, digest: sealed, staged: staged)
    }

    // MARK: - What it became

    /// Where a restricted document came from, who filed it there, and when; nil for one that was filed as restricted.
    func moved(
        to record: DocumentID, _ detail: Detail, by author: PersonID, at time: Timestamp, _ pupilFile: PupilFileID,
        _ authority: Authority, _ db: Database
    ) throws -> (facts: MovedFacts, filer: Filer, recorded: Timestamp)? {
        guard let text = detail["moved_from"] else { return nil }
        guard let from = DocumentID(text: text), authority.moved[from] == record else {
            throw VaultError.tampered(code: "document.moved-from")
        }
        let (original, act) = try filing(at: from, db)
        guard original.pupilFile == pupilFile, case .person(let filedBy) = original.author,
            let mover = authority.people[author], detail["moved_by"] == (try name(of: mover, db))
        else { throw VaultError.tampered(code: "document.moved-from") }
        func names(_ field: String) throws -> [String] {
            try Self.people(detail[field]).compactMap { id in try authority.people[id].map { try name(of: $0, db) } }
                .sorted()
        }
        let facts = MovedFacts(
            document: from, by: detail["moved_by"] ?? "", at: time, readers: try names("readers"),
            wasRecoverable: detail["recoverable"] == "yes", opened: try names("opened_by"))
        return (facts, try filer(filedBy, in: act.batch, db), original.time)
    }
}
