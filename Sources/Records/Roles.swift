/// A role, as the policy names them.
public enum Role: String, Hashable, Sendable, CaseIterable, Codable {
    /// Designated safeguarding lead.
    case dsl
    /// Deputy safeguarding lead.
    case deputy
    /// Office staff who scan and upload.
    case admin
    /// Any member of staff.
    case staff
    /// Advisory-panel member.
    case panel
    /// Manages accounts, sees no content.
    case accountManager = "account-manager"
    /// A scan station: it has keys and signs, but opens its keybox with a token, not with a password. What it may is said
    /// where it is made (`StationAct`), not in the policy.
    case station = "scan-station"

    /// The roles that a person can have.
    public static let ofPeople = allCases.filter { $0 != .station }

    /// The roles that a lead alone gives: they read every ordinary file, or watch over those who do.
    public static let madeByLead: Set<Role> = [.dsl, .deputy, .panel]

    /// For people.
    public var title: String {
        switch self {
        case .dsl: "Safeguarding lead"
        case .deputy: "Deputy safeguarding lead"
        case .admin: "Office staff"
        case .staff: "Staff"
        case .panel: "Advisory panel"
        case .accountManager: "Account manager"
        case .station: "Scan station"
        }
    }
}

/// What a role can be allowed in `policies/access.yaml`.
public enum Ability: String, Hashable, Sendable, CaseIterable, Codable {
    /// File documents and see the register.
    case file
    /// Read every ordinary pupil file.
    case read
    /// Invite people, suspend and restore them, make them join again, record their training.
    case managePeople = "manage-people"
    /// Compare the fingerprints of people's keys with them, and give them the keys that their roles need.
    case giveAccess = "give-access"
    /// Put pupils on the register.
    case managePupils = "manage-pupils"
    /// See the ledger's figures.
    case seeFigures = "see-figures"
    /// Make scan stations and withdraw them.
    case manageStations = "manage-stations"
    /// See what waits in the intake queue.
    case seeIntake = "see-intake"
    /// Hold the keys of restricted documents: about what a member of staff may have done.
    case holdRestricted = "hold-restricted"

    /// Whether it needs the policy acknowledged and a training that counts: uploading and reading do.
    public var needsDuties: Bool {
        switch self {
        case .file, .read, .seeIntake, .holdRestricted: true
        case .managePeople, .giveAccess, .managePupils, .seeFigures, .manageStations: false
        }
    }
}
