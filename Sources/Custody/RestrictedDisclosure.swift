import Foundation
import GRDB
public import Records
import Sealing

// A restricted document for an agency (A-08, D-01): of those who keep it, one records who asks, another agrees, and the first
// takes the copy, whose exhibit it is. Each step is a record like any other about the document, which its keepers alone can read: that a
// document about a member of staff was given to somebody shows nowhere else, and no officer has a link to it.

/// What an agency asked for of a restricted document, and what became of it.
public struct RestrictedRequest: Hashable, Sendable {
    /// Something that one of its keepers did.
    public struct Step: Hashable, Sendable {
        /// Who.
        public let person: PersonID
        /// By the name they had then.
        public let name: String
        /// When.
        public let at: Timestamp
        /// What they said with it; may be empty.
        public let words: String
    }
    /// The copy that was taken for the agency.
    public struct Copy: Hashable, Sendable {
        /// When it was taken, and what the child was told.
        public let step: Step
        /// The exhibit's reference: the initials of who took it, `R`, and their number.
        public let exhibit: String
    }

    /// The record that began it.
    public let id: DocumentID
    /// The document that is asked for.
    public let document: DocumentID
    /// The written request, restricted like the document.
    public let letter: DocumentID
    /// Who asks, how that was checked, what for.
    public let fields: [RequestField: String]
    /// Who recorded it.
    public let asked: Step
    /// The second person.
    public internal(set) var agreed: Step?
    /// That it was refused or given up.
    public internal(set) var ended: Step?
    /// The one copy.
    public internal(set) var copy: Copy?

    /// For how long a copy can be taken once the second person has agreed, in milliseconds: 7 days.
    public static let longest: Int64 = 7 * 86_400_000

    /// Until when the copy can be taken; nil while nobody has agreed.
    public var expires: Timestamp? {
        agreed.map { Timestamp(milliseconds: $0.at.milliseconds + Self.longest) }
    }

    /// Whether something can still become of it.
    public func isOpen(at time: Timestamp) -> Bool {
        ended == nil && copy == nil && expires.map { time < $0 } ?? true
    }

    /// Whether this person takes the copy now: who recorded the request, once another has agreed.
    public func isReady(for person: PersonID, at time: Timestamp) -> Bool {
        agreed != nil && isOpen(at: time) && asked.person == person
    }
}

extension Vault {
    /// What agencies asked for of a restricted document, oldest first, for those who keep it. Recorded as reading their list.
    public func agencyRequests(ofRestricted id: DocumentID, as acting: Acting) throws(VaultError) -> [RestrictedRequest]
    {
        try rethrowing("restricted-requests") {
            _ = try decide(.holdRestricted, acting)
            guard try restricted(id, acting) != nil else { throw VaultError.notFound }
            try recordRestrictedRead(acting)
            return try requests(ofRestricted: id, acting)
        }
    }

    /// Records that an agency asks for a restricted document. Durable on return; nothing is given by it.
    ///
    /// - Parameters:
    ///   - letter: the written request, filed as a restricted document about the same pupil.
    ///   - confirmed: whether the person goes on though whoever is to be notified may be a suspect.
    /// - Throws: a refusal `request.…` of what is said; `.notFound` for a document that this person's key does not open.
    public func askForRestricted(
        _ id: DocumentID, _ fields: [RequestField: String], letter: DocumentID, confirmed: Bool, as acting: Acting
    ) throws(VaultError) {
        try rethrowing("restricted-ask") {
            _ = try decide(.holdRestricted, acting)
            guard let facts = try restricted(id, acting)?.facts else { throw VaultError.notFound }
            var values = try Records.decide(
                fields, confirmed: confirmed, otherSuspects: [],
                agencies: Set(policies.agencies.agencies.map(\.id)), today: today)
            values[.madeBy] = acting.name
            guard letter != id, let written = try restricted(letter, acting)?.facts,
                written.pupilFile == facts.pupilFile
            else { throw Refusal.restrictedLetterUnknown }
            let said = Dictionary(uniqueKeysWithValues: values.map { ($0.key.rawValue, $0.value) })
            try recordStep("asked", said.merging(["letter": letter.text]) { $1 }, on: id, acting)
        }
    }

    /// Agrees, as the second person, that an agency gets a copy. Durable on return.
    ///
    /// - Throws: `code.needed` without a code of the last five minutes; a refusal `restricted.…`; `.notFound`.
    public func agree(
        toRequest request: DocumentID, ofRestricted id: DocumentID, as acting: Acting
    ) throws(VaultError) {
        try rethrowing("restricted-agree") {
            try decideTogether(request, id, acting) { found in
                guard found.agreed == nil else { throw Refusal.restrictedOver }
                guard found.asked.person != acting.person else { throw Refusal.restrictedYours }
                try requireCode(acting)
                try recordStep("agreed", ["request": request.text], on: id, acting)
            }
        }
    }

    /// Refuses a request, or gives it up: for any of those who keep the document. Durable on return.
    ///
    /// - Throws: a refusal `restricted.reason` without a reason, `restricted.over`; `.notFound`.
    public func endRequest(
        _ request: DocumentID, ofRestricted id: DocumentID, reason: String, as acting: Acting
    ) throws(VaultError) {
        try rethrowing("restricted-end") {
            try decideTogether(request, id, acting) { _ in
                let words = try Self.words(reason, "restricted.reason", "Say in a few words why nothing is given.")
                try recordStep("ended", ["request": request.text, "words": words], on: id, acting)
            }
        }
    }

