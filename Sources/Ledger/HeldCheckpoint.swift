import Sealing

/// A checkpoint as somebody holds it: a note's file, what a sheet's code says, or text with a note in it, typed off or copied.
///
/// What is compared with a ledger are origin, size and root; a signature beside them shows besides that the vault itself said so.
public struct HeldCheckpoint: Hashable, Sendable {
    /// The checkpoint.
    public let checkpoint: Checkpoint
    /// Its note with the signature lines that stood below; nil where there were none that can be read.
    public let note: SignedNote?

    /// All checkpoints in a text, in order.
    ///
    /// White space around lines is passed over, and so is what stands before and after: three lines make a checkpoint where the
    /// second is a size and the third 32 bytes in base64. A signature line that was broken is put together again.
    public static func all(in text: String) -> [HeldCheckpoint] {
        let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
            .map { String($0.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed()) }
        var held: [HeldCheckpoint] = []
        for place in lines.indices.dropLast(2) {
            guard plainDecimal(lines[place + 1].utf8) != nil, lines[place + 2].utf8.count == 44,
                let checkpoint = try? Checkpoint(
                    parsing: lines[place...(place + 2)].map { $0 + "\n" }.joined())
            else { continue }
            held.append(HeldCheckpoint(checkpoint: checkpoint, note: note(of: checkpoint, lines[(place + 3)...])))
        }
        return held
    }

    private static func note(of checkpoint: Checkpoint, _ lines: ArraySlice<String>) -> SignedNote? {
        var signatures: [String] = []
        for line in lines.drop(while: \.isEmpty) {
            if line.hasPrefix("\u{2014} ") {
                signatures.append(line)
            } else if let last = signatures.last, !line.isEmpty, line.utf8.allSatisfy(isBase64) {
                // A page breaks after the name, too.
                let gap = last.dropFirst(2).contains(" ") ? "" : " "
                signatures[signatures.count - 1] = last + (last.hasSuffix("=") ? "" : gap + line)
            } else {
                break
            }
        }
        guard !signatures.isEmpty else { return nil }
        return try? SignedNote(parsing: checkpoint.text + "\n" + signatures.map { $0 + "\n" }.joined())
    }

    private static func isBase64(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="):
            true
        default: false
        }
    }
}
