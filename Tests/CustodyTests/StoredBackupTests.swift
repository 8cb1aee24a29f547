import Custody
import FaultyStore
import Foundation
import Records
import Storing
import Testing

/// A school with a few documents, and an empty place for its backup.
private final class BackedUp {
    let school: School
    let store: FolderStore
    let folder: String
    private let acting: Acting
    private let pupil: Pupil

    init(documents: Int = 4) throws {
        school = try School()
        folder = school.directory + "/store"
        store = try FolderStore(at: folder)
        acting = try school.signIn(school.lead)
        pupil = try school.pupil(by: acting)
        for number in 0..<documents { try file("Letter \(number)") }
    }

    func file(_ text: String) throws {
        _ = try school.file(Array(text.utf8), named: "letter.txt", for: pupil, by: acting)
    }

    @discardableResult
    func backUp(_ store: (any BlobStore)? = nil, all: Bool = false) throws -> BackupReport {
        try school.vault.backUp(into: store ?? self.store, readingAll: all)
    }

    /// What verification finds broken, as code and place.
    func broken(in store: (any BlobStore)? = nil) throws -> [String] {
        try Vault.verify(backupIn: store ?? self.store, secrets: school.location.secrets).findings
            .filter { $0.weight == .broken }.map(\.code)
    }

    var payloads: [StoredObject] { get throws { try store.list("blobs/") } }

    /// Flips a bit in the middle of an object, its length staying.
    func flip(_ object: ObjectName) throws {
        let path = "\(folder)/\(object.text)"
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(filePath: path))
    }
}

@Suite struct StoredBackupTests {
    @Test func `A backup in a store holds, sends what is new, and is recorded by the same statement`() throws {
        let office = try BackedUp()
        let first = try office.backUp()
        #expect((first.copied, first.kept, first.mended) == (4, 0, 0))
        #expect(try office.broken() == [])
        #expect(try office.school.vault.backups().map(\.act.backup) == [first.backup])
        try office.file("One more letter")
        let second = try office.backUp()
        #expect((second.copied, second.kept, second.mended) == (1, 4, 0))
        #expect(second.backup == first.backup && second.statements > first.statements)
        // One snapshot counts, and no other is left; nothing is left in the vault either.
        let names = try office.store.list("snapshots/").map { $0.name.text.split(separator: "/")[1] }
        #expect(Set(names).count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: office.school.location.vault + "/backing-up") == [])
        #expect(try Vault.verify(office.school.location).holds)
        let third = try office.backUp()
        #expect((third.copied, third.kept) == (0, 5))
    }

    @Test func `A payload that was read back once is not read again, and all are when that is asked for`() throws {
        let office = try BackedUp()
        try office.backUp()
        let calls = FaultyStore(before: office.store, seed: 1, share: 0)
        try office.backUp(calls)
        let few = calls.calls
        let all = FaultyStore(before: office.store, seed: 1, share: 0)
        try office.backUp(all, all: true)
        #expect(all.calls == few + 4)
    }

    @Test func `A payload that is flipped, cut, swapped or gone in the store is found by verify, and mended`() throws {
        let office = try BackedUp()
        try office.backUp()
        let payloads = try office.payloads
        // Of the same length: an ordinary backup does not read it, so it does not see it.
        try office.flip(payloads[0].name)
        #expect(try office.broken() == ["blob.differs"])
        #expect(try office.backUp().mended == 0)
        #expect(try office.broken() == ["blob.differs"])
        let all = try office.backUp(all: true)
        #expect((all.copied, all.mended) == (1, 1))
        #expect(try office.broken() == [])
        try office.store.delete(payloads[1].name)
        #expect(try office.broken() == ["blob.missing"])
        #expect(try office.backUp().mended == 1)
        #expect(try office.broken() == [])
        try office.store.put(payloads[2].name, ObjectSource([1, 2, 3]))
        #expect(try office.broken() == ["blob.differs"])
        #expect(try office.backUp().mended == 1)
        #expect(try office.broken() == [])
    }

