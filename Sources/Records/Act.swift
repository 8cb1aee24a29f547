import Ledger
public import Sealing

/// An edge of the key graph: an identity's secret, sealed to a holder.
public struct WrapEdge: Hashable, Sendable {
    /// The item that holds the sealed secret.
    public let item: ItemID
    /// The identity whose secret it is.
    public let identity: IdentityID
    /// The identity it is sealed to.
    public let holder: IdentityID

    /// An edge.
    public init(item: ItemID, identity: IdentityID, holder: IdentityID) {
        self.item = item
        self.identity = identity
        self.holder = holder
    }

    var encoded: CanonicalValue {
        .object([
            "holder": .string(holder.text), "identity": .string(identity.text), "item": .string(item.text),
        ])
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(item: try reader.id("item"), identity: try reader.id("identity"), holder: try reader.id("holder"))
        try reader.end()
    }

    static func list(_ values: [CanonicalValue]) throws(StatementError) -> [WrapEdge] {
        var wraps: [WrapEdge] = []
        for value in values { wraps.append(try WrapEdge(parsing: value)) }
        return wraps
    }
}

/// The founding lead, or a scan station, as a statement adds them: with keys from the beginning.
public struct PersonAct: Hashable, Sendable {
    /// The new person.
    public let person: PersonID
    /// Their node of the key graph; its recipient is the item of the same id.
    public let identity: IdentityID
    /// Their Ed25519 key, 32 bytes.
    public let verifyingKey: [UInt8]
    /// A keyed hash of the name they sign in with, 32 bytes.
    public let nameTag: [UInt8]
    /// Their roles.
    public let roles: Set<Role>
    /// Their sealed keys.
    public let keybox: ItemID
    /// Their sealed name.
    public let row: ItemID
    /// What they can reach.
    public let wraps: [WrapEdge]

    /// A person of all these parts.
    public init(
        person: PersonID, identity: IdentityID, verifyingKey: [UInt8], nameTag: [UInt8], roles: Set<Role>,
        keybox: ItemID, row: ItemID, wraps: [WrapEdge]
    ) {
        self.person = person
        self.identity = identity
        self.verifyingKey = verifyingKey
        self.nameTag = nameTag
        self.roles = roles
        self.keybox = keybox
        self.row = row
        self.wraps = wraps
    }

    var encoded: [String: CanonicalValue] {
        [
            "person": .string(person.text), "identity": .string(identity.text),
            "verifying_key": .string(Base64.encode(verifyingKey)), "name_tag": .string(Base64.encode(nameTag)),
            "roles": .array(roles.map(\.rawValue).sorted().map { .string($0) }), "keybox": .string(keybox.text),
            "row": .string(row.text), "wraps": .array(wraps.map(\.encoded)),
        ]
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        let roles: Set<Role> = try reader.words("roles")
        var wraps: [WrapEdge] = []
        for value in try reader.array("wraps") { wraps.append(try WrapEdge(parsing: value)) }
        self.init(
            person: try reader.id("person"), identity: try reader.id("identity"),
            verifyingKey: try reader.bytes("verifying_key"), nameTag: try reader.bytes("name_tag"), roles: roles,
            keybox: try reader.id("keybox"), row: try reader.id("row"), wraps: wraps)
        try reader.end()
    }
}

/// What each role may do, as a statement carries it: later replays need it as it stood then.
public struct Abilities: Hashable, Sendable {
    /// By role.
    public let byRole: [Role: Set<Ability>]

    /// Abilities by role.
    public init(byRole: [Role: Set<Ability>]) { self.byRole = byRole }

    /// Whether any of these roles includes the ability.
    public func allow(_ ability: Ability, to roles: Set<Role>) -> Bool {
        roles.contains { byRole[$0]?.contains(ability) ?? false }
    }

    var encoded: CanonicalValue {
        var object: [String: CanonicalValue] = [:]
        for (role, abilities) in byRole {
            object[role.rawValue] = .array(abilities.map(\.rawValue).sorted().map { .string($0) })
        }
        return .object(object)
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        guard case .object(let object) = value else { throw .malformed("abilities") }
        var byRole: [Role: Set<Ability>] = [:]
        for (name, value) in object {
            guard let role = Role(rawValue: name), case .array(let words) = value else { throw .malformed("abilities") }
            byRole[role] = try StatementReader.words("abilities", words)
        }
        self.byRole = byRole
    }
}

/// The founding of a vault: statement 0.
public struct FoundingAct: Hashable, Sendable {
    /// The vault.
    public let vault: VaultID
    /// The origin line of its checkpoints.
    public let origin: String
    /// The service's Ed25519 key, 32 bytes.
    public let serviceKey: [UInt8]
    /// The checkpoints' Ed25519 key, 32 bytes.
    public let checkpointKey: [UInt8]
    /// The identity of the register.
    public let register: IdentityID
    /// The identity of the safeguarding team.
    public let team: IdentityID
    /// The identity of the intake queue.
    public let intake: IdentityID
    /// What each role may do from now on.
    public let abilities: Abilities
    /// The version of the acceptable-use policy in force, which everyone has to acknowledge.
    public let acceptableUse: String
    /// Which acts take two people from now on.
    public let twoPeople: TwoPersonRule
    /// Which roles sign in by passkey from now on.
    public let passkeyRoles: Set<Role>
    /// The founding lead.
    public let founder: PersonAct

    /// A founding of all these parts.
    public init(
        vault: VaultID, origin: String, serviceKey: [UInt8], checkpointKey: [UInt8], register: IdentityID,
        team: IdentityID, intake: IdentityID, abilities: Abilities, acceptableUse: String, twoPeople: TwoPersonRule,
        passkeyRoles: Set<Role>, founder: PersonAct
    ) {
        self.vault = vault
        self.origin = origin
        self.serviceKey = serviceKey
        self.checkpointKey = checkpointKey
        self.register = register
        self.team = team
        self.intake = intake
        self.abilities = abilities
        self.acceptableUse = acceptableUse
        self.twoPeople = twoPeople
        self.passkeyRoles = passkeyRoles
        self.founder = founder
    }

