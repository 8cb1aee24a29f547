import Foundation
import GRDB
public import Records
import Sealing

// Notes of a meeting while they are being written: sealed under a key that only their writer can make, in the workspace, so
// that nothing typed is lost when a session ends and nobody else can read it. Filed, they become a document like any other:
// what was typed as plain text, signed with the filing; or a file that was attached.

/// Notes of a meeting that somebody has begun.
public struct MeetingDraft: Sendable {
    /// The draft.
    public let id: DraftID
    /// The pupil for whom it was begun.
    public let pupilFile: PupilFileID
    /// What is said of the notes so far, the other pupils among it.
    public var details: FilingDetails
    /// What was typed, as it was typed; empty where a file is attached.
    public var text: String
    /// The upload that is attached.
    public internal(set) var attached: UploadID?
    /// The upload that what was typed became, where filing it was interrupted.
    var typed: UploadID?
    /// When it was last kept; nil for one that was not yet.
    public internal(set) var kept: Timestamp?

    /// New notes for a pupil.
    public init(id: DraftID = .random(), pupilFile: PupilFileID, details: FilingDetails, text: String = "") {
        self.id = id
        self.pupilFile = pupilFile
        self.details = details
        self.text = text
    }

    /// The most characters (Unicode scalars) that notes are typed in; longer ones are attached as a file.
    public static let mostText = 100_000

    var encoded: [UInt8] {
        var values = Dictionary(uniqueKeysWithValues: details.said.map { ($0.name, $0.value) })
        values["pupil_file"] = pupilFile.text
        values["text"] = text
        values["attached"] = attached?.text ?? ""
        values["typed"] = typed?.text ?? ""
        for (place, other) in details.alsoAbout.enumerated() {
            values["also_\(place)_file"] = other.pupilFile.text
            values["also_\(place)_summary"] = other.summary
        }
        return Detail(values: values).encoded
    }

    init(_ row: Workspace.Draft, parsing bytes: [UInt8]) throws {
        let detail = try Detail(parsing: bytes)
        guard let pupilFile = detail["pupil_file"].flatMap({ PupilFileID(text: $0) }) else {
            throw VaultError.tampered(code: "draft.facts")
        }
        id = row.id
        kept = row.touched
        self.pupilFile = pupilFile
        details = FilingDetails { detail[$0] }
        while let file = detail["also_\(details.alsoAbout.count)_file"] {
            guard let other = PupilFileID(text: file) else { throw VaultError.tampered(code: "draft.facts") }
            details.alsoAbout.append(
                AlsoAbout(pupilFile: other, summary: detail["also_\(details.alsoAbout.count)_summary"] ?? ""))
        }
        text = detail["text"] ?? ""
        attached = detail["attached"].flatMap { UploadID(text: $0) }
        typed = detail["typed"].flatMap { UploadID(text: $0) }
    }
}

/// What stands in the way of filing notes of a meeting.
public struct DraftProblem: Hashable, Sendable {
    /// What is wrong.
    public let refusal: Refusal
    /// Of a summary, whose it is.
    public let pupilFile: PupilFileID?

    /// A problem of these parts.
    public init(refusal: Refusal, pupilFile: PupilFileID? = nil) {
        self.refusal = refusal
        self.pupilFile = pupilFile
    }
}

extension Refusal {
    /// Notes of which there is nothing yet.
    public static let draftEmpty = Refusal(
        code: "draft.text", message: "There are no notes yet.", hint: "Write them here, or attach a file.")
    /// Typed notes and a file at once.
    public static let draftBoth = Refusal(
        code: "draft.text", message: "There are typed notes and a file, too.",
        hint: "File one of them: take the file off, or clear what is typed and file it by itself afterwards.")
    /// Notes that are longer than what is typed in a page.
    public static let draftTooLong = Refusal(
        code: "draft.text", message: "The notes are longer than 100,000 characters, or no plain text.",
        hint: "Attach them as a file.")
    /// More drafts than one person may have.
    static let draftsTooMany = Refusal(
        code: "draft.too-many", message: "You have as many notes begun as one person may.",
        hint: "File or discard some of them first.")
}

extension Vault {
    /// The person's own notes that are not filed yet, whichever was kept last first. Those of keys that they no longer have
    /// are left out.
    public func drafts(as acting: Acting) throws(VaultError) -> [MeetingDraft] {
        try rethrowing("drafts") { try openDrafts(acting) }
    }

