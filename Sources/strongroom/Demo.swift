import ArgumentParser
import Custody
import Dispatch
import Foundation
import Records
import Sealing
import Web

/// `strongroom demo`: a fictional school in a vault of its own.
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A fictional school with sample scans, served at https://localhost:8443.",
        subcommands: [Run.self, Code.self, End.self], defaultSubcommand: Run.self)

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make the school and serve it (the default).")
        @Option(help: "Where to make it (default: strongroom-demo in the temporary directory); made anew each time.")
        var directory = DemoSchool.defaultDirectory
        @Option(help: "The directory with the policies.")
        var policies = "policies"
        @Option(help: "The directory with the sample scans.")
        var samples = "fixtures/scans"
        @Option(help: "The school's register, CSV.")
        var register = "fixtures/register/pupils.csv"
        @Option(help: "The port.")
        var port = 8443
        @Flag(help: "Return when the sign-in page answers; the server goes on in the background.")
        var detach = false

        func run() async throws {
            let school = DemoSchool(directory: directory)
            if let process = try school.endBackground() {
                Terminal.say("Ended the demo that ran in the background as process \(process): it is made anew.")
            }
            // The school of a demo that still runs in front must not be replaced under it.
            try Server.requireFree(port: port)
            let receipts = try school.make(policies: policies, samples: samples, register: register)
            Terminal.say(
                """

                \(receipts) sample documents are filed at Harrowdale School, which is invented, like everyone in it.

                Sign in with name, password and code:
                """)
            for person in school.people {
                Terminal.say(
                    "  \(person.name.padding(toLength: 16, withPad: " ", startingAt: 0))"
                        + "\(person.role.title.padding(toLength: 28, withPad: " ", startingAt: 0))\(DemoSchool.password)"
                )
            }
            Terminal.say(
                """

                A code is good for one sign-in. For the current one:  scripts/demo code "Sam Patel"
                Try: sign in as Sam Patel and file a scan; then as Dana Okafor and read the chronology. A request of
                the police waits there for a decision: give a permission, and open its link in another browser.
                The browser warns of the certificate, which the demo made itself: that is expected here.

                """)
            let address = school.location
            let certificate = try school.secret("tls-certificate.pem")
            let key = try school.secret("tls-key.pem")
            if detach {
                try school.serveInBackground(port: port)
            } else {
                try await Server(location: address, host: "127.0.0.1", port: port, certificate: certificate, key: key)
                    .run()
            }
        }
    }

    struct End: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "stop", abstract: "End the demo that runs in the background.")
        @Option(help: "Where the demo was made.")
        var directory = DemoSchool.defaultDirectory

        func run() throws {
            let process = try DemoSchool(directory: directory).endBackground()
            Terminal.say(process.map { "Ended: process \($0)." } ?? "No demo runs in the background.")
        }
    }

    struct Code: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The current authenticator code of one of the demo's people.")
        @Argument(help: "The person's name.")
        var name: String
        @Option(help: "Where the demo was made.")
        var directory = DemoSchool.defaultDirectory

        func run() throws {
            let secrets = try DemoSchool(directory: directory).authenticators()
            guard let secret = secrets[name] else {
                throw ValidationError("The demo has: \(secrets.keys.sorted().joined(separator: ", ")).")
            }
            Terminal.say(try DemoSchool.code(secret, step: UInt64(Date().timeIntervalSince1970) / 30))
        }
    }
}

/// The fictional school.
struct DemoSchool {
    struct Person {
        let name: String
        let role: Role
    }

    static let password = "lantern-orchard-velvet-44"
    static var defaultDirectory: String { NSTemporaryDirectory() + "strongroom-demo-\(geteuid())" }

    let directory: String
    let people = [
        Person(name: "Dana Okafor", role: .dsl), Person(name: "Priya Shah", role: .deputy),
        Person(name: "Sam Patel", role: .admin), Person(name: "Amir Oakley", role: .staff),
        Person(name: "Morgan Ellis", role: .panel), Person(name: "Nell Farrow", role: .accountManager),
    ]

    var location: Vault.Location { Vault.Location(vault: directory + "/vault") }

    /// Set up a few minutes ago, so that every code of the present is still unused.
    private struct EarlierClock: Records.Clock {
        func now() -> Timestamp { Timestamp(milliseconds: SystemClock().now().milliseconds - 300_000) }
        func monotonic() -> MonotonicTime { SystemClock().monotonic() }
    }

