import Glibc
import Sealing
import Testing

@Suite struct SecretTests {
    @Test func secretsHoldCopyAndCompareTheirBytes() throws {
        var secret = try SecretBytes(copying: [1, 2, 3])
        let copy = try secret.copy()
        let copied = secret.isEqual(to: copy) && secret.count == 3
        #expect(copied)
        secret.withMutableBytes { $0[0] = 9 }
        let differs = !secret.isEqual(to: copy)
        #expect(differs)
        #expect(secret.withBytes { Array($0) } == [9, 2, 3])
        #expect(try SecretBytes(zeroed: 4).withBytes { Array($0) } == [0, 0, 0, 0])
        #expect(try SecretBytes(zeroed: 0).count == 0)
        let random = !(try SecretBytes.random(32).isEqual(to: SecretBytes.random(32)))
        #expect(random)
    }

    @Test func theMemoryOfASecretIsLocked() throws {
        func locked() throws -> Int {
            let file = try #require(fopen("/proc/self/status", "r"))
            defer { fclose(file) }
            var line = [CChar](repeating: 0, count: 256)
            while fgets(&line, 256, file) != nil {
                let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                if text.hasPrefix("VmLck:") { return Int(text.filter(\.isNumber)) ?? 0 }
            }
            return 0
        }
        let before = try locked()
        let secret = try SecretBytes.random(1 << 20)
        #expect(try locked() >= before + 1000)
        #expect(secret.count == 1 << 20)
    }

    @Test func aKeyHasTheLengthOfItsPurpose() throws {
        #expect(throws: SealingError.sizeWrong(expected: 16, actual: 32)) { _ = try FileKey(SecretBytes(zeroed: 32)) }
        #expect(throws: SealingError.sizeWrong(expected: 32, actual: 16)) { _ = try DetailKey(SecretBytes(zeroed: 16)) }
        let key = try TagKey.random()
        let equal = try TagKey(key.secretCopy()).isEqual(to: key)
        #expect(equal)
    }

    @Test func digestsReadBackAndOrderAsTheirBytes() throws {
        let empty = sha256([UInt8]())
        #expect(empty.hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(Digest(hex: empty.hex) == empty && Digest(empty.bytes) == empty)
        #expect(Digest(hex: empty.hex.uppercased()) == nil && Digest(hex: "e3") == nil && Digest([1, 2]) == nil)
        var hasher = SHA256Hasher()
        hasher.update([0x61])
        #expect(hasher.digestSoFar() == sha256([0x61]))
        hasher.update([0x62, 0x63])
        #expect(hasher.finish().hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        var low = [UInt8](repeating: 0, count: 32)
        var high = low
        low[31] = 255
        high[0] = 1
        #expect(try #require(Digest(low)) < #require(Digest(high)))
    }

    @Test func keyedHashesAreBLAKE2bOverLabelZeroAndContext() throws {
        let key = try TagKey(SecretBytes(copying: Array(0..<32)))
        // hashlib.blake2b(b"abc", digest_size=32, key=bytes(range(32)))
        #expect(Hex.encode(KeyedHash.tag(Array("abc".utf8), key: key)) == SecretTests.tagOfABC)
        let derived: DetailKey = try KeyedHash.derive(key, label: "strongroom/v1/row", context: [1, 2, 3])
        // hashlib.blake2b(b"strongroom/v1/row\0\1\2\3", digest_size=32, key=bytes(range(32)))
        #expect(Hex.encode(derived.withBytes { Array($0) }) == SecretTests.derivedRow)
        let other: DetailKey = try KeyedHash.derive(key, label: "strongroom/v1/row", context: [1, 2, 4])
        let derivedAlike = !other.isEqual(to: derived)
        #expect(derivedAlike)
    }

    @Test func commitmentsAreWhatFormatSays() throws {
        // hashlib.sha256(b"strongroom/v1/field\0summary\0" + bytes(32) + b"text")
        let field = fieldCommitment(name: "summary", salt: [UInt8](repeating: 0, count: 32), value: Array("text".utf8))
        #expect(field.hex == SecretTests.fieldOfText)
        let nonce = try #require(PayloadNonce(Array(0..<16)))
        let key = try FileKey(SecretBytes(copying: Array(100..<116)))
        // HKDF(SHA256, 32, salt=bytes(range(16)), info=b"strongroom/v1/document" + bytes(16)).derive(bytes(range(100, 116)))
        #expect(
            keyCommitment(key, nonce: nonce, document: [UInt8](repeating: 0, count: 16)).hex
                == SecretTests.keyOfDocument)
        #expect(
            keyCommitment(key, nonce: nonce, document: [UInt8](repeating: 1, count: 16)).hex
                != SecretTests.keyOfDocument)
    }

    @Test func signaturesAreEd25519AndDeterministic() throws {
        // RFC 8032, 7.1, test 2.
        let seed = try #require(Hex.decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
        let key = try SigningKey(seed: SecretBytes(copying: seed))
        #expect(
            Hex.encode(key.verifyingKey.rawRepresentation)
                == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
        let signature = key.signature(for: [0x72])
        #expect(
            Hex.encode(signature)
                == "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
        #expect(key.verifyingKey.isValid(signature, for: [0x72]))
        #expect(!key.verifyingKey.isValid(signature, for: [0x73]))
        #expect(!key.verifyingKey.isValid(Array(signature.dropLast()), for: [0x72]))
        #expect(try key.seedCopy().withBytes { Array($0) } == seed)
        #expect(VerifyingKey(rawRepresentation: [1]) == nil)
        // A small-order public key signs for nobody.
        let small = try #require(VerifyingKey(rawRepresentation: [1] + [UInt8](repeating: 0, count: 31)))
        #expect(!small.isValid([1] + [UInt8](repeating: 0, count: 63), for: [0x72]))
    }

    @Test func authenticatorCodesAreThoseOfRFC6238() throws {
        let secret = try SecretBytes(copying: Array("12345678901234567890".utf8))
        #expect(OneTimeCode.code(secret: secret, step: 59 / 30) == "287082")
        #expect(OneTimeCode.code(secret: secret, step: 1_111_111_109 / 30) == "081804")
        #expect(OneTimeCode.code(secret: secret, step: 20_000_000_000 / 30) == "353130")
    }

    @Test func coreDumpsCanBeSwitchedOff() {
        #expect(ProcessHardening.disableCoreDumps())
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
        #expect(limit.rlim_cur == 0)
    }

    @Test func constantTimeComparisonComparesAllBytes() {
        #expect(equalInConstantTime([1, 2], [1, 2]) && equalInConstantTime([], []))
        #expect(!equalInConstantTime([1, 2], [1, 3]) && !equalInConstantTime([1], [1, 2]))
    }
}

extension SecretTests {
    // Made with Python's hashlib and cryptography.
    static let tagOfABC = "d63a32d3e44738d7907f964316c241adaba0abfeabc32349677578a15a203f7f"
    static let derivedRow = "1b4b7b6f4fb890579c3cb0fdf22c19c5981736b0708ebf87f1b86325a4705734"
    static let fieldOfText = "d5cff38dbb8099c65d84ee962a7f1cdb45aa79f1a8c38ba0adaa144c992b1157"
    static let keyOfDocument = "a07e2c92a37df6f65d5dbe4bb88f08f5cedbac06058c0e6ff7f677ea88b1e58f"
}
