import Custody
import Foundation
import GRDB
import Records
import Sealing
import Testing

/// The recovery key on paper (C-09): made, tried, used.
@Suite struct RecoveryTests {
    private static let holders = ["Ines Marlowe", "Tobias Quill", "Ruth Abernathy", "Owen Sallow", "Petra Lindqvist"]
    private static let password = "seven purple wheelbarrows"

    /// Whether bytes or text lie anywhere in a directory.
    private static func holds(_ directory: String, _ wanted: [Data]) throws -> Bool {
        try FileManager.default.subpathsOfDirectory(atPath: directory).contains { path in
            let contents = FileManager.default.contents(atPath: directory + "/" + path) ?? Data()
            return wanted.contains { contents.range(of: $0) != nil }
        }
    }

    /// A word changed for another of the list: all words are known, and the checksum is wrong.
    private static func misread(_ words: String, at place: Int) -> String {
        var list = words.split(separator: " ").map(String.init)
        list[place - 1] = list[place - 1] == "academic" ? "acid" : "academic"
        return list.joined(separator: " ")
    }

    @Test func `Sheets are shown once, by a lead, and neither words nor seed lie anywhere`() throws {
        let school = try School()
        let vault = school.vault
        let lead = try school.signIn(school.lead)
        #expect(try vault.recoveryState() == nil)
        #expect(code { _ = try vault.faults(inSheets: ["academic"]) } == "recovery.none")
        #expect(code { _ = try vault.drillRecovery(sheets: [], as: lead) } == "recovery.none")
        let deputy = try school.signIn(try school.add("Nell Farrow", [.deputy], by: lead))
        try school.giveCode(as: lead)
        func make(_ holders: [String], _ threshold: Int, by acting: Acting? = nil) -> String? {
            code { _ = try vault.setRecovery(holders: holders, threshold: threshold, as: acting ?? lead) }
        }
        let three = Array(Self.holders.prefix(3))
        #expect(make(three, 2, by: deputy) == "access.not-entitled")
        #expect(make([], 2) == "recovery.holders" && make(["Ines Marlowe"], 2) == "recovery.holders")
        #expect(make((0..<17).map { "Holder Number \($0)" }, 2) == "recovery.holders")
        #expect(make(["Ines Marlowe", "ines  marlowe", "Ruth Abernathy"], 2) == "recovery.holders")
        #expect(make(["Ines Marlowe", "X"], 2) == "person.name")
        for threshold in [-1, 0, 1, 4] { #expect(make(three, threshold) == "recovery.threshold") }
        school.clock.advance(seconds: 301)
        #expect(make(three, 2) == "code.needed")
        #expect(try !school.kinds().contains("recovery.set"))

        try school.giveCode(as: lead)
        let sheets = try vault.setRecovery(holders: three, threshold: 2, as: lead)
        #expect(sheets.map(\.number) == [1, 2, 3] && sheets.map(\.holder) == three)
        #expect(sheets.allSatisfy { $0.words.split(separator: " ").count == 33 } && Set(sheets.map(\.words)).count == 3)
        let state = try #require(try vault.recoveryState())
        #expect(state.holders == three && state.threshold == 2 && state.standing == .untried && state.drilled == nil)
        #expect(vault.foundingWords.count == 8)
        #expect(try Vault(opening: school.location, clock: school.clock).foundingWords == vault.foundingWords)

        let read = try sheets.prefix(2).map { try SecretShare(words: $0.words) }
        let seed = try SecretSharing.combine(read).withBytes { Data($0) }
        let texts = sheets.flatMap { sheet in
            let words = sheet.words.split(separator: " ")
            // The words, and any three of them in a row.
            return [Data(sheet.words.utf8)]
                + (0..<31).map { Data(words[$0..<$0 + 3].joined(separator: " ").utf8) }
        }
        _ = try vault.drillRecovery(sheets: sheets.map(\.words), as: lead)
        let names = three.map { Data($0.utf8) }
        #expect(try !Self.holds(school.directory, texts + names + [seed, Data(seed.base64EncodedString().utf8)]))
        #expect(try school.verify().holds)
    }

    @Test func `A drill tells what is wrong with each sheet, and is recorded when nothing is`() throws {
        let school = try School()
        let vault = school.vault
        let lead = try school.signIn(school.lead)
        let old = try vault.setRecovery(holders: Array(Self.holders.prefix(3)), threshold: 2, as: lead).map(\.words)
        let words = try vault.setRecovery(holders: Self.holders, threshold: 3, as: lead).map(\.words)
        func drill(_ sheets: [String]) throws -> [String] {
            let drill = try vault.drillRecovery(sheets: sheets, as: lead)
            #expect(drill.faults == (try vault.faults(inSheets: sheets)))
            return drill.faults.map { "\($0.place ?? 0) \($0.refusal.code)" }
        }
        let missing = "0 recovery.sheets-missing"
        #expect(try drill([]) == [missing] && drill(["", " \n", words[4]]) == [missing])
        #expect(try drill([words[0], words[1]]) == [missing], "k-1 are too few")
        #expect(try drill([words[0], "", words[0], words[1]]) == ["3 recovery.sheet-twice"])
        #expect(try drill([words[0], words[0]]) == ["2 recovery.sheet-twice", missing])
        #expect(try drill([words[0], old[1], words[2]]) == ["2 recovery.other-set"])
        #expect(try drill([words[0], words[1], words[2], old[1]]) == ["4 recovery.other-set"])
        let foreign = try SecretSharing.split(SecretBytes.random(32), threshold: 3, count: 5).map(\.words)
        #expect(try drill([foreign[0], words[1], words[2]]) == ["1 recovery.other-set"])
        #expect(try drill(foreign) == (1...5).map { "\($0) recovery.other-set" })
        let text = words[0].split(separator: " ").map(String.init)
        let short = text.dropLast().joined(separator: " ")
        #expect(try drill([short, words[1], words[2]]) == ["1 recovery.word-count"])
        let misread = Self.misread(words[0], at: 7)
        #expect(try drill([words[1], misread, words[2]]) == ["2 recovery.checksum"])
        let fault = try #require(try vault.faults(inSheets: [misread]).first)
        #expect(fault.refusal.hint == "Look at word 7 first.")
        var mistyped = text
        mistyped[11] = "gardenx"
        let unknown = try vault.faults(inSheets: [mistyped.joined(separator: " ")])[0].refusal
        #expect(unknown.code == "recovery.word-unknown" && unknown.message.hasPrefix("Word 12 "))
        #expect(unknown.hint.contains("“garden”"))
        mistyped[11] = "zzzzzzzz"
        #expect(try vault.faults(inSheets: [mistyped.joined(separator: " ")])[0].refusal.hint.contains("first four"))
        let aged = try vault.faults(inSheets: [old[0]])[0].refusal.message
        #expect(aged.contains(school.clock.now().iso8601.prefix(10)) && aged.contains("counts no more"))
        #expect(try !school.kinds().contains("recovery.drilled"))
        #expect(try vault.recoveryState()?.standing == .untried)

        // Any three, in any order and case, by their first four letters.
        for chosen in [[0, 1, 2], [4, 2, 0], [1, 3, 4]] {
            let typed = chosen.map { number in
                words[number].split(separator: " ").map { $0.prefix(4).uppercased() }.joined(separator: "\n  ")
            }
            let drill = try vault.drillRecovery(sheets: [""] + typed, as: lead)
            #expect(drill.faults.isEmpty && drill.sheets == chosen.sorted().map { $0 + 1 })
        }
        #expect(try vault.drillRecovery(sheets: words, as: lead).sheets == [1, 2, 3, 4, 5])
        let deputy = try school.signIn(try school.add("Nell Farrow", [.deputy], by: lead))
        #expect(code { _ = try vault.drillRecovery(sheets: words, as: deputy) } == "access.not-entitled")
        #expect(try school.kinds().count { $0 == "recovery.drilled" } == 4)
        #expect(try vault.recoveryState()?.standing == .proven)
        school.clock.advance(seconds: 365 * 86_400)
        #expect(try vault.recoveryState()?.standing == .overdue)
        #expect(try school.verify().holds)
    }

    @Test func `A copy of the vault is recovered: the new lead reads what was filed before, and the old one is out`()
        throws
    {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let note = Array("The note that has to survive.\n".utf8)
        let receipt = try school.file(note, named: "note.txt", for: pupil, by: lead)
        let words = try school.vault.setRecovery(holders: Array(Self.holders.prefix(3)), threshold: 2, as: lead)
            .map(\.words)
        let later = try school.file(Array("Filed later.\n".utf8), named: "later.txt", for: pupil, by: lead)
        let admin = try school.add("Maud Tranter", [.admin], by: lead)
        school.vault.shutdown()

        let copy = Vault.Location(vault: school.directory + "/copy")
        try FileManager.default.copyItem(atPath: school.location.vault, toPath: copy.vault)
        try FileManager.default.copyItem(atPath: school.location.secrets, toPath: copy.secrets)
        let vault = try Vault(opening: copy, clock: school.clock)
        defer { vault.shutdown() }
        let old = try school.signIn(school.lead, to: vault)
        func recover(_ sheets: [String], _ name: String = "Sabine Holt", _ password: String = Self.password) -> String?
        {
            code { _ = try vault.recover(sheets: sheets, lead: name, password: password) }
        }
        #expect(recover([]) == "recovery.sheets-missing" && recover([words[2]]) == "recovery.sheets-missing")
        #expect(recover([words[1], words[1]]) == "recovery.sheet-twice")
        #expect(recover([words[1], Self.misread(words[2], at: 20)]) == "recovery.checksum")
        #expect(recover([words[0], words[1]], "X") == "person.name")
        #expect(recover([words[0], words[1]], "Sabine Holt", "short") == "password.short")
        #expect(recover([words[0], words[1]], "maud tranter") == "recovery.name-taken")
        #expect(vault.ended(old) == nil)

        let recovered = try vault.recover(sheets: [words[2], words[0]], lead: "Sabine  Holt", password: Self.password)
        let acting = recovered.acting
        #expect(recovered.suspended == ["Judith Halloran"] && acting.name == "Sabine Holt")
        #expect(vault.ended(old) == .suspended)
        #expect(code { _ = try school.signIn(school.lead, to: vault) } == "access.suspended")
        #expect(code { _ = try vault.pupils(as: acting) } == "access.enrolment-unfinished")
        let member = Member(
            name: "Sabine Holt", password: Self.password,
            authenticator: try base32(#require(vault.authenticatorSecret(of: acting))))
        school.clock.advance(seconds: 60)
        try vault.enrol(acting, code: member.code(school.clock.step))
        try vault.signOut(acting)
        let new = try school.signIn(member, to: vault)
        try vault.acknowledgePolicy(version: vault.policies.acceptableUse.version, as: new)
        try vault.recordTraining(of: new.person, completed: String(school.clock.now().iso8601.prefix(10)), as: new)
        #expect(try school.download(receipt.document, by: new, from: vault) == note)
        #expect(try school.download(later.document, by: new, from: vault).count == 13)
        #expect(try vault.pupils(as: new).map(\.name) == ["Grace Whitlock"])
        #expect(try vault.intake(as: new).isEmpty)

        // The key counts no more; new sheets are made, and those work.
        let state = try #require(try vault.recoveryState())
        #expect(state.standing == .used && state.lead == "Sabine Holt")
        #expect(recover([words[0], words[1]]) == "recovery.used")
        #expect(code { _ = try vault.drillRecovery(sheets: words, as: new) } == "recovery.used")
        let fresh = try vault.setRecovery(holders: ["Ines Marlowe", "Owen Sallow"], threshold: 2, as: new).map(\.words)
        #expect(recover([words[0], words[1]]) == "recovery.other-set")
        #expect(try vault.drillRecovery(sheets: fresh, as: new).faults.isEmpty)
        // Who was out may be let in again, and works; the office works on as before.
        try vault.restore(old.person, as: new)
        #expect(try school.download(receipt.document, by: school.signIn(school.lead, to: vault), from: vault) == note)
        _ = try school.file(
            Array("After.\n".utf8), named: "after.txt", for: pupil, by: school.signIn(admin, to: vault), in: vault)
        vault.shutdown()
        let found = try Vault.verify(copy)
        #expect(found.holds, "\(found.findings)")
        // A process that has read nothing yet takes it all.
        _ = try school.signIn(member, to: Vault(opening: copy, clock: school.clock))
        let texts = (words + fresh).map { Data($0.utf8) }
        #expect(try !Self.holds(copy.vault, texts))
    }

    @Test func `A lead who lost their keys is lead again under the same name`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let pupil = try school.pupil(by: lead)
        let receipt = try school.file(Array("A note.\n".utf8), named: "n.txt", for: pupil, by: lead)
        let received = try school.receive(Array("Unfiled.\n".utf8), named: "u.txt", for: pupil, by: lead)
        let words = try school.vault.setRecovery(holders: Self.holders, threshold: 3, as: lead).map(\.words)
        let recovered = try school.vault.recover(
            sheets: [words[4], words[1], words[3]], lead: "judith halloran", password: Self.password)
        #expect(recovered.suspended.isEmpty && recovered.acting.person == lead.person)
        #expect(school.vault.ended(lead) == .keysBeingReplaced)
        #expect(code { _ = try school.signIn(school.lead) } == "sign-in.failed")
        let member = Member(
            name: "Judith Halloran", password: Self.password,
            authenticator: try base32(#require(school.vault.authenticatorSecret(of: recovered.acting))))
        school.clock.advance(seconds: 60)
        #expect(!school.vault.standing(of: recovered.acting).isConfirmed, "the authenticator comes first")
        try school.vault.enrol(recovered.acting, code: member.code(school.clock.step))
        #expect(school.vault.standing(of: recovered.acting).isConfirmed)
        let again = try school.signIn(member)
        // Policy and training stand; what was filed is there, what was sealed to the lost keys is given up.
        #expect(try school.download(receipt.document, by: again) == Array("A note.\n".utf8))
        #expect(try school.vault.pendingUploads(as: again).isEmpty)
        _ = received
        #expect(try school.verify().holds)
    }

    @Test func `What lies on the disk is used only as committed, by the shares too`() throws {
        let school = try School()
        let lead = try school.signIn(school.lead)
        let words = try school.vault.setRecovery(holders: Self.holders, threshold: 3, as: lead).map(\.words)
        func fails() throws -> String? {
            let vault = try Vault(opening: school.location, clock: school.clock)
            return code {
                _ = try vault.recover(sheets: words.dropLast(2), lead: "Sabine Holt", password: Self.password)
            }
        }
        func change(_ kind: String) throws {
            try school.tamper { db in
                try db.execute(
                    sql: """
                        UPDATE item SET bytes = zeroblob(length(bytes)) WHERE kind = ?
                        AND idx = (SELECT idx FROM act WHERE kind = 'recovery.set')
                        """, arguments: [kind])
            }
        }
        try change("wrap")
        #expect(try fails() == "wrap.differs")
        try change("recipient")
        #expect(try fails() == "recipient.differs")
        #expect(code { _ = try school.vault.drillRecovery(sheets: words, as: lead) } == "recipient.differs")
        #expect(Set(try school.verify().findings.map(\.code)).contains("item.differs"))
    }
}
