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
    /// A recovery key's: nobody holds it whole.
    case recovery
    /// A permission's: link and access code open it together.
    case permission
}

/// A person as the ledger has them now.
public struct PersonState: Sendable {
    /// Who.
    public let id: PersonID
    /// Their node of the key graph.
    public fileprivate(set) var identity: IdentityID
    /// Their signing key.
    public fileprivate(set) var verifyingKey: VerifyingKey
    /// Their keyed sign-in name.
    public let nameTag: [UInt8]
    /// Their roles; others come with other keys.
    public fileprivate(set) var roles: Set<Role>
    /// Their sealed name.
    public let row: ItemID
    /// Their current keybox.
    public fileprivate(set) var keybox: ItemID
    /// Whether their authenticator gave a code.
    public fileprivate(set) var enrolled: Bool
    /// Whether a lead compared the fingerprint of their keys with them, and gave them the keys of their roles.
    public fileprivate(set) var confirmed: Bool
    /// The version of the acceptable-use policy that they acknowledged last.
    public fileprivate(set) var acknowledged: String?
    /// When they did.
    public fileprivate(set) var acknowledgedAt: Timestamp?
    /// The day on which they completed their last training, and from when on it no longer counts.
    public fileprivate(set) var training: TrainingAct?
    /// The recovery codes of their present keys that were used.
    public fileprivate(set) var recoveryCodesUsed: Set<UInt64> = []
    /// The passkeys of their present keys, oldest first.
    public internal(set) var passkeys: [PasskeyState] = []
    /// Since when they may nothing, where they were suspended.
    public internal(set) var suspended: Timestamp?
    /// When they were last given the keys of their roles, also of keys that count no more.
    public internal(set) var confirmedSince: Timestamp?
    /// The roles that these were the keys of.
    public internal(set) var confirmedRoles: Set<Role> = []
    /// Since when somebody's hand keeps them from what takes two people: suspended, or made to join again.
    public internal(set) var outSince: Timestamp?
    /// The signing keys they had before, and from which statement on each counted.
    fileprivate var earlierKeys: [(from: UInt64, key: VerifyingKey)] = []
    /// From which statement on their present signing key counts.
    fileprivate var keyCounts: UInt64

    /// A person of all these parts.
    ///
    /// - Parameter from: the statement that brings their keys.
    package init(
        id: PersonID, identity: IdentityID, verifyingKey: VerifyingKey, nameTag: [UInt8], roles: Set<Role>,
        row: ItemID, keybox: ItemID, enrolled: Bool, from: UInt64
    ) {
        self.id = id
        self.identity = identity
        self.verifyingKey = verifyingKey
        self.nameTag = nameTag
        self.roles = roles
        self.row = row
        self.keybox = keybox
        self.enrolled = enrolled
        confirmed = enrolled
        keyCounts = from
    }

    /// The statement that brought the signing key that counted at a statement.
    func keyBringer(at index: UInt64) -> UInt64? {
        index >= keyCounts ? keyCounts : earlierKeys.last { $0.from <= index }?.from
    }

    /// The signing key that counted at a statement.
    func verifyingKey(at index: UInt64) -> VerifyingKey? {
        index >= keyCounts ? verifyingKey : earlierKeys.last { $0.from <= index }?.key
    }
}

/// An invitation that nobody has used yet.
public struct InvitationState: Hashable, Sendable {
    /// Who was invited.
    public let person: PersonID
    /// Their keyed sign-in name.
    public let nameTag: [UInt8]
    /// Their roles.
    public fileprivate(set) var roles: Set<Role>
    /// Their sealed name.
    public let row: ItemID
    /// The key that the code gives.
    public fileprivate(set) var key: VerifyingKey
    /// From when on the code is good for nothing.
    public fileprivate(set) var expires: Timestamp
    /// Since when it is suspended, for somebody who has not joined before.
    public internal(set) var suspended: Timestamp?
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
    /// The place of the statement that opened it.
    let index: UInt64
    /// When it was closed; nil while it is open.
    public fileprivate(set) var closed: Timestamp?
    /// Its paper, where it is one of the archive.
    public fileprivate(set) var paper: PaperBatch?
}

