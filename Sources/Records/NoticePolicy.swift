/// Whether, to whom and how often it is told by e-mail that something waits. Off unless the school turns it on.
public struct NoticePolicy: Codable, Hashable, Sendable {
    /// Whether anything is sent.
    public let send: Bool
    /// The addresses it is sent to.
    public let to: [String]
    /// The address it comes from.
    public let from: String
    /// After how many working days something has waited for too long; 0 for at once.
    public let afterWorkingDays: Int
    /// At most once in so many hours.
    public let atMostEveryHours: Int

    enum CodingKeys: String, CodingKey {
        case send, to, from
        case afterWorkingDays = "after-working-days"
        case atMostEveryHours = "at-most-every-hours"
    }

    /// The whole message. It says that something waits, and nothing else: not what, of whom, or how much.
    public var message: String {
        [
            "From: \(from)", "To: \(to.joined(separator: ", "))", "Subject: Something waits for you",
            "Auto-Submitted: auto-generated", "MIME-Version: 1.0", "Content-Type: text/plain; charset=us-ascii", "",
            "Something has waited for longer than the school's policy says.",
            "Please sign in to the school's records and look at your home page.", "",
            "This message is made by a program and says nothing more on purpose.", "Please do not answer it.", "",
        ].joined(separator: "\n")
    }

    func check() throws(Refusal) {
        guard to.count <= 20, (to + [from]).allSatisfy(Self.isAddress), !send || !to.isEmpty else {
            throw .policyUnreadable(
                "policies/notices.yaml: addresses are such as lead@school.example, at most 20 in to, and where send is true at least one"
            )
        }
        guard (0...10).contains(afterWorkingDays), (1...720).contains(atMostEveryHours) else {
            throw .policyUnreadable(
                "policies/notices.yaml: after 0 to 10 working days, and at most every 1 to 720 hours")
        }
    }

    /// A plain address: nothing that could end a header's line or begin another address.
    private static func isAddress(_ text: String) -> Bool {
        text.utf8.count <= 254
            && text.wholeMatch(
                of:
                    /[A-Za-z0-9][A-Za-z0-9._+-]{0,63}@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*/
            )
                != nil
    }
}
