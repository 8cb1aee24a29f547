import Foundation
import GRDB
public import Records
import Sealing

// A search, from the words to what is shown of it.
// 1 decide   who reads every file may search; the words are read strictly, and go nowhere but into memory
// 2 record   a statement that this session searched, without the words, before anything is opened
// 3 look     through the words that the session remembers, opened and wiped; what it does not remember is read, row by row
// 4 check    of what is shown, that each row is still what its statement commits to
// 5 record   across pupil files: the same of each file that something was found in, before it is shown

/// What a search found in one pupil file.
public struct ChronologyFindings: Sendable {
    /// Whose.
    public let pupil: Pupil
    /// How many entries have all the words.
    public let total: Int
    /// The newest of them, newest first.
    public let entries: [ChronologyEntry]
    /// Of documents whose text has all the words on one page: these pages, by the entry's index.
    public let pages: [UInt64: [Int]]
    /// How far the texts of the file's documents are read.
    public let texts: TextsRead
}

/// Words that are looked for in summaries and entries: each anywhere in it, in any order.
///
/// Compared without case, without accents, and however accented letters are composed: `ZOE` finds `Zoë`, and the other way.
/// Typographic and straight apostrophes are the same.
public struct SearchWords: Hashable, Sendable {
    private let words: [[UInt8]]

    /// Reads what was typed.
    ///
    /// - Throws: a refusal `search.blank` or `search.too-long`.
    public init(_ typed: String) throws(Refusal) {
        guard typed.utf8.count <= Self.mostBytes else { throw .searchTooLong }
        let folded = String(decoding: Self.folded(typed), as: UTF8.self)
        words = Set(folded.split(whereSeparator: \.isWhitespace).map(String.init)).sorted().map { Array($0.utf8) }
        guard !words.isEmpty else { throw .searchBlank }
        guard words.allSatisfy({ $0.count <= 255 }) else { throw .searchTooLong }
    }

    /// Whether a text has all the words.
    public func areIn(_ text: String) -> Bool {
        Self.folded(text).withUnsafeBytes { areIn(folded: $0) }
    }

    /// The same of a text that was folded.
    func areIn(folded text: UnsafeRawBufferPointer) -> Bool { words.allSatisfy { text.contains($0) } }

    /// Appends values to a text as they are compared, each on a line of its own: no word stands on two.
    static func fold(_ values: ArraySlice<UnsafeRawBufferPointer>, into text: inout WipedText) {
        guard values.allSatisfy({ $0.allSatisfy { $0 < 0x80 } }) else {
            var folded = Self.folded(values.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n"))
            text.append(folded.count) { $0.copyBytes(from: folded) }
            folded.withUnsafeMutableBytes { wipe($0) }
            return
        }
        for value in values where !value.isEmpty {
            text.append(value.count + 1) { out in
                for place in value.indices {
                    let byte = value[place]
                    out[place] = (0x41...0x5a).contains(byte) ? byte | 0x20 : byte
                }
                out[value.count] = 0x0a
            }
        }
    }

    /// The most that can be typed, in bytes of UTF-8.
    public static let mostBytes = 200

    private static func folded(_ text: String) -> [UInt8] {
        var bytes = [UInt8](text.utf8)
        // Most summaries are plain; folding the others takes many times as long.
        guard bytes.allSatisfy({ $0 < 0x80 }) else {
            let folded = Vault.folded(text).replacing("\u{2019}", with: "'").replacing("\u{2018}", with: "'")
            return [UInt8](folded.utf8)
        }
        for place in bytes.indices where (0x41...0x5a).contains(bytes[place]) { bytes[place] |= 0x20 }
        return bytes
    }
}

extension Refusal {
    /// Nothing to look for.
    static let searchBlank = Refusal(
        code: "search.blank", message: "There is nothing to look for.",
        hint: "Type one or more words of a summary or an entry.")
    /// Too much to look for.
    static let searchTooLong = Refusal(
        code: "search.too-long", message: "That is more than can be looked for.",
        hint: "Type a few words of a summary or an entry.")
}

extension Vault {
    /// The entries of one pupil file whose summary has all these words, or the text of whose document has them on one page.
    /// Recorded as a search of this file, without the words, before anything is opened. Texts that nobody has read yet are
    /// read from now on, with the keys of this session.
    ///
    /// - Throws: a refusal `search.…` of the words, or of who may not read the file.
    public func search(
        _ words: String, in pupilFile: PupilFileID, count: Int = 200, as acting: Acting
    ) throws(VaultError) -> ChronologyFindings {
        try rethrowing("search") {
            _ = try decide(.readChronology(pupilFile), acting)
            let wanted = try SearchWords(words)
            guard let state = recorder.authority.pupils[pupilFile] else { throw VaultError.refused(.pupilUnknown) }
            try say(.chronologySearched(acting.session), .person(acting), about: pupilFile)
            var texts = try readTexts(of: pupilFile, acting)
            return try recorder.read(pool) { db, head in
                var found = try indices(with: wanted, in: pupilFile, head.size, shown: count, acting, db)
                let file = try openFile(pupilFile, acting, db)
                let inTexts = try pages(with: wanted, in: pupilFile, file)
                texts.unreadable = inTexts.unreadable
                let pages = try byIndex(inTexts.pages, in: pupilFile, head, db)
                if !pages.isEmpty {
                    let all = Set(found).union(pages.keys)
                    found = try order(of: pupilFile, head.size, acting, file, db).places.reversed().map(\.index).filter(
                        all.contains)
                }
                return try findings(
                    found, state, count, registerKey(as: acting, db), acting, db, pages: pages, texts: texts)
            }
        }
    }