/// Who there is and which keys count, replayed from the founding statement on.
///
/// Nothing is believed because it opens: a key, recipient, wrap or keybox is used only if it is here. `apply` takes
/// statements in order and refuses one whose author was not entitled to make it then.
public struct Authority: Sendable {
    /// The founding.
    public private(set) var founding: FoundingAct?
    /// Everyone.
    public internal(set) var people: [PersonID: PersonState] = [:]
    /// Everyone, invited or joined, by keyed sign-in name.
    public private(set) var peopleByTag: [[UInt8]: PersonID] = [:]
    /// The invitations that nobody has used yet; of people who are to join again, too.
    public internal(set) var invitations: [PersonID: InvitationState] = [:]
    /// The version of the acceptable-use policy in force.
    public private(set) var acceptableUse = ""
    /// The versions that were in force, oldest first; the last one is.
    public private(set) var policyVersions: [PolicyVersionState] = []
    /// The reviews that were recorded, oldest first.
    public internal(set) var policyReviews: [PolicyReviewState] = []
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
    /// What was decided last about each document that is kept as evidence.
    public internal(set) var quarantineDecisions: [DocumentID: QuarantineState] = [:]
    /// What is marked as a significant event of each pupil file: the indices of the statements that filed it.
    public private(set) var significant: [PupilFileID: Set<UInt64>] = [:]
    /// Every access that was given, ended ones too.
    public private(set) var accesses: [AccessID: AccessState] = [:]
    /// The same by person, in the order in which they were given.
    public private(set) var accessesOf: [PersonID: [AccessID]] = [:]
    /// What agencies asked for, may have and had.
    public internal(set) var disclosure = DisclosureState()
    /// Where a restored vault went on, oldest first.
    public internal(set) var continuations: [ContinuationState] = []
    /// Each backup as it was verified last.
    public internal(set) var backups: [BackupID: BackupState] = [:]
    /// The checkpoint that went onto paper last; nil while none did.
    public internal(set) var checkpointSheet: CheckpointSheetState?
    /// Every recovery key that was made, oldest first: the last one counts.
    public private(set) var recoveries: [RecoveryState] = []
    /// Every proposal of something that takes two people.
    public internal(set) var proposals: [ProposalID: ProposalState] = [:]
    /// The restricted record that each document was moved to that turned out to concern a member of staff.
    public internal(set) var moved: [DocumentID: DocumentID] = [:]
    /// The last restricted record that brought a document.
    var newestBrought: BroughtRecord?
    /// What leads, deputies and panel are told, oldest first.
    public internal(set) var notices: [Notice] = []
    /// Which acts take two people now.
    public private(set) var twoPeople = TwoPersonRule(acts: [], newForDays: TwoPersonRule.days.lowerBound)
    /// Which roles sign in by passkey now.
    public private(set) var passkeyRoles: Set<Role> = []
    /// Every credential that was ever added as a passkey.
    var credentials: Set<Digest> = []
    /// What each role may do now.
    public private(set) var abilities = Abilities(byRole: [:])
    /// The policies in force.
    public private(set) var policy: Digest?
    /// The newest time of any statement.
    public private(set) var newest = Timestamp(milliseconds: 0)

    /// Nothing yet.
    public init() {}

    /// Whether a person's roles include an ability now, and nothing is missing that it needs.
    public func allows(_ ability: Ability, _ person: PersonID, at time: Timestamp) -> Bool {
        refusal(of: ability, to: person, at: time) == nil
    }

    /// Why a person may not now what an ability includes; nil where they may.
    public func refusal(of ability: Ability, to person: PersonID, at time: Timestamp) -> Refusal? {
        guard let person = people[person] else { return .notEntitled }
        return refusal(of: ability, to: person, at: time)
    }

    /// What keeps somebody from everything that their roles may.
    func hindrance(of person: PersonState) -> Refusal? {
        if person.suspended != nil { return .suspended }
        if invitations[person.id] != nil { return .keysBeingReplaced }
        if !person.enrolled { return .enrolmentUnfinished }
        return person.confirmed ? nil : .keysNotGiven
    }

    func refusal(of ability: Ability, to person: PersonState, at time: Timestamp) -> Refusal? {
        if let refusal = hindrance(of: person) { return refusal }
        if lacksPasskey(person) { return .passkeyMissing }
        if !abilities.allow(ability, to: person.roles) { return .notEntitled }
        guard ability.needsDuties else { return nil }
        let missing = steps(of: person, at: time)
        if missing.contains(.policy) { return .policyNotAcknowledged }
        return missing.contains(.training) ? .trainingMissing : nil
    }

    /// What a person still has to do, or have done, before they can work, in order.
    public func steps(of person: PersonState, at time: Timestamp) -> [EnrolmentStep] {
        EnrolmentStep.allCases.filter { step in
            switch step {
            case .authenticator: !person.enrolled
            case .passkey: lacksPasskey(person)
            case .policy: person.acknowledged != acceptableUse
            case .keys: !person.confirmed
            case .training: person.training.map { $0.expires <= time } ?? true
            }
        }
    }

    /// Why somebody may not suspend a person, restore one or make them join again; nil where they may, as far as these
    /// rules go.
    ///
    /// Nobody does it to themselves; who leads safeguarding is suspended and restored by another lead alone, so that an
    /// active lead always remains.
    public func objection(to author: PersonID, changing person: PersonID) -> Refusal? {
        let roles = (people[person]?.roles ?? []).union(invitations[person]?.roles ?? [])
        guard !roles.isEmpty, stations[person] == nil else { return .personUnknown }
        guard author != person else { return .personIsYourself }
        guard !roles.contains(.dsl) || people[author]?.roles.contains(.dsl) == true else { return .personIsLead }
        return nil
    }

    /// Why somebody may not invite a person of these roles, or give them their keys; nil where they may: who reads every
    /// file, or watches over those who do, is made by a lead alone.
    public func objection(to author: PersonID, making roles: Set<Role>) -> Refusal? {
        guard !roles.isDisjoint(with: Role.madeByLead), people[author]?.roles.contains(.dsl) != true else { return nil }
        return .roleIsLeads
    }

