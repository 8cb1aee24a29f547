import Glibc

// An e-mail as RFC 5322 and MIME have it: a header with From and Date (or the stamp of a server that took it), and a
// body that, where it has parts, ends with their last mark.
enum Mail {
    static func examine(_ bytes: UnsafeRawBufferPointer) -> Structure {
        let end = endOfHeader(bytes)
        let fields = header(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
        let names = Set(fields.map(\.name))
        guard names.contains("received") || names.contains("from") && names.contains("date") else {
            return PlainText.isText(bytes) ? Structure(.text) : Structure(nil, .unknown)
        }
        var structure = Structure(.eml)
        // The empty line stands even where there is no body; without it the header itself was cut.
        if !bytes.has("\n\n", at: end - 2), !bytes.has("\n\r\n", at: end - 3) { structure.faults.insert(.truncated) }
        let type = MediaField(fields.first { $0.name == "content-type" }?.value ?? "text/plain")
        let isSealed = type.value == "application/pkcs7-mime" || type.value == "application/x-pkcs7-mime"
        if type.value == "multipart/encrypted" || isSealed && type.parameters["smime-type"] != "signed-data" {
            structure.faults.insert(.encrypted)
        }
        if type.value.hasPrefix("multipart/") {
            if let boundary = type.parameters["boundary"], !boundary.isEmpty {
                if bytes.first(Array("--\(boundary)--".utf8), from: max(0, end - 2)) == nil {
                    structure.faults.insert(.truncated)
                }
            } else {
                structure.faults.insert(.damaged)
            }
        }
        return structure
    }

    /// Where the header ends: at the first empty line, or at the end; at most 1 MiB.
    static func endOfHeader(_ bytes: UnsafeRawBufferPointer) -> Int {
        let head = UnsafeRawBufferPointer(rebasing: bytes.prefix(1 << 20))
        let ends = [head.first("\n\r\n").map { $0 + 3 }, head.first("\n\n").map { $0 + 2 }]
        return ends.compactMap { $0 }.min() ?? head.count
    }

    /// The fields of a header, names in lower case, unfolded. Empty where a line is no field.
    static func header(_ bytes: UnsafeRawBufferPointer) -> [(name: String, value: String)] {
        let whole = String(validating: bytes, as: UTF8.self) ?? PlainText.windows1252(bytes)
        var fields: [(name: String, value: String)] = []
        // CR LF is one Character in Swift, and would match neither alone.
        for line in whole.replacing("\r\n", with: "\n").split(separator: "\n") {
            if line.first == " " || line.first == "\t" {
                guard !fields.isEmpty else { return [] }
                fields[fields.count - 1].value += " " + trimmed(line)
                continue
            }
            guard let colon = line.firstIndex(of: ":") else { return [] }
            let name = line[..<colon]
            guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else { return [] }
            fields.append((name.lowercased(), trimmed(line[line.index(after: colon)...])))
        }
        return fields
    }

    static func trimmed(_ text: Substring) -> String {
        var text = text
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }

    /// Who wrote to whom, when and about what, then the body's text, then the attachments' names.
    static func text(of bytes: UnsafeRawBufferPointer, maximum: Int) -> String? {
        let fields = header(UnsafeRawBufferPointer(rebasing: bytes[..<endOfHeader(bytes)]))
        var text = ""
        for name in ["From", "To", "Cc", "Date", "Subject"] {
            for field in fields where field.name == name.lowercased() {
                text += "\(name): \(EncodedWords.decoded(field.value))\n"
            }
        }
        var attachments: [String] = []
        text += "\n" + body(of: bytes, &attachments, maximum: maximum, depth: 0)
        for attachment in attachments { text += "\nAttachment: \(attachment)" }
        return PlainText.cut(text, maximum)
    }

    /// The text of a part and what is in it.
    private static func body(
        of bytes: UnsafeRawBufferPointer, _ attachments: inout [String], maximum: Int, depth: Int
    ) -> String {
        let end = endOfHeader(bytes)
        let fields = header(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
        func field(_ name: String) -> String? { fields.first { $0.name == name }?.value }
        let type = MediaField(field("content-type") ?? "text/plain")
        let disposition = MediaField(field("content-disposition") ?? "inline")
        let content = UnsafeRawBufferPointer(rebasing: bytes[end...])
        let filename = disposition.parameters["filename"] ?? type.parameters["name"]

        if type.value.hasPrefix("multipart/"), let boundary = type.parameters["boundary"], depth < 12 {
            let parts = split(content, boundary)
            var texts: [String] = []
            for (place, part) in parts.prefix(200).enumerated() {
                let text = body(of: part, &attachments, maximum: maximum, depth: depth + 1)
                if !text.isEmpty { texts.append(text) }
                // Alternatives say the same; the plainest comes first.
                guard type.value == "multipart/alternative", !text.isEmpty else { continue }
                if parts[(place + 1)...].contains(where: isWebPage) { texts.append(Self.secondVersion) }
                break
            }
            return texts.joined(separator: "\n")
        }
        if disposition.value == "attachment" || !type.value.hasPrefix("text/") || type.value == "text/calendar" {
            attachments.append(EncodedWords.decoded(filename ?? "without a name") + " (\(type.value))")
            return ""
        }
        let head = UnsafeRawBufferPointer(rebasing: content.prefix(maximum * 4))
        let raw: [UInt8]
        switch field("content-transfer-encoding")?.lowercased() {
        case "base64": raw = Transfer.base64(head)
        case "quoted-printable": raw = Transfer.quotedPrintable(head)
        default: raw = Array(head)
        }
        let text = Transfer.text(raw, charset: type.parameters["charset"])
        return type.value == "text/html"
            ? Self.asWebPage + HTMLText.plain(text) : text.replacing("\r\n", with: "\n")
    }

    private static let asWebPage =
        "[Written as a web page (HTML). These are its words; its pictures, links and layout are not shown.]\n"
    private static let secondVersion =
        "[There is a second version of this, written as a web page (HTML), which is not shown.]\n"

    /// Whether a part is a web page, or has one in it.
    private static func isWebPage(_ part: UnsafeRawBufferPointer) -> Bool {
        let fields = header(UnsafeRawBufferPointer(rebasing: part[..<endOfHeader(part)]))
        let type = MediaField(fields.first { $0.name == "content-type" }?.value ?? "text/plain")
        return type.value == "text/html" || type.value == "multipart/related"
    }

    /// The parts between the marks of a multipart body.
    private static func split(_ bytes: UnsafeRawBufferPointer, _ boundary: String) -> [UnsafeRawBufferPointer] {
        let mark = Array("--\(boundary)".utf8)
        var parts: [UnsafeRawBufferPointer] = []
        var start: Int?
        var offset = 0
        while let found = bytes.first(mark, from: offset) {
            let after = found + mark.count
            guard found == 0 || bytes[found - 1] == 10 else {
                offset = after
                continue
            }
            if let start { parts.append(UnsafeRawBufferPointer(rebasing: bytes[start..<max(start, found - 1)])) }
            if bytes.has("--", at: after) { return parts }
            guard let line = bytes[after...].firstIndex(of: 10) else { return parts }
            start = line + 1
            offset = line + 1
        }
        return parts
    }
}

/// A field like `text/plain; charset=utf-8`: a value and parameters, in lower case but for the parameters' values.
struct MediaField {
    let value: String
    private(set) var parameters: [String: String] = [:]

    init(_ text: String) {
        var pieces: [String] = [""]
        var isQuoted = false
        for character in text {
            if character == "\"" {
                isQuoted.toggle()
            } else if character == ";", !isQuoted {
                pieces.append("")
            } else {
                pieces[pieces.count - 1].append(character)
            }
        }
        value = Mail.trimmed(pieces[0][...]).lowercased()
        for piece in pieces.dropFirst() {
            guard let equals = piece.firstIndex(of: "=") else { continue }
            let name = Mail.trimmed(piece[..<equals]).lowercased()
            if parameters[name] == nil { parameters[name] = Mail.trimmed(piece[piece.index(after: equals)...]) }
        }
    }
}

/// How e-mails carry bytes and characters.
enum Transfer {
    static func base64(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for byte in bytes {
            let value: UInt32
            switch byte {
            case 0x41...0x5a: value = UInt32(byte) - 0x41
            case 0x61...0x7a: value = UInt32(byte) - 0x61 + 26
            case 0x30...0x39: value = UInt32(byte) - 0x30 + 52
            case 0x2b: value = 62
            case 0x2f: value = 63
            default: continue
            }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                result.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return result
    }

    static func quotedPrintable(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var rest = Array(bytes)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "=") else {
                result.append(byte)
                continue
            }
            if rest.first == 10 {
                rest.removeFirst()
            } else if rest.starts(with: [13, 10]) {
                rest.removeFirst(2)
            } else if rest.count >= 2, let high = hexadecimal(rest[rest.startIndex]),
                let low = hexadecimal(rest[rest.startIndex + 1])
            {
                result.append(high << 4 | low)
                rest.removeFirst(2)
            } else {
                result.append(byte)
            }
        }
        return result
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }

    /// Characters of a named set; what is not UTF-8 is read as Windows-1252.
    static func text(_ bytes: [UInt8], charset: String?) -> String {
        switch charset?.lowercased() {
        case "iso-8859-1", "windows-1252", "latin1", "us-ascii", "iso-8859-15":
            return PlainText.windows1252(bytes)
        default: return String(validating: bytes, as: UTF8.self) ?? PlainText.windows1252(bytes)
        }
    }
}

/// `=?utf-8?Q?…?=` in headers (RFC 2047).
enum EncodedWords {
    static func decoded(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "=?") {
            let before = rest[..<start.lowerBound]
            let pieces = rest[start.upperBound...].split(separator: "?", maxSplits: 3, omittingEmptySubsequences: false)
            guard pieces.count == 4, pieces[3].first == "=" else {
                return result + rest
            }
            // White space between two encoded words is not text.
            if result.isEmpty || !before.allSatisfy(\.isWhitespace) { result += before }
            let raw: [UInt8]
            if pieces[1].lowercased() == "b" {
                raw = Transfer.base64(pieces[2].utf8)
            } else {
                raw = Transfer.quotedPrintable(pieces[2].utf8.map { $0 == UInt8(ascii: "_") ? 32 : $0 })
            }
            result += Transfer.text(raw, charset: String(pieces[0]))
            rest = pieces[3].dropFirst()
        }
        return result + rest
    }
}

