import Custody
import Foundation
import GRDB
import Records
import Sealing
import Synchronization
import Testing

@Suite struct TamperingTests {
    @Test func `Payloads that changed places are refused before a byte is let out`() throws {
        let vault = try TwoDocuments()
        #expect(vault.read(vault.first.document) == (nil, 16))
        let one = try vault.school.blobPath(of: vault.first.document)
        let two = try vault.school.blobPath(of: vault.second.document)
        try FileManager.default.moveItem(atPath: one, toPath: one + ".x")
        try FileManager.default.moveItem(atPath: two, toPath: one)
        try FileManager.default.moveItem(atPath: one + ".x", toPath: two)
        for receipt in [vault.first, vault.second] {
            let (failed, bytes) = vault.read(receipt.document)
            #expect(failed != nil && bytes == 0)
        }
        #expect(try vault.broken() == ["blob.differs"])
    }

    @Test func `A payload with one byte changed, cut or gone is refused before a byte is let out`() throws {
        let vault = try TwoDocuments()
        let path = try vault.school.blobPath(of: vault.first.document)
        let whole = try Data(contentsOf: URL(filePath: path))
        for place in [0, 15, 16, whole.count - 1] {
            var changed = whole
            changed[place] ^= 1
            try changed.write(to: URL(filePath: path))
            let (failed, bytes) = vault.read(vault.first.document)
            #expect(failed != nil && bytes == 0, "byte \(place)")
            #expect(try vault.broken() == ["blob.differs"])
        }
        try whole.dropLast().write(to: URL(filePath: path))
        #expect(vault.read(vault.first.document) == ("blob.length", 0))
        try FileManager.default.removeItem(atPath: path)
        #expect(vault.read(vault.first.document) == ("blob.missing", 0))
        #expect(try vault.broken() == ["blob.missing"])
        try whole.write(to: URL(filePath: path))
        #expect(vault.read(vault.first.document) == (nil, 16))
        #expect(vault.read(vault.second.document) == (nil, 16))
    }

    @Test func `Headers, details and detail keys that changed places are refused before a byte is let out`() throws {
        let columns = ["id": "header", "detail": "detail"]
        for (column, kind) in columns {
            let vault = try TwoDocuments()
            try vault.school.tamper { db in
                let ids = try Data.fetchAll(db, sql: "SELECT \(column) FROM document ORDER BY idx")
                let bytes = try ids.map {
                    try Data.fetchOne(db, sql: "SELECT bytes FROM item WHERE id = ?", arguments: [$0]) ?? Data()
                }
                for (id, bytes) in zip(ids, bytes.reversed()) {
                    try db.execute(sql: "UPDATE item SET bytes = ? WHERE id = ?", arguments: [bytes, id])
                }
            }
            for receipt in [vault.first, vault.second] {
                #expect(vault.read(receipt.document) == ("\(kind).differs", 0))
                #expect(try vault.readAnew(receipt.document) == ("\(kind).differs", 0))
            }
            #expect(try vault.broken() == ["item.differs"])
        }
    }

    @Test func `A document row that points at another's blob, detail or statement is refused or ignored`() throws {
        for change in [
            "UPDATE document SET idx = (SELECT max(idx) + 1 FROM document)",
            "UPDATE document SET quarantine = 'x'", "DELETE FROM document WHERE idx = (SELECT min(idx) FROM document)",
        ] {
            let vault = try TwoDocuments()
            // Another chronology reading, so that there is a statement after the newest document.
            _ = try vault.school.vault.chronology(of: vault.pupil.pupilFile, as: vault.lead)
            try vault.school.tamper { db in
                if change.contains("SET idx") {
                    try db.execute(sql: change + " WHERE idx = (SELECT max(idx) FROM document)")
                } else {
                    try db.execute(sql: change)
                }
            }
            #expect(
                try vault.broken().isDisjoint(with: ["projection.differs", "projection.missing"]) == false, "\(change)")
            let fresh = try vault.school.signIn(vault.school.lead)
            let chronology = code { _ = try vault.school.vault.chronology(of: vault.pupil.pupilFile, as: fresh) }
            if change.hasPrefix("DELETE") { #expect(chronology == "chronology.document-missing") }
        }
    }