    /// Makes the vault, its people and its register, and files the samples; gives how many.
    func make(policies: String, samples: String, register: String) throws -> Int {
        Terminal.say("Making a fictional school in \(directory) …")
        let files = FileManager.default
        try? files.removeItem(atPath: directory)
        try files.createDirectory(
            atPath: directory + "/policies", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        for name in Policies.fileNames {
            var text = try Input.text(policies + "/" + name)
            // The demo's passwords are printed: they are hashed at the lowest profile, to be quick.
            if name == "sessions.yaml" {
                text = text.replacingOccurrences(of: "argon2-memory-mib: 256", with: "argon2-memory-mib: 64")
            }
            try Data(text.utf8).write(to: URL(fileURLWithPath: directory + "/policies/" + name))
        }
        let clock = EarlierClock()
        let founded = try Vault.create(
            at: location, policies: directory + "/policies", founder: people[0].name, password: Self.password,
            clock: clock)
        let vault = try Vault(opening: location, clock: clock)
        defer { vault.shutdown() }
        var authenticators = [people[0].name: founded.authenticatorSecret]
        let lead = try signIn(people[0].name, founded.authenticatorSecret, vault)
        let today = String(clock.now().iso8601.prefix(10))
        try vault.acknowledgePolicy(version: vault.policies.acceptableUse.version, as: lead)
        try vault.recordTraining(of: lead.person, completed: today, as: lead)
        let pupils = try vault.importPupils(csv: Input.text(register), as: lead).added
        for person in people.dropFirst() {
            let invitation = try vault.invite(name: person.name, roles: [person.role], as: lead)
            let acting = try vault.join(name: person.name, code: invitation.code, password: Self.password)
            guard let secret = vault.authenticatorSecret(of: acting) else { throw VaultError.notFound }
            authenticators[person.name] = secret
            // The code before, so that this person can sign in within the same half minute.
            try vault.enrol(acting, code: Self.code(secret, step: Self.step - 1))
            try vault.acknowledgePolicy(version: vault.policies.acceptableUse.version, as: acting)
            guard let words = try vault.fingerprintWords(of: acting.person, as: lead) else { throw VaultError.notFound }
            try vault.confirm(acting.person, words: words, as: lead)
            try vault.recordTraining(of: acting.person, completed: today, as: lead)
            try vault.signOut(acting)
        }
        try save(authenticators)
        try makeCertificate()
        guard let office = people.first(where: { $0.role == .admin }), let secret = authenticators[office.name] else {
            return 0
        }
        let acting = try signIn(office.name, secret, vault)
        let filed = try file(samples, pupils, vault, acting)
        try vault.signOut(acting)
        try record(pupils, vault, lead)
        if let pupil = pupils.first { try ask(about: pupil, vault, lead) }
        try vault.signOut(lead)
        return filed
    }

    private func signIn(_ name: String, _ secret: String, _ vault: Vault) throws -> Acting {
        try vault.signIn(name: name, password: Self.password, code: Self.code(secret, step: Self.step))
    }

    /// The authenticators' step now, by the clock that the vault is made with: making it may take longer than one.
    private static var step: UInt64 { UInt64(EarlierClock().now().milliseconds) / 30_000 }

    /// What the sample scans are, by how their names begin.
    private static let samples: [(prefix: String, category: String, summary: String)] = [
        ("attendance-letter", "attendance", "Letter to parents about poor attendance"),
        ("referral-letter", "referral", "Referral to social care, with reasons"),
        ("home-visit", "file-note", "Note of a home visit by the pastoral lead"),
        ("case-conference", "conference", "Minutes of the initial child protection conference"),
        ("note-photographed", "concern", "Handwritten note of concern, photographed"),
        ("transfer-record", "file-note", "Transfer record from the previous school"),
        ("agency-meeting", "meeting-notes", "Notes of a meeting with social care and health"),
        ("school-nurse", "letter", "E-mail from the school nurse"),
        ("telephone-call", "telephone", "Note of a telephone call with a social worker"),
    ]

    private func file(_ samples: String, _ pupils: [Pupil], _ vault: Vault, _ acting: Acting) throws -> Int {
        var filings: [(received: Received, details: FilingDetails)] = []
        let folder = URL(fileURLWithPath: samples)
        for (number, sample) in Self.samples.enumerated() {
            let names = try FileManager.default.contentsOfDirectory(atPath: samples).sorted()
            guard let name = names.first(where: { $0.hasPrefix(sample.prefix) }), !pupils.isEmpty else { continue }
            // Most of them are about one pupil, so that there is a history to look at.
            let pupil = pupils[number % 3 == 2 ? number % pupils.count : 0]
            let bytes = try Data(contentsOf: folder.appendingPathComponent(name))
            let stem = name.prefix { $0 != "." }
            filings.append(
                (
                    try receive(bytes, named: name, for: pupil, vault, acting),
                    FilingDetails(
                        summary: sample.summary, category: sample.category, date: String(stem.suffix(10)),
                        signed: "unknown")
                ))
        }
        var filed = 0
        for outcome in try vault.file(filings, as: acting) {
            switch outcome {
            case .filed, .queued: filed += 1
            case .refused(_, let refusal): Terminal.explain(refusal, about: "a sample scan")
            }
        }
        return filed
    }

    private func receive(
        _ bytes: Data, named name: String, for pupil: Pupil, _ vault: Vault, _ acting: Acting
    ) throws -> Received {
        var reception = try vault.beginUpload(
            UploadRequest(
                pupilFile: pupil.pupilFile, filename: name, declaredBytes: UInt64(bytes.count), wantsProposal: false),
            as: acting)
        try bytes.withUnsafeBytes { try reception.append($0) }
        return try reception.finish()
    }

    private static let letter = """
        HARROW VALE POLICE
        Child Protection Team

        To the designated safeguarding lead

        We are looking into an assault on a child in 2016. We ask the school for the minutes of the child protection
        conference of November 2016, and for the referral that came before it.

        The request is made under paragraph 2 of schedule 2 to the Data Protection Act 2018. Please call me back through
        the switchboard before you answer.

        Ann Exley, detective constable 4411
        01632 960111

        """

    /// What the police ask for, by a letter that is filed first: it waits for the lead's decision.
    private func ask(about pupil: Pupil, _ vault: Vault, _ lead: Acting) throws {
        let today = SchoolTime(vault.policies.school.timezone).day(of: EarlierClock().now())
        let received = try receive(Data(Self.letter.utf8), named: "police-request.txt", for: pupil, vault, lead)
        let details = FilingDetails(
            summary: "Written request of the police, for papers of 2015 and 2016", category: "letter", date: today,
            signed: "yes",
            signedBy: "Ann Exley")
        guard case .filed(_, let receipt)? = try vault.file([(received, details)], as: lead).first else {
            throw ValidationError("The written request could not be filed.")
        }
        _ = try vault.recordRequest(
            [
                .agency: "police", .organisation: "Harrow Vale Police", .officer: "Ann Exley",
                .rank: "Detective constable", .number: "4411", .contact: "01632 960111",
                .identityChecked: "Called back through the switchboard of the force", .received: today,
                .purpose: "An enquiry into an assault on a child in 2016",
                .basis: "Paragraph 2 of schedule 2 to the Data Protection Act 2018",
                .sought: "The minutes of the conference of November 2016, and the referral before it",
                .victim: "no",
            ], letter: receipt.document, confirmed: false, of: pupil.pupilFile, as: lead)
    }

    /// What the lead has written of late, and what stands out of the old papers: so that there is a chronology to look at.
    private func record(_ pupils: [Pupil], _ vault: Vault, _ lead: Acting) throws {
        guard pupils.count > 1 else { return }
        let school = SchoolTime(vault.policies.school.timezone)
        let now = EarlierClock().now()
        let (today, time) = (school.day(of: now), school.moment(of: now).minute)
        let week = school.day(of: Timestamp(milliseconds: now.milliseconds + 7 * 86_400_000))
        try vault.makeEntry(
            EntryDetails(
                kind: .observation,
                values: [
                    .basis: "fact", .date: today, .account: "Alone at break again, and would not say why.",
                    .followUp: "Talk with his form tutor", .followUpDue: week,
                ]), for: pupils[0].pupilFile, as: lead)
        let notes = MeetingDraft(
            pupilFile: pupils[0].pupilFile,
            details: FilingDetails(
                summary: "Family support is offered until the summer", category: "meeting-notes", date: today,
                meeting: MeetingDetails(
                    agency: "social-care", time: "\(time / 1000)\(time / 100 % 10):\(time / 10 % 10)\(time % 10)",
                    attendees: "R. Sands, social worker\nJ. Ormerod, school nurse\n\(lead.name)"),
                alsoAbout: [
                    AlsoAbout(
                        pupilFile: pupils[1].pupilFile,
                        summary: "Mentioned by the family support worker; nothing follows")
                ]),
            text: "Family support will visit each week until the summer.\nThe school sends the attendance each Friday.")
        try vault.keep(notes, as: lead)
        _ = try vault.file(notes.id, as: lead)
        let filed = try vault.chronology(of: pupils[0].pupilFile, as: lead).entries
        for entry in filed where ["referral", "conference"].contains(entry.document?.fields["category"]) {
            try vault.mark(entry.index, significant: true, as: lead)
        }
    }

    private func makeCertificate() throws {
        let certificate = try DemoCertificate()
        for (name, text) in [
            ("tls-certificate.pem", certificate.certificatePEM), ("tls-key.pem", certificate.privateKeyPEM),
        ] {
            let path = location.secrets + "/" + name
            guard
                FileManager.default.createFile(
                    atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
            else { throw ValidationError("\(path) cannot be written.") }
        }
    }

    func secret(_ name: String) throws -> String { try Input.text(location.secrets + "/" + name) }

    private func save(_ authenticators: [String: String]) throws {
        try JSONEncoder().encode(authenticators).write(to: URL(fileURLWithPath: directory + "/authenticators.json"))
    }

    func authenticators() throws -> [String: String] {
        guard let data = FileManager.default.contents(atPath: directory + "/authenticators.json") else {
            throw ValidationError("There is no demo in \(directory): start one with scripts/demo.")
        }
        return try JSONDecoder().decode([String: String].self, from: data)
    }

    /// The code that an authenticator with this BASE32 secret shows.
    static func code(_ secret: String, step: UInt64) throws -> String {
        var bytes: [UInt8] = []
        var held = 0
        var bits = 0
        for character in secret {
            guard let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".firstIndex(of: character) else { continue }
            held =
                held << 5
                | "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".distance(
                    from: "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".startIndex, to: value)
            bits += 5
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(held >> bits & 255))
                held &= (1 << bits) - 1
            }
        }
        return OneTimeCode.code(secret: try SecretBytes(copying: bytes), step: step)
    }

