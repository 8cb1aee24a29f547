/// A file's name as it may be shown on a page or a terminal: what steers either is made visible, and at most 120
/// characters of it stand.
public func visible(_ filename: String) -> String {
    String(
        String.UnicodeScalarView(
            filename.unicodeScalars.prefix(120).map { scalar in
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                    "\u{FFFD}"
                default: scalar
                }
            }))
}
