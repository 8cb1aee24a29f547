import ArgumentParser
import CLinux
import Custody
import Dispatch
import Foundation
import Glibc
import Records
import Scanning
import Sealing

/// `strongroom watch`
struct WatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Watch a folder that a copier scans to, and put what comes into the vault's intake queue.",
        discussion: """
            Runs until it is stopped (Ctrl-C, or SIGTERM as systemd sends it), on the machine that has the vault and as \
            the user that owns it, beside strongroom serve or without it. FOLDER may be a share. Its files go in as a \
            scan station: make one with strongroom station add --name "Office copier" --intake, and give its token when \
            it is asked for, or as {"token":…} from --secrets-fd. What is in FOLDER when it starts is taken, too, and so \
            is what lies in folders below it, \(ScanFolder.deepest) deep.

            A file is taken when it is whole: not empty, unchanged for --settle seconds, not open for writing, and with \
            its end there. One that is empty or looks cut short is refused only when it has not changed for --patience \
            seconds. Left alone are names that programs give to what they are still writing: those that begin with . or \
            ~, end with ~, or end in \(ScanName.passingEndings.sorted().map { "." + $0 }.joined(separator: " ")).

            A file is deleted from FOLDER only when the vault has recorded it, has read it back from its disk, and both \
            are the same. What the vault refuses (a program, a PDF with a password …) lies in FOLDER/refused, and what a \
            person has to decide, such as a file that was taken before, in FOLDER/held; beside each a note NAME.txt says \
            why, and what would be right. To try such a file again, move it back into FOLDER. While the vault cannot \
            take anything, everything stays where it is and is tried again. FOLDER/.strongroom belongs to this program: \
            leave it alone.

            A line is printed for each file, with a reference and never with its name, and a balance at the end: all \
            that came in = stored + held + refused + claimed. --status prints the balance at any time.

            Exit codes: 0 stopped as asked, 1 error, 3 the token or the vault was refused, 4 --status: the balance is not \
            even, 6 another watcher has the folder, 64 usage.
            """)

    @Argument(help: "The folder.")
    var folder: String
    @OptionGroup var vault: VaultOptions
    @Flag(help: "Work as a scan station; its token is asked for.")
    var station = false
    @Option(help: "Read {\"token\":…} from this descriptor instead of asking.")
    var secretsFd: Int32?
    @Option(help: "Look into the folder at least every so many seconds: shares do not tell of new files.")
    var poll = 10.0
    @Flag(name: .customLong("no-inotify"), help: "Only look every --poll seconds; do not ask the system for events.")
    var noInotify = false
    @Option(help: "Take a file that has not changed for so many seconds.")
    var settle = 5.0
    @Option(help: "Refuse what is empty or looks cut short when it has not changed for so many seconds.")
    var patience = 600.0
    @Flag(help: "Only say where everything is that ever came in; takes no token, and may be asked beside a watcher.")
    var status = false
    @Flag(help: "Answer as JSON, a line for each file.")
    var json = false

    func validate() throws {
        guard station || status else {
            throw ValidationError("A folder is watched as a scan station: say --station. Its token is asked for.")
        }
        guard (0.05...3600).contains(poll) else { throw ValidationError("--poll takes 0.05 to 3600 seconds.") }
        guard (0...3600).contains(settle) else { throw ValidationError("--settle takes 0 to 3600 seconds.") }
        guard (0...86_400).contains(patience) else { throw ValidationError("--patience takes 0 to 86400 seconds.") }
    }

    func run() throws {
        let location = try vault.location
        try checkApart(location)
        do {
            if status { return try showStatus(location) }
            guard geteuid() != 0 else {
                Terminal.say("error: A scan folder is not watched as root.", to: .standardError)
                Terminal.say("hint: Start it as the user strongroom, who owns the vault.", to: .standardError)
                throw Stop(code: 1)
            }
            try watch(location)
        } catch let error as ScanFolderError {
            explain(error)
            throw Stop(code: error == .inUse ? 6 : 1)
        } catch let error as VaultError {
            guard let refusal = error.stationRefusal else { throw error }
            Terminal.explain(refusal)
            throw Stop.refused
        }
    }

    /// Refuses a folder in which the vault lies, or that lies in it.
    private func checkApart(_ location: Vault.Location) throws {
        func real(_ path: String) -> String { URL(filePath: path).resolvingSymlinksInPath().path + "/" }
        let scans = real(folder)
        for other in [location.vault, location.secrets].map(real)
        where scans.hasPrefix(other) || other.hasPrefix(scans) {
            throw ValidationError("The scan folder and the vault lie apart: neither in the other.")
        }
    }

    private func watch(_ location: Vault.Location) throws {
        _ = ProcessHardening.disableCoreDumps()
        // As the server: a file takes and frees many buffers. So do weeks of files, which must not spread over many heaps.
        _ = strongroom_keep_freed_memory(16 << 20, 4 << 20, 4)
        // Whoever opens a file just as it is asked whether somebody writes it would have this sent.
        signal(SIGIO, SIG_IGN)
        let given =
            try secretsFd.map { try SecretLines(descriptor: $0).next().token ?? "" }
            ?? Terminal.askSecret("Token of the scan station")
        let token = try SecretBytes(copying: Array(given.trimmingCharacters(in: .whitespacesAndNewlines).utf8))
        let stop = StopSign()
        let sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: DispatchQueue(label: "strongroom.stop"))
            source.setEventHandler { stop.raise() }
            source.resume()
            return source
        }
        defer { for source in sources { source.cancel() } }
        var settings = FolderWatcher.Settings(folder: folder)
        settings.poll = poll
        settings.settle = settle
        settings.patience = patience
        settings.usesEvents = !noInotify
        let report = WatchReport(json: json)
        let watcher = try FolderWatcher(settings, vault: location, token: token, stop: stop) { report.say($0) }
        report.say(event: "watching", "watching: files are taken as they come")
        watcher.run()
        report.say(try watcher.balance())
    }

    private func showStatus(_ location: Vault.Location) throws {
        let opened = try Vault(opening: location)
        defer { opened.shutdown() }
        let balance = try ScanFolder(folder, isWatched: false).balance { uploads throws(VaultError) in
            try opened.queued(among: uploads)
        }
        WatchReport(json: json).say(balance)
        if !balance.isEven { throw Stop.found }
    }

    private func explain(_ error: ScanFolderError) {
        if error == .inUse {
            Terminal.say("error: Another watcher has this folder.", to: .standardError)
            Terminal.say("hint: One is enough. Stop that one first, or watch another folder.", to: .standardError)
        } else {
            let reason = String(cString: strerror(error.errno))
            Terminal.say("error: The scan folder cannot be used: \(reason).", to: .standardError)
            Terminal.say(
                "hint: It has to be there, and this user has to be allowed to list it and to write in it.\(status ? " A folder that was never watched has no status." : "")",
                to: .standardError)
        }
        Terminal.say("code: \(error.code)", to: .standardError)
    }
}

