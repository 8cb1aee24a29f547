import Foundation
import GRDB
public import Records
import Sealing

// A form that was sent after its sender's sign-in had ended is given back to the browser, sealed to them, and comes again
// with their next sign-in. Nothing of it is kept here meanwhile, and whoever else signs in there cannot read it.

/// A form that came too late.
public struct LateForm: Codable, Hashable, Sendable {
    /// One of its fields.
    public struct Field: Codable, Hashable, Sendable {
        /// Its name.
        public let name: String
        /// What was filled in.
        public let value: String

        /// A field of this value.
        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }
    /// Where it was sent to: the address's path.
    public let path: String
    /// Its fields, in order; one may come several times.
    public let fields: [Field]
    private let milliseconds: Int64

    /// When it came.
    public var sent: Timestamp { Timestamp(milliseconds: milliseconds) }

    /// A form of these fields.
    public init(path: String, fields: [Field], sent: Timestamp) {
        self.path = path
        self.fields = fields
        milliseconds = sent.milliseconds
    }
}

extension Vault {
    /// Seals a form to the person whose session it came too late for. Nothing is kept.
    public func seal(_ form: LateForm, to person: PersonID) throws(VaultError) -> [UInt8] {
        try rethrowing("late-form") {
            guard let identity = recorder.authority.people[person]?.identity else { throw VaultError.notFound }
            let recipient = try pool.read { db in try self.recipient(of: identity, db) }
            let bytes = [UInt8](try JSONEncoder().encode(form))
            return try SealedBytes.seal(bytes, to: recipient)
        }
    }

    /// Takes a sealed form into its person's session, if it is theirs; false for anything else.
    public func takeLateForm(_ sealed: [UInt8], as acting: Acting) -> Bool {
        guard let bytes = try? SealedBytes.open(sealed, with: acting.keys.identity),
            let key = try? acting.memoryKey(),
            let kept = try? bytes.withUnsafeBytes({ raw throws(SealingError) in
                try SealedRow.seal(raw, session: key, associatedData: acting.session.bytes + Self.lateForm)
            })
        else { return false }
        acting.memory.with { $0.lateForm = kept }
        return true
    }

    /// The form that came too late for this person's session before, if one did.
    public func lateForm(of acting: Acting) throws(VaultError) -> LateForm? {
        try rethrowing("late-form") {
            guard let kept = acting.memory.with({ $0.lateForm }) else { return nil }
            let bytes = try SealedRow.open(
                kept, session: acting.memoryKey(), associatedData: acting.session.bytes + Self.lateForm)
            let data = bytes.withBytes { Data($0) }
            return try JSONDecoder().decode(LateForm.self, from: data)
        }
    }

    private static let lateForm = Array("late-form".utf8)
}
