import Foundation
import GRDB
public import Records
import Sealing

// The second pair of eyes (S-06). The operator's plan, with what opens the scans, is sealed to the person who is named to check
// it, and to nobody else; the operator's statement names it by digest. That person looks at the pages and says that the plan
// is right, or what is wrong. After the batch is sealed neither can open what was scanned: the plan, the desk and the scans'
// headers are overwritten, and the scans deleted.

/// What is presented to a checker.
struct CheckPlan: Codable {
    /// What opens one scan.
    struct Scan: Codable {
        let upload: UploadID
        let blob: BlobID
        let nonce: [UInt8]
        let payload: String
        let payloadLength: UInt64
        let fileKey: [UInt8]
    }

    let desk: Desk
    let scans: [Scan]
}

/// What a checker says when something is wrong.
struct CheckAnswer: Codable {
    let note: String
    let pages: [String]
}

extension Refusal {
    static let checkerMissing = Refusal(
        code: "check.who", message: "It is not said who is to check it.",
        hint: "Choose somebody else who files or reads and is at work now.")
    static let checkNothingSaid = Refusal(
        code: "check.note", message: "It is not said what is wrong.",
        hint: "Mark the pages, or write in up to 500 characters what has to be put right.")
    static let checkNotAll = Refusal(
        code: "check.looked", message: "Not all pages that are to be looked at were.",
        hint: "Go through all of them, or say what is wrong.")
    static let differenceTooLong = Refusal(
        code: "desk.difference", message: "That is longer than 500 characters, or no plain text.",
        hint: "Say in fewer words why the counts differ.")
    static let staffNotAsked = Refusal(
        code: "desk.staff",
        message: "It is not said whether anything here is about what a member of staff may have done.",
        hint: "Confirm that nothing is; what is, leave out here and file it by itself, where it is kept apart.")
    static let deskNotReady = Refusal(
        code: "desk.not-ready", message: "Something on the desk is not decided yet.",
        hint: "Put right what the desk lists first.")
}

/// A piece of a plan whose filing would be refused, and why.
public struct PieceProblem: Error, Hashable, Sendable {
    /// The piece.
    public let piece: UploadID
    /// Why.
    public let refusal: Refusal
}

extension Vault {
    /// Who can be asked to check: everybody else who files or reads now, by name.
    public func checkers(as acting: Acting) throws(VaultError) -> [(id: PersonID, name: String)] {
        try rethrowing("check") {
            _ = try decide(.keepBatch, acting)
            let now = clock.now()
            return try recorder.read(pool) { db, head in
                try head.authority.people.values.filter {
                    $0.id != acting.person && $0.confirmed && $0.suspended == nil
                        && head.authority.mayCheck($0.id, at: now)
                }.map { (id: $0.id, name: try name(of: $0, db)) }.sorted { $0.name < $1.name }
            }
        }
    }

    /// What stands in the way of presenting a desk, and the pieces whose details would be refused.
    public func problems(
        of id: BatchID, _ desk: Desk, as acting: Acting
    ) throws(VaultError) -> (desk: [DeskProblem], pieces: [PieceProblem]) {
        let facts = try paperBatch(id, as: acting).facts
        return try rethrowing("desk") {
            let problems = desk.problems(expecting: (facts.documents, facts.pages))
            let dated = desk.pieces.filter { !$0.date.isEmpty && !desk.pages(of: $0).isEmpty }
            let refused = dated.compactMap { piece -> PieceProblem? in
                do {
                    _ = try checkedDetails(details(of: piece, desk), filename: "", proposed: nil)
                    return nil
                } catch let refusal as Refusal {
                    return PieceProblem(piece: piece.id, refusal: refusal)
                } catch { return nil }
            }
            return (problems, refused)
        }
    }

    /// Puts the plan of a batch before a second person. Durable on return.
    ///
    /// - Parameters:
    ///   - difference: why counts differ from what was expected, where they do.
    ///   - isAboutNoStaff: the operator's word that nothing of it is about what a member of staff may have done.
    /// - Throws: refusals `desk.…`, `check.who`.
    public func present(
        _ id: BatchID, to checker: PersonID?, difference: String, isAboutNoStaff: Bool, as acting: Acting
    ) throws(VaultError) {
        let difference = difference.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        guard difference.count <= 500, !difference.unicodeScalars.contains(where: { $0.value < 32 }) else {
            throw .refused(.differenceTooLong)
        }
        guard let checker, checker != acting.person, recorder.authority.mayCheck(checker, at: clock.now()) else {
            throw .refused(.checkerMissing)
        }
        guard isAboutNoStaff else { throw .refused(.staffNotAsked) }
        let desk = try changeDesk(id, acting) { $0.explain(difference: difference) }
        let (problems, pieces) = try problems(of: id, desk, as: acting)
        if let first = pieces.first { throw .refused(first.refusal) }
        guard problems.isEmpty else { throw .refused(.deskNotReady) }
        try rethrowing("check") {
            try deskTurns.run(for: acting.person) {
                try requireDesk(id, acting)
                guard try openDesk(id, acting) == desk, let state = recorder.authority.people[checker] else {
                    throw Refusal.deskNotReady
                }
                let plan = CheckPlan(desk: desk.shown, scans: try desk.stacks.map { try scan($0.id, acting) })
                let recipient = try pool.read { db in try self.recipient(of: state.identity, db) }
                let sealed = try sealed(plan, for: checker, recipient, of: id)
                // The row before the statement that names it: a plan that was said and is not there could not be checked.
                try workspace.put(presentation: sealed, of: id)
                try say(
                    .batchPresented(
                        PresentationAct(
                            batch: id, checker: checker, plan: sha256(sealed), pages: UInt64(desk.balance.all))),
                    .person(acting))
            }
        }
    }

