import Custody
import Records

// What stands of requests and permissions on more than one page, in words.

extension RequestListing {
    var href: String { "/requests/\(id.text)" }
    var back: Link { Link(href: href, text: "Request \(id.reference)") }
    /// Whether nothing was decided yet.
    var isWaiting: Bool { refused == nil && permissions.isEmpty }

    /// `DC Ann Example (4411), Harrow Vale Police`.
    var who: String {
        let number = self[.number].isEmpty ? "" : " (\(self[.number]))"
        return "\(self[.officer]), \(self[.rank])\(number), \(self[.organisation])"
    }

    /// What became of it, in a few words.
    var standing: String {
        if refused != nil { return "Refused" }
        if permissions.isEmpty { return "Waits for a decision" }
        return permissions.contains(where: \.isOpen) ? "Permission given" : "Permission over"
    }
}

extension PermissionListing {
    var href: String { "/permissions/\(id.text)" }

    /// Whether it opens something now or will.
    var isOpen: Bool {
        switch standing {
        case .notYet, .active: true
        case .withdrawn, .ended: false
        }
    }

    /// `DC Ann Example (4411), Harrow Vale Police`.
    var officer: String {
        let number = self[.number].isEmpty ? "" : " (\(self[.number]))"
        return "\(self[.officer]), \(self[.rank])\(number), \(self[.organisation])"
    }
}

extension PermissionStanding {
    /// In a word or two, for a tag.
    var title: String {
        switch self {
        case .notYet: "Not open yet"
        case .active: "Open"
        case .withdrawn: "Withdrawn"
        case .ended: "Over"
        }
    }
}

extension Wording {
    /// What more there is to say of how a permission stands; nil where the tag says it all.
    func standing(_ permission: PermissionListing) -> String? {
        switch permission.standing {
        case .notYet: "It opens on \(moment(permission.from))."
        case .active: nil
        case .withdrawn(let decided): "Withdrawn \(moment(decided.at)) by \(decided.by)."
        case .ended(.expired): "Its last day is over."
        case .ended(.used): "Copies were taken as often as it allows."
        case .ended(.codes):
            "Too many wrong codes were tried with its link. If the officer still needs it, give another permission."
        }
    }

    /// Whether documents may be looked at or taken, and how often they were.
    func allows(_ permission: PermissionListing) -> String {
        guard permission.copies > 0 else { return "To be looked at, without taking copies" }
        let most = Int(clamping: permission.copies)
        return
            "To be looked at, and copies to be taken \(most == 1 ? "once" : "\(most) times"): taken \(count(Int(clamping: permission.taken), "time")) so far"
    }

    /// What was let out, once.
    func what(_ issue: IssueListing, of permission: PermissionListing) -> String {
        switch issue.manner {
        case .view:
            "Looked at \(issue.exhibit ?? "an exhibit"): "
                + (issue.closed == nil ? "still open" : count(Int(clamping: issue.pages), "page"))
        case .pack:
            "Copies of \(permission.exhibits.count == 1 ? "the exhibit" : "all \(permission.exhibits.count) exhibits"): "
                + (issue.closed == nil
                    ? "on their way" : "\(size(issue.bytes)), \(issue.complete ? "whole" : "not all of it went out")")
        }
    }

    /// Whether a child was told, and when that is looked at again.
    func told(_ informed: InformedListing) -> String {
        informed.told
            ? "Told on \(date(informed[.day])) by \(informed[.by])"
            : "Not told. To be looked at again on \(date(informed[.review]))"
    }
}

extension String {
    /// For the middle of a sentence.
    var lowercasedFirst: String { prefix(1).lowercased() + dropFirst() }
}
