import ArgumentParser
import Custody
import Records

/// `strongroom policy`
struct PolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "The policies in the vault's policies directory, and their register.",
        subcommands: [Adopt.self, Register.self, Reviewed.self])

    struct Adopt: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Put changed policies into force, by a statement.")
        @OptionGroup var acting: ActingOptions

        func run() throws {
            try acting.acting { vault, acting in try vault.adoptPolicies(as: acting) }
            Terminal.say("The policies are in force. Restart the server to work under them.")
        }
    }

    struct Register: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Who acknowledged the policy and is trained, what is missing, and when the policy was reviewed.")
        @OptionGroup var acting: ActingOptions
        @Flag(help: "Answer as JSON, in one object.")
        var json = false

        func run() throws {
            let (register, version, now) = try acting.acting { vault, acting in
                (
                    try vault.policyRegister(as: acting), vault.policies.acceptableUse.version, SystemClock().now()
                )
            }
            if json {
                try Terminal.json(Answer(register, version, now))
                return
            }
            Terminal.say(
                """
                Version \(version), reviewed on \(register.reviewed), next review due \(register.due.iso8601)\
                \(register.isOverdue ? ": OVERDUE" : "")
                """)
            for review in register.reviews {
                let who = ([review.author] + review.panel).joined(separator: ", ")
                Terminal.say("  reviewed on \(review.reviewed) (version \(review.version)) by \(who)")
            }
            for version in register.versions {
                Terminal.say("  version \(version.version) since \(version.adopted.iso8601), by \(version.author)")
            }
            for person in register.people {
                let acknowledged =
                    person.acknowledged.map { "acknowledged \($0.version) at \($0.moment.iso8601)" }
                    ?? "acknowledged nothing"
                let trained = person.standing.trained.map { "trained on \($0)" } ?? "no training"
                let lacks = person.lacks(at: now).map(\.rawValue).joined(separator: ", ")
                let state =
                    person.suspended != nil
                    ? "; suspended"
                    : person.standing.invitedUntil != nil ? "; invited" : lacks.isEmpty ? "" : "; MISSING: "
                Terminal.say("\(person.name): \(acknowledged), \(trained)\(state)\(lacks)")
            }
        }

        /// What `--json` says; moments in ISO 8601.
        private struct Answer: Encodable {
            struct Version: Encodable { let version, adopted, by: String }
            struct Review: Encodable {
                let version, reviewed, due, by: String
                let panel: [String]
                let recorded: String
            }
            struct Person: Encodable {
                let person, name: String
                let roles: [String]
                let acknowledged, acknowledgedAt, trained, trainedUntil, suspended, invitedUntil: String?
                let lacks: [String]
            }
            let version, reviewed, due: String
            let overdue: Bool
            let versions: [Version]
            let reviews: [Review]
            let people: [Person]

            init(_ register: PolicyRegister, _ version: String, _ now: Timestamp) {
                self.version = version
                reviewed = register.reviewed
                due = register.due.iso8601
                overdue = register.isOverdue
                versions = register.versions.map {
                    Version(version: $0.version, adopted: $0.adopted.iso8601, by: $0.author)
                }
                reviews = register.reviews.map {
                    Review(
                        version: $0.version, reviewed: $0.reviewed, due: $0.due.iso8601, by: $0.author,
                        panel: $0.panel, recorded: $0.recorded.iso8601)
                }
                people = register.people.map { person in
                    Person(
                        person: person.id.text, name: person.name, roles: person.roles.map(\.rawValue).sorted(),
                        acknowledged: person.acknowledged?.version,
                        acknowledgedAt: person.acknowledged?.moment.iso8601, trained: person.standing.trained,
                        trainedUntil: person.standing.trainedUntil?.iso8601, suspended: person.suspended?.iso8601,
                        invitedUntil: person.standing.invitedUntil?.iso8601,
                        lacks: person.lacks(at: now).map(\.rawValue))
                }
            }
        }
    }

    struct Reviewed: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record that you and members of the advisory panel reviewed the policy, which stays as it is.")
        @Option(help: "The day of the review.")
        var day: String
        @Option(help: "The day from which the next review is overdue (default: 12 months later).")
        var due = ""
        @Option(help: "The name of a member of the panel who reviewed it with you; may be repeated.")
        var panel: [String]
        @Option(help: "The version that was reviewed (default: the one in force).")
        var policyVersion: String?
        @OptionGroup var acting: ActingOptions

        func run() throws {
            try acting.acting { vault, acting in
                let members = try panel.map { try somebody(named: $0, vault, acting).id }
                try vault.recordPolicyReview(
                    of: policyVersion ?? vault.policies.acceptableUse.version, on: day, due: due, with: Set(members),
                    as: acting)
            }
            Terminal.say("Recorded. The register says when the next review is due.")
        }
    }
}
