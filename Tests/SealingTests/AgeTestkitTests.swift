import Foundation
import Sealing
import Testing

@Suite struct AgeTestkitTests {
    /// `AGE_TESTKIT` names the folder of the public vectors. Unset, that is said and ours alone are read; set to nothing, to
    /// no folder or to one without vectors, that is a failure and not a skip.
    @Test func publicVectorsGiveExactlyTheExpectedResult() throws {
        guard let path = ProcessInfo.processInfo.environment["AGE_TESTKIT"] else {
            print("AGE_TESTKIT is not set: the public age vectors are not read, our own in fixtures/age are")
            return try ownVectorsGiveExactlyTheExpectedResult()
        }
        let vectors = try Vector.all(
            in: URL(fileURLWithPath: try #require(path.isEmpty ? nil : path, "AGE_TESTKIT is empty")))
        #expect(vectors.count >= 96, "AGE_TESTKIT names a folder with \(vectors.count) vectors")
        for vector in vectors { try Readings(vector: vector).check() }
        print("\(vectors.count) public age vectors read")
    }

    @Test func ownVectorsGiveExactlyTheExpectedResult() throws {
        let vectors = try Vector.all(in: Vector.ownFolder)
        #expect(vectors.count >= 60)
        for vector in vectors { try Readings(vector: vector).check() }
    }

    /// With `STRONGROOM_WRITE_VECTORS=1` the vectors are written first.
    @Test func ownVectorsAreWhatTheirWriterMakes() throws {
        let made = try VectorWriter().vectors()
        if ProcessInfo.processInfo.environment["STRONGROOM_WRITE_VECTORS"] == "1" {
            for vector in made {
                try Data(vector.encoded).write(to: Vector.ownFolder.appendingPathComponent(vector.name))
            }
        }
        let kept = try Vector.all(in: Vector.ownFolder)
        #expect(kept.map(\.name) == made.map(\.name).sorted())
        let byName = Dictionary(uniqueKeysWithValues: kept.map { ($0.name, $0) })
        for vector in made {
            let other = try #require(byName[vector.name])
            #expect(
                other.file == vector.file && other.expected == vector.expected
                    && other.payloadHash == vector.payloadHash
                    && other.identities == vector.identities && other.passphrases == vector.passphrases,
                "\(vector.name) is not what the writer makes")
        }
    }
}