    var encoded: [String: CanonicalValue] {
        [
            "vault": .string(vault.text), "origin": .string(origin), "service_key": .string(Base64.encode(serviceKey)),
            "checkpoint_key": .string(Base64.encode(checkpointKey)), "register": .string(register.text),
            "team": .string(team.text), "intake": .string(intake.text), "abilities": abilities.encoded,
            "acceptable_use": .string(acceptableUse), "two_people": twoPeople.encoded,
            "passkey_roles": .array(passkeyRoles.map(\.rawValue).sorted().map { .string($0) }),
            "founder": .object(founder.encoded),
        ]
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(
            vault: try reader.id("vault"), origin: try reader.text("origin"),
            serviceKey: try reader.bytes("service_key"), checkpointKey: try reader.bytes("checkpoint_key"),
            register: try reader.id("register"), team: try reader.id("team"), intake: try reader.id("intake"),
            abilities: try Abilities(parsing: try reader.value("abilities")),
            acceptableUse: try reader.text("acceptable_use"),
            twoPeople: try TwoPersonRule(parsing: try reader.value("two_people")),
            passkeyRoles: try reader.words("passkey_roles"),
            founder: try PersonAct(parsing: try reader.value("founder")))
        try reader.end()
    }
}

/// A pupil put on the register.
public struct PupilAct: Hashable, Sendable {
    /// The pupil.
    public let pupil: PupilID
    /// The opaque reference that people write down, such as `P-7F3KQ`.
    public let reference: String
    /// The pupil file's node of the key graph.
    public let identity: IdentityID
    /// The sealed name, date of birth, UPN and enrolment date.
    public let row: ItemID
    /// Who can reach the pupil file's key.
    public let wraps: [WrapEdge]

    /// A pupil of all these parts.
    public init(pupil: PupilID, reference: String, identity: IdentityID, row: ItemID, wraps: [WrapEdge]) {
        self.pupil = pupil
        self.reference = reference
        self.identity = identity
        self.row = row
        self.wraps = wraps
    }

    var encoded: [String: CanonicalValue] {
        [
            "pupil": .string(pupil.text), "reference": .string(reference), "identity": .string(identity.text),
            "row": .string(row.text), "wraps": .array(wraps.map(\.encoded)),
        ]
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        var wraps: [WrapEdge] = []
        for value in try reader.array("wraps") { wraps.append(try WrapEdge(parsing: value)) }
        self.init(
            pupil: try reader.id("pupil"), reference: try reader.text("reference"), identity: try reader.id("identity"),
            row: try reader.id("row"), wraps: wraps)
        try reader.end()
    }
}

/// A payload in the blob store, as a statement commits to it.
public struct SealedPayload: Hashable, Sendable {
    /// Where it lies.
    public let blob: BlobID
    /// SHA-256 of the payload, ciphertext with the nonce before it.
    public let digest: Digest
    /// Its length in bytes.
    public let length: UInt64
    /// Its 16-byte nonce.
    public let nonce: [UInt8]
    /// The commitment to its file key.
    public let commitment: Digest

    /// A payload of all these parts.
    public init(blob: BlobID, digest: Digest, length: UInt64, nonce: [UInt8], commitment: Digest) {
        self.blob = blob
        self.digest = digest
        self.length = length
        self.nonce = nonce
        self.commitment = commitment
    }

    var encoded: [String: CanonicalValue] {
        [
            "blob": .string(blob.text), "payload_sha256": .string(digest.base64),
            "payload_length": .integer(Int64(length)), "nonce": .string(Base64.encode(nonce)),
            "commitment": .string(commitment.base64),
        ]
    }

    init(reading reader: inout StatementReader) throws(StatementError) {
        self.init(
            blob: try reader.id("blob"), digest: try reader.digest("payload_sha256"),
            length: try reader.size("payload_length"), nonce: try reader.bytes("nonce"),
            commitment: try reader.digest("commitment"))
    }
}

/// A document filed: this statement is its chronology reference.
public struct FilingAct: Hashable, Sendable {
    /// The document; its header is the item of the same id.
    public let document: DocumentID
    /// The upload it was.
    public let upload: UploadID
    /// Its payload, its key bound to the document.
    public let payload: SealedPayload
    /// The sealed detail.
    public let detail: ItemID
    /// The detail key that opens it.
    public let detailKey: ItemID
    /// Why it is kept apart as evidence, when it is.
    public let quarantine: String?
    /// The batch it was filed in, where there was one.
    public let batch: BatchID?
    /// What it is shared by, with those who have access to the whole file.
    public let shares: [Share]
    /// A hash of pupil file and content, 32 bytes, keyed by the uploader: the same content that they file again for the
    /// same pupil has the same, and to anybody else it says nothing.
    public let contentTag: [UInt8]

    /// A filing of all these parts.
    public init(
        document: DocumentID, upload: UploadID, payload: SealedPayload, detail: ItemID, detailKey: ItemID,
        quarantine: String?, batch: BatchID?, shares: [Share] = [], contentTag: [UInt8]
    ) {
        self.document = document
        self.upload = upload
        self.payload = payload
        self.detail = detail
        self.detailKey = detailKey
        self.quarantine = quarantine
        self.batch = batch
        self.shares = shares
        self.contentTag = contentTag
    }

    var encoded: [String: CanonicalValue] {
        var object = payload.encoded
        object["document"] = .string(document.text)
        object["upload"] = .string(upload.text)
        object["detail"] = .string(detail.text)
        object["detail_key"] = .string(detailKey.text)
        object["content_tag"] = .string(Base64.encode(contentTag))
        if let quarantine { object["quarantine"] = .string(quarantine) }
        if let batch { object["batch"] = .string(batch.text) }
        if !shares.isEmpty { object["shares"] = .array(shares.map(\.encoded)) }
        return object
    }

