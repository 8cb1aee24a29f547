import Sealing
import Testing

@Suite struct HeaderTests {
    @Test func aHybridHeaderOpensForEachRecipientAndNobodyElse() throws {
        let first = try HybridIdentity.generate()
        let second = try HybridIdentity.generate()
        let key = try FileKey.random()
        let header = try Header.seal(key, to: [.hybrid(first.recipient), .hybrid(second.recipient)])
        #expect(try Header(parsing: header.bytes) == header)
        let opensForFirst = try header.open(with: first).isEqual(to: key)
        #expect(opensForFirst)
        let opensForSecond = try header.open(with: second).isEqual(to: key)
        #expect(opensForSecond)
        let stranger = try HybridIdentity.generate()
        #expect(throws: SealingError.noIdentityMatches) { _ = try header.open(with: stranger) }
    }

    @Test func theWriterRefusesToMixHybridAndClassicalRecipients() throws {
        let hybrid = try HybridIdentity.generate()
        let classical = try X25519Identity.generate()
        let key = try FileKey.random()
        #expect(throws: SealingError.recipientsInvalid("hybrid and classical recipients do not go into one file")) {
            try Header.seal(key, to: [.hybrid(hybrid.recipient), .x25519(classical.recipient)])
        }
        #expect(throws: SealingError.recipientsInvalid("none given")) { try Header.seal(key, to: []) }
        #expect(throws: SealingError.recipientsInvalid("more than 20")) {
            try Header.seal(key, to: [Recipient](repeating: .hybrid(hybrid.recipient), count: 21))
        }
    }

    @Test func theVaultsOwnReaderTakesHybridStanzasAlone() throws {
        let hybrid = try HybridIdentity.generate()
        let classical = try X25519Identity.generate()
        let key = try FileKey.random()
        let header = try Header.seal(key, to: [.hybrid(hybrid.recipient)])
        let other = try Header.seal(key, to: [.x25519(classical.recipient)])
        let both = Header(assembling: header.stanzas + other.stanzas, fileKey: key)
        let greased = Header(
            assembling: header.stanzas + [Stanza(type: "unknown", arguments: [], body: [])], fileKey: key)
        for header in [other, both, greased] {
            #expect(throws: SealingError.headerInvalid("a stanza that is not hybrid")) {
                _ = try header.open(with: hybrid)
            }
        }
        let identity = InterchangeIdentity.hybrid(hybrid)
        let opensForInterchange = try both.openForInterchange(with: identity).isEqual(to: key)
        #expect(opensForInterchange)
    }

    @Test func aHeaderWithAnotherKeysMACIsRefused() throws {
        let identity = try HybridIdentity.generate()
        let header = try Header.seal(FileKey.random(), to: [.hybrid(identity.recipient)])
        let forged = Header(assembling: header.stanzas, fileKey: try FileKey.random())
        #expect(throws: SealingError.macMismatch) { _ = try forged.open(with: identity) }
    }

    @Test func nothingFollowsAHeaderThatIsTakenWhole() throws {
        let identity = try HybridIdentity.generate()
        let header = try Header.seal(FileKey.random(), to: [.hybrid(identity.recipient)])
        #expect(throws: SealingError.headerInvalid("bytes after the header")) {
            try Header(parsing: header.bytes + [10])
        }
        let (parsed, count) = try (header.bytes + [1, 2, 3]).withUnsafeBytes { try Header.parsePrefix(of: $0) }
        #expect(parsed == header && count == header.bytes.count)
    }

    @Test func recipientsAndIdentitiesReadBackFromTheirText() throws {
        let hybrid = try HybridIdentity.generate()
        #expect(hybrid.recipient.description.hasPrefix("age1pq1"))
        #expect(try Recipient(parsing: hybrid.recipient.description) == .hybrid(hybrid.recipient))
        #expect(try HybridIdentity(parsing: hybrid.exported()).recipient == hybrid.recipient)
        #expect(try HybridIdentity(seed: hybrid.seedCopy()).recipient == hybrid.recipient)
        let classical = try X25519Identity.generate()
        #expect(try Recipient(parsing: classical.recipient.description) == .x25519(classical.recipient))
        #expect(try X25519Identity(parsing: classical.exported()).recipient == classical.recipient)
        let text = classical.recipient.description
        for bad in [
            "", "age1", "age1pq1", text + "q", text.dropLast() + "b", "Age" + text.dropFirst(3),
            "bge" + text.dropFirst(3),
        ] {
            #expect(throws: SealingError.self) { try Recipient(parsing: bad) }
        }
        #expect(throws: SealingError.self) { try HybridRecipient(rawRepresentation: [1, 2, 3]) }
        #expect(throws: SealingError.self) { _ = try HybridIdentity(seed: SecretBytes(zeroed: 31)) }
    }
}
