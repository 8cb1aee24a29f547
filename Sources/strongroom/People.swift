import ArgumentParser
import Custody
import Foundation
import Records

/// `strongroom init`
struct Initialise: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make a vault with its first safeguarding lead.")

    @OptionGroup var vault: VaultOptions
    @Option(help: "The lead's name, as it will be typed at sign-in.")
    var name: String
    @Option(help: "The directory with the school's policies.")
    var policies = "policies"
    @Option(help: "Read {\"password\":…} from this descriptor instead of asking.")
    var secretsFd: Int32?
    @Flag(help: "Answer as JSON.")
    var json = false

    func run() throws {
        let password: String
        if let secretsFd {
            password = try SecretLines(descriptor: secretsFd).next().password ?? ""
        } else {
            password = try Terminal.askSecret("New password of \(name), at least 15 characters")
            guard try Terminal.askSecret("The same again") == password else {
                throw ValidationError("The two passwords differ.")
            }
        }
        let founded = try Vault.create(at: vault.location, policies: policies, founder: name, password: password)
        if json {
            struct Answer: Encodable { let vault, person, authenticator: String }
            try Terminal.json(
                Answer(
                    vault: founded.vault.text, person: founded.founder.text,
                    authenticator: founded.authenticatorSecret))
            return
        }
        Terminal.say(
            """
            The vault is made: \(try vault.location.vault)
            Its secrets are in \(try vault.location.secrets): keep that directory apart from the vault's backups.

            Enter this in \(name)'s authenticator app; it is shown only now:
              \(founded.authenticatorSecret)

            Next, in a browser or here: read the policy (strongroom person acknowledge --as "\(name)") and record your training
            (strongroom person training "\(name)" --completed DAY --as "\(name)"). Then strongroom pupil import REGISTER.csv,
            and strongroom person invite.
            """)
    }
}

