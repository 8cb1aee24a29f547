import Custody
import HTTPTypes
import Papers
import Records

let recoveryRoutes: [Route] = [
    Route(.get, "/recovery", .giveAccess) { visit in try recoveryPage(visit) },
    Route(
        .post, "/recovery", .giveAccess, body: .form(["holders", "threshold"]), asksForCode: true, handle: makeSheets),
    Route(.get, "/recovery/drill", .giveAccess) { visit in try drillPage(visit) },
    Route(
        .post, "/recovery/drill", .giveAccess, body: .form(Set(RecoveryState.sheetFields)), handle: doDrill),
]

extension RecoveryState {
    /// The form's field for each sheet.
    fileprivate static let sheetFields = (1...counts.upperBound).map { "sheet\($0)" }
}

struct RecoveryPage {
    struct Key {
        let needed: String
        let made: String
        let drilled: String
        let holders: [String]
        let mayDrill: Bool
    }
    let chrome: Chrome
    let standing: String
    let isWell: Bool
    let key: Key?
    let holders: Field
    let threshold: Field
    /// Who has to agree first, where it takes two people.
    let second: String?
    let csrf: String
}

private func recoveryPage(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let (state, words) = (try visit.vault.recoveryState(), visit.words)
    let problem = refusal.map { "\($0.message) \($0.hint)" }
    let place =
        switch refusal?.code {
        case nil: ""
        case "recovery.threshold": "threshold"
        default: "holders"
        }
    func field(_ name: String, _ value: String) -> Field { Field(value: value, error: place == name ? problem : nil) }
    return visit.page(
        .recovery,
        RecoveryPage(
            chrome: visit.chrome(
                "Recovery key", back: Link(href: "/", text: "Home"),
                problems: problem.map { [ProblemLink(href: "#" + place, text: $0)] } ?? []),
            standing: words.standing(of: state), isWell: state?.standing == .proven,
            key: state.map { state in
                RecoveryPage.Key(
                    needed: "\(state.threshold) of \(state.holders.count)", made: words.moment(state.made),
                    drilled: state.drilled.map(words.moment) ?? "never", holders: state.holders,
                    mayDrill: state.standing != .used)
            }, holders: field("holders", visit.form["holders"]),
            threshold: field("threshold", refusal == nil ? "2" : visit.form["threshold"]),
            second: try visit.secondPerson(about: nil), csrf: visit.session?.csrf ?? ""),
        status: refusal == nil ? .ok : .unprocessableContent)
}

struct RecoverySheetsPage {
    struct Sheet {
        let number: Int
        let holder: String
        let words: [String]
        let qrPath: String?
        let qrSide: Int
    }
    let chrome: Chrome
    let sheets: [Sheet]
    let count: Int
    let needed: Int
    let day: String
    let vault: String
}

private func makeSheets(_ visit: Visit) throws -> Reply {
    let holders = visit.form["holders"].split(whereSeparator: \.isNewline).map { trimmed(String($0)) }.filter {
        !$0.isEmpty
    }
    let threshold = Int(trimmed(visit.form["threshold"])) ?? 0
    do {
        return sheetsPage(
            visit, try visit.vault.setRecovery(holders: holders, threshold: threshold, as: visit.acting))
    } catch VaultError.refused(.secondPersonNeeded) {
        try visit.vault.proposeRecovery(holders: holders, threshold: threshold, as: visit.acting)
        return .redirect("/proposals")
    } catch VaultError.refused(let refusal)
        where refusal.code.hasPrefix("recovery.") || refusal.code == "person.name"
    {
        return try recoveryPage(visit, refusal: refusal)
    }
}

/// The sheets to be printed, shown once.
func sheetsPage(_ visit: Visit, _ sheets: [RecoverySheet]) -> Reply {
    visit.page(
        .recoverySheets,
        RecoverySheetsPage(
            chrome: visit.chrome("Recovery sheets"),
            sheets: sheets.map { sheet in
                let qr = QRCode(sheet.words)
                return .init(
                    number: sheet.number, holder: sheet.holder,
                    words: sheet.words.split(separator: " ").map(String.init), qrPath: qr?.path, qrSide: qr?.side ?? 0)
            }, count: sheets.count, needed: sheets.first?.threshold ?? 0,
            day: visit.words.longDay(visit.now),
            vault: visit.vault.foundingWords.joined(separator: " ")))
}

