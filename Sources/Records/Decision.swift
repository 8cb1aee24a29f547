/// What somebody asks to do.
public enum Request: Hashable, Sendable {
    /// Read the register of pupils.
    case seeRegister
    /// Put pupils on the register.
    case managePupils
    /// Invite people, suspend and restore them, make them join again, record their training.
    case managePeople
    /// Give somebody the keys that their roles need.
    case giveAccess
    /// File into a pupil file; a scan station does so in this batch.
    case file(PupilFileID, in: BatchID? = nil)
    /// Put scans into the intake queue.
    case fillIntake
    /// See what waits in the intake queue.
    case seeIntake
    /// Make scan stations and withdraw them.
    case manageStations
    /// Open a batch of one's own, and close it.
    case keepBatch
    /// Read a pupil's chronology.
    case readChronology(PupilFileID)
    /// Read a document of a pupil file.
    case readDocument(DocumentID, in: PupilFileID, ReadingManner)
    /// Hold the key of a restricted document, and read it.
    case holdRestricted
    /// See the ledger's figures.
    case seeFigures
}

/// The proof that a request was decided and allowed. Only `decide` makes one.
public struct Grant: Hashable, Sendable {
    /// Who may.
    public let person: PersonID
    /// What they may.
    public let request: Request

    fileprivate init(person: PersonID, request: Request) {
        self.person = person
        self.request = request
    }
}

/// Decides a request by who asks and what the ledger says of them: pure, and the same on every road in.
///
/// The key graph holds the line after this: a grant opens nothing that the person cannot reach.
/// - Throws: a refusal. Asking for a pupil file that does not exist and for one of another are refused alike.
public func decide(
    _ request: Request, by person: PersonID, at time: Timestamp, under authority: Authority
) throws(Refusal) -> Grant {
    guard let state = authority.people[person] else { throw .notEntitled }
    if case .readDocument(_, in: let pupilFile, _) = request {
        // Which documents an access opens, the vault looks up: each has a key of its own.
        if let refusal = authority.refusal(toRead: pupilFile, person, at: time) { throw refusal }
        guard authority.pupils[pupilFile] != nil else { throw .pupilUnknown }
        return Grant(person: person, request: request)
    }
    if let station = authority.stations[person] {
        try decide(request, by: station, at: time, under: authority)
        return Grant(person: person, request: request)
    }
    let ability: Ability =
        switch request {
        case .seeRegister: authority.abilities.allow(.read, to: state.roles) ? .read : .file
        case .managePupils: .managePupils
        case .managePeople: .managePeople
        case .giveAccess: .giveAccess
        case .file, .keepBatch: .file
        case .fillIntake: throw .notEntitled
        case .seeIntake: .seeIntake
        case .manageStations: .manageStations
        case .readChronology, .readDocument: .read
        case .holdRestricted: .holdRestricted
        case .seeFigures: .seeFigures
        }
    if let refusal = authority.refusal(of: ability, to: state, at: time) { throw refusal }
    switch request {
    case .file(let pupilFile, in: _), .readChronology(let pupilFile), .readDocument(_, in: let pupilFile, _):
        guard authority.pupils[pupilFile] != nil else { throw .pupilUnknown }
    default: break
    }
    return Grant(person: person, request: request)
}

/// What a scan station may: file for the pupils it was made for, in the batch that somebody has open, or fill the intake
/// queue.
private func decide(
    _ request: Request, by station: StationState, at time: Timestamp, under authority: Authority
) throws(Refusal) {
    guard station.isActive(at: time) else { throw .stationEnded }
    switch request {
    case .fillIntake where station.intake: break
    case .file(let pupilFile, in: let batch):
        guard station.pupilFiles.contains(pupilFile) else { throw .pupilUnknown }
        guard let batch = batch.flatMap({ authority.batches[$0] }), batch.closed == nil, batch.paper == nil,
            authority.allows(.file, batch.operator, at: time)
        else { throw .batchNotOpen }
    default: throw .notEntitled
    }
}
