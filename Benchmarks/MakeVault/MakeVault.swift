import ArgumentParser
import Custody
import Foundation
import LargeVault

/// `make-vault`
@main
struct MakeVault: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "make-vault", abstract: "Make an invented school with a large vault, to measure on.",
        discussion: "Beside the vault lies school.json, with how its people sign in.")
    @Argument(help: "Where to make it; must not exist.")
    var directory: String
    @Option(help: "Statements in the ledger, at least.")
    var statements = 200_000
    @Option(help: "Documents of the one pupil who has them all.")
    var entries = 10_000
    @Option(help: "People who file them.")
    var people = 20
    @Option(help: "Sessions in which they file them.")
    var sessions = 500
    @Option(help: "Other pupils, whose chronologies are read: as many statements in a transaction.")
    var pupils = 1_000
    @Option(help: "The directory with the policies.")
    var policies = "policies"

    func validate() throws {
        for number in [statements, entries, people, sessions, pupils] where number < 1 {
            throw ValidationError("Each number is at least 1.")
        }
    }

    func run() throws {
        guard !FileManager.default.fileExists(atPath: directory) else {
            throw ValidationError("There is something at \(directory) already.")
        }
        let plan = Plan(
            statements: statements, entries: entries, people: people, sessions: sessions, pupils: pupils)
        do {
            _ = try InventedSchool.make(plan, in: directory, policies: policies) { progress in
                FileHandle.standardError.write(Data("\(progress)\n".utf8))
            }
        } catch let error as VaultError {
            throw ValidationError("The vault could not be made: \(error.code).")
        }
        print("\(directory)/vault")
    }
}