    /// The same across every pupil file, by the pupils' names. One statement that names no pupil, before anything is opened;
    /// then one about each pupil file that something was found in, before it is shown.
    ///
    /// - Parameter count: how many entries of a pupil file are opened, at most.
    public func searchEverywhere(
        _ words: String, count: Int = 20, as acting: Acting
    ) throws(VaultError) -> [ChronologyFindings] {
        try rethrowing("search") {
            try requireReading(acting)
            let wanted = try SearchWords(words)
            try say(.chronologySearched(acting.session), .person(acting))
            let found = try recorder.read(pool) { db, head in
                try head.authority.pupils.keys.sorted().compactMap { pupilFile -> (PupilFileID, [UInt64])? in
                    let indices = try indices(
                        with: wanted, in: pupilFile, head.size, shown: count, displacing: false, acting, db)
                    return indices.isEmpty ? nil : (pupilFile, indices)
                }
            }
            guard !found.isEmpty else { return [] }
            try recorder.record(
                found.map { pupilFile, _ in
                    Draft(signer: .person(acting), pupilFile: pupilFile, act: .chronologySearched(acting.session))
                }, in: pool)
            return try recorder.read(pool) { db, head in
                let register = try registerKey(as: acting, db)
                return try found.compactMap { pupilFile, indices in
                    try head.authority.pupils[pupilFile].map {
                        try findings(indices, $0, count, register, acting, db)
                    }
                }.sorted {
                    ($0.pupil.name, $0.pupil.dateOfBirth, $0.pupil.reference)
                        < ($1.pupil.name, $1.pupil.dateOfBirth, $1.pupil.reference)
                }
            }
        }
    }

