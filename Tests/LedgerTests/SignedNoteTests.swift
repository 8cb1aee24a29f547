import Ledger
import Sealing
import Testing

private struct TestKeys: ~Copyable {
    let ledger: SigningKey
    let cosigner: SigningKey
    let origin: String
    let cosignerName: String
    let vkey: String
    let cosignerVkey: String

    static func fromVectors() throws -> TestKeys {
        let vectors = try Fixtures.value("ledger.json")
        let ledger = try vectors.member("ledger_key")
        let cosigner = try vectors.member("cosigner")
        // All that may be missing is read before the keys are made, which cannot be copied or left half made.
        let origin = try vectors.text("origin")
        let (cosignerName, vkey, cosignerVkey) = try (cosigner.text("name"), ledger.text("vkey"), cosigner.text("vkey"))
        let seeds = try (ledger.hexadecimal("seed"), cosigner.hexadecimal("seed"))
        return TestKeys(
            ledger: try signingKey(seed: seeds.0), cosigner: try signingKey(seed: seeds.1), origin: origin,
            cosignerName: cosignerName, vkey: vkey, cosignerVkey: cosignerVkey)
    }
}

@Suite("A signed note")
struct SignedNoteTests {
    @Test("by another program verifies, and reads back byte for byte")
    func otherProgram() throws {
        let encoded = try Fixtures.text("other.note")
        let verifier = try NoteVerifier(parsing: Fixtures.value("ledger.json").member("other").text("vkey"))
        #expect(verifier.name == "PeterNeumann" && verifier.keyID == 0xC74F_20A3)
        let note = try SignedNote(parsing: encoded)
        #expect(note.encoded == encoded)
        #expect(try note.verified(by: [verifier]).signers == [verifier])
        var changed = bytes(encoded)
        changed[0] ^= 0x20
        let tampered = try SignedNote(parsing: changed)
        #expect(throws: LedgerError.signatureFalse(keyName: "PeterNeumann")) { try tampered.verified(by: [verifier]) }
    }

    @Test("is made byte for byte as in the vectors, with a second signature too")
    func vectors() throws {
        let keys = try TestKeys.fromVectors()
        let plain = try Fixtures.text("checkpoint.note")
        var note = try SignedNote.sign(
            text: SignedNote(parsing: plain).text, name: keys.origin, key: keys.ledger)
        #expect(bytes(note.encoded) == bytes(plain))
        try note.addSignature(name: keys.cosignerName, key: keys.cosigner)
        let cosigned = try Fixtures.text("checkpoint-cosigned.note")
        #expect(bytes(note.encoded) == bytes(cosigned))
        #expect(try SignedNote(parsing: cosigned) == note)
        let verifiers = [try NoteVerifier(parsing: keys.cosignerVkey), try NoteVerifier(parsing: keys.vkey)]
        #expect(try note.verified(by: verifiers).signers.map(\.name) == [keys.origin, keys.cosignerName])
    }

