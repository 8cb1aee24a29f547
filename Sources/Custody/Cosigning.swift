import Foundation
import GRDB
import Ledger
public import Records
import Sealing

// What outside the vault says that its ledger is one history: cosignatures of witnesses, and checkpoints on paper. Rules.
// 1. A cosignature is kept after it was verified over the very checkpoint of this ledger, by a key of policies/witness.yaml.
// 2. It is kept in the catalogue, with the key that made it: it goes into every backup, and no statement vouches for it, since
//    nobody can make one without that key.
// 3. When it was made is the witness's word; one from the future is not taken.

/// A cosignature that the vault took.
public struct AcceptedCosignature: Hashable, Sendable {
    /// The witness's name.
    public let witness: String
    /// How many statements the checkpoint has.
    public let size: UInt64
    /// When, by the witness's clock.
    public let time: Timestamp
}

/// A checkpoint that lies outside the vault.
public struct OutsideCheckpoint: Hashable, Sendable {
    /// How it does.
    public enum Place: Hashable, Sendable {
        /// A witness of that name cosigned and kept it.
        case witness(String)
        /// It was printed on the sheet of that reference.
        case sheet(String)
    }
    /// How it lies outside.
    public let place: Place
    /// How many statements it has.
    public let size: UInt64
    /// Since when.
    public let time: Timestamp
}

/// How the checkpoints outside the vault stand.
public struct OutsideWatch: Hashable, Sendable {
    /// A witness of the policy.
    public struct Witness: Hashable, Sendable {
        /// Its name.
        public let name: String
        /// The newest checkpoint that it is known to have cosigned.
        public let newest: OutsideCheckpoint?
    }
    /// The witnesses, in the order of the policy.
    public let witnesses: [Witness]
    /// The newest checkpoint on paper.
    public let sheet: OutsideCheckpoint?
    /// After how many hours the lead is told.
    public let hours: Int
    /// After how many days another sheet is due; 0 for never.
    public let sheetDays: Int
    /// Since when there would be none, had there never been one: the founding.
    public let founded: Timestamp
    /// When this was looked at.
    public let now: Timestamp

    /// The newest of all.
    public var newest: OutsideCheckpoint? {
        (witnesses.compactMap(\.newest) + [sheet].compactMap { $0 }).max { $0.time < $1.time }
    }

    /// Whether none is younger than the policy's hours.
    public var isOverdue: Bool {
        now.milliseconds - (newest?.time ?? founded).milliseconds >= Int64(hours) * 3_600_000
    }

    /// Whether another sheet is due.
    public var isSheetDue: Bool {
        sheetDays > 0 && now.milliseconds - (sheet?.time ?? founded).milliseconds >= Int64(sheetDays) * 86_400_000
    }
}

/// A checkpoint for paper.
public struct CheckpointSheet: Hashable, Sendable {
    /// A checkpoint that witnesses cosigned.
    public struct Cosigned: Hashable, Sendable {
        /// Its note.
        public let note: String
        /// How many statements it has.
        public let size: UInt64
        /// The witnesses' names.
        public let witnesses: [String]
    }
    /// Which print.
    public let print: PrintID
    /// How many statements the checkpoint has: the last of them says that it was printed.
    public let size: UInt64
    /// When.
    public let recorded: Timestamp
    /// Who printed it.
    public let madeBy: String
    /// The checkpoint's note, with the cosignatures that are kept of it.
    public let note: String
    /// Who cosigned it, by name.
    public let witnesses: [String]
    /// The newest checkpoint before it that was cosigned, where it is not itself.
    public let cosigned: Cosigned?
}

