import FoundationEssentials
import Sandbox
import Testing

private func scan(_ name: String) throws -> [UInt8] { try fixture("../scans/\(name)") }

/// What tesseract reads in a sandbox of its own.
@Suite struct TextRecognitionTests {
    @Test func `A page of a scan is read, and each page by itself`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        func read(_ name: String, _ type: String, _ page: Int) throws -> String {
            try inspector.recognisedText(of: sealed(scan(name)), mediaType: type, page: page, languages: ["eng"]).text
        }
        let list = try read("transfer-record-2013-07-22.tif", "image/tiff", 2)
        #expect(list.contains("LIST OF CONTENTS") && !list.contains("registered post") && !list.contains("\u{c}"))
        #expect(try read("transfer-record-2013-07-22.tif", "image/tiff", 1).contains("registered post"))
        #expect(try read("../stacks/folder.pdf", "application/pdf", 6).contains("homework club"))
        #expect(throws: SandboxError.noPictures) { try read("telephone-call-2016-06-03.txt", "text/plain", 1) }
        #expect(throws: SandboxError.outOfRange) {
            try read("note-photographed-2017-06-12.jpg", "image/jpeg", 2)
        }
        #expect(throws: SandboxError.unsealed) {
            var file = try MemoryFile()
            try file.append([1])
            _ = try inspector.recognisedText(of: file, mediaType: "image/png", page: 1, languages: ["eng"])
        }
    }

    @Test func `A page that was put in upside down or on its side is read all the same`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        for turn in [90, 180, 270] {
            // Turned by a program that is not ours.
            let turned = try inspector.runAsRenderer(
                ["/usr/bin/qpdf", "/proc/self/fd/3", "--pages", ".", "6", "--", "--rotate=\(turn)", "-"],
                on: sealed(scan("../stacks/folder.pdf")))
            let text = try inspector.recognisedText(
                of: sealed(turned), mediaType: "application/pdf", page: 1, languages: ["eng"]
            ).text
            #expect(text.contains("homework club"), "\(turn)")
        }
    }

    @Test func `A text that a PDF brings along is told page by page, and a scan has none`() throws {
        let inspector = try Inspector(program: program)
        defer { inspector.shutdown() }
        let brought = try inspector.ownTexts(of: sealed(scan("case-conference-2016-11-17.pdf")), pages: 1...3)
        #expect(
            brought.count == 3 && brought[0].contains("Safeguarding Unit") && !brought[1].contains("Safeguarding Unit"))
        let none = try inspector.ownTexts(of: sealed(scan("../stacks/folder.pdf")), pages: 5...6)
        #expect(none.count == 2 && none.allSatisfy { $0.filter(\.isLetter).isEmpty })
    }

    @Test func `Recognition that hangs or ends costs its page, and the next page is read`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "strongroom-recognition-\(UInt64.random(in: 0...(.max)))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let mood = folder.appending(path: "mood").path
        // In bubblewrap's place: does to tesseract what the file says, and to everything else nothing.
        let wrapper = folder.appending(path: "bwrap").path
        try """
        #!/bin/sh
        case " $* " in
        *" tesseract "*) case "$(cat '\(mood)')" in hang) exec sleep 60 ;; end) exit 139 ;; gone) exit 127 ;; esac ;;
        esac
        exec /usr/bin/bwrap "$@"
        """.write(toFile: wrapper, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: wrapper)
        let inspector = try Inspector(program: program, bubblewrap: wrapper, secondsOfPage: 5)
        defer { inspector.shutdown() }
        func read(_ what: String) throws -> String {
            try what.write(toFile: mood, atomically: true, encoding: .utf8)
            return try inspector.recognisedText(
                of: sealed(scan("../stacks/folder.pdf")), mediaType: "application/pdf", page: 6, languages: ["eng"]
            )
            .text
        }
        #expect(throws: SandboxError.timedOut) { try read("hang") }
        #expect(throws: SandboxError.crashed) { try read("end") }
        #expect(throws: SandboxError.unavailable(reason: "tesseract is not installed")) { try read("gone") }
        #expect(try read("well").contains("homework club"))
        #expect(Inspector.missing(["eng", "xxx"]) == ["xxx"])
    }
}
