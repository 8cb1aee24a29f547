import FoundationEssentials
import Glibc
import Inspection
import Sandbox
import Testing

/// The program beside the tests' own, in the build directory.
let program: String = {
    var path = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &path, path.count - 1)
    let own = String(decoding: path[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return own.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/strongroom-inspector"
}()

func fixture(_ name: String) throws -> [UInt8] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    return [UInt8](try Data(contentsOf: root.appending(path: "fixtures/hostile/\(name)")))
}

func sealed(_ bytes: [UInt8]) throws(SandboxError) -> MemoryFile {
    var file = try MemoryFile()
    try file.append(bytes)
    try file.seal()
    return file
}

let accepted: [AcceptedType] = [
    AcceptedType(mediaType: "application/pdf", extensions: ["pdf"], maximumBytes: 1 << 31, maximumPages: 5000),
    AcceptedType(mediaType: "text/plain", extensions: ["txt"], maximumBytes: 1 << 20),
    AcceptedType(mediaType: "message/rfc822", extensions: ["eml"], maximumBytes: 1 << 20),
]

func request(_ ending: String, text: Bool = false) -> InspectionRequest {
    InspectionRequest(fileExtension: ending, declaredType: nil, accepted: accepted, wantText: text)
}

/// The innermost process of a sandbox: the inspector itself.
func innermost(_ process: pid_t) -> pid_t {
    var process = process
    while let data = try? Data(contentsOf: URL(filePath: "/proc/\(process)/task/\(process)/children")),
        let child = String(decoding: data, as: UTF8.self).split(separator: " ").first.flatMap({ pid_t($0) })
    {
        process = child
    }
    return process
}