    /// The pupil file of a reference as people write it: in any case, with or without `P-`.
    public func pupilFile(reference: String) -> PupilFileID? {
        let bare = reference.uppercased().filter { !$0.isWhitespace }
        return pupilFilesByReference[bare] ?? pupilFilesByReference["P-" + bare]
    }

    /// The place of the statement that brought the key with which somebody signed at a place; nil for who had none there.
    public func keyBringer(of person: PersonID, at index: UInt64) -> UInt64? { people[person]?.keyBringer(at: index) }

    /// The key that must have signed a statement; nil where its author is unknown at this point.
    public func verifyingKey(for statement: Statement) -> VerifyingKey? {
        switch statement.author {
        case .service: founding.flatMap { VerifyingKey(rawRepresentation: $0.serviceKey) }
        case .person(let id):
            if case .vaultFounded(let act) = statement.act {
                statement.index == 0 && act.founder.person == id
                    ? VerifyingKey(rawRepresentation: act.founder.verifyingKey) : nil
            } else if let keys = statement.act.newKeys, people[id]?.keyCounts != statement.index {
                keys.person == id ? VerifyingKey(rawRepresentation: keys.verifyingKey) : nil
            } else {
                people[id]?.verifyingKey(at: statement.index)
            }
        }
    }

    /// Takes the next statement, whose signature was checked with `verifyingKey(for:)`.
    ///
    /// - Throws: `.unlawful` with what was wrong; the authority is then unchanged.
    public mutating func apply(_ statement: Statement) throws(StatementError) {
        var next = self
        try next.pass(statement.act.kind, by: statement.author, at: statement.time, about: statement.pupilFile)
        if statement.act.kind.concernsAuthority {
            try next.applyAuthority(statement)
        } else {
            guard statement.policy == policy else { throw .unlawful("policy is not the one in force") }
            switch statement.act {
            case .documentFiled(let act):
                try next.learnDetailKeys(of: statement)
                try next.checkFiling(act, statement)
            case .entryMade(let act):
                try next.learnDetailKeys(of: statement)
                try next.checkEntry(act, statement)
            case .itemsTriaged(let act):
                try next.learnDetailKeys(of: statement)
                try next.checkTriage(act, statement)
            case .chronologyPrinted(let act):
                try next.learnDetailKeys(of: statement)
                try next.checkPrint(act, statement)
            case .intakeReceived(let act): try next.checkIntake(act, statement)
            case .restrictedActed(let act):
                try next.checkRestricted(act, statement)
                if act.brought != nil { next.learn(brought: act.record, by: statement.author, at: statement.index) }
            case .documentOpened(let document, _, _): try next.checkOpening(of: document)
            default: break
            }
        }
        self = next
    }

    /// Takes of a statement what concerns every one: its author may say it, and time does not go backwards.
    ///
    /// For statements that concern no authority and whose leaf is under a checkpoint; `apply` does it for all.
    public mutating func pass(
        _ kind: Act.Kind, by author: Author, at time: Timestamp, about pupilFile: PupilFileID?
    ) throws(StatementError) {
        try check(author, of: kind, at: time, about: pupilFile)
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
        guard moved[act.document] == nil else { throw .unlawful("filed again after it was moved") }
        guard case .person(let author) = statement.author else { throw .unlawful("filed by nobody") }
        for share in act.shares {
            guard let access = accesses[share.access], access.pupilFile == pupilFile, access.whole,
                access.isActive(at: statement.time), share.document == act.document,
                statement.commits(share)
            else { throw .unlawful("filed for somebody without access to the file") }
        }
        let batch = act.batch.map { batches[$0] }
        if let station = stations[author] {
            guard station.pupilFiles.contains(pupilFile) else {
                throw .unlawful("a station's filing for another pupil")
            }
            guard let batch, let batch, batch.closed == nil, batch.paper == nil,
                allows(.file, batch.operator, at: statement.time)
            else {
                throw .unlawful("a station's filing outside an open batch")
            }
        } else if let batch = act.batch, let objection = objection(toFilingIn: batch, by: author) {
            throw .unlawful(objection)
        }
    }

    mutating func change(_ id: BatchID, _ body: (inout PaperBatch?) -> Void) {
        guard var batch = batches[id] else { return }
        body(&batch.paper)
        batches[id] = batch
    }

