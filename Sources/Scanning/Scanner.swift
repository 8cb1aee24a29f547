import CSANE
import Foundation
import Glibc
import Synchronization

// A driver is told what to do by options that have names. The well-known ones are common to most drivers; which values they
// take is each driver's own, and setting one may change what others take: so each is looked up anew, in the order source,
// mode, depth, resolution, paper.

/// Stops a scan from another thread, between two pieces that its scanner sends; or what is done with it after, until
/// somebody settles that it goes through.
public final class ScanStop: Sendable {
    private static let (open, stopped, settled) = (0, 1, 2)
    private let state = Atomic(open)

    /// Nobody has stopped anything yet.
    public init() {}

    /// Stops it. Says whether it was this call that did: not where it was stopped before, and not where it is settled.
    public func stop() -> Bool { turn(to: Self.stopped) }

    /// Lets nobody stop it any more. Says whether nobody had.
    public func settle() -> Bool { turn(to: Self.settled) }

    /// Whether it was stopped.
    public var isStopped: Bool { state.load(ordering: .acquiring) == Self.stopped }

    private func turn(to next: Int) -> Bool {
        state.compareExchange(expected: Self.open, desired: next, ordering: .acquiringAndReleasing).exchanged
    }
}

/// A scanner that this program has opened, until the value is dropped.
public final class OpenScanner {
    /// Which.
    public let device: ScannerDevice
    private let handle: SANE_Handle
    // SANE is left only when its scanners are closed.
    private let scanners: Scanners

    init(_ device: ScannerDevice, _ handle: SANE_Handle, of scanners: Scanners) {
        self.device = device
        self.handle = handle
        self.scanners = scanners
    }

    deinit { sane_close(handle) }

    /// The sources it has; none where it cannot be told.
    public var sources: [ScannerSource] {
        let names = option(SANE.source)?.texts ?? []
        return ScannerSource.allCases.filter { $0.name(among: names) != nil || ($0 == .duplex && hasDuplexSwitch) }
    }

    /// Sets it, and says to what.
    public func set(_ settings: ScanSettings) throws(ScannerError) -> ScanProfile {
        let source = try set(settings.source)
        try set(settings.mode)
        let (across, down) = try set(resolution: settings.resolution)
        let (width, height) = try setPaper(across, down)
        return ScanProfile(
            scanner: device, source: source, mode: settings.mode, across: across, down: down, width: width,
            height: height)
    }

    /// Scans a page from the flatbed, or what is in the feeder, and gives each line as it comes. On return the scanner is at
    /// rest, whatever happened; what was given of pages that are not whole is worth nothing.
    ///
    /// - Parameters:
    ///   - most: pages to scan at the most.
    ///   - next: asked before each page but the first from the flatbed; without it there is one.
    /// - Returns: how many pages, and whether the feeder was seen empty.
    public func scan(
        _ profile: ScanProfile, most: Int, stop: ScanStop, into pages: some PageTaker,
        next: ((_ page: Int) -> Bool)? = nil
    ) throws(ScannerError) -> (pages: Int, isEmpty: Bool) {
        let before = Self.threads()
        defer { cancel(threadsBefore: before) }
        var count = 0
        while count < most {
            if stop.isStopped { throw .cancelled }
            if count > 0 && profile.source == .flatbed {
                guard let next, next(count + 1) else { return (count, true) }
                cancel(threadsBefore: before)
            }
            let status = sane_start(handle)
            if stop.isStopped { throw .cancelled }
            if status == SANE_STATUS_NO_DOCS && count > 0 { return (count, true) }
            guard status == SANE_STATUS_GOOD else { throw ScannerError(status) }
            try takePage(profile, stop, into: pages)
            count += 1
        }
        return (count, false)
    }

