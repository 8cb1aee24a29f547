import Glibc
public import Inspection

// A scan is read in two sandboxes: a renderer draws its pages, grey and small, into a memory file; an inspector's worker, which
// has never seen the document, looks for codes in the pictures. Neither can do more than lie about these pages, and every
// split that follows is looked at by a person.

extension Inspector {
    /// The longer side of the pictures that are read, in pixels: 100 dpi of A4, whatever the page's size is said to be.
    private static let side = 1200
    /// How many pages of a PDF one run draws: starting one takes as long as drawing two.
    private static let pagesPerRun = 8
    /// What a picture may take: square, and its header.
    private static let bytesPerPage = side * side + 256

    /// What pages of a sealed, accepted scan show, in their order. A page that cannot be drawn is nil: what it shows is not
    /// known, and nobody may guess.
    ///
    /// Blocks for about 40 ms a page. PDF by poppler, TIFF, JPEG and PNG by libvips.
    ///
    /// - Parameter pages: counted from 1; all must be there.
    /// - Throws: `noPictures` for text, DOCX and EML; `outOfRange` where there is no such page; `unavailable`.
    public func readPages(
        of file: borrowing MemoryFile, mediaType: String, pages: ClosedRange<Int>
    ) throws(SandboxError) -> [PageReading?] {
        guard file.isSealed else { throw .unsealed }
        guard pages.lowerBound >= 1, pages.upperBound <= 1_000_000 else { throw .outOfRange }
        switch mediaType {
        case "application/pdf":
            var readings: [PageReading?] = []
            for first in stride(from: pages.lowerBound, through: pages.upperBound, by: Self.pagesPerRun) {
                readings += try readPDF(file, first...min(first + Self.pagesPerRun - 1, pages.upperBound))
            }
            return readings
        case "image/tiff":
            let sizes = try measure(file)
            guard pages.upperBound <= sizes.count else { throw .outOfRange }
            var readings: [PageReading?] = []
            for page in pages {
                let size = sizes[page - 1]
                let drawn = size.drawn(side: Self.side)
                var reading = try readPicture(file, "[page=\(page - 1)]", "\(drawn.width)x\(drawn.height)!")
                reading?.resolution = size.resolution
                readings.append(reading)
            }
            return readings
        case "image/jpeg", "image/png":
            guard pages == 1...1 else { throw .outOfRange }
            return [try readPicture(file, "", "\(Self.side)x\(Self.side)")]
        default: throw .noPictures
        }
    }

    private func readPDF(
        _ file: borrowing MemoryFile, _ pages: ClosedRange<Int>
    ) throws(SandboxError) -> [PageReading?] {
        let command = [
            "pdftoppm", "-q", "-gray", "-f", "\(pages.lowerBound)", "-l", "\(pages.upperBound)", "-scale-to",
            "\(Self.side)", "/proc/self/fd/3",
        ]
        var readings: [PageReading]?
        do throws(SandboxError) { readings = try read(command, file, count: pages.count) } catch {
            // One page must not cost the others what they show.
            guard pages.count > 1 else { return [try Self.unknown(error)] }
        }
        guard var readings else {
            var alone: [PageReading?] = []
            for page in pages { alone += try readPDF(file, page...page) }
            return alone
        }
        let resolutions = try resolutions(file, pages)
        for index in readings.indices { readings[index].resolution = resolutions[pages.lowerBound + index] }
        return readings
    }

    private func readPicture(
        _ file: borrowing MemoryFile, _ options: String, _ size: String
    ) throws(SandboxError) -> PageReading? {
        // Flattened onto white, as a scanner's glass has no transparency.
        let command = [
            "vipsthumbnail", "/proc/self/fd/3\(options)", "--size", size, "--export-profile", "srgb", "-o", ".pgm",
        ]
        do throws(SandboxError) { return try read(command, file, count: 1)[0] } catch { return try Self.unknown(error) }
    }

    /// What a page shows that could not be drawn or read. Throws where that is not the page's fault.
    private static func unknown(_ error: SandboxError) throws(SandboxError) -> PageReading? {
        switch error {
        case .timedOut, .crashed, .tooLarge: return nil
        case .unavailable, .abandoned, .outOfRange, .noPictures, .unsealed, .memory: throw error
        }
    }

    /// Draws pages, and has a worker read the pictures.
    private func read(
        _ command: [String], _ file: borrowing MemoryFile, count: Int
    ) throws(SandboxError) -> [PageReading] {
        let pictures = try draw(command, file, maximumOutput: count * Self.bytesPerPage + 1)
        // poppler ends with success and nothing where there is no such page.
        guard pictures.count > 0 else { throw .outOfRange }
        let result = try ask(Order(count: pictures.count, readsPages: true), pictures) {
            answer -> ([PageReading], isSound: Bool)? in
            guard let pages = answer.pages, pages.count == count, pages.allSatisfy(\.isSound) else { return nil }
            return (pages, isSound: true)
        }
        switch result {
        case .success(let pages): return pages
        case .failure(.timedOut): throw .timedOut
        case .failure: throw .crashed
        }
    }

    func measure(_ file: borrowing MemoryFile) throws(SandboxError) -> [PageSize] {
        let result = try ask(Order(count: file.count, measuresPages: true), file) {
            answer -> ([PageSize], isSound: Bool)? in
            guard let sizes = answer.sizes, sizes.allSatisfy(\.isSound) else { return nil }
            return (sizes, isSound: true)
        }
        switch result {
        case .success(let sizes): return sizes
        case .failure(.timedOut): throw .timedOut
        case .failure: throw .crashed
        }
    }

    /// The resolution of the largest picture of each page of a PDF, where there is one, by its number.
    private func resolutions(
        _ file: borrowing MemoryFile, _ pages: ClosedRange<Int>
    ) throws(SandboxError) -> [Int: PageSize.Resolution] {
        let command = [
            "pdfimages", "-list", "-f", "\(pages.lowerBound)", "-l", "\(pages.upperBound)", "/proc/self/fd/3",
        ]
        let listed: MemoryFile
        do throws(SandboxError) { listed = try draw(command, file, maximumOutput: 1 << 20) } catch {
            // Quality that is not known is no reason to lose what was read.
            _ = try Self.unknown(error)
            return [:]
        }
        return try listed.withBytes { Self.resolutions(in: String(decoding: $0, as: UTF8.self), pages) }
    }

    /// What `pdfimages -list` says: a line for each picture, with its page first, then its kind and size, and its resolution
    /// third and fourth from the end.
    private static func resolutions(in text: String, _ pages: ClosedRange<Int>) -> [Int: PageSize.Resolution] {
        var largest: [Int: Int] = [:]
        var resolutions: [Int: PageSize.Resolution] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count >= 12, let page = Int(words[0]), pages.contains(page), words[2] != "smask",
                let width = Int(words[3]), let height = Int(words[4]), (1...100_000).contains(width),
                (1...100_000).contains(height), let across = Int(words[words.count - 4]),
                let down = Int(words[words.count - 3]), width * height > largest[page] ?? 0
            else { continue }
            largest[page] = width * height
            resolutions[page] = PageSize.Resolution(across: across, down: down)
        }
        return resolutions
    }
}