    /// Takes the one copy for the agency, as who recorded the request: recorded with its exhibit's reference before this
    /// returns. What is read of it is recorded as any download is.
    ///
    /// - Parameter informed: what the child was told, or why nothing and when that is looked at again.
    /// - Throws: `code.needed` without a code of the last five minutes; a refusal `restricted.…`; `.notFound`.
    public func takeCopy(
        forRequest request: DocumentID, ofRestricted id: DocumentID, informed: String, as acting: Acting
    ) throws(VaultError) -> (reading: DocumentReading, exhibit: String) {
        try rethrowing("restricted-copy") {
            var exhibit = ""
            try decideTogether(request, id, acting) { found in
                guard found.isReady(for: acting.person, at: clock.now()) else { throw Refusal.restrictedNotAgreed }
                try requireCode(acting)
                let authority = recorder.authority
                guard let keepers = acting.memory.with({ $0.restricted.documents[id] })?.keeping.keepers(authority),
                    let second = found.agreed,
                    [found.asked.person, second.person].allSatisfy({ one in keepers.contains { $0.id == one } })
                else { throw Refusal.restrictedNotAgreed }
                let words = try Self.words(
                    informed, "restricted.informed",
                    "Say what the child was told, or why nothing yet and when that is looked at again.")
                exhibit = try "\(exhibitInitials(of: acting.name, after: []))/R\(1 + copies(takenBy: acting))"
                guard let sha256 = try restricted(id, acting)?.facts.sha256 else { throw VaultError.notFound }
                try recordStep(
                    "given", ["request": request.text, "words": words, "exhibit": exhibit, "sha256": sha256], on: id,
                    acting)
            }
            return (try openDocument(id, manner: .download, as: acting), exhibit)
        }
    }

    // MARK: - The records

    /// Decides on a request that can still be decided. One at a time in this process, so that two do not do the same.
    private func decideTogether(
        _ request: DocumentID, _ id: DocumentID, _ acting: Acting, _ body: (RestrictedRequest) throws -> Void
    ) throws {
        _ = try decide(.holdRestricted, acting)
        guard try restricted(id, acting) != nil,
            let asker = try requests(ofRestricted: id, acting).first(where: { $0.id == request })?.asked.person
        else { throw VaultError.notFound }
        // The exhibits of who asked follow each other, whichever document they are.
        try filingTurns.run(for: asker) {
            guard let found = try requests(ofRestricted: id, acting).first(where: { $0.id == request }) else {
                throw VaultError.notFound
            }
            guard found.isOpen(at: clock.now()) else { throw Refusal.restrictedOver }
            try body(found)
        }
    }

    private func recordStep(_ what: String, _ values: [String: String], on id: DocumentID, _ acting: Acting) throws {
        try record(what, values.merging(["made_by": acting.name]) { $1 }, onRestricted: id, acting)
    }

    /// What the records of a document say of requests. A step counts where it is about one that came before it, and is of
    /// somebody who could take it.
    private func requests(ofRestricted id: DocumentID, _ acting: Acting) throws -> [RestrictedRequest] {
        var requests: [RestrictedRequest] = []
        for record in try steps(onRestricted: id, acting) {
            let detail = record.detail
            let step = RestrictedRequest.Step(
                person: record.author, name: record.name, at: record.at, words: detail["words"] ?? "")
            if detail["act"] == "asked" {
                guard let letter = detail["letter"].flatMap({ DocumentID(text: $0) }) else { continue }
                requests.append(
                    RestrictedRequest(
                        id: record.id, document: id, letter: letter, fields: detail.values(as: RequestField.self),
                        asked: step))
                continue
            }
            guard let place = requests.firstIndex(where: { $0.id.text == detail["request"] }),
                requests[place].isOpen(at: record.at)
            else { continue }
            switch detail["act"] {
            case "agreed" where requests[place].agreed == nil && requests[place].asked.person != record.author:
                requests[place].agreed = step
            case "ended": requests[place].ended = step
            case "given" where requests[place].isReady(for: record.author, at: record.at):
                requests[place].copy = .init(step: step, exhibit: detail["exhibit"] ?? "")
            default: continue
            }
        }
        return requests
    }

    /// How many copies of restricted documents this person took for agencies: they keep each of these.
    private func copies(takenBy acting: Acting) throws -> Int {
        try acting.memory.with { Array($0.restricted.documents.keys) }.reduce(0) { count, id in
            count + (try requests(ofRestricted: id, acting).count { $0.copy?.step.person == acting.person })
        }
    }
}

extension Refusal {
    static let restrictedLetterUnknown = Refusal(
        code: "request.letter", message: "The written request is not chosen.",
        hint: "File the agency’s letter first, as concerning the same member of staff, then choose it here.")
    static let restrictedOver = Refusal(
        code: "restricted.over", message: "This request was decided meanwhile, or its time is over.",
        hint: "Look at it again. If the agency asks once more, record that as a request of its own.")
    static let restrictedYours = Refusal(
        code: "restricted.yours", message: "You recorded this request, so somebody else has to agree.",
        hint: "Ask another of those who can open the document.")
    static let restrictedNotAgreed = Refusal(
        code: "restricted.not-agreed",
        message: "Nobody else of those who keep this document has agreed yet, or it is not your request.",
        hint: "One records the request, another agrees, and then the first takes the copy.")
}
