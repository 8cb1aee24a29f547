import Foundation
import GRDB
import Records
import Sandbox
import Sealing
import Synchronization

// The text of what was filed, so that a search in a pupil's file finds the page.
// 1 offer    as a document is filed, its file key goes into a queue, sealed under a key of this process alone
// 2 read     one after another, behind everything else: the document's own text, and what tesseract reads of its pictures
// 3 seal     to the pupil file: an age file in the workspace, which whoever may read the pupil file opens, and nobody else
// What is not read within half an hour, or when the process ends, waits for the session of somebody who may read: their
// search has it read with their keys, and that is recorded as a reading.
// The text is an aid. No record rests on it; it is in no backup, and can be read again at any time.

/// Documents and uploads whose text waits to be read.
final class RecognitionQueue: Sendable {
    /// What was filed just now, with its key sealed under the queue's.
    struct Filed: Sendable {
        let payload: SealedPayload
        let mediaType: String
        let pages: Int?
        let sealedKey: [UInt8]
        let until: MonotonicTime
    }

    enum Work: Sendable {
        /// The same content in each of these pupil files.
        case filed(Filed, [DocumentID: PupilFileID])
        /// With the keys of somebody who may read it.
        case reading(DocumentID, PupilFileID, Acting)
        /// The first page of what its uploader is about to file.
        case proposal(UploadID, Acting)
        /// The pages of a scan at which its pieces begin, for its operator.
        case desk(UploadID, BatchID, Acting)

        fileprivate var subjects: [[UInt8]] {
            switch self {
            case .filed(_, let documents): documents.keys.map(\.bytes)
            case .reading(let document, _, _): [document.bytes]
            case .proposal(let upload, _), .desk(let upload, _, _): [upload.bytes]
            }
        }
    }

    private struct State {
        var isOpen = false
        /// Somebody waits at a screen for these.
        var first: [Work] = []
        var rest: [Work] = []
        var underWay: Set<[UInt8]> = []
        var workers = 0
    }

    /// How long a file key may outlive the request that filed it: half an hour.
    static let nanoseconds: UInt64 = 30 * 60 * 1_000_000_000
    /// How many may wait: a key takes a hundred bytes, and half an hour is over before more are read.
    private static let most = 5000

    private let key: SessionKey
    private let state = Mutex(State())
    /// Pages that are read at once, of all documents.
    let pages: DispatchSemaphore
    private let atOnce: Int

    init(atOnce: Int) throws {
        key = try SessionKey.random()
        pages = DispatchSemaphore(value: atOnce)
        self.atOnce = atOnce
    }

    /// Whether texts are read at all.
    var isOpen: Bool { state.withLock(\.isOpen) }

    func open() { state.withLock { $0.isOpen = true } }

    /// Forgets what waits; what is under way ends with its page.
    func close() {
        state.withLock { state in
            state.isOpen = false
            state.first = []
            state.rest = []
            state.underWay = []
        }
    }

    /// Takes work, unless it waits already; true where a new worker is wanted for it.
    func take(_ work: Work) -> Bool {
        state.withLock { state in
            let subjects = work.subjects
            guard state.isOpen, state.first.count + state.rest.count < Self.most,
                state.underWay.isDisjoint(with: subjects)
            else { return false }
            state.underWay.formUnion(subjects)
            if case .proposal = work { state.first.append(work) } else { state.rest.append(work) }
            guard state.workers < atOnce else { return false }
            state.workers += 1
            return true
        }
    }

    /// The next work; nil where there is none, and then the worker is to end.
    func next() -> Work? {
        state.withLock { state in
            if !state.first.isEmpty { return state.first.removeFirst() }
            if !state.rest.isEmpty { return state.rest.removeFirst() }
            state.workers -= 1
            return nil
        }
    }

    func finish(_ work: Work) { state.withLock { $0.underWay.subtract(work.subjects) } }

    /// How many of these documents wait or are being read.
    func underWay(of documents: [DocumentID]) -> Int {
        state.withLock { state in documents.count { state.underWay.contains($0.bytes) } }
    }

