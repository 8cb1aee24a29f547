import ArgumentParser
import Custody
import Records

/// `strongroom proposal`
struct ProposalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proposal",
        abstract: "What takes two people of leads, deputies and panel: one proposes, another agrees.",
        subcommands: [
            List.self, Agree.self, Withdraw.self, Sheets.self, SuspendLead.self, RestoreLead.self,
        ])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "What is proposed, what was, and who stands by it.")
        @OptionGroup var acting: ActingOptions
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            let proposals = try acting.acting { vault, acting in try vault.proposals(as: acting) }
            struct Answer: Encodable {
                let proposal, what, standing, proposedBy, proposed, expires: String
                let person, agreedBy, agreed, endedBy, ended: String?
                let holders: [String]
                let threshold: Int?
                let words: [String]
            }
            for one in proposals {
                let (what, words, holders, threshold) = one.matter.told
                if json {
                    try Terminal.json(
                        Answer(
                            proposal: one.id.text, what: what, standing: one.standing.word, proposedBy: one.proposedBy,
                            proposed: one.proposed.iso8601, expires: one.expires.iso8601,
                            person: one.person.map { _ in one.name }, agreedBy: one.agreedBy,
                            agreed: one.agreed?.iso8601, endedBy: one.endedBy, ended: one.ended?.iso8601,
                            holders: holders, threshold: threshold, words: words))
                    continue
                }
                let about = one.name.isEmpty ? "" : " \(one.name)"
                Terminal.say("\(one.id.text)  \(what)\(about), \(one.standing.word)")
                Terminal.say("  proposed by \(one.proposedBy) \(one.proposed.iso8601), until \(one.expires.iso8601)")
                if let second = one.agreedBy { Terminal.say("  agreed by \(second)") }
                if !words.isEmpty { Terminal.say("  the words of their keys: \(words.joined(separator: " "))") }
                if let threshold {
                    Terminal.say("  sheets for \(holders.joined(separator: ", ")); \(threshold) are needed")
                }
            }
        }
    }

    struct Agree: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Agree to a proposal as the second person. A lead's suspension is done by this, at once.")
        @Argument(help: "The proposal, as strongroom proposal list shows it.")
        var proposal: String
        @OptionGroup var acting: ActingOptions

        func run() throws {
            let id = try ProposalCommand.id(proposal)
            try acting.acting { vault, acting in try vault.agree(to: id, as: acting) }
            Terminal.say("Agreed. What is still to be done for it, its proposer does now.")
        }
    }

    struct Withdraw: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Withdraw your proposal, or refuse another's.")
        @Argument(help: "The proposal, as strongroom proposal list shows it.")
        var proposal: String
        @OptionGroup var acting: ActingOptions

        func run() throws {
            let id = try ProposalCommand.id(proposal)
            try acting.acting { vault, acting in try vault.withdraw(id, as: acting) }
            Terminal.say("Withdrawn.")
        }
    }

    struct Sheets: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the recovery sheets that a second person has agreed to.")
        @Argument(help: "The proposal, as strongroom proposal list shows it.")
        var proposal: String
        @OptionGroup var acting: ActingOptions
        @Flag(help: "Answer as JSON, a line for each sheet.")
        var json = false

        func run() throws {
            let id = try ProposalCommand.id(proposal)
            let (sheets, vaultWords) = try acting.acting { vault, acting in
                (try vault.setRecovery(under: id, as: acting), vault.foundingWords)
            }
            try RecoverCommand.show(sheets, vaultWords, json: json)
        }
    }

    struct SuspendLead: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "suspend", abstract: "Propose to suspend a safeguarding lead.")
        @Argument(help: "The lead's name.")
        var lead: String
        @OptionGroup var acting: ActingOptions

        func run() throws { try ProposalCommand.propose(suspending: lead, true, acting) }
    }

    struct RestoreLead: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "restore", abstract: "Propose to let a suspended safeguarding lead in again.")
        @Argument(help: "The lead's name.")
        var lead: String
        @OptionGroup var acting: ActingOptions

        func run() throws { try ProposalCommand.propose(suspending: lead, false, acting) }
    }

    private static func propose(suspending name: String, _ suspends: Bool, _ options: ActingOptions) throws {
        let id = try options.acting { vault, acting in
            let wanted = name.lowercased()
            guard let lead = try vault.leadsToSuspend(as: acting).first(where: { $0.name.lowercased() == wanted })
            else {
                throw VaultError.refused(.personUnknown)
            }
            return try vault.propose(suspending: lead.id, suspends, as: acting)
        }
        try wait(for: id)
    }

    /// Says what happens next with what was proposed, and ends as what waits does.
    static func wait(for id: ProposalID) throws -> Never {
        Terminal.say(
            """
            This takes two people, so it is proposed: \(id.text)
            Another lead, deputy or panel member agrees within 7 days:  strongroom proposal agree \(id.text)
            """)
        throw Stop.waiting
    }

    private static func id(_ text: String) throws -> ProposalID {
        guard let id = ProposalID(text: text) else { throw VaultError.notFound }
        return id
    }
}

extension ProposalListing.Standing {
    fileprivate var word: String {
        switch self {
        case .waits: "waits"
        case .agreed: "agreed"
        case .carriedOut: "done"
        case .withdrawn: "withdrawn"
        case .over: "over"
        }
    }
}

extension ProposalListing.Matter {
    fileprivate var told: (what: String, words: [String], holders: [String], threshold: Int?) {
        switch self {
        case .keys(_, let words): ("give keys", words, [], nil)
        case .recoveryKey(let holders, let threshold): ("make recovery sheets", [], holders, threshold)
        case .suspension: ("suspend", [], [], nil)
        case .restoration: ("let in again", [], [], nil)
        }
    }
}