    @Test("that cannot be read is refused, each for its own fault")
    func refused() throws {
        let vectors = try Fixtures.refused("note")
        #expect(vectors.count >= 30)
        for vector in vectors {
            let fault = try #require(NoteFault(rawValue: vector.fault), "\(vector.name)")
            #expect(throws: LedgerError.malformedNote(fault), "\(vector.name)") {
                try SignedNote(parsing: vector.bytes)
            }
        }
        #expect(throws: LedgerError.malformedNote(.tooLarge)) {
            try SignedNote(parsing: [UInt8](repeating: 0x61, count: SignedNote.maximumByteCount + 1))
        }
    }

    @Test("is believed only if a known key signed, and no known key's signature is false")
    func trust() throws {
        let key = try SigningKey.generate()
        let other = try SigningKey.generate()
        let verifier = try NoteVerifier(name: "a.example/x", verifyingKey: key.verifyingKey)
        let note = try SignedNote.sign(text: "text\n", name: "a.example/x", key: key)
        let signature = note.signatures[0]

        #expect(throws: LedgerError.noKnownSignature) { try note.verified(by: []) }
        // The name alone, or the id alone, makes no key known.
        let sameName = try NoteVerifier(name: "a.example/x", verifyingKey: other.verifyingKey)
        #expect(throws: LedgerError.noKnownSignature) { try note.verified(by: [sameName]) }
        let sameKey = try NoteVerifier(name: "b.example/x", verifyingKey: key.verifyingKey)
        #expect(throws: LedgerError.noKnownSignature) { try note.verified(by: [sameKey]) }

        var withUnknown = note
        withUnknown.add(try NoteSignature(keyName: "a.example/x", keyID: 1, signature: [1]))
        withUnknown.add(try NoteSignature(keyName: "c.example", keyID: verifier.keyID, signature: signature.signature))
        #expect(try withUnknown.verified(by: [verifier, sameName]).signers == [verifier])

        var withFalse = withUnknown
        withFalse.add(
            try NoteSignature(
                keyName: "a.example/x", keyID: verifier.keyID, signature: [UInt8](repeating: 0, count: 64)))
        #expect(throws: LedgerError.signatureFalse(keyName: "a.example/x")) { try withFalse.verified(by: [verifier]) }
        for wrong in [[], signature.signature.dropLast(), signature.signature + [0]] as [[UInt8]] where !wrong.isEmpty {
            var short = try SignedNote.sign(text: "text\n", name: "d.example", key: other)
            short.add(try NoteSignature(keyName: "a.example/x", keyID: verifier.keyID, signature: wrong))
            #expect(throws: LedgerError.signatureFalse(keyName: "a.example/x")) { try short.verified(by: [verifier]) }
        }

        // Twice the same signature is one signer.
        var twice = note
        twice.add(signature)
        #expect(try twice.verified(by: [verifier]).signers == [verifier])
    }

    @Test("keeps text with empty lines and lines like signatures, up to the last empty line")
    func texts() throws {
        let key = try SigningKey.generate()
        for text in [
            "\n", "\n\n\n", "a\n\nb\n", "a\n\n\u{2014} a.example AAAAAAAA\n", "\u{E9} \u{FEFF}\u{200B}\n", "— \n",
        ] {
            let note = try SignedNote.sign(text: text, name: "a.example", key: key)
            let read = try SignedNote(parsing: note.encoded)
            #expect(Array(read.text.utf8) == bytes(text) && read == note)
        }
    }

    @Test("is not made of text without a final newline or with control characters, nor under a bad name")
    func notMade() throws {
        let key = try SigningKey.generate()
        for (text, fault) in [
            ("", NoteFault.textWithoutFinalNewline), ("a", .textWithoutFinalNewline),
            ("a\r\n", .controlCharacter), ("\u{0}\n", .controlCharacter), ("a\tb\n", .controlCharacter),
        ] {
            do throws(LedgerError) {
                _ = try SignedNote.sign(text: text, name: "a.example", key: key)
                Issue.record("made of \(text.debugDescription)")
            } catch { #expect(error == .malformedNote(fault)) }
        }
        for name in ["", "a b", "a+b", "a\nb", "a\u{A0}b", "a\u{2003}b", "a\u{1}b"] {
            #expect(throws: LedgerError.keyNameInvalid) { try NoteVerifier(name: name, verifyingKey: key.verifyingKey) }
        }
    }

    @Test("differs from one that only looks the same")
    func lookAlike() throws {
        let key = try SigningKey.generate()
        let composed = try SignedNote.sign(text: "\u{E9}\n", name: "a.example", key: key)
        let decomposed = try SignedNote.sign(text: "e\u{301}\n", name: "a.example", key: key)
        #expect(composed != decomposed)
    }

    @Test("with any byte of it changed is refused, or not believed")
    func everyByte() throws {
        let keys = try TestKeys.fromVectors()
        let encoded = try Fixtures.bytes("checkpoint.note")
        let verifier = try NoteVerifier(parsing: keys.vkey)
        for place in encoded.indices {
            for bit in 0..<8 as Range<UInt8> {
                var changed = encoded
                changed[place] ^= 1 << bit
                #expect(throws: LedgerError.self, "byte \(place)") {
                    try SignedNote(parsing: changed).verified(by: [verifier])
                }
            }
        }
    }
}