    /// One of the person's own, without what was attached and given up since; `.notFound` where it was filed or discarded, or
    /// is another's.
    public func draft(_ id: DraftID, as acting: Acting) throws(VaultError) -> MeetingDraft {
        try rethrowing("draft") {
            guard var draft = try openDrafts(acting).first(where: { $0.id == id }) else { throw VaultError.notFound }
            if let attached = draft.attached, try workspace.upload(attached, of: acting.person)?.state ?? .gone == .gone
            {
                draft.attached = nil
            }
            return draft
        }
    }

    /// Keeps notes, sealed to who writes them. Nothing is recorded: they are no record yet. Durable on return.
    ///
    /// What is attached stays as it is kept, whatever the value says.
    /// - Throws: `.gone` once they were filed or discarded; refusals `draft.too-many`, `draft.text` past the longest.
    public func keep(_ draft: MeetingDraft, as acting: Acting) throws(VaultError) {
        try rethrowing("draft") {
            _ = try decide(.file(draft.pupilFile), acting)
            for other in draft.details.alsoAbout { _ = try decide(.file(other.pupilFile), acting) }
            guard draft.text.unicodeScalars.count <= MeetingDraft.mostText, !draft.text.unicodeScalars.contains("\0")
            else { throw Refusal.draftTooLong }
            try draftTurns.run(for: acting.person) {
                let others = try openDrafts(acting)
                var draft = draft
                if let known = others.first(where: { $0.id == draft.id }) {
                    guard known.pupilFile == draft.pupilFile else { throw VaultError.notFound }
                    (draft.attached, draft.typed) = (known.attached, known.typed)
                } else if others.count >= policies.limits.pendingUploadsPerPerson {
                    throw Refusal.draftsTooMany
                }
                try put(draft, acting)
            }
        }
    }

    /// Attaches an upload to notes, and keeps it with them; one that was attached before is discarded. Durable on return.
    public func attach(
        _ received: Received, to id: DraftID, as acting: Acting
    ) throws(VaultError) -> PendingUpload {
        let before = try draft(id, as: acting)
        let pending = try hold(received, details: before.details, as: acting)
        try rethrowing("draft") {
            try draftTurns.run(for: acting.person) {
                guard var draft = try openDrafts(acting).first(where: { $0.id == id }) else {
                    throw VaultError.notFound
                }
                draft.attached = received.upload
                try put(draft, acting)
            }
        }
        if let old = before.attached { try discardHeld(old, acting) }
        return pending
    }

    /// What is attached to notes; nil where nothing is, or what was has been given up since.
    public func attachment(of draft: MeetingDraft, as acting: Acting) throws(VaultError) -> PendingUpload? {
        try rethrowing("draft") {
            guard let id = draft.attached, let row = try workspace.upload(id, of: acting.person),
                UploadState.held.contains(row.state)
            else { return nil }
            let (received, details) = try reopen(row, acting)
            return try pending(received, details, acting)
        }
    }

    /// Takes off what is attached, and discards it. Recorded.
    public func detach(from id: DraftID, as acting: Acting) throws(VaultError) {
        let attached = try draft(id, as: acting).attached
        try rethrowing("draft") {
            try draftTurns.run(for: acting.person) {
                guard var draft = try openDrafts(acting).first(where: { $0.id == id }), draft.attached == attached
                else { return }
                draft.attached = nil
                try put(draft, acting)
            }
        }
        if let attached { try discardHeld(attached, acting) }
    }

    /// Throws notes away, with what is attached to them.
    public func discard(_ id: DraftID, as acting: Acting) throws(VaultError) {
        let draft = try draft(id, as: acting)
        try rethrowing("draft") { try workspace.end(id, of: acting.person, filedAs: nil, at: clock.now()) }
        for upload in [draft.attached, draft.typed].compactMap({ $0 }) { try discardHeld(upload, acting) }
    }

    /// Everything that stands in the way of filing notes, in the order of their form.
    public func problems(with draft: MeetingDraft, as acting: Acting) throws(VaultError) -> [DraftProblem] {
        try rethrowing("draft") {
            let today = SchoolTime(policies.school.timezone).day(of: clock.now())
            let details = filingDetails(of: draft, acting)
            var problems = meetingProblems(with: details, policies: policies, today: today).map {
                DraftProblem(refusal: $0)
            }
            let hasText = !draft.text.allSatisfy(\.isWhitespace)
            if hasText == (draft.attached != nil) {
                problems.append(DraftProblem(refusal: hasText ? .draftBoth : .draftEmpty))
            }
            // What is wrong with all else would be said of each pupil.
            let isAllElseRight = problems.isEmpty
            let summaries = [(draft.pupilFile, details.summary)] + details.alsoAbout.map { ($0.pupilFile, $0.summary) }
            for (pupilFile, summary) in summaries {
                var one = details
                one.summary = summary
                do {
                    if summary.allSatisfy(\.isWhitespace) { throw Refusal.summaryBlank }
                    if isAllElseRight { _ = try checkedDetails(one, filename: "", proposed: nil) }
                } catch let refusal as Refusal {
                    problems.append(DraftProblem(refusal: refusal, pupilFile: pupilFile))
                }
            }
            return problems
        }
    }

