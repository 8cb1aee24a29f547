package import Custody
import HTTPTypes
package import Papers
import Records

// How the record is kept for later: checkpoints outside the vault, backups, the recovery drill, with one line at the top that says
// whether all is well.

let keepingRoutes: [Route] = [
    Route(.get, "/keeping", .seeFigures, handle: showKeeping),
    Route(.post, "/keeping/sheet", .seeFigures, body: .form([])) { visit in
        try visit.vault.printCheckpoint(by: visit.acting)
        return .redirect("/keeping#sheet")
    },
    Route(.get, "/keeping/sheet.pdf", .seeFigures, handle: sheetPDF),
]

struct KeepingPage {
    struct Line {
        let title: String
        let words: String
    }
    struct Sheet {
        let reference: String
        let words: String
    }
    let chrome: Chrome
    let verdict: String
    let isWell: Bool
    let concerns: [String]
    let witnesses: [Line]
    let hasWitnesses: Bool
    let sheet: Sheet?
    let hours: String
    let every: String?
    let backups: [Line]
    let hasBackups: Bool
    let recovery: String
    let mayRecover: Bool
    let csrf: String
}

private func showKeeping(_ visit: Visit) throws -> Reply {
    let (vault, words, acting) = (visit.vault, visit.words, try visit.acting)
    let watch = try vault.outsideWatch(as: acting)
    let backups = try vault.backups()
    let recovery = try vault.recoveryState()
    var concerns = words.concerns(of: watch)
    if backups.isEmpty {
        concerns.append("No backup of the vault was ever verified. Ask whoever runs the server for one.")
    }
    if recovery?.standing != .proven { concerns.append(words.standing(of: recovery)) }
    func age(_ time: Timestamp) -> String { words.age(of: time, at: visit.now) }
    return visit.page(
        .keeping,
        KeepingPage(
            chrome: visit.chrome("Keeping", back: Link(href: "/", text: "Home")),
            verdict: concerns.isEmpty ? "All is well." : "Please look at this:", isWell: concerns.isEmpty,
            concerns: concerns,
            witnesses: watch.witnesses.map { witness in
                .init(
                    title: witness.name,
                    words: witness.newest.map {
                        "\(words.grouped($0.size)) statements, cosigned \(words.moment($0.time)), \(age($0.time))"
                    } ?? "nothing yet")
            }, hasWitnesses: !watch.witnesses.isEmpty,
            sheet: watch.sheet.map { sheet in
                guard case .sheet(let reference) = sheet.place else { return .init(reference: "", words: "") }
                return .init(
                    reference: reference,
                    words:
                        "\(words.grouped(sheet.size)) statements, printed \(words.moment(sheet.time)), \(age(sheet.time))"
                )
            }, hours: words.count(watch.hours, "hour"),
            every: watch.sheetDays == 0
                ? nil : watch.sheetDays == 7 ? "once a week" : "every \(words.count(watch.sheetDays, "day"))",
            backups: backups.map {
                .init(
                    title: "Backup \(words.grouped(String($0.act.backup.text.prefix(8)).uppercased()))",
                    words:
                        "\(words.grouped($0.act.size)) statements, verified \(words.moment($0.verified)), \(age($0.verified))"
                )
            }, hasBackups: !backups.isEmpty, recovery: words.standing(of: recovery),
            mayRecover: acting.may(.giveAccess, in: vault), csrf: visit.session?.csrf ?? ""))
}

/// The sheet that was printed last: each time the same bytes, until a witness cosigns what is on it.
private func sheetPDF(_ visit: Visit) throws -> Reply {
    let sheet = try visit.vault.checkpointSheet(as: visit.acting)
    return try .pdf(
        named: "checkpoint-\(sheet.print.sheetReference)",
        otherwise: Refusal(
            code: "sheet.not-made", message: "The sheet could not be made into a PDF.",
            hint: "Try again in a minute. Nothing was lost.")
    ) {
        try checkpointPaper(sheet, of: visit.vault).withBytes { Array($0) }
    }
}

/// A checkpoint's sheet as a PDF. Blocks for a second or two.
package func checkpointPaper(_ sheet: CheckpointSheet, of vault: Vault) throws(PaperError) -> Paper {
    let (school, limits) = (vault.policies.school, vault.policies.limits)
    let words = Wording(timezone: school.timezone)
    return try PrintedCheckpoint(
        reference: sheet.print.sheetReference, school: school.name,
        recorded: "\(words.moment(sheet.recorded)) (\(sheet.recorded.iso8601))",
        made: sheet.recorded.milliseconds / 1000,
        madeBy: sheet.madeBy, vaultWords: vault.foundingWords.joined(separator: " "),
        newest: .init(text: sheet.note, size: words.grouped(sheet.size), witnesses: sheet.witnesses),
        cosigned: sheet.cosigned.map { .init(text: $0.note, size: words.grouped($0.size), witnesses: $0.witnesses) }
    ).typeset(with: Typesetter(memoryMiB: limits.printMemoryMiB, seconds: 120))
}

/// What there is to do about checkpoints outside the vault, for leads.
func keepingDuties(_ visit: Visit, _ acting: Acting) throws -> [HomePage.Duty] {
    guard acting.may(.giveAccess, in: visit.vault), acting.may(.seeFigures, in: visit.vault) else { return [] }
    let watch = try visit.vault.outsideWatch(as: acting)
    var duties: [HomePage.Duty] = []
    if watch.isOverdue {
        let hours = (watch.now.milliseconds - (watch.newest?.time ?? watch.founded).milliseconds) / 3_600_000
        duties.append(
            .init(
                href: "/keeping", count: visit.words.grouped(UInt64(max(hours, 1))),
                text: "\(hours == 1 ? "hour" : "hours") without a checkpoint of the record outside the vault"))
    }
    if watch.isSheetDue {
        duties.append(
            .init(href: "/keeping", count: "1", text: "checkpoint sheet is due to be printed and filed elsewhere"))
    }
    return duties
}

extension Wording {
    /// How long ago something was, roughly.
    func age(of time: Timestamp, at now: Timestamp) -> String {
        let minutes = Int(max(0, now.milliseconds - time.milliseconds) / 60_000)
        switch minutes {
        case ..<60: return "less than an hour ago"
        case ..<(48 * 60): return "\(count(minutes / 60, "hour")) ago"
        default: return "\(count(minutes / 1440, "day")) ago"
        }
    }

    /// What is not well with the checkpoints outside the vault.
    func concerns(of watch: OutsideWatch) -> [String] {
        var concerns: [String] = []
        if watch.isOverdue {
            let since = watch.newest.map { "The newest is of \(moment($0.time)), \(age(of: $0.time, at: watch.now))." }
            concerns.append(
                "For more than \(count(watch.hours, "hour")) no checkpoint has left the vault. \(since ?? "There never was one.")"
                    + (watch.witnesses.isEmpty
                        ? " Print a sheet, or have a witness named who keeps and cosigns them by itself."
                        : " Ask whoever runs the server whether the witnesses are asked, or print a sheet.")
            )
        }
        if watch.isSheetDue {
            concerns.append(
                watch.sheet.map {
                    "The last checkpoint sheet was printed \(longDay($0.time)). Print another and file it."
                }
                    ?? "No checkpoint sheet was printed yet. Print one and file it elsewhere.")
        }
        return concerns
    }
}
