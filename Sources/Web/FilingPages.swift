import Custody
import HTTPTypes
import Hummingbird
import Multipart
import NIOCore
import Records

let filingRoutes: [Route] = [
    Route(.get, "/file", .file) { visit in try choosePupil(visit, words: nil) },
    Route(.post, "/file", .file, body: .form(["words"])) { visit in try choosePupil(visit, words: visit.form["words"])
    },
    Route(.get, "/file/{pupil}", .file) { visit in try uploadPage(visit) },
    Route(.post, "/file/{pupil}", .file, body: .stream, handle: receiveFiles),
]

/// A pupil as every list shows them.
struct PupilLine {
    let name: String
    let born: String
    let reference: String
    let href: String

    init(_ pupil: Pupil, under path: String) {
        name = pupil.name
        born = pupil.yearOfBirth
        reference = pupil.reference
        href = "\(path)/\(pupil.reference)"
    }
}

/// The pupil that stands large above everything that is filed.
struct PupilBanner {
    let name: String
    let born: String
    let reference: String

    init(_ pupil: Pupil, _ words: Wording) {
        name = pupil.name
        born = words.date(pupil.dateOfBirth)
        reference = pupil.reference
    }
}

struct ChoosePupilPage {
    let chrome: Chrome
    let action: String
    let words: String
    let searched: Bool
    let found: String
    let pupils: [PupilLine]
    let hasPupils: Bool
    let more: String?
}

/// How many pupils a list shows; more are found by typing more.
let pupilsShown = 50

private func choosePupil(_ visit: Visit, words: String?) throws -> Reply {
    let typed = (words ?? "").filter { !$0.isNewline }
    let pupils = try visit.vault.pupils(as: visit.acting, matching: typed)
    let listed = words == nil && pupils.count > pupilsShown ? [] : Array(pupils.prefix(pupilsShown))
    return visit.page(
        .choosePupil,
        ChoosePupilPage(
            chrome: visit.chrome("Whose papers are these?", back: Link(href: "/", text: "Home")), action: "/file",
            words: typed, searched: words != nil, found: visit.words.count(pupils.count, "pupil"),
            pupils: listed.map { PupilLine($0, under: "/file") }, hasPupils: !listed.isEmpty,
            more: pupils.count > listed.count
                ? visit.words.count(pupils.count - listed.count, "more pupil") : nil))
}

/// The values that several files share, set once above them.
struct CommonValues {
    var category = ""
    var date = ""
    var signed = "unknown"
    var summary = ""

    static let names: Set<String> = ["csrf", "category", "date", "signed", "summary"]

    init() {}

    init(_ form: Form) {
        category = form["category"]
        date = trimmed(form["date"])
        signed = form["signed"]
        summary = form["summary"]
    }
}

struct UploadPage {
    let chrome: Chrome
    let pupil: PupilBanner
    let action: String
    let csrf: String
    let categories: [Choice]
    let category: Field
    let date: Field
    let signed: [Choice]
    let summary: Field
    let files: Field
    let accepted: String
    let endings: String
    let waiting: Link?
}

func signedChoices(_ chosen: String) -> [Choice] {
    [
        Choice(value: "yes", title: "Yes", chosen: chosen == "yes"),
        Choice(value: "no", title: "No", chosen: chosen == "no"),
        Choice(value: "unknown", title: "Not known", chosen: !["yes", "no"].contains(chosen)),
    ]
}

func categoryChoices(_ policies: Policies, _ chosen: String) -> [Choice] {
    policies.categories.categories.map { Choice(value: $0.id, title: $0.title, chosen: $0.id == chosen) }
}