extension Refusal {
    private static func witness(_ code: String, _ message: String, _ hint: String) -> Refusal {
        Refusal(code: "witness." + code, message: message, hint: hint)
    }
    static let noWitness = witness(
        "none", "No witness is named.",
        "Put the public key that strongroom witness init prints into policies/witness.yaml, and adopt the policies.")
    static func unknownWitness(_ names: [String]) -> Refusal {
        witness(
            "unknown", "There is no such witness, or it is not said which.",
            "Name one of \(names.joined(separator: ", ")) with --to.")
    }
    static func witnessAhead(_ theirs: UInt64, _ ours: UInt64) -> Refusal {
        witness(
            "ahead", "The witness has seen \(theirs) statements, and this vault has \(ours): its end is missing.",
            "Change nothing. This may be an old copy: tell the safeguarding lead at once.")
    }
    static func witnessHas(_ size: UInt64) -> Refusal {
        witness(
            "other-size", "The witness has the checkpoint of \(size) statements.",
            "Ask it again with strongroom witness request --from \(size).")
    }
    static let witnessAnswer = witness(
        "answer", "That is nothing that a witness answers.", "Give its answer whole and unchanged.")
    static let noCosignature = witness(
        "no-cosignature",
        "In that answer no witness of policies/witness.yaml cosigned a checkpoint of this ledger.",
        "Nothing was kept. Was it the answer to a request of this vault? If it was, run strongroom verify, and tell the safeguarding lead."
    )
    static let witnessClock = witness(
        "clock", "That cosignature is from the future.", "Nothing was kept. Have the clocks of both machines put right."
    )
    static let noSheet = witness("no-sheet", "No checkpoint was printed yet.", "Print one on the page Keeping.")
}

extension Vault {
    /// The public key that a witness checks this vault's checkpoints with: `origin+hash+base64`, after C2SP. It is another one after
    /// a restored vault went on: to a witness that is another ledger.
    public func checkpointKey() throws(VaultError) -> String {
        try rethrowing("witness") {
            let authority = try recorder.read(pool) { _, head in head.authority }
            guard let founding = authority.founding, let origin = authority.origin(ofSize: .max),
                let key = VerifyingKey(rawRepresentation: founding.checkpointKey)
            else { throw VaultError.tampered(code: "ledger.empty") }
            return try NoteVerifier(name: origin, verifyingKey: key).vkey
        }
    }

    /// What to ask a witness: to cosign the newest checkpoint, after C2SP tlog-witness. No password is needed: it says nothing but
    /// how long the ledger is, and hashes.
    ///
    /// - Parameters:
    ///   - name: which witness; the only one where nil.
    ///   - old: the size that the witness has; by default that of the newest cosignature of it that is kept, or 0.
    /// - Throws: refusals `witness.none`, `witness.unknown`, `witness.ahead`.
    public func witnessRequest(to name: String? = nil, from old: UInt64? = nil) throws(VaultError) -> String {
        try rethrowing("witness") {
            try checkPolicy()
            let cosigner = try chosen(name)
            return try recorder.read(pool) { db, head in
                let from = try old ?? Self.newest(of: cosigner, db)?.size ?? 0
                guard from <= head.size else { throw Refusal.witnessAhead(from, head.size) }
                let proof = try Proofs.consistency(from: from, to: head.size) { try Recorder.node($0, $1, db) }
                return try WitnessRequest(
                    old: from, proof: proof, checkpoint: SignedNote(parsing: head.checkpoint)
                ).encoded
            }
        }
    }

