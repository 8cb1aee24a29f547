/// One recipient's part of an age header: a type, its arguments and a body.
public struct Stanza: Hashable, Sendable {
    /// What kind of recipient this is for; unknown kinds are carried and passed over.
    public let type: String
    /// The arguments after the type.
    public let arguments: [String]
    /// The body, decoded.
    public let body: [UInt8]

    package init(type: String, arguments: [String], body: [UInt8]) {
        self.type = type
        self.arguments = arguments
        self.body = body
    }

    /// The one encoding of the stanza.
    package var bytes: [UInt8] {
        var out = Array("->".utf8)
        for argument in [type] + arguments {
            out.append(UInt8(ascii: " "))
            out += Array(argument.utf8)
        }
        out.append(UInt8(ascii: "\n"))
        let body = Base64.encode(body)
        var start = 0
        // A body always ends with a line shorter than 64 columns, if need be an empty one.
        while body.count - start >= 64 {
            out += body[start..<start + 64]
            out.append(UInt8(ascii: "\n"))
            start += 64
        }
        out += body[start...]
        out.append(UInt8(ascii: "\n"))
        return out
    }
}
