import Foundation
import GRDB
public import Records
import Sealing

/// A pupil as a person who may file sees them.
public struct Pupil: Hashable, Sendable {
    /// The pupil's file.
    public let pupilFile: PupilFileID
    /// The opaque reference.
    public let reference: String
    /// The name.
    public let name: String
    /// `2003-05-14`.
    public let dateOfBirth: String
    /// The unique pupil number, where there is one.
    public let upn: String
    /// The day of enrolment, where it is known.
    public let enrolled: String

    /// The year, to tell namesakes apart.
    public var yearOfBirth: String { String(dateOfBirth.prefix(4)) }
}

/// A pupil to be put on the register.
public struct NewPupil: Hashable, Sendable {
    /// The name.
    public var name: String
    /// `2003-05-14`.
    public var dateOfBirth: String
    /// Thirteen characters, or empty.
    public var upn: String
    /// A day, or empty.
    public var enrolled: String

    /// A pupil of these facts.
    public init(name: String, dateOfBirth: String, upn: String = "", enrolled: String = "") {
        self.name = name
        self.dateOfBirth = dateOfBirth
        self.upn = upn
        self.enrolled = enrolled
    }
}

/// What became of a register's lines.
public struct PupilImport: Hashable, Sendable {
    /// Pupils that are on the register now.
    public let added: [Pupil]
    /// Lines of pupils that were on it already.
    public let already: [Int]
    /// Lines that were refused, each with its reason.
    public let refused: [LineRefusal]

    /// A line that was refused.
    public struct LineRefusal: Hashable, Sendable {
        /// The line's number, the header being 1.
        public let line: Int
        /// Why.
        public let refusal: Refusal
    }
}

extension Vault {
    /// The register, by name. Read as a recorded act, once a session.
    public func pupils(as acting: Acting, matching words: String = "") throws(VaultError) -> [Pupil] {
        try rethrowing("register") {
            _ = try decide(.seeRegister, acting)
            try recordRegisterRead(acting)
            let wanted = Self.folded(words).split(separator: " ")
            return try recorder.read(pool) { db, head in
                let key = try registerKey(as: acting, db)
                return try head.authority.pupils.values.map { try pupil($0, key, db) }.filter { pupil in
                    let name = Self.folded(pupil.name) + " " + pupil.reference.lowercased()
                    return wanted.allSatisfy { name.contains($0) }
                }.sorted { ($0.name, $0.dateOfBirth, $0.reference) < ($1.name, $1.dateOfBirth, $1.reference) }
            }
        }
    }

    /// One pupil by reference, in any case, with or without `P-`.
    public func pupil(reference: String, as acting: Acting) throws(VaultError) -> Pupil {
        try rethrowing("register") {
            _ = try decide(.seeRegister, acting)
            let authority = recorder.authority
            guard let file = authority.pupilFile(reference: reference), let state = authority.pupils[file] else {
                try say(.accessRefused(code: Refusal.pupilUnknown.code), .person(acting))
                throw VaultError.refused(.pupilUnknown)
            }
            try recordRegisterRead(acting)
            return try pool.read { db in try pupil(state, registerKey(as: acting, db), db) }
        }
    }

    /// One pupil by file.
    public func pupil(_ file: PupilFileID, as acting: Acting) throws(VaultError) -> Pupil {
        try rethrowing("register") {
            _ = try decide(.seeRegister, acting)
            guard let state = recorder.authority.pupils[file] else { throw VaultError.refused(.pupilUnknown) }
            try recordRegisterRead(acting)
            return try pool.read { db in try pupil(state, registerKey(as: acting, db), db) }
        }
    }

    /// Puts one pupil on the register. Durable on return.
    public func addPupil(_ new: NewPupil, as acting: Acting) throws(VaultError) -> Pupil {
        let done = try register([(1, new)], as: acting)
        if let refusal = done.refused.first?.refusal { throw .refused(refusal) }
        guard let pupil = done.added.first else {
            throw .refused(
                Refusal(
                    code: "pupil.already", message: "This pupil is on the register already.",
                    hint: "Search for the name; nothing was changed."))
        }
        return pupil
    }

