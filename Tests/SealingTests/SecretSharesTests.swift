import Foundation
import Sealing
import Testing

@Suite struct SecretSharesTests {
    private static func bytes(_ shares: [SecretShare]) throws -> [UInt8] {
        try SecretSharing.combine(shares).withBytes { Array($0) }
    }

    private static func shares(_ threshold: Int, of count: Int) throws -> (secret: [UInt8], shares: [SecretShare]) {
        let secret = try SecretBytes.random(32)
        let shares = try SecretSharing.split(secret, threshold: threshold, count: count)
        return (secret.withBytes { Array($0) }, shares)
    }

    private static func refused(_ error: SecretShareError, _ shares: [SecretShare]) {
        #expect(throws: error) { _ = try SecretSharing.combine(shares) }
    }

    /// All ways to choose `count` of the elements, in their order.
    private static func subsets<Element>(of elements: ArraySlice<Element>, count: Int) -> [[Element]] {
        guard count > 0 else { return [[]] }
        return elements.indices.flatMap { index in
            subsets(of: elements[(index + 1)...], count: count - 1).map { [elements[index]] + $0 }
        }
    }

    // MARK: The standard

    /// Vectors that must be refused, by their number, and what is wrong with each.
    private static let refusals: [Int: SecretShareError] = [
        2: .checksumWrong(suspect: 20), 21: .checksumWrong(suspect: 33), 3: .shareInvalid, 22: .shareInvalid,
        10: .shareInvalid, 29: .shareInvalid, 39: .lengthWrong(words: 19), 40: .lengthWrong(words: 21),
        5: .sharesMissing(1), 24: .sharesMissing(1), 16: .sharesMissing(1), 35: .sharesMissing(1),
        14: .groupsMissing(1), 15: .groupsMissing(1), 33: .groupsMissing(1), 34: .groupsMissing(1),
        6: .foreignShare(position: 2), 25: .foreignShare(position: 2), 7: .foreignShare(position: 2),
        26: .foreignShare(position: 2), 8: .foreignShare(position: 3), 27: .foreignShare(position: 3),
        9: .foreignShare(position: 2), 28: .foreignShare(position: 2), 12: .foreignShare(position: 2),
        31: .foreignShare(position: 2), 11: .sharesClash(position: 2, first: 1),
        30: .sharesClash(position: 2, first: 1), 13: .digestWrong, 32: .digestWrong,
    ]