struct RecoveryDrillPage {
    struct Sheet {
        let name: String
        let title: String
        let field: Field
    }
    let chrome: Chrome
    let needed: String
    let sheets: [Sheet]
    let error: String?
    let csrf: String
}

private func drillPage(_ visit: Visit, faults: [SheetFault] = []) throws -> Reply {
    guard let state = try visit.vault.recoveryState(), state.standing != .used else { return .redirect("/recovery") }
    func text(_ fault: SheetFault) -> String { "\(fault.refusal.message) \(fault.refusal.hint)" }
    let fields = RecoveryState.sheetFields.prefix(state.holders.count)
    let empty = fields.first { trimmed(visit.form[$0]).isEmpty } ?? "sheet1"
    return visit.page(
        .recoveryDrill,
        RecoveryDrillPage(
            chrome: visit.chrome(
                "Recovery drill", back: Link(href: "/recovery", text: "Recovery key"),
                problems: faults.map {
                    ProblemLink(
                        href: "#" + ($0.place.map { fields[$0 - 1] } ?? empty),
                        text: ($0.place.map { "Box \($0): " } ?? "") + text($0))
                }), needed: "\(state.threshold) of \(state.holders.count)",
            sheets: zip(1..., fields).map { (place: Int, name: String) in
                .init(
                    name: name, title: "Box \(place)",
                    field: Field(value: visit.form[name], error: faults.first { $0.place == place }.map(text)))
            }, error: faults.first { $0.place == nil }.map(text), csrf: visit.session?.csrf ?? ""),
        status: faults.isEmpty ? .ok : .unprocessableContent)
}

private func doDrill(_ visit: Visit) throws -> Reply {
    do {
        let drill = try visit.vault.drillRecovery(
            sheets: RecoveryState.sheetFields.map { visit.form[$0] }, as: visit.acting)
        return drill.faults.isEmpty ? .redirect("/recovery") : try drillPage(visit, faults: drill.faults)
    } catch VaultError.refused(let refusal) where ["recovery.none", "recovery.used"].contains(refusal.code) {
        return .redirect("/recovery")
    }
}

extension Wording {
    /// Whether all is well with the recovery key, in a line.
    func standing(of state: RecoveryListing?) -> String {
        guard let state else {
            return "There is no recovery key. If the last lead loses their keys, every file is lost."
        }
        let drilled = state.drilled.map(longDay) ?? ""
        return switch state.standing {
        case .proven: "All is well: a drill on \(drilled) showed that the sheets open the recovery key."
        case .untried: "The sheets were never tried. Do a drill now, while they are at hand."
        case .overdue: "The last drill was on \(drilled), more than 12 months ago. Do one now."
        case .used:
            "The recovery key was used on \(state.used.map(longDay) ?? ""), and counts no more. Make new sheets now."
        }
    }
}

/// What there is to do about the recovery key, for leads.
func recoveryDuties(_ visit: Visit, _ acting: Acting) throws -> [HomePage.Duty] {
    guard acting.may(.giveAccess, in: visit.vault) else { return [] }
    let text: String
    switch try visit.vault.recoveryState()?.standing {
    case .proven: return []
    case nil: text = "recovery key is not set up"
    case .untried: text = "recovery key was never tried: do a drill"
    case .overdue: text = "recovery drill is more than 12 months old"
    case .used: text = "recovery key was used: make new sheets"
    }
    return [.init(href: "/recovery", count: "1", text: text)]
}

extension Visit {
    /// That the recovery key was used, told to everyone for 30 days.
    func recoveryNotice() throws -> String? {
        guard let state = try vault.recoveryState(), let used = state.used, let lead = state.lead,
            now.milliseconds - used.milliseconds < 30 * 86_400_000
        else { return nil }
        return "The recovery key was used on \(words.moment(used)): \(lead) is safeguarding lead since."
    }
}
