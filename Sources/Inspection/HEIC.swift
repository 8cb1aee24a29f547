// A HEIC picture, as telephones take them: boxes one inside the other (ISO/IEC 14496-12), with a list of items, where each
// lies, and which of them are pictures (ISO/IEC 23008-12). Walked, never decoded.
enum HEIC {
    /// The kinds of item that are pictures: HEVC itself, a grid of such, one laid over another, one turned.
    private static let pictures: Set = ["hvc1", "hev1", "grid", "iovl", "iden"]
    /// What lies beside the items' own data, and is read by nobody here.
    private static let ignored: Set = ["free", "skip", "uuid"]

    static func examine(_ bytes: UnsafeRawBufferPointer) -> Structure {
        var walk = Walk(bytes)
        walk.run()
        return walk.structure
    }

    /// A box: its type, and its content.
    private struct Box {
        let type: String
        let content: Range<Int>
        /// Whether it says that it goes to the file's end.
        let isOpen: Bool
    }

    private struct Item {
        let type: String
        let isHidden: Bool
    }

    private struct Walk {
        let bytes: UnsafeRawBufferPointer
        var structure = Structure(.heic)
        private var items: [UInt64: Item] = [:]
        private var primary: UInt64?
        /// Smaller copies, and layers such as how far away things are.
        private var beside: Set<UInt64> = []
        private var isOpenEnded = false
        /// How far into the file an item's data reaches.
        private var end = 0

        init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

        private mutating func fail(_ fault: Fault) { structure.faults.insert(fault) }

        private func number(_ offset: Int, _ width: Int) -> UInt64? {
            width == 0 ? 0 : bytes.number(at: offset, width: width, bigEndian: true)
        }

        private func name(_ offset: Int) -> String? {
            bytes.part(offset, 4).map { String(decoding: $0, as: UTF8.self) }
        }

        mutating func run() {
            var offset = 0
            var hasItems = false
            var hasFilm = false
            while structure.faults.isEmpty, !bytes.isPadding(from: offset) {
                guard let type = name(offset + 4) else { return fail(hasItems ? .bytesAfterEnd : .truncated) }
                let isKnown = ["ftyp", "meta", "mdat", "moov"].contains(type) || HEIC.ignored.contains(type)
                guard isKnown else { return fail(.bytesAfterEnd) }
                guard let box = box(at: offset, before: bytes.count) else { return }
                switch type {
                case "meta":
                    guard !hasItems else { return fail(.damaged) }
                    hasItems = true
                    meta(box.content)
                case "moov": hasFilm = true
                default: break
                }
                isOpenEnded = box.isOpen
                offset = box.content.upperBound
            }
            guard structure.faults.isEmpty else { return }
            guard hasItems else {
                // Without items it is a film, or it was cut off before them.
                structure = hasFilm ? Structure(nil, other: .recording, .unknown) : Structure(.heic, .truncated)
                return
            }
            if hasFilm { fail(.secondSignature) }
            if isOpenEnded, !bytes.isPadding(from: end) { fail(.bytesAfterEnd) }
            countPages()
        }

        private mutating func countPages() {
            guard let primary, let first = items[primary] else { return fail(.damaged) }
            guard HEIC.pictures.contains(first.type) else {
                structure = Structure(nil, other: first.type == "av01" ? .avif : nil, .unknown)
                return
            }
            let shown = items.filter {
                HEIC.pictures.contains($0.value.type) && !$0.value.isHidden && !beside.contains($0.key)
            }
            guard shown[primary] != nil, structure.width != nil else { return fail(.damaged) }
            structure.pages = shown.count
        }

        private mutating func box(at offset: Int, before end: Int) -> Box? {
            guard let short = number(offset, 4), let type = name(offset + 4) else {
                fail(.truncated)
                return nil
            }
            var head = 8
            var size = short
            if short == 1 {
                head = 16
                guard let long = number(offset + 8, 8) else {
                    fail(.truncated)
                    return nil
                }
                size = long
            }
            // Only the last of the file's own may leave its size open.
            if short == 0, end == bytes.count { size = UInt64(end - offset) }
            guard size >= UInt64(head) else {
                fail(.damaged)
                return nil
            }
            guard size <= UInt64(end - offset) else {
                fail(end == bytes.count ? .truncated : .damaged)
                return nil
            }
            return Box(type: type, content: offset + head..<offset + Int(size), isOpen: short == 0)
        }

        private mutating func boxes(in range: Range<Int>, _ body: (inout Walk, Box) -> Void) {
            var offset = range.lowerBound
            while structure.faults.isEmpty, offset < range.upperBound {
                guard let box = box(at: offset, before: range.upperBound) else { return }
                body(&self, box)
                offset = box.content.upperBound
            }
        }

