import Foundation
import Ledger
import Packing
import Records
import Sealing
import Testing

/// What a pack is, and what makes one.
@Suite struct PackTests {
    @Test func `The CRC-32 of pieces is that of the whole`() {
        var sum = CRC32()
        for piece in ["", "1234", "", "56789"] { Array(piece.utf8).withUnsafeBytes { sum.update($0) } }
        #expect(sum.value == 0xcbf4_3926)
        #expect(CRC32().value == 0)
    }

    @Test func `A pack has the size that it says, and its own check finds nothing`() throws {
        let school = try SmallSchool()
        let contents = try school.contents()
        let zip = try school.zip(contents)
        let pack = try Pack(contents)
        #expect(pack.byteCount == UInt64(zip.count))
        #expect(pack.fileName == "pack-PM-7K2M9Q4C.zip")
        let found = try check(zip)
        #expect(found.findings == [])
        #expect(found.holds)
        #expect(found.reference == "PM-7K2M9Q4C")
        #expect(found.vault == school.vault)
        #expect(found.given == SmallSchool.made)
        #expect((found.exhibits, found.statements) == (4, 9))
        #expect(found.vaultWords?.count == 8)
        let key = sha256(contents.checkpointKey).hex
        #expect(found.checkpointKeyFingerprint?.replacing(" ", with: "") == key)
    }

    @Test func `The same contents give the same bytes, whatever the pieces`() throws {
        let school = try SmallSchool()
        let contents = try school.contents()
        let zip = try school.zip(contents)
        #expect(try school.zip(contents, pieces: 1 << 20) == zip)
        #expect(try school.zip(contents, pieces: 999) == zip)
    }

    @Test func `What is in a pack is where its readers look for it`() throws {
        let school = try SmallSchool()
        let files = OpenedPack(try school.zip(try school.contents())).files
        let permission = school.permission
        #expect(files["exhibits/PM-17.pdf"] == school.bytes[school.exhibits[0].document])
        #expect(files["exhibits/PM-20.pdf"] == [])
        for name in [
            "HOW-TO-CHECK.txt", "check.py", "manifest.json", "SHA256SUMS", "request.json", "ledger/checkpoint.txt",
        ] {
            #expect(files[name] != nil, "\(name)")
        }
        for ending in ["json", "sig", "message", "key.pem", "proof"] {
            #expect(files["ledger/\(permission).\(ending)"] != nil, "\(ending)")
        }
        #expect(files["ledger/\(permission).fields.json"] == nil)
        let filing = try #require(files["ledger/\(school.exhibits[0].statement).fields.json"])
        let fields = try CanonicalValue(parsing: filing)
        #expect(fields.object?.keys.sorted() == ["sha256", "signed_by", "size"])
        let howTo = String(decoding: try #require(files["HOW-TO-CHECK.txt"]), as: UTF8.self)
        #expect(howTo.contains("Ashcombe Park School – Zoë’s"))
        #expect(howTo.contains("certutil -hashfile exhibits\\PM-17.pdf SHA256"))
        #expect(howTo.contains("-inkey ledger/\(permission).key.pem"))
        let script = String(decoding: try #require(files["check.py"]), as: UTF8.self)
        #expect(script.split(separator: "\n", omittingEmptySubsequences: false).count <= 105)
        #expect(script.utf8.allSatisfy { $0 < 0x80 })
    }

    @Test func `Every name in the archive is in order, and has the permission's time`() throws {
        let school = try SmallSchool()
        let zip = try school.zip(try school.contents())
        let names = OpenedPack(zip).places.sorted { $0.value < $1.value }.map(\.key)
        #expect(names == names.sorted())
        // 2026-11-27 12:08:56, as ZIP counts.
        #expect(Array(zip[10..<14]) == [0x1c, 0x61, 0x7b, 0x5d])
    }

    // MARK: - What is refused

    @Test func `An exhibit of other bytes is never passed on whole`() throws {
        let school = try SmallSchool()
        let pack = try Pack(try school.contents())
        let whole = Int(pack.byteCount)
        let faults: [(String, ([UInt8]) -> [UInt8])] = [
            ("one byte changed", { [$0[0] ^ 1] + $0.dropFirst() }),
            ("the last byte changed", { $0.dropLast() + [$0[$0.count - 1] ^ 1] }),
            ("one byte less", { $0.dropLast() }), ("one byte more", { $0 + [0] }), ("nothing", { _ in [] }),
        ]
        for (name, change) in faults {
            let damaged = try #require(school.exhibits.first { $0.size > 1 })
            var passedOn = 0
            #expect(throws: PackError.exhibitDiffers(damaged.document), "\(name)") {
                try pack.write { exhibit, body in
                    guard exhibit.document == damaged.document else {
                        return try school.give(exhibit, in: 1 << 16, to: body)
                    }
                    let bytes = change(school.bytes[exhibit.document] ?? [])
                    for start in stride(from: 0, to: bytes.count, by: 1 << 16) {
                        try bytes[start..<min(start + 1 << 16, bytes.count)].withUnsafeBytes {
                            passedOn += $0.count
                            try body($0)
                        }
                    }
                } to: { _ in
                }
            }
            #expect(passedOn < whole)
        }
    }

    @Test func `The last piece of an exhibit of other bytes is kept back`() throws {
        let school = try SmallSchool(exhibitSizes: [300_000])
        let pack = try Pack(try school.contents())
        var out = 0
        #expect(throws: PackError.self) {
            try pack.write { _, body in
                try [UInt8](repeating: 7, count: 200_000).withUnsafeBytes { try body($0) }
                try [UInt8](repeating: 7, count: 100_000).withUnsafeBytes { try body($0) }
            } to: {
                out += $0.count
            }
        }
        #expect(out > 200_000 && out < 300_000)
    }

