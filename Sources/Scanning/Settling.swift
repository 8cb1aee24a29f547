public import Records

// When a file of a scan folder is whole, given what listings found and when. Pure: it looks at no file and no clock.
// - still     its size, its time of change and the file itself are what they were, by the monotonic clock: a share's own times
//             may be anything
// - settled   still for the settling time
// - patience  how long a file may be still that is empty or looks cut short, before it counts as what it looks like

/// What tells a file from what it was: another one in its place, longer, or changed.
public struct FileMark: Hashable, Sendable {
    /// The file system and the file in it.
    public let device, inode: UInt64
    /// Bytes.
    public let size: UInt64
    /// When it was changed last, in nanoseconds, by whoever keeps it.
    public let modified: Int64

    /// A mark of these facts.
    public init(device: UInt64, inode: UInt64, size: UInt64, modified: Int64) {
        self.device = device
        self.inode = inode
        self.size = size
        self.modified = modified
    }
}

/// A file of a scan folder as a listing found it.
public struct ListedScan: Hashable, Sendable {
    /// Where it lies: below the folder, or as it was claimed.
    public enum Place: Hashable, Sendable {
        /// Where the copier put it.
        case waiting(ScanPath)
        /// Claimed for an upload, under its own name.
        case claimed(UploadID, name: [UInt8])
    }
    /// Where it lies.
    public let place: Place
    /// What it was when it was listed.
    public let mark: FileMark

    /// A file at a place.
    public init(_ place: Place, _ mark: FileMark) {
        self.place = place
        self.mark = mark
    }
}

/// How long files of a scan folder have been still, and which may be taken now.
public struct Settling: Sendable {
    /// A file that may be taken.
    public struct Ready: Hashable, Sendable {
        /// Which, as it was listed.
        public let scan: ListedScan
        /// Whether it has been still for so long that it counts as whole, whatever it looks like.
        public let isPatienceOver: Bool
    }

    private struct Still {
        var mark: FileMark
        var since: MonotonicTime
        /// It looks cut short as it is.
        var looksCutShort = false
        /// When it may be tried again, and how often it was in vain.
        var notBefore: MonotonicTime?
        var tries = 0
    }

    private let settle: UInt64
    private let patience: UInt64
    private var known: [ListedScan.Place: Still] = [:]

    /// Times in nanoseconds.
    public init(settle: UInt64, patience: UInt64) {
        self.settle = settle
        self.patience = max(patience, settle)
    }

    /// Takes a listing of all files, and gives those that may be taken, in its order. What is not listed is forgotten.
    public mutating func look(_ listing: [ListedScan], at now: MonotonicTime) -> [Ready] {
        var next: [ListedScan.Place: Still] = [:]
        next.reserveCapacity(listing.count)
        var ready: [Ready] = []
        for scan in listing {
            var still = known[scan.place] ?? Still(mark: scan.mark, since: now)
            if still.mark != scan.mark { still = Still(mark: scan.mark, since: now) }
            next[scan.place] = still
            if now >= due(scan.place, still) {
                ready.append(Ready(scan: scan, isPatienceOver: now.nanoseconds(since: still.since) >= patience))
            }
        }
        known = next
        return ready
    }

    /// What was ready looks cut short: it is ready again when it has changed and settled, or when patience is over.
    public mutating func looksCutShort(_ place: ListedScan.Place) { known[place]?.looksCutShort = true }

    /// What was ready could not be taken: it is ready again after a pause that grows from a second to so many at most.
    public mutating func wait(_ place: ListedScan.Place, at now: MonotonicTime, atMost seconds: UInt64 = 600) {
        guard var still = known[place] else { return }
        let pause = min(Pause.nanoseconds(after: still.tries), seconds * 1_000_000_000)
        still.notBefore = MonotonicTime(nanoseconds: now.nanoseconds + pause)
        still.tries += 1
        known[place] = still
    }

    /// When the next file may be ready without any having changed; nil where none waits.
    public func next(after now: MonotonicTime) -> MonotonicTime? {
        known.lazy.map { due($0.key, $0.value) }.filter { $0 > now }.min()
    }

    /// Files that are being watched.
    public var count: Int { known.count }

    private func due(_ place: ListedScan.Place, _ still: Still) -> MonotonicTime {
        let needed: UInt64
        if still.mark.size == 0 || still.looksCutShort {
            needed = patience
        } else if case .claimed = place {
            // It had settled when it was claimed.
            needed = 0
        } else {
            needed = settle
        }
        let due = MonotonicTime(nanoseconds: still.since.nanoseconds + needed)
        return max(due, still.notBefore ?? due)
    }
}

/// Pauses between tries that were in vain.
public enum Pause {
    /// A second, two, four, … up to ten minutes.
    public static func nanoseconds(after tries: Int) -> UInt64 {
        min(1 << UInt64(min(max(tries, 0), 10)), 600) * 1_000_000_000
    }
}

/// What is to be done with a claimed file, given what the vault has under its id.
public enum ClaimedStep: Hashable, Sendable {
    /// The vault has this content: the file may go.
    case remove
    /// The vault has nothing: it is to be uploaded under this id.
    case upload
    /// The id is another's: it is to be claimed under a new one.
    case claimAnew
    /// A person has to look.
    case hold(HeldReason)

    /// Decides: a file goes only where the vault has shown the very content that lies in it.
    public static func decide(vault: VaultKnows, fileIs digest: [UInt8]) -> ClaimedStep {
        switch vault {
        case .nothing: .upload
        case .content(let stored): stored == digest ? .remove : .hold(.differs)
        case .somethingUnseen: .hold(.unseen)
        case .anothers: .claimAnew
        }
    }

    /// What the vault knows of an upload, its content as a SHA-256.
    public enum VaultKnows: Hashable, Sendable {
        /// Nothing, under this id.
        case nothing
        /// This content, as it lies on the vault's disk.
        case content([UInt8])
        /// Something that cannot be shown any more.
        case somethingUnseen
        /// An upload of another station's.
        case anothers
    }
}

/// Why a file is held for a person.
public enum HeldReason: String, Hashable, Sendable {
    /// The vault has other content under its id: the file changed while it was taken.
    case differs = "scan.differs"
    /// The vault has something under its id and cannot show any more what.
    case unseen = "scan.cannot-be-shown"
    /// This station queued the same content before.
    case repeated = "upload.repeated"
}