    /// Puts the pupils of a CSV on the register; its header is `name,date_of_birth,upn,enrolled`.
    ///
    /// All accepted lines in one transaction; a refused line does not stop the others. Durable on return.
    public func importPupils(csv: String, as acting: Acting) throws(VaultError) -> PupilImport {
        let lines = try rethrowing("register") { try RegisterCSV.pupils(in: csv) }
        return try register(lines, as: acting)
    }

    private func register(_ lines: [(line: Int, pupil: NewPupil)], as acting: Acting) throws(VaultError) -> PupilImport
    {
        try rethrowing("register") {
            _ = try decide(.managePupils, acting)
            var drafts: [Draft] = []
            var added: [Pupil] = []
            var already: [Int] = []
            var refused: [PupilImport.LineRefusal] = []
            try recorder.read(pool) { db, head in
                let authority = head.authority
                guard let founding = authority.founding else { throw VaultError.notFound }
                let key = try registerKey(as: acting, db)
                let team = try recipient(of: founding.team, db)
                let register = try authority.pupils.values.map { try pupil($0, key, db) }
                var known = Set(register.map { Self.folded($0.name) + "|" + $0.dateOfBirth })
                var upns = Set(register.map(\.upn).filter { !$0.isEmpty })
                var references = Set(authority.pupilFilesByReference.keys)
                for (line, new) in lines {
                    do {
                        let checked = try Self.checked(new)
                        guard known.insert(Self.folded(checked.name) + "|" + checked.dateOfBirth).inserted,
                            checked.upn.isEmpty || upns.insert(checked.upn).inserted
                        else {
                            already.append(line)
                            continue
                        }
                        let (draft, pupil) = try draft(checked, key, team, founding.team, &references, acting)
                        drafts.append(draft)
                        added.append(pupil)
                    } catch let refusal as Refusal {
                        refused.append(.init(line: line, refusal: refusal))
                    }
                }
            }
            if !drafts.isEmpty { try recorder.record(drafts, in: pool) }
            return PupilImport(added: added, already: already, refused: refused)
        }
    }

    private func draft(
        _ new: NewPupil, _ key: borrowing DetailKey, _ team: HybridRecipient, _ teamID: IdentityID,
        _ references: inout Set<String>, _ acting: Acting
    ) throws -> (Draft, Pupil) {
        var reference: String
        repeat {
            reference = "P-" + Crockford.encode(Randomness.bytes(4)).prefix(5).uppercased()
        } while !references.insert(reference).inserted
        let file = PupilFileID.random()
        let row = ItemID.random()
        let identity = try HybridIdentity.generate()
        let identityID = IdentityID.random()
        let sealed = try SealedRow.seal(
            Detail(values: [
                "name": new.name, "date_of_birth": new.dateOfBirth, "upn": new.upn, "enrolled": new.enrolled,
            ]).encoded, key: key, row: row.bytes, associatedData: rowContext("register-row", file.bytes))
        let (edge, wrap) = try Self.wrap(identity, identityID, to: team, holder: teamID, vault: recorder.vault)
        let draft = Draft(
            signer: .person(acting), pupilFile: file,
            items: [
                SealedItem(identityID.shared(as: Kind.Item.self), .recipient, identity.recipient.rawRepresentation),
                SealedItem(row, .registerRow, sealed), wrap,
            ],
            act: .pupilRegistered(
                PupilAct(pupil: .random(), reference: reference, identity: identityID, row: row, wraps: [edge])))
        return (
            draft,
            Pupil(
                pupilFile: file, reference: reference, name: new.name, dateOfBirth: new.dateOfBirth, upn: new.upn,
                enrolled: new.enrolled)
        )
    }

    func pupil(_ state: PupilState, _ key: borrowing DetailKey, _ db: Database) throws -> Pupil {
        let bytes = try item(state.row, db)
        let row = try bytes.withUnsafeBytes {
            try SealedRow.open(
                $0, key: key, row: state.row.bytes,
                associatedData: rowContext("register-row", state.pupilFile.bytes))
        }
        let detail = try Detail(parsing: row)
        return Pupil(
            pupilFile: state.pupilFile, reference: state.reference, name: detail["name"] ?? "",
            dateOfBirth: detail["date_of_birth"] ?? "", upn: detail["upn"] ?? "", enrolled: detail["enrolled"] ?? "")
    }

    private func recordRegisterRead(_ acting: Acting) throws {
        guard !acting.memory.with({ $0.registerRead }) else { return }
        try say(.registerRead(acting.session), .person(acting))
        acting.memory.with { $0.registerRead = true }
    }

