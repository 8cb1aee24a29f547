public import Records
import Sealing

// What somebody in the office lays between papers. It is left in trays, and lost: so it shows initials and the pupil's
// reference, and no name; and it takes no words that people typed, for those have names in them.
//
// Where its codes stand was measured (Benchmarks/sheets.py): four of them, so that a torn corner, a staple or a hole leaves
// enough; so far from the edges that a page that lies 10° askew on the glass loses none; modules of 1.6 mm, which are three
// lines of the coarsest fax.

/// A sheet to be printed.
public struct PrintedSheet: Hashable, Sendable {
    /// What it says to whoever has it in hand.
    public enum Words: Hashable, Sendable {
        /// The cover of a folder: how many separators there are, and pages in all where they were counted.
        case cover(separators: Int, pages: Int?)
        /// A separator: whose pages follow, what they are, and how many where they were counted.
        case separator(initials: Initials, reference: String, category: String, pages: Int?)
        /// The end of a folder, and how many pages should have come, where they were counted.
        case end(pages: Int?)
    }

    /// What its codes say.
    public let code: SheetCode
    /// What it says to people.
    public let words: Words

    /// A sheet of its kind, with the id by which the vault knows what it stands for.
    public init(_ id: SheetID, _ words: Words) {
        switch words {
        case .cover: code = SheetCode(.cover, id)
        case .separator: code = SheetCode(.separator, id)
        case .end: code = SheetCode(.end, id)
        }
        self.words = words
    }
}

/// A batch's sheets as a PDF, a page each, in the order in which they are to lie in the stack.
///
/// - Parameters:
///   - made: the PDF's date, in seconds since 1970. The same sheets, batch and date are the same bytes.
///   - progress: as of `Booklet.finish`.
/// - Throws: `empty` where there is no sheet, and what typesetting throws.
public func typeset(
    _ sheets: [PrintedSheet], of batch: BatchID, school: String, made: Int64, with typesetter: Typesetter,
    _ progress: (Int, Int) -> Bool = { _, _ in true }
) throws(PaperError) -> Paper {
    let names = sheets.flatMap { Array($0.code.text.utf8) } + batch.bytes
    var booklet = Booklet(
        typesetter, identifier: String(sha256(names).hex.prefix(32)), made: made, isNumbered: false)
    for start in stride(from: 0, to: sheets.count, by: sheetsPerPart) {
        let end = min(start + sheetsPerPart, sheets.count)
        let pages = (start..<end).map {
            page(sheets[$0], number: $0 + 1, of: sheets.count, batch: batch, school: school)
        }
        try booklet.add(Array(document(pages).utf8))
    }
    return try booklet.finish(progress)
}

private let sheetsPerPart = 50

private func document(_ pages: [String]) -> String {
    """
    <!doctype html>
    <html lang="en-GB"><head><meta charset="utf-8"><title>Sheets for scanning</title><style>
    @page { size: A4; margin: 0 }
    html { font: 13pt/1.35 "DejaVu Sans", FreeSans, FreeSerif, "Droid Sans Fallback", Symbola; color: #000 }
    body, p, h1 { margin: 0 }
    section { position: relative; width: 210mm; height: 297mm; overflow: hidden; break-after: page }
    section:last-child { break-after: auto }
    .code { position: absolute; width: 46mm; height: 46mm }
    .title, .middle, .foot { position: absolute; text-align: center }
    .title { left: 69mm; right: 69mm; top: 34mm; height: 46mm }
    .middle { left: 19mm; right: 19mm; top: 88mm; height: 122mm; overflow: hidden }
    .foot { left: 69mm; right: 69mm; bottom: 34mm; height: 46mm; font-size: 10pt }
    h1 { font-size: 23pt; line-height: 1.1; text-transform: uppercase; margin-bottom: 3mm }
    .whose { font-size: 54pt; font-weight: bold; line-height: 1.1; margin-top: 1mm }
    .reference { font-size: 27pt; font-weight: bold }
    .said { font-size: 18pt; margin-top: 2mm }
    .said b { font-size: 24pt }
    .do { font-size: 11.5pt; margin: 5mm 0 0; text-align: left; border: 1.2pt solid #000; padding: 2.5mm 5mm }
    .do p + p { margin-top: 0.8mm }
    .typed { font: 9.5pt/1.4 "DejaVu Sans Mono"; margin-top: 2mm }
    .school { position: absolute; left: 19mm; right: 19mm; bottom: 21mm; text-align: center; font-size: 9pt }
    .bar { position: absolute; left: 19mm; right: 19mm; height: 7mm; background: #000 }
    </style></head><body>
    \(pages.joined())
    </body></html>
    """
}