    /// Whether a summary for an upload is being read.
    func isUnderWay(_ upload: UploadID) -> Bool { state.withLock { $0.underWay.contains(upload.bytes) } }

    func seal(_ fileKey: borrowing FileKey, of blob: BlobID) throws -> [UInt8] {
        try SealedRow.seal(fileKey.secretCopy(), session: key, associatedData: blob.bytes)
    }

    func fileKey(_ sealed: [UInt8], of blob: BlobID) throws -> FileKey {
        try FileKey(SealedRow.open(sealed, session: key, associatedData: blob.bytes))
    }
}

/// What is known of the texts of a pupil file's documents.
public struct TextsRead: Hashable, Sendable {
    /// Documents whose text is not read yet.
    public var waiting = 0
    /// Pages that could not be read.
    public var unreadable = 0
    /// Whether the texts that wait are being read.
    public var isUnderWay = false

    /// All read unless it is said otherwise.
    public init(waiting: Int = 0, unreadable: Int = 0, isUnderWay: Bool = false) {
        self.waiting = waiting
        self.unreadable = unreadable
        self.isUnderWay = isUnderWay
    }
}

extension Vault {
    /// Begins to read the text of what is filed from now on, where the policy wants that and tesseract knows its languages.
    public func startRecognition() {
        let languages = policies.inspection.recogniseLanguages
        if !languages.isEmpty, Inspector.missing(languages).isEmpty { recognition.open() }
    }

    /// Has the text of what was just filed read, some time later.
    func offerText(of filing: Prepared) {
        let received = filing.received
        guard recognition.isOpen, received.verdict.outcome == .accepted else { return }
        var documents: [DocumentID: PupilFileID] = [:]
        var payload: SealedPayload?
        for draft in filing.drafts {
            guard case .documentFiled(let act) = draft.act, let pupilFile = draft.pupilFile else { continue }
            documents[act.document] = pupilFile
            payload = act.payload
        }
        // Where there is no memory for the key, it waits for a reader.
        guard let payload, let sealedKey = try? recognition.seal(received.fileKey, of: payload.blob) else { return }
        let now = clock.monotonic().nanoseconds
        let filed = RecognitionQueue.Filed(
            payload: payload, mediaType: received.verdict.mediaType, pages: received.verdict.pages,
            sealedKey: sealedKey, until: MonotonicTime(nanoseconds: now + RecognitionQueue.nanoseconds))
        offer(.filed(filed, documents))
    }

    /// Has a summary proposed for a held upload that brings no text of its own, from what its first page shows.
    func offerProposal(for received: Received, _ details: FilingDetails, _ acting: Acting) {
        guard details.summary.isEmpty, received.verdict.outcome == .accepted, recognition.isOpen,
            Self.pictures.contains(received.verdict.mediaType)
        else { return }
        offer(.proposal(received.upload, acting))
    }

    /// Has the first lines read of each piece of a scan on a desk, which its proposed summary then tells.
    func offerWords(of stack: UploadID, in batch: BatchID, _ acting: Acting) {
        if recognition.isOpen { offer(.desk(stack, batch, acting)) }
    }

    private static let pictures: Set = ["application/pdf", "image/tiff", "image/jpeg", "image/png", "image/heic"]

    private func offer(_ work: RecognitionQueue.Work) {
        guard recognition.take(work) else { return }
        Thread.detachNewThread { [self] in
            while let work = recognition.next() {
                // What fails stays unread, and the next search by somebody who may read tries again.
                try? recognise(work)
                recognition.finish(work)
            }
        }
    }

