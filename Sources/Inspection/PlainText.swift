import Glibc

// Plain text is what has no control characters: UTF-8, UTF-16 with its mark, or else Latin-1, read as Windows-1252 as
// browsers do. A NUL is never text.
enum PlainText {
    enum Encoding {
        case utf8, utf16LittleEndian, utf16BigEndian, windows1252
    }

    /// Whether all of it is text; or, for an e-mail, its header, with a body in any characters but NUL.
    static func isText(_ bytes: UnsafeRawBufferPointer, headerOnly: Bool = false) -> Bool {
        guard headerOnly else { return encoding(of: bytes) != nil }
        if let base = bytes.baseAddress, memchr(base, 0, bytes.count) != nil { return false }
        return encoding(of: UnsafeRawBufferPointer(rebasing: bytes[..<Mail.endOfHeader(bytes)])) != nil
    }

    static func encoding(of bytes: UnsafeRawBufferPointer) -> Encoding? {
        for (mark, encoding, bigEndian) in [
            ([0xff, 0xfe] as [UInt8], Encoding.utf16LittleEndian, false), ([0xfe, 0xff], .utf16BigEndian, true),
        ] where bytes.has(mark) {
            return isUTF16Text(bytes, bigEndian: bigEndian) ? encoding : nil
        }
        // One pass that the compiler makes wide; the rest is for files that are text so far.
        var controls = 0
        for byte in bytes where byte < 32 || byte == 127 {
            controls += byte == 9 || byte == 10 || byte == 12 || byte == 13 ? 0 : 1
        }
        guard controls == 0 else { return nil }
        return isUTF8(bytes) ? .utf8 : .windows1252
    }

    private static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if !bytes.contains(where: { $0 >= 0x80 }) { return true }
        return String(validating: bytes, as: UTF8.self) != nil
    }

    private static func isUTF16Text(_ bytes: UnsafeRawBufferPointer, bigEndian: Bool) -> Bool {
        guard bytes.count % 2 == 0 else { return false }
        var waitsForLow = false
        for offset in stride(from: 2, to: bytes.count, by: 2) {
            let unit = UInt16(bytes[offset]) << (bigEndian ? 8 : 0) | UInt16(bytes[offset + 1]) << (bigEndian ? 0 : 8)
            let isLow = (0xdc00...0xdfff).contains(unit)
            guard isLow == waitsForLow, unit < 0xfffe, unit != 127 else { return false }
            guard unit >= 32 || unit == 9 || unit == 10 || unit == 12 || unit == 13 else { return false }
            waitsForLow = (0xd800...0xdbff).contains(unit)
        }
        return !waitsForLow
    }

    /// The text, cut to so many bytes of UTF-8 between characters.
    static func text(of bytes: UnsafeRawBufferPointer, maximum: Int) -> String? {
        guard let encoding = encoding(of: bytes) else { return nil }
        // No character takes fewer bytes in UTF-8 than half of what it takes in the others.
        let head = UnsafeRawBufferPointer(rebasing: bytes.prefix(maximum * 2 + 4))
        var text: String
        switch encoding {
        case .utf8: text = String(decoding: head, as: UTF8.self)
        case .windows1252: text = windows1252(head)
        case .utf16LittleEndian, .utf16BigEndian:
            let units = stride(from: 0, to: head.count - 1, by: 2).map { offset in
                let pair = (UInt16(head[offset]), UInt16(head[offset + 1]))
                return encoding == .utf16BigEndian ? pair.0 << 8 | pair.1 : pair.1 << 8 | pair.0
            }
            text = String(decoding: units, as: UTF16.self)
        }
        if text.unicodeScalars.first == "\u{feff}" { text.unicodeScalars.removeFirst() }
        return cut(text, maximum)
    }

    /// A text cut to so many bytes of UTF-8, between characters.
    static func cut(_ text: String, _ maximum: Int) -> String {
        guard text.utf8.count > maximum else { return text }
        var end = text.utf8.index(text.startIndex, offsetBy: maximum)
        while end > text.startIndex, String.Index(end, within: text) == nil { end = text.utf8.index(before: end) }
        return String(text[..<end])
    }

    /// Latin-1 as browsers read it: the control codes from 0x80 to 0x9F are Windows' quotes and dashes.
    static func windows1252(_ bytes: some Sequence<UInt8>) -> String {
        var scalars = String.UnicodeScalarView()
        for byte in bytes {
            let value = (0x80...0x9f).contains(byte) ? windowsOnly[Int(byte) - 0x80] : UInt32(byte)
            scalars.append(Unicode.Scalar(value) ?? "\u{fffd}")
        }
        return String(scalars)
    }

    private static let windowsOnly: [UInt32] = [
        0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0xfffd,
        0x017d, 0xfffd, 0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a,
        0x0153, 0xfffd, 0x017e, 0x0178,
    ]
}
