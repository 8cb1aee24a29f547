import CSodium

// How SLIP-0039 encrypts the secret before it is split: four Feistel rounds over its two halves, their function being
// PBKDF2-HMAC-SHA-256. All keys are public where the passphrase is empty, as ours is: then it protects nothing, and is done
// because other tools undo it.
enum ShareCipher {
    static func encrypt(_ block: UnsafeMutableRawBufferPointer, of set: ShareSet, passphrase: [UInt8]) {
        run([0, 1, 2, 3], over: block, of: set, passphrase: passphrase)
    }

    static func decrypt(_ block: UnsafeMutableRawBufferPointer, of set: ShareSet, passphrase: [UInt8]) {
        run([3, 2, 1, 0], over: block, of: set, passphrase: passphrase)
    }

    private static func run(
        _ rounds: [UInt8], over block: UnsafeMutableRawBufferPointer, of set: ShareSet, passphrase: [UInt8]
    ) {
        let half = block.count / 2
        var target = UnsafeMutableRawBufferPointer(rebasing: block[..<half])
        var source = UnsafeMutableRawBufferPointer(rebasing: block[half...])
        // A set that is not extendable salts with its identifier, so a second set of the same secret would not fit it.
        let salt =
            set.isExtendable ? [] : Array("shamir".utf8) + [UInt8(set.identifier >> 8), UInt8(set.identifier & 0xff)]
        for round in rounds {
            withWipedBytes(32) { mask in
                derive(
                    password: [round] + passphrase, salt: salt, UnsafeRawBufferPointer(source),
                    iterations: 2_500 << set.iterationExponent, into: mask)
                for byte in target.indices { target[byte] ^= mask[byte] }
            }
            swap(&target, &source)
        }
        for byte in 0..<half { block.swapAt(byte, half + byte) }
    }

    /// The first block of PBKDF2-HMAC-SHA-256 (RFC 8018, 5.2), the salt in two parts.
    private static func derive(
        password: [UInt8], salt: [UInt8], _ rest: UnsafeRawBufferPointer, iterations: Int,
        into sum: UnsafeMutableRawBufferPointer
    ) {
        precondition(Sodium.ready && sum.count == 32, "libsodium did not start, or the block has no room")
        var keyed = crypto_auth_hmacsha256_state()
        crypto_auth_hmacsha256_init(&keyed, password, password.count)
        var state = keyed
        defer {
            withUnsafeMutableBytes(of: &keyed) { wipe($0) }
            withUnsafeMutableBytes(of: &state) { wipe($0) }
        }
        withWipedBytes(32) { block in
            crypto_auth_hmacsha256_update(&state, salt, UInt64(salt.count))
            crypto_auth_hmacsha256_update(&state, rest.octets, UInt64(rest.count))
            crypto_auth_hmacsha256_update(&state, [0, 0, 0, 1], 4)
            crypto_auth_hmacsha256_final(&state, block.octets)
            sum.copyMemory(from: UnsafeRawBufferPointer(block))
            for _ in 1..<iterations {
                state = keyed
                crypto_auth_hmacsha256_update(&state, block.octets, 32)
                crypto_auth_hmacsha256_final(&state, block.octets)
                for byte in 0..<32 { sum[byte] ^= block[byte] }
            }
        }
    }
}
