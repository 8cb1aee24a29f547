import Multipart
import Testing

/// A part as a test sees it, its data gathered.
private struct GatheredPart: Equatable {
    var part: Part
    var data: [UInt8]
}

private struct Gathered: Equatable {
    var parts: [GatheredPart] = []
    var open = false
    var ended = false
}

/// Feeds the body in pieces of that size, checks the order of events, and gathers the parts.
private func gather(
    _ body: [UInt8], boundary: String = "b0und", pieces size: Int = .max
) throws -> [GatheredPart] {
    var parser = try MultipartParser(boundary: boundary)
    var gathered = Gathered()
    var start = 0
    while start < body.count {
        let end = size > body.count - start ? body.count : start + size
        try parser.feed(Array(body[start..<end])) { event in note(event, in: &gathered) }
        start = end
    }
    try parser.finish()
    #expect(gathered.ended && !gathered.open)
    return gathered.parts
}

private func note(_ event: MultipartParser.Event, in gathered: inout Gathered) {
    #expect(!gathered.ended)
    switch event {
    case .part(let part):
        #expect(!gathered.open)
        gathered.open = true
        gathered.parts.append(GatheredPart(part: part, data: []))
    case .data(let bytes):
        #expect(gathered.open && !bytes.isEmpty)
        gathered.parts[gathered.parts.count - 1].data += Array(bytes)
    case .partEnd:
        #expect(gathered.open)
        gathered.open = false
    case .end:
        #expect(!gathered.open)
        gathered.ended = true
    }
}

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

private func body(disposition: String, data: String = "x", more: String = "") -> [UInt8] {
    bytes("--b0und\r\nContent-Disposition: \(disposition)\r\n\(more)\r\n\(data)\r\n--b0und--\r\n")
}

private func part(disposition: String) throws -> Part? {
    try gather(body(disposition: disposition)).first?.part
}

/// A body that can be read, and what is in it.
private struct Sample: Sendable {
    var name: String
    var body: [UInt8]
    var parts: [(Part, [UInt8])]
}

private let file =
    "Content-Disposition: form-data; name=\"f\"; filename=\"a.pdf\"\r\nContent-Type: application/pdf\r\n\r\n"
private let filePart = Part(name: "f", filename: "a.pdf", contentType: "application/pdf")
private let field = "Content-Disposition: form-data; name=\"g\"\r\n\r\n"
private let fieldPart = Part(name: "g")

private let samples: [Sample] = {
    func one(_ name: String, _ data: String) -> Sample {
        Sample(
            name: name, body: bytes("--b0und\r\n\(file)\(data)\r\n--b0und--\r\n"), parts: [(filePart, bytes(data))])
    }
    return [
        one("plain data", "some data"),
        one("empty data", ""),
        one("data of line ends", "\r\n\r\n\r\n"),
        one("data of carriage returns", "\r\r\r\r\r\n\r\r"),
        one("data ending in CR", "x\r"),
        one("data ending in CR LF and dashes", "x\r\n--"),
        one("a beginning of the boundary before the boundary", "x\r\n--b0un\r\n--b0u"),
        one("the boundary with more characters", "x\r\n--b0undary\r\ny"),
        one("the boundary with one dash", "x\r\n--b0und-\r\ny"),
        one("the boundary with blanks and more", "x\r\n--b0und \t y"),
        one("the boundary with CR but no LF", "x\r\n--b0und\rx\r\n--b0und\r"),
        one("the boundary with blanks and CR but no LF", "x\r\n--b0und  \r\r\n--b0und \r"),
        one("the boundary within a line", "x--b0und\r\ny --b0und--\r\n"),
        one("the boundary after LF alone", "x\n--b0und\r\ny\n--b0und--\r\n"),
        one("a look-alike at the start", "--b0undary\r\nrest"),
        one("a beginning of the boundary at the start", "--b0"),
        one("a look-alike that runs into the boundary", "\r\n--b0und -"),
        Sample(
            name: "two parts", body: bytes("--b0und\r\n\(file)1\r\n--b0und\r\n\(field)22\r\n--b0und--\r\n"),
            parts: [(filePart, bytes("1")), (fieldPart, bytes("22"))]),
        Sample(
            name: "preamble and epilogue",
            body: bytes(
                "For others\r\n--b0un not yet\r\n--b0und\r\n\(field)1\r\n--b0und--\r\nbye\r\n--b0und\r\nnothing"),
            parts: [(fieldPart, bytes("1"))]),
        Sample(
            name: "a look-alike in the preamble", body: bytes("--b0undx\r\n--b0und\r\n\(field)1\r\n--b0und--"),
            parts: [(fieldPart, bytes("1"))]),
        Sample(
            name: "an empty preamble line", body: bytes("\r\n--b0und\r\n\(field)\r\n--b0und--"),
            parts: [(fieldPart, [])]),
        Sample(
            name: "blanks after the boundaries",
            body: bytes("--b0und \t\r\n\(field)1\r\n--b0und\t\r\n\(field)2\r\n--b0und-- \t"),
            parts: [(fieldPart, bytes("1")), (fieldPart, bytes("2"))]),
        Sample(
            name: "no data and no line for it", body: bytes("--b0und\r\n\(field)--b0und\r\n\(field)2\r\n--b0und--"),
            parts: [(fieldPart, []), (fieldPart, bytes("2"))]),
        Sample(name: "no parts", body: bytes("--b0und--\r\n"), parts: []),
        Sample(
            name: "every byte value",
            body: bytes("--b0und\r\n\(file)") + Array(0...255) + Array((0...255).reversed())
                + bytes("\r\n--b0und--\r\n"),
            parts: [(filePart, Array(0...255) + Array((0...255).reversed()))]),
    ]
}()

