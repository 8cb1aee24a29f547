import Custody
import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Records
import Sealing
import Testing
import Web

/// tus 1.0, a MUST at a time (U-01, U-02, U-04). That it survives real cuts and restarts is shown from outside.
@Suite("Uploads that come in pieces")
struct UploadProtocolTests {
    private static let path = "/api/v1/uploads"
    private static let bytesType = ("Content-Type", "application/offset+octet-stream")

    /// A note of so many bytes that the inspector takes for plain text.
    private static func note(_ count: Int) -> [UInt8] {
        let line = Array("The class went to the river and came back before lunch.\n".utf8)
        return (0..<count).map { line[$0 % line.count] }
    }

    private static func metadata(_ said: [(String, String)]) -> (String, String) {
        ("Upload-Metadata", said.map { "\($0) \(Data($1.utf8).base64EncodedString())" }.joined(separator: ","))
    }

    private static func said(_ school: School, _ more: [(String, String)] = []) -> (String, String) {
        metadata(
            [
                ("filename", "river.txt"), ("pupil", school.pupil.reference), ("category", "letter"),
                ("date", "2016-05-11"), ("summary", "A walk to the river"),
            ] + more)
    }

    private static func begin(
        _ visitor: Visitor, _ school: School, _ length: Int, _ more: [(String, String)] = []
    ) async throws -> String {
        let answer = try await visitor.call(.post, path, [("Upload-Length", "\(length)"), said(school, more)])
        #expect(answer.status == .created, "\(answer.text)")
        return try #require(answer.headers[.location])
    }

    private static func piece(
        _ visitor: Visitor, _ place: String, _ offset: Int, _ bytes: some Collection<UInt8>,
        _ more: [(String, String)] = []
    ) async throws -> TestResponse {
        try await visitor.call(.patch, place, [("Upload-Offset", "\(offset)"), bytesType] + more, body: Array(bytes))
    }

    private static func offset(_ visitor: Visitor, _ place: String) async throws -> String? {
        let answer = try await visitor.call(.head, place)
        #expect(answer.status == .ok && answer.body.readableBytes == 0)
        return answer.header("Upload-Offset")
    }

    @Test("OPTIONS tells version, extensions, checksums and the largest size, to anyone")
    func abilities() async throws {
        let school = try School()
        let answer = try await school.visitor().ask(.options, Self.path)
        #expect(answer.status == .noContent)
        #expect(answer.header("Tus-Version") == "1.0.0")
        #expect(answer.header("Tus-Resumable") == "1.0.0")
        #expect(answer.header("Tus-Extension") == "creation,creation-with-upload,checksum,expiration,termination")
        #expect(answer.header("Tus-Checksum-Algorithm") == "sha1,sha256")
        #expect(answer.header("Tus-Max-Size").flatMap { UInt64($0) } == 2048 << 20)
    }

