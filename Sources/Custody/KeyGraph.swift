import GRDB
import Records
import Sealing

// Reading something means walking from the person to it, edge by edge. Every wrap, recipient and header on the way is
// used only if it is what a current statement commits to, and a secret only if its recipient is the committed one.

extension Vault {
    /// The recipient of a node.
    func recipient(of identity: IdentityID, _ db: Database) throws -> HybridRecipient {
        try HybridRecipient(rawRepresentation: item(identity.shared(as: Kind.Item.self), db))
    }

    /// The secret of a node, if there is a path to it from the person.
    ///
    /// - Throws: `VaultError.notFound` where there is none.
    func open(_ identity: IdentityID, as acting: Acting, _ db: Database) throws -> HybridIdentity {
        let authority = recorder.authority
        guard let person = authority.people[acting.person] else { throw VaultError.notFound }
        for edge in authority.wraps[identity] ?? [] {
            if edge.holder == person.identity {
                return try open(edge, with: acting.keys.identity, db)
            }
            if authority.wraps[edge.holder] != nil, let holder = try? open(edge.holder, as: acting, db) {
                return try open(edge, with: holder, db)
            }
        }
        throw VaultError.notFound
    }

    /// The secret that one edge holds.
    func open(
        _ edge: WrapEdge, with holder: borrowing HybridIdentity, _ db: Database
    ) throws -> HybridIdentity {
        let committed = try recipient(of: edge.identity, db)
        let secret = try Wrap.open(
            item(edge.item, db), secretCount: 32, context: Self.wrapContext(recorder.vault, edge), with: holder)
        let identity = try HybridIdentity(seed: secret)
        guard identity.recipient == committed else { throw VaultError.tampered(code: "wrap.other-identity") }
        return identity
    }

    /// What a wrap's plaintext says beside the secret: purpose, vault, object and holder.
    static func wrapContext(_ vault: VaultID?, _ edge: WrapEdge) -> [UInt8] {
        Array("strongroom/v1/wrap\n\(vault?.text ?? "")\n\(edge.identity.text)\n\(edge.holder.text)\n".utf8)
    }

    /// The same for a detail key.
    static func detailKeyContext(_ vault: VaultID?, _ key: ItemID, _ pupilFile: PupilFileID) -> [UInt8] {
        Array("strongroom/v1/detail-key\n\(vault?.text ?? "")\n\(pupilFile.text)\n\(key.text)\n".utf8)
    }

    /// The key of the register's rows.
    func registerKey(as acting: Acting, _ db: Database) throws -> DetailKey {
        guard let register = recorder.authority.founding?.register else { throw VaultError.notFound }
        return try Self.registerKey(open(register, as: acting, db))
    }

    static func registerKey(_ register: borrowing HybridIdentity) throws -> DetailKey {
        try KeyedHash.derive(DetailKey(register.seedCopy()), label: "strongroom/v1/register")
    }
}