    @Test func `Whatever else is changed in the store is found by verify`() throws {
        let office = try BackedUp()
        try office.backUp()
        let snapshot = try office.store.list("snapshots/")
        let catalogue = try #require(snapshot.first { $0.name.text.hasSuffix("catalogue.sqlite") })
        let policy = try #require(snapshot.first { $0.name.text.hasSuffix("school.yaml") })
        func kept(_ object: ObjectName, _ change: () throws -> Void) throws -> [String] {
            let path = URL(filePath: "\(office.folder)/\(object.text)")
            let before = try Data(contentsOf: path)
            try change()
            defer { try? before.write(to: path) }
            return try office.broken()
        }
        #expect(try kept(catalogue.name) { try office.flip(catalogue.name) }.contains("snapshot.differs"))
        #expect(try kept(catalogue.name) { try office.store.delete(catalogue.name) } == ["snapshot.missing"])
        #expect(
            try kept(policy.name) {
                try office.store.replace(policy.name, with: office.store.bytes(of: policy.name) + Array("# x\n".utf8))
            } == ["policies.differ"])
        let mark = try #require(ObjectName("backup"))
        #expect(
            try kept(mark) {
                // A checkpoint of an older ledger is lawful only for a witness beside a vault; another root is not.
                var text = String(decoding: try office.store.bytes(of: mark), as: UTF8.self)
                text = text.replacingOccurrences(of: "\n— ", with: "\n— x")
                try office.store.replace(mark, with: Array(text.utf8))
            } != [])
        #expect(try office.broken() == [])
        let whole = String(decoding: try office.store.bytes(of: mark), as: UTF8.self)
        let lines = whole.split(separator: "\n", maxSplits: 5, omittingEmptySubsequences: false)
        try office.store.replace(mark, with: Array((lines.prefix(5).joined(separator: "\n") + "\nno note").utf8))
        #expect(try office.broken() == ["witness.unreadable"])
        #expect(code { try office.backUp() } == "backup.mark-damaged")
        try office.store.replace(mark, with: Array(whole.utf8))
        #expect(
            code {
                try office.store.replace(mark, with: [1]); _ = try office.broken()
            } == "backup.none")
        #expect(code { try office.backUp() } == "backup.not-empty")
    }

    @Test func `What is cut short at any place leaves a backup that holds or none, and is gone on with`() throws {
        let office = try BackedUp()
        var isWhole = false
        var tries = 0
        for seed in 0..<60 where !isWhole {
            let faulty = FaultyStore(before: office.store, seed: UInt64(seed), share: 0.08)
            do {
                try office.backUp(faulty)
                isWhole = true
            } catch {
                tries += 1
                guard case .store = error as? VaultError else {
                    Issue.record("\(error)")
                    return
                }
            }
            // Never anything between: a mark counts only for what is all there.
            let found = code { _ = try office.broken() }
            #expect(found == nil || (found == "backup.none" && !isWhole))
            if found == nil { #expect(try office.broken() == []) }
        }
        #expect(isWhole && tries > 0)
        // The next one, likewise: the one before stands until the new one is whole.
        try office.file("One more letter")
        isWhole = false
        for seed in 100..<160 where !isWhole {
            isWhole = (try? office.backUp(FaultyStore(before: office.store, seed: UInt64(seed), share: 0.08))) != nil
            #expect(try office.broken() == [])
        }
        #expect(isWhole)
        #expect(try office.payloads.count == 5)
        #expect(try Vault.verify(office.school.location).holds)
    }

    @Test func `What was sent before it was cut short is read back before it is called verified`() throws {
        let office = try BackedUp()
        try office.backUp()
        try office.file("One more letter")
        let before = try Set(office.payloads.map(\.name))
        // Fails once the payload is there: the mark is never replaced, and nothing is recorded.
        struct Cut: BlobStore {
            let base: any BlobStore
            var place: String { base.place }
            func put(_ name: ObjectName, _ source: ObjectSource) throws(StoreError) {
                try base.put(name, source)
                throw .unreachable
            }
            func replace(_ name: ObjectName, with bytes: [UInt8]) throws(StoreError) {
                try base.replace(name, with: bytes)
            }
            func piece(
                of name: ObjectName, at offset: UInt64, count: Int, version: ObjectVersion?
            ) throws(StoreError) -> Piece {
                try base.piece(of: name, at: offset, count: count, version: version)
            }
            func list(_ prefix: String) throws(StoreError) -> [StoredObject] { try base.list(prefix) }
            func delete(_ name: ObjectName) throws(StoreError) { try base.delete(name) }
            func size(of name: ObjectName) throws(StoreError) -> UInt64 { try base.size(of: name) }
        }
        #expect(code { try office.backUp(Cut(base: office.store)) } == "store.unreachable")
        let new = try #require(office.payloads.first { !before.contains($0.name) })
        try office.flip(new.name)
        let report = try office.backUp()
        #expect((report.copied, report.mended) == (1, 1))
        #expect(try office.broken() == [])
    }

    @Test func `A damaged vault replaces no backup, and sends nothing that is not what was filed`() throws {
        let office = try BackedUp()
        try office.backUp()
        try office.file("One more letter")
        let blobs = office.school.location.vault + "/blobs"
        let sent = try Set(office.payloads.map { $0.name.text.dropFirst("blobs/".count) })
        let files = try FileManager.default.subpathsOfDirectory(atPath: blobs)
        let new = try #require(files.first { $0.count > 20 && !sent.contains($0[...]) })
        var bytes = try Data(contentsOf: URL(filePath: "\(blobs)/\(new)"))
        bytes[20] ^= 1
        try bytes.write(to: URL(filePath: "\(blobs)/\(new)"))
        #expect(code { try office.backUp() } == "backup.not-verified")
        #expect(try office.payloads.count == 4)
        #expect(try office.broken() == [])
    }

    @Test func `Another vault's place, and one with something in it, are left alone`() throws {
        let (office, other) = (try BackedUp(documents: 1), try BackedUp(documents: 1))
        try office.backUp()
        #expect(code { try other.backUp(office.store) } == "backup.not-empty")
        try other.store.put(#require(ObjectName("holiday.jpg")), ObjectSource([1]))
        #expect(code { try other.backUp() } == "backup.not-empty")
        #expect(try other.store.list("").count == 1)
        #expect(code { _ = try other.broken() } == "backup.none")
    }

    @Test func `An older copy of the vault is not written over a backup that is ahead`() throws {
        let office = try BackedUp(documents: 1)
        try office.backUp()
        let old = Vault.Location(vault: office.school.directory + "/old")
        // What is not in a folder by itself is in the catalogue's journal.
        for (from, to) in [
            (office.school.location.vault, old.vault), (office.school.location.secrets, old.secrets),
        ] { try FileManager.default.copyItem(atPath: from, toPath: to) }
        try office.file("One more letter")
        try office.backUp()
        let copy = try Vault(opening: old, clock: office.school.clock)
        defer { copy.shutdown() }
        #expect(code { _ = try copy.backUp(into: office.store) } == "backup.ahead")
        #expect(try office.broken() == [])
    }

    @Test func `What is fetched is a backup in a folder, and is gone on with after it was cut short`() throws {
        let office = try BackedUp()
        try office.backUp()
        let target = office.school.directory + "/fetched"
        var isWhole = false
        var tries = 0
        for seed in 0..<60 where !isWhole {
            let faulty = FaultyStore(before: office.store, seed: UInt64(seed), share: 0.08)
            do {
                isWhole = try Vault.fetch(backupIn: faulty, to: target).holds
            } catch {
                tries += 1
                #expect(!FileManager.default.fileExists(atPath: target + "/backup"))
            }
        }
        #expect(isWhole && tries > 0)
        #expect(try Vault.verify(Vault.Location(vault: target)).holds)
        #expect(!FileManager.default.fileExists(atPath: target + "/fetching"))
        // The vault goes on with it as with any backup in a folder: all of it is there.
        let report = try office.school.vault.backUp(to: target)
        #expect((report.copied, report.kept) == (0, 4))
        #expect(code { _ = try Vault.fetch(backupIn: office.store, to: target) } == "backup.fetch-not-empty")
    }

    @Test func `Fetching a damaged backup fetches the rest, says what is broken, and marks nothing`() throws {
        let office = try BackedUp()
        try office.backUp()
        let payloads = try office.payloads
        try office.flip(payloads[0].name)
        try office.store.delete(payloads[1].name)
        let target = office.school.directory + "/fetched"
        let found = try Vault.fetch(backupIn: office.store, to: target)
        #expect(
            found.findings.filter { $0.weight == .broken }.map(\.code).sorted() == ["blob.differs", "blob.missing"])
        #expect(!FileManager.default.fileExists(atPath: target + "/backup"))
        // Mended in the store, the same command goes on.
        try office.backUp(all: true)
        #expect(try Vault.fetch(backupIn: office.store, to: target).holds)
    }
}
