// multipart/form-data, RFC 7578 over RFC 2046, as a state machine that is fed whatever pieces come.
//
// - A delimiter is CR LF `--` boundary; the CR LF belongs to it and not to the data before. At the start of the body,
//   and where a part's data would start, it may stand without.
// - It counts only if `--`, or blanks and CR LF, follow. Otherwise it merely looks alike, and is data. After the final
//   `--` come blanks at most and then a line end, or the body is refused: never is a part silently cut short.
// - Data is handed on as slices of what was fed. Only a look-alike that lies across two pieces comes from elsewhere.
// - The boundary has no CR in it, so a look-alike that fails cannot hold the start of another: what was matched is
//   data, and the search starts anew at the byte that differed. Horspool's search skips most bytes unread.

/// Reads a form's body piece by piece, copying no data.
///
/// Feed it every piece in order, then call ``finish()``: only when that returns was the body whole. Sizes of data and
/// numbers of parts are for the caller to limit.
public struct MultipartParser: ~Copyable, Sendable {
    /// What was read, in order: for each part ``part(_:)``, any number of ``data(_:)``, ``partEnd``; then ``end``.
    public enum Event {
        /// A part begins.
        case part(Part)
        /// More of the part's data, not empty; valid only until the handler returns.
        case data(UnsafeRawBufferPointer)
        /// The part's data is whole.
        case partEnd
        /// The final boundary was read.
        case end
    }

    /// The most bytes a part's header may have, line ends counted.
    public static let maximumHeaderByteCount = 16384
    /// The most characters a boundary may have.
    public static let maximumBoundaryCount = 70
    /// The most blanks read between a boundary and its line end.
    private static let maximumPaddingCount = 64

    private enum Phase {
        case preamble
        case data
        /// The delimiter was read; what follows says which it is. `tail` holds what followed so far.
        case delimiter(inPart: Bool)
        case header
        /// After the final boundary, before its line end; true once the CR was read.
        case closing(carriageReturn: Bool)
        case epilogue
    }

    /// CR LF `--` boundary.
    private let delimiter: [UInt8]
    /// How far Horspool's search goes on, by the byte at the window's end.
    private let shifts: [UInt8]
    private var phase = Phase.preamble
    /// How much of the delimiter the bytes just before match.
    private var matched = 2
    /// How much of that is not in the body: the CR LF that a delimiter at the start does without.
    private var imagined = 2
    private var tail: [UInt8] = []
    private var header: [UInt8] = []
    private var lineStart = 0
    private var failed = false

    /// A parser for that boundary; throws ``MultipartError/boundaryInvalid``.
    public init(boundary: String) throws(MultipartError) {
        let characters = Array(boundary.utf8)
        guard (1...Self.maximumBoundaryCount).contains(characters.count), characters.last != Mark.space,
            characters.allSatisfy({ Mark.isBoundary($0) || $0 == Mark.space })
        else { throw .boundaryInvalid }
        delimiter = [Mark.carriageReturn, Mark.lineFeed, Mark.dash, Mark.dash] + characters
        // At most 74, so a byte holds it.
        var shifts = [UInt8](repeating: UInt8(delimiter.count), count: 256)
        for (place, byte) in delimiter.dropLast().enumerated() {
            shifts[Int(byte)] = UInt8(delimiter.count - 1 - place)
        }
        self.shifts = shifts
    }

    /// The boundary that a Content-Type of `multipart/form-data` names.
    public static func boundary(fromContentType contentType: String) throws(MultipartError) -> String {
        let text = trimmed(Array(contentType.utf8)[...])
        guard text.count <= maximumHeaderByteCount else { throw .contentTypeMalformed }
        guard lowercased(trimmed(text.prefix { $0 != Mark.semicolon })) == "multipart/form-data" else {
            throw .notFormData
        }
        let fields: HeaderFields
        do throws(MultipartError) { fields = try HeaderFields(parsing: text) } catch {
            throw error == .duplicated ? .duplicated : .contentTypeMalformed
        }
        guard let boundary = fields.parameters["boundary"] else { throw .boundaryMissing }
        _ = try MultipartParser(boundary: boundary)
        return boundary
    }

    /// Reads the next piece of the body, of any size, and hands on what is in it.
    ///
    /// Throws ``MultipartError``, or whatever the handler throws; after either the parser takes nothing more.
    public mutating func feed(_ bytes: UnsafeRawBufferPointer, _ handle: (Event) throws -> Void) throws {
        guard !failed else { throw MultipartError.failedEarlier }
        failed = true
        var position = 0
        while position < bytes.count {
            switch phase {
            case .preamble:
                position = try scan(bytes, from: position, inPart: false, handle)
            case .data:
                position = try scan(bytes, from: position, inPart: true, handle)
            case .delimiter(let inPart):
                // A byte that makes it a look-alike is left to the search.
                if try readTail(bytes[position], inPart: inPart, handle) { position += 1 }
            case .header:
                if let part = try readHeader(bytes[position]) {
                    expectDelimiterHere(.data)
                    try handle(.part(part))
                }
                position += 1
            case .closing(let carriageReturn):
                try readClosing(bytes[position], carriageReturn: carriageReturn)
                position += 1
            case .epilogue:
                position = bytes.count
            }
        }
        failed = false
    }

    /// Reads the next piece of the body; as ``feed(_:_:)-(UnsafeRawBufferPointer,_)``.
    public mutating func feed(_ bytes: [UInt8], _ handle: (Event) throws -> Void) throws {
        try bytes.withUnsafeBytes { try feed($0, handle) }
    }

