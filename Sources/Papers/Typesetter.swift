import Sandbox
import Synchronization

// HTML becomes PDF in a sandbox without network, vault, or anything to write to; WeasyPrint reads a sealed memory file and
// writes to a pipe. It is given no document but that one: every address in it is refused before it is looked at, save
// pictures that lie in the document itself. What WeasyPrint says of a document goes to /dev/null. Its arguments are the
// identifier and the date, and no word of the document.

/// WeasyPrint and qpdf, each run in a sandbox of its own, one at a time in the whole process.
public struct Typesetter: Sendable {
    private let bubblewrap: String
    private let memoryMiB: Int
    private let seconds: Double

    /// Starts nothing yet.
    ///
    /// - Parameters:
    ///   - bubblewrap: where bubblewrap is.
    ///   - memoryMiB: what one run may take.
    ///   - seconds: how long one run may take; waiting for another one's end comes besides.
    public init(bubblewrap: String = "/usr/bin/bwrap", memoryMiB: Int, seconds: Double) {
        self.bubblewrap = bubblewrap
        self.memoryMiB = memoryMiB
        self.seconds = seconds
    }

    /// Typesets one document. Blocks for seconds.
    func typeset(_ html: [UInt8], identifier: String, made: Int64) throws(PaperError) -> Part {
        do throws(SandboxError) {
            var file = try MemoryFile()
            try file.append(html)
            try file.seal()
            let command = ["python3", "-I", "-c", Self.script, identifier, "\(made)"]
            return try Part(run(command, on: [file.descriptor], as: "WeasyPrint"))
        } catch { throw PaperError(error) }
    }

    /// Runs qpdf over PDFs, which are `/proc/self/fd/3` and upwards to it; its result is sealed.
    func qpdf(_ arguments: [String], on files: [Int32]) throws(PaperError) -> MemoryFile {
        do throws(SandboxError) {
            var result = try run(["qpdf"] + arguments, on: files, as: "qpdf")
            try result.seal()
            return result
        } catch { throw PaperError(error) }
    }

    /// How many pages a PDF has, as qpdf counts them.
    func pages(of pdf: borrowing MemoryFile) throws(PaperError) -> Int {
        let said = try qpdf(["--show-npages", "/proc/self/fd/3"], on: [pdf.descriptor])
        do throws(SandboxError) {
            let text = try said.withBytes { String(decoding: $0.prefix(20), as: UTF8.self) }
            guard let pages = Int(text.prefix { $0.isWholeNumber }) else { throw SandboxError.crashed }
            return pages
        } catch { throw PaperError(error) }
    }

    private static let script = String(decoding: PackageResources.typeset_py, as: UTF8.self)

    /// One at a time: a run takes a core and up to a quarter of a GiB, which the machine's other work must not lack.
    private static let turn = Mutex<Void>(())

    private static let maximumOutput = 512 << 20

    private func run(_ command: [String], on files: [Int32], as name: String) throws(SandboxError) -> MemoryFile {
        let tool = Tool(
            bubblewrap: bubblewrap, seconds: seconds, memoryMiB: memoryMiB, maximumOutput: Self.maximumOutput,
            name: name)
        return try Self.turn.withLock { _ throws(SandboxError) -> MemoryFile in try tool.make(command, from: files) }
    }
}
