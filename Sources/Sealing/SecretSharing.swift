import CSodium

// Rules of this file, from SLIP-0039 (Shamir's Secret-Sharing for Mnemonic Codes):
// - the secret is encrypted (ShareCipher), then shared byte by byte in GF(256): it lies at index 255, shares at 0 to 15;
// - index 254 has a digest: four bytes of HMAC-SHA-256 of the secret under the random bytes that follow them;
// - all we make is one group, extendable, without passphrase, exponent 0: stretching is for passphrases, and the secret has
//   256 random bits of its own. All the specification knows is read, groups too;
// - every value is in guarded memory, and wiped.

/// Splits a secret into shares on paper and puts it together again, by SLIP-0039, so that other tools can do it too.
public enum SecretSharing {
    /// The bytes of a secret that is split.
    public static let secretCount = 32
    /// How many shares one set can have.
    public static let maximumCount = 16

    private static let digestIndex: UInt8 = 254
    private static let secretIndex: UInt8 = 255
    private static let digestCount = 4

    /// Splits 32 bytes into `count` shares, any `threshold` of which give it back: 2 ≤ threshold ≤ count ≤ 16.
    ///
    /// Throws `.sizeWrong` for another size, `.parametersOutOfBounds` for other numbers. Another call makes another set: its
    /// shares do not mix with those of the first, which still give the secret.
    public static func split(
        _ secret: borrowing SecretBytes, threshold: Int, count: Int
    ) throws(SealingError) -> [SecretShare] {
        guard secret.count == secretCount else { throw .sizeWrong(expected: secretCount, actual: secret.count) }
        guard 2 <= threshold, threshold <= count, count <= maximumCount else { throw .parametersOutOfBounds }
        // Random rows are the first shares; then the digest's, of which all but the digest stays random; then the secret's.
        var rows = try SecretBytes.random(threshold * secretCount)
        let identifier = Randomness.bytes(2).reduce(0) { $0 << 8 | Int($1) } & 0x7fff
        let set = ShareSet(
            identifier: identifier, isExtendable: true, iterationExponent: 0, groupThreshold: 1, groupCount: 1,
            secretCount: secretCount)
        secret.withBytes { secret in
            rows.withMutableBytes { rows in
                let last = UnsafeMutableRawBufferPointer(rebasing: rows.suffix(secretCount))
                let digest = UnsafeMutableRawBufferPointer(rebasing: rows.dropLast(secretCount).suffix(secretCount))
                last.copyMemory(from: secret)
                ShareCipher.encrypt(last, of: set, passphrase: [])
                withDigest(of: UnsafeRawBufferPointer(last), key: UnsafeRawBufferPointer(digest)) {
                    digest.copyMemory(from: $0)
                }
            }
        }
        let points = SharePoints(indices: Array(0..<UInt8(threshold - 2)) + [digestIndex, secretIndex], rows: rows)
        var shares: [SecretShare] = []
        for index in 0..<count {
            let value = SecretShare.Value(try points.value(at: UInt8(index)))
            shares.append(SecretShare(set: set, groupIndex: 0, index: index, threshold: threshold, value: value))
        }
        return shares
    }

    /// The secret, from exactly as many shares as their threshold says, in any order.
    ///
    /// Looks for a share of another set first, then for one given twice, then at their number, then at the digest: so it can
    /// be asked after each share, and `.sharesMissing` says that all is well so far.
    ///
    /// That the secret is the right one is for the caller to prove: shares forged together agree, and one that names a
    /// threshold of 1 has no digest. Shares are named by their `commitment`, compared with the ledger's before they are put
    /// together; that also keeps out one that asks for up to 2¹⁵ times the work of ours, minutes of it.
    public static func combine(_ shares: [SecretShare]) throws(SecretShareError) -> SecretBytes {
        try combine(shares, passphrase: [])
    }

    /// The same for a set with a passphrase; only the specification's test vectors have one.
    package static func combine(
        _ shares: [SecretShare], passphrase: [UInt8]
    ) throws(SecretShareError) -> SecretBytes {
        let groups = try groups(of: shares)
        do throws(SealingError) {
            if let secret = try open(groups, passphrase: passphrase) { return secret }
        } catch {
            throw .sealing(error)
        }
        throw .digestWrong
    }

