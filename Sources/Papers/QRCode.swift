import CQREncode

/// A QR code as one SVG path, black modules only.
public struct QRCode: Sendable {
    /// How much of a code may be gone.
    public enum Correction: Sendable {
        /// A seventh: for screens.
        case medium
        /// A third: for paper that is copied, punched and torn.
        case high
    }

    /// Modules along a side, with the quiet zone of four on each.
    public let side: Int
    /// The `d` of the path, in modules.
    public let path: String

    /// Nil where the text does not fit, or memory is short.
    public init?(_ text: String, correction: Correction = .medium) {
        let level = correction == .high ? QR_ECLEVEL_H : QR_ECLEVEL_M
        guard let code = QRcode_encodeString(text, 0, level, QR_MODE_8, 1) else { return nil }
        defer { QRcode_free(code) }
        let width = Int(code.pointee.width)
        guard let data = code.pointee.data else { return nil }
        var path = ""
        for row in 0..<width {
            var column = 0
            while column < width {
                guard data[row * width + column] & 1 == 1 else {
                    column += 1
                    continue
                }
                let start = column
                while column < width, data[row * width + column] & 1 == 1 { column += 1 }
                path += "M\(start + 4) \(row + 4)h\(column - start)v1h-\(column - start)z"
            }
        }
        self.path = path
        side = width + 8
    }
}