private func page(_ sheet: PrintedSheet, number: Int, of count: Int, batch: BatchID, school: String) -> String {
    guard let qr = QRCode(sheet.code.text, correction: .high) else {
        preconditionFailure("35 characters fit into a code")
    }
    // Without the quiet zone: the paper around it is free.
    let picture =
        "<svg viewBox='4 4 \(qr.side - 8) \(qr.side - 8)' shape-rendering='crispEdges'><path d='\(qr.path)'/></svg>"
    let corners = ["left:19mm;top:34mm", "right:19mm;top:34mm", "left:19mm;bottom:34mm", "right:19mm;bottom:34mm"]
    let codes = corners.map { "<div class='code' style='\($0)'>\(picture)</div>" }.joined()
    let title: String
    let middle: String
    var bar = ""
    switch sheet.words {
    case .cover(let separators, let pages):
        title = "Cover sheet"
        bar = "<div class='bar' style='top:18mm'></div>"
        middle = """
            <p class="said">A folder begins here.</p>
            <p class="said"><b>\(separators)</b> separator sheet\(separators == 1 ? "" : "s") in it</p>
            <p class="said">Pages expected in the whole folder: <b>\(counted(pages))</b></p>
            \(steps(
                "Lay this sheet <b>on top of the whole folder</b>, above the first separator sheet.",
                "One end-of-folder sheet goes under the last page."))
            """
    case .separator(let initials, let reference, let category, let pages):
        title = "Separator sheet"
        middle = """
            <p class="said">The pages under this sheet belong to</p>
            <p class="whose">\(escaped(initials.text))</p>
            <p class="reference">\(escaped(reference))</p>
            <p class="said">\(escaped(category))</p>
            <p class="said">Pages expected: <b>\(counted(pages))</b></p>
            \(steps("Lay this sheet <b>on top of these pages</b> and scan it with them."))
            """
    case .end(let pages):
        title = "End of folder"
        bar = "<div class='bar' style='bottom:12mm'></div>"
        middle = """
            <p class="said">The folder ends here.</p>
            <p class="said">Pages expected in the whole folder: <b>\(counted(pages))</b></p>
            \(steps(
                "Lay this sheet <b>under the last page of the folder</b>.",
                "Nothing that lies under it is given to a pupil."))
            """
    }
    return """
        <section>\(codes)\(bar)
        <div class="title"><h1>\(title)</h1><p>Sheet <b>\(number)</b> of \(count)</p>
        <p>Batch \(Crockford.grouped(String(batch.text.prefix(8)).uppercased()))</p></div>
        <div class="middle">\(middle)</div>
        <div class="foot"><p>If this sheet was not recognised, type this at the checking desk:</p>
        <p class="typed">\(lines(of: sheet.code.grouped))</p></div>
        <p class="school">\(escaped(school))</p>
        </section>
        """
}

/// What to do, with what holds for every sheet.
private func steps(_ own: String...) -> String {
    let all =
        own + [
            "Its printed side faces the way the pages face. Either end may go first.",
            "Do not fold it. Keep pens, stickers and staples off the four squares.",
            "Pages are sides with something on them. This sheet is not counted.",
        ]
    return "<div class='do'>" + all.map { "<p>\($0)</p>" }.joined() + "</div>"
}

private func counted(_ pages: Int?) -> String { pages.map(String.init) ?? "not counted" }

/// Three groups of four in a line.
private func lines(of grouped: String) -> String {
    let groups = grouped.split(separator: "-").map(String.init)
    return stride(from: 0, to: groups.count, by: 3).map { start in
        groups[start..<min(start + 3, groups.count)].joined(separator: "-")
    }.joined(separator: "<br>")
}

func escaped(_ text: String) -> String {
    var out = ""
    for character in text {
        switch character {
        case "&": out += "&amp;"
        case "<": out += "&lt;"
        case ">": out += "&gt;"
        case "\"": out += "&quot;"
        case "'": out += "&#39;"
        default: out.append(character)
        }
    }
    return out
}
