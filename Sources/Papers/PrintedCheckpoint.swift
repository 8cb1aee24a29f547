import Sealing

// A page with the ledger's checkpoint, to be printed and filed where nobody who can write in the vault can reach it. Whoever opens
// the folder in ten years has this page and no manual: so it says what it is for, and how it is held against the record.

/// A checkpoint on paper.
public struct PrintedCheckpoint: Hashable, Sendable {
    /// A note and what it is.
    public struct Note: Hashable, Sendable {
        /// The signed note (C2SP), as it is.
        public let text: String
        /// How many statements it has, as people read a number.
        public let size: String
        /// Who cosigned it, by name.
        public let witnesses: [String]

        /// A note.
        public init(text: String, size: String, witnesses: [String]) {
            self.text = text
            self.size = size
            self.witnesses = witnesses
        }
    }
    /// What people call the sheet.
    public let reference: String
    /// The school.
    public let school: String
    /// When it was recorded, as people read it.
    public let recorded: String
    /// The same in seconds since 1970: the PDF's date.
    public let made: Int64
    /// Who printed it.
    public let madeBy: String
    /// The vault's words, as on the recovery sheets.
    public let vaultWords: String
    /// The newest checkpoint.
    public let newest: Note
    /// The newest that was cosigned, where it is another.
    public let cosigned: Note?

    /// A sheet with all of these.
    public init(
        reference: String, school: String, recorded: String, made: Int64, madeBy: String, vaultWords: String,
        newest: Note, cosigned: Note?
    ) {
        self.reference = reference
        self.school = school
        self.recorded = recorded
        self.made = made
        self.madeBy = madeBy
        self.vaultWords = vaultWords
        self.newest = newest
        self.cosigned = cosigned
    }

    /// One page of A4 as a PDF. The same sheet is the same bytes. Blocks for a second or two.
    public func typeset(with typesetter: Typesetter) throws(PaperError) -> Paper {
        let text = reference + newest.text + (cosigned?.text ?? "")
        var booklet = Booklet(
            typesetter, identifier: String(sha256(Array(text.utf8)).hex.prefix(32)), made: made, isNumbered: false)
        try booklet.add(Array(html.utf8))
        return try booklet.finish { _, _ in true }
    }

    private var html: String {
        """
        <!doctype html>
        <html lang="en-GB"><head><meta charset="utf-8"><title>Checkpoint \(escaped(reference))</title><style>
        @page { size: A4; margin: 16mm 18mm }
        html { font: 9.5pt/1.4 "DejaVu Sans", FreeSans, FreeSerif, "Droid Sans Fallback", Symbola; color: #000 }
        body, p, h1, h2, ol { margin: 0 }
        h1 { font-size: 19pt; line-height: 1.2 }
        h2 { font-size: 11pt; margin: 4mm 0 1mm }
        p, li { margin-bottom: 1.2mm; overflow-wrap: anywhere }
        ol { padding-left: 6mm }
        .facts { margin: 2mm 0 3mm; font-size: 10.5pt }
        .note { position: relative; border: 0.6pt solid #000; margin-top: 2mm; break-inside: avoid }
        .note svg { position: absolute; left: 1mm; top: 1mm; display: block }
        .note p { margin: 3mm 3mm 0 0 }
        pre { font: 7.5pt/1.35 "DejaVu Sans Mono"; white-space: pre-wrap; overflow-wrap: anywhere; margin: 1mm 3mm 2mm 0 }
        .command { font: 8.5pt/1.4 "DejaVu Sans Mono" }
        </style></head><body>
        <p>\(escaped(school))</p>
        <h1>Checkpoint of the safeguarding record</h1>
        <p class="facts">Sheet <b>\(escaped(reference))</b> · \(escaped(recorded)) · printed by \(escaped(madeBy)) ·
        <b>\(escaped(newest.size))</b> statements</p>
        \(block(newest, "The newest checkpoint", side: cosigned == nil ? 74 : 58))
        \(cosigned.map { block($0, "The newest checkpoint that a witness cosigned", side: 50) } ?? "")
        <h2>What this page is for</h2>
        <p>Every act in the school’s safeguarding record is a statement in a list that only ever grows. The text above is the
        list’s fingerprint on this day, signed by the vault. If anybody later removed, changed or put back a statement that was there
        on this day, even with the vault’s own keys, the list would no longer agree with this page. It says nothing about any child.</p>
        <p><b>File it where nobody who can write in the vault can reach it</b>: in a locked cabinet in another office, or with the chair
        of governors. Keep every one of these sheets; the oldest are worth the most.</p>
        <h2>How to check it, years later</h2>
        <ol>
        <li>Read the code with any telephone or scanner, and save its text as <span class="command">held.txt</span>. If the code is
        damaged, type the first three lines of the text: they are enough.</li>
        <li>Where the vault or a backup of it lies: <span class="command">strongroom verify --vault FOLDER --since held.txt</span></li>
        <li>It answers that the ledger goes on from this checkpoint, with its date; or that it does not: then keep this page and the
        vault as they are, and tell the safeguarding lead, the governors and, where a court relies on the record, the court.</li>
        </ol>
        <p>Without this software: the text is a signed note and checkpoint after C2SP (c2sp.org/tlog-checkpoint), its second line the
        number of statements and its third the root of their RFC 6962 tree, which any program can compute from the vault’s file. The
        vault’s words, as on its recovery sheets: <b>\(escaped(vaultWords))</b>.</p>
        </body></html>
        """
    }

    private func block(_ note: Note, _ title: String, side: Int) -> String {
        let code = QRCode(note.text).map { qr in
            "<svg width='\(side)mm' height='\(side)mm' viewBox='0 0 \(qr.side) \(qr.side)' shape-rendering='crispEdges'>"
                + "<path d='\(qr.path)'/></svg>"
        }
        let seen =
            note.witnesses.isEmpty ? "" : "<p>Cosigned by \(escaped(note.witnesses.joined(separator: ", ")))</p>"
        let room = code == nil ? "padding-left: 3mm" : "min-height: \(side + 2)mm; padding-left: \(side + 4)mm"
        return """
            <div class="note" style="\(room)">\(code ?? "")<p><b>\(title)</b>, \(escaped(note.size)) statements</p>\(seen)
            <pre>\(escaped(note.text))</pre></div>
            """
    }
}
