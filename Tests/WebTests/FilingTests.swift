import Custody
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Records
import Testing
import Web

@Suite("Filing on the pages, without JavaScript")
struct FilingTests {
    private static let notes = "Notes of a telephone call with the school nurse.\nShe will write on Friday.\n"

    @Test(
        "Several files go in by one form, are checked, filed, and give a receipt; their uploader cannot read them back")
    func wholeWay() async throws {
        let school = try School()
        let reference = school.pupil.reference
        let admin = try school.visitor(school.add(.admin, name: "Maud Tranter"))
        let sent = try await admin.upload(
            "/file/\(reference)",
            fields: [("category", "telephone"), ("date", "2009-03-04"), ("signed", "no"), ("summary", "")],
            files: [
                ("files", "notes.txt", "text/plain", Self.notes),
                ("files", "more.txt", "text/plain", Self.notes + "Again."),
                ("files", "tool.exe", "application/octet-stream", "MZ"), ("files", "", "application/octet-stream", ""),
            ])
        // One was refused, so the page comes back with it at the top; the others are held.
        #expect(sent.status == .unprocessableContent)
        #expect(sent.text.contains("tool.exe: Files that end in .exe are not accepted."))
        #expect(sent.text.contains("File 2 documents"))

        let page = try await admin.get("/check/\(reference)")
        #expect(page.status == .ok)
        let uploads = page.text.matches(of: /name="upload" value="([0-9a-z]{26})"/).map { String($0.output.1) }
        #expect(uploads.count == 2)
        func fields(_ upload: String, summary: String) -> [(String, String)] {
            [
                ("upload", upload), ("summary.\(upload)", summary), ("category.\(upload)", "telephone"),
                ("date.\(upload)", "2009-03-04"), ("signed.\(upload)", "no"), ("signed-by.\(upload)", ""),
                ("received.\(upload)", ""), ("late-reason.\(upload)", ""),
            ]
        }
        // A blank summary leaves its file behind, with what was typed for the other filed.
        let partly = try await admin.send(
            "/check/\(reference)",
            [("staff", "no")] + fields(uploads[0], summary: "Call with the school nurse")
                + fields(uploads[1], summary: ""))
        #expect(partly.status == .unprocessableContent)
        #expect(partly.text.contains("The summary is blank."))
        #expect(partly.text.contains("1 document filed: see the receipt"))
        let rest = try await admin.send(
            "/check/\(reference)", [("staff", "no")] + fields(uploads[1], summary: "Second call"))
        #expect(rest.status == .seeOther)
        let address = try #require(rest.headers[.location])
        let receipt = try await admin.get(address)
        #expect(receipt.status == .ok)
        #expect(receipt.text.contains(reference) && receipt.text.contains("Signed checkpoint"))
        #expect(!receipt.text.contains(school.pupil.name))

        let document = try #require(address.split(separator: "/").last)
        for path in ["/documents/\(document)", "/documents/\(document)/pages/1", "/pupils/\(reference)"] {
            #expect(try await admin.get(path).status == .forbidden)
        }
        #expect(try await admin.send("/documents/\(document)/download").status == .forbidden)

        let lead = try school.visitor(school.lead)
        let chronology = try await lead.get("/pupils/\(reference)")
        #expect(chronology.text.contains("Call with the school nurse") && chronology.text.contains("Second call"))
        #expect(!chronology.title.contains("Quillfeather"))
        let view = try await lead.get("/documents/\(document)")
        #expect(view.text.contains("She will write on Friday."))
        #expect(view.text.contains("Seen by \(School.leadName)"))
        #expect(!view.title.contains("Quillfeather"))
        let copy = try await lead.send("/documents/\(document)/download")
        #expect(copy.text == Self.notes + "Again." || copy.text == Self.notes)
        #expect(copy.headers[.contentDisposition]?.hasPrefix("attachment; filename=\"D-") == true)
        let index = try school.vault.document(try #require(DocumentID(text: String(document))), as: school.lead).index
        #expect(try await lead.get("/entries/\(index)").text.contains("How to prove this"))
    }

    @Test("A file held for one person is not there for another, and can be discarded only by its own")
    func ownership() async throws {
        let school = try School()
        let reference = school.pupil.reference
        let (first, second) = (
            try school.visitor(school.add(.admin, name: "Maud Tranter")),
            try school.visitor(school.add(.staff, name: "Wilf Ormerod"))
        )
        let sent = try await first.upload(
            "/file/\(reference)", files: [("files", "notes.txt", "text/plain", Self.notes)])
        #expect(sent.headers[.location] == "/check/\(reference)")
        let page = try await first.get("/check/\(reference)")
        let upload = try #require(page.text.firstMatch(of: /name="upload" value="([0-9a-z]{26})"/)?.output.1)
        #expect(!(try await second.get("/check/\(reference)").text.contains(upload)))
        let path = "/check/\(reference)/discard/\(upload)"
        #expect(try await second.get(path).status == .notFound)
        #expect(try await second.send(path).status == .notFound)
        #expect(try await first.get(path).text.contains("Discard this file?"))
        #expect(try await first.send(path).headers[.location] == "/check/\(reference)")
        #expect(try await first.get("/check/\(reference)").text.contains("No files are waiting"))
    }

    @Test("Nothing is stored before the token is known, and a body cut short stores nothing")
    func streaming() async throws {
        let school = try School()
        let reference = school.pupil.reference
        let lead = try school.visitor(school.lead)
        let files = [("files", "notes.txt", "text/plain", Self.notes)]
        #expect(
            try await lead.upload(
                "/file/\(reference)", files: files.map { (field: $0.0, name: $0.1, type: $0.2, bytes: $0.3) }, csrf: "x"
            ).status == .forbidden)
        let type: HTTPFields = [.contentType: "multipart/form-data; boundary=edge"]
        let head = "--edge\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n\(lead.csrf)\r\n"
        let file = "--edge\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.txt\"\r\n\r\nwords"
        for body in [head + file, file + "\r\n" + head + "--edge--\r\n", file + "\r\n--edge--\r\n"] {
            let answer = try await lead.ask(.post, "/file/\(reference)", headers: type, body: ByteBuffer(string: body))
            #expect((400..<500).contains(answer.status.code))
        }
        #expect(try school.vault.pendingUploads(as: school.lead).isEmpty)
        let none = try await lead.upload("/file/\(reference)", files: [])
        #expect(none.status == .unprocessableContent && none.text.contains("Select at least one file"))
    }

    @Test("Names from people and files stand on pages as text")
    func escaping() async throws {
        let school = try School()
        let pupil = try school.vault.addPupil(
            NewPupil(name: "Bettina O'Hara-\"Vane\" & Co", dateOfBirth: "2005-01-30"), as: school.lead)
        let lead = try school.visitor(school.lead)
        let page = try await lead.get("/file/\(pupil.reference)")
        #expect(page.text.contains("Bettina O&#39;Hara-&quot;Vane&quot; &amp; Co"))
        _ = try await lead.upload(
            "/file/\(pupil.reference)", files: [("files", "<b>\u{202E}gpj.txt", "text/plain", Self.notes)])
        let check = try await lead.get("/check/\(pupil.reference)")
        #expect(check.text.contains("&lt;b&gt;") && !check.text.contains("\u{202E}"))
    }
}