    /// Takes the plan back, as long as nothing of the batch is filed. Durable on return.
    public func withdrawPlan(of id: BatchID, as acting: Acting) throws(VaultError) {
        try rethrowing("check") {
            _ = try decide(.keepBatch, acting)
            try filingTurns.run(for: acting.person) {
                guard let batch = recorder.authority.batches[id], batch.operator == acting.person, batch.closed == nil,
                    batch.paper?.presented != nil, try filedUploads(in: id).isEmpty
                else { throw VaultError.notFound }
                try say(.batchWithdrawn(id), .person(acting))
                try workspace.removePresentation(of: id)
            }
        }
    }

    // MARK: - Checking

    /// The batches that somebody is asked to check.
    public func checks(as acting: Acting) throws(VaultError) -> [PaperBatchLine] {
        try paperBatches(as: acting).filter { $0.isCheckers && $0.stage == .presented }
    }

    /// The plan that somebody is asked to check.
    public func plan(of id: BatchID, as acting: Acting) throws(VaultError) -> Desk {
        try rethrowing("check") { try openPlan(id, acting).desk }
    }

    /// A page of a scan as a small JPEG picture, for who is asked to check the batch.
    public func picture(
        ofStack upload: UploadID, toCheck id: BatchID, page: Int, width: Int, as acting: Acting
    ) throws(VaultError) -> [UInt8] {
        try rethrowing("picture") {
            let plan = try openPlan(id, acting)
            guard let scan = plan.scans.first(where: { $0.upload == upload }), let stack = plan.desk.stack(upload)
            else {
                throw VaultError.notFound
            }
            let copy = try copies.copy(of: upload, for: acting.session, at: clock.monotonic()) {
                try open(scan, stack)
            }
            return try picture(of: copy, stack.mediaType, page, width)
        }
    }

    /// Says that the plan is right, having looked at so many pages: at least those of `sample`. Durable on return.
    public func confirmPlan(of id: BatchID, looked: Int, as acting: Acting) throws(VaultError) {
        try rethrowing("check") {
            let plan = try openPlan(id, acting)
            guard let presented = recorder.authority.batches[id]?.paper?.presented else { throw VaultError.notFound }
            let wanted = sample(of: plan.desk, presented).values.reduce(0) { $0 + $1.count }
            guard wanted > 0, looked >= wanted else { throw Refusal.checkNotAll }
            try say(.batchChecked(id, plan: presented.plan, pages: UInt64(wanted)), .person(acting))
            forgetCopies(of: plan.desk)
        }
    }

    /// Which pages of a plan its checker looks at: all of them, or the sample that `policies/archive.yaml` asks for.
    public func sample(of id: BatchID, as acting: Acting) throws(VaultError) -> [UploadID: Set<Int>] {
        try rethrowing("check") {
            let plan = try openPlan(id, acting)
            guard let presented = recorder.authority.batches[id]?.paper?.presented else { throw VaultError.notFound }
            return sample(of: plan.desk, presented)
        }
    }

    private func sample(of desk: Desk, _ presented: PresentationAct) -> [UploadID: Set<Int>] {
        desk.sample(percent: policies.archive.secondLookPercent, seed: presented.plan)
    }

    /// Says what is wrong: the batch goes back to its operator. Durable on return.
    ///
    /// - Parameter pages: an upload's text, a dot, a number, each.
    public func doubtPlan(
        of id: BatchID, note: String, pages: [String], as acting: Acting
    ) throws(VaultError) {
        try rethrowing("check") {
            let plan = try openPlan(id, acting)
            let note = note.trimmingCharacters(in: .whitespacesAndNewlines)
            guard note.unicodeScalars.count <= 500, !note.isEmpty || !pages.isEmpty else {
                throw Refusal.checkNothingSaid
            }
            let known = Set(plan.desk.stacks.flatMap { stack in (1...stack.count).map { "\(stack.id.text).\($0)" } })
            guard pages.allSatisfy(known.contains), let batch = recorder.authority.batches[id],
                let presented = batch.paper?.presented, let owner = recorder.authority.people[batch.operator]
            else { throw VaultError.notFound }
            let recipient = try pool.read { db in try self.recipient(of: owner.identity, db) }
            let answer = try sealed(CheckAnswer(note: note, pages: pages), for: batch.operator, recipient, of: id)
            try workspace.put(answer: answer, of: id)
            try say(.batchDoubted(id, plan: presented.plan, answer: sha256(answer)), .person(acting))
            forgetCopies(of: plan.desk)
        }
    }

