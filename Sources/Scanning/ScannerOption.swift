import CSANE

/// One option of an open scanner that can be set now. Good until another is set.
struct ScannerOption {
    private let handle: SANE_Handle
    private let index: SANE_Int
    private let descriptor: SANE_Option_Descriptor
    let name: String

    init?(_ handle: SANE_Handle, _ index: SANE_Int) {
        guard let descriptor = sane_get_option_descriptor(handle, index)?.pointee, let name = descriptor.name,
            descriptor.cap & SANE_CAP_INACTIVE == 0, descriptor.cap & SANE_CAP_SOFT_SELECT != 0
        else { return nil }
        (self.handle, self.index, self.descriptor, self.name) = (handle, index, descriptor, String(cString: name))
    }

    var isSwitch: Bool { descriptor.type == SANE_TYPE_BOOL }

    /// The texts that it takes.
    var texts: [String] {
        guard descriptor.type == SANE_TYPE_STRING, descriptor.constraint_type == SANE_CONSTRAINT_STRING_LIST,
            var next = descriptor.constraint.string_list
        else { return [] }
        var texts: [String] = []
        while let text = next.pointee {
            texts.append(String(cString: text))
            next = next.successor()
        }
        return texts
    }

    func set(text: String) throws(ScannerError) {
        let size = max(Int(descriptor.size), text.utf8.count + 1)
        let value = UnsafeMutablePointer<CChar>.allocate(capacity: size)
        defer { value.deallocate() }
        value.initialize(repeating: 0, count: size)
        for (place, byte) in text.utf8.enumerated() { value[place] = CChar(bitPattern: byte) }
        try set(value)
    }

    func set(word: SANE_Word) throws(ScannerError) {
        var word = word
        try set(&word)
    }

    private func set(_ value: UnsafeMutableRawPointer) throws(ScannerError) {
        var info: SANE_Int = 0
        let status = sane_control_option(handle, index, SANE_ACTION_SET_VALUE, value, &info)
        guard status == SANE_STATUS_GOOD else { throw ScannerError(status) }
        // Then a driver answers about no option that was not looked at anew.
        guard info & SANE_INFO_RELOAD_OPTIONS != 0 else { return }
        for index in 0..<Self.count(handle) { _ = sane_get_option_descriptor(handle, index) }
    }

    /// How many options a scanner has, whether they can be set or not.
    static func count(_ handle: SANE_Handle) -> SANE_Int {
        var count: SANE_Word = 0
        guard sane_control_option(handle, 0, SANE_ACTION_GET_VALUE, &count, nil) == SANE_STATUS_GOOD else { return 0 }
        return min(max(count, 0), 4096)
    }

    // MARK: Numbers, whole or in 65,536ths

    private var isNumber: Bool {
        // More than one number is a table, such as of gamma values.
        (descriptor.type == SANE_TYPE_INT || descriptor.type == SANE_TYPE_FIXED)
            && Int(descriptor.size) == MemoryLayout<SANE_Word>.size
    }
    private var unit: Double { descriptor.type == SANE_TYPE_FIXED ? 65_536 : 1 }

    private var list: [Double]? {
        guard isNumber, descriptor.constraint_type == SANE_CONSTRAINT_WORD_LIST,
            let words = descriptor.constraint.word_list
        else { return nil }
        return (0..<Int(max(0, words[0]))).map { Double(words[$0 + 1]) / unit }
    }

    private var range: ClosedRange<Double>? {
        guard isNumber, descriptor.constraint_type == SANE_CONSTRAINT_RANGE,
            let range = descriptor.constraint.range?.pointee, range.min <= range.max
        else { return nil }
        return Double(range.min) / unit...Double(range.max) / unit
    }

    /// The least number that it takes; nil where it does not say.
    var least: Double? { range?.lowerBound ?? list?.min() }
    /// The greatest.
    var most: Double? { range?.upperBound ?? list?.max() }

    func takes(_ number: Double) -> Bool {
        if let list { return list.contains { abs($0 - number) < 0.5 } }
        if let range { return range.contains(number) }
        return isNumber
    }

    var numbersInWords: String {
        if let list { return list.sorted().map { String(Int($0.rounded())) }.joined(separator: ", ") + " dpi" }
        if let range { return "\(Int(range.lowerBound.rounded())) to \(Int(range.upperBound.rounded())) dpi" }
        return "no choice of resolutions"
    }

    /// Sets it to a number, or to what is nearest to it of those it takes, and gives what it is then.
    func set(number: Double) throws(ScannerError) -> Double {
        guard isNumber else { throw .settingsRefused }
        let nearest = list?.min { abs($0 - number) < abs($1 - number) } ?? number
        try set(word: SANE_Word((nearest * unit).rounded()))
        var word: SANE_Word = 0
        let status = sane_control_option(handle, index, SANE_ACTION_GET_VALUE, &word, nil)
        guard status == SANE_STATUS_GOOD else { throw ScannerError(status) }
        return Double(word) / unit
    }

    /// How many of its units are a millimetre, at so many dots an inch.
    func perMillimetre(at resolution: Double) -> Double {
        descriptor.unit == SANE_UNIT_PIXEL ? resolution / 25.4 : 1
    }
}