/// `strongroom person`
struct PersonCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "person", abstract: "People who can sign in.",
        subcommands: [
            Invite.self, Join.self, Keys.self, Acknowledge.self, Training.self, Reset.self, List.self, Suspend.self,
            Restore.self,
        ])

    struct Invite: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Invite somebody by name and role: prints a code that counts once, for 24 hours.")
        @OptionGroup var acting: ActingOptions
        @Option(name: .customLong("name"), help: "The new person's name.")
        var newName: String
        @Option(help: "A role; may be repeated.")
        var role: [String] = []
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            let roles = try PersonCommand.roles(role)
            let invitation = try acting.acting { vault, acting in
                try vault.invite(name: newName, roles: roles, as: acting)
            }
            try PersonCommand.show(invitation, json: json)
        }
    }

    struct Reset: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a person join again with fresh keys, or give a fresh code to who has not joined yet.")
        @Argument(help: "The person's name.")
        var person: String
        @Option(help: "What they are from then on; may be repeated (default: what they are now).")
        var role: [String] = []
        @OptionGroup var acting: ActingOptions
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            let roles = try role.isEmpty ? nil : PersonCommand.roles(role)
            let invitation = try acting.acting { vault, acting in
                try vault.reset(somebody(named: person, vault, acting).id, to: roles, as: acting)
            }
            try PersonCommand.show(invitation, json: json)
        }
    }

    private static func roles(_ names: [String]) throws -> Set<Role> {
        Set(
            try names.map { name in
                guard let role = Role(rawValue: name) else {
                    throw ValidationError("There is no role \(name): \(Role.ofPeople.map(\.rawValue)).")
                }
                return role
            })
    }

    private static func show(_ invitation: Invitation, json: Bool) throws {
        if json {
            struct Answer: Encodable { let person, code, expires: String }
            try Terminal.json(
                Answer(
                    person: invitation.person.text, code: invitation.code, expires: invitation.expires.iso8601))
            return
        }
        Terminal.say(
            """
            For joining alone, once, until \(invitation.expires.iso8601); shown only now:
              \(invitation.code)
            Give it to \(invitation.name) yourself. They join in a browser (Join with an invitation), or with:
              strongroom person join --name "\(invitation.name)"
            Then compare their keys with them:  strongroom person keys "\(invitation.name)"
            """)
    }

    struct Join: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Join with an invitation: own password, authenticator, recovery codes.")
        @OptionGroup var vault: VaultOptions
        @Option(help: "Your name, as it stands on the invitation.")
        var name: String
        @Option(help: "Read {\"invitation\":…,\"password\":…}, then {\"code\":…} from this descriptor.")
        var secretsFd: Int32?
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            let vault = try Vault(opening: vault.location)
            defer { vault.shutdown() }
            let lines = secretsFd.map { SecretLines(descriptor: $0) }
            let first = try lines?.next()
            let invitation = try first?.invitation ?? Terminal.askSecret("The invitation's code")
            let password: String
            if let given = first?.password {
                password = given
            } else {
                password = try Terminal.askSecret("A password of your own, at least 15 characters")
                guard try Terminal.askSecret("The same again") == password else {
                    throw ValidationError("The two passwords differ.")
                }
            }
            let acting = try vault.join(name: name, code: invitation, password: password)
            guard let secret = vault.authenticatorSecret(of: acting) else { throw VaultError.notFound }
            if json {
                struct Answer: Encodable { let authenticator: String }
                try Terminal.json(Answer(authenticator: secret))
            } else {
                Terminal.say("Enter this in the authenticator app; it is shown only now:\n  \(secret)")
            }
            try vault.enrol(acting, code: lines?.next().code ?? Terminal.ask("Code from the authenticator"))
            let codes = try vault.firstRecoveryCodes(of: acting)
            let words = try vault.fingerprintWords(of: acting.person, as: acting) ?? []
            try vault.signOut(acting)
            if json {
                struct Answer: Encodable { let recoveryCodes, words: [String] }
                try Terminal.json(Answer(recoveryCodes: codes, words: words))
                return
            }
            Terminal.say(
                """
                Ten recovery codes, each good once in place of the authenticator's. Keep them on paper:
                  \(codes.joined(separator: "\n  "))
                Read these words to the safeguarding lead, who compares them and gives you your keys:
                  \(words.joined(separator: " "))
                Then read the policy:  strongroom person acknowledge --as "\(name)"
                """)
        }
    }

    struct Keys: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compare the words of somebody's keys with them, and give them the keys of their roles.")
        @Argument(help: "The person's name.")
        var person: String
        @OptionGroup var acting: ActingOptions
        @Option(
            help: "The eight words as the person read them; else they are shown, and it is asked whether they agree.")
        var words: String?

        func run() throws {
            let proposed: ProposalID? = try acting.acting { vault, acting in
                let id = try somebody(named: person, vault, acting).id
                guard let own = try vault.fingerprintWords(of: id, as: acting) else {
                    throw VaultError.refused(.invitationUnused)
                }
                var read = words.map { $0.lowercased().split(whereSeparator: \.isWhitespace).map(String.init) }
                if read == nil {
                    Terminal.say(
                        "Ask them to read their eight words. These are yours:\n  \(own.joined(separator: " "))")
                    let answer = try Terminal.ask("Are all eight the same? Type yes")
                    read = answer.lowercased() == "yes" ? own : []
                }
                do {
                    try vault.confirm(id, words: read ?? [], as: acting)
                    return nil
                } catch VaultError.refused(.secondPersonNeeded) {
                    return try vault.proposeKeys(of: id, words: read ?? [], as: acting)
                }
            }
            if let proposed { try ProposalCommand.wait(for: proposed) }
            Terminal.say("They have the keys that their role needs.")
        }
    }

    struct Acknowledge: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Read the policy in force and acknowledge it.")
        @OptionGroup var acting: ActingOptions
        @Option(help: "The version that you have read already; else the policy is shown, and it is asked.")
        var policyVersion: String?

        func run() throws {
            try acting.acting { vault, acting in
                let policy = vault.policies.acceptableUse
                if policyVersion == nil {
                    Terminal.say("\(policy.title), version \(policy.version), reviewed on \(policy.reviewed)")
                    for section in policy.sections { Terminal.say("\n\(section.heading)\n\(section.text)") }
                    guard try Terminal.ask("\nI have read this policy and keep to it. Type yes").lowercased() == "yes"
                    else {
                        throw ValidationError("The policy was not acknowledged.")
                    }
                }
                try vault.acknowledgePolicy(version: policyVersion ?? policy.version, as: acting)
            }
            Terminal.say("Acknowledged.")
        }
    }

    struct Training: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Record a safeguarding training of somebody.")
        @Argument(help: "The person's name.")
        var person: String
        @Option(help: "The day on which they completed it.")
        var completed: String
        @OptionGroup var acting: ActingOptions

        func run() throws {
            try acting.acting { vault, acting in
                try vault.recordTraining(
                    of: somebody(named: person, vault, acting).id, completed: completed, as: acting)
            }
            Terminal.say("Recorded.")
        }
    }

    struct Suspend: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a person's access at once: signed out everywhere, and in no more until restored.")
        @Argument(help: "The person's name.")
        var person: String
        @OptionGroup var acting: ActingOptions

        func run() throws {
            try acting.acting { vault, acting in
                try vault.suspend(somebody(named: person, vault, acting).id, as: acting)
            }
            Terminal.say(
                "Suspended. A server that runs ends their sessions within a minute, and gives them nothing now.")
        }
    }

    struct Restore: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a suspended person sign in again.")
        @Argument(help: "The person's name.")
        var person: String
        @OptionGroup var acting: ActingOptions

        func run() throws {
            try acting.acting { vault, acting in
                try vault.restore(somebody(named: person, vault, acting).id, as: acting)
            }
            Terminal.say("They sign in again with the password and authenticator they had.")
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Everyone.")
        @OptionGroup var acting: ActingOptions
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            let people = try acting.acting { vault, acting in try vault.people(as: acting) }
            struct Answer: Encodable {
                let person, name: String
                let roles: [String]
                let steps: [String]
                let invitedUntil: String?
                let trained: String?
                let suspended: String?
            }
            for person in people {
                let roles = person.roles.map(\.rawValue).sorted()
                if json {
                    try Terminal.json(
                        Answer(
                            person: person.id.text, name: person.name, roles: roles,
                            steps: person.standing.steps.map(\.rawValue),
                            invitedUntil: person.standing.invitedUntil?.iso8601, trained: person.standing.trained,
                            suspended: person.suspended?.iso8601))
                } else {
                    let state =
                        person.suspended != nil
                        ? ", suspended"
                        : person.standing.invitedUntil != nil
                            ? ", invited"
                            : person.standing.steps.isEmpty
                                ? "" : ", to do: " + person.standing.steps.map(\.rawValue).joined(separator: ", ")
                    Terminal.say("\(person.name) (\(roles.joined(separator: ", ")))\(state)")
                }
            }
        }
    }
}

