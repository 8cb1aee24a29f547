/// The commitment to one field of a detail: SHA-256 of `strongroom/v1/field`, 0, name, 0, salt, value.
///
/// The salt is 32 random bytes, and the name has no zero byte; whoever holds value and salt can check it alone.
public func fieldCommitment(name: String, salt: [UInt8], value: [UInt8]) -> Digest {
    var hasher = SHA256Hasher()
    hasher.update(Array("strongroom/v1/field".utf8) + [0] + Array(name.utf8) + [0] + salt)
    hasher.update(value)
    return hasher.finish()
}

/// The commitment to a file key: HKDF-SHA-256(file key, salt = nonce, info = `strongroom/v1/document` ‖ document id).
///
/// ChaCha20-Poly1305 does not commit to its key; this does, so a header with another file key is found before a byte
/// of the payload is let out. Safe to publish.
public func keyCommitment(_ fileKey: borrowing FileKey, nonce: PayloadNonce, document: [UInt8]) -> Digest {
    fileKey.withBytes { key in
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words) { out in
            HKDFSHA256.derive(
                from: key, salt: nonce.bytes, info: Array("strongroom/v1/document".utf8) + document, into: out)
        }
        return Digest(storedWords: words)
    }
}
