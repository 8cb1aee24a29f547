import FaultyStore
import Storing
import Testing

/// What a store that fails may and may not show.
@Suite struct FaultTests {
    @Test(arguments: [Subject.folder, .s3], UInt64(1)...6)
    func `An error is told, nothing half is visible after it, and a try more succeeds`(
        _ subject: Subject, _ seed: UInt64
    ) throws {
        let base = try subject.make()
        let faulty = FaultyStore(before: base, seed: seed, share: 0.5)
        var errors = 0
        for number in 0..<15 {
            let object = try name("blobs/\(number)")
            let bytes = someBytes(3000 + number, seed: seed)
            var isStored = false
            for _ in 0..<50 where !isStored {
                do {
                    try faulty.put(object, ObjectSource(bytes))
                    isStored = true
                } catch { errors += 1 }
                // Seen by somebody else: all of it or nothing, and all of it when it was said so.
                let seen = (try? base.all(object)) ?? []
                #expect(seen == bytes || (seen.isEmpty && !isStored))
                #expect(try base.list("blobs/\(number)").allSatisfy { $0.size == UInt64(bytes.count) })
            }
            #expect(isStored)
        }
        #expect(errors > 0)
        #expect(try base.list("").count == 15)
        // Every kind of fault was met over the seeds, so that none is only a word.
        #expect(faulty.faults.count >= 3)
    }

    @Test(arguments: [Subject.folder, .s3])
    func `A piece that was cut on its way is never taken for an object's end`(_ subject: Subject) throws {
        let base = try subject.make()
        let bytes = someBytes(4000)
        try base.put(name("cut"), ObjectSource(bytes))
        let faulty = FaultyStore(before: base, seed: 1, share: 1, kinds: [.cut])
        #expect(throws: StoreError.changed) { try faulty.all(name("cut")) }
        #expect(throws: StoreError.changed) { try faulty.all(name("cut"), most: 1000) }
        #expect(throws: StoreError.changed) { try faulty.bytes(of: name("cut")) }
    }

    @Test func `Each fault is told as what it is, and the store before it does nothing by itself`() throws {
        let base = try Subject.folder.make()
        let object = try name("one")
        func faulty(_ fault: FaultyStore.Fault) -> FaultyStore {
            FaultyStore(before: base, seed: 1, share: 1, kinds: [fault])
        }
        #expect(throws: StoreError.unreachable) { try faulty(.before).put(object, ObjectSource([1])) }
        #expect(try base.list("") == [])
        #expect(throws: StoreError.sourceFailed) { try faulty(.cut).put(object, ObjectSource([1, 2])) }
        #expect(try base.list("") == [])
        #expect(throws: StoreError.unreachable) { try faulty(.after).put(object, ObjectSource([1])) }
        #expect(try base.all(object) == [1])
        try faulty(.twice).put(object, ObjectSource([1]))
        try faulty(.late).put(object, ObjectSource([1]))
        #expect(try base.list("").count == 1)
        try faulty(.twice).delete(object)
        #expect(try base.list("") == [])
    }
}
