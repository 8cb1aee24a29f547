import Glibc

// A page of a scan is drawn by one renderer and read by tesseract in another sandbox, so that what the picture may do to the
// one does not reach the other. Both pass it through memory.

extension Inspector {
    /// The longer side of the pictures that are read, in pixels: 200 dpi of A4. At 300 dpi tesseract finds no more words on the
    /// sample scans, and takes a third longer.
    private static let side = 2340
    /// The most that tesseract may say of one page, in bytes: some fifty for each word.
    private static let mostOfPage = 2 << 20
    /// Below this, of a hundred, a page is likely to be upside down or on its side: tesseract is sure of most words otherwise (75
    /// to 95 on the sample scans, and 36 where they are turned).
    private static let leastSure = 55.0
    /// Where Debian keeps what tesseract knows of languages.
    private static let languages = "/usr/share/tesseract-ocr/5/tessdata"

    /// Which of these languages tesseract is not installed with, by its own names (`eng`).
    public static func missing(_ wanted: [String]) -> [String] {
        wanted.filter { access("\(languages)/\($0).traineddata", R_OK) != 0 }
    }

    /// The text that a sealed, accepted PDF brings along for each of these pages, in their order; empty for a scan. Together at
    /// most 8 MiB, and nothing of a page beyond that.
    public func ownTexts(
        of file: borrowing MemoryFile, pages: ClosedRange<Int>
    ) throws(SandboxError) -> [String] {
        guard file.isSealed else { throw .unsealed }
        guard pages.lowerBound >= 1, pages.upperBound <= 1_000_000 else { throw .outOfRange }
        let command = [
            "pdftotext", "-q", "-enc", "UTF-8", "-f", "\(pages.lowerBound)", "-l", "\(pages.upperBound)",
            "/proc/self/fd/3", "-",
        ]
        let text = String(decoding: try render(command, file, maximumOutput: 8 << 20, cuts: true), as: UTF8.self)
        var texts = text.split(separator: "\u{c}", omittingEmptySubsequences: false).prefix(pages.count).map(
            String.init)
        texts += Array(repeating: "", count: pages.count - texts.count)
        return texts
    }

    /// The text that tesseract reads on one page of a sealed, accepted PDF, TIFF, JPEG, PNG or HEIC; also of a page that is upside
    /// down or on its side. Empty where there is none to be read.
    ///
    /// Blocks for one to three seconds of one core, and gives way to every other program meanwhile.
    ///
    /// - Parameters:
    ///   - page: counted from 1.
    ///   - languages: by tesseract's names, such as `eng`; all installed.
    /// - Throws: `outOfRange`; `noPictures` for text, DOCX and EML; `timedOut`; `crashed`; `tooLarge`;
    ///   `unavailable` where tesseract is not installed.
    public func recognisedText(
        of file: borrowing MemoryFile, mediaType: String, page: Int, languages: [String]
    ) throws(SandboxError) -> RecognisedPage {
        guard file.isSealed else { throw .unsealed }
        guard (1...1_000_000).contains(page), !languages.isEmpty else { throw .outOfRange }
        let vips = ["--size", "\(Self.side)x\(Self.side)>", "--export-profile", "srgb", "-o", ".pgm"]
        let command: [String]
        switch mediaType {
        case "application/pdf":
            command = [
                "pdftoppm", "-q", "-gray", "-f", "\(page)", "-l", "\(page)", "-singlefile", "-scale-to", "\(Self.side)",
                "/proc/self/fd/3",
            ]
        case "image/tiff", "image/heic": command = ["vipsthumbnail", "/proc/self/fd/3[page=\(page - 1)]"] + vips
        case "image/jpeg", "image/png":
            guard page == 1 else { throw .outOfRange }
            command = ["vipsthumbnail", "/proc/self/fd/3"] + vips
        default: throw .noPictures
        }
        let picture = try draw(command, file, maximumOutput: Self.side * Self.side + 257)
        guard picture.count > 0 else { throw .outOfRange }
        let asIs = try read(picture, "3", languages)
        guard asIs.hasWords, asIs.sureness < Self.leastSure else { return asIs }
        // Which way up it is takes tesseract a third longer to find out, so it is asked for such pages alone.
        let turned = try read(picture, "1", languages)
        return turned.sureness > asIs.sureness ? turned : asIs
    }

    private func read(
        _ picture: borrowing MemoryFile, _ segmentation: String, _ languages: [String]
    ) throws(SandboxError) -> RecognisedPage {
        // By default tesseract takes every core, and six times as long.
        let said = try tesseract().make(
            [
                "/usr/bin/env", "OMP_THREAD_LIMIT=1", "TESSDATA_PREFIX=\(Self.languages)", "tesseract",
                "/proc/self/fd/3", "-",
                "-l", languages.joined(separator: "+"), "--psm", segmentation, "tsv",
            ], from: [picture.descriptor])
        return try said.withBytes { RecognisedPage(tabbed: String(decoding: $0, as: UTF8.self)) }
    }

    private func tesseract() -> Tool {
        var tool = tool(seconds: secondsOfPage, maximumOutput: Self.mostOfPage)
        tool.name = "tesseract"
        tool.memoryMiB = 1024
        tool.givesWay = true
        return tool
    }
}

/// What tesseract read on a page.
public struct RecognisedPage: Sendable {
    /// The words, in lines; empty where there are none.
    public private(set) var text = ""
    /// How sure it is of a word, on average, of a hundred: 75 to 90 of print on the sample scans, 60 to 67 of handwriting.
    public private(set) var sureness = 0.0
    private(set) var hasWords = false

    /// Reads tesseract's TSV: for each word level 5, page, block, paragraph, line, word, four numbers of its place, how sure, word.
    init(tabbed: String) {
        var line: [Substring] = []
        var (sum, count) = (0.0, 0)
        for row in tabbed.split(separator: "\n") {
            let columns = row.split(separator: "\t", omittingEmptySubsequences: false)
            guard columns.count == 12, columns[0] == "5", let sure = Double(columns[10]), (0...100).contains(sure)
            else {
                continue
            }
            let word = columns[11].filter { $0 != "\u{c}" }
            guard !word.allSatisfy(\.isWhitespace) else { continue }
            let place = Array(columns[1...4])
            if count > 0 { text += place == line ? " " : "\n" }
            text += word
            line = place
            (sum, count) = (sum + sure, count + 1)
        }
        hasWords = count > 0
        sureness = count > 0 ? sum / Double(count) : 0
    }
}