/// The words of an HTML body, for reading; never rendered.
enum HTMLText {
    static func plain(_ html: String) -> String {
        var text = ""
        var rest = Substring(html)
        while let start = rest.firstIndex(of: "<") {
            text += rest[..<start]
            rest = rest[start...]
            guard let end = rest.firstIndex(of: ">") else { break }
            let tag = rest[rest.index(after: rest.startIndex)..<end].lowercased()
            rest = rest[rest.index(after: end)...]
            for hidden in ["script", "style", "head"] where tag == hidden || tag.hasPrefix(hidden + " ") {
                guard let close = rest.firstRange(of: "</\(hidden)", ignoringCase: true) else { return text }
                rest = rest[close...]
            }
            if ["br", "/p", "/div", "/tr", "/li", "/h1", "/h2", "/h3"].contains(where: { tag.hasPrefix($0) }) {
                text += "\n"
            }
        }
        return Entities.resolved(text + rest.prefix { $0 != "<" })
    }
}

extension Substring {
    /// Where a text begins, in any case of its letters.
    fileprivate func firstRange(of wanted: String, ignoringCase: Bool) -> Index? {
        var from = startIndex
        while let start = self[from...].firstIndex(of: wanted.first ?? "<") {
            if self[start...].prefix(wanted.count).lowercased() == wanted { return start }
            from = index(after: start)
        }
        return nil
    }
}