    static func checked(_ new: NewPupil) throws -> NewPupil {
        var new = new
        new.name = new.name.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        guard (2...200).contains(new.name.count), new.name.unicodeScalars.allSatisfy({ $0.value >= 32 }) else {
            throw Refusal(code: "pupil.name", message: "The name is missing or too long.", hint: "Write the full name.")
        }
        new.dateOfBirth = new.dateOfBirth.trimmingCharacters(in: .whitespaces)
        new.enrolled = new.enrolled.trimmingCharacters(in: .whitespaces)
        for (day, code) in [(new.dateOfBirth, "pupil.date-of-birth"), (new.enrolled, "pupil.enrolled")] {
            if code == "pupil.enrolled" && day.isEmpty { continue }
            guard day.count == 10, let date = try? DocumentDate(parsing: day), date.days?.count == 1 else {
                throw Refusal(code: code, message: "The date cannot be read.", hint: "Write it as 2003-05-14.")
            }
        }
        new.upn = new.upn.uppercased().filter { !$0.isWhitespace }
        guard new.upn.isEmpty || (new.upn.count == 13 && new.upn.allSatisfy { $0.isLetter || $0.isNumber }) else {
            throw Refusal(
                code: "pupil.upn", message: "The UPN is not 13 letters and digits.",
                hint: "Check it, or leave it out.")
        }
        return new
    }

    static func folded(_ text: String) -> String {
        text.folding(options: [.caseInsensitive, .diacriticInsensitive], locale: nil).lowercased()
    }
}

/// Reads a register as RFC 4180 CSV.
enum RegisterCSV {
    static func pupils(in text: String) throws -> [(line: Int, pupil: NewPupil)] {
        var rows = try records(in: text)
        guard let header = rows.first?.fields.map({ $0.lowercased().trimmingCharacters(in: .whitespaces) }) else {
            throw unreadable("it is empty")
        }
        rows.removeFirst()
        func column(_ name: String) -> Int? { header.firstIndex(of: name) }
        guard let name = column("name"), let born = column("date_of_birth") else {
            throw unreadable("its first line does not name the columns name and date_of_birth")
        }
        if let unknown = header.first(where: { !["name", "date_of_birth", "upn", "enrolled"].contains($0) }) {
            throw unreadable("it has an unknown column: \(unknown.prefix(40))")
        }
        return rows.filter { $0.fields != [""] }.map { row in
            func field(_ index: Int?) -> String { index.flatMap { $0 < row.fields.count ? row.fields[$0] : nil } ?? "" }
            return (
                row.line,
                NewPupil(
                    name: field(name), dateOfBirth: field(born), upn: field(column("upn")),
                    enrolled: field(column("enrolled")))
            )
        }
    }

    private static func unreadable(_ why: String) -> Refusal {
        Refusal(
            code: "register.unreadable", message: "The register cannot be read: \(why).",
            hint: "The first line is name,date_of_birth,upn,enrolled. Nothing was changed.")
    }

    private static func records(in text: String) throws -> [(line: Int, fields: [String])] {
        var rows: [(line: Int, fields: [String])] = []
        var fields: [String] = []
        var field = ""
        var quoted = false
        var line = 1
        var started = 1
        var scalars = Array(text.unicodeScalars)[...]
        if scalars.first == "\u{FEFF}" { scalars = scalars.dropFirst() }
        while let scalar = scalars.popFirst() {
            if scalar == "\n" { line += 1 }
            switch (scalar, quoted) {
            case ("\"", true):
                if scalars.first == "\"" {
                    scalars = scalars.dropFirst()
                    field.unicodeScalars.append("\"")
                } else {
                    quoted = false
                }
            case (_, true): field.unicodeScalars.append(scalar)
            case ("\"", false) where field.isEmpty: quoted = true
            case (",", false):
                fields.append(field)
                field = ""
            case ("\r", false) where scalars.first == "\n": break
            case ("\n", false):
                rows.append((started, fields + [field]))
                (fields, field, started) = ([], "", line)
            default: field.unicodeScalars.append(scalar)
            }
        }
        guard !quoted else { throw unreadable("a quotation mark is not closed") }
        if !field.isEmpty || !fields.isEmpty { rows.append((started, fields + [field])) }
        return rows
    }
}
