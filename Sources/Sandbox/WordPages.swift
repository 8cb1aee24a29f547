import Glibc
import Inspection

/// A Word document as LibreOffice lays it out: a PDF in memory.
public final class WordPages: Sendable {
    /// The PDF, sealed, and accepted as such.
    public let pdf: MemoryFile
    /// How many pages it has.
    public let count: Int

    fileprivate init(pdf: consuming MemoryFile, count: Int) {
        self.pdf = pdf
        self.count = count
    }
}

extension Inspector {
    private static let office = "/usr/lib/libreoffice/program/libmergedlo.so"
    private static let script = String(decoding: PackageResources.word_py, as: UTF8.self)
    /// What LibreOffice may write, its profile and the PDF, and the most that the PDF may be of that.
    private static let scratchMiB = 256
    private static let mostOfPDF = 64 << 20

    /// Whether Word documents can be drawn on this machine: LibreOffice's Writer is installed.
    public static var drawsWord: Bool { access(office, R_OK) == 0 }

    /// Lays out a sealed, accepted Word document, by LibreOffice in a sandbox, and has the outcome inspected as any other file.
    ///
    /// Blocks for one to three seconds.
    ///
    /// - Throws: `noPictures` where LibreOffice is not installed; `timedOut`; `tooLarge` above 64 MiB; `abandoned`; `crashed`
    ///   where it cannot be laid out, or what comes of it would not be accepted.
    public func pages(ofWord file: borrowing MemoryFile) throws(SandboxError) -> WordPages {
        guard file.isSealed else { throw .unsealed }
        guard Self.drawsWord else { throw .noPictures }
        var tool = tool(seconds: secondsOfPage, maximumOutput: Self.mostOfPDF)
        tool.name = "LibreOffice"
        tool.scratchMiB = Self.scratchMiB
        tool.readOnly = [("/etc/libreoffice", "/etc/libreoffice")]
        var pdf: MemoryFile
        do {
            try takeTurn()
            defer { endTurn() }
            pdf = try tool.make(["python3", "-I", "-c", Self.script], from: [file.descriptor])
        }
        try pdf.seal()
        let accepted = AcceptedType(
            mediaType: "application/pdf", extensions: ["pdf"], maximumBytes: UInt64(Self.mostOfPDF))
        let request = InspectionRequest(fileExtension: "pdf", declaredType: nil, accepted: [accepted])
        let verdict = try inspect(pdf, request)
        guard verdict.outcome == .accepted, let count = verdict.pages else { throw .crashed }
        return WordPages(pdf: pdf, count: count)
    }
}
