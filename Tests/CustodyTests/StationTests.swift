import Custody
import Foundation
import GRDB
import Records
import Sealing
import Testing

/// A school with an operator at the copier and a station that may file for one of two pupils.
private struct Copier {
    let school: School
    let lead: Acting
    let operatorMember: Member
    let pupil: Pupil
    let other: Pupil
    let station: Station
    let token: String

    init(intake: Bool = false) throws {
        school = try School()
        lead = try school.signIn(school.lead)
        operatorMember = try school.add("Maud Tranter", [.admin], by: lead)
        pupil = try school.pupil(by: lead)
        other = try school.pupil("Edwin Larkspur", born: "2004-09-30", by: lead)
        (station, token) = try school.vault.addStation(
            NewStation(name: "Office copier", pupils: [pupil.reference], intake: intake), as: lead)
    }

    /// Signs the operator in on a page, as the server does, and opens their batch.
    func openBatch() throws -> (Acting, Batch) {
        let acting = try school.signIn(operatorMember)
        _ = try school.vault.sessions.open(acting)
        return (acting, try school.vault.openBatch(as: acting))
    }

    func send(
        _ text: String, for pupil: Pupil?, in batch: Batch? = nil, details: FilingDetails = .letter
    ) throws -> FilingOutcome {
        let acting = try school.vault.enter(stationToken: token)
        var reception = try school.vault.beginUpload(
            UploadRequest(
                pupilFile: pupil?.pupilFile, batch: batch?.id, filename: "scan.txt", wantsProposal: false), as: acting)
        try Array(text.utf8).withUnsafeBytes { try reception.append($0) }
        let received = try reception.finish()
        return try #require(try school.vault.file([(received, details)], as: acting).first)
    }
}

extension FilingDetails {
    fileprivate static let letter = FilingDetails(summary: "A letter home", category: "letter", date: "2017-05-11")
}

@Suite struct StationTests {
    @Test func `A station files into the open batch of a signed-in person, who is the uploader through it`() throws {
        let copier = try Copier()
        let (acting, batch) = try copier.openBatch()
        guard case .filed(_, let receipt) = try copier.send("A letter.\n", for: copier.pupil, in: batch) else {
            Issue.record("not filed")
            return
        }
        let chronology = try copier.school.vault.chronology(of: copier.pupil.pupilFile, as: copier.lead)
        let entry = try #require(chronology.entries.first { $0.document?.id == receipt.document })
        #expect(entry.author == "Maud Tranter through Office copier")
        #expect(entry.document?.filer == Filer(uploader: "Maud Tranter", through: "Office copier"))
        #expect(try copier.school.download(receipt.document, by: copier.lead) == Array("A letter.\n".utf8))
        let (listed, lines) = try copier.school.vault.documents(in: batch.id, as: acting)
        #expect(listed.documents == 1 && lines.map(\.document) == [receipt.document])
        #expect(lines.first?.filer.through == "Office copier" && lines.first?.pupil == copier.pupil.reference)
        #expect(try copier.school.verify().holds)
    }

    @Test func `It files for nobody else, in no batch that is closed, and for nobody who is not signed in`() throws {
        let copier = try Copier()
        let (acting, batch) = try copier.openBatch()
        func refused(_ pupil: Pupil?, _ batch: Batch?) -> String? {
            code { _ = try copier.send("A letter.\n", for: pupil, in: batch) }
        }
        #expect(refused(copier.other, batch) == "pupil.unknown")
        #expect(refused(copier.pupil, nil) == "batch.not-open")
        #expect(refused(nil, nil) == "access.not-entitled")
        try copier.school.vault.endSignIn(acting.session, as: acting)
        #expect(refused(copier.pupil, batch) == "batch.not-open")
        _ = try copier.school.vault.sessions.open(acting)
        #expect(refused(copier.pupil, batch) == nil)
        try copier.school.vault.closeBatch(batch.id, as: acting)
        #expect(refused(copier.pupil, batch) == "batch.not-open")
        #expect(try copier.school.verify().holds)
    }