    mutating func close(_ batch: BatchID, of author: PersonID, at time: Timestamp) {
        batches[batch]?.closed = time
        openBatches[author] = nil
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

    private func check(
        _ author: Author, of kind: Act.Kind, at time: Timestamp, about pupilFile: PupilFileID?
    ) throws(StatementError) {
        switch author {
        case .service:
            guard kind.isService else { throw .unlawful("the service may not say \(kind.rawValue)") }
        case .person(let id):
            // They bring the author's key themselves; what else they need is looked at where they are applied.
            if [.vaultFounded, .personJoined, .recoveryUsed].contains(kind) { return }
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
            guard invitations[id] == nil else { throw .unlawful("author's keys are being replaced") }
            if kind == .personEnrolled || kind == .signedIn || kind == .signedOut { return }
            // Who became lead by the recovery key takes the restricted documents over with it.
            if kind == .restrictedActed, let used = recoveries.last?.used, used.person == id,
                person.keyCounts == used.index, !person.enrolled
            {
                return
            }
            guard person.enrolled else { throw .unlawful("author not enrolled") }
            let own: [Act.Kind] = [
                .policyAcknowledged, .recoveryCodeUsed, .keyboxRenewed, .passkeyAdded, .passkeyRemoved,
            ]
            if own.contains(kind) { return }
            guard person.confirmed else { throw .unlawful("author's keys were not compared") }
            if lacksPasskey(person) {
                switch kind {
                // What they have open ends, and that they were refused is said.
                case .documentClosed, .accessRefused: return
                // Who cannot add one, since the policy is wrong, can put that right.
                case .policyAdopted where mayAdoptPolicies(id, at: time): return
                default: throw .unlawful("author has no passkey, which their role needs")
                }
            }
            func require(_ ability: Ability) throws(StatementError) {
                if let refusal = refusal(of: ability, to: person, at: time) {
                    throw .unlawful("author may not \(ability.rawValue): \(refusal.code)")
                }
            }
            switch kind {
            case .personInvited, .personReset, .trainingRecorded: try require(.managePeople)
            case .personConfirmed, .policyAdopted, .policyReviewed, .accessGiven, .accessExtended, .accessEnded,
                .recoverySet, .recoveryDrilled, .vaultContinued:
                try require(.giveAccess)
            case .paperDestroyed: try require(.read)
            case .checkpointPrinted: try require(.seeFigures)
            case .backupVerified: throw .unlawful("only the service says that a backup was verified")
            case .pupilRegistered: try require(.managePupils)
            case .documentFiled, .entryMade, .uploadDiscarded, .batchOpened, .batchPrepared, .sheetsPrinted,
                .batchPresented, .batchWithdrawn, .batchSealed:
                try require(.file)
            case .intakeTaken:
                try require(.file)
                try require(.seeIntake)
            case .batchChecked, .batchDoubted, .paperMoved:
                guard mayCheck(id, at: time) else { throw .unlawful("author may neither file nor read") }
            case .disclosureRequested, .visitRecorded, .visitClosed, .childInformed: try require(.read)
            case .disclosureRefused, .permissionGiven, .permissionWithdrawn:
                if let refusal = refusal(toPermit: id, at: time) {
                    throw .unlawful("author may not permit: \(refusal.code)")
                }
            case .disclosureDelegated, .delegationEnded: try require(.giveAccess)
            case _ where kind.isOfAgency: throw .unlawful("only the service says \(kind.rawValue)")
            case .chronologyRead, .documentOpened:
                guard let pupilFile, refusal(toRead: pupilFile, person, at: time) == nil else {
                    return try require(.read)
                }
            // Who has access to some documents reads them, and weighs nothing.
            case .itemPromoted, .itemDemoted, .chronologySearched, .chronologyPrinted, .itemsTriaged,
                .quarantineDecided:
                try require(.read)
            case .stationAdded, .stationAllowed, .stationWithdrawn: try require(.manageStations)
            case .intakeRead: try require(.seeIntake)
            case .restrictedActed where refusal(of: .holdRestricted, to: person, at: time) != nil: try require(.file)
            case .documentMoved:
                try require(.read)
                try require(.holdRestricted)
            case .intakeReceived: throw .unlawful("only a station puts scans into the intake queue")
            default: break
            }
        }
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
            adopt(act.acceptableUse, statement)
            twoPeople = act.twoPeople
            passkeyRoles = try Self.passkeyRoles(act.passkeyRoles)
            policy = statement.policy
            try addNode(act.register, .register)
            try addNode(act.team, .team)
            try addNode(act.intake, .intake)
            try add(act.founder, at: statement.index)
            people[act.founder.person]?.confirmedSince = statement.time
            people[act.founder.person]?.confirmedRoles = act.founder.roles
        case .personInvited(let act): try invite(act, statement)
        case .personReset(let id, let code, let roles): try reset(id, code, roles, statement)
        case .personJoined(let act): try join(act, statement)
        case .personEnrolled(let id):
            guard statement.author == .person(id), people[id]?.enrolled == false else {
                throw .unlawful("enrolled by another, or twice")
            }
            people[id]?.enrolled = true
        case .personConfirmed(let act): try confirm(act, statement)
        case .policyAcknowledged(let version):
            guard case .person(let author) = statement.author, version == acceptableUse else {
                throw .unlawful("another policy than the one in force")
            }
            people[author]?.acknowledged = version
            people[author]?.acknowledgedAt = statement.time
        case .trainingRecorded(let act):
            guard people[act.person] != nil, stations[act.person] == nil else { throw .unlawful("training of nobody") }
            people[act.person]?.training = act
        case .recoveryCodeUsed(let number):
            guard case .person(let author) = statement.author, (1...10).contains(number),
                people[author]?.recoveryCodesUsed.insert(number).inserted == true
            else { throw .unlawful("a recovery code used twice") }
        case .keyboxRenewed(let keybox):
            guard case .person(let author) = statement.author else { throw .unlawful("a keybox of nobody") }
            try expect(keybox, .keybox)
            people[author]?.keybox = keybox
        case .passkeyAdded(let act): try addPasskey(act, statement)
        case .passkeyRemoved(let id, let person): try removePasskey(id, of: person, statement)
        case .stationAdded(let act):
            guard act.party.roles == [.station], act.party.wraps.isEmpty else {
                throw .unlawful("a station with another role, or with keys to something")
            }
            try add(act.party, at: statement.index)
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
        case .accessGiven(let act): try giveAccess(act, statement)
        case .accessExtended(let shares, let entries):
            guard (1...Share.most).contains(shares.count + entries.count) else {
                throw .unlawful("too many shares, or none")
            }
            for share in entries {
                guard let access = accesses[share.access], access.pupilFile == statement.pupilFile,
                    access.isActive(at: statement.time), statement.commits(share)
                else { throw .unlawful("shared under no access to this file") }
            }
            for share in shares {
                guard let access = accesses[share.access], access.pupilFile == statement.pupilFile,
                    access.isActive(at: statement.time), statement.commits(share)
                else { throw .unlawful("shared under no access to this file") }
                guard moved[share.document] == nil else { throw .unlawful("shared after it was moved") }
            }
        case .itemPromoted(let item): try mark(item, asSignificant: true, statement)
        case .itemDemoted(let item): try mark(item, asSignificant: false, statement)
        case .accessEnded(let id):
            guard accesses[id] != nil, accesses[id]?.ended == nil, accesses[id]?.pupilFile == statement.pupilFile
            else { throw .unlawful("no access to this file, or ended twice") }
            accesses[id]?.ended = statement.time
        case .recoverySet(let act): try setRecovery(act, statement)
        case .recoveryDrilled(let act):
            guard let recovery = recoveryInForce, recovery.identity == act.recovery,
                act.shares.count >= recovery.threshold, act.shares.last ?? 0 <= recovery.shares.count
            else { throw .unlawful("a drill of another recovery key, or with too few shares") }
            recoveries[recoveries.count - 1].drilled = statement.time
        case .recoveryUsed(let act): try useRecovery(act, statement)
        case .documentMoved(let document, let record): try move(document, to: record, statement)
        case .quarantineDecided(let act): try decide(act, statement)
        case .backupVerified(let act): try takeBackup(act, statement)
        case .vaultContinued(let act): try goOn(act, statement)
        case .checkpointPrinted(let print, _): try takeSheet(print, statement)
        case .batchOpened(let id):
            guard case .person(let author) = statement.author, batches[id] == nil, openBatches[author] == nil else {
                throw .unlawful("a batch opened twice, or a second one")
            }
            batches[id] = BatchState(
                id: id, number: batches.count + 1, operator: author, opened: statement.time,
                index: statement.index)
            openBatches[author] = id
        case .batchClosed(let id):
            guard case .person(let author) = statement.author, openBatches[author] == id else {
                throw .unlawful("a batch that is another's, or not open")
            }
            guard batches[id]?.paper?.presented == nil else {
                throw .unlawful("a batch of paper closed while it is checked")
            }
            close(id, of: author, at: statement.time)
        case .personSuspended(let id, let proposal): try suspend(id, true, under: proposal, statement)
        case .personRestored(let id, let proposal): try suspend(id, false, under: proposal, statement)
        case .proposalMade(let act): try propose(act, statement)
        case .proposalAgreed(let id): try agree(to: id, statement)
        case .proposalWithdrawn(let id): try withdraw(id, statement)
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
        case .policyAdopted(let abilities, let twoPeople, let passkeyRoles, let version):
            self.abilities = abilities
            self.twoPeople = twoPeople
            self.passkeyRoles = try Self.passkeyRoles(passkeyRoles)
            adopt(version, statement)
            policy = statement.policy
        case .policyReviewed(let act): try review(act, statement)
        case _ where statement.act.kind.isDisclosure: try disclose(statement)
        case _ where statement.act.kind.isOfPaper: try takeBatch(statement)
        default: break
        }
    }

