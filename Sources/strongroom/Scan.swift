public import ArgumentParser
import CLinux
import Custody
import Dispatch
import Foundation
import Glibc
import Records
import Scanning
import Sealing

/// `strongroom scan`
struct ScanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scan",
        abstract: "Scan paper on this computer's scanner, into your open batch of paper or as one document.",
        discussion: """
            Pages go from the scanner through memory into the vault; nothing is written elsewhere. The feeder is scanned until \
            it is empty. Where anything goes wrong on the way, such as a jam or Ctrl-C, nothing is kept and nothing is filed.

            Without a pupil the pages go to the desk of the batch of paper that you have open, where they are split at the \
            sheets between them. With --pupil, --category, --date and --details they are filed as one document, and its \
            receipt is printed. Its file is called scan.tif: a line of --details says its summary, as \
            {"file":"scan.tif","summary":"…"}.

            Exit codes: 0 kept or filed, 1 the scanner failed or the scan was cancelled, 3 refused, 5 the vault cannot check the file \
            yet and keeps it, 64 usage.
            """)

    @Flag(help: "Only list the scanners that are found.")
    var list = false
    @Option(help: "The scanner's name, as --list shows it (default: the only one).")
    var device: String?
    @Option(help: "Where the paper is: feeder, duplex (both sides) or flatbed (default: the feeder, if there is one).")
    var source: ScannerSource?
    @Option(help: "Dots an inch.")
    var resolution = 300
    @Option(help: "bw, grey, grey16 or colour.")
    var mode: ScannerMode = .grey
    @Option(help: "Scan so many pages at the most; from the flatbed, ask for each after the first.")
    var pages: Int?
    @OptionGroup var vault: VaultOptions
    @Option(name: .customLong("as"), help: "The name of the person who acts; password and code are asked for.")
    var name: String?
    @Option(help: "Read {\"password\":…,\"code\":…} from this descriptor instead of asking.")
    var secretsFd: Int32?
    @Option(help: "The pupil's reference, such as P-7F3KQ.")
    var pupil: String?
    @Option(help: "The category's id in policies/categories.yaml.")
    var category: String?
    @Option(help: "The document's own date: 2009-03-04, 2009-03, 2009, a range with /, or undated.")
    var date: String?
    @OptionGroup var said: SaidOptions
    @Flag(help: "File what you filed for this pupil before, too.")
    var again = false
    @Flag(help: "Answer as JSON.")
    var json = false

    func validate() throws {
        guard !list else { return }
        guard name != nil else { throw ValidationError("Say --as, or --list to see the scanners.") }
        let document = [
            ("--pupil", pupil), ("--category", category), ("--date", date), ("--details", said.details),
        ]
        let missing = document.filter { $0.1 == nil }.map(\.0)
        guard missing.isEmpty || missing.count == document.count else {
            throw ValidationError("A document needs \(missing.joined(separator: " and ")), too.")
        }
        guard (1...4800).contains(resolution) else { throw ValidationError("--resolution takes 1 to 4800.") }
        guard pages.map({ $0 > 0 }) ?? true else { throw ValidationError("--pages takes a number from 1.") }
    }

    func run() throws {
        // Before any page or key is in memory.
        ProcessHardening.disableCoreDumps()
        _ = strongroom_overwrite_freed_memory()
        let scanned = ScannedPages()
        do { if list { try listScanners() } else { try scan(scanned) } } catch let error as ScannerError {
            let refusal = error.refusal(after: scanned.count)
            if list {
                Terminal.explain(refusal)
            } else {
                try FilingReport(json: json).failed(Self.file, refusal, isRefusal: false)
            }
            throw Stop(code: 1)
        }
    }

    private static let file = "scan.tif"

    /// How many pages there were when something went wrong.
    private final class ScannedPages { var count = 0 }

    private func listScanners() throws {
        struct Line: Encodable { let device, vendor, model, kind: String }
        let devices = try Scanners.ask().devices()
        for one in devices {
            if json {
                try Terminal.json(Line(device: one.name, vendor: one.vendor, model: one.model, kind: one.kind))
            } else {
                Terminal.say("\(visible(one.name)): \(visible(one.title)), \(visible(one.kind))")
            }
        }
        if devices.isEmpty && !json { Terminal.say("No scanner was found.", to: .standardError) }
    }

    private func scan(_ scanned: ScannedPages) throws {
        guard let name else { return }
        let document = try category.flatMap { category in
            try date.map { try said.file(named: Self.file, category: category, date: $0) }
        }
        // What the scanner cannot do is said before anybody is asked for a password.
        let scanners = try Scanners.ask()
        // SANE is left with the process: to unload a driver that has ended its own thread at any instruction may take for ever.
        _ = Unmanaged.passRetained(scanners)
        let scanner = try scanners.open(device)
        let profile = try scanner.set(ScanSettings(source: source, resolution: resolution, mode: mode))
        if profile.isSmallerThanA4 {
            Terminal.say(
                "note: the scanner takes \(Int(profile.width)) by \(Int(profile.height)) mm of a page, less than A4.",
                to: .standardError)
        }
        var filer = DocumentFiler(FilingReport(json: json), again: again)
        try ActingOptions.acting(as: name, secretsFd: secretsFd, at: vault) { vault, acting in
            // Who may not do this is told before paper moves.
            var reception = try begin(vault, acting)
            let interruption = Interruption()
            defer { interruption.end() }
            let stack = try stack(of: scanner, profile, vault.policies.fileTypes, interruption.stop, scanned)
            let descriptor = try stack.finish()
            defer { withExtendedLifetime(stack) {} }
            let result: Result<Received, VaultError>
            do throws(VaultError) {
                try reception.append(allOf: descriptor) { _ in }
                result = .success(try reception.finish())
            } catch {
                result = .failure(error)
            }
            // The last moment at which nothing has happened.
            guard interruption.stop.settle() else { throw ScannerError.cancelled }
            guard let document else {
                // Kept already while its pages are read: from then on a signal ends the reading.
                try keep(result.get(), profile, vault, acting) { interruption.end() }
                return
            }
            try DocumentFiler.inBatch(vault, acting) {
                try filer.add(result, of: document, vault, acting)
                try filer.file(vault, acting)
            }
        }
        if filer.worst != 0 { throw Stop(code: filer.worst) }
    }

    private func begin(_ vault: Vault, _ acting: Acting) throws -> Reception {
        guard let pupil else { return try vault.beginStack(filename: Self.file, as: acting) }
        let chosen = try vault.pupil(reference: pupil, as: acting)
        return try vault.beginUpload(
            UploadRequest(pupilFile: chosen.pupilFile, filename: Self.file, wantsProposal: false), as: acting)
    }

    /// Gives a stack to the desk, and waits until its pages are read, with the keys that are open now.
    private func keep(
        _ received: Received, _ profile: ScanProfile, _ vault: Vault, _ acting: Acting, isKept: () -> Void
    ) throws {
        struct Kept: Encodable {
            let file, stack, sha256: String
            let batch: String?
            let pages: Int?
            let size: UInt64
        }
        try vault.addStack(
            received, sides: profile.source == .duplex ? .both : .unknown, scanner: profile.text, as: acting)
        isKept()
        let batch = try vault.currentBatch(as: acting)
        if json {
            try Terminal.json(
                Kept(
                    file: Self.file, stack: received.upload.text, sha256: received.digest.hex, batch: batch?.id.text,
                    pages: received.inspected.pages, size: received.size))
        } else {
            let pages = received.inspected.pages ?? 1
            Terminal.say(
                """
                \(Self.file): \(pages) page\(pages == 1 ? "" : "s") at the desk of batch \(batch?.number ?? 0)
                  SHA-256 \(received.digest.hex)
                """)
        }
        while let batch {
            switch try vault.progress(of: vault.desk(of: batch.id, as: acting))[received.upload] {
            case .reading(let done, let all):
                Terminal.progress(done, of: all, "pages read")
                usleep(100_000)
            case .failed(let refusal):
                Terminal.say("note: its pages were not read yet. \(refusal.message)", to: .standardError)
                return
            case .read, nil: return
            }
        }
    }

    private func stack(
        of scanner: OpenScanner, _ profile: ScanProfile, _ types: FileTypePolicy, _ stop: ScanStop,
        _ scanned: ScannedPages
    ) throws(ScannerError) -> TIFFStack {
        let type = types.types.first { $0.extensions.contains("tif") }
        let stack = try TIFFStack(of: profile.scanner, limit: type?.largestBytes ?? 1 << 31)
        let progress = PageProgress(stack)
        defer {
            progress.clear()
            scanned.count = stack.pages
        }
        let most = type?.mostPages ?? 2000
        let isAsked = isatty(STDIN_FILENO) == 1 && pages != nil
        let result = try scanner.scan(
            profile, most: min(pages ?? most, most), stop: stop, into: progress,
            next: isAsked ? { Self.isLaid($0) && !stop.isStopped } : nil)
        if stop.isStopped { throw .cancelled }
        if !result.isEmpty && profile.source != .flatbed {
            // Nothing is left out without a word.
            guard result.pages == pages else { throw .tooManyPages(most) }
            Terminal.say(
                "note: \(result.pages) pages were scanned, as asked; what is still in the feeder was not.",
                to: .standardError)
        }
        return stack
    }

    private static func isLaid(_ page: Int) -> Bool {
        Terminal.clearLine()
        FileHandle.standardError.write(
            Data("Lay page \(page) on the glass and press Enter, or type end when there is none: ".utf8))
        guard let answer = readLine() else { return false }
        return answer.trimmingCharacters(in: .whitespaces).isEmpty
    }
}

