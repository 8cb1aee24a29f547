public import Records

extension Vault {
    /// Whether a person may give permissions now; nil where they may.
    public func refusalToPermit(_ acting: Acting) -> Refusal? {
        recorder.authority.refusal(toPermit: acting.person, at: clock.now())
    }
    /// Records what an agency asked for. Durable on return.
    public func recordRequest(
        _ fields: [RequestField: String], letter: DocumentID, confirmed: Bool, of pupilFile: PupilFileID,
        as acting: Acting
    ) throws(VaultError) -> RequestID { throw .notFound }
    /// Refuses a request, with reasons. Durable on return.
    public func refuseRequest(_ id: RequestID, reasons: String, as acting: Acting) throws(VaultError) {
        throw .notFound
    }
    /// Every request, of one pupil file or of all, with what became of it; newest first. Recorded as reading each chronology.
    public func requests(of pupilFile: PupilFileID? = nil, as acting: Acting) throws(VaultError) -> [RequestListing] {
        throw .notFound
    }
    /// One request.
    public func request(_ id: RequestID, as acting: Acting) throws(VaultError) -> RequestListing { throw .notFound }
    /// The documents of a request's pupil file that could be given, oldest first; none that is kept as evidence.
    public func candidates(for id: RequestID, as acting: Acting) throws(VaultError) -> [DisclosureCandidate] {
        throw .notFound
    }
    /// Gives a permission. Durable on return.
    public func givePermission(
        _ terms: PermissionTerms, for id: RequestID, as acting: Acting
    ) throws(VaultError) -> GivenPermission { throw .notFound }
    /// Withdraws a permission at once. Durable on return.
    public func withdrawPermission(_ id: PermissionID, reason: String, as acting: Acting) throws(VaultError) {
        throw .notFound
    }
    /// Records what the child was told. Durable on return.
    public func recordInformed(_ informed: ChildInformed, of id: PermissionID, as acting: Acting) throws(VaultError) {
        throw .notFound
    }
    /// Records a visit on site.
    public func recordVisit(
        _ fields: [SiteVisitField: String], under id: PermissionID, as acting: Acting
    ) throws(VaultError) -> SiteVisitID { throw .notFound }
    /// Closes a visit.
    public func closeVisit(_ id: SiteVisitID, notes: DocumentID?, words: String, as acting: Acting) throws(VaultError) {
        throw .notFound
    }
    /// The deputies, with what is delegated to them.
    public func delegations(as acting: Acting) throws(VaultError) -> [DelegationListing] { throw .notFound }
    /// Lets a deputy give permissions until the end of a day, at most 366 days on; nil ends it at once.
    public func delegate(to person: PersonID, until: String?, as acting: Acting) throws(VaultError) { throw .notFound }

    // MARK: - The agency's side

    /// What somebody with a link is told before they enter.
    public func permissionDoor(link: String) throws(VaultError) -> PermissionDoor { throw .notFound }
    /// Enters with link, access code, name and number. Gives the token of the session, for the cookie alone.
    public func enterPermission(
        link: String, code: String, officer: String, number: String
    ) throws(VaultError) -> String { throw .signInFailed }
    /// Finds an agency's session by its token; nil where there is none, or it was idle or open for too long.
    public func agencySession(_ token: String) throws(VaultError) -> AgencySession? { nil }
}

/// An officer's session under a permission, opened for one request.
public final class AgencySession: Sendable {
    /// What they are told.
    public let terms: AgencyTerms
    /// The token that their forms carry.
    public let csrf: String
    init(terms: AgencyTerms, csrf: String) {
        self.terms = terms
        self.csrf = csrf
    }
    /// Whether copies can be taken once more.
    public var copiesLeft: UInt64 { 0 }
    /// When the officer acknowledged what they received.
    public var acknowledged: Timestamp? { nil }
    /// Opens an exhibit (from 0) to look at; recorded before this returns, once a session and exhibit.
    public func view(_ exhibit: Int) throws(VaultError) -> AgencyView { throw .notFound }
    /// Begins a pack.
    public func pack(section9: [UInt8]?) throws(VaultError) -> AgencyPack { throw .notFound }
    /// Acknowledges what was received. Durable on return.
    public func acknowledge() throws(VaultError) { throw .notFound }
    /// Ends the session.
    public func leave() throws(VaultError) { throw .notFound }
}

/// An exhibit that is looked at.
public final class AgencyView: Sendable {
    /// Which.
    public let exhibit: AgencyExhibit
    init(exhibit: AgencyExhibit) { self.exhibit = exhibit }
    /// A page as a picture, made in the sandbox; pages count from 1.
    public func picture(page: Int, width: Int) throws(VaultError) -> [UInt8] { throw .notFound }
    /// The whole text of one that is looked at as text.
    public func text() throws(VaultError) -> String { throw .notFound }
}

/// A pack on its way out.
public final class AgencyPack: Sendable {
    /// `pack-PM-7K2M9Q4C.zip`, or `….zip.age` where it is sealed to the agency.
    public let fileName: String
    /// Its size in bytes; nil for a sealed one.
    public let byteCount: UInt64?
    init(fileName: String, byteCount: UInt64?) {
        self.fileName = fileName
        self.byteCount = byteCount
    }
    /// Writes it, in pieces of at most 1 MiB, none once the permission has ended; how it ended is recorded before this returns.
    public func write(_ body: (UnsafeRawBufferPointer) throws -> Void) throws(VaultError) { throw .notFound }
    /// Records that it was interrupted, where it was begun and not written.
    public func abandon() {}
}