@Suite("A form's body")
struct MultipartParserTests {
    @Test("is read alike in pieces of every size", arguments: samples.indices)
    func everyPieceSize(sample: Int) throws {
        let sample = samples[sample]
        let expected = sample.parts.map { GatheredPart(part: $0.0, data: $0.1) }
        for size in 1...sample.body.count {
            #expect(try gather(sample.body, pieces: size) == expected, "\(sample.name), pieces of \(size)")
        }
    }

    @Test("is read alike split in two or three at every place", arguments: samples.indices)
    func everySplit(sample: Int) throws {
        let sample = samples[sample]
        let expected = sample.parts.map { GatheredPart(part: $0.0, data: $0.1) }
        for first in 0...sample.body.count {
            for second in [first, first + 1, first + 3, first + 7] where second <= sample.body.count {
                var parser = try MultipartParser(boundary: "b0und")
                var gathered = Gathered()
                for range in [0..<first, first..<second, second..<sample.body.count] {
                    try parser.feed(Array(sample.body[range])) { note($0, in: &gathered) }
                }
                try parser.finish()
                #expect(gathered.parts == expected && gathered.ended, "\(sample.name) split at \(first), \(second)")
            }
        }
    }

    @Test("cut short anywhere before its final boundary is never whole", arguments: samples.indices)
    func truncated(sample: Int) throws {
        let sample = samples[sample]
        let whole = try #require(
            sample.body.indices.first {
                sample.body[$0...].starts(with: bytes("--b0und--")) && isDelimiter(sample.body, at: $0)
            })
        for length in 0..<(whole + 9) {
            #expect(throws: MultipartError.self, "\(sample.name) cut at \(length)") {
                try gather(Array(sample.body[..<length]))
            }
        }
        let kind = sample.parts.isEmpty ? MultipartError.boundaryNotFound : .truncated
        #expect(throws: kind) { try gather(Array(sample.body[..<whole])) }
    }

    private func isDelimiter(_ body: [UInt8], at index: Int) -> Bool {
        // Of the samples, only a final boundary has this before and one of these after it.
        guard index == 0 || index >= 2 && Array(body[index - 2..<index]) == [13, 10] else { return false }
        let after = body[(index + 9)...]
        return after.isEmpty || after.starts(with: [13, 10]) || after.starts(with: [32])
    }

    @Test("made at random is read as it was made, in pieces at random")
    func random() throws {
        var generator = SplitMix(state: 20_090_304)
        // Few different bytes, so that beginnings of the boundary are everywhere.
        let alphabet = bytes("\r\n--b0und b0u\n\r")
        for round in 0..<3000 {
            var expected: [GatheredPart] = []
            var body: [UInt8] = []
            for _ in 0..<Int.random(in: 0...3, using: &generator) {
                var data = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
                    alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
                }
                // A true delimiter cannot be in the data; nor can data begin with one.
                if holdsDelimiter(data) { data = bytes("replaced") }
                body += bytes("--b0und\r\n\(file)") + data + bytes("\r\n")
                expected.append(GatheredPart(part: filePart, data: data))
            }
            body += bytes("--b0und--")
            var parser = try MultipartParser(boundary: "b0und")
            var gathered = Gathered()
            var start = 0
            while start < body.count {
                let end = min(body.count, start + Int.random(in: 1...20, using: &generator))
                try parser.feed(Array(body[start..<end])) { note($0, in: &gathered) }
                start = end
            }
            try parser.finish()
            #expect(gathered.parts == expected, "round \(round)")
        }
    }

    private func holdsDelimiter(_ data: [UInt8]) -> Bool {
        let framed = [13, 10] + data + [13, 10]
        return framed.indices.contains { index in
            guard framed[index...].starts(with: bytes("\r\n--b0und")) else { return false }
            let after = framed[(index + 9)...]
            if after.starts(with: bytes("--")) { return true }
            let line = after.drop { $0 == 32 || $0 == 9 }
            return line.starts(with: [13, 10]) || line.first == 10
        }
    }

    @Test("hands data on as slices of what it was fed")
    func slices() throws {
        let data = [UInt8](repeating: 65, count: 100_000)
        let whole = bytes("--b0und\r\n\(file)") + data + bytes("\r\n--b0und--")
        var parser = try MultipartParser(boundary: "b0und")
        var count = 0
        try whole.withUnsafeBytes { (input: UnsafeRawBufferPointer) in
            let start = try #require(input.baseAddress)
            try parser.feed(input) { event in
                if case .data(let slice) = event, let address = slice.baseAddress {
                    #expect(address >= start && address + slice.count <= start + input.count)
                    count += 1
                }
            }
        }
        try parser.finish()
        #expect(count == 1)
    }

    @Test("with LF alone at line ends is refused")
    func lineFeeds() {
        for text in [
            "--b0und\nContent-Disposition: form-data; name=\"f\"\n\nx\n--b0und--\n",
            "--b0und\r\nContent-Disposition: form-data; name=\"f\"\n\nx\r\n--b0und--\r\n",
            "--b0und\r\n\(field)x\r\n--b0und\n",
            "--b0und\r\n\(field)x\r\n--b0und \n",
            "--b0und\r\n\(field)x\r\n--b0und--\n",
            "--b0und\r\n\n",
        ] {
            #expect(throws: MultipartError.bareLineFeed) { try gather(bytes(text)) }
        }
    }

    @Test("with anything but a line end after the final boundary is refused, not cut short")
    func afterFinalBoundary() {
        for text in ["x", "-", "  x", "\rx", "\r\r\n"] {
            #expect(throws: MultipartError.afterFinalBoundary) {
                try gather(bytes("--b0und\r\n\(field)data\r\n--b0und--\(text)"))
            }
        }
        #expect(throws: MultipartError.truncated) { try gather(bytes("--b0und\r\n\(field)data\r\n--b0und--\r")) }
    }

    @Test("without its boundary is refused")
    func noBoundary() {
        for text in ["", "x", "\r\n", "--other\r\n\(field)x\r\n--other--\r\n", "--b0un"] {
            #expect(throws: MultipartError.boundaryNotFound) { try gather(bytes(text)) }
        }
    }

    @Test("is taken no further once the parser or its handler failed")
    func failedEarlier() throws {
        struct Stop: Error {}
        var parser = try MultipartParser(boundary: "b0und")
        #expect(throws: Stop.self) {
            try parser.feed(bytes("--b0und\r\n\(field)data")) { event in if case .data = event { throw Stop() } }
        }
        #expect(throws: MultipartError.failedEarlier) { try parser.feed(bytes("\r\n--b0und--")) { _ in } }
        do throws(MultipartError) {
            try parser.finish()
            Issue.record("a parser whose handler failed says that the body was whole")
        } catch {
            #expect(error == .failedEarlier)
        }
    }
}

