import CSodium

// HKDF-SHA-256 (RFC 5869) for one block of output and HMAC-SHA-256, over libsodium so that every state is on our stack
// and wiped. libsodium 1.0.18 has no HKDF of its own.
enum HMACSHA256 {
    static func authenticate(
        _ parts: UnsafeRawBufferPointer..., key: UnsafeRawBufferPointer, into out: UnsafeMutableRawBufferPointer
    ) {
        precondition(Sodium.ready && out.count == 32, "libsodium did not start, or the tag has no room")
        var state = crypto_auth_hmacsha256_state()
        defer { withUnsafeMutableBytes(of: &state) { sodium_memzero($0.baseAddress, $0.count) } }
        crypto_auth_hmacsha256_init(&state, key.octets, key.count)
        for part in parts where !part.isEmpty {
            crypto_auth_hmacsha256_update(&state, part.octets, UInt64(part.count))
        }
        crypto_auth_hmacsha256_final(&state, out.octets)
    }
}

enum HKDFSHA256 {
    /// Derives at most 32 bytes. An empty salt is the 32 zero bytes of the RFC, which HMAC makes the same.
    static func derive(
        from secret: UnsafeRawBufferPointer, salt: [UInt8], info: [UInt8], into out: UnsafeMutableRawBufferPointer
    ) {
        precondition(out.count <= 32, "one block only")
        withWipedBytes(64) { space in
            let extracted = UnsafeMutableRawBufferPointer(rebasing: space[0..<32])
            let block = UnsafeMutableRawBufferPointer(rebasing: space[32..<64])
            salt.withUnsafeBytes { salt in
                HMACSHA256.authenticate(secret, key: salt, into: extracted)
            }
            info.withUnsafeBytes { info in
                withUnsafeBytes(of: UInt8(1)) { one in
                    HMACSHA256.authenticate(info, one, key: UnsafeRawBufferPointer(extracted), into: block)
                }
            }
            out.copyMemory(from: UnsafeRawBufferPointer(rebasing: block[0..<out.count]))
        }
    }
}

extension Key where Purpose == FilePurpose {
    /// The key of the row that says what a restricted document is: HKDF-SHA-256(file key, salt = the record's 16 bytes,
    /// info = `strongroom/v1/restricted`). Who holds the file key reads both, and nobody else.
    public borrowing func detailKey(ofRecord record: [UInt8]) throws(SealingError) -> DetailKey {
        try Sodium.start()
        var secret = try SecretBytes(zeroed: DetailPurpose.byteCount)
        withBytes { key in
            secret.withMutableBytes { out in
                HKDFSHA256.derive(from: key, salt: record, info: Array("strongroom/v1/restricted".utf8), into: out)
            }
        }
        return try DetailKey(secret)
    }
}

extension Key where Purpose == ServerSecretPurpose {
    /// The server's half of a keybox that a link guards, too: HKDF-SHA-256(server secret, salt = the link's secret, info =
    /// `strongroom/v1/permission-link`). Without the link it cannot be made.
    public borrowing func bound(toLink link: [UInt8]) throws(SealingError) -> ServerSecret {
        try Sodium.start()
        var secret = try SecretBytes(zeroed: ServerSecretPurpose.byteCount)
        withBytes { key in
            secret.withMutableBytes { out in
                HKDFSHA256.derive(from: key, salt: link, info: Array("strongroom/v1/permission-link".utf8), into: out)
            }
        }
        return try ServerSecret(secret)
    }
}