@Suite("A verifier key")
struct NoteVerifierTests {
    @Test("is written and read as name, hash and key")
    func roundTrip() throws {
        let keys = try TestKeys.fromVectors()
        let verifier = try NoteVerifier(name: keys.origin, verifyingKey: keys.ledger.verifyingKey)
        #expect(verifier.vkey == keys.vkey)
        #expect(try NoteVerifier(parsing: keys.vkey) == verifier)
    }

    @Test("keeps the zeros of its hash")
    func leadingZeros() throws {
        // Some name among these gives a hash that begins with a zero digit.
        let key = try SigningKey.generate()
        var seen = false
        for number in 0..<400 {
            let verifier = try NoteVerifier(name: "n\(number)", verifyingKey: key.verifyingKey)
            seen = seen || verifier.keyID < 1 << 28
            #expect(try NoteVerifier(parsing: verifier.vkey) == verifier)
        }
        #expect(seen)
    }

    @Test("in any other form is refused")
    func refused() throws {
        let keys = try TestKeys.fromVectors()
        let parts = keys.vkey.split(separator: "+", maxSplits: 2).map(String.init)
        let (name, hash, key) = (parts[0], parts[1], parts[2])
        for (text, fault) in [
            ("", VerifierKeyFault.parts), (name, .parts), ("\(name)+\(hash)", .parts),
            ("+\(hash)+\(key)", .name), ("a b+\(hash)+\(key)", .name),
            ("\(name)+ABCDEF01+\(key)", .keyID), ("\(name)+\(hash)0+\(key)", .keyID),
            ("\(name)+0x\(hash.dropFirst(2))+\(key)", .keyID), ("\(name)++\(key)", .keyID),
            ("\(name)+\(hash)+\(key) ", .base64), ("\(name)+\(hash)+\(key.dropLast())", .base64),
            ("\(name)+\(hash)+\n\(key)", .base64),
            ("\(name)+\(hash)+", .unknownAlgorithm), ("\(name)+\(hash)+Ag\(key.dropFirst(2))", .unknownAlgorithm),
            ("\(name)+\(hash)+AQ==", .keyLength), ("\(name)+\(hash)+\(key.dropLast(4))", .keyLength),
            ("\(name)x+\(hash)+\(key)", .keyIDDiffers), ("\(name)+00000000+\(key)", .keyIDDiffers),
        ] {
            #expect(throws: LedgerError.malformedVerifierKey(fault), "\(text)") { try NoteVerifier(parsing: text) }
        }
    }
}

@Suite("A checkpoint")
struct CheckpointTests {
    @Test("is written, signed and read byte for byte as in the vectors")
    func vectors() throws {
        let keys = try TestKeys.fromVectors()
        let vector = try Fixtures.value("ledger.json").member("checkpoint")
        let root = try #require(Digest(hex: vector.text("root")))
        let checkpoint = try Checkpoint(origin: keys.origin, size: vector.number("size"), root: root)
        let encoded = try Fixtures.bytes("checkpoint.note")
        #expect(try bytes(checkpoint.signed(by: keys.ledger).encoded) == encoded)
        let verified = try SignedNote(parsing: encoded).verified(by: [NoteVerifier(parsing: keys.vkey)])
        #expect(try Checkpoint(verified, origin: keys.origin) == checkpoint)
        #expect(throws: LedgerError.malformedCheckpoint(.originDiffers)) {
            try Checkpoint(verified, origin: "other.example")
        }
        let empty = try Checkpoint(parsing: SignedNote(parsing: Fixtures.text("checkpoint-empty.note")).text)
        #expect(empty.size == 0 && empty.root == MerkleTree().root)
    }

    @Test("keeps extension lines, origins of any text, and the largest size")
    func unusual() throws {
        let root = leafHash([])
        for (origin, size, extensions) in [
            ("an origin with spaces + \u{E9}", 1, []), ("o", UInt64.max, ["one", " two "]), ("o", 10, ["x"]),
        ] as [(String, UInt64, [String])] {
            let checkpoint = try Checkpoint(origin: origin, size: size, root: root, extensions: extensions)
            let read = try Checkpoint(parsing: checkpoint.text)
            #expect(read == checkpoint && read.extensions == extensions && read.size == size)
        }
    }

    @Test("that cannot be read is refused, each for its own fault")
    func refused() throws {
        let vectors = try Fixtures.refused("checkpoint")
        #expect(vectors.count >= 20)
        for vector in vectors {
            let fault = try #require(CheckpointFault(rawValue: vector.fault), "\(vector.name)")
            #expect(throws: LedgerError.malformedCheckpoint(fault), "\(vector.name)") {
                try Checkpoint(parsing: String(decoding: vector.bytes, as: UTF8.self))
            }
        }
    }
}

