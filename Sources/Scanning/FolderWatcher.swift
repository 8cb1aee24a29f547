import CLinux
public import Custody
import Foundation
import Glibc
public import Records
public import Sealing
import Synchronization

// Watches a scan folder and puts what comes into the intake queue. The life of one file:
// 1 settled    still for long enough, and nobody is known to write it (`Settling`)
// 2 received   read once: sealed, durable, inspected. What looks cut short stays where it is, and waits
// 3 claimed    one rename, into the folder of the upload's id; it is still the file that was read
// 4 queued     recorded in the ledger under that id, durable
// 5 shown      the stored payload read from the disk and opened, the file read again: the three digests agree
// 6 removed    only now
// After a crash a claimed file is looked at by its id: what the vault shows that it has goes, all else is uploaded under the
// same id. What a person has to decide is moved aside with a note; what the vault cannot take now stays where it is.

/// What a watcher says of its work. Never a file's name.
public enum WatchEvent: Hashable, Sendable {
    /// A file is in the vault, and gone from the folder.
    case stored(UploadID, index: UInt64?, bytes: UInt64, quarantined: Bool)
    /// A file was moved aside, and lies there with its note.
    case refused(UploadID, code: String)
    case held(UploadID, code: String)
    /// A file waits, and is tried again.
    case waiting(UploadID?, code: String)
    /// Nothing can be taken at the moment; it is tried again after so many seconds.
    case trouble(Refusal, retrySeconds: Int)
    /// It can again.
    case recovered
    /// A folder cannot be looked into.
    case folderUnreadable(code: String, errno: Int32)
    /// There are no events of the folder: it is looked at from time to time alone.
    case pollingOnly
}

/// Says when a watcher is to end, from any thread.
public final class StopSign: Sendable {
    private let reader: Int32
    private let writer: Int32
    private let raised = Mutex(false)

    /// A sign that is not raised.
    public init() {
        var ends: [Int32] = [-1, -1]
        _ = strongroom_pipe(&ends)
        (reader, writer) = (ends[0], ends[1])
    }

    deinit {
        close(reader)
        close(writer)
    }

    /// Raises it: the file in hand is finished, and nothing new is begun.
    public func raise() {
        raised.withLock { $0 = true }
        var byte: UInt8 = 0
        _ = write(writer, &byte, 1)
    }

    /// Whether it is raised.
    public var isRaised: Bool { raised.withLock { $0 } }

    /// Waits until it is raised, there is something to read from another descriptor, or the time is over.
    fileprivate func wait(nanoseconds: UInt64, or events: Int32?) {
        var waited = [pollfd(fd: reader, events: Int16(POLLIN), revents: 0)]
        if let events { waited.append(pollfd(fd: events, events: Int16(POLLIN), revents: 0)) }
        let milliseconds = min(nanoseconds / 1_000_000 + 1, UInt64(Int32.max))
        _ = poll(&waited, nfds_t(waited.count), Int32(milliseconds))
    }
}

/// Watches one scan folder for one scan station.
public final class FolderWatcher {
    /// How it watches.
    public struct Settings: Hashable, Sendable {
        /// The folder.
        public var folder: String
        /// Seconds between looks, at most.
        public var poll = 10.0
        /// Seconds for which a file is still before it is taken.
        public var settle = 5.0
        /// Seconds for which a file is still before it is refused as empty or cut short.
        public var patience = 600.0
        /// Whether the system's events make it look sooner.
        public var usesEvents = true

        /// A folder with the ordinary times.
        public init(folder: String) { self.folder = folder }
    }

    private let settings: Settings
    private let location: Vault.Location
    private let token: SecretBytes
    private let clock: any Records.Clock
    private let stop: StopSign
    private let say: (WatchEvent) -> Void

    private var folder: ScanFolder
    private var events: Int32?
    private var settling: Settling
    private var opened: (vault: Vault, acting: Acting)?
    /// Tries in vain since anything worked, and when the next one is due.
    private var troubles = 0
    private var quietUntil = MonotonicTime(nanoseconds: 0)
    private var unreadable: Set<Int32> = []

