/// What is wrong with a share, or with shares put together. Positions are counted from 1, in the order given.
public enum SecretShareError: Error, Equatable, Sendable {
    /// The word at this position is not in the list; `nearest` is the one word like it, if there is one, and as secret as it.
    case wordUnknown(position: Int, nearest: String?)
    /// No share has this number of words: one for 256 bits has 33.
    case lengthWrong(words: Int)
    /// All words are in the list, and one or more is wrong; if only one is, it is the one at `suspect`.
    case checksumWrong(suspect: Int?)
    /// The checksum is right, and what the words say contradicts itself: no tool makes such a share.
    case shareInvalid
    /// So many more shares are needed, or at least so many when none is given.
    case sharesMissing(Int)
    /// So many more groups are needed, in a set that has groups.
    case groupsMissing(Int)
    /// So many shares are more than needed; the specification takes exactly as many as the threshold says.
    case sharesSuperfluous(Int)
    /// The share at this position is of another set than most.
    case foreignShare(position: Int)
    /// The share at `position` is the one at `first` once more.
    case shareRepeated(position: Int, first: Int)
    /// Two different shares have the same index, so one of them is not of this set.
    case sharesClash(position: Int, first: Int)
    /// The shares fit together in form, and do not give what was split: one of them is forged.
    case digestWrong
    /// The system refused memory for a secret.
    case sealing(SealingError)
}

/// What all shares of one set have in common.
struct ShareSet: Hashable, Sendable {
    /// 15 random bits.
    var identifier: Int
    /// Whether the identifier is left out of the encryption, so that more sets can be made of the same secret.
    var isExtendable: Bool
    /// PBKDF2 takes 10,000 rounds times two to this power.
    var iterationExponent: Int
    var groupThreshold: Int
    var groupCount: Int
    /// The bytes of the secret, and of each share's value.
    var secretCount: Int
}

/// One share of a secret, as SLIP-0039 (Shamir's Secret-Sharing for Mnemonic Codes) has it. Fewer than `threshold` of them
/// tell nothing of the secret, but for the 32 bits of a digest.
///
/// The value is in guarded memory, shared by all copies of the share and wiped with the last. `words` and what is typed are
/// Swift strings, which nobody can wipe: keep them short-lived, and out of logs.
public struct SecretShare: Sendable {
    /// The last reference wipes the bytes.
    final class Value: Sendable {
        let bytes: SecretBytes

        init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
    }

    /// Twenty words for the 128 bits that the specification asks for at least, 59 for the 512 bits taken here at most.
    private static let wordCounts = 20...59
    private static let wordsAroundValue = 7

    let shareSet: ShareSet
    let groupIndex: Int
    /// Which share of the set, or of its group, it is: 0 to 15. People count from 1.
    public let index: Int
    /// How many shares of the set, or of its group, are needed: 1 to 16.
    public let threshold: Int
    let value: Value

    /// The number, below 32,768, that all shares of a set have and that tells sets apart; the first word and half the second.
    public var identifier: Int { shareSet.identifier }

    init(set: ShareSet, groupIndex: Int, index: Int, threshold: Int, value: Value) {
        shareSet = set
        self.groupIndex = groupIndex
        self.index = index
        self.threshold = threshold
        self.value = value
    }

    /// Reads a share's words, parted by white space, in any case, each whole or by its first four letters.
    ///
    /// Looks for a word that is not in the list first, then at the number of words, then at the checksum.
    public init(words text: String) throws(SecretShareError) {
        let typed = text.split(whereSeparator: \.isWhitespace)
        guard typed.count <= SecretShare.wordCounts.upperBound else { throw .lengthWrong(words: typed.count) }
        self = try SecretShare.withNumbers(typed.count) { numbers throws(SecretShareError) in
            for (place, word) in typed.enumerated() {
                guard let number = ShareWords.number(of: word) else {
                    throw .wordUnknown(position: place + 1, nearest: ShareWords.nearest(to: word))
                }
                numbers[place] = number
            }
            return try SecretShare(numbers)
        }
    }

