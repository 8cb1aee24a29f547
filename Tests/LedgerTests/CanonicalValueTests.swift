import Ledger
import Testing

@Suite("Canonical JSON")
struct CanonicalValueTests {
    @Test(
        "has one spelling for each value, which reads back",
        arguments: [
            (CanonicalValue.string(""), #""""#),
            ("a b~!", #""a b~!""#),
            (#"say "no" \ /"#, #""say \"no\" \\ /""#),
            (#"\u0041"#, #""\\u0041""#),
            (0, "0"), (-1, "-1"), (10, "10"),
            (9_007_199_254_740_991, "9007199254740991"), (-9_007_199_254_740_991, "-9007199254740991"),
            (true, "true"), (false, "false"), ([], "[]"), ([:], "{}"), ([[], [:], [[]]], "[[],{},[[]]]"),
            ([1, "1", true, ["a": []]], #"[1,"1",true,{"a":[]}]"#),
            // RFC 8785's published test data, without what the restriction leaves out (null, reals, control characters).
            ([56, ["d": true, "10": 1, "1": []]], #"[56,{"1":[],"10":1,"d":true}]"#),
            (
                [
                    "1": ["f": ["f": "hi", "F": 5], " ": 56], "10": [:], "": "empty", "a": [:],
                    "111": [["e": "yes", "E": "no"]], "A": [:],
                ],
                #"{"":"empty","1":{" ":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}"#
            ),
            // Keys are ordered as they are, not as they are spelt: `"` is below `#` though `\"` is not.
            (["\"": 1, "#": 2, "[": 3, "\\": 4, "]": 5], ##"{"\"":1,"#":2,"[":3,"\\":4,"]":5}"##),
            (["a": 1, "a ": 2, "aa": 3, "b": 4, "B": 5], #"{"B":5,"a":1,"a ":2,"aa":3,"b":4}"#),
        ] as [(CanonicalValue, String)])
    func spelling(value: CanonicalValue, spelling: String) throws {
        #expect(try value.encoded() == bytes(spelling))
        #expect(try CanonicalValue(parsing: bytes(spelling)) == value)
    }

    @Test("in any other spelling is refused, each for its own fault")
    func refused() throws {
        for vector in try Fixtures.refused("canonical") {
            let fault = try #require(CanonicalFault(rawValue: vector.fault), "\(vector.name)")
            do throws(LedgerError) {
                _ = try CanonicalValue(parsing: vector.bytes)
                Issue.record("\(vector.name) was taken")
            } catch {
                guard case .notCanonical(fault, offset: 0...vector.bytes.count) = error else {
                    Issue.record("\(vector.name): \(error)")
                    continue
                }
            }
        }
    }

    @Test("says where the fault is")
    func offsets() {
        for (text, fault, offset) in [
            (#"{"b":1,"a":2}"#, CanonicalFault.keysOutOfOrder, 7), (#"{"a":1,"a":2}"#, .duplicateKey, 7),
            (#"{"a": 1}"#, .whiteSpace, 5), (#"[1,2.0]"#, .numberSpelling, 3), (#"["ab\n"]"#, .needlessEscape, 4),
        ] {
            #expect(throws: LedgerError.notCanonical(fault, offset: offset)) {
                try CanonicalValue(parsing: bytes(text))
            }
        }
    }

    @Test("has no spelling for values outside the restriction")
    func notRepresentable() {
        let deep = (0..<17).reduce(CanonicalValue.integer(1)) { value, _ in [value] }
        let deepObject = (0..<17).reduce(CanonicalValue.integer(1)) { value, _ in ["a": value] }
        for (value, fault) in [
            (9_007_199_254_740_992, CanonicalFault.numberOutOfRange), (-9_007_199_254_740_992, .numberOutOfRange),
            (.integer(.max), .numberOutOfRange), (.integer(.min), .numberOutOfRange),
            ("caf\u{E9}", .characterNotPrintableASCII), ("a\nb", .characterNotPrintableASCII),
            ("\u{0}", .characterNotPrintableASCII), ("\u{7F}", .characterNotPrintableASCII),
            (["\u{E9}": 1], .characterNotPrintableASCII), ([["a": "\t"]], .characterNotPrintableASCII),
            (deep, .tooDeep), (deepObject, .tooDeep),
            (.string(String(repeating: "a", count: CanonicalValue.maximumByteCount - 1)), .tooLarge),
        ] as [(CanonicalValue, CanonicalFault)] {
            #expect(throws: LedgerError.notRepresentable(fault)) { try value.encoded() }
        }
    }

    @Test("may be as deep and as large as the caps, both ways")
    func caps() throws {
        let deep = (0..<16).reduce(CanonicalValue.integer(1)) { value, _ in [value] }
        #expect(try CanonicalValue(parsing: deep.encoded()) == deep)
        let large = CanonicalValue.string(String(repeating: "a", count: CanonicalValue.maximumByteCount - 2))
        let encoded = try large.encoded()
        #expect(encoded.count == CanonicalValue.maximumByteCount)
        #expect(try CanonicalValue(parsing: encoded) == large)
        let larger = bytes("\"") + encoded.dropFirst() + bytes("a\"")
        #expect(throws: LedgerError.notCanonical(.tooLarge, offset: 0)) { try CanonicalValue(parsing: larger) }
    }

    @Test("made at random reads back, and every truncation of it is refused")
    func randomValues() throws {
        var generator = SplitMix(state: 8785)
        for _ in 0..<3000 {
            let value = CanonicalValue.object(Self.members(depth: 0, &generator))
            let encoded = try value.encoded()
            #expect(try CanonicalValue(parsing: encoded) == value)
            for length in stride(from: 0, to: encoded.count, by: max(1, encoded.count / 16)) {
                #expect(throws: LedgerError.self) { try CanonicalValue(parsing: Array(encoded[..<length])) }
            }
        }
    }

    @Test("changed at random is refused, or is the canonical spelling of something else")
    func mutations() throws {
        var generator = SplitMix(state: 20_091_122)
        let likely = bytes("{}[]\",:\\0123456789-+.eEtrufalsn \n\u{7F}aA/")
        var taken = 0
        var refused = 0
        for _ in 0..<2000 {
            let encoded = try CanonicalValue.object(Self.members(depth: 0, &generator)).encoded()
            for _ in 0..<20 {
                var changed = encoded
                for _ in 0..<Int.random(in: 1...3, using: &generator) {
                    let place = Int.random(in: 0..<changed.count, using: &generator)
                    let byte = likely[Int.random(in: 0..<likely.count, using: &generator)]
                    switch Int.random(in: 0..<5, using: &generator) {
                    case 0: changed[place] = byte
                    case 1: changed.insert(byte, at: place)
                    case 2: changed.remove(at: place)
                    case 3: changed[place] = UInt8.random(in: 0...255, using: &generator)
                    default: changed.swapAt(place, Int.random(in: 0..<changed.count, using: &generator))
                    }
                    if changed.isEmpty { changed = [byte] }
                }
                if let value = try? CanonicalValue(parsing: changed) {
                    taken += 1
                    #expect(try value.encoded() == changed)
                } else {
                    refused += 1
                }
            }
        }
        // Both ways are walked often.
        #expect(taken > 1000 && refused > 10_000)
    }

    @Test("made of tokens at random is refused, or is canonical")
    func tokens() throws {
        var generator = SplitMix(state: 6962)
        let tokens = [
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "\"\"", "1", "0", "-", "-1", "true", "false", "null", " ",
            "\"a\":", ",\"b\":", "\\", "\"",
        ].map(bytes)
        var taken = 0
        for _ in 0..<200_000 {
            let text = (0..<Int.random(in: 1...8, using: &generator)).flatMap { _ in
                tokens[Int.random(in: 0..<tokens.count, using: &generator)]
            }
            if let value = try? CanonicalValue(parsing: text) {
                taken += 1
                #expect(try value.encoded() == text)
            }
        }
        #expect(taken > 1000)
    }

    private static func members(depth: Int, _ generator: inout SplitMix) -> [String: CanonicalValue] {
        var members: [String: CanonicalValue] = [:]
        for _ in 0..<Int.random(in: 0...5, using: &generator) {
            members[string(&generator)] = value(depth: depth + 1, &generator)
        }
        return members
    }

    private static func value(depth: Int, _ generator: inout SplitMix) -> CanonicalValue {
        switch Int.random(in: 0..<(depth < 4 ? 6 : 4), using: &generator) {
        case 0: return .string(string(&generator))
        case 1: return .boolean(Bool.random(using: &generator))
        case 2: return .integer(Int64.random(in: -20...20, using: &generator))
        case 3:
            let bound = CanonicalValue.maximumInteger
            return .integer(Int64.random(in: -bound...bound, using: &generator))
        case 4:
            return .array(
                (0..<Int.random(in: 0...4, using: &generator)).map { _ in value(depth: depth + 1, &generator) })
        default: return .object(members(depth: depth, &generator))
        }
    }

    private static func string(_ generator: inout SplitMix) -> String {
        let marks = bytes("\"\\/ ")
        let text = (0..<Int.random(in: 0...20, using: &generator)).map { _ in
            Int.random(in: 0..<5, using: &generator) == 0
                ? marks[Int.random(in: 0..<marks.count, using: &generator)]
                : UInt8.random(in: 0x20...0x7E, using: &generator)
        }
        return String(decoding: text, as: UTF8.self)
    }
}