    private func recognise(_ work: RecognitionQueue.Work) throws {
        switch work {
        case .filed(let filed, let documents):
            guard let nonce = PayloadNonce(filed.payload.nonce) else { return }
            let payload = PayloadReader(
                try PayloadFile(path: blobs.path(of: filed.payload.blob), length: filed.payload.length, nonce: nonce),
                try EnvelopeReader(
                    fileKey: recognition.fileKey(filed.sealedKey, of: filed.payload.blob), nonce: nonce,
                    payloadLength: filed.payload.length))
            let texts = try texts(
                payload.plaintextLength, filed.mediaType, filed.pages,
                goOn: { [self] in
                    guard recognition.isOpen, clock.monotonic() < filed.until else { throw VaultError.busy }
                }
            ) { body in try payload.read(0..<payload.plaintextLength, body) }
            try keep(texts, of: documents)
        case .reading(let document, let pupilFile, let acting):
            try goOn(acting)
            let reading = try openDocument(document, manner: .recognition, as: acting)
            let facts = reading.facts
            guard facts.quarantine == nil else { return }
            let texts = try texts(facts.size, facts.mediaType, facts.pages, goOn: { [self] in try goOn(acting) }) {
                try reading.read(nil, $0)
            }
            reading.close(complete: true)
            try keep(texts, of: [document: pupilFile])
        case .proposal(let upload, let acting): try propose(upload, acting)
        case .desk(let stack, let batch, let acting): try readWords(of: stack, in: batch, acting)
        }
    }

    private func goOn(_ acting: Acting) throws {
        guard recognition.isOpen else { throw VaultError.busy }
        try requireActive(acting)
    }

    private func propose(_ upload: UploadID, _ acting: Acting) throws {
        try goOn(acting)
        guard let row = try workspace.upload(upload, of: acting.person), row.state == .inspected else { return }
        let (received, _) = try reopen(row, acting)
        guard received.size <= budget.bytes / 2 else { return }
        var copy = try readBack(received)
        try copy.seal()
        recognition.pages.wait()
        defer { recognition.pages.signal() }
        let page = try sandbox().recognisedText(
            of: copy.memory, mediaType: received.verdict.mediaType, page: 1,
            languages: policies.inspection.recogniseLanguages)
        guard let proposed = Self.proposedSummary(page) else { return }
        // Not while it is being filed or discarded; and only where nothing was said of it meanwhile.
        try arrivals.alone(with: upload) {
            try filingTurns.run(for: acting.person) {
                guard let row = try workspace.upload(upload, of: acting.person), row.state == .inspected else { return }
                let (received, details) = try reopen(row, acting)
                guard details.summary.isEmpty else { return }
                var said = details
                said.summary = proposed
                received.verdict.proposedSummary = proposed
                try keep(received, said, acting)
            }
        }
    }

    /// One page after the other, of the scan as its operator has it split by then; ends when they present the batch.
    private func readWords(of id: UploadID, in batch: BatchID, _ acting: Acting) throws {
        while true {
            try goOn(acting)
            let desk = try desk(of: batch, as: acting)
            guard let stack = desk.stack(id), let page = desk.pageToRead(of: id) else { return }
            let copy = try stackCopy(id, acting)
            recognition.pages.wait()
            defer { recognition.pages.signal() }
            let inspector = try sandbox()
            var words = ""
            do throws(SandboxError) {
                let read = try inspector.recognisedText(
                    of: copy.copy.memory, mediaType: stack.mediaType, page: page,
                    languages: policies.inspection.recogniseLanguages)
                words = Self.proposedSummary(read) ?? ""
            } catch { guard error.isOfThisDocument else { throw error } }
            _ = try changeDesk(batch, acting) { $0.note(words: words, onPage: page, of: id) }
        }
    }