    private init(_ numbers: UnsafeMutableBufferPointer<UInt16>) throws(SecretShareError) {
        let valueBits = (numbers.count - SecretShare.wordsAroundValue) * 10
        let padding = valueBits % 16
        guard SecretShare.wordCounts.contains(numbers.count), padding <= 8 else {
            throw .lengthWrong(words: numbers.count)
        }
        let facts = numbers[..<4].reduce(UInt64(0)) { $0 << 10 | UInt64($1) }
        func field(at bit: Int) -> Int { Int(facts >> UInt64(bit) & 15) }
        shareSet = ShareSet(
            identifier: Int(facts >> 25), isExtendable: facts >> 24 & 1 == 1, iterationExponent: field(at: 20),
            groupThreshold: field(at: 12) + 1, groupCount: field(at: 8) + 1, secretCount: valueBits / 16 * 2)
        groupIndex = field(at: 16)
        index = field(at: 4)
        threshold = field(at: 0) + 1
        guard ShareChecksum.isRight(numbers, isExtendable: shareSet.isExtendable) else {
            throw .checksumWrong(suspect: ShareChecksum.suspect(numbers, isExtendable: shareSet.isExtendable))
        }
        guard shareSet.groupThreshold <= shareSet.groupCount, groupIndex < shareSet.groupCount,
            numbers[4] >> UInt16(10 - padding) == 0
        else { throw .shareInvalid }
        do throws(SealingError) {
            var bytes = try SecretBytes(zeroed: shareSet.secretCount)
            bytes.withMutableBytes { ShareWords.regroup(numbers[4...].dropLast(3), padding: padding, into: $0) }
            value = Value(bytes)
        } catch {
            throw .sealing(error)
        }
    }

    /// The share's words, whole, in lower case, with single spaces: 33 for a secret of 256 bits.
    public var words: String {
        let valueWords = (shareSet.secretCount * 8 + 9) / 10
        return SecretShare.withNumbers(valueWords + SecretShare.wordsAroundValue) { numbers in
            var facts = UInt64(shareSet.identifier) << 1 | (shareSet.isExtendable ? 1 : 0)
            let groups = [groupIndex, shareSet.groupThreshold - 1, shareSet.groupCount - 1]
            for field in [shareSet.iterationExponent] + groups + [index, threshold - 1] {
                facts = facts << 4 | UInt64(field)
            }
            for word in 0..<4 { numbers[word] = UInt16(facts >> UInt64(30 - 10 * word) & 1023) }
            value.bytes.withBytes { bytes in
                ShareWords.regroup(
                    bytes, padding: valueWords * 10 - bytes.count * 8,
                    into: UnsafeMutableBufferPointer(rebasing: numbers[4..<4 + valueWords]))
            }
            ShareChecksum.fill(numbers, isExtendable: shareSet.isExtendable)
            return numbers.map { ShareWords.words[Int($0)] }.joined(separator: " ")
        }
    }

    /// The commitment to the share, for the ledger: SHA-256 of `strongroom/v1/recovery-share`, 0, `words` in UTF-8.
    ///
    /// Safe to publish: a share's value is as random as the secret. Compared with what was committed when the secret was
    /// split, it tells which share is forged or of another set.
    public var commitment: Digest {
        sha256(Array("strongroom/v1/recovery-share".utf8) + [0] + Array(words.utf8))
    }

    private static func withNumbers<R: ~Copyable, E: Error>(
        _ count: Int, _ body: (UnsafeMutableBufferPointer<UInt16>) throws(E) -> R
    ) throws(E) -> R {
        try withWipedBytes(count * 2) { bytes throws(E) -> R in try body(bytes.bindMemory(to: UInt16.self)) }
    }
}
