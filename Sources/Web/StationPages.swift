import Custody
import HTTPTypes
import Records

let stationRoutes: [Route] = [
    Route(.get, "/stations", .manageStations) { visit in try showStations(visit) },
    Route(.post, "/stations", .manageStations, body: .form(["name", "pupils", "intake", "days"]), handle: addStation),
    Route(.get, "/stations/{station}", .manageStations, handle: showStation),
    Route(.post, "/stations/{station}/withdraw", .manageStations, body: .form([])) { visit in
        let id: PersonID = try visit.id("station")
        try visit.vault.withdrawStation(id, as: visit.acting)
        return .redirect("/stations/\(id.text)")
    },
    Route(.get, "/intake", .seeIntake, handle: showIntake),
]

/// A scan station in a list.
struct StationRow {
    let name: String
    let href: String
    let files: String
    let state: String
    let isActive: Bool

    init(_ station: Station, _ words: Wording) {
        name = station.name
        href = "/stations/\(station.id.text)"
        let pupils = station.pupils.joined(separator: ", ")
        files = [pupils, station.intake ? "the intake queue" : ""].filter { !$0.isEmpty }.joined(separator: "; ")
        isActive = station.isActive
        state =
            station.withdrawn.map { "withdrawn \(words.moment($0))" }
            ?? "\(station.isActive ? "works until" : "ended") \(words.moment(station.expires))"
    }
}

struct StationsPage {
    let chrome: Chrome
    let stations: [StationRow]
    let isEmpty: Bool
    let csrf: String
    let name: Field
    let pupils: Field
    let intake: Bool
    let days: Field
}

private func showStations(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let words = refusal.map { "\($0.message) \($0.hint)" }
    let place =
        switch refusal?.code {
        case nil: ""
        case "pupil.unknown", "station.nothing": "pupils"
        case "station.days": "days"
        default: "name"
        }
    func field(_ name: String, _ value: String) -> Field { Field(value: value, error: place == name ? words : nil) }
    let stations = try visit.vault.stations(as: visit.acting)
    return visit.page(
        .stations,
        StationsPage(
            chrome: visit.chrome(
                "Scan stations", back: Link(href: "/", text: "Home"),
                problems: words.map { [ProblemLink(href: "#" + place, text: $0)] } ?? []),
            stations: stations.map { StationRow($0, visit.words) }, isEmpty: stations.isEmpty,
            csrf: visit.session?.csrf ?? "", name: field("name", visit.form["name"]),
            pupils: field("pupils", visit.form["pupils"]), intake: visit.form["intake"] == "yes",
            days: field("days", refusal == nil ? "30" : visit.form["days"])),
        status: refusal == nil ? .ok : .unprocessableContent)
}

struct StationAddedPage {
    let chrome: Chrome
    let name: String
    let token: String
    let files: String
    let until: String
}

private func addStation(_ visit: Visit) throws -> Reply {
    let form = visit.form
    let references = form["pupils"].split { $0 == "," || $0.isWhitespace }.map(String.init)
    do {
        let (station, token) = try visit.vault.addStation(
            NewStation(
                name: form["name"], pupils: references, intake: form["intake"] == "yes",
                days: Int(trimmed(form["days"])) ?? 0), as: visit.acting)
        return visit.page(
            .stationAdded,
            StationAddedPage(
                chrome: visit.chrome("Scan station made", back: Link(href: "/stations", text: "Scan stations")),
                name: station.name, token: token, files: StationRow(station, visit.words).files,
                until: visit.words.moment(station.expires)))
    } catch VaultError.refused(let refusal) where refusal != .notEntitled {
        return try showStations(visit, refusal: refusal)
    }
}

struct StationPage {
    let chrome: Chrome
    let station: StationRow
    let withdraw: String
    let csrf: String
    let mayWithdraw: Bool
    let lines: [FiledRow]
    let isEmpty: Bool
    let count: String
}

private func showStation(_ visit: Visit) throws -> Reply {
    let id: PersonID = try visit.id("station")
    guard let station = try visit.vault.stations(as: visit.acting).first(where: { $0.id == id }) else {
        throw Fault.vault(.notFound)
    }
    let lines = try visit.vault.work(of: id, as: visit.acting)
    return visit.page(
        .station,
        StationPage(
            chrome: visit.chrome(station.name, back: Link(href: "/stations", text: "Scan stations"), wide: true),
            station: StationRow(station, visit.words), withdraw: "/stations/\(id.text)/withdraw",
            csrf: visit.session?.csrf ?? "", mayWithdraw: station.withdrawn == nil,
            lines: lines.map { FiledRow($0, visit.words) }, isEmpty: lines.isEmpty,
            count: visit.words.count(lines.count, "scan")))
}

struct IntakePage {
    struct Line {
        let filename: String
        let facts: String
        let summary: String
        let recorded: String
        let station: String
        let isQuarantined: Bool
        /// Where to take it into the batch of paper that the person has open.
        let take: String?
    }
    let chrome: Chrome
    let lines: [Line]
    let isEmpty: Bool
    let count: String
    /// What people call that batch.
    let number: String?
    let csrf: String
}

private func showIntake(_ visit: Visit) throws -> Reply {
    let words = visit.words
    let acting = try visit.acting
    let batch = acting.may(.file, in: visit.vault) ? try visit.vault.currentBatch(as: acting) : nil
    let open = batch.flatMap { visit.vault.isOfPaper($0.id) ? $0 : nil }
    let items = try visit.vault.intake(as: visit.acting)
    return visit.page(
        .intake,
        IntakePage(
            chrome: visit.chrome("Intake queue", back: Link(href: "/", text: "Home"), wide: true),
            lines: items.map { item in
                IntakePage.Line(
                    filename: visible(item.filename),
                    facts: words.facts(item.mediaType, item.pages, item.size, visit.vault.policies),
                    summary: item.summary, recorded: words.moment(item.recorded), station: item.station,
                    isQuarantined: item.quarantined,
                    take: open != nil && !item.quarantined && Vault.isScan(item.mediaType)
                        ? "/intake/\(item.upload.text)/take" : nil)
            }, isEmpty: items.isEmpty, count: words.count(items.count, "scan"),
            number: open.map { String($0.number) }, csrf: visit.session?.csrf ?? ""))
}
