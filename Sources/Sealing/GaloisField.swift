// GF(256) with the polynomial of AES, x⁸ + x⁴ + x³ + x + 1 (FIPS 197, 4.2). Values are secret: no look-up and no branch
// depends on them.
enum GaloisField {
    static func multiply(_ a: UInt8, _ b: UInt8) -> UInt8 {
        var (shifted, product): (UInt8, UInt8) = (a, 0)
        for bit in UInt8(0)..<8 {
            product ^= shifted & (0 &- (b >> bit & 1))
            shifted = shifted << 1 ^ (0x1b & (0 &- (shifted >> 7)))
        }
        return product
    }

    /// The inverse, as the 254th power; zero has none, and gives zero.
    static func inverse(_ a: UInt8) -> UInt8 {
        var power = multiply(a, a)
        var product = power
        for _ in 0..<6 {
            power = multiply(power, power)
            product = multiply(product, power)
        }
        return product
    }

    /// Adds to `out` the value at `x` of the polynomials through the points: row i of `rows` is the value at `indices[i]`.
    ///
    /// The indices differ, and are public.
    static func interpolate(
        at x: UInt8, indices: [UInt8], rows: UnsafeRawBufferPointer, into out: UnsafeMutableRawBufferPointer
    ) {
        precondition(rows.count == indices.count * out.count, "one row for each index")
        for (row, index) in indices.enumerated() {
            var (above, below): (UInt8, UInt8) = (1, 1)
            for other in indices where other != index {
                above = multiply(above, x ^ other)
                below = multiply(below, index ^ other)
            }
            let weight = multiply(above, inverse(below))
            for byte in out.indices { out[byte] ^= multiply(weight, rows[row * out.count + byte]) }
        }
    }
}
