import CTIFF
import Glibc
import Sandbox

// Pages as one TIFF of many, in memory: without loss, so that the file is what the scanner saw; and nothing in it that is
// not the scanner's (no time, no name of a program), so that the same pages are the same bytes.

/// A stack of scanned pages that becomes a TIFF, in a memory file.
///
/// Black and white is CCITT group 4, all else is deflated after each pixel's difference to the one before it.
public final class TIFFStack: PageTaker {
    private let place: MemoryPlace
    private let tiff: OpaquePointer
    private let device: ScannerDevice
    private var page: PageShape?
    private var line: UInt32 = 0
    private var isClosed = false
    /// Pages that are whole.
    public private(set) var pages = 0

    /// An empty one, of pages of a scanner.
    ///
    /// - Parameter limit: bytes that the file may have; less than 4 GiB, since a TIFF cannot have more.
    public init(of device: ScannerDevice, limit: UInt64) throws(ScannerError) {
        // What libtiff says goes to nobody's terminal: it names tags and sizes, and what is wrong is said here.
        _ = TIFFSetErrorHandler(nil)
        _ = TIFFSetWarningHandler(nil)
        do throws(SandboxError) { place = try MemoryPlace(limit: Int(min(limit, 4 << 30 - 1))) } catch {
            throw .noMemory
        }
        self.device = device
        // Little-endian on every machine, read and written by calls and not by mapping.
        let opened = TIFFClientOpen(
            "scan", "wlm", Unmanaged.passUnretained(place).toOpaque(),
            { tmsize_t(MemoryPlace.of($0).read($1, Int($2))) }, { tmsize_t(MemoryPlace.of($0).write($1, Int($2))) },
            { MemoryPlace.of($0).seek($1, $2) }, { _ in 0 }, { UInt64(MemoryPlace.of($0).file.count) }, nil, nil)
        guard let opened else { throw .noMemory }
        tiff = opened
    }

    deinit {
        if !isClosed { TIFFCleanup(tiff) }
    }

    /// Begins a page with its tags.
    public func begin(_ page: PageShape) throws(ScannerError) {
        self.page = page
        line = 0
        let isBlackAndWhite = page.mode == .blackAndWhite
        var numbers: [(Int32, Int)] = [
            (TIFFTAG_SUBFILETYPE, Int(FILETYPE_PAGE)), (TIFFTAG_IMAGEWIDTH, page.width),
            // It grows with each line: how many come is not known before.
            (TIFFTAG_IMAGELENGTH, 1), (TIFFTAG_BITSPERSAMPLE, page.mode.depth),
            (TIFFTAG_SAMPLESPERPIXEL, page.mode.samples), (TIFFTAG_PLANARCONFIG, Int(PLANARCONFIG_CONTIG)),
            (TIFFTAG_ORIENTATION, Int(ORIENTATION_TOPLEFT)), (TIFFTAG_RESOLUTIONUNIT, Int(RESUNIT_INCH)),
        ]
        if isBlackAndWhite {
            numbers += [
                (TIFFTAG_COMPRESSION, Int(COMPRESSION_CCITTFAX4)), (TIFFTAG_PHOTOMETRIC, Int(PHOTOMETRIC_MINISWHITE)),
                // One strip, as readers of faxes want it.
                (TIFFTAG_ROWSPERSTRIP, Int(UInt32.max)),
            ]
        } else {
            numbers += [
                (TIFFTAG_COMPRESSION, Int(COMPRESSION_ADOBE_DEFLATE)), (TIFFTAG_PREDICTOR, Int(PREDICTOR_HORIZONTAL)),
                // The other one takes whole strips, and would take the first line for one.
                (TIFFTAG_DEFLATE_SUBCODEC, Int(DEFLATE_SUBCODEC_ZLIB)),
                (TIFFTAG_PHOTOMETRIC, Int(page.mode == .colour ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK)),
                (TIFFTAG_ROWSPERSTRIP, max(1, Self.stripBytes / page.bytesPerLine)),
            ]
        }
        for (tag, value) in numbers {
            try check(strongroom_tiff_set(tiff, UInt32(tag), UInt32(value)) == 1)
        }
        try check(
            strongroom_tiff_set_real(tiff, UInt32(TIFFTAG_XRESOLUTION), page.across) == 1
                && strongroom_tiff_set_real(tiff, UInt32(TIFFTAG_YRESOLUTION), page.down) == 1
                && strongroom_tiff_set_pair(tiff, UInt32(TIFFTAG_PAGENUMBER), UInt16(clamping: pages), 0) == 1)
        for (tag, text) in [(TIFFTAG_MAKE, device.vendor), (TIFFTAG_MODEL, device.model)] where !text.isEmpty {
            try check(strongroom_tiff_set_text(tiff, UInt32(tag), text) == 1)
        }
    }

    /// Encodes a line.
    public func take(_ bytes: UnsafeMutableRawBufferPointer) throws(ScannerError) {
        guard let page, bytes.count == page.bytesPerLine else { throw .otherPicture }
        // What is behind the last pixel is not the page's.
        if page.mode == .blackAndWhite, page.width % 8 != 0 {
            bytes[bytes.count - 1] &= ~(0xFF >> UInt8(page.width % 8))
        }
        try check(TIFFWriteScanline(tiff, bytes.baseAddress, line, 0) == 1)
        line += 1
    }

    /// Ends the page with its directory.
    public func end() throws(ScannerError) {
        try check(TIFFWriteDirectory(tiff) == 1)
        page = nil
        pages += 1
    }

    /// Ends the file, which nothing changes any more, and gives it for reading from its beginning: a descriptor that lives as
    /// long as this value.
    public func finish() throws(ScannerError) -> Int32 {
        precondition(page == nil && !isClosed)
        isClosed = true
        TIFFClose(tiff)
        try check(true)
        do throws(SandboxError) { try place.file.seal() } catch { throw .noMemory }
        try check(lseek(place.file.descriptor, 0, SEEK_SET) == 0)
        return place.file.descriptor
    }

    /// Throws what went wrong beneath libtiff, if something did.
    private func check(_ isDone: Bool) throws(ScannerError) {
        if place.isFull { throw .tooLarge(mebibytes: place.limit >> 20) }
        guard isDone, !place.hasFailed else { throw .noMemory }
    }

    private static let stripBytes = 512 << 10
}

/// Where libtiff writes: a memory file, with the place in it that is next.
private final class MemoryPlace {
    let limit: Int
    var file: MemoryFile
    private var next = 0
    /// More was to be written than there may be.
    private(set) var isFull = false
    /// The kernel gave no memory.
    private(set) var hasFailed = false

    init(limit: Int) throws(SandboxError) {
        self.limit = limit
        file = try MemoryFile()
    }

    static func of(_ context: thandle_t?) -> MemoryPlace {
        guard let context else { preconditionFailure("libtiff gives back what it was given") }
        return Unmanaged<MemoryPlace>.fromOpaque(context).takeUnretainedValue()
    }

    func read(_ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int {
        let got = pread(file.descriptor, bytes, count, off_t(next))
        if got > 0 { next += got }
        return got
    }

    func write(_ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int {
        guard next + count <= limit else {
            isFull = true
            return -1
        }
        do throws(SandboxError) {
            try file.put(UnsafeRawBufferPointer(start: bytes, count: count), at: next)
        } catch {
            hasFailed = true
            return -1
        }
        next += count
        return count
    }

    func seek(_ offset: toff_t, _ whence: Int32) -> toff_t {
        let start = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? next : file.count
        next = start &+ Int(truncatingIfNeeded: offset)
        return toff_t(next)
    }
}