private func uploadPage(
    _ visit: Visit, _ common: CommonValues = CommonValues(), errors: [String: String] = [:]
) throws -> Reply {
    let pupil = try visit.pupil()
    let policies = visit.vault.policies
    let order = ["category", "date", "summary", "files"]
    let waiting = try visit.vault.pendingUploads(as: visit.acting).count { $0.pupilFile == pupil.pupilFile }
    return visit.page(
        .upload,
        UploadPage(
            chrome: visit.chrome(
                "Add the scans", back: Link(href: "/file", text: "Choose a pupil"),
                problems: order.compactMap { name in
                    errors[name].map { ProblemLink(href: "#" + name, text: $0) }
                }), pupil: PupilBanner(pupil, visit.words), action: "/file/\(pupil.reference)",
            csrf: visit.session?.csrf ?? "", categories: categoryChoices(policies, common.category),
            category: Field(error: errors["category"]), date: Field(value: common.date, error: errors["date"]),
            signed: signedChoices(common.signed), summary: Field(value: common.summary, error: errors["summary"]),
            files: Field(error: errors["files"]),
            accepted: acceptedFiles(policies, visit.words), endings: acceptedEndings(policies),
            waiting: waiting == 0
                ? nil
                : Link(
                    href: "/check/\(pupil.reference)",
                    text: waiting == 1
                        ? "1 file for this pupil is waiting to be filed"
                        : "\(waiting) files for this pupil are waiting to be filed")),
        status: errors.isEmpty ? .ok : .unprocessableContent)
}

/// What can be uploaded, by size, in words.
func acceptedFiles(_ policies: Policies, _ words: Wording) -> String {
    policies.fileTypes.bySize.map { "\($0.titles.joined(separator: ", ")) up to \(words.size($0.largestBytes))" }
        .joined(separator: "; ")
}

/// The same for a field that chooses files: `.pdf,.tif`.
func acceptedEndings(_ policies: Policies) -> String {
    policies.fileTypes.types.flatMap(\.extensions).map { "." + $0 }.joined(separator: ",")
}

/// A file that was not taken, and why.
struct NotTaken: Sendable {
    let filename: String
    let refusal: Refusal
}

/// Reads an upload form as it streams in: fields first, then each file straight into the vault, none held here.
struct FileIntake: ~Copyable {
    private enum Part {
        case none
        case field(String, [UInt8])
        /// A file of which a reception takes the bytes, or that was refused: then the rest of it is read over.
        case file
    }

    private static let mostFieldBytes = 16 << 10

    private let visit: Visit
    private let names: Set<String>
    private let mostFiles: Int
    private let open: (String, String?) throws(VaultError) -> Reception
    private let keep: (Received, Form) throws(VaultError) -> Void
    private(set) var form = Form()
    private(set) var held = 0
    private(set) var notTaken: [NotTaken] = []
    private var checked = false
    private var files = 0
    private var part = Part.none
    private var filename = ""
    private var reception: Reception?

    private init(
        _ visit: Visit, _ names: Set<String>, _ mostFiles: Int,
        _ open: @escaping (String, String?) throws(VaultError) -> Reception,
        _ keep: @escaping (Received, Form) throws(VaultError) -> Void
    ) {
        self.visit = visit
        self.names = names
        self.mostFiles = mostFiles
        self.open = open
        self.keep = keep
    }

    /// Reads a form of these fields, with a pupil's files in the field `files`.
    ///
    /// - Parameter keep: does something with each file that was received, knowing the fields; what it refuses is not taken.
    static func run(
        _ visit: Visit, _ pupil: Pupil, fields: Set<String>, mostFiles: Int,
        keep: @escaping (Received, Form) throws(VaultError) -> Void
    ) async throws -> FileIntake {
        let acting = try visit.acting
        return try await run(
            visit, fields: fields, mostFiles: mostFiles,
            open: { (filename, type) throws(VaultError) in
                try visit.vault.beginUpload(
                    UploadRequest(pupilFile: pupil.pupilFile, filename: filename, declaredType: type), as: acting)
            }, keep: keep)
    }

    /// The same of files that `open` begins to take, each by its name and declared type.
    static func run(
        _ visit: Visit, fields: Set<String>, mostFiles: Int,
        open: @escaping (String, String?) throws(VaultError) -> Reception,
        keep: @escaping (Received, Form) throws(VaultError) -> Void
    ) async throws -> FileIntake {
        var parser = try MultipartParser(
            boundary: MultipartParser.boundary(fromContentType: visit.request.headers[.contentType] ?? ""))
        var intake = FileIntake(visit, fields, mostFiles, open, keep)
        for try await buffer in visit.request.body {
            try buffer.withUnsafeReadableBytes { bytes in
                try parser.feed(bytes) { try intake.take($0) }
            }
        }
        try parser.finish()
        return intake
    }