/// Says what a watcher does, in words or as lines of JSON; troubles on standard error, too.
private struct WatchReport {
    let json: Bool

    private struct Line: Encodable {
        let event, time: String
        var upload, code, message, hint: String?
        var index, bytes: UInt64?
        var quarantined: Bool?
        var errno: Int32?
        var retrySeconds: Int?
    }

    private struct Balance: Encodable {
        let event, time: String
        let cameIn, stored, held, refused, claimed, waiting, leftAlone, heldHere, refusedHere: Int
        let even: Bool
    }

    private var now: String { SystemClock().now().iso8601 }

    private func put(_ line: Line, _ words: String) {
        if json { try? Terminal.json(line) } else { Terminal.say(words) }
    }

    func say(event: String, _ words: String) { put(Line(event: event, time: now), words) }

    func say(_ event: WatchEvent) {
        switch event {
        case .stored(let upload, let index, let bytes, let quarantined):
            let place = index.map { ", statement \($0)" } ?? ", found recorded after an interruption"
            let apart = quarantined ? ", kept apart as evidence" : ""
            put(
                Line(
                    event: "stored", time: now, upload: upload.text, index: index, bytes: bytes,
                    quarantined: quarantined), "stored \(upload.text): \(bytes) bytes\(place)\(apart)")
        case .refused(let upload, let code):
            put(
                Line(event: "refused", time: now, upload: upload.text, code: code),
                "refused \(upload.text): \(code); its note says why")
        case .held(let upload, let code):
            put(
                Line(event: "held", time: now, upload: upload.text, code: code),
                "held \(upload.text): \(code); its note says why")
        case .waiting(let upload, let code):
            put(
                Line(event: "waiting", time: now, upload: upload?.text, code: code),
                "waiting \(upload?.text ?? "in the folder"): \(code); it is tried again")
        case .trouble(let refusal, let seconds):
            put(
                Line(
                    event: "trouble", time: now, code: refusal.code, message: refusal.message, hint: refusal.hint,
                    retrySeconds: seconds),
                "nothing is taken at the moment, and nothing is lost: tried again in \(seconds) s")
            Terminal.explain(refusal)
        case .recovered: say(event: "recovered", "files are taken again")
        case .folderUnreadable(let code, let errno):
            put(
                Line(event: "folder-unreadable", time: now, code: code, errno: errno),
                "a folder cannot be looked into (\(String(cString: strerror(errno)))): tried again")
        case .pollingOnly:
            say(event: "polling", "no events of the folder: it is looked into every --poll seconds")
        }
    }

    func say(_ balance: ScanBalance) {
        if json {
            try? Terminal.json(
                Balance(
                    event: "balance", time: now, cameIn: balance.cameIn, stored: balance.stored, held: balance.held,
                    refused: balance.refused, claimed: balance.claimed, waiting: balance.waiting,
                    leftAlone: balance.leftAlone, heldHere: balance.heldHere, refusedHere: balance.refusedHere,
                    even: balance.isEven))
            return
        }
        Terminal.say(
            """
            came in \(balance.cameIn) = stored \(balance.stored) + held \(balance.held) + refused \(balance.refused) + \
            claimed \(balance.claimed)\(balance.isEven ? "" : "  NOT EVEN: look at .strongroom/journal")
            waiting in the folder \(balance.waiting) · left alone \(balance.leftAlone) · lying in held \
            \(balance.heldHere), in refused \(balance.refusedHere)
            """)
    }
}
