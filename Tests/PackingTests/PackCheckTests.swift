import Foundation
import Ledger
import Packing
import Records
import Sealing
import Testing

/// What a pack's check finds.
@Suite struct PackCheckTests {
    @Test func `One changed byte in any file of the archive is found, and the file is named`() throws {
        let school = try SmallSchool()
        let zip = try school.zip(try school.contents())
        let opened = OpenedPack(zip)
        for (name, start) in opened.places {
            guard let count = opened.files[name]?.count, count > 0 else { continue }
            for offset in Set([0, count / 2, count - 1]) {
                var changed = zip
                changed[start + offset] ^= 0x01
                let found = try check(changed)
                #expect(found.findings.contains { $0.file == name && $0.fault == .sumDiffers }, "\(name), \(offset)")
                if name != "SHA256SUMS" {
                    #expect(found.findings.contains { $0.file == name && $0.fault == .digestDiffers }, "\(name)")
                }
            }
        }
    }

    @Test func `A changed byte is found in an archive that was made anew, by SHA256SUMS alone`() throws {
        let school = try SmallSchool()
        let opened = OpenedPack(try school.zip(try school.contents()))
        for name in opened.files.keys where name != "SHA256SUMS" && opened.files[name] != [] {
            var changed = opened
            changed.files[name]?[0] ^= 0x01
            #expect(
                try check(changed.zip()).findings.contains { $0.file == name && $0.fault == .digestDiffers }, "\(name)")
        }
        var changed = opened
        let zero = UInt8(ascii: "0")
        changed.files["SHA256SUMS"]?[0] = opened.files["SHA256SUMS"]?[0] == zero ? zero + 1 : zero
        #expect(try check(changed.zip()).findings.map(\.fault) == [.digestDiffers])
        changed = opened
        changed.files["SHA256SUMS"]?[65] ^= 0x01
        #expect(try check(changed.zip()).findings.contains { $0.file == "SHA256SUMS" && $0.fault == .sumsMalformed })
    }

    @Test func `A changed byte is found though SHA256SUMS was made anew, in all that is signed or committed to`() throws
    {
        let school = try SmallSchool()
        let opened = OpenedPack(try school.zip(try school.contents()))
        let own = [
            "SHA256SUMS", "HOW-TO-CHECK.txt", "check.py", "request.json", "chronology.csv",
            "section-9-statement-DRAFT.pdf",
        ]
        for (name, bytes) in opened.files where !own.contains(name) && !bytes.isEmpty {
            // What type a file is the manifest says alone.
            let types = name == "manifest.json" ? unsigned(in: bytes) : []
            let offsets = Set([0, bytes.count / 3, bytes.count / 2, bytes.count - 1])
            for offset in offsets where !types.contains(where: { $0.contains(offset) }) {
                var changed = opened
                changed.files[name]?[offset] ^= 0x01
                changed.sumUp()
                let found = try check(changed.zip()).findings
                // A statement is named by what it is no more in keeping with.
                let stem = name.hasPrefix("ledger/") ? String(name.prefix { $0 != "." }) : name
                let isNamed = found.contains { $0.file.hasPrefix(stem) || $0.file == "ledger/checkpoint.txt" }
                #expect(isNamed || (name == "manifest.json" && !found.isEmpty), "\(name), \(offset): \(found)")
            }
        }
    }

    @Test func `Every changed byte between the files is found`() throws {
        let school = try SmallSchool(exhibitSizes: [10])
        let zip = try school.zip(try school.contents())
        let opened = OpenedPack(zip)
        let contents = opened.places.map { name, start in start..<start + (opened.files[name]?.count ?? 0) }
        for offset in zip.indices where !contents.contains(where: { $0.contains(offset) }) {
            var changed = zip
            changed[offset] ^= 0x01
            #expect(try !check(changed).holds, "byte \(offset) of \(zip.count)")
        }
    }

    @Test func `A pack that was cut short, or made longer, is found`() throws {
        let school = try SmallSchool()
        let zip = try school.zip(try school.contents())
        for count in [0, 1, 21, 22, 100, zip.count / 2, zip.count - 22, zip.count - 1] {
            #expect(try check(Array(zip.prefix(count))).findings.map(\.fault) == [.archiveUnreadable], "\(count)")
        }
        for more in [[0], [UInt8](repeating: 0, count: 100)] {
            #expect(try check(zip + more).findings.map(\.fault) == [.archiveUnreadable])
        }
        #expect(try check([0] + zip).findings.map(\.fault) == [.archiveUnreadable])
        #expect(try check(zip + zip).findings.map(\.fault) == [.archiveLaidOutOtherwise])
    }

    @Test func `A missing file and one too many are found`() throws {
        let school = try SmallSchool()
        let opened = OpenedPack(try school.zip(try school.contents()))
        for name in opened.files.keys where name != "SHA256SUMS" && !["request.json", "chronology.csv"].contains(name) {
            if name.hasPrefix("section-9") { continue }
            var changed = opened
            changed.files[name] = nil
            #expect(try check(changed.zip()).findings.contains { $0.file == name && $0.fault == .missing }, "\(name)")
            changed.sumUp()
            let found = try check(changed.zip()).findings
            let isField = name.hasSuffix(".fields.json")
            let fault: PackFault = isField ? .filingDigestDiffers : .missing
            #expect(found.contains { $0.fault == fault && ($0.file == name || isField) }, "\(name): \(found)")
        }
        for name in ["exhibits/PM-99.pdf", "ledger/x.json", "ledger/07.json", "exhibits/deeper/PM-17.pdf", "other/a"] {
            var changed = opened
            changed.files[name] = [1]
            #expect(try check(changed.zip()).findings.contains { $0.file == name && $0.fault == .notInSums }, "\(name)")
            changed.sumUp()
            #expect(
                try check(changed.zip()).findings.contains { $0.file == name && $0.fault == .notExpected }, "\(name)")
        }
        var changed = opened
        changed.files["ledger/1.sig"] = [1]
        changed.sumUp()
        #expect(try check(changed.zip()).findings.contains { $0.file == "ledger/1.json" && $0.fault == .missing })
    }

    @Test func `Two exhibits in each other's place are found`() throws {
        let school = try SmallSchool()
        let opened = OpenedPack(try school.zip(try school.contents()))
        var changed = opened
        changed.files["exhibits/PM-17.pdf"] = opened.files["exhibits/PM-18.pdf"]
        changed.files["exhibits/PM-18.pdf"] = opened.files["exhibits/PM-17.pdf"]
        changed.sumUp()
        let found = try check(changed.zip()).findings
        for name in ["exhibits/PM-17.pdf", "exhibits/PM-18.pdf"] {
            let faults = Set(found.filter { $0.file == name }.map(\.fault))
            #expect(faults == [.exhibitDiffers, .filingDigestDiffers, .filingSizeDiffers])
        }
    }

    @Test func `A proof, a signature or fields of another statement are found`() throws {
        let school = try SmallSchool()
        let opened = OpenedPack(try school.zip(try school.contents()))
        let (own, other) = (school.exhibits[0].statement, school.exhibits[1].statement)
        for (part, fault) in [
            ("proof", PackFault.proofOfAnother), ("sig", .signatureFalse), ("message", .messageDiffers),
            ("key.pem", .keyFileDiffers), ("fields.json", .fieldFalse),
        ] {
            var changed = opened
            changed.files["ledger/\(own).\(part)"] = opened.files["ledger/\(other).\(part)"]
            changed.sumUp()
            let found = try check(changed.zip()).findings
            #expect(found.contains { $0.file == "ledger/\(own).\(part)" && $0.fault == fault }, "\(part): \(found)")
        }
        var changed = opened
        for part in ["json", "sig", "message", "key.pem", "proof", "fields.json"] {
            changed.files["ledger/\(own).\(part)"] = opened.files["ledger/\(other).\(part)"]
        }
        changed.sumUp()
        let found = try check(changed.zip()).findings
        #expect(found.contains { $0.file == "ledger/\(own).json" && $0.fault == .statementIndexDiffers })
        #expect(found.contains { $0.file == "exhibits/PM-17.pdf" && $0.fault == .filingOfAnother })
    }

    @Test func `A byte that passes from a salt to its value is found`() throws {
        let school = try SmallSchool()
        var changed = OpenedPack(try school.zip(try school.contents()))
        let name = "ledger/\(school.exhibits[0].statement).fields.json"
        var fields = try #require(try CanonicalValue(parsing: changed.files[name] ?? []).object)
        let salt = try #require(fields["size"]?["salt"]?.string.flatMap { Base64.decode($0) })
        let value = try #require(fields["size"]?["value"]?.string.flatMap { Base64.decode($0) })
        // The same bytes in a row, and so the same commitment: 600000 would become 00000.
        fields["size"] = [
            "salt": .string(Base64.encode(salt + value.prefix(1))),
            "value": .string(Base64.encode(Array(value.dropFirst()))),
        ]
        changed.files[name] = try CanonicalValue.object(fields).encoded()
        changed.sumUp()
        #expect(
            try check(changed.zip()).findings.contains {
                $0.file == name && $0.fault == .fieldFalse && $0.part == "size"
            })
    }

    @Test func `All that is wrong is found, not only what is first`() throws {
        let school = try SmallSchool()
        var changed = OpenedPack(try school.zip(try school.contents()))
        for name in ["exhibits/PM-17.pdf", "chronology.csv", "ledger/0.sig"] { changed.files[name]?[0] ^= 1 }
        let named = Set(try check(changed.zip()).findings.map(\.file))
        #expect(named.isSuperset(of: ["exhibits/PM-17.pdf", "chronology.csv", "ledger/0.sig"]))
    }

    @Test func `An archive of another folder or date is found`() throws {
        let school = try SmallSchool()
        let opened = OpenedPack(try school.zip(try school.contents()))
        #expect(try check(opened.zip(folder: "pack-PM-AAAAAAAA/")).findings.map(\.fault) == [.folderDiffers])
        #expect(try check(opened.zip(made: Timestamp(milliseconds: 0))).findings.map(\.fault) == [.dateDiffers])
    }

    @Test func `What reading the file throws is passed on`() throws {
        struct Unreadable: Error {}
        #expect(throws: Unreadable.self) { try PackCheck(byteCount: 1000) { _, _ in throw Unreadable() } }
    }

    @Test func `Every fault has a sentence of its own`() {
        #expect(Set(PackFault.allCases.map(\.sentence)).count == PackFault.allCases.count)
    }
}

/// Where the types of media stand in a manifest.
private func unsigned(in bytes: [UInt8]) -> [Range<Int>] {
    let type = Array("\"media_type\":\"application/pdf\"".utf8)
    return bytes.indices.filter { bytes[$0...].starts(with: type) }.map { $0..<$0 + type.count }
}
