import Custody
import HTTPTypes
import Hummingbird
import Records

let signInsRoutes: [Route] = [
    Route(.get, "/sign-ins", .signedIn, handle: showSignIns),
    Route(.post, "/sign-ins", .signedIn, body: .form(["session"]), handle: endSignIn),
]

/// One place where somebody is signed in, for a list.
struct PlaceRow {
    let session: String
    let device: String
    let opened: String
    let used: String
    let isThis: Bool
    let csrf: String

    init(_ place: SignedInPlace, _ visit: Visit) {
        session = place.session.text
        device = place.device.isEmpty ? "A browser" : place.device
        opened = visit.words.moment(place.opened)
        used =
            place.idleSeconds < 60 ? "just now" : "\(visit.words.count(place.idleSeconds / 60, "minute")) ago"
        isThis = place.session == visit.session?.acting.session
        csrf = visit.session?.csrf ?? ""
    }
}

struct SignInsPage {
    let chrome: Chrome
    let places: [PlaceRow]
    let hasOthers: Bool
    let idle: String
    let lifetime: String
    let csrf: String
}

private func showSignIns(_ visit: Visit) throws -> Reply {
    let places = try visit.vault.places(of: visit.acting).map { PlaceRow($0, visit) }
    let policy = visit.vault.policies.sessions
    return visit.page(
        .signIns,
        SignInsPage(
            chrome: visit.chrome("Your sign-ins", back: Link(href: "/", text: "Home")), places: places,
            hasOthers: places.contains { !$0.isThis }, idle: visit.words.count(policy.idleMinutes, "minute"),
            lifetime: visit.words.count(policy.lifetimeHours, "hour"), csrf: visit.session?.csrf ?? ""))
}

private func endSignIn(_ visit: Visit) throws -> Reply {
    var session: SessionID?
    if !visit.form["session"].isEmpty {
        guard let id = SessionID(text: visit.form["session"]) else { throw Fault.unknownField }
        session = id
    }
    try visit.vault.endSignIn(session, as: visit.acting)
    return .redirect("/sign-ins")
}

/// What a browser says of itself, in a few words that its person knows it by: `Firefox on Windows`. Nothing else of it is
/// kept.
func device(_ userAgent: String?) -> String {
    guard let text = userAgent else { return "" }
    // In this order: most browsers also name those that they are like.
    let browsers = [("Edg", "Edge"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari")]
    let systems = [
        ("Windows", "Windows"), ("Android", "Android"), ("iPhone", "an iPhone"), ("iPad", "an iPad"),
        ("CrOS", "a Chromebook"), ("Mac OS", "a Mac"), ("Linux", "Linux"),
    ]
    let browser = browsers.first { text.contains($0.0) }?.1
    let system = systems.first { text.contains($0.0) }?.1
    return [browser ?? "A browser", system].compactMap { $0 }.joined(separator: " on ")
}
