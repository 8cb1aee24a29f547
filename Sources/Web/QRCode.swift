import CQREncode

/// A QR code as one SVG path, black modules only.
struct QRCode {
    /// Modules along a side, with the quiet zone of four on each.
    let side: Int
    /// The `d` of the path, in modules.
    let path: String

    /// Nil where the text does not fit, or memory is short.
    init?(_ text: String) {
        guard let code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1) else { return nil }
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