    @Test func `A statement with one byte changed is refused by whoever reads it, and named by verify`() throws {
        let vault = try TwoDocuments()
        try vault.school.tamper { db in
            let leaf = try #require(
                try Data.fetchOne(
                    db, sql: "SELECT leaf FROM statement WHERE idx = ?", arguments: [Int64(vault.first.index)]))
            var changed = leaf
            changed[leaf.count - 1] ^= 1
            try db.execute(
                sql: "UPDATE statement SET leaf = ? WHERE idx = ?", arguments: [changed, Int64(vault.first.index)])
        }
        #expect(vault.read(vault.first.document) == ("ledger.leaf", 0))
        #expect(code { _ = try Vault(opening: vault.school.location, clock: vault.school.clock) } == "ledger.root")
        #expect(try !vault.school.verify().holds)
    }

    @Test func `The catalogue refuses changes and removals, REPLACE too`() throws {
        let vault = try TwoDocuments()
        try vault.school.catalogue().write { db in
            try db.execute(sql: "PRAGMA recursive_triggers = ON")
            for table in ["statement", "node", "checkpoint", "item", "act", "person", "pupil", "document", "wrap"] {
                #expect(throws: DatabaseError.self, "\(table)") { try db.execute(sql: "DELETE FROM \(table)") }
                let column = table == "item" ? "bytes" : try db.columns(in: table)[1].name
                #expect(throws: DatabaseError.self, "\(table)") {
                    try db.execute(sql: "UPDATE \(table) SET \(column) = \(column)")
                }
                #expect(throws: DatabaseError.self, "\(table)") {
                    try db.execute(sql: "REPLACE INTO \(table) SELECT * FROM \(table)")
                }
            }
        }
        #expect(try vault.school.verify().holds)
    }

    @Test func `A missing trigger is a finding`() throws {
        let vault = try TwoDocuments()
        try vault.school.catalogue().write { db in try db.execute(sql: "DROP TRIGGER item_update") }
        #expect(try vault.broken() == ["schema.differs"])
    }

    @Test func `A catalogue rolled back behind its witness is refused, by a new process and by a running one`() throws {
        let school = try School()
        let acting = try school.signIn(school.lead)
        school.vault.shutdown()
        let path = school.location.vault + "/catalogue.sqlite"
        let old = try Data(contentsOf: URL(filePath: path))
        _ = try school.pupil(by: acting)
        school.vault.shutdown()
        let copy = school.directory + "/rolled-back"
        try FileManager.default.copyItem(atPath: school.location.vault, toPath: copy)
        for ending in ["-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: copy + "/catalogue.sqlite" + ending)
        }
        try old.write(to: URL(filePath: copy + "/catalogue.sqlite"))
        let location = Vault.Location(vault: copy, secrets: school.location.secrets)
        #expect(code { _ = try Vault(opening: location, clock: school.clock) } == "ledger.behind-witness")
        let found = try Vault.verify(location).findings
        #expect(found.contains { $0.code == "ledger.behind-witness" && $0.weight == .broken })
        // Without its witness the old copy is lawful; with one of another history it is not.
        try FileManager.default.removeItem(atPath: copy + "/witness/checkpoint")
        let vault = try Vault(opening: location, clock: school.clock)
        _ = try school.signIn(school.lead, to: vault)
        try FileManager.default.removeItem(atPath: copy + "/witness/checkpoint")
        try FileManager.default.copyItem(
            atPath: school.location.vault + "/witness/checkpoint", toPath: copy + "/witness/checkpoint")
        #expect(code { _ = try school.signIn(school.lead, to: vault) } == "ledger.differs-from-witness")
    }

    @Test func `The last statement deleted is refused by the running process and by a new one`() throws {
        let vault = try TwoDocuments()
        try vault.school.tamper { db in
            let last = try Int64.fetchOne(db, sql: "SELECT max(idx) FROM statement") ?? 0
            for table in ["document", "detail_key", "act", "item", "statement"] {
                try db.execute(sql: "DELETE FROM \(table) WHERE idx = ?", arguments: [last])
            }
            try db.execute(sql: "DELETE FROM checkpoint WHERE size = ?", arguments: [last + 1])
        }
        #expect(vault.read(vault.first.document) == ("ledger.truncated", 0))
        #expect(
            code { _ = try Vault(opening: vault.school.location, clock: vault.school.clock) } == "ledger.behind-witness"
        )
        #expect(try !vault.school.verify().holds)
    }

    @Test func `An old keybox put back does not open the door`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        // The password of before may be known to somebody; that is why they joined again.
        let (before, acting) = try school.join("Amir Oakley", [.admin], by: lead)
        let (member, _) = try school.join(school.vault.reset(acting.person, as: lead), "seven purple wheelbarrows")
        try school.tamper { db in
            let boxes = try Row.fetchAll(
                db,
                sql:
                    "SELECT item.id, item.bytes FROM keybox JOIN item ON item.id = keybox.item ORDER BY keybox.idx DESC LIMIT 2"
            )
            let old: Data = boxes[1]["bytes"]
            let current: Data = boxes[0]["id"]
            try db.execute(sql: "UPDATE item SET bytes = ? WHERE id = ?", arguments: [old, current])
        }
        school.clock.advance(seconds: 60)
        let fresh = try member.code(school.clock.step)
        for password in [before.password, member.password] {
            #expect(
                code { _ = try school.vault.signIn(name: member.name, password: password, code: fresh) }
                    == "keybox.differs")
        }
        #expect(try school.verify().findings.contains { $0.code == "item.differs" && $0.place.hasPrefix("keybox") })
    }

    @Test func `A clock behind the newest statement signs nothing until it is put right`() throws {
        let vault = try TwoDocuments()
        let school = vault.school
        let now = school.clock.now().milliseconds
        let before = try school.kinds().count
        school.clock.set(milliseconds: now - 120_000)
        #expect(vault.read(vault.first.document) == ("clock.behind", 0))
        #expect(
            code { _ = try school.file(Array("Late.\n".utf8), named: "l.txt", for: vault.pupil, by: vault.lead) }
                == "clock.behind")
        #expect(try school.kinds().count == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: school.location.vault + "/staging").isEmpty)
        school.clock.set(milliseconds: now)
        #expect(vault.read(vault.first.document) == (nil, 16))
        #expect(try school.verify().holds)
    }

    @Test func `Another vault's secrets open nothing`() throws {
        let one = try School()
        let other = try School()
        let mixed = Vault.Location(vault: one.location.vault, secrets: other.location.secrets)
        #expect(code { _ = try Vault(opening: mixed, clock: one.clock) } != nil)
        #expect(try Vault.verify(mixed).findings.contains { $0.code == "secrets.service-key" })
        let none = Vault.Location(vault: one.location.vault, secrets: one.directory + "/nothing")
        #expect(code { _ = try Vault(opening: none, clock: one.clock) }?.hasPrefix("vault.open") == true)
        // The server secret alone of another: the right password is the wrong one.
        let path = one.location.secrets + "/server-secret"
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.copyItem(atPath: other.location.secrets + "/server-secret", toPath: path)
        let vault = try Vault(opening: one.location, clock: one.clock)
        #expect(code { _ = try one.signIn(one.lead, to: vault) } == "sign-in.failed")
    }

    @Test func `Policies changed on disk do nothing until a statement adopts them`() throws {
        let school = try School()
        let acting = try school.signIn(school.lead)
        let path = school.location.vault + "/policies/access.yaml"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try text.replacingOccurrences(of: "admin: [file]", with: "admin: [file, read]")
            .write(toFile: path, atomically: true, encoding: .utf8)
        let vault = try Vault(opening: school.location, clock: school.clock)
        #expect(code { _ = try vault.pupils(as: acting) } == "policy.changed")
        #expect(try school.verify().findings.contains { $0.code == "policies.differ" })
        try vault.adoptPolicies(as: acting)
        #expect(try vault.pupils(as: acting).isEmpty)
        #expect(try school.verify().holds)
        // A process that still works under the old ones stops.
        #expect(code { _ = try school.vault.pupils(as: acting) } == "policy.changed")
    }
}

