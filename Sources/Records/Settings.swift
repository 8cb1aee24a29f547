import Yams

/// A program's settings from a file: one YAML mapping of names, as the flags have them, to single values.
public struct Settings: Hashable, Sendable {
    private let values: [String: String]

    /// No settings.
    public init() { values = [:] }

    /// Reads a file's text.
    ///
    /// - Parameter known: every name that there is.
    /// - Throws: a refusal `settings.unreadable` that names what is not known, not a single value, or said twice.
    public init(parsing text: String, known: Set<String>) throws(Refusal) {
        let node: Node?
        do { node = try Yams.compose(yaml: text) } catch { throw .settingsUnreadable("it is not one YAML mapping") }
        var values: [String: String] = [:]
        switch node {
        case nil: break
        case .mapping(let mapping):
            for (key, value) in mapping {
                guard let name = key.scalar?.string, known.contains(name) else {
                    throw .settingsUnreadable("\(key.scalar?.string ?? "one name") is no setting")
                }
                guard let scalar = value.scalar, value.null == nil, !scalar.string.isEmpty else {
                    throw .settingsUnreadable("\(name) is not a single value")
                }
                guard values.updateValue(scalar.string, forKey: name) == nil else {
                    throw .settingsUnreadable("\(name) stands there twice")
                }
            }
        default: throw .settingsUnreadable("it is not one YAML mapping")
        }
        self.values = values
    }

    /// The value of a name; nil where it is not set.
    public subscript(name: String) -> String? { values[name] }
}

extension Refusal {
    fileprivate static func settingsUnreadable(_ what: String) -> Refusal {
        Refusal(
            code: "settings.unreadable", message: "The file of settings cannot be used: \(what).",
            hint: "It has lines such as \"port: 8443\", with the names of the flags. Nothing was started.")
    }
}
