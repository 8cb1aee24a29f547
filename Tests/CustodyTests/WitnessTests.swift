import Custody
import Foundation
import GRDB
import Records
import Testing

extension School {
    /// Puts an invented pupil on the register of a vault that was opened anew.
    fileprivate func pupil(by acting: Acting, in vault: Vault) throws -> Pupil {
        try vault.addPupil(NewPupil(name: "Grace Whitlock", dateOfBirth: "2003-02-17"), as: acting)
    }
}

/// A school whose vault has its checkpoints cosigned by a witness in another folder.
private struct Witnessed {
    let school: School
    let vault: Vault
    let lead: Acting
    let witness: WitnessFolder
    var folder: String { school.directory + "/witness" }

    init(hours: Int = 24) throws {
        school = try School()
        witness = try WitnessFolder.make(
            at: school.directory + "/witness", name: "witness.example/school", ledger: school.vault.checkpointKey())
        vault = try Self.adopt([witness.vkey], hours: hours, school)
        lead = try school.signIn(school.lead, to: vault)
    }

    /// The vault opened anew, under a policy with these witnesses.
    static func adopt(_ keys: [String], hours: Int = 24, _ school: School) throws -> Vault {
        let path = school.location.vault + "/policies/witness.yaml"
        let list = keys.isEmpty ? "[]" : "\n" + keys.map { "  - \($0)" }.joined(separator: "\n")
        try "witnesses: \(list)\ntell-after-hours: \(hours)\nsheet-every-days: 7\n".write(
            toFile: path, atomically: true, encoding: .utf8)
        let vault = try Vault(opening: school.location, clock: school.clock)
        try vault.adoptPolicies(as: school.signIn(school.lead, to: vault))
        return vault
    }

    func ask(from old: UInt64? = nil) throws -> [UInt8] { Array(try vault.witnessRequest(from: old).utf8) }

    /// Asks and gives the answer.
    func cosigned(_ request: [UInt8]? = nil) throws -> [UInt8] {
        let outcome = try witness.cosign(request ?? ask(), clock: school.clock)
        guard case .cosigned(let answer, _, _) = outcome else { throw VaultError.notFound }
        return Array(answer.utf8)
    }

    func broken(since: [String] = []) throws -> [String] {
        try Vault.verify(school.location, since: since).findings.filter { $0.weight == .broken }.map(\.code)
    }

    func notes() throws -> [String] {
        try Vault.verify(school.location).findings.filter { $0.weight == .note }.map(\.code)
    }
}

/// The clock of a machine that is ahead.
private struct ClockAhead: Records.Clock {
    let clock: MovableClock
    let seconds: Int64

    func now() -> Timestamp { Timestamp(milliseconds: clock.now().milliseconds + seconds * 1000) }
    func monotonic() -> MonotonicTime { clock.monotonic() }
}

@Suite struct WitnessTests {
    @Test func `A witness keeps and cosigns a checkpoint, and the vault keeps that it did`() throws {
        let one = try Witnessed()
        let key = try FileManager.default.attributesOfItem(atPath: one.folder + "/key")
        #expect(key[.posixPermissions] as? Int == 0o600)
        #expect(try FileManager.default.attributesOfItem(atPath: one.folder)[.posixPermissions] as? Int == 0o700)
        #expect(try one.witness.newest() == nil)
        let answer = try one.cosigned()
        let size = try #require(try one.witness.newest()).size
        #expect(size == UInt64(try one.school.kinds().count))
        let kept = try one.vault.acceptCosignatures(answer)
        #expect(kept.map(\.witness) == ["witness.example/school"] && kept.map(\.size) == [size])
        // Twice is once.
        #expect(try one.vault.acceptCosignatures(answer) == kept)
        #expect(try one.school.catalogue().read { try Int.fetchOne($0, sql: "SELECT count(*) FROM cosignature") } == 1)
        #expect(try one.broken().isEmpty)

        // The next request goes on from there, through statements that came since.
        _ = try one.school.pupil(by: one.school.signIn(one.school.lead, to: one.vault), in: one.vault)
        let next = try one.ask()
        #expect(String(decoding: next, as: UTF8.self).hasPrefix("old \(size)\n"))
        let later = try one.vault.acceptCosignatures(one.cosigned(next))
        #expect(try #require(later.first).size > size)
        // An answer that comes late is of the checkpoint that it is of.
        #expect(try one.vault.acceptCosignatures(answer) == kept)
        #expect(try one.broken().isEmpty && one.vault.outsideWatch().newest?.size == later.first?.size)
    }

