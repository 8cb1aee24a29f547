import Records

/// A page of a document as a picture, with what leads to its other pages and to other sizes.
struct Sheet {
    struct Zoom {
        let href: String
        let text: String
        let isCurrent: Bool
    }
    let path: String
    let picture: String
    let alternative: String
    let page: Int
    let pages: Int
    let width: Int
    let widthClass: String
    let previous: String?
    let next: String?
    let several: Bool
    let zooms: [Zoom]

    private static let widths = [600, 900, 1200, 1600, 2200]
    fileprivate static let usualWidth = 900

    /// - Parameter path: the document's own page; its pictures lie below.
    init(of reference: String, at path: String, page: Int, pages: Int, width: Int) {
        func address(_ page: Int, _ width: Int) -> String {
            "\(path)?page=\(page)" + (width == Self.usualWidth ? "" : "&width=\(width)") + "#sheet"
        }
        self.path = path
        picture = "\(path)/pages/\(page)?width=\(width)"
        alternative = "Page \(page) of \(pages) of \(reference)"
        self.page = page
        self.pages = pages
        self.width = width
        widthClass = "w\(Self.widths.last { $0 <= width } ?? 600)"
        previous = page > 1 ? address(page - 1, width) : nil
        next = page < pages ? address(page + 1, width) : nil
        several = pages > 1
        zooms = zip(Self.widths, ["Smaller", "Fit", "Larger", "Very large", "Largest"]).map { each, name in
            Zoom(href: address(page, each), text: name, isCurrent: each == width)
        }
    }
}

extension Visit {
    /// How wide a page's picture is asked for, in pixels.
    var sheetWidth: Int {
        get throws(Fault) { try number("width", in: 300...3000, otherwise: Sheet.usualWidth) }
    }
}

extension Reply {
    /// A page's picture, of the type that it is.
    static func picture(_ bytes: [UInt8]) -> Reply {
        .bytes(bytes, bytes.starts(with: [0xFF, 0xD8]) ? "image/jpeg" : "image/png")
    }
}
