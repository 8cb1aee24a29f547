public import Sealing

/// What a node of the key graph is.
public enum IdentityKind: String, Hashable, Sendable {
    /// A person's own.
    case person
    /// The key to pupils' names.
    case register
    /// The safeguarding team's.
    case team
    /// A pupil file's.
    case pupilFile = "pupil-file"
    /// The intake queue's.
    case intake
}

/// A person as the ledger has them now.
public struct PersonState: Hashable, Sendable {
    /// Who.
    public let id: PersonID
    /// Their node of the key graph.
    public let identity: IdentityID
    /// Their signing key.
    public let verifyingKey: VerifyingKey
    /// Their keyed sign-in name.
    public let nameTag: [UInt8]
    /// Their roles.
    public let roles: Set<Role>
    /// Their sealed name.
    public let row: ItemID
    /// Their current keybox.
    public var keybox: ItemID
    /// Whether they finished their first sign-in.
    public var enrolled: Bool
    /// Since when they may nothing, where they were suspended.
    public fileprivate(set) var suspended: Timestamp?

    /// A person of all these parts.
    package init(
        id: PersonID, identity: IdentityID, verifyingKey: VerifyingKey, nameTag: [UInt8], roles: Set<Role>,
        row: ItemID, keybox: ItemID, enrolled: Bool
    ) {
        self.id = id
        self.identity = identity
        self.verifyingKey = verifyingKey
        self.nameTag = nameTag
        self.roles = roles
        self.row = row
        self.keybox = keybox
        self.enrolled = enrolled
    }
}

/// A pupil as the ledger has them now.
public struct PupilState: Hashable, Sendable {
    /// Who.
    public let id: PupilID
    /// Their file.
    public let pupilFile: PupilFileID
    /// The reference that people write down.
    public let reference: String
    /// The pupil file's node of the key graph.
    public let identity: IdentityID
    /// The sealed name.
    public let row: ItemID
}

/// A scan station as the ledger has it now.
public struct StationState: Hashable, Sendable {
    /// From when on it may nothing more.
    public let expires: Timestamp
    /// Whether it may put scans into the intake queue.
    public let intake: Bool
    /// The pupil files that it may file into, in somebody's open batch.
    public fileprivate(set) var pupilFiles: Set<PupilFileID> = []
    /// When it was withdrawn.
    public fileprivate(set) var withdrawn: Timestamp?

    /// Whether it may do anything at this time.
    public func isActive(at time: Timestamp) -> Bool { withdrawn == nil && time < expires }
}

/// A batch as the ledger has it now.
public struct BatchState: Hashable, Sendable {
    /// Which.
    public let id: BatchID
    /// From 1, in the order in which batches were opened: what people call it.
    public let number: Int
    /// Whose it is.
    public let `operator`: PersonID
    /// When it was opened.
    public let opened: Timestamp
    /// When it was closed; nil while it is open.
    public fileprivate(set) var closed: Timestamp?
}

/// Who there is and which keys count, replayed from the founding statement on.
///
/// Nothing is believed because it opens: a key, recipient, wrap or keybox is used only if it is here. `apply` takes
/// statements in order and refuses one whose author was not entitled to make it then.
public struct Authority: Sendable {
    /// The founding.
    public private(set) var founding: FoundingAct?
    /// Everyone.
    public private(set) var people: [PersonID: PersonState] = [:]
    /// Everyone by keyed sign-in name.
    public private(set) var peopleByTag: [[UInt8]: PersonID] = [:]
    /// The register.
    public private(set) var pupils: [PupilFileID: PupilState] = [:]
    /// The register by reference.
    public private(set) var pupilFilesByReference: [String: PupilFileID] = [:]
    /// The nodes of the key graph.
    public private(set) var identities: [IdentityID: IdentityKind] = [:]
    /// The edges of the key graph, by the identity whose secret they hold.
    public private(set) var wraps: [IdentityID: [WrapEdge]] = [:]
    /// The committed digest of every item that a statement concerning authority brought.
    public private(set) var items: [ItemID: Item] = [:]
    /// The pupil file of every detail key that a filing brought.
    public private(set) var detailKeys: [ItemID: PupilFileID] = [:]
    /// The scan stations, by who they are in `people`.
    public private(set) var stations: [PersonID: StationState] = [:]
    /// The batches.
    public private(set) var batches: [BatchID: BatchState] = [:]
    /// The batch that each operator has open.
    public private(set) var openBatches: [PersonID: BatchID] = [:]
    /// What each role may do now.
    public private(set) var abilities = Abilities(byRole: [:])
    /// The policies in force.
    public private(set) var policy: Digest?
    /// The newest time of any statement.
    public private(set) var newest = Timestamp(milliseconds: 0)

