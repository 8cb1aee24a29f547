import Records
import Sealing
import Testing

@Suite struct DocumentDateTests {
    @Test(arguments: [
        ("2009", 20_090_101, 20_091_231), ("2009-03", 20_090_301, 20_090_331), ("2009-02", 20_090_201, 20_090_228),
        ("2012-02", 20_120_201, 20_120_229), ("2012-02-29", 20_120_229, 20_120_229),
        ("2009-03-04/2009-05-01", 20_090_304, 20_090_501), ("2009/2010-02", 20_090_101, 20_100_228),
        ("2000-02-29", 20_000_229, 20_000_229),
    ])
    func `An EDTF date is kept as it was written and means a range of days`(_ text: String, first: Int, last: Int)
        throws
    {
        let date = try DocumentDate(parsing: text)
        #expect(date.text == text)
        #expect(date.days == first...last)
    }

    @Test(arguments: [
        "", " ", "Undated", "2009-3", "09", "2009-13", "2009-00", "2009-02-29", "1900-02-29", "2009-04-31",
        "2009-01-00",
        "1899", "2009/", "/2009", "2010/2009-05", "2009-05-01/2009-03-04", "2009/2010/2011", "2009-03-04T10:00",
        "2009-03-",
        "20090304", "2009~", "-2009", "2009-03-04 ", "２００９", "2009\u{301}", "04/03/2009", "undated/2009",
    ])
    func `Anything else is refused with what would be accepted`(_ text: String) {
        #expect(refusalCode { _ = try DocumentDate(parsing: text) } == "date.unreadable")
    }

    @Test(arguments: [
        ("4 March 2009", "2009-03-04"), ("04/03/2009", "2009-03-04"), ("4/3/2009", "2009-03-04"),
        ("4.3.2009", "2009-03-04"), ("4-3-2009", "2009-03-04"), ("  4th  MARCH, 2009 ", "2009-03-04"),
        ("1 sept 2009", "2009-09-01"), ("March 2009", "2009-03"), ("3/2009", "2009-03"), ("2009", "2009"),
        ("Mar 2009 to 1 May 2009", "2009-03/2009-05-01"), ("2009 - 2010", "2009/2010"),
        ("2009 to 2010-02", "2009/2010-02"),
        ("4/3/2009 – 5/3/2009", "2009-03-04/2009-03-05"), ("Undated", "undated"), ("2009-03-04", "2009-03-04"),
        ("2009-03-04/2009-05-01", "2009-03-04/2009-05-01"),
    ])
    func `A date as people write it is kept as EDTF, the day before the month`(_ typed: String, _ kept: String) throws {
        #expect(try DocumentDate(typed: typed).text == kept)
    }

    @Test(arguments: [
        "", "yesterday", "4 Mar", "4/3/09", "31/2/2009", "3/13/2009", "0/3/2009", "4 Ma 2009", "4 March 2009 to",
        "5/3/2009 to 4/3/2009", "4 March 2009 10:00", "4 5 March 2009", "march", "04 03", "4/3/1899", "2009/3",
    ])
    func `What may mean two dates or none is refused`(_ typed: String) {
        #expect(refusalCode { _ = try DocumentDate(typed: typed) } == "date.unreadable")
    }

    @Test func `Dates are ordered by their earliest day, undated last`() throws {
        let texts = ["undated", "2010", "2009-03-04/2009-05-01", "2009-03", "2009", "2009-03-05"]
        let ordered = try texts.map { try DocumentDate(parsing: $0) }.sorted { $0.orderingKey < $1.orderingKey }
        #expect(ordered.map(\.text) == ["2009", "2009-03", "2009-03-04/2009-05-01", "2009-03-05", "2010", "undated"])
        #expect(try DocumentDate(parsing: "undated") == .undated)
    }
}

@Suite struct IdentifierTests {
    @Test func `Bytes survive Crockford's base32 at every length`() {
        for count in 0...40 {
            let bytes = Randomness.bytes(count)
            let text = Crockford.encode(bytes)
            #expect(Crockford.decode(text) == bytes)
            #expect(text.utf8.count == (count * 8 + 4) / 5)
        }
        #expect(Crockford.encode([0xff, 0x00]) == "zw00")
        #expect(Crockford.grouped("abcdefghij") == "abcd-efgh-ij")
    }

