import Custody
import HTTPTypes
import Records

let ledgerRoutes: [Route] = [Route(.get, "/ledger", .seeFigures, handle: showLedger)]

struct LedgerPage {
    let chrome: Chrome
    let statements: String
    let documents: String
    let quarantined: String
    let pupils: String
    let people: String
    let room: String
    let checkpoint: String
    let asOf: String
}

private func showLedger(_ visit: Visit) throws -> Reply {
    let (figures, words) = (try visit.vault.figures(as: visit.acting), visit.words)
    func number(_ count: Int) -> String { words.grouped(UInt64(max(count, 0))) }
    return visit.page(
        .ledger,
        LedgerPage(
            chrome: visit.chrome("How the record stands", back: Link(href: "/", text: "Home")),
            statements: words.grouped(figures.statements), documents: number(figures.documents),
            quarantined: number(figures.quarantined), pupils: number(figures.pupils), people: number(figures.people),
            room: words.size(figures.room), checkpoint: figures.checkpoint, asOf: words.moment(visit.now)))
}