@Suite struct InspectorTests {
    @Test func `A verdict from the sandbox is the verdict itself`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        let bytes = try fixture("good/three-pages.pdf")
        let magic = try MagicDatabase()
        let direct = bytes.withUnsafeBytes { inspect($0, request("pdf"), magic: magic) }
        #expect(try inspector.inspect(sealed(bytes), request("pdf")) == direct)
        #expect(direct.outcome == .accepted && direct.pages == 3)
        #expect(try inspector.inspect(sealed([]), request("pdf")).code == "type.empty")
        #expect(try inspector.inspect(sealed(fixture("javascript.pdf")), request("pdf")).outcome == .quarantined)
        #expect(
            try inspector.inspect(sealed(fixture("good/notes.txt")), request("txt", text: true)).text?.isEmpty == false)
    }

    @Test func `A worker killed in the middle costs that document a refusal, and the next gets a new one`() throws {
        let inspector = try Inspector(program: program, workers: 1)
        defer { inspector.shutdown() }
        let worker = innermost(try #require(inspector.workerProcess))
        // Stopped, it takes the document and does not answer; then it is killed.
        #expect(kill(worker, SIGSTOP) == 0)
        let killer = Thread {
            usleep(200_000); kill(worker, SIGKILL)
        }
        let verdict = try inspector.inspect(sealed(fixture("good/letter.pdf")), request("pdf"))
        killer.join()
        #expect(verdict.outcome == .refused && verdict.code == "inspection.crashed")
        #expect(try inspector.inspect(sealed(fixture("good/letter.pdf")), request("pdf")).outcome == .accepted)
    }

    @Test func `A worker killed between documents costs none`() throws {
        let inspector = try Inspector(program: program, workers: 1)
        defer { inspector.shutdown() }
        kill(try #require(inspector.workerProcess), SIGKILL)
        usleep(300_000)
        #expect(try inspector.inspect(sealed(fixture("good/letter.pdf")), request("pdf")).outcome == .accepted)
    }

    @Test func `A worker that hangs is ended at its time, and costs that document a refusal`() throws {
        let inspector = try Inspector(program: program, seconds: 0.5, workers: 1)
        defer { inspector.shutdown() }
        let worker = innermost(try #require(inspector.workerProcess))
        #expect(kill(worker, SIGSTOP) == 0)
        let verdict = try inspector.inspect(sealed(fixture("good/letter.pdf")), request("pdf"))
        #expect(verdict.outcome == .refused && verdict.code == "inspection.timed-out")
        #expect(try inspector.inspect(sealed(fixture("good/letter.pdf")), request("pdf")).outcome == .accepted)
        usleep(300_000)
        #expect(kill(worker, 0) != 0, "nothing of it is left")
    }

    @Test(arguments: ["javascript.pdf", "cut-short.pdf", "bytes-after.pdf", "jpeg-named.pdf"])
    func `A worker that met a document that was not accepted sees no other`(_ name: String) throws {
        let inspector = try Inspector(program: program, workers: 1)
        defer { inspector.shutdown() }
        #expect(try inspector.inspect(sealed(fixture("good/letter.pdf")), request("pdf")).outcome == .accepted)
        let trusted = try #require(inspector.workerProcess)
        #expect(try inspector.inspect(sealed(fixture("good/letter.pdf")), request("pdf")).outcome == .accepted)
        #expect(inspector.workerProcess == trusted, "who met only sound documents goes on")
        #expect(try inspector.inspect(sealed(fixture(name)), request("pdf")).outcome != .accepted)
        let suspect = try #require(inspector.workerProcess)
        usleep(300_000)
        #expect(kill(suspect, 0) != 0, "nothing of it is left")
        #expect(try inspector.inspect(sealed(fixture("good/letter.pdf")), request("pdf")).outcome == .accepted)
        #expect(inspector.workerProcess != suspect && !inspector.readyProcesses.contains(suspect))
    }

    @Test func `Another worker is ready before one is thrown away, and is replaced in the background`() throws {
        let inspector = try Inspector(program: program, workers: 1)
        defer { inspector.shutdown() }
        #expect(try inspector.inspect(sealed(fixture("good/letter.pdf")), request("pdf")).outcome == .accepted)
        while inspector.readyProcesses.count < 2 { usleep(10_000) }
        let ready = inspector.readyProcesses
        #expect(try inspector.inspect(sealed(fixture("javascript.pdf")), request("pdf")).outcome == .quarantined)
        #expect(try inspector.inspect(sealed(fixture("good/letter.pdf")), request("pdf")).outcome == .accepted)
        #expect(ready.contains(try #require(inspector.workerProcess)), "it ran before it was needed")
        while inspector.readyProcesses.count < 2 { usleep(10_000) }
        #expect(!inspector.readyProcesses.allSatisfy(ready.contains))
    }

    @Test func `A worker outlives the thread that started it`() throws {
        // Held outside: the thread is gone before the inspector is used.
        nonisolated(unsafe) var inspector: Inspector?
        Thread { inspector = try? Inspector(program: program) }.join()
        usleep(200_000)
        let started = try #require(inspector)
        defer { started.shutdown() }
        let process = try #require(started.workerProcess)
        #expect(try started.inspect(sealed(fixture("good/letter.pdf")), request("pdf")).outcome == .accepted)
        #expect(started.workerProcess == process)
    }

    @Test func `Shutting down leaves no process behind`() throws {
        let inspector = try Inspector(program: program)
        let worker = innermost(try #require(inspector.workerProcess))
        inspector.shutdown()
        usleep(300_000)
        #expect(kill(worker, 0) != 0)
        #expect(throws: SandboxError.self) { try inspector.inspect(sealed([1]), request("pdf")) }
    }

    @Test func `No sandbox means waiting, not a verdict`() {
        #expect(throws: SandboxError.self) { try Inspector(program: program, bubblewrap: "/nonexistent/bwrap") }
        #expect(throws: SandboxError.self) { try Inspector(program: program, bubblewrap: "/bin/false") }
        #expect(throws: SandboxError.self) { try Inspector(program: "/nonexistent/inspector") }
    }

    @Test func `An inspector that could reach what it must not is not used`() throws {
        #expect(
            throws: SandboxError.unavailable(reason: "the sandbox does not hold: a path of the vault can be opened")
        ) {
            try Inspector(program: program, forbidden: ["/usr/lib"])
        }
        // A vault in any other place cannot be seen from inside.
        let folder = FileManager.default.temporaryDirectory.appending(path: "strongroom-\(getpid())-vault")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Inspector(program: program, forbidden: [folder.path]).shutdown()
    }

    @Test func `The sandbox has nothing of the machine but programs`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        let worker = innermost(try #require(inspector.workerProcess))
        let status = String(decoding: try Data(contentsOf: URL(filePath: "/proc/\(worker)/status")), as: UTF8.self)
        for line in ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
            #expect(status.contains(line))
        }
        // The kernel lets root alone look at what a confined process was given and sees.
        guard geteuid() == 0 else {
            #expect(throws: (any Error).self) { try Data(contentsOf: URL(filePath: "/proc/\(worker)/environ")) }
            return
        }
        let environment = try Data(contentsOf: URL(filePath: "/proc/\(worker)/environ"))
        #expect(String(decoding: environment, as: UTF8.self).replacing("PWD=/\0", with: "").isEmpty)
        let root = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(worker)/root")
        #expect(!root.contains("proc") && !root.contains("home") && !root.contains("var") && root.contains("usr"))
        for space in ["net", "pid", "mnt", "user", "ipc", "uts"] {
            let inside = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(worker)/ns/\(space)")
            #expect(try inside != FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(space)"))
        }
    }

    @Test func `Several threads are served at once`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        let bytes = try fixture("good/letter.pdf")
        let threads = (0..<4).map { _ in
            Thread {
                for _ in 0..<25 {
                    let verdict = try? inspector.inspect(sealed(bytes), request("pdf"))
                    #expect(verdict?.outcome == .accepted)
                }
            }
        }
        for thread in threads { thread.join() }
    }

    @Test func `An unsealed document is not looked at`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        #expect(throws: SandboxError.unsealed) {
            var file = try MemoryFile()
            try file.append([1, 2, 3])
            _ = try inspector.inspect(file, request("pdf"))
        }
    }
}

