// Four witnesses are heard: the bytes' own structure, libmagic, the extension of the name and the declared type. A file
// is accepted only if all agree and nothing stands before its start or after its end. What the bytes show is seen here,
// in the sandbox, for the C libraries that it takes read what strangers wrote; what follows from it is judged outside,
// by `Verdict`. Both are pure: no clock, no files, no network.

/// Looks at a file's bytes: their structure, and whether libmagic agrees. With its text, where the request wants that
/// and the file will be accepted.
public func observe(
    _ bytes: UnsafeRawBufferPointer, _ request: InspectionRequest, magic: MagicDatabase
) -> Observation {
    var structure = examine(bytes, claimed: request.claimed, limits: request.accepted)
    guard let format = structure.format else { return Observation(structure) }
    if hasSecondSignature(bytes, format) { structure.faults.insert(.secondSignature) }
    var observation = Observation(structure)
    // Only a file that is otherwise whole: of a damaged one libmagic's opinion says nothing.
    if structure.faults.isEmpty {
        observation.agreesWithMagic = format.agrees(withMagic: magic.mediaType(of: bytes))
    }
    if request.wantText, Verdict(of: observation, size: bytes.count, request)?.outcome == .accepted {
        observation.text = text(of: bytes, format, maximum: Observation.mostText)
    }
    return observation
}

/// Judges a file by its structure, libmagic's answer, its name's extension and its declared type.
///
/// Requirement H-02 says which faults refuse and which quarantine; quarantine wins over refusal.
public func inspect(_ bytes: UnsafeRawBufferPointer, _ request: InspectionRequest, magic: MagicDatabase) -> Verdict {
    if let verdict = Verdict(ofSize: bytes.count, request) { return verdict }
    return Verdict(of: observe(bytes, request, magic: magic), size: bytes.count, request) ?? .crashed
}

/// The whole text of a plain text, DOCX or EML document, for looking at; empty for other types. At most 1 MiB.
///
/// Only for documents that were accepted as this type.
public func textRendition(_ bytes: UnsafeRawBufferPointer, mediaType: String) -> String {
    guard let format = Format(rawValue: mediaType) else { return "" }
    return text(of: bytes, format, maximum: 1 << 20) ?? ""
}

private func text(of bytes: UnsafeRawBufferPointer, _ format: Format, maximum: Int) -> String? {
    switch format {
    case .text: PlainText.text(of: bytes, maximum: maximum)
    case .docx: WordDocument.text(of: bytes, maximum: maximum)
    case .eml: Mail.text(of: bytes, maximum: maximum)
    case .pdf, .tiff, .jpeg, .png, .heic: nil
    }
}

/// What the bytes are by their own structure.
private func examine(
    _ bytes: UnsafeRawBufferPointer, claimed: Format?, limits: [AcceptedType]
) -> Structure {
    switch Signature(of: bytes) {
    case .pdf: return PDF.examine(bytes)
    case .tiff: return TIFF.examine(bytes)
    case .jpeg: return JPEG.examine(bytes)
    case .png:
        let most = limits.first { $0.mediaType == Format.png.mediaType }?.maximumPixels
        return PNG.examine(bytes, maximumPixels: most)
    case .heic: return HEIC.examine(bytes)
    case .zip: return WordDocument.examine(bytes)
    case .oldOffice: return examineOldOffice(bytes, claimed: claimed)
    case .program(let kind): return startingLate(bytes, claimed) ?? Structure(nil, other: kind, .program)
    case .archive(let kind): return startingLate(bytes, claimed) ?? Structure(nil, other: kind, .archive)
    case .other(let kind): return startingLate(bytes, claimed) ?? Structure(nil, other: kind, .unknown)
    case nil:
        if let late = startingLate(bytes, claimed) { return late }
        if claimed == .eml, PlainText.isText(bytes, headerOnly: true) { return Mail.examine(bytes) }
        if PlainText.isText(bytes) { return Structure(.text) }
        return Structure(nil, .unknown)
    }
}

/// A file of the claimed kind that begins only after other bytes.
private func startingLate(_ bytes: UnsafeRawBufferPointer, _ claimed: Format?) -> Structure? {
    let start: Int?
    switch claimed {
    case .pdf: start = bytes.first("%PDF-", before: 1024 + 5)
    case .png: start = bytes.first(PNG.signature, before: 1024)
    case .jpeg: start = bytes.first([0xff, 0xd8, 0xff], before: 1024)
    case .docx: start = Zip.holdsArchive(bytes) ? 1 : nil
    case .heic: start = bytes.first("ftyphei", before: 1024).map { $0 - 4 }
    case .tiff, .text, .eml, nil: start = nil
    }
    guard let start, start > 0 else { return nil }
    return Structure(claimed, .bytesBeforeStart)
}

/// The older Office container: a password-protected DOCX, or a document from before DOCX.
private func examineOldOffice(_ bytes: UnsafeRawBufferPointer, claimed: Format?) -> Structure {
    func holds(_ name: String) -> Bool {
        bytes.first(name.utf16.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }) != nil
    }
    if holds("EncryptedPackage") { return Structure(.docx, .encrypted) }
    var structure = Structure(nil, other: .olderOffice, .unknown)
    if holds("_VBA_PROJECT") || holds("Macros") { structure.act(.macros) }
    return structure
}

/// Whether the file would be taken for another kind by a program that looks elsewhere: PDF readers look for `%PDF-` in
/// the first 1,024 bytes, browsers that are told nothing for a page there, ZIP readers for a directory at the end.
private func hasSecondSignature(_ bytes: UnsafeRawBufferPointer, _ format: Format) -> Bool {
    switch format {
    case .pdf: beginsWebPage(bytes) || Zip.holdsArchive(bytes)
    case .tiff, .jpeg, .png, .heic:
        bytes.first("%PDF-", before: 1024 + 5) != nil || beginsWebPage(bytes) || Zip.holdsArchive(bytes)
    case .docx: bytes.first("%PDF-", before: 1024 + 5) != nil
    case .text, .eml: false
    }
}

private func beginsWebPage(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let head = bytes.prefix(1024).map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }
    return head.withUnsafeBytes { head in
        head.first("<html") != nil || head.first("<!doctype html") != nil || head.first("<script") != nil
    }
}