@Suite("A part's header")
struct PartHeaderTests {
    @Test("gives name, file name and type, whatever the case and order")
    func reads() throws {
        let more = "X-Other: 1\r\nCONTENT-TYPE:\ttext/plain; charset=utf-8 \r\nX-Other: 2\r\n"
        let parts = try gather(body(disposition: "FORM-DATA;filename=a.txt ;\tNAME=\"field\"", more: more))
        #expect(parts.map(\.part) == [Part(name: "field", filename: "a.txt", contentType: "text/plain; charset=utf-8")])
    }

    @Test(
        "takes names as browsers write them",
        arguments: [
            // What is sent between the quotation marks, and the name meant.
            ("scan.pdf", "scan.pdf"),
            ("", ""),
            ("na\u{EF}ve \u{1F4C4}.pdf", "na\u{EF}ve \u{1F4C4}.pdf"),
            ("a%22b.pdf", "a\"b.pdf"),
            ("line%0D%0Afeed", "line\r\nfeed"),
            ("100%.pdf", "100%.pdf"),
            ("%2Fetc%252F%0d%2", "%2Fetc%252F%0d%2"),
            ("C:\\scans\\a.pdf", "C:\\scans\\a.pdf"),
            ("\\\\server\\a.pdf", "\\\\server\\a.pdf"),
            ("a\\\"b\\\".pdf", "a\"b\".pdf"),
            ("ends in \\", "ends in \\"),
            ("semi;colon=\u{E9}", "semi;colon=\u{E9}"),
            ("../../etc/passwd", "../../etc/passwd"),
            ("/", "/"),
            ("nul\u{0}.pdf", "nul\u{0}.pdf"),
            ("bell\u{7}\u{7F}\u{85}", "bell\u{7}\u{7F}\u{85}"),
            ("fdp.\u{202E}exe", "fdp.\u{202E}exe"),
            ("<script>{{x}}</script>", "<script>{{x}}</script>"),
            ("  blanks  ", "  blanks  "),
        ])
    func fileNames(sent: String, meant: String) throws {
        let part = try #require(try part(disposition: "form-data; name=\"f\"; filename=\"\(sent)\""))
        // Byte for byte: strings that look alike are equal to Swift.
        #expect(part.filename.map { Array($0.utf8) } == bytes(meant))
        #expect(part.name == "f")
    }