    /// Brings the scanner to rest, when the threads that its driver began have ended, or wait for somebody to take what they read.
    ///
    /// A driver may end its thread with `pthread_cancel`, at any instruction. One that is just beginning or ending holds malloc's lock
    /// now and then, and takes it with it: then this process stands still for ever. SANE's own test device does so.
    private func cancel(threadsBefore: Set<String>) {
        for _ in 0..<Self.millisecondsToEnd {
            if Self.threads().subtracting(threadsBefore).isEmpty { break }
            usleep(1_000)
        }
        sane_cancel(handle)
    }

    private static let millisecondsToEnd = 100

    private static func threads() -> Set<String> {
        Set((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? [])
    }

    private func takePage(
        _ profile: ScanProfile, _ stop: ScanStop, into pages: some PageTaker
    ) throws(ScannerError) {
        var parameters = SANE_Parameters()
        let status = sane_get_parameters(handle, &parameters)
        guard status == SANE_STATUS_GOOD else { throw ScannerError(status) }
        let page = try shape(parameters, profile)
        let lineBytes = Int(parameters.bytes_per_line)
        try pages.begin(page)
        // As many whole lines as make a good piece.
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: lineBytes * max(1, Self.piece / lineBytes), alignment: 64)
        defer {
            if let base = buffer.baseAddress { explicit_bzero(base, buffer.count) }
            buffer.deallocate()
        }
        var filled = 0
        var lines = 0
        while true {
            if stop.isStopped { throw .cancelled }
            var got: SANE_Int = 0
            let free = buffer.count - filled
            let status = sane_read(
                handle, buffer.baseAddress?.assumingMemoryBound(to: SANE_Byte.self).advanced(by: filled),
                SANE_Int(free), &got)
            if stop.isStopped { throw .cancelled }
            if status == SANE_STATUS_EOF { break }
            guard status == SANE_STATUS_GOOD else { throw ScannerError(status) }
            guard (0...free).contains(Int(got)) else { throw .otherPicture }
            // A driver that does not wait.
            if got == 0 { usleep(2_000) }
            filled += Int(got)
            var taken = 0
            while filled - taken >= lineBytes {
                guard lines < Self.mostLines else { throw .otherPicture }
                try pages.take(UnsafeMutableRawBufferPointer(rebasing: buffer[taken..<taken + page.bytesPerLine]))
                taken += lineBytes
                lines += 1
            }
            if taken > 0, let base = buffer.baseAddress {
                memmove(base, base + taken, filled - taken)
                filled -= taken
            }
        }
        // What ends within a line has lost something.
        guard filled == 0, lines > 0 else { throw .otherPicture }
        try pages.end()
    }

    private static let piece = 256 << 10
    /// More than a sheet of A4 has at 2,400 dpi, twice over; for a scanner that does not say how many come.
    private static let mostLines = 60_000

    private func shape(_ parameters: SANE_Parameters, _ profile: ScanProfile) throws(ScannerError) -> PageShape {
        let isColour = parameters.format == SANE_FRAME_RGB
        guard isColour || parameters.format == SANE_FRAME_GRAY else {
            let isPass = [SANE_FRAME_RED, SANE_FRAME_GREEN, SANE_FRAME_BLUE].contains(parameters.format)
            throw isPass ? .threePass : .otherPicture
        }
        let width = Int(parameters.pixels_per_line)
        let page = PageShape(
            width: width, mode: profile.mode, across: profile.across, down: profile.down,
            lines: parameters.lines > 0 ? Int(parameters.lines) : nil)
        guard parameters.last_frame == SANE_TRUE, isColour == (profile.mode == .colour),
            Int(parameters.depth) == profile.mode.depth, (1...Self.mostPixels).contains(width),
            (page.bytesPerLine...64 << 20).contains(Int(parameters.bytes_per_line))
        else { throw .otherPicture }
        return page
    }

    private static let mostPixels = 60_000

    // MARK: Options

    private func option(_ name: String) -> ScannerOption? {
        for index in 0..<ScannerOption.count(handle) {
            guard let found = ScannerOption(handle, index), found.name == name else { continue }
            return found
        }
        return nil
    }

