import ArgumentParser
import Foundation
import Records
import Sealing
import Sending

/// `strongroom upload`
struct UploadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upload",
        abstract: "Send documents to a vault's server as a scan station, file them, and print a receipt each.",
        discussion: """
            The scan station's token is asked for, or read as {"token":…} from --secrets-fd. Documents go into the open \
            batch of somebody who is signed in on the server, and need a summary each, from --details; with --intake \
            they go into the intake queue.

            What is cut goes on by itself. Stopped for good, the same command goes on where it was: what is filed is \
            not sent again, and what was sent of the rest is not sent again either.

            Exit codes: 0 all filed, 1 error, 3 something was refused, 5 the server was out of reach for too long or \
            cannot check a file yet: run the same command again, 64 usage.
            """)

    @Argument(help: "Documents, or folders of them.")
    var paths: [String]
    @Option(help: "The server, such as https://vault.school.example:8443.")
    var server: String
    @Option(help: "The pupil's reference, such as P-7F3KQ.")
    var pupil: String?
    @Option(help: "The category's id, as the vault's policies have it.")
    var category: String?
    @Option(help: "The document's own date: 2009-03-04, 2009-03, 2009, a range with /, or undated.")
    var date: String?
    @Option(help: "The id of the open batch, as its page shows it.")
    var batch: String?
    @OptionGroup var said: SaidOptions
    @Flag(help: "Send to the intake queue: no pupil is known yet.")
    var intake = false
    @Flag(help: "File what this station filed for this pupil before, too.")
    var again = false
    @Flag(help: "Answer as JSON, a line a document.")
    var json = false
    @Option(help: "Trust the certificates in this PEM file, and no others.")
    var caFile: String?
    @Option(help: "Read {\"token\":…} from this descriptor instead of asking.")
    var secretsFd: Int32?
    @Option(help: "Give up when nothing got on for so many seconds.")
    var giveUpAfter = 600

    func validate() throws {
        guard ServerAddress(server) != nil else {
            throw ValidationError("--server takes https:// and a host, such as https://vault.school.example:8443.")
        }
        let named = [("--pupil", pupil), ("--category", category), ("--date", date), ("--batch", batch)]
        if intake {
            if let extra = named.first(where: { $0.1 != nil }) {
                throw ValidationError("What goes into the intake queue has no \(extra.0) yet.")
            }
        } else if let missing = named.first(where: { $0.1 == nil }) {
            throw ValidationError("Say \(missing.0), or --intake where no pupil is known yet.")
        } else if said.details == nil {
            throw ValidationError("Every document needs a summary: give them with --details.")
        }
        if let batch, BatchID(text: batch) == nil {
            throw ValidationError("--batch takes the batch's id of 26 characters, as its page shows it.")
        }
        guard (0...86_400).contains(giveUpAfter) else { throw ValidationError("--give-up-after takes 0 to 86400.") }
    }

    func run() async throws {
        let files = try said.files(at: paths, category: category ?? "", date: date ?? "")
        ProcessHardening.disableCoreDumps()
        guard let address = ServerAddress(server) else { return }
        let line: ServerLine
        do { line = try ServerLine(to: address, token: token(), certificates: caFile) } catch let refusal as Refusal {
            Terminal.explain(refusal)
            throw Stop.refused
        }
        let worst: Int32
        do { worst = try await send(files, over: line) } catch {
            await line.end()
            throw error
        }
        await line.end()
        if worst != 0 { throw Stop(code: worst) }
    }

    private func token() throws -> String {
        let given =
            try secretsFd.map { try SecretLines(descriptor: $0).next().token ?? "" }
            ?? Terminal.askSecret("Token of the scan station")
        return given.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Sends one file after the other, each hashed while the one before it is sent; gives the exit code.
    private func send(_ files: [NamedFile], over line: ServerLine) async throws -> Int32 {
        let sender = Sender(over: line, patience: .seconds(giveUpAfter))
        let report = FilingReport(json: json)
        let progress = ProgressLine(sizes: files.map(\.size))
        defer { progress.end() }
        var worst: Int32 = 0
        do {
            try await sender.knock()
            var next = files.isEmpty ? nil : await Self.open(files[0])
            for (number, file) in files.enumerated() {
                async let following = number + 1 < files.count ? Self.open(files[number + 1]) : nil
                do {
                    if let opened = next { try await send(opened.get(), file, number, sender, report, progress) }
                } catch let refusal as Refusal {
                    try report.failed(file.name, refusal, isRefusal: true)
                    worst = max(worst, Stop.refused.code)
                } catch let error as SendingError where !error.stopsAll {
                    try report.failed(file.name, error.refusal, isRefusal: error.kind == .refused)
                    worst = max(worst, error.exitCode)
                }
                progress.ended(number)
                next = await following
            }
        } catch let error as SendingError {
            // No file would fare better, so it is said of none.
            if json { try Terminal.json(Stopped(error.refusal)) }
            Terminal.explain(error.refusal)
            return max(worst, error.exitCode)
        }
        return worst
    }

    private struct Stopped: Encodable {
        let stopped, message, hint: String

        init(_ refusal: Refusal) {
            stopped = refusal.code
            message = refusal.message
            hint = refusal.hint
        }
    }

    private static func open(_ file: NamedFile) async -> Result<OutgoingFile, any Error> {
        Result { try OutgoingFile.open(file.path, name: file.name) }
    }

    private func send(
        _ opened: OutgoingFile, _ file: NamedFile, _ number: Int, _ sender: Sender, _ report: FilingReport,
        _ progress: ProgressLine
    ) async throws {
        // Known here already; the server would say so only when all of it is there.
        guard intake || !file.details.summary.isEmpty else { throw Refusal.summaryBlank }
        guard !file.isRestricted else { throw Refusal.staffByStation }
        let order = Order(
            pupil: intake ? nil : pupil, batch: intake ? nil : batch, details: file.details, again: again)
        let delivery = try await sender.send(opened, order) { step in
            switch step {
            case .has(let bytes): progress.moved(number, file.name, to: bytes, isWork: false)
            case .sent(let bytes): progress.moved(number, file.name, to: bytes)
            case .pausing: progress.pausing()
            }
        }
        switch delivery {
        case .filed(let receipt):
            try report.filed(
                FilingReport.Filed(
                    document: receipt.document, pupil: receipt.pupil, mediaType: receipt.mediaType,
                    file: receipt.filename, sha256: receipt.sha256, recorded: receipt.recorded,
                    checkpoint: receipt.checkpoint, index: receipt.index, size: receipt.size, pages: receipt.pages,
                    quarantined: receipt.quarantined, earlier: receipt.earlier))
        case .queued(let receipt):
            try report.filed(
                FilingReport.Filed(
                    file: receipt.filename, sha256: receipt.sha256, recorded: receipt.recorded,
                    checkpoint: receipt.checkpoint, index: receipt.index, size: receipt.size,
                    quarantined: receipt.quarantined))
        }
    }
}

extension SendingError {
    fileprivate var exitCode: Int32 {
        switch kind {
        case .refused: Stop.refused.code
        case .waiting: Stop.waiting.code
        case .failed: 1
        }
    }
}
