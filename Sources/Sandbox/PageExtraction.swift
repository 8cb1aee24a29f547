import Glibc
import Inspection

// Pages of a scan become a document of their own without being drawn: a PDF's by qpdf, a TIFF's by `tiffPages`. What was scanned
// is what is filed, byte for byte within each picture; and what belongs to other pages stays behind: their pictures, the
// bookmarks, the title and what else the stack's file says of itself.

extension Inspector {
    /// Pages of a sealed, accepted PDF or TIFF as a document of the same kind, sealed; it is inspected like any other before it is
    /// filed. The same pages give the same bytes.
    ///
    /// - Parameter pages: counted from 1, ascending, each once.
    /// - Throws: `outOfRange`; `noPictures` for what has no pages to be taken; `crashed` where the pages cannot be taken;
    ///   `tooLarge`; `timedOut`; `unavailable`.
    public func extract(
        _ pages: [Int], of file: borrowing MemoryFile, mediaType: String
    ) throws(SandboxError) -> MemoryFile {
        guard file.isSealed else { throw .unsealed }
        guard let first = pages.first, first >= 1, zip(pages, pages.dropFirst()).allSatisfy(<) else {
            throw .outOfRange
        }
        // A page brings what it has, and little more; each copy of what pages share is counted once at the most.
        let mostOutput = file.count + (1 << 20) + 4096 * pages.count
        let piece: MemoryFile
        let found: Int
        switch mediaType {
        case "application/pdf":
            let how = [
                "--deterministic-id", "--stream-data=preserve", "--object-streams=disable",
                "--remove-unreferenced-resources=yes",
            ]
            let taken = try draw(
                ["qpdf", "--empty"] + how + ["--pages", "/proc/self/fd/3", Self.ranges(pages), "--", "-"], file,
                maximumOutput: mostOutput)
            // Once more: of a damaged file qpdf mends what it takes, but leaves in it what other pages draw, in the lists that
            // pages share, and says so by a warning that costs nothing. Of what was mended it takes that out; and a warning
            // about the file that it was started with is a failure.
            piece = try draw(
                ["qpdf", "/proc/self/fd/3"] + how + ["--pages", ".", "1-z", "--", "-"], taken,
                maximumOutput: mostOutput)
            let said = try draw(["qpdf", "--show-npages", "/proc/self/fd/3"], piece, maximumOutput: 64)
            let text = try said.withBytes { String(decoding: $0, as: UTF8.self) }
            found = Int(text.prefix { $0.isWholeNumber }) ?? 0
        case "image/tiff":
            var named = try MemoryFile()
            try named.append(Array(pages.map(String.init).joined(separator: ",").utf8))
            try named.seal()
            piece = try drawPages(of: file, named: named, maximumOutput: mostOutput)
            found = try measure(piece).count
        default: throw .noPictures
        }
        guard found == pages.count else { throw .crashed }
        return piece
    }

    /// Ascending pages as people and qpdf write them, such as `2-4,7`.
    public static func ranges(_ pages: [Int]) -> String {
        var ranges: [ClosedRange<Int>] = []
        for page in pages {
            if let last = ranges.last, last.upperBound == page - 1 {
                ranges[ranges.count - 1] = last.lowerBound...page
            } else {
                ranges.append(page...page)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }
}

/// The other life of the inspector's program, where it is started with a TIFF as descriptor 3 and, as descriptor 4, the numbers of
/// the pages that it writes to standard output. Gives the code to end with.
package func writePages() -> Int32 {
    guard let file = Mapped(descriptor: 3), let named = Mapped(descriptor: 4) else { return 65 }
    let pages = String(decoding: named.bytes, as: UTF8.self).split(separator: ",").compactMap { Int($0) }
    guard let piece = tiffPages(pages, of: file.bytes) else { return 65 }
    var written = 0
    while written < piece.count {
        let count = piece.withUnsafeBytes { write(1, $0.baseAddress?.advanced(by: written), $0.count - written) }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { return 74 }
        written += count
    }
    return 0
}

/// Whether the inspector's program was given a document, and not a line to its server.
package func isGivenDocument() -> Bool {
    var status = stat()
    return fstat(3, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
}
