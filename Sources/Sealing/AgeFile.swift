import CSodium

/// Whoever opens an age file from elsewhere: any of the format's kinds.
public enum InterchangeIdentity: ~Copyable, Sendable {
    /// ML-KEM-768 with X25519.
    case hybrid(HybridIdentity)
    /// X25519 alone.
    case x25519(X25519Identity)
    /// A passphrase.
    case passphrase(Passphrase)

    /// Takes `AGE-SECRET-KEY-PQ-1…` or `AGE-SECRET-KEY-1…`.
    public init(parsing text: String) throws(SealingError) {
        if text.uppercased().hasPrefix("AGE-SECRET-KEY-PQ-1") {
            self = .hybrid(try HybridIdentity(parsing: text))
        } else {
            self = .x25519(try X25519Identity(parsing: text))
        }
    }
}

extension Header {
    /// Unwraps the file key with an identity of any kind, passing over stanzas of other kinds; checks the MAC.
    public func openForInterchange(with identity: borrowing InterchangeIdentity) throws(SealingError) -> FileKey {
        switch identity {
        case .hybrid(let identity):
            return try identity.withOpener { opener throws(SealingError) in
                for stanza in stanzas where stanza.type == HybridRecipient.stanzaType {
                    guard let key = try opener.fileKey(from: stanza) else { continue }
                    try authenticate(with: key)
                    return key
                }
                throw .noIdentityMatches
            }
        case .x25519(let identity):
            for stanza in stanzas where stanza.type == X25519Recipient.stanzaType {
                guard let key = try identity.fileKey(from: stanza) else { continue }
                try authenticate(with: key)
                return key
            }
            throw .noIdentityMatches
        case .passphrase(let passphrase):
            for stanza in stanzas where stanza.type == Passphrase.stanzaType {
                guard let key = try passphrase.fileKey(from: stanza) else { continue }
                try authenticate(with: key)
                return key
            }
            throw .noIdentityMatches
        }
    }

    /// Seals a file key with a passphrase, for interchange. Sealing takes memory of 2^workFactor KiB.
    public static func seal(
        _ fileKey: borrowing FileKey, passphrase: borrowing Passphrase, workFactor: Int = 18
    ) throws(SealingError) -> Header {
        Header(assembling: [try passphrase.stanza(for: fileKey, workFactor: workFactor)], fileKey: fileKey)
    }
}

/// Whole age files in memory; for interchange and small things. Documents go through `EnvelopeWriter`.
public enum AgeFile {
    /// Header ‖ payload under a fresh file key.
    public static func seal(_ plaintext: [UInt8], to recipients: [Recipient]) throws(SealingError) -> [UInt8] {
        let fileKey = try FileKey.random()
        let header = try Header.seal(fileKey, to: recipients)
        return header.bytes
            + (try plaintext.withBytes { raw throws(SealingError) in try payload(raw, fileKey: fileKey) })
    }

    /// Opens header ‖ payload, whole.
    public static func open(
        _ file: [UInt8], with identity: borrowing InterchangeIdentity
    ) throws(SealingError) -> [UInt8] {
        try file.withBytes { raw throws(SealingError) in
            let (header, count) = try Header.parsePrefix(of: raw)
            let fileKey = try header.openForInterchange(with: identity)
            return try plaintext(UnsafeRawBufferPointer(rebasing: raw[count...]), fileKey: fileKey)
        }
    }

    static func plaintext(
        _ payload: UnsafeRawBufferPointer, fileKey: borrowing FileKey
    ) throws(SealingError) -> [UInt8] {
        let reader = try reader(payload, fileKey)
        guard let length = Int(exactly: reader.plaintextLength) else { throw .payloadInvalid("too long") }
        var plaintext = [UInt8](repeating: 0, count: length)
        var span = plaintext.mutableSpan
        _ = try span.withUnsafeMutableBytes { out throws(SealingError) in
            try reader.open(
                chunks: 0..<reader.chunkCount,
                ciphertext: UnsafeRawBufferPointer(rebasing: payload[Envelope.nonceSize...]), into: out)
        }
        return plaintext
    }

    static func reader(
        _ payload: UnsafeRawBufferPointer, _ fileKey: borrowing FileKey
    ) throws(SealingError) -> EnvelopeReader {
        guard let nonce = PayloadNonce(payload.prefix(Envelope.nonceSize)) else {
            throw .headerInvalid("the file ends within the nonce")
        }
        return try EnvelopeReader(fileKey: fileKey, nonce: nonce, payloadLength: UInt64(payload.count))
    }

    static func payload(
        _ plaintext: UnsafeRawBufferPointer, fileKey: borrowing FileKey
    ) throws(SealingError) -> [UInt8] {
        let nonce = PayloadNonce.random()
        let cipher = try ChunkCipher(fileKey: fileKey, nonce: nonce)
        let length = Envelope.payloadLength(forPlaintext: UInt64(plaintext.count))
        var payload = [UInt8](repeating: 0, count: Int(length))
        // Never empty: a payload has at least its nonce and a tag.
        payload.withUnsafeMutableBytes { out in
            out.copyBytes(from: nonce.bytes)
            cipher.seal(plaintext, first: 0, endsPayload: true, into: out.baseAddress! + Envelope.nonceSize)
        }
        return payload
    }
}
