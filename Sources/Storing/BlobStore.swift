// What every store keeps to, and `StoringTests` holds every one of them to:
// - an object is there whole or not at all, whoever looks and whatever was cut short;
// - on return it is durable, as far as the store itself can tell;
// - an object under a name that was put once is never other bytes, but for those that are `replace`d;
// - every call may be made again after it threw, and comes to the same;
// - an error says which of a few things it is, so that a person can be told what to do.

/// A place where a backup lies: named objects, written once and read in pieces.
///
/// Calls are synchronous and may block for as long as the store's own patience lasts.
public protocol BlobStore: Sendable {
    /// What the place is called, for who runs the server: no credentials, nothing personal.
    var place: String { get }

    /// Stores an object that never changes. Whole and durable on return; what was there under that name, from a try
    /// before, is replaced in one moment.
    ///
    /// - Throws: `.sourceFailed` where the source could not be read; nothing is visible then.
    func put(_ name: ObjectName, _ source: ObjectSource) throws(StoreError)

    /// Stores a small object that may have been there with other bytes: whoever reads has the old or the new ones.
    func replace(_ name: ObjectName, with bytes: [UInt8]) throws(StoreError)

    /// One piece of an object: its bytes from `offset` on, `count` of them or as many as there are.
    ///
    /// - Parameter version: what the first piece said; where the object is another one by now, `.changed` is thrown.
    /// - Throws: `.notThere` where there is no such object.
    func piece(of name: ObjectName, at offset: UInt64, count: Int, version: ObjectVersion?) throws(StoreError) -> Piece

    /// The objects whose names begin with `prefix`, in byte order of their names.
    func list(_ prefix: String) throws(StoreError) -> [StoredObject]

    /// Removes an object; one that is not there is removed already.
    func delete(_ name: ObjectName) throws(StoreError)

    /// The bytes that an object has.
    ///
    /// - Throws: `.notThere`.
    func size(of name: ObjectName) throws(StoreError) -> UInt64
}

extension BlobStore {
    /// Gives an object in pieces of at most so many bytes, in order; returns how many there were.
    ///
    /// - Throws: `StoreError`; `.changed` where it became another object, or shorter, meanwhile. What `body` throws.
    @discardableResult
    public func read(
        _ name: ObjectName, most: Int = 8 << 20, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> UInt64 {
        var at: UInt64 = 0
        var version: ObjectVersion?
        while true {
            let piece = try piece(of: name, at: at, count: most, version: version)
            // A piece that was cut on its way is not the end of the object.
            guard piece.size >= at, UInt64(piece.bytes.count) == min(UInt64(most), piece.size - at) else {
                throw StoreError.changed
            }
            version = piece.version
            if !piece.bytes.isEmpty { try piece.bytes.withUnsafeBytes { try body($0) } }
            at += UInt64(piece.bytes.count)
            if at == piece.size { return at }
        }
    }

    /// A small object's bytes.
    ///
    /// - Throws: `.tooLarge` where it has more than `most`.
    public func bytes(of name: ObjectName, most: Int = 1 << 20) throws(StoreError) -> [UInt8] {
        let piece = try piece(of: name, at: 0, count: most, version: nil)
        guard piece.size <= UInt64(most) else { throw .tooLarge }
        guard UInt64(piece.bytes.count) == piece.size else { throw .changed }
        return piece.bytes
    }
}

/// The name of an object: parts of ASCII letters, digits, `-`, `_` and `.` with slashes between, 512 bytes at most.
///
/// No part begins with a full stop, so none leads out of a folder.
public struct ObjectName: Hashable, Comparable, Sendable {
    /// The name as the store has it.
    public let text: String

    /// Nil for anything else than such a name.
    public init?(_ text: String) {
        let isName = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "/"):
                true
            default: false
            }
        }
        guard isName, (1...512).contains(text.utf8.count),
            text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy({ !$0.isEmpty && $0.first != "." })
        else { return nil }
        self.text = text
    }

    /// Byte order.
    public static func < (lhs: ObjectName, rhs: ObjectName) -> Bool {
        lhs.text.utf8.lexicographicallyPrecedes(rhs.text.utf8)
    }
}

/// One object of a list.
public struct StoredObject: Hashable, Sendable {
    /// Its name.
    public let name: ObjectName
    /// Its bytes.
    public let size: UInt64

    /// An object of a list.
    public init(name: ObjectName, size: UInt64) {
        self.name = name
        self.size = size
    }
}

/// What tells one object from another that has taken its name: the store's own word for it.
public struct ObjectVersion: Hashable, Sendable {
    /// The word.
    public let text: String

    /// A store's word.
    public init(_ text: String) { self.text = text }
}

/// A piece of an object.
public struct Piece: Hashable, Sendable {
    /// The bytes.
    public let bytes: [UInt8]
    /// How many the whole object has.
    public let size: UInt64
    /// Which object it is of.
    public let version: ObjectVersion

    /// A piece.
    public init(bytes: [UInt8], size: UInt64, version: ObjectVersion) {
        self.bytes = bytes
        self.size = size
        self.version = version
    }
}
