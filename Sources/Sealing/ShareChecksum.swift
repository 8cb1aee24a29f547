// RS1024, the checksum in a share's last three words (SLIP-0039, Checksum): a Reed-Solomon code over GF(1024). It finds any
// three wrong words for certain, and more with a chance of error below one in a thousand million.
enum ShareChecksum {
    private static let generator: [UInt32] = [
        0x00e0_e040, 0x01c1_c080, 0x0383_8100, 0x0707_0200, 0x0e0e_0009,
        0x1c0c_2412, 0x3808_6c24, 0x3090_fc48, 0x21b1_f890, 0x03f3_f120,
    ]

    /// Sets the last three words.
    static func fill(_ words: UnsafeMutableBufferPointer<UInt16>, isExtendable: Bool) {
        let start = words.count - 3
        for word in start..<words.count { words[word] = 0 }
        let check = remainder(words, isExtendable: isExtendable) ^ 1
        for word in 0..<3 { words[start + word] = UInt16(check >> UInt32(20 - 10 * word) & 1023) }
    }

    static func isRight(_ words: UnsafeMutableBufferPointer<UInt16>, isExtendable: Bool) -> Bool {
        remainder(words, isExtendable: isExtendable) == 1
    }

    /// The position, from 1, of the one word that is wrong, if a single wrong word explains the checksum.
    ///
    /// What the word should be is known then too, and the specification asks not to tell: that would turn a guess into a share.
    static func suspect(_ words: UnsafeMutableBufferPointer<UInt16>, isExtendable: Bool) -> Int? {
        // The flag that chooses the checksum's prefix lies in the second word, and may be what is wrong.
        for assumed in [isExtendable, !isExtendable] {
            let syndrome = remainder(words, isExtendable: assumed) ^ 1
            for error in UInt16(1)..<1024 {
                // The code is linear: a wrong word adds what its error leaves after the words that follow.
                var trace = UInt32(error)
                for position in stride(from: words.count, through: 1, by: -1) {
                    let flagChanges = position == 2 && error & 0x10 != 0
                    if trace == syndrome, flagChanges == (assumed != isExtendable) { return position }
                    trace = next(trace, 0)
                }
            }
        }
        return nil
    }

    private static func remainder(_ words: UnsafeMutableBufferPointer<UInt16>, isExtendable: Bool) -> UInt32 {
        var state: UInt32 = 1
        for letter in (isExtendable ? "shamir_extendable" : "shamir").utf8 { state = next(state, UInt16(letter)) }
        for word in words { state = next(state, word) }
        return state
    }

    private static func next(_ state: UInt32, _ word: UInt16) -> UInt32 {
        var result = (state & 0xf_ffff) << 10 ^ UInt32(word)
        for bit in UInt32(0)..<10 { result ^= generator[Int(bit)] & (0 &- (state >> (20 + bit) & 1)) }
        return result
    }
}
