package import Sandbox

/// A finished PDF.
public struct Paper: ~Copyable, Sendable {
    /// How many pages it has.
    public let pages: Int
    /// The PDF, sealed.
    package let file: MemoryFile

    /// How many bytes it has.
    public var count: Int { file.count }

    /// Gives the bytes, mapped for reading and not copied.
    public borrowing func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) throws(PaperError) -> R {
        do throws(SandboxError) { return try file.withBytes(body) } catch { throw PaperError(error) }
    }
}

/// A PDF made of parts, each a whole HTML document of its own pages, numbered through: "Page 3 of 41" stands at the bottom
/// right of each.
///
/// A part's `@page` leaves that place free: 18 mm from the right edge, in the middle of the lowest 22 mm. The first part's
/// title, language and bookmarks are the whole's; a link within the document leads somewhere only in the first part.
/// Parts, and what becomes of them, lie in memory files: this process's own memory does not grow with them.
public struct Booklet: ~Copyable, Sendable {
    /// How many rows of a table a part best has. A run takes 117 MB and 1.2 MB a page: 160 MB where seven rows are a page, and
    /// less than 250 as long as two are. A part of twice as many takes an eighth less time for a row, of half as many a
    /// quarter more.
    public static let rowsPerPart = 250

    private let typesetter: Typesetter
    private let identifier: String
    private let made: Int64
    private let isNumbered: Bool
    private let mostJoined: Int
    private let mostNumbered: Int
    private var parts: [Part] = []

    /// A booklet without parts.
    ///
    /// - Parameters:
    ///   - identifier: 32 lower-case hexadecimal digits, the PDF's identifier. Same parts, identifier and date make the
    ///     same bytes.
    ///   - made: the PDF's date, in seconds since 1970.
    ///   - isNumbered: whether the pages are numbered; those of separate sheets are not.
    public init(_ typesetter: Typesetter, identifier: String, made: Int64, isNumbered: Bool = true) {
        // 64 descriptors and one for the numbers; a page without anything else takes WeasyPrint 50 KB of memory and 3 ms.
        self.init(
            typesetter, identifier: identifier, made: made, isNumbered: isNumbered, mostJoined: 64, mostNumbered: 1000)
    }

    /// - Parameters:
    ///   - mostJoined: how many parts one run of qpdf joins.
    ///   - mostNumbered: how many pages one run of WeasyPrint numbers.
    package init(
        _ typesetter: Typesetter, identifier: String, made: Int64, isNumbered: Bool = true, mostJoined: Int,
        mostNumbered: Int
    ) {
        precondition(identifier.utf8.count == 32, "an identifier has 32 digits")
        precondition(identifier.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) })
        self.typesetter = typesetter
        self.identifier = identifier
        self.made = made
        self.isNumbered = isNumbered
        self.mostJoined = mostJoined
        self.mostNumbered = mostNumbered
    }

    /// How many pages there are so far.
    public var pages: Int { sheets.reduce(0) { $0 + $1.pages } }

    private var sheets: [Sheets] { parts.flatMap(\.sheets) }

    /// Typesets one part, in UTF-8. Blocks for seconds, and while another one is typeset.
    public mutating func add(_ html: [UInt8]) throws(PaperError) {
        parts.append(try part(html))
    }

    /// Numbers the pages, where they are to be, and joins the parts into one PDF.
    ///
    /// - Parameter progress: called with what is done and what there is to do, before each step and after the last; where it
    ///   gives false, `stopped` is thrown.
    public consuming func finish(_ progress: (Int, Int) -> Bool) throws(PaperError) -> Paper {
        guard !parts.isEmpty else { throw .empty }
        let pages = pages
        let documents = isNumbered ? pageNumbers(on: sheets, atMost: mostNumbered) : []
        var parts = self.parts
        self.parts = []
        let count =
            documents.count + joins(of: documents.count) + (documents.count > 1 ? 1 : 0)
            + joins(of: parts.count) + 1
        var done = 0
        func next() throws(PaperError) {
            guard progress(done, count) else { throw .stopped }
            done += 1
        }

        var numbers: [Part] = []
        for document in documents {
            try next()
            numbers.append(try part(document))
        }
        try reduce(&numbers, next)
        if numbers.count > 1 {
            try next()
            numbers = [Part(joined: try join(numbers))]
        }
        // What was joined is let go at once.
        try reduce(&parts, next)
        try next()
        let whole = try join(parts, under: numbers.first)
        guard try typesetter.pages(of: whole) == pages else { throw .crashed }
        try next()
        return Paper(pages: pages, file: whole)
    }

    private func part(_ html: [UInt8]) throws(PaperError) -> Part {
        try typesetter.typeset(html, identifier: identifier, made: made)
    }

    /// How many runs it takes until no more than that are left.
    private func joins(of count: Int) -> Int {
        guard count > mostJoined else { return 0 }
        let groups = (count + mostJoined - 1) / mostJoined
        return groups + joins(of: groups)
    }

    /// Joins parts until one more run can join the rest.
    private func reduce(_ parts: inout [Part], _ next: () throws(PaperError) -> Void) throws(PaperError) {
        while parts.count > mostJoined {
            var joined: [Part] = []
            while !parts.isEmpty {
                try next()
                let group = Array(parts.prefix(mostJoined))
                joined.append(Part(joined: try join(group)))
                parts.removeFirst(group.count)
            }
            parts = joined
        }
    }

    /// One PDF of several, with the first one's catalogue: XMP, output intent, language, bookmarks.
    private func join(_ parts: [Part], under numbers: Part? = nil) throws(PaperError) -> MemoryFile {
        // PDF/A asks for a line break before `endstream`. The identifier's second half is made of the content.
        var arguments = ["--deterministic-id", "--newline-before-endstream", "/proc/self/fd/3"]
        if parts.count > 1 {
            arguments += ["--pages", "."] + (1..<parts.count).map { "/proc/self/fd/\(3 + $0)" } + ["--"]
        }
        if numbers != nil { arguments += ["--overlay", "/proc/self/fd/\(3 + parts.count)", "--"] }
        let files = parts.map { $0.file.descriptor } + (numbers.map { [$0.file.descriptor] } ?? [])
        return try withExtendedLifetime((parts, numbers)) { () throws(PaperError) -> MemoryFile in
            try typesetter.qpdf(arguments + ["-"], on: files)
        }
    }
}