/// `strongroom pupil`
struct PupilCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pupil", abstract: "The register of pupils.", subcommands: [Import.self, List.self])

    struct Import: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put the pupils of a CSV on the register (name,date_of_birth,upn,enrolled).")
        @Argument(help: "The CSV, or - for standard input.")
        var file: String
        @OptionGroup var acting: ActingOptions
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            let csv = try Input.text(file)
            let done = try acting.acting { vault, acting in try vault.importPupils(csv: csv, as: acting) }
            if json {
                struct Line: Encodable {
                    let line: Int
                    let code: String
                }
                struct Answer: Encodable {
                    let added: [String]
                    let already: [Int]
                    let refused: [Line]
                }
                try Terminal.json(
                    Answer(
                        added: done.added.map(\.reference), already: done.already,
                        refused: done.refused.map { Line(line: $0.line, code: $0.refusal.code) }))
            } else {
                Terminal.say("\(done.added.count) added, \(done.already.count) were on the register already.")
            }
            for line in done.refused { Terminal.explain(line.refusal, about: "line \(line.line)") }
            if !done.refused.isEmpty { throw Stop.refused }
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The register, by name.")
        @OptionGroup var acting: ActingOptions
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            let pupils = try acting.acting { vault, acting in try vault.pupils(as: acting) }
            struct Answer: Encodable { let reference, name, dateOfBirth, upn, enrolled: String }
            for pupil in pupils {
                if json {
                    try Terminal.json(
                        Answer(
                            reference: pupil.reference, name: pupil.name, dateOfBirth: pupil.dateOfBirth,
                            upn: pupil.upn, enrolled: pupil.enrolled))
                } else {
                    Terminal.say("\(pupil.reference)  \(pupil.name), born \(pupil.yearOfBirth)")
                }
            }
        }
    }
}

/// Text that is an input.
enum Input {
    static func text(_ path: String) throws -> String {
        let data =
            path == "-"
            ? try FileHandle.standardInput.readToEnd() ?? Data() : FileManager.default.contents(atPath: path)
        guard let data else { throw ValidationError("The file cannot be read.") }
        guard let text = String(data: data, encoding: .utf8) else {
            throw ValidationError("The file is not UTF-8 text.")
        }
        return text
    }
}
