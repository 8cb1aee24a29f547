import Custody
import Records

/// Who can read something, and along which key: drawn as boxes and lines, beside the same in words.
///
/// The page's own text says it all; the picture is for the eye, so it has one label and no text that is read aloud.
struct KeyPicture {
    struct Box {
        let x: Int
        let y: Int
        let width: Int
        let textX: Int
        let textY: Int
        let text: String
        let isKey: Bool
        let isFaint: Bool
    }
    struct Line {
        let path: String
        let isFaint: Bool
    }
    let width: Int
    let height: Int
    let boxes: [Box]
    let lines: [Line]
    let label: String

    private static let row = 44
    private static let boxHeight = 32

    /// A key on the left, the keys that it is sealed to in the middle, and what hangs on each of them on the right.
    ///
    /// - Parameter branches: what stands in the middle, nil for straight to the right, and what hangs on it.
    init(root: String, branches: [(key: String?, ends: [(text: String, isFaint: Bool)])], label: String) {
        var boxes: [Box] = []
        var lines: [Line] = []
        // As wide as a page's column; what a box has no room for stands in the list beneath.
        let (rootWidth, middle, middleWidth, right, rightWidth) = (142, 176, 240, 450, 236)
        let count = max(1, branches.reduce(0) { $0 + max(1, $1.ends.count) })
        let rootY = count * Self.row / 2
        func box(_ text: String, _ x: Int, _ width: Int, _ y: Int, isKey: Bool, isFaint: Bool = false) {
            let room = (width - 20) / 9
            let shown = text.count > room ? text.prefix(room - 1) + "…" : text[...]
            boxes.append(
                Box(
                    x: x, y: y - Self.boxHeight / 2, width: width, textX: x + 12, textY: y + 6, text: String(shown),
                    isKey: isKey, isFaint: isFaint))
        }
        func line(_ fromX: Int, _ fromY: Int, _ toX: Int, _ toY: Int, isFaint: Bool = false) {
            let half = (fromX + toX) / 2
            lines.append(
                Line(path: "M\(fromX) \(fromY)C\(half) \(fromY) \(half) \(toY) \(toX) \(toY)", isFaint: isFaint))
        }
        box(root, 0, rootWidth, rootY, isKey: true)
        var place = 0
        for branch in branches {
            let first = place
            place += max(1, branch.ends.count)
            let middleY = (first + place) * Self.row / 2
            if let key = branch.key {
                box(key, middle, middleWidth, middleY, isKey: true)
                line(rootWidth, rootY, middle, middleY)
            }
            for (offset, end) in branch.ends.enumerated() {
                let y = (first + offset) * Self.row + Self.row / 2
                box(end.text, right, rightWidth, y, isKey: false, isFaint: end.isFaint)
                if branch.key == nil {
                    line(rootWidth, rootY, right, y, isFaint: end.isFaint)
                } else {
                    line(middle + middleWidth, middleY, right, y, isFaint: end.isFaint)
                }
            }
        }
        (self.boxes, self.lines, self.label) = (boxes, lines, label)
        width = right + rightWidth + 1
        height = count * Self.row
    }
}

/// One who can read a pupil file, for a list.
struct ReaderLine {
    let name: String
    let roles: String
    let why: String
    let isSuspended: Bool
}

extension Visit {
    /// Who can read a pupil file, drawn and listed.
    func readers(
        _ paths: [KeyPath], _ accesses: [AccessListing]
    ) throws -> (lines: [ReaderLine], picture: KeyPicture) {
        let recovery = try vault.recoveryState().flatMap { $0.standing == .used ? nil : $0 }
        func why(_ path: KeyPath) -> String {
            guard case .access(let id) = path.way else { return "holds the safeguarding team’s key" }
            guard let access = accesses.first(where: { $0.id == id }) else { return "was given access" }
            let last = words.lastDay(before: access.expires)
            let what = access.whole ? "the whole file" : words.count(access.documents, "document")
            return "\(what), until \(last)" + (access.reason.isEmpty ? "" : ": \(access.reason)")
        }
        let team = paths.filter { $0.way == .team }
        let named = paths.filter { $0.way != .team }
        let sheets = recovery.map { "\($0.threshold) of \($0.holders.count) sheets of paper" }
        let branches: [(key: String?, ends: [(text: String, isFaint: Bool)])] = [
            (
                "Safeguarding team’s key",
                team.map { ($0.name, $0.isSuspended) } + (sheets.map { [("Recovery: \($0)", true)] } ?? [])
            ),
            (nil, named.map { ("\($0.name): own key", $0.isSuspended) }),
        ].filter { !$0.1.isEmpty }
        return (
            paths.map {
                ReaderLine(name: $0.name, roles: words.roles($0.roles), why: why($0), isSuspended: $0.isSuspended)
            }
                + (sheets.map {
                    [ReaderLine(name: "Recovery key", roles: $0, why: "if no lead is left", isSuspended: false)]
                } ?? []),
            KeyPicture(
                root: "This file’s key", branches: branches,
                label: "Picture of the keys to this file; the list below says the same")
        )
    }
}

extension Wording {
    /// The last whole day before an instant, in words.
    func lastDay(before end: Timestamp) -> String { longDay(Timestamp(milliseconds: end.milliseconds - 1)) }
}