    /// The text of each page of a content; nil for one that could not be read.
    private func texts(
        _ size: UInt64, _ mediaType: String, _ pages: Int?, goOn: @escaping @Sendable () throws -> Void,
        _ read: (_ body: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws -> [String?] {
        // What would take half of the memory for inspections would hinder those who file.
        guard size <= budget.bytes / 2 else { return Array(repeating: nil, count: max(1, pages ?? 1)) }
        var copy: InspectionCopy?
        while copy == nil {
            try goOn()
            copy = try InspectionCopy.growing(to: size, in: budget)
            if copy == nil { Thread.sleep(forTimeInterval: 1) }
        }
        guard var copy = copy.take() else { throw VaultError.busy }
        try read { try copy.append($0) }
        try copy.seal()
        let inspector = try sandbox()
        let count = max(1, pages ?? 1)
        var own: [String] = []
        switch mediaType {
        case "application/pdf":
            do throws(SandboxError) { own = try inspector.ownTexts(of: copy.memory, pages: 1...count) } catch {
                // Its pages may be drawn all the same; and what is not read is not tried again at each search.
                guard error.isOfThisDocument else { throw error }
                own = Array(repeating: "", count: count)
            }
        case "image/tiff", "image/jpeg", "image/png", "image/heic": own = Array(repeating: "", count: count)
        default:
            try goOn()
            do throws(SandboxError) {
                return [try inspector.text(of: copy.memory, mediaType: mediaType, pages: 1...1)]
            } catch {
                guard error.isOfThisDocument else { throw error }
                return [nil]
            }
        }
        let (languages, brought, kept) = (policies.inspection.recogniseLanguages, own, SharedCopy(copy))
        return try Cores.map(count, from: 2) { place in
            // A page that brings a text needs none to be recognised; a stamp that a program put on a scan is no such text.
            if brought[place].filter(\.isLetter).count >= 60 { return Self.joined(brought[place]) }
            recognition.pages.wait()
            defer { recognition.pages.signal() }
            try goOn()
            do throws(SandboxError) {
                let text = try inspector.recognisedText(
                    of: kept.copy.memory, mediaType: mediaType, page: place + 1, languages: languages)
                return Self.joined(brought[place] + "\n" + text.text)
            } catch {
                guard error.isOfThisDocument else { throw error }
                return nil
            }
        }
    }

    /// Below this, of a hundred, tesseract's words are mostly wrong, as of handwriting: better none than those.
    private static let leastSureToPropose = 70.0

    /// What is proposed as the summary of a scan by what its first page says; nil where that cannot be read well.
    static func proposedSummary(_ page: RecognisedPage) -> String? {
        page.sureness >= leastSureToPropose ? proposedSummary(joined(page.text)) : nil
    }

    /// A text whose words are whole again where a line ended within them.
    static func joined(_ text: String) -> String {
        text.replacing(/(\p{Ll})[-\u{ad}\u{2010}]\n\s*(\p{Ll})/) { "\($0.1)\($0.2)" }
    }

    // MARK: - What is kept

    private func keep(_ texts: [String?], of documents: [DocumentID: PupilFileID]) throws {
        for (document, pupilFile) in documents {
            let authority = recorder.authority
            guard let pupil = authority.pupils[pupilFile], authority.moved[document] == nil else { continue }
            let recipient = try pool.read { db in try self.recipient(of: pupil.identity, db) }
            var plaintext = textContext(document, pupilFile) + PageTexts.encoded(texts)
            defer { plaintext.withUnsafeMutableBytes { wipe($0) } }
            try workspace.put(
                text: SealedBytes.seal(plaintext, to: recipient), of: document, in: pupilFile,
                unreadable: texts.count { $0 == nil })
            // Moved out of the pupil's file meanwhile: whoever may read that is not to find it there.
            if recorder.isMoved(document) { try workspace.removeText(of: document) }
        }
    }

    private func textContext(_ document: DocumentID, _ pupilFile: PupilFileID) -> [UInt8] {
        rowContext("text", pupilFile.bytes + document.bytes)
    }

    /// The pages of each document of a pupil file whose text has all the words, and how far the texts are read.
    func pages(
        with words: SearchWords, in pupilFile: PupilFileID, _ file: borrowing HybridIdentity
    ) throws -> (pages: [DocumentID: [Int]], unreadable: Int) {
        var found: [DocumentID: [Int]] = [:]
        var unreadable = 0
        for text in try workspace.texts(of: pupilFile) {
            unreadable += text.unreadable
            // Anyone who can write here can seal to a pupil file: what is not of this document is nothing.
            guard var plaintext = try? SealedBytes.open(text.sealed, with: file) else { continue }
            defer { plaintext.withUnsafeMutableBytes { wipe($0) } }
            let context = textContext(text.document, pupilFile)
            guard plaintext.starts(with: context) else { continue }
            let pages = PageTexts.pages(with: words, in: plaintext[context.count...])
            if !pages.isEmpty { found[text.document] = pages }
        }
        return (found, unreadable)
    }

    /// Has the texts of a pupil file that nobody has read yet read with the keys of this session, some at a time; each is
    /// recorded as a reading.
    func readTexts(of pupilFile: PupilFileID, _ acting: Acting) throws -> TextsRead {
        var read = TextsRead()
        guard !policies.inspection.recogniseLanguages.isEmpty else { return read }
        let known = try workspace.documentsWithText(in: pupilFile)
        let all = try pool.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT id, quarantine FROM document
                    WHERE pupil_file = ? AND id NOT IN (SELECT document FROM moved) ORDER BY idx DESC
                    """, arguments: [Data(pupilFile.bytes)]
            ).filter(isNoEvidence).compactMap { DocumentID(try $0.value("id") as Data) }
        }
        let waiting = all.filter { !known.contains($0) }
        read.waiting = waiting.count
        for document in waiting.prefix(Self.textsAtOnce) {
            offer(.reading(document, pupilFile, acting))
        }
        read.isUnderWay = recognition.underWay(of: waiting) > 0
        return read
    }

    /// How many texts one search has read at the most: they are recorded in the searcher's name.
    private static let textsAtOnce = 50

    // MARK: - Health

    /// Whether texts can be recognised in the languages of the policy.
    var recognitionHealth: HealthCheck {
        let languages = policies.inspection.recogniseLanguages
        let missing = Inspector.missing(languages)
        if languages.isEmpty {
            return HealthCheck(
                name: "text", isWell: true, words: "The text of scans is not recognised: the policy says so.")
        }
        return missing.isEmpty
            ? HealthCheck(
                name: "text", isWell: true,
                words: "The text of scans is recognised (\(languages.joined(separator: ", "))).")
            : HealthCheck(
                "text",
                found:
                    "The text of scans is not recognised: tesseract does not know \(missing.joined(separator: ", ")).",
                "apt-get install \(missing.map { "tesseract-ocr-\($0)" }.joined(separator: " "))")
    }
}

/// A copy that several threads read.
private final class SharedCopy: Sendable {
    let copy: InspectionCopy
    init(_ copy: consuming InspectionCopy) { self.copy = copy }
}

extension SandboxError {
    /// Whether another document may fare better.
    fileprivate var isOfThisDocument: Bool {
        switch self {
        case .timedOut, .crashed, .tooLarge, .outOfRange, .noPictures: true
        case .unavailable, .abandoned, .unsealed, .memory: false
        }
    }
}

/// The texts of a document's pages as they are sealed: each ended by a form feed; a page that could not be read is one zero byte.
enum PageTexts {
    static func encoded(_ texts: [String?]) -> [UInt8] {
        var bytes: [UInt8] = []
        for text in texts {
            if let text { bytes += text.utf8.filter { $0 != 0 && $0 != 0x0c } } else { bytes.append(0) }
            bytes.append(0x0c)
        }
        return bytes
    }

    /// The pages, from 1, that have all the words.
    static func pages(with words: SearchWords, in bytes: ArraySlice<UInt8>) -> [Int] {
        bytes.withUnsafeBytes { bytes in
            var found: [Int] = []
            var (page, start) = (1, 0)
            var folded = WipedText(capacity: bytes.count)
            for end in bytes.indices where bytes[end] == 0x0c {
                let text = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
                folded.truncate(to: 0)
                SearchWords.fold([text][...], into: &folded)
                if folded.withMutableBytes({ words.areIn(folded: UnsafeRawBufferPointer($0)) }) { found.append(page) }
                (page, start) = (page + 1, end + 1)
            }
            return found
        }
    }
}
