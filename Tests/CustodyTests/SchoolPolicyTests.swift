import Custody
import Foundation
import Ledger
import Records
import Sealing
import Testing

/// What the school's policy asks and software can carry out, sentence by sentence: each test is named after the sentence that
/// it carries out, and docs/policy.md says for every sentence which test that is.
@Suite struct SchoolPolicyTests {
    /// A school with somebody of each role, and two pupils.
    private struct Given {
        let school: School
        let lead: Acting
        let people: [Role: (member: Member, acting: Acting)]
        let pupil: Pupil
        let other: Pupil

        init(_ roles: Role...) throws {
            school = try School()
            let (school, lead) = (school, try school.signIn(school.lead))
            let names: [Role: String] = [
                .deputy: "Nell Vasey", .panel: "Ivo Castellane", .accountManager: "Nora Pym", .admin: "Maud Tranter",
                .staff: "Amir Oakley",
            ]
            var people: [Role: (member: Member, acting: Acting)] = [:]
            for role in roles {
                let member = try school.add(#require(names[role]), [role], by: lead)
                people[role] = (member, try school.signIn(member))
            }
            self.people = people
            self.lead = try school.signIn(school.lead)
            pupil = try school.pupil(by: lead)
            other = try school.pupil("Tobias Venn", born: "2004-01-02", by: lead)
        }

        var vault: Vault { school.vault }
        var now: Timestamp { school.clock.now() }
        private var time: SchoolTime { SchoolTime("Europe/London") }

        subscript(role: Role) -> Acting { get throws { try #require(people[role]).acting } }

        func day(_ days: Int64 = 0) -> String {
            time.day(of: Timestamp(milliseconds: now.milliseconds + days * 86_400_000))
        }

        /// An entry of now, with what is said more.
        func entry(_ kind: EntryKind = .observation, _ more: [EntryField: String] = [:]) -> EntryDetails {
            EntryDetails(
                kind: kind,
                values: [
                    .basis: "fact", .date: day(), .time: time.time(of: now), .account: "A bruise on the left arm.",
                ].merging(more) { $1 })
        }

        @discardableResult func make(
            _ details: EntryDetails, as acting: Acting? = nil
        ) throws -> EntryReceipt {
            try vault.makeEntry(details, for: pupil.pupilFile, as: acting ?? lead)
        }

        func refusal(_ details: EntryDetails, as acting: Acting? = nil) -> String? {
            code { _ = try make(details, as: acting) }
        }

        func made(_ receipt: EntryReceipt, as acting: Acting? = nil) throws -> EntryFacts {
            try #require(try vault.entry(receipt.index, as: acting ?? lead).0.made)
        }

        func reads(_ acting: Acting) -> String? {
            code { _ = try vault.chronology(of: pupil.pupilFile, as: acting) }
        }

        /// Whether some bytes stand anywhere in the vault's files.
        func isOnDisk(_ text: String) throws -> Bool {
            try FileManager.default.subpathsOfDirectory(atPath: school.location.vault).contains { name in
                let bytes = FileManager.default.contents(atPath: school.location.vault + "/" + name) ?? Data()
                return bytes.range(of: Data(text.utf8)) != nil
            }
        }
    }

    // MARK: - 3. Procedures

    @Test("There is a named person in our school who is the Designated Safeguarding Lead (DSL)")
    func lead() throws {
        let given = try Given(.accountManager)
        let people = try given.vault.people(as: given.lead)
        #expect(people.filter { $0.roles.contains(.dsl) }.map(\.name) == [given.school.lead.name])
        // And there stays one: who looks after people does not put the lead out, nor does the lead themselves.
        #expect(
            code { try given.vault.suspend(given.lead.person, as: given[.accountManager]) } == Refusal.personIsLead.code
        )
        #expect(
            code { try given.vault.suspend(given.lead.person, as: given.lead) } == Refusal.personIsYourself.code)
        #expect(try given.vault.people(as: given.lead).contains { $0.roles == [.dsl] && $0.suspended == nil })
    }

    @Test("The DSL will allocate access levels to the CPOMs system based on their roles within the school")
    func accessLevels() throws {
        let given = try Given(.accountManager, .deputy)
        let (school, vault) = (given.school, given.vault)
        let (_, own) = try school.join("Maud Tranter", [.admin], by: given.lead)
        let words = try #require(try vault.fingerprintWords(of: own.person, as: given.lead))
        // Nobody else gives the keys of a role, and before they have them a person does nothing.
        for role in [Role.accountManager, .deputy] {
            #expect(code { try vault.confirm(own.person, words: words, as: given[role]) } == "access.not-entitled")
        }
        #expect(code { _ = try vault.pupils(as: own) } == "access.keys-not-given")
        try school.confirm(own.person, by: given.lead)
        try school.prepare(own, by: given.lead)
        // What they may is what their role may: file, and not read.
        #expect(own.may(.file, in: vault) && !own.may(.read, in: vault))
        _ = try school.file(Array("A note.\n".utf8), named: "n.txt", for: given.pupil, by: own)
        #expect(given.reads(own) == "access.not-entitled")
        // Another role comes with other keys.
        try school.giveCode(as: given.lead)
        _ = try vault.reset(own.person, to: [.staff], as: given.lead)
        #expect(code { _ = try vault.pupils(as: own) } == "access.keys-being-replaced")
    }

    @Test("The Deputies are the Deputy Head and the Pastoral Lead, and there is a named Advisory Panel member")
    func deputiesAndPanel() throws {
        let given = try Given(.accountManager)
        let manager = try given[.accountManager]
        try given.school.giveCode(as: manager)
        for role in [Role.deputy, .panel] {
            #expect(
                code { _ = try given.vault.invite(name: "Somebody Else", roles: [role], as: manager) }
                    == Refusal.roleIsLeads.code)
        }
        for (name, role) in [("Nell Vasey", Role.deputy), ("Owen Sallow", .deputy), ("Ivo Castellane", .panel)] {
            _ = try given.school.add(name, [role], by: given.lead)
        }
        let people = try given.vault.people(as: given.lead).filter { $0.standing.isConfirmed }
        #expect(people.filter { $0.roles == [.deputy] }.map(\.name) == ["Nell Vasey", "Owen Sallow"])
        #expect(people.filter { $0.roles == [.panel] }.map(\.name) == ["Ivo Castellane"])
    }