    @Test(arguments: ["zw01", "ZW00", "il", "o0", "u0", "zw00 ", "zw-00", "0", "zw0", "é0"])
    func `Text that encoding would not write is refused`(_ text: String) {
        #expect(Crockford.decode(text) == nil)
    }

    @Test func `An identifier is 26 characters, and only its own`() throws {
        let id = DocumentID.random()
        #expect(id.text.utf8.count == 26)
        #expect(DocumentID(text: id.text) == id)
        #expect(DocumentID(id.bytes) == id)
        #expect(DocumentID(text: id.text.uppercased()) == nil)
        #expect(DocumentID(text: String(id.text.dropLast())) == nil)
        #expect(DocumentID(text: id.text + "0") == nil)
        #expect(DocumentID(text: String(repeating: "z", count: 26)) == nil)
        #expect(DocumentID(Array(id.bytes.dropLast())) == nil)
        #expect(Set((0..<1_000).map { _ in DocumentID.random() }).count == 1_000)
        let low = try #require(DocumentID([UInt8](repeating: 0, count: 15) + [1]))
        let high = try #require(DocumentID([1] + [UInt8](repeating: 0, count: 15)))
        #expect(low < high)
    }

    @Test func `Base64 takes only what it would have written`() {
        for count in 0...20 {
            let bytes = Randomness.bytes(count)
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
        for text in ["AB==", "A", "AB+/", "AR", "AA\n", "AAAA AAAA", "A=AA"] {
            #expect(Base64.decode(text) == nil, "\(text)")
        }
    }

    @Test func `A time is written in UTC with its milliseconds`() {
        #expect(Timestamp(milliseconds: 1_795_426_200_042).iso8601 == "2026-11-23T09:30:00.042Z")
        #expect(Timestamp(milliseconds: 1) < Timestamp(milliseconds: 2))
    }
}

@Suite struct DetailTests {
    @Test func `A detail survives its encoding byte for byte, and an empty field is left out`() throws {
        let values = [
            "summary": "Núñez · first meeting", "filename": "a\u{301}.pdf", "received": "", "date": "2009-03",
        ]
        let detail = Detail(values: values)
        #expect(detail.fields.count == 3)
        let read = try Detail(parsing: detail.encoded)
        #expect(read == detail)
        #expect(read["received"] == nil)
        #expect(Array((read["filename"] ?? "").utf8) == Array("a\u{301}.pdf".utf8))
        #expect(try Detail.values(of: ["nothing", "date"], in: detail.encoded) == ["", "2009-03"])
        #expect(try Detail(parsing: Detail(values: [:]).encoded).fields.isEmpty)
    }

    @Test func `Every field has its own salt, and its commitment can be computed from value and salt alone`() throws {
        let detail = Detail(values: ["a": "same", "b": "same"])
        let a = try #require(detail.fields["a"])
        let b = try #require(detail.fields["b"])
        #expect(a.salt.count == 32 && b.salt.count == 32 && a.salt != b.salt)
        let message = Array("strongroom/v1/field".utf8) + [0] + Array("a".utf8) + [0] + a.salt + Array("same".utf8)
        #expect(detail.commitments["a"] == sha256(message))
        #expect(detail.commitments["a"] != detail.commitments["b"])
        #expect(Detail(values: ["a": "same"]).commitments["a"] != detail.commitments["a"])
    }

    @Test func `A detail cut or lengthened anywhere, or out of order, is refused`() {
        let bytes = Detail(values: ["a": "one", "b": "two"]).encoded
        for count in bytes.indices {
            #expect(throws: StatementError.self) { try Detail(parsing: Array(bytes[..<count])) }
        }
        #expect(throws: StatementError.self) { try Detail(parsing: bytes + [0]) }
        #expect(throws: StatementError.self) { try Detail(parsing: [2] + bytes.dropFirst()) }
        // The same two fields with their names exchanged stand in the wrong order.
        var exchanged = bytes
        exchanged[3 + 64 + 2] = UInt8(ascii: "b")
        exchanged[3 + 64 + 2 + 1 + 4 + 3 + 2] = UInt8(ascii: "a")
        #expect(throws: StatementError.self) { try Detail(parsing: exchanged) }
        #expect(throws: StatementError.self) { try Detail(parsing: [1, 255, 255]) }
        // A length far past the end.
        #expect(throws: StatementError.self) {
            try Detail(parsing: [1, 0, 1] + [UInt8](repeating: 0, count: 32) + [0, 1, 97, 255, 255, 255, 255])
        }
    }
}
