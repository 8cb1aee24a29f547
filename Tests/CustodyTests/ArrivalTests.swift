import Custody
import Records
import Sealing
import Testing

@Suite struct ArrivalTests {
    /// The sealed chunks of what is here are longer than the plaintext that they are of, and may be longer than all of it.
    @Test(arguments: [1, 2, 15, 17, 1 << 16])
    func `An upload that lacks its last bytes goes on where its pipeline is gone`(left: Int) throws {
        let school = try School()
        let acting = try school.signIn(school.lead)
        let pupil = try school.pupil(by: acting)
        let bytes = (0..<(17 << 16) + 3).map { UInt8(ascii: "a") + UInt8($0 % 23) }
        let status = try school.vault.announce(
            Announcement(
                pupilFile: pupil.pupilFile, batch: nil, filename: "notes.txt", declaredType: nil,
                length: UInt64(bytes.count), metadata: "", digest: sha256(bytes), details: FilingDetails()),
            as: acting)
        let held = bytes.count - left
        var arrival = try school.vault.takeUp(status.id, at: 0, as: acting)
        try bytes[..<held].withUnsafeBytes { try arrival.append($0) }
        #expect(try arrival.pause().offset == UInt64(held))
        // A pipeline that waits for more than a minute is forgotten: what goes on is read from the disk.
        school.clock.advance(seconds: 120)
        try school.vault.sweep()
        var rest = try school.vault.takeUp(status.id, at: UInt64(held), as: acting)
        try bytes[held...].withUnsafeBytes { try rest.append($0) }
        let pending = try rest.complete()
        #expect(pending.digest == sha256(bytes) && pending.size == UInt64(bytes.count))
    }
}