    @Test(
        "If any member of staff suspects that a student may be a victim of abuse, they immediately inform the DSL/DDSL")
    func inform() throws {
        let given = try Given(.staff, .admin, .deputy)
        for role in [Role.staff, .admin, .deputy] {
            let receipt = try given.make(given.entry(.observation, [.account: "Seen by \(role)"]), as: given[role])
            // Lead and deputy read it at once.
            for reader in [given.lead, try given[.deputy]] {
                #expect(try given.made(receipt, as: reader)[.account] == "Seen by \(role)")
            }
        }
        // What was known for more than a day says why it comes only now.
        let late = given.entry(.observation, [.date: given.day(-3)])
        #expect(given.refusal(late, as: try given[.staff]) == "entry.late-reason")
        #expect(try given.vault.chronology(of: given.pupil.pupilFile, as: given.lead).total == 3)
    }

    @Test("Files are kept on each case on a secure electronic system")
    func files() throws {
        let given = try Given(.admin)
        let canary = "Canary-\(UInt64.random(in: 1 << 60...UInt64.max))"
        let receipt = try given.school.file(
            Array("\(canary)\n".utf8), named: "\(canary).txt", for: given.pupil, summary: "About \(canary)",
            by: given[.admin])
        try given.make(given.entry(.observation, [.account: canary]))
        // Each case has its own file.
        #expect(try given.vault.chronology(of: given.pupil.pupilFile, as: given.lead).total == 2)
        #expect(try given.vault.chronology(of: given.other.pupilFile, as: given.lead).total == 0)
        #expect(try given.school.download(receipt.document, by: given.lead) == Array("\(canary)\n".utf8))
        for word in [canary, given.pupil.name, "Amir Oakley"] { #expect(try !given.isOnDisk(word)) }
        #expect(try given.school.verify().holds)
    }

    @Test("The DSL will only share this information on a strictly need to know basis")
    func needToKnow() throws {
        let given = try Given(.staff, .deputy, .admin)
        let (school, vault, staff) = (given.school, given.vault, try given[.staff])
        let (one, two) = (
            try school.file(Array("One.\n".utf8), named: "1.txt", for: given.pupil, by: given.lead).document,
            try school.file(Array("Two.\n".utf8), named: "2.txt", for: given.pupil, by: given.lead).document
        )
        func give(until day: String, because reason: String, by acting: Acting) throws -> AccessID {
            try school.giveCode(as: acting)
            return try vault.giveAccess(
                to: staff.person, of: given.pupil.pupilFile, documents: [one], until: day, reason: reason, as: acting)
        }
        #expect(code { _ = try school.download(one, by: staff) } == "not-found")
        // The lead alone shares, with a reason, until a day.
        for role in [Role.deputy, .admin] {
            #expect(
                code { _ = try give(until: given.day(7), because: "Curious", by: given[role]) } == "access.not-entitled"
            )
        }
        #expect(code { _ = try give(until: given.day(7), because: "", by: given.lead) } != nil)
        #expect(code { _ = try give(until: given.day(4_000), because: "For ever", by: given.lead) } != nil)
        #expect(code { _ = try school.download(one, by: staff) } == "not-found", "nothing of that was given")
        _ = try give(until: given.day(7), because: "Teaches her, and plans Thursday", by: given.lead)
        #expect(try school.download(one, by: staff) == Array("One.\n".utf8))
        #expect(code { _ = try school.download(two, by: staff) } == "not-found")
        school.clock.advance(seconds: 8 * 86_400)
        let later = try school.signIn(#require(given.people[.staff]).member)
        #expect(code { _ = try school.download(one, by: later) } == "not-found", "it ends by itself")
    }

    @Test("Access to children's files on CPOMS is password and softkey protected")
    func twoFactors() throws {
        let school = try School()
        let (lead, vault) = (school.lead, school.vault)
        school.clock.advance(seconds: 60)
        let (right, wrong) = (try lead.code(school.clock.step), try lead.code(school.clock.step + 100))
        func signIn(_ password: String, _ code: String) -> Acting? {
            try? vault.signIn(name: lead.name, password: password, code: code)
        }
        #expect(signIn("another password", right) == nil)
        #expect(signIn(lead.password, wrong) == nil && signIn(lead.password, "") == nil && signIn("", right) == nil)
        school.clock.advance(seconds: 3_600)
        let acting = try #require(signIn(lead.password, try lead.code(school.clock.step)))
        let pupil = try school.pupil(by: acting)
        #expect(code { _ = try vault.chronology(of: pupil.pupilFile, as: acting) } == nil)
    }

    @Test("All pupils that are new to school are added to CPOMS on enrollment")
    func enrollment() throws {
        let given = try Given(.deputy, .admin, .staff, .panel)
        let new = NewPupil(name: "Hester Quill", dateOfBirth: "2012-05-04", enrolled: given.day())
        for role in [Role.admin, .staff, .panel] {
            #expect(code { _ = try given.vault.addPupil(new, as: given[role]) } == "access.not-entitled")
        }
        let added = try given.vault.addPupil(new, as: given[.deputy])
        #expect(added.enrolled == given.day())
        // A whole year comes as a table; who is there already is not added twice.
        let csv = "name,date_of_birth,upn,enrolled\nHester Quill,2012-05-04,,\(given.day())\nOla Brandt,2012-09-30,,\n"
        let done = try given.vault.importPupils(csv: csv, as: given.lead)
        #expect(done.added.map(\.name) == ["Ola Brandt"] && done.already.count == 1)
        // From then on there is a file that staff put something into.
        let receipt = try given.vault.makeEntry(
            given.entry(), for: #require(done.added.first).pupilFile, as: given[.staff])
        #expect(try given.vault.entry(receipt.index, as: given.lead).2.name == "Ola Brandt")
    }

    @Test("All staff that are new to the school receive training in the use of CPOMS as part of the schools induction")
    func induction() throws {
        let given = try Given()
        let (school, vault) = (given.school, given.vault)
        let (member, own) = try school.join("Amir Oakley", [.staff], by: given.lead)
        try school.confirm(own.person, by: given.lead)
        try vault.acknowledgePolicy(version: vault.policies.acceptableUse.version, as: own)
        #expect(given.refusal(given.entry(), as: own) == "access.training-missing")
        func lacks(_ name: String = "Amir Oakley") throws -> [PolicyRegister.Lack]? {
            try vault.policyRegister(as: given.lead).people.first { $0.name == name }?.lacks(at: given.now)
        }
        #expect(try lacks() == [.trainingNone])
        #expect(
            code { try vault.recordTraining(of: own.person, completed: given.day(), as: own) } == "access.not-entitled")
        try vault.recordTraining(of: own.person, completed: given.day(), as: given.lead)
        #expect(try lacks() == [] && given.refusal(given.entry(), as: own) == nil)
        school.clock.advance(seconds: 367 * 86_400)
        let again = try school.signIn(member)
        #expect(given.refusal(given.entry(), as: again) == "access.training-missing")
        let register = try vault.policyRegister(as: try school.signIn(school.lead))
        #expect(register.people.first { $0.name == member.name }?.lacks(at: given.now) == [.trainingOver])
    }

    // MARK: - School procedure following a disclosure or identifying a concern

    @Test("Staff should share the allegation/ concerns with the DSL, Deputy DSL using CPOMS")
    func share() throws {
        let given = try Given(.staff, .admin, .deputy)
        let receipt = try given.make(
            given.entry(.words, [.account: "“He shut the door.”", .questions: "What happened then?"]), as: given[.staff]
        )
        for reader in [given.lead, try given[.deputy]] {
            #expect(try given.made(receipt, as: reader)[.account] == "“He shut the door.”")
        }
        // With them alone: not even with who wrote it, nor with other staff.
        for role in [Role.staff, .admin] {
            let acting = try given[role]
            #expect(code { _ = try given.vault.entry(receipt.index, as: acting) } == "not-found")
            #expect(given.reads(acting) == "access.not-entitled")
        }
    }

    @Test("This is of the upmost importance and must be done promptly at the next available opportunity")
    func promptly() throws {
        let given = try Given(.staff)
        var details = given.entry(.observation, [.date: given.day(-2), .received: given.day(-2)])
        details[.time] = ""
        #expect(given.refusal(details, as: try given[.staff]) == "entry.late-reason")
        details[.lateReason] = "I was off ill"
        let receipt = try given.make(details, as: given[.staff])
        let made = try given.made(receipt)
        #expect(made[.lateReason] == "I was off ill" && made[.received] == given.day(-2))
        #expect(
            SchoolTime("Europe/London").isLate(received: made[.received], time: "", recorded: receipt.recorded))
        // What is told on the day needs no reason.
        #expect(given.refusal(given.entry(), as: try given[.staff]) == nil)
    }

