import Glibc
import Sandbox
import Testing

@Suite struct MemoryFileTests {
    @Test func `A memory file gives back what was appended`() throws {
        var file = try MemoryFile()
        try file.append([1, 2, 3])
        try file.append([])
        try file.append([4])
        #expect(file.count == 4)
        #expect(try file.withBytes { Array($0) } == [1, 2, 3, 4])
    }

    @Test func `An empty memory file has no bytes`() throws {
        let file = try MemoryFile()
        #expect(try file.withBytes { $0.count } == 0)
    }

    @Test func `A sealed memory file can no longer change`() throws {
        var file = try MemoryFile()
        try file.append([1, 2, 3])
        try file.seal()
        try file.seal()
        #expect(ftruncate(file.descriptor, 0) != 0)
        var byte: UInt8 = 9
        #expect(pwrite(file.descriptor, &byte, 1, 0) != 1)
        #expect(mmap(nil, 3, PROT_WRITE, MAP_SHARED, file.descriptor, 0) == MAP_FAILED)
        #expect(try file.withBytes { Array($0) } == [1, 2, 3])
    }

    @Test func `A dropped memory file is gone`() throws {
        let descriptor: Int32
        do {
            let file = try MemoryFile()
            descriptor = file.descriptor
        }
        #expect(fcntl(descriptor, F_GETFD) < 0)
    }
}

@Suite struct MemoryBudgetTests {
    @Test func `Bytes come back when a hold is dropped or made smaller`() throws {
        let budget = MemoryBudget(bytes: 100)
        do {
            var hold = try budget.acquire(80)
            #expect(budget.free == 20)
            hold.reduce(to: 30)
            #expect(budget.free == 70)
            hold.reduce(to: 50)
            #expect(hold.bytes == 30)
        }
        #expect(budget.free == 100)
    }

    @Test func `More than the whole budget is refused at once`() throws {
        let budget = MemoryBudget(bytes: 100)
        #expect(throws: SandboxError.tooLarge) { _ = try budget.acquire(101) }
    }

    @Test func `Waiting ends at its time, and leaves the queue to others`() throws {
        let budget = MemoryBudget(bytes: 100)
        let hold = try budget.acquire(60)
        #expect(throws: SandboxError.timedOut) { _ = try budget.acquire(50, waitingAtMost: 0.05) }
        let small = try budget.acquire(40, waitingAtMost: 0)
        #expect(budget.free == 0)
        _ = consume small
        _ = consume hold
        #expect(budget.free == 100)
    }

    @Test func `Nobody overtakes who asked first`() throws {
        let budget = MemoryBudget(bytes: 100)
        let hold = try budget.acquire(60, waitingAtMost: 1)
        let large = Thread { #expect((try? budget.acquire(90))?.bytes == 90) }
        while budget.waiting == 0 { sched_yield() }
        #expect(budget.takeNow(10) == false, "the large one is first")
        _ = consume hold
        large.join()
        #expect(budget.free == 100)
    }

    @Test func `Many holders never hold more than there is`() throws {
        let budget = MemoryBudget(bytes: 100)
        let threads = (1...60).map { wanted in
            Thread {
                guard let hold = try? budget.acquire(UInt64(wanted)) else { return }
                #expect(budget.free <= 100 - hold.bytes)
                sched_yield()
            }
        }
        for thread in threads { thread.join() }
        #expect(budget.free == 100)
    }

    @Test func `Bytes can be left for others`() throws {
        let budget = MemoryBudget(bytes: 100)
        #expect(!budget.takeNow(60, leaving: 50))
        #expect(budget.takeNow(50, leaving: 50))
    }
}

extension MemoryBudget {
    /// Whether bytes could be had at once; they are given back.
    fileprivate func takeNow(_ bytes: UInt64, leaving rest: UInt64 = 0) -> Bool {
        tryAcquire(bytes, leaving: rest) != nil
    }
}