    /// Opens folder and vault; nothing is taken before `run`.
    ///
    /// - Throws: `ScanFolderError`, `.inUse` where another watcher has the folder; `VaultError` for a vault that does not open
    ///   or a token that may not fill the intake queue.
    public init(
        _ settings: Settings, vault location: Vault.Location, token: consuming SecretBytes,
        clock: any Records.Clock = SystemClock(), stop: StopSign, say: @escaping (WatchEvent) -> Void
    ) throws {
        self.settings = settings
        self.location = location
        self.token = token
        self.clock = clock
        self.stop = stop
        self.say = say
        settling = Settling(
            settle: UInt64(settings.settle * 1e9), patience: UInt64(settings.patience * 1e9))
        folder = try ScanFolder(settings.folder, isWatched: true)
        _ = try enter()
        try folder.clearUp()
        if settings.usesEvents {
            let made = strongroom_folder_events()
            if made >= 0 { events = made }
        }
        if events == nil { say(.pollingOnly) }
    }

    deinit {
        opened?.vault.shutdown()
        if let events { close(events) }
    }

    /// Watches until the stop sign is raised. What goes wrong is said and tried again.
    public func run() {
        while !stop.isRaised {
            let now = clock.monotonic()
            if now >= quietUntil { look() }
            pause()
        }
    }

    /// Where everything is that ever came in. Needs no token, so that it is told also of a station that has ended.
    public func balance() throws -> ScanBalance {
        let vault = try opened?.vault ?? Vault(opening: location, clock: clock)
        defer { if opened == nil { vault.shutdown() } }
        return try folder.balance { uploads throws(VaultError) in try vault.queued(among: uploads) }
    }

    // MARK: - Looking

    private func pause() {
        let now = clock.monotonic()
        var until = MonotonicTime(nanoseconds: now.nanoseconds + UInt64(settings.poll * 1e9))
        if let next = settling.next(after: now), next < until { until = next }
        if quietUntil > now { until = quietUntil }
        // Events do not end a pause that trouble made.
        let listening = quietUntil > now ? nil : events
        stop.wait(nanoseconds: until.nanoseconds(since: now), or: listening)
        guard let listening, !stop.isRaised else { return }
        if strongroom_take_folder_events(listening) == 1 {
            // More comes in a moment: one look for all of it.
            stop.wait(nanoseconds: 200_000_000, or: nil)
            _ = strongroom_take_folder_events(listening)
        }
    }

    /// Looks at the folder once, and takes what is ready.
    private func look() {
        let listing: ScanFolder.Listing
        do {
            listing = try folder.list { path in
                if let events { _ = strongroom_watch_folder(events, path) }
            }
        } catch {
            say(.folderUnreadable(code: error.code, errno: error.errno))
            settling = Settling(
                settle: UInt64(settings.settle * 1e9), patience: UInt64(settings.patience * 1e9))
            grow()
            reopen()
            return
        }
        for failure in listing.failures where unreadable.insert(failure).inserted {
            say(.folderUnreadable(code: "scan-folder.list", errno: failure))
        }
        if listing.failures.isEmpty { unreadable = [] }
        let now = clock.monotonic()
        for ready in settling.look(listing.scans, at: now) {
            if stop.isRaised { return }
            do {
                let (vault, acting) = try enter()
                try vault.alone(withScans: { try take(ready, vault, acting) })
                calm()
            } catch let error as VaultError where !error.isOfOneFile {
                // Twice, so that others are tried before it when the pause is over: it may be this file after all.
                for _ in 0..<2 { settling.wait(ready.scan.place, at: clock.monotonic()) }
                let seconds = grow(isAboutStation: error.isAboutStation)
                say(.trouble(error.stationRefusal ?? error.refusal, retrySeconds: seconds))
                // Other keys, other policies, a ledger that was put right: all of it is read anew.
                if error.needsReopening { shut() }
                return
            } catch {
                settling.wait(ready.scan.place, at: clock.monotonic())
                say(.waiting(ready.scan.upload, code: Self.code(of: error)))
            }
        }
        // Nothing was in the way, and nothing had to be taken: whether the vault would take it shows with the next file.
        if listing.scans.isEmpty { calm() }
    }

    private static func code(of error: any Error) -> String {
        switch error {
        case let error as VaultError: error.code
        case let error as ScanFolderError: error.code
        default: "scan.failed"
        }
    }

