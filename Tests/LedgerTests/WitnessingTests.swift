import Ledger
import Sealing
import Testing

private struct Known {
    let note: SignedNote
    let cosigner: Cosigner
    let ledger: NoteVerifier
    let time: UInt64
    let name: String
    let seed: [UInt8]

    init() throws {
        let vectors = try Fixtures.value("ledger.json")
        let witness = try vectors.member("witness")
        note = try SignedNote(parsing: Fixtures.bytes("checkpoint-witnessed.note"))
        cosigner = try Cosigner(parsing: witness.text("vkey"))
        ledger = try NoteVerifier(parsing: vectors.member("ledger_key").text("vkey"))
        (time, name, seed) = try (witness.number("time"), witness.text("name"), witness.hexadecimal("seed"))
    }

    var checkpoint: Checkpoint {
        get throws { try Checkpoint(parsing: note.text) }
    }
}

@Suite("A cosignature")
struct CosignatureTests {
    @Test("is made byte for byte as Python's standard library makes it, and is verified")
    func vectors() throws {
        let known = try Known()
        let key = try signingKey(seed: known.seed)
        let made = try Cosignature.make(known.checkpoint, at: known.time, name: known.name, key: key)
        #expect(made.signature == known.note.signatures[1] && made.signature.signature.count == 72)
        let read = try Cosignature(verifying: known.note.signatures[1], of: known.note.text, by: known.cosigner)
        #expect(read == made && read.time == known.time)
        #expect(try known.note.cosignatures(by: [known.cosigner]) == [made])
        var note = try SignedNote(parsing: Fixtures.bytes("checkpoint.note"))
        note.add(made.signature)
        #expect(try bytes(note.encoded) == Fixtures.bytes("checkpoint-witnessed.note"))
        // The ledger's own signature stands beside it as before.
        #expect(try note.verified(by: [known.ledger]).signers == [known.ledger])
    }

    @Test("has a key that is told from a ledger's by its type alone")
    func keys() throws {
        let known = try Known()
        #expect(known.cosigner.vkey == (try Fixtures.value("ledger.json").member("witness").text("vkey")))
        let plain = try NoteVerifier(name: known.name, verifyingKey: known.cosigner.verifyingKey)
        #expect(plain.keyID != known.cosigner.keyID)
        #expect(throws: LedgerError.malformedVerifierKey(.unknownAlgorithm)) { try Cosigner(parsing: plain.vkey) }
        #expect(throws: LedgerError.malformedVerifierKey(.unknownAlgorithm)) {
            try NoteVerifier(parsing: known.cosigner.vkey)
        }
        #expect(throws: LedgerError.noKnownSignature) { try known.note.verified(by: [plain]) }
    }

    @Test("holds for its checkpoint, time and key, and for nothing else")
    func others() throws {
        let known = try Known()
        let line = known.note.signatures[1]
        func changed(_ place: Int) throws -> NoteSignature {
            var bytes = line.signature
            bytes[place] ^= 1
            return try NoteSignature(keyName: line.keyName, keyID: line.keyID, signature: bytes)
        }
        for place in line.signature.indices {
            #expect(throws: LedgerError.signatureFalse(keyName: known.name), "byte \(place)") {
                try Cosignature(verifying: changed(place), of: known.note.text, by: known.cosigner)
            }
        }
        for text in [known.note.text + "x\n", String(known.note.text.dropLast()), ""] {
            #expect(throws: LedgerError.signatureFalse(keyName: known.name)) {
                try Cosignature(verifying: line, of: text, by: known.cosigner)
            }
        }
        let short = try NoteSignature(
            keyName: line.keyName, keyID: line.keyID, signature: Array(line.signature.dropFirst(8)))
        #expect(throws: LedgerError.signatureFalse(keyName: known.name)) {
            try Cosignature(verifying: short, of: known.note.text, by: known.cosigner)
        }
        let other = try Cosigner(name: known.name, verifyingKey: SigningKey.generate().verifyingKey)
        #expect(throws: LedgerError.otherCosigner) {
            try Cosignature(verifying: line, of: known.note.text, by: other)
        }
        #expect(try known.note.cosignatures(by: [other]).isEmpty)
    }
}

@Suite("A witness")
struct WitnessingTests {
    private let leaves = (0..<40).map { leafHash([UInt8($0)]) }

