import Foundation
import Records
import Sealing
import Testing

@Suite struct PoliciesTests {
    private func code(_ name: String, replacing old: String, with new: String) throws -> String? {
        var files = try policyFiles()
        let text = try #require(files[name])
        #expect(text.contains(old), "\(name) no longer says \(old)")
        files[name] = text.replacingOccurrences(of: old, with: new)
        return refusalCode { _ = try Policies(files: files) }
    }

    @Test func `The shipped policies are read, and say what they say`() throws {
        let policies = try Policies(files: policyFiles())
        #expect(policies.sessions.argon2MemoryMiB == 256 && policies.sessions.argon2Passes == 3)
        #expect(policies.sessions.hashing.memoryBytes == 256 << 20)
        #expect(policies.sessions.idleMinutes == 15 && policies.sessions.lifetimeHours == 8)
        #expect(policies.school.timezone == "Europe/London")
        #expect(policies.categories.title(of: "health") == "Health report")
        #expect(policies.categories.title(of: "nothing") == nil)
        #expect(policies.access.roles[.accountManager] == [.managePeople])
        #expect(policies.acceptableUse.version == School.policyVersion && policies.acceptableUse.sections.count == 7)
        #expect(policies.access.abilities.allow(.read, to: [.deputy]))
        #expect(
            policies.access.twoPersonRule == TwoPersonRule(acts: Set(TwoPersonAct.allCases), newForDays: 7))
        #expect(!policies.access.abilities.allow(.read, to: [.admin, .staff, .panel, .accountManager]))
        #expect(policies.fileTypes.types.contains { $0.mediaType == "application/pdf" && $0.mostPages == 5_000 })
        #expect(policies.limits.keepFreeMiB == 1_024)
    }

    @Test func `Every byte counts in the digest, in every file`() throws {
        let whole = try Policies(files: policyFiles()).digest
        #expect(try Policies(files: policyFiles()).digest == whole)
        for name in Policies.fileNames {
            var files = try policyFiles()
            files[name] = (files[name] ?? "") + "# one more remark\n"
            #expect(try Policies(files: files).digest != whole, "\(name)")
        }
    }

    @Test func `A missing or empty file is refused by name`() throws {
        for name in Policies.fileNames {
            for text in [nil, "", "- not a mapping", "{"] {
                var files = try policyFiles()
                files[name] = text
                do throws(Refusal) {
                    _ = try Policies(files: files)
                    Issue.record("\(name) as \(text ?? "nothing") was taken")
                } catch {
                    #expect(error.code == "policy.unreadable" && error.message.contains(name))
                }
            }
        }
    }

    @Test func `An unknown key is refused, at the top and deeper down`() throws {
        for name in Policies.fileNames {
            var files = try policyFiles()
            files[name] = (files[name] ?? "") + "\nsurprise: 1\n"
            #expect(refusalCode { _ = try Policies(files: files) } == "policy.unreadable", "\(name)")
        }
        #expect(
            try code("categories.yaml", replacing: "{ id: health,", with: "{ id: health, colour: red,")
                == "policy.unreadable")
        #expect(
            try code("file-types.yaml", replacing: "{ title: JPEG,", with: "{ title: JPEG, most-page: 1,")
                == "policy.unreadable")
        #expect(
            try code("access.yaml", replacing: "  panel:", with: "  governor: [read]\n  panel:") == "policy.unreadable")
        #expect(
            try code("access.yaml", replacing: "admin: [file]", with: "admin: [file, erase]") == "policy.unreadable")
        #expect(try code("school.yaml", replacing: "timezone:", with: "time-zone:") == "policy.unreadable")
    }

    @Test(arguments: [
        ("argon2-memory-mib: 256", "argon2-memory-mib: 63"), ("argon2-memory-mib: 256", "argon2-memory-mib: 1025"),
        ("argon2-passes: 3", "argon2-passes: 2"), ("argon2-passes: 3", "argon2-passes: 11"),
        ("idle-minutes: 15", "idle-minutes: 16"), ("idle-minutes: 15", "idle-minutes: 0"),
        ("lifetime-hours: 8", "lifetime-hours: 9"),
        ("password-minimum-characters: 15", "password-minimum-characters: 14"),
        ("hashes-at-once: 2", "hashes-at-once: 0"), ("hashes-waiting: 20", "hashes-waiting: -1"),
        ("failures-before-slowing: 10", "failures-before-slowing: 0"), ("idle-minutes: 15", "idle-minutes: soon"),
    ])
    func `Sign-in is never weaker than the requirements allow`(_ old: String, _ new: String) throws {
        #expect(try code("sessions.yaml", replacing: old, with: new) == "policy.unreadable")
    }

    @Test func `The lowest profile that is allowed is taken`() throws {
        #expect(try code("sessions.yaml", replacing: "argon2-memory-mib: 256", with: "argon2-memory-mib: 64") == nil)
    }

    @Test func `Scanning for viruses can be off, and required where no type is larger than what can be scanned`() throws
    {
        #expect(try code("inspection.yaml", replacing: "antivirus: off", with: "antivirus: when-available") == nil)
        var files = try policyFiles()
        files["inspection.yaml"] = files["inspection.yaml"]?.replacingOccurrences(
            of: "antivirus: off", with: "antivirus: required")
        files["file-types.yaml"] = files["file-types.yaml"]?.replacingOccurrences(
            of: "largest-mib: 2048", with: "largest-mib: 2047")
        #expect(try Policies(files: files).inspection.antivirus == .required)
    }

    @Test func `The lead can always add people`() throws {
        #expect(
            try code("access.yaml", replacing: "dsl: [file, read, manage-people,", with: "dsl: [file, read,")
                == "policy.unreadable")
    }

    @Test(arguments: [
        ("access.yaml", "new-for-days: 7", "new-for-days: 0"), ("access.yaml", "new-for-days: 7", "new-for-days: 91"),
        ("access.yaml", "join-again, make", "join-twice, make"), ("access.yaml", "new-for-days: 7", ""),
        ("limits.yaml", "keep-free-mib: 1024", "keep-free-mib: -1"),
        ("limits.yaml", "keep-free-percent: 5", "keep-free-percent: 101"),
        ("limits.yaml", "keep-free-percent: 5", "keep-free-percent: -5"),
        ("limits.yaml", "inspection-memory-mib: 4096", "inspection-memory-mib: 0"),
        ("limits.yaml", "pending-upload-days: 7", "pending-upload-days: 0"),
        ("limits.yaml", "pending-uploads-per-person: 400", "pending-uploads-per-person: -1"),
        ("file-types.yaml", "extensions: [png], largest-mib: 100", "extensions: [png], largest-mib: -100"),
        ("file-types.yaml", "largest-mib: 2048, most-pages: 5000", "largest-mib: 2048, most-pages: 0"),
        ("file-types.yaml", "extensions: [png]", "extensions: [pdf]"),
        ("file-types.yaml", "extensions: [png]", "extensions: [.PNG]"),
        ("inspection.yaml", "antivirus: off", "antivirus: sometimes"),
        ("inspection.yaml", "recognise-at-once: 2", "recognise-at-once: 0"),
        ("inspection.yaml", "recognise-languages: [eng]", "recognise-languages: [eng+osd]"),
        ("inspection.yaml", "recognise-languages: [eng]", "recognise-languages: [../eng]"),
        // A file of 2048 MiB is more than the scanner takes.
        ("inspection.yaml", "antivirus: off", "antivirus: required"),
        ("inspection.yaml", "antivirus: off", "antivirus: off\nclamav: off"),
        ("categories.yaml", "id: health", "id: police"), ("school.yaml", "Europe/London", "Europe/Londn"),
    ])
    func `A number or word that makes no sense is refused when it is read, not when it is used`(
        _ name: String, _ old: String, _ new: String
    ) throws {
        #expect(try code(name, replacing: old, with: new) == "policy.unreadable")
    }

    @Test(arguments: [
        ("to: []", "to: [lead@school.example]", true), ("send: false", "send: true", false),
        ("to: []", "to: [\"lead@school.example\\nBcc: x@y.example\"]", false), ("to: []", "to: [lead]", false),
        ("to: []", "to: [\"a@b.example, c@d.example\"]", false),
        ("from: strongroom@", "from: \"x <strongroom>@\"", false),
        ("after-working-days: 1", "after-working-days: 11", false),
        ("after-working-days: 1", "after-working-days: -1", false),
        ("at-most-every-hours: 24", "at-most-every-hours: 0", false),
        ("at-most-every-hours: 24", "at-most-every-hours: 24\nsubject: x", false),
    ])
    func `Notices are off, go to plain addresses, and not too often`(_ old: String, _ new: String, _ isFine: Bool)
        throws
    {
        #expect(try code("notices.yaml", replacing: old, with: new) == (isFine ? nil : "policy.unreadable"))
        #expect(try !Policies(files: policyFiles()).notices.send)
    }
}
