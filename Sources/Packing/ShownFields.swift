import Ledger
import Records
import Sealing

/// The fields of a sealed detail that are shown, as a file: name → value and salt.
enum ShownFields {
    static func encoded(_ fields: [String: Detail.Field]) throws(LedgerError) -> [UInt8] {
        try CanonicalValue.object(
            fields.mapValues {
                .object(["salt": .string(Base64.encode($0.salt)), "value": .string(Base64.encode($0.value))])
            }
        ).encoded()
    }

    /// Reads what ``encoded(_:)`` gives, and nothing else.
    static func parse(_ bytes: [UInt8]) -> [String: (value: [UInt8], salt: [UInt8])]? {
        guard let object = (try? CanonicalValue(parsing: bytes))?.object else { return nil }
        var fields: [String: (value: [UInt8], salt: [UInt8])] = [:]
        for (name, field) in object {
            guard field.object?.count == 2, let value = field["value"]?.string.flatMap({ Base64.decode($0) }),
                let salt = field["salt"]?.string.flatMap({ Base64.decode($0) })
            else { return nil }
            fields[name] = (value, salt)
        }
        return fields
    }
}
