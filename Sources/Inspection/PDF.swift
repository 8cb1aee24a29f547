import CQPDF
import Glibc

// libqpdf reads the cross-reference table, the page tree and whatever is reachable from the trailer. It decodes object
// streams, for objects lie in them, and no others: no picture is unpacked. It does not repair: what only a repair could
// read is damaged, for every reader would repair it in its own way. It finds the start leniently and does not look at
// the end, so both are looked for here.
enum PDF {
    /// More objects than any document of a school has; the walk stops there.
    private static let mostObjects = 2_000_000

    static func examine(_ bytes: UnsafeRawBufferPointer) -> Structure {
        var structure = Structure(.pdf)
        guard bytes.first(" obj") != nil || !PlainText.isText(bytes) else {
            return Structure(.pdf, .textPosingAsPDF)
        }
        guard let end = bytes.last("%%EOF") else { return Structure(.pdf, .truncated) }
        if !bytes.isPadding(from: end + 5) {
            if goesOn(bytes, after: end + 5) { return Structure(.pdf, .truncated) }
            structure.faults.insert(.bytesAfterEnd)
        }
        // The reader is given what lies before the appended bytes, as other readers would find it.
        guard let base = bytes.baseAddress, var document = qpdf_init() as qpdf_data? else { return structure }
        defer {
            // An error nobody asked for is printed otherwise.
            if qpdf_has_error(document) != 0 { _ = qpdf_get_error(document) }
            var handle: qpdf_data? = document
            qpdf_cleanup(&handle)
        }
        qpdf_set_suppress_warnings(document, 1)
        qpdf_silence_errors(document)
        qpdf_set_attempt_recovery(document, 0)
        let result = qpdf_read_memory(
            document, "document", base.assumingMemoryBound(to: CChar.self), UInt64(end + 5), nil)
        if qpdf_has_error(document) != 0 {
            let code = qpdf_get_error_code(document, qpdf_get_error(document))
            structure.faults.insert(code == qpdf_e_password ? .encrypted : .damaged)
            return structure
        }
        guard result & 2 == 0 else {
            structure.faults.insert(.damaged)
            return structure
        }
        if qpdf_is_encrypted(document) != 0 { structure.faults.insert(.encrypted) }
        let pages = qpdf_get_num_pages(document)
        guard pages > 0, qpdf_has_error(document) == 0 else {
            structure.faults.insert(.damaged)
            return structure
        }
        // Pages that are one object, named again and again in a packed list.
        guard Int(pages) <= bytes.count else {
            structure.faults.insert(.bomb)
            return structure
        }
        structure.pages = Int(pages)
        findActiveContent(&document, &structure)
        // An object that is damaged, nested too deeply or its own part reads as nothing, with a warning; other readers see
        // what is in it. So does one that says the same thing twice, of which each reader takes another.
        if qpdf_more_warnings(document) != 0 { structure.faults.insert(.damaged) }
        return structure
    }

    /// Whether what follows an end mark is the beginning of more of this file, so that the rest was cut off: the first
    /// section of a linearised file, or a later revision, both of which begin with an object.
    private static func goesOn(_ bytes: UnsafeRawBufferPointer, after end: Int) -> Bool {
        let rest = bytes[end...].drop { $0 == 0 || $0 == 9 || $0 == 10 || $0 == 12 || $0 == 13 || $0 == 32 }
        let number = rest.prefix { (0x30...0x39).contains($0) }
        guard !number.isEmpty, number.count < 11 else { return false }
        let line = rest.dropFirst(number.count).prefix(10)
        guard line.first == 32 else { return false }
        let generation = line.dropFirst().prefix { (0x30...0x39).contains($0) }
        return !generation.isEmpty && line.dropFirst(1 + generation.count).starts(with: Array(" obj".utf8))
    }

