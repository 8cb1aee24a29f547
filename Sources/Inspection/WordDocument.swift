// A DOCX: a ZIP with a list of what its parts are, relations between them, and one main part with the text. What could
// act when it is opened is looked for by content type, by relation and by field, in every part and not by name alone.
enum WordDocument {
    private static let mainType = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    private static let mostOfOnePart = 256 << 20
    private static let mostXML = 64 << 20

    static func examine(_ bytes: UnsafeRawBufferPointer) -> Structure {
        let zip = Zip(bytes)
        guard let types = zip.entry("[Content_Types].xml") else {
            // Not an Office document. A damaged directory of a file cut short names nothing.
            if zip.entries.isEmpty, zip.faults.contains(.truncated) || zip.faults.contains(.damaged) {
                var structure = Structure(.docx)
                structure.faults = zip.faults
                if bytes.first("[Content_Types].xml") == nil {
                    return Structure(nil, other: .zip, .archive)
                }
                return structure
            }
            var structure = Structure(nil, other: .zip, .archive)
            if zip.faults.contains(.bytesBeforeStart) { structure.faults.insert(.bytesBeforeStart) }
            return structure
        }
        var structure = Structure(.docx)
        structure.faults = zip.faults
        guard zip.faults.isDisjoint(with: [.encrypted, .bomb]) else { return structure }
        var total = 0
        for entry in zip.entries {
            // Unpacking all of it is the only way to know that it is whole; the directory's sizes bound it.
            total += entry.size
            if entry.size > 1 << 20, entry.size / 1000 > entry.compressed.count {
                structure.faults.insert(.bomb)
                return structure
            }
            guard entry.unpack(maximum: mostOfOnePart, { _ in }) else {
                structure.faults.insert(entry.size > mostOfOnePart ? .bomb : .damaged)
                return structure
            }
        }
        guard let parts = lookAtTypes(types, zip, &structure) else { return structure }
        for entry in zip.entries where entry.name.lowercased().hasSuffix(".rels") {
            lookAtRelations(entry, &structure)
        }
        for entry in zip.entries { lookAtName(entry.name.lowercased(), &structure) }
        for entry in zip.entries { lookAtFields(entry, parts, &structure) }
        return structure
    }

    /// The main part, and how the parts are known in which Word looks for text and fields.
    private struct Parts {
        let main: Zip.Entry
        let names: Set<String>
        let extensions: Set<String>

        func isWords(_ entry: Zip.Entry) -> Bool {
            let name = entry.name.lowercased().replacing("\\", with: "/")
            let ending = name.split(separator: ".").last.map(String.init) ?? ""
            return name.hasPrefix("word/") && ending == "xml" || names.contains(name) || extensions.contains(ending)
        }
    }

    /// What the parts are.
    private static func lookAtTypes(_ types: Zip.Entry, _ zip: Zip, _ structure: inout Structure) -> Parts? {
        var main: String?
        var otherMain: String?
        var names: Set<String> = []
        var extensions: Set<String> = []
        let isWell = scan(types) { event in
            guard case .open(_, let attributes) = event, let type = attributes["ContentType"] else { return }
            let lower = type.lowercased()
            if lower.contains("macroenabled") || lower.contains("vbaproject") || lower.contains("activex") {
                structure.act(.macros)
            }
            if lower.contains("wordprocessingml"), let ending = attributes["Extension"] {
                extensions.insert(ending.lowercased())
            }
            guard let part = attributes["PartName"] else { return }
            if lower.contains("wordprocessingml") { names.insert(String(part.lowercased().trimmingPrefix("/"))) }
            if lower == mainType { main = part }
            if lower.hasSuffix(".main+xml") { otherMain = part }
        }
        guard isWell else {
            structure.faults.insert(.damaged)
            return nil
        }
        guard let path = main ?? (structure.faults.contains(.activeContent) ? otherMain : nil) else {
            if otherMain != nil {
                structure.format = nil
                structure.other = .otherOffice
                structure.faults.insert(.unknown)
            } else if !structure.faults.contains(.activeContent) {
                structure.faults.insert(.damaged)
            }
            return nil
        }
        // A part whose name is written in percent codes would be found by Word alone; Word itself writes none.
        guard let entry = zip.entry(path.hasPrefix("/") ? String(path.dropFirst()) : path),
            !names.contains(where: { $0.contains("%") })
        else {
            structure.faults.insert(.damaged)
            return nil
        }
        return Parts(main: entry, names: names, extensions: extensions)
    }

    /// Where the parts lead: a link that a person may click is fine, anything fetched or run on opening is not.
    private static func lookAtRelations(_ entry: Zip.Entry, _ structure: inout Structure) {
        let isWell = scan(entry) { event in
            guard case .open(_, let attributes) = event, let type = attributes["Type"] else { return }
            let kind = type.split(separator: "/").last.map { $0.lowercased() } ?? ""
            if kind == "vbaproject" || kind == "control" || kind == "activexcontrolbinary" { structure.act(.macros) }
            if kind == "oleobject" || kind == "afchunk" { structure.act(.embeddedObject) }
            let target = attributes["Target"]?.lowercased() ?? ""
            let isElsewhere = target.contains(":") || target.hasPrefix("//") || target.hasPrefix("\\\\")
            guard attributes["TargetMode"]?.lowercased() == "external" || isElsewhere else { return }
            switch kind {
            case "hyperlink": break
            case "attachedtemplate":
                // The template on the author's own disc, which Word notes in every document made from one, is harmless.
                if !isLocalPath(target) { structure.act(.outsideTemplate) }
            default: structure.act(.externalLink)
            }
        }
        if !isWell { structure.faults.insert(.damaged) }
    }