    init(parsing value: CanonicalValue) throws(StatementError) {
        var reader = try StatementReader(value)
        self.init(
            document: try reader.id("document"), upload: try reader.id("upload"),
            payload: try SealedPayload(reading: &reader), detail: try reader.id("detail"),
            detailKey: try reader.id("detail_key"),
            quarantine: try reader.has("quarantine") ? try reader.text("quarantine") : nil,
            batch: try reader.has("batch") ? try reader.id("batch") : nil,
            shares: try reader.has("shares") ? try Share.list(reader.array("shares")) : [],
            contentTag: try reader.bytes("content_tag"))
        try reader.end()
    }
}

/// How a document was read.
public enum ReadingManner: String, Hashable, Sendable {
    /// Its pages were looked at as pictures.
    case view
    /// The original was taken.
    case download
    /// The original was taken, sealed to a recipient of the reader's own.
    case sealedDownload = "sealed-download"
    /// It was opened whole and compared with the record; nobody was shown anything.
    case comparison
    /// It was opened whole for its text to be read by the vault, which search looks through; nobody was shown anything.
    case recognition

    /// Whether something of the document is shown or given to who reads it so.
    public var shows: Bool {
        switch self {
        case .view, .download, .sealedDownload: true
        case .comparison, .recognition: false
        }
    }
}

/// What a statement says was done.
public enum Act: Hashable, Sendable {
    /// A vault was founded.
    case vaultFounded(FoundingAct)
    /// Somebody was invited by name and role.
    case personInvited(InvitationAct)
    /// A person has to join again with a fresh code and fresh keys; those they had count no more.
    case personReset(PersonID, InvitationCode, roles: Set<Role>? = nil)
    /// An invited person made their keys, under a password of their own.
    case personJoined(JoiningAct)
    /// A person who joined set up their authenticator: it gave a code.
    case personEnrolled(PersonID)
    /// A lead compared the fingerprint of a person's keys with them and gave the keys that their roles need.
    case personConfirmed(ConfirmationAct)
    /// A person acknowledged this version of the acceptable-use policy.
    case policyAcknowledged(version: String)
    /// A person's training was recorded.
    case trainingRecorded(TrainingAct)
    /// A person signed in with one of their ten recovery codes, 1 to 10, in place of the authenticator's.
    case recoveryCodeUsed(number: UInt64)
    /// The author's keys are in a new keybox, under another password or hashed harder.
    case keyboxRenewed(ItemID)
    /// The author added a passkey of their own.
    case passkeyAdded(PasskeyAct)
    /// A passkey counts no more: removed by its person, or by who manages them.
    case passkeyRemoved(PasskeyID, of: PersonID)
    /// A person may sign in and act no more, until they are restored. Their keys stay.
    /// A lead without another lead: under a proposal.
    case personSuspended(PersonID, under: ProposalID? = nil)
    /// A suspended person may again what their roles may. A lead without another lead: under a proposal.
    case personRestored(PersonID, under: ProposalID? = nil)
    /// Something that takes two people was proposed.
    case proposalMade(ProposalAct)
    /// A second person agreed to a proposal.
    case proposalAgreed(ProposalID)
    /// A proposal was withdrawn by its proposer, or refused by who could have agreed.
    case proposalWithdrawn(ProposalID)
    /// Somebody was given access to the pupil file that the statement is about, or to documents of it.
    case accessGiven(AccessAct)
    /// Documents and entries of the pupil file that the statement is about were shared under an access.
    case accessExtended([Share], entries: [EntryShare] = [])
    /// An access was ended.
    case accessEnded(AccessID)
    /// A recovery key was made and split; the one before counts no more.
    case recoverySet(RecoveryAct)
    /// Shares of the recovery key were shown to open it.
    case recoveryDrilled(RecoveryDrillAct)
    /// The recovery key was used: there is a lead again.
    case recoveryUsed(RecoveryUseAct)
    /// A pupil was put on the register.
    case pupilRegistered(PupilAct)
    /// The policies named in the statement came into force.
    case policyAdopted(Abilities, TwoPersonRule, passkeyRoles: Set<Role>, acceptableUse: String)
    /// The acceptable-use policy was reviewed, and stays as it is.
    case policyReviewed(PolicyReviewAct)
    /// A person signed in.
    case signedIn(SessionID)
    /// A session ended.
    case signedOut(SessionID)
    /// Sign-ins failed, gathered: how many since the last such statement, and for whom where the name is known.
    case signInFailed(PersonID?, count: UInt64)
    /// A document was filed, or kept apart as evidence.
    case documentFiled(FilingAct)
    /// An entry was made without a file.
    case entryMade(EntryAct)
    /// What was filed for the pupil file was looked at, and what follows was said.
    case itemsTriaged(TriageAct)
    /// A batch was opened by its operator.
    case batchOpened(BatchID)
    /// A batch was closed by its operator.
    case batchClosed(BatchID)
    /// Its operator said where the paper of a batch is and what is expected of it; the last word counts.
    case batchPrepared(BatchID, row: ItemID)
    /// Sheets were printed to lie between the paper of a batch.
    case sheetsPrinted(BatchID, count: UInt64)
    /// The plan of where the pages of a batch belong was put before a second person.
    case batchPresented(PresentationAct)
    /// Its operator took the plan back.
    case batchWithdrawn(BatchID)
    /// The second person looked at so many pages, and the plan is right.
    case batchChecked(BatchID, plan: Digest, pages: UInt64)
    /// The second person found something wrong; what, lies sealed to the operator outside the ledger.
    case batchDoubted(BatchID, plan: Digest, answer: Digest)
    /// All of a batch is filed as it was checked; what was scanned for it can be opened no more.
    case batchSealed(BatchID, plan: Digest)
    /// The paper of a batch left its place, or came back.
    case paperMoved(BatchID, PaperState, row: ItemID)
    /// The paper of a batch was destroyed.
    case paperDestroyed(DestructionAct)
    /// A backup was verified.
    case backupVerified(BackupAct)
    /// A vault that was restored goes on from here, under another origin.
    case vaultContinued(ContinuationAct)
    /// The checkpoint of the ledger that ends with this statement goes onto paper, to be kept elsewhere.
    case checkpointPrinted(PrintID, in: SessionID)
    /// A scan was taken out of the intake queue into a batch of paper, whose operator splits and files it.
    case intakeTaken(UploadID, into: BatchID)
    /// A scan station was made.
    case stationAdded(StationAct)
    /// A scan station was allowed to file for the pupil that the statement is about.
    case stationAllowed(PersonID)
    /// A scan station was withdrawn: it may nothing more.
    case stationWithdrawn(PersonID)
    /// A scan came into the intake queue.
    case intakeReceived(IntakeAct)
    /// Something was done with a restricted document.
    case restrictedActed(RestrictedAct)
    /// A document of the pupil file that the statement is about was moved out of it: the restricted record said right
    /// before brings it under another key.
    case documentMoved(DocumentID, to: DocumentID)
    /// The lead decided whether what is kept as evidence is shown.
    case quarantineDecided(QuarantineAct)
    /// The list of the intake queue was read.
    case intakeRead(SessionID)
    /// An upload, or what was said of it, was refused: it is not filed.
    case uploadRefused(UploadID, code: String)
    /// An upload waits for its inspection.
    case uploadWaiting(UploadID, code: String)
    /// An upload was thrown away by its uploader before it was filed.
    case uploadDiscarded(UploadID)
    /// The register's names were read.
    case registerRead(SessionID)
    /// A pupil's chronology was read.
    case chronologyRead(SessionID)
    /// What stands in a chronology was searched, without its words: about one pupil file, or about none, across all that the
    /// person reads.
    case chronologySearched(SessionID)
    /// A part of a pupil's chronology was put onto paper: written before anything is opened for it.
    case chronologyPrinted(PrintAct)
    /// What a statement filed for the pupil file was marked as a significant event: the statement's index.
    case itemPromoted(UInt64)
    /// It is marked so no longer.
    case itemDemoted(UInt64)
    /// A document was opened: written before its first byte is let out.
    case documentOpened(DocumentID, ReadingID, ReadingManner)
    /// A reading ended.
    case documentClosed(DocumentID, ReadingID, bytes: UInt64, pages: UInt64, complete: Bool)
    /// An agency asked for documents of the pupil file that the statement is about.
    case disclosureRequested(RequestAct)
    /// A request was refused.
    case disclosureRefused(RequestID, SealedDetail)
    /// A lead lets a deputy give permissions in their place, until then.
    case disclosureDelegated(PersonID, until: Timestamp)
    /// A deputy may no longer give permissions.
    case delegationEnded(PersonID)
    /// An agency may see documents of the pupil file, or take copies of them.
    case permissionGiven(PermissionAct)
    /// A permission was withdrawn.
    case permissionWithdrawn(PermissionID, SealedDetail)
    /// A permission is over by itself.
    case permissionEnded(PermissionID, PermissionEnd)
    /// An officer entered with the link, the access code, and their name and number.
    case permissionEntered(PermissionID, SessionID)
    /// Somebody with the link was refused.
    case permissionRefused(PermissionID, code: String)
    /// An officer acknowledged what they received.
    case permissionAcknowledged(PermissionID, SessionID)
    /// Something is let out under a permission: written before its first byte.
    case issueOpened(IssueAct)
    /// How that ended.
    case issueClosed(IssueEndAct)
    /// An officer read on site.
    case visitRecorded(SiteVisitAct)
    /// A visit was closed: a copy of the officer's notes is filed, or none were taken.
    case visitClosed(SiteVisitID, notes: DocumentID?, SealedDetail)
    /// What the child was told of a disclosure, or why nothing.
    case childInformed(PermissionID, told: Bool, SealedDetail)
    /// Somebody asked for what they may not have.
    case accessRefused(code: String)
    /// A payload was found that no statement knows; it was moved aside.
    case orphanFound(BlobID)