    /// The folder, found again by its path: a share may have gone and come back.
    private func reopen() {
        // The same one again is refused: this watcher has its lock.
        if let found = try? ScanFolder(settings.folder, isWatched: true, isKnown: true) { folder = found }
    }

    private func enter() throws -> (Vault, Acting) {
        if let opened { return opened }
        let vault = try Vault(opening: location, clock: clock)
        vault.startRecognition()
        do {
            let text = token.withBytes { String(decoding: $0, as: UTF8.self) }
            let acting = try vault.enter(scanFolderToken: text)
            opened = (vault, acting)
            return (vault, acting)
        } catch {
            vault.shutdown()
            throw error
        }
    }

    private func shut() {
        opened?.vault.shutdown()
        opened = nil
    }

    /// Makes the next pause, and gives its seconds. Each sign-in of a station that has ended is recorded, so that these are rarer.
    @discardableResult
    private func grow(isAboutStation: Bool = false) -> Int {
        let nanoseconds = Pause.nanoseconds(after: troubles) * (isAboutStation ? 6 : 1)
        troubles += 1
        quietUntil = MonotonicTime(nanoseconds: clock.monotonic().nanoseconds + nanoseconds)
        return Int(nanoseconds / 1_000_000_000)
    }

    private func calm() {
        if troubles > 0 { say(.recovered) }
        troubles = 0
    }

    // MARK: - Taking one file

    /// A file that somebody has open for writing is looked at again after so many seconds at most.
    private static let writerSeconds: UInt64 = 15

    private func take(_ ready: Settling.Ready, _ vault: Vault, _ acting: Acting) throws {
        let place = ready.scan.place
        guard let file = try folder.open(place), file.mark == ready.scan.mark else { return }
        if file.isBeingWritten { return settling.wait(place, at: clock.monotonic(), atMost: Self.writerSeconds) }
        switch place {
        case .waiting: try takeNew(file, ready, vault, acting)
        case .claimed(let upload, let name): try takeClaimed(file, upload, name, ready, vault, acting)
        }
    }

    private func takeNew(_ file: OpenScan, _ ready: Settling.Ready, _ vault: Vault, _ acting: Acting) throws {
        let place = ready.scan.place
        let upload = UploadID.random()
        guard file.mark.size > 0 else {
            guard case .claimed(_, let name)? = try folder.claim(place, as: upload) else { return }
            return try moveAside(upload, name, .empty)
        }
        let received: Received
        do {
            received = try receive(file, upload, place.name, ready, vault, acting)
        } catch VaultError.refused(let refusal) where refusal.isOfTheFile {
            if refusal.isMaybeCutShort && !ready.isPatienceOver { return settling.looksCutShort(place) }
            guard case .claimed(_, let name)? = try folder.claim(place, as: upload) else { return }
            return try moveAside(upload, name, .refused(refusal))
        }
        guard let claimed = try folder.claim(place, as: upload) else { return }
        // What was read is what lies there claimed, or it is looked at anew.
        guard file.isUnchanged, let again = try folder.open(claimed), again.mark == file.mark else { return }
        try finish(received, upload, place.name, vault, acting)
    }

    private func takeClaimed(
        _ file: OpenScan, _ upload: UploadID, _ name: [UInt8], _ ready: Settling.Ready, _ vault: Vault,
        _ acting: Acting
    ) throws {
        let known: ClaimedStep.VaultKnows
        switch try vault.standing(ofScan: upload, as: acting) {
        case .absent: known = .nothing
        case .queued(let digest): known = .content(digest.bytes)
        case .queuedUnseen: known = .somethingUnseen
        case .othersUpload: known = .anothers
        }
        let digest = try file.digest()
        switch ClaimedStep.decide(vault: known, fileIs: digest.bytes) {
        case .remove:
            guard file.isUnchanged else { return }
            try folder.remove(upload, name: name)
            say(.stored(upload, index: nil, bytes: file.mark.size, quarantined: false))
        case .hold(let reason):
            try moveAside(upload, name, .held(reason))
        case .claimAnew:
            _ = try folder.claim(ready.scan.place, as: UploadID.random())
        case .upload:
            guard file.mark.size > 0 else { return try moveAside(upload, name, .empty) }
            do {
                let received =
                    try vault.resume(scan: upload, of: digest, as: acting)
                    ?? receive(file, upload, name, ready, vault, acting)
                try finish(received, upload, name, vault, acting)
            } catch VaultError.refused(let refusal) where refusal.isOfTheFile {
                if refusal.isMaybeCutShort && !ready.isPatienceOver {
                    return settling.looksCutShort(ready.scan.place)
                }
                try moveAside(upload, name, .refused(refusal))
            }
        }
    }

