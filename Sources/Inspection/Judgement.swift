/// What was seen in a file, as the inspector says it: numbers and words of fixed lists, and the document's own text
/// where it was wanted. `Verdict` believes only what can have been seen.
public struct Observation: Codable, Hashable, Sendable {
    static let mostText = 64 << 10

    let structure: Structure
    /// False where structure and libmagic call the file by different names.
    var agreesWithMagic = true
    var text: String?

    init(_ structure: Structure) { self.structure = structure }

    /// Whether a file of this size can have been seen so. Whoever took the inspector over could say anything, and what
    /// it says reaches people and the ledger.
    fileprivate func isPossible(size: Int) -> Bool {
        guard structure.faults.allSatisfy(\.isSeenInBytes),
            structure.active.isEmpty != structure.faults.contains(.activeContent)
        else { return false }
        guard let format = structure.format else {
            return !structure.faults.isEmpty && structure.pages == nil && structure.width == nil
                && structure.height == nil
        }
        guard structure.other == nil else { return false }
        if let pages = structure.pages, !format.hasPages || pages < 1 || pages > size { return false }
        guard let width = structure.width, let height = structure.height else {
            return structure.width == nil && structure.height == nil
        }
        return width > 0 && height > 0 && width < 1 << 31 && height < 1 << 31
    }
}

extension Verdict {
    /// The verdict on a file that need not be looked into: an empty one, or one over its limit, for looking is what the
    /// limit spares. Nil for others.
    public init?(ofSize size: Int, _ request: InspectionRequest) {
        let judgement = Judgement(request: request, size: UInt64(size))
        let largest = request.claimedType?.maximumBytes ?? request.accepted.map(\.maximumBytes).max()
        if size == 0 {
            self = judgement.verdict(Structure(nil, .empty))
        } else if let largest, UInt64(size) > largest {
            self = judgement.verdict(Structure(nil, .tooLarge))
        } else {
            return nil
        }
    }

    /// The verdict on a file of which this was seen, in words of our own; nil where that cannot have been seen.
    public init?(of observation: Observation, size: Int, _ request: InspectionRequest) {
        guard observation.isPossible(size: size) else { return nil }
        let judgement = Judgement(request: request, size: UInt64(size))
        let structure = judgement.completed(observation)
        self = judgement.verdict(structure)
        if outcome == .accepted, let format = structure.format, format.hasPages != (pages != nil) { return nil }
        if let text = observation.text {
            guard request.wantText, outcome == .accepted, structure.format?.hasPages == false,
                text.utf8.count <= Observation.mostText
            else { return nil }
            self.text = text
        }
    }
}

/// Puts what was seen, and what follows from it, into a verdict and into words for people.
private struct Judgement {
    let request: InspectionRequest
    let size: UInt64

    /// Adds the faults that follow from numbers, names and policy, and hears the other witnesses.
    func completed(_ observation: Observation) -> Structure {
        var structure = observation.structure
        let claimed = request.claimed
        guard let format = structure.format else {
            if claimed == nil, structure.faults == [.unknown], structure.other == nil {
                structure.faults = [.extensionUnknown]
            }
            return structure
        }
        if let limits = request.accepted.first(where: { $0.mediaType == format.mediaType }) {
            if size > limits.maximumBytes { structure.faults.insert(.tooLarge) }
            if let pages = structure.pages, let most = limits.maximumPages, pages > most {
                structure.faults.insert(.tooManyPages)
            }
            if let width = structure.width, let height = structure.height, let most = limits.maximumPixels,
                UInt64(width) * UInt64(height) > most
            {
                structure.faults.insert(.tooManyPixels)
            }
        } else {
            structure.faults.insert(.unknown)
        }
        if claimed == nil {
            structure.faults.insert(.extensionUnknown)
        } else if claimed != format {
            structure.faults.insert(.extensionDiffers)
        }
        if let declared = request.claimedDeclaration, !format.isDeclared(as: declared) {
            structure.faults.insert(.declaredDiffers)
        }
        if structure.faults.isEmpty, !observation.agreesWithMagic { structure.faults.insert(.magicDiffers) }
        return structure
    }

    func verdict(_ structure: Structure) -> Verdict {
        let faults = structure.faults.sorted { $0.order < $1.order }
        var verdict = Verdict(
            outcome: .accepted, mediaType: structure.format?.mediaType, pages: structure.pages,
            pixelWidth: structure.width, pixelHeight: structure.height,
            findings: faults.map(\.rawValue) + structure.active.map(\.rawValue).sorted())
        if let first = faults.first {
            verdict.outcome = first.quarantines ? .quarantined : .refused
            verdict.code = first.rawValue
            verdict.message = message(first, structure)
        }
        return verdict
    }

