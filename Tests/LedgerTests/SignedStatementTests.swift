import Ledger
import Sealing
import Testing

@Suite("A signed statement")
struct SignedStatementTests {
    @Test("is signed, framed and hashed as in the vectors")
    func vectors() throws {
        let ledger = try Fixtures.value("ledger.json")
        let vault = try ledger.hexadecimal("vault")
        let author = try ledger.member("author")
        let key = try signingKey(seed: author.hexadecimal("seed"))
        #expect(try key.verifyingKey.rawRepresentation == author.hexadecimal("public"))
        var tree = MerkleTree()
        for vector in try ledger.elements("statements") {
            let statement = bytes(try vector.text("statement"))
            #expect(try CanonicalValue(parsing: statement).encoded() == statement)
            #expect(
                try SignedStatement.signingInput(vault: vault, statement: statement)
                    == vector.hexadecimal("signing_input"))
            let signed = try SignedStatement(signing: statement, vault: vault, key: key)
            #expect(try signed.signature == vector.hexadecimal("signature"))
            #expect(try signed.leaf == vector.hexadecimal("leaf"))
            #expect(try SignedStatement(leaf: signed.leaf) == signed)
            #expect(signed.isSigned(by: key.verifyingKey, vault: vault))
            #expect(try leafHash(signed.leaf).hex == vector.text("leaf_hash"))
            tree.append(leafHash(signed.leaf))
            #expect(try tree.root.hex == vector.text("root_after"))
        }
        #expect(try tree.size == ledger.member("checkpoint").number("size"))
    }

    @Test("holds for its author, its vault and its bytes alone")
    func signature() throws {
        let key = try SigningKey.generate()
        let other = try SigningKey.generate()
        let vault = [UInt8](repeating: 7, count: 16)
        let signed = try SignedStatement(signing: bytes(#"{"v":1}"#), vault: vault, key: key)
        #expect(signed.isSigned(by: key.verifyingKey, vault: vault))
        #expect(!signed.isSigned(by: other.verifyingKey, vault: vault))
        #expect(!signed.isSigned(by: key.verifyingKey, vault: [UInt8](repeating: 8, count: 16)))
        for place in signed.leaf.indices {
            var leaf = signed.leaf
            leaf[place] ^= 1
            let changed = try? SignedStatement(leaf: leaf)
            #expect(changed.map { !$0.isSigned(by: key.verifyingKey, vault: vault) } ?? true, "byte \(place)")
        }
    }

    @Test("is taken only from a leaf of exactly its length")
    func leafFaults() throws {
        let signed = try SignedStatement(statement: bytes("{}"), signature: [UInt8](repeating: 1, count: 64))
        let leaf = signed.leaf
        #expect(Array(leaf[..<7]) == [1, 0, 0, 0, 2, 0x7B, 0x7D])
        for length in 0..<leaf.count {
            #expect(throws: LedgerError.malformedLeaf(.lengthDiffers)) {
                try SignedStatement(leaf: Array(leaf[..<length]))
            }
        }
        #expect(throws: LedgerError.malformedLeaf(.lengthDiffers)) { try SignedStatement(leaf: leaf + [0]) }
        for version in [0, 2, 255] as [UInt8] {
            #expect(throws: LedgerError.malformedLeaf(.unknownVersion)) {
                try SignedStatement(leaf: [version] + leaf.dropFirst())
            }
        }
        #expect(throws: LedgerError.malformedLeaf(.statementTooLarge)) {
            try SignedStatement(leaf: [1, 255, 255, 255, 255] + leaf.dropFirst(5))
        }
        #expect(throws: LedgerError.malformedLeaf(.statementEmpty)) {
            try SignedStatement(leaf: [1, 0, 0, 0, 0] + [UInt8](repeating: 1, count: 64))
        }
        for count in [0, 63, 65] {
            #expect(throws: LedgerError.malformedLeaf(.signatureLength)) {
                try SignedStatement(statement: bytes("{}"), signature: [UInt8](repeating: 1, count: count))
            }
        }
    }
}
