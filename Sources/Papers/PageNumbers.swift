/// Documents of pages as large as those, so many in one at the most, empty but for their numbers, which are laid over them.
func pageNumbers(on sheets: [Sheets], atMost most: Int) -> [[UInt8]] {
    let total = sheets.reduce(0) { $0 + $1.pages }
    var documents: [[UInt8]] = []
    var runs: [Sheets] = []
    var first = 1
    var count = 0

    func close() {
        guard count > 0 else { return }
        documents.append(document(runs, first: first, of: total))
        first += count
        count = 0
        runs = []
    }
    for sheet in sheets {
        var rest = sheet
        while rest.pages > 0 {
            let taken = min(rest.pages, most - count)
            runs.append(Sheets(pages: taken, width: rest.width, height: rest.height))
            count += taken
            rest.pages -= taken
            if count == most { close() }
        }
    }
    close()
    return documents
}

private func document(_ runs: [Sheets], first: Int, of total: Int) -> [UInt8] {
    var kinds: [Sheets] = []
    var body = ""
    for run in runs {
        let kind = kinds.firstIndex { $0.isAlike(run) } ?? kinds.count
        if kind == kinds.count { kinds.append(run) }
        for _ in 0..<run.pages { body += "<p class=s\(kind)></p>" }
    }
    let styles = kinds.indices.map { kind in
        """
        @page s\(kind) { size: \(pixels(kinds[kind].width)) \(pixels(kinds[kind].height)) }
        .s\(kind) { page: s\(kind) }

        """
    }
    let text = """
        <!doctype html><meta charset=utf-8><title>Page numbers</title><style>
        @page {
            margin: 0 18mm 22mm;
            @bottom-right { content: "Page " counter(page) " of \(total)"; font: 9pt 'DejaVu Sans' }
        }
        @page :first { counter-reset: page \(first) }
        p { break-before: page; margin: 0 }
        \(styles.joined())</style>\(body)
        """
    return [UInt8](text.utf8)
}

/// Hundredths of a pixel, as CSS writes them.
private func pixels(_ hundredths: Int) -> String {
    let rest = hundredths % 100
    return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)px"
}
