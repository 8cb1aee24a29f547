public import Inspection
public import Records

extension ScannedPage {
    /// What splitting needs of what the sandbox saw. A page that could not be drawn may be a sheet: nobody knows.
    public init(_ reading: PageReading?) {
        guard let reading else {
            self.init(hasUnreadCode: true)
            return
        }
        let own = reading.codes.first { SheetCode(text: $0.text) != nil }
        // A quarter is what is nearest; how far a page lies askew is its quality, and not how it was put in.
        let turn = own.flatMap { Turn(rawValue: ($0.degrees + 45) / 90 % 4) }
        self.init(
            codes: reading.codes.map(\.text), hasUnreadCode: reading.unreadCodes > 0, isBlank: reading.isBlank,
            turn: turn ?? .upright)
    }
}
