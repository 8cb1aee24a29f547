import Records
import Testing

@Suite struct SheetCodeTests {
    private static let known: SheetCode = {
        guard let id = SheetID((0..<16).map { UInt8($0 * 17) }) else { fatalError("sixteen bytes are an id") }
        return SheetCode(.separator, id)
    }()

    @Test func `A code is what the format says, and is read back as it was`() throws {
        #expect(Self.known.text == "SR1S008J4CT4ANK7F24SNAXWSQFEZWGAFX0")
        for kind in SheetCode.Kind.allCases {
            for _ in 0..<200 {
                let code = SheetCode(kind, .random())
                #expect(code.text.utf8.count == 35)
                #expect(SheetCode(text: code.text) == code)
                #expect(SheetCode(typed: code.grouped.lowercased()) == code)
                #expect(SheetCode(typed: code.text.replacing("0", with: "o")) == code)
            }
        }
    }

    @Test func `One changed character, one less, one more, or two exchanged are no code`() {
        let text = Array(Self.known.text)
        let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:sé")
        for place in text.indices {
            for character in alphabet where character != text[place] {
                var other = text
                other[place] = character
                #expect(SheetCode(text: String(other)) == nil, "\(String(other))")
            }
            var shorter = text
            shorter.remove(at: place)
            #expect(SheetCode(text: String(shorter)) == nil)
            var longer = text
            longer.insert("0", at: place)
            #expect(SheetCode(text: String(longer)) == nil)
            if place > 0, text[place] != text[place - 1] {
                var exchanged = text
                exchanged.swapAt(place, place - 1)
                #expect(SheetCode(text: String(exchanged)) == nil)
            }
        }
    }

    @Test func `Lower case, spaces and what stands around a code are not read from a picture`() {
        let text = Self.known.text
        // The last one has the sign of kelvin, which is a K to who compares characters.
        let kelvin = text.replacing("K", with: "\u{212a}")
        for other in [text.lowercased(), " " + text, text + "\n", text + text, "", Self.known.grouped, "SR1", kelvin] {
            #expect(SheetCode(text: other) == nil, "\(other)")
        }
    }

    @Test func `A damaged code and one of a later version are told from other people's codes`() {
        #expect(SheetCode.isMeantAsSheet("SR1S008J4CT4ANK7F24SNAXWSQFEZW00000"))
        #expect(SheetCode.isMeantAsSheet("SR2X"))
        for other in ["", "SR", "SRX1", "sr1", "https://www.nhs.uk/", "WIFI:S:School;;", "ＳＲ1"] {
            #expect(!SheetCode.isMeantAsSheet(other), "\(other)")
        }
    }

    @Test func `Initials are letters of the first two names and the last, and no name`() {
        for (name, initials) in [
            ("Maisie Thornbury", "M.T."), ("Jean-Luc  Okafor", "J.L.O."), ("Maria da Silva Santos", "M.D.S."),
            ("élodie", "É."), ("", ""), ("O'Neil", "O."), ("王 小明", "王.小."), (" 7 ", ""),
        ] {
            #expect(Initials(of: name).text == initials)
        }
    }
}
