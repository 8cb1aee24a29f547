import Foundation
import Packing
import Records
import Testing

/// The archive's bytes, by other people's programs.
@Suite struct ZipLayoutTests {
    @Test func `Python, unzip, sha256sum and OpenSSL take a pack as it is`() throws {
        let school = try SmallSchool()
        let folder = try Folder()
        let zip = folder.url.appending(path: "pack-PM-7K2M9Q4C.zip")
        try Data(try school.zip(try school.contents())).write(to: zip)
        let script = """
            import sys, zipfile
            with zipfile.ZipFile(sys.argv[1]) as archive:
                assert archive.testzip() is None
                assert all(one.compress_type == 0 and one.date_time == (2026, 11, 27, 12, 8, 56) for one in archive.infolist())
                assert all(one.flag_bits == 0 and not one.extra and not one.comment for one in archive.infolist())
                print(len(archive.namelist()))
            """
        let count = OpenedPack(try school.zip(try school.contents())).files.count
        #expect(try run("/usr/bin/python3", ["-c", script, zip.path], in: folder) == "\(count)\n")
        _ = try run("/usr/bin/unzip", ["-tq", zip.path], in: folder)
        _ = try run("/usr/bin/unzip", ["-q", zip.path], in: folder)
        let unpacked = folder.url.appending(path: "pack-PM-7K2M9Q4C")
        _ = try run(
            "/usr/bin/sha256sum", ["--check", "--strict", "--quiet", "SHA256SUMS"], in: folder, below: unpacked)
        let name = "ledger/\(school.permission)"
        let said = try run(
            "/usr/bin/openssl",
            [
                "pkeyutl", "-verify", "-pubin", "-inkey", "\(name).key.pem", "-rawin", "-in", "\(name).message",
                "-sigfile", "\(name).sig",
            ], in: folder, below: unpacked)
        #expect(said.contains("Signature Verified Successfully"))
    }

    @Test func `A size or a place that 32 bits do not hold stands in a ZIP64 field, and only that`() throws {
        let large: UInt64 = 5 << 30
        let entries = [
            ZipEntry(name: "a", size: 1, crc32: 1), ZipEntry(name: "b", size: large, crc32: 2),
            ZipEntry(name: "c", size: 0xffff_fffe, crc32: 3),
        ]
        let layout = ZipLayout(entries, date: ZipDate(SmallSchool.made))
        #expect(layout.header(at: 0).count == 31)
        #expect(layout.header(at: 1).count == 51)
        #expect(Array(layout.header(at: 1)[18..<26]) == [UInt8](repeating: 0xff, count: 8))
        #expect(
            Array(layout.header(at: 1)[31..<51]) == [1, 0, 16, 0, 0, 0, 0, 64, 1, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0, 0])
        #expect(layout.header(at: 2).count == 31)
        #expect(layout.offsets == [0, 32, 32 + 51 + large])
        #expect(layout.directoryOffset == 32 + 51 + large + 31 + 0xffff_fffe)
        // Records: nothing; both sizes; the place. Then the end, twice.
        #expect(layout.directory.count == 47 + (47 + 20) + (47 + 12) + 56 + 20 + 22)
        let plain = ZipLayout(Array(entries.prefix(1)), date: ZipDate(SmallSchool.made))
        #expect(plain.directory.count == 47 + 22)
        let edge = ZipLayout([ZipEntry(name: "a", size: 0xffff_ffff, crc32: 1)], date: ZipDate(SmallSchool.made))
        #expect(edge.header(at: 0).count == 51)
    }

    @Test func `More files than 16 bits count are read by Python`() throws {
        let names = (0..<65_535).map { String(100_000 + $0) }
        let layout = ZipLayout(
            names.map { ZipEntry(name: $0, size: 0, crc32: 0) }, date: ZipDate(Timestamp(milliseconds: 0)))
        let folder = try Folder()
        let zip = folder.url.appending(path: "many.zip")
        var bytes: [UInt8] = []
        for place in names.indices { bytes += layout.header(at: place) }
        try Data(bytes + layout.directory).write(to: zip)
        let script = "import sys, zipfile; print(len(zipfile.ZipFile(sys.argv[1]).namelist()))"
        #expect(try run("/usr/bin/python3", ["-c", script, zip.path], in: folder) == "65535\n")
    }

    @Test(
        arguments: [
            (0, 0x0021, 0), (315_532_800_000, 0x0021, 0), (951_782_399_999, 0x285c, 0xbf7d),
            (951_782_400_000, 0x285d, 0), (1_709_164_800_000, 0x585d, 0), (4_354_819_199_000, 0xff9f, 0xbf7d),
            (1 << 53, 0xff9f, 0xbf7d),
        ] as [(Int64, UInt16, UInt16)])
    func `A time is a date of ZIP, in UTC`(milliseconds: Int64, date: UInt16, time: UInt16) {
        let written = ZipDate(Timestamp(milliseconds: milliseconds))
        #expect(written.date == date)
        #expect(written.time == time)
    }
}

/// A folder that is gone with the test; or one below STRONGROOM_TEST_PACKS, which stays.
private final class Folder {
    let url: URL
    private let stays: Bool

    init() throws {
        let kept = ProcessInfo.processInfo.environment["STRONGROOM_TEST_PACKS"]
        stays = kept != nil
        url = URL(filePath: kept ?? NSTemporaryDirectory()).appending(path: "packs-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { if !stays { try? FileManager.default.removeItem(at: url) } }
}

/// What a program says; that it fails is a failure of the test.
private func run(_ program: String, _ arguments: [String], in folder: Folder, below: URL? = nil) throws -> String {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.currentDirectoryURL = below ?? folder.url
    (process.standardOutput, process.standardError) = (pipe, pipe)
    try process.run()
    let said = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(program) \(arguments): \(said)")
    return said
}
