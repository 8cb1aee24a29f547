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

    /// For people.
    public var title: String {
        switch self {
        case .dsl: "Safeguarding lead"
        case .deputy: "Deputy safeguarding lead"
        case .admin: "Office staff"
        case .staff: "Staff"
        case .panel: "Advisory panel"
        case .accountManager: "Account manager"
        }
    }
}

/// What a role can be allowed in `policies/access.yaml`.
public enum Ability: String, Hashable, Sendable, CaseIterable, Codable {
    /// File documents and see the register.
    case file
    /// Read every ordinary pupil file.
    case read
    /// Add people.
    case managePeople = "manage-people"
    /// Put pupils on the register.
    case managePupils = "manage-pupils"
    /// See the ledger's figures.
    case seeFigures = "see-figures"
}
