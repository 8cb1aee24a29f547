public import Records

/// How much there is to do about what agencies ask for and get.
public struct DisclosureFigures: Hashable, Sendable {
    /// Requests that were neither refused nor answered with a permission.
    public let requestsWaiting: Int
    /// Permissions that end within three days.
    public let endingSoon: Int
    /// Permissions of which nobody has said what the child was told.
    public let childrenOpen: Int
    /// Permissions of which the child was not told, for now.
    public let childrenNotTold: Int
    /// Visits on site that are not closed.
    public let visitsOpen: Int
}

extension Vault {
    private static let soonMilliseconds: Int64 = 3 * 86_400_000

    /// How much there is to do about disclosure, for who reads. It opens nothing.
    public func disclosureFigures(as acting: Acting) throws(VaultError) -> DisclosureFigures {
        try rethrowing("disclosures") {
            let state = try disclosure(as: acting)
            let now = clock.now()
            return DisclosureFigures(
                requestsWaiting: state.requests.values.count { $0.refused == nil && $0.permissions.isEmpty },
                endingSoon: state.permissions.values.count {
                    $0.ended == nil && now < $0.act.until
                        && $0.act.until.milliseconds <= now.milliseconds + Self.soonMilliseconds
                }, childrenOpen: state.permissions.values.count { $0.informed.isEmpty },
                childrenNotTold: state.permissions.values.count { $0.informed.last.map { !$0.told } ?? false },
                visitsOpen: state.visits.values.count { $0.closed == nil })
        }
    }

    /// The request that a permission answers. It opens nothing.
    public func request(of permission: PermissionID, as acting: Acting) throws(VaultError) -> RequestID {
        try rethrowing("permission") {
            guard let state = try disclosure(as: acting).permissions[permission] else { throw VaultError.notFound }
            return state.act.request
        }
    }

    /// The permission under which a visit was made. It opens nothing.
    public func permission(of visit: SiteVisitID, as acting: Acting) throws(VaultError) -> PermissionID {
        try rethrowing("visit") {
            guard let state = try disclosure(as: acting).visits[visit] else { throw VaultError.notFound }
            return state.act.permission
        }
    }

    private func disclosure(as acting: Acting) throws -> DisclosureState {
        try requireReading(acting)
        return try recorder.read(pool) { _, head in head.authority.disclosure }
    }
}
