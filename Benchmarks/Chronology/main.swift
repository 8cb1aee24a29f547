import CSodium
import Custody
import Foundation
import GRDB
import LargeVault
import Records
import Web

// The first hundred entries of a long chronology, as a running server gives them: the vault is open, a session is found by
// its token for each request. The first opening in a session and later ones apart; between them a plain libsodium loop
// that opens as many rows of the same lengths under one key, from memory. At the end one session opens the page, filters and
// searches many times: the process's own memory before and after.
// Usage: bench-chronology DIRECTORY ROUNDS, where make-vault made DIRECTORY. One line of JSON: milliseconds by what was
// measured, a value for each round; bytes for memory.

func milliseconds(_ body: () throws -> Void) rethrows -> Double {
    let start = DispatchTime.now().uptimeNanoseconds
    try body()
    return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e6
}

/// Sealed rows of the lengths that the catalogue has for a pupil file, and the loop that opens them.
struct PlainRows {
    private let key = [UInt8](repeating: 7, count: 32)
    private let associatedData = [UInt8](repeating: 2, count: 70)
    private var rows: [[UInt8]] = []
    private var out: [UInt8] = []
    var count: Int { rows.count }

    init(like pupilFile: PupilFileID, in catalogue: DatabaseQueue) throws {
        let lengths = try catalogue.read { db in
            try Int.fetchAll(
                db,
                sql: """
                    SELECT length(item.bytes) FROM document JOIN item ON item.id = document.detail
                    WHERE document.pupil_file = ? ORDER BY document.idx
                    """, arguments: [Data(pupilFile.bytes)])
        }
        out = [UInt8](repeating: 0, count: lengths.max() ?? 0)
        for (number, length) in lengths.enumerated() {
            // Nonce (24) ‖ ciphertext ‖ tag (16), as the catalogue has them.
            let plaintext = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: length - 40)
            let nonce = withUnsafeBytes(of: UInt64(number)) { Array($0) } + [UInt8](repeating: 1, count: 16)
            var sealed = [UInt8](repeating: 0, count: length - 24)
            crypto_aead_xchacha20poly1305_ietf_encrypt(
                &sealed, nil, plaintext, UInt64(plaintext.count), associatedData, UInt64(associatedData.count), nil,
                nonce, key)
            rows.append(nonce + sealed)
        }
    }

    mutating func openAll() {
        for row in rows {
            row.withUnsafeBufferPointer { row in
                guard let nonce = row.baseAddress else { return }
                let result = crypto_aead_xchacha20poly1305_ietf_decrypt(
                    &out, nil, nil, nonce + 24, UInt64(row.count - 24), associatedData, UInt64(associatedData.count),
                    nonce, key)
                precondition(result == 0, "a row of the plain loop did not open")
            }
        }
    }
}