    private func receive(
        _ file: OpenScan, _ upload: UploadID, _ name: [UInt8], _ ready: Settling.Ready, _ vault: Vault,
        _ acting: Acting
    ) throws -> Received {
        try vault.receive(
            scan: ScanPath.text(of: name), from: file.descriptor, size: file.mark.size, as: upload,
            mayGrow: !ready.isPatienceOver, by: acting)
    }

    /// From received to removed. The order of these lines is what nothing is lost by.
    private func finish(
        _ received: Received, _ upload: UploadID, _ name: [UInt8], _ vault: Vault, _ acting: Acting
    ) throws {
        let receipt: IntakeReceipt
        do {
            receipt = try vault.queue(received, as: acting)
        } catch {
            guard case .refused(let refusal) = error, refusal.code == HeldReason.repeated.rawValue else { throw error }
            return try moveAside(upload, name, .held(.repeated, refusal.message))
        }
        let stored = try vault.readBack(received, as: acting)
        let place = ListedScan.Place.claimed(upload, name: name)
        guard let source = try folder.open(place) else { return }
        let lying = try source.digest()
        guard stored == lying, stored.hex == receipt.sha256, source.isUnchanged else {
            return try moveAside(upload, name, .held(.differs))
        }
        try folder.remove(upload, name: name)
        say(.stored(upload, index: receipt.index, bytes: receipt.size, quarantined: receipt.quarantined))
    }

    private func moveAside(_ upload: UploadID, _ name: [UInt8], _ note: ScanNote) throws {
        try folder.moveAside(upload, name: name, note, at: clock.now())
        switch note.shelf {
        case .refused: say(.refused(upload, code: note.code))
        case .held: say(.held(upload, code: note.code))
        }
    }
}

extension ListedScan {
    /// The upload that a file is claimed for.
    fileprivate var upload: UploadID? {
        if case .claimed(let upload, _) = place { upload } else { nil }
    }
}

extension ListedScan.Place {
    fileprivate var name: [UInt8] {
        switch self {
        case .waiting(let path): path.name
        case .claimed(_, let name): name
        }
    }
}

extension Refusal {
    /// Whether it is about what was to be uploaded, and not about who uploads.
    fileprivate var isOfTheFile: Bool { code.hasPrefix("type.") || code == "upload.too-large" }
}

extension VaultError {
    /// Whether it says something of one file, so that others may fare better.
    fileprivate var isOfOneFile: Bool {
        switch self {
        case .refused(let refusal): refusal.isOfTheFile
        case .waiting(let code): code != "sandbox.unavailable"
        case .tampered(let code): code.hasPrefix("scan") || code.hasPrefix("blob.")
        default: false
        }
    }

    /// Whether the station's token opens nothing here.
    fileprivate var isAboutStation: Bool {
        switch self {
        case .signInFailed: true
        case .refused(let refusal): [.stationEnded, .notEntitled].contains(refusal)
        default: false
        }
    }

    /// What is said of a scan folder's token that opens nothing; nil for every other error.
    public var stationRefusal: Refusal? {
        let stays = "Every file stays in the scan folder."
        switch self {
        case .signInFailed:
            return Refusal(
                code: code, message: "The token is no scan station's of this vault.",
                hint: "\(stays) Check the token, or ask the safeguarding lead for a new scan station.")
        case .refused(.stationEnded):
            return Refusal(
                code: code, message: "This scan station was withdrawn, or its time is over.",
                hint: "\(stays) Ask the safeguarding lead for a new one, and start watching again with its token.")
        case .refused(.notEntitled):
            return Refusal(
                code: code, message: "This scan station may not fill the intake queue.",
                hint: "\(stays) Ask the safeguarding lead for one that may (strongroom station add --intake).")
        default: return nil
        }
    }

    /// Whether only a vault that is opened anew may do better.
    fileprivate var needsReopening: Bool {
        switch self {
        case .uncertain, .tampered, .storage, .refused, .signInFailed: true
        default: false
        }
    }
}