    private func tree(_ size: Int, fork: Int? = nil) -> (root: Digest, nodes: [NodePosition: Digest]) {
        var (tree, nodes) = (MerkleTree(), [NodePosition: Digest]())
        for place in 0..<size {
            let leaf = place == fork ? leafHash([255]) : leaves[place]
            for node in tree.append(leaf) { nodes[node.position] = node.hash }
        }
        return (tree.root, nodes)
    }

    private struct Missing: Error {}

    private func request(
        old: UInt64, size: Int, fork: Int? = nil, origin: String = "vault.example/x", key: borrowing SigningKey
    ) throws -> WitnessRequest {
        let (root, nodes) = tree(size, fork: fork)
        let proof =
            old > UInt64(size)
            ? []
            : try Proofs.consistency(from: old, to: UInt64(size)) { level, index in
                guard let node = nodes[NodePosition(level: level, index: index)] else { throw Missing() }
                return node
            }
        return try WitnessRequest(
            old: old, proof: proof,
            checkpoint: Checkpoint(origin: origin, size: UInt64(size), root: root).signed(by: key))
    }

    @Test("is asked byte for byte as C2SP has it")
    func format() throws {
        let bytes = try Fixtures.bytes("witness-request.txt")
        let request = try WitnessRequest(parsing: bytes)
        #expect(Array(request.encoded.utf8) == bytes && request.old == 6 && !request.proof.isEmpty)
        let vectors = try Fixtures.value("ledger.json")
        let ledger = try NoteVerifier(parsing: vectors.member("ledger_key").text("vkey"))
        let old = try Checkpoint(
            origin: ledger.name, size: 6,
            root: #require(Digest(hex: try vectors.elements("statements")[5].text("root_after"))))
        #expect(try WitnessedLedger(ledger: ledger, newest: old).consider(request).size == 13)
    }

    @Test("takes no request of another form, each for its own fault")
    func refused() throws {
        let vectors = try Fixtures.refused("witness-request")
        #expect(vectors.count >= 15)
        for vector in vectors {
            let fault = try #require(WitnessingFault(rawValue: vector.fault), "\(vector.name)")
            #expect(throws: LedgerError.malformedWitnessing(fault), "\(vector.name)") {
                try WitnessRequest(parsing: vector.bytes)
            }
        }
    }

    @Test("cosigns what goes on from what it has, from every size to every size")
    func goesOn() throws {
        let key = try SigningKey.generate()
        let ledger = try NoteVerifier(name: "vault.example/x", verifyingKey: key.verifyingKey)
        for (before, after) in (0...40).flatMap({ before in (before...40).map { (before, $0) } }) {
            let kept = try Checkpoint(origin: ledger.name, size: UInt64(before), root: tree(before).root)
            let witness = WitnessedLedger(ledger: ledger, newest: before == 0 ? nil : kept)
            let asked = try request(old: UInt64(before), size: after, key: key)
            #expect(try witness.consider(asked).size == UInt64(after), "\(before) to \(after)")
        }
    }