    @Test("may have an extended file name, which is passed over")
    func extendedName() throws {
        let part = try part(disposition: "form-data; name=f; filename=\"a.pdf\"; filename*=UTF-8''b%C3%A9.pdf")
        #expect(part == Part(name: "f", filename: "a.pdf"))
    }

    @Test("without a name is refused")
    func nameless() {
        for disposition in ["form-data", "form-data; filename=\"a\"", "form-data; name=\"\""] {
            #expect(throws: MultipartError.nameless) { try part(disposition: disposition) }
        }
        for header in ["", "Content-Type: text/plain\r\n"] {
            #expect(throws: MultipartError.nameless) {
                try gather(bytes("--b0und\r\n\(header)\r\nx\r\n--b0und--"))
            }
        }
    }

    @Test("with something twice is refused")
    func duplicates() {
        let disposition = "form-data; name=\"f\""
        for more in [
            "Content-Disposition: form-data; name=\"g\"\r\n", "Content-Type: a/b\r\ncontent-type: a/b\r\n",
            "Content-Transfer-Encoding: binary\r\nContent-Transfer-Encoding: base64\r\n",
        ] {
            #expect(throws: MultipartError.duplicated) { try gather(body(disposition: disposition, more: more)) }
        }
        for more in ["; name=\"g\"", "; NAME=g", "; filename=a; filename=a"] {
            #expect(throws: MultipartError.duplicated) { try part(disposition: disposition + more) }
        }
    }

    @Test("that cannot be read is refused")
    func malformed() {
        for disposition in [
            "", "attachment; name=f", "form-data name=f", "form-data;", "form-data; name=f;", "form-data; name",
            "form-data; name=", "form-data; =f", "form-data; name=\"f", "form-data; name=\"f\"x", "form-data; na me=f",
            "form-data; name=f\"g\"", "form-data; name=\"f\"; ; filename=a",
        ] {
            #expect(throws: MultipartError.headerMalformed, "\(disposition)") { try part(disposition: disposition) }
        }
        for more in [
            "No colon\r\n", ": no name\r\n", "Blank : x\r\n", " folded\r\n", "A: b\rc\r\n", "Caf\u{E9}: x\r\n",
        ] {
            #expect(throws: MultipartError.headerMalformed, "\(more)") {
                try gather(body(disposition: "form-data; name=f", more: more))
            }
        }
        #expect(throws: MultipartError.headerMalformed) { try gather(bytes("--b0und\r\n--b0und--\r\n\r\n")) }
    }

    @Test("that is not UTF-8 is refused")
    func notUTF8() {
        for bad in [[0xFF], [0xC3], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xE9]] as [[UInt8]] {
            let whole =
                bytes("--b0und\r\nContent-Disposition: form-data; name=\"f\"; filename=\"") + bad
                + bytes("\"\r\n\r\nx\r\n--b0und--")
            #expect(throws: MultipartError.headerNotUTF8) { try gather(whole) }
        }
    }

    @Test("of content in a transfer encoding is refused")
    func transferEncoding() throws {
        for encoding in ["base64", "quoted-printable", "x-own", ""] {
            #expect(throws: MultipartError.transferEncoded) {
                try gather(body(disposition: "form-data; name=f", more: "Content-Transfer-Encoding: \(encoding)\r\n"))
            }
        }
        for encoding in ["binary", "8bit", "7BIT"] {
            _ = try gather(body(disposition: "form-data; name=f", more: "Content-Transfer-Encoding: \(encoding)\r\n"))
        }
    }

    @Test("may be as large as the cap and no larger, in pieces of any size")
    func cap() throws {
        let rest = field.utf8.count + "X: \r\n".utf8.count
        let most = MultipartParser.maximumHeaderByteCount - rest
        for pieces in [1, 1000, Int.max] {
            for (length, fits) in [(most, true), (most + 1, false), (100_000, false)] {
                let whole = bytes("--b0und\r\nX: \(String(repeating: "x", count: length))\r\n\(field)1\r\n--b0und--")
                if fits {
                    #expect(try gather(whole, pieces: pieces).map(\.data) == [bytes("1")])
                } else {
                    #expect(throws: MultipartError.headerTooLarge) { try gather(whole, pieces: pieces) }
                }
            }
        }
    }
}

