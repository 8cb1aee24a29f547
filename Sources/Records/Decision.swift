/// What somebody asks to do.
public enum Request: Hashable, Sendable {
    /// Read the register of pupils.
    case seeRegister
    /// Put pupils on the register.
    case managePupils
    /// Add people.
    case managePeople
    /// File into a pupil file.
    case file(PupilFileID)
    /// Read a pupil's chronology.
    case readChronology(PupilFileID)
    /// Read a document of a pupil file.
    case readDocument(DocumentID, in: PupilFileID, ReadingManner)
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
public func decide(_ request: Request, by person: PersonID, under authority: Authority) throws(Refusal) -> Grant {
    guard let state = authority.people[person] else { throw .notEntitled }
    guard state.enrolled else { throw .enrolmentUnfinished }
    let ability: Ability =
        switch request {
        case .seeRegister: authority.allows(.read, person) ? .read : .file
        case .managePupils: .managePupils
        case .managePeople: .managePeople
        case .file: .file
        case .readChronology, .readDocument: .read
        case .seeFigures: .seeFigures
        }
    guard authority.allows(ability, person) else { throw .notEntitled }
    switch request {
    case .file(let pupilFile), .readChronology(let pupilFile), .readDocument(_, in: let pupilFile, _):
        guard authority.pupils[pupilFile] != nil else { throw .pupilUnknown }
    default: break
    }
    return Grant(person: person, request: request)
}