    /// Files notes: what was typed becomes a document of plain text; the statement of each pupil is the filing. Filed again,
    /// they give the same receipt. The draft is gone afterwards. Durable on return.
    ///
    /// - Parameter concern: whom it is about, where it concerns members of staff; then it is of one pupil.
    /// - Returns: the receipt of the pupil for whom they were begun; its `documents` name all.
    /// - Throws: the first of `problems`; what filing refuses.
    public func file(
        _ id: DraftID, concerning concern: StaffConcern? = nil, as acting: Acting
    ) throws(VaultError) -> Receipt {
        try rethrowing("draft") {
            try draftTurns.run(for: acting.person) {
                if let receipt = try receipt(ofNotes: id, as: acting) { return receipt }
                return try fileInTurn(id, concern, acting)
            }
        }
    }

    /// The receipt of notes that this person filed, for as long as their upload's is kept; nil for others.
    public func receipt(ofNotes id: DraftID, as acting: Acting) throws(VaultError) -> Receipt? {
        try rethrowing("draft") {
            try workspace.ended(id, of: acting.person).upload.flatMap { try receipt(ofUpload: $0, acting) }
        }
    }

    private func fileInTurn(
        _ id: DraftID, _ concern: StaffConcern?, _ acting: Acting
    ) throws(VaultError) -> Receipt {
        var draft = try draft(id, as: acting)
        if let first = try problems(with: draft, as: acting).first { throw .refused(first.refusal) }
        var details = filingDetails(of: draft, acting)
        details.concerning = concern
        if concern != nil, !details.alsoAbout.isEmpty { throw .refused(.staffSeveralPupils) }
        let upload: UploadID
        if let attached = draft.attached {
            upload = attached
        } else {
            upload = try typedUpload(&draft, details, acting)
        }
        guard let outcome = try file([Filing(upload: upload, details: details, again: true)], as: acting).first else {
            throw .notFound
        }
        switch outcome {
        case .filed(_, let receipt):
            try rethrowing("draft") { try workspace.end(id, of: acting.person, filedAs: upload, at: clock.now()) }
            return receipt
        case .refused(_, let refusal): throw .refused(refusal)
        case .queued: throw .notFound
        }
    }

    /// What is filed of notes: typed ones are signed by who files them.
    private func filingDetails(of draft: MeetingDraft, _ acting: Acting) -> FilingDetails {
        var details = draft.details
        if draft.attached == nil {
            details.signed = "yes"
            details.signedBy = acting.name
            details.meeting.written = MeetingHand.typed.rawValue
        }
        return details
    }

    /// The upload that what was typed becomes. One that an interrupted filing left is taken if it was filed, else made anew.
    private func typedUpload(
        _ draft: inout MeetingDraft, _ details: FilingDetails, _ acting: Acting
    ) throws(VaultError) -> UploadID {
        if let typed = draft.typed {
            let isFiled = try rethrowing("draft") { try receipt(ofUpload: typed, acting) != nil }
            if isFiled { return typed }
            try discardHeld(typed, acting)
        }
        // Times and names as the record has them.
        let said = try rethrowing("draft") { try checkedDetails(details, filename: "", proposed: nil) }
        let day = said.date.text
        let bytes = Array(document(draft.text, said.details, on: day, by: acting.name).utf8)
        var reception = try beginUpload(
            UploadRequest(
                pupilFile: draft.pupilFile, filename: "notes-of-meeting-\(day).txt", declaredType: "text/plain",
                declaredBytes: UInt64(bytes.count), wantsProposal: false), as: acting)
        let appended = Result { try bytes.withUnsafeBytes { try reception.append($0) } }
        if case .failure(let error) = appended { throw VaultError(error, code: "upload") }
        let received = try reception.finish()
        // Said first, so that nothing of an interrupted filing is left waiting that no draft knows of.
        draft.typed = received.upload
        let kept = draft
        try rethrowing("draft") { try put(kept, acting) }
        _ = try hold(received, details: details, as: acting)
        return received.upload
    }

