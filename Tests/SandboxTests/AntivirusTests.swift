import Foundation
import Sandbox
import Testing

/// The string that every virus scanner knows; in pieces, so that none finds this file.
let knownToScanners = Array(
    ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!", "$H+H*"].joined().utf8)

/// A directory with one signature that knows that string, removed when it goes.
final class Signatures: Sendable {
    let path = FileManager.default.temporaryDirectory.path + "/strongroom-signatures-" + UUID().uuidString

    init(isEmpty: Bool = false) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        if isEmpty { return }
        let hex = knownToScanners.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        try Data("Strongroom.Test:0:*:\(hex)\n".utf8).write(to: URL(filePath: path + "/test.ndb"))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Where scanners of this process have their sockets.
private func homes() -> Set<String> {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/dev/shm")) ?? []
    return Set(all.filter { $0.hasPrefix("strongroom-clamd-") })
}

@Suite(.serialized) struct AntivirusTests {
    let signatures: Signatures
    let scanner: Antivirus

    init() throws {
        signatures = try Signatures()
        scanner = Antivirus(
            Antivirus.Settings(program: "/usr/sbin/clamd", signatures: signatures.path, largest: 128 << 20))
    }

    @Test
    func `What a signature knows is found at the beginning and at the end of a large file, and nothing in a clean one`()
        throws
    {
        defer { scanner.shutdown() }
        let large = [UInt8](repeating: 0x20, count: 100 << 20)
        #expect(try scanner.scan(sealed(knownToScanners)) == .found("Strongroom.Test.UNOFFICIAL"))
        #expect(try scanner.scan(sealed(knownToScanners + large)) == .found("Strongroom.Test.UNOFFICIAL"))
        #expect(try scanner.scan(sealed(large + knownToScanners)) == .found("Strongroom.Test.UNOFFICIAL"))
        #expect(try scanner.scan(sealed(large)) == .clean)
        #expect(try scanner.scan(sealed(fixture("good/three-pages.pdf"))) == .clean)
        let open = try MemoryFile()
        #expect(throws: SandboxError.unsealed) { try scanner.scan(open) }
    }

    @Test func `What is over the scanner's limits was not scanned, whatever is in it`() throws {
        let small = Antivirus(
            Antivirus.Settings(program: "/usr/sbin/clamd", signatures: signatures.path, largest: 1 << 20))
        defer { small.shutdown() }
        let most = [UInt8](repeating: 0x20, count: 1 << 20)
        #expect(try small.scan(sealed(most)) == .clean)
        #expect(try small.scan(sealed(most + most)) == .skipped("Heuristics.Limits.Exceeded.MaxFileSize"))
        #expect(
            try small.scan(sealed(most + most + knownToScanners)) == .skipped("Heuristics.Limits.Exceeded.MaxFileSize"))
    }

    @Test func `Only the word OK is clean`() {
        #expect(Antivirus.finding("fd[10]: OK") == .clean)
        #expect(Antivirus.finding("fd[10]: Can't allocate memory ERROR") == .skipped("Can't allocate memory ERROR"))
        #expect(
            Antivirus.finding("fd[10]: Heuristics.Limits.Exceeded.MaxRecursion FOUND")
                == .skipped("Heuristics.Limits.Exceeded.MaxRecursion"))
        #expect(Antivirus.finding("fd[10]: A.\u{7}B-1 FOUND") == .found("A.B-1"))
        for other in ["", "fd[10]:", "fd[10]: ok", "fd[10]: OK OK", "UNKNOWN COMMAND", "OK FOUN"] {
            guard case .skipped = Antivirus.finding(other) else { return #expect(Bool(false), "\(other) is no answer") }
        }
    }

    @Test func `A scanner killed in the middle leaves that document unscanned, and the next has another`() throws {
        defer { scanner.shutdown() }
        #expect(try scanner.scan(sealed(fixture("good/letter.pdf"))) == .clean)
        let daemon = innermost(try #require(scanner.process))
        // Stopped, it takes the document and does not answer; then it is killed.
        #expect(kill(daemon, SIGSTOP) == 0)
        let killer = Thread {
            usleep(300_000)
            kill(daemon, SIGKILL)
        }
        #expect(throws: SandboxError.crashed) { try scanner.scan(sealed(knownToScanners)) }
        killer.join()
        #expect(try scanner.scan(sealed(knownToScanners)) == .found("Strongroom.Test.UNOFFICIAL"))
        #expect(innermost(try #require(scanner.process)) != daemon)
    }

    @Test func `A scanner that is not there, or has no signatures, is said to be so`() throws {
        func reason(_ program: String, _ directory: String) throws -> String {
            let scanner = Antivirus(Antivirus.Settings(program: program, signatures: directory, largest: 1 << 20))
            defer { scanner.shutdown() }
            do {
                _ = try scanner.scan(sealed([1]))
                return "it scans"
            } catch SandboxError.unavailable(let reason) { return reason }
        }
        #expect(try reason("/nonexistent/clamd", signatures.path) == "/nonexistent/clamd is not installed")
        let empty = try Signatures(isEmpty: true)
        #expect(try reason("/usr/sbin/clamd", empty.path).hasPrefix("there are no signatures in "))
        try Data("no signature\n".utf8).write(to: URL(filePath: empty.path + "/broken.ndb"))
        #expect(try reason("/usr/sbin/clamd", empty.path).hasPrefix("clamd does not start: "))
    }

    @Test func `It ends with whoever started it, and leaves nothing`() throws {
        let before = homes()
        _ = try scanner.scan(sealed([1]))
        let daemon = innermost(try #require(scanner.process))
        #expect(kill(daemon, 0) == 0 && homes().subtracting(before).count == 1)
        scanner.shutdown()
        var waited = 0
        while kill(daemon, 0) == 0 && waited < 100 {
            usleep(50_000)
            waited += 1
        }
        #expect(kill(daemon, 0) != 0 && homes().subtracting(before).isEmpty)
        #expect(throws: SandboxError.unavailable(reason: "the virus scanner was shut down")) {
            try scanner.scan(sealed([1]))
        }
    }

    @Test func `It can write into memory of its own alone, reaches no network, and dumps no core`() throws {
        defer { scanner.shutdown() }
        _ = try scanner.scan(sealed([1]))
        let proc = "/proc/\(innermost(try #require(scanner.process)))/"
        let mounts = try String(contentsOfFile: proc + "mountinfo", encoding: .utf8).split(separator: "\n")
            .map { $0.split(separator: " ") }
        let writable = mounts.filter { $0[5].split(separator: ",").contains("rw") }.map { String($0[4]) }
        #expect(
            Set(writable).isSubset(of: ["/unpacked", "/socket", "/proc", "/dev/null", "/dev/urandom"]), "\(writable)")
        let unpacked = try #require(mounts.first { $0[4] == "/unpacked" })
        #expect(unpacked[unpacked.firstIndex(of: "-")! + 1] == "tmpfs")
        let interfaces = try String(contentsOfFile: proc + "net/dev", encoding: .utf8).split(separator: "\n").dropFirst(
            2)
        #expect(interfaces.count == 1)
        let limits = try String(contentsOfFile: proc + "limits", encoding: .utf8).split(separator: "\n")
        let core = try #require(limits.first { $0.hasPrefix("Max core file size") }).split(separator: " ")
        #expect(core.dropFirst(4).prefix(2) == ["0", "0"])
    }
}
