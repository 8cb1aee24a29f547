// The little of XML that DOCX parts are written in: elements, attributes, text. No document type, so no entities of
// their own, so no bombs. Nothing is built: one pass hands events out.
struct XML {
    enum Event {
        /// An element begins; its name is without the prefix. An empty element begins and ends.
        case open(name: String, attributes: [String: String])
        case close(name: String)
        case text(String)
    }

    private let bytes: UnsafeRawBufferPointer
    private var offset = 0
    private var pending: Event?

    /// Whether the end was reached properly; false as soon as something was not XML of this kind.
    private(set) var isWell = true

    /// In UTF-8 alone: Word reads other encodings too, and would find in them what is not seen here.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        if bytes.has([0xef, 0xbb, 0xbf]) { offset = 3 }
        let start = bytes[offset...].firstIndex { !isSpace($0) } ?? bytes.count
        isWell = bytes.has("<", at: start) && bytes.first([0]) == nil
        if isWell, bytes.has("<?xml", at: start), let end = bytes.first("?>", from: start) {
            let encoding = attributes(start + 5..<end)["encoding"]?.lowercased() ?? "utf-8"
            isWell = encoding == "utf-8" || encoding == "us-ascii"
        }
    }

    mutating func next() -> Event? {
        if let event = pending {
            pending = nil
            return event
        }
        while isWell, offset < bytes.count {
            guard bytes[offset] == UInt8(ascii: "<") else {
                let end = index(of: UInt8(ascii: "<"), from: offset) ?? bytes.count
                defer { offset = end }
                return .text(decoded(offset..<end))
            }
            if bytes.has("<!--", at: offset) {
                skip(past: "-->")
            } else if bytes.has("<![CDATA[", at: offset) {
                guard let end = bytes.first("]]>", from: offset) else { break }
                defer { offset = end + 3 }
                return .text(String(decoding: bytes[(offset + 9)..<end], as: UTF8.self))
            } else if bytes.has("<?", at: offset) {
                skip(past: "?>")
            } else if bytes.has("<!", at: offset) {
                break
            } else {
                return element()
            }
        }
        if offset < bytes.count { isWell = false }
        return nil
    }

    private mutating func skip(past mark: StaticString) {
        guard let end = bytes.first(mark, from: offset) else {
            isWell = false
            return
        }
        offset = end + mark.utf8CodeUnitCount
    }

    private func index(of byte: UInt8, from start: Int) -> Int? { bytes[start...].firstIndex(of: byte) }

    private mutating func element() -> Event? {
        // Quotes may hold ">", so the end is looked for with them in mind.
        var end = offset + 1
        var quote: UInt8 = 0
        while end < bytes.count {
            let byte = bytes[end]
            if quote != 0 {
                if byte == quote { quote = 0 }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            } else if byte == UInt8(ascii: ">") {
                break
            }
            end += 1
        }
        guard end < bytes.count else {
            isWell = false
            return nil
        }
        var inside = offset + 1..<end
        offset = end + 1
        if bytes[inside.lowerBound] == UInt8(ascii: "/") {
            return .close(name: localName(decoded(inside.lowerBound + 1..<inside.upperBound)))
        }
        let isEmpty = !inside.isEmpty && bytes[inside.upperBound - 1] == UInt8(ascii: "/")
        if isEmpty { inside = inside.lowerBound..<inside.upperBound - 1 }
        let nameEnd = inside.first { isSpace(bytes[$0]) } ?? inside.upperBound
        let name = localName(decoded(inside.lowerBound..<nameEnd))
        if isEmpty { pending = .close(name: name) }
        return .open(name: name, attributes: attributes(nameEnd..<inside.upperBound))
    }

    private func attributes(_ range: Range<Int>) -> [String: String] {
        var result: [String: String] = [:]
        var at = range.lowerBound
        while true {
            while at < range.upperBound, isSpace(bytes[at]) { at += 1 }
            guard let equals = bytes[at..<range.upperBound].firstIndex(of: UInt8(ascii: "=")) else { return result }
            var value = equals + 1
            while value < range.upperBound, isSpace(bytes[value]) { value += 1 }
            guard value < range.upperBound else { return result }
            guard let end = bytes[(value + 1)..<range.upperBound].firstIndex(of: bytes[value]) else { return result }
            let name = decoded(at..<equals).filter { !$0.isWhitespace }
            result[localName(name)] = decoded(value + 1..<end)
            at = end + 1
        }
    }

    private func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 10 || byte == 13 }

    private func localName(_ name: String) -> String {
        let trimmed = name.filter { !$0.isWhitespace }
        guard let colon = trimmed.firstIndex(of: ":") else { return trimmed }
        return String(trimmed[trimmed.index(after: colon)...])
    }

    /// Text with the five entities and numbered characters resolved.
    private func decoded(_ range: Range<Int>) -> String {
        let slice = bytes[range]
        guard slice.contains(UInt8(ascii: "&")) else { return String(decoding: slice, as: UTF8.self) }
        return Entities.resolved(String(decoding: slice, as: UTF8.self))
    }
}

/// Character references, of XML and of what HTML in e-mails commonly has.
enum Entities {
    static func resolved(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.firstIndex(of: "&") {
            result += rest[..<start]
            rest = rest[start...]
            guard let end = rest.prefix(12).firstIndex(of: ";") else {
                result += "&"
                rest = rest.dropFirst()
                continue
            }
            let name = rest[rest.index(after: rest.startIndex)..<end]
            if let character = character(named: name) {
                result.unicodeScalars.append(character)
            } else {
                result += rest[...end]
            }
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    private static func character(named name: Substring) -> Unicode.Scalar? {
        if name.hasPrefix("#x") || name.hasPrefix("#X") {
            return UInt32(name.dropFirst(2), radix: 16).flatMap(Unicode.Scalar.init)
        }
        if name.hasPrefix("#") { return UInt32(name.dropFirst()).flatMap(Unicode.Scalar.init) }
        return known[name]
    }

    private static let known: [Substring: Unicode.Scalar] = [
        "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": "\u{a0}", "pound": "£", "euro": "€",
        "ndash": "–", "mdash": "—", "lsquo": "‘", "rsquo": "’", "ldquo": "“", "rdquo": "”", "hellip": "…", "copy": "©",
        "eacute": "é", "bull": "•",
    ]
}