    @Test("Pieces of any size at the chunk's edges come out as one file with the right hash, filed once")
    func pieces() async throws {
        let school = try School()
        let admin = try school.visitor(school.add(.admin, name: "Maud Tranter"))
        let bytes = Self.note(3 * 65_536 + 17)
        let hash = sha256(bytes).hex
        for sizes in [[bytes.count], [1, 65_535, 1, 65_535, 2, 65_536, 16, 1], [65_536], [100_001, 7]] {
            let place = try await Self.begin(admin, school, bytes.count, [("sha256", hash)])
            var at = 0
            var turn = 0
            while at < bytes.count {
                let next = bytes[at..<min(at + sizes[turn % sizes.count], bytes.count)]
                let answer = try await Self.piece(admin, place, at, next)
                at += next.count
                turn += 1
                #expect(answer.status == .noContent, "\(answer.text)")
                #expect(answer.header("Upload-Offset") == "\(at)")
                #expect(at == bytes.count || answer.header("Upload-Expires")?.hasSuffix(" GMT") == true)
            }
            #expect(try await Self.offset(admin, place) == "\(bytes.count)")
            let upload = String(place.split(separator: "/").last ?? "")
            var receipts: Set<String> = []
            for _ in 0..<5 {
                let answer = try await admin.call(
                    .post, "/api/v1/documents", [("Content-Type", "application/json")],
                    body: Array(#"[{"upload":"\#(upload)","again":true}]"#.utf8))
                #expect(answer.status == .ok && answer.text.contains(hash), "\(answer.text)")
                receipts.insert(answer.text)
            }
            #expect(receipts.count == 1)
            // What is filed is no longer an upload.
            #expect(try await admin.call(.head, place).status == .gone)
            #expect(try await Self.piece(admin, place, bytes.count, []).status == .gone)
        }
        #expect(try school.vault.chronology(of: school.pupil.pupilFile, as: school.lead).total == 4)
        #expect(try Vault.verify(school.location).holds)
    }

    @Test("HEAD gives offset, length and the sender's own words; only to whose upload it is")
    func asking() async throws {
        let school = try School()
        let admin = try school.visitor(school.add(.admin, name: "Maud Tranter"))
        let place = try await Self.begin(admin, school, 1000)
        let answer = try await admin.call(.head, place)
        #expect(answer.header("Upload-Length") == "1000" && answer.header("Upload-Offset") == "0")
        #expect(answer.header("Upload-Metadata") == Self.said(school).1)
        #expect(answer.headers[.cacheControl] == "no-store")
        let lead = try school.visitor(school.lead)
        for method in [HTTPRequest.Method.head, .patch, .delete] {
            let headers = [("Upload-Offset", "0"), Self.bytesType]
            let theirs = try await lead.call(method, place, headers, body: method == .patch ? [65] : nil)
            let missing = try await lead.call(
                method, "\(Self.path)/\(UploadID.random().text)", headers, body: method == .patch ? [65] : nil)
            #expect(theirs.status == .notFound && theirs.text == missing.text)
        }
        #expect(try await Self.offset(admin, place) == "0")
    }

    @Test("What is not as the protocol says is refused with its own code, and changes nothing")
    func refusals() async throws {
        let school = try School()
        let admin = try school.visitor(school.add(.admin, name: "Maud Tranter"))
        let place = try await Self.begin(admin, school, 100)
        _ = try await Self.piece(admin, place, 0, Self.note(40))
        func expect(_ status: Int, _ answer: TestResponse, _ what: String) async throws {
            #expect(Int(answer.status.code) == status, "\(what): \(answer.text)")
            #expect(answer.header("Tus-Resumable") == "1.0.0")
            #expect(try await Self.offset(admin, place) == "40", "\(what)")
        }
        let note = Self.note(10)
        try await expect(
            412, Self.piece(admin, place, 40, note, [("Tus-Resumable", "0.2.2")]), "another version")
        #expect(try await Self.piece(admin, place, 40, note, [("Tus-Resumable", "9")]).header("Tus-Version") == "1.0.0")
        for wrong in [0, 39, 41, 100] {
            try await expect(409, Self.piece(admin, place, wrong, note), "offset \(wrong)")
        }
        try await expect(
            415, Self.piece(admin, place, 40, note, [("Content-Type", "text/plain")]), "another content type")
        try await expect(413, Self.piece(admin, place, 40, Self.note(61)), "more than announced")
        try await expect(400, Self.piece(admin, place, 40, note, [("Upload-Offset", "-1")]), "a negative offset")
        let sha1 = ("Upload-Checksum", "sha1 \(Data(repeating: 7, count: 20).base64EncodedString())")
        try await expect(460, Self.piece(admin, place, 40, note, [sha1]), "a wrong checksum")
        try await expect(400, Self.piece(admin, place, 40, note, [("Upload-Checksum", "crc32 AAAA")]), "crc32")
        try await expect(400, Self.piece(admin, place, 40, note, [("Upload-Checksum", "sha1")]), "no checksum")
        let right = ("Upload-Checksum", "sha256 \(Data(sha256(note).bytes).base64EncodedString())")
        #expect(try await Self.piece(admin, place, 40, note, [right]).status == .noContent)
        #expect(try await Self.offset(admin, place) == "50")
    }

    @Test("After a piece was taken back, the upload goes on with other bytes under another key")
    func takenBack() async throws {
        let school = try School()
        let admin = try school.visitor(school.add(.admin, name: "Maud Tranter"))
        let bytes = Self.note(200_000)
        let place = try await Self.begin(admin, school, bytes.count, [("file", "now"), ("sha256", sha256(bytes).hex)])
        _ = try await Self.piece(admin, place, 0, bytes[..<70_000])
        func staged() throws -> [UInt8] {
            let folder = school.location.vault + "/staging"
            let name = try #require(FileManager.default.contentsOfDirectory(atPath: folder).first)
            return [UInt8](try Data(contentsOf: URL(filePath: folder + "/" + name)))
        }
        let before = try staged()
        let wrong = ("Upload-Checksum", "sha1 \(Data(repeating: 7, count: 20).base64EncodedString())")
        #expect(
            try await Self.piece(admin, place, 70_000, [UInt8](repeating: 66, count: 130_000), [wrong]).status.code
                == 460)
        #expect(try await Self.offset(admin, place) == "70000")
        #expect(try await Self.piece(admin, place, 70_000, bytes[70_000..<150_000]).status == .noContent)
        // Another nonce, so another key: no chunk was sealed twice under one.
        #expect(try staged().prefix(16) != before.prefix(16))
        #expect(try await Self.piece(admin, place, 150_000, bytes[150_000...]).status == .noContent)
        let entry = try #require(school.vault.chronology(of: school.pupil.pupilFile, as: school.lead).entries.first)
        #expect(entry.document?.sha256 == sha256(bytes).hex)
        #expect(try FileManager.default.contentsOfDirectory(atPath: school.location.vault + "/staging").isEmpty)
    }

    @Test("An upload goes on in a new process, after a new sign-in")
    func restart() async throws {
        let school = try School()
        let member = try school.add(.admin, name: "Maud Tranter")
        let admin = try school.visitor(member)
        let bytes = Self.note(150_000)
        let place = try await Self.begin(admin, school, bytes.count, [("sha256", sha256(bytes).hex)])
        _ = try await Self.piece(admin, place, 0, bytes[..<100_000])
        let other = try Vault(opening: school.location, clock: school.clock)
        let upload = try #require(UploadID(text: String(place.split(separator: "/").last ?? "")))
        // The first process still has the file.
        #expect(throws: VaultError.busy) { _ = try offset(of: other.takeUp(upload, at: 100_000, as: member)) }
        school.clock.move(seconds: 120)
        try school.vault.sweep()
        var arrival = try await whenFree { try other.takeUp(upload, at: 100_000, as: member) }
        try bytes[100_000...].withUnsafeBytes { try arrival.append($0) }
        let pending = try arrival.complete()
        #expect(pending.size == 150_000 && pending.inspected.outcome == .accepted)
        #expect(try other.pendingUploads(as: member).map(\.id) == [upload])
    }

    /// A program that another test starts just then holds the file's lock too, from its fork until it is another program.
    private func whenFree(_ body: () throws -> Arrival) async throws -> Arrival {
        for _ in 0..<100 {
            do { return try body() } catch VaultError.busy { try await Task.sleep(for: .milliseconds(20)) }
        }
        return try body()
    }

    private func offset(of arrival: consuming Arrival) -> UInt64 { arrival.offset }

    @Test("A creation says what is missing or has no place, and makes nothing")
    func creation() async throws {
        let school = try School()
        let admin = try school.visitor(school.add(.admin, name: "Maud Tranter"))
        let length = ("Upload-Length", "10")
        let said = Self.said(school)
        let cases: [(Int, [(String, String)])] = [
            (400, [said]), (400, [("Upload-Length", "-1"), said]), (400, [("Upload-Length", "ten"), said]),
            (400, [("Upload-Defer-Length", "1"), said]), (400, [length]),
            (400, [length, ("Upload-Metadata", "filename !!!")]),
            (400, [length, Self.metadata([("filename", "a.txt"), ("colour", "red")])]),
            (404, [length, Self.metadata([("filename", "a.txt"), ("pupil", "P-00000")])]),
            (422, [length, Self.metadata([("filename", "a.exe"), ("pupil", school.pupil.reference)])]),
            (422, [("Upload-Length", "99999999999"), said]), (412, [length, said, ("Tus-Resumable", "2.0.0")]),
            (403, [length, said, ("Strongroom-Token", "guessed")]),
            (403, [length, said, ("Sec-Fetch-Site", "cross-site")]),
        ]
        for (status, headers) in cases {
            let answer = try await admin.call(.post, Self.path, headers)
            #expect(Int(answer.status.code) == status, "\(headers): \(answer.text)")
            #expect(answer.headers[.location] == nil)
            #expect(answer.headers[.contentType] == "application/problem+json")
        }
        #expect(try await admin.call(.get, Self.path).text == "[]")
    }

    @Test("A creation may bring bytes, all of them or some")
    func creationWithUpload() async throws {
        let school = try School()
        let admin = try school.visitor(school.add(.admin, name: "Maud Tranter"))
        let bytes = Self.note(70_000)
        let some = try await admin.call(
            .post, Self.path, [("Upload-Length", "70000"), Self.said(school), Self.bytesType],
            body: Array(bytes[..<66_000]))
        #expect(some.status == .created && some.header("Upload-Offset") == "66000")
        let all = try await admin.call(
            .post, Self.path, [("Upload-Length", "70000"), Self.said(school, [("file", "now")]), Self.bytesType],
            body: bytes)
        #expect(all.status == .created && all.header("Upload-Offset") == "70000")
        #expect(try school.vault.chronology(of: school.pupil.pupilFile, as: school.lead).total == 1)
        let unfinished = try await admin.call(.get, Self.path).text
        #expect(unfinished.contains(#""offset":66000"#) && unfinished.contains(#""filename":"river.txt""#))
        let odd = try await admin.call(
            .post, Self.path, [("Upload-Length", "10"), Self.said(school), ("Content-Type", "text/plain")], body: [65])
        #expect(odd.status == .unsupportedMediaType)
        let empty = try await admin.call(.post, Self.path, [("Upload-Length", "0"), Self.said(school)])
        #expect(empty.status == .unprocessableContent && empty.text.contains("type.empty"))
    }

    @Test("A file that is refused when it is whole is explained, and nothing is kept of it")
    func refusedWhole() async throws {
        let school = try School()
        let admin = try school.visitor(school.add(.admin, name: "Maud Tranter"))
        let bytes = Array("MZ this is no text\u{0}\u{1}".utf8)
        for more in [[], [("sha256", String(repeating: "0", count: 64))]] {
            let place = try await Self.begin(admin, school, bytes.count, more)
            let answer = try await Self.piece(admin, place, 0, bytes)
            #expect(answer.status == .unprocessableContent, "\(answer.text)")
            #expect(answer.text.contains(more.isEmpty ? "type." : "upload.hash-differs"))
            #expect(try await admin.call(.head, place).status == .gone)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: school.location.vault + "/staging").isEmpty)
    }

    @Test("DELETE ends an upload and wipes it; X-HTTP-Method-Override means what it says, here alone")
    func ending() async throws {
        let school = try School()
        let admin = try school.visitor(school.add(.admin, name: "Maud Tranter"))
        let place = try await Self.begin(admin, school, 100_000)
        _ = try await Self.piece(admin, place, 0, Self.note(90_000))
        let meant = try await admin.call(
            .post, place, [("X-HTTP-Method-Override", "PATCH"), ("Upload-Offset", "90000"), Self.bytesType],
            body: Self.note(10))
        #expect(meant.status == .noContent && meant.header("Upload-Offset") == "90010")
        #expect(try await admin.call(.post, place, [("X-HTTP-Method-Override", "DELETE")]).status == .noContent)
        for method in [HTTPRequest.Method.head, .delete] {
            #expect(try await admin.call(method, place).status == .gone)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: school.location.vault + "/staging").isEmpty)
        #expect(try await admin.call(.post, "/people", [("X-HTTP-Method-Override", "GET")]).status == .forbidden)
    }

    @Test("One person has only so many and so much open, and what is abandoned expires with a statement")
    func quotas() async throws {
        let school = try School()
        let member = try school.add(.admin, name: "Maud Tranter")
        let admin = try school.visitor(member)
        var last = ""
        for _ in 0..<10 { last = try await Self.begin(admin, school, 10 << 20) }
        let tooMuch = try await admin.call(
            .post, Self.path,
            [
                ("Upload-Length", "\(2047 << 20)"),
                Self.metadata([("filename", "a.pdf"), ("pupil", school.pupil.reference)]),
            ])
        #expect(tooMuch.status == .created)
        for _ in 0..<9 {
            _ = try await admin.call(
                .post, Self.path,
                [
                    ("Upload-Length", "\(2047 << 20)"),
                    Self.metadata([("filename", "a.pdf"), ("pupil", school.pupil.reference)]),
                ])
        }
        let over = try await admin.call(
            .post, Self.path,
            [
                ("Upload-Length", "\(2047 << 20)"),
                Self.metadata([("filename", "a.pdf"), ("pupil", school.pupil.reference)]),
            ])
        #expect(over.status == .unprocessableContent && over.text.contains("upload.too-many-waiting"))
        school.clock.move(seconds: 8 * 86_400)
        try school.vault.sweep()
        let fresh = try school.visitor(member)
        #expect(try await fresh.call(.head, last).status == .gone)
        #expect(try await fresh.call(.get, Self.path).text == "[]")
        #expect(try Vault.verify(school.location).holds)
    }

    @Test("Filing by program says field by field what is wrong, and knows no field but its own")
    func filing() async throws {
        let school = try School()
        let admin = try school.visitor(school.add(.admin, name: "Maud Tranter"))
        let place = try await Self.begin(admin, school, 100)
        _ = try await Self.piece(admin, place, 0, Self.note(100))
        let upload = String(place.split(separator: "/").last ?? "")
        func file(_ body: String, type: String = "application/json") async throws -> TestResponse {
            try await admin.call(.post, "/api/v1/documents", [("Content-Type", type)], body: Array(body.utf8))
        }
        #expect(try await file("[]").status == .badRequest)
        #expect(try await file("{").status == .badRequest)
        #expect(try await file(#"[{"upload":"x"}]"#).status == .badRequest)
        #expect(try await file(#"[{"upload":"\#(upload)","colour":"red"}]"#).status == .badRequest)
        #expect(try await file(#"[{"upload":"\#(upload)"}]"#, type: "text/plain").status == .unsupportedMediaType)
        let blank = try await file(#"[{"upload":"\#(upload)","summary":" "}]"#)
        #expect(blank.status == .ok && blank.text.contains("summary.blank"))
        let none = try await file(#"[{"upload":"\#(UploadID.random().text)"}]"#)
        #expect(none.text.contains("upload.unknown"))
        #expect(try await file(#"[{"upload":"\#(upload)"}]"#).text.contains(#""receipt":{"#))
    }

    @Test("What its sender filed before is told before a byte comes, and again before it is filed, unless it is meant")
    func repeats() async throws {
        let school = try School()
        let admin = try school.visitor(school.add(.admin, name: "Maud Tranter"))
        let bytes = Self.note(300)
        let hash = ("sha256", sha256(bytes).hex)
        func upload() async throws -> String {
            let place = try await Self.begin(admin, school, bytes.count, [hash])
            #expect(try await Self.piece(admin, place, 0, bytes).status == .noContent)
            return String(place.split(separator: "/").last ?? "")
        }
        func file(_ filings: String) async throws -> String {
            try await admin.call(
                .post, "/api/v1/documents", [("Content-Type", "application/json")], body: Array(filings.utf8)
            ).text
        }
        let (one, two) = (try await upload(), try await upload())
        // Of two in one request the first is filed; asked again, the receipt is the same.
        for _ in 0..<2 {
            let answer = try await file(#"[{"upload":"\#(one)"},{"upload":"\#(two)"}]"#)
            #expect(answer.contains(#""receipt":{"#) && answer.contains("upload.repeated"))
            #expect(!answer.contains(#""earlier":"#))
        }
        #expect(try school.vault.chronology(of: school.pupil.pupilFile, as: school.lead).total == 1)
        // It stays where it was, all of it.
        #expect(try await Self.offset(admin, Self.path + "/" + two) == "300")
        #expect(try await admin.call(.get, Self.path).text == "[]")
        func begin(_ more: [(String, String)]) async throws -> TestResponse {
            try await admin.call(.post, Self.path, [("Upload-Length", "300"), Self.said(school, more)])
        }
        let told = try await begin([hash, ("again", "no")])
        #expect(told.status == .unprocessableContent && told.text.contains("upload.repeated"))
        #expect(told.headers[.location] == nil)
        let other = ("sha256", sha256(bytes + [10]).hex)
        for more in [[hash], [hash, ("again", "yes")], [other, ("again", "no")], [("again", "no")]] {
            #expect(try await begin(more).status == .created)
        }
        #expect(try await begin([hash, ("again", "perhaps")]).status == .badRequest)
        #expect(try await file(#"[{"upload":"\#(two)","again":"yes"}]"#).contains("form.unreadable"))
        #expect(try await file(#"[{"upload":"\#(two)","again":true}]"#).contains(#""earlier":"#))
        #expect(try school.vault.chronology(of: school.pupil.pupilFile, as: school.lead).total == 2)
        #expect(try Vault.verify(school.location).holds)
    }
}

extension TestResponse {
    func header(_ name: String) -> String? { HTTPField.Name(name).flatMap { headers[$0] } }
}
