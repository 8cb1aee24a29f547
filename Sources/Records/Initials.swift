/// What a sheet shows of a name, so that somebody who has the folder in hand can tell that it is the right one, and somebody
/// who finds the sheet learns no name: the first letter of each part, three at the most.
public struct Initials: Hashable, Sendable {
    /// Such as `M.T.`; empty where the name has no letters.
    public let text: String

    /// The initials of a name; parts are divided by spaces and hyphens.
    public init(of name: String) {
        let parts = name.split { $0.isWhitespace || $0 == "-" || $0 == "‐" }
        let letters = parts.compactMap { $0.first(where: \.isLetter) }.map { String($0).uppercased() }
        // Who has many names is known by the first two and the last.
        let shown = letters.count > 3 ? letters.prefix(2) + letters.suffix(1) : letters[...]
        text = shown.map { $0 + "." }.joined()
    }
}