@Suite("A boundary")
struct BoundaryTests {
    @Test(
        "is read from the Content-Type",
        arguments: [
            ("multipart/form-data; boundary=----WebKitFormBoundaryAb12", "----WebKitFormBoundaryAb12"),
            ("Multipart/Form-Data;charset=utf-8;Boundary=\"a b:c\"", "a b:c"),
            (" multipart/form-data ; boundary=--a ; charset=utf-8", "--a"),
            ("multipart/form-data; boundary=a/b=c", "a/b=c"),
        ])
    func fromContentType(contentType: String, boundary: String) throws {
        #expect(try MultipartParser.boundary(fromContentType: contentType) == boundary)
    }

    @Test(
        "that is missing, twice there or not allowed is refused",
        arguments: [
            ("", MultipartError.notFormData),
            ("multipart/mixed; boundary=a", .notFormData),
            ("multipart/form-datax; boundary=a", .notFormData),
            ("application/x-www-form-urlencoded", .notFormData),
            ("multipart/form-data", .boundaryMissing),
            ("multipart/form-data; charset=utf-8", .boundaryMissing),
            ("multipart/form-data; boundary=a; boundary=b", .duplicated),
            ("multipart/form-data; boundary=", .contentTypeMalformed),
            ("multipart/form-data; boundary=\"a", .contentTypeMalformed),
            ("multipart/form-data; boundary", .contentTypeMalformed),
            ("multipart/form-data; boundary=\"\"", .boundaryInvalid),
            ("multipart/form-data; boundary=\"a \"", .boundaryInvalid),
            ("multipart/form-data; boundary=\"a\r\nb\"", .boundaryInvalid),
            ("multipart/form-data; boundary=a*b", .boundaryInvalid),
            ("multipart/form-data; boundary=\u{E9}", .boundaryInvalid),
            ("multipart/form-data; boundary=\(String(repeating: "a", count: 71))", .boundaryInvalid),
        ])
    func refused(contentType: String, kind: MultipartError) {
        #expect(throws: kind) { try MultipartParser.boundary(fromContentType: contentType) }
    }

    @Test("of every length works")
    func lengths() throws {
        for count in 1...MultipartParser.maximumBoundaryCount {
            let boundary = String(repeating: "-", count: count)
            let data = bytes("\r\n--\(boundary.dropLast())x\r\n-\r\n--")
            let whole = bytes("--\(boundary)\r\n\(field)") + data + bytes("\r\n--\(boundary)--\r\n")
            for pieces in [1, 3, 64, Int.max] {
                #expect(try gather(whole, boundary: boundary, pieces: pieces).map(\.data) == [data])
            }
        }
    }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
