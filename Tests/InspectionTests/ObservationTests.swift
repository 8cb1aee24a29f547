import FoundationEssentials
import Inspection
import Testing

/// An observation as it comes from the inspector, or from who took it over; throws what decoding throws.
private func observation(_ structure: String, _ more: String = "") throws -> Observation {
    try JSONDecoder().decode(
        Observation.self, from: Data(#"{"structure":{\#(structure)},"agreesWithMagic":true\#(more)}"#.utf8))
}

private let pdf = #""format":"application/pdf","pages":3,"faults":[],"active":[]"#

private func request(_ ending: String = "pdf", text: Bool = false) -> InspectionRequest {
    InspectionRequest(fileExtension: ending, declaredType: nil, accepted: accepted, wantText: text)
}

/// What the server side believes of the inspector.
@Suite struct ObservationTests {
    @Test func `What can have been seen is believed`() throws {
        let verdict = try Verdict(of: observation(pdf), size: 5000, request())
        #expect(verdict == Verdict(outcome: .accepted, mediaType: "application/pdf", pages: 3))
    }

    @Test(arguments: [
        #""format":"application/pdf","pages":3,"faults":["type.jane-was-hurt"],"active":[]"#,
        #""format":"jane/was-hurt","pages":3,"faults":[],"active":[]"#,
        #""other":"Jane, who was hurt","faults":["type.unknown"],"active":[]"#,
        #""format":"application/pdf","pages":3,"faults":["type.active-content"],"active":["jane.was-hurt"]"#,
        #""format":"application/pdf","pages":"three","faults":[],"active":[]"#,
    ])
    func `Words outside the fixed lists are not even read`(_ structure: String) {
        #expect(throws: DecodingError.self) { try observation(structure) }
    }

    @Test(arguments: [
        #""format":"application/pdf","pages":0,"faults":[],"active":[]"#,
        #""format":"application/pdf","pages":-3,"faults":[],"active":[]"#,
        #""format":"application/pdf","pages":5001,"faults":[],"active":[]"#,
        #""format":"application/pdf","faults":[],"active":[]"#,
        #""format":"text/plain","pages":3,"faults":[],"active":[]"#,
        #""format":"image/png","pages":1,"width":80,"faults":[],"active":[]"#,
        #""format":"image/png","pages":1,"width":0,"height":60,"faults":[],"active":[]"#,
        #""format":"image/png","pages":1,"width":80,"height":4294967296,"faults":[],"active":[]"#,
        #""faults":[],"active":[]"#,
        #""pages":3,"faults":["type.unknown"],"active":[]"#,
        #""format":"application/pdf","other":"a web page","pages":3,"faults":[],"active":[]"#,
        #""format":"application/pdf","pages":3,"faults":["type.active-content"],"active":[]"#,
        #""format":"application/pdf","pages":3,"faults":[],"active":["pdf.launch"]"#,
        #""format":"application/pdf","pages":3,"faults":["type.too-many-pages"],"active":[]"#,
        #""format":"application/pdf","pages":3,"faults":["type.empty"],"active":[]"#,
    ])
    func `What cannot have been seen gives no verdict`(_ structure: String) throws {
        let ending = structure.contains("png") ? "png" : structure.contains("text/plain") ? "txt" : "pdf"
        #expect(try Verdict(of: observation(structure), size: 5000, request(ending)) == nil)
    }

    @Test func `Limits, name and declaration are judged outside the inspector`() throws {
        let many = #""format":"application/pdf","pages":51,"faults":[],"active":[]"#
        #expect(try Verdict(of: observation(many), size: 5000, request())?.code == "type.too-many-pages")
        #expect(try Verdict(of: observation(pdf), size: 2 << 20, request())?.code == "type.too-large")
        #expect(try Verdict(of: observation(pdf), size: 5000, request("tif"))?.code == "type.extension-differs")
        let declared = InspectionRequest(fileExtension: "pdf", declaredType: "image/png", accepted: accepted)
        #expect(try Verdict(of: observation(pdf), size: 5000, declared)?.code == "type.declared-differs")
        let none = InspectionRequest(fileExtension: "pdf", declaredType: nil, accepted: [])
        #expect(try Verdict(of: observation(pdf), size: 5000, none)?.outcome == .refused)
        let large = #""format":"image/png","pages":1,"width":20000,"height":20000,"faults":[],"active":[]"#
        #expect(try Verdict(of: observation(large), size: 5000, request("png"))?.code == "type.too-many-pixels")
    }

    @Test func `Text is taken where it was wanted, from an accepted text, and not more than there may be`() throws {
        let note = #""format":"text/plain","faults":[],"active":[]"#
        let text = #","text":"Notes""#
        #expect(try Verdict(of: observation(note, text), size: 5, request("txt", text: true))?.text == "Notes")
        #expect(try Verdict(of: observation(note, text), size: 5, request("txt")) == nil)
        #expect(try Verdict(of: observation(pdf, text), size: 5000, request(text: true)) == nil)
        #expect(try Verdict(of: observation(note, text), size: 5, request("pdf", text: true)) == nil, "not accepted")
        let long = #","text":"\#(String(repeating: "x", count: 64 << 10))x""#
        #expect(try Verdict(of: observation(note, long), size: 100_000, request("txt", text: true)) == nil)
    }
}