    /// Takes a witness's answer: verifies each cosignature over a checkpoint of this ledger, and keeps it. Durable on return.
    ///
    /// - Parameter answer: signature lines, a whole note, or the size that the witness has.
    /// - Throws: refusals `witness.answer`, `witness.other-size`, `witness.ahead`, `witness.no-cosignature`, `witness.clock`.
    @discardableResult
    public func acceptCosignatures(_ answer: [UInt8]) throws(VaultError) -> [AcceptedCosignature] {
        try rethrowing("witness") {
            try checkPolicy()
            guard !policies.witness.cosigners.isEmpty else { throw Refusal.noWitness }
            guard let answer = try? WitnessAnswer(parsing: answer) else { throw Refusal.witnessAnswer }
            let signatures: [NoteSignature]
            switch answer {
            case .has(let size):
                let ours = try recorder.read(pool) { _, head in head.size }
                throw size > ours ? Refusal.witnessAhead(size, ours) : Refusal.witnessHas(size)
            case .cosigned(let lines): signatures = lines
            }
            let found = try recorder.read(pool) { db, head in try verified(signatures, head.size, db) }
            guard !found.isEmpty else { throw Refusal.noCosignature }
            let latest = clock.now().milliseconds / 1000 + 3600
            guard found.allSatisfy({ $0.cosignature.time <= UInt64(max(0, latest)) }) else {
                throw Refusal.witnessClock
            }
            try pool.write { db in
                for (size, cosignature) in found {
                    try db.execute(
                        sql: "INSERT OR IGNORE INTO cosignature (witness, size, time, line) VALUES (?, ?, ?, ?)",
                        arguments: [
                            cosignature.cosigner.vkey, Int64(size), Int64(cosignature.time), cosignature.signature.line,
                        ])
                }
            }
            return found.map { size, cosignature in
                AcceptedCosignature(
                    witness: cosignature.cosigner.name, size: size,
                    time: Timestamp(milliseconds: Int64(cosignature.time) * 1000))
            }
        }
    }

    /// Each line that one of the policy's witnesses made, with the size of the checkpoint that it holds over. An answer does not
    /// say of which checkpoint it is: it is nearly always the newest or not far behind.
    private func verified(
        _ signatures: [NoteSignature], _ size: UInt64, _ db: Database
    ) throws -> [(size: UInt64, cosignature: Cosignature)] {
        var found: [(size: UInt64, cosignature: Cosignature)] = []
        for cosigner in policies.witness.cosigners {
            for line in signatures where line.keyID == cosigner.keyID && line.keyName == cosigner.name {
                let rows = try Row.fetchCursor(
                    db, sql: "SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 100000")
                while let row = try rows.next() {
                    let text = try SignedNote(parsing: row.value("note") as String).text
                    guard let cosignature = try? Cosignature(verifying: line, of: text, by: cosigner) else { continue }
                    let checkpoint = try Checkpoint(parsing: text)
                    guard checkpoint.size == (try row.index("size")), checkpoint.size <= size,
                        try Recorder.root(at: checkpoint.size, db) == checkpoint.root
                    else { throw VaultError.tampered(code: "checkpoint.differs") }
                    found.append((checkpoint.size, cosignature))
                    break
                }
            }
        }
        return found
    }

    private func chosen(_ name: String?) throws -> Cosigner {
        let cosigners = policies.witness.cosigners
        guard !cosigners.isEmpty else { throw Refusal.noWitness }
        let chosen = name.map { name in cosigners.filter { $0.name == name } } ?? cosigners
        guard chosen.count == 1, let only = chosen.first else { throw Refusal.unknownWitness(cosigners.map(\.name)) }
        return only
    }

    /// The largest checkpoint that a witness is known to have cosigned, and when it last did.
    private static func newest(of cosigner: Cosigner, _ db: Database) throws -> (size: UInt64, time: UInt64)? {
        let row = try Row.fetchOne(
            db, sql: "SELECT size, time FROM cosignature WHERE witness = ? ORDER BY size DESC, time DESC LIMIT 1",
            arguments: [cosigner.vkey])
        return try row.map { (try $0.index("size"), try $0.index("time")) }
    }

    // MARK: - How it stands

    /// How the checkpoints outside the vault stand, for who sees its figures.
    public func outsideWatch(as acting: Acting) throws(VaultError) -> OutsideWatch {
        try rethrowing("witness") {
            _ = try decide(.seeFigures, acting)
            return try outsideWatch()
        }
    }