    private static func isLocalPath(_ target: String) -> Bool {
        let path = target.hasPrefix("file:///") ? target.dropFirst(8) : target[...]
        guard let drive = path.first, drive.isLetter, drive.isASCII else { return false }
        return path.dropFirst().first == ":"
    }

    private static func lookAtName(_ name: String, _ structure: inout Structure) {
        if name.hasSuffix("vbaproject.bin") || name.contains("/activex/") { structure.act(.macros) }
        if name.contains("/embeddings/"), name.hasSuffix(".bin") { structure.act(.embeddedObject) }
        for ending in [".exe", ".dll", ".js", ".vbs", ".ps1", ".bat", ".cmd", ".scr"] where name.hasSuffix(ending) {
            structure.act(.program)
        }
    }

    /// Fields that fetch or run, in the text, its headers and footers, notes, comments and building blocks alike.
    private static func lookAtFields(_ entry: Zip.Entry, _ parts: Parts, _ structure: inout Structure) {
        let isWords = parts.isWords(entry)
        guard isWords || entry.name.lowercased().hasSuffix(".xml") else { return }
        var isInstruction = false
        var instruction = ""
        func judge(_ text: String) {
            if let act = WordField(text).act { structure.act(act) }
        }
        let isWell = scan(entry, whole: entry.name == parts.main.name) { event in
            switch event {
            case .open("instrText", _), .open("delInstrText", _): isInstruction = true
            case .close("instrText"), .close("delInstrText"): isInstruction = false
            case .open("fldSimple", let attributes): judge(attributes["instr"] ?? "")
            case .text(let text) where isInstruction:
                // Cut, for the words that matter stand first; but nobody pads them out of sight.
                if instruction.isEmpty {
                    instruction = String(text.drop(while: \.isWhitespace))
                } else if instruction.utf8.count < 1 << 20 {
                    instruction += text
                }
            // An instruction may be cut into many runs; it ends where its field changes, and with its paragraph.
            case .open("fldChar", _), .close("p"):
                judge(instruction)
                instruction = ""
            default: break
            }
        }
        judge(instruction)
        // What Word takes for no part of the document may be written in any way.
        if !isWell, isWords { structure.faults.insert(.damaged) }
    }

    /// Reads a part; false where it is no XML. Without `whole`, what can hold no field is not read through.
    private static func scan(_ entry: Zip.Entry, whole: Bool = true, _ body: (XML.Event) -> Void) -> Bool {
        guard let bytes = entry.bytes(maximum: mostXML) else { return false }
        return bytes.withUnsafeBytes { bytes in
            var xml = XML(bytes)
            // Names are written out in XML, but for what a document type could make of them.
            if !whole, ["nstrText", "fldSimple", "<!"].allSatisfy({ bytes.first(Array($0.utf8)) == nil }) {
                return xml.isWell
            }
            while let event = xml.next() { body(event) }
            return xml.isWell
        }
    }

    /// The text of the main part: paragraphs on lines, cells apart by tabs.
    static func text(of bytes: UnsafeRawBufferPointer, maximum: Int) -> String? {
        let zip = Zip(bytes)
        guard let types = zip.entry("[Content_Types].xml") else { return nil }
        var structure = Structure(.docx)
        guard let main = lookAtTypes(types, zip, &structure)?.main else { return nil }
        var text = ""
        var isText = false
        guard let part = main.bytes(maximum: mostXML) else { return nil }
        part.withUnsafeBytes { bytes in
            var xml = XML(bytes)
            while text.utf8.count <= maximum, let event = xml.next() {
                switch event {
                case .open("t", _): isText = true
                case .close("t"): isText = false
                case .open("tab", _), .close("tc"): text += "\t"
                case .open("br", _), .open("cr", _), .close("p"): text += "\n"
                case .text(let piece): if isText { text += piece }
                default: break
                }
            }
        }
        return PlainText.cut(text, maximum)
    }
}

/// A field's instruction: the kind of field, then what it works on.
private struct WordField {
    /// What the field could do by itself; nil for fields that stay in the document.
    let act: ActiveContent?

    private static let fetching: Set<String> = [
        "INCLUDEPICTURE", "INCLUDETEXT", "INCLUDE", "IMPORT", "LINK", "RD", "DATABASE",
    ]

    init(_ instruction: String) {
        let words = instruction.uppercased().split { $0.isWhitespace || $0 == "\"" }
        let kind = words.first?.prefix(while: \.isLetter) ?? ""
        if kind.hasPrefix("DDE") || words.contains("DDE") || words.contains("DDEAUTO") {
            act = .dataExchange
        } else if Self.fetching.contains(String(kind)) {
            // A picture that came inside the e-mail the text was copied from: there is nothing outside to fetch.
            let isInside = kind == "INCLUDEPICTURE" && words.dropFirst().first?.hasPrefix("CID:") == true
            act = isInside ? nil : .outsideFile
        } else {
            act = nil
        }
    }
}