    private var hasDuplexSwitch: Bool {
        guard ScannerSource.feeder.name(among: option(SANE.source)?.texts ?? []) != nil else { return false }
        return option("duplex")?.isSwitch == true || option("adf-mode")?.texts.contains("Duplex") == true
    }

    private func set(_ wanted: ScannerSource?) throws(ScannerError) -> ScannerSource {
        guard let option = option(SANE.source), !option.texts.isEmpty else {
            // Without a choice it is what it is.
            let only: ScannerSource = device.kind.lowercased().contains("flatbed") ? .flatbed : .feeder
            guard wanted == nil || wanted == only else { throw .noSource(wanted ?? only, has: [only]) }
            return only
        }
        let sources = sources
        let source = wanted ?? (sources.contains(.feeder) ? .feeder : .flatbed)
        guard sources.contains(source) else { throw .noSource(source, has: sources) }
        if let name = source.name(among: option.texts) {
            try option.set(text: name)
        } else if let name = ScannerSource.feeder.name(among: option.texts) {
            try option.set(text: name)
        }
        guard source != .flatbed, hasDuplexSwitch else { return source }
        let isDuplexSource = source.name(among: option.texts) != nil && source == .duplex
        if let both = self.option("duplex"), both.isSwitch {
            try both.set(word: source == .duplex ? SANE_TRUE : SANE_FALSE)
        } else if let both = self.option("adf-mode"), !isDuplexSource {
            let name = source == .duplex ? "Duplex" : "Simplex"
            if both.texts.contains(name) { try both.set(text: name) }
        }
        return source
    }

    private func set(_ mode: ScannerMode) throws(ScannerError) {
        let names = option(SANE.mode)?.texts ?? []
        guard let name = mode.name(among: names) else { throw .noMode(mode, has: names) }
        try option(SANE.mode)?.set(text: name)
        // Not every driver has depths, and some not for every mode.
        if let depth = option(SANE.depth) {
            guard depth.takes(Double(mode.depth)) else { throw .noMode(mode, has: names) }
            _ = try depth.set(number: Double(mode.depth))
        }
    }

    private func set(resolution: Int) throws(ScannerError) -> (across: Double, down: Double) {
        guard let option = option(SANE.resolution) ?? option(SANE.resolutionAcross) else {
            throw .noResolution(resolution, has: "no choice of resolutions")
        }
        guard option.takes(Double(resolution)) else { throw .noResolution(resolution, has: option.numbersInWords) }
        let across = try option.set(number: Double(resolution))
        guard let other = self.option(SANE.resolutionDown) else { return (across, across) }
        guard other.takes(Double(resolution)) else { throw .noResolution(resolution, has: other.numbersInWords) }
        return (across, try other.set(number: Double(resolution)))
    }

    /// A4 from the upper left corner, as far as it goes; gives millimetres.
    private func setPaper(_ across: Double, _ down: Double) throws(ScannerError) -> (width: Double, height: Double) {
        // Drivers of feeders that have these take the area in relation to them.
        for (name, length) in [("page-width", A4.width), ("page-height", A4.height)] {
            if let option = option(name), let most = option.most {
                let unit = option.perMillimetre(at: name == "page-width" ? across : down)
                _ = try option.set(number: min(length * unit, most))
            }
        }
        func place(_ start: String, _ end: String, _ length: Double, _ resolution: Double) throws(ScannerError)
            -> Double
        {
            var from = 0.0
            if let option = option(start), let least = option.least {
                from = try option.set(number: least) / option.perMillimetre(at: resolution)
            }
            guard let option = option(end), let most = option.most else { return length }
            let unit = option.perMillimetre(at: resolution)
            return try option.set(number: min((from + length) * unit, most)) / unit - from
        }
        let width = try place("tl-x", "br-x", A4.width, across)
        return (width, try place("tl-y", "br-y", A4.height, down))
    }
}

/// The names of SANE's well-known options.
private enum SANE {
    static let source = "source"
    static let mode = "mode"
    static let depth = "depth"
    static let resolution = "resolution"
    static let resolutionAcross = "x-resolution"
    static let resolutionDown = "y-resolution"
}