    mutating func addPermissionNode(_ identity: IdentityID) throws(StatementError) {
        try addNode(identity, .permission)
    }

    /// Notes a version where it is another than the one before: other policies are adopted by the same statements.
    private mutating func adopt(_ version: String, _ statement: Statement) {
        acceptableUse = version
        guard case .person(let author) = statement.author, policyVersions.last?.version != version else { return }
        policyVersions.append(PolicyVersionState(version: version, adopted: statement.time, author: author))
    }

    /// Since when a person, invited or joined, is suspended.
    public func suspended(_ person: PersonID) -> Timestamp? {
        people[person].map { $0.suspended } ?? invitations[person]?.suspended
    }

    private mutating func add(_ act: PersonAct, at index: UInt64) throws(StatementError) {
        guard people[act.person] == nil, invitations[act.person] == nil, peopleByTag[act.nameTag] == nil,
            let verifyingKey = VerifyingKey(rawRepresentation: act.verifyingKey)
        else { throw .unlawful("person added twice") }
        try expect(act.row, .personRow)
        try expect(act.keybox, .keybox)
        try addNode(act.identity, .person)
        try add(act.wraps, to: act.identity, having: act.roles)
        people[act.person] = PersonState(
            id: act.person, identity: act.identity, verifyingKey: verifyingKey, nameTag: act.nameTag, roles: act.roles,
            row: act.row, keybox: act.keybox, enrolled: true, from: index)
        peopleByTag[act.nameTag] = act.person
    }

