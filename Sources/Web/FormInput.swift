/// A field of a form as the partial `form-input` shows it: a line, a text, one of several answers, or one of a list.
struct FormInput {
    let id: String
    /// What the form calls it.
    let name: String
    let label: String
    let hint: String?
    let error: String?
    let value: String
    let isLine: Bool
    let isText: Bool
    let isChoice: Bool
    var isSelect = false
    /// Of a line, how wide; of a text, how many rows.
    let size: String
    let choices: [Choice]
    let described: String?

    /// What describes the field: the hint and the error, where they are there.
    static func described(_ id: String, _ hint: String?, _ error: String?) -> String? {
        let parts = [hint.map { _ in id + "-hint" }, error.map { _ in id + "-error" }].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: " ")
    }

    /// One line of text.
    static func line(
        _ id: String, _ label: String, _ field: Field, hint: String? = nil, size: String = "w20"
    ) -> FormInput {
        FormInput(
            id: id, name: id, label: label, hint: hint, error: field.error, value: field.value, isLine: true,
            isText: false,
            isChoice: false, size: size, choices: [], described: described(id, hint, field.error))
    }

    /// A text of several lines.
    ///
    /// - Parameter id: its own, where several forms of the page have a field of this name.
    static func text(
        _ name: String, _ label: String, _ field: Field, hint: String? = nil, rows: Int = 3, id: String? = nil
    ) -> FormInput {
        let id = id ?? name
        return FormInput(
            id: id, name: name, label: label, hint: hint, error: field.error, value: field.value, isLine: false,
            isText: true,
            isChoice: false, size: String(rows), choices: [], described: described(id, hint, field.error))
    }

    /// One of several answers, all of them shown.
    static func choice(
        _ id: String, _ label: String, _ choices: [Choice], error: String?, hint: String? = nil
    ) -> FormInput {
        FormInput(
            id: id, name: id, label: label, hint: hint, error: error, value: "", isLine: false, isText: false,
            isChoice: true,
            size: "", choices: choices, described: described(id, hint, error))
    }

    /// One of a list, or none yet.
    static func select(
        _ id: String, _ label: String, _ choices: [Choice], error: String?, none: String, hint: String? = nil
    ) -> FormInput {
        FormInput(
            id: id, name: id, label: label, hint: hint, error: error, value: none, isLine: false, isText: false,
            isChoice: false, isSelect: true, size: "", choices: choices, described: described(id, hint, error))
    }

    /// Where the error summary leads: of several answers to the first of them, which the keyboard reaches.
    var anchor: String { isChoice ? choices.first.map { "\(id)-\($0.value)" } ?? id : id }
}
