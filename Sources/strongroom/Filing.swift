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
        var filer = DocumentFiler(FilingReport(json: json), again: again, acceptProposed: acceptProposed)
        try acting.acting { vault, acting in
            let chosen = try vault.pupil(reference: pupil, as: acting)
            try DocumentFiler.inBatch(vault, acting) {
                for start in stride(from: 0, to: files.count, by: Self.atOnce) {
                    let some = files[start..<min(start + Self.atOnce, files.count)]
                    for (file, result) in zip(some, Self.receive(some, chosen, vault, acting, progress)) {
                        try filer.add(result, of: file, vault, acting)
                    }
                    try filer.file(vault, acting)
                }
            }
        }
        if filer.worst != 0 { throw Stop(code: filer.worst) }
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
        try reception.append(allOf: descriptor, moved)
        return try reception.finish()
    }
}

extension Reception {
    /// Takes all that a descriptor has, from where it is.
    mutating func append(allOf descriptor: Int32, _ moved: (UInt64) -> Void) throws(VaultError) {
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
            if count == 0 { return }
            try append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            read += UInt64(count)
            moved(read)
        }
    }
}

/// Files what was received, and says of each what became of it: what `file` and `scan` have in common.
struct DocumentFiler {
    private let report: FilingReport
    private let again: Bool
    private let acceptProposed: Bool
    private var seen: Set<Digest> = []
    private var ready: [(String, Received, FilingDetails)] = []
    /// The exit code so far.
    private(set) var worst: Int32 = 0

    init(_ report: FilingReport, again: Bool, acceptProposed: Bool = false) {
        (self.report, self.again, self.acceptProposed) = (report, again, acceptProposed)
    }

    /// Files within a batch of its own, unless one is open already.
    static func inBatch(_ vault: Vault, _ acting: Acting, _ work: () throws -> Void) throws {
        let isOpen = try vault.currentBatch(as: acting) != nil
        let batch = try vault.openBatch(as: acting)
        try work()
        if !isOpen { try vault.closeBatch(batch.id, as: acting) }
    }

    /// Takes what came of receiving a file, to be filed with the others.
    mutating func add(
        _ result: Result<Received, VaultError>, of file: NamedFile, _ vault: Vault, _ acting: Acting
    ) throws {
        do {
            let received = try result.get()
            if !again { try checkNew(received, vault, acting) }
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
            try failed(file.name, error)
        }
    }

    /// Refuses what this person filed for this pupil before, or named twice now.
    private mutating func checkNew(
        _ received: Received, _ vault: Vault, _ acting: Acting
    ) throws(VaultError) {
        let earlier = try vault.earlier(received, as: acting)
        guard earlier != nil || !seen.insert(received.digest).inserted else { return }
        throw .refused(earlier.map(Refusal.uploadRepeated) ?? .uploadNamedTwice)
    }

    /// Files in one transaction what was taken since.
    mutating func file(_ vault: Vault, _ acting: Acting) throws {
        var filings: [(received: Received, details: FilingDetails)] = []
        var names: [UploadID: String] = [:]
        for (name, received, details) in ready {
            names[received.upload] = name
            if received.inspected.outcome == .waiting {
                _ = try vault.hold(received, details: details, as: acting)
                try failed(name, VaultError.waiting(code: received.inspected.code ?? "sandbox.unavailable"))
            } else {
                filings.append((received, details))
            }
        }
        ready = []
        for outcome in try vault.file(filings, as: acting) {
            switch outcome {
            case .filed(_, let receipt):
                try report.filed(
                    FilingReport.Filed(
                        document: receipt.document.text, pupil: receipt.pupilReference, mediaType: receipt.mediaType,
                        file: receipt.filename, sha256: receipt.sha256, recorded: receipt.recorded.iso8601,
                        checkpoint: receipt.checkpoint, index: receipt.index, size: receipt.size,
                        pages: receipt.pages, quarantined: receipt.quarantined, restricted: receipt.isRestricted,
                        earlier: receipt.earlier?.text))
            case .queued: break
            case .refused(let upload, let refusal): try failed(names[upload] ?? "", VaultError.refused(refusal))
            }
        }
    }

    private mutating func failed(_ name: String, _ error: any Error) throws {
        guard let error = error as? VaultError else { throw error }
        var isRefusal = false
        if case .refused = error { isRefusal = true }
        try report.failed(name, error.refusal, isRefusal: isRefusal)
        worst = max(worst, Terminal.exitCode(of: error))
    }
}