@Suite struct PictureTests {
    @Test(arguments: [
        ("three-pages.pdf", "application/pdf", 3), ("three-pages.tiff", "image/tiff", 3),
        ("photograph.jpg", "image/jpeg", 1), ("page.png", "image/png", 1), ("photograph.heic", "image/heic", 1),
        ("two-pictures.heif", "image/heic", 2),
    ])
    func `Each page is shown as a picture`(_ row: (file: String, mediaType: String, pages: Int)) throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        let file = try sealed(fixture("good/\(row.file)"))
        for page in 1...row.pages {
            let picture = try inspector.picture(of: file, mediaType: row.mediaType, page: page, width: 400)
            #expect(picture.starts(with: [0xff, 0xd8, 0xff]))
        }
        #expect(throws: SandboxError.self) {
            let file = try sealed(fixture("good/\(row.file)"))
            _ = try inspector.picture(of: file, mediaType: row.mediaType, page: row.pages + 1, width: 400)
        }
    }

    @Test(arguments: [(1, 99), (1, 3001), (0, 400)])
    func `A page or width out of bounds is not drawn`(_ page: Int, _ width: Int) throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        #expect(throws: SandboxError.outOfRange) {
            let file = try sealed(fixture("good/letter.pdf"))
            _ = try inspector.picture(of: file, mediaType: "application/pdf", page: page, width: width)
        }
    }

    @Test func `What cannot be drawn is an error of that document`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        #expect(throws: SandboxError.crashed) {
            _ = try inspector.picture(of: try sealed([1, 2, 3]), mediaType: "image/png", page: 1, width: 400)
        }
        #expect(throws: SandboxError.noPictures) {
            _ = try inspector.picture(of: try sealed([1, 2, 3]), mediaType: "text/plain", page: 1, width: 400)
        }
    }

    @Test func `Who no longer waits has nothing drawn for them`() async throws {
        let inspector = try Inspector(program: program, seconds: 600)
        defer { inspector.shutdown() }
        // Two that take longer than any test, as many as are run at once, and one that waits for its turn.
        let asked = (0..<3).map { _ in
            Task.detached { try inspector.runAsRenderer(["/usr/bin/sleep", "599"], on: sealed([1, 2, 3])) }
        }
        // From a thread of its own: what blocks has the tasks' threads.
        Thread {
            for _ in 0..<1200 where asleep() < 1 { usleep(50_000) }
            #expect(asleep() > 0)
            for task in asked { task.cancel() }
        }.join()
        for task in asked {
            await #expect(throws: SandboxError.abandoned) { try await task.value }
        }
        let picture = try inspector.picture(
            of: sealed(fixture("good/page.png")), mediaType: "image/png", page: 1, width: 400)
        #expect(!picture.isEmpty)
    }

    @Test func `A Word document is laid out as pages, with its own words`() throws {
        try #require(Inspector.drawsWord, "LibreOffice is not installed: scripts/bootstrap --for test")
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        let word = try inspector.pages(ofWord: sealed(fixture("../scans/agency-meeting-2017-09-19.docx")))
        #expect(word.count == 1)
        let picture = try inspector.picture(of: word.pdf, mediaType: "application/pdf", page: 1, width: 400)
        #expect(picture.starts(with: [0xff, 0xd8, 0xff]))
        let text = try inspector.text(of: word.pdf, mediaType: "application/pdf", pages: 1...1)
        #expect(text.contains("Team around the family: notes of meeting"))
        #expect(throws: SandboxError.unsealed) {
            var file = try MemoryFile()
            try file.append([1, 2, 3])
            _ = try inspector.pages(ofWord: file)
        }
    }

    @Test func `What comes of laying out is looked at as any other file`() throws {
        try #require(Inspector.drawsWord, "LibreOffice is not installed: scripts/bootstrap --for test")
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        // Given as it is never given: a Word document that is none. It is refused, or laid out as the text that it is.
        #expect(throws: SandboxError.crashed) {
            _ = try inspector.pages(ofWord: sealed(fixture("good/page.png").prefix(60) + fixture("good/scan.tif")))
        }
    }

    @Test func `Text comes from the pages asked for`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        let file = try sealed(fixture("good/three-pages.pdf"))
        let text = try inspector.text(of: file, mediaType: "application/pdf", pages: 2...3)
        #expect(!text.contains("page 1") && text.contains("page 2") && text.contains("page 3"))
        let mail = try sealed(fixture("good/plain.eml"))
        #expect(try inspector.text(of: mail, mediaType: "message/rfc822", pages: 1...1).contains("Nothing happened."))
    }
}

/// How many programs are run that only sleep: the sandboxes' own, beside bubblewrap with the same words among its arguments.
private func asleep() -> Int {
    let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return processes.count { process in
        guard Int(process) != nil, let words = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else {
            return false
        }
        return words == Data("/usr/bin/sleep\0599\0".utf8)
    }
}

/// A thread of its own, to be joined.
struct Thread {
    private let thread: pthread_t

    init(_ body: @escaping @Sendable () -> Void) {
        final class Box {
            let body: @Sendable () -> Void; init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { argument in
                // The pointer is the retained box of this one thread.
                if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            }, Unmanaged.passRetained(Box(body)).toOpaque())
        self.thread = thread
    }

    func join() { pthread_join(thread, nil) }
}
