import Custody
import Foundation
import HTTPTypes
import Records

// How far the whole archive is: a picture of cabinets and their drawers, and what waits for whom.

let archiveRoutes: [Route] = [Route(.get, "/archive", .seeRegister, handle: showArchive)]

struct ArchivePage {
    struct Line {
        let href: String?
        let title: String
        let place: String
        let stage: String
        let waits: String
        let paper: String
        let pages: String
    }
    struct Figure {
        let name: String
        let value: String
    }
    let chrome: Chrome
    let cabinets: CabinetPicture
    let hasBatches: Bool
    let figures: [Figure]
    let lines: [Line]
    let out: [Line]
    let isAnyOut: Bool
    let mayBegin: Bool
}

private func showArchive(_ visit: Visit) throws -> Reply {
    let (acting, words) = (try visit.acting, visit.words)
    let batches = try visit.vault.paperBatches(as: acting)
    let reads = acting.may(.read, in: visit.vault)
    let lines = batches.map { line in
        ArchivePage.Line(
            href: line.isOwn && line.stage != .sealed
                ? "/batches/\(line.batch.id.text)"
                : line.isCheckers && line.stage == .presented
                    ? "/checks/\(line.batch.id.text)"
                    : reads
                        ? "/archive/\(line.batch.id.text)"
                        : line.isOwn ? "/batches/\(line.batch.id.text)" : nil,
            title: "Batch \(line.batch.number)", place: line.facts.place, stage: stageWords(line.stage),
            waits: waitsFor(line), paper: paperWords(line, words),
            pages: line.pages.map { words.count(Int($0), "page") } ?? "")
    }
    let stages: [(PaperStage, String)] = [
        (.open, "being scanned"), (.presented, "waiting to be checked"), (.checked, "waiting to be sealed"),
        (.sealed, "sealed"),
    ]
    return visit.page(
        .archive,
        ArchivePage(
            chrome: visit.chrome("The paper archive", back: Link(href: "/", text: "Home"), wide: true),
            cabinets: CabinetPicture(batches), hasBatches: !batches.isEmpty,
            figures: stages.map { stage, name in
                .init(name: "Batches \(name)", value: words.grouped(UInt64(batches.count { $0.stage == stage })))
            } + [
                .init(
                    name: "Batches whose paper is destroyed",
                    value: words.grouped(UInt64(batches.count { $0.destroyed != nil }))),
                .init(
                    name: "Documents filed from paper",
                    value: words.grouped(
                        UInt64(batches.filter { $0.stage == .sealed }.reduce(0) { $0 + $1.batch.documents }))),
                .init(
                    name: "Pages scanned in sealed batches",
                    value: words.grouped(batches.filter { $0.stage == .sealed }.reduce(0) { $0 + ($1.pages ?? 0) })),
            ], lines: lines, out: zip(batches, lines).filter { $0.0.paper == .out }.map(\.1),
            isAnyOut: batches.contains { $0.paper == .out }, mayBegin: acting.may(.file, in: visit.vault)))
}

func stageWords(_ stage: PaperStage) -> String {
    switch stage {
    case .open: "Being scanned"
    case .presented: "Waiting to be checked"
    case .checked: "Checked, waiting to be sealed"
    case .sealed: "Sealed"
    case .givenUp: "Given up"
    }
}

private func waitsFor(_ line: PaperBatchLine) -> String {
    switch line.stage {
    case .open, .checked: "Waits for \(line.operator)"
    case .presented: "Waits for \(line.checker ?? "")"
    case .sealed, .givenUp: ""
    }
}

/// Cabinets side by side, each with its drawers, each drawer filled as far as its batches are sealed.
struct CabinetPicture {
    struct Drawer {
        let y: Int
        let textY: Int
        let filled: Int
        let half: Int
        let halfX: Int
        let name: String
        let words: String
        let isWhole: Bool
    }
    struct Cabinet {
        let x: Int
        let centre: Int
        let height: Int
        let name: String
        let drawers: [Drawer]
    }
    let width: Int
    let height: Int
    let cabinets: [Cabinet]
    let description: String
    let drawerWidth: Int
    let drawerHeight: Int

    private static let drawerWidth = 180
    private static let drawerHeight = 64
    private static let inset = 20

    init(_ batches: [PaperBatchLine]) {
        let counted = batches.filter { $0.stage != .givenUp }
        let byCabinet = Dictionary(grouping: counted) { $0.facts.cabinet }
        var described: [String] = []
        let made = byCabinet.sorted { $0.key.localizedStandardCompare($1.key) == .orderedAscending }.enumerated().map {
            place, cabinet -> Cabinet in
            let x = place * (Self.drawerWidth + 2 * Self.inset)
            let drawers = Dictionary(grouping: cabinet.value) { $0.facts.drawer }
                .sorted { $0.key.localizedStandardCompare($1.key) == .orderedAscending }.enumerated().map {
                    row, drawer -> Drawer in
                    let sealed = drawer.value.count { $0.stage == .sealed }
                    let begun = drawer.value.count - sealed
                    let all = drawer.value.count
                    let y = 34 + row * (Self.drawerHeight + 8)
                    let words = "\(sealed) of \(all) sealed"
                    described.append(
                        "Cabinet \(cabinet.key), drawer \(drawer.key.isEmpty ? "not said" : drawer.key): \(words).")
                    let filled = sealed * Self.drawerWidth / all
                    return Drawer(
                        y: y, textY: y + 26, filled: filled, half: begun * Self.drawerWidth / all, halfX: x + filled,
                        name: drawer.key.isEmpty ? "Drawer not said" : "Drawer \(drawer.key)", words: words,
                        isWhole: begun == 0)
                }
            return Cabinet(
                x: x, centre: x + Self.drawerWidth / 2, height: 40 + drawers.count * (Self.drawerHeight + 8),
                name: "Cabinet \(cabinet.key)", drawers: drawers)
        }
        cabinets = made
        width = max(made.count * (Self.drawerWidth + 2 * Self.inset), 1)
        height = (made.map(\.height).max() ?? 0) + 4
        description = described.joined(separator: " ")
        drawerWidth = Self.drawerWidth
        drawerHeight = Self.drawerHeight
    }
}
