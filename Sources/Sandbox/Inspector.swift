import Glibc
public import Inspection

/// Looks at documents outside this process: every parser and renderer runs in bubblewrap, without network, vault or
/// anything to write to, and reaches a document only through its memory file.
///
/// Verdicts come from long-lived workers, one document at a time each; pictures, and the text of a PDF, from one short
/// run each. All calls block, and may come from any thread. A crash, hang or bomb costs that one document a refusal.
public final class Inspector: Sendable {
    private struct Renderers {
        var running = 0
        var isClosed = false
    }

    private let bubblewrap: Bubblewrap
    private let program: String
    private let seconds: Double
    let secondsOfPage: Double
    private let workers: Workers
    private let renderers = Guarded(Renderers())

    /// Starts the first worker and has it try what the sandbox forbids.
    ///
    /// - Parameters:
    ///   - program: where `strongroom-inspector` is.
    ///   - forbidden: paths no document's parser may reach: the vault, its secrets.
    ///   - seconds: the most time one document may take.
    ///   - secondsOfPage: the most time the text of one page may take to be recognised.
    ///   - workers: the most inspectors at work at once; one more is kept ready.
    /// - Throws: `unavailable` where the sandbox is not there, or something it forbids succeeded.
    public init(
        program: String, forbidden: [String] = [], bubblewrap: String = "/usr/bin/bwrap", seconds: Double = 15,
        secondsOfPage: Double = 60, workers: Int = 2
    ) throws(SandboxError) {
        let bubblewrap = Bubblewrap(program: bubblewrap)
        self.bubblewrap = bubblewrap
        self.program = program
        self.seconds = seconds
        self.secondsOfPage = secondsOfPage
        self.workers = try Workers(most: workers) { () throws(SandboxError) in
            try Worker(bubblewrap, inspector: program, forbidden: forbidden)
        }
    }

    /// Judges a sealed document. The worker says what it saw; the verdict and its words are made here.
    ///
    /// A worker that crashes, hangs or says what no inspector says is a refusal of this document. One that met a
    /// document that was not accepted sees no other: the next document gets another worker.
    ///
    /// - Throws: `unavailable` where no worker can be started: the document waits.
    public func inspect(
        _ file: borrowing MemoryFile, _ request: InspectionRequest
    ) throws(SandboxError) -> Verdict {
        guard file.isSealed else { throw .unsealed }
        let size = file.count
        if let verdict = Verdict(ofSize: size, request) { return verdict }
        let result = try ask(Order(count: size, request: request), file) { answer -> (Verdict, isSound: Bool)? in
            guard answer.text == nil, let observation = answer.observation,
                let verdict = Verdict(of: observation, size: size, request)
            else { return nil }
            return (verdict, isSound: verdict.outcome == .accepted)
        }
        switch result {
        case .success(let verdict): return verdict
        case .failure(.timedOut): return .timedOut
        case .failure: return .crashed
        }
    }

    /// The text of a sealed, accepted document, at most 1 MiB of it: pages of a PDF, counted from 1, or the whole of a
    /// DOCX, EML or plain text. Pictures have none.
    public func text(
        of file: borrowing MemoryFile, mediaType: String, pages: ClosedRange<Int>
    ) throws(SandboxError) -> String {
        guard file.isSealed else { throw .unsealed }
        if mediaType == "application/pdf" {
            guard pages.lowerBound >= 1 else { throw .outOfRange }
            let command = [
                "pdftotext", "-q", "-enc", "UTF-8", "-nopgbrk", "-f", "\(pages.lowerBound)", "-l",
                "\(pages.upperBound)", "/proc/self/fd/3", "-",
            ]
            return wholeCharacters(try render(command, file, maximumOutput: Self.mostText, cuts: true))
        }
        let result = try ask(Order(count: file.count, textOf: mediaType), file) { answer -> (String, isSound: Bool)? in
            guard answer.observation == nil, let text = answer.text, text.utf8.count <= Self.mostText else {
                return nil
            }
            return (text, isSound: true)
        }
        switch result {
        case .success(let text): return text
        case .failure(.timedOut): throw .timedOut
        case .failure: throw .crashed
        }
    }

    /// A JPEG picture of one page of a sealed, accepted document: PDF by poppler, TIFF, JPEG, PNG and HEIC by libvips.
    ///
    /// A task that is cancelled meanwhile waits no longer, and its program is ended.
    ///
    /// - Parameters:
    ///   - page: counted from 1.
    ///   - width: in pixels, 100 to 3000; a picture with fewer pixels is not enlarged.
    /// - Throws: `outOfRange`; `noPictures` for text, DOCX and EML; `tooLarge` above 64 MiB; `timedOut`; `abandoned`;
    ///   `crashed` where the page cannot be drawn.
    public func picture(
        of file: borrowing MemoryFile, mediaType: String, page: Int, width: Int
    ) throws(SandboxError) -> [UInt8] {
        guard file.isSealed else { throw .unsealed }
        guard (100...3000).contains(width), (1...1_000_000).contains(page) else { throw .outOfRange }
        let command: [String]
        let vips = ["--size", "\(width)x>", "--export-profile", "srgb", "-o", ".jpg[Q=85,strip,background=255]"]
        switch mediaType {
        case "application/pdf":
            command = [
                "pdftoppm", "-q", "-jpeg", "-jpegopt", "quality=85", "-f", "\(page)", "-l", "\(page)", "-singlefile",
                "-scale-to-x", "\(width)", "-scale-to-y", "-1", "/proc/self/fd/3",
            ]
        case "image/tiff", "image/heic": command = ["vipsthumbnail", "/proc/self/fd/3[page=\(page - 1)]"] + vips
        case "image/jpeg", "image/png":
            guard page == 1 else { throw .outOfRange }
            command = ["vipsthumbnail", "/proc/self/fd/3"] + vips
        default: throw .noPictures
        }
        let bytes = try render(command, file, maximumOutput: 64 << 20, cuts: false)
        // poppler ends with success and nothing where there is no such page.
        guard !bytes.isEmpty else { throw .outOfRange }
        guard bytes.starts(with: [0xff, 0xd8, 0xff]) else { throw .crashed }
        return bytes
    }