    private mutating func take(_ event: MultipartParser.Event) throws {
        switch event {
        case .part(let part): try begin(part)
        case .data(let bytes): try append(bytes)
        case .partEnd: try endPart()
        case .end: try checkFields()
        }
    }

    private mutating func begin(_ next: Multipart.Part) throws {
        guard let filename = next.filename else {
            // A field after a file came from elsewhere: the token has to be known before a byte is stored.
            guard !checked else { throw Fault.unknownField }
            part = .field(next.name, [])
            return
        }
        guard next.name == "files" else { throw Fault.unknownField }
        try checkFields()
        part = .file
        if filename.isEmpty { return }
        files += 1
        guard files <= mostFiles else { throw Fault.tooLarge }
        self.filename = filename
        do throws(VaultError) {
            reception = try open(filename, next.contentType)
        } catch {
            try note(error)
        }
    }

    private mutating func append(_ bytes: UnsafeRawBufferPointer) throws {
        switch part {
        case .none: break
        case .field(let name, var value):
            guard value.count + bytes.count <= Self.mostFieldBytes else { throw Fault.tooLarge }
            value.append(contentsOf: bytes)
            part = .field(name, value)
        case .file:
            do throws(VaultError) {
                try reception?.append(bytes)
            } catch {
                // Forgotten, it deletes what it wrote.
                reception = nil
                try note(error)
            }
        }
    }

    private mutating func endPart() throws {
        defer { part = .none }
        switch part {
        case .none: break
        case .field(let name, let value):
            guard let text = String(validating: value, as: UTF8.self) else { throw Fault.formUnreadable }
            try form.add(name, text) { names.contains($0) ? .once : .unknown }
        case .file:
            guard let reception = reception.take() else { return }
            do throws(VaultError) {
                let received = try reception.finish()
                try keep(received, form)
                held += 1
            } catch {
                try note(error)
            }
        }
    }

    private mutating func checkFields() throws {
        guard !checked else { return }
        checked = true
        try visit.checkToken(form["csrf"])
    }

    /// A refused file does not stop the others; what stops the vault does.
    private mutating func note(_ error: VaultError) throws {
        switch error {
        case .refused(let refusal): notTaken.append(NotTaken(filename: filename, refusal: refusal))
        case .waiting: notTaken.append(NotTaken(filename: filename, refusal: error.refusal))
        case .signInFailed, .tooManyTries, .busy, .notFound, .gone, .offsetDiffers, .clockBehind, .storage, .uncertain,
            .unwitnessed, .tampered, .store:
            throw error
        }
    }
}

func trimmed(_ text: String) -> String {
    var text = text[...]
    while text.first?.isWhitespace == true { text = text.dropFirst() }
    while text.last?.isWhitespace == true { text = text.dropLast() }
    return String(text)
}

private func receiveFiles(_ visit: Visit) async throws -> Reply {
    let (pupil, acting) = (try visit.pupil(), try visit.acting)
    let intake = try await FileIntake.run(visit, pupil, fields: CommonValues.names, mostFiles: 200) {
        (received, form) throws(VaultError) in
        let common = CommonValues(form)
        var details = FilingDetails(
            summary: common.summary, category: common.category, date: common.date, signed: common.signed)
        if details.summary.isEmpty { details.summary = received.inspected.proposedSummary ?? "" }
        _ = try visit.vault.hold(received, details: details, as: acting)
    }
    if intake.notTaken.isEmpty {
        if intake.held > 0 { return .redirect("/check/\(pupil.reference)") }
        return try uploadPage(visit, CommonValues(intake.form), errors: ["files": "Select at least one file"])
    }
    return try checkPage(visit, pupil, notTaken: intake.notTaken)
}