    @Test func `That a station may file for a pupil stands in the pupil's chronology, in words`() throws {
        let copier = try Copier()
        let entries = try copier.school.vault.chronology(
            of: copier.pupil.pupilFile, lane: .everything, as: copier.lead
        ).entries
        #expect(entries.contains { $0.kind == "station.allowed" && $0.title == "Scan station" })
        #expect(!entries.contains { $0.title == $0.kind || $0.summary == $0.kind })
    }

    @Test func `A station reads nothing: not the register, a chronology or what it filed`() throws {
        let copier = try Copier()
        let (_, batch) = try copier.openBatch()
        guard case .filed(_, let receipt) = try copier.send("A letter.\n", for: copier.pupil, in: batch) else {
            Issue.record("not filed")
            return
        }
        let vault = copier.school.vault
        let station = try vault.enter(stationToken: copier.token)
        #expect(code { _ = try vault.pupils(as: station) } == "access.not-entitled")
        #expect(code { _ = try vault.pupil(copier.pupil.pupilFile, as: station) } == "access.not-entitled")
        #expect(code { _ = try vault.chronology(of: copier.pupil.pupilFile, as: station) } == "access.not-entitled")
        #expect(code { _ = try vault.openDocument(receipt.document, manner: .view, as: station) } == "not-found")
        #expect(code { _ = try vault.stations(as: station) } == "access.not-entitled")
        #expect(try vault.pupilFile(reference: copier.pupil.reference, toFileAs: station) == copier.pupil.pupilFile)
        #expect(
            code { _ = try vault.pupilFile(reference: copier.other.reference, toFileAs: station) } == "pupil.unknown")
        // Its keys lead nowhere, whatever it is told.
        #expect(try copier.school.verify().holds)
        #expect(
            code { _ = try vault.signIn(name: "Office copier", password: copier.token, code: "") } == "sign-in.failed")
    }

    @Test func `A token that differs in one character, or is another vault's, opens nothing`() throws {
        let copier = try Copier()
        let vault = copier.school.vault
        for place in [8, 20, 33, 34, 50, 59] {
            var token = Array(copier.token)
            token[place] = token[place] == "7" ? "8" : "7"
            #expect(code { _ = try vault.enter(stationToken: String(token)) } == "sign-in.failed", "\(place)")
        }
        for token in ["", "station-", copier.token + "0", String(copier.token.dropLast())] {
            #expect(code { _ = try vault.enter(stationToken: token) } == "sign-in.failed")
        }
        let another = try Copier()
        #expect(code { _ = try vault.enter(stationToken: another.token) } == "sign-in.failed")
    }

    @Test func `Withdrawing is immediate, also for what is on its way, and lists what it filed`() throws {
        let copier = try Copier(intake: true)
        let (_, batch) = try copier.openBatch()
        let vault = copier.school.vault
        guard case .filed(_, let receipt) = try copier.send("A letter.\n", for: copier.pupil, in: batch),
            case .queued(let queued, _) = try copier.send("Whose is this?\n", for: nil)
        else {
            Issue.record("not filed")
            return
        }
        let acting = try vault.enter(stationToken: copier.token)
        var reception = try vault.beginUpload(
            UploadRequest(
                pupilFile: copier.pupil.pupilFile, batch: batch.id, filename: "late.txt", wantsProposal: false),
            as: acting)
        try Array("Another letter.\n".utf8).withUnsafeBytes { try reception.append($0) }
        try vault.withdrawStation(copier.station.id, as: copier.lead)
        let received = try reception.finish()
        guard case .refused(_, let refusal) = try #require(try vault.file([(received, .letter)], as: acting).first)
        else {
            Issue.record("filed by a station that was withdrawn")
            return
        }
        #expect(refusal.code == "station.ended")
        #expect(code { _ = try vault.enter(stationToken: copier.token) } == "station.ended")
        #expect(code { try vault.withdrawStation(copier.station.id, as: copier.lead) } == "not-found")
        let work = try vault.work(of: copier.station.id, as: copier.lead)
        #expect(work.map(\.document) == [receipt.document, nil] && work.map(\.pupil) == [copier.pupil.reference, nil])
        #expect(try vault.intake(as: copier.lead).map(\.upload) == [queued])
        #expect(try copier.school.verify().holds)
    }

    @Test func `A station that is withdrawn while a piece of it comes brings nothing more`() throws {
        let copier = try Copier(intake: true)
        let vault = copier.school.vault
        let acting = try vault.enter(stationToken: copier.token)
        let status = try vault.announce(
            Announcement(
                pupilFile: nil, batch: nil, filename: "long.txt", declaredType: nil, length: 200_000, metadata: "",
                digest: nil, details: FilingDetails()), as: acting)
        var arrival = try vault.takeUp(status.id, at: 0, as: acting)
        let piece = [UInt8](repeating: UInt8(ascii: "a"), count: 70_000)
        try piece.withUnsafeBytes { try arrival.append($0) }
        copier.school.clock.advance(seconds: 6)
        try arrival.keepFromTimeToTime()
        #expect(try vault.status(of: status.id, as: acting).offset == 70_000)
        try vault.withdrawStation(copier.station.id, as: copier.lead)
        try piece.withUnsafeBytes { try arrival.append($0) }
        copier.school.clock.advance(seconds: 6)
        var refused: String?
        do throws(VaultError) { try arrival.keepFromTimeToTime() } catch { refused = error.code }
        #expect(refused == "station.ended")
        arrival.takeBack()
        #expect(try vault.status(of: status.id, as: acting).offset == 70_000)
    }

    @Test func `A wrong token, and one of a station that has ended, are recorded, gathered by the minute`() throws {
        let copier = try Copier(intake: true)
        let vault = copier.school.vault
        func failures() throws -> Int { try copier.school.kinds().count { $0 == "sign-in.failed" } }
        let before = try failures()
        let wrong = copier.token.dropLast() + (copier.token.hasSuffix("0") ? "4" : "0")
        for _ in 0..<5 { _ = code { _ = try vault.enter(stationToken: String(wrong)) } }
        #expect(try failures() == before + 1)
        for _ in 0..<5 { _ = code { _ = try vault.enter(stationToken: "station-nobody") } }
        #expect(try failures() == before + 2)
        copier.school.clock.advance(seconds: 61)
        try vault.withdrawStation(copier.station.id, as: copier.lead)
        #expect(code { _ = try vault.enter(stationToken: copier.token) } == "station.ended")
        // Its own, with those that were gathered, and the strangers'.
        #expect(try failures() == before + 4)
        #expect(try copier.school.verify().holds)
    }

    @Test func `A station ends by itself when its days are over`() throws {
        let copier = try Copier(intake: true)
        _ = try copier.school.vault.enter(stationToken: copier.token)
        copier.school.clock.advance(seconds: 30 * 86_400)
        #expect(code { _ = try copier.school.vault.enter(stationToken: copier.token) } == "station.ended")
    }

    @Test func `Only who may makes a station, and it has something to file into, a name of its own and an end`() throws
    {
        let copier = try Copier()
        let vault = copier.school.vault
        let office = try copier.school.signIn(copier.operatorMember)
        #expect(
            code { _ = try vault.addStation(NewStation(name: "Mine", intake: true), as: office) }
                == "access.not-entitled")
        #expect(code { _ = try vault.stations(as: office) } == "access.not-entitled")
        #expect(code { try vault.withdrawStation(copier.station.id, as: office) } == "access.not-entitled")
        let wrong: [(NewStation, String)] = [
            (NewStation(name: "Empty"), "station.nothing"), (NewStation(name: "x", intake: true), "station.name"),
            (NewStation(name: " OFFICE  copier", intake: true), "station.name-taken"),
            (NewStation(name: "Long", intake: true, days: 367), "station.days"),
            (NewStation(name: "Unknown", pupils: ["P-ZZZZZ"]), "pupil.unknown"),
        ]
        for (station, refusal) in wrong {
            #expect(code { _ = try vault.addStation(station, as: copier.lead) } == refusal)
        }
        let twice = NewStation(
            name: "Twice", pupils: [copier.pupil.reference, String(copier.pupil.reference.dropFirst(2))])
        #expect(try vault.addStation(twice, as: copier.lead).station.pupils == [copier.pupil.reference])
        #expect(try vault.stations(as: copier.lead).count == 2)
        #expect(try vault.people(as: copier.lead).map(\.name) == ["Judith Halloran", "Maud Tranter"])
        #expect(try copier.school.verify().holds)
    }

    @Test func `A scan in the intake queue is sealed to it, listed for who may see it, and nobody's document`() throws {
        let copier = try Copier(intake: true)
        let vault = copier.school.vault
        guard case .queued(let upload, let receipt) = try copier.send("Whose is this?\n", for: nil) else {
            Issue.record("not queued")
            return
        }
        let item = try #require(try vault.intake(as: copier.lead).first)
        #expect(item.upload == upload && item.filename == "scan.txt" && item.station == "Office copier")
        #expect(item.mediaType == "text/plain" && item.size == 15 && !item.quarantined && item.index == receipt.index)
        let office = try copier.school.signIn(copier.operatorMember)
        #expect(code { _ = try vault.intake(as: office) } == "access.not-entitled")
        for pupil in [copier.pupil, copier.other] {
            #expect(try vault.chronology(of: pupil.pupilFile, as: copier.lead).total == 0)
        }
        // Its payload is no orphan, and verify misses it when it is gone.
        copier.school.clock.advance(seconds: 3_600)
        try vault.sweep()
        #expect(try copier.school.verify().holds)
        let blob = try copier.school.catalogue().read { db in try Data.fetchOne(db, sql: "SELECT blob FROM intake") }
        let text = try #require(blob.flatMap { BlobID($0) }).text
        try FileManager.default.removeItem(atPath: "\(copier.school.location.vault)/blobs/\(text.prefix(2))/\(text)")
        let found = try copier.school.verify().findings.filter { $0.weight == .broken }
        #expect(found.map(\.code) == ["blob.missing"] && found.first?.place == "intake item \(upload.text)")
    }

    @Test func `What a station put into the intake queue before is told, to that station alone`() throws {
        let copier = try Copier(intake: true)
        let vault = copier.school.vault
        let bytes = Array("Whose is this?\n".utf8)
        let (_, token) = try vault.addStation(NewStation(name: "Hall copier", intake: true), as: copier.lead)
        func announce(_ token: String, onlyNew: Bool) throws -> Arrival {
            let acting = try vault.enter(stationToken: token)
            let status = try vault.announce(
                Announcement(
                    pupilFile: nil, batch: nil, filename: "scan.txt", declaredType: nil, length: UInt64(bytes.count),
                    metadata: "", digest: sha256(bytes), details: FilingDetails(), onlyNew: onlyNew), as: acting)
            return try vault.takeUp(status.id, at: 0, as: acting)
        }
        func send(_ token: String, onlyNew: Bool = true, again: Bool = false) throws -> FilingOutcome? {
            var arrival = try announce(token, onlyNew: onlyNew)
            try bytes.withUnsafeBytes { try arrival.append($0) }
            let filing = Filing(upload: try arrival.complete().id, details: FilingDetails(), again: again)
            return try vault.file([filing], as: vault.enter(stationToken: token)).first
        }
        guard case .queued = try send(copier.token) else {
            Issue.record("not queued")
            return
        }
        #expect(code { _ = try send(copier.token) } == "upload.repeated")
        guard case .refused(_, let refusal) = try send(copier.token, onlyNew: false) else {
            Issue.record("queued twice")
            return
        }
        #expect(refusal.code == "upload.repeated")
        guard case .queued = try send(copier.token, onlyNew: false, again: true), case .queued = try send(token) else {
            Issue.record("not queued")
            return
        }
        #expect(try vault.intake(as: copier.lead).map(\.station) == ["Office copier", "Office copier", "Hall copier"])
        #expect(try copier.school.verify().holds)
    }

    @Test func `A changed detail, header or key of an intake item is refused and named`() throws {
        for kind in ["detail", "intake-key", "header"] {
            let copier = try Copier(intake: true)
            _ = try copier.send("Whose is this?\n", for: nil)
            try copier.school.tamper { db in
                let bytes = try #require(
                    try Data.fetchOne(db, sql: "SELECT bytes FROM item WHERE kind = ?", arguments: [kind]))
                var changed = bytes
                changed[bytes.count - 1] ^= 1
                try db.execute(sql: "UPDATE item SET bytes = ? WHERE kind = ?", arguments: [changed, kind])
            }
            let listed = code { _ = try copier.school.vault.intake(as: copier.lead) }
            #expect(listed == (kind == "header" ? nil : "\(kind).differs"))
            #expect(try copier.school.verify().findings.contains { $0.code == "item.differs" })
        }
    }
}

