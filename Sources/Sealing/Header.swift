/// An age v1 header (age-encryption.org/v1): the file key, sealed to each recipient, and a MAC under the file key.
///
/// Header ‖ payload is an ordinary age file. A header parses only if it is the one encoding of what it says, is at most
/// 64 KiB long and has at most 20 stanzas, a scrypt stanza alone.
public struct Header: Hashable, Sendable {
    /// The exact bytes.
    public let bytes: [UInt8]
    /// The recipients' parts, in order.
    public let stanzas: [Stanza]
    private let authenticatedCount: Int
    private let mac: [UInt8]

    /// Seals a file key to each recipient.
    ///
    /// Throws `.recipientsInvalid` for no recipient, more than 20, or hybrid and classical ones together: one classical
    /// recipient would undo what the hybrid ones give.
    public static func seal(_ fileKey: borrowing FileKey, to recipients: [Recipient]) throws(SealingError) -> Header {
        guard !recipients.isEmpty else { throw .recipientsInvalid("none given") }
        guard recipients.count <= HeaderParser.maximumStanzas else { throw .recipientsInvalid("more than 20") }
        guard recipients.allSatisfy({ $0.isPostQuantum == recipients[0].isPostQuantum }) else {
            throw .recipientsInvalid("hybrid and classical recipients do not go into one file")
        }
        var stanzas: [Stanza] = []
        for recipient in recipients {
            switch recipient {
            case .hybrid(let recipient): stanzas.append(try recipient.stanza(for: fileKey))
            case .x25519(let recipient): stanzas.append(try recipient.stanza(for: fileKey))
            }
        }
        return Header(assembling: stanzas, fileKey: fileKey)
    }

    /// Takes exactly one header; anything after it is an error.
    public init(parsing bytes: [UInt8]) throws(SealingError) {
        let (header, count) = try bytes.withBytes { raw throws(SealingError) in try Header.parsePrefix(of: raw) }
        guard count == bytes.count else { throw .headerInvalid("bytes after the header") }
        self = header
    }

    /// Takes the header at the beginning of the bytes, and says how many of them it is.
    public static func parsePrefix(
        of bytes: UnsafeRawBufferPointer
    ) throws(SealingError) -> (header: Header, count: Int) {
        let input = bytes.bindMemory(to: UInt8.self)
        var parser = HeaderParser(input)
        let result = try parser.parse()
        let header = Header(
            bytes: Array(input[0..<result.count]), stanzas: result.stanzas,
            authenticatedCount: result.authenticated, mac: result.mac)
        return (header, result.count)
    }

    /// Unwraps the file key, and checks the MAC with it: the vault's own reader.
    ///
    /// Takes a header of hybrid stanzas alone. Throws `.headerInvalid` for any other, `.noIdentityMatches`, or
    /// `.macMismatch`.
    public func open(with identity: borrowing HybridIdentity) throws(SealingError) -> FileKey {
        let key = try identity.withOpener { opener throws(SealingError) in try openedKey(with: opener) }
        return key
    }

    func openedKey(with opener: borrowing HybridOpener) throws(SealingError) -> FileKey {
        var secret = try SecretBytes(zeroed: FilePurpose.byteCount)
        try secret.withMutableBytes { out throws(SealingError) in try openKey(with: opener, into: out) }
        return try FileKey(secret)
    }

    /// The same into 16 bytes of the caller's, for opening many wraps without a guarded block for each file key.
    func openKey(with opener: borrowing HybridOpener, into key: UnsafeMutableRawBufferPointer) throws(SealingError) {
        guard stanzas.allSatisfy({ $0.type == HybridRecipient.stanzaType }) else {
            throw .headerInvalid("a stanza that is not hybrid")
        }
        for stanza in stanzas where try opener.open(stanza, into: key) {
            return try authenticate(with: UnsafeRawBufferPointer(key))
        }
        throw .noIdentityMatches
    }

    /// Throws `.macMismatch` unless the MAC is the one this file key gives.
    func authenticate(with fileKey: borrowing FileKey) throws(SealingError) {
        try fileKey.withBytes { key throws(SealingError) in try authenticate(with: key) }
    }

    private func authenticate(with fileKey: UnsafeRawBufferPointer) throws(SealingError) {
        let expected = bytes.withBytes { raw in
            Header.mac(over: UnsafeRawBufferPointer(rebasing: raw[0..<authenticatedCount]), fileKey)
        }
        guard equalInConstantTime(expected, mac) else { throw .macMismatch }
    }

    package init(assembling stanzas: [Stanza], fileKey: borrowing FileKey) {
        var bytes = HeaderParser.intro
        for stanza in stanzas { bytes += stanza.bytes }
        bytes += Array("---".utf8)
        let count = bytes.count
        let mac = fileKey.withBytes { key in bytes.withBytes { Header.mac(over: $0, key) } }
        bytes += [UInt8(ascii: " ")] + Base64.encode(mac) + [UInt8(ascii: "\n")]
        self.init(bytes: bytes, stanzas: stanzas, authenticatedCount: count, mac: mac)
    }

    private init(bytes: [UInt8], stanzas: [Stanza], authenticatedCount: Int, mac: [UInt8]) {
        self.bytes = bytes
        self.stanzas = stanzas
        self.authenticatedCount = authenticatedCount
        self.mac = mac
    }

    package static func mac(over bytes: UnsafeRawBufferPointer, _ fileKey: UnsafeRawBufferPointer) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 32)
        withWipedBytes(32) { macKey in
            HKDFSHA256.derive(from: fileKey, salt: [], info: Array("header".utf8), into: macKey)
            out.withUnsafeMutableBytes {
                HMACSHA256.authenticate(bytes, key: UnsafeRawBufferPointer(macKey), into: $0)
            }
        }
        return out
    }

    /// The header encoded again from its parts, which is the same bytes for whatever parsed.
    package var reencoded: [UInt8] {
        var out = HeaderParser.intro
        for stanza in stanzas { out += stanza.bytes }
        return out + Array("--- ".utf8) + Base64.encode(mac) + [UInt8(ascii: "\n")]
    }
}
