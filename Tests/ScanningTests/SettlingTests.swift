import Records
import Scanning
import Sealing
import Testing

private func at(_ seconds: Double) -> MonotonicTime {
    MonotonicTime(nanoseconds: 1_000_000_000_000 + UInt64(seconds * 1e9))
}

private func file(_ path: String, bytes: UInt64 = 10, modified: Int64 = 7, inode: UInt64 = 1) -> ListedScan {
    ListedScan(
        .waiting(ScanPath(path)), FileMark(device: 1, inode: inode, size: bytes, modified: modified))
}

private func names(_ ready: [Settling.Ready]) -> [String] {
    ready.map { ready in
        switch ready.scan.place {
        case .waiting(let path): ScanPath.text(of: path.name)
        case .claimed(_, let name): "claimed " + ScanPath.text(of: name)
        }
    }
}

@Suite struct SettlingTests {
    private var settling = Settling(settle: 5_000_000_000, patience: 600_000_000_000)

    @Test mutating func `A file is ready once nothing of it has changed for the settling time`() {
        #expect(settling.look([file("a.pdf")], at: at(0)).isEmpty)
        #expect(settling.next(after: at(0)) == at(5))
        #expect(settling.look([file("a.pdf")], at: at(4.9)).isEmpty)
        #expect(names(settling.look([file("a.pdf")], at: at(5))) == ["a.pdf"])
    }

    @Test(arguments: [
        file("a.pdf", bytes: 11), file("a.pdf", modified: 6), file("a.pdf", inode: 2),
    ]) mutating func `Longer, with another time, even an earlier one, or another file of the name: it settles anew`(
        _ changed: ListedScan
    ) {
        _ = settling.look([file("a.pdf")], at: at(0))
        #expect(settling.look([changed], at: at(5)).isEmpty)
        #expect(settling.look([changed], at: at(9)).isEmpty)
        #expect(names(settling.look([changed], at: at(10))) == ["a.pdf"])
    }

    @Test mutating func `An empty file is ready only when patience is over, and says so`() {
        _ = settling.look([file("a.pdf", bytes: 0)], at: at(0))
        #expect(settling.look([file("a.pdf", bytes: 0)], at: at(599)).isEmpty)
        #expect(settling.look([file("a.pdf", bytes: 0)], at: at(600)).map(\.isPatienceOver) == [true])
    }

    @Test
    mutating func `What looks cut short is ready again when it has changed and settled, or when patience is over`() {
        _ = settling.look([file("a.pdf"), file("b.pdf")], at: at(0))
        let ready = settling.look([file("a.pdf"), file("b.pdf")], at: at(5))
        #expect(ready.map(\.isPatienceOver) == [false, false])
        for one in ready { settling.looksCutShort(one.scan.place) }
        #expect(settling.look([file("a.pdf"), file("b.pdf", bytes: 20)], at: at(10)).isEmpty)
        #expect(names(settling.look([file("a.pdf"), file("b.pdf", bytes: 20)], at: at(15))) == ["b.pdf"])
        let late = settling.look([file("a.pdf"), file("b.pdf", bytes: 20)], at: at(600))
        #expect(names(late) == ["a.pdf", "b.pdf"])
        #expect(late.map(\.isPatienceOver) == [true, false])
    }

    @Test
    mutating func `What could not be taken waits longer each time, ten minutes at most, and others do not wait for it`()
    {
        _ = settling.look([file("a.pdf")], at: at(0))
        var now = 5.0
        var pauses: [Double] = []
        for _ in 0..<12 {
            #expect(names(settling.look([file("a.pdf"), file("b.pdf")], at: at(now))).contains("a.pdf"))
            settling.wait(file("a.pdf").place, at: at(now))
            let next = settling.look([file("a.pdf"), file("b.pdf")], at: at(now + 0.9))
            #expect(!names(next).contains("a.pdf"))
            let due = [1.0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600][pauses.count]
            pauses.append(due)
            now += due
        }
        #expect(names(settling.look([file("a.pdf"), file("b.pdf")], at: at(now))) == ["a.pdf", "b.pdf"])
    }

