import GRDB
import Records
import Sealing

// A person's own password, changed: their keys stay, in a new keybox. Who thinks that somebody else knows the old one needs new
// keys, since an old keybox may lie on a stolen disk: they join again (C-06).

extension Vault {
    /// Changes one's own password. One's other sessions end. Recorded; durable on return. Takes two password hashes.
    ///
    /// - Throws: a refusal `password.wrong` where the present one is not right, `password.same`, a refusal of the new one,
    ///   `code.needed`; too many wrong ones slow the account as at sign-in.
    public func changePassword(from old: String, to new: String, as acting: Acting) throws(VaultError) {
        try rethrowing("password") {
            try requireCode(acting)
            guard let person = recorder.authority.people[acting.person] else { throw VaultError.notFound }
            // The new one is looked at first: it costs no hash, and what is wrong with it says nothing of the old.
            try Self.checkPassword(new, name: acting.name, policies: policies)
            guard new != old else {
                throw Refusal(
                    code: "password.same", message: "The new password is the old one.",
                    hint: "Choose another: three or four unrelated words.")
            }
            _ = try tryFactor(acting, otherwise: .passwordWrong) { try open(person, password: old) != nil }
            let renewed = try renewedKeybox(of: acting, password: new)
            try recorder.record([renewed], in: pool)
            try endSessions(.of(acting.person, except: acting.session))
        }
    }

    /// A keybox for the keys that somebody has, under a password and the hashing that the policy asks for now.
    func renewedKeybox(of acting: Acting, password: String) throws -> Draft {
        let keybox = ItemID.random()
        let box = try hashGate.run {
            try Keybox.seal(
                acting.keys.secret(), password: Self.password(password), serverSecret: secrets.server,
                hashing: policies.sessions.hashing, context: rowContext("keybox", acting.person.bytes))
        }
        return Draft(
            signer: .person(acting), items: [SealedItem(keybox, .keybox, box)], act: .keyboxRenewed(keybox))
    }

    /// The statement that hashes a password as hard as the policy asks for now, at sign-in, when it is here (C-06). None where it
    /// is hashed so already, or too many hash just now: the next sign-in will do it.
    func raising(_ acting: Acting, password: String) throws -> [Draft] {
        guard let person = recorder.authority.people[acting.person], person.enrolled, try isWeak(person.keybox) else {
            return []
        }
        do { return [try renewedKeybox(of: acting, password: password)] } catch VaultError.busy { return [] }
    }

    private func isWeak(_ keybox: ItemID) throws -> Bool {
        let wanted = policies.sessions.hashing
        let hashing = try Keybox.hashing(of: pool.read { db in try item(keybox, db) })
        return hashing.memoryBytes < wanted.memoryBytes || hashing.passes < wanted.passes
    }
}