    private func message(_ fault: Fault, _ structure: Structure) -> String {
        let isWhat = structure.format?.name ?? structure.other?.rawValue ?? "not a kind of file that is known here"
        switch fault {
        case .activeContent:
            return "This file holds something that can act by itself when it is opened, such as a macro, a script or "
                + "another file inside it. It is kept as evidence and not shown. "
                + "To file what can be read in it, print it to a new PDF and add that."
        case .secondSignature:
            return "This file is \(isWhat), with a second file hidden inside it. It is kept as evidence and not shown. "
                + "To file what can be read in it, print or scan it to a new PDF and add that."
        case .bytesBeforeStart:
            return "Something stands in this file before the place where \(claimedName(structure)) begins. It is kept "
                + "as evidence and not shown. To file what can be read in it, print or scan it to a new PDF and add that."
        case .bytesAfterEnd:
            return "Something was added to this file after the place where \(claimedName(structure)) ends. It is kept "
                + "as evidence and not shown. To file what can be read in it, print or scan it to a new PDF and add that."
        case .empty:
            return "This file is empty: there is nothing in it. Scan or save it again, and look at it before adding it."
        case .tooLarge:
            return "This file is \(Self.words(bytes: size)); \(mostBytes(structure)). "
                + "Scan it with fewer dots per inch, or in several parts."
        case .tooManyPixels:
            let found = structure.width.flatMap { width in structure.height.map { "\(width) by \($0)" } } ?? "too many"
            return "This picture has \(found) dots, more than \(mostPixels(structure)) in all. "
                + "Scan the page with fewer dots per inch, 300 for example."
        case .bomb:
            return "This file unpacks to far more than any document holds, so it was not read any further. "
                + "Print it to a new PDF and add that."
        case .program: return "This file is \(isWhat), not a document. \(acceptedSentence)"
        case .archive:
            return "This file is \(isWhat): several files packed into one. Unpack it, and add each document by itself. "
                + acceptedSentence
        case .encrypted:
            return "This file is protected with a password or otherwise locked, so nobody could check or read it here. "
                + "Open it, save a copy without protection, and add that copy."
        case .textPosingAsPDF:
            return "This file is plain text that begins like a PDF, and is not one. If it is a text, save it as TXT "
                + "without its first line; if it should be a PDF, get it again from where it came."
        case .extensionUnknown:
            let ending =
                request.fileExtension.isEmpty ? "This file's name has no ending" : "This file's name ends in a way"
            return
                (request.fileExtension.isEmpty
                ? "\(ending) that says what it is. " : "\(ending) that is not accepted here. ")
                + acceptedSentence
        case .truncated:
            return "This file stops before its end, as when a scan or a copy is cut short. "
                + "Scan it again, or copy it again from where it came, and add the whole file."
        case .damaged:
            return "This file is \(isWhat) whose inside is damaged, so it could not be read safely. "
                + "Open it yourself, save or scan it as a new PDF, and add that."
        case .unknown:
            let what = structure.other?.rawValue ?? structure.format?.name
            return
                (what.map { "This file is \($0), which is not accepted here. " }
                ?? "It cannot be told what kind of file this is. ") + acceptedSentence
        case .extensionDiffers:
            let saysWhat = request.claimed?.name ?? "something else"
            return "This file's name says that it is \(saysWhat), but it is \(isWhat). "
                + "Give it a name that ends in \(endings(structure)), or get the right file."
        case .declaredDiffers:
            return "This file was sent as another kind of file than it is: it is \(isWhat). "
                + "Save it again with the program it was made with, and add it from there."
        case .tooManyPages:
            return "This file has \(structure.pages ?? 0) pages; \(mostPages(structure)). Add it in several parts."
        case .magicDiffers:
            return "Two checks of this file do not agree on what kind of file it is. "
                + "Open it yourself, save or scan it as a new PDF, and add that."
        }
    }

    private func claimedName(_ structure: Structure) -> String {
        (structure.format ?? request.claimed)?.name.replacing("a ", with: "the ", maxReplacements: 1) ?? "the document"
    }

    private func limits(_ structure: Structure) -> AcceptedType? {
        let format = structure.format ?? request.claimed
        return request.accepted.first { $0.mediaType == format?.mediaType }
    }

    private func mostBytes(_ structure: Structure) -> String {
        let most = limits(structure)?.maximumBytes ?? request.accepted.map(\.maximumBytes).max() ?? 0
        return "the largest that is accepted is \(Self.words(bytes: most))"
    }

    private func mostPages(_ structure: Structure) -> String {
        "at most \(limits(structure)?.maximumPages ?? 0) are accepted in one file"
    }

    private func mostPixels(_ structure: Structure) -> String {
        let most = limits(structure)?.maximumPixels ?? 0
        return most >= 1_000_000 ? "\(most / 1_000_000) million" : "\(most)"
    }

    private func endings(_ structure: Structure) -> String {
        let list = request.accepted.first { $0.mediaType == structure.format?.mediaType }?.extensions ?? []
        return Self.either(list.map { ".\($0)" })
    }

    /// What would be right, from the policy's own list.
    private var acceptedSentence: String {
        let names = request.accepted.map { type in
            let endings = type.extensions.map { ".\($0)" }.joined(separator: ", ")
            let name = Format(rawValue: type.mediaType)?.name ?? type.mediaType
            return "\(name) (\(endings))"
        }
        return names.isEmpty ? "" : "Accepted are \(Self.either(names, "and"))."
    }

    private static func either(_ words: [String], _ last: String = "or") -> String {
        guard let end = words.last, words.count > 1 else { return words.first ?? "one of those accepted" }
        return words.dropLast().joined(separator: ", ") + " \(last) \(end)"
    }

    static func words(bytes: UInt64) -> String {
        for (unit, size) in [("GB", UInt64(1) << 30), ("MB", 1 << 20), ("KB", 1 << 10)] where bytes >= size {
            let tenths = bytes / (size / 10)
            return tenths % 10 == 0 || tenths >= 100
                ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
        }
        return "\(bytes) bytes"
    }
}