    /// The word that names each act in a statement.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case vaultFounded = "vault.founded"
        case personInvited = "person.invited"
        case personReset = "person.reset"
        case personJoined = "person.joined"
        case personEnrolled = "person.enrolled"
        case personConfirmed = "person.confirmed"
        case policyAcknowledged = "policy.acknowledged"
        case trainingRecorded = "training.recorded"
        case recoveryCodeUsed = "recovery-code.used"
        case keyboxRenewed = "keybox.renewed"
        case passkeyAdded = "passkey.added"
        case passkeyRemoved = "passkey.removed"
        case personSuspended = "person.suspended"
        case personRestored = "person.restored"
        case proposalMade = "proposal.made"
        case proposalAgreed = "proposal.agreed"
        case proposalWithdrawn = "proposal.withdrawn"
        case accessGiven = "access.given"
        case accessExtended = "access.extended"
        case accessEnded = "access.ended"
        case recoverySet = "recovery.set"
        case recoveryDrilled = "recovery.drilled"
        case recoveryUsed = "recovery.used"
        case pupilRegistered = "pupil.registered"
        case policyAdopted = "policy.adopted"
        case policyReviewed = "policy.reviewed"
        case signedIn = "session.opened"
        case signedOut = "session.closed"
        case signInFailed = "sign-in.failed"
        case documentFiled = "document.filed"
        case entryMade = "entry.made"
        case itemsTriaged = "items.triaged"
        case batchOpened = "batch.opened"
        case batchClosed = "batch.closed"
        case batchPrepared = "batch.prepared"
        case sheetsPrinted = "sheets.printed"
        case batchPresented = "batch.presented"
        case batchWithdrawn = "batch.withdrawn"
        case batchChecked = "batch.checked"
        case batchDoubted = "batch.doubted"
        case batchSealed = "batch.sealed"
        case paperMoved = "paper.moved"
        case paperDestroyed = "paper.destroyed"
        case backupVerified = "backup.verified"
        case vaultContinued = "vault.continued"
        case checkpointPrinted = "checkpoint.printed"
        case intakeTaken = "intake.taken"
        case stationAdded = "station.added"
        case stationAllowed = "station.allowed"
        case stationWithdrawn = "station.withdrawn"
        case intakeReceived = "intake.received"
        case intakeRead = "intake.read"
        case restrictedActed = "restricted.acted"
        case documentMoved = "document.moved"
        case quarantineDecided = "quarantine.decided"
        case uploadRefused = "upload.refused"
        case uploadWaiting = "upload.waiting"
        case uploadDiscarded = "upload.discarded"
        case registerRead = "register.read"
        case chronologyRead = "chronology.read"
        case chronologySearched = "chronology.searched"
        case chronologyPrinted = "chronology.printed"
        case itemPromoted = "item.promoted"
        case itemDemoted = "item.demoted"
        case documentOpened = "document.opened"
        case documentClosed = "document.closed"
        case disclosureRequested = "disclosure.requested"
        case disclosureRefused = "disclosure.refused"
        case disclosureDelegated = "disclosure.delegated"
        case delegationEnded = "delegation.ended"
        case permissionGiven = "permission.given"
        case permissionWithdrawn = "permission.withdrawn"
        case permissionEnded = "permission.ended"
        case permissionEntered = "permission.entered"
        case permissionRefused = "permission.refused"
        case permissionAcknowledged = "permission.acknowledged"
        case issueOpened = "issue.opened"
        case issueClosed = "issue.closed"
        case visitRecorded = "visit.recorded"
        case visitClosed = "visit.closed"
        case childInformed = "child.informed"
        case accessRefused = "access.refused"
        case orphanFound = "orphan.found"