    @Test("It is then the duty of the DSL or Deputy DSL to act on the information received")
    func actedOn() throws {
        let given = try Given(.staff, .deputy)
        let vault = given.vault
        let concern = try given.make(given.entry(), as: given[.staff])
        #expect(try vault.waiting(as: given[.deputy]).records.map(\.record) == [concern.entry.record])
        given.school.clock.advance(seconds: 8 * 86_400)
        let deputy = try given.school.signIn(#require(given.people[.deputy]).member)
        #expect(try vault.waitingFigures(as: deputy).late == 1)
        let follows = TriageDetails(follows: [.parents], words: "Ring her mother", due: given.day(1))
        #expect(
            code { try vault.triage([concern.entry.record], of: given.pupil.pupilFile, follows, as: given[.staff]) }
                != nil)
        try vault.triage([concern.entry.record], of: given.pupil.pupilFile, follows, as: deputy)
        #expect(try vault.waiting(as: deputy).total == 0)
        #expect(try vault.followUps(as: deputy).map(\.due) == [given.day(1)])
    }

    @Test("The student's detailed account should be screened and follow-up action identified")
    func followUp() throws {
        let given = try Given(.staff, .deputy)
        let asked = try given.make(
            given.entry(
                .decision, [.reasons: "The second this term", .followUp: "Ring her mother", .followUpDue: given.day(1)])
        )
        let open = try #require(try given.vault.followUps(as: given[.deputy]).first)
        #expect(open.what == "Ring her mother" && open.due == given.day(1) && open.index == asked.index)
        #expect(code { _ = try given.vault.followUps(as: given[.staff]) } == "not-found")
        // Without a day it is no follow-up; and who does not read the file does not say that it is done.
        #expect(given.refusal(given.entry(.observation, [.followUp: "Ring"])) == "entry.follow-up-due")
        var done = given.entry(
            .action, [.action: "parents", .with: "Mrs Whitlock, her mother", .outcome: "She will come"])
        done.completes = open.id
        #expect(given.refusal(done, as: try given[.staff]) == "access.not-entitled")
        try given.make(done, as: given[.deputy])
        #expect(try given.vault.followUps(as: given.lead).isEmpty)
    }