    /// As many groups as are needed, each with as many shares as it needs, all of one set.
    private static func groups(of shares: [SecretShare]) throws(SecretShareError) -> [[SecretShare]] {
        guard let set = shares.first?.shareSet else { throw .sharesMissing(1) }
        let placed = zip(1..., shares).map { PlacedShare(position: $0, share: $1) }
        if let position = stranger(among: placed, by: { $0.share.shareSet }) { throw .foreignShare(position: position) }
        let groups = Dictionary(grouping: placed) { $0.share.groupIndex }.sorted { $0.key < $1.key }.map(\.value)
        for group in groups {
            if let position = stranger(among: group, by: { $0.share.threshold }) {
                throw .foreignShare(position: position)
            }
            var seen: [Int: PlacedShare] = [:]
            for next in group {
                guard let first = seen.updateValue(next, forKey: next.share.index) else { continue }
                throw first.share.value.bytes.isEqual(to: next.share.value.bytes)
                    ? .shareRepeated(position: next.position, first: first.position)
                    : .sharesClash(position: next.position, first: first.position)
            }
        }
        guard groups.count >= set.groupThreshold else { throw .groupsMissing(set.groupThreshold - groups.count) }
        let needed = groups.prefix(set.groupThreshold)
        let missing = needed.reduce(0) { $0 + max(0, $1[0].share.threshold - $1.count) }
        guard missing == 0 else { throw .sharesMissing(missing) }
        let superfluous = shares.count - needed.reduce(0) { $0 + $1[0].share.threshold }
        guard superfluous == 0 else { throw .sharesSuperfluous(superfluous) }
        return groups.map { $0.map(\.share) }
    }

    /// The position of the first share whose key differs from that of most; of two as many, the earlier is the rule.
    private static func stranger<Key: Hashable>(
        among shares: [PlacedShare], by key: (PlacedShare) -> Key
    ) -> Int? {
        let alike = Dictionary(grouping: shares, by: key)
        var most = key(shares[0])
        for share in shares where alike[key(share)]!.count > alike[most]!.count { most = key(share) }  // grouped by it
        return shares.first { key($0) != most }?.position
    }

    /// The secret of checked groups; nil when a digest is wrong.
    private static func open(_ groups: [[SecretShare]], passphrase: [UInt8]) throws(SealingError) -> SecretBytes? {
        let set = groups[0][0].shareSet
        var outer = try SharePoints(
            indices: groups.map { UInt8($0[0].groupIndex) }, rows: SecretBytes(zeroed: groups.count * set.secretCount))
        for (row, group) in groups.enumerated() {
            var inner = try SharePoints(
                indices: group.map { UInt8($0.index) }, rows: SecretBytes(zeroed: group.count * set.secretCount))
            for (row, share) in group.enumerated() { inner.set(row, to: share.value.bytes) }
            guard let value = try recover(inner) else { return nil }
            outer.set(row, to: value)
        }
        guard var secret = try recover(outer) else { return nil }
        secret.withMutableBytes { ShareCipher.decrypt($0, of: set, passphrase: passphrase) }
        return secret
    }

    private static func recover(_ points: borrowing SharePoints) throws(SealingError) -> SecretBytes? {
        // A threshold of one: the share is the secret, and there is no digest.
        if points.indices.count == 1 { return try points.value(at: points.indices[0]) }
        let secret = try points.value(at: secretIndex)
        let digest = try points.value(at: digestIndex)
        let isRight = secret.withBytes { secret in
            digest.withBytes { digest in
                withDigest(of: secret, key: digest) { sodium_memcmp($0.octets, digest.octets, digestCount) == 0 }
            }
        }
        if isRight { return secret }
        return nil
    }

    /// Lends the four bytes of the digest; its key is what follows them in its row.
    private static func withDigest<R>(
        of secret: UnsafeRawBufferPointer, key row: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> R
    ) -> R {
        withWipedBytes(32) { tag in
            HMACSHA256.authenticate(secret, key: UnsafeRawBufferPointer(rebasing: row[digestCount...]), into: tag)
            return body(UnsafeRawBufferPointer(rebasing: tag[..<digestCount]))
        }
    }
}

private struct PlacedShare {
    var position: Int
    var share: SecretShare
}

/// Points of one polynomial for each byte of a secret: the public indices, and for each a row of the guarded values.
private struct SharePoints: ~Copyable {
    let indices: [UInt8]
    private var rows: SecretBytes

    init(indices: [UInt8], rows: consuming SecretBytes) {
        self.indices = indices
        self.rows = rows
    }

    mutating func set(_ row: Int, to value: borrowing SecretBytes) {
        value.withBytes { value in
            rows.withMutableBytes { rows in
                UnsafeMutableRawBufferPointer(rebasing: rows[(row * value.count)...]).copyMemory(from: value)
            }
        }
    }

    borrowing func value(at x: UInt8) throws(SealingError) -> SecretBytes {
        var value = try SecretBytes(zeroed: rows.count / indices.count)
        rows.withBytes { rows in
            value.withMutableBytes { GaloisField.interpolate(at: x, indices: indices, rows: rows, into: $0) }
        }
        return value
    }
}
