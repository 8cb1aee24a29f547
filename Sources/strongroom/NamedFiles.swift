import ArgumentParser
import Foundation
import Records

// What `file`, `upload` and `scan` have in common: which files, what is said of each, and what is said of each afterwards.

/// A file that the command line named, itself or by its folder.
struct NamedFile {
    let path: String
    /// The last part of the path.
    let name: String
    /// Bytes as it lies there now; 0 for what has no size, such as a pipe.
    let size: UInt64
    /// What is said of it.
    let details: FilingDetails
    /// The names of the members of staff with an account whom it concerns; by them it is restricted.
    let concerns: [String]
    /// Whom else it concerns.
    let concernsOthers: String

    var isRestricted: Bool { !concerns.isEmpty || !concernsOthers.isEmpty }
}

/// What is said of documents: for all on the command line, for each in lines of JSON.
struct SaidOptions: ParsableArguments {
    @Option(help: "Whether it is signed: yes, no or unknown.")
    var signed = "unknown"
    @Option(
        help:
            "JSON lines {\"file\":…,\"summary\":…}, or - for standard input; also category, date, signed, signed_by, received, late_reason; of notes of a meeting agency, agency_name, time, attendees, written, received_from; concerns: the names of those with an account whom it concerns, where it is about members of staff; concerns_others: of others."
    )
    var details: String?

    private struct Said: Decodable {
        let file: String
        var summary, date, category, signed, signedBy, received, lateReason: String?
        var agency, agencyName, time, attendees, written, receivedFrom: String?
        var concerns: [String]?
        var concernsOthers: String?
    }

    /// The files of some paths, in order, folders as what is in them.
    func files(at paths: [String], category: String, date: String) throws -> [NamedFile] {
        let files = try expand(paths)
        let said = try lines()
        return files.map { path in
            let name = URL(fileURLWithPath: path).lastPathComponent
            let facts = try? FileManager.default.attributesOfItem(atPath: path)
            return file(said[name], path, name, facts?[.size] as? UInt64 ?? 0, category, date)
        }
    }

    /// A file that lies nowhere, with what is said of it under its name.
    func file(named name: String, category: String, date: String) throws -> NamedFile {
        file(try lines()[name], "", name, 0, category, date)
    }

    private func file(
        _ one: Said?, _ path: String, _ name: String, _ size: UInt64, _ category: String, _ date: String
    ) -> NamedFile {
        NamedFile(
            path: path, name: name, size: size,
            details: FilingDetails(
                summary: one?.summary ?? "", category: one?.category ?? category, date: one?.date ?? date,
                signed: one?.signed ?? signed, signedBy: one?.signedBy ?? "", received: one?.received ?? "",
                lateReason: one?.lateReason ?? "",
                meeting: MeetingDetails(
                    agency: one?.agency ?? "", agencyName: one?.agencyName ?? "", time: one?.time ?? "",
                    attendees: one?.attendees ?? "", written: one?.written ?? "",
                    receivedFrom: one?.receivedFrom ?? "")), concerns: one?.concerns ?? [],
            concernsOthers: one?.concernsOthers ?? "")
    }

    private func expand(_ paths: [String]) throws -> [String] {
        try paths.flatMap { path -> [String] in
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
                throw ValidationError("There is no file at \(path).")
            }
            guard isDirectory.boolValue else { return [path] }
            return try FileManager.default.contentsOfDirectory(atPath: path).sorted().map { path + "/" + $0 }.filter {
                FileManager.default.fileExists(atPath: $0, isDirectory: &isDirectory) && !isDirectory.boolValue
            }
        }
    }

    private func lines() throws -> [String: Said] {
        guard let details else { return [:] }
        var said: [String: Said] = [:]
        for line in try Input.text(details).split(whereSeparator: \.isNewline) {
            do {
                let decoder = JSONDecoder()
                decoder.keyDecodingStrategy = .convertFromSnakeCase
                let one = try decoder.decode(Said.self, from: Data(line.utf8))
                said[one.file] = one
            } catch { throw ValidationError("--details takes lines like {\"file\":\"scan.pdf\",\"summary\":\"…\"}.") }
        }
        return said
    }
}

/// Says what became of each file, in words or as lines of JSON.
struct FilingReport {
    let json: Bool

    /// What is printed of a receipt.
    struct Filed: Encodable {
        /// The document and its pupil; absent in the intake queue.
        var document, pupil, mediaType: String?
        let file, sha256, recorded, checkpoint: String
        let index, size: UInt64
        var pages: Int?
        let quarantined: Bool
        /// Whether it concerns a member of staff; absent in the intake queue.
        var restricted: Bool?
        /// The document that the same content was before.
        var earlier: String?
    }

    private struct Failure: Encodable { let file, refused, message, hint: String }

    func filed(_ receipt: Filed) throws {
        if json { return try Terminal.json(receipt) }
        let apart =
            (receipt.restricted == true ? " as restricted" : "")
            + (receipt.quarantined ? " and kept apart as evidence" : "")
        let what = receipt.document.map { "document \($0) · " } ?? ""
        let earlier = receipt.earlier.map { "\n  the same content as document \($0)" } ?? ""
        Terminal.say(
            """
            \(visible(receipt.file)): \(receipt.document == nil ? "in the intake queue" : "filed")\(apart)
              \(what)statement \(receipt.index) · \(receipt.recorded)
              SHA-256 \(receipt.sha256)\(earlier)
            """)
    }

    func failed(_ name: String, _ refusal: Refusal, isRefusal: Bool) throws {
        if json {
            try Terminal.json(
                Failure(file: name, refused: refusal.code, message: refusal.message, hint: refusal.hint))
        }
        Terminal.explain(refusal, about: visible(name), isRefusal: isRefusal)
    }
}