    /// Starts the server as a process of its own and returns when it listens.
    /// Names the server that was left in the background.
    private var processFile: String { directory + "/server.pid" }

    /// Ends the server that was left in the background, as an operator would; gives its process, nil where none runs.
    func endBackground() throws -> pid_t? {
        guard let text = try? String(contentsOfFile: processFile, encoding: .utf8), let process = pid_t(text),
            isOurServer(process)
        else { return nil }
        kill(process, SIGTERM)
        let deadline = Date().addingTimeInterval(30)
        while isOurServer(process) {
            guard Date() < deadline else { throw ValidationError("Process \(process) does not end.") }
            usleep(50_000)
        }
        return process
    }

    /// The number may be another program's by now.
    private func isOurServer(_ process: pid_t) -> Bool {
        let arguments = FileManager.default.contents(atPath: "/proc/\(process)/cmdline").map {
            $0.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        }
        return arguments?.contains("serve") == true && arguments?.contains(location.vault) == true
    }

    func serveInBackground(port: Int) throws {
        let log = directory + "/server.log"
        guard FileManager.default.createFile(atPath: log, contents: nil, attributes: [.posixPermissions: 0o600]),
            let output = FileHandle(forWritingAtPath: log)
        else {
            throw ValidationError("\(log) cannot be written.")
        }
        let server = Process()
        server.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        server.arguments = ["serve", "--vault", location.vault, "--port", String(port)]
        server.standardInput = FileHandle.nullDevice
        server.standardOutput = output
        server.standardError = output
        try server.run()
        try String(server.processIdentifier).write(toFile: processFile, atomically: true, encoding: .utf8)
        let deadline = Date().addingTimeInterval(30)
        while Date() < deadline {
            let said = try Input.text(log)
            if said.contains("https://") {
                Terminal.say(
                    "\(said.split(separator: "\n").first ?? "")\nIt goes on in the background; to end it:  scripts/demo stop"
                )
                return
            }
            if !server.isRunning {
                Terminal.say(said, to: .standardError)
                throw Stop(code: server.terminationStatus)
            }
            usleep(100_000)
        }
        server.terminate()
        throw ValidationError("The server did not come up within 30 seconds; see \(log).")
    }
}