    /// Walks everything reachable from the trailer, and notes what could act.
    private static func findActiveContent(_ document: inout qpdf_data, _ structure: inout Structure) {
        var seen: Set<UInt64> = []
        var waiting: [qpdf_oh] = [qpdf_get_trailer(document)]
        var found: Set<ActiveContent> = []
        while let object = waiting.popLast() {
            defer { qpdf_oh_release(document, object) }
            if qpdf_oh_is_indirect(document, object) != 0 {
                let number = UInt64(UInt32(bitPattern: qpdf_oh_get_object_id(document, object)))
                let generation = UInt64(UInt32(bitPattern: qpdf_oh_get_generation(document, object)))
                guard seen.insert(number << 32 | generation).inserted else { continue }
                guard seen.count <= mostObjects else {
                    structure.faults.insert(.bomb)
                    break
                }
            }
            switch qpdf_oh_get_type_code(document, object) {
            case ot_array:
                for index in 0..<max(0, qpdf_oh_get_array_n_items(document, object)) {
                    push(qpdf_oh_get_array_item(document, object, index), document, &waiting)
                }
            case ot_dictionary: look(into: object, document, &waiting, &found)
            case ot_stream:
                let dictionary = qpdf_oh_get_dict(document, object)
                // Its bytes lie in another file, which a reader fetches.
                if qpdf_oh_has_key(document, dictionary, "/F") != 0 { found.insert(.pdfOutsideFile) }
                look(into: dictionary, document, &waiting, &found)
                qpdf_oh_release(document, dictionary)
            default: break
            }
        }
        for object in waiting { qpdf_oh_release(document, object) }
        for content in found { structure.act(content) }
        if qpdf_has_error(document) != 0 { structure.faults.insert(.damaged) }
    }

    private static func push(_ object: qpdf_oh, _ document: qpdf_data, _ waiting: inout [qpdf_oh]) {
        // Numbers, names and strings lead nowhere; asking an indirect object for its kind would load it, so it waits.
        if qpdf_oh_is_indirect(document, object) == 0 {
            let kind = qpdf_oh_get_type_code(document, object)
            guard kind == ot_array || kind == ot_dictionary || kind == ot_stream else {
                qpdf_oh_release(document, object)
                return
            }
        }
        waiting.append(object)
    }

    private static func look(
        into dictionary: qpdf_oh, _ document: qpdf_data, _ waiting: inout [qpdf_oh], _ found: inout Set<ActiveContent>
    ) {
        func isName(_ key: StaticString, _ names: StaticString...) -> Bool {
            let value = qpdf_oh_get_key(
                document, dictionary, UnsafeRawPointer(key.utf8Start).assumingMemoryBound(to: CChar.self))
            defer { qpdf_oh_release(document, value) }
            return names.contains {
                qpdf_oh_is_name_and_equals(
                    document, value, UnsafeRawPointer($0.utf8Start).assumingMemoryBound(to: CChar.self)) != 0
            }
        }
        var keys: [UnsafePointer<CChar>] = []
        qpdf_oh_begin_dict_key_iter(document, dictionary)
        while qpdf_oh_dict_more_keys(document) != 0 {
            guard let key = qpdf_oh_dict_next_key(document) else { break }
            // The key's text lasts only until the next one.
            switch true {
            case strcmp(key, "/JS") == 0, strcmp(key, "/JavaScript") == 0: found.insert(.javaScript)
            case strcmp(key, "/EmbeddedFiles") == 0, strcmp(key, "/EF") == 0: found.insert(.pdfEmbeddedFile)
            case strcmp(key, "/XFA") == 0: found.insert(.xfa)
            case strcmp(key, "/S") == 0:
                if isName("/S", "/Launch") { found.insert(.launch) }
                if isName("/S", "/JavaScript") { found.insert(.javaScript) }
                if isName("/S", "/GoToE", "/GoToR", "/ImportData", "/SubmitForm") { found.insert(.pdfOutsideFile) }
            case strcmp(key, "/Type") == 0, strcmp(key, "/Subtype") == 0:
                if isName("/Type", "/EmbeddedFile") || isName("/Subtype", "/FileAttachment") {
                    found.insert(.pdfEmbeddedFile)
                }
                if isName("/Subtype", "/RichMedia") { found.insert(.richMedia) }
            default: break
            }
            if let copy = strdup(key) { keys.append(UnsafePointer(copy)) }
        }
        for key in keys {
            push(qpdf_oh_get_key(document, dictionary, key), document, &waiting)
            free(UnsafeMutablePointer(mutating: key))
        }
    }
}