    /// Typed notes as they are filed: what is said of the meeting, the notes as they were typed, and by whom.
    private func document(_ text: String, _ details: FilingDetails, on day: String, by name: String) -> String {
        let meeting = details.meeting
        let today = SchoolTime(policies.school.timezone).day(of: clock.now())
        let head = [
            policies.categories.title(of: details.category) ?? "", "", "Agency: \(meeting.agencyName)", "Date: \(day)",
            "Time: \(meeting.time)",
            meeting.receivedFrom.isEmpty ? nil : "Received from: \(meeting.receivedFrom)", "", "Who attended:",
            meeting.attendees, "", "Notes:",
        ].compactMap { $0 }
        let foot = [
            "", "Typed in the vault of \(policies.school.name) and signed by \(name), \(today).",
        ]
        return head.joined(separator: "\n") + "\n" + text + "\n" + foot.joined(separator: "\n") + "\n"
    }

    // MARK: - Kept sealed

    func openDrafts(_ acting: Acting) throws -> [MeetingDraft] {
        let rows = try workspace.drafts(of: acting.person)
        guard !rows.isEmpty else { return [] }
        let key = try ownKey(acting)
        return rows.compactMap { row in
            let bytes = try? SealedRow.open(
                row.facts, key: key, row: row.id.bytes, associatedData: Self.draft + acting.person.bytes)
            return bytes.flatMap { try? MeetingDraft(row, parsing: $0) }
        }
    }

    private func put(_ draft: MeetingDraft, _ acting: Acting) throws {
        let sealed = try SealedRow.seal(
            draft.encoded, key: ownKey(acting), row: draft.id.bytes,
            associatedData: Self.draft + acting.person.bytes)
        let isKept = try workspace.put(
            Workspace.Draft(id: draft.id, owner: acting.person, touched: clock.now(), facts: sealed))
        guard !isKept else { return }
        throw try workspace.ended(draft.id, of: acting.person).isOver ? VaultError.gone : VaultError.notFound
    }

    /// Discards an upload if it still waits.
    private func discardHeld(_ upload: UploadID, _ acting: Acting) throws(VaultError) {
        do { try discard(upload, as: acting) } catch {
            guard error == .gone || error == .notFound else { throw error }
        }
    }

    private static let draft = Array("draft".utf8)

    // MARK: - Several pupils

    /// The pupils in whose files the same upload stands, too; for who reads every file. Restricted or moved ones are not told of.
    public func otherPupils(of document: DocumentID, as acting: Acting) throws(VaultError) -> [Pupil] {
        try rethrowing("document") {
            let statement = try recorder.read(pool) { db, _ in try filing(at: document, db).0 }
            guard let pupilFile = statement.pupilFile, !recorder.isMoved(document) else { throw VaultError.notFound }
            _ = try decide(.readChronology(pupilFile), acting)
            return try recorder.read(pool) { db, _ in
                let files = try otherFiles(of: document, db)
                guard !files.isEmpty else { return [] }
                let register = try registerKey(as: acting, db)
                return try files.map { try pupil($0, register, db) }.sorted { $0.name < $1.name }
            }
        }
    }

    /// For each document of a pupil file that stands in others' files, too: whose.
    public func sharedDocuments(
        of pupilFile: PupilFileID, as acting: Acting
    ) throws(VaultError) -> [DocumentID: [Pupil]] {
        try rethrowing("document") {
            _ = try decide(.readChronology(pupilFile), acting)
            return try recorder.read(pool) { db, _ in
                let several = try Data.fetchAll(
                    db,
                    sql: """
                        SELECT id FROM document WHERE pupil_file = ? AND EXISTS
                        (SELECT 1 FROM document AS other WHERE other.upload = document.upload AND other.id != document.id)
                        """, arguments: [Data(pupilFile.bytes)]
                ).compactMap { DocumentID($0) }
                guard !several.isEmpty else { return [:] }
                let register = try registerKey(as: acting, db)
                var found: [DocumentID: [Pupil]] = [:]
                for document in several {
                    found[document] = try otherFiles(of: document, db).map { try pupil($0, register, db) }
                }
                return found
            }
        }
    }

    /// The pupils of an upload's other documents, by the statements that filed them.
    private func otherFiles(of document: DocumentID, _ db: Database) throws -> [PupilState] {
        let ids = try Data.fetchAll(
            db,
            sql: """
                SELECT other.id FROM document JOIN document AS other
                ON other.upload = document.upload AND other.id != document.id WHERE document.id = ?
                """, arguments: [Data(document.bytes)]
        ).compactMap { DocumentID($0) }
        return try ids.filter { !recorder.isMoved($0) }.compactMap { id in
            try filing(at: id, db).0.pupilFile.flatMap { recorder.authority.pupils[$0] }
        }
    }
}
