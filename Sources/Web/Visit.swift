import Custody
import Foundation
import HTTPTypes
import Hummingbird
import Records

/// One request on its way through: what was asked, by whom, and with what.
struct Visit: Sendable {
    let site: Site
    let request: Request
    let route: Route
    let parameters: [Substring: String]
    let query: Form
    let session: Session?
    /// The scan station that asks, where one does.
    let station: Acting?
    let nonce: String
    let now: Timestamp
    /// Where the request comes from, as far as the connection says; empty where it says nothing.
    var address = ""
    /// The agency that asks, on a page of theirs.
    var agency: AgencySession?
    var form = Form()

    var vault: Vault { site.vault }
    var words: Wording { site.words }

    /// Who acts. Routes that need somebody are not reached without.
    var acting: Acting {
        get throws(Fault) {
            guard let acting = station ?? session?.acting else { throw .sessionEnded }
            return acting
        }
    }

    /// A segment of the address.
    func parameter(_ name: Substring) throws(Fault) -> String {
        guard let value = parameters[name] else { throw .noSuchPage }
        return value
    }

    /// The id in a segment of the address; another text is an address that is not there.
    func id<Of>(_ name: Substring) throws(Fault) -> Identifier<Of> {
        guard let id = Identifier<Of>(text: try parameter(name)) else { throw .noSuchPage }
        return id
    }

    /// A whole number of the address's query; the default where it is left out or empty.
    func number(_ name: String, in range: ClosedRange<Int>, otherwise: Int) throws(Fault) -> Int {
        let text = query[name]
        if text.isEmpty { return otherwise }
        guard let number = Int(text), range.contains(number) else { throw .noSuchPage }
        return number
    }

    /// The pupil that the address names by reference.
    func pupil() throws -> Pupil {
        try vault.pupil(reference: parameter("pupil"), as: acting)
    }

    /// What stands around every page.
    func chrome(_ title: String, back: Link? = nil, wide: Bool = false, problems: [ProblemLink] = []) -> Chrome {
        Chrome(
            title: (problems.isEmpty ? "" : "Error: ") + title, school: vault.policies.school.name,
            styles: site.assets.stylesPath, script: site.assets.scriptPath, icon: site.assets.iconPath, nonce: nonce,
            csrf: session?.csrf ?? "", back: back, wide: wide, problems: problems, hasProblems: !problems.isEmpty,
            visitor: session.map { session in
                let seconds = min(session.idleSecondsLeft, session.lifetimeSecondsLeft)
                let until = Timestamp(milliseconds: now.milliseconds + Int64(seconds) * 1000)
                return Visitor(
                    name: session.acting.name, roles: words.roles(session.acting.roles), until: words.timeOfDay(until),
                    moment: words.moment(now), secondsLeft: seconds,
                    place: request.method == .get ? request.uri.string : "/")
            }, isForAgency: request.isAgencys, guest: agency.map { Guest($0, now, words, vault.policies) })
    }

    /// A page from its template and its struct.
    func page(_ template: Template, _ contents: Any, status: HTTPResponse.Status = .ok) -> Reply {
        .text(site.templates.render(template, contents), "text/html; charset=utf-8", status: status).with { reply in
            // What is shown to an agency goes from the screen when its session ends, without a script.
            if let agency { reply.headers[.refresh] = "\(agency.secondsLeft(now, vault.policies)); url=/agency/ended" }
        }
    }
}

/// What stands around every page.
struct Chrome {
    let title: String
    let school: String
    let styles: String
    let script: String
    let icon: String
    let nonce: String
    let csrf: String
    let back: Link?
    let wide: Bool
    let problems: [ProblemLink]
    let hasProblems: Bool
    let visitor: Visitor?
    /// Whether it is a page for an agency: then nothing leads into the school's own pages.
    let isForAgency: Bool
    let guest: Guest?
}

/// Who is signed in, for the head of the page.
struct Visitor {
    let name: String
    let roles: String
    let until: String
    let moment: String
    let secondsLeft: Int
    /// The page, to come back to after the screen was hidden.
    let place: String
}

/// A link with its words.
struct Link {
    let href: String
    let text: String
}

/// A line of the error summary, with the field it is about.
struct ProblemLink {
    let href: String
    let text: String
}

/// A field of a form as it stands, with what is wrong with it.
struct Field {
    var value = ""
    var error: String?
}

/// One of several answers.
struct Choice {
    let value: String
    let title: String
    var chosen = false
}