        /// Whether replaying authority needs it: who there is, and which keys, recipients and policies count.
        public var concernsAuthority: Bool {
            switch self {
            case .vaultFounded, .personInvited, .personReset, .personJoined, .personEnrolled, .personConfirmed,
                .policyAcknowledged, .trainingRecorded, .recoveryCodeUsed, .keyboxRenewed, .passkeyAdded,
                .passkeyRemoved,
                .personSuspended, .personRestored,
                .proposalMade, .proposalAgreed, .proposalWithdrawn,
                .accessGiven, .accessExtended, .accessEnded, .recoverySet, .recoveryDrilled, .recoveryUsed,
                .pupilRegistered, .policyAdopted, .policyReviewed, .batchOpened, .batchClosed, .stationAdded,
                .stationAllowed, .stationWithdrawn, .documentMoved, .quarantineDecided, .itemPromoted, .itemDemoted,
                .backupVerified, .vaultContinued, .checkpointPrinted:
                true
            default: isDisclosure || isOfPaper
            }
        }

        /// Whether it is about a batch of paper.
        public var isOfPaper: Bool {
            switch self {
            case .batchPrepared, .sheetsPrinted, .batchPresented, .batchWithdrawn, .batchChecked, .batchDoubted,
                .batchSealed, .paperMoved, .paperDestroyed, .intakeTaken:
                true
            default: false
            }
        }

        /// Whether it is about what agencies ask for and get.
        public var isDisclosure: Bool {
            switch self {
            case .disclosureRequested, .disclosureRefused, .disclosureDelegated, .delegationEnded, .permissionGiven,
                .permissionWithdrawn, .visitRecorded, .visitClosed, .childInformed:
                true
            default: isOfAgency
            }
        }

        /// Whether somebody of an agency did it: they have no account, so the service says it.
        public var isOfAgency: Bool {
            switch self {
            case .permissionEnded, .permissionEntered, .permissionRefused, .permissionAcknowledged, .issueOpened,
                .issueClosed:
                true
            default: false
            }
        }

        /// Whether it brings a detail that stands in a pupil's chronology by its own date: a filing or an entry.
        public var isRecord: Bool { self == .documentFiled || self == .entryMade }

