/// What the first bytes of a file say it is; nil for text, and for what has no signature.
enum Signature {
    case pdf, tiff, jpeg, png, heic, zip, oldOffice
    case program(OtherKind)
    case archive(OtherKind)
    case other(OtherKind)

    init?(of bytes: UnsafeRawBufferPointer) {
        if bytes.has("%PDF-") {
            self = .pdf
        } else if bytes.has([0xff, 0xd8, 0xff]) {
            self = .jpeg
        } else if bytes.has(PNG.signature) {
            self = .png
        } else if bytes.has([0x49, 0x49, 42, 0]) || bytes.has([0x4d, 0x4d, 0, 42])
            || bytes.has([0x49, 0x49, 43, 0]) || bytes.has([0x4d, 0x4d, 0, 43])
        {
            self = .tiff
        } else if bytes.has("ftyp", at: 4), bytes.has("hei", at: 8) || bytes.has("mif1", at: 8) {
            self = .heic
        } else if bytes.has("PK\u{3}\u{4}") || bytes.has("PK\u{5}\u{6}") || bytes.has("PK\u{7}\u{8}") {
            self = .zip
        } else if bytes.has([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]) {
            self = .oldOffice
        } else if let program = Self.program(bytes) {
            self = .program(program)
        } else if let archive = Self.archive(bytes) {
            self = .archive(archive)
        } else if let other = Self.other(bytes) {
            self = .other(other)
        } else {
            return nil
        }
    }

    private static func program(_ bytes: UnsafeRawBufferPointer) -> OtherKind? {
        if bytes.has([0x7f, 0x45, 0x4c, 0x46]) { return .linuxProgram }
        // "MZ" alone could begin a text; a program has NULs in its header, and points to "PE" or is older than that.
        if bytes.has("MZ"), bytes.count >= 28, bytes.prefix(64).contains(0) { return .windowsProgram }
        let machO: [[UInt8]] = [
            [0xfe, 0xed, 0xfa, 0xce], [0xfe, 0xed, 0xfa, 0xcf], [0xce, 0xfa, 0xed, 0xfe], [0xcf, 0xfa, 0xed, 0xfe],
            [0xca, 0xfe, 0xba, 0xbe],
        ]
        if machO.contains(where: { bytes.has($0) }) { return .program }
        if bytes.has("#!") || bytes.has("@echo off") || bytes.has("@ECHO OFF") { return .script }
        if bytes.has([0x4c, 0, 0, 0, 1, 0x14, 2, 0]) { return .shortcut }
        return nil
    }

    private static func archive(_ bytes: UnsafeRawBufferPointer) -> OtherKind? {
        if bytes.has("Rar!\u{1a}\u{7}") { return .rar }
        if bytes.has([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]) { return .sevenZip }
        if bytes.has([0x1f, 0x8b]) { return .gzip }
        if bytes.has("BZh"), bytes.has([0x31, 0x41, 0x59, 0x26, 0x53, 0x59], at: 4) { return .bzip2 }
        if bytes.has([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]) { return .xz }
        if bytes.has([0x28, 0xb5, 0x2f, 0xfd]) { return .zstandard }
        if bytes.has("MSCF") { return .cabinet }
        if bytes.has("ustar", at: 257) { return .tar }
        if bytes.has("CD001", at: 32769) { return .discImage }
        return nil
    }

    private static func other(_ bytes: UnsafeRawBufferPointer) -> OtherKind? {
        if bytes.has("{\\rtf") { return .richText }
        if bytes.has("GIF8") { return .gif }
        if bytes.has("RIFF"), bytes.has("WEBP", at: 8) { return .webP }
        if bytes.has("ftyp", at: 4) {
            return bytes.has("avi", at: 8) ? .avif : .recording
        }
        if bytes.has("%!PS") { return .postScript }
        if bytes.has("BM"), bytes.count > 26, bytes.has([0, 0, 0, 0], at: 6) { return .bmp }
        if bytes.has("From "), bytes.first("\nFrom:", before: 4096) != nil { return .mailbox }
        if bytes.has("<?xml") || bytes.has("\u{feff}<?xml") { return .xml }
        let head = String(decoding: bytes.prefix(256), as: UTF8.self).lowercased().drop { $0.isWhitespace }
        if head.hasPrefix("<!doctype html") || head.hasPrefix("<html") || head.hasPrefix("<svg") {
            return head.hasPrefix("<svg") ? .svg : .webPage
        }
        return nil
    }
}
