import Custody
import HTTPTypes
import Records

// What the child was told of a disclosure, by whom and when; or why not, and when that is looked at again.

let childRoutes: [Route] = [
    Route(.get, "/permissions/{permission}/child", .read) { visit in try childPage(visit) },
    Route(
        .post, "/permissions/{permission}/child", .read, body: .form(ChildQuestion.names), handle: recordInformed),
]

/// The question what the child is told, as it stands.
struct ChildQuestion {
    static let names: Set = ["child", "told-words", "told-by", "told-day", "untold-words", "review"]

    let whether: FormInput
    let told: [FormInput]
    let isTold: Bool
    let untold: [FormInput]
    let isUntold: Bool

    /// - Parameter later: whether it may be recorded at another time.
    init(_ form: Form, refusal: Refusal?, later: Bool) {
        let answer = form["child"]
        let place = refusal?.code.hasPrefix("informed.") == true ? String(refusal?.code.dropFirst(9) ?? "") : ""
        func error(_ name: String, _ ofAnswer: String? = nil) -> String? {
            guard place == name, ofAnswer == nil || ofAnswer == answer else { return nil }
            return refusal.map { "\($0.message) \($0.hint)" }
        }
        var choices = [("told", "They were told"), ("untold", "They are not told, for now")]
        if later { choices.append(("later", "I will record it later: it stays open until then")) }
        whether = .choice(
            "child", "What is the child told?",
            choices.map { Choice(value: $0, title: $1, chosen: answer == $0) }, error: error("choice"))
        told = [
            .text("told-words", "What they were told", Field(value: form["told-words"], error: error("words", "told"))),
            .line("told-by", "By whom", Field(value: form["told-by"], error: error("by"))),
            .line(
                "told-day", "On which day", Field(value: form["told-day"], error: error("day")),
                hint: "Such as 18 December 2026.", size: "w10 figures"),
        ]
        isTold = answer == "told"
        untold = [
            .text(
                "untold-words", "Why not", Field(value: form["untold-words"], error: error("words", "untold")),
                hint: "Such as: the police asked not to, since it would warn somebody."),
            .line(
                "review", "On which day this is looked at again",
                Field(value: form["review"], error: error("review")), hint: "Such as 18 December 2026.",
                size: "w10 figures"),
        ]
        isUntold = answer == "untold"
    }

    /// Where the error is; nil where there is none.
    var anchor: String? { ([whether] + told + untold).first { $0.error != nil }?.anchor }

    /// What was answered; nil where it is recorded later.
    ///
    /// - Throws: a refusal `informed.choice` where nothing was.
    static func answer(_ form: Form, later: Bool) throws(Refusal) -> ChildInformed? {
        switch form["child"] {
        case "told":
            return ChildInformed(
                told: true, words: form["told-words"], day: trimmed(form["told-day"]), by: form["told-by"])
        case "untold":
            return ChildInformed(told: false, words: form["untold-words"], review: trimmed(form["review"]))
        case "later" where later: return nil
        default:
            throw Refusal(
                code: "informed.choice", message: "It is not said what the child is told.",
                hint: later
                    ? "Choose one, or that you will record it later." : "Choose whether they were told.")
        }
    }
}

struct ChildPage {
    let chrome: Chrome
    let pupil: PupilBanner
    let reference: String
    let officer: String
    let earlier: [String]
    let hasEarlier: Bool
    let child: ChildQuestion
    let action: String
    let csrf: String
}

private func childPage(_ visit: Visit, refusal: Refusal? = nil) throws -> Reply {
    let (request, permission) = try visit.permission()
    let child = ChildQuestion(visit.form, refusal: refusal, later: false)
    return visit.page(
        .childInformed,
        ChildPage(
            chrome: visit.chrome(
                "What the child was told of \(permission.id.reference)", back: request.back,
                problems: refusal.map {
                    [ProblemLink(href: "#" + (child.anchor ?? "child-told"), text: "\($0.message) \($0.hint)")]
                } ?? []),
            pupil: PupilBanner(request.pupil, visit.words), reference: permission.id.reference,
            officer: permission.officer,
            earlier: permission.informed.map { "\(visit.words.told($0)): \($0[.words])" },
            hasEarlier: !permission.informed.isEmpty, child: child, action: "\(permission.href)/child",
            csrf: visit.session?.csrf ?? ""), status: refusal == nil ? .ok : .unprocessableContent)
}

private func recordInformed(_ visit: Visit) throws -> Reply {
    let (request, permission) = try visit.permission()
    do {
        guard let informed = try ChildQuestion.answer(visit.form, later: false) else { throw Fault.unknownField }
        try visit.vault.recordInformed(informed, of: permission.id, as: visit.acting)
    } catch let refusal as Refusal {
        return try childPage(visit, refusal: refusal)
    } catch VaultError.refused(let refusal) where refusal.code.hasPrefix("informed.") {
        return try childPage(visit, refusal: refusal)
    }
    return .redirect(request.href)
}
