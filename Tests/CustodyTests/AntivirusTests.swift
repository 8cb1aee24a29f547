import Custody
import Foundation
import Records
import Testing

/// The string that every virus scanner knows; in pieces, so that none finds this file.
private let knownToScanners = Array(
    ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!", "$H+H*"].joined().utf8)

/// A school whose policy says whether uploads are scanned, with a scanner that has one signature, and without any.
private struct Scanned {
    let school: School
    let lead: Acting
    let pupil: Pupil
    /// The vault, opened with a scanner that works.
    let vault: Vault

    init(_ policy: String) throws {
        school = try School([
            ("inspection.yaml", "antivirus: off", "antivirus: \(policy)"),
            ("file-types.yaml", "largest-mib: 2048", "largest-mib: 2047"),
        ])
        lead = try school.signIn(school.lead)
        pupil = try school.pupil(by: lead)
        let signatures = school.directory + "/signatures"
        try FileManager.default.createDirectory(atPath: signatures, withIntermediateDirectories: true)
        let hex = knownToScanners.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        try Data("Strongroom.Test:0:*:\(hex)\n".utf8).write(to: URL(filePath: signatures + "/test.ndb"))
        vault = try Vault(
            opening: Vault.Location(vault: school.location.vault, signatures: signatures), clock: school.clock)
    }

    /// The vault where there is no scanner.
    func without() throws -> Vault {
        try Vault(
            opening: Vault.Location(vault: school.location.vault, clamd: "/nonexistent/clamd"), clock: school.clock)
    }

    func hold(_ bytes: [UInt8], _ name: String, in vault: Vault) throws -> PendingUpload {
        let received = try school.receive(bytes, named: name, for: pupil, by: lead, in: vault)
        return try vault.hold(received, details: FilingDetails(), as: lead)
    }
}

@Suite struct AntivirusTests {
    private let details = FilingDetails(summary: "A note", category: "letter", date: "2016")

    @Test(arguments: ["required", "when-available"])
    func `What the virus scanner knows is kept as evidence and told of`(_ policy: String) throws {
        let given = try Scanned(policy)
        defer { given.vault.shutdown() }
        let clean = try given.hold(Array("A clean note.\n".utf8), "clean.txt", in: given.vault)
        #expect(clean.inspected.outcome == .accepted)
        let hit = try given.hold(knownToScanners, "letter.txt", in: given.vault)
        #expect(hit.inspected.outcome == .quarantined && hit.inspected.code == "virus.found")
        #expect(
            try given.vault.pendingUploads(as: given.lead).last?.inspected.signature == "Strongroom.Test.UNOFFICIAL")
        let outcomes = try given.vault.file(
            [clean, hit].map { Filing(upload: $0.id, details: details) }, as: given.lead)
        let receipts = outcomes.compactMap { if case .filed(_, let receipt) = $0 { receipt } else { nil } }
        #expect(receipts.map(\.quarantined) == [false, true])
        let kept = try given.vault.quarantined(as: given.lead)
        #expect(kept.map(\.1.document?.quarantine) == ["virus.found"])
        // The signature's name is in the sealed detail alone.
        let catalogue = try Data(contentsOf: URL(filePath: given.school.location.vault + "/catalogue.sqlite"))
        #expect(catalogue.range(of: Data("Strongroom.Test".utf8)) == nil)
    }

    @Test func `Where scanning is required, an upload waits without a scanner, and is taken up when there is one`()
        throws
    {
        let given = try Scanned("required")
        defer { given.vault.shutdown() }
        let without = try given.without()
        let first = try given.hold(Array("A clean note.\n".utf8), "clean.txt", in: without)
        let second = try given.hold(knownToScanners, "letter.txt", in: without)
        #expect([first, second].map(\.inspected.outcome) == [.waiting, .waiting])
        #expect(first.inspected.code == "antivirus.unavailable")
        #expect(try given.school.kinds().filter { $0 == "upload.waiting" }.count == 2)
        let outcomes = try without.file([Filing(upload: first.id, details: details)], as: given.lead)
        guard case .refused(first.id, let refusal)? = outcomes.first else {
            Issue.record("filed unscanned")
            return
        }
        #expect(refusal.code == VaultError.waiting(code: "antivirus.unavailable").refusal.code)
        try without.inspectWaiting(as: given.lead)
        #expect(try without.pendingUploads(as: given.lead).map(\.inspected.outcome) == [.waiting, .waiting])
        try given.vault.inspectWaiting(as: given.lead)
        #expect(try given.vault.pendingUploads(as: given.lead).map(\.inspected.outcome) == [.accepted, .quarantined])
        // What the structure refuses is refused, scanner or not.
        #expect(
            code { _ = try given.hold(fixture("hostile/cut-short.pdf"), "cut.pdf", in: without) } == "type.truncated")
    }

    @Test(arguments: ["when-available", "off"])
    func `Where scanning is not required, an upload is filed without a scanner`(_ policy: String) throws {
        let given = try Scanned(policy)
        defer { given.vault.shutdown() }
        #expect(try given.hold(knownToScanners, "letter.txt", in: given.without()).inspected.outcome == .accepted)
        let expected: Inspected.Outcome = policy == "off" ? .accepted : .quarantined
        #expect(try given.hold(knownToScanners, "letter.txt", in: given.vault).inspected.outcome == expected)
    }

    @Test func `The doctor says whether the scanner finds what stands at the end of a large file`() throws {
        let given = try Scanned("required")
        defer { given.vault.shutdown() }
        let found = try #require(given.vault.health().first { $0.name == "antivirus" })
        #expect(found.isWell, "\(found.words)")
        let absent = try #require(given.without().health().first { $0.name == "antivirus" })
        #expect(!absent.isWell && absent.words.contains("/nonexistent/clamd is not installed. Uploads wait."))
    }
}
