import Glibc
import Inspection
import Ledger
import Multipart
import Sealing

// One parser of what strangers send, under libFuzzer: `fuzzing PARSER [libFuzzer's own arguments]`. Built by scripts/fuzz alone.
// A parser may refuse whatever it likes. It may not crash, hang or need memory without end; and what it takes it takes exactly: the
// same in whatever pieces it comes, and of age headers and notes the one spelling that there is.

/// libFuzzer, which comes with the flag `-sanitize=fuzzer`; its own `main` stays behind, since there is one here.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ takeOne: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

enum Parser: String, CaseIterable {
    case multipart
    case ageHeader = "age-header"
    case note
    case mail
    case word
    case heic

    func take(_ bytes: UnsafeRawBufferPointer) {
        switch self {
        case .multipart: takeForm(bytes)
        case .ageHeader:
            guard let (header, count) = try? Header.parsePrefix(of: bytes) else { return }
            precondition(header.bytes.elementsEqual(bytes[..<count]), "a header of another spelling")
        case .note:
            guard let note = try? SignedNote(parsing: Array(bytes)) else { return }
            precondition(note.encoded.utf8.elementsEqual(bytes), "a note of another spelling")
        case .mail: look(bytes, "message/rfc822", "eml")
        case .word:
            look(bytes, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx")
        case .heic: look(bytes, "image/heic", "heic")
        }
    }
}

/// What a form comes to: its parts with their data, or nothing where it is refused.
private func parts(of bytes: UnsafeRawBufferPointer, inPiecesOf size: Int) -> [(Part, [UInt8])]? {
    var parts: [(Part, [UInt8])] = []
    do {
        var parser = try MultipartParser(boundary: "edge")
        for start in stride(from: 0, to: bytes.count, by: size) {
            let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + size, bytes.count)])
            try parser.feed(piece) { event in
                switch event {
                case .part(let part): parts.append((part, []))
                case .data(let data): parts[parts.count - 1].1 += data
                case .partEnd, .end: break
                }
            }
        }
        try parser.finish()
        return parts
    } catch { return nil }
}

/// The first byte says in which pieces the rest comes.
private func takeForm(_ bytes: UnsafeRawBufferPointer) {
    guard let first = bytes.first, bytes.count > 1 else { return }
    let form = UnsafeRawBufferPointer(rebasing: bytes[1...])
    let whole = parts(of: form, inPiecesOf: form.count)
    let pieces = parts(of: form, inPiecesOf: Int(first) + 1)
    precondition((whole == nil) == (pieces == nil), "taken or refused by the pieces in which it comes")
    guard let whole, let pieces else { return }
    precondition(
        whole.count == pieces.count && zip(whole, pieces).allSatisfy { $0.0 == $1.0 && $0.1 == $1.1 },
        "another form by the pieces in which it comes")
}

private func look(_ bytes: UnsafeRawBufferPointer, _ mediaType: String, _ ending: String) {
    let request = InspectionRequest(
        fileExtension: ending, declaredType: nil,
        accepted: [AcceptedType(mediaType: mediaType, extensions: [ending], maximumBytes: 1 << 24)], wantText: true)
    let verdict = inspect(bytes, request, magic: magic)
    precondition(verdict != .crashed, "the judgement does not know what the walk saw")
    precondition(textRendition(bytes, mediaType: mediaType).utf8.count <= 1 << 20, "more text than there may be")
}

nonisolated(unsafe) private let magic: MagicDatabase = {
    do { return try MagicDatabase() } catch {
        print("error: no libmagic: \(error)")
        exit(1)
    }
}()

guard CommandLine.arguments.count > 1, let named = Parser(rawValue: CommandLine.arguments[1]) else {
    print("usage: fuzzing \(Parser.allCases.map(\.rawValue).joined(separator: "|")) [libFuzzer's arguments]")
    exit(64)
}
let parser = named
// What libFuzzer sees is its own program's name and arguments.
var arguments = CommandLine.unsafeArgv.advanced(by: 1)
var pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = arguments
var count = CommandLine.argc - 1
exit(
    runFuzzer(&count, &pointer) { bytes, size in
        parser.take(UnsafeRawBufferPointer(start: bytes, count: size))
        return 0
    })