    /// Nothing yet.
    public init() {}

    /// Whether a person's roles include an ability now.
    public func allows(_ ability: Ability, _ person: PersonID) -> Bool {
        people[person].map { $0.enrolled && $0.suspended == nil && abilities.allow(ability, to: $0.roles) } ?? false
    }

    /// Why somebody may not suspend a person, or restore one; nil where they may, as far as these rules go.
    ///
    /// Nobody suspends themselves; who leads safeguarding is suspended and restored by another lead alone, so that an
    /// active lead always remains.
    public func objection(to author: PersonID, changing person: PersonID) -> Refusal? {
        guard let state = people[person], stations[person] == nil else { return .personUnknown }
        guard author != person else { return .personIsYourself }
        guard !state.roles.contains(.dsl) || people[author]?.roles.contains(.dsl) == true else { return .personIsLead }
        return nil
    }

    /// The pupil file of a reference as people write it: in any case, with or without `P-`.
    public func pupilFile(reference: String) -> PupilFileID? {
        let bare = reference.uppercased().filter { !$0.isWhitespace }
        return pupilFilesByReference[bare] ?? pupilFilesByReference["P-" + bare]
    }

    /// The key that must have signed a statement; nil where its author is unknown at this point.
    public func verifyingKey(for statement: Statement) -> VerifyingKey? {
        switch statement.author {
        case .service: founding.flatMap { VerifyingKey(rawRepresentation: $0.serviceKey) }
        case .person(let id):
            if case .vaultFounded(let act) = statement.act {
                statement.index == 0 && act.founder.person == id
                    ? VerifyingKey(rawRepresentation: act.founder.verifyingKey) : nil
            } else {
                people[id]?.verifyingKey
            }
        }
    }

    /// Takes the next statement, whose signature was checked with `verifyingKey(for:)`.
    ///
    /// - Throws: `.unlawful` with what was wrong; the authority is then unchanged.
    public mutating func apply(_ statement: Statement) throws(StatementError) {
        var next = self
        try next.pass(statement.act.kind, by: statement.author, at: statement.time)
        if statement.act.kind.concernsAuthority {
            try next.applyAuthority(statement)
        } else {
            guard statement.policy == policy else { throw .unlawful("policy is not the one in force") }
            switch statement.act {
            case .documentFiled(let act):
                try next.learnDetailKeys(of: statement)
                try next.checkFiling(act, statement)
            case .intakeReceived(let act): try next.checkIntake(act, statement)
            default: break
            }
        }
        self = next
    }

    /// Takes of a statement what concerns every one: its author may say it, and time does not go backwards.
    ///
    /// For statements that concern no authority and whose leaf is under a checkpoint; `apply` does it for all.
    public mutating func pass(_ kind: Act.Kind, by author: Author, at time: Timestamp) throws(StatementError) {
        try check(author, of: kind, at: time)
        guard time >= newest else { throw .unlawful("time goes backwards") }
        newest = time
    }

    /// Takes the detail keys that a filing brings.
    public mutating func learnDetailKeys(of statement: Statement) throws(StatementError) {
        for item in statement.items where item.kind == .detailKey {
            guard let pupilFile = statement.pupilFile, detailKeys.updateValue(pupilFile, forKey: item.id) == nil else {
                throw .unlawful("detail key named twice")
            }
        }
    }

    private func checkFiling(_ act: FilingAct, _ statement: Statement) throws(StatementError) {
        guard let pupilFile = statement.pupilFile, pupils[pupilFile] != nil else {
            throw .unlawful("filed for nobody on the register")
        }
        let header = act.document.shared(as: Kind.Item.self)
        guard statement.items.contains(where: { $0.kind == .header && $0.id == header }),
            statement.items.contains(where: { $0.kind == .detail && $0.id == act.detail })
        else { throw .unlawful("filed without header or detail") }
        guard detailKeys[act.detailKey] == pupilFile else { throw .unlawful("filed under another pupil's detail key") }
        guard act.contentTag.count == 32 else { throw .unlawful("filed without a content tag") }
        guard case .person(let author) = statement.author else { throw .unlawful("filed by nobody") }
        let batch = act.batch.map { batches[$0] }
        if let station = stations[author] {
            guard station.pupilFiles.contains(pupilFile) else {
                throw .unlawful("a station's filing for another pupil")
            }
            guard let batch, let batch, batch.closed == nil, allows(.file, batch.operator) else {
                throw .unlawful("a station's filing outside an open batch")
            }
        } else if let batch {
            guard let batch, batch.closed == nil, batch.operator == author else {
                throw .unlawful("filed in a batch that is another's or closed")
            }
        }
    }