    @Test func theVectorsOfTheStandardGiveTheirSecretsOrTheirError() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../fixtures/slip39-vectors.json")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        let vectors = try #require(json["vectors"] as? [[Any]])
        #expect(vectors.count == 45)
        for (number, vector) in zip(1..., vectors) {
            let name = try #require(vector[0] as? String)
            let texts = try #require(vector[1] as? [String])
            let secret = try #require(vector[2] as? String)
            func combined() throws -> String {
                let shares = try texts.map { try SecretShare(words: $0) }
                #expect(shares.map(\.words) == texts, "\(name)")
                return try SecretSharing.combine(shares, passphrase: Array("TREZOR".utf8))
                    .withBytes { Hex.encode(Array($0)) }
            }
            if let error = SecretSharesTests.refusals[number] {
                #expect(secret.isEmpty, "\(name)")
                #expect(throws: error, "\(name)") { _ = try combined() }
            } else {
                #expect(try !secret.isEmpty && combined() == secret, "\(name)")
            }
        }
    }

    @Test func anotherToolsSharesOpen() throws {
        // shamir_mnemonic 0.3.0: generate_mnemonics(1, [(2, 3)], bytes(range(32))), without passphrase
        let secret = Array(UInt8(0)..<32)
        for pair in SecretSharesTests.subsets(of: SecretSharesTests.sharesOfAnotherTool[...], count: 2) {
            #expect(try SecretSharesTests.bytes(pair.map { try SecretShare(words: $0) }) == secret)
        }
    }

    @Test func theWordListIsThatOfTheStandard() {
        let words = ShareWords.words
        #expect(words.count == 1024 && words == words.sorted() && Set(words.map { $0.prefix(4) }).count == 1024)
        #expect(words.allSatisfy { (4...8).contains($0.utf8.count) })
        #expect(
            sha256(Array((words.joined(separator: "\n") + "\n").utf8)).hex
                == "bcc4555340332d169718aed8bf31dd9d5248cb7da6e5d355140ef4f1e601eec3")
    }

    @Test func aPhraseIsTenBitsAWord() {
        #expect(ShareWords.phrase(of: [], words: 0) == [])
        #expect(ShareWords.phrase(of: [0, 0, 0], words: 2) == ["academic", "academic"])
        #expect(ShareWords.phrase(of: [255, 255, 255, 255, 255], words: 4) == Array(repeating: "zero", count: 4))
        #expect(ShareWords.phrase(of: [0, 0x40, 0x20, 9], words: 3) == ["acid", "acne", "acne"])
        let digest = sha256([1])
        let long = ShareWords.phrase(of: digest.bytes, words: 25)
        #expect(long.count == 25 && ShareWords.phrase(of: digest.bytes, words: 6) == Array(long[..<6]))
    }

    // MARK: Splitting

    @Test(arguments: [(2, 2), (2, 3), (3, 5), (4, 5), (16, 16)])
    func everyChoiceOfEnoughSharesGivesTheSecret(threshold: Int, count: Int) throws {
        let (secret, shares) = try SecretSharesTests.shares(threshold, of: count)
        #expect(shares.map(\.index) == Array(0..<count))
        #expect(shares.allSatisfy { $0.threshold == threshold && $0.identifier == shares[0].identifier })
        let read = try shares.map { share in
            let words = share.words
            #expect(words.split(separator: " ").count == 33 && words == words.lowercased())
            return try SecretShare(words: words)
        }
        for chosen in SecretSharesTests.subsets(of: read[...], count: threshold) {
            #expect(try SecretSharesTests.bytes(chosen) == secret)
            #expect(try SecretSharesTests.bytes(chosen.reversed()) == secret)
        }
    }

    @Test(arguments: [(2, 3), (3, 5), (16, 16)])
    func oneShareTooFewIsRefusedAndSaysHowManyAreMissing(threshold: Int, count: Int) throws {
        let (_, shares) = try SecretSharesTests.shares(threshold, of: count)
        for chosen in SecretSharesTests.subsets(of: shares[...], count: threshold - 1) {
            SecretSharesTests.refused(.sharesMissing(1), chosen)
        }
        SecretSharesTests.refused(.sharesMissing(threshold - 1), [shares[0]])
        SecretSharesTests.refused(.sharesMissing(1), [])
    }

    @Test func oneShareMoreThanNeededIsRefused() throws {
        let (_, shares) = try SecretSharesTests.shares(3, of: 5)
        SecretSharesTests.refused(.sharesSuperfluous(2), shares)
    }

    @Test func twoSharesOfThreeNeededAreAsLikelyForAnySecret() throws {
        // Of one secret, 100 times two shares: every byte value as often as by chance, 6,400 draws over 256 values. The
        // chi-squared statistic has mean 255 and deviation 22.6; 400 is six deviations away.
        let secret = try SecretBytes(zeroed: 32)
        var counts = [Int](repeating: 0, count: 256)
        for _ in 0..<100 {
            let shares = try SecretSharing.split(secret, threshold: 3, count: 5)
            for share in shares[3...] {
                let numbers = share.words.split(separator: " ").map { ShareWords.words.firstIndex(of: String($0))! }
                // Words 5 to 30 are 4 zero bits and the value.
                var bits = numbers[4..<30].flatMap { number in (0..<10).map { number >> (9 - $0) & 1 } }
                #expect(bits[..<4] == [0, 0, 0, 0])
                bits.removeFirst(4)
                for byte in stride(from: 0, to: 256, by: 8) {
                    counts[bits[byte..<byte + 8].reduce(0) { $0 << 1 | $1 }] += 1
                }
            }
        }
        let chi = counts.reduce(0.0) { $0 + (Double($1) - 25) * (Double($1) - 25) / 25 }
        #expect(chi < 400 && counts.reduce(0, +) == 6_400)
    }

    @Test func splittingTwiceMakesTwoSets() throws {
        let secret = try SecretBytes.random(32)
        let first = try SecretSharing.split(secret, threshold: 2, count: 3)
        let second = try SecretSharing.split(secret, threshold: 2, count: 3)
        #expect(Set((first + second).map(\.words)).count == 6)
        #expect(Set((first + second).map(\.commitment)).count == 6)
        #expect(try SecretSharesTests.bytes([first[0], first[2]]) == SecretSharesTests.bytes([second[1], second[0]]))
    }

    @Test func onlyASecretOf32BytesAndSensibleNumbersAreSplit() throws {
        for count in [0, 16, 31, 33] {
            let secret = try SecretBytes(zeroed: count)
            #expect(throws: SealingError.sizeWrong(expected: 32, actual: count)) {
                _ = try SecretSharing.split(secret, threshold: 2, count: 3)
            }
        }
        let secret = try SecretBytes(zeroed: 32)
        for (threshold, count) in [(1, 1), (1, 3), (0, 2), (-1, 2), (4, 3), (2, 17), (17, 17), (2, 1)] {
            #expect(throws: SealingError.parametersOutOfBounds) {
                _ = try SecretSharing.split(secret, threshold: threshold, count: count)
            }
        }
    }

    // MARK: Putting together what does not fit

    @Test func aShareOfAnotherSetIsNamed() throws {
        let (_, shares) = try SecretSharesTests.shares(3, of: 5)
        var other = try SecretSharesTests.shares(3, of: 5).shares
        while other[0].identifier == shares[0].identifier { other = try SecretSharesTests.shares(3, of: 5).shares }
        SecretSharesTests.refused(.foreignShare(position: 3), [shares[0], shares[1], other[2]])
        SecretSharesTests.refused(.foreignShare(position: 1), [other[0], shares[1], shares[2]])
        SecretSharesTests.refused(.foreignShare(position: 2), [shares[0], other[1]])
    }

    @Test func theSameShareTwiceIsNamed() throws {
        let (_, shares) = try SecretSharesTests.shares(3, of: 5)
        SecretSharesTests.refused(.shareRepeated(position: 3, first: 1), [shares[1], shares[0], shares[1]])
        let again = try SecretShare(words: shares[4].words)
        SecretSharesTests.refused(.shareRepeated(position: 2, first: 1), [shares[4], again])
    }

    /// A forged share: right in form, and its value another's.
    private static func forged(_ share: SecretShare) throws -> SecretShare {
        let set = try SecretSharesTests.shares(share.threshold, of: 16).shares
        let value = set[share.index].words.split(separator: " ")[4..<30]
        let head = share.words.split(separator: " ")[..<4]
        let numbers = (head + value).map { ShareWords.words.firstIndex(of: String($0))! }
        let check = SecretSharesTests.checksum(numbers)
        return try SecretShare(words: (head + value).joined(separator: " ") + " " + check.joined(separator: " "))
    }

    /// RS1024 as the specification's Python has it, for shares that are made to fail.
    private static func checksum(_ numbers: [Int]) -> [String] {
        let generator = [
            0x00e0_e040, 0x01c1_c080, 0x0383_8100, 0x0707_0200, 0x0e0e_0009,
            0x1c0c_2412, 0x3808_6c24, 0x3090_fc48, 0x21b1_f890, 0x03f3_f120,
        ]
        var state = 1
        for value in "shamir_extendable".utf8.map(Int.init) + numbers + [0, 0, 0] {
            let top = state >> 20
            state = (state & 0xfffff) << 10 ^ value
            for bit in 0..<10 where top >> bit & 1 == 1 { state ^= generator[bit] }
        }
        return [20, 10, 0].map { ShareWords.words[(state ^ 1) >> $0 & 1023] }
    }

    @Test func aForgedShareIsFoundByTheDigestAndNamedByItsCommitment() throws {
        let (secret, shares) = try SecretSharesTests.shares(3, of: 5)
        let committed = shares.map(\.commitment)
        let forged = try SecretSharesTests.forged(shares[1])
        #expect(forged.index == 1 && forged.identifier == shares[1].identifier)
        SecretSharesTests.refused(.digestWrong, [shares[0], forged, shares[4]])
        SecretSharesTests.refused(.sharesClash(position: 2, first: 1), [shares[1], forged, shares[4]])
        let given = [shares[0], forged, shares[4]]
        #expect(given.map { $0.commitment == committed[$0.index] } == [true, false, true])
        #expect(try SecretSharesTests.bytes([shares[0], shares[1], shares[4]]) == secret)
    }

    @Test func aCommitmentIsTheHashOfTheWords() throws {
        let words = SecretSharesTests.sharesOfAnotherTool[0]
        let text = "strongroom/v1/recovery-share\0" + words
        #expect(try SecretShare(words: words.uppercased()).commitment == sha256(Array(text.utf8)))
    }

    // MARK: Reading words

    @Test func aWrongWordIsRefusedAndNamed() throws {
        let words = try SecretSharesTests.shares(2, of: 3).shares[0].words.split(separator: " ").map(String.init)
        for place in words.indices {
            for step in [16, 700] {
                var changed = words
                let number = try #require(ShareWords.words.firstIndex(of: words[place]))
                changed[place] = ShareWords.words[(number ^ step) & 1023]
                #expect(throws: SecretShareError.checksumWrong(suspect: place + 1)) {
                    _ = try SecretShare(words: changed.joined(separator: " "))
                }
            }
        }
        // Two wrong words are found and not named.
        var changed = words
        changed[6] = words[7] == "acid" ? "acne" : "acid"
        changed[20] = words[20] == "acid" ? "acne" : "acid"
        if changed[6] != words[6] {
            #expect(throws: SecretShareError.checksumWrong(suspect: nil)) {
                _ = try SecretShare(words: changed.joined(separator: " "))
            }
        }
    }

    @Test func wordsAreReadInAnyCaseBySpacesOrByTheirFirstFourLetters() throws {
        let share = try SecretSharesTests.shares(2, of: 3).shares[2]
        let words = share.words.split(separator: " ")
        for text in [
            share.words.uppercased(), share.words.capitalized, "\n " + words.joined(separator: "\n\t ") + "\r\n",
            words.map { $0.prefix(4) }.joined(separator: " "),
            words.map { $0.prefix(4).uppercased() }.joined(separator: " "),
        ] {
            let read = try SecretShare(words: text)
            #expect(read.words == share.words && read.commitment == share.commitment)
            #expect(read.index == 2 && read.threshold == 2 && read.identifier == share.identifier)
        }
    }

    @Test func aWordThatIsNotInTheListIsNamedWithTheOneLikeIt() throws {
        let words = SecretSharesTests.sharesOfAnotherTool[0].split(separator: " ").map(String.init)
        func refused(_ word: String, nearest: String?) {
            var changed = words
            changed[16] = word
            #expect(throws: SecretShareError.wordUnknown(position: 17, nearest: nearest)) {
                _ = try SecretShare(words: changed.joined(separator: " "))
            }
        }
        refused("acadamic", nearest: "academic")
        refused("acadmeic", nearest: "academic")
        refused("Satochi", nearest: "satoshi")
        refused("wolff", nearest: "wolf")
        refused("aca", nearest: nil)
        // As far from "arcade", and it begins like "academic".
        refused("academ", nearest: "academic")
        refused("xyzzyxyzzy", nearest: nil)
        refused("café", nearest: nil)
        refused("1", nearest: nil)
        refused(String(repeating: "long", count: 1000), nearest: nil)
    }

    @Test func theNumberOfWordsIsChecked() throws {
        let words = SecretSharesTests.sharesOfAnotherTool[0].split(separator: " ")
        #expect(throws: SecretShareError.lengthWrong(words: 0)) { _ = try SecretShare(words: " \n") }
        #expect(throws: SecretShareError.lengthWrong(words: 1)) { _ = try SecretShare(words: "academic") }
        let long = String(repeating: "academic ", count: 60)
        #expect(throws: SecretShareError.lengthWrong(words: 60)) { _ = try SecretShare(words: long) }
        // A word left out or said twice: 32 and 34 words are the length of no share.
        for place in [0, 5, 32] {
            var changed = words
            changed.remove(at: place)
            let shorter = changed.joined(separator: " ")
            #expect(throws: SecretShareError.lengthWrong(words: 32)) { _ = try SecretShare(words: shorter) }
            changed = words
            changed.insert(words[place], at: place)
            let longer = changed.joined(separator: " ")
            #expect(throws: SecretShareError.lengthWrong(words: 34)) { _ = try SecretShare(words: longer) }
        }
    }

    @Test func sharesOfEveryLengthTheStandardHasAreRead() throws {
        var read: [Int] = []
        for count in 0...60 {
            let head = [0, 0x18, 0, 0x11]
            let numbers = Array((head + [Int](repeating: 0, count: 60)).prefix(max(count - 3, 0)))
            let text = numbers.map { ShareWords.words[$0] } + SecretSharesTests.checksum(numbers)
            if let share = try? SecretShare(words: text.joined(separator: " ")) {
                #expect(share.words == text.joined(separator: " ") && share.threshold == 2)
                read.append(count)
            }
        }
        #expect(read == (20...59).filter { ($0 - 7) * 10 % 16 <= 8 })
    }

    @Test func bytesThatAreNoShareNeverTrap() throws {
        for _ in 0..<20 {
            let bytes = Randomness.bytes(64)
            let words = ShareWords.phrase(of: bytes, words: Int(bytes[0]) % 45)
            let text = words.joined(separator: " ")
            #expect(throws: SecretShareError.self) { _ = try SecretShare(words: text) }
            let noise = String(decoding: bytes, as: UTF8.self)
            #expect(throws: SecretShareError.self) { _ = try SecretShare(words: noise) }
            // With the right checksum the facts and the padding are as they fall.
            let numbers = words.map { ShareWords.words.firstIndex(of: $0)! }
            _ = try? SecretShare(words: (words + SecretSharesTests.checksum(numbers)).joined(separator: " "))
        }
    }
}

extension SecretSharesTests {
    static let sharesOfAnotherTool = [
        "quarter helpful academic acid again glasses trial adequate decorate friar fiber segment rainbow trip "
            + "album database aunt lair duckling payroll resident admit true railroad mixture punish index freshman "
            + "perfect disaster false budget raisin",
        "quarter helpful academic agency animal armed imply angry meaning receiver making insect petition "
            + "hand lecture blind stilt shame numb simple acne apart hanger change sidewalk domestic include "
            + "inherit puny huge erode moisture plot",
        "quarter helpful academic always antenna display scene lawsuit fumes apart verdict piece cleanup "
            + "unfair bike fumes beard findings hazard cards swimming task video various depart group income "
            + "glimpse march mule hesitate hearing breathe",
    ]
}
