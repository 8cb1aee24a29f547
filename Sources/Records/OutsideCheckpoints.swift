public import Ledger

// A ledger that was written anew by who holds its key is found only beside a checkpoint out of their reach (L-03). There are two
// kinds that the vault knows of: those that a witness cosigned, which prove themselves and are no statements, and those that went
// onto paper, which a statement says.

/// A checkpoint that went onto paper.
public struct CheckpointSheetState: Hashable, Sendable {
    /// Which print: it stands on the sheet.
    public let print: PrintID
    /// The place of its statement, with which the checkpoint ends.
    public let index: UInt64
    /// When.
    public let time: Timestamp
    /// Who printed it.
    public let author: PersonID
}

extension Authority {
    mutating func takeSheet(_ print: PrintID, _ statement: Statement) throws(StatementError) {
        guard case .person(let author) = statement.author, statement.pupilFile == nil, statement.items.isEmpty,
            statement.fields.isEmpty
        else { throw .unlawful("a printed checkpoint that says more, or of nobody") }
        checkpointSheet = CheckpointSheetState(
            print: print, index: statement.index, time: statement.time, author: author)
    }
}

/// Who outside the vault keeps its checkpoints, and when the lead is told that nobody does.
public struct WitnessPolicy: Codable, Hashable, Sendable {
    /// The public keys of those whose cosignatures count: `name+hash+base64`, after C2SP.
    public let witnesses: [String]
    /// After how many hours without a checkpoint outside the vault the lead is told.
    public let tellAfterHours: Int
    /// After how many days another sheet is due; 0 where none are printed.
    public let sheetEveryDays: Int

    enum CodingKeys: String, CodingKey {
        case witnesses
        case tellAfterHours = "tell-after-hours"
        case sheetEveryDays = "sheet-every-days"
    }

    /// The witnesses, in the order of the file.
    public var cosigners: [Cosigner] { witnesses.compactMap { try? Cosigner(parsing: $0) } }

    func check() throws(Refusal) {
        let cosigners = cosigners
        guard cosigners.count == witnesses.count, cosigners.count <= 16,
            Set(cosigners.map(\.name)).count == cosigners.count,
            Set(cosigners.map(\.verifyingKey)).count == cosigners.count
        else {
            throw .policyUnreadable(
                "policies/witness.yaml: witnesses are at most 16 public keys such as strongroom witness init prints, each name and each key once"
            )
        }
        guard (1...8760).contains(tellAfterHours), (0...366).contains(sheetEveryDays) else {
            throw .policyUnreadable(
                "policies/witness.yaml: tell after 1 to 8760 hours, and a sheet every 0 to 366 days")
        }
    }
}
