import Custody
import Foundation
import Records
import Testing

/// A vault that was lost, or put back as it had been: it signs nothing until a lead decides, and then under another origin.
@Suite struct RestoreTests {
    private final class Given {
        let school: School
        let lead: Acting
        let pupil: Pupil
        let kept: Receipt
        var backup: String { school.directory + "/backup" }
        /// Where it is restored to.
        var place: Vault.Location {
            Vault.Location(vault: school.directory + "/restored", secrets: school.location.secrets)
        }

        init() throws {
            school = try School()
            lead = try school.signIn(school.lead)
            pupil = try school.pupil(by: lead)
            kept = try school.file(Array("Kept.\n".utf8), named: "kept.txt", for: pupil, by: lead)
        }

        func file(_ text: String, in vault: Vault? = nil, by acting: Acting? = nil) throws -> Receipt {
            try school.file(Array(text.utf8), named: "x.txt", for: pupil, by: acting ?? lead, in: vault)
        }

        func open(behind: Bool = false) throws -> Vault {
            try Vault(opening: place, behind: behind, clock: school.clock)
        }

        func goOn(_ vault: Vault, as member: Member? = nil, known: String? = nil) throws -> Acting {
            school.clock.advance(seconds: 60)
            let member = member ?? school.lead
            return try vault.goOn(
                name: member.name, password: member.password, code: member.code(school.clock.step), known: known)
        }

        func origin(_ note: String) -> String { String(note.prefix { $0 != "\n" }) }
    }