    private func checkIntake(_ act: IntakeAct, _ statement: Statement) throws(StatementError) {
        guard statement.pupilFile == nil else { throw .unlawful("an intake item of a pupil") }
        for (item, kind) in [(act.header, ItemKind.header), (act.detail, .detail), (act.key, .intakeKey)] {
            guard statement.items.contains(where: { $0.kind == kind && $0.id == item }) else {
                throw .unlawful("an intake item without \(kind.rawValue)")
            }
        }
    }

    /// Whether a statement's author is a scan station: what it says is looked at whole, each time.
    public func isStation(_ author: Author) -> Bool {
        if case .person(let id) = author { stations[id] != nil } else { false }
    }

    private func check(_ author: Author, of kind: Act.Kind, at time: Timestamp) throws(StatementError) {
        switch author {
        case .service:
            guard kind.isService else { throw .unlawful("the service may not say \(kind.rawValue)") }
        case .person(let id):
            if kind == .vaultFounded { return }
            guard let person = people[id] else { throw .unlawful("author unknown") }
            guard person.suspended == nil else { throw .unlawful("author is suspended") }
            if let station = stations[id] {
                guard station.isActive(at: time) else { throw .unlawful("the station was withdrawn or has expired") }
                switch kind {
                case .documentFiled, .uploadRefused, .uploadWaiting, .uploadDiscarded, .accessRefused: return
                case .intakeReceived where station.intake: return
                default: throw .unlawful("a station may not say \(kind.rawValue)")
                }
            }
            if kind == .personEnrolled || kind == .signedIn || kind == .signedOut { return }
            guard person.enrolled else { throw .unlawful("author not enrolled") }
            switch kind {
            case .personAdded, .personSuspended, .personRestored: try require(.managePeople, of: person)
            case .pupilRegistered: try require(.managePupils, of: person)
            case .policyAdopted: try require(.managePeople, of: person)
            case .documentFiled, .uploadDiscarded, .batchOpened, .batchClosed: try require(.file, of: person)
            case .chronologyRead, .documentOpened: try require(.read, of: person)
            case .stationAdded, .stationAllowed, .stationWithdrawn: try require(.manageStations, of: person)
            case .intakeRead: try require(.seeIntake, of: person)
            case .intakeReceived: throw .unlawful("only a station puts scans into the intake queue")
            default: break
            }
        }
    }

    private func require(_ ability: Ability, of person: PersonState) throws(StatementError) {
        guard abilities.allow(ability, to: person.roles) else { throw .unlawful("author may not \(ability.rawValue)") }
    }