@Suite struct BatchTests {
    @Test func `What a person files goes into the batch they have open, and into none when it is closed`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let before = try school.file(Array("One note.\n".utf8), named: "1.txt", for: pupil, by: lead)
        let batch = try school.vault.openBatch(as: lead)
        #expect(try school.vault.openBatch(as: lead) == batch && batch.number == 1 && batch.closed == nil)
        let inside = try school.file(Array("Two notes.\n".utf8), named: "2.txt", for: pupil, by: lead)
        try school.vault.closeBatch(batch.id, as: lead)
        let after = try school.file(Array("Three notes.\n".utf8), named: "3.txt", for: pupil, by: lead)
        let (closed, lines) = try school.vault.documents(in: batch.id, as: lead)
        #expect(lines.map(\.document) == [inside.document] && closed.closed != nil && closed.documents == 1)
        #expect(Set([before.document, after.document]).isDisjoint(with: lines.map(\.document)))
        #expect(code { try school.vault.closeBatch(batch.id, as: lead) } == "not-found")
        #expect(try school.vault.openBatch(as: lead).number == 2)
        #expect(try school.vault.batches(as: lead).map(\.number) == [2, 1])
        #expect(try school.verify().holds)
    }

    @Test func `A batch is its operator's own: nobody else sees, fills or closes it`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let one = try school.signIn(school.add("Maud Tranter", [.admin], by: lead))
        let two = try school.signIn(school.add("Amir Oakley", [.staff], by: lead))
        let batch = try school.vault.openBatch(as: one)
        #expect(code { _ = try school.vault.documents(in: batch.id, as: two) } == "not-found")
        #expect(code { try school.vault.closeBatch(batch.id, as: two) } == "not-found")
        #expect(try school.vault.batches(as: two).isEmpty)
        let panel = try school.signIn(school.add("Ivo Castellane", [.panel], by: lead))
        #expect(code { _ = try school.vault.openBatch(as: panel) } == "access.not-entitled")
    }

    @Test func `The same content filed again for the same pupil is recognised, by its uploader alone`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let office = try school.signIn(school.add("Maud Tranter", [.admin], by: lead))
        let pupil = try school.pupil(by: lead)
        let other = try school.pupil("Edwin Larkspur", born: "2004-09-30", by: lead)
        let note = Array("The same note.\n".utf8)
        func again(_ pupil: Pupil, _ acting: Acting, _ bytes: [UInt8]) throws -> DocumentID? {
            let received = try school.receive(bytes, named: "again.txt", for: pupil, by: acting)
            return try school.vault.earlier(received, as: acting)?.document
        }
        #expect(try again(pupil, office, note) == nil)
        let first = try school.file(note, named: "1.txt", for: pupil, by: office)
        #expect(first.earlier == nil)
        #expect(try again(pupil, office, note) == first.document)
        #expect(try again(other, office, note) == nil && again(pupil, lead, note) == nil)
        #expect(try again(pupil, office, note + [10]) == nil)
        // It may still be filed; the receipt says so, and says it again.
        let received = try school.receive(note, named: "2.txt", for: pupil, by: office)
        let held = try school.vault.hold(received, details: FilingDetails(), as: office)
        #expect(held.earlier?.document == first.document && held.earlier?.recorded == first.recorded)
        let filing = Filing(
            upload: held.id, details: FilingDetails(summary: "Once more", category: "letter", date: "2017-05-11"),
            again: true)
        let outcomes = try (0..<2).map { _ in try school.vault.file([filing], as: office) }
        for outcome in outcomes {
            guard case .filed(_, let receipt) = try #require(outcome.first) else {
                Issue.record("not filed")
                return
            }
            #expect(receipt.earlier == first.document)
        }
        // No plain hash, and not the same tag for two people, is at rest.
        _ = try school.file(note, named: "3.txt", for: pupil, by: lead)
        let tags = try school.catalogue().read { db in
            try Data.fetchAll(db, sql: "SELECT content_tag FROM document ORDER BY idx")
        }
        #expect(tags.count == 3 && tags[0] == tags[1] && tags[0] != tags[2])
        #expect(!tags.contains(Data(sha256(note).bytes)))
        #expect(try school.verify().holds)
    }
}
