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

            Next: strongroom pupil import REGISTER.csv --as "\(name)", then strongroom person add.
            """)
    }
}

/// `strongroom person`
struct PersonCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "person", abstract: "People who can sign in.",
        subcommands: [Add.self, Enrol.self, List.self, Suspend.self, Restore.self])

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Add a person, with a one-time password.")
        @OptionGroup var acting: ActingOptions
        @Option(name: .customLong("name"), help: "The new person's name.")
        var newName: String
        @Option(help: "A role; may be repeated.")
        var role: [String] = []
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            let roles = try role.map { name in
                guard let role = Role(rawValue: name) else {
                    throw ValidationError("There is no role \(name): \(Role.ofPeople.map(\.rawValue)).")
                }
                return role
            }
            let new = try acting.acting { vault, acting in
                try vault.addPerson(name: newName, roles: Set(roles), as: acting)
            }
            if json {
                struct Answer: Encodable { let person, oneTimePassword: String }
                try Terminal.json(Answer(person: new.id.text, oneTimePassword: new.oneTimePassword))
                return
            }
            Terminal.say(
                """
                Added. For the first sign-in alone, shown only now:
                  \(new.oneTimePassword)
                At the first sign-in they choose their own password and set up an authenticator.
                """)
        }
    }

    struct Enrol: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Finish a first sign-in: own password, authenticator.")
        @OptionGroup var vault: VaultOptions
        @Option(name: .customLong("as"), help: "The person's name.")
        var name: String
        @Option(help: "Read {\"password\":…}, then {\"new_password\":…,\"code\":…} from this descriptor.")
        var secretsFd: Int32?
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            let vault = try Vault(opening: vault.location)
            defer { vault.shutdown() }
            let lines = secretsFd.map { SecretLines(descriptor: $0) }
            let password = try lines?.next().password ?? Terminal.askSecret("One-time password")
            guard case .enrolment(let acting) = try vault.signIn(name: name, password: password, code: ""),
                let secret = vault.authenticatorSecret(of: acting)
            else {
                throw VaultError.refused(
                    Refusal(
                        code: "enrol.done", message: "The first sign-in is finished already.", hint: "Sign in."))
            }
            if json {
                struct Answer: Encodable { let authenticator: String }
                try Terminal.json(Answer(authenticator: secret))
            } else {
                Terminal.say("Enter this in the authenticator app; it is shown only now:\n  \(secret)")
            }
            let line = try lines?.next()
            let new = try line?.newPassword ?? Terminal.askSecret("Own password, at least 15 characters")
            let code = try line?.code ?? Terminal.ask("Code from the authenticator")
            try vault.enrol(acting, newPassword: new, code: code)
            if !json { Terminal.say("Done. Sign in with the new password from now on.") }
        }
    }

    struct Suspend: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a person's access at once: signed out everywhere, and in no more until restored.")
        @Argument(help: "The person's name.")
        var person: String
        @OptionGroup var acting: ActingOptions

        func run() throws {
            try acting.acting { vault, acting in try vault.suspend(one(named: person, vault, acting), as: acting) }
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
            try acting.acting { vault, acting in try vault.restore(one(named: person, vault, acting), as: acting) }
            Terminal.say("They sign in again with the password and authenticator they had.")
        }
    }

    private static func one(named name: String, _ vault: Vault, _ acting: Acting) throws -> PersonID {
        let wanted = name.lowercased()
        guard let person = try vault.people(as: acting).first(where: { $0.name.lowercased() == wanted }) else {
            throw VaultError.refused(.personUnknown)
        }
        return person.id
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
                let enrolled: Bool
                let suspended: String?
            }
            for person in people {
                let roles = person.roles.map(\.rawValue).sorted()
                if json {
                    try Terminal.json(
                        Answer(
                            person: person.id.text, name: person.name, roles: roles, enrolled: person.enrolled,
                            suspended: person.suspended?.iso8601))
                } else {
                    let state =
                        person.suspended != nil ? ", suspended" : person.enrolled ? "" : ", not signed in yet"
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

/// `strongroom policy`
struct PolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "The policies in the vault's policies directory.", subcommands: [Adopt.self])

    struct Adopt: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Put changed policies into force, by a statement.")
        @OptionGroup var acting: ActingOptions

        func run() throws {
            try acting.acting { vault, acting in try vault.adoptPolicies(as: acting) }
            Terminal.say("The policies are in force. Restart the server to work under them.")
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