    @Test("refuses a fork, a rollback, another ledger and another key, and names both sizes")
    func refuses() throws {
        let key = try SigningKey.generate()
        let other = try SigningKey.generate()
        let ledger = try NoteVerifier(name: "vault.example/x", verifyingKey: key.verifyingKey)
        let kept = try Checkpoint(origin: ledger.name, size: 20, root: tree(20).root)
        let witness = WitnessedLedger(ledger: ledger, newest: kept)
        func why(_ request: WitnessRequest) -> WitnessRefusal? {
            do throws(WitnessRefusal) {
                _ = try witness.consider(request)
                return nil
            } catch { return error }
        }
        #expect(why(try request(old: 20, size: 30, key: key)) == nil)
        for fork in [0, 7, 19] {
            for size in [20, 21, 40] {
                #expect(
                    why(try request(old: 20, size: size, fork: fork, key: key))
                        == .forked(kept: 20, offered: UInt64(size)))
            }
        }
        // What differs only behind the kept part goes on.
        #expect(why(try request(old: 20, size: 30, fork: 25, key: key)) == nil)
        #expect(why(try request(old: 19, size: 19, key: key)) == .behind(kept: 20, offered: 19))
        #expect(why(try request(old: 20, size: 19, key: key)) == .behind(kept: 20, offered: 19))
        #expect(why(try request(old: 0, size: 30, key: key)) == .otherSize(kept: 20, asked: 0))
        #expect(why(try request(old: 21, size: 30, key: key)) == .otherSize(kept: 20, asked: 21))
        #expect(why(try request(old: 20, size: 30, key: other)) == .notSigned)
        #expect(
            why(try request(old: 20, size: 30, origin: "vault.example/y", key: key))
                == .otherLedger(origin: "vault.example/y"))
        let good = try request(old: 20, size: 30, key: key)
        for place in good.proof.indices {
            var proof = good.proof
            proof[place] = proof[place].flipped()
            let bad = try WitnessRequest(old: 20, proof: proof, checkpoint: good.checkpoint)
            #expect(why(bad) == .forked(kept: 20, offered: 30), "hash \(place)")
        }
        let more = try WitnessRequest(old: 20, proof: good.proof + [leaves[0]], checkpoint: good.checkpoint)
        #expect(why(more) == .forked(kept: 20, offered: 30))
        let new = WitnessedLedger(ledger: ledger, newest: nil)
        let padded = try WitnessRequest(old: 0, proof: [leaves[0]], checkpoint: good.checkpoint)
        #expect(throws: WitnessRefusal.forked(kept: 0, offered: 30)) { try new.consider(padded) }
    }

    @Test("answers with lines or a size, and a whole note is taken as an answer, too")
    func answers() throws {
        let known = try Known()
        let line = known.note.signatures[1]
        let answer = WitnessAnswer.cosigned([line])
        #expect(try WitnessAnswer(parsing: bytes(answer.encoded)) == answer)
        #expect(try WitnessAnswer(parsing: bytes(known.note.encoded)) == .cosigned(known.note.signatures))
        #expect(try WitnessAnswer(parsing: bytes("20852014\n")) == .has(20_852_014))
        #expect(WitnessAnswer.has(7).encoded == "7\n")
        for wrong in [
            "", "7", "07\n", "-7\n", "— a b\n", "hello\n", answer.encoded + "\n", String(answer.encoded.dropLast()),
        ] {
            #expect(throws: LedgerError.self, "\(wrong.debugDescription)") { try WitnessAnswer(parsing: bytes(wrong)) }
        }
    }
}

@Suite("A checkpoint that somebody holds")
struct HeldCheckpointTests {
    @Test("is found in a note, in a receipt's text, and in three lines typed off a sheet")
    func found() throws {
        let note = try SignedNote(parsing: Fixtures.bytes("checkpoint-witnessed.note"))
        let checkpoint = try Checkpoint(parsing: note.text)
        #expect(HeldCheckpoint.all(in: note.encoded).map(\.note) == [note])
        let lines = note.encoded.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let receipt =
            "Signed checkpoint\r\n" + lines.map { "  \($0) \t" }.joined(separator: "\r\n") + "\r\nWhat now\r\n"
        #expect(HeldCheckpoint.all(in: receipt).first?.note == note)
        // A page's line ends where the page does: the rest of a signature stands in the next.
        let broken = lines.map { $0.count > 90 ? "\($0.prefix(80))\n\($0.dropFirst(80))" : $0 }.joined(separator: "\n")
        #expect(HeldCheckpoint.all(in: broken).first?.note == note)
        let named = note.encoded.replacing("w1 ", with: "w1\n").replacing("ledger ", with: "ledger\n")
        #expect(named != note.encoded && HeldCheckpoint.all(in: named).first?.note == note)
        let typed = HeldCheckpoint.all(in: lines[..<3].joined(separator: "\n"))
        #expect(typed.first?.checkpoint == checkpoint && typed.first?.note == nil)
        #expect(HeldCheckpoint.all(in: note.encoded + "\n" + note.encoded).count == 2)
    }

    @Test("is not found where there is none")
    func none() throws {
        let note = try Fixtures.text("checkpoint.note")
        let lines = note.split(separator: "\n").map(String.init)
        for text in [
            "", "vault.example\n13\n", lines[..<2].joined(separator: "\n"),
            [lines[0], "013", lines[2]].joined(separator: "\n"),
            [lines[0], lines[1], "A" + lines[2]].joined(separator: "\n"),
            [lines[0], lines[1], String(lines[2].dropLast())].joined(separator: "\n"),
        ] {
            #expect(HeldCheckpoint.all(in: text).isEmpty, "\(text.debugDescription)")
        }
    }
}
