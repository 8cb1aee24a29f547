/// A decision not to do something: what was wrong, what would be right. Not an error.
public struct Refusal: Error, Hashable, Sendable {
    /// A stable code, such as `upload.too-large`.
    public let code: String
    /// For people: what was wrong. Never a child's name, a key or content.
    public let message: String
    /// For people: what would be right, or what to do now.
    public let hint: String

    /// A refusal with its code, what was wrong, and what would be right.
    public init(code: String, message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}

extension Refusal {
    /// A date that cannot be read.
    public static let dateUnreadable = Refusal(
        code: "date.unreadable", message: "That date cannot be read.",
        hint:
            "Write a day (4 March 2009 or 4/3/2009), a month (March 2009), a year (2009), two of these with to between, or undated."
    )
    /// A text that is no day, where a day is asked for.
    public static let dayUnreadable = Refusal(
        code: "date.no-day", message: "That is not a day that can be read.",
        hint: "Write one day, such as 18 December 2026 or 18/12/2026.")
    /// The pupil is not on the register.
    public static let pupilUnknown = Refusal(
        code: "pupil.unknown", message: "There is no pupil with that reference on the register.",
        hint: "Check the reference, or ask the safeguarding lead to add the pupil first.")
    /// The summary is blank.
    public static let summaryBlank = Refusal(
        code: "summary.blank", message: "The summary is blank.",
        hint: "Write in a few words what the document is, 1 to 500 characters.")
    /// The summary is too long, or holds control characters.
    public static let summaryTooLong = Refusal(
        code: "summary.too-long", message: "The summary is longer than 500 characters or not plain text.",
        hint: "Write in a few words what the document is, 1 to 500 characters.")
    /// The summary is only the file's name.
    public static let summaryIsFilename = Refusal(
        code: "summary.file-name", message: "The summary is only the file's name.",
        hint: "Write in a few words what the document is, 1 to 500 characters.")
    /// One document about several pupils that concerns a member of staff, too.
    public static let staffSeveralPupils = Refusal(
        code: "staff.several-pupils",
        message: "What concerns a member of staff is kept apart, and filed for one pupil at a time.",
        hint: "File it for one of the pupils; then once more for each other. Nothing was filed.")
    /// The same pupil twice among those that a document is about.
    public static let pupilNamedTwice = Refusal(
        code: "pupil.twice", message: "The same pupil is named twice.", hint: "Leave one of them out.")
    /// A received date without a reason for being late.
    public static let lateReasonMissing = Refusal(
        code: "received.late", message: "This reached the school more than 24 hours ago.",
        hint: "Say in a few words why it is recorded late.")
    /// A received date after today.
    public static let receivedInFuture = Refusal(
        code: "received.in-future", message: "The date it was received lies in the future.",
        hint: "Give the day on which the school received it.")
    /// The signed field is none of the three words.
    public static let signedUnknownWord = Refusal(
        code: "signed.unreadable", message: "Whether the document is signed was not understood.",
        hint: "Answer yes, no or unknown.")
    /// The category is not in the policy.
    public static let categoryUnknown = Refusal(
        code: "category.unknown", message: "There is no such category.",
        hint: "Choose one of the list, which is in policies/categories.yaml.")
    /// A scan station that files outside a batch.
    public static let batchNotOpen = Refusal(
        code: "batch.not-open", message: "A scan station files into a batch that a signed-in person has open.",
        hint: "Ask that person to sign in and open a batch, and give its id as `batch`.")
    /// A scan station whose time is over.
    public static let stationEnded = Refusal(
        code: "station.ended", message: "This scan station was withdrawn, or its time is over.",
        hint: "Ask the safeguarding lead for a new one.")
    /// A role that may not do this.
    public static let notEntitled = Refusal(
        code: "access.not-entitled", message: "Your role does not include this.",
        hint: "Ask the safeguarding lead.")
    /// Who asks was suspended.
    public static let suspended = Refusal(
        code: "access.suspended", message: "Your access is suspended.", hint: "Ask the safeguarding lead.")
    /// The session has ended while something of it was on its way.
    public static let signedOut = Refusal(
        code: "session.ended", message: "You are no longer signed in.", hint: "Sign in again.")
    /// There is no such person.
    public static let personUnknown = Refusal(
        code: "person.unknown", message: "There is nobody of that name or id.", hint: "Look at the list of people.")
    /// Somebody who would suspend themselves.
    public static let personIsYourself = Refusal(
        code: "person.yourself", message: "Nobody suspends themselves, or makes themselves join again.",
        hint: "Sign out, or ask somebody else who manages people.")
    /// A lead, by who is none.
    public static let personIsLead = Refusal(
        code: "person.lead",
        message: "A safeguarding lead is suspended, restored or made to join again by another lead alone.",
        hint: "Ask a safeguarding lead. Two of deputies and panel together can suspend one, too, as a proposal.")
    /// The authenticator is not set up yet.
    public static let enrolmentUnfinished = Refusal(
        code: "access.enrolment-unfinished", message: "Your first sign-in is not finished.",
        hint: "Set up your authenticator first.")
    /// A role that signs in by passkey, of somebody who has none yet.
    public static let passkeyMissing = Refusal(
        code: "access.passkey-missing", message: "Your role signs in with a passkey, and you have none yet.",
        hint: "Add one on the page Your passkeys, then go on.")
    /// A code, of somebody whose role signs in by passkey.
    public static let passkeyNeeded = Refusal(
        code: "passkey.needed", message: "Your role signs in with a passkey, not with a code.",
        hint: "Use your passkey or security key. Without it, one of your recovery codes signs you in.")
    /// A password that is not the present one.
    public static let passwordWrong = Refusal(
        code: "password.wrong", message: "That is not your present password.", hint: "Type it again.")
    /// A passkey's answer that does not count.
    public static let passkeyWrong = Refusal(
        code: "passkey.wrong", message: "That passkey is none of yours here, or it took longer than five minutes.",
        hint: "Try again, or type a code.")
    /// A lead has not compared the keys yet.
    public static let keysNotGiven = Refusal(
        code: "access.keys-not-given", message: "The safeguarding lead has not compared your keys with you yet.",
        hint: "Read your words to the safeguarding lead: they stand on your home page.")
    /// The person has to join again.
    public static let keysBeingReplaced = Refusal(
        code: "access.keys-being-replaced", message: "Your keys are being replaced.",
        hint: "Join again with the new invitation that you were given.")
    /// The policy in force was not acknowledged.
    public static let policyNotAcknowledged = Refusal(
        code: "access.policy-not-acknowledged", message: "You have not acknowledged the policy in force.",
        hint: "Read it and acknowledge it, then go on.")
    /// There is no training that counts.
    public static let trainingMissing = Refusal(
        code: "access.training-missing", message: "There is no training of yours on record that still counts.",
        hint: "Ask the safeguarding lead to record your training.")
    /// A role that a lead alone gives.
    public static let roleIsLeads = Refusal(
        code: "person.role-of-lead", message: "Leads, deputies and the panel are made by a safeguarding lead alone.",
        hint: "Ask a safeguarding lead.")
    /// Somebody who has not joined yet, where keys are asked for.
    public static let invitationUnused = Refusal(
        code: "person.not-joined", message: "They have not joined yet: there are no keys to compare.",
        hint: "Ask them to join with their invitation first.")
    /// Somebody who would give themselves access.
    public static let accessToYourself = Refusal(
        code: "access.yourself", message: "Nobody gives themselves access.", hint: "Ask another safeguarding lead.")
    /// An act that gives access or keys, without a code of the last five minutes.
    public static let codeNeeded = Refusal(
        code: "code.needed", message: "This needs a code from your authenticator, not older than five minutes.",
        hint: "Type the code that it shows now.")
    /// A code that is not the authenticator's, or was used.
    public static let codeWrong = Refusal(
        code: "code.wrong", message: "The code is not the one your authenticator shows now, or it was used.",
        hint: "Wait for the next code, then type that.")
    /// What was decided a moment ago is lawful no more: somebody was suspended, something was ended or done already.
    public static let changedMeanwhile = Refusal(
        code: "ledger.changed-meanwhile", message: "Something changed while you were doing this, so it was not done.",
        hint: "Look at it again as it is now, then repeat it if it is still wanted.")
    /// A code of no invitation, or of one that counts no more.
    public static let invitationUnknown = Refusal(
        code: "invitation.unknown", message: "There is no invitation with that name and code, or it counts no more.",
        hint: "Check both. An invitation works once, for 24 hours; ask for a new one if yours is older.")
}