    private mutating func invite(_ act: InvitationAct, _ statement: Statement) throws(StatementError) {
        guard case .person(let author) = statement.author, objection(to: author, making: act.roles) == nil,
            !act.roles.isEmpty, !act.roles.contains(.station)
        else { throw .unlawful("invited by who may not, or as nothing") }
        guard people[act.person] == nil, invitations[act.person] == nil, act.nameTag.count == 32,
            peopleByTag.updateValue(act.person, forKey: act.nameTag) == nil
        else { throw .unlawful("person invited twice") }
        try expect(act.row, .personRow)
        invitations[act.person] = InvitationState(
            person: act.person, nameTag: act.nameTag, roles: act.roles, row: act.row,
            key: try key(of: act.code, statement), expires: act.code.expires)
    }

    private mutating func reset(
        _ id: PersonID, _ code: InvitationCode, _ roles: Set<Role>?, _ statement: Statement
    ) throws(StatementError) {
        guard case .person(let author) = statement.author, objection(to: author, changing: id) == nil else {
            throw .unlawful("made to join again by who may not")
        }
        if let roles {
            guard objection(to: author, making: roles) == nil, !roles.isEmpty, !roles.contains(.station) else {
                throw .unlawful("made to join again by who may not, or as nothing")
            }
        }
        let key = try key(of: code, statement)
        if let person = people[id] {
            people[id]?.enrolled = false
            people[id]?.confirmed = false
            people[id]?.outSince = person.outSince ?? statement.time
            invitations[id] = InvitationState(
                person: id, nameTag: person.nameTag, roles: roles ?? invitations[id]?.roles ?? person.roles,
                row: person.row, key: key, expires: code.expires)
        } else {
            invitations[id]?.key = key
            if let roles { invitations[id]?.roles = roles }
            invitations[id]?.expires = code.expires
        }
    }

    private func key(of code: InvitationCode, _ statement: Statement) throws(StatementError) -> VerifyingKey {
        let longest = statement.time.milliseconds + InvitationCode.longest
        guard let key = VerifyingKey(rawRepresentation: code.key), code.expires > statement.time,
            code.expires.milliseconds <= longest
        else { throw .unlawful("an invitation for longer than 24 hours, or of no key") }
        return key
    }

    private mutating func join(_ act: JoiningAct, _ statement: Statement) throws(StatementError) {
        guard statement.author == .person(act.person), let invitation = invitations[act.person],
            statement.time < invitation.expires, suspended(act.person) == nil
        else { throw .unlawful("joined without an invitation that counts") }
        try expect(act.keybox, .keybox)
        try addNode(act.identity, .person)
        guard let vault = founding?.vault, let verifyingKey = VerifyingKey(rawRepresentation: act.verifyingKey),
            let recipient = items[act.identity.shared(as: Kind.Item.self)]?.digest,
            let keybox = items[act.keybox]?.digest,
            invitation.key.isValid(
                act.proof,
                for: JoiningAct.signedBytes(
                    vault: vault, person: act.person, identity: act.identity, verifyingKey: act.verifyingKey,
                    recipient: recipient, keybox: keybox))
        else { throw .unlawful("keys that the invitation's code did not sign for") }
        takeKeys(
            of: act.person, identity: act.identity, verifyingKey: verifyingKey, keybox: act.keybox,
            named: (invitation.nameTag, invitation.roles, invitation.row), at: statement.index)
    }

    /// Keys that a person made count from this statement on; what they had before counts for what they signed then.
    ///
    /// - Parameter named: what stands of them already, for who had no keys before.
    private mutating func takeKeys(
        of id: PersonID, identity: IdentityID, verifyingKey: VerifyingKey, keybox: ItemID,
        named: (nameTag: [UInt8], roles: Set<Role>, row: ItemID), at index: UInt64
    ) {
        invitations[id] = nil
        guard var person = people[id] else {
            people[id] = PersonState(
                id: id, identity: identity, verifyingKey: verifyingKey, nameTag: named.nameTag, roles: named.roles,
                row: named.row, keybox: keybox, enrolled: false, from: index)
            return
        }
        person.earlierKeys.append((person.keyCounts, person.verifyingKey))
        person.keyCounts = index
        person.identity = identity
        person.verifyingKey = verifyingKey
        person.keybox = keybox
        person.roles = named.roles
        person.recoveryCodesUsed = []
        person.passkeys = []
        people[id] = person
    }

