import Custody
import Foundation
import Ledger
import Records
import Sealing
import Synchronization
import Testing

@Suite struct FilingTests {
    private struct Sample {
        let file: String
        let date: String
        let mediaType: String
        let pages: Int?
    }
    private static let samples = [
        Sample(file: "referral-letter-2015-03-04.pdf", date: "2015-03-04", mediaType: "application/pdf", pages: 3),
        Sample(file: "transfer-record-2013-07-22.tif", date: "2013-07", mediaType: "image/tiff", pages: nil),
        Sample(file: "note-photographed-2017-06-12.jpg", date: "2017-06-12", mediaType: "image/jpeg", pages: nil),
        Sample(
            file: "agency-meeting-2017-09-19.docx", date: "undated",
            mediaType: "application/vnd.openxmlformats-officedocument.wordprocessingml.document", pages: nil),
        Sample(file: "school-nurse-2017-05-11.eml", date: "2015-03-04", mediaType: "message/rfc822", pages: nil),
        Sample(file: "telephone-call-2016-06-03.txt", date: "2013", mediaType: "text/plain", pages: nil),
    ]

    @Test func `Samples of every type go in by odd pieces, come out equal, and stand once each in the chronology`()
        throws
    {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let other = try school.pupil("Isla Penhallow", born: "2003-07-04", by: lead)
        var receipts: [String: Receipt] = [:]
        var previous: UInt64 = 0
        for sample in Self.samples {
            let bytes = try fixture("scans/" + sample.file)
            let received = try school.receive(
                bytes, named: "C:\\Scans\\" + sample.file, for: pupil, by: lead,
                pieces: [1, 7, 65_535, 1, 65_537, 4_096],
                proposal: true)
            #expect(received.inspected.outcome == .accepted, "\(sample.file): \(received.inspected)")
            #expect(received.size == UInt64(bytes.count) && received.digest == sha256(bytes))
            let details = FilingDetails(
                summary: "Paper \(sample.date)", category: "letter", date: sample.date, signed: "yes",
                signedBy: "R. Lyle")
            let outcomes = try school.vault.file([(received, details)], as: lead)
            guard case .filed(let upload, let receipt) = try #require(outcomes.first) else {
                Issue.record("\(sample.file) was not filed: \(outcomes)")
                return
            }
            #expect(upload == received.upload && receipt.filename == sample.file)
            #expect(receipt.mediaType == sample.mediaType && receipt.size == UInt64(bytes.count))
            #expect(receipt.sha256 == sha256(bytes).hex && receipt.pupilReference == pupil.reference)
            #expect(receipt.index > previous && !receipt.quarantined)
            #expect(receipt.checkpoint.contains("\n\(receipt.index + 1)\n"))
            previous = receipt.index
            receipts[sample.file] = receipt
        }
        for sample in Self.samples {
            let receipt = try #require(receipts[sample.file])
            #expect(try school.download(receipt.document, by: lead) == fixture("scans/" + sample.file))
        }
        let chronology = try school.vault.chronology(of: pupil.pupilFile, as: lead)
        #expect(
            chronology.total == 6 && chronology.pupil == pupil && chronology.readers.map(\.name) == ["Judith Halloran"])
        // By date, then by ledger index; undated last.
        #expect(
            chronology.entries.map { $0.document?.filename ?? "" } == [
                "telephone-call-2016-06-03.txt", "transfer-record-2013-07-22.tif", "referral-letter-2015-03-04.pdf",
                "school-nurse-2017-05-11.eml", "note-photographed-2017-06-12.jpg", "agency-meeting-2017-09-19.docx",
            ])
        let entry = try #require(chronology.entries.first { $0.document?.mediaType == "application/pdf" })
        #expect(
            entry.summary == "Paper 2015-03-04" && entry.author == "Judith Halloran" && entry.occurred == "2015-03-04")
        #expect(entry.title == "Letter or e-mail" && entry.kind == "document.filed" && !entry.isQuarantined)
        #expect(
            entry.document?.fields["signed_by"] == "R. Lyle" && entry.document?.fields["summary_origin"] == "changed")
        #expect((entry.document?.pages ?? 0) >= 1)
        let reversed = try school.vault.chronology(of: pupil.pupilFile, newestFirst: true, from: 1, count: 2, as: lead)
        #expect(reversed.entries.map(\.index) == chronology.entries.reversed().dropFirst().prefix(2).map(\.index))
        #expect(reversed.total == 6)
        #expect(try school.vault.chronology(of: pupil.pupilFile, from: 6, as: lead).entries.isEmpty)
        #expect(try school.vault.chronology(of: other.pupilFile, as: lead).total == 0)
        // The reading itself is an act about the pupil, once a session.
        let everything = try school.vault.chronology(of: pupil.pupilFile, lane: .everything, as: lead)
        #expect(everything.entries.count(where: { $0.kind == "chronology.read" }) == 1)
        #expect(everything.entries.count(where: { $0.kind == "document.opened" }) == 6)
        #expect(everything.entries.count(where: { $0.kind == "document.closed" }) == 6)
        let verification = try school.verify()
        #expect(verification.holds && verification.documents == 6, "\(verification.findings)")
        let staged = try FileManager.default.contentsOfDirectory(atPath: school.location.vault + "/staging")
        #expect(staged.isEmpty)
    }

    @Test func `An entry proves itself with signature, leaf and tlog-proof`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let receipt = try school.file(Array("A note.\n".utf8), named: "n.txt", for: pupil, by: lead)
        let (entry, proof, whose) = try school.vault.entry(receipt.index, as: lead)
        #expect(whose == pupil && entry.document?.id == receipt.document)
        let statement = Array(proof.statement.utf8)
        let key = try #require(VerifyingKey(rawRepresentation: Base64.decode(proof.verifyingKey) ?? []))
        let signature = try #require(Base64.decode(proof.signature))
        let signed = try SignedStatement(statement: statement, signature: signature)
        #expect(signed.isSigned(by: key, vault: school.founded.vault.bytes))
        #expect(leafHash(signed.leaf).hex == proof.leafHash)
        let tlog = try TlogProof(parsing: proof.proof)
        #expect(tlog.index == receipt.index)
        let checkpoint = try Checkpoint(parsing: tlog.checkpoint.text)
        #expect(
            Proofs.verifyInclusion(
                leafHash: leafHash(signed.leaf), index: tlog.index, size: checkpoint.size, path: tlog.path,
                root: checkpoint.root))
        // The statement names nobody and no content.
        for word in ["Grace", "Whitlock", "visit", "n.txt", "Halloran", receipt.sha256] {
            #expect(!proof.statement.contains(word))
        }
        #expect(code { _ = try school.vault.entry(99_999, as: lead) } == "not-found")
        #expect(code { _ = try school.vault.entry(0, as: lead) } == "not-found")
    }

    @Test func `Office staff file what they cannot read, and their asking is recorded`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let admin = try school.signIn(school.add("Amir Oakley", [.admin], by: lead))
        let receipt = try school.file(Array("Telephone note.\n".utf8), named: "t.txt", for: pupil, by: admin)
        let before = try school.kinds().count(where: { $0 == "access.refused" })
        #expect(code { _ = try school.vault.chronology(of: pupil.pupilFile, as: admin) } == "access.not-entitled")
        for ask: (Acting) throws -> Void in [
            { _ = try school.vault.openDocument(receipt.document, manner: .download, as: $0) },
            { _ = try school.vault.openDocument(receipt.document, manner: .view, as: $0) },
            { _ = try school.vault.document(receipt.document, as: $0) },
            { _ = try school.vault.entry(receipt.index, as: $0) },
            // What does not exist looks the same.
            { _ = try school.vault.openDocument(.random(), manner: .download, as: $0) },
        ] { #expect(code { try ask(admin) } == "not-found") }
        #expect(try school.kinds().count(where: { $0 == "access.refused" }) == before + 6)
        #expect(code { _ = try school.vault.quarantined(as: admin) } == "access.not-entitled")
        // The lead, who was signed in before, reads it; the record says who filed it.
        #expect(try school.download(receipt.document, by: lead) == Array("Telephone note.\n".utf8))
        #expect(try school.vault.document(receipt.document, as: lead).fields["uploader"] == "Amir Oakley")
        #expect(try school.verify().holds)
    }

    @Test func `A deputy added later reads what was filed before`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let receipt = try school.file(Array("Before.\n".utf8), named: "b.txt", for: pupil, by: lead)
        let deputy = try school.signIn(school.add("Dee Marlowe", [.deputy], by: lead))
        #expect(try school.download(receipt.document, by: deputy) == Array("Before.\n".utf8))
        let chronology = try school.vault.chronology(of: pupil.pupilFile, as: deputy)
        #expect(chronology.entries.map(\.summary) == ["A note about a visit"])
        #expect(chronology.readers.map(\.name) == ["Dee Marlowe", "Judith Halloran"])
    }

    @Test func `What may not go in is refused before or after its bytes, recorded, and nothing is kept`() throws {
        let school = try School([
            ("file-types.yaml", "extensions: [txt], largest-mib: 10", "extensions: [txt], largest-mib: 1")
        ])
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        func receive(_ bytes: [UInt8], _ name: String) -> String? {
            code { _ = try school.receive(bytes, named: name, for: pupil, by: lead) }
        }
        #expect(receive([], "empty.txt") == "type.empty")
        #expect(receive([0x4d, 0x5a], "setup.exe") == "type.not-accepted")
        #expect(receive([1], "no-ending") == "type.not-accepted")
        #expect(receive([UInt8](repeating: 65, count: 1 << 20 + 1), "large.txt") == "upload.too-large")
        #expect(receive(Array("%PDF-1.4 is how I start".utf8), "posing.pdf") != nil)
        let unknown = UploadRequest(pupilFile: .random(), filename: "a.txt")
        #expect(code { _ = try school.vault.beginUpload(unknown, as: lead) } == "pupil.unknown")
        let declared = UploadRequest(pupilFile: pupil.pupilFile, filename: "a.txt", declaredBytes: 1 << 21)
        #expect(code { _ = try school.vault.beginUpload(declared, as: lead) } == "upload.too-large")
        var reception = try school.vault.beginUpload(
            UploadRequest(pupilFile: pupil.pupilFile, filename: "a.txt"), as: lead)
        try Array("changed".utf8).withUnsafeBytes { try reception.append($0) }
        #expect(finish(reception, clientDigest: sha256(Array("sent".utf8))) == "upload.hash-differs")
        #expect(try school.kinds().count(where: { $0 == "upload.refused" }) == 8)
        #expect(try FileManager.default.contentsOfDirectory(atPath: school.location.vault + "/staging").isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: school.location.vault + "/blobs").isEmpty)
        #expect(try school.verify().holds)
    }

    @Test func `An upload that is forgotten leaves nothing behind`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let staging = school.location.vault + "/staging"
        do {
            var reception = try school.vault.beginUpload(
                UploadRequest(pupilFile: pupil.pupilFile, filename: "a.txt"), as: lead)
            try [UInt8](repeating: 65, count: 200_000).withUnsafeBytes { try reception.append($0) }
            #expect(try FileManager.default.contentsOfDirectory(atPath: staging).count == 1)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: staging).isEmpty)
        do { _ = try school.receive(Array("Done, not filed.\n".utf8), named: "a.txt", for: pupil, by: lead) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: staging).isEmpty)
    }

    @Test func `Where the disk is nearly full an upload is stopped before a byte, and reading goes on`() throws {
        // An exbibyte, which is free on no disk.
        let school = try School([("limits.yaml", "keep-free-mib: 1", "keep-free-mib: 1073741824")])
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        #expect(try school.vault.figures(as: lead).room == 0)
        let request = UploadRequest(pupilFile: pupil.pupilFile, filename: "a.txt")
        #expect(code { _ = try school.vault.beginUpload(request, as: lead) } == "upload.disk-nearly-full")
        #expect(try school.vault.chronology(of: pupil.pupilFile, as: lead).total == 0)
    }

    @Test func `A blank summary stops one filing and not the one beside it`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let bad = try school.receive(Array("One note.\n".utf8), named: "1.txt", for: pupil, by: lead)
        let good = try school.receive(Array("Two notes.\n".utf8), named: "2.txt", for: pupil, by: lead)
        let details = FilingDetails(summary: "Good", category: "letter", date: "2017")
        let outcomes = try school.vault.file(
            [(bad, FilingDetails(summary: " ", category: "letter", date: "2017")), (good, details)], as: lead)
        guard outcomes.count == 2, case .refused(bad.upload, let refusal) = outcomes[0],
            case .filed(good.upload, let receipt) = outcomes[1]
        else {
            Issue.record("\(outcomes)")
            return
        }
        #expect(refusal.code == "summary.blank" && receipt.filename == "2.txt")
        // The first is still there for its sender to put right.
        guard case .filed = try #require(school.vault.file([(bad, details)], as: lead).first) else {
            Issue.record("not filed")
            return
        }
        #expect(try school.vault.chronology(of: pupil.pupilFile, as: lead).total == 2)
        #expect(try school.verify().holds)
    }

    @Test func `The catalogue is written with WAL and synchronous=FULL`() throws {
        let school = try School()
        #expect(try school.vault.liveSetting("journal_mode") == "wal")
        #expect(try school.vault.liveSetting("synchronous") == "2")
        #expect(try school.vault.liveSetting("foreign_keys") == "1")
        #expect(try school.vault.liveSetting("recursive_triggers") == "1")
    }

    private func finish(_ reception: consuming Reception, clientDigest: Digest) -> String? {
        do {
            _ = try reception.finish(clientDigest: clientDigest)
            return nil
        } catch {
            return error.code
        }
    }
}

