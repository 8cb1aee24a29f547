import ArgumentParser
import Custody
import Dispatch
import Foundation
import Glibc
import Records
import Sealing
import Synchronization

/// `strongroom file`
struct FileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "file", abstract: "File documents, or folders of them, and print a receipt each.")

    @Argument(help: "Documents, or folders of them.")
    var paths: [String]
    @OptionGroup var acting: ActingOptions
    @Option(help: "The pupil's reference, such as P-7F3KQ.")
    var pupil: String
    @Option(help: "The category's id in policies/categories.yaml.")
    var category: String
    @Option(help: "The document's own date: 2009-03-04, 2009-03, 2009, a range with /, or undated.")
    var date: String
    @Option(help: "Whether it is signed: yes, no or unknown.")
    var signed = "unknown"
    @Option(
        help:
            "JSON lines {\"file\":…,\"summary\":…}, or - for standard input; a summary is proposed where none is given."
    )
    var details: String?
    @Flag(help: "Accept the proposed summaries.")
    var acceptProposed = false
    @Flag(help: "File what you filed for this pupil before, too.")
    var again = false
    @Flag(help: "Answer as JSON, a line a document.")
    var json = false

    private struct Said: Decodable {
        let file: String
        var summary: String?
        var date: String?
        var category: String?
        var signed: String?
        var signedBy: String?
        var received: String?
        var lateReason: String?
    }

    private struct Answer: Encodable {
        let document, file, pupil, mediaType, sha256, recorded, checkpoint: String
        let index, size: UInt64
        let pages: Int?
        let quarantined: Bool
    }

    private struct Failure: Encodable { let file, refused, message, hint: String }

    func run() throws {
        let files = try expand(paths)
        let said = try readDetails()
        var worst: Int32 = 0
        try acting.acting { vault, acting in
            let chosen = try vault.pupil(reference: pupil, as: acting)
            // What is filed here is a batch of its own, unless one is open already.
            let isOpen = try vault.batches(as: acting).first.map { $0.closed == nil } ?? false
            let batch = try vault.openBatch(as: acting)
            var seen: Set<Digest> = []
            for start in stride(from: 0, to: files.count, by: Self.atOnce) {
                Terminal.progress(start, of: files.count, "files")
                let some = files[start..<min(start + Self.atOnce, files.count)].map { path in
                    let name = URL(fileURLWithPath: path).lastPathComponent
                    return (path: path, name: name, details: details(for: name, said))
                }
                var ready: [(String, Received, FilingDetails)] = []
                for (file, result) in zip(some, Self.receive(some, chosen, vault, acting)) {
                    do {
                        let received = try result.get()
                        if !again { try checkNew(received, &seen, vault, acting) }
                        var complete = file.details
                        if complete.summary.isEmpty && acceptProposed {
                            complete.summary = received.inspected.proposedSummary ?? ""
                        }
                        ready.append((file.name, received, complete))
                    } catch {
                        worst = max(worst, try failed(file.name, error))
                    }
                }
                worst = max(worst, try self.file(ready, vault, acting))
            }
            if !isOpen { try vault.closeBatch(batch.id, as: acting) }
            Terminal.progress(files.count, of: files.count, "files")
        }
        if worst != 0 { throw Stop(code: worst) }
    }

    /// Refuses what this person filed for this pupil before, or named twice now.
    private func checkNew(
        _ received: Received, _ seen: inout Set<Digest>, _ vault: Vault, _ acting: Acting
    ) throws(VaultError) {
        let earlier = try vault.earlier(received, as: acting)
        guard earlier != nil || !seen.insert(received.digest).inserted else { return }
        throw .refused(
            Refusal(
                code: "upload.repeated",
                message: earlier.map {
                    "You filed this same content for this pupil before, as document \($0.document.text) at \($0.recorded.iso8601)."
                } ?? "The same content is among the files named before it.",
                hint: "It was not filed. If the pupil's file is to have it twice, say --again."))
    }

    /// Documents that are received together, and filed in one transaction.
    private static let atOnce = 16

    /// Receives files on two threads: while one waits for the disk or the inspector, the other hashes and seals.
    private static func receive(
        _ files: [(path: String, name: String, details: FilingDetails)], _ pupil: Pupil, _ vault: Vault,
        _ acting: Acting
    ) -> [Result<Received, VaultError>] {
        let received = Mutex<[Int: Result<Received, VaultError>]>([:])
        DispatchQueue.concurrentPerform(iterations: files.count) { number in
            let (path, name, details) = files[number]
            let result: Result<Received, VaultError>
            do throws(VaultError) {
                result = .success(try receive(path, name, pupil, details, vault, acting))
            } catch {
                result = .failure(error)
            }
            received.withLock { $0[number] = result }
        }
        let all = received.withLock { $0 }
        return files.indices.compactMap { all[$0] }
    }

    private static func receive(
        _ path: String, _ name: String, _ pupil: Pupil, _ details: FilingDetails, _ vault: Vault, _ acting: Acting
    ) throws(VaultError) -> Received {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .refused(
                Refusal(code: "file.unreadable", message: "The file cannot be read.", hint: "Check its permissions."))
        }
        defer { close(descriptor) }
        // A pipe has no size: then nothing is declared.
        let size = UInt64(exactly: lseek(descriptor, 0, SEEK_END))
        lseek(descriptor, 0, SEEK_SET)
        var reception = try vault.beginUpload(
            UploadRequest(
                pupilFile: pupil.pupilFile, filename: name, declaredBytes: size,
                wantsProposal: details.summary.isEmpty), as: acting)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer {
            if let base = buffer.baseAddress { explicit_bzero(base, buffer.count) }
            buffer.deallocate()
        }
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else {
                throw .refused(
                    Refusal(
                        code: "file.unreadable", message: "The file could not be read to its end.",
                        hint: "Nothing was stored. Look at the disk it lies on."))
            }
            if count == 0 { break }
            try reception.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        return try reception.finish()
    }

    private func file(
        _ filings: [(String, Received, FilingDetails)], _ vault: Vault, _ acting: Acting
    ) throws -> Int32 {
        var worst: Int32 = 0
        var ready: [(received: Received, details: FilingDetails)] = []
        var names: [UploadID: String] = [:]
        for (name, received, details) in filings {
            names[received.upload] = name
            if received.inspected.outcome == .waiting {
                _ = try vault.hold(received, details: details, as: acting)
                worst = max(
                    worst,
                    try failed(name, VaultError.waiting(code: received.inspected.code ?? "sandbox.unavailable")))
            } else {
                ready.append((received, details))
            }
        }
        for outcome in try vault.file(ready, as: acting) {
            switch outcome {
            case .filed(_, let receipt):
                if json {
                    try Terminal.json(
                        Answer(
                            document: receipt.document.text, file: receipt.filename, pupil: receipt.pupilReference,
                            mediaType: receipt.mediaType, sha256: receipt.sha256, recorded: receipt.recorded.iso8601,
                            checkpoint: receipt.checkpoint, index: receipt.index, size: receipt.size,
                            pages: receipt.pages, quarantined: receipt.quarantined))
                } else {
                    Terminal.say(
                        """
                        \(visible(receipt.filename)): filed\(receipt.quarantined ? " and kept apart as evidence" : "")
                          document \(receipt.document.text) · statement \(receipt.index) · \(receipt.recorded.iso8601)
                          SHA-256 \(receipt.sha256)
                        """)
                }
            case .queued: break
            case .refused(let upload, let refusal):
                worst = max(worst, try failed(names[upload] ?? "", VaultError.refused(refusal)))
            }
        }
        return worst
    }

    private func failed(_ name: String, _ error: any Error) throws -> Int32 {
        guard let error = error as? VaultError else { throw error }
        if json {
            try Terminal.json(
                Failure(file: name, refused: error.code, message: error.refusal.message, hint: error.refusal.hint))
        }
        Terminal.explain(error, about: visible(name))
        return Terminal.exitCode(of: error)
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

    private func readDetails() throws -> [String: Said] {
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

    private func details(for name: String, _ said: [String: Said]) -> FilingDetails {
        let one = said[name]
        return FilingDetails(
            summary: one?.summary ?? "", category: one?.category ?? category, date: one?.date ?? date,
            signed: one?.signed ?? signed, signedBy: one?.signedBy ?? "", received: one?.received ?? "",
            lateReason: one?.lateReason ?? "")
    }
}