    @Test func `A vault that was put back is refused by its witness, and told what the witness has`() throws {
        let one = try Witnessed()
        let early = try one.ask(from: 0)
        _ = try one.school.pupil(by: one.lead, in: one.vault)
        _ = try one.cosigned()
        #expect(code { _ = try one.witness.cosign(early) } == "witness.behind")
        let size = try #require(try one.witness.newest()).size
        // The vault does not know of it: it asks from nothing, and is answered with the size.
        guard case .otherSize(let answer, size, 0) = try one.witness.cosign(one.ask()) else {
            Issue.record("another answer")
            return
        }
        #expect(code { _ = try one.vault.acceptCosignatures(Array(answer.utf8)) } == "witness.other-size")
        #expect(try !one.cosigned(one.ask(from: size)).isEmpty)
        #expect(code { _ = try one.vault.acceptCosignatures(Array("99999\n".utf8)) } == "witness.ahead")
        #expect(code { _ = try one.ask(from: 99_999) } == "witness.ahead")
    }

    @Test func `A witness cosigns for its own ledger alone, and forgets nothing that it cannot read`() throws {
        let (one, other) = (try Witnessed(), try Witnessed())
        #expect(code { _ = try one.witness.cosign(other.ask()) } == "witness.other-ledger")
        #expect(code { _ = try one.witness.cosign(Array("old 0\n".utf8)) } == "witness.request")
        let (request, note) = (String(decoding: try one.ask(), as: UTF8.self), one.folder + "/checkpoint")
        let size = request.split(separator: "\n", omittingEmptySubsequences: false)[3]
        let forged = request.replacingOccurrences(of: "\n\(size)\n", with: "\n\(UInt64(size)! + 1)\n")
        #expect(code { _ = try one.witness.cosign(Array(forged.utf8)) } == "witness.not-signed")
        #expect(try one.witness.newest() == nil)
        _ = try one.cosigned()
        let kept = try String(contentsOfFile: note, encoding: .utf8)
        let (ask, lines) = (try one.ask(), kept.split(separator: "\n", omittingEmptySubsequences: false))
        for damaged in ["", "x", String(kept.dropLast()), lines.dropLast(2).joined(separator: "\n") + "\n"] {
            try damaged.write(toFile: note, atomically: true, encoding: .utf8)
            #expect(code { _ = try one.witness.cosign(ask) } != nil, "\(damaged.count)")
        }
        try kept.write(toFile: note, atomically: true, encoding: .utf8)
        try FileManager.default.removeItem(atPath: one.folder + "/key")
        try FileManager.default.copyItem(atPath: other.folder + "/key", toPath: one.folder + "/key")
        let size2 = try #require(try one.witness.newest()).size
        let again = try one.ask(from: size2)
        #expect(code { _ = try one.witness.cosign(again) } == "witness.other-key")
    }

    @Test func `A witness is made in an empty folder alone, under a name, for a ledger's key`() throws {
        let school = try School(isReady: false)
        let (key, folder) = (try school.vault.checkpointKey(), school.directory + "/witness")
        for (name, ledger, refused) in [
            ("a b", key, "witness.name"), ("", key, "witness.name"), ("a+b", key, "witness.name"),
            ("a", "b+1+c", "witness.ledger-key"), ("a", String(key.dropLast()), "witness.ledger-key"),
        ] {
            #expect(code { _ = try WitnessFolder.make(at: folder, name: name, ledger: ledger) } == refused)
        }
        #expect(!FileManager.default.fileExists(atPath: folder))
        #expect(code { _ = try WitnessFolder(at: folder) } == "witness.missing")
        _ = try WitnessFolder.make(at: folder, name: "a", ledger: key)
        #expect(code { _ = try WitnessFolder.make(at: folder, name: "a", ledger: key) } == "witness.exists")
    }