    /// The filings of a pupil file whose summary has the words, newest first by when it happened, then by ledger index. One
    /// that does not open is not found; the chronology says what is wrong with it.
    ///
    /// - Parameters:
    ///   - shown: how many will be shown: of these the rows are compared with their statements, whatever is remembered.
    ///   - displacing: whether the words that are to be remembered may displace those of other files.
    private func indices(
        with words: SearchWords, in pupilFile: PupilFileID, _ size: UInt64, shown: Int, displacing: Bool = true,
        _ acting: Acting, _ db: Database
    ) throws -> [UInt64] {
        let acts = recorder.acts(about: pupilFile, below: size)
        guard !acts.records.isEmpty else { return [] }
        let known = acting.memory.with { $0.words.words(of: pupilFile, acts) }
        if known.records > 0, let places = acting.places(with: words, in: known, of: pupilFile) {
            var found = places
            if known.records < acts.records.count {
                let index = UInt64(acts.records[known.records])
                let keys = try searchKeys(of: pupilFile, from: index, acting, db)
                found += try readRecords(
                    of: pupilFile, acts, from: index, keys, acting, db, looking: words, displacing: displacing
                ).found
            }
            let indices = found.sorted(by: >).map(\.index)
            if try areAsCommitted(indices.prefix(shown), in: pupilFile, acts, db) { return indices }
        }
        // Nothing is remembered, or not what the catalogue has now: every row is read.
        acting.memory.with { $0.words.drop(pupilFile) }
        let keys = try searchKeys(of: pupilFile, from: 0, acting, db)
        return try readRecords(
            of: pupilFile, acts, from: 0, keys, acting, db, looking: words, displacing: displacing
        ).found.sorted(by: >).map(\.index)
    }

    /// Whether the details of records are still those that their statements commit to.
    private func areAsCommitted(
        _ indices: ArraySlice<UInt64>, in pupilFile: PupilFileID, _ acts: Recorder.FileActs, _ db: Database
    ) throws -> Bool {
        let statement = try db.cachedStatement(
            sql: """
                SELECT item.bytes FROM document JOIN item ON item.id = document.detail
                WHERE document.pupil_file = ?1 AND document.idx = ?2
                UNION ALL
                SELECT item.bytes FROM entry JOIN item ON item.id = entry.detail
                WHERE entry.pupil_file = ?1 AND entry.idx = ?2
                """)
        let file = Data(pupilFile.bytes)
        return try indices.allSatisfy { index in
            let row = try Row.fetchOne(statement, arguments: [file, Int64(index)])
            let sealed = try row?.withUnsafeData(atIndex: 0) { $0.map { [UInt8]($0) } }
            return sealed.map { sha256($0) == acts.detail(recordedAt: index) } ?? false
        }
    }

    /// The detail keys of a pupil file from an index on: those that the session remembers, where it has them all.
    private func searchKeys(
        of pupilFile: PupilFileID, from index: UInt64, _ acting: Acting, _ db: Database
    ) throws -> DetailKeys {
        if let known = try rememberedDetailKeys(of: pupilFile, from: index, acting, db) { return known }
        return try detailKeys(of: pupilFile, from: index, acting, openFile(pupilFile, acting, db), db)
    }

    /// Pages by the index of their document's filing, of those that the pupil's file has in this ledger.
    private func byIndex(
        _ pages: [DocumentID: [Int]], in pupilFile: PupilFileID, _ head: Recorder.Head, _ db: Database
    ) throws -> [UInt64: [Int]] {
        var byIndex: [UInt64: [Int]] = [:]
        for (document, pages) in pages where head.authority.moved[document] == nil {
            let index = try UInt64.fetchIndex(
                db, sql: "SELECT idx FROM document WHERE id = ? AND pupil_file = ?",
                arguments: [Data(document.bytes), Data(pupilFile.bytes)])
            if let index, index < head.size { byIndex[index] = pages }
        }
        return byIndex
    }

    private func findings(
        _ indices: [UInt64], _ state: PupilState, _ count: Int, _ register: borrowing DetailKey, _ acting: Acting,
        _ db: Database, pages: [UInt64: [Int]] = [:], texts: TextsRead = TextsRead()
    ) throws -> ChronologyFindings {
        let shown = Array(indices.prefix(count))
        let file = try openFile(state.pupilFile, acting, db)
        let read = try statements(shown, db)
        var entries: [ChronologyEntry] = []
        for (index, statement) in zip(shown, read) {
            entries.append(
                try corrected(
                    entryOrDamage(index, statement, state.pupilFile, acting, file, db), state.pupilFile, acting, file,
                    db))
        }
        return ChronologyFindings(
            pupil: try pupil(state, register, db), total: indices.count, entries: entries, pages: pages, texts: texts)
    }
}
