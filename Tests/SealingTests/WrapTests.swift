import Sealing
import Testing

@Suite struct WrapTests {
    private let context = Array("purpose vault object generation".utf8)

    @Test func aWrapOpensForItsHolderAndItsContextAlone() throws {
        let holder = try HybridIdentity.generate()
        let secret = try SecretBytes.random(32)
        let wrap = try Wrap.seal(secret, context: context, to: holder.recipient)
        #expect(wrap.count < 1800)
        let same = try Wrap.open(wrap, secretCount: 32, context: context, with: holder).isEqual(to: secret)
        #expect(same)
        for other in [[], context + [0], Array(context.dropLast()), Array(context.dropLast()) + [0]] {
            #expect(throws: SealingError.contextDiffers) {
                _ = try Wrap.open(wrap, secretCount: 32, context: other, with: holder)
            }
        }
        let stranger = try HybridIdentity.generate()
        #expect(throws: SealingError.noIdentityMatches) {
            _ = try Wrap.open(wrap, secretCount: 32, context: context, with: stranger)
        }
        #expect(throws: SealingError.self) {
            _ = try Wrap.open(Array(wrap.dropLast()), secretCount: 32, context: context, with: holder)
        }
        var changed = wrap
        changed[changed.count - 20] ^= 1
        #expect(throws: SealingError.payloadInvalid("the wrap's payload was altered")) {
            _ = try Wrap.open(changed, secretCount: 32, context: context, with: holder)
        }
    }

    @Test func aWrapIsAnOrdinaryAgeFile() throws {
        let holder = try HybridIdentity.generate()
        let secret = try SecretBytes.random(32)
        let wrap = try Wrap.seal(secret, context: context, to: holder.recipient)
        let identity = InterchangeIdentity.hybrid(try HybridIdentity(seed: holder.seedCopy()))
        #expect(try AgeFile.open(wrap, with: identity) == secret.withBytes { Array($0) } + context)
    }

    @Test func manyWrapsOpenIntoOneBlockInTheirOrder() throws {
        let holder = try HybridIdentity.generate()
        var wraps: [(wrap: [UInt8], context: [UInt8])] = []
        var keys: [[UInt8]] = []
        for index in 0..<9 {
            let key = try SecretBytes.random(32)
            keys.append(key.withBytes { Array($0) })
            let own = context + [UInt8(index)]
            wraps.append((try Wrap.seal(key, context: own, to: holder.recipient), own))
        }
        let block: KeyBlock<DetailPurpose> = try Wrap.openAll(wraps, with: holder)
        #expect(block.count == 9)
        for index in 0..<9 {
            #expect(block.withKey(at: index) { Array($0) } == keys[index])
            #expect(try block.key(at: index).withBytes { Array($0) } == keys[index])
        }
        let none: KeyBlock<DetailPurpose> = try Wrap.openAll([], with: holder)
        #expect(none.count == 0)
        wraps[6].context = context
        #expect(throws: SealingError.contextDiffers) {
            let _: KeyBlock<DetailPurpose> = try Wrap.openAll(wraps, with: holder)
        }
    }

    @Test func aRowOpensWithItsKeyItsIdAndItsAssociatedDataAlone() throws {
        let key = try DetailKey.random()
        let row = Randomness.bytes(16)
        let text = Array("an invented summary".utf8)
        let sealed = try SealedRow.seal(text, key: key, row: row, associatedData: [1, 2])
        #expect(sealed.count == text.count + SealedRow.overhead)
        #expect(try SealedRow.open(sealed, key: key, row: row, associatedData: [1, 2]) == text)
        let own = try SealedRow.key(of: row, from: key)
        #expect(try sealed.withUnsafeBytes { try SealedRow.open($0, rowKey: own, associatedData: [1, 2]) } == text)
        #expect(throws: SealingError.rowInvalid) {
            _ = try SealedRow.open(sealed, key: key, row: row, associatedData: [1, 3])
        }
        #expect(throws: SealingError.rowInvalid) {
            _ = try SealedRow.open(sealed, key: key, row: Randomness.bytes(16), associatedData: [1, 2])
        }
        let other = try DetailKey.random()
        #expect(throws: SealingError.rowInvalid) {
            _ = try SealedRow.open(sealed, key: other, row: row, associatedData: [1, 2])
        }
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 0x80
            #expect(throws: SealingError.rowInvalid) {
                _ = try SealedRow.open(changed, key: key, row: row, associatedData: [1, 2])
            }
        }
        for count in 0..<sealed.count {
            #expect(throws: SealingError.rowInvalid) {
                _ = try SealedRow.open(Array(sealed[0..<count]), key: key, row: row, associatedData: [1, 2])
            }
        }
        let empty = try SealedRow.seal([], key: key, row: row, associatedData: [])
        #expect(try SealedRow.open(empty, key: key, row: row, associatedData: []).isEmpty)
        #expect(try SealedRow.seal(text, key: key, row: row, associatedData: [1, 2]) != sealed)
    }

    @Test func sessionSecretsOpenWithTheSessionsKeyAlone() throws {
        let key = try SessionKey.random()
        let secret = try SecretBytes.random(100)
        let sealed = try SealedRow.seal(secret, session: key, associatedData: [7])
        let same = try SealedRow.open(sealed, session: key, associatedData: [7]).isEqual(to: secret)
        #expect(same)
        let other = try SessionKey.random()
        #expect(throws: SealingError.rowInvalid) { _ = try SealedRow.open(sealed, session: other, associatedData: [7]) }
        #expect(throws: SealingError.rowInvalid) { _ = try SealedRow.open(sealed, session: key, associatedData: [8]) }
    }
}
