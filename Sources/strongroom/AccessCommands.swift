import ArgumentParser
import Custody
import Foundation
import Records

/// `strongroom access`
struct AccessCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "access",
        abstract: "Access to a pupil file, or to documents of it, for members of staff.",
        subcommands: [Give.self, List.self, End.self])

    struct Give: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give somebody access, with a reason and an end.",
            discussion: "The reason is asked for, or read from standard input: it never is an argument.")
        @Argument(help: "The person's name.")
        var person: String
        @Option(help: "The pupil's reference.")
        var pupil: String
        @Option(help: "A document's id; may be repeated. Without any: the whole file, what is filed later too.")
        var document: [String] = []
        @Option(help: "The last day.")
        var until: String
        @OptionGroup var acting: ActingOptions
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            let reason = try isatty(STDIN_FILENO) == 1 ? Terminal.ask("Why do they need to read it") : Input.text("-")
            let documents = try document.map { text in
                guard let id = DocumentID(text: text) else { throw ValidationError("\(text) is no document's id.") }
                return id
            }
            let access = try acting.acting { vault, acting in
                try vault.giveAccess(
                    to: somebody(named: person, vault, acting).id,
                    of: vault.pupil(reference: pupil, as: acting).pupilFile,
                    documents: documents.isEmpty ? nil : documents, until: until, reason: reason, as: acting)
            }
            struct Answer: Encodable { let access: String }
            if json { try Terminal.json(Answer(access: access.text)) } else { Terminal.say("Given: \(access.text)") }
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Every access to a pupil file that was given.")
        @Option(help: "The pupil's reference.")
        var pupil: String
        @OptionGroup var acting: ActingOptions
        @Flag(help: "Answer as JSON, a line an access.")
        var json = false

        func run() throws {
            let accesses = try acting.acting { vault, acting in
                try vault.accesses(to: vault.pupil(reference: pupil, as: acting).pupilFile, as: acting)
            }
            for access in accesses {
                if json {
                    struct Answer: Encodable {
                        let access, person, reason, givenBy, expires: String
                        let ended: String?
                        let whole, active: Bool
                        let documents: Int
                    }
                    try Terminal.json(
                        Answer(
                            access: access.id.text, person: access.name, reason: access.reason, givenBy: access.givenBy,
                            expires: access.expires.iso8601, ended: access.ended?.iso8601, whole: access.whole,
                            active: access.isActive, documents: access.documents))
                } else {
                    let what = access.whole ? "whole file" : "\(access.documents) documents"
                    let end = access.ended.map { "ended \($0.iso8601)" } ?? "until \(access.expires.iso8601)"
                    Terminal.say("\(access.id.text)  \(access.name): \(what), \(end). \(access.reason)")
                }
            }
        }
    }

    struct End: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End an access at once.")
        @Argument(help: "The access, as the list names it.")
        var access: String
        @OptionGroup var acting: ActingOptions

        func run() throws {
            guard let id = AccessID(text: access) else { throw ValidationError("\(access) is no access.") }
            try acting.acting { vault, acting in try vault.endAccess(id, as: acting) }
            Terminal.say("Ended. What they read or copied already cannot be taken back.")
        }
    }
}

/// The one person of a name.
func somebody(named name: String, _ vault: Vault, _ acting: Acting) throws -> PersonListing {
    let wanted = name.lowercased()
    guard let person = try vault.people(as: acting).first(where: { $0.name.lowercased() == wanted }) else {
        throw VaultError.refused(.personUnknown)
    }
    return person
}
