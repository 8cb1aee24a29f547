import GRDB
public import Records
import Sealing

// Making the recovery key: by one person, or under a proposal that a second one agreed to. Then the proposal has brought the
// row with the holders' names, so that the key is split among exactly those who were agreed to.

extension Vault {
    /// Makes a recovery key and splits it; the one before counts no more. Recorded; durable on return. The sheets are
    /// given now, and never again.
    ///
    /// - Parameters:
    ///   - holders: 2 to 16 names, with or without an account.
    ///   - threshold: how many of their sheets are needed, 2 at least.
    /// - Throws: a refusal `recovery.holders`, `recovery.threshold`, `person.name`, or `code.needed`; and
    ///   `proposal.second-person` where it takes two people: then it is proposed, and made under the proposal.
    public func setRecovery(
        holders: [String], threshold: Int, as acting: Acting
    ) throws(VaultError) -> [RecoverySheet] {
        try rethrowing("recovery-set") {
            _ = try decide(.giveAccess, acting)
            let new = try NewRecovery(holders: holders, threshold: threshold, vault: recorder.vault, secrets)
            try requireCode(acting)
            let authority = try recorder.read(pool) { _, head in head.authority }
            guard !authority.needsSecond(for: new.proposed, by: acting.person, at: clock.now()) else {
                throw Refusal.secondPersonNeeded
            }
            return try make(new, items: [new.row], under: nil, as: acting)
        }
    }

    /// Makes the recovery key that two people stand by. Recorded; durable on return. The sheets are given now, and never
    /// again.
    ///
    /// - Throws: a refusal `proposal.over` for a proposal that is not of a recovery key, or that nobody agreed to.
    public func setRecovery(under id: ProposalID, as acting: Acting) throws(VaultError) -> [RecoverySheet] {
        try rethrowing("recovery-set") {
            _ = try decide(.giveAccess, acting)
            try requireCode(acting)
            let (new, proposal) = try recorder.read(pool) { db, head in
                guard let proposal = head.authority.proposals[id], !Self.isHidden(proposal, from: acting) else {
                    throw VaultError.notFound
                }
                guard head.authority.isAgreed(proposal, by: acting.person, at: clock.now()),
                    case .recoveryKey(let identity, let row, let threshold, let shares) = proposal.what
                else { throw Refusal.proposalOver }
                let holders = try holders(in: row, of: identity, count: Int(shares), db)
                return (
                    NewRecovery(identity: identity, row: row, holders: holders, threshold: Int(threshold)), proposal.id
                )
            }
            return try make(new, items: [], under: proposal, as: acting)
        }
    }

    /// A recovery key that is to be made.
    struct NewRecovery {
        let identity: IdentityID
        /// The holders' sealed names; without bytes where they are in the catalogue already.
        let row: SealedItem
        let holders: [String]
        let threshold: Int

        init(holders: [String], threshold: Int, vault: VaultID?, _ secrets: SecretFiles) throws {
            let holders = try holders.map(Vault.checkedName)
            guard RecoveryState.counts.contains(holders.count),
                Set(holders.map(Vault.signInName)).count == holders.count
            else { throw Refusal.recoveryHolders }
            guard (2...holders.count).contains(threshold) else { throw Refusal.recoveryThreshold }
            let (identity, row) = (IdentityID.random(), ItemID.random())
            let names = Detail(
                values: Dictionary(uniqueKeysWithValues: zip(1..., holders).map { ("holder-\($0)", $1) }))
            self.row = SealedItem(
                row, .personRow,
                try SealedRow.seal(
                    names.encoded, key: secrets.directory, row: row.bytes,
                    associatedData: Vault.rowContext(vault, "recovery-row", identity.bytes)))
            self.identity = identity
            self.holders = holders
            self.threshold = threshold
        }

        init(identity: IdentityID, row: ItemID, holders: [String], threshold: Int) {
            self.identity = identity
            self.row = SealedItem(row, .personRow, [])
            self.holders = holders
            self.threshold = threshold
        }

        var proposed: Proposed {
            .recoveryKey(
                identity, row: row.item.id, threshold: UInt64(threshold), shares: UInt64(holders.count))
        }
    }

    private func make(
        _ new: NewRecovery, items own: [SealedItem], under proposal: ProposalID?, as acting: Acting
    ) throws -> [RecoverySheet] {
        let (identity, holders, threshold) = (new.identity, new.holders, new.threshold)
        guard let founding = recorder.authority.founding else { throw VaultError.notFound }
        let secret = try HybridIdentity.generate()
        let shares = try SecretSharing.split(secret.seedCopy(), threshold: threshold, count: holders.count)
        let edges = try pool.read { db in
            try [founding.register, founding.team, founding.intake].map {
                try Self.wrap(
                    open($0, as: acting, db), $0, to: secret.recipient, holder: identity, vault: recorder.vault)
            }
        }
        let items =
            [SealedItem(identity.shared(as: Kind.Item.self), .recipient, secret.recipient.rawRepresentation)] + own
        let act = RecoveryAct(
            identity: identity,
            verifyingKey: try Self.recoverySigningKey(secret).verifyingKey.rawRepresentation,
            threshold: UInt64(threshold), shares: shares.map(\.commitment), row: new.row.item.id, wraps: edges.map(\.0),
            under: proposal)
        let sheets = zip(1..., zip(holders, shares)).map {
            RecoverySheet(number: $0, threshold: threshold, holder: $1.0, words: $1.1.words)
        }
        // What stands on paper opens it: proved before it counts.
        let read = try sheets.suffix(threshold).map { try SecretShare(words: $0.words) }
        guard try HybridIdentity(seed: SecretSharing.combine(read)).recipient == secret.recipient else {
            throw VaultError.tampered(code: "recovery.shares")
        }
        try recorder.record(
            [Draft(signer: .person(acting), items: items + edges.map(\.1), act: .recoverySet(act))]
                + renewals(recorder.authority, recovery: (identity, secret.recipient), acting), in: pool)
        return sheets
    }

    /// The names in a row of a recovery key's holders.
    func holders(in row: ItemID, of identity: IdentityID, count: Int, _ db: Database) throws -> [String] {
        let opened = try SealedRow.open(
            item(row, db), key: secrets.directory, row: row.bytes,
            associatedData: rowContext("recovery-row", identity.bytes))
        let names = try Detail(parsing: opened)
        return (1...count).map { names["holder-\($0)"] ?? "" }
    }
}
