import Ledger
import Records
import Sealing
import Testing

/// Checkpoints outside the vault: who prints one, and which witnesses a policy may name.
@Suite struct OutsideCheckpointTests {
    @Test func `Who sees the figures prints a checkpoint, and the last one is remembered`() throws {
        var school = try School()
        let founder = Author.person(school.founder)
        func act() -> Act { .checkpointPrinted(.random(), in: .random()) }
        #expect(school.authority.checkpointSheet == nil)
        for role in [Role.admin, .staff, .accountManager] {
            let person = try school.add([role])
            #expect(
                school.unlawful(act(), by: .person(person)) == "author may not see-figures: access.not-entitled",
                "\(role)")
        }
        #expect(school.unlawful(act(), by: .service) == "the service may not say checkpoint.printed")
        let file = try school.register()
        let why = "a printed checkpoint that says more, or of nobody"
        #expect(school.unlawful(act(), by: founder, pupilFile: file) == why)
        #expect(
            school.unlawful(act(), by: founder, items: [Item(id: .random(), kind: .detail, digest: digest("x"))]) == why
        )
        let panel = try school.add([.panel])
        try school.say(act(), by: founder)
        try school.say(act(), by: panel)
        #expect(school.authority.checkpointSheet?.author == panel)
    }

    @Test func `A policy names each witness once, by a key of the right kind`() throws {
        func key(_ name: String, _ key: borrowing SigningKey) throws -> String {
            try Cosigner(name: name, verifyingKey: key.verifyingKey).vkey
        }
        let one = try SigningKey.generate()
        let two = try SigningKey.generate()
        let (first, second) = (try key("a.example/w", one), try key("b.example/w", two))
        func code(_ lines: [String], hours: Int = 24, days: Int = 7) throws -> String? {
            var files = try policyFiles()
            let list = lines.isEmpty ? "[]" : "\n" + lines.map { "  - \($0)" }.joined(separator: "\n")
            files["witness.yaml"] = "witnesses: \(list)\ntell-after-hours: \(hours)\nsheet-every-days: \(days)\n"
            return refusalCode { _ = try Policies(files: files) }
        }
        #expect(try code([]) == nil && code([first, second]) == nil && code([], hours: 168, days: 0) == nil)
        let ledger = try NoteVerifier(name: "a.example/w", verifyingKey: one.verifyingKey).vkey
        for wrong in [
            [first, first], [first, try key("a.example/w", two)], [first, try key("b.example/w", one)], [ledger],
            ["a.example/w"], [String(first.dropLast())],
        ] {
            #expect(try code(wrong) == "policy.unreadable", "\(wrong)")
        }
        #expect(try code([], hours: 0) == "policy.unreadable" && code([], hours: 8761) == "policy.unreadable")
        #expect(try code([], days: -1) == "policy.unreadable" && code([], days: 367) == "policy.unreadable")
    }
}