    @Test func `A name that is not safe as a file's makes no pack`() throws {
        let school = try SmallSchool(exhibitSizes: [1])
        for name in [
            "", "../request.json", "a/b", ".hidden", "manifest.json", "Check.py", "naïve.txt", "a b", "SHA256sums",
        ] {
            var contents = try school.contents()
            contents.papers = [PackPaper(name: name, bytes: [])]
            #expect(throws: PackError.nameUnsafe(name)) { _ = try Pack(contents) }
        }
        for reference in ["PM/1/../..", "", "/1", "PM/1\n"] {
            var contents = try school.contents()
            contents.exhibits[0].reference = reference
            #expect(throws: PackError.nameUnsafe(reference)) { _ = try Pack(contents) }
        }
        var contents = try school.contents()
        contents.reference = "../x"
        #expect(throws: PackError.nameUnsafe("../x")) { _ = try Pack(contents) }
    }

    @Test func `Contents that would not check make no pack`() throws {
        let school = try SmallSchool()
        let whole = try school.contents()
        func faults(_ change: (inout PackContents) throws -> Void) throws -> Set<PackFault> {
            var contents = whole
            try change(&contents)
            do throws(PackError) {
                _ = try Pack(contents)
                return []
            } catch {
                guard case .wouldNotCheck(let findings) = error else { throw error }
                return Set(findings.map(\.fault))
            }
        }
        #expect(try faults { _ in } == [])
        #expect(try faults { $0.statements.remove(at: 0) }.contains(.foundingMissing))
        #expect(try faults { $0.statements.remove(at: 1) }.contains(.authorKeyMissing))
        #expect(try faults { $0.statements.removeLast() } == [.permissionMissing])
        #expect(try faults { $0.exhibits.swapAt(0, 1) } == [.permissionOfOthers])
        #expect(try faults { $0.exhibits.removeLast() } == [.permissionOfOthers])
        #expect(try faults { $0.exhibits[0].statement = $0.exhibits[1].statement }.contains(.filingOfAnother))
        #expect(try faults { $0.exhibits[0].sha256 = sha256([9]) } == [.filingDigestDiffers])
        #expect(try faults { $0.exhibits[0].size += 1 } == [.filingSizeDiffers])
        #expect(try faults { $0.statements[3].fields["size"] = nil } == [.filingSizeDiffers])
        #expect(try faults { $0.statements[3].path = try school.path(of: 2) } == [.proofFalse])
        #expect(try faults { $0.statements[3].path = [] } == [.proofFalse])
        #expect(try faults { $0.vault = .random() }.contains(.foundingDiffers))
        #expect(try faults { $0.checkpointKey = Randomness.bytes(32) } == [.foundingDiffers])
        #expect(try faults { $0.permission = 0 } == [.permissionMissing])
        #expect(try faults { $0.made = Timestamp(milliseconds: 1_795_781_339_000) } == [.dateDiffers])
        #expect(try faults { $0.checkpoint = try SmallSchool().checkpoint() }.contains(.checkpointFalse))
    }
}