    /// Ends the body; throws unless its final boundary was read.
    public consuming func finish() throws(MultipartError) {
        guard !failed else { throw .failedEarlier }
        switch phase {
        case .closing(carriageReturn: false), .epilogue: return
        case .preamble: throw .boundaryNotFound
        case .closing(carriageReturn: true), .data, .delimiter, .header: throw .truncated
        }
    }

    /// Goes on to data or preamble at a place where a delimiter may stand without its CR LF.
    private mutating func expectDelimiterHere(_ next: Phase) {
        phase = next
        matched = 2
        imagined = 2
    }

    /// Searches for the delimiter, hands on the data before it, and gives the first position not dealt with.
    private mutating func scan(
        _ bytes: UnsafeRawBufferPointer, from start: Int, inPart: Bool, _ handle: (Event) throws -> Void
    ) throws -> Int {
        var position = start
        if matched > 0 {
            while matched < delimiter.count, position < bytes.count, bytes[position] == delimiter[matched] {
                matched += 1
                position += 1
            }
            if matched == delimiter.count {
                phase = .delimiter(inPart: inPart)
                return position
            }
            if position == bytes.count { return position }
            try handOnLookAlike(inPart: inPart, handle)
        }
        let found = search(bytes, from: position)
        matched = found.matched
        if inPart, found.index > position {
            try handle(.data(UnsafeRawBufferPointer(rebasing: bytes[position..<found.index])))
        }
        if matched == delimiter.count { phase = .delimiter(inPart: inPart) }
        return found.index + matched
    }

    /// The delimiter, or at the end of the bytes a beginning of it: where, and how much of it is there.
    private func search(_ bytes: UnsafeRawBufferPointer, from start: Int) -> (index: Int, matched: Int) {
        delimiter.withUnsafeBufferPointer { delimiter in
            shifts.withUnsafeBufferPointer { shifts in
                let count = delimiter.count
                let last = delimiter[count - 1]
                var index = start
                while index + count <= bytes.count {
                    let end = bytes[index + count - 1]
                    if end == last, matches(bytes, at: index, delimiter) == count { return (index, count) }
                    index += Int(shifts[Int(end)])
                }
                while index < bytes.count {
                    if bytes[index] == Mark.carriageReturn, case let length = matches(bytes, at: index, delimiter),
                        index + length == bytes.count
                    {
                        return (index, length)
                    }
                    index += 1
                }
                return (bytes.count, 0)
            }
        }
    }

    /// How much of the delimiter stands at an index.
    private func matches(
        _ bytes: UnsafeRawBufferPointer, at index: Int, _ delimiter: UnsafeBufferPointer<UInt8>
    ) -> Int {
        var length = 0
        while length < delimiter.count, index + length < bytes.count, bytes[index + length] == delimiter[length] {
            length += 1
        }
        return length
    }

    /// Hands on as data what was taken for a delimiter.
    private mutating func handOnLookAlike(inPart: Bool, _ handle: (Event) throws -> Void) throws {
        let range = imagined..<matched
        matched = 0
        imagined = 0
        guard inPart else {
            tail = []
            return
        }
        if !range.isEmpty {
            try delimiter.withUnsafeBytes { try handle(.data(UnsafeRawBufferPointer(rebasing: $0[range]))) }
        }
        if !tail.isEmpty {
            try tail.withUnsafeBytes { try handle(.data($0)) }
            tail = []
        }
    }

    /// Takes a byte after a delimiter; false if it is not part of one, which was then only a look-alike.
    private mutating func readTail(_ byte: UInt8, inPart: Bool, _ handle: (Event) throws -> Void) throws -> Bool {
        switch (tail.last, byte) {
        case (Mark.dash, Mark.dash):
            tail = []
            phase = .closing(carriageReturn: false)
            if inPart { try handle(.partEnd) }
            try handle(.end)
            return true
        case (Mark.carriageReturn, Mark.lineFeed):
            tail = []
            header = []
            lineStart = 0
            phase = .header
            if inPart { try handle(.partEnd) }
            return true
        case (Mark.dash, _), (Mark.carriageReturn, _):
            break
        case (nil, Mark.dash), (_, Mark.carriageReturn):
            tail.append(byte)
            return true
        case (_, Mark.lineFeed):
            throw MultipartError.bareLineFeed
        case (_, Mark.space), (_, Mark.tab):
            guard tail.count < Self.maximumPaddingCount else { break }
            tail.append(byte)
            return true
        default:
            break
        }
        phase = inPart ? .data : .preamble
        try handOnLookAlike(inPart: inPart, handle)
        return false
    }

    /// Takes a byte of a part's header; gives the part at the header's end.
    private mutating func readHeader(_ byte: UInt8) throws(MultipartError) -> Part? {
        guard header.count < Self.maximumHeaderByteCount else { throw .headerTooLarge }
        let previous = header.count > lineStart ? header.last : nil
        if byte == Mark.lineFeed {
            guard previous == Mark.carriageReturn else { throw .bareLineFeed }
            if header.count == lineStart + 1 {
                header.removeLast()
                return try Part(header: header)
            }
            header.append(byte)
            lineStart = header.count
            return nil
        }
        guard previous != Mark.carriageReturn else { throw .headerMalformed }
        header.append(byte)
        return nil
    }

    /// Takes a byte after the final boundary.
    private mutating func readClosing(_ byte: UInt8, carriageReturn: Bool) throws(MultipartError) {
        switch (carriageReturn, byte) {
        case (true, Mark.lineFeed): phase = .epilogue
        case (false, Mark.carriageReturn): phase = .closing(carriageReturn: true)
        case (false, Mark.space), (false, Mark.tab): break
        case (false, Mark.lineFeed): throw .bareLineFeed
        default: throw .afterFinalBoundary
        }
    }
}
