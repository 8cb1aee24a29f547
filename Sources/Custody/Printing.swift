import GRDB
import Ledger
public import Records
import Sealing

// A part of a chronology on its way to paper.
// 1 choose    the same items in the same order as the page shows them, none folded
// 2 record    a statement with how many lines it has, and sealed which part it is, before a line is opened for it
// 3 open      the lines, some at a time, as they stood then; what was moved out of the file meanwhile stops it

/// What a print becomes.
public enum PrintForm: String, Hashable, Sendable, CaseIterable {
    /// A PDF/A file.
    case pdf
    /// A page that a browser prints.
    case page
}

/// A part of a pupil's chronology that was put onto paper, as it stood when that was recorded.
public struct ChronologyPrint: Sendable {
    /// Which print.
    public let id: PrintID
    /// Whose chronology.
    public let pupil: Pupil
    /// What was chosen of it.
    public let choice: ChronologyChoice
    /// Who filed what was chosen, by name; nil where everybody's is there.
    public let uploader: String?
    /// What people call the batch that was chosen.
    public let batchNumber: Int?
    /// The place of the print's statement in the ledger.
    public let index: UInt64
    /// When it was recorded.
    public let recorded: Timestamp
    /// Who printed it.
    public let madeBy: String
    /// The signed note (C2SP) of the ledger that ends with the print's statement.
    public let checkpoint: String
    /// The lines, in the order of the print.
    let items: [ChronologyItem]

    /// How many lines it has.
    public var count: Int { items.count }
}

/// A line of a print.
public struct PrintedEntry: Sendable {
    /// What stands there.
    public let entry: ChronologyEntry
    /// Whether it was marked as a significant event.
    public let isSignificant: Bool
}

extension Refusal {
    /// Nothing is like what was chosen.
    static let printOfNothing = Refusal(
        code: "print.nothing", message: "There is nothing to print: nothing of this pupil’s is like that.",
        hint: "Choose a longer period, or more of the chronology.")
    /// More than may be printed at once.
    static func printTooLong(_ lines: Int, _ most: Int) -> Refusal {
        Refusal(
            code: "print.too-long", message: "That would be \(lines) lines; this way at most \(most) are printed.",
            hint: "Choose a shorter period, or make a PDF.")
    }
    /// A document left the pupil file while it was printed.
    static let printChanged = Refusal(
        code: "print.changed", message: "A document was moved out of this pupil’s file while it was printed.",
        hint: "Nothing was printed. Print it again.")
}

extension ChronologyChoice {
    fileprivate func printed(of all: [ChronologyItem]) -> [ChronologyItem] {
        let (chosen, listed) = list(of: all)
        return listed.map { chosen[$0] }
    }
}

extension Vault {
    /// Records that a part of a pupil's chronology goes onto paper, and gives what stands on it. Durable on return; no line is
    /// opened before.
    ///
    /// - Parameter most: how many lines it may have.
    /// - Throws: a refusal `access.…` of who may not read every file, `print.nothing` or `print.too-long` of what is chosen.
    public func printChronology(
        of pupilFile: PupilFileID, choosing choice: ChronologyChoice, as form: PrintForm, atMost most: Int,
        by acting: Acting
    ) throws(VaultError) -> ChronologyPrint {
        try rethrowing("print") {
            _ = try decide(.readChronology(pupilFile), acting)
            // Who was given access to this file reads it on the page.
            guard readsByRole(acting) else { throw Refusal.notEntitled }
            guard let state = recorder.authority.pupils[pupilFile] else { throw VaultError.refused(.pupilUnknown) }
            try recordChronologyRead(pupilFile, acting)
            let (items, pupil, uploader) = try chosen(choice, state, acting)
            guard !items.isEmpty else { throw Refusal.printOfNothing }
            guard items.count <= most else { throw Refusal.printTooLong(items.count, most) }
            let batchNumber = choice.batch.flatMap { recorder.authority.batches[$0]?.number }
            let id = PrintID.random()
            var keys: [PupilFileID: FilingKey] = [:]
            let recipient = try pool.read { db in try self.recipient(of: state.identity, db) }
            let key = try filingKey(for: pupilFile, recipient, acting, &keys)
            let values: [PrintField: String] = [
                .lane: choice.lane.rawValue, .order: choice.newestFirst ? "newest" : "oldest",
                .period: choice.period.map { Day.text($0) } ?? "", .category: choice.category,
                .mediaType: choice.mediaType, .agency: choice.agency, .uploader: uploader ?? "",
                .batch: batchNumber.map { String($0) } ?? "", .form: form.rawValue, .madeBy: acting.name,
            ]
            let detail = Detail(
                values: Dictionary(uniqueKeysWithValues: values.map { ($0.key.rawValue, $0.value) }), keepsEmpty: true)
            let sealed = try seal(detail, of: id.bytes, in: pupilFile, under: key)
            let draft = Draft(
                signer: .person(acting), pupilFile: pupilFile,
                items: [sealed] + key.takeFresh(), fields: detail.commitments,
                act: .chronologyPrinted(
                    PrintAct(
                        print: id, session: acting.session, lines: UInt64(items.count), detail: sealed.item.id,
                        detailKey: key.item
                    )))
            guard let recorded = try recorder.record([draft], in: pool).first else {
                throw VaultError.tampered(code: "ledger.nothing-written")
            }
            try remember(keys, acting)
            return ChronologyPrint(
                id: id, pupil: pupil, choice: choice, uploader: uploader, batchNumber: batchNumber,
                index: recorded.statement.index, recorded: recorded.statement.time, madeBy: acting.name,
                checkpoint: recorded.checkpoint, items: items)
        }
    }

