import FaultyStore
import Foundation
import Storing
import Testing

/// The stores that the suite is run on, each a fresh and empty one.
enum Subject: String, CaseIterable, CustomTestStringConvertible {
    /// A folder.
    case folder
    /// A folder behind a store that fails every third time, by somebody who does everything again until it worked.
    case faultyFolder = "a faulty folder, by somebody patient"
    /// OpenStack Swift, by its s3api.
    case s3
    /// The same, failing every third time.
    case faultyS3 = "a faulty s3, by somebody patient"

    var testDescription: String { rawValue }

    func make(seed: UInt64 = 1) throws -> any BlobStore {
        switch self {
        case .folder: try FolderStore(at: freshFolder())
        case .s3: try SwiftServer.shared.get().store()
        case .faultyFolder:
            PatientStore(FaultyStore(before: try Subject.folder.make(), seed: seed, share: 0.33))
        case .faultyS3: PatientStore(FaultyStore(before: try Subject.s3.make(), seed: seed, share: 0.33))
        }
    }
}

/// A folder that nobody else uses.
func freshFolder() -> String {
    FileManager.default.temporaryDirectory.appending(path: "store-\(UUID())").path
}

/// Bytes that follow from a seed.
func someBytes(_ count: Int, seed: UInt64 = 7) -> [UInt8] {
    var random = Seeded(seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count { withUnsafeBytes(of: random.next()) { bytes += $0 } }
    return Array(bytes.prefix(count))
}

func name(_ text: String) throws -> ObjectName { try #require(ObjectName(text)) }

extension BlobStore {
    @discardableResult
    func all(_ name: ObjectName, most: Int = 8 << 20) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try read(name, most: most) { bytes += $0 }
        return bytes
    }
}

/// What every store keeps to.
@Suite struct ConformanceTests {
    private static let sizes = [0, 1, 65_535, 65_536, (5 << 20) - 1, 5 << 20, (5 << 20) + 1, (11 << 20) + 5]

    @Test(arguments: Subject.allCases)
    func `What was put is read again, of any size and in pieces of any size`(_ subject: Subject) throws {
        let store = try subject.make()
        for size in Self.sizes {
            let object = try name("blobs/\(size)")
            let bytes = someBytes(size)
            try store.put(object, ObjectSource(bytes))
            #expect(try store.size(of: object) == UInt64(size))
            #expect(try store.all(object) == bytes)
            if size < 1 << 20 { #expect(try store.all(object, most: max(size / 3, 1)) == bytes) }
            // A piece from the middle, one across the end, one at the end.
            for offset in [size / 2, max(size - 5, 0)] where size > 0 {
                let piece = try store.piece(of: object, at: UInt64(offset), count: 100, version: nil)
                #expect(piece.bytes == Array(bytes[offset..<min(size, offset + 100)]))
                #expect(piece.size == UInt64(size))
            }
        }
    }

    @Test(arguments: Subject.allCases)
    func `A file is put as its bytes are`(_ subject: Subject) throws {
        let store = try subject.make()
        let path = freshFolder()
        let bytes = someBytes((6 << 20) + 17)
        try Data(bytes).write(to: URL(filePath: path))
        let file = try FileHandle(forReadingFrom: URL(filePath: path))
        defer { try? file.close() }
        try store.put(name("file"), ObjectSource(descriptor: file.fileDescriptor))
        #expect(try store.all(name("file")) == bytes)
    }

    @Test(arguments: Subject.allCases)
    func `The same object put again is the same, and is there once`(_ subject: Subject) throws {
        let store = try subject.make()
        for size in [10, (5 << 20) + 10] {
            for _ in 0..<2 { try store.put(name("again-\(size)"), ObjectSource(someBytes(size))) }
            #expect(try store.all(name("again-\(size)")) == someBytes(size))
            #expect(try store.list("again-\(size)").map(\.size) == [UInt64(size)])
        }
    }

    @Test(arguments: Subject.allCases)
    func `What is replaced is the new one, longer or shorter`(_ subject: Subject) throws {
        let store = try subject.make()
        for size in [100, 5000, 3, 0] {
            try store.replace(name("mark"), with: someBytes(size))
            #expect(try store.bytes(of: name("mark")) == someBytes(size))
        }
    }

    @Test(arguments: Subject.allCases)
    func `A list has what was put below a prefix, in order, with its size, over any number of pages`(
        _ subject: Subject
    ) throws {
        let store = try subject.make()
        #expect(try store.list("") == [])
        let names = try (0..<23).map { try name("blobs/\($0 % 3)a/\(UUID().uuidString.lowercased())-\($0)") }
        for (number, object) in names.enumerated() { try store.put(object, ObjectSource(someBytes(number))) }
        try store.put(name("blobs-beside"), ObjectSource([1]))
        try store.put(name("other/one"), ObjectSource([1, 2]))
        let wanted = names.enumerated().map { StoredObject(name: $1, size: UInt64($0)) }.sorted { $0.name < $1.name }
        #expect(try store.list("blobs/") == wanted)
        #expect(try store.list("blobs/1a/") == wanted.filter { $0.name.text.hasPrefix("blobs/1a/") })
        #expect(try store.list("blobs/1") == wanted.filter { $0.name.text.hasPrefix("blobs/1") })
        #expect(try store.list("blobs").map(\.size) == [1] + wanted.map(\.size))
        #expect(try store.list("").count == 25)
        #expect(try store.list("blobs/zzz") == [])
        #expect(try store.list("nothing/") == [])
    }

    @Test(arguments: Subject.allCases)
    func `What is deleted is not there, and may be deleted again and put again`(_ subject: Subject) throws {
        let store = try subject.make()
        for size in [4, (5 << 20) + 4] {
            let object = try name("blobs/a/gone-\(size)")
            try store.put(object, ObjectSource(someBytes(size)))
            for _ in 0..<2 { try store.delete(object) }
            #expect(throws: StoreError.notThere) { try store.size(of: object) }
            #expect(throws: StoreError.notThere) { try store.all(object) }
            #expect(try store.list("") == [])
            try store.put(object, ObjectSource(someBytes(size, seed: 8)))
            #expect(try store.all(object) == someBytes(size, seed: 8))
            try store.delete(object)
        }
    }

    @Test(arguments: Subject.allCases)
    func `What is not there is told as that`(_ subject: Subject) throws {
        let store = try subject.make()
        #expect(throws: StoreError.notThere) { try store.size(of: name("blobs/none")) }
        #expect(throws: StoreError.notThere) { try store.bytes(of: name("blobs/none")) }
        try store.put(name("blobs/one"), ObjectSource([1]))
        #expect(throws: StoreError.notThere) { try store.all(name("blobs/none")) }
        #expect(throws: StoreError.notThere) { try store.all(name("blobs")) }
    }

    @Test(arguments: Subject.allCases)
    func `A small object that is large is refused`(_ subject: Subject) throws {
        let store = try subject.make()
        try store.put(name("large"), ObjectSource(someBytes(101)))
        #expect(throws: StoreError.tooLarge) { try store.bytes(of: name("large"), most: 100) }
        #expect(try store.bytes(of: name("large"), most: 101).count == 101)
    }

    @Test(arguments: Subject.allCases)
    func `An object that becomes another while it is read is told as that`(_ subject: Subject) throws {
        let store = try subject.make()
        for size in [1000, (5 << 20) + 1000] {
            let object = try name("changing-\(size)")
            try store.put(object, ObjectSource(someBytes(size)))
            let first = try store.piece(of: object, at: 0, count: 100, version: nil)
            #expect(try store.piece(of: object, at: 100, count: 100, version: first.version).size == UInt64(size))
            // Of the same size, so that nothing but the version tells.
            try store.put(object, ObjectSource(someBytes(size, seed: 8)))
            #expect(throws: StoreError.changed) {
                try store.piece(of: object, at: 200, count: 100, version: first.version)
            }
        }
    }

    @Test(arguments: Subject.allCases)
    func `A source that breaks leaves nothing to be seen, and what was there before stands`(_ subject: Subject) throws {
        let store = try subject.make()
        for size in [2000, (11 << 20) + 1] {
            let object = try name("broken-\(size)")
            let source = ObjectSource(someBytes(size))
            #expect(throws: StoreError.sourceFailed) { try store.put(object, source.failing(at: source.size / 2)) }
            #expect(throws: StoreError.notThere) { try store.size(of: object) }
            #expect(try store.list("") == [])
            try store.put(object, source)
            #expect(throws: StoreError.sourceFailed) { try store.put(object, source.failing(at: source.size / 2)) }
            #expect(try store.all(object) == someBytes(size))
            try store.delete(object)
        }
    }

    @Test(arguments: [Subject.folder, .s3])
    func `Whoever looks while an object is replaced sees the old or the new one, whole`(_ subject: Subject) async throws
    {
        let store = try subject.make()
        let object = try name("mark")
        let versions = (0..<12).map { someBytes(20_000, seed: $0) }
        try store.replace(object, with: versions[0])
        async let writing: Void = Task.detached {
            for version in versions { try store.replace(object, with: version) }
        }.value
        var seen: Set<[UInt8]> = []
        for _ in 0..<30 { seen.insert(try store.bytes(of: object)) }
        try await writing
        #expect(seen.isSubset(of: Set(versions)))
        #expect(try store.bytes(of: object) == versions.last)
    }
}

/// Does every call again until it worked, as somebody does who runs a backup again.
struct PatientStore: BlobStore {
    private let base: any BlobStore
    var place: String { base.place }

    init(_ base: any BlobStore) { self.base = base }

    private func patiently<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
        for _ in 0..<50 {
            do throws(StoreError) { return try body() } catch {
                guard error == .unreachable else { throw error }
            }
        }
        throw .failed("patience")
    }

    func put(_ name: ObjectName, _ source: ObjectSource) throws(StoreError) {
        for _ in 0..<50 {
            do throws(StoreError) { return try base.put(name, source) } catch {
                // The faulty store's own cuts look like a source that broke.
                if error == .sourceFailed, (try? source.bytes(0..<source.size)) != nil { continue }
                guard error == .unreachable else { throw error }
            }
        }
        throw .failed("patience")
    }

    func replace(_ name: ObjectName, with bytes: [UInt8]) throws(StoreError) {
        try patiently { () throws(StoreError) in try base.replace(name, with: bytes) }
    }

    func piece(of name: ObjectName, at offset: UInt64, count: Int, version: ObjectVersion?) throws(StoreError) -> Piece
    {
        for _ in 0..<50 {
            let piece = try patiently { () throws(StoreError) in
                try base.piece(of: name, at: offset, count: count, version: version)
            }
            if UInt64(piece.bytes.count) == min(UInt64(count), piece.size - offset) { return piece }
        }
        throw .failed("patience")
    }

    func list(_ prefix: String) throws(StoreError) -> [StoredObject] {
        try patiently { () throws(StoreError) in try base.list(prefix) }
    }

    func delete(_ name: ObjectName) throws(StoreError) {
        try patiently { () throws(StoreError) in try base.delete(name) }
    }

    func size(of name: ObjectName) throws(StoreError) -> UInt64 {
        try patiently { () throws(StoreError) in try base.size(of: name) }
    }
}
