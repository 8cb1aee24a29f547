import ArgumentParser
import Custody
import Dispatch
import Foundation
import Glibc
import Records
import Sealing
import Sending
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
    @OptionGroup var said: SaidOptions
    @Flag(help: "Accept the summaries that are proposed where none is given.")
    var acceptProposed = false
    @Flag(help: "File what you filed for this pupil before, too.")
    var again = false
    @Flag(help: "Answer as JSON, a line a document.")
    var json = false

    func run() throws {
        let files = try said.files(at: paths, category: category, date: date)
        let progress = ProgressLine(sizes: files.map(\.size))
        defer { progress.end() }
        var worst: Int32 = 0
        try acting.acting { vault, acting in
            let chosen = try vault.pupil(reference: pupil, as: acting)
            // What is filed here is a batch of its own, unless one is open already.
            let isOpen = try vault.currentBatch(as: acting) != nil
            let batch = try vault.openBatch(as: acting)
            var seen: Set<Digest> = []
            for start in stride(from: 0, to: files.count, by: Self.atOnce) {
                let some = files[start..<min(start + Self.atOnce, files.count)]
                var ready: [(String, Received, FilingDetails)] = []
                for (file, result) in zip(some, Self.receive(some, chosen, vault, acting, progress)) {
                    do {
                        let received = try result.get()
                        if !again { try checkNew(received, &seen, vault, acting) }
                        var complete = file.details
                        if complete.summary.isEmpty && acceptProposed {
                            complete.summary = received.inspected.proposedSummary ?? ""
                        }
                        if file.isRestricted {
                            complete.concerning = try vault.staffConcern(
                                named: file.concerns, others: file.concernsOthers, as: acting)
                        }
                        ready.append((file.name, received, complete))
                    } catch {
                        worst = max(worst, try failed(file.name, error))
                    }
                }
                worst = max(worst, try self.file(ready, vault, acting))
            }
            if !isOpen { try vault.closeBatch(batch.id, as: acting) }
        }
        if worst != 0 { throw Stop(code: worst) }
    }

    /// Refuses what this person filed for this pupil before, or named twice now.
    private func checkNew(
        _ received: Received, _ seen: inout Set<Digest>, _ vault: Vault, _ acting: Acting
    ) throws(VaultError) {
        let earlier = try vault.earlier(received, as: acting)
        guard earlier != nil || !seen.insert(received.digest).inserted else { return }
        throw .refused(earlier.map(Refusal.uploadRepeated) ?? .uploadNamedTwice)
    }

    /// Documents that are received together, and filed in one transaction.
    private static let atOnce = 16

    /// Receives files on two threads: while one waits for the disk or the inspector, the other hashes and seals.
    private static func receive(
        _ files: ArraySlice<NamedFile>, _ pupil: Pupil, _ vault: Vault, _ acting: Acting, _ progress: ProgressLine
    ) -> [Result<Received, VaultError>] {
        let received = Mutex<[Int: Result<Received, VaultError>]>([:])
        DispatchQueue.concurrentPerform(iterations: files.count) { turn in
            let number = files.startIndex + turn
            let result: Result<Received, VaultError>
            do throws(VaultError) {
                result = .success(
                    try receive(files[number], pupil, vault, acting) {
                        progress.moved(number, files[number].name, to: $0)
                    })
            } catch {
                result = .failure(error)
            }
            progress.ended(number)
            received.withLock { $0[number] = result }
        }
        let all = received.withLock { $0 }
        return files.indices.compactMap { all[$0] }
    }

    private static func receive(
        _ file: NamedFile, _ pupil: Pupil, _ vault: Vault, _ acting: Acting, _ moved: (UInt64) -> Void
    ) throws(VaultError) -> Received {
        let descriptor = Glibc.open(file.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .refused(.fileUnreadable) }
        defer { close(descriptor) }
        // A pipe has no size: then nothing is declared.
        let size = UInt64(exactly: lseek(descriptor, 0, SEEK_END))
        lseek(descriptor, 0, SEEK_SET)
        var reception = try vault.beginUpload(
            UploadRequest(
                pupilFile: pupil.pupilFile, filename: file.name, declaredBytes: size,
                wantsProposal: file.details.summary.isEmpty), as: acting)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer {
            if let base = buffer.baseAddress { explicit_bzero(base, buffer.count) }
            buffer.deallocate()
        }
        var read: UInt64 = 0
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .refused(.fileBroken) }
            if count == 0 { break }
            try reception.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            read += UInt64(count)
            moved(read)
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
                try FilingReport(json: json).filed(
                    FilingReport.Filed(
                        document: receipt.document.text, pupil: receipt.pupilReference, mediaType: receipt.mediaType,
                        file: receipt.filename, sha256: receipt.sha256, recorded: receipt.recorded.iso8601,
                        checkpoint: receipt.checkpoint, index: receipt.index, size: receipt.size,
                        pages: receipt.pages, quarantined: receipt.quarantined, restricted: receipt.isRestricted,
                        earlier: receipt.earlier?.text))
            case .queued: break
            case .refused(let upload, let refusal):
                worst = max(worst, try failed(names[upload] ?? "", VaultError.refused(refusal)))
            }
        }
        return worst
    }

    private func failed(_ name: String, _ error: any Error) throws -> Int32 {
        guard let error = error as? VaultError else { throw error }
        var isRefusal = false
        if case .refused = error { isRefusal = true }
        try FilingReport(json: json).failed(name, error.refusal, isRefusal: isRefusal)
        return Terminal.exitCode(of: error)
    }
}