    @Test func `Only what a witness of the policy cosigned of this ledger is kept`() throws {
        let (one, other) = (try Witnessed(), try Witnessed())
        for wrong in ["", "hello\n", "— a b\n"] {
            #expect(code { _ = try one.vault.acceptCosignatures(Array(wrong.utf8)) } == "witness.answer")
        }
        #expect(code { _ = try one.vault.acceptCosignatures(other.cosigned()) } == "witness.no-cosignature")
        let answer = try one.cosigned()
        #expect(code { _ = try one.school.vault.acceptCosignatures(answer) } == "policy.changed")
        #expect(
            try other.school.catalogue().read { try Int.fetchOne($0, sql: "SELECT count(*) FROM cosignature") } == 0)
        // A clock that is ahead would make the newest look new for ever.
        for (seconds, refused) in [(Int64(3700), "witness.clock"), (3500, nil)] as [(Int64, String?)] {
            let clock = ClockAhead(clock: one.school.clock, seconds: seconds)
            let asked = try one.ask(from: try one.witness.newest()?.size)
            guard case .cosigned(let ahead, _, _) = try one.witness.cosign(asked, clock: clock) else {
                Issue.record("another answer")
                return
            }
            #expect(code { _ = try one.vault.acceptCosignatures(Array(ahead.utf8)) } == refused)
        }
        let none = try Witnessed.adopt([], one.school)
        #expect(code { _ = try none.acceptCosignatures(answer) } == "witness.none")
        #expect(code { _ = try none.witnessRequest() } == "witness.none")
    }

    @Test func `Verify checks every kept cosignature, and names one that is another's`() throws {
        let one = try Witnessed()
        try one.vault.acceptCosignatures(one.cosigned())
        _ = try one.school.pupil(by: one.lead, in: one.vault)
        try one.vault.acceptCosignatures(one.cosigned())
        #expect(try one.broken().isEmpty && one.notes().isEmpty)
        for change in [
            "UPDATE cosignature SET time = time + 1 WHERE rowid = 1",
            "UPDATE cosignature SET size = 1 WHERE rowid = 2",
            "UPDATE cosignature SET line = (SELECT max(line) FROM cosignature WHERE rowid = 2) WHERE rowid = 1",
            "UPDATE cosignature SET line = line || char(10) WHERE rowid = 1",
            "UPDATE cosignature SET witness = 'x' WHERE rowid = 1",
        ] {
            let before = try one.school.catalogue().read { try Row.fetchAll($0, sql: "SELECT * FROM cosignature") }
            try one.school.tamper { try $0.execute(sql: change) }
            #expect(try one.broken() == ["cosignature.differs"], "\(change)")
            try one.school.tamper { db in
                try db.execute(sql: "DELETE FROM cosignature")
                for row in before {
                    try db.execute(
                        sql: "INSERT INTO cosignature (witness, size, time, line) VALUES (?, ?, ?, ?)",
                        arguments: StatementArguments(row.databaseValues))
                }
            }
        }
        // Nobody changes or removes one by mistake.
        for change in ["DELETE FROM cosignature", "UPDATE cosignature SET time = 1"] {
            #expect(throws: DatabaseError.self) { try one.school.catalogue().write { try $0.execute(sql: change) } }
        }
        _ = try Witnessed.adopt([], one.school)
        #expect(
            try one.broken().isEmpty && one.notes() == ["cosignature.unknown-witness", "cosignature.unknown-witness"])
    }

    @Test func `A ledger goes on from every checkpoint that somebody holds of it, and from no other`() throws {
        let one = try Witnessed()
        let early = try one.vault.printCheckpoint(by: one.lead)
        try one.vault.acceptCosignatures(one.cosigned())
        _ = try one.school.pupil(by: one.lead, in: one.vault)
        let sheet = try one.vault.printCheckpoint(by: one.lead)
        #expect(try #require(sheet.cosigned).witnesses == ["witness.example/school"])
        let cosigned = try #require(sheet.cosigned).note
        let texts = [early.note, cosigned, "Sheet\n  " + sheet.note.replacing("\n", with: "  \n  "), sheet.note]
        let held = try Vault.verify(one.school.location, since: texts)
        #expect(held.holds && held.held.map(\.size) == [early.size, early.size, sheet.size, sheet.size])
        #expect(held.held.map(\.recorded) == [early.recorded, early.recorded, sheet.recorded, sheet.recorded])
        #expect(held.held.map(\.isSigned) == [true, true, true, true])
        #expect(held.held.map(\.witnesses) == [[], ["witness.example/school"], [], []])

        let lines = sheet.note.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let typed = try Vault.verify(one.school.location, since: [lines[..<3].joined(separator: "\n")])
        #expect(typed.holds && typed.held.first?.isSigned == false && typed.held.first?.recorded == sheet.recorded)
        func changed(_ line: Int, _ text: String) -> String {
            var lines = lines
            lines[line] = text
            return lines.joined(separator: "\n")
        }
        #expect(try one.broken(since: [changed(1, String(sheet.size - 1))]) == ["ledger.differs-from-since"])
        #expect(try one.broken(since: [changed(1, String(sheet.size + 100))]) == ["ledger.behind-since"])
        #expect(try one.broken(since: [changed(0, "other.example/x")]) == ["since.other-ledger"])
        #expect(
            code { _ = try Vault.verify(one.school.location, since: ["Nothing of the kind"]) } == "since.unreadable")
        // The end cut off: the catalogue holds together, and the sheet does not agree.
        #expect(try one.broken().isEmpty)
    }

    @Test func `What lies outside is told by its age, and a printed sheet counts`() throws {
        let one = try Witnessed(hours: 24)
        func watch() throws -> OutsideWatch { try one.vault.outsideWatch() }
        // A new vault has a day's time.
        #expect(try !watch().isOverdue && watch().newest == nil)
        one.school.clock.advance(seconds: 24 * 3600)
        #expect(try watch().isOverdue && !watch().isSheetDue)
        try one.vault.acceptCosignatures(one.cosigned())
        #expect(try !watch().isOverdue && watch().witnesses.map(\.name) == ["witness.example/school"])
        one.school.clock.advance(seconds: 24 * 3600 - 60)
        #expect(try !watch().isOverdue)
        one.school.clock.advance(seconds: 120)
        #expect(try watch().isOverdue)
        let lead = try one.school.signIn(one.school.lead, to: one.vault)
        let sheet = try one.vault.printCheckpoint(by: lead)
        #expect(try one.school.kinds().last == "checkpoint.printed")
        #expect(try !watch().isOverdue && watch().sheet?.size == sheet.size)
        #expect(try watch().newest?.place == .sheet(sheet.print.sheetReference))
        #expect(try one.vault.checkpointSheet(as: lead) == sheet)
        one.school.clock.advance(seconds: 7 * 86_400)
        #expect(try watch().isOverdue && watch().isSheetDue)
        #expect(try one.broken().isEmpty)
    }

    @Test func `Who sees the figures prints checkpoints, and nobody else`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        for (name, role) in [("Ivo Castellane", Role.panel), ("Nell Vasey", .deputy)] {
            let member = try school.add(name, [role], by: lead)
            #expect(try school.vault.printCheckpoint(by: school.signIn(member)).madeBy == name)
        }
        let office = try school.signIn(school.add("Sam Patel", [.admin], by: lead))
        #expect(code { _ = try school.vault.printCheckpoint(by: office) } == "access.not-entitled")
        #expect(code { _ = try school.vault.outsideWatch(as: office) } == "access.not-entitled")
        #expect(code { _ = try school.vault.checkpointSheet(as: office) } == "access.not-entitled")
    }
}