    @Test func `A backup is restored into an empty place, signs nothing, and goes on when a lead decides`() throws {
        let given = try Given()
        let office = try given.school.add("Amir Oakley", [.admin], by: given.lead)
        _ = try given.school.vault.backUp(to: given.backup)
        let lost = try given.file("Lost.\n")
        let report = try Vault.restore(given.backup, to: given.place)
        #expect(report.payloads == 1 && report.newest <= given.school.clock.now())

        let vault = try given.open(behind: true)
        let before = try Vault.verify(given.place)
        #expect(before.holds && before.statements == report.statements)
        #expect(code { _ = try given.school.signIn(given.school.lead, to: vault) } == "vault.restored")
        #expect(code { _ = try given.goOn(vault, as: office) } == "access.not-entitled")
        let wrong = Member(
            name: given.school.lead.name, password: "another", authenticator: given.school.lead.authenticator)
        #expect(code { _ = try given.goOn(vault, as: wrong) } == "sign-in.failed")
        #expect(code { _ = try given.goOn(vault, known: given.kept.checkpoint) } == "restore.known")
        #expect(try Vault.verify(given.place).statements == report.statements)

        let acting = try given.goOn(vault, known: lost.checkpoint)
        let decided = try #require(try vault.continuations(as: acting).first)
        #expect(decided.index == report.statements && decided.by == acting.person)
        #expect(decided.act.lost?.size == lost.index + 1)
        #expect(try given.school.download(given.kept.document, by: acting, from: vault) == Array("Kept.\n".utf8))
        #expect(code { _ = try vault.document(lost.document, as: acting) } == "not-found")
        let receipt = try given.file("New.\n", in: vault, by: acting)
        #expect(given.origin(receipt.checkpoint) == given.origin(lost.checkpoint) + "/" + decided.act.branch.text)
        #expect(given.origin(given.kept.checkpoint) == given.origin(lost.checkpoint))
        #expect(code { _ = try given.goOn(vault) } == "restore.goes-on")
        vault.shutdown()

        let after = try Vault.verify(given.place)
        #expect(after.holds && after.findings.contains { $0.code == "vault.continued" && $0.weight == .note })
        let again = try given.open()
        let later = try given.school.signIn(given.school.lead, to: again)
        #expect(
            try again.securityReview(as: later).lines.contains {
                $0.what.hasPrefix("Decided that the restored vault goes on")
            })
        #expect(code { _ = try given.goOn(again) } == "restore.goes-on")
        again.shutdown()
    }

    @Test func `Yesterday's folder put back is found out, and goes on under another origin when a lead decides`() throws
    {
        let given = try Given()
        given.school.vault.shutdown()
        let yesterday = given.school.directory + "/yesterday"
        try FileManager.default.copyItem(atPath: given.school.location.vault, toPath: yesterday)
        let lead = try given.school.signIn(given.school.lead)
        let lost = try given.file("Of today.\n", by: lead)
        given.school.vault.shutdown()
        let place = given.school.location
        try FileManager.default.removeItem(atPath: place.vault)
        try FileManager.default.moveItem(atPath: yesterday, toPath: place.vault)
        #expect(code { _ = try Vault(opening: place, clock: given.school.clock) } == "vault.behind")
        #expect(try !Vault.verify(place).holds)

        let vault = try Vault(opening: place, behind: true, clock: given.school.clock)
        #expect(code { _ = try given.school.signIn(given.school.lead, to: vault) } == "vault.behind")
        let acting = try given.goOn(vault)
        let decided = try #require(try vault.continuations(as: acting).first)
        #expect(decided.act.lost.map { $0.size > lost.index } == true)
        #expect(try given.school.download(given.kept.document, by: acting, from: vault) == Array("Kept.\n".utf8))
        vault.shutdown()
        #expect(try Vault.verify(place).holds)
        let again = try Vault(opening: place, clock: given.school.clock)
        _ = try given.school.signIn(given.school.lead, to: again)
        again.shutdown()
    }

    @Test func `A kill right after the decision leaves nothing in the way, and the folder from before it is found out`()
        throws
    {
        let given = try Given()
        let place = given.school.location
        given.school.vault.shutdown()
        let (before, files) = (given.school.directory + "/before", FileManager.default)
        try files.copyItem(atPath: place.vault, toPath: before)
        let lead = try given.school.signIn(given.school.lead)
        for number in 0..<5 { _ = try given.file("Lost \(number).\n", by: lead) }
        given.school.vault.shutdown()
        let kept = [place.vault + "/witness/checkpoint", place.vault + ".newest-checkpoint"]
        let old = try kept.map { try Data(contentsOf: URL(filePath: $0)) }
        func putBack() throws {
            try files.removeItem(atPath: place.vault)
            try files.copyItem(atPath: before, toPath: place.vault)
        }
        func open(behind: Bool = false) throws -> Vault {
            try Vault(opening: place, behind: behind, clock: given.school.clock)
        }
        try putBack()
        var vault = try open(behind: true)
        _ = try given.goOn(vault)
        vault.shutdown()
        // As a kill leaves it that comes after the commit and before both are written: larger, and of what was given up.
        for (path, data) in zip(kept, old) { try data.write(to: URL(filePath: path)) }
        vault = try open()
        let acting = try given.school.signIn(given.school.lead, to: vault)
        _ = try given.file("After.\n", in: vault, by: acting)
        vault.shutdown()
        #expect(try Vault.verify(place).findings.map(\.code) == ["vault.continued"])
        try putBack()
        #expect(code { _ = try open() } == "vault.behind")
        // What lies there of another vault says nothing of this one.
        let other = try School()
        try files.removeItem(atPath: kept[1])
        try files.copyItem(atPath: other.location.vault + ".newest-checkpoint", toPath: kept[1])
        vault = try open()
        _ = try given.school.signIn(given.school.lead, to: vault)
        vault.shutdown()
        #expect(try Vault.verify(place).holds)
    }

    @Test func `Verifying while people work finds nothing`() throws {
        let given = try Given()
        var times = 0
        let found = try Vault.verify(given.school.location) { _, _ in
            times += 1
            if times == 1 { _ = try? given.file("Meanwhile.\n") }
        }
        #expect(times > 0 && found.findings.isEmpty, "\(found.findings)")
    }

    @Test func `Nothing is restored over a vault, into something, from what is no backup, or beside other secrets`()
        throws
    {
        let given = try Given()
        _ = try given.school.vault.backUp(to: given.backup)
        func refusal(_ backup: String, _ place: Vault.Location) -> String? {
            code { _ = try Vault.restore(backup, to: place) }
        }
        #expect(refusal(given.backup, given.school.location) == "restore.over-vault")
        #expect(refusal(given.school.location.vault, given.place) == "restore.no-backup")
        let other = try School()
        #expect(
            refusal(given.backup, Vault.Location(vault: given.place.vault, secrets: other.location.secrets))
                == "restore.secrets")
        #expect(
            refusal(given.backup, Vault.Location(vault: given.place.vault, secrets: given.backup + "-nothing"))
                == "restore.secrets")
        #expect(!FileManager.default.fileExists(atPath: given.place.vault))
        try FileManager.default.createDirectory(atPath: given.place.vault, withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: URL(filePath: given.place.vault + "/note.txt"))
        #expect(refusal(given.backup, given.place) == "restore.not-empty")
        #expect(try FileManager.default.contentsOfDirectory(atPath: given.place.vault) == ["note.txt"])
        #expect(
            code { _ = try Vault(opening: Vault.Location(vault: given.backup, secrets: given.school.location.secrets)) }
                == "vault.backup")
    }

    @Test func `A restore that was interrupted is gone on with, and a damaged backup makes no vault`() throws {
        let given = try Given()
        _ = try given.school.vault.backUp(to: given.backup)
        _ = try Vault.restore(given.backup, to: given.place)
        // As a kill before the catalogue leaves it.
        try FileManager.default.removeItem(atPath: given.place.vault + "/catalogue.sqlite")
        try Data("half".utf8).write(to: URL(filePath: given.place.vault + "/staging/\(BlobID.random().text)"))
        let report = try Vault.restore(given.backup, to: given.place)
        #expect(report.payloads == 1)
        #expect(try Vault.verify(given.place).holds)
        #expect(try FileManager.default.contentsOfDirectory(atPath: given.place.vault + "/staging").isEmpty)

        let blob = try #require(FileManager.default.subpaths(atPath: given.backup + "/blobs")?.first { $0.count > 20 })
        try Data("damaged".utf8).write(to: URL(filePath: given.backup + "/blobs/" + blob))
        let second = Vault.Location(vault: given.place.vault + "-2", secrets: given.place.secrets)
        #expect(code { _ = try Vault.restore(given.backup, to: second) } == "restore.not-verified")
        #expect(!FileManager.default.fileExists(atPath: second.vault))
    }
}
