package import Records
import Sealing
import Synchronization

// What a session remembers of the words of the pupil files that it opened, for searching. Rules of this file.
// 1. Between requests there is only ciphertext, under the session's memory key: the cookie gives it, and nothing else.
// 2. A file's words are kept whole or not at all: of every record that the ledger has of it, each opened and as committed.
// 3. Opened for one search, into memory that is wiped; so is what they are made in.
// 4. Of all files of a session no more than `most` bytes. A file for which there is no room is read at each search.

/// The words of one pupil file's records, folded for searching and sealed.
package struct FileWords: Sendable {
    /// How many documents had been moved out of the file: then these are not its words any more.
    var moved = 0
    /// How many records, the oldest in the ledger.
    var records = 0
    /// Some hundred records each: 24-byte nonce ‖ ciphertext. Plaintext: `WordsRecord`s, one after another.
    package private(set) var parts: [[UInt8]] = []
    /// What they take, with what an array takes beside its bytes.
    private(set) var byteCount = 0

    mutating func add(_ part: [UInt8]) {
        parts.append(part)
        byteCount += part.count + 40
    }
}

/// The words of the pupil files that a session opened, those of them that were used last.
package struct RememberedWords: Sendable {
    /// The most that is kept, in bytes: summaries of a hundred letters are some 60,000.
    package var most = 8 << 20
    private var files: [PupilFileID: (words: FileWords, used: UInt64)] = [:]
    private var uses: UInt64 = 0

    /// A file's words; none where nothing is kept of it.
    package subscript(pupilFile: PupilFileID) -> FileWords? { files[pupilFile]?.words }
    /// What all of them take.
    package private(set) var byteCount = 0

    /// The words of a file as these acts have it, oldest first, maybe not all; none where a document was moved out since, or
    /// another request has read further than this one's snapshot goes.
    mutating func words(of pupilFile: PupilFileID, _ acts: Recorder.FileActs) -> FileWords {
        guard let known = files[pupilFile]?.words, known.moved == acts.moved.count, known.records <= acts.records.count
        else {
            drop(pupilFile)
            return FileWords(moved: acts.moved.count)
        }
        uses += 1
        files[pupilFile]?.used = uses
        return known
    }

    /// How much may be kept of a file, beside the others or in their place.
    func room(for pupilFile: PupilFileID, displacing: Bool) -> Int {
        displacing ? most : most - byteCount + (files[pupilFile]?.words.byteCount ?? 0)
    }

    /// Keeps a file's words, if there is room for them; those of files that were not used for longest give way.
    mutating func keep(_ words: FileWords, of pupilFile: PupilFileID, displacing: Bool) {
        guard words.byteCount <= room(for: pupilFile, displacing: displacing) else { return }
        drop(pupilFile)
        uses += 1
        files[pupilFile] = (words, uses)
        byteCount += words.byteCount
        while byteCount > most,
            let oldest = files.filter({ $0.key != pupilFile }).min(by: { $0.value.used < $1.value.used })
        {
            drop(oldest.key)
        }
    }

    mutating func drop(_ pupilFile: PupilFileID) {
        byteCount -= files.removeValue(forKey: pupilFile)?.words.byteCount ?? 0
    }
}

/// One record in a part of a file's words: its place (index, day and minute, 8 bytes each), the length of its text (8), the
/// text.
enum WordsRecord {
    static let headSize = 32

    /// Appends a record whose text the body appends; gives it.
    static func append(
        to out: inout WipedText, at index: UInt64, _ body: (inout WipedText) throws -> ItemFacts
    ) rethrows -> (facts: ItemFacts, text: Range<Int>) {
        let start = out.count
        out.append(headSize) { _ in }
        let facts = try body(&out)
        let text = start + headSize..<out.count
        out.withMutableBytes { bytes in
            let numbers = [
                index, UInt64(bitPattern: Int64(facts.first)), UInt64(bitPattern: Int64(facts.minute)),
                UInt64(text.count),
            ]
            for (place, number) in numbers.enumerated() {
                bytes.storeBytes(of: number, toByteOffset: start + 8 * place, as: UInt64.self)
            }
        }
        return (facts, text)
    }

    /// The places of those records in a part whose text has the words.
    static func places(
        in part: UnsafeRawBufferPointer, with words: SearchWords
    ) throws(SealingError) -> [ChronologyOrder.Place] {
        var found: [ChronologyOrder.Place] = []
        var at = 0
        while at < part.count {
            guard at + headSize <= part.count else { throw .rowInvalid }
            func number(_ place: Int) -> UInt64 { part.loadUnaligned(fromByteOffset: at + 8 * place, as: UInt64.self) }
            let start = at + headSize
            guard let count = Int(exactly: number(3)), count <= part.count - start else { throw .rowInvalid }
            if words.areIn(folded: UnsafeRawBufferPointer(rebasing: part[start..<start + count])) {
                found.append(
                    .init(
                        day: Int(Int64(bitPattern: number(1))), minute: Int(Int64(bitPattern: number(2))),
                        index: number(0), isRecord: true))
            }
            at = start + count
        }
        return found
    }
}

/// Seals parts of a file's words while they are made, on several threads, as long as there is room.
final class WordSealing: Sendable {
    private let acting: Acting
    private let key: SessionKey
    private let pupilFile: PupilFileID
    private let room: Atomic<Int>

    /// - Parameter room: the most that all parts may take; below 0 for none at all.
    init(_ acting: Acting, _ pupilFile: PupilFileID, room: Int) throws {
        self.acting = acting
        key = try acting.memoryKey()
        self.pupilFile = pupilFile
        self.room = Atomic(room)
    }

    /// A part, sealed; nil once there is no room.
    func seal(_ text: inout WipedText) throws -> [UInt8]? {
        guard room.subtract(text.count + SealedRow.overhead, ordering: .relaxed).newValue >= 0 else { return nil }
        return try text.withMutableBytes {
            try SealedRow.seal(
                UnsafeRawBufferPointer($0), session: key, associatedData: acting.wordsContext(pupilFile))
        }
    }
}

extension Acting {
    /// The words that this session remembers.
    package var rememberedWords: RememberedWords {
        get { memory.with { $0.words } }
        set { memory.with { $0.words = newValue } }
    }

    /// Longer than what binds other secrets of the session's memory, so that none of them opens as another.
    func wordsContext(_ pupilFile: PupilFileID) -> [UInt8] {
        session.bytes + pupilFile.bytes + Array("words".utf8)
    }

    /// Which of the records that are remembered have the words; nil where what is remembered does not open.
    func places(with words: SearchWords, in known: FileWords, of pupilFile: PupilFileID) -> [ChronologyOrder.Place]? {
        do {
            let key = try memoryKey()
            return try Cores.map(known.parts.count, from: 2) { part in
                try SealedRow.withOpened(known.parts[part], session: key, associatedData: wordsContext(pupilFile)) {
                    try WordsRecord.places(in: $0, with: words)
                }
            }.flatMap { $0 }
        } catch {
            return nil
        }
    }
}
