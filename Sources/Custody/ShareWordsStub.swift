enum ShareWords {
    static func phrase(of bytes: some Collection<UInt8>, words: Int) -> [String] {
        bytes.prefix(words).map { "word\($0)" }
    }
}