@Suite struct HeldUploadTests {
    @Test func `A held upload waits, sealed to its uploader, until it is filed`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let member = try school.add("Amir Oakley", [.admin], by: lead)
        let admin = try school.signIn(member)
        let bytes = try fixture("scans/telephone-call-2016-06-03.txt")
        let details = FilingDetails(summary: "Call from a neighbour", category: "telephone", date: "2016-06-03")
        let upload: UploadID
        do {
            let received = try school.receive(bytes, named: "call.txt", for: pupil, by: admin, proposal: true)
            #expect(received.inspected.proposedSummary?.isEmpty == false)
            #expect(code { _ = try school.vault.hold(received, details: details, as: lead) } == "not-found")
            let pending = try school.vault.hold(received, details: details, as: admin)
            upload = pending.id
            #expect(pending.filename == "call.txt" && pending.size == UInt64(bytes.count))
        }
        // It outlives the session and the value; nobody else sees it.
        let again = try school.signIn(member)
        let pending = try #require(school.vault.pendingUploads(as: again).first)
        #expect(pending.id == upload && pending.details == details && pending.pupilFile == pupil.pupilFile)
        #expect(pending.inspected.outcome == .accepted && pending.inspected.mediaType == "text/plain")
        #expect(try school.vault.pendingUploads(as: lead).isEmpty)
        #expect(code { try school.vault.discard(upload, as: lead) } == "not-found")
        let stolen = try school.vault.file([Filing(upload: upload, details: details)], as: lead)
        guard case .refused(upload, let refusal) = try #require(stolen.first) else {
            Issue.record("\(stolen)")
            return
        }
        #expect(refusal.code == "upload.unknown")
        // Nothing of it is in clear in the workspace.
        for name in ["workspace.sqlite", "staging/" + (try school.staged())] {
            let stored = try Data(contentsOf: URL(filePath: school.location.vault + "/" + name))
            for word in ["neighbour", "call.txt", String(decoding: bytes.prefix(40), as: UTF8.self)] {
                #expect(stored.range(of: Data(word.utf8)) == nil, "\(name) holds \(word)")
            }
        }
        let outcomes = try school.vault.file([Filing(upload: upload, details: details)], as: again)
        guard case .filed(upload, let receipt) = try #require(outcomes.first) else {
            Issue.record("\(outcomes)")
            return
        }
        #expect(try school.vault.pendingUploads(as: again).isEmpty)
        // Twice gives the same receipt, and one document.
        let twice = try school.vault.file([Filing(upload: upload, details: details)], as: again)
        guard case .filed(upload, receipt) = try #require(twice.first) else {
            Issue.record("\(twice)")
            return
        }
        #expect(try school.vault.chronology(of: pupil.pupilFile, as: lead).total == 1)
        #expect(try school.download(receipt.document, by: lead) == bytes)
        #expect(try school.verify().holds)
    }

    @Test func `The same held upload twice in one request, or in two at once, is one document`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let details = FilingDetails(summary: "Note", category: "letter", date: "2016")
        func hold() throws -> UploadID {
            let received = try school.receive(Array("A held note.\n".utf8), named: "h.txt", for: pupil, by: lead)
            return try school.vault.hold(received, details: details, as: lead).id
        }
        let first = try hold()
        let filing = Filing(upload: first, details: details)
        let outcomes = try school.vault.file([filing, filing], as: lead)
        let receipts = outcomes.compactMap { if case .filed(first, let receipt) = $0 { receipt } else { nil } }
        #expect(receipts.count == 2 && Set(receipts).count == 1, "\(outcomes)")

        let second = try hold()
        let results = Mutex<[Receipt]>([])
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            let outcomes = try? school.vault.file(
                [Filing(upload: second, details: details, again: true)], as: lead)
            for case .filed(_, let receipt) in outcomes ?? [] { results.withLock { $0.append(receipt) } }
        }
        #expect(results.withLock { $0.count } == 4)
        #expect(Set(results.withLock { $0 }).count == 1)
        #expect(try school.vault.chronology(of: pupil.pupilFile, as: lead).total == 2)
        #expect(try school.verify().holds)
    }

    @Test func `A held upload is discarded with its bytes, and the record says so`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let received = try school.receive(Array("A slip.\n".utf8), named: "s.txt", for: pupil, by: lead)
        let upload = try school.vault.hold(received, details: FilingDetails(), as: lead).id
        #expect(try !school.staged().isEmpty)
        try school.vault.discard(upload, as: lead)
        #expect(try FileManager.default.contentsOfDirectory(atPath: school.location.vault + "/staging").isEmpty)
        #expect(try school.vault.pendingUploads(as: lead).isEmpty)
        #expect(try school.kinds().last == "upload.discarded")
        #expect(code { try school.vault.discard(upload, as: lead) } == "upload.gone")
        #expect(try school.verify().holds)
    }

    @Test func `A person holds at most as many as the policy says, and for as long`() throws {
        let school = try School([("limits.yaml", "pending-uploads-per-person: 400", "pending-uploads-per-person: 1")])
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let first = try school.receive(Array("One note.\n".utf8), named: "1.txt", for: pupil, by: lead)
        let upload = try school.vault.hold(first, details: FilingDetails(), as: lead).id
        let path = try school.location.vault + "/staging/" + school.staged()
        let second = try school.receive(Array("Two notes.\n".utf8), named: "2.txt", for: pupil, by: lead)
        #expect(
            code { _ = try school.vault.hold(second, details: FilingDetails(), as: lead) } == "upload.too-many-waiting")
        school.clock.advance(seconds: 7 * 86_400 - 10)
        try school.vault.sweep()
        #expect(try school.vault.pendingUploads(as: lead).map(\.id) == [upload])
        school.clock.advance(seconds: 20)
        try school.vault.sweep()
        #expect(try school.vault.pendingUploads(as: lead).isEmpty)
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(try school.kinds().contains("upload.refused"))
    }

    @Test func `Without its sandbox an upload waits, and is filed when the sandbox is back`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let broken = try Vault(
            opening: Vault.Location(vault: school.location.vault, inspector: "/nonexistent/inspector"),
            clock: school.clock)
        let bytes = Array("A note that waits.\n".utf8)
        let details = FilingDetails(summary: "Note", category: "letter", date: "2016")
        let received = try school.receive(bytes, named: "w.txt", for: pupil, by: lead, in: broken)
        #expect(received.inspected.outcome == .waiting)
        let upload = try broken.hold(received, details: details, as: lead).id
        guard
            case .refused(upload, let refusal) = try #require(
                broken.file([Filing(upload: upload, details: details)], as: lead).first)
        else {
            Issue.record("filed without having been inspected")
            return
        }
        #expect(refusal.code == "sandbox.unavailable")
        #expect(try school.vault.pendingUploads(as: lead).first?.inspected.outcome == .waiting)
        let outcomes = try school.vault.file([Filing(upload: upload, details: details)], as: lead)
        guard case .filed(_, let receipt) = try #require(outcomes.first) else {
            Issue.record("\(outcomes)")
            return
        }
        #expect(try school.download(receipt.document, by: lead) == bytes)
        #expect(try school.kinds().contains("upload.waiting"))
    }
}