    private func forgetCopies(of desk: Desk) { for stack in desk.stacks { copies.drop(stack.id) } }

    private func openPlan(_ id: BatchID, _ acting: Acting) throws -> CheckPlan {
        _ = try decide(.seeRegister, acting)
        guard let batch = recorder.authority.batches[id], let paper = batch.paper, let presented = paper.presented,
            presented.checker == acting.person, paper.checked == nil, batch.closed == nil,
            let row = try workspace.presentation(of: id)
        else { throw VaultError.notFound }
        guard sha256(row.plan) == presented.plan else { throw VaultError.tampered(code: "check.plan-differs") }
        return try opened(row.plan, CheckPlan.self, of: id, acting)
    }

    func openAnswer(_ answer: [UInt8], _ id: BatchID, _ acting: Acting) throws -> CheckAnswer {
        try opened(answer, CheckAnswer.self, of: id, acting)
    }

    // MARK: - Sealing what is presented

    /// A wrap of a fresh key, its length in front, and what is sealed under it.
    private func sealed(
        _ value: some Encodable, for holder: PersonID, _ recipient: HybridRecipient, of id: BatchID
    ) throws -> [UInt8] {
        let key = try DetailKey.random()
        let wrap = try Wrap.seal(key.secretCopy(), context: checkContext(id, holder), to: recipient)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let row = try SealedRow.seal(
            [UInt8](encoder.encode(value)), key: key, row: id.bytes,
            associatedData: rowContext("check", id.bytes + holder.bytes))
        return [UInt8(wrap.count >> 8), UInt8(wrap.count & 255)] + wrap + row
    }

    private func opened<Value: Decodable>(
        _ sealed: [UInt8], _ type: Value.Type, of id: BatchID, _ acting: Acting
    ) throws -> Value {
        guard sealed.count > 2, case let count = Int(sealed[0]) << 8 | Int(sealed[1]), sealed.count > 2 + count else {
            throw VaultError.tampered(code: "check.plan")
        }
        let secret = try Wrap.open(
            Array(sealed[2..<2 + count]), secretCount: 32, context: checkContext(id, acting.person),
            with: acting.keys.identity)
        let row = try SealedRow.open(
            Array(sealed[(2 + count)...]), key: DetailKey(secret), row: id.bytes,
            associatedData: rowContext("check", id.bytes + acting.person.bytes))
        return try JSONDecoder().decode(type, from: Data(row))
    }

    private func checkContext(_ id: BatchID, _ holder: PersonID) -> [UInt8] {
        Array("strongroom/v1/check\n\(recorder.vault?.text ?? "")\n\(id.text)\n\(holder.text)\n".utf8)
    }

    /// What opens one of the operator's scans.
    private func scan(_ upload: UploadID, _ acting: Acting) throws -> CheckPlan.Scan {
        guard let row = try workspace.upload(upload, of: acting.person), row.state == .stacked else {
            throw VaultError.notFound
        }
        let facts = try reopen(row, acting).0
        return CheckPlan.Scan(
            upload: upload, blob: row.blob, nonce: facts.facts.nonce.bytes, payload: facts.facts.payload.hex,
            payloadLength: facts.facts.payloadLength, fileKey: try facts.fileKey.secretCopy().withBytes { Array($0) })
    }

    /// A scan's bytes for its checker: the payload's digest first, then each chunk.
    private func open(_ scan: CheckPlan.Scan, _ stack: Desk.Stack) throws -> InspectionCopy {
        guard let nonce = PayloadNonce(scan.nonce) else { throw VaultError.tampered(code: "check.plan") }
        let file = try PayloadFile(path: blobs.waiting(scan.blob), length: scan.payloadLength, nonce: nonce)
        guard try file.digest().hex == scan.payload else { throw VaultError.tampered(code: "upload.staged-differs") }
        var copy = try InspectionCopy.whole(stack.size, in: budget)
        let key = try FileKey(SecretBytes(copying: scan.fileKey))
        let payload = PayloadReader(
            file, try EnvelopeReader(fileKey: key, nonce: nonce, payloadLength: scan.payloadLength))
        try payload.read(0..<payload.plaintextLength) { try copy.append($0) }
        try copy.seal()
        return copy
    }
}
