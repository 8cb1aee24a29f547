import Sealing
import Testing

@Suite struct KeyboxTests {
    // Far below any policy: what is tested here is the box, not the hashing.
    private let light = PasswordHashing(memoryBytes: 1 << 20, passes: 1)
    private var bounds: PasswordHashing.Bounds {
        PasswordHashing.Bounds(minimum: light, maximum: PasswordHashing(memoryBytes: 1 << 22, passes: 3))
    }
    private let context = Array("vault and person".utf8)

    @Test func aKeyboxOpensWithPasswordServerSecretAndContextTogether() throws {
        let secrets = try SecretBytes.random(84)
        let password = try SecretBytes(copying: Array("four plain invented words".utf8))
        let server = try ServerSecret.random()
        let box = try Keybox.seal(secrets, password: password, serverSecret: server, hashing: light, context: context)
        #expect(box.count == 49 + 84 + 16)
        #expect(try Keybox.hashing(of: box) == light)
        let opened = try Keybox.open(box, password: password, serverSecret: server, bounds: bounds, context: context)
        let same = opened.isEqual(to: secrets)
        #expect(same)
        let wrong = try SecretBytes(copying: Array("four plain invented word".utf8))
        #expect(throws: SealingError.passwordOrKeyWrong) {
            _ = try Keybox.open(box, password: wrong, serverSecret: server, bounds: bounds, context: context)
        }
        let otherServer = try ServerSecret.random()
        #expect(throws: SealingError.passwordOrKeyWrong) {
            _ = try Keybox.open(box, password: password, serverSecret: otherServer, bounds: bounds, context: context)
        }
        #expect(throws: SealingError.passwordOrKeyWrong) {
            _ = try Keybox.open(box, password: password, serverSecret: server, bounds: bounds, context: context + [0])
        }
    }

    @Test func everyAlteredByteAndTruncationOfAKeyboxFails() throws {
        let password = try SecretBytes(copying: [1])
        let server = try ServerSecret.random()
        let box = try Keybox.seal(
            SecretBytes.random(32), password: password, serverSecret: server, hashing: light, context: context)
        for index in box.indices {
            var changed = box
            changed[index] ^= 1
            #expect(throws: SealingError.self) {
                _ = try Keybox.open(changed, password: password, serverSecret: server, bounds: bounds, context: context)
            }
        }
        for count in [0, 1, 48, 64, box.count - 1] {
            #expect(throws: SealingError.self) {
                _ = try Keybox.open(
                    Array(box[0..<count]), password: password, serverSecret: server, bounds: bounds, context: context)
            }
        }
    }

    @Test func parametersOutsideTheBoundsAreRefusedBeforeAnyHashing() throws {
        let password = try SecretBytes(copying: [1])
        let server = try ServerSecret.random()
        let box = try Keybox.seal(
            SecretBytes.random(32), password: password, serverSecret: server, hashing: light, context: context)
        var greedy = box
        greedy[1] = 0xff  // 4 TiB
        var lazy = box
        lazy[3] = 1  // 64 KiB
        var slow = box
        slow[5] = 0x7f
        for changed in [greedy, lazy, slow] {
            #expect(throws: SealingError.parametersOutOfBounds) {
                _ = try Keybox.open(changed, password: password, serverSecret: server, bounds: bounds, context: context)
            }
        }
        var version = box
        version[0] = 2
        #expect(throws: SealingError.keyboxInvalid) { try Keybox.hashing(of: version) }
        #expect(throws: SealingError.parametersOutOfBounds) {
            _ = try Keybox.seal(
                SecretBytes.random(32), password: password, serverSecret: server,
                hashing: PasswordHashing(memoryBytes: 5000, passes: 1), context: [])
        }
    }
}