    private func chosen(
        _ choice: ChronologyChoice, _ state: PupilState, _ acting: Acting
    ) throws -> (items: [ChronologyItem], pupil: Pupil, uploader: String?) {
        try recorder.read(pool) { db, head in
            let file = try openFile(state.pupilFile, acting, db)
            let order = try order(of: state.pupilFile, head.size, acting, file, db)
            let people = authors(order.facts.values, head.authority)
            let all = items(order, people, head.authority.significant[state.pupilFile] ?? [])
            let uploader = try choice.author.flatMap { head.authority.people[$0] }.map { try name(of: $0, db) }
            return (choice.printed(of: all), try pupil(state, registerKey(as: acting, db), db), uploader)
        }
    }

    /// Opens lines of a print, counted from 0.
    ///
    /// - Throws: a refusal `print.changed` where one of them left the pupil file since; refusals of who may not read it now.
    public func entries(
        of print: ChronologyPrint, _ range: Range<Int>, by acting: Acting
    ) throws(VaultError) -> [PrintedEntry] {
        try rethrowing("print") {
            let pupilFile = print.pupil.pupilFile
            _ = try decide(.readChronology(pupilFile), acting)
            return try recorder.read(pool) { db, _ in
                let items = print.items[range.clamped(to: print.items.indices)]
                guard !items.contains(where: { recorder.isHidden($0.index, about: pupilFile) }) else {
                    throw Refusal.printChanged
                }
                let file = try openFile(pupilFile, acting, db)
                return try zip(items, statements(items.map(\.index), db)).map { item, statement in
                    let entry = try entryOrDamage(item.index, statement, pupilFile, acting, file, db)
                    return PrintedEntry(
                        entry: try corrected(entry, pupilFile, acting, file, db), isSignificant: item.isSignificant)
                }
            }
        }
    }

    /// What was printed, in words, for who holds the pupil file's key.
    func printWords(
        _ act: PrintAct, _ statement: Statement, _ acting: Acting, _ file: borrowing HybridIdentity, _ db: Database
    ) throws -> String {
        let row = try detailRow(
            act.detail, of: act.print.shared(as: Kind.Record.self), under: act.detailKey, statement, acting, file, db)
        let detail = try Detail(parsing: row)
        guard detail.commitments == statement.fields, Set(detail.fields.keys) == Set(PrintField.detailNames) else {
            throw VaultError.tampered(code: "detail.fields")
        }
        guard detail[PrintField.madeBy.rawValue] == (try author(of: statement, db)) else {
            throw VaultError.tampered(code: "detail.made-by")
        }
        func value(_ field: PrintField) -> String { detail[field.rawValue] ?? "" }
        var parts = [
            value(.lane) == ChronologyLane.significant.rawValue
                ? "significant events"
                : value(.lane) == ChronologyLane.everything.rawValue ? "everything" : "documents and entries"
        ]
        if let days = try? DocumentDate(parsing: value(.period)).days {
            let (from, to) = (Day.text(days.lowerBound), Day.text(days.upperBound))
            parts.append(
                days.lowerBound == 1900_01_01
                    ? "until \(to)" : days.upperBound == 2199_12_31 ? "since \(from)" : "of \(value(.period))")
        }
        let category = value(.category)
        if !category.isEmpty {
            parts.append(policies.title(ofCategory: category))
        }
        if !value(.mediaType).isEmpty { parts.append(value(.mediaType)) }
        if !value(.agency).isEmpty {
            parts.append("meetings with " + policies.title(ofAgency: value(.agency)))
        }
        if !value(.uploader).isEmpty { parts.append("filed by " + value(.uploader)) }
        if !value(.batch).isEmpty { parts.append("batch " + value(.batch)) }
        let form = value(.form) == PrintForm.pdf.rawValue ? "as a PDF" : "as a page to print"
        return "Print \(act.print.reference) \(form), \(act.lines) \(act.lines == 1 ? "line" : "lines"): "
            + parts.joined(separator: ", ") + "."
    }
}
