import Sandbox

/// Pages alike: how many, and their size in hundredths of a CSS pixel.
struct Sheets: Equatable, Sendable {
    var pages: Int
    let width: Int
    let height: Int

    func isAlike(_ other: Sheets) -> Bool { width == other.width && height == other.height }
}

/// A PDF that was typeset, in a sealed memory file.
final class Part: Sendable {
    let file: MemoryFile
    let sheets: [Sheets]

    /// Parts that were joined; of their sizes nothing more is asked.
    init(joined file: consuming MemoryFile) {
        self.file = file
        self.sheets = []
    }

    /// What the script in the sandbox wrote. It has read what people wrote, so its numbers are looked at: they are bounded,
    /// and a wrong number of pages is found when the paper is finished.
    init(_ output: consuming MemoryFile) throws(SandboxError) {
        var file = output
        guard let (length, sheets) = try file.withBytes(Self.ending) else { throw .crashed }
        try file.cut(to: length)
        try file.seal()
        self.file = file
        self.sheets = sheets
    }

    private static func ending(of bytes: UnsafeRawBufferPointer) -> (length: Int, sheets: [Sheets])? {
        func number(at offset: Int, bytes count: Int) -> UInt64 {
            bytes[offset..<offset + count].reduce(0) { $0 << 8 | UInt64($1) }
        }
        guard bytes.count > 8, let length = Int(exactly: number(at: bytes.count - 8, bytes: 8)),
            length < bytes.count - 8, (bytes.count - 8 - length).isMultiple(of: 12),
            bytes.starts(with: "%PDF-".utf8)
        else { return nil }
        let sheets = stride(from: length, to: bytes.count - 8, by: 12).map { offset in
            Sheets(
                pages: Int(number(at: offset, bytes: 4)), width: Int(number(at: offset + 4, bytes: 4)),
                height: Int(number(at: offset + 8, bytes: 4)))
        }
        // WeasyPrint itself draws no page smaller than a pixel; a PDF's are 200 inches wide at the most.
        guard
            sheets.allSatisfy({
                $0.pages > 0 && (100...1_920_000).contains($0.width) && (100...1_920_000).contains($0.height)
            })
        else { return nil }
        return (length, sheets)
    }
}
