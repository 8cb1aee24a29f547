import CSodium

// A wrap is a whole age file with one hybrid stanza. Its plaintext is the secret and then the context: what the wrap is
// for, which vault, object and generation. Anyone can seal to a public recipient, so a wrap that opens proves nothing: the
// caller checks its digest against the statement that commits to it, and the context here says that it is the one wanted.

/// An identity or key, sealed to a holder.
public enum Wrap {
    /// Seals a secret with its context to one holder: a whole age file of about 1.7 KB.
    public static func seal(
        _ secret: borrowing SecretBytes, context: [UInt8], to recipient: HybridRecipient
    ) throws(SealingError) -> [UInt8] {
        var plaintext = try SecretBytes(zeroed: secret.count + context.count)
        secret.withBytes { secret in
            plaintext.withMutableBytes { out in
                out.copyMemory(from: secret)
                UnsafeMutableRawBufferPointer(rebasing: out[secret.count...]).copyBytes(from: context)
            }
        }
        let fileKey = try FileKey.random()
        let header = try Header.seal(fileKey, to: [.hybrid(recipient)])
        return header.bytes
            + (try plaintext.withBytes { raw throws(SealingError) in try AgeFile.payload(raw, fileKey: fileKey) })
    }

    /// Opens a wrap whose secret has `secretCount` bytes; throws `.contextDiffers` when its context is not this one.
    public static func open(
        _ wrap: [UInt8], secretCount: Int, context: [UInt8], with identity: borrowing HybridIdentity
    ) throws(SealingError) -> SecretBytes {
        try identity.withOpener { opener throws(SealingError) in
            try open(wrap, secretCount: secretCount, context: context, with: opener)
        }
    }

    /// The same, with an identity that was expanded for many wraps.
    public static func open(
        _ wrap: [UInt8], secretCount: Int, context: [UInt8], with opener: borrowing HybridOpener
    ) throws(SealingError) -> SecretBytes {
        var secret = try SecretBytes(zeroed: secretCount + context.count)
        try secret.withMutableBytes { out throws(SealingError) in
            try open(wrap, context: context, with: opener, into: out)
        }
        secret.truncate(to: secretCount)
        return secret
    }

    /// Opens many wraps of keys to one identity, on two cores, into one guarded block; the keys are in the wraps' order.
    ///
    /// Throws as `open` does, for the first wrap that does not open. One opening takes 0.1 to 0.2 ms of a core.
    public static func openAll<Purpose: KeyPurpose>(
        _ wraps: [(wrap: [UInt8], context: [UInt8])], with identity: borrowing HybridIdentity
    ) throws(SealingError) -> KeyBlock<Purpose> {
        let size = Purpose.byteCount
        var block = try SecretBytes(zeroed: wraps.count * size)
        let failures = FirstBad()
        identity.withOpener { opener in
            block.withMutableBytes { out in
                let target = Target(base: out.octets)
                Cores.forEachPart(of: wraps.count, from: 4) { part in
                    for index in part {
                        do throws(SealingError) {
                            let (wrap, context) = wraps[index]
                            guard size + context.count <= 256 else { throw .contextDiffers }
                            try withWipedBytes(size + context.count) { space throws(SealingError) in
                                try open(wrap, context: context, with: opener, into: space)
                                (target.base + index * size).update(
                                    from: UnsafeRawBufferPointer(space).octets, count: size)
                            }
                        } catch {
                            return failures.note(index)
                        }
                    }
                }
            }
        }
        if let index = failures.index {
            // Opened again for its error; it did not open, so nothing is kept.
            _ = try open(wraps[index].wrap, secretCount: size, context: wraps[index].context, with: identity)
            throw .outOfMemory
        }
        return KeyBlock(block, count: wraps.count)
    }

    // Sendable: each half writes its own keys of the block, which the caller holds until both have ended.
    private struct Target: @unchecked Sendable {
        let base: UnsafeMutablePointer<UInt8>
    }

    /// Puts secret ‖ context into `out`, which has exactly their size.
    private static func open(
        _ wrap: [UInt8], context: [UInt8], with opener: borrowing HybridOpener, into out: UnsafeMutableRawBufferPointer
    ) throws(SealingError) {
        try wrap.withBytes { raw throws(SealingError) in
            let (header, count) = try Header.parsePrefix(of: raw)
            let payload = UnsafeRawBufferPointer(rebasing: raw[count...])
            let plaintextCount = payload.count - Envelope.nonceSize - Envelope.tagSize
            guard plaintextCount >= 0 else { throw .payloadInvalid("shorter than the empty payload") }
            try withWipedBytes(FilePurpose.byteCount) { key throws(SealingError) in
                try header.openKey(with: opener, into: key)
                guard plaintextCount == out.count else {
                    // Truncated, or honestly another context: which of them, only opening tells.
                    let fileKey = try FileKey(SecretBytes(copying: UnsafeRawBufferPointer(key)))
                    _ = try AgeFile.plaintext(payload, fileKey: fileKey)
                    throw .contextDiffers
                }
                guard ChunkCipher.openOnly(payload, fileKey: UnsafeRawBufferPointer(key), into: out) else {
                    throw .payloadInvalid("the wrap's payload was altered")
                }
            }
            guard out.suffix(context.count).elementsEqual(context) else { throw .contextDiffers }
        }
    }
}

/// Small things sealed to a recipient: a whole age file each.
public enum SealedBytes {
    /// Seals the bytes to one recipient.
    public static func seal(_ plaintext: [UInt8], to recipient: HybridRecipient) throws(SealingError) -> [UInt8] {
        try AgeFile.seal(plaintext, to: [.hybrid(recipient)])
    }

    /// Opens them again.
    public static func open(
        _ sealed: [UInt8], with identity: borrowing HybridIdentity
    ) throws(SealingError) -> [UInt8] {
        try identity.withOpener { opener throws(SealingError) in
            try sealed.withBytes { raw throws(SealingError) in
                let (header, count) = try Header.parsePrefix(of: raw)
                let fileKey = try header.openedKey(with: opener)
                return try AgeFile.plaintext(UnsafeRawBufferPointer(rebasing: raw[count...]), fileKey: fileKey)
            }
        }
    }
}
