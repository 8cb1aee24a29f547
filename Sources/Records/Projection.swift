/// One cell of a projected row.
public enum Cell: Hashable, Sendable {
    /// SQL NULL.
    case null
    /// An INTEGER.
    case integer(Int64)
    /// A TEXT.
    case text(String)
    /// A BLOB.
    case blob([UInt8])
}

/// One row that a statement puts into the catalogue.
public struct ProjectedRow: Hashable, Sendable {
    /// The table.
    public let table: Projection
    /// The cells, in the order of `Projection.columns`.
    public let cells: [Cell]
}

/// The catalogue's tables that follow from the statements alone.
///
/// The same function writes them when a statement is made and gives them again when a vault is verified. Rows are only
/// ever added; the first column is the primary key.
public enum Projection: String, Hashable, Sendable, CaseIterable {
    case act, person
    case personKeys = "person_keys"
    case keybox, identity, wrap, pupil, document
    case detailKey = "detail_key"
    case station, batch, intake
    case intakeTaken = "intake_taken"
    case access, share, restricted, moved
    case entry
    case entryShare = "entry_share"
    case followUp = "follow_up"
    case triage, triaged

    /// The columns, primary key first.
    public var columns: [String] {
        switch self {
        case .act: ["idx", "kind", "author", "pupil_file", "recorded"]
        case .person: ["id", "name_tag", "roles", "row", "idx"]
        case .personKeys: ["identity", "person", "verifying_key", "idx"]
        case .keybox: ["item", "person", "idx"]
        case .identity: ["id", "kind", "pupil_file", "idx"]
        case .wrap: ["item", "identity", "holder", "idx"]
        case .pupil: ["id", "pupil_file", "reference", "identity", "row", "idx"]
        case .document:
            [
                "id", "pupil_file", "blob", "upload", "detail", "detail_key", "quarantine", "batch", "content_tag",
                "idx",
            ]
        case .detailKey: ["item", "pupil_file", "idx"]
        case .station: ["id", "expires", "intake", "idx"]
        case .batch: ["id", "operator", "idx"]
        case .access: ["id", "person", "pupil_file", "whole", "expires", "idx"]
        case .share: ["header", "access", "document", "row_key", "idx"]
        case .restricted: ["id", "upload", "blob", "detail", "idx"]
        case .moved: ["document", "record", "idx"]
        case .entry: ["id", "pupil_file", "detail", "detail_key", "corrects", "follow_up", "completes", "idx"]
        case .entryShare: ["row_key", "access", "entry", "idx"]
        case .followUp: ["id", "pupil_file", "idx"]
        case .triage: ["id", "pupil_file", "detail", "detail_key", "idx"]
        case .triaged: ["record", "triage", "idx"]
        case .intakeTaken: ["upload", "batch", "idx"]
        case .intake: ["upload", "blob", "header", "detail", "key", "quarantine", "idx"]
        }
    }