/// Says on a terminal which page comes, and passes all on.
private final class PageProgress: PageTaker {
    private let stack: TIFFStack
    private let isShown = isatty(STDERR_FILENO) == 1
    private var lines = 0
    private var expected = 0

    init(_ stack: TIFFStack) { self.stack = stack }

    func begin(_ page: PageShape) throws(ScannerError) {
        (lines, expected) = (0, page.lines ?? 0)
        draw()
        try stack.begin(page)
    }

    func take(_ line: UnsafeMutableRawBufferPointer) throws(ScannerError) {
        try stack.take(line)
        lines += 1
        if lines % 200 == 0 { draw() }
    }

    func end() throws(ScannerError) { try stack.end() }

    func clear() { Terminal.clearLine() }

    private func draw() {
        guard isShown else { return }
        Terminal.drawLine(expected > 0 ? min(Double(lines) / Double(expected), 1) : 0, "page \(stack.pages + 1) …")
    }
}

/// Ctrl-C, and the end that a system asks for: the first stops the scan, a second one the program.
private final class Interruption {
    let stop = ScanStop()
    private var sources: [any DispatchSourceSignal] = []

    init() {
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [stop] in
                if stop.stop() {
                    Terminal.say("Cancelling the scan: nothing will be filed …", to: .standardError)
                } else if stop.isStopped {
                    _exit(1)
                } else {
                    Terminal.say("Too late to cancel: the pages are all here, and are being filed.", to: .standardError)
                }
            }
            source.resume()
            sources.append(source)
        }
    }

    /// From here on a signal does again what it does to every program.
    func end() {
        for source in sources { source.cancel() }
        for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
    }
}

extension ScannerSource: ExpressibleByArgument {}
extension ScannerMode: ExpressibleByArgument {}
