import Custody
import Records

/// How a document is looked at: page by page as pictures, or as its text. A Word document can be looked at as either, where
/// LibreOffice is installed.
struct Looking {
    let sheet: Sheet?
    let text: String?
    /// The other way, where there is one.
    let otherwise: Link?

    /// Types that are looked at as text.
    static let textTypes: Set<String> = ["text/plain", "message/rfc822", word]
    private static let word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

    /// Whether pages of this type can be drawn.
    static func hasPages(_ mediaType: String) -> Bool {
        !textTypes.contains(mediaType) || mediaType == word && Vault.drawsWord
    }

    /// - Parameters:
    ///   - path: the document's own page.
    ///   - pages: how many it has, where its type has pages.
    ///   - text: gives its text.
    ///   - count: how many pages can be drawn of a document that has none by itself.
    init(
        _ visit: Visit, of reference: String, at path: String, _ mediaType: String, pages: Int?,
        text: () throws -> String,
        count: () throws -> Int
    ) throws {
        let isEither = mediaType == Self.word && Vault.drawsWord
        let asPages = isEither && visit.query["as"] == "pages"
        guard !Self.textTypes.contains(mediaType) || asPages else {
            sheet = nil
            self.text = try text()
            otherwise = isEither ? Link(href: path + "?as=pages#sheet", text: "Look at it as printed pages") : nil
            return
        }
        let pages = asPages ? try count() : max(pages ?? 1, 1)
        let page = try visit.number("page", in: 1...pages, otherwise: 1)
        sheet = Sheet(of: reference, at: path, page: page, pages: pages, width: try visit.sheetWidth, asPages: asPages)
        self.text = nil
        otherwise = asPages ? Link(href: path + "#sheet", text: "Look at its text") : nil
    }
}

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
    /// Whether it is the pages of a document that is its text otherwise.
    let asPages: Bool
    let zooms: [Zoom]

    private static let widths = [600, 900, 1200, 1600, 2200]
    fileprivate static let usualWidth = 900

    /// - Parameter path: the document's own page; its pictures lie below.
    init(of reference: String, at path: String, page: Int, pages: Int, width: Int, asPages: Bool = false) {
        func address(_ page: Int, _ width: Int) -> String {
            "\(path)?\(asPages ? "as=pages&" : "")page=\(page)" + (width == Self.usualWidth ? "" : "&width=\(width)")
                + "#sheet"
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
        self.asPages = asPages
        zooms = zip(Self.widths, ["Smaller", "Fit", "Larger", "Very large", "Largest"]).map { each, name in
            Zoom(href: address(page, each), text: name, isCurrent: each == width)
        }
    }
}

extension Sheet {
    /// What the page's title says besides: which page, of several.
    var title: String { several ? ", page \(page) of \(pages)" : "" }
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