    private mutating func confirm(_ act: ConfirmationAct, _ statement: Statement) throws(StatementError) {
        guard case .person(let author) = statement.author, let person = people[act.person], author != act.person,
            person.identity == act.identity, person.enrolled, !person.confirmed, person.suspended == nil,
            invitations[act.person] == nil, objection(to: author, making: person.roles) == nil
        else { throw .unlawful("keys given to who has them, is not ready for them, or by who may not") }
        try add(act.wraps, to: person.identity, having: person.roles)
        try settle(act, statement)
        people[act.person]?.confirmed = true
    }

    /// Nobody gives themselves access, and nobody is given any whose keys were not compared.
    private mutating func giveAccess(_ act: AccessAct, _ statement: Statement) throws(StatementError) {
        guard case .person(let author) = statement.author, author != act.person, let person = people[act.person],
            person.identity == act.identity, person.confirmed, person.suspended == nil, stations[act.person] == nil,
            invitations[act.person] == nil
        else { throw .unlawful("access given to oneself, or to who cannot have any") }
        guard let pupilFile = statement.pupilFile, pupils[pupilFile] != nil, accesses[act.access] == nil,
            act.expires > statement.time
        else { throw .unlawful("access given twice, to nobody's file, or for no time") }
        guard statement.items.contains(where: { $0.kind == .detail && $0.id == act.detail }) else {
            throw .unlawful("access without its detail")
        }
        try learnDetailKeys(of: statement)
        guard detailKeys[act.detailKey] == pupilFile else { throw .unlawful("access under another pupil's detail key") }
        accesses[act.access] = AccessState(
            id: act.access, person: act.person, identity: act.identity, pupilFile: pupilFile, whole: act.whole,
            givenBy: author, given: statement.time, index: statement.index, expires: act.expires)
        accessesOf[act.person, default: []].append(act.access)
    }

    /// Marked and unmarked in turn. That the item is one of this pupil file is looked at by who has read what stands before:
    /// replay keeps no list of what was filed.
    private mutating func mark(
        _ item: UInt64, asSignificant: Bool, _ statement: Statement
    ) throws(StatementError) {
        guard statement.policy == policy else { throw .unlawful("policy is not the one in force") }
        guard let pupilFile = statement.pupilFile, pupils[pupilFile] != nil, item < statement.index else {
            throw .unlawful("a significant event of nobody's, or not yet there")
        }
        let isMarked = significant[pupilFile]?.contains(item) ?? false
        guard isMarked != asSignificant else { throw .unlawful("a significant event marked or unmarked twice") }
        if asSignificant {
            significant[pupilFile, default: []].insert(item)
        } else {
            significant[pupilFile]?.remove(item)
        }
    }

    /// The recovery key that counts: the one made last, unless it was used.
    public var recoveryInForce: RecoveryState? { recoveries.last.flatMap { $0.used == nil ? $0 : nil } }

    private mutating func setRecovery(_ act: RecoveryAct, _ statement: Statement) throws(StatementError) {
        guard let verifyingKey = VerifyingKey(rawRepresentation: act.verifyingKey),
            RecoveryState.counts.contains(act.shares.count), Set(act.shares).count == act.shares.count,
            (2...UInt64(act.shares.count)).contains(act.threshold)
        else { throw .unlawful("a recovery key without a key, or of no such shares") }
        try expect(act.row, .personRow)
        try addNode(act.identity, .recovery)
        guard act.wraps.map(\.identity) == [founding?.register, founding?.team, founding?.intake],
            act.wraps.allSatisfy({ $0.holder == act.identity })
        else { throw .unlawful("a recovery key that reaches more or less than register, team and intake queue") }
        try add(act.wraps)
        try settle(act, statement)
        recoveries.append(
            RecoveryState(
                identity: act.identity, verifyingKey: verifyingKey, threshold: Int(act.threshold), shares: act.shares,
                row: act.row, made: statement.time))
    }

    /// Who reads every file and is not suspended, this person apart: invited ones too.
    public func leads(beside person: PersonID) -> [PersonID] {
        let all = people.mapValues { $0.roles }.merging(invitations.mapValues { $0.roles }) { $1 }
        return all.filter { $0 != person && $1.contains(.dsl) && suspended($0) == nil }.keys.sorted()
    }

