import ArgumentParser
import Custody
import Foundation
import Records
import Web

/// `strongroom doctor`
struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look for what would keep the vault from being safe on this machine.",
        discussion: """
            Run it as the user who owns the vault, beside the server or without it. It changes nothing. A line for each check: \
            what was found, and where something is not well, what to do. Exit code 4 where anything is not. docs/operations.md \
            says what each check means.
            """)
    @OptionGroup var serving: ServingOptions
    @Option(help: "The folder of the vault's backup, to look at where it lies.")
    var backup: String?
    @Flag(help: "Answer as JSON, a line a check.")
    var json = false

    func run() throws {
        let settings = try serving.settings()
        let location = try serving.vault.location(settings)
        let machine = Machine(of: location, backup: backup)
        var checks = machine.health()
        if machine.isOwner { checks += Self.ofTheVault(at: location) }
        let certificate = serving.certificate(settings, location)
        checks.append(.certificate(at: certificate.certificate, key: certificate.key, now: Date()))
        struct Answer: Encodable {
            let check: String
            let well: Bool
            let words: String
            let advice: String
        }
        for check in checks {
            if json {
                try Terminal.json(
                    Answer(check: check.name, well: check.isWell, words: check.words, advice: check.advice))
            } else {
                Terminal.say("\(check.isWell ? "well " : "LOOK ") \(check.name): \(check.words)")
                if !check.advice.isEmpty { Terminal.say("      do: \(check.advice)") }
            }
        }
        if checks.contains(where: { !$0.isWell }) { throw Stop.found }
    }

    private static func ofTheVault(at location: Vault.Location) -> [HealthCheck] {
        do throws(VaultError) {
            let vault = try Vault(opening: location)
            defer { vault.shutdown() }
            return [HealthCheck(name: "vault", isWell: true, words: "The vault opens, and its ledger agrees.")]
                + vault.health() + [try recovery(vault), try outside(vault)]
        } catch {
            return [HealthCheck("vault", found: "\(error.refusal.message) (\(error.code))", error.refusal.hint)]
        }
    }

    /// Whether a checkpoint lies outside the vault that is young enough.
    private static func outside(_ vault: Vault) throws(VaultError) -> HealthCheck {
        let watch = try vault.outsideWatch()
        return HealthCheck(
            name: "outside", isWell: watch.advice.isEmpty, words: watch.words,
            advice: watch.advice.joined(separator: " ")
        )
    }

    /// Whether the vault can be opened when no lead can.
    private static func recovery(_ vault: Vault) throws(VaultError) -> HealthCheck {
        let name = "recovery"
        guard let key = try vault.recoveryState() else {
            return HealthCheck(
                name,
                found: "There is no recovery key: losing the lead's password loses what only the lead can read.",
                "Have the lead make it with strongroom recover set, or on the page Recovery key.")
        }
        let sheets = "\(key.threshold) of \(key.holders.count) sheets open the vault."
        switch key.standing {
        case .proven:
            return HealthCheck(
                name: name, isWell: true,
                words: sheets + " They were tried \(key.drilled?.iso8601.prefix(10) ?? "").")
        case .untried:
            return HealthCheck(
                name, found: sheets + " They were never tried.", "Have the lead try them: strongroom recover drill.")
        case .overdue:
            return HealthCheck(
                name, found: sheets + " They were tried too long ago.",
                "Have the lead try them again: strongroom recover drill.")
        case .used:
            return HealthCheck(
                name, found: "The recovery key was used.", "Have the lead make new sheets: strongroom recover set.")
        }
    }
}

extension OutsideWatch {
    /// How the checkpoints outside a vault stand, in a sentence.
    var words: String {
        newest.map { "The newest checkpoint outside the vault is of \($0.time.iso8601)." }
            ?? "No checkpoint of the ledger lies outside the vault."
    }

    /// What is to be done; empty where all is well.
    var advice: [String] {
        (isOverdue ? ["None is younger than \(hours) hours: strongroom witness request, or witness sheet."] : [])
            + (isSheetDue ? ["A sheet is due, every \(sheetDays) days: strongroom witness sheet."] : [])
    }
}