    private mutating func applyAuthority(_ statement: Statement) throws(StatementError) {
        for item in statement.items {
            guard items.updateValue(item, forKey: item.id) == nil else { throw .unlawful("item named twice") }
        }
        switch statement.act {
        case .vaultFounded(let act):
            guard founding == nil, statement.index == 0 else { throw .unlawful("founded twice") }
            founding = act
            abilities = act.abilities
            policy = statement.policy
            try addNode(act.register, .register)
            try addNode(act.team, .team)
            try addNode(act.intake, .intake)
            try add(act.founder, enrolled: true)
        case .personAdded(let act):
            guard !act.roles.contains(.station) else { throw .unlawful("a station added as a person") }
            try add(act, enrolled: false)
        case .stationAdded(let act):
            guard act.party.roles == [.station], act.party.wraps.isEmpty else {
                throw .unlawful("a station with another role, or with keys to something")
            }
            try add(act.party, enrolled: true)
            stations[act.party.person] = StationState(expires: act.expires, intake: act.intake)
        case .stationAllowed(let station):
            guard let pupilFile = statement.pupilFile, pupils[pupilFile] != nil,
                stations[station]?.withdrawn == nil, stations[station]?.pupilFiles.insert(pupilFile).inserted == true
            else { throw .unlawful("allowed to no station, for nobody, or twice") }
        case .stationWithdrawn(let station):
            guard stations[station] != nil, stations[station]?.withdrawn == nil else {
                throw .unlawful("no station, or withdrawn twice")
            }
            stations[station]?.withdrawn = statement.time
        case .batchOpened(let id):
            guard case .person(let author) = statement.author, batches[id] == nil, openBatches[author] == nil else {
                throw .unlawful("a batch opened twice, or a second one")
            }
            batches[id] = BatchState(
                id: id, number: batches.count + 1, operator: author, opened: statement.time)
            openBatches[author] = id
        case .batchClosed(let id):
            guard case .person(let author) = statement.author, openBatches[author] == id else {
                throw .unlawful("a batch that is another's, or not open")
            }
            batches[id]?.closed = statement.time
            openBatches[author] = nil
        case .personSuspended(let id), .personRestored(let id):
            guard case .person(let author) = statement.author, objection(to: author, changing: id) == nil else {
                throw .unlawful("suspended or restored by who may not")
            }
            let suspends = statement.act.kind == .personSuspended
            guard (people[id]?.suspended == nil) == suspends else { throw .unlawful("suspended or restored twice") }
            people[id]?.suspended = suspends ? statement.time : nil
        case .personEnrolled(let id, let keybox):
            guard statement.author == .person(id), var person = people[id], !person.enrolled else {
                throw .unlawful("enrolled by another, or twice")
            }
            try expect(keybox, .keybox)
            person.keybox = keybox
            person.enrolled = true
            people[id] = person
        case .pupilRegistered(let act):
            guard let pupilFile = statement.pupilFile, pupils[pupilFile] == nil,
                pupilFilesByReference[act.reference] == nil
            else { throw .unlawful("pupil registered twice") }
            try expect(act.row, .registerRow)
            try addNode(act.identity, .pupilFile)
            // Whoever registers a pupil gives the file's key to the team, and no other key to anybody.
            guard act.wraps.map(\.identity) == [act.identity], act.wraps.map(\.holder) == [founding?.team] else {
                throw .unlawful("a pupil file is wrapped to the team alone")
            }
            try add(act.wraps)
            pupils[pupilFile] = PupilState(
                id: act.pupil, pupilFile: pupilFile, reference: act.reference, identity: act.identity, row: act.row)
            pupilFilesByReference[act.reference] = pupilFile
        case .policyAdopted(let abilities):
            self.abilities = abilities
            policy = statement.policy
        default: break
        }
    }

    private mutating func add(_ act: PersonAct, enrolled: Bool) throws(StatementError) {
        guard people[act.person] == nil, peopleByTag[act.nameTag] == nil,
            let verifyingKey = VerifyingKey(rawRepresentation: act.verifyingKey)
        else { throw .unlawful("person added twice") }
        try expect(act.row, .personRow)
        try expect(act.keybox, .keybox)
        try addNode(act.identity, .person)
        for edge in act.wraps { try check(edge, of: act) }
        try add(act.wraps)
        people[act.person] = PersonState(
            id: act.person, identity: act.identity, verifyingKey: verifyingKey, nameTag: act.nameTag, roles: act.roles,
            row: act.row, keybox: act.keybox, enrolled: enrolled)
        peopleByTag[act.nameTag] = act.person
    }

    /// Who adds a person gives keys to that person alone, and only those that the roles need.
    private func check(_ edge: WrapEdge, of act: PersonAct) throws(StatementError) {
        let needs: [Ability] =
            switch edge.identity {
            case founding?.register: [.file, .read]
            case founding?.team: [.read]
            case founding?.intake: [.seeIntake]
            default: []
            }
        guard edge.holder == act.identity, needs.contains(where: { abilities.allow($0, to: act.roles) }) else {
            throw .unlawful("a key that the person's roles do not need")
        }
    }

    private mutating func addNode(_ identity: IdentityID, _ kind: IdentityKind) throws(StatementError) {
        try expect(identity.shared(as: Kind.Item.self), .recipient)
        guard identities.updateValue(kind, forKey: identity) == nil else { throw .unlawful("identity named twice") }
    }

    private mutating func add(_ edges: [WrapEdge]) throws(StatementError) {
        for edge in edges {
            try expect(edge.item, .wrap)
            guard identities[edge.identity] != nil, identities[edge.holder] != nil else {
                throw .unlawful("wrap of or to an unknown identity")
            }
            wraps[edge.identity, default: []].append(edge)
        }
    }

    private func expect(_ item: ItemID, _ kind: ItemKind) throws(StatementError) {
        guard items[item]?.kind == kind else { throw .unlawful("no \(kind.rawValue) committed") }
    }
}
