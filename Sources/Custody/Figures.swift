import Foundation
import GRDB
public import Records

/// How the vault stands, without content.
public struct Figures: Hashable, Sendable {
    /// Statements in the ledger.
    public let statements: UInt64
    /// Documents filed.
    public let documents: Int
    /// Documents kept apart as evidence.
    public let quarantined: Int
    /// Pupils on the register.
    public let pupils: Int
    /// People.
    public let people: Int
    /// The newest checkpoint, a signed note.
    public let checkpoint: String
    /// Bytes left for uploads.
    public let room: UInt64
}

extension Vault {
    /// How the vault stands.
    public func figures(as acting: Acting) throws(VaultError) -> Figures {
        try rethrowing("figures") {
            _ = try decide(.seeFigures, acting)
            return try figures()
        }
    }

    /// The same for whoever runs the machine.
    func figures() throws -> Figures {
        let unmoved = "WHERE id NOT IN (SELECT document FROM moved)"
        let (documents, quarantined, head) = try recorder.read(pool) { db, head in
            (
                try Int.fetchOne(db, sql: "SELECT count(*) FROM document \(unmoved)") ?? 0,
                try Row.fetchAll(db, sql: "SELECT id, quarantine FROM document \(unmoved) AND quarantine IS NOT NULL")
                    .count { try !isNoEvidence($0) },
                head
            )
        }
        let authority = head.authority
        return Figures(
            statements: head.size, documents: documents, quarantined: quarantined, pupils: authority.pupils.count,
            people: authority.people.count - authority.stations.count, checkpoint: head.checkpoint,
            room: try blobs.room(policies.limits))
    }

    /// Puts changed policies into force: a statement, signed by somebody who may give access. Durable on return.
    ///
    /// The vault has to be opened anew to work under them.
    public func adoptPolicies(as acting: Acting) throws(VaultError) {
        try rethrowing("policy") {
            let authority = try recorder.read(pool) { _, head in head.authority }
            // Not `decide`: it refuses to work under files that nobody has adopted yet.
            guard authority.mayAdoptPolicies(acting.person, at: clock.now()) else { throw Refusal.notEntitled }
            try say(
                .policyAdopted(
                    policies.access.abilities, policies.access.twoPersonRule,
                    passkeyRoles: Set(policies.access.passkeyRequired),
                    acceptableUse: policies.acceptableUse.version),
                .person(acting))
        }
    }
}

extension Acting {
    /// Whether the roles include an ability under the policies in force, and nothing is missing that it needs.
    public func may(_ ability: Ability, in vault: Vault) -> Bool {
        vault.recorder.authority.allows(ability, person, at: vault.clock.now())
    }

    /// Whether somebody gave this person access to a pupil file or to documents, and it is not over.
    public func hasAccess(in vault: Vault) -> Bool {
        !vault.recorder.authority.activeAccesses(of: person, at: vault.clock.now()).isEmpty
    }

    /// Whether the roles include an ability under the policies in force, whatever else may be missing.
    public func hasRole(for ability: Ability, in vault: Vault) -> Bool {
        vault.recorder.authority.abilities.allow(ability, to: roles)
    }
}

extension Vault {
    /// Why somebody may not now what an ability includes, for a page that says it; the vault decides again.
    public func objection(to ability: Ability, by acting: Acting) -> Refusal {
        recorder.authority.refusal(of: ability, to: acting.person, at: clock.now()) ?? .notEntitled
    }
}
