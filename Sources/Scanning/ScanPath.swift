import Foundation

/// A file's place below a scan folder, in the file system's own bytes: what a copier writes need not be UTF-8.
public struct ScanPath: Hashable, Sendable {
    /// Its folders and its name, without any `/`.
    public let parts: [[UInt8]]

    /// A place of these parts; the last one is the file's name.
    public init(_ parts: [[UInt8]]) { self.parts = parts }

    /// A place as it is written, for what is UTF-8.
    public init(_ text: String) { parts = text.utf8.split(separator: UInt8(ascii: "/")).map(Array.init) }

    /// The file's own name.
    public var name: [UInt8] { parts.last ?? [] }

    /// A name for people and for the record: UTF-8, or else Latin 1, which old copiers write.
    public static func text(of name: [UInt8]) -> String {
        String(validating: name, as: UTF8.self) ?? String(String.UnicodeScalarView(name.map { Unicode.Scalar($0) }))
    }
}

/// What names of files in a scan folder say of them.
public enum ScanName {
    /// Endings of names that programs give to what they are still writing.
    public static let passingEndings: Set<String> = [
        "tmp", "temp", "part", "partial", "filepart", "crdownload", "download", "lck", "lock", "swp", "writing",
    ]
    /// Files that desktops leave in every folder they look into.
    static let desktopNames: Set<String> = ["thumbs.db", "desktop.ini"]

    /// Whether a file of this name is left alone until it has another: `.scan.pdf`, `~scan.pdf`, `scan.pdf~`, `scan.pdf.part`.
    public static func isPassing(_ name: [UInt8]) -> Bool {
        guard let first = name.first, let last = name.last else { return true }
        if first == UInt8(ascii: ".") || first == UInt8(ascii: "~") || last == UInt8(ascii: "~") { return true }
        let text = ScanPath.text(of: name).lowercased()
        if desktopNames.contains(text) { return true }
        guard let dot = text.lastIndex(of: ".") else { return false }
        return passingEndings.contains(String(text[text.index(after: dot)...]))
    }

    /// The name that a file moved aside gets as the n-th of its kind: `scan.pdf`, `scan-2.pdf`. At most 200 bytes, so that
    /// there is room for the note's ending.
    public static func numbered(_ name: [UInt8], _ number: Int) -> [UInt8] {
        let dot = name.lastIndex(of: UInt8(ascii: ".")).flatMap { $0 > 0 && name.count - $0 <= 20 ? $0 : nil }
        let ending = dot.map { Array(name[$0...]) } ?? []
        let mark = number == 1 ? [] : Array("-\(number)".utf8)
        var stem = Array(name[..<(dot ?? name.count)])
        let most = 200 - ending.count - mark.count
        if stem.count > most {
            stem.removeLast(stem.count - most)
            // Not in the middle of a letter of more bytes.
            while let last = stem.last, last & 0xC0 == 0x80 { stem.removeLast() }
            if let last = stem.last, last & 0xC0 == 0xC0 { stem.removeLast() }
        }
        return stem + mark + ending
    }
}