@Suite("A tlog-proof")
struct TlogProofTests {
    private func leaf(_ index: Int) throws -> [UInt8] {
        try Fixtures.value("ledger.json").elements("statements")[index].hexadecimal("leaf")
    }

    @Test("is read, verified and written byte for byte as in the vectors")
    func vectors() throws {
        let keys = try TestKeys.fromVectors()
        let verifiers = [try NoteVerifier(parsing: keys.vkey)]
        for (name, index, extra) in [
            ("statement-5", 5, ""), ("statement-5-extra", 5, "strongroom"), ("statement-0-alone", 0, ""),
        ] {
            let encoded = try Fixtures.bytes("\(name).tlog-proof")
            let proof = try TlogProof(parsing: encoded)
            #expect(bytes(proof.encoded) == encoded)
            #expect(proof.index == index && proof.extra == bytes(extra))
            let checkpoint = try proof.verified(leaf: leaf(index), origin: keys.origin, verifiers: verifiers)
            #expect(checkpoint.origin == keys.origin)
            #expect(throws: LedgerError.proofFalse) {
                try proof.verified(leaf: leaf(index + 1), origin: keys.origin, verifiers: verifiers)
            }
            #expect(throws: LedgerError.noKnownSignature) {
                try proof.verified(leaf: leaf(index), origin: keys.origin, verifiers: [])
            }
            #expect(throws: LedgerError.malformedCheckpoint(.originDiffers)) {
                try proof.verified(leaf: leaf(index), origin: "other.example", verifiers: verifiers)
            }
        }
    }

    @Test("is made as in the vectors")
    func made() throws {
        let vector = try Fixtures.value("ledger.json").member("proof")
        let checkpoint = try SignedNote(parsing: Fixtures.text("checkpoint.note"))
        let proof = try TlogProof(
            index: vector.number("index"), path: vector.digests("path"), checkpoint: checkpoint,
            extra: vector.hexadecimal("extra"))
        #expect(try bytes(proof.encoded) == Fixtures.bytes("statement-5-extra.tlog-proof"))
        #expect(throws: LedgerError.malformedProof(.tooManyHashes)) {
            try TlogProof(
                index: 0, path: Array(repeating: leafHash([]), count: 65), checkpoint: checkpoint)
        }
    }

    @Test("that cannot be read is refused, each for its own fault")
    func refused() throws {
        let vectors = try Fixtures.refused("tlog-proof")
        #expect(vectors.count >= 20)
        for vector in vectors {
            let fault = try #require(ProofFault(rawValue: vector.fault), "\(vector.name)")
            #expect(throws: LedgerError.malformedProof(fault), "\(vector.name)") {
                try TlogProof(parsing: vector.bytes)
            }
        }
    }

    @Test("with any byte of it changed is refused or false, but for the extra data, which nothing vouches for")
    func everyByte() throws {
        let keys = try TestKeys.fromVectors()
        let verifiers = [try NoteVerifier(parsing: keys.vkey)]
        let encoded = try Fixtures.bytes("statement-5-extra.tlog-proof")
        let leaf = try leaf(5)
        let extra = 29..<45
        #expect(String(decoding: encoded[extra], as: UTF8.self) == "c3Ryb25ncm9vbQ==")
        for place in encoded.indices where !extra.contains(place) {
            var changed = encoded
            changed[place] ^= 1
            #expect(throws: LedgerError.self, "byte \(place)") {
                try TlogProof(parsing: changed).verified(leaf: leaf, origin: keys.origin, verifiers: verifiers)
            }
        }
    }
}