    private mutating func useRecovery(_ act: RecoveryUseAct, _ statement: Statement) throws(StatementError) {
        guard let recovery = recoveryInForce, recovery.identity == act.recovery,
            statement.author == .person(act.person), let vault = founding?.vault,
            let verifyingKey = VerifyingKey(rawRepresentation: act.verifyingKey)
        else { throw .unlawful("a recovery key that is another, or was used") }
        guard
            recovery.verifyingKey.isValid(act.proof, for: try act.signedBytes(vault: vault, items: statement.items))
        else { throw .unlawful("keys that the recovery key did not sign for") }
        guard act.suspended == leads(beside: act.person) else { throw .unlawful("a lead not suspended, or no lead") }
        var named: (nameTag: [UInt8], roles: Set<Role>, row: ItemID)
        if let newcomer = act.newcomer {
            guard people[act.person] == nil, invitations[act.person] == nil, newcomer.nameTag.count == 32,
                peopleByTag.updateValue(act.person, forKey: newcomer.nameTag) == nil
            else { throw .unlawful("a newcomer who is there already") }
            try expect(newcomer.row, .personRow)
            named = (newcomer.nameTag, [.dsl], newcomer.row)
        } else if let known = people[act.person] {
            named = (known.nameTag, invitations[act.person]?.roles ?? known.roles, known.row)
        } else if let invitation = invitations[act.person] {
            named = (invitation.nameTag, invitation.roles, invitation.row)
        } else {
            throw .unlawful("nobody becomes lead")
        }
        guard named.roles.contains(.dsl) else { throw .unlawful("who was not a lead keeps their keys and role") }
        try expect(act.keybox, .keybox)
        try addNode(act.identity, .person)
        guard act.wraps.map(\.identity) == identities(for: named.roles) else {
            throw .unlawful("more or fewer keys than a lead needs")
        }
        try add(act.wraps, to: act.identity, having: named.roles)
        for lead in act.suspended {
            people[lead]?.suspended = statement.time
            people[lead]?.outSince = nil
            invitations[lead]?.suspended = statement.time
        }
        takeKeys(
            of: act.person, identity: act.identity, verifyingKey: verifyingKey, keybox: act.keybox, named: named,
            at: statement.index)
        people[act.person]?.enrolled = false
        people[act.person]?.confirmed = true
        people[act.person]?.confirmedSince = statement.time
        people[act.person]?.confirmedRoles = named.roles
        people[act.person]?.suspended = nil
        people[act.person]?.outSince = nil
        recoveries[recoveries.count - 1].used = .init(
            person: act.person, time: statement.time, index: statement.index)
    }

    /// The accesses that a person has now; none of those given for keys that they no longer have.
    public func activeAccesses(of person: PersonID, at time: Timestamp) -> [AccessState] {
        guard let identity = people[person]?.identity else { return [] }
        return (accessesOf[person] ?? []).compactMap { accesses[$0] }.filter {
            $0.isActive(at: time) && $0.identity == identity
        }
    }

    /// The accesses to a whole pupil file that what is filed now is shared with.
    public func wholeAccesses(to pupilFile: PupilFileID, at time: Timestamp) -> [AccessState] {
        accesses.values.filter {
            $0.pupilFile == pupilFile && $0.whole && $0.isActive(at: time) && people[$0.person]?.identity == $0.identity
        }.sorted { $0.index < $1.index }
    }

    /// Why a person may not read, now, something of a pupil file: their role does not read, and they have no access to any
    /// of it. Nil where they may; which documents, the shares say.
    public func refusal(toRead pupilFile: PupilFileID, _ person: PersonID, at time: Timestamp) -> Refusal? {
        guard let state = people[person] else { return .notEntitled }
        return refusal(toRead: pupilFile, state, at: time)
    }

    func refusal(toRead pupilFile: PupilFileID, _ person: PersonState, at time: Timestamp) -> Refusal? {
        let refused = refusal(of: .read, to: person, at: time)
        guard refused == .notEntitled,
            activeAccesses(of: person.id, at: time).contains(where: { $0.pupilFile == pupilFile })
        else { return refused }
        let missing = steps(of: person, at: time)
        if missing.contains(.policy) { return .policyNotAcknowledged }
        return missing.contains(.training) ? .trainingMissing : nil
    }

    /// Who gives keys for somebody's roles gives them to that person alone, and only those that the roles need.
    private mutating func add(
        _ edges: [WrapEdge], to identity: IdentityID, having roles: Set<Role>
    ) throws(StatementError) {
        for edge in edges {
            guard edge.holder == identity, needs(edge.identity).contains(where: { abilities.allow($0, to: roles) })
            else {
                throw .unlawful("a key that the person's roles do not need")
            }
        }
        try add(edges)
    }

    /// The abilities that need the key of the register, the team or the intake queue: any of them.
    private func needs(_ identity: IdentityID) -> [Ability] {
        switch identity {
        case founding?.register: [.file, .read]
        case founding?.team: [.read]
        case founding?.intake: [.seeIntake]
        default: []
        }
    }

    /// The identities that roles need the keys of.
    public func identities(for roles: Set<Role>) -> [IdentityID] {
        [founding?.register, founding?.team, founding?.intake].compactMap { $0 }.filter { identity in
            needs(identity).contains { abilities.allow($0, to: roles) }
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

    func expect(_ item: ItemID, _ kind: ItemKind) throws(StatementError) {
        guard items[item]?.kind == kind else { throw .unlawful("no \(kind.rawValue) committed") }
    }
}

extension Statement {
    /// Whether the statement brings the items of a share.
    fileprivate func commits(_ share: Share) -> Bool {
        items.contains { $0.kind == .header && $0.id == share.header }
            && items.contains { $0.kind == .rowKey && $0.id == share.rowKey }
    }
}

extension Act {
    /// The person whose new signing key a statement brings, which signs it.
    fileprivate var newKeys: (person: PersonID, verifyingKey: [UInt8])? {
        switch self {
        case .personJoined(let act): (act.person, act.verifyingKey)
        case .recoveryUsed(let act): (act.person, act.verifyingKey)
        default: nil
        }
    }
}