    @Test("This may include: further conversations, contact with outside agencies, informing parents/ carers, referral")
    func actions() throws {
        let given = try Given()
        for action in EntryAction.allCases {
            var more: [EntryField: String] = [
                .action: action.rawValue, .with: "Jo Hale", .outcome: "They will ring back",
            ]
            if action == .socialCare { more[.parents] = EntryParents.contacted.rawValue }
            let made = try given.made(given.make(given.entry(.action, more)))
            #expect(made.kind == .action && made[.action] == action.rawValue && made[.outcome] == "They will ring back")
        }
        #expect(given.refusal(given.entry(.action)) == "entry.action")
        #expect(given.refusal(given.entry(.action, [.action: "nothing-much"])) == "entry.action")
        #expect(
            try given.vault.chronology(of: given.pupil.pupilFile, as: given.lead).total == EntryAction.allCases.count)
    }

    @Test("In the case of accusations against staff contacting the LADO")
    func lado() throws {
        let given = try Given(.deputy, .panel, .admin)
        let (school, vault) = (given.school, given.vault)
        let deputy = try given[.deputy]
        let received = try school.receive(
            Array("What she said of the deputy.\n".utf8), named: "n.txt", for: given.pupil, by: given[.admin])
        let details = FilingDetails(
            summary: "What she said", category: "concern", date: given.day(),
            concerning: StaffConcern(people: [deputy.person]))
        guard case .filed(_, let receipt) = try #require(try vault.file([(received, details)], as: given[.admin]).first)
        else {
            Issue.record("not filed")
            return
        }
        // Whom it concerns learns nothing; lead and panel read it; and that the LADO was asked is an act of its own kind.
        #expect(code { _ = try school.download(receipt.document, by: deputy) } == "not-found")
        #expect(try vault.chronology(of: given.pupil.pupilFile, as: deputy).total == 0)
        for reader in [given.lead, try given[.panel]] {
            #expect(code { _ = try school.download(receipt.document, by: reader) } == nil)
        }
        let made = try given.made(
            given.make(given.entry(.action, [.action: "lado", .with: "The LADO", .outcome: "Advice"])))
        #expect(made[.action] == EntryAction.lado.rawValue)
    }

    @Test("These actions will be logged on CPOMS at the earliest available opportunity")
    func logged() throws {
        let given = try Given(.deputy)
        let receipt = try given.make(
            given.entry(.action, [.action: "police", .with: "Sgt Orme", .organisation: "Police", .number: "CAD 77"]),
            as: given[.deputy])
        let (entry, _, _) = try given.vault.entry(receipt.index, as: given.lead)
        #expect(entry.author == "Nell Vasey" && entry.recorded == receipt.recorded)
        #expect(entry.made?[.number] == "CAD 77" && entry.summary == "Police contacted: Sgt Orme (Police)")
        let late = given.entry(.action, [.action: "police", .date: given.day(-4)])
        #expect(given.refusal(late, as: try given[.deputy]) == "entry.late-reason")
    }

    @Test("All additional documentation should be dated and signed and kept securely as it may be used as evidence")
    func evidence() throws {
        let given = try Given(.admin)
        let (school, vault, office) = (given.school, given.vault, try given[.admin])
        let bytes = Array("A note of a visit.\n".utf8)
        func file(_ details: FilingDetails) throws -> FilingOutcome {
            let received = try school.receive(bytes, named: "n.txt", for: given.pupil, by: office)
            return try #require(try vault.file([(received, details)], as: office).first)
        }
        if case .filed = try file(FilingDetails(summary: "A note", category: "file-note", date: "")) {
            Issue.record("filed without its date")
        }
        guard
            case .filed(_, let receipt) = try file(
                FilingDetails(
                    summary: "A note", category: "file-note", date: "2017-05-11", signed: "yes", signedBy: "Mrs Hale"))
        else {
            Issue.record("not filed")
            return
        }
        let facts = try vault.document(receipt.document, as: given.lead)
        #expect(facts.fields["date"] == "2017-05-11" && facts.fields["signed"] == "yes")
        #expect(facts.fields["signed_by"] == "Mrs Hale")
        // The very bytes, proved by their digest; and no copy of them lies about in clear.
        #expect(try school.download(receipt.document, by: given.lead) == bytes)
        #expect(receipt.sha256 == sha256(bytes).hex)
        #expect(try !given.isOnDisk("A note of a visit."))
    }

    @Test("Information kept on CPOMS must be only accessed by DSL or Deputy DLS or other relevant nominated staff")
    func onlyTheNominated() throws {
        let given = try Given(.deputy, .admin, .staff, .panel, .accountManager)
        let (school, vault) = (given.school, given.vault)
        let document = try school.file(Array("One.\n".utf8), named: "1.txt", for: given.pupil, by: given[.admin])
            .document
        for reader in [given.lead, try given[.deputy]] {
            #expect(given.reads(reader) == nil && code { _ = try school.download(document, by: reader) } == nil)
        }
        for role in [Role.admin, .staff, .panel, .accountManager] {
            let acting = try given[role]
            #expect(given.reads(acting) == "access.not-entitled", "\(role)")
            #expect(code { _ = try school.download(document, by: acting) } != nil, "\(role)")
            #expect(
                code { _ = try vault.search("visit", in: given.pupil.pupilFile, as: acting) } == "access.not-entitled")
        }
        try school.giveCode(as: given.lead)
        try vault.giveAccess(
            to: given[.staff].person, of: given.pupil.pupilFile, documents: nil, until: given.day(7),
            reason: "Her head of year", as: given.lead)
        #expect(try school.download(document, by: given[.staff]) == Array("One.\n".utf8))
        #expect(try school.kinds().contains("access.refused"), "and who asked is on record")
    }

    @Test("If the incident is child on child, then both sets of parents will be contacted in the first instance")
    func childOnChild() throws {
        let given = try Given(.staff)
        let vault = given.vault
        let details = TriageDetails(
            follows: [.parents], isChildOnChild: true, words: "Both were in it", due: given.day(1))
        for pupil in [given.pupil, given.other] {
            let record = try vault.makeEntry(given.entry(), for: pupil.pupilFile, as: given[.staff]).entry.record
            try vault.triage([record], of: pupil.pupilFile, details, as: given.lead)
        }
        let open = try vault.followUps(as: given.lead)
        #expect(Set(open.map(\.pupil.reference)) == [given.pupil.reference, given.other.reference])
        // Each stays open until it is done, or waived with a reason.
        let hers = try #require(open.first { $0.pupil.pupilFile == given.pupil.pupilFile })
        let his = try #require(open.first { $0.pupil.pupilFile == given.other.pupilFile })
        var told = given.entry(.action, [.action: "parents", .with: "Mrs Whitlock", .outcome: "She knows"])
        told.completes = hers.id
        try given.make(told)
        #expect(try vault.followUps(as: given.lead).map(\.id) == [his.id])
        var waived = given.entry(.waiver, [.account: " "])
        waived.completes = his.id
        #expect(code { try vault.makeEntry(waived, for: given.other.pupilFile, as: given.lead) } == "entry.account")
        waived[.account] = "He lives with nobody who could be told"
        try vault.makeEntry(waived, for: given.other.pupilFile, as: given.lead)
        #expect(try vault.followUps(as: given.lead).isEmpty)
    }

    @Test("If it is felt that by sharing the information with parents, the child is put at greater risk")
    func greaterRisk() throws {
        let given = try Given()
        var referral = given.entry(.action, [.action: "social-care", .with: "Jo Hale", .parents: "greater-risk"])
        #expect(given.refusal(referral) == "entry.parents-reason")
        referral[.parentsReason] = "He would hear of it first"
        let made = try given.made(given.make(referral))
        #expect(made[.parents] == "greater-risk" && made[.parentsReason] == "He would hear of it first")
    }

    @Test(
        "The DSL or Deputy DSL should contact the Parent or carer in the first instance before making an official referral"
    )
    func parentsFirst() throws {
        let given = try Given(.deputy)
        for acting in [given.lead, try given[.deputy]] {
            var referral = given.entry(.action, [.action: "social-care", .with: "Jo Hale"])
            #expect(given.refusal(referral, as: acting) == "entry.parents", "a referral says whether they were")
            referral[.parents] = "contacted"
            #expect(try given.made(given.make(referral, as: acting))[.parents] == "contacted")
        }
        #expect(
            given.refusal(given.entry(.action, [.action: "police", .parents: "contacted"])) == "entry.parents")
    }

    @Test("Except when an allegation of abuse has been made regarding the family and wider family")
    func familyAllegation() throws {
        let given = try Given()
        var referral = given.entry(.action, [.action: "social-care", .with: "Jo Hale", .parents: "family-allegation"])
        #expect(given.refusal(referral) == "entry.parents-reason")
        referral[.parentsReason] = "She spoke of her uncle"
        #expect(try given.made(given.make(referral))[.parents] == "family-allegation")
    }

    // MARK: - 4. Recording and reporting

    @Test("All records must be written verbatim and in a factual manner, including the member of staff, date, time")
    func verbatim() throws {
        let given = try Given(.staff)
        let said = "  “He  said: ‘don’t tell’.”\r\n\tCafe\u{301}  "
        let receipt = try given.make(given.entry(.words, [.account: said]), as: given[.staff])
        let (entry, _, _) = try given.vault.entry(receipt.index, as: given.lead)
        let made = try #require(entry.made)
        #expect(Array(made[.account].utf8) == Array(said.utf8), "letter for letter")
        #expect(made.author == "Amir Oakley" && made[.date] == given.day() && !made[.time].isEmpty)
        #expect(entry.recorded == receipt.recorded)
        // Fact, opinion and hearsay are told apart, and what says none of them is not taken.
        #expect(given.refusal(given.entry(.observation, [.basis: ""])) == "entry.basis")
        #expect(given.refusal(given.entry(.observation, [.date: ""])) == "entry.date")
        #expect(given.refusal(given.entry(.observation, [.account: "  "])) == "entry.account")
    }

    @Test(
        "The record should satisfy the standards expected should the records be requested by the police or for a court case"
    )
    func court() throws {
        let given = try Given(.staff)
        let receipt = try given.make(given.entry(), as: given[.staff])
        let (_, proof, _) = try given.vault.entry(receipt.index, as: given.lead)
        let key = try #require(VerifyingKey(rawRepresentation: Base64.decode(proof.verifyingKey) ?? []))
        let signed = try SignedStatement(
            statement: Array(proof.statement.utf8), signature: #require(Base64.decode(proof.signature)))
        #expect(signed.isSigned(by: key, vault: given.school.founded.vault.bytes))
        let tlog = try TlogProof(parsing: proof.proof)
        let checkpoint = try Checkpoint(parsing: tlog.checkpoint.text)
        #expect(
            Proofs.verifyInclusion(
                leafHash: leafHash(signed.leaf), index: tlog.index, size: checkpoint.size, path: tlog.path,
                root: checkpoint.root))
        // With one word of it changed it proves nothing.
        let forged = try SignedStatement(
            statement: Array(proof.statement.replacing("entry.made", with: "entry.mads").utf8),
            signature: signed.signature)
        #expect(!forged.isSigned(by: key, vault: given.school.founded.vault.bytes))
        #expect(try given.school.verify().holds)
    }

    @Test("Telephone calls with agencies, social workers and parents/carers must be recorded as applicable on CPOMS")
    func calls() throws {
        let given = try Given(.staff)
        let made = try given.made(
            given.make(
                given.entry(
                    .call,
                    [.with: "Jo Hale, social worker", .organisation: "Children’s Services", .number: "01632 960001"]),
                as: given[.staff]))
        #expect(
            made.kind == .call && made[.with] == "Jo Hale, social worker"
                && made[.organisation] == "Children’s Services")
        #expect(given.refusal(given.entry(.call)) == "entry.with", "a call says with whom")
        #expect(given.refusal(given.entry(.call, [.with: "Jo Hale", .time: ""])) == "entry.time", "and when")
    }

    @Test(
        "The CPOMS record should be treated as a chronology of events and should contain any information pertaining to the case"
    )
    func chronology() throws {
        let given = try Given(.staff)
        let second = try given.make(given.entry(), as: given[.staff]).index
        let first = try given.school.file(
            Array("Old.\n".utf8), named: "o.txt", for: given.pupil, date: "2009-03", by: given.lead
        ).index
        let third = try given.make(given.entry(.decision, [.reasons: "As agreed"])).index
        let all = try given.vault.chronology(of: given.pupil.pupilFile, count: .max, as: given.lead)
        #expect(all.entries.map(\.index) == [first, second, third] && all.total == 3, "by when it happened")
        let everything = try given.vault.chronology(
            of: given.pupil.pupilFile, lane: .everything, count: .max, as: given.lead)
        #expect(everything.entries.contains { $0.kind == "chronology.read" }, "who looked is there too")
        #expect(given.reads(try given[.staff]) == "access.not-entitled")
    }

    @Test(
        "If meeting notes are received from external agencies at a meeting the date and time of the meeting needs to be added"
    )
    func meetingNotes() throws {
        let given = try Given()
        func file(_ day: String, _ meeting: MeetingDetails, late: String = "") throws -> DocumentFacts? {
            let received = try given.school.receive(
                Array("Minutes of \(day) \(late).\n".utf8), named: "m.txt", for: given.pupil, by: given.lead)
            let details = FilingDetails(
                summary: "Minutes", category: "meeting-notes", date: day, lateReason: late, meeting: meeting)
            guard case .filed(_, let receipt) = try given.vault.file([(received, details)], as: given.lead).first else {
                return nil
            }
            return try given.vault.document(receipt.document, as: given.lead)
        }
        let meeting = MeetingDetails(
            agency: "social-care", time: "00:01", attendees: "R. Sands, social worker", written: "handwritten")
        let facts = try #require(try file(given.day(), meeting))
        #expect(facts.fields["date"] == given.day() && facts.fields["time"] == "00:01")
        #expect(facts.fields["agency_name"] == "Children’s social care")
        // Without the time, or on another day and without a reason, they are not filed.
        var timeless = meeting
        timeless.time = ""
        #expect(try file(given.day(), timeless) == nil)
        #expect(try file(given.day(-1), meeting) == nil)
        #expect(
            try file(given.day(-1), meeting, late: "They came by post")?.fields["late_reason"] == "They came by post")
    }

    @Test("If meeting notes are recorded by a designated officer at a meeting it is preferable that these are typed")
    func typed() throws {
        let given = try Given()
        let bytes = try fixture("scans/agency-meeting-2017-09-19.docx")
        let receipt = try given.school.file(bytes, named: "notes.docx", for: given.pupil, by: given.lead)
        #expect(try given.school.download(receipt.document, by: given.lead) == bytes)
        // Or straight into the page, as a meeting.
        let made = try given.made(given.make(given.entry(.meeting, [.with: "Jo Hale, Early Help"])))
        #expect(made.kind == .meeting && made[.account] == "A bruise on the left arm.")
    }

    @Test("Paper records can be scanned and uploaded onto CPOMS")
    func scans() throws {
        let given = try Given(.admin)
        for name in [
            "note-photographed-2017-06-12.jpg", "transfer-record-2013-07-22.tif", "home-visit-2014-10-22.pdf",
        ] {
            let bytes = try fixture("scans/" + name)
            let receipt = try given.school.file(bytes, named: name, for: given.pupil, by: given[.admin])
            #expect(try given.school.download(receipt.document, by: given.lead) == bytes, "\(name)")
            #expect(code { _ = try given.school.download(receipt.document, by: given[.admin]) } == "not-found")
        }
    }

    @Test(
        "If any documents or meeting notes are uploaded to CPOMS a record of this needs to be added to the chronology")
    func reference() throws {
        let given = try Given(.admin)
        let before = given.now
        let receipt = try given.school.file(
            Array("A letter.\n".utf8), named: "l.txt", for: given.pupil, date: "2009-03-04", by: given[.admin])
        let all = try given.vault.chronology(of: given.pupil.pupilFile, as: given.lead)
        let entry = try #require(all.entries.first)
        #expect(all.total == 1 && entry.index == receipt.index && entry.document?.id == receipt.document)
        #expect(entry.author == "Maud Tranter" && entry.recorded >= before, "who uploaded it, and when")
        #expect(entry.occurred == "2009-03-04")
        // What is not filed leaves none, and what is filed cannot be filed again without its being seen.
        _ = try given.school.receive(Array("Other.\n".utf8), named: "x.txt", for: given.pupil, by: given[.admin])
        #expect(try given.vault.chronology(of: given.pupil.pupilFile, as: given.lead).total == 1)
    }

    @Test("The reference need only be a brief overview of the uploaded document, as per a paper chronology")
    func overview() throws {
        let given = try Given(.admin)
        let (school, vault, office) = (given.school, given.vault, try given[.admin])
        func file(_ summary: String) throws -> Bool {
            let received = try school.receive(
                Array("Text \(summary.count).\n".utf8), named: "n.txt", for: given.pupil, by: office)
            let details = FilingDetails(summary: summary, category: "letter", date: "2017")
            if case .filed = try #require(try vault.file([(received, details)], as: office).first) { return true }
            return false
        }
        #expect(try file("A letter from her school nurse"))
        #expect(try !file("") && !file(String(repeating: "long ", count: 400)))
        let all = try vault.chronology(of: given.pupil.pupilFile, as: given.lead)
        #expect(all.entries.map(\.summary) == ["A letter from her school nurse"])
    }

    @Test("Telephone, meetings and other information can be recorded directly on to CPOMS")
    func directly() throws {
        let given = try Given(.staff)
        let more: [EntryKind: [EntryField: String]] = [
            .call: [.with: "Jo Hale"], .meeting: [.with: "Jo Hale"], .observation: [:], .words: [:],
            .action: [.action: "talk"], .decision: [.reasons: "As agreed"],
        ]
        for (kind, more) in more {
            let receipt = try given.make(given.entry(kind, more), as: given[.staff])
            #expect(try given.made(receipt).kind == kind)
        }
        #expect(try given.vault.chronology(of: given.pupil.pupilFile, as: given.lead).total == more.count)
    }

    @Test("Any information disclosed to other agencies should be recorded on the CPOMs system")
    func disclosed() throws {
        let given = try Given(.panel)
        let document = try given.school.file(Array("One.\n".utf8), named: "1.txt", for: given.pupil, by: given.lead)
            .document
        #expect(code { _ = try given.school.download(document, by: given[.panel]) } == "not-found")
        // That a copy was taken is recorded before its first byte comes out; to whom it went is an entry.
        _ = try given.school.download(document, by: given.lead)
        try given.make(
            given.entry(
                .action, [.action: "agency", .with: "Jo Hale", .organisation: "Health", .outcome: "Took a copy"]))
        let all = try given.vault.chronology(
            of: given.pupil.pupilFile, lane: .everything, count: .max, as: given.lead
        ).entries
        #expect(
            all.contains { $0.kind == "document.opened" && $0.title == "Copy taken" && $0.author == given.lead.name })
        #expect(all.contains { $0.made?[.action] == "agency" && $0.made?[.organisation] == "Health" })
    }

    // MARK: - School procedure on confidentiality and recording

    @Test("CPOMS should be used by all staff to record incidents and concerns")
    func allStaff() throws {
        let given = try Given(.deputy, .admin, .staff, .panel, .accountManager)
        for acting in [given.lead] + (try [Role.deputy, .admin, .staff].map { try given[$0] }) {
            let receipt = try given.make(given.entry(), as: acting)
            #expect(try given.made(receipt).author == acting.name)
        }
        for role in [Role.panel, .accountManager] {
            #expect(given.refusal(given.entry(), as: try given[role]) == "access.not-entitled", "\(role)")
        }
    }

    @Test("All recording on CPOMS must be factual including dates, times and names of those involved")
    func factual() throws {
        let given = try Given()
        let names = "Jo Hale, her aunt; Mr Fenn, teacher"
        let made = try given.made(given.make(given.entry(.meeting, [.with: names])))
        #expect(made[.with] == names && made[.date] == given.day() && !made[.time].isEmpty && made[.basis] == "fact")
        #expect(given.refusal(given.entry(.meeting)) == "entry.with")
        #expect(given.refusal(given.entry(.meeting, [.with: names, .date: "soon"])) == "entry.date")
        #expect(given.refusal(given.entry(.meeting, [.with: names, .time: "later"])) == "entry.time")
        #expect(given.refusal(given.entry(.meeting, [.with: names, .basis: "rumour"])) == "entry.basis")
    }

    @Test("Include times that information was received and who it was passed to")
    func receivedAndPassedOn() throws {
        let given = try Given(.staff)
        let details = given.entry(
            .observation,
            [
                .date: given.day(-9), .time: "", .received: given.day(), .receivedTime: "00:00",
                .told: "Nell Vasey, deputy", .toldDate: given.day(), .toldTime: "00:00",
            ])
        let made = try given.made(given.make(details, as: given[.staff]))
        #expect(made[.received] == given.day() && made[.receivedTime] == "00:00")
        #expect(made[.told] == "Nell Vasey, deputy" && made[.toldDate] == given.day() && made[.toldTime] == "00:00")
        #expect(given.refusal(given.entry(.observation, [.told: "Nell Vasey"])) == "entry.told-date")
        #expect(given.refusal(given.entry(.observation, [.received: given.day(-1)])) == "entry.received")
    }

    @Test("List any concerns about the child or any relevant, factual information")
    func concerns() throws {
        let given = try Given(.staff)
        try given.make(given.entry(.observation, [.account: "Came without a coat again"]), as: given[.staff])
        try given.make(given.entry(.observation, [.account: "Fell asleep in class"]), as: given[.staff])
        let index = try #require(
            try given.vault.search("coat", in: given.pupil.pupilFile, as: given.lead).entries.first
        ).index
        try given.vault.mark(index, significant: true, as: given.lead)
        let marked = try given.vault.chronology(of: given.pupil.pupilFile, lane: .significant, as: given.lead)
        #expect(marked.entries.map { $0.made?[.account] } == ["Came without a coat again"])
        #expect(code { try given.vault.mark(index, significant: false, as: given[.staff]) } != nil)
    }

    @Test("All information should be treated with the utmost confidentiality and never left in an open place")
    func neverLeftOpen() throws {
        let given = try Given()
        let vault = given.vault
        let token = try vault.sessions.open(given.lead)
        #expect(vault.sessions.resume(token) != nil)
        vault.hide(given.lead, at: "/")
        #expect(vault.hiddenPlace(of: given.lead) == "/", "a hidden screen is a hidden session")
        given.school.clock.advance(seconds: Int64(vault.policies.sessions.idleMinutes) * 60 + 1)
        #expect(vault.sessions.resume(token) == nil, "whoever walked away is signed out")
        try given.make(
            given.entry(.observation, [.account: "Canary in clear"]), as: given.school.signIn(given.school.lead))
        #expect(try !given.isOnDisk("Canary in clear"))
    }

    @Test("Other staff should be informed on a STRICTLY need to know basis")
    func staffNeedToKnow() throws {
        let given = try Given(.staff)
        let (vault, staff) = (given.vault, try given[.staff])
        let document = try given.school.file(Array("One.\n".utf8), named: "1.txt", for: given.pupil, by: given.lead)
            .document
        try given.school.giveCode(as: given.lead)
        let access = try vault.giveAccess(
            to: staff.person, of: given.pupil.pupilFile, documents: [document], until: given.day(7),
            reason: "Teaches her on Thursday", as: given.lead)
        #expect(try given.school.download(document, by: staff) == Array("One.\n".utf8))
        let listed = try #require(try vault.accesses(to: given.pupil.pupilFile, as: given.lead).first)
        #expect(listed.name == staff.name && listed.reason == "Teaches her on Thursday" && listed.isActive)
        try vault.endAccess(access, as: given.lead)
        #expect(code { _ = try given.school.download(document, by: staff) } == "not-found")
        #expect(code { _ = try vault.accesses(to: given.pupil.pupilFile, as: staff) } == "access.not-entitled")
    }

    @Test("No unauthorised person including those with parental responsibility has ACCESS")
    func noOtherPerson() throws {
        let given = try Given()
        let (vault, school) = (given.vault, given.school)
        #expect(throws: VaultError.self) {
            try vault.signIn(name: "Mrs Whitlock", password: "a password of hers", code: "123456")
        }
        // There is no role for parents, and nobody can be invited as nothing.
        try school.giveCode(as: given.lead)
        #expect(code { _ = try vault.invite(name: "Mrs Whitlock", roles: [], as: given.lead) } == "person.no-role")
        #expect(Set(Role.ofPeople) == [.dsl, .deputy, .admin, .staff, .panel, .accountManager])
        // Who reads nothing by role and was given nothing reads nothing; that they asked is recorded.
        let member = try school.signIn(school.add("Bede Farrow", [.staff], by: given.lead))
        #expect(given.reads(member) == "access.not-entitled")
        #expect(try school.kinds().contains("access.refused"))
        for word in [given.pupil.name, "2003-02-17"] { #expect(try !given.isOnDisk(word)) }
    }

    @Test("This policy is reviewed annually by the Head of Centre and the Advisory Panel")
    func reviewed() throws {
        let given = try Given(.panel, .deputy)
        let (vault, panel) = (given.vault, try given[.panel])
        given.school.clock.advance(seconds: 400 * 86_400)
        let lead = try given.school.signIn(given.school.lead)
        #expect(try vault.policyOverdue(as: lead), "a year without a review shows")
        func review(with people: Set<PersonID>, by acting: Acting) -> String? {
            code {
                try vault.recordPolicyReview(
                    of: vault.policies.acceptableUse.version, on: given.day(), with: people, as: acting)
            }
        }
        #expect(review(with: [], by: lead) == "policy.review-panel", "not without the panel")
        #expect(review(with: [lead.person], by: panel) == "access.not-entitled", "nor without the lead")
        #expect(review(with: [panel.person], by: lead) == nil)
        let register = try vault.policyRegister(as: panel)
        #expect(register.reviews.map(\.panel) == [[panel.name]] && register.reviewed == given.day())
        #expect(!register.isOverdue && register.due > given.now)
    }

    // MARK: - Agencies

    /// A request of the police, with its letter filed, and the terms of a permission for one document.
    private func asked(_ given: Given) throws -> (request: RequestID, terms: PermissionTerms, document: DocumentID) {
        let letter = try given.school.file(
            Array("The police ask.\n".utf8), named: "letter.txt", for: given.pupil, by: given.lead
        ).document
        let document = try given.school.file(
            Array("What happened at the gate.\n".utf8), named: "note.txt", for: given.pupil, by: given.lead
        ).document
        let request = try given.vault.recordRequest(
            [
                .agency: "police", .organisation: "Harrowdale Police", .officer: "Tamsin Orde", .rank: "DC",
                .number: "4471", .identityChecked: "Called back", .received: given.day(), .purpose: "An assault",
                .basis: "DPA 2018", .sought: "What is known", .victim: "no",
            ], letter: letter, confirmed: false, of: given.pupil.pupilFile, as: given.lead)
        return (request, PermissionTerms(documents: [document], until: given.day(10), copies: 1), document)
    }

    @Test(
        "Agencies such as the Police/ Children's Social Care may only do so with the permission of the Head of Centre/DSL"
    )
    func agenciesByPermission() throws {
        let given = try Given(.deputy)
        let (request, terms, _) = try asked(given)
        let deputy = try given[.deputy]
        try given.school.giveCode(as: deputy)
        #expect(
            code { _ = try given.vault.givePermission(terms, for: request, as: deputy) } == "permission.leads")
        try given.school.giveCode(as: given.lead)
        let permission = try given.vault.givePermission(terms, for: request, as: given.lead)
        #expect(
            code {
                _ = try given.vault.enterPermission(
                    link: permission.link, code: AccessCode.random().grouped, officer: "Tamsin Orde", number: "4471")
            } == "permission.wrong")
        let token = try given.vault.enterPermission(
            link: permission.link, code: permission.code, officer: "Tamsin Orde", number: "4471")
        #expect(try given.vault.agencySession(token)?.view(0).text() == "What happened at the gate.\n")
    }

    @Test("Information may only be taken with the permission of the Head of Centre/DSL and documents issued recorded")
    func takenByPermission() throws {
        let given = try Given()
        var (request, terms, document) = try asked(given)
        try given.school.giveCode(as: given.lead)
        func session(_ permission: GivenPermission) throws -> AgencySession {
            let token = try given.vault.enterPermission(
                link: permission.link, code: permission.code, officer: "Tamsin Orde", number: "4471")
            return try #require(try given.vault.agencySession(token))
        }
        terms.copies = 0
        let toLook = try given.vault.givePermission(terms, for: request, as: given.lead)
        #expect(code { _ = try session(toLook).pack(section9: nil) } == "permission.view-only")
        terms.copies = 1
        let toTake = try given.vault.givePermission(terms, for: request, as: given.lead)
        var bytes = 0
        try session(toTake).pack(section9: nil).write { bytes += $0.count }
        let issued = try given.vault.request(request, as: given.lead).permissions.last?.issues.first
        #expect(issued?.complete == true && issued?.bytes == UInt64(bytes) && issued?.sha256.count == 64)
        let exhibits = try given.vault.request(request, as: given.lead).permissions.last?.exhibits
        #expect(exhibits?.map(\.document.id) == [document])
    }

    @Test("Written notes taken must be photocopied and a copy retained by the school")
    func notesRetained() throws {
        let given = try Given()
        let (request, terms, document) = try asked(given)
        try given.school.giveCode(as: given.lead)
        let permission = try given.vault.givePermission(terms, for: request, as: given.lead)
        let visit = try given.vault.recordVisit(
            [.officer: "DC Orde", .day: given.day(), .time: "10:15 to 11:00", .present: "The lead", .read: "The note"],
            under: permission.id, as: given.lead)
        #expect(code { try given.vault.closeVisit(visit, notes: nil, words: " ", as: given.lead) } == "visit.notes")
        try given.vault.closeVisit(visit, notes: document, words: "", as: given.lead)
        let closed = try given.vault.request(request, as: given.lead).permissions.first?.visits.first?.closed
        #expect(closed?.notes == document)
    }

    @Test("We inform the child at all stages of who is involved, and what information we have given them")
    func childInformed() throws {
        let given = try Given()
        let (request, terms, _) = try asked(given)
        try given.school.giveCode(as: given.lead)
        let permission = try given.vault.givePermission(terms, for: request, as: given.lead)
        #expect(try given.vault.request(request, as: given.lead).permissions.first?.isChildOpen == true)
        try given.vault.recordInformed(
            ChildInformed(told: false, words: "It would put her at risk.", review: given.day(7)), of: permission.id,
            as: given.lead)
        given.school.clock.advance(seconds: 9 * 86_400)
        let lead = try given.school.signIn(given.school.lead)
        let informed = try given.vault.request(request, as: lead).permissions.first?.informed
        #expect(informed?.first?.isOverdue == true)
        try given.vault.recordInformed(
            ChildInformed(told: true, words: "That the police have one paper.", day: given.day(), by: "The lead"),
            of: permission.id, as: lead)
        #expect(try given.vault.request(request, as: lead).permissions.first?.informed.last?.told == true)
    }
}
