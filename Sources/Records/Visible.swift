/// A file's name as it may be shown on a page or a terminal: what steers either is made visible, and of more than 120
/// characters the first 90 and the last 29 stand, with an ellipsis between.
public func visible(_ filename: String) -> String {
    var scalars = Array(filename.unicodeScalars)
    if scalars.count > 120 { scalars = scalars.prefix(90) + ["\u{2026}"] + scalars.suffix(29) }
    return String(
        String.UnicodeScalarView(
            scalars.map { scalar in
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                    "\u{FFFD}"
                default: scalar
                }
            }))
}