@Suite struct ConcurrencyTests {
    @Test func `Two processes' worth of vaults interleave their statements`() throws {
        let school = try School()
        let other = try Vault(opening: school.location, clock: school.clock)
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        for turn in 0..<6 {
            let vault = turn.isMultiple(of: 2) ? other : school.vault
            _ = try school.file(
                Array("Note number \(turn).\n".utf8), named: "\(turn).txt", for: pupil, by: lead, in: vault)
        }
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 24) { turn in
            let failed = code {
                let vault = turn.isMultiple(of: 2) ? other : school.vault
                _ = try vault.addPupil(NewPupil(name: "Pupil Number \(turn)", dateOfBirth: "2004-01-01"), as: lead)
            }
            if let failed { failures.withLock { $0.append(failed) } }
        }
        #expect(failures.withLock { $0 }.isEmpty)
        #expect(try other.chronology(of: pupil.pupilFile, as: lead).total == 6)
        #expect(try school.vault.pupils(as: lead).count == 25)
        #expect(try school.verify().holds)
        other.shutdown()
    }

    @Test func `Reading goes on while others write, and never takes a newer statement for a fault`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let receipt = try school.file(Array("A note.\n".utf8), named: "n.txt", for: pupil, by: lead)
        let token = try school.vault.sessions.open(lead)
        let failures = Mutex<[String: Int]>([:])
        let writing = Mutex(2)
        DispatchQueue.concurrentPerform(iterations: 6) { thread in
            if thread < 2 {
                for turn in 0..<12 {
                    let failed = code {
                        _ = try school.pupil("Thread \(thread) Turn \(turn)", born: "2004-01-01", by: lead)
                        _ = try school.file(
                            Array("Note \(thread) \(turn).\n".utf8), named: "n.txt", for: pupil, by: lead)
                    }
                    if let failed { failures.withLock { $0["write " + failed, default: 0] += 1 } }
                }
                writing.withLock { $0 -= 1 }
                return
            }
            while writing.withLock({ $0 > 0 }) {
                let failed = code {
                    let acting = try #require(school.vault.sessions.resume(token)).acting
                    switch thread {
                    case 2: _ = try school.vault.chronology(of: pupil.pupilFile, as: acting)
                    case 3: _ = try school.vault.entry(receipt.index, as: acting)
                    case 4: _ = try school.vault.pupils(as: acting)
                    default:
                        _ = try school.vault.chronology(of: pupil.pupilFile, lane: .everything, as: acting)
                        _ = try school.vault.figures(as: acting)
                    }
                }
                if let failed { failures.withLock { $0["read \(thread) " + failed, default: 0] += 1 } }
            }
        }
        #expect(failures.withLock { $0 } == [:])
        #expect(try school.vault.chronology(of: pupil.pupilFile, as: lead).total == 25)
        #expect(try school.verify().holds)
    }

    @Test func `A vault that others write to is opened and verified without a false alarm`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let found = Mutex<[String]>([])
        let isWriting = Mutex(true)
        DispatchQueue.concurrentPerform(iterations: 3) { thread in
            if thread == 0 {
                for turn in 0..<60 {
                    let failed = code { _ = try school.pupil("Turn \(turn)", born: "2004-01-01", by: lead) }
                    if let failed { found.withLock { $0.append("write " + failed) } }
                }
                isWriting.withLock { $0 = false }
                return
            }
            while isWriting.withLock({ $0 }) {
                let failed = code {
                    if thread == 1 {
                        _ = try Vault(opening: school.location, clock: school.clock)
                    } else {
                        let broken = try school.verify().findings.filter { $0.weight == .broken }
                        found.withLock { $0 += broken.map { "verify \($0.code) \($0.place)" } }
                    }
                }
                if let failed { found.withLock { $0.append("\(thread) " + failed) } }
            }
        }
        #expect(found.withLock { $0 } == [])
        #expect(try school.vault.pupils(as: lead).count == 60)
        #expect(try school.verify().holds)
    }
}