    /// The rows that follow from one statement.
    public static func rows(of statement: Statement) -> [ProjectedRow] {
        let index = Cell.integer(Int64(statement.index))
        let pupilFile = statement.pupilFile.map { Cell.blob($0.bytes) } ?? .null
        let author: Cell =
            switch statement.author {
            case .service: .null
            case .person(let id): .blob(id.bytes)
            }
        var rows = [
            ProjectedRow(
                table: .act,
                cells: [
                    index, .text(statement.act.kind.rawValue), author, pupilFile,
                    .integer(statement.time.milliseconds),
                ])
        ]
        func add(_ table: Projection, _ cells: Cell...) { rows.append(ProjectedRow(table: table, cells: cells)) }
        func add(_ wraps: [WrapEdge]) {
            for wrap in wraps {
                add(.wrap, .blob(wrap.item.bytes), .blob(wrap.identity.bytes), .blob(wrap.holder.bytes), index)
            }
        }
        func add(_ person: PersonID, nameTag: [UInt8], roles: Set<Role>, row: ItemID) {
            add(
                .person, .blob(person.bytes), .blob(nameTag),
                .text(roles.map(\.rawValue).sorted().joined(separator: " ")), .blob(row.bytes), index)
        }
        func add(_ person: PersonID, identity: IdentityID, verifyingKey: [UInt8], keybox: ItemID) {
            add(.identity, .blob(identity.bytes), .text(IdentityKind.person.rawValue), .null, index)
            add(.personKeys, .blob(identity.bytes), .blob(person.bytes), .blob(verifyingKey), index)
            add(.keybox, .blob(keybox.bytes), .blob(person.bytes), index)
        }
        func add(_ act: PersonAct) {
            add(act.person, nameTag: act.nameTag, roles: act.roles, row: act.row)
            add(act.person, identity: act.identity, verifyingKey: act.verifyingKey, keybox: act.keybox)
            add(act.wraps)
        }
        func add(_ shares: [Share]) {
            for share in shares {
                add(
                    .share, .blob(share.header.bytes), .blob(share.access.bytes), .blob(share.document.bytes),
                    .blob(share.rowKey.bytes), index)
            }
        }
        func add(_ shares: [EntryShare]) {
            for share in shares {
                add(
                    .entryShare, .blob(share.rowKey.bytes), .blob(share.access.bytes), .blob(share.entry.bytes), index)
            }
        }
        func addDetailKeys() {
            for item in statement.items where item.kind == .detailKey {
                add(.detailKey, .blob(item.id.bytes), pupilFile, index)
            }
        }
        switch statement.act {
        case .vaultFounded(let act):
            add(.identity, .blob(act.register.bytes), .text(IdentityKind.register.rawValue), .null, index)
            add(.identity, .blob(act.team.bytes), .text(IdentityKind.team.rawValue), .null, index)
            add(.identity, .blob(act.intake.bytes), .text(IdentityKind.intake.rawValue), .null, index)
            add(act.founder)
        case .personInvited(let act): add(act.person, nameTag: act.nameTag, roles: act.roles, row: act.row)
        case .personJoined(let act):
            add(act.person, identity: act.identity, verifyingKey: act.verifyingKey, keybox: act.keybox)
        case .personConfirmed(let act): add(act.wraps)
        case .keyboxRenewed(let keybox): add(.keybox, .blob(keybox.bytes), author, index)
        case .recoverySet(let act):
            add(.identity, .blob(act.identity.bytes), .text(IdentityKind.recovery.rawValue), .null, index)
            add(act.wraps)
        case .recoveryUsed(let act):
            if let newcomer = act.newcomer {
                add(act.person, nameTag: newcomer.nameTag, roles: [.dsl], row: newcomer.row)
            }
            add(act.person, identity: act.identity, verifyingKey: act.verifyingKey, keybox: act.keybox)
            add(act.wraps)
        case .pupilRegistered(let act):
            add(.identity, .blob(act.identity.bytes), .text(IdentityKind.pupilFile.rawValue), pupilFile, index)
            add(
                .pupil, .blob(act.pupil.bytes), pupilFile, .text(act.reference), .blob(act.identity.bytes),
                .blob(act.row.bytes), index)
            add(act.wraps)
        case .documentFiled(let act):
            add(
                .document, .blob(act.document.bytes), pupilFile, .blob(act.payload.blob.bytes), .blob(act.upload.bytes),
                .blob(act.detail.bytes), .blob(act.detailKey.bytes), act.quarantine.map { .text($0) } ?? .null,
                act.batch.map { .blob($0.bytes) } ?? .null, .blob(act.contentTag), index)
            addDetailKeys()
            add(act.shares)
        case .entryMade(let act):
            add(
                .entry, .blob(act.entry.bytes), pupilFile, .blob(act.detail.bytes), .blob(act.detailKey.bytes),
                act.corrects.map { .blob($0.bytes) } ?? .null, act.followUp.map { .blob($0.bytes) } ?? .null,
                act.completes.map { .blob($0.bytes) } ?? .null, index)
            if let followUp = act.followUp { add(.followUp, .blob(followUp.bytes), pupilFile, index) }
            addDetailKeys()
            add(act.shares)
        case .itemsTriaged(let act):
            add(
                .triage, .blob(act.triage.bytes), pupilFile, .blob(act.detail.bytes), .blob(act.detailKey.bytes), index)
            for record in act.records { add(.triaged, .blob(record.bytes), .blob(act.triage.bytes), index) }
            for followUp in act.followUps { add(.followUp, .blob(followUp.bytes), pupilFile, index) }
            addDetailKeys()
        case .chronologyPrinted, .disclosureRequested, .disclosureRefused, .permissionWithdrawn, .issueClosed,
            .visitRecorded, .visitClosed, .childInformed, .quarantineDecided:
            addDetailKeys()
        case .permissionGiven(let act):
            add(.identity, .blob(act.identity.bytes), .text(IdentityKind.permission.rawValue), pupilFile, index)
            addDetailKeys()
        case .accessGiven(let act):
            add(
                .access, .blob(act.access.bytes), .blob(act.person.bytes), pupilFile, .integer(act.whole ? 1 : 0),
                .integer(act.expires.milliseconds), index)
            addDetailKeys()
        case .accessExtended(let shares, let entries):
            add(shares)
            add(entries)
        case .stationAdded(let act):
            add(act.party)
            add(
                .station, .blob(act.party.person.bytes), .integer(act.expires.milliseconds),
                .integer(act.intake ? 1 : 0),
                index)
        case .batchOpened(let batch): add(.batch, .blob(batch.bytes), author, index)
        case .intakeTaken(let upload, let batch):
            add(.intakeTaken, .blob(upload.bytes), .blob(batch.bytes), index)
        case .intakeReceived(let act):
            add(
                .intake, .blob(act.upload.bytes), .blob(act.payload.blob.bytes), .blob(act.header.bytes),
                .blob(act.detail.bytes), .blob(act.key.bytes), act.quarantine.map { .text($0) } ?? .null, index)
        case .restrictedActed(let act):
            add(
                .restricted, .blob(act.record.bytes), act.brought.map { .blob($0.upload.bytes) } ?? .null,
                act.brought.map { .blob($0.payload.blob.bytes) } ?? .null, .blob(act.detail.bytes), index)
        case .documentMoved(let document, let record):
            add(.moved, .blob(document.bytes), .blob(record.bytes), index)
        default: break
        }
        return rows
    }
}