        private mutating func meta(_ range: Range<Int>) {
            guard range.count >= 4 else { return fail(.damaged) }
            boxes(in: range.lowerBound + 4..<range.upperBound) { walk, box in
                let (start, content) = (box.content.lowerBound, box.content)
                switch box.type {
                case "hdlr": if walk.name(start + 8) != "pict" { walk.fail(.damaged) }
                case "pitm": walk.primary = walk.number(start + 4, walk.number(start, 1) == 0 ? 2 : 4)
                case "iinf": walk.information(content)
                case "iref": walk.references(content)
                case "iloc": walk.locations(content)
                case "iprp":
                    walk.boxes(in: content) { walk, box in
                        guard box.type == "ipco" else { return }
                        walk.boxes(in: box.content) { $0.property($1) }
                    }
                default: break
                }
            }
        }

        private mutating func property(_ box: Box) {
            guard box.type == "ispe" else { return }
            let start = box.content.lowerBound
            guard box.content.count >= 12, let wide = number(start + 4, 4), let high = number(start + 8, 4), wide > 0,
                high > 0, wide < 1 << 31, high < 1 << 31
            else { return fail(.damaged) }
            // The largest of all: a grid has the size of the whole beside its tiles'.
            guard Int(wide * high) > (structure.width ?? 0) * (structure.height ?? 0) else { return }
            structure.width = Int(wide)
            structure.height = Int(high)
        }

        private mutating func information(_ range: Range<Int>) {
            let wide = (number(range.lowerBound, 1) ?? 0) == 0 ? 2 : 4
            guard range.count >= 4 + wide else { return fail(.damaged) }
            boxes(in: range.lowerBound + 4 + wide..<range.upperBound) { walk, box in
                let start = box.content.lowerBound
                guard box.type == "infe", let version = walk.number(start, 1), version >= 2 else {
                    return walk.fail(.damaged)
                }
                let width = version == 2 ? 2 : 4
                guard box.content.count >= 10 + width, let id = walk.number(start + 4, width),
                    let protection = walk.number(start + 4 + width, 2), let type = walk.name(start + 6 + width)
                else { return walk.fail(.damaged) }
                if protection != 0 { walk.fail(.encrypted) }
                guard walk.items[id] == nil else { return walk.fail(.damaged) }
                walk.items[id] = Item(type: type, isHidden: walk.bytes[start + 3] & 1 == 1)
            }
        }

        private mutating func references(_ range: Range<Int>) {
            let width = (number(range.lowerBound, 1) ?? 0) == 0 ? 2 : 4
            guard range.count >= 4 else { return fail(.damaged) }
            boxes(in: range.lowerBound + 4..<range.upperBound) { walk, box in
                guard box.type == "thmb" || box.type == "auxl" else { return }
                guard let from = walk.number(box.content.lowerBound, width) else { return walk.fail(.damaged) }
                walk.beside.insert(from)
            }
        }

        /// Where each item lies: all of it in this file.
        private mutating func locations(_ range: Range<Int>) {
            var place = range.lowerBound + 4
            let limit = range.upperBound
            func take(_ width: Int) -> UInt64? {
                guard place + width <= limit, let value = number(place, width) else { return nil }
                place += width
                return value
            }
            guard let version = number(range.lowerBound, 1), version <= 2, let sizes = take(2) else {
                return fail(.damaged)
            }
            let (offsetWidth, lengthWidth) = (Int(sizes >> 12), Int(sizes >> 8 & 15))
            let (baseWidth, indexWidth) = (Int(sizes >> 4 & 15), version == 0 ? 0 : Int(sizes & 15))
            guard [offsetWidth, lengthWidth, baseWidth, indexWidth].allSatisfy({ [0, 4, 8].contains($0) }),
                let count = take(version == 2 ? 4 : 2)
            else { return fail(.damaged) }
            for _ in 0..<count {
                var method: UInt64? = 0
                guard take(version == 2 ? 4 : 2) != nil else { return fail(.damaged) }
                if version > 0 { method = take(2).map { $0 & 15 } }
                guard let method, let reference = take(2), let base = take(baseWidth), let extents = take(2) else {
                    return fail(.damaged)
                }
                // In another file there is nothing that was filed.
                guard reference == 0 else { return structure.act(.pictureElsewhere) }
                guard extents <= 1 || offsetWidth + lengthWidth + indexWidth > 0 else { return fail(.damaged) }
                for _ in 0..<extents {
                    guard take(indexWidth) != nil, let offset = take(offsetWidth), let length = take(lengthWidth) else {
                        return fail(.damaged)
                    }
                    guard method == 0 else { continue }
                    let (start, tooFar) = base.addingReportingOverflow(offset)
                    let (last, tooLong) = start.addingReportingOverflow(max(length, 1))
                    guard !tooFar, !tooLong, last <= UInt64(bytes.count) else { return fail(.truncated) }
                    end = max(end, Int(last))
                }
            }
        }
    }
}
