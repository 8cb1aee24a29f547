/// Tables for spreadsheets: RFC 4180 CSV in UTF-8 with a mark at its beginning, by which spreadsheets know the encoding.
public enum SpreadsheetText {
    /// Rows of cells, each row ended with CR LF.
    public static func encode(_ rows: [[String]]) -> [UInt8] {
        let lines = rows.map { $0.map(cell).joined(separator: ",") + "\r\n" }
        return [0xEF, 0xBB, 0xBF] + Array(lines.joined().utf8)
    }

    /// A cell in quotation marks. What a spreadsheet would take for a formula, also after spaces, gets an apostrophe before
    /// it: somebody's name is a text whatever it begins with.
    public static func cell(_ text: String) -> String {
        let first = text.unicodeScalars.first { !$0.properties.isWhitespace || $0 == "\t" || $0 == "\r" || $0 == "\n" }
        let isFormula = first.map { "=+-@\t\r\n＝＋－＠".unicodeScalars.contains($0) } ?? false
        return "\"" + (isFormula ? "'" : "") + text.replacing("\"", with: "\"\"") + "\""
    }
}