    /// Ends the workers. Later calls throw `unavailable`.
    public func shutdown() {
        workers.close()
        renderers.change { $0.isClosed = true }
    }

    /// How many inspectors are at work, and how many ready.
    public var workersNow: (busy: Int, ready: Int) { workers.now }

    /// Whether documents can be looked at.
    public var isAtWork: Bool { workers.isAtWork }

    /// bubblewrap's process of the worker used last, for tests that stop or kill it.
    package var workerProcess: Int32? { workers.lastProcess }

    /// bubblewrap's processes of the workers that are ready, for tests.
    package var readyProcesses: [Int32] { workers.idleProcesses }

    /// Runs a program of `/usr/bin` as renderers are run, for tests that try what a renderer must not.
    package func runAsRenderer(_ command: [String], on file: borrowing MemoryFile) throws(SandboxError) -> [UInt8] {
        try render(command, file, maximumOutput: 1 << 20, cuts: false)
    }

    private static let mostText = 1 << 20

    /// Has a worker answer, another one where it was gone already. `read` gives nil for what no inspector answers.
    func ask<Reply>(
        _ order: Order, _ file: borrowing MemoryFile, _ read: (Answer) -> (Reply, isSound: Bool)?
    ) throws(SandboxError) -> Result<Reply, Worker.Failure> {
        guard file.isSealed else { throw .unsealed }
        // All that were ready may be gone, and some ended since; more than that is no accident.
        for _ in 0..<8 {
            let worker = try workers.take()
            do throws(Worker.Failure) {
                let answer = try worker.answer(order, file, seconds: seconds)
                guard let (reply, isSound) = read(answer) else { throw .crashed }
                workers.giveBack(isSound && !answer.retire ? worker : nil)
                return .success(reply)
            } catch {
                workers.giveBack(nil)
                guard case .goneBefore = error else { return .failure(error) }
            }
        }
        throw .unavailable(reason: "the inspector ends as soon as it has started")
    }

    func render(
        _ command: [String], _ file: borrowing MemoryFile, maximumOutput: Int, cuts: Bool
    ) throws(SandboxError) -> [UInt8] {
        try takeTurn()
        defer { endTurn() }
        return try Tool(bubblewrap: bubblewrap, seconds: seconds, maximumOutput: maximumOutput, cuts: cuts)
            .run(command, on: file)
    }

    /// A run of a program, that takes no renderer's turn by itself: where nobody waits at a screen, none.
    func tool(seconds: Double, maximumOutput: Int) -> Tool {
        Tool(bubblewrap: bubblewrap, seconds: seconds, maximumOutput: maximumOutput, cuts: false)
    }

    /// Runs a renderer whose result is a memory file, sealed.
    func draw(
        _ command: [String], _ file: borrowing MemoryFile, maximumOutput: Int
    ) throws(SandboxError) -> MemoryFile {
        try takeTurn()
        defer { endTurn() }
        var drawn = try Tool(bubblewrap: bubblewrap, seconds: seconds, maximumOutput: maximumOutput, cuts: false)
            .make(command, from: [file.descriptor])
        try drawn.seal()
        return drawn
    }

    /// Has the inspector's own program write pages of a document, as renderers are run, with both files given.
    func drawPages(
        of file: borrowing MemoryFile, named pages: borrowing MemoryFile, maximumOutput: Int
    ) throws(SandboxError) -> MemoryFile {
        try takeTurn()
        defer { endTurn() }
        var tool = Tool(bubblewrap: bubblewrap, seconds: seconds, maximumOutput: maximumOutput, cuts: false)
        tool.readOnly = [(program, "/strongroom-inspector")]
        var drawn = try tool.make(["/strongroom-inspector"], from: [file.descriptor, pages.descriptor])
        try drawn.seal()
        return drawn
    }

    /// Waits until a renderer may run: two at once at the most, for more would only be slower on the school's machine, and each
    /// may use memory.
    func takeTurn() throws(SandboxError) {
        var mayRun: Bool?
        repeat {
            guard !Task.isCancelled else { throw .abandoned }
            mayRun = renderers.wait(seconds: Tool.secondsBetweenLooks) { renderers -> Bool? in
                if renderers.isClosed { return false }
                guard renderers.running < 2 else { return nil }
                renderers.running += 1
                return true
            }
        } while mayRun == nil
        guard mayRun == true else { throw .unavailable(reason: "the inspector was shut down") }
    }

    func endTurn() { renderers.change { $0.running -= 1 } }

    /// Text without the half character that a cut may leave at its end.
    private func wholeCharacters(_ bytes: [UInt8]) -> String {
        var bytes = bytes[...]
        if bytes.count == Self.mostText {
            while let last = bytes.last, last & 0xc0 == 0x80 { bytes.removeLast() }
            if let last = bytes.last, last >= 0xc0 { bytes.removeLast() }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