    /// The same for whoever runs the machine, and for the vault itself.
    public func outsideWatch() throws(VaultError) -> OutsideWatch {
        try rethrowing("witness") {
            try recorder.read(pool) { db, head in
                let now = clock.now()
                return OutsideWatch(
                    witnesses: try policies.witness.cosigners.map { cosigner in
                        OutsideWatch.Witness(
                            name: cosigner.name,
                            newest: try Self.newest(of: cosigner, db).map { size, time in
                                OutsideCheckpoint(
                                    place: .witness(cosigner.name), size: size,
                                    time: min(now, Timestamp(milliseconds: Int64(time) * 1000)))
                            })
                    },
                    sheet: head.authority.checkpointSheet.map {
                        OutsideCheckpoint(
                            place: .sheet($0.print.sheetReference), size: $0.index + 1, time: $0.time)
                    }, hours: policies.witness.tellAfterHours, sheetDays: policies.witness.sheetEveryDays,
                    founded: try recorder.statement(0, db).statement.time, now: now)
            }
        }
    }

    // MARK: - On paper

    /// Records that the checkpoint goes onto paper, and gives what stands on the sheet. Durable on return; the checkpoint is that of
    /// the ledger which ends with this statement.
    @discardableResult
    public func printCheckpoint(by acting: Acting) throws(VaultError) -> CheckpointSheet {
        try rethrowing("sheet") {
            _ = try decide(.seeFigures, acting)
            try say(.checkpointPrinted(.random(), in: acting.session), .person(acting))
            return try sheet()
        }
    }

    /// The sheet that was printed last.
    ///
    /// - Throws: a refusal `witness.no-sheet` where none was.
    public func checkpointSheet(as acting: Acting) throws(VaultError) -> CheckpointSheet {
        try rethrowing("sheet") {
            _ = try decide(.seeFigures, acting)
            return try sheet()
        }
    }

    private func sheet() throws -> CheckpointSheet {
        try recorder.read(pool) { db, head in
            guard let state = head.authority.checkpointSheet, let person = head.authority.people[state.author] else {
                throw Refusal.noSheet
            }
            let size = state.index + 1
            guard let own = try Self.note(of: size, db) else { throw VaultError.tampered(code: "checkpoint.missing") }
            let before = try Row.fetchOne(
                db, sql: "SELECT max(size) AS size FROM cosignature WHERE size < ?", arguments: [Int64(size)])
            let cosigned = try (before?["size"] as Int64?).flatMap { before in
                try Self.note(of: UInt64(before), db).map {
                    CheckpointSheet.Cosigned(note: $0.text, size: UInt64(before), witnesses: $0.witnesses)
                }
            }
            return CheckpointSheet(
                print: state.print, size: size, recorded: state.time, madeBy: try name(of: person, db), note: own.text,
                witnesses: own.witnesses, cosigned: own.witnesses.isEmpty ? cosigned : nil)
        }
    }

    /// A checkpoint's note with the newest cosignature of each witness, and the witnesses' names.
    private static func note(of size: UInt64, _ db: Database) throws -> (text: String, witnesses: [String])? {
        guard
            let note = try String.fetchOne(
                db, sql: "SELECT note FROM checkpoint WHERE size = ?", arguments: [Int64(size)])
        else { return nil }
        var signed = try SignedNote(parsing: note)
        var witnesses: [String] = []
        let rows = try Row.fetchAll(
            db, sql: "SELECT witness, max(time) AS time, line FROM cosignature WHERE size = ? GROUP BY witness",
            arguments: [Int64(size)])
        for row in rows {
            let cosigner = try Cosigner(parsing: row.value("witness") as String)
            guard case .cosigned(let lines) = try WitnessAnswer(parsing: Array((row.value("line") as String).utf8)),
                let line = lines.first
            else { throw VaultError.tampered(code: "cosignature.differs") }
            _ = try Cosignature(verifying: line, of: signed.text, by: cosigner)
            signed.add(line)
            witnesses.append(cosigner.name)
        }
        return (signed.encoded, witnesses)
    }
}

extension PrintID {
    /// `K-7K2M9Q4C`: how people name a sheet with a checkpoint, made of its id and nothing else.
    public var sheetReference: String { "K-" + text.prefix(8).uppercased() }
}
