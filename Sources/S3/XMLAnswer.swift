/// What a store answers in XML, read with suspicion: elements and their texts, nothing else.
package struct XMLAnswer {
    /// One element without others in it.
    package struct Leaf {
        /// The names of the elements around it, and its own, without name spaces.
        package let path: [String]
        package let text: String
        /// Which element of its parent's name it is in, counted from the beginning.
        package let parent: Int
    }

    package let leaves: [Leaf]

    /// Nil for what is not well-formed, has a document type, or is deeper than such answers are.
    package init?(_ bytes: [UInt8]) {
        var leaves: [Leaf] = []
        var open: [(name: String, number: Int, text: [UInt8], isLeaf: Bool)] = []
        var count = 0
        var at = 0
        while at < bytes.count {
            guard bytes[at] == UInt8(ascii: "<") else {
                if !open.isEmpty { open[open.count - 1].text.append(bytes[at]) }
                at += 1
                continue
            }
            guard let end = bytes[at...].firstIndex(of: UInt8(ascii: ">")) else { return nil }
            let tag = bytes[(at + 1)..<end]
            at = end + 1
            switch tag.first {
            case UInt8(ascii: "?"): continue
            case UInt8(ascii: "!"), nil: return nil
            case UInt8(ascii: "/"):
                guard let closed = open.popLast(), closed.name == Self.name(tag.dropFirst()) else { return nil }
                guard closed.isLeaf else { continue }
                guard let text = Self.decoded(closed.text) else { return nil }
                leaves.append(
                    Leaf(path: open.map(\.name) + [closed.name], text: text, parent: open.last?.number ?? 0))
            default:
                guard open.count < 16 else { return nil }
                let isEmpty = tag.last == UInt8(ascii: "/")
                let name = Self.name(isEmpty ? tag.dropLast() : tag)
                count += 1
                if !open.isEmpty { open[open.count - 1].isLeaf = false }
                if isEmpty {
                    leaves.append(Leaf(path: open.map(\.name) + [name], text: "", parent: open.last?.number ?? 0))
                } else {
                    open.append((name, count, [], true))
                }
            }
        }
        guard open.isEmpty, count > 0 else { return nil }
        self.leaves = leaves
    }

    /// The text of the first element of that path.
    package func text(_ path: String...) -> String? { leaves.first { $0.path == path }?.text }

    private static func name(_ tag: ArraySlice<UInt8>) -> String {
        let name = tag.prefix { ![UInt8(ascii: " "), 9, 10, 13].contains($0) }
        return String(decoding: name.split(separator: UInt8(ascii: ":")).last ?? name, as: UTF8.self)
    }

    /// Text with its references resolved.
    private static func decoded(_ bytes: [UInt8]) -> String? {
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.contains("&") else { return text }
        var parts = text.split(separator: "&", omittingEmptySubsequences: false)
        var out = String(parts.removeFirst())
        for part in parts {
            guard let end = part.firstIndex(of: ";") else { return nil }
            switch part[..<end] {
            case "amp": out += "&"
            case "lt": out += "<"
            case "gt": out += ">"
            case "quot": out += "\""
            case "apos": out += "'"
            case let number where number.hasPrefix("#"):
                let value = number.hasPrefix("#x") ? UInt32(number.dropFirst(2), radix: 16) : UInt32(number.dropFirst())
                guard let scalar = value.flatMap(Unicode.Scalar.init) else { return nil }
                out.unicodeScalars.append(scalar)
            default: return nil
            }
            out += part[part.index(after: end)...]
        }
        return out
    }
}