    @Test mutating func `A claimed file need not settle again`() {
        let claimed = ListedScan(
            .claimed(.random(), name: Array("a.pdf".utf8)), FileMark(device: 1, inode: 1, size: 10, modified: 7))
        #expect(names(settling.look([claimed], at: at(0))) == ["claimed a.pdf"])
    }

    @Test mutating func `What is gone is forgotten, and settles anew when it comes again`() {
        for round in 0..<1000 { _ = settling.look([file("scan-\(round).pdf")], at: at(Double(round))) }
        #expect(settling.count == 1)
        _ = settling.look([], at: at(2000))
        #expect(settling.count == 0)
        #expect(settling.look([file("scan-999.pdf")], at: at(2001)).isEmpty)
        #expect(settling.next(after: at(2001)) == at(2006))
    }

    @Test func `A file goes only where the vault has shown the very content that lies in it`() {
        let (one, other): ([UInt8], [UInt8]) = ([1], [2])
        #expect(ClaimedStep.decide(vault: .content(one), fileIs: one) == .remove)
        for known: ClaimedStep.VaultKnows in [.nothing, .content(other), .somethingUnseen, .anothers] {
            #expect(ClaimedStep.decide(vault: known, fileIs: one) != .remove)
        }
        #expect(ClaimedStep.decide(vault: .nothing, fileIs: one) == .upload)
        #expect(ClaimedStep.decide(vault: .content(other), fileIs: one) == .hold(.differs))
        #expect(ClaimedStep.decide(vault: .somethingUnseen, fileIs: one) == .hold(.unseen))
        #expect(ClaimedStep.decide(vault: .anothers, fileIs: one) == .claimAnew)
    }
}

@Suite struct ScanNameTests {
    @Test(arguments: [
        ".scan.pdf", "~scan.pdf", "scan.pdf~", "scan.pdf.part", "scan.filepart", "SCAN.TMP", ".~lock.scan.odt#",
        "Thumbs.db", "",
    ]) func `Names that programs give to what they are still writing are left alone`(_ name: String) {
        #expect(ScanName.isPassing(Array(name.utf8)))
    }

    @Test(arguments: ["scan.pdf", "scan", "part", "scan.part.pdf", "tmp.pdf", "a~b.pdf"])
    func `All others are taken`(_ name: String) {
        #expect(!ScanName.isPassing(Array(name.utf8)))
    }

    @Test func `A number stands before the ending`() {
        func numbered(_ name: String, _ number: Int) -> String {
            String(decoding: ScanName.numbered(Array(name.utf8), number), as: UTF8.self)
        }
        #expect(numbered("scan.pdf", 1) == "scan.pdf")
        #expect(numbered("scan.pdf", 2) == "scan-2.pdf")
        #expect(numbered("scan", 3) == "scan-3")
        #expect(numbered(".scan", 2) == ".scan-2")
    }

    @Test(arguments: [1, 2, 1234]) func `A long name is cut between letters, and keeps its ending`(_ number: Int) throws
    {
        let name = ScanName.numbered(Array((String(repeating: "é", count: 126) + ".pdf").utf8), number)
        #expect(name.count <= 200 && name.count > 190)
        let text = try #require(String(validating: name, as: UTF8.self))
        #expect(text.hasSuffix(number == 1 ? "é.pdf" : "é-\(number).pdf"))
    }

    @Test func `A name that is no UTF-8 is read as Latin 1`() {
        #expect(ScanPath.text(of: [0x4A, 0xF6, 0x72, 0x67]) == "Jörg")
        #expect(ScanPath.text(of: Array("Jörg".utf8)) == "Jörg")
    }
}

@Suite struct ScanNoteTests {
    @Test func `A note says what happened, what would be right and that nothing is lost, and whose it is`() throws {
        let upload = UploadID.random()
        let refusal = Refusal(code: "type.program", message: "It is a program.", hint: "Scan the paper.")
        let note = ScanNote.refused(refusal)
        let text = note.text(name: "scan\u{1B}[2J.pdf", upload: upload, at: Timestamp(milliseconds: 0))
        for words in [
            "It is a program.", "Scan the paper.", "Nothing is lost", "Code: type.program", upload.text, "1970-01-01",
        ] {
            #expect(text.contains(words))
        }
        #expect(!text.contains("\u{1B}"))
        #expect(note.shelf == .refused && ScanNote.held(.repeated).shelf == .held)
    }
}