func run() throws {
    guard CommandLine.arguments.count == 3, let rounds = Int(CommandLine.arguments[2]), sodium_init() >= 0 else {
        throw VaultError.notFound
    }
    let directory = CommandLine.arguments[1]
    let school = try InventedSchool(madeIn: directory)
    let location = InventedSchool.location(in: directory)
    guard let pupilFile = PupilFileID(text: school.pupilFile) else { throw VaultError.notFound }
    let catalogue = try DatabaseQueue(path: location.vault + "/catalogue.sqlite")
    // An earlier run may have gone ahead of the time that it is.
    let newest = try catalogue.read { db in try Int64.fetchOne(db, sql: "SELECT max(recorded) FROM act") } ?? 0
    let clock = SteppedClock(at: max(SystemClock().now(), Timestamp(milliseconds: newest)))
    let vault = try Vault(opening: location, clock: clock)
    defer { vault.shutdown() }
    var rows = try PlainRows(like: pupilFile, in: catalogue)

    var taken: [String: [Double]] = [:]
    func request(_ name: String, _ token: String, newestFirst: Bool = false, from first: Int = 0) throws {
        var chronology: Chronology?
        let time = try milliseconds {
            guard let session = vault.sessions.resume(token) else { throw VaultError.notFound }
            chronology = try vault.chronology(
                of: pupilFile, newestFirst: newestFirst, from: first, count: 100, as: session.acting)
        }
        guard let chronology, chronology.total == rows.count, chronology.entries.count == min(100, rows.count) else {
            throw VaultError.tampered(code: "bench.entries-missing")
        }
        taken[name, default: []].append(time)
    }
    func open(_ choice: ChronologyChoice, _ token: String) throws -> ChosenChronology {
        guard let session = vault.sessions.resume(token) else { throw VaultError.notFound }
        return try vault.chronology(of: pupilFile, choosing: choice, count: 100, as: session.acting)
    }
    /// What the page shows: every item for the picture and the filters, and the first hundred lines, opened.
    func page(_ token: String) throws {
        var chosen: ChosenChronology?
        let time = try milliseconds { chosen = try open(ChronologyChoice(), token) }
        guard chosen?.items.count == rows.count else { throw VaultError.tampered(code: "bench.entries-missing") }
        taken["page", default: []].append(time)
        let layout = milliseconds { _ = Timeline(chosen?.items ?? []) }
        taken["layout", default: []].append(layout)
    }
    /// Every summary compared; what is found is one in some hundreds, and the same each time.
    var total: Int?
    func search(_ name: String, _ token: String) throws {
        var found: ChronologyFindings?
        let time = try milliseconds {
            guard let session = vault.sessions.resume(token) else { throw VaultError.notFound }
            found = try vault.search("call 77", in: pupilFile, count: 100, as: session.acting)
        }
        guard let found, found.total == total ?? found.total else { throw VaultError.tampered(code: "bench.found") }
        total = found.total
        taken[name, default: []].append(time)
    }
    /// RssAnon of this process.
    func memory() throws -> Double {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
        guard
            let kibibytes = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap({
                Double($0)
            })
        else { throw VaultError.notFound }
        return kibibytes * 1024
    }
    for _ in 0..<rounds {
        let acting = try InventedSchool.signIn(school.lead, to: vault, clock)
        let token = try vault.sessions.open(acting)
        taken["loop", default: []].append(milliseconds { rows.openAll() })
        try request("first", token)
        taken["loop", default: []].append(milliseconds { rows.openAll() })
        try request("later", token)
        try request("later", token, newestFirst: true)
        try request("later", token, from: rows.count / 2)
        try page(token)
        try search("search", token)
        try search("again", token)
        try vault.signOut(acting)
        vault.sessions.close(token)
        let searching = try InventedSchool.signIn(school.lead, to: vault, clock)
        let other = try vault.sessions.open(searching)
        try search("unopened", other)
        try vault.signOut(searching)
        vault.sessions.close(other)
    }
    let steady = try InventedSchool.signIn(school.lead, to: vault, clock)
    let token = try vault.sessions.open(steady)
    for round in 0..<240 {
        // The first forty fill the caches, of the catalogue too.
        if round == 40 { taken["before"] = [try memory()] }
        _ = try open(ChronologyChoice(), token)
        var choice = ChronologyChoice()
        let year = 2005 + round % 13
        choice.period = year * 10_000...year * 10_000 + 1_231
        _ = try open(choice, token)
        try search("many", token)
    }
    taken["after"] = [try memory()]
    try vault.signOut(steady)
    vault.sessions.close(token)
    let statements = try InventedSchool.signIn(school.lead, to: vault, clock)
    let figures = try vault.figures(as: statements)
    taken["statements"] = [Double(figures.statements)]
    taken["rows"] = [Double(rows.count)]
    print(String(decoding: try JSONEncoder().encode(taken), as: UTF8.self))
}

do {
    try run()
} catch let error as VaultError {
    FileHandle.standardError.write(Data("error: \(error.code)\n".utf8))
    exit(1)
} catch {
    FileHandle.standardError.write(Data("error: \(error)\n".utf8))
    exit(1)
}