        /// Whether the vault's service may say it; everything else is a person's to say.
        public var isService: Bool {
            switch self {
            case .signInFailed, .orphanFound, .uploadRefused, .uploadWaiting, .signedOut, .documentClosed,
                .backupVerified:
                true
            default: isOfAgency
            }
        }
    }

    /// Which act it is.
    public var kind: Kind {
        switch self {
        case .vaultFounded: .vaultFounded
        case .personInvited: .personInvited
        case .personReset: .personReset
        case .personJoined: .personJoined
        case .personEnrolled: .personEnrolled
        case .personConfirmed: .personConfirmed
        case .policyAcknowledged: .policyAcknowledged
        case .trainingRecorded: .trainingRecorded
        case .recoveryCodeUsed: .recoveryCodeUsed
        case .keyboxRenewed: .keyboxRenewed
        case .passkeyAdded: .passkeyAdded
        case .passkeyRemoved: .passkeyRemoved
        case .personSuspended: .personSuspended
        case .personRestored: .personRestored
        case .proposalMade: .proposalMade
        case .proposalAgreed: .proposalAgreed
        case .proposalWithdrawn: .proposalWithdrawn
        case .accessGiven: .accessGiven
        case .accessExtended: .accessExtended
        case .accessEnded: .accessEnded
        case .recoverySet: .recoverySet
        case .recoveryDrilled: .recoveryDrilled
        case .recoveryUsed: .recoveryUsed
        case .pupilRegistered: .pupilRegistered
        case .policyAdopted: .policyAdopted
        case .policyReviewed: .policyReviewed
        case .signedIn: .signedIn
        case .signedOut: .signedOut
        case .signInFailed: .signInFailed
        case .documentFiled: .documentFiled
        case .entryMade: .entryMade
        case .itemsTriaged: .itemsTriaged
        case .batchOpened: .batchOpened
        case .batchClosed: .batchClosed
        case .batchPrepared: .batchPrepared
        case .sheetsPrinted: .sheetsPrinted
        case .batchPresented: .batchPresented
        case .batchWithdrawn: .batchWithdrawn
        case .batchChecked: .batchChecked
        case .batchDoubted: .batchDoubted
        case .batchSealed: .batchSealed
        case .paperMoved: .paperMoved
        case .paperDestroyed: .paperDestroyed
        case .backupVerified: .backupVerified
        case .vaultContinued: .vaultContinued
        case .checkpointPrinted: .checkpointPrinted
        case .intakeTaken: .intakeTaken
        case .stationAdded: .stationAdded
        case .stationAllowed: .stationAllowed
        case .stationWithdrawn: .stationWithdrawn
        case .intakeReceived: .intakeReceived
        case .intakeRead: .intakeRead
        case .restrictedActed: .restrictedActed
        case .documentMoved: .documentMoved
        case .quarantineDecided: .quarantineDecided
        case .uploadRefused: .uploadRefused
        case .uploadWaiting: .uploadWaiting
        case .uploadDiscarded: .uploadDiscarded
        case .registerRead: .registerRead
        case .chronologyRead: .chronologyRead
        case .chronologySearched: .chronologySearched
        case .chronologyPrinted: .chronologyPrinted
        case .itemPromoted: .itemPromoted
        case .itemDemoted: .itemDemoted
        case .documentOpened: .documentOpened
        case .documentClosed: .documentClosed
        case .disclosureRequested: .disclosureRequested
        case .disclosureRefused: .disclosureRefused
        case .disclosureDelegated: .disclosureDelegated
        case .delegationEnded: .delegationEnded
        case .permissionGiven: .permissionGiven
        case .permissionWithdrawn: .permissionWithdrawn
        case .permissionEnded: .permissionEnded
        case .permissionEntered: .permissionEntered
        case .permissionRefused: .permissionRefused
        case .permissionAcknowledged: .permissionAcknowledged
        case .issueOpened: .issueOpened
        case .issueClosed: .issueClosed
        case .visitRecorded: .visitRecorded
        case .visitClosed: .visitClosed
        case .childInformed: .childInformed
        case .accessRefused: .accessRefused
        case .orphanFound: .orphanFound
        }
    }

    var encoded: [String: CanonicalValue] {
        switch self {
        case .vaultFounded(let act): act.encoded
        case .personInvited(let act): act.encoded
        case .personReset(let person, let code, let roles):
            ["person": .string(person.text), "code": code.encoded].merging(
                roles.map { ["roles": .array($0.map(\.rawValue).sorted().map { .string($0) })] } ?? [:]
            ) { $1 }
        case .personJoined(let act): act.encoded
        case .personConfirmed(let act): act.encoded
        case .policyAcknowledged(let version): ["version": .string(version)]
        case .trainingRecorded(let act): act.encoded
        case .recoveryCodeUsed(let number): ["number": .integer(Int64(number))]
        case .keyboxRenewed(let keybox): ["keybox": .string(keybox.text)]
        case .passkeyAdded(let act): act.encoded
        case .passkeyRemoved(let passkey, let person):
            ["passkey": .string(passkey.text), "person": .string(person.text)]
        case .personEnrolled(let person): ["person": .string(person.text)]
        case .personSuspended(let person, let proposal), .personRestored(let person, let proposal):
            ["person": .string(person.text)].merging(proposal.map { ["proposal": .string($0.text)] } ?? [:]) { $1 }
        case .proposalMade(let act): act.encoded
        case .proposalAgreed(let proposal), .proposalWithdrawn(let proposal): ["proposal": .string(proposal.text)]
        case .accessGiven(let act): act.encoded
        case .accessExtended(let shares, let entries):
            ["shares": .array(shares.map(\.encoded))].merging(
                entries.isEmpty ? [:] : ["entries": .array(entries.map(\.encoded))]
            ) { $1 }
        case .accessEnded(let access): ["access": .string(access.text)]
        case .recoverySet(let act): act.encoded
        case .recoveryDrilled(let act): act.encoded
        case .recoveryUsed(let act): act.encoded
        case .pupilRegistered(let act): act.encoded
        case .policyAdopted(let abilities, let twoPeople, let passkeyRoles, let version):
            [
                "abilities": abilities.encoded, "two_people": twoPeople.encoded,
                "passkey_roles": .array(passkeyRoles.map(\.rawValue).sorted().map { .string($0) }),
                "acceptable_use": .string(version),
            ]
        case .policyReviewed(let act): act.encoded
        case .signedIn(let session), .signedOut(let session), .registerRead(let session), .chronologyRead(let session),
            .chronologySearched(let session), .intakeRead(let session):
            ["session": .string(session.text)]
        case .itemPromoted(let index), .itemDemoted(let index): ["item": .integer(Int64(index))]
        case .batchOpened(let batch), .batchClosed(let batch), .batchWithdrawn(let batch):
            ["batch": .string(batch.text)]
        case .batchPrepared(let batch, let row): ["batch": .string(batch.text), "row": .string(row.text)]
        case .sheetsPrinted(let batch, let count): ["batch": .string(batch.text), "count": .integer(Int64(count))]
        case .batchPresented(let act): act.encoded
        case .batchChecked(let batch, let plan, let pages):
            ["batch": .string(batch.text), "plan": .string(plan.base64), "pages": .integer(Int64(pages))]
        case .batchDoubted(let batch, let plan, let answer):
            ["batch": .string(batch.text), "plan": .string(plan.base64), "answer": .string(answer.base64)]
        case .batchSealed(let batch, let plan): ["batch": .string(batch.text), "plan": .string(plan.base64)]
        case .intakeTaken(let upload, let batch): ["upload": .string(upload.text), "batch": .string(batch.text)]
        case .paperMoved(let batch, let state, let row):
            ["batch": .string(batch.text), "state": .string(state.rawValue), "row": .string(row.text)]
        case .paperDestroyed(let act): act.encoded
        case .backupVerified(let act): act.encoded
        case .vaultContinued(let act): act.encoded
        case .checkpointPrinted(let print, let session):
            ["print": .string(print.text), "session": .string(session.text)]
        case .stationAdded(let act): act.encoded
        case .stationAllowed(let station), .stationWithdrawn(let station): ["station": .string(station.text)]
        case .intakeReceived(let act): act.encoded
        case .restrictedActed(let act): act.encoded
        case .quarantineDecided(let act): act.encoded
        case .documentMoved(let document, let record):
            ["document": .string(document.text), "record": .string(record.text)]
        case .signInFailed(let person, let count):
            ["count": .integer(Int64(count))].merging(person.map { ["person": .string($0.text)] } ?? [:]) { $1 }
        case .documentFiled(let act): act.encoded
        case .entryMade(let act): act.encoded
        case .itemsTriaged(let act): act.encoded
        case .chronologyPrinted(let act): act.encoded
        case .uploadRefused(let upload, let code), .uploadWaiting(let upload, let code):
            ["upload": .string(upload.text), "code": .string(code)]
        case .uploadDiscarded(let upload): ["upload": .string(upload.text)]
        case .documentOpened(let document, let reading, let manner):
            [
                "document": .string(document.text), "reading": .string(reading.text),
                "manner": .string(manner.rawValue),
            ]
        case .documentClosed(let document, let reading, let bytes, let pages, let complete):
            [
                "document": .string(document.text), "reading": .string(reading.text), "bytes": .integer(Int64(bytes)),
                "pages": .integer(Int64(pages)), "complete": .boolean(complete),
            ]
        case .disclosureRequested(let act): act.encoded
        case .disclosureRefused(let request, let sealed):
            sealed.encoded.merging(["request": .string(request.text)]) { $1 }
        case .disclosureDelegated(let person, let until):
            ["person": .string(person.text), "until": .integer(until.milliseconds)]
        case .delegationEnded(let person): ["person": .string(person.text)]
        case .permissionGiven(let act): act.encoded
        case .permissionWithdrawn(let permission, let sealed):
            sealed.encoded.merging(["permission": .string(permission.text)]) { $1 }
        case .permissionEnded(let permission, let reason):
            ["permission": .string(permission.text), "reason": .string(reason.rawValue)]
        case .permissionEntered(let permission, let session), .permissionAcknowledged(let permission, let session):
            ["permission": .string(permission.text), "session": .string(session.text)]
        case .permissionRefused(let permission, let code):
            ["permission": .string(permission.text), "code": .string(code)]
        case .issueOpened(let act): act.encoded
        case .issueClosed(let act): act.encoded
        case .visitRecorded(let act): act.encoded
        case .visitClosed(let visit, let notes, let sealed):
            sealed.encoded.merging(["visit": .string(visit.text)]) { $1 }
                .merging(notes.map { ["notes": .string($0.text)] } ?? [:]) { $1 }
        case .childInformed(let permission, let told, let sealed):
            sealed.encoded.merging(["permission": .string(permission.text), "told": .boolean(told)]) { $1 }
        case .accessRefused(let code): ["code": .string(code)]
        case .orphanFound(let blob): ["blob": .string(blob.text)]
        }
    }

    init(kind: Kind, parsing value: CanonicalValue) throws(StatementError) {
        switch kind {
        case .vaultFounded:
            self = .vaultFounded(try FoundingAct(parsing: value))
            return
        case .personInvited:
            self = .personInvited(try InvitationAct(parsing: value))
            return
        case .personJoined:
            self = .personJoined(try JoiningAct(parsing: value))
            return
        case .personConfirmed:
            self = .personConfirmed(try ConfirmationAct(parsing: value))
            return
        case .trainingRecorded:
            self = .trainingRecorded(try TrainingAct(parsing: value))
            return
        case .passkeyAdded:
            self = .passkeyAdded(try PasskeyAct(parsing: value))
            return
        case .accessGiven:
            self = .accessGiven(try AccessAct(parsing: value))
            return
        case .proposalMade:
            self = .proposalMade(try ProposalAct(parsing: value))
            return
        case .recoverySet:
            self = .recoverySet(try RecoveryAct(parsing: value))
            return
        case .recoveryDrilled:
            self = .recoveryDrilled(try RecoveryDrillAct(parsing: value))
            return
        case .recoveryUsed:
            self = .recoveryUsed(try RecoveryUseAct(parsing: value))
            return
        case .pupilRegistered:
            self = .pupilRegistered(try PupilAct(parsing: value))
            return
        case .policyReviewed:
            self = .policyReviewed(try PolicyReviewAct(parsing: value))
            return
        case .documentFiled:
            self = .documentFiled(try FilingAct(parsing: value))
            return
        case .entryMade:
            self = .entryMade(try EntryAct(parsing: value))
            return
        case .itemsTriaged:
            self = .itemsTriaged(try TriageAct(parsing: value))
            return
        case .chronologyPrinted:
            self = .chronologyPrinted(try PrintAct(parsing: value))
            return
        case .disclosureRequested:
            self = .disclosureRequested(try RequestAct(parsing: value))
            return
        case .permissionGiven:
            self = .permissionGiven(try PermissionAct(parsing: value))
            return
        case .issueOpened:
            self = .issueOpened(try IssueAct(parsing: value))
            return
        case .issueClosed:
            self = .issueClosed(try IssueEndAct(parsing: value))
            return
        case .visitRecorded:
            self = .visitRecorded(try SiteVisitAct(parsing: value))
            return
        case .stationAdded:
            self = .stationAdded(try StationAct(parsing: value))
            return
        case .intakeReceived:
            self = .intakeReceived(try IntakeAct(parsing: value))
            return
        case .restrictedActed:
            self = .restrictedActed(try RestrictedAct(parsing: value))
            return
        default: break
        }
        var reader = try StatementReader(value)
        switch kind {
        case .vaultFounded, .personInvited, .personJoined, .personConfirmed, .trainingRecorded, .accessGiven,
            .recoverySet, .recoveryDrilled, .recoveryUsed, .pupilRegistered, .documentFiled, .stationAdded,
            .intakeReceived, .restrictedActed, .proposalMade, .passkeyAdded, .entryMade, .itemsTriaged, .policyReviewed,
            .chronologyPrinted, .disclosureRequested, .permissionGiven, .issueOpened, .issueClosed, .visitRecorded:
            throw .malformed("kind")
        case .disclosureRefused:
            self = .disclosureRefused(try reader.id("request"), try SealedDetail(reading: &reader))
        case .disclosureDelegated:
            self = .disclosureDelegated(
                try reader.id("person"), until: Timestamp(milliseconds: Int64(try reader.size("until"))))
        case .delegationEnded: self = .delegationEnded(try reader.id("person"))
        case .permissionWithdrawn:
            self = .permissionWithdrawn(try reader.id("permission"), try SealedDetail(reading: &reader))
        case .permissionEnded: self = .permissionEnded(try reader.id("permission"), try reader.word("reason"))
        case .permissionEntered: self = .permissionEntered(try reader.id("permission"), try reader.id("session"))
        case .permissionRefused:
            self = .permissionRefused(try reader.id("permission"), code: try reader.text("code"))
        case .permissionAcknowledged:
            self = .permissionAcknowledged(try reader.id("permission"), try reader.id("session"))
        case .visitClosed:
            self = .visitClosed(
                try reader.id("visit"), notes: try reader.has("notes") ? try reader.id("notes") : nil,
                try SealedDetail(reading: &reader))
        case .childInformed:
            self = .childInformed(
                try reader.id("permission"), told: try reader.flag("told"), try SealedDetail(reading: &reader))
        case .accessExtended:
            self = .accessExtended(
                try Share.list(reader.array("shares")),
                entries: try reader.has("entries") ? try EntryShare.list(reader.array("entries")) : [])
        case .accessEnded: self = .accessEnded(try reader.id("access"))
        case .batchOpened: self = .batchOpened(try reader.id("batch"))
        case .batchClosed: self = .batchClosed(try reader.id("batch"))
        case .batchPrepared: self = .batchPrepared(try reader.id("batch"), row: try reader.id("row"))
        case .sheetsPrinted: self = .sheetsPrinted(try reader.id("batch"), count: try reader.size("count"))
        case .batchPresented: self = .batchPresented(try PresentationAct(reading: &reader))
        case .batchWithdrawn: self = .batchWithdrawn(try reader.id("batch"))
        case .batchChecked:
            self = .batchChecked(
                try reader.id("batch"), plan: try reader.digest("plan"), pages: try reader.size("pages"))
        case .batchDoubted:
            self = .batchDoubted(
                try reader.id("batch"), plan: try reader.digest("plan"), answer: try reader.digest("answer"))
        case .batchSealed: self = .batchSealed(try reader.id("batch"), plan: try reader.digest("plan"))
        case .intakeTaken: self = .intakeTaken(try reader.id("upload"), into: try reader.id("batch"))
        case .paperMoved:
            self = .paperMoved(try reader.id("batch"), try reader.word("state"), row: try reader.id("row"))
        case .paperDestroyed: self = .paperDestroyed(try DestructionAct(reading: &reader))
        case .backupVerified: self = .backupVerified(try BackupAct(reading: &reader))
        case .vaultContinued: self = .vaultContinued(try ContinuationAct(reading: &reader))
        case .checkpointPrinted:
            self = .checkpointPrinted(try reader.id("print"), in: try reader.id("session"))
        case .stationAllowed: self = .stationAllowed(try reader.id("station"))
        case .stationWithdrawn: self = .stationWithdrawn(try reader.id("station"))
        case .intakeRead: self = .intakeRead(try reader.id("session"))
        case .personReset:
            self = .personReset(
                try reader.id("person"), try InvitationCode(parsing: try reader.value("code")),
                roles: try reader.has("roles") ? try reader.words("roles") : nil)
        case .personEnrolled: self = .personEnrolled(try reader.id("person"))
        case .policyAcknowledged: self = .policyAcknowledged(version: try reader.text("version"))
        case .recoveryCodeUsed: self = .recoveryCodeUsed(number: try reader.size("number"))
        case .keyboxRenewed: self = .keyboxRenewed(try reader.id("keybox"))
        case .passkeyRemoved: self = .passkeyRemoved(try reader.id("passkey"), of: try reader.id("person"))
        case .personSuspended:
            self = .personSuspended(
                try reader.id("person"), under: try reader.has("proposal") ? try reader.id("proposal") : nil)
        case .personRestored:
            self = .personRestored(
                try reader.id("person"), under: try reader.has("proposal") ? try reader.id("proposal") : nil)
        case .proposalAgreed: self = .proposalAgreed(try reader.id("proposal"))
        case .proposalWithdrawn: self = .proposalWithdrawn(try reader.id("proposal"))
        case .policyAdopted:
            self = .policyAdopted(
                try Abilities(parsing: try reader.value("abilities")),
                try TwoPersonRule(parsing: try reader.value("two_people")),
                passkeyRoles: try reader.words("passkey_roles"),
                acceptableUse: try reader.text("acceptable_use"))
        case .signedIn: self = .signedIn(try reader.id("session"))
        case .signedOut: self = .signedOut(try reader.id("session"))
        case .quarantineDecided: self = .quarantineDecided(try QuarantineAct(reading: &reader))
        case .documentMoved: self = .documentMoved(try reader.id("document"), to: try reader.id("record"))
        case .registerRead: self = .registerRead(try reader.id("session"))
        case .chronologyRead: self = .chronologyRead(try reader.id("session"))
        case .chronologySearched: self = .chronologySearched(try reader.id("session"))
        case .itemPromoted: self = .itemPromoted(try reader.size("item"))
        case .itemDemoted: self = .itemDemoted(try reader.size("item"))
        case .signInFailed:
            self = .signInFailed(
                try reader.has("person") ? try reader.id("person") : nil, count: try reader.size("count"))
        case .uploadRefused: self = .uploadRefused(try reader.id("upload"), code: try reader.text("code"))
        case .uploadWaiting: self = .uploadWaiting(try reader.id("upload"), code: try reader.text("code"))
        case .uploadDiscarded: self = .uploadDiscarded(try reader.id("upload"))
        case .documentOpened:
            self = .documentOpened(
                try reader.id("document"), try reader.id("reading"), try reader.word("manner"))
        case .documentClosed:
            self = .documentClosed(
                try reader.id("document"), try reader.id("reading"), bytes: try reader.size("bytes"),
                pages: try reader.size("pages"), complete: try reader.flag("complete"))
        case .accessRefused: self = .accessRefused(code: try reader.text("code"))
        case .orphanFound: self = .orphanFound(try reader.id("blob"))
        }
        try reader.end()
    }
}

extension Act {
    /// The item that a statement marks as a significant event, or marks so no longer: the index of its filing.
    public var markedItem: UInt64? {
        switch self {
        case .itemPromoted(let index), .itemDemoted(let index): index
        default: nil
        }
    }
}
